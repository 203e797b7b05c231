//! Repositories of every shape, healthy and broken. What is there is found; what is not there is a gap with a reason. Where
//! git itself is missing, either all is found the same or the answer says that it is not complete: never "clean".
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::git::{Repo, Report, binary, leak, printed, scan, with};
use support::key;

const MAIN: &[&str] = &["refs/heads/main"];
const NAME: &str = "wandb.env";

/// A repository in whose history a key was added and removed again.
struct Leaked {
    repo: Repo,
    key: String,
    commit: String,
}

impl Leaked {
    fn new() -> Leaked {
        Leaked::of(&[])
    }

    fn of(options: &[&str]) -> Leaked {
        let repo = Repo::of(options);
        repo.save("README", "clean\n");
        let key = key("legacy", "shapes");
        let commit = repo.save(NAME, leak(&key));
        repo.delete(NAME);
        Leaked { repo, key, commit }
    }

    /// Where the key was introduced.
    fn place(&self) -> Value {
        with(self.repo.introduced(&self.commit, NAME, 2, MAIN), json!({"key": self.key}))
    }

    fn look(&self, arguments: &[&str]) -> Report {
        self.repo.scan(arguments, &[&self.key])
    }

    /// Likewise, on a machine without git.
    fn look_without_git(&self, arguments: &[&str]) -> Report {
        let mut command = binary(self.repo.place());
        scan(command.env("PATH", "/nonexistent"), arguments, &[&self.key])
    }

    /// Exactly these findings and nothing missed, by `arguments`; without git the same, or a gap.
    fn expect(&self, arguments: &[&str], wanted: &[Value]) {
        self.look(arguments).expect(wanted).complete();
        let without = self.look_without_git(arguments);
        if without.gaps().is_empty() {
            without.expect(wanted).complete();
        } else {
            without.gap(&[]);
        }
    }

    /// The key is found and nothing was missed.
    fn found(&self, path: &str) {
        self.expect(&["--history", path], &[with(self.place(), json!({"repository": path}))]);
    }

    /// A gap that has these words, beside exactly these findings.
    fn gap(&self, path: &str, words: &[&str], wanted: &[Value]) {
        self.look(&["--history", path]).expect(wanted).gap(words);
        let without = self.look_without_git(&["--history", path]);
        assert!(without.code == 1 || without.code == 3, "without git: {:#}", without.json);
        without.gap(&[]);
    }
}

/// The file of a loose object.
fn loose(repo: &Repo, id: &str) -> PathBuf {
    repo.at(".git/objects").join(&id[..2]).join(&id[2..])
}

/// The only pack.
fn pack(repo: &Repo) -> PathBuf {
    let entries = fs::read_dir(repo.at(".git/objects/pack")).unwrap().map(|entry| entry.unwrap().path());
    let packs: Vec<_> = entries.filter(|path| path.extension().is_some_and(|extension| extension == "pack")).collect();
    assert_eq!(packs.len(), 1);
    packs[0].clone()
}

