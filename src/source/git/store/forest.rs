//! The plan by which all objects of a listing are read: of each pack the entries as a forest, every base before what is made
//! from it, cut into parts that threads take. In: the order of each pack's entries, and which of them are listed. Out: parts.
//! It holds numbers and no bytes.

use std::ops::Range;

use super::pack::Found;

/// How much a part is, at least where a family begins, and at least elsewhere: bytes that are inflated, made and looked at.
const PART: u64 = 1 << 20;
const LARGE_PART: u64 = 8 << 20;
/// How many entries a part has, at most where a family begins.
const MOST: usize = 512;
/// What an entry costs beside its bytes.
const OVERHEAD: u64 = 512;

/// The plan of a listing.
#[derive(Debug, Default)]
pub struct Forest {
    /// By pack.
    packs: Vec<Vec<Step>>,
    parts: Vec<Part>,
}

/// What one thread reads at a time. It costs least to take parts in their order.
#[derive(Debug, Clone)]
pub struct Part(pub(super) Reads);

/// What a part reads.
#[derive(Debug, Clone)]
pub(super) enum Reads {
    /// Entries of a pack, by their numbers in its steps.
    Steps { pack: u32, steps: Range<usize> },
    /// Objects, one by one, by their numbers in the listing.
    Each(Range<usize>),
}

/// An entry of a pack that is read or made from others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// Where it begins.
    pub(super) offset: u64,
    /// How many bytes it has there; of very many the most that can be said.
    pub(super) packed: u32,
    /// Their CRC-32.
    pub(super) crc: u32,
    /// The number of its base among the steps, or [`NONE`].
    pub(super) base: u32,
    /// Its number in the listing, or [`NONE`] if it is only a base.
    pub(super) entry: u32,
    /// How much work it is, in bytes.
    weight: u32,
    /// Whether another step is made from it.
    pub(super) is_base: bool,
    /// Whether no later step is made from its base.
    pub(super) is_last: bool,
}

/// A number that stands for none.
pub(super) const NONE: u32 = u32::MAX;

impl Forest {
    /// The parts, in order: together every object of the plan once.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The plan of some of its objects, by their numbers in the listing.
    pub fn only(&self, wanted: impl Fn(usize) -> bool) -> Forest {
        let mut forest = Forest::default();
        for steps in &self.packs {
            let kept = |step: &Step| step.entry != NONE && wanted(step.entry as usize);
            let entry = |step: &Step| if kept(step) { step.entry } else { NONE };
            forest.plant(steps.iter().map(|step| Step { entry: entry(step), ..*step }).collect());
        }
        for part in &self.parts {
            let Reads::Each(entries) = &part.0 else { continue };
            let mut rest = entries.clone();
            while let Some(start) = rest.find(|entry| wanted(*entry)) {
                let end = rest.find(|entry| !wanted(*entry)).unwrap_or(entries.end);
                forest.add_each(start..end);
            }
        }
        forest
    }

    /// The steps of a pack.
    pub(super) fn steps(&self, pack: u32) -> &[Step] {
        self.packs.get(pack as usize).map_or(&[], Vec::as_slice)
    }

    /// Adds objects of the listing that are read one by one.
    pub(super) fn add_each(&mut self, entries: Range<usize>) {
        let starts = entries.clone().step_by(MOST);
        self.parts.extend(starts.map(|start| Part(Reads::Each(start..entries.end.min(start + MOST)))));
    }

    /// Adds the next pack: its entries in their order, the number in the listing of each or [`NONE`], and the CRC of each by
    /// its number in the index.
    pub(super) fn add_pack(&mut self, order: &[Found], entries: &[u32], crc: impl Fn(u32) -> Option<u32>) {
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let step = |(found, entry): (&Found, &u32)| Step {
            offset: found.offset,
            packed: small(found.end.saturating_sub(found.offset)),
            crc: crc(found.nth).unwrap_or_default(),
            base: found.base.unwrap_or(NONE),
            entry: *entry,
            weight: small(found.size.saturating_add(found.end - found.offset).saturating_add(OVERHEAD)),
            is_base: false,
            is_last: false,
        };
        self.plant(order.iter().zip(entries).map(step).collect());
    }

    /// Takes in the steps of a pack, without those that nothing listed is made from, and cuts them into parts.
    fn plant(&mut self, mut steps: Vec<Step>) {
        steps.iter_mut().for_each(|step| step.is_base = false);
        for at in (0..steps.len()).rev() {
            let Step { base, entry, is_base, .. } = steps[at];
            if (is_base || entry != NONE) && base != NONE {
                steps[at].is_last = !std::mem::replace(&mut steps[base as usize].is_base, true);
            }
        }
        let mut numbers = vec![NONE; steps.len()];
        let mut depths: Vec<u32> = Vec::new();
        let mut cut = Cut { pack: self.packs.len() as u32, start: 0, weight: 0 };
        let mut kept = 0;
        for at in 0..steps.len() {
            let Step { base, entry, is_base, weight, .. } = steps[at];
            if !is_base && entry == NONE {
                continue;
            }
            let base = numbers.get(base as usize).copied().unwrap_or(NONE);
            let depth = if base == NONE { 0 } else { depths[base as usize] + 1 };
            self.parts.extend(cut.before(kept, depth));
            cut.weight += u64::from(weight);
            numbers[at] = kept as u32;
            depths.push(depth);
            steps[kept] = Step { base, ..steps[at] };
            kept += 1;
        }
        self.parts.extend(cut.at(kept));
        steps.truncate(kept);
        steps.shrink_to_fit();
        self.packs.push(steps);
    }
}

