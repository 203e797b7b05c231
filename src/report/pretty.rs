//! For people: one key, all its places, one remedy; then what was looked at, and what was not.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, renderer::DecorStyle};

use super::{Style, date, said};
use crate::blob::{self, Kind, Origin};
use crate::finding::{Finding, Looked, Outcome, State, visible};
use crate::object::{Held, ObjectId};
use crate::rule::Severity;

/// The most places of one key that are shown with their lines; the others are named.
const SHOWN: usize = 8;
/// The most references that are named of those that hold an object.
const REFS_SHOWN: usize = 3;

pub(super) fn write(outcome: &Outcome, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let renderer = if style.colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(style.width);
    for places in grouped(if style.shown { &[] } else { &outcome.findings }) {
        writeln!(out, "{}\n", with_places(&renderer.render(&[group(&places, outcome)]), &places))?;
    }
    if style.suppressed {
        for one in &outcome.suppressed {
            let (rule, place) = (&one.finding.rule.id, at(&one.finding));
            let reason = if one.reason.is_empty() { "no reason given" } else { &one.reason };
            writeln!(out, "allowed[{rule}]: {place}: {}", visible(reason))?;
        }
        if !outcome.suppressed.is_empty() {
            writeln!(out)?;
        }
    }
    if style.quiet {
        return Ok(());
    }
    places(outcome, style, out)?;
    not_read(outcome, style, out)?;
    writeln!(out, "{}", summary(outcome, style))
}

/// The findings by key, in the order of their first places; a finding without a key stands for itself.
fn grouped(findings: &[Finding]) -> Vec<Vec<&Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    let mut by_key: HashMap<&str, usize> = HashMap::new();
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

fn group<'f>(places: &[&'f Finding], outcome: &Outcome) -> Group<'f> {
    let first = places[0];
    let level = match first.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut group = level
        .primary_title(first.rule.message.as_str())
        .id(first.rule.id.as_str())
        .elements([] as [Snippet<'_, annotate_snippets::Annotation<'_>>; 0]);
    for (nth, finding) in places.iter().enumerate() {
        if nth == SHOWN && places.len() > SHOWN + 1 {
            let rest: Vec<String> = places[nth..].iter().map(|finding| at(finding)).collect();
            group =
                group.element(Level::NOTE.message(format!("and in {} more places:\n{}", rest.len(), rest.join("\n"))));
            break;
        }
        let label = if finding.rule.id == first.rule.id {
            finding.evidence.clone()
        } else {
            format!("{} ({})", finding.evidence, finding.rule.id)
        };
        let line = finding.place.map_or(1, |place| usize::try_from(place.line).unwrap_or(usize::MAX));
        let snippet = Snippet::source(finding.snippet.text.as_str())
            .line_start(line)
            .path(format!("{MARK}{nth}{MARK}"))
            .annotation(AnnotationKind::Primary.span(finding.snippet.mark.clone()).label(label));
        group = group.element(snippet);
    }
    if let Some(key) = &first.key {
        let kind = key.format.name();
        let prefix = key.prefix.as_ref().map(|prefix| format!(" of `{}`", visible(prefix))).unwrap_or_default();
        let found = match places.len() {
            1 => String::new(),
            many => format!(", in {many} places"),
        };
        group =
            group.element(Level::NOTE.message(format!("{kind} key {}{prefix}, {}{found}", key.id, key.fingerprint)));
        for asked in outcome.asked.get(&key.fingerprint).into_iter().flatten() {
            group = group.element(Level::NOTE.message(said(asked)));
        }
    }
    group.element(Level::HELP.message(first.rule.help.as_str()))
}

/// Stands where the place of a finding belongs; no shown text holds it.
const MARK: char = '\u{1}';

