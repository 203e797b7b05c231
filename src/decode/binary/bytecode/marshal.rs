//! Python's marshal format, as far as compiled files use it: `Python/marshal.c`, versions 2 to 5.
//! In: the bytes behind a file's header. Out: a flat list of objects that name each other by index. Depth and number are
//! bounded, and nothing is copied.

use super::super::{Bytes, Sink, quote};
use super::Version;

/// The index of an object.
pub(super) type Id = usize;

/// Objects within objects within objects: deeper ones are damage. Code within code takes two.
const MAX_DEPTH: usize = 100;
/// So many objects, and the file is damage.
const MAX_OBJECTS: usize = 2_000_000;

/// What the code can mean by a constant or a name.
pub(super) enum Object<'b> {
    /// The end of a dictionary.
    End,
    /// What has a word of its own, or a number in words.
    Word(&'static str),
    Int(i64),
    Text(&'b [u8]),
    Bytes(&'b [u8]),
    /// A tuple, list or set, by the bracket that opens it.
    Items(u8, Vec<Id>),
    Pairs(Vec<(Id, Id)>),
    Code(Box<Code<'b>>),
}

/// The parts of a code object that are looked at.
pub(super) struct Code<'b> {
    pub(super) arguments: usize,
    pub(super) keyword_only: usize,
    pub(super) code: &'b [u8],
    /// These five are tuples.
    pub(super) constants: Id,
    pub(super) names: Id,
    pub(super) locals: Id,
    /// Variables for inner functions and of outer ones; from 3.11 on they are among the locals.
    pub(super) cells: Id,
    pub(super) free: Id,
    pub(super) name: Id,
    /// Objects that are no constants: the code itself, names of files, tables of lines and of handlers.
    pub(super) labels: [Id; 6],
}

pub(super) struct Reader<'b> {
    bytes: Bytes<'b>,
    version: Version,
    /// Every object, parts before wholes.
    pub(super) objects: Vec<Object<'b>>,
    references: Vec<Id>,
    /// Where the innermost object began that could not be read.
    stuck: Option<&'b [u8]>,
}

const WORDS: [(u8, &str); 5] = [(b'N', "None"), (b'T', "True"), (b'F', "False"), (b'.', "..."), (b'S', "_")];

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8], version: Version) -> Self {
        let mut objects = vec![Object::End];
        objects.extend(WORDS.map(|(_, word)| Object::Word(word)));
        Reader { bytes: Bytes { rest: bytes }, version, objects, references: Vec::new(), stuck: None }
    }

    /// Reads the one object that a file holds.
    pub(super) fn read_all(&mut self) -> Option<Id> {
        self.object(0)
    }

    /// The bytes from the object on that could not be read.
    pub(super) fn rest(&self) -> &'b [u8] {
        self.stuck.unwrap_or(self.bytes.rest)
    }

    fn object(&mut self, depth: usize) -> Option<Id> {
        let start = self.bytes.rest;
        let id = self.attempt(depth);
        if id.is_none() && self.stuck.is_none() {
            self.stuck = Some(start);
        }
        id
    }

    fn attempt(&mut self, depth: usize) -> Option<Id> {
        if depth > MAX_DEPTH || self.objects.len() > MAX_OBJECTS {
            return None;
        }
        let tag = self.bytes.byte()?;
        let kind = tag & 0x7f;
        // An object's number is taken before its parts are read, so that they can refer to it.
        let slot = (tag & 0x80 != 0).then(|| {
            self.references.push(0);
            self.references.len() - 1
        });
        let object = match kind {
            b'0' => return Some(0),
            b'r' => {
                let nth = self.bytes.length(4)?;
                return self.references.get(nth).copied();
            }
            b'N' | b'T' | b'F' | b'.' | b'S' => {
                let nth = WORDS.iter().position(|(letter, _)| *letter == kind)? + 1;
                if let Some(slot) = slot {
                    self.references[slot] = nth;
                }
                return Some(nth);
            }
            b'i' => Object::Int(i64::from(self.bytes.little(4)? as u32 as i32)),
            b'I' => Object::Int(self.bytes.little(8)? as i64),
            b'l' => {
                let digits = (self.bytes.little(4)? as u32 as i32).unsigned_abs() as usize;
                self.bytes.take(digits.checked_mul(2)?)?;
                Object::Word("0")
            }
            b'g' => self.number(8)?,
            b'y' => self.number(16)?,
            b'f' | b'x' => {
                for _ in 0..if kind == b'f' { 1 } else { 2 } {
                    let length = self.bytes.length(1)?;
                    self.bytes.take(length)?;
                }
                Object::Word("0.0")
            }
            b's' => Object::Bytes(self.sized(4)?),
            b'u' | b't' | b'a' | b'A' => Object::Text(self.sized(4)?),
            b'z' | b'Z' => Object::Text(self.sized(1)?),
            b'(' | b')' | b'[' | b'<' | b'>' => self.items(kind, depth)?,
            b'{' => self.pairs(depth)?,
            b':' => {
                for _ in 0..3 {
                    self.object(depth + 1)?;
                }
                Object::Word("_")
            }
            b'c' => self.code(depth)?,
            _ => return None,
        };
        self.objects.push(object);
        let id = self.objects.len() - 1;
        if let Some(slot) = slot {
            self.references[slot] = id;
        }
        Some(id)
    }

    fn sized(&mut self, width: usize) -> Option<&'b [u8]> {
        let length = self.bytes.length(width)?;
        self.bytes.take(length)
    }

    fn number(&mut self, width: usize) -> Option<Object<'b>> {
        self.bytes.take(width)?;
        Some(Object::Word("0.0"))
    }

    fn items(&mut self, kind: u8, depth: usize) -> Option<Object<'b>> {
        let count = self.bytes.length(if kind == b')' { 1 } else { 4 })?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(self.object(depth + 1)?);
        }
        let open = match kind {
            b'[' => b'[',
            b'<' | b'>' => b'{',
            _ => b'(',
        };
        Some(Object::Items(open, items))
    }

    fn pairs(&mut self, depth: usize) -> Option<Object<'b>> {
        let mut pairs = Vec::new();
        loop {
            let key = self.object(depth + 1)?;
            if key == 0 {
                return Some(Object::Pairs(pairs));
            }
            pairs.push((key, self.object(depth + 1)?));
        }
    }

    /// The members of a code object, in the order of the version.
    fn code(&mut self, depth: usize) -> Option<Object<'b>> {
        let version = self.version;
        let mut numbers = [0; 3];
        numbers[0] = self.bytes.length(4)?;
        if version >= Version::V38 {
            self.bytes.take(4)?;
        }
        numbers[1] = self.bytes.length(4)?;
        // The number of locals went in 3.11; the size of the stack and the flags stayed.
        self.bytes.take(if version >= Version::V311 { 8 } else { 12 })?;
        let code_id = self.object(depth + 1)?;
        let constants = self.object(depth + 1)?;
        let names = self.object(depth + 1)?;
        let locals = self.object(depth + 1)?;
        let free = self.object(depth + 1)?;
        // From 3.11 on the tuple of cells is gone, and what stands in the place of the free ones are kinds of locals.
        let (free, cells) = if version >= Version::V311 { (0, 0) } else { (free, self.object(depth + 1)?) };
        let file = self.object(depth + 1)?;
        let name = self.object(depth + 1)?;
        let qualified = if version >= Version::V311 { self.object(depth + 1)? } else { name };
        self.bytes.take(4)?;
        let lines = self.object(depth + 1)?;
        let handlers = if version >= Version::V311 { self.object(depth + 1)? } else { lines };
        let &Object::Bytes(code) = self.objects.get(code_id)? else { return None };
        Some(Object::Code(Box::new(Code {
            arguments: numbers[0],
            keyword_only: numbers[1],
            code,
            constants,
            names,
            locals,
            cells,
            free,
            name,
            labels: [code_id, file, name, qualified, lines, handlers],
        })))
    }
}

/// Adds every string of a marshalled text that can be found by its tag and its length alone, each as a line.
pub(super) fn sweep(bytes: &[u8], sink: &mut Sink) {
    const SHORTEST: usize = 4;
    const LONGEST: usize = 16 * 1024 * 1024;
    let mut rest = Bytes { rest: bytes };
    while let Some(tag) = rest.byte() {
        let mut ahead = rest;
        let length = match tag & 0x7f {
            b's' | b'u' | b't' | b'a' | b'A' => ahead.length(4),
            b'z' | b'Z' => ahead.length(1),
            _ => None,
        };
        let text = length.filter(|length| (SHORTEST..=LONGEST).contains(length)).and_then(|length| ahead.take(length));
        let printable = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~' | 0x80..);
        if let Some(text) = text.filter(|text| text.iter().all(printable) && str::from_utf8(text).is_ok()) {
            let mut line = Vec::new();
            quote(text, &mut line);
            sink.line(&line);
            rest = ahead;
        }
    }
}
