//! Templates of W&B webhooks: what stands in the payload or the headers that an automation sends. In: programs that define
//! one with the SDK, and templates that are plainly W&B's. Out: literal tokens, names and references that W&B does not fill in.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::passage::Passage;
use super::setting::{compile, is_comment, is_literal};
use super::{Confidence, Point};
use crate::rule::Site;

/// The longest template that is read, in bytes.
const LONGEST: usize = 64 * 1024;

/// Says where a token stands in a template.
pub(super) fn literal_tokens(passage: &Passage<'_>) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    for template in passage.templates() {
        let text = &passage.text[template.range.clone()];
        let found = SHAPED.find_iter(text).map(|token| (token.range(), Confidence::High));
        let named = NAMED
            .captures_iter(text)
            .filter_map(|found| found.name("value"))
            .filter(|value| value.len() >= 8 && is_literal(value.as_bytes()) && !value.as_bytes().starts_with(b"{"));
        let named = named.map(|value| (value.range(), Confidence::Medium));
        for (span, confidence) in found.chain(named) {
            let span = template.range.start + span.start..template.range.start + span.end;
            if !is_comment(passage.text, span.start) && !points.iter().any(|point| overlap(&point.span, &span)) {
                let evidence = "it is sent with every request, and whoever may edit the automation reads it".to_owned();
                points.push(Point { evidence, confidence, hidden: true, ..Point::new(span) });
            }
        }
    }
    points
}

/// Says where a reference names what no secret can be called.
pub(super) fn names(passage: &Passage<'_>) -> Vec<Point> {
    let mut points = Vec::new();
    for template in passage.templates() {
        for (span, name) in references(passage.text, template) {
            let own = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
            let metadata = name.starts_with(b"artifact_metadata.");
            if !metadata && !name.iter().all(own) {
                let evidence = "the name of a secret has only letters, digits and underscores".to_owned();
                points.push(Point { evidence, ..Point::new(span) });
            }
        }
    }
    points
}

/// Says where a secret is written in a notation that W&B does not read.
pub(super) fn syntax(passage: &Passage<'_>) -> Vec<Point> {
    let mut points = Vec::new();
    for template in passage.templates() {
        let text = &passage.text[template.range.clone()];
        for found in FOREIGN.captures_iter(text) {
            let (Some(whole), Some(quote)) = (found.name("reference"), found.name("quote")) else { continue };
            let reference = whole.as_bytes();
            let filled = template.program && is_filled_in(text, quote.start(), whole.end(), reference);
            if filled || is_comment(passage.text, template.range.start + whole.start()) {
                continue;
            }
            let span = template.range.start + whole.start()..template.range.start + whole.end();
            let evidence = "W&B fills in `${NAME}` and sends this as it is".to_owned();
            points.push(Point { evidence, ..Point::new(span) });
        }
    }
    points
}

/// The names that templates refer to, without those that W&B itself fills in.
pub(in crate::judge) fn secrets_used(passage: &Passage<'_>) -> Vec<(Range<usize>, String)> {
    let used = passage.templates().iter().flat_map(|template| references(passage.text, template));
    let named = used.filter_map(|(span, name)| Some((span, str::from_utf8(name).ok()?.to_owned())));
    named.filter(|(_, name)| !is_own(name)).collect()
}

/// The names of team secrets that a manifest declares: the list below `secrets`, where a webhook of W&B is set up, and the
/// keys of a Kubernetes secret that a W&B server keeps them in.
pub(in crate::judge) fn secrets_declared(passage: &Passage<'_>) -> Vec<String> {
    let read = matches!(passage.site, Site::Config | Site::Other | Site::Deployment | Site::Ci);
    let listed = || ["ecrets", "stringData"].iter().any(|name| holds(passage.text, name));
    if !read || passage.text.len() > LONGEST || !listed() {
        return Vec::new();
    }
    let lists = LIST.captures_iter(passage.text).filter_map(|list| list.name("items"));
    let names = lists.flat_map(|items| ITEM.captures_iter(items.as_bytes()).filter_map(|item| item.name("name")));
    names
        .filter_map(|name| str::from_utf8(name.as_bytes()).ok())
        .filter(|name| is_upper(name))
        .map(str::to_owned)
        .collect()
}

/// Whether W&B fills in the name itself (webhook automations, "Payload variables").
fn is_own(name: &str) -> bool {
    const OWN: [&str; 26] = [
        "event_type",
        "event_author",
        "artifact_version",
        "artifact_version_string",
        "artifact_version_index",
        "artifact_collection_name",
        "project_name",
        "entity_name",
        "alias",
        "run_id",
        "run_name",
        "run_url",
        "run_state",
        "metric_name",
        "metric_value",
        "metric",
        "threshold",
        "aggregation",
        "window_size",
        "timestamp",
        "tag",
        "name",
        "old_alias",
        "new_alias",
        "automation_name",
        "event",
    ];
    OWN.contains(&name) || name.starts_with("artifact_") || name.starts_with("run_") || !is_upper(name)
}

