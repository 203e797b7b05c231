//! Reads the lines of a text one after another, what is open from one to the next, and where the offsets that matter stand.
//! In: bytes, and a line that nothing above it reaches into. Out: the lines and brackets of an outline, and spots.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use super::{AHEAD, Frame, Line, Outline, Spot};

/// Brackets deeper than this are not followed.
const MAX_DEPTH: usize = 512;

struct Open {
    frame: usize,
    item: usize,
}

pub(super) struct Reader<'t> {
    text: &'t [u8],
    offsets: &'t [usize],
    /// Where it began, and where the next line begins.
    start: usize,
    pub(super) at: usize,
    pub(super) spots: Vec<Spot>,
    lines: Vec<Line>,
    frames: Vec<Frame>,
    open: Vec<Open>,
    /// Where the item begins outside of all brackets.
    item: usize,
    /// The lines that could be parents of the next: each indented deeper than the one before.
    family: Vec<usize>,
    section: Option<usize>,
    /// Whether the last line ended so that its brackets must go on.
    goes_on: bool,
    /// The last byte of the last line that is no white space.
    last: u8,
    /// Whether the last line is one of a hunk of a diff.
    in_hunk: bool,
    /// Whether the last line ended in the three quotes that open the value of what stands before them.
    opens_text: bool,
}

