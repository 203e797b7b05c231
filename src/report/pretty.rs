//! For people: one key, all its places, one remedy; then what was looked at, and what was not.

use std::io::{self, Write};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, renderer::DecorStyle};

use super::Style;
use super::model::{Entry, Report};
use super::said::{count, grouped, tally};
use crate::finding::visible;
use crate::rule::Severity;

/// The most places of one key that are shown with their lines; the others are named.
const SHOWN: usize = 8;

pub(super) fn write(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let renderer = if style.colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(style.width);
    for places in grouped(if style.shown { &[] } else { &report.findings }) {
        writeln!(out, "{}\n", with_places(&renderer.render(&[group(&places)]), &places))?;
    }
    if style.suppressed {
        for one in &report.suppressed {
            let (rule, place) = (visible(&one.rule), one.location.place());
            let reason = if one.reason.is_empty() { "no reason given" } else { &one.reason };
            writeln!(out, "allowed[{rule}]: {place}: {}", visible(reason))?;
        }
        if !report.suppressed.is_empty() {
            writeln!(out)?;
        }
    }
    if style.quiet {
        // What an exit code speaks of is told all the same.
        return gaps(report, out);
    }
    for step in report.steps.iter().flatten() {
        writeln!(out, "{}", step.said())?;
    }
    places(report, style, out)?;
    not_read(report, style, out)?;
    writeln!(out, "{}", summary(report, style))
}

fn group<'f>(places: &[&'f Entry]) -> Group<'f> {
    let first = places[0];
    let level = match first.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut group = level
        .primary_title(visible(&first.message))
        .id(visible(&first.rule))
        .elements([] as [Snippet<'_, annotate_snippets::Annotation<'_>>; 0]);
    for (nth, finding) in places.iter().enumerate() {
        if nth == SHOWN && places.len() > SHOWN + 1 {
            let rest: Vec<String> = places[nth..].iter().map(|finding| finding.at()).collect();
            group =
                group.element(Level::NOTE.message(format!("and in {} more places:\n{}", rest.len(), rest.join("\n"))));
            break;
        }
        let evidence = visible(&finding.evidence);
        let label = if finding.rule == first.rule {
            evidence.into_owned()
        } else {
            format!("{evidence} ({})", visible(&finding.rule))
        };
        if finding.location.line.is_none() && finding.snippet.is_empty() {
            // All of a file, or of a folder.
            group = group.element(annotate_snippets::Origin::path(format!("{MARK}{nth}{MARK}")));
            group = group.element(Level::NOTE.message(label));
            continue;
        }
        let line = finding.location.line.map_or(1, |line| usize::try_from(line).unwrap_or(usize::MAX));
        let snippet = Snippet::source(finding.snippet.as_str())
            .line_start(line)
            .path(format!("{MARK}{nth}{MARK}"))
            .annotation(AnnotationKind::Primary.span(finding.marked()).label(label));
        group = group.element(snippet);
    }
    if let Some(key) = &first.key {
        let found = match places.len() {
            1 => String::new(),
            many => format!(", in {many} places"),
        };
        group = group.element(Level::NOTE.message(key.named() + &found));
        for verdict in first.verdicts() {
            group = group.element(Level::NOTE.message(verdict));
        }
    }
    group.element(Level::HELP.message(visible(&first.help)))
}

/// Stands where the place of a finding belongs; no shown text holds it.
const MARK: char = '\u{1}';

/// Puts the places where their marks are. The renderer would count columns in the snippet, which is a piece of the line.
fn with_places(rendered: &str, places: &[&Entry]) -> String {
    let mut out = String::with_capacity(rendered.len() + 64);
    let mut rest = rendered;
    while let Some((before, marked)) = rest.split_once(MARK) {
        // A line that begins with colons is a command to some CI systems.
        match before.rsplit_once(":::") {
            Some((head, tail)) if !tail.contains('\n') => out.push_str(&format!("{head}-->{tail}")),
            _ => out.push_str(before),
        }
        let (nth, behind) = marked.split_once(MARK).unwrap_or((marked, ""));
        if let Some(finding) = nth.parse().ok().and_then(|nth: usize| places.get(nth)) {
            out.push_str(&finding.at());
        }
        rest = behind.trim_start_matches(|c: char| c == ':' || c.is_ascii_digit());
    }
    out.push_str(rest);
    out
}

