//! Several reports become one. In: reports, of several machines or of several scans of one. Out: each finding once, and the sum
//! of what was looked at, which is complete only if all of them are.

use std::collections::{HashMap, hash_map};
use std::hash::Hash;

use serde_json::Value;

use super::model::{Also, Answer, Entry, Location, Looked, More, Permitted, Report, SCHEMA, Tool};
use super::step::Step;
use crate::finding::Liveness;

/// The kinds of source in the order of reports; others come last.
const KINDS: [&str; 13] = [
    "file", "stdin", "staged", "blob", "commit", "tag", "note", "ref", "reflog", "git-config", "process", "environ",
    "account",
];

impl Report {
    /// Puts reports together; of one alone the order stays.
    pub fn merged(reports: Vec<Report>) -> Option<Report> {
        let several = reports.len() > 1;
        let mut reports = reports.into_iter();
        let mut all = reports.next()?;
        (all.schema_version, all.tool) = (SCHEMA, Tool::this());
        for report in reports {
            all.findings.extend(report.findings);
            all.suppressed.extend(report.suppressed);
            for place in report.places {
                if !all.places.contains(&place) {
                    all.places.push(place);
                }
            }
            looked(&mut all.coverage, report.coverage);
            steps(&mut all.steps, report.steps);
            more(&mut all.more, report.more);
        }
        if several {
            // Two keys in the same line of two trees make one finding id.
            let key = |finding: &Entry| finding.key.as_ref().map(|key| key.fingerprint.clone());
            all.findings = each_once(
                all.findings,
                |finding| (finding.finding_id.clone(), key(finding), place(&finding.location)),
                together,
            );
            all.suppressed = each_once(
                all.suppressed,
                |one| (one.rule.clone(), one.fingerprint.clone(), place(&one.location)),
                |_, _| {},
            );
            sort(&mut all);
        }
        Some(all)
    }
}

fn each_once<T, I: Eq + Hash>(all: Vec<T>, what: impl Fn(&T) -> I, also: impl Fn(&mut T, T)) -> Vec<T> {
    let mut seen: HashMap<I, usize> = HashMap::new();
    let mut once: Vec<T> = Vec::new();
    for one in all {
        match seen.entry(what(&one)) {
            hash_map::Entry::Occupied(first) => also(&mut once[*first.get()], one),
            hash_map::Entry::Vacant(new) => {
                new.insert(once.len());
                once.push(one);
            }
        }
    }
    once
}

/// Where it is, without what one scan tells of a place and another does not.
fn place(at: &Location) -> impl Eq + Hash + use<> {
    let path = at.raw_path().into_owned();
    let held = (at.repository.clone(), at.object.clone(), at.commit().map(str::to_owned), at.reference.clone());
    let process = (at.pid, at.started.clone(), at.argument, at.variable.clone());
    (at.kind.clone(), path, at.inner.clone(), at.line, at.column, held, process)
}

/// Adds the steps of another report; one that both tell counts once.
pub(super) fn steps(all: &mut Option<Vec<Step>>, other: Option<Vec<Step>>) {
    let Some(other) = other else { return };
    let all = all.get_or_insert_default();
    let new: Vec<Step> = other.into_iter().filter(|step| !all.contains(step)).collect();
    all.extend(new);
}

/// Adds what only this or only another version knows: of lists what both have, of all else what the first says.
pub(super) fn more(all: &mut More, other: More) {
    for (name, field) in other {
        match (all.get_mut(&name), field) {
            (Some(Value::Array(all)), Value::Array(other)) => {
                let new: Vec<Value> = other.into_iter().filter(|one| !all.contains(one)).collect();
                all.extend(new);
            }
            (Some(_), _) => {}
            (None, field) => drop(all.insert(name, field)),
        }
    }
}

/// What one report knows of a finding, the other need not have.
fn together(first: &mut Entry, other: Entry) {
    let weight = |liveness: &str| Liveness::ALL.iter().position(|one| one.name() == liveness);
    let all = |entry: &mut Entry| match std::mem::take(&mut entry.answers) {
        answers if answers.is_empty() => entry.answer.take().into_iter().collect(),
        answers => answers,
    };
    let mut other = other;
    let mut answers: Vec<Answer> = all(first);
    for answer in all(&mut other) {
        match answers.iter_mut().find(|known| known.server == answer.server) {
            // Who heard that it lives heard more than who did not.
            Some(known) if weight(&known.answer) < weight(&answer.answer) => *known = answer,
            Some(_) => {}
            None => answers.push(answer),
        }
    }
    if weight(&first.liveness) < weight(&other.liveness) {
        first.liveness = other.liveness;
    }
    first.answer = answers.iter().rev().max_by_key(|answer| weight(&answer.answer)).cloned();
    first.answers = if answers.len() > 1 { answers } else { Vec::new() };
    let new: Vec<Also> = other.also.into_iter().filter(|place| !first.also.contains(place)).collect();
    first.also.extend(new);
    more(&mut first.more, other.more);
}

/// Adds what another scan looked at.
pub(super) fn looked(all: &mut Looked, other: Looked) {
    all.complete &= other.complete;
    for scan in other.scans {
        if !all.scans.contains(&scan) {
            all.scans.push(scan);
        }
    }
    all.files = all.files.saturating_add(other.files);
    all.bytes = all.bytes.saturating_add(other.bytes);
    all.objects = all.objects.saturating_add(other.objects);
    all.objects_known_clean = all.objects_known_clean.saturating_add(other.objects_known_clean);
    all.processes = all.processes.saturating_add(other.processes);
    all.processes_known = all.processes_known.saturating_add(other.processes_known);
    all.skipped.extend(other.skipped);
    all.skipped.sort();
    all.skipped.dedup();
    for (name, field) in other.more {
        let sum = match (all.more.get(&name), &field) {
            (Some(Value::Number(a)), Value::Number(b)) => a.as_u64().zip(b.as_u64()).map(|(a, b)| a.saturating_add(b)),
            _ => None,
        };
        match sum {
            Some(sum) => drop(all.more.insert(name, sum.into())),
            None => drop(all.more.entry(name).or_insert(field)),
        }
    }
}

/// Sorts as a scan does: source, path, place.
pub(super) fn sort(report: &mut Report) {
    let kind = |at: &Location| KINDS.iter().position(|kind| *kind == at.kind).unwrap_or(KINDS.len());
    let key = |at: &Location| {
        let path = at.raw_path().into_owned();
        let process = (at.pid, at.started.clone(), at.argument, at.variable.clone());
        (kind(at), path, at.inner.clone(), at.repository.clone(), at.object.clone(), at.line, at.column, process)
    };
    report.findings.sort_by_cached_key(|one: &Entry| (key(&one.location), one.rule.clone()));
    report.suppressed.sort_by_cached_key(|one: &Permitted| (key(&one.location), one.rule.clone()));
}
