//! Writes an outcome to a writer. In: an outcome. Out: text. One file a format, each with its own shape; none holds a key,
//! since none is given one.

mod json;
mod pretty;
mod verdicts;

use std::io::{self, Write};
use std::time::Duration;

use serde_json::Value;

use crate::finding::{Asked, Finding, Outcome, visible};

/// What a reader of the report wants of it.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Colours.
    pub colour: bool,
    /// Columns of the terminal.
    pub width: usize,
    /// How long the scan took.
    pub took: Duration,
    /// List what a permission keeps back.
    pub suppressed: bool,
    /// List what was passed over without being asked for.
    pub verbose: bool,
    /// Findings only.
    pub quiet: bool,
    /// Leave out the findings, which were shown one by one.
    pub shown: bool,
}

/// A date as ISO 8601 has it, in the zone of whoever set it; of a date that no calendar holds the seconds since 1970.
fn date((seconds, ahead): (i64, i32)) -> String {
    let zone = jiff::tz::Offset::from_seconds(ahead.saturating_mul(60)).unwrap_or(jiff::tz::Offset::UTC);
    match jiff::Timestamp::from_second(seconds) {
        Ok(time) => time.display_with_offset(zone).to_string(),
        Err(_) => seconds.to_string(),
    }
}

/// Writes for people: one key, all its places, one remedy.
pub fn pretty(outcome: &Outcome, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    pretty::write(outcome, style, out)
}

/// Writes one JSON object.
pub fn json(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    json::write(outcome, &serde_json::Map::new(), out)
}

/// Likewise, with more at its end.
pub fn json_with(outcome: &Outcome, more: &serde_json::Map<String, Value>, out: &mut dyn Write) -> io::Result<()> {
    json::write(outcome, more, out)
}

/// Writes for people what servers say of the keys that were found.
pub fn verdicts(outcome: &Outcome, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    verdicts::write(outcome, style, out)
}

/// Writes one finding as a line of JSON.
pub fn jsonl_finding(finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    json::write_finding(finding, &Outcome::default(), out)
}

/// Likewise, with what servers say of its key.
pub fn jsonl_asked(finding: &Finding, outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    json::write_finding(finding, outcome, out)
}

/// Writes the last line of a JSON-lines report.
pub fn jsonl_coverage(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    json::write_coverage(outcome, out)
}

/// What a server says of a key, in one line: `live: user ada (user account); entity acme, at https://api.wandb.ai`.
fn said(asked: &Asked) -> String {
    let mut parts = Vec::new();
    if let Some(owner) = &asked.owner {
        let account = owner.account.as_deref().map(|kind| format!(" ({kind} account)")).unwrap_or_default();
        let user = owner.user.as_deref().unwrap_or("of no name");
        parts.push(format!("user {user}{account}"));
        if owner.admin == Some(true) {
            parts.push("an administrator".to_owned());
        }
        parts.extend(owner.entity.as_ref().map(|entity| format!("entity {entity}")));
        if !owner.teams.is_empty() {
            parts.push(format!("teams {}", owner.teams.join(", ")));
        }
    } else {
        parts.push(asked.reason.clone());
    }
    let server =
        asked.server.as_ref().map(|server| format!("; server {server} ({})", asked.named_by)).unwrap_or_default();
    visible(&format!("{}: {}{server}", asked.liveness.name(), parts.join("; "))).into_owned()
}
