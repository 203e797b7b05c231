//! What the machine has on its stack: expressions as text.
//! In: literals, names and what was made of them. Out: their text. Never a value that would have to be computed.

use std::rc::Rc;

use super::marshal::Id;

/// Something on the stack.
#[derive(Clone)]
pub(super) enum Value {
    /// The mark beside a function that is no method.
    Null,
    Unknown,
    BuildClass,
    Code(Id),
    /// One string literal, its quotes included.
    Literal(Rc<str>),
    Expression(Rc<str>),
    /// What a format string has between its braces.
    Formatted(Rc<str>),
    /// A list, tuple, set or dictionary by the bracket that opens it; the pairs of a dictionary are items.
    Items(u8, Rc<Vec<Rc<str>>>),
    Module(Rc<str>),
    /// A name taken from a module.
    Imported(Rc<str>, Rc<str>),
}

impl Value {
    /// The text, however long.
    pub(super) fn text(&self) -> Rc<str> {
        match self {
            Value::Null | Value::Unknown | Value::BuildClass | Value::Code(_) => Rc::from("_"),
            Value::Literal(text) | Value::Expression(text) | Value::Formatted(text) | Value::Module(text) => {
                Rc::clone(text)
            }
            Value::Imported(_, name) => Rc::clone(name),
            Value::Items(open, items) => Rc::from(bracketed(*open, items)),
        }
    }

    /// Whether it says anything by itself: a string or a call.
    pub(super) fn tells(&self) -> bool {
        let tells = |text: &str| text.contains(['"', '(']);
        match self {
            Value::Literal(text) | Value::Expression(text) | Value::Formatted(text) => tells(text),
            Value::Items(_, items) => items.iter().any(|item| tells(item)),
            _ => false,
        }
    }

    /// How long its text is, at least.
    pub(super) fn length(&self) -> usize {
        match self {
            Value::Items(_, items) => items.iter().map(|item| item.len()).sum(),
            Value::Literal(text) | Value::Expression(text) | Value::Formatted(text) => text.len(),
            _ => 1,
        }
    }
}

/// The items between brackets; long ones stand on lines of their own.
fn bracketed(open: u8, items: &[Rc<str>]) -> String {
    const LONG: usize = 1000;
    let (open, close) = match open {
        b'(' => ('(', ')'),
        b'{' => ('{', '}'),
        _ => ('[', ']'),
    };
    let length: usize = items.iter().map(|item| item.len() + 2).sum();
    let separator = if length > LONG { ",\n  " } else { ", " };
    format!("{open}{}{close}", items.join(separator))
}
