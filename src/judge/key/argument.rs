//! Which parameter an argument becomes: `def login(key): …` for `login(VALUE)`, `login() { … "$1"; }` for `login VALUE`.
//! In: a text, and the names of what is called. Out: the parameters of what the text defines under those names, and how
//! far each definition reaches. Any language that has its parameters in round brackets, and the shell.

use std::collections::HashMap;
use std::collections::HashSet;
use std::ops::Range;

use super::lead;

/// How far a definition is read.
const REACH: usize = 16 * 1024;
/// How far the brackets of its parameters are read.
const HEAD: usize = 2048;
/// The most definitions of one name.
const MAX_OF_NAME: usize = 8;
/// The most brackets of wanted names that are looked at.
const MAX_LOOKS: usize = 20_000;

/// What a text defines under a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Definition {
    parameters: Vec<Vec<u8>>,
    /// Where its parameters have their meaning.
    pub(super) scope: Range<usize>,
}

impl Definition {
    /// The name of the parameter that an argument becomes; a function of the shell numbers them.
    pub(super) fn parameter(&self, nth: usize) -> Option<Vec<u8>> {
        if self.parameters.is_empty() {
            Some((nth + 1).to_string().into_bytes())
        } else {
            self.parameters.get(nth).cloned()
        }
    }
}

/// The definitions of the wanted names.
pub(super) type Definitions<'t> = HashMap<&'t [u8], Vec<Definition>>;

/// Finds the definitions of the wanted names.
pub(super) fn definitions<'t>(text: &'t [u8], wanted: &HashSet<Vec<u8>>) -> Definitions<'t> {
    let mut found: Definitions<'t> = HashMap::new();
    if wanted.is_empty() {
        return found;
    }
    let mut looks = 0;
    for open in memchr::memchr_iter(b'(', text) {
        let line = line_start(text, open);
        let Some((name, kind, class)) = head(text, line, open, wanted) else { continue };
        looks += 1;
        if looks > MAX_LOOKS {
            break;
        }
        let Some(close) = closing(text, open) else { continue };
        let after = &text[close + 1..text.len().min(close + 80)];
        let known = found.get(name).map_or(0, Vec::len);
        if known >= MAX_OF_NAME || !kind.allows(after) {
            continue;
        }
        let Some(parameters) = parameters(&text[open + 1..close], text[line..open].trim_ascii().starts_with(b"func"))
        else {
            continue;
        };
        let scope = scope(text, class.unwrap_or(line), close);
        // In its own head a parameter is not used.
        let scope = if class.is_some() { scope } else { close..scope.end };
        found.entry(name).or_default().push(Definition { parameters, scope });
    }
    for at in memchr::memmem::find_iter(text, b"function ").take(MAX_LOOKS) {
        let (name, after) = first_word(&text[at + b"function ".len()..]);
        if wanted.contains(name) && after.trim_ascii_start().starts_with(b"{") {
            let line = line_start(text, at);
            let definition = Definition { parameters: Vec::new(), scope: scope(text, line, at) };
            let known = found.entry(name).or_default();
            if known.len() < MAX_OF_NAME {
                known.push(definition);
            }
        }
    }
    found
}

/// How a definition begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// With a word that says so.
    Said,
    /// As an arrow function.
    Arrow,
    /// With its name, so that a brace must follow.
    Bare,
}

impl Kind {
    fn allows(self, after: &[u8]) -> bool {
        let line = after.split(|&b| b == b'\n').next().unwrap_or_default().trim_ascii();
        match self {
            Kind::Said => true,
            Kind::Arrow => memchr::memmem::find(line, b"=>").is_some(),
            Kind::Bare => {
                line.ends_with(b"{")
                    || line.starts_with(b"{")
                    || (line.is_empty() && after.trim_ascii_start().starts_with(b"{"))
            }
        }
    }
}

/// What the bracket at `open` could be the parameters of: a wanted name, how its definition begins, and for the maker of
/// an object where its class begins.
fn head<'t>(
    text: &'t [u8],
    line: usize,
    open: usize,
    wanted: &HashSet<Vec<u8>>,
) -> Option<(&'t [u8], Kind, Option<usize>)> {
    let before = text[line..open].trim_ascii_end();
    let (name, left) = last_word(before);
    if wanted.contains(name) {
        let said = last_word(left.trim_ascii_end()).0;
        let receiver = left.trim_ascii_start().starts_with(b"func (");
        let kind = if DEFINES.contains(&said) || receiver { Kind::Said } else { Kind::Bare };
        let member = matches!(left.last(), Some(b'.' | b'=' | b'(' | b'"' | b'\'' | b'$' | b'/'));
        return (kind == Kind::Said || !member).then_some((name, kind, None));
    }
    if matches!(name, b"__init__" | b"constructor" | b"initialize" | b"__construct") {
        let floor = line.saturating_sub(REACH);
        let class = floor + memchr::memmem::rfind(&text[floor..line], b"class ")?;
        let (name, _) = first_word(&text[class + b"class ".len()..line]);
        return wanted.contains(name).then(|| (name, Kind::Said, Some(line_start(text, class))));
    }
    // `name = function(…)`, `name <- function(…)`, `name = async (…) =>`.
    let (before, kind) = match name {
        b"function" | b"func" | b"fn" => (left, Kind::Said),
        b"async" | b"" => (left, Kind::Arrow),
        _ => return None,
    };
    let before = before.trim_ascii_end();
    let before = before.strip_suffix(b"async").unwrap_or(before).trim_ascii_end();
    let signs = [&b"<-"[..], b":=", b"=", b":"];
    let before = signs.iter().find_map(|sign| before.strip_suffix(*sign))?;
    let (name, _) = last_word(before.trim_ascii_end());
    wanted.contains(name).then_some((name, kind, None))
}

