//! Base64 and hexadecimal text. In: a text and its long runs. Out: what each such stretch says, once by itself and once in
//! the place of the stretch. Most long runs (names, digests, images) are ruled out by their own characters: those of text
//! become few characters of base64 each, by position.

use std::borrow::Cow;
use std::io::Read;
use std::ops::Range;
use std::sync::LazyLock;

use data_encoding::{Encoding as Base, Specification};
use memchr::memmem;

use super::call;
use super::escape::{MAX_ESCAPES, line_end};
use super::probe::{GZIP_START, base64_before, base64_from};
use crate::blob::{Encoding, View};

/// Forty characters hold at least so many whole quads, at whatever place in a triple they begin.
const QUADS: usize = 12;
/// A text this long is not put in the place of its base64.
const MAX_SPLICED: usize = 4096;
/// The most of a long blob that is decoded to both sides of what is interesting in it.
const REACH: usize = 32 * 1024;
/// How much of the base64 of a gzip stream is read, and how much of what it says.
const GZIP_REACH: usize = 1024 * 1024;
const MAX_GZIP: u64 = 8 * 1024 * 1024;
/// `wandb_v` in hexadecimal.
const V1_IN_HEX: &[u8] = b"77616e64625f76";
/// How much of it is written in digits alone, which have no case.
static V1_IN_DIGITS: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(&V1_IN_HEX[..5]));

/// A stretch of encoded text, whose lines are put together.
struct Blob<'t> {
    characters: Cow<'t, [u8]>,
    /// Where each line of it begins, in the characters and in the text.
    lines: Vec<(usize, usize)>,
    /// All of it in the text.
    span: Range<usize>,
}

/// What a stretch says.
struct Stretch {
    encoding: Encoding,
    span: Range<usize>,
    bytes: Vec<u8>,
}

/// Adds the views of all stretches: each by itself, and one of the text with those in place that fit there. `gzips` is where
/// those begin that are compressed.
pub(super) fn views(text: &[u8], runs: &[Range<usize>], gzips: &[usize], views: &mut Vec<View>) {
    let mut decoded: Vec<Stretch> = Vec::new();
    let mut passed = 0;
    let mut reaches = (0, false);
    for run in runs {
        if run.start < passed {
            continue;
        }
        if run.start >= reaches.0 {
            reaches = reach(text, run);
        }
        // A key that is written in one line is in one run: no letter, digit or underscore gives any other sign.
        if !reaches.1 && !hides(&text[run.clone()]) && v1_in_hex(&text[run.clone()]).is_none() {
            continue;
        }
        let blob = Blob::round(text, run, passed, REACH);
        passed = blob.span.end.max(run.end);
        blob.base64(&mut decoded);
        blob.hexadecimal(&mut decoded);
    }
    // Whoever looks at the views stops there too.
    let most = super::budget(text.len());
    let mut opened_to = 0;
    for &at in gzips {
        if opened_to > most {
            break;
        }
        let blob = Blob::round(text, &(at..at + GZIP_START.len()), at, GZIP_REACH);
        let Some(opened) = blob.gzip() else { continue };
        // What is too short to be compressed stands in the stream as it is.
        let within = |one: &Stretch| opened.span.start <= one.span.start && one.span.end <= opened.span.end;
        decoded.retain(|one| !within(one));
        if super::could_hold(&opened.bytes) {
            opened_to += opened.bytes.len();
            decoded.push(opened);
        }
    }
    decoded.retain(|one| super::could_hold(&one.bytes));
    for encoding in [Encoding::Base64, Encoding::Hex] {
        let mut fitting = Vec::new();
        for one in decoded.iter().filter(|one| one.encoding == encoding) {
            let value = one.bytes.trim_ascii_end();
            if value.len() <= MAX_SPLICED && !value.contains(&b'\n') {
                let (span, quote) = call::round(text, &one.span);
                fitting.push((span, [quote.as_slice(), value, quote.as_slice()].concat(), one.span.clone()));
            }
            let mut alone = View::new(encoding);
            alone.replace(&one.bytes, one.span.clone());
            views.push(alone);
        }
        fitting.sort_by_key(|(span, ..)| span.start);
        let spans: Vec<_> = fitting.iter().map(|(span, ..)| span.clone()).collect();
        let mut fitting = fitting.into_iter().peekable();
        for part in super::parts(text, &spans) {
            let mut spliced = View::new(encoding);
            let mut kept = part.start;
            while let Some((span, value, source)) = fitting.next_if(|(span, ..)| span.start < part.end) {
                if span.start >= kept && span.end <= part.end {
                    spliced.keep(text, kept..span.start);
                    spliced.replace(&value, source);
                    kept = span.end;
                }
            }
            spliced.keep(text, kept..part.end);
            views.push(spliced);
        }
    }
}

