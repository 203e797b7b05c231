//! What earlier scans of git repositories found clean. In: a folder of the user's own. Out: which object ids, or digests for
//! them, are known, and files with more of them. It holds no path and no text, and no id of anything that was found but sealed
//! by what only the repository tells; it lies in no repository that is scanned, and is never trusted if somebody else could have
//! written it. Whatever is wrong with a file of it, nothing is known.

mod sealed;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use crate::object::ObjectId;
use crate::write;
use table::Table;

/// The most ids that a file holds: 40 megabytes.
const MOST: usize = 2_000_000;
/// The most repositories of which it is known that all of them is clean.
const MOST_WHOLE: usize = 1000;
/// The most files, those of other versions and rules included.
const MOST_FILES: usize = 8;
/// Bytes of what is kept of a repository: a digest and a number of objects.
const WHOLE: usize = 32 + 8;

/// The most bytes of an answer that is kept.
pub const LONGEST_ANSWER: usize = 256 * 1024;

/// A digest of all that a verdict depends on.
pub type Digest = [u8; 32];

/// What is known to be clean under one set of rules and options.
pub struct Cache {
    folder: PathBuf,
    key: Digest,
    /// Blobs, by bytes of an id: 20, 32.
    blobs: [OnceLock<Table>; 2],
    whole: OnceLock<Table>,
    answers: OnceLock<Table>,
    learnt: Mutex<Learnt>,
}

#[derive(Default)]
struct Learnt {
    blobs: [Vec<ObjectId>; 2],
    whole: Vec<[u8; WHOLE]>,
    answers: Vec<[u8; sealed::WIDTH]>,
}

/// A digest of parts: no two lists of parts have the same.
pub fn digest<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> Digest {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_le_bytes());
        sha.update(part);
    }
    sha.finalize().into()
}

impl Cache {
    /// That in a folder, which need not be there. `key` is a digest of all that decides whether a blob is clean. Nothing is read yet.
    pub fn new(folder: PathBuf, key: Digest) -> Cache {
        Cache {
            folder,
            key,
            blobs: Default::default(),
            whole: OnceLock::new(),
            answers: OnceLock::new(),
            learnt: Mutex::default(),
        }
    }

    /// Whether its folder lies in another one, or where that cannot be told.
    pub fn lies_in(&self, place: &Path) -> bool {
        let Ok(place) = fs::canonicalize(place) else { return true };
        let real = self.folder.ancestors().find_map(|folder| fs::canonicalize(folder).ok());
        real.is_none_or(|real| real.starts_with(place))
    }

    /// Whether a blob is known to be clean wherever it lies, by its id or by what stands for that where nobody has checked it.
    pub fn is_clean(&self, id: &ObjectId) -> bool {
        let bytes = id.as_bytes();
        let nth = usize::from(bytes.len() == 32);
        self.blobs[nth].get_or_init(|| self.read(nth)).find(bytes).is_some()
    }

    /// How many objects a repository has of which all is known to be clean; `digest` is that of all that this depends on.
    pub fn whole(&self, digest: &Digest) -> Option<u64> {
        let found = self.whole.get_or_init(|| self.read(2)).find(digest)?;
        found.last_chunk().map(|number| u64::from_le_bytes(*number))
    }

    /// What was said of a repository of which not all is clean; `digest` is that of all that this depends on.
    pub fn answer(&self, digest: &Digest) -> Option<Vec<u8>> {
        sealed::open(self.answers.get_or_init(|| self.read(3)), &self.key, digest)
    }

    /// Learns what was said of a repository: ids and numbers that say something only together with it. Nobody can read them who
    /// does not have the repository as it stood. What is very long is forgotten.
    pub fn learn_answer(&self, digest: &Digest, answer: &[u8]) {
        let records = sealed::seal(answer, &self.key, digest);
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner).answers.extend(records);
    }

    /// Learns of blobs that they are clean wherever they lie.
    pub fn learn(&self, ids: impl IntoIterator<Item = ObjectId>) {
        let mut learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            learnt.blobs[usize::from(id.as_bytes().len() == 32)].push(id);
        }
    }

    /// Learns of a repository of so many objects that all of it is clean.
    pub fn learn_whole(&self, digest: &Digest, objects: u64) {
        let mut record = [0; WHOLE];
        record[..32].copy_from_slice(digest);
        record[32..].copy_from_slice(&objects.to_le_bytes());
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner).whole.push(record);
    }

    /// Writes down what was learnt. Where that is not possible, the next scan takes as long as this one.
    pub fn save(&self) {
        let learnt = std::mem::take(&mut *self.learnt.lock().unwrap_or_else(PoisonError::into_inner));
        let Learnt { blobs, whole, answers } = learnt;
        if whole.is_empty() && answers.is_empty() && blobs.iter().all(Vec::is_empty) {
            return;
        }
        if write::private_folder(&self.folder).is_err() || !table::is_own_folder(&self.folder) {
            return;
        }
        for (nth, ids) in blobs.iter().enumerate() {
            self.add(nth, &ids.iter().map(ObjectId::as_bytes).collect::<Vec<_>>());
        }
        self.add(2, &whole.iter().map(|record| &record[..]).collect::<Vec<_>>());
        self.add(3, &answers.iter().map(|record| &record[..]).collect::<Vec<_>>());
        self.tidy();
    }

    fn add(&self, nth: usize, records: &[&[u8]]) {
        if records.is_empty() {
            return;
        }
        // Another scan may have written since.
        let known = self.read(nth);
        let bytes = known.with(records, Cache::FILES[nth].2).bytes(&self.key);
        let _ = write::replace_private(&self.file(nth), |out| out.write_all(&bytes));
    }

    /// The name of each file, the width of its records, and how many it holds at most.
    const FILES: [(&str, usize, usize); 4] = [
        ("blobs-20", 20, MOST),
        ("blobs-32", 32, MOST),
        ("whole", WHOLE, MOST_WHOLE),
        ("answers", sealed::WIDTH, sealed::MOST),
    ];

    fn file(&self, nth: usize) -> PathBuf {
        let key = data_encoding::HEXLOWER.encode(&self.key[..8]);
        self.folder.join(format!("{}-{key}", Cache::FILES[nth].0))
    }

    fn read(&self, nth: usize) -> Table {
        let (_, width, most) = Cache::FILES[nth];
        Table::read(&self.folder, &self.file(nth), &self.key, width, most).unwrap_or_else(|| Table::new(width))
    }

    /// Takes away the files that were written longest ago.
    fn tidy(&self) {
        let is_own = |path: &Path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let named = Cache::FILES.iter().find_map(|(start, ..)| name.strip_prefix(start)?.strip_prefix('-'));
            named.is_some_and(|key| key.len() == 16 && key.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_own(path));
        let written = |path: &Path| fs::symlink_metadata(path).and_then(|meta| meta.modified());
        let mut files: Vec<(SystemTime, PathBuf)> =
            paths.filter_map(|path| Some((written(&path).ok()?, path))).collect();
        files.sort();
        let many = files.len().saturating_sub(MOST_FILES);
        files.into_iter().take(many).for_each(|(_, path)| _ = fs::remove_file(path));
    }
}
