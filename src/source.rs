//! Brings bytes with their origin. In: paths, standard input. Out: texts of bounded size, and what could not be read.
//! It knows nothing of keys, follows no link out of a root, and opens nothing but regular files.

pub mod ci;
pub mod git;
pub mod home;
pub mod host;
pub mod objects;
pub mod processes;
pub mod settings;
pub mod tree;

use std::io::{self, Read};
use std::ops::Range;

use crate::blob::{Before, Text};

/// The most bytes of a source that are handed on as one text at first. Larger ones come in windows.
pub const WHOLE: usize = 2 * 1024 * 1024;
/// The size of a window, margins included: small enough to stay in a core's cache.
const WINDOW: usize = 512 * 1024;
/// How much of its neighbours a window repeats on both sides, so that what crosses its border is seen with its context.
const MARGIN: usize = 32 * 1024;
/// Where a buffer begins, so that a tree of small files needs little.
const START: usize = 256 * 1024;
/// The most bytes that are ever held at once, for a source whose verdict needs all of it.
pub const MAX_WHOLE: usize = 64 * 1024 * 1024;

/// A text at hand, and which part of it is new.
pub struct Piece<'b> {
    /// The bytes and what lies before them.
    pub text: Text<'b>,
    /// The part that no other piece holds as its own.
    pub own: Range<usize>,
    /// Whether this is all of the source.
    pub whole: bool,
}

/// Reads sources into one buffer that it keeps; one a thread.
#[derive(Default)]
pub struct Reader {
    buffer: Vec<u8>,
}

impl Reader {
    /// Reads `input` to its end and hands on its pieces until `each` says no. Returns the number of bytes read.
    pub fn read(&mut self, mut input: impl Read, mut each: impl FnMut(&Piece<'_>) -> bool) -> io::Result<u64> {
        if self.buffer.len() < START {
            self.buffer.resize(START, 0);
        }
        let mut filled = 0;
        loop {
            let read = fill(&mut input, &mut self.buffer[filled..])?;
            filled += read;
            if filled < self.buffer.len() {
                let text = Text::plain(&self.buffer[..filled], Before::default());
                each(&Piece { text, own: 0..filled, whole: true });
                return Ok(filled as u64);
            }
            if self.buffer.len() >= WHOLE {
                break;
            }
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        self.windows(input, filled, each)
    }

    /// As [`Reader::read`] for a source that goes on behind the `filled` bytes of the buffer.
    fn windows(
        &mut self,
        mut input: impl Read,
        mut filled: usize,
        mut each: impl FnMut(&Piece<'_>) -> bool,
    ) -> io::Result<u64> {
        let mut before = Before::default();
        let mut own = 0;
        let mut ended = false;
        loop {
            let end = if ended { filled } else { filled - MARGIN };
            let text = Text::plain(&self.buffer[..filled], before);
            if !each(&Piece { text, own: own..end, whole: false }) || ended {
                return Ok(before.bytes + filled as u64);
            }
            let kept = end - MARGIN;
            before = before.after(&self.buffer[..kept]);
            self.buffer.copy_within(kept..filled, 0);
            filled -= kept;
            own = MARGIN;
            let read = fill(&mut input, &mut self.buffer[filled..WINDOW])?;
            ended = filled + read < WINDOW;
            filled += read;
        }
    }

    /// Reads all of `input` as one piece, whatever its size up to [`MAX_WHOLE`]; more is left unread.
    pub fn read_whole(&mut self, input: impl Read, each: impl FnOnce(&Piece<'_>)) -> io::Result<u64> {
        let mut bytes = Vec::new();
        input.take(MAX_WHOLE as u64).read_to_end(&mut bytes)?;
        let text = Text::plain(&bytes, Before::default());
        each(&Piece { text, own: 0..bytes.len(), whole: true });
        Ok(bytes.len() as u64)
    }
}

/// Reads until the buffer is full or the input ends.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_every_byte_once_and_places_go_on() {
        for size in [0, 1, START, START + 1, WHOLE - 1, WHOLE, WHOLE + 1, WHOLE + WINDOW, 3 * WHOLE + 12_345] {
            let bytes: Vec<u8> =
                (0..size).map(|at| if at % 97 == 0 { b'\n' } else { b'a' + (at % 23) as u8 }).collect();
            let mut reader = Reader::default();
            let mut next = 0u64;
            let read = reader
                .read(&bytes[..], |piece| {
                    let start = piece.text.before.bytes;
                    assert_eq!(start + piece.own.start as u64, next, "size {size}");
                    next = start + piece.own.end as u64;
                    let from = usize::try_from(start).expect("small");
                    assert_eq!(piece.text.bytes, &bytes[from..from + piece.text.bytes.len()]);
                    let lines = bytes[..from].iter().filter(|b| **b == b'\n').count() as u64;
                    assert_eq!(piece.text.before.lines, lines);
                    true
                })
                .expect("readable");
            assert_eq!((read, next), (size as u64, size as u64), "size {size}");
        }
    }
}
