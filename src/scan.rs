//! The sentence: sources are read, decoded, candidates detected, judged, and gathered into an outcome. The only room that
//! joins the verbs. In: what to scan and by which rules. Out: an [`Outcome`], sorted, and each finding as it is found.

mod git;
mod hashes;
mod host;
mod look;
mod processes;
mod worker;

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::blob::{Kind, Origin, Standing};
use crate::cache::Cache;
use crate::finding::{Finding, Outcome};
use crate::judge::{Judge, Keeper, Lies, Opinion};
use crate::policy::{Kept, Policy};
use crate::process::Process;
use crate::rule::RuleSet;
use crate::rule::example::As;
use crate::source::Reader;
use crate::source::git::standing::Standings;
use crate::source::home::is_home;
use crate::source::host::Host;
use crate::source::objects::Objects;
use crate::source::tree::{self, Tree};
pub use git::{Change, What, Wrong};
use look::Look;
pub use processes::Running;
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
    /// Threads at work on slices of large files, beside those that walk.
    helpers: AtomicUsize,
}

/// What to scan.
pub enum Input<'h> {
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
    /// The processes that run.
    Processes(Running),
    /// The places of this machine.
    Host(Host<'h>),
}

impl Input<'_> {
    /// The words in reports for what kinds of scan it asks for.
    fn names(&self) -> &'static [&'static str] {
        match self {
            Input::Tree(_) => &["tree"],
            Input::History(_) => &["tree", "history"],
            Input::Change(Change { what: What::Staged(..) | What::Index, .. }) => &["staged"],
            Input::Change(Change { what: What::Range(_) | What::Since(_), .. }) => &["range"],
            Input::Change(Change { what: What::Push(_), .. }) => &["push"],
            Input::Message(_) => &["message"],
            Input::Stdin(_) => &["stdin"],
            Input::Processes(Running { environ: false, .. }) => &["process"],
            Input::Processes(Running { environ: true, .. }) => &["process", "environ"],
            Input::Host(_) => &["host"],
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
    /// What earlier scans of git repositories found clean.
    pub cache: Option<&'a Cache>,
    /// Told of each finding as it is found, in no promised order.
    pub found: &'a (dyn Fn(&Finding) + Sync),
}

impl Scan<'_> {
    /// Scans. The outcome is sorted by source, path and offset.
    pub fn run(&self, inputs: &[Input<'_>]) -> Result<Outcome, Wrong> {
        let objects = Objects::default();
        let outcome = Mutex::new(Outcome::default());
        let is_object = |origin: &Origin, id: &str| {
            let path = path_of(origin);
            path.is_some_and(|path| objects.holds(&path, id))
        };
        let standings = Standings::new(self.policy.user.excludes);
        let lies = |origin: &Origin| self.lies(&standings, origin);
        let judge = Judge::new(self.rules, self.policy, &is_object).of_habits().told(&lies);
        let worker = || Worker::new(self, &judge, &outcome);
        for input in inputs {
            match input {
                Input::Tree(tree) => tree.walk(self.threads, worker)?,
                Input::History(tree) => self.history(tree, &outcome)?,
                Input::Change(change) => self.change(change, &outcome)?,
                Input::Message(path) => worker().message(path),
                Input::Stdin(name) => worker().stdin(name.as_deref()),
                Input::Processes(running) => processes::look(&mut worker(), running),
                Input::Host(host) => host::look(self, host, &outcome, worker),
            }
        }
        worker().together();
        let mut outcome = outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
        if self.stopped() {
            let cut_off = |root: &PathBuf| tree::skip(root, "interrupted before all of it was read", true);
            let roots = inputs.iter().flat_map(|input| match input {
                Input::Tree(tree) | Input::History(tree) | Input::Change(Change { tree, .. }) => &tree.roots[..],
                Input::Host(host) => std::slice::from_ref(&host.home),
                _ => &[],
            });
            outcome.coverage.skipped.extend(roots.map(cut_off));
        }
        hashes::tell_rest(&mut outcome);
        outcome.coverage.scans = inputs.iter().flat_map(Input::names).copied().collect();
        sort(&mut outcome);
        if inputs.len() > 1 {
            once(&mut outcome);
        }
        Ok(outcome)
    }

    /// What is known of a file beside its bytes.
    fn lies(&self, standings: &Standings, origin: &Origin) -> Lies {
        let standing = standings.of(&tree::path(origin));
        let home = Keeper::of(origin).and_then(|keeper| keeper.home(origin));
        let own = self.policy.user.home.as_deref();
        let apart = standing == Standing::Outside;
        Lies { standing, home: apart && home.is_some_and(|home| is_home(&tree::native(home), own)) }
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
        self.share_by(CHUNK, items, start, each)
    }

    /// Shares out items each of which is much work, one at a time.
    fn share_singly<T: Sync, S: Send>(
        &self,
        items: &[T],
        start: impl Fn() -> S + Sync,
        each: impl Fn(&mut S, &T) + Sync,
    ) -> Vec<S> {
        self.share_by(1, items, start, |state, item| {
            if !self.stopped() {
                each(state, item);
            }
        })
    }

    /// Shares out at most so many items at a time.
    fn share_by<T: Sync, S: Send>(
        &self,
        most: usize,
        items: &[T],
        start: impl Fn() -> S + Sync,
        each: impl Fn(&mut S, &T) + Sync,
    ) -> Vec<S> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut state = start();
            let size = (items.len() / rayon::current_num_threads() / 8).clamp(1, most);
            loop {
                let from = next.fetch_add(size, Ordering::Relaxed);
                let Some(chunk) = items.get(from..items.len().min(from + size)).filter(|chunk| !chunk.is_empty())
                else {
                    break;
                };
                chunk.iter().for_each(|item| each(&mut state, item));
            }
            state
        };
        match self.pool() {
            Some(pool) if items.len() > 1 => pool.broadcast(|_| work()),
            _ => vec![work()],
        }
    }

    /// The threads that the scan may use, if they can be had.
    fn pool(&self) -> Option<rayon::ThreadPool> {
        rayon::ThreadPoolBuilder::new().num_threads(self.threads).build().ok()
    }

    /// Does what shares itself out over the threads.
    fn within<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match self.pool() {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// Scans the bytes of a file as they would be read where it lies. What is said of a file as a whole, or of several, is
    /// not said.
    pub fn again(&self, origin: &Origin, bytes: &[u8]) -> Outcome {
        let objects = Objects::default();
        let is_object = |origin: &Origin, id: &str| path_of(origin).is_some_and(|path| objects.holds(&path, id));
        let judge = Judge::new(self.rules, self.policy, &is_object).of_habits();
        let outcome = Mutex::new(Outcome::default());
        Worker::new(self, &judge, &outcome).bytes(origin, bytes);
        let mut outcome = outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
        sort(&mut outcome);
        outcome
    }

    /// Scans a text at hand as if it were a file of that path; no repository is asked.
    pub fn text(&self, path: &str, text: &[u8]) -> Outcome {
        self.text_with_mode(path, text, None)
    }

    /// Scans keys that are given one a line, of any origin.
    pub fn given(&self, origin: &Origin, text: &[u8]) -> Outcome {
        let judge = Judge::new(self.rules, self.policy, &|_, _| false);
        let outcome = Mutex::new(Outcome::default());
        Worker::new(self, &judge, &outcome).bytes(origin, text);
        outcome.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Likewise; a file that has a mode lies in a home folder.
    fn text_with_mode(&self, path: &str, text: &[u8], mode: Option<u32>) -> Outcome {
        let lies = |_: &Origin| match mode {
            Some(_) => Lies { standing: Standing::Outside, home: true },
            None => Lies { standing: Standing::Unknown, home: false },
        };
        let judge = Judge::new(self.rules, self.policy, &|_, _| false).of_habits().told(&lies);
        let outcome = Mutex::new(Outcome::default());
        Worker::new(self, &judge, &outcome).with_mode(mode).bytes(&Origin::new(Kind::File, path), text);
        outcome.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Scans lines as if each were an argument or a variable of a process of that name.
    fn words(&self, kind: Kind, name: &str, lines: &str) -> Outcome {
        let judge = Judge::new(self.rules, self.policy, &|_, _| false).of_habits();
        let outcome = Mutex::new(Outcome::default());
        let words: Vec<Vec<u8>> = lines.lines().map(|line| line.as_bytes().to_vec()).collect();
        let mut worker = Worker::new(self, &judge, &outcome);
        let origin = Origin::of_process(kind, name, Process::default());
        let opinions = processes::opinions(&mut worker, &origin, &words);
        worker.keep(opinions.into_iter().map(|(_, opinion)| opinion).collect());
        drop(worker);
        outcome.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who keeps a finding back.
    pub fn kept(&self, finding: &Finding) -> Option<Kept<'_>> {
        worker::about(finding, |about| self.policy.permitted(about))
    }

    /// The line of the entry that accepted a finding until its day had passed, and that day.
    pub fn expired(&self, finding: &Finding) -> Option<(usize, &str)> {
        worker::about(finding, |about| self.policy.baseline.as_ref()?.expired(about))
    }

    /// What is thought of every candidate on one line (from 1) of a file, the silent ones included.
    pub fn explain(&self, path: &Path, line: u64) -> io::Result<Vec<Opinion>> {
        let objects = Objects::default();
        let is_object = |_: &Origin, id: &str| objects.holds(path, id);
        let judge = Judge::new(self.rules, self.policy, &is_object).of_habits();
        let origin = tree::origin(path);
        let mut opinions = Vec::new();
        let mut lines = 0;
        Reader::default().read_whole(tree::open_named(path)?, |piece| {
            // A newline at the end ends the last line rather than beginning one more.
            let bytes = piece.text.bytes;
            let end = bytes.len() - usize::from(bytes.ends_with(b"\n"));
            lines = piece.text.place(end..end).line;
            let mut look = Look::of(&judge, &origin, piece, true);
            look.at(piece);
            opinions = look.opinions();
        })?;
        let found = |opinion| match opinion {
            &mut Opinion::Finding(ref mut finding) => Some(&mut **finding),
            _ => None,
        };
        let mut found: Vec<&mut Finding> = opinions.iter_mut().filter_map(found).collect();
        found.sort_by_key(|finding| finding.span.start);
        Finding::number(found.into_iter());
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
    let named = origin.process.is_none() && (origin.kind == Kind::File || origin.path != b"-");
    named.then(|| tree::path(origin))
}

/// Sorts what was found and what was not read.
pub fn sort(outcome: &mut Outcome) {
    let key = |finding: &Finding| (finding.origin.clone(), finding.span.start, finding.rule.id.clone());
    outcome.findings.sort_by_cached_key(key);
    outcome.suppressed.sort_by_cached_key(|suppressed| key(&suppressed.finding));
    outcome.coverage.skipped.sort();
    outcome.coverage.skipped.dedup();
}

/// Leaves each finding of a file once, by whichever of its paths: what was named may lie in the home folder too.
fn once(outcome: &mut Outcome) {
    let mut real: HashMap<Vec<u8>, PathBuf> = HashMap::new();
    let mut said = HashSet::new();
    let mut is_new = |finding: &Finding| {
        let origin = &finding.origin;
        if origin.kind != Kind::File || origin.held.is_some() {
            return true;
        }
        let path = real.entry(origin.path.clone()).or_insert_with(|| {
            let path = tree::path(origin);
            std::fs::canonicalize(&path).unwrap_or(path)
        });
        let about = finding.about().to_owned();
        said.insert((path.clone(), origin.inner.clone(), finding.span.start, finding.rule.id.clone(), about))
    };
    outcome.findings.retain(&mut is_new);
    outcome.suppressed.retain(|one| is_new(&one.finding));
}

/// Runs the examples of a rule's page, in their order: a bad block must give exactly one finding, by this rule; a good one
/// none at all. The error says what came out instead.
pub fn check_page(
    rules: &RuleSet,
    rule: &crate::rule::Rule,
) -> Result<Vec<Result<(), String>>, crate::policy::UnknownName> {
    let policy = Policy::new(rules, Vec::new(), Vec::new(), true)?;
    let progress = Progress::default();
    let scan = Scan { rules, policy: &policy, progress: &progress, threads: 1, cache: None, found: &|_| {} };
    let results = rule.examples().into_iter().map(|example| {
        let text = example.filled(&rule.id);
        let outcome = match example.stands_as {
            As::File => scan.text_with_mode(example.path, text.as_bytes(), example.mode),
            As::Argv => scan.words(Kind::Process, example.path, &text),
            As::Environ => scan.words(Kind::Environ, example.path, &text),
        };
        let found: Vec<&str> = outcome.findings.iter().map(|finding| finding.rule.id.as_str()).collect();
        let wanted: &[&str] = if example.bad { &[&rule.id] } else { &[] };
        if found == wanted { Ok(()) } else { Err(format!("wanted {wanted:?}, found {found:?}")) }
    });
    Ok(results.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_out_takes_as_many_threads_as_it_may() {
        let rules = RuleSet::builtin().expect("the pages are well");
        let policy = Policy::new(&rules, Vec::new(), Vec::new(), true).expect("names of rules");
        let progress = Progress::default();
        for threads in [1, 3] {
            let scan =
                Scan { rules: &rules, policy: &policy, progress: &progress, threads, cache: None, found: &|_| {} };
            assert_eq!(scan.within(rayon::current_num_threads), threads);
        }
    }
}
