//! `--staged`, `--range`, `--pre-push`, and the events of CI systems: what changes in a repository. In: an index, two sets of commits. Out: findings in
//! content and messages that were not there before.

mod staged;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::places::{Place, Places, Spent};
use super::sweep;
use super::tell::Teller;
use super::{Found, number, skip, unread, whole};
use crate::blob::{Kind, Origin};
use crate::finding::Outcome;
use crate::judge::{self, Judge};
use crate::object::{ObjectId, ObjectKind, ObjectMap};
use crate::scan::Scan;
use crate::scan::worker::Worker;
use crate::source::MAX_WHOLE;
use crate::source::git::folder::GitFolder;
use crate::source::git::history::{self, Folder, Graph};
use crate::source::git::object;
use crate::source::git::pre_push::{BadLine, Push, Pushed, Revision};
use crate::source::git::refs::{self, Reference};
use crate::source::git::revision::{self, Lookup, Range, RevisionError};
use crate::source::git::store::{Reader, Store};
use crate::source::git::walk;
use crate::source::tree::{self, BadGlob, Exclude, Tree};

/// A change to scan.
pub struct Change {
    /// Paths in the repositories, and what to leave out of them.
    pub tree: Tree,
    /// The git directory, where git says which one it is.
    pub git: Option<PathBuf>,
    /// Which change.
    pub what: What,
}

/// Which change.
pub enum What {
    /// An index against the commits that the next one will follow; the repository's own unless one is named. And commits that
    /// are being merged, where git does not say so in `MERGE_HEAD` yet.
    Staged(Option<PathBuf>, Vec<ObjectId>),
    /// All that the index holds, whichever commits have it already.
    Index,
    /// The commits of `A..B` or `A...B`.
    Range(Vec<u8>),
    /// What a push sends.
    Push(Pushed),
    /// What some commits and tags have since they left others.
    Since(Push),
}

/// Why a scan cannot be done as asked.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// A glob cannot be read.
    #[error(transparent)]
    Glob(#[from] BadGlob),
    /// A revision names no commit.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// What git says to a pre-push hook cannot be read.
    #[error(transparent)]
    PushLine(#[from] BadLine),
}

impl Scan<'_> {
    /// Scans a change in each repository that a root lies in.
    pub(in crate::scan) fn change(&self, change: &Change, outcome: &Mutex<Outcome>) -> Result<(), Wrong> {
        let exclude = Exclude::new(&change.tree)?;
        let mut seen = HashSet::new();
        for root in &change.tree.roots {
            let folder = match &change.git {
                Some(git) => GitFolder::at(git),
                None => GitFolder::above(root),
            };
            let folder = match folder {
                Ok(Some(folder)) => folder,
                Ok(None) => {
                    skip(outcome, tree::skip(root, "there is no git repository here or above it", true));
                    continue;
                }
                Err(error) => {
                    skip(outcome, tree::skip(&error.path, error.reason, true));
                    continue;
                }
            };
            // The index that git names is that of the repository it works in.
            let here = match &change.git {
                Some(git) => GitFolder::at(git),
                None => GitFolder::above(Path::new(".")),
            };
            let here = matches!(here, Ok(Some(here)) if here.git == folder.git);
            if seen.insert(folder.git.clone()) {
                let (_, shown) = whole(root, &folder);
                let found = Found::new(folder, shown);
                found.unknown(outcome);
                let store = match change.what {
                    What::Staged(..) => Store::open_for_few(&found.folder.objects(), found.folder.shape.id_length),
                    _ => found.store(),
                };
                let changed =
                    Changed { scan: self, found: &found, store: &store, change, here, exclude: &exclude, outcome };
                match changed.scan() {
                    // What a clone lacks is no wrong word of whoever asked.
                    Err(Wrong::Revision(error @ RevisionError::Missing(..))) => {
                        skip(outcome, tree::skip(&found.git, error.to_string(), true));
                    }
                    scanned => scanned?,
                }
            }
        }
        Ok(())
    }
}

