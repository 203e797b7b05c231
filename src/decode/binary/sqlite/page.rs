//! Pages, cells and records of SQLite. In: the bytes of pages. Out: borrowed records. Every offset is checked, and no
//! overflow page serves two rows.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::HEADER;

/// SQLite itself allows no more.
const MOST_COLUMNS: usize = 32_767;

/// How text is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Utf16Little,
    Utf16Big,
}

/// Where pages are.
#[derive(Clone, Copy)]
enum Pages<'b> {
    /// In the order of their numbers.
    File(&'b [u8]),
    /// By their numbers, the latest version of each.
    Log(&'b HashMap<usize, &'b [u8]>),
}

/// The pages of a file and how they are laid out.
#[derive(Clone, Copy)]
pub(super) struct Space<'b> {
    pages: Pages<'b>,
    pub(super) page_size: usize,
    /// The bytes of a page that are used, without those reserved at its end.
    usable: usize,
    pub(super) encoding: Encoding,
}

impl<'b> Space<'b> {
    /// The pages of a database.
    pub(super) fn of_database(bytes: &'b [u8]) -> Option<Self> {
        let header = bytes.get(..HEADER)?;
        let page_size = match u16::from_be_bytes([header[16], header[17]]) {
            1 => 65536,
            size => usize::from(size),
        };
        Space { pages: Pages::File(bytes), page_size, usable: page_size, encoding: Encoding::Utf8 }.described(header)
    }

    /// The pages of a log. The first of a database says how all are laid out, if it is among them.
    pub(super) fn of_log(page_size: usize, pages: &'b HashMap<usize, &'b [u8]>) -> Option<Self> {
        let space = Space { pages: Pages::Log(pages), page_size, usable: page_size, encoding: Encoding::Utf8 };
        match pages.get(&1).and_then(|page| page.get(..HEADER)) {
            Some(header) => space.described(header),
            None => space.sound(),
        }
    }

    fn described(mut self, header: &[u8]) -> Option<Self> {
        self.usable = self.page_size.checked_sub(usize::from(header[20]))?;
        self.encoding = match header[59] {
            2 => Encoding::Utf16Little,
            3 => Encoding::Utf16Big,
            _ => Encoding::Utf8,
        };
        self.sound()
    }

    fn sound(self) -> Option<Self> {
        (Space::is_page_size(self.page_size) && self.usable >= 480).then_some(self)
    }

    pub(super) fn is_page_size(size: usize) -> bool {
        size.is_power_of_two() && (512..=65536).contains(&size)
    }

    /// How much of a payload's length its page has at least.
    pub(super) fn least_local(&self, size: usize) -> usize {
        size.min((self.usable - 12) * 32 / 255 - 23)
    }

    /// Whether every page must be there.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.pages, Pages::File(_))
    }

    /// A page by its number, which counts from 1; the last one of a file may be cut off.
    pub(super) fn page(&self, number: usize) -> Option<&'b [u8]> {
        match self.pages {
            Pages::File(bytes) => {
                let start = number.checked_sub(1)?.checked_mul(self.page_size)?;
                let end = start.checked_add(self.page_size)?.min(bytes.len());
                bytes.get(start..end).filter(|page| !page.is_empty())
            }
            Pages::Log(pages) => pages.get(&number).copied(),
        }
    }

    /// The payload of a cell, with what overflow pages have of it; those are marked as seen. What cannot be had is left
    /// out.
    pub(super) fn payload<'p>(&self, cell: Cell<'p>, seen: &mut HashSet<usize>) -> Option<Cow<'p, [u8]>> {
        let (usable, size) = (self.usable, cell.size);
        let most = if cell.index { (usable - 12) * 64 / 255 - 23 } else { usable - 35 };
        if size <= most {
            return Some(Cow::Borrowed(cell.bytes.get(..size).unwrap_or(cell.bytes)));
        }
        let least = self.least_local(size);
        let local = least + (size - least) % (usable - 4);
        let local = if local <= most { local } else { least };
        let mut payload = cell.bytes.get(..local)?.to_vec();
        let mut next = number(cell.bytes.get(local..local + 4)?);
        while payload.len() < size {
            let Some(page) = self.page(next).filter(|_| seen.insert(next)) else { break };
            let Some((head, rest)) = page.split_at_checked(4) else { break };
            let wanted = (size - payload.len()).min(usable - 4).min(rest.len());
            payload.extend_from_slice(&rest[..wanted]);
            next = number(head);
        }
        Some(Cow::Owned(payload))
    }
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().take(4).fold(0, |number, &byte| number << 8 | usize::from(byte))
}

/// A number of one to nine bytes, and how many it has.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut number = 0u64;
    for (nth, &byte) in bytes.iter().take(9).enumerate() {
        if nth == 8 {
            return Some((number << 8 | u64::from(byte), 9));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some((number, nth + 1));
        }
    }
    None
}

