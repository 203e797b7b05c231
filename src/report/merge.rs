//! Several reports become one. In: reports, of several machines or of several scans of one. Out: each finding once, and the sum
//! of what was looked at, which is complete only if all of them are.

use std::collections::HashMap;

use serde_json::Value;

use super::model::{Entry, Location, Looked, Permitted, Report, SCHEMA, Tool};

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
            for (name, field) in report.more {
                all.more.entry(name).or_insert(field);
            }
        }
        if several {
            all.findings = each_once(all.findings, |finding| (finding.finding_id.clone(), &finding.location), asked);
            all.suppressed = each_once(all.suppressed, |one| (one.rule.to_string(), &one.location), |_, _| {});
            sort(&mut all);
        }
        Some(all)
    }
}

fn each_once<T>(all: Vec<T>, what: impl Fn(&T) -> (String, &Location), also: impl Fn(&mut T, T)) -> Vec<T> {
    let mut seen: HashMap<(String, String), usize> = HashMap::new();
    let mut once: Vec<T> = Vec::new();
    for one in all {
        let (id, location) = what(&one);
        // What is checked out is said of the machine rather than of the finding.
        let location = Location { checked_out: false, ..location.clone() };
        match seen.entry((id, format!("{location:?}"))) {
            std::collections::hash_map::Entry::Occupied(first) => also(&mut once[*first.get()], one),
            std::collections::hash_map::Entry::Vacant(new) => {
                new.insert(once.len());
                once.push(one);
            }
        }
    }
    once
}

/// What one report asked a server about, the other need not have.
fn asked(first: &mut Entry, other: Entry) {
    if first.liveness == "unchecked" {
        first.liveness = other.liveness;
        first.more.extend(other.more);
    }
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
