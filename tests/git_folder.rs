//! Git folders, references, logs, the index and revisions are read as git reads them, in repositories of every shape, and
//! nothing in a repository runs.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod support;

#[path = "support/repository.rs"]
mod repository;

use std::fs;
use std::path::{Path, PathBuf};

use repository::{Repository, bare_hex, git, git_maybe, git_text};
use support::key;
use wandward::object::{ObjectId, ObjectKind};
use wandward::source::git::folder::GitFolder;
use wandward::source::git::index::{self, IndexEntry};
use wandward::source::git::refs::{self, Reference};
use wandward::source::git::revision::{self, Lookup, Range, RevisionError};

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
fn same_references(folder: &GitFolder, at: &Path) {
    let theirs = git_text(at, &["for-each-ref", "--format=%(refname) %(objectname) %(symref)"]);
    let mut theirs: Vec<&str> = theirs.lines().map(str::trim_end).collect();
    theirs.sort();
    let ours = all_references(folder);
    let ours: Vec<String> = ours
        .iter()
        .filter(|r| r.name.starts_with(b"refs/") && r.target.is_some())
        .map(|r| format!("{} {} {}", text(&r.name), hex(r.target), text(r.symbolic.as_deref().unwrap_or_default())))
        .map(|line| line.trim_end().to_owned())
        .collect();
    assert_eq!(ours, theirs, "{}", at.display());
}

