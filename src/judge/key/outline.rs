//! The outline of a text: lines with their parents, brackets with what they enclose, strings, comments, sections.
//! In: bytes of any language, and the offsets that matter. Out: where each offset stands. One pass, linear, and tolerant:
//! a text that is no program loses nothing but brackets. An outline of a part says what that of all would, or that it fell short.

mod reader;

use std::cell::{Cell, OnceCell};
use std::iter;
use std::rc::Rc;

use reader::{Reader, goes_on, is_section, opens_text};

/// A line that is not blank.
pub(super) struct Line {
    /// Its first byte, and the byte behind its last, the newline left out.
    pub(super) start: usize,
    pub(super) end: usize,
    /// How far it is indented, in columns.
    pub(super) indent: usize,
    /// How far what follows a list item's `- ` is indented; the same as `indent` for all other lines.
    pub(super) content: usize,
    /// The line that it belongs to by indentation.
    pub(super) parent: Option<usize>,
    /// The nearest line of the outline above that is a `[section]`.
    section: Option<usize>,
}

/// A bracket and what it encloses.
pub(super) struct Frame {
    /// The opening bracket.
    pub(super) open: usize,
    /// The closing one, if there is any.
    close: Option<usize>,
    /// The bracket around it.
    pub(super) parent: Option<usize>,
    /// Where the item begins that the bracket stands in.
    pub(super) item: usize,
    /// The line of the opening bracket.
    pub(super) line: usize,
}

/// Where an offset stands.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    /// The line.
    pub(super) line: usize,
    /// The innermost bracket around it.
    pub(super) frame: Option<usize>,
    /// Where the item (argument, member, statement) begins that it stands in.
    pub(super) item: usize,
    /// The opening quote of the string it stands in.
    pub(super) string: Option<usize>,
    /// Where the comment begins that it stands in.
    pub(super) comment: Option<usize>,
}

/// The outline of one text, or of a part of it.
pub(super) struct Outline {
    lines: Vec<Line>,
    pub(super) frames: Vec<Frame>,
    /// Where the part begins, and where the next line would.
    start: usize,
    end: usize,
    /// The length of the text.
    length: usize,
    /// The brackets that are still open where it ends.
    open: Vec<usize>,
    /// Where the first line of the text begins that looks like a section, once somebody asked.
    sections: Rc<OnceCell<Option<usize>>>,
    /// Whether somebody asked for what lies outside of the part.
    short: Cell<bool>,
}

/// How far behind an offset an open bracket is followed: further than anybody looks for its end.
const AHEAD: usize = 17 * 1024;

impl Outline {
    /// Reads `text`; `offsets` are sorted, and the spots come in their order.
    pub(super) fn read(text: &[u8], offsets: &[usize]) -> (Outline, Vec<Spot>) {
        let mut reader = Reader::new(text, offsets, 0);
        while reader.at < text.len() {
            reader.next();
        }
        reader.outline(&Rc::default())
    }

    /// Reads as little of `text` as tells where the offsets stand: from a line that nothing above reaches into to the end of the
    /// brackets round an offset. The parts come in order, each with the spots of its offsets.
    pub(super) fn parts(text: &[u8], offsets: &[usize]) -> Vec<(Outline, Vec<Spot>)> {
        let sections = Rc::default();
        let mut parts = Vec::new();
        let (mut rest, mut floor) = (offsets, 0);
        while let Some(&first) = rest.first() {
            let start = beginning(text, first, floor).unwrap_or_default();
            let mut reader = Reader::new(text, rest, start);
            while reader.at < text.len() {
                reader.next();
                if reader.wants() {
                    continue;
                }
                let Some(&next) = rest.get(reader.spots.len()) else { break };
                if beginning(text, next, reader.at).is_some() {
                    break;
                }
                while reader.at <= next {
                    reader.next();
                }
            }
            floor = reader.at;
            let (outline, spots) = reader.outline(&sections);
            rest = &rest[spots.len()..];
            parts.push((outline, spots));
            if floor >= text.len() {
                break;
            }
        }
        parts
    }

    /// A line.
    pub(super) fn line(&self, line: usize) -> &Line {
        &self.lines[line]
    }

    /// The line above.
    pub(super) fn above(&self, line: usize) -> Option<usize> {
        if line == 0 && self.start > 0 {
            self.short.set(true);
        }
        line.checked_sub(1)
    }

    /// The lines above, the nearest first.
    pub(super) fn all_above(&self, line: usize) -> impl Iterator<Item = usize> {
        let mut line = line;
        iter::from_fn(move || {
            line = self.above(line)?;
            Some(line)
        })
    }

    /// The lines below.
    pub(super) fn all_below(&self, line: usize) -> impl Iterator<Item = usize> {
        let mut below = line + 1..self.lines.len();
        iter::from_fn(move || {
            let next = below.next();
            if next.is_none() && self.end < self.length {
                self.short.set(true);
            }
            next
        })
    }

