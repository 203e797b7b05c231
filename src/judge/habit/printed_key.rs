//! The key printed or logged: a log is read by more people, and kept longer, than anybody thinks of. In: commands that print,
//! and calls that do. Out: what is printed.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::Point;
use super::call;
use super::passage::Passage;
use super::shell::{Command, End, PRINTERS};
use super::value;
use crate::rule::Site;

/// What breaks the rule.
pub(super) fn check(passage: &Passage<'_>) -> Vec<Point> {
    let commands = passage.commands();
    let mut points = Vec::new();
    for (nth, command) in commands.iter().enumerate() {
        if let Some(span) = printed(command, commands.get(nth + 1)) {
            points.push(Point { about: command.span(), ..Point::new(span) });
        }
    }
    if matches!(passage.site, Site::Source | Site::Notebook | Site::Docs) {
        points.extend(calls(passage));
    }
    points
}

/// What a command prints of the key.
fn printed(command: &Command, next: Option<&Command>) -> Option<Range<usize>> {
    let program = command.program();
    let arguments = command.arguments();
    if command.to_file || command.captured {
        return None;
    }
    let lists = matches!(program, b"env" | b"printenv" | b"export" | b"set") && arguments.len() <= 1;
    if command.end == End::Pipe {
        // `env | grep WANDB` shows names with their values.
        let next = next.filter(|next| lists && next.end != End::Pipe && !next.to_file)?;
        let grep = matches!(next.program(), b"grep" | b"egrep" | b"rg" | b"findstr");
        let silent =
            |word: &[u8]| word.starts_with(b"-") && word.iter().any(|b| matches!(b, b'q' | b'c' | b'l' | b'o'));
        let quiet = next.arguments().iter().any(|word| silent(&word.text));
        let words = next.arguments().iter().map(|word| word.text.to_ascii_lowercase());
        let shows = words.filter(|word| !word.starts_with(b"-")).any(|word| {
            memchr::memmem::find(&word, b"wandb").is_some()
                && [&b"project"[..], b"entity", b"mode"]
                    .iter()
                    .all(|other| memchr::memmem::find(&word, other).is_none())
        });
        return (grep && shows && !quiet).then(|| command.span().start..next.span().end);
    }
    if program == b"printenv" {
        return arguments.iter().find(|word| value::is_key_name(&word.text)).map(|word| word.span.clone());
    }
    let masks = |word: &[u8]| memchr::memmem::find(word, b"add-mask").is_some();
    if !PRINTERS.contains(&program) || arguments.iter().any(|word| masks(&word.text)) {
        return None;
    }
    arguments.iter().find(|word| value::key_variable(&word.text)).map(|word| word.span.clone())
}

static PRINTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r"(?m-u)(?:^|[^\w.])(?:p?print|console\.(?:log|info|debug|warn|error)|_?log(?:ger|ging)?\.(?:info|debug|warning|warn|error|critical|exception|log)|(?:self|rank_zero)[._]log(?:ger)?\.\w+|fmt\.Print\w*|log\.Print\w*|e?println!|System\.out\.print\w*|puts|st\.write|sys\.std(?:out|err)\.write|typer\.echo|click\.echo|Console\.WriteLine|cat|message)\s*\(";
    Regex::new(pattern).ok()
});

/// How often a text is read for what a name means in it.
const MOST_LOOKS: usize = 200;

/// The key in calls that print.
fn calls(passage: &Passage<'_>) -> Vec<Point> {
    let text = passage.text;
    let Some(pattern) = PRINTS.as_ref() else { return Vec::new() };
    let mut points = Vec::new();
    let mut looks = MOST_LOOKS;
    for found in passage.found(pattern).filter_map(|found| found.get(0)) {
        let Some(inside) = call::arguments(text, found.end() - 1) else { continue };
        if call::in_comment(text, found.start() + 1) {
            continue;
        }
        if let Some(span) = shown(text, inside.clone(), &mut looks) {
            points.push(Point { about: found.start()..inside.end, ..Point::new(span) });
        }
    }
    points
}

static EXPRESSION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r#"(?-u)(?:(?:os|std|process|System|Environment|syscall)(?:\.|::))?(?:environ(?:\.get)?|getenv|env|env::var|ENV|GetEnvironmentVariable|Getenv)\s*[\[(]\s*["'](?P<named>\w+)["'][^\])]*[\])]|process\.env\.(?P<node>\w+)|(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)"#;
    Regex::new(pattern).ok()
});

