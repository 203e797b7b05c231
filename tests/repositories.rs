//! What a repository holds beside the files of its commits, and which repositories a path stands for.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::git::{AUTHOR, Repo, Report, leak, printed, with};
use support::key;

const MAIN: &[&str] = &["refs/heads/main"];

/// A repository with one clean commit, and a key of either format in turn.
fn each_format(test: impl Fn(&Repo, &str)) {
    for kind in ["legacy", "v1"] {
        let repo = Repo::new();
        repo.save("README", "# settings\n");
        test(&repo, &key(kind, "repositories"));
    }
}

fn history(repo: &Repo, path: &str, key: &str) -> Report {
    repo.scan(&["--history", path], &[key])
}

/// Exactly these places of one key, and nothing missed.
fn places(repo: &Repo, path: &str, key: &str, wanted: Vec<Value>) {
    let wanted: Vec<Value> = wanted.into_iter().map(|place| with(json!({"key": key}), place)).collect();
    history(repo, path, key).expect(&wanted).complete();
}

#[test]
fn author_and_committer() {
    each_format(|repo, key| {
        let tree = repo.id("HEAD^{tree}");
        for (variable, value) in [
            ("GIT_AUTHOR_NAME", format!("WANDB_API_KEY={key}")),
            ("GIT_COMMITTER_NAME", format!("WANDB_API_KEY={key}")),
            ("GIT_AUTHOR_EMAIL", format!("wandb_api_key={key}")),
            ("GIT_COMMITTER_EMAIL", format!("wandb_api_key={key}")),
        ] {
            let commit = printed(repo.command(&["commit-tree", &tree, "-m", "subject"]).env(variable, value), b"");
            repo.git(&["update-ref", "refs/heads/named", &commit]);
            let place = json!({
                "kind": "commit", "repository": "repo", "path": "", "line": null, "commit": commit,
                "date": repo.date(&commit), "refs": ["refs/heads/named"], "reachable": true,
            });
            places(repo, "repo", key, vec![place]);
            // The next one must be alone again.
            repo.git(&["update-ref", "-d", "refs/heads/named"]);
            let loose = repo.at(".git/objects").join(&commit[..2]).join(&commit[2..]);
            fs::remove_file(loose).unwrap();
        }
    });
}

#[test]
fn tagger() {
    each_format(|repo, key| {
        let mut command = repo.command(&["tag", "-a", "-m", "subject", "v1"]);
        printed(command.env("GIT_COMMITTER_NAME", format!("WANDB_API_KEY={key}")), b"");
        let place = json!({
            "kind": "tag", "path": "", "line": null, "object": repo.id("v1"), "refs": ["refs/tags/v1"],
            "reachable": true,
        });
        places(repo, "repo", key, vec![place]);
    });
}

#[test]
fn the_author_is_a_name_without_an_address() {
    let repo = Repo::new();
    let key = key("v1", "author");
    repo.save("wandb.env", leak(&key));
    let report = history(&repo, "repo", &key);
    let blob = report.findings().iter().find(|finding| finding["location"]["kind"] == "blob").unwrap();
    assert_eq!(blob["location"]["author"], AUTHOR);
    let text = report.json.to_string();
    assert!(!text.contains("example.org") && !text.contains("Babbage"), "{text}");
}

#[test]
fn reference_names() {
    each_format(|repo, key| {
        // A name that is written as a branch is, a tag is, or any other reference.
        for name in ["refs/heads/fix/WANDB_API_KEY=", "refs/tags/WANDB_API_KEY=", "refs/custom/WANDB_API_KEY="] {
            let full = format!("{name}{key}");
            let packed = |repo: &Repo| {
                let report = history(repo, "repo", key);
                report.expect(&[json!({"key": key, "kind": "ref", "repository": "repo"})]).complete();
                let shown = report.findings()[0]["location"]["ref"].as_str().unwrap().to_owned();
                assert!(shown.starts_with(name), "{shown}");
            };
            repo.git(&["-c", "core.logAllRefUpdates=false", "update-ref", &full, "HEAD"]);
            packed(repo);
            repo.git(&["pack-refs", "--all"]);
            packed(repo);
            repo.git(&["update-ref", "-d", &full]);
        }
    });
}

