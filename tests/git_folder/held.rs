//! Which blobs some commits hold, told by an index and the trees in which it differs. In: indexes that git wrote, and such as
//! it would never write. Out: what reading all of those trees finds.

use std::collections::{BTreeSet, HashSet};
use std::fs;

use wandward::object::{ObjectId, ObjectKind};
use wandward::source::git::index;
use wandward::source::git::object::{self, EntryKind};
use wandward::source::git::store::{Reader, Store};

use super::changed::{id, raw, replaced, settled};
use super::opened;
use super::support::git::Repo;

fn tree(reader: &mut Reader<'_>, id: &ObjectId) -> Option<Vec<u8>> {
    match reader.read(id) {
        Ok((ObjectKind::Tree, bytes)) => Some(bytes.to_vec()),
        _ => None,
    }
}

/// Paths and blobs of some trees, all of which are read.
fn all_of(reader: &mut Reader<'_>, trees: &[ObjectId], id_length: usize) -> BTreeSet<(Vec<u8>, ObjectId)> {
    let mut next: Vec<(Vec<u8>, ObjectId)> = trees.iter().map(|id| (Vec::new(), *id)).collect();
    let mut found = BTreeSet::new();
    while let Some((path, id)) = next.pop() {
        for entry in object::tree(&tree(reader, &id).unwrap_or_default(), id_length) {
            let path = [&path, entry.name].concat();
            match entry.kind {
                EntryKind::Folder => next.push(([&path[..], b"/"].concat(), entry.id)),
                _ => _ = found.insert((path, entry.id)),
            }
        }
    }
    found
}

/// What we say of `wanted` blobs, and what reading all of the trees says.
fn both(repo: &Repo, trees: &[ObjectId], wanted: &[ObjectId]) -> (Option<HashSet<ObjectId>>, HashSet<ObjectId>) {
    let folder = opened(&repo.path);
    let id_length = folder.shape.id_length;
    let store = Store::open(&folder.objects(), id_length);
    let (mut reader, mut other) = (store.reader(), store.reader());
    let all = all_of(&mut reader, trees, id_length);
    // Staged where no tree has anything, as far as the index goes.
    let new: Vec<_> = wanted.iter().map(|id| (b"\xff new".to_vec(), *id)).collect();
    let mut is_there = |path: &[u8], id: &ObjectId| all.contains(&(path.to_vec(), *id));
    let held = index::held(&folder.index(), &folder, trees, &new, &mut |id| tree(&mut other, id), &mut is_there);
    let plain = all.iter().map(|(_, id)| *id).filter(|id| wanted.contains(id)).collect();
    (held, plain)
}

/// Of every blob that the repository has it is told whether its last commits hold it.
pub(super) fn same_held(repo: &Repo, how: &str) {
    let listed = repo.git(&["cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)"]);
    let blobs: Vec<ObjectId> = listed.lines().filter_map(|line| Some(id(line.strip_prefix("blob ")?))).collect();
    let commits = repo.git(&["log", "-2", "--format=%T"]);
    let trees: Vec<ObjectId> = commits.lines().map(id).collect();
    let folder = opened(&repo.path);
    let closed = index::read(&folder.index(), &folder).unwrap().iter().any(index::IndexEntry::is_folder);
    for trees in [&trees[..1], &trees] {
        let (held, plain) = both(repo, trees, &blobs);
        // Where folders are closed only the trees can tell.
        assert_eq!(held, Some(plain).filter(|_| !closed), "after {how}");
    }
}

#[test]
fn what_an_index_claims_of_a_commit_is_looked_for_there() {
    let (repo, bytes) = settled();
    let head = id(&repo.id("HEAD^{tree}"));
    let [one, other] = [repo.id("HEAD:a/one"), repo.blob(b"another\n")];
    // The tree that the index knows is that of the commit, and this entry is in neither.
    let lie = replaced(&bytes, &raw(&one), &raw(&other), 0);
    fs::write(repo.at(".git/index"), lie).unwrap();
    assert_eq!(both(&repo, &[head], &[id(&other)]), (Some(HashSet::new()), HashSet::new()));
    // What it hides is taken for new.
    assert_eq!(both(&repo, &[head], &[id(&one)]), (Some(HashSet::new()), [id(&one)].into()));
}

#[test]
fn no_more_than_some_entries_are_looked_for_in_vain() {
    let repo = Repo::new();
    repo.stage("first", "first\n");
    repo.commit("first");
    let blob = repo.blob(b"many times\n");
    let many: String = (0..2000).map(|nth| format!("100644 {blob}\tf{nth:04}\n")).collect();
    repo.fed(&["update-index", "--index-info"], many.as_bytes());
    assert_eq!(both(&repo, &[id(&repo.id("HEAD^{tree}"))], &[id(&blob)]), (None, HashSet::new()));
}
