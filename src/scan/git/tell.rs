//! Judges for good what holds something, where it lies. In: the objects, their bytes, their places. Out: findings, each with
//! the first place of its object and all the others.

use std::collections::HashSet;
use std::sync::Arc;

use super::places::{Place, Places};
use super::sweep::{self, Facts};
use crate::blob::{Kind, Origin};
use crate::finding::Skip;
use crate::judge::{self, PathClass};
use crate::object::{Commit, Held, ObjectId, ObjectKind, ObjectMap};
use crate::scan::Scan;
use crate::scan::worker::{Glance, Told, Worker};
use crate::source::git::store::Store;
use crate::source::tree::{Exclude, Visit};

/// How many references and how many other places are named of one object. Every key in it names them all again.
const MOST: usize = 1000;

/// What an index holds.
pub(super) struct Staged {
    pub(super) path: Vec<u8>,
    /// The worktree whose index it is.
    pub(super) repository: Arc<[u8]>,
}

/// What is known of a repository when its objects have all been looked at.
pub(super) struct Teller<'t, 'a> {
    pub(super) scan: &'t Scan<'a>,
    /// The repository.
    pub(super) held: Held,
    pub(super) exclude: &'t Exclude,
    pub(super) store: &'t Store,
    pub(super) places: &'t Places,
    /// What indexes hold, and where.
    pub(super) staged: &'t ObjectMap<Vec<Staged>>,
    /// Whether all of it is known to be held by something.
    pub(super) reachable: bool,
}

/// An object that could be a finding, and who holds it.
pub(super) struct Hit {
    pub(super) id: ObjectId,
    /// The names of references; of very many the first.
    pub(super) refs: Vec<Vec<u8>>,
    /// How many more hold it.
    pub(super) more_refs: usize,
}

impl Teller<'_, '_> {
    /// Everything that could be a finding.
    pub(super) fn hits(&self, facts: &Facts) -> Vec<Hit> {
        let speaks = self.speaking(facts);
        let hits = facts.touched.iter().filter(|(id, kind, glance)| self.may_say(id, *kind, *glance, &speaks));
        let hits: Vec<ObjectId> = hits.map(|(id, _, _)| *id).collect();
        let holders = self.places.holders(&hits, MOST);
        hits.into_iter().zip(holders).map(|(id, (refs, more_refs))| Hit { id, refs, more_refs }).collect()
    }

