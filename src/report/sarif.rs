//! SARIF 2.1.0 as code scanning reads it: a run for each kind of scan, so that each can open and close its own alerts; the
//! line hash that the upload would compute; for what git keeps beside files, the object that holds it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::Style;
use super::model::{Entry, Location, Permitted, Report};
use super::said::count;
use crate::blob::line_hashes;
use crate::finding::visible;
use crate::rule::{Group, Kind, Rule, RuleSet, Severity};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// What paths are relative to.
const ROOT: &str = "%SRCROOT%";

#[derive(Serialize)]
pub(super) struct Log<'r> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: Vec<Run<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'r> {
    tool: Value,
    automation_details: Value,
    invocations: [Value; 1],
    original_uri_base_ids: Value,
    column_kind: &'static str,
    results: Results<'r>,
}

/// Written one by one, since there may be many.
struct Results<'r> {
    rules: BTreeMap<&'r str, usize>,
    messages: BTreeMap<&'r str, Cow<'r, str>>,
    findings: Vec<&'r Entry>,
    suppressed: Vec<&'r Permitted>,
}

impl Serialize for Results<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let findings = self.findings.iter().map(|finding| self.finding(finding));
        let suppressed = self.suppressed.iter().map(|one| self.suppressed(one));
        serializer.collect_seq(findings.chain(suppressed))
    }
}

pub(super) fn log<'r>(report: &'r Report, rules: &'r RuleSet, style: &Style) -> Log<'r> {
    let scans = &report.coverage.scans;
    let suppressed = if style.suppressed { report.suppressed.as_slice() } else { &[] };
    let mut categories: Vec<&str> = scans.iter().map(String::as_str).collect();
    let findings = report.findings.iter().map(|finding| &finding.location);
    for location in findings.chain(suppressed.iter().map(|one| &one.location)) {
        let category = category(location, scans);
        if !categories.contains(&category) {
            categories.push(category);
        }
    }
    if categories.is_empty() {
        categories.push("tree");
    }
    categories.sort_by_key(|name| *name != "tree");
    let runs = categories.iter().enumerate().map(|(nth, name)| {
        let is_of_it = |location: &Location| category(location, scans) == *name;
        let results = Results::new(
            report.findings.iter().filter(|finding| is_of_it(&finding.location)).collect(),
            suppressed.iter().filter(|one| is_of_it(&one.location)).collect(),
            rules,
        );
        Run {
            tool: tool(&results, rules),
            automation_details: json!({ "id": format!("wandward/{}/", visible(name)) }),
            invocations: [invocation(report, nth == 0)],
            original_uri_base_ids: json!({ ROOT: { "description": { "text": "The folder in which wandward ran" } } }),
            column_kind: "unicodeCodePoints",
            results,
        }
    });
    Log { schema: SCHEMA, version: "2.1.0", runs: runs.collect() }
}

/// Which run a finding belongs to: what the past holds must not come and go with the working tree.
fn category<'r>(location: &Location, scans: &'r [String]) -> &'r str {
    let scanned = |wanted: &str| scans.iter().map(String::as_str).find(|scan| *scan == wanted);
    match location.kind.as_str() {
        _ if location.is_history() => {
            ["history", "range", "push", "message"].into_iter().find_map(scanned).unwrap_or("history")
        }
        "file" => ["tree", "host"].into_iter().find_map(scanned).unwrap_or("tree"),
        "staged" => "staged",
        "stdin" => "stdin",
        "process" | "environ" => "process",
        _ => "other",
    }
}

fn tool(results: &Results<'_>, rules: &RuleSet) -> Value {
    let described = results.rules.keys().map(|id| match rules.get(id) {
        Some(rule) => descriptor(rule),
        None => unknown(id, results.messages.get(id).map_or(id, |message| message)),
    });
    json!({ "driver": {
        "name": env!("CARGO_PKG_NAME"),
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": described.collect::<Vec<_>>(),
    } })
}