/// What a page is to its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tree {
    IndexInterior,
    TableInterior,
    IndexLeaf,
    TableLeaf,
}

/// A row's bytes within a page, from its payload on.
#[derive(Clone, Copy)]
pub(super) struct Cell<'b> {
    size: usize,
    index: bool,
    bytes: &'b [u8],
}

/// A page of a tree.
pub(super) struct Page<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) tree: Tree,
    /// Where its header begins.
    pub(super) start: usize,
    count: usize,
}

impl<'b> Page<'b> {
    pub(super) fn read(bytes: &'b [u8], space: Space<'_>, first: bool) -> Option<Self> {
        let start = if first { HEADER } else { 0 };
        let header = bytes.get(start..start + 8)?;
        let tree = match header[0] {
            2 => Tree::IndexInterior,
            5 => Tree::TableInterior,
            10 => Tree::IndexLeaf,
            13 => Tree::TableLeaf,
            _ => return None,
        };
        let count = usize::from(u16::from_be_bytes([header[3], header[4]]));
        let bytes = bytes.get(..space.usable).unwrap_or(bytes);
        Some(Page { bytes, tree, start, count })
    }

    fn is_leaf(&self) -> bool {
        matches!(self.tree, Tree::IndexLeaf | Tree::TableLeaf)
    }

    /// Where the pointers to the cells begin.
    fn pointers(&self) -> usize {
        self.start + if self.is_leaf() { 8 } else { 12 }
    }

    /// What each pointer points to.
    fn pointed(&self) -> impl Iterator<Item = Option<&'b [u8]>> {
        let pointers = self.bytes.get(self.pointers()..).unwrap_or_default();
        let bytes = self.bytes;
        pointers
            .as_chunks::<2>()
            .0
            .iter()
            .take(self.count)
            .map(move |&at| bytes.get(usize::from(u16::from_be_bytes(at))..))
    }

    /// The pages below, in order.
    pub(super) fn children(&self) -> impl Iterator<Item = usize> {
        let last = self.bytes.get(self.start + 8..self.start + 12).filter(|_| !self.is_leaf()).map(number);
        let inner = self.pointed().take(if self.is_leaf() { 0 } else { self.count });
        inner.filter_map(|cell| cell?.get(..4).map(number)).chain(last)
    }

    /// The rows; `None` for one that cannot be read.
    pub(super) fn cells(&self) -> impl Iterator<Item = Option<Cell<'b>>> {
        let tree = self.tree;
        self.pointed().map(move |cell| {
            let mut rest = cell?;
            if tree == Tree::IndexInterior {
                rest = rest.get(4..)?;
            }
            let (size, length) = varint(rest)?;
            rest = &rest[length..];
            if tree == Tree::TableLeaf {
                let (_, length) = varint(rest)?;
                rest = &rest[length..];
            }
            Some(Cell { size: usize::try_from(size).ok()?, index: tree != Tree::TableLeaf, bytes: rest })
        })
    }

    /// The bytes between the pointers and the cells, and those of freed cells, which have lost their first four.
    pub(super) fn free(&self, each: &mut dyn FnMut(&'b [u8], bool)) {
        let header = &self.bytes[self.start..];
        let half = |at: usize| header.get(at..at + 2).map_or(0, |b| usize::from(u16::from_be_bytes([b[0], b[1]])));
        let content = match half(5) {
            0 => 65536,
            content => content,
        };
        let gap = (self.pointers() + 2 * self.count).min(self.bytes.len());
        each(self.bytes.get(gap..content).unwrap_or_default(), false);
        let mut at = half(1);
        // Freed cells are in the order of their offsets, so a chain that turns back is damage.
        while let Some(&[n1, n2, s1, s2]) = self.bytes.get(at..at + 4).filter(|_| at > 0).and_then(|b| b.first_chunk())
        {
            let size = usize::from(u16::from_be_bytes([s1, s2]));
            each(self.bytes.get(at + 4..at + size).unwrap_or_default(), true);
            let next = usize::from(u16::from_be_bytes([n1, n2]));
            if next < at.saturating_add(size.max(4)) {
                break;
            }
            at = next;
        }
    }
}

/// A value of a row.
pub(super) enum Value<'b> {
    Nothing,
    /// A whole number; one with a fraction is nothing.
    Integer(i64),
    Text(Cow<'b, [u8]>),
    Blob(&'b [u8]),
}

/// The values of a row.
pub(super) struct Record<'b> {
    pub(super) values: Vec<Value<'b>>,
}

impl<'b> Record<'b> {
    /// Reads a payload; one that is cut off has the values that are whole, and what is left of the next.
    pub(super) fn read(payload: &'b [u8], encoding: Encoding) -> Option<Self> {
        let (header, length) = varint(payload)?;
        let header = usize::try_from(header).ok()?;
        let mut types = payload.get(length..header)?;
        let mut body = payload.get(header..)?;
        let mut values = Vec::new();
        while !types.is_empty() && values.len() < MOST_COLUMNS {
            let (kind, length) = varint(types)?;
            types = &types[length..];
            let size = size_of(kind)?.min(body.len());
            let (bytes, rest) = body.split_at(size);
            body = rest;
            values.push(value(kind, bytes, encoding));
        }
        Some(Record { values })
    }

