//! The files of a git directory that git does not read as references, logs, objects or indexes: configuration, hooks,
//! messages in the making, what extensions such as LFS keep. In: a git directory. Out: their paths.

use std::path::PathBuf;

use super::file;
use super::folder::GitFolder;
use super::refs::Gap;
use crate::source::tree::plain;

/// What is read in other ways at the top of a git directory, and of that of a linked worktree.
const OTHERWISE: [&str; 7] = ["HEAD", "index", "logs", "objects", "packed-refs", "refs", "reftable"];

impl GitFolder {
    /// The regular files of the git directory that all worktrees share, sorted, but for what is read as something else: the
    /// objects, the references and their logs, the indexes, the git directories of submodules. Links are not followed.
    pub fn plain_files(&self) -> (Vec<PathBuf>, Vec<Gap>) {
        let tops: Vec<PathBuf> = self.linked().into_iter().chain([self.common.clone()]).collect();
        let modules = self.modules();
        let mut found = Vec::new();
        let mut gaps = Vec::new();
        let mut folders = vec![self.common.clone()];
        while let Some(folder) = folders.pop() {
            let top = tops.contains(&folder);
            let entries = file::list(&folder).unwrap_or_else(|error| {
                gaps.push((folder.clone(), format!("cannot be read: {}", plain(&error))));
                Vec::new()
            });
            for (name, kind) in entries {
                let path = folder.join(&name);
                let otherwise = name.to_str().is_some_and(|n| OTHERWISE.contains(&n) || n.starts_with("sharedindex."));
                if top && otherwise || modules.contains(&path) {
                    continue;
                }
                if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_file() {
                    found.push(path);
                } else if top && kind.is_symlink() && (name == "worktrees" || name == "modules") {
                    gaps.push((path, "a link, which is not followed".to_owned()));
                }
            }
        }
        found.sort();
        (found, gaps)
    }
}
