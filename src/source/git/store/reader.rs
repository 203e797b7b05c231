//! Reads objects. In: an id, or an entry of a listing. Out: kind and bytes, or why there are none. What is handed out has the
//! hash that its id is. One hash is spared: that of a listed object of which there is no other copy, and for whose every byte
//! the CRCs in its pack's index stand. A copy that is damaged or a lie is passed over for one that is not.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::cache::{self, Cache};
use super::pack::{Extent, Header, MAX_DEPTH, MAX_HEADER, Pack, What};
use super::{Entry, Place, ReadError, Store, delta, has_id, loose};
use crate::object::{ObjectId, ObjectKind};
use crate::source::git::object::{self, RawCommit};
use crate::source::read_at;

/// The most compressed bytes that are held at once.
const CHUNK: usize = 1 << 20;
/// How much is read at first of an entry whose extent is not known.
const UNKNOWN: u64 = 4096;
/// What an object begins with whose compressed size is not known.
const START: usize = 64 * 1024;
/// The most bytes of memory that are kept for the next object.
pub(super) const MAX_SPARE: usize = 16 << 20;
/// How many damaged entries are remembered.
const MAX_LOST: usize = 1 << 16;
/// A byte of a zlib stream stands for no more than this many.
pub(super) const MAX_RATIO: u64 = 1032;

/// Reads objects; one a thread.
pub struct Reader<'s> {
    store: &'s Store,
    /// The largest object that it reads, in bytes.
    limit: u64,
    /// How many more bytes it makes, of objects and of what they are made from.
    budget: u64,
    hand: Hand,
}

/// What a reader keeps from one object to the next.
#[derive(Default)]
pub(super) struct Hand {
    /// The pack at hand.
    file: Option<(u32, File)>,
    cache: Cache,
    inflater: Inflater,
    /// A delta, inflated.
    delta: Vec<u8>,
    /// Deltas between a base and the object that is made from it, that object's first.
    chain: Vec<(u64, Header)>,
    /// The object that was read last.
    current: Arc<Vec<u8>>,
    /// Entries that are damaged, and why: what is made from them is not tried link by link again.
    lost: HashMap<cache::Place, String>,
}

