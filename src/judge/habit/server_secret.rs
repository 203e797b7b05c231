//! Secrets of a W&B server that stand in its settings as they are: the licence, the OIDC secret, passwords, the admin key.
//! In: values files, manifests, Terraform, container commands. Out: where the values stand; they are never shown.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::passage::Passage;
use super::setting::{Setting, compile, is_literal, line_start, settings};
use super::{Confidence, Point};

/// Says where a program may administrate with a key.
pub(super) fn admin_access(passage: &Passage<'_>) -> Vec<Point> {
    let on = |setting: &Setting<'_>| {
        [&b"true"[..], b"1", b"yes", b"on"].iter().any(|yes| setting.value.eq_ignore_ascii_case(yes))
    };
    let found = settings(passage.text, "GORILLA_INSECURE_ALLOW_API_KEY_ADMIN_ACCESS").into_iter().filter(on);
    let evidence = "every administrator's API key now administrates the server".to_owned();
    found.map(|setting| Point { evidence: evidence.clone(), ..point(&setting, false) }).collect()
}

/// Says where the admin key stands, if it has not the shape of a key, for which other rules speak.
pub(super) fn admin_key(passage: &Passage<'_>) -> Vec<Point> {
    let found = settings(passage.text, "GLOBAL_ADMIN_API_KEY").into_iter();
    let found =
        found.filter(|setting| setting.value.len() >= 8 && is_value(passage, setting) && !KEY.is_match(setting.value));
    found
        .map(|setting| Point {
            evidence: "it is the value of `GLOBAL_ADMIN_API_KEY`".to_owned(),
            ..point(&setting, true)
        })
        .collect()
}

/// Says where another secret of the server stands.
pub(super) fn literal(passage: &Passage<'_>) -> Vec<Point> {
    let mut points = Vec::new();
    let mut tell = |setting: Setting<'_>, name: &str, confidence: Confidence| {
        if is_value(passage, &setting) && !points.iter().any(|point: &Point| point.span == setting.span) {
            let evidence = format!("it is the value of `{name}`");
            points.push(Point { evidence, confidence, ..point(&setting, true) });
        }
    };
    let sets_up = sets_up_a_server(passage);
    if !sets_up && !is_named_for_wandb(passage) && !passage.names.iter().any(|at| is_licence_name(passage.text, *at)) {
        return points;
    }
    let mut names: Vec<&str> = OWN.find_iter(passage.text).filter_map(|m| str::from_utf8(m.as_bytes()).ok()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        settings(passage.text, name).into_iter().for_each(|setting| tell(setting, name, Confidence::High));
    }
    let template = passage.origin.file_name().ends_with(b".tpl");
    if template || (!sets_up && !is_named_for_wandb(passage)) {
        return points;
    }
    for name in ["license", "LICENSE"] {
        let found = settings(passage.text, name).into_iter().filter(|setting| is_licence(setting.value));
        found.for_each(|setting| tell(setting, name, Confidence::High));
    }
    for name in ["oidc_secret", "oidcSecret", "SLACK_SECRET", "slack_secret", "database_password", "MYSQL_PASSWORD"] {
        settings(passage.text, name).into_iter().for_each(|setting| tell(setting, name, Confidence::Medium));
    }
    for (name, parents) in BELOW {
        for setting in settings(passage.text, name) {
            let under = parent(passage.text, &setting.name);
            if parents.iter().any(|parent| under.eq_ignore_ascii_case(parent.as_bytes())) {
                tell(setting, name, Confidence::Medium);
            }
        }
    }
    points
}

/// Names that no other software has.
static OWN: LazyLock<Regex> = LazyLock::new(|| {
    compile(r"(?-u)\b(?:GORILLA_[A-Z0-9_]*(?:LICENSE|SECRET|PASSWORD|SESSION_KEY)|(?i:wandb_license))\b")
});

/// Whether W&B is named as a part of `wandb_license`, in any case.
fn is_licence_name(text: &[u8], at: usize) -> bool {
    const NAME: &[u8] = b"wandb_license";
    text.get(at..at + NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME))
}

/// Whether a file shows that it sets up a W&B server.
fn sets_up_a_server(passage: &Passage<'_>) -> bool {
    const AROUND: usize = 16;
    let near = |at: &usize| {
        let end = passage.text.len().min(at + "wandb".len() + AROUND);
        SERVER.is_match(&passage.text[at.saturating_sub(AROUND)..end])
    };
    passage.names.iter().any(near) || passage.other && memchr::memmem::find(passage.text, b"GORILLA_").is_some()
}

/// What names of W&B show it, with what stands beside them.
static SERVER: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"(?-u)operator-wandb|\bwandb/local\b|\bwandb/(?:wandb|terraform-)|charts\.wandb\.ai|apps\.wandb\.com|\bwandb_version\b",
    )
});

/// Names that say something below others alone.
const BELOW: [(&str, &[&str]); 3] =
    [("secret", &["oidc"]), ("password", &["mysql", "redis", "smtp"]), ("secretKey", &["bucket", "defaultBucket"])];

/// What has the shape of a key: other rules speak for it, or know why it is none.
static KEY: LazyLock<Regex> = LazyLock::new(|| compile(r"(?-u)[0-9a-f]{40}$|wandb_v[0-9]"));

fn is_named_for_wandb(passage: &Passage<'_>) -> bool {
    let name = String::from_utf8_lossy(passage.origin.file_name()).to_ascii_lowercase();
    name.contains("wandb") && [".yaml", ".yml", ".tfvars", ".env"].iter().any(|end| name.ends_with(end))
}

/// A licence is a JSON web token.
fn is_licence(value: &[u8]) -> bool {
    value.starts_with(b"eyJ") && value.len() >= 40 && value.contains(&b'.')
}

/// Whether the value of a setting stands there as it is. What HCL does not quote is an expression.
fn is_value(passage: &Passage<'_>, setting: &Setting<'_>) -> bool {
    let name = passage.origin.file_name();
    let hcl = [&b".tf"[..], b".tfvars", b".hcl"].iter().any(|end| name.ends_with(end));
    let quoted = passage.text[..setting.span.start].ends_with(b"\"");
    let one_word = !setting.value.iter().any(u8::is_ascii_whitespace);
    (quoted || !hcl) && one_word && setting.value.len() >= 4 && is_literal(setting.value)
}

/// The name that a name stands below: `a` in `a.NAME=`, or that of the nearest line above that is indented less.
fn parent<'t>(text: &'t [u8], name: &Range<usize>) -> &'t [u8] {
    const LINES: usize = 64;
    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if let Some(path) = text[..name.start].strip_suffix(b".") {
        let length = path.iter().rev().take_while(|b| word(b)).count();
        return &path[path.len() - length..];
    }
    let start = line_start(text, name.start);
    let indent = name.start - start;
    let mut end = start;
    for _ in 0..LINES {
        let Some(above) = end.checked_sub(1) else { return b"" };
        let from = line_start(text, above);
        let line = &text[from..above];
        let content = line.trim_ascii_start();
        end = from;
        if !content.is_empty() && !content.starts_with(b"#") && line.len() - content.len() < indent {
            let content = content.strip_prefix(b"- ").unwrap_or(content).trim_ascii_start();
            let content = content.strip_prefix(b"\"").unwrap_or(content);
            return &content[..content.iter().take_while(|b| word(b)).count()];
        }
    }
    b""
}

fn point(setting: &Setting<'_>, hidden: bool) -> Point {
    Point {
        about: setting.name.start.min(setting.span.start)..setting.span.end,
        hidden,
        ..Point::new(setting.span.clone())
    }
}
