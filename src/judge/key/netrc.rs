//! What a netrc entry says: `machine HOST login USER password KEY`, on one line or several, in a netrc file or written by
//! a command. In: a text and the value in it. Out: a verdict, if the value is the password of an entry.

use std::ops::Range;

use super::names::Says;
use super::{Because, Verdict, token};
use crate::finding::Confidence;

/// How much of an entry is read to both sides of a value.
const REACH: usize = 600;

/// Reads the entry round `value`.
pub(super) fn read(text: &[u8], value: &Range<usize>) -> Option<Verdict> {
    let before = words_before(text, value)?;
    let machine = before.iter().rposition(|token| matches!(*token, b"machine" | b"default"))?;
    let after = tokens(&text[value.end..text.len().min(value.end + REACH)]);
    let after = after.take_while(|token| !matches!(*token, b"machine" | b"default" | b"macdef"));
    let entry: Vec<&[u8]> = before[machine..].iter().copied().chain(after).collect();
    let of = |name: &[u8]| entry.iter().position(|token| *token == name).and_then(|at| entry.get(at + 1)).copied();
    let host = of(b"machine").unwrap_or(b"default");
    if token::wandb_host(host) || Says::of(host).wandb() {
        return Some(Verdict::key(Confidence::High, Because::Netrc(super::shown(host))));
    }
    if Says::of(host) == Says::Foreign {
        return Some(Verdict::not(format!("it is the password of `{}`", super::shown(host))));
    }
    // The SDK writes the literal name `user` for every server, and nobody else does.
    (of(b"login") == Some(b"user")).then(|| Verdict::key(Confidence::Medium, Because::Netrc(super::shown(host))))
}

/// The machine of the entry whose password `value` is.
pub(in crate::judge) fn machine<'t>(text: &'t [u8], value: &Range<usize>) -> Option<&'t [u8]> {
    let before = words_before(text, value)?;
    let machine = before.iter().rposition(|token| matches!(*token, b"machine" | b"default"))?;
    (before[machine] == b"machine").then(|| before.get(machine + 1).copied())?
}

/// The words before a value that may be the password of an entry.
fn words_before<'t>(text: &'t [u8], value: &Range<usize>) -> Option<Vec<&'t [u8]>> {
    let near = &text[value.start.saturating_sub(REACH)..value.start];
    // Most values have no such word before them.
    memchr::memmem::find(near, b"passw")?;
    let words: Vec<&[u8]> = tokens(near).collect();
    matches!(words.last().copied()?, b"password" | b"passwd").then_some(words)
}

/// The words of an entry, without the quotes of a command that writes it and without comments.
fn tokens(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&b| b == b'\n')
        .map(|line| {
            let comment = line.windows(2).position(|pair| pair == b" #").unwrap_or(line.len());
            &line[..comment]
        })
        .flat_map(|line| line.split(|b| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`' | b'\\')))
        // A diff or a quoted mail puts a sign before the line.
        .map(|token| token.strip_prefix(b"+").or_else(|| token.strip_prefix(b">")).unwrap_or(token))
        .filter(|token| !token.is_empty())
}
