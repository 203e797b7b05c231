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

/// The repositories met so far.
#[derive(Default)]
pub struct Objects {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// By the folder that was asked about.
    by_folder: HashMap<PathBuf, Option<Arc<Store>>>,
    /// By the git directory that all worktrees share.
    by_repository: HashMap<PathBuf, Arc<Store>>,
    /// The one that was asked last, which alone keeps memory for the next question.
    last: Option<Arc<Store>>,
}

impl Objects {
    /// Whether `id` (40 hexadecimal digits) names an object of the repository that `path` lies in.
    pub fn holds(&self, path: &Path, id: &str) -> bool {
        let (Some(folder), Some(id)) = (path.parent(), ObjectId::from_hex(id.as_bytes())) else { return false };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        self.of(folder).is_some_and(|store| store.holds(&id, MAX_OBJECT))
    }

    fn of(&self, folder: &Path) -> Option<Arc<Store>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let store = match known.by_folder.get(folder) {
            Some(store) => store.clone(),
            None => {
                let store = known.open(folder);
                known.by_folder.insert(folder.to_owned(), store.clone());
                store
            }
        }?;
        if let Some(last) = known.last.replace(store.clone()).filter(|last| !Arc::ptr_eq(last, &store)) {
            last.rest();
        }
        Some(store)
    }
}

impl Known {
    /// Opens the nearest repository at or above `folder`. Key shapes are ids of 20 bytes, so no other object format is asked.
    fn open(&mut self, folder: &Path) -> Option<Arc<Store>> {
        let folder = GitFolder::above(folder).ok()??;
        if folder.shape.id_length != 20 {
            return None;
        }
        let open = || Arc::new(Store::open(&folder.objects(), 20));
        Some(self.by_repository.entry(folder.common.clone()).or_insert_with(open).clone())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "tests build their own world")]
    fn all_folders_of_a_repository_ask_the_same_one() {
        let place = tempfile::tempdir().expect("a folder");
        for folder in [".git/objects", ".git/refs", "a/b", "c"] {
            fs::create_dir_all(place.path().join(folder)).expect("writable");
        }
        fs::write(place.path().join(".git/HEAD"), "ref: refs/heads/main\n").expect("writable");
        let objects = Objects::default();
        let [one, two] = ["a/b", "c"].map(|folder| objects.of(&place.path().join(folder)).expect("a repository"));
        assert!(Arc::ptr_eq(&one, &two));
    }
}
