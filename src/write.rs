//! The one room that creates or replaces files. In: a path and what to write. Out: a file that holds all of it, or what was
//! there before. A link at the path is replaced, never followed to another file; a device or a pipe is written to.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Creates or replaces a file: one that is there keeps its mode, a new one gets what the user's mask leaves of 0666.
/// Nobody sees half of it.
pub fn replace(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let there = fs::metadata(path).ok();
    if there.as_ref().is_some_and(fs::Metadata::is_dir) {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    if there.as_ref().is_some_and(|there| !there.is_file()) {
        #[expect(clippy::disallowed_methods, reason = "this is the writing room")]
        let mut out = BufWriter::new(OpenOptions::new().write(true).open(path)?);
        return fill(&mut out).and_then(|()| out.flush());
    }
    let (draft, file) = draft(path)?;
    let own = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file);
    // Before anything is in it: what others may not read they may not read meanwhile.
    let kept = own.map_or(Ok(()), |own| keep(&file, &own));
    let written = kept.and_then(|()| write(file, fill)).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        // It may be gone already, and there is nothing more to be done.
        let _ = fs::remove_file(&draft);
    }
    written
}

/// Whether a file could be created at a path, as far as that shows beforehand.
pub fn check(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")),
        Ok(_) => return Ok(()),
        Err(_) => {}
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match fs::metadata(folder) {
        Ok(there) if there.is_dir() && path.file_name().is_some() => Ok(()),
        Ok(_) => Err(io::Error::new(io::ErrorKind::NotADirectory, "it is not in a folder")),
        Err(error) => Err(error),
    }
}

/// Gives a new file the owner, if we may, and the mode of the one that it replaces.
fn keep(file: &File, own: &fs::Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        let new = file.metadata()?;
        if new.uid() != own.uid() || new.gid() != own.gid() {
            // Only a privileged user may give a file away; then it is ours, as with most editors.
            let _ = fchown(file, Some(own.uid()), Some(own.gid()));
        }
    }
    file.set_permissions(own.permissions())
}

/// Takes all rights of a file from everybody but its owner, who may read and write it. A link is refused.
#[cfg(unix)]
pub fn close(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    #[expect(clippy::disallowed_methods, reason = "this is the writing room")]
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    file.set_permissions(fs::Permissions::from_mode(0o600))
}

/// Modes are Unix's.
#[cfg(not(unix))]
pub fn close(_: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn write(file: File, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    fill(&mut out)?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// A new file beside the one to be.
fn draft(path: &Path) -> io::Result<(PathBuf, File)> {
    const TRIES: u32 = 100;
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it names no file"))?;
    let mut last = None;
    for nth in 0..TRIES {
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}-{nth}", std::process::id()));
        let draft = path.with_file_name(hidden);
        #[expect(clippy::disallowed_methods, reason = "this is the writing room")]
        match OpenOptions::new().write(true).create_new(true).open(&draft) {
            Ok(file) => return Ok((draft, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AlreadyExists.into()))
}
