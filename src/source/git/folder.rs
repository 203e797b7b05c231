//! Finds git directories and says what shape their repositories have. In: a path. Out: the git directory, the one it shares
//! with its other worktrees, and what its configuration says that decides how it is read. No other configuration is read,
//! and what a scanned `.git` file points at is told apart from what knows it.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::config::{self, Variable};
use super::file;
use crate::blob;
use crate::source::tree::{native, plain};

/// The most bytes of a configuration file.
const MAX_CONFIG: u64 = 16 * 1024 * 1024;
/// The most bytes of `.git` files and their like, which hold one path.
const MAX_LINK: u64 = 64 * 1024;
/// How deep submodules and the slashes in their names may nest.
const MAX_DEPTH: usize = 32;

/// A git directory and what shape its repository has.
#[derive(Debug, Clone)]
pub struct GitFolder {
    /// The worktree's own git directory: `HEAD` and the index lie there. Absolute, without links.
    pub git: PathBuf,
    /// The git directory that all worktrees share: objects, references and configuration lie there. Absolute, without links.
    pub common: PathBuf,
    /// The working tree; none of a bare repository. A scanned configuration may name any folder.
    pub worktree: Option<PathBuf>,
    /// The folder in which its `.git` was found; none if the git directory itself was. Absolute, without links.
    pub holder: Option<PathBuf>,
    /// Whether the git directory belongs to the folder in which it was found, and was not merely named there: it lies in it
    /// or among the submodules of a repository above, or it names that folder as its worktree. What it shares with other
    /// worktrees is its own, or belongs to a repository that has it among its linked worktrees.
    pub links_back: bool,
    /// Whether this worktree has a configuration of its own, `config.worktree`.
    pub own_config: bool,
    /// What decides how it is read.
    pub shape: Shape,
    /// The names of the remotes in its configuration.
    pub remotes: Vec<Vec<u8>>,
}

/// What decides how a repository is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Bytes of an object id: 20, or 32 with `extensions.objectFormat = sha256`.
    pub id_length: usize,
    /// Whether references and their logs are kept in reftables.
    pub reftable: bool,
    /// Whether objects may be missing because a remote promises them.
    pub partial: bool,
    /// Whether history is cut off.
    pub shallow: bool,
    /// Repository versions and extensions that are not known, so that anything may be missed.
    pub unknown: Vec<String>,
}

/// A git directory that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", blob::display(path.as_os_str().as_encoded_bytes()))]
pub struct FolderError {
    /// The file or folder that is to blame.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

impl FolderError {
    fn new(path: &Path, reason: impl Into<String>) -> FolderError {
        FolderError { path: path.to_owned(), reason: reason.into() }
    }

