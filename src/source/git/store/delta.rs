//! Makes an object from its base and a delta (gitformat-pack, "Deltified representation"). In: both, inflated. Out: the
//! object's bytes. A delta is hostile: it copies nothing from outside its base and makes no more than it declares.

use super::ReadError;

/// Applies `delta` to `base`; what `out` held is dropped.
pub(super) fn apply(base: &[u8], delta: &[u8], limit: u64, out: &mut Vec<u8>) -> Result<(), ReadError> {
    let damaged = || ReadError::Damaged("a delta in it does not fit its base".to_owned());
    let mut rest = delta;
    let base_size = number(&mut rest).ok_or_else(damaged)?;
    let size = number(&mut rest).ok_or_else(damaged)?;
    if base_size != base.len() as u64 {
        return Err(damaged());
    }
    if size > limit {
        return Err(ReadError::TooLarge(size));
    }
    let size = usize::try_from(size).map_err(|_| ReadError::TooLarge(size))?;
    out.clear();
    out.try_reserve_exact(size).map_err(|_| ReadError::TooLarge(size as u64))?;
    while let Some((&operation, after)) = rest.split_first() {
        rest = after;
        let piece = if operation & 0x80 != 0 {
            let (start, length) = copied(operation, &mut rest).ok_or_else(damaged)?;
            base.get(start..start + length).ok_or_else(damaged)?
        } else if operation != 0 {
            let (piece, after) = rest.split_at_checked(usize::from(operation)).ok_or_else(damaged)?;
            rest = after;
            piece
        } else {
            return Err(damaged());
        };
        if piece.len() > size - out.len() {
            return Err(damaged());
        }
        out.extend_from_slice(piece);
    }
    if out.len() == size { Ok(()) } else { Err(damaged()) }
}

/// What one operation makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Where it ends in the object; it begins where the one before it ends.
    pub end: usize,
    /// Where in the base it begins, if it is copied from there.
    pub from: Option<usize>,
}

/// What the operations of a delta make, in order; of one that is damaged, those before the damage.
pub(super) fn pieces(delta: &[u8]) -> impl Iterator<Item = Piece> {
    let mut rest = delta;
    let sizes = [number(&mut rest), number(&mut rest)];
    if sizes.contains(&None) {
        rest = &[];
    }
    let mut end = 0;
    std::iter::from_fn(move || {
        let (&operation, after) = rest.split_first()?;
        rest = after;
        let (from, length) = if operation & 0x80 != 0 {
            let (start, length) = copied(operation, &mut rest)?;
            (Some(start), length)
        } else {
            rest = rest.get(usize::from(operation)..).filter(|_| operation != 0)?;
            (None, usize::from(operation))
        };
        end += length;
        Some(Piece { end, from })
    })
}

/// Start and length of what an operation copies: the bits of `operation` say which of their bytes follow.
fn copied(operation: u8, rest: &mut &[u8]) -> Option<(usize, usize)> {
    let mut values = [0u32; 2];
    for bit in 0..7 {
        if operation & (1 << bit) != 0 {
            let (&byte, after) = rest.split_first()?;
            *rest = after;
            let (value, shift) = if bit < 4 { (0, 8 * bit) } else { (1, 8 * (bit - 4)) };
            values[value] |= u32::from(byte) << shift;
        }
    }
    let length = if values[1] == 0 { 0x10000 } else { values[1] };
    Some((values[0] as usize, length as usize))
}

/// A number in groups of seven bits, the lowest first.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..63).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(base: &[u8], delta: &[u8]) -> Result<Vec<u8>, ReadError> {
        let mut out = Vec::new();
        apply(base, delta, 100_000, &mut out).map(|()| out)
    }

    #[test]
    fn a_delta_copies_and_inserts() {
        let delta = [b"\x05\x08".as_slice(), &[0x90 | 0x01, 3, 2], &[3], b"new", &[0x90, 3]].concat();
        assert_eq!(applied(b"abcde", &delta).expect("sound"), b"denewabc");
        let copied = |end, from| Piece { end, from: Some(from) };
        let made: Vec<Piece> = pieces(&delta).collect();
        assert_eq!(made, [copied(2, 3), Piece { end: 5, from: None }, copied(8, 0)]);
        let whole = vec![7; 0x10000];
        assert_eq!(applied(&whole, b"\x80\x80\x04\x80\x80\x04\x80").expect("a length of 0 is 64 KiB"), whole);
    }

    #[test]
    fn a_delta_that_lies_makes_nothing() {
        let cases: [(&str, &[u8]); 9] = [
            ("nothing", b""),
            ("another base", b"\x06\x01\x01a"),
            ("more than is declared", b"\x05\x01\x02ab"),
            ("less than is declared", b"\x05\x03\x02ab"),
            ("a copy from behind the base", b"\x05\x02\x91\x04\x02"),
            ("the operation that is none", b"\x05\x01\0a"),
            ("an insertion that is cut off", b"\x05\x03\x03a"),
            ("a copy that is cut off", b"\x05\x02\xff\x01"),
            ("a number without an end", &[0xff; 30]),
        ];
        for (case, delta) in cases {
            assert!(matches!(applied(b"abcde", delta), Err(ReadError::Damaged(_))), "{case}");
        }
        assert_eq!(applied(b"abcde", b"\x05\xff\xff\x7f"), Err(ReadError::TooLarge(0x1f_ffff)));
        // It ends where it makes more than it declares, not behind all that it would make.
        let mut out = Vec::new();
        let endless = [&b"\x80\x80\x04\x01"[..], &[0x80; 100]].concat();
        assert!(apply(&[7; 0x10000], &endless, 100_000, &mut out).is_err() && out.capacity() < 0x10000);
    }
}
