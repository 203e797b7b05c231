//! Walks working trees in parallel. In: paths. Out: every regular file below them, opened, one thread at a time each;
//! and everything that was passed over, with its reason. Hidden and git-ignored files count; git directories do not.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use ignore::overrides::{Override, OverrideBuilder};
use ignore::{DirEntry, ParallelVisitor, ParallelVisitorBuilder, WalkBuilder, WalkState};

use super::git::folder::is_git_folder;
use crate::blob::{Ground, Kind, Origin};
use crate::finding::Skip;

/// Takes what a walk meets; one a thread.
pub trait Visit: Send {
    /// A regular file, opened, and what the system says of it.
    fn file(&mut self, origin: Origin, file: File, meta: &Metadata);
    /// Something that was not read.
    fn skip(&mut self, skip: Skip);
    /// A git directory, which is not walked, or a file that names one.
    fn repository(&mut self, path: &Path);
    /// Whether the walk is to end.
    fn stopped(&self) -> bool;
}

/// What to walk.
pub struct Tree {
    /// The paths, as the user named them.
    pub roots: Vec<PathBuf>,
    /// Globs of what is left out below the roots; as in a `.gitignore`.
    pub exclude: Vec<String>,
    /// Likewise by what configurations say, each of its own folder.
    pub left_out: Vec<(Ground, Vec<String>)>,
    /// Larger files are passed over; in bytes.
    pub max_file_size: Option<u64>,
}

/// A glob that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the glob `{glob}`: {source}")]
pub struct BadGlob {
    glob: String,
    source: ignore::Error,
}

impl Tree {
    /// Walks everything with so many threads; `visitor` makes one visitor for each.
    pub fn walk<V: Visit>(&self, threads: usize, visitor: impl Fn() -> V) -> Result<(), BadGlob> {
        let exclude = Arc::new(Exclude::new(self)?);
        let mut named = visitor();
        let mut folders: Option<WalkBuilder> = None;
        for root in self.distinct_roots(&exclude) {
            let meta = match fs::metadata(&root) {
                Ok(meta) => meta,
                Err(error) => {
                    named.skip(skip(&root, format!("cannot be read: {}", plain(&error)), true));
                    continue;
                }
            };
            if !meta.is_dir() {
                self.open(&root, true, &mut named);
                continue;
            }
            if looks_like_git(&root) {
                named.repository(&root);
                continue;
            }
            // A named link to a folder is followed; the slash makes the system do it.
            let root = if root.is_symlink() { root.join("") } else { root };
            match &mut folders {
                Some(walk) => {
                    walk.add(root);
                }
                None => folders = Some(WalkBuilder::new(root)),
            }
        }
        drop(named);
        if let Some(mut walk) = folders {
            walk.standard_filters(false).follow_links(false).threads(threads);
            walk.filter_entry(move |entry| {
                !exclude.matches(entry.path(), entry.file_type().is_some_and(|kind| kind.is_dir()))
            });
            walk.build_parallel().visit(&mut Builder { tree: self, visitor: &visitor });
        }
        Ok(())
    }

    /// The roots without those that another root covers, so that nothing is read twice.
    fn distinct_roots(&self, exclude: &Exclude) -> Vec<PathBuf> {
        let real: Vec<_> = self.roots.iter().map(|root| fs::canonicalize(root).ok()).collect();
        let covered = |nth: usize| {
            let Some(own) = &real[nth] else { return false };
            real.iter().enumerate().any(|(other, path)| {
                let Some(path) = path else { return false };
                if own == path {
                    return other < nth;
                }
                // What the walk of the other root leaves out is read only if it is named.
                let Ok(below) = own.strip_prefix(path) else { return false };
                let left_out = below.ancestors().any(|part| exclude.matches(&self.roots[other].join(part), true));
                !left_out
                    && !exclude.matches(&self.roots[other].join(below), false)
                    && !below.iter().any(|part| part == ".git")
            })
        };
        (0..self.roots.len()).filter(|&nth| !covered(nth)).map(|nth| self.roots[nth].clone()).collect()
    }

    /// Opens a file and hands it on. Nothing but a regular file is opened for reading, even if it became something else
    /// since it was listed.
    fn open(&self, path: &Path, named: bool, visitor: &mut impl Visit) {
        if named && let Err(reason) = regular(path, named) {
            visitor.skip(skip(path, reason, false));
            return;
        }
        visit_file(origin(path), path, named, self.max_file_size, visitor);
    }
}

/// Opens a file that a walk found or that was `named`, and hands it on under `origin`, or says why not.
pub fn visit_file(origin: Origin, path: &Path, named: bool, most: Option<u64>, visitor: &mut impl Visit) {
    let opened = open_file(path, named).and_then(|file| Ok((file.metadata()?, file)));
    let (reason, gap) = match opened {
        Ok((meta, _)) if !meta.is_file() => ("not a regular file".to_owned(), false),
        Ok((meta, _)) if most.is_some_and(|most| meta.len() > most) => {
            (format!("larger than --max-file-size ({} bytes)", meta.len()), true)
        }
        Ok((meta, file)) => return visitor.file(origin, file, &meta),
        Err(error) if error.kind() == io::ErrorKind::NotFound => ("gone since it was listed".to_owned(), named),
        Err(error) => (format!("cannot be read: {}", plain(&error)), true),
    };
    visitor.skip(Skip { origin, reason, gap });
}

