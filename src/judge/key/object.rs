//! What an object is called: its `name`, `id`, `host`, wherever among its members that stands.
//! In: the bytes of a bracket's content, of a section, or the lines of a mapping. Out: the values of those members.

use std::ops::Range;

use super::names::Says;
use super::outline::{Line, Outline};
use super::{Effort, lead};

/// How many lines of a mapping are read to both sides of a value.
const MAPPING_LINES: usize = 300;
/// What reading a line counts for, in bytes.
const LINE: usize = 64;

/// Names of members that say what an object is for.
pub(super) fn is_label(name: &[u8]) -> bool {
    const LABELS: &[&str] = &[
        "label", "title", "alias", "service", "provider", "host", "server", "machine", "url", "baseurl", "apibase",
        "apiurl", "endpoint", "type", "kind", "target", "platform", "tracker", "logger", "backend", "integration",
        "integrationtype", "app", "account", "issuer", "env", "variable", "var", "option", "property", "field",
        "setting", "param", "parameter", "site", "realm", "uri", "identifier", "for", "domain", "origin",
        "description", "model", "image", "secret", "uses", "class", "classpath",
    ];
    let flat: String =
        name.iter().filter(|b| b.is_ascii_alphanumeric()).map(|b| char::from(b.to_ascii_lowercase())).collect();
    let named = || ["name", "id"].iter().any(|end| flat.ends_with(end));
    LABELS.contains(&flat.as_str()) || named() || (flat.ends_with("key") && !is_credential(name, &flat))
}

/// Whether what is called some key is one, rather than the name of one.
fn is_credential(name: &[u8], flat: &str) -> bool {
    const KEYS: [&str; 7] = ["apikey", "accesskey", "secretkey", "authkey", "privatekey", "loginkey", "userkey"];
    KEYS.iter().any(|key| flat.ends_with(key)) || Says::of(name) == Says::WandbKey
}

/// Whether a label speaks for all that lies within its object. What an object logs with, or has for a model or an image,
/// says nothing of other objects in it.
fn speaks_inward(name: &[u8]) -> bool {
    let own = [&b"logger"[..], b"tracker", b"model", b"image", b"description", b"backend", b"option"];
    !own.iter().any(|own| name.eq_ignore_ascii_case(own))
}

