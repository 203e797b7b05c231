//! The variable set in line with a command: the shell's history, the parent's arguments and the screen hold the key.
//! In: commands. Out: the assignments.

use std::ops::Range;

use super::Point;
use super::passage::Passage;
use super::shell::{self, Command, Word};
use super::value;

/// What breaks the rule.
pub(super) fn check(passage: &Passage<'_>) -> Vec<Point> {
    let points = passage.commands().iter().filter_map(|command| {
        let span = assignment(command)?;
        Some(Point { about: command.span(), ..Point::new(span) })
    });
    points.collect()
}

/// The assignment of the key that stands before a program.
fn assignment(command: &Command) -> Option<Range<usize>> {
    let before = command.assignments();
    let program = command.words.get(before)?;
    let set = match command.program() {
        b"env" | b"sudo" => {
            let arguments = command.arguments();
            let own = arguments
                .iter()
                .take_while(|word| word.text.starts_with(b"-") || value::assignment(&word.text).is_some())
                .count();
            arguments.get(own)?;
            &arguments[..own]
        }
        // `export NAME=… ./script` takes the script for one more name.
        b"export" => {
            let arguments = command.arguments();
            let other = arguments.iter().position(|word| shell::is_program(Some(word)))?;
            &arguments[..other]
        }
        _ if command.is_known() && !is_sign(program) => &command.words[..before],
        _ => return None,
    };
    set.iter().find(|word| sets_key(word)).map(|word| word.span.clone())
}

fn is_sign(word: &Word) -> bool {
    !word.text.iter().any(u8::is_ascii_alphanumeric)
}

fn sets_key(word: &Word) -> bool {
    value::assignment(&word.text).is_some_and(|(name, given)| {
        value::is_key_name(name) && !given.is_empty() && !value::is_dummy(given) && !value::is_reference(given)
    })
}
