//! What the command says that a value is a word of: `wandb login KEY`, `--wandb_key KEY`, `echo KEY | wandb login`,
//! `curl -u api:KEY https://api.wandb.ai`. In: a text and the value in it. Out: a verdict, if there is a command.

use std::ops::Range;

use super::lead;
use super::literal::{self, Inner};
use super::names::{self, Says};
use super::trail::Passed;
use super::{Because, Verdict, line_around, object, token};
use crate::finding::Confidence;

/// How much of a command is read to both sides of a value.
const REACH: usize = 4096;

/// A word, or the sign that parts two commands.
struct Word<'t> {
    text: &'t [u8],
    span: Range<usize>,
}

impl Word<'_> {
    fn parts(&self) -> bool {
        matches!(self.text, b"|" | b"||" | b"&&" | b";" | b"&" | b"|&")
    }

    fn option(&self) -> bool {
        self.text.len() > 1 && self.text[0] == b'-'
    }
}

/// Programs whose arguments are revisions.
const REVISION_PROGRAMS: &[&[u8]] = &[b"git", b"hg", b"svn", b"jj", b"pip", b"pip3", b"sha1sum", b"shasum"];

/// Options that a key is given to, whatever the program.
const KEY_OPTIONS: &[&[u8]] = &[
    b"-p", b"-w", b"-k", b"--body", b"-b", b"--value", b"--secret-string", b"--data", b"--string-value", b"--set",
    b"-H", b"--header", b"-u", b"--user",
];

/// Options that hand on a variable by its name.
const HANDS_ON: &[&[u8]] = &[b"-e", b"--env"];

/// How many commands behind a value are read for where it is piped to.
const MAX_PIPES: usize = 4;