/// Whether characters would hide a key as base64.
pub(super) fn hides(characters: &[u8]) -> bool {
    narrow(characters).or_else(|| wide(characters)).is_some()
}

/// Where the beginning of a v1 key stands in hexadecimal digits.
fn v1_in_hex(digits: &[u8]) -> Option<usize> {
    // A whole key takes more than that.
    if digits.len() < 8 * V1_IN_HEX.len() {
        return None;
    }
    let whole = |at: &usize| digits[*at..].get(..V1_IN_HEX.len()).is_some_and(|v1| v1.eq_ignore_ascii_case(V1_IN_HEX));
    V1_IN_DIGITS.find_iter(digits).find(whole)
}

impl<'t> Blob<'t> {
    /// The blob that a run is part of, the lines above and below included; nothing before `passed`.
    fn round(text: &'t [u8], run: &Range<usize>, passed: usize, reach: usize) -> Blob<'t> {
        let floor = run.start.saturating_sub(reach).max(passed);
        let ceiling = text.len().min(run.end + reach);
        let line = line_round(text, run, floor..ceiling);
        let mut above = Vec::new();
        let mut start = line.start;
        while let Some(line) = line_above(text, start, floor).filter(|line| line.len() >= MIN_LINE) {
            start = line.start;
            above.push(line);
        }
        above.reverse();
        let mut lines = above;
        let mut last = line;
        // Encoders break lines at one width; what is shorter is the last line, or no line of the same blob.
        let mut width = last.len();
        while last.len() >= width.max(MIN_LINE)
            && let Some(next) = line_below(text, &last, ceiling)
            && (next.len() == last.len() || (next.len() < last.len() && ends(text, &last, next.clone())))
        {
            width = last.len();
            lines.push(std::mem::replace(&mut last, next));
        }
        let mut end = last.end;
        lines.push(last);
        for _ in 0..2 {
            end += PADDING.iter().find(|sign| text[end..].starts_with(sign)).map_or(0, |sign| sign.len());
        }
        let span = start..end;
        if let [only] = &lines[..] {
            return Blob { characters: Cow::Borrowed(&text[only.clone()]), lines: vec![(0, only.start)], span };
        }
        let mut characters = Vec::with_capacity(span.len());
        let mut starts = Vec::with_capacity(lines.len());
        for line in lines {
            starts.push((characters.len(), line.start));
            characters.extend_from_slice(&text[line]);
        }
        Blob { characters: Cow::Owned(characters), lines: starts, span }
    }

    /// Decodes what may hide a key.
    fn base64(&self, decoded: &mut Vec<Stretch>) {
        let characters: &[u8] = &self.characters;
        let mut passed = 0;
        while let Some(hit) = narrow(&characters[passed..]).or_else(|| wide(&characters[passed..])) {
            let hit = hit.start + passed..hit.end + passed;
            // As it begins, if that fits; else from where it begins to read as text.
            if passed == 0 && hit.start % 4 == 0 && characters.len() <= 2 * REACH {
                let bytes = decode(characters);
                if str::from_utf8(&bytes).is_ok() {
                    decoded.push(Stretch { encoding: Encoding::Base64, span: self.span.clone(), bytes });
                    return;
                }
            }
            let readable = |quad: &&[u8]| decode(quad).iter().all(|b| is_text(*b) || *b == 0);
            let before = characters[hit.start.saturating_sub(REACH).max(passed)..hit.start].rchunks_exact(4);
            let start = hit.start - 4 * before.take_while(readable).count();
            let behind = characters[hit.end..characters.len().min(hit.end + REACH)].chunks(4);
            let end = hit.end + behind.take_while(readable).map(<[u8]>::len).sum::<usize>();
            // One more quad at both ends may be text in part.
            let start = start.checked_sub(4).filter(|&start| start >= passed).unwrap_or(start);
            let end = characters.len().min(end + 4);
            let span =
                self.source(start)..if end == characters.len() { self.span.end } else { self.source(end - 1) + 1 };
            decoded.push(Stretch { encoding: Encoding::Base64, span, bytes: decode(&characters[start..end]) });
            passed = end;
        }
    }

    /// Decodes hexadecimal digits that hold the beginning of a v1 key.
    fn hexadecimal(&self, decoded: &mut Vec<Stretch>) {
        let digits: &[u8] = &self.characters;
        let Some(found) = v1_in_hex(digits) else { return };
        let before = digits[..found].iter().rev().take_while(|b| b.is_ascii_hexdigit()).count();
        let behind = digits[found..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let [start, end] = [found - before / 2 * 2, found + behind / 2 * 2];
        if let Ok(bytes) = data_encoding::HEXLOWER_PERMISSIVE.decode(&digits[start..end]) {
            let span = self.source(start)..self.source(end - 1) + 1;
            decoded.push(Stretch { encoding: Encoding::Hex, span, bytes });
        }
    }

    /// Decodes a compressed text, as releases of Helm and cloud-init keep theirs.
    fn gzip(&self) -> Option<Stretch> {
        let compressed = decode(&self.characters);
        let mut bytes = Vec::new();
        // What is damaged or cut off says so far what it says.
        let _ = flate2::read::MultiGzDecoder::new(&compressed[..]).take(MAX_GZIP).read_to_end(&mut bytes);
        (!bytes.is_empty()).then(|| Stretch { encoding: Encoding::Base64, span: self.span.clone(), bytes })
    }

    /// Where a character stands in the text.
    fn source(&self, at: usize) -> usize {
        let line = self.lines.partition_point(|(start, _)| *start <= at).saturating_sub(1);
        let (start, source) = self.lines[line];
        source + (at - start)
    }
}

/// Whether a line that is shorter than the one above goes on with what that one says, rather than being a word that
/// stands there: some text, and nothing of another kind behind it.
fn ends(text: &[u8], above: &Range<usize>, line: Range<usize>) -> bool {
    let hexadecimal = text[line.clone()].iter().all(u8::is_ascii_hexdigit);
    let closes = text
        .get(line.end)
        .is_none_or(|b| matches!(b, b'\n' | b'\r' | b'=' | b'"' | b'\'' | b'`' | b'\\' | b'<' | b')'));
    let quads = above.len() / 4 * 4;
    let tail = [&text[above.start + quads..above.end], &text[line]].concat();
    let says = decode(&tail);
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\0');
    closes && (hexadecimal || str::from_utf8(&says).is_ok_and(|text| !text.contains(control)))
}

/// The padding sign, as it is and escaped.
const PADDING: [&[u8]; 5] = [b"=3D", b"%3D", b"%3d", b"\\u003d", b"="];

/// No encoder breaks lines shorter than this.
const MIN_LINE: usize = 40;

/// Where the base64 ends that a run is part of, and whether its line ends there too, so that it may go on in the next one.
fn reach(text: &[u8], run: &Range<usize>) -> (usize, bool) {
    let end = text.len().min(run.end + REACH);
    let end = run.end + base64_from(&text[run.end..end]);
    (end, line_end(&text[end..]).is_some())
}

/// The base64 round a run, in its own line.
fn line_round(text: &[u8], run: &Range<usize>, within: Range<usize>) -> Range<usize> {
    let before = base64_before(&text[within.start..run.start]);
    let behind = base64_from(&text[run.end..within.end]);
    let start = run.start - before;
    // The letter of an escape that ends the line above is none of it.
    let escape = start > 0 && text[start - 1] == b'\\' && matches!(text[start], b'n' | b'r' | b't');
    start + usize::from(escape)..run.end + behind
}

/// The base64 at the start of the next line, if a line ends behind `line`: a line end, written out or not, and indentation.
fn line_below(text: &[u8], line: &Range<usize>, ceiling: usize) -> Option<Range<usize>> {
    let next = line.end + line_end(&text[line.end..])?;
    let start = next + text[next..].iter().take(64).take_while(|b| matches!(b, b' ' | b'\t')).count();
    let length = base64_from(&text[start..ceiling.max(start)]);
    (length > 0).then_some(start..start + length)
}

/// The base64 at the end of the line above, if `at` is where a line begins.
fn line_above(text: &[u8], at: usize, floor: usize) -> Option<Range<usize>> {
    let blank = text[floor..at].iter().rev().take(64).take_while(|b| matches!(b, b' ' | b'\t')).count();
    let before = &text[floor..at - blank];
    let spelled = |before: &[u8], letter: u8| {
        let escapes = before.strip_suffix(&[letter])?;
        let count = escapes.iter().rev().take(MAX_ESCAPES).take_while(|b| **b == b'\\').count();
        (count > 0).then_some(escapes.len() - count)
    };
    let before = match before {
        [before @ .., b'\r', b'\n'] | [before @ .., b'\n'] => before,
        _ => {
            let before = &before[..spelled(before, b'n')?];
            &before[..spelled(before, b'r').unwrap_or(before.len())]
        }
    };
    let end = floor + before.len();
    Some(end - base64_before(before)..end)
}

/// Which characters of base64 stand at which place of a quad when the three bytes are text in ASCII.
static CLASSES: [u8; 256] = classes();

const fn is_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n')
}

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut first = 0;
    while first < 256 {
        if is_text(first as u8) {
            let mut second = 0;
            while second < 256 {
                if is_text(second as u8) {
                    classes[alphabet[first >> 2] as usize] |= 1;
                    classes[alphabet[(first & 3) << 4 | second >> 4] as usize] |= 2;
                    classes[alphabet[(first & 15) << 2 | second >> 6] as usize] |= 4;
                    classes[alphabet[first & 63] as usize] |= 8;
                }
                second += 1;
            }
        }
        first += 1;
    }
    classes[b'-' as usize] = classes[b'+' as usize];
    classes[b'_' as usize] = classes[b'/' as usize];
    classes
}

