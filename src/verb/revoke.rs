//! `wandward revoke`: plan, confirmation, deletion, proof. In: flags and a person's word. Out: what was done, and an exit code.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use anyhow::{Context, Result, bail};

use super::ask::{self, Asking};
use super::out::{self, Targets};
use super::terminal::Terminal;
use super::verify::{Found, find_and_ask, mendable};
use super::{environment, own};
use crate::cli;
use crate::watch;
use crate::{FINDINGS, INCOMPLETE, complain};
use wandward::finding::{Asked, Liveness, Outcome, visible};
use wandward::remediate::{self, Audit, Deletion, Done, Fate, Operator, Planned, Record, Resumed};
use wandward::report::{Report, Step};
use wandward::rule::RuleSet;
use wandward::scan::Progress;
use wandward::secret::{Fingerprint, Keyring};
use wandward::write;

/// The most places of one key that are named.
const PLACES: usize = 20;

pub(crate) fn run(options: &cli::Revoke, rules: &RuleSet) -> Result<u8> {
    let report = &options.verify.scan.report;
    let targets = Targets::new(report.shown.format, &report.shown.output)?;
    if let Some(file) = &options.evidence {
        write::check(file).with_context(|| format!("cannot write {}", visible(&file.to_string_lossy())))?;
    }
    let asking = Asking::new(&options.verify.scan.ask)?;
    let (found, signal) = find_and_ask(&options.verify, rules, &asking)?;
    if let Some(signal) = signal {
        complain("interrupted before anything was deleted");
        return Ok(128 + signal);
    }
    if let Some(folder) = &options.filter_repo {
        write_callbacks(folder, &found.outcome)?;
    }
    let people = targets.are_for_people() && !report.shown.quiet;
    let mut run = Run { options, rules, asking: &asking, people, steps: Vec::new() };
    let (mut code, outcome, records) = if options.resume { run.resume(found)? } else { run.revoke(found)? };
    if let Some(file) = &options.evidence {
        // What was done is told in any case.
        if let Err(error) = write::replace(file, |out| remediate::evidence(&records, out)) {
            complain(&format!("cannot write {}: {error}", visible(&file.to_string_lossy())));
            code = if code == 0 { INCOMPLETE } else { code };
        }
    }
    let report = Report::from(outcome).with_steps(run.steps);
    let mut out = io::BufWriter::new(io::stdout());
    targets.write_with(&report, rules, &out::style(), &mut out, |_| Ok(()))?;
    Ok(code)
}

/// Writes what takes the found keys out of a history.
fn write_callbacks(folder: &Path, outcome: &Outcome) -> Result<()> {
    let keys: Vec<Fingerprint> = outcome.keys().into_iter().map(|(key, _)| key.fingerprint.clone()).collect();
    let shown = visible(&folder.to_string_lossy()).into_owned();
    for (name, text) in remediate::callbacks(&keys) {
        let written = write::replace(&folder.join(name), |out| out.write_all(text.as_bytes()));
        written.with_context(|| format!("cannot write into {shown}"))?;
    }
    complain(&format!(
        "in a fresh clone, this takes them out: git filter-repo --blob-callback \"$(cat {shown}/blob-callback.py)\" \
         --message-callback \"$(cat {shown}/message-callback.py)\""
    ));
    Ok(())
}

/// What a plan came to.
struct Ended {
    code: u8,
    proofs: Vec<(Fingerprint, Asked)>,
    records: Vec<Record>,
}

impl Ended {
    /// Nothing was deleted.
    fn with(code: u8) -> Ended {
        Ended { code, proofs: Vec::new(), records: Vec::new() }
    }
}

struct Run<'r> {
    options: &'r cli::Revoke,
    rules: &'r RuleSet,
    asking: &'r Asking,
    people: bool,
    steps: Vec<Step>,
}

