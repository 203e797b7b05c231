//! What may be said: the rules that were selected, and the permissions that stand beside a line.
//! In: words of the user, lines of a text. Out: yes or no, and for a permission its reason.

pub mod baseline;
mod config;
pub mod import;

use std::path::{Component, PathBuf};
use std::sync::Arc;

use crate::blob::{Ground, Kind, Origin};
use crate::rule::{Group, Rule, RuleSet};
use crate::secret::{Foreign, Keyring, Wanted};
use baseline::Baseline;
pub use config::{Config, ConfigError, May, SETTINGS, Said, Setting, Trust, schema};

/// Which rules speak, and whether permissions in the text count.
#[derive(Clone, Debug)]
pub struct Policy {
    select: Vec<String>,
    ignore: Vec<String>,
    /// Whether permissions in the text are honoured.
    pub inline: bool,
    /// The keys that are looked for. If there are any, these are found wherever they stand, whatever else is said of them or
    /// allowed, and nothing else is.
    pub wanted: Option<Wanted>,
    /// Where the keys that are found go, if a server is to be asked about them; those that a permission keeps back, too.
    pub keyring: Option<Keyring>,
    /// Who scans.
    pub user: User,
    /// What configurations permit, each in its own folder; without one, everywhere.
    pub configs: Vec<(Config, Option<Ground>)>,
    /// What is accepted for now.
    pub baseline: Option<Baseline>,
    /// Keys that another scanner names.
    pub foreign: Option<Arc<Foreign>>,
}

/// What a finding is about, as far as a policy asks.
#[derive(Clone, Copy)]
pub struct About<'f> {
    /// The rule that speaks.
    pub rule: &'f str,
    /// Where it stands.
    pub origin: &'f Origin,
    /// The identity of the key, if it is about one.
    pub fingerprint: Option<&'f str>,
    /// The identity of the finding.
    pub finding_id: &'f str,
    /// The identity that it would have at another path.
    pub id_at: &'f dyn Fn(&[u8]) -> String,
}

/// Who permits a finding, and for which reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept<'p> {
    /// A configuration: its name, and the reason.
    Config(&'p str, &'p str),
    /// The baseline: its name, the line of the entry, and the reason.
    Baseline(&'p str, usize, &'p str),
}

/// What is known of the user who scans; nothing unless the door says it.
#[derive(Clone, Debug)]
pub struct User {
    /// The home folder.
    pub home: Option<PathBuf>,
    /// How to find the file of patterns that git ignores in all repositories of the user. It takes longer than some scans.
    pub excludes: fn() -> Option<PathBuf>,
}

impl Default for User {
    fn default() -> User {
        User { home: None, excludes: || None }
    }
}

/// A word that names neither a rule nor a group.
#[derive(Debug, thiserror::Error)]
#[error("no rule or group is called `{name}`{}", nearest.as_ref().map(|n| format!(" (did you mean `{n}`?)")).unwrap_or_default())]
pub struct UnknownName {
    name: String,
    nearest: Option<String>,
}

impl Policy {
    /// `select` and `ignore` name rules or groups; nothing selected means everything.
    pub fn new(rules: &RuleSet, select: Vec<String>, ignore: Vec<String>, inline: bool) -> Result<Policy, UnknownName> {
        for name in select.iter().chain(&ignore) {
            if rules.get(name).is_none() && !Group::ALL.iter().any(|group| group.name() == name) {
                let nearest = rules.nearest(name).map(str::to_owned);
                return Err(UnknownName { name: name.clone(), nearest });
            }
        }
        Ok(Policy {
            select,
            ignore,
            inline,
            wanted: None,
            keyring: None,
            user: User::default(),
            configs: Vec::new(),
            baseline: None,
            foreign: None,
        })
    }

