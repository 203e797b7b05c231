//! `wandward explain`: why a rule exists, or why a line was or was not reported.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};

use super::rules::show;
use wandward::finding::visible;
use wandward::judge::Opinion;
use wandward::policy::Policy;
use wandward::rule::RuleSet;
use wandward::scan::{Progress, Scan};
use wandward::source::tree;

pub(crate) fn run(rules: &RuleSet, what: &Path) -> Result<u8> {
    let text = what.to_string_lossy();
    let Some((path, line)) = path_and_line(what) else {
        return show(rules, &text);
    };
    let policy = Policy::new(rules, Vec::new(), Vec::new(), true)?;
    let progress = Progress::default();
    let scan = Scan { rules, policy: &policy, progress: &progress, threads: 1, found: &|_| {} };
    let shown = visible(&path.to_string_lossy()).into_owned();
    let opinions = scan.explain(&path, line).map_err(|error| anyhow!("{shown}: {}", tree::plain(&error)))?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    if opinions.is_empty() {
        writeln!(out, "{shown}:{line}: nothing on this line has the shape of a W&B key")?;
    }
    for opinion in opinions {
        match opinion {
            Opinion::Finding(finding) => {
                let (rule, evidence, severity) = (&finding.rule.id, &finding.evidence, finding.severity.name());
                let column = finding.place.map_or(1, |place| place.column);
                writeln!(out, "{shown}:{line}:{column}: {severity}[{rule}]: {evidence}")?;
                writeln!(out, "  {}", finding.snippet.text)?;
                writeln!(out, "  `wandward explain {rule}` says why that matters")?;
            }
            Opinion::Suppressed(one) => {
                let (rule, column) = (&one.finding.rule.id, one.finding.place.map_or(1, |place| place.column));
                let reason = if one.reason.is_empty() { "without a reason" } else { one.reason.as_str() };
                writeln!(out, "{shown}:{line}:{column}: allowed[{rule}]: {reason} ({})", one.finding.evidence)?;
            }
            Opinion::Silent { place, id, reason } => {
                writeln!(out, "{shown}:{line}:{}: not reported: {id} looks like a key, but {reason}", place.column)?;
            }
        }
    }
    out.flush()?;
    Ok(0)
}

/// `PATH:LINE`, or `PATH:LINE:COLUMN` as reports print it.
fn path_and_line(what: &Path) -> Option<(PathBuf, u64)> {
    let text = what.to_str()?;
    let (head, last) = text.rsplit_once(':')?;
    let last: u64 = last.parse().ok()?;
    if let Some((path, line)) = head.rsplit_once(':')
        && let Ok(line) = line.parse()
        && !Path::new(head).exists()
    {
        return Some((path.into(), line));
    }
    Some((head.into(), last))
}
