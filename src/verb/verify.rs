//! `wandward verify`: keys from a scan or as they are given, and what their servers say of them.

use std::io::{self, IsTerminal};
use std::time::Instant;

use anyhow::{Result, bail};

use super::ask::{self, Asking};
use super::fix::{self, Plan};
use super::given;
use super::out::{self, Targets, colour};
use super::scan::{inputs, roots, stands_alone};
use super::settings::Settings;
use crate::cli::{self, Cli};
use crate::watch;
use wandward::blob::{Kind, Origin};
use wandward::finding::Outcome;
use wandward::remediate;
use wandward::report::{self, Report, Style};
use wandward::rule::RuleSet;
use wandward::scan::{self, Progress, Scan};
use wandward::secret::Keyring;

pub(crate) fn run(cli: &Cli, options: &cli::Verify, rules: &RuleSet) -> Result<u8> {
    let started = Instant::now();
    let asking = Asking::new(&options.scan.ask)?;
    let (found, signal) = find_and_ask(options, rules, &asking)?;
    let report = &options.scan.report;
    let code = ask::exit_code(&found.outcome, report.shown.allow_partial);
    let style = Style {
        colour: colour(cli.color),
        took: Some(started.elapsed()),
        suppressed: report.shown.show_suppressed,
        verbose: report.shown.verbose,
        quiet: report.shown.quiet,
        ..out::style()
    };
    let targets = Targets::new(report.shown.format, &report.shown.output)?;
    let mut out = io::BufWriter::new(io::stdout());
    let outcome = found.outcome;
    let report = Report::from(outcome.clone());
    targets.write_with(&report, rules, &style, &mut out, |out| report::verdicts(&outcome, &style, out))?;
    Ok(signal.map_or(code, |signal| 128 + signal))
}

/// What was found, and the keys of it.
pub(crate) struct Found {
    pub(crate) outcome: Outcome,
    pub(crate) keyring: Keyring,
}

/// Finds keys and asks about them; tells which signal ended it.
pub(crate) fn find_and_ask(options: &cli::Verify, rules: &RuleSet, asking: &Asking) -> Result<(Found, Option<u8>)> {
    find(options, rules, Some(asking))
}

/// Finds again, and asks nobody; of keys that were given there is nothing to find.
pub(crate) fn find_again(options: &cli::Verify, rules: &RuleSet) -> Result<Outcome> {
    let given = options.key_file.is_some() || is_dash(options);
    if given { Ok(Outcome::default()) } else { Ok(find(options, rules, None)?.0.outcome) }
}

/// The files that `scan --fix` would take keys out of, as they are shown.
pub(crate) fn mendable(options: &cli::Verify, rules: &RuleSet, outcome: &Outcome) -> Result<Vec<String>> {
    if options.key_file.is_some() || is_dash(options) || options.scan.report.find.is_some() {
        return Ok(Vec::new());
    }
    let roots = roots(&options.scan);
    let Settings { rules, policy, .. } = &Settings::new(&options.scan.report, rules, &roots)?;
    let progress = Progress::default();
    let scan = Scan { rules, policy, progress: &progress, threads: 1, cache: None, found: &|_| {} };
    let asked = fix::Asked { diff: true, allow_dirty: true, roots, quiet: true, colour: false };
    Ok(Plan::new(&scan, outcome, &asked).takes_keys_out_of())
}

fn is_dash(options: &cli::Verify) -> bool {
    matches!(&options.scan.paths[..], [path] if path.as_os_str() == "-")
}

fn find(options: &cli::Verify, rules: &RuleSet, asking: Option<&Asking>) -> Result<(Found, Option<u8>)> {
    let report = &options.scan.report;
    if options.scan.diff || options.scan.fix {
        bail!("`--diff` and `--fix` are for `wandward scan`");
    }
    if is_dash(options) {
        stands_alone(&options.scan)?;
        if options.scan.ps || options.scan.host || options.scan.stdin_name.is_some() {
            bail!("`-` reads bare keys here, and stands alone");
        }
    }
    let given = match &options.key_file {
        Some(file) => Some((given::from_file(file)?, Origin::new(Kind::File, &*file.to_string_lossy()))),
        None if is_dash(options) => Some((given::from_stdin()?, Origin::new(Kind::Stdin, "-"))),
        None => None,
    };
    let (mut settings, inputs) = match &given {
        Some(_) => (Settings::new(report, rules, &[])?, Vec::new()),
        None => inputs(&options.scan, rules)?,
    };
    let keyring = Keyring::default();
    settings.policy.keyring = Some(keyring.clone());
    if let Some((given, _)) = &given {
        settings.policy.wanted = Some(given.wanted.clone());
    }
    let Settings { rules, policy, skipped, .. } = &settings;
    let progress = Progress::default();
    let scan = Scan { rules, policy, progress: &progress, threads: report.jobs, cache: None, found: &|_| {} };
    let show = !report.shown.quiet && !report.no_progress && io::stderr().is_terminal();
    let work = || {
        let mut outcome = match &given {
            Some((given, origin)) => scan.given(origin, &given.text),
            None => scan.run(&inputs)?,
        };
        outcome.coverage.skipped.extend(skipped.iter().cloned());
        if let Some(Asking { client, rules }) = asking {
            remediate::ask_all(client, rules, &keyring, &mut outcome, &progress.stop);
        }
        outcome.show_live();
        scan::sort(&mut outcome);
        Ok::<_, scan::Wrong>(outcome)
    };
    let (outcome, signal) = watch::watch(&progress, show, false, work)?;
    Ok((Found { outcome: outcome?, keyring }, signal))
}
