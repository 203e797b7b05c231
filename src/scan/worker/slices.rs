//! Large files, read by several threads at once. In: an open file. Out: what reading it from front to back would give: the
//! same pieces are looked at, and places that count from the beginning of a slice are moved to where they belong.

use std::fs::File;
use std::io;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::{Looks, Seen, Worker};
use crate::blob::{Before, Origin};
use crate::judge::Opinion;
use crate::source::tree::Visit;
use crate::source::{self, SLICED, Slice};

/// One slice of a file, and what was thought of it.
struct Part {
    nth: u64,
    slice: Slice,
    seen: Seen,
}

impl Worker<'_, '_> {
    /// How many more threads are to read a file of so many bytes.
    pub(super) fn helpers(&self, bytes: u64) -> usize {
        if !matches!(self.look, Looks::Tells) || bytes < SLICED {
            return 0;
        }
        match self.scan.threads {
            0 => thread::available_parallelism().map_or(1, NonZero::get) - 1,
            threads => threads - 1,
        }
    }

    /// Reads a file with the help of at most so many threads.
    pub(super) fn read_in_slices(&mut self, origin: &Origin, file: &mut File, helpers: usize) -> io::Result<()> {
        let mut seen = Seen::default();
        let mut ahead = Before::default();
        let mut whole = false;
        let mut reader = std::mem::take(&mut self.reader);
        let first = reader.read(&mut *file, |piece| {
            self.piece(origin, piece, &mut seen);
            self.scan.progress.bytes.fetch_add(piece.own.len() as u64, Ordering::Relaxed);
            ahead = source::before_slices(piece);
            whole = piece.whole;
            false
        });
        self.reader = reader;
        seen.bytes = first?;
        if !whole {
            let mut starts = Vec::new();
            for part in self.slices(origin, file, helpers, &seen)? {
                starts.push((source::first_byte(part.nth), ahead));
                seen.take(part, &mut ahead);
            }
            self.judge.recount(origin, &|piece| {
                let before = starts.partition_point(|(start, _)| *start <= piece);
                before.checked_sub(1).map_or_else(Before::default, |nth| starts[nth].1)
            });
        }
        self.reread(origin, file, seen)
    }

    /// What all slices show, in order.
    fn slices(&mut self, origin: &Origin, file: &File, helpers: usize, first: &Seen) -> io::Result<Vec<Part>> {
        let next = AtomicU64::new(0);
        let parts = Mutex::new(Ok(Vec::new()));
        let work = &|worker: &mut Worker<'_, '_>| {
            loop {
                let nth = next.fetch_add(1, Ordering::Relaxed);
                if nth >= END || worker.stopped() {
                    return;
                }
                let part = worker.slice(origin, file, nth, first);
                if !matches!(&part, Ok(Some(Part { slice: Slice { end: None, .. }, .. }))) {
                    next.store(END, Ordering::Relaxed);
                }
                let mut parts = parts.lock().unwrap_or_else(PoisonError::into_inner);
                match (&mut *parts, part) {
                    (Ok(parts), Ok(part)) => parts.extend(part),
                    (Ok(_), Err(error)) => *parts = Err(error),
                    (Err(_), _) => {}
                }
            }
        };
        let busy = &self.scan.progress.helpers;
        thread::scope(|scope| {
            for _ in 0..helpers {
                // However many large files are read at a time, there are no more helpers than that.
                if busy.fetch_add(1, Ordering::Relaxed) >= helpers {
                    busy.fetch_sub(1, Ordering::Relaxed);
                    break;
                }
                let mut helper = Worker::new(self.scan, self.judge, self.all);
                helper.mode = self.mode;
                let helps = move || {
                    work(&mut helper);
                    busy.fetch_sub(1, Ordering::Relaxed);
                };
                if thread::Builder::new().spawn_scoped(scope, helps).is_err() {
                    busy.fetch_sub(1, Ordering::Relaxed);
                    break;
                }
            }
            work(self);
        });
        let mut parts = parts.into_inner().unwrap_or_else(PoisonError::into_inner)?;
        parts.sort_by_key(|part| part.nth);
        Ok(parts)
    }

    /// What one slice shows; `first` is what the first piece of the file came to.
    fn slice(&mut self, origin: &Origin, file: &File, nth: u64, first: &Seen) -> io::Result<Option<Part>> {
        let mut reader = std::mem::take(&mut self.reader);
        let Seen { unopened, form, binary, program, .. } = *first;
        let mut seen = Seen { unopened, form, binary, program, ..Seen::default() };
        let slice = reader.slice(file, nth, |piece| {
            self.piece(origin, piece, &mut seen);
            self.scan.progress.bytes.fetch_add(piece.own.len() as u64, Ordering::Relaxed);
            !self.stopped()
        });
        self.reader = reader;
        Ok(slice?.map(|slice| Part { nth, slice, seen }))
    }
}

/// No file has so many slices.
const END: u64 = 1 << 40;

impl Seen {
    /// Takes what the next slice shows; `ahead` is what lies before it, and then what lies before the one behind it.
    fn take(&mut self, part: Part, ahead: &mut Before) {
        let Part { slice, mut seen, .. } = part;
        for finding in seen.opinions.iter_mut().filter_map(Opinion::finding_mut) {
            finding.place = finding.place.map(|place| ahead.place(place));
        }
        self.opinions.append(&mut seen.opinions);
        self.open |= seen.open;
        self.cut |= seen.cut;
        self.bytes = slice.end.unwrap_or(slice.before.bytes);
        *ahead = ahead.then(slice.before);
    }
}
