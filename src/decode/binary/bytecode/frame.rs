//! The machine at work on one code object: what each operation does to the stack, and which statements that makes.
//! In: operations. Out: statements to the machine. An operation that it does not know makes it forget the stack, and
//! nothing more; a stack that is too short gives unknown values.

use std::rc::Rc;

use super::Version;
use super::machine::Machine;
use super::marshal::{Code, Id};
use super::opcodes::Op;
use super::value::Value;

/// Where two ways meet: what the one way left on the stack, and how high the stack was.
struct Join {
    target: usize,
    text: Rc<str>,
    word: &'static str,
    height: usize,
}

/// A function of which the attributes are not all known.
struct Function {
    code: Id,
    class: bool,
    defaults: Vec<Rc<str>>,
    keyword_defaults: Vec<Rc<str>>,
}

pub(super) struct Frame<'m, 'b> {
    machine: &'m mut Machine<'b>,
    code: &'b Code<'b>,
    indent: usize,
    depth: usize,
    stack: Vec<Value>,
    joins: Vec<Join>,
    keywords: Vec<Rc<str>>,
    function: Option<Function>,
    /// What the last test was of, and where it jumps to.
    condition: Option<(usize, Rc<str>)>,
}

impl<'m, 'b> Frame<'m, 'b> {
    /// The longest expression that becomes part of another, in bytes.
    pub(super) const LONGEST: usize = 32 * 1024;
    /// The highest stack. Python itself seldom has more than a hundred.
    const HIGHEST: usize = 20_000;

    pub(super) fn new(machine: &'m mut Machine<'b>, code: &'b Code<'b>, indent: usize, depth: usize) -> Self {
        Frame {
            machine,
            code,
            indent,
            depth,
            stack: Vec::new(),
            joins: Vec::new(),
            keywords: Vec::new(),
            function: None,
            condition: None,
        }
    }

    /// Reads all operations.
    pub(super) fn run(&mut self) {
        let Some(table) = self.machine.table else { return };
        let units = self.code.code.as_chunks::<2>().0;
        let mut extended = 0usize;
        for (at, &[number, argument]) in units.iter().enumerate() {
            self.join(at);
            let op = table[usize::from(number)];
            let argument = extended << 8 | usize::from(argument);
            if op == Op::ExtendedArg {
                extended = argument & 0xff_ffff;
                continue;
            }
            extended = 0;
            let caches = if self.machine.version >= Version::V311 {
                units[at + 1..].iter().take(16).take_while(|unit| unit[0] == 0).count()
            } else {
                0
            };
            if op != Op::Skip {
                self.machine.spend(1);
                if op != Op::SetFunctionAttribute {
                    self.finish_function();
                }
                self.step(op, argument, at + 1, at + 1 + caches);
            }
            if self.stack.len() > Self::HIGHEST || self.joins.len() > Self::HIGHEST {
                self.clear();
            }
            if self.machine.exhausted() {
                break;
            }
        }
        self.finish_function();
        self.clear();
    }

