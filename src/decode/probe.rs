//! The cheapest question that rules most bytes out: is there a run of at least [`MIN_RUN`] key characters here?
//! In: bytes. Out: every such run, whole. Nothing else looks at every byte.

use std::ops::Range;

/// Both formats lie in a run of at least this many letters, digits and underscores.
pub const MIN_RUN: usize = 40;

/// A run of [`MIN_RUN`] holds a whole window of this width at one of the offsets [`STRIDE`] apart.
pub(super) const WINDOW: usize = 16;
const STRIDE: usize = MIN_RUN - WINDOW + 1;

/// Whether a byte can be part of a key: a letter, a digit or an underscore.
#[inline(always)]
pub const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Every maximal run of at least [`MIN_RUN`] letters, digits and underscores, in order.
pub fn runs(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(window) = text.get(at..).and_then(|rest| rest.first_chunk::<WINDOW>()) {
            if !all_word(window) {
                at += STRIDE;
                continue;
            }
            let start = at - text[..at].iter().rev().take_while(|&&b| is_word(b)).count();
            let mut end = at + WINDOW;
            while let Some(window) = text[end..].first_chunk::<WINDOW>()
                && all_word(window)
            {
                end += WINDOW;
            }
            end += text[end..].iter().take_while(|&&b| is_word(b)).count();
            // The byte at `end` is none of ours, so the next run begins behind it.
            at = end + 1;
            if end - start >= MIN_RUN {
                return Some(start..end);
            }
        }
        None
    })
}

/// The runs of which a part lies in `within`, each whole: one that begins before it may still hold what begins in it.
pub fn runs_in(text: &[u8], within: Range<usize>) -> Vec<Range<usize>> {
    let from = within.start - text[..within.start].iter().rev().take_while(|&&b| is_word(b)).count();
    let to = text.len().min(within.end + text[within.end..].iter().take_while(|&&b| is_word(b)).count());
    runs(&text[from..to]).map(|run| run.start + from..run.end + from).collect()
}

/// Written so that the compiler turns it into a dozen vector instructions: no branch, no table, one wide test at the end.
#[inline(always)]
fn all_word(window: &[u8; WINDOW]) -> bool {
    let mut foreign = [0u8; WINDOW];
    for (out, &byte) in foreign.iter_mut().zip(window) {
        let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        let digit = byte.wrapping_sub(b'0') < 10;
        *out = u8::from(!letter) & u8::from(!digit) & u8::from(byte != b'_');
    }
    u128::from_ne_bytes(foreign) == 0
}

/// How far apart [`dense`] looks. A key of 40 characters takes 80 bytes in UTF-16 and 120 in the shortest escapes, so one
/// that is written so holds a look with enough of it behind.
const LOOK: usize = 64;

/// What [`dense`] saw.
pub struct Dense {
    /// Where escapes may follow one another closely.
    pub escapes: Vec<usize>,
    /// Whether characters are kept apart by zero bytes somewhere.
    pub zeros: bool,
}

/// Looks at a text here and there for what is written character by character.
pub fn dense(text: &[u8]) -> Dense {
    let mut seen = Dense { escapes: Vec::new(), zeros: false };
    let mut at = 0;
    while let Some(window) = text.get(at..).and_then(|rest| rest.first_chunk::<WINDOW>()) {
        if has_introducer(window) {
            seen.zeros = seen.zeros || is_wide(window);
            if super::escape::dense(text, at).is_some() {
                seen.escapes.push(at);
            }
        }
        at += LOOK;
    }
    seen
}

/// Whether a window holds a byte that begins an escape, or a zero; branchless for the compiler, as above.
#[inline(always)]
fn has_introducer(window: &[u8; WINDOW]) -> bool {
    let mut found = [0u8; WINDOW];
    for (out, &byte) in found.iter_mut().zip(window) {
        *out = u8::from(byte == b'%')
            | u8::from(byte == b'\\')
            | u8::from(byte == b'&')
            | u8::from(byte == b'=')
            | u8::from(byte == 0);
    }
    u128::from_ne_bytes(found) != 0
}

/// Whether characters of ASCII and zero bytes take turns: one zero (UTF-16) or three (UTF-32) between two characters.
fn is_wide(window: &[u8; WINDOW]) -> bool {
    [2, 4].into_iter().any(|unit| {
        (0..unit).any(|phase| {
            window.iter().enumerate().all(|(at, &b)| if at % unit == phase { b.is_ascii_graphic() } else { b == 0 })
        })
    })
}

/// Whether a text has the name of W&B in it, in any case.
pub fn names_wandb(text: &[u8]) -> bool {
    const NAME: &[u8] = b"wandb";
    const BLOCK: usize = 64;
    let mut at = 0;
    // First and last letter of five are compared, block by block without a branch; the rest only where both fit.
    while let Some(block) = text.get(at..at + BLOCK + NAME.len() - 1) {
        let mut fits = 0u8;
        for (first, last) in block[..BLOCK].iter().zip(&block[NAME.len() - 1..]) {
            fits |= u8::from(first | 0x20 == b'w') & u8::from(last | 0x20 == b'b');
        }
        if fits != 0 && block.windows(NAME.len()).any(|word| word.eq_ignore_ascii_case(NAME)) {
            return true;
        }
        at += BLOCK;
    }
    text[at..].windows(NAME.len()).any(|word| word.eq_ignore_ascii_case(NAME))
}