/// Reads the command round `value`.
pub(super) fn read(text: &[u8], value: Range<usize>) -> Option<Verdict> {
    line_around(text, &value)?;
    let span = logical_line(text, &value);
    let words = words(text, span);
    let own = words.iter().position(|word| word.span.start <= value.start && value.end <= word.span.end)?;
    let start = words[..own].iter().rposition(Word::parts).map_or(0, |at| at + 1);
    let end = words[own..].iter().position(Word::parts).map_or(words.len(), |at| own + at);
    let before = &words[start..own];
    let segment = &words[start..end];
    // What is said in a comment, the command does not say.
    let said = segment.iter().position(|word| word.text.starts_with(b"#")).unwrap_or(segment.len());
    let segment = &segment[..said.max(own + 1 - start)];
    let command = Some(Verdict::key(Confidence::High, Because::Command));
    if before_logs_in(before) {
        return command;
    }
    let named = |name: &[u8]| Some(Verdict::key(Confidence::High, Because::Named(format!("`{}`", super::shown(name)))));
    if let Some(previous) = before.last() {
        let name = lead::unquote(previous.text);
        let name = name.strip_suffix(b",").or_else(|| name.strip_suffix(b":")).unwrap_or(name);
        // Tcl: `set env(NAME) VALUE`.
        let name = name.strip_prefix(b"::").unwrap_or(name);
        let name = name.strip_prefix(b"env(").and_then(|name| name.strip_suffix(b")")).unwrap_or(name);
        match Says::of(name) {
            Says::WandbKey if is_name(name) => return named(name),
            // `run("crops", VALUE)` is a call.
            Says::Revision | Says::Foreign if !name.contains(&b'(') => {
                return Some(Verdict::not(format!("it follows `{}`", super::shown(name))));
            }
            _ => {}
        }
    }
    // `echo KEY | wandb login`, `echo KEY | gh secret set WANDB_API_KEY`.
    let mut behind = end;
    for _ in 0..MAX_PIPES {
        if !words.get(behind).is_some_and(|word| word.text == b"|" || word.text == b"|&") {
            break;
        }
        let next = &words[behind + 1..];
        let next = &next[..next.iter().position(Word::parts).unwrap_or(next.len())];
        behind += 1 + next.len();
        if login(next).is_some() {
            return command;
        }
        if let Some(word) = next.iter().find(|word| is_name(word.text) && Says::of(word.text) == Says::WandbKey) {
            return named(word.text);
        }
    }
    // `echo KEY > wandb_key.txt`.
    if let Some(file) =
        words[own..].iter().skip_while(|word| !word.text.starts_with(b">") && word.text != b"tee").nth(1)
        && words[own + 1..].first().is_some_and(|word| word.text.starts_with(b">") || word.parts())
        && is_key_file(file.text)
    {
        return named(lead::unquote(file.text).rsplit(|&b| b == b'/').next().unwrap_or_default());
    }
    // `wandb login <<< KEY`.
    if before.last().is_some_and(|word| word.text.ends_with(b"<<<")) && login(before).is_some() {
        return command;
    }
    // An option for a key, or a user name and a key, in a command that names W&B.
    let word = &words[own];
    let inside = &text[word.span.start..value.start];
    let user = inside.ends_with(b":") && before.last().is_some_and(Word::option);
    let option = before
        .last()
        .is_some_and(|word| word.option() && (KEY_OPTIONS.contains(&word.text) || Says::of(word.text) == Says::Key));
    // `--from-literal=key=KEY`, `name=WANDB_API_KEY,value=KEY`.
    let own_name =
        inside.strip_suffix(b"=").map(|names| names.rsplit(|b| matches!(b, b'=' | b',')).next().unwrap_or(names));
    let assigned = own_name.is_some_and(|name| Says::of(name) == Says::Key);
    if own_name.is_some_and(|name| Says::of(name) == Says::Nothing)
        && let Some((_, name)) = word
            .text
            .split(|&b| b == b',')
            .filter_map(object::pair)
            .find(|(label, value)| object::is_label(label) && Says::of(value) == Says::WandbKey)
    {
        return named(name);
    }
    // `set --name WANDB_API_KEY --value KEY`, `reg add … /v WANDB_API_KEY /d KEY`.
    let after_option = option
        || before
            .last()
            .is_some_and(|word| word.text == b"/d" || (word.option() && Says::of(word.text) == Says::Nothing));
    let generic = |name: &&[u8]| matches!(Says::of(name), Says::Nothing | Says::Key) && names::names_nobody(name);
    // `docker run -e NAME` hands on a variable, whatever else the command is given.
    let handed_on = |nth: usize| nth.checked_sub(1).is_some_and(|before| HANDS_ON.contains(&segment[before].text));
    if (after_option || own_name.as_ref().is_some_and(generic))
        && let Some((_, name)) = segment.iter().map(|word| lead::unquote(word.text)).enumerate().find(|(nth, name)| {
            let last = name.rsplit(|b| matches!(b, b'/' | b':')).next().unwrap_or_default();
            let names_key = is_name(last) && Says::of(last) == Says::WandbKey;
            names_key && memchr::memmem::find(name, b"://").is_none() && !handed_on(*nth)
        })
    {
        return named(name);
    }
    // What is assigned to W&B's key is it, and what is sent to another server is none.
    let assigns = |word: &Word| {
        let names = word.text.split(|&b| b == b'=').rev().skip(1);
        names
            .filter_map(|name| name.rsplit(|&b| b == b',').next())
            .any(|name| Says::of(lead::unquote(name)) == Says::WandbKey)
    };
    let others = || segment.iter().filter(|other| other.span != words[own].span);
    let urls: Vec<&Word> = others().filter(|word| memchr::memmem::find(word.text, b"://").is_some()).collect();
    let elsewhere = !urls.is_empty() && urls.iter().all(|url| token::mention(url.text).is_empty());
    if elsewhere || others().any(assigns) {
        return None;
    }
    let header =
        memchr::memmem::find(inside, b"Bearer ").is_some() || memchr::memmem::find(inside, b"Basic ").is_some();
    if (user || option || assigned || header)
        && let Some(mention) = others().map(|other| token::mention(other.text)).find(|mention| !mention.is_empty())
    {
        return Some(Verdict::key(Confidence::High, Because::Beside(mention)));
    }
    None
}

