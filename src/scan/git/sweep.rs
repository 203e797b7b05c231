//! Reads every object of a repository once. In: its object database. Out: what history is made of, and which objects hold
//! anything of a key's shape. Where they lie is not known yet, so nothing is said of them.

use std::collections::{BTreeSet, HashSet};

use super::known::Known;
use crate::blob::{Before, Kind, Origin, Text};
use crate::cache::Cache;
use crate::object::{ObjectId, ObjectKind, ObjectMap};
use crate::scan::Scan;
use crate::scan::worker::{Glance, Worker};
use crate::source::git::object::{self, EntryKind, RawCommit};
use crate::source::git::store::{Entry, Listing, ReadError, Store};

/// From how many entries on a tree is worth a look for equal ones: some are made of nothing else, to exhaust who reads them.
const MANY: usize = 10_000;

/// An entry of a tree has at least so many bytes beside an id: a mode of five digits, a blank, a letter, a NUL.
const LEAST: usize = 8;

/// What a repository's objects are.
#[derive(Default)]
pub(super) struct Facts {
    /// Every object.
    pub(super) listing: Listing,
    /// The place of each in the listing.
    pub(super) ids: ObjectMap<u32>,
    /// The commits, in no order.
    pub(super) commits: Vec<(ObjectId, RawCommit)>,
    /// What the annotated tags point at.
    pub(super) tags: ObjectMap<ObjectId>,
    /// What each tree names, by places in the listing.
    pub(super) trees: Vec<(u32, Box<[u32]>)>,
    /// The objects that hold anything of a key's shape.
    pub(super) touched: Vec<(ObjectId, ObjectKind, Glance)>,
    /// What trees name and nobody holds.
    pub(super) missing: HashSet<ObjectId>,
    /// What the user wants passed over, and how many bytes it has.
    pub(super) too_large: Vec<(ObjectId, usize)>,
    /// The blobs that are clean wherever they lie, and point at nothing.
    pub(super) clean: Vec<ObjectId>,
    /// What LFS pointers point at.
    pub(super) pointers: BTreeSet<String>,
    /// What could not be read.
    pub(super) unread: Vec<(ObjectId, ReadError)>,
}

/// Reads everything that is listed; `worker` makes one worker for each thread.
pub(super) fn sweep<'w, 'a: 'w>(
    scan: &Scan<'_>,
    store: &Store,
    id_length: usize,
    listing: Listing,
    most: Option<u64>,
    worker: impl Fn() -> Worker<'w, 'a> + Sync,
    cache: Option<&Cache>,
) -> Facts {
    let ids: ObjectMap<u32> = (0u32..).zip(&listing.entries).map(|(nth, entry)| (entry.id, nth)).collect();
    // Git knows the empty tree without holding it.
    let empty = object::empty_tree(id_length);
    let is_clean =
        |entry: &Entry| entry.kind == ObjectKind::Blob && cache.is_some_and(|cache| cache.is_clean(&entry.id));
    let clean: Vec<bool> = listing.entries.iter().map(is_clean).collect();
    let known_clean = clean.iter().filter(|clean| **clean).count();
    worker().count_known_clean(known_clean as u64);
    let rest = (known_clean > 0).then(|| listing.forest.only(|nth| !clean[nth]));
    let forest = rest.as_ref().unwrap_or(&listing.forest);
    let start = || (worker(), store.walk(&listing.entries, forest), Known::new(&ids), Facts::default());
    let parts = scan.share_singly(forest.parts(), start, |(worker, walk, known, facts), part| {
        walk.read(part, &mut |nth, object| {
            let id = listing.entries[nth].id;
            match object {
                Ok((ObjectKind::Tree, bytes)) => {
                    worker.count(&Origin::new(Kind::Blob, ""), bytes.len() as u64);
                    let named = facts.named(bytes, id_length, known, &empty);
                    facts.trees.push((nth as u32, named));
                    if !object::is_whole_tree(bytes, id_length) {
                        facts.unread.push((id, ReadError::Damaged("it is no tree to its end".to_owned())));
                    }
                }
                Ok((kind, bytes)) => facts.take(worker, id, kind, bytes, most),
                Err(error) => facts.unread.push((id, error)),
            }
            !scan.stopped()
        });
    });
    let mut all = Facts::default();
    let parts: Vec<Facts> = parts.into_iter().map(|(_, _, _, part)| part).collect();
    parts.into_iter().for_each(|part| all.join(part));
    let trees = all.commits.iter().map(|(_, commit)| commit.tree);
    all.missing.extend(trees.filter(|tree| *tree != empty && !ids.contains_key(tree)));
    let learnt = std::mem::take(&mut all.clean);
    // What is cut short is not known to be clean.
    if let Some(cache) = cache.filter(|_| !scan.stopped()) {
        cache.learn(learnt);
    }
    all.ids = ids;
    all.listing = listing;
    all.sorted()
}