impl<'s> Reader<'s> {
    pub(super) fn new(store: &'s Store, limit: u64) -> Reader<'s> {
        Reader { store, limit, budget: u64::MAX, hand: Hand::default() }
    }

    /// One that goes on with what another one has at hand, and makes no more than so many bytes.
    pub(super) fn going_on(store: &'s Store, limit: u64, budget: u64, hand: Hand) -> Reader<'s> {
        Reader { store, limit, budget, hand }
    }

    /// What it leaves: the rest of its budget, and what it has at hand.
    pub(super) fn left(self) -> (u64, Hand) {
        (self.budget, self.hand)
    }

    /// Reads the object of an id: what is listed as [`Reader::read_entry`], anything else by its hash. The bytes are the
    /// reader's until it reads the next one.
    pub fn read(&mut self, id: &ObjectId) -> Result<(ObjectKind, &[u8]), ReadError> {
        let kind = match self.store.listed(id) {
            Some(place) => self.placed(place, id)?,
            None => self.hashed(id)?,
        };
        Ok((kind, &self.hand.current))
    }

    /// What a commit says; none if the id is no commit's, or it cannot be read.
    pub fn commit(&mut self, id: &ObjectId) -> Option<RawCommit> {
        match self.read(id) {
            Ok((ObjectKind::Commit, bytes)) => object::commit(bytes),
            _ => None,
        }
    }

    /// The bytes of a tree; none if the id is no tree's, or it cannot be read.
    pub fn tree(&mut self, id: &ObjectId) -> Option<&[u8]> {
        match self.read(id) {
            Ok((ObjectKind::Tree, bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// Reads an object of a listing, without looking for it.
    pub fn read_entry(&mut self, entry: &Entry) -> Result<(ObjectKind, &[u8]), ReadError> {
        let kind = self.placed(entry.place, &entry.id)?;
        Ok((kind, &self.hand.current))
    }

    /// Reads the object of an id and checks its hash, whatever vouches for it.
    pub(super) fn read_hashed(&mut self, id: &ObjectId) -> Result<(ObjectKind, &[u8]), ReadError> {
        let kind = self.hashed(id)?;
        Ok((kind, &self.hand.current))
    }

    /// Reads a packed object for others to be made from: the index must vouch for every byte of it.
    pub(super) fn read_base(&mut self, pack: u32, offset: u64) -> Result<(ObjectKind, Arc<Vec<u8>>), ReadError> {
        let kind = self.packed(pack, offset, true)?;
        Ok((kind, self.hand.current.clone()))
    }

    /// Reads an object where it was listed, or else any copy of it that has its hash.
    fn placed(&mut self, place: Place, id: &ObjectId) -> Result<ObjectKind, ReadError> {
        let found = match place {
            Place::Packed { pack, offset, sole } => self.vouched(pack, offset, if sole { None } else { Some(id) }),
            Place::Loose { folder } => self.loose(folder, id),
        };
        found.or_else(|_| self.hashed(id))
    }

    /// Reads a packed object that the index of the pack vouches for; its hash is checked too if an id is given.
    fn vouched(&mut self, pack: u32, offset: u64, id: Option<&ObjectId>) -> Result<ObjectKind, ReadError> {
        if !self.store.packs[pack as usize].is_mapped() {
            return Err(ReadError::Missing);
        }
        let kind = self.packed(pack, offset, true)?;
        match id {
            Some(id) if !has_id(id, kind, &self.hand.current) => Err(damaged("has another hash")),
            _ => Ok(kind),
        }
    }

    /// Reads the first copy that has the hash that its id is.
    fn hashed(&mut self, id: &ObjectId) -> Result<ObjectKind, ReadError> {
        let store = self.store;
        let mut failed = None;
        for (number, pack) in store.packs.iter().enumerate() {
            let Some(nth) = pack.index.find(id) else { continue };
            let offset = pack.index.offset(nth).ok_or_else(|| damaged("its index names no place for it"));
            match offset.and_then(|offset| self.packed(number as u32, offset, false)) {
                Ok(kind) if has_id(id, kind, &self.hand.current) => return Ok(kind),
                Ok(_) => failed = failed.or(Some(damaged("has another hash"))),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        for folder in 0..store.folders.len() {
            match self.loose(folder as u32, id) {
                Ok(kind) => return Ok(kind),
                Err(ReadError::Missing) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        Err(failed.unwrap_or(ReadError::Missing))
    }

    fn loose(&mut self, folder: u32, id: &ObjectId) -> Result<ObjectKind, ReadError> {
        let mut bytes = self.spare();
        bytes.clear();
        let limit = self.limit.min(self.budget);
        let read = loose::read(&self.store.folders[folder as usize], id, limit, &mut bytes);
        spend(&mut self.budget, bytes.len() as u64)?;
        self.hand.current = Arc::new(bytes);
        read
    }

    /// Reads a packed object; if `vouched`, by the CRC of each entry that it takes, else as the pack comes.
    fn packed(&mut self, number: u32, offset: u64, vouched: bool) -> Result<ObjectKind, ReadError> {
        let read = self.make(number, offset, vouched);
        if let Err(ReadError::Damaged(reason)) = &read {
            if self.hand.lost.len() >= MAX_LOST {
                self.hand.lost.clear();
            }
            // Nor can any of what leads from it to the damage; another one that begins there would be followed all the way again.
            for offset in self.hand.chain.drain(..).map(|(at, _)| at).chain([offset]) {
                self.hand.lost.insert(cache::Place { pack: number, offset, vouched }, reason.clone());
            }
        }
        read
    }

    fn make(&mut self, number: u32, offset: u64, vouched: bool) -> Result<ObjectKind, ReadError> {
        let pack = &self.store.packs[number as usize];
        let mut spare = self.spare();
        self.hand.chain.clear();
        self.open(number, pack)?;
        let Some((_, file)) = &self.hand.file else { return Err(ReadError::Missing) };
        let place = |offset| cache::Place { pack: number, offset, vouched };
        let mut at = offset;
        let (kind, mut bytes) = loop {
            if let Some(base) = self.hand.cache.get(place(at)) {
                // Who used the cache before may have had a higher limit.
                if base.1.len() as u64 > self.limit {
                    return Err(ReadError::TooLarge(base.1.len() as u64));
                }
                break base;
            }
            if let Some(reason) = self.hand.lost.get(&place(at)) {
                return Err(ReadError::Damaged(reason.clone()));
            }
            let extent = extent(pack, at, vouched)?;
            let head = self.hand.inflater.load((number, at), file, extent)?;
            let header = pack.header(head).ok_or_else(|| damaged("its pack has no object there"))?;
            if header.size > self.limit {
                return Err(ReadError::TooLarge(header.size));
            }
            spend(&mut self.budget, header.size)?;
            if let What::Whole(kind) = header.what {
                self.hand.inflater.inflate((number, at), file, &header, extent, &mut spare)?;
                let is_base = extent.map_or(!self.hand.chain.is_empty(), |extent| extent.is_base);
                break (kind, self.hand.cache.keep(place(at), kind, std::mem::take(&mut spare), is_base));
            }
            if self.hand.chain.len() == MAX_DEPTH {
                // Those further down can be made.
                self.hand.chain.clear();
                return Err(damaged("its chain of deltas is too long"));
            }
            self.hand.chain.push((at, header));
            at = pack.base(at, header.what).ok_or_else(|| damaged("its delta has no base"))?;
        };
        while let Some((at, header)) = self.hand.chain.pop() {
            let extent = extent(pack, at, vouched)?;
            self.hand.inflater.inflate((number, at), file, &header, extent, &mut self.hand.delta)?;
            spare.clear();
            let applied = delta::apply(&bytes, &self.hand.delta, self.limit.min(self.budget), &mut spare);
            spend(&mut self.budget, spare.len() as u64)?;
            applied?;
            let is_base = extent.map_or(!self.hand.chain.is_empty(), |extent| extent.is_base);
            let made = self.hand.cache.keep(place(at), kind, std::mem::take(&mut spare), is_base);
            spare = Arc::try_unwrap(std::mem::replace(&mut bytes, made)).unwrap_or_default();
        }
        self.hand.current = bytes;
        Ok(kind)
    }

    /// Makes a pack the one at hand.
    fn open(&mut self, number: u32, pack: &Pack) -> Result<(), ReadError> {
        if self.hand.file.as_ref().is_none_or(|(open, _)| *open != number) {
            let file = pack.open().map_err(|reason| ReadError::Damaged(format!("its pack {reason}")))?;
            self.hand.file = Some((number, file));
        }
        Ok(())
    }

    /// The memory of the object that was read last, if nobody else holds it and it is not much.
    fn spare(&mut self) -> Vec<u8> {
        let spare = Arc::try_unwrap(std::mem::take(&mut self.hand.current)).unwrap_or_default();
        if self.hand.delta.capacity() > MAX_SPARE {
            self.hand.delta = Vec::new();
        }
        if spare.capacity() > MAX_SPARE { Vec::new() } else { spare }
    }
}

/// The extent of an entry, which must be known if the index is to vouch for it.
fn extent(pack: &Pack, offset: u64, vouched: bool) -> Result<Option<Extent>, ReadError> {
    let extent = pack.extent(offset).filter(|_| vouched);
    if vouched && extent.is_none() { Err(damaged("its pack has no object there")) } else { Ok(extent) }
}

/// Takes bytes that are made from what may still be made.
fn spend(budget: &mut u64, bytes: u64) -> Result<(), ReadError> {
    let rest = budget.checked_sub(bytes);
    *budget = rest.unwrap_or_default();
    rest.map(|_| ()).ok_or(ReadError::TooLarge(bytes))
}

fn damaged(reason: &str) -> ReadError {
    ReadError::Damaged(reason.to_owned())
}

/// Inflates entries of packs.
struct Inflater {
    stream: Decompress,
    /// Compressed bytes at hand.
    input: Vec<u8>,
    /// Pack and offset of the entry that they begin, if any, and whether its extent was known.
    loaded: Option<(u32, u64, bool)>,
}

impl Default for Inflater {
    fn default() -> Inflater {
        Inflater { stream: Decompress::new(true), input: Vec::new(), loaded: None }
    }
}

impl Inflater {
    /// Reads how the entry at a place begins; all of it, if its extent is known and it is not large.
    fn load(&mut self, place: (u32, u64), file: &File, extent: Option<Extent>) -> Result<&[u8], ReadError> {
        let wanted = Some((place.0, place.1, extent.is_some()));
        if self.loaded != wanted {
            let length = extent.map_or(UNKNOWN, |extent| extent.end.saturating_sub(place.1));
            self.loaded = None;
            self.fill(file, place.1, length)?;
            self.loaded = wanted;
        }
        Ok(&self.input[..self.input.len().min(MAX_HEADER)])
    }

    /// Reads up to `length` bytes from `offset` on.
    fn fill(&mut self, file: &File, offset: u64, length: u64) -> Result<(), ReadError> {
        self.input.resize(length.min(CHUNK as u64) as usize, 0);
        let read = read_at(file, &mut self.input, offset).map_err(|_| damaged("its pack cannot be read"))?;
        self.input.truncate(read);
        Ok(())
    }

    /// Inflates the entry at a place into `out`, whose content is dropped. Its CRC is checked if its extent is known.
    fn inflate(
        &mut self,
        place: (u32, u64),
        file: &File,
        header: &Header,
        extent: Option<Extent>,
        out: &mut Vec<u8>,
    ) -> Result<(), ReadError> {
        self.load(place, file, extent)?;
        // What is read on is not where an entry begins.
        let is_all = extent.is_some_and(|extent| extent.end.saturating_sub(place.1) == self.input.len() as u64);
        self.loaded = self.loaded.filter(|_| is_all);
        let size = usize::try_from(header.size).map_err(|_| ReadError::TooLarge(header.size))?;
        let compressed = extent.map(|extent| extent.end.saturating_sub(place.1));
        if compressed.is_some_and(|compressed| header.size / MAX_RATIO > compressed) {
            return Err(damaged("its packed bytes are too few"));
        }
        // One byte more than it has, to see that it ends. What a header alone declares is not believed.
        let mut room = if extent.is_some() { size + 1 } else { START.min(size + 1) };
        resize(out, room)?;
        self.stream.reset(true);
        let mut crc = Crc::new();
        let (mut at, mut used, mut filled) = (place.1, header.length, 0);
        loop {
            let read = self.input.len();
            crc.update(&self.input);
            at += read as u64;
            let is_last = read == 0 || extent.is_some_and(|extent| extent.end == at);
            loop {
                let flush = if is_last && room > size { FlushDecompress::Finish } else { FlushDecompress::None };
                let before = (self.stream.total_in(), self.stream.total_out());
                let status = self.stream.decompress(&self.input[used.min(read)..], &mut out[filled..], flush);
                let status = status.map_err(|_| damaged("its packed bytes do not inflate"))?;
                used += (self.stream.total_in() - before.0) as usize;
                filled += (self.stream.total_out() - before.1) as usize;
                if status == Status::StreamEnd {
                    out.truncate(filled);
                    let is_sound = extent.is_none_or(|extent| extent.end == at && extent.crc == crc.sum());
                    let is_it = filled == size && is_sound;
                    return is_it.then_some(()).ok_or_else(|| damaged("its packed bytes are not those of its index"));
                }
                if filled > size {
                    return Err(damaged("it goes on behind its end"));
                }
                if filled == room {
                    room = (2 * room).min(size + 1);
                    resize(out, room)?;
                } else if used >= read {
                    break;
                } else if (self.stream.total_in(), self.stream.total_out()) == before {
                    return Err(damaged("its packed bytes do not inflate"));
                }
            }
            if is_last {
                return Err(damaged("its packed bytes are cut off"));
            }
            self.fill(file, at, extent.map_or(CHUNK as u64, |extent| extent.end.saturating_sub(at)))?;
            used = 0;
        }
    }
}

fn resize(out: &mut Vec<u8>, room: usize) -> Result<(), ReadError> {
    out.try_reserve(room.saturating_sub(out.len())).map_err(|_| ReadError::TooLarge(room as u64))?;
    out.resize(room, 0);
    Ok(())
}
