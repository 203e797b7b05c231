//! What is about to be committed or pushed: the index, a range of commits, git's pre-push lines, a message. Only what is
//! new counts, all of it does, and the working copy never does.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod support;

use std::fs;

use serde_json::{Value, json};
use support::git::{AUTHOR, Repo, Report, binary, leak, printed, scan, with};
use support::key;

const STAGED: &[&str] = &["--staged"];
const NAME: &str = "wandb.env";

/// A repository whose first commit leaks the old key, and a new key.
struct World {
    repo: Repo,
    old: String,
    new: String,
}

impl World {
    fn new() -> World {
        let world = World { repo: Repo::new(), old: key("legacy", "old"), new: key("v1", "new") };
        world.repo.save("old.env", leak(&world.old));
        world
    }

    fn staged(&self) -> Report {
        self.hook(STAGED)
    }

    fn hook(&self, arguments: &[&str]) -> Report {
        self.repo.hook(arguments, &[&self.old, &self.new])
    }

    /// Only the new key, staged at this path.
    fn expect_staged(&self, path: &str) {
        self.staged().expect(&[self.at(path)]).complete();
    }

    fn at(&self, path: &str) -> Value {
        json!({"key": self.new, "kind": "staged", "path": path, "line": 2, "object": self.repo.id(&format!(":{path}"))})
    }

    fn expect_nothing_staged(&self) {
        self.staged().expect(&[]).complete();
    }

    /// A commit that adds the new key and one that takes it away.
    fn add_and_remove(&self) -> String {
        let commit = self.repo.save(NAME, leak(&self.new));
        self.repo.delete(NAME);
        commit
    }

    /// The new key in a blob of this commit.
    fn blob(&self, commit: &str) -> Value {
        json!({
            "key": self.new, "kind": "blob", "path": NAME, "line": 2, "commit": commit, "author": AUTHOR,
            "date": self.repo.date(commit), "object": self.repo.id(&format!("{commit}:{NAME}")),
        })
    }

    fn range(&self, range: &str) -> Report {
        self.hook(&["--range", range])
    }
}

#[test]
fn staged_content_is_found_and_the_working_copy_is_not_read() {
    let world = World::new();
    world.repo.write(NAME, leak(&world.new));
    world.expect_nothing_staged();
    world.repo.stage(NAME, "# settings\n");
    world.repo.write(NAME, leak(&world.new));
    world.expect_nothing_staged();
    world.repo.stage(NAME, leak(&world.new));
    world.repo.write(NAME, "# settings\n");
    world.expect_staged(NAME);
    fs::remove_file(world.repo.at(NAME)).unwrap();
    world.expect_staged(NAME);
}

#[test]
fn staged_before_the_first_commit() {
    let repo = Repo::new();
    let key = key("legacy", "first");
    repo.stage("conf/wandb.env", leak(&key));
    let wanted = json!({"key": key, "kind": "staged", "path": "conf/wandb.env", "line": 2, "commit": null});
    repo.hook(STAGED, &[&key]).expect(&[wanted]).complete();
}

#[test]
fn nothing_staged_is_clean() {
    let world = World::new();
    world.expect_nothing_staged();
    let empty = Repo::new();
    empty.hook(STAGED, &[]).expect(&[]).complete();
}

#[test]
fn staged_deletions_and_modes_are_nothing_new() {
    let world = World::new();
    world.repo.git(&["update-index", "--chmod=+x", "old.env"]);
    world.expect_nothing_staged();
    world.repo.git(&["rm", "-q", "-f", "--cached", "old.env"]);
    world.expect_nothing_staged();
}

#[test]
fn a_blob_that_only_moved_is_not_new() {
    let world = World::new();
    world.repo.git(&["mv", "old.env", "renamed.env"]);
    world.staged().expect(&[]).complete();
    world.repo.commit("rename");
    world.range("HEAD~1..HEAD").expect(&[]).complete();
    // One that comes back is.
    world.repo.delete("renamed.env");
    let commit = world.repo.save("back.env", leak(&world.old));
    let wanted = json!({"key": world.old, "kind": "blob", "path": "back.env", "commit": commit});
    world.range("HEAD~1..HEAD").expect(&[wanted]).complete();
}

