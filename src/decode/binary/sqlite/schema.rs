//! What the statement that made a table says of its columns. In: SQL. Out: the columns in the order in which rows store
//! them. Never more of SQL than that takes.

/// A longer name is cut off, in bytes.
const LONGEST_NAME: usize = 200;
/// SQLite allows no more columns unless it is built to.
const MOST_COLUMNS: usize = 2000;

/// A table or an index.
pub(super) struct Table {
    pub(super) name: Vec<u8>,
    /// The page that its tree begins with.
    pub(super) root: usize,
    /// In the order of a stored row.
    pub(super) columns: Vec<Vec<u8>>,
    /// Whether its rows are worth showing: an index repeats those of its table.
    pub(super) shows: bool,
}

impl Table {
    pub(super) fn new(kind: &[u8], mut name: Vec<u8>, root: usize, sql: &[u8]) -> Table {
        let mut columns = if kind == b"table" { columns(sql) } else { Vec::new() };
        // Every row repeats them.
        name.truncate(LONGEST_NAME);
        columns.iter_mut().for_each(|column| column.truncate(LONGEST_NAME));
        Table { name, root, columns, shows: kind != b"index" }
    }
}

/// The columns of a `CREATE TABLE` statement.
fn columns(sql: &[u8]) -> Vec<Vec<u8>> {
    let (items, behind) = items(sql);
    let mut columns = Vec::new();
    let mut primary: Vec<Vec<u8>> = Vec::new();
    for item in items.into_iter().take(MOST_COLUMNS) {
        let upper = item.to_ascii_uppercase();
        let says = |words: &[u8]| memchr::memmem::find(&upper, words).is_some();
        let Some(name) = name(item) else { continue };
        let bare = !matches!(item.trim_ascii().first(), Some(b'"' | b'`' | b'[' | b'\''));
        let constraint = [&b"CONSTRAINT"[..], b"PRIMARY", b"UNIQUE", b"CHECK", b"FOREIGN"];
        if bare && constraint.iter().any(|word| name.eq_ignore_ascii_case(word)) {
            if says(b"PRIMARY") {
                let parts = self::items(item).0;
                primary.extend(parts.into_iter().take(MOST_COLUMNS).filter_map(self::name).map(<[u8]>::to_vec));
            }
            continue;
        }
        if says(b"PRIMARY KEY") {
            primary.push(name.to_vec());
        }
        // A virtual column is not stored.
        if !((says(b" AS (") || says(b" AS(")) && !says(b"STORED")) {
            columns.push(name.to_vec());
        }
    }
    // Without row ids the primary key comes first.
    if memchr::memmem::find(&behind.to_ascii_uppercase(), b"WITHOUT").is_some() {
        columns.retain(|column| !primary.iter().any(|key| key.eq_ignore_ascii_case(column)));
        columns.splice(0..0, primary);
    }
    columns
}

/// The items between the first bracket and the one that closes it, and what stands behind that.
fn items(sql: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let Some(open) = memchr::memchr(b'(', sql) else { return (Vec::new(), &[]) };
    let mut items = Vec::new();
    let mut depth = 0usize;
    let mut start = open + 1;
    let mut at = start;
    while let Some(&byte) = sql.get(at) {
        match byte {
            b'"' | b'`' | b'\'' | b'[' => {
                let close = if byte == b'[' { b']' } else { byte };
                at += sql[at + 1..].iter().position(|&b| b == close).map_or(sql.len() - at, |length| length + 1);
            }
            b'-' if sql[at..].starts_with(b"--") => {
                at += sql[at..].iter().position(|&b| b == b'\n').unwrap_or(sql.len() - at);
            }
            b'(' => depth += 1,
            b')' if depth == 0 => {
                items.push(&sql[start..at]);
                return (items, &sql[at + 1..]);
            }
            b')' => depth -= 1,
            b',' if depth == 0 => {
                items.push(&sql[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    (items, &[])
}

/// The name that an item begins with, without its quotes.
fn name(item: &[u8]) -> Option<&[u8]> {
    let mut item = item.trim_ascii_start();
    while item.starts_with(b"--") {
        item = item[memchr::memchr(b'\n', item)?..].trim_ascii_start();
    }
    let close = match item.first()? {
        b'[' => b']',
        quote @ (b'"' | b'`' | b'\'') => *quote,
        _ => {
            let length = item.iter().take_while(|b| !b.is_ascii_whitespace() && !matches!(b, b'(' | b',')).count();
            return Some(&item[..length]).filter(|name| !name.is_empty());
        }
    };
    Some(&item[1..1 + memchr::memchr(close, &item[1..])?])
}
