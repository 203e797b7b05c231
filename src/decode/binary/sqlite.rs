//! x
pub(super) const MAGIC: &[u8] = b"SQLite format 3\0"; pub(super) fn is_write_ahead_log(_h: &[u8]) -> bool { false }
pub(super) fn render(_b: &[u8], _s: &mut super::Sink) {}
