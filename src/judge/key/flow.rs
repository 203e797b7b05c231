//! Where a variable that holds a value ends up: `K = "…"` here, `wandb.login(key=K)` in another cell.
//! In: the names that undecided values go by. Out: verdicts for those whose name stands, somewhere in the text, where
//! a key itself would be judged one. Looks only near words for W&B, so the cost does not grow with the names.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::names::Says;
use super::outline::Outline;
use super::trail::Trail;
use super::{Because, Judged, KeyJudge, Verdict, lead};
use crate::finding::Confidence;

/// How far from a word for W&B a name may stand, in bytes; a call is seldom longer.
const NEAR: usize = 600;
/// The most occurrences that are looked at.
const MAX_OCCURRENCES: usize = 20_000;

/// Which undecided candidates go by a name.
type Names = HashMap<Vec<u8>, Vec<usize>>;

static WANDB: LazyLock<Regex> = LazyLock::new(|| compile(r"(?i-u)wandb|weights.{0,8}bias|w[nb]?b_(?:api|key|token)"));
static IMPORTS: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"(?-u)\bimport[ \t]+wandb[ \t]+as[ \t]+(\w+)|\bfrom[ \t]+wandb[\w.]*[ \t]+import[ \t]+([\w \t,]+)|\b(\w+)[ \t]*=[ \t]*(?:wandb\.(?:Api|login)\b|require\(['\x22]@?wandb|importlib\.import_module\(['\x22]wandb)",
    )
});

fn compile(pattern: &str) -> Regex {
    #[expect(clippy::unwrap_used, reason = "the patterns are constants, and tests compile them")]
    Regex::new(pattern).unwrap()
}

/// The names under which a text imports W&B or parts of it.
pub(super) fn imports(text: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for captures in IMPORTS.captures_iter(text).take(64) {
        for group in captures.iter().skip(1).flatten() {
            for name in group.as_bytes().split(|&b| b == b',') {
                // `login as wandb_login` is called by its last word.
                if let Some(name) =
                    name.trim_ascii().rsplit(|b| b.is_ascii_whitespace()).next().filter(|n| !n.is_empty())
                {
                    found.push(name.to_vec());
                }
            }
        }
    }
    found
}

impl KeyJudge<'_> {
    /// Decides the undecided by what becomes of their names.
    pub(super) fn follow(&self, judged: &mut [Option<Judged>], undecided: &[(usize, Trail)], outline: &Outline) {
        let mut names: Names = HashMap::new();
        for (nth, trail) in undecided {
            let Some(one) = &mut judged[*nth] else { continue };
            let aliases = trail.aliases.iter().map(|alias| last_name(alias));
            for alias in aliases.chain(anchor(self.text, one.credential.start)) {
                if alias.len() < 64 && !alias.is_empty() && Says::of(alias) != Says::Nothing {
                    names.entry(alias.to_vec()).or_default().push(*nth);
                    one.open = true;
                }
            }
        }
        // A value may take one more name on its way: `a = "…"; b = a; wandb.login(key=b)`.
        for _ in 0..2 {
            if names.is_empty() {
                return;
            }
            names = self.step(judged, &names, outline);
        }
    }

    /// Decides what the uses of `names` decide; tells the names that they are given on.
    fn step(&self, judged: &mut [Option<Judged>], names: &Names, outline: &Outline) -> Names {
        let mut next: Names = HashMap::new();
        let occurrences = self.occurrences(names);
        let starts: Vec<usize> = occurrences.iter().map(|(start, _, _)| *start).collect();
        let (_, spots) = Outline::read(self.text, &starts);
        for ((start, end, name), spot) in occurrences.into_iter().zip(spots) {
            let waiting = &names[&name];
            if waiting.iter().all(|&nth| judged[nth].as_ref().is_none_or(|one| one.verdict.is_some())) {
                continue;
            }
            let mut trail = Trail::default();
            // `{ baseURL: "…", apiKey }`: the name of the member is that of the variable.
            let shorthand = spot.frame.is_some_and(|frame| self.text[outline.frames[frame].open] == b'{')
                && self.text[spot.item.min(start)..start].trim_ascii().is_empty();
            if shorthand && Says::of(&name) == Says::Key {
                trail.leaf = Some(Says::Key);
            }
            let verdict = self.context(self.text, outline, &spot, &(start..end), &mut trail, 0);
            if let Some(Verdict::Key { .. }) = verdict {
                for &nth in waiting {
                    if let Some(one) = judged[nth].as_mut().filter(|one| one.verdict.is_none()) {
                        let because = Because::Reaches(super::shown(&name));
                        one.verdict = Some(Verdict::key(Confidence::High, because));
                    }
                }
            } else if verdict.is_none() {
                for alias in
                    trail.aliases.iter().map(|alias| last_name(alias)).filter(|alias| !names.contains_key(*alias))
                {
                    next.entry(alias.to_vec()).or_default().extend(waiting);
                }
            }
        }
        next
    }

    /// Where the names are used near a word for W&B: the whole expression, and the name. Sorted by their beginning.
    fn occurrences(&self, names: &Names) -> Vec<(usize, usize, Vec<u8>)> {
        let text = self.text;
        let mut found = Vec::new();
        let mut read_to = 0;
        for wandb in WANDB.find_iter(text) {
            let from = wandb.start().saturating_sub(NEAR).max(read_to);
            let to = text.len().min(wandb.end() + NEAR);
            let mut at = from;
            while at < to {
                if !is_identifier(text[at]) {
                    at += 1;
                    continue;
                }
                let end = at + text[at..].iter().take_while(|&&b| is_identifier(b)).count();
                let cut = at == from && at > 0 && is_identifier(text[at - 1]);
                // In a string's `\nNAME` the letter of the escape is no part of the name.
                let escape = at > 0 && text[at - 1] == b'\\' && matches!(text[at], b'n' | b't' | b'r');
                let start = at + usize::from(escape);
                if !cut
                    && let Some((name, _)) = names.get_key_value(&text[start..end])
                    && is_use(text, end)
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
