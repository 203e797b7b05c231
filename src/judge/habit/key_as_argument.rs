//! The key as an argument of a command, by a variable, a substitution or a placeholder: everybody on the machine reads the
//! arguments of a process. In: commands, and lists of arguments in programs. Out: the arguments.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::{Captures, Regex};

use super::Point;
use super::passage::Passage;
use super::shell::{Command, PRINTERS, Word};
use super::value;
use crate::rule::Site;

/// Words of a shell that start no process, so that their arguments stay inside; `env` is another habit.
const BUILTINS: &[&[u8]] = &[
    b"export", b"declare", b"typeset", b"local", b"readonly", b"set", b"unset", b"test", b"[", b"[[", b"((", b"case",
    b"read", b":", b"return", b"eval", b"source", b".", b"for", b"alias", b"setenv", b"env", b"let", b"trap", b"fi",
    b"done", b"esac", b"log", b"info", b"warn", b"error", b"die", b"ENV", b"ARG", b"LABEL", b"COPY", b"ADD", b"FROM",
];

/// What breaks the rule.
pub(super) fn check(passage: &Passage<'_>) -> Vec<Point> {
    let shell = matches!(passage.site, Site::Script | Site::Ci | Site::Docs | Site::Image);
    let functions = if shell && !passage.commands().is_empty() { functions(passage.text) } else { Vec::new() };
    let mut points = Vec::new();
    for command in passage.commands() {
        points.extend(argument(command, &functions).map(|(span, what)| Point {
            about: command.span(),
            evidence: what,
            ..Point::new(span)
        }));
    }
    if !matches!(passage.site, Site::Script | Site::Process) {
        points.extend(lists(passage));
    }
    points
}

/// The argument that is a key, and of what.
fn argument(command: &Command, functions: &[&[u8]]) -> Option<(Range<usize>, String)> {
    if let Some(word) = login(command) {
        return Some((word.span.clone(), "it is an argument of `wandb login`".to_owned()));
    }
    let program = command.program();
    let inside = BUILTINS.contains(&program) || PRINTERS.contains(&program) || functions.contains(&program);
    if !command.is_known() || inside {
        return None;
    }
    let arguments = command.arguments();
    // What `sudo` is given before a program is set for it, which is another habit.
    let own = if program == b"sudo" {
        arguments
            .iter()
            .take_while(|word| word.text.starts_with(b"-") || value::assignment(&word.text).is_some())
            .count()
    } else {
        0
    };
    let mentions = |names: &[&[u8]]| {
        let mut texts = arguments.iter().map(|word| word.text.to_ascii_lowercase());
        texts.any(|text| names.iter().any(|name| memchr::memmem::find(&text, name).is_some()))
    };
    const HOSTS: &[&[u8]] = &[b"wandb.ai", b"withwandb.com", b"wandb.io", b"wandb_base_url"];
    for (nth, word) in arguments.iter().enumerate().skip(own) {
        let next = arguments.get(nth + 1);
        if let Some(span) = option(word, next) {
            return Some((span, "an option takes it".to_owned()));
        }
        // A command in quotes is read by itself.
        if !program.starts_with(b"python") && is_command(arguments, nth) {
            continue;
        }
        let named = setting(&word.text) || (program == b"helm" && names_key(&word.text) && mentions(&[b"wandb"]));
        if named || value::key_variable(&word.text) || (sends(arguments, nth) && mentions(HOSTS)) {
            return Some((word.span.clone(), "its value becomes an argument".to_owned()));
        }
    }
    None
}

/// Whether an argument is a command for another shell.
fn is_command(arguments: &[Word], nth: usize) -> bool {
    let text = arguments[nth].text.trim_ascii();
    let quoted = text.len() < arguments[nth].span.len();
    let option = nth.checked_sub(1).map(|before| arguments[before].text.as_slice()).unwrap_or_default();
    let first = text.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    quoted
        && text.contains(&b' ')
        && (matches!(option, b"-c" | b"-lc" | b"-ic" | b"--command" | b"--wrap")
            || value::assignment(first).is_some()
            || memchr::memmem::find(text, b"&&").is_some()
            || text.contains(&b';'))
}

/// What `wandb login` is given, if that is or becomes a key; "the wandb login key" is one of prose.
fn login(command: &Command) -> Option<&Word> {
    let is_key = |word: &[u8]| value::is_key(word) && !word.starts_with(b"..") && word != b"key";
    login_word(command).filter(|word| is_key(&word.text))
}

