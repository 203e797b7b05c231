//! What trees name. In: the trees of a listing, each with what it was made from. Out: of each the numbers of what it names, and
//! what nobody holds. Most of a version of a tree is that of its base, and is not looked up again.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::known::Known;
use crate::object::{ObjectId, ObjectMap};
use crate::source::git::object::{self, EntryKind, TreeEntry};
use crate::source::git::store::{Base, UNMARKED, Version};

/// From how many entries on a tree is worth a look for equal ones: some are made of nothing else, to exhaust who reads them.
const MANY: usize = 10_000;
/// How many entries are remembered of the trees that were read last.
const REMEMBERED: usize = 1 << 20;
/// The number of what is not listed, and the one of what belongs to another repository.
const NONE: u32 = u32::MAX;
const FOREIGN: u32 = u32::MAX - 1;

/// What some trees name, by places in the listing.
#[derive(Default)]
pub(super) struct Named {
    /// The place of each tree, where in `all` its entries begin, and whether they stand there in their order.
    trees: Vec<(u32, usize, bool)>,
    /// The place of what each entry names.
    all: Vec<u32>,
    /// Whether there were more entries than are kept: of some trees it is not known any more what they name.
    pub(super) is_partial: bool,
}

impl Named {
    /// The place of each tree, and of what it names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, impl Iterator<Item = u32>)> {
        self.rows().map(|(tree, row, _)| (tree, row.iter().copied().filter(|nth| *nth < FOREIGN)))
    }

    /// The place of each tree, and for each of its entries that is none of another repository the place of what it names, if
    /// that is listed. Very large trees have none.
    pub(super) fn entries(&self) -> impl Iterator<Item = (u32, impl Iterator<Item = Option<u32>> + Clone)> {
        let in_order = self.rows().filter(|(.., in_order)| *in_order);
        let listed = |nth: &u32| Some(*nth).filter(|nth| *nth != NONE);
        in_order.map(move |(tree, row, _)| (tree, row.iter().filter(|nth| **nth != FOREIGN).map(listed)))
    }

    fn rows(&self) -> impl Iterator<Item = (u32, &[u32], bool)> {
        self.trees.iter().enumerate().map(|(at, &(tree, start, in_order))| {
            let end = self.trees.get(at + 1).map_or(self.all.len(), |next| next.1);
            (tree, &self.all[start..end], in_order)
        })
    }
}

/// What is remembered of a tree that others may be made from.
#[derive(Clone, Copy)]
struct Row {
    /// Where what it names begins in [`Named::all`].
    named: usize,
    /// Where the places of its entries begin in [`Trees::starts`], behind them its size.
    starts: usize,
    /// How many entries it has.
    count: usize,
}

/// Reads trees; one a thread.
pub(super) struct Trees<'i> {
    known: Known<'i>,
    id_length: usize,
    /// The tree that every repository knows and few hold.
    empty: ObjectId,
    /// What is remembered, by mark, and the mark of the first.
    rows: Vec<Row>,
    first: u32,
    /// Where in its tree each entry begins.
    starts: Vec<u32>,
    /// How many more entries all threads may keep.
    left: &'i AtomicUsize,
}

