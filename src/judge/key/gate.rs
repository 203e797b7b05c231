//! Whether a text can hold evidence for a legacy key at all: few texts with forty digits have anything to do with W&B. In: bytes.
//! Out: yes or no, as one pattern would say it, at a fraction of its cost.

use fearless_simd::{Level, dispatch, prelude::*, u8x64};

/// How many places are asked at a time.
const BLOCK: usize = 64;
/// How far behind its first letter the letters of a spelling stand by which it is told.
const REACH: usize = 4;

/// Whether a text has W&B's name in any spelling, or what else may make a key of a value; without it there is no evidence for a
/// legacy key, unless its file's name is some.
pub(super) fn may_speak(text: &[u8]) -> bool {
    dispatch!(Level::new(), simd => speaks(simd, text))
}

// What is compiled once for each kind of vectors that a processor may have is inlined all through.

#[inline(always)]
fn speaks<S: Simd>(simd: S, text: &[u8]) -> bool {
    let mut at = 0;
    while let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk::<{ BLOCK + REACH }>()) {
        let starts = may_spell(simd, block);
        if starts != 0 && any_spells(text, at, starts) {
            return true;
        }
        at += BLOCK;
    }
    while at < text.len() {
        let mut block = [0; BLOCK + REACH];
        let rest = &text[at..text.len().min(at + block.len())];
        block[..rest.len()].copy_from_slice(rest);
        if any_spells(text, at, may_spell(simd, &block)) {
            return true;
        }
        at += BLOCK;
    }
    false
}

/// At which places of a block a spelling may begin: its first letter and one or two of the others stand where they would. If the
/// first alone were asked, nearly every block would have some.
#[inline(always)]
fn may_spell<S: Simd>(simd: S, block: &[u8; BLOCK + REACH]) -> u64 {
    let at = |far: usize| match block[far..].first_chunk::<BLOCK>() {
        Some(part) => u8x64::load_array_ref(simd, part) | u8x64::splat(simd, 0x20),
        None => u8x64::splat(simd, 0),
    };
    let [first, second, third, fourth, fifth] = [at(0), at(1), at(2), at(3), at(4)];
    // Of a letter that fits nothing differs.
    let differs = |bytes: u8x64<S>, letter: u8| bytes ^ u8x64::splat(simd, letter | 0x20);
    let any = |bytes: u8x64<S>, [one, two, three]: [u8; 3]| {
        differs(bytes, one).min(differs(bytes, two)).min(differs(bytes, three))
    };
    // `wb`, `w&`, `w\u0026`, and with something between; `wand`, `weigh`, `weave`; `w_and`.
    let rest = any(second, *b"b&\\").min(any(third, *b"b&\\")).min(any(fourth, *b"dgv")).min(differs(fifth, b'd'));
    let name = differs(first, b'w') | rest;
    // `key must be` and `login`.
    let complaint = differs(first, b'k') | differs(fifth, b'm');
    let login = differs(first, b'l') | differs(third, b'g') | differs(fifth, b'n');
    name.min(complaint).min(login).simd_eq(u8x64::splat(simd, 0)).to_bitmask()
}

/// Whether a spelling begins at any of some places behind `at`.
#[inline(never)]
fn any_spells(text: &[u8], at: usize, mut starts: u64) -> bool {
    while starts != 0 {
        let start = at + starts.trailing_zeros() as usize;
        let spells = match text[start].to_ascii_lowercase() {
            b'w' => is_name(text, start),
            b'k' => is_complaint(text, start),
            _ => is_login(&text[start..]),
        };
        if spells {
            return true;
        }
        starts &= starts - 1;
    }
    false
}

/// Whether a spelling of W&B, or of a name with it, has its `w` at `at`. Most are ruled out by what follows.
fn is_name(text: &[u8], at: usize) -> bool {
    let (before, rest) = (&text[..at], &text[at + 1..]);
    let Some(next) = rest.first() else { return false };
    match next.to_ascii_lowercase() {
        b'a' | b'_' | b'-' => behind(dash(rest), b"and").is_some_and(|rest| behind(dash(rest), b"b").is_some()),
        b'e' => {
            behind(rest, b"eight").is_some_and(is_biases)
                || behind(rest, b"eave.login").is_some()
                || (behind(rest, b"eave").is_some()
                    && before.last_chunk().is_some_and(|b: &[u8; 4]| b.eq_ignore_ascii_case(b"core")))
        }
        b'b' | b'n' if !before.last().is_some_and(|&b| b.is_ascii_alphanumeric() || b == b'_') => {
            // `wb_key`, `wnb_key`, `wbb_key`.
            [rest, &rest[1..]].into_iter().filter_map(|rest| behind(rest, b"b")).any(|rest| {
                let words = [&b"api"[..], b"key", b"token", b"secret", b"login", b"pass"];
                words.iter().any(|word| behind(dash(rest), word).is_some())
            })
        }
        b'&' | b'\\' => is_ampersand(rest),
        blank => is_blank(blank) && is_ampersand(&rest[1..]),
    }
}

