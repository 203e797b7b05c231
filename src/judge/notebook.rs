//! Which cell of a notebook a place lies in. In: the notebook's JSON and a byte in it. Out: the cell and the line in it.
//! Source: the notebook formats 3 and 4 of Jupyter, <https://nbformat.readthedocs.io>.

use std::collections::HashMap;
use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;

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
            Span { all: span(cell), source: contents.source.map(span), shown: shown.map(span).collect() }
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
    fn format_3_keeps_its_cells_in_worksheets() {
        let text = r#"{"nbformat": 3, "worksheets": [{"cells": [{"input": ["a\n", "KEY"]}]}]}"#;
        let at = text.find("KEY").expect("there");
        assert_eq!(Cells::read(text.as_bytes()).at(text.as_bytes(), at), Some((Cell { number: 1, line: 2 }, false)));
    }
}
