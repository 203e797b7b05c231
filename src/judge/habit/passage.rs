//! What a check reads: a file's text, or what the cells of a notebook say, with the kind of place it comes from.

use std::cell::OnceCell;

use super::shell::{self, Command};
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
    /// The commands in it, once somebody asked.
    pub(in crate::judge) commands: OnceCell<Vec<Command>>,
    /// Whether this is all of the file, not a part of a large one.
    pub(in crate::judge) whole: bool,
}

impl Passage<'_> {
    /// Every command on a line that names W&B, in order.
    pub(in crate::judge) fn commands(&self) -> &[Command] {
        self.commands.get_or_init(|| shell::commands(self))
    }
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
