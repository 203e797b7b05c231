//! Reads an index (gitformat-index, versions 2 to 4), split and sparse ones too. In: its file and the git directory that it
//! belongs to. Out: what it names. Checksums are not checked: whoever reads the objects sees whether they are there.

mod changed;
mod entries;
mod held;
mod known;

use std::path::{Path, PathBuf};

pub use self::changed::changed;
pub use self::held::held;
use super::file;
use super::folder::GitFolder;
use super::object;
use super::varint;
use crate::blob;
use crate::object::ObjectId;
use crate::source::tree::plain;

/// The most bytes of an index.
const MAX_INDEX: u64 = 1024 * 1024 * 1024;
/// The most bytes that all paths may take: in version 4 each may repeat the one before it in no space at all.
const MAX_PATHS: usize = 512 * 1024 * 1024;
/// How deep the folders of a sparse index may nest.
const MAX_DEPTH: usize = 1024;

/// What an index names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// The path from the root of the working tree. That of a folder ends without a slash.
    pub path: Vec<u8>,
    /// The blob; of a submodule the commit, of a folder the tree.
    pub id: ObjectId,
    /// The mode of a tree's entry: `0o100644`, `0o100755`, `0o120000`, `0o160000`; `0o040000` of a folder that a sparse index
    /// does not open.
    pub mode: u32,
    /// 0, or during a merge 1 for the common ancestor, 2 for ours, 3 for theirs.
    pub stage: u8,
    /// Whether it is only said that the path will be added: its blob is the empty one.
    pub intent_to_add: bool,
}

impl IndexEntry {
    /// Whether it is a folder that a sparse index does not open.
    pub fn is_folder(&self) -> bool {
        self.mode & 0o170_000 == 0o040_000
    }

    /// Whether it is a commit of another repository.
    pub fn is_submodule(&self) -> bool {
        self.mode & 0o170_000 == 0o160_000
    }
}

/// An index that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", blob::display(path.as_os_str().as_encoded_bytes()))]
pub struct IndexError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// The entries of the index at `path`, sorted by path and stage; none if there is no such file.
pub fn read(path: &Path, folder: &GitFolder) -> Result<Vec<IndexEntry>, IndexError> {
    let error = |path: &Path, reason: String| IndexError { path: path.to_owned(), reason };
    let load = |path: &Path| match file::read_if_there(path, MAX_INDEX) {
        Ok(Some(bytes)) => parse(&bytes, folder.shape.id_length).map(Some).map_err(|reason| error(path, reason)),
        Ok(None) => Ok(None),
        Err(io) => Err(error(path, format!("cannot be read: {}", plain(&io)))),
    };
    let Some(own) = load(path)? else { return Ok(Vec::new()) };
    let Some(link) = own.link else { return Ok(own.entries) };
    let Some(base) = link.base else { return Ok(own.entries) };
    let name = format!("sharedindex.{base}");
    let beside = path.parent().into_iter().chain([folder.git.as_path(), &folder.common]);
    for shared in beside.map(|folder| folder.join(&name)) {
        if let Some(base) = load(&shared)? {
            return link.join(base.entries, own.entries).map_err(|reason| error(path, reason));
        }
    }
    Err(error(path, format!("is split, and its {name} is missing")))
}

