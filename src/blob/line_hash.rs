//! The hash by which code scanning follows an alert through the versions of a file. In: a file, and lines of it. Out: for each
//! what GitHub calls its `primaryLocationLineHash`, to the digit, since another value would open every alert anew.
//!
//! A line's hash is a rolling one over the first hundred UTF-16 units from its beginning that are neither spaces nor tabs,
//! whatever lines they stand on; all line ends count as `\n`, the end of the file as one more unit, and zeros follow it. The
//! number behind the colon says how many lines so far have that hash.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How many units a hash is made of.
const BLOCK: usize = 100;
const FACTOR: u64 = 37;
/// What the unit that leaves the window was multiplied with.
const LEAVING: u64 = FACTOR.wrapping_pow(BLOCK as u32);
const END_OF_FILE: u16 = u16::MAX;

/// The hashes of the `wanted` lines (from 1) of a file; a line that it does not have gets none.
pub fn line_hashes(file: &[u8], wanted: &BTreeSet<u64>) -> BTreeMap<u64, String> {
    let Some(&last) = wanted.last() else { return BTreeMap::new() };
    if file.is_ascii() && memchr::memchr(b'\r', file).is_none() {
        return plain_hashes(file, wanted, last);
    }
    // Twice over the bytes, rather than a count for each of many million lines.
    let mut counts: HashMap<u64, u64> = HashMap::new();
    each_line(file, last, |line, hash| {
        if wanted.contains(&line) {
            counts.insert(hash, 0);
        }
    });
    let mut hashes = BTreeMap::new();
    each_line(file, last, |line, hash| {
        if let Some(count) = counts.get_mut(&hash) {
            *count += 1;
            if wanted.contains(&line) {
                hashes.insert(line, format!("{hash:x}:{count}"));
            }
        }
    });
    hashes
}

