//! What every format says, and what `json` and `jsonl` (schema version 1) hold: fields may be added, none changes its meaning.
//! In: an outcome, or a saved report. Out: a report that owns its text, of which nothing is a key.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::blob;
use crate::finding::{State, visible};
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
#[derive(Clone, Debug, Serialize, Deserialize)]
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

impl Location {
    /// The path as bytes.
    pub(super) fn raw_path(&self) -> Cow<'_, [u8]> {
        let raw = self.path_raw.as_ref().and_then(|raw| BASE64.decode(raw.as_bytes()).ok());
        raw.map_or(Cow::Borrowed(self.path.as_bytes()), Cow::Owned)
    }

    /// Whether it is a file that a reader of the report may have at hand under that path.
    pub(super) fn is_file(&self) -> bool {
        matches!(self.kind.as_str(), "file" | "staged") || self.kind == "stdin" && self.path != "-"
    }

    /// The path of the file that a reader may have at hand, if there is one; of a checked out blob with that of its repository.
    pub(super) fn file(&self) -> Option<Cow<'_, str>> {
        match self.repository.as_deref() {
            _ if self.is_file() => Some(Cow::Borrowed(&self.path)),
            _ if !self.checked_out => None,
            None | Some(".") => Some(Cow::Borrowed(&self.path)),
            Some(repository) => Some(Cow::Owned(format!("{}/{}", repository.trim_end_matches('/'), self.path))),
        }
    }

    /// Whether it is in the history of a repository.
    pub(super) fn is_history(&self) -> bool {
        matches!(self.kind.as_str(), "blob" | "commit" | "tag" | "note" | "ref" | "reflog" | "git-config")
    }

    pub(super) fn commit(&self) -> Option<&str> {
        self.commit.as_ref()?.as_deref()
    }

    /// `path!member`, or what has no path by what it is.
    pub(super) fn what(&self) -> String {
        if let Some(pid) = self.pid {
            return format!("process {pid} ({})", visible(&self.path));
        }
        let inner: String = self.inner.iter().map(|name| format!("!{name}")).collect();
        let what = match (self.kind.as_str(), self.commit(), self.object.as_deref()) {
            ("commit", Some(commit), _) => format!("commit {}", short(commit)),
            (kind, _, Some(object)) if self.path.is_empty() => format!("{kind} {}", short(object)),
            (kind, ..) if self.path.is_empty() => kind.to_owned(),
            _ => self.path.clone(),
        };
        visible(&(what + &inner)).into_owned()
    }

    /// `path:line:column`, with the cell of a notebook behind the column; of a process, which part of it.
    pub(super) fn place(&self) -> String {
        let place = match (self.line, self.column) {
            (Some(line), Some(column)) => format!(":{line}:{column}"),
            (Some(line), None) => format!(":{line}"),
            (None, _) => String::new(),
        };
        let cell = match (self.cell, self.cell_line) {
            (Some(cell), Some(line)) => format!(" (cell {cell}, line {line})"),
            _ => String::new(),
        };
        let part = match (self.argument, &self.variable) {
            (Some(nth), _) => format!(", argument {nth}"),
            (_, Some(name)) => format!(", variable {}", visible(name)),
            _ => String::new(),
        };
        self.what() + &place + &cell + &part
    }

    /// Of a process: who runs it, since when, and what started it.
    fn who(&self) -> Vec<String> {
        let mut said = Vec::new();
        if self.pid.is_none() {
            return said;
        }
        said.extend(self.user.iter().flatten().map(|user| format!("user {}", visible(user))));
        said.extend(self.started.iter().map(|started| format!("since {}", visible(started))));
        if let Some(ppid) = self.ppid.flatten() {
            let name = self.parent.as_ref().map(|name| format!(" ({})", visible(name)));
            said.push(format!("parent {ppid}{}", name.unwrap_or_default()));
        }
        said
    }
}

