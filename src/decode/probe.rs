//! The cheapest questions that rule most bytes out: is there a run of at least [`MIN_RUN`] key characters here, or anything
//! that decoding would turn into one? In: bytes. Out: every such run, whole, and the signs of what could be decoded. Nothing
//! else looks at every byte.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;
use wide::u8x16;

/// Both formats lie in a run of at least this many letters, digits and underscores.
pub const MIN_RUN: usize = 40;

/// A run of [`MIN_RUN`] holds a whole window of this width at one of the offsets [`STRIDE`] apart.
const WINDOW: usize = 16;
const STRIDE: usize = MIN_RUN - WINDOW + 1;

/// Whether a byte can be part of a key: a letter, a digit or an underscore.
#[inline(always)]
pub const fn is_word(byte: u8) -> bool {
    WORD[byte as usize]
}

static WORD: [bool; 256] = {
    let mut word = [false; 256];
    let mut byte = 0u8;
    while byte < 128 {
        word[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'_';
        byte += 1;
    }
    word
};

/// Every maximal run of at least [`MIN_RUN`] letters, digits and underscores, in order.
pub fn runs(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(window) = text.get(at..).and_then(|rest| rest.first_chunk::<WINDOW>()) {
            if !all_word(window) {
                at += STRIDE;
                continue;
            }
            let start = at - words_before(text, at);
            let end = at + WINDOW + words_from(text, at + WINDOW);
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
    let from = within.start - words_before(text, within.start);
    let to = within.end + words_from(text, within.end);
    runs(&text[from..to]).map(|run| run.start + from..run.end + from).collect()
}

/// Whether all of a window are key characters. Most windows hold a blank or a sign that comes before the digits, which shows
/// in a few vector instructions.
#[inline(always)]
fn all_word(window: &[u8; WINDOW]) -> bool {
    let bytes = u8x16::new(*window);
    bytes.max(u8x16::splat(b'0')).simd_eq(bytes).to_bitmask() == ALL && words(bytes).to_bitmask() == ALL
}

/// Every byte of a window.
const ALL: u32 = 0xFFFF;

/// Which bytes of a window are key characters: a dozen vector instructions.
#[inline(always)]
fn words(bytes: u8x16) -> u8x16 {
    // Unsigned `x - low <= high - low`, for want of a comparison of unsigned bytes.
    let within = |bytes: u8x16, low: u8, high: u8| {
        let from_low = bytes - u8x16::splat(low);
        from_low.min(u8x16::splat(high - low)).simd_eq(from_low)
    };
    let letter = within(bytes | u8x16::splat(0x20), b'a', b'z');
    letter | within(bytes, b'0', b'9') | bytes.simd_eq(u8x16::splat(b'_'))
}

/// How many key characters stand in a row up to `at`.
fn words_before(text: &[u8], at: usize) -> usize {
    let mut start = at;
    while let Some(window) = text[..start].last_chunk::<WINDOW>() {
        let row = (words(u8x16::new(*window)).to_bitmask() << WINDOW).leading_ones() as usize;
        start -= row;
        if row < WINDOW {
            return at - start;
        }
    }
    at - start + text[..start].iter().rev().take_while(|&&b| is_word(b)).count()
}

/// How many key characters stand in a row from `at` on.
fn words_from(text: &[u8], at: usize) -> usize {
    let mut end = at;
    while let Some(window) = text[end..].first_chunk::<WINDOW>() {
        let row = words(u8x16::new(*window)).to_bitmask().trailing_ones() as usize;
        end += row;
        if row < WINDOW {
            return end - at;
        }
    }
    end - at + text[end..].iter().take_while(|&&b| is_word(b)).count()
}

/// How much a survey looks at for what is written character by character, and how far apart. A key of 40 characters takes
/// 80 bytes in UTF-16 and 120 in the shortest escapes, so one that is written so holds a whole look.
pub(super) const LOOK: usize = WINDOW;
const LOOKS: usize = 2 * MIN_RUN - LOOK;

/// What a survey of a text saw.
#[derive(Default)]
pub struct Survey {
    /// Where escapes may follow one another closely.
    pub escapes: Vec<usize>,
    /// Where characters are kept apart by zero bytes.
    pub zeros: Vec<usize>,
    /// Where the base64 of a gzip stream begins.
    pub gzips: Vec<usize>,
    /// Whether the name of W&B stands in it, in any case.
    pub names_wandb: bool,
    /// Where it does, in order; of very many places the first ones.
    pub names: Vec<usize>,
}

/// The name of W&B, and where in it its last letter stands.
const NAME: &[u8] = b"wandb";
const LAST: usize = NAME.len() - 1;

/// Looks through a text, once, for the name of W&B and here and there for what is written character by character.
pub fn survey(text: &[u8]) -> Survey {
    let mut seen = Survey::default();
    let mut at = 0;
    let mut base64 = false;
    while let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk::<{ LOOKS + LAST }>()) {
        seen.look(text, at);
        seen.gzip(text, at, block, &mut base64);
        if may_name_wandb(block) {
            seen.name(text, at..at + LOOKS);
        }
        at += LOOKS;
    }
    seen.name(text, at..text.len());
    seen.look(text, at);
    seen.gzip_in(text, text.len().saturating_sub(2 * LOOKS)..text.len());
    seen
}

impl Survey {
    /// Looks at what stands at `at`, if enough does.
    #[inline(always)]
    fn look(&mut self, text: &[u8], at: usize) {
        let Some(look) = text[at..].first_chunk::<LOOK>() else { return };
        let bytes = u8x16::new(*look);
        let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
        let introducers = is(b'%') | is(b'\\') | is(b'&') | is(b'=');
        // Ordinary text seldom holds two of these so close to one another.
        let signs = (introducers | is(0)).to_bitmask();
        if signs & signs.wrapping_sub(1) != 0 {
            self.take(text, at, [introducers, is(0)].map(u8x16::to_bitmask));
        }
    }

    /// Notes where W&B's name begins in a part of a text.
    #[cold]
    #[inline(never)]
    fn name(&mut self, text: &[u8], part: Range<usize>) {
        let starts = memchr::memchr2_iter(b'w', b'W', &text[part.clone()]).map(|at| part.start + at);
        let named =
            starts.filter(|at| text[*at..].get(..NAME.len()).is_some_and(|word| word.eq_ignore_ascii_case(NAME)));
        let room = MOST_NAMES.saturating_sub(self.names.len());
        self.names.extend(named.take(room));
        self.names_wandb |= !self.names.is_empty();
    }

    /// Notes where a gzip stream begins in base64, if half a block holds nothing but what base64 may be made of. One that holds
    /// a key takes so much that some half is full of it. `within` is whether the half before was all base64.
    #[inline(always)]
    fn gzip(&mut self, text: &[u8], at: usize, block: &[u8; LOOKS + LAST], within: &mut bool) {
        let window = |from: usize| block[from..].first_chunk::<WINDOW>().map_or(u8x16::ZERO, |w| u8x16::new(*w));
        // Blanks, line ends, quotes and most signs come before all that base64 is made of; what is no text comes behind it.
        let full = |from: usize| {
            let (one, other) = (window(from), window(from + WINDOW));
            let (least, most) = (one.min(other), one.max(other));
            let fits = least.max(u8x16::splat(b'+')).simd_eq(least) & most.min(u8x16::splat(b'z')).simd_eq(most);
            fits.to_bitmask() == ALL
        };
        *within = full(0) && self.gzip_at(text, at, *within);
        *within = full(HALF) && self.gzip_at(text, at + HALF, *within);
    }

    /// Looks for the beginning of a gzip stream in half a block and the half before it, unless the stretch of base64 began even
    /// before that; tells whether this half is all base64.
    #[cold]
    #[inline(never)]
    fn gzip_at(&mut self, text: &[u8], at: usize, within: bool) -> bool {
        let all = |from: usize| {
            let bytes = text[from..].first_chunk::<WINDOW>().map_or(u8x16::ZERO, |window| u8x16::new(*window));
            let is = |sign: u8| bytes.simd_eq(u8x16::splat(sign));
            (words(bytes) | is(b'+') | is(b'/') | is(b'-')).to_bitmask() == ALL
        };
        let full = all(at) && all(at + WINDOW);
        if !(full && within) {
            self.gzip_in(text, at.saturating_sub(HALF)..at + HALF);
        }
        full
    }

    /// Notes the gzip streams that begin in a part of a text.
    fn gzip_in(&mut self, text: &[u8], part: Range<usize>) {
        let from = self.gzips.last().map_or(part.start, |last| part.start.max(last + 1));
        let starts = memchr::memchr_iter(GZIP_START[0], &text[from.min(part.end)..part.end]).map(|at| from + at);
        let starts = starts.filter(|&at| text[at..].starts_with(GZIP_START) && begins_word(text, at));
        self.gzips.extend(starts);
    }

    /// Takes a look in which several bytes begin an escape or are zero; apart, so that the loop stays small.
    #[cold]
    #[inline(never)]
    fn take(&mut self, text: &[u8], at: usize, [introducers, zeros]: [u32; 2]) {
        let first = at + introducers.trailing_zeros() as usize;
        if introducers & introducers.wrapping_sub(1) != 0 && super::escape::dense(text, first).is_some() {
            self.escapes.push(first);
        }
        if WIDE.contains(&zeros) && text[at..at + LOOK].iter().all(|b| matches!(b, 0 | b' '..=b'~')) {
            self.zeros.push(at);
        }
    }
}

/// What a gzip stream begins with, in base64.
pub(super) const GZIP_START: &[u8] = b"H4sI";

/// Whether no character of base64 stands before a place; the letter of a line break that is written out is none.
fn begins_word(text: &[u8], at: usize) -> bool {
    match text[..at] {
        [.., b'\\', b'n' | b'r' | b't'] => true,
        [.., last] => !(is_word(last) || matches!(last, b'+' | b'/' | b'-')),
        [] => true,
    }
}

/// Which bytes of a look are zero when characters stand between them: one zero a character (UTF-16) or three (UTF-32).
const WIDE: [u32; 6] = [0xAAAA, 0x5555, 0xEEEE, 0xDDDD, 0xBBBB, 0x7777];

/// How many places at which W&B is named are noted.
const MOST_NAMES: usize = 1 << 16;

/// Whether the name of W&B may begin in the first [`LOOKS`] bytes: its first and its last letter stand where they would.
#[inline(always)]
fn may_name_wandb(block: &[u8; LOOKS + LAST]) -> bool {
    let letters = |at: usize, letter: u8| {
        let bytes = block[at..].first_chunk::<WINDOW>().map_or(u8x16::ZERO, |window| u8x16::new(*window));
        (bytes | u8x16::splat(0x20)).simd_eq(u8x16::splat(letter))
    };
    let fits = |at: usize| letters(at, b'w') & letters(at + LAST, b'b');
    let any = fits(0) | fits(WINDOW) | fits(2 * WINDOW) | fits(3 * WINDOW);
    any.to_bitmask() != 0
}

/// Where a tag or the end of a line may cut a word in two: `</`, and an equals sign or a backslash at a line end, which
/// behind an equals sign may be written out.
static CUTS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?-u)=[\n\r\\]|\\[\n\r]|</").ok());

