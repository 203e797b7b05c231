//! How a text of two or four bytes a character is written. In: bytes. Out: the size of a unit, the order of its bytes, where
//! the first one begins. A part of a text, which may begin in the middle of a unit, tells it as all of the text does.

/// The order in which a text that is wide as a whole is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wide {
    /// Bytes a unit: 2 or 4.
    pub unit: usize,
    /// Whether the highest byte of a unit comes first.
    pub big_endian: bool,
    /// Bytes before the first unit: a byte order mark, or what is left of a unit that begins before the text.
    pub start: usize,
}

/// How much of a text tells whether all of it is wide.
const SAMPLE: usize = 4096;

/// How much it tells for one reading of a text, and against it, what stands in it.
const LETTER: i64 = 1;
const BLANK: i64 = 2;
const LINE_END: i64 = 3;
const CONTROL: i64 = -2;
/// How much it tells that a text begins with its first unit: beside a string in other bytes stand some that are none of its own.
const ALIGNED: i64 = 4;

const FEED: u32 = 0x0A;

impl Wide {
    /// What the byte order mark says with which a text begins.
    pub fn mark(text: &[u8]) -> Option<Wide> {
        const MARKS: [(&[u8], usize, bool); 4] = [
            (&[0xFF, 0xFE, 0, 0], 4, false),
            (&[0, 0, 0xFE, 0xFF], 4, true),
            (&[0xFF, 0xFE], 2, false),
            (&[0xFE, 0xFF], 2, true),
        ];
        let (mark, unit, big_endian) = MARKS.into_iter().find(|(mark, ..)| text.starts_with(mark))?;
        Some(Wide { unit, big_endian, start: mark.len() })
    }

    /// How a text is written, if all of it is wide; `told` is what the mark at the beginning of its source says, for a part that
    /// begins in the middle of it.
    pub fn of(text: &[u8], told: Option<Wide>) -> Option<Wide> {
        if let Some(marked) = Wide::mark(text) {
            return Some(marked);
        }
        // What the mark says need not hold for what somebody wrote behind the text that it stood before.
        match Wide::readings(text) {
            Some(readings) => {
                Some(told.filter(|told| readings.contains(told)).unwrap_or_else(|| likelier(text, readings)))
            }
            None => told.filter(|_| memchr::memchr(0, text).is_some()),
        }
    }

    /// The two ways to read a text whose characters are kept apart by zeros: each of them may be the high bytes of the character
    /// before or of the one behind. The first is the one that begins with the text, if one does.
    fn readings(text: &[u8]) -> Option<[Wide; 2]> {
        let sample = &text[..text.len().min(SAMPLE)];
        let mut zeros = [0usize; 4];
        for at in memchr::memchr_iter(0, sample) {
            zeros[at % 4] += 1;
        }
        let quarter = sample.len() / 4;
        let [some, most] = [quarter / 4 * 3, quarter - quarter / 8];
        let (unit, low) = match zeros.map(|count| if count > most { 2 } else { usize::from(count > some) }) {
            [0, 2, 2, 2] => (4, 0),
            [2, 0, 2, 2] => (4, 1),
            [2, 2, 0, 2] => (4, 2),
            [2, 2, 2, 0] => (4, 3),
            [0, 1 | 2, 0, 1 | 2] => (2, 0),
            [1 | 2, 0, 1 | 2, 0] => (2, 1),
            _ => return None,
        };
        let low_first = Wide { unit, big_endian: false, start: low };
        let low_last = Wide { unit, big_endian: true, start: (low + 1) % unit };
        Some(if low_last.start == 0 { [low_last, low_first] } else { [low_first, low_last] })
    }

    /// The code of the unit that begins at `at`, if all of it is there.
    pub fn code(self, text: &[u8], at: usize) -> Option<u32> {
        let rest = text.get(at..)?;
        Some(match (self.unit, self.big_endian) {
            (2, false) => u16::from_le_bytes(*rest.first_chunk()?).into(),
            (2, true) => u16::from_be_bytes(*rest.first_chunk()?).into(),
            (_, false) => u32::from_le_bytes(*rest.first_chunk()?),
            (_, true) => u32::from_be_bytes(*rest.first_chunk()?),
        })
    }

    /// How many line ends there are in the units that begin before `end`, and how many characters behind the last one.
    pub(super) fn lines_and_columns(self, text: &[u8], end: usize) -> (u64, u64) {
        let (mut lines, mut columns) = (0, 0);
        let units = (self.start..end).step_by(self.unit).map_while(|at| self.code(text, at));
        for code in units {
            match code {
                FEED => (lines, columns) = (lines + 1, 0),
                // The second half of a character.
                0xDC00..=0xDFFF if self.unit == 2 => {}
                _ => columns += 1,
            }
        }
        (lines, columns)
    }

