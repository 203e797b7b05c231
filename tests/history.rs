//! Where a key hides in a git repository: 28 places, each with a key of either format, each found once and named for what
//! it is.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

#[path = "support/archives.rs"]
mod archives;
mod support;

use std::fs;

use data_encoding::BASE64;
use serde_json::{Value, json};
use support::git::{AUTHOR, Repo, leak, with};
use support::key;

const MAIN: &[&str] = &["refs/heads/main"];

/// Builds a place twice, with a key of either format, and looks: the place must say where all the findings are.
fn each_format(place: impl Fn(&Repo, &str) -> Vec<Value>) {
    for kind in ["legacy", "v1"] {
        let repo = Repo::new();
        repo.save("README", "# settings\nnothing yet\n");
        let key = key(kind, "history");
        let places = place(&repo, &key);
        let wanted: Vec<Value> = places.into_iter().map(|place| with(json!({"key": key}), place)).collect();
        assert!(!wanted.is_empty());
        repo.scan(&["--history", "repo"], &[&key]).expect(&wanted).complete();
    }
}

/// A file of the working tree.
fn file(path: &str, line: u64) -> Value {
    json!({"kind": "file", "path": format!("repo/{path}"), "line": line})
}

/// A blob that only the index holds.
fn staged(repo: &Repo, path: &str, line: u64) -> Value {
    json!({
        "kind": "staged", "repository": "repo", "path": path, "line": line, "object": repo.id(&format!(":{path}")),
        "commit": null, "refs": [], "reachable": true,
    })
}

/// A file of the git directory that is no object, index, reference or log.
fn setting(path: &str, line: u64) -> Value {
    json!({"kind": "git-config", "path": path, "line": line})
}

#[test]
fn deleted_in_a_later_commit() {
    each_format(|repo, key| {
        let commit = repo.save("conf/wandb.env", leak(key));
        repo.delete("conf/wandb.env");
        vec![repo.introduced(&commit, "conf/wandb.env", 2, MAIN)]
    });
}

#[test]
fn unmerged_branch() {
    each_format(|repo, key| {
        repo.git(&["switch", "-q", "-c", "topic"]);
        let commit = repo.save("wandb.env", leak(key));
        repo.git(&["switch", "-q", "main"]);
        vec![repo.introduced(&commit, "wandb.env", 2, &["refs/heads/topic"])]
    });
}

#[test]
fn commit_held_by_a_tag_only() {
    each_format(|repo, key| {
        repo.git(&["switch", "-q", "--detach"]);
        let commit = repo.save("wandb.env", leak(key));
        repo.git(&["tag", "light"]);
        repo.git(&["tag", "-a", "-m", "heavy", "heavy"]);
        repo.git(&["switch", "-q", "main"]);
        vec![repo.introduced(&commit, "wandb.env", 2, &["refs/tags/heavy", "refs/tags/light"])]
    });
}

#[test]
fn only_in_a_merge_commit() {
    each_format(|repo, key| {
        repo.git(&["switch", "-q", "-c", "topic"]);
        repo.save("topic.txt", "topic\n");
        repo.git(&["switch", "-q", "main"]);
        repo.save("main.txt", "main\n");
        repo.git(&["merge", "-q", "--no-ff", "--no-commit", "topic"]);
        let commit = repo.save("wandb.env", leak(key));
        assert_ne!(repo.id("HEAD^2"), repo.id("HEAD^1"));
        repo.delete("wandb.env");
        vec![repo.introduced(&commit, "wandb.env", 2, MAIN)]
    });
}

#[test]
fn stash() {
    each_format(|repo, key| {
        repo.write("README", leak(key));
        repo.git(&["stash", "push", "-q"]);
        vec![repo.introduced(&repo.id("stash"), "README", 2, &["refs/stash"])]
    });
}

#[test]
fn stash_that_is_not_the_newest() {
    each_format(|repo, key| {
        repo.write("README", leak(key));
        repo.git(&["stash", "push", "-q"]);
        let commit = repo.id("stash");
        repo.write("README", "something else\n");
        repo.git(&["stash", "push", "-q"]);
        // Only its log holds an older stash.
        vec![repo.introduced(&commit, "README", 2, &[])]
    });
}

#[test]
fn stash_of_an_untracked_file() {
    each_format(|repo, key| {
        repo.write("wandb.env", leak(key));
        repo.git(&["stash", "push", "-q", "-u"]);
        assert!(!repo.at("wandb.env").exists());
        vec![repo.introduced(&repo.id("stash^3"), "wandb.env", 2, &["refs/stash"])]
    });
}

#[test]
fn amended_away() {
    each_format(|repo, key| {
        let commit = repo.save("wandb.env", leak(key));
        repo.stage("wandb.env", "# settings\n");
        repo.git(&["commit", "-q", "--amend", "-m", "amended"]);
        vec![repo.introduced(&commit, "wandb.env", 2, &[])]
    });
}

