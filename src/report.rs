//! Writes a report to a writer. In: what a scan found, or saved reports. Out: text. One file a format, each with its own
//! shape; none holds a key, since none is given one, and none anything that would act where it is read.

mod codequality;
mod csv;
mod github;
mod gitlab;
mod html;
mod junit;
mod markdown;
mod merge;
mod model;
mod pretty;
mod read;
mod said;
mod sarif;
mod step;
mod take;
mod verdicts;

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use crate::finding::{Finding, Outcome, acts};
use crate::rule::{RuleSet, Severity};
pub use model::Report;
pub use read::ReadError;
pub use step::Step;

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// For people at a terminal.
    Pretty,
    /// One JSON object.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// SARIF 2.1.0.
    Sarif,
    /// Workflow commands of GitHub Actions.
    Github,
    /// A secret detection report of GitLab.
    Gitlab,
    /// A code quality report of GitLab.
    Codequality,
    /// JUnit XML.
    Junit,
    /// A table.
    Csv,
    /// A page for a pull request or a step summary.
    Markdown,
    /// A page for a browser.
    Html,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 11] = [
        Format::Pretty,
        Format::Json,
        Format::Jsonl,
        Format::Sarif,
        Format::Github,
        Format::Gitlab,
        Format::Codequality,
        Format::Junit,
        Format::Csv,
        Format::Markdown,
        Format::Html,
    ];

    /// The word on the command line, and what it is.
    pub fn name(self) -> (&'static str, &'static str) {
        match self {
            Format::Pretty => ("pretty", "For people"),
            Format::Json => ("json", "One JSON object"),
            Format::Jsonl => ("jsonl", "One JSON object a line, as found"),
            Format::Sarif => ("sarif", "SARIF 2.1.0, for code scanning"),
            Format::Github => ("github", "Annotations of a GitHub Actions run"),
            Format::Gitlab => ("gitlab", "A secret detection report for GitLab"),
            Format::Codequality => ("codequality", "A code quality report for GitLab"),
            Format::Junit => ("junit", "JUnit XML"),
            Format::Csv => ("csv", "A table, safe to open in a spreadsheet"),
            Format::Markdown => ("markdown", "A page for a pull request or a step summary"),
            Format::Html => ("html", "A page for a browser, one file without scripts"),
        }
    }

    /// The format of that name.
    pub fn named(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.name().0 == name)
    }
}

/// What a reader of the report wants of it.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Colours.
    pub colour: bool,
    /// Columns of the terminal.
    pub width: usize,
    /// How long the scan took, if it was just made.
    pub took: Option<Duration>,
    /// Seconds since 1970 at the end of the scan, for the formats that ask for a time.
    pub now: i64,
    /// List what a permission keeps back.
    pub suppressed: bool,
    /// List what was passed over without being asked for.
    pub verbose: bool,
    /// Findings, and what could not be read.
    pub quiet: bool,
    /// Leave out the findings, which were shown one by one.
    pub shown: bool,
    /// The most annotations of a GitHub Actions run; the rest is counted.
    pub annotations: usize,
}

/// Writes for people what servers say of the keys that were found.
pub fn verdicts(outcome: &Outcome, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    verdicts::write(outcome, style, out)
}

/// Writes a page for the summary of a step: the report, cut off at the end of a line, and beneath it what was done. It has at
/// most so many bytes.
pub fn summary(report: &Report, done: &[String], most: usize, out: &mut dyn Write) -> io::Result<()> {
    markdown::summary(report, done, most, out)
}

/// The place of a finding, for people.
pub fn at(finding: &Finding) -> String {
    model::Entry::from(finding.clone()).at()
}

impl Report {
    /// The severity of the worst finding.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// Whether a server takes one of the keys.
    pub fn has_live_key(&self) -> bool {
        self.findings.iter().any(|finding| finding.liveness == "live")
    }

    /// How many findings there are, and how many more a permission keeps back.
    pub fn counts(&self) -> (usize, usize) {
        (self.findings.len(), self.suppressed.len())
    }

    /// Marks the findings in blobs that are checked out: `objects` says of paths which objects lie at them.
    pub fn checked_out(&mut self, objects: impl FnOnce(&BTreeSet<&[u8]>) -> HashMap<Vec<u8>, String>) {
        let is_blob = |at: &model::Location| at.kind == "blob" && !at.path.is_empty();
        let paths: Vec<_> = self.findings.iter().map(|one| &one.location).filter(|at| is_blob(at)).collect();
        let paths: Vec<_> = paths.into_iter().map(model::Location::raw_path).collect();
        let there = objects(&paths.iter().map(|path| &**path).collect());
        for at in self.findings.iter_mut().map(|one| &mut one.location) {
            at.checked_out = is_blob(at) && at.object.is_some() && there.get(&*at.raw_path()) == at.object.as_ref();
        }
    }