/// Opens the folders of a sparse index: each is replaced by what its tree holds, as far as `tree` has the bytes of trees.
/// Returns the trees that it does not have.
pub fn open_folders(
    entries: &mut Vec<IndexEntry>,
    id_length: usize,
    mut tree: impl FnMut(&ObjectId) -> Option<Vec<u8>>,
) -> Vec<ObjectId> {
    let mut missing = Vec::new();
    if !entries.iter().any(IndexEntry::is_folder) {
        return missing;
    }
    let (folders, files) = std::mem::take(entries).into_iter().partition(IndexEntry::is_folder);
    *entries = files;
    let mut held: usize = 0;
    let mut folders: Vec<(IndexEntry, usize)> = folders.into_iter().map(|folder: IndexEntry| (folder, 0)).collect();
    while let Some((folder, depth)) = folders.pop() {
        let bytes = if depth < MAX_DEPTH && held < MAX_PATHS { tree(&folder.id) } else { None };
        let Some(bytes) = bytes else {
            missing.push(folder.id);
            continue;
        };
        for found in object::tree(&bytes, id_length) {
            let path = [&folder.path[..], b"/", found.name].concat();
            held += path.len();
            let mode = match found.kind {
                object::EntryKind::Folder => 0o040_000,
                object::EntryKind::File => 0o100_644,
                object::EntryKind::Submodule => 0o160_000,
            };
            let entry = IndexEntry { path, id: found.id, mode, stage: 0, intent_to_add: false };
            if entry.is_folder() { folders.push((entry, depth + 1)) } else { entries.push(entry) }
        }
    }
    sort(entries);
    missing
}

fn sort(entries: &mut [IndexEntry]) {
    entries.sort_by(|a, b| (&a.path, a.stage).cmp(&(&b.path, b.stage)));
}

/// One file.
struct Parsed {
    entries: Vec<IndexEntry>,
    link: Option<Link>,
}

/// The version, the number of entries, and what lies behind the header.
fn head(bytes: &[u8]) -> Result<(u32, u32, Rest<'_>), String> {
    let mut rest = Rest(bytes.strip_prefix(b"DIRC").ok_or("is no index")?);
    let version = rest.number().ok_or_else(broken)?;
    if !matches!(version, 2..=4) {
        return Err(format!("has version {version}, which is not known"));
    }
    Ok((version, rest.number().ok_or_else(broken)?, rest))
}

fn broken() -> String {
    "is cut off or broken".to_owned()
}

/// What stands behind the entries.
#[derive(Default)]
struct Extensions<'b> {
    link: Option<Link>,
    /// The body of `TREE`.
    trees: Option<&'b [u8]>,
}

impl<'b> Extensions<'b> {
    fn parse(mut rest: Rest<'b>, id_length: usize) -> Result<Extensions<'b>, String> {
        let mut found = Extensions::default();
        while rest.0.len() > id_length {
            let name = rest.take(4).ok_or_else(broken)?;
            let length = rest.number().ok_or_else(broken)?;
            let body = rest.take(length as usize).ok_or_else(broken)?;
            match name {
                b"link" => found.link = Some(Link::parse(body, id_length).ok_or_else(broken)?),
                b"TREE" => found.trees = Some(body),
                b"sdir" => {}
                // git may leave out what begins with a capital letter.
                [b'A'..=b'Z', ..] => {}
                name => return Err(format!("has the extension `{}`, which is not known", name.escape_ascii())),
            }
        }
        Ok(found)
    }
}

fn parse(bytes: &[u8], id_length: usize) -> Result<Parsed, String> {
    let (version, count, mut rest) = head(bytes)?;
    let mut entries: Vec<IndexEntry> = Vec::new();
    let mut held = 0;
    for _ in 0..count {
        let last = entries.last().map_or(&[][..], |entry| &entry.path);
        let entry = rest.entry(version, id_length, last).ok_or_else(broken)?;
        held += entry.path.len();
        if held > MAX_PATHS {
            return Err("holds paths beyond all bounds".to_owned());
        }
        entries.push(entry);
    }
    let link = Extensions::parse(rest, id_length)?.link;
    for entry in &mut entries {
        if entry.is_folder() && entry.path.last() == Some(&b'/') {
            entry.path.pop();
        }
    }
    Ok(Parsed { entries, link })
}

/// The `link` extension: the index is made of another one, from which entries are deleted and in which some are replaced.
struct Link {
    /// None if it stands alone.
    base: Option<ObjectId>,
    deleted: Vec<bool>,
    replaced: Vec<bool>,
}

impl Link {
    fn parse(body: &[u8], id_length: usize) -> Option<Link> {
        let mut rest = Rest(body);
        let base = ObjectId::from_bytes(rest.take(id_length)?)?;
        let mut link = Link { base: Some(base).filter(|id| !id.is_zero()), deleted: Vec::new(), replaced: Vec::new() };
        if !rest.0.is_empty() {
            link.deleted = rest.bitmap()?;
            link.replaced = rest.bitmap()?;
        }
        Some(link)
    }

