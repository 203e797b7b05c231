//! A page for a pull request, a wiki or a step summary: one key, all its places, one remedy. Scanned text stands in code
//! elements, every sign of it that Markdown or HTML could read as a reference to its number.

use std::io::{self, Write};

use super::model::{Entry, Report};
use super::said::{grouped, tally};
use crate::finding::visible;

pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# wandward: {}\n", tally(report))?;
    let gaps: Vec<_> = report.coverage.skipped.iter().filter(|skip| skip.gap).collect();
    if !report.coverage.complete {
        writeln!(out, "**Not everything asked for was read, so this is no clean bill.**\n")?;
    }
    for places in grouped(&report.findings) {
        group(&places, out)?;
    }
    steps(report, out)?;
    if !gaps.is_empty() {
        writeln!(out, "## Not read\n")?;
        for skip in gaps {
            writeln!(out, "- {}: {}", code(&skip.what()), escaped(&skip.reason))?;
        }
        writeln!(out)?;
    }
    places(report, out)?;
    for skip in report.hidden() {
        writeln!(out, "Not seen: {}\n", escaped(&skip.reason))?;
    }
    for skip in report.coverage.skipped.iter().filter(|skip| skip.leaves_out()) {
        writeln!(out, "Left out: {} {}\n", code(&skip.what()), prose(&skip.reason))?;
    }
    let suppressed = match report.suppressed.len() {
        0 => String::new(),
        many => format!(" Allowed by permissions: {many}."),
    };
    writeln!(out, "{}{suppressed}", report.coverage.sentences())
}

/// The page cut to a size at the end of a line, and beneath it what was done; see [`super::summary`].
pub(super) fn summary(report: &Report, done: &[String], most: usize, out: &mut dyn Write) -> io::Result<()> {
    const NOTE: usize = 160;
    let mut page = Vec::new();
    write(report, &mut page)?;
    let done: String = done.iter().map(|line| format!("- {}\n", escaped(line))).collect();
    let done = format!("\n## What was asked for\n\n{done}\n");
    if page.len() + done.len() > most {
        let room = most.saturating_sub(done.len() + NOTE);
        let end = memchr::memrchr(b'\n', page.get(..room).unwrap_or(&page)).map_or(0, |end| end + 1);
        let left_out = memchr::memchr_iter(b'\n', &page[end..]).count();
        page.truncate(end);
        writeln!(page, "\n**{left_out} more lines are left out: GitHub shows no more. The reports have them all.**")?;
    }
    if page.len() + done.len() <= most {
        out.write_all(&page)?;
        out.write_all(done.as_bytes())?;
    }
    Ok(())
}

/// What was done to keys.
fn steps(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let Some(steps) = report.steps.as_deref().filter(|steps| !steps.is_empty()) else { return Ok(()) };
    writeln!(out, "## Steps\n\n| key | server | step | result |\n|---|---|---|---|")?;
    for step in steps {
        let (key, server, what) = (code(&step.id), code(step.at()), escaped(&step.step));
        let why = if step.reason.is_empty() { String::new() } else { format!(": {}", prose(&step.reason)) };
        writeln!(out, "| {key} | {server} | {what} | {}{why} |", escaped(&step.result))?;
    }
    writeln!(out)
}

/// The places of machines at which something was found, or that could not be read; the others in number.
fn places(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if report.places.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Places\n")?;
    for (nth, (state, places)) in report.places_by_state().into_iter().enumerate() {
        if nth > 0 && matches!(state, "clean" | "absent") {
            writeln!(out, "- {}: {}", escaped(state), places.len())?;
            continue;
        }
        for place in places {
            writeln!(out, "- {}: {}, {}", escaped(state), escaped(&place.place), code(&place.path))?;
        }
    }
    writeln!(out)
}

fn group(places: &[&Entry], out: &mut dyn Write) -> io::Result<()> {
    let first = places[0];
    writeln!(out, "## {}: {}\n", first.severity.name(), prose(&first.message))?;
    if let Some(key) = &first.key {
        let (id, fingerprint) = (code(&key.id), code(&key.fingerprint));
        let prefix = key.prefix.as_ref().map(|prefix| format!(" of {}", code(prefix))).unwrap_or_default();
        writeln!(out, "{} key {id}{prefix}, fingerprint {fingerprint}\n", escaped(&key.format))?;
    }
    for verdict in first.verdicts() {
        writeln!(out, "{}\n", prose(&verdict))?;
    }
    writeln!(out, "| rule | place | line | why |\n|---|---|---|---|")?;
    for finding in places {
        let history = finding.history();
        let history = if history.is_empty() { String::new() } else { format!("<br>{}", escaped(&history.join("; "))) };
        let (rule, place) = (code(&finding.rule), code(&finding.location.place()));
        let (line, why) = (code(&finding.snippet), prose(&finding.evidence));
        writeln!(out, "| {rule} | {place}{history} | {line} | {why} |")?;
    }
    writeln!(out, "\n**What to do:** {}\n", prose(&first.help))
}

/// Text from outside: in an element in which nobody looks for mentions, issues and addresses.
fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("<code>{}</code>", escaped(text)) }
}

/// Text in which what stands between grave accents is code.
fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped(text);
    }
    parts.iter().enumerate().map(|(nth, part)| if nth % 2 == 0 { escaped(part) } else { code(part) }).collect()
}

/// Text in which nothing is markup, nor looks like a link.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let text = visible(text);
    let mut characters = text.chars().peekable();
    let mut last = ' ';
    while let Some(c) = characters.next() {
        let next = characters.peek().copied().unwrap_or(' ');
        let plain = match c {
            // `www.` alone makes a link, and so does `://`.
            '.' => !matches!(last, 'w' | 'W'),
            ':' => next == ' ' || next.is_ascii_digit(),
            // Within a word it stresses nothing.
            '_' => last.is_alphanumeric() && next.is_alphanumeric(),
            ' ' | '/' | ',' | '-' | '=' | '?' | ';' | '(' | ')' | '\'' | '"' => true,
            c => c.is_alphanumeric() || !c.is_ascii(),
        };
        if plain {
            out.push(c);
        } else {
            out.push_str(&format!("&#{};", u32::from(c)));
        }
        last = c;
    }
    out
}