impl<'i> Trees<'i> {
    /// Those of a listing; `left` is how many more entries all threads may keep.
    pub(super) fn new(ids: &'i ObjectMap<u32>, id_length: usize, left: &'i AtomicUsize) -> Trees<'i> {
        let empty = object::empty_tree(id_length);
        Trees { known: Known::new(ids), id_length, empty, rows: Vec::new(), first: 0, starts: Vec::new(), left }
    }

    /// Reads the tree at the place `nth`. Returns the mark of what is remembered of it, and whether it could be read to its
    /// end.
    pub(super) fn read(
        &mut self,
        nth: u32,
        tree: &Version<'_>,
        named: &mut Named,
        missing: &mut HashSet<ObjectId>,
    ) -> (u32, bool) {
        if self.starts.len() > REMEMBERED {
            self.first += self.rows.len() as u32;
            self.rows.clear();
            self.starts.clear();
        }
        let (start, row_start) = (named.all.len(), self.starts.len());
        let base = tree.base.as_ref().filter(|base| base.mark != UNMARKED);
        let base = base.and_then(|base| Some((base, *self.rows.get(base.mark.checked_sub(self.first)? as usize)?)));
        let shared = base.is_some_and(|(base, row)| self.version(tree.bytes, base, row, named, missing));
        if !shared {
            named.all.truncate(start);
            self.starts.truncate(row_start);
        }
        let is_whole = shared || self.all(tree.bytes, named, missing);
        let count = named.all.len() - start;
        if count > MANY {
            named.all[start..].sort_unstable();
            let mut kept = start;
            for at in start..named.all.len() {
                if at == start || named.all[at] != named.all[at - 1] {
                    named.all[kept] = named.all[at];
                    kept += 1;
                }
            }
            named.all.truncate(kept);
        }
        let kept = named.all.len() - start;
        let room = |left: usize| left.checked_sub(kept);
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_err() {
            named.all.truncate(start);
            named.is_partial = true;
            self.starts.truncate(row_start);
            return (UNMARKED, is_whole);
        }
        named.trees.push((nth, start, count <= MANY));
        if !is_whole || count > MANY {
            self.starts.truncate(row_start);
            return (UNMARKED, is_whole);
        }
        // The largest object that is read is smaller.
        self.starts.push(tree.bytes.len() as u32);
        self.rows.push(Row { named: start, starts: row_start, count });
        (self.first + (self.rows.len() - 1) as u32, true)
    }

    /// Reads every entry.
    fn all(&mut self, tree: &[u8], named: &mut Named, missing: &mut HashSet<ObjectId>) -> bool {
        let mut at = 0;
        let mut is_sound = true;
        while let Some((entry, length)) = object::entry(&tree[at..], self.id_length) {
            is_sound &= is_plain(&tree[at..at + length], &entry, self.id_length);
            self.take(at, &entry, named, missing);
            at += length;
        }
        is_sound && at == tree.len()
    }

    /// Reads a version of a tree; false if that is to be read as a whole.
    fn version(
        &mut self,
        tree: &[u8],
        base: &Base<'_>,
        row: Row,
        named: &mut Named,
        missing: &mut HashSet<ObjectId>,
    ) -> bool {
        let (mut at, mut start) = (0, 0);
        for piece in base.pieces() {
            while at < piece.end {
                if let Some(from) = piece.from
                    && let Some((first, last)) = self.within(row, from + (at - start)..from + (piece.end - start))
                {
                    named.all.extend_from_within(row.named + first..row.named + last);
                    let [begin, end] = [first, last].map(|nth| self.starts[row.starts + nth] as usize);
                    let places = self.starts.len();
                    self.starts.extend_from_within(row.starts + first..row.starts + last);
                    self.starts[places..].iter_mut().for_each(|place| *place = (*place as usize - begin + at) as u32);
                    at += end - begin;
                    continue;
                }
                let Some((entry, length)) = object::entry(&tree[at..], self.id_length) else { return false };
                if !is_plain(&tree[at..at + length], &entry, self.id_length) {
                    return false;
                }
                self.take(at, &entry, named, missing);
                at += length;
            }
            start = piece.end;
        }
        at == tree.len()
    }

    /// The entries of a tree that lie in a part of it, if one begins where that does and ends in it.
    fn within(&self, row: Row, part: std::ops::Range<usize>) -> Option<(usize, usize)> {
        let starts = &self.starts[row.starts..=row.starts + row.count];
        let first = starts.binary_search(&u32::try_from(part.start).ok()?).ok()?;
        let last = starts.partition_point(|start| *start as usize <= part.end).checked_sub(1)?;
        (last > first).then_some((first, last))
    }

    /// Looks up what an entry names.
    fn take(&mut self, at: usize, entry: &TreeEntry<'_>, named: &mut Named, missing: &mut HashSet<ObjectId>) {
        self.starts.push(at as u32);
        if entry.kind == EntryKind::Submodule {
            return named.all.push(FOREIGN);
        }
        let nth = self.known.nth(&entry.id);
        if nth.is_none() && entry.id != self.empty {
            missing.insert(entry.id);
        }
        named.all.push(nth.unwrap_or(NONE));
    }
}

/// Whether nothing but a mode stands before the name.
fn is_plain(bytes: &[u8], entry: &TreeEntry<'_>, id_length: usize) -> bool {
    let mode = bytes.len().saturating_sub(entry.name.len() + id_length + 1);
    !bytes[..mode].contains(&0)
}