#[test]
fn reflog_messages() {
    each_format(|repo, key| {
        repo.git(&["commit", "-q", "--allow-empty", "-m", "another line"]);
        repo.git(&["update-ref", "-m", &format!("WANDB_API_KEY={key}"), "HEAD", "HEAD~1"]);
        let place = |log: &str, reference: &str| {
            let text = fs::read_to_string(repo.at(log)).unwrap();
            let (nth, line) = text.lines().enumerate().find(|(_, line)| line.contains(key)).unwrap();
            json!({
                "kind": "reflog", "repository": "repo", "path": format!("repo/{log}"), "ref": reference, "line": nth + 1,
                "column": line.find(key).unwrap() + 1,
            })
        };
        places(
            repo,
            "repo",
            key,
            vec![place(".git/logs/HEAD", "HEAD"), place(".git/logs/refs/heads/main", "refs/heads/main")],
        );
    });
}

#[test]
fn hooks_settings_and_what_else_lies_in_a_git_directory() {
    each_format(|repo, key| {
        let files = [
            ".git/hooks/pre-commit",
            ".git/config.worktree",
            ".git/info/exclude",
            ".git/description",
            ".git/MERGE_MSG",
            ".git/rebase-merge/message",
            ".git/lfs/objects/ab/cd/abcd",
            ".git/modules/gone/config",
            ".git/annex/notes",
        ];
        for file in files {
            repo.write(file, leak(key));
        }
        repo.git(&["config", "remote.tracker.url", &format!("https://api:{key}@api.wandb.ai/x.git")]);
        let config = fs::read_to_string(repo.at(".git/config")).unwrap();
        let line = config.lines().position(|line| line.contains("api.wandb.ai")).unwrap() + 1;
        let place =
            |path: &str, line: usize| json!({"kind": "git-config", "path": format!("repo/{path}"), "line": line});
        let mut wanted: Vec<Value> = files.iter().map(|file| place(file, 2)).collect();
        wanted.push(place(".git/config", line));
        places(repo, "repo", key, wanted);
    });
}

#[test]
fn submodule_that_is_checked_out_and_one_that_is_not() {
    each_format(|repo, key| {
        let library = repo.beside("library", &[]);
        let commit = library.save("wandb.env", leak(key));
        library.delete("wandb.env");
        repo.git(&["submodule", "--quiet", "add", &library.url(), "lib"]);
        repo.commit("a library");
        let wanted = || {
            let at = library.introduced(&commit, "wandb.env", 2, &[]);
            ["kind", "path", "line", "commit", "author", "date", "object"]
                .into_iter()
                .fold(json!({"reachable": true}), |place, name| with(place, json!({name: at[name]})))
        };
        assert!(repo.at("lib/.git").is_file());
        places(repo, "repo", key, vec![wanted()]);
        repo.git(&["submodule", "--quiet", "deinit", "-f", "lib"]);
        repo.git(&["rm", "-q", "--cached", "lib"]);
        assert!(repo.at(".git/modules/lib/HEAD").exists());
        places(repo, "repo", key, vec![wanted()]);
    });
}

#[test]
fn submodule_asked_for_by_itself() {
    each_format(|repo, key| {
        let library = repo.beside("library", &[]);
        let commit = library.save("wandb.env", leak(key));
        library.delete("wandb.env");
        repo.git(&["submodule", "--quiet", "add", &library.url(), "lib"]);
        let place = json!({"kind": "blob", "repository": "repo/lib", "path": "wandb.env", "line": 2, "commit": commit});
        places(repo, "repo/lib", key, vec![place]);
    });
}

#[test]
fn linked_worktree() {
    each_format(|repo, key| {
        let commit = repo.save("wandb.env", leak(key));
        repo.delete("wandb.env");
        repo.git(&["worktree", "add", "-q", "-b", "side", "../side"]);
        let side = repo.opened("side");
        side.stage("staged.env", leak(key).replace("settings", "staged"));
        side.write("staged.env", "# clean\n");
        let refs = ["refs/heads/main", "refs/heads/side"];
        let blob =
            |repository: &str| with(repo.introduced(&commit, "wandb.env", 2, &refs), json!({"repository": repository}));
        let staged = json!({
            "kind": "staged", "path": "staged.env", "line": 2, "object": side.id(":staged.env"), "reachable": true,
            "commit": null,
        });
        places(repo, "repo", key, vec![blob("repo"), staged.clone()]);
        // Asked for by its linked worktree, it is the same repository; the files are those of that worktree.
        side.write("loose.env", leak(key));
        let file = json!({"kind": "file", "path": "side/loose.env", "line": 2});
        places(repo, "side", key, vec![blob("side"), staged, file]);
    });
}

#[test]
fn detached_head_of_a_linked_worktree_holds_what_it_holds() {
    each_format(|repo, key| {
        repo.git(&["worktree", "add", "-q", "--detach", "../side"]);
        let side = repo.opened("side");
        let commit = side.save("wandb.env", leak(key));
        let place = json!({"kind": "blob", "path": "wandb.env", "commit": commit, "reachable": true});
        places(repo, "repo", key, vec![place]);
    });
}