/// An object id as people cut it.
pub(super) fn short(id: &str) -> &str {
    const LENGTH: usize = 10;
    id.get(..LENGTH).unwrap_or(id)
}

impl Skipped {
    /// Whether a system hides it, so that nobody could have asked for it.
    pub(super) fn is_hidden(&self) -> bool {
        !self.gap && self.kind.as_deref() == Some("process")
    }

    /// `path!member`, or the object.
    pub(super) fn what(&self) -> String {
        let inner: String = self.inner.iter().map(|name| format!("!{name}")).collect();
        let what = match &self.object {
            Some(object) if self.path.is_empty() => format!("object {}", short(object)),
            _ => self.path.clone(),
        };
        visible(&(what + &inner)).into_owned()
    }
}

impl Entry {
    /// The rule's message and what it rests on, as a sentence without a full stop.
    pub(super) fn sentence(&self) -> String {
        let message = visible(&self.message);
        match visible(&self.evidence) {
            evidence if evidence.is_empty() => message.into_owned(),
            evidence => format!("{message}: {evidence}"),
        }
    }

    /// Where in the history of a repository: which commit introduced it, who still holds it, where else it lies. Of a
    /// process who runs it.
    pub(super) fn history(&self) -> Vec<String> {
        let at = &self.location;
        let mut said = at.who();
        if at.object.is_none() {
            return said;
        }
        if let Some(commit) = at.commit() {
            let date = at.date.iter().flatten().next().map_or("", String::as_str);
            let day = date.split('T').next().unwrap_or_default();
            let author = at.author.iter().flatten().next().map_or("", String::as_str);
            let by = format!("by {} on {day}", visible(author));
            said.push(if at.kind == "commit" { by } else { format!("{} {by}", short(commit)) });
        }
        let refs = at.refs.as_deref().unwrap_or_default();
        match refs.len() + at.more_refs {
            0 if at.kind == "staged" => said.push("in the index".to_owned()),
            0 if at.reachable == Some(false) => {
                said.push("unreachable, but still in this object database".to_owned());
            }
            0 => {}
            many => {
                const SHOWN: usize = 3;
                let named: Vec<String> = refs.iter().take(SHOWN).map(|name| branch(name)).collect();
                let more = if many > SHOWN { format!(" and {} more", many - SHOWN) } else { String::new() };
                said.push(format!("held by {}{more}", named.join(", ")));
            }
        }
        if !self.also.is_empty() {
            said.push(format!("and in {}", count(self.also.len() + at.more_places, "more place")));
        }
        said
    }

    /// Its place, and where that lies in history, or who runs it.
    pub(super) fn at(&self) -> String {
        match self.history() {
            said if said.is_empty() => self.location.place(),
            said => format!("{} ({})", self.location.place(), said.join("; ")),
        }
    }

    /// The bytes of the snippet that are the point.
    pub(super) fn marked(&self) -> std::ops::Range<usize> {
        let [start, end] = self.mark.unwrap_or([0, usize::MAX]);
        let byte = |nth: usize| self.snippet.char_indices().nth(nth).map_or(self.snippet.len(), |(at, _)| at);
        byte(start)..byte(end).max(byte(start))
    }
}

impl Key {
    /// `legacy key 1f3a…, ww1-…`.
    pub(super) fn named(&self) -> String {
        let prefix = self.prefix.as_ref().map(|prefix| format!(" of `{}`", visible(prefix))).unwrap_or_default();
        format!("{} key {}{prefix}, {}", visible(&self.format), visible(&self.id), visible(&self.fingerprint))
    }
}

