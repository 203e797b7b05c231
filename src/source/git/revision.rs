//! Says which commit a person means (gitrevisions). In: what was written, the references, a way to look at objects. Out: a
//! commit's id, or why there is none. What this does not know, libgit2 is asked, and then git itself where it is safe.

use std::iter;
use std::path::Path;

use git2::{Repository, RepositoryOpenFlags};

use super::folder::GitFolder;
use super::object;
use super::plumbing::Plumbing;
use super::refs::{self, Reference};
use crate::blob;
use crate::object::{ObjectId, ObjectKind};
use crate::source::tree::native;

/// The shortest abbreviation of an id that git takes.
const SHORTEST: usize = 4;
/// How many tags may point at each other.
const MAX_TAGS: usize = 64;
/// The longest text that is taken for a revision.
const LONGEST: usize = 4096;

/// A look at the objects of a repository.
pub trait Lookup {
    /// What an object is, and its bytes; none if it is not there.
    fn object(&self, id: &ObjectId) -> Option<(ObjectKind, Vec<u8>)>;
    /// Every object whose id begins with these hexadecimal digits, in lower case.
    fn beginning(&self, digits: &str) -> Vec<ObjectId>;
}

/// Why a text names no commit. Keys in it are not shown.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RevisionError {
    /// Nothing has that name.
    #[error("unknown revision `{0}`")]
    Unknown(String),
    /// What has that name is a tree or a blob.
    #[error("`{0}` is no commit")]
    NotACommit(String),
    /// Several objects have ids that begin so.
    #[error("`{0}` is ambiguous: {1} commits have ids that begin so")]
    Ambiguous(String, usize),
    /// The way to it leads over an object that is not there.
    #[error("cannot follow `{0}`: object {1} is missing")]
    Missing(String, ObjectId),
    /// It has no two dots.
    #[error("`{0}` is no range: write A..B, or A...B for what B has since it left A")]
    NoRange(String),
}

/// Two revisions with two or three dots between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// What is left out; `HEAD` if nothing is written.
    pub from: Vec<u8>,
    /// What is looked at; `HEAD` if nothing is written.
    pub to: Vec<u8>,
    /// Whether there are three dots.
    pub symmetric: bool,
}

impl Range {
    /// `A..B`, `A...B`, `A..`, `..B`.
    pub fn parse(text: &[u8]) -> Result<Range, RevisionError> {
        let dots = memchr::memmem::find(text, b"..").ok_or_else(|| RevisionError::NoRange(shown(text)))?;
        let symmetric = text[dots..].starts_with(b"...");
        let to = &text[dots + if symmetric { 3 } else { 2 }..];
        if memchr::memmem::find(to, b"..").is_some() {
            return Err(RevisionError::NoRange(shown(text)));
        }
        let side = |side: &[u8]| if side.is_empty() { b"HEAD".to_vec() } else { side.to_vec() };
        Ok(Range { from: side(&text[..dots]), to: side(to), symmetric })
    }
}

/// The commit that `text` names in the repository of a worktree.
pub fn resolve(
    text: &[u8],
    folder: &GitFolder,
    references: &[Reference],
    objects: &dyn Lookup,
) -> Result<ObjectId, RevisionError> {
    Resolver { text, folder, references, objects }.commit()
}

fn shown(text: &[u8]) -> String {
    blob::display_word(text).into_owned()
}

struct Resolver<'r> {
    text: &'r [u8],
    folder: &'r GitFolder,
    references: &'r [Reference],
    objects: &'r dyn Lookup,
}

