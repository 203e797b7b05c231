//! Python pickles of protocol 2 and later, by `Lib/pickletools.py`: what is a key or an attribute of what.
//! In: the bytes of a file. Out: dictionaries and lists as lines, other texts by themselves. Nothing is imported, called or
//! constructed: an object is its class's name with its state.

mod value;

use std::collections::HashMap;
use std::rc::Rc;

use super::{Bytes, Sink, quote};
use value::{Items, Known, UNKNOWN, Value, bracketed, reference};

/// A value within a value: what lies deeper stands by itself.
const MAX_DEPTH: usize = 40;
/// So many values at once, and the file is damage.
const MAX_VALUES: usize = 1_000_000;
/// So many texts are remembered for a second use; later ones are not known then.
const MAX_MEMORY: usize = 2_000_000;
/// What is longer does not become part of another value, in bytes.
const LONGEST: usize = 64 * 1024;

/// Whether a file begins as a pickle: its protocol, and what pickles of that protocol go on with.
pub(super) fn begins(head: &[u8]) -> bool {
    match head {
        // A frame, whose length of eight bytes no file fills.
        [0x80, 4 | 5, 0x95, _, _, _, _, _, _, 0, 0, ..] => true,
        // A short one has no frame, nor have those that other programs write.
        [0x80, 2..=5, next, ..] => b"}](cNJKMGX)U\x8a\x8c\x8e\x93C\x89\x88".contains(next),
        _ => false,
    }
}

pub(super) fn render(bytes: &[u8], sink: &mut Sink) {
    const LEAST: usize = 4 * 1024 * 1024;
    const MOST: usize = 512 * 1024 * 1024;
    let effort = bytes.len().saturating_mul(32).saturating_add(LEAST).min(MOST);
    let mut walk =
        Walk { bytes: Bytes { rest: bytes }, stack: Vec::new(), memo: HashMap::new(), numbered: 0, sink, effort };
    loop {
        let start = walk.bytes.rest;
        let done = walk.step();
        if done.is_none() || walk.stack.len() > MAX_VALUES || walk.effort == 0 {
            walk.sink.damaged("it is cut off, damaged, or no pickle from some place on");
            walk.clear();
            walk.sink.runs(start);
            return;
        }
        if done == Some(true) {
            walk.clear();
            // A file can hold several, and then anything.
            if !begins(walk.bytes.rest) {
                walk.sink.runs(walk.bytes.rest);
                return;
            }
            walk.memo.clear();
            walk.numbered = 0;
        }
    }
}

struct Walk<'b, 's> {
    bytes: Bytes<'b>,
    stack: Vec<Value>,
    /// The texts and names that can be used again, by their numbers.
    memo: HashMap<u64, Known>,
    /// How many values were given a number.
    numbered: u64,
    sink: &'s mut Sink,
    /// What may still be written into values, in bytes.
    effort: usize,
}

impl Walk<'_, '_> {
    /// Reads one operation; tells whether it was the last.
    fn step(&mut self) -> Option<bool> {
        let op = self.bytes.byte()?;
        match op {
            b'.' => return Some(true),
            b'(' => self.stack.push(Value::Mark),
            b'0' => {
                let value = self.pop();
                self.discard(&value);
            }
            b'1' => {
                let values = self.pop_to_mark();
                values.iter().for_each(|value| self.discard(value));
            }
            b'2' => self.stack.push(self.stack.last().map_or(UNKNOWN, reference)),
            b'N' => self.stack.push(Value::Word("None")),
            0x88 => self.stack.push(Value::Word("True")),
            0x89 => self.stack.push(Value::Word("False")),
            b'F' | b'G' | b'I' | b'J' | b'K' | b'L' | b'M' | 0x8a | 0x8b => self.number(op)?,
            b'S' | b'T' | b'U' | b'V' | b'X' | b'B' | b'C' | 0x8c..=0x8e | 0x96 => self.text(op)?,
            b'g' | b'h' | b'j' | b'p' | b'q' | b'r' | 0x94 => self.memory(op)?,
            b'}' | b']' | b')' | 0x8f | 0x85..=0x87 | b't' | b'l' | b'd' | 0x91 => self.build(op),
            b's' | b'u' | b'a' | b'e' | 0x90 => self.fill(op),
            b'c' | 0x93 | b'R' | 0x81 | 0x92 | b'o' | b'i' | b'b' | b'P' | b'Q' => self.object(op)?,
            0x80 => drop(self.bytes.take(1)?),
            0x82..=0x84 => {
                self.bytes.take(1 << (op - 0x82))?;
                self.stack.push(UNKNOWN);
            }
            0x95 => drop(self.bytes.take(8)?),
            0x97 => self.stack.push(UNKNOWN),
            0x98 => {}
            _ => return None,
        }
        self.spend(1);
        Some(false)
    }

    fn spend(&mut self, bytes: usize) {
        self.effort = self.effort.saturating_sub(bytes);
    }

    fn pop(&mut self) -> Value {
        self.stack.pop().unwrap_or(UNKNOWN)
    }

