//! Finds and reads the files that say how to scan, on the disk or in a commit. In: folders. Out: small texts. A link that was
//! not named is not followed, and what is too large is not read.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::git::snapshot::Instead;
use super::tree::{native, open_found, open_named};
use crate::blob::Ground;

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

/// Where such files are read from: the disk, or for one working tree the commit that stands in its place.
#[derive(Default)]
pub struct Files(Option<Instead>);

impl Files {
    /// Reads from a commit what lies in its working tree.
    pub fn instead(instead: Instead) -> Files {
        Files(Some(instead))
    }

    /// How a path lies in the working tree in whose place a commit stands, by its name or by where links lead.
    fn below(&self, path: &Path) -> Option<(&Instead, PathBuf)> {
        let instead = self.0.as_ref()?;
        let cwd = std::env::current_dir().ok()?;
        let mut by_name = Ground::new(cwd, instead.top.clone());
        by_name.reached(&instead.top, PathBuf::new());
        if let Some(below) = by_name.below(path) {
            return Some((instead, below));
        }
        let folder = || Some(fs::canonicalize(path.parent()?).ok()?.join(path.file_name()?));
        let real = fs::canonicalize(path).ok().or_else(folder)?;
        Some((instead, real.strip_prefix(&instead.top).ok()?.to_path_buf()))
    }

    /// The configuration files of a folder, each with its text.
    pub fn of_folder(&self, folder: &Path) -> Vec<(PathBuf, io::Result<String>)> {
        let paths = NAMES.iter().map(|name| folder.join(name));
        if self.below(folder).is_some() {
            let read = |path: PathBuf| Some((path.clone(), self.named(&path).transpose()?));
            return paths.filter_map(read).collect();
        }
        let files = paths.filter(|path| fs::symlink_metadata(path).is_ok());
        files.map(|path| (path.clone(), open_found(&path).and_then(text))).collect()
    }

    /// The text of a file that was named; none if the commit lacks it.
    pub fn named(&self, path: &Path) -> io::Result<Option<String>> {
        match self.below(path) {
            Some((Instead { snapshot: Some(snapshot), .. }, below)) => snapshot.file(&below)?.map(utf8).transpose(),
            Some(_) => Ok(None),
            None => named(path).map(Some),
        }
    }

    /// The text of a file that a configuration names below `folder`: no link leads out of it.
    pub fn inside(&self, folder: &Path, path: &Path) -> io::Result<String> {
        if self.below(path).is_some() {
            return self.named(path)?.ok_or_else(|| io::ErrorKind::NotFound.into());
        }
        inside(folder, path)?;
        open_found(path).and_then(text)
    }

    /// The Markdown pages of a folder, by their names without `.md`; `README.md` is none. None if the commit lacks it.
    pub fn pages(&self, folder: &Path, within: Option<&Path>) -> io::Result<Option<Vec<(String, PathBuf, String)>>> {
        let below = self.below(folder);
        let names: Vec<PathBuf> = match &below {
            Some((Instead { snapshot: Some(snapshot), .. }, below)) => match snapshot.files(below)? {
                Some(names) => names.iter().map(|name| native(name)).collect(),
                None => return Ok(None),
            },
            Some(_) => return Ok(None),
            None => {
                within.map_or(Ok(()), |within| inside(within, folder))?;
                fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().into())).collect::<io::Result<_>>()?
            }
        };
        let mut pages = Vec::new();
        for name in names {
            let path = folder.join(&name);
            let id = name.to_str().and_then(|name| name.strip_suffix(".md")).filter(|name| *name != "README");
            let Some(id) = id.map(str::to_owned) else { continue };
            if pages.len() == PAGES {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it holds more than {PAGES} pages")));
            }
            let read = if below.is_some() { self.inside(folder, &path) } else { open_found(&path).and_then(text) };
            let read = read.map_err(|error| io::Error::new(error.kind(), format!("{id}.md: {error}")))?;
            pages.push((id, path, read));
        }
        pages.sort();
        Ok(Some(pages))
    }
}

/// The text of a file that was named.
pub fn named(path: &Path) -> io::Result<String> {
    open_named(path).and_then(text)
}

/// Whether a file that a configuration names below `folder` may be written: no link leads out of it, and it is none of git's own.
pub fn may_be_written(folder: &Path, path: &Path) -> io::Result<()> {
    if path.components().any(|part| part.as_os_str().eq_ignore_ascii_case(".git")) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it lies in a git directory"));
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    inside(folder, parent)
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
    utf8(bytes)
}

fn utf8(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8"))
}
