//! Text of two or four bytes a character, with a byte order mark or without, as a whole file or as strings in a binary
//! one. In: bytes. Out: the text in UTF-8.

use super::probe;
use crate::blob::{Encoding, View};

/// How much of a text tells whether all of it is wide.
const SAMPLE: usize = 4096;

/// A way to read a text that is wide as a whole.
#[derive(Clone, Copy)]
struct Wide {
    /// Bytes a unit.
    unit: usize,
    big_endian: bool,
    /// Where the first unit begins: behind the byte order mark, or behind the rest of a unit that begins before the text.
    start: usize,
}

/// The text with what is wide in it made narrow, in each way in which it may be meant; `places` are in the middle of it.
pub(super) fn views(text: &[u8], places: &[usize]) -> Vec<View> {
    let readings = readings(text);
    match readings.first() {
        Some(first) => readings.iter().map(|reading| transcoded(text, *reading, first.big_endian)).collect(),
        None => strings(text, places).into_iter().collect(),
    }
}

/// How a text may be written that is wide as a whole. Without a mark, the zeros between its characters may be the high bytes of
/// those before or of those behind: both are told if they differ, the one that begins with the text first. Read the wrong
/// way, a character beyond U+00FF takes up half of its neighbour, perhaps a line end, and the first or the last one is cut.
fn readings(text: &[u8]) -> Vec<Wide> {
    const MARKS: [(&[u8], usize, bool); 4] = [
        (&[0xFF, 0xFE, 0, 0], 4, false),
        (&[0, 0, 0xFE, 0xFF], 4, true),
        (&[0xFF, 0xFE], 2, false),
        (&[0xFE, 0xFF], 2, true),
    ];
    if let Some((mark, unit, big_endian)) = MARKS.into_iter().find(|(mark, ..)| text.starts_with(mark)) {
        return vec![Wide { unit, big_endian, start: mark.len() }];
    }
    let sample = &text[..text.len().min(SAMPLE)];
    let mut zeros = [0usize; 4];
    for at in memchr::memchr_iter(0, sample) {
        zeros[at % 4] += 1;
    }
    let quarter = sample.len() / 4;
    let [some, most] = [quarter / 4 * 3, quarter - quarter / 8];
    // Where in four bytes the low byte of a character is.
    let (unit, low) = match zeros.map(|count| if count > most { 2 } else { usize::from(count > some) }) {
        [0, 2, 2, 2] => (4, 0),
        [2, 0, 2, 2] => (4, 1),
        [2, 2, 0, 2] => (4, 2),
        [2, 2, 2, 0] => (4, 3),
        [0, 1 | 2, 0, 1 | 2] => (2, 0),
        [1 | 2, 0, 1 | 2, 0] => (2, 1),
        _ => return Vec::new(),
    };
    let low_first = Wide { unit, big_endian: false, start: low };
    let low_last = Wide { unit, big_endian: true, start: (low + 1) % unit };
    let [first, other] = if low_last.start == 0 { [low_last, low_first] } else { [low_first, low_last] };
    let is_wider = |unit: &[u8]| unit.iter().enumerate().any(|(at, b)| at != low && *b != 0);
    if !text.len().is_multiple_of(unit) || text.chunks(unit).any(is_wider) { vec![first, other] } else { vec![first] }
}

/// The text as a reading has it. Characters are told to stand where the first reading, which is `big_endian` or not, has those of
/// one byte: a key that both show stands at one place.
fn transcoded(text: &[u8], wide: Wide, big_endian: bool) -> View {
    let mut view = View::new(Encoding::Wide);
    view.bytes.reserve(text.len() / wide.unit);
    let number = |bytes: &[u8]| {
        let add = |all: u32, byte: &u8| all << 8 | u32::from(*byte);
        if wide.big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
    };
    let place = |at: usize| match (wide.big_endian, big_endian) {
        (true, false) => at + (wide.unit - 1),
        (false, true) => at - (wide.unit - 1).min(at),
        _ => at,
    };
    let mut at = wide.start;
    while let Some(unit) = text.get(at..at + wide.unit) {
        let code = number(unit);
        let mut length = wide.unit;
        let mut means = char::from_u32(code);
        if let 0xD800..=0xDBFF = code
            && wide.unit == 2
            && let Some(low) = text.get(at + 2..at + 4).map(number).filter(|low| (0xDC00..=0xDFFF).contains(low))
        {
            means = char::from_u32(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00));
            length = 4;
        }
        match u8::try_from(code) {
            Ok(byte) if byte.is_ascii() && place(at) + wide.unit <= text.len() => {
                view.each(&[byte], place(at), wide.unit);
            }
            _ => {
                let mut utf8 = [0; 4];
                let means = means.unwrap_or(char::REPLACEMENT_CHARACTER);
                let end = text.len().min(place(at) + length);
                view.replace(means.encode_utf8(&mut utf8).as_bytes(), place(at)..end);
            }
        }
        at += length;
    }
    view
}

