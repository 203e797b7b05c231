//! Which commits lie between two sets of them. In: where to look from, what to leave out with all that it leads to, a way to
//! read a commit. Out: the commits, and those that are not there.

use std::collections::BinaryHeap;

use super::object::RawCommit;
use crate::object::{ObjectId, ObjectMap};

/// How many commits more are followed where the dates say that nothing can change any more: clocks are wrong at times.
const SLOP: usize = 5_000;

/// What was found between two sets of commits.
#[derive(Debug, Default)]
pub struct Between {
    /// The commits, sorted by id.
    pub commits: Vec<(ObjectId, RawCommit)>,
    /// Those that others name and that cannot be read, sorted.
    pub missing: Vec<ObjectId>,
}

/// What is known of a commit on the way.
struct Seen {
    raw: Option<RawCommit>,
    left_out: bool,
    /// Whether it waits to be followed and is wanted.
    awaited: bool,
}

/// The commits at or below `tips` and neither at nor below `without`. What of `without` cannot be read leaves nothing out.
///
/// Newer commits are followed first, and the walk ends some way behind the point from which on all that is left is both to be
/// left out and older than everything else, so that a short range costs little in a long history. Where committer dates run
/// backwards over more than that, more commits may come out than lie between, never fewer.
pub fn between(
    read: &mut dyn FnMut(&ObjectId) -> Option<RawCommit>,
    tips: &[ObjectId],
    without: &[ObjectId],
) -> Between {
    let mut seen: ObjectMap<Seen> = ObjectMap::default();
    let mut queue: BinaryHeap<(i64, ObjectId)> = BinaryHeap::new();
    let (mut awaited, mut oldest, mut slop) = (0usize, i64::MAX, SLOP);
    let mut next: Vec<(ObjectId, bool)> = Vec::new();
    next.extend(without.iter().map(|&id| (id, true)));
    next.extend(tips.iter().map(|&id| (id, false)));
    loop {
        for (id, left_out) in next.drain(..) {
            if seen.get(&id).is_some_and(|known| known.left_out || !left_out) {
                continue;
            }
            let known = seen.entry(id).or_insert_with(|| Seen { raw: read(&id), left_out, awaited: false });
            known.left_out = left_out;
            awaited -= usize::from(std::mem::take(&mut known.awaited));
            if let Some(raw) = &known.raw {
                queue.push((raw.committed, id));
                if !left_out {
                    known.awaited = true;
                    awaited += 1;
                    oldest = oldest.min(raw.committed);
                }
            }
        }
        if awaited == 0 && queue.peek().is_none_or(|(committed, _)| *committed < oldest) {
            slop -= 1;
            if slop == 0 {
                break;
            }
        }
        let Some(known) = queue.pop().and_then(|(_, id)| seen.get_mut(&id)) else { break };
        awaited -= usize::from(std::mem::take(&mut known.awaited));
        let left_out = known.left_out;
        next.extend(known.raw.iter().flat_map(|raw| &raw.parents).map(|&parent| (parent, left_out)));
    }
    let mut between = Between::default();
    for (id, Seen { raw, left_out, .. }) in seen {
        match raw {
            Some(raw) if !left_out => between.commits.push((id, raw)),
            None if !left_out => between.missing.push(id),
            _ => {}
        }
    }
    between.commits.sort_by_key(|(id, _)| *id);
    between.missing.sort();
    between
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(nth: usize) -> ObjectId {
        ObjectId::from_bytes(&[nth as u8; 20]).expect("20 bytes")
    }

    /// Every commit at or below some, by following all parents.
    fn below(parents: &[Vec<usize>], tips: &[usize]) -> Vec<bool> {
        let mut found = vec![false; parents.len()];
        let mut next = tips.to_vec();
        while let Some(nth) = next.pop() {
            if !std::mem::replace(&mut found[nth], true) {
                next.extend(&parents[nth]);
            }
        }
        found
    }

    proptest! {
        /// Against a plain oracle; dates say nothing here, and are often equal. Neither do the names of commits.
        #[test]
        fn what_lies_between_is_found(
            history in prop::collection::vec((prop::collection::vec(any::<prop::sample::Index>(), 0..3), -3..3i64), 1..40),
            tips in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
            without in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
            names in Just((0..40usize).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let (mut parents, mut dates): (Vec<Vec<usize>>, Vec<i64>) = (Vec::new(), Vec::new());
            for (nth, (links, step)) in history.iter().enumerate() {
                let links: Vec<usize> = links.iter().filter(|_| nth > 0).map(|link| link.index(nth)).collect();
                dates.push(*step);
                parents.push(links);
            }
            let at = |ends: &[prop::sample::Index]| ends.iter().map(|end| end.index(parents.len())).collect::<Vec<_>>();
            let (tips, without) = (at(&tips), at(&without));
            let mut read = |wanted: &ObjectId| {
                let nth = (0..parents.len()).find(|&nth| id(names[nth]) == *wanted)?;
                let parents = parents[nth].iter().map(|&parent| id(names[parent])).collect();
                Some(RawCommit { tree: id(99), parents, author: Vec::new(), authored: (0, 0), committed: dates[nth] })
            };
            let ids = |which: &[usize]| which.iter().map(|&nth| id(names[nth])).collect::<Vec<_>>();
            let found = between(&mut read, &ids(&tips), &ids(&without));
            let (held, left_out) = (below(&parents, &tips), below(&parents, &without));
            let mut wanted: Vec<ObjectId> =
                (0..parents.len()).filter(|&nth| held[nth] && !left_out[nth]).map(|nth| id(names[nth])).collect();
            wanted.sort();
            prop_assert_eq!(found.commits.into_iter().map(|(id, _)| id).collect::<Vec<_>>(), wanted);
        }
    }

    #[test]
    fn what_is_not_there_is_told_unless_it_was_to_be_left_out() {
        let mut read = |wanted: &ObjectId| {
            let raw =
                RawCommit { tree: id(9), parents: vec![id(2)], author: Vec::new(), authored: (0, 0), committed: 1 };
            (*wanted == id(1)).then_some(raw)
        };
        assert_eq!(between(&mut read, &[id(1), id(3)], &[id(4)]).missing, [id(2), id(3)]);
        assert_eq!(between(&mut read, &[id(1)], &[id(2)]).missing, []);
    }
}