impl Answer {
    /// `live: user ada (user account); entity acme; server https://api.wandb.ai (…)`.
    pub(super) fn said(&self) -> String {
        let mut parts = Vec::new();
        if let Some(owner) = &self.owner {
            let account = owner.account_type.as_deref().map(|kind| format!(" ({kind} account)")).unwrap_or_default();
            parts.push(format!("user {}{account}", owner.user.as_deref().unwrap_or("of no name")));
            if owner.admin == Some(true) {
                parts.push("an administrator".to_owned());
            }
            parts.extend(owner.entity.as_ref().map(|entity| format!("entity {entity}")));
            if !owner.teams.is_empty() {
                parts.push(format!("teams {}", owner.teams.join(", ")));
            }
        } else {
            parts.push(self.liveness_reason.clone());
        }
        parts.extend(self.server.as_ref().map(|server| format!("server {server} ({})", self.server_named_by)));
        visible(&format!("{}: {}", self.answer, parts.join("; "))).into_owned()
    }
}

/// A reference as people call it.
fn branch(name: &str) -> String {
    let name = visible(name);
    ["refs/heads/", "refs/tags/", "refs/"].iter().find_map(|at| name.strip_prefix(at)).unwrap_or(&name).to_owned()
}

/// `1 place`, `2 places`.
pub(super) fn count(number: usize, what: &str) -> String {
    let plural = match number {
        1 => "",
        _ if what.ends_with('s') => "es",
        _ => "s",
    };
    format!("{number} {what}{plural}")
}

/// The findings by key, in the order of their first places; a finding without a key stands for itself.
pub(super) fn grouped(findings: &[Entry]) -> Vec<Vec<&Entry>> {
    let mut groups: Vec<Vec<&Entry>> = Vec::new();
    let mut by_key: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in findings {
        match finding.key.as_ref().map(|key| key.fingerprint.as_str()) {
            Some(key) => match by_key.get(key) {
                Some(&at) => groups[at].push(finding),
                None => {
                    by_key.insert(key, groups.len());
                    groups.push(vec![finding]);
                }
            },
            None => groups.push(vec![finding]),
        }
    }
    groups
}

/// What the findings come to: `2 exposed keys in 3 places, 1 warning`.
pub(super) fn tally(report: &Report) -> String {
    let findings = &report.findings;
    let keys = grouped(findings).iter().filter(|places| places[0].key.is_some()).count();
    let places = findings.iter().filter(|finding| finding.key.is_some()).count();
    let mut said = Vec::new();
    if keys > 0 {
        said.push(format!("{} in {}", count(keys, "exposed key"), count(places, "place")));
    }
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        match findings.iter().filter(|finding| finding.key.is_none() && finding.severity == severity).count() {
            0 => {}
            many => said.push(count(many, severity.name())),
        }
    }
    if said.is_empty() {
        let complete = report.coverage.complete;
        said.push(if complete { "No exposed keys" } else { "No exposed keys in what was read" }.to_owned());
    }
    said.join(", ")
}

impl Report {
    /// The places of machines, by what was found there: the states that matter most first.
    pub(super) fn places_by_state(&self) -> Vec<(&str, Vec<&Place>)> {
        let mut states: Vec<(&str, Vec<&Place>)> = [State::Found, State::NotReadable, State::Clean, State::Absent]
            .map(|state| (state.name(), Vec::new()))
            .into();
        for place in &self.places {
            match states.iter_mut().find(|(state, _)| *state == place.state) {
                Some((_, places)) => places.push(place),
                None => states.push((&place.state, vec![place])),
            }
        }
        states.retain(|(_, places)| !places.is_empty());
        states
    }

    /// What systems hid.
    pub(super) fn hidden(&self) -> impl Iterator<Item = &Skipped> {
        self.coverage.skipped.iter().filter(|skip| skip.is_hidden())
    }
}

impl Looked {
    /// What was read, in a few sentences.
    pub(super) fn sentences(&self) -> String {
        let processes = match self.processes_known {
            0 => String::new(),
            known => format!(" Processes seen: {} of {known}.", self.processes),
        };
        format!("Files read: {}. Git objects read: {}.{processes}", self.files, self.objects)
    }
}

/// A name without the keys in it, as a scan shows it.
pub(super) fn path(name: &str) -> String {
    blob::display(name.as_bytes()).into_owned()
}