/// What is left out: globs as in a `.gitignore` that stands in each root, and in the working directory.
pub struct Exclude {
    asked: Vec<(PathBuf, Override)>,
    configured: Vec<(Ground, Gitignore)>,
}

impl Exclude {
    /// Reads the globs of `tree`.
    pub fn new(tree: &Tree) -> Result<Exclude, BadGlob> {
        let bad = |glob: &str, source| BadGlob { glob: glob.to_owned(), source };
        let mut configured = Vec::new();
        for (ground, globs) in &tree.left_out {
            let mut builder = GitignoreBuilder::new("");
            for glob in globs {
                builder.add_line(None, glob).map_err(|source| bad(glob, source))?;
            }
            let globs = builder.build().map_err(|source| bad(&globs.join(" "), source))?;
            configured.push((ground.clone(), globs));
        }
        let mut asked = Vec::new();
        if tree.exclude.is_empty() {
            return Ok(Exclude { asked, configured });
        }
        for root in tree.roots.iter().chain([&PathBuf::new()]) {
            let mut builder = OverrideBuilder::new("");
            for glob in &tree.exclude {
                builder.add(&format!("!{glob}")).map_err(|source| bad(glob, source))?;
            }
            let matcher = builder.build().map_err(|source| bad(&tree.exclude.join(" "), source))?;
            asked.push((root.clone(), matcher));
        }
        Ok(Exclude { asked, configured })
    }

    /// Whether a path of a repository, from its root, is left out: itself or a folder that it lies in.
    pub fn matches_in_git(&self, repository: &[u8], path: &[u8]) -> bool {
        let path = native(path);
        let configured = self.configured.iter().any(|(ground, globs)| {
            let below = ground.below(&native(repository)).map(|below| below.join(&path));
            below.is_some_and(|below| globs.matched_path_or_any_parents(below, false).is_ignore())
        });
        if configured {
            return true;
        }
        let Some((_, globs)) = self.asked.last() else { return false };
        path.ancestors()
            .enumerate()
            .any(|(above, part)| !part.as_os_str().is_empty() && globs.matched(part, above > 0).is_ignore())
    }

    fn matches(&self, path: &Path, is_dir: bool) -> bool {
        let configured = self
            .configured
            .iter()
            .any(|(ground, globs)| ground.below(path).is_some_and(|below| globs.matched(below, is_dir).is_ignore()));
        configured
            || self.asked.iter().any(|(root, matcher)| {
                let path = path.strip_prefix(".").unwrap_or(path);
                let below = path.strip_prefix(root.strip_prefix(".").unwrap_or(root));
                below.is_ok_and(|below| {
                    let inside = !below.as_os_str().is_empty() && below.is_relative();
                    inside && matcher.matched(below, is_dir).is_ignore()
                })
            })
    }
}

/// Whether a glob of a configuration leaves a file out, itself or a folder that it lies in; without a ground it is the user's, and
/// counts from the working directory.
pub fn leaves_out(glob: &str, ground: Option<&Ground>, path: &Path) -> Result<bool, BadGlob> {
    let globs = vec![glob.to_owned()];
    let (exclude, left_out) = match ground {
        Some(ground) => (Vec::new(), vec![(ground.clone(), globs)]),
        None => (globs, Vec::new()),
    };
    let exclude = Exclude::new(&Tree { roots: Vec::new(), exclude, left_out, max_file_size: None })?;
    let named = |part: &&Path| !part.as_os_str().is_empty();
    Ok(path.ancestors().take_while(named).enumerate().any(|(above, part)| exclude.matches(part, above > 0)))
}

/// What is said of a git directory that nobody asked for.
pub fn passed_git_folder(path: &Path) -> Skip {
    skip(path, "a git directory, whose objects are not plain files (`--history` reads them)", false)
}

/// Whether a path may be opened: opening a FIFO would wait, opening a device may do anything.
fn regular(path: &Path, named: bool) -> Result<(), &'static str> {
    let meta = if named { fs::metadata(path) } else { fs::symlink_metadata(path) };
    let Ok(meta) = meta else { return Ok(()) };
    let kind = meta.file_type();
    if kind.is_file() {
        return Ok(());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return Err("a FIFO (use `-` to read standard input)");
        }
        if kind.is_socket() {
            return Err("a socket");
        }
        if kind.is_block_device() || kind.is_char_device() {
            return Err("a device");
        }
    }
    Err(if kind.is_symlink() { "a link, which is not followed" } else { "not a regular file" })
}

