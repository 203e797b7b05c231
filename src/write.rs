//! The one room that creates or replaces files. In: a path and what to write. Out: a file that holds all of it, or what was
//! there before. A link at the path is replaced, never followed to another file; a device or a pipe is written to.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Creates or replaces a file: one that is there keeps its mode, a new one gets what the user's mask leaves of 0666.
/// Nobody sees half of it.
pub fn replace(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    replace_as(path, None, fill)
}

/// Likewise, for the user alone: whether it is new or was there, its mode is 0600 from the first byte on.
pub fn replace_private(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    replace_as(path, Some(0o600), fill)
}

/// Puts a program (mode 0755) at a path. What lies there already, file or link, gets the name `aside`, which nothing may
/// have. Whatever fails, what was there is there again; at no moment is there nothing, if the file system knows hard links.
pub fn program(
    path: &Path,
    aside: Option<&Path>,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let Some(aside) = aside else { return replace_as(path, Some(0o755), fill) };
    match fs::hard_link(path, aside) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
        // Where a file has one name at most, or belongs to another user.
        Err(_) if fs::symlink_metadata(aside).is_err() => fs::rename(path, aside)?,
        Err(error) => return Err(error),
    }
    let written = replace_as(path, Some(0o755), fill);
    if written.is_err() {
        // Two names of one file are not renamed into each other.
        let _ = if fs::symlink_metadata(path).is_ok() { fs::remove_file(aside) } else { fs::rename(aside, path) };
    }
    written
}

/// Takes away what [`program`] wrote: what it put aside is there again, as it was, or nothing is.
pub fn take_back(path: &Path, aside: Option<&Path>) -> io::Result<()> {
    match aside {
        Some(aside) => fs::rename(aside, path),
        None => fs::remove_file(path),
    }
}

/// Takes away a folder in which there is nothing; one in which there is something stays.
pub fn take_back_folder(path: &Path) {
    // Git needs no such folder, so that it stays is no error either.
    let _ = fs::remove_dir(path);
}

/// Makes a folder, and those above that are missing.
pub fn folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// Makes a folder for the user alone (0700), and likewise those above that are missing.
pub fn private_folder(path: &Path) -> io::Result<()> {
    let mut folders = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folders, 0o700);
    folders.recursive(true).create(path)
}

/// Creates or replaces a file, which gets a mode, or keeps the one that is there.
fn replace_as(path: &Path, mode: Option<u32>, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let there = fs::metadata(path).ok();
    if there.as_ref().is_some_and(fs::Metadata::is_dir) {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    if there.as_ref().is_some_and(|there| !there.is_file()) {
        if mode.is_some() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        #[expect(clippy::disallowed_methods, reason = "this is the writing room")]
        let mut out = BufWriter::new(OpenOptions::new().write(true).open(path)?);
        return fill(&mut out).and_then(|()| out.flush());
    }
    let (draft, file) = draft(path, mode)?;
    let own = fs::symlink_metadata(path).ok().filter(|own| own.is_file() && mode.is_none());
    // Before anything is in it: what others may not read they may not read meanwhile.
    let kept = own.map_or_else(|| set(&file, mode), |own| keep(&file, &own));
    let written = kept.and_then(|()| write(file, fill)).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        // It may be gone already, and there is nothing more to be done.
        let _ = fs::remove_file(&draft);
    }
    written
}

/// Adds to a file that others add to as well; one that is not there is created.
pub fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "this is the writing room")]
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(bytes)
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

/// Gives a new file its mode, of which the user's mask takes nothing.
fn set(file: &File, mode: Option<u32>) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(mode) = mode {
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    }
    #[cfg(not(unix))]
    let _ = (file, mode);
    Ok(())
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
fn draft(path: &Path, mode: Option<u32>) -> io::Result<(PathBuf, File)> {
    const TRIES: u32 = 100;
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it names no file"))?;
    let mut last = None;
    #[cfg(not(unix))]
    let _ = mode;
    for nth in 0..TRIES {
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}-{nth}", std::process::id()));
        let draft = path.with_file_name(hidden);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        if let Some(mode) = mode {
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
        }
        #[expect(clippy::disallowed_methods, reason = "this is the writing room")]
        match options.open(&draft) {
            Ok(file) => return Ok((draft, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AlreadyExists.into()))
}

/// A file to which lines are added, each on the disk before the next thing is done. One process at a time has it.
pub struct Journal(File);

impl Journal {
    /// Opens or creates it, for its owner alone (0600; the folders that are missing 0700). A link is not followed.
    pub fn open(path: &Path) -> io::Result<Journal> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600).custom_flags(libc::O_NOFOLLOW);
        }
        private_folder(folder)?;
        #[expect(clippy::disallowed_methods, reason = "this is the writing room")]
        let mut file = options.open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        file.try_lock().map_err(|_| io::Error::new(io::ErrorKind::ResourceBusy, "another process writes to it"))?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
        }
        if file.metadata()?.len() > 0 {
            // The last line may lack its end, if whoever wrote it was killed.
            let mut last = [0];
            file.seek(io::SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
            }
        }
        file.sync_all()?;
        #[cfg(unix)]
        #[expect(clippy::disallowed_methods, reason = "the name of a new file is on the disk once its folder is")]
        File::open(folder)?.sync_all()?;
        Ok(Journal(file))
    }

    /// Adds a line.
    pub fn add(&mut self, line: &str) -> io::Result<()> {
        self.0.write_all(format!("{line}\n").as_bytes())?;
        self.0.sync_all()
    }

    /// All lines so far.
    pub fn read(&mut self) -> io::Result<String> {
        let mut bytes = Vec::new();
        self.0.rewind()?;
        self.0.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
