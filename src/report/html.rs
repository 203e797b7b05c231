//! One file for a browser: no script, nothing loaded, one key with all its places and one remedy. Its own policy allows its one
//! style sheet, by digest, and nothing else.

use std::io::{self, Write};

use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use super::model::{Entry, Report};
use super::said::{count, grouped, tally};
use crate::finding::visible;

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1c2024;--soft:#5b636c;--page:#f6f7f8;--card:#fff;--edge:#d9dde1;--code:#f0f2f4;\
--error:#b42318;--warning:#96590a;--note:#2d5fa8;--mark:#fde3a7}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8ea;--soft:#9aa3ac;--page:#15181b;--card:#1e2226;--edge:#353b41;\
--code:#282d32;--error:#ff8a7d;--warning:#f0b35a;--note:#86b4f5;--mark:#6b5211}}
*{box-sizing:border-box}
body{margin:0;padding:1.5rem 1rem 3rem;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .25rem}
h2{font-size:1.1rem;line-height:1.35;margin:0}
p{margin:.5rem 0}
.soft{color:var(--soft)}
.card{background:var(--card);border:1px solid var(--edge);border-left:5px solid var(--edge);border-radius:6px;\
margin:1rem 0;padding:1rem}
.error{border-left-color:var(--error)}
.warning{border-left-color:var(--warning)}
.note{border-left-color:var(--note)}
.badge{display:inline-block;font-size:.75rem;font-weight:700;letter-spacing:.04em;text-transform:uppercase}
.error .badge{color:var(--error)}
.warning .badge{color:var(--warning)}
.note .badge{color:var(--note)}
code,pre{font:.875em/1.5 ui-monospace,monospace;overflow-wrap:anywhere}
pre{background:var(--code);border-radius:4px;margin:.25rem 0;padding:.5rem .75rem;white-space:pre-wrap}
mark{background:var(--mark);color:inherit;border-radius:2px}
ol{list-style:none;margin:.75rem 0;padding:0}
li{border-top:1px solid var(--edge);padding:.75rem 0 .5rem}
li strong{overflow-wrap:anywhere}
.help{border-top:1px solid var(--edge);margin:0;padding-top:.75rem}
summary{cursor:pointer}
@media print{body{background:#fff}.card{break-inside:avoid}}
";

/// So many places of one key are shown; the others behind a line that opens.
const SHOWN: usize = 8;

pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let digest = BASE64.encode(&Sha256::digest(STYLE.as_bytes()));
    let tally = escaped(&tally(report));
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{digest}'; \
         base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>wandward: {tally}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<header>\n<h1>{tally}</h1>\n"
    )?;
    let (looked, version) = (report.coverage.sentences(), env!("CARGO_PKG_VERSION"));
    writeln!(out, "<p class=\"soft\">{looked} wandward {version}.</p>")?;
    for skip in report.hidden() {
        writeln!(out, "<p class=\"soft\">Not seen: {}</p>", escaped(&skip.reason))?;
    }
    for skip in report.coverage.skipped.iter().filter(|skip| skip.leaves_out()) {
        writeln!(out, "<p class=\"soft\">Left out: {} {}</p>", escaped(&skip.what()), prose(&skip.reason))?;
    }
    writeln!(out, "</header>")?;
    not_read(report, out)?;
    for places in grouped(&report.findings) {
        group(&places, out)?;
    }
    steps(report, out)?;
    places(report, out)?;
    suppressed(report, out)?;
    writeln!(out, "</main>\n</body>\n</html>")
}

fn not_read(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if report.coverage.complete {
        return Ok(());
    }
    let gaps: Vec<_> = report.coverage.skipped.iter().filter(|skip| skip.gap).collect();
    writeln!(out, "<section class=\"card warning\">\n<span class=\"badge\">not complete</span>")?;
    writeln!(out, "<h2>Not everything asked for was read, so this is no clean bill</h2>\n<ol>")?;
    for skip in gaps {
        writeln!(out, "<li><strong>{}</strong><br>{}</li>", escaped(&skip.what()), escaped(&skip.reason))?;
    }
    writeln!(out, "</ol>\n</section>")
}

