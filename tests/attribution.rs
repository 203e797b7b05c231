//! Which commit introduced a key, where, and what still holds it. Commits are ordered parents before children; among those
//! that are ready the earlier committer date comes first, then the smaller id. A commit introduces a blob at a path if its
//! tree has it there and the tree of none of its parents has.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod support;

use serde_json::{Value, json};
use support::git::{Repo, Report, leak, printed, with};
use support::key;

const MAIN: &[&str] = &["refs/heads/main"];
const NAME: &str = "wandb.env";
/// Stands for no key, where there is none that output could show.
const NONE: &str = "no key at all";

/// A place beside the first one.
fn also(commit: &str, path: &str) -> Value {
    json!({"kind": "blob", "commit": commit, "path": path, "line": 2})
}

/// A first place with those beside it.
fn first(repo: &Repo, commit: &str, path: &str, refs: &[&str], others: &[Value]) -> Value {
    with(repo.introduced(commit, path, 2, refs), json!({"also": others}))
}

fn look(repo: &Repo, key: &str) -> Report {
    repo.scan(&["--history", "repo"], &[key])
}

/// A bare repository to build commits in by hand, and a key for them.
struct Graph {
    repo: Repo,
    key: String,
}

impl Graph {
    fn new() -> Graph {
        Graph { repo: Repo::of(&["--bare"]), key: key("legacy", "graph") }
    }

    /// A commit of these files at a second; the file that leaks holds the key.
    fn commit(&self, names: &[&str], parents: &[&str], second: i64) -> String {
        let leaking = leak(&self.key);
        let files: Vec<(&str, &str)> =
            names.iter().map(|name| (*name, if name.starts_with("clean") { "clean\n" } else { &*leaking })).collect();
        self.repo.commit_tree(&self.repo.tree(&files), parents, second, &format!("at {second}"))
    }

    fn branch(&self, name: &str, commit: &str) {
        self.repo.git(&["update-ref", &format!("refs/heads/{name}"), commit]);
    }

    /// The key was first introduced here, and then at these commits and paths.
    fn expect(&self, commit: &str, path: &str, refs: &[&str], others: &[(&str, &str)]) {
        let others: Vec<Value> = others.iter().map(|(commit, path)| also(commit, path)).collect();
        look(&self.repo, &self.key).expect(&[first(&self.repo, commit, path, refs, &others)]).complete();
    }
}

#[test]
fn equal_dates_are_ordered_by_id() {
    // Both orders of creation, so that neither happens to be right.
    for turn in 0..4 {
        let graph = Graph::new();
        let mut roots: Vec<String> =
            (0..3).map(|nth| graph.commit(&[NAME, &format!("clean{nth}{turn}")], &[], 100)).collect();
        roots.iter().enumerate().for_each(|(nth, root)| graph.branch(&format!("b{nth}"), root));
        roots.sort();
        let refs = ["refs/heads/b0", "refs/heads/b1", "refs/heads/b2"];
        graph.expect(&roots[0], NAME, &refs, &[(&roots[1], NAME), (&roots[2], NAME)]);
    }
}

#[test]
fn the_committers_date_decides_and_not_the_authors() {
    let graph = Graph::new();
    let tree = graph.repo.tree(&[(NAME, &leak(&graph.key))]);
    let dated = |authored: i64, committed: i64| {
        let mut command = graph.repo.command(&["commit-tree", &tree, "-m", "dated"]);
        let date = |second: i64| format!("{} +0130", 1_700_000_000 + second);
        printed(command.env("GIT_AUTHOR_DATE", date(authored)).env("GIT_COMMITTER_DATE", date(committed)), b"")
    };
    let (late, early) = (dated(100, 900), dated(800, 200));
    graph.branch("late", &late);
    graph.branch("early", &early);
    let report = look(&graph.repo, &graph.key);
    let refs = ["refs/heads/early", "refs/heads/late"];
    report.expect(&[first(&graph.repo, &early, NAME, &refs, &[also(&late, NAME)])]).complete();
}

