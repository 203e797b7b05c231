//! Where values of a text stand, by no more of its outline than the questions about them need. In: a text, and offsets in it.
//! Out: to each question the answer that the outline of the whole text gives.

use std::cell::OnceCell;

use super::Effort;
use super::outline::{Outline, Spot};

/// The offsets of a text that matter, and the parts of its outline round them.
pub(super) struct Places<'t> {
    text: &'t [u8],
    offsets: Vec<usize>,
    parts: Vec<Outline>,
    /// The part that an offset stands in, and where.
    spots: Vec<(usize, Spot)>,
    whole: OnceCell<(Outline, Vec<Spot>)>,
}

impl<'t> Places<'t> {
    /// Finds where sorted offsets stand.
    pub(super) fn of(text: &'t [u8], offsets: Vec<usize>) -> Places<'t> {
        let mut places = Places { text, offsets, parts: Vec::new(), spots: Vec::new(), whole: OnceCell::new() };
        for (part, (outline, spots)) in Outline::parts(text, &places.offsets).into_iter().enumerate() {
            places.parts.push(outline);
            places.spots.extend(spots.into_iter().map(|spot| (part, spot)));
        }
        places
    }

    /// What is said of the offset of that number, if it stands anywhere. An answer that takes more than the part round it is asked
    /// for again, of all, with the `effort` that was spent on the first given back.
    pub(super) fn ask<T>(&self, nth: usize, effort: &Effort, ask: impl Fn(&Outline, &Spot) -> T) -> Option<T> {
        if self.whole.get().is_none() {
            let (part, spot) = self.spots.get(nth)?;
            let spent = effort.0.get();
            let said = ask(&self.parts[*part], spot);
            if !self.parts[*part].fell_short() {
                return Some(said);
            }
            effort.0.set(spent);
        }
        let (outline, spots) = self.whole.get_or_init(|| Outline::read(self.text, &self.offsets));
        Some(ask(outline, spots.get(nth)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_takes_more_than_a_part_is_given_by_all_and_paid_for_once() {
        let text = b"[wandb]\nother = 1\nkey = @\n";
        let at = text.iter().position(|b| *b == b'@').expect("a marked place");
        let places = Places::of(text, vec![at]);
        let effort = Effort::default();
        let asked = places.ask(0, &effort, |outline, spot| {
            effort.reach(10);
            outline.section(text, spot.line).map(|section| outline.line(section).start)
        });
        assert_eq!(asked, Some(Some(0)));
        assert_eq!(effort.0.get(), 10);
        assert_eq!(places.ask(1, &effort, |_, _| ()), None);
    }
}