/// Overwrites a file that git made read-only.
fn overwrite(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn bare() {
    let leaked = Leaked::new();
    leaked.repo.git(&["clone", "-q", "--bare", &leaked.repo.url(), "../store.git"]);
    leaked.found("store.git");
    leaked.repo.git(&["clone", "-q", "--mirror", &leaked.repo.url(), "../mirror"]);
    leaked.found("mirror");
}

#[test]
fn linked_worktree_of_a_bare_repository() {
    let leaked = Leaked::new();
    leaked.repo.git(&["clone", "-q", "--bare", &leaked.repo.url(), "../store.git"]);
    leaked.repo.opened("store.git").git(&["worktree", "add", "-q", "../side", "main"]);
    leaked.found("side");
    fs::remove_dir_all(leaked.repo.place().join("store.git")).unwrap();
    leaked.gap("side", &["side"], &[]);
}

#[test]
fn worktree_with_relative_paths_and_settings_of_its_own() {
    let leaked = Leaked::new();
    leaked.repo.git(&["config", "extensions.worktreeConfig", "true"]);
    leaked.repo.git(&["config", "core.repositoryFormatVersion", "1"]);
    leaked.repo.git(&["config", "extensions.preciousObjects", "true"]);
    leaked.repo.git(&["worktree", "add", "-q", "--detach", "../side"]);
    leaked.repo.opened("side").git(&["config", "--worktree", "x.y", "z"]);
    fs::write(leaked.repo.place().join("side/.git"), "gitdir: ../repo/.git/worktrees/side\n").unwrap();
    leaked.found("side");
    leaked.found("repo");
}

#[test]
fn git_directory_that_stands_elsewhere() {
    let leaked = Leaked::new();
    fs::rename(leaked.repo.at(".git"), leaked.repo.place().join("away.git")).unwrap();
    let redirect = |target: &str| fs::write(leaked.repo.at(".git"), target).unwrap();
    redirect("gitdir: ../away.git\n");
    leaked.found("repo");
    redirect(&format!("gitdir: {}\n", leaked.repo.place().join("away.git").display()));
    leaked.found("repo");
    for target in ["gitdir: ../nowhere.git\n", "gitdir: ..\n", "gitdir: \n", "nonsense\n", "", "gitdir: .git\n"] {
        redirect(target);
        let report = leaked.look(&["--history", "repo"]);
        assert_eq!(report.code, 3, "{target:?}: {:#}", report.json);
        report.gap(&["repo"]);
    }
}

#[test]
fn shallow_clone() {
    let leaked = Leaked::new();
    leaked.repo.git(&["clone", "-q", "--depth", "1", &leaked.repo.url(), "../cut"]);
    leaked.gap("cut", &["shallow"], &[]);
    // What lies behind the cut is missing, which is no wrong word of whoever asks for it.
    leaked.repo.opened("cut").hook(&["--range", "HEAD~1..HEAD"], &[&leaked.key]).gap(&["HEAD~1", "missing"]);
    // What lies above the cut is found all the same.
    let shallow = leaked.repo.opened("cut");
    let commit = shallow.save("new.env", leak(&leaked.key));
    shallow.delete("new.env");
    leaked.gap("cut", &["shallow"], &[json!({"kind": "blob", "path": "new.env", "commit": commit})]);
    shallow.git(&["fetch", "-q", "--unshallow"]);
    assert!(!shallow.at(".git/shallow").exists());
    leaked.look(&["--history", "cut"]).complete();
}

#[test]
fn a_blob_at_the_cut_of_a_shallow_clone_is_found() {
    let leaked = Leaked::new();
    leaked.repo.git(&["branch", "leaking", &leaked.commit]);
    leaked.repo.git(&["clone", "-q", "--depth", "1", "-b", "leaking", &leaked.repo.url(), "../cut"]);
    let file = json!({"kind": "file", "path": format!("cut/{NAME}")});
    let blob = json!({"kind": "blob", "path": NAME, "commit": leaked.commit, "reachable": true});
    leaked.gap("cut", &["shallow"], &[blob, file]);
}

#[test]
fn partial_clone_is_never_filled_up() {
    for filter in ["blob:none", "tree:0"] {
        let leaked = Leaked::new();
        leaked.repo.git(&["config", "uploadpack.allowFilter", "true"]);
        leaked.repo.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
        let filter = format!("--filter={filter}");
        leaked.repo.git(&["clone", "-q", "--no-checkout", &filter, &leaked.repo.url(), "../thin"]);
        let partial = leaked.repo.opened("thin");
        let objects = || partial.git(&["cat-file", "--batch-all-objects", "--batch-check"]);
        let before = objects();
        let files = support::files(&partial.at(".git")).len();
        leaked.gap("thin", &["thin", "partial"], &[]);
        assert_eq!((objects(), support::files(&partial.at(".git")).len()), (before, files), "{filter}");
        let blob = format!("{}:{NAME}", leaked.commit);
        // The remote would have given it: had it been asked, the counts above would differ.
        assert_eq!(partial.git(&["cat-file", "-p", &blob]), leak(&leaked.key).trim_end());
    }
}

#[test]
fn partial_clone_and_what_is_new_in_it() {
    let leaked = Leaked::new();
    leaked.repo.git(&["config", "uploadpack.allowFilter", "true"]);
    leaked.repo.git(&["clone", "-q", "--filter=blob:none", &leaked.repo.url(), "../thin"]);
    let partial = leaked.repo.opened("thin");
    partial.stage("staged.env", leak(&leaked.key).replace("settings", "staged"));
    let report = partial.hook(&["--staged"], &[&leaked.key]);
    report.expect(&[json!({"key": leaked.key, "kind": "staged", "path": "staged.env"})]).complete();
    let commit = partial.commit("new");
    let report = partial.hook(&["--range", "HEAD~1..HEAD"], &[&leaked.key]);
    report.expect(&[json!({"kind": "blob", "path": "staged.env", "commit": commit})]).complete();
    let report = partial.hook(&["--range", "HEAD~3..HEAD~1"], &[&leaked.key]);
    report.expect(&[]).gap(&[]);
}

#[test]
fn alternates() {
    let leaked = Leaked::new();
    leaked.repo.git(&["clone", "-q", "--shared", ".", "../middle"]);
    let middle = leaked.repo.opened("middle");
    middle.git(&["clone", "-q", "--shared", ".", "../borrower"]);
    assert!(leaked.repo.place().join("borrower/.git/objects/info/alternates").exists());
    let place = json!({"key": leaked.key, "kind": "blob", "path": NAME, "commit": leaked.commit, "reachable": true});
    leaked.expect(&["--history", "borrower"], &[place]);
    // An alternate that is gone leaves a hole.
    fs::rename(&leaked.repo.path, leaked.repo.place().join("moved")).unwrap();
    let report = leaked.look(&["--history", "borrower"]);
    assert_eq!(report.code, 3, "{:#}", report.json);
    report.gap(&["repo", "objects"]);
}

#[test]
fn alternates_that_name_each_other() {
    let leaked = Leaked::new();
    let other = leaked.repo.beside("other", &[]);
    other.write(".git/objects/info/alternates", "../../../repo/.git/objects\n");
    leaked.repo.write(".git/objects/info/alternates", "# both\n../../../other/.git/objects\n");
    leaked.found("repo");
}

#[test]
fn sha256() {
    let leaked = Leaked::of(&["--object-format=sha256"]);
    assert_eq!(leaked.commit.len(), 64);
    leaked.found("repo");
    leaked.repo.git(&["repack", "-q", "-a", "-d"]);
    leaked.found("repo");
    leaked.repo.stage("staged.env", leak(&leaked.key).replace("settings", "staged"));
    leaked.repo.write("staged.env", "clean\n");
    let staged = json!({"key": leaked.key, "kind": "staged", "path": "staged.env", "line": 2});
    leaked.expect(&["--staged", "repo"], &[staged]);
    leaked.expect(&["--range", "HEAD~2..HEAD", "repo"], &[leaked.place()]);
}

#[test]
fn sha256_has_all_the_places() {
    let leaked = Leaked::of(&["--object-format=sha256"]);
    let repo = &leaked.repo;
    let message = format!("subject\n\nWANDB_API_KEY={}\n", leaked.key);
    let tree = repo.id("HEAD^{tree}");
    let commit = repo.fed(&["commit-tree", &tree, "-F", "-"], message.as_bytes());
    repo.git(&["update-ref", "refs/heads/message", &commit]);
    repo.fed(&["tag", "-a", "v1", "-F", "-"], message.as_bytes());
    repo.fed(&["notes", "add", "-F", "-", "HEAD"], message.as_bytes());
    repo.git(&["update-ref", &format!("refs/custom/WANDB_API_KEY={}", leaked.key), "HEAD~2"]);
    let place = |kind: &str| json!({"key": leaked.key, "kind": kind});
    let wanted = [
        with(leaked.place(), json!({"refs": ["refs/heads/main", "refs/tags/v1"]})),
        with(place("commit"), json!({"commit": commit, "line": 3})),
        with(place("tag"), json!({"object": repo.id("v1"), "line": 3})),
        with(place("note"), json!({"path": repo.id("HEAD"), "line": 3})),
        place("ref"),
    ];
    leaked.expect(&["--history", "repo"], &wanted);
}

#[test]
fn reftable() {
    let leaked = Leaked::of(&["--ref-format=reftable"]);
    assert!(leaked.repo.at(".git/reftable").is_dir());
    leaked.repo.git(&["update-ref", &format!("refs/custom/WANDB_API_KEY={}", leaked.key), "HEAD~2"]);
    let reference = json!({"key": leaked.key, "kind": "ref"});
    leaked.expect(&["--history", "repo"], &[leaked.place(), reference]);
    leaked.repo.git(&["update-ref", "-m", &format!("WANDB_API_KEY={}", leaked.key), "refs/heads/log", "HEAD~2"]);
    let report = leaked.look(&["--history", "repo"]);
    assert!(report.findings().iter().any(|finding| finding["location"]["kind"] == "reflog"), "{:#}", report.json);
    leaked.expect(&["--range", "HEAD~2..HEAD", "repo"], &[leaked.place()]);
}

/// A staged key, in an index of a shape that not everyone reads.
fn odd_index(leaked: &Leaked) {
    let text = leak(&leaked.key).replace("settings", "staged");
    leaked.repo.stage("staged.env", text);
    leaked.repo.write("staged.env", "clean\n");
    let staged = json!({"key": leaked.key, "kind": "staged", "path": "staged.env", "line": 2});
    leaked.expect(&["--staged", "repo"], std::slice::from_ref(&staged));
    leaked.expect(&["--history", "repo"], &[leaked.place(), staged]);
}

#[test]
fn split_index() {
    let leaked = Leaked::new();
    leaked.repo.git(&["update-index", "--split-index"]);
    leaked.repo.git(&["config", "core.splitIndex", "true"]);
    let shared = fs::read_dir(leaked.repo.at(".git")).unwrap();
    assert!(shared.into_iter().any(|e| e.unwrap().file_name().to_str().unwrap().starts_with("sharedindex")));
    odd_index(&leaked);
}

#[test]
fn sparse_index() {
    let leaked = Leaked::new();
    leaked.repo.stage("kept/a.txt", "a\n");
    leaked.repo.stage("left/deep/b.txt", "b\n");
    leaked.repo.commit("folders");
    leaked.repo.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "kept"]);
    assert!(leaked.repo.git(&["ls-files", "-t", "--sparse"]).contains("left/\n") || !leaked.repo.at("left").exists());
    odd_index(&leaked);
}

