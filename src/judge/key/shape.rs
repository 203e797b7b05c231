//! What a key cannot look like: placeholders that somebody typed, and values that somebody published on purpose.
//! In: the key. Out: why it is not one.

use super::published::PUBLISHED;
use crate::secret::Fingerprint;

/// A random legacy key has at least ten different digits; seven or fewer come up once in a hundred million times.
const FEW_DIGITS: u32 = 7;
/// A random key goes one step up, down or not at all 7 times out of 39; 24 times never.
const MANY_STEPS: usize = 24;

/// Why a legacy key is a placeholder or a published value, if it is.
pub(super) fn not_a_key(key: &[u8], credential: &[u8]) -> Option<String> {
    if placeholder(key) {
        return Some("it is a placeholder: it repeats or counts".to_owned());
    }
    // The end of a value rules out nearly all others without a fingerprint of theirs.
    let end = key.last_chunk()?;
    PUBLISHED.iter().filter(|(_, known, _)| *known == end).find_map(|(fingerprint, _, what)| {
        let published = |text: &[u8]| Fingerprint::of(text).as_str() == *fingerprint;
        (published(key) || published(credential)).then(|| format!("it is {what}"))
    })
}

/// Whether the body of a v1 key is made of one or two characters.
pub(super) fn masked_v1(key: &[u8]) -> bool {
    distinct(&key[b"wandb_v1_".len()..]) <= 3
}

fn placeholder(key: &[u8]) -> bool {
    let digits = key.iter().fold(0u64, |seen, &b| seen | 1 << digit(b)).count_ones();
    digits <= FEW_DIGITS || steps(key) >= MANY_STEPS || repeats(key)
}

/// Whether a key is one piece over and over.
fn repeats(key: &[u8]) -> bool {
    (1..=key.len() / 2).any(|period| key[period] == key[0] && key[period..] == key[..key.len() - period])
}

/// How many digits are followed by themselves or by one of their neighbours.
fn steps(key: &[u8]) -> usize {
    let steps = key.iter().zip(key.iter().skip(1)).map(|(&one, &next)| {
        let step = digit(next).wrapping_sub(digit(one)).wrapping_add(1) & 15;
        // `9` is followed by `0` where somebody counts in tens.
        usize::from((step <= 2) | ((one == b'9') & (next == b'0')))
    });
    steps.sum()
}

/// What a hexadecimal digit counts for; no other byte counts for more than 42.
fn digit(byte: u8) -> u8 {
    (byte & 15) + 9 * (byte >> 6)
}

/// How many different characters of ASCII there are.
fn distinct(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |seen, &b| seen | 1u128.checked_shl(b.into()).unwrap_or_default()).count_ones()
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

    #[test]
    fn what_is_published_is_known_by_its_end() {
        use sha1::Digest;
        for text in ["", "tree 0\0", "blob 0\0", "hello world", "test", "password", "hello", "foo"] {
            let key = data_encoding::HEXLOWER.encode(&sha1::Sha1::digest(text));
            let local = format!("local-{key}");
            for credential in [&key, &local] {
                let said = not_a_key(key.as_bytes(), credential.as_bytes());
                assert!(said.is_some_and(|said| said != "it is a placeholder: it repeats or counts"), "{text:?}");
            }
        }
    }
}
