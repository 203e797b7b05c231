//! Where the blobs lie that hold something: which commits introduced them, at which paths, and who still holds them. In: the
//! facts of a repository, its references and indexes. Out: the places of each blob, all in one pass over the trees.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::hot::Hot;
use super::known::Known;
use super::sweep::Facts;
use crate::object::{ObjectId, ObjectMap};
use crate::scan::Scan;
use crate::source::git::history::{self, Folder, Graph, TooMany};
use crate::source::git::refs::Reference;
use crate::source::git::store::Store;

/// How many looks at entries of trees one commit may cost, how many all may, and how many places are named. A repository of a
/// few objects can have billions of each.
pub(super) const MOST_OF_ONE: usize = 4_000_000;
pub(super) const MOST_LOOKS: usize = 500_000_000;
pub(super) const MOST_PLACES: usize = 500_000;
/// How many bytes of trees are held at once, as far as they name what holds something.
const MOST_HELD: usize = 2 << 30;

/// Where one blob was introduced: the commit, by its place in the order, and the path.
pub(super) type Place = (u32, Vec<u8>);

/// The name of a reference, and a commit by its place in the order.
type Tip = (Vec<u8>, u32);

/// What holds an object without a commit.
#[derive(Default)]
struct Pinned {
    /// The names of references that come to it.
    names: Vec<Vec<u8>>,
    /// Its paths in trees, each with one that has it there, if that is known.
    paths: BTreeMap<Vec<u8>, Option<ObjectId>>,
}

/// The history of a repository, as far as it concerns what holds something.
pub(super) struct Places {
    pub(super) graph: Graph,
    /// Of each blob, in order: introduced by a commit that is held, then by place in the order, then by path.
    by_blob: ObjectMap<Vec<Place>>,
    /// The references, by name, and the commit that each comes to.
    tips: Vec<Tip>,
    /// What references name without a commit: annotated tags, blobs, and the blobs of trees, with their paths in those.
    pinned: ObjectMap<Pinned>,
    /// Whether there were more places than are named.
    pub(super) too_many: bool,
}

/// What finding places has cost so far, on all threads.
#[derive(Default)]
pub(super) struct Spent {
    looks: AtomicUsize,
    places: AtomicUsize,
}

impl Spent {
    /// As [`history::introduced`], within the bounds of this module.
    pub(super) fn introduced(
        &self,
        tree: ObjectId,
        parents: &[ObjectId],
        read: &dyn Fn(&ObjectId) -> Folder,
        each: &mut dyn FnMut(&[u8], ObjectId),
    ) -> Result<(), TooMany> {
        let most = MOST_LOOKS.saturating_sub(self.looks.load(Ordering::Relaxed)).min(MOST_OF_ONE);
        let mut left = most;
        let result = history::introduced(tree, parents, read, &mut left, &mut |path, id| {
            if self.places.fetch_add(1, Ordering::Relaxed) >= MOST_PLACES {
                return Err(TooMany);
            }
            each(path, id);
            Ok(())
        });
        self.looks.fetch_add(most - left, Ordering::Relaxed);
        result
    }
}