/// Every place where a tag or the end of a line may cut a word in two, in order.
pub(super) fn cuts(text: &[u8]) -> Vec<usize> {
    let Some(cuts) = CUTS.as_ref() else { return Vec::new() };
    let next = |from: usize| cuts.find_at(text, from).map(|cut| cut.start());
    // What begins within another one counts too.
    std::iter::successors(next(0), |at| next(at + 1)).collect()
}

/// Tells every quote, in order.
#[inline(always)]
pub(super) fn quotes(text: &[u8], mut found: impl FnMut(usize)) {
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    for (nth, block) in blocks.iter().enumerate() {
        let mut quotes = quotes_in(block);
        while quotes != 0 {
            found(nth * BLOCK + quotes.trailing_zeros() as usize);
            quotes &= quotes - 1;
        }
    }
    let is_quote = |b: &u8| matches!(b, b'"' | b'\'' | b'`');
    (blocks.len() * BLOCK..text.len()).zip(rest).filter(|(_, b)| is_quote(b)).for_each(|(at, _)| found(at));
}

/// Which bytes of a block are quotes.
#[inline(always)]
fn quotes_in(block: &[u8; BLOCK]) -> u64 {
    block.as_chunks::<WINDOW>().0.iter().rev().fold(0, |quotes, window| {
        let bytes = u8x16::new(*window);
        let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
        quotes << WINDOW | u64::from((is(b'"') | is(b'\'') | is(b'`')).to_bitmask())
    })
}

/// What is looked through at a time.
const BLOCK: usize = 4 * WINDOW;
const _: () = assert!(LOOKS == BLOCK);
/// Half of it.
const HALF: usize = BLOCK / 2;
