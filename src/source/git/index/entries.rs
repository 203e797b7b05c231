//! The entries of an index, gone through a window at a time: memory for all of a large one costs more than reading it. In: a
//! file of which every length may be a lie, or entries that were read already. Out: one entry at a time, and a way to pass
//! over many.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use super::{IndexEntry, head};
use crate::object::ObjectId;
use crate::source::git::varint;

/// Bytes of an entry before its id: times, place, mode, owner and size.
const FIXED: usize = 40;
/// Where in an entry its mode is.
const MODE: usize = 24;
/// Bytes of an index before its entries.
const HEAD: u64 = 12;
/// How much is read at once when all of it is, and when some entries are.
const ALL: usize = 96 * 1024;
const SOME: usize = 16 * 1024;

/// The entries of an index, and which of them is at hand.
pub(super) struct Entries {
    from: From,
    /// How many lie before the one at hand.
    nth: usize,
    count: usize,
}

enum From {
    /// Those of a file. In version 4, which shortens each path by the one before it, nothing is passed over.
    File { window: Window, version: u32, id_length: usize, starts: Vec<u32>, last: Vec<u8> },
    /// All of them.
    Listed(Vec<IndexEntry>),
}

/// An entry where it lies.
pub(super) struct Raw<'b> {
    pub(super) id: &'b [u8],
    mode: u32,
    flags: u16,
    more: u16,
    /// How many bytes of the path before it are left out at the end.
    cut: usize,
    /// The rest of its path.
    name: &'b [u8],
    /// All its bytes.
    length: usize,
}

