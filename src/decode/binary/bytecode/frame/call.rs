//! Calls, and the functions and classes that a code object makes. In: operations. Out: calls as expressions, the lines
//! of functions and what is in them.

use std::rc::Rc;

use super::super::Version;
use super::super::marshal::{Id, Object};
use super::super::opcodes::Op;
use super::super::value::Value;
use super::{Frame, Function};

impl Frame<'_, '_> {
    /// Pushes what is called, and the mark beside it.
    pub(super) fn push_callable(&mut self, value: Value) {
        if self.machine.version >= Version::V313 {
            self.stack.extend([value, Value::Null]);
        } else {
            self.stack.extend([Value::Null, value]);
        }
    }

    pub(super) fn call(&mut self, op: Op, argument: usize) {
        let mut keywords = match op {
            Op::KeywordNames => {
                let id = self.machine.list(self.code.constants).get(argument).copied();
                self.keywords = self.names_of(id);
                return;
            }
            Op::CallWithNames | Op::CallKeywords => match self.pop() {
                Value::Items(_, names) => names.iter().map(|name| Rc::from(name.trim_matches('"'))).collect(),
                _ => Vec::new(),
            },
            _ => std::mem::take(&mut self.keywords),
        };
        let mut arguments = Vec::new();
        if op == Op::CallUnpacked {
            self.unpacked(argument, &mut arguments);
        } else {
            let values = self.pop_many(argument);
            let named = values.len().saturating_sub(keywords.len());
            keywords.reverse();
            for (nth, value) in values.iter().enumerate() {
                let text = self.part(value);
                match if nth >= named { keywords.pop() } else { None } {
                    Some(keyword) => arguments.push(Rc::from(format!("{keyword}={text}"))),
                    None => arguments.push(text),
                }
            }
        }
        let callee = self.callee(op, &mut arguments);
        if matches!(callee, Value::BuildClass) {
            self.push(Value::Unknown);
            return;
        }
        let callee = self.part(&callee);
        let text = self.machine.made(format!("{callee}({})", arguments.join(", ")));
        self.push(Value::Expression(text));
    }

    pub(super) fn names_of(&mut self, id: Option<Id>) -> Vec<Rc<str>> {
        let names = id.map_or(&[][..], |id| self.machine.list(id));
        names
            .iter()
            .map(|id| {
                self.machine.shown[*id] = true;
                self.machine.name(Some(id))
            })
            .collect()
    }

    /// What is called; the object of a method that stands beside it is the first argument.
    pub(super) fn callee(&mut self, op: Op, arguments: &mut Vec<Rc<str>>) -> Value {
        let version = self.machine.version;
        let top = self.pop();
        if version < Version::V311 && op != Op::CallMethod {
            return top;
        }
        match (self.pop(), top) {
            (Value::Null, top) => top,
            (below, Value::Null) => below,
            (below, top) => {
                arguments.insert(0, self.part(&top));
                below
            }
        }
    }

    /// The arguments of `f(*a, **b)`.
    pub(super) fn unpacked(&mut self, argument: usize, arguments: &mut Vec<Rc<str>>) {
        let keywords = (argument & 1 == 1 || self.machine.version >= Version::V314).then(|| self.pop());
        match self.pop() {
            Value::Items(_, items) => arguments.extend(items.iter().cloned()),
            Value::Null | Value::Unknown => {}
            value => arguments.push(Rc::from(format!("*{}", self.part(&value)))),
        }
        match keywords {
            Some(Value::Items(_, items)) => {
                for item in items.iter() {
                    let pair = item.strip_prefix('"').and_then(|item| item.split_once("\": "));
                    arguments.push(
                        pair.map_or_else(|| Rc::clone(item), |(name, value)| Rc::from(format!("{name}={value}"))),
                    );
                }
            }
            None | Some(Value::Null | Value::Unknown) => {}
            Some(value) => arguments.push(Rc::from(format!("**{}", self.part(&value)))),
        }
        self.machine.spend(arguments.iter().map(|argument| argument.len()).sum());
    }

    pub(super) fn make_function(&mut self, op: Op, argument: usize) {
        let items = |value: Value| if let Value::Items(_, items) = value { items.to_vec() } else { Vec::new() };
        if op == Op::SetFunctionAttribute {
            let function = self.pop();
            let value = self.pop();
            self.push(function);
            match (&mut self.function, argument) {
                (Some(function), 1) => function.defaults = items(value),
                (Some(function), 2) => function.keyword_defaults = items(value),
                _ => {}
            }
            return;
        }
        let version = self.machine.version;
        if version < Version::V311 {
            self.pop();
        }
        let code = self.pop();
        let flags = if version < Version::V313 { argument } else { 0 };
        for flag in [8, 4] {
            if flags & flag != 0 {
                self.pop();
            }
        }
        let keyword_defaults = if flags & 2 != 0 { items(self.pop()) } else { Vec::new() };
        let defaults = if flags & 1 != 0 { items(self.pop()) } else { Vec::new() };
        let below = self.stack.iter().rev().find(|value| !matches!(value, Value::Null));
        let class = matches!(below, Some(Value::BuildClass));
        if let Value::Code(code) = code {
            self.function = Some(Function { code, class, defaults, keyword_defaults });
        }
        self.push(Value::Unknown);
    }

    /// Shows the function that was made.
    pub(super) fn finish_function(&mut self) {
        let Some(function) = self.function.take() else { return };
        let Some(Object::Code(code)) = self.machine.objects.get(function.code) else { return };
        let name = self.machine.name(Some(&code.name));
        let mut indent = self.indent;
        if function.class {
            self.machine.say(indent, &format!("class {name}:"));
            indent += 1;
        } else if !self.machine.is_anonymous(code.name) {
            let locals = self.machine.list(code.locals);
            let mut arguments = Vec::new();
            let first = code.arguments.saturating_sub(function.defaults.len());
            for (nth, id) in locals.iter().enumerate().take(code.arguments.saturating_add(code.keyword_only)) {
                let local = self.machine.name(Some(id));
                let default = match nth.checked_sub(first).filter(|_| nth < code.arguments) {
                    Some(nth) => function.defaults.get(nth).map(|default| &**default),
                    None => function
                        .keyword_defaults
                        .iter()
                        .find_map(|pair| pair.strip_prefix('"')?.strip_prefix(&*local)?.strip_prefix("\": ")),
                };
                arguments.push(default.map_or_else(|| local.to_string(), |default| format!("{local}={default}")));
            }
            self.machine.say(indent, &format!("def {name}({}):", arguments.join(", ")));
            indent += 1;
        } else {
            for default in function.defaults.into_iter().chain(function.keyword_defaults) {
                self.machine.discard(indent, &Value::Expression(default));
            }
        }
        self.machine.code(function.code, indent, self.depth + 1);
    }
}
