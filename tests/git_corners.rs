//! Corners of git in which a key was once missed, misplaced or shown: each test is a repository that somebody could make.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod support;

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use support::git::{Repo, Report, binary, leak, scan};
use support::key;
use wandward::policy::Policy;
use wandward::rule::RuleSet;
use wandward::scan::{Input, Progress, Scan};
use wandward::source::tree::Tree;

const NAME: &str = "wandb.env";

fn history(repo: &Repo, key: &str) -> Report {
    repo.scan(&["--history", "repo"], &[key])
}

/// An object as git never writes it.
fn literally(repo: &Repo, kind: &str, content: &[u8]) -> String {
    repo.fed(&["hash-object", "-t", kind, "-w", "--literally", "--stdin"], content)
}

/// An entry of a tree.
fn entry(mode: &str, name: &str, id: &str) -> Vec<u8> {
    let id = data_encoding::HEXLOWER.decode(id.as_bytes()).unwrap();
    [format!("{mode} {name}\0").as_bytes(), &id].concat()
}

#[test]
fn a_commit_and_a_tag_that_name_nothing_are_gaps() {
    for (kind, content, words) in [
        ("commit", &b"author a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nx\n"[..], "names no tree"),
        ("commit", b"tree 123\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nx\n", "names no tree"),
        ("commit", b"tree TREE\nparent 123\nauthor a <a@b> 1 +0000\n\nx\n", "parent that is none"),
        ("tag", b"object 123\ntype blob\ntag x\ntagger a <a@b> 1 +0000\n\nx\n", "names no object"),
    ] {
        let repo = Repo::new();
        repo.save("first", "first\n");
        let content = String::from_utf8_lossy(content).replace("TREE", &repo.id("HEAD^{tree}"));
        let id = literally(&repo, kind, content.as_bytes());
        history(&repo, &key("v1", "none")).gap(&[id.trim(), words]);
    }
}

#[test]
fn a_rule_that_alone_is_selected_speaks_of_the_past_too() {
    let repo = Repo::new();
    let key = key("legacy", "selected");
    let base = repo.save("README.md", "clean\n");
    let commit = repo.save("train.env", leak(&key));
    repo.delete("train.env");
    let range = format!("{base}..HEAD");
    let wanted = [json!({"rule": "key-in-config", "kind": "blob", "path": "train.env", "commit": commit})];
    for choice in [&["--select", "key-in-config"][..], &["--ignore", "exposed-key"]] {
        repo.scan(&[&["--history", "repo"], choice].concat(), &[&key]).expect(&wanted).complete();
        repo.hook(&[&["--range", &range], choice].concat(), &[&key]).expect(&wanted).complete();
    }
    for (choice, found) in [("key-in-script", &[][..]), ("key-in-config", &wanted)] {
        repo.scan(&["--history", "repo", "--select", choice], &[&key]).expect(found).complete();
    }
}

#[test]
fn what_a_repository_needs_and_nobody_knows_is_a_gap_of_every_scan() {
    let repo = Repo::new();
    let head = repo.save("README.md", "clean\n");
    repo.git(&["config", "core.repositoryformatversion", "1"]);
    repo.git(&["config", "extensions.newfangled", "true"]);
    history(&repo, &key("v1", "none")).gap(&["newfangled"]);
    for arguments in [&["--staged"][..], &["--range", &format!("{head}..{head}")]] {
        let report = scan(&mut binary(&repo.at("")), arguments, &[]);
        report.gap(&["newfangled"]);
    }
}

#[test]
fn a_file_that_moves_to_a_name_that_speaks_is_new() {
    let repo = Repo::new();
    let key = key("legacy", "moves");
    repo.save("data.txt", format!("{key}\n"));
    repo.git(&["mv", "data.txt", "wandb_key.txt"]);
    repo.hook(&["--staged"], &[&key]).expect(&[json!({"kind": "staged", "path": "wandb_key.txt"})]).complete();
    let commit = repo.commit("rename");
    let wanted = json!({"kind": "blob", "path": "wandb_key.txt", "commit": commit});
    repo.hook(&["--range", "HEAD~1..HEAD"], &[&key]).expect(&[wanted]).complete();
    // It stays, and is new no more.
    repo.hook(&["--staged"], &[&key]).expect(&[]).complete();
    repo.save("clean.txt", "clean\n");
    repo.hook(&["--range", "HEAD~1..HEAD"], &[&key]).expect(&[]).complete();
}

