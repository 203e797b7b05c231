//! Looks up what trees name. In: the ids of a listing. Out: their numbers in it. Trees that follow one another name almost the
//! same, so what was asked for lately is kept where it is found at once.

use crate::object::{ObjectId, ObjectMap};

/// How many ids are kept at hand.
const SLOTS: usize = 1 << 12;

/// The numbers of listed objects; one a thread.
pub(super) struct Known<'i> {
    ids: &'i ObjectMap<u32>,
    /// An id and its number, by some bytes of the id. Ids that somebody made to fall on each other cost a look-up each.
    recent: Vec<Option<(ObjectId, u32)>>,
}

impl<'i> Known<'i> {
    pub(super) fn new(ids: &'i ObjectMap<u32>) -> Known<'i> {
        Known { ids, recent: vec![None; SLOTS] }
    }

    /// The number of an id, if it is listed.
    pub(super) fn nth(&mut self, id: &ObjectId) -> Option<u32> {
        let hash = id.as_bytes().last_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
        let slot = &mut self.recent[hash as usize % SLOTS];
        if let Some((known, nth)) = slot
            && known == id
        {
            return Some(*nth);
        }
        let nth = *self.ids.get(id)?;
        *slot = Some((*id, nth));
        Some(nth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_share_a_slot_keep_their_numbers() {
        let id = |nth: u32| {
            let mut bytes = [0; 20];
            bytes[..4].copy_from_slice(&nth.to_be_bytes());
            bytes[18] = (nth % 3) as u8;
            ObjectId::from_bytes(&bytes).expect("20 bytes")
        };
        let ids: ObjectMap<u32> = (0..100).map(|nth| (id(nth), nth)).collect();
        let mut known = Known::new(&ids);
        for nth in (0..120).chain(0..120).flat_map(|nth| [nth, nth / 2, nth]) {
            assert_eq!(known.nth(&id(nth)), Some(nth).filter(|nth| *nth < 100));
        }
    }
}