    /// The nearest line above that is a `[section]` of `text`, of which this is the outline.
    pub(super) fn section(&self, text: &[u8], line: usize) -> Option<usize> {
        let section = self.lines[line].section;
        if section.is_none()
            && self.start > 0
            && self.sections.get_or_init(|| first_section(text)).is_some_and(|first| first < self.start)
        {
            self.short.set(true);
        }
        section
    }

    /// Where a bracket is closed, or the text ends, but no further than `limit`.
    pub(super) fn close(&self, frame: usize, limit: usize) -> usize {
        let end = self.frames[frame].close.unwrap_or(self.length).min(limit);
        // One that is still open is closed behind all that was read, or not at all.
        if end > self.end && self.open.contains(&frame) {
            self.short.set(true);
        }
        end
    }

    /// Whether somebody asked for what lies outside of the part since this was asked last, so that what was answered is void.
    pub(super) fn fell_short(&self) -> bool {
        self.short.take()
    }
}

/// Where the last line begins, between `floor` and `offset`, that nothing above it reaches into: it stands at the margin, and the line
/// above it neither goes on nor opens a text. The first line of the text is one.
fn beginning(text: &[u8], offset: usize, floor: usize) -> Option<usize> {
    let mut start = line_start(text, offset, floor)?;
    loop {
        if start == 0 {
            return Some(0);
        }
        let line = &text[start..text.len().min(start + 2)];
        let begins = match line {
            [b')' | b']' | b'}' | b'|' | b'.', ..] | [b'-' | b'+', b' '] => false,
            [first, ..] => !first.is_ascii_whitespace(),
            [] => false,
        };
        if begins && stops_before(text, start) {
            return Some(start);
        }
        start = line_start(text, start - 1, floor)?;
    }
}

/// Where the line of `at` begins, unless that is before `floor`.
fn line_start(text: &[u8], at: usize, floor: usize) -> Option<usize> {
    if at < floor {
        return None;
    }
    let start = memchr::memrchr(b'\n', &text[floor..at]).map(|newline| floor + newline + 1);
    start.or_else(|| (floor == 0 || text[floor - 1] == b'\n').then_some(floor))
}

/// Whether the last line before `start` that is not blank ends what it says.
fn stops_before(text: &[u8], start: usize) -> bool {
    let above = text[..start].trim_ascii_end();
    let line = || &above[memchr::memrchr(b'\n', above).map_or(0, |newline| newline + 1)..];
    !above.last().is_some_and(|&last| goes_on(last) || (matches!(last, b'"' | b'\'') && opens_text(line())))
}