impl Places {
    /// Finds the places of the blobs that hold something.
    pub(super) fn find(
        scan: &Scan<'_>,
        store: &Store,
        id_length: usize,
        facts: &mut Facts,
        references: &[Reference],
    ) -> Places {
        let graph = Graph::new(std::mem::take(&mut facts.commits));
        let mut pinned = ObjectMap::default();
        let (tips, others) = tips(&graph, references, &facts.tags, &mut pinned);
        let held = graph.below(tips.iter().map(|(_, place)| *place));
        let hot = Hot::find(scan, store, id_length, facts);
        let (folders, mut too_many) = folders(scan, store, id_length, facts, &hot, MOST_HELD);
        too_many |= hot.too_deep;
        let none = Folder::default();
        let read = |id: &ObjectId| {
            let nth = facts.ids.get(id).and_then(|&nth| folders[nth as usize].as_ref());
            nth.unwrap_or(&none).clone()
        };

        let order: Vec<u32> = (0u32..).take(graph.commits.len()).collect();
        let spent = Spent::default();
        let start = || (Vec::<(ObjectId, Place)>::new(), false);
        let parts = scan.share(&order, start, |(places, too_many), &place| {
            let node = &graph.commits[place as usize];
            let parents: BTreeSet<ObjectId> =
                node.parents.iter().map(|&parent| graph.commits[parent as usize].raw.tree).collect();
            let parents: Vec<ObjectId> = parents.into_iter().collect();
            let result = spent.introduced(node.raw.tree, &parents, &read, &mut |path, id| {
                places.push((id, (place, path.to_vec())));
            });
            *too_many |= result.is_err();
        });
        too_many |= parts.iter().any(|(_, too_many)| *too_many);
        // What a `write-tree` left behind without a commit still says how its files were called.
        let of_commits: HashSet<ObjectId> = graph.commits.iter().map(|node| node.raw.tree).collect();
        let entries = facts.listing.entries.iter().zip(hot.trees.iter().zip(&hot.named));
        let tops = entries.filter(|(_, (is_tree, is_named))| **is_tree && !**is_named);
        for tree in tops.map(|(entry, _)| entry.id).filter(|id| !of_commits.contains(id)) {
            let result = spent.introduced(tree, &[], &read, &mut |path, id| {
                pinned.entry(id).or_default().paths.entry(path.to_vec()).or_insert(Some(tree));
            });
            too_many |= result.is_err();
        }
        let is_folder = |id: &ObjectId| facts.ids.get(id).is_some_and(|&nth| folders[nth as usize].is_some());
        for (name, tree) in others.into_iter().filter(|(_, id)| is_folder(id)) {
            let result = spent.introduced(tree, &[], &read, &mut |path, id| {
                let pinned = pinned.entry(id).or_default();
                if pinned.names.last() != Some(name) {
                    pinned.names.push(name.clone());
                }
                pinned.paths.entry(path.to_vec()).or_insert(Some(tree));
            });
            too_many |= result.is_err();
        }
        let mut by_blob: ObjectMap<Vec<Place>> = ObjectMap::default();
        for (id, place) in parts.into_iter().flat_map(|(places, _)| places) {
            by_blob.entry(id).or_default().push(place);
        }
        for places in by_blob.values_mut() {
            places.sort_by(|a, b| (!held[a.0 as usize], a).cmp(&(!held[b.0 as usize], b)));
        }
        Places { graph, by_blob, tips, pinned, too_many }
    }

    /// Those that are known already: of blobs that commits of `graph` introduced, and of blobs in trees without a commit.
    pub(super) fn known(
        graph: Graph,
        by_blob: ObjectMap<Vec<Place>>,
        loose: ObjectMap<BTreeSet<Vec<u8>>>,
        references: &[Reference],
        tags: &ObjectMap<ObjectId>,
    ) -> Places {
        let paths = |paths: BTreeSet<Vec<u8>>| paths.into_iter().map(|path| (path, None)).collect();
        let mut pinned: ObjectMap<Pinned> =
            loose.into_iter().map(|(id, loose)| (id, Pinned { paths: paths(loose), ..Pinned::default() })).collect();
        let (tips, _) = tips(&graph, references, tags, &mut pinned);
        Places { graph, by_blob, tips, pinned, too_many: false }
    }

    /// The places of a blob; none if no commit has it.
    pub(super) fn of(&self, blob: &ObjectId) -> &[Place] {
        self.by_blob.get(blob).map_or(&[], Vec::as_slice)
    }

    /// The paths of a blob in trees without a commit; an empty one if a reference names it and no such tree has it.
    pub(super) fn pinned(&self, blob: &ObjectId) -> impl Iterator<Item = &[u8]> {
        let pinned = self.pinned.get(blob);
        let bare = pinned.filter(|pinned| pinned.paths.is_empty()).map(|_| &b""[..]);
        pinned.into_iter().flat_map(|pinned| pinned.paths.keys().map(Vec::as_slice)).chain(bare)
    }

    /// Those trees and paths.
    pub(super) fn pinned_in(&self, blob: &ObjectId) -> impl Iterator<Item = (ObjectId, &[u8])> {
        let paths = self.pinned.get(blob).into_iter().flat_map(|pinned| &pinned.paths);
        paths.filter_map(|(path, tree)| Some(((*tree)?, path.as_slice())))
    }

