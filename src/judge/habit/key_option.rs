//! Options that take the key: whoever uses one shows the key to everybody who can list processes, and to the history of the
//! shell. In: the definitions of options in programs, scripts and configurations. Out: the name of the option.

use std::cell::LazyCell;
use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::Point;
use super::call;
use super::passage::Passage;
use super::value;
use crate::rule::Site;

/// `add_argument("-k", "--wandb_key")`, `@click.option("--wandb-key")`, `.option("--wandb-key <key>")`,
/// `flag.String("wandb-key", …)`, `DEFINE_string("wandb_key", …)`, `Arg::new("wandb-key")`.
static DEFINED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r"(?x-u) (?: \.add_argument | \.add_option | [.@]option | \b click\.option | \b Option | \b typer\.Option | \b DEFINE_\w+
        | [Ff]lags?\(?\)?\.\w*[sS]tring\w* | \b Arg::new | \b Arg::with_name | \.long | \.addOption | \.requiredOption | \b StringFlag
        | \b add_arg | \.opt | \.add_flag | \bopts?\.on ) \s* \(";
    Regex::new(pattern).ok()
});

/// Which option a call defines: the first of its arguments that is a literal and the name of the key.
fn defined(text: &[u8], inside: Range<usize>) -> Option<Range<usize>> {
    const NAMES: usize = 5;
    call::split(text, inside).into_iter().take(NAMES).find_map(|part| {
        let literal = &text[part.clone()];
        let quoted = literal.len() > 2 && matches!(literal[0], b'"' | b'\'') && literal.last() == literal.first();
        let inner = literal.get(1..literal.len().saturating_sub(1)).filter(|_| quoted)?;
        // `-k, --wandb-key <key>`: the long one, without what it takes.
        let from = memchr::memmem::find(inner, b"--").unwrap_or(0);
        let length =
            inner[from..].iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')).count();
        let span = part.start + 1 + from..part.start + 1 + from + length;
        let rest = &inner[from + length..];
        let takes = rest.is_empty()
            || rest.starts_with(b" <")
            || rest.starts_with(b" [")
            || rest.starts_with(b"=")
            || rest.starts_with(b" ");
        let prose = rest.iter().filter(|b| **b == b' ').count() > 2;
        (length > 0 && takes && !prose && value::is_key_name(&text[span.clone()])).then_some(span)
    })
}

/// Whether what an option takes is said to be a file.
fn takes_path(arguments: &[u8]) -> bool {
    let lower = arguments.to_ascii_lowercase();
    [&b"path to"[..], b"file with", b"file containing", b"type=path", b"key file", b"filename"]
        .iter()
        .any(|word| memchr::memmem::find(&lower, word).is_some())
}

/// A case in the loop of a shell script that reads its options: `--wandb-key)`, `-k|--wandb_key=*)`.
static SCRIPTED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?m-u)^[ \t]*(?:-\w[ \t]*\|[ \t]*)?(?P<point>--[A-Za-z][\w-]*)(?:=\*)?[ \t]*(?:\|[^)\n]*)?\)").ok()
});

/// A field of a class that becomes an option: `wandb_api_key: Optional[str] = …`.
static FIELD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r#"(?m-u)^[ \t]+(?P<point>\w+)[ \t]*:[ \t]*["']?(?:(?:typing\.)?Optional\[)?(?:str\b|SecretStr\b|tp\.Optional\[str|Annotated\[)"#;
    Regex::new(pattern).ok()
});

/// A slot of a configuration that asks for the key: `wandb_api_key: <your key>`.
static SLOT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r#"(?m-u)^[ \t]*["']?(?P<point>[A-Za-z][\w.-]*)["']?[ \t]*[:=][ \t]*(?P<value>[^\s#][^#\n]*)"#;
    Regex::new(pattern).ok()
});

