//! Whether an object id is one of an object in the git repository that holds a path. In: a path and an id. Out: yes or no.
//! Only object folders are opened: no configuration is read, nothing of the repository decides or runs, and what is said to
//! be an object is read and hashed before it counts.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::HEXLOWER;
use flate2::read::ZlibDecoder;
use git2::{Odb, Oid};
use sha1::{Digest, Sha1};

/// Larger objects are not read to be hashed; an id of one does not count.
const MAX_OBJECT: usize = 64 * 1024 * 1024;
/// The most object folders of one repository, its alternates included.
const MAX_FOLDERS: usize = 16;

/// The repositories met so far, by the folder that was asked about.
#[derive(Default)]
pub struct Objects {
    by_folder: Mutex<HashMap<PathBuf, Option<Arc<Repository>>>>,
}

impl Objects {
    /// Whether `id` (40 hexadecimal digits) names an object of the repository that `path` lies in.
    pub fn holds(&self, path: &Path, id: &str) -> bool {
        let Some(folder) = path.parent() else { return false };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        self.of(folder).is_some_and(|repository| repository.holds(id))
    }

    fn of(&self, folder: &Path) -> Option<Arc<Repository>> {
        let mut known = self.by_folder.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(repository) = known.get(folder) {
            return repository.clone();
        }
        let repository = Repository::open(folder).map(Arc::new);
        known.insert(folder.to_owned(), repository.clone());
        repository
    }
}

/// The objects of one repository.
struct Repository {
    /// Where objects lie: its own folder and its alternates.
    folders: Vec<PathBuf>,
    /// The packs in them, unless something there is no regular file, which libgit2 would open all the same.
    packs: Option<Mutex<Odb<'static>>>,
}

impl Repository {
    /// Opens the nearest repository at or above `folder`.
    fn open(folder: &Path) -> Option<Repository> {
        let folder = fs::canonicalize(folder).ok()?;
        let git = folder.ancestors().map(|folder| folder.join(".git")).find(|git| git.exists())?;
        let own = object_folder(&git)?;
        let folders = with_alternates(own);
        let packs = folders.iter().all(|folder| is_regular(folder)).then(|| packs(&folders[0])).flatten();
        Some(Repository { folders, packs: packs.map(Mutex::new) })
    }

    fn holds(&self, id: &str) -> bool {
        let loose = self.folders.iter().map(|folder| folder.join(&id[..2]).join(&id[2..]));
        let loose: Vec<PathBuf> = loose.filter(|path| path.exists()).collect();
        // libgit2 never comes back from a loose object that is cut off, so it is not asked about one.
        if !loose.is_empty() {
            return loose.iter().any(|path| is_loose(path, id));
        }
        let (Ok(oid), Some(packs)) = (Oid::from_str(id), &self.packs) else { return false };
        let packs = packs.lock().unwrap_or_else(PoisonError::into_inner);
        // `read` checks the hash, so a pack that merely lists an object hides nothing.
        packs.read_header(oid).is_ok_and(|(size, _)| size <= MAX_OBJECT) && packs.read(oid).is_ok()
    }
}

/// The object database of a folder.
fn packs(folder: &Path) -> Option<Odb<'static>> {
    let odb = Odb::new().ok()?;
    odb.add_disk_alternate(folder.to_str()?).ok()?;
    Some(odb)
}

/// Whether what libgit2 opens in an object folder are regular files: opening a FIFO would wait for ever.
fn is_regular(folder: &Path) -> bool {
    let alternates = folder.join("info/alternates");
    let packs = fs::read_dir(folder.join("pack")).into_iter().flatten().flatten();
    (!alternates.exists() || alternates.is_file()) && packs.into_iter().all(|entry| entry.path().is_file())
}

/// Whether a file is the loose object of that id: a compressed text that has it for its SHA-1.
fn is_loose(path: &Path, id: &str) -> bool {
    if !fs::metadata(path).is_ok_and(|meta| meta.is_file()) {
        return false;
    }
    #[expect(clippy::disallowed_methods, reason = "source is the door to what is scanned")]
    let Ok(file) = fs::File::open(path) else { return false };
    let mut text = ZlibDecoder::new(file).take(MAX_OBJECT as u64 + 1);
    let mut hash = Sha1::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match text.read(&mut buffer) {
            Ok(0) => return text.limit() > 0 && HEXLOWER.encode(&hash.finalize()) == id,
            Ok(read) => hash.update(&buffer[..read]),
            Err(_) => return false,
        }
    }
}

/// Where a repository keeps its objects; `.git` may be a file that names the git directory, which may name a common one.
fn object_folder(git: &Path) -> Option<PathBuf> {
    let git = if git.is_file() {
        let named = small_file(git)?;
        git.parent()?.join(named.strip_prefix("gitdir:")?.trim())
    } else {
        git.to_owned()
    };
    let common = match small_file(&git.join("commondir")) {
        Some(common) => git.join(common.trim()),
        None => git,
    };
    Some(common.join("objects")).filter(|objects| objects.is_dir())
}

/// An object folder and those that it names in `info/alternates`.
fn with_alternates(own: PathBuf) -> Vec<PathBuf> {
    let mut folders = vec![own];
    let mut next = 0;
    while next < folders.len() && folders.len() < MAX_FOLDERS {
        let folder = folders[next].clone();
        let named = small_file(&folder.join("info/alternates")).unwrap_or_default();
        for line in named.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let alternate = folder.join(line);
            if !folders.contains(&alternate) {
                folders.push(alternate);
            }
        }
        next += 1;
    }
    folders
}

/// The text of a file of a few lines.
fn small_file(path: &Path) -> Option<String> {
    let length = fs::metadata(path).ok().filter(|meta| meta.is_file())?.len();
    if length > 4096 {
        return None;
    }
    #[expect(clippy::disallowed_methods, reason = "source is the door to what is scanned")]
    fs::read_to_string(path).ok()
}
