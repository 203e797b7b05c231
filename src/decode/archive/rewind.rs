//! Streams as the formats need them: one whose beginning can be read again, for what only looks like a container, and one
//! of a stated length. In: a stream. Out: the same bytes. No more than the first mebibyte is kept.

use std::io::{self, BufRead, Read};

/// The most bytes that are kept: a bzip2 block comes out only after up to 900 kB have gone in.
const MAX_KEPT: usize = 1024 * 1024;

/// A stream that keeps its beginning.
pub(super) struct Rewind<'r> {
    source: &'r mut dyn Read,
    kept: Vec<u8>,
    /// How much of what is kept has been read.
    at: usize,
    /// Whether what is kept is all that came so far.
    whole: bool,
    ended: bool,
    failure: Option<io::Error>,
    failed: bool,
}

impl<'r> Rewind<'r> {
    pub(super) fn new(source: &'r mut dyn Read) -> Rewind<'r> {
        Rewind { source, kept: Vec::new(), at: 0, whole: true, ended: false, failure: None, failed: false }
    }

    /// The first bytes, as many of them as there are; they are still to be read. An error waits for its turn.
    pub(super) fn peek(&mut self, wanted: usize) -> &[u8] {
        while self.kept.len() < wanted && !self.ended && self.failure.is_none() {
            let from = self.kept.len();
            self.kept.resize(wanted, 0);
            let read = read(self.source, &mut self.kept[from..]);
            self.kept.truncate(from + read.as_ref().map_or(0, |&read| read));
            match read {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(error) => self.failure = Some(error),
            }
        }
        &self.kept
    }

    /// Peeks, and says if the stream failed before its first byte.
    pub(super) fn begin(&mut self, wanted: usize) -> io::Result<()> {
        if self.peek(wanted).is_empty() { self.failure.take().map_or(Ok(()), Err) } else { Ok(()) }
    }

    /// Goes back to the beginning if that is still possible.
    pub(super) fn rewind(&mut self) -> bool {
        if self.whole {
            self.at = 0;
        }
        self.whole
    }

    /// Keeps no more: there will be no going back.
    pub(super) fn settle(&mut self) {
        self.whole = false;
    }

    /// Whether reading failed at some point. An end is no failure.
    pub(super) fn failed(&self) -> bool {
        self.failed
    }
}

/// So many bytes of a stream; fewer are an error.
pub(super) struct Exactly<'s, R> {
    pub(super) source: &'s mut R,
    pub(super) left: u64,
}

impl<R: BufRead> BufRead for Exactly<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Ok(&[]);
        }
        let buffer = self.source.fill_buf()?;
        if buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(&buffer[..buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX))])
    }

    fn consume(&mut self, bytes: usize) {
        self.left -= bytes as u64;
        self.source.consume(bytes);
    }
}

impl<R: Read> Read for Exactly<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        let read = read(self.source, &mut buffer[..most])?;
        self.left -= read as u64;
        if read == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(read) }
    }
}

/// A read that no signal interrupts.
pub(super) fn read(source: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

impl Read for Rewind<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at < self.kept.len() {
            let count = buffer.len().min(self.kept.len() - self.at);
            buffer[..count].copy_from_slice(&self.kept[self.at..self.at + count]);
            self.at += count;
            return Ok(count);
        }
        if let Some(error) = self.failure.take() {
            (self.failed, self.ended) = (true, true);
            return Err(error);
        }
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        let read = read(self.source, buffer);
        match &read {
            Ok(0) => self.ended = true,
            Ok(count) if self.whole && self.kept.len() + count <= MAX_KEPT => {
                self.kept.extend_from_slice(&buffer[..*count]);
                self.at = self.kept.len();
            }
            Ok(_) => {
                self.whole = false;
                self.kept = Vec::new();
                self.at = 0;
            }
            Err(_) => (self.failed, self.ended) = (true, true),
        }
        read
    }
}
