//! What a key cannot look like: placeholders that somebody typed, and values that somebody published on purpose.
//! In: the key. Out: why it is not one.

use super::published::PUBLISHED;
use crate::secret::Fingerprint;

/// A random legacy key has at least ten different digits; seven or fewer come up once in a hundred million times.
const FEW_DIGITS: usize = 7;
/// A random key goes one step up, down or not at all 7 times out of 39; 24 times never.
const MANY_STEPS: usize = 24;

/// Why a legacy key is a placeholder or a published value, if it is.
pub(super) fn not_a_key(key: &[u8], credential: &[u8]) -> Option<String> {
    if placeholder(key) {
        return Some("it is a placeholder: it repeats or counts".to_owned());
    }
    let published = |text: &[u8]| {
        let fingerprint = Fingerprint::of(text);
        PUBLISHED.iter().find(|(known, _)| *known == fingerprint.as_str()).map(|(_, what)| format!("it is {what}"))
    };
    published(key).or_else(|| published(credential))
}

/// Whether the body of a v1 key is made of one or two characters.
pub(super) fn masked_v1(key: &[u8]) -> bool {
    distinct(&key[b"wandb_v1_".len()..]) <= 3
}

fn placeholder(key: &[u8]) -> bool {
    let half = key.len() / 2;
    let repeats = (1..=half).any(|period| key[period..].iter().zip(key).all(|(a, b)| a == b));
    let digit = |b: u8| char::from(b).to_digit(16).unwrap_or(0);
    let steps = key.windows(2).filter(|pair| {
        let step = (digit(pair[1]) + 16 - digit(pair[0])) % 16;
        // `9` is followed by `0` where somebody counts in tens.
        matches!(step, 0 | 1 | 15) || (pair[0] == b'9' && pair[1] == b'0')
    });
    repeats || distinct(key) <= FEW_DIGITS || steps.count() >= MANY_STEPS
}

/// How many different bytes there are.
fn distinct(bytes: &[u8]) -> usize {
    let mut seen = [false; 256];
    bytes.iter().for_each(|&b| seen[usize::from(b)] = true);
    seen.iter().filter(|seen| **seen).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::example::legacy_key;

    #[test]
    fn placeholders_are_told_from_random_keys() {
        for typed in ["0123456789abcdef", "deadbeef", "1234567890", "abcdef0123456789", "x", "0", "aabbccdd"] {
            let typed: String = typed.chars().cycle().take(40).collect();
            assert!(placeholder(typed.as_bytes()), "{typed}");
        }
        for seed in 0..20_000 {
            assert!(!placeholder(legacy_key(&seed.to_string()).as_bytes()), "seed {seed}");
        }
    }
}
