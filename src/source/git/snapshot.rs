//! The files of one commit, as if they lay in the working tree. In: a repository, a commit, paths in the working tree. Out:
//! their bytes from the object database. The working tree itself is not read, no filter runs, and no link is followed.

use std::io;
use std::path::{Component, Path, PathBuf};

use super::file::bytes_of;
use super::folder::GitFolder;
use super::object::{self, EntryKind};
use super::store::{ReadError, Store};
use crate::object::{ObjectId, ObjectKind};

/// The most folders on the way to a file.
const MAX_DEPTH: usize = 128;

/// A commit's files.
pub struct Snapshot {
    /// The commit.
    pub commit: ObjectId,
    tree: ObjectId,
    store: Store,
    id_length: usize,
}

impl Snapshot {
    /// Opens a commit.
    pub fn open(folder: &GitFolder, commit: ObjectId) -> Result<Snapshot, ReadError> {
        let id_length = folder.shape.id_length;
        let store = Store::open(&folder.objects(), id_length);
        let tree = match store.reader().read(&commit)? {
            (ObjectKind::Commit, bytes) => object::commit(bytes).map(|commit| commit.tree),
            _ => None,
        };
        let tree = tree.ok_or_else(|| ReadError::Damaged("it is no commit".to_owned()))?;
        Ok(Snapshot { commit, tree, store, id_length })
    }

    /// The content of a file, by its path from the root; none if there is no such file.
    pub fn file(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        match self.at(path)? {
            Some((id, EntryKind::File)) => {
                let mut reader = self.store.reader();
                let (_, bytes) = reader.read(&id).map_err(|error| unreadable(&id, &error))?;
                Ok(Some(bytes.to_vec()))
            }
            _ => Ok(None),
        }
    }

    /// The names of the files in a folder; none if there is no such folder.
    pub fn files(&self, folder: &Path) -> io::Result<Option<Vec<Vec<u8>>>> {
        match self.at(folder)? {
            Some((id, EntryKind::Folder)) => {
                let files = self.entries(&id)?.into_iter().filter(|(.., kind)| *kind == EntryKind::File);
                Ok(Some(files.map(|(name, ..)| name).collect()))
            }
            _ => Ok(None),
        }
    }

    /// The object at a path, if there is one that can be named.
    pub fn object(&self, path: &Path) -> Option<ObjectId> {
        self.at(path).ok().flatten().map(|(id, _)| id)
    }

    fn at(&self, path: &Path) -> io::Result<Option<(ObjectId, EntryKind)>> {
        let mut found = (self.tree, EntryKind::Folder);
        for (depth, part) in path.components().filter(|part| *part != Component::CurDir).enumerate() {
            let Component::Normal(name) = part else { return Ok(None) };
            if found.1 != EntryKind::Folder || depth == MAX_DEPTH {
                return Ok(None);
            }
            let name = bytes_of(Path::new(name));
            let entry = self.entries(&found.0)?.into_iter().find(|(own, ..)| *own == name);
            let Some((_, id, kind)) = entry else { return Ok(None) };
            found = (id, kind);
        }
        Ok(Some(found))
    }

    fn entries(&self, tree: &ObjectId) -> io::Result<Vec<(Vec<u8>, ObjectId, EntryKind)>> {
        if *tree == object::empty_tree(self.id_length) {
            return Ok(Vec::new());
        }
        let mut reader = self.store.reader();
        match reader.read(tree).map_err(|error| unreadable(tree, &error))? {
            (ObjectKind::Tree, bytes) if object::is_whole_tree(bytes, self.id_length) => {
                let entries = object::tree(bytes, self.id_length);
                Ok(entries.map(|entry| (entry.name.to_vec(), entry.id, entry.kind)).collect())
            }
            _ => Err(unreadable(tree, &ReadError::Damaged("it is no tree".to_owned()))),
        }
    }
}

fn unreadable(id: &ObjectId, error: &ReadError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("object {} {error}", id.short()))
}

/// The files of a commit in the place of those of a working tree.
pub struct Instead {
    /// The root of the working tree, absolute and without links.
    pub top: PathBuf,
    /// The commit; without one the working tree counts as empty.
    pub snapshot: Option<Snapshot>,
}