/// The values of the labels between brackets or in a section; `but` is the offset of a value that is no label, `outer`
/// whether the value lies in an object within this one.
pub(super) fn labels(text: &[u8], inside: Range<usize>, but: Option<usize>, outer: bool) -> Vec<&[u8]> {
    let speaks = |name: &[u8]| is_label(name) && (!outer || speaks_inward(name));
    let mut found = Vec::new();
    let mut depth = 0usize;
    let mut start = inside.start;
    let mut metadata = false;
    for at in inside.start..=inside.end {
        let byte = if at == inside.end { b',' } else { text[at] };
        match byte {
            b'(' | b'[' | b'{' => {
                metadata = depth == 0 && memchr::memmem::find(&text[start..at], b"metadata").is_some();
                depth += 1;
                if metadata {
                    start = at + 1;
                }
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b',' | b'\n' | b';' => {
                let holds = but.is_some_and(|but| (start..at).contains(&but));
                if (depth == 0 || (metadata && depth == 1)) && !holds {
                    found.extend(pair(&text[start..at]).filter(|(name, _)| speaks(name)).map(|(_, value)| value));
                }
                if depth == 0 || metadata {
                    start = at + 1;
                }
            }
            _ => {}
        }
    }
    found
}

/// `name = value`, `"name": "value"`, `name => 'value'`, `:name "value"`, both unquoted; the value a short literal.
pub(super) fn pair(item: &[u8]) -> Option<(&[u8], &[u8])> {
    let item = item.trim_ascii();
    let item = item.strip_prefix(b"|").map_or(item, <[u8]>::trim_ascii_start);
    let keyword = item.strip_prefix(b":");
    let (name, value) = match keyword {
        Some(rest) => rest.split_at(rest.iter().position(u8::is_ascii_whitespace)?),
        None => {
            let at = item.iter().position(|b| matches!(b, b':' | b'='))?;
            (&item[..at], &item[at + 1..])
        }
    };
    let value = value.trim_ascii_start();
    let value = value.strip_prefix(b">").unwrap_or(value).trim_ascii();
    let value = match (keyword, value.first()) {
        // `:name "X" :value "Y"`: the value is the literal that comes next.
        (Some(_), Some(b'"')) => &value[..memchr::memchr(b'"', &value[1..])? + 2],
        _ => value,
    };
    let (name, value) = (lead::unquote(name.trim_ascii()), lead::unquote(value));
    (!name.is_empty() && !value.is_empty() && value.len() <= 100).then_some((name, value))
}

/// The values of the labels in the mapping that a line belongs to: `name: WANDB_API_KEY` above or below `value: VALUE`,
/// and the `name:` of its `metadata:`, which may be `{name: …}`.
pub(super) fn mapping<'t>(
    text: &'t [u8],
    outline: &Outline,
    line: usize,
    effort: &Effort,
    outer: bool,
) -> Vec<&'t [u8]> {
    let own = outline.line(line).content;
    let of = |at: usize| {
        let text = text[outline.line(at).start..outline.line(at).end].trim_ascii();
        text.strip_prefix(b"- ").unwrap_or(text).trim_ascii_start()
    };
    let mut labels: Vec<&'t [u8]> = Vec::new();
    if line_pair(of(line)).is_none() {
        return labels;
    }
    let reach = effort.reach(MAPPING_LINES * LINE) / LINE;
    let mut look = |at: usize| {
        let Some((name, value)) = line_pair(of(at)) else { return };
        let Line { content, parent, .. } = *outline.line(at);
        let in_metadata = parent.is_some_and(|p| outline.line(p).content == own && of(p) == b"metadata:");
        if (content == own && is_label(name) && (!outer || speaks_inward(name)) && !value.is_empty())
            || (in_metadata && name == b"name")
        {
            labels.push(value);
        }
        let flow = value.strip_prefix(b"{").and_then(|members| members.strip_suffix(b"}"));
        if let Some(members) = flow.filter(|_| content == own && name == b"metadata") {
            labels.extend(self::labels(members, 0..members.len(), None, true));
        }
    };
    if outline.line(line).content == outline.line(line).indent {
        for at in outline.all_above(line).take(reach) {
            let Line { indent, content, .. } = *outline.line(at);
            if content < own || of(at).starts_with(b"---") {
                break;
            }
            look(at);
            if content == own && indent < own {
                break;
            }
        }
    }
    for at in outline.all_below(line).take(reach) {
        if outline.line(at).indent < own || of(at).starts_with(b"---") {
            break;
        }
        look(at);
    }
    labels
}

/// The key of a line that opens a mapping, a list or a block of text: `key:`, `"key": |`, `key: &anchor`, `key: !!str`.
/// Tells too whether what follows is a block of text, which need not be the value of the key.
pub(super) fn line_key(line: &[u8]) -> Option<(&[u8], bool)> {
    let (name, value) = line_pair(line)?;
    match value.first() {
        None | Some(b'&' | b'!' | b'#' | b'{' | b'[') => Some((name, false)),
        Some(b'|' | b'>') => Some((name, true)),
        _ => None,
    }
}

/// `key: value` on a line, both unquoted.
fn line_pair(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.trim_ascii();
    let quoted = matches!(line.first(), Some(b'"' | b'\''));
    let colon = if quoted {
        let close = memchr::memchr(line[0], &line[1..])? + 2;
        (line.get(close) == Some(&b':')).then_some(close)?
    } else {
        let colon = memchr::memchr(b':', line)?;
        let name = &line[..colon];
        if name.is_empty() || name.contains(&b'(') || name.iter().filter(|b| **b == b' ').count() > 3 {
            return None;
        }
        colon
    };
    if !matches!(line.get(colon + 1), None | Some(b' ' | b'\t')) {
        return None;
    }
    let value = line[colon + 1..].trim_ascii();
    Some((lead::unquote(&line[..colon]), lead::unquote(value)))
}
