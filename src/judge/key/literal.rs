//! Texts within a text: the content of a string, the lines of a comment, the items of a list of strings.
//! In: a text and a value in it. Out: the inner text as a reader or a shell would see it, and where the value begins in it.

use std::ops::Range;

use super::Effort;
use super::outline::{Line, Outline, Spot};

/// How much of a list or a comment is read to both sides of a value.
const REACH: usize = 8 * 1024;
/// How much of one string is read to both sides of a value.
const STRING_REACH: usize = 16 * 1024;

/// A text within a text.
pub(super) struct Inner {
    pub(super) text: Vec<u8>,
    /// Where the value begins and ends in it.
    pub(super) value: Range<usize>,
}

/// The content of the string that opens at `quote` and holds `value`: its range in `text`.
pub(super) fn content(text: &[u8], quote: usize, value: &Range<usize>) -> Range<usize> {
    let mark = text[quote];
    let mut end = value.end;
    let limit = text.len().min(value.end + STRING_REACH);
    let mut escaped = false;
    while end < limit && text[end] != b'\n' {
        if !escaped && text[end] == mark {
            break;
        }
        escaped = !escaped && text[end] == b'\\';
        end += 1;
    }
    quote + 1..end
}

/// A string's content as it stands for itself: `\n`, `\"` and their like undone, one level.
pub(super) fn unescaped(text: &[u8], content: Range<usize>, value: &Range<usize>) -> Inner {
    let start = content.start.max(value.start.saturating_sub(STRING_REACH));
    let mut inner = Inner { text: Vec::with_capacity(content.end - start), value: 0..0 };
    unescape_into(&text[start..value.start], &mut inner.text);
    let from = inner.text.len();
    inner.text.extend_from_slice(&text[value.clone()]);
    inner.value = from..inner.text.len();
    unescape_into(&text[value.end..content.end], &mut inner.text);
    inner
}

/// A string with the value put in between two parts of it, escapes undone.
pub(super) fn filled(before: &[u8], value: &[u8], after: &[u8]) -> Inner {
    let mut inner = Inner { text: Vec::with_capacity(before.len() + value.len() + after.len()), value: 0..0 };
    unescape_into(before, &mut inner.text);
    inner.value = inner.text.len()..inner.text.len() + value.len();
    inner.text.extend_from_slice(value);
    unescape_into(after, &mut inner.text);
    inner
}

fn unescape_into(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let (byte, length) = match rest.get(at + 1) {
            Some(b'n') => (b'\n', 2),
            Some(b't') => (b'\t', 2),
            Some(b'r') => (b'\r', 2),
            Some(b'u') => match rest.get(at + 2..at + 6).and_then(hex) {
                Some(code) => (u8::try_from(code).unwrap_or(b'?'), 6),
                None => (b'u', 2),
            },
            Some(b'x') => match rest.get(at + 2..at + 4).and_then(hex) {
                Some(code) => (u8::try_from(code).unwrap_or(b'?'), 4),
                None => (b'x', 2),
            },
            Some(&other) => (other, 2),
            None => (b'\\', 1),
        };
        rest = &rest[at + length..];
        // The colours of a terminal are no part of what it shows.
        match (byte == 0x1b).then(|| colour(rest)).flatten() {
            Some(length) => rest = &rest[length..],
            None => out.push(byte),
        }
    }
    out.extend_from_slice(rest);
}

/// Whether a line may hold what only says how it is shown: the colours of a terminal, or the tags of a highlighter.
pub(super) fn is_dressed(line: &[u8]) -> bool {
    memchr::memchr(0x1b, line).is_some() || is_highlighted(line)
}

fn is_highlighted(line: &[u8]) -> bool {
    memchr::memmem::find(line, b"</span>").is_some()
}

/// The line of a value without all that; `None` if it has none.
pub(super) fn undressed(text: &[u8], line: Range<usize>, value: &Range<usize>) -> Option<Inner> {
    let tags = is_highlighted(&text[line.clone()]);
    let mut inner = Inner { text: Vec::with_capacity(line.len()), value: 0..0 };
    let mut at = line.start;
    while at < line.end {
        let rest = &text[at..line.end];
        if at == value.start {
            inner.value = inner.text.len()..inner.text.len() + value.len();
        }
        let dress = colour(rest).map(|length| (length, None));
        let (length, means) =
            dress.or_else(|| markup(rest).filter(|_| tags)).unwrap_or_else(|| (1, rest.first().copied()));
        inner.text.extend(means);
        at += length;
    }
    (inner.text.len() < line.len() && !inner.value.is_empty()).then_some(inner)
}

