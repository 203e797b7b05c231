//! `json` and `jsonl`, schema version 1. The shapes here are the contract: fields may be added, none changes its meaning.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;

use data_encoding::BASE64;
use serde::Serialize;
use serde_json::{Map, Value};

use super::date;
use crate::blob::{self, Kind, Origin};
use crate::finding::{Asked, Coverage, Finding, Key, Looked, Outcome, Suppressed};
use crate::object::{Commit, Held};
use crate::process::Process;

#[derive(Serialize)]
struct Report<'o> {
    schema_version: u32,
    tool: Tool,
    findings: Vec<FindingView<'o>>,
    suppressed: Vec<SuppressedView<'o>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    places: Vec<PlaceView<'o>>,
    coverage: CoverageView<'o>,
    #[serde(flatten)]
    more: &'o Map<String, Value>,
}

/// A place of this machine, and what was found there.
#[derive(Serialize)]
struct PlaceView<'o> {
    place: &'static str,
    path: Cow<'o, str>,
    state: &'static str,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct FindingView<'o> {
    finding_id: &'o str,
    rule: &'o str,
    severity: &'static str,
    confidence: &'static str,
    message: &'o str,
    evidence: &'o str,
    location: Location<'o>,
    key: Option<KeyView<'o>>,
    also: Vec<AlsoView<'o>>,
    liveness: &'static str,
    #[serde(flatten)]
    answer: Option<AnswerView<'o>>,
    snippet: &'o str,
    help: &'o str,
}

#[derive(Serialize)]
struct Location<'o> {
    kind: &'static str,
    path: Cow<'o, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_raw: Option<String>,
    line: Option<u64>,
    column: Option<u64>,
    end_line: Option<u64>,
    end_column: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cell: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cell_line: Option<u64>,
    inner: Vec<Cow<'o, str>>,
    #[serde(flatten)]
    held: Option<HeldView<'o>>,
    #[serde(flatten)]
    process: Option<ProcessView<'o>>,
}

/// What a server says of the key.
#[derive(Serialize)]
struct AnswerView<'o> {
    server: Option<&'o str>,
    server_named_by: &'static str,
    owner: Option<OwnerView<'o>>,
    liveness_reason: &'o str,
}

#[derive(Serialize)]
struct OwnerView<'o> {
    user: Option<&'o str>,
    entity: Option<&'o str>,
    teams: &'o [String],
    account_type: Option<&'o str>,
    admin: Option<bool>,
}

/// Which part of which process.
#[derive(Serialize)]
struct ProcessView<'o> {
    pid: u32,
    ppid: Option<u32>,
    user: Option<&'o str>,
    started: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    argument: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variable: Option<Cow<'o, str>>,
}

/// Where in a git repository.
#[derive(Serialize)]
struct HeldView<'o> {
    repository: Cow<'o, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    #[serde(flatten)]
    commit: Option<CommitView<'o>>,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<Cow<'o, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refs: Option<Vec<Cow<'o, str>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reachable: Option<bool>,
    /// How many more references and places there are than are named.
    #[serde(skip_serializing_if = "is_none")]
    more_refs: usize,
    #[serde(skip_serializing_if = "is_none")]
    more_places: usize,
}

fn is_none(number: &usize) -> bool {
    *number == 0
}

/// What introduced a text; all null if nothing did.
#[derive(Serialize)]
struct CommitView<'o> {
    commit: Option<String>,
    author: Option<Cow<'o, str>>,
    date: Option<String>,
}

/// Another place of the same blob.
#[derive(Serialize)]
struct AlsoView<'o> {
    kind: &'static str,
    commit: String,
    path: Cow<'o, str>,
    line: Option<u64>,
}

#[derive(Serialize)]
struct KeyView<'o> {
    format: &'static str,
    prefix: Option<&'o str>,
    id: &'o str,
    fingerprint: &'o str,
}

#[derive(Serialize)]
struct SuppressedView<'o> {
    rule: &'o str,
    location: Location<'o>,
    fingerprint: Option<&'o str>,
    by: &'static str,
    reason: &'o str,
}

#[derive(Serialize)]
struct CoverageView<'o> {
    complete: bool,
    files: u64,
    bytes: u64,
    objects: u64,
    processes: u64,
    processes_known: u64,
    skipped: Vec<SkipView<'o>>,
}

#[derive(Serialize)]
struct SkipView<'o> {
    path: Cow<'o, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_raw: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inner: Vec<Cow<'o, str>>,
    reason: &'o str,
    gap: bool,
}

#[derive(Serialize)]
struct Last<'o> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    places: Vec<PlaceView<'o>>,
    coverage: CoverageView<'o>,
}

pub(super) fn write(outcome: &Outcome, more: &Map<String, Value>, out: &mut dyn Write) -> io::Result<()> {
    let report = Report {
        schema_version: 1,
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        findings: outcome.findings.iter().map(|one| finding(one, outcome)).collect(),
        suppressed: outcome.suppressed.iter().map(suppressed).collect(),
        places: places(outcome),
        coverage: coverage(&outcome.coverage),
        more,
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}

pub(super) fn write_finding(one: &Finding, outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &finding(one, outcome))?;
    writeln!(out)
}

pub(super) fn write_coverage(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &Last { places: places(outcome), coverage: coverage(&outcome.coverage) })?;
    writeln!(out)
}