/// The text with the zeros left out that keep the characters of its wide strings apart. Which end a character begins
/// with does not matter for that.
fn strings(text: &[u8], places: &[usize]) -> Option<View> {
    let shows = |at: usize| text.get(at).is_some_and(|b| matches!(b, b' '..=b'~' | b'\t' | b'\r' | b'\n'));
    let mut view = View::new(Encoding::Wide);
    let mut kept = 0;
    let mut long = false;
    for &place in places {
        if place < kept {
            continue;
        }
        let unit = if text[place..place + 4].iter().filter(|b| **b == 0).count() == 2 { 2 } else { 4 };
        let spaced = |at: usize| shows(at) && (1..unit).all(|zero| text.get(at + zero) == Some(&0));
        let Some(inside) = (place..place + unit).find(|at| spaced(*at)) else { continue };
        let before = (1..).take_while(|back| inside >= kept + back * unit && spaced(inside - back * unit)).count();
        let start = inside - before * unit;
        let end = start + unit * (start..).step_by(unit).take_while(|at| spaced(*at)).count();
        view.keep(text, kept..start);
        let narrow: Vec<u8> = text[start..end].iter().step_by(unit).copied().collect();
        long |= probe::runs(&narrow).next().is_some();
        view.each(&narrow, start, unit);
        kept = end;
    }
    view.keep(text, kept..text.len());
    // Tables of small numbers look wide too, but spell no long words.
    long.then_some(view)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str, unit: usize, big_endian: bool) -> Vec<u8> {
        let code = |code: u32| if big_endian { code.to_be_bytes() } else { code.to_le_bytes() };
        if unit == 4 {
            return text.chars().flat_map(|c| code(c as u32)).collect();
        }
        let unit = |u: u16| if big_endian { u.to_be_bytes() } else { u.to_le_bytes() };
        text.encode_utf16().flat_map(unit).collect()
    }

    fn read(text: &[u8]) -> Option<View> {
        views(text, &probe::survey(text).zeros).into_iter().next()
    }

    #[test]
    fn whole_texts_and_strings_in_other_bytes_become_narrow() {
        let text = "über: WANDB_API_KEY = abc 😀\nnächste Zeile mit viel Text\n";
        for (unit, big_endian) in [(2, false), (2, true), (4, false), (4, true)] {
            let wide = encoded(text, unit, big_endian);
            let narrow = read(&wide).expect("wide");
            assert_eq!(String::from_utf8_lossy(&narrow.bytes), text);
            let at = text.find("abc").expect("there");
            let before = text[..at].encode_utf16().count() * unit;
            assert_eq!(narrow.source(at..at + 3), before..before + 3 * unit);
            let marked = [encoded("\u{feff}", unit, big_endian), wide].concat();
            assert_eq!(String::from_utf8_lossy(&read(&marked).expect("wide").bytes), text);
            let name = "wandb_api_key_wandb_api_key_wandb_api_key";
            let ascii = encoded(name, unit, big_endian);
            let binary = [&b"\x01\x02\x03\xff"[..], &ascii, b"\xfe\x00\x00\x05\xfe"].concat();
            let narrow = read(&binary).expect("a string in it").bytes;
            assert!(narrow.windows(name.len()).any(|w| w == name.as_bytes()), "{unit} {big_endian} {narrow:?}");
        }
    }

    #[test]
    fn what_ends_within_a_character_is_read_so_far() {
        for text in [&b"\xff\xfe"[..], b"\xff\xfea", b"\xff\xfe\x00\xd8", b"\xff\xfe\x00\x00a\x00", b""] {
            views(text, &[]);
        }
    }
}
