//! The index of a pack, versions 1 and 2 (gitformat-pack, "pack-*.idx files"). In: its file. Out: ids and offsets by their
//! number in the order of ids, and the number of an id. Everything in it may be a lie.

use std::cmp;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{is_hash, loose};
use crate::object::ObjectId;

const MAGIC: [u8; 8] = [0xff, b't', b'O', b'c', 0, 0, 0, 2];
const FANOUT: usize = 256 * 4;
/// The most objects of a pack: an index of more would not fit comfortably into memory.
const MAX_OBJECTS: usize = 1 << 26;

/// How often an index that is not read yet is asked for an id before it is.
const ASKED: usize = 32;

/// The index of a pack.
pub(super) struct Index {
    /// Where it lies, and how many bytes it has.
    path: PathBuf,
    total: u64,
    /// All of it once it was read; nothing if it cannot be.
    bytes: OnceLock<Vec<u8>>,
    /// How often it was asked for an id before that.
    asked: AtomicUsize,
    /// Its header and fan-out table.
    head: Vec<u8>,
    /// Bytes of an object id: 20 or 32.
    length: usize,
    count: usize,
    version: Version,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Index {
    /// Reads an index file; the reason if it cannot be one.
    pub(super) fn read(path: &Path, length: usize) -> Result<Index, String> {
        let index = Index::open(path, length)?;
        let bytes = index.all()?;
        index.bytes.get_or_init(|| bytes);
        Ok(index)
    }

    /// Likewise, but no more is read than is asked for. Of one that cannot be read later on nothing is known then.
    pub(super) fn open(path: &Path, length: usize) -> Result<Index, String> {
        let mut file = loose::open(path)?;
        const NONE: &str = "is not the index of a pack";
        let total = file.metadata().map_err(|error| failed(&error))?.len();
        let mut head = [0; 8 + FANOUT];
        file.read_exact(&mut head).map_err(|_| NONE.to_owned())?;
        let version = if head[..8] == MAGIC { Version::Two } else { Version::One };
        let fanout = if version == Version::Two { 8 } else { 0 };
        let count = number(&head, fanout + FANOUT - 4).unwrap_or(u32::MAX) as usize;
        if count > MAX_OBJECTS {
            return Err(format!("{NONE}, or one of more than {MAX_OBJECTS} objects"));
        }
        let (least, most) = match version {
            Version::One => (FANOUT + count * (length + 4) + 2 * length, 0),
            Version::Two => (8 + FANOUT + count * (length + 8) + 2 * length, count * 8),
        };
        let long = total.checked_sub(least as u64).filter(|long| *long <= most as u64 && long % 8 == 0);
        if long.is_none() {
            return Err(format!("{NONE}: it has the wrong size"));
        }
        let (bytes, asked) = (OnceLock::new(), AtomicUsize::new(0));
        Ok(Index { path: path.to_owned(), total, bytes, asked, head: head.to_vec(), length, count, version })
    }

    /// All its bytes.
    fn all(&self) -> Result<Vec<u8>, String> {
        let file = loose::open(&self.path)?;
        let mut bytes = Vec::new();
        let fits = usize::try_from(self.total).is_ok_and(|total| bytes.try_reserve_exact(total + 1).is_ok());
        if !fits {
            return Err("does not fit into memory".to_owned());
        }
        file.take(self.total + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
        if bytes.len() as u64 != self.total || !bytes.starts_with(&self.head) {
            return Err("changed while it was read".to_owned());
        }
        Ok(bytes)
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get_or_init(|| self.all().unwrap_or_default())
    }

    /// The number of an id among the ids from one number to another, read for this alone.
    fn find_in_file(&self, wanted: &[u8], start: usize, end: usize) -> Option<usize> {
        let (from, to) = (self.id_range(start).start, self.id_range(end).start);
        let mut file = loose::open(&self.path).ok()?;
        file.seek(SeekFrom::Start(from as u64)).ok()?;
        let mut ids = vec![0; to.checked_sub(from)?];
        file.read_exact(&mut ids).ok()?;
        let width = self.id_range(1).start - self.id_range(0).start;
        (start..end).find(|nth| ids.get((nth - start) * width..).is_some_and(|ids| ids.starts_with(wanted)))
    }

    /// Some bytes of it.
    fn some<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        if let Some(bytes) = self.bytes.get() {
            return bytes.get(at..)?.first_chunk().copied();
        }
        let mut file = loose::open(&self.path).ok()?;
        let mut bytes = [0; N];
        file.seek(SeekFrom::Start(at as u64)).ok()?;
        file.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    /// The number of objects.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Whether it is what git wrote: it ends with its own hash.
    pub(super) fn is_intact(&self) -> bool {
        let bytes = self.bytes();
        bytes.split_at_checked(bytes.len().saturating_sub(self.length)).is_some_and(|(all, hash)| is_hash(hash, &[all]))
    }

    /// The hash that it ends with.
    pub(super) fn hash(&self) -> Option<&[u8]> {
        let bytes = self.bytes();
        bytes.get(bytes.len().checked_sub(self.length)?..)
    }

    fn id_range(&self, nth: usize) -> Range<usize> {
        let start = match self.version {
            Version::One => FANOUT + nth * (self.length + 4) + 4,
            Version::Two => 8 + FANOUT + nth * self.length,
        };
        start..start + self.length
    }

    fn id_bytes(&self, nth: usize) -> &[u8] {
        self.bytes().get(self.id_range(nth)).unwrap_or_default()
    }

    /// The id of the nth object.
    pub(super) fn id(&self, nth: usize) -> Option<ObjectId> {
        ObjectId::from_bytes(self.id_bytes(nth))
    }

    /// Every id, in order; in version 1 with offsets between them.
    pub(super) fn ids(&self) -> &[u8] {
        let (start, width) = match self.version {
            Version::One => (FANOUT, self.length + 4),
            Version::Two => (8 + FANOUT, self.length),
        };
        self.bytes().get(start..start + self.count * width).unwrap_or_default()
    }

    /// The first eight bytes of the nth id.
    pub(super) fn prefix(&self, nth: usize) -> u64 {
        prefix(self.id_bytes(nth))
    }

    /// Where in the pack the nth object begins, in bytes.
    pub(super) fn offset(&self, nth: usize) -> Option<u64> {
        if self.version == Version::One {
            return self.some(FANOUT + nth * (self.length + 4)).map(u32::from_be_bytes).map(u64::from);
        }
        let tables = 8 + FANOUT + self.count * (self.length + 4);
        let short = self.some(tables + nth * 4).map(u32::from_be_bytes)?;
        if short & 0x8000_0000 == 0 {
            return Some(u64::from(short));
        }
        let at = tables + self.count * 4 + (short & 0x7fff_ffff) as usize * 8;
        // Behind the table lie two hashes, which are no offsets.
        let end = usize::try_from(self.total).ok()?.checked_sub(2 * self.length)?;
        self.some(at).filter(|_| at + 8 <= end).map(u64::from_be_bytes)
    }

    /// The CRC-32 of the nth object's bytes in the pack; an index of version 1 has none.
    pub(super) fn crc(&self, nth: usize) -> Option<u32> {
        let table = 8 + FANOUT + self.count * self.length;
        (self.version == Version::Two).then(|| number(self.bytes(), table + nth * 4))?
    }

    /// The number of an id.
    pub(super) fn find(&self, id: &ObjectId) -> Option<usize> {
        let wanted = id.as_bytes();
        let first = usize::from(*wanted.first()?);
        let fanout = if self.version == Version::Two { 8 } else { 0 };
        let bound = |nth: usize| number(&self.head, fanout + nth * 4).map(|n| (n as usize).min(self.count));
        let mut start = if first == 0 { 0 } else { bound(first - 1)? };
        let mut end = bound(first)?;
        if self.bytes.get().is_none() && self.asked.fetch_add(1, Ordering::Relaxed) < ASKED {
            return if start < end { self.find_in_file(wanted, start, end) } else { None };
        }
        while start < end {
            let middle = start + (end - start) / 2;
            match self.id_bytes(middle).cmp(wanted) {
                cmp::Ordering::Less => start = middle + 1,
                cmp::Ordering::Greater => end = middle,
                cmp::Ordering::Equal => return Some(middle),
            }
        }
        None
    }
}

fn failed(error: &io::Error) -> String {
    format!("cannot be read: {}", crate::source::tree::plain(error))
}

/// The first eight bytes of an id, as a number.
pub(super) fn prefix(id: &[u8]) -> u64 {
    id.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// The number of 32 bits at a place.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}
