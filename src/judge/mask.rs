//! What may be shown of a scanned text. In: bytes. Out: the same text with every key shape and every value at the name of
//! a secret masked, and then with everything spelled out that would act on a terminal, a log or a page.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

use crate::blob::Text;
use crate::finding::Snippet;
use crate::secret::{Format, KeyId, short_digest};

/// The most characters of a snippet.
const MAX_SNIPPET: usize = 160;
/// How much of a line is looked at to both sides of the point.
const REACH: usize = 2048;

/// Key shapes, whole, cut off or of a later version, with any boundary: what is masked need not be a key.
static KEYS: LazyLock<Regex> = LazyLock::new(|| compile(r"(?-u)wandb_v[0-9]+_[A-Za-z0-9_]{12,}|[0-9a-f]{40,}"));

/// What may be a key in another form, or a piece of one: several escapes in a word, and words of such letters and digits as
/// keys and their base64 are made of. What is hidden for nothing costs a reader little.
static DISGUISED: LazyLock<Regex> = LazyLock::new(|| {
    compile(concat!(
        r"(?-u)(?:[A-Za-z0-9_]*(?:%(?:25)*[0-9A-Fa-f]{2}|=[0-9A-F]{2}|\\+x[0-9A-Fa-f]{2}|\\+[uU]\{?[0-9A-Fa-f]{2,8}\}?|\\+[0-7]{3}|&(?:amp;)*#[xX]?[0-9A-Fa-f]{2,4};?)){3,}[A-Za-z0-9_]*",
        r"|eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)+|[0-9a-f]{8,}|[0-9A-F]{8,}|[A-Za-z0-9+/]{8,}"
    ))
});

/// Whether a word looks like a piece of something random: digits among capitals or hexadecimal digits, or capitals and small
/// letters that take turns more often than in a name; or that it holds escapes.
fn is_disguised(word: &[u8]) -> bool {
    let has = |class: fn(&u8) -> bool| word.iter().any(class);
    let plain = word.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'));
    let digits = has(u8::is_ascii_digit) && (has(u8::is_ascii_uppercase) || word.iter().all(u8::is_ascii_hexdigit));
    let turns = word.windows(2).filter(|pair| pair[0].is_ascii_uppercase() != pair[1].is_ascii_uppercase()).count();
    !plain || digits || 5 * turns >= 2 * word.len()
}

/// A value at the name of a secret, in user information, or in an authorization header.
static SECRETS: LazyLock<Regex> = LazyLock::new(|| {
    compile(concat!(
        r#"(?i-u)(?:[\w.-]*(?:api_?key|key|token|secret|passw(?:or)?d|credential|license)[\w.-]*\\?["']?\]?(?:\s*,\s*\\?["']?value\\?["']?)?\s*(?:[:=]|=>|,)\s*\\?["']?"#,
        r#"|--?[\w-]*(?:key|token|secret|password)[\w-]*\s+\\?["']?"#,
        r#"|://[^\s/:@"']+:|\b(?:Bearer|Basic)\s+)([^\s"'\\,;&|)}\]@<>$(\[]{6,})"#
    ))
});

fn compile(pattern: &str) -> Regex {
    #[expect(clippy::unwrap_used, reason = "the patterns are constants, and tests compile them")]
    Regex::new(pattern).unwrap()
}

/// The text with every key shape and every value at the name of a secret masked.
pub(super) fn masked(text: &[u8]) -> Vec<u8> {
    mask(text, &(0..0), &[]).0
}

