//! A pack (gitformat-pack): entries, each with a header and a zlib stream, and many of them deltas to another one. In: its
//! file and its index. Out: what each entry is, without inflating any, and in which order each base comes shortly before what
//! is made from it. Every offset and size is hostile.

use std::fs::File;
use std::path::PathBuf;
use std::sync::OnceLock;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::families::{Link, Links};
use super::index::Index;
use super::{Copies, Gap, loose, marked};
use crate::object::{ObjectId, ObjectKind};
use crate::source::git::varint;
use crate::source::read_at;
use crate::source::tree;

/// Bytes of the header of a pack: `PACK`, the version, the number of objects.
const HEAD: u64 = 12;
/// No header of an entry has more bytes: a size, and the id or the distance of a base.
pub(super) const MAX_HEADER: usize = 64;
/// Longer chains of deltas are not followed; git makes none of more than 4095.
pub(super) const MAX_DEPTH: usize = 10_000;
/// How much of a pack is read at once for headers.
const WINDOW: usize = 32 * 1024;
/// How many headers one thread reads at a time.
const HEADERS: usize = 8 * 1024;

const BEYOND: &str = "it lies beyond the end of the pack";
const NO_ENTRY: &str = "its place in the pack holds no object";
pub(super) const NO_BASE: &str = "the object that it is a delta to cannot be found";
const UNREADABLE: &str = "the pack cannot be read";

/// A pack and its index.
pub(super) struct Pack {
    path: PathBuf,
    pub(super) index: Index,
    /// Bytes of an object id.
    length: usize,
    map: OnceLock<Map>,
}

/// Where the entries of a pack lie; known once it is listed.
pub(super) struct Map {
    /// Where they begin, in order.
    offsets: Vec<u64>,
    /// Their numbers in the index, in the same order.
    nths: Vec<u32>,
    /// Where they end, in the same order.
    ends: Vec<u64>,
    /// Whether another entry is a delta to it.
    is_base: Vec<bool>,
}

/// The bytes of an entry in its pack.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    /// Where they end.
    pub(super) end: u64,
    /// Their CRC-32.
    pub(super) crc: u32,
    /// Whether another entry is a delta to it.
    pub(super) is_base: bool,
}

/// What a pack holds.
pub(super) struct Survey {
    /// What can be read, in the order in which it is quickest to read.
    pub(super) order: Vec<Found>,
    /// By number in the index: whether it is in that order.
    pub(super) listed: Vec<bool>,
    /// By number in the index: whether there are other copies of it.
    pub(super) copies: Vec<Copies>,
    /// What cannot be read: its number in the index and the reason.
    pub(super) lost: Vec<(u32, &'static str)>,
}

/// An entry that can be read.
pub(super) struct Found {
    /// Its number in the index.
    pub(super) nth: u32,
    /// Where it begins.
    pub(super) offset: u64,
    /// Where it ends.
    pub(super) end: u64,
    /// What it is.
    pub(super) kind: ObjectKind,
    /// What it is a delta to, by its place in the order, where that comes before it.
    pub(super) base: Option<u32>,
    /// How many bytes its family's first object has by its header; the others of a family tend to have about as many.
    pub(super) size: u64,
}

/// What the header of an entry says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) what: What,
    /// Bytes of the entry, inflated.
    pub(super) size: u64,
    /// Bytes of the header.
    pub(super) length: usize,
}

/// What an entry is.
#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    /// An object.
    Whole(ObjectKind),
    /// A delta to the entry so many bytes before it.
    Before(u64),
    /// A delta to that object of the same pack.
    To(ObjectId),
}

impl Pack {
    /// A digest of the ids that its index names, and of its mark.
    pub(super) fn identity(&self) -> Option<[u8; 32]> {
        let mut sha = Sha256::new();
        sha.update(self.mark()?);
        sha.update(self.index.ids());
        Some(sha.finalize().into())
    }

