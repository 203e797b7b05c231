//! The key in a variable that the SDK does not read. In: settings of an environment. Out: the name, unless the same text hands
//! it on or reads it.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::Point;
use super::call;
use super::passage::Passage;

/// What people take for the name of the variable.
static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r"(?-u)\b(?:WANDB_(?:APIKEY|KEY|TOKEN|API|API_TOKEN|APITOKEN|LOGIN_KEY|AUTH_TOKEN|AUTH_KEY|ACCESS_TOKEN|SECRET|SECRET_KEY|PASSWORD)|WEIGHTS?_?(?:AND_?|N_)?BIAS(?:ES)?_(?:API_)?(?:KEY|TOKEN)|WANDBAPIKEY|WANDB_KEY_API|W_AND_B_API_KEY|WNB_API_KEY)\b";
    Regex::new(pattern).ok()
});

/// How many names one text may hold.
const MOST_NAMES: usize = 500;

/// What breaks the rule.
pub(super) fn check(passage: &Passage<'_>) -> Vec<Point> {
    let text = passage.text;
    let Some(pattern) = NAME.as_ref() else { return Vec::new() };
    // A text with more of them is a list of names.
    let names: Vec<_> = passage.found(pattern).filter_map(|found| found.get(0)).take(MOST_NAMES + 1).collect();
    if names.len() > MOST_NAMES {
        return Vec::new();
    }
    let mut points = Vec::new();
    // A text that knows the right name, or logs in by hand, maps the one onto the other.
    let knows = [&b"WANDB_API_KEY"[..], b"login"].iter().any(|word| memchr::memmem::find(text, word).is_some());
    if knows {
        return points;
    }
    for name in &names {
        let uses = names.iter().filter(|other| other.as_bytes() == name.as_bytes()).count();
        let of_itself =
            memchr::memmem::find_iter(&text[name.end()..line_end(text, name.end())], name.as_bytes()).count();
        if call::in_comment(text, name.start()) || uses - of_itself > 1 {
            continue;
        }
        if sets(text, name.range()) {
            points.push(Point { about: name.start()..line_end(text, name.end()), ..Point::new(name.range()) });
        }
    }
    points
}

fn line_end(text: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |length| at + length)
}

/// Whether a name is set as one of an environment: `export NAME=`, `ENV NAME=`, `environ["NAME"] =`, `NAME:` in a mapping of
/// variables, `- name: NAME`.
fn sets(text: &[u8], name: Range<usize>) -> bool {
    let start = memchr::memrchr(b'\n', &text[..name.start]).map_or(0, |newline| newline + 1);
    let before = text[start..name.start].trim_ascii();
    let after = &text[name.end..line_end(text, name.end)];
    let word = before.rsplit(|b| b.is_ascii_whitespace()).next().unwrap_or_default();
    let bare = before.is_empty() || before == b"-" || before == b"\"" || before == b"'";
    let declares = [&b"export"[..], b"ENV", b"set", b"setx", b"-e", b"--env", b"%env", b"setenv", b"declare -x"];
    let environ =
        [&b"environ[\""[..], b"environ['", b"process.env.", b"ENV[\"", b"ENV['", b"putenv(\"", b"Setenv(\"", b"$env:"];
    let unspaced = after.starts_with(b"=") && !after.starts_with(b"==");
    let by_word = declares.contains(&word) && (unspaced || after.starts_with(b" "));
    let by_environ = environ.iter().any(|start| before.ends_with(start)) && {
        let rest = after.trim_ascii_start();
        let rest = rest.strip_prefix(b"\"]").or_else(|| rest.strip_prefix(b"']")).unwrap_or(rest).trim_ascii_start();
        rest.starts_with(b"=") && !rest.starts_with(b"==") || before.ends_with(b"env(\"")
    };
    let mapped =
        bare && after.strip_prefix(b"\"").or_else(|| after.strip_prefix(b"'")).unwrap_or(after).starts_with(b":");
    let listed = before.ends_with(b"name:") && after.trim_ascii().is_empty();
    by_word || by_environ || (bare && unspaced) || mapped || listed
}
