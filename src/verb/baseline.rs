//! `wandward baseline`: accepts what is known, with a reason, and says which entries accept nothing any more.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, anyhow, bail};

use super::scan::Scanned;
use super::settings::{Settings, baseline};
use crate::cli::{self, Accept, Baseline as Command};
use crate::{FINDINGS, INCOMPLETE, complain};
use wandward::detect;
use wandward::finding::{Finding, Outcome, visible};
use wandward::policy::baseline::{Baseline, Entry, Use, render};
use wandward::policy::import::{self, Known, Named};
use wandward::rule::RuleSet;
use wandward::secret::Foreign;
use wandward::source::{settings, tree};
use wandward::write;

/// The file that is meant if none is named.
pub(crate) const FILE: &str = ".wandward-baseline.jsonl";

pub(crate) fn run(command: &Command, rules: &RuleSet) -> Result<u8> {
    match command {
        Command::Create(accept) => create(accept, rules),
        Command::Update { accept, prune } => update(accept, *prune, rules),
        Command::Audit(scan) => audit(scan, rules),
        Command::Import { report, accept } => import(report, accept, rules),
    }
}

/// How to scan, and the file of the baseline.
struct Asked {
    settings: Settings,
    roots: Vec<PathBuf>,
    file: PathBuf,
    /// The folder out of which no link may lead, if what is scanned names the file.
    within: Option<PathBuf>,
}

impl Asked {
    fn new(options: &cli::Baselined, rules: &RuleSet) -> Result<Asked> {
        let roots = if options.paths.is_empty() { vec![PathBuf::from(".")] } else { options.paths.clone() };
        let report = cli::Report { configured: options.configured.clone(), ..cli::Report::default() };
        let settings = Settings::new(&report, rules, &roots)?;
        let named = options.baseline.clone().map(|file| (file, None)).or_else(|| settings.baseline_file().cloned());
        let (file, within) = named.unwrap_or_else(|| (PathBuf::from(FILE), None));
        let asked = Asked { settings, roots, file, within };
        if let Some(within) = &asked.within {
            settings::may_be_written(within, &asked.file)
                .map_err(|error| anyhow!("{} cannot be a baseline: {}", shown(&asked.file), tree::plain(&error)))?;
        }
        Ok(asked)
    }

    fn known(&self) -> Result<Baseline> {
        baseline(&self.file, self.within.as_deref())
    }

    /// Looks at everything, with what is accepted kept back.
    fn scan(
        self,
        options: &cli::Baselined,
        known: Option<Baseline>,
        foreign: Option<Arc<Foreign>>,
    ) -> Result<(Outcome, Baseline)> {
        let Asked { mut settings, roots, file, .. } = self;
        let empty = match &known {
            Some(known) => known.clone(),
            None => super::settings::empty_baseline(&file)?,
        };
        settings.policy.baseline = known;
        settings.policy.foreign = foreign;
        let outcome = Scanned::all(&settings, roots, options.history)?;
        Ok((outcome, settings.policy.baseline.unwrap_or(empty)))
    }
}

fn create(accept: &Accept, rules: &RuleSet) -> Result<u8> {
    let asked = Asked::new(&accept.scan, rules)?;
    let file = &asked.file.clone();
    if file.exists() {
        bail!("{} is there already; `wandward baseline update` adds to it", shown(file));
    }
    let reason = accept.reason.clone().ok_or_else(|| anyhow!("`--reason` says why what is found is accepted"))?;
    let (outcome, empty) = asked.scan(&accept.scan, None, None)?;
    let mut entries = Vec::new();
    for finding in &outcome.findings {
        entries.push(entry(finding, accept, &reason, &empty)?);
    }
    save(file, entries.iter())?;
    said(&format!("{}: {} accepted", shown(file), distinct(&entries)))?;
    Ok(complete(&outcome))
}

