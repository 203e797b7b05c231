//! Binary formats whose structure says what a value is: what a constant is assigned to, which column or field it fills.
//! In: the bytes of a file. Out: text that says the same in a syntax that the judge reads. Nothing is run or constructed,
//! and what is damaged is read as far as it goes.

mod bytecode;
mod pickle;
mod run_log;
mod sqlite;

/// A binary format that is rendered as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// Compiled Python: `.pyc`.
    ByteCode,
    /// A SQLite 3 database, or its write-ahead log.
    Sqlite,
    /// The transaction log of a W&B run: `run-*.wandb`.
    RunLog,
    /// A Python pickle of protocol 2 or later.
    Pickle,
    /// Compiled Java: a class file. Its strings have no names, so it is not rendered, but it has no lines either.
    JavaClass,
}

impl Binary {
    /// Whether it is byte code or a database, in which nobody counts lines.
    pub fn is_lineless(self) -> bool {
        matches!(self, Binary::ByteCode | Binary::Sqlite | Binary::JavaClass)
    }
}

/// How many bytes of a file [`format`] asks for.
pub const HEAD: usize = 32;

/// The format that the first bytes of a file tell; 32 of them are enough, fewer can hide one.
pub fn format(head: &[u8]) -> Option<Binary> {
    match head.first()? {
        b'S' if head.starts_with(sqlite::MAGIC) => Some(Binary::Sqlite),
        0x37 if sqlite::is_write_ahead_log(head) => Some(Binary::Sqlite),
        b':' if head.starts_with(run_log::MAGIC) => Some(Binary::RunLog),
        0x80 if pickle::begins(head) => Some(Binary::Pickle),
        // A universal binary of macOS begins likewise, and then says how few programs it holds.
        0xCA if head.starts_with(b"\xCA\xFE\xBA\xBE\0\0\0") && head.get(7) > Some(&44) => Some(Binary::JavaClass),
        _ if head.get(2..4) == Some(b"\r\n") && bytecode::begins(head) => Some(Binary::ByteCode),
        _ => None,
    }
}

/// Whether the first bytes of a file are those of a program or a library that was compiled for a machine: ELF, Mach-O, PE,
/// WebAssembly. [`HEAD`] bytes are not enough to tell the last but one.
pub fn is_program(head: &[u8]) -> bool {
    const MAGICS: [&[u8]; 6] =
        [b"\x7FELF", b"\0asm", b"\xFE\xED\xFA\xCE", b"\xFE\xED\xFA\xCF", b"\xCE\xFA\xED\xFE", b"\xCF\xFA\xED\xFE"];
    let universal = || head.starts_with(b"\xCA\xFE\xBA\xBE\0\0\0") && head.get(7).is_some_and(|few| *few <= 44);
    let portable = || {
        // Behind what DOS would run, at an offset that stands at 0x3C.
        let at = head.get(0x3C..0x40).and_then(|at| at.try_into().ok()).map_or(u32::MAX, u32::from_le_bytes);
        head.starts_with(b"MZ")
            && usize::try_from(at).is_ok_and(|at| head.get(at..).is_some_and(|pe| pe.starts_with(b"PE\0\0")))
    };
    MAGICS.iter().any(|magic| head.starts_with(magic)) || universal() || portable()
}

/// A file as text.
#[derive(Debug)]
pub struct Rendered {
    /// Text that says what the bytes say.
    pub text: Vec<u8>,
    /// What could not be read, as a sentence without the file's name.
    pub damage: Option<String>,
}

/// Renders `bytes`, a whole file, as text. The text is at most eight times as long, with 64 KiB to begin with and 512 MiB
/// to end with. Rows and containers in which no word is as long as a key are left out.
pub fn render(binary: Binary, bytes: &[u8]) -> Rendered {
    let mut sink = Sink::new(bytes.len());
    match binary {
        Binary::ByteCode => bytecode::render(bytes, &mut sink),
        Binary::Sqlite => sqlite::render(bytes, &mut sink),
        Binary::RunLog => run_log::render(bytes, &mut sink),
        Binary::Pickle => pickle::render(bytes, &mut sink),
        Binary::JavaClass => {}
    }
    Rendered { text: sink.text, damage: sink.damage }
}

/// The text as it grows, up to a bound.
struct Sink {
    text: Vec<u8>,
    cap: usize,
    damage: Option<String>,
}

impl Sink {
    fn new(input: usize) -> Sink {
        const LEAST: usize = 64 * 1024;
        const MOST: usize = 512 * 1024 * 1024;
        Sink { text: Vec::new(), cap: input.saturating_mul(8).saturating_add(LEAST).min(MOST), damage: None }
    }

    /// Adds a line, if there is room.
    fn line(&mut self, line: &[u8]) {
        if self.text.len().saturating_add(line.len()) >= self.cap {
            self.damaged("it would fill far more text than its size");
            return;
        }
        self.text.extend_from_slice(line);
        self.text.push(b'\n');
    }

    /// Adds a line, if a word in it is long enough to be a key. What there is thousands of, such as rows, is added so.
    fn line_with_word(&mut self, line: &[u8]) {
        const SHORTEST_WORD: usize = 20;
        let words = line.split(|b| !b.is_ascii_alphanumeric() && *b != b'_');
        if words.into_iter().any(|word| word.len() >= SHORTEST_WORD) {
            self.line(line);
        }
    }

    /// Notes what could not be read; the first such note is kept.
    fn damaged(&mut self, what: &str) {
        if self.damage.is_none() {
            self.damage = Some(what.to_owned());
        }
    }

    /// Adds every run of printable characters as a line, as `strings` does.
    fn runs(&mut self, bytes: &[u8]) {
        const SHORTEST: usize = 8;
        for run in bytes.split(|&b| !matches!(b, b'\t' | b' '..=b'~')) {
            if run.len() >= SHORTEST {
                self.line(run);
            }
        }
    }
}

/// Adds `text` as a string literal in a form that Python and JSON share. Control characters become blanks, so that they
/// do not run into what follows.
fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0..=0x1f | 0x7f => out.push(b' '),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// Takes numbers and slices from the front of bytes, and never more than there are.
#[derive(Clone, Copy)]
struct Bytes<'b> {
    rest: &'b [u8],
}

impl<'b> Bytes<'b> {
    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|taken| taken[0])
    }

    /// A little-endian number of `width` bytes, at most eight.
    fn little(&mut self, width: usize) -> Option<u64> {
        let taken = self.take(width)?;
        Some(taken.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    /// A little-endian length of `width` bytes.
    fn length(&mut self, width: usize) -> Option<usize> {
        usize::try_from(self.little(width)?).ok()
    }
}