/// A repository in which something changes.
struct Changed<'c, 'a> {
    scan: &'c Scan<'a>,
    found: &'c Found,
    store: &'c Store,
    change: &'c Change,
    /// Whether it is the one that the program was started in.
    here: bool,
    exclude: &'c Exclude,
    outcome: &'c Mutex<Outcome>,
}

/// Commits and other objects to look at, and what lies before them.
#[derive(Default)]
struct Asked {
    tips: Vec<ObjectId>,
    without: Vec<ObjectId>,
    /// Names that references get.
    names: Vec<Vec<u8>>,
    /// Whether what lies before is what the commits began with, rather than what `without` has by now.
    since_fork: bool,
}

impl Changed<'_, '_> {
    fn scan(&self) -> Result<(), Wrong> {
        let store = self.store;
        let is_object = |_: &Origin, id: &str| {
            ObjectId::from_hex(id.as_bytes()).is_some_and(|id| store.holds(&id, MAX_WHOLE as u64))
        };
        let judge = || Judge::new(self.scan.rules, self.scan.policy, &is_object).of_habits();
        match &self.change.what {
            What::Staged(index, merged) => {
                let own = self.found.folder.index();
                let heads = refs::head(&self.found.folder).or_else(|| self.head()).into_iter();
                let merged = merged.iter().copied().filter(|_| self.here);
                let heads = heads.chain(refs::merge_heads(&self.found.folder)).chain(merged).collect();
                // git counts what it names so from the top of the working tree, wherever its hook has gone since.
                let top = self.found.folder.worktree.as_deref().unwrap_or(Path::new(""));
                let named = index.as_ref().filter(|_| self.here).map(|index| top.join(index));
                self.staged(&named.unwrap_or(own), heads, judge);
                return Ok(());
            }
            What::Index => {
                self.staged(&self.found.folder.index(), Vec::new(), judge);
                return Ok(());
            }
            What::Range(_) | What::Push(_) | What::Since(_) => {}
        }
        let judge = judge();
        let worker = || Worker::new(self.scan, &judge, self.outcome);
        let references = self.references();
        match &self.change.what {
            What::Staged(..) | What::Index => {}
            What::Range(range) => {
                let range = Range::parse(range)?;
                let looked = Looked(RefCell::new(store.reader()), store);
                let resolve = |side: &[u8]| revision::resolve(side, &self.found.folder, &references, &looked);
                let asked = Asked {
                    tips: vec![resolve(&range.to)?],
                    without: vec![resolve(&range.from)?],
                    since_fork: range.symmetric,
                    ..Asked::default()
                };
                self.commits(asked, &references, &worker);
            }
            What::Push(pushed) => {
                let push = Push::new(pushed, &references, &self.found.folder.remotes);
                self.commits(self.asked(&push, &references), &references, &worker);
            }
            What::Since(push) => {
                let asked = Asked { since_fork: true, ..self.asked(push, &references) };
                self.commits(asked, &references, &worker);
            }
        }
        worker().together();
        Ok(())
    }

    fn references(&self) -> Vec<Reference> {
        let (references, gaps) = refs::references(&self.found.folder);
        gaps.into_iter().for_each(|(path, reason)| self.gap(&path, reason));
        references
    }

    fn head(&self) -> Option<ObjectId> {
        self.references().into_iter().find(|head| head.name == b"HEAD")?.target
    }

    fn gap(&self, path: &Path, reason: impl Into<String>) {
        skip(self.outcome, tree::skip(&self.found.show(path), reason, true));
    }

    /// What a push is asked about, as objects.
    fn asked(&self, push: &Push, references: &[Reference]) -> Asked {
        let looked = Looked(RefCell::new(self.store.reader()), self.store);
        let resolve = |revision: &Revision| match revision {
            Revision::Id(id) => Ok(*id),
            Revision::Name(name) => revision::resolve(name, &self.found.folder, references, &looked),
        };
        let mut asked = Asked { names: push.names.clone(), ..Asked::default() };
        for tip in &push.tips {
            match resolve(tip) {
                Ok(id) => asked.tips.push(id),
                Err(error) => self.gap(&self.found.folder.git, error.to_string()),
            }
        }
        asked.without.extend(push.without.iter().filter_map(|revision| resolve(revision).ok()));
        asked
    }

