//! The verbs, one file each. In: flags. Out: a report on standard output, and an exit code.

pub(crate) mod explain;
pub(crate) mod ps;
pub(crate) mod rules;
pub(crate) mod scan;
