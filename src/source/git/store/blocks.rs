//! A pack's bytes, read block by block and kept while they are near: what is made from one base lies all over the pack, but
//! most of it close together. In: a file. Out: any few bytes of it. It keeps no more than [`SLOTS`] blocks and one entry.

use std::fs::File;

use crate::source::read_at;

/// How much is read at once.
const BLOCK: usize = 64 << 10;
/// How many blocks are kept, each in the one place that its number gives.
const SLOTS: usize = 256;

/// The blocks of a pack that are at hand.
pub(super) struct Blocks {
    file: File,
    slots: Vec<Option<Block>>,
    /// What does not lie in one block.
    entry: Vec<u8>,
}

struct Block {
    number: u64,
    bytes: Vec<u8>,
}

impl Blocks {
    pub(super) fn new(file: File) -> Blocks {
        Blocks { file, slots: Vec::new(), entry: Vec::new() }
    }

    /// So many bytes from `offset` on; `None` if the file ends before them or cannot be read.
    pub(super) fn at(&mut self, offset: u64, length: usize) -> Option<&[u8]> {
        let from = (offset % BLOCK as u64) as usize;
        if from + length <= BLOCK {
            return self.block(offset / BLOCK as u64)?.get(from..from + length);
        }
        let mut entry = std::mem::take(&mut self.entry);
        entry.clear();
        if length <= BLOCK {
            entry.extend_from_slice(self.block(offset / BLOCK as u64)?.get(from..)?);
            entry.extend_from_slice(self.block(offset / BLOCK as u64 + 1)?.get(..length - entry.len())?);
        } else {
            entry.resize(length, 0);
            let read = read_at(&self.file, &mut entry, offset).ok()?;
            entry.truncate(read);
        }
        self.entry = entry;
        self.entry.get(..length)
    }

    /// A block, read if it is not at hand; the last one of the file is shorter.
    fn block(&mut self, number: u64) -> Option<&[u8]> {
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, || None);
        }
        let slot = &mut self.slots[(number % SLOTS as u64) as usize];
        if slot.as_ref().is_none_or(|block| block.number != number) {
            let mut bytes = slot.take().map_or_else(Vec::new, |block| block.bytes);
            bytes.resize(BLOCK, 0);
            let read = read_at(&self.file, &mut bytes, number * BLOCK as u64).ok()?;
            bytes.truncate(read);
            *slot = Some(Block { number, bytes });
        }
        slot.as_ref().map(|block| &block.bytes[..])
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn any_bytes_are_those_of_the_file() {
        let mut file = tempfile::tempfile().expect("a file");
        let size = BLOCK * (SLOTS + 3) + 100;
        let bytes: Vec<u8> = (0..size).map(|at| (at / 251 + at) as u8).collect();
        file.write_all(&bytes).expect("writable");
        let mut blocks = Blocks::new(file);
        let mut seed = 1u64;
        for _ in 0..3000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let offset = (seed >> 20) as usize % size;
            let length = [0, 1, 90, 5000, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK][(seed >> 60) as usize % 8];
            let wanted = bytes.get(offset..offset + length);
            assert!(blocks.at(offset as u64, length) == wanted, "{length} bytes at {offset}");
        }
        assert!(blocks.at(u64::MAX - 9, 5).is_none());
        let kept: usize = blocks.slots.iter().flatten().map(|block| block.bytes.capacity()).sum();
        assert!(kept <= SLOTS * BLOCK);
    }
}