#[test]
fn alternates() {
    each_format(|repo, key| {
        let commit = repo.save("wandb.env", leak(key));
        repo.git(&["reset", "-q", "--hard", "HEAD~1"]);
        repo.git(&["clone", "-q", "--shared", ".", "../borrower"]);
        assert!(repo.place().join("borrower/.git/objects/info/alternates").exists());
        let held = |reachable: bool| {
            json!({"kind": "blob", "repository": "borrower", "path": "wandb.env", "commit": commit, "line": 2,
                   "reachable": reachable})
        };
        places(repo, "borrower", key, vec![held(false)]);
        let borrower = repo.opened("borrower");
        borrower.write(".git/objects/info/alternates", "../../../repo/.git/objects\n");
        borrower.git(&["update-ref", "refs/heads/kept", &commit]);
        places(repo, "borrower", key, vec![held(true)]);
    });
}

#[test]
fn one_object_in_many_packs_is_one_finding() {
    each_format(|repo, key| {
        let commit = repo.save("wandb.env", leak(key));
        repo.git(&["repack", "-q", "-a"]);
        repo.save("more.txt", "more\n");
        repo.git(&["repack", "-q"]);
        let blob = repo.id(&format!("{commit}:wandb.env"));
        repo.fed(&["pack-objects", "-q", ".git/objects/pack/pack"], format!("{blob}\n").as_bytes());
        repo.delete("wandb.env");
        let packs = || {
            let entries = fs::read_dir(repo.at(".git/objects/pack")).unwrap();
            entries.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|e| e == "pack")).count()
        };
        assert_eq!(packs(), 3);
        assert!(repo.at(".git/objects").join(&blob[..2]).join(&blob[2..]).exists(), "and one is loose");
        let wanted = || vec![repo.introduced(&commit, "wandb.env", 2, MAIN)];
        places(repo, "repo", key, wanted());
        repo.git(&["multi-pack-index", "write"]);
        repo.git(&["commit-graph", "write", "--reachable"]);
        places(repo, "repo", key, wanted());
    });
}

#[test]
fn deltas_and_large_blobs() {
    each_format(|repo, key| {
        let mut lines: Vec<String> = (0..200_000).map(|nth| format!("line {nth} of {}", nth * 7 % 1009)).collect();
        repo.save("big.txt", lines.join("\n"));
        lines[150_000] = format!("WANDB_API_KEY={key}");
        let commit = repo.save("big.txt", lines.join("\n"));
        repo.delete("big.txt");
        repo.git(&["repack", "-q", "-a", "-d", "-f", "--depth=50"]);
        places(repo, "repo", key, vec![repo.introduced(&commit, "big.txt", 150_001, MAIN)]);
    });
}

#[test]
fn repositories_below_a_path_are_read_too() {
    each_format(|repo, key| {
        let place = |folder: &Repo, name: &str, commit: &str| {
            with(folder.introduced(commit, "wandb.env", 2, MAIN), json!({"repository": name}))
        };
        let inner = repo.beside("outer/a/inner", &[]);
        let first = inner.save("wandb.env", leak(key));
        inner.delete("wandb.env");
        let second = repo.save("wandb.env", leak(key));
        repo.delete("wandb.env");
        repo.git(&["clone", "-q", "--bare", &repo.url(), "../outer/b/store.git"]);
        let bare = repo.opened("outer/b/store.git");
        fs::write(repo.place().join("outer/loose.env"), leak(key)).unwrap();
        let file = json!({"kind": "file", "path": "outer/loose.env", "line": 2});
        places(
            repo,
            "outer",
            key,
            vec![place(&inner, "outer/a/inner", &first), place(&bare, "outer/b/store.git", &second), file],
        );
    });
}

#[test]
fn repository_inside_another_one() {
    each_format(|repo, key| {
        let inner = repo.beside("repo/vendor/inner", &[]);
        let first = inner.save("wandb.env", leak(key));
        inner.delete("wandb.env");
        let second = repo.save("conf.env", leak(key));
        repo.delete("conf.env");
        let inner = with(inner.introduced(&first, "wandb.env", 2, MAIN), json!({"repository": "repo/vendor/inner"}));
        places(repo, "repo", key, vec![inner, repo.introduced(&second, "conf.env", 2, MAIN)]);
    });
}

