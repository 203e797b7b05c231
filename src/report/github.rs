//! Workflow commands of GitHub Actions: each finding becomes an annotation of its line. The worst come first, since a step
//! shows ten of a kind; of more than are wanted the rest is counted.

use std::io::{self, Write};

use super::{model::Report, said::tally};
use crate::finding::visible;
use crate::rule::Severity;

pub(super) fn write(report: &Report, most: usize, out: &mut dyn Write) -> io::Result<()> {
    let mut findings: Vec<_> = report.findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let gaps: Vec<_> = report.coverage.skipped.iter().filter(|skip| skip.gap).collect();
    // That something was not read is to be seen, whatever else there is.
    let shown = findings.len().min(most.saturating_sub(usize::from(!gaps.is_empty())));
    let told = gaps.len().min(most.saturating_sub(shown));
    for finding in &findings[..shown] {
        let command = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let at = &finding.location;
        let mut properties = vec![("title", format!("wandward: {}", visible(&finding.rule)))];
        let file = at.file();
        let plain = file.is_some() && at.inner.is_empty();
        properties.extend(file.map(|file| ("file", visible(&file).into_owned())));
        if plain {
            let numbers = [("line", at.line), ("endLine", at.end_line)];
            // Columns are only heard of within one line.
            let columns = [("col", at.column), ("endColumn", at.end_column)];
            let within = at.line == at.end_line;
            let numbers = numbers.into_iter().chain(columns.into_iter().filter(|_| within));
            properties.extend(numbers.filter_map(|(name, number)| Some((name, number?.to_string()))));
        }
        let message = format!("{} {}", finding.sentences(!plain), visible(&finding.help));
        annotation(command, &properties, &message, out)?;
    }
    for skip in &gaps[..told] {
        let title = [("title", "wandward: not read".to_owned())];
        annotation("warning", &title, &format!("{}: {}", skip.what(), visible(&skip.reason)), out)?;
    }
    let rest = match findings.len() + gaps.len() - shown - told {
        0 => String::new(),
        rest => format!(" Beside these annotations there are {rest} more, in the report."),
    };
    writeln!(out, "wandward: {}.{rest}", tally(report))
}

fn annotation(command: &str, properties: &[(&str, String)], message: &str, out: &mut dyn Write) -> io::Result<()> {
    let escaped = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property =
        |(name, value): &(&str, String)| format!("{name}={}", escaped(value).replace(':', "%3A").replace(',', "%2C"));
    let properties: Vec<String> = properties.iter().map(property).collect();
    writeln!(out, "::{command} {}::{}", properties.join(","), escaped(message))
}