impl Resolver<'_> {
    fn unknown(&self) -> RevisionError {
        RevisionError::Unknown(shown(self.text))
    }

    fn commit(&self) -> Result<ObjectId, RevisionError> {
        if self.text.is_empty() || self.text.len() > LONGEST || self.text.contains(&0) {
            return Err(self.unknown());
        }
        match self.own() {
            Some(found) => found,
            None => self.peeled(self.by_library().or_else(|| self.by_git()).ok_or_else(|| self.unknown())?),
        }
    }

    /// `NAME`, `NAME@{2}`, and the steps `~2`, `^2`, `^{}`, `^{commit}` behind them; none for what only git can say.
    fn own(&self) -> Option<Result<ObjectId, RevisionError>> {
        if self.text.contains(&b':') {
            return None;
        }
        let log = memchr::memmem::find(self.text, b"@{").unwrap_or(self.text.len());
        let end = self.text.iter().position(|b| matches!(b, b'~' | b'^')).unwrap_or(self.text.len()).min(log);
        let (name, mut steps) = self.text.split_at(end);
        let start = if let Some(rest) = steps.strip_prefix(b"@{") {
            let close = rest.iter().position(|&b| b == b'}')?;
            let nth = str::from_utf8(&rest[..close]).ok()?.parse().ok()?;
            steps = &rest[close + 1..];
            self.logged(name, nth)?
        } else {
            match self.named(name) {
                Ok(found) => found?,
                Err(error) => return Some(Err(error)),
            }
        };
        self.walk(start, steps)
    }

    /// Goes from an object the way that the steps say.
    fn walk(&self, start: ObjectId, mut steps: &[u8]) -> Option<Result<ObjectId, RevisionError>> {
        let mut at = match self.peeled(start) {
            Ok(at) => at,
            Err(error) => return Some(Err(error)),
        };
        while let Some((&step, rest)) = steps.split_first() {
            if let Some(behind) = rest.strip_prefix(b"{}").or(rest.strip_prefix(b"{commit}")).filter(|_| step == b'^') {
                steps = behind;
                continue;
            }
            let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
            let number = if digits == 0 { 1 } else { str::from_utf8(&rest[..digits]).ok()?.parse::<usize>().ok()? };
            steps = &rest[digits..];
            let (times, nth) = match step {
                b'~' => (number, 1),
                b'^' if !rest.starts_with(b"{") => (number.min(1), number),
                _ => return None,
            };
            for _ in 0..times {
                at = match self.parent(at, nth) {
                    Ok(parent) => parent,
                    Err(error) => return Some(Err(error)),
                };
            }
        }
        Some(Ok(at))
    }

    /// A parent of a commit, from 1.
    fn parent(&self, id: ObjectId, nth: usize) -> Result<ObjectId, RevisionError> {
        let missing = |id| RevisionError::Missing(shown(self.text), id);
        let (_, bytes) = self.objects.object(&id).ok_or_else(|| missing(id))?;
        let parents = object::commit(&bytes).map(|commit| commit.parents).unwrap_or_default();
        let parent = *nth.checked_sub(1).and_then(|nth| parents.get(nth)).ok_or_else(|| self.unknown())?;
        self.objects.object(&parent).map(|_| parent).ok_or_else(|| missing(parent))
    }

    /// The commit that an object is, or that the tag it is points at.
    fn peeled(&self, mut id: ObjectId) -> Result<ObjectId, RevisionError> {
        for _ in 0..MAX_TAGS {
            let Some((kind, bytes)) = self.objects.object(&id) else {
                return Err(RevisionError::Missing(shown(self.text), id));
            };
            id = match kind {
                ObjectKind::Commit => return Ok(id),
                ObjectKind::Tag => object::tagged(&bytes).ok_or(RevisionError::Missing(shown(self.text), id))?,
                ObjectKind::Tree | ObjectKind::Blob => break,
            };
        }
        Err(RevisionError::NotACommit(shown(self.text)))
    }

    /// The object of a full id, of a reference, of an abbreviated id, in this order, as git has it.
    fn named(&self, name: &[u8]) -> Result<Option<ObjectId>, RevisionError> {
        if let Some(id) = ObjectId::from_hex(name).filter(|id| id.as_bytes().len() == self.folder.shape.id_length) {
            return if self.objects.object(&id).is_some() { Ok(Some(id)) } else { Err(self.unknown()) };
        }
        if let Some(reference) = self.reference(name) {
            return reference.target.map(Some).ok_or_else(|| self.unknown());
        }
        let short = name.len() >= SHORTEST && name.iter().all(u8::is_ascii_hexdigit);
        let Some(digits) = str::from_utf8(name).ok().filter(|_| short) else { return Ok(None) };
        let mut found = self.objects.beginning(&digits.to_ascii_lowercase());
        found.sort();
        found.dedup();
        if let [only] = found[..] {
            return Ok(Some(only));
        }
        let commits: Vec<ObjectId> = found.iter().copied().filter(|id| self.peeled(*id).is_ok()).collect();
        match commits[..] {
            [only] => Ok(Some(only)),
            [] if found.is_empty() => Ok(None),
            [] => Err(RevisionError::NotACommit(shown(self.text))),
            _ => Err(RevisionError::Ambiguous(shown(self.text), commits.len())),
        }
    }

    /// A reference by git's rules: the first name of these that there is.
    fn reference(&self, name: &[u8]) -> Option<&Reference> {
        const RULES: [(&[u8], &[u8]); 6] = [
            (b"", b""),
            (b"refs/", b""),
            (b"refs/tags/", b""),
            (b"refs/heads/", b""),
            (b"refs/remotes/", b""),
            (b"refs/remotes/", b"/HEAD"),
        ];
        let name = if name == b"@" { b"HEAD" } else { name };
        RULES.iter().find_map(|(before, behind)| {
            let full = [before, name, behind].concat();
            let nth = self.references.binary_search_by(|reference| reference.name.cmp(&full)).ok()?;
            self.references.get(nth)
        })
    }

    /// What a reference pointed at `nth` updates ago. Without a name it is the branch at hand.
    fn logged(&self, name: &[u8], nth: usize) -> Option<ObjectId> {
        let name = match name {
            b"" => self.reference(b"HEAD")?.symbolic.clone().unwrap_or_else(|| b"HEAD".to_vec()),
            name => self.reference(name)?.name.clone(),
        };
        let mut lines = refs::reflogs(self.folder).0;
        lines.retain(|line| *line.reference == *name);
        lines.sort_by_key(|line| (line.table, line.line));
        match lines.len().checked_sub(nth)? {
            0 => lines.first()?.old,
            behind => lines.get(behind - 1)?.new,
        }
    }

    /// What libgit2 says; it opens no repository of another user, and none of an unknown shape.
    fn by_library(&self) -> Option<ObjectId> {
        let flags = RepositoryOpenFlags::NO_SEARCH;
        let repository = Repository::open_ext(&self.folder.git, flags, iter::empty::<&Path>()).ok()?;
        let object = repository.revparse_single(str::from_utf8(self.text).ok()?).ok()?;
        ObjectId::from_bytes(object.id().as_bytes())
    }

    fn by_git(&self) -> Option<ObjectId> {
        let mut command = Plumbing::new(&self.folder.git)?.command(&["rev-parse", "--verify", "--quiet"]);
        let output = command.arg("--end-of-options").arg(native(self.text)).output().ok()?;
        ObjectId::from_hex(output.stdout.trim_ascii_end()).filter(|_| output.status.success())
    }
}
