//! What an expression of a template says of a value in it: `{{ .Values.wandb.key | default "VALUE" }}`,
//! `${oc.env:WANDB_API_KEY,VALUE}`. In: a text, and the brace that opens the expression. Out: the names that the value
//! stands in for.

use super::trail::has_hex;

/// The longest expression that is read, in bytes.
pub(super) const REACH: usize = 400;

/// Whether the bracket at `open` is a brace that opens an expression: `${`, or the second of `{{`.
pub(super) fn opens(text: &[u8], open: usize) -> bool {
    text[open] == b'{' && matches!(text[..open].last(), Some(b'{' | b'$'))
}

/// The names that the value at `value` stands in for in the expression that the brace at `open` begins, and that ends at `end`,
/// or is read no further.
pub(super) fn names(text: &[u8], open: usize, end: usize, value: usize) -> Vec<&[u8]> {
    if value.saturating_sub(open) > REACH || end < value {
        return Vec::new();
    }
    if text[..open].ends_with(b"{") {
        // A path of names begins with a dot or a dollar sign; the words of the language do not.
        let words = text[open + 1..end].split(|b| b.is_ascii_whitespace() || b"()|,\"'`".contains(b));
        let path = |word: &&[u8]| matches!(word, [b'.' | b'$', _, ..]) && !has_hex(word);
        return words.filter(path).collect();
    }
    if !text[..open].ends_with(b"$") {
        return Vec::new();
    }
    let before = text[open + 1..value].trim_ascii_end();
    // `${NAME-VALUE}`.
    if let Some(name) =
        before.strip_suffix(b"-").filter(|name| name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_'))
    {
        return vec![name];
    }
    // `${resolver:NAME,VALUE}`.
    let before = before.strip_suffix(b"\"").or_else(|| before.strip_suffix(b"'")).unwrap_or(before).trim_ascii_end();
    let Some(before) = before.strip_suffix(b",") else { return Vec::new() };
    let Some(colon) = memchr::memchr(b':', before) else { return Vec::new() };
    let name = before[colon + 1..].split(|&b| b == b',').next().unwrap_or_default().trim_ascii();
    vec![name]
}
