//! A saved report is read again. In: the bytes of a file, which may be anybody's. Out: a report as a scan could have made it,
//! with no key shape and no e-mail address; or an error that repeats nothing of the file.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use data_encoding::BASE64;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::error::Category;

use super::merge;
use super::model::{Answer, Entry, Location, Looked, More, Place, Report, SCHEMA, Skipped, Tool};
use super::said;
use super::step::Step;
use crate::blob;
use crate::finding::{visible, without_addresses, without_key_shapes};

/// Why a file is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not JSON.
    #[error("is not JSON (line {0}, column {1})")]
    Syntax(usize, usize),
    /// It ends too early.
    #[error("is cut off: the JSON ends in the middle")]
    CutOff,
    /// JSON of another kind.
    #[error("is no report of wandward: {0} (line {1}, column {2})")]
    Foreign(String, usize, usize),
    /// A report of another time.
    #[error("has schema version {0}, and this version of wandward reads {SCHEMA}")]
    Schema(u64),
}

impl ReadError {
    /// The error of a parser, which began at that line of the file.
    fn of(error: &serde_json::Error, line: usize) -> ReadError {
        let line = line + error.line().saturating_sub(1);
        match error.classify() {
            Category::Eof => ReadError::CutOff,
            Category::Data => {
                // Of what the parser says only this repeats nothing of the file.
                let said = error.to_string();
                let missing =
                    said.starts_with("missing field").then(|| said.split(" at line").next().map(str::to_owned));
                let what = missing.flatten().unwrap_or_else(|| "a field is not of its kind".to_owned());
                ReadError::Foreign(what, line, error.column())
            }
            Category::Syntax | Category::Io => ReadError::Syntax(line, error.column()),
        }
    }
}

/// As much of an object as tells what it is.
#[derive(Deserialize)]
struct Peek {
    schema_version: Option<Value>,
    finding_id: Option<IgnoredAny>,
    coverage: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Last {
    #[serde(default)]
    places: Vec<Place>,
    #[serde(default)]
    steps: Option<Vec<Step>>,
    coverage: Looked,
    #[serde(flatten)]
    more: More,
}

impl Report {
    /// Reads a report of `json` or `jsonl`, in UTF-8 or as PowerShell redirects it. One in lines that lacks the last of them
    /// is incomplete, and says so under the `name` of the file.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Report, ReadError> {
        let text = utf8(bytes);
        let bytes = text.as_deref().unwrap_or(bytes);
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let whole: Result<Peek, _> = serde_json::from_slice(bytes);
        let mut report = match whole {
            Ok(Peek { schema_version: Some(version), .. }) => {
                match version.as_u64() {
                    Some(SCHEMA) => {}
                    Some(version) => return Err(ReadError::Schema(version)),
                    None => return Err(ReadError::Foreign("its schema version is no number".to_owned(), 1, 1)),
                }
                serde_json::from_slice(bytes).map_err(|error| ReadError::of(&error, 1))?
            }
            Ok(Peek { finding_id: None, coverage: None, .. }) => {
                return Err(ReadError::Foreign("it has no `schema_version`".to_owned(), 1, 1));
            }
            // One line, or what follows the first object is another.
            Ok(_) => lines(name, bytes)?,
            Err(error) if error.is_syntax() && first_is_an_object(bytes) => lines(name, bytes)?,
            Err(_) if bytes.trim_ascii().is_empty() => return Err(ReadError::CutOff),
            Err(error) => return Err(ReadError::of(&error, 1)),
        };
        Tidy::default().report(&mut report);
        Ok(report)
    }
}

/// UTF-16 with its mark, as UTF-8.
fn utf8(bytes: &[u8]) -> Option<Vec<u8>> {
    let (units, read): (_, fn([u8; 2]) -> u16) = match bytes {
        [0xFF, 0xFE, units @ ..] => (units, u16::from_le_bytes),
        [0xFE, 0xFF, units @ ..] => (units, u16::from_be_bytes),
        _ => return None,
    };
    let units = units.chunks_exact(2).map(|unit| read([unit[0], unit[1]]));
    let characters = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
    Some(characters.collect::<String>().into_bytes())
}