/// Our logs are those of git.
fn same_logs(folder: &GitFolder, at: &Path) {
    let (lines, gaps) = refs::reflogs(folder);
    assert_eq!(gaps, []);
    let names = git_text(at, &["reflog", "list"]);
    // Of thousands every so manieth will do.
    for name in names.lines().step_by(names.lines().count() / 40 + 1) {
        let theirs = git_text(at, &["reflog", "show", "--date=unix", "--format=%H|%gn <%ge>|%gd|%gs", name, "--"]);
        let mut own: Vec<_> = lines.iter().filter(|line| *line.reference == *name.as_bytes()).collect();
        own.sort_by_key(|line| line.line);
        let ours: Vec<String> = own
            .iter()
            .rev()
            .map(|line| {
                let said = text(&line.text);
                let (who, message) = said.split_once('\t').unwrap_or((&said, ""));
                let (who, time) = who.rsplit_once(' ').unwrap().0.rsplit_once(' ').unwrap();
                format!("{}|{who}|{time}}}|{message}", hex(line.new))
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
        assert_eq!(ours, theirs, "{name} in {}", at.display());
        for line in own.iter().filter(|line| !line.table) {
            let file = fs::read(&line.file).unwrap();
            let whole = file.split(|&b| b == b'\n').nth(line.line as usize - 1).unwrap();
            assert_eq!(&whole[line.column..], line.text);
        }
    }
}

/// Our index is that of `git ls-files`, which opens the folders of a sparse one.
fn same_index(folder: &GitFolder, at: &Path) -> Vec<IndexEntry> {
    let closed = index::read(&folder.index(), folder).unwrap();
    let mut entries = closed.clone();
    let tree = |id: &ObjectId| Some(git(at, &["cat-file", "tree", &id.to_string()]));
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
    let theirs = git(at, &["ls-files", "-s", "-z"]);
    let theirs: Vec<String> = text(&theirs)
        .split_terminator('\0')
        .map(|line| if sparse { line[6..].to_owned() } else { line.to_owned() })
        .collect();
    assert_eq!(ours, theirs, "{}", at.display());
    closed
}

/// Everything about a repository is as git says.
fn same(at: &Path) -> GitFolder {
    let folder = opened(at);
    same_references(&folder, at);
    same_logs(&folder, at);
    same_index(&folder, at);
    let real = |path: &str| fs::canonicalize(at.join(path)).unwrap();
    assert_eq!(folder.git, real(git_text(at, &["rev-parse", "--absolute-git-dir"]).trim()));
    assert_eq!(folder.common, real(git_text(at, &["rev-parse", "--git-common-dir"]).trim()));
    if git_text(at, &["rev-parse", "--is-bare-repository"]).trim() == "true" {
        assert_eq!(folder.worktree, None);
    } else if git_text(at, &["rev-parse", "--is-inside-work-tree"]).trim() == "true" {
        assert_eq!(folder.worktree, Some(real(git_text(at, &["rev-parse", "--show-toplevel"]).trim())));
    }
    folder
}

/// A repository with branches, tags, notes, a stash, packed and loose references, and an unborn symbolic one.
fn busy(options: &[&str]) -> Repository {
    let repo = Repository::new(options);
    for nth in 0..4 {
        repo.commit(&format!("dir{}/file{nth}", nth % 2), &format!("{nth}\n"), &format!("commit {nth}"));
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
    repo.git(&["stash"]);
    repo
}

#[test]
fn ordinary_repositories_are_read_as_git_reads_them() {
    for options in [
        &[][..],
        &["--object-format=sha256"],
        &["--ref-format=reftable"],
        &["--object-format=sha256", "--ref-format=reftable"],
    ] {
        let repo = busy(options);
        let folder = same(repo.path());
        assert_eq!(folder.shape.id_length, if options.contains(&"--object-format=sha256") { 32 } else { 20 });
        assert_eq!(folder.shape.reftable, options.contains(&"--ref-format=reftable"));
        assert_eq!((&folder.shape.unknown[..], folder.links_back, folder.shape.partial), (&[][..], true, false));
        let references = all_references(&folder);
        let named =
            |name: &[u8]| references.iter().find(|r| r.name == name).unwrap_or_else(|| panic!("{}", text(name)));
        assert_eq!(named(b"HEAD").symbolic.as_deref(), Some(&b"refs/heads/main"[..]));
        assert_eq!(hex(named(b"HEAD").target), repo.id("HEAD"));
        assert_eq!(named(b"refs/heads/nowhere").target, None);
        for path in ["dir0", "dir0/file0", ".git/objects", ".git/HEAD"] {
            let above = GitFolder::above(&repo.path().join(path)).unwrap().unwrap();
            assert_eq!((above.git, above.worktree), (folder.git.clone(), folder.worktree.clone()), "{path}");
        }
        assert!(GitFolder::at(&repo.path().join("dir0")).unwrap().is_none());
    }
}

#[test]
fn a_loose_reference_hides_a_packed_one() {
    let repo = busy(&[]);
    let references = all_references(&opened(repo.path()));
    let one = references.iter().find(|r| r.name == b"refs/heads/feature/one").unwrap();
    assert_eq!(hex(one.target), repo.id("HEAD"));
}

#[test]
fn tables_of_many_blocks_are_read_and_so_are_keys_in_names_and_messages() {
    let repo = Repository::new(&["--ref-format=reftable"]);
    repo.commit("a", "a\n", "first");
    let (in_name, in_message) = (key("v1", "in a name"), key("v1", "in a message"));
    let mut commands = String::new();
    for nth in 0..3000 {
        commands += &format!("create refs/heads/deep/{}/{nth} {}\n", nth % 7, repo.id("HEAD"));
    }
    repo.git_with(&["update-ref", "--stdin", "--create-reflog", "-m", "many"], commands.as_bytes());
    repo.git(&["branch", &in_name]);
    repo.git(&["update-ref", "-m", &in_message, "refs/heads/main", "HEAD", "HEAD"]);
    repo.git(&["update-ref", "--create-reflog", "-m", &in_message, "refs/heads/logged", "HEAD"]);
    repo.git(&["branch", "-D", "deep/3/3"]);
    for packed in [false, true] {
        if packed {
            repo.git(&["pack-refs", "--all"]);
        }
        let folder = same(repo.path());
        assert!(all_references(&folder).iter().any(|r| r.name.ends_with(in_name.as_bytes())));
        let said = |line: &refs::ReflogLine| line.table && text(&line.text).ends_with(&format!("\t{in_message}"));
        assert!(refs::reflogs(&folder).0.iter().any(said));
    }
}

#[test]
fn empty_bare_and_unborn_repositories_are_repositories() {
    let repo = Repository::new(&[]);
    let folder = same(repo.path());
    let unborn = all_references(&folder);
    assert_eq!((unborn.len(), unborn[0].target), (1, None));
    let bare = Repository::new(&["--bare"]);
    assert_eq!(same(bare.path()).worktree, None);
    assert_eq!(
        GitFolder::above(&bare.path().join("objects/info")).unwrap().unwrap().git,
        fs::canonicalize(bare.path()).unwrap()
    );
}

#[test]
fn linked_worktrees_know_each_other_and_keep_their_own_references() {
    for format in ["files", "reftable"] {
        let repo = Repository::new(&[&format!("--ref-format={format}")]);
        repo.commit("a", "a\n", "first");
        repo.commit("a", "b\n", "second");
        let tree = repo.beside("tree");
        repo.git(&["worktree", "add", "-b", "side", tree.to_str().unwrap(), "HEAD~1"]);
        git(&tree, &["update-ref", "refs/worktree/own", "HEAD"]);
        git(&tree, &["update-ref", "refs/bisect/bad", "HEAD"]);
        repo.git(&["update-ref", "refs/bisect/good", "HEAD"]);
        // A bare path says what it is to git, too.
        let (main, linked) = (opened(repo.path()), opened(&tree));
        assert_eq!((&linked.common, linked.links_back), (&main.common, true));
        assert_eq!(main.linked(), std::slice::from_ref(&linked.git));
        assert_eq!(opened(&linked.git).worktree, linked.worktree);
        assert_eq!(linked.worktree, Some(fs::canonicalize(&tree).unwrap()));
        same_index(&linked, &tree);
        same_logs(&linked, &tree);
        same_logs(&main, repo.path());
        let find = |folder: &GitFolder, name: &str| {
            let found = all_references(folder);
            hex(found.iter().find(|r| r.name == name.as_bytes()).unwrap_or_else(|| panic!("{name}, {format}")).target)
        };
        let (old, new) = (repo.id("HEAD~1"), repo.id("HEAD"));
        for (folder, name, id) in [
            (&main, "HEAD", &new),
            (&main, "worktrees/tree/HEAD", &old),
            (&main, "worktrees/tree/refs/worktree/own", &old),
            (&main, "worktrees/tree/refs/bisect/bad", &old),
            (&main, "refs/bisect/good", &new),
            (&linked, "HEAD", &old),
            (&linked, "refs/worktree/own", &old),
            (&linked, "main-worktree/HEAD", &new),
            (&linked, "main-worktree/refs/bisect/good", &new),
        ] {
            assert_eq!(&find(folder, name), id, "{name}, {format}");
        }
        assert!(refs::reflogs(&main).0.iter().any(|line| *line.reference == *b"worktrees/tree/HEAD"), "{format}");
    }
}

#[test]
fn submodules_are_found_wherever_they_lie() {
    let inner = Repository::new(&[]);
    inner.commit("x", "x\n", "inner");
    let middle = Repository::new(&[]);
    middle.commit("y", "y\n", "middle");
    middle.git(&["submodule", "add", inner.path().to_str().unwrap(), "deep/inner"]);
    middle.git(&["commit", "-m", "with inner"]);
    let outer = Repository::new(&[]);
    outer.git(&["submodule", "add", middle.path().to_str().unwrap(), "libs/middle"]);
    outer.git(&["submodule", "update", "--init", "--recursive"]);
    outer.git(&["commit", "-m", "with middle"]);
    let folder = same(outer.path());
    let git = folder.git.join("modules/libs/middle");
    assert_eq!(folder.modules(), [git.clone(), git.join("modules/deep/inner")]);
    for path in ["libs/middle", "libs/middle/deep/inner"] {
        let module = same(&outer.path().join(path));
        assert!(module.links_back, "{path}");
        assert_eq!(opened(&module.git).worktree, module.worktree, "{path}");
    }
    let entries = index::read(&folder.index(), &folder).unwrap();
    assert!(entries.iter().any(|e| e.is_submodule() && e.path == b"libs/middle"));
}

#[test]
fn shallow_partial_and_other_shapes_are_told() {
    let repo = busy(&[]);
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", repo.path().display());
    let (shallow, partial) = (repo.beside("shallow"), repo.beside("partial"));
    git(repo.path(), &["clone", "--depth=1", &url, shallow.to_str().unwrap()]);
    git(repo.path(), &["clone", "--filter=blob:none", "--no-checkout", &url, partial.to_str().unwrap()]);
    let folder = same(&shallow);
    assert_eq!((folder.shape.shallow, folder.shape.partial), (true, false));
    let folder = opened(&partial);
    assert_eq!((folder.shape.shallow, folder.shape.partial), (false, true));
    assert_eq!(folder.remotes, [b"origin".to_vec()]);
    same_references(&folder, &partial);

    // Some of them this git does not know itself.
    let config = repo.path().join(".git/config");
    let known = "[core]\nRepositoryFormatVersion = 1\n[extensions]\nnoop\npreciousObjects = true\nworktreeConfig\nrelativeWorktrees = 1\n";
    let text = fs::read_to_string(&config).unwrap() + known;
    fs::write(&config, &text).unwrap();
    assert_eq!(opened(repo.path()).shape.unknown, [""; 0]);
    fs::write(&config, text + "FutureThing = true\n").unwrap();
    assert_eq!(opened(repo.path()).shape.unknown, ["extensions.futurething"]);
}

#[test]
fn a_worktree_that_the_configuration_names_is_read() {
    let repo = busy(&[]);
    let elsewhere = repo.beside("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    repo.git(&["config", "core.worktree", "../../elsewhere"]);
    assert_eq!(opened(repo.path()).worktree, Some(fs::canonicalize(&elsewhere).unwrap()));
    repo.git(&["config", "--unset", "core.worktree"]);
    repo.git(&["config", "extensions.worktreeConfig", "true"]);
    repo.git(&["config", "--worktree", "core.worktree", elsewhere.to_str().unwrap()]);
    assert_eq!(opened(repo.path()).worktree, Some(fs::canonicalize(&elsewhere).unwrap()));
}

#[test]
fn a_git_file_that_points_elsewhere_is_told_apart() {
    let victim = busy(&[]);
    let evil = victim.beside("evil");
    fs::create_dir(&evil).unwrap();
    let git_file = evil.join(".git");
    fs::write(&git_file, format!("gitdir: {}\n", victim.path().join(".git").display())).unwrap();
    let folder = opened(&evil);
    assert!(!folder.links_back);
    // A git directory of its own that borrows everything from another.
    fs::remove_file(&git_file).unwrap();
    fs::create_dir(&git_file).unwrap();
    fs::write(git_file.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    fs::write(git_file.join("commondir"), victim.path().join(".git").to_str().unwrap()).unwrap();
    assert!(!opened(&evil).links_back);
    // One that was moved out of the way, and knows its worktree.
    let own = Repository::new(&[]);
    let away = own.beside("away");
    own.git(&["init", &format!("--separate-git-dir={}", away.display())]);
    assert!(!opened(own.path()).links_back);
    own.git(&["config", "core.worktree", own.path().to_str().unwrap()]);
    assert!(opened(own.path()).links_back);
}

#[test]
fn a_git_file_without_sense_is_an_error_that_names_it() {
    let repo = Repository::new(&[]);
    let odd = repo.beside("odd");
    fs::create_dir_all(odd.join("below")).unwrap();
    for content in ["", "gitdir:", "gitdir: /does/not/exist\n", "nonsense", "gitdir: .\n", "gitdir: \0\n"] {
        fs::write(odd.join(".git"), content).unwrap();
        let error = GitFolder::above(&odd.join("below")).unwrap_err();
        assert_eq!(error.path.file_name().unwrap(), ".git", "{content:?}: {error}");
    }
    fs::remove_file(odd.join(".git")).unwrap();
    fs::create_dir(odd.join(".git")).unwrap();
    assert!(GitFolder::at(&odd).unwrap().is_none(), "git takes an empty one for none");
    fs::create_dir(odd.join(".git/objects")).unwrap();
    assert!(GitFolder::at(&odd).is_err());
}

#[cfg(unix)]
#[test]
fn nothing_but_regular_files_is_opened() {
    let fifo = |path: &Path| {
        let _ = fs::remove_file(path);
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    for format in ["files", "reftable"] {
        let repo = busy(&[&format!("--ref-format={format}")]);
        let git = repo.path().join(".git");
        let folder = opened(repo.path());
        let list = git.join("reftable/tables.list");
        for path in ["packed-refs", "refs/fifo", "logs/fifo", "index", "FETCH_HEAD", "shallow"]
            .map(|p| git.join(p))
            .iter()
            .chain([&list])
        {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fifo(path);
        }
        let gaps = [refs::references(&folder).1, refs::reflogs(&folder).1].concat();
        assert!(gaps.iter().any(|(path, _)| path.ends_with("refs/fifo")), "{gaps:?}");
        assert!(gaps.iter().any(|(path, _)| path.ends_with("reftable/tables.list")), "{gaps:?}");
        assert!(index::read(&folder.index(), &folder).is_err());
        fifo(&git.join("config"));
        assert!(GitFolder::at(repo.path()).is_err());
        fifo(&git.join("HEAD"));
        assert!(GitFolder::at(repo.path()).is_err(), "no git directory any more, and not an empty one");
        fs::remove_dir_all(&git).unwrap();
        fifo(&git);
        assert!(GitFolder::at(repo.path()).unwrap().is_none());
    }
}

#[test]
fn every_index_is_read_as_git_reads_it() {
    for format in ["sha1", "sha256"] {
        for version in ["2", "3", "4"] {
            let repo = busy(&[&format!("--object-format={format}")]);
            repo.write("long/".repeat(40).trim_end_matches('/').replace("long", "longer"), "long\n");
            repo.write(format!("{}name", format!("{}/", "n".repeat(200)).repeat(15)), "deep\n");
            for name in ["a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg", "abcdefgh", "\u{e4}\n"] {
                repo.write(name, name);
            }
            repo.git(&["add", "."]);
            repo.git(&["update-index", "--index-version", version]);
            repo.write("later", "text that is not in the index\n");
            repo.git(&["add", "--intent-to-add", "later"]);
            repo.git(&["update-index", "--skip-worktree", "ab"]);
            repo.git(&["update-index", "--assume-unchanged", "abc"]);
            let entries = same_index(&opened(repo.path()), repo.path());
            let intended: Vec<_> = entries.iter().filter(|e| e.intent_to_add).map(|e| text(&e.path)).collect();
            assert_eq!(intended, ["later"]);
        }
    }
}

#[test]
fn an_index_during_a_merge_has_its_stages() {
    let repo = Repository::new(&[]);
    repo.commit("f", "base\n", "base");
    repo.git(&["checkout", "-b", "theirs"]);
    repo.commit("f", "theirs\n", "theirs");
    repo.git(&["checkout", "main"]);
    repo.commit("f", "ours\n", "ours");
    repo.git_fails(&["merge", "theirs"]);
    let folder = same(repo.path());
    let entries = index::read(&folder.index(), &folder).unwrap();
    assert_eq!(entries.iter().map(|e| e.stage).collect::<Vec<_>>(), [1, 2, 3]);
    let merged = all_references(&folder);
    assert_eq!(hex(merged.iter().find(|r| r.name == b"MERGE_HEAD").unwrap().target), repo.id("theirs"));
}

#[test]
fn split_and_sparse_indexes_are_read_without_git() {
    for format in ["sha1", "sha256"] {
        let repo = busy(&[&format!("--object-format={format}")]);
        for nth in 0..300 {
            repo.write(format!("many/{nth}"), &format!("{nth}\n"));
        }
        repo.git(&["add", "."]);
        repo.git(&["config", "splitIndex.maxPercentChange", "100"]);
        repo.git(&["update-index", "--split-index"]);
        for nth in [3, 100, 101, 299] {
            repo.write(format!("many/{nth}"), "changed\n");
        }
        repo.write("many/1000", "new\n");
        repo.git(&["add", "."]);
        repo.git(&["rm", "-q", "--cached", "many/7", "many/200"]);
        let split = fs::read(repo.path().join(".git/index")).unwrap();
        assert!(memchr::memmem::find(&split, b"link").is_some());
        let entries = same_index(&opened(repo.path()), repo.path());
        assert!(entries.len() > 290);
        let shared = fs::read_dir(repo.path().join(".git")).unwrap().map(|e| e.unwrap().path());
        let shared: Vec<_> = shared.filter(|p| p.to_str().unwrap().contains("sharedindex")).collect();
        shared.iter().for_each(|path| fs::remove_file(path).unwrap());
        let folder = opened(repo.path());
        assert!(index::read(&folder.index(), &folder).unwrap_err().to_string().contains("missing"));

        let repo = busy(&[&format!("--object-format={format}")]);
        repo.git(&["sparse-checkout", "init", "--cone", "--sparse-index"]);
        repo.git(&["sparse-checkout", "set", "dir0"]);
        let entries = same_index(&opened(repo.path()), repo.path());
        let closed: Vec<_> = entries.iter().filter(|e| e.is_folder()).map(|e| text(&e.path)).collect();
        assert_eq!(closed, ["dir1"]);
    }
}

/// Objects as git has them.
struct ByGit<'p>(&'p Path);

impl Lookup for ByGit<'_> {
    fn object(&self, id: &ObjectId) -> Option<(ObjectKind, Vec<u8>)> {
        let kind = git_maybe(self.0, &["cat-file", "-t", &id.to_string()])?;
        let kind = ObjectKind::named(kind.trim_ascii_end())?;
        Some((kind, git(self.0, &["cat-file", kind.name(), &id.to_string()])))
    }

    fn beginning(&self, digits: &str) -> Vec<ObjectId> {
        let found = git_text(self.0, &["rev-parse", &format!("--disambiguate={digits}")]);
        found.lines().map(|line| ObjectId::from_hex(line.as_bytes()).unwrap()).collect()
    }
}

fn resolve(at: &Path, text: &str) -> Result<ObjectId, RevisionError> {
    let folder = opened(at);
    revision::resolve(text.as_bytes(), &folder, &all_references(&folder), &ByGit(at))
}

#[test]
fn revisions_are_what_git_takes_them_for() {
    for options in [&[][..], &["--object-format=sha256"], &["--ref-format=reftable"]] {
        let repo = busy(options);
        repo.git(&["checkout", "-b", "octopus"]);
        repo.git(&["checkout", "-b", "arm", "HEAD~2"]);
        repo.commit("arm", "arm\n", "the arm");
        repo.git(&["checkout", "octopus"]);
        repo.git(&["merge", "--no-ff", "-m", "merge", "arm"]);
        repo.git(&["branch", "--set-upstream-to=main"]);
        repo.git(&["update-ref", "refs/remotes/origin/main", "HEAD~1"]);
        repo.git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"]);
        let head = repo.id("HEAD");
        let short = [&head[..], &head[..12], &head[..7]];
        let names = [
            "HEAD", "@", "main", "heads/main", "refs/heads/main", "v1", "tags/v1", "light", "feature/one", "alias",
            "origin", "origin/main", "stash", "HEAD~1", "HEAD~", "HEAD~0", "HEAD^", "HEAD^2", "HEAD^2~1", "HEAD^0",
            "HEAD^^", "@~2^{}", "v1^{}", "v1^{commit}", "v1~1", "main^{commit}~1", "HEAD@{0}", "HEAD@{1}", "@{1}",
            "main@{2}", "@{0}~1", "@{upstream}", "octopus@{u}", "@{-1}", ":/commit 2", "HEAD^{/commit 1}", "stash@{0}",
            "arm",
        ];
        let described = git_text(repo.path(), &["describe", "--tags", "--long", "HEAD"]);
        for name in names.iter().chain(&short).copied().chain([described.trim()]) {
            let theirs = git_text(repo.path(), &["rev-parse", "--verify", name]);
            let theirs = git_text(repo.path(), &["rev-parse", "--verify", &format!("{}^{{commit}}", theirs.trim())]);
            let ours = resolve(repo.path(), name).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(ours.to_string(), theirs.trim(), "{name} {options:?}");
        }
        for name in
            ["nothing", "HEAD~99", "HEAD^3", "main@{99}", "", "-n", "--all", "@{", "HEAD^{", "a b", "nowhere", "HEAD\n"]
        {
            let error = resolve(repo.path(), name).unwrap_err();
            assert!(matches!(error, RevisionError::Unknown(_)), "{name}: {error}");
        }
        for name in ["HEAD^{tree}", "HEAD:dir0", "HEAD:dir0/file0", &repo.id("HEAD^{tree}")] {
            let error = resolve(repo.path(), name).unwrap_err();
            assert!(matches!(error, RevisionError::NotACommit(_)), "{name}: {error}");
        }
        let v1 = key("v1", "revision");
        let error = resolve(repo.path(), &v1).unwrap_err().to_string();
        assert!(error.contains(&v1[..20]) && !error.contains(&v1[..30]), "{error}");
        assert!(resolve(repo.path(), &bare_hex("no such commit")).is_err());
    }
}

#[test]
fn an_abbreviation_of_several_commits_is_ambiguous() {
    let repo = Repository::new(&[]);
    let tree = git_text(repo.path(), &["mktree"]);
    let mut seen = std::collections::HashMap::new();
    let short = (0..2000).find_map(|nth| {
        let id = git_text(repo.path(), &["commit-tree", "-m", &nth.to_string(), tree.trim()]);
        let short = id[..4].to_owned();
        seen.insert(short.clone(), id).map(|_| short)
    });
    let error = resolve(repo.path(), &short.unwrap()).unwrap_err();
    assert!(matches!(error, RevisionError::Ambiguous(_, 2)), "{error}");
}

#[test]
fn a_range_has_two_sides() {
    let range = |from: &str, to: &str, symmetric| Range { from: from.into(), to: to.into(), symmetric };
    assert_eq!(Range::parse(b"a..b"), Ok(range("a", "b", false)));
    assert_eq!(Range::parse(b"a...b~2"), Ok(range("a", "b~2", true)));
    assert_eq!(Range::parse(b"a.."), Ok(range("a", "HEAD", false)));
    assert_eq!(Range::parse(b"...b"), Ok(range("HEAD", "b", true)));
    for text in ["main", "", "a..b..c", "a.b"] {
        assert!(Range::parse(text.as_bytes()).is_err(), "{text}");
    }
}

/// Changes a file in ways that a seed decides, and looks whether anything panics.
fn damaged(repo: &Repository, file: &Path) {
    let whole = fs::read(file).unwrap();
    let _ = fs::remove_file(file);
    let mut state = whole.len() as u64 + 88_172_645_463_325_252;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    };
    for _ in 0..400 {
        let mut bytes = whole.clone();
        for _ in 0..=random(4) {
            let at = random(bytes.len());
            match random(4) {
                0 => bytes[at] = random(256) as u8,
                1 => bytes[at] ^= 1 << random(8),
                2 => bytes.truncate(at + 1),
                _ => bytes[at] = [0, 0x7f, 0x80, 0xff][random(4)],
            }
        }
        fs::write(file, &bytes).unwrap();
        let Ok(Some(folder)) = GitFolder::at(repo.path()) else { continue };
        refs::references(&folder);
        refs::reflogs(&folder);
        let _ = index::read(&folder.index(), &folder);
        fs::remove_file(file).unwrap();
    }
    fs::write(file, whole).unwrap();
}

#[test]
fn damaged_files_end_in_no_panic() {
    let split = busy(&[]);
    split.git(&["config", "splitIndex.maxPercentChange", "100"]);
    split.git(&["update-index", "--split-index"]);
    split.write("dir0/file0", "another\n");
    split.git(&["add", "."]);
    for file in ["index", "packed-refs", "config", "HEAD", "logs/HEAD", "refs/heads/feature/one"] {
        damaged(&split, &split.path().join(".git").join(file));
    }
    let fourth = busy(&[]);
    fourth.git(&["update-index", "--index-version", "4"]);
    damaged(&fourth, &fourth.path().join(".git/index"));
    let table = busy(&["--ref-format=reftable"]);
    table.git(&["pack-refs", "--all"]);
    let folder = table.path().join(".git/reftable");
    let files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    for file in files {
        damaged(&table, &file);
    }
}

#[test]
fn a_table_that_is_cut_off_is_a_gap() {
    let repo = busy(&["--ref-format=reftable"]);
    repo.git(&["pack-refs", "--all"]);
    let folder = repo.path().join(".git/reftable");
    let table =
        fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).find(|p| p.extension().is_some_and(|e| e == "ref"));
    let table = table.unwrap();
    let bytes = fs::read(&table).unwrap();
    fs::remove_file(&table).unwrap();
    fs::write(&table, &bytes[..bytes.len() - 1]).unwrap();
    let gaps = refs::references(&opened(repo.path())).1;
    assert_eq!(gaps.len(), 1);
    assert!(gaps[0].1.contains("reftable"));
}

/// Each path of an index of version 4 repeats most of the one before it in next to no space.
#[test]
fn paths_that_repeat_themselves_take_bounded_memory() {
    let repo = Repository::new(&[]);
    let entry = |kept: &[u8], name: &[u8]| [&[0; 62][..], kept, name, &[0]].concat();
    let mut bytes = b"DIRC\0\0\0\x04\xff\xff\xff\xff".to_vec();
    bytes.extend(entry(&[0], &vec![b'x'; 4_000_000]));
    (0..100_000).for_each(|_| bytes.extend(entry(&[0], b"y")));
    fs::write(repo.path().join(".git/index"), &bytes).unwrap();
    let folder = opened(repo.path());
    let error = index::read(&folder.index(), &folder).unwrap_err().to_string();
    assert!(error.contains("bounds"), "{error}");
}

/// Every way in which a configuration can have a program run writes the marker.
#[cfg(unix)]
#[test]
fn nothing_that_a_repository_names_runs() {
    use std::os::unix::fs::PermissionsExt;
    let repo = busy(&[]);
    let marker = repo.beside("marker");
    let program = repo.beside("program");
    fs::write(&program, format!("#!/bin/sh\necho \"$0 $*\" >> '{}'\n", marker.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let hooks = repo.beside("hooks");
    fs::create_dir(&hooks).unwrap();
    for hook in ["reference-transaction", "post-index-change", "pre-commit", "post-checkout", "fsmonitor-watchman"] {
        fs::copy(&program, hooks.join(hook)).unwrap();
        fs::copy(&program, repo.path().join(".git/hooks").join(hook)).unwrap();
    }
    let run = program.to_str().unwrap();
    for (name, value) in [
        ("core.fsmonitor", run),
        ("core.hooksPath", hooks.to_str().unwrap()),
        ("core.pager", run),
        ("core.editor", run),
        ("core.askPass", run),
        ("core.sshCommand", run),
        ("core.gitProxy", run),
        ("core.alternateRefsCommand", run),
        ("core.untrackedCache", "true"),
        ("pager.rev-parse", run),
        ("diff.external", run),
        ("diff.mark.textconv", run),
        ("diff.mark.command", run),
        ("merge.mark.driver", run),
        ("filter.mark.clean", run),
        ("filter.mark.smudge", run),
        ("filter.mark.process", run),
        ("credential.helper", run),
        ("gpg.program", run),
        ("gpg.ssh.program", run),
        ("gpg.ssh.defaultKeyCommand", run),
        ("log.showSignature", "true"),
        ("sequence.editor", run),
        ("interactive.diffFilter", run),
        ("uploadpack.packObjectsHook", run),
        ("alias.rev-parse", &format!("!{run}")),
        ("remote.origin.url", &format!("ext::{run}")),
        ("remote.origin.promisor", "true"),
        ("remote.origin.uploadpack", run),
        ("extensions.partialClone", "origin"),
        ("core.repositoryformatversion", "1"),
        ("trace2.eventTarget", marker.to_str().unwrap()),
    ] {
        repo.git(&["config", name, value]);
    }
    fs::write(repo.path().join(".gitattributes"), "* filter=mark diff=mark merge=mark\n").unwrap();
    let _ = fs::remove_file(&marker);
    let folder = opened(repo.path());
    refs::references(&folder);
    refs::reflogs(&folder);
    index::read(&folder.index(), &folder).unwrap();
    struct Nothing;
    impl Lookup for Nothing {
        fn object(&self, id: &ObjectId) -> Option<(ObjectKind, Vec<u8>)> {
            Some((ObjectKind::Commit, format!("tree {id}\n\n").into_bytes()))
        }
        fn beginning(&self, _: &str) -> Vec<ObjectId> {
            Vec::new()
        }
    }
    let references = all_references(&folder);
    let absent = bare_hex("an object that is not there");
    for text in [
        ":/commit 1",
        "HEAD@{yesterday}",
        "@{upstream}",
        "HEAD:dir0/file0",
        &format!("{absent}^{{/x}}"),
        "@{-1}",
        "no-such",
    ] {
        let _ = revision::resolve(text.as_bytes(), &folder, &references, &Nothing);
    }
    assert!(revision::resolve(b":/commit 1", &folder, &references, &Nothing).is_ok(), "git was asked");
    assert!(!marker.exists(), "{}", fs::read_to_string(&marker).unwrap());
    // The trap works: git itself steps into it.
    git_maybe(repo.path(), &["status"]);
    assert!(marker.exists());
}
