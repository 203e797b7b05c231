//! Jumps, none of which is taken: what `or`, `and` and `if … else` leave on the stack is joined where their ways meet.
//! In: operations. Out: values on the stack.

use std::rc::Rc;

use super::super::Version;
use super::super::opcodes::Op;
use super::super::value::Value;
use super::{Frame, Join};

impl Frame<'_, '_> {
    pub(super) fn jump(&mut self, op: Op, argument: usize, next: usize, behind: usize) {
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

    pub(super) fn is_copy(&self, value: &Value) -> bool {
        match (self.stack.last(), value) {
            (Some(Value::Expression(top)), Value::Expression(text)) => Rc::ptr_eq(top, text),
            _ => false,
        }
    }

    /// Joins what two ways that meet here have left.
    pub(super) fn join(&mut self, at: usize) {
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