/// Reads some objects, none of them a tree.
pub(super) fn some<'w, 'a: 'w>(
    scan: &Scan<'_>,
    store: &Store,
    ids: &[ObjectId],
    most: Option<u64>,
    worker: impl Fn() -> Worker<'w, 'a> + Sync,
) -> Facts {
    let start = || (worker(), store.reader(), Facts::default());
    let parts = scan.share(ids, start, |(worker, reader, facts), id| match reader.read(id) {
        Ok((kind, bytes)) => facts.take(worker, *id, kind, bytes, most),
        Err(error) => facts.unread.push((*id, error)),
    });
    let mut all = Facts::default();
    parts.into_iter().for_each(|(_, _, part)| all.join(part));
    all.sorted()
}

impl Facts {
    /// What a tree names, by places in the listing; what is not there is noted.
    fn named(&mut self, tree: &[u8], id_length: usize, known: &mut Known<'_>, empty: &ObjectId) -> Box<[u32]> {
        let mut named = Vec::with_capacity(tree.len() / (id_length + LEAST));
        for entry in object::tree(tree, id_length).filter(|entry| entry.kind != EntryKind::Submodule) {
            match known.nth(&entry.id) {
                Some(nth) => named.push(nth),
                None if entry.id == *empty => {}
                None => _ = self.missing.insert(entry.id),
            }
        }
        if named.len() > MANY {
            named.sort_unstable();
            named.dedup();
        }
        named.into()
    }

    /// Takes in a commit, a tag, or a blob of at most `most` bytes.
    fn take(&mut self, worker: &mut Worker<'_, '_>, id: ObjectId, kind: ObjectKind, bytes: &[u8], most: Option<u64>) {
        if kind == ObjectKind::Blob && most.is_some_and(|most| bytes.len() as u64 > most) {
            return self.too_large.push((id, bytes.len()));
        }
        let pointer = if kind == ObjectKind::Blob { object::lfs_pointer(bytes) } else { None };
        let points = pointer.is_some();
        self.pointers.extend(pointer);
        let glance = match kind {
            ObjectKind::Blob => glance_at_blob(worker, bytes),
            ObjectKind::Commit => {
                worker.count(&Origin::new(Kind::Commit, ""), bytes.len() as u64);
                self.commits.extend(object::commit(bytes).map(|commit| (id, commit)));
                worker.glance(|worker| look_at_message(worker, &Origin::new(Kind::Commit, ""), bytes))
            }
            ObjectKind::Tag => {
                worker.count(&Origin::new(Kind::Tag, ""), bytes.len() as u64);
                self.tags.extend(object::tagged(bytes).map(|target| (id, target)));
                worker.glance(|worker| look_at_message(worker, &Origin::new(Kind::Tag, ""), bytes))
            }
            ObjectKind::Tree => return self.unread.push((id, ReadError::Damaged("it is a tree".to_owned()))),
        };
        if glance != Glance::default() {
            self.touched.push((id, kind, glance));
        } else if kind == ObjectKind::Blob && !points {
            self.clean.push(id);
        }
    }

    fn join(&mut self, part: Facts) {
        self.commits.extend(part.commits);
        self.tags.extend(part.tags);
        self.trees.extend(part.trees);
        self.touched.extend(part.touched);
        self.missing.extend(part.missing);
        self.too_large.extend(part.too_large);
        self.pointers.extend(part.pointers);
        self.clean.extend(part.clean);
        self.unread.extend(part.unread);
    }

    fn sorted(mut self) -> Facts {
        self.touched.sort_by_key(|touched| touched.0);
        self.unread.sort_by_key(|(id, _)| *id);
        self.too_large.sort();
        self
    }
}

/// Looks at a blob wherever it may lie.
fn glance_at_blob(worker: &mut Worker<'_, '_>, bytes: &[u8]) -> Glance {
    let glance = worker.glance(|worker| worker.bytes(&Origin::new(Kind::Blob, ""), bytes));
    // A text without a name is read by its first line, which a name would outdo.
    Glance { says: glance.says || glance.candidates && bytes.starts_with(b"#!"), ..glance }
}

/// Looks at what people wrote into a commit or a tag. Lines are those of the message; the header has none that anybody sees.
pub(super) fn look_at_message(worker: &mut Worker<'_, '_>, origin: &Origin, bytes: &[u8]) {
    let header = object::header_text(bytes);
    worker.text(origin, Text::plain(&header, Before::default()), false);
    worker.text(origin, Text::plain(&bytes[header.len()..], Before::default()), true);
}
