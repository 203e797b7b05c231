//! Guidance broken without a key in sight: one file a named check, called like its rule.

pub(super) mod cut_off_key;
pub(super) mod permission_without_reason;
pub(super) mod sdk_too_old;
