//! Settings of a name in any notation: `NAME=value` of shells, env files and `docker -e`, `NAME: value` of YAML and JSON,
//! `NAME = "value"` of HCL and programs, `name: NAME` with a `value:` beside it as Kubernetes and tasks write it.
//! In: a text and a name. Out: where its values stand, and whether one is a value or only points at it.

use std::ops::Range;

use memchr::memmem;
use regex::bytes::Regex;

/// The longest value that is read, in bytes.
const REACH: usize = 16 * 1024;

/// A name with a value.
pub(in crate::judge) struct Setting<'t> {
    /// Where the name stands.
    pub(in crate::judge) name: Range<usize>,
    /// Where the value stands, without its quotes.
    pub(in crate::judge) span: Range<usize>,
    /// The value; may be empty.
    pub(in crate::judge) value: &'t [u8],
}

/// Every setting of `name`, in the case in which it is given, that no comment hides.
pub(in crate::judge) fn settings<'t>(text: &'t [u8], name: &str) -> Vec<Setting<'t>> {
    let word = |at: Option<usize>| {
        at.and_then(|at| text.get(at)).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    };
    let mut found = Vec::new();
    for at in memmem::find_iter(text, name) {
        let name = at..at + name.len();
        let joined = word(name.start.checked_sub(1)) && !opens_option(text, name.start) && !escaped(text, name.start);
        if joined || word(Some(name.end)) || is_comment(text, at) {
            continue;
        }
        if let Some(span) = value_after(text, &name) {
            found.push(Setting { name, value: &text[span.clone()], span });
        }
    }
    found
}

/// Whether the letter before a name belongs to an option or an escape: `-eNAME`, `-DNAME`, `\nNAME`.
fn opens_option(text: &[u8], at: usize) -> bool {
    text[..at].ends_with(b"-e") || text[..at].ends_with(b"-D")
}

fn escaped(text: &[u8], at: usize) -> bool {
    text[..at].ends_with(b"\\n") || text[..at].ends_with(b"\\t")
}

/// Where the line of a place begins.
pub(super) fn line_start(text: &[u8], at: usize) -> usize {
    memchr::memrchr(b'\n', &text[..at]).map_or(0, |newline| newline + 1)
}

/// Whether a place stands in a comment that takes the whole line.
pub(super) fn is_comment(text: &[u8], at: usize) -> bool {
    let line = text[line_start(text, at)..at].trim_ascii_start();
    line.starts_with(b"#") || line.starts_with(b"//") || line.starts_with(b"--") || line.starts_with(b"REM ")
}

/// The value that follows a name.
fn value_after(text: &[u8], name: &Range<usize>) -> Option<Range<usize>> {
    let end = text.len().min(name.end + REACH);
    let line = &text[line_start(text, name.start)..name.start];
    let mut at = skip(text, name.end, end, |b| matches!(b, b'"' | b'\'' | b'\\' | b']' | b' ' | b'\t'));
    let separator = text[at..end].first().copied();
    if matches!(separator, Some(b'\n' | b'\r' | b',' | b'}')) {
        return beside(text, name);
    }
    // `ENV NAME value` of an image file, `setenv NAME value` of a shell.
    let before = line.trim_ascii().rsplit(u8::is_ascii_whitespace).next().unwrap_or_default();
    if [&b"ENV"[..], b"setenv", b"SetEnv"].contains(&before) && separator != Some(b'=') {
        return (at > name.end).then(|| bare(text, at, end, true));
    }
    if matches!(separator, Some(b'?' | b':')) && text.get(at + 1) == Some(&b'=') {
        at += 1;
    }
    let equals = match text[at..end].first()? {
        b'=' if text.get(at + 1) == Some(&b'=') => return None,
        b'=' if text.get(at + 1) == Some(&b'>') => {
            at += 1;
            false
        }
        b'=' => true,
        b':' => false,
        _ => return None,
    };
    // A shell's value begins at once; a program's and a table's may stand apart.
    let apart = skip(text, at + 1, end, |b| matches!(b, b' ' | b'\t'));
    let spaced = text[at - 1].is_ascii_whitespace() || apart == at + 1 || !equals;
    if !spaced {
        return Some(at + 1..at + 1);
    }
    Some(bare(text, apart, end, !equals || apart > at + 1))
}

