//! Sorted records of one width in a file: a word, the digest that they hold for, width and number, the records, the SHA-256 of
//! all that. In: bytes that anything may have happened to. Out: records, if all of it is as it was written.

use std::fs::{self, Metadata, OpenOptions};
use std::io::Read;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::Digest;

const MAGIC: &[u8; 16] = b"wandward clean 1";
/// Bytes before the records.
const HEAD: usize = MAGIC.len() + 32 + 4 + 8;
/// Bytes behind them.
const HASH: usize = 32;
/// Records are looked up by their first two bytes.
const FIRSTS: usize = 1 << 16;

/// Sorted records of one width, each once.
pub(super) struct Table {
    width: usize,
    records: Vec<u8>,
    /// Where the records begin that begin with those two bytes; empty if there are none.
    firsts: Vec<u32>,
}

impl Table {
    pub(super) fn new(width: usize) -> Table {
        Table { width, records: Vec::new(), firsts: Vec::new() }
    }

    /// Reads a file of at most so many records, if it and its folder are the user's own and nobody else may write to them.
    pub(super) fn read(folder: &Path, path: &Path, key: &Digest, width: usize, most: usize) -> Option<Table> {
        if !is_own_folder(folder) {
            return None;
        }
        let mut options = OpenOptions::new();
        options.read(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
        #[expect(clippy::disallowed_methods, reason = "it is the user's own file, and nothing that is scanned")]
        let file = options.open(path).ok()?;
        let meta = file.metadata().ok().filter(|meta| meta.is_file() && is_own(meta))?;
        let size = usize::try_from(meta.len()).ok().filter(|&size| size <= HEAD + most * width + HASH)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size + 1).ok()?;
        file.take(size as u64 + 1).read_to_end(&mut bytes).ok()?;
        Table::parse(bytes, key, width)
    }

    fn parse(mut bytes: Vec<u8>, key: &Digest, width: usize) -> Option<Table> {
        let behind = bytes.len().checked_sub(HASH).filter(|&behind| behind >= HEAD)?;
        let (all, hash) = bytes.split_at(behind);
        let count = (behind - HEAD) / width;
        if all[..HEAD] != head(key, width, count) || HEAD + count * width != behind || Sha256::digest(all)[..] != *hash
        {
            return None;
        }
        bytes.truncate(behind);
        bytes.drain(..HEAD);
        let sorted = bytes.chunks_exact(width).zip(bytes.chunks_exact(width).skip(1)).all(|(a, b)| a < b);
        sorted.then(|| Table { width, firsts: firsts(&bytes, width), records: bytes })
    }

    /// The record that begins with some bytes, two at least.
    pub(super) fn find(&self, start: &[u8]) -> Option<&[u8]> {
        let first = usize::from(u16::from_be_bytes(*start.first_chunk()?));
        let (mut from, mut to) = (*self.firsts.get(first)? as usize, *self.firsts.get(first + 1)? as usize);
        while from < to {
            let middle = from + (to - from) / 2;
            let record = self.records.get(middle * self.width..(middle + 1) * self.width)?;
            match record.get(..start.len())?.cmp(start) {
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Greater => to = middle,
                std::cmp::Ordering::Equal => return Some(record),
            }
        }
        None
    }

    /// One with more records. If that would be more than `most`, what was known is forgotten.
    pub(super) fn with(&self, more: &[&[u8]], most: usize) -> Table {
        let mut all: Vec<&[u8]> = self.records.chunks_exact(self.width).chain(more.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        if all.len() > most {
            all = more.iter().copied().take(most).collect();
            all.sort_unstable();
            all.dedup();
        }
        let records = all.concat();
        Table { width: self.width, firsts: firsts(&records, self.width), records }
    }

    /// The bytes of a file.
    pub(super) fn bytes(&self, key: &Digest) -> Vec<u8> {
        let mut bytes = [&head(key, self.width, self.records.len() / self.width), &self.records[..]].concat();
        let hash = Sha256::digest(&bytes);
        bytes.extend_from_slice(&hash);
        bytes
    }
}

fn head(key: &Digest, width: usize, count: usize) -> Vec<u8> {
    [&MAGIC[..], key, &(width as u32).to_le_bytes(), &(count as u64).to_le_bytes()].concat()
}

fn firsts(records: &[u8], width: usize) -> Vec<u32> {
    let mut firsts = vec![0u32; FIRSTS + 1];
    for record in records.chunks_exact(width) {
        firsts[usize::from(u16::from_be_bytes([record[0], record[1]])) + 1] += 1;
    }
    for nth in 1..firsts.len() {
        firsts[nth] += firsts[nth - 1];
    }
    firsts
}

/// Whether it is a folder, no link to one, and the user's own.
pub(super) fn is_own_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir() && is_own(&meta))
}

/// Whether the user owns it, and nobody else may write to it.
#[cfg(unix)]
fn is_own(meta: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    meta.uid() == rustix::process::geteuid().as_raw() && meta.mode() & 0o022 == 0
}

/// The folder lies in the user's profile, whose rights it has.
#[cfg(not(unix))]
fn is_own(_: &Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_what_was_written_or_nothing() {
        let key = [7; 32];
        let records: Vec<[u8; 20]> = (0..50u8).map(|nth| [nth.wrapping_mul(37); 20]).collect();
        let all: Vec<&[u8]> = records.iter().map(|record| &record[..]).collect();
        let table = Table::new(20).with(&all, 1000);
        let bytes = table.bytes(&key);
        let read = Table::parse(bytes.clone(), &key, 20).expect("whole");
        assert!(records.iter().all(|record| read.find(record) == Some(&record[..])));
        assert_eq!((read.find(&[1; 20]), Table::new(20).find(&[1; 20])), (None, None));
        assert_eq!(read.with(&all, 1000).bytes(&key), bytes);
        assert!(Table::parse(bytes.clone(), &[8; 32], 20).is_none() && Table::parse(bytes.clone(), &key, 32).is_none());
        for nth in 0..bytes.len() {
            assert!(Table::parse(bytes[..nth].to_vec(), &key, 20).is_none(), "{nth}");
            for flip in [1, 0x80] {
                let mut broken = bytes.clone();
                broken[nth] ^= flip;
                assert!(Table::parse(broken, &key, 20).is_none(), "{nth}");
            }
        }
        assert!(Table::parse([&bytes[..], &[0]].concat(), &key, 20).is_none());
        let full = read.with(&[&[9; 20], &[8; 20]], 3);
        assert_eq!((full.records.len(), full.find(&[9; 20]).is_some()), (40, true));
    }
}
