//! A key that lacks its end, or one of a later version. In: a candidate of that shape. Out: whether to speak of it.

use crate::detect::{Candidate, Shape};

/// The id of the rule.
pub const RULE: &str = "cut-off-key";

/// Whether the candidate is a part of a key, and no mask or placeholder.
pub(in crate::judge) fn holds(text: &[u8], candidate: &Candidate) -> bool {
    let body = &text[candidate.key.clone()][b"wandb_v1_".len()..];
    let mut seen = [false; 256];
    body.iter().for_each(|&b| seen[usize::from(b)] = true);
    // A name in snake case has no capitals and no digits; a key of this length always has both.
    let mixed = body.iter().any(u8::is_ascii_digit) && body.iter().any(u8::is_ascii_uppercase);
    candidate.shape == Shape::Partial && mixed && seen.iter().filter(|seen| **seen).count() > 8
}
