//! An outcome becomes a report. In: an outcome, or one finding of it. Out: what is said of it, and no more.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use data_encoding::BASE64;

use super::date;
use super::model::{
    Also, Answer, Entry, Key, Location, Looked, More, Owner, Permitted, Place, Report, SCHEMA, Skipped, Tool,
};
use crate::blob::{self, Kind, Origin};
use crate::finding::{self, Asked, Coverage, Finding, Outcome, Suppressed, without_addresses};
use crate::object::Held;
use crate::process::Process;
use crate::rule::Rule;
use crate::secret::Fingerprint;

/// Rules say the same of each of their findings, so they say it once.
#[derive(Default)]
struct Words(HashMap<*const Rule, [Arc<str>; 3]>);

impl Words {
    fn of(&mut self, rule: &Arc<Rule>) -> [Arc<str>; 3] {
        let words = self.0.entry(Arc::as_ptr(rule));
        words.or_insert_with(|| [rule.id.clone(), rule.message(), rule.help()].map(Arc::from)).clone()
    }
}

impl From<Outcome> for Report {
    fn from(outcome: Outcome) -> Report {
        let mut words = Words::default();
        Report {
            schema_version: SCHEMA,
            tool: Tool::this(),
            findings: outcome
                .findings
                .into_iter()
                .map(|finding| answered(entry(finding, &mut words), &outcome.asked))
                .collect(),
            suppressed: outcome.suppressed.into_iter().map(|one| permitted(one, &mut words)).collect(),
            places: outcome.places.iter().map(place).collect(),
            steps: None,
            coverage: looked(&outcome.coverage),
            more: More::new(),
        }
    }
}

impl From<Finding> for Entry {
    fn from(finding: Finding) -> Entry {
        entry(finding, &mut Words::default())
    }
}

fn entry(finding: Finding, words: &mut Words) -> Entry {
    let (location, also) = (location(&finding), also(&finding));
    let [rule, message, help] = words.of(&finding.rule);
    let shown = &finding.snippet;
    let characters = |end: usize| shown.text[..end].chars().count();
    let mark = [shown.mark.start, shown.mark.end].map(characters);
    Entry {
        severity: finding.severity,
        finding_id: finding.id,
        rule,
        confidence: finding.confidence.name().to_owned(),
        message,
        evidence: without_addresses(&finding.evidence).into_owned(),
        location,
        key: finding.key.map(key),
        also,
        liveness: "unchecked".to_owned(),
        answer: None,
        answers: Vec::new(),
        snippet: finding.snippet.text,
        mark: Some(mark),
        help,
        more: More::new(),
    }
}

/// The entry with what servers say of its key.
fn answered(entry: Entry, asked: &BTreeMap<Fingerprint, Vec<Asked>>) -> Entry {
    let of = |key: &Key| asked.iter().find(|(fingerprint, _)| fingerprint.as_str() == key.fingerprint);
    let Some((_, asked)) = entry.key.as_ref().and_then(of) else { return entry };
    let Some(decisive) = asked.iter().max_by_key(|asked| asked.liveness) else { return entry };
    let answers = if asked.len() > 1 { asked.iter().map(Answer::from).collect() } else { Vec::new() };
    Entry { liveness: decisive.liveness.name().to_owned(), answer: Some(Answer::from(decisive)), answers, ..entry }
}

impl From<&Asked> for Answer {
    fn from(asked: &Asked) -> Answer {
        Answer {
            server: asked.server.clone(),
            server_named_by: asked.named_by.to_owned(),
            owner: asked.owner.as_ref().map(|owner| Owner {
                user: owner.user.clone(),
                entity: owner.entity.clone(),
                teams: owner.teams.clone(),
                account_type: owner.account.clone(),
                admin: owner.admin,
            }),
            liveness_reason: asked.reason.clone(),
            answer: asked.liveness.name().to_owned(),
        }
    }
}

fn key(key: finding::Key) -> Key {
    Key {
        format: key.format.name().to_owned(),
        prefix: key.prefix,
        id: key.id.as_str().to_owned(),
        fingerprint: key.fingerprint.as_str().to_owned(),
    }
}

fn permitted(suppressed: Suppressed, words: &mut Words) -> Permitted {
    let finding = &suppressed.finding;
    let [rule, ..] = words.of(&finding.rule);
    Permitted {
        rule,
        location: location(finding),
        fingerprint: finding.key.as_ref().map(|key| key.fingerprint.as_str().to_owned()),
        by: suppressed.by.name().to_owned(),
        reason: suppressed.reason,
        more: More::new(),
    }
}