fn descriptor(rule: &Rule) -> Value {
    // Above 9 code scanning says critical, above 7 high, above 4 medium.
    let severity = match (rule.severity, rule.group) {
        (Severity::Error, Group::Keys) => "9.3",
        (Severity::Error, _) => "7.5",
        (Severity::Warning, _) => "5.0",
        (Severity::Note, _) => "2.0",
    };
    let precision = match rule.kind {
        Kind::Exposure(_) | Kind::Account => "high",
        Kind::Habit => "medium",
    };
    json!({
        "id": rule.id,
        "name": camel(&rule.id),
        "shortDescription": { "text": rule.title() },
        "fullDescription": { "text": rule.message() },
        "help": { "text": rule.help(), "markdown": markdown(rule) },
        "defaultConfiguration": { "level": rule.severity.name() },
        "properties": {
            "tags": ["security", "secret", "wandb", rule.group.name()],
            "precision": precision,
            "security-severity": severity,
        },
    })
}

/// A rule of a page that is not at hand.
fn unknown(id: &str, message: &str) -> Value {
    let (id, message) = (visible(id), visible(message));
    json!({
        "id": id,
        "name": camel(&id),
        "shortDescription": { "text": message },
        "fullDescription": { "text": message },
        "help": { "text": message },
        "properties": { "tags": ["security", "secret", "wandb"] },
    })
}

/// `key-in-netrc` as `KeyInNetrc`.
fn camel(id: &str) -> String {
    let words = id.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect()
}

/// The page of a rule up to its examples, without the block that is for machines.
fn markdown(rule: &Rule) -> String {
    let page = rule.page.split("\n## Findings").next().unwrap_or(&rule.page);
    let text = match page.split_once("```toml rule\n") {
        Some((before, rest)) => {
            before.to_owned() + rest.split_once("\n```\n").map_or("", |(_, after)| after.trim_start())
        }
        None => page.to_owned(),
    };
    text.trim_end().to_owned()
}

fn invocation(report: &Report, first: bool) -> Value {
    let (gaps, passed): (Vec<_>, Vec<_>) = report.coverage.skipped.iter().partition(|skip| skip.gap);
    let mut notes: Vec<Value> = Vec::new();
    if first {
        let notification = |id: &str, level: &str, text: String| json!({ "descriptor": { "id": id }, "level": level, "message": { "text": plain(&text) } });
        let gap = |skip: &&super::model::Skipped| {
            notification("not-read", "error", format!("Not read: {}: {}", skip.what(), visible(&skip.reason)))
        };
        notes.extend(gaps.iter().map(gap));
        let hidden = report
            .hidden()
            .map(|skip| notification("not-seen", "note", format!("Not seen: {}", visible(&skip.reason))));
        notes.extend(hidden);
        for (state, places) in report.places_by_state() {
            let text = format!("Places of this machine that are {}: {}", visible(state), places.len());
            notes.push(notification("places", "note", text));
        }
        let passed: Vec<_> = passed.into_iter().filter(|skip| !skip.is_hidden()).collect();
        if !passed.is_empty() {
            let text = format!("Passed over {} (links, git directories and the like)", count(passed.len(), "source"));
            notes.push(notification("passed-over", "note", text));
        }
    }
    json!({ "executionSuccessful": report.coverage.complete, "toolExecutionNotifications": notes })
}

/// Text without what SARIF takes for a link.
fn plain(text: &str) -> String {
    text.replace("](", "] (")
}

