//! Characters that are written as escapes: `%41`, `\u0041`, `&#65;`, `=41`. In: bytes. Out: which kind of escape is dense
//! enough to hide a key, and the text with one kind undone. Sources: RFC 3986 §2.1, RFC 2045 §6.7, HTML's character
//! references, the string literals of C, JSON, JavaScript, Python and Rust.

use std::ops::Range;

use super::probe::{among, is_word};
use crate::blob::{Encoding, View};

/// So many escapes of letters, digits and signs in a row are no accident.
const DENSE: usize = 6;

/// What escapes begin with.
const INTRODUCERS: [u8; 4] = [b'%', b'\\', b'&', b'='];
/// Whether a byte is one of them.
static INTRODUCES: [bool; 256] = among(&INTRODUCERS);

/// The lengths of the lines that an encoder breaks.
const MIN_LINE: usize = 40;
const MAX_LINE: usize = 100;
/// Most of them are at least this long.
const FULL_LINE: usize = 70;

/// One escape.
struct Escape {
    encoding: Encoding,
    /// How many bytes it takes.
    length: usize,
    /// What it stands for; nothing for a line that goes on.
    means: Option<char>,
}

/// The kind of escape that begins at `at` and is followed by more of the same, all for letters, digits and signs.
pub(super) fn dense(text: &[u8], mut at: usize) -> Option<Encoding> {
    let mut dense = None;
    for _ in 0..DENSE {
        // A backslash may be escaped by another one.
        at += text[at..].iter().take(4).take_while(|b| **b == b'\\').count().saturating_sub(1);
        let Escape { encoding, length, means } = read(text, at)?;
        let means = means.filter(|c| c.is_ascii_graphic() && *dense.get_or_insert(encoding) == encoding)?;
        at += length;
        // What is escaped twice is an escape in turn, and its digits stand as they are: `%2541`, `&amp;#65;`.
        if INTRODUCERS.iter().any(|&b| char::from(b) == means) {
            let digits = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'#' | b';' | b'{' | b'}');
            at += text[at..].iter().take(10).take_while(digits).count();
        }
    }
    dense
}

/// The kind of escape that touches a run of key characters and goes on with it: `wandb%5Fv1…`, `wandb\_v1…`, a line of
/// base64 and `%0A`.
pub(super) fn beside(text: &[u8], run: &Range<usize>) -> Option<Encoding> {
    let word = |at: usize| {
        let escape = text.get(at).filter(|b| INTRODUCES[usize::from(**b)]).and_then(|_| read(text, at))?;
        let joins = match escape.means {
            Some(c) => c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '/' | '%' | '\\' | '&' | '\r' | '\n'),
            None => text.get(at + escape.length).is_some_and(|&b| is_word(b)),
        };
        joins.then_some((escape.encoding, at + escape.length))
    };
    let behind = word(run.end).map(|(encoding, _)| encoding);
    // The run may begin within the escape: the `5F` of `%5F` are key characters too.
    let before = run.start.saturating_sub(9)..run.start;
    if !text[before.clone()].iter().any(|b| INTRODUCES[usize::from(*b)]) {
        return behind;
    }
    let before = before.rev().find_map(|at| word(at).filter(|(_, end)| *end >= run.start && *end < run.end));
    before.map(|(encoding, _)| encoding).or(behind)
}

/// Tells every kind of escape by which a text writes the signs and the space of ASCII.
pub(super) fn structure_in(text: &[u8], found: &mut dyn FnMut(Encoding)) {
    for introducer in INTRODUCERS {
        let mut escapes = memchr::memchr_iter(introducer, text).filter_map(|at| read(text, at));
        let structure = |c: char| c.is_ascii_punctuation() && c != '_' || matches!(c, ' ' | '\t' | '\r' | '\n');
        if let Some(escape) = escapes.find(|escape| escape.means.is_none_or(structure)) {
            found(escape.encoding);
        }
    }
}

