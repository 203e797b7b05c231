//! What the machine does with names: loads, assignments, imports. In: operations. Out: values on the stack, statements.

use std::rc::Rc;

use super::super::Version;
use super::super::opcodes::Op;
use super::super::value::Value;
use super::Frame;

impl Frame<'_, '_> {
    pub(super) fn name(&mut self, nth: usize) -> Rc<str> {
        let id = self.machine.list(self.code.names).get(nth);
        self.machine.name(id)
    }

    pub(super) fn local(&mut self, nth: usize) -> Rc<str> {
        let id = self.machine.list(self.code.locals).get(nth);
        self.machine.name(id)
    }

    pub(super) fn cell(&mut self, nth: usize) -> Rc<str> {
        if self.machine.version >= Version::V311 {
            return self.local(nth);
        }
        let (cells, free) = (self.machine.list(self.code.cells), self.machine.list(self.code.free));
        self.machine.name(cells.iter().chain(free).nth(nth))
    }

    pub(super) fn load(&mut self, op: Op, argument: usize) {
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

    pub(super) fn store(&mut self, op: Op, argument: usize) {
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
    pub(super) fn assign(&mut self, target: &str) {
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

    pub(super) fn import(&mut self, op: Op, argument: usize) {
        let name = self.name(argument);
        if op == Op::ImportName {
            self.pop_many(2);
            self.push(Value::Module(name));
        } else {
            let module = self.stack.last().map_or_else(|| Rc::from("_"), Value::text);
            self.push(Value::Imported(module, name));
        }
    }
}
