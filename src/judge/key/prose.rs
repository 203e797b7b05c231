//! What a sentence says: "my wandb key is KEY", "KEY is the W&B token", a prompt above a pasted key, a comment beside an
//! assignment. In: a text and the value in it. Out: a verdict, if somebody calls the value W&B's key.

use std::ops::Range;

use super::names::{self, Says};
use super::{Because, Verdict};
use crate::finding::Confidence;

/// How much of a sentence is read to both sides of a value.
const REACH: usize = 400;
/// The most words between the words for a key and the value.
const LINKS: usize = 7;

/// Words that join what something is called and the thing itself.
const LINK: [&str; 73] = [
    "is", "was", "are", "as", "with", "using", "use", "used", "by", "to", "the", "a", "an", "my", "our", "your", "his", "her",
    "their", "this", "that", "it", "here", "following", "below", "value", "set", "be", "will", "would", "for", "via", "and",
    "then", "just", "please", "now", "new", "old", "current", "enter", "paste", "type", "put", "copy", "try", "export", "in",
    "on", "at", "key", "api", "token", "account", "login", "s", "which", "like", "so", "called", "equals", "want", "i", "ll",
    "into", "when", "asked", "prompted", "if", "you", "need", "hit", "of",
];

/// Words for a key that are no name of one: what one does with it.
const LOGIN: [&str; 8] = ["log", "logged", "logging", "sign", "signin", "authenticating", "credential", "apikey"];

/// Words that make a sentence one about a revision.
const ABOUT_REVISIONS: [&str; 30] = [
    "merge", "merged", "checkout", "cherry", "branch", "pr", "pull", "diff", "patch", "release", "released", "introduced",
    "bisect", "regression", "since", "build", "changelog", "head", "blame", "revert", "reverted", "bump", "bumped", "upstream",
    "fix", "fixes", "fixed", "refactor", "artifact", "run",
];

/// Reads the sentence round `value`; `leaf` is what its own name says. A value that an identifier names is no part of a
/// sentence, unless that identifier is a key's (`logged in to W&B (key=KEY)`).
pub(super) fn read(text: &[u8], value: Range<usize>, leaf: Option<Says>) -> Option<Verdict> {
    let before = sentence_before(text, value.start);
    let after = sentence_after(text, value.end);
    if leaf == Some(Says::Other) && !before.trim_ascii_end().ends_with(b":") {
        return None;
    }
    let called = || Some(Verdict::key(Confidence::Medium, Because::Sentence));
    // The SDK's own complaint about a key of the wrong length repeats the key.
    let lower = before.to_ascii_lowercase();
    if let Some(at) = memchr::memmem::find(&lower, b"key must be")
        && lower[..at].ends_with(b"api-") | lower[..at].ends_with(b"api ")
    {
        return called();
    }
    let left = words(before);
    let right = words(after);
    let about_revisions =
        left.iter().chain(&right).any(|word| ABOUT_REVISIONS.contains(&word.as_str()) || names::names_revision(word.as_bytes()));
    if about_revisions {
        return None;
    }
    let bound = matches!(before.trim_ascii_end().last(), Some(b':' | b'=' | b'>'));
    if let Some((_, end)) = phrase(&left) {
        let links = &left[end..];
        let joined = links.iter().all(|word| LINK.contains(&word.as_str()));
        if links.len() <= LINKS && (joined || bound) && !is_code(before) {
            return called();
        }
    }
    if let Some((start, _)) = phrase(&right)
        && start <= LINKS
        && right[..start].iter().all(|word| LINK.contains(&word.as_str()))
        && !is_code(after)
    {
        return called();
    }
    None
}