/// As [`masked`], with where `point` stands then. What `shown` says stands in the place of some ranges, whatever they look like.
pub(super) fn mask(text: &[u8], point: &Range<usize>, shown: &[(Range<usize>, String)]) -> (Vec<u8>, Range<usize>) {
    let mut hidden: Vec<(Range<usize>, String)> = Vec::new();
    // What overlaps with something hidden is hidden too, as far as it is not: two keys may stand end to end.
    let mut hide = |range: Range<usize>, shown: String| {
        let mut at = range.start;
        let mut over: Vec<Range<usize>> = hidden.iter().map(|(other, _)| other.clone()).collect();
        over.retain(|other| other.start < range.end && range.start < other.end);
        over.sort_by_key(|other| other.start);
        for other in over.into_iter().chain(std::iter::once(range.end..range.end)) {
            if at < other.start {
                let shown = if at == range.start { shown.clone() } else { "[…]".to_owned() };
                hidden.push((at..other.start, shown));
            }
            at = at.max(other.end);
        }
    };
    shown.iter().for_each(|(range, shown)| hide(range.clone(), shown.clone()));
    for found in KEYS.find_iter(text) {
        let shown = match found.as_bytes() {
            key @ [b'w', ..] => format!("[{}]", KeyId::of(key, Format::V1)),
            key if key.len() == Format::Legacy.length() => format!("[{}]", KeyId::of(key, Format::Legacy)),
            _ => "[…]".to_owned(),
        };
        hide(found.range(), shown);
    }
    for found in DISGUISED.find_iter(text).filter(|found| is_disguised(found.as_bytes())) {
        hide(found.range(), "[…]".to_owned());
    }
    for found in SECRETS.captures_iter(text) {
        if let Some(value) = found.get(1).filter(|value| !is_word(value.as_bytes())) {
            hide(value.range(), "[…]".to_owned());
        }
    }
    hidden.sort_by_key(|(range, _)| range.start);
    let mut out = Vec::with_capacity(text.len());
    let [mut start, mut end] = [None, None];
    let mut at = 0;
    for (range, shown) in hidden.into_iter().chain(std::iter::once((text.len()..text.len(), String::new()))) {
        // An end of the point that is hidden moves to the end of what hides it.
        if point.start < range.end && start.is_none() {
            start = Some(out.len() + point.start.max(at).min(range.start) - at);
        }
        if point.end <= range.start && end.is_none() {
            end = Some(out.len() + point.end.max(at) - at);
        }
        out.extend_from_slice(&text[at..range.start]);
        out.extend_from_slice(shown.as_bytes());
        if point.end <= range.end && end.is_none() {
            end = Some(out.len());
        }
        at = range.end;
    }
    let start = start.unwrap_or(out.len());
    let end = end.unwrap_or(out.len()).max(start);
    (out, start..end)
}

/// Whether a value is plainly a name or a piece of syntax rather than a secret: `os.environ`, `API_KEY`, `args`.
fn is_word(value: &[u8]) -> bool {
    value.iter().all(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'.' | b'-' | b'/' | b'*' | b':' | b'{'))
}

/// The text without e-mail addresses, and with control and bidirectional characters spelled out.
pub(super) fn visible(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    crate::finding::visible(&crate::finding::without_addresses(&text)).into_owned()
}

/// The line round `point` as it may be shown, and the digest of the whole line for a finding's id. `shown` stands for the
/// point.
pub(super) fn snippet(text: &Text<'_>, point: &Range<usize>, shown: Option<&str>) -> (Snippet, String) {
    let bytes = text.bytes;
    let floor = point.start.saturating_sub(REACH);
    let ceiling = bytes.len().min(point.end + REACH);
    let ends_line = |b: &u8| matches!(b, b'\n' | 0);
    let start = bytes[floor..point.start].iter().rposition(ends_line).map_or(floor, |at| floor + at + 1);
    let end = bytes[point.end..ceiling].iter().position(ends_line).map_or(ceiling, |at| point.end + at);
    // A cut must not leave half of a key, which no pattern would know: step back out of the run.
    let word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let start = if start == floor && floor > 0 {
        start + bytes[start..point.start].iter().take_while(|b| word(b)).count()
    } else {
        start
    };
    let end = if end == ceiling && ceiling < bytes.len() {
        end - bytes[point.end..end].iter().rev().take_while(|b| word(b)).count()
    } else {
        end
    };
    let line = &bytes[start..end];
    let inner = point.start - start..point.end - start;
    let shown: Vec<_> = shown.iter().map(|shown| (inner.clone(), (*shown).to_owned())).collect();
    let (line, mark) = mask(line, &inner, &shown);
    let collapsed: Vec<&[u8]> = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    let digest = short_digest(&[&collapsed.join(&b' ')]);
    let mark = mark.start.min(line.len())..mark.end.min(line.len());
    (cut(&line, mark), digest)
}

