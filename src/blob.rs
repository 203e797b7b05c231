//! Bytes, where they came from, and where in them something stands.

mod ground;
mod line_hash;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::object::Held;
use crate::process::Process;
pub use ground::Ground;
pub use line_hash::line_hashes;

/// Where a text came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A file in a working tree.
    File,
    /// Standard input.
    Stdin,
    /// What a git index holds and no commit does.
    Staged,
    /// A blob of a git repository.
    Blob,
    /// The header and message of a commit, or a message about to become one.
    Commit,
    /// The header and message of an annotated tag.
    Tag,
    /// A git note.
    Note,
    /// The name of a git reference.
    Ref,
    /// A line of the log of a reference.
    Reflog,
    /// Any other file of a git directory.
    GitConfig,
    /// The command line of a running process.
    Process,
    /// The environment of a running process.
    Environ,
    /// An account of a W&B server.
    Account,
}

impl Kind {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Kind::File => "file",
            Kind::Stdin => "stdin",
            Kind::Staged => "staged",
            Kind::Blob => "blob",
            Kind::Commit => "commit",
            Kind::Tag => "tag",
            Kind::Note => "note",
            Kind::Ref => "ref",
            Kind::Reflog => "reflog",
            Kind::GitConfig => "git-config",
            Kind::Process => "process",
            Kind::Environ => "environ",
            Kind::Account => "account",
        }
    }
}

/// The origin of a text: what kind of source, and which one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The kind of source.
    pub kind: Kind,
    /// The path as it was reached from the argument, `/` between its parts; raw bytes, since names need not be UTF-8. Of what
    /// lies in git objects, relative to the repository; empty where it has none. Of a process, what it is called.
    pub path: Vec<u8>,
    /// The way into a container, the outermost member first; empty outside of one.
    pub inner: Vec<Vec<u8>>,
    /// Where in a git repository it lies, if it does.
    pub held: Option<Arc<Held>>,
    /// Which process it is of, if it is of one.
    pub process: Option<Arc<Process>>,
}

impl Origin {
    /// A source that is no member of a container.
    pub fn new(kind: Kind, path: impl Into<Vec<u8>>) -> Origin {
        Origin { kind, path: path.into(), inner: Vec::new(), held: None, process: None }
    }

    /// The same, held by a git repository.
    pub fn held(self, held: Held) -> Origin {
        Origin { held: Some(Arc::new(held)), ..self }
    }

    /// A text of a running process.
    pub fn of_process(kind: Kind, name: impl Into<Vec<u8>>, process: Process) -> Origin {
        Origin { process: Some(Arc::new(process)), ..Origin::new(kind, name) }
    }

    /// A member of this source.
    pub fn member(&self, inner: &[Vec<u8>]) -> Origin {
        Origin { inner: inner.to_vec(), ..self.clone() }
    }

    /// The path as text: bytes that are not UTF-8 as `\xNN`.
    pub fn display_path(&self) -> Cow<'_, str> {
        self.display(&self.path)
    }

    /// A path of that kind of source as text.
    pub fn display<'p>(&self, path: &'p [u8]) -> Cow<'p, str> {
        match self.kind {
            Kind::Ref | Kind::Reflog => display_word(path),
            _ => display(path),
        }
    }

    /// The way into a container as text, likewise.
    pub fn display_inner(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.inner.iter().map(|name| display(name))
    }

    /// The path, and behind it the way into a container, each step after an exclamation mark.
    pub fn full_path(&self) -> Cow<'_, [u8]> {
        if self.inner.is_empty() {
            return Cow::Borrowed(&self.path);
        }
        let steps: Vec<&[u8]> = std::iter::once(&self.path).chain(&self.inner).map(Vec::as_slice).collect();
        Cow::Owned(steps.join(&b'!'))
    }

    /// The name by which the bytes are called where they lie: the innermost member's, or the path.
    pub fn name(&self) -> &[u8] {
        self.inner.last().unwrap_or(&self.path)
    }

    /// The last part of that name.
    pub fn file_name(&self) -> &[u8] {
        self.name().rsplit(|&b| b == b'/').next().unwrap_or_default()
    }
}

/// What git makes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It lies in no working tree.
    Outside,
    /// It lies in one, of which not enough can be read.
    Unknown,
    /// git has it.
    Tracked,
    /// git has it not, and `git add` would pass over it.
    Ignored,
    /// git has it not, and `git add` would take it.
    Untracked,
}

