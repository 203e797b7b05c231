//! Zip archives (APPNOTE 6.3). In: bytes that can be sought in, read by the central directory, or a stream, read by the
//! headers before the members. Out: the members' bytes. Neither the directory nor a member is held in memory.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::DeflateDecoder;

use self::directory::{Directory, Entry, Source};
use super::rewind::Exactly;
use super::spent::Metered;
use super::walk::{Broken, Walk};
use super::{BUFFER, Opened, decoder};

mod directory;

pub(super) use self::directory::ReadSeek;

/// The header before a member, without its name and extra fields.
const LOCAL: usize = 30;
const LOCAL_MAGIC: [u8; 4] = *b"PK\x03\x04";
/// A member's flags: it is encrypted; its sizes and checksum stand behind it.
const ENCRYPTED: u16 = 1;
const SIZES_BEHIND: u16 = 8;
/// AES by WinZip stands where the compression method does.
const METHOD_AES: u16 = 99;

/// Reads an archive by its central directory, or from front to back where it has none any more.
pub(super) fn read(walk: &mut Walk<'_>, input: &mut dyn ReadSeek) -> Opened {
    let mut source = Source::new(input);
    match Directory::find(&mut source) {
        Ok(Some(directory)) => by_directory(walk, directory, &mut source),
        Ok(None) => {
            let head = source.at(0, LOCAL).map(<[u8]>::to_vec).unwrap_or_default();
            if !is_plausible(&head) {
                return Opened::No;
            }
            walk.skip("has no central directory: it is cut off, and was read from front to back", true);
            let mut forward = BufReader::with_capacity(BUFFER, source.into_stream());
            from_front_to_back(walk, &mut forward);
        }
        Err(error) => walk.fail(&error),
    }
    Opened::Yes
}

/// Reads an archive that cannot be sought in.
pub(super) fn read_forward(walk: &mut Walk<'_>, input: &mut dyn Read) {
    from_front_to_back(walk, &mut BufReader::with_capacity(BUFFER, input));
}

/// Whether bytes are a local header that any program wrote.
pub(super) fn is_plausible(head: &[u8]) -> bool {
    let Some(header) = head.first_chunk::<LOCAL>() else { return false };
    let (version, method, name) = (header[4], u16_at(header, 8), u16_at(header, 26));
    header.starts_with(&LOCAL_MAGIC) && version <= 63 && method <= METHOD_AES && name > 0
}

fn by_directory(walk: &mut Walk<'_>, mut directory: Directory, source: &mut Source<'_>) {
    loop {
        if walk.is_over() {
            return;
        }
        let entry = match directory.next(source) {
            Ok(Some(entry)) => entry,
            Ok(None) => return,
            Err(error) => return walk.fail(&error),
        };
        if let Err(error) = walk.spent().member() {
            return walk.fail(&error);
        }
        if let Err(error) = member(walk, &directory, &entry, source) {
            walk.fail_member(&entry.name, &error);
        }
    }
}

/// A member that the directory lists. An error is told by the caller; what the content comes to has been told.
fn member(walk: &mut Walk<'_>, directory: &Directory, entry: &Entry, source: &mut Source<'_>) -> io::Result<()> {
    if entry.name.ends_with(b"/") && entry.size == 0 {
        return Ok(());
    }
    if let Some(reason) = unreadable(entry.flags, entry.method) {
        walk.skip_member(&entry.name, reason, false);
        return Ok(());
    }
    let start = directory.content(entry, source)?;
    let packed = Metered::taken(source.slice(start, entry.packed), walk.spent());
    match decoder::member(entry.method, packed, entry.size, walk.depth())? {
        // Members do not hang on each other.
        Some(content) => drop(offer(walk, &entry.name, content, entry.crc)),
        None => walk.skip_member(&entry.name, unknown_method(entry.method), false),
    }
    Ok(())
}

fn offer(walk: &mut Walk<'_>, name: &[u8], content: Box<dyn Read + '_>, crc: u32) -> Result<(), Broken> {
    let made = Metered::made(content, walk.spent());
    walk.offer(name, &mut Checked { source: made, crc: flate2::Crc::new(), wanted: crc })
}

fn unreadable(flags: u16, method: u16) -> Option<String> {
    (flags & ENCRYPTED != 0 || method == METHOD_AES).then(|| "is encrypted".to_owned())
}

fn unknown_method(method: u16) -> String {
    format!("is compressed by zip method {method}, which is not known here")
}