    /// What keeps a finding back: a configuration, or the baseline.
    pub fn permitted(&self, about: &About<'_>) -> Option<Kept<'_>> {
        // What is looked for is told, whatever is allowed.
        if self.wanted.is_some() {
            return None;
        }
        // An entry is used even if there is another permission.
        let accepted = self.baseline.as_ref().and_then(|baseline| {
            let (line, entry) = baseline.accepts(about)?;
            Some(Kept::Baseline(&baseline.name, line, &entry.reason))
        });
        self.configured(about).or(accepted)
    }

    fn configured(&self, about: &About<'_>) -> Option<Kept<'_>> {
        let mut allowed = self.configs.iter().filter_map(|(config, ground)| {
            let paths = places(ground.as_ref(), about.origin)?;
            let allow = config.allow.iter().find(|allow| allow.holds(about.rule, &paths, about.fingerprint))?;
            Some(Kept::Config(&config.name, &allow.reason))
        });
        allowed.next()
    }

    /// The same with every rule, whatever is selected.
    pub fn with_every_rule(&self) -> Policy {
        Policy { select: Vec::new(), ignore: Vec::new(), ..self.clone() }
    }

    /// Whether the rule may speak.
    pub fn selects(&self, rule: &Rule) -> bool {
        let named = |names: &[String]| names.iter().any(|name| *name == rule.id || name == rule.group.name());
        (self.select.is_empty() || named(&self.select)) && !named(&self.ignore)
    }
}

/// Where a source lies below a folder, if it does: a file by its path, what git holds by its paths in the repository.
fn places(ground: Option<&Ground>, origin: &Origin) -> Option<Vec<PathBuf>> {
    let native = |bytes: &[u8]| PathBuf::from(&*String::from_utf8_lossy(bytes));
    let own = native(&origin.path);
    let (folder, also) = match (origin.kind, origin.held.as_deref()) {
        (Kind::Process | Kind::Environ, _) if ground.is_some() => return None,
        (Kind::Staged | Kind::Blob | Kind::Commit | Kind::Tag | Kind::Note, Some(held)) => {
            (native(&held.repository), held.also.iter().map(|(_, path)| native(path)).collect())
        }
        _ => (PathBuf::new(), Vec::new()),
    };
    let paths = std::iter::once(own).chain(also).map(|path| match ground {
        Some(ground) => ground.below(&folder.join(path)),
        None => Some(path.components().filter(|part| matches!(part, Component::Normal(_))).collect()),
    });
    paths.collect()
}

/// A permission in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// Where the marker begins in its line, in bytes.
    pub start: usize,
    /// The rules it allows; `None` allows every rule.
    pub rules: Option<Vec<String>>,
    /// The reason, empty if none is given.
    pub reason: String,
    /// Whether it is written in our own form, which asks for a reason.
    pub own: bool,
}

impl Permission {
    /// Whether the permission holds for a rule.
    pub fn allows(&self, rule: &str) -> bool {
        self.rules.as_ref().is_none_or(|rules| rules.iter().any(|allowed| allowed == rule))
    }

    /// The permissions that hold for a line, given the line and the one above it.
    pub fn for_line(line: &[u8], above: &[u8]) -> Vec<Permission> {
        let mut found = own(line, b"wandward: allow[");
        found.extend(own(above, b"wandward: allow-next-line["));
        found.extend(HERE.iter().filter_map(|marker| foreign(line, marker)));
        found.extend(NEXT_LINE.iter().filter_map(|marker| foreign(above, marker)));
        found
    }
}

/// The markers of other scanners, for the line on which they stand.
const HERE: [&str; 5] =
    ["gitleaks:allow", "betterleaks:allow", "trufflehog:ignore", "kingfisher:ignore", "pragma: allowlist secret"];
/// Likewise, for the next line.
const NEXT_LINE: [&str; 1] = ["pragma: allowlist nextline secret"];

/// `wandward: allow[rule-id, …] reason`, every one on the line.
fn own(line: &[u8], marker: &[u8]) -> Vec<Permission> {
    let mut found = Vec::new();
    for start in memchr::memmem::find_iter(line, marker) {
        let rest = &line[start + marker.len()..];
        let Some(close) = memchr::memchr(b']', rest) else { continue };
        let rules = String::from_utf8_lossy(&rest[..close]);
        let reason = String::from_utf8_lossy(&rest[close + 1..]);
        // What closes the comment, or the string in a notebook's JSON, is no reason.
        let reason = reason.split("*/").next().unwrap_or_default().split("-->").next().unwrap_or_default();
        let reason = reason.split("\\n").next().unwrap_or_default();
        found.push(Permission {
            start,
            rules: Some(rules.split(',').map(|rule| rule.trim().to_owned()).collect()),
            reason: reason.trim_matches(|c: char| c.is_whitespace() || "\",:".contains(c)).to_owned(),
            own: true,
        });
    }
    found
}

fn foreign(line: &[u8], marker: &str) -> Option<Permission> {
    let start = memchr::memmem::find(line, marker.as_bytes())?;
    Some(Permission { start, rules: None, reason: marker.to_owned(), own: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_is_bound_to_its_line_and_its_rule() {
        let here = Permission::for_line(b"k = 1  # wandward: allow[hardcoded-key, key-in-url] a fixture", b"");
        assert_eq!(here.len(), 1);
        assert!(here[0].allows("hardcoded-key") && here[0].allows("key-in-url") && !here[0].allows("key-in-log"));
        assert_eq!(here[0].reason, "a fixture");
        let next = Permission::for_line(b"k = 1", b"// wandward: allow-next-line[key-in-log] why */");
        assert_eq!(next[0].reason, "why");
        assert!(Permission::for_line(b"k = 1", b"# wandward: allow[key-in-log] why").is_empty());
        assert!(Permission::for_line(b"# wandward: allow-next-line[key-in-log] why", b"").is_empty());
    }

    #[test]
    fn markers_of_others_hold_for_every_rule() {
        for marker in HERE {
            let found = Permission::for_line(format!("k  # {marker}").as_bytes(), b"");
            assert!(found.len() == 1 && found[0].allows("key-in-log"), "{marker}");
        }
        assert_eq!(Permission::for_line(b"k", b"# pragma: allowlist nextline secret").len(), 1);
        assert!(Permission::for_line(b"# pragma: allowlist nextline secret", b"").is_empty());
    }
}
