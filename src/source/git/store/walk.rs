//! Reads the parts of a listing: each entry of a pack is inflated once, and what is made from it is made while it is at hand.
//! In: the plan. Out: every object of it, or why there is none, as [`Reader`] would read it. What is not as the plan says,
//! or too large for one piece, is left to that. It never holds more bases than its budget, or one.

use std::sync::Arc;

use libdeflater::{Decompressor, crc32};

use super::blocks::Blocks;
use super::forest::{Forest, Part, Reads, Step};
use super::pack::{MAX_HEADER, Pack, What};
use super::reader::{MAX_RATIO, MAX_SPARE};
use super::{Entry, MAX_OBJECT, Place, ReadError, Reader, Store, delta, has_id};
use crate::object::ObjectKind;

/// The most compressed bytes that are read at once; larger entries are the reader's.
const MAX_PACKED: usize = 8 << 20;
/// How much more room there is than for an object: inflating is slower near the end.
const MARGIN: usize = 512;
/// The most bytes of bases that are held.
const BUDGET: usize = 96 << 20;
/// The most bytes, and the most pieces, of memory that are kept for the next bases.
const MAX_KEPT: usize = 1 << 20;
const MOST_KEPT: usize = 32;

/// Takes the number in the listing of an object, and that object or why it could not be read; tells whether to go on.
pub(super) type Take<'t> = dyn FnMut(usize, Result<(ObjectKind, &[u8]), ReadError>) -> bool + 't;
/// Likewise, with what it was made from; gives the mark to remember it by, or nothing to end.
pub(super) type TakeVersion<'t> = dyn FnMut(usize, Result<Version<'_>, ReadError>) -> Option<u32> + 't;

/// An object, and what it was made from.
pub struct Version<'v> {
    /// What it is.
    pub kind: ObjectKind,
    /// Its content.
    pub bytes: &'v [u8],
    /// What it was made from, if that was read by the same walk.
    pub base: Option<Base<'v>>,
}

/// What an object was made from.
pub struct Base<'v> {
    /// The mark that its taker gave it; [`UNMARKED`] if it is not listed.
    pub mark: u32,
    /// What made the object of it: it fits both.
    pub(super) delta: &'v [u8],
}

impl Base<'_> {
    /// What the object consists of, in order.
    pub fn pieces(&self) -> impl Iterator<Item = delta::Piece> {
        delta::pieces(self.delta)
    }
}

/// The mark of what nobody remembers.
pub const UNMARKED: u32 = u32::MAX;

/// Reads parts; one a thread.
pub struct Walk<'s> {
    store: &'s Store,
    /// What is listed.
    entries: &'s [Entry],
    /// The plan of it.
    forest: &'s Forest,
    reader: Reader<'s>,
    /// The pack at hand.
    pack: Option<(u32, Blocks)>,
    /// Bases whose next children are to come, each made from the one before it or from what that was made from.
    held: Vec<Held>,
    /// How many bytes they have, and may have.
    bytes: usize,
    budget: usize,
    /// Inflates what is whole and of a known size, faster than a stream is inflated.
    inflater: Decompressor,
    /// A delta, and what is left of longer ones before it.
    delta: Vec<u8>,
    /// How much of that made the object that was made last; nothing if none did.
    applied: usize,
    /// The object that was made last.
    made: Vec<u8>,
    /// Memory for more.
    spare: Vec<Vec<u8>>,
}

/// A base.
struct Held {
    step: u32,
    mark: u32,
    object: Object,
}

enum Object {
    At(ObjectKind, Arc<Vec<u8>>),
    /// It has not been read by this thread, or was given up to make room.
    Away,
    Unreadable,
}