#[test]
fn index_versions() {
    for version in ["2", "3", "4"] {
        let leaked = Leaked::new();
        leaked.repo.git(&["update-index", "--index-version", version]);
        odd_index(&leaked);
    }
}

#[test]
fn grafts_hide_nothing() {
    let leaked = Leaked::new();
    let root = leaked.repo.id("HEAD~2");
    leaked.repo.write(".git/info/grafts", format!("{}\n", leaked.repo.id("HEAD")));
    assert_eq!(leaked.repo.git(&["rev-list", "--count", "HEAD"]), "1", "git itself sees one commit");
    let place = json!({
        "key": leaked.key, "kind": "blob", "path": NAME, "line": 2, "commit": leaked.commit, "refs": MAIN,
        "reachable": true,
    });
    leaked.expect(&["--history", "repo"], std::slice::from_ref(&place));
    leaked.expect(&["--range", &format!("{root}..HEAD"), "repo"], &[place]);
}

#[test]
fn replaced_objects_hide_nothing() {
    let leaked = Leaked::new();
    let repo = &leaked.repo;
    let clean = repo.commit_tree(&repo.tree(&[("README", "clean\n")]), &[], 5000, "clean");
    let blob = repo.id(&format!("{}:{NAME}", leaked.commit));
    repo.git(&["replace", &leaked.commit, &clean]);
    repo.git(&["replace", &blob, &repo.blob(b"# nothing\n")]);
    assert!(!repo.git(&["log", "--all", "-p"]).contains(&leaked.key), "git itself shows the other commit");
    let place = json!({
        "key": leaked.key, "kind": "blob", "path": NAME, "line": 2, "commit": leaked.commit, "object": blob,
        "refs": MAIN,
    });
    leaked.expect(&["--history", "repo"], &[place]);
}