/// The value that begins at `at`: a string in quotes, or what reaches to the end of the word or of the line.
fn bare(text: &[u8], at: usize, end: usize, line: bool) -> Range<usize> {
    let escapes = text[at..end].iter().take_while(|b| **b == b'\\').count();
    if let Some(&quote @ (b'"' | b'\'')) = text.get(at + escapes).filter(|_| at + escapes < end) {
        let from = at + escapes + 1;
        let stop = |b: &u8| *b == quote || *b == b'\n' || (escapes > 0 && *b == b'\\');
        let length = text[from..end].iter().position(stop).unwrap_or(end - from);
        return from..from + length;
    }
    let mut stop = at;
    let mut open = 0usize;
    while stop < end {
        match text[stop] {
            b'\n' | b'\r' => break,
            b'{' | b'(' => open += 1,
            b'}' | b')' if open > 0 => open -= 1,
            b'}' | b')' | b'"' | b'\'' | b',' | b';' if open == 0 => break,
            b'\\' if text.get(stop + 1) == Some(&b'n') => break,
            b' ' | b'\t' if open == 0 && (!line || text.get(stop + 1) == Some(&b'#')) => break,
            _ => {}
        }
        stop += 1;
    }
    at..at + text[at..stop].trim_ascii_end().len()
}

/// The `value` beside a `name` in the same object: `name: NAME` and below it, at most one line on, `value: …`.
fn beside(text: &[u8], name: &Range<usize>) -> Option<Range<usize>> {
    const APART: usize = 400;
    let before = text[..name.start].trim_ascii_end().strip_suffix(b"\"").unwrap_or(text[..name.start].trim_ascii_end());
    let before = before.strip_suffix(b"'").unwrap_or(before).trim_ascii_end();
    let before = before.strip_suffix(b":").or_else(|| before.strip_suffix(b"="))?.trim_ascii_end();
    let before = before.strip_suffix(b"\"").unwrap_or(before);
    if ![&b"name"[..], b"Name", b"key", b"Key"].iter().any(|word| before.ends_with(word)) {
        return None;
    }
    let end = text.len().min(name.end + APART);
    let rest = &text[name.end..end];
    let next = rest.iter().enumerate().filter(|(_, b)| matches!(b, b'\n' | b',')).map(|(at, _)| at + 1).take(2);
    for at in next {
        let at = name.end + at;
        let word = skip(text, at, end, |b| matches!(b, b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'\''));
        let Some(behind) = [&b"value"[..], b"Value"].iter().find_map(|word_| text[word..end].strip_prefix(*word_))
        else {
            continue;
        };
        let at = end - behind.len();
        let at = skip(text, at, end, |b| matches!(b, b'"' | b'\'' | b' '));
        if !matches!(text[at..end].first(), Some(b':' | b'=')) {
            return None;
        }
        let from = skip(text, at + 1, end, |b| matches!(b, b' ' | b'\t'));
        return Some(bare(text, from, text.len().min(from + REACH), true));
    }
    None
}

fn skip(text: &[u8], from: usize, end: usize, over: impl Fn(u8) -> bool) -> usize {
    from.min(end) + text[from.min(end)..end].iter().take_while(|b| over(**b)).count()
}

