//! The index of a pack, versions 1 and 2 (gitformat-pack, "pack-*.idx files"). In: its file. Out: ids and offsets by their
//! number in the order of ids, and the number of an id. Everything in it may be a lie.

use std::fs::File;
use std::io::Read;
use std::ops::Range;

use super::is_hash;
use crate::object::ObjectId;

const MAGIC: [u8; 8] = [0xff, b't', b'O', b'c', 0, 0, 0, 2];
const FANOUT: usize = 256 * 4;
/// The most objects of a pack: an index of more would not fit comfortably into memory.
const MAX_OBJECTS: usize = 1 << 26;

/// The index of a pack.
pub(super) struct Index {
    bytes: Vec<u8>,
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
    pub(super) fn read(mut file: File, length: usize) -> Result<Index, String> {
        const NONE: &str = "is not the index of a pack";
        let failed = |error: std::io::Error| format!("cannot be read: {}", crate::source::tree::plain(&error));
        let total = file.metadata().map_err(failed)?.len();
        let mut head = [0; 8 + FANOUT];
        file.read_exact(&mut head).map_err(|_| NONE.to_owned())?;
        let version = if head[..8] == MAGIC { Version::Two } else { Version::One };
        let fanout = if version == Version::Two { 8 } else { 0 };
        let count = number(&head, fanout + FANOUT - 4).unwrap_or(u32::MAX) as usize;
        if count > MAX_OBJECTS {
            return Err(format!("{NONE}, or one of more than {MAX_OBJECTS} objects"));
        }
        let index = Index { bytes: Vec::new(), length, count, version };
        let (least, most) = match version {
            Version::One => (FANOUT + count * (length + 4) + 2 * length, 0),
            Version::Two => (8 + FANOUT + count * (length + 8) + 2 * length, count * 8),
        };
        let long = total.checked_sub(least as u64).filter(|long| *long <= most as u64 && long % 8 == 0);
        let Some(long) = long else { return Err(format!("{NONE}: it has the wrong size")) };
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(least + long as usize).map_err(|_| "does not fit into memory".to_owned())?;
        bytes.extend_from_slice(&head);
        file.take((least as u64 + long).saturating_sub(head.len() as u64)).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 != total {
            return Err("changed while it was read".to_owned());
        }
        Ok(Index { bytes, ..index })
    }

    /// The number of objects.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Whether it is what git wrote: it ends with its own hash.
    pub(super) fn is_intact(&self) -> bool {
        self.bytes.split_at_checked(self.bytes.len() - self.length).is_some_and(|(all, hash)| is_hash(hash, &[all]))
    }

    fn id_range(&self, nth: usize) -> Range<usize> {
        let start = match self.version {
            Version::One => FANOUT + nth * (self.length + 4) + 4,
            Version::Two => 8 + FANOUT + nth * self.length,
        };
        start..start + self.length
    }

    fn id_bytes(&self, nth: usize) -> &[u8] {
        self.bytes.get(self.id_range(nth)).unwrap_or_default()
    }

    /// The id of the nth object.
    pub(super) fn id(&self, nth: usize) -> Option<ObjectId> {
        ObjectId::from_bytes(self.id_bytes(nth))
    }

    /// The first eight bytes of the nth id.
    pub(super) fn prefix(&self, nth: usize) -> u64 {
        prefix(self.id_bytes(nth))
    }

    /// Where in the pack the nth object begins, in bytes.
    pub(super) fn offset(&self, nth: usize) -> Option<u64> {
        if self.version == Version::One {
            return number(&self.bytes, FANOUT + nth * (self.length + 4)).map(u64::from);
        }
        let tables = 8 + FANOUT + self.count * (self.length + 4);
        let short = number(&self.bytes, tables + nth * 4)?;
        if short & 0x8000_0000 == 0 {
            return Some(u64::from(short));
        }
        let at = tables + self.count * 4 + (short & 0x7fff_ffff) as usize * 8;
        // Behind the table lie two hashes, which are no offsets.
        let long = self.bytes.get(..self.bytes.len() - 2 * self.length)?.get(at..at + 8)?;
        long.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
    }

    /// The CRC-32 of the nth object's bytes in the pack; an index of version 1 has none.
    pub(super) fn crc(&self, nth: usize) -> Option<u32> {
        let table = 8 + FANOUT + self.count * self.length;
        (self.version == Version::Two).then(|| number(&self.bytes, table + nth * 4))?
    }

    /// The number of an id.
    pub(super) fn find(&self, id: &ObjectId) -> Option<usize> {
        let wanted = id.as_bytes();
        let first = usize::from(*wanted.first()?);
        let fanout = if self.version == Version::Two { 8 } else { 0 };
        let bound = |nth: usize| number(&self.bytes, fanout + nth * 4).map(|n| (n as usize).min(self.count));
        let mut start = if first == 0 { 0 } else { bound(first - 1)? };
        let mut end = bound(first)?;
        while start < end {
            let middle = start + (end - start) / 2;
            match self.id_bytes(middle).cmp(wanted) {
                std::cmp::Ordering::Less => start = middle + 1,
                std::cmp::Ordering::Greater => end = middle,
                std::cmp::Ordering::Equal => return Some(middle),
            }
        }
        None
    }
}

/// The first eight bytes of an id, as a number.
pub(super) fn prefix(id: &[u8]) -> u64 {
    id.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// The number of 32 bits at a place.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}