/// Puts the places where their marks are. The renderer would count columns in the snippet, which is a piece of the line.
fn with_places(rendered: &str, places: &[&Finding]) -> String {
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
            out.push_str(&at(finding));
        }
        rest = behind.trim_start_matches(|c: char| c == ':' || c.is_ascii_digit());
    }
    out.push_str(rest);
    out
}

/// `path:line:column`, with the way into a container behind the path and the cell of a notebook behind the column.
pub(super) fn at(finding: &Finding) -> String {
    let path = path(&finding.origin, |path| finding.display_path(path));
    let place = finding.place.map(|place| format!(":{}:{}", place.line, place.column)).unwrap_or_default();
    let cell = finding.cell.map(|cell| format!(" (cell {}, line {})", cell.number, cell.line)).unwrap_or_default();
    path + &place + &cell + &history(&finding.origin) + &who(&finding.origin)
}

/// `path!member`, or what has no path by what it is.
fn path(origin: &Origin, display: impl for<'p> Fn(&'p [u8]) -> Cow<'p, str>) -> String {
    let named = |what: &str, id: &ObjectId| {
        let inner: String = origin.display_inner().map(|name| format!("!{name}")).collect();
        format!("{what} {}{inner}", id.short())
    };
    if let Some(process) = origin.process.as_deref() {
        return format!("process {} ({})", process.pid, visible(&display(&origin.path)));
    }
    let path = match (origin.kind, origin.held.as_deref()) {
        (Kind::Commit, Some(Held { commit: Some(commit), .. })) => named("commit", &commit.id),
        (kind, Some(Held { object: Some(id), .. })) if origin.path.is_empty() => named(kind.name(), id),
        _ => display(&origin.full_path()).into_owned(),
    };
    visible(&path).into_owned()
}

/// Which part of a process, who runs it, since when, and what started it.
fn who(origin: &Origin) -> String {
    let Some(process) = origin.process.as_deref() else { return String::new() };
    let part = match (&process.argument, &process.variable) {
        (Some(nth), _) => format!(", argument {nth}"),
        (_, Some(name)) => format!(", variable {}", visible(&blob::display(name))),
        _ => String::new(),
    };
    let mut said = Vec::new();
    said.extend(process.user.as_ref().map(|user| format!("user {}", visible(user))));
    said.push(format!("since {}", date((process.started, 0))));
    if let Some(ppid) = process.ppid {
        let name = process.parent.as_ref().map(|name| format!(" ({})", visible(&blob::display(name))));
        said.push(format!("parent {ppid}{}", name.unwrap_or_default()));
    }
    format!("{part} ({})", said.join("; "))
}

/// Where in the history of a repository: which commit introduced it, who still holds it, where else it lies.
fn history(origin: &Origin) -> String {
    let Some(held) = origin.held.as_deref().filter(|held| held.object.is_some()) else { return String::new() };
    let mut said = Vec::new();
    if let Some(commit) = &held.commit {
        let day = date(commit.date);
        let day = day.split('T').next().unwrap_or_default();
        let by = format!("by {} on {day}", visible(&blob::display_word(&commit.author)));
        said.push(if origin.kind == Kind::Commit { by } else { format!("{} {by}", commit.id.short()) });
    }
    match held.refs.len() + held.more_refs {
        0 if origin.kind == Kind::Staged => said.push("in the index".to_owned()),
        0 if !held.reachable => said.push("unreachable, but still in this object database".to_owned()),
        0 => {}
        many => {
            let named: Vec<String> = held.refs.iter().take(REFS_SHOWN).map(|name| short(name)).collect();
            let more = if many > REFS_SHOWN { format!(" and {} more", many - REFS_SHOWN) } else { String::new() };
            said.push(format!("held by {}{more}", named.join(", ")));
        }
    }
    if !held.also.is_empty() {
        said.push(format!("and in {}", count(held.also.len() + held.more_places, "more place")));
    }
    format!(" ({})", said.join("; "))
}