#[test]
fn a_replacement_is_a_place_too() {
    let leaked = Leaked::new();
    let repo = &leaked.repo;
    let other = key("v1", "replacement");
    let blob = repo.blob(leak(&other).as_bytes());
    repo.git(&["replace", &repo.id("HEAD:README"), &blob]);
    let report = repo.scan(&["--history", "repo"], &[&leaked.key, &other]);
    let wanted = json!({"key": other, "kind": "blob", "object": blob, "reachable": true});
    report.expect(&[leaked.place(), wanted]).complete();
}

#[test]
fn an_extension_that_nobody_knows() {
    let leaked = Leaked::new();
    leaked.repo.git(&["config", "core.repositoryFormatVersion", "1"]);
    leaked.repo.git(&["config", "extensions.madeUp", "true"]);
    for report in [leaked.look(&["--history", "repo"]), leaked.look_without_git(&["--history", "repo"])] {
        if report.findings().is_empty() {
            report.gap(&["madeup"]);
        } else {
            assert!(report.found(&leaked.key));
        }
    }
}

#[cfg(unix)]
#[test]
fn owned_by_somebody_else() {
    let leaked = Leaked::new();
    // Only the superuser gives files away; for anybody else this is one more plain repository.
    let mut command = std::process::Command::new("chown");
    command.args(["-R", "65534:65534"]).arg(&leaked.repo.path).output().unwrap();
    leaked.found("repo");
    leaked.repo.stage("staged.env", leak(&leaked.key).replace("settings", "staged"));
    leaked.expect(&["--staged", "repo"], &[json!({"key": leaked.key, "kind": "staged", "path": "staged.env"})]);
}

