//! `scan --diff` and `scan --fix`: findings become edits, edits a diff or new files. In: an outcome and the paths that were
//! named. Out: what was shown or written, and on standard error what was not, with its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::complain;
use wandward::blob::{Kind, Origin};
use wandward::finding::{Finding, Outcome, Remedy, visible};
use wandward::fix::{self, Draft, diff};
use wandward::scan::Scan;
use wandward::source::MAX_WHOLE;
use wandward::source::git::clean::{Commits, State};
use wandward::source::tree;
use wandward::write;

/// What is asked for.
pub(crate) struct Asked {
    /// Only to show the edits.
    pub(crate) diff: bool,
    /// To edit what git could not give back, too.
    pub(crate) allow_dirty: bool,
    /// The paths that were named: nothing outside of them is edited but the `.gitignore` of their repository.
    pub(crate) roots: Vec<PathBuf>,
    /// Errors only.
    pub(crate) quiet: bool,
    pub(crate) colour: bool,
}

/// A file to be written.
struct Edited {
    /// As it is shown.
    name: String,
    /// Without links.
    path: PathBuf,
    draft: Draft,
    /// What that ends.
    ends: Vec<Finding>,
    /// Whether the file is there.
    exists: bool,
}

/// What is to be done.
#[derive(Default)]
pub(crate) struct Plan {
    edited: Vec<Edited>,
    /// Files to be closed to others: as shown, and without links.
    closed: Vec<(String, PathBuf)>,
    /// What is not done, and why.
    refused: Vec<(String, String)>,
}

impl Plan {
    /// What an outcome asks for.
    pub(crate) fn new(scan: &Scan<'_>, outcome: &Outcome, asked: &Asked) -> Plan {
        let mut by_file: BTreeMap<&[u8], Vec<&Finding>> = BTreeMap::new();
        for finding in &outcome.findings {
            let origin = &finding.origin;
            if origin.kind == Kind::File && origin.inner.is_empty() && origin.held.is_none() {
                by_file.entry(&origin.path).or_default().push(finding);
            }
        }
        let mut plan = Plan::default();
        let mut commits = Commits::default();
        let mut ignores: BTreeMap<PathBuf, BTreeSet<Vec<u8>>> = BTreeMap::new();
        for (path, findings) in by_file {
            let origin = Origin::new(Kind::File, path);
            let name = shown(&origin, &findings);
            let mended = plan.file(scan, asked, &mut commits, &origin, &name, &findings);
            if let Err(reason) = mended {
                plan.refused.push((name.clone(), reason));
            }
            for remedy in findings.iter().filter_map(|finding| finding.remedy) {
                plan.whole(remedy, asked, &origin, &name, &mut ignores);
            }
        }
        for (root, lines) in ignores {
            let path = root.join(".gitignore");
            let name = visible(&here(&path).to_string_lossy()).into_owned();
            if let Err(reason) = plan.ignore(asked, &mut commits, path, &name, lines) {
                plan.refused.push((name, reason));
            }
        }
        plan
    }

    /// The files that it takes a key out of, as they are shown.
    pub(crate) fn takes_keys_out_of(&self) -> Vec<String> {
        let takes = |edited: &&Edited| edited.ends.iter().any(|finding| finding.key.is_some());
        self.edited.iter().filter(takes).map(|edited| edited.name.clone()).collect()
    }

    /// Plans the edits of one file's text.
    fn file(
        &mut self,
        scan: &Scan<'_>,
        asked: &Asked,
        commits: &mut Commits,
        origin: &Origin,
        name: &str,
        findings: &[&Finding],
    ) -> Result<(), String> {
        if findings.iter().all(|finding| finding.remedy.is_some()) {
            return Ok(());
        }
        // What cannot be read any more has no edits, and the scan that follows says so.
        let Ok(path) = fs::canonicalize(tree::path(origin)) else { return Ok(()) };
        let Ok(Some(bytes)) = bytes_of(&path) else { return Ok(()) };
        let again = |bytes: &[u8]| scan.again(origin, bytes);
        let changed = |fix::Changed| "it has changed since it was scanned".to_owned();
        let Some(fixed) = fix::text(origin, &bytes, findings, &again).map_err(changed)? else { return Ok(()) };
        may_be_edited(&path, &tree::path(origin), asked)?;
        if !asked.allow_dirty
            && let State::Dirty(reason) = commits.state(&path, &bytes)
        {
            return Err(format!("{reason} (`--allow-dirty` lets it be edited)"));
        }
        let (draft, ends) = (fixed.draft, fixed.ends);
        self.edited.push(Edited { name: name.to_owned(), path, draft, ends, exists: true });
        Ok(())
    }