/// A reference as people call it.
fn short(name: &[u8]) -> String {
    let name = visible(&blob::display_word(name)).into_owned();
    ["refs/heads/", "refs/tags/", "refs/"].iter().find_map(|at| name.strip_prefix(at)).unwrap_or(&name).to_owned()
}

/// The places of this machine that were looked at; those without a find only in number, unless they are asked for.
fn places(outcome: &Outcome, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    if outcome.places.is_empty() {
        return Ok(());
    }
    let of = |state| outcome.places.iter().filter(move |looked| looked.state == state);
    let width = outcome.places.iter().map(|looked| looked.what.len()).max().unwrap_or_default();
    writeln!(out, "Places of this machine:")?;
    for state in [State::Found, State::NotReadable, State::Clean, State::Absent] {
        if state > State::NotReadable && !style.verbose {
            continue;
        }
        for Looked { what, path, .. } in of(state) {
            writeln!(out, "  {:12}  {what:width$}  {}", state.name(), visible(&blob::display(path)))?;
        }
    }
    if !style.verbose {
        let (clean, absent) = (of(State::Clean).count(), of(State::Absent).count());
        writeln!(out, "  and {clean} clean, {absent} absent (`-v` lists them)")?;
    }
    writeln!(out)
}

pub(super) fn not_read(outcome: &Outcome, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let (gaps, passed): (Vec<_>, Vec<_>) = outcome.coverage.skipped.iter().partition(|skip| skip.gap);
    let line = |skip: &crate::finding::Skip| {
        format!("{}: {}", path(&skip.origin, |path| skip.origin.display(path)), visible(&skip.reason))
    };
    for skip in &gaps {
        writeln!(out, "not read: {}", line(skip))?;
    }
    for skip in passed {
        if skip.origin.kind == Kind::Process {
            writeln!(out, "not seen: {}", visible(&skip.reason))?;
        } else if style.verbose {
            writeln!(out, "passed over: {}", line(skip))?;
        }
    }
    Ok(())
}

fn summary(outcome: &Outcome, style: &Style) -> String {
    let coverage = &outcome.coverage;
    let keys = grouped(&outcome.findings).iter().filter(|places| places[0].key.is_some()).count();
    let places = outcome.findings.iter().filter(|finding| finding.key.is_some()).count();
    let of = |severity| outcome.findings.iter().filter(|f| f.key.is_none() && f.severity == severity).count();
    let mut said = Vec::new();
    if keys > 0 {
        said.push(format!("{} in {}", count(keys, "exposed key"), count(places, "place")));
    }
    for (severity, word) in [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "note")] {
        if of(severity) > 0 {
            said.push(count(of(severity), word));
        }
    }
    if said.is_empty() {
        said.push(if coverage.complete() {
            "No exposed keys".to_owned()
        } else {
            "No exposed keys in what was read".to_owned()
        });
    }
    if !outcome.suppressed.is_empty() {
        said.push(format!("{} allowed inline", outcome.suppressed.len()));
    }
    let gaps = coverage.skipped.iter().filter(|skip| skip.gap).count();
    let passed = coverage.skipped.iter().filter(|skip| !skip.gap && skip.origin.kind != Kind::Process).count();
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
    let mut looked = format!("Looked at {}, in {:.2} s", parts.join(", "), style.took.as_secs_f64());
    if coverage.processes_known > 0 {
        let known = number(coverage.processes_known, "process");
        looked.push_str(&format!("; {} of {known} visible", coverage.processes));
    }
    if gaps > 0 {
        looked.push_str(&format!("; {gaps} could not be read"));
    }
    if passed > 0 {
        looked.push_str(&format!("; passed over {passed} (links, git directories, …; `-v` lists them)"));
    }
    format!("{}. {looked}.", said.join(", "))
}

pub(super) fn count(number: usize, what: &str) -> String {
    let plural = match number {
        1 => "",
        _ if what.ends_with('s') => "es",
        _ => "s",
    };
    format!("{number} {what}{plural}")
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