/// A verdict against a value that is an argument of a program for revisions: `git checkout KEY`.
pub(super) fn of_revisions(text: &[u8], value: &Range<usize>) -> Option<Verdict> {
    line_around(text, value)?;
    let span = logical_line(text, value);
    let words = words(text, span.start..value.start);
    let start = words.iter().rposition(Word::parts).map_or(0, |at| at + 1);
    let program = words[start..].iter().map(|word| word.text).find(|word| !is_prompt(word))?;
    let program = program.rsplit(|&b| b == b'/').next().unwrap_or_default();
    let configures = words[start..].iter().any(|word| word.text == b"config");
    (REVISION_PROGRAMS.contains(&program) && !configures)
        .then(|| Verdict::not(format!("it is an argument of `{}`", super::shown(program))))
}

/// What `printf FORMAT VALUE` prints.
pub(super) fn printed(text: &[u8], value: &Range<usize>) -> Option<Inner> {
    let line = line_around(text, value)?;
    memchr::memmem::find(&text[line.start..value.start], b"printf ")?;
    let words = words(text, logical_line(text, value));
    let own = words.iter().position(|word| word.span.start <= value.start && value.end <= word.span.end)?;
    let printf = words[..own].iter().rposition(|word| word.text == b"printf")?;
    let arguments = &words[printf + 1..own];
    let (format, before) = arguments.split_first().filter(|_| !arguments.iter().any(Word::parts))?;
    let format = lead::unquote(format.text);
    let at = memchr::memmem::find_iter(format, b"%s").nth(before.len())?;
    // What is nothing but the value says nothing more of it.
    let rest = [&format[..at], &format[at + 2..]].concat();
    rest.iter()
        .any(u8::is_ascii_alphanumeric)
        .then(|| literal::filled(&format[..at], &text[value.clone()], &format[at + 2..]))
}

/// Which argument of which command a value is: `login KEY`, `set -- KEY`.
pub(super) fn passed(text: &[u8], value: &Range<usize>) -> Option<Passed> {
    line_around(text, value)?;
    let words = words(text, logical_line(text, value));
    let own = words.iter().position(|word| word.span.start <= value.start && value.end <= word.span.end)?;
    let start = words[..own].iter().rposition(Word::parts).map_or(0, |at| at + 1);
    let (callee, before) = words[start..own].split_first()?;
    if lead::unquote(words[own].text) != &text[value.clone()] {
        return None;
    }
    let before = match before {
        [dashes, before @ ..] if callee.text == b"set" && dashes.text == b"--" => before,
        before => before,
    };
    Some(Passed { callee: callee.text.to_vec(), nth: before.len() })
}

/// Whether a word is a name or an option, and no part of a sentence, no file and no reference to a variable.
fn is_name(word: &[u8]) -> bool {
    !names::is_file(word)
        && !word.contains(&b' ')
        && !word.contains(&b'=')
        && !word.contains(&b'$')
        && !word.contains(&b'(')
        && !matches!(word.last(), Some(b'.' | b'!' | b'?' | b')'))
}

/// Whether a text ends in the command that logs in to W&B, so that what is put behind it is a key.
pub(super) fn logs_in(text: &[u8]) -> bool {
    let text = text.trim_ascii_end();
    let tail = &text[text.len().saturating_sub(REACH)..];
    let words: Vec<Word> = tail
        .split(|b| b.is_ascii_whitespace() || b"\"'{}%()[]+,:".contains(b))
        .filter(|part| !part.is_empty() && !SYNTAX.contains(part))
        .map(|text| Word { text, span: 0..0 })
        .collect();
    before_logs_in(&words)
}

/// What a program's text puts between the words of a command.
const SYNTAX: &[&[u8]] = &[
    b"s", b"c", b".", b"args", b"arguments", b"argv", b".arg", b".args", b"list", b"&", b"=", b"-ArgumentList",
    b".format",
];

/// Whether the words before a value are `wandb … login` and options.
fn before_logs_in(before: &[Word]) -> bool {
    let Some((login, _)) = login(before) else { return false };
    let mut rest = before[login + 1..].iter();
    while let Some(word) = rest.next() {
        if !word.option() {
            return false;
        }
        if matches!(word.text, b"--host" | b"--base-url" | b"-h") {
            rest.next();
        }
    }
    true
}

