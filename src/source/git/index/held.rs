//! Which blobs some trees hold, wherever in them. In: an index, trees, blobs. Out: those that are in there. Where the index
//! knows a tree to be one of those, that is not read: the entries of the index name what it holds. They are not believed
//! before they were looked for.

use std::collections::HashSet;
use std::path::Path;

use super::entries::Entries;
use super::known::Known;
use super::{Extensions, IndexEntry, MAX_INDEX, Rest};
use crate::object::{ObjectId, ObjectMap};
use crate::source::git::file;
use crate::source::git::folder::GitFolder;
use crate::source::git::object::{self, EntryKind};

/// How many entries are looked for in vain.
const MOST_IN_VAIN: usize = 1000;

/// Which of the blobs of `new` any of `trees` holds at any path. `new` are entries of the index at `path` that none of the
/// trees has at the same path, sorted; `tree` has the bytes of trees, and `is_there` says whether one of the trees has a blob
/// at a path. None where nothing less than all that the trees hold can tell: an index that is sparse, cannot be read, or names
/// very often what is not there. Of one that git did not write less may come out than the trees hold, never more.
pub fn held(
    path: &Path,
    folder: &GitFolder,
    trees: &[ObjectId],
    new: &[(Vec<u8>, ObjectId)],
    tree: &mut dyn FnMut(&ObjectId) -> Option<Vec<u8>>,
    is_there: &mut dyn FnMut(&[u8], &ObjectId) -> bool,
) -> Option<HashSet<ObjectId>> {
    let id_length = folder.shape.id_length;
    let wanted: ObjectMap<()> = new.iter().map(|(_, id)| (*id, ())).collect();
    let is_wanted = |id: &[u8]| ObjectId::from_bytes(id).is_some_and(|id| wanted.contains_key(&id));
    let (file, size) = file::open(path).ok().filter(|(_, size)| *size <= MAX_INDEX)?;
    let (mut named, mut closed) = (Vec::new(), false);
    let opened = Entries::open(file, size, id_length, |nth, raw| {
        closed |= raw.is_folder();
        if is_wanted(raw.id) {
            named.push(nth);
        }
    });
    let (mut own, behind) = opened.ok()?;
    let found = Extensions::parse(Rest(&behind), id_length).ok()?;
    if found.link.is_some_and(|link| link.base.is_some()) {
        let entries = super::read(path, folder).ok()?;
        closed |= entries.iter().any(IndexEntry::is_folder);
        named = (0..).zip(&entries).filter(|(_, entry)| is_wanted(entry.id.as_bytes())).map(|(nth, _)| nth).collect();
        own = Entries::listed(entries);
    }
    if closed {
        return None;
    }
    let mut held =
        in_unknown(trees, &wanted, &Known::parse(found.trees.unwrap_or_default(), id_length), id_length, tree);
    let mut in_vain = 0;
    for nth in named {
        own.go_to(nth)?;
        let entry = own.at_hand(b"")?;
        let at = (entry.path, entry.id);
        if held.contains(&at.1) || new.binary_search(&at).is_ok() {
            continue;
        }
        if is_there(&at.0, &at.1) {
            held.insert(at.1);
        } else {
            in_vain += 1;
        }
        if in_vain > MOST_IN_VAIN {
            return None;
        }
    }
    Some(held)
}

/// Which blobs some trees hold outside of the folders whose tree the index knows to be the same.
fn in_unknown(
    trees: &[ObjectId],
    wanted: &ObjectMap<()>,
    known: &Known<'_>,
    id_length: usize,
    tree: &mut dyn FnMut(&ObjectId) -> Option<Vec<u8>>,
) -> HashSet<ObjectId> {
    let (mut held, mut seen) = (HashSet::new(), HashSet::new());
    let mut next: Vec<(ObjectId, Option<usize>)> = trees.iter().map(|id| (*id, known.root())).collect();
    while let Some((id, place)) = next.pop() {
        let same = place.and_then(|place| known.tree(place)).is_some_and(|(_, known)| known == id);
        if same || !seen.insert(id) {
            continue;
        }
        let inside = place.map(|place| known.inside(place)).unwrap_or_default();
        for entry in object::tree(&tree(&id).unwrap_or_default(), id_length) {
            if entry.kind == EntryKind::Folder {
                next.push((entry.id, inside.get(entry.name).copied()));
            } else if wanted.contains_key(&entry.id) {
                held.insert(entry.id);
            }
        }
    }
    held
}
