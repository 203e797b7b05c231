//! Finds key shapes. In: bytes and their long runs. Out: every place that has the shape of a key, in order, as byte ranges.
//! No opinion and no context: a commit id is a candidate too.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem;

use crate::decode::probe::{self, MIN_RUN};
use crate::secret::{Format, Secret};

/// What every key of the newer format begins with.
const V1_START: &[u8] = b"wandb_v1_";
/// What every version of it begins with.
static V1: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("wandb_v"));
/// The lengths of the two parts behind it: the key's id and its secret, with an underscore between.
const V1_ID: usize = 27;
const V1_SECRET: usize = 49;
/// A secret cut off after this many characters is still worth a word.
const CUT_OFF_SECRET: usize = 20;
/// A later version of the format has at least this many characters behind `wandb_vN_`.
const LATER_BODY: usize = 60;
/// The longest on-prem prefix.
const MAX_PREFIX: usize = 32;

/// What a candidate has the shape of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A whole key.
    Key(Format),
    /// A v1 key that lacks its end, or a key of a later version.
    Partial,
}

/// A place that has the shape of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What it has the shape of.
    pub shape: Shape,
    /// The bytes of the key, without an on-prem prefix.
    pub key: Range<usize>,
    /// Where a word and a dash directly before the key begin; whether that is an on-prem prefix is for the judge.
    pub prefix: Option<usize>,
}

/// Every candidate that begins in `within`, in order. `text` may reach further on both sides, so that a run that crosses
/// the border is seen whole.
pub fn candidates(text: &[u8], within: Range<usize>) -> Vec<Candidate> {
    among(text, within.clone(), &probe::runs_in(text, within))
}

/// Where a text names W&B, in any case, in order; of very many places the first ones.
pub fn names(text: &[u8]) -> Vec<usize> {
    probe::survey(text).names
}

/// The key that a text is, with its on-prem prefix, if it is a whole one and nothing else.
pub fn credential(text: &[u8]) -> Option<Secret<'_>> {
    let found = candidates(text, 0..text.len());
    let [Candidate { shape: Shape::Key(format), key, prefix }] = &found[..] else { return None };
    let whole = prefix.unwrap_or(key.start) == 0 && key.end == text.len();
    whole.then(|| Secret::new(text, *format))
}

/// As [`candidates`], of a text whose long runs are known.
pub fn among(text: &[u8], within: Range<usize>, runs: &[Range<usize>]) -> Vec<Candidate> {
    let mut found = Vec::new();
    for run in runs {
        in_run(text, run.clone(), &mut found);
    }
    found.retain(|candidate| within.contains(&candidate.key.start));
    found
}

/// The candidates in one run of key characters.
fn in_run(text: &[u8], run: Range<usize>, found: &mut Vec<Candidate>) {
    let start = run.start + escape_tail(text, run.clone());
    let word = &text[start..run.end];
    if word.len() == Format::Legacy.length() {
        if word.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            found.push(Candidate {
                shape: Shape::Key(Format::Legacy),
                key: start..run.end,
                prefix: prefix(text, start),
            });
        }
        return;
    }
    // Most long runs are names and digests of fewer characters than the shortest part of a v1 key that is told.
    if word.len() < V1_START.len() + V1_ID + 1 + CUT_OFF_SECRET {
        return;
    }
    for at in V1.find_iter(word) {
        let at = start + at;
        let Some((shape, length)) = v1_at(&text[at..run.end]) else { continue };
        found.push(Candidate { shape, key: at..at + length, prefix: prefix(text, at) });
    }
}

/// What begins with `wandb_v` here, and how long it is.
fn v1_at(word: &[u8]) -> Option<(Shape, usize)> {
    let alphanumeric = |bytes: &[u8]| bytes.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    if let Some(body) = word.strip_prefix(V1_START) {
        if alphanumeric(body) != V1_ID || body.get(V1_ID) != Some(&b'_') {
            return None;
        }
        let secret = alphanumeric(&body[V1_ID + 1..]);
        let shape = match secret {
            V1_SECRET => Shape::Key(Format::V1),
            CUT_OFF_SECRET..V1_SECRET => Shape::Partial,
            _ => return None,
        };
        return Some((shape, V1_START.len() + V1_ID + 1 + secret));
    }
    let digits = word[7..].iter().take_while(|b| b.is_ascii_digit()).count();
    let body = word[7 + digits..].strip_prefix(b"_").filter(|_| digits > 0)?;
    (body.len() >= LATER_BODY).then_some((Shape::Partial, word.len()))
}

/// Where the word of a `word-KEY` begins, if a word of at most [`MAX_PREFIX`] letters and digits and a dash stand before
/// `key`. The letters of an escape (`\n`, `%3D`) are no part of it.
fn prefix(text: &[u8], key: usize) -> Option<usize> {
    let dash = key.checked_sub(1).filter(|&at| text[at] == b'-')?;
    let length = text[..dash].iter().rev().take(MAX_PREFIX + 1).take_while(|b| b.is_ascii_alphanumeric()).count();
    let start = dash - length;
    let start = match text[start..dash].strip_suffix(b"local") {
        // Quoted-printable writes `=3Dlocal-…`.
        Some([b'0'..=b'9' | b'A'..=b'F', b'0'..=b'9' | b'A'..=b'F']) if text[..start].ends_with(b"=") => start + 2,
        _ => start + escape_tail(text, start..dash),
    };
    (start < dash && dash - start <= MAX_PREFIX).then_some(start)
}