    /// Plans what concerns all of a file, or of a folder.
    fn whole(
        &mut self,
        remedy: Remedy,
        asked: &Asked,
        origin: &Origin,
        name: &str,
        ignores: &mut BTreeMap<PathBuf, BTreeSet<Vec<u8>>>,
    ) {
        let path = tree::path(origin);
        let Some(real) = absolute(&path) else { return };
        let refused = match remedy {
            Remedy::Close => match may_be_edited(&real, &path, asked) {
                Ok(()) => {
                    self.closed.push((name.to_owned(), real));
                    return;
                }
                Err(reason) => reason,
            },
            Remedy::Ignore => {
                let place = Commits::place(&real);
                let line = place.and_then(|(root, below)| Some((root, fix::ignore_line(&below, real.is_dir())?)));
                match line {
                    Some((root, line)) => {
                        ignores.entry(root).or_default().insert(line);
                        return;
                    }
                    None => "no line of a .gitignore can name it".to_owned(),
                }
            }
            Remedy::Untrack => {
                let folder = if real.is_dir() { "-r " } else { "" };
                format!("git has it; take it out with `git rm --cached {folder}-- {}`", quoted(name))
            }
        };
        self.refused.push((name.to_owned(), refused));
    }

    /// Plans more lines of a `.gitignore`.
    fn ignore(
        &mut self,
        asked: &Asked,
        commits: &mut Commits,
        path: PathBuf,
        name: &str,
        lines: BTreeSet<Vec<u8>>,
    ) -> Result<(), String> {
        let meta = fs::symlink_metadata(&path);
        let exists = meta.is_ok();
        let bytes = match meta {
            Ok(meta) if !meta.is_file() => return Err("it is no regular file".to_owned()),
            Ok(_) => bytes_of(&path).ok().flatten().ok_or("it cannot be read")?,
            Err(_) => Vec::new(),
        };
        let there: Vec<&[u8]> = bytes.split(|&b| b == b'\n').map(<[u8]>::trim_ascii_end).collect();
        let lines: Vec<Vec<u8>> = lines.into_iter().filter(|line| !there.contains(&line.as_slice())).collect();
        if lines.is_empty() {
            return Err("it has the line already, and another one takes that back".to_owned());
        }
        if exists {
            writable(&path)?;
            if !asked.allow_dirty
                && let State::Dirty(reason) = commits.state(&path, &bytes)
            {
                return Err(format!("{reason} (`--allow-dirty` lets it be edited)"));
            }
        }
        let draft = fix::with_lines(&bytes, &lines);
        self.edited.push(Edited { name: name.to_owned(), path, draft, ends: Vec::new(), exists });
        Ok(())
    }

    /// Shows what would be done.
    pub(crate) fn show(&self, scan: &Scan<'_>, asked: &Asked, out: &mut dyn Write) -> io::Result<()> {
        for file in &self.edited {
            let origin = tree::origin(&file.path);
            let known = |bytes: &[u8]| {
                let outcome = scan.again(&origin, bytes);
                outcome.findings.into_iter().chain(outcome.suppressed.into_iter().map(|one| one.finding)).collect()
            };
            let found: [Vec<Finding>; 2] = [known(file.draft.old()), known(&file.draft.bytes())];
            let old = if file.exists { &file.name } else { "/dev/null" };
            diff::write(&file.draft, [old, &file.name], [&found[0], &found[1]], asked.colour, out)?;
        }
        for (name, path) in &self.closed {
            let mode = fs::metadata(path).map(|meta| mode(&meta)).unwrap_or_default();
            writeln!(out, "mode {mode:04o} => 0600 {name}")?;
        }
        out.flush()?;
        self.tell_refused();
        if !asked.quiet {
            let files = self.edited.len() + self.closed.len();
            complain(&match files {
                0 => "nothing that was found can be mended by an edit".to_owned(),
                _ => "`--fix` makes these edits; keys are masked, so the diff itself is not for applying".to_owned(),
            });
        }
        Ok(())
    }

