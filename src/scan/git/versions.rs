//! Versions of a text. In: a text, and what it was made from by which changes. Out: whether it holds nothing of a key's shape
//! in any form, as far as looking at what changed can tell. It may say no where a look at all of it says yes, never the
//! other way: whoever hears no looks at all of it.
//!
//! A text is *bare* if nothing in it has the shape of a key, no view of it is made, and nothing in it asks for one. All of
//! that is said by what stands close together: a word, an escape and the line that it ends, literals that follow one another,
//! lines of base64 below one another. So a version of a bare text is bare if what stands round its changes is, up to lines that
//! nothing of the kind goes across.

use std::ops::Range;

use fearless_simd::{Level, dispatch, prelude::*, u8x16};
use memchr::memmem;

use crate::decode::archive;
use crate::decode::binary;
use crate::decode::{self, probe};
use crate::detect;
use crate::source::git::store::{Piece, UNMARKED, Version};

/// The marks of bare texts: one that does not name W&B, and one that may.
const BARE: u32 = 0;
const NAMES: u32 = 1;

/// How far from a change it can matter to what is not part of something longer; lines that go on are asked for the most.
const NEAR: usize = 104;
/// How much more is looked at beyond the lines that nothing goes across, for what is asked of neighbours.
const BEYOND: usize = 128;
/// How far such a line is looked for.
const FAR: usize = 4096;
/// How much of a line is read to know it.
const LINE: usize = 256;
/// The longest way through tags from one piece of a word to the next.
const TAGS: usize = 1024;
/// How far apart a survey looks for what is written character by character, and at how much.
const LOOKS: usize = 64;
const LOOK: usize = 16;
/// Fewer zeros in a look are no characters of two or four bytes.
const ZEROS: u32 = 4;

/// The mark of a text that was looked at as a whole, without a candidate and without a view of it.
pub(super) fn mark(text: &[u8], names: bool) -> u32 {
    let runs: Vec<Range<usize>> = probe::runs(text).collect();
    if is_opened(text) || is_sampled(text) || asks(text, &runs, names) {
        return UNMARKED;
    }
    if names { NAMES } else { BARE }
}

/// The mark of a version of a bare text, if that is bare too.
pub(super) fn still_bare(version: &Version<'_>) -> Option<u32> {
    let base = version.base.as_ref().filter(|base| matches!(base.mark, BARE | NAMES))?;
    still(version.bytes, base.mark, changes(base.pieces(), base.size, version.bytes.len()))
}

fn still(text: &[u8], mark: u32, changes: Vec<Range<usize>>) -> Option<u32> {
    if !matches!(mark, BARE | NAMES) || least(&changes) > text.len() / 2 || is_opened(text) {
        return None;
    }
    let windows = windows(text, changes)?;
    if is_sampled(text) {
        return None;
    }
    let bare = |window: &Range<usize>| is_bare(&text[window.clone()], mark == NAMES);
    windows.iter().all(bare).then_some(mark)
}

/// Whether a text is looked at as the bytes of something else.
fn is_opened(text: &[u8]) -> bool {
    archive::form(text).is_some() || binary::format(text).is_some()
}

/// Where a text differs from its base: what is new in it, and where what was apart stands together.
fn changes(pieces: impl Iterator<Item = Piece>, base: usize, size: usize) -> Vec<Range<usize>> {
    let mut changes: Vec<Range<usize>> = Vec::new();
    let mut change = |range: Range<usize>| match changes.last_mut() {
        Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
        _ => changes.push(range),
    };
    let (mut start, mut next) = (0, Some(0));
    for piece in pieces {
        match piece.from {
            Some(from) => {
                if next != Some(from) {
                    change(start..start);
                }
                next = Some(from + (piece.end - start));
            }
            None => {
                change(start..piece.end);
                next = None;
            }
        }
        start = piece.end;
    }
    if next != Some(base) || start != size {
        change(start..size);
    }
    changes
}