#[test]
fn among_many_staged_files_only_new_content_is_told() {
    let world = World::new();
    for nth in 0..60 {
        world.repo.write(&format!("many/{nth}.py"), format!("import wandb\n\nx = {nth}\n"));
    }
    world.repo.git(&["mv", "old.env", "many/old.env"]);
    world.repo.write("many/new.env", leak(&world.new));
    world.repo.git(&["add", "."]);
    world.expect_staged("many/new.env");
}

#[test]
fn staged_rename_with_a_new_key() {
    let world = World::new();
    world.repo.save("a.env", "# settings\nB=1\nC=2\nD=3\n");
    world.repo.git(&["mv", "a.env", "b.env"]);
    world.repo.stage("b.env", format!("{}B=1\nC=2\nD=3\n", leak(&world.new)));
    world.expect_staged("b.env");
}

#[test]
fn staged_change_of_a_file_that_leaked_before() {
    let world = World::new();
    world.repo.stage("old.env", format!("{}WANDB_API_KEY={}\n", leak(&world.old), world.new));
    // The blob is new, and with it all that it holds.
    let place = |key: &str, line: u64| json!({"key": key, "kind": "staged", "path": "old.env", "line": line});
    world.staged().expect(&[place(&world.old, 2), place(&world.new, 3)]).complete();
}

#[test]
fn staged_during_a_merge() {
    let world = World::new();
    let repo = &world.repo;
    repo.git(&["switch", "-q", "-c", "topic"]);
    let theirs = key("legacy", "theirs");
    repo.save("theirs.env", leak(&theirs));
    repo.git(&["switch", "-q", "main"]);
    repo.save("ours.txt", "ours\n");
    repo.git(&["merge", "-q", "--no-ff", "--no-commit", "topic"]);
    assert!(repo.at(".git/MERGE_HEAD").exists());
    world.expect_nothing_staged();
    repo.stage(NAME, leak(&world.new));
    world.expect_staged(NAME);
}

#[test]
fn staged_what_both_sides_of_a_conflict_took_away() {
    let world = World::new();
    let repo = &world.repo;
    repo.save(NAME, leak(&world.new));
    repo.git(&["switch", "-q", "-c", "topic"]);
    repo.save(NAME, "theirs\n");
    repo.git(&["switch", "-q", "main"]);
    repo.save(NAME, "ours\n");
    repo.fails(&["merge", "-q", "topic"]);
    assert!(repo.git(&["ls-files", "--stage", NAME]).contains(" 1\t"));
    world.expect_nothing_staged();
}

#[test]
fn staged_by_intention_only() {
    let world = World::new();
    world.repo.write(NAME, leak(&world.new));
    world.repo.git(&["add", "-N", NAME]);
    world.expect_nothing_staged();
}

#[test]
fn the_index_is_the_one_that_git_names() {
    let world = World::new();
    let repo = &world.repo;
    repo.write(NAME, leak(&world.new));
    // As `git commit -a` and `git commit --only` do it.
    let index = repo.at(".git/next-index-7.lock");
    let other = |arguments: &[&str]| printed(repo.command(arguments).env("GIT_INDEX_FILE", &index), b"");
    other(&["read-tree", "HEAD"]);
    other(&["update-index", "--add", NAME]);
    let blob = other(&["rev-parse", &format!(":{NAME}")]);
    world.expect_nothing_staged();
    let wanted = json!({"key": world.new, "kind": "staged", "path": NAME, "line": 2, "object": blob});
    for value in [index.to_str().unwrap(), ".git/next-index-7.lock"] {
        let report = repo.piped(STAGED, "", &[("GIT_INDEX_FILE", value)], &[&world.new]);
        report.expect(std::slice::from_ref(&wanted)).complete();
    }
    let variables = [("GIT_INDEX_FILE", ".git/index"), ("GIT_DIR", ".git")];
    repo.piped(STAGED, "", &variables, &[&world.new]).expect(&[]).complete();
    // Wherever in the working tree the hook went.
    fs::create_dir_all(repo.at("sub/folder")).unwrap();
    let mut command = binary(&repo.at("sub/folder"));
    command.env("GIT_INDEX_FILE", ".git/next-index-7.lock");
    let report = scan(&mut command, STAGED, &[&world.new]);
    report.expect(&[json!({"key": world.new, "kind": "staged", "line": 2, "object": blob})]).complete();
}

