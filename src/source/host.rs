//! The places of one machine in which a user's W&B keys come to lie. In: the home folder and what the environment says of
//! it. Out: the files that are there, and which places are not. Nothing is opened here, and nothing is ever changed.

mod places;

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::tree::{plain, skip};
use crate::finding::Skip;
use places::{Entry, PLACES};

/// The most files below one folder that are read, and the most bytes in them: a cache may hold all of a laboratory's data.
const MOST_FILES: usize = 20_000;
const MOST_BYTES: u64 = 1 << 30;
/// The most folders of the home's upper levels that are listed.
const MOST_FOLDERS: usize = 20_000;

/// Whose machine it is.
pub struct Host<'e> {
    /// The home folder.
    pub home: PathBuf,
    /// What a variable of the environment says, unless it is empty.
    pub variable: &'e (dyn Fn(&str) -> Option<OsString> + Sync),
}

/// A place that was looked for.
#[derive(Debug)]
pub struct Sought {
    /// What it is.
    pub what: &'static str,
    /// Where it is, or would be.
    pub path: PathBuf,
    /// Which of the files it is made of, by their numbers in [`Found::files`].
    pub files: Vec<usize>,
    /// Whether there is anything; not known where the system does not say.
    pub exists: Option<bool>,
}

/// What is there.
#[derive(Debug, Default)]
pub struct Found {
    /// Every place, in the order of the table.
    pub places: Vec<Sought>,
    /// The files to read, each once; and whether a link at that path is followed, since the place has that very name.
    pub files: Vec<(PathBuf, bool)>,
    /// What was not looked at.
    pub skipped: Vec<Skip>,
    numbers: HashMap<Identity, usize>,
}

#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = PathBuf;

#[cfg(unix)]
fn identity(_: &Path, meta: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (meta.dev(), meta.ino())
}

#[cfg(not(unix))]
fn identity(path: &Path, _: &Metadata) -> Identity {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

impl Host<'_> {
    /// Looks for every place.
    pub fn look(&self) -> Found {
        let mut found = Found::default();
        let upper = self.upper_levels(&mut found);
        for entry in PLACES.iter().filter(|entry| entry.system.is_here()) {
            match entry.at {
                "~/**/.env" => found.several(entry, &self.home, upper.keys.clone()),
                "~/**/wandb" => found.several(entry, &self.home, upper.runs.clone()),
                at => {
                    if let Some(pattern) = self.expand(at) {
                        found.pattern(entry, &pattern);
                    }
                }
            }
        }
        found
    }

    /// The path that a pattern of the table stands for; `None` if it names a variable that is not set.
    fn expand(&self, pattern: &str) -> Option<PathBuf> {
        let mut path = PathBuf::new();
        for (nth, part) in pattern.split('/').enumerate() {
            match part.strip_prefix('$') {
                Some(name) => path.push((self.variable)(name)?),
                None if nth == 0 && part == "~" => path.push(&self.home),
                None if nth == 0 && part.is_empty() => path.push("/"),
                None => path.push(part),
            }
        }
        Some(path)
    }

    /// Looks through the home folder and two levels below it for files that name keys and for folders of runs.
    fn upper_levels(&self, found: &mut Found) -> Upper {
        let mut upper = Upper::default();
        let mut level = vec![self.home.clone()];
        let mut listed = 0;
        for depth in 0..3 {
            let mut next = Vec::new();
            for folder in level {
                listed += 1;
                if listed > MOST_FOLDERS {
                    let reason = format!(
                        "it has more than {MOST_FOLDERS} folders in its upper levels; `wandward scan` reads all"
                    );
                    found.skipped.push(skip(&self.home, reason, true));
                    return upper;
                }
                upper.list(&folder, depth, &mut next);
            }
            level = next;
        }
        upper.keys.sort();
        upper.runs.sort();
        upper
    }
}

/// What the upper levels of a home hold.
#[derive(Default)]
struct Upper {
    keys: Vec<PathBuf>,
    runs: Vec<PathBuf>,
}

impl Upper {
    fn list(&mut self, folder: &Path, depth: usize, next: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let (name, kind) = (entry.file_name(), entry.file_type());
            let is_dir = kind.as_ref().is_ok_and(fs::FileType::is_dir);
            if is_dir && matches!(name.to_str(), Some("wandb" | ".wandb")) {
                self.runs.push(entry.path());
            } else if is_dir && !name.as_encoded_bytes().starts_with(b".") && name != "node_modules" {
                next.push(entry.path());
            } else if kind.is_ok_and(|kind| kind.is_file()) && (may_hold_keys(&name) || depth > 0 && name == ".netrc") {
                self.keys.push(entry.path());
            }
        }
    }
}

/// Whether a file has the name of one with settings for the environment, or of one for W&B's key.
fn may_hold_keys(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_lowercase();
    let environment = name.starts_with(".env") || name.ends_with(".env");
    environment || name.contains("wandb") && ["key", "token", "secret", "login"].iter().any(|word| name.contains(word))
}

