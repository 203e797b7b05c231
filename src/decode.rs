//! Shows a text in every other form in which a person or a tool would read a key in it: base64 and hexadecimal undone,
//! escapes undone, literals put together, UTF-16 as characters. In: a text, its long runs of key characters, and the key
//! shapes in it that nothing speaks for. Out: views, each with the way back. Most texts have none, and cost two cheap looks.

mod blob64;
mod escape;
mod pieces;
pub mod probe;
mod wide;

use std::ops::Range;

use crate::blob::{Encoding, View};

/// How many encodings may lie in one another.
pub const MAX_DEPTH: usize = 4;

/// How far from a key shape an escape may stand to be worth undoing for its sake.
const NEAR: usize = 256;

/// The forms of `text` that may show a key which the text itself does not show, or what speaks for one that it does show.
/// `runs` are its long runs of key characters, `undecided` the places of key shapes without evidence.
pub fn views(text: &[u8], runs: &[Range<usize>], undecided: &[usize]) -> Vec<View> {
    let mut found = Vec::new();
    let mut cues = Cues::default();
    for run in runs {
        cues.take(escape::beside(text, run));
    }
    let dense = probe::dense(text);
    let has_escapes = !dense.escapes.is_empty();
    for at in dense.escapes {
        cues.take(escape::dense(text, at));
    }
    for &at in undecided {
        let near = at.saturating_sub(NEAR)..text.len().min(at + NEAR);
        escape::all_in(&text[near], &mut |encoding| cues.take(Some(encoding)));
    }
    if dense.zeros
        && let Some(view) = wide::view(text)
    {
        found.push(view);
    }
    if !runs.is_empty() {
        blob64::views(text, runs, &mut found);
    }
    let named = probe::names_wandb(text);
    if (named || has_escapes) && escape::has_soft_break(text) {
        cues.take(Some(Encoding::QuotedPrintable));
    }
    if named {
        found.extend(pieces::view(text, undecided));
    }
    for encoding in cues.0.into_iter().flatten() {
        found.push(escape::view(text, encoding, false));
        // Whether a text is a literal in something or escaped as a whole does not show.
        if encoding == Encoding::Escape {
            let inside = escape::view(text, encoding, true);
            if found.last().is_some_and(|other| other.bytes != inside.bytes) {
                found.push(inside);
            }
        }
    }
    found.retain(|view| view.bytes != text);
    found
}

/// Which kinds of escape are worth undoing in a text.
#[derive(Default)]
struct Cues([Option<Encoding>; 4]);

impl Cues {
    fn take(&mut self, encoding: Option<Encoding>) {
        let place = match encoding {
            Some(Encoding::Percent) => 0,
            Some(Encoding::Escape) => 1,
            Some(Encoding::Entity) => 2,
            Some(Encoding::QuotedPrintable) => 3,
            _ => return,
        };
        self.0[place] = encoding;
    }
}