    /// A digest that another pack or index has not, and that this one has no more once another file has taken its place.
    pub(super) fn mark(&self) -> Option<[u8; 32]> {
        let mut sha = marked(&self.path, &std::fs::metadata(&self.path).ok()?)?;
        sha.update(self.index.hash()?);
        Some(sha.finalize().into())
    }

    pub(super) fn new(path: PathBuf, index: Index, length: usize) -> Pack {
        Pack { path, index, length, map: OnceLock::new() }
    }

    pub(super) fn open(&self) -> Result<File, String> {
        loose::open(&self.path)
    }

    /// Whether the extents of its entries are known.
    pub(super) fn is_mapped(&self) -> bool {
        self.map.get().is_some()
    }

    /// The bytes of the entry at `offset`, if they are known.
    pub(super) fn extent(&self, offset: u64) -> Option<Extent> {
        let map = self.map.get()?;
        let rank = map.offsets.binary_search(&offset).ok()?;
        let crc = self.index.crc(map.nths[rank] as usize)?;
        Some(Extent { end: map.ends[rank], crc, is_base: map.is_base[rank] })
    }

    /// The header of the entry that begins `bytes`.
    pub(super) fn header(&self, bytes: &[u8]) -> Option<Header> {
        let mut at = 0;
        let mut next = || {
            at += 1;
            bytes.get(at - 1).copied()
        };
        let mut byte = next()?;
        let kind = byte >> 4 & 7;
        let mut size = u64::from(byte & 0x0f);
        let mut shift = 4;
        while byte & 0x80 != 0 {
            byte = next()?;
            size |= u64::from(byte & 0x7f).checked_shl(shift).filter(|_| shift < 57)?;
            shift += 7;
        }
        let what = match kind {
            1 => What::Whole(ObjectKind::Commit),
            2 => What::Whole(ObjectKind::Tree),
            3 => What::Whole(ObjectKind::Blob),
            4 => What::Whole(ObjectKind::Tag),
            6 => {
                let mut rest = bytes.get(at..)?;
                let distance = varint::read(&mut rest)?;
                at = bytes.len() - rest.len();
                What::Before(distance)
            }
            7 => {
                let id = ObjectId::from_bytes(bytes.get(at..at + self.length)?)?;
                at += self.length;
                What::To(id)
            }
            _ => return None,
        };
        Some(Header { what, size, length: at })
    }

    /// Where the base of a delta at `offset` begins.
    pub(super) fn base(&self, offset: u64, what: What) -> Option<u64> {
        match what {
            What::Whole(_) => None,
            What::Before(distance) => offset.checked_sub(distance).filter(|base| *base >= HEAD && *base < offset),
            What::To(id) => self.index.offset(self.index.find(&id)?),
        }
    }

    /// Reads every header, and nothing else.
    pub(super) fn survey(&self, gaps: &mut Vec<Gap>) -> Survey {
        let count = self.index.count();
        let mut survey = Survey {
            order: Vec::with_capacity(count),
            listed: vec![false; count],
            copies: vec![Copies::Sole; count],
            lost: Vec::new(),
        };
        let file = self.open().and_then(|file| Ok((file.metadata().map_err(|error| tree::plain(&error))?.len(), file)));
        let Ok((size, file)) = file else {
            survey.lost.extend((0..count as u32).map(|nth| (nth, UNREADABLE)));
            return survey;
        };
        if !self.has_head(Window::of(&file).at(0)) {
            gaps.push((self.path.clone(), "does not begin as a pack of its index does".to_owned()));
        }
        let end = size.saturating_sub(self.length as u64);
        let mut entries = Vec::with_capacity(count);
        for nth in 0..count {
            match self.index.offset(nth).filter(|offset| (HEAD..end).contains(offset)) {
                Some(offset) => entries.push((offset, nth as u32)),
                None => survey.lost.push((nth as u32, BEYOND)),
            }
        }
        entries.sort_unstable();
        let (offsets, nths): (Vec<u64>, Vec<u32>) = entries.into_iter().unzip();
        let ends = ends(&offsets, end);
        let links = self.link(&file, &offsets, &nths, &mut survey.lost);
        let is_base = links.order(&offsets, &ends, &nths, &mut survey);
        if self.index.is_intact() && self.index.crc(0).is_some() {
            // Another listing may have set it to the same.
            let _ = self.map.set(Map { offsets, nths, ends, is_base });
        }
        survey
    }

