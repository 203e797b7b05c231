//! Objects that others are made from, kept while there is room. In: places in packs. Out: kind and bytes. It holds no more
//! than its budget, or one object.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::object::ObjectKind;

/// The most bytes that it keeps.
const BUDGET: usize = 96 * 1024 * 1024;
/// What an entry costs beside its bytes.
const OVERHEAD: usize = 128;

/// Objects by pack and offset; those that were not asked for longest go first.
#[derive(Default)]
pub(super) struct Cache {
    kept: HashMap<(u32, u64), Kept>,
    /// When each was asked for, oldest first; what has been asked for again since is passed over.
    asked: VecDeque<((u32, u64), u64)>,
    clock: u64,
    bytes: usize,
}

struct Kept {
    kind: ObjectKind,
    bytes: Arc<Vec<u8>>,
    asked: u64,
}

impl Cache {
    /// The object at a place.
    pub(super) fn get(&mut self, pack: u32, offset: u64) -> Option<(ObjectKind, Arc<Vec<u8>>)> {
        let kept = self.kept.get_mut(&(pack, offset))?;
        self.clock += 1;
        kept.asked = self.clock;
        let found = (kept.kind, kept.bytes.clone());
        self.asked.push_back(((pack, offset), self.clock));
        if self.asked.len() > 4 * self.kept.len() + 64 {
            self.asked.retain(|(place, asked)| self.kept.get(place).is_some_and(|kept| kept.asked == *asked));
        }
        Some(found)
    }

    /// Keeps an object.
    pub(super) fn insert(&mut self, pack: u32, offset: u64, kind: ObjectKind, bytes: &Arc<Vec<u8>>) {
        self.clock += 1;
        let kept = Kept { kind, bytes: bytes.clone(), asked: self.clock };
        self.bytes += bytes.len() + OVERHEAD;
        if let Some(old) = self.kept.insert((pack, offset), kept) {
            self.bytes -= old.bytes.len() + OVERHEAD;
        }
        self.asked.push_back(((pack, offset), self.clock));
        while self.bytes > BUDGET && self.kept.len() > 1 {
            let Some((place, asked)) = self.asked.pop_front() else { break };
            if self.kept.get(&place).is_some_and(|kept| kept.asked == asked)
                && let Some(old) = self.kept.remove(&place)
            {
                self.bytes -= old.bytes.len() + OVERHEAD;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_what_is_asked_for_within_its_budget() {
        let mut cache = Cache::default();
        let large = Arc::new(vec![0; BUDGET / 4]);
        for offset in 0..100 {
            cache.insert(0, offset, ObjectKind::Blob, &large);
            assert!(cache.get(0, 0).is_some() && cache.get(1, 0).is_none());
            assert!(cache.bytes <= BUDGET && cache.kept.len() <= 4 && cache.asked.len() < 300);
        }
        assert!(cache.get(0, 99).is_some() && cache.get(0, 50).is_none());
        cache.insert(0, 7, ObjectKind::Blob, &Arc::new(vec![0; 2 * BUDGET]));
        assert_eq!(cache.kept.len(), 1);
    }
}
