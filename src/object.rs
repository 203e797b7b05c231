//! A git object, and where in its repository it lies. In: object ids, what a repository says of an object. Out: nouns for
//! everyone above. Field meanings are those of git's own documentation (gitglossary, gitformat-pack).

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The id of an object: 20 bytes in a repository of object format `sha1`, 32 in one of `sha256`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectId {
    bytes: [u8; 32],
    length: u8,
}

impl ObjectId {
    /// From 20 or 32 bytes; `None` for any other number.
    pub fn from_bytes(id: &[u8]) -> Option<ObjectId> {
        let mut bytes = [0; 32];
        bytes.get_mut(..id.len())?.copy_from_slice(id);
        matches!(id.len(), 20 | 32).then(|| ObjectId { bytes, length: id.len() as u8 })
    }

    /// From 40 or 64 hexadecimal digits of either case.
    pub fn from_hex(text: &[u8]) -> Option<ObjectId> {
        let id = data_encoding::HEXLOWER_PERMISSIVE.decode(text).ok()?;
        ObjectId::from_bytes(&id)
    }

    /// The 20 or 32 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// Whether it is git's word for "none": all zeros.
    pub fn is_zero(&self) -> bool {
        self.bytes == [0; 32]
    }

    /// The first ten digits, as people quote ids.
    pub fn short(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.bytes[..5])
    }
}

impl Hash for ObjectId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.as_bytes());
    }
}

/// A table by object id. Ids are looked up by the million, and a seed that nobody outside knows keeps scanned ones from
/// colliding on purpose.
pub type ObjectMap<V> = HashMap<ObjectId, V, foldhash::fast::RandomState>;

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(self.as_bytes()))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// A commit.
    Commit,
    /// A tree: a folder's names, modes and ids.
    Tree,
    /// The content of a file.
    Blob,
    /// An annotated tag.
    Tag,
}

impl ObjectKind {
    /// The word that git has for it.
    pub fn name(self) -> &'static str {
        match self {
            ObjectKind::Commit => "commit",
            ObjectKind::Tree => "tree",
            ObjectKind::Blob => "blob",
            ObjectKind::Tag => "tag",
        }
    }

    /// The kind that git has the word for.
    pub fn named(word: &[u8]) -> Option<ObjectKind> {
        let kinds = [ObjectKind::Commit, ObjectKind::Tree, ObjectKind::Blob, ObjectKind::Tag];
        kinds.into_iter().find(|kind| kind.name().as_bytes() == word)
    }
}

/// Who made a commit, and when.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commit {
    /// Its id.
    pub id: ObjectId,
    /// The author's name, without the e-mail address.
    pub author: Vec<u8>,
    /// The author's date: seconds since 1970, and the minutes that the author's clock was ahead of UTC.
    pub date: (i64, i32),
}

/// Where in a git repository a text lies.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Held {
    /// The path of the repository as it was reached from the argument: its working tree, or the folder of a bare one.
    pub repository: Vec<u8>,
    /// The object that holds the text.
    pub object: Option<ObjectId>,
    /// The commit that first introduced it at this path, or that it is part of.
    pub commit: Option<Arc<Commit>>,
    /// The reference that names the text, or whose log it is.
    pub reference: Option<Vec<u8>>,
    /// The references that still hold it, in order of their names; of very many the first.
    pub refs: Vec<Vec<u8>>,
    /// How many more references hold it.
    pub more_refs: usize,
    /// Whether a reference or the index holds it.
    pub reachable: bool,
    /// The other places at which the same blob was introduced: commit and path; of very many the first.
    pub also: Vec<(Arc<Commit>, Vec<u8>)>,
    /// How many more places there are.
    pub more_places: usize,
}