#[test]
fn what_both_sides_added_is_new_since_they_parted() {
    let repo = Repo::new();
    let key = key("v1", "both");
    repo.save("README", "clean\n");
    repo.git(&["switch", "-q", "-c", "other"]);
    let commit = repo.save(NAME, leak(&key));
    repo.git(&["switch", "-q", "main"]);
    repo.save("clean.txt", "clean\n");
    repo.save(NAME, leak(&key));
    let wanted = json!({"kind": "blob", "path": NAME, "commit": commit});
    repo.hook(&["--range", "main...other"], &[&key]).expect(&[wanted]).complete();
    repo.hook(&["--range", "main..other"], &[&key]).expect(&[]).complete();
}

#[test]
fn folders_are_folders_whatever_their_mode_says_beside_that() {
    let repo = Repo::new();
    let key = key("legacy", "modes");
    repo.save("README", "clean\n");
    let blob = repo.blob(leak(&key).as_bytes());
    for mode in ["40000", "040755", "42000"] {
        let inner = literally(&repo, "tree", &entry("100644", NAME, &blob));
        let tree = literally(&repo, "tree", &entry(mode, "conf", &inner));
        let commit = repo.commit_tree(&tree, &["HEAD"], 1000, mode);
        repo.git(&["update-ref", "refs/heads/odd", &commit]);
        let wanted = json!({"kind": "blob", "path": format!("conf/{NAME}"), "commit": commit, "reachable": true});
        repo.hook(&["--range", "main..odd"], &[&key]).expect(std::slice::from_ref(&wanted)).complete();
    }
}

#[test]
fn a_tree_that_breaks_off_is_a_gap() {
    let repo = Repo::new();
    let commit = repo.save("README", "clean\n");
    let mut bytes = entry("100644", "a", &repo.blob(b"clean\n"));
    bytes.extend(b"100644 wandb.env\0\x01\x02");
    let tree = literally(&repo, "tree", &bytes);
    let broken = repo.commit_tree(&tree, &[&commit], 1000, "broken");
    repo.git(&["update-ref", "refs/heads/broken", &broken]);
    repo.hook(&["--range", "main..broken"], &[]).expect(&[]).gap(&[&tree[..10]]);
    repo.hook(&["--history"], &[]).gap(&[&tree[..10]]);
}

#[test]
fn tags_of_tags_are_followed_to_the_end() {
    let repo = Repo::new();
    let key = key("legacy", "tags");
    let before = repo.save("README", "clean\n");
    let commit = repo.save(NAME, leak(&key));
    let mut target = commit.clone();
    for nth in 0..80 {
        let kind = if nth == 0 { "commit" } else { "tag" };
        let text = format!("object {target}\ntype {kind}\ntag t{nth}\ntagger A <a@b> {nth} +0000\n\nmessage\n");
        target = repo.fed(&["mktag"], text.as_bytes());
    }
    repo.git(&["update-ref", "refs/tags/deep", &target]);
    let zeros = "0".repeat(40);
    let line = format!("refs/tags/deep {target} refs/tags/deep {zeros}\nrefs/heads/x {before} refs/heads/x {before}\n");
    let wanted = json!({"kind": "blob", "path": NAME, "commit": commit});
    repo.piped(&["--pre-push"], &line, &[], &[&key]).expect(std::slice::from_ref(&wanted)).complete();
    let held = json!({"kind": "blob", "refs": ["refs/heads/main", "refs/tags/deep"]});
    let report = repo.scan(&["--history", "repo"], &[&key]);
    assert!(report.findings().iter().any(|f| f["location"]["refs"] == held["refs"]), "{:#}", report.json);
}

#[test]
fn clocks_that_run_backwards_add_nothing_to_a_range() {
    let repo = Repo::new();
    let key = key("v1", "clocks");
    let tree = repo.tree(&[("clean.txt", "clean\n")]);
    let commit = |parents: &[&str], second: i64, message: &str| repo.commit_tree(&tree, parents, second, message);
    let root = commit(&[], 0, "root");
    let leaking = commit(&[&root], 1000, &leak(&key));
    let main = commit(&[&leaking], -500, "clean");
    let topic = commit(&[&leaking], 2000, "clean");
    for (range, found) in
        [(format!("{main}..{topic}"), 0), (format!("{root}..{main}"), 1), (format!("{topic}..{main}"), 0)]
    {
        assert_eq!(repo.hook(&["--range", &range], &[&key]).findings().len(), found, "{range}");
    }
}

#[test]
fn sizes_that_are_not_wanted_are_passed_over_and_named() {
    let repo = Repo::new();
    let key = key("legacy", "sizes");
    repo.save("README", "clean\n");
    repo.stage(NAME, leak(&key) + &"# filler\n".repeat(500));
    let small = ["--max-file-size", "1K"];
    repo.hook(&[&["--staged"], &small[..]].concat(), &[&key]).expect(&[]).gap(&[NAME, "max-file-size"]);
    repo.commit("large");
    repo.delete(NAME);
    for verb in [&["--history"][..], &["--range", "HEAD~2..HEAD"]] {
        repo.hook(&[verb, &small[..]].concat(), &[&key]).gap(&["max-file-size"]);
    }
}

