//! The numbers of git's files that take as many bytes as they need: offsets in packs, lengths in indexes and tables. In:
//! bytes. Out: a number, and the bytes behind it.

/// Seven bits a byte, the highest first, each continuation one more than it says (gitformat-pack, "offset encoding").
pub(super) fn read(bytes: &mut &[u8]) -> Option<u64> {
    let mut next = || {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        Some(byte)
    };
    let mut byte = next()?;
    let mut value = u64::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        byte = next()?;
        value = value.checked_add(1)?.checked_mul(0x80)? | u64::from(byte & 0x7f);
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_and_fit() {
        for (bytes, value, left) in
            [(&[0u8][..], Some(0), 0), (&[0x80, 0, 7], Some(128), 1), (&[0x81, 0xff, 0x7f], Some(49_279), 0)]
        {
            let mut rest = bytes;
            assert_eq!((read(&mut rest), rest.len()), (value, left));
        }
        assert_eq!(read(&mut &[0x80, 0x80][..]), None);
        assert_eq!(read(&mut &[0xff; 11][..]), None);
    }
}