/// The places of machines that were looked at; those without a find only in number, unless they are asked for.
fn places(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    if report.places.is_empty() {
        return Ok(());
    }
    let width = report.places.iter().map(|place| place.place.chars().count()).max().unwrap_or_default();
    writeln!(out, "Places of this machine:")?;
    let mut rest = [0, 0];
    for (state, places) in report.places_by_state() {
        match state {
            "clean" if !style.verbose => rest[0] = places.len(),
            "absent" if !style.verbose => rest[1] = places.len(),
            _ => {
                for place in places {
                    let (what, path) = (visible(&place.place), visible(&place.path));
                    writeln!(out, "  {:12}  {what:width$}  {path}", visible(state))?;
                }
            }
        }
    }
    if !style.verbose {
        let [clean, absent] = rest;
        writeln!(out, "  and {clean} clean, {absent} absent (`-v` lists them)")?;
    }
    writeln!(out)
}

pub(super) fn not_read(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    gaps(report, out)?;
    for skip in report.coverage.skipped.iter().filter(|skip| !skip.gap) {
        if skip.is_hidden() {
            writeln!(out, "not seen: {}", visible(&skip.reason))?;
        } else if skip.leaves_out() {
            writeln!(out, "left out: {} {}", skip.what(), visible(&skip.reason))?;
        } else if style.verbose {
            writeln!(out, "passed over: {}: {}", skip.what(), visible(&skip.reason))?;
        }
    }
    Ok(())
}

fn gaps(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for skip in report.coverage.skipped.iter().filter(|skip| skip.gap) {
        writeln!(out, "not read: {}: {}", skip.what(), visible(&skip.reason))?;
    }
    Ok(())
}

fn summary(report: &Report, style: &Style) -> String {
    let coverage = &report.coverage;
    let mut said = tally(report);
    for (by, words) in
        [("inline", "allowed inline"), ("config", "allowed by configuration"), ("baseline", "in the baseline")]
    {
        match report.suppressed.iter().filter(|one| one.by == by).count() {
            0 => {}
            many => said.push_str(&format!(", {many} {words}")),
        }
    }
    let gaps = coverage.skipped.iter().filter(|skip| skip.gap).count();
    let passed = coverage.skipped.iter().filter(|skip| !skip.gap && !skip.is_hidden() && !skip.leaves_out()).count();
    let number = |number: u64, what| count(usize::try_from(number).unwrap_or(usize::MAX), what);
    let mut parts = Vec::new();
    if coverage.files > 0 || coverage.processes_known == 0 {
        parts.push(number(coverage.files, "file"));
    }
    if coverage.objects > 0 {
        parts.push(number(coverage.objects, "git object"));
    }
    if coverage.processes_known > 0 {
        parts.push(number(coverage.processes, "process"));
    }
    parts.push(size(coverage.bytes));
    let took = style.took.map(|took| format!(", in {:.2} s", took.as_secs_f64())).unwrap_or_default();
    let mut looked = format!("Looked at {}{took}", parts.join(", "));
    if coverage.processes_known > 0 {
        let known = number(coverage.processes_known, "process");
        looked.push_str(&format!("; {} of {known} visible", coverage.processes));
    }
    match coverage.objects_known_clean {
        0 => {}
        known if known == coverage.objects => looked.push_str("; all git objects were known to be clean"),
        known => looked.push_str(&format!("; {known} of the git objects were known to be clean")),
    }
    if gaps > 0 {
        looked.push_str(&format!("; {gaps} could not be read"));
    }
    if passed > 0 {
        looked.push_str(&format!("; passed over {passed} (links, git directories, …; `-v` lists them)"));
    }
    format!("{said}. {looked}.")
}

/// Bytes in the largest unit of 1000 that leaves a digit before the point.
fn size(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if size < 1000.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{size:.1} {unit}") };
        }
        size /= 1000.0;
    }
    format!("{size:.1} TB")
}