/// Where the next part of a pack began, and how much it is by now.
struct Cut {
    pack: u32,
    start: usize,
    weight: u64,
}

impl Cut {
    /// A part that ends before a step of that depth, if one should. Within a family the next part makes that step's bases
    /// again, which must be little beside what it reads.
    fn before(&mut self, step: usize, depth: u32) -> Option<Part> {
        let steps = step - self.start;
        let is_due = match depth {
            0 => self.weight >= PART || steps >= MOST,
            depth => (self.weight >= LARGE_PART || steps >= 4 * MOST) && steps / 4 >= depth as usize,
        };
        if is_due { self.at(step) } else { None }
    }

    fn at(&mut self, step: usize) -> Option<Part> {
        let steps = self.start..step;
        (self.start, self.weight) = (step, 0);
        (!steps.is_empty()).then_some(Part(Reads::Steps { pack: self.pack, steps }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ObjectKind;

    /// The plan of a pack in which each entry is a delta to the one that `base` says, if that is another one.
    fn planned(count: u32, size: u64, base: fn(u32) -> u32) -> Forest {
        let found = |nth: u32| Found {
            nth,
            offset: u64::from(nth) * 100,
            end: u64::from(nth + 1) * 100,
            kind: ObjectKind::Blob,
            base: Some(base(nth)).filter(|base| *base != nth),
            size,
        };
        let order: Vec<Found> = (0..count).map(found).collect();
        let mut forest = Forest::default();
        forest.add_pack(&order, &(0..count).collect::<Vec<_>>(), Some);
        forest
    }

    /// How many steps each part has; together they are all steps in order.
    fn sizes(forest: &Forest) -> Vec<usize> {
        let mut end = 0;
        let size = |part: &Part| {
            let Reads::Steps { pack: 0, steps } = &part.0 else { panic!("there is one pack") };
            assert_eq!(std::mem::replace(&mut end, steps.end), steps.start);
            steps.len()
        };
        let sizes = forest.parts().iter().map(size).collect();
        assert_eq!(end, forest.steps(0).len());
        sizes
    }

    #[test]
    fn parts_end_where_little_is_made_twice() {
        let alone = |nth| nth;
        assert_eq!(sizes(&planned(1200, 10, alone)), [MOST, MOST, 1200 - 2 * MOST]);
        assert_eq!(sizes(&planned(5, PART, alone)), [1; 5]);
        assert_eq!(sizes(&planned(5, u64::MAX, alone)), [1; 5]);
        let star = |_| 0;
        assert_eq!(sizes(&planned(10_000, 10, star)), [2048, 2048, 2048, 2048, 1808]);
        assert_eq!(sizes(&planned(10, LARGE_PART, star)), [4, 4, 2]);
        let chain = |nth: u32| nth.saturating_sub(1);
        assert_eq!(sizes(&planned(10_000, PART, chain)), [10_000]);
        let pairs = |nth: u32| nth & !1;
        assert!(sizes(&planned(10_001, 10, pairs)).iter().rev().skip(1).all(|size| size % 2 == 0));
        assert_eq!(sizes(&planned(0, 10, alone)), [0; 0]);
    }

    #[test]
    fn only_what_is_wanted_and_its_bases_are_read() {
        // 0 ── 1 ── 3, 0 ── 2, 4 ── 5
        let forest = planned(6, 10, |nth| [0, 0, 0, 1, 4, 4][nth as usize]);
        let told = |forest: &Forest| {
            let steps = forest.steps(0).iter();
            steps.map(|step| (step.offset / 100, step.base, step.entry, step.is_base, step.is_last)).collect::<Vec<_>>()
        };
        let all = [
            (0, NONE, 0, true, false),
            (1, 0, 1, true, false),
            (2, 0, 2, false, true),
            (3, 1, 3, false, true),
            (4, NONE, 4, true, false),
            (5, 4, 5, false, true),
        ];
        assert_eq!(told(&forest), all);
        let some = [
            (0, NONE, NONE, true, false),
            (1, 0, NONE, true, true),
            (3, 1, 3, false, true),
            (4, NONE, 4, false, false),
        ];
        assert_eq!(told(&forest.only(|nth| nth == 3 || nth == 4)), some);
        assert_eq!(told(&forest.only(|_| true)), all);
        assert!(forest.only(|_| false).parts().is_empty());
        let mut loose = Forest::default();
        loose.add_each(3..9);
        let parts = loose.only(|nth| nth != 5);
        let parts: Vec<_> = parts.parts().iter().map(|part| format!("{:?}", part.0)).collect();
        assert_eq!(parts, ["Each(3..5)", "Each(6..9)"]);
    }
}
