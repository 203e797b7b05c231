//! One thread's share of a scan: each source is read, looked at as it stands, and opened if it is a container or a binary
//! format. In: sources. Out: its part of the outcome.

mod slices;

use std::collections::{BTreeMap, HashSet};
use std::fs::{File, Metadata};
use std::io::{self, Cursor, Read, Seek};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use super::Scan;
use super::hashes::{self, HEAD};
use super::look::Look;
use crate::blob::{Before, Kind, Origin, Text};
use crate::decode::archive::{self, Form, Opened, Unpack};
use crate::decode::binary::{self, Binary};
use crate::decode::probe;
use crate::finding::{By, Coverage, Finding, Outcome, Skip, Suppressed};
use crate::judge::{self, Judge, Keeper, Opinion};
use crate::policy::{About, Kept};
use crate::source::tree::{self, Visit};
use crate::source::{MAX_WHOLE, Piece, Reader, WHOLE};

/// What a file too large to be read as a whole was not read for.
const STRUCTURE: &str = "its bytes were read, but not what its structure says of them";
const CUT: &str = "it was read in pieces, and what is encoded in it lies in several";

/// Says that a bug is ours, and that what it hit is not clean for that.
const BUG: &str = "an internal error ended the judgement of it; this is a bug";

/// One thread's share of a scan.
pub(super) struct Worker<'w, 'a> {
    scan: &'w Scan<'a>,
    judge: &'w Judge<'w>,
    reader: Reader,
    own: Outcome,
    all: &'w Mutex<Outcome>,
    look: Looks,
    /// The hash of the first line of the container whose members are looked at.
    first_line: Option<String>,
    /// Where git directories are told of, if anybody asked for them.
    repositories: Option<&'w Mutex<Vec<PathBuf>>>,
    /// The mode of the file at hand, if it is one, and one in which credentials are kept.
    mode: Option<u32>,
}

/// What becomes of what a look says.
enum Looks {
    /// It is told.
    Tells,
    /// It is a first look, which tells nothing: where the text lies, and so what is to be said of it, is not known yet.
    First(Glance),
    /// The text has been looked at before: what was told of it then is not told again.
    Again(Told),
}

/// What a first look at a text came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Glance {
    /// Whether it holds anything of a key's shape; if not, it is clean wherever it lies.
    pub(super) candidates: bool,
    /// Whether there is something to say, wherever it lies.
    pub(super) says: bool,
}

impl Glance {
    /// Whether it is clean wherever it lies.
    pub(super) fn is_clean(self) -> bool {
        !self.candidates && !self.says
    }
}

/// What was told of one text: of which member, where it begins, what about.
pub(super) type Told = HashSet<(Vec<Vec<u8>>, u64, String)>;

/// What the bytes at hand are.
#[derive(Clone, Copy)]
enum As {
    /// A text as it stands.
    Text,
    /// The bytes of a container or of a binary format.
    Bytes,
    /// What a binary format says, written down, or what a program for a machine holds: nobody mends a habit in it.
    Built,
}

/// What a look at a piece came to; see [`Seen`].
struct Looked {
    opinions: Vec<Opinion>,
    open: bool,
    cut: bool,
}

/// What reading a source came to.
#[derive(Default)]
struct Seen {
    bytes: u64,
    opinions: Vec<Opinion>,
    /// Whether a verdict could change if more of the source were read at once.
    open: bool,
    /// Whether something encoded lies in several pieces, so that none showed all of it.
    cut: bool,
    /// The container that it is.
    form: Option<Form>,
    /// That it looks like a container, but is none.
    unopened: bool,
    /// The binary format that it is, if it was too large to be read as one at once.
    binary: Option<Binary>,
    /// Whether it is a program for a machine.
    program: bool,
}

impl<'w, 'a> Worker<'w, 'a> {
    pub(super) fn new(scan: &'w Scan<'a>, judge: &'w Judge<'w>, all: &'w Mutex<Outcome>) -> Worker<'w, 'a> {
        let (reader, own) = (Reader::default(), Outcome::default());
        Worker { scan, judge, reader, own, all, look: Looks::Tells, first_line: None, repositories: None, mode: None }
    }

    /// One that tells of the git directories it meets rather than passing over them.
    pub(super) fn telling(mut self, repositories: &'w Mutex<Vec<PathBuf>>) -> Worker<'w, 'a> {
        self.repositories = Some(repositories);
        self
    }

