//! The door: flags in, an exit code out. Only this file prints an error or chooses a code.

mod cli;
mod watch;

use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Result, anyhow, bail};
use clap::Parser;

use cli::{Cli, Colour, Command, FailOn, Format, Rules};
use wandward::detect::{self, Shape};
use wandward::finding::{Finding, Outcome, visible};
use wandward::judge::Opinion;
use wandward::policy::{Policy, User};
use wandward::report::{self, Style};
use wandward::rule::{RuleSet, Severity};
use wandward::scan::{Change, Input, Progress, Scan, What};
use wandward::source::git::pre_push::{self, Framework, Pushed};
use wandward::source::tree::{self, Tree};

/// Findings, wrong usage, and not everything looked at; see `--help`.
const FINDINGS: u8 = 1;
const USAGE: u8 = 2;
const INCOMPLETE: u8 = 3;

fn main() -> ExitCode {
    watch::quiet_panics();
    if let Some(shape) = std::env::args_os().skip(1).find_map(|argument| key_shape(&argument)) {
        complain(&format!(
            "an argument has the shape of a W&B key ({shape}), and a key is never an argument: process lists and shell \
             histories show it. If it is a real one, delete it in your W&B settings; scan text with `wandward scan -`"
        ));
        return ExitCode::from(USAGE);
    }
    let cli = Cli::parse();
    match run(&cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::from(USAGE)
        }
    }
}

fn run(cli: &Cli) -> Result<u8> {
    let rules = RuleSet::builtin()?;
    match &cli.command {
        Command::Scan(options) => scan(cli, options, &rules),
        Command::Rules { command: None | Some(Rules::List) } => list(&rules),
        Command::Rules { command: Some(Rules::Show { rule }) } => show(&rules, rule),
        Command::Rules { command: Some(Rules::Test) } => test(&rules),
        Command::Explain { what } => explain(&rules, what),
    }
}

fn scan(cli: &Cli, options: &cli::Scan, rules: &RuleSet) -> Result<u8> {
    let started = Instant::now();
    let mut policy = Policy::new(rules, options.select.clone(), options.ignore.clone(), !options.no_inline)?;
    policy.user = User { home: std::env::home_dir(), excludes: ignore::gitignore::gitconfig_excludes_path() };
    let input = input(options)?;
    let progress = Progress::default();
    let out = Mutex::new(io::BufWriter::new(io::stdout()));
    let failed: Mutex<Option<io::Error>> = Mutex::new(None);
    let found = |finding: &Finding| {
        if options.format != Format::Jsonl {
            return;
        }
        let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = report::jsonl_finding(finding, &mut *out).and_then(|()| out.flush()) {
            progress.stop.store(true, Ordering::Relaxed);
            failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    };
    let scan = Scan { rules, policy: &policy, progress: &progress, threads: options.jobs, found: &found };
    let show = !options.quiet && !options.no_progress && io::stderr().is_terminal();
    let reads_stdin = matches!(input, Input::Stdin(_));
    let (outcome, signal) = watch::watch(&progress, show, reads_stdin, || scan.run(&input))?;
    let outcome = outcome?;
    let mut out = out.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error.into());
    }
    match options.format {
        Format::Pretty => {
            let style = Style {
                colour: colour(cli.color),
                width: 140,
                took: started.elapsed(),
                suppressed: options.show_suppressed,
                verbose: options.verbose,
                quiet: options.quiet,
            };
            report::pretty(&outcome, &style, &mut out)?;
        }
        Format::Json => report::json(&outcome, &mut out)?,
        Format::Jsonl => report::jsonl_coverage(&outcome, &mut out)?,
    }
    out.flush()?;
    Ok(match signal {
        Some(signal) => 128 + signal,
        None => exit_code(&outcome, options, &input),
    })
}

fn input(options: &cli::Scan) -> Result<Input> {
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

fn environment(name: &str) -> Option<OsString> {
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn said(name: &str) -> Option<Vec<u8>> {
    environment(name).map(OsString::into_encoded_bytes)
}

/// Findings stand over an incomplete answer, and that over a clean one.
fn exit_code(outcome: &Outcome, options: &cli::Scan, input: &Input) -> u8 {
    let worst = outcome.findings.iter().map(|finding| finding.severity).max();
    let fails = match options.fail_on {
        FailOn::Error => worst >= Some(Severity::Error),
        FailOn::Warning => worst >= Some(Severity::Warning),
        FailOn::Note => worst.is_some(),
        FailOn::Never => false,
    };
    // A change may well be empty.
    let nothing = outcome.coverage.files == 0
        && outcome.coverage.objects == 0
        && !matches!(input, Input::Change(_) | Input::Message(_));
    if fails {
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

fn list(rules: &RuleSet) -> Result<u8> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or_default();
    for rule in rules.iter() {
        writeln!(out, "{:width$}  {:7}  {:6}  {}", rule.id, rule.severity.name(), rule.group.name(), rule.title)?;
    }
    out.flush()?;
    Ok(0)
}

fn show(rules: &RuleSet, id: &str) -> Result<u8> {
    let Some(rule) = rules.get(id) else {
        match rules.nearest(id) {
            Some(nearest) => bail!("no rule is called `{}` (did you mean `{nearest}`?)", visible(id)),
            None => bail!("no rule is called `{}`; `wandward rules` lists them", visible(id)),
        }
    };
    io::stdout().lock().write_all(rule.page.as_bytes())?;
    Ok(0)
}

fn test(rules: &RuleSet) -> Result<u8> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut examples = 0;
    let mut wrong = 0;
    for rule in rules.iter() {
        for (nth, result) in wandward::scan::check_page(rules, rule)?.into_iter().enumerate() {
            examples += 1;
            if let Err(what) = result {
                wrong += 1;
                writeln!(out, "{}.md: block {}: {what}", rule.id, nth + 1)?;
            }
        }
    }
    writeln!(out, "{} rules, {examples} examples, {wrong} not as their page says", rules.iter().count())?;
    out.flush()?;
    Ok(if wrong == 0 { 0 } else { FINDINGS })
}

fn explain(rules: &RuleSet, what: &Path) -> Result<u8> {
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

/// What an argument has the shape of, if it has that of a key: a v1 key anywhere; a legacy key as a whole argument or value,
/// unless a file has that name.
fn key_shape(argument: &OsStr) -> Option<&'static str> {
    let bytes = argument.as_encoded_bytes();
    let candidates = detect::candidates(bytes, 0..bytes.len());
    candidates.iter().find_map(|candidate| match candidate.shape {
        Shape::Partial | Shape::Key(wandward::secret::Format::V1) => Some("v1"),
        Shape::Key(wandward::secret::Format::Legacy) => {
            let start = candidate.prefix.unwrap_or(candidate.key.start);
            let whole = start == 0 || bytes[start - 1] == b'=';
            let ends = matches!(bytes.get(candidate.key.end), None | Some(b':'));
            // `explain` takes a line behind the name of a file.
            let file = argument.to_str().and_then(|text| text.split(':').next()).map_or(Path::new(argument), Path::new);
            (whole && ends && !Path::new(argument).exists() && !file.exists()).then_some("legacy")
        }
    })
}

fn colour(choice: Colour) -> bool {
    match choice {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |kind| kind == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| broken(error.kind()))
            || cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind).is_some_and(broken)
    })
}

/// An error or a warning, on standard error; if even that is closed there is nobody to tell.
fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "wandward: {message}");
}