fn update(accept: &Accept, prune: bool, rules: &RuleSet) -> Result<u8> {
    let asked = Asked::new(&accept.scan, rules)?;
    let (file, known) = (&asked.file.clone(), asked.known()?);
    let (outcome, known) = asked.scan(&accept.scan, Some(known), None)?;
    let mut entries: Vec<Entry> = Vec::new();
    let mut removed = 0;
    let whole = outcome.coverage.complete();
    for (_, entry, state) in known.entries() {
        let drop = prune && (state == Use::Expired || state == Use::Unused && whole);
        if drop { removed += 1 } else { entries.push(entry.clone()) }
    }
    let kept = entries.len();
    for finding in &outcome.findings {
        let Some(reason) = &accept.reason else {
            bail!("{} findings are not in {}; `--reason` accepts them", outcome.findings.len(), shown(file));
        };
        entries.push(entry(finding, accept, reason, &known)?);
    }
    let added = distinct(&entries[kept..]);
    // What is accepted anew replaces what has expired.
    let new = entries.split_off(kept);
    let is_new = |old: &Entry| new.iter().any(|new| new.is_about(old));
    let gone: Vec<Entry> =
        known.entries().filter(|(.., state)| *state == Use::Expired).map(|(_, e, _)| e.clone()).collect();
    entries.retain(|old| !(gone.contains(old) && is_new(old)));
    removed += kept - entries.len();
    let kept = entries.len();
    entries.extend(new);
    save(file, entries.iter())?;
    said(&format!("{}: {added} added, {removed} removed, {kept} kept", shown(file)))?;
    if prune && !whole {
        complain("warning: not everything was looked at, so entries that accept nothing were kept");
    }
    Ok(complete(&outcome))
}

fn audit(options: &cli::Baselined, rules: &RuleSet) -> Result<u8> {
    let asked = Asked::new(options, rules)?;
    let known = asked.known()?;
    let (outcome, known) = asked.scan(options, Some(known), None)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut stale = 0;
    for (line, entry, state) in known.entries() {
        stale += usize::from(state != Use::Used);
        let id = entry.fingerprint.as_ref().or(entry.finding_id.as_ref());
        let mut said = vec![visible(&entry.reason).into_owned()];
        said.extend(entry.owner.as_ref().map(|owner| format!("owner {}", visible(owner))));
        said.extend(entry.expires.as_ref().map(|day| format!("expires {}", visible(day))));
        let id = id.map_or("", String::as_str);
        writeln!(out, "{}:{line}: {:7}  {}  {}", known.name, state.name(), visible(id), said.join("; "))?;
    }
    writeln!(out, "{} entries, {stale} of them unused or expired", known.entries().count())?;
    out.flush()?;
    Ok(if stale > 0 { FINDINGS } else { complete(&outcome) })
}

fn import(report: &Path, accept: &Accept, rules: &RuleSet) -> Result<u8> {
    let name = shown(report);
    let text = settings::named(report).map_err(|error| anyhow!("cannot read {name}: {}", tree::plain(&error)))?;
    let (whose, known) = import::read(&text).map_err(|error| anyhow!("{name} {error}"))?;
    let asked = Asked::new(&accept.scan, rules)?;
    let file = &asked.file.clone();
    let old = if file.exists() { Some(asked.known()?) } else { None };
    let mut entries: Vec<Entry> = old.iter().flat_map(Baseline::entries).map(|(_, entry, _)| entry.clone()).collect();
    let before = entries.len();
    let digests = known.iter().filter_map(|one| match one.named {
        Named::Sha1(digest) => Some(digest),
        _ => None,
    });
    let foreign = Arc::new(Foreign::new(digests));
    // What is accepted already must be found again, so the old entries keep nothing back.
    let (outcome, empty) = asked.scan(&accept.scan, None, Some(Arc::clone(&foreign)))?;
    let mut lost = Vec::new();
    for one in &known {
        match carried(one, &outcome, &foreign, &empty) {
            Ok(found) => {
                let reason = accept.reason.clone().unwrap_or_else(|| one.reason.clone());
                for finding in found {
                    entries.push(entry(finding, accept, &reason, &empty)?);
                }
            }
            Err(why) => {
                let line = one.line.map(|line| format!(":{line}")).unwrap_or_default();
                lost.push(format!("{}{line} ({}): {why}", visible(&one.path), visible(&one.rule)));
            }
        }
    }
    // One key that another scanner names twice is one entry, and an old one stays as it is.
    let mut seen = BTreeSet::new();
    entries.retain(|entry| seen.insert((entry.fingerprint.clone(), entry.finding_id.clone(), entry.path.clone())));
    save(file, entries.iter())?;
    said(&format!("{}: {} of {whose} added", shown(file), entries.len() - before))?;
    for one in &lost {
        complain(&format!("not carried over: {one}"));
    }
    Ok(complete(&outcome))
}

