//! The key in the build of a container image: `ARG`, `ENV`, and the arguments of a build in compose and bake files. In: image
//! files. Out: the name of the key.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::Point;
use super::passage::Passage;
use super::value;

static ARG: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r"(?im-u)^[ \t]*(?:ONBUILD[ \t]+)?(?P<what>ARG|ENV)[ \t]+(?P<rest>(?:[^\\\n]|\\[ \t\r]*\n|\\.)*)";
    Regex::new(pattern).ok()
});
static PAIR: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r#"(?-u)(?:^|[\s\\])(?P<name>[A-Za-z_]\w*)(?:=(?P<value>"(?:[^"\\]|\\.)*"|'[^']*'|[^\s\\]*))?"#;
    Regex::new(pattern).ok()
});

/// What breaks the rule.
pub(super) fn check(passage: &Passage<'_>) -> Vec<Point> {
    let name = passage.origin.file_name();
    let composed = [&b".yml"[..], b".yaml", b".hcl", b".json"].iter().any(|end| name.ends_with(end));
    if composed { build_arguments(passage.text) } else { instructions(passage.text) }
}

/// `ARG` and `ENV` of a container file.
fn instructions(text: &[u8]) -> Vec<Point> {
    let mut points = Vec::new();
    let (Some(instruction), Some(pairs)) = (ARG.as_ref(), PAIR.as_ref()) else { return points };
    for found in instruction.captures_iter(text) {
        let (Some(what), Some(rest)) = (found.name("what"), found.name("rest")) else { continue };
        let is_arg = what.as_bytes().eq_ignore_ascii_case(b"ARG");
        // `ENV NAME value` sets one name to all that follows.
        let first = rest.as_bytes().iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        let spaced = rest.as_bytes()[first..].first().is_some_and(|b| matches!(b, b' ' | b'\t'));
        for pair in pairs.captures_iter(rest.as_bytes()) {
            let Some(name) = pair.name("name").filter(|name| value::is_key_name(name.as_bytes())) else { continue };
            let value = pair.name("value").map(|value| value.as_bytes());
            let old = spaced && !is_arg && name.start() == 0;
            let set = value.is_some_and(|value| !value::is_dummy(value)) || old;
            if (is_arg && value.is_none_or(|value| !value::is_dummy(value) || value.is_empty())) || set {
                let about = what.start()..rest.end();
                points.push(Point { about, ..Point::new(rest.start() + name.start()..rest.start() + name.end()) });
            }
            if old {
                break;
            }
        }
    }
    points
}

static ARGS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?m-u)^(?P<indent>[ \t]*)["']?args["']?[ \t]*[:=][ \t]*(?P<inline>.*)$"#).ok());
static ITEM: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?m-u)(?:^|[\s{,\["'-])(?P<name>[A-Za-z_]\w*)["']?(?:[ \t]*[:=]|[ \t]*$)"#).ok());

/// The arguments of a build in a compose or bake file.
fn build_arguments(text: &[u8]) -> Vec<Point> {
    let mut points = Vec::new();
    let (Some(blocks), Some(items)) = (ARGS.as_ref(), ITEM.as_ref()) else { return points };
    for found in blocks.captures_iter(text) {
        let (Some(block), Some(indent), Some(inline)) = (found.get(0), found.name("indent"), found.name("inline"))
        else {
            continue;
        };
        let end = if inline.as_bytes().ends_with(b"{") || inline.as_bytes().trim_ascii().is_empty() {
            block_end(text, block.end(), indent.len())
        } else {
            block.end()
        };
        for line in lines(text, inline.start()..end) {
            let bytes = &text[line.clone()];
            if bytes.trim_ascii_start().starts_with(b"#") {
                continue;
            }
            for item in items.captures_iter(bytes) {
                let Some(name) = item.name("name").filter(|name| value::is_key_name(name.as_bytes())) else { continue };
                let span = line.start + name.start()..line.start + name.end();
                points.push(Point { about: line.clone(), ..Point::new(span) });
                break;
            }
        }
    }
    points
}

/// Where the lines end that stand deeper than `indent`.
fn block_end(text: &[u8], from: usize, indent: usize) -> usize {
    let mut end = from;
    for line in lines(text, (from + 1).min(text.len())..text.len()) {
        let bytes = &text[line.clone()];
        let own = bytes.len() - bytes.trim_ascii_start().len();
        // A list may stand as deep as its name.
        let listed = own == indent && bytes.trim_ascii_start().starts_with(b"- ");
        if !bytes.trim_ascii().is_empty() && own <= indent && !listed {
            break;
        }
        end = line.end;
    }
    end
}

fn lines(text: &[u8], range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut at = range.start;
    text[range].split(|b| *b == b'\n').map(move |line| {
        let start = at;
        at += line.len() + 1;
        start..start + line.len()
    })
}
