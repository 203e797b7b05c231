//! One requirement, wherever it stands. In: a text and where in it a package is named, or a URL. Out: what is allowed, and
//! where that is written. Sources: PEP 508, the direct references of pip, the archives of GitHub.

use std::ops::Range;

use super::allowed::{Allowed, Dialect};
use super::{Package, Pin};

/// The longest specifier that is read, in bytes.
const LONGEST: usize = 512;

/// A package that a text names, and where the name ends.
#[derive(Clone, Copy)]
pub(super) struct Named {
    pub(super) package: Package,
    pub(super) end: usize,
}

/// What was read of a requirement.
pub(super) struct Read {
    /// The pin, if it says a version that can be read.
    pub(super) pin: Option<Pin>,
    /// Where it ends.
    pub(super) end: usize,
}

/// The places where a package is named, in order.
pub(super) fn names(text: &str) -> impl Iterator<Item = (usize, Named)> {
    let bytes = text.as_bytes();
    mentions(bytes).filter_map(move |at| {
        let before = at.checked_sub(1).map_or(b' ', |before| bytes[before]);
        let apart = !(before.is_ascii_alphanumeric() || matches!(before, b'-' | b'_' | b'.' | b'/' | b'@'));
        Some((at, name(text, at).filter(|_| apart)?))
    })
}

/// Where a package is named, in any case, alone or as a part of something else.
pub(super) fn mentions(bytes: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memchr2_iter(b'w', b'W', bytes).filter(|&at| {
        let word = bytes.get(at..at + 5).unwrap_or_default();
        Package::ALL.iter().any(|package| word.eq_ignore_ascii_case(package.name().as_bytes()))
    })
}

/// The package whose whole name begins at `at`.
pub(super) fn name(text: &str, at: usize) -> Option<Named> {
    let rest = &text.as_bytes()[at..];
    let package = Package::ALL.into_iter().find(|package| {
        let name = package.name().as_bytes();
        rest.get(..name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name))
    })?;
    let length = package.name().len();
    let mut behind = rest[length..].iter();
    let goes_on = match behind.next() {
        Some(b'.') => behind.next().is_some_and(u8::is_ascii_alphanumeric),
        Some(b) => b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/' | b':') || !b.is_ascii(),
        None => false,
    };
    (!goes_on).then_some(Named { package, end: at + length })
}

/// Reads what stands behind a name: extras, then specifiers or a URL. What it returns ends behind them, before a marker.
pub(super) fn read(text: &str, named: Named, dialect: Dialect) -> Read {
    let behind = extras(text, named.end);
    let rest = &text[behind..];
    let inner = rest.trim_start_matches([' ', '\t']);
    let open = inner.starts_with('(');
    let start = behind + rest.len() - inner.len() + usize::from(open);
    let start = start + text[start..].len() - text[start..].trim_start_matches([' ', '\t']).len();
    if let Some(reference) = text[start..].strip_prefix('@') {
        let at = start + 1 + reference.len() - reference.trim_start_matches([' ', '\t']).len();
        return at_reference(text, named, at, dialect);
    }
    let spaced = start > behind && !open;
    let bare = dialect == Dialect::Conda && spaced;
    let end = specifiers(text, start, bare);
    let allowed = Allowed::read(&text[start..end], dialect);
    let pin = allowed.map(|allowed| Pin { package: named.package, span: start..end, allowed });
    if let Some(pin) = pin.is_none().then(|| by_variable(text, named.package, start, dialect)).flatten() {
        return Read { end: pin.span.end, pin: Some(pin) };
    }
    // Where nothing was read, what follows is another word.
    Read { end: if pin.is_some() { end + usize::from(open) } else { behind }, pin }
}

/// A version that a variable of the same file holds: `==${WANDB_VERSION}`.
fn by_variable(text: &str, package: Package, start: usize, dialect: Dialect) -> Option<Pin> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let rest = &text[start..];
    let behind = rest.trim_start_matches(['=', '<', '>', '!', '~']);
    let operator = &rest[..rest.len() - behind.len()];
    let inner = behind.strip_prefix('$').filter(|_| (1..=3).contains(&operator.len()))?;
    let pairs = [("{{ env.", " }}"), ("{{env.", "}}"), ("{", "}"), ("(", ")")];
    let (opening, close) = pairs.into_iter().find(|(opening, _)| inner.starts_with(opening)).unwrap_or(("", ""));
    let inner = &inner[opening.len()..];
    let name = &inner[..inner.find(|c| !is_name(c)).unwrap_or(inner.len())];
    let closing = &inner[name.len()..];
    if !closing.starts_with(close) || name.len() < 3 {
        return None;
    }
    let end = text.len() - closing.len() + close.len();
    let allowed = Allowed::read(&format!("{operator}{}", value(&text[..start], name)?), dialect)?;
    Some(Pin { package, span: start..end, allowed })
}

