//! SQLite 3 databases and their write-ahead logs, by the format that sqlite.org publishes (fileformat2).
//! In: the bytes of a file. Out: the statements of its schema, a JSON object for each row, a list for each row of which the
//! table is not known, and what deleted rows have left. No pointer is followed twice.

mod page;
mod schema;

use super::{Sink, quote};
use page::{Page, Record, Space, Tree, Value};
use schema::Table;

/// How a database begins.
pub(super) const MAGIC: &[u8] = b"SQLite format 3\0";
/// Bytes before the first page's own header, and before the first frame of a log less that frame's.
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
    if bytes.len() % space.page_size != 0 {
        sink.damaged("it does not end with a whole page");
    }
    let mut reader = Database { space, seen: vec![false; bytes.len() / space.page_size + 2], sink };
    let tables = reader.schema();
    for table in &tables {
        reader.walk(table.root, Some(table));
    }
    reader.left_over();
}

/// A database as it is read.
struct Database<'b> {
    space: Space<'b>,
    /// The pages that were read, by their numbers, which count from 1.
    seen: Vec<bool>,
    sink: &'b mut Sink,
}

impl<'b> Database<'b> {
    /// The tables and indexes. The statements that made them are shown: a default or a trigger can hold anything.
    fn schema(&mut self) -> Vec<Table> {
        let mut tables = Vec::new();
        self.rows(1, &mut |reader, record| {
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

    /// Shows the rows of a tree.
    fn walk(&mut self, root: usize, table: Option<&Table>) {
        // An index repeats what its table has, unless it is the table.
        let shows = table.is_none_or(|table| table.shows);
        self.rows(root, &mut |reader, record| {
            if shows {
                show(reader.sink, table, record);
            }
        });
    }

    /// Every record of the tree whose root is a page, and the free space between them.
    fn rows(&mut self, root: usize, each: &mut dyn FnMut(&mut Self, &Record)) {
        let mut open = vec![(root, 0)];
        while let Some((number, depth)) = open.pop() {
            if depth > MAX_DEPTH || self.seen.get(number).copied().unwrap_or(true) {
                self.sink.damaged("a page is missing, or is named twice");
                continue;
            }
            let Some(page) = self.space.page(number).and_then(|bytes| Page::read(bytes, self.space, number == 1))
            else {
                self.sink.damaged("a page is missing or damaged");
                continue;
            };
            self.seen[number] = true;
            let children: Vec<(usize, usize)> = page.children().map(|child| (child, depth + 1)).collect();
            open.extend(children.into_iter().rev());
            self.cells(&page, each);
            if page.tree == Tree::TableLeaf {
                page.free(&mut |free| carve(free, self.sink, self.space));
            }
        }
    }

    fn cells(&mut self, page: &Page<'b>, each: &mut dyn FnMut(&mut Self, &Record)) {
        if page.tree == Tree::TableInterior {
            return;
        }
        let mut broken = false;
        for cell in page.cells() {
            let payload = cell.and_then(|cell| self.space.payload(cell, &mut self.seen));
            match payload.as_deref().and_then(|payload| Record::read(payload, self.space.encoding)) {
                Some(record) => each(self, &record),
                None => broken = true,
            }
        }
        if broken {
            self.sink.damaged("a row is damaged");
            if let Some(bytes) = page.bytes.get(page.start..) {
                self.sink.runs(bytes);
            }
        }
    }

    /// Shows the pages that nothing names: freed ones keep what they had.
    fn left_over(&mut self) {
        for number in 1..self.seen.len() {
            if self.seen[number] {
                continue;
            }
            let Some(bytes) = self.space.page(number) else { continue };
            self.seen[number] = true;
            single(bytes, self.space, number == 1, &mut self.seen, self.sink);
        }
    }
}

/// Shows a page of which the table is not known.
fn single(bytes: &[u8], space: Space<'_>, first: bool, seen: &mut [bool], sink: &mut Sink) {
    let page = Page::read(bytes, space, first);
    let Some(page) = page.filter(|page| matches!(page.tree, Tree::TableLeaf | Tree::IndexLeaf)) else {
        sink.runs(bytes);
        return;
    };
    let mut broken = false;
    for cell in page.cells() {
        let payload = cell.and_then(|cell| space.payload(cell, seen));
        match payload.as_deref().and_then(|payload| Record::read(payload, space.encoding)) {
            Some(record) => show(sink, None, &record),
            None => broken = true,
        }
    }
    if broken {
        sink.runs(bytes);
    } else {
        page.free(&mut |free| carve(free, sink, space));
    }
}

/// Shows the pages of a write-ahead log. Several can be versions of one page, and all count.
fn log(bytes: &[u8], sink: &mut Sink) {
    let size = bytes.get(8..12).map_or(0, |size| u32::from_be_bytes([size[0], size[1], size[2], size[3]]) as usize);
    let Some(space) = Space::of_log(size) else {
        sink.damaged("its header is damaged");
        sink.runs(bytes);
        return;
    };
    let frames = bytes.get(LOG_HEADER..).unwrap_or_default().chunks(FRAME_HEADER + size);
    for frame in frames {
        let Some((header, page)) = frame.split_at_checked(FRAME_HEADER) else { continue };
        let first = header[..4] == [0, 0, 0, 1];
        if page.len() < size {
            sink.damaged("its last page is cut off");
        }
        single(page, space, first, &mut [], sink);
    }
}

/// Shows a row: an object by the names of its columns, or a list.
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
            Value::Nothing => continue,
            Value::Integer(number) => text.extend(number.to_string().bytes()),
            Value::Real(number) => text.extend(number.to_string().bytes()),
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
        sink.line(&line);
    }
    for blob in blobs {
        sink.runs(blob);
    }
}

/// Shows what deleted rows have left in free space: a row that is whole as a list, and otherwise what is printable.
fn carve(free: &[u8], sink: &mut Sink, space: Space<'_>) {
    const MOST_COLUMNS: u8 = 60;
    let mut from = 0;
    let mut at = 0;
    while at < free.len() {
        let header = free[at];
        let record = (2..=MOST_COLUMNS).contains(&header).then(|| Record::carve(&free[at..], space.encoding)).flatten();
        if let Some((record, length)) = record {
            sink.runs(&free[from..at]);
            show(sink, None, &record);
            at += length.max(1);
            from = at;
        } else {
            at += 1;
        }
    }
    sink.runs(&free[from..]);
}
