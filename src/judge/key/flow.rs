//! Where a variable that holds a value ends up: `K = "…"` here, `wandb.login(key=K)` in another cell.
//! In: the names that undecided values go by. Out: verdicts for those whose name stands, somewhere in the text, where
//! a key itself would be judged one. Looks only near words for W&B, so the cost does not grow with the names.

use std::cell::LazyCell;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::argument::{self, Definitions};
use super::names::Says;
use super::places::Places;
use super::trail::{Passed, Trail};
use super::{Because, Judged, KeyJudge, Verdict, command, lead};
use crate::finding::Confidence;

/// How far from a word for W&B a name may stand, in bytes; a call is seldom longer.
const NEAR: usize = 600;
/// The most occurrences that are looked at.
const MAX_OCCURRENCES: usize = 20_000;

/// The most names that a value takes on its way.
const MAX_HOPS: usize = 3;
/// The most names that are followed at a time, and the most values that wait for one of them.
const MAX_NAMES: usize = 20_000;
const MAX_WAITING: usize = 64;
/// The most calls whose parameters are looked up.
const MAX_CALLS: usize = 2_000;

/// What waits for the uses of a name.
type Names = HashMap<Vec<u8>, Vec<Waiting>>;

/// How a value goes by a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// The name is its own.
    Value,
    /// The name is that of a list or a dictionary that holds it.
    Member,
    /// The name is that of a dictionary, or the anchor of a mapping in YAML, in which it is a key.
    Mapping,
}

/// Undecided candidates that go by a name.
#[derive(Clone, PartialEq, Eq)]
struct Waiting {
    how: How,
    /// Where the name has that meaning.
    scope: Range<usize>,
    /// Which candidates.
    group: usize,
}

impl Waiting {
    /// Whether the expression from `start` to the end of the name at `end` uses the name in the way that is waited for.
    fn stands(&self, text: &[u8], start: usize, name: &[u8], end: usize) -> bool {
        let behind = &text[end..text.len().min(end + 8)];
        // A literal would name one member, and not this one.
        let chosen = |rest: &[u8]| rest.first().is_some_and(|b| !matches!(b, b'"' | b'\'' | b']' | b':'));
        self.scope.contains(&start)
            && match self.how {
                // The shell's `$1`.
                How::Value => text[start] == b'$' || !name.iter().all(u8::is_ascii_digit),
                How::Member => {
                    text[..start].ends_with(b" in ")
                        || behind.strip_prefix(b"[").is_some_and(chosen)
                        || behind.strip_prefix(b".get(").is_some_and(chosen)
                }
                How::Mapping => text[start] == b'*',
            }
    }
}

/// Candidates that go by the same names, in groups: however many there are, a use is read once.
#[derive(Default)]
struct Groups {
    members: Vec<Vec<usize>>,
}

impl Groups {
    fn add(&mut self, members: Vec<usize>) -> usize {
        self.members.push(members);
        self.members.len() - 1
    }

    /// Lets a candidate wait for a name, together with those that already do so in the same way.
    fn join(&mut self, names: &mut Names, name: &[u8], waiting: Waiting, nth: usize) {
        let known = names.get(name).into_iter().flatten();
        let mut known = known.filter(|one| one.how == waiting.how && one.scope == waiting.scope);
        match known.next() {
            Some(one) => self.members[one.group].push(nth),
            None => {
                let group = self.add(vec![nth]);
                wait(names, name, Waiting { group, ..waiting });
            }
        }
    }

    fn waits(&self, group: usize) -> bool {
        !self.members[group].is_empty()
    }

    /// The candidates of a group, which waits no longer.
    fn take(&mut self, group: usize) -> Vec<usize> {
        std::mem::take(&mut self.members[group])
    }
}

static WANDB: LazyLock<Regex> = LazyLock::new(|| compile(r"(?i-u)wandb|weights.{0,8}bias|w[nb]?b_(?:api|key|token)"));
static IMPORTS: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"(?-u)\bimport[ \t]+wandb[ \t]+as[ \t]+(\w+)|\bfrom[ \t]+wandb[\w.]*[ \t]+import[ \t]+([\w \t,]+)|\b(\w+)[ \t]*=[ \t]*(?:wandb\.(?:Api|login)\b|require\(['\x22]@?wandb|importlib\.import_module\(['\x22]wandb)",
    )
});

/// The most names under which W&B goes.
const MAX_IMPORTS: usize = 64;

fn compile(pattern: &str) -> Regex {
    #[expect(clippy::unwrap_used, reason = "the patterns are constants, and tests compile them")]
    Regex::new(pattern).unwrap()
}

