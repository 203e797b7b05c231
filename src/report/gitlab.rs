//! The report of a secret detection job, as GitLab's security report schema has it. What was not read is a message of the
//! scan; of a finding in the working tree no commit is known.

use std::collections::HashSet;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::model::{Entry, Report};
use super::{Style, date};
use crate::finding::visible;
use crate::rule::{RuleSet, Severity};
use crate::secret::short_digest;

/// The version of GitLab's schema.
const VERSION: &str = "15.0.7";
/// What GitLab's own analyzer says where there is no commit.
const NO_COMMIT: &str = "0000000";

#[derive(Serialize)]
pub(super) struct Secrets<'r> {
    version: &'static str,
    scan: Value,
    vulnerabilities: Vulnerabilities<'r>,
}

/// Written one by one, since there may be many.
struct Vulnerabilities<'r> {
    findings: &'r [Entry],
    rules: &'r RuleSet,
}

impl Serialize for Vulnerabilities<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut ids = HashSet::new();
        serializer.collect_seq(
            self.findings.iter().map(|finding| vulnerability(finding, self.rules, &unique(finding, &mut ids))),
        )
    }
}

pub(super) fn report<'r>(report: &'r Report, rules: &'r RuleSet, style: &Style) -> Secrets<'r> {
    let took = i64::try_from(style.took.unwrap_or_default().as_secs()).unwrap_or_default();
    let program = json!({
        "id": env!("CARGO_PKG_NAME"),
        "name": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "vendor": { "name": env!("CARGO_PKG_NAME") },
    });
    let gaps = report.coverage.skipped.iter().filter(|skip| skip.gap);
    let message = |skip: &super::model::Skipped| json!({ "level": "warn", "value": format!("Not read: {}: {}", skip.what(), visible(&skip.reason)) });
    let hidden =
        report.hidden().map(|skip| json!({ "level": "info", "value": format!("Not seen: {}", visible(&skip.reason)) }));
    Secrets {
        version: VERSION,
        scan: json!({
            "analyzer": program,
            "scanner": program,
            "start_time": time(style.now - took),
            "end_time": time(style.now),
            "status": if report.coverage.complete { "success" } else { "failure" },
            "type": "secret_detection",
            "messages": gaps.map(message).chain(hidden).collect::<Vec<_>>(),
        }),
        vulnerabilities: Vulnerabilities { findings: &report.findings, rules },
    }
}

/// UTC without a zone.
fn time(seconds: i64) -> String {
    date((seconds.max(0), 0)).chars().take("2026-01-01T00:00:00".len()).collect()
}

/// An id that no other finding of the report has: the same line of two versions of a file has one finding id.
pub(super) fn unique(finding: &Entry, seen: &mut HashSet<String>) -> String {
    let at = &finding.location;
    let object = at.object.as_deref().or(at.commit()).unwrap_or_default();
    for nth in 0_u64.. {
        let parts = [finding.finding_id.as_bytes(), object.as_bytes(), &nth.to_le_bytes()[..]];
        let id = short_digest(&parts[..if nth > 0 { 3 } else { 2 }]);
        if seen.insert(id.clone()) {
            return id;
        }
    }
    finding.finding_id.clone()
}

fn vulnerability(finding: &Entry, rules: &RuleSet, id: &str) -> Value {
    let at = &finding.location;
    let rule = visible(&finding.rule);
    // A name speaks of the rule, never of the finding.
    let name = rules.get(&finding.rule).map_or_else(|| visible(&finding.message), |rule| rule.title().into());
    let severity = match (finding.severity, &finding.key) {
        (Severity::Error, Some(_)) => "Critical",
        (Severity::Error, None) => "High",
        (Severity::Warning, _) => "Medium",
        (Severity::Note, _) => "Info",
    };
    let mut description = finding.sentence() + ".";
    if let Some(key) = &finding.key {
        description.push_str(&format!(" The key is {}.", key.named()));
    }
    // GitLab takes it for Markdown, so what others named and said stands as code.
    for verdict in finding.verdicts() {
        description.push_str(&format!(" Asked, its server says: {}.", code(&verdict)));
    }
    description.push_str(&format!(" It stands at {}.", code(&finding.at())));
    let mut commit = json!({ "sha": at.commit().unwrap_or(NO_COMMIT) });
    if let (Some(author), Some(date)) = (at.author.iter().flatten().next(), at.date.iter().flatten().next()) {
        commit["author"] = visible(author).into();
        commit["date"] = visible(date).into();
    }
    let mut location =
        json!({ "commit": commit, "file": if at.pid.is_some() { at.what() } else { visible(&at.path).into_owned() } });
    if at.inner.is_empty() {
        for (name, line) in [("start_line", at.line), ("end_line", at.end_line)] {
            if let Some(line) = line {
                location[name] = line.into();
            }
        }
    }
    let uuid = [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-");
    json!({
        "id": uuid,
        "category": "secret_detection",
        "name": cut(&name, 255),
        "description": cut(&description, 10_000),
        "severity": severity,
        "solution": cut(&visible(&finding.help), 7000),
        "identifiers": [{ "type": "wandward_rule", "name": format!("wandward rule {rule}"), "value": rule }],
        "location": location,
        "raw_source_code_extract": visible(&finding.snippet),
    })
}

/// Text in a code span, between more grave accents than it has in a row.
fn code(text: &str) -> String {
    let runs = text.split(|c| c != '`').map(str::len);
    let fence = "`".repeat(runs.max().unwrap_or_default() + 1);
    format!("{fence} {text} {fence}")
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