impl<'t> Reader<'t> {
    /// Begins at a line that nothing above it reaches into.
    pub(super) fn new(text: &'t [u8], offsets: &'t [usize], start: usize) -> Reader<'t> {
        Reader {
            text,
            offsets,
            start,
            at: start,
            spots: Vec::new(),
            lines: Vec::new(),
            frames: Vec::new(),
            open: Vec::new(),
            item: start,
            family: Vec::new(),
            section: None,
            goes_on: false,
            last: 0,
            in_hunk: in_hunk(text, start),
            opens_text: false,
        }
    }

    pub(super) fn outline(self, sections: &Rc<OnceCell<Option<usize>>>) -> (Outline, Vec<Spot>) {
        let outline = Outline {
            lines: self.lines,
            frames: self.frames,
            start: self.start,
            end: self.at,
            length: self.text.len(),
            open: self.open.iter().map(|open| open.frame).collect(),
            sections: Rc::clone(sections),
            short: Cell::new(false),
        };
        (outline, self.spots)
    }

    /// Whether the line to come may matter to an offset that was passed.
    pub(super) fn wants(&self) -> bool {
        let passed = self.offsets.get(self.spots.len()).is_some_and(|&next| next < self.at);
        let last = self.spots.len().checked_sub(1).map(|last| self.offsets[last]);
        passed || last.is_none_or(|last| !self.open.is_empty() && self.at < last + AHEAD)
    }

    /// Reads the next line.
    pub(super) fn next(&mut self) {
        let start = self.at;
        let end = memchr::memchr(b'\n', &self.text[start..]).map_or(self.text.len(), |at| start + at);
        self.line(start, end);
        self.at = end + 1;
    }

    fn line(&mut self, start: usize, end: usize) {
        let bytes = &self.text[start..end];
        self.in_hunk = bytes.starts_with(HUNK) || (self.in_hunk && is_signed(bytes));
        // In a diff a sign stands before each line.
        let start = start + usize::from(self.in_hunk && !bytes.is_empty() && !bytes.starts_with(HUNK));
        let bytes = &self.text[start..end];
        let blank = bytes.iter().take_while(|b| b.is_ascii_whitespace()).count();
        if blank == bytes.len() {
            return;
        }
        let indent = width(&bytes[..blank]);
        let body = &bytes[blank..];
        let dash = body.starts_with(b"- ");
        let content = if dash { indent + 1 + body[1..].iter().take_while(|b| **b == b' ').count() } else { indent };
        self.expire(indent, body[0]);
        let parent = self.parent(indent, dash);
        if self.open.is_empty() && is_section(body) {
            self.section = Some(self.lines.len());
        }
        let number = self.lines.len();
        self.lines.push(Line { start, end, indent, content, parent, section: self.section });
        self.family.push(number);
        self.new_item(start, body[0]);
        self.lex(start + blank, end, number);
        self.last = bytes.trim_ascii_end().last().copied().unwrap_or_default();
        self.opens_text = opens_text(bytes);
        self.goes_on = goes_on(self.last);
    }

    /// A bracket that a line of the same or a lesser depth follows was never closed, or was none.
    fn expire(&mut self, indent: usize, first: u8) {
        if self.goes_on || matches!(first, b')' | b']' | b'}' | b'|') {
            return;
        }
        while let Some(top) = self.open.last()
            && self.lines[self.frames[top.frame].line].indent >= indent
        {
            self.open.pop();
        }
    }

    fn parent(&mut self, indent: usize, dash: bool) -> Option<usize> {
        while let Some(&top) = self.family.last() {
            let line = &self.lines[top];
            // YAML lets a list stand at the depth of the key that it belongs to.
            let lists = dash
                && line.indent == indent
                && line.content == indent
                && self.text[line.start..line.end].trim_ascii_end().ends_with(b":");
            if line.indent < indent || lists {
                return Some(top);
            }
            self.family.pop();
        }
        None
    }

    /// A new line begins a new item unless a bracket or an operator holds the lines together.
    fn new_item(&mut self, start: usize, first: u8) {
        // A line that begins with a dot goes on with the call above it.
        if first == b'.' || self.opens_text {
            return;
        }
        match self.open.last_mut() {
            Some(top)
                if self.text[self.frames[top.frame].open] == b'{'
                    && !matches!(self.last, b'=' | b':' | b'\\' | b'+' | b'(') =>
            {
                top.item = start;
            }
            Some(_) => {}
            None if !matches!(self.last, b'=' | b'\\' | b'+') => self.item = start,
            None => {}
        }
    }

    fn lex(&mut self, start: usize, end: usize, number: usize) {
        let mut string: Option<(usize, u8)> = None;
        let mut comment = None;
        let mut at = start;
        let mut escaped = false;
        // Offsets in the white space before the line stand nowhere in particular.
        while at < end {
            if at > start && comment.is_none() && !escaped {
                at += self.plain(at, end, string.map(|(_, quote)| quote));
                if at == end {
                    return;
                }
            }
            while self.spots.len() < self.offsets.len() && self.offsets[self.spots.len()] <= at {
                self.spots.push(Spot {
                    line: number,
                    frame: self.open.last().map(|top| top.frame),
                    item: self.open.last().map_or(self.item, |top| top.item),
                    string: string.map(|(open, _)| open),
                    comment,
                });
            }
            let byte = self.text[at];
            if comment.is_some() {
                let Some(&next) = self.offsets.get(self.spots.len()) else { return };
                if next >= end {
                    return;
                }
                at = next;
                continue;
            }
            if escaped {
                escaped = false;
            } else if byte == b'\\' {
                escaped = true;
            } else if let Some((_, quote)) = string {
                if byte == quote {
                    string = None;
                }
            } else {
                match byte {
                    b'"' | b'\'' | b'`' if opens_string(self.text, start, at) => string = Some((at, byte)),
                    b'(' | b'[' | b'{' => self.push(at, number),
                    b')' | b']' | b'}' => self.pop(at, byte),
                    b';' if ends_entity(&self.text[start..at]) => {}
                    b',' | b';' => match self.open.last_mut() {
                        Some(top) => top.item = at + 1,
                        None => self.item = at + 1,
                    },
                    _ => {}
                }
                if let Some(length) = comment_leader(&self.text[start..end], at - start) {
                    comment = Some(at + length);
                    at += length - 1;
                }
            }
            at += 1;
        }
    }

    /// How many bytes from `at` on, up to the next offset that matters, open, close and end nothing.
    fn plain(&self, at: usize, end: usize, string: Option<u8>) -> usize {
        let stop = self.offsets.get(self.spots.len()).map_or(end, |&next| next.clamp(at, end));
        let bytes = self.text[at..stop].iter();
        match string {
            Some(quote) => bytes.take_while(|&&b| b != quote && b != b'\\').count(),
            None => bytes.take_while(|&&b| !SIGNS[usize::from(b)]).count(),
        }
    }

    fn push(&mut self, at: usize, line: usize) {
        if self.open.len() >= MAX_DEPTH {
            return;
        }
        let (parent, item) = match self.open.last() {
            Some(top) => (Some(top.frame), top.item),
            None => (None, self.item),
        };
        let frame = self.frames.len();
        self.frames.push(Frame { open: at, close: None, parent, item, line });
        self.open.push(Open { frame, item: at + 1 });
    }

    fn pop(&mut self, at: usize, byte: u8) {
        let opener = match byte {
            b')' => b'(',
            b']' => b'[',
            _ => b'{',
        };
        let near = self.open.len().saturating_sub(8);
        let Some(found) = self.open[near..].iter().rposition(|open| self.text[self.frames[open.frame].open] == opener)
        else {
            return;
        };
        for open in self.open.drain(near + found..) {
            self.frames[open.frame].close = Some(at);
        }
    }
}

/// What the lines of a hunk of a diff stand behind.
const HUNK: &[u8] = b"@@ -";
/// How many lines of a hunk are passed over on the way to its head.
const HUNK_LINES: usize = 200;

