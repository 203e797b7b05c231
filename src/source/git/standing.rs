//! What git makes of a file in a working tree: whether it has it, and whether it would take it. In: paths. Out: their
//! standing, as `git ls-files` and `git check-ignore` tell it. No git runs, and what a repository's configuration names
//! elsewhere is not read: only the ignore files that lie in it, and the one of the user who scans.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::file::{self, bytes_of};
use super::folder::GitFolder;
use super::index;
use crate::blob::Standing;
use crate::source::tree;

/// The most bytes of an ignore file.
const MAX_IGNORE: u64 = 256 * 1024;

/// The working trees met so far.
pub struct Standings {
    /// The user's own ignore file, and what it says once somebody asked.
    excludes: Box<dyn Fn() -> Option<PathBuf> + Send + Sync>,
    users: OnceLock<Gitignore>,
    /// By the folder that was asked about, absolute and without links.
    known: Mutex<HashMap<PathBuf, Tree>>,
}

/// What a folder lies in: nothing, or a working tree, or one that cannot be read.
type Tree = Result<Option<Arc<Worktree>>, Unreadable>;

#[derive(Clone, Copy)]
struct Unreadable;

impl Default for Standings {
    /// Those of a user who has no such file.
    fn default() -> Standings {
        Standings::new(|| None)
    }
}

impl Standings {
    /// Nothing is read yet. `excludes` finds what the user's own `core.excludesFile` names.
    pub fn new(excludes: impl Fn() -> Option<PathBuf> + Send + Sync + 'static) -> Standings {
        Standings { excludes: Box::new(excludes), users: OnceLock::new(), known: Mutex::default() }
    }

    /// The standing of a file. A folder is tracked if git has anything in it.
    pub fn of(&self, path: &Path) -> Standing {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let (Ok(folder), Some(name)) = (fs::canonicalize(folder), path.file_name()) else { return Standing::Unknown };
        match self.worktree(&folder) {
            Err(Unreadable) => Standing::Unknown,
            Ok(None) => Standing::Outside,
            Ok(Some(worktree)) => worktree.standing(&folder.join(name), self.users()),
        }
    }

    fn users(&self) -> &Gitignore {
        self.users.get_or_init(|| {
            let mut text = Vec::new();
            let file = (self.excludes)().and_then(|path| tree::open_named(&path).ok());
            let read = file.is_some_and(|file| file.take(MAX_IGNORE).read_to_end(&mut text).is_ok());
            if read { patterns(&text) } else { Gitignore::empty() }
        })
    }

    fn worktree(&self, folder: &Path) -> Tree {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(folder) {
            return found.clone();
        }
        let found = match GitFolder::above(folder) {
            Err(_) => Err(Unreadable),
            Ok(None) => Ok(None),
            Ok(Some(git)) => match root(&git) {
                None => Err(Unreadable),
                Some(root) => {
                    let same = known.values().flatten().flatten().find(|other| other.root == root).cloned();
                    Ok(Some(same.unwrap_or_else(|| Arc::new(Worktree::open(&git, root)))))
                }
            },
        };
        known.insert(folder.to_owned(), found.clone());
        found
    }
}

/// The root of the working tree, if the git directory and the folder that it was found in say the same of each other: a
/// scanned file does not choose whose index is read.
pub(super) fn root(git: &GitFolder) -> Option<PathBuf> {
    let holder = git.holder.clone().filter(|_| git.links_back)?;
    (git.worktree.as_ref() == Some(&holder)).then_some(holder)
}

/// A working tree.
struct Worktree {
    /// Absolute, without links.
    root: PathBuf,
    /// What its index has, from the root, sorted; none if it cannot be read.
    tracked: Option<Vec<Vec<u8>>>,
    /// `info/exclude` of its git directory.
    exclude: Gitignore,
    /// The `.gitignore` of each folder that was asked about, by the path from the root.
    ignores: Mutex<HashMap<PathBuf, Arc<Gitignore>>>,
}

impl Worktree {
    fn open(git: &GitFolder, root: PathBuf) -> Worktree {
        let tracked = index::read(&git.index(), git).ok();
        let tracked = tracked.map(|entries| entries.into_iter().map(|entry| entry.path).collect());
        let exclude = read_patterns(&git.common.join("info/exclude"));
        Worktree { root, tracked, exclude, ignores: Mutex::default() }
    }

    fn standing(&self, path: &Path, users: &Gitignore) -> Standing {
        let (Ok(below), Some(tracked)) = (path.strip_prefix(&self.root), &self.tracked) else {
            return Standing::Unknown;
        };
        let own = bytes_of(below);
        let inside = [&own[..], b"/"].concat();
        let holds = |path: &[u8]| tracked.partition_point(|other| other.as_slice() < path);
        let at = |nth: usize| tracked.get(nth).map(Vec::as_slice).unwrap_or_default();
        if at(holds(&own)) == own || at(holds(&inside)).starts_with(&inside) {
            Standing::Tracked
        } else if self.ignored(below, path.is_dir(), users) {
            Standing::Ignored
        } else {
            Standing::Untracked
        }
    }

    /// Whether a path, or a folder that it lies in, is ignored: what an ignored folder holds no pattern takes back.
    fn ignored(&self, below: &Path, is_dir: bool, users: &Gitignore) -> bool {
        let mut parts: Vec<&Path> = below.ancestors().filter(|part| !part.as_os_str().is_empty()).collect();
        parts.reverse();
        let last = parts.len();
        parts.iter().enumerate().any(|(nth, part)| self.decides(part, nth + 1 < last || is_dir, users))
    }

    /// Whether the patterns ignore this very path: the nearest file that says anything decides, and in it the last line.
    fn decides(&self, part: &Path, is_dir: bool, users: &Gitignore) -> bool {
        for folder in part.ancestors().skip(1) {
            let from = part.strip_prefix(folder).unwrap_or(part);
            match self.ignores_in(folder).matched(from, is_dir) {
                Match::None => {}
                said => return said.is_ignore(),
            }
        }
        match self.exclude.matched(part, is_dir) {
            Match::None => users.matched(part, is_dir).is_ignore(),
            said => said.is_ignore(),
        }
    }

    fn ignores_in(&self, folder: &Path) -> Arc<Gitignore> {
        let mut known = self.ignores.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || Arc::new(read_patterns(&self.root.join(folder).join(".gitignore")));
        known.entry(folder.to_owned()).or_insert_with(read).clone()
    }
}

/// The patterns of a file; of one that is none, or a link, which git does not follow either, none.
fn read_patterns(path: &Path) -> Gitignore {
    match file::read_if_there(path, MAX_IGNORE) {
        Ok(Some(text)) => patterns(&text),
        Ok(None) | Err(_) => Gitignore::empty(),
    }
}

/// The patterns of an ignore file (gitignore, "Pattern format"), from the folder in which it stands. What cannot be read as
/// one says nothing.
fn patterns(text: &[u8]) -> Gitignore {
    let text = String::from_utf8_lossy(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text));
    let mut builder = GitignoreBuilder::new("");
    for line in text.lines() {
        let _ = builder.add_line(None, line);
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}
