//! Finds and reads the files that say how to scan. In: folders. Out: small texts. A link that was not named is not followed,
//! and what is too large is not read.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::tree::{open_found, open_named};

/// The names of configuration files; in the last a table of it is one.
pub const NAMES: [&str; 3] = ["wandward.toml", ".wandward.toml", "pyproject.toml"];

/// The most bytes of a configuration, a baseline or a page.
const MOST: u64 = 64 << 20;
/// The most pages of one folder.
const PAGES: usize = 1000;

/// The folder whose configuration speaks for a path: the root of the git repository that holds it, or without one the path
/// itself, if it is a folder, or the folder that it lies in. And how the path lies below that folder.
pub fn home(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let real = fs::canonicalize(path).ok()?;
    let start = if real.is_dir() { real.clone() } else { real.parent()?.to_path_buf() };
    let top = start.ancestors().find(|folder| fs::symlink_metadata(folder.join(".git")).is_ok());
    let top = top.unwrap_or(&start).to_path_buf();
    let below = real.strip_prefix(&top).ok()?.to_path_buf();
    Some((top, below))
}

/// The configuration files of a folder, each with its text.
pub fn of_folder(folder: &Path) -> Vec<(PathBuf, io::Result<String>)> {
    let files = NAMES.iter().map(|name| folder.join(name)).filter(|path| fs::symlink_metadata(path).is_ok());
    files.map(|path| (path.clone(), open_found(&path).and_then(text))).collect()
}

/// The text of a file that was named.
pub fn named(path: &Path) -> io::Result<String> {
    open_named(path).and_then(text)
}

/// The text of a file that a configuration names below `folder`: no link leads out of it.
pub fn below(folder: &Path, path: &Path) -> io::Result<String> {
    inside(folder, path)?;
    open_found(path).and_then(text)
}

/// Whether a file that a configuration names below `folder` may be written: no link leads out of it, and it is none of git's own.
pub fn may_be_written(folder: &Path, path: &Path) -> io::Result<()> {
    if path.components().any(|part| part.as_os_str().eq_ignore_ascii_case(".git")) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it lies in a git directory"));
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    inside(folder, parent)
}

/// The Markdown pages of a folder, by their names without `.md`; `README.md` is none.
pub fn pages(folder: &Path, within: Option<&Path>) -> io::Result<Vec<(String, PathBuf, String)>> {
    if let Some(within) = within {
        inside(within, folder)?;
    }
    let mut pages = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".md"));
        let Some(id) = name.filter(|name| *name != "README").map(str::to_owned) else { continue };
        if pages.len() == PAGES {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it holds more than {PAGES} pages")));
        }
        let read = open_found(&path).and_then(text);
        let read = read.map_err(|error| io::Error::new(error.kind(), format!("{id}.md: {error}")))?;
        pages.push((id, path, read));
    }
    pages.sort();
    Ok(pages)
}

fn inside(folder: &Path, path: &Path) -> io::Result<()> {
    match fs::canonicalize(path)?.starts_with(fs::canonicalize(folder)?) {
        true => Ok(()),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "a link leads out of the repository")),
    }
}

fn text(file: fs::File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == MOST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("larger than {} MiB", MOST >> 20)));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8"))
}
