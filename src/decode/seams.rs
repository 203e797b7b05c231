//! Where a word may be cut in two. In: a text. Out: the places of the signs at which a literal may go on with another one, a tag
//! may stand in a word, or a line may go on in the next. Most signs are ruled out by the bytes before and behind them.

use fearless_simd::{Level, dispatch, prelude::*, u8x64};

use super::probe::{BLOCK, WORD, window64};

/// Every place, in order, where a word may be cut in two: `</` and an equals sign or a backslash at a line end, which behind an
/// equals sign may be written out; and the quotes behind which a literal may go on with another one, if one ends there.
pub(super) fn seams(text: &[u8]) -> Vec<usize> {
    dispatch!(Level::new(), simd => seams_with(simd, text))
}

#[inline(always)]
fn seams_with<S: Simd>(simd: S, text: &[u8]) -> Vec<usize> {
    let mut seams = Vec::new();
    let mut start = 0;
    while let Some(block) = text.get(start..).and_then(|rest| rest.first_chunk::<{ BLOCK + 1 }>()) {
        let mut signs = signs_in(simd, block);
        while signs != 0 {
            let at = start + signs.trailing_zeros() as usize;
            if is_seam(text, at) {
                seams.push(at);
            }
            signs &= signs - 1;
        }
        start += BLOCK;
    }
    seams.extend((start..text.len()).filter(|at| is_seam(text, *at)));
    seams
}

/// Which bytes of a block are signs at which a word may be cut: every quote, and of the others those whose next byte
/// does not tell otherwise.
#[inline(always)]
fn signs_in<S: Simd>(simd: S, block: &[u8; BLOCK + 1]) -> u64 {
    let is = |bytes: u8x64<S>, sign: u8| bytes.simd_eq(u8x64::splat(simd, sign));
    let (bytes, next) = (window64(simd, block, 0), window64(simd, block, 1));
    // Line ends differ in the last three bits, and from few other bytes in none but those.
    let breaks = is(next | u8x64::splat(simd, 7), b'\n' | 7) | is(next, b'\\');
    let cuts = (is(bytes, b'=') | is(bytes, b'\\')) & breaks | is(bytes, b'<') & is(next, b'/');
    let quotes = is(bytes, b'"') | is(bytes, b'\'') | is(bytes, b'`');
    (cuts | quotes).to_bitmask()
}

#[inline(always)]
fn is_seam(text: &[u8], at: usize) -> bool {
    let Some([sign, behind @ ..]) = text.get(at..) else { return false };
    match SIGNS[usize::from(*sign)] & behind.first().map_or(0, |next| NEXT[usize::from(*next)]) {
        0 => false,
        QUOTE => at > 0 && ENDS_PIECE[usize::from(text[at - 1])] && leads_on(behind),
        _ => true,
    }
}

/// Whether what stands behind a quote may lead to another literal. Most quotes end items, arguments and names.
#[inline(always)]
pub(super) fn leads_on(behind: &[u8]) -> bool {
    match behind {
        [b')', third, ..] => matches!(third, b'.' | b';'),
        [next, ..] => *next != b')' && NEXT[usize::from(*next)] & QUOTE != 0,
        [] => false,
    }
}

/// The kinds of signs at which a word may be cut.
const QUOTE: u8 = 1;
const TAG: u8 = 2;
const EQUALS: u8 = 4;
const BACKSLASH: u8 = 8;

/// Which of them a byte is.
static SIGNS: [u8; 256] = table(&[(b"\"'`", QUOTE), (b"<", TAG), (b"=", EQUALS), (b"\\", BACKSLASH)], 0);

/// Behind which of them a byte may stand where a word is cut. Behind a quote that ends a literal, what leads to the next one:
/// blanks, comments, a comma, an operator, a prefix, a name to which more is added, an escaped quote.
static NEXT: [u8; 256] = table(
    &[(b" \t\r\n\x0C\\#/,.)}+|<*&~^;$@\"'`", QUOTE), (b"/", TAG), (b"\n\r\\", EQUALS), (b"\n\r", BACKSLASH)],
    QUOTE,
);

/// What may stand before a quote that ends a piece of a word: its last character, or the backslash of an escaped quote.
static ENDS_PIECE: [bool; 256] = {
    let mut ends = WORD;
    ends[b'-' as usize] = true;
    ends[b'\\' as usize] = true;
    ends
};

/// A table of bytes; key characters are of the kinds `words`.
const fn table<const N: usize>(kinds: &[(&[u8], u8); N], words: u8) -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        if WORD[byte] {
            table[byte] = words;
        }
        byte += 1;
    }
    let mut nth = 0;
    while nth < N {
        let (bytes, kind) = kinds[nth];
        let mut at = 0;
        while at < bytes.len() {
            table[bytes[at] as usize] |= kind;
            at += 1;
        }
        nth += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seams_are_those_of_a_plain_search() {
        let cut = regex::bytes::Regex::new(r"(?-u)^(?:=[\n\r\\]|\\[\n\r]|</)").expect("a pattern");
        let quote = regex::bytes::Regex::new(
            r##"(?-u)^[A-Za-z0-9_\\-]["'`](?:[A-Za-z0-9_ \t\r\n\x0C\\#/,.}+|<*&~^;$@"'`]|\)[.;])"##,
        );
        let quote = quote.expect("a pattern");
        let mut seed = 1u32;
        for nth in 0..4000 {
            let mut next = || {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 16) as usize
            };
            let signs = b"\"'`\\=</\n\r ,ab)-_]:({[>.;+\x00\xFF\x0C%!?@";
            let text: Vec<u8> = (0..nth % 300).map(|_| signs[next() % signs.len()]).collect();
            let is_quote = |at: usize| at > 0 && quote.is_match(&text[at - 1..]);
            let wanted: Vec<usize> = (0..text.len()).filter(|at| cut.is_match(&text[*at..]) || is_quote(*at)).collect();
            assert_eq!(seams(&text), wanted, "{:?}", String::from_utf8_lossy(&text));
            let baseline = dispatch!(Level::baseline(), simd => seams_with(simd, &text));
            assert_eq!(baseline, wanted);
        }
    }
}