/// A part of a text with one kind of escape undone; within literals (`inside`), what would end one stays an escape, a
/// shorter one.
pub(super) fn view(text: &[u8], part: Range<usize>, encoding: Encoding, inside: bool) -> View {
    let introducer = match encoding {
        Encoding::Percent => b'%',
        Encoding::Escape => b'\\',
        Encoding::Entity => b'&',
        _ => b'=',
    };
    let mut view = View::new(encoding);
    let text = &text[..part.end];
    let mut kept = part.start;
    let mut at = part.start;
    while let Some(next) = memchr::memchr(introducer, &text[at..]) {
        at += next;
        // A backslash that is itself escaped begins nothing, but one escape less.
        let run = text[at..].iter().take_while(|b| **b == b'\\').count();
        if run > 0 && run % 2 == 0 {
            if read(text, at + run - 1).is_some() {
                view.keep(text, kept..at + run / 2);
                kept = at + run;
            }
            at += run;
            continue;
        }
        at += run.saturating_sub(1);
        let Some(escape) = read(text, at) else {
            at += 1;
            continue;
        };
        view.keep(text, kept..at);
        let range = at..at + escape.length;
        let mut utf8 = [0; 4];
        match escape.means {
            Some('"') if inside => view.replace(b"\\\"", range),
            Some('\'') if inside => view.replace(b"\\'", range),
            Some('\\') if inside => view.replace(b"\\\\", range),
            Some('\n') if inside => view.replace(b"\\n", range),
            Some('\r') if inside => view.replace(b"\\r", range),
            // Bytes above ASCII are parts of characters; the neighbours make them whole.
            Some(c) if matches!(encoding, Encoding::Percent | Encoding::QuotedPrintable) => {
                view.replace(&[u8::try_from(c as u32).unwrap_or(b'?')], range);
            }
            Some(c) => view.replace(c.encode_utf8(&mut utf8).as_bytes(), range),
            None => {}
        }
        at += escape.length;
        kept = at;
    }
    view.keep(text, kept..text.len());
    view
}

/// The escape that begins at `at`.
fn read(text: &[u8], at: usize) -> Option<Escape> {
    let rest = &text[at..];
    let digits = |from: usize, count: usize, radix: u32| -> Option<char> {
        let digits = rest.get(from..from + count)?;
        let digits = str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        char::from_u32(u32::from_str_radix(digits, radix).ok()?)
    };
    let escape = |encoding, length, means| Some(Escape { encoding, length, means: Some(means) });
    match (rest.first()?, *rest.get(1)?) {
        (b'%', _) => escape(Encoding::Percent, 3, digits(1, 2, 16)?),
        (b'=', b'\n' | b'\r' | b'\\') => soft_break(text, at),
        (b'=', b'0'..=b'9' | b'A'..=b'F') if matches!(rest.get(2), Some(b'0'..=b'9' | b'A'..=b'F')) => {
            escape(Encoding::QuotedPrintable, 3, digits(1, 2, 16)?)
        }
        (b'\\', b'x') => escape(Encoding::Escape, 4, digits(2, 2, 16)?),
        (b'\\', b'u') if rest.get(2) == Some(&b'{') => {
            let count = rest[3..].iter().take(8).take_while(|b| b.is_ascii_hexdigit()).count();
            let means = digits(3, count, 16).filter(|_| rest.get(3 + count) == Some(&b'}'))?;
            escape(Encoding::Escape, 4 + count, means)
        }
        (b'\\', b'u') => escape(Encoding::Escape, 6, digits(2, 4, 16)?),
        (b'\\', b'U') => escape(Encoding::Escape, 10, digits(2, 8, 16)?),
        (b'\\', b'0'..=b'3') => escape(Encoding::Escape, 4, digits(1, 3, 8)?),
        // Markdown and TeX keep an underscore from meaning something.
        (b'\\', b'_') => escape(Encoding::Escape, 2, '_'),
        (b'&', b'#') => {
            let hex = matches!(rest.get(2)?, b'x' | b'X');
            let from = if hex { 3 } else { 2 };
            let digit = |b: &&u8| if hex { b.is_ascii_hexdigit() } else { b.is_ascii_digit() };
            let count = rest[from..].iter().take(8).take_while(digit).count();
            let means = digits(from, count, if hex { 16 } else { 10 })?;
            escape(Encoding::Entity, from + count + usize::from(rest.get(from + count) == Some(&b';')), means)
        }
        (b'&', _) => {
            let name = rest[1..].iter().take(12).take_while(|b| b.is_ascii_alphanumeric()).count();
            let (_, means) = NAMED.iter().find(|(named, _)| named.as_bytes() == &rest[1..=name])?;
            (rest.get(1 + name) == Some(&b';')).then_some(())?;
            escape(Encoding::Entity, name + 2, *means)
        }
        _ => None,
    }
}

/// A line that goes on, whose end may be written out. Encoders break lines that get too long, at 76 characters; a short
/// line is an empty setting.
fn soft_break(text: &[u8], at: usize) -> Option<Escape> {
    let length = line_end(&text[at + 1..])?;
    let before = &text[at.saturating_sub(MAX_LINE)..at];
    let line = &before[memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1)..];
    // The padding of base64 ends a line too, mostly of another length than an encoder's lines have.
    let full = line.len() < FULL_LINE && (line.len() + 1).is_multiple_of(4);
    let padded =
        line.ends_with(b"=") || full && line.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'));
    let spelled = || memchr::memrchr_iter(b'\\', before).find(|at| before.get(at + 1) == Some(&b'n'));
    let behind_spelled = || spelled().map_or(before.len(), |at| before.len() - at - 2);
    let is_long = |length: usize| (MIN_LINE..MAX_LINE).contains(&length);
    let long = !padded && (is_long(line.len()) || is_long(behind_spelled()));
    long.then_some(Escape { encoding: Encoding::QuotedPrintable, length: 1 + length, means: None })
}

