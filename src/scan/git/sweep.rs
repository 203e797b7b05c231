//! Reads every object of a repository once. In: its object database. Out: what history is made of, and which objects hold
//! anything of a key's shape. Where they lie is not known yet, so nothing is said of them.

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::AtomicUsize;

use super::trees::{Named, Trees};
use crate::blob::{Before, Kind, Origin, Text};
use crate::cache::Cache;
use crate::object::{ObjectId, ObjectKind, ObjectMap};
use crate::scan::Scan;
use crate::scan::worker::{Glance, Worker};
use crate::source::git::object::{self, RawCommit};
use crate::source::git::store::{Listing, ReadError, Store, UNMARKED};

/// How many entries of trees are kept, four bytes each; a repository of some megabytes can have billions of them.
pub(super) const MOST_NAMED: usize = 1 << 28;

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
    pub(super) trees: Vec<Named>,
    /// The objects that hold anything of a key's shape.
    pub(super) touched: Vec<(ObjectId, ObjectKind, Glance)>,
    /// What trees, commits and tags name and nobody holds.
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
    let witnesses = cache.map_or_else(Vec::new, |_| store.witnesses(&listing.entries));
    let is_clean = |nth: usize| {
        let witness = witnesses.get(nth).copied().flatten();
        witness.is_some_and(|witness| cache.is_some_and(|cache| cache.is_clean(&witness)))
    };
    let clean: Vec<bool> = (0..listing.entries.len()).map(is_clean).collect();
    let known_clean = clean.iter().filter(|clean| **clean).count();
    worker().count_known_clean(known_clean as u64);
    let rest = (known_clean > 0).then(|| listing.forest.only(|nth| !clean[nth]));
    let forest = rest.as_ref().unwrap_or(&listing.forest);
    let left = AtomicUsize::new(MOST_NAMED);
    let start = || {
        let trees = (Trees::new(&ids, id_length, &left), Named::default());
        (worker(), store.walk(&listing.entries, forest), trees, Facts::default())
    };
    let parts = scan.share_singly(forest.parts(), start, |(worker, walk, (trees, named), facts), part| {
        walk.read_versions(part, &mut |nth, object| {
            let id = listing.entries[nth].id;
            let mark = match object {
                Ok(tree) if tree.kind == ObjectKind::Tree => {
                    worker.count(&Origin::new(Kind::Blob, ""), tree.bytes.len() as u64);
                    let (mark, is_whole) = trees.read(nth as u32, &tree, named, &mut facts.missing);
                    if !is_whole {
                        facts.unread.push((id, ReadError::Damaged("it is no tree to its end".to_owned())));
                    }
                    mark
                }
                Ok(object) => {
                    facts.take(worker, id, object.kind, object.bytes, most);
                    UNMARKED
                }
                Err(error) => {
                    facts.unread.push((id, error));
                    UNMARKED
                }
            };
            (!scan.stopped()).then_some(mark)
        });
    });
    let mut all = Facts::default();
    // The workers tell what they counted when they go.
    let parts: Vec<_> = parts.into_iter().map(|(_, _, (_, named), part)| (named, part)).collect();
    for (named, part) in parts {
        all.join(part);
        all.trees.push(named);
    }
    // Git knows the empty tree without holding it.
    let empty = object::empty_tree(id_length);
    let trees = all.commits.iter().map(|(_, commit)| commit.tree);
    let named = trees.chain(all.tags.values().copied());
    all.missing.extend(named.filter(|id| *id != empty && !ids.contains_key(id)));
    let learnt = std::mem::take(&mut all.clean);
    // What is cut short is not known to be clean.
    if let Some(cache) = cache.filter(|_| !scan.stopped()) {
        cache.learn(learnt.iter().filter_map(|id| witnesses[*ids.get(id)? as usize]));
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
                match object::commit(bytes) {
                    Some(commit) => self.commits.push((id, commit)),
                    None => self
                        .unread
                        .push((id, ReadError::Damaged("it names no tree, or a parent that is none".to_owned()))),
                }
                worker.glance(|worker| look_at_message(worker, &Origin::new(Kind::Commit, ""), bytes))
            }
            ObjectKind::Tag => {
                worker.count(&Origin::new(Kind::Tag, ""), bytes.len() as u64);
                match object::tagged(bytes) {
                    Some(target) => drop(self.tags.insert(id, target)),
                    None => self.unread.push((id, ReadError::Damaged("it names no object".to_owned()))),
                }
                worker.glance(|worker| look_at_message(worker, &Origin::new(Kind::Tag, ""), bytes))
            }
            ObjectKind::Tree => {
                return self.unread.push((id, ReadError::Damaged("it is a tree".to_owned())));
            }
        };
        if !glance.is_clean() {
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