#[test]
fn an_index_that_cannot_be_read_is_a_gap() {
    let world = World::new();
    world.repo.stage(NAME, leak(&world.new));
    fs::write(world.repo.at(".git/index"), b"DIRC\0\0\0\x02\0\0\0\x09cut off").unwrap();
    let report = world.staged();
    assert_eq!(report.code, 3, "{:#}", report.json);
    report.gap(&["index"]);
}

#[test]
fn a_staged_blob_that_is_missing_is_a_gap() {
    let world = World::new();
    world.repo.stage(NAME, leak(&world.new));
    let blob = world.repo.id(&format!(":{NAME}"));
    fs::remove_file(world.repo.at(".git/objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    world.staged().expect(&[]).gap(&[NAME, "missing"]);
}

#[cfg(unix)]
#[test]
fn staged_links_are_their_targets_names() {
    let world = World::new();
    fs::write(world.repo.place().join("outside.env"), leak(&world.new)).unwrap();
    std::os::unix::fs::symlink("../outside.env", world.repo.at("link")).unwrap();
    world.repo.git(&["add", "link"]);
    world.expect_nothing_staged();
    std::os::unix::fs::symlink(format!("x/WANDB_API_KEY={}", world.new), world.repo.at("named")).unwrap();
    world.repo.git(&["add", "named"]);
    let wanted = json!({"key": world.new, "kind": "staged", "path": "named", "line": 1});
    world.staged().expect(&[wanted]).complete();
}

#[test]
fn a_staged_submodule_is_no_gap() {
    let world = World::new();
    let commit = key("legacy", "a commit elsewhere");
    world.repo.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},wandb_api_key")]);
    world.expect_nothing_staged();
}

#[test]
fn staged_text_that_git_takes_for_binary() {
    let world = World::new();
    world.repo.save(".gitattributes", "*.env -diff\n*.bin binary\n");
    for (name, text) in [("a.env", leak(&world.new)), ("b.bin", format!("\0\n{}", &leak(&world.new)[11..]))] {
        world.repo.stage(name, text);
        world.expect_staged(name);
        world.repo.git(&["rm", "-q", "-f", name]);
    }
    let wide: Vec<u8> = format!("\u{feff}{}", leak(&world.new)).encode_utf16().flat_map(u16::to_le_bytes).collect();
    world.repo.stage("wide.env", wide);
    world.expect_staged("wide.env");
}

#[test]
fn staged_in_a_linked_worktree() {
    let world = World::new();
    world.repo.git(&["worktree", "add", "-q", "-b", "side", "../side"]);
    let side = world.repo.opened("side");
    side.stage(NAME, leak(&world.new));
    world.expect_nothing_staged();
    let wanted = json!({"key": world.new, "kind": "staged", "path": NAME, "line": 2});
    side.hook(STAGED, &[&world.new]).expect(&[wanted]).complete();
}

#[test]
fn staged_from_a_folder_below() {
    let world = World::new();
    world.repo.stage("a/b/inner.env", leak(&world.new));
    let report = scan(&mut binary(&world.repo.at("a")), STAGED, &[&world.new]);
    report.expect(&[world.at("a/b/inner.env")]).complete();
}

#[test]
fn git_says_which_repository() {
    let world = World::new();
    let repo = &world.repo;
    let commit = world.add_and_remove();
    repo.stage("staged.env", leak(&world.new));
    let elsewhere = tempfile::tempdir().unwrap();
    let (dir, tree) = (repo.at(".git"), repo.path.clone());
    let run = |arguments: &[&str]| {
        let mut command = binary(elsewhere.path());
        scan(command.env("GIT_DIR", &dir).env("GIT_WORK_TREE", &tree), arguments, &[&world.new])
    };
    run(STAGED).expect(&[world.at("staged.env")]).complete();
    run(&["--range", "HEAD~2..HEAD"]).expect(&[world.blob(&commit)]).complete();
    // A hook in a worktree of another repository must not be led back to the folder it stands in.
    let other = repo.beside("other", &[]);
    let report = other.piped(STAGED, "", &[("GIT_DIR", dir.to_str().unwrap())], &[&world.new]);
    assert!(report.found(&world.new), "{:#}", report.json);
}

#[test]
fn outside_of_a_repository() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("clean.txt"), "clean\n").unwrap();
    for arguments in [STAGED, &["--range", "HEAD~1..HEAD"], &["--pre-push"]] {
        let report = scan(&mut binary(folder.path()), arguments, &[]);
        assert_eq!(report.code, 3, "{arguments:?}: {}", report.err);
    }
}

