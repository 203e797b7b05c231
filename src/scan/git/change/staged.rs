//! `--staged`: what an index holds and the commits that the next one follows do not. In: an index, commits. Out: findings.
//! Most of what is staged is clean, and costs one look. Only where something shows is it asked whether the blob merely moved.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use super::{Changed, at_path, blobs_in, speaks};
use crate::blob::{Kind, Origin};
use crate::finding::Skip;
use crate::judge::Judge;
use crate::object::{Held, ObjectId};
use crate::scan::worker::{Told, Worker};
use crate::source::git::index::{self, IndexEntry};
use crate::source::git::store::Reader;
use crate::source::tree::Visit;

/// No more blobs than these are worth threads.
const FEW: usize = 32;

/// A path and the blob that is staged there.
type At = (Vec<u8>, ObjectId);

impl Changed<'_, '_> {
    /// Looks at what is staged and was in none of the commits that the next one follows. A blob that moved is not new.
    pub(super) fn staged<'j>(&self, index: &Path, heads: Vec<ObjectId>, judge: impl Fn() -> Judge<'j>) {
        let id_length = self.found.folder.shape.id_length;
        let mut reader = self.store.reader();
        let trees: Vec<ObjectId> = heads.iter().filter_map(|head| Some(reader.commit(head)?.tree)).collect();
        let new = self.new_at(index, &trees, &mut reader);
        let first = judge();
        let found = self
            .each(&new, &first, |worker, reader, at| !worker.glance(|worker| self.look(worker, reader, at)).is_clean());
        let mut touched: Vec<At> = if first.remembers() { new } else { found };
        if touched.is_empty() {
            return;
        }
        touched.sort();
        let before = self.held(index, &trees, &touched, &mut reader);
        let mut at = |path: &[u8]| at_path(&mut reader, &trees, path, id_length);
        touched.retain(|(path, id)| !before.contains(id) || speaks(path) && !at(path).contains(id));
        let judge = judge();
        self.each(&touched, &judge, |worker, reader, at| {
            worker.again(Told::new(), |worker| self.look(worker, reader, at));
            false
        });
        Worker::new(self.scan, &judge, self.outcome).together();
    }

    /// Which of some staged blobs any of some trees holds, wherever.
    fn held(&self, index: &Path, trees: &[ObjectId], new: &[At], reader: &mut Reader<'_>) -> HashSet<ObjectId> {
        let id_length = self.found.folder.shape.id_length;
        let reader = RefCell::new(reader);
        let mut tree = |id: &ObjectId| reader.borrow_mut().tree(id).map(<[u8]>::to_vec);
        let mut is_there =
            |path: &[u8], id: &ObjectId| at_path(&mut reader.borrow_mut(), trees, path, id_length).contains(id);
        let held = index::held(index, &self.found.folder, trees, new, &mut tree, &mut is_there);
        held.unwrap_or_else(|| blobs_in(&mut reader.borrow_mut(), trees.to_vec(), id_length))
    }

    /// What is staged where none of some trees has it.
    fn new_at(&self, index: &Path, trees: &[ObjectId], reader: &mut Reader<'_>) -> Vec<At> {
        let id_length = self.found.folder.shape.id_length;
        let mut tree = |id: &ObjectId| reader.tree(id).map(<[u8]>::to_vec);
        let mut entries = match index::changed(index, &self.found.folder, trees, &mut tree) {
            Ok(entries) => entries,
            Err(error) => {
                self.gap(&error.path, error.reason);
                return Vec::new();
            }
        };
        let closed = entries.iter().any(IndexEntry::is_folder);
        let missing = index::open_folders(&mut entries, id_length, tree);
        if !missing.is_empty() {
            self.gap(index, format!("{} folders of the sparse index cannot be read", missing.len()));
        }
        if closed {
            entries.retain(|entry| !at_path(reader, trees, &entry.path, id_length).contains(&entry.id));
        }
        // What is only said to be added has no content yet, and the common ancestor of a conflict is not new.
        let staged = |entry: &IndexEntry| !entry.is_submodule() && !entry.intent_to_add && entry.stage != 1;
        let new = entries.into_iter().filter(staged).map(|entry| (entry.path, entry.id));
        let new = new.filter(|(path, _)| !self.exclude.matches_in_git(&self.found.held().repository, path));
        // The two sides of a conflict may be the same.
        new.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Does something with each blob. Returns those of which it says yes.
    fn each<'j>(
        &self,
        all: &[At],
        judge: &Judge<'j>,
        each: impl Fn(&mut Worker<'_, '_>, &mut Reader<'_>, &At) -> bool + Sync,
    ) -> Vec<At> {
        let start = || (Worker::new(self.scan, judge, self.outcome), self.store.reader(), Vec::new());
        let one = |(worker, reader, found): &mut (Worker<'_, '_>, Reader<'_>, Vec<At>), at: &At| {
            if each(worker, reader, at) {
                found.push(at.clone());
            }
        };
        let parts = if all.len() > FEW {
            self.scan.share(all, start, one)
        } else {
            let mut part = start();
            all.iter().take_while(|_| !self.scan.stopped()).for_each(|at| one(&mut part, at));
            vec![part]
        };
        parts.into_iter().flat_map(|(_, _, found)| found).collect()
    }

    fn look(&self, worker: &mut Worker<'_, '_>, reader: &mut Reader<'_>, (path, id): &At) {
        let held = Held { object: Some(*id), reachable: true, ..self.found.held() };
        let origin = Origin::new(Kind::Staged, path.clone()).held(held);
        let most = self.change.tree.max_file_size;
        match reader.read(id) {
            Ok((_, bytes)) if most.is_some_and(|most| bytes.len() as u64 > most) => {
                let reason = format!("larger than --max-file-size ({} bytes)", bytes.len());
                worker.skip(Skip { origin, reason, gap: true });
            }
            Ok((_, bytes)) => worker.bytes(&origin, bytes),
            Err(error) => worker.skip(Skip { origin, reason: format!("object {id} {error}"), gap: true }),
        }
    }
}