    /// Judges what could be a finding where it lies.
    pub(super) fn tell<'w, 'a: 'w>(&self, hits: &[Hit], worker: &(impl Fn() -> Worker<'w, 'a> + Sync)) {
        let start = || (worker(), self.store.reader());
        // What was found is told even if the scan is to stop.
        self.scan.share_all(hits, start, |(worker, reader), Hit { id, refs, more_refs }| {
            let (kind, bytes) = match reader.read(id) {
                Ok(read) => read,
                // It could be read a moment ago.
                Err(error) => {
                    let origin = Origin::new(Kind::Blob, "").held(Held { object: Some(*id), ..self.held.clone() });
                    return worker.skip(Skip { origin, reason: format!("object {id} {error}"), gap: true });
                }
            };
            let reachable = self.reachable || !refs.is_empty() || self.staged.contains_key(id);
            let (refs, more_refs) = (refs.clone(), *more_refs);
            let held = Held { object: Some(*id), refs, more_refs, reachable, ..self.held.clone() };
            match kind {
                ObjectKind::Blob => self.blob(worker, held, bytes),
                ObjectKind::Commit => {
                    let commit = self.places.graph.place(id).map(|place| self.commit(place));
                    let origin = Origin::new(Kind::Commit, "").held(Held { commit, ..held });
                    worker.again(Told::new(), |worker| sweep::look_at_message(worker, &origin, bytes));
                }
                ObjectKind::Tag => {
                    let origin = Origin::new(Kind::Tag, "").held(held);
                    worker.again(Told::new(), |worker| sweep::look_at_message(worker, &origin, bytes));
                }
                ObjectKind::Tree => {}
            }
        });
    }

    /// Whether there is something to say of an object at one of its places; `speaks` are the paths that say something.
    fn may_say(&self, id: &ObjectId, kind: ObjectKind, glance: Glance, speaks: &HashSet<&[u8]>) -> bool {
        let paths = || self.paths(id);
        let excluded = kind == ObjectKind::Blob
            && paths().next().is_some()
            && paths().all(|path| self.exclude.matches_in_git(&self.held.repository, path));
        !excluded && (glance.says || kind == ObjectKind::Blob && paths().any(|path| speaks.contains(path)))
    }

    /// The paths of blobs of which there is nothing to say by themselves that say something of them.
    fn speaking<'p>(&'p self, facts: &'p Facts) -> HashSet<&'p [u8]> {
        let silent = facts.touched.iter().filter(|(_, kind, glance)| *kind == ObjectKind::Blob && !glance.says);
        let paths: HashSet<&[u8]> = silent.flat_map(|(id, ..)| self.paths(id)).collect();
        let paths: Vec<&[u8]> = paths.into_iter().collect();
        let speaks = |path: &[u8]| judge::path_class(&Origin::new(Kind::Blob, path), b"").speaks();
        let parts = self.scan.share_all(&paths, Vec::new, |speaking: &mut Vec<&[u8]>, &path| {
            if speaks(path) {
                speaking.push(path);
            }
        });
        parts.into_iter().flatten().collect()
    }

    /// The paths of a blob: those at which commits introduced it, those that indexes have, and those in trees without a commit.
    fn paths<'p>(&'p self, blob: &ObjectId) -> impl Iterator<Item = &'p [u8]> {
        let places = self.places.of(blob).iter().map(|(_, path)| path.as_slice());
        places.chain(self.staged(blob).iter().map(|staged| staged.path.as_slice())).chain(self.pinned(blob))
    }

    /// Where indexes have a blob.
    fn staged(&self, blob: &ObjectId) -> &[Staged] {
        self.staged.get(blob).map_or(&[], Vec::as_slice)
    }

    /// The paths of a blob in trees without a commit; none at all is one where there is no other.
    fn pinned<'p>(&'p self, blob: &ObjectId) -> impl Iterator<Item = &'p [u8]> {
        let is_alone = self.places.of(blob).is_empty() && self.staged(blob).is_empty();
        self.places.pinned(blob).filter(move |path| is_alone || !path.is_empty())
    }

    /// Judges a blob at the first of its places of each class, so that what only a path tells is said too: where commits
    /// introduced it, then where indexes have it, then in trees without a commit.
    fn blob(&self, worker: &mut Worker<'_, '_>, held: Held, bytes: &[u8]) {
        let Some(id) = held.object else { return };
        let is_wanted = |path: &[u8]| !self.exclude.matches_in_git(&self.held.repository, path);
        let places: Vec<&Place> = self.places.of(&id).iter().filter(|(_, path)| is_wanted(path)).collect();
        let notes = !held.refs.is_empty() && held.refs.iter().all(|name| name.starts_with(b"refs/notes/"));
        let kind = if notes { Kind::Note } else { Kind::Blob };
        let mut told = Told::new();
        let mut classes: HashSet<PathClass> = HashSet::new();
        let mut paths: HashSet<&[u8]> = HashSet::new();
        let mut is_new =
            |kind: Kind, path| paths.insert(path) && classes.insert(judge::path_class(&Origin::new(kind, path), bytes));
        for &place in places.iter().filter(|(_, path)| is_new(kind, path)) {
            let (commit, path) = place;
            let others = places.iter().filter(|&&other| other != place).take(MOST);
            let also = others.map(|(commit, path)| (self.commit(*commit), path.clone())).collect();
            let more_places = (places.len() - 1).saturating_sub(MOST);
            let commit = Some(self.commit(*commit));
            let origin = Origin::new(kind, path.clone());
            let origin = origin.held(Held { commit, also, more_places, ..held.clone() });
            told = worker.again(told, |worker| worker.bytes(&origin, bytes));
        }
        for staged in
            self.staged(&id).iter().filter(|staged| is_wanted(&staged.path) && is_new(Kind::Staged, &staged.path))
        {
            let held = Held { repository: staged.repository.to_vec(), ..held.clone() };
            let origin = Origin::new(Kind::Staged, staged.path.clone()).held(held);
            told = worker.again(told, |worker| worker.bytes(&origin, bytes));
        }
        let pinned = self.pinned(&id).filter(|path| is_wanted(path) && is_new(Kind::Blob, path));
        let nameless = self.paths(&id).next().is_none().then_some(&b""[..]);
        for path in pinned.chain(nameless) {
            let origin = Origin::new(Kind::Blob, path).held(held.clone());
            told = worker.again(told, |worker| worker.bytes(&origin, bytes));
        }
    }

    fn commit(&self, place: u32) -> Arc<Commit> {
        let node = &self.places.graph.commits[place as usize];
        Arc::new(Commit { id: node.id, author: node.raw.author.clone(), date: node.raw.authored })
    }
}
