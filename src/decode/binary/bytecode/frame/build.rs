//! Expressions of several parts: operators, strings, lists, dictionaries. In: operations. Out: values on the stack.

use std::rc::Rc;

use super::super::Version;
use super::super::opcodes::Op;
use super::super::value::Value;
use super::Frame;

impl Frame<'_, '_> {
    pub(super) fn compute(&mut self, op: Op, argument: usize) {
        const OPERATORS: [&str; 13] = ["+", "&", "//", "<<", "@", "*", "%", "|", "**", ">>", "-", "/", "^"];
        const SUBSCRIPT: usize = 26;
        const COMPARISONS: [&str; 10] = ["<", "<=", "==", "!=", ">", ">=", "in", "not in", "is", "is not"];
        let word = match op {
            Op::Binary if argument == SUBSCRIPT => return self.load(Op::Item, 0),
            Op::Binary => OPERATORS[argument % OPERATORS.len()],
            Op::Add => "+",
            Op::Modulo => "%",
            Op::OtherBinary => "*",
            Op::Compare => {
                let number = match self.machine.version {
                    version if version >= Version::V313 => argument >> 5,
                    Version::V312 => argument >> 4,
                    _ => argument,
                };
                COMPARISONS.get(number).copied().unwrap_or("is")
            }
            Op::Within => ["in", "not in"][argument & 1],
            Op::Is => "is",
            Op::Slice | Op::BuildSlice => {
                let count = if op == Op::Slice { 3 } else { argument };
                self.replace(count, Value::Unknown);
                return;
            }
            Op::JoinString => return self.join_string(argument),
            _ => {
                if op == Op::FormatWithSpec || (op == Op::FormatValue && argument & 4 != 0) {
                    self.pop();
                }
                let text = self.pop_part();
                self.push(Value::Formatted(text));
                return;
            }
        };
        let right = self.pop_part();
        let left = self.pop_part();
        self.express(format!("{left} {word} {right}"));
    }

    /// Replaces the topmost values, which stand by themselves.
    pub(super) fn replace(&mut self, count: usize, value: Value) {
        for gone in self.pop_many(count) {
            self.machine.discard(self.indent, &gone);
        }
        self.push(value);
    }

    pub(super) fn join_string(&mut self, count: usize) {
        let mut text = String::from("\"");
        for value in self.pop_many(count) {
            let part = self.part(&value);
            match &value {
                Value::Literal(_) => text.push_str(&part[1..part.len() - 1]),
                _ if part.contains('"') => {
                    self.machine.discard(self.indent, &value);
                    text.push_str("{_}");
                }
                _ => {
                    text.push('{');
                    text.push_str(&part);
                    text.push('}');
                }
            }
        }
        text.push('"');
        let text = self.machine.made(text);
        self.push(Value::Literal(text));
    }

    pub(super) fn build(&mut self, op: Op, argument: usize) {
        match op {
            Op::List | Op::Tuple | Op::Set => {
                let values = self.pop_many(argument);
                let items = values.iter().map(|value| self.part(value)).collect();
                let open = match op {
                    Op::List => b'[',
                    Op::Tuple => b'(',
                    _ => b'{',
                };
                self.push(Value::Items(open, Rc::new(items)));
            }
            Op::Map => {
                let values = self.pop_many(argument.saturating_mul(2));
                let items = values.chunks(2).map(|pair| self.pair(&pair[0], pair.get(1))).collect();
                self.push(Value::Items(b'{', Rc::new(items)));
            }
            Op::ConstKeyMap => {
                let keys = self.pop();
                let values = self.pop_many(argument);
                let keys = if let Value::Items(_, keys) = keys { keys } else { Rc::default() };
                let items = keys
                    .iter()
                    .zip(&values)
                    .map(|(key, value)| self.pair(&Value::Expression(Rc::clone(key)), Some(value)))
                    .collect();
                self.push(Value::Items(b'{', Rc::new(items)));
            }
            Op::Extend | Op::Append | Op::MapAdd => self.add(op, argument),
            Op::UnpackMaps | Op::UnpackLists => {
                let open = if op == Op::UnpackMaps { b'{' } else { b'[' };
                let mut items = Vec::new();
                for value in self.pop_many(argument) {
                    match value {
                        Value::Items(_, more) => items.extend(more.iter().cloned()),
                        value => items.push(self.part(&value)),
                    }
                }
                self.machine.spend(items.len() * 16);
                self.push(Value::Items(open, Rc::new(items)));
            }
            _ => match self.pop() {
                Value::Items(b'(' | b'[', items) if items.len() == argument => {
                    self.stack.extend(items.iter().rev().map(|item| Value::Expression(Rc::clone(item))));
                }
                value => {
                    self.machine.discard(self.indent, &value);
                    let room = Self::HIGHEST.saturating_sub(self.stack.len());
                    self.stack.extend(std::iter::repeat_n(Value::Unknown, argument.min(room)));
                }
            },
        }
    }

    pub(super) fn pair(&mut self, key: &Value, value: Option<&Value>) -> Rc<str> {
        let key = self.part(key);
        let value = value.map_or_else(|| Rc::from("_"), |value| self.part(value));
        self.machine.made(format!("{key}: {value}"))
    }

    /// Adds to the list or dictionary that lies `depth` deep when what is added is gone.
    pub(super) fn add(&mut self, op: Op, depth: usize) {
        let added = match (op, self.pop()) {
            (Op::Extend, Value::Items(_, items)) => items.to_vec(),
            (Op::Extend, value) => {
                self.machine.discard(self.indent, &value);
                return;
            }
            (Op::MapAdd, value) => {
                let key = self.pop();
                // Before 3.8 the value came first.
                let (key, value) = if self.machine.version < Version::V38 { (value, key) } else { (key, value) };
                vec![self.pair(&key, Some(&value))]
            }
            (_, value) => vec![self.part(&value)],
        };
        self.machine.spend(added.len() * 16);
        let at = self.stack.len().checked_sub(depth.max(1));
        if let Some(Value::Items(_, items)) = at.and_then(|at| self.stack.get_mut(at)) {
            if Rc::strong_count(items) > 1 {
                self.machine.spend(items.len() * 16);
            }
            Rc::make_mut(items).extend(added);
        } else {
            for text in added {
                self.machine.discard(self.indent, &Value::Expression(text));
            }
        }
    }
}
