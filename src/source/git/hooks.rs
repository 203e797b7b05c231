//! Finds the folder in which git looks for the hooks of a repository, and says who names it. In: a repository, and the
//! configuration files of the user and the system. Out: a folder, and whether other repositories may use it too. No hook is run.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::config::{self, Variable};
use super::file;
use super::folder::GitFolder;
use crate::blob;
use crate::source::tree::{self, native};

/// The most bytes of a configuration file.
const MAX_CONFIG: u64 = 16 * 1024 * 1024;
/// The most bytes of a hook that is looked at; a program may be larger, and is none that anybody's script writes.
const MAX_HOOK: u64 = 256 * 1024;
/// How deep files may include each other; git allows as many.
const MAX_DEPTH: usize = 10;

/// Where git looks for hooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hooks {
    /// The folder, which need not be there.
    pub folder: PathBuf,
    /// The file that names it in `core.hooksPath`; none if nothing does.
    pub by: Option<PathBuf>,
    /// Whether it belongs to this repository alone: the repository itself names it, or nobody, and it lies in the repository.
    pub own: bool,
    /// Files that name another one, and that a configuration includes on a condition.
    pub perhaps: Vec<PathBuf>,
}

/// Whose configuration is read beside that of the repository.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// The files of the system and of the user, in the order in which git reads them.
    pub files: Vec<PathBuf>,
    /// The user's home, which `~` stands for.
    pub home: Option<PathBuf>,
}

/// A folder of hooks that cannot be told.
#[derive(Debug, thiserror::Error)]
#[error("{}: core.hooksPath is `{}`, which only git can resolve", blob::display(by.as_os_str().as_encoded_bytes()), blob::display_word(value))]
pub struct Unresolved {
    by: PathBuf,
    value: Vec<u8>,
}

/// What lies at the path of a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lies {
    /// Nothing.
    Nothing,
    /// A regular file, and whether it may be executed.
    File(Vec<u8>, bool),
    /// A link, a large file, or one that cannot be read.
    Other,
    /// A folder.
    Folder,
}

/// Looks at the path of a hook; a link is not followed.
pub fn lies(path: &Path) -> Lies {
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(error) if file::is_absent(&error) => return Lies::Nothing,
        Err(_) => return Lies::Other,
    };
    match file::read(path, MAX_HOOK) {
        _ if meta.is_dir() => Lies::Folder,
        Ok(text) => Lies::File(text, is_program(path)),
        Err(_) => Lies::Other,
    }
}

/// Whether a path is a file that may be executed, if only by somebody.
pub fn is_program(path: &Path) -> bool {
    let Ok(meta) = fs::metadata(path) else { return false };
    #[cfg(unix)]
    let may = std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let may = true;
    meta.is_file() && may
}

impl Hooks {
    /// Finds the folder of hooks as git does, but for conditions of includes, which only git weighs.
    pub fn of(git: &GitFolder, around: &Around) -> Result<Hooks, Unresolved> {
        let mut said = Said { around, last: None, perhaps: Vec::new() };
        for file in &around.files {
            said.read(file, 0, false);
        }
        let shared = said.last.clone();
        said.read(&git.common.join("config"), 0, false);
        if git.own_config {
            said.read(&git.git.join("config.worktree"), 0, false);
        }
        let Said { last, perhaps, .. } = said;
        let (folder, by) = match &last {
            None => (git.common.join("hooks"), None),
            Some((by, value)) => {
                let path = expanded(value, around.home.as_deref());
                let path = path.ok_or_else(|| Unresolved { by: by.clone(), value: value.clone() })?;
                (git.worktree.as_ref().unwrap_or(&git.git).join(path), Some(by.clone()))
            }
        };
        let own = (last.is_none() || last != shared) && git.links_back && lies_in(git, &folder);
        Ok(Hooks { folder, by, own, perhaps })
    }
}

/// Whether a folder, or where its links lead, lies in a repository or its working tree.
fn lies_in(git: &GitFolder, folder: &Path) -> bool {
    let real = real(folder);
    let tops = [Some(&git.common), Some(&git.git), git.worktree.as_ref()];
    tops.into_iter().flatten().any(|top| real.starts_with(top))
}

/// A path without links, of which the last parts need not be there.
pub fn real(path: &Path) -> PathBuf {
    let there = path.ancestors().find_map(|above| Some((above, fs::canonicalize(above).ok()?)));
    let real = there.and_then(|(above, real)| Some(real.join(path.strip_prefix(above).ok()?)));
    real.unwrap_or_else(|| path.to_owned())
}

/// What files say of `core.hooksPath`.
struct Said<'a> {
    around: &'a Around,
    /// The file that had the last word, and what it said.
    last: Option<(PathBuf, Vec<u8>)>,
    /// What is said since then in files that are included on a condition.
    perhaps: Vec<PathBuf>,
}

impl Said<'_> {
    /// Reads a file and those that it includes. What git would refuse says nothing.
    fn read(&mut self, path: &Path, depth: usize, on_condition: bool) {
        let mut text = Vec::new();
        let read = tree::open_named(path).and_then(|file| file.take(MAX_CONFIG).read_to_end(&mut text));
        if read.is_err() || depth > MAX_DEPTH {
            return;
        }
        for variable in config::variables(&text) {
            let Variable { section, sub, key, value: Some(value) } = &variable else { continue };
            if variable.is("core", "hookspath") {
                if on_condition {
                    self.perhaps.push(path.to_owned());
                } else {
                    self.last = Some((path.to_owned(), value.clone()));
                    self.perhaps.clear();
                }
            }
            let includes = key == "path" && (section == "include" && sub.is_none() || section == "includeif");
            let Some(target) = Some(value).filter(|_| includes) else { continue };
            let Some(target) = expanded(target, self.around.home.as_deref()) else { continue };
            let target = path.parent().unwrap_or(path).join(target);
            self.read(&target, depth + 1, on_condition || section == "includeif");
        }
    }
}

/// A path as configuration has it (git-config, "pathname"); `None` for what depends on another user or on how git was built.
fn expanded(value: &[u8], home: Option<&Path>) -> Option<PathBuf> {
    match value {
        // git puts a slash and the name of the hook behind it.
        b"" => Some(PathBuf::from("/")),
        b"~" => home.map(Path::to_owned),
        [b'~', b'/', below @ ..] => home.map(|home| home.join(native(below))),
        [b'~', ..] => None,
        value if value.starts_with(b"%(prefix)/") => None,
        value => Some(native(value)),
    }
}
