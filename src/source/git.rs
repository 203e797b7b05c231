//! What a git repository holds, read without running or obeying anything in it. In: a folder. Out: its shape, the bytes of
//! every object, its references and logs, its index, and what of that cannot be read. It knows nothing of keys.

pub mod clean;
mod config;
mod file;
mod files;
pub mod folder;
pub mod history;
pub mod hooks;
pub mod index;
pub mod object;
mod plumbing;
pub mod pre_push;
mod reflog;
pub mod refs;
mod reftable;
pub mod revision;
pub mod snapshot;
pub mod standing;
pub mod store;
mod varint;
pub mod walk;
