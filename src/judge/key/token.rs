//! What the word says that a value is part of, and which words name a W&B server: URLs, user names before a colon,
//! revisions behind an `@`, paths, longer tokens. In: a text and the value in it. Out: a verdict, if the word has one.

use std::ops::Range;

use super::lead;
use super::names::{self, Says};
use super::{Because, Verdict};
use crate::finding::Confidence;

/// How much of a word is read to both sides of a value.
const REACH: usize = 2048;

/// Reads the word round `value`.
pub(super) fn read(text: &[u8], value: Range<usize>) -> Option<Verdict> {
    if is_checksum(text, &value) {
        return Some(Verdict::not("it is a line of a list of checksums"));
    }
    let word = word_around(text, &value);
    let before = &text[word.start..value.start];
    let after = &text[value.end..word.end];
    if let Some(url) = url_start(before) {
        return in_url(&before[url..], after);
    }
    let last = before.last().copied();
    let next = after.first().copied();
    // `user:KEY@host` without a scheme.
    if last == Some(b':') && next == Some(b'@') {
        let host = &after[1..];
        return wandb_host(host).then(|| Verdict::key(Confidence::High, Because::Url(super::shown(host))));
    }
    let follows_word = before.len() > 1 && before[..before.len() - 1].last().is_some_and(u8::is_ascii_alphanumeric);
    match last {
        Some(b'@') if before.len() > 1 => return Some(Verdict::not("it follows an `@`, as a revision does")),
        Some(b'/') => return Some(Verdict::not("it is part of a path")),
        Some(b'#') if follows_word => return Some(Verdict::not("it follows a `#`, as a fragment does")),
        Some(b'^' | b'~') => return Some(Verdict::not("it follows a `^` or `~`, as a revision does")),
        Some(b'.') if follows_word || before.ends_with(b"..") => {
            return Some(Verdict::not("it is part of a longer token"));
        }
        Some(b'-') if follows_word && !lead::expands(&before[..before.len() - 1]) => {
            return Some(Verdict::not("it is part of a longer token"));
        }
        _ => {}
    }
    match after {
        [b'/', ..]
            if last != Some(b'=')
                && !after.starts_with(b"/>")
                && !after.starts_with(b"//")
                && !after.starts_with(b"/*") =>
        {
            Some(Verdict::not("it is part of a path"))
        }
        [b'-' | b'+', c, ..] if c.is_ascii_alphanumeric() => Some(Verdict::not("it is part of a longer token")),
        [b'.', c, ..] if c.is_ascii_alphanumeric() => Some(Verdict::not("it is part of a file name")),
        [b'^' | b'~', ..] => Some(Verdict::not("a `^` or `~` follows, as after a revision")),
        [b'.', b'.', c, ..] if *c != b'.' => Some(Verdict::not("it is part of a range of revisions")),
        _ => None,
    }
}

/// Whether a line is one of `sha1sum`: the digest, two spaces or a space and a star, and a file name.
fn is_checksum(text: &[u8], value: &Range<usize>) -> bool {
    let begins = value.start == 0 || text[value.start - 1] == b'\n';
    let rest = &text[value.end..text.len().min(value.end + REACH)];
    let Some(name) = rest.strip_prefix(b"  ").or_else(|| rest.strip_prefix(b" *")).filter(|_| begins) else {
        return false;
    };
    let name = name.split(|&b| b == b'\n').next().unwrap_or_default().trim_ascii_end();
    !name.is_empty() && !name.iter().any(u8::is_ascii_whitespace)
}

/// The characters round a value up to white space, a quote or a bracket.
fn word_around(text: &[u8], value: &Range<usize>) -> Range<usize> {
    let ends = |b: &u8| {
        b.is_ascii_whitespace()
            || b.is_ascii_control()
            || matches!(b, b'"' | b'\'' | b'`' | b'<' | b'>' | b'(' | b')' | b'|')
    };
    let before = text[value.start.saturating_sub(REACH)..value.start].iter().rev().take_while(|b| !ends(b)).count();
    let after = text[value.end..].iter().take(REACH).take_while(|b| !ends(b)).count();
    value.start - before..value.end + after
}

/// Where a URL begins that reaches up to the end of `before`.
fn url_start(before: &[u8]) -> Option<usize> {
    let scheme = memchr::memmem::rfind(before, b"://")?;
    let letters = before[..scheme].iter().rev().take_while(|b| b.is_ascii_alphanumeric() || **b == b'+').count();
    // A comma, a semicolon or an equals sign behind the scheme and outside of a query ends the URL.
    let rest = &before[scheme + 3..];
    let path_ends = rest.iter().position(|b| matches!(b, b',' | b';')).is_some_and(|at| !rest[..at].contains(&b'?'));
    (letters > 0 && !path_ends).then_some(scheme - letters)
}

