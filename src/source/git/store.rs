//! Every object of a repository, reachable or not: its own object folder and its alternates, packed and loose. In: folders.
//! Out: which objects there are and of what kind, their bytes by [`Reader`], and what cannot be listed. It reads files and
//! nothing else: no configuration, no replacement, no graft, no program, no network; a missing object stays missing.

mod blocks;
mod cache;
mod delta;
mod families;
mod folders;
mod forest;
mod index;
mod loose;
mod pack;
mod reader;
mod walk;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use sha1::{Digest, Sha1};
use sha2::Sha256;

pub use self::delta::Piece;
pub use self::forest::{Forest, Part};
use self::index::Index;
use self::pack::{Pack, Survey};
use self::reader::Hand;
pub use self::reader::Reader;
pub use self::walk::{Base, UNMARKED, Version, Walk};
use crate::object::{ObjectId, ObjectKind};

/// The largest object that is read, in bytes.
pub const MAX_OBJECT: u64 = 1 << 30;
/// The most bytes that are made to say of ids whether they are held; none is said to be beyond that.
const MAX_ASKED: u64 = 4 << 30;

/// What cannot be read: where, and why.
pub type Gap = (PathBuf, String);

/// Every object of one repository: its own object folder and its alternates.
pub struct Store {
    /// Bytes of an object id: 20 or 32.
    length: usize,
    /// Object folders, the repository's own first.
    folders: Vec<PathBuf>,
    packs: Vec<Pack>,
    gaps: Vec<Gap>,
    /// Set by the first listing.
    listed: OnceLock<Listed>,
    asked: Mutex<Asked>,
}

/// Which ids it was asked about, and what was found.
struct Asked {
    /// By id and limit. What nobody holds is found to be so as quickly again.
    answers: HashMap<(ObjectId, u64), bool>,
    /// How many more bytes may be made.
    budget: u64,
    /// None while a question is answered, and when there was none for long.
    hand: Option<Hand>,
}

/// Which packed objects are listed, and by which copy.
struct Listed {
    /// Sorted.
    spots: Vec<Spot>,
    /// By pack, and by number in its index.
    copies: Vec<Vec<Copies>>,
}

/// A packed object: the first eight bytes of its id, its pack, its number in that pack's index.
type Spot = (u64, u32, u32);

/// What a repository holds.
#[derive(Debug, Default)]
pub struct Listing {
    /// Each object once, in the order in which they are quickest to read.
    pub entries: Vec<Entry>,
    /// What could not be listed.
    pub gaps: Vec<Gap>,
    /// How to read all of it.
    pub forest: Forest,
}

/// An object that a repository holds.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its id.
    pub id: ObjectId,
    /// What it is.
    pub kind: ObjectKind,
    place: Place,
}

/// Where an object lies.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// In a pack, so many bytes from its beginning; `sole` if there is no other copy of it.
    Packed { pack: u32, offset: u64, sole: bool },
    /// In a file of its own, in that object folder.
    Loose { folder: u32 },
}

/// Why an object cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The repository does not hold it.
    #[error("is missing from the object database")]
    Missing,
    /// It has so many bytes, which is more than [`MAX_OBJECT`].
    #[error("has {0} bytes, more than are read of one object")]
    TooLarge(u64),
    /// No copy of it is what its id says.
    #[error("is damaged: {0}")]
    Damaged(String),
}

impl Store {
    /// Opens the object folder `objects` and the alternates that it names. Ids have `length` bytes: 20 in a repository of
    /// object format `sha1`, 32 in one of `sha256`. What cannot be opened is a gap of the listing.
    pub fn open(objects: &Path, length: usize) -> Store {
        Store::with(objects, length, &|index| Index::read(index, length))
    }

    /// Likewise, for whoever reads but a few objects: of the indexes of packs only what is asked for is read.
    pub fn open_for_few(objects: &Path, length: usize) -> Store {
        Store::with(objects, length, &|index| Index::open(index, length))
    }