/// Where `login` and `wandb` stand in a command that logs in.
fn login(words: &[Word]) -> Option<(usize, usize)> {
    let login = words.iter().rposition(|word| lead::unquote(word.text).eq_ignore_ascii_case(b"login"))?;
    let wandb = words[..login].iter().rposition(|word| {
        let word = lead::unquote(word.text);
        let name = word.rsplit(|b| b"/\\(`!%\"'$".contains(b)).next().unwrap_or_default();
        let name = name.strip_suffix(b")").unwrap_or(name);
        let name = name.strip_suffix(b".exe").unwrap_or(name);
        // A makefile's `@`, a diff's sign, the end of a terminal colour.
        let name = name
            .strip_prefix(b"@")
            .or_else(|| name.strip_prefix(b"-"))
            .or_else(|| name.strip_prefix(b"+"))
            .unwrap_or(name);
        let colour = name.iter().take_while(|b| b.is_ascii_digit()).count();
        let name = name[colour..].strip_prefix(b"m").filter(|_| colour > 0).unwrap_or(name);
        name.eq_ignore_ascii_case(b"wandb")
            || name == b"weave"
            || name == b"wb"
            || name.starts_with(b"wandb==")
            || name.starts_with(b"wandb@")
    })?;
    words[wandb + 1..login].iter().all(|word| word.option() || word.text == b"cli").then_some((login, wandb))
}

/// What a shell prints before a command, or a document before a line of one.
fn is_prompt(word: &[u8]) -> bool {
    !word.iter().any(u8::is_ascii_alphanumeric) || word.ends_with(b"$") || word.ends_with(b"#") || word == b"sudo"
}

/// The line of `value`, with the lines that a backslash, a caret or a backtick at the end holds together.
fn logical_line(text: &[u8], value: &Range<usize>) -> Range<usize> {
    let goes_on = |line: &[u8]| matches!(line.trim_ascii_end().last(), Some(b'\\' | b'^' | b'`'));
    let floor = value.start.saturating_sub(REACH);
    let ceiling = text.len().min(value.end + REACH);
    let mut start = memchr::memrchr(b'\n', &text[floor..value.start]).map_or(floor, |at| floor + at + 1);
    while start > floor {
        let above = memchr::memrchr(b'\n', &text[floor..start - 1]).map_or(floor, |at| floor + at + 1);
        if !goes_on(&text[above..start - 1]) {
            break;
        }
        start = above;
    }
    let mut end = memchr::memchr(b'\n', &text[value.end..ceiling]).map_or(ceiling, |at| value.end + at);
    while end < ceiling && goes_on(&text[value.end..end]) {
        end = memchr::memchr(b'\n', &text[end + 1..ceiling]).map_or(ceiling, |at| end + 1 + at);
    }
    start..end
}

/// The words of a command line, quotes kept, the signs that hold lines together left out.
fn words(text: &[u8], span: Range<usize>) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut at = span.start;
    while at < span.end {
        let byte = text[at];
        if byte.is_ascii_whitespace()
            || byte.is_ascii_control()
            || (matches!(byte, b'\\' | b'^') && ends_line(text, at + 1))
        {
            at += 1;
            continue;
        }
        let start = at;
        if matches!(byte, b'|' | b'&' | b';') {
            at += 1 + usize::from(text.get(at + 1) == Some(&byte) && byte != b';');
        } else {
            let mut quote = None;
            while at < span.end {
                let byte = text[at];
                match quote {
                    Some(open) if byte == open => quote = None,
                    Some(_) => {}
                    None if byte.is_ascii_whitespace() || matches!(byte, b'|' | b';') => break,
                    None if byte == b'&' && text.get(at + 1) == Some(&b'&') => break,
                    None if matches!(byte, b'"' | b'\'') && memchr::memchr(byte, &text[at + 1..span.end]).is_some() => {
                        quote = Some(byte);
                    }
                    None => {}
                }
                at += 1;
            }
        }
        words.push(Word { text: &text[start..at], span: start..at });
    }
    words
}

