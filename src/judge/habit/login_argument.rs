//! The key handed to the SDK by hand, from a file, a prompt, an option, a configuration or a constant, where the SDK would
//! read the environment by itself. In: calls of `wandb.login` and `wandb.Api`. Out: the argument.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::Point;
use super::call;
use super::passage::Passage;
use super::value;

static CALL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r"(?-u)\b(?:wandb|weave|wb)\.(?P<what>login|Api|Settings|(?:apis\.)?PublicApi)\s*\(";
    Regex::new(pattern).ok()
});

/// How many calls of one text are looked at: for each, all of the text may be read.
const MOST_CALLS: usize = 200;

/// What breaks the rule.
pub(super) fn check(passage: &Passage<'_>) -> Vec<Point> {
    let text = passage.text;
    let Some(pattern) = CALL.as_ref() else { return Vec::new() };
    let mut points = Vec::new();
    for found in passage.found(pattern).take(MOST_CALLS) {
        let (Some(whole), Some(what)) = (found.get(0), found.name("what")) else { continue };
        let Some(inside) = call::arguments(text, whole.end() - 1) else { continue };
        if call::in_comment(text, whole.start()) || text[..whole.start()].ends_with(b"def ") {
            continue;
        }
        let Some(given) = key(text, inside.clone(), what.as_bytes()) else { continue };
        if let Some(evidence) = source(text, &given, 0) {
            let about = whole.start()..inside.end + 1;
            points.push(Point { about, evidence: evidence.to_owned(), ..Point::new(given) });
        }
    }
    points
}

/// The argument that is the key: `key=`, `api_key=`, or the first one of `login`, which people take for it.
fn key(text: &[u8], inside: Range<usize>, what: &[u8]) -> Option<Range<usize>> {
    let parts = call::split(text, inside);
    let named = |part: &Range<usize>| {
        let argument = &text[part.clone()];
        let name = argument.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        let value = argument[name..].trim_ascii_start().strip_prefix(b"=").filter(|value| !value.starts_with(b"="))?;
        Some((&argument[..name], part.end - value.trim_ascii_start().len()..part.end))
    };
    let by_name = parts.iter().filter_map(named).find(|(name, _)| matches!(*name, b"key" | b"api_key"));
    if let Some((_, given)) = by_name {
        return Some(given);
    }
    let first = parts.first().filter(|first| what == b"login" && named(first).is_none())?;
    let argument = &text[first.clone()];
    let other = argument.starts_with(b"*") || argument.starts_with(b"{") || value::is_dummy(argument);
    (!other && argument != b"..." && argument != b"True").then(|| first.clone())
}

/// What an expression says of where its value comes from.
static GOOD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r"(?i-u)environ|getenv|\benv\b|\benv[\[.(]|userdata|secret|getpass|vault|keyring|ssm|decouple|\bNone\b|boto3|credentials?\.|parameter_?store|dotenv|op_client|process\.env|settings\(";
    Regex::new(pattern).ok()
});
static FILE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?-u)\bopen\(|\.read\(|read_text|readline|json\.load|yaml\.\w*load|toml\.load").ok());
static CONFIGURED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r#"(?ix-u)^ (?: \w+\. )* _? (?: args | arg | opts? | options? | flags? | FLAGS | cfg | conf | config | configs | hparams
        | hps | params | parser | training_args | train_args | script_args | model_args | namespace )_? (?: \. | \[ )"#;
    Regex::new(pattern).ok()
});