    /// How much speaks for it that a code stands where the other reading has another one.
    fn weigh(self, text: &[u8], at: usize, code: u32) -> i64 {
        match char::from_u32(code) {
            // Half a character, or no text, tells nothing; a tab seldom stands behind a letter.
            None | Some('\t') => 0,
            Some(' ' | '\n') => BLANK,
            Some('\r') if self.code(text, at + self.unit) == Some(FEED) => LINE_END,
            Some(c) if c.is_alphabetic() => LETTER,
            Some(c) if c.is_control() || matches!(code & 0xFFFF, 0xFFFE | 0xFFFF) => CONTROL,
            Some(_) => 0,
        }
    }
}

/// The reading of a text that makes more sense where they differ: beside a character that is more than one byte. Read the wrong
/// way, it takes up the line end or the blank behind it, and leaves half of itself as a control character.
fn likelier(text: &[u8], readings: [Wide; 2]) -> Wide {
    let [one, other] = readings;
    let (low_first, low_last) = if one.big_endian { (other, one) } else { (one, other) };
    let unit = low_first.unit;
    let mut sense = if one.start > 0 {
        0
    } else if one.big_endian {
        -ALIGNED
    } else {
        ALIGNED
    };
    let mut before: Option<&[u8]> = None;
    for (nth, characters) in text.get(low_first.start..).unwrap_or_default().chunks_exact(unit).enumerate() {
        let behind = &characters[1..];
        let same = |before: &[u8]| before[0] == behind[unit - 2] && (unit == 2 || before.iter().rev().eq(behind));
        if before.replace(behind).is_none_or(same) {
            continue;
        }
        let low = low_first.start + nth * unit;
        let begins = low + 1 - unit;
        let weigh = |wide: Wide, at: usize| wide.code(text, at).map_or(0, |code| wide.weigh(text, at, code));
        sense += weigh(low_first, low) - weigh(low_last, begins);
    }
    match sense {
        0 => one,
        1.. => low_first,
        _ => low_last,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, unit: usize, big_endian: bool) -> Vec<u8> {
        let long = |c: char| if big_endian { u32::from(c).to_be_bytes() } else { u32::from(c).to_le_bytes() };
        let short = |unit: u16| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() };
        if unit == 4 { text.chars().flat_map(long).collect() } else { text.encode_utf16().flat_map(short).collect() }
    }

    #[test]
    fn a_few_characters_tell_the_order_and_the_beginning() {
        let words = [
            "się", "łódź ", "ċar", "ਉਪ੍ਰ ", "中文\n", "不是", "для ключа", "čaj\n", "myš škol ", "→ x", "…\r\n", "✓",
            "😀 ", "─", "the “key”", "€ 5 – 6",
        ];
        let plain = "wandb.login(project=\"plain\")\n".repeat(8);
        for word in words {
            let text = format!("{plain}# {word}{plain}").repeat(8);
            for (unit, big_endian) in [(2, false), (2, true), (4, false), (4, true)] {
                let bytes = written(&text, unit, big_endian);
                for cut in 0..unit {
                    let start = (unit - cut) % unit;
                    let wide = Wide { unit, big_endian, start };
                    assert_eq!(Wide::of(&bytes[cut..], None), Some(wide), "{word} {unit} {big_endian} {cut}");
                    let end = bytes.len() - cut;
                    let (lines, columns) = wide.lines_and_columns(&bytes[cut..], end);
                    assert_eq!(lines, text.matches('\n').count() as u64);
                    let last = text.rsplit('\n').next().unwrap_or_default();
                    assert_eq!(columns, last.chars().count() as u64);
                }
            }
        }
    }

    #[test]
    fn a_mark_speaks_for_what_tells_nothing_itself() {
        let chinese = written(&"的不上是\n".repeat(500), 2, true);
        let told = Wide { unit: 2, big_endian: true, start: 0 };
        assert_eq!(Wide::of(&chinese, None), None);
        assert_eq!(Wide::of(&chinese, Some(told)), Some(told));
        assert_eq!(Wide::of(b"plain text behind it", Some(told)), None);
        // Somebody wrote on at an odd byte.
        let other = [&b"?"[..], &written(&"key = 1  # čaj się\n".repeat(50), 2, true)].concat();
        assert_eq!(Wide::of(&other, Some(told)), Some(Wide { start: 1, ..told }));
    }
}
