//! `wandward ci`: what a CI event asks for is scanned, by the settings of whoever may say, and told where the system shows it.
//! In: the environment, the payload of the event. Out: a report, and in GitHub Actions annotations, a summary and outputs.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{self, Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::ask::Asking;
use super::environment;
use super::out;
use super::scan::{Manner, answer};
use super::settings;
use crate::cli::{self, Cli};
use crate::{USAGE, complain};
use wandward::finding::{Outcome, visible};
use wandward::object::ObjectId;
use wandward::report::{self, Format, Report, Style};
use wandward::rule::RuleSet;
use wandward::scan::{Change, Input, What};
use wandward::source::ci::{Asks, Event, Plan, Settings};
use wandward::source::git::pre_push::Push;
use wandward::source::git::snapshot::{Instead, Snapshot};
use wandward::source::settings::{Files, NAMES, home, named};
use wandward::source::tree::{self, Tree};
use wandward::write;

/// The most annotations; GitHub shows ten of a kind.
const ANNOTATIONS: usize = 10;
/// The most bytes of a step's summary (GitHub: 1024 KiB); a larger one is not shown at all.
const SUMMARY: usize = 1024 * 1024;

pub(crate) fn run(cli: &Cli, options: &cli::Ci, rules: &RuleSet) -> Result<u8> {
    let event = Event::read(&|name| environment(name), payload);
    let plan = Plan::new(&event, &options.path);
    if options.explain {
        let mut out = io::stdout().lock();
        plan.said.iter().try_for_each(|line| writeln!(out, "{}", visible(line)))?;
        if let Some(why) = event.stranger {
            writeln!(out, "`--verify` would be left out: {why}")?;
        }
        return Ok(0);
    }
    let telling = Telling::new(&event, &plan, options);
    let scanned = scan(cli, options, rules, &event, &plan, &telling);
    if scanned.is_err() {
        telling.outputs(&[("exit-code", USAGE.to_string())]);
    }
    scanned
}

fn scan(cli: &Cli, options: &cli::Ci, rules: &RuleSet, event: &Event, plan: &Plan, telling: &Telling) -> Result<u8> {
    let report = &options.report;
    if !report.shown.quiet {
        plan.said.iter().for_each(|line| complain(&visible(line)));
        changed(plan, report).iter().for_each(|line| complain(line));
    }
    let asking = match event.stranger {
        _ if !options.verify => None,
        Some(why) => {
            complain(&format!("warning: `--verify` is left out: {why}, and its author could read the answer"));
            None
        }
        None => Some(Asking::new(&options.ask)?),
    };
    let root = options.path.clone();
    let settings = settings::Settings::of(report, rules, std::slice::from_ref(&root), files(plan, &root)?)?;
    let settings = settings.with_baseline(report.baseline.as_deref())?;
    let tree = |roots| Tree {
        roots,
        exclude: settings.exclude.clone(),
        left_out: settings.left_out.clone(),
        max_file_size: settings.max_file_size,
    };
    let change = |roots, push| Input::Change(Change { tree: tree(roots), git: None, what: What::Since(push) });
    let input = match &event.asks {
        Asks::Nothing(_) => change(Vec::new(), Push::default()),
        Asks::Commits(_) => change(vec![root], plan.commits.clone().unwrap_or_default()),
        Asks::Everything(_) => Input::History(tree(vec![root])),
        Asks::Files(_) => Input::Tree(tree(vec![root])),
    };
    answer(cli, report, settings, &[input], Manner { asking, ci: Some(telling), ..Manner::default() })
}

/// The payload of an event. What cannot be read makes more be looked at.
fn payload(file: OsString) -> Option<Value> {
    let file = PathBuf::from(file);
    let read = named(&file).map_err(|error| tree::plain(&error));
    let parsed = read.and_then(|text| serde_json::from_str(&text).map_err(|_| "it is no JSON".to_owned()));
    let wrong = |why: &String| {
        complain(&format!("warning: cannot read the event in {}: {why}", visible(&file.to_string_lossy())));
    };
    parsed.inspect_err(wrong).ok()
}

