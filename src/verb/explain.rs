//! `wandward explain`: why a rule exists, or why a line was or was not reported. In: a rule's name or a line, and what says how to
//! scan. Out: text.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};

use super::rules::show;
use super::settings::Settings;
use crate::cli;
use wandward::finding::{Finding, visible};
use wandward::judge::Opinion;
use wandward::policy::Kept;
use wandward::rule::RuleSet;
use wandward::scan::{Progress, Scan};
use wandward::source::tree;

pub(crate) fn run(options: &cli::Explain, builtin: &RuleSet) -> Result<u8> {
    let report = cli::Report { configured: options.configured.clone(), ..cli::Report::default() };
    let Some((path, line)) = path_and_line(&options.what) else {
        let settings = Settings::new(&report, builtin, &[PathBuf::from(".")])?;
        return show(&settings.rules, &options.what.to_string_lossy());
    };
    let settings = Settings::new(&report, builtin, std::slice::from_ref(&path))?;
    let settings = settings.with_baseline(options.baseline.as_deref())?;
    // What is not selected is looked for, too, so that it can be said.
    let policy = settings.policy.with_every_rule();
    let progress = Progress::default();
    let scan =
        Scan { rules: &settings.rules, policy: &policy, progress: &progress, threads: 1, cache: None, found: &|_| {} };
    let shown = visible(&path.to_string_lossy()).into_owned();
    let opinions = scan.explain(&path, line).map_err(|error| anyhow!("{shown}: {}", tree::plain(&error)))?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    if let Some(why) = settings.leaves_out(&path)? {
        writeln!(out, "{shown}: a scan of its folder does not look at it: {}", visible(&why))?;
    }
    if opinions.is_empty() {
        writeln!(out, "{shown}:{line}: nothing on this line has the shape of a W&B key")?;
    }
    for opinion in opinions {
        match opinion {
            Opinion::Finding(finding) => found(&settings, &scan, &shown, &finding, &mut out)?,
            Opinion::Suppressed(one) => {
                let reason = if one.reason.is_empty() { "without a reason" } else { one.reason.as_str() };
                let (at, evidence) = (at(&shown, &one.finding), &one.finding.evidence);
                writeln!(out, "{at}: allowed[{}]: {reason} ({evidence})", one.finding.rule.id)?;
            }
            Opinion::Silent { place, id, reason } => {
                writeln!(out, "{shown}:{line}:{}: not reported: {id} looks like a key, but {reason}", place.column)?;
            }
        }
    }
    out.flush()?;
    Ok(0)
}

/// Says a finding, or who keeps it back.
fn found(settings: &Settings, scan: &Scan<'_>, shown: &str, finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    let (rule, at) = (&finding.rule.id, at(shown, finding));
    if !settings.policy.selects(&finding.rule) {
        let group = finding.rule.group.name();
        return writeln!(
            out,
            "{at}: not reported: your configuration selects neither `{rule}` nor `{group}`, or ignores it"
        );
    }
    match scan.kept(finding) {
        Some(Kept::Config(name, reason)) => {
            return writeln!(out, "{at}: allowed[{rule}]: {} (by {})", visible(reason), visible(name));
        }
        Some(Kept::Baseline(name, line, reason)) => {
            return writeln!(
                out,
                "{at}: allowed[{rule}]: {} (by the baseline, {}:{line})",
                visible(reason),
                visible(name)
            );
        }
        None => {}
    }
    writeln!(out, "{at}: {}[{rule}]: {}", finding.severity.name(), finding.evidence)?;
    writeln!(out, "  {}", finding.snippet.text)?;
    if let Some((line, day)) = scan.expired(finding) {
        writeln!(out, "  the entry in line {line} of the baseline accepted it until {}", visible(day))?;
    }
    writeln!(out, "  `wandward explain {rule}` says why that matters")
}

fn at(shown: &str, finding: &Finding) -> String {
    match finding.place {
        Some(place) => format!("{shown}:{}:{}", place.line, place.column),
        None => shown.to_owned(),
    }
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
