//! Text of two or four bytes a character, with a byte order mark or without, as a whole file or as strings in a binary
//! one. In: bytes. Out: the text in UTF-8.

use super::probe;
use crate::blob::{Encoding, View, Wide};

/// The text with what is wide in it made narrow; `told` is what the mark at the beginning of its source says, `places` are in
/// the middle of what is wide.
pub(super) fn view(text: &[u8], told: Option<Wide>, places: &[usize]) -> Option<View> {
    match Wide::of(text, told) {
        Some(wide) => Some(transcoded(text, wide)),
        None => strings(text, places),
    }
}

fn transcoded(text: &[u8], wide: Wide) -> View {
    let mut view = View::new(Encoding::Wide);
    view.bytes.reserve(text.len() / wide.unit);
    let mut at = wide.start;
    while let Some(code) = wide.code(text, at) {
        let mut length = wide.unit;
        let mut means = char::from_u32(code);
        if let 0xD800..=0xDBFF = code
            && wide.unit == 2
            && let Some(low) = wide.code(text, at + 2).filter(|low| (0xDC00..=0xDFFF).contains(low))
        {
            means = char::from_u32(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00));
            length = 4;
        }
        match u8::try_from(code) {
            Ok(byte) if byte.is_ascii() => view.each(&[byte], at, wide.unit),
            _ => {
                let mut utf8 = [0; 4];
                let means = means.unwrap_or(char::REPLACEMENT_CHARACTER);
                view.replace(means.encode_utf8(&mut utf8).as_bytes(), at..at + length);
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
        view(text, None, &probe::survey(text).zeros)
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
            view(text, None, &[]);
        }
    }
}
