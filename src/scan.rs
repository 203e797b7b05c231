//! The sentence: sources are read, candidates detected, judged, and gathered into an outcome. The only file that joins
//! the verbs. In: what to scan and by which rules. Out: an [`Outcome`], sorted, and each finding as it is found.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Seek};
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::blob::{Before, Kind, Origin, Text};
use crate::decode::{self, probe};
use crate::detect;
use crate::finding::{Coverage, Finding, Outcome, Skip};
use crate::judge::{self, Judge, Opinion};
use crate::policy::Policy;
use crate::rule::RuleSet;
use crate::source::objects::Objects;
use crate::source::tree::{self, BadGlob, Tree, Visit};
use crate::source::{MAX_WHOLE, Piece, Reader};

/// How far a scan has come, and whether it is to stop; shared with whoever watches it.
#[derive(Default)]
pub struct Progress {
    /// Files read so far.
    pub files: AtomicU64,
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
    /// Standard input, under a name if it was given one.
    Stdin(Option<PathBuf>),
}

/// A scan.
pub struct Scan<'a> {
    /// The rules that can speak.
    pub rules: &'a RuleSet,
    /// Which of them may.
    pub policy: &'a Policy,
    /// How far it has come.
    pub progress: &'a Progress,
    /// Told of each finding as it is found, in no promised order.
    pub found: &'a (dyn Fn(&Finding) + Sync),
}

