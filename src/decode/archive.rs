//! The room that opens containers as streams. In: a container's bytes, which may be hostile. Out: its members' bytes and
//! names, nested containers opened in turn, and every part that could not be looked at. It never writes to disk, never
//! takes a member's name for a path, and bounds its memory and its work whatever a header claims.

use std::io::{self, Read, Seek};

use self::rewind::Rewind;
use self::spent::{Metered, Spent};
use self::walk::Walk;

mod decoder;
mod rewind;
mod spent;
mod tar;
mod walk;
mod zip;

/// How many first bytes [`form`] wants to see; fewer are fine if the file has no more.
pub const HEAD: usize = tar::BLOCK;
/// The most containers within each other that are opened. A compressed stream and the tar archive in it are one.
pub const MAX_DEPTH: usize = 8;
/// The most members of one outermost file, nested ones included.
pub const MAX_MEMBERS: u64 = 1_000_000;
/// The most bytes that one outermost file may expand to, however small it is.
pub const MIN_EXPANSION: u64 = 256 * 1024 * 1024;
/// Beyond [`MIN_EXPANSION`]: the most bytes that one outermost file may expand to for each of its own.
pub const MAX_RATIO: u64 = 100;

/// Bytes read at once from an input or a decoder.
const BUFFER: usize = 128 * 1024;
/// The most bytes of nested zip archives held in memory at a time; a larger one is read from front to back.
const MAX_HELD: usize = 64 * 1024 * 1024;
/// The most bytes of window that one decoder keeps: zstd's `--ultra`, twice the dictionary of `xz -9`.
const MAX_WINDOW: u32 = 128 * 1024 * 1024;
/// The most skips that are told one by one for one outermost file; what follows is told as one.
const MAX_SKIPS: u64 = 1000;

/// What kind of container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// A zip archive: also wheels, jars, office documents, `.npz`, `.pt`.
    Zip,
    /// A tar archive.
    Tar,
    /// A gzip stream.
    Gzip,
    /// A bzip2 stream.
    Bzip2,
    /// An xz stream.
    Xz,
    /// A Zstandard stream.
    Zstd,
    /// An LZ4 frame.
    Lz4,
}

impl Form {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Form::Zip => "zip",
            Form::Tar => "tar",
            Form::Gzip => "gzip",
            Form::Bzip2 => "bzip2",
            Form::Xz => "xz",
            Form::Zstd => "zstd",
            Form::Lz4 => "lz4",
        }
    }
}

/// Where members go.
pub trait Unpack {
    /// A member that is no container itself, with the way in: the names of the members that lead to it, outermost first,
    /// as they stand in the archives but for a leading `./`. They are bytes and no paths: `../x`, NULs and all.
    ///
    /// The content may be read to its end or left at any point. Reading it never fails: where a member is damaged or
    /// cut off it ends early, and [`Unpack::skip`] is told after this returns. An error that this returns is told to
    /// `skip` as a gap, and the next member follows.
    fn member(&mut self, inner: &[Vec<u8>], content: &mut dyn Read) -> io::Result<()>;

    /// Something in a container that was not looked at, or not to its end. `gap`: whether the answer is incomplete for
    /// it. An empty way in stands for the outermost file itself.
    fn skip(&mut self, inner: &[Vec<u8>], reason: String, gap: bool);

    /// Whether to stop; nothing more is told then.
    fn stopped(&self) -> bool;
}

/// Whether an input was a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Opened {
    /// It was opened, and what could not be read of it was told.
    Yes,
    /// It only looks like one, or is damaged from its beginning on, which may have been told. Nothing was handed on: a plain
    /// pass over its bytes is the answer.
    No,
}

/// The form of a container, told by its first bytes and never by its name. Costs next to nothing for any other file.
pub fn form(head: &[u8]) -> Option<Form> {
    let magic = match *head.first()? {
        b'P' if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") => Some(Form::Zip),
        // Method deflate, and none of the flags that RFC 1952 reserves.
        0x1f if head.starts_with(b"\x1f\x8b\x08") && head.get(3)? & 0xe0 == 0 => Some(Form::Gzip),
        b'B' if head.starts_with(b"BZh") => bzip2(head),
        0xfd if head.starts_with(b"\xfd7zXZ\0") => Some(Form::Xz),
        0x28 if head.starts_with(b"\x28\xb5\x2f\xfd") => Some(Form::Zstd),
        // A skippable frame, which pzstd for one writes first.
        0x50..=0x5f if head.get(1..4)? == b"\x2a\x4d\x18" => Some(Form::Zstd),
        0x04 if head.starts_with(b"\x04\x22\x4d\x18") => Some(Form::Lz4),
        _ => None,
    };
    magic.or_else(|| tar::is_header(head).then_some(Form::Tar))
}

/// `BZh`, a level, and the magic number of a block or of the end: text may begin with less.
fn bzip2(head: &[u8]) -> Option<Form> {
    let level = head.get(3)?;
    let block = head.get(4..10)?;
    let known = block == [0x31, 0x41, 0x59, 0x26, 0x53, 0x59] || block == [0x17, 0x72, 0x45, 0x38, 0x50, 0x90];
    (level.is_ascii_digit() && known).then_some(Form::Bzip2)
}

/// Opens `input`, which stands at its beginning and is of that form by its head. `name` is the file's own last name,
/// from which the member of a nameless stream gets its (`key.env.gz` holds `key.env`); `size` is that of the input in
/// bytes, for what it may expand to.
pub fn unpack<R: Read + Seek>(form: Form, name: &[u8], size: u64, mut input: R, to: &mut dyn Unpack) -> Opened {
    let spent = Spent::new(size);
    let mut walk = Walk::new(to, &spent, name);
    let opened = match form {
        Form::Zip => zip::read(&mut walk, &mut input),
        _ => walk.open(form, &mut Rewind::new(&mut input)),
    };
    walk.finish();
    opened
}

/// Opens an input that cannot seek. A zip archive is held in memory up to 64 MiB, and a larger one read from front to
/// back. Where the answer is [`Opened::No`], up to its first mebibyte has been read of it.
pub fn unpack_stream<R: Read>(form: Form, name: &[u8], input: R, to: &mut dyn Unpack) -> Opened {
    let spent = Spent::new(0);
    let mut input = Metered::input(input, &spent);
    let mut walk = Walk::new(to, &spent, name);
    let opened = walk.open(form, &mut Rewind::new(&mut input));
    walk.finish();
    opened
}
