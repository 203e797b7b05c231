//! Reads the raw text of commits, tags and trees. In: an object's bytes. Out: what it says, and where in the bytes stands
//! what a person wrote. The ids in the headers are no text: whoever looks for key shapes gets them blanked out.

use std::collections::HashSet;

use sha2::Digest as _;

use crate::object::ObjectId;

/// A commit, as far as history and attribution need it.
#[derive(Debug, Clone)]
pub struct RawCommit {
    /// The tree of the whole repository at that commit.
    pub tree: ObjectId,
    /// Its parents, in order; none of a root.
    pub parents: Vec<ObjectId>,
    /// The author's name.
    pub author: Vec<u8>,
    /// The author's date: seconds since 1970, and minutes ahead of UTC.
    pub authored: (i64, i32),
    /// The committer's date in seconds since 1970.
    pub committed: i64,
}

/// The longest name of an author that is kept, in bytes.
const LONGEST_NAME: usize = 256;

/// Reads a commit; `None` if it names no tree, or as a parent what is no object id. A parent that is named twice counts once.
pub fn commit(bytes: &[u8]) -> Option<RawCommit> {
    let mut tree = None;
    let mut parents = Vec::new();
    let mut named = HashSet::new();
    let mut author = (Vec::new(), (0, 0));
    let mut committed = 0;
    for line in headers(bytes) {
        if let Some(id) = line.strip_prefix(b"tree ") {
            tree = tree.or_else(|| ObjectId::from_hex(id));
        } else if let Some(id) = line.strip_prefix(b"parent ") {
            parents.extend(Some(ObjectId::from_hex(id)?).filter(|id| named.insert(*id)));
        } else if let Some(who) = line.strip_prefix(b"author ") {
            author = signature(who);
        } else if let Some(who) = line.strip_prefix(b"committer ") {
            committed = signature(who).1.0;
        }
    }
    Some(RawCommit { tree: tree?, parents, author: author.0, authored: author.1, committed })
}

/// What an annotated tag points at.
pub fn tagged(bytes: &[u8]) -> Option<ObjectId> {
    headers(bytes).find_map(|line| ObjectId::from_hex(line.strip_prefix(b"object ")?))
}

/// The header lines of a commit or a tag, without their line ends.
fn headers(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|&b| b == b'\n').take_while(|line| !line.is_empty())
}

/// Where the message of a commit or a tag begins, in bytes: behind the first empty line.
pub fn message(bytes: &[u8]) -> usize {
    memchr::memmem::find(bytes, b"\n\n").map_or(bytes.len(), |at| at + 2)
}

/// The header of a commit or a tag in which each object id is spaces: they have the shape of legacy keys, and are none.
pub fn header_text(bytes: &[u8]) -> Vec<u8> {
    let mut text = bytes[..message(bytes)].to_vec();
    let mut start = 0;
    for line in bytes[..text.len()].split(|&b| b == b'\n') {
        // The lines of a merged tag go on with a space.
        let word = line.strip_prefix(b" ").unwrap_or(line);
        let ids = [&b"tree "[..], b"parent ", b"object ", b"mergetag object "];
        if let Some(id) =
            ids.iter().find_map(|name| word.strip_prefix(*name)).filter(|id| ObjectId::from_hex(id).is_some())
        {
            let end = start + line.len();
            text[end - id.len()..end].fill(b' ');
        }
        start += line.len() + 1;
    }
    text
}

/// Name and date of `Name <address> seconds ±hhmm`.
fn signature(who: &[u8]) -> (Vec<u8>, (i64, i32)) {
    let name = who.split(|&b| b == b'<').next().unwrap_or_default().trim_ascii();
    let name = name[..name.len().min(LONGEST_NAME)].to_vec();
    let behind = who.rsplit(|&b| b == b'>').next().unwrap_or_default();
    let mut words = behind.split(|&b| b == b' ').filter(|word| !word.is_empty());
    let number = |word: &[u8]| str::from_utf8(word).ok()?.parse::<i64>().ok();
    let seconds = words.next().and_then(number).unwrap_or_default();
    let zone = words.next().and_then(number).filter(|zone| zone.unsigned_abs() < 10_000).unwrap_or_default() as i32;
    (name, (seconds, zone / 100 * 60 + zone % 100))
}

/// The id in a pointer of Git LFS (its specification, version 1): the content lies elsewhere, under the SHA-256 of it.
pub fn lfs_pointer(blob: &[u8]) -> Option<String> {
    // Most blobs are none.
    let rest = blob.get(..blob.len().min(1024))?.strip_prefix(b"version https://git-lfs.github.com/spec/v1\n")?;
    let id = str::from_utf8(rest).ok()?.split("oid sha256:").nth(1)?.lines().next()?;
    (id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit())).then(|| id.to_owned())
}