/// How much is looked at round the changes, at least.
fn least(changes: &[Range<usize>]) -> usize {
    let mut end = 0;
    let round = |change: &Range<usize>| {
        let start = change.start.saturating_sub(NEAR + BEYOND).max(end);
        end = end.max(change.end + NEAR);
        end.saturating_sub(start)
    };
    changes.iter().map(round).sum()
}

/// What is to be looked at round the changes; nothing if that is most of the text or has no end.
fn windows(text: &[u8], changes: Vec<Range<usize>>) -> Option<Vec<Range<usize>>> {
    let mut windows: Vec<Range<usize>> = Vec::new();
    let (mut total, mut seen) = (0, None);
    for change in changes {
        if seen.is_some_and(|seen| change.end + NEAR <= seen) {
            continue;
        }
        let start = before(text, change.start)?.saturating_sub(BEYOND);
        let calm = behind(text, change.end)?;
        let end = (calm + BEYOND).min(text.len());
        seen = Some(calm);
        match windows.last_mut().filter(|last| start <= last.end) {
            Some(last) => {
                total += end.saturating_sub(last.end);
                last.end = last.end.max(end);
            }
            None => {
                total += end - start;
                windows.push(start..end);
            }
        }
        if total > text.len() / 2 {
            return None;
        }
    }
    Some(windows)
}

/// The line nearest before a change that nothing goes across.
fn before(text: &[u8], change: usize) -> Option<usize> {
    let mut at = change.saturating_sub(NEAR);
    loop {
        let start = memchr::memrchr(b'\n', &text[at.saturating_sub(FAR)..at]);
        let Some(start) = start.map(|newline| at.saturating_sub(FAR) + newline + 1) else {
            return (at <= FAR).then_some(0);
        };
        if is_calm(text, start) {
            return Some(start);
        }
        if change - start > FAR {
            return None;
        }
        at = start - 1;
    }
}

/// The line nearest behind a change that nothing goes across.
fn behind(text: &[u8], change: usize) -> Option<usize> {
    let mut at = change + NEAR;
    loop {
        let Some(rest) = text.get(at..) else { return Some(text.len()) };
        let Some(newline) = memchr::memchr(b'\n', &rest[..rest.len().min(FAR)]) else {
            return (rest.len() <= FAR).then_some(text.len());
        };
        at += newline + 1;
        if at >= text.len() || is_calm(text, at) {
            return Some(at);
        }
        if at - change > FAR {
            return None;
        }
    }
}

/// Whether nothing that may be a key goes across the beginning of a line: it begins with what is neither a literal nor adds to
/// one nor is base64 as a whole; the line before does not go on, and no tag is open.
fn is_calm(text: &[u8], start: usize) -> bool {
    let above = &text[..start - 1];
    let above = above.strip_suffix(b"\r").unwrap_or(above);
    if matches!(above.last(), Some(b'\\' | b'=')) {
        return false;
    }
    let line = &text[start..text.len().min(start + LINE)];
    let indent = line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    let calm = match &line[indent..] {
        [b'}', next, ..] => !matches!(next, b'{' | b'$'),
        [b'-', b' ', ..] | [b']' | b'{' | b'[' | b'(', ..] => true,
        line => begins_with_word(line),
    };
    if indent > 48 || !calm {
        return false;
    }
    let near = &text[start.saturating_sub(TAGS)..start];
    memchr::memrchr(b'<', near).is_none_or(|open| memchr::memchr(b'>', &near[open..]).is_some())
}

/// Whether a line begins with a word that is neither a part of a literal nor adds to one, and that ends in the line.
fn begins_with_word(line: &[u8]) -> bool {
    let word = line.iter().take_while(|&&b| probe::is_word(b)).count();
    let name = line.iter().take_while(|&&b| probe::is_word(b) || matches!(b, b'.' | b'$' | b':')).count();
    let ends = line.get(name).is_some_and(|b| !matches!(b, b'\n' | b'\r' | b'+' | b'/' | b'-'));
    let behind = line[name..].trim_ascii_start();
    let adds = behind.is_empty() || behind.starts_with(b"+=") || line[..name].ends_with(b".append");
    // A shorter word may stand before a quote as a part of the literal; a longer one may hide a key itself.
    (3..probe::MIN_RUN).contains(&word) && name <= 60 && ends && !adds
}

