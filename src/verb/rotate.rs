//! `wandward rotate`: a new key where it is needed, then the end of the old one. In: flags and a person's word. Out: what was
//! done, and an exit code.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use zeroize::Zeroizing;

use super::ask::Asking;
use super::out::{self, Targets};
use super::revoke::open_audit;
use super::terminal::Terminal;
use super::verify::{Found, find_again, find_and_ask};
use crate::cli::{self, Form};
use crate::watch;
use crate::{FINDINGS, INCOMPLETE, complain};
use wandward::finding::{Asked, Liveness, Outcome, visible};
use wandward::remediate::{self, Audit, Deletion, Destination, Done, Fate, Operator, Planned};
use wandward::report::{self, Report, Step};
use wandward::rule::RuleSet;
use wandward::scan::Progress;
use wandward::secret::{Fingerprint, Keyring};

/// The most of a destination that is kept as it is.
const MOST: u64 = 8 << 20;

pub(crate) fn run(options: &cli::Rotate, rules: &RuleSet) -> Result<u8> {
    if remediate::is_vague(&options.name) {
        bail!("`--name` is to say what the key is for, as `ci-model-training` does");
    }
    let scan = &options.verify.scan;
    if scan.report.find.is_some() || scan.pre_push.is_some() {
        bail!("`rotate` scans twice, so what it scans cannot come from standard input, but for bare keys (`-`)");
    }
    let report = &scan.report;
    let targets = Targets::new(report.format, &report.output)?;
    let to = destination(options)?;
    let asking = Asking::new(&options.verify.scan.ask)?;
    let (found, signal) = find_and_ask(&options.verify, rules, &asking)?;
    if let Some(signal) = signal {
        complain("interrupted before anything was done");
        return Ok(128 + signal);
    }
    let people = targets.are_for_people() && !report.quiet;
    let mut run = Run { options, rules, asking: &asking, people, steps: Vec::new() };
    let (code, outcome) = run.rotate(found, &to)?;
    let report = Report::from(outcome).with_steps(run.steps);
    let mut out = io::BufWriter::new(io::stdout());
    targets.write_with(&report, rules, &out::style(), &mut out, |_| Ok(()))?;
    Ok(code)
}

/// Where the new key is to go; that a file cannot be there is said before a key is made.
fn destination(options: &cli::Rotate) -> Result<Destination> {
    let Some((form, path)) = &options.to else {
        let Some((program, arguments)) = options.program.split_first() else {
            bail!("`--to-command` takes a command behind `--`")
        };
        return Ok(Destination::Command(program.clone(), arguments.to_vec()));
    };
    let shown = visible(&path.to_string_lossy()).into_owned();
    wandward::write::check(path).with_context(|| format!("{shown} cannot be written"))?;
    // What is behind a link is what changes.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
    let text = there(&path).with_context(|| format!("{shown} cannot be read"))?;
    Ok(match form {
        Form::Dotenv => Destination::Dotenv(path, text),
        Form::Netrc => Destination::Netrc(path, text),
    })
}

fn there(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::new());
    #[expect(clippy::disallowed_methods, reason = "it is the file that the operator names for the new key")]
    match File::open(path) {
        Ok(file) => {
            let size = file.metadata()?.len();
            if !file.metadata()?.is_file() || size > MOST {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file of settings"));
            }
            text.reserve_exact(usize::try_from(size).unwrap_or_default() + 1);
            file.take(MOST).read_to_end(&mut text)?;
            Ok(text)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(text),
        Err(error) => Err(error),
    }
}

struct Run<'r> {
    options: &'r cli::Rotate,
    rules: &'r RuleSet,
    asking: &'r Asking,
    people: bool,
    steps: Vec<Step>,
}

