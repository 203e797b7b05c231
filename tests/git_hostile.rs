//! Repositories made by hand to hide what they hold, to waste time, or to have something else read. In: packs, links and
//! configurations that no git would write. Out: everything is found or named, and nothing outside is touched.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

#[path = "support/packs.rs"]
mod packs;
mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use packs::{Packed, id_of};
use support::git::{Repo, leak};
use support::key;
use wandward::object::ObjectId;
use wandward::source::git::folder::GitFolder;
use wandward::source::git::refs;
use wandward::source::git::store::Store;

fn entry(kind: u8, base: &[u8], content: &[u8]) -> Vec<u8> {
    packs::entry(kind, content.len() as u64, base, content)
}

fn blob(content: &[u8]) -> Packed {
    (id_of("blob", content), entry(3, b"", content))
}

fn write_pack<R: Ord>(git: &Path, name: &str, entries: &[Packed], rank: impl Fn(&ObjectId) -> R) {
    packs::write_pack(&git.join("objects"), &format!("pack-{name}"), entries, rank);
}

fn hex(id: &str) -> ObjectId {
    ObjectId::from_hex(id.as_bytes()).unwrap()
}

#[test]
fn a_harmless_copy_under_the_id_of_a_leak_hides_nothing() {
    let key = key("v1", "hidden by a copy");
    for name in ["0", "zzz"] {
        let repo = Repo::new();
        let commit = repo.save(".env", leak(&key));
        fs::remove_file(repo.at(".env")).unwrap();
        repo.git(&["repack", "-q", "-a", "-d"]);
        let id = hex(&repo.id("HEAD:.env"));
        write_pack(&repo.at(".git"), name, &[(id, entry(3, b"", b"nothing here\n"))], |id| *id);
        let store = Store::open(&repo.at(".git/objects"), 20);
        let listing = store.list();
        let listed = listing.entries.iter().find(|entry| entry.id == id).unwrap();
        let mut reader = store.reader();
        assert_eq!(reader.read(&id).unwrap().1, leak(&key).as_bytes());
        assert_eq!(reader.read_entry(listed).unwrap().1, leak(&key).as_bytes());
        let wanted = repo.introduced(&commit, ".env", 2, &["refs/heads/main"]);
        repo.scan(&["--history", "repo"], &[&key]).expect(&[wanted]);
    }
}

#[test]
fn an_index_in_no_order_hides_nothing() {
    let key = key("v1", "hidden by disorder");
    let repo = Repo::new();
    let hidden = blob(leak(&key).as_bytes());
    let is_near = |entry: &Packed| entry.0.as_bytes()[0] == hidden.0.as_bytes()[0];
    let near = (0..).map(|nth: u32| blob(format!("near {nth}\n").as_bytes())).filter(is_near).take(6);
    let entries: Vec<Packed> = near.chain([hidden.clone()]).collect();
    let last = entries.iter().map(|entry| entry.0).max().unwrap();
    // Where a search by halves would not look for it.
    let rank = |id: &ObjectId| (*id != hidden.0, *id);
    let rank = |id: &ObjectId| if last == hidden.0 { rank(id) } else { (*id == hidden.0, *id) };
    write_pack(&repo.at(".git"), "mixed", &entries, rank);
    let store = Store::open(&repo.at(".git/objects"), 20);
    assert!(store.reader().read(&hidden.0).is_err(), "it is in order");
    assert_eq!(store.list().gaps, []);
    assert_eq!(store.reader().read(&hidden.0).unwrap().1, leak(&key).as_bytes());
    assert!(repo.scan(&["--history", "repo"], &[&key]).found(&key));
}

#[test]
fn a_chain_that_grows_without_end_is_no_object() {
    const SIZE: usize = 60_000_000;
    /// As many bytes in all as nobody waits for.
    const LINKS: usize = 80;
    let place = tempfile::tempdir().unwrap();
    // 60,000,000 as a delta has it, and four times 15,000,000 from the beginning.
    let size = [0x80, 0x8e, 0xce, 0x1c];
    let delta = [&size[..], &size, &[0xf0, 0xc0, 0xe1, 0xe4].repeat(4)].concat();
    let mut entries = vec![blob(&vec![0; SIZE])];
    for nth in 0..LINKS {
        let base = entries[nth].0;
        let id = if nth + 1 == LINKS { entries[0].0 } else { id_of("link", &nth.to_be_bytes()) };
        entries.push((id, entry(7, base.as_bytes(), &delta)));
    }
    let zeros = entries.remove(0);
    let last = entries.last().unwrap().0;
    assert_eq!(zeros.0, last);
    let first = id_of("link", b"first");
    entries[0].1 = entry(7, first.as_bytes(), &delta);
    entries.push((first, zeros.1));
    write_pack(place.path(), "chain", &entries, |id| *id);
    let store = Store::open(&place.path().join("objects"), 20);
    assert!(!store.holds(&last, 64 << 20), "all of the chain was made");
    assert!(store.reader().read(&last).is_ok(), "it is no chain");
}

