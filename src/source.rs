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

use std::fs::File;
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
/// How many windows a slice of a large file has.
const SLICE: usize = 16;
/// How much of a window is its own.
const STEP: usize = WINDOW - 2 * MARGIN;
/// Files this large are read in slices, by several threads at once; in bytes.
pub const SLICED: u64 = 32 * 1024 * 1024;
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

/// What reading a slice came to.
pub struct Slice {
    /// What lies before the next one, counted as if nothing lay before this one.
    pub before: Before,
    /// Where in the file the reading ended, if the file did.
    pub end: Option<u64>,
}

/// What lies before the first slice, as far as the first piece of a source tells.
pub fn before_slices(first: &Piece<'_>) -> Before {
    let bytes = first.text.bytes;
    Before::default().after(&bytes[..bytes.len().saturating_sub(2 * MARGIN)])
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

    /// Reads one slice of a file, whose first piece was read apart, and hands on its pieces until `each` says no. They are those
    /// that [`Reader::read`] would hand on, but places in them count from the first one. Nothing for a slice behind the end.
    pub fn slice(
        &mut self,
        file: &File,
        nth: u64,
        mut each: impl FnMut(&Piece<'_>) -> bool,
    ) -> io::Result<Option<Slice>> {
        if self.buffer.len() < WINDOW {
            self.buffer.resize(WINDOW, 0);
        }
        let buffer = &mut self.buffer[..WINDOW];
        let mut before = Before { bytes: first_byte(nth), ..Before::default() };
        let mut kept = 0;
        for _ in 0..SLICE {
            let filled = kept + read_at(file, &mut buffer[kept..], before.bytes + kept as u64)?;
            let ended = filled < WINDOW;
            let end = before.bytes + filled as u64;
            // What lies so close to the end was part of the window before, which is of the slice before.
            if filled < 2 * MARGIN {
                return Ok(None);
            }
            let own = MARGIN..if ended { filled } else { WINDOW - MARGIN };
            let text = Text::plain(&buffer[..filled], before);
            if !each(&Piece { text, own, whole: false }) || ended {
                return Ok(Some(Slice { before, end: Some(end) }));
            }
            before = before.after(&buffer[..STEP]);
            buffer.copy_within(STEP.., 0);
            kept = WINDOW - STEP;
        }
        Ok(Some(Slice { before, end: None }))
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

/// Where the first window of a slice begins, in bytes.
pub fn first_byte(nth: u64) -> u64 {
    (WHOLE - 2 * MARGIN) as u64 + nth * (SLICE * STEP) as u64
}

/// Reads from `offset` on until the buffer is full or the file ends; returns how much that was.
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    #[cfg(unix)]
    use std::os::unix::fs::FileExt;
    #[cfg(windows)]
    use std::os::windows::fs::FileExt;
    let mut filled = 0;
    while filled < buffer.len() {
        let (rest, at) = (&mut buffer[filled..], offset.saturating_add(filled as u64));
        #[cfg(unix)]
        let read = file.read_at(rest, at);
        #[cfg(windows)]
        let read = file.seek_read(rest, at);
        match read {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
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

    #[test]
    fn slices_hand_on_the_pieces_of_a_reading_from_front_to_back() {
        let slice = SLICE * STEP;
        let ends = [WHOLE, WHOLE + STEP, WHOLE + slice, WHOLE + 2 * slice];
        for size in
            ends.into_iter().flat_map(|end| [end - MARGIN - 1, end - MARGIN, end - 1, end, end + 1, end + STEP / 2])
        {
            let bytes: Vec<u8> =
                (0..size).map(|at| if at % 97_001 == 0 { b'\n' } else { b'a' + (at % 23) as u8 }).collect();
            let mut file = tempfile::tempfile().expect("a file");
            io::Write::write_all(&mut file, &bytes).expect("written");
            let seen = |piece: &Piece<'_>, ahead: Before| {
                let before = ahead.then(piece.text.before);
                (before.bytes, before.lines, before.columns, piece.text.bytes.len(), piece.own.clone())
            };
            let mut wanted = Vec::new();
            let mut reader = Reader::default();
            let read = reader.read(&bytes[..], |piece| {
                wanted.push(seen(piece, Before::default()));
                true
            });
            assert_eq!(read.expect("readable"), size as u64);
            let mut told = Vec::new();
            let mut ahead = Before::default();
            let mut end = None;
            Reader::default()
                .read(&bytes[..], |piece| {
                    told.push(seen(piece, ahead));
                    ahead = before_slices(piece);
                    end = piece.whole.then_some(size as u64);
                    false
                })
                .expect("readable");
            for nth in 0.. {
                if end.is_some() {
                    // Another thread may have asked for it before the end was known.
                    let behind = reader.slice(&file, nth, |_| panic!("it was of the slice before"));
                    assert!(behind.expect("readable").is_none(), "size {size}");
                    break;
                }
                let slice = reader
                    .slice(&file, nth, |piece| {
                        told.push(seen(piece, ahead));
                        true
                    })
                    .expect("readable")
                    .expect("a slice");
                ahead = ahead.then(slice.before);
                end = slice.end;
            }
            assert!(reader.slice(&file, 10, |_| false).expect("readable").is_none());
            assert_eq!(end, Some(size as u64));
            assert_eq!(told, wanted, "size {size}");
        }
    }
}
