//! Calls in program text, read by their brackets and quotes whatever the language. In: a text and where a bracket opens. Out:
//! what lies in it, apart in arguments, and which parts of it are code rather than text.

use std::ops::Range;

/// The longest argument list that is read, in bytes.
const LONGEST: usize = 4096;

/// What lies in the bracket that opens at `open`, if it closes.
pub(in crate::judge) fn arguments(text: &[u8], open: usize) -> Option<Range<usize>> {
    let end = text.len().min(open + LONGEST);
    let mut depth = 0usize;
    let mut at = open;
    while at < end {
        match text[at] {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(open + 1..at);
                }
            }
            b'"' | b'\'' | b'`' => at = string(text, at, end).end - 1,
            _ => {}
        }
        at += 1;
    }
    None
}

/// The literal that opens at `at`, quotes included; a quote that does not close on its line stands alone.
fn string(text: &[u8], at: usize, end: usize) -> Range<usize> {
    let quote = text[at];
    let triple = text[at..end].starts_with(&[quote; 3]);
    if triple {
        let close = memchr::memmem::find(&text[at + 3..end], &[quote; 3]);
        return at..close.map_or(end, |length| at + length + 6);
    }
    let mut next = at + 1;
    while next < end {
        match text[next] {
            b'\\' => next += 1,
            b'\n' if quote != b'`' => break,
            byte if byte == quote => return at..next + 1,
            _ => {}
        }
        next += 1;
    }
    at..at + 1
}

/// The parts of an argument list between its commas.
pub(in crate::judge) fn split(text: &[u8], inside: Range<usize>) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = inside.start;
    let mut depth = 0usize;
    let mut at = inside.start;
    while at < inside.end {
        match text[at] {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' | b'\'' | b'`' => at = string(text, at, inside.end).end - 1,
            b',' if depth == 0 => {
                parts.push(trimmed(text, start..at));
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    parts.push(trimmed(text, start..inside.end));
    parts.retain(|part| !part.is_empty());
    parts
}

fn trimmed(text: &[u8], part: Range<usize>) -> Range<usize> {
    let start = part.start + (part.len() - text[part.clone()].trim_ascii_start().len());
    let end = part.end - (part.len() - text[part.clone()].trim_ascii_end().len());
    start..end.max(start)
}

/// The parts of a range that are code: outside of literals, and in the braces of literals that are filled.
pub(in crate::judge) fn code(text: &[u8], inside: Range<usize>) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = inside.start;
    let mut at = inside.start;
    while at < inside.end {
        if !matches!(text[at], b'"' | b'\'' | b'`') {
            at += 1;
            continue;
        }
        let literal = string(text, at, inside.end);
        // The name in `environ["NAME"]` belongs to the code round it.
        let before = &text[..at];
        let looks_up = [&b"["[..], b"env(", b"get(", b"var(", b"Variable("].iter().any(|end| before.ends_with(end));
        let subscript = literal.len() < 64 && looks_up;
        let lone = literal.len() == 1;
        if !subscript && !lone {
            parts.push(start..at);
            let prefix = text[..at].last().copied().unwrap_or_default().to_ascii_lowercase();
            if prefix == b'f' || text[at] == b'`' {
                braces(text, literal.clone(), &mut parts);
            }
            start = literal.end.min(inside.end);
        }
        at = literal.end;
    }
    parts.push(start.min(inside.end)..inside.end);
    parts.retain(|part| !part.is_empty());
    parts
}

/// What stands in the braces of a literal.
fn braces(text: &[u8], literal: Range<usize>, parts: &mut Vec<Range<usize>>) {
    let mut at = literal.start;
    while let Some(open) = memchr::memchr(b'{', &text[at..literal.end]).map(|length| at + length) {
        let Some(close) = memchr::memchr(b'}', &text[open..literal.end]).map(|length| open + length) else { return };
        parts.extend(code(text, open + 1..close));
        at = close + 1;
    }
}

/// Whether a place stands in a line that is a comment, or behind the sign of one.
pub(in crate::judge) fn in_comment(text: &[u8], at: usize) -> bool {
    let start = memchr::memrchr(b'\n', &text[..at]).map_or(0, |newline| newline + 1);
    let line = text[start..at].trim_ascii_start();
    let whole = [&b"#"[..], b"//", b"*", b"/*", b"--", b"<!--"].iter().any(|sign| line.starts_with(sign));
    whole || memchr::memmem::find(line, b" # ").is_some() || memchr::memmem::find(line, b" // ").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_quotes_are_balanced() {
        let text = b"f(a[0, 1], 'x, )', k={'a': g(\"(\")}) + 1";
        let inside = arguments(text, 1).expect("closes");
        let parts: Vec<_> = split(text, inside).into_iter().map(|part| String::from_utf8_lossy(&text[part])).collect();
        assert_eq!(parts, ["a[0, 1]", "'x, )'", "k={'a': g(\"(\")}"]);
        assert_eq!(arguments(b"f(a", 1), None);
    }

    #[test]
    fn text_is_told_from_code() {
        let text = b"\"a b\", f\"c {d} e\", os.environ[\"X\"], y";
        let parts: Vec<_> =
            code(text, 0..text.len()).into_iter().map(|part| String::from_utf8_lossy(&text[part])).collect();
        assert_eq!(parts, [", f", "d", ", os.environ[\"X\"], y"]);
    }
}
