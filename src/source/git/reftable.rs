//! Reads a reftable (gitformat-reftable, versions 1 and 2) from its beginning to its end. In: the bytes of one table. Out:
//! its references and the lines of their logs, as far as they can be read, and where that ended. Its indexes are not used:
//! nothing that stands in a block is passed over.

use std::io::Read;
use std::sync::Arc;

use flate2::read::ZlibDecoder;

use super::varint;
use crate::object::ObjectId;

/// The most bytes that the log blocks of all tables of a repository may hold when they are decompressed.
const MAX_LOGS: usize = 512 * 1024 * 1024;
/// The most bytes that all their names may take: each may repeat most of the one before it in no space at all.
const MAX_NAMES: usize = 512 * 1024 * 1024;
/// What a name costs beside its bytes.
const OVERHEAD: usize = 64;

/// How much more may be read of the tables of a repository, in bytes.
pub(super) struct Room {
    names: usize,
    logs: usize,
}

impl Default for Room {
    fn default() -> Room {
        Room { names: MAX_NAMES, logs: MAX_LOGS }
    }
}

impl Room {
    /// Takes room for a name, if there is any.
    fn hold(&mut self, name: &[u8]) -> Option<()> {
        self.names = self.names.checked_sub(name.len() + OVERHEAD)?;
        Some(())
    }
}

/// What a table holds.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Sorted by name.
    pub(super) refs: Vec<Record>,
    /// Sorted by name, the newest first.
    pub(super) logs: Vec<Log>,
    /// Why the rest was not read.
    pub(super) broken: Option<String>,
}

/// A reference.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) name: Vec<u8>,
    pub(super) value: Value,
}

/// What a reference says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// It is no more, whatever older tables say.
    Deleted,
    /// What it points at.
    Id(ObjectId),
    /// The reference that it names.
    Name(Vec<u8>),
}

/// A line of a log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Log {
    /// The lines of one reference share it.
    pub(super) name: Arc<[u8]>,
    /// The number of the update that made it.
    pub(super) update: u64,
    pub(super) old: Option<ObjectId>,
    pub(super) new: Option<ObjectId>,
    /// `name <address> seconds zone TAB message`, as in a log that is a file.
    pub(super) text: Vec<u8>,
}

/// Reads a table whose ids have `id_length` bytes.
pub(super) fn read(bytes: &[u8], id_length: usize, room: &mut Room) -> Table {
    let mut table = Table::default();
    if table.blocks(bytes, id_length, room).is_none() {
        table.broken = Some("cannot be read to its end: it is no whole reftable".to_owned());
    }
    table
}

impl Table {
    fn blocks(&mut self, bytes: &[u8], id_length: usize, room: &mut Room) -> Option<()> {
        let version = *bytes.strip_prefix(b"REFT")?.first()?;
        let (header, footer) = match version {
            1 => (24, 68),
            2 => (28, 72),
            _ => return None,
        };
        let block_size = number(bytes.get(5..8)?) as usize;
        let end = bytes.len().checked_sub(footer)?;
        if bytes.get(end..end + 4)? != b"REFT" {
            return None;
        }
        let mut start = 0;
        let mut at = header;
        while at < end {
            let kind = bytes[at];
            let length = number(bytes.get(at + 1..at + 4)?) as usize;
            if kind == b'g' {
                room.logs = room.logs.checked_sub(length)?;
                let body = length.checked_sub(at + 4 - start)?;
                let (text, used) = inflate(bytes.get(at + 4..end)?, body)?;
                self.log_block(&text, id_length, room)?;
                at += 4 + used;
            } else {
                let block = bytes.get(start..start.checked_add(length)?.min(end))?;
                if kind == b'r' {
                    self.ref_block(block.get(at + 4 - start..)?, id_length, room)?;
                } else if !matches!(kind, b'o' | b'i') {
                    return None;
                }
                let behind = start + block.len().max(at + 4 - start);
                let padded = block_size > length && bytes.get(behind) == Some(&0);
                at = if padded { behind.max(start + block_size) } else { behind };
            }
            start = at;
        }
        Some(())
    }

