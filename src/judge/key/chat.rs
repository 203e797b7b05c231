//! What is asked in a chat before a message, where programs keep chats. In: the messages before it in JSON. Out: what they say.

use super::{Verdict, gate, member, prose};

/// How many texts before an answer its question may stand, the pieces of a text counted too.
const ANSWERED: usize = 8;

/// Whether a member of that name holds the text of a message.
pub(super) fn is_text(name: &[u8]) -> bool {
    const TEXT: [&[u8]; 5] = [b"text", b"content", b"message", b"body", b"msg"];
    TEXT.iter().any(|text| name.eq_ignore_ascii_case(text))
}

/// What a message says that is nothing but a value, by the last one `before` it that asks for W&B's key; `name` is what holds
/// the text of either.
pub(super) fn asked(before: &[u8], name: &[u8]) -> Option<Verdict> {
    gate::may_speak(before).then(|| prose::asked(member::texts(before, name, ANSWERED))).flatten()
}
