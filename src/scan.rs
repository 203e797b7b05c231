//! The sentence: sources are read, decoded, candidates detected, judged, and gathered into an outcome. The only room that
//! joins the verbs. In: what to scan and by which rules. Out: an [`Outcome`], sorted, and each finding as it is found.

mod git;
mod hashes;
mod look;
mod worker;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::blob::{Kind, Origin};
use crate::finding::{Finding, Outcome, Skip};
use crate::judge::{Judge, Opinion};
use crate::policy::Policy;
use crate::rule::RuleSet;
use crate::source::Reader;
use crate::source::objects::Objects;
use crate::source::tree::{self, Tree};
pub use git::{Change, What, Wrong};
use look::Look;
use worker::Worker;

/// How far a scan has come, and whether it is to stop; shared with whoever watches it.
#[derive(Default)]
pub struct Progress {
    /// Files read so far.
    pub files: AtomicU64,
    /// Git objects read so far.
    pub objects: AtomicU64,
    /// Bytes read so far.
    pub bytes: AtomicU64,
    /// Findings so far.
    pub findings: AtomicU64,
    /// Set to end the scan early; what was found is kept.
    pub stop: AtomicBool,
}

/// What to scan.
pub enum Input {
    /// Files and folders.
    Tree(Tree),
    /// Files and folders, and all that the repositories hold that they lie in or hold.
    History(Tree),
    /// What changes in repositories.
    Change(Change),
    /// A file with the message of a commit to be.
    Message(PathBuf),
    /// Standard input, under a name if it was given one.
    Stdin(Option<PathBuf>),
}

impl Input {
    /// The words in reports for what kinds of scan it asks for.
    fn names(&self) -> &'static [&'static str] {
        match self {
            Input::Tree(_) => &["tree"],
            Input::History(_) => &["tree", "history"],
            Input::Change(Change { what: What::Staged(_), .. }) => &["staged"],
            Input::Change(Change { what: What::Range(_), .. }) => &["range"],
            Input::Change(Change { what: What::Push(_), .. }) => &["push"],
            Input::Message(_) => &["message"],
            Input::Stdin(_) => &["stdin"],
        }
    }
}

/// A scan.
pub struct Scan<'a> {
    /// The rules that can speak.
    pub rules: &'a RuleSet,
    /// Which of them may.
    pub policy: &'a Policy,
    /// How far it has come.
    pub progress: &'a Progress,
    /// Threads; 0 is one for each core.
    pub threads: usize,
    /// Told of each finding as it is found, in no promised order.
    pub found: &'a (dyn Fn(&Finding) + Sync),
}