impl Run<'_> {
    fn revoke(&mut self, found: Found) -> Result<(u8, Outcome, Vec<Record>)> {
        let Found { mut outcome, keyring } = found;
        let Ended { code, proofs, records } = self.end(&outcome, &keyring)?;
        if proofs.is_empty() {
            return Ok((code, outcome, records));
        }
        for (fingerprint, proof) in proofs {
            let slot = outcome.asked.entry(fingerprint).or_default();
            slot.retain(|asked| asked.server != proof.server);
            slot.push(proof);
        }
        if self.people {
            let mendable = mendable(&self.options.verify, self.rules, &outcome)?;
            remediate::aftermath(&outcome, &mendable).iter().try_for_each(|line| self.say(line))?;
        }
        Ok((code, outcome, records))
    }

    /// Plans, asks, deletes.
    fn end(&mut self, outcome: &Outcome, keyring: &Keyring) -> Result<Ended> {
        let Asking { client, rules } = self.asking;
        let credential = |server: &remediate::Server| own::credential_at(server, rules);
        let operator = Operator {
            own: own::fingerprints(),
            include_own: self.options.include_own,
            credential: if self.options.as_operator { Some(&credential) } else { None },
        };
        let allow_partial = self.options.verify.scan.report.shown.allow_partial;
        // Until something is done an interruption ends everything at once.
        let (work, idle) = (|| remediate::plan(client, rules, keyring, outcome, &operator), Progress::default());
        let (plan, _) = watch::watch(&idle, false, true, work)?;
        self.say_plan(&plan)?;
        let deletions: Vec<(&Planned<'_>, &Deletion)> = plan.iter().filter_map(deletion).collect();
        if self.options.dry_run {
            return Ok(Ended::with(ask::exit_code(outcome, allow_partial)));
        }
        if deletions.is_empty() {
            return Ok(Ended::with(code(&plan, &[], outcome, allow_partial)));
        }
        // A record that cannot be written is known before anybody is asked.
        let audit = open_audit(self.options.audit_log.as_deref()).map_err(|error| complain(&format!("{error:#}")));
        let confirm = || audit.is_ok().then(|| self.confirm(&deletions)).transpose();
        let confirmed = watch::watch(&idle, false, true, confirm)?.0?.flatten();
        let (Ok(mut audit), Some(confirmed)) = (audit, confirmed) else { return Ok(Ended::with(INCOMPLETE)) };
        let progress = Progress::default();
        let work = || {
            let mut proofs: Vec<Option<Asked>> = vec![None; deletions.len()];
            let mut recorded = true;
            for (nth, (planned, deletion)) in deletions.iter().enumerate() {
                if !confirmed[nth] || progress.stop.load(Ordering::Relaxed) {
                    continue;
                }
                let Some(hung) = keyring.get(&planned.key.fingerprint) else { continue };
                let done = remediate::delete(client, planned.key, &hung.key.secret(), deletion, &mut audit);
                let noted = match done {
                    Ok(done) => {
                        self.done(planned, &done)?;
                        proofs[nth] = Some(done.proof);
                        done.noted
                    }
                    Err(error) => Err(error),
                };
                if let Err(error) = noted {
                    complain(&format!(
                        "the audit record cannot be written any more, so nothing more is deleted: {error}"
                    ));
                    recorded = false;
                    break;
                }
            }
            Ok::<_, anyhow::Error>((proofs, recorded))
        };
        let (done, signal) = watch::watch(&progress, false, false, work)?;
        let (proofs, recorded) = done?;
        let code = match signal {
            Some(signal) => 128 + signal,
            None => match code(&plan, &proofs, outcome, allow_partial) {
                0 if !recorded => INCOMPLETE,
                code => code,
            },
        };
        let of = |(nth, proof): (usize, Option<Asked>)| Some((deletions[nth].0.key.fingerprint.clone(), proof?));
        Ok(Ended { code, proofs: proofs.into_iter().enumerate().filter_map(of).collect(), records: audit.written })
    }

    fn resume(&mut self, found: Found) -> Result<(u8, Outcome, Vec<Record>)> {
        let Asking { client, rules } = self.asking;
        let Found { outcome, keyring } = found;
        let audit = open_audit(self.options.audit_log.as_deref()).map_err(|error| complain(&format!("{error:#}")));
        let Ok(mut audit) = audit else { return Ok((INCOMPLETE, outcome, Vec::new())) };
        let resumed = remediate::resume(client, rules, &keyring, &outcome, &mut audit)?;
        let unplaced = remediate::unplaced(&mut audit)?;
        let mut code = if unplaced.is_empty() { 0 } else { INCOMPLETE };
        for record in &unplaced {
            self.unplaced(record)?;
        }
        for Resumed { record, proof } in &resumed {
            let (result, reason) = match proof {
                Some(asked) => (asked.liveness.name(), asked.reason.as_str()),
                None => ("unknown", "its text is not at hand; name the files that hold it, or give it with `-`"),
            };
            code = match proof.as_ref().map(|asked| asked.liveness) {
                Some(Liveness::Live) => FINDINGS,
                Some(Liveness::Dead) => code,
                _ if code == FINDINGS => code,
                _ => INCOMPLETE,
            };
            self.say(&format!("{} ({}) at {}: {result}: {reason}", record.id, record.fingerprint, record.server))?;
            if result == "live" {
                self.say("  it was not deleted; run `wandward revoke` again")?;
            }
            self.steps.push(Step::of(&record.id, &record.fingerprint, Some(&record.server), "proof", result, reason));
        }
        if resumed.is_empty() {
            self.say("No deletion lacks its end.")?;
        }
        Ok((code, outcome, audit.written))
    }

    /// Tells of a rotation that was cut off before the new key was in its place.
    fn unplaced(&mut self, record: &Record) -> io::Result<()> {
        let Record { time, id, server, .. } = record;
        let reason = if record.result == "accepted" {
            format!(
                "a rotation was cut off at {time}: the new key {id} exists, and may not have got to its place; if it is not there, delete it at {server}/settings"
            )
        } else {
            format!(
                "a rotation of {id} was cut off at {time}: there may be {}; look at {server}/settings",
                record.reason
            )
        };
        complain(&visible(&reason));
        self.steps.push(Step::of(id, &record.fingerprint, Some(server), "create", "unknown", &reason));
        Ok(())
    }

    fn say(&self, text: &str) -> io::Result<()> {
        if self.people { writeln!(io::stdout(), "{}", visible(text)) } else { Ok(()) }
    }

    fn step(&mut self, planned: &Planned<'_>, step: &'static str, result: &str, reason: &str) {
        self.steps.push(Step::new(planned.key, planned.asked.server.as_deref(), step, result, reason));
    }

    fn say_plan(&mut self, plan: &[Planned<'_>]) -> io::Result<()> {
        for planned in plan {
            let (result, reason) = match &planned.fate {
                Fate::Delete(_) => ("delete", planned.asked.reason.clone()),
                Fate::Dead => ("dead", planned.asked.reason.clone()),
                Fate::Unknown => ("unknown", planned.asked.reason.clone()),
                Fate::Own(from) => (
                    "own",
                    format!("it is the key that you use yourself, from {from}; `--include-own` deletes it, too"),
                ),
                Fate::Refused(reason) => ("refused", reason.clone()),
            };
            let server = planned.asked.server.as_deref().unwrap_or("no known server");
            self.say(&format!(
                "{result}: {} key {}, {}, at {server}",
                planned.key.format.name(),
                planned.key.id,
                planned.key.fingerprint
            ))?;
            self.say(&format!("  {reason}"))?;
            if let Fate::Delete(deletion) = &planned.fate {
                self.say(&format!("  {}", whose(deletion)))?;
            }
            for place in planned.places.iter().take(PLACES) {
                let breaks = if remediate::breaks(place) { "  (breaks: something reads it here)" } else { "" };
                self.say(&format!("  in {}{breaks}", wandward::report::at(place)))?;
            }
            if planned.places.len() > PLACES {
                self.say(&format!("  and in {} more places", planned.places.len() - PLACES))?;
            }
            self.step(planned, "plan", result, &reason);
        }
        if plan.is_empty() {
            self.say("No keys.")?;
        }
        Ok(())
    }

    /// Which deletions are confirmed; none if the whole is refused.
    fn confirm(&self, deletions: &[(&Planned<'_>, &Deletion)]) -> Result<Option<Vec<bool>>> {
        let mut keys: Vec<&Fingerprint> = deletions.iter().map(|(planned, _)| &planned.key.fingerprint).collect();
        keys.sort();
        keys.dedup();
        if self.options.yes {
            if self.options.count != Some(keys.len()) {
                complain(&format!(
                    "there are {} live keys to delete, and `--count` says otherwise, so none is deleted",
                    keys.len()
                ));
                return Ok(None);
            }
            return Ok(Some(vec![true; deletions.len()]));
        }
        let Ok(mut terminal) = Terminal::open() else {
            let count = keys.len();
            complain(&format!(
                "there is no terminal to confirm on, so nothing is deleted; `--yes --count {count}` confirms without"
            ));
            return Ok(None);
        };
        let mut confirmed = Vec::new();
        for (planned, deletion) in deletions {
            let id = planned.key.id.as_str();
            if !self.people {
                terminal.say(&format!("{id} at {}: {}", deletion.server.base, visible(&whose(deletion))))?;
            }
            let answer = terminal.ask(&format!("Type {} to delete this key for ever: ", id.trim_end_matches('…')))?;
            let same = answer.trim_end_matches('…') == id.trim_end_matches('…');
            if !same {
                terminal.say("It is left alone.")?;
            }
            confirmed.push(same);
        }
        Ok(confirmed.contains(&true).then_some(confirmed))
    }

    fn done(&mut self, planned: &Planned<'_>, done: &Done) -> io::Result<()> {
        let (result, reason) = match &done.answer {
            Ok(()) => ("accepted", String::new()),
            Err(reason) => ("failed", reason.clone()),
        };
        self.step(planned, "delete", result, &reason);
        let proof = done.proof.liveness.name();
        self.step(planned, "proof", proof, &done.proof.reason);
        if done.answer.is_err() {
            self.say(&format!("{}: the deletion: {reason}", planned.key.id))?;
        }
        let said = match done.proof.liveness {
            Liveness::Dead => "deleted, and proved dead",
            Liveness::Live => "it still lives",
            Liveness::Unknown => "nobody knows whether it lives; `wandward revoke --resume` asks again",
        };
        self.say(&format!("{}: {said}: {}", planned.key.id, done.proof.reason))
    }
}

/// Opens the audit record.
pub(crate) fn open_audit(named: Option<&Path>) -> Result<Audit> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => state_folder()?.join("wandward").join("audit.jsonl"),
    };
    let shown = visible(&path.to_string_lossy()).into_owned();
    Audit::open(&path, &who())
        .with_context(|| format!("the audit record {shown} cannot be written, so nothing is done"))
}

fn deletion<'p, 'o>(planned: &'p Planned<'o>) -> Option<(&'p Planned<'o>, &'p Deletion)> {
    match &planned.fate {
        Fate::Delete(deletion) => Some((planned, deletion)),
        _ => None,
    }
}

fn whose(deletion: &Deletion) -> String {
    let owner = &deletion.owner;
    let account = owner.account.as_deref().map(|kind| format!(" ({kind} account)")).unwrap_or_default();
    let admin = match owner.admin {
        Some(true) => ", an administrator",
        Some(false) => ", no administrator",
        None => "",
    };
    let name = deletion.description.as_deref().map(|name| format!("; named {name:?}")).unwrap_or_default();
    let used = deletion.last_used.as_deref().map(|date| format!("; last used {date}")).unwrap_or_default();
    format!("owner: user {}{account}{admin}{name}{used}", owner.user.as_deref().unwrap_or("of no name"))
}

/// What a plan came to. `proofs` are those of its deletions, in their order; one that was not done has none.
fn code(plan: &[Planned<'_>], proofs: &[Option<Asked>], outcome: &Outcome, allow_partial: bool) -> u8 {
    let mut lives = false;
    let mut unsure = !outcome.coverage.complete() && !allow_partial;
    let mut refused = false;
    let mut proofs = proofs.iter();
    for planned in plan {
        match &planned.fate {
            Fate::Delete(_) => match proofs.next().and_then(Option::as_ref).map(|proof| proof.liveness) {
                Some(Liveness::Dead) => {}
                Some(Liveness::Live) => lives = true,
                Some(Liveness::Unknown) => unsure = true,
                None => refused = true,
            },
            Fate::Dead => {}
            Fate::Unknown => unsure = true,
            Fate::Own(_) => lives = true,
            Fate::Refused(_) => refused = true,
        }
    }
    if lives {
        FINDINGS
    } else if unsure || refused {
        INCOMPLETE
    } else {
        0
    }
}

/// Where programs keep what they did.
fn state_folder() -> Result<PathBuf> {
    if let Some(folder) =
        environment("XDG_STATE_HOME").or_else(|| environment("LOCALAPPDATA").filter(|_| cfg!(windows)))
    {
        return Ok(PathBuf::from(folder));
    }
    match environment("HOME") {
        Some(home) => Ok(PathBuf::from(home).join(".local/state")),
        None => bail!("neither XDG_STATE_HOME nor HOME says where the audit record belongs; `--audit-log FILE` does"),
    }
}

fn who() -> String {
    let name = environment("USER").or_else(|| environment("LOGNAME")).or_else(|| environment("USERNAME"));
    name.map_or_else(|| "unknown".to_owned(), |name| visible(&name.to_string_lossy()).into_owned())
}
