//! Shows edits for people: a unified diff in which no key can be read, so that it cannot be applied either. In: a draft, and
//! the findings of both its texts. Out: text.

use std::io::{self, Write};
use std::ops::Range;

use super::Draft;
use crate::finding::{Finding, visible};
use crate::judge;

/// The lines round a change.
const CONTEXT: usize = 3;
/// The most characters of a line.
const WIDE: usize = 400;

/// One of the two texts: where its lines lie, and what is hidden in it.
struct Side<'b> {
    bytes: &'b [u8],
    lines: Vec<Range<usize>>,
    hidden: Vec<(Range<usize>, String)>,
}

/// A change: lines before and after, counted from 0.
#[derive(Clone, Debug)]
struct Change {
    old: Range<usize>,
    new: Range<usize>,
}

/// Writes the edits of a file that is called `[old, new]`; `/dev/null` is one that is not there. `found` are the findings before
/// and after, of which the keys are hidden.
pub fn write(
    draft: &Draft,
    names: [&str; 2],
    found: [&[Finding]; 2],
    colour: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let now = draft.bytes();
    let (old, new) = (Side::new(draft.old(), found[0]), Side::new(&now, found[1]));
    let paint = |colour: &'static str| {
        move |text: &str| if colour.is_empty() { text.to_owned() } else { format!("\x1b[{colour}m{text}\x1b[0m") }
    };
    let [bold, cyan, red, green] = ["1", "36", "31", "32"].map(|code| paint(if colour { code } else { "" }));
    writeln!(out, "{}\n{}", bold(&format!("--- {}", visible(names[0]))), bold(&format!("+++ {}", visible(names[1]))))?;
    for hunk in hunks(&changes(draft, &old, &new)) {
        let first = hunk[0].old.start.saturating_sub(CONTEXT);
        let last = (hunk[hunk.len() - 1].old.end + CONTEXT).min(old.lines.len());
        let shift = hunk[0].new.start - (hunk[0].old.start - first);
        let count: usize = hunk.iter().map(|change| change.new.len()).sum::<usize>() + (last - first)
            - hunk.iter().map(|change| change.old.len()).sum::<usize>();
        let range = |start: usize, count: usize| format!("{},{count}", start + usize::from(count > 0));
        writeln!(out, "{}", cyan(&format!("@@ -{} +{} @@", range(first, last - first), range(shift, count))))?;
        let mut at = first;
        for change in hunk {
            (at..change.old.start).try_for_each(|nth| writeln!(out, " {}", old.line(nth)))?;
            change.old.clone().try_for_each(|nth| writeln!(out, "{}", red(&format!("-{}", old.line(nth)))))?;
            change.new.clone().try_for_each(|nth| writeln!(out, "{}", green(&format!("+{}", new.line(nth)))))?;
            at = change.old.end;
        }
        (at..last).try_for_each(|nth| writeln!(out, " {}", old.line(nth)))?;
    }
    Ok(())
}