#[test]
fn loose_objects_of_another_format_are_named() {
    let key = key("v1", "another format");
    let repo = Repo::new();
    repo.save(".env", leak(&key));
    fs::remove_file(repo.at(".env")).unwrap();
    fs::remove_dir_all(repo.at(".git/logs")).unwrap();
    fs::remove_file(repo.at(".git/index")).unwrap();
    fs::remove_file(repo.at(".git/refs/heads/main")).unwrap();
    let config = "[core]\nrepositoryformatversion = 1\n[extensions]\nobjectformat = sha256\n";
    fs::write(repo.at(".git/config"), config).unwrap();
    let report = repo.scan(&["--history", "repo"], &[&key]);
    report.gap(&["objects", "3 objects of another object format"]);
}

#[test]
fn a_table_that_is_named_often_is_read_once() {
    let repo = Repo::of(&["--ref-format=reftable"]);
    repo.save("file", "text\n");
    let lines = || refs::reflogs(&GitFolder::at(&repo.path).unwrap().unwrap()).0.len();
    let before = lines();
    let list = repo.at(".git/reftable/tables.list");
    let names = fs::read_to_string(&list).unwrap();
    fs::write(&list, names.repeat(1000)).unwrap();
    assert_eq!((before > 0, lines()), (true, before));
}

#[test]
fn what_a_repository_needs_or_names_shows_no_key() {
    let key = (0..).map(|nth| key("legacy", &format!("shape {nth}"))).find(|key| key.starts_with('b')).unwrap();
    let repo = Repo::new();
    repo.save("file", "text\n");
    let config = fs::read_to_string(repo.at(".git/config")).unwrap();
    let extra = format!("repositoryformatversion = {key}\n[extensions]\n{key} = 1\nrefstorage = {key}\n");
    fs::write(repo.at(".git/config"), format!("{config}[core]\n{extra}")).unwrap();
    fs::create_dir_all(repo.at(".git/objects/info")).unwrap();
    fs::write(repo.at(".git/objects/info/alternates"), format!("/nowhere/{key}\n")).unwrap();
    fs::create_dir_all(repo.at(".git/reftable")).unwrap();
    fs::write(repo.at(".git/reftable/tables.list"), format!("{key}\n")).unwrap();
    repo.write("below/.git", format!("gitdir: {key}\n"));
    let report = repo.scan(&["--history", "repo"], &[&key]);
    let start = &key[..4];
    report.gap(&[&format!("repository version {start}…")]).gap(&[&format!("extensions.{start}…")]);
    report.gap(&[&format!("refstorage = {start}…")]).gap(&["alternates", &format!("/nowhere/{start}…")]);
    report.gap(&["tables.list", &format!("`{start}…`")]).gap(&["below/.git", &format!("`{start}…`")]);
}

#[test]
fn a_git_directory_whose_head_is_a_link_is_one_to_everybody() {
    let key = key("v1", "linked head");
    let repo = Repo::new();
    let commit = repo.save(".env", leak(&key));
    repo.git(&["clone", "-q", "--bare", ".", "../outer/bare"]);
    let bare = repo.opened("outer/bare");
    bare.git(&["pack-refs", "--all"]);
    fs::remove_file(bare.at("HEAD")).unwrap();
    symlink("refs/heads/main", bare.at("HEAD")).unwrap();
    bare.write("plain.env", leak(&key));
    let history = repo.scan(&["--history", "outer"], &[&key]);
    assert!(history.findings().iter().any(|finding| finding["location"]["commit"] == commit.as_str()));
    history.complete();
    // Nor is it walked as plain files.
    assert_eq!(repo.scan(&["outer"], &[&key]).findings().len(), 0);
}

