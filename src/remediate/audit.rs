//! The audit record: what was done to which key, by whom and when, a line of JSON each, on the disk before the thing is done. In:
//! steps. Out: lines, and which of them have no end yet. It holds no key.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::finding::{Key, Liveness};
use crate::write::Journal;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When, in UTC.
    pub time: String,
    /// Which run of the program.
    pub run: String,
    /// Who ran it.
    pub who: String,
    /// The server, by its base URL.
    pub server: String,
    /// The key, by its id.
    pub id: String,
    /// The key, by its fingerprint.
    pub fingerprint: String,
    /// What the server calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// What was done: see [`Step`].
    pub step: String,
    /// What it came to.
    pub result: String,
    /// Why, or in which words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// What is done to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is made.
    Create,
    /// It is handed to its destination.
    HandOver,
    /// It is deleted: `begun` before, what the server said after.
    Delete,
    /// It is asked whether it lives.
    Proof,
}

impl Step {
    /// The word in records and reports.
    pub fn name(self) -> &'static str {
        match self {
            Step::Create => "create",
            Step::HandOver => "hand-over",
            Step::Delete => "delete",
            Step::Proof => "proof",
        }
    }
}

/// What is written of a deletion before it is asked for.
pub(super) const BEGUN: &str = "begun";

/// The record, open for more.
pub struct Audit {
    journal: Journal,
    who: String,
    run: String,
    /// What this run has written.
    pub written: Vec<Record>,
}

/// Which key a step is about, and where.
pub(super) struct About<'k> {
    pub(super) key: &'k Key,
    pub(super) server: &'k str,
    pub(super) node: Option<&'k str>,
}

impl Audit {
    /// Opens or creates the record.
    pub fn open(path: &Path, who: &str) -> io::Result<Audit> {
        let run = format!("{}-{}", jiff::Timestamp::now().as_second(), std::process::id());
        Ok(Audit { journal: Journal::open(path)?, who: who.to_owned(), run, written: Vec::new() })
    }

    pub(super) fn note(&mut self, about: &About<'_>, step: Step, result: &str, reason: &str) -> io::Result<()> {
        let record = Record {
            time: jiff::Timestamp::now().to_string(),
            run: self.run.clone(),
            who: self.who.clone(),
            server: about.server.to_owned(),
            id: about.key.id.to_string(),
            fingerprint: about.key.fingerprint.to_string(),
            node: about.node.map(str::to_owned),
            step: step.name().to_owned(),
            result: result.to_owned(),
            reason: reason.to_owned(),
        };
        self.write(record)
    }

    /// Writes down one more word on what a record is about.
    pub(super) fn note_again(&mut self, record: &Record, step: Step, result: &str, reason: &str) -> io::Result<()> {
        let (time, run, who) = (jiff::Timestamp::now().to_string(), self.run.clone(), self.who.clone());
        let (step, result, reason) = (step.name().to_owned(), result.to_owned(), reason.to_owned());
        self.write(Record { time, run, who, step, result, reason, ..record.clone() })
    }

    fn write(&mut self, record: Record) -> io::Result<()> {
        self.journal.add(&serde_json::to_string(&record)?)?;
        self.written.push(record);
        Ok(())
    }

    /// All records so far.
    fn records(&mut self) -> io::Result<Vec<Record>> {
        // What was torn by a crash is followed by nothing that was done.
        Ok(self.journal.read()?.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// The last word on each key of which nobody knows whether it was deleted.
    pub fn unfinished(&mut self) -> io::Result<Vec<Record>> {
        let mut last: BTreeMap<(String, String), Record> = BTreeMap::new();
        for record in self.records()? {
            let of = (record.server.clone(), record.fingerprint.clone());
            // A key of which there is only a proof was not to be deleted: it is a new one.
            if record.step == Step::Delete.name() || record.step == Step::Proof.name() && last.contains_key(&of) {
                last.insert(of, record);
            }
        }
        let known = |record: &Record| {
            let ends = [Liveness::Dead, Liveness::Live].iter().any(|end| record.result == end.name());
            record.step == Step::Proof.name() && ends
        };
        Ok(last.into_values().filter(|record| !known(record)).collect())
    }

    /// What was written last of each new key of which nobody knows whether it was made, or whether it got to its place. A record
    /// that says that it was `begun` is about the key that it was to replace.
    pub(super) fn unplaced(&mut self) -> io::Result<Vec<Record>> {
        let mut open: Vec<Record> = Vec::new();
        for record in self.records()? {
            let is = |step: Step| record.step == step.name();
            if !is(Step::Create) && !is(Step::HandOver) {
                continue;
            }
            let same = |other: &Record| {
                other.run == record.run || other.server == record.server && other.fingerprint == record.fingerprint
            };
            open.retain(|other| !same(other));
            if is(Step::Create) && [BEGUN, "accepted"].contains(&record.result.as_str()) {
                open.push(record);
            }
        }
        Ok(open)
    }
}

/// The record of a run for people, as Markdown.
pub fn evidence(records: &[Record], out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "# Revoked W&B API keys\n")?;
    if let Some(first) = records.first() {
        writeln!(
            out,
            "By `{}`, from {} on. Keys are named by their ids and fingerprints.\n",
            plain(&first.who),
            first.time
        )?;
    }
    writeln!(out, "| time | key | fingerprint | server | step | result | |\n|---|---|---|---|---|---|---|")?;
    for record in records {
        let Record { time, id, fingerprint, server, step, result, reason, .. } = record;
        let reason = plain(reason);
        writeln!(
            out,
            "| {time} | `{}` | `{fingerprint}` | `{}` | {step} | {} | {reason} |",
            plain(id),
            plain(server),
            plain(result)
        )?;
    }
    writeln!(
        out,
        "\nA `proof` of `dead` is the server's own word: asked with the deleted key itself, it no longer took it."
    )
}

/// Text of others as it may stand in a cell of a table.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if matches!(c, '|' | '`' | '<' | '>' | '@' | '[' | ']' | '\\' | '\n' | '\r') { ' ' } else { c })
        .collect()
}
