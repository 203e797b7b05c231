//! What is asked in a chat before a message, where programs keep chats. In: the messages before it in JSON. Out: what they say.

use super::{Verdict, gate, prose};

/// Names of the member of a message that holds its text.
const TEXT: [&[u8]; 5] = [b"text", b"content", b"message", b"body", b"msg"];

/// How many texts before an answer its question may stand, the pieces of a text counted too.
const ANSWERED: usize = 8;

pub(super) fn is_text(name: &[u8]) -> bool {
    TEXT.contains(&name)
}

/// What a message says that is nothing but a value, by the last one `before` it that asks for W&B's key; `name` is what holds
/// the text of either.
pub(super) fn asked(before: &[u8], name: &[u8]) -> Option<Verdict> {
    if !gate::may_speak(before) {
        return None;
    }
    let quoted = [b"\"", name, b"\""].concat();
    let texts = memchr::memmem::rfind_iter(before, &quoted).take(ANSWERED);
    let said = texts.filter_map(|at| {
        let value = before[at + quoted.len()..].trim_ascii_start().strip_prefix(b":")?;
        let text: Said = serde_json::Deserializer::from_slice(value).into_iter().next()?.ok()?;
        Some(text.whole())
    });
    prose::asked(said)
}

/// A text, whole or in pieces of which each may have its own look.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Said {
    Whole(String),
    Pieces(Vec<Said>),
    Piece { text: String },
}

impl Said {
    fn whole(self) -> String {
        match self {
            Said::Whole(text) | Said::Piece { text } => text,
            Said::Pieces(pieces) => pieces.into_iter().map(Said::whole).collect(),
        }
    }
}