    /// A row in free space, and how long it is: a header that fits its length, and a body that fits the header. Takes the
    /// length of what it looks at from `effort`.
    pub(super) fn carve(bytes: &'b [u8], encoding: Encoding, effort: &mut usize) -> Option<(Self, usize)> {
        let header = usize::from(*bytes.first()?);
        let (kinds, body) = (kinds(bytes.get(1..header)?)?, bytes.get(header..)?);
        let total = kinds.iter().try_fold(0usize, |total, &kind| total.checked_add(size_of(kind)?))?;
        let body = body.get(..total)?;
        *effort = effort.checked_sub(total)?;
        Some((Record::told(&kinds, body, encoding)?, header + total))
    }

    /// A freed row of which the length of the header is lost, and of `columns` kinds of values perhaps the first: what
    /// is left of it must fill all of `bytes`.
    pub(super) fn headless(bytes: &'b [u8], columns: usize, encoding: Encoding) -> Option<Self> {
        const LONGEST_VARINT: usize = 9;
        for lost in [0, 1] {
            let Some(left) = columns.checked_sub(lost).filter(|left| *left > 0) else { continue };
            let mut rest = bytes;
            let mut kinds = Vec::new();
            while kinds.len() < left {
                let Some((kind, length)) = varint(&rest[..rest.len().min(LONGEST_VARINT)]) else { break };
                kinds.push(kind);
                rest = &rest[length..];
            }
            let total = kinds.iter().try_fold(0usize, |total, &kind| total.checked_add(size_of(kind)?));
            let Some(first) = total.and_then(|total| rest.len().checked_sub(total)) else { continue };
            if kinds.len() < left || (lost == 0 && first > 0) {
                continue;
            }
            if lost == 1 {
                kinds.insert(0, first as u64 * 2 + 13);
            }
            if let Some(record) = Record::told(&kinds, rest, encoding) {
                return Some(record);
            }
        }
        None
    }

    /// Values of kinds, if they are told from chance: two or more, all texts printable and one of them of some length.
    fn told(kinds: &[u64], mut body: &'b [u8], encoding: Encoding) -> Option<Self> {
        const LEAST_TEXT: usize = 6;
        let mut values = Vec::new();
        let mut longest = 0;
        for &kind in kinds {
            let (bytes, rest) = body.split_at_checked(size_of(kind)?)?;
            body = rest;
            let value = value(kind, bytes, encoding);
            if let Value::Text(text) = &value {
                let control = |byte: &u8| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
                if text.iter().any(control) || str::from_utf8(text).is_err() {
                    return None;
                }
                longest = longest.max(text.len());
            }
            values.push(value);
        }
        (values.len() >= 2 && longest >= LEAST_TEXT).then_some(Record { values })
    }
}

/// The kinds of values that a header tells.
fn kinds(mut header: &[u8]) -> Option<Vec<u64>> {
    let mut kinds = Vec::new();
    while !header.is_empty() {
        let (kind, length) = varint(header)?;
        header = &header[length..];
        kinds.push(kind);
    }
    Some(kinds)
}

/// How many bytes a value of a kind has.
fn size_of(kind: u64) -> Option<usize> {
    Some(match kind {
        0 | 8 | 9 => 0,
        1..=4 => kind as usize,
        5 => 6,
        6 | 7 => 8,
        10 | 11 => return None,
        _ => usize::try_from((kind - 12) / 2).ok()?,
    })
}

fn value(kind: u64, bytes: &[u8], encoding: Encoding) -> Value<'_> {
    let integer = || {
        let sign = if bytes.first().is_some_and(|&byte| byte >= 0x80) { -1i64 } else { 0 };
        bytes.iter().fold(sign, |number, &byte| number << 8 | i64::from(byte))
    };
    match kind {
        0 | 7 => Value::Nothing,
        8 => Value::Integer(0),
        9 => Value::Integer(1),
        1..=6 => Value::Integer(integer()),
        _ if kind.is_multiple_of(2) => Value::Blob(bytes),
        _ => Value::Text(decoded(bytes, encoding)),
    }
}

/// Text as UTF-8.
fn decoded(bytes: &[u8], encoding: Encoding) -> Cow<'_, [u8]> {
    let unit = match encoding {
        Encoding::Utf8 => return Cow::Borrowed(bytes),
        Encoding::Utf16Little => u16::from_le_bytes,
        Encoding::Utf16Big => u16::from_be_bytes,
    };
    let units = bytes.as_chunks::<2>().0.iter().map(|&pair| unit(pair));
    let text: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    Cow::Owned(text.into_bytes())
}
