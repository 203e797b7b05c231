//! The cheapest question that rules most bytes out: is there a run of at least [`MIN_RUN`] key characters here?
//! In: bytes. Out: every such run, whole. Nothing else looks at every byte.

use std::ops::Range;

use wide::u8x16;

/// Both formats lie in a run of at least this many letters, digits and underscores.
pub const MIN_RUN: usize = 40;

/// A run of [`MIN_RUN`] holds a whole window of this width at one of the offsets [`STRIDE`] apart.
const WINDOW: usize = 16;
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

/// Whether all of a window are key characters: a dozen vector instructions and one test.
#[inline(always)]
fn all_word(window: &[u8; WINDOW]) -> bool {
    let bytes = u8x16::new(*window);
    // Unsigned `x - low <= high - low`, for want of a comparison of unsigned bytes.
    let within = |bytes: u8x16, low: u8, high: u8| {
        let from_low = bytes - u8x16::splat(low);
        from_low.min(u8x16::splat(high - low)).simd_eq(from_low)
    };
    let letter = within(bytes | u8x16::splat(0x20), b'a', b'z');
    let word = letter | within(bytes, b'0', b'9') | bytes.simd_eq(u8x16::splat(b'_'));
    word.to_bitmask() == 0xFFFF
}

/// How much [`dense`] looks at, and how far apart. A key of 40 characters takes 80 bytes in UTF-16 and 120 in the shortest
/// escapes, so one that is written so holds a whole look.
pub(super) const LOOK: usize = WINDOW;
const LOOKS: usize = 2 * MIN_RUN - LOOK;

/// What [`dense`] saw.
pub struct Dense {
    /// Where escapes may follow one another closely.
    pub escapes: Vec<usize>,
    /// Where characters are kept apart by zero bytes.
    pub zeros: Vec<usize>,
}

/// Looks at a text here and there for what is written character by character.
pub fn dense(text: &[u8]) -> Dense {
    let mut seen = Dense { escapes: Vec::new(), zeros: Vec::new() };
    let mut at = 0;
    while let Some(look) = text.get(at..).and_then(|rest| rest.first_chunk::<LOOK>()) {
        let (introducers, zeros) = signs(look);
        // Ordinary text seldom holds two bytes that begin an escape so close to one another.
        if introducers & introducers.wrapping_sub(1) != 0 {
            seen.take_escapes(text, at);
        }
        if zeros != 0 && WIDE.contains(&zeros) {
            seen.take_zeros(text, at);
        }
        at += LOOKS;
    }
    seen
}

/// Apart, so that the loop stays as small as it is.
impl Dense {
    #[cold]
    #[inline(never)]
    fn take_escapes(&mut self, text: &[u8], at: usize) {
        if super::escape::dense(text, at).is_some() {
            self.escapes.push(at);
        }
    }

    #[cold]
    #[inline(never)]
    fn take_zeros(&mut self, text: &[u8], at: usize) {
        if text[at..at + LOOK].iter().all(|b| matches!(b, 0 | b' '..=b'~')) {
            self.zeros.push(at);
        }
    }
}

/// Which bytes of a look are zero when characters stand between them: one zero a character (UTF-16) or three (UTF-32).
const WIDE: [u32; 6] = [0xAAAA, 0x5555, 0xEEEE, 0xDDDD, 0xBBBB, 0x7777];

/// Which bytes of a look begin an escape, and which are zero.
#[inline(always)]
fn signs(look: &[u8; LOOK]) -> (u32, u32) {
    let bytes = u8x16::new(*look);
    let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
    ((is(b'%') | is(b'\\') | is(b'&') | is(b'=')).to_bitmask(), is(0).to_bitmask())
}

/// Whether a text has the name of W&B in it, in any case.
pub fn names_wandb(text: &[u8]) -> bool {
    const NAME: &[u8] = b"wandb";
    const LAST: usize = NAME.len() - 1;
    const BLOCK: usize = 4 * WINDOW;
    let mut at = 0;
    // The first and the last of its letters are compared, block by block; the rest only where both fit.
    while let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk::<{ BLOCK + LAST }>()) {
        let letters = |at: usize, letter: u8| {
            let bytes = block[at..].first_chunk::<WINDOW>().map_or(u8x16::ZERO, |window| u8x16::new(*window));
            (bytes | u8x16::splat(0x20)).simd_eq(u8x16::splat(letter))
        };
        let fits = |at: usize| letters(at, b'w') & letters(at + LAST, b'b');
        let any = fits(0) | fits(WINDOW) | fits(2 * WINDOW) | fits(3 * WINDOW);
        if any.to_bitmask() != 0 && block.windows(NAME.len()).any(|word| word.eq_ignore_ascii_case(NAME)) {
            return true;
        }
        at += BLOCK;
    }
    text[at..].windows(NAME.len()).any(|word| word.eq_ignore_ascii_case(NAME))
}
