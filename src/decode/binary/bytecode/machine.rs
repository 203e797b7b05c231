//! A small machine that reads byte code from its first operation to its last, following no jump, with expressions as text
//! on its stack. In: code objects. Out: a line for every assignment, call, return, comparison and function; constants
//! that none of them shows stand by themselves. Its effort is bounded; when that is spent, only constants are shown.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;

use super::super::{Sink, quote};
use super::Version;
use super::frame::Frame;
use super::marshal::{Id, Object};
use super::opcodes::{self, Op};
use super::value::Value;

/// Code within code: deeper ones show their constants alone.
const MAX_DEPTH: usize = 40;
/// A literal within a literal: deeper ones are not shown.
const MAX_NESTING: usize = 16;

pub(super) struct Machine<'b> {
    pub(super) objects: &'b [Object<'b>],
    pub(super) version: Version,
    pub(super) table: Option<[Op; 256]>,
    sink: &'b mut Sink,
    /// What may still be written into expressions, in bytes.
    effort: usize,
    pub(super) shown: Vec<bool>,
    literals: HashMap<Id, Rc<str>>,
    /// Hashes of the expressions that stand by themselves, so that none does twice.
    said: HashSet<u64>,
    hasher: RandomState,
}

impl<'b> Machine<'b> {
    pub(super) fn new(objects: &'b [Object<'b>], version: Version, size: usize, sink: &'b mut Sink) -> Self {
        const LEAST: usize = 4 * 1024 * 1024;
        const MOST: usize = 256 * 1024 * 1024;
        Machine {
            objects,
            version,
            table: opcodes::table(version),
            sink,
            effort: size.saturating_mul(16).saturating_add(LEAST).min(MOST),
            shown: vec![false; objects.len()],
            literals: HashMap::new(),
            said: HashSet::new(),
            hasher: RandomState::new(),
        }
    }

    /// Shows a code object, once.
    pub(super) fn code(&mut self, id: Id, indent: usize, depth: usize) {
        let objects = self.objects;
        let Some(Object::Code(code)) = objects.get(id) else { return };
        if self.shown[id] || depth > MAX_DEPTH {
            return;
        }
        self.shown[id] = true;
        for list in [code.names, code.locals, code.cells, code.free] {
            for &name in self.list(list) {
                self.shown[name] = true;
            }
        }
        for label in code.labels {
            self.shown[label] = true;
        }
        if self.table.is_some() {
            Frame::new(self, code, indent, depth).run();
        }
        // A documentation string is a constant that nothing loads.
        for &constant in self.list(code.constants) {
            self.constant(constant, indent);
        }
    }

    /// Shows the strings that nothing has shown.
    pub(super) fn finish(&mut self) {
        for id in 0..self.objects.len() {
            self.constant(id, 0);
        }
    }

    fn constant(&mut self, id: Id, indent: usize) {
        if let Some(Object::Text(text) | Object::Bytes(text)) = self.objects.get(id)
            && !self.shown[id]
        {
            self.shown[id] = true;
            if matches!(self.objects[id], Object::Bytes(_)) && self.is_machinery(text) {
                return;
            }
            let mut line = Vec::new();
            if text.contains(&b'\n') {
                line.extend(b"\"\"\"");
                line.extend_from_slice(text);
                line.extend(b"\"\"\"");
                self.sink.line(&line);
            } else {
                line.resize(indent * 4, b' ');
                quote(text, &mut line);
                self.sink.line(&line);
            }
        }
    }

    /// Whether bytes are code or a table of line numbers rather than a text.
    fn is_machinery(&self, bytes: &[u8]) -> bool {
        bytes.len() < 8 || bytes.iter().any(|&b| b != b'\n' && b != b'\t' && b != b'\r' && !(b' '..0x7f).contains(&b))
    }

    /// Whether a name is one that Python gives to what has none: `<lambda>`, `<listcomp>`.
    pub(super) fn is_anonymous(&self, id: Id) -> bool {
        matches!(self.objects.get(id), Some(Object::Text(name)) if name.starts_with(b"<"))
    }

    /// The items of a tuple.
    pub(super) fn list(&self, id: Id) -> &'b [Id] {
        match self.objects.get(id) {
            Some(Object::Items(_, items)) => items,
            _ => &[],
        }
    }

    /// The text of a name.
    pub(super) fn name(&mut self, id: Option<&Id>) -> Rc<str> {
        let Some(&id) = id else { return Rc::from("_") };
        if let Some(name) = self.literals.get(&id) {
            return Rc::from(name.trim_matches('"'));
        }
        match self.objects.get(id) {
            Some(Object::Text(text)) if text.len() <= 200 => self.made(
                String::from_utf8_lossy(text).replace(|c: char| !c.is_alphanumeric() && c != '_' && c != '.', "_"),
            ),
            _ => Rc::from("_"),
        }
    }

    /// A constant on the stack.
    pub(super) fn value(&mut self, id: Id) -> Value {
        // Code is shown when a function is made of it.
        if let Some(shown) = self.shown.get_mut(id) {
            *shown |= !matches!(self.objects[id], Object::Code(_));
        }
        match self.objects.get(id) {
            Some(Object::Text(_)) => Value::Literal(self.literal(id, 0)),
            Some(Object::Items(open, items)) => {
                let items = items.iter().map(|&item| self.literal(item, 1)).collect();
                Value::Items(*open, Rc::new(items))
            }
            Some(Object::Code(_)) => Value::Code(id),
            Some(_) => Value::Expression(self.literal(id, 0)),
            None => Value::Unknown,
        }
    }

    /// A constant as text.
    fn literal(&mut self, id: Id, nesting: usize) -> Rc<str> {
        if let Some(literal) = self.literals.get(&id) {
            return Rc::clone(literal);
        }
        let mut text = Vec::new();
        self.write(id, nesting, &mut text);
        let literal = self.made(String::from_utf8_lossy(&text).into_owned());
        if matches!(self.objects.get(id), Some(Object::Text(_) | Object::Bytes(_))) {
            self.literals.insert(id, Rc::clone(&literal));
        }
        literal
    }

    fn write(&mut self, id: Id, nesting: usize, out: &mut Vec<u8>) {
        if nesting > MAX_NESTING || out.len() > Frame::LONGEST {
            return;
        }
        let objects = self.objects;
        let Some(object) = objects.get(id) else { return };
        match object {
            Object::End | Object::Code(_) => out.push(b'_'),
            Object::Word(word) => out.extend(word.bytes()),
            Object::Int(number) => out.extend(number.to_string().bytes()),
            Object::Text(text) => quote(text, out),
            Object::Bytes(text) => {
                out.push(b'b');
                quote(text, out);
            }
            Object::Items(open, items) => {
                out.push(*open);
                for &item in items {
                    self.write(item, nesting + 1, out);
                    out.extend(b", ");
                }
                out.push(if *open == b'(' { b')' } else { *open + 2 });
            }
            Object::Pairs(pairs) => {
                out.push(b'{');
                for &(key, value) in pairs {
                    self.write(key, nesting + 1, out);
                    out.extend(b": ");
                    self.write(value, nesting + 1, out);
                    out.extend(b", ");
                }
                out.push(b'}');
            }
        }
        // What the limits left out is shown by itself later.
        if matches!(object, Object::Text(_) | Object::Bytes(_)) {
            self.shown[id] = true;
        }
    }

    /// Counts what was made.
    pub(super) fn made(&mut self, text: String) -> Rc<str> {
        self.spend(text.len() + 16);
        Rc::from(text)
    }

    pub(super) fn spend(&mut self, bytes: usize) {
        self.effort = self.effort.saturating_sub(bytes);
    }

    pub(super) fn exhausted(&mut self) -> bool {
        if self.effort == 0 {
            self.sink.damaged("its byte code says more than can be followed");
        }
        self.effort == 0
    }

    /// Adds a statement.
    pub(super) fn say(&mut self, indent: usize, line: &str) {
        let mut text = vec![b' '; indent * 4];
        text.extend(line.bytes());
        self.spend(text.len());
        self.sink.line(&text);
    }

    /// Adds an expression that nothing uses, if it says anything and did not before.
    pub(super) fn discard(&mut self, indent: usize, value: &Value) {
        if value.tells() {
            let text = value.text();
            self.spend(text.len());
            if self.said.insert(self.hasher.hash_one(&*text)) {
                self.say(indent, &text);
            }
        }
    }
}