/// The names under which a text imports W&B or parts of it.
pub(super) fn imports(text: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut passed = 0;
    while let Some(at) = memchr::memmem::find(&text[passed..], b"wandb").map(|at| passed + at) {
        // An import is one line, and few lines have the name.
        let start = memchr::memrchr(b'\n', &text[passed..at]).map_or(passed, |end| passed + end + 1);
        passed = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |length| at + length);
        let line = &text[start..passed];
        // The name alone imports nothing.
        if !line.contains(&b'=') && memchr::memmem::find(line, b"import").is_none() {
            continue;
        }
        for captures in IMPORTS.captures_iter(line) {
            for group in captures.iter().skip(1).flatten() {
                for name in group.as_bytes().split(|&b| b == b',') {
                    // `login as wandb_login` is called by its last word.
                    let name = name.trim_ascii().rsplit(|b| b.is_ascii_whitespace()).next();
                    found.extend(name.filter(|name| !name.is_empty()).map(<[u8]>::to_vec));
                }
            }
        }
        if found.len() >= MAX_IMPORTS {
            break;
        }
    }
    found
}

impl KeyJudge<'_> {
    /// Decides the undecided by what becomes of their names.
    pub(super) fn follow(&self, judged: &mut [Option<Judged>], undecided: &[(usize, Trail)]) {
        let mut names = Names::default();
        let mut groups = Groups::default();
        let mut calls: HashMap<Passed, Vec<usize>> = HashMap::new();
        let shell = LazyCell::new(|| defines_commands(self.text));
        for (nth, trail) in undecided {
            let Some(one) = &mut judged[*nth] else { continue };
            let aliases =
                trail.aliases.iter().map(|alias| last_name(alias)).chain(anchor(self.text, one.credential.start));
            let aliases = aliases.map(|alias| (alias, How::Value));
            // `login(**holder)` hands on each by its name.
            let held = if trail.leaf == Some(Says::Key) { How::Mapping } else { How::Member };
            let holders = trail.holders.iter().map(|holder| (last_name(holder), held));
            let anchors = trail.anchors.iter().map(|anchor| (&anchor[..], How::Mapping));
            for (alias, how) in aliases.chain(holders).chain(anchors) {
                if alias.len() < 64 && !alias.is_empty() && (how == How::Mapping || Says::of(alias) != Says::Nothing) {
                    let key = Waiting { how, scope: 0..self.text.len(), group: 0 };
                    groups.join(&mut names, alias, key, *nth);
                    one.open = true;
                }
            }
            let passed = trail.passed.clone().or_else(|| {
                let ask = calls.len() < MAX_CALLS && *shell;
                ask.then(|| command::passed(self.text, &one.credential)).flatten()
            });
            if let Some(passed) = passed {
                if passed.callee == b"set" {
                    let scope = one.credential.end..self.text.len();
                    let alias = (passed.nth + 1).to_string();
                    groups.join(&mut names, alias.as_bytes(), Waiting { how: How::Value, scope, group: 0 }, *nth);
                } else if calls.len() < MAX_CALLS || calls.contains_key(&passed) {
                    calls.entry(passed).or_default().push(*nth);
                }
                one.open = true;
            }
        }
        let definitions = argument::definitions(self.text, &callees(calls.keys()));
        for (passed, waiting) in calls {
            let group = groups.add(waiting);
            hand_over(&definitions, &passed, &[group], &mut names);
        }
        // A value may take more names on its way: `a = "…"; b = a; wandb.login(key=b)`.
        for _ in 0..MAX_HOPS {
            if names.is_empty() {
                return;
            }
            names = self.step(judged, &names, &mut groups);
        }
    }

    /// Decides what the uses of `names` decide; tells the names that they are given on.
    fn step(&self, judged: &mut [Option<Judged>], names: &Names, groups: &mut Groups) -> Names {
        let mut next = Names::default();
        let mut calls: HashMap<Passed, Vec<usize>> = HashMap::new();
        let occurrences = self.occurrences(names);
        let starts: Vec<usize> = occurrences.iter().map(|(start, _, _)| *start).collect();
        let places = Places::of(self.text, starts);
        for (place, (start, end, name)) in occurrences.into_iter().enumerate() {
            for mapping in [false, true] {
                let waits = |one: &&Waiting| {
                    (one.how == How::Mapping) == mapping
                        && one.stands(self.text, start, &name, end)
                        && groups.waits(one.group)
                };
                let waiting: Vec<usize> = names[&name].iter().filter(waits).map(|one| one.group).collect();
                if waiting.is_empty() {
                    continue;
                }
                let asked = places.ask(place, &self.effort, |outline, spot| {
                    let mut trail = Trail::default();
                    // `{ baseURL: "…", apiKey }`: the name of the member is that of the variable.
                    let shorthand = spot.frame.is_some_and(|frame| self.text[outline.frames[frame].open] == b'{')
                        && self.text[spot.item.min(start)..start].trim_ascii().is_empty();
                    if mapping || (shorthand && Says::of(&name) == Says::Key) {
                        trail.leaf = Some(Says::Key);
                    }
                    (self.context(self.text, outline, spot, &(start..end), &mut trail, 0), trail)
                });
                let Some((verdict, trail)) = asked else { continue };
                if let Some(Verdict::Key { .. }) = verdict {
                    for nth in waiting.into_iter().flat_map(|group| groups.take(group)) {
                        if let Some(one) = judged[nth].as_mut().filter(|one| one.verdict.is_none()) {
                            let because = Because::Reaches(super::shown(&name));
                            one.verdict = Some(Verdict::key(Confidence::High, because));
                        }
                    }
                } else if verdict.is_none() && !mapping {
                    for alias in &trail.aliases {
                        self.hand_on(names, &name, alias, &waiting, start, &mut next);
                    }
                    if let Some(passed) =
                        trail.passed.filter(|passed| calls.len() < MAX_CALLS || calls.contains_key(passed))
                    {
                        let groups = calls.entry(passed).or_default();
                        groups.extend(waiting);
                        groups.truncate(MAX_WAITING);
                    }
                }
            }
        }
        let definitions = argument::definitions(self.text, &callees(calls.keys()));
        for (passed, waiting) in calls {
            hand_over(&definitions, &passed, &waiting, &mut next);
        }
        next
    }

    /// Lets what waits for `name` wait for `alias`, to which a use at `at` gives it.
    fn hand_on(&self, names: &Names, name: &[u8], alias: &[u8], waiting: &[usize], at: usize, next: &mut Names) {
        let last = last_name(alias);
        if last.is_empty() || last.len() >= 64 {
            return;
        }
        for &group in waiting {
            // A variable of a function is known in it, what it gives to an object or exports is known elsewhere.
            let local = !alias.contains(&b'.') && !name.iter().all(u8::is_ascii_digit);
            let own = names[name].iter().find(|one| one.group == group && one.scope.contains(&at));
            let scope = own.filter(|_| local).map_or(0..self.text.len(), |one| one.scope.clone());
            let known = names.get(last).is_some_and(|ones| {
                ones.iter().any(|one| one.group == group && one.how == How::Value && one.scope == scope)
            });
            if !known {
                wait(next, last, Waiting { how: How::Value, scope, group });
            }
        }
    }

    /// Where the names are used near a word for W&B: the whole expression, and the name. Sorted by their beginning.
    fn occurrences(&self, names: &Names) -> Vec<(usize, usize, Vec<u8>)> {
        let text = self.text;
        let mut found = Vec::new();
        let mut read_to = 0;
        let mut begins = [false; 256];
        names.keys().filter_map(|name| name.first()).for_each(|&first| begins[usize::from(first)] = true);
        for wandb in WANDB.find_iter(text) {
            let from = wandb.start().saturating_sub(NEAR).max(read_to);
            let to = text.len().min(wandb.end() + NEAR);
            let mut at = from;
            while at < to {
                if !is_identifier(text[at]) {
                    at += 1;
                    continue;
                }
                // Few words begin as one of the names does; those behind an escape or an anchor's sign need a closer look.
                if !begins[usize::from(text[at])] && (at == 0 || !matches!(text[at - 1], b'\\' | b'*')) {
                    at += text[at..].iter().take_while(|&&b| is_identifier(b)).count();
                    continue;
                }
                let mut end = at + text[at..].iter().take_while(|&&b| is_identifier(b)).count();
                let cut = at == from && at > 0 && is_identifier(text[at - 1]);
                // The name of an anchor in YAML may have dashes.
                if at > 0 && text[at - 1] == b'*' {
                    end += text[end..].iter().take_while(|&&b| is_identifier(b) || b == b'-').count();
                }
                // In a string's `\nNAME` the letter of the escape is no part of the name.
                let escape = at > 0 && text[at - 1] == b'\\' && matches!(text[at], b'n' | b't' | b'r');
                let start = at + usize::from(escape);
                if !cut
                    && let Some((name, _)) = names.get_key_value(&text[start..end])
                    && (is_use(text, end) || text[..start].ends_with(b" in "))
                {
                    found.push((expression(text, start), end, name.clone()));
                }
                at = end;
            }
            read_to = read_to.max(to);
            if found.len() > MAX_OCCURRENCES {
                break;
            }
        }
        found.sort();
        found
    }
}

