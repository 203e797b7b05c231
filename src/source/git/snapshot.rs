//! The files of one commit, as if they lay in the working tree. In: a repository, a commit, paths in the working tree. Out:
//! their bytes from the object database. The working tree itself is not read, no filter runs, and no link is followed.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Component, Path, PathBuf};

use super::file::bytes_of;
use super::folder::GitFolder;
use super::object::{self, EntryKind, TreeEntry};
use super::store::{ReadError, Reader, Store};
use crate::object::{ObjectId, ObjectKind};

/// The most bytes of a file that is read.
const MAX_FILE: u64 = 64 << 20;
/// The most folders on the way to a file.
const MAX_DEPTH: usize = 128;

/// A path, and what of it is left on the way down.
type Wanted<'p> = (&'p [u8], &'p [u8]);

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
            Some((id, EntryKind::File)) if self.store.holds(&id, MAX_FILE) => {
                let mut reader = self.store.reader();
                let (_, bytes) = reader.read(&id).map_err(|error| unreadable(&id, &error))?;
                Ok(Some(bytes.to_vec()))
            }
            Some((id, EntryKind::File)) => {
                let reason = format!("object {} is missing, damaged or larger than {} MiB", id.short(), MAX_FILE >> 20);
                Err(io::Error::new(io::ErrorKind::InvalidData, reason))
            }
            _ => Ok(None),
        }
    }

    /// The names of the files in a folder; none if there is no such folder.
    pub fn files(&self, folder: &Path) -> io::Result<Option<Vec<Vec<u8>>>> {
        let Some((id, EntryKind::Folder)) = self.at(folder)? else { return Ok(None) };
        let mut names = Vec::new();
        self.entries(&mut self.store.reader(), &id, |entry| {
            if entry.kind == EntryKind::File {
                names.push(entry.name.to_vec());
            }
        })?;
        Ok(Some(names))
    }

    /// The object at a path, if there is one that can be named.
    pub fn object(&self, path: &Path) -> Option<ObjectId> {
        self.at(path).ok().flatten().map(|(id, _)| id)
    }

    /// The objects at paths with `/` between their parts, as far as they can be named. Each folder is read once.
    pub fn objects<'p>(&self, paths: &BTreeSet<&'p [u8]>) -> HashMap<&'p [u8], ObjectId> {
        let mut found = HashMap::new();
        let wanted: Vec<Wanted<'_>> = paths.iter().map(|path| (*path, *path)).collect();
        self.collect(&mut self.store.reader(), self.tree, &wanted, 0, &mut found);
        found
    }

    /// Finds what lies at the rests of paths in a tree.
    fn collect<'p>(
        &self,
        reader: &mut Reader<'_>,
        tree: ObjectId,
        wanted: &[Wanted<'p>],
        depth: usize,
        found: &mut HashMap<&'p [u8], ObjectId>,
    ) {
        let mut by_name: HashMap<&[u8], Vec<Wanted<'p>>> = HashMap::new();
        for (path, rest) in wanted {
            let end = memchr::memchr(b'/', rest).unwrap_or(rest.len());
            by_name.entry(&rest[..end]).or_default().push((path, rest.get(end + 1..).unwrap_or_default()));
        }
        let mut folders = Vec::new();
        let read = self.entries(reader, &tree, |entry| {
            let Some(wanted) = by_name.remove(entry.name) else { return };
            found.extend(wanted.iter().filter(|(_, rest)| rest.is_empty()).map(|(path, _)| (*path, entry.id)));
            if entry.kind == EntryKind::Folder && depth < MAX_DEPTH {
                folders.push((entry.id, wanted));
            }
        });
        // What cannot be read names nothing.
        if read.is_ok() {
            for (folder, mut wanted) in folders {
                wanted.retain(|(_, rest)| !rest.is_empty());
                if !wanted.is_empty() {
                    self.collect(reader, folder, &wanted, depth + 1, found);
                }
            }
        }
    }

    fn at(&self, path: &Path) -> io::Result<Option<(ObjectId, EntryKind)>> {
        let mut reader = self.store.reader();
        let mut found = (self.tree, EntryKind::Folder);
        for (depth, part) in path.components().filter(|part| *part != Component::CurDir).enumerate() {
            let Component::Normal(name) = part else { return Ok(None) };
            if found.1 != EntryKind::Folder || depth == MAX_DEPTH {
                return Ok(None);
            }
            let (name, mut below) = (bytes_of(Path::new(name)), None);
            self.entries(&mut reader, &found.0, |entry| {
                if entry.name == name {
                    below = Some((entry.id, entry.kind));
                }
            })?;
            let Some(below) = below else { return Ok(None) };
            found = below;
        }
        Ok(Some(found))
    }

    fn entries(&self, reader: &mut Reader<'_>, tree: &ObjectId, mut each: impl FnMut(TreeEntry<'_>)) -> io::Result<()> {
        if *tree == object::empty_tree(self.id_length) {
            return Ok(());
        }
        match reader.read(tree).map_err(|error| unreadable(tree, &error))? {
            (ObjectKind::Tree, bytes) if object::is_whole_tree(bytes, self.id_length) => {
                object::tree(bytes, self.id_length).for_each(&mut each);
                Ok(())
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
