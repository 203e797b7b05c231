//! The walk through one outermost file. In: members as the formats find them. Out: plain ones handed on, containers among
//! them opened in turn, and what failed told with the way to it. No failure below ends more than it has to.

use std::io::{self, BufReader, Cursor, Read};

use super::decoder;
use super::rewind::{self, Rewind};
use super::spent::{Metered, Spent};
use super::{BUFFER, Form, HEAD, MAX_DEPTH, MAX_HELD, MAX_SKIPS, Opened, Unpack, form, tar, zip};

/// A stream that members come from has failed, which has been told.
#[derive(Debug)]
pub(super) struct Broken;

/// Where the walk stands.
pub(super) struct Walk<'a> {
    to: &'a mut dyn Unpack,
    spent: &'a Spent,
    /// The last name of the outermost file.
    name: &'a [u8],
    /// The names of the members that are open, outermost first.
    way: Vec<Vec<u8>>,
    /// How many containers are open.
    depth: usize,
    skips: u64,
    /// Whether one of the skips that were only counted is a gap.
    untold_gap: bool,
    /// Whether the bound that ended the walk was told.
    bound_told: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(to: &'a mut dyn Unpack, spent: &'a Spent, name: &'a [u8]) -> Walk<'a> {
        Walk { to, spent, name, way: Vec::new(), depth: 1, skips: 0, untold_gap: false, bound_told: false }
    }

    pub(super) fn spent(&self) -> &'a Spent {
        self.spent
    }

    /// How many containers are open.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Whether nothing more is to be read.
    pub(super) fn is_over(&self) -> bool {
        self.spent.over().is_some() || self.to.stopped()
    }

    /// Tells what was skipped where the walk stands.
    pub(super) fn skip(&mut self, reason: impl Into<String>, gap: bool) {
        if self.to.stopped() {
            return;
        }
        self.skips += 1;
        if self.skips <= MAX_SKIPS {
            self.to.skip(&self.way, reason.into(), gap);
        } else {
            self.untold_gap |= gap;
        }
    }

    /// Tells what was skipped of a member that is not opened.
    pub(super) fn skip_member(&mut self, name: &[u8], reason: impl Into<String>, gap: bool) {
        self.way.push(trimmed(name).to_vec());
        self.skip(reason, gap);
        self.way.pop();
    }

    /// Tells of a failure where the walk stands. A bound that was passed is told once.
    pub(super) fn fail(&mut self, error: &io::Error) {
        if let Some(bound) = self.spent.over() {
            if !self.bound_told && !self.to.stopped() {
                self.bound_told = true;
                self.to.skip(&self.way, bound.to_string(), true);
            }
        } else if error.kind() == io::ErrorKind::OutOfMemory {
            self.skip(error.to_string(), true);
        } else if error.kind() == io::ErrorKind::UnexpectedEof {
            self.skip("ends too early; what came before was read", true);
        } else {
            self.skip(format!("is damaged: {error}; what came before was read"), true);
        }
    }

    /// Tells of a member that failed before it was offered.
    pub(super) fn fail_member(&mut self, name: &[u8], error: &io::Error) {
        self.way.push(trimmed(name).to_vec());
        self.fail(error);
        self.way.pop();
    }

    /// Tells what was only counted.
    pub(super) fn finish(&mut self) {
        if self.skips > MAX_SKIPS && !self.to.stopped() {
            let untold = self.skips - MAX_SKIPS;
            self.way.clear();
            self.to.skip(&self.way, format!("{untold} more parts of it were not looked at"), self.untold_gap);
        }
    }

    /// Takes a member: hands it on, or opens it. `Broken` if its content came to a failure.
    pub(super) fn offer(&mut self, name: &[u8], content: &mut dyn Read) -> Result<(), Broken> {
        self.way.push(trimmed(name).to_vec());
        let looked = self.look(Rewind::new(content));
        self.way.pop();
        looked
    }

    fn look(&mut self, mut content: Rewind<'_>) -> Result<(), Broken> {
        if let Some(form) = form(content.peek(HEAD)) {
            if self.depth == MAX_DEPTH {
                let reason =
                    format!("is the {MAX_DEPTH}th container within another and was not opened: unpack it and scan it");
                self.skip(reason, true);
            } else {
                self.depth += 1;
                let opened = match form {
                    Form::Zip => self.held_zip(&mut content),
                    _ => self.open(form, &mut content),
                };
                self.depth -= 1;
                if opened == Opened::Yes || !content.rewind() {
                    return if content.failed() { Err(Broken) } else { Ok(()) };
                }
            }
        }
        self.plain(content)
    }

    fn plain(&mut self, mut content: Rewind<'_>) -> Result<(), Broken> {
        if self.to.stopped() {
            return Ok(());
        }
        content.settle();
        let mut calm = Calm { source: &mut content, failure: None };
        let outcome = self.to.member(&self.way, &mut calm);
        match (calm.failure, outcome) {
            (Some(error), _) => {
                self.fail(&error);
                Err(Broken)
            }
            (None, Err(error)) => {
                self.skip(format!("could not be scanned: {error}"), true);
                Ok(())
            }
            (None, Ok(())) => Ok(()),
        }
    }

    /// Opens a stream that is of that form by its head. Where it is none after all, `content` can be rewound.
    pub(super) fn open(&mut self, form: Form, content: &mut Rewind<'_>) -> Opened {
        match form {
            Form::Zip => self.held_zip(content),
            Form::Tar => {
                content.settle();
                tar::read(self, content);
                Opened::Yes
            }
            _ => self.decoded(form, content),
        }
    }

    /// A compressed stream.
    fn decoded(&mut self, form: Form, content: &mut Rewind<'_>) -> Opened {
        match self.inside(form, content) {
            Ok(()) => Opened::Yes,
            Err(error) => self.unopened(&error, content),
        }
    }

    /// What is in a compressed stream: the members of an archive, or one. An error if nothing comes out of it.
    fn inside(&mut self, form: Form, content: &mut Rewind<'_>) -> io::Result<()> {
        let own_name = decoder::name(form, content.peek(HEAD));
        let source = BufReader::with_capacity(BUFFER, content);
        let mut decoder = Metered::made(decoder::stream(form, source, self.depth)?, self.spent);
        let mut inner = Rewind::new(&mut decoder);
        inner.begin(HEAD)?;
        if super::form(inner.peek(HEAD)) == Some(Form::Tar) {
            inner.settle();
            tar::read(self, &mut inner);
            return Ok(());
        }
        let outer = self.way.last().map_or(self.name, Vec::as_slice);
        let outer = outer.rsplit(|&b| b == b'/').next().unwrap_or_default();
        let name = own_name.unwrap_or_else(|| decoder::without_extension(outer));
        if let Err(error) = self.spent.member() {
            self.fail(&error);
            return Ok(());
        }
        self.way.push(name);
        // A failure was told with the member that it cut off.
        let _ = self.look(inner);
        self.way.pop();
        Ok(())
    }

    /// Nothing came out of a decoder: its bytes are looked at as they are, unless too many are gone to take that back, or
    /// it needs more memory than there is for it.
    fn unopened(&mut self, error: &io::Error, content: &mut Rewind<'_>) -> Opened {
        let kind = error.kind();
        if self.spent.over().is_some() || kind == io::ErrorKind::OutOfMemory || !content.rewind() {
            self.fail(error);
            return Opened::Yes;
        }
        if kind == io::ErrorKind::UnexpectedEof {
            self.skip("ends before anything comes out of it; its bytes were read as they are", true);
        } else {
            self.skip(format!("could not be unpacked ({error}); its bytes were read as they are"), false);
        }
        Opened::No
    }

    /// A zip archive that cannot be sought in: held in memory if it is small enough, else read from front to back.
    fn held_zip(&mut self, content: &mut Rewind<'_>) -> Opened {
        let plausible = zip::is_plausible(content.peek(HEAD));
        let granted = self.spent.hold(MAX_HELD);
        let mut held = Vec::new();
        let outcome = content.take(granted as u64 + 1).read_to_end(&mut held);
        let used = held.len().min(granted);
        self.spent.release(granted - used);
        let opened = if let Err(error) = outcome {
            self.fail(&error);
            zip::read(self, &mut Cursor::new(&held))
        } else if held.len() <= granted {
            zip::read(self, &mut Cursor::new(&held))
        } else if plausible {
            zip::read_forward(self, &mut Cursor::new(&held).chain(&mut *content));
            Opened::Yes
        } else {
            Opened::No
        };
        if opened == Opened::No {
            let mut all = Cursor::new(&held).chain(&mut *content);
            let _ = self.plain(Rewind::new(&mut all));
        }
        self.spent.release(used);
        Opened::Yes
    }

    /// Reads what a member left unread, so that the next one can be found.
    pub(super) fn drain(&mut self, rest: &mut dyn Read) -> Result<(), Broken> {
        let mut buffer = [0; 8 * 1024];
        while !self.is_over() {
            match rewind::read(rest, &mut buffer) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) => {
                    self.fail(&error);
                    break;
                }
            }
        }
        Err(Broken)
    }
}

/// A name without a leading `./`.
fn trimmed(name: &[u8]) -> &[u8] {
    name.strip_prefix(b"./").unwrap_or(name)
}

/// A content that ends where reading fails, and keeps the failure.
struct Calm<'c, 'r> {
    source: &'c mut Rewind<'r>,
    failure: Option<io::Error>,
}

impl Read for Calm<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.source.read(buffer).unwrap_or_else(|error| {
            self.failure = Some(error);
            0
        }))
    }
}
