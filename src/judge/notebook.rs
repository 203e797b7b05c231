//! What the cells of a notebook say, and which cell a place lies in. In: the notebook's JSON, and a byte in it. Out: the
//! source of all cells as a person reads it, with the way back; the cell and the line in it.
//! Source: the notebook formats 3 and 4 of Jupyter, <https://nbformat.readthedocs.io>.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::habit::passage::CELL;
use crate::blob::{Encoding, View};
use crate::finding::Cell;

#[derive(Default, Deserialize)]
struct Notebook<'n> {
    #[serde(borrow, default)]
    cells: Vec<&'n RawValue>,
    /// Where format 3 has its cells.
    #[serde(borrow, default)]
    worksheets: Vec<Worksheet<'n>>,
}

#[derive(Default, Deserialize)]
struct Worksheet<'n> {
    #[serde(borrow, default)]
    cells: Vec<&'n RawValue>,
}

#[derive(Default, Deserialize)]
struct Contents<'n> {
    #[serde(borrow, default)]
    cell_type: Cow<'n, str>,
    #[serde(borrow, alias = "input")]
    source: Option<&'n RawValue>,
    #[serde(borrow, default)]
    outputs: Vec<Output<'n>>,
}

#[derive(Default, Deserialize)]
struct Output<'n> {
    #[serde(borrow)]
    text: Option<&'n RawValue>,
    #[serde(borrow)]
    traceback: Option<&'n RawValue>,
    #[serde(borrow, default)]
    data: HashMap<String, &'n RawValue>,
}

/// The cells of a notebook.
#[derive(Default)]
pub(super) struct Cells {
    cells: Vec<Span>,
    /// Up to where lines were counted last: from where, to where, and how many.
    counted: (usize, usize, u64),
}

/// Where a cell lies, and in it its source and what its outputs show.
struct Span {
    all: Range<usize>,
    code: bool,
    source: Option<Range<usize>>,
    shown: Vec<Range<usize>>,
}

impl Cells {
    /// The cells of a notebook's JSON; none of what is no notebook.
    pub(super) fn read(text: &[u8]) -> Cells {
        let json = str::from_utf8(text).unwrap_or_default();
        let json = json.strip_prefix('\u{feff}').unwrap_or(json);
        let notebook: Notebook<'_> = serde_json::from_str(json).unwrap_or_default();
        let cells = notebook.cells.into_iter().chain(notebook.worksheets.into_iter().flat_map(|sheet| sheet.cells));
        // A value is borrowed from the text, so it tells where in it it stands.
        let span = |value: &RawValue| {
            let start = value.get().as_ptr().addr() - text.as_ptr().addr();
            start..start + value.get().len()
        };
        let cells = cells.map(|cell| {
            let contents: Contents<'_> = serde_json::from_str(cell.get()).unwrap_or_default();
            let outputs = contents.outputs.into_iter();
            let shown = outputs
                .flat_map(|output| output.text.into_iter().chain(output.traceback).chain(output.data.into_values()));
            let code = contents.cell_type == "code";
            Span { all: span(cell), code, source: contents.source.map(span), shown: shown.map(span).collect() }
        });
        Cells { cells: cells.collect(), counted: (0, 0, 0) }
    }

    /// The cell that holds the byte at `at` of `text`, with the line in its source or in one of its outputs; and whether it is
    /// an output.
    pub(super) fn at(&mut self, text: &[u8], at: usize) -> Option<(Cell, bool)> {
        let nth = self.cells.partition_point(|cell| cell.all.end <= at);
        let cell = self.cells.get(nth).filter(|cell| cell.all.contains(&at))?;
        let number = nth as u64 + 1;
        let output = cell.source.as_ref().is_none_or(|source| !source.contains(&at));
        let Some(value) = cell.source.iter().chain(&cell.shown).find(|value| value.contains(&at)) else {
            return Some((Cell { number, line: 1 }, output));
        };
        let (start, upto, lines) = self.counted;
        let (from, lines) = if start == value.start && upto <= at { (upto, lines) } else { (value.start, 0) };
        let lines = lines + line_ends(&text[from..at]);
        self.counted = (value.start, at, lines);
        Some((Cell { number, line: lines + 1 }, output))
    }
}

/// The source of the cells of code, and that of the other ones.
pub(super) fn sources(text: &[u8]) -> [View; 2] {
    let mut views = [View::new(Encoding::Escape), View::new(Encoding::Escape)];
    for cell in Cells::read(text).cells {
        let view = &mut views[usize::from(!cell.code)];
        if let Some(source) = cell.source {
            unquote(text, source.clone(), view);
            view.replace(CELL, source.end..source.end);
        }
    }
    views
}

