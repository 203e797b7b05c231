//! The verbs, one file each. In: flags. Out: a report on standard output, and an exit code.

use std::ffi::OsString;

pub(crate) mod ask;
pub(crate) mod baseline;
mod cached;
pub(crate) mod ci;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod explain;
pub(crate) mod find;
mod fix;
pub(crate) mod given;
pub(crate) mod hook;
pub(crate) mod host;
pub(crate) mod keys;
pub(crate) mod man;
mod out;
pub(crate) mod own;
pub(crate) mod ps;
pub(crate) mod report;
pub(crate) mod revoke;
pub(crate) mod rotate;
pub(crate) mod rules;
pub(crate) mod scan;
mod settings;
pub(crate) mod terminal;
pub(crate) mod verify;

/// What a variable of the environment says, unless it is empty.
pub(crate) fn environment(name: &str) -> Option<OsString> {
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    std::env::var_os(name).filter(|value| !value.is_empty())
}
