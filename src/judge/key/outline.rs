//! The outline of a text: lines with their parents, brackets with what they enclose, strings, comments, sections.
//! In: bytes of any language, and the offsets that matter. Out: where each offset stands. One pass, linear, and tolerant:
//! a text that is no program loses nothing but brackets.

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
    /// The nearest line above that is a `[section]`.
    pub(super) section: Option<usize>,
}

/// A bracket and what it encloses.
pub(super) struct Frame {
    /// The opening bracket.
    pub(super) open: usize,
    /// The closing one, if there is any.
    pub(super) close: Option<usize>,
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

/// The outline of one text.
pub(super) struct Outline {
    pub(super) lines: Vec<Line>,
    pub(super) frames: Vec<Frame>,
}

/// Brackets deeper than this are not followed.
const MAX_DEPTH: usize = 512;

struct Open {
    frame: usize,
    item: usize,
}

impl Outline {
    /// Reads `text`; `offsets` are sorted, and the spots come in their order.
    pub(super) fn read(text: &[u8], offsets: &[usize]) -> (Outline, Vec<Spot>) {
        let mut reader = Reader {
            text,
            offsets,
            spots: Vec::with_capacity(offsets.len()),
            outline: Outline { lines: Vec::new(), frames: Vec::new() },
            open: Vec::new(),
            item: 0,
            family: Vec::new(),
            section: None,
            goes_on: false,
            last: 0,
            opens_text: false,
        };
        let mut start = 0;
        while start < text.len() {
            let end = memchr::memchr(b'\n', &text[start..]).map_or(text.len(), |at| start + at);
            reader.line(start, end);
            start = end + 1;
        }
        (reader.outline, reader.spots)
    }
}

struct Reader<'t> {
    text: &'t [u8],
    offsets: &'t [usize],
    spots: Vec<Spot>,
    outline: Outline,
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
    /// Whether the last line ended in the three quotes that open the value of what stands before them.
    opens_text: bool,
}

impl Reader<'_> {
    fn line(&mut self, start: usize, end: usize) {
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
            self.section = Some(self.outline.lines.len());
        }
        let number = self.outline.lines.len();
        self.outline.lines.push(Line { start, end, indent, content, parent, section: self.section });
        self.family.push(number);
        self.new_item(start, body[0]);
        self.lex(start + blank, end, number);
        self.last = bytes.trim_ascii_end().last().copied().unwrap_or_default();
        self.opens_text = opens_text(bytes);
        self.goes_on = matches!(self.last, b',' | b'[' | b'{' | b':' | b'=' | b'+' | b'|' | b'&' | b'\\' | b'.');
    }

    /// A bracket that a line of the same or a lesser depth follows was never closed, or was none.
    fn expire(&mut self, indent: usize, first: u8) {
        if self.goes_on || matches!(first, b')' | b']' | b'}' | b'|') {
            return;
        }
        while let Some(top) = self.open.last()
            && self.outline.lines[self.outline.frames[top.frame].line].indent >= indent
        {
            self.open.pop();
        }
    }

    fn parent(&mut self, indent: usize, dash: bool) -> Option<usize> {
        while let Some(&top) = self.family.last() {
            let line = &self.outline.lines[top];
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
                if self.text[self.outline.frames[top.frame].open] == b'{'
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
        let frame = self.outline.frames.len();
        self.outline.frames.push(Frame { open: at, close: None, parent, item, line });
        self.open.push(Open { frame, item: at + 1 });
    }

    fn pop(&mut self, at: usize, byte: u8) {
        let opener = match byte {
            b')' => b'(',
            b']' => b'[',
            _ => b'{',
        };
        let near = self.open.len().saturating_sub(8);
        let Some(found) =
            self.open[near..].iter().rposition(|open| self.text[self.outline.frames[open.frame].open] == opener)
        else {
            return;
        };
        for open in self.open.drain(near + found..) {
            self.outline.frames[open.frame].close = Some(at);
        }
    }
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

/// Whether a line ends in the three quotes that open the value of a name: `key = """`.
fn opens_text(line: &[u8]) -> bool {
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
fn is_section(body: &[u8]) -> bool {
    let body = body.trim_ascii_end();
    let Some(close) = memchr::memrchr(b']', body) else { return false };
    let tail = body[close + 1..].trim_ascii();
    body[0] == b'['
        && close > 1
        && (tail.is_empty() || tail[0] == b'#' || tail[0] == b';')
        && !body[1..close].iter().any(|b| matches!(b, b',' | b'{' | b'(' | b'='))
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
}