impl<'r> Results<'r> {
    fn new(findings: Vec<&'r Entry>, suppressed: Vec<&'r Permitted>, rules: &'r RuleSet) -> Results<'r> {
        let message = |one: &&'r Entry| (&*one.rule, Cow::Borrowed(&*one.message));
        let mut messages: BTreeMap<&str, Cow<'r, str>> = findings.iter().map(message).collect();
        for one in &suppressed {
            let known = || match rules.get(&one.rule) {
                Some(rule) => rule.message().into(),
                None => "A finding that a permission keeps back".into(),
            };
            messages.entry(&one.rule).or_insert_with(known);
        }
        let rules = messages.keys().enumerate().map(|(nth, id)| (*id, nth)).collect();
        Results { rules, messages, findings, suppressed }
    }

    fn finding(&self, finding: &Entry) -> Value {
        let at = &finding.location;
        let mut text = finding.sentences(!at.inner.is_empty() || at.is_history() || at.pid.is_some());
        text.push_str(&format!(" {}", visible(&finding.help)));
        let mut properties = json!({
            "confidence": finding.confidence,
            "evidence": visible(&finding.evidence),
            "liveness": finding.liveness,
            "snippet": visible(&finding.snippet),
        });
        if let Some(key) = &finding.key {
            properties["key"] = json!({ "id": key.id, "fingerprint": key.fingerprint, "format": key.format });
        }
        if let Some(commit) = at.commit() {
            properties["commit"] = commit.into();
        }
        self.result(
            &finding.rule,
            finding.severity.name(),
            &text,
            at,
            &finding.finding_id,
            Some(&finding.snippet),
            properties,
        )
    }

    fn suppressed(&self, one: &Permitted) -> Value {
        let text = self.messages.get(&*one.rule).map_or("", |message| message);
        let id = one.fingerprint.as_deref().unwrap_or(&one.rule);
        let mut result = self.result(&one.rule, "note", text, &one.location, id, None, json!({ "by": one.by }));
        result["suppressions"] = json!([{ "kind": if one.by == "inline" { "inSource" } else { "external" }, "justification": visible(&one.reason) }]);
        result
    }

    #[expect(clippy::too_many_arguments, reason = "they are the fields of a result")]
    fn result(
        &self,
        rule: &str,
        level: &str,
        text: &str,
        at: &Location,
        id: &str,
        snippet: Option<&str>,
        properties: Value,
    ) -> Value {
        let mut location = json!({ "logicalLocations": [{ "fullyQualifiedName": at.what(), "kind": "resource" }] });
        let mut fingerprints = json!({ "wandwardFinding/v1": id });
        if let Some(artifact) = artifact(at) {
            location["physicalLocation"] = json!({ "artifactLocation": artifact, "region": region(at, snippet) });
            fingerprints["primaryLocationLineHash"] = at.line_hash.clone().unwrap_or_else(|| hash_of(id)).into();
        }
        json!({
            "ruleId": visible(rule),
            "ruleIndex": self.rules.get(rule),
            "level": level,
            "message": { "text": plain(text) },
            "locations": [location],
            "partialFingerprints": fingerprints,
            "properties": properties,
        })
    }
}

/// What stands for the hash of a line where there is no line that code scanning could read.
fn hash_of(id: &str) -> String {
    line_hashes(id.as_bytes(), &BTreeSet::from([1])).remove(&1).unwrap_or_default()
}

/// Inside a container, and where nobody counts lines, the file as a whole stands for the place: its first line.
fn region(at: &Location, snippet: Option<&str>) -> Value {
    let Some(line) = at.line.filter(|_| at.inner.is_empty()) else { return json!({ "startLine": 1 }) };
    let mut region = json!({ "startLine": line.max(1) });
    for (name, number) in [("startColumn", at.column), ("endLine", at.end_line), ("endColumn", at.end_column)] {
        if let Some(number) = number {
            region[name] = number.max(1).into();
        }
    }
    if let Some(snippet) = snippet {
        region["snippet"] = json!({ "text": visible(snippet) });
    }
    region
}

/// The file that holds it. Code scanning takes no result without one, and none whose URI is neither relative nor a file's: what has
/// no path in a repository, a message of a commit or a tag, lies in an object, and stands where git keeps a loose one.
fn artifact(at: &Location) -> Option<Value> {
    let path = match (&at.object, &*at.raw_path()) {
        (_, path) if at.is_file() || at.is_history() && !path.is_empty() => path.to_vec(),
        (Some(object), _) if at.is_history() => {
            let (folder, name) = object.split_at_checked(2).unwrap_or((object.as_str(), ""));
            format!(".git/objects/{folder}/{name}").into_bytes()
        }
        _ => return None,
    };
    let repository = at.repository.as_deref().filter(|_| at.object.is_some()).unwrap_or(".");
    let path =
        if repository == "." { path } else { [repository.trim_end_matches('/').as_bytes(), b"/", &path].concat() };
    let path = path.strip_prefix(b"./").unwrap_or(&path);
    let encoded = encoded(path);
    Some(if path.starts_with(b"/") {
        json!({ "uri": format!("file://{encoded}") })
    } else {
        json!({ "uri": encoded, "uriBaseId": ROOT })
    })
}

/// A path as a URI reference has it.
fn encoded(path: &[u8]) -> String {
    let mut uri = String::with_capacity(path.len());
    for &byte in path {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}
