//! Where the blobs lie that hold something: which commits introduced them, at which paths, and who still holds them. In: the
//! facts of a repository, its references and indexes. Out: the places of each blob, all in one pass over the trees.

use std::collections::HashMap;

use super::sweep::Facts;
use crate::object::{ObjectId, ObjectKind, ObjectMap};
use crate::scan::Scan;
use crate::source::git::history::{self, Folder, Graph, TooMany};
use crate::source::git::refs::Reference;
use crate::source::git::store::Store;

/// How many entries of trees one thread looks at, and how many places it names. A repository of a few objects can have
/// billions of both.
const MOST_ENTRIES: usize = 50_000_000;
const MOST_PLACES: usize = 1_000_000;

/// Where one blob was introduced: the commit, by its place in the order, and the path.
pub(super) type Place = (u32, Vec<u8>);

/// The name of a reference, and a commit by its place in the order.
type Tip = (Vec<u8>, u32);

/// The names of references, and a path.
type Pinned = (Vec<Vec<u8>>, Vec<u8>);

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
        let hot = hot(facts);
        let is_hot = |id: &ObjectId| facts.ids.get(id).is_some_and(|&nth| hot[nth as usize]);
        let trees = facts.trees.iter().map(|(nth, _)| *nth).filter(|&nth| hot[nth as usize]);
        let trees: Vec<ObjectId> = trees.map(|nth| facts.entries[nth as usize].id).collect();
        let start = || (store.reader(), HashMap::<ObjectId, Folder>::new());
        let parts = scan.share(&trees, start, |(reader, folders), id| {
            if let Ok((ObjectKind::Tree, bytes)) = reader.read(id) {
                folders.insert(*id, history::folder(bytes, id_length, is_hot));
            }
        });
        let folders: ObjectMap<Folder> = parts.into_iter().flat_map(|(_, folders)| folders).collect();
        let none: Folder = Folder::from([]);
        let read = |id: &ObjectId| folders.get(id).unwrap_or(&none).clone();

        struct Found {
            places: Vec<(ObjectId, Place)>,
            budget: usize,
            too_many: bool,
        }
        let start = || Found { places: Vec::new(), budget: MOST_ENTRIES, too_many: false };
        let order: Vec<u32> = (0u32..).take(graph.commits.len()).collect();
        let parts = scan.share(&order, start, |found, &place| {
            let Found { places, budget, too_many } = found;
            let node = &graph.commits[place as usize];
            let parents: Vec<ObjectId> = node.parents.iter().map(|&p| graph.commits[p as usize].raw.tree).collect();
            let result = history::introduced(node.raw.tree, &parents, &read, budget, &mut |path, id| {
                if places.len() < MOST_PLACES {
                    places.push((id, (place, path.to_vec())));
                    return Ok(());
                }
                Err(TooMany)
            });
            *too_many |= result.is_err();
        });
        let mut too_many = parts.iter().any(|part| part.too_many);
        for (name, id) in others.into_iter().filter(|(_, id)| folders.contains_key(id)) {
            let mut budget = MOST_PLACES;
            let result = history::introduced(id, &[], &read, &mut budget, &mut |path, id| {
                let (names, first) = pinned.entry(id).or_default();
                names.push(name.clone());
                *first = path.to_vec();
                Ok(())
            });
            too_many |= result.is_err();
        }
        let mut by_blob: ObjectMap<Vec<Place>> = ObjectMap::default();
        for (id, place) in parts.into_iter().flat_map(|part| part.places) {
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
        loose: ObjectMap<Vec<u8>>,
        references: &[Reference],
        tags: &ObjectMap<ObjectId>,
    ) -> Places {
        let mut pinned: ObjectMap<Pinned> = loose.into_iter().map(|(id, path)| (id, (Vec::new(), path))).collect();
        let (tips, _) = tips(&graph, references, tags, &mut pinned);
        Places { graph, by_blob, tips, pinned, too_many: false }
    }

    /// The places of a blob; none if no commit has it.
    pub(super) fn of(&self, blob: &ObjectId) -> &[Place] {
        self.by_blob.get(blob).map_or(&[], Vec::as_slice)
    }

    /// The path of a blob in a tree that a reference names without a commit.
    pub(super) fn pinned(&self, blob: &ObjectId) -> Option<&[u8]> {
        self.pinned.get(blob).map(|(_, path)| path.as_slice())
    }

    /// For each object the names of the references that hold it, sorted: a commit by being at or above it, a blob by being
    /// above a commit that introduced it, anything by naming it. `HEAD` counts where nothing else holds it.
    pub(super) fn holders(&self, objects: &[ObjectId]) -> Vec<Vec<Vec<u8>>> {
        let commits = |id: &ObjectId| match self.graph.place(id) {
            Some(place) => vec![place],
            None => self.of(id).iter().map(|place| place.0).collect(),
        };
        let sets: Vec<Vec<u32>> = objects.iter().map(commits).collect();
        let tips: Vec<u32> = self.tips.iter().map(|tip| tip.1).collect();
        let holders = self.graph.holders(&sets, &tips).into_iter().zip(objects);
        let names = holders.map(|(holders, id)| {
            let direct = self.pinned.get(id).into_iter().flat_map(|(names, _)| names.clone());
            let mut names: Vec<Vec<u8>> =
                holders.into_iter().map(|nth| self.tips[nth].0.clone()).chain(direct).collect();
            names.sort();
            names.dedup();
            if names.iter().any(|name| name.starts_with(b"refs/")) {
                names.retain(|name| name.starts_with(b"refs/"));
            }
            names
        });
        names.collect()
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
                None => pinned.entry(*id).or_default().0.push(name.clone()),
            }
        }
        ends.extend(chain.last().map(|&last| (name, last)));
    }
    (tips, ends)
}

/// An object, what it points at if it is a tag, and so on to the end.
fn peeled(id: ObjectId, tags: &ObjectMap<ObjectId>) -> impl Iterator<Item = ObjectId> {
    const MOST: usize = 64;
    std::iter::successors(Some(id), |id| tags.get(id).copied()).take(MOST)
}

/// Which objects, by their places in the listing, are touched blobs or trees above one.
fn hot(facts: &Facts) -> Vec<bool> {
    let mut hot = vec![false; facts.ids.len()];
    for (id, _, _) in facts.touched.iter().filter(|(_, kind, _)| *kind == ObjectKind::Blob) {
        hot[facts.ids[id] as usize] = true;
    }
    loop {
        let mut changed = false;
        for (tree, named) in &facts.trees {
            if !hot[*tree as usize] && named.iter().any(|&nth| hot[nth as usize]) {
                hot[*tree as usize] = true;
                changed = true;
            }
        }
        if !changed {
            return hot;
        }
    }
}
