//! Which versions a specifier allows. In: the specifier as one of three dialects writes it. Out: a set of versions, and how
//! old they are. Sources: PEP 440, Poetry's "Dependency specification", conda's "Package match specifications".

use std::ops::Bound;
use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifier};
use version_ranges::Ranges;

/// Who reads a specifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// PEP 440: pip, uv, PDM, setuptools.
    Python,
    /// As Poetry: carets, tildes, `||`, and a bare version is exact.
    Poetry,
    /// As conda: `=` is a prefix, a bare version is exact, `|` is or.
    Conda,
}

/// How old the versions of a set are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// None is new enough.
    Old,
    /// Its lower bound is too old, and newer ones are allowed.
    MayBeOld,
    /// Nothing old was asked for.
    New,
}

/// A set of versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Allowed(Ranges<Version>);

/// The characters of operators.
const OPERATORS: &[char] = &['=', '<', '>', '!', '~', '^'];

impl Allowed {
    /// The versions that `text` allows; `None` where it says nothing that can be read.
    pub(super) fn read(text: &str, dialect: Dialect) -> Option<Allowed> {
        let or = |c: char| c == '|' && dialect != Dialect::Python;
        let mut all = Ranges::empty();
        for alternative in text.split(or).filter(|part| !part.trim().is_empty()) {
            let mut both = Ranges::full();
            for clause in clauses(alternative) {
                both = both.intersection(&read_clause(clause, dialect)?);
            }
            all = all.union(&both);
        }
        (!text.trim().is_empty()).then_some(Allowed(all))
    }

    /// Exactly one version.
    pub(super) fn exactly(version: &str) -> Option<Allowed> {
        read_version(version).map(|version| Allowed(Ranges::singleton(version)))
    }

    /// How old the versions are, where `floor` is new enough.
    pub(super) fn age(&self, floor: &Version) -> Age {
        let Some((lowest, _)) = self.0.bounding_range() else { return Age::New };
        let zero = Version::new([0]);
        // `==0.22.3.*` begins with what is still made of that version.
        let early = floor.clone().with_dev(Some(0));
        match lowest {
            _ if self.0.is_disjoint(&Ranges::higher_than(floor.clone())) => Age::Old,
            Bound::Included(lowest) | Bound::Excluded(lowest) if zero < *lowest && *lowest < early => Age::MayBeOld,
            _ => Age::New,
        }
    }
}

/// The clauses of a list, which commas or blanks divide; an operator belongs to the version behind it.
fn clauses(list: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = list;
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        if rest.is_empty() {
            return found;
        }
        let version = rest.trim_start_matches(OPERATORS).trim_start();
        let at = rest.len() - version.len();
        // An exclamation mark may stand behind an epoch, an equals sign before a build.
        let ends = |&(at, c): &(usize, char)| {
            c == ',' || c.is_whitespace() || matches!(c, '<' | '>' | '~' | '^') || version[at..].starts_with("!=")
        };
        let end = version.char_indices().find(ends).map_or(rest.len(), |(end, _)| at + end);
        found.push(&rest[..end.max(at)]);
        rest = &rest[end.max(at)..];
    }
}

fn read_clause(clause: &str, dialect: Dialect) -> Option<Ranges<Version>> {
    let version = clause.trim_start_matches(OPERATORS);
    let operator = &clause[..clause.len() - version.len()];
    let version = version.trim();
    if version == "*" && (dialect != Dialect::Python || operator == "==") {
        return Some(Ranges::full());
    }
    match (operator, dialect) {
        ("" | "=", Dialect::Conda) => read_match(version, operator),
        ("^", Dialect::Poetry) => caret(version),
        ("~", Dialect::Poetry) => tilde(version),
        ("" | "=", Dialect::Poetry) => read_specifier("==", version),
        _ => read_specifier(operator, version),
    }
}

fn read_specifier(operator: &str, version: &str) -> Option<Ranges<Version>> {
    let star = version.strip_suffix(".*");
    let plain = read_version(star.unwrap_or(version))?;
    if operator == "===" {
        return Some(Ranges::singleton(plain));
    }
    // The crate takes a post-release for the release itself here.
    if operator == "<" && plain.is_post() && !plain.any_prerelease() {
        return Some(Ranges::strictly_lower_than(plain.with_dev(Some(0))));
    }
    // Old installers took `>=0.12.*` for `>=0.12`.
    let kept = if matches!(operator, "==" | "!=") { version } else { star.unwrap_or(version) };
    let specifier = VersionSpecifier::from_str(&format!("{operator}{kept}")).ok()?;
    Some(Ranges::from(specifier))
}

/// What conda means by a version behind nothing or one equals sign: behind that a prefix, unless a build follows.
fn read_match(version: &str, operator: &str) -> Option<Ranges<Version>> {
    let (version, build) = version.split_once('=').map_or((version, ""), |(version, build)| (version, build));
    let prefix = version.strip_suffix('*').map(|prefix| prefix.strip_suffix('.').unwrap_or(prefix));
    match prefix {
        Some(prefix) => read_specifier("==", &format!("{prefix}.*")),
        None if operator.is_empty() || !build.is_empty() => read_specifier("==", version),
        None => read_specifier("==", &format!("{version}.*")),
    }
}

