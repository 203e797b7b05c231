//! Shows the arguments of a process as the one line that a person would have typed. In: arguments, in any bytes. Out: the
//! line, quoted as a POSIX shell reads it, and which argument each byte of it belongs to.

/// Arguments as a command line.
#[derive(Debug, Default)]
pub struct Line {
    /// The words, each quoted if it must be, with a space between.
    pub text: Vec<u8>,
    /// Where each word begins.
    starts: Vec<usize>,
}

impl Line {
    /// Puts `words` together.
    pub fn of<'w>(words: impl IntoIterator<Item = &'w [u8]>) -> Line {
        let mut line = Line::default();
        for word in words {
            if !line.starts.is_empty() {
                line.text.push(b' ');
            }
            line.starts.push(line.text.len());
            quote(word, &mut line.text);
        }
        line
    }

    /// Which argument holds the byte at `at`; the space behind one belongs to it.
    pub fn argument(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at).saturating_sub(1)
    }
}

/// Whether a shell reads the word as it stands.
pub fn is_plain(word: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"_-./:=,@%+".contains(b) || *b >= 0x80;
    !word.is_empty() && word.iter().all(plain)
}

/// Single quotes say least about what is in them; a text that holds some and no double ones reads best in those.
fn quote(word: &[u8], out: &mut Vec<u8>) {
    let has = |byte| memchr::memchr(byte, word).is_some();
    if is_plain(word) {
        out.extend_from_slice(word);
    } else if has(b'\'') && !word.iter().any(|b| b"\"$`\\!".contains(b)) {
        out.push(b'"');
        out.extend_from_slice(word);
        out.push(b'"');
    } else {
        out.push(b'\'');
        for (nth, part) in word.split(|b| *b == b'\'').enumerate() {
            if nth > 0 {
                out.extend_from_slice(b"'\\''");
            }
            out.extend_from_slice(part);
        }
        out.push(b'\'');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back_as_its_words_and_every_byte_knows_its_word() {
        let words: [&[u8]; 6] = [b"sh", b"-c", b"echo 'a b' \"$X\"", b"", b"it's", b"\xff=1"];
        let line = Line::of(words);
        assert_eq!(line.text, b"sh -c 'echo '\\''a b'\\'' \"$X\"' '' \"it's\" \xff=1");
        let at = |needle: &[u8]| line.argument(memchr::memmem::find(&line.text, needle).expect("in the line"));
        assert_eq!([at(b"sh"), at(b"-c"), at(b"a b"), at(b"''"), at(b"it's"), at(b"\xff")], [0, 1, 2, 2, 4, 5]);
        assert_eq!(line.argument(line.text.len()), 5);
        assert_eq!(Line::of([]).argument(0), 0);
    }
}
