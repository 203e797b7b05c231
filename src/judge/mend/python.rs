//! Python as its tokenizer sees it: strings, comments, brackets, logical lines. In: a program, or the cell of a notebook.
//! Out: its tokens by line; nothing if a string or a bracket does not close, so that nobody edits what he cannot read.
//! Source: <https://docs.python.org/3/reference/lexical_analysis.html>.

use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name, a keyword, a number.
    Word,
    /// A literal, prefix and quotes included; whether braces in it are filled.
    Text { filled: bool },
    /// From the `#` to the end of the line.
    Comment,
    /// A bracket that opens.
    Open,
    /// One that closes.
    Close,
    /// Any other character.
    Sign(u8),
    /// A line that IPython reads: `%env A=1`, `!ls`.
    Magic,
}

/// A token.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
}

/// A logical line, which may be several in the file. Those that hold nothing or a comment alone do not count.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Columns before it.
    pub(super) indent: usize,
    /// Which tokens it has, a comment at its end left out.
    pub(super) tokens: Range<usize>,
    /// Whether a comment stands at its end.
    pub(super) commented: bool,
}

/// A program.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub(super) tokens: Vec<Token>,
    pub(super) lines: Vec<Line>,
}

/// Reads the program in `part` of a text; `cell` if IPython reads it.
pub(super) fn read(text: &[u8], part: Range<usize>, cell: bool) -> Option<Program> {
    let mut reader =
        Reader { text, at: part.start, end: part.end, cell, open: Vec::new(), program: Program::default() };
    while reader.at < reader.end {
        reader.line()?;
    }
    Some(reader.program)
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    end: usize,
    cell: bool,
    /// The brackets that are open.
    open: Vec<u8>,
    program: Program,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied().filter(|_| self.at + ahead < self.end)
    }

    fn push(&mut self, kind: Kind, end: usize) {
        self.program.tokens.push(Token { kind, span: self.at..end });
        self.at = end;
    }

    /// Reads a logical line; nothing if it never ends.
    fn line(&mut self) -> Option<()> {
        let mut indent = 0;
        while let Some(byte) = self.peek(0).filter(|b| matches!(b, b' ' | b'\t' | b'\x0c' | 0xef | 0xbb | 0xbf)) {
            indent = match byte {
                b' ' => indent + 1,
                b'\t' => (indent / 8 + 1) * 8,
                _ => indent,
            };
            self.at += 1;
        }
        let first = self.program.tokens.len();
        if self.cell && matches!(self.peek(0), Some(b'%' | b'!' | b'?')) {
            self.push(Kind::Magic, self.line_end());
        }
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\n' if self.open.is_empty() => {
                    self.at += 1;
                    break;
                }
                b' ' | b'\t' | b'\r' | b'\n' | b'\x0c' => self.at += 1,
                b'\\' => self.at += self.joined()?,
                b'#' => self.push(Kind::Comment, self.line_end()),
                b'"' | b'\'' => self.literal(0)?,
                b'(' | b'[' | b'{' => {
                    self.open.push(byte);
                    self.push(Kind::Open, self.at + 1);
                }
                b')' | b']' | b'}' => {
                    let opened = self.open.pop()?;
                    if !matches!((opened, byte), (b'(', b')') | (b'[', b']') | (b'{', b'}')) {
                        return None;
                    }
                    self.push(Kind::Close, self.at + 1);
                }
                b'!' | b'%' if self.cell && self.is_behind_equals() => self.push(Kind::Magic, self.line_end()),
                byte if is_word(byte) => self.word()?,
                byte => self.push(Kind::Sign(byte), self.at + 1),
            }
        }
        if !self.open.is_empty() {
            return None;
        }
        let mut last = self.program.tokens.len();
        let commented = self.program.tokens[first..].last().is_some_and(|token| token.kind == Kind::Comment);
        last -= usize::from(commented);
        if last > first {
            self.program.lines.push(Line { indent, tokens: first..last, commented });
        }
        Some(())
    }

    /// The end of the line in the file, without the carriage return.
    fn line_end(&self) -> usize {
        let rest = &self.text[self.at..self.end];
        let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
        self.at + line.strip_suffix(b"\r").unwrap_or(line).len()
    }

    /// How long the backslash is that joins this line to the next.
    fn joined(&self) -> Option<usize> {
        match (self.peek(1), self.peek(2)) {
            (Some(b'\n'), _) => Some(2),
            (Some(b'\r'), Some(b'\n')) => Some(3),
            _ => None,
        }
    }

    /// Whether what stands here is assigned, so that IPython and not Python reads it.
    fn is_behind_equals(&self) -> bool {
        let last = self.program.tokens.last();
        self.open.is_empty() && last.is_some_and(|token| token.kind == Kind::Sign(b'='))
    }

    fn word(&mut self) -> Option<()> {
        let rest = &self.text[self.at..self.end];
        let length = rest.iter().take_while(|b| is_word(**b)).count();
        let quoted = matches!(rest.get(length), Some(b'"' | b'\''));
        let prefix = length <= 2 && rest[..length].iter().all(|b| b"rRuUbBfFtT".contains(b));
        if quoted && prefix {
            return self.literal(length);
        }
        self.push(Kind::Word, self.at + length);
        Some(())
    }

    /// A literal with a prefix of so many letters.
    fn literal(&mut self, prefix: usize) -> Option<()> {
        let rest = &self.text[self.at..self.end];
        let filled = rest[..prefix].iter().any(|b| b"fFtT".contains(b));
        let quote = rest[prefix];
        let triple = rest[prefix..].starts_with(&[quote; 3]);
        let mut at = prefix + if triple { 3 } else { 1 };
        loop {
            match *rest.get(at)? {
                b'\\' => at += if rest[at + 1..].starts_with(b"\r\n") { 3 } else { 2 },
                b'\n' if !triple => return None,
                byte if byte == quote && !triple => break at += 1,
                byte if byte == quote && rest[at..].starts_with(&[quote; 3]) => break at += 3,
                _ => at += 1,
            }
        }
        self.push(Kind::Text { filled }, self.at + at);
        Some(())
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, cell: bool) -> Option<Vec<(usize, Vec<&str>)>> {
        let program = read(text.as_bytes(), 0..text.len(), cell)?;
        let words = |line: &Line| program.tokens[line.tokens.clone()].iter().map(|t| &text[t.span.clone()]).collect();
        Some(program.lines.iter().map(|line| (line.indent, words(line))).collect())
    }

    #[test]
    fn lines_are_those_of_python() {
        let text = "if x:\n    # no\n\n    f('a\\'#', # c\n r\"\"\"\n\"\"\")\r\n\ty = \\\n 1 # end";
        let expected = vec![
            (0, vec!["if", "x", ":"]),
            (4, vec!["f", "(", "'a\\'#'", ",", "# c", "r\"\"\"\n\"\"\"", ")"]),
            (8, vec!["y", "=", "1"]),
        ];
        assert_eq!(lines(text, false), Some(expected));
        assert_eq!(lines("!echo 'it\nx", true), Some(vec![(0, vec!["!echo 'it"]), (0, vec!["x"])]));
        assert_eq!(lines("a = !ls '", true), Some(vec![(0, vec!["a", "=", "!ls '"])]));
    }

    #[test]
    fn what_does_not_close_is_not_read() {
        for text in ["f(", "f(]", "'a\nb'", "\"\"\"a", "a \\ b", ")", "'a\\"] {
            assert_eq!(lines(text, false), None, "{text}");
        }
    }
}