impl Scan<'_> {
    /// Scans. The outcome is sorted by source, path and offset.
    pub fn run(&self, input: &Input) -> Result<Outcome, Wrong> {
        let objects = Objects::default();
        let outcome = Mutex::new(Outcome::default());
        let is_object = |origin: &Origin, id: &str| {
            let path = path_of(origin);
            path.is_some_and(|path| objects.holds(&path, id))
        };
        let judge = Judge { rules: self.rules, policy: self.policy, is_object: &is_object };
        let worker = || Worker::new(self, &judge, &outcome);
        match input {
            Input::Tree(tree) => tree.walk(self.threads, worker)?,
            Input::History(tree) => self.history(tree, &outcome)?,
            Input::Change(change) => self.change(change, &outcome)?,
            Input::Message(path) => worker().message(path),
            Input::Stdin(name) => worker().stdin(name.as_deref()),
        }
        let mut outcome = outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
        if self.stopped()
            && let Input::Tree(tree) | Input::History(tree) | Input::Change(Change { tree, .. }) = input
        {
            let cut_off = |root: &PathBuf| Skip {
                origin: tree::origin(root),
                reason: "interrupted before all of it was read".to_owned(),
                gap: true,
            };
            outcome.coverage.skipped.extend(tree.roots.iter().map(cut_off));
        }
        hashes::tell_references(&mut outcome);
        outcome.coverage.scans = input.names().iter().copied().collect();
        sort(&mut outcome);
        Ok(outcome)
    }

    fn stopped(&self) -> bool {
        self.progress.stop.load(Ordering::Relaxed)
    }

    /// Shares out items over the threads until the scan is to stop; each thread begins with a state of its own, which is given
    /// back. Neighbours in the list tend to go to the same thread.
    fn share<T: Sync, S: Send>(
        &self,
        items: &[T],
        start: impl Fn() -> S + Sync,
        each: impl Fn(&mut S, &T) + Sync,
    ) -> Vec<S> {
        self.share_all(items, start, |state, item| {
            if !self.stopped() {
                each(state, item);
            }
        })
    }

    /// Likewise, to the end.
    fn share_all<T: Sync, S: Send>(
        &self,
        items: &[T],
        start: impl Fn() -> S + Sync,
        each: impl Fn(&mut S, &T) + Sync,
    ) -> Vec<S> {
        const CHUNK: usize = 256;
        let next = AtomicUsize::new(0);
        let work = || {
            let mut state = start();
            loop {
                let threads = rayon::current_num_threads();
                let size = (items.len() / threads / 8).clamp(1, CHUNK);
                let from = next.fetch_add(size, Ordering::Relaxed);
                let Some(chunk) = items.get(from..items.len().min(from + size)).filter(|chunk| !chunk.is_empty())
                else {
                    break;
                };
                chunk.iter().for_each(|item| each(&mut state, item));
            }
            state
        };
        match rayon::ThreadPoolBuilder::new().num_threads(self.threads).build() {
            Ok(pool) if items.len() > 1 => pool.broadcast(|_| work()),
            _ => vec![work()],
        }
    }

    /// Scans a text at hand as if it were a file of that path; no repository is asked.
    pub fn text(&self, path: &str, text: &[u8]) -> Outcome {
        let judge = Judge { rules: self.rules, policy: self.policy, is_object: &|_, _| false };
        let outcome = Mutex::new(Outcome::default());
        Worker::new(self, &judge, &outcome).bytes(&Origin::new(Kind::File, path), text);
        outcome.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is thought of every candidate on one line (from 1) of a file, the silent ones included.
    pub fn explain(&self, path: &Path, line: u64) -> io::Result<Vec<Opinion>> {
        let objects = Objects::default();
        let is_object = |_: &Origin, id: &str| objects.holds(path, id);
        let judge = Judge { rules: self.rules, policy: self.policy, is_object: &is_object };
        let origin = tree::origin(path);
        let mut opinions = Vec::new();
        let mut lines = 0;
        Reader::default().read_whole(tree::open_named(path)?, |piece| {
            // A newline at the end ends the last line rather than beginning one more.
            let bytes = piece.text.bytes;
            let end = bytes.len() - usize::from(bytes.ends_with(b"\n"));
            lines = piece.text.place(end..end).line;
            let mut look = Look::of(&judge, &origin, piece, true);
            look.at(&piece.text, piece.own.clone(), 0);
            opinions = look.opinions();
        })?;
        if line == 0 || line > lines {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it has {lines} lines")));
        }
        opinions.retain(|opinion| match opinion {
            Opinion::Finding(finding) => finding.place.is_some_and(|place| place.line == line),
            Opinion::Suppressed(suppressed) => suppressed.finding.place.is_some_and(|place| place.line == line),
            Opinion::Silent { place, .. } => place.line == line,
        });
        Ok(opinions)
    }
}

/// The path that an origin lies at, for what is looked up beside it.
fn path_of(origin: &Origin) -> Option<PathBuf> {
    let named = origin.kind == Kind::File || origin.path != b"-";
    named.then(|| tree::path(origin))
}

fn sort(outcome: &mut Outcome) {
    let key = |finding: &Finding| (finding.origin.clone(), finding.span.start, finding.rule.id.clone());
    outcome.findings.sort_by_cached_key(key);
    outcome.suppressed.sort_by_cached_key(|suppressed| key(&suppressed.finding));
    outcome.coverage.skipped.sort();
    outcome.coverage.skipped.dedup();
}

/// Runs the examples of a rule's page, in their order: a bad block must give exactly one finding, by this rule; a good one
/// none at all. The error says what came out instead.
pub fn check_page(
    rules: &RuleSet,
    rule: &crate::rule::Rule,
) -> Result<Vec<Result<(), String>>, crate::policy::UnknownName> {
    let policy = Policy::new(rules, Vec::new(), Vec::new(), true)?;
    let progress = Progress::default();
    let scan = Scan { rules, policy: &policy, progress: &progress, threads: 1, found: &|_| {} };
    let results = rule.examples().into_iter().map(|example| {
        let outcome = scan.text(example.path, example.filled(&rule.id).as_bytes());
        let found: Vec<&str> = outcome.findings.iter().map(|finding| finding.rule.id.as_str()).collect();
        let wanted: &[&str] = if example.bad { &[&rule.id] } else { &[] };
        if found == wanted { Ok(()) } else { Err(format!("wanted {wanted:?}, found {found:?}")) }
    });
    Ok(results.collect())
}