impl Found {
    /// Takes what a pattern names: a file, a folder with `**` behind it, or several where a part holds a `*`.
    fn pattern(&mut self, entry: &Entry, pattern: &Path) {
        let (pattern, deep) = match pattern.file_name() {
            Some(name) if name == "**" => (pattern.parent().unwrap_or(pattern), true),
            _ => (pattern, false),
        };
        let paths = matching(pattern);
        let globs = pattern.to_string_lossy().contains('*');
        let mut any = false;
        for path in paths {
            any |= self.one(entry, &path, deep, !globs);
        }
        if !any && globs {
            self.places.push(Sought {
                what: entry.what,
                path: pattern.to_owned(),
                files: Vec::new(),
                exists: Some(false),
            });
        }
    }

    /// Takes files and folders that were found elsewhere.
    fn several(&mut self, entry: &Entry, home: &Path, paths: Vec<PathBuf>) {
        let mut any = false;
        for path in paths {
            any |= self.one(entry, &path, path.is_dir(), false);
        }
        if !any {
            let path = home.join(entry.at.trim_start_matches("~/"));
            self.places.push(Sought { what: entry.what, path, files: Vec::new(), exists: Some(false) });
        }
    }

    /// Takes what lies at a path, if anything does; tells whether.
    fn one(&mut self, entry: &Entry, path: &Path, deep: bool, named: bool) -> bool {
        // Two patterns may fit one name.
        if self.places.iter().any(|known| known.path == path && known.exists != Some(false)) {
            return true;
        }
        let mut place = Sought { what: entry.what, path: path.to_owned(), files: Vec::new(), exists: Some(true) };
        let meta = if named { fs::metadata(path) } else { fs::symlink_metadata(path) };
        match meta {
            Ok(meta) if meta.is_file() => place.files.push(self.number(path, &meta, named)),
            Ok(meta) if meta.is_dir() && deep => place.files = self.below(path),
            Ok(_) => {
                self.skipped.push(skip(path, "not a regular file", false));
                return false;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => place.exists = Some(false),
            Err(error) => {
                let hint = if entry.what == "crontab" { " (`crontab -l | wandward scan -` looks at it)" } else { "" };
                // What only the system may list, nobody expects to be read.
                self.skipped.push(skip(
                    path,
                    format!("cannot be read: {}{hint}", plain(&error)),
                    entry.what != "crontab",
                ));
                place.exists = None;
            }
        }
        let exists = place.exists != Some(false);
        if exists || named {
            self.places.push(place);
        }
        exists || named
    }

    /// The number of a file, which is the same by whatever path it is reached.
    fn number(&mut self, path: &Path, meta: &Metadata, named: bool) -> usize {
        *self.numbers.entry(identity(path, meta)).or_insert_with(|| {
            self.files.push((path.to_owned(), named));
            self.files.len() - 1
        })
    }

    /// Every regular file below a folder, up to a bound; links are not followed.
    fn below(&mut self, folder: &Path) -> Vec<usize> {
        let mut numbers = Vec::new();
        let mut bytes = 0;
        let mut folders = vec![folder.to_owned()];
        while let Some(at) = folders.pop() {
            let entries = match fs::read_dir(&at) {
                Ok(entries) => entries,
                Err(error) => {
                    self.skipped.push(skip(&at, format!("cannot be read: {}", plain(&error)), true));
                    continue;
                }
            };
            for entry in entries.flatten() {
                let Ok(meta) = entry.metadata() else { continue };
                let path = entry.path();
                if meta.is_dir() {
                    folders.push(path);
                } else if meta.is_file() {
                    bytes += meta.len();
                    if numbers.len() == MOST_FILES || bytes > MOST_BYTES {
                        let reason = "it holds more than is read of one place; `wandward scan` reads all of a folder";
                        self.skipped.push(skip(folder, reason, true));
                        return numbers;
                    }
                    numbers.push(self.number(&path, &meta, false));
                }
            }
        }
        numbers
    }
}

/// The paths that a pattern names; one without `*` names itself, whether there is anything or not.
fn matching(pattern: &Path) -> Vec<PathBuf> {
    let mut paths = vec![PathBuf::new()];
    for part in pattern.components() {
        let part = part.as_os_str();
        let text = part.to_string_lossy();
        let Some((start, end)) = text.split_once('*') else {
            paths.iter_mut().for_each(|path| path.push(part));
            continue;
        };
        let fits = |name: &OsStr| {
            let name = name.as_encoded_bytes();
            name.len() >= start.len() + end.len()
                && name.starts_with(start.as_bytes())
                && name.ends_with(end.as_bytes())
        };
        let entries = paths.iter().flat_map(|path| fs::read_dir(path).into_iter().flatten().flatten());
        let mut next: Vec<PathBuf> =
            entries.filter(|entry| fits(&entry.file_name())).map(|entry| entry.path()).collect();
        next.sort();
        paths = next;
    }
    paths
}
