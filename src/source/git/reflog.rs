//! Reads every line of every reference's log, from files and from reftables. In: a git folder. Out: what pointed where, who
//! did it and what they said, with its place; and what could not be read. A line whose ids cannot be read is text all the
//! same.

use std::path::Path;
use std::sync::Arc;

use super::file;
use super::folder::GitFolder;
use super::refs::{Gap, MAX_DEPTH, MAX_FILE, Store, stores, tables};
use super::reftable::Table;
use crate::object::ObjectId;
use crate::source::tree::plain;

/// The most lines of all logs.
const MAX_LINES: usize = 4_000_000;
/// The most bytes of all their texts.
const MAX_TEXT: usize = 256 * 1024 * 1024;

/// A name that many lines share.
type Name = Arc<[u8]>;

/// A line of a reference's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReflogLine {
    /// The reference's name, as [`Reference::name`].
    pub reference: Arc<[u8]>,
    /// The log, or the table that holds it.
    pub file: Arc<Path>,
    /// Which line of the log, from 1; in a table the update it was made by.
    pub line: u64,
    /// Whether `file` is a table, which has no lines.
    pub table: bool,
    /// What it pointed at before; none if it was made then, or if the line cannot be read.
    pub old: Option<ObjectId>,
    /// What it pointed at since; none if it was deleted then, or if the line cannot be read.
    pub new: Option<ObjectId>,
    /// Who did it and what they said: all of the line behind the ids, or all of it if they cannot be read. In a table the
    /// same words, as a log would have them.
    pub text: Vec<u8>,
    /// Where the text begins in its line, in bytes from 0.
    pub column: usize,
}

/// Every line of every log, by file and in the order of the lines.
pub fn reflogs(folder: &GitFolder) -> (Vec<ReflogLine>, Vec<Gap>) {
    let mut logs = Logs { lines: Vec::new(), gaps: Vec::new(), room: MAX_TEXT, is_full: false };
    for store in stores(folder) {
        logs.below(&store, folder.shape.id_length);
        for (path, table) in tables(&store, folder, &mut logs.gaps) {
            logs.table(&store, path.into(), table);
        }
    }
    if logs.is_full {
        let reason = format!("holds more than the {MAX_LINES} lines and {MAX_TEXT} bytes that are read");
        logs.gaps.push((folder.common.join("logs"), reason));
    }
    (logs.lines, logs.gaps)
}

/// What was read so far.
struct Logs {
    lines: Vec<ReflogLine>,
    gaps: Vec<Gap>,
    /// How many more bytes of text there may be.
    room: usize,
    /// Whether there was more.
    is_full: bool,
}

impl Logs {
    /// Takes a line, unless that is one too many.
    fn take(&mut self, line: ReflogLine) -> bool {
        match self.room.checked_sub(line.text.len()).filter(|_| self.lines.len() < MAX_LINES) {
            Some(room) => {
                self.room = room;
                self.lines.push(line);
            }
            None => self.is_full = true,
        }
        !self.is_full
    }

    /// The lines of a table.
    fn table(&mut self, store: &Store, file: Arc<Path>, table: Table) {
        let mut last: Option<(Name, Name)> = None;
        for log in table.logs {
            let known = last.as_ref().filter(|(name, _)| Arc::ptr_eq(name, &log.name));
            let reference = known.map_or_else(|| store.name(&log.name).into(), |(_, reference)| reference.clone());
            last = Some((log.name, Arc::clone(&reference)));
            let file = file.clone();
            let (line, old, new) = (log.update, log.old, log.new);
            if !self.take(ReflogLine { reference, file, line, table: true, old, new, text: log.text, column: 0 }) {
                break;
            }
        }
    }

    /// The logs of a store that are files.
    fn below(&mut self, store: &Store, id_length: usize) {
        let mut folders = vec![(store.folder.join("logs"), Vec::new(), 0)];
        while let Some((path, name, depth)) = folders.pop() {
            let entries = match file::list(&path) {
                Ok(_) if depth > MAX_DEPTH => {
                    self.gaps.push((path, "nests too deep".to_owned()));
                    continue;
                }
                Ok(entries) => entries,
                Err(error) => {
                    self.gaps.push((path, format!("cannot be listed: {}", plain(&error))));
                    continue;
                }
            };
            for (entry, kind) in entries {
                let below = path.join(&entry);
                let bytes = file::bytes_of(Path::new(&entry));
                let name = if name.is_empty() { bytes } else { [&name[..], b"/", &bytes].concat() };
                if kind.is_dir() {
                    folders.push((below, name, depth + 1));
                } else if kind.is_file() {
                    match file::read(&below, MAX_FILE) {
                        Ok(text) => self.log(&text, store.name(&name).into(), below.into(), id_length),
                        Err(error) => self.gaps.push((below, format!("cannot be read: {}", plain(&error)))),
                    }
                } else if kind.is_symlink() {
                    self.gaps.push((below, "a link, which is not followed".to_owned()));
                }
            }
        }
    }

    /// One log: `old SP new SP name SP <address> SP seconds SP zone TAB message`.
    fn log(&mut self, text: &[u8], reference: Name, file: Arc<Path>, id_length: usize) {
        let digits = id_length * 2;
        let id = |line: &[u8], at: usize| {
            let id = line.get(at..at + digits).and_then(ObjectId::from_hex);
            id.filter(|_| line.get(at + digits) == Some(&b' '))
        };
        for (line, number) in text.split(|&b| b == b'\n').zip(1..).filter(|(line, _)| !line.is_empty()) {
            let ids = id(line, 0).zip(id(line, digits + 1));
            let column = if ids.is_some() { digits * 2 + 2 } else { 0 };
            let read = self.take(ReflogLine {
                reference: reference.clone(),
                file: file.clone(),
                line: number,
                table: false,
                old: ids.map(|ids| ids.0).filter(|id| !id.is_zero()),
                new: ids.map(|ids| ids.1).filter(|id| !id.is_zero()),
                text: line[column..].to_vec(),
                column,
            });
            if !read {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_end_where_there_is_no_room_and_names_are_held_once() {
        let mut logs = Logs { lines: Vec::new(), gaps: Vec::new(), room: 9, is_full: false };
        logs.log(b"one\n\ntwo\n", b"HEAD"[..].into(), Path::new("log").into(), 20);
        assert!(Arc::ptr_eq(&logs.lines[0].reference, &logs.lines[1].reference));
        assert_eq!((logs.lines.len(), logs.lines[1].line, logs.is_full), (2, 3, false));
        logs.log(b"4567\nx\n", b"other"[..].into(), Path::new("log").into(), 20);
        assert_eq!((logs.lines.len(), logs.is_full), (2, true));
    }
}
