//! Reads every reference of a repository, of all its worktrees, from files and from reftables. In: a git folder. Out: names,
//! what they point at, and what could not be read. git's own placeholders are no references, and
//! no link is followed but between the folders that repositories share.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use super::file;
use super::folder::GitFolder;
pub use super::reflog::{ReflogLine, reflogs};
use super::reftable;
use crate::blob;
use crate::object::ObjectId;
use crate::source::tree::{native, plain};

/// The most bytes of a loose reference: an id, or the name of another.
const MAX_LOOSE: u64 = 64 * 1024;
/// The most bytes of `packed-refs`, of one table, and of one log.
pub(super) const MAX_FILE: u64 = 256 * 1024 * 1024;
/// How deep the folders of references may nest.
pub(super) const MAX_DEPTH: usize = 128;
/// How often a symbolic reference may name another one.
const MAX_STEPS: usize = 5;

/// A reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Its full name. What belongs to one worktree alone is called as git calls it from another one:
    /// `worktrees/NAME/HEAD`, `main-worktree/HEAD`; that of the worktree at hand is `HEAD`.
    pub name: Vec<u8>,
    /// The object it points at, through other references too; none of an unborn branch.
    pub target: Option<ObjectId>,
    /// The reference it names, if it is a symbolic one.
    pub symbolic: Option<Vec<u8>>,
}

impl Reference {
    /// Whether what it points at is held by it, as git's garbage collection sees it: `ORIG_HEAD` and its like hold nothing.
    pub fn holds(&self) -> bool {
        self.name.starts_with(b"refs/")
            || self.name == b"HEAD"
            || self.name.windows(6).any(|part| part == b"/refs/")
            || self.name.ends_with(b"/HEAD")
    }
}

/// Something that could not be read, and why.
pub type Gap = (PathBuf, String);

/// Every reference, sorted by name, each once: a loose one hides a packed one, as git has it.
pub fn references(folder: &GitFolder) -> (Vec<Reference>, Vec<Gap>) {
    let mut found = Found::default();
    found.packed(&folder.common.join("packed-refs"), folder.shape.id_length);
    for store in stores(folder) {
        found.table(&store, folder);
        found.pseudo(&store, folder);
        if store.own {
            // A link in the place of the folder that these lie in would lead away.
            if let Err(error) = file::list(&store.folder.join("refs")) {
                found.gaps.push((store.folder.join("refs"), format!("cannot be listed: {}", plain(&error))));
                continue;
            }
            for part in ["refs/bisect", "refs/worktree", "refs/rewritten"] {
                found.loose(&store, part, folder, 0);
            }
        } else {
            found.loose(&store, "refs", folder, 0);
        }
    }
    found.finish()
}

/// What `HEAD` of the worktree at hand comes to, if that is a branch of its own file or of `packed-refs`, or a commit. Anything
/// else only [`references`] tells, which reads all of them.
pub fn head(folder: &GitFolder) -> Option<ObjectId> {
    let id_length = folder.shape.id_length;
    let read = |path: &Path, most| file::read_if_there(path, most).ok();
    let branch = match says(&read(&folder.git.join("HEAD"), MAX_LOOSE)??, id_length)? {
        Says::Id(id) => return Some(id),
        Says::Name(name) => name,
    };
    let plain = |part: &[u8]| !part.is_empty() && !part.starts_with(b".") && !part.contains(&0);
    let is_branch = branch.starts_with(b"refs/heads/") && branch.split(|&b| b == b'/').all(plain);
    if !is_branch || folder.shape.reftable {
        return None;
    }
    if let Some(text) = read(&folder.common.join(native(&branch)), MAX_LOOSE)? {
        return match says(&text, id_length)? {
            Says::Id(id) if !id.is_zero() => Some(id),
            _ => None,
        };
    }
    let packed = read(&folder.common.join("packed-refs"), MAX_FILE)??;
    let named = [b" ", &branch[..], b"\n"].concat();
    let lines = memchr::memmem::find_iter(&packed, &named);
    let ids = lines.filter_map(|end| {
        let start = end.checked_sub(id_length * 2)?;
        let is_line = start == 0 || packed[start - 1] == b'\n';
        ObjectId::from_hex(&packed[start..end]).filter(|_| is_line)
    });
    ids.last()
}

/// The commits that a merge in progress will have for parents besides `HEAD`.
pub fn merge_heads(folder: &GitFolder) -> Vec<ObjectId> {
    let text = file::read(&folder.git.join("MERGE_HEAD"), MAX_LOOSE).unwrap_or_default();
    text.split(|&b| b == b'\n').filter_map(ObjectId::from_hex).collect()
}

/// A folder in which references are kept.
pub(super) struct Store {
    pub(super) folder: PathBuf,
    /// What stands before the names of those that belong to one worktree.
    prefix: Vec<u8>,
    /// Whether it holds nothing but those of one worktree.
    own: bool,
}