fn location(finding: &Finding) -> Location {
    let Finding { origin, place, cell, .. } = finding;
    let location = Location {
        kind: origin.kind.name().to_owned(),
        path: finding.display_path(&origin.path).into_owned(),
        path_raw: path_raw(origin),
        line: place.map(|place| place.line),
        column: place.map(|place| place.column),
        end_line: place.map(|place| place.end_line),
        end_column: place.map(|place| place.end_column),
        cell: cell.map(|cell| cell.number),
        cell_line: cell.map(|cell| cell.line),
        line_hash: finding.line_hash.clone(),
        inner: inner(origin),
        ..Location::default()
    };
    match (origin.held.as_deref(), origin.process.as_deref()) {
        (Some(held), _) => in_repository(location, origin.kind, held),
        (None, Some(process)) => in_process(location, process),
        (None, None) => location,
    }
}

fn in_process(location: Location, process: &Process) -> Location {
    let name = |name: &Vec<u8>| blob::display(name).into_owned();
    Location {
        pid: Some(process.pid),
        ppid: Some(process.ppid),
        parent: process.parent.as_ref().map(name),
        user: Some(process.user.as_deref().map(|user| without_addresses(user).into_owned())),
        started: Some(date((process.started, 0))),
        argument: process.argument.map(|nth| nth as u64),
        variable: process.variable.as_ref().map(name),
        ..location
    }
}

fn place(looked: &finding::Looked) -> Place {
    let path = blob::display(&looked.path).into_owned();
    Place { place: looked.what.to_owned(), path, state: looked.state.name().to_owned(), more: More::new() }
}

fn in_repository(location: Location, kind: Kind, held: &Held) -> Location {
    // A file of the git directory is no object, and whoever asks for its commit asks in vain.
    let object = matches!(kind, Kind::Blob | Kind::Note | Kind::Commit | Kind::Tag | Kind::Staged);
    let commit = held.commit.as_deref();
    Location {
        repository: Some(blob::display(&held.repository).into_owned()),
        object: held.object.map(|id| id.to_string()),
        commit: object.then(|| commit.map(|commit| commit.id.to_string())),
        author: object.then(|| commit.map(|commit| word(&commit.author))),
        date: object.then(|| commit.map(|commit| date(commit.date))),
        reference: held.reference.as_ref().map(|name| word(name)),
        refs: object.then(|| held.refs.iter().map(|name| word(name)).collect()),
        reachable: object.then_some(held.reachable),
        more_refs: held.more_refs,
        more_places: held.more_places,
        ..location
    }
}

/// The name of a person or of a reference.
fn word(name: &[u8]) -> String {
    without_addresses(&blob::display_word(name)).into_owned()
}

fn also(finding: &Finding) -> Vec<Also> {
    let also = finding.origin.held.iter().flat_map(|held| &held.also);
    let place = also.map(|(commit, path)| Also {
        kind: finding.origin.kind.name().to_owned(),
        commit: commit.id.to_string(),
        path: finding.display_path(path).into_owned(),
        line: finding.place.map(|place| place.line),
        more: More::new(),
    });
    place.collect()
}

fn inner(origin: &Origin) -> Vec<String> {
    origin.display_inner().map(|name| name.into_owned()).collect()
}

/// The path in base64 where it cannot be told as text; without what may not be told at all.
fn path_raw(origin: &Origin) -> Option<String> {
    str::from_utf8(&origin.path).is_err().then(|| BASE64.encode(&blob::without_keys(&origin.path)))
}

pub(super) fn looked(coverage: &Coverage) -> Looked {
    let skipped = coverage.skipped.iter().map(|skip| Skipped {
        kind: (skip.origin.kind == Kind::Process).then(|| Kind::Process.name().to_owned()),
        path: skip.origin.display_path().into_owned(),
        path_raw: path_raw(&skip.origin),
        object: skip.origin.held.as_ref().and_then(|held| held.object).map(|id| id.to_string()),
        inner: inner(&skip.origin),
        reason: skip.reason.clone(),
        gap: skip.gap,
    });
    Looked {
        complete: coverage.complete(),
        scans: coverage.scans.iter().map(|&scan| scan.to_owned()).collect(),
        files: coverage.files,
        bytes: coverage.bytes,
        objects: coverage.objects,
        objects_known_clean: coverage.objects_known_clean,
        processes: coverage.processes,
        processes_known: coverage.processes_known,
        skipped: skipped.collect(),
        more: More::new(),
    }
}