/// Lets groups wait for the parameter that an argument becomes.
fn hand_over(definitions: &Definitions<'_>, passed: &Passed, groups: &[usize], names: &mut Names) {
    for definition in definitions.get(&passed.callee[..]).into_iter().flatten() {
        let Some(parameter) = definition.parameter(passed.nth) else { continue };
        for &group in groups {
            wait(names, &parameter, Waiting { how: How::Value, scope: definition.scope.clone(), group });
        }
    }
}

fn wait(names: &mut Names, name: &[u8], waiting: Waiting) {
    if names.len() >= MAX_NAMES && !names.contains_key(name) {
        return;
    }
    let ones = names.entry(name.to_vec()).or_default();
    if ones.len() < MAX_WAITING && !ones.contains(&waiting) {
        ones.push(waiting);
    }
}

fn callees<'p>(calls: impl Iterator<Item = &'p Passed>) -> HashSet<Vec<u8>> {
    calls.map(|passed| passed.callee.clone()).collect()
}

/// Whether a text defines commands of its own, or sets the arguments of the shell.
fn defines_commands(text: &[u8]) -> bool {
    let opens = |at: usize| matches!(text[at + b"()".len()..], [b'{', ..] | [b' ' | b'\n', b'{', ..]);
    memchr::memmem::find_iter(text, b"()").any(opens)
        || [&b"function "[..], b"set -- "].iter().any(|sign| memchr::memmem::find(text, sign).is_some())
}

