//! Which cell of a notebook a place lies in. In: the notebook's JSON and a byte in it. Out: the cell and the line in it.
//! Source: the notebook formats 3 and 4 of Jupyter, <https://nbformat.readthedocs.io>.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::finding::Cell;

#[derive(Deserialize)]
struct Notebook<'n> {
    #[serde(borrow, default)]
    cells: Vec<&'n RawValue>,
    /// Where format 3 has its cells.
    #[serde(borrow, default)]
    worksheets: Vec<Worksheet<'n>>,
}

#[derive(Deserialize)]
struct Worksheet<'n> {
    #[serde(borrow, default)]
    cells: Vec<&'n RawValue>,
}

#[derive(Deserialize)]
struct Contents<'n> {
    #[serde(borrow, alias = "input")]
    source: Option<&'n RawValue>,
    #[serde(borrow, default)]
    outputs: Vec<Output<'n>>,
}

#[derive(Deserialize)]
struct Output<'n> {
    #[serde(borrow)]
    text: Option<&'n RawValue>,
    #[serde(borrow)]
    traceback: Option<&'n RawValue>,
    #[serde(borrow, default)]
    data: HashMap<String, &'n RawValue>,
}

/// The cell that holds the byte at `at`; `None` outside of cells, and in what is no notebook.
pub(super) fn cell(text: &[u8], at: usize) -> Option<Cell> {
    let json = str::from_utf8(text).ok()?;
    let json = json.strip_prefix('\u{feff}').unwrap_or(json);
    let at = at.checked_sub(text.len() - json.len())?;
    let notebook: Notebook<'_> = serde_json::from_str(json).ok()?;
    let cells = notebook.cells.into_iter().chain(notebook.worksheets.into_iter().flat_map(|sheet| sheet.cells));
    // A value is borrowed from the text, so it tells where in it it stands.
    let start = |value: &RawValue| value.get().as_ptr().addr() - json.as_ptr().addr();
    let holds = |value: &RawValue| (start(value)..start(value) + value.get().len()).contains(&at);
    let (nth, cell) = cells.enumerate().find(|(_, cell)| holds(cell))?;
    let contents: Contents<'_> = serde_json::from_str(cell.get()).ok()?;
    let outputs = contents.outputs.into_iter();
    let shown =
        outputs.flat_map(|output| output.text.into_iter().chain(output.traceback).chain(output.data.into_values()));
    let value = contents.source.into_iter().chain(shown).find(|value| holds(value));
    let line = value.map_or(1, |value| 1 + line_ends(&json.as_bytes()[start(value)..at]));
    Some(Cell { number: nth as u64 + 1, line })
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
        let found =
            |key: &str| cell(text.as_bytes(), text.find(key).expect("there")).map(|cell| (cell.number, cell.line));
        assert_eq!(
            ["KEY1", "KEY2", "KEY3", "KEY4"].map(found),
            [Some((2, 3)), Some((2, 2)), Some((2, 3)), Some((3, 2))]
        );
        assert_eq!(found("KEY5"), None);
        assert_eq!(cell(b"{", 0), None);
    }

    #[test]
    fn format_3_keeps_its_cells_in_worksheets() {
        let text = r#"{"nbformat": 3, "worksheets": [{"cells": [{"input": ["a\n", "KEY"]}]}]}"#;
        assert_eq!(cell(text.as_bytes(), text.find("KEY").expect("there")), Some(Cell { number: 1, line: 2 }));
    }
}
