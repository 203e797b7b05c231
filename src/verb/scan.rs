//! `wandward scan`: flags become an input, an outcome becomes a report and an exit code.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Result, bail};

use super::ask::Asking;
use super::{environment, find, host};
use crate::cli::{self, Cli, Colour, FailOn, Format};
use crate::watch;
use crate::{FINDINGS, INCOMPLETE, LIVE, complain};
use wandward::finding::{Asked, Finding, Liveness, Outcome};
use wandward::policy::Policy;
use wandward::remediate;
use wandward::report::{self, Style};
use wandward::rule::{RuleSet, Severity};
use wandward::scan::{self, Change, Input, Progress, Running, Scan, What};
use wandward::secret::Keyring;
use wandward::source::git::pre_push::{self, Framework, Pushed};
use wandward::source::tree::Tree;

pub(crate) fn run(cli: &Cli, options: &cli::Scan, rules: &RuleSet) -> Result<u8> {
    let inputs = inputs(options)?;
    // A change may well be empty.
    let may_be_empty = matches!(inputs[0], Input::Change(_) | Input::Message(_));
    let asking = options.verify.then(|| Asking::new(&options.ask)).transpose()?;
    answer(cli, &options.report, rules, &inputs, &Manner { may_be_empty, asking, ..Manner::default() })
}

/// All that is to be scanned.
pub(crate) fn inputs(options: &cli::Scan) -> Result<Vec<Input<'static>>> {
    if options.report.find.is_some() && reads_stdin(options) {
        bail!("`--find -` reads standard input, so nothing else can");
    }
    let mut inputs = vec![input(options)?];
    if options.ps {
        inputs.push(Input::Processes(Running::default()));
    }
    if options.host {
        inputs.push(host::input()?);
    }
    Ok(inputs)
}

/// Whether what is to be scanned comes from standard input, or is named there.
fn reads_stdin(options: &cli::Scan) -> bool {
    options.pre_push.is_some() || options.paths.iter().any(|path| path.as_os_str() == "-")
}

/// How an answer is given.
#[derive(Default)]
pub(crate) struct Manner {
    /// Whether it is no gap that there was nothing to look at.
    pub(crate) may_be_empty: bool,
    /// Whether people, too, are shown each finding as it is found.
    pub(crate) live: bool,
    /// Who asks W&B about the keys that are found.
    pub(crate) asking: Option<Asking>,
}

/// Scans, writes the report, and chooses the exit code.
pub(crate) fn answer(
    cli: &Cli,
    options: &cli::Report,
    rules: &RuleSet,
    inputs: &[Input<'_>],
    manner: &Manner,
) -> Result<u8> {
    let started = Instant::now();
    let mut policy = Policy::new(rules, options.select.clone(), options.ignore.clone(), !options.no_inline)?;
    policy.wanted = options.find.map(|_| find::wanted()).transpose()?;
    policy.keyring = manner.asking.as_ref().map(|_| Keyring::default());
    let progress = Progress::default();
    let style = |quiet| Style {
        colour: colour(cli.color),
        width: 140,
        took: started.elapsed(),
        suppressed: options.show_suppressed,
        verbose: options.verbose,
        quiet,
        shown: false,
    };
    let out = Mutex::new(io::BufWriter::new(io::stdout()));
    let failed: Mutex<Option<io::Error>> = Mutex::new(None);
    let found = |finding: &Finding| {
        let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
        let written = match options.format {
            // What is not known yet cannot be told as it is found.
            _ if manner.asking.is_some() => return,
            Format::Jsonl => report::jsonl_finding(finding, &mut *out),
            Format::Pretty if manner.live => {
                let one = Outcome { findings: vec![finding.clone()], ..Outcome::default() };
                report::pretty(&one, &Style { suppressed: false, ..style(true) }, &mut *out)
            }
            _ => return,
        };
        if let Err(error) = written.and_then(|()| out.flush()) {
            progress.stop.store(true, Ordering::Relaxed);
            failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    };
    let scan = Scan { rules, policy: &policy, progress: &progress, threads: options.jobs, found: &found };
    let show = !options.quiet && !options.no_progress && io::stderr().is_terminal();
    let reads_stdin = matches!(inputs, [Input::Stdin(_)]);
    let work = || {
        let mut outcome = scan.run(inputs)?;
        if let (Some(Asking { client, rules }), Some(keyring)) = (&manner.asking, &policy.keyring) {
            remediate::ask_all(client, rules, keyring, &mut outcome, &progress.stop);
            outcome.show_live();
            scan::sort(&mut outcome);
        }
        Ok::<_, scan::Wrong>(outcome)
    };
    let (outcome, signal) = watch::watch(&progress, show && !manner.live, reads_stdin, work)?;
    let outcome = outcome?;
    let mut out = out.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error.into());
    }
    match options.format {
        Format::Pretty => {
            report::pretty(&outcome, &Style { shown: manner.live, ..style(options.quiet) }, &mut out)?;
        }
        Format::Json => report::json(&outcome, &mut out)?,
        Format::Jsonl => {
            if manner.asking.is_some() {
                outcome.findings.iter().try_for_each(|finding| report::jsonl_asked(finding, &outcome, &mut out))?;
            }
            report::jsonl_coverage(&outcome, &mut out)?;
        }
    }
    out.flush()?;
    Ok(match signal {
        Some(signal) => 128 + signal,
        None => exit_code(&outcome, options, manner),
    })
}

