//! The cheapest question that rules most bytes out: is there a run of at least [`MIN_RUN`] key characters here?
//! In: bytes. Out: every such run, whole. Nothing else looks at every byte.

use std::ops::Range;

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
