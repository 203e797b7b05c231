//! Tar archives: POSIX ustar and pax, GNU, and the old ones without a magic number. In: a stream that begins with a header.
//! Out: its files. Holes of a sparse file are left out, links and devices passed over, damaged headers searched past.

use std::io::{self, BufRead, BufReader, Read};

use super::BUFFER;
use super::rewind::{self, Exactly};
use super::walk::{Broken, Walk};

/// Everything in a tar archive stands in blocks of this many bytes.
pub(super) const BLOCK: usize = 512;
/// The most bytes of a long name that are kept.
const MAX_NAME: u64 = 64 * 1024;
/// The most bytes of a pax header that are read for what it says.
const MAX_PAX: u64 = 1024 * 1024;

/// Whether a block is a header, by its checksum. Almost anything else is told by a byte or two.
pub(super) fn is_header(head: &[u8]) -> bool {
    let Some(block) = head.first_chunk::<BLOCK>() else { return false };
    let posix = &block[257..262] == b"ustar";
    // Before ustar a header ended with zeros, and its type was one of a few.
    let old = || block[345..].iter().all(|&byte| byte == 0) && matches!(block[156], 0 | b'0'..=b'5') && block[0] > b' ';
    (posix || (block[BLOCK - 1] == 0 && old())) && checksum_matches(block)
}

/// The sum of all bytes, its own field taken as spaces; ancient tars took the bytes as signed.
fn checksum_matches(block: &[u8; BLOCK]) -> bool {
    let Some(stated) = number(&block[148..156]) else { return false };
    let bytes = || block[..148].iter().chain(b"        ").chain(&block[156..]);
    let unsigned: u64 = bytes().map(|&byte| u64::from(byte)).sum();
    let signed: i64 = bytes().map(|&byte| i64::from(byte as i8)).sum();
    stated == unsigned || i64::try_from(stated) == Ok(signed)
}

/// A number: octal digits between blanks, or with the first bit set the binary ones of GNU. `None` if it is neither.
fn number(field: &[u8]) -> Option<u64> {
    if field.first()? & 0x80 != 0 {
        let first = u64::from(field[0] & 0x7f);
        return field[1..].iter().try_fold(first, |sum, &byte| Some(sum.checked_mul(256)? | u64::from(byte)));
    }
    let digits = field.trim_ascii_start();
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    if !matches!(rest.first(), None | Some(0 | b' ')) {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, &digit| {
        let digit = u64::from(digit - b'0');
        (digit < 8).then_some(sum.checked_mul(8)?.checked_add(digit)?)
    })
}

/// What headers say of the file that follows them.
#[derive(Default)]
struct Ahead {
    name: Option<Vec<u8>>,
    size: Option<u64>,
}

/// Reads an archive to its end, and what is appended to it.
pub(super) fn read(walk: &mut Walk<'_>, source: &mut dyn Read) {
    // Whatever ended it early has been told.
    let _ = Archive { walk, source: BufReader::with_capacity(BUFFER, source), ahead: Ahead::default() }.read();
}

struct Archive<'w, 'a, 's> {
    walk: &'w mut Walk<'a>,
    source: BufReader<&'s mut dyn Read>,
    ahead: Ahead,
}