#[test]
fn a_working_tree_that_stands_elsewhere() {
    let leaked = Leaked::new();
    fs::create_dir(leaked.repo.place().join("elsewhere")).unwrap();
    leaked.repo.git(&["config", "core.worktree", "../../elsewhere"]);
    leaked.found("repo");
    leaked.repo.git(&["config", "core.worktree", "/nonexistent"]);
    leaked.found("repo");
    // Nor does it matter to a repository that says it is bare.
    leaked.repo.git(&["config", "--unset", "core.worktree"]);
    leaked.repo.git(&["config", "core.bare", "true"]);
    leaked.found("repo");
}

#[test]
fn before_the_first_commit() {
    let repo = Repo::new();
    let key = key("legacy", "shapes");
    repo.stage(NAME, leak(&key));
    repo.write(NAME, "clean\n");
    let blob = repo.id(&format!(":{NAME}"));
    let leaked = Leaked { repo, key, commit: String::new() };
    let staged = json!({"key": leaked.key, "kind": "staged", "path": NAME, "line": 2, "object": blob});
    leaked.expect(&["--history", "repo"], &[staged]);
}

#[test]
fn empty() {
    let repo = Repo::new();
    repo.write("clean.txt", "clean\n");
    let leaked = Leaked { repo, key: key("legacy", "shapes"), commit: String::new() };
    leaked.expect(&["--history", "repo"], &[]);
    leaked.repo.beside("empty.git", &["--bare"]);
    let report = leaked.look(&["--history", "empty.git"]);
    assert!(report.findings().is_empty() && report.gaps().is_empty(), "{:#}", report.json);
}

