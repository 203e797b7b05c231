//! `wandb.login(key=…)` without the key: the SDK reads the environment by itself. In: a program. Out: for each call the edit
//! that takes the key out and leaves all other arguments, whoever wrote them on how many lines.

use std::ops::Range;

use super::Mend;
use super::python::{Kind, Program, Token};

/// An argument: its tokens without comments, and the comma behind it.
struct Argument {
    span: Range<usize>,
    is_key: bool,
    by_place: bool,
    comma: Option<usize>,
}

pub(super) fn mends(text: &[u8], program: &Program) -> Vec<Mend> {
    let tokens = &program.tokens;
    let calls = tokens.windows(4).enumerate().filter(|(nth, call)| {
        let word = |nth: usize| &text[call[nth].span.clone()];
        let whole = nth.checked_sub(1).is_none_or(|before| tokens[before].kind != Kind::Sign(b'.'));
        whole && matches!(word(0), b"wandb" | b"wb") && word(1) == b"." && word(2) == b"login" && word(3) == b"("
    });
    calls.filter_map(|(nth, _)| call(text, tokens, nth + 3)).collect()
}

/// The edit of the call whose bracket is that token.
fn call(text: &[u8], tokens: &[Token], open: usize) -> Option<Mend> {
    let (arguments, close) = arguments(text, tokens, open)?;
    let by_name = arguments.iter().position(|argument| argument.is_key);
    // Those behind one that goes would take its place.
    let alone = arguments.iter().skip(1).all(|argument| !argument.by_place);
    let first = arguments.first().filter(|first| first.by_place && alone).map(|_| 0);
    let nth = by_name.or(first)?;
    let span = removed(text, tokens, &arguments, nth, tokens[open].span.end..tokens[close].span.start);
    Some(Mend { span, by: "", rule: Some("login-argument") })
}

/// The arguments in a bracket, and the token that closes it.
fn arguments(text: &[u8], tokens: &[Token], open: usize) -> Option<(Vec<Argument>, usize)> {
    let mut found = Vec::new();
    let mut own: Vec<&Token> = Vec::new();
    let mut depth = 0usize;
    for (nth, token) in tokens.iter().enumerate().skip(open + 1) {
        let ends = depth == 0 && matches!(token.kind, Kind::Close | Kind::Sign(b','));
        if ends {
            let comma = (token.kind != Kind::Close).then_some(token.span.end);
            if let (Some(first), Some(last)) = (own.first(), own.last()) {
                let named = own.get(1).is_some_and(|token| token.kind == Kind::Sign(b'='))
                    && own.get(2).is_some_and(|token| token.kind != Kind::Sign(b'='));
                let starred = first.kind == Kind::Sign(b'*');
                found.push(Argument {
                    span: first.span.start..last.span.end,
                    is_key: named && text[first.span.clone()] == *b"key",
                    by_place: !named && !starred,
                    comma,
                });
            }
            own.clear();
            if comma.is_none() {
                return Some((found, nth));
            }
            continue;
        }
        match token.kind {
            Kind::Comment => continue,
            Kind::Open => depth += 1,
            Kind::Close => depth -= 1,
            _ => {}
        }
        own.push(token);
    }
    None
}

/// The bytes that go with an argument: its line if it has one of its own, else a comma with it.
fn removed(text: &[u8], tokens: &[Token], arguments: &[Argument], nth: usize, inside: Range<usize>) -> Range<usize> {
    if arguments.len() == 1 {
        return inside;
    }
    let argument = &arguments[nth];
    let end = argument.comma.unwrap_or(argument.span.end);
    let blank = |span: Range<usize>| text[span].iter().all(|b| matches!(b, b' ' | b'\t' | b'\r'));
    let line_start = memchr::memrchr(b'\n', &text[inside.start..argument.span.start]);
    let line_end = memchr::memchr(b'\n', &text[end..inside.end]).map(|length| end + length);
    if let (Some(start), Some(line_end)) = (line_start.map(|at| inside.start + at + 1), line_end) {
        let behind = tokens.iter().find(|token| token.span.start >= end);
        let comment = behind.filter(|token| token.kind == Kind::Comment && token.span.end <= line_end);
        if blank(start..argument.span.start) && blank(comment.map_or(end, |comment| comment.span.end)..line_end) {
            return start..line_end + 1;
        }
    }
    let spaces = |at: usize| at + text[at..inside.end].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    match arguments.get(nth + 1) {
        Some(next) if blank(end..next.span.start) => argument.span.start..next.span.start,
        Some(_) => argument.span.start..spaces(end),
        None => {
            let before = arguments[nth - 1].span.end;
            let between = before..argument.span.start;
            let comment = tokens.iter().any(|t| t.kind == Kind::Comment && between.contains(&t.span.start));
            if comment { argument.span.start..end } else { before..argument.span.end }
        }
    }
}