    /// Does it; tells whether anything was done.
    pub(crate) fn make(mut self, asked: &Asked) -> bool {
        let mut keys = BTreeSet::new();
        let mut done = false;
        for file in &self.edited {
            let new = file.draft.bytes();
            let written = write::replace(&file.path, |out| {
                out.write_all(&new)?;
                out.flush()?;
                let now = if file.exists { bytes_of(&file.path)? } else { None };
                let same = now.as_deref().unwrap_or_default() == file.draft.old();
                let there = fs::symlink_metadata(&file.path).is_ok();
                if same && there == file.exists {
                    Ok(())
                } else {
                    Err(io::Error::other("it has changed since it was scanned"))
                }
            });
            match written {
                Ok(()) => {
                    done = true;
                    keys.extend(file.ends.iter().filter_map(|ended| Some(ended.key.as_ref()?.fingerprint.as_str())));
                    let rules: BTreeSet<&str> = file.ends.iter().map(|ended| ended.rule.id.as_str()).collect();
                    let rules: Vec<&str> = rules.into_iter().collect();
                    let what = if rules.is_empty() { "tracked-credentials".to_owned() } else { rules.join(", ") };
                    self.tell(asked, &format!("fixed {}: {what}", file.name));
                }
                Err(error) => self.refused.push((file.name.clone(), tree::plain(&error))),
            }
        }
        for (name, path) in &self.closed {
            match write::close(path) {
                Ok(()) => {
                    done = true;
                    self.tell(asked, &format!("fixed {name}: its mode is 0600"));
                }
                Err(error) => self.refused.push((name.clone(), tree::plain(&error))),
            }
        }
        self.tell_refused();
        if !keys.is_empty() {
            let (keys, are) = if keys.len() == 1 { ("one key", "is") } else { ("several keys", "are") };
            complain(&format!(
                "{keys} {are} out of these files, and still exposed in git history, in copies and in logs: delete {} in \
                 the W&B user settings, and make a new one",
                if are == "is" { "it" } else { "them" }
            ));
        }
        done
    }

    fn tell(&self, asked: &Asked, message: &str) {
        if !asked.quiet {
            complain(message);
        }
    }

    fn tell_refused(&self) {
        for (name, reason) in &self.refused {
            complain(&format!("not fixed: {name}: {reason}"));
        }
    }
}

/// A path as it may be shown, whatever key it is called for.
fn shown(origin: &Origin, findings: &[&Finding]) -> String {
    let names = findings.iter().map(|finding| finding.display_path(&origin.path));
    let name = names.min_by_key(|name| name.len()).unwrap_or_else(|| origin.display_path());
    visible(&name).into_owned()
}

fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if name.chars().all(plain) { name.to_owned() } else { format!("'{}'", name.replace('\'', r"'\''")) }
}

/// A path below the working directory without that.
fn here(path: &Path) -> &Path {
    let folder = fs::canonicalize(".").unwrap_or_default();
    path.strip_prefix(folder).unwrap_or(path)
}

/// A path without links on the way to it; the last part is left as it is.
fn absolute(path: &Path) -> Option<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match path.file_name() {
        Some(name) => Some(fs::canonicalize(folder).ok()?.join(name)),
        None => fs::canonicalize(path).ok(),
    }
}

/// What a regular file holds; nothing of one that is too large to be edited.
fn bytes_of(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    tree::open_named(path)?.take(MAX_WHOLE as u64).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|bytes| bytes.len() < MAX_WHOLE))
}

/// Whether a file, `path` without links, lies where it was asked for, and is no link and not read-only.
fn may_be_edited(path: &Path, reached: &Path, asked: &Asked) -> Result<(), String> {
    let is_link = |path: &Path| fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink());
    let within = asked.roots.iter().any(|root| {
        let real = fs::canonicalize(root).unwrap_or_default();
        if real.is_dir() { path.starts_with(&real) } else { *path == *real && !is_link(root) }
    });
    if !within || is_link(path) {
        let link = is_link(reached) || is_link(path);
        return Err(if link { "it is a link" } else { "it lies outside of the paths that were named" }.to_owned());
    }
    writable(path)
}

/// Whether a file may be replaced: it is not read-only, and has no other name that would keep what it held.
fn writable(path: &Path) -> Result<(), String> {
    let meta = fs::symlink_metadata(path).map_err(|error| tree::plain(&error))?;
    if meta.permissions().readonly() {
        return Err("it is read-only".to_owned());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if meta.nlink() > 1 {
            return Err("it has another name, a hard link, which would keep what it held".to_owned());
        }
    }
    Ok(())
}

#[cfg(unix)]
fn mode(meta: &Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    meta.permissions().mode() & 0o7777
}

#[cfg(not(unix))]
fn mode(_: &Metadata) -> u32 {
    0
}