#[test]
fn a_parent_comes_before_its_child_whatever_their_dates() {
    let graph = Graph::new();
    let parent = graph.commit(&["old.env"], &[], 900);
    let child = graph.commit(&["new.env"], &[&parent], 100);
    graph.branch("main", &child);
    graph.expect(&parent, "old.env", MAIN, &[(&child, "new.env")]);
}

#[test]
fn only_commits_that_are_ready_are_compared_by_date() {
    let graph = Graph::new();
    let root = graph.commit(&["clean"], &[], 10);
    let direct = graph.commit(&[NAME], &[&root], 300);
    let between = graph.commit(&["clean2"], &[&root], 400);
    // Older by its date than anything, but its parent is the last to be ready.
    let behind = graph.commit(&["behind.env"], &[&between], 5);
    graph.branch("direct", &direct);
    graph.branch("behind", &behind);
    graph.expect(&direct, NAME, &["refs/heads/behind", "refs/heads/direct"], &[(&behind, "behind.env")]);
}

#[test]
fn several_roots() {
    let graph = Graph::new();
    let late = graph.commit(&[NAME], &[], 500);
    let early = graph.commit(&["other.env"], &[], 50);
    let joined = graph.commit(&[NAME, "other.env"], &[&late, &early], 600);
    graph.branch("main", &joined);
    graph.expect(&early, "other.env", MAIN, &[(&late, NAME)]);
}

#[test]
fn paths_of_one_commit_are_ordered_by_their_bytes() {
    let graph = Graph::new();
    let commit = graph.commit(&["b.env", "B.env", "a.env"], &[], 100);
    graph.branch("main", &commit);
    graph.expect(&commit, "B.env", MAIN, &[(&commit, "a.env"), (&commit, "b.env")]);
}

#[test]
fn a_rename_introduces_the_blob_at_its_new_path() {
    let repo = Repo::new();
    let key = key("v1", "rename");
    let old = repo.save("old.env", leak(&key));
    repo.git(&["mv", "old.env", "new.env"]);
    let new = repo.commit("rename");
    repo.git(&["rm", "-q", "new.env"]);
    repo.commit("gone");
    look(&repo, &key).expect(&[first(&repo, &old, "old.env", MAIN, &[also(&new, "new.env")])]).complete();
}

#[test]
fn a_renamed_folder_and_one_that_is_copied() {
    let repo = Repo::new();
    let key = key("v1", "folder");
    let old = repo.save("a/deep/conf/wandb.env", leak(&key));
    repo.git(&["mv", "a", "b"]);
    let moved = repo.commit("rename");
    repo.stage("copy/conf/wandb.env", leak(&key));
    let copied = repo.commit("copy");
    let others = [also(&moved, "b/deep/conf/wandb.env"), also(&copied, "copy/conf/wandb.env")];
    let report = look(&repo, &key);
    let blob = first(&repo, &old, "a/deep/conf/wandb.env", MAIN, &others);
    let file = |path: &str| json!({"kind": "file", "path": format!("repo/{path}"), "also": []});
    report.expect(&[blob, file("b/deep/conf/wandb.env"), file("copy/conf/wandb.env")]).complete();
}

#[test]
fn a_merge_brings_nothing_new() {
    let graph = Graph::new();
    let root = graph.commit(&["clean"], &[], 100);
    let ours = graph.commit(&["clean", "clean2"], &[&root], 200);
    let theirs = graph.commit(&["clean", NAME], &[&root], 300);
    let merge = graph.commit(&["clean", "clean2", NAME], &[&ours, &theirs], 400);
    let after = graph.commit(&["clean"], &[&merge], 500);
    graph.branch("main", &after);
    graph.branch("topic", &theirs);
    graph.branch("ours", &ours);
    graph.expect(&theirs, NAME, &["refs/heads/main", "refs/heads/topic"], &[]);
}

