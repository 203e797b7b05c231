//! What was to be said of a repository, in ids and numbers. In: what could be a finding, its places, what is not there. Out:
//! bytes for the cache, without a path or a text; and from these and the same repository all of that again. Names are read from
//! its trees each time. Where anything does not fit, there is no answer.

use std::collections::{BTreeSet, HashMap, HashSet};

use data_encoding::HEXLOWER;

use super::places::Places;
use super::sweep::Facts;
use super::tell::Hit;
use crate::blob::{Kind, Origin};
use crate::cache::LONGEST_ANSWER;
use crate::object::{ObjectId, ObjectKind, ObjectMap};
use crate::scan::worker::Worker;
use crate::source::git::history::Graph;
use crate::source::git::object::{self, EntryKind, RawCommit};
use crate::source::git::refs::Reference;
use crate::source::git::store::{Reader, Store};

/// The most bytes of trees that are read to tell where something lies. What takes more is found anew each time.
const MOST_TREES: usize = 64 << 20;
/// Bytes of the id of a Git LFS object.
const POINTER: usize = 32;

/// What a repository names and does not hold.
pub(super) struct Lacks {
    /// How many parents of commits, and the first of them.
    pub(super) parents: (usize, Option<ObjectId>),
    /// How many other objects, and the first of them.
    pub(super) missing: (usize, Option<ObjectId>),
    /// The Git LFS objects that it names, whether they are there or not.
    pub(super) pointers: BTreeSet<String>,
}

/// A commit, and a path in it.
type At = (ObjectId, Vec<u8>);

/// What is known of a repository before anything of it is judged.
pub(super) struct Answer {
    pub(super) lacks: Lacks,
    pub(super) hits: Vec<Hit>,
    pub(super) places: Places,
    /// How many objects it has.
    objects: u64,
    /// How many bytes those have that could be findings.
    sizes: Vec<u64>,
}

impl Lacks {
    /// What the facts of a repository and its history say.
    pub(super) fn of(facts: &Facts, places: &Places) -> Lacks {
        let unread: HashSet<ObjectId> = facts.unread.iter().map(|(id, _)| *id).collect();
        let parents: BTreeSet<ObjectId> = places.graph.missing_parents().map(|(_, parent)| parent).collect();
        let parents: BTreeSet<ObjectId> = parents.into_iter().filter(|parent| !unread.contains(parent)).collect();
        Lacks {
            parents: (parents.len(), parents.first().copied()),
            missing: (facts.missing.len(), facts.missing.iter().min().copied()),
            pointers: facts.pointers.clone(),
        }
    }

    /// Writes an answer for a repository of so many objects; none if it is long, or takes long.
    pub(super) fn with(
        &self,
        objects: u64,
        hits: &[Hit],
        places: &Places,
        (store, id_length): (&Store, usize),
        references: &[Reference],
    ) -> Option<Vec<u8>> {
        let mut out = Out(Vec::new());
        out.number(objects as usize);
        for (many, first) in [self.parents, self.missing] {
            out.number(many);
            first.iter().for_each(|id| out.id(id));
        }
        out.number(self.pointers.len());
        for pointer in &self.pointers {
            out.0.extend(HEXLOWER.decode(pointer.as_bytes()).ok().filter(|bytes| bytes.len() == POINTER)?);
        }
        let names = names(references);
        let mut sets: HashMap<(&[Vec<u8>], usize), usize> = HashMap::new();
        let mut way = Way { reader: store.reader(), id_length, left: MOST_TREES };
        out.number(hits.len());
        for Hit { id, refs, more_refs } in hits {
            out.id(id);
            let known = sets.len();
            let set = *sets.entry((refs, *more_refs)).or_insert(known);
            out.number(set);
            if set == known {
                out.number(*more_refs);
                out.runs(&refs.iter().map(|name| names.binary_search(&&name[..]).ok()).collect::<Option<Vec<_>>>()?);
            }
            let of = places.of(id);
            out.number(of.len());
            for (commit, path) in of {
                let commit = &places.graph.commits[*commit as usize];
                out.id(&commit.id);
                out.trail(&way.to(commit.raw.tree, path, id)?);
            }
            out.number(places.pinned_in(id).count());
            for (tree, path) in places.pinned_in(id) {
                out.id(&tree);
                out.trail(&way.to(tree, path, id)?);
            }
            if out.0.len() > LONGEST_ANSWER {
                return None;
            }
        }
        Some(out.0)
    }
}

