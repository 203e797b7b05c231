//! SQLite 3 databases and their write-ahead logs, by the format that sqlite.org publishes (fileformat2).
//! In: the bytes of a file. Out: the statements of its schema, a JSON object for each row, a list for each row of which the
//! table is not known, and what deleted rows have left. No pointer is followed twice.

mod page;
mod schema;

use std::collections::{HashMap, HashSet};

use super::{Sink, quote};
use page::{Encoding, Page, Record, Space, Tree, Value};
use schema::Table;

/// How a database begins.
pub(super) const MAGIC: &[u8] = b"SQLite format 3\0";
/// Bytes of a database before the header of its first page.
const HEADER: usize = 100;
/// The header of a write-ahead log.
const LOG_HEADER: usize = 32;
/// The header of each page in a write-ahead log.
const FRAME_HEADER: usize = 24;
/// A tree within a tree: deeper ones are damage. Twenty levels hold every database there is.
const MAX_DEPTH: usize = 40;

/// Whether bytes begin a write-ahead log.
pub(super) fn is_write_ahead_log(head: &[u8]) -> bool {
    matches!(head, [0x37, 0x7f, 0x06, 0x82 | 0x83, 0, 0x2d, 0xe2, 0x18, ..])
}

pub(super) fn render(bytes: &[u8], sink: &mut Sink) {
    if is_write_ahead_log(bytes) {
        return log(bytes, sink);
    }
    let Some(space) = Space::of_database(bytes) else {
        sink.damaged("its header is damaged");
        sink.runs(bytes);
        return;
    };
    if !bytes.len().is_multiple_of(space.page_size) {
        sink.damaged("it does not end with a whole page");
    }
    let mut reader = Database { space, seen: HashSet::new(), sink };
    reader.tables();
    for number in 1..=bytes.len().div_ceil(space.page_size) {
        // Freed pages keep what they had.
        if let Some(bytes) = space.page(number).filter(|_| reader.seen.insert(number)) {
            reader.single(bytes, number == 1);
        }
    }
}

/// Shows a write-ahead log. It can hold several versions of a page, and all count.
fn log(bytes: &[u8], sink: &mut Sink) {
    let number = |bytes: &[u8]| bytes.iter().take(4).fold(0usize, |number, &byte| number << 8 | usize::from(byte));
    let size = bytes.get(8..12).map_or(0, number);
    let size = if Space::is_page_size(size) { size } else { 0 };
    let frames =
        bytes.get(LOG_HEADER..).filter(|_| size > 0).unwrap_or_default().chunks(FRAME_HEADER.saturating_add(size));
    let frames = frames.filter_map(|frame| frame.split_at_checked(FRAME_HEADER));
    let latest: HashMap<usize, &[u8]> = frames.clone().map(|(header, page)| (number(header), page)).collect();
    let Some(space) = Space::of_log(size, &latest) else {
        sink.damaged("its header is damaged");
        sink.runs(bytes);
        return;
    };
    if bytes.len() < LOG_HEADER || !(bytes.len() - LOG_HEADER).is_multiple_of(FRAME_HEADER + size) {
        sink.damaged("its last page is cut off");
    }
    let mut reader = Database { space, seen: HashSet::new(), sink };
    reader.tables();
    let shown = reader.seen.clone();
    for (header, page) in frames {
        let number = number(header);
        let newest = latest.get(&number).is_some_and(|latest| std::ptr::eq(*latest, page));
        if !(newest && shown.contains(&number)) {
            reader.single(page, number == 1);
        }
    }
}

/// A database as it is read.
struct Database<'b> {
    space: Space<'b>,
    /// The pages that were read, by their numbers, which count from 1.
    seen: HashSet<usize>,
    sink: &'b mut Sink,
}

impl<'b> Database<'b> {
    /// The tables and indexes. The statements that made them are shown: a default or a trigger can hold anything.
    fn schema(&mut self) -> Vec<Table> {
        let mut tables = Vec::new();
        self.rows(1, None, &mut |reader, record| {
            let text = |nth: usize| match record.values.get(nth) {
                Some(Value::Text(text)) => text.to_vec(),
                _ => Vec::new(),
            };
            let sql = text(4);
            if !sql.is_empty() {
                reader.sink.line(&sql);
            }
            if let Some(Value::Integer(root)) = record.values.get(3)
                && let Ok(root) = usize::try_from(*root)
                && root > 0
            {
                tables.push(Table::new(&text(0), text(1), root, &sql));
            }
        });
        tables
    }

    /// Shows the rows of all tables.
    fn tables(&mut self) {
        for table in &self.schema() {
            // An index repeats what its table has, unless it is the table.
            self.rows(table.root, Some(table.columns.len()), &mut |reader, record| {
                if table.shows {
                    show(reader.sink, Some(table), record);
                }
            });
        }
    }