    /// Tells places as they lie from the top of a working tree. Before, they are told from the folder `here` below it.
    pub fn tell_from_top(&mut self, here: &[u8]) {
        let findings = self.findings.iter_mut().map(|one| &mut one.location);
        let suppressed = self.suppressed.iter_mut().map(|one| &mut one.location);
        findings.chain(suppressed).for_each(|at| at.tell_from_top(here));
    }

    /// The same with one more field.
    pub fn with(mut self, name: &str, value: serde_json::Value) -> Report {
        self.more.insert(name.to_owned(), value);
        self
    }

    /// The same with what was done to keys.
    pub fn with_steps(self, steps: Vec<Step>) -> Report {
        Report { steps: Some(steps), ..self }
    }

    /// Whether everything asked for was looked at.
    pub fn is_complete(&self) -> bool {
        self.coverage.complete
    }

    /// Whether files were asked for, and there was none.
    pub fn is_of_nothing(&self) -> bool {
        let scans = &self.coverage.scans;
        let of_files = match scans.as_slice() {
            [] => self.coverage.processes == 0,
            scans => scans.iter().any(|scan| matches!(scan.as_str(), "tree" | "history" | "stdin")),
        };
        of_files && self.coverage.files == 0 && self.coverage.objects == 0
    }

    /// Writes the last line of a JSON-lines report.
    pub fn write_coverage(&self, out: &mut dyn Write) -> io::Result<()> {
        let Report { places, steps, coverage, more, .. } = self;
        json_line(&Last { places, steps: steps.as_deref(), coverage, more }, out)
    }

    /// Writes it. The rules say what a format wants to know of a rule beyond its findings.
    pub fn write(&self, format: Format, rules: &RuleSet, style: &Style, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Pretty => pretty::write(self, style, out),
            Format::Json => json(self, out),
            Format::Jsonl => {
                self.findings.iter().try_for_each(|finding| json_line(finding, out))?;
                self.write_coverage(out)
            }
            Format::Sarif => json(&sarif::log(self, rules, style), out),
            Format::Github => github::write(self, style.annotations, out),
            Format::Gitlab => json(&gitlab::report(self, rules, style), out),
            Format::Codequality => json(&codequality::issues(self), out),
            Format::Junit => junit::write(self, out),
            Format::Csv => csv::write(self, out),
            Format::Markdown => markdown::write(self, out),
            Format::Html => html::write(self, out),
        }
    }
}

/// Writes one finding as a line of JSON.
pub fn jsonl_finding(finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    json_line(&model::Entry::from(finding.clone()), out)
}

#[derive(Serialize)]
struct Last<'r> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    places: &'r [model::Place],
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<&'r [Step]>,
    coverage: &'r model::Looked,
    #[serde(flatten)]
    more: &'r model::More,
}

fn json(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(Escaped(&mut *out), value)?;
    writeln!(out)
}

fn json_line(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(Escaped(&mut *out), value)?;
    writeln!(out)
}

/// Escapes in the strings of JSON what acts where it is read, which changes nothing of what they say. No such character
/// stands outside of them.
struct Escaped<'w>(&'w mut dyn Write);

impl Write for Escaped<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The serializer writes whole characters.
        let Ok(text) = str::from_utf8(bytes) else { return Err(io::ErrorKind::InvalidData.into()) };
        let mut kept = 0;
        for (at, c) in text.char_indices() {
            if (acts(c) && c != '\n') || (c == '#' && text[at..].starts_with("##")) {
                self.0.write_all(&bytes[kept..at])?;
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(self.0, "\\u{unit:04x}")?;
                }
                kept = at + c.len_utf8();
            }
        }
        self.0.write_all(&bytes[kept..])?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A date as ISO 8601 has it, in the zone of whoever set it; of a date that no calendar holds the seconds since 1970.
fn date((seconds, ahead): (i64, i32)) -> String {
    let zone = jiff::tz::Offset::from_seconds(ahead.saturating_mul(60)).unwrap_or(jiff::tz::Offset::UTC);
    match jiff::Timestamp::from_second(seconds) {
        Ok(time) => time.display_with_offset(zone).to_string(),
        Err(_) => seconds.to_string(),
    }
}