/// Whether a part of a text is bare, if all of the text names W&B or if it `names` none.
fn is_bare(part: &[u8], names: bool) -> bool {
    let mut seen = probe::survey(part);
    if seen.names_wandb && !names {
        return false;
    }
    seen.names_wandb = names;
    let runs = probe::runs_in(part, 0..part.len());
    !asks(part, &runs, names)
        && detect::among(part, 0..part.len(), &runs).is_empty()
        && decode::views(part, &seen, &runs, &[]).is_empty()
}

/// Whether anything in a text asks for a view of it, whatever that would show: an escape beside a long run, the beginning of a
/// gzip stream, a line that goes on.
fn asks(text: &[u8], runs: &[Range<usize>], names: bool) -> bool {
    let beside = |run: &Range<usize>| {
        (run.start.saturating_sub(9)..run.start).chain([run.end]).any(|at| may_be_escape(text, at))
    };
    runs.iter().any(beside)
        || memmem::find(text, b"H4sI").is_some()
        || names && memchr::memchr_iter(b'=', text).any(|at| may_be_break(text, at))
}

/// Whether an escape may begin at `at`.
fn may_be_escape(text: &[u8], at: usize) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    match rest {
        [b'%', a, b, ..] => a.is_ascii_hexdigit() && b.is_ascii_hexdigit(),
        [b'=', b'\n' | b'\r' | b'\\', ..] => ends_line(&rest[1..]),
        [b'=', a, b, ..] => [a, b].iter().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F')),
        [b'\\', next, ..] => matches!(next, b'x' | b'u' | b'U' | b'0'..=b'3' | b'_'),
        [b'&', b'#', ..] => true,
        [b'&', ..] => rest.iter().take(14).any(|b| *b == b';'),
        _ => false,
    }
}

/// Whether a line that goes on may end with the sign at `at`: those are long, or hold line ends that are written out.
fn may_be_break(text: &[u8], at: usize) -> bool {
    if !ends_line(&text[at + 1..]) {
        return false;
    }
    let before = &text[at.saturating_sub(100)..at];
    let line = memchr::memrchr(b'\n', before).map_or(before.len(), |newline| before.len() - newline - 1);
    line >= 40 || memmem::find(before, b"\\n").is_some()
}

/// Whether a line may end here, by a line end or by one that is written out.
fn ends_line(rest: &[u8]) -> bool {
    let escapes = rest.iter().take(20).take_while(|b| **b == b'\\').count();
    match rest.get(escapes) {
        Some(b'\n' | b'\r') => escapes == 0,
        Some(b'n' | b'r') => escapes > 0,
        _ => escapes == 20,
    }
}

/// Whether a survey of a text may see what is written character by character. It looks here and there, and at other places in
/// another version of a text.
fn is_sampled(text: &[u8]) -> bool {
    dispatch!(Level::new(), simd => any_sampled(simd, text))
}

#[inline(always)]
fn any_sampled<S: Simd>(simd: S, text: &[u8]) -> bool {
    (0..text.len()).step_by(LOOKS).any(|at| {
        let Some(look) = text[at..].first_chunk::<LOOK>() else { return false };
        let bytes = u8x16::load_array_ref(simd, look);
        let is = |byte: u8| bytes.simd_eq(u8x16::splat(simd, byte));
        let introducers = is(b'%') | is(b'\\') | is(b'&') | is(b'=');
        // Ordinary text seldom holds two of these so close to one another.
        let signs = (introducers | is(0)).to_bitmask();
        signs & signs.wrapping_sub(1) != 0 && {
            let introducers = introducers.to_bitmask();
            let first = at + introducers.trailing_zeros() as usize;
            is(0).to_bitmask().count_ones() >= ZEROS || introducers.count_ones() > 1 && may_be_dense(text, first)
        }
    })
}