/// Secrets are written in capitals, as variables of the environment are; W&B's own names are small.
fn is_upper(name: &str) -> bool {
    name.bytes().any(|b| b.is_ascii_uppercase()) && !name.bytes().any(|b| b.is_ascii_lowercase())
}

/// A stretch of text that W&B would send.
pub(in crate::judge) struct Template {
    range: Range<usize>,
    /// Whether it stands in a program, which may fill in something first.
    program: bool,
}

/// The templates in a passage.
pub(super) fn templates(passage: &Passage<'_>) -> Vec<Template> {
    let text = passage.text;
    match passage.site {
        Site::Source | Site::Notebook => calls(text),
        Site::Docs => fences(text).filter(|range| is_template(&text[range.clone()])).map(plain).collect(),
        Site::Config | Site::Other | Site::Deployment | Site::Ci => {
            let all = 0..text.len();
            let read = text.len() <= LONGEST && is_template(text) && !is_chart(passage);
            if read { vec![plain(all)] } else { Vec::new() }
        }
        _ => Vec::new(),
    }
}

fn plain(range: Range<usize>) -> Template {
    Template { range, program: false }
}

/// A template that Helm fills in first says nothing of what W&B gets.
fn is_chart(passage: &Passage<'_>) -> bool {
    holds(passage.text, "{{ .Values") || holds(passage.text, "{{- ")
}

/// Whether a text is plainly the payload of a W&B webhook: it holds variables that only W&B fills in, or several that W&B
/// fills in beside its name.
fn is_template(text: &[u8]) -> bool {
    let beside = || COMMON.is_match(text) && WANDB.is_match(text) && WEBHOOK.is_match(text);
    holds(text, "${") && (SURE.is_match(text) || beside())
}

fn holds(text: &[u8], word: &str) -> bool {
    memchr::memmem::find(text, word.as_bytes()).is_some()
}

/// The payloads of the SDK's webhooks in a program: the arguments of each call, and what a name among them was set to.
fn calls(text: &[u8]) -> Vec<Template> {
    let mut found = Vec::new();
    if !holds(text, "Webhook") {
        return found;
    }
    for call in CALL.find_iter(text) {
        let open = call.end() - 1;
        let Some(close) = closing(text, open) else { continue };
        found.push(Template { range: open..close, program: true });
        for named in ARGUMENT.captures_iter(&text[open..close]).filter_map(|argument| argument.name("name")) {
            let assigned = memchr::memmem::rfind_iter(&text[..open], named.as_bytes()).find_map(|at| {
                let begins = at == 0 || matches!(text[at - 1], b'\n' | b' ' | b'\t');
                let rest = &text[at + named.len()..open];
                let value = rest.trim_ascii_start().strip_prefix(b"=").filter(|_| begins)?.trim_ascii_start();
                let from = open - value.len();
                let opens = matches!(value.first(), Some(b'{' | b'(' | b'['));
                let end = if opens { closing(text, from)? } else { from + string_end(value)? };
                Some(from..end)
            });
            if let Some(range) = assigned.filter(|range| !found.iter().any(|other| other.range == *range)) {
                found.push(Template { range, program: true });
            }
        }
    }
    found
}

/// The length of the string that a text begins with.
fn string_end(text: &[u8]) -> Option<usize> {
    let prefix = text.iter().take(2).take_while(|b| b.is_ascii_alphabetic()).count();
    let body = &text[prefix..text.len().min(LONGEST)];
    for quote in [&b"\"\"\""[..], b"'''", b"\"", b"'"] {
        if let Some(rest) = body.strip_prefix(quote) {
            return memchr::memmem::find(rest, quote).map(|end| prefix + quote.len() * 2 + end);
        }
    }
    None
}

/// Where the bracket at `open` is closed; brackets in strings do not count.
fn closing(text: &[u8], open: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut quote = None;
    let end = text.len().min(open + LONGEST);
    let mut at = open;
    while at < end {
        match (quote, text[at]) {
            (_, b'\\') => at += 1,
            (Some(own), byte) if byte == own => quote = None,
            (Some(_), b'\n') => quote = None,
            (Some(_), _) => {}
            (None, byte @ (b'"' | b'\'')) => quote = Some(byte),
            (None, b'(' | b'[' | b'{') => depth += 1,
            (None, b')' | b']' | b'}') => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            (None, _) => {}
        }
        at += 1;
    }
    None
}