/// `^0.16.2`: up to the next change of the leftmost part that is not zero.
fn caret(version: &str) -> Option<Ranges<Version>> {
    let low = read_version(version.strip_suffix(".*").unwrap_or(version))?;
    let parts = low.release();
    let at = parts.iter().position(|&part| part != 0).unwrap_or(parts.len().checked_sub(1)?);
    Some(up_to_next(low.clone(), at))
}

/// `~0.16.2`: up to the next minor version, or the next major one where only that is given.
fn tilde(version: &str) -> Option<Ranges<Version>> {
    let low = read_version(version.strip_suffix(".*").unwrap_or(version))?;
    let at = low.release().len().checked_sub(1)?.min(1);
    Some(up_to_next(low.clone(), at))
}

fn up_to_next(low: Version, at: usize) -> Ranges<Version> {
    let mut parts = low.release()[..=at].to_vec();
    parts[at] += 1;
    let high = Version::new(parts).with_epoch(low.epoch()).with_dev(Some(0));
    Ranges::from_range_bounds(low..high)
}

/// A version whose numbers leave room to count on.
fn read_version(text: &str) -> Option<Version> {
    const LONGEST: usize = 64;
    const DIGITS: usize = 9;
    let small = |run: &str| run.len() <= DIGITS;
    let sane = text.len() <= LONGEST && text.split(|c: char| !c.is_ascii_digit()).all(small);
    sane.then(|| Version::from_str(text).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_of_specifiers() {
        let floor = Version::new([0, 22, 3]);
        let (old, may, new) = (Some(Age::Old), Some(Age::MayBeOld), Some(Age::New));
        for (dialect, specifiers) in [
            (
                Dialect::Python,
                &[
                    ("==0.19.1", old),
                    ("<0.20", old),
                    ("~=0.15.0", old),
                    ("==0.16.*", old),
                    ("===0.16.2", old),
                    (">=0.12,<0.22.3", old),
                    ("<0.22.3", old),
                    ("<0.22.4", new),
                    ("<=0.22.3", new),
                    ("==0.22.3", new),
                    ("==0.22.3rc1", old),
                    ("==0.22.2.post1", old),
                    ("==0.22.2+cu1", old),
                    ("==0.22.3+cu1", new),
                    ("==0.22.3.post1", new),
                    ("~=0.22.0", may),
                    ("~=0.22", may),
                    (">=0.12", may),
                    (">= 0.12 , != 0.17.0", may),
                    (">0.22.2", may),
                    (">=0.22.3", new),
                    ("!=0.15.1", new),
                    ("<1", new),
                    ("==0.*", new),
                    ("==*", new),
                    (">=0", new),
                    (">=1,<0.5", new),
                    (">=0.12.*", may),
                    ("==0.15.dev1", old),
                    ("==1!0.1", new),
                    ("~=1", None),
                    ("=>0.12", None),
                    ("==0.15.x", None),
                    ("==99999999999999999999", None),
                    ("", None),
                    ("==18446744073709551615.*", None),
                    (">=0.12 <0.20", old),
                    ("<0.22.3.post1", new),
                ][..],
            ),
            (
                Dialect::Poetry,
                &[
                    ("^0.16", old),
                    ("^0.22", may),
                    ("^0.22.3", new),
                    ("^0", new),
                    ("^0.0.3", old),
                    ("^1", new),
                    ("~0.15", old),
                    ("~0.22.1", may),
                    ("~0", new),
                    ("0.15.0", old),
                    ("0.15.*", old),
                    ("*", new),
                    ("=0.15", old),
                    ("^0.15 || ^0.16", old),
                    ("^0.15 || ^0.23", may),
                    (">=0.12 <0.20", old),
                    (">=0.12,<0.30", may),
                    ("0.22.3", new),
                    ("^0.16.x", None),
                ][..],
            ),
            (
                Dialect::Conda,
                &[
                    ("=0.15", old),
                    ("==0.15.0", old),
                    ("0.15.*", old),
                    ("0.15*", old),
                    ("=0.22", may),
                    ("=0.22.3", new),
                    ("=0.15.12=pyhd8ed1ab_0", old),
                    (">=0.12", may),
                    (">=0.12,<0.20", old),
                    ("0.15.0|0.16.0", old),
                    ("=0.15.*", old),
                    ("*", new),
                    ("0.15.0 pyh_0", None),
                    ("=*", new),
                ][..],
            ),
        ] {
            for (text, age) in specifiers {
                let read = Allowed::read(text, dialect).map(|allowed| allowed.age(&floor));
                assert_eq!(read, *age, "{dialect:?} {text}");
            }
        }
    }
}