    /// Looks at the commits between, at their messages, and at the blobs that they introduce.
    fn commits<'w, 'a: 'w>(
        &self,
        asked: Asked,
        references: &[Reference],
        worker: &(impl Fn() -> Worker<'w, 'a> + Sync),
    ) {
        let id_length = self.found.folder.shape.id_length;
        asked.names.iter().for_each(|name| self.found.name(&mut worker(), name));
        let reader = RefCell::new(self.store.reader());
        let mut tips = Tips::default();
        let mut left_out = Tips::default();
        asked.without.iter().for_each(|id| left_out.take(&mut reader.borrow_mut(), *id));
        asked.tips.iter().for_each(|id| tips.take(&mut reader.borrow_mut(), *id));
        tips.others.retain(|id| !left_out.others.contains(id));
        let mut read = |id: &ObjectId| reader.borrow_mut().commit(id);
        let between = walk::between(&mut read, &tips.commits, &left_out.commits);
        self.not_there(&between.missing, &tips.missing);
        let ids: Vec<ObjectId> = between.commits.iter().map(|(id, _)| *id).collect();
        let graph = Graph::new(between.commits);
        let unread_trees = RefCell::new(BTreeSet::new());
        let folder = |id: &ObjectId| {
            let (folder, whole) = read_folder(&mut reader.borrow_mut(), id, id_length);
            if !whole && *id != object::empty_tree(id_length) {
                unread_trees.borrow_mut().insert(*id);
            }
            folder
        };
        let mut by_blob: ObjectMap<Vec<Place>> = ObjectMap::default();
        let spent = Spent::default();
        let mut too_many = false;
        for (place, node) in (0u32..).zip(&graph.commits) {
            let parents = node.raw.parents.iter().filter_map(|id| Some(reader.borrow_mut().commit(id)?.tree));
            let parents: Vec<ObjectId> = parents.collect();
            let result = spent.introduced(node.raw.tree, &parents, &folder, &mut |path, id| {
                by_blob.entry(id).or_default().push((place, path.to_vec()));
            });
            too_many |= result.is_err();
        }
        let mut pinned: ObjectMap<BTreeSet<Vec<u8>>> = ObjectMap::default();
        for tree in tips.trees {
            let result = spent.introduced(tree, &[], &folder, &mut |path, id| {
                pinned.entry(id).or_default().insert(path.to_vec());
            });
            too_many |= result.is_err();
        }
        if let Some(first) = unread_trees.borrow().first() {
            let many = unread_trees.borrow().len();
            self.gap(&self.found.folder.git, format!("cannot be read: {}, {first} among them", number(many, "tree")));
        }
        if too_many {
            self.gap(&self.found.folder.git, "it has more paths than are followed");
        }
        let before = match asked.since_fork {
            true => graph.missing_parents().map(|(_, parent)| parent).collect(),
            false => left_out.commits,
        };
        let trees = before.iter().filter_map(|id| Some(reader.borrow_mut().commit(id)?.tree));
        let trees: Vec<ObjectId> = trees.collect();
        let at = |path: &[u8]| at_path(&mut reader.borrow_mut(), &trees, path, id_length);
        let before = blobs_in(&mut reader.borrow_mut(), trees.clone(), id_length);
        by_blob.retain(|id, places| {
            !before.contains(id) || places.iter().any(|(_, path)| speaks(path) && !at(path).contains(id))
        });
        by_blob.values_mut().for_each(|places| places.sort());
        let blobs = by_blob.keys().chain(pinned.keys()).copied();
        let asked: BTreeSet<ObjectId> = blobs.chain(tips.others).chain(ids).collect();
        let asked: Vec<ObjectId> = asked.into_iter().collect();
        let facts = sweep::some(self.scan, self.store, &asked, self.change.tree.max_file_size, worker);
        unread(self.found, &facts, self.outcome);
        let places = Places::known(graph, by_blob, pinned, references, &facts.tags);
        let teller = Teller {
            scan: self.scan,
            held: self.found.held(),
            exclude: self.exclude,
            store: self.store,
            places: &places,
            staged: &ObjectMap::default(),
            reachable: true,
        };
        teller.tell(&teller.hits(&facts), worker);
    }

    fn not_there(&self, parents: &[ObjectId], tips: &[ObjectId]) {
        for id in tips {
            self.gap(&self.found.folder.git, format!("object {id} is not here"));
        }
        if let Some(first) = parents.iter().find(|id| !tips.contains(id)) {
            let shallow = if self.found.folder.shape.shallow { "a shallow clone: " } else { "" };
            let many = parents.len();
            self.gap(
                &self.found.folder.git,
                format!("{shallow}missing: {}, {first} among them", number(many, "commit")),
            );
        }
    }
}