fn group(places: &[&Entry], out: &mut dyn Write) -> io::Result<()> {
    let first = places[0];
    let severity = first.severity.name();
    writeln!(out, "<section class=\"card {severity}\">\n<span class=\"badge\">{severity}</span>")?;
    writeln!(out, "<h2>{}</h2>", prose(&first.message))?;
    if let Some(key) = &first.key {
        let prefix = key.prefix.as_ref().map(|prefix| format!(" of {}", escaped(prefix))).unwrap_or_default();
        let (format, id, print) = (escaped(&key.format), escaped(&key.id), escaped(&key.fingerprint));
        writeln!(out, "<p class=\"soft\">{format} key <code>{id}</code>{prefix}, <code>{print}</code></p>")?;
    }
    for verdict in first.verdicts() {
        writeln!(out, "<p>{}</p>", prose(&verdict))?;
    }
    writeln!(out, "<ol>")?;
    let shown = if places.len() > SHOWN + 1 { SHOWN } else { places.len() };
    places[..shown].iter().try_for_each(|finding| place(finding, out))?;
    writeln!(out, "</ol>")?;
    if shown < places.len() {
        let more = count(places.len() - shown, "more place");
        writeln!(out, "<details><summary>{more}</summary>\n<ol>")?;
        places[shown..].iter().try_for_each(|finding| place(finding, out))?;
        writeln!(out, "</ol>\n</details>")?;
    }
    writeln!(out, "<p class=\"help\">{}</p>\n</section>", prose(&first.help))
}

fn place(finding: &Entry, out: &mut dyn Write) -> io::Result<()> {
    let (at, rule) = (escaped(&finding.location.place()), escaped(&finding.rule));
    writeln!(out, "<li><strong>{at}</strong> <span class=\"soft\">{rule}</span>")?;
    let history = finding.history();
    if !history.is_empty() {
        writeln!(out, "<br><span class=\"soft\">{}</span>", escaped(&history.join("; ")))?;
    }
    let marked = finding.marked();
    let (before, rest) = finding.snippet.split_at(marked.start);
    let (point, after) = rest.split_at(marked.len());
    let [before, point, after] = [before, point, after].map(escaped);
    if !finding.snippet.is_empty() {
        writeln!(out, "<pre>{before}<mark>{point}</mark>{after}</pre>")?;
    }
    if !finding.evidence.is_empty() {
        writeln!(out, "<span class=\"soft\">{}</span>", prose(&finding.evidence))?;
    }
    writeln!(out, "</li>")
}

fn steps(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let Some(steps) = report.steps.as_deref().filter(|steps| !steps.is_empty()) else { return Ok(()) };
    writeln!(out, "<section class=\"card\">\n<h2>Steps</h2>\n<ol>")?;
    for step in steps {
        writeln!(out, "<li>{}</li>", prose(&step.said()))?;
    }
    writeln!(out, "</ol>\n</section>")
}

fn places(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if report.places.is_empty() {
        return Ok(());
    }
    let states = report.places_by_state();
    let counts: Vec<String> =
        states.iter().map(|(state, places)| format!("{} {}", places.len(), escaped(state))).collect();
    writeln!(out, "<section class=\"card\">\n<details><summary>Places: {}</summary>\n<ol>", counts.join(", "))?;
    for (state, places) in states {
        for place in places {
            let (what, path) = (escaped(&place.place), escaped(&place.path));
            writeln!(out, "<li><strong>{path}</strong> <span class=\"soft\">{what}: {}</span></li>", escaped(state))?;
        }
    }
    writeln!(out, "</ol>\n</details>\n</section>")
}

fn suppressed(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if report.suppressed.is_empty() {
        return Ok(());
    }
    let many = count(report.suppressed.len(), "finding");
    writeln!(out, "<section class=\"card\">\n<details><summary>{many} kept back by permissions</summary>\n<ol>")?;
    for one in &report.suppressed {
        let (at, rule, reason) = (escaped(&one.location.place()), escaped(&one.rule), escaped(&one.reason));
        let reason = if reason.is_empty() { "no reason given" } else { &reason };
        writeln!(out, "<li><strong>{at}</strong> <span class=\"soft\">{rule}</span><br>{reason}</li>")?;
    }
    writeln!(out, "</ol>\n</details>\n</section>")
}

/// Text in which what stands between grave accents is code.
fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped(text);
    }
    let part = |(nth, part): (usize, &&str)| match nth % 2 {
        0 => escaped(part),
        _ => format!("<code>{}</code>", escaped(part)),
    };
    parts.iter().enumerate().map(part).collect()
}

/// Text in which nothing is markup.
fn escaped(text: &str) -> String {
    let shown = visible(text);
    let mut out = String::with_capacity(shown.len() + 16);
    for c in shown.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