    fn with(objects: &Path, length: usize, open: &dyn Fn(&Path) -> Result<Index, String>) -> Store {
        let mut gaps = Vec::new();
        let folders = folders::with_alternates(objects, &mut gaps);
        let mut packs = Vec::new();
        for folder in &folders {
            folders::packs(&folder.join("pack"), open, length, &mut packs, &mut gaps);
        }
        Store { length, folders, packs, gaps, listed: OnceLock::new(), asked: Mutex::default() }
    }

    /// A reader of its objects; one a thread.
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(self, MAX_OBJECT)
    }

    /// One that reads what `forest` plans of the listed `entries`; one a thread.
    pub fn walk<'s>(&'s self, entries: &'s [Entry], forest: &'s Forest) -> Walk<'s> {
        Walk::new(self, entries, forest)
    }

    /// Whether `id` is that of an object of at most `limit` bytes, made from none that has more: it is read and hashed before
    /// it counts. After some gigabytes nothing counts any more that did not before.
    pub fn holds(&self, id: &ObjectId, limit: u64) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&known) = asked.answers.get(&(*id, limit)) {
            return known;
        }
        let mut reader = Reader::going_on(self, limit, asked.budget, asked.hand.take().unwrap_or_default());
        let read = reader.read_hashed(id).map(|_| ());
        let (budget, hand) = reader.left();
        (asked.budget, asked.hand) = (budget, Some(hand));
        if read != Err(ReadError::Missing) {
            asked.answers.insert((*id, limit), read.is_ok());
        }
        read.is_ok()
    }

    /// A digest of the ids of all objects, by pack, as far as indexes and the names of files tell them; none if not all of that
    /// can be read. Nobody has looked at what these objects are.
    pub fn identity(&self) -> Option<[u8; 32]> {
        let mut gaps = self.gaps.clone();
        let loose = folders::loose(&self.folders, self.length, &mut gaps);
        let packs: Option<Vec<[u8; 32]>> = self.packs.iter().map(Pack::identity).collect();
        let mut packs = packs.filter(|_| gaps.is_empty())?;
        packs.sort();
        let mut sha = Sha256::new();
        sha.update((packs.len() as u64).to_le_bytes());
        packs.iter().for_each(|pack| sha.update(pack));
        for (id, folders) in loose {
            sha.update(id.as_bytes());
            for folder in folders {
                sha.update(loose::mark(&loose::path(&self.folders[folder as usize], &id))?);
            }
        }
        Some(sha.finalize().into())
    }

    /// By what each blob of the listed `entries` may be remembered beyond this scan. Another file may give its id to another object,
    /// so what is known of it holds for no other index and pack, and for no other loose file; none where those cannot be told
    /// apart.
    pub fn witnesses(&self, entries: &[Entry]) -> Vec<Option<ObjectId>> {
        let packs: Vec<Option<[u8; 32]>> = self.packs.iter().map(Pack::mark).collect();
        let witness = |entry: &Entry| {
            let mark = match entry.place {
                _ if entry.kind != ObjectKind::Blob => None,
                Place::Packed { pack, .. } => packs[pack as usize],
                Place::Loose { folder } => loose::mark(&loose::path(&self.folders[folder as usize], &entry.id)),
            };
            let sha = Sha256::new().chain_update(mark?).chain_update(entry.id.as_bytes());
            ObjectId::from_bytes(&sha.finalize()[..self.length])
        };
        entries.iter().map(witness).collect()
    }

    /// Gives back the memory that the next question could use.
    pub fn rest(&self) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).hand = None;
    }

    /// Lists all objects. No packed object is inflated for it, and of loose ones only the header.
    pub fn list(&self) -> Listing {
        let mut listing = Listing { gaps: self.gaps.clone(), ..Listing::default() };
        let mut surveys: Vec<Survey> = self.packs.iter().map(|pack| pack.survey(&mut listing.gaps)).collect();
        let spots = self.mark_copies(&mut surveys);
        let loose = folders::loose(&self.folders, self.length, &mut listing.gaps);
        let mut packed = HashSet::new();
        listing.entries.reserve(surveys.iter().map(|survey| survey.order.len()).sum());
        for (number, (pack, survey)) in self.packs.iter().zip(&mut surveys).enumerate() {
            let start = listing.entries.len();
            let mut numbers = vec![forest::NONE; survey.order.len()];
            for (found, entry) in survey.order.iter().zip(&mut numbers) {
                let copies = &mut survey.copies[found.nth as usize];
                if *copies == Copies::Elsewhere {
                    continue;
                }
                let Some(id) = pack.index.id(found.nth as usize) else { continue };
                if loose.contains_key(&id) {
                    packed.insert(id);
                    *copies = Copies::First;
                }
                let sole = *copies == Copies::Sole;
                let place = Place::Packed { pack: number as u32, offset: found.offset, sole };
                *entry = listing.entries.len() as u32;
                listing.entries.push(Entry { id, kind: found.kind, place });
            }
            if pack.is_mapped() {
                listing.forest.add_pack(&survey.order, &numbers, |nth| pack.index.crc(nth as usize));
            } else {
                listing.forest.add_pack(&[], &[], |_| None);
                listing.forest.add_each(start..listing.entries.len());
            }
        }
        let start = listing.entries.len();
        self.list_loose(&loose, &packed, &mut listing);
        listing.forest.add_each(start..listing.entries.len());
        for (pack, survey) in self.packs.iter().zip(&surveys) {
            let lost = survey.lost.iter().filter(|(nth, _)| {
                survey.copies[*nth as usize] != Copies::Elsewhere
                    && pack.index.id(*nth as usize).is_none_or(|id| !loose.contains_key(&id))
            });
            listing.gaps.extend(pack.gap(lost));
        }
        self.listed.get_or_init(|| Listed::new(spots, surveys));
        listing
    }

    /// The packed copy of an object that the listing has.
    fn listed(&self, id: &ObjectId) -> Option<Place> {
        let listed = self.listed.get()?;
        let prefix = index::prefix(id.as_bytes());
        let start = listed.spots.partition_point(|spot| spot.0 < prefix);
        let same = listed.spots[start..].iter().take_while(|spot| spot.0 == prefix);
        let is_it = |spot: &&Spot| self.packs[spot.1 as usize].index.id(spot.2 as usize).as_ref() == Some(id);
        let &(_, pack, nth) = same.into_iter().find(is_it)?;
        let offset = self.packs[pack as usize].index.offset(nth as usize)?;
        Some(Place::Packed { pack, offset, sole: listed.copies[pack as usize][nth as usize] == Copies::Sole })
    }

    /// Says of each packed object whether it lies in other packs too, and which copy is the one to list. Returns all packed
    /// objects, sorted.
    fn mark_copies(&self, surveys: &mut [Survey]) -> Vec<Spot> {
        let total = self.packs.iter().map(|pack| pack.index.count()).sum();
        let mut all: Vec<Spot> = Vec::with_capacity(total);
        for (number, pack) in self.packs.iter().enumerate() {
            all.extend((0..pack.index.count()).map(|nth| (pack.index.prefix(nth), number as u32, nth as u32)));
        }
        all.sort_unstable();
        for same in all.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
            let mut copies: Vec<(ObjectId, u32, u32)> = same
                .iter()
                .filter_map(|&(_, pack, nth)| Some((self.packs[pack as usize].index.id(nth as usize)?, pack, nth)))
                .collect();
            copies.sort_unstable();
            for same in copies.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
                let is_listed = |&(_, pack, nth): &(ObjectId, u32, u32)| surveys[pack as usize].listed[nth as usize];
                let first = same.iter().position(is_listed).unwrap_or(0);
                for (at, &(_, pack, nth)) in same.iter().enumerate() {
                    let copies = if at == first { Copies::First } else { Copies::Elsewhere };
                    surveys[pack as usize].copies[nth as usize] = copies;
                }
            }
        }
        all
    }

    /// Lists the loose objects that are not packed.
    fn list_loose(&self, loose: &BTreeMap<ObjectId, Vec<u32>>, packed: &HashSet<ObjectId>, listing: &mut Listing) {
        for (id, folders) in loose.iter().filter(|(id, _)| !packed.contains(id)) {
            let mut lost = None;
            for &folder in folders {
                let path = loose::path(&self.folders[folder as usize], id);
                match loose::kind(&path) {
                    Ok(kind) => {
                        lost = None;
                        listing.entries.push(Entry { id: *id, kind, place: Place::Loose { folder } });
                        break;
                    }
                    Err(reason) => lost = Some((path, reason)),
                }
            }
            listing.gaps.extend(lost);
        }
    }
}

