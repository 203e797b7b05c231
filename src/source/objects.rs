//! Whether an object id is one of an object in the git repository that holds a path. In: a path and an id. Out: yes or no.
//! Only object folders are opened: no configuration is read, nothing of the repository decides or runs, and what is said to
//! be an object is read and hashed before it counts.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::object::ObjectId;
use crate::source::git::store::Store;

/// Larger objects are not read to be hashed; an id of one does not count.
const MAX_OBJECT: u64 = 64 * 1024 * 1024;

/// The repositories met so far, by the folder that was asked about.
#[derive(Default)]
pub struct Objects {
    by_folder: Mutex<HashMap<PathBuf, Option<Arc<Store>>>>,
}

impl Objects {
    /// Whether `id` (40 hexadecimal digits) names an object of the repository that `path` lies in.
    pub fn holds(&self, path: &Path, id: &str) -> bool {
        let (Some(folder), Some(id)) = (path.parent(), ObjectId::from_hex(id.as_bytes())) else { return false };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        self.of(folder).is_some_and(|store| store.holds(&id, MAX_OBJECT))
    }

    fn of(&self, folder: &Path) -> Option<Arc<Store>> {
        let mut known = self.by_folder.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = known.get(folder) {
            return store.clone();
        }
        let store = open(folder).map(Arc::new);
        known.insert(folder.to_owned(), store.clone());
        store
    }
}

/// Opens the nearest repository at or above `folder`. Key shapes are ids of 20 bytes, so no other object format is asked.
fn open(folder: &Path) -> Option<Store> {
    let folder = fs::canonicalize(folder).ok()?;
    let git = folder.ancestors().map(|folder| folder.join(".git")).find(|git| git.exists())?;
    Some(Store::open(&object_folder(&git)?, &[], 20))
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

/// The text of a file of a few lines.
fn small_file(path: &Path) -> Option<String> {
    let length = fs::metadata(path).ok().filter(|meta| meta.is_file())?.len();
    if length > 4096 {
        return None;
    }
    #[expect(clippy::disallowed_methods, reason = "source is the door to what is scanned")]
    fs::read_to_string(path).ok()
}