#[test]
fn branch_deleted() {
    each_format(|repo, key| {
        repo.git(&["switch", "-q", "-c", "topic"]);
        let commit = repo.save("wandb.env", leak(key));
        repo.git(&["switch", "-q", "main"]);
        repo.git(&["branch", "-q", "-D", "topic"]);
        vec![repo.introduced(&commit, "wandb.env", 2, &[])]
    });
}

#[test]
fn unreachable_commit_without_a_reflog() {
    each_format(|repo, key| {
        let commit = repo.save("wandb.env", leak(key));
        repo.git(&["reset", "-q", "--hard", "HEAD~1"]);
        repo.git(&["reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all"]);
        fs::remove_file(repo.at(".git/ORIG_HEAD")).unwrap();
        vec![repo.introduced(&commit, "wandb.env", 2, &[])]
    });
}

#[test]
fn blob_only_ever_staged() {
    each_format(|repo, key| {
        repo.stage("wandb.env", leak(key));
        let blob = repo.id(":wandb.env");
        repo.git(&["rm", "-q", "-f", "wandb.env"]);
        vec![json!({
            "kind": "blob", "repository": "repo", "path": "", "line": 2, "object": blob, "commit": null, "refs": [],
            "reachable": false,
        })]
    });
}

#[test]
fn commit_message() {
    each_format(|repo, key| {
        repo.fed(&["commit", "-q", "--allow-empty", "-F", "-"], format!("Subject\n\nWANDB_API_KEY={key}\n").as_bytes());
        let commit = repo.id("HEAD");
        repo.git(&["branch", "other"]);
        let place = json!({
            "kind": "commit", "repository": "repo", "path": "", "line": 3, "column": 15, "commit": commit,
            "author": AUTHOR, "date": repo.date(&commit), "refs": ["refs/heads/main", "refs/heads/other"],
            "reachable": true,
        });
        // git leaves the message of the last commit lying about.
        vec![place, setting("repo/.git/COMMIT_EDITMSG", 3)]
    });
}

#[test]
fn annotated_tag_message() {
    each_format(|repo, key| {
        repo.fed(&["tag", "-a", "v1.0", "-F", "-"], format!("Subject\n\nWANDB_API_KEY={key}\n").as_bytes());
        vec![json!({
            "kind": "tag", "repository": "repo", "path": "", "line": 3, "column": 15, "object": repo.id("v1.0"),
            "refs": ["refs/tags/v1.0"], "reachable": true,
        })]
    });
}

#[test]
fn git_note() {
    each_format(|repo, key| {
        repo.fed(&["notes", "add", "-F", "-", "HEAD"], leak(key).as_bytes());
        let note = repo.git(&["notes", "list", "HEAD"]);
        let commit = repo.id("refs/notes/commits");
        vec![json!({
            "kind": "note", "repository": "repo", "path": repo.id("HEAD"), "line": 2, "object": note, "commit": commit,
            "date": repo.date(&commit), "refs": ["refs/notes/commits"], "reachable": true,
        })]
    });
}

#[test]
fn working_tree_tracked_and_unstaged() {
    each_format(|repo, key| {
        repo.write("README", leak(key));
        vec![file("README", 2)]
    });
}

#[test]
fn working_tree_untracked() {
    each_format(|repo, key| {
        repo.write("new/wandb.env", leak(key));
        vec![file("new/wandb.env", 2)]
    });
}

#[test]
fn working_tree_ignored() {
    each_format(|repo, key| {
        repo.save(".gitignore", ".env\n");
        repo.write(".env", leak(key));
        vec![file(".env", 2)]
    });
}

#[test]
fn index_only() {
    each_format(|repo, key| {
        repo.save("wandb.env", "# settings\n");
        repo.stage("wandb.env", leak(key));
        repo.write("wandb.env", "# settings\n");
        vec![staged(repo, "wandb.env", 2)]
    });
}

#[test]
fn index_and_working_tree() {
    each_format(|repo, key| {
        repo.stage("wandb.env", leak(key));
        vec![staged(repo, "wandb.env", 2), file("wandb.env", 2)]
    });
}

#[test]
fn index_renamed_and_edited() {
    each_format(|repo, key| {
        repo.save("old.env", "A=1\nB=2\nC=3\nD=4\n");
        repo.git(&["mv", "old.env", "new.env"]);
        repo.stage("new.env", format!("A=1\nB=2\nC=3\nD=4\nWANDB_API_KEY={key}\n"));
        vec![staged(repo, "new.env", 5), file("new.env", 5)]
    });
}

