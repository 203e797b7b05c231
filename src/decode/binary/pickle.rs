//! x
pub(super) fn begins(_head: &[u8]) -> bool { false }
pub(super) fn render(_b: &[u8], _s: &mut super::Sink) {}