/// A stretch of at least [`QUADS`] quads of text.
fn narrow(characters: &[u8]) -> Option<Range<usize>> {
    let fits = |quad: &[u8]| {
        let class = |at: usize| CLASSES[quad[at] as usize];
        class(0) & class(1) >> 1 & class(2) >> 2 & class(3) >> 3 & 1 == 1
    };
    stretch(characters, 4, QUADS, fits)
}

/// A stretch of quads of which each second one is a key character between two zeros, as UTF-16 gives.
fn wide(characters: &[u8]) -> Option<Range<usize>> {
    let fits = |quads: &[u8]| quads[0] == b'A' && matches!(quads[1], b'D'..=b'H') && quads[3] == b'A';
    let found = stretch(characters, 8, QUADS, fits)?;
    Some(found.start..characters.len().min(found.end))
}

/// The first stretch of at least `count` blocks that fit, at whatever offset; looks at one block in `count` until one does.
fn stretch(characters: &[u8], block: usize, count: usize, fits: impl Fn(&[u8]) -> bool) -> Option<Range<usize>> {
    (0..block).find_map(|offset| {
        let blocks = characters.get(offset..)?;
        let total = blocks.len() / block;
        let at = |nth: usize| fits(&blocks[nth * block..(nth + 1) * block]);
        let mut nth = count - 1;
        while nth < total {
            if !at(nth) {
                nth += count;
                continue;
            }
            let first = nth - (0..nth).rev().take_while(|&n| at(n)).count();
            let behind = nth + 1 + (nth + 1..total).take_while(|&n| at(n)).count();
            if behind - first >= count {
                return Some(offset + first * block..offset + behind * block);
            }
            nth = behind + count;
        }
        None
    })
}

