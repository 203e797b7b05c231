//! Compiled Python (`.pyc`, 3.6 to 3.14): the constants with the names, attributes, calls and keys that they are given to.
//! In: the bytes of a file. Out: Python-like lines. Files of other versions, and what is damaged, show their strings alone.

mod frame;
mod machine;
mod marshal;
mod opcodes;
mod value;

use super::Sink;
use machine::Machine;
use marshal::{Object, Reader};

/// A version of Python, as far as its files differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Version {
    V36,
    V37,
    V38,
    V39,
    V310,
    V311,
    V312,
    V313,
    V314,
    Later,
}

/// The magic number of 2.7, whose code is of another kind.
const PYTHON_2_7: u16 = 62211;

/// The version by the magic number that a file begins with: CPython's `Include/internal/pycore_magic_number.h`.
fn version(magic: u16) -> Option<Version> {
    Some(match magic {
        3360..=3379 => Version::V36,
        3390..=3399 => Version::V37,
        3400..=3419 => Version::V38,
        3420..=3429 => Version::V39,
        3430..=3449 => Version::V310,
        3450..=3499 => Version::V311,
        3500..=3549 => Version::V312,
        3550..=3599 => Version::V313,
        3600..=3649 => Version::V314,
        3650..=4999 => Version::Later,
        _ => return None,
    })
}

/// The version and where the marshalled code begins. The code of an `-OO` file, and of one whose source is told by its
/// hash, begins in the same place.
fn header(head: &[u8]) -> Option<(Option<Version>, usize)> {
    let magic = u16::from_le_bytes([*head.first()?, *head.get(1)?]);
    let version = version(magic);
    let begin = match version {
        Some(Version::V36) => 12,
        Some(_) => 16,
        None if magic == PYTHON_2_7 => 8,
        None => return None,
    };
    Some((version, begin))
}

/// Whether a file is one: the magic number, and an object of code where it must be.
pub(super) fn begins(head: &[u8]) -> bool {
    header(head).is_some_and(|(_, begin)| matches!(head.get(begin), Some(b'c' | 0xe3)))
}

pub(super) fn render(bytes: &[u8], sink: &mut Sink) {
    let Some((version, begin)) = header(bytes) else {
        sink.damaged("its magic number is not one of Python's");
        sink.runs(bytes);
        return;
    };
    let body = bytes.get(begin..).unwrap_or_default();
    let Some(version) = version else {
        marshal::sweep(body, sink);
        return;
    };
    let mut reader = Reader::new(body, version);
    let whole = reader.read_all();
    if whole.is_none() {
        sink.damaged("its byte code is cut off or damaged");
    }
    let left = reader.rest();
    let objects = reader.objects;
    let mut machine = Machine::new(&objects, version, bytes.len(), sink);
    // The outermost code is the last to be complete; what a damaged file still has of it is found by going backwards.
    for id in (0..objects.len()).rev() {
        if matches!(objects[id], Object::Code(_)) {
            machine.code(id, 0, 0);
        }
    }
    machine.finish();
    if whole.is_none() {
        marshal::sweep(left, sink);
    }
}