#[test]
fn a_path_inside_a_repository_means_all_of_it() {
    each_format(|repo, key| {
        let commit = repo.save("wandb.env", leak(key));
        repo.delete("wandb.env");
        repo.save("src/train.py", "import wandb\n");
        repo.write("other/loose.env", leak(key));
        for path in ["repo/src", "repo/src/train.py", "repo/.git"] {
            let report = history(repo, path, key);
            let kinds: Vec<_> = report.findings().iter().map(|finding| &finding["location"]["kind"]).collect();
            assert!(kinds.contains(&&json!("blob")), "{path}: {:#}", report.json);
            let blob = report.findings().iter().find(|finding| finding["location"]["kind"] == "blob").unwrap();
            assert_eq!(blob["location"]["commit"], commit, "{path}");
            assert_eq!(kinds.iter().filter(|kind| **kind == "blob").count(), 1, "{path}");
            assert_eq!(report.code, 1, "{path}");
        }
        let report = history(repo, "repo/src", key);
        assert!(report.findings().iter().any(|finding| finding["location"]["kind"] == "file"), "{:#}", report.json);
    });
}

#[test]
fn what_is_named_twice_is_found_once() {
    each_format(|repo, key| {
        let commit = repo.save("src/wandb.env", leak(key));
        repo.delete("src/wandb.env");
        repo.save("src/train.py", "import wandb\n");
        let absolute = repo.path.to_str().unwrap();
        for paths in [["repo", "repo"], ["repo", "repo/src"], ["repo/src", "repo"], ["repo", absolute], [".", "repo"]] {
            let report = repo.scan(&[&["--history"], &paths[..]].concat(), &[key]);
            report.expect(&[json!({"key": key, "kind": "blob", "commit": commit, "path": "src/wandb.env"})]).complete();
        }
    });
}

#[test]
fn the_default_is_this_repository() {
    each_format(|repo, key| {
        let commit = repo.save("wandb.env", leak(key));
        repo.delete("wandb.env");
        let place = json!({"key": key, "kind": "blob", "commit": commit, "path": "wandb.env"});
        repo.hook(&["--history"], &[key]).expect(&[place]).complete();
    });
}

#[test]
fn a_path_without_a_repository_is_a_gap() {
    let repo = Repo::new();
    let key = key("v1", "none");
    fs::create_dir(repo.place().join("plain")).unwrap();
    fs::write(repo.place().join("plain/clean.txt"), "clean\n").unwrap();
    let report = history(&repo, "plain", &key);
    assert_eq!(report.code, 3);
    report.gap(&["plain", "repository"]);
    assert_eq!(history(&repo, "plain/clean.txt", &key).code, 3);
    assert_eq!(history(&repo, "missing", &key).code, 3);
    fs::write(repo.place().join("plain/leak.env"), leak(&key)).unwrap();
    let report = history(&repo, "plain", &key);
    report.expect(&[json!({"kind": "file", "path": "plain/leak.env"})]).gap(&["plain"]);
}

#[test]
fn a_git_directory_is_never_walked_as_plain_files() {
    let repo = Repo::new();
    let key = key("v1", "walked");
    repo.save("README", "clean\n");
    repo.git(&["clone", "-q", "--bare", &repo.url(), "../store.git"]);
    let blob = repo.blob(leak(&key).as_bytes());
    let loose = Path::new(".git/objects").join(&blob[..2]).join(&blob[2..]);
    assert!(repo.at(loose.to_str().unwrap()).exists());
    let report = history(&repo, "repo", &key);
    report.expect(&[json!({"kind": "blob", "object": blob})]).complete();
    // Without --history, the inside of git directories is no part of a scan.
    repo.opened("store.git").write("notes.env", leak(&key));
    let report = repo.scan(&["."], &[&key]);
    assert_eq!((report.code, report.findings().len()), (0, 0), "{:#}", report.json);
    let report = history(&repo, "store.git", &key);
    report
        .expect(&[json!({"kind": "git-config", "repository": "store.git", "path": "store.git/notes.env", "line": 2})]);
}

#[test]
fn what_was_looked_at_is_counted() {
    let repo = Repo::new();
    for nth in 0..5 {
        repo.save("file.txt", format!("{nth}\n"));
    }
    repo.git(&["tag", "-a", "-m", "subject", "v1"]);
    let listed = repo.git(&["cat-file", "--batch-all-objects", "--batch-check"]);
    let report = history(&repo, "repo", &key("v1", "none"));
    report.complete();
    assert_eq!(report.json["coverage"]["objects"], listed.lines().count(), "{:#}", report.json["coverage"]);
    assert!(report.json["coverage"]["bytes"].as_u64().unwrap() > 0);
}
