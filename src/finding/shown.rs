//! What no report shows, whatever it stands in: key shapes, e-mail addresses, and what would act on a terminal, a log or a
//! page. In: text. Out: the same text without them.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Regex, Replacer};

/// Key shapes, whole, cut off or of a later version, with any boundary.
static KEYS: LazyLock<Regex> = LazyLock::new(|| compile(r"(?-u:wandb_v[0-9]+_[A-Za-z0-9_]{12,}|[0-9a-f]{40,})"));
static ADDRESSES: LazyLock<Regex> = LazyLock::new(|| {
    compile(r"[\p{L}\p{N}.!#$%&'*+/=?^_{|}~-]+@[\p{L}\p{N}][\p{L}\p{N}-]*(?:\.[\p{L}\p{N}-]+)*\.\p{L}[\p{L}\p{N}-]*")
});

fn compile(pattern: &str) -> Regex {
    #[expect(clippy::unwrap_used, reason = "the patterns are constants, and tests compile them")]
    Regex::new(pattern).unwrap()
}

/// Stands for what is not shown.
const HIDDEN: &str = "[…]";

/// The text without e-mail addresses: whoever wrote a line did not write it for the readers of a report.
pub fn without_addresses(text: &str) -> Cow<'_, str> {
    if text.contains('@') { replace(&ADDRESSES, text, HIDDEN) } else { text.into() }
}

/// The text without anything that has the shape of a key.
pub fn without_key_shapes(text: &str) -> Cow<'_, str> {
    replace(&KEYS, text, HIDDEN)
}

fn replace<'t>(pattern: &Regex, text: &'t str, with: impl Replacer) -> Cow<'t, str> {
    pattern.replace_all(text, with)
}

/// The text with everything spelled out that would act on a terminal, a log or a page, or that hides what it says:
/// control characters, bidirectional marks, invisible ones, and what a CI system takes for a command (`::` where a line
/// may begin; `##[`, `##vso[` and their like anywhere).
pub fn visible(text: &str) -> Cow<'_, str> {
    let commands = text.trim_start().starts_with("::") || text.contains("##");
    if !text.contains(acts) && !commands {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for (at, c) in text.char_indices() {
        match c {
            ':' if text[at..].starts_with("::") && text[..at].trim_start().is_empty() => out.push_str("\\u{3a}"),
            '#' if commands_agent(&text[at..]) => out.push_str("\\u{23}"),
            '\t' => out.push(' '),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if acts(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.into()
}

/// `##`, perhaps the name of a system, and a bracket.
fn commands_agent(text: &str) -> bool {
    text.strip_prefix("##")
        .is_some_and(|rest| rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()).starts_with('['))
}

/// Whether a character acts where it is read, or hides what stands there.
pub(crate) fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{61c}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::example::{legacy_key, v1_key};

    #[test]
    fn commands_of_ci_systems_are_spelled_out() {
        for text in
            ["::error ::x", "  ::set-env", "a ##[group]b", "##vso[task.setvariable]x", "##teamcity[x]", "###[x]"]
        {
            let shown = visible(text);
            assert!(!shown.trim_start().starts_with("::") && !shown.contains("##["), "{shown}");
            assert!(!shown.contains("##vso[") && !shown.contains("##teamcity["), "{shown}");
        }
        assert_eq!(visible("## a heading, std::env"), "## a heading, std::env");
    }

    #[test]
    fn addresses_and_key_shapes_are_hidden() {
        for text in ["a.b+c@example.org", "<ä@müller.example>", "mail x_y@sub.example.co.uk now"] {
            assert!(!without_addresses(text).contains('@'), "{text}");
        }
        for text in ["uses: wandb/action@v1.2", "[1f3a…]@api.wandb.ai", "@app.route", "pkg@1.2.3"] {
            assert_eq!(without_addresses(text), text);
        }
        for key in [legacy_key("shown"), v1_key("shown"), v1_key("shown")[..40].to_owned()] {
            assert!(!without_key_shapes(&format!("a{key}b")).contains(&key[24..32]), "{key}");
        }
    }
}