impl Scan<'_> {
    /// Scans. The outcome is sorted by source, path and offset.
    pub fn run(&self, input: &Input) -> Result<Outcome, BadGlob> {
        let objects = Objects::default();
        let outcome = Mutex::new(Outcome::default());
        let is_object = |origin: &Origin, id: &str| {
            let path = path_of(origin);
            path.is_some_and(|path| objects.holds(&path, id))
        };
        let judge = Judge { rules: self.rules, policy: self.policy, is_object: &is_object };
        let worker =
            || Worker { scan: self, judge: &judge, reader: Reader::default(), own: Outcome::default(), all: &outcome };
        match input {
            Input::Tree(tree) => tree.walk(worker)?,
            Input::Stdin(name) => worker().stdin(name.as_deref()),
        }
        let mut outcome = outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
        if self.progress.stop.load(Ordering::Relaxed)
            && let Input::Tree(tree) = input
        {
            let cut_off = |root: &PathBuf| Skip {
                origin: tree::origin(root),
                reason: "interrupted before all of it was read".to_owned(),
                gap: true,
            };
            outcome.coverage.skipped.extend(tree.roots.iter().map(cut_off));
        }
        sort(&mut outcome);
        Ok(outcome)
    }

    /// Scans a text at hand as if it were a file of that path; no repository is asked.
    pub fn text(&self, path: &str, text: &[u8]) -> Outcome {
        let judge = Judge { rules: self.rules, policy: self.policy, is_object: &|_, _| false };
        let outcome = Mutex::new(Outcome::default());
        let mut worker =
            Worker { scan: self, judge: &judge, reader: Reader::default(), own: Outcome::default(), all: &outcome };
        let origin = Origin::new(Kind::File, path);
        worker.bytes(&origin, text);
        worker.count(text.len() as u64);
        drop(worker);
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

/// One thread's share of a scan.
struct Worker<'w, 'a> {
    scan: &'w Scan<'a>,
    judge: &'w Judge<'w>,
    reader: Reader,
    own: Outcome,
    all: &'w Mutex<Outcome>,
}

impl Worker<'_, '_> {
    fn stdin(&mut self, name: Option<&Path>) {
        let path = name.map_or_else(|| b"-".to_vec(), |name| tree::origin(name).path);
        let origin = Origin::new(Kind::Stdin, path);
        // Standard input cannot be read twice, so as much of it as is ever held is read at once.
        let mut head = Vec::new();
        let read = io::stdin().lock().take(MAX_WHOLE as u64).read_to_end(&mut head);
        let result = read.and_then(|_| {
            if head.len() < MAX_WHOLE {
                self.bytes(&origin, &head);
                return Ok(head.len() as u64);
            }
            let input = io::Cursor::new(&head).chain(io::stdin().lock());
            self.windows(&origin, input).map(|(bytes, _, opinions)| {
                self.keep(opinions);
                bytes
            })
        });
        match result {
            Ok(bytes) => self.count(bytes),
            Err(error) => self.skip(Skip { origin, reason: format!("cannot be read: {error}"), gap: true }),
        }
    }

    /// Judges a whole source that is at hand.
    fn bytes(&mut self, origin: &Origin, bytes: &[u8]) {
        let text = Text::plain(bytes, Before::default());
        let looked = self.piece(origin, &Piece { text, own: 0..bytes.len(), whole: true });
        self.keep(looked.opinions);
    }

    /// Reads a source piece by piece; tells how much there was, whether a verdict asks for all of it, and the opinions.
    fn windows(&mut self, origin: &Origin, input: impl Read) -> io::Result<(u64, bool, Vec<Opinion>)> {
        let mut reader = std::mem::take(&mut self.reader);
        let mut open = false;
        let mut opinions = Vec::new();
        let result = reader.read(input, |piece| {
            let looked = self.piece(origin, piece);
            self.scan.progress.bytes.fetch_add(piece.own.len() as u64, Ordering::Relaxed);
            open |= looked.open && !piece.whole;
            opinions.extend(looked.opinions);
            !self.stopped()
        });
        self.reader = reader;
        Ok((result?, open, opinions))
    }

    fn piece(&mut self, origin: &Origin, piece: &Piece<'_>) -> Looked {
        let mut look = Look::of(self.judge, origin, piece, false);
        // A bug that one text brings to light must neither end the scan nor look like a clean file.
        let looked = panic::catch_unwind(AssertUnwindSafe(|| look.at(&piece.text, piece.own.clone(), 0)));
        let gap = match looked {
            Ok(()) => look.unread,
            Err(_) => Some("an internal error ended the judgement of it; this is a bug"),
        };
        if let Some(reason) = gap {
            self.own.coverage.skipped.push(Skip { origin: origin.clone(), reason: reason.to_owned(), gap: true });
        }
        Looked { open: look.open, opinions: look.opinions() }
    }

    /// Takes the opinions of one source: numbers its findings, tells them, keeps them.
    fn keep(&mut self, opinions: Vec<Opinion>) {
        if opinions.is_empty() {
            return;
        }
        let mut findings = Vec::new();
        let mut suppressed = Vec::new();
        for opinion in opinions {
            match opinion {
                Opinion::Finding(finding) => findings.push(*finding),
                Opinion::Suppressed(one) => suppressed.push(*one),
                Opinion::Silent { .. } => {}
            }
        }
        findings.sort_by_key(|finding| finding.span.start);
        Finding::number(findings.iter_mut());
        Finding::number(suppressed.iter_mut().map(|one| &mut one.finding));
        for finding in &findings {
            (self.scan.found)(finding);
        }
        self.scan.progress.findings.fetch_add(findings.len() as u64, Ordering::Relaxed);
        self.own.findings.extend(findings);
        self.own.suppressed.extend(suppressed);
    }

    fn count(&mut self, bytes: u64) {
        self.own.coverage.files += 1;
        self.own.coverage.bytes += bytes;
        self.scan.progress.files.fetch_add(1, Ordering::Relaxed);
    }
}

impl Visit for Worker<'_, '_> {
    fn file(&mut self, origin: Origin, mut file: File) {
        let result = self.windows(&origin, &mut file).and_then(|(bytes, open, opinions)| {
            // What a window leaves open (where does this variable end up?) the whole file may decide.
            if open && bytes <= MAX_WHOLE as u64 && !self.stopped() {
                file.rewind()?;
                let mut looked = None;
                Reader::default().read_whole(&mut file, |piece| looked = Some(self.piece(&origin, piece)))?;
                return Ok((bytes, looked.map_or(opinions, |looked| looked.opinions)));
            }
            Ok((bytes, opinions))
        });
        match result {
            Ok((bytes, opinions)) => {
                self.keep(opinions);
                self.count(bytes);
            }
            Err(error) => {
                let reason = format!("cannot be read: {}", tree::plain(&error));
                self.skip(Skip { origin, reason, gap: true });
            }
        }
    }

    fn skip(&mut self, skip: Skip) {
        self.own.coverage.skipped.push(skip);
    }

    fn stopped(&self) -> bool {
        self.scan.progress.stop.load(Ordering::Relaxed)
    }
}

impl Drop for Worker<'_, '_> {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.findings.append(&mut self.own.findings);
        all.suppressed.append(&mut self.own.suppressed);
        let Coverage { files, bytes, skipped } = std::mem::take(&mut self.own.coverage);
        all.coverage.files += files;
        all.coverage.bytes += bytes;
        all.coverage.skipped.extend(skipped);
    }
}

/// What came of looking at a piece of a source.
struct Looked {
    opinions: Vec<Opinion>,
    /// Whether a verdict could change if more of the source were read at once.
    open: bool,
}

/// A look at one piece of a source, as it stands and in every form that decoding gives it.
struct Look<'l> {
    judge: &'l Judge<'l>,
    origin: &'l Origin,
    /// The bytes of the source that this piece is asked about.
    own: Range<u64>,
    explain: bool,
    opinions: Vec<Opinion>,
    /// Where what was said begins, and where it ends.
    said: HashSet<(String, u64)>,
    /// Which opinion ends where.
    ends: HashMap<u64, usize>,
    /// Digests of the views so far.
    seen: HashSet<u64>,
    open: bool,
    /// How many more decoded bytes may be looked at.
    budget: usize,
    /// Why not every form was looked at.
    unread: Option<&'static str>,
}