#[test]
fn a_blob_that_both_sides_of_a_merge_brought() {
    let graph = Graph::new();
    let root = graph.commit(&["clean"], &[], 100);
    let ours = graph.commit(&["clean", NAME], &[&root], 300);
    let theirs = graph.commit(&["clean2", NAME], &[&root], 200);
    let merge = graph.commit(&["clean", "clean2", NAME], &[&ours, &theirs], 400);
    graph.branch("main", &merge);
    graph.expect(&theirs, NAME, MAIN, &[(&ours, NAME)]);
}

#[test]
fn an_evil_merge_introduces_what_no_parent_has() {
    let graph = Graph::new();
    let root = graph.commit(&["clean"], &[], 100);
    let ours = graph.commit(&["clean", "clean1"], &[&root], 200);
    let theirs = graph.commit(&["clean", "clean2"], &[&root], 300);
    let merge = graph.commit(&["clean", NAME], &[&ours, &theirs], 400);
    graph.branch("main", &merge);
    graph.expect(&merge, NAME, MAIN, &[]);
}

#[test]
fn a_merge_that_moves_a_blob_introduces_it_there() {
    let graph = Graph::new();
    let root = graph.commit(&["clean"], &[], 100);
    let ours = graph.commit(&["a.env"], &[&root], 200);
    let theirs = graph.commit(&["clean", "clean2"], &[&root], 300);
    let merge = graph.commit(&["clean", "a.env", "b.env"], &[&ours, &theirs], 400);
    graph.branch("main", &merge);
    graph.expect(&ours, "a.env", MAIN, &[(&merge, "b.env")]);
}

#[test]
fn octopus() {
    let graph = Graph::new();
    let root = graph.commit(&["clean"], &[], 100);
    let arms: Vec<String> =
        (0..5).map(|nth| graph.commit(&["clean", &format!("arm{nth}.env")], &[&root], 700 - nth * 100)).collect();
    let parents: Vec<&str> = arms.iter().map(String::as_str).collect();
    let merge = graph.commit(&["clean", "arm0.env", "arm4.env", "own.env"], &parents, 900);
    graph.branch("main", &merge);
    let order: Vec<(&str, &str)> = vec![
        (&arms[3], "arm3.env"),
        (&arms[2], "arm2.env"),
        (&arms[1], "arm1.env"),
        (&arms[0], "arm0.env"),
        (&merge, "own.env"),
    ];
    graph.expect(&arms[4], "arm4.env", MAIN, &order);
}

#[test]
fn deleted_and_introduced_again() {
    let graph = Graph::new();
    let once = graph.commit(&[NAME], &[], 100);
    let gone = graph.commit(&["clean"], &[&once], 200);
    let again = graph.commit(&["clean", NAME], &[&gone], 300);
    let still = graph.commit(&["clean", "clean2", NAME], &[&again], 400);
    graph.branch("main", &still);
    graph.expect(&once, NAME, MAIN, &[(&again, NAME)]);
}

#[test]
fn every_version_of_a_file_is_a_finding() {
    let repo = Repo::new();
    let key = key("v1", "versions");
    let commits: Vec<String> = (0..3).map(|nth| repo.save(NAME, format!("A={nth}\nWANDB_API_KEY={key}\n"))).collect();
    repo.delete(NAME);
    let wanted: Vec<Value> = commits.iter().map(|commit| first(&repo, commit, NAME, MAIN, &[])).collect();
    look(&repo, &key).expect(&wanted).complete();
}

#[test]
fn two_keys_of_one_blob_lie_in_the_same_places() {
    let repo = Repo::new();
    let (one, two) = (key("v1", "one"), key("legacy", "two"));
    let text = format!("WANDB_API_KEY={one}\n\n# local-only\nWANDB_API_KEY={two}\n");
    repo.stage("b.env", &text);
    let commit = repo.save("a.env", &text);
    repo.git(&["rm", "-q", "a.env", "b.env"]);
    repo.commit("gone");
    let place = |key: &str, line: u64| {
        let other = json!([{"kind": "blob", "commit": commit, "path": "b.env", "line": line}]);
        with(repo.introduced(&commit, "a.env", line, MAIN), json!({"key": key, "also": other}))
    };
    repo.scan(&["--history", "repo"], &[&one, &two]).expect(&[place(&one, 1), place(&two, 4)]).complete();
}