impl Answer {
    /// Reads what [`Lacks::with`] wrote of this repository with these references.
    pub(super) fn read(bytes: &[u8], (store, id_length): (&Store, usize), references: &[Reference]) -> Option<Answer> {
        let mut rest = Rest { bytes, id_length };
        let mut way = Way { reader: store.reader(), id_length, left: MOST_TREES };
        let objects = rest.number()? as u64;
        let mut lack = || {
            let many = rest.number()?;
            Some((many, if many > 0 { Some(rest.id()?) } else { None }))
        };
        let (parents, missing) = (lack()?, lack()?);
        let mut pointers = BTreeSet::new();
        for _ in 0..rest.number()? {
            pointers.insert(HEXLOWER.encode(rest.take(POINTER)?));
        }
        let (mut hits, mut sizes) = (Vec::new(), Vec::new());
        let names = names(references);
        let mut sets: Vec<(Vec<Vec<u8>>, usize)> = Vec::new();
        let mut commits: ObjectMap<RawCommit> = ObjectMap::default();
        let mut found: Vec<(ObjectId, Vec<At>)> = Vec::new();
        let mut loose: ObjectMap<BTreeSet<Vec<u8>>> = ObjectMap::default();
        for _ in 0..rest.number()? {
            let id = rest.id()?;
            let set = rest.number()?;
            if set == sets.len() {
                let more = rest.number()?;
                sets.push((rest.runs(&names)?, more));
            }
            let (refs, more_refs) = sets.get(set)?.clone();
            hits.push(Hit { id, refs, more_refs });
            // What cannot be read any more is told as it is by a scan that reads everything.
            let (kind, bytes) = way.reader.read(&id).ok()?;
            sizes.push(bytes.len() as u64);
            if kind == ObjectKind::Commit {
                commits.insert(id, object::commit(bytes)?);
            }
            found.push((id, way.places(&mut rest, &mut commits, &id)?));
            for _ in 0..rest.number()? {
                let tree = rest.id()?;
                loose.entry(id).or_default().insert(way.back(tree, &rest.trail()?, &id)?);
            }
        }
        rest.bytes.is_empty().then_some(())?;
        let graph = Graph::new(commits.into_iter().collect());
        let at = |(commit, path): At| Some((graph.place(&commit)?, path));
        let by_blob = found.into_iter().filter(|(_, places)| !places.is_empty());
        let by_blob = by_blob.map(|(id, places)| Some((id, places.into_iter().map(at).collect::<Option<_>>()?)));
        let by_blob: ObjectMap<_> = by_blob.collect::<Option<_>>()?;
        let places = Places::known(graph, by_blob, loose, &[], &ObjectMap::default());
        Some(Answer { lacks: Lacks { parents, missing, pointers }, hits, places, objects, sizes })
    }

    /// Counts the objects of the repository.
    pub(super) fn count(&self, worker: &mut Worker<'_, '_>) {
        worker.count_known_clean(self.objects.saturating_sub(self.sizes.len() as u64));
        self.sizes.iter().for_each(|bytes| worker.count(&Origin::new(Kind::Blob, ""), *bytes));
    }
}

/// The names of references, in order: what holds something is told by their numbers.
fn names(references: &[Reference]) -> Vec<&[u8]> {
    let names: BTreeSet<&[u8]> = references.iter().map(|reference| &reference.name[..]).collect();
    names.into_iter().collect()
}

/// From a tree down to a blob, by names or by the numbers of entries.
struct Way<'s> {
    reader: Reader<'s>,
    id_length: usize,
    /// How many more bytes of trees may be read.
    left: usize,
}