impl Run<'_> {
    fn rotate(&mut self, found: Found, to: &Destination) -> Result<(u8, Outcome)> {
        let Found { mut outcome, keyring } = found;
        let (code, proof) = self.exchange(&outcome, &keyring, to)?;
        if let Some((fingerprint, proof)) = proof {
            let slot = outcome.asked.entry(fingerprint).or_default();
            slot.retain(|asked| asked.server != proof.server);
            slot.push(proof);
        }
        Ok((code, outcome))
    }

    /// The new key for the old one; what the server says of the old one in the end.
    fn exchange(
        &mut self,
        outcome: &Outcome,
        keyring: &Keyring,
        to: &Destination,
    ) -> Result<(u8, Option<(Fingerprint, Asked)>)> {
        let Asking { client, rules } = self.asking;
        let operator = Operator { own: BTreeMap::new(), include_own: true, credential: None };
        let plan = remediate::plan(client, rules, keyring, outcome, &operator);
        let (planned, deletion) = match self.old(&plan)? {
            Ok(old) => old,
            Err(code) => return Ok((code, None)),
        };
        let (Some(hung), Some(mut audit)) = (keyring.get(&planned.key.fingerprint), self.audit()) else {
            return Ok((INCOMPLETE, None));
        };
        let (progress, secret) = (Progress::default(), hung.key.secret());
        let work = || remediate::make(client, (planned.key, &secret), deletion, &self.options.name, to, &mut audit);
        let (made, signal) = watch::watch(&progress, false, false, work)?;
        let made = match made {
            Ok(made) => made,
            Err(error) => {
                complain(&format!("the audit record cannot be written, so nothing is done: {error}"));
                return Ok((INCOMPLETE, None));
            }
        };
        let server = Some(deletion.server.base.as_str());
        let new = made.key.as_ref().unwrap_or(planned.key);
        for (step, result, reason) in &made.steps {
            self.steps.push(Step::new(new, server, step.name(), result, reason));
            self.say(&format!("{}: {result} {reason}", step.name()))?;
        }
        if let Some(trouble) = &made.trouble {
            complain(&visible(trouble));
            return Ok((INCOMPLETE, None));
        }
        self.say(&format!("The new key is {}, named {:?}, in {}.", new.id, self.options.name, to.phrase()))?;
        let lives =
            format!("the new key {} is in its place, and the old one lives; `wandward revoke` deletes it", new.id);
        if let Some(signal) = signal {
            complain(&format!("interrupted: {lives}"));
            return Ok((128 + signal, None));
        }
        if !self.may_go(planned)? {
            complain(&lives);
            return Ok((FINDINGS, None));
        }
        let done = remediate::delete(client, planned.key, &secret, deletion, &mut audit);
        let Done { answer, proof, noted } = match done {
            Ok(done) => done,
            Err(error) => {
                complain(&format!("the audit record cannot be written ({error}): {lives}"));
                return Ok((FINDINGS, None));
            }
        };
        let (result, reason) = answer.map_or_else(|reason| ("failed", reason), |()| ("accepted", String::new()));
        self.steps.push(Step::new(planned.key, server, "delete", result, &reason));
        self.steps.push(Step::new(planned.key, server, "proof", proof.liveness.name(), &proof.reason));
        self.say(&format!("The old key {}: {}: {}", planned.key.id, proof.liveness.name(), proof.reason))?;
        if let Err(error) = &noted {
            complain(&format!("the end of the old key could not be written into the audit record: {error}"));
        }
        let code = match proof.liveness {
            Liveness::Dead if noted.is_err() => INCOMPLETE,
            Liveness::Dead => 0,
            Liveness::Live => FINDINGS,
            Liveness::Unknown => INCOMPLETE,
        };
        Ok((code, Some((planned.key.fingerprint.clone(), proof))))
    }

    /// The one key that is to be rotated, or the exit code where there is none.
    fn old<'p, 'o>(&self, plan: &'p [Planned<'o>]) -> Result<Result<(&'p Planned<'o>, &'p Deletion), u8>> {
        let live: Vec<&Planned<'_>> = plan.iter().filter(|planned| planned.asked.liveness == Liveness::Live).collect();
        match &live[..] {
            [] if plan.iter().all(|planned| matches!(planned.fate, Fate::Dead)) => {
                self.say("There is no live key to rotate.")?;
                return Ok(Err(0));
            }
            [] => plan.iter().for_each(|planned| complain(&format!("{}: {}", planned.key.id, planned.asked.reason))),
            [planned] => match &planned.fate {
                Fate::Delete(deletion) => return Ok(Ok((planned, deletion))),
                Fate::Refused(reason) => complain(&format!("{}: {reason}", planned.key.id)),
                _ => {}
            },
            many => complain(&format!(
                "there are {} live keys, and one is rotated at a time; name the file of one, or give it with `-`",
                many.len()
            )),
        }
        Ok(Err(INCOMPLETE))
    }

    /// Whether the old key may go: nothing that was scanned still reads it, or the operator says so.
    fn may_go(&self, planned: &Planned<'_>) -> Result<bool> {
        let again = find_again(&self.options.verify, self.rules)?;
        let still: Vec<String> = again
            .keys()
            .into_iter()
            .filter(|(key, _)| key.fingerprint == planned.key.fingerprint)
            .flat_map(|(_, places)| places)
            .filter(|place| remediate::breaks(place))
            .map(report::at)
            .collect();
        if still.is_empty() || self.options.yes {
            return Ok(true);
        }
        for place in &still {
            self.say(&format!("The old key is still read in {place}"))?;
        }
        let Ok(mut terminal) = Terminal::open() else {
            complain(&format!(
                "the old key is still read in {} places, and there is no terminal to ask on (`--yes` deletes it all the same)",
                still.len()
            ));
            return Ok(false);
        };
        let id = planned.key.id.as_str().trim_end_matches('…');
        let answer = terminal.ask(&format!("Type {id} to delete the old key for ever all the same: "))?;
        Ok(answer.trim_end_matches('…') == id)
    }

    fn audit(&self) -> Option<Audit> {
        open_audit(self.options.audit_log.as_deref()).map_err(|error| complain(&format!("{error:#}"))).ok()
    }

    fn say(&self, text: &str) -> io::Result<()> {
        if self.people { writeln!(io::stdout(), "{}", visible(text)) } else { Ok(()) }
    }
}