/// Whether a value is one, and no empty one, no placeholder, and nothing that points at where the value is.
pub(in crate::judge) fn is_literal(value: &[u8]) -> bool {
    const POINTS: [&[u8]; 22] = [
        b"$", b"{{", b"<", b"%", b"vault:", b"op://", b"arn:", b"ref+", b"env(", b"env.", b"var.", b"local.", b"data.",
        b"module.", b"ssm:", b"projects/", b"@Microsoft.KeyVault", b"file://", b"/run/secrets", b"secretRef", b"[",
        b"os.",
    ];
    const TYPED: [&str; 30] = [
        "null", "none", "nil", "true", "false", "~", "changeme", "change-me", "change_me", "placeholder", "redacted",
        "todo", "secret", "password", "token", "license", "key", "string", "wandb", "example", "dummy", "test", "...",
        "hidden", "removed", "replace", "unset", "default", "sensitive", "masked",
    ];
    let value = value.trim_ascii();
    let small = String::from_utf8_lossy(value).to_ascii_lowercase();
    let started =
        ["your", "my-", "my_", "xxx", "***", "___", "insert", "enter", "put", "add", "some", "fake", "replace"];
    let inside = [
        "${", "$(", "{{", "}}", "example", "placeholder", "changeme", "redacted", "your-", "your_", "-here", "_here",
        "xxxx", "secretkeyref", "****", "...", "<",
    ];
    let word = |b: &u8| b.is_ascii_alphabetic() || matches!(b, b'_' | b'.');
    // A name of a program: `config.license`, `get_license(`.
    let code = small.contains('(') || (small.contains('.') && value.iter().all(word));
    !value.is_empty()
        && value.is_ascii()
        && !POINTS.iter().any(|start| value.starts_with(start))
        && !TYPED.contains(&small.as_str())
        && !started.iter().any(|start| small.starts_with(start))
        && !inside.iter().any(|part| small.contains(part))
        && !code
        && value.iter().any(|b| *b != value[0])
}

/// A pattern that is a constant.
pub(super) fn compile(pattern: &str) -> Regex {
    #[expect(clippy::unwrap_used, reason = "the patterns are constants, and tests compile them")]
    Regex::new(pattern).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_in_every_notation() {
        for (text, value) in [
            ("NAME=v w", Some("v")),
            ("export NAME=\"v w\"", Some("v w")),
            ("docker run -e NAME=v image", Some("v")),
            ("docker run -eNAME=v image", Some("v")),
            ("ENV NAME v w", Some("v w")),
            ("ENV NAME=v X=y", Some("v")),
            ("  - NAME=v", Some("v")),
            ("  NAME: v w # c", Some("v w")),
            ("{\"NAME\": \"v\", \"x\": 1}", Some("v")),
            ("{NAME: v, x: y}", Some("v")),
            ("{\\\"NAME\\\": \\\"v\\\", \\\"x\\\": 1}", Some("v")),
            ("NAME = \"v\"", Some("v")),
            ("NAME   = v", Some("v")),
            ("os.environ[\"NAME\"] = \"v\"", Some("v")),
            ("- name: NAME\n  value: v\n", Some("v")),
            ("- name: \"NAME\"\n  value: 'v w'\n", Some("v w")),
            ("{\"name\": \"NAME\", \"value\": \"v\"}", Some("v")),
            ("name = \"NAME\"\n      value = \"v\"", Some("v")),
            ("helm x --set a.NAME=v --set b=c", Some("v")),
            ("x: ${NAME}", None),
            ("NAME: {{ .Values.x | quote }}", Some("{{ .Values.x | quote }}")),
            ("NAME: |\n  v", Some("|")),
            ("NAME=", Some("")),
            ("NAME= x", Some("")),
            ("NAME:\n  x: y", Some("")),
            ("# NAME=v", None),
            ("XNAME=v", None),
            ("NAMES=v", None),
            ("if NAME == v", None),
            ("the NAME variable", None),
            ("- name: NAME\n  valueFrom:\n    x: y", None),
        ] {
            let found = settings(text.as_bytes(), "NAME");
            let found = found.first().map(|setting| String::from_utf8_lossy(setting.value).into_owned());
            assert_eq!(found.as_deref(), value, "{text}");
        }
    }

    #[test]
    fn what_points_at_a_value_is_none() {
        for value in ["hunter2-and-more", "eyJhbGciOi.eyJ1.x9", "s3cr3t", "QZ81"] {
            assert!(is_literal(value.as_bytes()), "{value}");
        }
        for value in [
            "", "${LICENSE}", "$LICENSE", "{{ .Values.x }}", "vault:secret/x", "op://a/b", "<license>", "your-license",
            "xxxxxxxx", "null", "var.license", "config.license", "get(x)", "changeme", "abc-${X}", "aaaa", "%X%",
        ] {
            assert!(!is_literal(value.as_bytes()), "{value}");
        }
    }
}