impl<'s> Walk<'s> {
    pub(super) fn new(store: &'s Store, entries: &'s [Entry], forest: &'s Forest) -> Walk<'s> {
        Walk {
            store,
            entries,
            forest,
            reader: store.reader(),
            pack: None,
            held: Vec::new(),
            bytes: 0,
            budget: BUDGET,
            inflater: Decompressor::new(),
            delta: Vec::new(),
            applied: 0,
            made: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// Reads a part of the plan, and gives each object to `take` until that says to stop.
    pub fn read(&mut self, part: &Part, take: &mut Take<'_>) {
        self.read_versions(part, &mut |nth, object| {
            let object = object.map(|object| (object.kind, object.bytes));
            take(nth, object).then_some(UNMARKED)
        });
    }

    /// Likewise, each with what it was made from.
    pub fn read_versions(&mut self, part: &Part, take: &mut TakeVersion<'_>) {
        match &part.0 {
            Reads::Each(entries) => {
                for entry in entries.clone() {
                    if take(entry, alone(self.reader.read_entry(&self.entries[entry]))).is_none() {
                        return;
                    }
                }
            }
            Reads::Steps { pack, steps } => {
                for step in steps.clone() {
                    if !self.step(*pack, step as u32, take) {
                        return;
                    }
                }
            }
        }
    }

    /// Makes the object of a step, tells it if it is listed, and holds it if it is a base.
    fn step(&mut self, pack: u32, number: u32, take: &mut TakeVersion<'_>) -> bool {
        let steps = self.forest.steps(pack);
        let Step { base, entry, is_base, is_last, .. } = steps[number as usize];
        let made = self.make(pack, &steps[number as usize], steps.get(base as usize));
        let mark = match (self.entries.get(entry as usize), made) {
            (None, _) => Some(UNMARKED),
            (Some(listed), Some(kind)) if is_it(listed, kind, &self.made) => {
                take(entry as usize, Ok(Version { kind, bytes: &self.made, base: self.base() }))
            }
            // What is read another way need not be what others are made from.
            (Some(listed), _) => take(entry as usize, alone(self.reader.read_entry(listed))).map(|_| UNMARKED),
        };
        // Its base is not needed any more.
        if is_last && self.held.last().is_some_and(|top| top.step == base) {
            self.let_go();
        }
        if is_base {
            self.hold(number, mark.unwrap_or(UNMARKED), made);
        } else if self.made.capacity() > MAX_SPARE {
            self.made = Vec::new();
        }
        if self.delta.capacity() > MAX_SPARE {
            self.delta = Vec::new();
        }
        mark.is_some()
    }

    /// What the object that was made last was made from.
    fn base(&self) -> Option<Base<'_>> {
        let Held { mark, object: Object::At(..), .. } = self.held.last()? else { return None };
        (self.applied > 0).then(|| Base { mark: *mark, delta: &self.delta[..self.applied] })
    }

    /// Makes the object of a step into `made`; `None` if it is not to be made so.
    fn make(&mut self, number: u32, step: &Step, base: Option<&Step>) -> Option<ObjectKind> {
        let pack = &self.store.packs[number as usize];
        self.applied = 0;
        if self.pack.as_ref().is_none_or(|(open, _)| *open != number) {
            while !self.held.is_empty() {
                self.let_go();
            }
            self.pack = Some((number, Blocks::new(pack.open().ok()?)));
        }
        while self.held.last().is_some_and(|top| top.step != step.base) {
            self.let_go();
        }
        if let Some(base) = base {
            self.bring(number, step.base, base.offset)?;
        }
        self.inflate(pack, step, base)
    }

    /// Sees to it that a base is at hand: the last of those that are held.
    fn bring(&mut self, pack: u32, base: u32, offset: u64) -> Option<()> {
        if self.held.is_empty() {
            self.held.push(Held { step: base, mark: UNMARKED, object: Object::Away });
        }
        let top = self.held.last_mut()?;
        if matches!(top.object, Object::Away) {
            top.object = match self.reader.read_base(pack, offset) {
                Ok((kind, bytes)) => {
                    self.bytes += bytes.capacity();
                    Object::At(kind, bytes)
                }
                Err(_) => Object::Unreadable,
            };
        }
        matches!(top.object, Object::At(..)).then_some(())
    }

    /// Inflates the entry of a step, and applies it to the base if it is a delta. Nothing that the plan says of it is believed.
    fn inflate(&mut self, pack: &Pack, step: &Step, base: Option<&Step>) -> Option<ObjectKind> {
        let packed = Some(step.packed as usize).filter(|packed| *packed <= MAX_PACKED)?;
        let (_, blocks) = self.pack.as_mut()?;
        let entry = blocks.at(step.offset, packed)?;
        let header = pack.header(&entry[..entry.len().min(MAX_HEADER)]).filter(|_| crc32(entry) == step.crc)?;
        let size =
            usize::try_from(header.size).ok().filter(|_| header.size <= MAX_OBJECT.min(packed as u64 * MAX_RATIO))?;
        let whole = match header.what {
            What::Whole(kind) => Some(kind),
            What::Before(_) | What::To(_) => None,
        };
        let out = if whole.is_some() { &mut self.made } else { &mut self.delta };
        if whole.is_some() || out.len() < size + MARGIN {
            out.try_reserve((size + MARGIN).saturating_sub(out.len())).ok()?;
            out.resize(size + MARGIN, 0);
        }
        // The stream must end within the entry, and its checksum be that of what it gave.
        let inflated = self.inflater.zlib_decompress(&entry[header.length..], &mut out[..size + MARGIN]);
        inflated.ok().filter(|inflated| *inflated == size)?;
        if whole.is_some() {
            out.truncate(size);
        }
        if whole.is_some() || base.is_none_or(|base| pack.base(step.offset, header.what) != Some(base.offset)) {
            return whole.filter(|_| base.is_none());
        }
        let Some(Held { object: Object::At(kind, bytes), .. }) = self.held.last() else { return None };
        delta::apply(bytes, &self.delta[..size], MAX_OBJECT, &mut self.made).ok()?;
        self.applied = size;
        Some(*kind)
    }

    /// Holds what was made last as a base.
    fn hold(&mut self, step: u32, mark: u32, made: Option<ObjectKind>) {
        let Some(kind) = made else {
            return self.held.push(Held { step, mark, object: Object::Away });
        };
        let next = self.spare.pop().unwrap_or_default();
        let mut bytes = std::mem::replace(&mut self.made, next);
        // Memory that was taken over from a larger object would be held too.
        if bytes.capacity() > MAX_KEPT && bytes.capacity() / 2 > bytes.len() {
            bytes.shrink_to_fit();
        }
        self.bytes += bytes.capacity();
        self.held.push(Held { step, mark, object: Object::At(kind, Arc::new(bytes)) });
        for held in 0..self.held.len() - 1 {
            if self.bytes <= self.budget {
                break;
            }
            let object = std::mem::replace(&mut self.held[held].object, Object::Away);
            self.drop_object(object);
        }
    }

    /// Lets go of the last of the bases that are held.
    fn let_go(&mut self) {
        if let Some(held) = self.held.pop() {
            self.drop_object(held.object);
        }
    }

    fn drop_object(&mut self, object: Object) {
        let Object::At(_, bytes) = object else { return };
        self.bytes -= bytes.capacity();
        if let Ok(bytes) = Arc::try_unwrap(bytes)
            && bytes.capacity() <= MAX_KEPT
            && self.spare.len() < MOST_KEPT
        {
            self.spare.push(bytes);
        }
    }
}

/// An object that nothing is known of beside its bytes.
fn alone(object: Result<(ObjectKind, &[u8]), ReadError>) -> Result<Version<'_>, ReadError> {
    object.map(|(kind, bytes)| Version { kind, bytes, base: None })
}

/// Whether an object is the listed one. Where there is no other copy of it, the index vouches for that.
fn is_it(entry: &Entry, kind: ObjectKind, bytes: &[u8]) -> bool {
    matches!(entry.place, Place::Packed { sole: true, .. }) || has_id(&entry.id, kind, bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::path::Path;

    use sha1::{Digest, Sha1};

    use super::*;
    use crate::object::ObjectId;

    /// A name, the number of each one's base, and how many bases are held at most.
    type Shape = (&'static str, fn(usize) -> usize, usize);

    fn number(mut number: usize, out: &mut Vec<u8>) {
        while number > 0x7f {
            out.push(number as u8 | 0x80);
            number >>= 7;
        }
        out.push(number as u8);
    }

    /// Writes a pack of blobs of `size` bytes and more, each a delta to the one whose number is given: that one, and its own
    /// number. Returns their texts.
    #[expect(clippy::disallowed_methods, reason = "tests build their own world")]
    fn family(objects: &Path, size: usize, bases: &[usize]) -> Vec<Vec<u8>> {
        let mut texts: Vec<Vec<u8>> = Vec::new();
        let mut pack = [b"PACK\0\0\0\x02".as_slice(), &(bases.len() as u32).to_be_bytes()].concat();
        let mut rows = Vec::new();
        let mut ids: Vec<ObjectId> = Vec::new();
        for (nth, &base) in bases.iter().enumerate() {
            let own = [nth as u8, b'\n'];
            let text = texts.get(base).map_or_else(|| vec![b'a'; size], |base| [base.as_slice(), &own].concat());
            let mut content = Vec::new();
            if let Some(base) = texts.get(base) {
                number(base.len(), &mut content);
                number(text.len(), &mut content);
                content.extend([0xf0, base.len() as u8, (base.len() >> 8) as u8, (base.len() >> 16) as u8, 2]);
                content.extend(own);
            } else {
                content.clone_from(&text);
            }
            let kind = if nth == 0 { 3 } else { 7 };
            let mut entry = vec![0x80 | kind << 4 | (content.len() & 15) as u8];
            number(content.len() >> 4, &mut entry);
            entry.extend(ids.get(base).map_or(&[][..], ObjectId::as_bytes));
            let mut stream = flate2::write::ZlibEncoder::new(entry, flate2::Compression::fast());
            stream.write_all(&content).expect("memory");
            let entry = stream.finish().expect("memory");
            let hash = Sha1::digest([format!("blob {}\0", text.len()).as_bytes(), &text].concat());
            ids.push(ObjectId::from_bytes(&hash).expect("20 bytes"));
            rows.push((ids[nth], crc32(&entry), pack.len() as u32));
            pack.extend(entry);
            texts.push(text);
        }
        pack.extend(Sha1::digest(&pack));
        rows.sort_unstable();
        let mut index = vec![0xff, b't', b'O', b'c', 0, 0, 0, 2];
        for first in 0..=255u8 {
            let up_to = rows.iter().filter(|(id, ..)| id.as_bytes()[0] <= first).count() as u32;
            index.extend(up_to.to_be_bytes());
        }
        rows.iter().for_each(|(id, ..)| index.extend(id.as_bytes()));
        rows.iter().for_each(|(_, crc, _)| index.extend(crc.to_be_bytes()));
        rows.iter().for_each(|(.., offset)| index.extend(offset.to_be_bytes()));
        index.extend(&pack[pack.len() - 20..]);
        index.extend(Sha1::digest(&index));
        fs::create_dir_all(objects.join("pack")).expect("writable");
        fs::write(objects.join("pack/pack-1.pack"), pack).expect("writable");
        fs::write(objects.join("pack/pack-1.idx"), index).expect("writable");
        texts
    }

    /// Reads all of a store within a budget; returns the most bytes and the most bases that were held.
    fn held(objects: &Path, texts: &[Vec<u8>], budget: usize) -> (usize, usize) {
        let store = Store::open(objects, 20);
        let listing = store.list();
        assert!(listing.gaps.is_empty() && listing.entries.len() == texts.len(), "{:?}", listing.gaps);
        let mut walk = store.walk(&listing.entries, &listing.forest);
        walk.budget = budget;
        let mut most = (0, 0);
        let mut seen = Vec::new();
        for part in listing.forest.parts() {
            let Reads::Steps { pack, steps } = &part.0 else { panic!("it has no loose objects") };
            for step in steps.clone() {
                walk.step(*pack, step as u32, &mut |_, object| {
                    seen.push(object.expect("sound").bytes.to_vec());
                    Some(UNMARKED)
                });
                let at_hand = walk.held.iter().filter(|held| matches!(held.object, Object::At(..)));
                most = (most.0.max(walk.bytes), most.1.max(at_hand.count()));
            }
        }
        seen.sort();
        let mut texts = texts.to_vec();
        texts.sort();
        assert!(seen == texts);
        most
    }

    #[test]
    fn few_bases_are_held_and_no_more_than_there_is_room_for() {
        let place = tempfile::tempdir().expect("a folder");
        let size = 100_000;
        let shapes: [Shape; 4] = [
            ("a chain", |nth| nth - 1, 1),
            ("a star", |_| 0, 1),
            ("a comb", |nth| (nth - 1) / 2 * 2, 1),
            ("a tree", |nth| (nth - 1) / 2, 8),
        ];
        for (shape, base, bases) in shapes {
            let bases_of: Vec<usize> = (0..200).map(|nth| if nth == 0 { usize::MAX } else { base(nth) }).collect();
            let texts = family(place.path(), size, &bases_of);
            let (bytes, most) = held(place.path(), &texts, BUDGET);
            assert!(most <= bases && bytes <= bases * (size + MAX_KEPT), "{shape}: {most} bases, {bytes} bytes");
            let (bytes, most) = held(place.path(), &texts, 3 * size);
            assert!(most <= 3 && bytes <= 4 * size, "{shape}: {most} bases, {bytes} bytes");
        }
    }
}