/// Words that begin a definition.
pub(super) const DEFINES: &[&[u8]] =
    &[b"def", b"function", b"func", b"fun", b"fn", b"sub", b"proc", b"Function", b"Sub"];

fn line_start(text: &[u8], at: usize) -> usize {
    let floor = at.saturating_sub(HEAD);
    memchr::memrchr(b'\n', &text[floor..at]).map_or(floor, |newline| floor + newline + 1)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || byte >= 0x80
}

/// The word at the end of a text, and what stands before it.
fn last_word(text: &[u8]) -> (&[u8], &[u8]) {
    let length = text.iter().rev().take_while(|&&b| is_word(b)).count();
    let dashes = text[text.len() - length..].iter().take_while(|b| **b == b'-').count();
    let (left, word) = text.split_at(text.len() - length + dashes);
    (word, left)
}

fn first_word(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|&&b| is_word(b)).count())
}

/// The bracket that closes the one at `open`.
fn closing(text: &[u8], open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (at, &byte) in text.iter().enumerate().skip(open).take(HEAD) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    return (byte == b')').then_some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// The names of the parameters, what an object passes of itself left out; `None` if these are arguments. `first` says that
/// a name stands before its type.
fn parameters(list: &[u8], first: bool) -> Option<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    let mut depth = 0usize;
    let items = list.split(|&byte| {
        match byte {
            b'(' | b'[' | b'{' | b'<' => depth += 1,
            b')' | b']' | b'}' | b'>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        byte == b',' && depth == 0
    });
    for item in items {
        let item = item.split(|&b| b == b'=').next().unwrap_or_default().trim_ascii();
        if item.is_empty() || matches!(item, b"*" | b"/") || item.starts_with(b"#") {
            continue;
        }
        if matches!(item.first(), Some(b'"' | b'\'' | b'`' | b'0'..=b'9')) {
            return None;
        }
        let name = item.split(|&b| b == b':').next().unwrap_or_default().trim_ascii_end();
        let mut words = name.split(|&b| !is_word(b)).filter(|word| !word.is_empty());
        let word = if first { words.next() } else { words.next_back() };
        match word {
            Some(b"self" | b"cls" | b"this") if names.is_empty() => {}
            Some(word) => names.push(lead::unquote(word).to_vec()),
            None => return None,
        }
    }
    Some(names)
}

/// From the line at `start` to the end of the block that begins behind `head`: the lines that are indented deeper.
fn scope(text: &[u8], start: usize, head: usize) -> Range<usize> {
    let indent = |line: &[u8]| line.iter().take_while(|b| b.is_ascii_whitespace()).count();
    let limit = text.len().min(start + REACH);
    let own = indent(&text[start..limit]);
    let mut at = memchr::memchr(b'\n', &text[head..]).map_or(text.len(), |newline| head + newline + 1);
    while at < limit {
        let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |newline| at + newline + 1);
        let line = &text[at..end];
        let closes = matches!(line.trim_ascii().first(), None | Some(b')' | b']' | b'}' | b'{'));
        if !closes && indent(line) <= own {
            break;
        }
        at = end;
    }
    start..at.max(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(text: &str, name: &str, nth: usize) -> Option<String> {
        let wanted = HashSet::from([name.as_bytes().to_vec()]);
        let found = definitions(text.as_bytes(), &wanted);
        let definition = found.get(name.as_bytes())?.first()?;
        definition.parameter(nth).map(|name| String::from_utf8_lossy(&name).into_owned())
    }

    #[test]
    fn parameters_are_found_in_every_language() {
        for (text, name, nth, expected) in [
            ("def f(a, key=None):\n  x\n", "f", 1, Some("key")),
            ("class T:\n  def __init__(self, a: int, key: str = ''):\n    x\n", "T", 1, Some("key")),
            ("function f(a, key) {\n}\n", "f", 1, Some("key")),
            ("const f = async (a, key) => {\n}\n", "f", 1, Some("key")),
            ("f <- function(a, key) {\n}\n", "f", 1, Some("key")),
            ("func f(a string, key string) {\n}\n", "f", 1, Some("key")),
            ("func (t *T) f(a string, key string) error {\n}\n", "f", 1, Some("key")),
            ("  void f(String a, String key) {\n", "f", 1, Some("key")),
            ("fn f(a: &str, key: &str) {\n", "f", 1, Some("key")),
            ("f() {\n  x\n}\n", "f", 1, Some("2")),
            ("f(\"a\", b)\n", "f", 1, None),
            ("if f(\"a\", b) {\n", "f", 1, None),
            ("x.f(a, b)\n", "f", 1, None),
        ] {
            assert_eq!(parameter(text, name, nth).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_definition_ends_where_its_block_does() {
        let text = "def f(a):\n    b\n\n    c\nf(1)\n";
        let found = definitions(text.as_bytes(), &HashSet::from([b"f".to_vec()]));
        assert_eq!(&text[found[&b"f"[..]][0].scope.clone()], "):\n    b\n\n    c\n");
    }
}