/// What `wandb login` is given.
pub(in crate::judge) fn login_word(command: &Command) -> Option<&Word> {
    let words = &command.words;
    let login = words.iter().position(|word| word.text == b"login")?;
    let before = words[..login].iter().rev().find(|word| !word.text.starts_with(b"-") && word.text != b"cli")?;
    let name = before.text.rsplit(|b| b"/\\!@(".contains(b)).next().unwrap_or_default();
    if name != b"wandb" && name != b"wandb.exe" && name != b"wb" {
        return None;
    }
    let mut rest = words[login + 1..].iter();
    while let Some(word) = rest.next() {
        match word.text.as_slice() {
            b"--relogin" | b"--cloud" | b"--verify" | b"--no-verify" | b"--anonymously" | b"--no-offline" => {}
            text if text.starts_with(b"-") && !text.contains(&b'=') => _ = rest.next(),
            text if text.starts_with(b"-") => {}
            _ => return Some(word),
        }
    }
    None
}

/// `--wandb_key $K`, `--wandb-key=$K`, and an override such as `logger.wandb.key=$K`.
fn option(word: &Word, next: Option<&Word>) -> Option<Range<usize>> {
    let text = word.text.as_slice();
    let dashes = text.iter().take_while(|b| **b == b'-').count();
    let (name, given) = match memchr::memchr(b'=', text) {
        Some(equals) => (&text[dashes..equals], Some(&text[equals + 1..])),
        None => (&text[dashes..], None),
    };
    let dotted = name.contains(&b'.') && given.is_some();
    if (dashes == 0 && !dotted) || name.contains(&b' ') || !value::is_key_name(name) {
        return None;
    }
    match given {
        Some(given) => value::is_key(given).then(|| word.span.clone()),
        None => next.filter(|next| value::is_key(&next.text)).map(|next| word.span.start..next.span.end),
    }
}

static SETTING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?-u)(?:^|[=,"'{])(?:-e|-D)?([A-Za-z_][\w.-]*)(?:=|\\?["']\s*:\s*)\s*\\?["']?([^,"'\\\s][^,"'\\]*)"#)
        .ok()
});

/// Whether a word sets W&B's key to something: `WANDB_API_KEY=$K`, `ALL,WANDB_API_KEY=$K`, `{"WANDB_API_KEY": "$K"}`.
fn setting(word: &[u8]) -> bool {
    let Some(pattern) = SETTING.as_ref() else { return false };
    pattern.captures_iter(word).any(|found| value::is_key_name(&found[1]) && value::is_key(&found[2]))
}

/// Whether a word sets something that is called a key: `agent.apiKey=$K`.
fn names_key(word: &[u8]) -> bool {
    let Some((name, given)) = word.iter().position(|b| *b == b'=').map(|at| (&word[..at], &word[at + 1..])) else {
        return false;
    };
    name.to_ascii_lowercase().ends_with(b"apikey") && value::is_key(given)
}

/// Whether an argument is a header or a user that carries a key.
fn sends(arguments: &[Word], nth: usize) -> bool {
    let text = arguments[nth].text.as_slice();
    let behind = |word: &[u8]| memchr::memmem::find(text, word).map(|at| text[at + word.len()..].trim_ascii());
    let option = nth.checked_sub(1).map(|before| arguments[before].text.as_slice()).unwrap_or_default();
    let user = matches!(option, b"-u" | b"--user").then(|| text.strip_prefix(b"api:")).flatten();
    behind(b"Bearer ").or_else(|| behind(b"Basic ")).or(user).is_some_and(value::is_key)
}

static FUNCTION: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?m-u)^[ \t]*(?:function[ \t]+)?([\w-]+)[ \t]*\(\)").ok());

/// The functions that a shell script defines: they run in the shell itself.
fn functions(text: &[u8]) -> Vec<&[u8]> {
    let Some(pattern) = FUNCTION.as_ref() else { return Vec::new() };
    pattern.captures_iter(text).filter_map(|found| found.get(1).map(|name| name.as_bytes())).collect()
}

