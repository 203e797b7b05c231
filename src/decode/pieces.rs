//! A key that is written in several literals: `"ab" "cd"`, `"ab" + "cd"`, `''.join(["ab", "cd"])`, over a line that goes on,
//! or cut by tags. In: a text that names W&B, and the key shapes that nothing speaks for. Out: the text with the pieces of each
//! literal that could be a key, or that could speak for one, put together.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem;

use super::blob64;
use super::probe::{MIN_RUN, is_word};
use super::seams::leads_on;
use crate::blob::{Encoding, View};

/// More pieces than make a word of this length are no key, nor base64 of one that anybody would write in a source.
const MAX_WORD: usize = 1024;
/// A piece of a key this long has a digit, a capital or an underscore in it.
const SHORTEST_WORD: usize = 8;
/// The length of a v1 key.
const V1: usize = 86;
/// The longest way from one literal to the next: an operator, white space, a comment.
const MAX_JOINT: usize = 256;
/// The longest way from one piece of a word to the next through tags.
const MAX_TAGS: usize = 1024;
/// How far a literal reaches whose end is looked for.
const MAX_LITERAL: usize = 512;
/// How far from a key shape literals are put together for what they may say of it.
const NEAR: usize = 512;

/// What every v1 key begins with.
static V1_START: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("wandb_v"));

/// What stands between two pieces, from the sign that closes one to the one that opens the next.
#[derive(Clone, Debug)]
struct Joint {
    span: Range<usize>,
    /// The quote that closes the first literal, and the one that opens the second; none where a line goes on.
    quotes: Option<[u8; 2]>,
    /// Whether only a comma stands between, so that something else must say that they belong together.
    listed: bool,
}

/// The text with its pieces put together, if there are any worth it; at `seams` a word may be cut in two.
pub(super) fn view(text: &[u8], seams: &[usize], silent: &[usize]) -> Option<View> {
    let mut joints = Vec::new();
    let mut group = Group::default();
    let mut passed = 0;
    for &at in seams {
        if at > passed
            && text[at] != b'='
            && ends_piece(text, at)
            && may_go_on(&text[at..])
            && let Some(joint) = joint(text, at)
            && text.get(joint.span.end).is_some_and(|&b| is_piece(b))
        {
            passed = joint.span.end - 1;
            group.add(text, joint, &mut joints);
        }
    }
    group.end(text, &mut joints);
    for &key in silent {
        beside(text, key, &mut joints);
    }
    if joints.is_empty() {
        return None;
    }
    joints.sort_by_key(|joint| joint.span.start);
    joints.dedup_by_key(|joint| joint.span.start);
    Some(joined(text, &joints))
}