impl Entries {
    /// Steps over all entries of a file of so many bytes, each of which `see` gets with how many lie before it; gives them
    /// and the bytes behind them, or says why it cannot.
    pub(super) fn open(
        file: File,
        size: u64,
        id_length: usize,
        mut see: impl FnMut(usize, &Raw<'_>),
    ) -> Result<(Entries, Vec<u8>), String> {
        let failed = |error: io::Error| format!("cannot be read: {}", crate::source::tree::plain(&error));
        let mut window = Window { file, size, start: 0, filled: 0, bytes: Vec::new() };
        let (version, count, _) = head(window.at(0, HEAD as usize).map_err(failed)?)?;
        let count = count as usize;
        let mut starts = Vec::new();
        let (mut at, mut path, mut held, mut least) = (HEAD, 0usize, 0usize, ALL);
        while starts.len() < count {
            let bytes = window.at(at, least).map_err(failed)?;
            let mut used = 0;
            while starts.len() < count
                && let Some(raw) = Raw::read(&bytes[used..], version, id_length)
            {
                see(starts.len(), &raw);
                starts.push(u32::try_from(at + used as u64).map_err(|_| super::broken())?);
                let kept = if version == 4 { path.checked_sub(raw.cut).ok_or_else(super::broken)? } else { 0 };
                path = kept + raw.name.len();
                held += path;
                if held > super::MAX_PATHS {
                    return Err("holds paths beyond all bounds".to_owned());
                }
                used += raw.length;
            }
            at += used as u64;
            // A path may be longer than what is read at once.
            if used == 0 && bytes.len() < least {
                return Err(super::broken());
            }
            least = if used == 0 { least * 2 } else { ALL };
        }
        let behind = window.behind(at).map_err(failed)?;
        let from = From::File { window, version, id_length, starts, last: Vec::new() };
        Ok((Entries { from, nth: 0, count }, behind))
    }

    /// These, which are sorted.
    pub(super) fn listed(entries: Vec<IndexEntry>) -> Entries {
        Entries { nth: 0, count: entries.len(), from: From::Listed(entries) }
    }

    /// The entry at hand, if its path begins with `prefix`. That of a folder ends without a slash.
    pub(super) fn at_hand(&mut self, prefix: &[u8]) -> Option<IndexEntry> {
        let mut entry = match &mut self.from {
            From::File { window, version, id_length, starts, last } => {
                let raw = Raw::at(window, *starts.get(self.nth)?, *version, *id_length)?;
                let kept = if *version == 4 { last.get(..last.len().checked_sub(raw.cut)?)? } else { &[] };
                if kept.is_empty() && !raw.name.starts_with(prefix) {
                    return None;
                }
                raw.entry([kept, raw.name].concat())?
            }
            From::Listed(entries) => entries.get(self.nth)?.clone(),
        };
        if entry.is_folder() && entry.path.last() == Some(&b'/') {
            entry.path.pop();
        }
        entry.path.starts_with(prefix).then_some(entry)
    }

    /// Goes on to the next one.
    pub(super) fn advance(&mut self) -> Option<()> {
        if let From::File { window, version: 4, id_length, starts, last } = &mut self.from {
            let raw = Raw::at(window, *starts.get(self.nth)?, 4, *id_length)?;
            last.truncate(last.len().checked_sub(raw.cut)?);
            last.extend_from_slice(raw.name);
        }
        self.nth += 1;
        Some(())
    }

    /// Passes over `count` entries if these are all that begin with `prefix`, as far as the last of them and the one behind it
    /// tell; says whether it did.
    pub(super) fn pass(&mut self, count: usize, prefix: &[u8]) -> Option<bool> {
        let Some(end) = self.nth.checked_add(count).filter(|&end| count > 0 && end <= self.count) else {
            return Some(false);
        };
        let before = match &self.from {
            From::File { last, .. } => last.clone(),
            From::Listed(_) => Vec::new(),
        };
        let start = self.nth;
        self.go_to(end - 1)?;
        let mut whole = self.at_hand(prefix).is_some();
        self.advance()?;
        whole &= self.are_over() || self.at_hand(prefix).is_none();
        if !whole {
            self.nth = start;
            if let From::File { last, .. } = &mut self.from {
                *last = before;
            }
        }
        Some(whole)
    }

    /// Whether none is left.
    pub(super) fn are_over(&self) -> bool {
        self.nth == self.count
    }

    /// Goes on to the one that so many lie before.
    pub(super) fn go_to(&mut self, nth: usize) -> Option<()> {
        if let From::File { version: 4, .. } = self.from {
            while self.nth < nth {
                self.advance()?;
            }
        }
        self.nth = nth;
        Some(())
    }
}

impl<'b> Raw<'b> {
    /// The entry that begins at a place in a file.
    fn at(window: &'b mut Window, start: u32, version: u32, id_length: usize) -> Option<Raw<'b>> {
        let mut least = SOME;
        // It could be read a moment ago, so only its path can be too long for what is read at once.
        while Raw::read(window.near(start.into(), least / 4, least).ok()?, version, id_length).is_none() {
            if u64::from(start) + least as u64 > window.size {
                return None;
            }
            least *= 2;
        }
        Raw::read(window.near(start.into(), 0, least).ok()?, version, id_length)
    }

    fn read(bytes: &'b [u8], version: u32, id_length: usize) -> Option<Raw<'b>> {
        let mut at = FIXED + id_length;
        let number = |at: usize| Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
        let flags = number(at)?;
        at += 2;
        let mut more = 0;
        if flags & 0x4000 != 0 && version >= 3 {
            more = number(at)?;
            at += 2;
        }
        let mut cut = 0;
        if version == 4 {
            let mut rest = bytes.get(at..)?;
            cut = usize::try_from(varint::read(&mut rest)?).ok()?;
            at = bytes.len() - rest.len();
        }
        // The flags say how long a path is, unless it is too long for them.
        let said = usize::from(flags & 0xfff);
        let name = bytes.get(at..)?;
        let long = match name.get(said) {
            Some(0) if version < 4 && said < 0xfff => said,
            _ => memchr::memchr(0, name)?,
        };
        at += long;
        // One that is not shortened is filled up to a multiple of eight bytes, with one zero at least.
        let length = if version == 4 { at + 1 } else { (at + 1).next_multiple_of(8) };
        let mode = u32::from_be_bytes(*bytes.get(MODE..)?.first_chunk()?);
        let id = bytes.get(FIXED..FIXED + id_length)?;
        (length <= bytes.len()).then_some(Raw { id, mode, flags, more, cut, name: &name[..long], length })
    }

    /// As [`IndexEntry::is_folder`].
    pub(super) fn is_folder(&self) -> bool {
        self.mode & 0o170_000 == 0o040_000
    }

    fn entry(&self, path: Vec<u8>) -> Option<IndexEntry> {
        Some(IndexEntry {
            path,
            id: ObjectId::from_bytes(self.id)?,
            mode: self.mode,
            stage: (self.flags >> 12 & 3) as u8,
            intent_to_add: self.more & 0x2000 != 0,
        })
    }
}

/// A part of a file.
struct Window {
    file: File,
    size: u64,
    /// Where it begins, in bytes.
    start: u64,
    /// How much of `bytes` is of the file.
    filled: usize,
    bytes: Vec<u8>,
}

impl Window {
    /// The bytes from a place to the end. The window is empty then.
    fn behind(&mut self, place: u64) -> io::Result<Vec<u8>> {
        (self.filled, self.bytes) = (0, Vec::new());
        self.file.seek(SeekFrom::Start(place))?;
        let mut bytes = Vec::new();
        (&mut self.file).take(self.size.saturating_sub(place)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The bytes from a place on: `least` of them, unless the file ends before.
    fn at(&mut self, place: u64, least: usize) -> io::Result<&[u8]> {
        self.near(place, least, least)
    }

    /// Likewise; if not so many are at hand, `many` are read.
    fn near(&mut self, place: u64, least: usize, many: usize) -> io::Result<&[u8]> {
        let end = place.saturating_add(least as u64).min(self.size);
        if place < self.start || end > self.start + self.filled as u64 || place > self.start + self.filled as u64 {
            let many = many.min(usize::try_from(self.size.saturating_sub(place)).unwrap_or(many));
            if self.bytes.len() < many {
                self.bytes.resize(many, 0);
            }
            self.file.seek(SeekFrom::Start(place))?;
            self.start = place;
            self.filled = 0;
            while self.filled < many {
                match self.file.read(&mut self.bytes[self.filled..many])? {
                    0 => break,
                    read => self.filled += read,
                }
            }
        }
        let from = usize::try_from(place - self.start).unwrap_or(self.filled).min(self.filled);
        Ok(&self.bytes[from..self.filled])
    }
}
