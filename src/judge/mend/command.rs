//! Commands that need no key on their line: `wandb login KEY`, and `docker run -e WANDB_API_KEY=$WANDB_API_KEY`, which hands
//! on the variable that it is given by name alone. In: a passage. Out: the edits, of words that are plain enough to be taken
//! out of whatever quotes or configuration they stand in.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::Mend;
use crate::judge::habit::key_as_argument::login_word;
use crate::judge::habit::passage::Passage;
use crate::judge::habit::shell::{Command, Word, is_program};

/// The habit that is ended.
const RULE: &str = "key-as-argument";

pub(super) fn mends(passage: &Passage<'_>) -> Vec<Mend> {
    let text = passage.text;
    let own_variable = !sets_without_export(text);
    let mut found = Vec::new();
    for command in passage.commands() {
        if let Some(span) = login_word(command).and_then(|word| with_space(text, command, word)) {
            found.push(Mend { span, by: "", rule: Some(RULE) });
        }
        if own_variable {
            let spans = handed_on(text, command);
            found.extend(spans.map(|span| Mend { span, by: "WANDB_API_KEY", rule: Some(RULE) }));
        }
    }
    // What a string says may be read twice: in its line, and by itself.
    found.sort_by_key(|mend| (mend.span.start, mend.span.end));
    found.dedup();
    found
}

/// A word that can go: a name, a variable, a placeholder, a literal in a pair of quotes.
static PLAIN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r#"(?x-u)^(?: [A-Za-z0-9_-]+ | \$\$?\w+ | \$\$?\{\w+\} | \$\(\w+\) | %\w+% | <[\w\x20-]+>
        | "(?: [^"\\`\n$]* | \$\$?\w+ | \$\$?\{\w+\} )" | '[^'\\\n]*' | \\"(?: [^"\\`\n$]* | \$\$?\w+ | \$\$?\{\w+\} )\\" )$"#;
    Regex::new(pattern).ok()
});

/// An expression that something fills in before a shell runs. Nothing else has the key then, unless the file sets the
/// variable too.
static FILLED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"(?-u)^["']?\$?\{\{[^{}'"\n]*\}\}["']?$"#).ok());
static PROVIDED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?m-u)^[ \t]*(?:-[ \t]+)?["']?WANDB_API_KEY["']?[ \t]*:"#).ok());

/// A word with the space before it, if it can go.
fn with_space(text: &[u8], command: &Command, word: &Word) -> Option<Range<usize>> {
    let written = &text[word.span.clone()];
    let filled = || FILLED.as_ref().is_some_and(|pattern| pattern.is_match(written));
    let provided = || PROVIDED.as_ref().is_some_and(|pattern| pattern.is_match(text));
    let can_go = PLAIN.as_ref()?.is_match(written) || filled() && provided();
    if !can_go {
        return None;
    }
    let before = command.words.iter().rfind(|other| other.span.end <= word.span.start)?;
    let mut start = word.span.start;
    while start > before.span.end && matches!(text[start - 1], b' ' | b'\t' | b'\r' | b'\n' | b'\\') {
        start -= 1;
    }
    Some(start..word.span.end)
}

/// The variable set to itself, with its quotes.
static ITSELF: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let value = r"\$(?:WANDB_API_KEY|\{WANDB_API_KEY\})";
    let pattern = format!(
        r#"(?x-u)^(?P<option>-e=?|--env=)?(?P<point> WANDB_API_KEY={value} | WANDB_API_KEY="{value}"
        | WANDB_API_KEY=\\"{value}\\" | "WANDB_API_KEY={value}" | \\"WANDB_API_KEY={value}\\" )$"#
    );
    Regex::new(&pattern).ok()
});

/// The words of a container's start that hand on the variable by its value, where the name would do.
fn handed_on<'c>(text: &'c [u8], command: &'c Command) -> impl Iterator<Item = Range<usize>> + 'c {
    // Another program in between, as `sudo` before it, has an environment or options of its own.
    const RUNS: &[&[u8]] = &[b"docker", b"podman", b"nerdctl", b"nvidia-docker", b"docker-compose"];
    let runs = RUNS.contains(&command.program());
    let own = command.assignments() == 0;
    let arguments = command.arguments();
    let upto = arguments.iter().position(|word| is_program(Some(word))).unwrap_or(arguments.len());
    let words = arguments[..upto].iter().enumerate().filter(move |_| runs && own);
    words.filter_map(move |(nth, word)| {
        let found = ITSELF.as_ref()?.captures(&text[word.span.clone()])?;
        let option = nth.checked_sub(1).map(|before| arguments[before].text.as_slice()).unwrap_or_default();
        let taken = found.name("option").is_some() || matches!(option, b"-e" | b"--env");
        let point = found.name("point").filter(|_| taken)?;
        Some(word.span.start + point.start()..word.span.start + point.end())
    })
}

static SETS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?m-u)^[ \t]*(?:(?:local|read)\b[^\n]*[ \t])?WANDB_API_KEY(?:=|[ \t]*$)").ok());
static EXPORTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?m-u)\b(?:export|declare[ \t]+-x)[ \t][^\n]*\bWANDB_API_KEY\b|\bset[ \t]+-\w*a").ok()
});

/// Whether a text sets the variable for itself alone, so that its name would hand on nothing.
fn sets_without_export(text: &[u8]) -> bool {
    let says = |pattern: &LazyLock<Option<Regex>>| pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
    says(&SETS) && !says(&EXPORTS)
}
