//! What lies in object folders. In: a repository's own one. Out: the alternates that it names, packs, names of loose objects,
//! and what of that cannot be opened. It opens nothing but regular files.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::Gap;
use super::index::Index;
use super::loose;
use super::pack::Pack;
use crate::blob;
use crate::object::ObjectId;
use crate::source::tree;

/// The most object folders of one repository, its alternates included.
const MAX_FOLDERS: usize = 64;
/// The most bytes of a list of alternates.
const MAX_LIST: u64 = 1 << 20;

/// `objects`, and those that any of them names in `info/alternates`; each once.
pub(super) fn with_alternates(objects: &Path, gaps: &mut Vec<Gap>) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    let mut known = BTreeSet::new();
    let mut add = |folder: PathBuf, folders: &mut Vec<PathBuf>| match fs::canonicalize(&folder) {
        Ok(real) if known.contains(&real) => Ok(()),
        Ok(_) if folders.len() == MAX_FOLDERS => {
            Err(format!("is one object folder more than the {MAX_FOLDERS} that are read"))
        }
        Ok(real) if real.is_dir() => {
            known.insert(real);
            folders.push(folder);
            Ok(())
        }
        Ok(_) => Err("is not an object folder".to_owned()),
        Err(error) => Err(format!("cannot be read: {}", tree::plain(&error))),
    };
    if let Err(reason) = add(objects.to_owned(), &mut folders) {
        gaps.push((objects.to_owned(), reason));
    }
    let mut next = 0;
    while let Some(folder) = folders.get(next).cloned() {
        let list = folder.join("info/alternates");
        match text(&list) {
            Ok(named) => {
                for line in named.split(|&b| b == b'\n').filter(|line| !line.is_empty() && line[0] != b'#') {
                    let line = unquoted(line);
                    if let Err(reason) = add(folder.join(tree::native(&line)), &mut folders) {
                        // It is text of the list, which may be anything.
                        gaps.push((list.clone(), format!("names `{}`, which {reason}", blob::display_word(&line))));
                    }
                }
            }
            Err(reason) => gaps.push((list, reason)),
        }
        next += 1;
    }
    folders
}

/// The bytes of a list of alternates; none if there is no such file.
fn text(path: &Path) -> Result<Vec<u8>, String> {
    if fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(Vec::new());
    }
    let mut bytes = Vec::new();
    let read = loose::open(path)?.take(MAX_LIST + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("cannot be read: {}", tree::plain(&error)))?;
    if bytes.len() as u64 > MAX_LIST { Err("is too long a list of folders".to_owned()) } else { Ok(bytes) }
}

/// A path that git may have quoted as C does.
fn unquoted(line: &[u8]) -> Vec<u8> {
    let Some(quoted) = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")) else { return line.to_vec() };
    let mut plain = Vec::new();
    let mut rest = quoted;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            plain.push(byte);
        } else if let Some((octal, after)) = rest.split_at_checked(3)
            && let Some(byte) = str::from_utf8(octal).ok().and_then(|octal| u8::from_str_radix(octal, 8).ok())
        {
            plain.push(byte);
            rest = after;
        } else if let Some((&escaped, after)) = rest.split_first() {
            let escapes = b"a\x07b\x08t\tn\nv\x0bf\x0cr\r";
            plain.push(escapes.chunks(2).find(|pair| pair[0] == escaped).map_or(escaped, |pair| pair[1]));
            rest = after;
        }
    }
    plain
}

/// Opens the packs of a pack folder, in the order of their names.
/// An index is read by `open`.
pub(super) fn packs(
    folder: &Path,
    open: &dyn Fn(&Path) -> Result<Index, String>,
    length: usize,
    packs: &mut Vec<Pack>,
    gaps: &mut Vec<Gap>,
) {
    // What a killed git leaves behind is no pack yet.
    let is_left_over = |path: &Path| {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        name.starts_with(b"tmp_") || name.starts_with(b".tmp-")
    };
    let names = names(folder, gaps);
    let with = |extension: &str| -> BTreeSet<OsString> {
        let named = names.iter().filter(|path| path.extension() == Some(OsStr::new(extension)));
        named.filter(|path| !is_left_over(path)).filter_map(|path| Some(path.file_stem()?.to_owned())).collect()
    };
    let path = |stem: &OsStr, extension: &str| {
        let mut name = stem.to_owned();
        name.push(extension);
        folder.join(name)
    };
    let (indexes, data) = (with("idx"), with("pack"));
    for lone in data.difference(&indexes) {
        gaps.push((path(lone, ".pack"), "is a pack without an index".to_owned()));
    }
    for lone in indexes.difference(&data) {
        gaps.push((path(lone, ".idx"), "is an index without its pack".to_owned()));
    }
    for both in indexes.intersection(&data) {
        let (index, data) = (path(both, ".idx"), path(both, ".pack"));
        if let Err(reason) = loose::open(&data) {
            gaps.push((data, reason));
            continue;
        }
        match open(&index) {
            Ok(index) => packs.push(Pack::new(data, index, length)),
            Err(reason) => gaps.push((index, reason)),
        }
    }
}

/// The loose objects of all folders by id, with the numbers of the folders that have them.
pub(super) fn loose(folders: &[PathBuf], length: usize, gaps: &mut Vec<Gap>) -> BTreeMap<ObjectId, Vec<u32>> {
    let mut found: BTreeMap<ObjectId, Vec<u32>> = BTreeMap::new();
    for (number, folder) in folders.iter().enumerate() {
        let mut others = 0;
        for first in 0..=0xff_u8 {
            let first = format!("{first:02x}");
            for path in names(&folder.join(&first), gaps) {
                let name = path.file_name().unwrap_or_default().as_encoded_bytes();
                let id = ObjectId::from_hex(&[first.as_bytes(), name].concat());
                // Anything else is what a killed git leaves behind, and no object to anyone.
                let Some(id) = id.filter(|id| loose::path(folder, id) == path) else { continue };
                if id.as_bytes().len() == length {
                    found.entry(id).or_default().push(number as u32);
                } else {
                    others += 1;
                }
            }
        }
        if others > 0 {
            let reason = format!("holds {others} objects of another object format, which are not read");
            gaps.push((folder.clone(), reason));
        }
    }
    found
}

/// The files of a folder; none if there is no such folder.
fn names(folder: &Path, gaps: &mut Vec<Gap>) -> Vec<PathBuf> {
    let read = fs::read_dir(folder).and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect());
    match read {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            gaps.push((folder.to_owned(), format!("cannot be read: {}", tree::plain(&error))));
            Vec::new()
        }
    }
}