    /// Looks without telling.
    pub(super) fn glance(&mut self, look: impl FnOnce(&mut Self)) -> Glance {
        self.look = Looks::First(Glance::default());
        look(self);
        match std::mem::replace(&mut self.look, Looks::Tells) {
            Looks::First(glance) => glance,
            Looks::Tells | Looks::Again(_) => Glance::default(),
        }
    }

    /// Looks once more at a text of which `told` was told, and tells the rest.
    pub(super) fn again(&mut self, told: Told, look: impl FnOnce(&mut Self)) -> Told {
        self.look = Looks::Again(told);
        look(self);
        match std::mem::replace(&mut self.look, Looks::Tells) {
            Looks::Again(told) => told,
            Looks::Tells | Looks::First(_) => Told::default(),
        }
    }

    /// Reads standard input to its end.
    pub(super) fn stdin(&mut self, name: Option<&Path>) {
        let path = name.map_or_else(|| b"-".to_vec(), |name| tree::origin(name).path);
        let origin = Origin::new(Kind::Stdin, path);
        // Standard input cannot be read twice, so as much of it as is ever held is read at once.
        let mut head = Vec::new();
        let read = io::stdin().lock().take(MAX_WHOLE as u64).read_to_end(&mut head);
        self.first_line = hashes::first_line(&head);
        let result = read.and_then(|_| {
            if head.len() < MAX_WHOLE {
                self.bytes(&origin, &head);
                return Ok(());
            }
            self.endless(&origin, Cursor::new(&head).chain(io::stdin().lock()), archive::form(&head))
        });
        if let Err(error) = result {
            self.skip(Skip { origin, reason: format!("cannot be read: {error}"), gap: true });
        }
    }

    /// Reads the message of a commit to be. What stands below the scissors line, git takes away before it commits.
    pub(super) fn message(&mut self, path: &Path) {
        const SCISSORS: &[u8] = b" ------------------------ >8 ------------------------";
        // Whatever begins a comment in this repository, it is one word.
        let cuts = |line: &&[u8]| {
            let comment = line.trim_ascii_end().strip_suffix(SCISSORS);
            comment.is_some_and(|comment| !comment.is_empty() && !comment.iter().any(u8::is_ascii_whitespace))
        };
        let origin = Origin { kind: Kind::Commit, ..tree::origin(path) };
        let mut text = Vec::new();
        let read = tree::open_named(path).and_then(|file| file.take(MAX_WHOLE as u64).read_to_end(&mut text));
        if let Err(error) = read {
            return self.skip(Skip { origin, reason: format!("cannot be read: {}", tree::plain(&error)), gap: true });
        }
        let mut lines = text.split_inclusive(|&b| b == b'\n');
        let end: usize = lines.by_ref().take_while(|line| !cuts(line)).map(<[u8]>::len).sum();
        self.text(&origin, Text::plain(&text[..end], Before::default()), true);
        self.own.coverage.files += 1;
        self.own.coverage.bytes += end as u64;
        if end == MAX_WHOLE {
            let reason = "only its first 64 MiB were looked at".to_owned();
            self.skip(Skip { origin, reason, gap: true });
        }
    }

    /// Reads a source, again where its beginning says that there is more to it.
    fn read(&mut self, origin: &Origin, file: &mut (impl Read + Seek)) -> io::Result<()> {
        let seen = self.windows(origin, &mut *file, false)?;
        self.reread(origin, file, seen)
    }

    /// Goes on with a source whose bytes were looked at.
    fn reread(&mut self, origin: &Origin, file: &mut (impl Read + Seek), mut seen: Seen) -> io::Result<()> {
        let held = seen.bytes <= MAX_WHOLE as u64;
        if seen.binary.is_some() && !held {
            self.too_large(origin, STRUCTURE);
        }
        if seen.cut && !held {
            self.too_large(origin, CUT);
        }
        // What a window leaves open (where does this variable end up?) the whole file may decide.
        if (seen.open || seen.binary.is_some()) && held && !self.stopped() {
            file.rewind()?;
            let mut whole = Seen { unopened: true, ..Seen::default() };
            let bytes = Reader::default().read_whole(&mut *file, |piece| self.piece(origin, piece, &mut whole))?;
            seen = Seen { bytes, ..whole };
        }
        if let Some(form) = seen.form.filter(|_| !self.stopped()) {
            file.rewind()?;
            let mut head = Vec::new();
            file.take(HEAD).read_to_end(&mut head)?;
            self.first_line = hashes::first_line(&head);
            file.rewind()?;
            if !self.members(origin, form, seen.bytes, &mut *file, &mut seen.opinions) {
                file.rewind()?;
                seen = self.windows(origin, &mut *file, true)?;
            }
        }
        if seen.opinions.iter().any(|opinion| opinion.finding().is_some()) {
            file.rewind()?;
            let mut bytes = Vec::new();
            file.take(if held { MAX_WHOLE as u64 } else { HEAD }).read_to_end(&mut bytes)?;
            hashes::tell(&mut seen.opinions, &bytes, held);
        }
        self.keep(seen.opinions);
        self.count(origin, seen.bytes);
        Ok(())
    }