/// Why a value should not be handed on; nothing where it may, or where this text does not tell.
fn source(text: &[u8], given: &Range<usize>, depth: usize) -> Option<&'static str> {
    let expression = &text[given.clone()];
    let says = |pattern: &LazyLock<Option<Regex>>| pattern.as_ref().is_some_and(|pattern| pattern.is_match(expression));
    let literal = matches!(expression, [b'"' | b'\'', .., b'"' | b'\'']) && expression.len() > 2;
    if literal {
        let inner = &expression[1..expression.len() - 1];
        // What stands for no value, for one that a shell puts there, or is too short for any key, is left alone.
        let elided = inner.len() < 4 || value::is_dummy(inner) || value::key_variable(inner);
        // A constant as long as a key is told where it stands.
        let told = depth > 0 && inner.len() >= 40 && !inner.contains(&b' ');
        return (!elided && !told).then_some("it is a constant");
    }
    if says(&GOOD) {
        None
    } else if expression.starts_with(b"input(") {
        Some("it is typed in, and shown while it is typed")
    } else if says(&FILE) {
        Some("it is read from a file")
    } else if says(&CONFIGURED) || is_parsed(text, expression) {
        let last = expression.rsplit(|b| *b == b'.').next().unwrap_or_default();
        let fed = last.iter().all(|b| is_word(*b)) && values(text, last).any(|value| is_good(&text[value]));
        (!fed).then_some("it comes from an option or a configuration")
    } else if depth == 0 && NAMED.as_ref().is_some_and(|pattern| pattern.is_match(expression)) {
        let name = expression.iter().take_while(|b| is_word(**b)).count();
        variable(text, &expression[..name])
    } else {
        None
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_good(expression: &[u8]) -> bool {
    GOOD.as_ref().is_some_and(|pattern| pattern.is_match(expression))
}

/// Whether a value is a member of what the options of the program were read into, whatever that is called.
fn is_parsed(text: &[u8], expression: &[u8]) -> bool {
    const READERS: [&[u8]; 5] = [b"parse_args(", b"parse_known_args(", b"tyro.cli(", b"OmegaConf.", b"parse_args_into"];
    let base = expression.iter().take_while(|b| is_word(**b)).count();
    let reads = |value: &[u8]| READERS.iter().any(|reader| memchr::memmem::find(value, reader).is_some());
    expression.get(base) == Some(&b'.') && values(text, &expression[..base]).any(|value| reads(&text[value]))
}

/// A variable, or the first line of one.
static NAMED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?-u)^[A-Za-z_]\w*(?:\[\d\])?(?:\.(?:strip|replace|rstrip)\([^()]*\))*$").ok());

/// Why what a variable is set to in this text should not be handed on; nothing if one of its values is good.
fn variable(text: &[u8], name: &[u8]) -> Option<&'static str> {
    let values: Vec<Range<usize>> = values(text, name).collect();
    if values.iter().any(|value| value.is_empty() || is_good(&text[value.clone()])) {
        return None;
    }
    values.iter().find_map(|value| source(text, value, 1))
}

/// What a name is set to in lines of their own: `name = …`, `name: str = …`.
fn values<'t>(text: &'t [u8], name: &'t [u8]) -> impl Iterator<Item = Range<usize>> + 't {
    const LINE: usize = 1024;
    memchr::memmem::find_iter(text, name).filter(move |_| !name.is_empty()).filter_map(move |at| {
        let end = at + name.len();
        let alone = at == 0 || !(is_word(text[at - 1]) || text[at - 1] == b'.');
        let rest = &text[end..text.len().min(end + LINE)];
        let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
        let equals = memchr::memchr(b'=', line).filter(|_| alone)?;
        let between = line[..equals].trim_ascii();
        let typed = between.is_empty() || (between.starts_with(b":") && !between.contains(&b'('));
        let start = memchr::memrchr(b'\n', &text[..at]).map_or(0, |newline| newline + 1);
        let leads = text[start..at].trim_ascii().is_empty();
        if !typed || !leads || line.get(equals + 1) == Some(&b'=') {
            return None;
        }
        let value = &line[equals + 1..];
        let cut = memchr::memmem::find(value, b" #").unwrap_or(value.len());
        let start = end + equals + 1 + (value.len() - value.trim_ascii_start().len());
        Some(start.min(end + equals + 1 + cut)..start.max(end + equals + 1 + value[..cut].trim_ascii_end().len()))
    })
}