/// Where settings are read from.
fn files(plan: &Plan, root: &Path) -> Result<Files> {
    let commit = match plan.settings {
        Settings::Tree => return Ok(Files::default()),
        Settings::Commit(id) => plan.folder.as_ref().map(|folder| (folder, id)),
        Settings::Nobody => None,
    };
    let open = |(folder, id)| Snapshot::open(folder, id).context("cannot read the commit whose settings hold");
    let Some((top, _)) = home(root) else { return Ok(Files::default()) };
    Ok(Files::instead(Instead { top, snapshot: commit.map(open).transpose()? }))
}

/// Says which settings a proposal changes, which hold only once it is taken.
fn changed(plan: &Plan, report: &cli::Report) -> Vec<String> {
    let (Settings::Commit(before), Some(tip), Some(folder)) = (plan.settings, plan.tip, &plan.folder) else {
        return Vec::new();
    };
    let (Ok(before), Ok(after)) = (Snapshot::open(folder, before), Snapshot::open(folder, tip)) else {
        return Vec::new();
    };
    let flags =
        report.configured.config.iter().chain(&report.baseline).filter(|file| file.is_relative()).map(PathBuf::as_path);
    let names = NAMES.iter().chain([&super::baseline::FILE]).map(Path::new);
    let speaks = |snapshot: &Snapshot, file: &Path| {
        let text = snapshot.file(file).ok().flatten().unwrap_or_default();
        !file.ends_with("pyproject.toml") || memchr::memmem::find(&text, b"tool.wandward").is_some()
    };
    let differs =
        |file: &&Path| before.object(file) != after.object(file) && (speaks(&before, file) || speaks(&after, file));
    let mut files: Vec<&Path> = names.chain(flags).filter(differs).collect();
    files.sort();
    files.dedup();
    let said = |file: &Path| {
        format!("{} is changed by what is looked at; {} holds", visible(&file.to_string_lossy()), before.commit.short())
    };
    files.into_iter().map(said).collect()
}

/// Where a CI system is told the answer beside standard output.
pub(crate) struct Telling {
    /// What it is called in reports.
    repository: PathBuf,
    /// What to do about commits that are not here.
    hint: Option<String>,
    /// Whether it is known already that some are not.
    lacks: bool,
    said: Vec<String>,
    /// What is checked out.
    head: Option<Snapshot>,
    /// How the folder that this was started in lies below the top of its working tree.
    here: Vec<u8>,
    github: bool,
}

impl Telling {
    fn new(event: &Event, plan: &Plan, options: &cli::Ci) -> Telling {
        let github = event.system.is_some_and(|system| system.name == "GitHub Actions");
        let cut = plan.folder.as_ref().is_some_and(|folder| folder.shape.shallow || folder.shape.partial);
        let lacking = match (plan.lacks, cut) {
            (true, _) => Some("a commit of this event was not fetched"),
            (false, true) => Some("not all commits were fetched"),
            (false, false) => None,
        };
        let hint =
            event.system.zip(lacking).map(|(system, lacking)| format!("{lacking}: {} fetches them all", system.whole));
        let head = plan.folder.as_ref().zip(plan.head).filter(|_| github);
        Telling {
            repository: if options.path == Path::new(".") { ".git".into() } else { options.path.clone() },
            hint,
            lacks: plan.lacks,
            said: plan.said.clone(),
            head: head.and_then(|(folder, head)| Snapshot::open(folder, head).ok()),
            here: home(Path::new(".")).map(|(_, below)| tree::origin(&below).path).unwrap_or_default(),
            github,
        }
    }

    /// Says what to do about what is not here.
    pub(crate) fn amend(&self, outcome: &mut Outcome) {
        if let Some(hint) = self.hint.as_ref().filter(|_| self.lacks || !outcome.coverage.complete()) {
            outcome.coverage.skipped.insert(0, tree::skip(&self.repository, hint, true));
        }
    }

    /// How reports are to be for the log.
    pub(crate) fn style(&self, style: Style) -> Style {
        Style { annotations: ANNOTATIONS, ..style }
    }

    /// Marks what stands in files that are checked out, so that it can be shown there: by paths from the top of the working
    /// tree, which is where CI systems look for them.
    pub(crate) fn locate(&self, report: &mut Report) {
        if !self.here.is_empty() {
            report.tell_from_top(&self.here);
        }
        if let Some(head) = &self.head {
            let named = |(path, id): (&[u8], ObjectId)| (path.to_vec(), id.to_string());
            report.checked_out(|paths| head.objects(paths).into_iter().map(named).collect());
        }
    }