fn finding<'o>(finding: &'o Finding, outcome: &'o Outcome) -> FindingView<'o> {
    let asked = finding.key.as_ref().and_then(|key| outcome.answer(&key.fingerprint));
    FindingView {
        finding_id: &finding.id,
        rule: &finding.rule.id,
        severity: finding.severity.name(),
        confidence: finding.confidence.name(),
        message: &finding.rule.message,
        evidence: &finding.evidence,
        location: location(finding),
        key: finding.key.as_ref().map(key),
        also: also(finding),
        liveness: asked.map_or("unchecked", |asked| asked.liveness.name()),
        answer: asked.map(answer),
        snippet: &finding.snippet.text,
        help: &finding.rule.help,
    }
}

fn answer(asked: &Asked) -> AnswerView<'_> {
    AnswerView {
        server: asked.server.as_deref(),
        server_named_by: asked.named_by,
        owner: asked.owner.as_ref().map(|owner| OwnerView {
            user: owner.user.as_deref(),
            entity: owner.entity.as_deref(),
            teams: &owner.teams,
            account_type: owner.account.as_deref(),
            admin: owner.admin,
        }),
        liveness_reason: &asked.reason,
    }
}

fn key(key: &Key) -> KeyView<'_> {
    KeyView {
        format: key.format.name(),
        prefix: key.prefix.as_deref(),
        id: key.id.as_str(),
        fingerprint: key.fingerprint.as_str(),
    }
}

fn suppressed(suppressed: &Suppressed) -> SuppressedView<'_> {
    let finding = &suppressed.finding;
    SuppressedView {
        rule: &finding.rule.id,
        location: location(finding),
        fingerprint: finding.key.as_ref().map(|key| key.fingerprint.as_str()),
        by: suppressed.by.name(),
        reason: &suppressed.reason,
    }
}

fn location(finding: &Finding) -> Location<'_> {
    let Finding { origin, place, cell, .. } = finding;
    Location {
        kind: origin.kind.name(),
        path: finding.display_path(&origin.path),
        path_raw: path_raw(origin),
        line: place.map(|place| place.line),
        column: place.map(|place| place.column),
        end_line: place.map(|place| place.end_line),
        end_column: place.map(|place| place.end_column),
        cell: cell.map(|cell| cell.number),
        cell_line: cell.map(|cell| cell.line),
        inner: origin.display_inner().collect(),
        held: origin.held.as_deref().map(|held| self::held(origin.kind, held)),
        process: origin.process.as_deref().map(process),
    }
}

fn process(process: &Process) -> ProcessView<'_> {
    ProcessView {
        pid: process.pid,
        ppid: process.ppid,
        user: process.user.as_deref(),
        started: date((process.started, 0)),
        argument: process.argument,
        variable: process.variable.as_deref().map(blob::display),
    }
}

fn held(kind: Kind, held: &Held) -> HeldView<'_> {
    // A file of the git directory is no object, and whoever asks for its commit asks in vain.
    let object = matches!(kind, Kind::Blob | Kind::Note | Kind::Commit | Kind::Tag | Kind::Staged);
    HeldView {
        repository: blob::display(&held.repository),
        object: held.object.map(|id| id.to_string()),
        commit: object.then(|| CommitView {
            commit: held.commit.as_ref().map(|commit| commit.id.to_string()),
            author: held.commit.as_ref().map(|commit| blob::display_word(&commit.author)),
            date: held.commit.as_ref().map(|commit| date(commit.date)),
        }),
        reference: held.reference.as_ref().map(|name| blob::display_word(name)),
        refs: object.then(|| held.refs.iter().map(|name| blob::display_word(name)).collect()),
        reachable: object.then_some(held.reachable),
        more_refs: held.more_refs,
        more_places: held.more_places,
    }
}

fn also<'o>(finding: &'o Finding) -> Vec<AlsoView<'o>> {
    let also = finding.origin.held.iter().flat_map(|held| &held.also);
    let view = |(commit, path): &'o (Arc<Commit>, Vec<u8>)| AlsoView {
        kind: finding.origin.kind.name(),
        commit: commit.id.to_string(),
        path: finding.display_path(path),
        line: finding.place.map(|place| place.line),
    };
    also.map(view).collect()
}

/// The path in base64 where it cannot be told as text; without what may not be told at all.
fn path_raw(origin: &Origin) -> Option<String> {
    str::from_utf8(&origin.path).is_err().then(|| BASE64.encode(&blob::without_keys(&origin.path)))
}

fn places(outcome: &Outcome) -> Vec<PlaceView<'_>> {
    let places = outcome.places.iter();
    places
        .map(|Looked { what, path, state }| PlaceView { place: what, path: blob::display(path), state: state.name() })
        .collect()
}

fn coverage(coverage: &Coverage) -> CoverageView<'_> {
    let skipped = coverage.skipped.iter().map(|skip| SkipView {
        path: skip.origin.display_path(),
        path_raw: path_raw(&skip.origin),
        inner: skip.origin.display_inner().collect(),
        reason: &skip.reason,
        gap: skip.gap,
    });
    CoverageView {
        complete: coverage.complete(),
        files: coverage.files,
        bytes: coverage.bytes,
        objects: coverage.objects,
        processes: coverage.processes,
        processes_known: coverage.processes_known,
        skipped: skipped.collect(),
    }
}
