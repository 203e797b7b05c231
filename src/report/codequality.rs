//! A code quality report as GitLab reads it: a list of issues, each with a fingerprint that no other has, since of two alike
//! GitLab shows one.

use std::collections::HashSet;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::gitlab::unique;
use super::model::{Entry, Report};
use crate::finding::visible;
use crate::rule::Severity;

/// Written one by one, since there may be many.
pub(super) struct Issues<'r>(&'r [Entry]);

pub(super) fn issues(report: &Report) -> Issues<'_> {
    Issues(&report.findings)
}

impl Serialize for Issues<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seen = HashSet::new();
        serializer.collect_seq(self.0.iter().map(|finding| issue(finding, unique(finding, &mut seen))))
    }
}

fn issue(finding: &Entry, fingerprint: String) -> Value {
    let at = &finding.location;
    let severity = match (finding.severity, &finding.key) {
        (Severity::Error, Some(_)) => "blocker",
        (Severity::Error, None) => "critical",
        (Severity::Warning, _) => "major",
        (Severity::Note, _) => "info",
    };
    let mut description = finding.sentence();
    if let Some(key) = &finding.key {
        description.push_str(&format!(" ({})", key.named()));
    }
    if !at.is_file() || !at.inner.is_empty() {
        description.push_str(&format!(", at {}", finding.at()));
    }
    let path = if at.path.is_empty() || at.pid.is_some() { at.what() } else { visible(&at.path).into_owned() };
    json!({
        "description": description,
        "check_name": visible(&finding.rule),
        "fingerprint": fingerprint,
        "severity": severity,
        "location": {
            "path": path.strip_prefix("./").unwrap_or(&path),
            "lines": { "begin": at.line.filter(|_| at.inner.is_empty()).unwrap_or(1) },
        },
    })
}