impl Way<'_> {
    /// The number of each entry on the way to a blob that lies at a path.
    fn to(&mut self, tree: ObjectId, path: &[u8], blob: &ObjectId) -> Option<Vec<usize>> {
        let mut at = tree;
        let mut trail = Vec::new();
        let mut parts = path.split(|&b| b == b'/').peekable();
        while let Some(part) = parts.next() {
            let kind = if parts.peek().is_some() { EntryKind::Folder } else { EntryKind::File };
            let id_length = self.id_length;
            let mut entries = object::tree(self.tree(&at)?, id_length).enumerate();
            let (nth, entry) = entries.find(|(_, entry)| entry.name == part && entry.kind == kind)?;
            trail.push(nth);
            at = entry.id;
        }
        (at == *blob).then_some(trail)
    }

    /// The path of a blob at the end of such numbers.
    fn back(&mut self, tree: ObjectId, trail: &[usize], blob: &ObjectId) -> Option<Vec<u8>> {
        let mut at = tree;
        let mut path = Vec::new();
        for nth in trail {
            let id_length = self.id_length;
            let entry = object::tree(self.tree(&at)?, id_length).nth(*nth)?;
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(entry.name);
            at = entry.id;
        }
        (at == *blob).then_some(path)
    }

    /// Where commits introduced a blob. Those that are met for the first time are read.
    fn places(&mut self, rest: &mut Rest<'_>, commits: &mut ObjectMap<RawCommit>, blob: &ObjectId) -> Option<Vec<At>> {
        let mut places = Vec::new();
        for _ in 0..rest.number()? {
            let commit = rest.id()?;
            let tree = match commits.get(&commit) {
                Some(raw) => raw.tree,
                None => commits.entry(commit).or_insert(self.reader.commit(&commit)?).tree,
            };
            places.push((commit, self.back(tree, &rest.trail()?, blob)?));
        }
        Some(places)
    }

    fn tree(&mut self, id: &ObjectId) -> Option<&[u8]> {
        let bytes = self.reader.tree(id)?;
        self.left = self.left.checked_sub(bytes.len())?;
        Some(bytes)
    }
}

/// An answer that is being written. Numbers take seven bits a byte, the lowest first.
struct Out(Vec<u8>);

impl Out {
    fn number(&mut self, mut number: usize) {
        while number > 0x7f {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn id(&mut self, id: &ObjectId) {
        self.0.extend_from_slice(id.as_bytes());
    }

    /// Numbers that rise: how many are left out before each run of them, and how long that is.
    fn runs(&mut self, numbers: &[usize]) {
        let runs: Vec<&[usize]> = numbers.chunk_by(|one, next| one + 1 == *next).collect();
        self.number(runs.len());
        let mut end = 0;
        for run in runs {
            self.number(run[0] - end);
            self.number(run.len());
            end = run[0] + run.len();
        }
    }

    fn trail(&mut self, trail: &[usize]) {
        self.number(trail.len());
        trail.iter().for_each(|nth| self.number(*nth));
    }
}

/// What is not read yet of an answer.
struct Rest<'b> {
    bytes: &'b [u8],
    id_length: usize,
}

impl<'b> Rest<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<usize> {
        let mut number = 0usize;
        for shift in (0..usize::BITS).step_by(7) {
            let byte = self.take(1)?[0];
            number |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn id(&mut self) -> Option<ObjectId> {
        ObjectId::from_bytes(self.take(self.id_length)?)
    }

    /// The names that have such numbers.
    fn runs(&mut self, names: &[&[u8]]) -> Option<Vec<Vec<u8>>> {
        let (mut found, mut end) = (Vec::new(), 0usize);
        for _ in 0..self.number()? {
            let start = end.checked_add(self.number()?)?;
            end = start.checked_add(self.number()?)?;
            found.extend(names.get(start..end)?.iter().map(|name| name.to_vec()));
        }
        Some(found)
    }

    fn trail(&mut self) -> Option<Vec<usize>> {
        let many = self.number()?;
        (0..many).map(|_| self.number()).collect()
    }
}