    fn step(&mut self, op: Op, argument: usize, next: usize, behind: usize) {
        match op {
            Op::Skip | Op::ExtendedArg => {}
            Op::Unknown => self.clear(),
            Op::Const | Op::ReturnConst => {
                let id = self.machine.list(self.code.constants).get(argument).copied();
                let value = id.map_or(Value::Unknown, |id| self.machine.value(id));
                if op == Op::Const { self.push(value) } else { self.give_back(value) }
            }
            Op::SmallInt => self.express(argument.to_string()),
            Op::Return => {
                let value = self.pop();
                self.give_back(value);
            }
            Op::Null => self.push(Value::Null),
            Op::BuildClass => self.push(Value::BuildClass),
            Op::PushUnknown => self.push(Value::Unknown),
            Op::Pop => {
                let value = self.pop();
                self.machine.discard(self.indent, &value);
            }
            Op::PopQuietly => {
                self.pop();
            }
            Op::CheckException => {
                self.pop();
                self.push(Value::Unknown);
            }
            Op::Local
            | Op::TwoLocals
            | Op::Cell
            | Op::CellOf
            | Op::Name
            | Op::NameOf
            | Op::Global
            | Op::Attribute
            | Op::Method
            | Op::SuperAttribute
            | Op::Special
            | Op::Item => self.load(op, argument),
            Op::StoreName
            | Op::StoreLocal
            | Op::StoreCell
            | Op::StoreTwoLocals
            | Op::StoreThenLocal
            | Op::StoreAttribute
            | Op::StoreItem => self.store(op, argument),
            Op::Duplicate
            | Op::DuplicateTwo
            | Op::Copy
            | Op::Swap
            | Op::RotateTwo
            | Op::RotateThree
            | Op::RotateFour
            | Op::Rotate
            | Op::With => self.shuffle(op, argument),
            Op::Binary
            | Op::Add
            | Op::Modulo
            | Op::OtherBinary
            | Op::Compare
            | Op::Within
            | Op::Is
            | Op::Slice
            | Op::BuildSlice
            | Op::FormatValue
            | Op::FormatSimple
            | Op::FormatWithSpec
            | Op::JoinString => self.compute(op, argument),
            Op::CallFunction
            | Op::CallWithNames
            | Op::CallUnpacked
            | Op::CallMethod
            | Op::Call
            | Op::CallKeywords
            | Op::KeywordNames => self.call(op, argument),
            Op::List
            | Op::Tuple
            | Op::Set
            | Op::Map
            | Op::ConstKeyMap
            | Op::Extend
            | Op::Append
            | Op::MapAdd
            | Op::UnpackMaps
            | Op::UnpackLists
            | Op::Unpack => self.build(op, argument),
            Op::ImportName | Op::ImportFrom => self.import(op, argument),
            Op::MakeFunction | Op::SetFunctionAttribute => self.make_function(op, argument),
            Op::JumpForward | Op::PopJump | Op::PopJumpIfTrue | Op::PopJumpIfFalse | Op::OrElse | Op::AndThen => {
                self.jump(op, argument, next, behind)
            }
        }
    }

    fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    fn express(&mut self, text: String) {
        let text = self.machine.made(text);
        self.stack.push(Value::Expression(text));
    }

    fn pop(&mut self) -> Value {
        self.stack.pop().unwrap_or(Value::Unknown)
    }

    /// The topmost values in the order in which they were pushed; fewer if there are not as many.
    fn pop_many(&mut self, count: usize) -> Vec<Value> {
        self.stack.split_off(self.stack.len().saturating_sub(count))
    }

    /// The text of a part of an expression. One that is too long stands by itself.
    fn part(&mut self, value: &Value) -> Rc<str> {
        if value.length() > Self::LONGEST && !matches!(value, Value::Literal(_)) {
            self.machine.discard(self.indent, value);
            return Rc::from("_");
        }
        let text = value.text();
        self.machine.spend(text.len());
        text
    }

    fn pop_part(&mut self) -> Rc<str> {
        let value = self.pop();
        self.part(&value)
    }

    /// Forgets the stack; what stood on it stands by itself.
    fn clear(&mut self) {
        for join in std::mem::take(&mut self.joins) {
            self.machine.discard(self.indent, &Value::Expression(join.text));
        }
        for value in std::mem::take(&mut self.stack) {
            self.machine.discard(self.indent, &value);
        }
    }

    fn name(&mut self, nth: usize) -> Rc<str> {
        let id = self.machine.list(self.code.names).get(nth);
        self.machine.name(id)
    }

    fn local(&mut self, nth: usize) -> Rc<str> {
        let id = self.machine.list(self.code.locals).get(nth);
        self.machine.name(id)
    }

    fn cell(&mut self, nth: usize) -> Rc<str> {
        if self.machine.version >= Version::V311 {
            return self.local(nth);
        }
        let (cells, free) = (self.machine.list(self.code.cells), self.machine.list(self.code.free));
        self.machine.name(cells.iter().chain(free).nth(nth))
    }

    /// Pushes what is called, and the mark beside it.
    fn push_callable(&mut self, value: Value) {
        if self.machine.version >= Version::V313 {
            self.stack.extend([value, Value::Null]);
        } else {
            self.stack.extend([Value::Null, value]);
        }
    }