/// Whether a byte can be part of a piece: a key character, or the dash behind an on-prem prefix.
fn is_piece(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

/// Whether what stands behind a sign may lead to another literal: most items are followed by what is none. Only a shorter
/// answer than [`joint`] gives.
fn may_go_on(rest: &[u8]) -> bool {
    let rest = match rest {
        [b'"' | b'\'' | b'`', b',', rest @ ..] => rest,
        [b'"' | b'\'' | b'`', b';', ..] => return appended(&rest[1..rest.len().min(MAX_JOINT)]) > 0,
        _ => return true,
    };
    let blank = |b: &&u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
    let rest = &rest[rest.iter().take(MAX_JOINT).take_while(blank).count()..];
    match rest {
        [b'"' | b'\'' | b'`' | b'\\' | b'#' | b'/', ..] => true,
        [prefix, next, ..] if is_prefix(*prefix) => is_prefix(*next) || matches!(next, b'"' | b'\'' | b'`' | b'\\'),
        _ => false,
    }
}

/// Whether a letter or a sign may stand before the quote that opens a literal.
fn is_prefix(byte: u8) -> bool {
    matches!(byte, b'f' | b'F' | b'r' | b'R' | b'b' | b'B' | b'u' | b'U' | b'L' | b'$' | b'@')
}

/// Whether a piece ends directly before the sign at `at`.
fn ends_piece(text: &[u8], at: usize) -> bool {
    let last = |at: usize| at.checked_sub(1).map(|last| text[last]);
    match last(at) {
        Some(b'\\') => last(sign(text, at)).is_some_and(is_piece),
        before => before.is_some_and(is_piece),
    }
}

/// Where the sign at `at` begins: with the backslash before a quote that is escaped.
fn sign(text: &[u8], at: usize) -> usize {
    let escaped = !matches!(text[at], b'\\' | b'<') && text[..at].last() == Some(&b'\\');
    at - usize::from(escaped)
}

/// Whether a word could be a key or a piece of one that holds its beginning; `least` is how much of a v1 key there must be.
fn is_key(word: &[u8], least: usize) -> bool {
    let body = memchr::memrchr(b'-', word).map_or(word, |dash| &word[dash + 1..]);
    let legacy = body.len() == MIN_RUN && body.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    legacy || V1_START.find(body).is_some_and(|at| body.len() - at >= least)
}

/// Joints whose pieces follow one another.
#[derive(Default)]
struct Group {
    joints: Vec<Joint>,
    /// How many key characters the pieces have together.
    length: usize,
}

impl Group {
    fn add(&mut self, text: &[u8], joint: Joint, joints: &mut Vec<Joint>) {
        let before = text[..joint.span.start].iter().rev().take(MAX_LITERAL).take_while(|&&b| is_piece(b)).count();
        let behind = text[joint.span.end..].iter().take(MAX_LITERAL).take_while(|&&b| is_piece(b)).count();
        // The `s` of a template's last `%s` is no piece of what is put into it.
        if joint.listed && before == 1 && text[..joint.span.start].ends_with(b"%s") {
            self.end(text, joints);
            return;
        }
        let follows = |last: &Joint| last.span.end + before == joint.span.start && last.listed == joint.listed;
        if !self.joints.last().is_some_and(follows) {
            self.end(text, joints);
            self.length = before;
        }
        self.length += behind;
        self.joints.push(joint);
    }

    /// Ends the group; one whose pieces make no key is forgotten.
    fn end(&mut self, text: &[u8], joints: &mut Vec<Joint>) {
        if self.length >= MIN_RUN && self.makes_key(text) {
            joints.append(&mut self.joints);
        }
        self.joints.clear();
        self.length = 0;
    }

    /// Whether the pieces make a key that none of them is by itself.
    fn makes_key(&self, text: &[u8]) -> bool {
        let mut word = Vec::with_capacity(self.length);
        self.pieces(text).for_each(|piece| word.extend_from_slice(piece));
        let listed = self.joints.iter().any(|joint| joint.listed);
        (is_key(&word, MIN_RUN) || blob64::hides(&word))
            && (!listed || is_put_together(text, &self.joints))
            && !self.holds_key(text, &word)
    }

    /// Whether there is a whole key in one of the pieces, or in those before it, that nothing needs to be added to.
    fn holds_key(&self, text: &[u8], word: &[u8]) -> bool {
        let mut length = 0;
        self.pieces(text).any(|piece| {
            let before = &word[..length];
            length += piece.len();
            // What stands before a whole key is its on-prem prefix, or none of it.
            let prefix = memchr::memchr(b'-', piece).map_or(&b""[..], |dash| &piece[..dash]);
            let local = length - piece.len() + prefix.len() == b"local".len() && [before, prefix].concat() == b"local";
            let alone = before.is_empty() || before.ends_with(b"-") || local;
            is_key(&before[before.len().saturating_sub(MAX_WORD)..], V1) || (is_key(piece, V1) && !alone)
        })
    }

    fn pieces<'t>(&self, text: &'t [u8]) -> impl Iterator<Item = &'t [u8]> {
        let from = |at: usize| text[at..].iter().take(MAX_LITERAL).take_while(|&&b| is_piece(b)).count();
        let first = self.joints.first().map_or(0, |joint| joint.span.start);
        let before = text[..first].iter().rev().take(MAX_LITERAL).take_while(|&&b| is_piece(b)).count();
        let behind = self.joints.iter().map(move |joint| &text[joint.span.end..joint.span.end + from(joint.span.end)]);
        std::iter::once(&text[first - before..first]).chain(behind)
    }
}