/// The version that a text sets a variable to, if it is set once.
fn value<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    /// How much of a text is looked through for one variable, in bytes.
    const SEARCHED: usize = 16 * 1024;
    let bytes = &text.as_bytes()[..text.len().min(SEARCHED)];
    let mut found = None;
    for at in memchr::memmem::find_iter(bytes, name) {
        let before = text.get(at.saturating_sub(4)..at).unwrap_or_default();
        let starts = before.chars().last().is_none_or(|c| c.is_whitespace() || matches!(c, '"' | '\'' | ';'));
        let Some(behind) = text.get(at + name.len()..).filter(|_| starts) else { continue };
        let sign = behind.trim_start_matches([' ', '\t', '"', '\'']);
        let assigned = [":=", "?=", "::=", "=", ":"].into_iter().find_map(|equals| sign.strip_prefix(equals));
        let instruction = || behind.strip_prefix(' ').filter(|_| before.eq_ignore_ascii_case("ENV "));
        let Some(value) = assigned.or_else(instruction) else { continue };
        let value = value.trim_start_matches([' ', '\t', '"', '\'', 'v']);
        let length = value.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).unwrap_or(value.len());
        let value = &value[..length];
        if !value.starts_with(|c: char| c.is_ascii_digit()) || found.is_some_and(|found| found != value) {
            return None;
        }
        found = Some(value);
    }
    found
}

/// What follows `name @`: a URL, or in the tools that say so a version.
fn at_reference(text: &str, named: Named, at: usize, dialect: Dialect) -> Read {
    let end = at + token(&text[at..]);
    let reference = &text[at..end];
    if reference.contains("://") || reference.starts_with("file:") {
        return Read { pin: url(text, at..end, Some(named.package)), end };
    }
    let dialect = if dialect == Dialect::Python { Dialect::Poetry } else { dialect };
    let allowed = Allowed::read(reference, dialect);
    Read { pin: allowed.map(|allowed| Pin { package: named.package, span: at..end, allowed }), end }
}

/// Where the extras behind a name end.
fn extras(text: &str, at: usize) -> usize {
    let rest = text[at..].trim_start_matches(' ');
    let start = text.len() - rest.len();
    if !rest.starts_with('[') {
        return at;
    }
    let inside = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'[' | b',' | b' ' | b'-' | b'_' | b'.');
    let length = rest.bytes().take(LONGEST).take_while(|b| inside(b)).count();
    if rest.as_bytes().get(length) == Some(&b']') { start + length + 1 } else { at }
}

/// Where a list of specifiers that begins at `start` ends; `bare` allows a version without an operator in front.
fn specifiers(text: &str, start: usize, bare: bool) -> usize {
    let bytes = text.as_bytes();
    let blank = |mut at: usize| {
        while matches!(bytes.get(at), Some(b' ' | b'\t')) {
            at += 1;
        }
        at
    };
    let run = |at: usize, is: fn(&u8) -> bool| at + bytes[at..].iter().take(LONGEST).take_while(|b| is(b)).count();
    let mut end = start;
    let mut at = start;
    while end - start < LONGEST {
        let version = blank(run(at, |b| matches!(b, b'=' | b'<' | b'>' | b'!' | b'~' | b'^')));
        if version == at && !(bare && at == start) {
            break;
        }
        let behind =
            run(version, |b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'*' | b'+' | b'!' | b'_' | b'-'));
        let word = text[version..behind].trim_end_matches(['.', '-', '_', '!']);
        let starts = word.starts_with(|c: char| c.is_ascii_digit() || c == 'v' || c == '*');
        if !starts {
            break;
        }
        end = version + word.len();
        at = blank(end);
        if matches!(bytes.get(at), Some(b',' | b'|')) {
            at = blank(run(at, |b| matches!(b, b',' | b'|')));
        } else if bytes.get(at) == Some(&b'=') {
            // The build of a conda package says no version.
            break;
        }
    }
    end
}

/// How long the word is that a text begins with: up to a blank, a quote or what ends an argument.
fn token(text: &str) -> usize {
    const ENDS: &[char] = &['"', '\'', '`', ',', ';', '\\', '<', '>', ')', '|'];
    text.find(|c: char| c.is_whitespace() || ENDS.contains(&c)).unwrap_or(text.len())
}