fn is_identifier(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Whether a name is used here rather than given a value.
fn is_use(text: &[u8], end: usize) -> bool {
    let rest = &text[end..text.len().min(end + 32)];
    let rest = rest.strip_prefix(b"\\").unwrap_or(rest);
    let rest = match rest {
        [b'"' | b'\'', b']', ..] => {
            return !rest[2..].trim_ascii_start().starts_with(b"=") || rest[2..].trim_ascii_start().starts_with(b"==");
        }
        [b'"' | b'\'', tail @ ..] => tail,
        _ => rest,
    };
    let rest = rest.trim_ascii_start();
    !(matches!(rest.first(), Some(b':')) && !rest.starts_with(b":-")
        || rest.starts_with(b"=") && !rest.starts_with(b"==")
        || rest.starts_with(b":="))
}

/// Where the expression begins that ends in a name: `config["KEY"]`, `args.KEY`, `${KEY}`, `$(KEY)`, `*KEY`.
fn expression(text: &[u8], name: usize) -> usize {
    let path = |at: usize| {
        at - text[..at]
            .iter()
            .rev()
            .take_while(|&&b| is_identifier(b) || matches!(b, b'.' | b'-' | b'>' | b':'))
            .count()
    };
    let mut at = name;
    if at > 1 && matches!(text[at - 1], b'"' | b'\'') {
        let quote = if text[at - 2] == b'\\' { at - 2 } else { at - 1 };
        if quote > 0 && matches!(text[quote - 1], b'[' | b'(') {
            at = path(quote - 1);
        }
        return at;
    }
    at = path(at);
    while at > 0 && matches!(text[at - 1], b'$' | b'{' | b'*' | b'@' | b'&')
        || (at > 1 && text[at - 1] == b'(' && text[at - 2] == b'$')
    {
        at -= 1;
    }
    at
}

/// The last part of a path of names: `config.api_key`, `$env:KEY`, `--key`.
fn last_name(alias: &[u8]) -> &[u8] {
    let alias = lead::unquote(alias.trim_ascii());
    let start = alias.iter().rev().take_while(|&&b| is_identifier(b)).count();
    let name = &alias[alias.len() - start..];
    if alias.contains(&b' ') { b"" } else { name }
}

/// The YAML anchor directly before a value: `&name VALUE`.
fn anchor(text: &[u8], value: usize) -> Option<&[u8]> {
    let before = text[value.saturating_sub(80)..value].trim_ascii_end();
    let before = before.strip_suffix(b"\"").or_else(|| before.strip_suffix(b"'")).unwrap_or(before).trim_ascii_end();
    let length = before.iter().rev().take_while(|&&b| is_identifier(b) || b == b'-').count();
    let (head, name) = before.split_at(before.len() - length);
    (head.ends_with(b"&") && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_found_under_every_name() {
        let text = b"import wandb as wb\nfrom wandb import login as l, Api\nconst w = require('@wandb/sdk')\n";
        assert_eq!(imports(text), [b"wb".to_vec(), b"l".to_vec(), b"Api".to_vec(), b"w".to_vec()]);
        assert!(WANDB.is_match(b"WandB"));
    }

    #[test]
    fn a_name_that_is_given_a_value_is_not_used() {
        assert!(!is_use(b"K = 1", 1) && !is_use(b"K: 1", 1) && !is_use(b"K\": 1", 1));
        assert!(is_use(b"K)", 1) && is_use(b"K\"]", 1) && is_use(b"K == 1", 1) && is_use(b"K:-x", 1));
    }
}