fn input(options: &cli::Scan) -> Result<Input<'static>> {
    let dash = |path: &PathBuf| path.as_os_str() == "-";
    if options.paths.iter().any(dash) {
        let git = options.history || options.staged || options.range.is_some() || options.pre_push.is_some();
        if git || options.message.is_some() {
            bail!("`-` reads standard input, and stands alone");
        }
        if options.paths.len() > 1 {
            bail!("`-` reads standard input and stands alone; scan the other paths in a second run");
        }
        return Ok(Input::Stdin(options.stdin_name.clone()));
    }
    if options.stdin_name.is_some() {
        bail!("`--stdin-name` names standard input, which is read only if the path is `-`");
    }
    let roots = if options.paths.is_empty() { vec![PathBuf::from(".")] } else { options.paths.clone() };
    let tree = Tree { roots, exclude: options.exclude.clone(), max_file_size: options.max_file_size };
    let what = if options.staged {
        What::Staged(environment("GIT_INDEX_FILE").map(PathBuf::from))
    } else if let Some(range) = &options.range {
        What::Range(range.as_bytes().to_vec())
    } else if let Some(remote) = &options.pre_push {
        if options.paths.len() > 1 {
            bail!("a push comes from one repository, and {} paths are given", options.paths.len());
        }
        What::Push(pushed(remote)?)
    } else if let Some(file) = &options.message {
        if !options.paths.is_empty() {
            bail!("`--message` takes its file and no other path");
        }
        return Ok(Input::Message(file.clone()));
    } else if options.history {
        return Ok(Input::History(tree));
    } else {
        return Ok(Input::Tree(tree));
    };
    // In a hook git says which repository it works in.
    let git = environment("GIT_DIR").map(PathBuf::from).filter(|_| options.paths.is_empty());
    Ok(Input::Change(Change { tree, git, what }))
}

/// What git says to a pre-push hook on standard input, or a framework that has read it before us in the environment.
fn pushed(remote: &str) -> Result<Pushed> {
    let framework = Framework {
        from: said("PRE_COMMIT_FROM_REF").or_else(|| said("PRE_COMMIT_ORIGIN")),
        to: said("PRE_COMMIT_TO_REF").or_else(|| said("PRE_COMMIT_SOURCE")),
        remote: said("PRE_COMMIT_REMOTE_NAME"),
        local_branch: said("PRE_COMMIT_LOCAL_BRANCH"),
        remote_branch: said("PRE_COMMIT_REMOTE_BRANCH"),
    };
    let mut text = Vec::new();
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        stdin.lock().take(64 << 20).read_to_end(&mut text)?;
    } else if framework == Framework::default() {
        bail!("`--pre-push` reads what git says to a pre-push hook on standard input, and that is a terminal");
    }
    let lines = pre_push::lines(&text)?;
    if lines.is_empty() && framework != Framework::default() {
        return Ok(Pushed::Framework(framework));
    }
    let remote = Some(remote.as_bytes().to_vec()).filter(|remote| !remote.is_empty()).or(framework.remote);
    Ok(Pushed::Lines(lines, remote))
}

fn said(name: &str) -> Option<Vec<u8>> {
    environment(name).map(OsString::into_encoded_bytes)
}

/// A live key stands over findings, findings over an incomplete answer, and that over a clean one.
fn exit_code(outcome: &Outcome, options: &cli::Report, manner: &Manner) -> u8 {
    let worst = outcome.findings.iter().map(|finding| finding.severity).max();
    let fails = match options.fail_on {
        FailOn::Error => worst >= Some(Severity::Error),
        FailOn::Warning => worst >= Some(Severity::Warning),
        FailOn::Note => worst.is_some(),
        FailOn::Never => false,
    };
    let nothing = outcome.coverage.files == 0 && outcome.coverage.objects == 0 && !manner.may_be_empty;
    let lives = |asked: &Asked| asked.liveness == Liveness::Live;
    if outcome.asked.values().flatten().any(lives) {
        LIVE
    } else if fails {
        FINDINGS
    } else if outcome.coverage.complete() && !nothing {
        0
    } else {
        let nothing = nothing && outcome.coverage.complete();
        let what = if nothing { "the paths hold no file at all" } else { "not everything asked for could be read" };
        if options.allow_partial {
            complain(&format!("warning: {what}; `--allow-partial` lets it pass"));
            return 0;
        }
        complain(&format!("{what}, so this is no clean bill (`--allow-partial` lets it pass)"));
        INCOMPLETE
    }
}

pub(crate) fn colour(choice: Colour) -> bool {
    match choice {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never,
    }
}