/// A name as text: bytes that are not UTF-8 as `\xNN`, a key in it cut to its public part, and what is too long cut off. What
/// a scanned file or a member of an archive is called is content too.
pub fn display(name: &[u8]) -> Cow<'_, str> {
    let name = without_keys(name);
    match name {
        Cow::Borrowed(name) if let Ok(name) = std::str::from_utf8(name) => Cow::Borrowed(name),
        name => {
            let mut shown = String::new();
            for chunk in name.utf8_chunks() {
                shown.push_str(chunk.valid());
                for byte in chunk.invalid() {
                    shown.push_str(&format!("\\x{byte:02x}"));
                }
            }
            Cow::Owned(shown)
        }
    }
}

/// As [`display`] for the name of a person or of a reference, where no commit id is expected: every long word of it is cut.
pub fn display_word(name: &[u8]) -> Cow<'_, str> {
    const LONG: usize = 32;
    let shown = display(name);
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let long = |text: &str| text.split(|c| !is_word(c)).any(|word| word.len() >= LONG);
    if !long(&shown) {
        return shown;
    }
    let parts = shown.split_inclusive(|c| !is_word(c)).map(|part| {
        let word = part.trim_end_matches(|c| !is_word(c));
        if word.len() < LONG { part.to_owned() } else { format!("{}…{}", &word[..4], &part[word.len()..]) }
    });
    Cow::Owned(parts.collect())
}

/// A name without the secret part of keys: of whatever begins as a v1 key does, and of 40 hexadecimal digits behind an
/// equals sign or a word for a secret. Other such digits are commit ids, and many files are named for one.
pub fn without_keys(name: &[u8]) -> Cow<'_, [u8]> {
    const LONGEST: usize = 4096;
    const SECRET: [&[u8]; 5] = [b"=", b"key", b"token", b"secret", b"password"];
    let word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let mut shown: Vec<u8> = Vec::new();
    let mut kept = 0;
    let mut at = 0;
    while let Some(start) = name[at..].iter().position(word).map(|start| at + start) {
        let end = start + name[start..].iter().take_while(|b| word(b)).count();
        let run = &name[start..end];
        let before = name[start.saturating_sub(32)..start].to_ascii_lowercase();
        let before = before.strip_suffix(b"local-").unwrap_or(&before);
        let before =
            before.strip_suffix(b"-").or(before.strip_suffix(b".")).or(before.strip_suffix(b" ")).unwrap_or(before);
        let tail = run.rsplit(|b| *b == b'_').next().unwrap_or_default();
        let head = &run[..run.len() - tail.len()].to_ascii_lowercase();
        let hex = tail.len() == 40 && tail.iter().all(u8::is_ascii_hexdigit);
        let named = |part: &[u8]| SECRET.iter().any(|secret| part.ends_with(secret));
        let public = match memchr::memmem::find(run, b"wandb_v") {
            Some(v1) if run.len() - v1 > 40 => Some(v1 + 20),
            _ if hex && (named(head.strip_suffix(b"_").unwrap_or(head)) || head.is_empty() && named(before)) => {
                Some(head.len() + 4)
            }
            _ => None,
        };
        if let Some(public) = public {
            shown.extend_from_slice(&name[kept..start + public]);
            shown.extend_from_slice("…".as_bytes());
            kept = end;
        }
        at = end;
    }
    if kept == 0 && name.len() <= LONGEST {
        return Cow::Borrowed(name);
    }
    shown.extend_from_slice(&name[kept..]);
    if shown.len() > LONGEST {
        shown.truncate(LONGEST);
        shown.extend_from_slice("…".as_bytes());
    }
    Cow::Owned(shown)
}

/// A place in a text as a person counts: lines and columns from 1, columns in Unicode scalar values, the end exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The line on which it begins.
    pub line: u64,
    /// The column of its first character.
    pub column: u64,
    /// The line on which it ends.
    pub end_line: u64,
    /// The column behind its last character.
    pub end_column: u64,
}

/// What lies in a source before the bytes at hand, so that places count from its true beginning.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before {
    /// Bytes before.
    pub bytes: u64,
    /// Newlines before.
    pub lines: u64,
    /// Characters between the last newline and here.
    pub columns: u64,
}

impl Before {
    /// What lies before the text that follows `passed`.
    pub fn after(self, passed: &[u8]) -> Before {
        let lines = memchr::memchr_iter(b'\n', passed).count() as u64;
        let (tail, columns) = match memchr::memrchr(b'\n', passed) {
            Some(newline) => (&passed[newline + 1..], 0),
            None => (passed, self.columns),
        };
        Before { bytes: self.bytes + passed.len() as u64, lines: self.lines + lines, columns: columns + scalars(tail) }
    }

    /// What lies before a text of which `later` lies before it, where the lines and columns of that count from here.
    pub fn then(self, later: Before) -> Before {
        let columns = if later.lines == 0 { self.columns + later.columns } else { later.columns };
        Before { bytes: later.bytes, lines: self.lines + later.lines, columns }
    }