#[test]
fn a_head_that_leads_nowhere() {
    let leaked = Leaked::new();
    for head in ["ref: refs/heads/none\n", "nonsense\n", ""] {
        leaked.repo.write(".git/HEAD", head);
        let report = leaked.look(&["--history", "repo"]);
        assert!(report.found(&leaked.key), "{head:?}: {:#}", report.json);
    }
    fs::remove_file(leaked.repo.at(".git/HEAD")).unwrap();
    let report = leaked.look(&["--history", "repo"]);
    assert!(report.code == 1 || report.code == 3, "without a HEAD: {:#}", report.json);
}

#[test]
fn references_that_cannot_be_read() {
    let leaked = Leaked::new();
    leaked.repo.write(".git/refs/heads/broken", "nonsense\n");
    leaked.repo.write(".git/refs/heads/loop", "ref: refs/heads/loop\n");
    leaked.repo.write(".git/packed-refs", "nonsense\n");
    let report = leaked.look(&["--history", "repo"]);
    assert!(report.found(&leaked.key) && report.code == 1, "{:#}", report.json);
}

/// A repository with another blob that leaks, and the id of a blob whose object is broken.
fn with_another() -> (Leaked, String) {
    let leaked = Leaked::new();
    leaked.repo.save("other.txt", "much of the same\n".repeat(5000));
    let other = leaked.repo.id("HEAD:other.txt");
    (leaked, other)
}

#[test]
fn a_loose_object_that_is_broken() {
    let whole = |leaked: &Leaked, other: &str| fs::read(loose(&leaked.repo, other)).unwrap();
    let breaks: [fn(Vec<u8>) -> Vec<u8>; 5] = [
        |bytes| bytes[..bytes.len() / 2].to_vec(),
        |bytes| bytes[..3].to_vec(),
        |_| Vec::new(),
        |mut bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x55;
            bytes
        },
        |bytes| vec![0xff; bytes.len()],
    ];
    for (nth, broken) in breaks.into_iter().enumerate() {
        let (leaked, other) = with_another();
        let bytes = broken(whole(&leaked, &other));
        overwrite(&loose(&leaked.repo, &other), &bytes);
        leaked.gap("repo", &[&other[..10]], &[leaked.place()]);
        // Broken is not clean.
        let blob = leaked.repo.id(&format!("{}:{NAME}", leaked.commit));
        overwrite(&loose(&leaked.repo, &blob), &bytes);
        let report = leaked.look(&["--history", "repo"]);
        assert_eq!(report.code, 3, "break {nth}: {:#}", report.json);
        report.gap(&[&blob[..10]]);
    }
}

#[test]
fn an_object_under_a_name_that_is_not_its_own() {
    let (leaked, other) = with_another();
    let readme = fs::read(loose(&leaked.repo, &leaked.repo.id("HEAD:README"))).unwrap();
    overwrite(&loose(&leaked.repo, &other), &readme);
    let report = leaked.look(&["--history", "repo"]);
    assert!(report.found(&leaked.key), "{:#}", report.json);
}

#[test]
fn a_missing_object() {
    for revision in ["HEAD:other.txt", "HEAD~1^{tree}", "HEAD~3"] {
        let (leaked, _) = with_another();
        let id = leaked.repo.id(revision);
        fs::remove_file(loose(&leaked.repo, &id)).unwrap();
        let report = leaked.look(&["--history", "repo"]);
        assert!(report.found(&leaked.key), "{revision}: {:#}", report.json);
        report.gap(&[&id[..10]]);
    }
}

#[test]
fn a_broken_commit_or_tree_hides_no_blob() {
    for revision in ["HEAD", "HEAD~1", "HEAD~2", "HEAD~2^{tree}"] {
        let (leaked, _) = with_another();
        let id = leaked.repo.id(revision);
        overwrite(&loose(&leaked.repo, &id), b"x");
        let report = leaked.look(&["--history", "repo"]);
        assert!(report.found(&leaked.key), "{revision}: {:#}", report.json);
        report.gap(&[&id[..10]]);
    }
}

