//! What is known and accepted for now: keys by fingerprint, so that they may move, all else by finding. In: the lines of a
//! file. Out: which entry accepts a finding, and which accept nothing. It holds no date but those that somebody wrote.

use std::collections::HashMap;
use std::path::{Component, Path};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{About, places};
use crate::blob::{Ground, Origin};

/// The version that is read and written.
const VERSION: u64 = 1;

/// An accepted finding; one line of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The identity of a key: it is accepted wherever it lies, or at `path` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The identity of a finding without a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding_id: Option<String>,
    /// The public part of the key, for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The rule, for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Where a finding without a key was when it was accepted, from the root of the repository: if nothing is there any more, the
    /// finding has gone elsewhere and is known by what it would be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The one place at which it is accepted, from the root of the repository that holds the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Why.
    pub reason: String,
    /// The last day on which it is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    wandward_baseline: u64,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
#[error("{name}:{line}:{column}: {what}")]
pub struct BaselineError {
    name: String,
    line: usize,
    column: usize,
    what: String,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It accepts something.
    Used,
    /// It accepts nothing that was looked at.
    Unused,
    /// Its day has passed.
    Expired,
}

impl Use {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Use::Used => "used",
            Use::Unused => "unused",
            Use::Expired => "expired",
        }
    }
}

/// A baseline.
#[derive(Clone, Debug)]
pub struct Baseline {
    /// The file, as it is shown.
    pub name: String,
    entries: Vec<(usize, Entry)>,
    by_id: HashMap<String, Vec<usize>>,
    /// The entries whose files are gone.
    gone: Vec<usize>,
    used: Arc<[AtomicBool]>,
    today: Date,
    ground: Ground,
}

impl Baseline {
    /// Reads a file, in which order and empty lines mean nothing; what stands twice counts once. `ground` is that of the paths
    /// in it.
    pub fn parse(name: &str, text: &str, today: Date, ground: Ground) -> Result<Baseline, BaselineError> {
        let mut entries: Vec<(usize, Entry)> = Vec::new();
        let mut headed = false;
        for (nth, line) in text.lines().enumerate() {
            let wrong = |column: usize, what: &str| BaselineError {
                name: name.to_owned(),
                line: nth + 1,
                column,
                what: what.to_owned(),
            };
            if line.trim().is_empty() {
                continue;
            }
            if ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|mark| line.starts_with(mark)) {
                return Err(wrong(1, "a merge left its marks; keep the lines of both sides, without the marks"));
            }
            if !headed {
                let head: Result<Head, _> = serde_json::from_str(line);
                match head {
                    Ok(Head { wandward_baseline: VERSION }) => headed = true,
                    Ok(_) => return Err(wrong(1, "this version reads baselines of version 1")),
                    Err(_) => return Err(wrong(1, "this is no baseline: it does not begin with its version")),
                }
                continue;
            }
            if serde_json::from_str::<Head>(line).is_ok() {
                continue;
            }
            let entry: Entry = serde_json::from_str(line).map_err(|error| {
                let said = error.to_string();
                let said = said.split(" at line").next().unwrap_or_default();
                wrong(error.column().max(1), &said.escape_debug().to_string())
            })?;
            entry.check().map_err(|what| wrong(1, &what))?;
            if !entries.iter().any(|(_, other)| *other == entry) {
                entries.push((nth + 1, entry));
            }
        }
        let mut by_id: HashMap<String, Vec<usize>> = HashMap::new();
        for (nth, (_, entry)) in entries.iter().enumerate() {
            by_id.entry(entry.id().to_owned()).or_default().push(nth);
        }
        let used = entries.iter().map(|_| AtomicBool::new(false)).collect();
        Ok(Baseline { name: name.to_owned(), entries, by_id, gone: Vec::new(), used, today, ground })
    }

    /// Finds out which files of its entries are gone. `is_there` is told whole paths.
    pub fn look_for(&mut self, is_there: impl Fn(&Path) -> bool) {
        let below = |at: &str| {
            let path = Path::new(at);
            path.components().all(|part| matches!(part, Component::Normal(_))).then(|| self.ground.folder().join(path))
        };
        let gone = |entry: &Entry| {
            let at = entry.at.as_deref().filter(|_| entry.finding_id.is_some() && entry.path.is_none());
            // What lies in a container is gone with it.
            let mut files = at.into_iter().flat_map(|at| {
                at.match_indices('!').map(|(end, _)| &at[..end]).chain([at]).map(below).collect::<Vec<_>>()
            });
            at.is_some() && files.all(|file| file.is_some_and(|file| !is_there(&file)))
        };
        self.gone = (0..self.entries.len()).filter(|&nth| gone(&self.entries[nth].1)).collect();
    }

    /// The entry that accepts a finding, and its line.
    pub(super) fn accepts(&self, about: &About<'_>) -> Option<(usize, &Entry)> {
        let mut accepting = None;
        for nth in self.about(about) {
            let (line, entry) = &self.entries[nth];
            self.used[nth].store(true, Ordering::Relaxed);
            accepting = accepting.or(Some((*line, entry)).filter(|_| !entry.is_expired(self.today)));
        }
        accepting
    }

    /// The line of an entry that accepted a finding until its day had passed, and that day.
    pub fn expired(&self, about: &About<'_>) -> Option<(usize, &str)> {
        let mut entries = self.about(about).into_iter().map(|nth| &self.entries[nth]);
        entries
            .find_map(|(line, entry)| Some((*line, entry.expires.as_deref().filter(|_| entry.is_expired(self.today))?)))
    }

    /// The entries that are about a finding where it lies.
    fn about(&self, about: &About<'_>) -> Vec<usize> {
        let known = |id: &str| self.by_id.get(id).into_iter().flatten().copied();
        let mut found: Vec<usize> = known(about.fingerprint.unwrap_or(about.finding_id)).collect();
        if about.fingerprint.is_none() && found.is_empty() {
            // It is the same finding, whatever path the scan was told to begin at.
            found.extend(self.at(about.origin).into_iter().flat_map(|path| known(&(about.id_at)(path.as_bytes()))));
        }
        if about.fingerprint.is_none() && found.is_empty() {
            found.extend(self.gone.iter().copied().filter(|&nth| {
                let entry = &self.entries[nth].1;
                let at = entry.at.as_deref().filter(|_| entry.rule.as_deref().is_none_or(|rule| rule == about.rule));
                at.is_some_and(|at| entry.finding_id.as_deref() == Some(&(about.id_at)(at.as_bytes())))
            }));
        }
        found.retain(|&nth| {
            self.entries[nth].1.path.as_deref().is_none_or(|path| {
                let paths = places(Some(&self.ground), about.origin).unwrap_or_default();
                !paths.is_empty() && paths.iter().all(|own| shown(own) == path)
            })
        });
        found
    }

    /// Every entry, with its line and what became of it.
    pub fn entries(&self) -> impl Iterator<Item = (usize, &Entry, Use)> {
        self.entries.iter().enumerate().map(|(nth, (line, entry))| {
            let state = match self.used[nth].load(Ordering::Relaxed) {
                _ if entry.is_expired(self.today) => Use::Expired,
                true => Use::Used,
                false => Use::Unused,
            };
            (*line, entry, state)
        })
    }

    /// Where a source lies for an entry's path.
    pub fn path(&self, origin: &Origin) -> Option<String> {
        places(Some(&self.ground), origin)?.first().map(|path| shown(path))
    }

    /// Likewise, with the way into a container behind it.
    pub fn at(&self, origin: &Origin) -> Option<String> {
        let inner: String = origin.display_inner().map(|name| format!("!{name}")).collect();
        Some(self.path(origin)? + &inner)
    }
}