impl Default for Asked {
    fn default() -> Asked {
        Asked { answers: HashMap::new(), budget: MAX_ASKED, hand: None }
    }
}

impl Listed {
    fn new(mut spots: Vec<Spot>, surveys: Vec<Survey>) -> Listed {
        spots.retain(|&(_, pack, nth)| {
            let survey = &surveys[pack as usize];
            survey.listed[nth as usize] && survey.copies[nth as usize] != Copies::Elsewhere
        });
        spots.shrink_to_fit();
        Listed { spots, copies: surveys.into_iter().map(|survey| survey.copies).collect() }
    }
}

/// How many copies of a packed object there are, loose ones included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Copies {
    /// This one.
    Sole,
    /// Several, of which this one is listed.
    First,
    /// Several, of which another one is listed.
    Elsewhere,
}

/// The beginning of a digest that another file has not, nor the one that takes its place: of its size and its number; where files
/// have none, of its path.
fn marked(path: &Path, meta: &Metadata) -> Option<Sha256> {
    let mut sha = Sha256::new();
    sha.update(meta.len().to_le_bytes());
    #[cfg(unix)]
    sha.update(std::os::unix::fs::MetadataExt::ino(meta).to_le_bytes());
    #[cfg(not(unix))]
    sha.update(std::fs::canonicalize(path).ok()?.as_os_str().as_encoded_bytes());
    let _ = path;
    Some(sha)
}

