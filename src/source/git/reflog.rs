//! Reads every line of every reference's log, from files and from reftables. In: a git folder. Out: what pointed where, who
//! did it and what they said, with its place; and what could not be read. A line whose ids cannot be read is text all the
//! same.

use std::path::Path;
use std::sync::Arc;

use super::file;
use super::folder::GitFolder;
use super::refs::{Gap, MAX_DEPTH, MAX_FILE, Store, stores, tables};
use crate::object::ObjectId;
use crate::source::tree::plain;

/// The most lines of all logs.
const MAX_LINES: usize = 4_000_000;

/// A line of a reference's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReflogLine {
    /// The reference's name, as [`Reference::name`].
    pub reference: Vec<u8>,
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
    /// Seconds since 1970 at which that was.
    pub time: i64,
    /// Who did it and what they said: all of the line behind the ids, or all of it if they cannot be read. In a table the
    /// same words, as a log would have them.
    pub text: Vec<u8>,
    /// Where the text begins in its line, in bytes from 0.
    pub column: usize,
}

/// Every line of every log, by file and in the order of the lines.
pub fn reflogs(folder: &GitFolder) -> (Vec<ReflogLine>, Vec<Gap>) {
    let mut lines = Vec::new();
    let mut gaps = Vec::new();
    for store in stores(folder) {
        logs_below(&store, folder.shape.id_length, &mut lines, &mut gaps);
        for (path, table) in tables(&store, folder, &mut gaps) {
            let file: Arc<Path> = path.into();
            lines.extend(table.logs.into_iter().map(|log| ReflogLine {
                reference: store.name(&log.name),
                file: file.clone(),
                line: log.update,
                table: true,
                old: log.old,
                new: log.new,
                time: log.time,
                text: log.text,
                column: 0,
            }));
        }
        if lines.len() > MAX_LINES {
            lines.truncate(MAX_LINES);
            gaps.push((folder.common.join("logs"), format!("more than {MAX_LINES} lines")));
            break;
        }
    }
    (lines, gaps)
}

/// The logs of a store.
fn logs_below(store: &Store, id_length: usize, lines: &mut Vec<ReflogLine>, gaps: &mut Vec<Gap>) {
    let mut folders = vec![(store.folder.join("logs"), Vec::new(), 0)];
    while let Some((path, name, depth)) = folders.pop() {
        let entries = match file::list(&path) {
            Ok(_) if depth > MAX_DEPTH => {
                gaps.push((path, "nests too deep".to_owned()));
                continue;
            }
            Ok(entries) => entries,
            Err(error) => {
                gaps.push((path, format!("cannot be listed: {}", plain(&error))));
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
                    Ok(text) => {
                        let room = (MAX_LINES + 1).saturating_sub(lines.len());
                        lines.extend(log(&text, &store.name(&name), &below.into(), id_length, room));
                    }
                    Err(error) => gaps.push((below, format!("cannot be read: {}", plain(&error)))),
                }
            } else if kind.is_symlink() {
                gaps.push((below, "a link, which is not followed".to_owned()));
            }
        }
    }
}

/// The first `most` lines of one log: `old SP new SP name SP <address> SP seconds SP zone TAB message`.
fn log(text: &[u8], reference: &[u8], file: &Arc<Path>, id_length: usize, most: usize) -> Vec<ReflogLine> {
    let digits = id_length * 2;
    let id = |line: &[u8], at: usize| {
        let id = line.get(at..at + digits).and_then(ObjectId::from_hex);
        id.filter(|_| line.get(at + digits) == Some(&b' '))
    };
    let mut lines = Vec::new();
    for (line, number) in text.split(|&b| b == b'\n').zip(1..) {
        if line.is_empty() {
            continue;
        }
        if lines.len() == most {
            break;
        }
        let ids = id(line, 0).zip(id(line, digits + 1));
        let column = if ids.is_some() { digits * 2 + 2 } else { 0 };
        let words = line[column..].split(|&b| b == b'\t').next().unwrap_or_default();
        let time = words.rsplit(|&b| b == b' ').nth(1).and_then(|word| str::from_utf8(word).ok()?.parse().ok());
        lines.push(ReflogLine {
            reference: reference.to_vec(),
            file: file.clone(),
            line: number,
            table: false,
            old: ids.map(|ids| ids.0).filter(|id| !id.is_zero()),
            new: ids.map(|ids| ids.1).filter(|id| !id.is_zero()),
            time: time.unwrap_or_default(),
            text: line[column..].to_vec(),
            column,
        });
    }
    lines
}
