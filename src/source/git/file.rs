//! Reads the small files and the folders of a git directory. In: paths. Out: bytes up to a bound, sorted names. Nothing but
//! a regular file is ever opened: a FIFO would wait for ever, a device may do anything, a link may lead to what nobody asked
//! for.

use std::ffi::OsString;
use std::fs::{self, File, FileType};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::folder::is_git_folder;
use crate::source::tree;

/// The bytes of a regular file; an error for anything else, and for one of more than `most` bytes.
pub(super) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let (file, size) = open(path)?;
    let mut bytes = Vec::new();
    // Growing piece by piece costs a file of thirty megabytes four times its reading. What a size says it may say falsely.
    let _ = bytes.try_reserve_exact(usize::try_from(size.min(most)).unwrap_or_default().saturating_add(1));
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("larger than {most} bytes")));
    }
    Ok(bytes)
}

/// A regular file, and how many bytes it has; an error for anything else.
pub(super) fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = tree::open_found(&unlinked(path)?)?;
    let meta = file.metadata()?;
    match meta.is_file() {
        true => Ok((file, meta.len())),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
    }
}

/// Where a path leads, which may be a link only as `git-new-workdir` makes them: from the top of a git directory to the same
/// name in another one.
fn unlinked(path: &Path) -> io::Result<PathBuf> {
    const SHARED: [&str; 4] = ["config", "logs", "packed-refs", "refs"];
    if !fs::symlink_metadata(path)?.is_symlink() {
        return Ok(path.to_owned());
    }
    let may_be = path.file_name().is_some_and(|name| SHARED.iter().any(|shared| name == *shared));
    let in_git = |path: &Path| path.parent().is_some_and(is_git_folder);
    let real = Some(path).filter(|path| may_be && in_git(path)).and_then(|path| fs::canonicalize(path).ok());
    real.filter(|real| real.file_name() == path.file_name() && in_git(real))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a link, which is not followed"))
}

/// As [`read`]; `None` if there is no such file.
pub(super) fn read_if_there(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    match read(path, most) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether there is no such file. A part of its path that is a file is no folder that could hold it.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// What a folder holds, sorted by name; nothing if there is no such folder. Links are links here.
pub(super) fn list(folder: &Path) -> io::Result<Vec<(OsString, FileType)>> {
    let entries = match unlinked(folder).and_then(fs::read_dir) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        found.push((entry.file_name(), entry.file_type()?));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

/// The bytes of a path.
pub(super) fn bytes_of(path: &Path) -> Vec<u8> {
    path.as_os_str().as_encoded_bytes().to_vec()
}