/// The length of the line end that `rest` begins with: a byte or two, or `\n` and `\r\n` written out, however often they
/// were escaped again.
pub(super) fn line_end(rest: &[u8]) -> Option<usize> {
    let spelled = |rest: &[u8], letter: u8| {
        let escapes = rest.iter().take(MAX_ESCAPES).take_while(|b| **b == b'\\').count();
        (escapes > 0 && rest.get(escapes) == Some(&letter)).then_some(escapes + 1)
    };
    match rest {
        [b'\n', ..] => Some(1),
        [b'\r', b'\n', ..] => Some(2),
        _ => {
            let carriage = spelled(rest, b'r').unwrap_or(0);
            Some(carriage + spelled(&rest[carriage..], b'n')?)
        }
    }
}

/// How often a line end that is written out may be escaped again.
pub(super) const MAX_ESCAPES: usize = 16;

/// Whether a line of quoted-printable ends at `at` and goes on on the next one.
pub(super) fn is_soft_break(text: &[u8], at: usize) -> bool {
    let goes_on = |escape: &Escape| text.get(at + escape.length).is_some_and(u8::is_ascii_graphic);
    text[at] == b'=' && read(text, at).is_some_and(|escape| escape.means.is_none() && goes_on(&escape))
}

/// The named character references of ASCII.
const NAMED: &[(&str, char)] = &[
    ("quot", '"'),
    ("amp", '&'),
    ("apos", '\''),
    ("lt", '<'),
    ("gt", '>'),
    ("nbsp", ' '),
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("excl", '!'),
    ("num", '#'),
    ("dollar", '$'),
    ("percnt", '%'),
    ("lpar", '('),
    ("rpar", ')'),
    ("ast", '*'),
    ("plus", '+'),
    ("comma", ','),
    ("period", '.'),
    ("sol", '/'),
    ("colon", ':'),
    ("semi", ';'),
    ("equals", '='),
    ("quest", '?'),
    ("commat", '@'),
    ("lsqb", '['),
    ("bsol", '\\'),
    ("rsqb", ']'),
    ("lowbar", '_'),
    ("grave", '`'),
    ("lcub", '{'),
    ("verbar", '|'),
    ("rcub", '}'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_undone_and_the_others_are_left() {
        for (encoding, text, read) in [
            (Encoding::Percent, "a%3Db%20%zz%4", "a=b %zz%4"),
            (Encoding::Escape, r"\x41\u0042\u{43}\U00000044\105\_\n\\u0041\\n", r"ABCDE_\n\u0041\\n"),
            (Encoding::Escape, r#""{\u0022a\u0022}""#, r#""{\"a\"}""#),
            (Encoding::Entity, "&quot;&#65;&#x42;&amp;amp;&nope;", "\"AB&amp;&nope;"),
            (Encoding::QuotedPrintable, "a=3Db=\nd=3d", "a=b=\nd=3d"),
        ] {
            assert_eq!(
                String::from_utf8_lossy(
                    &view(text.as_bytes(), 0..text.len(), encoding, encoding == Encoding::Escape).bytes
                ),
                read,
                "{text}"
            );
        }
    }

    #[test]
    fn a_long_line_that_ends_with_an_equals_sign_goes_on() {
        let [line, next] = ["and so on ".repeat(7), "on and on ".repeat(6)];
        for end in ["=\n", "=\r\n"] {
            let text = format!("{line}a{end}b {next}=3D{end}c");
            let read = view(text.as_bytes(), 0..text.len(), Encoding::QuotedPrintable, false).bytes;
            assert_eq!(String::from_utf8_lossy(&read), format!("{line}ab {next}=c"));
            assert_eq!((0..text.len()).filter(|at| is_soft_break(text.as_bytes(), *at)).count(), 2);
        }
    }

    #[test]
    fn what_ends_early_is_no_escape() {
        for text in ["%", "%4", "\\", "\\x4", "\\u004", "\\u{41", "&", "&#", "&#x", "&quot", "=", "=4", "\\U0000004"] {
            for encoding in [Encoding::Percent, Encoding::Escape, Encoding::Entity, Encoding::QuotedPrintable] {
                assert_eq!(
                    view(text.as_bytes(), 0..text.len(), encoding, encoding == Encoding::Escape).bytes,
                    text.as_bytes()
                );
            }
        }
    }
}