    /// Tells annotations, the summary of the step and its outputs.
    pub(crate) fn tell(&self, report: &Report, rules: &RuleSet, options: &cli::Report, code: u8) -> Result<()> {
        if !self.github {
            return Ok(());
        }
        if options.shown.format.is_none_or(|format| format == Format::Pretty) {
            let style = self.style(out::style());
            report.write(Format::Github, rules, &style, &mut io::stdout().lock())?;
        }
        if let Some(file) = environment("GITHUB_STEP_SUMMARY").map(PathBuf::from) {
            let there = std::fs::metadata(&file).map_or(0, |meta| usize::try_from(meta.len()).unwrap_or(SUMMARY));
            let mut summary = Vec::new();
            report::summary(report, &self.said, SUMMARY.saturating_sub(there), &mut summary)?;
            append(&file, &summary);
        }
        let (findings, suppressed) = report.counts();
        let mut outputs = vec![
            ("exit-code", code.to_string()),
            ("findings", findings.to_string()),
            ("suppressed", suppressed.to_string()),
            ("coverage", if report.is_complete() { "complete" } else { "partial" }.to_owned()),
        ];
        let asked = options.shown.output.iter().filter(|(_, file)| file.as_os_str() != "-").cloned();
        for (format, file) in asked.chain(kept(report, rules, options)) {
            let file = path::absolute(file).ok().and_then(|file| file.into_os_string().into_string().ok());
            outputs.extend(file.map(|file| (format.name().0, file)));
        }
        self.outputs(&outputs);
        Ok(())
    }

    /// Sets outputs of the step.
    fn outputs(&self, outputs: &[(&str, String)]) {
        if let Some(file) = environment("GITHUB_OUTPUT").filter(|_| self.github).map(PathBuf::from) {
            let text: String = outputs.iter().map(|(name, value)| output(name, value)).collect();
            append(&file, text.as_bytes());
        }
    }
}

/// An output on one line, or in the form that takes any value: no line of the value is the one that ends it.
fn output(name: &str, value: &str) -> String {
    if !value.contains(['\n', '\r']) {
        return format!("{name}={value}\n");
    }
    let mut end = "wandward".to_owned();
    while value.contains(&end) {
        end.push('_');
    }
    format!("{name}<<{end}\n{value}\n{end}\n")
}

fn append(file: &Path, text: &[u8]) {
    if let Err(error) = write::append(file, text) {
        cannot_write(file, &error);
    }
}

/// Writes the reports that later steps may want and that nobody asked for, where the runner has a place for them.
fn kept(report: &Report, rules: &RuleSet, options: &cli::Report) -> Vec<(Format, PathBuf)> {
    let Some(place) = environment("RUNNER_TEMP").map(PathBuf::from) else { return Vec::new() };
    let style = Style { suppressed: options.shown.show_suppressed, ..out::style() };
    let write = |format: Format| {
        let file = place.join(format!("wandward.{}", format.name().0));
        let written = write::replace(&file, |out| report.write(format, rules, &style, out));
        written.inspect_err(|error| cannot_write(&file, error)).ok().map(|()| (format, file))
    };
    let wanted = [Format::Sarif, Format::Json].into_iter();
    wanted.filter(|wanted| options.shown.output.iter().all(|(one, _)| one != wanted)).filter_map(write).collect()
}

/// What a CI system is told beside the report is no part of the answer, so a place that cannot be written is no error.
fn cannot_write(file: &Path, error: &io::Error) {
    complain(&format!("warning: cannot write {}: {}", visible(&file.to_string_lossy()), tree::plain(error)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_of_an_output_ends_it() {
        assert_eq!(output("sarif", "/tmp/a<<b=c"), "sarif=/tmp/a<<b=c\n");
        for value in ["x\nwandward\ny=z", "\rwandward_", "wandward\nwandward_\n"] {
            let set = output("json", value);
            let (first, rest) = set.split_once('\n').expect("two lines");
            let end = first.strip_prefix("json<<").expect("a name and an end");
            let (held, behind) = rest.split_once(&format!("\n{end}\n")).expect("an end");
            assert_eq!((held, behind), (value, ""));
        }
    }
}