    /// The place that counts from here, counted from where this does.
    pub fn place(self, place: Place) -> Place {
        let column = |line: u64, column: u64| if line == 1 { self.columns + column } else { column };
        Place {
            line: self.lines + place.line,
            column: column(place.line, place.column),
            end_line: self.lines + place.end_line,
            end_column: column(place.end_line, place.end_column),
        }
    }
}

/// A stretch of a source that is judged as one text, as it stands or decoded.
#[derive(Clone, Copy)]
pub struct Text<'t> {
    /// The bytes at hand.
    pub bytes: &'t [u8],
    /// What lies before them in the source, if they stand in it as they are.
    pub before: Before,
    /// What they were decoded from, if they were.
    pub from: Option<Decoded<'t>>,
}

/// What a decoded text was made from, and the way back.
#[derive(Clone, Copy)]
pub struct Decoded<'t> {
    /// The text that shows it encoded.
    pub text: &'t Text<'t>,
    /// The decoded one.
    pub view: &'t View,
}

impl<'t> Text<'t> {
    /// Bytes that stand in a source as they are.
    pub fn plain(bytes: &'t [u8], before: Before) -> Text<'t> {
        Text { bytes, before, from: None }
    }

    /// What `view` shows of this text.
    pub fn decoded(&'t self, view: &'t View) -> Text<'t> {
        Text { bytes: &view.bytes, before: self.before, from: Some(Decoded { text: self, view }) }
    }

    /// Where `span` of these bytes stands in the source, in bytes from its beginning.
    pub fn offsets(&self, span: Range<usize>) -> Range<u64> {
        match self.from {
            Some(Decoded { text, view }) => text.offsets(view.source(span)),
            None => self.before.bytes + span.start as u64..self.before.bytes + span.end as u64,
        }
    }

    /// The text in which the lines of `span` are counted, and the same span there: the source itself, or what an editor shows
    /// of one in UTF-16.
    pub fn counted(&self, span: Range<usize>) -> (&Text<'t>, Range<usize>) {
        match self.from {
            Some(Decoded { text, view }) if !(view.encoding == Encoding::Wide && text.from.is_none()) => {
                text.counted(view.source(span))
            }
            _ => (self, span),
        }
    }

    /// The encodings that were undone, the innermost first.
    pub fn encodings(&self) -> impl Iterator<Item = Encoding> {
        std::iter::successors(self.from, |from| from.text.from).map(|from| from.view.encoding)
    }

    /// Where `span` of these bytes stands in the source.
    pub fn place(&self, span: Range<usize>) -> Place {
        let (text, span) = self.counted(span);
        let start = text.before.after(&text.bytes[..span.start]);
        let end = start.after(&text.bytes[span]);
        Place { line: start.lines + 1, column: start.columns + 1, end_line: end.lines + 1, end_column: end.columns + 1 }
    }
}

/// How something is written so that it does not show as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoding {
    /// Base64, in either alphabet.
    Base64,
    /// Hexadecimal digits, two for a byte.
    Hex,
    /// `%41`.
    Percent,
    /// `\u0041`, `\x41` and their like.
    Escape,
    /// `&#65;`, `&quot;`.
    Entity,
    /// `=41`, and `=` at the end of a line that goes on.
    QuotedPrintable,
    /// A literal in several pieces.
    Pieces,
    /// UTF-16 or UTF-32.
    Wide,
}

impl Encoding {
    /// The words that follow "it is written".
    pub fn phrase(self) -> &'static str {
        match self {
            Encoding::Base64 => "in base64",
            Encoding::Hex => "in hexadecimal",
            Encoding::Percent => "with percent escapes",
            Encoding::Escape => "with character escapes",
            Encoding::Entity => "with HTML entities",
            Encoding::QuotedPrintable => "in quoted-printable",
            Encoding::Pieces => "in pieces",
            Encoding::Wide => "in UTF-16 or UTF-32",
        }
    }
}

/// A text as it reads when an encoding in it is undone, and the way back to what it was made from.
#[derive(Debug)]
pub struct View {
    /// What it reads.
    pub bytes: Vec<u8>,
    /// What was undone.
    pub encoding: Encoding,
    steps: Vec<Step>,
}

/// The bytes of a view from `at` on, up to the next step.
#[derive(Clone, Copy, Debug)]
struct Step {
    at: usize,
    source: usize,
    unit: Unit,
}

/// How bytes of a view relate to those of the source.
#[derive(Clone, Copy, Debug)]
enum Unit {
    /// Each byte stands for so many.
    Each(usize),
    /// All of them together stand for so many.
    All(usize),
}

impl View {
    /// An empty one.
    pub fn new(encoding: Encoding) -> View {
        View { bytes: Vec::new(), encoding, steps: Vec::new() }
    }