#[test]
fn a_pack_that_is_broken() {
    let breaks: [fn(Vec<u8>) -> Vec<u8>; 4] = [
        |bytes| bytes[..bytes.len() / 2].to_vec(),
        |bytes| bytes[..40].to_vec(),
        |_| Vec::new(),
        |mut bytes| {
            let end = bytes.len() - 20;
            bytes[12..end].iter_mut().for_each(|byte| *byte ^= 0x55);
            bytes
        },
    ];
    for (nth, broken) in breaks.into_iter().enumerate() {
        let (leaked, _) = with_another();
        leaked.repo.git(&["repack", "-q", "-a", "-d"]);
        leaked.repo.git(&["prune-packed", "-q"]);
        let later = key("v1", "later");
        let commit = leaked.repo.save("later.env", leak(&later));
        let blob = leaked.repo.id(":later.env");
        leaked.repo.delete("later.env");
        let path = pack(&leaked.repo);
        overwrite(&path, &broken(fs::read(&path).unwrap()));
        let report = leaked.repo.scan(&["--history", "repo"], &[&leaked.key, &later]);
        let place = json!({"kind": "blob", "path": "later.env", "commit": commit, "object": blob});
        let whole = |finding: &&Value| place.as_object().unwrap().iter().all(|(n, v)| finding["location"][n] == *v);
        assert_eq!(report.findings().iter().filter(whole).count(), 1, "break {nth}, what is loose: {:#}", report.json);
        report.gap(&[]);
        leaked.look_without_git(&["--history", "repo"]).gap(&[]);
    }
}

#[test]
fn a_pack_with_one_broken_object() {
    let (leaked, other) = with_another();
    leaked.repo.git(&["repack", "-q", "-a", "-d", "-f", "--window=0"]);
    leaked.repo.git(&["prune-packed", "-q"]);
    let path = pack(&leaked.repo);
    let listed = leaked.repo.git(&["verify-pack", "-v", path.to_str().unwrap()]);
    let line = listed.lines().find(|line| line.starts_with(&other)).unwrap();
    let numbers: Vec<usize> = line.split_whitespace().skip(2).map(|word| word.parse().unwrap()).collect();
    let mut bytes = fs::read(&path).unwrap();
    let (packed, offset) = (numbers[1], numbers[2]);
    bytes[offset + packed / 2] ^= 0x55;
    overwrite(&path, &bytes);
    leaked.gap("repo", &[&other[..10]], &[leaked.place()]);
}

#[test]
fn a_pack_without_its_index() {
    let (leaked, _) = with_another();
    leaked.repo.git(&["repack", "-q", "-a", "-d"]);
    leaked.repo.git(&["prune-packed", "-q"]);
    fs::remove_file(pack(&leaked.repo).with_extension("idx")).unwrap();
    let report = leaked.look(&["--history", "repo"]);
    assert!(report.code == 1 || report.code == 3, "{:#}", report.json);
    report.gap(&[]);
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_in_a_git_directory_stops_nobody() {
    let leaked = Leaked::new();
    let fifo = |name: &str| printed(std::process::Command::new("mkfifo").arg(leaked.repo.at(name)), b"");
    fifo(".git/pipe");
    fifo(".git/hooks/pre-commit");
    fifo(".git/logs/refs/heads/pipe");
    fifo(".git/refs/heads/pipe");
    std::os::unix::fs::symlink("/dev/zero", leaked.repo.at(".git/zero")).unwrap();
    std::os::unix::fs::symlink("..", leaked.repo.at(".git/loop")).unwrap();
    let report = leaked.look(&["--history", "repo"]);
    assert!(report.found(&leaked.key) && report.code == 1, "{:#}", report.json);
}
