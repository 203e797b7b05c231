//! The machine at work on one code object: what each operation does to the stack, and which statements that makes.
//! In: operations. Out: statements to the machine. An operation that it does not know makes it forget the stack, and
//! nothing more; a stack that is too short gives unknown values.

mod build;
mod call;
mod jump;
mod names;

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
}