/// Whether what stands round a list of literals says that they are put together: a call before it, or one behind it.
fn is_put_together(text: &[u8], joints: &[Joint]) -> bool {
    const CALLS: [&[u8]; 12] = [
        b"join", b"paste0", b"paste", b"string", b"concat", b"concat!", b"cat", b".format", b" %", b")%", b"-f",
        b"sprintf",
    ];
    let (Some(first), Some(last)) = (joints.first(), joints.last()) else { return false };
    let start = text[..first.span.start].iter().rev().take_while(|&&b| is_piece(b)).count();
    let before = &text[(first.span.start - start).saturating_sub(80)..first.span.start - start];
    // `join(["", [` and `Sprintf("%s%s", ` have literals of their own, which say nothing.
    let mut before = before.trim_ascii_end();
    while let Some(rest) = quoted(before).or_else(|| before.strip_suffix(b",")).or_else(|| opening(before)) {
        before = rest.trim_ascii_end();
    }
    let callee = before.to_ascii_lowercase();
    let length = text[last.span.end..].iter().take_while(|&&b| is_piece(b)).count();
    let behind = &text[last.span.end + length..text.len().min(last.span.end + length + 80)];
    let joins = behind.iter().position(|b| *b == b']').map(|at| behind[at + 1..].trim_ascii_start());
    CALLS.iter().any(|call| callee.ends_with(call)) || joins.is_some_and(|rest| rest.starts_with(b".join("))
}

/// What stands before a bracket or the quote of a first literal.
fn opening(text: &[u8]) -> Option<&[u8]> {
    text.split_last()
        .filter(|(b, _)| matches!(b, b'"' | b'\'' | b'`' | b'[' | b'(' | b'{' | b'\\'))
        .map(|(_, rest)| rest)
}

/// What stands before a literal that is empty or holds nothing but places for others: `""`, `"%s%s"`, `"{}{}"`.
fn quoted(text: &[u8]) -> Option<&[u8]> {
    let (quote, rest) =
        text.strip_suffix(b",")?.trim_ascii_end().split_last().filter(|(b, _)| matches!(b, b'"' | b'\''))?;
    let open = memchr::memrchr(*quote, rest)?;
    rest[open + 1..].iter().all(|b| matches!(b, b'%' | b's' | b'{' | b'}' | b'0'..=b'9')).then_some(&rest[..open])
}

/// The joints before the literal of a key shape, whatever stands in the pieces.
fn beside(text: &[u8], key: usize, joints: &mut Vec<Joint>) {
    let is_quote = |b: &u8| matches!(b, b'"' | b'\'');
    let inside = text[..key].iter().rev().take(NEAR).take_while(|b| b.is_ascii_graphic() && !is_quote(b)).count();
    let literal = key - inside;
    // The key stands in the second literal, behind the quote that opens it.
    if !text[..literal].last().is_some_and(is_quote) && !text[literal..key].contains(&b'`') {
        return;
    }
    let mut at = literal.saturating_sub(MAX_JOINT + 2).max(key.saturating_sub(NEAR));
    while let Some(next) = memchr::memchr2(b'"', b'\'', &text[at..literal]).map(|next| at + next) {
        at = next + 1;
        joints.extend(joint(text, next).filter(|joint| !joint.listed && (literal..=key).contains(&joint.span.end)));
    }
}