/// At most [`MAX_SNIPPET`] characters round the mark, or of it.
fn cut(line: &[u8], mark: Range<usize>) -> Snippet {
    let before = visible(line[..mark.start].trim_ascii_start());
    let whole = visible(&line[mark.clone()]);
    // The point may be a long command, and then there is room for nothing else.
    let middle: String = match whole.chars().count() > MAX_SNIPPET {
        true => whole.chars().take(MAX_SNIPPET - 1).chain(['…']).collect(),
        false => whole,
    };
    let after = visible(line[mark.end..].trim_ascii_end());
    let room = MAX_SNIPPET.saturating_sub(middle.chars().count());
    let after_room = room.saturating_sub(before.chars().count()).max(room / 3);
    let after_count = after.chars().count();
    let shown_after: String = if after_count > after_room {
        after.chars().take(after_room.saturating_sub(1)).chain(['…']).take(after_room).collect()
    } else {
        after
    };
    let before_room = room - shown_after.chars().count();
    let before_count = before.chars().count();
    let shown_before: String = if before_count > before_room {
        ['…']
            .into_iter()
            .chain(before.chars().skip(before_count - before_room.saturating_sub(1)))
            .take(before_room)
            .collect()
    } else {
        before
    };
    let start = shown_before.len();
    let mark = start..start + middle.len();
    Snippet { text: shown_before + &middle + &shown_after, mark }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::Before;
    use crate::rule::example::{legacy_key, v1_key};

    fn shown(line: &str, key: &str) -> Snippet {
        let at = line.find(key).expect("the key");
        let text = Text::plain(line.as_bytes(), Before::default());
        snippet(&text, &(at..at + key.len()), Some("[abcd…]")).0
    }

    #[test]
    fn other_secrets_on_the_line_are_masked_too() {
        let line = format!(
            r#"{{"name":"GLOBAL_ADMIN_API_KEY","value":"pick-me-42"}} license: eyJhbGciOiJSUzI1NiJ9.eyJ9.c2ln k={}"#,
            legacy_key("j")
        );
        let beside = shown(&line, &legacy_key("j")).text;
        assert!(!beside.contains("pick") && !beside.contains("eyJ") && !beside.contains("c2ln"), "{beside}");
        let (key, other, v1) = (legacy_key("a"), legacy_key("b"), v1_key("c"));
        let line = format!("login(key=\"{key}\", token='hunter22', sha=\"{other}\", x=\"{v1}\", password: s3cr3t!!)");
        let snippet = shown(&line, &key).text;
        for secret in ["hunter22", &other[..8], &v1[..24], "s3cr3t"] {
            assert!(!snippet.contains(secret), "{snippet}");
        }
        assert!(snippet.starts_with("login(key=\"[abcd…]\", token='[…]'"), "{snippet}");
        assert!(!shown(&format!("https://u:passw0rd@h/?k={key}"), &key).text.contains("passw0rd"));
    }

    #[test]
    fn a_long_line_is_cut_round_the_mark_and_control_characters_are_spelled_out() {
        let key = legacy_key("a");
        let line = format!("{}\x1b[31m = \"{key}\" {}", "é".repeat(500), "y ".repeat(500));
        let snippet = shown(&line, &key);
        assert!(snippet.text.chars().count() <= MAX_SNIPPET, "{}", snippet.text.chars().count());
        assert_eq!(&snippet.text[snippet.mark.clone()], "[abcd…]");
        assert!(!snippet.text.contains('\x1b'));
    }

    #[test]
    fn a_point_that_is_shown_is_marked_where_it_stands_when_others_are_masked() {
        let (key, other) = (legacy_key("a"), legacy_key("b"));
        for (point, marked) in [
            ("docker run", "docker run".to_owned()),
            (&format!("run -e K={key}"), format!("run -e K=[{}…]", &key[..4])),
            ("-e X=1 --password hunter22", "-e X=1 --password […]".to_owned()),
        ] {
            let line = format!("A={other} docker run -e K={key} -e X=1 --password hunter22");
            let text = Text::plain(line.as_bytes(), Before::default());
            let at = line.find(point).expect("the point");
            let (snippet, _) = snippet(&text, &(at..at + point.len()), None);
            assert_eq!(snippet.text[snippet.mark.clone()], marked);
            assert!(!snippet.text.contains(&other[8..]) && !snippet.text.contains("hunter22"), "{}", snippet.text);
        }
    }

    #[test]
    fn a_point_as_long_as_a_snippet_leaves_room_for_nothing_else() {
        for long in [MAX_SNIPPET - 1, MAX_SNIPPET, MAX_SNIPPET + 1, 1000] {
            let line = format!("a {} b", "é".repeat(long));
            let snippet = cut(line.as_bytes(), 2..line.len() - 2);
            assert!(snippet.text.chars().count() <= MAX_SNIPPET, "{}", snippet.text);
            assert!(snippet.text.is_char_boundary(snippet.mark.start) && snippet.mark.end <= snippet.text.len());
        }
    }

    #[test]
    fn keys_that_touch_are_all_masked() {
        let (first, second, third) = (v1_key("a"), v1_key("b"), v1_key("c"));
        let line = format!("x = {first}{second}{third}");
        let snippet = shown(&line, &second).text;
        for key in [&first, &second, &third] {
            assert!(!snippet.contains(&key[24..40]), "{snippet}");
        }
    }

    #[test]
    fn a_cut_leaves_no_half_of_another_key() {
        let (key, other) = (legacy_key("a"), legacy_key("b"));
        let line = format!("{other}{}k = {key}", " ".repeat(REACH - 20));
        let text = Text::plain(line.as_bytes(), Before::default());
        let at = line.rfind(&key).expect("the key");
        let (snippet, _) = snippet(&text, &(at..at + 40), Some("[abcd…]"));
        assert!(!snippet.text.contains(&other[24..]), "{}", snippet.text);
    }
}