fn first_is_an_object(bytes: &[u8]) -> bool {
    let first = bytes.split(|&b| b == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    serde_json::from_slice::<Peek>(first).is_ok()
}

/// Reads findings one a line, and behind them what was looked at.
fn lines(name: &str, bytes: &[u8]) -> Result<Report, ReadError> {
    let mut findings: Vec<Entry> = Vec::new();
    let mut coverage: Option<Looked> = None;
    let (mut places, mut steps, mut more): (_, Option<Vec<Step>>, _) = (Vec::new(), None, More::new());
    for (nth, line) in bytes.split(|&b| b == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let wrong = |error: serde_json::Error| ReadError::of(&error, nth + 1);
        let peek: Peek = serde_json::from_slice(line).map_err(wrong)?;
        if peek.coverage.is_some() {
            let last: Last = serde_json::from_slice(line).map_err(wrong)?;
            places.extend(last.places);
            merge::steps(&mut steps, last.steps);
            merge::more(&mut more, last.more);
            let last = last.coverage;
            match &mut coverage {
                Some(coverage) => merge::looked(coverage, last),
                None => coverage = Some(last),
            }
        } else {
            findings.push(serde_json::from_slice(line).map_err(wrong)?);
        }
    }
    let coverage = coverage.unwrap_or_else(|| Looked {
        skipped: vec![Skipped {
            path: name.to_owned(),
            reason: "the report ends before it says what was looked at, so the scan did not end".to_owned(),
            gap: true,
            ..Skipped::default()
        }],
        ..Looked::default()
    });
    let tool = Tool::this();
    let suppressed = Vec::new();
    let mut report = Report { schema_version: SCHEMA, tool, findings, suppressed, places, steps, coverage, more };
    merge::sort(&mut report);
    Ok(report)
}

/// Makes of what a file says what a scan could have said.
#[derive(Default)]
struct Tidy {
    /// What many findings say alike is held once.
    words: HashSet<Arc<str>>,
}

impl Tidy {
    fn report(&mut self, report: &mut Report) {
        text(&mut report.tool.name);
        text(&mut report.tool.version);
        more(&mut report.more);
        for finding in &mut report.findings {
            self.entry(finding);
        }
        for one in &mut report.suppressed {
            self.word(&mut one.rule);
            location(&mut one.location);
            one.fingerprint.iter_mut().for_each(text);
            text(&mut one.by);
            text(&mut one.reason);
            more(&mut one.more);
        }
        for place in &mut report.places {
            text(&mut place.place);
            path(&mut place.path);
            text(&mut place.state);
            more(&mut place.more);
        }
        for step in report.steps.iter_mut().flatten() {
            let Step { id, fingerprint, server, step, result, reason, more: new } = step;
            [id, fingerprint, step, result, reason].into_iter().chain(server).for_each(text);
            more(new);
        }
        let coverage = &mut report.coverage;
        coverage.scans.iter_mut().for_each(text);
        more(&mut coverage.more);
        for skip in &mut coverage.skipped {
            skip.kind.iter_mut().for_each(text);
            path(&mut skip.path);
            raw(&mut skip.path_raw);
            skip.object.iter_mut().for_each(id);
            skip.inner.iter_mut().for_each(path);
            text(&mut skip.reason);
        }
        coverage.complete &= !coverage.skipped.iter().any(|skip| skip.gap);
    }

    fn entry(&mut self, finding: &mut Entry) {
        for word in [&mut finding.rule, &mut finding.message, &mut finding.help] {
            self.word(word);
        }
        for said in [&mut finding.finding_id, &mut finding.confidence, &mut finding.evidence, &mut finding.liveness] {
            line(said);
        }
        location(&mut finding.location);
        if let Some(key) = &mut finding.key {
            for said in [&mut key.format, &mut key.id, &mut key.fingerprint].into_iter().chain(&mut key.prefix) {
                text(said);
            }
        }
        finding.answer.iter_mut().chain(&mut finding.answers).for_each(answer);
        for place in &mut finding.also {
            text(&mut place.kind);
            id(&mut place.commit);
            path(&mut place.path);
            more(&mut place.more);
        }
        let characters = finding.snippet.chars().count();
        line(&mut finding.snippet);
        if finding.snippet.chars().count() != characters {
            finding.mark = None;
        }
        more(&mut finding.more);
    }

    fn word(&mut self, word: &mut Arc<str>) {
        let shown = visible(&shown(word)).into_owned();
        *word = match self.words.get(shown.as_str()) {
            Some(word) => Arc::clone(word),
            None => {
                let word: Arc<str> = shown.into();
                self.words.insert(Arc::clone(&word));
                word
            }
        };
    }
}

fn answer(said: &mut Answer) {
    let Answer { server, server_named_by, owner, liveness_reason, answer } = said;
    [server_named_by, liveness_reason, answer].into_iter().chain(server).for_each(text);
    if let Some(owner) = owner {
        let words = owner.user.iter_mut().chain(&mut owner.entity).chain(&mut owner.account_type);
        words.chain(&mut owner.teams).for_each(text);
    }
}

fn location(at: &mut Location) {
    text(&mut at.kind);
    path(&mut at.path);
    raw(&mut at.path_raw);
    at.inner.iter_mut().for_each(path);
    at.repository.iter_mut().for_each(path);
    at.object.iter_mut().chain(at.commit.iter_mut().flatten()).for_each(id);
    at.parent.iter_mut().chain(&mut at.variable).for_each(path);
    let words = at.author.iter_mut().chain(&mut at.date).chain(&mut at.user).flatten();
    let words = words.chain(&mut at.started).chain(&mut at.reference);
    words.chain(at.refs.iter_mut().flatten()).for_each(text);
    let is_hash = |hash: &String| {
        let (digits, count) = hash.split_once(':').unwrap_or_default();
        let hex = !digits.is_empty() && digits.len() <= 16 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        hex && count.parse::<u64>().is_ok_and(|count| count > 0)
    };
    at.line_hash = at.line_hash.take().filter(is_hash);
    more(&mut at.more);
}

fn shown(said: &str) -> String {
    without_addresses(&without_key_shapes(said)).into_owned()
}

fn text(said: &mut String) {
    *said = shown(said);
}

/// Text that a scan spells out.
fn line(said: &mut String) {
    *said = visible(&shown(said)).into_owned();
}

fn path(name: &mut String) {
    *name = said::path(name);
}

/// An object id stays one: no scan could tell it from a key.
fn id(id: &mut String) {
    let is_id = matches!(id.len(), 40 | 64) && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !is_id {
        text(id);
    }
}

fn raw(raw: &mut Option<String>) {
    let bytes = raw.take().and_then(|raw| BASE64.decode(raw.as_bytes()).ok());
    *raw = bytes.map(|bytes| BASE64.encode(&blob::without_keys(&bytes)));
}

/// What this version does not know, it still shows to nobody as it is.
fn more(fields: &mut More) {
    let old = std::mem::take(fields);
    *fields = old.into_iter().map(|(name, field)| (shown(&name), value(field))).collect::<BTreeMap<_, _>>();
}

fn value(field: Value) -> Value {
    match field {
        Value::String(said) => Value::String(shown(&said)),
        Value::Array(fields) => fields.into_iter().map(value).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, field)| (shown(&name), value(field))).collect(),
        other => other,
    }
}