    /// Takes over `range` of the source as it is.
    pub fn keep(&mut self, source: &[u8], range: Range<usize>) {
        self.each(&source[range.clone()], range.start, 1);
    }

    /// Adds bytes of which each stands for `unit` bytes of the source, from `source` on.
    pub fn each(&mut self, bytes: &[u8], source: usize, unit: usize) {
        if bytes.is_empty() {
            return;
        }
        let at = self.bytes.len();
        let goes_on = self.steps.last().is_some_and(
            |last| matches!(last.unit, Unit::Each(other) if other == unit && last.source + (at - last.at) * unit == source),
        );
        if !goes_on {
            self.steps.push(Step { at, source, unit: Unit::Each(unit) });
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Adds bytes that stand for `source` as a whole.
    pub fn replace(&mut self, bytes: &[u8], source: Range<usize>) {
        if !bytes.is_empty() {
            self.steps.push(Step { at: self.bytes.len(), source: source.start, unit: Unit::All(source.len()) });
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// Which bytes of the source `span` of this view stands for.
    pub fn source(&self, span: Range<usize>) -> Range<usize> {
        let Some(first) = self.step(span.start) else { return 0..0 };
        let start = match first.unit {
            Unit::Each(unit) => first.source + (span.start - first.at) * unit,
            Unit::All(_) => first.source,
        };
        let Some(last) = span.end.checked_sub(1).filter(|&last| last >= span.start).and_then(|last| self.step(last))
        else {
            return start..start;
        };
        let end = match last.unit {
            Unit::Each(unit) => last.source + (span.end - last.at) * unit,
            Unit::All(length) => last.source + length,
        };
        start..end.max(start)
    }

    fn step(&self, at: usize) -> Option<Step> {
        let behind = self.steps.partition_point(|step| step.at <= at);
        self.steps.get(behind.checked_sub(1)?).copied()
    }
}

/// How many Unicode scalar values begin in `bytes`; a byte that is not UTF-8 and looks like the middle of a character
/// counts with the character before it.
fn scalars(bytes: &[u8]) -> u64 {
    // So many that their number fits a byte, which is how a compiler counts sixteen at once.
    let few = |bytes: &[u8]| bytes.iter().map(|&b| u8::from(b & 0xC0 != 0x80)).sum::<u8>();
    bytes.chunks(usize::from(u8::MAX)).map(|bytes| u64::from(few(bytes))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_go_on_from_what_was_read_before() {
        let first = Before::default().after("ä\nöü".as_bytes());
        let text = Text::plain("ß key".as_bytes(), first);
        let place = text.place(3..6);
        assert_eq!((place.line, place.column, place.end_line, place.end_column), (2, 5, 2, 8));
    }

    #[test]
    fn a_name_that_is_not_utf8_is_shown_byte_by_byte() {
        let origin = Origin::new(Kind::File, b"a/\xffb");
        assert_eq!(origin.display_path(), "a/\\xffb");
        assert_eq!(origin.file_name(), b"\xffb");
    }

    #[test]
    fn a_view_knows_the_way_back() {
        let source = b"ab%41%42cd";
        let mut view = View::new(Encoding::Percent);
        view.keep(source, 0..2);
        view.replace(b"A", 2..5);
        view.replace(b"B", 5..8);
        view.keep(source, 8..10);
        assert_eq!(view.bytes, b"abABcd");
        for (span, source) in [(0..2, 0..2), (2..3, 2..5), (1..4, 1..8), (3..6, 5..10), (5..6, 9..10), (6..6, 10..10)] {
            assert_eq!(view.source(span.clone()), source, "{span:?}");
        }
        let text = Text::plain(source, Before::default());
        let decoded = text.decoded(&view);
        assert_eq!(decoded.place(2..4).column, 3);
        assert_eq!(decoded.offsets(2..4), 2..8);
    }

    #[test]
    fn a_key_in_a_name_is_cut_to_its_public_part() {
        use crate::rule::example::{legacy_key, v1_key};
        let (legacy, v1) = (legacy_key("name"), v1_key("name"));
        for (name, shown) in [
            (format!("a/{v1}.txt"), format!("a/{}….txt", &v1[..20])),
            (format!("WANDB_API_KEY={legacy}"), format!("WANDB_API_KEY={}…", &legacy[..4])),
            (format!("wandb_key_{legacy}.env"), format!("wandb_key_{}….env", &legacy[..4])),
            (format!("patch_{legacy}.diff"), format!("patch_{legacy}.diff")),
            (format!("wandb-{legacy}/setup.py"), format!("wandb-{legacy}/setup.py")),
        ] {
            assert_eq!(display(name.as_bytes()), shown);
        }
        assert!(display(&[b'a'; 70_000]).len() < 5000);
    }
}