/// The id of the tree without entries, which every repository knows and few hold.
pub fn empty_tree(id_length: usize) -> ObjectId {
    let object = b"tree 0\0";
    let id = match id_length {
        32 => sha2::Sha256::digest(object).to_vec(),
        _ => sha1::Sha1::digest(object).to_vec(),
    };
    ObjectId::from_bytes(&id).unwrap_or_else(|| unreachable!("a digest has 20 or 32 bytes"))
}

/// An entry of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeEntry<'t> {
    /// Its name: one part of a path.
    pub name: &'t [u8],
    /// What it names.
    pub id: ObjectId,
    /// What that is.
    pub kind: EntryKind,
}

/// What an entry of a tree names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A tree.
    Folder,
    /// The blob of a file or of a link's target.
    File,
    /// A commit of another repository.
    Submodule,
}

/// The entries of a tree whose ids have `length` bytes, as far as they can be read.
pub fn tree(bytes: &[u8], length: usize) -> impl Iterator<Item = TreeEntry<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (entry, size) = entry(rest, length)?;
        rest = &rest[size..];
        Some(entry)
    })
}

/// The entry of a tree that `bytes` begin with, and how many of them it has; ids have `length`.
pub fn entry(bytes: &[u8], length: usize) -> Option<(TreeEntry<'_>, usize)> {
    // Modes are short.
    let space = bytes.iter().take(8).position(|b| *b == b' ').or_else(|| memchr::memchr(b' ', bytes))?;
    let end = space + memchr::memchr(0, &bytes[space..])?;
    let id = ObjectId::from_bytes(bytes.get(end + 1..end + 1 + length)?)?;
    let kind = match mode(&bytes[..space]) & 0o170_000 {
        0o040_000 => EntryKind::Folder,
        0o160_000 => EntryKind::Submodule,
        _ => EntryKind::File,
    };
    Some((TreeEntry { name: &bytes[space + 1..end], id, kind }, end + 1 + length))
}

/// A mode, in octal digits; git looks at nothing but its kind.
fn mode(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |mode: u32, digit| mode.wrapping_shl(3) | u32::from(digit & 7))
}

/// Whether a tree can be read to its end.
pub fn is_whole_tree(bytes: &[u8], length: usize) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = memchr::memchr(0, rest).filter(|&end| rest[..end].contains(&b' '));
        let Some(behind) = end.and_then(|end| rest.get(end + 1 + length..)) else { return false };
        rest = behind;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> ObjectId {
        ObjectId::from_bytes(&[byte; 20]).expect("20 bytes")
    }

    #[test]
    fn a_commit_is_read_and_its_ids_are_blanked() {
        let (tree, parent) = (id(1), id(2));
        let text = format!(
            "tree {tree}\nparent {parent}\nauthor Ada L <a@x> 1700000000 -0130\ncommitter B <b@x> 1700000001 +0000\n\
             mergetag object {parent}\n type commit\n\nsubject {parent}\n"
        );
        let commit = commit(text.as_bytes()).expect("a commit");
        assert_eq!((commit.tree, commit.parents, commit.author), (tree, vec![parent], b"Ada L".to_vec()));
        assert_eq!((commit.authored, commit.committed), ((1_700_000_000, -90), 1_700_000_001));
        let header = header_text(text.as_bytes());
        assert_eq!(header.len(), message(text.as_bytes()));
        let shown = String::from_utf8(header).expect("text");
        assert!(!shown.contains(&tree.to_string()) && !shown.contains(&parent.to_string()), "{shown}");
        assert!(text[message(text.as_bytes())..].starts_with("subject"));
    }

    #[test]
    fn modes_are_numbers() {
        for (mode, kind) in [("40000", EntryKind::Folder), ("040755", EntryKind::Folder), ("42000", EntryKind::Folder)]
        {
            let bytes = [format!("{mode} a\0").as_bytes(), &[1; 20]].concat();
            assert_eq!(tree(&bytes, 20).map(|entry| entry.kind).collect::<Vec<_>>(), [kind], "{mode}");
        }
    }

    #[test]
    fn a_tree_that_is_cut_off_gives_what_it_holds() {
        let mut bytes = b"40000 src\0".to_vec();
        bytes.extend([1; 20]);
        bytes.extend(b"100644 a b\0");
        bytes.extend([2; 20]);
        bytes.extend(b"160000 sub\0\x03\x03");
        let entries: Vec<_> = tree(&bytes, 20).collect();
        assert_eq!(
            entries,
            [
                TreeEntry { name: b"src", id: id(1), kind: EntryKind::Folder },
                TreeEntry { name: b"a b", id: id(2), kind: EntryKind::File }
            ]
        );
        assert!(!is_whole_tree(&bytes, 20) && is_whole_tree(&bytes[..30], 20) && is_whole_tree(b"", 20));
    }
}