    /// The values above the topmost mark, which goes too.
    fn pop_to_mark(&mut self) -> Vec<Value> {
        let mark = self.stack.iter().rposition(|value| matches!(value, Value::Mark));
        let values = self.stack.split_off(mark.map_or(0, |mark| mark + 1));
        self.stack.pop();
        values
    }

    fn line(&mut self) -> Option<&[u8]> {
        let end = memchr::memchr(b'\n', self.bytes.rest)?;
        let line = self.bytes.take(end + 1)?;
        Some(&line[..end])
    }

    fn number(&mut self, op: u8) -> Option<()> {
        let value = match op {
            b'J' => Value::Integer(i64::from(self.bytes.little(4)? as u32 as i32)),
            b'K' => Value::Integer(self.bytes.little(1)? as i64),
            b'M' => Value::Integer(self.bytes.little(2)? as i64),
            b'G' => {
                self.bytes.take(8)?;
                Value::Word("0.0")
            }
            0x8a | 0x8b => {
                let length = self.bytes.length(if op == 0x8a { 1 } else { 4 })?;
                self.bytes.take(length)?;
                Value::Word("0")
            }
            _ => {
                self.line()?;
                Value::Word("0")
            }
        };
        self.stack.push(value);
        Some(())
    }

    fn text(&mut self, op: u8) -> Option<()> {
        let width = match op {
            b'U' | b'C' | 0x8c => 1,
            b'T' | b'X' | b'B' => 4,
            0x8d | 0x8e | 0x96 => 8,
            _ => 0,
        };
        let text = if width == 0 {
            let line = self.line()?;
            match line {
                [b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"'] => Rc::from(inner),
                _ => Rc::from(line),
            }
        } else {
            let length = self.bytes.length(width)?;
            Rc::from(self.bytes.take(length)?)
        };
        let text: Rc<[u8]> = text;
        self.spend(text.len());
        // What is no text, such as the numbers of an array, can still hold some.
        let readable = str::from_utf8(&text).is_ok() && !text.contains(&0);
        if !readable {
            self.sink.runs(&text);
        }
        self.stack.push(if readable { Value::Text(text) } else { UNKNOWN });
        Some(())
    }

    fn memory(&mut self, op: u8) -> Option<()> {
        let number = |line: &[u8]| str::from_utf8(line).ok()?.trim().parse().ok();
        let slot: u64 = match op {
            b'g' | b'p' => number(self.line()?)?,
            b'h' | b'q' => self.bytes.little(1)?,
            b'j' | b'r' => self.bytes.little(4)?,
            _ => self.numbered,
        };
        if matches!(op, b'g' | b'h' | b'j') {
            let value = match self.memo.get(&slot) {
                Some(Known::Text(text)) => Value::Text(Rc::clone(text)),
                Some(Known::Name(name)) => Value::Name(Rc::clone(name)),
                None => UNKNOWN,
            };
            self.stack.push(value);
            return Some(());
        }
        self.numbered += 1;
        // A container is shown where it stands first.
        let known = match self.stack.last() {
            Some(Value::Text(text)) => Some(Known::Text(Rc::clone(text))),
            Some(Value::Name(name)) => Some(Known::Name(Rc::clone(name))),
            _ => None,
        };
        match known {
            Some(_) if self.memo.len() > MAX_MEMORY => self.sink.damaged("it uses more values again than are kept"),
            Some(known) => drop(self.memo.insert(slot, known)),
            None => drop(self.memo.remove(&slot)),
        }
        Some(())
    }

    fn build(&mut self, op: u8) {
        let values = match op {
            0x85..=0x87 => self.stack.split_off(self.stack.len().saturating_sub(usize::from(op - 0x84))),
            b't' | b'l' | b'd' | 0x91 => self.pop_to_mark(),
            _ => Vec::new(),
        };
        let open = match op {
            b'}' | b'd' | 0x8f | 0x91 => b'{',
            b']' | b'l' => b'[',
            _ => b'(',
        };
        let mut items = Items { open, items: Vec::new(), length: 0, depth: 0 };
        self.add(&mut items, &values, op == b'd');
        self.stack.push(Value::Items(items));
    }

    /// Adds to the list or dictionary that is on the stack.
    fn fill(&mut self, op: u8) {
        let values = match op {
            b's' => self.stack.split_off(self.stack.len().saturating_sub(2)),
            b'a' => vec![self.pop()],
            _ => self.pop_to_mark(),
        };
        let pairs = matches!(op, b's' | b'u');
        let mut items = match self.pop() {
            Value::Items(items) => items,
            other => {
                self.discard(&other);
                Items { open: if pairs { b'{' } else { b'[' }, items: Vec::new(), length: 0, depth: 0 }
            }
        };
        self.add(&mut items, &values, pairs);
        self.stack.push(Value::Items(items));
    }

    fn add(&mut self, items: &mut Items, values: &[Value], pairs: bool) {
        for group in values.chunks(if pairs { 2 } else { 1 }) {
            let mut item = Vec::new();
            for (nth, value) in group.iter().enumerate() {
                if nth > 0 {
                    item.extend(b": ");
                }
                items.depth = items.depth.max(self.write(value, &mut item) + 1);
            }
            self.spend(item.len() + 32);
            items.length += item.len() + 2;
            items.items.push(item);
            if items.length > LONGEST {
                self.show(items);
                items.items.clear();
                items.length = 0;
            }
        }
    }

    /// Writes a value as a part of another, and tells how deep it goes. What is too deep stands by itself.
    fn write(&mut self, value: &Value, out: &mut Vec<u8>) -> usize {
        match value {
            Value::Mark => out.push(b'_'),
            Value::Word(word) => out.extend(word.bytes()),
            Value::Integer(number) => out.extend(number.to_string().bytes()),
            Value::Text(text) => quote(text, out),
            Value::Name(name) => out.extend_from_slice(name),
            Value::Object(text, depth) if *depth < MAX_DEPTH => {
                out.extend_from_slice(text);
                return *depth;
            }
            Value::Items(items) if items.depth < MAX_DEPTH => {
                bracketed(items, out);
                return items.depth;
            }
            _ => {
                self.discard(value);
                out.push(b'_');
            }
        }
        0
    }

    /// Shows what nothing uses.
    fn discard(&mut self, value: &Value) {
        match value {
            Value::Text(text) => {
                let mut line = Vec::new();
                quote(text, &mut line);
                self.sink.line(&line);
            }
            Value::Object(text, _) => self.sink.line(text),
            Value::Items(items) => self.show(items),
            _ => {}
        }
    }

    fn show(&mut self, items: &Items) {
        if !items.items.is_empty() {
            let mut line = Vec::new();
            bracketed(items, &mut line);
            self.sink.line_with_word(&line);
        }
    }

    fn clear(&mut self) {
        for value in std::mem::take(&mut self.stack) {
            self.discard(&value);
        }
    }

    fn object(&mut self, op: u8) -> Option<()> {
        let value = match op {
            b'c' => {
                let module = self.line()?.to_vec();
                let name = self.line()?.to_vec();
                self.named(&module, &name)
            }
            0x93 => match (self.pop(), self.pop()) {
                (Value::Text(name), Value::Text(module)) => self.named(&module, &name),
                _ => UNKNOWN,
            },
            b'R' | 0x81 => {
                let arguments = self.pop();
                let class = self.pop();
                self.made(&class, &[arguments])
            }
            0x92 => {
                let keywords = self.pop();
                let arguments = self.pop();
                let class = self.pop();
                self.made(&class, &[arguments, keywords])
            }
            b'o' => {
                let mut values = self.pop_to_mark();
                let class = if values.is_empty() { UNKNOWN } else { values.remove(0) };
                self.made(&class, &values)
            }
            b'i' => {
                let module = self.line()?.to_vec();
                let name = self.line()?.to_vec();
                let class = self.named(&module, &name);
                let values = self.pop_to_mark();
                self.made(&class, &values)
            }
            // The state of an object says more than what it was made of.
            b'b' => {
                let state = self.pop();
                let object = self.pop();
                match &object {
                    Value::Object(text, _) if text.ends_with(b"()") => {
                        let class = Value::Name(Rc::from(&text[..text.len() - 2]));
                        self.made(&class, &[state])
                    }
                    _ => {
                        self.discard(&object);
                        self.made(&UNKNOWN, &[state])
                    }
                }
            }
            b'P' => {
                self.line()?;
                UNKNOWN
            }
            _ => {
                let value = self.pop();
                self.discard(&value);
                UNKNOWN
            }
        };
        self.stack.push(value);
        Some(())
    }

    fn named(&mut self, module: &[u8], name: &[u8]) -> Value {
        const LONGEST_NAME: usize = 500;
        self.spend(module.len() + name.len());
        let plain = |part: &[u8]| part.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
        let short = module.len() + name.len() <= LONGEST_NAME;
        if short && plain(module) && plain(name) {
            Value::Name(Rc::from([module, b".", name].concat()))
        } else {
            self.discard(&Value::Text(Rc::from([module, b" ", name].concat())));
            UNKNOWN
        }
    }

    /// An object of a class with what it is made of. One that is too long stands by itself.
    fn made(&mut self, class: &Value, parts: &[Value]) -> Value {
        let mut text = Vec::new();
        let mut depth = self.write(class, &mut text);
        text.push(b'(');
        let begin = text.len();
        for part in parts {
            if text.len() > begin {
                text.extend(b", ");
            }
            depth = depth.max(match part {
                // The tuple of the arguments is the brackets of the call.
                Value::Items(items) if items.open == b'(' && items.depth < MAX_DEPTH => {
                    text.extend(items.items.join(&b", "[..]));
                    items.depth
                }
                part => self.write(part, &mut text),
            });
        }
        text.push(b')');
        self.spend(text.len());
        let object = Value::Object(Rc::from(text), depth + 1);
        if matches!(&object, Value::Object(text, _) if text.len() > LONGEST) {
            self.discard(&object);
            return UNKNOWN;
        }
        object
    }
}