impl Entry {
    /// Whether both are about the same key or finding.
    pub fn is_about(&self, other: &Entry) -> bool {
        self.id() == other.id()
    }

    fn id(&self) -> &str {
        self.fingerprint.as_deref().or(self.finding_id.as_deref()).unwrap_or_default()
    }

    /// What an entry lacks.
    pub fn check(&self) -> Result<(), String> {
        let hex = |id: &str, mark: &str| {
            let digits = id.strip_prefix(mark).filter(|digits| digits.len() == 32);
            digits.is_some_and(|digits| digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
        };
        match (&self.fingerprint, &self.finding_id) {
            (Some(print), None) if hex(print, "ww1-") => {}
            (None, Some(id)) if hex(id, "wwf1-") => {}
            _ => return Err("an entry has a `fingerprint` (`ww1-…`) or a `finding_id` (`wwf1-…`)".to_owned()),
        }
        if self.reason.trim().is_empty() {
            return Err("an entry needs a `reason`".to_owned());
        }
        match self.expires.as_deref().map(str::parse::<Date>) {
            Some(Err(_)) => Err("`expires` is no day (2027-01-31)".to_owned()),
            _ => Ok(()),
        }
    }

    fn is_expired(&self, today: Date) -> bool {
        self.expires.as_deref().and_then(|day| day.parse::<Date>().ok()).is_some_and(|day| day < today)
    }
}

/// The text of a file with these entries: sorted, each on its line, so that two branches merge line by line.
pub fn render<'e>(entries: impl Iterator<Item = &'e Entry>) -> Result<String, serde_json::Error> {
    let mut lines = entries.map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
    lines.sort();
    lines.dedup();
    let head = serde_json::to_string(&Head { wandward_baseline: VERSION })?;
    Ok(std::iter::once(head).chain(lines).map(|line| line + "\n").collect())
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}