#[test]
fn content_that_was_added_and_removed_inside_a_range() {
    let world = World::new();
    let commit = world.add_and_remove();
    for range in ["HEAD~2..HEAD", "HEAD~2...HEAD", "HEAD~2..", &format!("{}..main", world.repo.id("HEAD~2"))] {
        world.range(range).expect(&[world.blob(&commit)]).complete();
    }
    for range in ["HEAD~1..HEAD", "HEAD..HEAD", "HEAD..HEAD~2"] {
        world.range(range).expect(&[]).complete();
    }
}

#[test]
fn a_range_with_several_commits_of_one_blob_is_one_finding() {
    let world = World::new();
    let commit = world.add_and_remove();
    let again = world.repo.save("again.env", leak(&world.new));
    let also = json!([{"kind": "blob", "commit": again, "path": "again.env", "line": 2}]);
    world.range("HEAD~3..HEAD").expect(&[with(world.blob(&commit), json!({"also": also}))]).complete();
    // What came before the range is no part of it, but what comes back in it is new.
    let back = json!({"key": world.new, "kind": "blob", "path": "again.env", "commit": again, "also": []});
    world.range("HEAD~1..HEAD").expect(&[back]).complete();
}

#[test]
fn both_sides_of_a_merge_and_the_merge_itself() {
    let world = World::new();
    let repo = &world.repo;
    let base = repo.id("HEAD");
    repo.git(&["switch", "-q", "-c", "topic"]);
    let commit = world.add_and_remove();
    repo.git(&["switch", "-q", "main"]);
    repo.save("main.txt", "main\n");
    repo.git(&["merge", "-q", "--no-ff", "--no-commit", "topic"]);
    let evil = key("legacy", "evil");
    let merge = repo.save("evil.env", leak(&evil));
    repo.delete("evil.env");
    let report = repo.hook(&["--range", &format!("{base}..HEAD")], &[&world.new, &evil]);
    let wanted = json!({"key": evil, "kind": "blob", "path": "evil.env", "line": 2, "commit": merge});
    report.expect(&[world.blob(&commit), wanted]).complete();
}

#[test]
fn three_dots_begin_at_the_merge_base() {
    let world = World::new();
    let repo = &world.repo;
    repo.git(&["switch", "-q", "-c", "topic"]);
    let commit = world.add_and_remove();
    repo.git(&["switch", "-q", "main"]);
    let theirs = key("legacy", "theirs");
    repo.save("theirs.env", leak(&theirs));
    let report = repo.hook(&["--range", "main...topic"], &[&world.new, &theirs]);
    report.expect(&[world.blob(&commit)]).complete();
    let report = repo.hook(&["--range", "topic...main"], &[&world.new, &theirs]);
    report.expect(&[json!({"key": theirs, "kind": "blob", "path": "theirs.env"})]).complete();
}