/// Adds what the JSON strings in a part of a text say to a view, one behind the other.
fn unquote(text: &[u8], part: Range<usize>, view: &mut View) {
    let mut inside = false;
    let mut at = part.start;
    while at < part.end {
        let stop = memchr::memchr2(b'"', b'\\', &text[at..part.end]).map_or(part.end, |length| at + length);
        if inside {
            view.keep(text, at..stop);
        }
        at = stop + 1;
        if text[stop..part.end].first() != Some(&b'\\') {
            inside = !inside;
            continue;
        }
        let (character, length) = escaped(&text[at..part.end]);
        view.replace(character.encode_utf8(&mut [0; 4]).as_bytes(), stop..at + length);
        at += length;
    }
}

/// What stands behind the backslash of an escape in JSON, and how long it is written. Half of a pair of surrogates is shown
/// as what cannot be shown.
fn escaped(rest: &[u8]) -> (char, usize) {
    let code = || u32::from_str_radix(str::from_utf8(rest.get(1..5)?).ok()?, 16).ok();
    match rest.first() {
        Some(b'n') => ('\n', 1),
        Some(b't') => ('\t', 1),
        Some(b'r') => ('\r', 1),
        Some(b'b') => ('\u{8}', 1),
        Some(b'f') => ('\u{c}', 1),
        Some(b'u') => (code().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER), rest.len().min(5)),
        Some(&byte) if byte.is_ascii() => (char::from(byte), 1),
        _ => (char::REPLACEMENT_CHARACTER, 0),
    }
}

/// How many line ends are spelled out in a piece of JSON.
fn line_ends(json: &[u8]) -> u64 {
    let mut ends = 0;
    let mut rest = json;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        ends += u64::from(rest.get(at + 1) == Some(&b'n'));
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_count_from_one_and_lines_within_them() {
        let text = r##"{"cells": [
 {"cell_type": "markdown", "source": "# a"},
 {"cell_type": "code", "source": ["x\n", "y = 'a\\n'\n", "z KEY1"], "outputs": [
  {"output_type": "stream", "text": ["one\n", "KEY2"]},
  {"output_type": "display_data", "data": {"text/plain": "a\nb\nKEY3"}}]},
 {"cell_type": "code", "source": "a\nKEY4", "outputs": []}], "metadata": {"k": "KEY5"}}"##;
        let mut cells = Cells::read(text.as_bytes());
        let mut found = |key: &str| {
            let (cell, output) = cells.at(text.as_bytes(), text.find(key).expect("there"))?;
            Some((cell.number, cell.line, output))
        };
        assert_eq!(
            ["KEY1", "KEY2", "KEY3", "KEY4"].map(&mut found),
            [Some((2, 3, false)), Some((2, 2, true)), Some((2, 3, true)), Some((3, 2, false))]
        );
        assert_eq!(found("KEY5"), None);
        assert_eq!(Cells::read(b"{").at(b"{", 0), None);
    }

    #[test]
    fn the_source_of_cells_reads_as_it_is_meant_and_knows_the_way_back() {
        let text = r##"{"cells": [
 {"cell_type": "markdown", "source": "# a"},
 {"cell_type": "code", "source": ["x = \"\u00e9\"\n", "y\\z"], "outputs": [{"text": "no"}]},
 {"cell_type": "code", "source": "KEY"}]}"##;
        let [code, prose] = sources(text.as_bytes());
        assert_eq!(prose.bytes, b"# a\n\x0c\n");
        assert_eq!(code.bytes, "x = \"é\"\ny\\z\n\x0c\nKEY\n\x0c\n".as_bytes());
        let at = memchr::memmem::find(&code.bytes, b"KEY").expect("there");
        assert_eq!(&text[code.source(at..at + 3)], "KEY");
        let at = memchr::memmem::find(&code.bytes, b"y").expect("there");
        assert_eq!(&text[code.source(at..at + 3)], r"y\\z");
    }

    #[test]
    fn format_3_keeps_its_cells_in_worksheets() {
        let text = r#"{"nbformat": 3, "worksheets": [{"cells": [{"input": ["a\n", "KEY"]}]}]}"#;
        let at = text.find("KEY").expect("there");
        assert_eq!(Cells::read(text.as_bytes()).at(text.as_bytes(), at), Some((Cell { number: 1, line: 2 }, false)));
    }
}