/// What a line says of a value that stands alone below it: a prompt, a heading, a label.
pub(super) fn label_above(text: &[u8], value: &Range<usize>) -> Option<Verdict> {
    let line = memchr::memrchr(b'\n', &text[..value.start])?;
    let alone = |part: &[u8]| !part.iter().any(|b| b.is_ascii_alphanumeric() || *b >= 0x80);
    let end = memchr::memchr(b'\n', &text[value.end..]).map_or(text.len(), |at| value.end + at);
    if !alone(&text[line..value.start]) || !alone(&text[value.end..end]) {
        return None;
    }
    let above = &text[line.saturating_sub(REACH)..line];
    let label = above.rsplit(|&b| b == b'\n').map(<[u8]>::trim_ascii).take(3).find(|line| {
        line.iter().any(u8::is_ascii_alphanumeric)
    })?;
    let said = words(label);
    if said.len() > 24 || said.iter().any(|word| ABOUT_REVISIONS.contains(&word.as_str()) || names::names_revision(word.as_bytes())) {
        return None;
    }
    let open = matches!(label.last(), Some(b':' | b'=' | b'>' | b'\xA9' | b'*' | b'|'));
    let names_key = phrase(&said).is_some();
    let short = said.len() <= 6;
    let verdict = match Says::of(label) {
        Says::WandbKey if short => true,
        Says::Wandb if short && open => true,
        _ => names_key && (open || short),
    };
    verdict.then(|| Verdict::key(Confidence::Medium, Because::Label(super::shown(label))))
}

/// What the comments beside or above an assignment say of it; `leaf` is what its own name says.
pub(super) fn comment_beside(text: &[u8], value: &Range<usize>, leaf: Option<Says>) -> Option<Verdict> {
    let start = memchr::memrchr(b'\n', &text[..value.start]).map_or(0, |at| at + 1);
    let end = memchr::memchr(b'\n', &text[value.end..]).map_or(text.len(), |at| value.end + at);
    let trailing = comment_in(&text[value.end..end]);
    let above = start.checked_sub(1).and_then(|newline| {
        let from = memchr::memrchr(b'\n', &text[..newline]).map_or(0, |at| at + 1);
        let line = text[from..newline].trim_ascii();
        let line = line.strip_prefix(b"{").unwrap_or(line);
        ["#", "//", ";", "--", "/*", "<!--", "REM "].iter().find_map(|sign| line.strip_prefix(sign.as_bytes()))
    });
    [trailing, above].into_iter().flatten().find_map(|comment| {
        let comment = &comment[..comment.len().min(REACH)];
        let said = words(comment);
        let about_revisions =
            said.iter().any(|word| ABOUT_REVISIONS.contains(&word.as_str()) || names::names_revision(word.as_bytes()));
        let says = match leaf {
            Some(Says::Key) => names::names_wandb(comment) && said.len() <= 12,
            _ => phrase(&said).is_some() && said.len() <= 8,
        };
        (says && !about_revisions).then(|| Verdict::key(Confidence::Medium, Because::Label(super::shown(comment.trim_ascii()))))
    })
}

/// The comment that follows on a line.
fn comment_in(rest: &[u8]) -> Option<&[u8]> {
    let at = rest.iter().position(|b| matches!(b, b'#' | b'/' | b';' | b'<' | b'-'))?;
    let rest = &rest[at..];
    ["#", "//", "/*", "<!--", "--", ";"].iter().find_map(|sign| rest.strip_prefix(sign.as_bytes()))
}

/// Where a phrase that means W&B's key begins and ends among words: a word for W&B and a word for a key, close together.
fn phrase(words: &[String]) -> Option<(usize, usize)> {
    let wandb = |at: usize| {
        names::names_wandb(words[at].as_bytes())
            || (at + 2 < words.len() && names::names_wandb(words[at..at + 3].join(" ").as_bytes()))
            || (at + 1 < words.len() && names::names_wandb(words[at..at + 2].join(" ").as_bytes()))
    };
    let key = |at: usize| names::names_key(words[at].as_bytes()) || LOGIN.contains(&words[at].as_str());
    let keys: Vec<usize> = (0..words.len()).filter(|&at| key(at)).collect();
    let ours: Vec<usize> = (0..words.len()).filter(|&at| wandb(at)).collect();
    let mut best: Option<(usize, usize)> = None;
    for &k in &keys {
        for &w in &ours {
            if k.abs_diff(w) <= 6 {
                let found = (k.min(w), k.max(w) + 1);
                if best.is_none_or(|best| found.1 > best.1) {
                    best = Some(found);
                }
            }
        }
    }
    best
}