/// Where the first line begins that looks like a section.
fn first_section(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'[', text).find(|&at| {
        let before = &text[..at];
        let blanks = before.iter().rev().take_while(|b| b.is_ascii_whitespace() && **b != b'\n').count();
        let begins = before[..at - blanks].last().is_none_or(|b| *b == b'\n');
        begins && is_section(text[at..].split(|b| *b == b'\n').next().unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(text: &str) -> (Outline, Spot) {
        let at = text.find('@').expect("a marked place");
        let (outline, spots) = Outline::read(text.as_bytes(), &[at]);
        (outline, spots[0])
    }

    #[test]
    fn brackets_strings_and_comments_are_told() {
        let (outline, here) = spot("login(\n    # don't (\n    host=\"a(b\",\n    key='@')\n");
        let frame = &outline.frames[here.frame.expect("in a call")];
        assert_eq!(frame.open, 5);
        assert!(here.string.is_some() && here.comment.is_none());
        let (_, here) = spot("x = 1  # y = @\n");
        assert!(here.comment.is_some());
    }

    #[test]
    fn an_unclosed_bracket_does_not_swallow_what_follows() {
        let (_, here) = spot("a smile :(\nkey = @\n");
        assert!(here.frame.is_none());
        let (outline, here) = spot("{\n\"a\": 1,\n\"b\": {\n\"c\": @\n}\n}\n");
        assert_eq!(outline.frames[here.frame.expect("in braces")].open, 15);
    }

    #[test]
    fn lists_in_yaml_belong_to_the_key_above_them() {
        let (outline, here) = spot("env:\n- name: X\n  value: @\n");
        let item = outline.lines[here.line].parent.expect("a list item");
        assert_eq!((outline.lines[item].content, outline.lines[here.line].indent), (2, 2));
        assert_eq!(outline.lines[item].parent, Some(0));
    }

    /// All that can be asked of a spot, in places of the text rather than numbers of the outline; the answers that fell short
    /// are left out.
    fn told(text: &[u8], outline: &Outline, spot: &Spot) -> Vec<Option<Vec<usize>>> {
        let ask = |answer: &dyn Fn() -> Vec<usize>| {
            let answer = answer();
            (!outline.fell_short()).then_some(answer)
        };
        let start = |line: usize| outline.line(line).start;
        let shape = |line: usize| {
            let Line { start, end, indent, content, .. } = *outline.line(line);
            [start, end, indent, content]
        };
        let frames = || iter::successors(spot.frame, |&frame| outline.frames[frame].parent);
        let parents = |line: usize| iter::successors(Some(line), |&line| outline.line(line).parent);
        let mut told = vec![
            ask(&|| {
                [Some(spot.item), spot.string, spot.comment].into_iter().map(|at| at.map_or(0, |at| at + 1)).collect()
            }),
            ask(&|| {
                let of =
                    |frame: usize| (outline.frames[frame].open, outline.frames[frame].item, outline.frames[frame].line);
                frames().map(of).flat_map(|(open, item, line)| [open, item, start(line)]).collect()
            }),
            ask(&|| parents(spot.line).flat_map(shape).collect()),
            ask(&|| outline.section(text, spot.line).map(start).into_iter().collect()),
        ];
        for reach in [100, 3000, 16 * 1024, 64 * 1024] {
            told.push(ask(&|| {
                frames().map(|frame| outline.close(frame, outline.frames[frame].open + reach)).collect()
            }));
        }
        for reach in [1, 3, 40] {
            told.push(ask(&|| outline.all_above(spot.line).take(reach).flat_map(shape).collect()));
            told.push(ask(&|| outline.all_below(spot.line).take(reach).flat_map(shape).collect()));
            let sections = |line| outline.section(text, line).map_or(0, |section| start(section) + 1);
            told.push(ask(&|| outline.all_below(spot.line).take(reach).map(sections).collect()));
        }
        told
    }

    /// Tells of how many answers a part fell short, and panics where one differs from that of all.
    fn compare(text: &[u8], offsets: &[usize]) -> (usize, usize) {
        let (whole, wanted) = Outline::read(text, offsets);
        let parts = Outline::parts(text, offsets);
        let spots: Vec<_> =
            parts.iter().flat_map(|(outline, spots)| spots.iter().map(move |spot| (outline, spot))).collect();
        assert_eq!(spots.len(), wanted.len());
        let (mut short, mut all) = (0, 0);
        for ((outline, spot), wanted) in spots.into_iter().zip(&wanted) {
            for (said, wanted) in told(text, outline, spot).into_iter().zip(told(text, &whole, wanted)) {
                all += 1;
                short += usize::from(said.is_none());
                let wanted = wanted.expect("all of a text never falls short");
                assert!(said.is_none_or(|said| said == wanted), "{}", String::from_utf8_lossy(text));
            }
        }
        (short, all)
    }

    #[test]
    fn a_part_tells_what_all_of_a_text_does_or_that_it_fell_short() {
        let sources =
            [&include_bytes!("chain.rs")[..], include_bytes!("outline.rs"), include_bytes!("../../cli/scan.rs")];
        for text in sources {
            for step in [7, 97, 5000] {
                let offsets: Vec<usize> = (0..text.len()).step_by(step).filter(|&at| text[at] > b' ').collect();
                compare(text, &offsets);
            }
        }
        // A bracket that is closed behind all that a part holds.
        let long = format!("f(@,\n{})\n", "  x,\n".repeat(8000));
        assert!(compare(long.as_bytes(), &[2]).0 > 0);
        let lines = [
            "",
            "  ",
            "a: 1",
            "- b: @",
            "  - c:",
            "    d: '@'",
            "[section]",
            "[[x.y]]  # z",
            "[1, 2]",
            "call(@,",
            "  x=(@)",
            ")",
            "}",
            "{",
            "\"k\": {",
            "  \"v\": \"@\",",
            "text = \"\"\"",
            "\"\"\"",
            ".then(@)",
            "# @",
            "// @ (",
            "a +",
            "b \\",
            "@",
            "a smile :(",
            "\t@ | x",
            "2026-03-04 it was @ [x]",
            "x;@",
            "=",
            "key=",
        ];
        let mut state = 11u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let (mut short, mut all) = (0, 0);
        for round in 0..3000 {
            let mut text = String::new();
            for _ in 0..random(60) {
                let filler = if round % 10 == 0 { random(300) } else { 0 };
                text.push_str(lines[random(lines.len())]);
                text.push_str(&"x".repeat(filler));
                text.push_str(if random(9) == 0 { "\r\n" } else { "\n" });
            }
            let every = 1 + random(4);
            let offsets: Vec<usize> = text.match_indices('@').map(|(at, _)| at).step_by(every).collect();
            let (fell, told) = compare(text.as_bytes(), &offsets);
            (short, all) = (short + fell, all + told);
        }
        assert!(all > 100_000 && short > all / 100 && short < all / 2, "{short} of {all}");
    }
}