/// Both alphabets, no padding wanted, and whatever bits are left over.
static BASE64: LazyLock<Option<Base>> = LazyLock::new(|| {
    let mut alphabet = Specification::new();
    alphabet.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    alphabet.translate.from.push_str("-_");
    alphabet.translate.to.push_str("+/");
    alphabet.check_trailing_bits = false;
    alphabet.encoding().ok()
});

fn decode(characters: &[u8]) -> Vec<u8> {
    // A single character behind the last quad says nothing.
    let whole = characters.len() - usize::from(characters.len() % 4 == 1);
    BASE64.as_ref().and_then(|base| base.decode(&characters[..whole]).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::probe;
    use crate::rule::example::{legacy_key, v1_key};

    fn read(text: &str) -> Vec<(Range<usize>, String)> {
        let runs: Vec<_> = probe::runs(text.as_bytes()).collect();
        let mut found = Vec::new();
        views(text.as_bytes(), &runs, &probe::survey(text.as_bytes()).gzips, &mut found);
        let read = |view: &View| {
            let span = view.source(0..view.bytes.len());
            (span, String::from_utf8_lossy(&view.bytes).into_owned())
        };
        found.iter().map(read).collect()
    }

    #[test]
    fn every_alignment_and_length_is_found() {
        for (nth, key) in [legacy_key("b"), v1_key("b"), format!("local-{}", legacy_key("b"))].into_iter().enumerate() {
            for before in ["", "a", ":b", "api:", "{\"key\": \""] {
                for behind in ["", "\n", "\"}", "?>~ and more"] {
                    let clear = format!("{before}{key}{behind}");
                    for base in [data_encoding::BASE64, data_encoding::BASE64_NOPAD, data_encoding::BASE64URL] {
                        let text = format!("x: {} y", base.encode(clear.as_bytes()));
                        let found = read(&text);
                        assert!(
                            found.iter().any(|(span, read)| *read == clear && *span == (3..text.len() - 2)),
                            "{nth} {before} {behind}"
                        );
                        assert!(found.iter().any(|(_, read)| *read == format!("x: {} y", clear.trim_end())));
                    }
                }
            }
        }
    }

    #[test]
    fn broken_lines_are_put_together() {
        let clear = format!("export A=1\nexport WANDB_API_KEY={}\nexport B=2\n", legacy_key("lines"));
        let encoded = data_encoding::BASE64.encode(clear.as_bytes());
        for width in [60, 64, 76] {
            for separator in ["\n", "\r\n", "\n    ", "\\n"] {
                let lines: Vec<&str> =
                    (0..encoded.len()).step_by(width).map(|at| &encoded[at..encoded.len().min(at + width)]).collect();
                let text = format!("data: |{separator}{}\nend: 1\n", lines.join(separator));
                let found = read(&text);
                assert!(found.iter().any(|(_, read)| *read == clear), "{width} {separator:?} {found:?}");
            }
        }
    }

    #[test]
    fn what_stands_before_without_a_break_is_left_out() {
        let key = v1_key("glued");
        let encoded = data_encoding::BASE64.encode(key.as_bytes());
        for glued in ["/path/to/", "x/", "ab/", "-"] {
            let found = read(&format!("{glued}{encoded}"));
            assert!(found.iter().any(|(_, read)| read.contains(&key)), "{glued} {found:?}");
        }
    }

    #[test]
    fn what_is_compressed_is_opened_within_bounds() {
        let gzip = |text: &[u8]| {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            std::io::Write::write_all(&mut gzip, text).expect("memory");
            data_encoding::BASE64.encode(&gzip.finish().expect("memory"))
        };
        let lines = |line: &str| format!("data: {line}\n").repeat(40);
        let made = |text: &str| {
            let mut made = Vec::new();
            views(text.as_bytes(), &[], &probe::survey(text.as_bytes()).gzips, &mut made);
            made.iter().map(|view| view.bytes.len()).sum::<usize>()
        };
        assert_eq!(made(&lines(&gzip(&[0; 1 << 22]))), 0);
        let says = lines(&gzip(&b"wandb ".repeat(1 << 19)));
        assert!((1 << 21..crate::decode::budget(says.len()) + (1 << 23)).contains(&made(&says)));
    }

    #[test]
    fn digests_images_and_tokens_say_nothing() {
        let hex = legacy_key("a") + &legacy_key("b");
        let noise: Vec<u8> = (0..4000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for text in [hex, data_encoding::BASE64.encode(&noise)] {
            assert!(read(&text).is_empty());
        }
    }

    #[test]
    fn hexadecimal_is_decoded_at_its_own_parity() {
        let key = v1_key("hex");
        let hex = data_encoding::HEXUPPER.encode(format!("key={key}").as_bytes());
        assert!(read(&format!("0x{hex};")).iter().any(|(_, read)| read.contains(&key)));
    }
}
