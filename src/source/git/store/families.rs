//! The entries of a pack as families: an object, the deltas to it, the deltas to those. In: what each entry is a delta to. Out:
//! an order in which every base comes before what is made from it, and what no object leads to. Circles end.

use std::collections::HashSet;

use super::pack::{Found, MAX_DEPTH, NO_BASE, Survey};
use crate::object::ObjectKind;

const TOO_DEEP: &str = "its chain of deltas is too long";

/// What the entries of a pack are, in the order of their offsets.
pub(super) struct Links(pub(super) Vec<Link>);

#[derive(Clone, Copy)]
pub(super) enum Link {
    /// An object, and how many bytes it has.
    Root(ObjectKind, u64),
    /// A delta to the entry of that number.
    To(u32),
    /// What cannot be read.
    Lost,
}

impl Links {
    /// Puts the entries in the order in which each base comes before what is made from it, one family after the other, and of
    /// those that are made from one base the one that most is made from comes last: its base need not be held then, so that
    /// of a family of `n` no more than about log2 `n` bases wait for their next child at a time. Returns which ones are bases.
    pub(super) fn order(&self, offsets: &[u64], ends: &[u64], nths: &[u32], survey: &mut Survey) -> Vec<bool> {
        // The entries that are deltas to the entry `n` are `children[starts[n]..starts[n + 1]]`.
        let mut starts = vec![0u32; self.0.len() + 1];
        for link in &self.0 {
            if let Link::To(base) = link {
                starts[*base as usize + 1] += 1;
            }
        }
        let is_base: Vec<bool> = starts[1..].iter().map(|children| *children > 0).collect();
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut free = starts.clone();
        let mut children = vec![0u32; starts[self.0.len()] as usize];
        for (rank, link) in self.0.iter().enumerate() {
            if let Link::To(base) = link {
                let slot = &mut free[*base as usize];
                children[*slot as usize] = rank as u32;
                *slot += 1;
            }
        }
        let below = |rank: u32| starts[rank as usize] as usize..starts[rank as usize + 1] as usize;
        let members = self.members(|rank| &children[below(rank)]);
        for rank in (0u32..).zip(&is_base).filter(|(_, is_base)| **is_base).map(|(rank, _)| rank) {
            children[below(rank)].sort_by_key(|child| members[*child as usize]);
        }
        let mut family: Vec<(u32, u32, Option<u32>)> = Vec::new();
        for (root, link) in (0u32..).zip(&self.0) {
            let Link::Root(kind, size) = *link else { continue };
            family.push((root, 0, None));
            while let Some((rank, depth, base)) = family.pop() {
                let nth = nths[rank as usize];
                let place = survey.order.len() as u32;
                if depth as usize > MAX_DEPTH {
                    survey.lost.push((nth, TOO_DEEP));
                } else {
                    let (offset, end) = (offsets[rank as usize], ends[rank as usize]);
                    survey.listed[nth as usize] = true;
                    survey.order.push(Found { nth, offset, end, kind, base, size });
                }
                family.extend(children[below(rank)].iter().rev().map(|child| (*child, depth + 1, Some(place))));
            }
        }
        // What no root leads to: deltas to each other, or to what is lost.
        let known: HashSet<u32> = survey.lost.iter().map(|(nth, _)| *nth).collect();
        let unled = nths.iter().filter(|nth| !survey.listed[**nth as usize] && !known.contains(nth));
        survey.lost.extend(unled.map(|&nth| (nth, NO_BASE)));
        is_base
    }

    /// How many entries are made from each, itself included, as far as a root leads there.
    fn members<'c>(&self, children: impl Fn(u32) -> &'c [u32]) -> Vec<u32> {
        let is_root = |(rank, link): (u32, &Link)| matches!(link, Link::Root(..)).then_some(rank);
        let mut order: Vec<u32> = (0u32..).zip(&self.0).filter_map(is_root).collect();
        let mut next = 0;
        while let Some(&rank) = order.get(next) {
            next += 1;
            order.extend(children(rank));
        }
        let mut members = vec![1; self.0.len()];
        for &rank in order.iter().rev() {
            if let Link::To(base) = self.0[rank as usize] {
                members[base as usize] += members[rank as usize];
            }
        }
        members
    }
}