#[test]
fn the_index_that_git_names_is_of_the_repository_at_hand() {
    let (here, there) = (key("legacy", "here"), key("legacy", "there"));
    let repo = Repo::new();
    repo.stage("here.env", leak(&here));
    let other = repo.beside("other", &[]);
    other.stage("there.env", leak(&there));
    let mut command = binary(&repo.path);
    let index = repo.at(".git/index");
    command.env("GIT_INDEX_FILE", index).args(["scan", "--format", "json", "--staged", "../other"]);
    let report = Report::of(command.output().unwrap(), &[&here, &there]);
    report.expect(&[json!({"key": there, "path": "there.env"})]).complete();
}

#[test]
fn a_reference_to_an_object_that_is_missing_is_a_gap() {
    let repo = Repo::new();
    repo.save("README", "clean\n");
    let gone = key("legacy", "no such object");
    repo.write(".git/refs/heads/broken", format!("{gone}\n"));
    repo.hook(&["--history"], &[]).expect(&[]).gap(&["broken", "missing"]);
}

#[test]
fn what_a_tag_or_an_index_names_and_nobody_holds_is_a_gap() {
    let repo = Repo::new();
    repo.save("a", "a\n");
    let lose = |id: &str| fs::remove_file(repo.at(&format!(".git/objects/{}/{}", &id[..2], &id[2..]))).unwrap();
    // What is only said to be added has no content yet.
    repo.write("b", "b\n");
    repo.git(&["add", "-N", "b"]);
    repo.scan(&["--history", "repo"], &[]).complete();
    repo.stage("c", "c\n");
    let staged = repo.id(":c");
    lose(&staged);
    repo.scan(&["--history", "repo"], &[]).gap(&["missing", "1 object", &staged]);
    repo.git(&["rm", "-q", "--cached", "c"]);
    let tagged = repo.blob(b"a tag names it\n");
    repo.git(&["tag", "-a", "-m", "a tag", "v1", &tagged]);
    repo.git(&["tag", "-a", "-m", "a tag of that tag", "v2", "v1"]);
    repo.scan(&["--history", "repo"], &[]).complete();
    lose(&tagged);
    repo.scan(&["--history", "repo"], &[]).gap(&["missing", "1 object", &tagged]);
}

#[test]
fn pointers_to_what_lfs_did_not_bring_are_counted() {
    let repo = Repo::new();
    let id = "ab".repeat(32);
    repo.save("model.bin", format!("version https://git-lfs.github.com/spec/v1\noid sha256:{id}\nsize 12\n"));
    let said = |report: &Report| report.json["coverage"]["skipped"].to_string().contains("LFS");
    assert!(said(repo.hook(&["--history"], &[]).expect(&[]).complete()));
    repo.write(&format!(".git/lfs/objects/ab/ab/{id}"), "clean\n");
    assert!(!said(repo.hook(&["--history"], &[]).expect(&[]).complete()));
}

#[test]
fn a_tree_without_a_commit_says_what_a_blob_was_called() {
    let repo = Repo::new();
    let key = key("legacy", "dangling");
    repo.save("README", "clean\n");
    repo.stage("conf/wandb_key.txt", format!("{key}\n"));
    repo.git(&["write-tree"]);
    repo.git(&["reset", "-q", "--hard"]);
    let wanted = json!({"kind": "blob", "path": "conf/wandb_key.txt", "commit": null, "reachable": false});
    history(&repo, &key).expect(&[wanted]).complete();
}

#[test]
fn a_name_that_only_the_index_has_says_more() {
    let key = key("legacy", "a name in the index");
    for is_committed in [true, false] {
        let repo = Repo::new();
        let names = ["a/notes", "notes", "wandb_api_key", "z/notes"];
        if is_committed {
            repo.save(names[0], format!("{key}\n"));
        }
        names.iter().for_each(|name| repo.stage(name, format!("{key}\n")));
        names.iter().for_each(|name| fs::remove_file(repo.at(name)).unwrap());
        let wanted = json!({"key": key, "kind": "staged", "path": names[2], "line": 1, "reachable": true});
        repo.scan(&["--history", "repo"], &[&key]).expect(&[wanted]).complete();
        let exclude = repo.scan(&["--history", "repo", "--exclude", "wandb_api_key"], &[&key]);
        exclude.expect(&[]).complete();
    }
}