    fn load(&mut self, op: Op, argument: usize) {
        let version = self.machine.version;
        let name = match op {
            Op::Local => self.local(argument),
            Op::TwoLocals => {
                let first = self.local(argument >> 4);
                self.push(Value::Expression(first));
                self.local(argument & 15)
            }
            Op::CellOf | Op::NameOf => {
                self.pop();
                if op == Op::CellOf { self.cell(argument) } else { self.name(argument) }
            }
            Op::Cell => self.cell(argument),
            Op::Name => self.name(argument),
            Op::Global if version >= Version::V311 => {
                let name = Value::Expression(self.name(argument >> 1));
                if argument & 1 == 1 {
                    self.push_callable(name)
                } else {
                    self.push(name)
                }
                return;
            }
            Op::Global => self.name(argument),
            Op::SuperAttribute => {
                self.pop_many(3);
                let name = self.name(argument >> 2);
                let value = Value::Expression(self.machine.made(format!("super().{name}")));
                if argument & 1 == 1 {
                    self.push_callable(value)
                } else {
                    self.push(value)
                }
                return;
            }
            Op::Special => {
                let value = self.pop();
                self.push_callable(value);
                return;
            }
            Op::Item => {
                let index = self.pop_part();
                let base = self.pop_part();
                self.express(format!("{base}[{index}]"));
                return;
            }
            _ => {
                let packed = version >= Version::V312;
                let base = self.pop_part();
                let name = self.name(if packed { argument >> 1 } else { argument });
                let value = Value::Expression(self.machine.made(format!("{base}.{name}")));
                let method = op == Op::Method || (packed && argument & 1 == 1);
                if method {
                    self.push_callable(value)
                } else {
                    self.push(value)
                }
                return;
            }
        };
        self.push(Value::Expression(name));
    }

    fn store(&mut self, op: Op, argument: usize) {
        match op {
            Op::StoreName => {
                let name = self.name(argument);
                self.assign(&name);
            }
            Op::StoreLocal => {
                let name = self.local(argument);
                self.assign(&name);
            }
            Op::StoreCell => {
                let name = self.cell(argument);
                self.assign(&name);
            }
            Op::StoreTwoLocals => {
                for nth in [argument >> 4, argument & 15] {
                    let name = self.local(nth);
                    self.assign(&name);
                }
            }
            Op::StoreThenLocal => {
                let name = self.local(argument >> 4);
                self.assign(&name);
                let next = self.local(argument & 15);
                self.push(Value::Expression(next));
            }
            Op::StoreAttribute => {
                let base = self.pop_part();
                let name = self.name(argument);
                self.assign(&format!("{base}.{name}"));
            }
            _ => {
                let index = self.pop_part();
                let base = self.pop_part();
                self.assign(&format!("{base}[{index}]"));
            }
        }
    }

    /// Says that the topmost value is given to `target`.
    fn assign(&mut self, target: &str) {
        const SILENT: [&str; 5] =
            ["__module__", "__qualname__", "__firstlineno__", "__static_attributes__", "__classcell__"];
        let statement = match self.pop() {
            Value::Null | Value::Unknown | Value::BuildClass | Value::Code(_) => return,
            Value::Module(module) if *module == *target || module.contains('.') => format!("import {module}"),
            Value::Module(module) => format!("import {module} as {target}"),
            Value::Imported(module, name) if *name == *target => format!("from {module} import {name}"),
            Value::Imported(module, name) => format!("from {module} import {name} as {target}"),
            _ if SILENT.contains(&target) => return,
            value => format!("{target} = {}", value.text()),
        };
        self.machine.say(self.indent, &statement);
    }

    fn give_back(&mut self, value: Value) {
        if value.tells() {
            let text = value.text();
            self.machine.say(self.indent, &format!("return {text}"));
        }
        self.clear();
    }

    fn shuffle(&mut self, op: Op, argument: usize) {
        let height = self.stack.len();
        let nth = |depth: usize| height.checked_sub(depth.max(1));
        match op {
            Op::Duplicate | Op::Copy => {
                let depth = if op == Op::Copy { argument } else { 1 };
                let value = nth(depth).and_then(|at| self.stack.get(at)).cloned();
                self.push(value.unwrap_or(Value::Unknown));
            }
            Op::DuplicateTwo => {
                for _ in 0..2 {
                    let value = nth(2).and_then(|at| self.stack.get(at + self.stack.len() - height)).cloned();
                    self.push(value.unwrap_or(Value::Unknown));
                }
            }
            Op::Swap => {
                if let Some(at) = nth(argument).filter(|_| height > 0) {
                    self.stack.swap(at, height - 1);
                }
            }
            Op::With => {
                let value = self.pop();
                self.stack.extend([Value::Unknown, value]);
            }
            _ => {
                let depth = match op {
                    Op::RotateTwo => 2,
                    Op::RotateThree => 3,
                    Op::RotateFour => 4,
                    _ => argument,
                };
                if let Some(at) = nth(depth).filter(|_| height > 0) {
                    self.stack[at..].rotate_right(1);
                }
            }
        }
    }