/// What a URL says of a value in it.
fn in_url(before: &[u8], after: &[u8]) -> Option<Verdict> {
    let scheme = memchr::memmem::find(before, b"://")? + 3;
    let rest = &before[scheme..];
    if !rest.contains(&b'/') && after.first() == Some(&b'@') {
        // The password of the user information.
        let host = after[1..].split(|b| matches!(b, b'/' | b'?' | b'#' | b':')).next().unwrap_or_default();
        return match wandb_host(host) {
            true => Some(Verdict::key(Confidence::High, Because::Url(super::shown(host)))),
            false => None,
        };
    }
    let host = rest.split(|b| matches!(b, b'/' | b'?' | b'#')).next().unwrap_or_default();
    let host = host.rsplit(|&b| b == b'@').next().unwrap_or_default();
    if let Some(query) = memchr::memrchr2(b'?', b'&', rest)
        && let Some(name) = rest[query + 1..].strip_suffix(b"=")
    {
        return match Says::of(name) {
            Says::WandbKey => Some(Verdict::key(Confidence::High, Because::Url(super::shown(name)))),
            Says::Key if wandb_host(host) => Some(Verdict::key(Confidence::High, Because::Url(super::shown(host)))),
            _ => Some(Verdict::not("it is a parameter of a URL that is not W&B's")),
        };
    }
    Some(Verdict::not("it is part of the path of a URL"))
}

/// The host of the URL that a value is in, if it stands there as the user or the password.
pub(in crate::judge) fn host_behind<'t>(text: &'t [u8], value: &Range<usize>) -> Option<&'t [u8]> {
    let word = word_around(text, value);
    let host = text[value.end..word.end].strip_prefix(b"@")?;
    url_start(&text[word.start..value.start])?;
    host.split(|b| matches!(b, b'/' | b'?' | b'#')).next().filter(|host| !host.is_empty())
}

/// Whether a host, or a URL's beginning, is a W&B server by its name: `api.wandb.ai`, `*.wandb.io`, `wandb.example.com`.
pub(super) fn wandb_host(host: &[u8]) -> bool {
    let host = host.split(|b| matches!(b, b'?' | b'#')).next().unwrap_or_default();
    let host = match memchr::memmem::find(host, b"://") {
        Some(scheme) => &host[scheme + 3..],
        None => host,
    };
    let host = host.split(|b| matches!(b, b'/' | b':')).next().unwrap_or_default();
    let lower = host.to_ascii_lowercase();
    let dotted = memchr::memchr(b'.', &lower).is_some();
    dotted && (memchr::memmem::find(&lower, b"wandb").is_some() || lower.ends_with(b"forge.coreweave.com"))
}

/// The W&B server or the word for W&B that a text names; empty if none.
pub(super) fn mention(text: &[u8]) -> String {
    let lower = text.to_ascii_lowercase();
    for at in memchr::memmem::find_iter(&lower, b"wandb").chain(memchr::memmem::find_iter(&lower, b"coreweave")) {
        let part = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        let start = at - text[..at].iter().rev().take_while(part).count();
        let end = at + text[at..].iter().take_while(part).count();
        let word = &text[start..end];
        // `github.com/wandb/…` is a path below somebody else's host.
        let path =
            text[..start].iter().rev().take_while(|b| !b.is_ascii_whitespace() && !b"\"'=(,".contains(b)).count();
        let below = text[start - path..start].contains(&b'/')
            && !text[..start].ends_with(b"://")
            && text[start - path..start].contains(&b'.');
        if wandb_host(word) && !below {
            return super::shown(word);
        }
        let revision = text[end..].first() == Some(&b'@');
        if !below && !revision && names::names_wandb(word) && Says::of(word).wandb() {
            return super::shown(word);
        }
    }
    String::new()
}

/// The server that is named nearest to `at`.
pub(super) fn nearest_server(text: &[u8], at: usize) -> Option<&[u8]> {
    let part = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let urls = memchr::memmem::find_iter(text, b"://").map(|scheme| {
        let host = &text[scheme + 3..];
        // A user name and a password before the host.
        let host =
            host.split(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'"' | b'\'')).next().unwrap_or_default();
        let host = host.rsplit(|&b| b == b'@').next().unwrap_or_default();
        (scheme, &host[..host.iter().take_while(part).count()])
    });
    let bare = memchr::memmem::find_iter(text, b"wandb.").map(|start| {
        let start = start - text[..start].iter().rev().take_while(part).count();
        (start, &text[start..start + text[start..].iter().take_while(part).count()])
    });
    let bare = bare.filter(|(_, host)| host.ends_with(b"wandb.ai") || host.ends_with(b"wandb.io"));
    urls.chain(bare).min_by_key(|(place, _)| place.abs_diff(at)).map(|(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> Option<bool> {
        let at = text.find("KEY").expect("a marked place");
        read(text.as_bytes(), at..at + 3).map(|verdict| matches!(verdict, Verdict::Key { .. }))
    }

    #[test]
    fn words_that_decide() {
        for (text, expected) in [
            ("https://api:KEY@api.wandb.ai/graphql", Some(true)),
            ("https://wandb.ai/a/b/runs/c?apiKey=KEY", Some(true)),
            ("https://acme.wandb.io/x?foo=1&api_key=KEY&b", Some(true)),
            ("https://github.com/wandb/wandb/commit/KEY", Some(false)),
            ("git+https://github.com/wandb/wandb@KEY", Some(false)),
            ("uses: wandb/action@KEY", Some(false)),
            ("api:KEY@wandb.acme.com", Some(true)),
            ("https://x:KEY@github.com/wandb", None),
            ("KEY.json", Some(false)),
            ("a-KEY-b", Some(false)),
            ("KEY..HEAD", Some(false)),
            ("WANDB_API_KEY=KEY", None),
            ("key is KEY.", None),
        ] {
            assert_eq!(verdict(text), expected, "{text}");
        }
    }
}