/// How many characters at the start of `run` belong to an escape that begins before it: the `n` of `\n`, the `3D` of
/// `%3D`, the `u003d` of `\u003d`, the `32m` of a terminal colour.
fn escape_tail(text: &[u8], run: Range<usize>) -> usize {
    let word = &text[run.clone()];
    let hex = |bytes: Option<&[u8]>| bytes.is_some_and(|b| b.iter().all(u8::is_ascii_hexdigit));
    let Some(before) = run.start.checked_sub(1).map(|at| text[at]) else { return 0 };
    match before {
        b'\\' => match word.first() {
            Some(b'x') if hex(word.get(1..3)) => 3,
            Some(b'u') if hex(word.get(1..5)) => 5,
            Some(b'U') if hex(word.get(1..9)) => 9,
            Some(b'0'..=b'7') if word.len() > 3 => {
                // `\0`, `\33`, `\033`: as many octal digits as leave a key behind them.
                let octal = word.iter().take(3).take_while(|b| matches!(b, b'0'..=b'7')).count();
                let over = word.len() % Format::Legacy.length();
                if (1..=octal).contains(&over) { over } else { 0 }
            }
            Some(b'a' | b'b' | b'e' | b'f' | b'n' | b'r' | b't' | b'v') => 1,
            _ => 0,
        },
        b'%' if hex(word.get(..2)) => 2,
        // Quoted-printable writes capitals; `KEY=3d…` in small letters is an assignment.
        b'=' if word.get(..2).is_some_and(|b| b.iter().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F')))
            && word.len() == Format::Legacy.length() + 2 =>
        {
            2
        }
        b'[' | b';' => colour_tail(text, run),
        _ => 0,
    }
}

/// The rest of a terminal colour (`ESC [ 1 ; 32 m`) at the start of a run, the escape written as a byte or spelled out.
fn colour_tail(text: &[u8], run: Range<usize>) -> usize {
    let digits = text[run.clone()].iter().take_while(|b| b.is_ascii_digit()).count();
    if text.get(run.start + digits) != Some(&b'm') || digits > 3 {
        return 0;
    }
    let open = text[..run.start].iter().rev().take_while(|b| b.is_ascii_digit() || **b == b';').count();
    let introducer = text[..run.start - open].strip_suffix(b"[");
    let escaped = introducer.is_some_and(|before| {
        [&b"\x1b"[..], b"\\x1b", b"\\x1B", b"\\u001b", b"\\u001B", b"\\033", b"\\e"].iter().any(|e| before.ends_with(e))
    });
    if escaped { digits + 1 } else { 0 }
}

const _: () = assert!(MIN_RUN <= Format::Legacy.length());
const _: () = assert!(V1_START.len() + V1_ID + 1 + V1_SECRET == Format::V1.length());

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(text: &str) -> Vec<(Shape, usize, Option<usize>)> {
        candidates(text.as_bytes(), 0..text.len()).into_iter().map(|c| (c.shape, c.key.start, c.prefix)).collect()
    }

    #[test]
    fn a_complete_escape_is_a_boundary() {
        let key = "3f".repeat(20);
        let legacy = Shape::Key(Format::Legacy);
        for before in
            ["\\n", "\\t", "\\\"", "\\u003d", "\\x3d", "%3D", "%3d", "=3D", "\\\\n", "\x1b[32m", "\\u001b[1;32m"]
        {
            assert_eq!(shapes(&format!("{before}{key}")), [(legacy, before.len(), None)], "{before}");
            let local = format!("{before}local-{key}");
            assert_eq!(shapes(&local), [(legacy, before.len() + 6, Some(before.len()))], "{local}");
        }
        for before in ["x", "_", "0x", "3d", "m", "n", "A"] {
            assert_eq!(shapes(&format!("{before}{key}")), [], "{before}");
        }
        assert_eq!(shapes(&format!("{key}_")), []);
    }

    #[test]
    fn v1_needs_no_left_boundary_and_no_letter_behind() {
        let key = format!("wandb_v1_{}_{}", "a1B".repeat(9), "c2D4e6F".repeat(7));
        let whole = Shape::Key(Format::V1);
        assert_eq!(shapes(&format!("ABC{key}")), [(whole, 3, None)]);
        assert_eq!(shapes(&format!("{key}_")), [(whole, 0, None)]);
        assert_eq!(shapes(&format!("{key}x")), []);
        assert_eq!(shapes(&format!("\\nlocal-{key}")), [(whole, 8, Some(2))]);
        assert_eq!(shapes(&key[..key.len() - 1]), [(Shape::Partial, 0, None)]);
        assert_eq!(shapes(&key[..key.len() - 29]), [(Shape::Partial, 0, None)]);
        assert_eq!(shapes(&key[..key.len() - 30]), []);
        assert_eq!(shapes(&key[..20]), []);
        assert_eq!(shapes(&format!("wandb_v2_{}", "xY9".repeat(20))), [(Shape::Partial, 0, None)]);
        assert_eq!(shapes(&format!("wandb_v1_{}", "x".repeat(76))), []);
    }

    #[test]
    fn only_what_begins_within_is_told_and_runs_over_the_border_are_seen_whole() {
        let key = "ab12".repeat(10);
        let text = format!("{key} {key}");
        assert_eq!(candidates(text.as_bytes(), 0..20).len(), 1);
        assert_eq!(candidates(text.as_bytes(), 1..41).len(), 0);
        assert_eq!(candidates(text.as_bytes(), 20..text.len()).len(), 1);
    }
}