impl Store {
    /// The name that a reference of this store has for the worktree at hand.
    pub(super) fn name(&self, name: &[u8]) -> Vec<u8> {
        const OWN: [&[u8]; 3] = [b"refs/bisect/", b"refs/worktree/", b"refs/rewritten/"];
        let own = !name.starts_with(b"refs/") || OWN.iter().any(|own| name.starts_with(own));
        if own { [&self.prefix, name].concat() } else { name.to_vec() }
    }
}

/// Where the references of a repository are kept: what its worktrees share first.
pub(super) fn stores(folder: &GitFolder) -> Vec<Store> {
    let main = folder.git == folder.common;
    let prefix = if main { Vec::new() } else { b"main-worktree/".to_vec() };
    let mut stores = vec![Store { folder: folder.common.clone(), prefix, own: false }];
    let mut linked = folder.linked();
    if !main && !linked.contains(&folder.git) {
        linked.push(folder.git.clone());
    }
    for git in linked {
        let name = git.file_name().map(|name| file::bytes_of(Path::new(name))).unwrap_or_default();
        let prefix = if git == folder.git { Vec::new() } else { [b"worktrees/", &name[..], b"/"].concat() };
        stores.push(Store { folder: git, prefix, own: true });
    }
    stores
}

/// The tables of a store, from the oldest to the newest.
pub(super) fn tables(store: &Store, folder: &GitFolder, gaps: &mut Vec<Gap>) -> Vec<(PathBuf, reftable::Table)> {
    let base = store.folder.join("reftable");
    let list = base.join("tables.list");
    if let Err(error) = file::list(&base) {
        gaps.push((base, format!("cannot be listed: {}", plain(&error))));
        return Vec::new();
    }
    let names = match file::read_if_there(&list, MAX_LOOSE * 16) {
        Ok(names) => names.unwrap_or_default(),
        Err(error) => {
            gaps.push((list, format!("cannot be read: {}", plain(&error))));
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    let mut room = reftable::Room::default();
    let mut known = HashSet::new();
    for name in names.split(|&b| b == b'\n').filter(|name| !name.is_empty()) {
        if !known.insert(name) {
            continue;
        }
        let path = base.join(native(name));
        if name.contains(&b'/') {
            gaps.push((list.clone(), "names a table elsewhere".to_owned()));
            continue;
        }
        match file::read(&path, MAX_FILE) {
            Ok(bytes) => {
                let table = reftable::read(&bytes, folder.shape.id_length, &mut room);
                gaps.extend(table.broken.as_ref().map(|reason| (path.clone(), reason.clone())));
                found.push((path, table));
            }
            // The name is text of the list, which may be anything.
            Err(error) => {
                let name = blob::display_word(name);
                gaps.push((list.clone(), format!("names `{name}`, which cannot be read: {}", plain(&error))));
            }
        }
    }
    found
}

/// What was found so far.
#[derive(Default)]
struct Found {
    by_name: BTreeMap<Vec<u8>, Reference>,
    gaps: Vec<Gap>,
}

/// What a loose reference says.
enum Says {
    Id(ObjectId),
    Name(Vec<u8>),
}

fn says(text: &[u8], id_length: usize) -> Option<Says> {
    if let Some(name) = text.strip_prefix(b"ref:") {
        return Some(Says::Name(name.trim_ascii().to_vec()));
    }
    // FETCH_HEAD and MERGE_HEAD say more behind the first id.
    let id = ObjectId::from_hex(text.get(..id_length * 2)?)?;
    text.get(id_length * 2).is_none_or(u8::is_ascii_whitespace).then_some(Says::Id(id))
}

impl Found {
    fn put(&mut self, name: Vec<u8>, says: Says) {
        let (target, symbolic) = match says {
            Says::Id(id) => (Some(id).filter(|id| !id.is_zero()), None),
            Says::Name(name) => (None, Some(name)),
        };
        self.by_name.insert(name.clone(), Reference { name, target, symbolic });
    }

    /// `packed-refs` (git-pack-refs): a line each, and behind that of a tag what it peels to.
    fn packed(&mut self, path: &Path, id_length: usize) {
        let text = match file::read_if_there(path, MAX_FILE) {
            Ok(text) => text.unwrap_or_default(),
            Err(error) => return self.gaps.push((path.to_owned(), format!("cannot be read: {}", plain(&error)))),
        };
        let mut broken = false;
        for (line, number) in text.split(|&b| b == b'\n').zip(1..) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() || line.starts_with(b"#") || line.starts_with(b"^") {
                continue;
            }
            let id = line.get(..id_length * 2).and_then(ObjectId::from_hex);
            let name = line.get(id_length * 2 + 1..).filter(|name| !name.is_empty());
            let (Some(id), Some(name)) = (id, name) else {
                // One is enough: every line of a file that is something else would be one.
                if !std::mem::replace(&mut broken, true) {
                    self.gaps.push((path.to_owned(), format!("line {number} is no reference")));
                }
                continue;
            };
            self.put(name.to_vec(), Says::Id(id));
        }
    }

    fn table(&mut self, store: &Store, folder: &GitFolder) {
        for (_, table) in tables(store, folder, &mut self.gaps) {
            for record in table.refs {
                let name = store.name(&record.name);
                match record.value {
                    reftable::Value::Deleted => {
                        self.by_name.remove(&name);
                    }
                    reftable::Value::Id(id) => self.put(name, Says::Id(id)),
                    reftable::Value::Name(target) => self.put(name, Says::Name(target)),
                }
            }
        }
    }

    /// `HEAD` and the other names in capitals at the top of a git directory.
    fn pseudo(&mut self, store: &Store, folder: &GitFolder) {
        let entries = match file::list(&store.folder) {
            Ok(entries) => entries,
            Err(error) => {
                return self.gaps.push((store.folder.clone(), format!("cannot be listed: {}", plain(&error))));
            }
        };
        for (name, _) in entries {
            let bytes = file::bytes_of(Path::new(&name));
            let capitals = bytes.iter().all(|b| b.is_ascii_uppercase() || matches!(b, b'_' | b'-'));
            if capitals && (bytes.ends_with(b"HEAD") || bytes == b"AUTO_MERGE") {
                self.loose_file(store, &store.folder.join(&name), &bytes, folder);
            }
        }
    }

    /// The loose references of a folder and those below it; `part` is where it lies in the store.
    fn loose(&mut self, store: &Store, part: &str, folder: &GitFolder, depth: usize) {
        self.loose_folder(store, &store.folder.join(part), part.as_bytes(), folder, depth);
    }

    fn loose_folder(&mut self, store: &Store, path: &Path, name: &[u8], folder: &GitFolder, depth: usize) {
        let entries = match file::list(path) {
            Ok(_) if depth > MAX_DEPTH => return self.gaps.push((path.to_owned(), "nests too deep".to_owned())),
            Ok(entries) => entries,
            Err(error) => return self.gaps.push((path.to_owned(), format!("cannot be listed: {}", plain(&error)))),
        };
        for (entry, kind) in entries {
            let below = path.join(&entry);
            let name = [name, b"/", &file::bytes_of(Path::new(&entry))].concat();
            if kind.is_dir() {
                self.loose_folder(store, &below, &name, folder, depth + 1);
            } else if !name.ends_with(b".lock") {
                self.loose_file(store, &below, &name, folder);
            }
        }
    }

    fn loose_file(&mut self, store: &Store, path: &Path, name: &[u8], folder: &GitFolder) {
        // An old git makes a link of a symbolic reference, and such a one may point at nothing yet.
        if let Ok(target) = std::fs::read_link(path)
            && let target = file::bytes_of(&target)
            && target.starts_with(b"refs/")
        {
            return self.put(store.name(name), Says::Name(target));
        }
        let text = match file::read_if_there(path, if name == b"FETCH_HEAD" { MAX_FILE } else { MAX_LOOSE }) {
            Ok(text) => text.unwrap_or_default(),
            Err(error) => return self.gaps.push((path.to_owned(), format!("cannot be read: {}", plain(&error)))),
        };
        match says(&text, folder.shape.id_length) {
            // What stands in for references that are kept in a table.
            Some(Says::Name(target)) if target == b"refs/heads/.invalid" => {}
            None if folder.shape.reftable && name == b"refs/heads" => {}
            // `git fetch` empties it first.
            None if text.is_empty() && name == b"FETCH_HEAD" => {}
            Some(says) => self.put(store.name(name), says),
            None => self.gaps.push((path.to_owned(), "is no reference".to_owned())),
        }
    }

    /// Follows the symbolic references and sorts.
    fn finish(mut self) -> (Vec<Reference>, Vec<Gap>) {
        let symbolic: Vec<Vec<u8>> =
            self.by_name.values().filter(|r| r.symbolic.is_some()).map(|r| r.name.clone()).collect();
        for name in symbolic {
            let target = self.resolved(&name);
            if let Some(reference) = self.by_name.get_mut(&name) {
                reference.target = target;
            }
        }
        (self.by_name.into_values().collect(), self.gaps)
    }

    fn resolved(&self, name: &[u8]) -> Option<ObjectId> {
        let mut at = self.by_name.get(name)?;
        for _ in 0..=MAX_STEPS {
            match &at.symbolic {
                Some(next) => at = self.by_name.get(next)?,
                None => return at.target,
            }
        }
        None
    }
}