    /// The references of a block, whose type and length are cut off.
    fn ref_block(&mut self, block: &[u8], id_length: usize, room: &mut Room) -> Option<()> {
        let mut rest = Bytes { bytes: records(block)?, at: 0 };
        let mut name = Vec::new();
        while !rest.is_empty() {
            let kind = rest.key(&mut name)?;
            room.hold(&name)?;
            rest.varint()?;
            let value = match kind {
                0 => Value::Deleted,
                1 => Value::Id(rest.id(id_length)?),
                2 => {
                    let id = rest.id(id_length)?;
                    // What that points at stands behind it.
                    rest.id(id_length)?;
                    Value::Id(id)
                }
                3 => Value::Name(rest.string()?.to_vec()),
                _ => return None,
            };
            self.refs.push(Record { name: name.clone(), value });
        }
        Some(())
    }

    /// The lines of a block of logs, decompressed.
    fn log_block(&mut self, block: &[u8], id_length: usize, room: &mut Room) -> Option<()> {
        let mut rest = Bytes { bytes: records(block)?, at: 0 };
        let mut key = Vec::new();
        while !rest.is_empty() {
            let kind = rest.key(&mut key)?;
            room.hold(&key)?;
            let (name, update) = key.split_at_checked(key.len().checked_sub(9)?)?;
            let update = u64::MAX - number(&update[1..]);
            match kind {
                0 => continue,
                1 => {}
                _ => return None,
            }
            let (old, new) = (rest.id(id_length)?, rest.id(id_length)?);
            let who = rest.string()?;
            let address = rest.string()?;
            let time = rest.varint()?;
            let zone = i16::from_be_bytes(rest.take(2)?.try_into().ok()?);
            let said = rest.string()?;
            let sign = if zone < 0 { '-' } else { '+' };
            let behind = format!("> {time} {sign}{:04}\t", zone.unsigned_abs());
            let text = [who, b" <", address, behind.as_bytes(), said.strip_suffix(b"\n").unwrap_or(said)].concat();
            let (old, new) = (Some(old).filter(|id| !id.is_zero()), Some(new).filter(|id| !id.is_zero()));
            // A mark that the log exists says nothing.
            if old.is_some() || new.is_some() || !who.is_empty() || !said.is_empty() {
                let last = self.logs.last().map(|log| &log.name).filter(|last| ***last == *name);
                let name = last.map_or_else(|| name.into(), Arc::clone);
                self.logs.push(Log { name, update, old, new, text });
            }
        }
        Some(())
    }
}

/// A block without what stands behind its records: their restart points, three bytes each, and their number.
fn records(block: &[u8]) -> Option<&[u8]> {
    let (rest, count) = block.split_last_chunk::<2>()?;
    rest.get(..rest.len().checked_sub(3 * usize::from(u16::from_be_bytes(*count)))?)
}

/// What a compressed block of `length` bytes holds, and how many bytes it took.
fn inflate(bytes: &[u8], length: usize) -> Option<(Vec<u8>, usize)> {
    let mut decoder = ZlibDecoder::new(bytes);
    let mut text = Vec::new();
    (&mut decoder).take(length as u64).read_to_end(&mut text).ok()?;
    // The checksum behind the last byte is taken too.
    let more = decoder.read(&mut [0]).ok()?;
    (text.len() == length && more == 0).then(|| (text, decoder.total_in() as usize))
}

/// At most eight bytes, the highest first.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

struct Bytes<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Bytes<'b> {
    fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut rest = self.bytes.get(self.at..)?;
        let value = varint::read(&mut rest)?;
        self.at = self.bytes.len() - rest.len();
        Some(value)
    }

    fn string(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        self.take(length)
    }

    fn id(&mut self, length: usize) -> Option<ObjectId> {
        ObjectId::from_bytes(self.take(length)?)
    }

    /// Makes the next key of the last one, and returns the kind of its record.
    fn key(&mut self, key: &mut Vec<u8>) -> Option<u8> {
        let kept = usize::try_from(self.varint()?).ok().filter(|&kept| kept <= key.len())?;
        let length = self.varint()?;
        let suffix = self.take(usize::try_from(length >> 3).ok()?)?;
        key.truncate(kept);
        key.extend_from_slice(suffix);
        Some((length & 7) as u8)
    }
}
