//! What the elements round a value say: `<env name="NAME" value="VALUE"/>`, `<key>NAME</key> <string>VALUE</string>`,
//! `<wandb><key>VALUE</key></wandb>`. In: a text and the value in it. Out: the names of the value, the nearest first, and
//! the labels beside it; nothing if the value is no content of an element.

use super::object::is_label;

/// How far elements are read to both sides of a value.
const REACH: usize = 1500;

/// What elements say of a value.
#[derive(Default)]
pub(super) struct Markup<'t> {
    /// The attribute and the elements that the value belongs to, the nearest first.
    pub(super) names: Vec<&'t [u8]>,
    /// What attributes and siblings call it.
    pub(super) labels: Vec<&'t [u8]>,
    /// Whether the value is the content of an element rather than an attribute.
    pub(super) content: bool,
    /// The head of the column of a table that the value stands in.
    pub(super) head: Option<&'t [u8]>,
    /// The content of the element directly before.
    pub(super) before: Option<&'t [u8]>,
}

/// Reads the elements round the value that begins at `at`.
pub(super) fn read(text: &[u8], at: usize) -> Option<Markup<'_>> {
    let floor = at.saturating_sub(REACH);
    let lead = text[floor..at].trim_ascii_end();
    let lead = lead.strip_suffix(b"<![CDATA[").unwrap_or(lead).trim_ascii_end();
    let open = memchr::memrchr(b'<', lead)?;
    let tag = &lead[open + 1..];
    if !tag.first().is_some_and(|b| b.is_ascii_alphabetic()) || tag.len() > 600 {
        return None;
    }
    let mut markup = Markup::default();
    let in_tag = !lead.ends_with(b">");
    markup.content = !in_tag;
    if in_tag {
        // The value is itself an attribute: `name=` must stand directly before it.
        let bare = lead.strip_suffix(b"\"").or_else(|| lead.strip_suffix(b"'")).unwrap_or(lead);
        let name = super::lead::word_before(bare.strip_suffix(b"=")?)?;
        markup.names.push(name);
        let rest = &text[at..text.len().min(at + REACH)];
        let rest = &rest[..memchr::memchr(b'>', rest).unwrap_or(rest.len())];
        let behind = memchr::memchr2(b'"', b'\'', rest).map_or(&rest[..0], |quote| &rest[quote + 1..]);
        for (name, value) in attributes(tag).into_iter().chain(attributes(behind)) {
            if is_label(name) {
                markup.labels.push(value);
            }
        }
    } else if tag.iter().filter(|b| **b == b'>').count() > 1 {
        return None;
    } else {
        markup.labels.extend(attributes(tag).into_iter().filter(|(name, _)| is_label(name)).map(|(_, value)| value));
    }
    let element = element_name(tag);
    if element.is_empty() {
        return None;
    }
    markup.names.push(element);
    let above = &lead[..open];
    markup.before = content_before(above);
    markup.head = column_head(&text[at.saturating_sub(8 * REACH)..at]);
    let named = in_tag && !markup.labels.is_empty();
    let mut around = Vec::new();
    markup.names.extend(ancestors(above, &mut around));
    siblings_below(&text[at..text.len().min(at + REACH)], in_tag, &mut around);
    // What the element itself is called counts more than what it lies in.
    if !named {
        markup.labels.extend(around);
    }
    Some(markup)
}

fn element_name(tag: &[u8]) -> &[u8] {
    tag.split(|b| b.is_ascii_whitespace() || matches!(b, b'>' | b'/')).next().unwrap_or_default()
}

/// The content of the element that ends a text.
fn content_before(text: &[u8]) -> Option<&[u8]> {
    let text = text.trim_ascii_end().strip_suffix(b">")?;
    let close = memchr::memmem::rfind(text, b"</")?;
    let inner = &text[..close];
    let start = memchr::memrchr(b'>', inner)? + 1;
    let content = inner[start..].trim_ascii();
    // `<td><code>NAME</code></td>`: the content is one element further in.
    if content.is_empty() { content_before(inner) } else { Some(content) }
}

