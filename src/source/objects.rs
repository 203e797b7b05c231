//! Whether an object id is one of an object in the git repository that holds a path. In: a path and an id. Out: yes or no.
//! Nothing of the repository runs or decides, and what is said to be an object is read and hashed before it counts.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::object::ObjectId;
use crate::source::git::folder::GitFolder;
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
    let folder = GitFolder::above(folder).ok()??;
    (folder.shape.id_length == 20).then(|| Store::open(&folder.objects(), &[], 20))
}
