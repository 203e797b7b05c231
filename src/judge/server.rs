//! Which W&B server is named beside a key: by its netrc entry, by the URL that it is in, by a setting or an option for the base
//! URL, or by a dedicated cloud's URL in the same file. In: a text and the key in it. Out: a host or a URL as it is written,
//! which is a hint and nothing to trust.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::{Captures, Regex};

use super::key::{netrc, token};
use super::place::File;

/// How far from a key a server is looked for.
const REACH: usize = 64 * 1024;
/// The longest base URL.
const LONGEST: usize = 200;

/// W&B's own name for the setting, with a value that is a URL.
static BASE_URL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i-u)\b(?:wandb|global)_(?:base_url|host)\b["']?\]?(?:\s*[:=,]\s*|\s+)(?:value:\s*)?["']?(https?://[a-z0-9][a-z0-9.:/_-]*)"#,
    )
});
/// Names that mean the server only in W&B's settings or beside the key.
static HOST: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i-u)(?:\bbase_url|\bhost|--host|--base-url)["']?\s*(?:[:=]\s*|\s)["']?(https?://[a-z0-9][a-z0-9.:/_-]*)"#,
    )
});
/// A dedicated cloud.
static DEDICATED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i-u)\b(?:https?://)?([a-z0-9][a-z0-9-]{0,62}\.wandb\.io)\b"));

fn pattern(text: &str) -> Regex {
    #[expect(clippy::unwrap_used, reason = "the pattern is a constant, and a test compiles it")]
    Regex::new(text).unwrap()
}

/// The server that is named beside the key at `value`.
pub(super) fn beside(text: &[u8], value: &Range<usize>, file: &File) -> Option<String> {
    let direct = netrc::machine(text, value).or_else(|| token::host_behind(text, value));
    if let Some(host) = direct {
        return written(host);
    }
    let near = value.start.saturating_sub(REACH)..text.len().min(value.end + REACH);
    let settings = file.is_wandb_settings();
    let statement = statement(text, value);
    let of = |regex: &Regex, range: Range<usize>| {
        let found = regex.captures_iter(&text[range.clone()]).filter_map(|found: Captures<'_>| found.get(1));
        let from_key = |at: usize| (range.start + at).abs_diff(value.start);
        found.min_by_key(|found| from_key(found.start())).and_then(|found| written(found.as_bytes()))
    };
    of(&HOST, if settings { near.clone() } else { statement })
        .or_else(|| of(&BASE_URL, near.clone()))
        .or_else(|| of(&DEDICATED, near))
}

/// The line of a value, and the lines round it as far as the brackets of a call or the backslashes of a command go.
fn statement(text: &[u8], value: &Range<usize>) -> Range<usize> {
    const LINES: usize = 6;
    let goes_on = |line: &[u8]| matches!(line.trim_ascii_end().last(), Some(b'\\' | b'(' | b','));
    let mut start = value.start;
    for nth in 0..LINES {
        let above = memchr::memrchr(b'\n', &text[..start.saturating_sub(usize::from(nth > 0))]).map_or(0, |at| at + 1);
        let line = &text[above..start];
        if nth > 0 && !goes_on(line) {
            break;
        }
        start = above;
        if above == 0 {
            break;
        }
    }
    let mut end = value.end;
    for _ in 0..LINES {
        let line = memchr::memchr(b'\n', &text[end..]).map_or(text.len(), |at| end + at + 1);
        let more = goes_on(&text[end..line]);
        end = line;
        if !more || line == text.len() {
            break;
        }
    }
    start..end
}

/// A host or URL as text, if it is one of a length that people write.
fn written(host: &[u8]) -> Option<String> {
    let host = str::from_utf8(host).ok()?.trim_end_matches(['.', ',', ':', '/']);
    (!host.is_empty() && host.len() <= LONGEST && host.is_ascii()).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::{Kind, Origin};
    use crate::rule::example::legacy_key;

    fn found(path: &str, template: &str) -> Option<String> {
        let key = legacy_key("server");
        let text = template.replace("KEY", &key);
        let start = text.find(&key).expect("the template has a key");
        let file = File::new(&Origin::new(Kind::File, path), text.as_bytes());
        beside(text.as_bytes(), &(start..start + key.len()), &file)
    }

    #[test]
    fn the_server_stands_beside_the_key() {
        for (path, text, server) in [
            (".netrc", "machine acme.wandb.io\n  login user\n  password KEY\n", "acme.wandb.io"),
            (".netrc", "machine a login u password x\nmachine 127.0.0.1:80 login user password KEY", "127.0.0.1:80"),
            (
                ".config/wandb/settings",
                "[default]\nbase_url = https://w.example.com/api\napi_key = KEY",
                "https://w.example.com/api",
            ),
            ("x.sh", "wandb login --host=https://w.example.com KEY\n", "https://w.example.com"),
            ("x.sh", "wandb login --host https://w.example.com \\\n  KEY\n", "https://w.example.com"),
            ("x.py", "wandb.login(\n  key='KEY',\n  host='https://w.example.com',\n)", "https://w.example.com"),
            (".env", "WANDB_BASE_URL=https://w.example.com\nA=1\nWANDB_API_KEY=KEY", "https://w.example.com"),
            ("x.py", "os.environ['WANDB_BASE_URL'] = 'https://w.example.com'\nk = 'KEY'", "https://w.example.com"),
            ("x.yaml", "- name: WANDB_BASE_URL\n  value: x\nk: KEY\nu: https://acme.wandb.io/a/b", "acme.wandb.io"),
            ("x.md", "curl https://api:KEY@acme.wandb.io/graphql", "acme.wandb.io"),
        ] {
            assert_eq!(found(path, text).as_deref(), Some(server), "{text}");
        }
    }

    #[test]
    fn the_server_of_something_else_is_none() {
        for (path, text) in [
            ("x.py", "OpenAI(base_url='https://llm.example.com')\n\nwandb.login(key='KEY')\n"),
            ("x.sh", "curl --host https://x.example.com\nwandb login KEY\n"),
            (".netrc", "machine a login u password x\ndefault login user password KEY"),
        ] {
            assert_eq!(found(path, text), None, "{text}");
        }
    }
}
