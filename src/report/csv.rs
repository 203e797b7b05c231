//! A table as RFC 4180 has it, a row a finding. No cell is a formula: what a spreadsheet would take for one gets an
//! apostrophe in front.

use std::io::{self, Write};

use super::model::{Entry, Report};
use crate::finding::visible;

const HEAD: [&str; 19] = [
    "severity", "rule", "confidence", "kind", "path", "inner", "line", "column", "repository", "commit", "author",
    "date", "key", "fingerprint", "liveness", "message", "snippet", "help", "finding_id",
];

pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    row(&HEAD.map(str::to_owned), out)?;
    report.findings.iter().try_for_each(|finding| row(&cells(finding), out))
}

fn cells(finding: &Entry) -> [String; 19] {
    let at = &finding.location;
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let word = |word: &Option<Option<String>>| word.iter().flatten().next().cloned().unwrap_or_default();
    let key = finding.key.as_ref();
    [
        finding.severity.name().to_owned(),
        finding.rule.to_string(),
        finding.confidence.clone(),
        at.kind.clone(),
        if at.pid.is_some() { at.what() } else { at.path.clone() },
        at.inner.join("!"),
        number(at.line),
        number(at.column),
        at.repository.clone().unwrap_or_default(),
        word(&at.commit),
        word(&at.author),
        word(&at.date),
        key.map(|key| key.id.clone()).unwrap_or_default(),
        key.map(|key| key.fingerprint.clone()).unwrap_or_default(),
        finding.liveness.clone(),
        finding.sentence(),
        finding.snippet.clone(),
        finding.help.to_string(),
        finding.finding_id.clone(),
    ]
}

fn row(cells: &[String], out: &mut dyn Write) -> io::Result<()> {
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    write!(out, "{}\r\n", cells.join(","))
}

/// Every cell is quoted, so that none ends where a spreadsheet that splits at semicolons would end it.
fn cell(text: &str) -> String {
    let text = visible(text);
    // Some read the wide forms of the signs alike, and some skip the blanks before them.
    let first = text.trim_start().chars().next();
    let formula = matches!(first, Some('=' | '+' | '-' | '@' | '|' | '%' | '＝' | '＋' | '－' | '＠'));
    format!("\"{}{}\"", if formula { "'" } else { "" }, text.replace('"', "\"\""))
}