    /// For each object the names of the references that hold it, sorted, of more than `most` the first, and how many more there are:
    /// a commit is held by being at or above it, a blob by being above a commit that introduced it, anything by being named. `HEAD`
    /// counts where nothing else holds it.
    pub(super) fn holders(&self, objects: &[ObjectId], most: usize) -> Vec<(Vec<Vec<u8>>, usize)> {
        // So many are looked for at a time. Of all at once the names could be billions.
        const SETS: usize = 64;
        let commits = |id: &ObjectId| match self.graph.place(id) {
            Some(place) => vec![place],
            None => self.of(id).iter().map(|place| place.0).collect(),
        };
        let tips: Vec<u32> = self.tips.iter().map(|tip| tip.1).collect();
        let named = |(holders, id): (Vec<usize>, &ObjectId)| {
            let direct = self.pinned.get(id).into_iter().flat_map(|pinned| &pinned.names);
            let mut names: Vec<&[u8]> =
                holders.into_iter().map(|nth| &self.tips[nth].0).chain(direct).map(Vec::as_slice).collect();
            names.sort_unstable();
            names.dedup();
            if names.iter().any(|name| name.starts_with(b"refs/")) {
                names.retain(|name| name.starts_with(b"refs/"));
            }
            let first = names.iter().take(most).map(|name| name.to_vec()).collect();
            (first, names.len().saturating_sub(most))
        };
        let some = |objects: &[ObjectId]| {
            let sets: Vec<Vec<u32>> = objects.iter().map(commits).collect();
            self.graph.holders(&sets, &tips).into_iter().zip(objects).map(named).collect::<Vec<_>>()
        };
        objects.chunks(SETS).flat_map(some).collect()
    }
}

/// The references that come to a commit, with that; and all with what they come to. What they name on the way is pinned.
fn tips<'r>(
    graph: &Graph,
    references: &'r [Reference],
    tags: &ObjectMap<ObjectId>,
    pinned: &mut ObjectMap<Pinned>,
) -> (Vec<Tip>, Vec<(&'r Vec<u8>, ObjectId)>) {
    let (mut tips, mut ends) = (Vec::new(), Vec::new());
    for Reference { name, target, .. } in references.iter().filter(|reference| reference.holds()) {
        let chain: Vec<ObjectId> = target.iter().flat_map(|&target| peeled(target, tags)).collect();
        for id in &chain {
            match graph.place(id) {
                Some(place) => tips.push((name.clone(), place)),
                None => pinned.entry(*id).or_default().names.push(name.clone()),
            }
        }
        ends.extend(chain.last().map(|&last| (name, last)));
    }
    (tips, ends)
}

/// An object, what it points at if it is a tag, and so on to the end.
fn peeled(id: ObjectId, tags: &ObjectMap<ObjectId>) -> impl Iterator<Item = ObjectId> {
    // Tags cannot name each other in a circle unless somebody breaks SHA-1.
    std::iter::successors(Some(id), |id| tags.get(id).copied()).take(tags.len() + 1)
}

/// What the hot trees hold that is hot, by their places in the listing; and whether that were more than `most` bytes.
pub(super) fn folders(
    scan: &Scan<'_>,
    store: &Store,
    id_length: usize,
    facts: &mut Facts,
    hot: &Hot,
    most: usize,
) -> (Vec<Option<Folder>>, bool) {
    let Hot { hot, trees: wanted, .. } = hot;
    let held = AtomicUsize::new(0);
    let forest = facts.listing.forest.only(|nth| wanted[nth]);
    let entries = &facts.listing.entries;
    // What each of them names, if that was kept in its order.
    let mut rows = vec![None; hot.len()];
    let known_rows = facts.trees.iter().flat_map(|named| named.entries());
    known_rows.filter(|(nth, _)| wanted[*nth as usize]).for_each(|(nth, row)| rows[nth as usize] = Some(row));
    let start = || (store.walk(entries, &forest), Known::new(&facts.ids), Vec::new(), Vec::new());
    let parts = scan.share_singly(forest.parts(), start, |(walk, known, folders, unread), part| {
        walk.read(part, &mut |nth, object| {
            let mut row = rows[nth].clone();
            let mut is_hot = |id: &ObjectId| {
                let nth = row.as_mut().map_or_else(|| known.nth(id), |row| row.next().flatten());
                nth.is_some_and(|nth| hot[nth as usize])
            };
            match object {
                Ok((_, bytes)) => {
                    let folder = history::folder(bytes, id_length, &mut is_hot);
                    if held.fetch_add(folder.bytes(), Ordering::Relaxed) + folder.bytes() <= most {
                        folders.push((nth, folder));
                    }
                }
                // It could be read a moment ago.
                Err(error) => unread.push((entries[nth].id, error)),
            }
            !scan.stopped()
        });
    });
    let parts: Vec<_> = parts.into_iter().map(|(_, _, folders, unread)| (folders, unread)).collect();
    drop(rows);
    let mut all = vec![None; hot.len()];
    for (folders, unread) in parts {
        folders.into_iter().for_each(|(nth, folder)| all[nth] = Some(folder));
        facts.unread.extend(unread);
    }
    (all, held.into_inner() > most)
}
