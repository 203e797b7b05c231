//! Shows a text in every other form in which a person or a tool would read a key in it: base64 and hexadecimal undone,
//! escapes undone, literals put together, UTF-16 as characters. In: a text, its long runs of key characters, and the key
//! shapes in it that nothing speaks for. Out: views, each with the way back. Most texts have none, and cost two cheap looks.

pub mod archive;
pub mod binary;
mod blob64;
mod call;
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
/// `runs` are its long runs of key characters, `silent` the places of key shapes that are no keys as the text stands.
pub fn views(text: &[u8], runs: &[Range<usize>], silent: &[usize]) -> Vec<View> {
    let dense = probe::dense(text);
    let has_escapes = !dense.escapes.is_empty();
    let mut hidden = Cues::default();
    for run in runs {
        hidden.take(escape::beside(text, run));
    }
    for at in dense.escapes {
        hidden.take(escape::dense(text, at));
    }
    let named = probe::names_wandb(text);
    if (named || has_escapes) && escape::has_soft_break(text) {
        hidden.take(Some(Encoding::QuotedPrintable));
    }
    let mut views: Vec<View> = hidden.views(text).filter(shows).collect();
    // What a key shape stands near may say more when it is read as it is meant.
    let mut structure = Cues::default();
    for &at in silent {
        let near = at.saturating_sub(NEAR)..text.len().min(at + NEAR);
        escape::structure_in(&text[near], &mut |encoding| structure.take(Some(encoding)));
    }
    views.extend(structure.views(text));
    if !dense.zeros.is_empty() {
        views.extend(wide::view(text, &dense.zeros));
    }
    if !runs.is_empty() {
        blob64::views(text, runs, &mut views);
    }
    if named {
        views.extend(pieces::view(text, silent));
    }
    views.retain(|view| view.bytes != text);
    views
}

/// Whether a view has a long run, or the neighbourhood of one, that its source has not, or more to undo.
fn shows(view: &View) -> bool {
    let changed = |run: Range<usize>| {
        let around = run.start.saturating_sub(2)..view.bytes.len().min(run.end + 2);
        view.source(around.clone()).len() != around.len()
    };
    probe::runs(&view.bytes).any(changed) || !probe::dense(&view.bytes).escapes.is_empty()
}

/// Whether a text that was found encoded could hold a key, as it is or encoded once more.
fn could_hold(text: &[u8]) -> bool {
    let written = |seen: probe::Dense| !seen.zeros.is_empty() || !seen.escapes.is_empty();
    probe::runs(text).next().is_some() || probe::names_wandb(text) || written(probe::dense(text))
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

    fn views(self, text: &[u8]) -> impl Iterator<Item = View> {
        self.0.into_iter().flatten().flat_map(|encoding| {
            // Whether a text is a literal in something or escaped as a whole does not show.
            let inside = (encoding == Encoding::Escape).then(|| escape::view(text, encoding, true));
            let outside = escape::view(text, encoding, false);
            let inside = inside.filter(|inside| inside.bytes != outside.bytes);
            std::iter::once(outside).chain(inside)
        })
    }
}
