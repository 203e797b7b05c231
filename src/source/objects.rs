//! Whether an object id is one of an object in the git repository that holds a path. In: a path and an id. Out: yes or no.
//! Only object folders are opened: no configuration is read, nothing of the repository decides or runs, and what is said to
//! be an object is read and hashed before it counts.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use git2::{Odb, Oid};

/// Larger objects are not read to be hashed; an id of one does not count.
const MAX_OBJECT: usize = 64 * 1024 * 1024;

/// The object databases met so far, by the folder that was asked about.
#[derive(Default)]
pub struct Objects {
    by_folder: Mutex<HashMap<PathBuf, Option<Arc<Mutex<Odb<'static>>>>>>,
}

impl Objects {
    /// Whether `id` (40 hexadecimal digits) names an object of the repository that `path` lies in.
    pub fn holds(&self, path: &Path, id: &str) -> bool {
        let Some(folder) = path.parent() else { return false };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let Some(odb) = self.of(folder) else { return false };
        let Ok(oid) = Oid::from_str(id) else { return false };
        let odb = odb.lock().unwrap_or_else(PoisonError::into_inner);
        // `read` checks the hash, so a file that merely has the name of an object hides nothing.
        odb.read_header(oid).is_ok_and(|(size, _)| size <= MAX_OBJECT) && odb.read(oid).is_ok()
    }

    fn of(&self, folder: &Path) -> Option<Arc<Mutex<Odb<'static>>>> {
        let mut known = self.by_folder.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(odb) = known.get(folder) {
            return odb.clone();
        }
        let odb = open(folder).map(|odb| Arc::new(Mutex::new(odb)));
        known.insert(folder.to_owned(), odb.clone());
        odb
    }
}

/// Opens the objects of the nearest repository at or above `folder`.
fn open(folder: &Path) -> Option<Odb<'static>> {
    let folder = fs::canonicalize(folder).ok()?;
    let git = folder.ancestors().map(|folder| folder.join(".git")).find(|git| git.exists())?;
    let odb = Odb::new().ok()?;
    odb.add_disk_alternate(object_folder(&git)?.to_str()?).ok()?;
    Some(odb)
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
