//! `wandward scan`: flags become an input, an outcome becomes a report and an exit code.

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Result, bail};

use super::ask::Asking;
use super::ci::Telling;
use super::fix::{Asked, Plan};
use super::out::{self, Targets, colour};
use super::settings::Settings;
use super::{cached, environment, host};
use crate::cli::{self, Cli};
use crate::{complain, watch};
use wandward::finding::{Finding, Outcome};
use wandward::object::ObjectId;
use wandward::policy::baseline::{Baseline, Use};
use wandward::remediate;
use wandward::report::{self, Format, Report, Style};
use wandward::rule::RuleSet;
use wandward::scan::{self, Change, Input, Progress, Running, Scan, What};
use wandward::secret::Keyring;
use wandward::source::git::pre_push::{self, Framework, Pushed};
use wandward::source::tree::Tree;

pub(crate) fn run(cli: &Cli, options: &cli::Scan, rules: &RuleSet) -> Result<u8> {
    let (settings, inputs) = inputs(options, rules)?;
    let asking = options.verify.then(|| Asking::new(&options.ask)).transpose()?;
    if (options.diff || options.fix) && reads_stdin(options) {
        bail!("standard input is not edited: `--diff` and `--fix` take files and folders");
    }
    let fix = (options.diff || options.fix).then(|| Asked {
        diff: options.diff,
        // What is only shown harms nothing.
        allow_dirty: options.allow_dirty || options.diff,
        roots: roots(options),
        quiet: options.report.shown.quiet,
        colour: colour(cli.color),
    });
    answer(cli, &options.report, settings, &inputs, Manner { fix, asking, ..Manner::default() })
}

/// How to scan, and all that is to be scanned.
pub(crate) fn inputs(options: &cli::Scan, rules: &RuleSet) -> Result<(Settings, Vec<Input<'static>>)> {
    if options.report.find.is_some() && reads_stdin(options) {
        bail!("`--find -` reads standard input, so nothing else can");
    }
    let around = if reads_stdin(options) { vec![".".into()] } else { roots(options) };
    let settings = Settings::new(&options.report, rules, &around)?;
    let settings = settings.with_baseline(options.report.baseline.as_deref())?;
    let mut inputs = vec![input(options, &settings)?];
    if options.ps {
        inputs.push(Input::Processes(Running::default()));
    }
    if options.host {
        inputs.push(host::input()?);
    }
    Ok((settings, inputs))
}

/// How an answer is given.
#[derive(Default)]
pub(crate) struct Manner<'m> {
    /// Whether people, too, are shown each finding as it is found.
    pub(crate) live: bool,
    /// Whether what can be mended is.
    pub(crate) fix: Option<Asked>,
    /// Who asks W&B about the keys that are found.
    pub(crate) asking: Option<Asking>,
    /// The CI system that is told, too.
    pub(crate) ci: Option<&'m Telling>,
}

pub(crate) fn roots(options: &cli::Scan) -> Vec<PathBuf> {
    if options.paths.is_empty() { vec![PathBuf::from(".")] } else { options.paths.clone() }
}