/// Whether an object of that kind and content has that id.
fn has_id(id: &ObjectId, kind: ObjectKind, bytes: &[u8]) -> bool {
    let header = format!("{} {}\0", kind.name(), bytes.len());
    is_hash(id.as_bytes(), &[header.as_bytes(), bytes])
}

/// Whether `hash` is the hash of the parts: SHA-1 if it has 20 bytes, else SHA-256.
fn is_hash(hash: &[u8], parts: &[&[u8]]) -> bool {
    if hash.len() == 20 {
        let mut sha = Sha1::new();
        parts.iter().for_each(|part| sha.update(part));
        sha.finalize()[..] == *hash
    } else {
        let mut sha = Sha256::new();
        parts.iter().for_each(|part| sha.update(part));
        sha.finalize()[..] == *hash
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;

    /// Writes a loose blob.
    #[expect(clippy::disallowed_methods, reason = "tests build their own world")]
    fn blob(objects: &Path, content: &[u8]) -> ObjectId {
        let text = [format!("blob {}\0", content.len()).as_bytes(), content].concat();
        let id = ObjectId::from_bytes(&Sha1::digest(&text)).expect("20 bytes");
        let path = loose::path(objects, &id);
        fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        let mut stream = ZlibEncoder::new(Vec::new(), Compression::fast());
        stream.write_all(&text).expect("memory");
        fs::write(path, stream.finish().expect("memory")).expect("writable");
        id
    }

    #[test]
    fn a_question_is_answered_once_and_all_of_them_have_a_price() {
        let place = tempfile::tempdir().expect("a folder");
        let objects = place.path();
        let [first, second, third] = [1, 2, 3].map(|nth| blob(objects, &[nth; 1000]));
        let store = Store::open(objects, 20);
        let left = || store.asked.lock().expect("sound").budget;
        for _ in 0..3 {
            assert!(store.holds(&first, 1000) && !store.holds(&second, 999));
            assert_eq!(left(), MAX_ASKED - 1000);
        }
        fs::remove_file(loose::path(objects, &first)).expect("writable");
        assert!(store.holds(&first, 1000), "it was known");
        store.asked.lock().expect("sound").budget = 1999;
        assert!(store.holds(&second, 1000) && !store.holds(&third, 1000));
        assert!(store.holds(&first, 1000) && store.reader().read(&third).is_ok());
    }
}
