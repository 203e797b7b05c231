//! The cheapest questions that rule most bytes out: is there a run of at least [`MIN_RUN`] key characters here, or anything
//! that decoding would turn into one? In: bytes. Out: every such run, whole, and the signs of what could be decoded. Nothing
//! else looks at every byte.

use std::ops::Range;

use fearless_simd::{Level, dispatch, mask8x16, prelude::*, u8x16, u8x64};

/// Both formats lie in a run of at least this many letters, digits and underscores.
pub const MIN_RUN: usize = 40;

/// A run of [`MIN_RUN`] holds a whole window of this width at one of the offsets [`STRIDE`] apart.
const WINDOW: usize = 16;
const STRIDE: usize = MIN_RUN - WINDOW + 1;

/// Whether a byte can be part of a key: a letter, a digit or an underscore.
#[inline(always)]
pub const fn is_word(byte: u8) -> bool {
    IS_WORD[byte as usize]
}

static IS_WORD: [bool; 256] = WORD;

pub(super) const WORD: [bool; 256] = {
    let mut word = [false; 256];
    let mut byte = 0u8;
    while byte < 128 {
        word[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'_';
        byte += 1;
    }
    word
};

/// Which bytes are among some: for whoever asks it of every byte.
pub(super) const fn among(some: &[u8]) -> [bool; 256] {
    let mut among = [false; 256];
    let mut nth = 0;
    while nth < some.len() {
        among[some[nth] as usize] = true;
        nth += 1;
    }
    among
}

/// Every maximal run of at least [`MIN_RUN`] letters, digits and underscores, in order.
pub fn runs(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let level = Level::new();
    let mut at = 0;
    std::iter::from_fn(move || dispatch!(level, simd => next_run(simd, text, &mut at)))
}

/// The runs of which a part lies in `within`, each whole: one that begins before it may still hold what begins in it.
pub fn runs_in(text: &[u8], within: Range<usize>) -> Vec<Range<usize>> {
    let (from, to) = dispatch!(Level::new(), simd => {
        (within.start - words_before(simd, text, within.start), within.end + words_from(simd, text, within.end))
    });
    runs(&text[from..to]).map(|run| run.start + from..run.end + from).collect()
}

// What is compiled once for each kind of vectors that a processor may have is inlined all through.

/// The first run at or behind `at`, which is moved behind it.
#[inline(always)]
fn next_run<S: Simd>(simd: S, text: &[u8], at: &mut usize) -> Option<Range<usize>> {
    while let Some(window) = text.get(*at..).and_then(|rest| rest.first_chunk::<WINDOW>()) {
        if !all_word(simd, window) {
            *at += STRIDE;
            continue;
        }
        let start = *at - words_before(simd, text, *at);
        let end = *at + WINDOW + words_from(simd, text, *at + WINDOW);
        // The byte at `end` is none of ours, so the next run begins behind it.
        *at = end + 1;
        if end - start >= MIN_RUN {
            return Some(start..end);
        }
    }
    None
}

/// Whether all of a window are key characters. Most windows hold a blank or a sign that comes before the digits, which shows
/// in a few vector instructions.
#[inline(always)]
fn all_word<S: Simd>(simd: S, window: &[u8; WINDOW]) -> bool {
    let bytes = u8x16::load_array_ref(simd, window);
    bytes.simd_ge(u8x16::splat(simd, b'0')).all_true() && words(simd, bytes).all_true()
}

/// Which bytes of a window are key characters: a dozen vector instructions.
#[inline(always)]
fn words<S: Simd>(simd: S, bytes: u8x16<S>) -> mask8x16<S> {
    let letter = within(simd, bytes | u8x16::splat(simd, 0x20), b'a', b'z');
    letter | within(simd, bytes, b'0', b'9') | bytes.simd_eq(u8x16::splat(simd, b'_'))
}

#[inline(always)]
fn within<S: Simd>(simd: S, bytes: u8x16<S>, low: u8, high: u8) -> mask8x16<S> {
    (bytes - u8x16::splat(simd, low)).simd_le(u8x16::splat(simd, high - low))
}

/// How many characters of base64, of either alphabet, a text begins with.
pub(super) fn base64_from(text: &[u8]) -> usize {
    dispatch!(Level::new(), simd => row_from::<_, true>(simd, text, 0))
}

/// How many it ends with.
pub(super) fn base64_before(text: &[u8]) -> usize {
    dispatch!(Level::new(), simd => row_before::<_, true>(simd, text, text.len()))
}

fn is_base64(byte: u8) -> bool {
    is_word(byte) || matches!(byte, b'+' | b'/' | b'-')
}

/// How many key characters stand in a row up to `at`.
#[inline(always)]
fn words_before<S: Simd>(simd: S, text: &[u8], at: usize) -> usize {
    row_before::<_, false>(simd, text, at)
}

/// How many key characters stand in a row from `at` on.
#[inline(always)]
fn words_from<S: Simd>(simd: S, text: &[u8], at: usize) -> usize {
    row_from::<_, false>(simd, text, at)
}

/// Which bytes of a window can stand in a row.
#[inline(always)]
fn in_row<S: Simd, const SIGNS: bool>(simd: S, window: &[u8; WINDOW]) -> u64 {
    let bytes = u8x16::load_array_ref(simd, window);
    if SIGNS { base64(simd, bytes).to_bitmask() } else { words(simd, bytes).to_bitmask() }
}

/// How many key characters, and signs of base64 if `SIGNS`, stand in a row up to `at`. A function that is handed over would not
/// be compiled for the vectors at hand.
#[inline(always)]
fn row_before<S: Simd, const SIGNS: bool>(simd: S, text: &[u8], at: usize) -> usize {
    let mut start = at;
    while let Some(window) = text[..start].last_chunk::<WINDOW>() {
        let row = (in_row::<_, SIGNS>(simd, window) << (64 - WINDOW)).leading_ones() as usize;
        start -= row;
        if row < WINDOW {
            return at - start;
        }
    }
    at - start + text[..start].iter().rev().take_while(|&&b| if SIGNS { is_base64(b) } else { is_word(b) }).count()
}

/// Likewise from `at` on.
#[inline(always)]
fn row_from<S: Simd, const SIGNS: bool>(simd: S, text: &[u8], at: usize) -> usize {
    let mut end = at;
    while let Some(window) = text[end..].first_chunk::<WINDOW>() {
        let row = in_row::<_, SIGNS>(simd, window).trailing_ones() as usize;
        end += row;
        if row < WINDOW {
            return end - at;
        }
    }
    end - at + text[end..].iter().take_while(|&&b| if SIGNS { is_base64(b) } else { is_word(b) }).count()
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
    dispatch!(Level::new(), simd => Survey::of(simd, text))
}

impl Survey {
    #[inline(always)]
    fn of<S: Simd>(simd: S, text: &[u8]) -> Survey {
        let mut seen = Survey::default();
        let mut at = 0;
        let mut base64 = false;
        while let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk::<{ LOOKS + LAST }>()) {
            seen.look(simd, text, at);
            seen.gzip(simd, text, at, block, &mut base64);
            let starts = may_name_wandb(simd, block);
            if starts != 0 {
                seen.name(text, at, starts);
            }
            at += LOOKS;
        }
        // What is left is shorter than a block and the rest of a name, so none begins behind a block.
        let mut block = [0; LOOKS + LAST];
        block[..text.len() - at].copy_from_slice(&text[at..]);
        let starts = may_name_wandb(simd, &block);
        if starts != 0 {
            seen.name(text, at, starts);
        }
        seen.look(simd, text, at);
        seen.gzip_in(text, text.len().saturating_sub(2 * LOOKS)..text.len());
        seen
    }

    /// Looks at what stands at `at`, if enough does.
    #[inline(always)]
    fn look<S: Simd>(&mut self, simd: S, text: &[u8], at: usize) {
        let Some(look) = text[at..].first_chunk::<LOOK>() else { return };
        let bytes = u8x16::load_array_ref(simd, look);
        let introducers =
            is(simd, bytes, b'%') | is(simd, bytes, b'\\') | is(simd, bytes, b'&') | is(simd, bytes, b'=');
        let zeros = is(simd, bytes, 0);
        // Ordinary text seldom holds two of these so close to one another.
        let signs = (introducers | zeros).to_bitmask();
        if signs & signs.wrapping_sub(1) != 0 {
            self.take(text, at, [introducers.to_bitmask(), zeros.to_bitmask()]);
        }
    }

    /// Notes where W&B's name begins, of some places behind `at`.
    #[cold]
    #[inline(never)]
    fn name(&mut self, text: &[u8], at: usize, mut starts: u64) {
        while starts != 0 {
            let start = at + starts.trailing_zeros() as usize;
            if text.get(start..start + NAME.len()).is_some_and(|word| word.eq_ignore_ascii_case(NAME)) {
                self.names_wandb = true;
                if self.names.len() < MOST_NAMES {
                    self.names.push(start);
                }
            }
            starts &= starts - 1;
        }
    }

    /// Notes where a gzip stream begins in base64, if half a block holds nothing but what base64 may be made of. One that holds
    /// a key takes so much that some half is full of it. `within` is whether the half before was all base64.
    #[inline(always)]
    fn gzip<S: Simd>(&mut self, simd: S, text: &[u8], at: usize, block: &[u8; LOOKS + LAST], within: &mut bool) {
        // Blanks, line ends, quotes and most signs come before all that base64 is made of.
        let fits = window64(simd, block, 0).simd_ge(u8x64::splat(simd, b'+')).to_bitmask();
        *within = fits as u32 == u32::MAX && self.gzip_at(simd, text, at, *within);
        *within = fits >> HALF == u64::from(u32::MAX) && self.gzip_at(simd, text, at + HALF, *within);
    }

    /// Looks for the beginning of a gzip stream in half a block and the half before it, unless the stretch of base64 began even
    /// before that; tells whether this half is all base64.
    #[inline(always)]
    fn gzip_at<S: Simd>(&mut self, simd: S, text: &[u8], at: usize, within: bool) -> bool {
        let quarter = |at: usize| text[at..].first_chunk().map(|part| u8x16::load_array_ref(simd, part));
        let (Some(one), Some(other)) = (quarter(at), quarter(at + WINDOW)) else { return false };
        let full = (base64(simd, one) & base64(simd, other)).all_true();
        if full && within {
            return true;
        }
        // What is no text comes behind it all.
        let last = u8x16::splat(simd, b'z');
        if full || (one.simd_le(last) & other.simd_le(last)).all_true() {
            self.gzip_in(text, at.saturating_sub(HALF)..at + HALF);
        }
        full
    }

    /// Notes the gzip streams that begin in a part of a text.
    #[cold]
    #[inline(never)]
    fn gzip_in(&mut self, text: &[u8], part: Range<usize>) {
        let from = self.gzips.last().map_or(part.start, |last| part.start.max(last + 1));
        let starts = memchr::memchr_iter(GZIP_START[0], &text[from.min(part.end)..part.end]).map(|at| from + at);
        let starts = starts.filter(|&at| text[at..].starts_with(GZIP_START) && begins_word(text, at));
        self.gzips.extend(starts);
    }

    /// Takes a look in which several bytes begin an escape or are zero; apart, so that the loop stays small.
    #[cold]
    #[inline(never)]
    fn take(&mut self, text: &[u8], at: usize, [introducers, zeros]: [u64; 2]) {
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
const WIDE: [u64; 6] = [0xAAAA, 0x5555, 0xEEEE, 0xDDDD, 0xBBBB, 0x7777];

/// How many places at which W&B is named are noted.
const MOST_NAMES: usize = 1 << 16;

/// At which of the first [`LOOKS`] bytes the name of W&B may begin: its first and its last letter stand where they would.
#[inline(always)]
fn may_name_wandb<S: Simd>(simd: S, block: &[u8; LOOKS + LAST]) -> u64 {
    let case = u8x64::splat(simd, 0x20);
    let first = window64(simd, block, 0) ^ u8x64::splat(simd, b'w');
    let last = window64(simd, block, LAST) ^ u8x64::splat(simd, b'b');
    // Of two letters that fit nothing differs but their case.
    (first | last | case).simd_eq(case).to_bitmask()
}

/// What stands in a block and behind it, from one of its first places on.
#[inline(always)]
pub(super) fn window64<S: Simd>(simd: S, block: &[u8], at: usize) -> u8x64<S> {
    match block[at..].first_chunk::<BLOCK>() {
        Some(block) => u8x64::load_array_ref(simd, block),
        None => u8x64::splat(simd, 0),
    }
}

#[inline(always)]
fn is<S: Simd>(simd: S, bytes: u8x16<S>, sign: u8) -> mask8x16<S> {
    bytes.simd_eq(u8x16::splat(simd, sign))
}

#[inline(always)]
fn base64<S: Simd>(simd: S, bytes: u8x16<S>) -> mask8x16<S> {
    words(simd, bytes) | is(simd, bytes, b'+') | is(simd, bytes, b'/') | is(simd, bytes, b'-')
}

/// What is looked through at a time.
pub(super) const BLOCK: usize = 4 * WINDOW;
const _: () = assert!(LOOKS == BLOCK);
/// Half of it.
const HALF: usize = BLOCK / 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::example::{legacy_key, v1_key};

    /// The kinds of vectors that this processor has.
    fn levels() -> Vec<Level> {
        let best = Level::new();
        let mut levels = vec![Level::baseline(), best];
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        levels.extend([best.as_sse4_2().map(Level::Sse4_2), best.as_avx2().map(Level::Avx2)].into_iter().flatten());
        levels
    }

    /// Texts of every length up to some blocks, full of what the survey and the runs look for.
    fn texts() -> impl Iterator<Item = Vec<u8>> {
        let key = legacy_key("probe");
        let wide: Vec<u8> = key.bytes().flat_map(|byte| [byte, 0]).collect();
        let escaped: String = key.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let parts: Vec<Vec<u8>> = vec![
            key.clone().into(),
            v1_key("probe").into(),
            wide,
            escaped.into(),
            b"wandb".to_vec(),
            b"ab+/cd-e".repeat(4),
            b"WanDB".to_vec(),
            b"wand wxyzb wandb".to_vec(),
            [GZIP_START, &[b'A'; 90]].concat(),
            [b'z'; 33].to_vec(),
            b" = (\"a\", ".to_vec(),
            b"\n\t".to_vec(),
            vec![0, 0xFF, b'{', 0x80],
            b"b_".to_vec(),
            b"=\\&%".to_vec(),
        ];
        let mut seed = 1u32;
        (0..3000).map(move |nth| {
            let mut text = Vec::new();
            while text.len() < nth % 400 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.extend_from_slice(&parts[(seed >> 16) as usize % parts.len()]);
            }
            text.truncate(nth % 400);
            text
        })
    }

    #[test]
    fn runs_are_those_of_a_plain_count_with_all_vectors() {
        for text in texts() {
            let mut wanted = Vec::new();
            let mut start = 0;
            for at in 0..=text.len() {
                if text.get(at).is_none_or(|byte| !is_word(*byte)) {
                    wanted.extend((at - start >= MIN_RUN).then_some(start..at));
                    start = at + 1;
                }
            }
            assert_eq!(runs(&text).collect::<Vec<_>>(), wanted);
            assert_eq!(runs_in(&text, 0..text.len()), wanted);
            assert_eq!(base64_from(&text), text.iter().take_while(|byte| is_base64(**byte)).count());
            assert_eq!(base64_before(&text), text.iter().rev().take_while(|byte| is_base64(**byte)).count());
            for level in levels() {
                let mut at = 0;
                let next = || dispatch!(level, simd => next_run(simd, &text, &mut at));
                assert_eq!(std::iter::from_fn(next).collect::<Vec<_>>(), wanted, "{level:?}");
            }
        }
    }

    #[test]
    fn a_survey_sees_the_same_with_all_vectors() {
        let told = |seen: Survey| (seen.escapes, seen.zeros, seen.gzips, seen.names_wandb, seen.names);
        let mut all = [0; 4];
        for text in texts() {
            let lower = text.to_ascii_lowercase();
            let names: Vec<usize> = memchr::memmem::find_iter(&lower, NAME).collect();
            let seen = told(survey(&text));
            assert_eq!((seen.3, &seen.4), (!names.is_empty(), &names));
            for level in levels() {
                assert_eq!(told(dispatch!(level, simd => Survey::of(simd, &text))), seen, "{level:?}");
            }
            let counts = [seen.0.len(), seen.1.len(), seen.2.len(), seen.4.len()];
            all.iter_mut().zip(counts).for_each(|(all, count)| *all += count);
        }
        assert!(all.iter().all(|count| *count > 100), "{all:?}");
    }

    #[test]
    fn of_very_many_names_the_first_are_noted() {
        let seen = survey(&b"wandb ".repeat(MOST_NAMES + 10));
        assert!(seen.names_wandb && seen.names.iter().copied().eq((0..MOST_NAMES).map(|nth| nth * 6)));
    }
}