/// Whether an escape may begin at `at`, be it one that is escaped by backslashes.
#[cold]
fn may_be_dense(text: &[u8], at: usize) -> bool {
    let escaped = text[at..].iter().take(4).take_while(|b| **b == b'\\').count().saturating_sub(1);
    may_be_escape(text, at + escaped)
}

#[cfg(test)]
mod tests {
    use std::sync::{LazyLock, Mutex};

    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::blob::{Kind, Origin};
    use crate::finding::Outcome;
    use crate::judge::Judge;
    use crate::policy::Policy;
    use crate::rule::RuleSet;
    use crate::rule::example::{legacy_key, v1_key};
    use crate::scan::worker::{Glance, Worker};
    use crate::scan::{Progress, Scan};

    /// Looks at all of a text.
    fn glances(texts: &[Vec<u8>]) -> Vec<Glance> {
        static RULES: LazyLock<RuleSet> = LazyLock::new(|| RuleSet::builtin().expect("the pages are well"));
        static POLICY: LazyLock<Policy> =
            LazyLock::new(|| Policy::new(&RULES, Vec::new(), Vec::new(), true).expect("nothing is asked"));
        let progress = Progress::default();
        let scan =
            Scan { rules: &RULES, policy: &POLICY, progress: &progress, threads: 1, cache: None, found: &|_| {} };
        let judge = Judge::new(&RULES, &POLICY, &|_, _| false);
        let outcome = Mutex::new(Outcome::default());
        let mut worker = Worker::new(&scan, &judge, &outcome);
        let origin = Origin::new(Kind::Blob, "");
        texts.iter().map(|text| worker.glance(|worker| worker.bytes(&origin, text))).collect()
    }