#[test]
fn refs_of_every_kind_hold_it() {
    let repo = Repo::new();
    let key = key("v1", "refs");
    let commit = repo.save(NAME, leak(&key));
    repo.delete(NAME);
    repo.git(&["branch", "other"]);
    repo.git(&["tag", "light"]);
    repo.git(&["tag", "-a", "-m", "subject", "heavy"]);
    repo.git(&["tag", "-a", "-m", "subject", "heavier", "heavy"]);
    repo.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    repo.git(&["update-ref", "refs/pull/7/head", "HEAD"]);
    repo.git(&["update-ref", "refs/heads/before", "HEAD~1^{commit}"]);
    repo.git(&["switch", "-q", "--orphan", "clean"]);
    repo.save("clean.txt", "clean\n");
    let refs = [
        "refs/heads/before",
        "refs/heads/main",
        "refs/heads/other",
        "refs/pull/7/head",
        "refs/remotes/origin/main",
        "refs/tags/heavier",
        "refs/tags/heavy",
        "refs/tags/light",
    ];
    look(&repo, &key).expect(&[first(&repo, &commit, NAME, &refs, &[])]).complete();
    repo.git(&["pack-refs", "--all"]);
    look(&repo, &key).expect(&[first(&repo, &commit, NAME, &refs, &[])]).complete();
}

#[test]
fn a_detached_head_holds_what_nothing_else_does() {
    let repo = Repo::new();
    let key = key("v1", "detached");
    repo.save("clean.txt", "clean\n");
    repo.git(&["switch", "-q", "--detach"]);
    let commit = repo.save(NAME, leak(&key));
    repo.delete(NAME);
    look(&repo, &key).expect(&[first(&repo, &commit, NAME, &["HEAD"], &[])]).complete();
    repo.git(&["branch", "named"]);
    look(&repo, &key).expect(&[first(&repo, &commit, NAME, &["refs/heads/named"], &[])]).complete();
}

#[test]
fn one_commit_holds_it_still_and_one_no_more() {
    let graph = Graph::new();
    let gone = graph.commit(&[NAME], &[], 100);
    let held = graph.commit(&["held.env"], &[], 200);
    graph.branch("main", &held);
    // What people can still look up comes before what only the object database remembers.
    graph.expect(&held, "held.env", MAIN, &[(&gone, NAME)]);
}

#[test]
fn a_reference_to_a_blob_or_a_tree() {
    let repo = Repo::new();
    let (blobs, trees) = (key("v1", "blob"), key("v1", "tree"));
    repo.save("clean.txt", "clean\n");
    let blob = repo.blob(leak(&blobs).as_bytes());
    repo.git(&["tag", "blob", &blob]);
    repo.git(&["tag", "-a", "-m", "subject", "tagged-blob", &blob]);
    let tree = repo.tree(&[(NAME, &leak(&trees))]);
    repo.git(&["update-ref", "refs/tags/tree", &tree]);
    let place = |key: &str, refs: &[&str]| json!({"key": key, "kind": "blob", "line": 2, "commit": null, "refs": refs, "reachable": true});
    let wanted = [
        with(place(&blobs, &["refs/tags/blob", "refs/tags/tagged-blob"]), json!({"path": "", "object": blob})),
        place(&trees, &["refs/tags/tree"]),
    ];
    repo.scan(&["--history", "repo"], &[&blobs, &trees]).expect(&wanted).complete();
}

#[test]
fn where_a_blob_lies_decides_about_a_bare_key() {
    let key = key("legacy", "bare");
    for (name, found) in [("notes.txt", false), ("conf/wandb_api_key.txt", true), (".wandb_api_key", true)] {
        let repo = Repo::new();
        let commit = repo.save(name, format!("{key}\n"));
        repo.delete(name);
        let place = repo.introduced(&commit, name, 1, MAIN);
        look(&repo, &key).expect(if found { std::slice::from_ref(&place) } else { &[] }).complete();
    }
    // One path that speaks is enough, also if the blob lay elsewhere before.
    let repo = Repo::new();
    repo.save("notes.txt", format!("{key}\n"));
    repo.git(&["mv", "notes.txt", "wandb_api_key.txt"]);
    repo.commit("rename");
    repo.delete("wandb_api_key.txt");
    let report = look(&repo, &key);
    report.expect(&[json!({"key": key, "kind": "blob", "line": 1, "object": repo.id("HEAD~2:notes.txt")})]).complete();
}

