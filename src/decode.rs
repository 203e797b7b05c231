//! Shows a text in every other form in which a person or a tool would read a key in it: base64 and hexadecimal undone,
//! escapes undone, literals put together, UTF-16 as characters. In: a text, its long runs of key characters, and the key
//! shapes in it that nothing speaks for. Out: views, each with the way back. Most texts have none, and cost two cheap looks.

pub mod archive;
pub mod argv;
pub mod binary;
mod blob64;
mod call;
mod escape;
mod pieces;
pub mod probe;
mod seams;
mod wide;

use std::ops::Range;

use crate::blob::{Encoding, View};

/// How many encodings may lie in one another.
pub const MAX_DEPTH: usize = 4;

/// How many bytes a text of a size may be decoded to, in all of its forms.
pub fn budget(size: usize) -> usize {
    const FLOOR: usize = 1024 * 1024;
    const SHARE: usize = 8;
    FLOOR + SHARE * size
}

/// Whether a text is base64 to its end, in lines or in one: it may go on behind that.
pub fn is_base64_to_its_end(text: &[u8]) -> bool {
    text.iter().all(|b| b.is_ascii_alphanumeric() || b.is_ascii_whitespace() || b"+/-_=\\\"',".contains(b))
}

/// How far from a key shape an escape may stand to be worth undoing for its sake.
const NEAR: usize = 256;

/// The forms of `text` that may show a key which the text itself does not show, or what speaks for one that it does show.
/// `seen` is what a survey of it saw, `runs` are its long runs of key characters, `silent` the places of key shapes that are
/// no keys as the text stands.
pub fn views(text: &[u8], seen: &probe::Survey, runs: &[Range<usize>], silent: &[usize]) -> Vec<View> {
    let mut hidden = Cues::default();
    for run in runs {
        hidden.take(escape::beside(text, run), run.clone());
    }
    for &at in &seen.escapes {
        hidden.take(escape::dense(text, at), at..at);
    }
    let seams = if seen.names_wandb || !seen.escapes.is_empty() { seams::seams(text) } else { Vec::new() };
    for &at in seams.iter().filter(|at| escape::is_soft_break(text, **at)) {
        hidden.take(Some(Encoding::QuotedPrintable), at..at);
    }
    let mut views: Vec<View> = hidden.views(text).into_iter().filter(shows).collect();
    // What a key shape stands near may say more when it is read as it is meant.
    let mut structure = Cues::default();
    let near = |first: usize, last: usize| &text[first.saturating_sub(NEAR)..text.len().min(last + NEAR)];
    // Of a list of digests each stands near many others, and near no escape.
    for close in silent.chunk_by(|one, next| next - one <= 2 * NEAR) {
        let mut any = false;
        escape::structure_in(near(close[0], close[close.len() - 1]), &mut |_| any = true);
        for &at in close.iter().filter(|_| any) {
            escape::structure_in(near(at, at), &mut |encoding| structure.take(Some(encoding), at..at));
        }
    }
    views.extend(structure.views(text));
    if !seen.zeros.is_empty() {
        views.extend(wide::views(text, &seen.zeros));
    }
    if !runs.is_empty() || !seen.gzips.is_empty() {
        blob64::views(text, runs, &seen.gzips, &mut views);
    }
    if seen.names_wandb {
        views.extend(pieces::view(text, &seams, silent));
    }
    views.retain(|view| view.source(0..view.bytes.len()).len() != view.bytes.len());
    views
}

/// Whether a view has a long run, or the neighbourhood of one, that its source has not, or more to undo.
fn shows(view: &View) -> bool {
    let changed = |run: Range<usize>| {
        let around = run.start.saturating_sub(2)..view.bytes.len().min(run.end + 2);
        view.source(around.clone()).len() != around.len()
    };
    probe::runs(&view.bytes).any(changed) || !probe::survey(&view.bytes).escapes.is_empty()
}

/// Whether a text that was found encoded could hold a key, as it is or encoded once more.
fn could_hold(text: &[u8]) -> bool {
    let seen = probe::survey(text);
    let encoded = [&seen.zeros, &seen.escapes, &seen.gzips].into_iter().any(|places| !places.is_empty());
    seen.names_wandb || encoded || probe::runs(text).next().is_some()
}

/// Which kinds of escape are worth undoing in a text, and where.
#[derive(Default)]
struct Cues([Vec<Range<usize>>; 4]);

impl Cues {
    const KINDS: [Encoding; 4] = [Encoding::Percent, Encoding::Escape, Encoding::Entity, Encoding::QuotedPrintable];

    fn take(&mut self, encoding: Option<Encoding>, place: Range<usize>) {
        for (kind, places) in Cues::KINDS.into_iter().zip(&mut self.0) {
            if Some(kind) == encoding {
                places.push(place.clone());
            }
        }
    }

    fn views(self, text: &[u8]) -> Vec<View> {
        let mut views = Vec::new();
        for (encoding, places) in Cues::KINDS.into_iter().zip(self.0) {
            for part in parts(text, &places) {
                views.push(escape::view(text, part.clone(), encoding, false));
                // Whether a text is a literal in something or escaped as a whole does not show.
                let inside = (encoding == Encoding::Escape).then(|| escape::view(text, part, encoding, true));
                views.extend(inside.filter(|inside| views.last().is_some_and(|outside| outside.bytes != inside.bytes)));
            }
        }
        views
    }
}

/// The parts of a text in which something stands at `places`, each with enough round it to judge by; of a text of ordinary
/// size, all of it.
fn parts(text: &[u8], places: &[Range<usize>]) -> Vec<Range<usize>> {
    const WHOLE: usize = 64 * 1024;
    const ROUND: usize = 8 * 1024;
    if places.is_empty() || text.len() <= WHOLE {
        return places.iter().take(1).map(|_| 0..text.len()).collect();
    }
    let mut places = places.to_vec();
    places.sort_unstable_by_key(|place| place.start);
    let mut parts: Vec<Range<usize>> = Vec::new();
    for place in places {
        let start = place.start.saturating_sub(ROUND);
        let end = text.len().min(place.end + ROUND);
        match parts.last_mut().filter(|last| start <= last.end) {
            Some(last) => last.end = last.end.max(end),
            None => parts.push(start..end),
        }
    }
    parts
}