/// What of an argument list is the key itself: no length, no part, no comparison.
fn shown(text: &[u8], inside: Range<usize>, looks: &mut usize) -> Option<Range<usize>> {
    for code in call::code(text, inside) {
        for found in EXPRESSION.as_ref()?.captures_iter(&text[code.clone()]) {
            let Some(whole) = found.get(0) else { continue };
            let name = found.name("named").or(found.name("node")).or(found.name("name"))?;
            let span = code.start + whole.start()..code.start + whole.end();
            let last = name.as_bytes().rsplit(|b| *b == b'.').next().unwrap_or_default();
            // What the SDK has it under: `wandb.api.api_key`.
            let held = name.as_bytes().starts_with(b"wandb.") && last.ends_with(b"key");
            if !(held || value::is_key_name(last)) || lessened(text, &code, &span) {
                continue;
            }
            *looks = looks.checked_sub(1)?;
            if is_credential(text, name.as_bytes(), last) && !masked(text, name.as_bytes()) {
                return Some(span);
            }
        }
    }
    None
}

/// Whether a name is one of a credential: `wandb_key` alone may be the key of a metric, unless the text says where it comes from
/// or goes.
fn is_credential(text: &[u8], name: &[u8], last: &[u8]) -> bool {
    let lower = last.to_ascii_lowercase();
    let says = [&b"api"[..], b"token", b"secret", b"login", b"password"]
        .iter()
        .any(|word| memchr::memmem::find(&lower, word).is_some());
    let loud = last.iter().all(|b| !b.is_ascii_lowercase());
    if says || loud || name.len() > last.len() {
        return true;
    }
    memchr::memmem::find_iter(text, name).any(|at| {
        let line = super::lines_of(text, at..at + name.len());
        let line = &text[line];
        let has = |word: &[u8]| memchr::memmem::find(line, word).is_some();
        has(b"login") || has(b"environ") || has(b"getenv") || has(b"API_KEY") || has(b"get_secret") || has(b"userdata")
    })
}

/// Whether a variable holds not the key but what is shown for it: `key = "REDACTED" if … else None`.
fn masked(text: &[u8], name: &[u8]) -> bool {
    memchr::memmem::find_iter(text, name).any(|at| {
        let rest = text[at + name.len()..].trim_ascii_start();
        let Some(value) = rest.strip_prefix(b"=").filter(|value| !value.starts_with(b"=")) else { return false };
        let line = &value[..memchr::memchr(b'\n', value).unwrap_or(value.len())];
        let line = line.trim_ascii().to_ascii_lowercase();
        let starts = [&b"bool("[..], b"len(", b"mask", b"redact"].iter().any(|word| line.starts_with(word));
        let hides =
            [&b"redact"[..], b"***", b"[:4]", b"mask"].iter().any(|word| memchr::memmem::find(&line, word).is_some());
        starts || hides
    })
}

/// Whether what stands round an expression makes less of it than its text.
fn lessened(text: &[u8], code: &Range<usize>, span: &Range<usize>) -> bool {
    let before = text[code.start..span.start].trim_ascii_end();
    let before =
        [&b"os."[..], b"process.", b"std::"].iter().find_map(|base| before.strip_suffix(*base)).unwrap_or(before);
    let after = text[span.end..code.end].trim_ascii_start();
    let after = after.strip_prefix(b")").unwrap_or(after).trim_ascii_start();
    let called = before.ends_with(b"(") && {
        let callee = before[..before.len() - 1].trim_ascii_end();
        callee.last().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
            && !callee.ends_with(b"str")
            && !callee.ends_with(b"repr")
    };
    let operators: &[&[u8]] = &[
        b"[", b"(", b"==", b"!=", b"is ", b"in ", b"?", b"if ", b"and ", b"or ", b"&&", b"= ", b".length", b".len",
        b"=", b"else",
    ];
    let compared = operators
        .iter()
        .any(|operator| after.starts_with(operator) && !after.starts_with(b"=}") && !after.starts_with(b"=:"));
    let tested = [&b"not"[..], b"!", b"if", b"in", b"bool"].iter().any(|word| before.ends_with(word));
    called || compared || tested
}
