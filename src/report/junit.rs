//! JUnit XML: a failed test for each error and warning, a skipped one for each note, an error for each source that was not
//! read; and one test that passes where there is none, since some readers take a file without tests for a mistake.

use std::io::{self, Write};

use super::model::{Entry, Report};
use crate::finding::visible;
use crate::rule::Severity;

pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let notes = report.findings.iter().filter(|finding| finding.severity == Severity::Note).count();
    let failures = report.findings.len() - notes;
    let gaps: Vec<_> = report.coverage.skipped.iter().filter(|skip| skip.gap).collect();
    let tests = (report.findings.len() + gaps.len()).max(1);
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{}\" skipped=\"{notes}\"", gaps.len());
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    // The summary of all suites knows no skipped tests in the older schemas.
    let (all, _) = counts.split_once(" skipped").unwrap_or((&counts, ""));
    writeln!(out, "<testsuites name=\"wandward\" {all}>\n  <testsuite name=\"wandward\" {counts}>")?;
    for finding in &report.findings {
        case(finding, out)?;
    }
    for skip in &gaps {
        writeln!(out, "    <testcase classname=\"{}\" name=\"not read\">", escaped(&skip.what()))?;
        writeln!(out, "      <error type=\"not-read\" message=\"{}\"/>\n    </testcase>", escaped(&skip.reason))?;
    }
    if report.findings.is_empty() && gaps.is_empty() {
        writeln!(out, "    <testcase classname=\"wandward\" name=\"no findings\"/>")?;
    }
    writeln!(out, "  </testsuite>\n</testsuites>")
}

fn case(finding: &Entry, out: &mut dyn Write) -> io::Result<()> {
    let (what, rule) = (escaped(&finding.location.what()), escaped(&finding.rule));
    writeln!(out, "    <testcase classname=\"{what}\" name=\"{rule} at {}\">", escaped(&finding.location.place()))?;
    let message = escaped(&finding.sentence());
    if finding.severity == Severity::Note {
        writeln!(out, "      <skipped message=\"{message}\"/>\n    </testcase>")
    } else {
        let mut said = vec![finding.at(), finding.snippet.clone()];
        said.extend(finding.key.as_ref().map(|key| key.named()));
        said.extend(finding.verdicts());
        said.push(finding.help.to_string());
        let said: Vec<String> = said.iter().map(|line| escaped(line)).collect();
        writeln!(out, "      <failure type=\"{rule}\" message=\"{message}\">{}</failure>", said.join("\n"))?;
        writeln!(out, "    </testcase>")
    }
}

/// Text for an element or an attribute; characters that XML cannot hold are spelled out.
fn escaped(text: &str) -> String {
    visible(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&apos;")
}
