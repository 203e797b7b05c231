//! What in a text may be mended by a machine: a habit or a key that can go without a change in what is meant. In: a text and
//! its origin. Out: every edit that would be safe, whoever asks for it; which of them are made, the findings decide.

mod command;
mod environment;
mod login;
mod python;

use std::ops::Range;

use super::habit::call;
use super::habit::passage::{CELL, Passage, Readings, is_installed, may_be_told};
use super::notebook;
use super::place::File;
use crate::blob::{Kind, Origin, Text};
use crate::detect;
use crate::rule::Site;
use python::Program;

/// An edit that is safe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mend {
    /// Which bytes go. A key that lies in them as a whole is gone with them.
    pub span: Range<usize>,
    /// What stands there instead.
    pub by: &'static str,
    /// The habit that it ends, if it ends one.
    pub rule: Option<&'static str>,
}

/// Every edit of a file that would be safe, in order; none of an image file, of what lies in a container or in a folder of
/// installed packages, or of any other source than a file.
pub fn mends(origin: &Origin, bytes: &[u8]) -> Vec<Mend> {
    if origin.kind != Kind::File || !may_be_told(origin) || is_installed(&origin.path) {
        return Vec::new();
    }
    let file = File::new(origin, bytes);
    let site = file.habit_site(bytes);
    let text = Text::plain(bytes, Default::default());
    let mut found = Vec::new();
    if site == Site::Notebook {
        let [code, prose] = notebook::sources(bytes);
        for (view, site) in [(code, Site::Notebook), (prose, Site::Docs)] {
            let decoded = text.decoded(&view);
            let names = detect::names(decoded.bytes);
            let passage = passage(origin, &file, site, decoded.bytes, &names);
            let mends = of_passage(&passage);
            found.extend(mends.into_iter().map(|mend| Mend { span: view.source(mend.span), ..mend }));
        }
    } else {
        found = of_passage(&passage(origin, &file, site, bytes, &detect::names(bytes)));
    }
    found.sort_by_key(|mend| (mend.span.start, mend.span.end));
    found
}

/// Whether a file can be read as what its name says: Python whose strings and brackets close, JSON, a notebook.
pub fn is_sound(origin: &Origin, bytes: &[u8]) -> bool {
    let name = origin.file_name();
    let json = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let file = File::new(origin, bytes);
    let passage = passage(origin, &file, file.habit_site(bytes), bytes, &[]);
    if name.ends_with(b".ipynb") || name.ends_with(b".json") {
        serde_json::from_slice::<serde::de::IgnoredAny>(json).is_ok()
    } else if is_python(&passage) {
        python::read(bytes, 0..bytes.len(), false).is_some()
    } else {
        true
    }
}

/// All of a text, which names W&B at `names`.
fn passage<'p>(origin: &'p Origin, file: &'p File, site: Site, text: &'p [u8], names: &'p [usize]) -> Passage<'p> {
    Passage { origin, file, site, text, names, other: true, whole: true, read: Readings::default() }
}

fn of_passage(passage: &Passage<'_>) -> Vec<Mend> {
    let text = passage.text;
    let mut found = Vec::new();
    match passage.site {
        Site::Source if is_python(passage) => {
            // What is no Python as far as it can be read stays as it is.
            let Some(program) = python::read(text, 0..text.len(), false) else { return found };
            found = of_program(text, &program);
            found.extend(command::mends(passage).into_iter().filter(|mend| within_literal(&program, &mend.span)));
        }
        Site::Notebook => {
            for cell in cells(text) {
                let magic = text[cell.clone()].trim_ascii_start().starts_with(b"%%");
                if let Some(program) = python::read(text, cell, true).filter(|_| !magic) {
                    found.extend(of_program(text, &program));
                }
            }
            found.extend(command::mends(passage));
        }
        Site::Docs => {
            found = in_prose(text);
            found.extend(command::mends(passage));
        }
        Site::Script | Site::Ci | Site::Config | Site::Deployment | Site::Editor => found = command::mends(passage),
        Site::Other if text.starts_with(b"#!") => found = command::mends(passage),
        _ => {}
    }
    found
}

fn of_program(text: &[u8], program: &Program) -> Vec<Mend> {
    let mut found = login::mends(text, program);
    found.extend(environment::mends(text, program));
    found
}

fn is_python(passage: &Passage<'_>) -> bool {
    let name = passage.origin.file_name();
    let line = passage.text.split(|&b| b == b'\n').next().unwrap_or_default();
    let named = [&b".py"[..], b".pyi", b".pyw"].iter().any(|end| name.ends_with(end));
    named || !name.contains(&b'.') && line.starts_with(b"#!") && memchr::memmem::find(line, b"python").is_some()
}

/// Whether a span lies in one literal, quotes left out, whose braces are not filled.
fn within_literal(program: &Program, span: &Range<usize>) -> bool {
    let nth = program.tokens.partition_point(|token| token.span.end < span.end);
    program.tokens.get(nth).is_some_and(|token| {
        matches!(token.kind, python::Kind::Text { filled: false })
            && token.span.start < span.start
            && span.end < token.span.end
    })
}

/// The cells of a notebook's code.
fn cells(text: &[u8]) -> Vec<Range<usize>> {
    let mut at = 0;
    let ends = memchr::memmem::find_iter(text, CELL).map(|end| end..end + CELL.len());
    let cells = ends.chain(std::iter::once(text.len()..text.len())).map(|end| {
        let cell = at..end.start;
        at = end.end;
        cell
    });
    cells.collect()
}

/// Calls in a text for people are read one by one, since what stands round them is no program; assignments only where a fence
/// says that code begins, since the note that takes their place would be a heading elsewhere.
fn in_prose(text: &[u8]) -> Vec<Mend> {
    const CALL: &[u8] = b".login(";
    let mut found = Vec::new();
    for at in memchr::memmem::find_iter(text, CALL) {
        let name = text[..at].iter().rev().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        let Some(inside) = call::arguments(text, at + CALL.len() - 1) else { continue };
        if let Some(program) = python::read(text, at - name..inside.end + 1, false) {
            found.extend(login::mends(text, &program));
        }
    }
    let (mut start, mut fenced) = (0, false);
    for line in text.split_inclusive(|&b| b == b'\n') {
        let fence = line.trim_ascii_start();
        if fence.starts_with(b"```") || fence.starts_with(b"~~~") {
            fenced = !fenced;
        } else if fenced
            && memchr::memmem::find(line, environment::NAME).is_some()
            && let Some(program) = python::read(text, start..start + line.len(), true)
        {
            found.extend(environment::mends(text, &program));
        }
        start += line.len();
    }
    found
}
