//! What scans of git share: a repository under the name by which it was reached, and what of it is not there. The rooms
//! below read all of a repository, or what changes in it, in the same three steps: look at each object once, find its places
//! in history, judge it where it lies.

mod answer;
mod change;
mod clean;
mod history;
mod hot;
mod known;
mod places;
mod sweep;
mod tell;
mod trees;

use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::blob::{Before, Kind, Origin, Text};
use crate::finding::{Outcome, Skip};
use crate::object::Held;
use crate::scan::worker::Worker;
use crate::source::git::folder::GitFolder;
use crate::source::git::store::Store;
use crate::source::tree;
pub use change::{Change, What, Wrong};
use sweep::Facts;

/// A repository to read, and by which names it was reached.
struct Found {
    folder: GitFolder,
    /// Its working tree, or the folder of a bare one, as reached from the argument.
    shown: PathBuf,
    /// Its git directory, likewise; where it lies elsewhere, its real path.
    git: PathBuf,
}

impl Found {
    fn new(folder: GitFolder, shown: PathBuf) -> Found {
        let here = std::fs::canonicalize(&shown).unwrap_or_else(|_| shown.clone());
        let git = match folder.common.strip_prefix(&here) {
            Ok(below) if below.as_os_str().is_empty() => shown.clone(),
            Ok(below) => shown.join(below),
            Err(_) => folder.common.clone(),
        };
        Found { folder, shown, git }
    }

    /// A path of the git directory as it is shown.
    fn show(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.folder.common).map_or_else(|_| path.to_owned(), |below| self.git.join(below))
    }

    /// Tells what the repository needs that nobody here knows.
    fn unknown(&self, outcome: &Mutex<Outcome>) {
        for unknown in &self.folder.shape.unknown {
            skip(outcome, tree::skip(&self.git, format!("it needs what this version does not know: {unknown}"), true));
        }
    }

    fn store(&self) -> Store {
        Store::open(&self.folder.objects(), self.folder.shape.id_length)
    }

    /// Looks at the name of a reference, part by part: what lies in one another there is no path to a file.
    fn name(&self, worker: &mut Worker<'_, '_>, name: &[u8]) {
        let path = [&tree::origin(&self.git).path[..], b"/", name].concat();
        let origin = Origin::new(Kind::Ref, path).held(Held { reference: Some(name.to_vec()), ..self.held() });
        let mut before = Before::default();
        for part in name.split_inclusive(|&b| b == b'/') {
            worker.text(&origin, Text::plain(part.strip_suffix(b"/").unwrap_or(part), before), true);
            before = before.after(part);
        }
    }

    fn held(&self) -> Held {
        Held { repository: tree::origin(&self.shown).path, ..Held::default() }
    }
}

/// Says which objects could not be read, or were not to be.
fn unread(found: &Found, facts: &Facts, outcome: &Mutex<Outcome>) {
    const NAMED: usize = 20;
    let unread = facts.unread.iter().map(|(id, error)| format!("object {id} {error}"));
    let large = facts.too_large.iter();
    let large = large.map(|(id, bytes)| format!("object {id} is larger than --max-file-size ({bytes} bytes)"));
    let mut all = unread.chain(large);
    let mut gap = |reason| skip(outcome, tree::skip(&found.git, reason, true));
    all.by_ref().take(NAMED).for_each(&mut gap);
    match all.count() {
        0 => {}
        more => gap(format!("{} could not be read either", number(more, "more object"))),
    }
}

/// `1 object`, `2 objects`.
fn number(many: usize, what: &str) -> String {
    format!("{many} {what}{}", if many == 1 { "" } else { "s" })
}

/// The folder to walk and the name of the repository, given a path in it: all of the folder that holds its `.git`. A working
/// tree that its configuration names elsewhere is not followed, since a scanned file decides nothing.
fn whole(root: &Path, folder: &GitFolder) -> (Option<PathBuf>, PathBuf) {
    let around = folder.worktree.as_ref().filter(|worktree| folder.git.starts_with(worktree));
    let Some(worktree) = folder.holder.as_ref().or(around) else { return (None, root.to_owned()) };
    let Ok(real) = std::fs::canonicalize(root) else { return (Some(root.to_owned()), root.to_owned()) };
    let Ok(below) = real.strip_prefix(worktree) else { return (Some(root.to_owned()), root.to_owned()) };
    let mut shown = root.to_owned();
    for _ in below.components() {
        if !matches!(shown.components().next_back(), Some(Component::Normal(_))) {
            shown.push("..");
        } else if !shown.pop() || shown.as_os_str().is_empty() {
            shown = PathBuf::from(".");
        }
    }
    (Some(shown.clone()), shown)
}

fn skip(outcome: &Mutex<Outcome>, skip: Skip) {
    outcome.lock().unwrap_or_else(PoisonError::into_inner).coverage.skipped.push(skip);
}