    fn io(path: &Path, error: &io::Error) -> FolderError {
        FolderError::new(path, format!("cannot be read: {}", plain(error)))
    }
}

impl GitFolder {
    /// The nearest repository at or above an existing file or folder. Inside a git directory it is the one of that directory.
    pub fn above(path: &Path) -> Result<Option<GitFolder>, FolderError> {
        let real = fs::canonicalize(path).map_err(|error| FolderError::io(path, &error))?;
        let real = if real.is_dir() { real.as_path() } else { real.parent().unwrap_or(&real) };
        for folder in real.ancestors() {
            if let Some(found) = GitFolder::at(folder)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The repository of which this very folder is a worktree's root, or which has it for a git directory.
    pub fn at(folder: &Path) -> Result<Option<GitFolder>, FolderError> {
        let named = folder.join(".git");
        match fs::metadata(&named) {
            Ok(meta) if meta.is_dir() => {
                if is_git_folder(&named) {
                    return GitFolder::open(&named, Some(folder)).map(Some);
                }
                // git takes an empty `.git` for none. One that holds something is broken, and what it holds would be missed.
                if file::list(&named).is_ok_and(|entries| !entries.is_empty()) && !is_git_folder(folder) {
                    return Err(FolderError::new(&named, "no git directory: it lacks HEAD, objects or refs"));
                }
            }
            Ok(meta) if meta.is_file() => {
                let git = follow(&named)?;
                return GitFolder::open(&git, Some(folder)).map(Some);
            }
            Err(error) if !file::is_absent(&error) => return Err(FolderError::io(&named, &error)),
            _ => {}
        }
        if is_git_folder(folder) { GitFolder::open(folder, None).map(Some) } else { Ok(None) }
    }

    /// Opens a git directory that was found at the root of a worktree, or that was named itself.
    fn open(git: &Path, found: Option<&Path>) -> Result<GitFolder, FolderError> {
        let real = |path: &Path| fs::canonicalize(path).map_err(|error| FolderError::io(path, &error));
        let git = real(git)?;
        let common = real(&common_of(&git)?)?;
        let read = |path: PathBuf| {
            let text = file::read_if_there(&path, MAX_CONFIG).map_err(|error| FolderError::io(&path, &error))?;
            Ok(text.map(|text| config::variables(&text)).unwrap_or_default())
        };
        let mut variables = read(common.join("config"))?;
        let own_config = variables.iter().rfind(|v| v.is("extensions", "worktreeconfig")).is_some_and(Variable::holds);
        if own_config {
            variables.extend(read(git.join("config.worktree"))?);
        }
        let holder = found.map(real).transpose()?;
        let named = named_worktree(&git, &common, &variables);
        let is_known = git == common || git.parent() == Some(&common.join("worktrees"));
        let links_back = is_known
            && holder.as_ref().is_none_or(|holder| {
                git.starts_with(holder) || named.as_ref() == Some(holder) || is_submodule_above(&git, holder)
            });
        let bare = git == common && variables.iter().rfind(|v| v.is("core", "bare")).is_some_and(Variable::holds);
        let around = git.parent().filter(|_| git.file_name() == Some(OsStr::new(".git"))).map(Path::to_owned);
        let worktree = if bare { None } else { named.or_else(|| holder.clone()).or(around) };
        let shape = Shape::read(&common, &variables);
        let mut remotes: Vec<Vec<u8>> =
            variables.into_iter().filter(|v| v.section == "remote").filter_map(|v| v.sub).collect();
        remotes.sort();
        remotes.dedup();
        Ok(GitFolder { git, common, worktree, holder, links_back, own_config, shape, remotes })
    }

    /// Where its objects lie.
    pub fn objects(&self) -> PathBuf {
        self.common.join("objects")
    }

    /// The index of this worktree.
    pub fn index(&self) -> PathBuf {
        self.git.join("index")
    }

    /// The git directories of linked worktrees, sorted.
    pub fn linked(&self) -> Vec<PathBuf> {
        folders(&self.common.join("worktrees")).into_iter().filter(|git| is_there(&git.join("HEAD"))).collect()
    }

    /// The git directories of submodules, of this worktree, of all others and of the submodules themselves, sorted.
    pub fn modules(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let holders = [self.common.clone(), self.git.clone()].into_iter().chain(self.linked());
        for holder in holders {
            modules_below(&holder.join("modules"), 0, &mut found);
        }
        found.sort();
        found.dedup();
        found
    }
}

impl Shape {
    fn read(common: &Path, variables: &[Variable]) -> Shape {
        let mut shape = Shape { id_length: 20, reftable: false, partial: false, shallow: false, unknown: Vec::new() };
        for variable in variables {
            let value = variable.value.as_deref().unwrap_or_default().to_ascii_lowercase();
            if variable.is("core", "repositoryformatversion") && !matches!(value.as_slice(), b"0" | b"1") {
                shape.unknown.push(format!("repository version {}", blob::display_word(&value)));
            }
            shape.partial |= variable.section == "remote" && variable.key == "promisor" && variable.holds();
            if variable.section == "extensions" && variable.sub.is_none() {
                shape.extension(&variable.key, &value);
            }
        }
        // A table is read wherever there is one, so that no configuration hides it.
        shape.reftable |= common.join("reftable/tables.list").is_file();
        shape.shallow = fs::metadata(common.join("shallow")).is_ok_and(|meta| meta.is_file() && meta.len() > 0);
        shape
    }

    /// The extensions of git 2.55 (gitrepository-layout, repository-version).
    fn extension(&mut self, key: &str, value: &[u8]) {
        match (key, value) {
            ("objectformat", b"sha1") => self.id_length = 20,
            ("objectformat", b"sha256") => self.id_length = 32,
            ("refstorage", b"files") => self.reftable = false,
            ("refstorage", b"reftable") => self.reftable = true,
            ("partialclone", _) => self.partial = true,
            (
                "noop" | "noop-v1" | "preciousobjects" | "worktreeconfig" | "relativeworktrees" | "compatobjectformat",
                _,
            ) => {}
            ("objectformat" | "refstorage", _) => {
                self.unknown.push(format!("extensions.{key} = {}", blob::display_word(value)));
            }
            _ => self.unknown.push(format!("extensions.{}", blob::display_word(key.as_bytes()))),
        }
    }
}

/// Whether a folder is a git directory: a whole one, or that of a linked worktree.
pub(in crate::source) fn is_git_folder(path: &Path) -> bool {
    if !is_there(&path.join("HEAD")) {
        return false;
    }
    let whole = |path: &Path| path.join("objects").is_dir() && path.join("refs").is_dir();
    whole(path) || path.join("commondir").is_file() && common_of(path).is_ok_and(|common| whole(&common))
}

/// A regular file, or a link as old gits make of `HEAD`, whatever it points at.
fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file() || meta.is_symlink())
}

/// The git directory that a `.git` file names.
fn follow(named: &Path) -> Result<PathBuf, FolderError> {
    let text = file::read(named, MAX_LINK).map_err(|error| FolderError::io(named, &error))?;
    let target = text.strip_prefix(b"gitdir:").map(<[u8]>::trim_ascii).filter(|target| !target.is_empty());
    let Some(target) = target else {
        return Err(FolderError::new(named, "no .git file: it does not say `gitdir: FOLDER`"));
    };
    let git = named.parent().unwrap_or(named).join(native(target));
    if is_git_folder(&git) {
        return Ok(git);
    }
    let target = blob::display_word(target);
    Err(FolderError::new(named, format!("names `{target}`, which is no git directory")))
}

/// The git directory that a linked worktree's one names in `commondir`, or itself.
fn common_of(git: &Path) -> Result<PathBuf, FolderError> {
    let path = git.join("commondir");
    let text = file::read_if_there(&path, MAX_LINK).map_err(|error| FolderError::io(&path, &error))?;
    Ok(text.map_or_else(|| git.to_owned(), |text| git.join(native(text.trim_ascii_end()))))
}

/// The worktree that a git directory names: a linked one's in `gitdir`, another's in `core.worktree`.
fn named_worktree(git: &Path, common: &Path, variables: &[Variable]) -> Option<PathBuf> {
    let named = if git == common {
        let value = variables.iter().rfind(|v| v.is("core", "worktree"))?.value.as_deref()?;
        git.join(native(value))
    } else {
        let text = file::read(&git.join("gitdir"), MAX_LINK).ok()?;
        git.join(native(text.trim_ascii_end())).parent()?.to_owned()
    };
    Some(fs::canonicalize(&named).unwrap_or(named))
}

/// Whether a git directory lies among the submodules of a repository above a folder.
fn is_submodule_above(git: &Path, folder: &Path) -> bool {
    let above = folder.ancestors().skip(1).filter_map(|above| fs::canonicalize(above.join(".git/modules")).ok());
    above.into_iter().any(|modules| git.starts_with(modules))
}

/// The folders in a folder, sorted; links are none.
fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = file::list(path).unwrap_or_default();
    entries.into_iter().filter(|(_, kind)| kind.is_dir()).map(|(name, _)| path.join(name)).collect()
}

/// The git directories below a folder of submodules, whose names may hold slashes and begin with each other.
fn modules_below(path: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    const OWN: [&str; 8] = ["objects", "refs", "logs", "worktrees", "lfs", "hooks", "info", "reftable"];
    if depth > MAX_DEPTH {
        return;
    }
    let is_git = is_git_folder(path);
    if is_git {
        found.push(path.to_owned());
    }
    for folder in folders(path) {
        if !(is_git && OWN.iter().any(|own| folder.file_name() == Some(OsStr::new(own)))) {
            modules_below(&folder, depth + 1, found);
        }
    }
}
