//! What a pickle's stack holds, as text as far as it is known. In: literals and what was made of them. Out: their text.
//! Never an object.

use std::rc::Rc;

/// What stands on the stack.
#[derive(Clone)]
pub(super) enum Value {
    Mark,
    /// What has a word of its own, or is not known.
    Word(&'static str),
    Integer(i64),
    Text(Rc<[u8]>),
    /// The name of a class or a function.
    Name(Rc<[u8]>),
    /// An object: the name of its class, and what it was made of.
    Object(Rc<[u8]>, usize),
    Items(Items),
}

/// What is known of a value when it is used again.
pub(super) enum Known {
    Text(Rc<[u8]>),
    Name(Rc<[u8]>),
}

/// A list, tuple, set or dictionary.
#[derive(Clone)]
pub(super) struct Items {
    pub(super) open: u8,
    pub(super) items: Vec<Vec<u8>>,
    /// How many bytes the items have.
    pub(super) length: usize,
    /// How deep they go.
    pub(super) depth: usize,
}

pub(super) const UNKNOWN: Value = Value::Word("_");

/// What a second use of a value is: a container is shown where it stands first.
pub(super) fn reference(value: &Value) -> Value {
    match value {
        Value::Mark | Value::Items(_) | Value::Object(..) => UNKNOWN,
        value => value.clone(),
    }
}

pub(super) fn bracketed(items: &Items, out: &mut Vec<u8>) {
    out.push(items.open);
    out.extend(items.items.join(&b", "[..]));
    out.push(if items.open == b'(' { b')' } else { items.open + 2 });
}
