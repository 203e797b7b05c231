//! What every format says, and what `json` and `jsonl` (schema version 1) hold: fields may be added, none changes its meaning.
//! In: an outcome, or a saved report. Out: a report that owns its text, of which nothing is a key.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::step::Step;
use crate::rule::Severity;

/// The schema that this version writes and reads.
pub(super) const SCHEMA: u64 = 1;

/// Fields that this version does not know: they are kept when a report is written again.
pub(super) type More = BTreeMap<String, Value>;

/// A report: of one scan, or of several put together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    pub(super) schema_version: u64,
    pub(super) tool: Tool,
    pub(super) findings: Vec<Entry>,
    #[serde(default)]
    pub(super) suppressed: Vec<Permitted>,
    /// The places of machines that were looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) places: Vec<Place>,
    /// What was done to keys, by the verbs that do something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) steps: Option<Vec<Step>>,
    pub(super) coverage: Looked,
    #[serde(flatten)]
    pub(super) more: More,
}

/// Which program wrote it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) version: String,
}

impl Tool {
    pub(super) fn this() -> Tool {
        Tool { name: env!("CARGO_PKG_NAME").to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

/// A finding.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) finding_id: String,
    pub(super) rule: Arc<str>,
    #[serde(serialize_with = "name")]
    pub(super) severity: Severity,
    pub(super) confidence: String,
    pub(super) message: Arc<str>,
    #[serde(default)]
    pub(super) evidence: String,
    pub(super) location: Location,
    pub(super) key: Option<Key>,
    #[serde(default)]
    pub(super) also: Vec<Also>,
    #[serde(default = "unchecked")]
    pub(super) liveness: String,
    /// What decides about that.
    #[serde(flatten)]
    pub(super) answer: Option<Answer>,
    /// What each server says, where several were asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) answers: Vec<Answer>,
    pub(super) snippet: String,
    /// Which characters of the snippet are the point.
    #[serde(default)]
    pub(super) mark: Option<[usize; 2]>,
    pub(super) help: Arc<str>,
    #[serde(flatten)]
    pub(super) more: More,
}

/// What a server says of a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) server: Option<String>,
    pub(super) server_named_by: String,
    pub(super) owner: Option<Owner>,
    pub(super) liveness_reason: String,
    /// The verdict of this server.
    pub(super) answer: String,
}

/// Whose a live key is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Owner {
    pub(super) user: Option<String>,
    pub(super) entity: Option<String>,
    #[serde(default)]
    pub(super) teams: Vec<String>,
    pub(super) account_type: Option<String>,
    pub(super) admin: Option<bool>,
}

/// Where it is. What is null and what is missing are two things: a blob without a known commit has a null one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Location {
    pub(super) kind: String,
    #[serde(default)]
    pub(super) path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path_raw: Option<String>,
    pub(super) line: Option<u64>,
    pub(super) column: Option<u64>,
    pub(super) end_line: Option<u64>,
    pub(super) end_column: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cell: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cell_line: Option<u64>,
    /// What code scanning knows the line by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) line_hash: Option<String>,
    #[serde(default)]
    pub(super) inner: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) repository: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) object: Option<String>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(super) commit: Option<Option<String>>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(super) author: Option<Option<String>>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(super) date: Option<Option<String>>,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub(super) reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refs: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reachable: Option<bool>,
    /// Whether the file at this path is the blob.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) checked_out: bool,
    /// Of a process: its id, and what its system tells of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pid: Option<u32>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(super) ppid: Option<Option<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parent: Option<String>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) started: Option<String>,
    /// Which argument, counted from the program itself, which is 0; or which variable of the environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) argument: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) variable: Option<String>,
    /// How many more references and places there are than are named.
    #[serde(default, skip_serializing_if = "is_none")]
    pub(super) more_refs: usize,
    #[serde(default, skip_serializing_if = "is_none")]
    pub(super) more_places: usize,
    #[serde(flatten)]
    pub(super) more: More,
}

/// Another place of the same blob.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Also {
    pub(super) kind: String,
    pub(super) commit: String,
    pub(super) path: String,
    pub(super) line: Option<u64>,
    #[serde(flatten)]
    pub(super) more: More,
}

/// What may be said of a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) format: String,
    pub(super) prefix: Option<String>,
    pub(super) id: String,
    pub(super) fingerprint: String,
}

/// A finding that a permission keeps back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Permitted {
    pub(super) rule: Arc<str>,
    pub(super) location: Location,
    pub(super) fingerprint: Option<String>,
    pub(super) by: String,
    pub(super) reason: String,
    #[serde(flatten)]
    pub(super) more: More,
}

/// A place of a machine, and what was found there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) place: String,
    pub(super) path: String,
    pub(super) state: String,
    #[serde(flatten)]
    pub(super) more: More,
}

/// What was looked at.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Looked {
    pub(super) complete: bool,
    /// The kinds of scan.
    #[serde(default)]
    pub(super) scans: Vec<String>,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) objects: u64,
    /// Those of them that were not read again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) objects_known_clean: u64,
    #[serde(default)]
    pub(super) processes: u64,
    /// Those that are known to run.
    #[serde(default)]
    pub(super) processes_known: u64,
    #[serde(default)]
    pub(super) skipped: Vec<Skipped>,
    #[serde(flatten)]
    pub(super) more: More,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What was not.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Skipped {
    /// The kind of source, where it is no file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<String>,
    pub(super) path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path_raw: Option<String>,
    /// The object of a git repository, where there is no path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) object: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) inner: Vec<String>,
    pub(super) reason: String,
    pub(super) gap: bool,
}

fn is_none(number: &usize) -> bool {
    *number == 0
}

fn unchecked() -> String {
    "unchecked".to_owned()
}

fn name<S: Serializer>(severity: &Severity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(severity.name())
}

/// A field that is there, null or not.
fn present<'d, D: Deserializer<'d>, T: Deserialize<'d>>(field: D) -> Result<Option<T>, D::Error> {
    T::deserialize(field).map(Some)
}