/// What stands between the fences of a document.
fn fences(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let marks: Vec<usize> = memchr::memmem::find_iter(text, b"```").collect();
    let pairs: Vec<[usize; 2]> = marks.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect();
    pairs.into_iter().map(|[open, close]| open + 3..close)
}

/// The `${NAME}` of a template. What GitHub and shells write alike is none.
fn references<'t>(text: &'t [u8], template: &Template) -> Vec<(Range<usize>, &'t [u8])> {
    let found = REFERENCE.captures_iter(&text[template.range.clone()]).filter_map(|found| {
        let (whole, name) = (found.get(0)?, found.get(1)?);
        let span = template.range.start + whole.start()..template.range.start + whole.end();
        let name = &text[template.range.start + name.start()..template.range.start + name.end()];
        (!is_comment(text, span.start)).then_some((span, name))
    });
    found.collect()
}

/// Whether a program fills in a reference itself: a format string, or one that `.format` or `%` is applied to.
fn is_filled_in(text: &[u8], quote: usize, end: usize, reference: &[u8]) -> bool {
    let before: Vec<u8> =
        text[..quote].iter().rev().take_while(|b| b.is_ascii_alphabetic()).map(u8::to_ascii_lowercase).collect();
    let line = &text[end..];
    let line = &line[..memchr::memchr(b'\n', line).unwrap_or(line.len())];
    let applied = [&b".format("[..], b".replace(", b".substitute(", b".render(", b"% "].into_iter();
    let mut applied = applied.filter(|call| memchr::memmem::find(line, call).is_some());
    before.contains(&b'f') || applied.next().is_some() || reference.is_empty()
}

fn overlap(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start < other.end && other.start < one.end
}

static CALL: LazyLock<Regex> =
    LazyLock::new(|| compile(r"(?-u)\b(?:SendWebhook(?:\.(?:from_integration|new))?|DoWebhook|WebhookAction)\s*\("));
static ARGUMENT: LazyLock<Regex> =
    LazyLock::new(|| compile(r"(?-u)\b(?:request_)?(?:payload|headers?)\s*=\s*(?P<name>[A-Za-z_][A-Za-z0-9_]*)"));
static SURE: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"(?-u)\$\{(?:event_author|artifact_version_string|artifact_version_index|artifact_collection_name|artifact_metadata\.[^}\s]*)\}",
    )
});
static COMMON: LazyLock<Regex> = LazyLock::new(|| {
    compile(r"(?-u)\$\{(?:event_type|artifact_version|project_name|entity_name|run_id|run_name|run_url)\}")
});
static WANDB: LazyLock<Regex> = LazyLock::new(|| compile(r"(?i-u)wandb|weights\s*(?:&|and)\s*biases"));
static WEBHOOK: LazyLock<Regex> = LazyLock::new(|| compile(r"(?i-u)webhook|automation"));
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| compile(r"(?-u)\$\{([^{}\n]{1,80})\}"));
static LIST: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r#"(?m-u)^[ \t]*["']?(?:wandb_|team_)?(?:secrets|stringData)["']?\s*[:=]\s*[\[{]?[ \t]*\n(?P<items>(?:[ \t]+[^\n]*\n?|[ \t]*-[^\n]*\n?)+)"#,
    )
});
static ITEM: LazyLock<Regex> = LazyLock::new(|| {
    compile(r#"(?m-u)^[ \t]*(?:-[ \t]*)?(?:\{?[ \t]*["']?name["']?[ \t]*[:=][ \t]*)?["']?(?P<name>[A-Za-z0-9_]+)["']?"#)
});
// Tokens that name their vendor, and what follows the scheme of an authorization header.
static SHAPED: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"(?-u)\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}|xox[abprs]-[A-Za-z0-9-]{10,}|hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{20,}|AKIA[A-Z0-9]{16}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_.-]{8,})",
    )
});
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r#"(?i-u)(?:["'][\w.-]*(?:token|secret|passw(?:or)?d|api_?key|authorization|credential)[\w.-]*["']\s*:\s*["'](?:(?:Bearer|Basic|token)\s+)?(?P<value>[^"'\n\s]+)["'])"#,
    )
});
static FOREIGN: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r#"(?-u)(?P<quote>["'])(?:(?i:Bearer|Basic|token)\s+)?(?P<reference>\$\{\{\s*secrets\.\w+\s*\}\}|\$[A-Z][A-Z0-9_]{2,}|\{\{\s*(?:secrets\.)?[A-Z][A-Z0-9_]{2,}\s*\}\}|\{[A-Z][A-Z0-9_]{2,}\}|%[A-Z][A-Z0-9_]{2,}%)["']"#,
    )
});