    /// What stands in texts: calm lines, and everything that a key may hide in, mostly in parts.
    fn fragments() -> Vec<String> {
        let (v1, legacy) = (v1_key("1"), legacy_key("2"));
        let base64 = data_encoding::BASE64.encode(format!("WANDB_API_KEY={v1} and so on and on {legacy}").as_bytes());
        let wrapped: Vec<&str> =
            (0..base64.len()).step_by(64).map(|at| &base64[at..base64.len().min(at + 64)]).collect();
        let wide: String = v1.chars().flat_map(|c| [c, '\0']).collect();
        let percent: String = legacy.bytes().map(|b| format!("%{b:02X}")).collect();
        let mut all: Vec<String> = [
            "def look(at):\n",
            "    return at + 1\n",
            "import wandb\n",
            "  },\n",
            "x = {\n",
            "\n",
            "\n\n",
            "- name: it\n",
            "wandb.login(key=",
            "\"",
            "'",
            "\" \"",
            "\" +\n    \"",
            "\",\n  \"",
            "key += \"",
            "\"; key += \"",
            "\\\n",
            "=\n",
            "\\n",
            "# what follows\n",
            "<b>",
            "</b><i>",
            "</b>",
            "''.join([",
            "])\n",
            "%s",
            "=3D",
            "\\_",
            "\\u0041",
            "%41",
            "&amp;",
            "the quick brown fox jumps over the lazy dog and so on and on until the line is full of it",
            "H4sI",
            "key:\n",
            "a_name_that_is_longer_than_most_names_are_in_texts",
            "WANDB_API_KEY=",
            "Wandb ",
            " ",
            "local-",
        ]
        .map(str::to_owned)
        .to_vec();
        all.extend(
            ["return nothing at all\n", "for each in all:\n", "value: another value\n"].map(|line| line.repeat(8)),
        );
        for cut in [3, 20, 39, 40, 60] {
            all.extend([v1[..cut].to_owned(), v1[cut..].to_owned()]);
            let (start, end) = legacy.split_at(cut.min(39));
            all.extend([start.to_owned(), end.to_owned()]);
        }
        all.extend(wrapped.iter().map(|line| format!("{line}\n")));
        all.extend([wrapped[0].to_owned(), wide, percent[..30].to_owned(), percent[30..].to_owned(), v1, legacy]);
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

        /// A version that is called bare says nothing when all of it is looked at, however small the difference.
        #[test]
        fn a_bare_version_has_nothing_to_say(
            lines in prop::collection::vec(any::<Index>(), 1..40),
            calm in prop::collection::vec(0..3usize, 40),
            edits in prop::collection::vec((any::<Index>(), any::<Index>(), 0..4u8), 1..4),
            rough in 0..10usize,
        ) {
            let all = fragments();
            let long: Vec<&str> = all.iter().map(String::as_str).filter(|part| part.len() > 100 && part.ends_with('\n')).collect();
            // Mostly calm, so that there is something to share.
            let mut parts: Vec<&str> = Vec::new();
            for (nth, line) in lines.iter().enumerate() {
                parts.push(long[calm[nth] % long.len()]);
                if nth % 10 < rough {
                    parts.push(&all[line.index(all.len())]);
                }
            }
            let base = parts.concat().into_bytes();
            let mut pieces: Vec<(usize, Option<usize>)> = Vec::new();
            let mut version: Vec<u8> = Vec::new();
            let mut places: Vec<usize> = edits.iter().map(|edit| edit.0.index(base.len() + 1)).collect();
            places.sort_unstable();
            let mut copied = 0;
            for (place, (_, what, how)) in places.into_iter().zip(&edits) {
                if place < copied {
                    continue;
                }
                version.extend_from_slice(&base[copied..place]);
                pieces.push((version.len(), Some(copied)));
                copied = place;
                if *how != 0 {
                    version.extend_from_slice(all[what.index(all.len())].as_bytes());
                    pieces.push((version.len(), None));
                }
                if *how < 3 {
                    copied = base.len().min(place + what.index(120));
                }
            }
            version.extend_from_slice(&base[copied..]);
            pieces.push((version.len(), Some(copied)));
            let [of_base, of_version] = glances(&[base.clone(), version.clone()])[..] else { unreachable!() };
            if !of_base.is_clean() || of_base.viewed {
                return Ok(());
            }
            let mark = mark(&base, of_base.names);
            let pieces = pieces.into_iter().map(|(end, from)| Piece { end, from });
            let changes = changes(pieces, base.len(), version.len());
            if let Some(mark) = still(&version, mark, changes) {
                prop_assert!(of_version.is_clean() && !of_version.viewed, "{}", String::from_utf8_lossy(&version));
                prop_assert!(!of_version.names || mark == NAMES);
            }
        }
    }