/// The head of the column for a cell at the end of a text: the `<th>` of the same number in the same table.
fn column_head(text: &[u8]) -> Option<&[u8]> {
    let row = memchr::memmem::rfind(text, b"<tr")?;
    if memchr::memmem::find(&text[row..], b"</tr").is_some() {
        return None;
    }
    let column = memchr::memmem::find_iter(&text[row..], b"<td").count().checked_sub(1)?;
    let table = memchr::memmem::rfind(&text[..row], b"<table").unwrap_or(0);
    let heads = memchr::memmem::find_iter(&text[table..row], b"<th").map(|at| &text[table + at..row]);
    // `<thead>` is no cell.
    let head = heads.filter(|head| matches!(head.get(3), Some(b'>' | b' '))).nth(column)?;
    let start = memchr::memchr(b'>', head)? + 1;
    let end = memchr::memmem::find(&head[start..], b"</th")?;
    Some(head[start..start + end].trim_ascii())
}

/// The elements that are open at the end of a text, the innermost first; labels among what they hold are added.
fn ancestors<'t>(text: &'t [u8], labels: &mut Vec<&'t [u8]>) -> Vec<&'t [u8]> {
    let mut names = Vec::new();
    let mut depth = 0usize;
    let mut end = text.len();
    while let Some(open) = memchr::memrchr(b'<', &text[..end]) {
        let tag = &text[open + 1..end];
        end = open;
        let Some(close) = memchr::memchr(b'>', tag) else { continue };
        let (tag, content) = (&tag[..close], tag[close + 1..].trim_ascii());
        if tag.first() == Some(&b'/') {
            depth += 1;
        } else if tag.ends_with(b"/") || !tag.first().is_some_and(|b| b.is_ascii_alphabetic()) {
        } else if depth > 0 {
            depth -= 1;
            if depth == 0 && names.is_empty() && is_label(element_name(tag)) && !content.is_empty() {
                labels.push(content);
            }
        } else {
            names.push(element_name(tag));
            if names.len() <= 2 {
                labels.extend(attributes(tag).into_iter().filter(|(name, _)| is_label(name)).map(|(_, value)| value));
            }
        }
    }
    names
}

/// Labels among the elements that follow in the same parent.
fn siblings_below<'t>(text: &'t [u8], in_tag: bool, labels: &mut Vec<&'t [u8]>) {
    let mut depth = usize::from(!in_tag);
    let mut at = 0;
    while let Some(open) = memchr::memchr(b'<', &text[at..]).map(|open| at + open) {
        let Some(close) = memchr::memchr(b'>', &text[open..]).map(|close| open + close) else { return };
        let tag = &text[open + 1..close];
        at = close + 1;
        if tag.first() == Some(&b'/') {
            if depth == 0 {
                return;
            }
            depth -= 1;
        } else if !tag.ends_with(b"/") && tag.first().is_some_and(|b| b.is_ascii_alphabetic()) {
            if depth == 0 && is_label(element_name(tag)) {
                let content = &text[at..];
                let end = memchr::memchr(b'<', content).unwrap_or(content.len());
                labels.push(content[..end].trim_ascii());
            }
            depth += 1;
        }
    }
}

/// The attributes of a tag, which may be cut off at its end.
fn attributes(tag: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(equals) = memchr::memchr(b'=', &tag[at..]).map(|e| at + e) {
        let name = super::lead::word_before(&tag[..equals]).unwrap_or_default();
        let rest = tag[equals + 1..].trim_ascii_start();
        let (value, length) = match rest.first() {
            Some(quote @ (b'"' | b'\'')) => match memchr::memchr(*quote, &rest[1..]) {
                Some(close) => (&rest[1..close + 1], close + 2),
                None => (&rest[..0], rest.len()),
            },
            _ => {
                let end = rest.iter().position(|b| b.is_ascii_whitespace() || *b == b'>').unwrap_or(rest.len());
                (&rest[..end], end)
            }
        };
        if !value.is_empty() {
            found.push((name, value));
        }
        at = (tag.len() - rest.len() + length).min(tag.len()).max(equals + 1);
    }
    found
}
