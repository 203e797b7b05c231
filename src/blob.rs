//! Bytes, where they came from, and where in them something stands.

use std::borrow::Cow;
use std::ops::Range;

/// Where a text came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A file in a working tree.
    File,
    /// Standard input.
    Stdin,
}

impl Kind {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Kind::File => "file",
            Kind::Stdin => "stdin",
        }
    }
}

/// The origin of a text: what kind of source, and which one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The kind of source.
    pub kind: Kind,
    /// The path as it was reached from the argument, `/` between its parts; raw bytes, since names need not be UTF-8.
    pub path: Vec<u8>,
}

impl Origin {
    /// The path as text: bytes that are not UTF-8 as `\xNN`.
    pub fn display_path(&self) -> Cow<'_, str> {
        match std::str::from_utf8(&self.path) {
            Ok(path) => Cow::Borrowed(path),
            Err(_) => {
                let mut shown = String::new();
                for chunk in self.path.utf8_chunks() {
                    shown.push_str(chunk.valid());
                    for byte in chunk.invalid() {
                        shown.push_str(&format!("\\x{byte:02x}"));
                    }
                }
                Cow::Owned(shown)
            }
        }
    }

    /// The last part of the path.
    pub fn file_name(&self) -> &[u8] {
        self.path.rsplit(|&b| b == b'/').next().unwrap_or_default()
    }
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
}

/// A stretch of a source that is judged as one text.
#[derive(Clone, Copy)]
pub struct Text<'t> {
    /// The bytes at hand.
    pub bytes: &'t [u8],
    /// What lies before them.
    pub before: Before,
}

impl Text<'_> {
    /// Where `span` of these bytes stands in the source.
    pub fn place(&self, span: Range<usize>) -> Place {
        let start = self.before.after(&self.bytes[..span.start]);
        let end = start.after(&self.bytes[span]);
        Place { line: start.lines + 1, column: start.columns + 1, end_line: end.lines + 1, end_column: end.columns + 1 }
    }
}

/// How many Unicode scalar values begin in `bytes`; a byte that is not UTF-8 and looks like the middle of a character
/// counts with the character before it.
fn scalars(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&b| b & 0xC0 != 0x80).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_go_on_from_what_was_read_before() {
        let first = Before::default().after("ä\nöü".as_bytes());
        let text = Text { bytes: "ß key".as_bytes(), before: first };
        let place = text.place(3..6);
        assert_eq!((place.line, place.column, place.end_line, place.end_column), (2, 5, 2, 8));
    }

    #[test]
    fn a_name_that_is_not_utf8_is_shown_byte_by_byte() {
        let origin = Origin { kind: Kind::File, path: b"a/\xffb".to_vec() };
        assert_eq!(origin.display_path(), "a/\\xffb");
        assert_eq!(origin.file_name(), b"\xffb");
    }
}