#[test]
fn a_git_directory_belongs_to_what_knows_it() {
    let key = key("v1", "of somebody else");
    let private = Repo::new();
    private.save(".env", leak(&key));
    private.git(&["worktree", "add", "-q", "../tree"]);
    let at = |path: &Path| GitFolder::at(path).unwrap().unwrap();
    let real = |path: &Path| fs::canonicalize(path).unwrap();
    let tree = private.opened("tree");
    for (path, holder) in [
        (&private.path, Some(&private.path)),
        (&private.at(".git"), None),
        (&tree.path, Some(&tree.path)),
        (&private.at(".git/worktrees/tree"), None),
    ] {
        let folder = at(path);
        assert!(folder.links_back, "{}", path.display());
        assert_eq!(folder.holder, holder.map(|holder| real(holder)));
    }
    // A configuration may name any folder; what holds the `.git` stays what it is.
    let outer = private.beside("outer", &[]);
    outer.git(&["config", "core.worktree", private.path.to_str().unwrap()]);
    assert_eq!(
        (at(&outer.path).holder, at(&outer.path).worktree),
        (Some(real(&outer.path)), Some(real(&private.path)))
    );
    outer.git(&["config", "--unset", "core.worktree"]);
    // Git directories that borrow everything from one that does not know them.
    for name in ["bare", "worktrees/tree"] {
        let trap = outer.at(name);
        ["objects", "refs"].iter().for_each(|part| fs::create_dir_all(trap.join(part)).unwrap());
        fs::write(trap.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(trap.join("commondir"), private.at(".git").to_str().unwrap()).unwrap();
        assert!(!at(&trap).links_back);
    }
    let report = repo_without(&outer, &key);
    report.gap(&["outer/bare", "does not name it"]).gap(&["outer/worktrees/tree"]);
}

/// What is said of a repository in which a key of another one must not be found.
fn repo_without(repo: &Repo, key: &str) -> support::git::Report {
    let report = repo.scan(&["--history", repo.path.file_name().unwrap().to_str().unwrap()], &[key]);
    assert!(!report.found(key), "{:#}", report.json);
    report
}

#[test]
fn links_in_a_git_directory_lead_nowhere() {
    let key = key("v1", "behind a link");
    let private = Repo::new();
    private.save(".env", leak(&key));
    private.git(&["branch", &key]);
    private.git(&["pack-refs", "--all"]);
    private.write("refs/heads/main", leak(&key));
    private.write("logs/HEAD", leak(&key));
    private.write("reftable/tables.list", "");
    let git = private.at(".git");
    for (name, target) in [
        ("packed-refs", private.at(".env")),
        ("packed-refs", git.join("config")),
        ("config", private.at(".env")),
        ("index", git.join("index")),
        ("refs", private.at("refs")),
        ("logs", private.at("logs")),
        ("reftable", private.at("reftable")),
        ("worktrees", private.at("refs")),
        ("refs/heads/main", git.join("refs/heads/main")),
        ("refs/heads/config", git.join("config")),
        ("logs/HEAD", private.at("logs/HEAD")),
        ("HEAD", private.at(".env")),
        ("MERGE_HEAD", git.join("HEAD")),
    ] {
        let outer = private.beside("outer", &[]);
        outer.save("file", "text\n");
        let link = outer.at(".git").join(name);
        if link.is_dir() {
            fs::remove_dir_all(&link).unwrap();
        }
        let _ = fs::remove_file(&link);
        symlink(&target, &link).unwrap();
        repo_without(&outer, &key).gap(&[name, "a link"]);
        fs::remove_dir_all(&outer.path).unwrap();
    }
}

#[test]
fn a_working_directory_that_shares_all_by_links_is_read() {
    let key = key("v1", "shared");
    let repo = Repo::new();
    let commit = repo.save(".env", leak(&key));
    repo.git(&["pack-refs", "--all"]);
    let second = repo.beside("second", &[]);
    fs::remove_dir_all(second.at(".git")).unwrap();
    fs::create_dir_all(second.at(".git")).unwrap();
    for name in ["config", "refs", "logs", "packed-refs", "objects", "info", "hooks"] {
        symlink(repo.at(".git").join(name), second.at(".git").join(name)).unwrap();
    }
    symlink("refs/heads/main", second.at(".git/HEAD")).unwrap();
    let wanted = second.introduced(&commit, ".env", 2, &["refs/heads/main"]);
    second.scan(&["--history", "second"], &[&key]).expect(&[wanted]).complete();
}