    /// Reads a source that is larger than what is held at once and cannot be read again.
    fn endless(&mut self, origin: &Origin, input: impl Read, form: Option<Form>) -> io::Result<()> {
        let mut counted = Counted { input, bytes: 0 };
        if let Some(form) = form {
            let mut members = Members { worker: self, origin, found: HashSet::new() };
            // What it cannot open it reads as plain bytes, so nothing is left to do.
            let _ = archive::unpack_stream(form, origin.file_name(), &mut counted, &mut members);
        } else {
            let seen = self.windows(origin, &mut counted, true)?;
            if seen.binary.is_some() {
                self.too_large(origin, STRUCTURE);
            }
            if seen.cut {
                self.too_large(origin, CUT);
            }
            self.keep(seen.opinions);
        }
        self.count(origin, counted.bytes);
        Ok(())
    }

    /// Reads a whole source that is at hand.
    pub(super) fn bytes(&mut self, origin: &Origin, bytes: &[u8]) {
        if bytes.len() >= WHOLE {
            if let Err(error) = self.read(origin, &mut Cursor::new(bytes)) {
                self.skip(Skip { origin: origin.clone(), reason: format!("cannot be read: {error}"), gap: true });
            }
            return;
        }
        let text = Text::plain(bytes, Before::default());
        let mut seen = Seen::default();
        self.piece(origin, &Piece { text, own: 0..bytes.len(), whole: true }, &mut seen);
        self.first_line = seen.form.and_then(|_| hashes::first_line(bytes));
        if let Some(form) = seen.form
            && !self.members(origin, form, bytes.len() as u64, Cursor::new(bytes), &mut seen.opinions)
        {
            seen = Seen { unopened: true, ..Seen::default() };
            self.piece(origin, &Piece { text, own: 0..bytes.len(), whole: true }, &mut seen);
        }
        hashes::tell(&mut seen.opinions, bytes, true);
        self.keep(seen.opinions);
        self.count(origin, bytes.len() as u64);
    }

    /// Looks at a text that is no file and no object: a part of one, or a name. One without lines gives findings that stand
    /// on none.
    pub(super) fn text(&mut self, origin: &Origin, text: Text<'_>, lines: bool) {
        let own = 0..text.bytes.len();
        let mut opinions = self.look(origin, &Piece { text, own, whole: true }, As::Text).opinions;
        if !lines {
            opinions.iter_mut().filter_map(Opinion::finding_mut).for_each(|finding| finding.place = None);
        }
        self.keep(opinions);
    }

    /// Looks at a text that has no lines and is no part of a file.
    pub(super) fn look_at_text(&mut self, origin: &Origin, text: Text<'_>) -> Vec<Opinion> {
        self.look(origin, &Piece { text, own: 0..text.bytes.len(), whole: true }, As::Text).opinions
    }

    /// Counts processes: those that were looked at, and those that are known to run.
    pub(super) fn count_processes(&mut self, looked_at: u64, known: u64) {
        self.own.coverage.processes += looked_at;
        self.own.coverage.processes_known += known;
    }

    /// Counts objects of which it is known that they are clean.
    pub(super) fn count_known_clean(&mut self, objects: u64) {
        self.own.coverage.objects += objects;
        self.own.coverage.objects_known_clean += objects;
        self.scan.progress.objects.fetch_add(objects, Ordering::Relaxed);
    }