#[test]
fn a_root_commit_in_a_range() {
    let world = World::new();
    let repo = &world.repo;
    let base = repo.id("HEAD");
    repo.git(&["switch", "-q", "--orphan", "other"]);
    let root = repo.save(NAME, leak(&world.new));
    repo.delete(NAME);
    repo.git(&["switch", "-q", "main"]);
    repo.git(&["merge", "-q", "--allow-unrelated-histories", "-m", "join", "other"]);
    world.range(&format!("{base}..HEAD")).expect(&[world.blob(&root)]).complete();
}

#[test]
fn messages_in_a_range() {
    let world = World::new();
    let repo = &world.repo;
    let text = format!("subject\n\nWANDB_API_KEY={}\n", world.new);
    repo.fed(&["commit", "-q", "--allow-empty", "-F", "-"], text.as_bytes());
    let commit = repo.id("HEAD");
    let wanted = json!({"key": world.new, "kind": "commit", "path": "", "line": 3, "commit": commit});
    world.range("HEAD~1..HEAD").expect(&[wanted]).complete();
    repo.commit("another");
    world.range("HEAD~1..HEAD").expect(&[]).complete();
}

#[test]
fn a_revision_that_is_unknown_is_named() {
    let world = World::new();
    let unknown = key("legacy", "unknown commit");
    for (range, name) in [
        ("nowhere..HEAD".to_owned(), "nowhere"),
        ("HEAD..nowhere".to_owned(), "nowhere"),
        ("HEAD...nowhere".to_owned(), "nowhere"),
        (format!("{unknown}..HEAD"), &unknown[..4]),
        ("--output=x..HEAD".to_owned(), "--output=x"),
    ] {
        let report = world.hook(&[&format!("--range={range}")]);
        assert_eq!((report.code, &report.json), (2, &Value::Null), "{range}: {}", report.err);
        assert!(report.err.contains(name), "{range}: {}", report.err);
    }
    assert!(!world.repo.at("x..HEAD").exists());
}

/// A remote, what it has, and the lines that git would write when `branch` is pushed.
fn remote(world: &World) -> (String, String) {
    let repo = &world.repo;
    repo.git(&["clone", "-q", "--bare", &repo.url(), "../remote.git"]);
    repo.git(&["remote", "add", "origin", "../remote.git"]);
    repo.git(&["fetch", "-q", "origin"]);
    (repo.id("HEAD"), "0".repeat(40))
}

fn push(world: &World, lines: &str) -> Report {
    world.repo.piped(&["--pre-push"], lines, &[], &[&world.old, &world.new])
}

#[test]
fn what_is_pushed_onto_a_known_commit() {
    let world = World::new();
    let (known, _) = remote(&world);
    let commit = world.add_and_remove();
    let line = format!("refs/heads/main {} refs/heads/main {known}\n", world.repo.id("HEAD"));
    push(&world, &line).expect(&[world.blob(&commit)]).complete();
    let nothing = format!("refs/heads/main {known} refs/heads/main {known}\n");
    push(&world, &nothing).expect(&[]).complete();
    push(&world, "").expect(&[]).complete();
}

#[test]
fn every_line_counts() {
    let world = World::new();
    let (known, _) = remote(&world);
    world.repo.git(&["switch", "-q", "-c", "second"]);
    let commit = world.add_and_remove();
    let (first, second) = (world.repo.id("main"), world.repo.id("second"));
    let lines = format!(
        "refs/heads/main {first} refs/heads/main {known}\nrefs/heads/second {second} refs/heads/second {known}\n"
    );
    push(&world, &lines).expect(&[world.blob(&commit)]).complete();
    push(&world, lines.trim_end()).expect(&[world.blob(&commit)]).complete();
}

