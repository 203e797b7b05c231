//! What members of JSON say that hold a text. In: bytes that may be a part of it, and a name. Out: the texts.

/// The texts of the last `most` members of that name, the last first, each put together from its pieces.
pub(super) fn texts(json: &[u8], name: &[u8], most: usize) -> impl Iterator<Item = String> {
    let quoted = [b"\"", name, b"\""].concat();
    let ends: Vec<usize> = memchr::memmem::rfind_iter(json, &quoted).take(most).map(|at| at + quoted.len()).collect();
    ends.into_iter().filter_map(|end| {
        let value = json[end..].trim_ascii_start().strip_prefix(b":")?;
        let text: Text = serde_json::Deserializer::from_slice(value).into_iter().next()?.ok()?;
        Some(text.whole())
    })
}

/// A text, whole or in pieces of which each may have its own look.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Text {
    Whole(String),
    Pieces(Vec<Text>),
    Piece { text: String },
}

impl Text {
    fn whole(self) -> String {
        match self {
            Text::Whole(text) | Text::Piece { text } => text,
            Text::Pieces(pieces) => pieces.into_iter().map(Text::whole).collect(),
        }
    }
}