/// What leads from the sign at `at`, if it closes a literal, to the literal that goes on.
fn joint(text: &[u8], at: usize) -> Option<Joint> {
    let start = sign(text, at);
    let end = text.len().min(at + MAX_JOINT);
    let quote = text[at];
    if quote == b'\\' {
        let newline = if text[at + 1..end].starts_with(b"\r\n") { 3 } else { 2 };
        let goes_on = text.get(at + newline - 1) == Some(&b'\n');
        // Rust and YAML leave out the indentation of the next line; elsewhere it would be part of the literal.
        let indent = text[at + newline..end.max(at + newline)].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        return goes_on.then_some(Joint { span: at..at + newline + indent, quotes: None, listed: false });
    }
    if quote == b'<' {
        return Some(Joint { span: at..tags(text, at, text.len().min(at + MAX_TAGS))?, quotes: None, listed: false });
    }
    if !leads_on(&text[at + 1..]) {
        return None;
    }
    let mut next = blank(text, at + 1, end);
    let listed = text[next..end].starts_with(b",");
    let operated = if listed { 1 } else { operator(&text[next..end]) };
    if operated > 0 {
        next = blank(text, next + operated, end);
    }
    let prefix = text[next..end].iter().take(2).take_while(|b| is_prefix(**b)).count();
    next += prefix;
    let escape = usize::from(start < at && text[next..end].starts_with(b"\\"));
    let opens = *text[next + escape..end].first().filter(|b| matches!(b, b'"' | b'\'' | b'`'))?;
    // Most items are words.
    let piece = text[..start].iter().rev().take_while(|&&b| is_piece(b));
    if text[at + 1] == b',' && piece.clone().count() >= SHORTEST_WORD && piece.clone().all(u8::is_ascii_lowercase) {
        return None;
    }
    Some(Joint { span: start..next + escape + 1, quotes: Some([quote, opens]), listed })
}

/// How long the sign is that puts two literals together, or what adds another one to the same variable.
fn operator(rest: &[u8]) -> usize {
    match rest {
        [b'.', b'c', ..] if rest.starts_with(b".concat(") => b".concat(".len(),
        [b')', b'.', ..] if rest.starts_with(b").append(") => b").append(".len(),
        [b'}', b'$', b'{', ..] => 3,
        [b'}', b'{', ..] | [b'+', b'+' | b'=', ..] | [b'<', b'>' | b'<', ..] => 2,
        [b'.', b'.', ..] | [b'|', b'|', ..] => 2,
        [b'+' | b'.' | b'*' | b'&' | b'~' | b'^', ..] => 1,
        _ => appended(rest),
    }
}

/// Where tags end that follow one another: a word processor and a highlighter cut a word in several.
fn tags(text: &[u8], mut at: usize, end: usize) -> Option<usize> {
    while text[at..end].first() == Some(&b'<') {
        at += memchr::memchr(b'>', &text[at..end])? + 1;
    }
    Some(at)
}

/// How long what adds another literal to the same variable is: `name +=`, `; name.append(`.
fn appended(rest: &[u8]) -> usize {
    let statement = rest.strip_prefix(b");").or_else(|| rest.strip_prefix(b";")).unwrap_or(rest);
    let named = statement.trim_ascii_start();
    let name = named.iter().take(64).take_while(|b| is_word(**b) || matches!(b, b'.' | b'$' | b':')).count();
    let (name, behind) = named.split_at(name);
    let sign = behind.trim_ascii_start();
    if name.is_empty() {
        0
    } else if sign.starts_with(b"+=") {
        rest.len() - sign.len() + 2
    } else if name.ends_with(b".append") && behind.starts_with(b"(") {
        rest.len() - behind.len() + 1
    } else {
        0
    }
}

/// Where white space, comments and lines that go on end.
fn blank(text: &[u8], mut at: usize, end: usize) -> usize {
    loop {
        let rest = &text[at.min(end)..end];
        match rest {
            [b' ' | b'\t' | b'\r' | b'\n', ..] => at += 1,
            [b'\\', b'\n', ..] => at += 2,
            // The next line of a notebook's cell is a string of its own.
            [b'\\', b'n', b'"', b',', ..] => match rest[4..].iter().position(|b| !b.is_ascii_whitespace()) {
                Some(quote) if rest[4 + quote] == b'"' => at += 4 + quote + 1,
                _ => return at,
            },
            [b'#', ..] | [b'/', b'/', ..] => match memchr::memchr(b'\n', rest) {
                Some(newline) => at += newline + 1,
                None => return at,
            },
            _ => return at,
        }
    }
}