impl<'l> Look<'l> {
    fn of(judge: &'l Judge<'l>, origin: &'l Origin, piece: &Piece<'_>, explain: bool) -> Look<'l> {
        let own = piece.text.offsets(piece.own.clone());
        let budget = DECODED_FLOOR + DECODED_SHARE * piece.text.bytes.len();
        Look {
            judge,
            origin,
            own,
            explain,
            opinions: Vec::new(),
            said: HashSet::new(),
            ends: HashMap::new(),
            seen: HashSet::new(),
            open: false,
            budget,
            unread: None,
        }
    }

    /// Looks at what begins in `within`, and at the views of it.
    fn at(&mut self, text: &Text<'_>, within: Range<usize>, depth: usize) {
        let runs = probe::runs_in(text.bytes, within.clone());
        let mut undecided = Vec::new();
        if !runs.is_empty() {
            let mut candidates = detect::among(text.bytes, within, &runs);
            if depth > 0 {
                candidates.retain(|candidate| self.own.contains(&text.offsets(candidate.key.clone()).start));
            }
            if !candidates.is_empty() {
                let judgement = self.judge.judge(self.origin, text, &candidates, self.explain);
                self.open |= judgement.open;
                undecided = judgement.undecided;
                self.take(judgement.opinions, depth);
            }
        }
        for view in decode::views(text.bytes, &runs, &undecided) {
            let mut hash = DefaultHasher::new();
            view.bytes.hash(&mut hash);
            // The same text comes out whichever of two encodings is undone first.
            if !self.seen.insert(hash.finish()) {
                continue;
            }
            if depth == decode::MAX_DEPTH {
                self.unread = Some("more encodings lie in one another in it than are undone");
                return;
            }
            let Some(budget) = self.budget.checked_sub(view.bytes.len()) else {
                self.unread = Some("it holds more encoded text than is undone");
                return;
            };
            self.budget = budget;
            let decoded = text.decoded(&view);
            self.at(&decoded, 0..decoded.bytes.len(), depth + 1);
        }
    }

    /// Takes what is not said yet: what a decoded text shows may stand there as it is too, or in another view.
    fn take(&mut self, opinions: Vec<Opinion>, depth: usize) {
        for opinion in opinions {
            let [begins, ends] = match opinion.finding() {
                Some(finding) => finding.ends(),
                None if depth == 0 => {
                    self.opinions.push(opinion);
                    continue;
                }
                None => continue,
            };
            if let Some(&at) = self.ends.get(&ends.1).filter(|_| depth > 0)
                && let (Some(said), Some(new)) = (self.opinions[at].finding(), opinion.finding())
            {
                if is_end_of(new, said) {
                    continue;
                }
                if is_end_of(said, new) {
                    self.said.extend([begins, ends]);
                    self.opinions[at] = opinion;
                    continue;
                }
            }
            if depth > 0 && (self.said.contains(&begins) || self.said.contains(&ends)) {
                continue;
            }
            self.ends.insert(ends.1, self.opinions.len());
            self.said.extend([begins, ends]);
            self.opinions.push(opinion);
        }
    }

    /// What was said, without a key that seemed cut off where a view shows all of it.
    fn opinions(mut self) -> Vec<Opinion> {
        let cut_off = |finding: &Finding| finding.rule.id == judge::CUT_OFF_KEY;
        if !self.seen.is_empty() && self.opinions.iter().filter_map(Opinion::finding).any(cut_off) {
            let findings = self.opinions.iter().filter_map(Opinion::finding);
            let whole: Vec<Range<u64>> = findings.filter(|f| f.key.is_some()).map(|f| f.span.clone()).collect();
            let holds = |key: &Range<u64>, part: &Range<u64>| key.start <= part.start && part.end <= key.end;
            self.opinions.retain(|opinion| {
                let part = opinion.finding().filter(|finding| cut_off(finding));
                part.is_none_or(|part| !whole.iter().any(|key| holds(key, &part.span)))
            });
        }
        self.opinions
    }
}

/// Whether a finding is about the last part of the key that another is about: its on-prem prefix stands apart in one form of
/// the text.
fn is_end_of(part: &Finding, whole: &Finding) -> bool {
    let (Some(part_key), Some(whole_key)) = (&part.key, &whole.key) else { return false };
    whole.span.start < part.span.start
        && whole_key.id == part_key.id
        && whole_key.prefix.is_some()
        && whole_key.prefix != part_key.prefix
}

/// How many bytes a piece may be decoded to: so many, and so many times its own size.
const DECODED_FLOOR: usize = 1024 * 1024;
const DECODED_SHARE: usize = 16;

/// Runs the examples of a rule's page, in their order: a bad block must give exactly one finding, by this rule; a good one
/// none at all. The error says what came out instead.
pub fn check_page(
    rules: &RuleSet,
    rule: &crate::rule::Rule,
) -> Result<Vec<Result<(), String>>, crate::policy::UnknownName> {
    let policy = Policy::new(rules, Vec::new(), Vec::new(), true)?;
    let progress = Progress::default();
    let scan = Scan { rules, policy: &policy, progress: &progress, found: &|_| {} };
    let results = rule.examples().into_iter().map(|example| {
        let outcome = scan.text(example.path, example.filled(&rule.id).as_bytes());
        let found: Vec<&str> = outcome.findings.iter().map(|finding| finding.rule.id.as_str()).collect();
        let wanted: &[&str] = if example.bad { &[&rule.id] } else { &[] };
        if found == wanted { Ok(()) } else { Err(format!("wanted {wanted:?}, found {found:?}")) }
    });
    Ok(results.collect())
}