/// Whether nothing but white space follows on the line.
fn ends_line(text: &[u8], at: usize) -> bool {
    text[at..].iter().find(|b| !matches!(b, b' ' | b'\t' | b'\r')).is_none_or(|&b| b == b'\n')
}

/// Whether the items of a list in YAML above a value are the words of that command.
pub(super) fn lists_login(text: &[u8], value: &Range<usize>) -> bool {
    let floor = value.start.saturating_sub(512);
    let mut lines = text[floor..value.start].rsplit(|&b| b == b'\n');
    let own = lines.next().unwrap_or_default();
    let Some(indent) = own.iter().position(|b| *b == b'-').filter(|_| own.trim_ascii() == b"-") else { return false };
    let above = lines.map_while(|line| line.get(indent..)?.strip_prefix(b"- "));
    let mut words: Vec<Word> =
        above.take(12).map(|item| Word { text: lead::unquote(item.trim_ascii()), span: 0..0 }).collect();
    words.reverse();
    before_logs_in(&words)
}

/// Whether a text holds the command that logs in to W&B.
pub(super) fn mentions_login(text: &[u8]) -> bool {
    let mut words = text.split(|b| b.is_ascii_whitespace() || b"\"'[](),".contains(b)).filter(|word| !word.is_empty());
    words.any(|word| word == b"wandb") && words.next() == Some(b"login")
}

/// Whether a value stands in a heredoc of the command that logs in, or is all that one writes to a file for W&B's key.
pub(super) fn heredoc_login(text: &[u8], value: &Range<usize>) -> bool {
    let Some(own) = line_around(text, value) else { return false };
    let line = own.start.saturating_sub(1);
    let alone =
        text[own.start..value.start].trim_ascii().is_empty() && text[value.end..own.end].trim_ascii().is_empty();
    let above = &text[line.saturating_sub(512)..line];
    above.rsplit(|&b| b == b'\n').take(3).enumerate().any(|(nth, line)| {
        let Some(at) = memchr::memmem::find(line, b"<<").filter(|at| line.get(at + 2) != Some(&b'<')) else {
            return false;
        };
        let words = words(line, 0..line.len());
        let before = words.iter().take_while(|word| word.span.start < at).count();
        login(&words[..before]).is_some() && !names::names_revision(line)
            || (alone && nth == 0 && words.iter().skip(1).any(|word| is_key_file(word.text)))
    })
}

/// Whether the file of that name is for W&B's key, by its last part.
fn is_key_file(path: &[u8]) -> bool {
    let name = lead::unquote(path).rsplit(|&b| b == b'/').next().unwrap_or_default();
    let stem = name.strip_prefix(b".").unwrap_or(name).split(|&b| b == b'.').next().unwrap_or_default();
    Says::of(stem) == Says::WandbKey
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> Option<bool> {
        let at = text.find("KEY").expect("a marked place");
        of_revisions(text.as_bytes(), &(at..at + 3))
            .or_else(|| read(text.as_bytes(), at..at + 3))
            .map(|verdict| matches!(verdict, Verdict::Key { .. }))
    }

    #[test]
    fn commands_that_take_a_key_and_commands_that_do_not() {
        for (text, expected) in [
            ("wandb login KEY", Some(true)),
            ("$ wandb login --relogin --host https://x.y KEY", Some(true)),
            ("!wandb login \"KEY\"", Some(true)),
            ("python3 -m wandb login KEY && python t.py", Some(true)),
            ("wandb login \\\n  KEY", Some(true)),
            ("echo KEY | wandb login --relogin", Some(true)),
            ("wandb login <<< KEY", Some(true)),
            ("python t.py --wandb_api_key KEY", Some(true)),
            ("setx WANDB_TOKEN \"KEY\"", Some(true)),
            ("curl -u api:KEY https://api.wandb.ai/graphql", Some(true)),
            ("gh secret set wandb --body KEY", Some(true)),
            ("git checkout KEY", Some(false)),
            ("wandb login fails at commit KEY", Some(false)),
            ("wandb login fails at KEY", None),
            ("curl -u api:KEY https://api.mailgun.net", None),
        ] {
            assert_eq!(verdict(text), expected, "{text}");
        }
    }
}