#[test]
fn an_object_id_is_no_key() {
    let repo = Repo::new();
    let commit = repo.save("clean.txt", "clean\n");
    let blob = repo.id("HEAD:clean.txt");
    let text = format!("WANDB_API_KEY={commit}\nwandb.login(key=\"{blob}\")\n");
    repo.save("wandb.env", &text);
    repo.delete("wandb.env");
    repo.fed(&["commit", "-q", "--allow-empty", "-F", "-"], format!("subject\n\n{text}").as_bytes());
    repo.fed(&["tag", "-a", "-F", "-", "v1"], format!("subject\n\n{text}").as_bytes());
    repo.fed(&["notes", "add", "-F", "-", "HEAD"], text.as_bytes());
    repo.git(&["update-ref", "-m", &format!("WANDB_API_KEY={commit}"), "refs/heads/x", "HEAD"]);
    repo.git(&["update-ref", &format!("refs/heads/WANDB_API_KEY={commit}"), "HEAD"]);
    repo.git(&["config", "wandb.api-key", &commit]);
    repo.write(".git/hooks/pre-push", &text);
    repo.stage("staged.env", &text);
    look(&repo, NONE).expect(&[]).complete();
    repo.hook(&["--staged"], &[]).expect(&[]).complete();
    repo.hook(&["--range", "HEAD~2..HEAD"], &[]).expect(&[]).complete();
    repo.git(&["repack", "-q", "-a", "-d"]);
    look(&repo, NONE).expect(&[]).complete();
    // The same text is a finding as soon as it holds no object's id: the test above can fail.
    let key = key("legacy", "no object");
    let saved = repo.save("wandb.env", leak(&key));
    repo.delete("wandb.env");
    let report = look(&repo, &key);
    assert!(report.findings().iter().any(|finding| finding["location"]["commit"] == saved), "{:#}", report.json);
}

#[test]
fn raw_headers_are_never_candidates() {
    let repo = Repo::new();
    repo.save("clean.txt", "clean\n");
    for variable in ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"] {
        let mut command = repo.command(&["commit", "-q", "--allow-empty", "-m", "wandb login"]);
        printed(command.env(variable, "WANDB_API_KEY"), b"");
    }
    repo.git(&["branch", "wandb_api_key"]);
    repo.git(&["tag", "-a", "-m", "WANDB_API_KEY=", "wandb_api_key"]);
    repo.git(&["update-ref", "refs/wandb_api_key", "HEAD"]);
    repo.git(&["pack-refs", "--all"]);
    repo.git(&["update-ref", "refs/heads/wandb-api-key", "HEAD~1"]);
    repo.git(&["update-ref", "-m", "WANDB_API_KEY", "refs/heads/wandb-api-key", "HEAD"]);
    repo.write("wandb_api_key", "clean\n");
    repo.git(&["add", "wandb_api_key"]);
    repo.commit("WANDB_API_KEY");
    let text = format!("{}\t\tbranch 'wandb_api_key' of https://api.wandb.ai/x\n", repo.id("HEAD"));
    repo.write(".git/FETCH_HEAD", text);
    repo.write(".git/ORIG_HEAD", format!("{}\n", repo.id("HEAD")));
    look(&repo, NONE).expect(&[]).complete();
    // Headers whose ids name nothing here: a log that outlived its commits.
    let gone = key("legacy", "gone commit");
    let line = format!("{gone} {gone} WANDB_API_KEY <a@example.org> 1700000000 +0000\tWANDB_API_KEY\n");
    repo.write(".git/logs/refs/heads/wandb_api_key", line);
    look(&repo, &gone).expect(&[]);
}
