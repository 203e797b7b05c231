//! Whether git could give a file back as it is: its bytes are those of the index, and those of the last commit. In: a path
//! and what is read there. Out: its state. No git runs, and no filter of the repository.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use sha1::{Digest, Sha1};
use sha2::Sha256;

use super::file::bytes_of;
use super::folder::GitFolder;
use super::index::{self, IndexEntry};
use super::object::{self, EntryKind};
use super::refs;
use super::standing;
use super::store::{Reader, Store};
use crate::object::ObjectId;

/// What git has of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The file lies in no working tree, or git has never been given it.
    Foreign,
    /// The last commit has it as it is.
    Clean,
    /// It has not, for this reason.
    Dirty(&'static str),
}

/// The working trees met so far, by git directory.
#[derive(Default)]
pub struct Commits(HashMap<PathBuf, Known>);

struct Known {
    index: Vec<IndexEntry>,
    store: Store,
    /// The tree of the commit that is checked out.
    head: Option<ObjectId>,
}

impl Commits {
    /// The root of the working tree that a path lies in, and the path from there; the path is absolute and without links.
    pub fn place(path: &Path) -> Option<(PathBuf, Vec<u8>)> {
        let git = GitFolder::above(path.parent()?).ok()??;
        let root = standing::root(&git)?;
        let below = bytes_of(path.strip_prefix(&root).ok()?);
        Some((root, below))
    }

    /// The state of a file that holds `bytes`; its path is absolute and without links.
    pub fn state(&mut self, path: &Path, bytes: &[u8]) -> State {
        const UNREADABLE: State = State::Dirty("not enough of its git repository can be read");
        let git = match GitFolder::above(path) {
            Ok(Some(git)) => git,
            Ok(None) => return State::Foreign,
            Err(_) => return UNREADABLE,
        };
        let below = standing::root(&git).and_then(|root| path.strip_prefix(root).ok().map(bytes_of));
        let Some(below) = below else { return UNREADABLE };
        let length = git.shape.id_length;
        let known = match self.0.get(&git.git) {
            Some(known) => known,
            None => {
                let Ok(index) = index::read(&git.index(), &git) else { return UNREADABLE };
                let store = Store::open(&git.objects(), length);
                let head = refs::references(&git).0.into_iter().find(|reference| reference.name == b"HEAD");
                let head = head.and_then(|head| Some(store.reader().commit(&head.target?)?.tree));
                self.0.entry(git.git.clone()).or_insert(Known { index, store, head })
            }
        };
        let mut own = known.index.iter().filter(|entry| entry.path == below);
        let in_folder = |entry: &IndexEntry| {
            entry.is_folder() && below.strip_prefix(&entry.path[..]).is_some_and(|rest| rest.starts_with(b"/"))
        };
        let entry = match (own.next(), own.next()) {
            (None, _) if known.index.iter().any(in_folder) => return UNREADABLE,
            (None, _) => return State::Foreign,
            (Some(entry), None) if entry.stage == 0 => entry,
            _ => return State::Dirty("a merge has left it in conflict"),
        };
        let head = known.head.and_then(|tree| at(&mut known.store.reader(), tree, &below, length));
        if entry.intent_to_add || head.is_none() {
            return State::Dirty("no commit holds it yet");
        }
        if head != Some(entry.id) {
            return State::Dirty("it has staged changes that no commit holds");
        }
        // git may have made two bytes of each line end when it wrote the file.
        let plain = || bytes.split(|&b| b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        if has_id(&entry.id, bytes) || has_id(&entry.id, &plain().collect::<Vec<_>>().join(&b'\n')) {
            State::Clean
        } else {
            State::Dirty("it has changes that no commit holds")
        }
    }
}

fn has_id(id: &ObjectId, bytes: &[u8]) -> bool {
    let header = format!("blob {}\0", bytes.len());
    if id.as_bytes().len() == 20 {
        Sha1::new().chain_update(header).chain_update(bytes).finalize()[..] == *id.as_bytes()
    } else {
        Sha256::new().chain_update(header).chain_update(bytes).finalize()[..] == *id.as_bytes()
    }
}

/// The blob at a path of a tree.
fn at(reader: &mut Reader<'_>, tree: ObjectId, path: &[u8], length: usize) -> Option<ObjectId> {
    let mut id = tree;
    let mut parts = path.split(|&b| b == b'/').peekable();
    while let Some(part) = parts.next() {
        let bytes = reader.tree(&id)?;
        let kind = if parts.peek().is_some() { EntryKind::Folder } else { EntryKind::File };
        let found = object::tree(bytes, length).find(|entry| entry.name == part && entry.kind == kind)?.id;
        id = found;
    }
    Some(id)
}