/// What breaks the rule.
pub(super) fn check(passage: &Passage<'_>) -> Vec<Point> {
    let text = passage.text;
    let mut points = Vec::new();
    let mut take = |pattern: &LazyLock<Option<Regex>>, holds: &dyn Fn(&regex::bytes::Captures<'_>) -> bool| {
        let Some(pattern) = pattern.as_ref() else { return };
        for found in passage.found(pattern) {
            let Some(point) = found.name("point").filter(|point| value::is_key_name(point.as_bytes())) else {
                continue;
            };
            if holds(&found) && !call::in_comment(text, point.start()) {
                // A key that is its default stands behind it.
                let end = memchr::memchr(b'\n', &text[point.end()..]).map_or(text.len(), |length| point.end() + length);
                points.push(Point { about: point.start()..end, ..Point::new(point.range()) });
            }
        }
    };
    match passage.site {
        Site::Script => take(&SCRIPTED, &|_| true),
        Site::Config => take(&SLOT, &|found| {
            let value = found.name("value").map(|value| value.as_bytes().trim_ascii()).unwrap_or_default();
            let value = value.strip_suffix(b",").unwrap_or(value);
            // A name in capitals is one of the environment, for which a template is the way.
            let environment = found["point"].iter().all(|b| !b.is_ascii_lowercase());
            !environment && value::is_placeholder(value)
        }),
        _ => {
            let parsed =
                LazyCell::new(|| OPTIONS_FROM.iter().any(|parser| memchr::memmem::find(text, parser).is_some()));
            take(&FIELD, &|found| {
                found.get(0).is_some_and(|whole| {
                    in_dataclass(text, whole.start(), *parsed) && !from_environment(text, whole.end())
                })
            });
        }
    }
    if let Some(pattern) = DEFINED.as_ref().filter(|_| !matches!(passage.site, Site::Script | Site::Config)) {
        let calls = passage.found(pattern).filter_map(|found| found.get(0));
        for found in calls.filter(|found| !call::in_comment(text, found.start())) {
            let inside = call::arguments(text, found.end() - 1).filter(|inside| !takes_path(&text[inside.clone()]));
            let point = inside.and_then(|about| {
                let option = defined(text, about.clone())?;
                Some(Point { about, ..Point::new(option) })
            });
            points.extend(point);
        }
    }
    points
}

/// Whether a line belongs to a class that options are made from, if the text makes any (`parsed`), or by its name. Settings that are
/// read from the environment are none.
fn in_dataclass(text: &[u8], at: usize, parsed: bool) -> bool {
    const REACH: usize = 16 * 1024;
    let near = &text[at.saturating_sub(REACH)..at];
    let lines: Vec<&[u8]> = near.rsplit(|b| *b == b'\n').collect();
    let Some(class) = lines
        .iter()
        .position(|line| !line.is_empty() && !line[0].is_ascii_whitespace() && line[0] != b')' && line[0] != b'#')
    else {
        return false;
    };
    let head = lines[class];
    let above = lines.get(class + 1..).unwrap_or_default().iter().take(4);
    let decorated = above
        .take_while(|line| !line.is_empty())
        .any(|line| line.starts_with(b"@") && memchr::memmem::find(line, b"dataclass").is_some());
    let parsed = parsed || memchr::memmem::find(head, b"Arg").is_some();
    head.starts_with(b"class ") && decorated && parsed && memchr::memmem::find(head, b"Settings").is_none()
}

/// What makes options of the fields of a class.
const OPTIONS_FROM: &[&[u8]] = &[
    b"ArgumentParser", b"TrlParser", b"tyro", b"draccus", b"simple_parsing", b"pyrallis", b"jsonargparse", b"hydra",
    b"omegaconf", b"OmegaConf", b"ConfigStore", b"chz", b"\"help\"", b"help=",
];

/// Whether a field is filled from the environment.
fn from_environment(text: &[u8], at: usize) -> bool {
    let near = &text[at..text.len().min(at + 400)];
    // Up to the next field.
    let end = memchr::memmem::find(near, b"\n    ").and_then(|first| {
        let next = FIELD.as_ref()?.find_at(near, first)?;
        Some(next.start())
    });
    let own = &near[..end.unwrap_or(near.len().min(200))];
    [&b"environ"[..], b"getenv", b"env="].iter().any(|word| memchr::memmem::find(own, word).is_some())
}