static LOGIN_LIST: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r#"(?-u)["']wandb["']\s*,\s*["']login["']\s*,(?:\s*["']--?[\w-]+(?:=[^"'\n]*)?["']\s*,)*\s*(?P<point>[^\s\]),"'-][^\],\n]*|[fF]?["'][^"'\n-][^"'\n]*["'])"#;
    Regex::new(pattern).ok()
});
static JOINED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r#"(?-u)["'`][^"'`\n]*\bwandb\s+login(?:\s+--?[\w-]+(?:[=\s]https?://[^\s"']+)?)*\s+["'`]\s*(?:\+|\.\.|~)\s*(?P<point>[A-Za-z_$][\w.\[\]"'()$]*)"#;
    Regex::new(pattern).ok()
});
/// `f"--wandb-key={key}"`, `"--env=WANDB_API_KEY={}"`.
static FILLED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r#"(?-u)[\[(,]\s*[fF]?["'](?P<point>(?:--env=|-e|--build-arg=|--)(?P<name>[A-Za-z_][\w-]*)=(?:\{|%s|\$\{)[^"'\n]*)"#;
    Regex::new(pattern).ok()
});
static OPTION_LIST: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r#"(?-u)[\[,]\s*[fF]?["'](?P<name>--?[A-Za-z][\w-]*)["']\s*,\s*(?P<point>[fF]?(?:"[^"\n]*"|'[^'\n]*')(?:\s*[+%]\s*[\w.]+|\.format\([^)\n]*\))?|[A-Za-z_$][\w.$\[\]"'()]*)"#;
    Regex::new(pattern).ok()
});

/// The arguments in lists of words, as programs write them: `["wandb", "login", key]`, `["-e", f"WANDB_API_KEY={key}"]`.
fn lists(passage: &Passage<'_>) -> Vec<Point> {
    let text = passage.text;
    let mut points = Vec::new();
    let (Some(logins), Some(joined), Some(options)) = (LOGIN_LIST.as_ref(), JOINED.as_ref(), OPTION_LIST.as_ref())
    else {
        return points;
    };
    let evidence = || "a process gets it in its list of arguments".to_owned();
    for found in passage.found(logins).chain(passage.found(joined)) {
        let (Some(whole), Some(point)) = (found.get(0), found.name("point")) else { continue };
        points.push(Point { about: whole.range(), evidence: evidence(), ..Point::new(point.range()) });
    }
    for found in FILLED.as_ref().into_iter().flat_map(|pattern| passage.found(pattern)) {
        let (Some(name), Some(point)) = (found.name("name"), found.name("point")) else { continue };
        if value::is_key_name(name.as_bytes()) && !in_comment(text, point.start()) {
            points.push(Point { evidence: evidence(), ..Point::new(point.range()) });
        }
    }
    // What follows one option may be the next one.
    let behind_name = |found: &Captures<'_>| found.name("name").map_or(usize::MAX, |name| name.end());
    for found in passage.found_from(options, behind_name) {
        let (Some(name), Some(point)) = (found.name("name"), found.name("point")) else { continue };
        if text[..name.start()].trim_ascii_end().ends_with(b"option(") || in_comment(text, name.start()) {
            continue;
        }
        // `type=str` is an argument of the call, not of the option.
        let behind = text[point.end()..].trim_ascii_start();
        if behind.starts_with(b"=") && !behind.starts_with(b"==") {
            continue;
        }
        let given = point.as_bytes();
        let quoted = given.last().is_some_and(|b| matches!(b, b'"' | b'\''));
        let inner = given.iter().skip_while(|b| matches!(b, b'f' | b'F' | b'"' | b'\'')).copied().collect::<Vec<u8>>();
        let inner = inner.strip_suffix(b"\"").or_else(|| inner.strip_suffix(b"'")).unwrap_or(&inner);
        let by_name = value::is_key_name(name.as_bytes())
            && (if quoted { value::is_key(inner) || braces(given) } else { !matches!(given, b"None" | b"type") });
        let sets = value::assignment(inner).is_some_and(|(name, given)| {
            value::is_key_name(name)
                && (value::is_key(given)
                    || given.starts_with(b"{")
                    || given.starts_with(b"\" +")
                    || given.starts_with(b"' +"))
        });
        if by_name || sets {
            let about = name.start()..point.end();
            points.push(Point { about, evidence: evidence(), ..Point::new(point.range()) });
        }
    }
    points
}

/// Whether a literal is one whose braces are filled.
fn braces(literal: &[u8]) -> bool {
    literal.starts_with(b"f") && literal.contains(&b'{')
}

/// Whether a place stands in a line that is a comment.
fn in_comment(text: &[u8], at: usize) -> bool {
    let start = memchr::memrchr(b'\n', &text[..at]).map_or(0, |newline| newline + 1);
    let line = text[start..at].trim_ascii_start();
    line.starts_with(b"#") || line.starts_with(b"//")
}
