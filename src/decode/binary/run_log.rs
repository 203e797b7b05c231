//! x
pub(super) const MAGIC: &[u8] = b":W&B";
pub(super) fn render(_b: &[u8], _s: &mut super::Sink) {}