/// Warns of entries of the baseline that have expired, and, after a look at everything, of those that accept nothing.
fn stale(baseline: &Baseline, inputs: &[Input<'_>]) {
    let whole = inputs.iter().any(|input| matches!(input, Input::Tree(_) | Input::History(_)));
    let count = |wanted: Use| baseline.entries().filter(|(.., state)| *state == wanted).count();
    let (expired, unused) = (count(Use::Expired), if whole { count(Use::Unused) } else { 0 });
    if expired + unused > 0 {
        complain(&format!(
            "warning: in {}, {expired} entries have expired and {unused} accept nothing here (`wandward baseline audit`)",
            baseline.name
        ));
    }
}

/// Scans of verbs that show no findings.
pub(crate) struct Scanned;

impl Scanned {
    /// Looks at all that paths hold.
    pub(crate) fn all(settings: &Settings, roots: Vec<PathBuf>, history: bool) -> Result<Outcome> {
        let tree = Tree {
            roots,
            exclude: settings.exclude.clone(),
            left_out: settings.left_out.clone(),
            max_file_size: settings.max_file_size,
        };
        let input = if history { Input::History(tree) } else { Input::Tree(tree) };
        let (rules, policy, progress) = (&settings.rules, &settings.policy, Progress::default());
        let scan = Scan { rules, policy, progress: &progress, threads: 0, cache: None, found: &|_| {} };
        Ok(scan.run(&[input])?)
    }
}

/// Whether what is to be scanned comes from standard input, or is named there.
fn reads_stdin(options: &cli::Scan) -> bool {
    options.pre_push.is_some() || options.paths.iter().any(|path| path.as_os_str() == "-")
}

/// Scans, mends if asked, writes the report, and chooses the exit code.
pub(crate) fn answer(
    cli: &Cli,
    options: &cli::Report,
    settings: Settings,
    inputs: &[Input<'_>],
    Manner { live, fix, asking, ci }: Manner<'_>,
) -> Result<u8> {
    let started = Instant::now();
    let Settings { rules, mut policy, fail_on, skipped, .. } = settings;
    let rules = &rules;
    policy.keyring = asking.as_ref().map(|_| Keyring::default());
    let progress = Progress::default();
    let targets = Targets::new(options.shown.format, &options.shown.output)?.streaming();
    // What is about to be mended is not told, and what is not known yet cannot be told as it is found.
    let targets = if fix.is_some() || asking.is_some() { targets.at_the_end() } else { targets };
    let live = live && targets.are_for_people();
    let style = || Style {
        colour: colour(cli.color),
        took: Some(started.elapsed()),
        suppressed: options.shown.show_suppressed,
        verbose: options.shown.verbose,
        quiet: options.shown.quiet,
        ..ci.map_or_else(out::style, |ci| ci.style(out::style()))
    };
    let out = Mutex::new(io::BufWriter::new(io::stdout()));
    let failed: Mutex<Option<io::Error>> = Mutex::new(None);
    let found = |finding: &Finding| {
        let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
        let written = if targets.streams() {
            report::jsonl_finding(finding, &mut *out)
        } else if live {
            let one = Report::from(Outcome { findings: vec![finding.clone()], ..Outcome::default() });
            one.write(Format::Pretty, rules, &Style { suppressed: false, quiet: true, ..style() }, &mut *out)
        } else {
            return;
        };
        if let Err(error) = written.and_then(|()| out.flush()) {
            progress.stop.store(true, Ordering::Relaxed);
            failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    };
    // Where others' jobs run as the same user, any of them could have written it.
    let cache = if options.no_cache || ci.is_some() { None } else { cached::of(rules, &policy, inputs) };
    let (threads, cache) = (options.jobs, cache.as_ref());
    let scan = Scan { rules, policy: &policy, progress: &progress, threads, cache, found: &found };
    let show = !options.shown.quiet && !options.no_progress && io::stderr().is_terminal();
    let reads_stdin = matches!(inputs, [Input::Stdin(_)]);
    let work = || {
        let mut outcome = scan.run(inputs)?;
        if let (Some(Asking { client, rules }), Some(keyring)) = (&asking, &policy.keyring) {
            remediate::ask_all(client, rules, keyring, &mut outcome, &progress.stop);
            outcome.show_live();
            scan::sort(&mut outcome);
        }
        Ok::<_, scan::Wrong>(outcome)
    };
    let (outcome, signal) = watch::watch(&progress, show && !live, reads_stdin, work)?;
    let (mut outcome, mut signal) = (outcome?, signal);
    if let Some(asked) = fix.as_ref().filter(|_| signal.is_none()) {
        let silent = Scan { found: &|_| {}, progress: &Progress::default(), threads: 1, ..scan };
        let plan = Plan::new(&silent, &outcome, asked);
        if asked.diff {
            plan.show(&silent, asked, &mut io::stdout().lock())?;
            outcome.coverage.skipped.extend(skipped);
            return Ok(out::exit_code(&Report::from(outcome), fail_on, options.shown.allow_partial));
        }
        if plan.make(asked) {
            let (rest, ended) = watch::watch(&progress, show, false, || scan.run(inputs))?;
            (outcome, signal) = (rest?, ended);
        }
    }
    cache.inspect(|cache| cache.save());
    let mut out = out.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error.into());
    }
    outcome.coverage.skipped.extend(skipped);
    ci.inspect(|ci| ci.amend(&mut outcome));
    let mut report = Report::from(outcome);
    ci.inspect(|ci| ci.locate(&mut report));
    targets.write(&report, rules, &Style { shown: live, ..style() }, &mut out)?;
    if let Some(baseline) = policy.baseline.as_ref().filter(|_| !options.shown.quiet && signal.is_none()) {
        stale(baseline, inputs);
    }
    let code = match signal {
        Some(signal) => 128 + signal,
        None => out::exit_code(&report, fail_on, options.shown.allow_partial),
    };
    ci.map_or(Ok(()), |ci| ci.tell(&report, rules, options, code))?;
    Ok(code)
}

fn input(options: &cli::Scan, settings: &Settings) -> Result<Input<'static>> {
    let dash = |path: &PathBuf| path.as_os_str() == "-";
    if options.paths.iter().any(dash) {
        stands_alone(options)?;
        if options.paths.len() > 1 {
            bail!("`-` reads standard input and stands alone; scan the other paths in a second run");
        }
        return Ok(Input::Stdin(options.stdin_name.clone()));
    }
    if options.stdin_name.is_some() {
        bail!("`--stdin-name` names standard input, which is read only if the path is `-`");
    }
    let tree = Tree {
        roots: roots(options),
        exclude: options.exclude.iter().chain(&settings.exclude).cloned().collect(),
        left_out: settings.left_out.clone(),
        max_file_size: options.max_file_size.or(settings.max_file_size),
    };
    let what = if options.staged {
        staged()
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

/// What is about to be committed. Where nothing is, because a hook framework was started by hand and not by git, what it was
/// asked for: what is between two revisions, or else everything, since it does not say whether that was meant.
fn staged() -> What {
    let index = environment("GIT_INDEX_FILE").map(PathBuf::from);
    if index.is_some() || environment("PRE_COMMIT").is_none() {
        return What::Staged(index, merged());
    }
    match (said("PRE_COMMIT_FROM_REF"), said("PRE_COMMIT_TO_REF")) {
        (Some(from), Some(to)) => What::Range([&from[..], b"...", &to].concat()),
        _ => What::Index,
    }
}

/// The commits that `git merge` is about to join: it names them to its hooks before it writes `MERGE_HEAD`.
fn merged() -> Vec<ObjectId> {
    let id = |name: OsString| ObjectId::from_hex(name.as_encoded_bytes().strip_prefix(b"GITHEAD_")?);
    env::vars_os().filter_map(|(name, _)| id(name)).collect()
}

/// That standard input is read beside nothing that git holds.
pub(crate) fn stands_alone(options: &cli::Scan) -> Result<()> {
    let git = options.history || options.staged || options.range.is_some() || options.pre_push.is_some();
    if git || options.message.is_some() {
        bail!("`-` reads standard input, and stands alone");
    }
    Ok(())
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
    } else if framework == Framework::default() && environment("PRE_COMMIT").is_none() {
        bail!("`--pre-push` reads what git says to a pre-push hook on standard input, and that is a terminal");
    }
    let lines = pre_push::lines(&text)?;
    // A framework that was started by hand says nothing of a push, and starts no hook for an empty one.
    if lines.is_empty() && (framework != Framework::default() || environment("PRE_COMMIT").is_some()) {
        return Ok(Pushed::Framework(framework));
    }
    let remote = Some(remote.as_bytes().to_vec()).filter(|remote| !remote.is_empty()).or(framework.remote);
    Ok(Pushed::Lines(lines, remote))
}

fn said(name: &str) -> Option<Vec<u8>> {
    environment(name).map(OsString::into_encoded_bytes)
}
