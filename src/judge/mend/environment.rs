//! The key put into the environment by the program itself: `os.environ["WANDB_API_KEY"] = "…"`. In: a program. Out: for each
//! such statement the edit that puts a note in its place, and `pass` where the block would have nothing else.

use super::Mend;
use super::python::{Kind, Line, Program, Token};

/// The variable.
pub(super) const NAME: &[u8] = b"WANDB_API_KEY";
const NOTE: &str = "# WANDB_API_KEY comes from the environment";
const NOTED_PASS: &str = "pass  # WANDB_API_KEY comes from the environment";
const PASS: &str = "pass";

/// Words that begin a block which may go on behind its colon.
const BLOCKS: &[&[u8]] =
    &[b"if", b"elif", b"else", b"for", b"while", b"try", b"except", b"finally", b"with", b"def", b"class", b"async"];

pub(super) fn mends(text: &[u8], program: &Program) -> Vec<Mend> {
    let mut found = Vec::new();
    for (nth, line) in program.lines.iter().enumerate() {
        let tokens = &program.tokens[line.tokens.clone()];
        for statement in statements(text, tokens) {
            let own: Vec<&Token> =
                tokens[statement.clone()].iter().filter(|token| token.kind != Kind::Comment).collect();
            let (Some(first), Some(last)) = (own.first(), own.last()) else { continue };
            if !sets_key(text, &own) {
                continue;
            }
            let by = if statement.len() == tokens.len() {
                if leaves_nothing(text, program, nth) { NOTED_PASS } else { NOTE }
            } else if statement.end == tokens.len() && !line.commented {
                NOTED_PASS
            } else {
                PASS
            };
            found.push(Mend { span: first.span.start..last.span.end, by, rule: None });
        }
    }
    found
}

/// The statements of a logical line, as ranges of its tokens.
fn statements(text: &[u8], tokens: &[Token]) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let word = |nth: usize| tokens.get(nth).map(|token| &text[token.span.clone()]).unwrap_or_default();
    // The colon of a `lambda` is not that of a block.
    let mut block = BLOCKS.contains(&word(0)) && (0..tokens.len()).all(|nth| word(nth) != b"lambda");
    let (mut start, mut depth) = (0, 0usize);
    for (nth, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Sign(b';') if depth == 0 => {
                found.push(start..nth);
                start = nth + 1;
            }
            Kind::Sign(b':') if depth == 0 && block => {
                block = false;
                start = nth + 1;
            }
            _ => {}
        }
    }
    found.push(start..tokens.len());
    found.retain(|statement| !statement.is_empty());
    found
}

/// Whether a statement does nothing but give the variable a literal.
fn sets_key(text: &[u8], tokens: &[&Token]) -> bool {
    if let [token] = tokens
        && token.kind == Kind::Magic
    {
        return is_magic(&text[token.span.clone()]);
    }
    let words: Vec<&[u8]> = tokens.iter().map(|token| &text[token.span.clone()]).collect();
    let words = match words.as_slice() {
        [b"os", b".", rest @ ..] => rest,
        rest => rest,
    };
    let is_name = |word: &[u8]| matches!(word, [b'"' | b'\'', inner @ .., b'"' | b'\''] if inner == NAME);
    let given = match words {
        [b"environ", b"[", name, b"]", b"=", given @ ..] if is_name(name) => given.len(),
        [b"environ", b".", b"setdefault", b"(", name, b",", given @ .., b")"]
        | [b"putenv", b"(", name, b",", given @ .., b")"]
            if is_name(name) =>
        {
            given.len() + 1
        }
        _ => return false,
    };
    let given = &tokens[tokens.len() - given..];
    let literal = |token: &&&Token| matches!(token.kind, Kind::Text { filled: false });
    let round = |token: &&&Token| matches!(&text[token.span.clone()], b"(" | b")");
    given.iter().any(|token| literal(&token)) && given.iter().all(|token| literal(&token) || round(&token))
}

/// `%env WANDB_API_KEY=…`.
fn is_magic(line: &[u8]) -> bool {
    let rest = line.strip_prefix(b"%env").or_else(|| line.strip_prefix(b"%set_env"));
    let Some(rest) = rest.filter(|rest| rest.first().is_some_and(u8::is_ascii_whitespace)) else { return false };
    let Some(given) = rest.trim_ascii().strip_prefix(NAME) else { return false };
    let value = given.trim_ascii_start();
    let value = value.strip_prefix(b"=").map_or(value, <[u8]>::trim_ascii_start);
    value.len() < given.len() && !value.is_empty() && !value.iter().any(u8::is_ascii_whitespace)
}

/// Whether a block would be empty without that line: it is the first one in it, and what follows is not in it or goes too.
fn leaves_nothing(text: &[u8], program: &Program, nth: usize) -> bool {
    let lines = &program.lines;
    let indent = lines[nth].indent;
    let begins = indent > 0 && nth.checked_sub(1).is_none_or(|before| lines[before].indent < indent);
    let goes = |line: &Line| {
        let tokens: Vec<&Token> =
            program.tokens[line.tokens.clone()].iter().filter(|token| token.kind != Kind::Comment).collect();
        sets_key(text, &tokens)
    };
    begins && lines.get(nth + 1).is_none_or(|next| next.indent < indent || goes(next))
}
