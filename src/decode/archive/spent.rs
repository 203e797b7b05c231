//! What opening one outermost file has cost so far, and what it may cost. In: bytes and members as they are read. Out: an
//! error where the bound is passed, which ends the walk.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, Read};

use super::{MAX_HELD, MAX_MEMBERS, MAX_RATIO, MIN_EXPANSION};

/// A bound that was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Members,
    Expansion,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Members => {
                write!(f, "has more than {MAX_MEMBERS} members; the rest was not read: unpack it and scan the folder")
            }
            Bound::Expansion => write!(
                f,
                "expands to more than {MAX_RATIO} times its size (and {} MiB); the rest was not read: unpack it if you trust \
                 it, and scan the folder",
                MIN_EXPANSION >> 20
            ),
        }
    }
}

impl std::error::Error for Bound {}

/// The account of one outermost file, shared by every reader within it.
pub(super) struct Spent {
    /// Bytes of the outermost file: its size, or what has come of it so far.
    size: Cell<u64>,
    /// Bytes that decoders put out.
    made: Cell<u64>,
    /// Bytes that zip members were read from: they may lie over each other, and put out nothing.
    taken: Cell<u64>,
    members: Cell<u64>,
    held: Cell<usize>,
    over: Cell<Option<Bound>>,
}

impl Spent {
    pub(super) fn new(size: u64) -> Spent {
        Spent {
            size: Cell::new(size),
            made: Cell::new(0),
            taken: Cell::new(0),
            members: Cell::new(0),
            held: Cell::new(0),
            over: Cell::new(None),
        }
    }

    /// The bound that was passed, if any.
    pub(super) fn over(&self) -> Option<Bound> {
        self.over.get()
    }

    pub(super) fn member(&self) -> io::Result<()> {
        self.members.set(self.members.get() + 1);
        if self.members.get() > MAX_MEMBERS { Err(self.pass(Bound::Members)) } else { Ok(()) }
    }

    /// Takes up to `wanted` bytes of what may be held in memory, and says how many; [`Spent::release`] gives them back.
    pub(super) fn hold(&self, wanted: usize) -> usize {
        let granted = wanted.min(MAX_HELD - self.held.get());
        self.held.set(self.held.get() + granted);
        granted
    }

    pub(super) fn release(&self, held: usize) {
        self.held.set(self.held.get().saturating_sub(held));
    }

    fn pass(&self, bound: Bound) -> io::Error {
        self.over.set(Some(bound));
        io::Error::other(bound)
    }

    /// An error once an account stands beyond its bound; whatever passes it is still handed on.
    fn check(&self, account: &Cell<u64>) -> io::Result<()> {
        let allowed = self.size.get().saturating_mul(MAX_RATIO).max(MIN_EXPANSION);
        if account.get() > allowed { Err(self.pass(Bound::Expansion)) } else { Ok(()) }
    }
}

/// A reader whose bytes count.
pub(super) struct Metered<'s, R> {
    source: R,
    spent: &'s Spent,
    account: &'s Cell<u64>,
}

impl<'s, R> Metered<'s, R> {
    /// Bytes of an outermost file of unknown size.
    pub(super) fn input(source: R, spent: &'s Spent) -> Metered<'s, R> {
        Metered { source, spent, account: &spent.size }
    }

    /// Bytes that a decoder puts out.
    pub(super) fn made(source: R, spent: &'s Spent) -> Metered<'s, R> {
        Metered { source, spent, account: &spent.made }
    }

    /// Bytes that a zip member is read from.
    pub(super) fn taken(source: R, spent: &'s Spent) -> Metered<'s, R> {
        Metered { source, spent, account: &spent.taken }
    }

    fn count(&self, bytes: usize) {
        self.account.set(self.account.get().saturating_add(bytes as u64));
    }
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.spent.check(self.account)?;
        let read = self.source.read(buffer)?;
        self.count(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Metered<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.spent.check(self.account)?;
        self.source.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.count(bytes);
        self.source.consume(bytes);
    }
}
