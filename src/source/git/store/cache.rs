//! Objects that others are made from, kept while there is room. In: places in packs. Out: kind and bytes. It holds no more
//! than its budget, or one object.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::object::ObjectKind;

/// The most bytes that it keeps.
const BUDGET: usize = 96 * 1024 * 1024;
/// What an entry costs beside its bytes.
const OVERHEAD: usize = 128;

/// Where an object lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// The number of its pack.
    pub(super) pack: u32,
    /// Where its entry begins.
    pub(super) offset: u64,
    /// Whether the index vouches for what it was made from. What nothing vouches for is no base of what is not hashed.
    pub(super) vouched: bool,
}

/// Objects by place; those that were not asked for longest go first.
#[derive(Default)]
pub(super) struct Cache {
    kept: HashMap<Place, Kept>,
    /// When each was asked for, oldest first; what has been asked for again since is passed over.
    asked: VecDeque<(Place, u64)>,
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
    pub(super) fn get(&mut self, place: Place) -> Option<(ObjectKind, Arc<Vec<u8>>)> {
        let kept = self.kept.get_mut(&place)?;
        self.clock += 1;
        kept.asked = self.clock;
        let found = (kept.kind, kept.bytes.clone());
        self.asked.push_back((place, self.clock));
        if self.asked.len() > 4 * self.kept.len() + 64 {
            self.asked.retain(|(place, asked)| self.kept.get(place).is_some_and(|kept| kept.asked == *asked));
        }
        Some(found)
    }

    /// Makes an object one that several can hold, and keeps it if it `is_base`.
    pub(super) fn keep(&mut self, place: Place, kind: ObjectKind, mut bytes: Vec<u8>, is_base: bool) -> Arc<Vec<u8>> {
        if !is_base {
            return Arc::new(bytes);
        }
        // Memory that was taken over from a larger object would be kept too.
        if bytes.capacity() > bytes.len() + bytes.len() / 8 + OVERHEAD {
            bytes.shrink_to_fit();
        }
        let bytes = Arc::new(bytes);
        self.clock += 1;
        self.bytes += bytes.len() + OVERHEAD;
        if let Some(old) = self.kept.insert(place, Kept { kind, bytes: bytes.clone(), asked: self.clock }) {
            self.bytes -= old.bytes.len() + OVERHEAD;
        }
        self.asked.push_back((place, self.clock));
        while self.bytes > BUDGET && self.kept.len() > 1 {
            let Some((place, asked)) = self.asked.pop_front() else { break };
            if self.kept.get(&place).is_some_and(|kept| kept.asked == asked)
                && let Some(old) = self.kept.remove(&place)
            {
                self.bytes -= old.bytes.len() + OVERHEAD;
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_what_is_asked_for_within_its_budget() {
        let mut cache = Cache::default();
        let place = |offset| Place { pack: 0, offset, vouched: true };
        for offset in 0..100 {
            cache.keep(place(offset), ObjectKind::Blob, vec![0; BUDGET / 4], true);
            assert!(cache.get(place(0)).is_some() && cache.get(Place { vouched: false, ..place(0) }).is_none());
            assert!(cache.bytes <= BUDGET && cache.kept.len() <= 4 && cache.asked.len() < 300);
        }
        assert!(cache.get(place(99)).is_some() && cache.get(place(50)).is_none());
        cache.keep(place(7), ObjectKind::Blob, vec![0; 2 * BUDGET], true);
        assert_eq!(cache.kept.len(), 1);
        cache.keep(place(8), ObjectKind::Blob, Vec::new(), false);
        assert!(cache.get(place(8)).is_none());
    }

    #[test]
    fn memory_of_larger_objects_is_given_back() {
        let mut large = vec![0; 1 << 20];
        large.truncate(10);
        let place = Place { pack: 0, offset: 0, vouched: true };
        assert!(Cache::default().keep(place, ObjectKind::Blob, large, true).capacity() < 1 << 10);
    }
}