/// The text without the joints; a literal that begins with one kind of quote and ends with another ends as it began.
fn joined(text: &[u8], joints: &[Joint]) -> View {
    let mut view = View::new(Encoding::Pieces);
    let mut kept = 0;
    let mut began = None;
    for (nth, joint) in joints.iter().enumerate() {
        if joint.span.start < kept {
            continue;
        }
        view.keep(text, kept..joint.span.start);
        kept = joint.span.end;
        let Some([closes, opens]) = joint.quotes else { continue };
        let begins = began.take().unwrap_or(closes);
        let next = joints.get(nth + 1).map_or(text.len(), |next| next.span.start).max(kept);
        let end = memchr::memchr(opens, &text[kept..next.min(kept + MAX_LITERAL)]).map(|at| kept + at);
        match end {
            None => began = Some(begins),
            Some(end) if begins != opens => {
                view.keep(text, kept..end);
                view.replace(&[begins], end..end + 1);
                kept = end + 1;
            }
            Some(_) => {}
        }
    }
    view.keep(text, kept..text.len());
    view
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::seams;
    use crate::rule::example::legacy_key;

    fn read(text: &str, key: &str) -> String {
        let view = view(text.as_bytes(), &seams::seams(text.as_bytes()), &[])
            .map_or_else(|| text.to_owned(), |view| String::from_utf8(view.bytes).expect("text"));
        view.replace(key, "KEY")
    }

    #[test]
    fn pieces_are_put_together_in_many_languages() {
        let key = legacy_key("pieces");
        let (a, b, c) = (&key[..12], &key[12..30], &key[30..]);
        for (text, joined) in [
            (format!("k = \"{a}\" \"{b}{c}\""), "k = \"KEY\""),
            (format!("k = \"{a}\" + '{b}{c}'"), "k = \"KEY\""),
            (format!("k = (\"{a}\"  # the first\n     f'{b}'\n  \"{c}\")"), "k = (\"KEY\")"),
            (format!("k = \"{a}\" .. \"{b}\" .. \"{c}\""), "k = \"KEY\""),
            (format!("k = \"{a}\\\n{b}{c}\""), "k = \"KEY\""),
            (format!("k = ''.join([\"{a}\", \"{b}\", \"{c}\"])"), "k = ''.join([\"KEY\"])"),
            (format!("k = ['{a}', '{b}{c}'].join('')"), "k = ['KEY'].join('')"),
            (format!("k <- paste0(\"{a}\", \"{b}{c}\")"), "k <- paste0(\"KEY\")"),
            (format!("k = string(\"{a}\", \"{b}{c}\")"), "k = string(\"KEY\")"),
            (format!("k := \"{a}\" +\n\t\"{b}{c}\""), "k := \"KEY\""),
            (format!("k = \"{a}\";\nk += \"{b}\"; k +=\n  \"{c}\";"), "k = \"KEY\";"),
            (format!("s.append(\"{a}\"); s.append(\"{b}{c}\");"), "s.append(\"KEY\");"),
        ] {
            assert_eq!(read(&text, &key), joined, "{}", text.replace(a, "A"));
        }
    }

    #[test]
    fn a_list_of_short_digests_is_no_key() {
        let key = legacy_key("pieces");
        let text =
            format!("ids = [\"{}\", \"{}\", \"{}\", \"{}\"]", &key[..10], &key[10..20], &key[20..30], &key[30..]);
        assert!(view(text.as_bytes(), &[], &[]).is_none());
        assert!(view(b"print('a' 'b', \"c\" + \"d\")", &[], &[]).is_none());
    }
}
