//! A text in records of one width, which nobody can read who does not know the digest of what it is about. In: a text and that
//! digest. Out: records; from a table of them the text, if all of it is there.

use super::table::Table;
use super::{Digest, LONGEST_ANSWER as LONGEST, digest};

/// Bytes of a record: whose it is, its number, a part of the text.
pub(super) const WIDTH: usize = NAME + 4 + PART;
/// The most records that are kept.
pub(super) const MOST: usize = 1 << 16;
const NAME: usize = 16;
/// As many bytes as a digest has.
const PART: usize = 32;
/// Bytes before the text: its length and a digest of it.
const HEAD: usize = 4 + 8;

/// The records of a text; none if it is too long. `key` is what the table holds for.
pub(super) fn seal(text: &[u8], key: &Digest, about: &Digest) -> Vec<[u8; WIDTH]> {
    if text.len() > LONGEST {
        return Vec::new();
    }
    let whole = [&(text.len() as u32).to_le_bytes()[..], &sum(text), text].concat();
    let record = |(nth, part): (u32, &[u8])| {
        let mut record = [0; WIDTH];
        record[..NAME + 4].copy_from_slice(&start(nth, key, about));
        record[NAME + 4..][..part.len()].copy_from_slice(part);
        mask(&mut record[NAME + 4..], nth, key, about);
        record
    };
    (0..).zip(whole.chunks(PART)).map(record).collect()
}

/// The text whose records a table holds.
pub(super) fn open(table: &Table, key: &Digest, about: &Digest) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    let mut length = HEAD;
    for nth in 0.. {
        let mut part = *table.find(&start(nth, key, about))?.last_chunk::<PART>()?;
        mask(&mut part, nth, key, about);
        whole.extend_from_slice(&part);
        if nth == 0 {
            let said = u32::from_le_bytes(*part.first_chunk()?) as usize;
            length += Some(said).filter(|&said| said <= LONGEST)?;
        }
        if whole.len() >= length {
            break;
        }
    }
    let text = whole.get(HEAD..length)?.to_vec();
    (whole.get(4..HEAD)? == sum(&text)).then_some(text)
}

/// How a record begins.
fn start(nth: u32, key: &Digest, about: &Digest) -> [u8; NAME + 4] {
    let mut start = [0; NAME + 4];
    start[..NAME].copy_from_slice(&digest([&b"name"[..], key, about])[..NAME]);
    start[NAME..].copy_from_slice(&nth.to_be_bytes());
    start
}

fn mask(part: &mut [u8], nth: u32, key: &Digest, about: &Digest) {
    let mask = digest([&b"mask"[..], key, about, &nth.to_be_bytes()]);
    part.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
}

fn sum(text: &[u8]) -> [u8; HEAD - 4] {
    let mut sum = [0; HEAD - 4];
    sum.copy_from_slice(&digest([&b"sum"[..], text])[..HEAD - 4]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back_to_who_knows_what_it_is_about() {
        let (key, about, other) = ([1; 32], [2; 32], [3; 32]);
        for length in [0, 1, 19, 20, 21, 52, 53, 1000, LONGEST] {
            let text: Vec<u8> = (0..length).map(|nth| (nth % 251) as u8).collect();
            let sealed = seal(&text, &key, &about);
            let beside = seal(b"another text", &key, &other);
            let all: Vec<&[u8]> = sealed.iter().chain(&beside).map(|record| &record[..]).collect();
            let table = Table::new(WIDTH).with(&all, MOST);
            assert!(open(&table, &key, &about).is_some_and(|open| open == text), "{length}");
            assert_eq!(open(&table, &key, &other), Some(b"another text".to_vec()));
            assert_eq!((open(&table, &other, &about), open(&table, &key, &key)), (None, None));
            for record in &sealed[..sealed.len().min(40)] {
                let mut broken = all.clone();
                broken.retain(|known| known != record);
                assert_eq!(open(&Table::new(WIDTH).with(&broken, MOST), &key, &about), None);
                let mut changed = *record;
                changed[NAME + 4] ^= 1;
                broken.push(&changed);
                assert_eq!(open(&Table::new(WIDTH).with(&broken, MOST), &key, &about), None);
            }
            assert!(length < 32 || !sealed.concat().windows(8).any(|part| text.windows(8).any(|own| own == part)));
        }
        assert!(seal(&vec![0; LONGEST + 1], &key, &about).is_empty());
    }
}
