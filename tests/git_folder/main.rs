//! Git folders, references, logs, the index and revisions are read as git reads them, in repositories of every shape, and
//! nothing in a repository runs. In: repositories made by git. Out: what we say of them, beside what git says.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod changed;
mod folders;
mod held;
mod hostile;
mod indexes;
mod references;
mod revisions;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;

use support::git::{Repo, printed};
use wandward::object::ObjectId;
use wandward::source::git::folder::GitFolder;
use wandward::source::git::index::{self, IndexEntry};
use wandward::source::git::refs::{self, Reference};

fn opened(folder: &Path) -> GitFolder {
    GitFolder::at(folder).unwrap().unwrap_or_else(|| panic!("{} is no repository", folder.display()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn hex(id: Option<ObjectId>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

fn all_references(folder: &GitFolder) -> Vec<Reference> {
    let (found, gaps) = refs::references(folder);
    assert_eq!(gaps, []);
    found
}

/// Our references are those of `git for-each-ref`, which leaves out unborn ones and those outside of `refs/`.
fn same_references(folder: &GitFolder, repo: &Repo) {
    let theirs = repo.git(&["for-each-ref", "--format=%(refname) %(objectname) %(symref)"]);
    let mut theirs: Vec<&str> = theirs.lines().map(str::trim_end).collect();
    theirs.sort();
    let ours = all_references(folder);
    let ours: Vec<String> = ours
        .iter()
        .filter(|r| r.name.starts_with(b"refs/") && r.target.is_some())
        .map(|r| format!("{} {} {}", text(&r.name), hex(r.target), text(r.symbolic.as_deref().unwrap_or_default())))
        .map(|line| line.trim_end().to_owned())
        .collect();
    assert_eq!(ours, theirs, "{}", repo.path.display());
}

/// `HEAD` comes to the same by itself as among all references, where it can be told by itself.
fn same_head(folder: &GitFolder) {
    if let Some(head) = refs::head(folder) {
        let all = all_references(folder);
        assert_eq!(all.iter().find(|reference| reference.name == b"HEAD").unwrap().target, Some(head));
    }
}

/// Our logs are those of git.
fn same_logs(folder: &GitFolder, repo: &Repo) {
    let (lines, gaps) = refs::reflogs(folder);
    assert_eq!(gaps, []);
    let names = repo.git(&["reflog", "list"]);
    // Of thousands every so manieth will do.
    for name in names.lines().step_by(names.lines().count() / 40 + 1) {
        let theirs = repo.git(&["reflog", "show", "--date=raw", "--format=%H|%gn <%ge>|%gd|%gs", name, "--"]);
        let mut own: Vec<_> = lines.iter().filter(|line| *line.reference == *name.as_bytes()).collect();
        own.sort_by_key(|line| line.line);
        let ours: Vec<String> = own
            .iter()
            .rev()
            .map(|line| {
                let said = text(&line.text);
                let (who, message) = said.split_once('\t').unwrap_or((&said, ""));
                let [zone, time, who] = who.rsplitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
                format!("{}|{who}|{time} {zone}}}|{message}", hex(line.new))
            })
            .collect();
        // git shortens the names of references in its own way.
        let theirs: Vec<String> = theirs
            .lines()
            .map(|line| {
                let (before, behind) = line.split_once("@{").unwrap();
                format!("{}|{behind}", before.rsplit_once('|').unwrap().0)
            })
            .collect();
        assert_eq!(ours, theirs, "{name} in {}", repo.path.display());
        for line in own.iter().filter(|line| !line.table) {
            let file = fs::read(&line.file).unwrap();
            let whole = file.split(|&b| b == b'\n').nth(line.line as usize - 1).unwrap();
            assert_eq!(&whole[line.column..], line.text);
        }
    }
}

/// Our index is that of `git ls-files`, which opens the folders of a sparse one.
fn same_index(folder: &GitFolder, repo: &Repo) -> Vec<IndexEntry> {
    let closed = index::read(&folder.index(), folder).unwrap();
    let mut entries = closed.clone();
    let tree = |id: &ObjectId| Some(repo.raw(&["cat-file", "tree", &id.to_string()], b""));
    assert_eq!(index::open_folders(&mut entries, folder.shape.id_length, tree), []);
    let sparse = closed.iter().any(IndexEntry::is_folder);
    let ours: Vec<String> = entries
        .iter()
        .map(|e| {
            format!(
                "{} {} {}\t{}",
                if sparse { String::new() } else { format!("{:06o}", e.mode) },
                e.id,
                e.stage,
                text(&e.path)
            )
        })
        .collect();
    let theirs = repo.git(&["ls-files", "-s", "-z"]);
    let theirs: Vec<String> =
        theirs.split_terminator('\0').map(|line| if sparse { line[6..].to_owned() } else { line.to_owned() }).collect();
    assert_eq!(ours, theirs, "{}", repo.path.display());
    closed
}

/// Everything about a repository is as git says.
fn same(repo: &Repo) -> GitFolder {
    let folder = opened(&repo.path);
    same_references(&folder, repo);
    same_head(&folder);
    same_logs(&folder, repo);
    same_index(&folder, repo);
    let real = |asked: &str| fs::canonicalize(repo.at(&repo.git(&["rev-parse", asked]))).unwrap();
    assert_eq!(folder.git, real("--absolute-git-dir"));
    assert_eq!(folder.common, real("--git-common-dir"));
    if repo.git(&["rev-parse", "--is-bare-repository"]) == "true" {
        assert_eq!(folder.worktree, None);
    } else if repo.git(&["rev-parse", "--is-inside-work-tree"]) == "true" {
        assert_eq!(folder.worktree, Some(real("--show-toplevel")));
    }
    folder
}

/// A repository with branches, tags, notes, a stash, packed and loose references, and an unborn symbolic one.
fn busy(options: &[&str]) -> Repo {
    let repo = Repo::of(options);
    for nth in 0..4 {
        repo.stage(&format!("dir{}/file{nth}", nth % 2), format!("{nth}\n"));
        repo.commit(&format!("commit {nth}"));
    }
    repo.git(&["branch", "feature/one", "HEAD~1"]);
    repo.git(&["tag", "-a", "v1", "-m", "one"]);
    repo.git(&["notes", "add", "-m", "a note"]);
    repo.git(&["pack-refs", "--all"]);
    repo.git(&["branch", "feature/two", "HEAD~2"]);
    repo.git(&["update-ref", "refs/heads/feature/one", "HEAD"]);
    repo.git(&["tag", "light"]);
    repo.git(&["symbolic-ref", "refs/heads/alias", "refs/heads/feature/two"]);
    repo.git(&["symbolic-ref", "refs/heads/nowhere", "refs/heads/unborn"]);
    repo.write("dir0/file0", "stashed\n");
    // West of Greenwich.
    printed(repo.command(&["stash"]).env("GIT_COMMITTER_DATE", "1700009000 -0230"), b"");
    repo
}