    fn has_head(&self, head: &[u8]) -> bool {
        let number = |at: usize| head.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
        head.starts_with(b"PACK")
            && matches!(number(4), Some(2 | 3))
            && number(8).is_some_and(|count| count as usize == self.index.count())
    }

    /// Finds the base of every delta, on all threads of the pool at hand.
    fn link(&self, file: &File, offsets: &[u64], nths: &[u32], lost: &mut Vec<(u32, &'static str)>) -> Links {
        let parts = offsets.par_chunks(HEADERS).map(|part| {
            let mut window = Window::of(file);
            part.iter().map(|&offset| self.link_one(&mut window, offset, offsets)).collect::<Vec<_>>()
        });
        let links = parts.collect::<Vec<_>>().into_iter().flatten().zip(nths).map(|(link, &nth)| {
            link.unwrap_or_else(|reason| {
                lost.push((nth, reason));
                Link::Lost
            })
        });
        Links(links.collect())
    }

    /// Finds the base of the entry at `offset`, or why it has none.
    fn link_one(&self, window: &mut Window<'_>, offset: u64, offsets: &[u64]) -> Result<Link, &'static str> {
        let header = self.header(window.at(offset)).ok_or(NO_ENTRY)?;
        if let What::Whole(kind) = header.what {
            return Ok(Link::Root(kind, header.size));
        }
        let base = self.base(offset, header.what).and_then(|base| offsets.binary_search(&base).ok());
        base.map(|base| Link::To(base as u32)).ok_or(NO_BASE)
    }

    /// The gap that some of its objects are.
    pub(super) fn gap<'l>(&self, lost: impl Iterator<Item = &'l (u32, &'static str)>) -> Option<Gap> {
        let mut lost = lost.peekable();
        let (nth, reason) = **lost.peek()?;
        let of = self.index.count();
        let id = self.index.id(nth as usize).map(|id| id.short()).unwrap_or_default();
        Some((self.path.clone(), format!("{} of its {of} objects cannot be read; of {id}, {reason}", lost.count())))
    }
}

/// Where the entries that begin at `offsets` end, the last one at `end`.
fn ends(offsets: &[u64], end: u64) -> Vec<u64> {
    let mut ends = vec![end; offsets.len()];
    for at in (1..offsets.len()).rev() {
        // Two entries at one place are one.
        ends[at - 1] = if offsets[at] > offsets[at - 1] { offsets[at] } else { ends[at] };
    }
    ends
}

/// A part of a pack at hand.
struct Window<'f> {
    file: &'f File,
    start: u64,
    bytes: Vec<u8>,
}

impl<'f> Window<'f> {
    fn of(file: &'f File) -> Window<'f> {
        Window { file, start: 0, bytes: Vec::new() }
    }

    /// The bytes from `offset` on: at least those of a header, if the file has them.
    fn at(&mut self, offset: u64) -> &[u8] {
        let within = offset.checked_sub(self.start).and_then(|from| usize::try_from(from).ok());
        if let Some(from) = within.filter(|from| from + MAX_HEADER <= self.bytes.len()) {
            return &self.bytes[from..];
        }
        self.start = offset;
        self.bytes.resize(WINDOW, 0);
        let read = read_at(self.file, &mut self.bytes, offset).unwrap_or(0);
        self.bytes.truncate(read);
        &self.bytes
    }
}