/// The findings that an entry of another scanner accepts.
fn carried<'o>(
    one: &Known,
    outcome: &'o Outcome,
    foreign: &Foreign,
    ground: &Baseline,
) -> Result<Vec<&'o Finding>, &'static str> {
    let wanted = match &one.named {
        Named::Sha1(digest) => Some(foreign.met(digest).ok_or("no W&B key with this digest is found")?),
        Named::Text(text) => {
            let secret = detect::credential(text.trim().as_bytes()).ok_or("it is no W&B key")?;
            Some(secret.fingerprint().as_str().to_owned())
        }
        Named::Fingerprint(print) => Some(print.clone()),
        Named::Place => None,
    };
    let findings = outcome.findings.iter();
    let found: Vec<&Finding> = match wanted {
        Some(print) => {
            findings.filter(|f| f.key.as_ref().is_some_and(|key| key.fingerprint.as_str() == print)).take(1).collect()
        }
        None => findings.filter(|finding| stands(finding, one, ground)).collect(),
    };
    match (&one.commit, found.is_empty()) {
        (_, false) => Ok(found),
        (Some(_), true) => Err("it is not found; of what git holds, `--history` finds more"),
        (None, true) => Err("nothing is found there"),
    }
}

/// Whether a finding stands where an entry says.
fn stands(finding: &Finding, one: &Known, ground: &Baseline) -> bool {
    let held = finding.origin.held.as_deref();
    let commit = held.and_then(|held| held.commit.as_ref()).map(|commit| commit.id.to_string());
    let path = one.path.strip_prefix("./").unwrap_or(&one.path);
    one.line.is_some()
        && finding.place.map(|place| place.line) == one.line
        && one.commit == commit
        && ground.path(&finding.origin).as_deref() == Some(path)
}

fn entry(finding: &Finding, accept: &Accept, reason: &str, ground: &Baseline) -> Result<Entry> {
    let key = finding.key.as_ref();
    // Where it is from the root, from wherever it was scanned.
    let at = ground.at(&finding.origin).filter(|_| key.is_none());
    let entry = Entry {
        fingerprint: key.map(|key| key.fingerprint.as_str().to_owned()),
        finding_id: key.is_none().then(|| at.as_deref().map_or(finding.id.clone(), |at| finding.id_at(at.as_bytes()))),
        key: key.map(|key| key.id.as_str().to_owned()),
        rule: key.is_none().then(|| finding.rule.id.clone()),
        at: at.filter(|_| !accept.with_path),
        path: accept.with_path.then(|| ground.path(&finding.origin)).flatten(),
        reason: reason.to_owned(),
        expires: accept.expires.clone(),
        owner: accept.owner.clone(),
    };
    entry.check().map_err(|what| anyhow!(what))?;
    Ok(entry)
}

fn distinct(entries: &[Entry]) -> usize {
    entries.iter().map(|entry| (&entry.fingerprint, &entry.finding_id, &entry.path)).collect::<BTreeSet<_>>().len()
}

fn save<'e>(file: &Path, entries: impl Iterator<Item = &'e Entry>) -> Result<()> {
    let text = render(entries)?;
    let written = write::replace(file, |out| out.write_all(text.as_bytes()));
    written.map_err(|error| anyhow!("cannot write {}: {}", shown(file), tree::plain(&error)))
}

fn said(text: &str) -> Result<()> {
    Ok(writeln!(io::stdout().lock(), "{text}")?)
}

fn complete(outcome: &Outcome) -> u8 {
    if outcome.coverage.complete() {
        return 0;
    }
    complain("not everything asked for could be read; `wandward scan` says what");
    INCOMPLETE
}

fn shown(path: &Path) -> String {
    visible(&path.to_string_lossy()).into_owned()
}
