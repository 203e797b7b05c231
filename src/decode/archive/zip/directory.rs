//! The central directory of a zip archive. In: bytes that can be sought in. Out: its entries one by one, and where their
//! contents begin. It holds one window of the directory and one of the members, whatever their headers claim.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use super::super::BUFFER;
use super::super::rewind;
use super::{LOCAL, LOCAL_MAGIC, u16_at, u32_at, u64_at};

/// The fixed parts of an entry, of the end of the directory and of its 64-bit form and locator.
const ENTRY: usize = 46;
const END: usize = 22;
const END_64: usize = 56;
const LOCATOR: usize = 20;
/// The end of the directory stands no farther from the end of the file: its comment has at most 65,535 bytes.
const MAX_TAIL: u64 = (END + 0xffff) as u64;

/// What an archive must be to be read by its directory.
pub(in super::super) trait ReadSeek: Read + Seek {}

impl<R: Read + Seek> ReadSeek for R {}

/// The archive's bytes by position, one window of them at hand.
pub(super) struct Source<'r> {
    input: &'r mut dyn ReadSeek,
    window: Vec<u8>,
    /// Where the window begins.
    from: u64,
}

impl<'r> Source<'r> {
    pub(super) fn new(input: &'r mut dyn ReadSeek) -> Source<'r> {
        Source { input, window: Vec::new(), from: 0 }
    }

    /// At least `wanted` bytes from a position on (at most [`BUFFER`] of them count), fewer only at the end.
    pub(super) fn at(&mut self, position: u64, wanted: usize) -> io::Result<&[u8]> {
        let behind = self.from + self.window.len() as u64;
        let inside = self.from <= position && position.saturating_add(wanted as u64) <= behind;
        if !inside {
            // Members that follow each other share a window; one that stands elsewhere costs no more than it is long.
            let follows = position >= self.from && position <= behind.saturating_add(BUFFER as u64);
            let length = if follows { BUFFER } else { wanted.clamp(4096, BUFFER) };
            self.fill(position, length)?;
        }
        let start = usize::try_from(position - self.from).unwrap_or(usize::MAX).min(self.window.len());
        Ok(&self.window[start..])
    }

    fn fill(&mut self, position: u64, length: usize) -> io::Result<()> {
        self.window.clear();
        self.from = position;
        self.input.seek(SeekFrom::Start(position))?;
        (&mut *self.input).take(length as u64).read_to_end(&mut self.window).map(drop)
    }

    fn length(&mut self) -> io::Result<u64> {
        self.input.seek(SeekFrom::End(0))
    }

    /// All of it from the beginning.
    pub(super) fn into_stream(self) -> impl Read + 'r {
        FromStart { input: self.input, started: false }
    }

    /// So many bytes from a position on; fewer are an error.
    pub(super) fn slice<'s>(&'s mut self, position: u64, length: u64) -> Slice<'s, 'r> {
        Slice { source: self, position, left: length }
    }
}

struct FromStart<'r> {
    input: &'r mut dyn ReadSeek,
    started: bool,
}

impl Read for FromStart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.started {
            self.input.seek(SeekFrom::Start(0))?;
            self.started = true;
        }
        rewind::read(&mut self.input, buffer)
    }
}

/// A part of an archive.
pub(super) struct Slice<'s, 'r> {
    source: &'s mut Source<'r>,
    position: u64,
    left: u64,
}

impl BufRead for Slice<'_, '_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(&[]);
        }
        // A window that has some of it is emptied first.
        let behind = self.source.from + self.source.window.len() as u64;
        let inside = self.source.from <= self.position && self.position < behind;
        let buffer = self.source.at(self.position, if inside { 1 } else { left.min(BUFFER) })?;
        if buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(&buffer[..buffer.len().min(left)])
    }

    fn consume(&mut self, bytes: usize) {
        self.position += bytes as u64;
        self.left -= bytes as u64;
    }
}

impl Read for Slice<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

/// What the directory says of a member.
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    /// Bytes in the archive.
    pub(super) packed: u64,
    /// Bytes of the content, as claimed.
    pub(super) size: u64,
    /// Where the header before it begins, counted from the beginning of the archive.
    header: u64,
}

/// The central directory, and how far it has been read.
pub(super) struct Directory {
    /// How many bytes stand before the archive in the file.
    before: u64,
    /// Where the next entry begins in the file.
    at: u64,
    end: u64,
    /// How many entries are still to come; only a 64-bit end can count more than 65,535.
    left: u64,
    counts: bool,
    buffer: Vec<u8>,
    read: usize,
}

impl Directory {
    /// Looks for the directory from the end on; `None` if there is none.
    pub(super) fn find(source: &mut Source<'_>) -> io::Result<Option<Directory>> {
        let length = source.length()?;
        let start = length.saturating_sub(MAX_TAIL);
        let tail = source.at(start, MAX_TAIL as usize)?.to_vec();
        let ends = memchr::memmem::rfind_iter(&tail, b"PK\x05\x06").filter(|&at| at + END <= tail.len());
        // Each costs a few reads, and a comment has no reason to hold many.
        for at in ends.take(16) {
            if let Some(directory) = Directory::from_end(source, &tail[at..at + END], start + at as u64)? {
                return Ok(Some(directory));
            }
        }
        Ok(None)
    }

