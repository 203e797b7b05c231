//! What the row of a table says: its other cells, and the head of its column. In: a text and the value in it.
//! Out: a verdict, if the value is a whole cell. Markdown, comma-, semicolon- and tab-separated tables.

use std::ops::Range;

use super::lead;
use super::names::{self, Says};
use super::{Because, Verdict, line_around};
use crate::finding::Confidence;

/// Reads the row round `value`.
pub(super) fn read(text: &[u8], value: Range<usize>) -> Option<Verdict> {
    let Range { start, end } = line_around(text, &value)?;
    let row = &text[start..end];
    let key = &text[value.clone()];
    [b'|', b'\t', b',', b';'].iter().find_map(|&separator| {
        let cells = cells(row, separator);
        let own = cells.iter().position(|cell| *cell == key)?;
        if cells.len() < 2 {
            return None;
        }
        let head = head(text, start, separator);
        let head = head.filter(|head| head.len() == cells.len());
        by_cells(&cells, own, head.as_deref())
    })
}

fn by_cells(cells: &[&[u8]], own: usize, head: Option<&[&[u8]]>) -> Option<Verdict> {
    let column = head.map(|head| Says::of(head[own]));
    let named = |cell: &[u8]| Some(Verdict::key(Confidence::High, Because::Named(format!("`{}`", super::shown(cell)))));
    match column {
        Some(Says::Revision) => return Some(Verdict::not("it stands in a column of revisions or digests")),
        Some(Says::Foreign) => return Some(Verdict::not("it stands in a column of somebody else's secrets")),
        Some(Says::WandbKey | Says::Wandb) => return named(head.map_or(b"", |head| head[own])),
        _ => {}
    }
    let others = || cells.iter().enumerate().filter(|(at, _)| *at != own).map(|(_, cell)| *cell);
    let phrase = |cell: &&[u8]| {
        cell.len() <= 60
            && !cell.starts_with(b"#")
            && !cell.contains(&b'/')
            && !names::is_file(cell)
            && names::is_phrase(cell)
    };
    if let Some(cell) = others().filter(phrase).find(|cell| Says::of(cell) == Says::WandbKey) {
        return named(cell);
    }
    if column == Some(Says::Key)
        && let Some(cell) = others().find(|cell| {
            super::token::wandb_host(cell)
                || (cell.len() <= 60 && names::names_wandb(cell) && !names::names_revision(cell))
        })
    {
        return Some(Verdict::key(Confidence::High, Because::Within(format!("`{}`", super::shown(cell)))));
    }
    None
}

/// The cells of a row, without white space, quotes and emphasis.
fn cells(row: &[u8], separator: u8) -> Vec<&[u8]> {
    let row = row.trim_ascii();
    let row = match separator {
        b'|' => row.strip_prefix(b"|").unwrap_or(row).strip_suffix(b"|").unwrap_or(row),
        _ => row,
    };
    let mut cells = Vec::new();
    let mut quoted = false;
    // A separator between double quotes is text.
    let split = row.split(|&b| {
        quoted ^= b == b'"';
        b == separator && !quoted
    });
    for cell in split {
        let mut cell = cell.trim_ascii();
        loop {
            let before = cell.len();
            cell = lead::unquote(cell);
            while let [b'*' | b'_', inner @ .., b'*' | b'_'] = cell {
                cell = inner;
            }
            if cell.len() == before {
                break;
            }
        }
        cells.push(cell);
    }
    cells
}

/// The cells of the first row of the table that the row at `start` belongs to, if it is not that row itself.
fn head(text: &[u8], start: usize, separator: u8) -> Option<Vec<&[u8]>> {
    let floor = start.saturating_sub(16 * 1024);
    if separator != b'|' {
        // A dump of a database names the columns before its rows: `COPY table (a, b) FROM stdin;`.
        let copy = memchr::memmem::rfind(&text[floor..start], b"\nCOPY ").filter(|_| separator == b'\t');
        if let Some(copy) = copy.map(|at| &text[floor + at + 1..start])
            && memchr::memmem::find(copy, b"\n\\.").is_none()
            && let Some(columns) = copy.split(|&b| b == b'\n').next().and_then(|line| line.split(|&b| b == b'(').nth(1))
        {
            return Some(cells(columns.split(|&b| b == b')').next().unwrap_or_default(), b','));
        }
        // A separated file has its head in its first line.
        let end = memchr::memchr(b'\n', text)?;
        return (end < start).then(|| cells(&text[..end], separator));
    }
    let mut first = None;
    let mut end = start.checked_sub(1)?;
    loop {
        let from = memchr::memrchr(b'\n', &text[floor..end]).map_or(floor, |at| floor + at + 1);
        let line = &text[from..end];
        let rule = line.iter().all(|b| matches!(b, b'-' | b'+' | b'=' | b':' | b' ' | b'\r')) && line.contains(&b'-');
        if !line.contains(&b'|') && !rule {
            break;
        }
        if !rule {
            first = Some(line);
        }
        if from <= floor {
            break;
        }
        end = from - 1;
    }
    first.map(|first| cells(first, separator))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> Option<bool> {
        let at = text.find("KEY!").expect("a marked place");
        read(text.as_bytes(), at..at + 4).map(|verdict| matches!(verdict, Verdict::Key { .. }))
    }

    #[test]
    fn rows_and_columns() {
        assert_eq!(verdict("| W&B API key | `KEY!` |"), Some(true));
        assert_eq!(verdict("| service | api key |\n|---|---|\n| wandb | KEY! |"), Some(true));
        assert_eq!(verdict("| package | commit |\n|---|---|\n| wandb | KEY! |"), Some(false));
        assert_eq!(verdict("user,wandb_key\nann,KEY!\n"), Some(true));
        assert_eq!(verdict("name,sha1\nwandb key,KEY!\n"), Some(false));
        assert_eq!(verdict("wandb,KEY!\n"), None);
    }
}