#[test]
fn what_a_linked_worktree_has_staged_is_told_of_that_worktree() {
    let repo = Repo::new();
    let key = key("legacy", "linked");
    repo.save("README", "clean\n");
    repo.git(&["worktree", "add", "-q", "../linked"]);
    let linked = repo.opened("linked");
    linked.stage(NAME, leak(&key));
    let place = fs::canonicalize(&linked.path).unwrap();
    let wanted = json!({"kind": "staged", "path": NAME, "repository": place.to_str().unwrap()});
    let report = history(&repo, &key);
    report.expect(&[wanted]).complete();
    assert!(
        report.json["coverage"]["skipped"].to_string().contains("a working tree of this repository elsewhere"),
        "{:#}",
        report.json
    );
}

#[test]
fn a_configuration_does_not_lead_the_walk_elsewhere() {
    let repo = Repo::new();
    let key = key("v1", "elsewhere");
    repo.save("README", "clean\n");
    fs::write(repo.place().join("private.env"), leak(&key)).unwrap();
    repo.git(&["config", "core.worktree", "../.."]);
    repo.scan(&["--history", "repo"], &[&key]).expect(&[]).complete();
    repo.hook(&["--history"], &[&key]).expect(&[]).complete();
}

#[test]
fn a_path_that_is_called_as_the_key_in_it_does_not_show_it() {
    let repo = Repo::new();
    let legacy = key("legacy", "path");
    repo.save(&format!("{legacy}/{legacy}.env"), leak(&legacy));
    repo.git(&["mv", &legacy, "moved"]);
    repo.commit("rename");
    assert_eq!(history(&repo, &legacy).findings().len(), 2);
    let mut pretty = binary(repo.place());
    let shown = String::from_utf8(pretty.args(["scan", "--history", "repo"]).output().unwrap().stdout).unwrap();
    assert!(!shown.contains(&legacy[..12]), "{shown}");
}

#[test]
fn trees_of_billions_of_paths_and_long_names_end() {
    for (name, levels) in [("a".to_owned(), 40), ("n".repeat(5000), 3)] {
        let repo = Repo::new();
        let key = key("v1", "bomb");
        let base = repo.save("README", "clean\n");
        let mut id = repo.blob(leak(&key).as_bytes());
        for level in 0..levels {
            let mode = if level == 0 { "100644" } else { "40000" };
            let twice = [entry(mode, &name, &id), entry(mode, &format!("{name}b"), &id)].concat();
            id = literally(&repo, "tree", &twice);
        }
        let commit = repo.commit_tree(&id, &[&base], 1000, "bomb");
        repo.git(&["update-ref", "refs/heads/bomb", &commit]);
        for verb in [&["--history", "repo"][..], &["--range", "main..bomb", "repo"]] {
            let report = repo.scan(verb, &[&key]);
            report.gap(&["more paths than are followed"]);
        }
        // The content is judged all the same, and nothing is said of it that is not known.
        let report = history(&repo, &key);
        let bomb = report.findings().iter().find(|f| f["location"]["kind"] == "blob").unwrap();
        assert_ne!(bomb["location"]["reachable"], Value::Bool(false), "{:#}", report.json);
    }
}

#[test]
fn an_interruption_keeps_what_was_found() {
    const FILES: u64 = 200;
    const ENOUGH: u64 = 50;
    let repo = Repo::new();
    for nth in 0..FILES {
        let filler = "# filler\n".repeat(20_000);
        repo.write(&format!("{nth}.env"), leak(&key("v1", &format!("file {nth}"))) + &filler);
    }
    repo.git(&["add", "."]);
    let bare = repo.place().join("bare.git");
    repo.commit("all");
    repo.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    let rules = RuleSet::builtin().unwrap();
    let policy = Policy::new(&rules, Vec::new(), Vec::new(), true).unwrap();
    let progress = Progress::default();
    let scan = Scan { rules: &rules, policy: &policy, progress: &progress, threads: 1, cache: None, found: &|_| {} };
    let input =
        Input::History(Tree { roots: vec![bare], exclude: Vec::new(), left_out: Vec::new(), max_file_size: None });
    let done = AtomicBool::new(false);
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            while progress.objects.load(Ordering::Relaxed) < ENOUGH && !done.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            progress.stop.store(true, Ordering::Relaxed);
        });
        let outcome = scan.run(&[input]).unwrap();
        done.store(true, Ordering::Relaxed);
        outcome
    });
    // A commit and a tree may be among the first objects.
    assert!(outcome.findings.len() as u64 >= ENOUGH - 2, "{}", outcome.findings.len());
    assert!(!outcome.coverage.complete());
    let held = outcome.findings.iter().filter_map(|finding| finding.origin.held.as_ref());
    assert!(held.into_iter().all(|held| held.reachable), "nothing is known to be held by nobody");
}