    /// The directory that an end at `position` points to, if it stands there.
    fn from_end(source: &mut Source<'_>, end: &[u8], position: u64) -> io::Result<Option<Directory>> {
        let mut left = u64::from(u16_at(end, 10));
        let (mut size, mut offset) = (u64::from(u32_at(end, 12)), u64::from(u32_at(end, 16)));
        let mut behind = position;
        let mut counts = false;
        if let Some((wide, at)) = wide_end(source, position)? {
            (left, size, offset, behind, counts) = (u64_at(&wide, 32), u64_at(&wide, 40), u64_at(&wide, 48), at, true);
        }
        let Some(at) = behind.checked_sub(size) else { return Ok(None) };
        let Some(before) = at.checked_sub(offset) else { return Ok(None) };
        let empty = size == 0 && left == 0;
        if !empty && !source.at(at, 4)?.starts_with(b"PK\x01\x02") {
            return Ok(None);
        }
        Ok(Some(Directory { before, at, end: behind, left, counts, buffer: Vec::new(), read: 0 }))
    }

    /// The next entry, `None` behind the last one.
    pub(super) fn next(&mut self, source: &mut Source<'_>) -> io::Result<Option<Entry>> {
        if self.at >= self.end {
            // More than 65,535 entries without a 64-bit end count from zero again.
            let missing = if self.counts { self.left } else { self.left & 0xffff };
            return if missing == 0 { Ok(None) } else { Err(damaged("its central directory lacks entries")) };
        }
        let fixed: [u8; ENTRY] = match self.bytes(source, ENTRY)?.first_chunk() {
            Some(fixed) if fixed.starts_with(b"PK\x01\x02") => *fixed,
            _ => return Err(damaged("its central directory is no such thing from some entry on")),
        };
        let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(u16_at(&fixed, at)));
        let all = ENTRY + name + extra + comment;
        let bytes = self.bytes(source, all)?;
        if bytes.len() < ENTRY + name + extra {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut sizes = [24, 20, 42].map(|at| u64::from(u32_at(&fixed, at)));
        widen(&bytes[ENTRY + name..ENTRY + name + extra], &mut sizes);
        let [size, packed, header] = sizes;
        let name = bytes[ENTRY..ENTRY + name].to_vec();
        let (flags, method, crc) = (u16_at(&fixed, 8), u16_at(&fixed, 10), u32_at(&fixed, 16));
        self.read += all;
        self.at += all as u64;
        self.left = self.left.wrapping_sub(1);
        Ok(Some(Entry { name, flags, method, crc, packed, size, header }))
    }

    /// The next bytes of the directory, fewer than wanted only at its end.
    fn bytes(&mut self, source: &mut Source<'_>, wanted: usize) -> io::Result<&[u8]> {
        if self.buffer.len() - self.read.min(self.buffer.len()) < wanted {
            self.buffer.clear();
            self.read = 0;
            let length = (self.end - self.at).min(wanted.max(BUFFER) as u64);
            source.input.seek(SeekFrom::Start(self.at))?;
            (&mut *source.input).take(length).read_to_end(&mut self.buffer)?;
        }
        Ok(&self.buffer[self.read..])
    }

    /// Where a member's content begins in the file: behind the header before it, whose name and extra fields may be longer
    /// or shorter than those in the directory.
    pub(super) fn content(&self, entry: &Entry, source: &mut Source<'_>) -> io::Result<u64> {
        let header = self.before.checked_add(entry.header).ok_or_else(|| damaged("it lies beyond the archive"))?;
        let wanted = usize::try_from(entry.packed).unwrap_or(usize::MAX).saturating_add(1024).min(BUFFER);
        let at_hand = source.from <= header && header + LOCAL as u64 <= source.from + source.window.len() as u64;
        let bytes = source.at(header, if at_hand { LOCAL } else { wanted })?;
        let Some(fixed) = bytes.first_chunk::<LOCAL>() else { return Err(io::ErrorKind::UnexpectedEof.into()) };
        if !fixed.starts_with(&LOCAL_MAGIC) {
            return Err(damaged("its header is not where the central directory says"));
        }
        let skipped = LOCAL as u64 + u64::from(u16_at(fixed, 26)) + u64::from(u16_at(fixed, 28));
        header.checked_add(skipped).ok_or_else(|| damaged("it lies beyond the archive"))
    }
}

/// The 64-bit end of a directory whose plain one stands at `position`, and where it stands itself.
fn wide_end(source: &mut Source<'_>, position: u64) -> io::Result<Option<([u8; END_64], u64)>> {
    let Some(locator) = position.checked_sub(LOCATOR as u64) else { return Ok(None) };
    let bytes = source.at(locator, LOCATOR)?;
    if bytes.len() < LOCATOR || !bytes.starts_with(b"PK\x06\x07") {
        return Ok(None);
    }
    // It says where the end stands; with other bytes before the archive, the end still stands right before it.
    let stated = u64_at(bytes, 8);
    for at in [Some(stated), locator.checked_sub(END_64 as u64)].into_iter().flatten() {
        if let Some(end) = source.at(at, END_64)?.first_chunk::<END_64>()
            && end.starts_with(b"PK\x06\x06")
        {
            return Ok(Some((*end, at)));
        }
    }
    Ok(None)
}

/// Replaces what does not fit in 32 bits by the 64-bit numbers in an extra field: size, packed size, place of the header,
/// in this order, each only if it is wanted.
pub(super) fn widen(mut extra: &[u8], numbers: &mut [u64]) {
    while extra.len() >= 4 {
        let (id, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let Some(mut field) = extra.get(4..4 + length) else { return };
        if id == 1 {
            for number in numbers.iter_mut().filter(|number| **number == u64::from(u32::MAX)) {
                if field.len() >= 8 {
                    *number = u64_at(field, 0);
                    field = &field[8..];
                }
            }
            return;
        }
        extra = &extra[4 + length..];
    }
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
