//! A look at one text: as it stands, and in every form that decoding gives it. In: a piece of a source. Out: opinions, each
//! place once, whichever form of the text shows it.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use crate::blob::{Origin, Text};
use crate::decode;
use crate::decode::probe::{self, Survey};
use crate::detect::{self, Shape};
use crate::finding::Finding;
use crate::judge::{self, Judge, Opinion};
use crate::secret::Format;
use crate::source::Piece;

/// A look at one piece of a source, as it stands and in every form that decoding gives it.
pub(super) struct Look<'l> {
    judge: &'l Judge<'l>,
    origin: &'l Origin,
    /// The bytes of the source that this piece is asked about.
    own: Range<u64>,
    explain: bool,
    opinions: Vec<Opinion>,
    /// Where what was said begins, and where it ends.
    said: HashSet<(String, u64)>,
    /// Which opinion ends where.
    ends: HashMap<u64, usize>,
    /// Digests of the views so far, and how they are made.
    seen: HashSet<u64>,
    digests: RandomState,
    /// Whether a verdict could change if more of the source were read at once.
    pub(super) open: bool,
    /// Whether anything has the shape of a key, in any form.
    pub(super) candidates: bool,
    /// Whether what is encoded in it may go on in what lies before or behind it.
    pub(super) cut: bool,
    /// Whether more may be told of it once it has a name: habits, and keys by another rule.
    pub(super) unnamed: bool,
    /// The keys that no selected rule speaks of.
    passed: Vec<Range<u64>>,
    /// How many more decoded bytes may be looked at.
    budget: usize,
    /// Why not every form was looked at.
    pub(super) unread: Option<&'static str>,
}

impl<'l> Look<'l> {
    pub(super) fn of(judge: &'l Judge<'l>, origin: &'l Origin, piece: &Piece<'_>, explain: bool) -> Look<'l> {
        let own = piece.text.offsets(piece.own.clone());
        let budget = decode::budget(piece.text.bytes.len());
        Look {
            judge,
            origin,
            own,
            explain,
            opinions: Vec::new(),
            said: HashSet::new(),
            ends: HashMap::new(),
            seen: HashSet::new(),
            digests: RandomState::new(),
            open: false,
            candidates: false,
            cut: false,
            unnamed: false,
            passed: Vec::new(),
            budget,
            unread: None,
        }
    }

    /// Looks at the bytes of a container or a binary format, where what stands side by side says nothing: only for what needs
    /// no context.
    pub(super) fn at_bytes(&mut self, text: &Text<'_>, within: Range<usize>) {
        let mut candidates = detect::candidates(text.bytes, within);
        if !self.judge.finds() {
            candidates.retain(|candidate| candidate.shape != Shape::Key(Format::Legacy));
        }
        if !candidates.is_empty() {
            self.candidates = true;
            let judgement = self.judge.judge(self.origin, text, &candidates, self.explain);
            self.unnamed |= !judgement.passed.is_empty();
            self.take(judgement.opinions, 0);
        }
    }

    /// Looks at a piece of a text, in every form, and at the habits that it shows as it stands.
    pub(super) fn at(&mut self, piece: &Piece<'_>) {
        let seen = probe::survey(piece.text.bytes);
        self.forms(&piece.text, piece.own.clone(), &seen, 0);
        self.cut |= !piece.whole && seen.gzips.iter().any(|&at| decode::is_base64_to_its_end(&piece.text.bytes[at..]));
        let found = self.opinions.iter().filter_map(|opinion| Some(key_span(opinion)?.clone()));
        let keys: Vec<Range<u64>> = found.chain(self.passed.drain(..)).collect();
        let (judge, origin) = (self.judge, self.origin);
        let is_said = |about: &Range<u64>| {
            keys.iter().any(|key| key.start < about.end && about.start < key.end)
                || shows_beyond(judge, origin, piece, about)
        };
        let broken = self.judge.habits(self.origin, &piece.text, piece.whole, &seen.names, is_said);
        self.open |= broken.open;
        self.unnamed |= broken.unnamed;
        let own = |opinion: &Opinion| opinion.finding().is_some_and(|finding| self.own.contains(&finding.span.start));
        self.opinions.extend(broken.opinions.into_iter().filter(own));
    }

    /// Looks at what begins in `within`, and at the views of it.
    pub(super) fn forms(&mut self, text: &Text<'_>, within: Range<usize>, seen: &Survey, depth: usize) {
        let runs = probe::runs_in(text.bytes, within.clone());
        let mut silent = Vec::new();
        if !runs.is_empty() {
            let mut candidates = detect::among(text.bytes, within, &runs);
            if depth > 0 {
                let (own, cut) = (&self.own, &mut self.cut);
                candidates.retain(|candidate| {
                    let source = text.offsets(candidate.key.clone());
                    // The piece in which it begins shows no more than that.
                    *cut |= source.start < own.start && own.start < source.end;
                    own.contains(&source.start)
                });
            }
            if !candidates.is_empty() {
                self.candidates = true;
                let judgement = self.judge.judge(self.origin, text, &candidates, self.explain);
                self.open |= judgement.open;
                silent = judgement.silent;
                self.unnamed |= !judgement.passed.is_empty();
                self.passed.extend(judgement.passed.into_iter().map(|key| text.offsets(key)));
                self.take(judgement.opinions, depth);
            }
        }
        for view in decode::views(text.bytes, seen, &runs, &silent) {
            // The same text comes of the same place whichever of two encodings is undone first. What a scanned text could
            // foretell, it could use to hide another view.
            let place = text.offsets(view.source(0..view.bytes.len())).start;
            if !self.seen.insert(self.digests.hash_one((place, &view.bytes))) {
                continue;
            }
            if depth == decode::MAX_DEPTH {
                if !detect::candidates(&view.bytes, 0..view.bytes.len()).is_empty() {
                    self.unread = Some("more encodings lie in one another in it than are undone");
                }
                continue;
            }
            let Some(budget) = self.budget.checked_sub(view.bytes.len()) else {
                self.unread = Some("it holds more encoded text than is undone");
                return;
            };
            self.budget = budget;
            let decoded = text.decoded(&view);
            let seen = probe::survey(decoded.bytes);
            self.forms(&decoded, 0..decoded.bytes.len(), &seen, depth + 1);
        }
    }

    /// Takes what is not said yet: what a decoded text shows may stand there as it is too, or in another view.
    fn take(&mut self, opinions: Vec<Opinion>, depth: usize) {
        for opinion in opinions {
            let [begins, ends] = match opinion.finding() {
                // Half a key in half a text is no news.
                Some(finding) if depth > 0 && finding.rule.id == judge::CUT_OFF_KEY => continue,
                Some(finding) => finding.ends(),
                None if depth == 0 => {
                    self.opinions.push(opinion);
                    continue;
                }
                None => continue,
            };
            if let Some(&at) = self.ends.get(&ends.1).filter(|_| depth > 0)
                && let (Some(said), Some(new)) = (self.opinions[at].finding(), opinion.finding())
            {
                if is_end_of(new, said) {
                    continue;
                }
                if is_end_of(said, new) {
                    self.said.extend([begins, ends]);
                    self.opinions[at] = opinion;
                    continue;
                }
            }
            if depth > 0 && (self.said.contains(&begins) || self.said.contains(&ends)) {
                continue;
            }
            self.ends.insert(ends.1, self.opinions.len());
            self.said.extend([begins, ends]);
            self.opinions.push(opinion);
        }
    }

    /// What was said, without a key that seemed cut off where a view shows all of it.
    pub(super) fn opinions(mut self) -> Vec<Opinion> {
        let cut_off = |finding: &Finding| finding.rule.id == judge::CUT_OFF_KEY;
        if !self.seen.is_empty() && self.opinions.iter().filter_map(Opinion::finding).any(cut_off) {
            let findings = self.opinions.iter().filter_map(Opinion::finding);
            let whole: Vec<Range<u64>> = findings.filter(|f| f.key.is_some()).map(|f| f.span.clone()).collect();
            let holds = |key: &Range<u64>, part: &Range<u64>| key.start <= part.start && part.end <= key.end;
            self.opinions.retain(|opinion| {
                let part = opinion.finding().filter(|finding| cut_off(finding));
                part.is_none_or(|part| !whole.iter().any(|key| holds(key, &part.span)))
            });
        }
        for opinion in &mut self.opinions {
            if let Opinion::Suppressed(suppressed) = opinion {
                hide_encoded(&mut suppressed.reason, &mut (0..0));
            }
            if let Some(finding) = opinion.finding_mut() {
                hide_encoded(&mut finding.snippet.text, &mut finding.snippet.mark);
            }
        }
        self.opinions
    }
}