    fn compute(&mut self, op: Op, argument: usize) {
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
    fn replace(&mut self, count: usize, value: Value) {
        for gone in self.pop_many(count) {
            self.machine.discard(self.indent, &gone);
        }
        self.push(value);
    }

    fn join_string(&mut self, count: usize) {
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

    fn call(&mut self, op: Op, argument: usize) {
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

    fn names_of(&mut self, id: Option<Id>) -> Vec<Rc<str>> {
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
    fn callee(&mut self, op: Op, arguments: &mut Vec<Rc<str>>) -> Value {
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
    fn unpacked(&mut self, argument: usize, arguments: &mut Vec<Rc<str>>) {
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

    fn build(&mut self, op: Op, argument: usize) {
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

    fn pair(&mut self, key: &Value, value: Option<&Value>) -> Rc<str> {
        let key = self.part(key);
        let value = value.map_or_else(|| Rc::from("_"), |value| self.part(value));
        self.machine.made(format!("{key}: {value}"))
    }

    /// Adds to the list or dictionary that lies `depth` deep when what is added is gone.
    fn add(&mut self, op: Op, depth: usize) {
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

    fn import(&mut self, op: Op, argument: usize) {
        let name = self.name(argument);
        if op == Op::ImportName {
            self.pop_many(2);
            self.push(Value::Module(name));
        } else {
            let module = self.stack.last().map_or_else(|| Rc::from("_"), Value::text);
            self.push(Value::Imported(module, name));
        }
    }

    fn make_function(&mut self, op: Op, argument: usize) {
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
    fn finish_function(&mut self) {
        let Some(function) = self.function.take() else { return };
        let Some(super::marshal::Object::Code(code)) = self.machine.objects.get(function.code) else { return };
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

    fn jump(&mut self, op: Op, argument: usize, next: usize, behind: usize) {
        let version = self.machine.version;
        let absolute = version < Version::V311 && op != Op::JumpForward;
        let units = if version < Version::V310 { argument / 2 } else { argument };
        let target = if absolute { units } else { behind.max(next).saturating_add(units) };
        let value = self.pop();
        let word = match op {
            Op::JumpForward => " else ",
            Op::OrElse => " or ",
            Op::AndThen => " and ",
            // `a or b` keeps a copy of what it tests.
            Op::PopJumpIfTrue if self.is_copy(&value) => " or ",
            Op::PopJumpIfFalse if self.is_copy(&value) => " and ",
            _ => {
                let text = self.part(&value);
                self.condition = Some((target, text));
                self.machine.discard(self.indent, &value);
                return;
            }
        };
        if matches!(value, Value::Unknown | Value::Null) {
            return;
        }
        let copied = matches!(op, Op::PopJumpIfTrue | Op::PopJumpIfFalse);
        let height = self.stack.len() - usize::from(copied && !self.stack.is_empty());
        let mut text = self.part(&value);
        // `a if test else b`: the test jumps to where `b` begins, right behind this jump.
        if op == Op::JumpForward
            && let Some((_, test)) = self.condition.take().filter(|(target, _)| *target == next)
        {
            text = self.machine.made(format!("{text} if {test}"));
        }
        self.joins.push(Join { target, text, word, height });
        // What pops the copy need not say it.
        if copied && let Some(top) = self.stack.last_mut() {
            *top = Value::Unknown;
        }
    }

    fn is_copy(&self, value: &Value) -> bool {
        match (self.stack.last(), value) {
            (Some(Value::Expression(top)), Value::Expression(text)) => Rc::ptr_eq(top, text),
            _ => false,
        }
    }

    /// Joins what two ways that meet here have left.
    fn join(&mut self, at: usize) {
        while let Some(join) = self.joins.pop_if(|join| join.target <= at) {
            if join.target == at && self.stack.len() == join.height + 1 {
                let right = self.pop_part();
                self.express(format!("{}{}{right}", join.text, join.word));
            } else {
                self.machine.discard(self.indent, &Value::Expression(join.text));
            }
        }
    }
}
