//! The decompressors. In: a compressed stream, or the compressed bytes of a zip member. Out: a reader of what was
//! compressed, whose window is bounded, and the name that a stream gives its content.

use std::io::{self, BufRead, Read};

use flate2::bufread::{DeflateDecoder, GzDecoder};
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};
use lz4_flex::frame::FrameDecoder;

use super::{Form, MAX_WINDOW};

/// What an LZMA decoder needs besides its dictionary.
const LZMA_OVERHEAD: u64 = 4 * 1024 * 1024;

/// The most bytes of window for a decoder at a depth (from 1): half as many on every floor below the second, so that all
/// of them together stay within twice the first.
fn window(depth: usize) -> u32 {
    MAX_WINDOW >> depth.saturating_sub(2).min(7)
}

/// A reader of what a stream, with all that is appended to it, was made from.
pub(super) fn stream<'r>(form: Form, source: impl BufRead + 'r, depth: usize) -> io::Result<Box<dyn Read + 'r>> {
    Ok(match form {
        Form::Gzip => Box::new(Gzip { member: Some(GzDecoder::new(source)) }),
        Form::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(source)),
        Form::Xz => {
            let memory = u64::from(window(depth)) + LZMA_OVERHEAD;
            let stream = Stream::new_stream_decoder(memory, CONCATENATED).map_err(lzma)?;
            Box::new(Lzma(XzDecoder::new_stream(source, stream)))
        }
        Form::Zstd => Box::new(zstd(source, depth, false)?),
        Form::Lz4 => Box::new(Lz4(FrameDecoder::new(source))),
        Form::Zip | Form::Tar => return Err(io::Error::other("no compressed stream")),
    })
}

fn zstd<R: BufRead>(source: R, depth: usize, single: bool) -> io::Result<Zstd<R>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(source)?;
    decoder.window_log_max(window(depth).ilog2())?;
    Ok(Zstd(if single { decoder.single_frame() } else { decoder }))
}

/// A reader of a zip member's content by its compression method (APPNOTE 4.4.5), `None` for one that is not known. It
/// consumes no more of `source` than the member; `size` is how much it says to expand to.
pub(super) fn member<'r>(
    method: u16,
    mut source: impl BufRead + 'r,
    size: u64,
    depth: usize,
) -> io::Result<Option<Box<dyn Read + 'r>>> {
    Ok(Some(match method {
        0 => Box::new(source),
        8 => Box::new(DeflateDecoder::new(source)),
        9 => Box::new(deflate64::Deflate64Decoder::with_buffer(source)),
        12 => Box::new(bzip2::bufread::BzDecoder::new(source)),
        14 => {
            // APPNOTE 5.8.8: two bytes of version, two of the size of the properties, which are five.
            let mut head = [0; 9];
            source.read_exact(&mut head)?;
            let mut alone = head[4..].to_vec();
            alone.extend_from_slice(&size.to_le_bytes());
            let stream = Stream::new_lzma_decoder(u64::from(window(depth)) + LZMA_OVERHEAD).map_err(lzma)?;
            let source = io::Cursor::new(alone).chain(source);
            Box::new(Lzma(XzDecoder::new_stream(source, stream)))
        }
        93 => Box::new(zstd(source, depth, true)?),
        95 => {
            let stream = Stream::new_stream_decoder(u64::from(window(depth)) + LZMA_OVERHEAD, 0).map_err(lzma)?;
            Box::new(Lzma(XzDecoder::new_stream(source, stream)))
        }
        _ => return Ok(None),
    }))
}

/// Every member of a gzip stream. Zeros behind the last one are padding, as gzip has it.
struct Gzip<R> {
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(mut source) = self.member.take().map(GzDecoder::into_inner) else { break };
            if skip_zeros(&mut source)? {
                self.member = Some(GzDecoder::new(source));
            }
        }
        Ok(0)
    }
}

/// Whether anything stands behind the zeros.
fn skip_zeros(source: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let buffer = source.fill_buf()?;
        if buffer.is_empty() {
            return Ok(false);
        }
        let zeros = buffer.iter().take_while(|&&byte| byte == 0).count();
        let more = zeros < buffer.len();
        source.consume(zeros);
        if more {
            return Ok(true);
        }
    }
}

/// An xz or LZMA decoder whose errors say what they mean.
struct Lzma<R>(XzDecoder<R>);

impl<R: BufRead> Read for Lzma<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| {
            match error.get_ref().and_then(|inner| inner.downcast_ref::<liblzma::stream::Error>()) {
                Some(known) => lzma(*known),
                None => error,
            }
        })
    }
}

fn lzma(error: liblzma::stream::Error) -> io::Error {
    match error {
        liblzma::stream::Error::MemLimit => too_wide(),
        other => io::Error::from(other),
    }
}

/// A Zstandard decoder whose errors say what they mean.
struct Zstd<R>(zstd::stream::read::Decoder<'static, R>);

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // The number of the error is lost on its way here; this is its name in zstd's error_private.c.
        let too_wide_for_it = |error: &io::Error| error.to_string().contains("too much memory");
        self.0.read(buffer).map_err(|error| if too_wide_for_it(&error) { too_wide() } else { error })
    }
}

/// Every frame of an LZ4 stream.
struct Lz4<R: Read>(FrameDecoder<R>);

impl<R: BufRead> Read for Lz4<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.0.read(buffer)?;
            if read > 0 || buffer.is_empty() || self.0.get_mut().fill_buf()?.is_empty() {
                return Ok(read);
            }
        }
    }
}

fn too_wide() -> io::Error {
    let reason = "its window needs more memory than a scan gives one: unpack it and scan the content";
    io::Error::new(io::ErrorKind::OutOfMemory, reason)
}

/// The name that a stream gives its content: gzip's alone can (RFC 1952). Only its last part counts.
pub(super) fn name(form: Form, head: &[u8]) -> Option<Vec<u8>> {
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    let flags = *head.get(3)?;
    if form != Form::Gzip || flags & NAME == 0 {
        return None;
    }
    let mut at = 10;
    if flags & EXTRA != 0 {
        at += 2 + usize::from(u16::from_le_bytes([*head.get(10)?, *head.get(11)?]));
    }
    let rest = head.get(at..)?;
    let name = &rest[..rest.iter().position(|&byte| byte == 0)?];
    name.rsplit(|&byte| byte == b'/').next().filter(|name| !name.is_empty()).map(<[u8]>::to_vec)
}

/// A name without the extension that its compressor gave it.
pub(super) fn without_extension(name: &[u8]) -> Vec<u8> {
    const KNOWN: [&[u8]; 9] = [b"gz", b"gzip", b"bz2", b"bz", b"xz", b"zst", b"zstd", b"lz4", b"z"];
    let dot = name.iter().rposition(|&byte| byte == b'.').filter(|&dot| dot > 0);
    match dot {
        Some(dot) if KNOWN.contains(&name[dot + 1..].to_ascii_lowercase().as_slice()) => name[..dot].to_vec(),
        _ => name.to_vec(),
    }
}
