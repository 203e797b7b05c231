//! What the cell of a notebook prints. In: the members of the cell in JSON. Out: the name of the key that its last lines show.

use super::member;
use super::names::{self, Says};

/// What shows a value, before what is shown.
const SHOWS: [&[u8]; 6] = [b"print(", b"display(", b"!echo ", b"!printenv ", b"!cat ", b"%env "];

/// The name of W&B's key by which the source of a cell shows it: `print(os.environ["WANDB_API_KEY"])`, `wandb.api.api_key`.
pub(super) fn printed(cell: &[u8]) -> Option<Vec<u8>> {
    let source = member::texts(cell, b"source", 1).next()?;
    let lines: Vec<&[u8]> = source.lines().map(|line| line.trim().as_bytes()).filter(|line| !line.is_empty()).collect();
    let (last, _) = lines.split_last()?;
    let shows = lines.iter().filter_map(|line| SHOWS.iter().find_map(|word| line.strip_prefix(*word)));
    // The last line of a cell shows its value, unless it gives it a name.
    let shows = shows.chain(Some(*last).filter(|line| !line.contains(&b'=') && !line.contains(&b' ')));
    let word = |b: &u8| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
    let mut words = shows.flat_map(|line| line.split(word)).map(|word| word.strip_suffix(b".txt").unwrap_or(word));
    words.find(|word| !names::is_file(word) && Says::of(word) == Says::WandbKey).map(<[u8]>::to_vec)
}