    /// Every record of the tree whose root is a page, and the free space between them.
    fn rows(&mut self, root: usize, columns: Option<usize>, each: &mut dyn FnMut(&mut Self, &Record)) {
        let mut open = vec![(root, 0)];
        while let Some((number, depth)) = open.pop() {
            let page = if depth > MAX_DEPTH { None } else { self.space.page(number) };
            let page = page.and_then(|bytes| Page::read(bytes, self.space, number == 1));
            let Some(page) = page.filter(|_| !self.seen.contains(&number)) else {
                if self.space.is_whole() {
                    self.sink.damaged("a page is missing, damaged or named twice");
                }
                continue;
            };
            self.seen.insert(number);
            let children: Vec<(usize, usize)> = page.children().map(|child| (child, depth + 1)).collect();
            open.extend(children.into_iter().rev());
            self.cells(&page, each);
            if page.tree == Tree::TableLeaf {
                page.free(&mut |free, freed| carve(free, columns.filter(|_| freed), self.sink, self.space.encoding));
            }
        }
    }

    fn cells(&mut self, page: &Page<'b>, each: &mut dyn FnMut(&mut Self, &Record)) {
        if page.tree == Tree::TableInterior {
            return;
        }
        let mut broken = false;
        let mut read = 0;
        for cell in page.cells() {
            // Rows do not share bytes, so many pointers to one are damage.
            if read > page.bytes.len() {
                broken = true;
                break;
            }
            let payload = cell.and_then(|cell| self.space.payload(cell, &mut self.seen));
            match payload.as_deref().and_then(|payload| Record::read(payload, self.space.encoding)) {
                Some(record) => each(self, &record),
                None => broken = true,
            }
            read += payload.map_or(0, |payload| self.space.least_local(payload.len()));
        }
        if broken {
            self.sink.damaged("a row is damaged");
            if let Some(bytes) = page.bytes.get(page.start..) {
                self.sink.runs(bytes);
            }
        }
    }

    /// Shows a page of which the table is not known.
    fn single(&mut self, bytes: &'b [u8], first: bool) {
        let page = Page::read(bytes, self.space, first);
        let Some(page) = page.filter(|page| matches!(page.tree, Tree::TableLeaf | Tree::IndexLeaf)) else {
            self.sink.runs(bytes);
            return;
        };
        self.cells(&page, &mut |reader, record| show(reader.sink, None, record));
        page.free(&mut |free, _| carve(free, None, self.sink, self.space.encoding));
    }
}

/// Shows the texts of a row: an object by the names of its columns, or a list.
fn show(sink: &mut Sink, table: Option<&Table>, record: &Record) {
    let mut line = Vec::new();
    let mut blobs = Vec::new();
    if let Some(table) = table {
        line.push(b'{');
        quote(&table.name, &mut line);
        line.extend(b": {");
    } else {
        line.push(b'[');
    }
    let empty = line.len();
    for (nth, value) in record.values.iter().enumerate() {
        let mut text = Vec::new();
        match value {
            Value::Nothing | Value::Integer(_) => continue,
            Value::Text(value) => quote(value, &mut text),
            Value::Blob(value) if str::from_utf8(value).is_ok() => quote(value, &mut text),
            Value::Blob(value) => {
                blobs.push(*value);
                continue;
            }
        }
        if line.len() > empty {
            line.extend(b", ");
        }
        if let Some(table) = table {
            match table.columns.get(nth) {
                Some(column) => quote(column, &mut line),
                None => quote(b"_", &mut line),
            }
            line.extend(b": ");
        }
        line.extend(text);
    }
    if line.len() > empty {
        line.extend_from_slice(if table.is_some() { b"}}" } else { b"]" });
        sink.line_with_word(&line);
    }
    for blob in blobs {
        sink.runs(blob);
    }
}

/// Shows what deleted rows have left in free space: a row that is whole as a list, and otherwise what is printable.
/// `columns` is how many a freed row had that has lost its first bytes.
fn carve(free: &[u8], columns: Option<usize>, sink: &mut Sink, encoding: Encoding) {
    const MOST_COLUMNS: u8 = 60;
    if let Some(record) = columns.and_then(|columns| Record::headless(free, columns, encoding)) {
        return show(sink, None, &record);
    }
    let mut effort = free.len().saturating_mul(32);
    let mut from = 0;
    let mut at = 0;
    while let Some(header) = free.get(at) {
        let fits = (2..=MOST_COLUMNS).contains(header);
        if let Some((record, length)) = fits.then(|| Record::carve(&free[at..], encoding, &mut effort)).flatten() {
            sink.runs(&free[from..at]);
            show(sink, None, &record);
            at += length;
            from = at;
        } else {
            at += 1;
        }
    }
    sink.runs(&free[from..]);
}