#[cfg(unix)]
fn open_file(path: &Path, named: bool) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY | if named { 0 } else { libc::O_NOFOLLOW };
    #[expect(clippy::disallowed_methods, reason = "source is the door to what is scanned")]
    let open = |flags| fs::OpenOptions::new().read(true).custom_flags(flags).open(path);
    // Looking leaves no trace where the system lets us: only its owner may leave the time of the last reading as it was.
    #[cfg(target_os = "linux")]
    match open(flags | libc::O_NOATIME) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        opened => return opened,
    }
    open(flags)
}

#[cfg(not(unix))]
fn open_file(path: &Path, _named: bool) -> io::Result<File> {
    #[expect(clippy::disallowed_methods, reason = "source is the door to what is scanned")]
    File::open(path)
}

/// Whether a folder is a git directory, or is called as one.
fn looks_like_git(path: &Path) -> bool {
    path.file_name() == Some(OsStr::new(".git")) || is_git_folder(path)
}

/// The permissions of a file, where the system has them.
pub fn mode(meta: &Metadata) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        Some(meta.permissions().mode())
    }
    #[cfg(not(unix))]
    {
        let _ = meta;
        None
    }
}

/// The origin of a file: the path as it was reached, without the `./` that says nothing.
pub fn origin(path: &Path) -> Origin {
    let bytes = path.as_os_str().as_encoded_bytes();
    let mut bytes: &[u8] = bytes;
    while let Some(rest) = bytes.strip_prefix(b"./") {
        bytes = rest;
    }
    let mut path = bytes.to_vec();
    if cfg!(windows) {
        path.iter_mut().filter(|b| **b == b'\\').for_each(|b| *b = b'/');
    }
    Origin::new(Kind::File, path)
}

/// The path of an origin, as the system wants it.
pub fn path(origin: &Origin) -> PathBuf {
    native(&origin.path)
}

/// The path that bytes are, as git and origins have them.
pub fn native(path: &[u8]) -> PathBuf {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        PathBuf::from(OsStr::from_bytes(path))
    }
    #[cfg(not(unix))]
    PathBuf::from(String::from_utf8_lossy(path).into_owned())
}

/// Opens a file that was found and not named; a link is refused.
pub(super) fn open_found(path: &Path) -> io::Result<File> {
    regular(path, false).map_err(|reason| io::Error::new(io::ErrorKind::InvalidInput, reason))?;
    open_file(path, false)
}

/// Opens a file that the user named.
pub fn open_named(path: &Path) -> io::Result<File> {
    regular(path, true).map_err(|reason| io::Error::new(io::ErrorKind::InvalidInput, reason))?;
    open_file(path, true)
}

/// Something at a path that was not read.
pub fn skip(path: &Path, reason: impl Into<String>, gap: bool) -> Skip {
    Skip { origin: origin(path), reason: reason.into(), gap }
}

/// An I/O error without the number that says nothing to a reader.
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

struct Builder<'t, F> {
    tree: &'t Tree,
    visitor: &'t F,
}

impl<'t, V: Visit + 't, F: Fn() -> V> ParallelVisitorBuilder<'t> for Builder<'t, F> {
    fn build(&mut self) -> Box<dyn ParallelVisitor + 't> {
        Box::new(Walker { tree: self.tree, visitor: (self.visitor)() })
    }
}

struct Walker<'t, V> {
    tree: &'t Tree,
    visitor: V,
}

impl<V: Visit> Walker<'_, V> {
    fn failed(&mut self, error: &ignore::Error) {
        let path = path_of(error).unwrap_or_else(|| Path::new("?"));
        let reason = match error.io_error() {
            Some(error) if error.kind() == io::ErrorKind::NotFound => {
                self.visitor.skip(skip(path, "gone since it was listed", false));
                return;
            }
            Some(error) => format!("cannot be read: {}", plain(error)),
            None => format!("cannot be read: {error}"),
        };
        self.visitor.skip(skip(path, reason, true));
    }
}

/// The path that an error of the walk is about.
fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_of(err),
        _ => None,
    }
}

impl<V: Visit> ParallelVisitor for Walker<'_, V> {
    fn visit(&mut self, entry: Result<DirEntry, ignore::Error>) -> WalkState {
        if self.visitor.stopped() {
            return WalkState::Quit;
        }
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                self.failed(&error);
                return WalkState::Continue;
            }
        };
        let Some(kind) = entry.file_type() else { return WalkState::Continue };
        if kind.is_dir() {
            if entry.depth() > 0 && looks_like_git(entry.path()) {
                self.visitor.repository(entry.path());
                return WalkState::Skip;
            }
        } else if kind.is_file() {
            if entry.file_name() == ".git" {
                self.visitor.repository(entry.path());
            }
            self.tree.open(entry.path(), false, &mut self.visitor);
        } else if let Err(reason) = regular(entry.path(), false) {
            self.visitor.skip(skip(entry.path(), reason, false));
        }
        WalkState::Continue
    }
}
