//! Whether a repository is known to be clean as it stands. In: a cache, and what a repository's indexes, references and object
//! folders name. Out: how many objects need not be read, and after a scan that said nothing, that this was so.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::Found;
use super::tell::Staged;
use crate::cache::{self, Cache, Digest};
use crate::finding::Outcome;
use crate::object::ObjectMap;
use crate::scan::Scan;
use crate::source::git::refs::Reference;
use crate::source::git::store::Store;
use crate::source::tree::Tree;

/// What is known of a repository, and what is to be learnt.
pub(super) struct Clean<'c> {
    pub(super) cache: &'c Cache,
    identity: Option<[u8; 32]>,
    digest: Option<Digest>,
    /// How much the scan had said before.
    said: usize,
}

impl<'c> Clean<'c> {
    /// Asks the cache, unless it lies in what is scanned or could not have the answer.
    pub(super) fn new(scan: &Scan<'c>, found: &Found, tree: &Tree) -> Option<Clean<'c>> {
        let cache = scan.cache.filter(|_| scan.policy.wanted.is_none())?;
        let folder = &found.folder;
        let own = [&folder.git, &folder.common].into_iter().chain(&folder.worktree).chain(&folder.holder);
        let mut places = own.map(|path| path.as_path()).chain(tree.roots.iter().map(|root| root.as_path()));
        let outside = |place: &Path| !place.exists() || !cache.lies_in(place);
        places.all(outside).then_some(Clean { cache, identity: None, digest: None, said: 0 })
    }

    /// How many objects a repository has of which all was looked at before, and nothing was to be said of it.
    pub(super) fn objects(
        &mut self,
        scan: &Scan<'_>,
        store: &Store,
        repository: &[u8],
        (references, staged): (&[Reference], &ObjectMap<Vec<Staged>>),
        tree: &Tree,
        outcome: &Mutex<Outcome>,
    ) -> Option<u64> {
        self.said = said(outcome);
        self.identity = store.identity();
        let mut parts = vec![self.identity?.to_vec()];
        for rule in scan.rules.iter().filter(|rule| scan.policy.selects(rule)) {
            parts.push(rule.id.as_bytes().to_vec());
        }
        parts.push(format!("{:?} {:?}", tree.exclude, tree.left_out).into_bytes());
        // What a configuration leaves out depends on where the repository lies.
        if !tree.left_out.is_empty() {
            parts.push(repository.to_vec());
        }
        for reference in references {
            let target = reference.target.map(|id| id.as_bytes().to_vec());
            parts.extend([reference.name.clone(), target.unwrap_or_default()]);
        }
        parts.push(b"staged".to_vec());
        let mut staged: Vec<_> = staged.iter().collect();
        staged.sort_by_key(|(id, _)| **id);
        for (id, staged) in staged {
            parts.extend([id.as_bytes().to_vec(), staged.len().to_le_bytes().to_vec()]);
            parts.extend(staged.iter().map(|staged| staged.path.clone()));
        }
        let digest = cache::digest(parts.iter().map(Vec::as_slice));
        self.digest = Some(digest);
        self.cache.whole(&digest)
    }

    /// What was to be said of it when all of it was looked at before.
    pub(super) fn answer(&self) -> Option<Vec<u8>> {
        self.cache.answer(self.digest.as_ref()?)
    }

    /// Whether nothing was said of the repository so far.
    pub(super) fn is_silent(&self, outcome: &Mutex<Outcome>) -> bool {
        said(outcome) == self.said
    }

    /// Learns that nothing was to be said of a repository of so many objects, if that is so; else the answer. There is no number if
    /// what is to be said depends on more than its objects.
    pub(super) fn learn(
        &self,
        store: &Store,
        objects: Option<u64>,
        outcome: &Mutex<Outcome>,
        answer: impl FnOnce() -> Option<Vec<u8>>,
    ) {
        // Objects that were there at first and not when they were listed, nobody has looked at.
        let Some(digest) = self.digest.filter(|_| store.identity() == self.identity) else { return };
        if let Some(objects) = objects.filter(|_| self.is_silent(outcome)) {
            self.cache.learn_whole(&digest, objects);
        } else if let Some(answer) = answer() {
            self.cache.learn_answer(&digest, &answer);
        }
    }
}

/// How much a scan has said.
fn said(outcome: &Mutex<Outcome>) -> usize {
    let outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
    outcome.findings.len() + outcome.suppressed.len() + outcome.coverage.skipped.len()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "tests build their own world")]
    fn nothing_is_learnt_of_a_repository_that_changed_meanwhile() {
        let place = tempfile::tempdir().expect("a folder");
        let objects = place.path().join("objects");
        fs::create_dir_all(objects.join("ab")).expect("writable");
        let store = Store::open(&objects, 20);
        let outcome = Mutex::new(Outcome::default());
        let known = |digest: u8, change: &dyn Fn()| {
            let cache = Cache::new(place.path().join("cache"), [9; 32]);
            let digest = [digest; 32];
            let clean = Clean { cache: &cache, identity: store.identity(), digest: Some(digest), said: 0 };
            change();
            clean.learn(&store, Some(5), &outcome, || None);
            cache.save();
            Cache::new(place.path().join("cache"), [9; 32]).whole(&digest)
        };
        assert_eq!(known(1, &|| ()), Some(5));
        let object = objects.join("ab").join("c".repeat(38));
        assert_eq!(known(2, &|| fs::write(&object, "another").expect("writable")), None);
        assert_eq!(known(3, &|| ()), Some(5));
    }
}
