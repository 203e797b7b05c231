//! The calls and commands that undo base64: `b64decode("…")`, `$(echo … | base64 -d)`. In: a text and a stretch of base64 in
//! it. Out: what of the text stands for the decoded value.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

/// How much of the text is looked at to both sides.
const REACH: usize = 160;

/// Functions and methods that decode, or that make a string of what was decoded, in many languages; in small letters.
const DECODERS: &[&str] = &[
    "b64decode", "standard_b64decode", "urlsafe_b64decode", "decodestring", "decodebytes", "frombase64string",
    "getstring", "decode", "decode64", "strict_decode64", "urlsafe_decode64", "base64_decode", "base64decode",
    "base64dec", "b64dec", "atob", "from", "string", "a2b_base64", "unhexlify", "fromhex", "unpack", "tostring", "str",
    "bytes", "trim", "strip",
];

/// What follows a decoded value and leaves it as it is.
static BEHIND: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?i-u)^(?:\s*,\s*[\w.:"'-]{1,40})?\s*\)(?:\.(?:decode|tostring|to_s|trim|strip|toString)\([^()\n]{0,40}\))*"#).ok()
});

/// A command that prints a value, before it; and one that decodes what is printed, behind it.
static PRINTED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?-u)(?:\$\(|`)?\s*\b(?:echo|printf)(?:\s+-\w+|\s+["']?%s["']?)*\s+["']?$"#).ok());
static PIPED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?-u)^["']?\s*\|\s*(?:base64\s+-{1,2}[dD]\w*|openssl\s+(?:enc\s+-)?base64\s+-d\w*)(?: +[\w-]+)*"#)
        .ok()
});

/// The stretch of `text` that stands for what the base64 at `span` says, and the quote that it is to be written in: the
/// base64 itself, or the calls round it too.
pub(super) fn round(text: &[u8], span: &Range<usize>) -> (Range<usize>, Option<u8>) {
    let floor = span.start.saturating_sub(REACH);
    let ceiling = text.len().min(span.end + REACH);
    if let Some(range) = piped(text, span, floor, ceiling) {
        return (range, None);
    }
    let quote = text[..span.start].last().copied().filter(|b| matches!(b, b'"' | b'\'' | b'`'));
    let Some(quote) = quote.filter(|quote| text.get(span.end) == Some(quote)) else { return (span.clone(), None) };
    let mut whole = span.start - 1..span.end + 1;
    while let Some(call) = call(text, &whole, floor, ceiling) {
        whole = call;
    }
    if whole.len() > span.len() + 2 { (whole, Some(quote)) } else { (span.clone(), None) }
}

/// The call of a decoder whose first argument is at `argument`.
fn call(text: &[u8], argument: &Range<usize>, floor: usize, ceiling: usize) -> Option<Range<usize>> {
    let before = text[floor.min(argument.start)..argument.start].trim_ascii_end();
    // Python marks bytes: `b"…"`.
    let before = before.strip_suffix(b"b").filter(|rest| rest.ends_with(b"(")).unwrap_or(before);
    let callee = before.strip_suffix(b"(")?.trim_ascii_end();
    let named = callee.iter().rev().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    let name = str::from_utf8(&callee[callee.len() - named..]).ok()?.to_ascii_lowercase();
    DECODERS.contains(&name.as_str()).then_some(())?;
    let path = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'[' | b']' | b'(' | b')');
    let mut start = callee.len() - callee.iter().rev().take_while(|b| path(b)).count();
    // What is opened before the call is none of it.
    let open = |part: &[u8]| part.iter().filter(|b| **b == b'(').count() > part.iter().filter(|b| **b == b')').count();
    while open(&callee[start..]) {
        start += 1 + callee[start..].iter().position(|b| *b == b'(')?;
    }
    if callee[..start].ends_with(b"new ") {
        start -= b"new ".len();
    }
    let behind = BEHIND.as_ref()?.find(&text[argument.end..ceiling.max(argument.end)])?;
    Some(argument.start - (text[floor.min(argument.start)..argument.start].len() - start)..argument.end + behind.end())
}

/// The printing and the decoding round a value: all of a substitution, or the value up to where it comes out decoded.
fn piped(text: &[u8], span: &Range<usize>, floor: usize, ceiling: usize) -> Option<Range<usize>> {
    let printed = PRINTED.as_ref()?.find(&text[floor..span.start])?;
    let decoded = PIPED.as_ref()?.find(&text[span.end..ceiling])?;
    let end = span.end + decoded.end();
    let closes = match printed.as_bytes().first() {
        Some(b'$') => b')',
        Some(b'`') => b'`',
        _ => 0,
    };
    if text.get(end) == Some(&closes) {
        return Some(floor + printed.start()..end + 1);
    }
    Some(span.start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_undoes_base64_stands_for_the_value() {
        for (text, rest) in [
            (r#"k = base64.b64decode("VALUE").decode()"#, "k = #"),
            (r#"k = base64.b64decode(b"VALUE").decode("utf-8")"#, "k = #"),
            (r#"login(key=base64.b64decode('VALUE'))"#, "login(key=#)"),
            (r#"const k = atob("VALUE");"#, "const k = #;"),
            (r#"k = Buffer.from("VALUE", "base64").toString("utf8")"#, "k = #"),
            (r#"String k = new String(Base64.getDecoder().decode("VALUE"));"#, "String k = #;"),
            (r#"$k = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String("VALUE"))"#, "$k = #"),
            (r#"export K=$(echo "VALUE" | base64 -d)"#, "export K=#"),
            (r#"echo VALUE | base64 --decode | wandb login"#, "echo # | wandb login"),
            (r#"f("VALUE")"#, "f(\"#\")"),
            (r#"k: VALUE"#, "k: #"),
        ] {
            let at = text.find("VALUE").expect("there");
            let (range, _) = round(text.as_bytes(), &(at..at + 5));
            assert_eq!(format!("{}#{}", &text[..range.start], &text[range.end..]), rest);
        }
    }
}
