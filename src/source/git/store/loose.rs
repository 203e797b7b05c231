//! Loose objects: a file each, a zlib stream of `kind size`, a NUL and the content. In: an object folder and an id. Out: the
//! kind, or the content, which is hashed before it counts. It opens nothing but regular files.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use flate2::read::ZlibDecoder;
use sha2::Digest;

use super::{ReadError, has_id, marked};
use crate::object::{ObjectId, ObjectKind};
use crate::source::tree;

/// Longer headers are damage: the kind, a space, a size, a NUL.
const MAX_HEADER: usize = 32;

/// Where an object of that id would lie.
pub(super) fn path(folder: &Path, id: &ObjectId) -> PathBuf {
    let name = id.to_string();
    folder.join(&name[..2]).join(&name[2..])
}

/// A digest that another file has not, and that this one has no more once it was written again.
pub(super) fn mark(path: &Path) -> Option<[u8; 32]> {
    let meta = fs::metadata(path).ok()?;
    let written = meta.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let sha = marked(path, &meta)?.chain_update(written.as_nanos().to_le_bytes());
    Some(sha.finalize().into())
}

/// Opens a file of an object folder, or says why not.
pub(super) fn open(path: &Path) -> Result<File, String> {
    match fs::metadata(path) {
        Ok(meta) if !meta.is_file() => Err("is not a regular file".to_owned()),
        _ => tree::open_named(path).map_err(|error| format!("cannot be read: {}", tree::plain(&error))),
    }
}

/// What the loose object in a file is, by its header.
pub(super) fn kind(path: &Path) -> Result<ObjectKind, String> {
    let mut text = ZlibDecoder::new(open(path)?);
    header(&mut text).map(|(kind, _)| kind).ok_or_else(|| "is not an object".to_owned())
}

/// Reads the object of that id into `out`.
pub(super) fn read(folder: &Path, id: &ObjectId, limit: u64, out: &mut Vec<u8>) -> Result<ObjectKind, ReadError> {
    let path = path(folder, id);
    // Links that lead nowhere are damage.
    if fs::symlink_metadata(&path).is_err() {
        return Err(ReadError::Missing);
    }
    let damaged = |reason: &str| ReadError::Damaged(format!("its file {reason}"));
    let mut text = ZlibDecoder::new(open(&path).map_err(|reason| damaged(&reason))?);
    let (kind, size) = header(&mut text).ok_or_else(|| damaged("is not an object"))?;
    if size > limit {
        return Err(ReadError::TooLarge(size));
    }
    out.clear();
    let read = text.take(size + 1).read_to_end(out).map_err(|_| damaged("does not inflate"))?;
    if read as u64 != size {
        return Err(damaged("is cut off or goes on too long"));
    }
    if has_id(id, kind, out) { Ok(kind) } else { Err(damaged("has another hash")) }
}

/// Kind and size, in bytes, of what follows.
fn header(text: &mut impl Read) -> Option<(ObjectKind, u64)> {
    let mut header = Vec::new();
    let mut byte = [0];
    while header.len() < MAX_HEADER {
        text.read_exact(&mut byte).ok()?;
        if byte[0] != 0 {
            header.push(byte[0]);
            continue;
        }
        let mut words = header.split(|&b| b == b' ');
        let kind = ObjectKind::named(words.next()?)?;
        let size = words.next().filter(|size| size.iter().all(u8::is_ascii_digit))?;
        return words.next().is_none().then_some((kind, str::from_utf8(size).ok()?.parse().ok()?));
    }
    None
}