/// What some ids come to: commits, and the tags and blobs on the way to them or beside them.
#[derive(Default)]
struct Tips {
    commits: Vec<ObjectId>,
    trees: Vec<ObjectId>,
    others: Vec<ObjectId>,
    missing: Vec<ObjectId>,
}

impl Tips {
    fn take(&mut self, reader: &mut Reader<'_>, mut id: ObjectId) {
        loop {
            match reader.read(&id) {
                Ok((ObjectKind::Commit, _)) => return self.commits.push(id),
                Ok((ObjectKind::Tag, bytes)) => {
                    let target = object::tagged(bytes).filter(|_| !self.others.contains(&id));
                    self.others.push(id);
                    let Some(target) = target else { return };
                    id = target;
                }
                Ok((ObjectKind::Blob, _)) => return self.others.push(id),
                Ok((ObjectKind::Tree, _)) => return self.trees.push(id),
                Err(_) => return self.missing.push(id),
            }
        }
    }
}

/// Whether a file's name can make a key of its content, so that one that moved there may be new.
fn speaks(path: &[u8]) -> bool {
    judge::path_class(&Origin::new(Kind::Blob, path), b"").speaks()
}

/// Every blob in some trees, as far as they can be read: of a tree that is not there nothing is known, so all that is said to
/// be in it is new.
fn blobs_in(reader: &mut Reader<'_>, mut trees: Vec<ObjectId>, id_length: usize) -> HashSet<ObjectId> {
    let (mut blobs, mut seen) = (HashSet::new(), HashSet::new());
    while let Some(tree) = trees.pop() {
        if !seen.insert(tree) {
            continue;
        }
        for entry in read_folder(reader, &tree, id_length).0.iter() {
            if entry.folder {
                trees.push(entry.id);
            } else {
                blobs.insert(entry.id);
            }
        }
    }
    blobs
}

/// What some trees have at a path.
fn at_path(reader: &mut Reader<'_>, trees: &[ObjectId], path: &[u8], id_length: usize) -> Vec<ObjectId> {
    let mut ids = trees.to_vec();
    for part in path.split(|&b| b == b'/') {
        let named = |id: &ObjectId| {
            let (folder, _) = read_folder(reader, id, id_length);
            folder.iter().find(|entry| entry.name == part).map(|entry| entry.id)
        };
        ids = ids.iter().filter_map(named).collect();
    }
    ids
}

/// What a folder holds, and whether that is all of it.
fn read_folder(reader: &mut Reader<'_>, id: &ObjectId, id_length: usize) -> (Folder, bool) {
    match reader.tree(id) {
        Some(bytes) => (history::folder(bytes, id_length, |_| true), object::is_whole_tree(bytes, id_length)),
        None => (Folder::default(), false),
    }
}

/// Objects, for whoever says which commit a person means.
struct Looked<'s>(RefCell<Reader<'s>>, &'s Store);

impl Lookup for Looked<'_> {
    fn object(&self, id: &ObjectId) -> Option<(ObjectKind, Vec<u8>)> {
        let mut reader = self.0.borrow_mut();
        let (kind, bytes): (ObjectKind, &[u8]) = reader.read(id).ok()?;
        Some((kind, bytes.to_vec()))
    }

    fn beginning(&self, digits: &str) -> Vec<ObjectId> {
        let listed = self.1.list().entries.into_iter().map(|entry| entry.id);
        listed.filter(|id| id.to_string().starts_with(digits)).collect()
    }
}