/// Reads members by the headers before them, up to the central directory.
fn from_front_to_back<R: BufRead>(walk: &mut Walk<'_>, input: &mut R) {
    loop {
        if walk.is_over() {
            return;
        }
        let local = match Local::read(input) {
            Ok(Some(local)) => local,
            Ok(None) => return,
            Err(error) => return walk.fail(&error),
        };
        if let Err(error) = walk.spent().member() {
            return walk.fail(&error);
        }
        if next_member(walk, &local, input).is_err() {
            return;
        }
    }
}

/// A member in a stream, which is left standing behind it.
fn next_member<R: BufRead>(walk: &mut Walk<'_>, local: &Local, input: &mut R) -> Result<(), Broken> {
    let unreadable = unreadable(local.flags, local.method);
    if local.flags & SIZES_BEHIND != 0 {
        // Deflate alone tells where it ends.
        if unreadable.is_none() && local.method == 8 {
            return endless_member(walk, local, input);
        }
        let reason = unreadable.unwrap_or_else(|| "does not say where it ends".to_owned());
        walk.skip_member(&local.name, format!("{reason}; what follows in this zip was not read: unpack it"), true);
        return Err(Broken);
    }
    let mut packed = Exactly { source: input, left: local.packed };
    let mut told = Ok(());
    if let Some(reason) = unreadable {
        walk.skip_member(&local.name, reason, false);
    } else if local.size > 0 || !local.name.ends_with(b"/") {
        match decoder::member(local.method, Metered::taken(&mut packed, walk.spent()), local.size, walk.depth()) {
            Ok(Some(content)) => told = offer(walk, &local.name, content, local.crc),
            Ok(None) => walk.skip_member(&local.name, unknown_method(local.method), false),
            Err(error) => walk.fail_member(&local.name, &error),
        }
    }
    // What ended a member may be the end of all.
    if told.is_err() && packed.left > 0 && matches!(packed.fill_buf(), Err(_) | Ok([])) {
        return Err(Broken);
    }
    walk.drain(&mut packed)
}

/// A deflated member whose sizes stand behind it.
fn endless_member<R: BufRead>(walk: &mut Walk<'_>, local: &Local, input: &mut R) -> Result<(), Broken> {
    {
        let taken = Metered::taken(&mut *input, walk.spent());
        let mut content = Metered::made(DeflateDecoder::new(taken), walk.spent());
        walk.offer(&local.name, &mut content)?;
        walk.drain(&mut content)?;
    }
    skip_descriptor(input).map_err(|error| {
        walk.fail_member(&local.name, &error);
        Broken
    })
}

/// What a local header says.
struct Local {
    name: Vec<u8>,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
}

impl Local {
    /// The next one, `None` where the members end.
    fn read(input: &mut impl BufRead) -> io::Result<Option<Local>> {
        let mut magic = [0; 4];
        input.read_exact(&mut magic)?;
        if magic != LOCAL_MAGIC {
            let known = [*b"PK\x01\x02", *b"PK\x05\x06", *b"PK\x06\x06", *b"PK\x06\x08"];
            let damaged = || io::Error::new(io::ErrorKind::InvalidData, "no member stands where one should");
            return if known.contains(&magic) { Ok(None) } else { Err(damaged()) };
        }
        let mut header = [0; LOCAL];
        input.read_exact(&mut header[4..])?;
        let mut name = vec![0; usize::from(u16_at(&header, 26))];
        input.read_exact(&mut name)?;
        let mut extra = vec![0; usize::from(u16_at(&header, 28))];
        input.read_exact(&mut extra)?;
        let mut sizes = [u64::from(u32_at(&header, 22)), u64::from(u32_at(&header, 18))];
        directory::widen(&extra, &mut sizes);
        let [size, packed] = sizes;
        let (flags, method, crc) = (u16_at(&header, 6), u16_at(&header, 8), u32_at(&header, 14));
        Ok(Some(Local { name, flags, method, crc, packed, size }))
    }
}

/// Skips the sizes and the checksum behind a member: with or without a magic number, in 32 or in 64 bits, which only what
/// follows can tell.
fn skip_descriptor(input: &mut impl BufRead) -> io::Result<()> {
    let buffer = input.fill_buf()?;
    let signed = if buffer.starts_with(b"PK\x07\x08") { 4 } else { 0 };
    let next = |at: usize| buffer.get(at..at + 2) == Some(b"PK");
    let length = if next(signed + 12) || !next(signed + 20) { signed + 12 } else { signed + 20 };
    io::copy(&mut input.take(length as u64), &mut io::sink()).map(drop)
}

/// A content whose checksum must be right at its end.
struct Checked<R> {
    source: R,
    crc: flate2::Crc,
    wanted: u32,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.crc.update(&buffer[..read]);
        if read == 0 && !buffer.is_empty() && self.wanted != self.crc.sum() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum does not match"));
        }
        Ok(read)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