/// As [`line_hashes`] of a file in ASCII whose lines end with a newline each, as nearly all do: only lines that begin as a
/// wanted one does can have its hash.
fn plain_hashes(file: &[u8], wanted: &BTreeSet<u64>, last: u64) -> BTreeMap<u64, String> {
    let first = |at: usize| file[at..].iter().copied().find(|&byte| !is_blank(byte));
    let starts = || (1..=last).zip(std::iter::once(0).chain(memchr::memchr_iter(b'\n', file).map(|end| end + 1)));
    let mut firsts = [false; 256];
    let mut counts: HashMap<u64, u64> = HashMap::new();
    for (_, at) in starts().filter(|(line, _)| wanted.contains(line)) {
        firsts[usize::from(first(at).unwrap_or_default())] = true;
        counts.insert(hash_at(file, at), 0);
    }
    let mut hashes = BTreeMap::new();
    for (line, at) in starts().filter(|(_, at)| firsts[usize::from(first(*at).unwrap_or_default())]) {
        let hash = hash_at(file, at);
        if let Some(count) = counts.get_mut(&hash) {
            *count += 1;
            if wanted.contains(&line) {
                hashes.insert(line, format!("{hash:x}:{count}"));
            }
        }
    }
    hashes
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The hash of the line that begins at `at`.
fn hash_at(file: &[u8], at: usize) -> u64 {
    let add = |hash: u64, unit: u16| hash.wrapping_mul(FACTOR).wrapping_add(u64::from(unit));
    let units = file[at..].iter().filter(|byte| !is_blank(**byte)).map(|byte| u16::from(*byte));
    units.chain([END_OF_FILE]).chain(std::iter::repeat(0)).take(BLOCK).fold(0, add)
}

/// Tells the hash of each line up to the `last`.
fn each_line(file: &[u8], last: u64, mut tell: impl FnMut(u64, u64)) {
    let mut rolling = Rolling::default();
    let mut tell = |line, hash| {
        tell(line, hash);
        line < last
    };
    for chunk in file.utf8_chunks() {
        let valid = chunk.valid();
        let all = match valid.is_ascii() {
            true => valid.bytes().all(|byte| rolling.unit(u16::from(byte), &mut tell)),
            false => valid.encode_utf16().all(|unit| rolling.unit(unit, &mut tell)),
        };
        if !all {
            return;
        }
        if !chunk.invalid().is_empty() && !rolling.unit(0xFFFD, &mut tell) {
            return;
        }
    }
    if !rolling.unit(END_OF_FILE, &mut tell) {
        return;
    }
    for _ in 0..BLOCK {
        if !rolling.leave(&mut tell) {
            return;
        }
        rolling.push(0);
    }
}

/// The last hundred units and their hash.
struct Rolling {
    units: [u16; BLOCK],
    /// Which line begins with that unit; 0 where none does.
    begins: [u64; BLOCK],
    at: usize,
    hash: u64,
    line: u64,
    line_begins: bool,
    after_return: bool,
}

impl Default for Rolling {
    fn default() -> Rolling {
        let (units, begins) = ([0; BLOCK], [0; BLOCK]);
        Rolling { units, begins, at: 0, hash: 0, line: 0, line_begins: true, after_return: false }
    }
}

impl Rolling {
    /// Takes a unit of the file; false once nothing more is wanted.
    #[inline]
    fn unit(&mut self, unit: u16, tell: &mut impl FnMut(u64, u64) -> bool) -> bool {
        const SPACE: u16 = 0x20;
        const TAB: u16 = 0x09;
        const FEED: u16 = 0x0A;
        const RETURN: u16 = 0x0D;
        if unit == SPACE || unit == TAB || (self.after_return && unit == FEED) {
            self.after_return = false;
            return true;
        }
        self.after_return = unit == RETURN;
        let unit = if self.after_return { FEED } else { unit };
        let more = self.leave(tell);
        if self.line_begins {
            self.line += 1;
            self.begins[self.at] = self.line;
        }
        self.line_begins = unit == FEED;
        self.push(unit);
        more
    }

    /// Tells the hash of the line whose hundred units are complete, if one's are.
    fn leave(&mut self, tell: &mut impl FnMut(u64, u64) -> bool) -> bool {
        match std::mem::take(&mut self.begins[self.at]) {
            0 => true,
            line => tell(line, self.hash),
        }
    }

    fn push(&mut self, unit: u16) {
        let leaving = std::mem::replace(&mut self.units[self.at], unit);
        self.hash = self
            .hash
            .wrapping_mul(FACTOR)
            .wrapping_add(u64::from(unit))
            .wrapping_sub(LEAVING.wrapping_mul(u64::from(leaving)));
        self.at = if self.at + 1 == BLOCK { 0 } else { self.at + 1 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What GitHub's own action (codeql-action, `src/fingerprints.ts`) says of these files.
    #[test]
    fn the_hashes_are_those_of_code_scanning() {
        let same = "run = wandb.init()\n".repeat(9);
        let long = format!("{}\nshort\n{}\nend", "x".repeat(250), "y".repeat(99));
        let cases: [(&[u8], &[&str]); 9] = [
            (b"", &["c129715d7a2bc9a3:1"]),
            (
                b"import wandb\r\n\r\n  wandb.login()\r\n",
                &["d06458667665ae3c:1", "a06617225f617fe3:1", "36a131f1c9f6e965:1", "c129715d7a2bc9a3:1"],
            ),
            (
                b"one\rtwo\r\rthree",
                &["22e7ed6e68435b95:1", "b7f8f27b9f3c0ed1:1", "5ff58b2f1ce0cba9:1", "e65cf7c92d5cdd03:1"],
            ),
            (
                b"\t a = 1\n\n\n \tb = 2\n",
                &["c83cc1939d47bda3:1", "b20be469f87ed5f2:1", "c397dd4aeb345990:1", "4cd2d5cdff705f66:1"],
            ),
            (
                long.as_bytes(),
                &["52b56201ffb58620:1", "e223b342edbfbc24:1", "cadd4b5b9d92c4ad:1", "43b6461eda086fe2:1"],
            ),
            ("name = \"Äöü 🚀 日本\"\nnext\n".as_bytes(), &["41c7633480361ea8:1", "a5f9e5dec441e0b8:1"]),
            (b"a\xff\xfe\xe2\x82b\nc\xf0\x9f\n", &["99d83f3862afa689:1", "4854525f2f8ee65d:1", "c129715d7a2bc9a3:1"]),
            (b"\xef\xbb\xbfkey\n", &["3cfc0e63d2c8d4c1:1"]),
            (
                same.as_bytes(),
                &[
                    "688f98e29bda1c7:1", "688f98e29bda1c7:2", "688f98e29bda1c7:3", "688f98e29bda1c7:4",
                    "141ee902ddff2032:1",
                ],
            ),
        ];
        for (file, wanted) in cases {
            let lines: BTreeSet<u64> = (1..=wanted.len() as u64).collect();
            let hashes: Vec<String> = line_hashes(file, &lines).into_values().collect();
            assert_eq!(hashes, wanted, "{:?}", String::from_utf8_lossy(file));
            let mut rolled = Vec::new();
            each_line(file, wanted.len() as u64, |_, hash| rolled.push(format!("{hash:x}")));
            assert!(hashes.iter().zip(&rolled).all(|(hash, rolled)| hash.starts_with(rolled)));
            // One line alone has the same hash.
            let last = wanted.len() as u64;
            assert_eq!(line_hashes(file, &BTreeSet::from([last]))[&last], wanted[wanted.len() - 1]);
        }
        assert!(line_hashes(b"one line", &BTreeSet::from([2, 1000])).is_empty());
    }

    /// The short way comes to what the long way says, which a carriage return that counts for nothing makes it take.
    #[test]
    fn plain_files_are_hashed_as_others_are() {
        let mut seed = 7u32;
        let mut next = |end: usize| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) as usize % end
        };
        for _ in 0..200 {
            let size = next(700);
            let file: Vec<u8> = (0..size).map(|_| b"aab \t\n\n"[next(7)]).collect();
            let end = file.iter().filter(|b| **b == b'\n').count() as u64 + 1;
            let wanted: BTreeSet<u64> = (1..=end).filter(|_| next(3) == 0).collect();
            let Some(newline) = memchr::memchr(b'\n', &file) else { continue };
            let other = [&file[..newline], b"\r", &file[newline..]].concat();
            assert_eq!(
                line_hashes(&file, &wanted),
                line_hashes(&other, &wanted),
                "{:?}",
                String::from_utf8_lossy(&file)
            );
        }
    }
}