    /// Puts the shared index and this one together. An entry without a path replaces the next one that is marked.
    fn join(self, base: Vec<IndexEntry>, own: Vec<IndexEntry>) -> Result<Vec<IndexEntry>, String> {
        let (replacing, mut joined): (Vec<_>, Vec<_>) = own.into_iter().partition(|entry| entry.path.is_empty());
        let mut replacing = replacing.into_iter();
        let marked = |bits: &[bool], nth: usize| bits.get(nth).copied().unwrap_or_default();
        for (nth, entry) in base.into_iter().enumerate() {
            if marked(&self.replaced, nth) {
                let by = replacing.next().ok_or("is split, and lacks entries of its own")?;
                if !marked(&self.deleted, nth) {
                    joined.push(IndexEntry { path: entry.path, ..by });
                }
            } else if !marked(&self.deleted, nth) {
                joined.push(entry);
            }
        }
        sort(&mut joined);
        Ok(joined)
    }
}

/// What is not read yet.
struct Rest<'b>(&'b [u8]);

impl<'b> Rest<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn flags(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn entry(&mut self, version: u32, id_length: usize, last: &[u8]) -> Option<IndexEntry> {
        const TIMES_AND_PLACE: usize = 24;
        const OWNER_AND_SIZE: usize = 12;
        let before = self.0.len();
        self.take(TIMES_AND_PLACE)?;
        let mode = self.number()?;
        self.take(OWNER_AND_SIZE)?;
        let id = ObjectId::from_bytes(self.take(id_length)?)?;
        let flags = self.flags()?;
        let more = if flags & 0x4000 != 0 && version >= 3 { self.flags()? } else { 0 };
        let path = if version == 4 {
            let kept = last.len().checked_sub(usize::try_from(varint::read(&mut self.0)?).ok()?)?;
            [&last[..kept], self.until_zero()?].concat()
        } else {
            let path = self.until_zero()?.to_vec();
            // The entry is filled up to a multiple of eight bytes, with one zero at least.
            let length = before - self.0.len();
            self.take(length.next_multiple_of(8) - length)?;
            path
        };
        Some(IndexEntry { path, id, mode, stage: (flags >> 12 & 3) as u8, intent_to_add: more & 0x2000 != 0 })
    }

    fn until_zero(&mut self) -> Option<&'b [u8]> {
        let end = memchr::memchr(0, self.0)?;
        let taken = self.take(end)?;
        self.take(1)?;
        Some(taken)
    }

    /// A bitmap in EWAH (gitformat-bitmap, appendix A): runs of words that are all the same, then words as they are.
    fn bitmap(&mut self) -> Option<Vec<bool>> {
        /// No index has more entries.
        const MOST: usize = 1 << 25;
        let bits = usize::try_from(self.number()?).ok().filter(|&bits| bits <= MOST)?;
        let words = usize::try_from(self.number()?).ok()?;
        let mut words = self.take(words.checked_mul(8)?)?.chunks_exact(8);
        self.number()?;
        let mut word = || words.next().map(|word| word.iter().fold(0u64, |word, &byte| word << 8 | u64::from(byte)));
        let mut found = Vec::new();
        while found.len() < bits {
            let Some(run) = word() else { break };
            let same = usize::try_from(run >> 1 & 0xffff_ffff).ok()?;
            let length = (found.len() + same.saturating_mul(64)).min(bits);
            found.resize(length, run & 1 == 1);
            for _ in 0..run >> 33 {
                let literal = word()?;
                found.extend((0..64).map(|bit| literal >> bit & 1 == 1));
            }
        }
        found.resize(bits, false);
        Some(found)
    }
}
