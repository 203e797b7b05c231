//! `--history`: the working trees, and everything that their repositories hold. In: paths. Out: findings, each object's once
//! with all its places. Content is looked at first, without a path; what holds anything of a key's shape is then placed in
//! history, all of it in one pass, and judged for good where it lies.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::answer::{Answer, Lacks};
use super::clean::Clean;
use super::places::Places;
use super::sweep::{self, Facts};
use super::tell::{Staged, Teller};
use super::{Found, number, skip, unread, whole};
use crate::blob::{self, Before, Kind, Origin, Text};
use crate::finding::{Outcome, Skip};
use crate::judge::Judge;
use crate::object::{Held, ObjectId, ObjectMap};
use crate::scan::Scan;
use crate::scan::worker::Worker;
use crate::source::MAX_WHOLE;
use crate::source::git::folder::GitFolder;
use crate::source::git::index::{self, IndexEntry};
use crate::source::git::refs::{self, Reference};
use crate::source::git::standing::Standings;
use crate::source::objects::Objects;
use crate::source::tree::{self, BadGlob, Exclude, Tree, Visit};

impl Scan<'_> {
    /// Scans the trees below the roots and every repository that they lie in or hold.
    pub(in crate::scan) fn history(&self, tree: &Tree, outcome: &Mutex<Outcome>) -> Result<(), BadGlob> {
        let mut queue = Vec::new();
        let mut roots = Vec::new();
        let mut lonely = Vec::new();
        for root in &tree.roots {
            match GitFolder::above(root) {
                Ok(Some(folder)) => {
                    let (walked, shown) = whole(root, &folder);
                    roots.extend(walked);
                    queue.push(Found::new(folder, shown));
                }
                Ok(None) => {
                    roots.push(root.clone());
                    lonely.push(root);
                }
                Err(error) => {
                    roots.push(root.clone());
                    skip(outcome, tree::skip(&error.path, error.reason, true));
                }
            }
        }
        let objects = Objects::default();
        let is_object = |origin: &Origin, id: &str| objects.holds(&tree::path(origin), id);
        let standings = Standings::new(self.policy.user.excludes);
        let lies = |origin: &Origin| self.lies(&standings, origin);
        let judge = Judge::new(self.rules, self.policy, &is_object).of_habits().told(&lies);
        let met = Mutex::new(Vec::new());
        let whole = Tree { roots, exclude: tree.exclude.clone(), left_out: tree.left_out.clone(), ..*tree };
        whole.walk(self.threads, || Worker::new(self, &judge, outcome).telling(&met))?;
        let mut met = met.into_inner().unwrap_or_else(PoisonError::into_inner);
        met.sort();
        for path in met {
            self.meet(&path, &mut queue, outcome);
        }
        let exclude = Exclude::new(tree)?;
        let mut seen = HashSet::new();
        let mut next = 0;
        while let Some(found) = queue.get(next) {
            next += 1;
            if !seen.insert(found.folder.common.clone()) || self.stopped() {
                continue;
            }
            self.repository(found, tree, &exclude, outcome);
            // Its commits and its index belong to this repository; its files lie where nobody asked.
            let linked = found.folder.linked().into_iter().filter_map(|git| GitFolder::at(&git).ok()??.worktree);
            for path in linked.chain(found.folder.worktree.clone()) {
                if path.exists() && !covered(&whole, &path) {
                    let reason = "a working tree of this repository elsewhere; its files are scanned by its own path";
                    skip(outcome, tree::skip(&path, reason, false));
                }
            }
            let modules = found.folder.modules();
            let modules: Vec<PathBuf> = modules.iter().map(|module| found.show(module)).collect();
            modules.iter().for_each(|module| self.meet(module, &mut queue, outcome));
        }
        Worker::new(self, &judge, outcome).together();
        for root in lonely.into_iter().filter(|root| root.exists()) {
            if !queue.iter().any(|found| found.shown.starts_with(root)) {
                skip(outcome, tree::skip(root, "there is no git repository in, at or above it", true));
            }
        }
        Ok(())
    }

    /// Takes a repository that lies below a root. What it names elsewhere must name it too: a scanned file decides nothing.
    fn meet(&self, path: &Path, queue: &mut Vec<Found>, outcome: &Mutex<Outcome>) {
        let shown = match path.file_name() {
            Some(name) if name == ".git" => path.parent().unwrap_or(path),
            _ => path,
        };
        let shown = if shown.as_os_str().is_empty() { Path::new(".") } else { shown };
        match GitFolder::at(shown) {
            Ok(Some(folder)) if folder.links_back || queue.iter().any(|found| found.folder.common == folder.common) => {
                queue.push(Found::new(folder, shown.to_owned()));
            }
            Ok(Some(_)) => {
                let reason = "it names a git directory elsewhere, which does not name it; scan that by its own path";
                skip(outcome, tree::skip(path, reason, true));
            }
            Ok(None) => skip(outcome, tree::skip(path, "it looks like a git directory and is none", true)),
            Err(error) => skip(outcome, tree::skip(&error.path, error.reason, true)),
        }
    }

    /// Reads one repository.
    fn repository(&self, found: &Found, tree: &Tree, exclude: &Exclude, outcome: &Mutex<Outcome>) {
        let folder = &found.folder;
        let store = found.store();
        let is_object = |_: &Origin, id: &str| {
            ObjectId::from_hex(id.as_bytes()).is_some_and(|id| store.holds(&id, MAX_WHOLE as u64))
        };
        let judge = Judge::new(self.rules, self.policy, &is_object);
        let worker = || Worker::new(self, &judge, outcome);
        found.unknown(outcome);
        self.plain_files(found, tree.max_file_size, &worker);
        let references = self.names(found, &mut worker());
        let staged = self.indexes(found, outcome);
        let mut clean = Clean::new(self, found, tree);
        let named = (&references[..], &staged);
        let repository = found.held().repository;
        let known = clean.as_mut().and_then(|clean| clean.objects(self, &store, &repository, named, tree, outcome));
        if let Some(objects) = known {
            return worker().count_known_clean(objects);
        }
        let id_length = folder.shape.id_length;
        let answer = clean.as_ref().and_then(Clean::answer);
        if let Some(answer) = answer.and_then(|bytes| Answer::read(&bytes, (&store, id_length), &references)) {
            self.gaps(found, &answer.lacks, outcome);
            answer.count(&mut worker());
            let (held, places, staged) = (found.held(), &answer.places, &staged);
            let teller = Teller { scan: self, held, exclude, store: &store, places, staged, reachable: self.stopped() };
            return teller.tell(&answer.hits, &worker);
        }
        let mut listing = self.within(|| store.list());
        for (path, reason) in listing.gaps.drain(..) {
            skip(outcome, tree::skip(&found.show(&path), reason, true));
        }
        let mut facts = sweep::sweep(
            self,
            &store,
            id_length,
            listing,
            tree.max_file_size,
            worker,
            clean.as_ref().map(|clean| clean.cache),
        );
        facts.missing.extend(staged.keys().filter(|id| !facts.ids.contains_key(id)));
        let places = Places::find(self, &store, id_length, &mut facts, &references);
        let silent = clean.as_ref().is_some_and(|clean| clean.is_silent(outcome));
        let lacks = Lacks::of(&facts, &places);
        self.gaps(found, &lacks, outcome);
        let is_all = self.other_gaps(found, &facts, &places, &references, outcome);
        // Where not all was followed, nothing is known to be held by nobody.
        let reachable = self.stopped() || places.too_many;
        let (held, places, staged) = (found.held(), &places, &staged);
        let teller = Teller { scan: self, held, exclude, store: &store, places, staged, reachable };
        let hits = teller.hits(&facts);
        teller.tell(&hits, &worker);
        if let Some(clean) = clean.filter(|_| !self.stopped()) {
            let objects = facts.listing.entries.len() as u64;
            let answer = || lacks.with(objects, &hits, places, (&store, id_length), &references);
            // Whether there is what Git LFS points at may change.
            let sole = Some(objects).filter(|_| lacks.pointers.is_empty());
            clean.learn(&store, sole, outcome, || (silent && is_all).then(answer).flatten());
        }
    }

    /// Reads the files of a git directory that are plain text: configuration, hooks, messages in the making, LFS objects.
    fn plain_files<'w, 'a: 'w>(
        &'w self,
        found: &Found,
        most: Option<u64>,
        worker: &(impl Fn() -> Worker<'w, 'a> + Sync),
    ) {
        let (files, gaps) = found.folder.plain_files();
        self.share(&files, worker, |worker, path| {
            let origin = Origin { kind: Kind::GitConfig, ..tree::origin(&found.show(path)) }.held(found.held());
            tree::visit_file(origin, path, false, most, worker);
        });
        gaps.into_iter().for_each(|(path, reason)| worker().skip(tree::skip(&found.show(&path), reason, true)));
    }

    /// Looks at the names of references and at the lines of their logs. The ids beside them are no text.
    fn names(&self, found: &Found, worker: &mut Worker<'_, '_>) -> Vec<Reference> {
        let (references, mut gaps) = refs::references(&found.folder);
        let mut names: BTreeSet<&[u8]> = references.iter().map(|reference| &reference.name[..]).collect();
        // A branch without a commit is named nowhere else.
        names.extend(references.iter().filter_map(|reference| reference.symbolic.as_deref()));
        for name in names {
            found.name(worker, name);
        }
        let (lines, more) = refs::reflogs(&found.folder);
        gaps.extend(more);
        for line in lines {
            let held = Held { reference: Some(line.reference.to_vec()), ..found.held() };
            let origin = Origin { kind: Kind::Reflog, ..tree::origin(&found.show(&line.file)) }.held(held);
            let before = Before { bytes: 0, lines: line.line.saturating_sub(1), columns: line.column as u64 };
            worker.text(&origin, Text::plain(&line.text, before), !line.table);
        }
        for (path, reason) in gaps {
            // It may be called as a key is, and is shown as references are.
            let origin = Origin { kind: Kind::Ref, ..tree::origin(&found.show(&path)) };
            worker.skip(Skip { origin, reason, gap: true });
        }
        references
    }

    /// What the indexes of all worktrees hold, with the paths of each blob.
    fn indexes(&self, found: &Found, outcome: &Mutex<Outcome>) -> ObjectMap<Vec<Staged>> {
        let mut staged: ObjectMap<Vec<Staged>> = ObjectMap::default();
        let own = (found.folder.common.join("index"), found.shown.clone());
        let linked = found.folder.linked().into_iter().map(|git| {
            let worktree = GitFolder::at(&git).ok().flatten().and_then(|linked| linked.worktree);
            (git.join("index"), worktree.unwrap_or_else(|| found.shown.clone()))
        });
        for (path, worktree) in std::iter::once(own).chain(linked).filter(|(path, _)| path.exists()) {
            match index::read(&path, &found.folder) {
                Ok(entries) => {
                    let repository: Arc<[u8]> = tree::origin(&worktree).path.into();
                    // What is only said to be added has no content yet.
                    let blob = |entry: &IndexEntry| !entry.is_folder() && !entry.is_submodule() && !entry.intent_to_add;
                    for entry in entries.into_iter().filter(blob) {
                        let at = Staged { path: entry.path, repository: Arc::clone(&repository) };
                        staged.entry(entry.id).or_default().push(at);
                    }
                }
                Err(error) => skip(outcome, tree::skip(&found.show(&path), error.reason, true)),
            }
        }
        staged
    }

    /// Says what of a repository could not be read or followed; whether that is nothing.
    fn other_gaps(
        &self,
        found: &Found,
        facts: &Facts,
        places: &Places,
        references: &[Reference],
        outcome: &Mutex<Outcome>,
    ) -> bool {
        unread(found, facts, outcome);
        let mut gaps = Vec::new();
        if places.too_many {
            gaps.push(
                "it has more paths than are followed, so some that decide what a file is may be missed".to_owned(),
            );
        }
        for reference in references.iter().filter(|reference| reference.holds()) {
            if let Some(id) = reference.target.filter(|id| !facts.ids.contains_key(id)) {
                let name = blob::display_word(&reference.name);
                gaps.push(format!("missing: object {id}, at which {name} points"));
            }
        }
        let is_all = gaps.is_empty() && facts.unread.is_empty() && facts.too_large.is_empty();
        gaps.into_iter().for_each(|reason| skip(outcome, tree::skip(&found.git, reason, true)));
        is_all
    }

    /// Says what a repository names and does not hold.
    fn gaps(&self, found: &Found, lacks: &Lacks, outcome: &Mutex<Outcome>) {
        let gap = |reason: String| skip(outcome, tree::skip(&found.git, reason, true));
        let shape = &found.folder.shape;
        let among = |id: Option<ObjectId>| id.map(|id| format!(", {id} among them")).unwrap_or_default();
        let ((parents, parent), (missing, first)) = (lacks.parents, lacks.missing);
        if parents > 0 && shape.shallow {
            let parents = number(parents, "commit");
            gap(format!("a shallow clone, cut off before {parents}; `git fetch --unshallow` brings what is missing"));
        } else if parents > 0 {
            gap(format!("missing: {} that others name as a parent{}", number(parents, "commit"), among(parent)));
        }
        if missing > 0 && shape.partial {
            let missing = number(missing, "object");
            gap(format!("a partial clone: it lacks {missing}, and nothing is fetched for a scan"));
        } else if missing > 0 {
            let named = "that trees, commits, tags or an index name";
            gap(format!("missing: {} {named}{}", number(missing, "object"), among(first)));
        }
        let objects = found.folder.common.join("lfs/objects");
        let fetched = |id: &&String| objects.join(&id[..2]).join(&id[2..4]).join(id).exists();
        let absent = lacks.pointers.len() - lacks.pointers.iter().filter(fetched).count();
        if absent > 0 {
            let reason = format!("{} of Git LFS not here; only pointers to them are", number(absent, "object"));
            skip(outcome, tree::skip(&objects, reason, false));
        }
    }
}

/// Whether a path lies in what is walked.
fn covered(tree: &Tree, path: &Path) -> bool {
    tree.roots.iter().filter_map(|root| std::fs::canonicalize(root).ok()).any(|root| path.starts_with(root))
}