/// Reads the URL at `span`: a wheel or an archive of a package, or a tag of its repository. `package` says whose it is where
/// something else names it.
pub(super) fn url(text: &str, span: Range<usize>, package: Option<Package>) -> Option<Pin> {
    let url = &text[span.clone()];
    let whole = url.split(['#', '?']).next().unwrap_or_default();
    let file_at = whole.rfind('/').map_or(0, |slash| slash + 1);
    let file = &whole[file_at..];
    for known in Package::ALL.into_iter().filter(|known| package.is_none_or(|package| package == *known)) {
        let name = known.name();
        let after = file.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
        if let Some(after) = after.filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            let end = after.find('-').or_else(|| archive(after)).unwrap_or(after.len());
            return pin(known, span.start + file_at + name.len() + 1, &after[..end]);
        }
    }
    let owner = Package::ALL.into_iter().find(|known| {
        let repository = format!("/wandb/{}", known.name());
        let behind = whole.find(&repository).map(|at| whole.as_bytes().get(at + repository.len()));
        behind.is_some_and(|next| next.is_none_or(|b| matches!(b, b'.' | b'@' | b'/')))
    });
    let package = package.or(owner)?;
    if let Some(at) = whole.rfind('@').filter(|at| whole[*at..].find('/').is_none()) {
        return tag(package, span.start + at + 1, &whole[at + 1..]);
    }
    if whole.contains("/archive/") || whole.contains("/tarball/") || whole.contains("/zipball/") {
        return tag(package, span.start + file_at, &file[..archive(file).unwrap_or(file.len())]);
    }
    None
}

fn archive(file: &str) -> Option<usize> {
    [".tar.gz", ".tar.bz2", ".tgz", ".zip", ".whl", ".conda"]
        .iter()
        .find_map(|end| file.strip_suffix(end))
        .map(str::len)
}

/// A tag that is a version, with or without a `v`.
pub(super) fn tag(package: Package, at: usize, tag: &str) -> Option<Pin> {
    let version = tag.strip_prefix('v').unwrap_or(tag);
    // A commit id may consist of digits; a version has dots.
    if !version.contains('.') { None } else { pin(package, at + tag.len() - version.len(), version) }
}

/// A version that stands by itself, as in lock files.
pub(super) fn pin(package: Package, at: usize, version: &str) -> Option<Pin> {
    Some(Pin { package, span: at..at + version.len(), allowed: Allowed::exactly(version)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str, dialect: Dialect) -> Option<&str> {
        let (_, named) = names(text).next()?;
        read(text, named, dialect).pin.map(|pin| &text[pin.span])
    }

    #[test]
    fn requirements_are_read_up_to_their_markers() {
        for (text, expected) in [
            ("wandb==0.19.1", Some("==0.19.1")),
            ("WandB[media, sweeps] >= 0.12, < 0.20 ; python_version < '3.8'", Some(">= 0.12, < 0.20")),
            ("wandb (>=0.12,<0.20)", Some(">=0.12,<0.20")),
            ("wandb~=0.15.0 # ours", Some("~=0.15.0")),
            ("wandb==0.15.0 --hash=sha256:00", Some("==0.15.0")),
            ("wandb==0.15.0.", Some("==0.15.0")),
            ("wandb @ git+https://github.com/wandb/wandb.git@v0.15.0#egg=wandb", Some("0.15.0")),
            ("wandb @ https://files.pythonhosted.org/packages/ab/wandb-0.15.1-py3-none-any.whl", Some("0.15.1")),
            ("weave @ https://github.com/wandb/weave/archive/refs/tags/v0.51.0.zip", Some("0.51.0")),
            ("wandb @ git+https://github.com/me/wandb@main", None),
            ("wandb @ file:///wheels/wandb-0.15.1.tar.gz", Some("0.15.1")),
            ("wandb@0.15.0", Some("0.15.0")),
            ("wandb==${VERSION}", None),
            ("wandb", None),
            ("wandb 0.15", None),
            ("wandb-core==0.15", None),
            ("wandb_osh==0.15", None),
            ("wandb.sdk==1.0", None),
            ("weave-trace==0.5", None),
            ("my-weave==0.5", None),
        ] {
            assert_eq!(spec(text, Dialect::Python), expected, "{text}");
        }
        for (text, expected) in [
            ("wandb=0.15.12=pyhd8ed1ab_0", Some("=0.15.12")),
            ("wandb 0.15.*", Some("0.15.*")),
            ("wandb >=0.12,<0.20", Some(">=0.12,<0.20")),
            ("wandb 0.15.0 pyh_0", Some("0.15.0")),
        ] {
            assert_eq!(spec(text, Dialect::Conda), expected, "{text}");
        }
    }
}