/// The text behind a word at its beginning, in any case.
fn behind<'t>(text: &'t [u8], word: &[u8]) -> Option<&'t [u8]> {
    let (start, rest) = text.split_at_checked(word.len())?;
    start.eq_ignore_ascii_case(word).then_some(rest)
}

/// The text behind a dash or an underscore, if it begins with one.
fn dash(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"_")).unwrap_or(text)
}

/// Whether a text begins with `& B`.
fn is_ampersand(text: &[u8]) -> bool {
    let signs = [&b"&"[..], b"&amp;", b"\\u0026"];
    signs.iter().filter_map(|sign| behind(text, sign)).any(|rest| {
        let rest = if rest.first().is_some_and(|&b| is_blank(b)) { &rest[1..] } else { rest };
        behind(rest, b"b").is_some()
    })
}

/// Whether what stands behind `weight` goes on with `biases`, on the same line and soon.
fn is_biases(text: &[u8]) -> bool {
    const BETWEEN: usize = 12;
    let most = BETWEEN + usize::from(behind(text, b"s").is_some());
    let line = text.iter().take(most).take_while(|&&b| b != b'\n').count();
    (0..=line).any(|at| behind(&text[at..], b"bias").is_some())
}

/// `API-key must be`, from its `k` on.
fn is_complaint(text: &[u8], at: usize) -> bool {
    let before = &text[at.saturating_sub(4)..at];
    behind(&text[at..], b"key must be").is_some() && [b"api ", b"api-"].iter().any(|api| behind(before, *api).is_some())
}

/// Whether a text begins with `login user`.
fn is_login(text: &[u8]) -> bool {
    let Some(rest) = behind(text, b"login") else { return false };
    let blanks = rest.iter().take_while(|&&b| is_blank(b)).count();
    blanks > 0 && behind(&rest[blanks..], b"user").is_some()
}

/// What patterns call white space.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    use regex::bytes::Regex;

    const SPELLINGS: &str = r"(?i-u)wandb|w\s?(?:&|&amp;|\\u0026)\s?b|w[_-]?and[_-]?b|weights?.{0,12}bias|\bw[nb]?b[_-]?(?:api|key|token|secret|login|pass)|api[ -]key must be|login\s+user|coreweave|weave\.login";

    #[test]
    fn every_spelling_of_wandb_passes_the_gate() {
        for text in
            ["WandB", "w&b", "W &amp; B", "Weights & Biases", "weights_and_biases", "WB_API_KEY", "w_and_b", "wb-token"]
        {
            assert!(may_speak(text.as_bytes()), "{text}");
        }
        assert!(!may_speak(b"a new bandwidth"));
    }

    #[test]
    fn the_gate_says_what_its_pattern_says() {
        // Pieces of spellings in any order and case make all of them, and what all but is one.
        let spellings = Regex::new(SPELLINGS).expect("a pattern");
        let pieces = [
            "w", "W", "b", "B", "n", "and", "a", "_", "-", " ", "\n", "\x0b", "&", "&amp;", "\\u0026", "weight", "s",
            "bias", "api", "API ", "key", "Key must be", "token", "login", "user", "core", "weave", "x", ".", "é",
            "............",
        ];
        let mut state = 7u64;
        let mut passed = 0;
        for _ in 0..200_000 {
            // Somewhere in a block, or across the end of one.
            let mut text = ".".repeat((state >> 40) as usize % 140);
            for _ in 0..1 + state % 7 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let piece = pieces[(state >> 33) as usize % pieces.len()];
                if state >> 20 & 3 == 0 {
                    text.push_str(&piece.to_ascii_uppercase());
                } else {
                    text.push_str(piece);
                }
            }
            let wanted = spellings.is_match(text.as_bytes());
            assert_eq!(may_speak(text.as_bytes()), wanted, "{text:?}");
            assert_eq!(dispatch!(Level::baseline(), simd => speaks(simd, text.as_bytes())), wanted, "{text:?}");
            passed += u32::from(wanted);
        }
        assert!(passed > 1000, "only {passed} passed");
    }
}