#[test]
fn a_new_branch() {
    let world = World::new();
    let (_, zeros) = remote(&world);
    world.repo.git(&["switch", "-q", "-c", "topic"]);
    let commit = world.add_and_remove();
    for none in [zeros, "0".repeat(64)] {
        let line = format!("refs/heads/topic {} refs/heads/topic {none}\n", world.repo.id("HEAD"));
        let named = world.repo.piped(
            &["--pre-push"],
            &line,
            &[("PRE_COMMIT_REMOTE_NAME", "origin")],
            &[&world.old, &world.new],
        );
        named.expect(&[world.blob(&commit)]).complete();
        // Without the remote's name nobody knows what it has: the old key may be news to it.
        assert!(push(&world, &line).found(&world.new));
    }
}

#[test]
fn what_another_remote_has_is_news_to_this_one() {
    let world = World::new();
    let (_, zeros) = remote(&world);
    world.repo.beside("backup.git", &["--bare"]);
    world.repo.git(&["remote", "add", "backup", "../backup.git"]);
    let line = format!("refs/heads/main {} refs/heads/main {zeros}\n", world.repo.id("HEAD"));
    let variables = [("PRE_COMMIT_REMOTE_NAME", "backup"), ("PRE_COMMIT_REMOTE_URL", "../backup.git")];
    let report = world.repo.piped(&["--pre-push"], &line, &variables, &[&world.old]);
    report.expect(&[json!({"key": world.old, "kind": "blob", "path": "old.env"})]).complete();
    let report = push(&world, &line);
    report.expect(&[json!({"key": world.old, "kind": "blob", "path": "old.env"})]).complete();
}

#[test]
fn a_deletion_pushes_nothing() {
    let world = World::new();
    let (known, zeros) = remote(&world);
    world.add_and_remove();
    for none in [zeros, "0".repeat(64)] {
        push(&world, &format!("(delete) {none} refs/heads/main {known}\n")).expect(&[]).complete();
    }
}

#[test]
fn a_force_push() {
    let world = World::new();
    let (known, _) = remote(&world);
    world.repo.git(&["switch", "-q", "--orphan", "anew"]);
    world.repo.save("clean.txt", "clean\n");
    let commit = world.add_and_remove();
    let line = format!("refs/heads/anew {} refs/heads/main {known}\n", world.repo.id("HEAD"));
    push(&world, &line).expect(&[world.blob(&commit)]).complete();
}

#[test]
fn a_remote_commit_that_is_not_here() {
    let world = World::new();
    remote(&world);
    let commit = world.add_and_remove();
    let unknown = key("legacy", "their commit");
    let line = format!("refs/heads/main {} refs/heads/main {unknown}\n", world.repo.id("HEAD"));
    let report =
        world.repo.piped(&["--pre-push"], &line, &[("PRE_COMMIT_REMOTE_NAME", "origin")], &[&world.old, &world.new]);
    report.expect(&[world.blob(&commit)]).complete();
    assert!(push(&world, &line).found(&world.new));
}

#[test]
fn tags_that_are_pushed() {
    let world = World::new();
    let (_, zeros) = remote(&world);
    let text = format!("subject\n\nWANDB_API_KEY={}\n", world.new);
    world.repo.fed(&["tag", "-a", "v1", "-F", "-"], text.as_bytes());
    let tag = world.repo.id("v1");
    let line = format!("refs/tags/v1 {tag} refs/tags/v1 {zeros}\n");
    let origin = [("PRE_COMMIT_REMOTE_NAME", "origin")];
    let wanted = json!({"key": world.new, "kind": "tag", "path": "", "line": 3, "object": tag});
    let report = world.repo.piped(&["--pre-push"], &line, &origin, &[&world.old, &world.new]);
    report.expect(std::slice::from_ref(&wanted)).complete();
    // A tag of a tag brings both.
    world.repo.git(&["tag", "-a", "-m", "outer", "v2", "v1"]);
    let line = format!("refs/tags/v2 {} refs/tags/v2 {zeros}\n", world.repo.id("v2"));
    let report = world.repo.piped(&["--pre-push"], &line, &origin, &[&world.old, &world.new]);
    report.expect(&[wanted]).complete();
    let blob = world.repo.blob(leak(&world.new).as_bytes());
    let line = format!("refs/tags/blob {blob} refs/tags/blob {zeros}\n");
    let report = world.repo.piped(&["--pre-push"], &line, &origin, &[&world.old, &world.new]);
    report.expect(&[json!({"key": world.new, "kind": "blob", "path": "", "line": 2, "object": blob})]).complete();
}