    /// A key in every form that goes over several lines or signs, cut into so many pieces.
    fn hidden(form: usize, pieces: usize) -> String {
        let key = v1_key("hidden");
        let width = key.len().div_ceil(pieces);
        let cut = |text: &str, width: usize| -> Vec<String> {
            text.as_bytes().chunks(width).map(|piece| String::from_utf8_lossy(piece).into_owned()).collect()
        };
        let pieces = cut(&key, width);
        let base64 =
            data_encoding::BASE64.encode(format!("{}{key} and so on", "what stands before ".repeat(9)).as_bytes());
        match form {
            0 => format!("key = (\"{}\")\n", pieces.join("\"\n       \"")),
            1 => format!("key = \"{}\"\n", pieces.join(&format!("\" +\n  # {}\n  \"", "and what follows ".repeat(10)))),
            2 => format!("key = ''.join([\n    \"{}\",\n])\n", pieces.join("\",\n    \"")),
            3 => format!("key = \"{}\";\n", pieces.join("\";\nkey += \"")),
            4 => format!("key = \"{}\"\n", pieces.join("\\\n")),
            5 => format!("<p>{}</p>\n", pieces.join("</b><b\n  class=it>")),
            6 => cut(&base64, 64).join("\n") + "\n",
            7 => format!("key: {}\n", key.bytes().map(|b| format!("%{b:02X}")).collect::<String>()),
            8 => format!("{} {}\n", "and so on ".repeat(6), pieces.join("=\n")),
            9 => format!("key = \"{}\"\n", key.replacen('_', "\\_", 1)),
            _ => format!("key = \"{key}\"\n"),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 6000, ..ProptestConfig::default() })]

        /// What hides a key and was spoilt somewhere is not called bare when it is mended.
        #[test]
        fn what_a_change_completes_is_found(
            form in 0..11usize,
            pieces in 1..9usize,
            at in any::<Index>(),
            cut in 0..40usize,
            spoil in prop::sample::select(vec!["", "x", " ", "; ", "\n", "\nreturn\n", "\nreturn nothing at all\n"]),
        ) {
            let calm = "import wandb\nreturn nothing at all\nfor each in all:\n".repeat(60);
            let hidden = hidden(form, pieces);
            let at = at.index(hidden.len());
            let end = hidden.len().min(at + cut);
            let base = format!("{calm}{}{spoil}{}{calm}", &hidden[..at], &hidden[end..]).into_bytes();
            let version = format!("{calm}{hidden}{calm}").into_bytes();
            let [of_base, of_version] = glances(&[base.clone(), version.clone()])[..] else { unreachable!() };
            if !of_base.is_clean() || of_base.viewed {
                return Ok(());
            }
            let (start, end) = (calm.len() + at, calm.len() + end);
            let behind = Some(start + spoil.len());
            let pieces = [(start, Some(0)), (end, None), (version.len(), behind)].map(|(end, from)| Piece { end, from });
            let pieces = pieces.into_iter().filter(|piece| piece.from.is_some() || start < end);
            let changes = changes(pieces, base.len(), version.len());
            if still(&version, mark(&base, of_base.names), changes).is_some() {
                prop_assert!(of_version.is_clean() && !of_version.viewed, "{form}: {}", String::from_utf8_lossy(&base));
            }
        }
    }

    #[test]
    fn what_a_delta_changes_is_found() {
        let piece = |end, from| Piece { end, from };
        let changed = |pieces: &[Piece], base, size| {
            let changes = changes(pieces.iter().copied(), base, size).into_iter();
            changes.map(|change| (change.start, change.end)).collect::<Vec<_>>()
        };
        assert_eq!(changed(&[piece(10, Some(0)), piece(20, Some(10))], 20, 20), []);
        assert_eq!(changed(&[piece(10, Some(0)), piece(15, None), piece(25, Some(10))], 20, 25), [(10, 15)]);
        assert_eq!(changed(&[piece(10, Some(0)), piece(20, Some(5))], 15, 20), [(10, 10)]);
        assert_eq!(changed(&[piece(10, Some(5))], 20, 10), [(0, 0), (10, 10)]);
        assert_eq!(changed(&[], 20, 0), [(0, 0)]);
    }

    #[test]
    fn a_small_change_to_a_long_text_is_all_that_is_looked_at() {
        let text: Vec<u8> = b"return nothing at all\nfor each in all:\n".repeat(500);
        let mark_of = |text: &[u8]| mark(text, false);
        assert_eq!(mark_of(&text), BARE);
        let at = text.len() / 2;
        let with = |what: &str| [&text[..at], what.as_bytes(), &text[at..]].concat();
        let marked = |what: &str| still(&with(what), BARE, std::iter::once(at..at + what.len()).collect());
        assert_eq!(marked("and so on"), Some(BARE));
        for what in [
            v1_key("1"),
            format!(" {} ", legacy_key("1")),
            "wandb".to_owned(),
            " %41%42%43%44%45%46%47".repeat(4),
            "H4sI".to_owned(),
        ] {
            assert_eq!(marked(&what), None, "{what}");
        }
        let windows = windows(&with("x"), std::iter::once(at..at + 1).collect()).expect("calm lines");
        assert!(windows.iter().map(Range::len).sum::<usize>() < 2000, "{windows:?}");
    }
}