#[test]
fn renamed_and_edited_in_history() {
    each_format(|repo, key| {
        repo.save("old.env", "A=1\nB=2\nC=3\nD=4\n");
        repo.git(&["mv", "old.env", "new.env"]);
        let commit = repo.save("new.env", format!("A=1\nB=2\nC=3\nD=4\nWANDB_API_KEY={key}\n"));
        repo.save("new.env", "A=1\nB=2\nC=3\nD=4\n");
        vec![repo.introduced(&commit, "new.env", 5, MAIN)]
    });
}

#[test]
fn path_without_diff() {
    for attribute in ["-diff", "binary", "export-ignore", "linguist-generated", "filter=lfs diff=lfs merge=lfs -text"] {
        each_format(|repo, key| {
            repo.save(".gitattributes", format!("*.env {attribute}\n"));
            let blob = repo.blob(leak(key).as_bytes());
            repo.git(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},wandb.env")]);
            let commit = repo.commit("a file that asks for no diff");
            repo.git(&["rm", "-q", "--cached", "wandb.env"]);
            repo.commit("gone");
            vec![repo.introduced(&commit, "wandb.env", 2, MAIN)]
        });
    }
}

#[test]
fn utf16_file() {
    each_format(|repo, key| {
        let text = format!("\u{feff}{}", leak(key));
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let commit = repo.save("wandb.env", wide);
        repo.delete("wandb.env");
        vec![repo.introduced(&commit, "wandb.env", 2, MAIN)]
    });
}

#[test]
fn archive_later_deleted() {
    each_format(|repo, key| {
        let commit = repo.save("bundle.zip", archives::zip(&[archives::Member::deflated("conf/wandb.env", leak(key))]));
        repo.delete("bundle.zip");
        vec![with(repo.introduced(&commit, "bundle.zip", 2, MAIN), json!({"inner": ["conf/wandb.env"]}))]
    });
}

#[test]
fn packed_objects() {
    each_format(|repo, key| {
        let commit = repo.save("wandb.env", leak(key));
        repo.delete("wandb.env");
        repo.git(&["repack", "-q", "-a", "-d"]);
        repo.git(&["prune-packed", "-q"]);
        assert!(repo.git(&["count-objects"]).starts_with("0 objects"));
        vec![repo.introduced(&commit, "wandb.env", 2, MAIN)]
    });
}

#[test]
fn orphan_branch() {
    each_format(|repo, key| {
        repo.git(&["switch", "-q", "--orphan", "pages"]);
        let commit = repo.save("wandb.env", leak(key));
        repo.git(&["switch", "-q", "main"]);
        vec![repo.introduced(&commit, "wandb.env", 2, &["refs/heads/pages"])]
    });
}

#[test]
fn git_config() {
    each_format(|repo, key| {
        let secret = BASE64.encode(format!("api:{key}").as_bytes());
        let header = format!("Authorization: Basic {secret}");
        repo.git(&["config", "http.https://api.wandb.ai/.extraheader", &header]);
        let config = fs::read_to_string(repo.at(".git/config")).unwrap();
        let line = config.lines().position(|line| line.contains("extraheader")).unwrap() + 1;
        vec![setting("repo/.git/config", line as u64)]
    });
}

#[test]
fn one_blob_at_two_paths() {
    each_format(|repo, key| {
        repo.stage("b/wandb.env", leak(key));
        let commit = repo.save("a/wandb.env", leak(key));
        repo.git(&["rm", "-q", "-r", "a", "b"]);
        repo.commit("gone");
        let other = json!([{"kind": "blob", "commit": commit, "path": "b/wandb.env", "line": 2}]);
        vec![with(repo.introduced(&commit, "a/wandb.env", 2, MAIN), json!({"also": other}))]
    });
}

#[test]
fn odd_path() {
    for path in ["a b/\"quoted\" ü'.env", "tab\there.env", "-dash.env", "back\\slash.env", ":(top)x.env"] {
        each_format(|repo, key| {
            let commit = {
                let blob = repo.blob(leak(key).as_bytes());
                repo.git(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},{path}")]);
                repo.commit("an odd path")
            };
            repo.fed(&["update-index", "-z", "--force-remove", "--stdin"], format!("{path}\0").as_bytes());
            repo.commit("gone");
            vec![repo.introduced(&commit, path, 2, MAIN)]
        });
    }
}

#[test]
fn path_that_is_not_utf8() {
    each_format(|repo, key| {
        let blob = repo.blob(leak(key).as_bytes());
        let mut listed = format!("100644 blob {blob}\tcaf").into_bytes();
        listed.extend(b"\xe9.env\0");
        let tree = repo.fed(&["mktree", "-z"], &listed);
        let commit = repo.commit_tree(&tree, &[], 5000, "an old name");
        repo.git(&["update-ref", "refs/heads/old", &commit]);
        vec![json!({
            "kind": "blob", "path": "caf\\xe9.env", "path_raw": BASE64.encode(b"caf\xe9.env"), "line": 2,
            "object": blob, "commit": commit, "refs": ["refs/heads/old"],
        })]
    });
}