/// Whether a stretch of text reads as program text rather than as a sentence.
fn is_code(text: &[u8]) -> bool {
    // What directly opens the value (`key=`, `[`) is allowed; what stands before that is not.
    let inner = &text[..text.len().saturating_sub(3)];
    inner.iter().any(|b| matches!(b, b'{' | b'}' | b'[' | b']' | b';' | b'=' | b'<'))
        || inner.windows(2).any(|pair| pair[1] == b'(' && (pair[0].is_ascii_alphanumeric() || pair[0] == b'_'))
}

/// The words of a text in small letters; `W&B` and `API-key` stay whole.
fn words(text: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(text)
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '&' | '_')))
        .filter(|word| !word.is_empty() && *word != "&")
        .map(str::to_lowercase)
        .collect()
}

/// The sentence up to a value; a single newline is white space, an empty line or a new item of a list ends it.
fn sentence_before(text: &[u8], end: usize) -> &[u8] {
    let start = end.saturating_sub(REACH);
    let text = &text[start..end];
    let mut from = 0;
    for at in 0..text.len() {
        let rest = &text[at..];
        let ends = match rest {
            [b'.' | b'!' | b'?', b' ' | b'\n', ..] => rest.len() > 2,
            [b'\n', tail @ ..] => {
                let next = tail.trim_ascii_start();
                let blank = &tail[..tail.len() - next.len()];
                let line = text[from..at].rsplit(|&b| b == b'\n').next().unwrap_or_default();
                blank.contains(&b'\n') || !is_wrapped(line) || matches!(next, [b'-' | b'*' | b'#' | b'>' | b'|' | b'+', ..]) && next.get(1) == Some(&b' ')
            }
            [0, ..] => true,
            _ => false,
        };
        if ends {
            from = at + 1;
        }
    }
    &text[from..]
}

/// Whether a line reads as one that was broken because it was full.
fn is_wrapped(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let last = line.last().copied().unwrap_or_default();
    let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count();
    words >= 3 && (last.is_ascii_alphanumeric() || matches!(last, b',' | b':' | b'&' | b'"')) && !is_code(line)
}

/// The sentence from a value on.
fn sentence_after(text: &[u8], start: usize) -> &[u8] {
    let text = &text[start..text.len().min(start + REACH)];
    let end = (0..text.len()).find(|&at| {
        matches!(&text[at..], [b'.' | b'!' | b'?' | b';', b' ' | b'\n', ..] | [b'\n', b'\n' | b'-' | b'*' | b'#' | b'|', ..] | [0, ..])
    });
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(text: &str) -> bool {
        let at = text.find("KEY").expect("a marked place");
        read(text.as_bytes(), at..at + 3, None).is_some()
    }

    #[test]
    fn sentences_that_call_it_a_key_and_sentences_that_do_not() {
        for text in [
            "My wandb API key is KEY.",
            "the W&B token: KEY",
            "here's the key for wandb KEY",
            "log in to Weights & Biases with KEY",
            "KEY is my wandb login",
            "use KEY as the W&B api key",
            "Please use my wandb\nkey KEY",
            "API-key must be exactly 40 characters long: KEY (86 chars)",
        ] {
            assert!(called(text), "{text}");
        }
        for text in [
            "the wandb login bug was introduced in KEY",
            "wandb: fix API key validation (KEY)",
            "Since KEY the wandb key is read from netrc",
            "See KEY. The wandb key is elsewhere",
            "wandb logs the run; KEY",
            "wandb API key rotation\n\nKEY",
        ] {
            assert!(!called(text), "{text}");
        }
    }
}