#[test]
fn the_name_of_what_is_pushed() {
    let world = World::new();
    let (known, zeros) = remote(&world);
    let name = format!("WANDB_API_KEY={}", world.new);
    for local in ["main", &name] {
        let line = format!("refs/heads/{local} {known} refs/heads/{name} {zeros}\n");
        let origin = [("PRE_COMMIT_REMOTE_NAME", "origin")];
        let report = world.repo.piped(&["--pre-push"], &line, &origin, &[&world.old, &world.new]);
        report.expect(&[json!({"key": world.new, "kind": "ref"})]).complete();
    }
}

#[test]
fn lines_that_are_no_lines_of_git() {
    let world = World::new();
    for line in ["nonsense\n", "a b c\n", "refs/heads/main zzzz refs/heads/main zzzz\n", "a b c d e f\n"] {
        let report = push(&world, line);
        assert!(report.code == 2 || report.code == 3, "{line}: exit {} {}", report.code, report.err);
    }
    let gone = key("legacy", "no such commit");
    let report = push(&world, &format!("refs/heads/main {gone} refs/heads/main {}\n", "0".repeat(40)));
    assert!(report.code == 2 || report.code == 3, "exit {} {}", report.code, report.err);
}

#[test]
fn under_a_hook_framework() {
    let world = World::new();
    let (known, _) = remote(&world);
    let commit = world.add_and_remove();
    let head = world.repo.id("HEAD");
    let origin = ("PRE_COMMIT_REMOTE_NAME", "origin");
    let branch = ("PRE_COMMIT_LOCAL_BRANCH", "refs/heads/main");
    let cases: [&[(&str, &str)]; 6] = [
        &[("PRE_COMMIT_FROM_REF", &known), ("PRE_COMMIT_TO_REF", &head), origin, branch],
        &[("PRE_COMMIT_ORIGIN", &known), ("PRE_COMMIT_SOURCE", &head), origin, branch],
        // prek names only the end of a new branch; pre-commit neither, when nothing was pushed before.
        &[("PRE_COMMIT_TO_REF", &head), origin, branch],
        &[origin, branch],
        &[origin],
        // A range that is less than what the remote lacks.
        &[("PRE_COMMIT_FROM_REF", &head), ("PRE_COMMIT_TO_REF", &head), origin, branch],
    ];
    for variables in cases {
        let report = world.repo.piped(&["--pre-push"], "", variables, &[&world.old, &world.new]);
        assert!(report.found(&world.new), "{variables:?}: {:#}", report.json);
        report.expect(&[world.blob(&commit)]).complete();
    }
}

#[test]
fn under_a_hook_framework_the_other_branches_are_pushed_too() {
    let world = World::new();
    let (known, _) = remote(&world);
    world.repo.git(&["switch", "-q", "-c", "second"]);
    let commit = world.add_and_remove();
    world.repo.git(&["switch", "-q", "main"]);
    let head = world.repo.save("clean.txt", "clean\n");
    let variables = [
        ("PRE_COMMIT_FROM_REF", &*known),
        ("PRE_COMMIT_TO_REF", &head),
        ("PRE_COMMIT_REMOTE_NAME", "origin"),
        ("PRE_COMMIT_LOCAL_BRANCH", "refs/heads/main"),
    ];
    // `git push origin main second` starts the hook for the first alone.
    let report = world.repo.piped(&["--pre-push"], "", &variables, &[&world.old, &world.new]);
    report.expect(&[world.blob(&commit)]).complete();
}

