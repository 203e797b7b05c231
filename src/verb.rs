//! The verbs, one file each. In: flags. Out: a report on standard output, and an exit code.

pub(crate) mod explain;
mod out;
pub(crate) mod report;
pub(crate) mod rules;
pub(crate) mod scan;
