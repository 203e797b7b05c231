//! What an index has that none of some trees has at the same path. In: an index, trees. Out: entries. Of a folder whose tree
//! the index knows, and which is one of those, nothing is read but where it ends: whatever its entries say, that tree is what
//! git commits. Where the index knows another tree, what that has counts too.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::rc::Rc;

use super::entries::Entries;
use super::known::Known;
use super::{Extensions, IndexEntry, IndexError, MAX_DEPTH, MAX_INDEX, MAX_PATHS, Rest, broken};
use crate::object::ObjectId;
use crate::source::git::file;
use crate::source::git::folder::GitFolder;
use crate::source::git::object::{self, EntryKind, TreeEntry};
use crate::source::tree::plain;

/// The most bytes of trees that are read. Of what lies beyond nothing is known, so all of it counts as changed.
const MAX_TREES: usize = 1 << 30;

/// The entries of the index at `path` that none of `trees` has at their paths, as blobs or as folders that a sparse index
/// does not open; none if there is no such file. Submodules are none. `tree` has the bytes of trees; of one that it has not,
/// nothing is known to be in it.
pub fn changed(
    path: &Path,
    folder: &GitFolder,
    trees: &[ObjectId],
    tree: &mut dyn FnMut(&ObjectId) -> Option<Vec<u8>>,
) -> Result<Vec<IndexEntry>, IndexError> {
    let id_length = folder.shape.id_length;
    let error = |reason: String| IndexError { path: path.to_owned(), reason };
    let (file, size) = match file::open(path) {
        Ok((_, size)) if size > MAX_INDEX => return Err(error(format!("larger than {MAX_INDEX} bytes"))),
        Ok(opened) => opened,
        Err(io) if file::is_absent(&io) => return Ok(Vec::new()),
        Err(io) => return Err(error(format!("cannot be read: {}", plain(&io)))),
    };
    let (own, behind) = Entries::open(file, size, id_length, |_, _| {}).map_err(error)?;
    let found = Extensions::parse(Rest(&behind), id_length).map_err(error)?;
    let split = found.link.is_some_and(|link| link.base.is_some());
    let entries = if split { Entries::listed(super::read(path, folder)?) } else { own };
    let known = Rc::new(found.trees.map(|body| Known::parse(body, id_length)).unwrap_or_default());
    let mut compare = Compare { entries, known, tree, id_length, left: MAX_TREES, held: 0, changed: Vec::new() };
    let root = compare.known.root();
    compare.folder(root, &mut Vec::new(), trees, 0).ok_or_else(|| error(broken()))?;
    if !compare.entries.are_over() {
        return Err(error(broken()));
    }
    if compare.held > MAX_PATHS {
        return Err(error("holds paths beyond all bounds".to_owned()));
    }
    Ok(compare.changed)
}

struct Compare<'b> {
    entries: Entries,
    known: Rc<Known<'b>>,
    tree: &'b mut dyn FnMut(&ObjectId) -> Option<Vec<u8>>,
    id_length: usize,
    /// How many more bytes of trees may be read.
    left: usize,
    /// Bytes of the paths that have changed.
    held: usize,
    changed: Vec<IndexEntry>,
}

impl Compare<'_> {
    /// Compares all entries from the one at hand on whose paths begin with `prefix`, a folder's, with what `trees` have there.
    fn folder(&mut self, known: Option<usize>, prefix: &mut Vec<u8>, trees: &[ObjectId], depth: usize) -> Option<()> {
        let own = known.and_then(|place| self.known.tree(place));
        if let Some((count, id)) = own
            && trees.contains(&id)
            && self.entries.pass(count, prefix)?
        {
            return Some(());
        }
        if trees.is_empty() && own.is_none() || depth == MAX_DEPTH {
            while let Some(entry) = self.entries.at_hand(prefix) {
                self.take(entry);
                self.entries.advance()?;
            }
            return Some(());
        }
        let before: Vec<Vec<u8>> = trees.iter().filter_map(|id| self.read(id)).collect();
        let before: Vec<HashMap<&[u8], TreeEntry<'_>>> =
            before.iter().map(|bytes| by_name(bytes, self.id_length)).collect();
        let known_trees = self.known.clone();
        let inside = known.map(|place| known_trees.inside(place)).unwrap_or_default();
        let mut met: HashSet<Vec<u8>> = HashSet::new();
        while let Some(entry) = self.entries.at_hand(prefix) {
            let rest = &entry.path[prefix.len()..];
            let name = memchr::memchr(b'/', rest).map_or(rest, |end| &rest[..end]).to_vec();
            let of_name = || before.iter().filter_map(|tree| tree.get(&name[..]));
            if rest.len() > name.len() && !entry.is_folder() {
                let below = of_name().filter(|entry| entry.kind == EntryKind::Folder);
                let below: Vec<ObjectId> = below.map(|entry| entry.id).collect();
                let length = prefix.len();
                prefix.extend(&name);
                prefix.push(b'/');
                self.folder(inside.get(&name[..]).copied(), prefix, &below, depth + 1)?;
                prefix.truncate(length);
                met.insert(name);
                continue;
            }
            let kind = if entry.is_folder() { EntryKind::Folder } else { EntryKind::File };
            if !of_name().any(|before| before.id == entry.id && before.kind == kind) {
                self.take(entry);
            }
            met.insert(name);
            self.entries.advance()?;
        }
        if let Some((_, id)) = own {
            self.claimed(&id, prefix, &before, |name, id| {
                let place = inside.get(name).filter(|_| met.contains(name));
                place.and_then(|&place| known_trees.tree(place)).is_some_and(|(_, known)| known == *id)
            });
        }
        Some(())
    }

    /// Takes what a tree that the index knows has and no tree before has; a folder unless it `is_met`.
    fn claimed(
        &mut self,
        id: &ObjectId,
        prefix: &[u8],
        before: &[HashMap<&[u8], TreeEntry<'_>>],
        is_met: impl Fn(&[u8], &ObjectId) -> bool,
    ) {
        // One that is not there git does not commit either, but makes it anew from the entries.
        let bytes = self.read(id).unwrap_or_default();
        for found in object::tree(&bytes, self.id_length) {
            let is_same = |tree: &HashMap<&[u8], TreeEntry<'_>>| tree.get(found.name) == Some(&found);
            let mode = match found.kind {
                EntryKind::File => 0o100_644,
                EntryKind::Folder if !is_met(found.name, &found.id) => 0o040_000,
                EntryKind::Folder | EntryKind::Submodule => continue,
            };
            if !before.iter().any(is_same) {
                let path = [prefix, found.name].concat();
                self.take(IndexEntry { path, id: found.id, mode, stage: 0, intent_to_add: false });
            }
        }
    }

    fn take(&mut self, entry: IndexEntry) {
        self.held += entry.path.len();
        if !entry.is_submodule() && self.held <= MAX_PATHS {
            self.changed.push(entry);
        }
    }

    fn read(&mut self, id: &ObjectId) -> Option<Vec<u8>> {
        let bytes = (self.tree)(id).filter(|bytes| bytes.len() <= self.left)?;
        self.left -= bytes.len();
        Some(bytes)
    }
}

/// The entries of a tree. Of two that have one name git takes the first.
fn by_name(tree: &[u8], id_length: usize) -> HashMap<&[u8], TreeEntry<'_>> {
    let mut entries = HashMap::new();
    for entry in object::tree(tree, id_length) {
        entries.entry(entry.name).or_insert(entry);
    }
    entries
}
