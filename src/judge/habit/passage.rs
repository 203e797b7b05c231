//! What a check reads: a file's text, or what the cells of a notebook say, with the kind of place it comes from.

use std::cell::OnceCell;
use std::ops::Range;

use regex::bytes::{Captures, Regex};

use super::shell::{self, Command};
use super::webhook::{self, Template};
use super::words::NAME;
use crate::blob::{Kind, Origin};
use crate::judge::place::File;
use crate::rule::Site;

/// What stands between two cells of a notebook: a page break.
pub(in crate::judge) const CELL: &[u8] = b"\n\x0c\n";

/// A text as checks read it.
#[allow(dead_code, reason = "not every check needs all of it")]
pub(in crate::judge) struct Passage<'p> {
    /// Where it comes from.
    pub(in crate::judge) origin: &'p Origin,
    /// What the name of the file says.
    pub(in crate::judge) file: &'p File,
    /// The kind of place.
    pub(in crate::judge) site: Site,
    /// The text; of a notebook the source of all its code, or of all its prose, with [`CELL`] between two cells.
    pub(in crate::judge) text: &'p [u8],
    /// Where it names W&B, in order.
    pub(in crate::judge) names: &'p [usize],
    /// Whether it holds a word of any rule that does not name W&B, such as `gorilla_` or `weave`.
    pub(in crate::judge) other: bool,
    /// What was read of it for one check and serves others.
    pub(in crate::judge) read: Readings,
    /// Whether this is all of the file, not a part of a large one.
    pub(in crate::judge) whole: bool,
}

/// What checks share.
#[derive(Default)]
pub(in crate::judge) struct Readings {
    cues: OnceCell<Vec<usize>>,
    parts: OnceCell<Vec<Range<usize>>>,
    commands: OnceCell<Vec<Command>>,
    templates: OnceCell<Vec<Template>>,
}

/// How far from a cue a statement may begin and end, in bytes.
const BEFORE: usize = 600;
const BEHIND: usize = 600;

/// What follows W&B's name, with at most two signs between, where it is about its key, its login or its server.
const CUES: [&[u8; 3]; 12] =
    [b"api", b"key", b"tok", b"log", b"sec", b"pas", b"aut", b"acc", b"cre", b"bas", b"set", b"pub"];

impl Passage<'_> {
    /// Where W&B is named for the sake of its key, its login or its server.
    pub(in crate::judge) fn cues(&self) -> &[usize] {
        self.read.cues.get_or_init(|| self.names.iter().copied().filter(|at| is_cue(self.text, *at)).collect())
    }

    /// Every command on a line with a cue, in order.
    pub(in crate::judge) fn commands(&self) -> &[Command] {
        self.read.commands.get_or_init(|| shell::commands(self))
    }

    /// The templates of W&B's webhooks.
    pub(in crate::judge) fn templates(&self) -> &[Template] {
        self.read.templates.get_or_init(|| webhook::templates(self))
    }

    /// What a pattern finds in the neighbourhood of cues, in order.
    pub(in crate::judge) fn found<'s>(&'s self, pattern: &'s Regex) -> impl Iterator<Item = Captures<'s>> {
        self.found_from(pattern, |found| found.get(0).map_or(usize::MAX, |whole| whole.end()))
    }

    /// Likewise; what is found may overlap, for `next` says where to go on.
    pub(in crate::judge) fn found_from<'s>(
        &'s self,
        pattern: &'s Regex,
        next: impl Fn(&Captures<'_>) -> usize + Copy + 's,
    ) -> impl Iterator<Item = Captures<'s>> {
        self.parts().iter().flat_map(move |part| {
            let text = &self.text[..part.end];
            let mut at = part.start;
            std::iter::from_fn(move || {
                let found = if at <= text.len() { pattern.captures_at(text, at)? } else { return None };
                at = next(&found).max(at + 1);
                Some(found)
            })
        })
    }

    /// The neighbourhood of cues, in whole lines where those are not long.
    fn parts(&self) -> &[Range<usize>] {
        self.read.parts.get_or_init(|| {
            let mut parts: Vec<Range<usize>> = Vec::new();
            for &at in self.cues() {
                let start = at.saturating_sub(BEFORE);
                let start = memchr::memchr(b'\n', &self.text[start..at]).map_or(start, |length| start + length + 1);
                let end = self.text.len().min(at + BEHIND);
                let end = memchr::memrchr(b'\n', &self.text[at..end]).map_or(end, |length| at + length + 1);
                match parts.last_mut().filter(|last| start <= last.end) {
                    Some(last) => last.end = last.end.max(end),
                    None => parts.push(start..end),
                }
            }
            parts
        })
    }
}

/// Whether W&B is named at a place for the sake of its key, its login or its server.
fn is_cue(text: &[u8], at: usize) -> bool {
    let behind = &text[at + NAME.len()..];
    let signs = behind.iter().take(4).take_while(|b| !b.is_ascii_alphanumeric()).count();
    let follows =
        behind.get(signs..signs + 3).is_some_and(|word| CUES.iter().any(|cue| word.eq_ignore_ascii_case(*cue)));
    let before = &text[at.saturating_sub(16)..at];
    let host = [&b"api."[..], b"inference.", b"with"].iter().any(|start| before.ends_with(start));
    let grep = || memchr::memmem::find(before, b"grep").is_some();
    follows || host || behind.starts_with(b"/launch") || grep()
}

/// Folders of code that others wrote and a program put there: nobody mends a habit in it.
const INSTALLED: [&[u8]; 4] = [b"site-packages", b"dist-packages", b"node_modules", b".venv"];

/// Whether habits of a source are worth a word: it lies in nobody's past, in no container, and in no installed package.
pub(in crate::judge) fn may_be_told(origin: &Origin) -> bool {
    let kind = matches!(origin.kind, Kind::File | Kind::Stdin | Kind::Staged | Kind::Blob | Kind::Process);
    kind && origin.inner.is_empty() && !is_installed(&origin.path)
}

/// Whether a path leads into the folder of installed packages.
pub(in crate::judge) fn is_installed(path: &[u8]) -> bool {
    path.split(|b| matches!(b, b'/' | b'\\')).any(|part| INSTALLED.contains(&part))
}