impl<'b> Side<'b> {
    fn new(bytes: &'b [u8], found: &[Finding]) -> Side<'b> {
        let mut at = 0;
        let lines = bytes.split_inclusive(|&b| b == b'\n').map(|line| {
            at += line.len();
            at - line.len()..at
        });
        let hide = |finding: &Finding| {
            let key = finding.key.as_ref()?;
            let offset = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
            Some((offset(finding.span.start)..offset(finding.span.end), format!("[{}]", key.id)))
        };
        Side { bytes, lines: lines.collect(), hidden: found.iter().filter_map(hide).collect() }
    }

    /// The line that holds a byte.
    fn line_of(&self, at: usize) -> usize {
        self.lines.partition_point(|line| line.end <= at)
    }

    /// A line as it may be shown.
    fn line(&self, nth: usize) -> String {
        let line = &self.lines[nth];
        let bytes = &self.bytes[line.clone()];
        let ended = bytes.strip_suffix(b"\n");
        let text = ended.unwrap_or(bytes);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let within = |(span, shown): &(Range<usize>, String)| {
            let part = span.start.max(line.start)..span.end.min(line.start + text.len());
            (part.start < part.end).then(|| (part.start - line.start..part.end - line.start, shown.clone()))
        };
        let hidden: Vec<_> = self.hidden.iter().filter_map(within).collect();
        // What has a tab in front keeps it, so that the lines stand under each other.
        let indent = text.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let shown = judge::shown_line(text, &hidden);
        let body = shown.get(indent..).unwrap_or_default();
        let mut line = String::from_utf8_lossy(&text[..indent]).into_owned();
        line.extend(body.chars().take(WIDE));
        if body.chars().count() > WIDE {
            line.push('…');
        }
        if ended.is_none() {
            line.push_str("\n\\ No newline at end of file");
        }
        line
    }
}

/// The lines that edits change.
fn changes(draft: &Draft, old: &Side<'_>, new: &Side<'_>) -> Vec<Change> {
    /// Old lines, and by how many bytes what stands before and behind them has moved.
    struct Block {
        lines: Range<usize>,
        moved: [isize; 2],
    }
    let mut blocks: Vec<Block> = Vec::new();
    let mut moved = 0isize;
    for edit in draft.edits() {
        let starts = |at: usize| old.lines.get(old.line_of(at)).is_none_or(|line| line.start == at);
        let open = old.bytes.last().is_some_and(|last| *last != b'\n');
        let last = old.lines.len().saturating_sub(usize::from(open));
        let first = old.line_of(edit.span.start).min(last);
        // Whole lines that go leave nothing; of others something stays.
        let by_lines = edit.by.is_empty() || edit.by.ends_with(b"\n");
        let whole = by_lines && starts(edit.span.start) && starts(edit.span.end);
        let end = old.line_of(edit.span.end) + usize::from(!whole);
        let lines = first..end.min(old.lines.len()).max(first);
        let before = moved;
        moved += edit.by.len() as isize - edit.span.len() as isize;
        match blocks.last_mut().filter(|last| first < last.lines.end) {
            Some(last) => {
                *last = Block { lines: last.lines.start..lines.end.max(last.lines.end), moved: [last.moved[0], moved] }
            }
            None => blocks.push(Block { lines, moved: [before, moved] }),
        }
    }
    let there = |nth: usize, moved: isize| {
        let at = old.lines.get(nth).map_or(old.bytes.len(), |line| line.start);
        new.line_of(at.saturating_add_signed(moved))
    };
    let change = |block: Block| Change {
        new: there(block.lines.start, block.moved[0])..there(block.lines.end, block.moved[1]),
        old: block.lines,
    };
    blocks.into_iter().map(change).collect()
}

/// Changes that share a line of context are shown together.
fn hunks(changes: &[Change]) -> Vec<&[Change]> {
    changes.chunk_by(|one, next| next.old.start - one.old.end <= 2 * CONTEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(old: &str, edits: &[(&str, &str)]) -> String {
        let mut draft = Draft::new(old.as_bytes());
        for (from, to) in edits {
            let now = String::from_utf8(draft.bytes()).expect("text");
            let at = now.find(from).expect("there");
            draft.replace(at..at + from.len(), to);
        }
        let mut out = Vec::new();
        write(&draft, ["a", "b"], [&[], &[]], false, &mut out).expect("memory");
        String::from_utf8(out).expect("text").lines().skip(2).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn hunks_are_those_of_diff() {
        let lines: String = (1..=20).map(|nth| format!("l{nth};\n")).collect();
        for (old, edits, diff) in [
            ("a\nb\nc\n", vec![("b", "x")], "@@ -1,3 +1,3 @@| a|-b|+x| c"),
            ("a\nb\nc\n", vec![("b\n", "")], "@@ -1,3 +1,2 @@| a|-b| c"),
            ("a b\n", vec![("a", "1"), ("b", "2")], "@@ -1,1 +1,1 @@|-a b|+1 2"),
            ("a\nb\nc", vec![("a\nb", "x")], "@@ -1,3 +1,2 @@|-a|-b|+x| c|\\ No newline at end of file"),
            ("a", vec![("", "")], ""),
            (
                &lines,
                vec![("l2;", "x"), ("l12;\n", "")],
                "@@ -1,5 +1,5 @@| l1;|-l2;|+x| l3;| l4;| l5;|@@ -9,7 +9,6 @@| l9;| l10;| l11;|-l12;| l13;| l14;| l15;",
            ),
        ] {
            assert_eq!(shown(old, &edits), diff, "{old:?}");
        }
        for (old, diff) in [
            ("", "@@ -0,0 +1,1 @@|+n"),
            ("a\n", "@@ -1,1 +1,2 @@| a|+n"),
            ("a", "@@ -1,1 +1,2 @@|-a|\\ No newline at end of file|+a|+n"),
        ] {
            let draft = super::super::with_lines(old.as_bytes(), &[b"n".to_vec()]);
            let mut out = Vec::new();
            write(&draft, ["a", "b"], [&[], &[]], false, &mut out).expect("memory");
            let text = String::from_utf8(out).expect("text");
            assert_eq!(text.lines().skip(2).collect::<Vec<_>>().join("|"), diff, "{old:?}");
        }
    }
}