#[test]
fn the_first_push_of_a_repository_under_a_hook_framework() {
    let world = World::new();
    let variables = [
        ("PRE_COMMIT_REMOTE_NAME", "origin"),
        ("PRE_COMMIT_REMOTE_URL", "../remote.git"),
        ("PRE_COMMIT_LOCAL_BRANCH", "refs/heads/main"),
        ("PRE_COMMIT_REMOTE_BRANCH", "refs/heads/main"),
    ];
    let report = world.repo.piped(&["--pre-push"], "", &variables, &[&world.old]);
    report.expect(&[json!({"key": world.old, "kind": "blob", "path": "old.env"})]).complete();
}

#[test]
fn a_message_that_is_about_to_be_committed() {
    let world = World::new();
    let line = format!("WANDB_API_KEY={}", world.new);
    let cut = "# ------------------------ >8 ------------------------";
    for (text, found) in [
        (format!("subject\n\n{line}\n"), Some(3)),
        (line.clone(), Some(1)),
        (format!("subject\n# {line}\n"), Some(2)),
        (format!("subject\n{cut}\n# Do not modify\n+{line}\n"), None),
        (format!("{line}\n{cut}\n+{line}\n"), Some(1)),
        // Only a whole line of its own cuts.
        (format!("see {cut}\n{line}\n"), Some(2)),
        ("subject\n".to_owned(), None),
        (String::new(), None),
    ] {
        world.repo.write(".git/COMMIT_EDITMSG", &text);
        let report = world.hook(&["--message", ".git/COMMIT_EDITMSG"]);
        let wanted: Vec<Value> =
            found.iter().map(|line| json!({"key": world.new, "line": line, "path": ".git/COMMIT_EDITMSG"})).collect();
        report.expect(&wanted).complete();
    }
}

#[test]
fn a_message_of_which_not_all_is_read() {
    let world = World::new();
    let cut = "# ------------------------ >8 ------------------------";
    let rest = "+ a line of what is committed\n".repeat(3_000_000);
    world.repo.write("message", format!("subject\n{cut}\n{rest}"));
    world.hook(&["--message", "message"]).expect(&[]).complete();
    world.repo.write("message", format!("WANDB_API_KEY={}\n{rest}", world.new));
    let wanted = json!({"key": world.new, "line": 1, "path": "message"});
    world.hook(&["--message", "message"]).expect(&[wanted]).gap(&["message", "first 64 MiB"]);
}

#[test]
fn a_message_with_another_comment_character() {
    let world = World::new();
    world.repo.git(&["config", "core.commentChar", ";"]);
    let text =
        format!("subject\n; ------------------------ >8 ------------------------\n+WANDB_API_KEY={}\n", world.new);
    world.repo.write("message", text);
    world.hook(&["--message", "message"]).expect(&[]).complete();
}

#[test]
fn a_message_outside_of_a_repository_and_one_that_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let key = key("v1", "message");
    fs::write(folder.path().join("message"), format!("WANDB_API_KEY={key}\n")).unwrap();
    let report = scan(&mut binary(folder.path()), &["--message", "message"], &[&key]);
    report.expect(&[json!({"key": key, "line": 1, "path": "message"})]).complete();
    let report = scan(&mut binary(folder.path()), &["--message", "missing"], &[&key]);
    assert_eq!(report.code, 3, "{}", report.err);
}

#[test]
fn only_one_of_them_at_a_time() {
    let world = World::new();
    world.repo.write("message", "subject\n");
    let modes: [&[&str]; 6] =
        [&["--history"], STAGED, &["--range", "HEAD..HEAD"], &["--pre-push"], &["--message", "message"], &["-"]];
    for (nth, one) in modes.iter().enumerate() {
        let report = world.hook(one);
        assert!(report.code < 2, "{one:?} alone: exit {} {}", report.code, report.err);
        for other in &modes[nth + 1..] {
            for both in [[*one, *other], [*other, *one]] {
                let report = world.hook(&both.concat());
                assert_eq!(report.code, 2, "{both:?}");
                assert!(!report.err.is_empty(), "{both:?} is refused without a word");
            }
        }
    }
}
