//! What formats for people say of a report, in words that all of them share. In: a report. Out: places, sentences, counts; text
//! that acts nowhere, of which nothing is a key.

use std::borrow::Cow;
use std::collections::BTreeMap;

use data_encoding::BASE64;

use super::model::{Answer, Entry, Key, Location, Looked, Place, Report, Skipped};
use crate::blob;
use crate::finding::{LEAVES_OUT, State, visible};
use crate::rule::Severity;

/// A path from a folder as one from where the path of that folder begins; one from a root stays as it is.
fn joined(folder: &[u8], path: &[u8]) -> Vec<u8> {
    if path.starts_with(b"/") || path.get(1) == Some(&b':') {
        return path.to_vec();
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in folder.split(|byte| *byte == b'/').chain(path.split(|byte| *byte == b'/')) {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    if parts.is_empty() { b".".to_vec() } else { parts.join(&b'/') }
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

    /// Tells it from the top of a working tree instead of from the folder `here` below that.
    pub(super) fn tell_from_top(&mut self, here: &[u8]) {
        if matches!(self.kind.as_str(), "file" | "staged") && self.repository.is_none() {
            let path = joined(here, &self.raw_path());
            self.path = blob::display(&path).into_owned();
            self.path_raw = self.path_raw.take().map(|_| BASE64.encode(&path));
        }
        if let Some(repository) = &mut self.repository {
            *repository = blob::display(&joined(here, repository.as_bytes())).into_owned();
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

    /// Whether it is a configuration that leaves something out, which nobody is to overlook.
    pub(super) fn leaves_out(&self) -> bool {
        !self.gap && self.reason.starts_with(LEAVES_OUT)
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

    /// What servers say of its key, if they were asked: the answers of all of them.
    pub(super) fn verdicts(&self) -> Vec<String> {
        let one = self.answer.iter().filter(|_| self.answers.is_empty());
        self.answers.iter().chain(one).map(Answer::said).collect()
    }

    /// The message, the key, what servers say of it, and, unless the reader sees it, the place: whole sentences.
    pub(super) fn sentences(&self, placed: bool) -> String {
        let mut text = self.sentence() + ".";
        if let Some(key) = &self.key {
            text.push_str(&format!(" The key is {}.", key.named()));
        }
        self.verdicts().iter().for_each(|verdict| text.push_str(&format!(" Asked, its server says: {verdict}.")));
        if placed {
            text.push_str(&format!(" It stands at {}.", self.at()));
        }
        text
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
        let objects = self.objects.saturating_sub(self.objects_known_clean);
        let known = match self.objects_known_clean {
            0 => String::new(),
            known => format!(" Known to be clean: {known} more."),
        };
        format!("Files read: {}. Git objects read: {objects}.{known}{processes}", self.files)
    }
}

/// A name without the keys in it, as a scan shows it.
pub(super) fn path(name: &str) -> String {
    blob::display(name.as_bytes()).into_owned()
}