/// Whether a line begins as those of a hunk do.
fn is_signed(line: &[u8]) -> bool {
    matches!(line.first(), None | Some(b'+' | b'-' | b' ' | b'\\'))
}

/// Whether the line at `start` is one of a hunk of a diff.
fn in_hunk(text: &[u8], start: usize) -> bool {
    let mut above = text[..start].rsplit(|&b| b == b'\n').skip(1).take(HUNK_LINES);
    matches!(text.get(start), Some(b'+' | b'-'))
        && above.find(|line| !is_signed(line)).is_some_and(|head| head.starts_with(HUNK))
}

/// What means something anywhere in a line outside of strings; more does where the line begins.
static SIGNS: [bool; 256] = {
    let signs = b"\\\"'`()[]{},;#/<";
    let mut table = [false; 256];
    let mut nth = 0;
    while nth < signs.len() {
        table[signs[nth] as usize] = true;
        nth += 1;
    }
    table
};

/// Whether a line that ends so goes on below, so that its brackets must.
pub(super) fn goes_on(last: u8) -> bool {
    matches!(last, b',' | b'[' | b'{' | b':' | b'=' | b'+' | b'|' | b'&' | b'\\' | b'.')
}

/// Whether a line ends in the three quotes that open the value of a name: `key = """`.
pub(super) fn opens_text(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    let line = line.strip_suffix(b"\\").unwrap_or(line);
    let named = line.strip_suffix(b"\"\"\"").or_else(|| line.strip_suffix(b"'''"));
    named.is_some_and(|named| named.trim_ascii_end().ends_with(b"="))
}

/// The width of white space, a tab counting eight columns.
fn width(blank: &[u8]) -> usize {
    blank.iter().map(|&b| if b == b'\t' { 8 } else { 1 }).sum()
}

/// Whether a semicolon behind `before` ends a character reference of markup: `&quot;`, `&#34;`.
fn ends_entity(before: &[u8]) -> bool {
    let name = before.iter().rev().take_while(|b| b.is_ascii_alphanumeric() || **b == b'#').count();
    (2..8).contains(&name) && before[..before.len() - name].ends_with(b"&")
}

/// Whether a quote opens a string: it does not behind a letter (`don't`), unless that is a prefix such as `f` or `rb`.
fn opens_string(text: &[u8], line: usize, at: usize) -> bool {
    let before = &text[line..at];
    // The lifetimes of Rust: `&'static str`, `Name<'a>`.
    if text[at] == b'\'' && matches!(before.last(), Some(b'&' | b'<')) {
        let name = text[at + 1..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        return name == 0 || text.get(at + 1 + name) == Some(&b'\'');
    }
    let letters = before.iter().rev().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    match letters {
        0 => before.last().is_none_or(|&b| b < 0x80),
        1 | 2 => before[before.len() - letters..].iter().all(|b| b"bBfFrRuULl".contains(b)),
        3 => before.ends_with(b"raw"),
        _ => false,
    }
}

/// The length of the sign that begins a comment here, if one does.
fn comment_leader(line: &[u8], at: usize) -> Option<usize> {
    let rest = &line[at..];
    let first = at == 0;
    let apart = first || line[at - 1].is_ascii_whitespace();
    match rest {
        [b'#', next, ..] if apart && !matches!(next, b'[' | b'{') => {
            Some(rest.iter().take_while(|b| **b == b'#').count())
        }
        [b'/', b'/', ..] if apart || matches!(line[at - 1], b';' | b',' | b'{' | b'}' | b'(' | b')') => {
            Some(rest.iter().take_while(|b| **b == b'/').count())
        }
        [b'/', b'*', ..] => Some(2),
        [b'<', b'!', b'-', b'-', ..] => Some(4),
        [b'-', b'-', b' ', ..] if first => Some(2),
        [b';', ..] if first => Some(rest.iter().take_while(|b| **b == b';').count()),
        [b'%', b' ', ..] if first => Some(1),
        [b'R' | b'r', b'E' | b'e', b'M' | b'm', b' ', ..] if first => Some(3),
        [b':', b':', b' ', ..] if first => Some(2),
        _ => None,
    }
}

/// Whether a line is the head of a section: `[wandb]`, `[[tool.wandb]]`, `[default]  # comment`.
pub(super) fn is_section(body: &[u8]) -> bool {
    let body = body.trim_ascii_end();
    let Some(close) = memchr::memrchr(b']', body) else { return false };
    let tail = body[close + 1..].trim_ascii();
    body[0] == b'['
        && close > 1
        && (tail.is_empty() || tail[0] == b'#' || tail[0] == b';')
        && !body[1..close].iter().any(|b| matches!(b, b',' | b'{' | b'(' | b'='))
}