/// The literal that a value behind `before` is put into: `"WANDB_API_KEY=" + VALUE`, `"… %s" % VALUE`, `"… {}".format(VALUE)`.
pub(super) fn spliced(before: &[u8], value: &[u8]) -> Option<Inner> {
    const CALLS: [(&[u8], &[u8]); 4] = [(b"% (", b"%s"), (b"%(", b"%s"), (b"%", b"%s"), (b".format(", b"{}")];
    let end = before.trim_ascii_end();
    if let Some(literal) = end.strip_suffix(b"+").and_then(last_literal) {
        return Some(filled(literal, value, b""));
    }
    CALLS.iter().find_map(|(call, place)| {
        let at = memchr::memmem::rfind(end, call)?;
        let literal = last_literal(&end[..at])?;
        let nth = end[at + call.len()..].iter().filter(|b| **b == b',').count();
        let in_turn = memchr::memmem::find_iter(literal, place).nth(nth).map(|at| (at, place.len()));
        let by_number = || {
            let place = format!("{{{nth}}}");
            memchr::memmem::find(literal, place.as_bytes()).map(|at| (at, place.len()))
        };
        let (at, length) = in_turn.or_else(by_number)?;
        Some(filled(&literal[..at], value, &literal[at + length..]))
    })
}

/// The content of the literal that a line ends with.
fn last_literal(line: &[u8]) -> Option<&[u8]> {
    let (quote, rest) = line.trim_ascii_end().split_last().filter(|(b, _)| matches!(b, b'"' | b'\''))?;
    let open = memchr::memrchr(*quote, rest)?;
    Some(&rest[open + 1..]).filter(|content| content.iter().any(u8::is_ascii_alphanumeric))
}

/// The length of the sequence that sets a colour: an escape character and `[0;32m`.
fn colour(text: &[u8]) -> Option<usize> {
    let numbers = text.strip_prefix(b"\x1b[")?;
    let length = numbers.iter().take(24).take_while(|b| b.is_ascii_digit() || matches!(b, b';' | b':')).count();
    (numbers.get(length) == Some(&b'm')).then_some(length + 3)
}