impl Archive<'_, '_, '_> {
    fn read(&mut self) -> Result<(), Broken> {
        let mut damaged = false;
        while let Some(block) = self.block()? {
            if self.walk.is_over() {
                return Ok(());
            }
            // Two blocks of zeros end an archive, but another may be appended.
            if block.iter().all(|&byte| byte == 0) {
                continue;
            }
            let size = number(&block[124..136]);
            let (Some(size), true) = (size, checksum_matches(&block)) else {
                if !damaged {
                    self.walk.skip("has a part that is no tar header; reading went on at the next one", true);
                }
                (damaged, self.ahead) = (true, Ahead::default());
                continue;
            };
            damaged = false;
            if let Err(error) = self.walk.spent().member() {
                self.walk.fail(&error);
                return Err(Broken);
            }
            self.entry(&block, size)?;
        }
        Ok(())
    }

    /// The next block, `None` at the end.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, Broken> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match rewind::read(&mut self.source, &mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(self.fail(&io::ErrorKind::UnexpectedEof.into())),
                Ok(read) => filled += read,
                Err(error) => return Err(self.fail(&error)),
            }
        }
        Ok(Some(block))
    }

    fn fail(&mut self, error: &io::Error) -> Broken {
        self.walk.fail(error);
        Broken
    }

    fn entry(&mut self, block: &[u8; BLOCK], size: u64) -> Result<(), Broken> {
        match block[156] {
            b'x' => self.pax(size),
            b'L' => {
                let name = self.bytes(size, MAX_NAME)?;
                self.ahead.name = Some(until_zero(&name).to_vec());
                Ok(())
            }
            // What holds for all that follow, and the target of a link.
            b'g' | b'K' => self.bytes(size, 0).map(drop),
            // A hard link has no content, whatever its size says; the others of these have no text.
            b'1' => {
                self.ahead = Ahead::default();
                Ok(())
            }
            b'2'..=b'6' | b'V' | b'D' => {
                let ahead = std::mem::take(&mut self.ahead);
                self.bytes(ahead.size.unwrap_or(size), 0).map(drop)
            }
            kind => {
                if kind == b'S' && block[482] != 0 {
                    self.sparse_map()?;
                }
                let ahead = std::mem::take(&mut self.ahead);
                let name = ahead.name.unwrap_or_else(|| own_name(block));
                self.file(&name, ahead.size.unwrap_or(size))
            }
        }
    }

    fn file(&mut self, name: &[u8], size: u64) -> Result<(), Broken> {
        // A folder, as the oldest tars wrote it.
        if name.ends_with(b"/") && size == 0 {
            return Ok(());
        }
        let mut content = Exactly { source: &mut self.source, left: size };
        self.walk.offer(name, &mut content)?;
        let left = content.left;
        self.pass_over(left)?;
        self.pad(size)
    }

    /// The blocks that carry on the map of a GNU sparse file.
    fn sparse_map(&mut self) -> Result<(), Broken> {
        while self.block()?.is_some_and(|block| block[504] != 0) {}
        Ok(())
    }

    fn pax(&mut self, size: u64) -> Result<(), Broken> {
        if size > MAX_PAX {
            self.walk.skip("has a pax header of more than 1 MiB, which was not read", true);
        }
        let records = self.bytes(size, MAX_PAX)?;
        for (key, value) in pax_records(&records) {
            match key {
                b"path" if self.ahead.name.is_none() => self.ahead.name = Some(value.to_vec()),
                b"GNU.sparse.name" => self.ahead.name = Some(value.to_vec()),
                b"size" => self.ahead.size = std::str::from_utf8(value).ok().and_then(|size| size.parse().ok()),
                _ => {}
            }
        }
        Ok(())
    }

    /// The content of an entry, as much of it as is kept.
    fn bytes(&mut self, size: u64, kept: u64) -> Result<Vec<u8>, Broken> {
        let mut content = Exactly { source: &mut self.source, left: size };
        let mut bytes = Vec::new();
        if let Err(error) = (&mut content).take(kept).read_to_end(&mut bytes) {
            self.walk.fail(&error);
            return Err(Broken);
        }
        let left = content.left;
        self.pass_over(left)?;
        self.pad(size)?;
        Ok(bytes)
    }

    /// Reads the zeros that fill the last block of a content.
    fn pad(&mut self, size: u64) -> Result<(), Broken> {
        let over = size % BLOCK as u64;
        let padding = if over == 0 { 0 } else { BLOCK as u64 - over };
        self.pass_over(padding)
    }

    fn pass_over(&mut self, mut left: u64) -> Result<(), Broken> {
        while left > 0 {
            if self.walk.is_over() {
                return Err(Broken);
            }
            let read = match self.source.fill_buf() {
                Ok(buffer) => buffer.len(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.fail(&error)),
            };
            if read == 0 {
                return Err(self.fail(&io::ErrorKind::UnexpectedEof.into()));
            }
            let passed = left.min(read as u64);
            self.source.consume(passed as usize);
            left -= passed;
        }
        Ok(())
    }
}

/// The name in a header, behind the prefix that POSIX gives it.
fn own_name(block: &[u8; BLOCK]) -> Vec<u8> {
    let name = until_zero(&block[..100]);
    // GNU writes blanks behind the magic number and uses the place of the prefix for other things.
    let prefix = if &block[257..263] == b"ustar\0" { until_zero(&block[345..500]) } else { b"" };
    if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
}

fn until_zero(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// The records of a pax header: `LENGTH KEY=VALUE\n`, the length counting all of it.
fn pax_records(mut records: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let space = records.iter().position(|&byte| byte == b' ')?;
        let length: usize = std::str::from_utf8(&records[..space]).ok()?.parse().ok()?;
        let record = records.get(space + 1..length)?.strip_suffix(b"\n")?;
        records = &records[length..];
        let equals = record.iter().position(|&byte| byte == b'=')?;
        Some((&record[..equals], &record[equals + 1..]))
    })
}
