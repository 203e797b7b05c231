//! A text under edit. In: the bytes of a file, and edits one after the other, each of the text as it is by then. Out: the new
//! bytes, and all edits as edits of the old ones.

use std::borrow::Cow;
use std::ops::Range;

/// An edit of the old bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What goes.
    pub span: Range<usize>,
    /// What stands there instead.
    pub by: Vec<u8>,
}

/// The old bytes, and what was made of them.
#[derive(Clone, Debug)]
pub struct Draft {
    old: Vec<u8>,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
enum Piece {
    Kept(Range<usize>),
    New(Cow<'static, [u8]>),
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Piece::Kept(range) => range.len(),
            Piece::New(bytes) => bytes.len(),
        }
    }

    fn part(&self, part: Range<usize>) -> Piece {
        match self {
            Piece::Kept(range) => Piece::Kept(range.start + part.start..range.start + part.end),
            Piece::New(bytes) => Piece::New(Cow::Owned(bytes[part].to_vec())),
        }
    }
}

impl Draft {
    /// A text as it is.
    pub fn new(old: &[u8]) -> Draft {
        Draft { old: old.to_vec(), pieces: vec![Piece::Kept(0..old.len())] }
    }

    /// The bytes before.
    pub fn old(&self) -> &[u8] {
        &self.old
    }

    /// The bytes now.
    pub fn bytes(&self) -> Vec<u8> {
        let parts = self.pieces.iter().map(|piece| match piece {
            Piece::Kept(range) => &self.old[range.clone()],
            Piece::New(bytes) => bytes,
        });
        parts.collect::<Vec<_>>().concat()
    }

    /// Puts `by` in the place of `span` of the bytes as they are now.
    pub fn replace(&mut self, span: Range<usize>, by: impl AsRef<[u8]>) {
        let mut pieces = Vec::with_capacity(self.pieces.len() + 2);
        let mut new = Some(Piece::New(Cow::Owned(by.as_ref().to_vec())));
        let mut at = 0;
        for piece in &self.pieces {
            let end = at + piece.len();
            if at < span.start {
                pieces.push(piece.part(0..piece.len().min(span.start - at)));
            }
            if end >= span.start {
                pieces.extend(new.take());
            }
            if end > span.end {
                pieces.push(piece.part(span.end.max(at) - at..piece.len()));
            }
            at = end;
        }
        pieces.retain(|piece| piece.len() > 0);
        self.pieces = pieces;
    }

    /// All edits together, in order.
    pub fn edits(&self) -> Vec<Edit> {
        let mut edits: Vec<Edit> = Vec::new();
        let (mut at, mut by) = (0, Vec::new());
        let end = Piece::Kept(self.old.len()..self.old.len());
        for piece in self.pieces.iter().chain([&end]) {
            match piece {
                Piece::New(bytes) => by.extend_from_slice(bytes),
                Piece::Kept(range) => {
                    if at < range.start || !by.is_empty() {
                        edits.push(Edit { span: at..range.start, by: std::mem::take(&mut by) });
                    }
                    at = range.end;
                }
            }
        }
        edits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_of_edits_are_edits_of_the_beginning() {
        let mut draft = Draft::new(b"one two three");
        draft.replace(4..7, "2");
        draft.replace(0..4, "");
        draft.replace(1..1, "!");
        assert_eq!(draft.bytes(), b"2! three");
        assert_eq!(draft.edits(), [Edit { span: 0..7, by: b"2!".to_vec() }]);
        draft.replace(8..8, ".");
        assert_eq!(draft.bytes(), b"2! three.");
        assert_eq!(draft.edits()[1], Edit { span: 13..13, by: b".".to_vec() });
        let mut empty = Draft::new(b"");
        empty.replace(0..0, "a");
        assert_eq!((empty.bytes(), empty.edits().len()), (b"a".to_vec(), 1));
        assert_eq!(Draft::new(b"a").edits(), []);
    }
}