/// The length of a tag, or of the name of a character and that character.
fn markup(text: &[u8]) -> Option<(usize, Option<u8>)> {
    const NAMES: [(&[u8], u8); 5] =
        [(b"&quot;", b'"'), (b"&#39;", b'\''), (b"&#x27;", b'\''), (b"&amp;", b'&'), (b"&gt;", b'>')];
    match text {
        [b'<', b'/' | b'a'..=b'z', ..] => memchr::memchr(b'>', text).map(|end| (end + 1, None)),
        [b'&', ..] => {
            NAMES.iter().find(|(name, _)| text.starts_with(name)).map(|(name, means)| (name.len(), Some(*means)))
        }
        _ => None,
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// The strings of the list, tuple or call round a string, put together: with nothing between lines of text (a notebook's
/// cell), with a space between words (the arguments of a command). `None` if there are no others.
pub(super) fn joined(
    text: &[u8],
    outline: &Outline,
    spot: &Spot,
    value: &Range<usize>,
    effort: &Effort,
) -> Option<Inner> {
    let frame = &outline.frames[spot.frame?];
    let reach = effort.reach(REACH);
    let start = (frame.open + 1).max(value.start.saturating_sub(reach));
    let end = outline.close(spot.frame?, value.end + reach);
    let own = spot.string?;
    // From a cut the first quote might close a string rather than open one: begin at a line.
    let start = if start > frame.open + 1 { start + memchr::memchr(b'\n', text.get(start..own)?)? + 1 } else { start };
    let mut items: Vec<(bool, Range<usize>)> = Vec::new();
    let mut at = start;
    while at < end {
        let Some(open) = text[at..end].iter().position(|b| matches!(b, b'"' | b'\'')).map(|open| at + open) else {
            break;
        };
        let mut close = open + 1;
        while close < end && text[close] != text[open] {
            close += 1 + usize::from(text[close] == b'\\');
        }
        items.push((open == own, open + 1..close.min(end)));
        at = close + 1;
    }
    if items.len() < 2 || !items.iter().any(|(own, _)| *own) {
        return None;
    }
    let lines = items.iter().any(|(_, item)| text[item.clone()].ends_with(b"\\n"));
    let mut inner = Inner { text: Vec::new(), value: 0..0 };
    for (own, item) in items {
        if !lines && !inner.text.is_empty() {
            inner.text.push(b' ');
        }
        if own {
            let part = unescaped(text, item, value);
            let from = inner.text.len() + part.value.start;
            inner.value = from..from + part.value.len();
            inner.text.extend_from_slice(&part.text);
        } else {
            unescape_into(&text[item], &mut inner.text);
        }
    }
    Some(inner)
}

/// The comment that begins at `comment` in a line and holds `value`, with the comments directly above and below if it has its
/// line to itself, all without their signs.
pub(super) fn comment(text: &[u8], own: &Line, comment: usize, value: &Range<usize>) -> Inner {
    let leader = &text[own.start..comment];
    let sign = leader.trim_ascii();
    let strip = |line: &[u8]| -> Option<usize> {
        let blank = line.len() - line.trim_ascii_start().len();
        line[blank..].starts_with(sign).then_some(blank + sign.len())
    };
    let mut inner = Inner { text: Vec::new(), value: 0..0 };
    let alone = !sign.is_empty() && !sign.iter().any(u8::is_ascii_alphanumeric);
    let (mut first, mut last) = (own.start, own.end);
    if alone {
        let near =
            |line: &Range<usize>| line.start.abs_diff(value.start) < REACH && strip(&text[line.clone()]).is_some();
        while let Some(above) = line_above(text, first, value.start.saturating_sub(REACH)).filter(near) {
            first = above.start;
        }
        while let Some(below) = line_below(text, last).filter(near) {
            last = below.end;
        }
    }
    let mut line = line_at(text, first);
    loop {
        let is_own = line.start == own.start;
        // An expression that begins with dashes may begin within the sign of the comment.
        let start =
            if is_own { comment.min(value.start) } else { line.start + strip(&text[line.clone()]).unwrap_or_default() };
        if is_own {
            let from = inner.text.len() + value.start - start;
            inner.value = from..from + value.len();
        }
        inner.text.extend_from_slice(&text[start..line.end]);
        inner.text.push(b'\n');
        if line.end >= last {
            return inner;
        }
        line = line_at(text, line.end + 1);
    }
}

/// The line that begins at `start`, without its newline.
fn line_at(text: &[u8], start: usize) -> Range<usize> {
    start..memchr::memchr(b'\n', &text[start..]).map_or(text.len(), |at| start + at)
}

/// The line above the one that begins at `start`, if it begins behind `floor`.
fn line_above(text: &[u8], start: usize, floor: usize) -> Option<Range<usize>> {
    let end = start.checked_sub(1).filter(|end| *end >= floor)?;
    let above = memchr::memrchr(b'\n', &text[floor..end]).map(|at| floor + at + 1);
    Some(above.or((floor == 0).then_some(0))?..end)
}

/// The line below the one that ends at `end`.
fn line_below(text: &[u8], end: usize) -> Option<Range<usize>> {
    (end + 1 < text.len()).then(|| line_at(text, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(text: &str) -> (Outline, Spot, Range<usize>) {
        let at = text.find("KEY").expect("a marked place");
        let (outline, spots) = Outline::read(text.as_bytes(), &[at]);
        (outline, spots[0], at..at + 3)
    }

    #[test]
    fn a_cell_and_a_command_are_put_together() {
        let cell = "\"source\": [\n \"wandb.login(\\n\",\n \"  key=\\\"KEY\\\")\"\n]";
        let (outline, here, value) = spot(cell);
        let inner = joined(cell.as_bytes(), &outline, &here, &value, &Effort::default()).expect("two lines");
        assert_eq!(inner.text, b"wandb.login(\n  key=\"KEY\")");
        assert_eq!(&inner.text[inner.value], b"KEY");
        let (outline, here, value) = spot("run([\"wandb\", 'login', \"KEY\"])");
        let inner = joined(b"run([\"wandb\", 'login', \"KEY\"])", &outline, &here, &value, &Effort::default())
            .expect("three words");
        assert_eq!(inner.text, b"wandb login KEY");
    }

    #[test]
    fn commented_lines_are_read_as_one_text() {
        let text = "x\n  # wandb.login(\n  #   key=KEY,\n  # )\ny";
        let (outline, here, value) = spot(text);
        let own = outline.line(here.line);
        let inner = comment(text.as_bytes(), own, here.comment.expect("a comment"), &value);
        assert_eq!(inner.text, b" wandb.login(\n   key=KEY,\n )\n");
        assert_eq!(&inner.text[inner.value], b"KEY");
    }
}