/// Hides in what is shown of a text the keys that only decoding shows: the neighbours of the one that it is shown for, which
/// is at `mark`.
pub(super) fn hide_encoded(shown: &mut String, mark: &mut Range<usize>) {
    const MOST: usize = 16;
    const HIDDEN: &str = "[…]";
    for _ in 0..MOST {
        let bytes = shown.as_bytes();
        let runs: Vec<_> = probe::runs(bytes).collect();
        let keys = decode::views(bytes, &probe::survey(bytes), &runs, &[]).into_iter().find_map(|view| {
            let found = detect::candidates(&view.bytes, 0..view.bytes.len());
            let mut spans = found.into_iter().map(|candidate| view.source(candidate.key));
            spans.find(|span| span.end <= mark.start || mark.end <= span.start)
        });
        let Some(span) = keys.filter(|span| shown.is_char_boundary(span.start) && shown.is_char_boundary(span.end))
        else {
            return;
        };
        if span.end <= mark.start {
            *mark = mark.start - span.len() + HIDDEN.len()..mark.end - span.len() + HIDDEN.len();
        }
        shown.replace_range(span, HIDDEN);
    }
}

/// Whether a key stands in some bytes of a source that a piece holds, where another piece is asked about it.
fn shows_beyond(judge: &Judge<'_>, origin: &Origin, piece: &Piece<'_>, about: &Range<u64>) -> bool {
    let Piece { text, own, .. } = piece;
    let place = |at: u64| {
        let within = usize::try_from(at.saturating_sub(text.before.bytes)).unwrap_or(usize::MAX);
        within.min(text.bytes.len())
    };
    let [start, end] = [about.start, about.end].map(place);
    let beyond = [start..end.min(own.start), start.max(own.end)..end];
    beyond.into_iter().filter(|part| part.start < part.end).any(|part| {
        let candidates = detect::candidates(text.bytes, part);
        let judgement = judge.judge(origin, text, &candidates, false);
        !judgement.passed.is_empty() || judgement.opinions.iter().any(|opinion| key_span(opinion).is_some())
    })
}

/// Where the key of an opinion stands.
fn key_span(opinion: &Opinion) -> Option<&Range<u64>> {
    opinion.finding().filter(|finding| finding.key.is_some()).map(|finding| &finding.span)
}

/// Whether a finding is about the last part of the key that another is about: its on-prem prefix stands apart in one form of
/// the text.
fn is_end_of(part: &Finding, whole: &Finding) -> bool {
    let (Some(part_key), Some(whole_key)) = (&part.key, &whole.key) else { return false };
    whole.span.start < part.span.start
        && whole_key.id == part_key.id
        && whole_key.prefix.is_some()
        && whole_key.prefix != part_key.prefix
}