    /// Counts bytes that are no source's.
    pub(super) fn count_bytes(&mut self, bytes: u64) {
        self.own.coverage.bytes += bytes;
        self.scan.progress.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Reads a source piece by piece; `unopened` if it looks like a container and is none, or is none by where it comes from.
    fn windows(&mut self, origin: &Origin, input: impl Read, unopened: bool) -> io::Result<Seen> {
        let mut reader = std::mem::take(&mut self.reader);
        let mut seen = Seen { unopened, ..Seen::default() };
        let result = reader.read(input, |piece| {
            self.piece(origin, piece, &mut seen);
            self.scan.progress.bytes.fetch_add(piece.own.len() as u64, Ordering::Relaxed);
            !self.stopped()
        });
        self.reader = reader;
        seen.bytes = result?;
        Ok(seen)
    }

    /// Looks at a piece; at the first one also at what kind of source it is.
    fn piece(&mut self, origin: &Origin, piece: &Piece<'_>, seen: &mut Seen) {
        let bytes = piece.text.bytes;
        let first = piece.text.before.bytes == 0;
        if first {
            seen.form = if seen.unopened { None } else { archive::form(bytes) };
            seen.binary = binary::format(bytes);
            seen.program = binary::is_program(bytes);
        }
        let closed = seen.form.is_some() || seen.binary.is_some();
        let form = match (closed, seen.program) {
            (true, _) => As::Bytes,
            (false, true) => As::Built,
            (false, false) => As::Text,
        };
        let looked = self.look(origin, piece, form);
        // The cells of a notebook can be counted only in all of it.
        let cells = origin.name().ends_with(b".ipynb") && !looked.opinions.is_empty();
        seen.open |= (looked.open || looked.cut || cells) && !piece.whole;
        seen.cut |= looked.cut && !piece.whole;
        seen.opinions.extend(looked.opinions);
        if first && !closed {
            self.judge.file(origin, &piece.text, self.mode, &mut seen.opinions);
        }
        if first
            && piece.whole
            && let Some(binary) = seen.binary.take()
        {
            self.structure(origin, binary, bytes, &mut seen.opinions);
        }
    }

    /// What is thought of a piece in all its forms, and whether that could change if more were read.
    fn look(&mut self, origin: &Origin, piece: &Piece<'_>, form: As) -> Looked {
        let mut look = Look::of(self.judge, origin, piece, false);
        // A bug that one text brings to light must neither end the scan nor look like a clean file.
        let looked = panic::catch_unwind(AssertUnwindSafe(|| match form {
            As::Text => look.at(piece),
            As::Bytes => look.at_bytes(&piece.text, piece.own.clone()),
            As::Built => look.forms(&piece.text, piece.own.clone(), &probe::survey(piece.text.bytes), 0),
        }));
        let gap = looked.map_or(Some(BUG), |()| look.unread);
        if let Some(reason) = gap {
            self.skip(Skip { origin: origin.clone(), reason: reason.to_owned(), gap: true });
        }
        if let Looks::First(glance) = &mut self.look {
            glance.candidates |= look.candidates;
            glance.says |= look.unnamed;
        }
        let (open, cut) = (look.open, look.cut);
        Looked { opinions: look.opinions(), open, cut }
    }

    /// Looks at what a binary format says, beside its bytes: one opinion a key, since it has no lines.
    fn structure(&mut self, origin: &Origin, binary: Binary, bytes: &[u8], opinions: &mut Vec<Opinion>) {
        // What a program or an object graph says of a key, it says with all of the key in one place.
        if matches!(binary, Binary::ByteCode | Binary::Pickle) && probe::runs(bytes).next().is_none() {
            return;
        }
        let Ok(rendered) = panic::catch_unwind(AssertUnwindSafe(|| binary::render(binary, bytes))) else {
            self.skip(Skip { origin: origin.clone(), reason: BUG.to_owned(), gap: true });
            return;
        };
        if let Some(reason) = rendered.damage {
            self.skip(Skip { origin: origin.clone(), reason, gap: false });
        }
        let text = Text::plain(&rendered.text, Before::default());
        let piece = Piece { text, own: 0..rendered.text.len(), whole: true };
        let says = self.look(origin, &piece, As::Built).opinions;
        // What the structure says comes first where nobody counts lines; else the place that the bytes tell is worth more.
        let lineless = binary.is_lineless();
        let shows = std::mem::take(opinions).into_iter().map(|opinion| (opinion, lineless));
        let says = says.into_iter().map(|opinion| (opinion, true));
        let all: Vec<_> = if lineless { says.chain(shows).collect() } else { shows.chain(says).collect() };
        let mut about = HashSet::new();
        for (mut opinion, placeless) in all {
            let Some(finding) = opinion.finding_mut() else { continue };
            let new = about.insert(finding.about().to_owned());
            if placeless {
                finding.place = None;
                finding.cell = None;
            }
            if new || !placeless {
                opinions.push(opinion);
            }
        }
    }

    fn too_large(&mut self, origin: &Origin, what: &str) {
        let reason = format!("larger than {} MiB: {what}", MAX_WHOLE / 1024 / 1024);
        self.skip(Skip { origin: origin.clone(), reason, gap: true });
    }

    /// Opens a container and looks at its members; tells whether it was one. What its own bytes showed is said of the member
    /// that holds it.
    fn members(
        &mut self,
        origin: &Origin,
        form: Form,
        size: u64,
        input: impl Read + Seek,
        opinions: &mut Vec<Opinion>,
    ) -> bool {
        let mut members = Members { worker: self, origin, found: HashSet::new() };
        let name = origin.file_name();
        let opened = panic::catch_unwind(AssertUnwindSafe(|| archive::unpack(form, name, size, input, &mut members)));
        let found = members.found;
        if opened.is_err() {
            self.skip(Skip { origin: origin.clone(), reason: BUG.to_owned(), gap: true });
        }
        opinions.retain(|opinion| opinion.finding().is_none_or(|finding| !found.contains(finding.about())));
        !matches!(opened, Ok(Opened::No))
    }

    /// Reads a member of a container; tells what was found in it.
    fn member(&mut self, origin: &Origin, mut input: &mut dyn Read) -> io::Result<HashSet<String>> {
        let mut head = Vec::new();
        (&mut input).take(binary::HEAD as u64).read_to_end(&mut head)?;
        let structured = binary::format(&head).is_some();
        if structured {
            (&mut input).take((MAX_WHOLE - head.len()) as u64).read_to_end(&mut head)?;
        }
        let mut seen = if structured && head.len() < MAX_WHOLE {
            let mut seen = Seen { unopened: true, ..Seen::default() };
            let text = Text::plain(&head, Before::default());
            self.piece(origin, &Piece { text, own: 0..head.len(), whole: true }, &mut seen);
            seen
        } else {
            self.windows(origin, Cursor::new(head).chain(input), true)?
        };
        if seen.binary.is_some() {
            self.too_large(origin, STRUCTURE);
        }
        let found =
            seen.opinions.iter().filter_map(Opinion::finding).map(|finding| finding.about().to_owned()).collect();
        for finding in seen.opinions.iter_mut().filter_map(Opinion::finding_mut) {
            finding.line_hash.clone_from(&self.first_line);
        }
        self.keep(seen.opinions);
        Ok(found)
    }

    /// Tells what only several sources say together, once all of them are read.
    pub(super) fn together(&mut self) {
        let mut by_source: BTreeMap<Option<Origin>, Vec<Opinion>> = BTreeMap::new();
        for opinion in self.judge.together() {
            let origin = opinion.finding().map(|finding| finding.origin.clone());
            by_source.entry(origin).or_default().push(opinion);
        }
        by_source.into_values().for_each(|opinions| self.keep(opinions));
    }

    /// Likewise for one at hand that is said to have a mode.
    pub(super) fn with_mode(mut self, mode: Option<u32>) -> Worker<'w, 'a> {
        self.mode = mode;
        self
    }

    /// Takes the opinions of one source: numbers its findings, tells them, keeps them.
    pub(super) fn keep(&mut self, opinions: Vec<Opinion>) {
        if opinions.is_empty() {
            return;
        }
        let mut findings = Vec::new();
        let mut suppressed = Vec::new();
        for opinion in opinions {
            match (&mut self.look, opinion.finding()) {
                (Looks::Tells, _) | (_, None) => {}
                (Looks::First(glance), Some(_)) => {
                    glance.says = true;
                    return;
                }
                (Looks::Again(told), Some(finding)) => {
                    let about = (finding.origin.inner.clone(), finding.span.start, finding.about().to_owned());
                    if !told.insert(about) {
                        continue;
                    }
                }
            }
            match opinion {
                Opinion::Finding(finding) => findings.push(*finding),
                Opinion::Suppressed(one) => suppressed.push(*one),
                Opinion::Silent { .. } => {}
            }
        }
        findings.sort_by_key(|finding| finding.span.start);
        Finding::number(findings.iter_mut());
        Finding::number(suppressed.iter_mut().map(|one| &mut one.finding));
        let findings = self.permitted(findings, &mut suppressed);
        for finding in &findings {
            (self.scan.found)(finding);
        }
        self.scan.progress.findings.fetch_add(findings.len() as u64, Ordering::Relaxed);
        self.own.findings.extend(findings);
        self.own.suppressed.extend(suppressed);
    }

    /// Keeps back what a configuration permits or the baseline accepts.
    fn permitted(&self, findings: Vec<Finding>, suppressed: &mut Vec<Suppressed>) -> Vec<Finding> {
        let mut told = Vec::with_capacity(findings.len());
        for finding in findings {
            let kept = about(&finding, |about| self.scan.policy.permitted(about)).map(|kept| match kept {
                Kept::Config(_, reason) => (By::Config, judge::shown_text(reason)),
                Kept::Baseline(.., reason) => (By::Baseline, judge::shown_text(reason)),
            });
            match kept {
                Some((by, reason)) => suppressed.push(Suppressed { finding, by, reason }),
                None => told.push(finding),
            }
        }
        told
    }

    pub(super) fn count(&mut self, origin: &Origin, bytes: u64) {
        if matches!(self.look, Looks::Again(_)) {
            return;
        }
        let object = !matches!(origin.kind, Kind::File | Kind::Stdin | Kind::GitConfig);
        let (own, progress) = (&mut self.own.coverage, self.scan.progress);
        let (number, shown) =
            if object { (&mut own.objects, &progress.objects) } else { (&mut own.files, &progress.files) };
        *number += 1;
        shown.fetch_add(1, Ordering::Relaxed);
        own.bytes += bytes;
    }
}

/// Asks a policy about a finding.
pub(super) fn about<T>(finding: &Finding, ask: impl FnOnce(&About<'_>) -> T) -> T {
    ask(&About {
        rule: &finding.rule.id,
        origin: &finding.origin,
        fingerprint: finding.key.as_ref().map(|key| key.fingerprint.as_str()),
        finding_id: &finding.id,
        id_at: &|path| finding.id_at(path),
    })
}

/// Counts what is read.
struct Counted<R> {
    input: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

/// The members of one container, on their way to a worker.
struct Members<'m, 'w, 'a> {
    worker: &'m mut Worker<'w, 'a>,
    origin: &'m Origin,
    /// What was found in them so far.
    found: HashSet<String>,
}

impl Unpack for Members<'_, '_, '_> {
    fn member(&mut self, inner: &[Vec<u8>], content: &mut dyn Read) -> io::Result<()> {
        let found = self.worker.member(&self.origin.member(inner), content)?;
        self.found.extend(found);
        Ok(())
    }

    fn skip(&mut self, inner: &[Vec<u8>], reason: String, gap: bool) {
        self.worker.skip(Skip { origin: self.origin.member(inner), reason, gap });
    }

    fn stopped(&self) -> bool {
        self.worker.stopped()
    }
}

impl Visit for Worker<'_, '_> {
    fn file(&mut self, origin: Origin, mut file: File, meta: &Metadata) {
        self.mode = Keeper::of(&origin).and_then(|_| tree::mode(meta));
        let read = match self.helpers(meta.len()) {
            0 => self.read(&origin, &mut file),
            helpers => self.read_in_slices(&origin, &mut file, helpers),
        };
        if let Err(error) = read {
            let reason = format!("cannot be read: {}", tree::plain(&error));
            self.skip(Skip { origin, reason, gap: true });
        }
        self.mode = None;
    }

    fn skip(&mut self, skip: Skip) {
        let new = match &mut self.look {
            Looks::Tells => true,
            Looks::First(glance) => {
                glance.says = true;
                false
            }
            Looks::Again(told) => told.insert((skip.origin.inner.clone(), 0, skip.reason.clone())),
        };
        if new {
            self.own.coverage.skipped.push(skip);
        }
    }

    fn repository(&mut self, path: &Path) {
        match self.repositories {
            Some(repositories) => repositories.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned()),
            None if path.is_dir() => self.skip(tree::passed_git_folder(path)),
            None => {}
        }
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
        let Coverage { files, objects, objects_known_clean, processes, processes_known, bytes, skipped, .. } =
            std::mem::take(&mut self.own.coverage);
        all.coverage.objects_known_clean += objects_known_clean;
        all.coverage.files += files;
        all.coverage.objects += objects;
        all.coverage.processes += processes;
        all.coverage.processes_known += processes_known;
        all.coverage.bytes += bytes;
        all.coverage.skipped.extend(skipped);
    }
}
