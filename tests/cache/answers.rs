//! A second look at a repository in which something was found. In: repositories that hold keys in every way, and what may
//! happen to them between two scans. Out: the answer of a scan that reads everything, from few of the objects.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::support::git::{Repo, binary, leak};
use super::support::{Random, key};
use super::{clean, known, leaking, packs, same, scanned};

/// Scans twice, and says of the second time how many objects were read and how many hold what it tells.
#[track_caller]
fn second(repo: &Repo, caches: &Path, more: &[&str]) -> (u64, u64) {
    same(repo, caches, more);
    let second = same(repo, caches, more);
    let objects = second.json["coverage"]["objects"].as_u64().unwrap();
    let told = second.json["findings"].as_array().unwrap().iter().chain(second.json["suppressed"].as_array().unwrap());
    let told: BTreeSet<&str> = told.filter_map(|one| one["location"]["object"].as_str()).collect();
    (objects - known(&second), told.len() as u64)
}

fn any_path(random: &mut Random) -> String {
    let names = [".env", ".netrc", "train.py", "notes", "deep/er/run.sh", "deep/config.yaml", "d\u{e4}/x y.txt"];
    random.one_of(&names).to_owned()
}

/// One thing that may happen to a repository; how it may be called in a failure.
fn step(repo: &Repo, random: &mut Random, nth: usize) -> String {
    let path = any_path(random);
    let secret = key(["v1", "legacy"][random.below(2)], &format!("answers {nth}"));
    let runs = |arguments: &[&str]| {
        // What cannot be done here is not done.
        let _ = repo.command(arguments).output().unwrap();
        arguments[..arguments.len().min(2)].join(" ")
    };
    let references = repo.git(&["for-each-ref", "--format=%(refname)"]);
    let references: Vec<&str> = references.lines().collect();
    match random.below(15) {
        0..=2 => {
            repo.save(&path, leak(&secret));
            format!("{path} leaks")
        }
        3 => {
            repo.save(&path, format!("nothing {nth}\n"));
            format!("{path} does not")
        }
        4 => {
            runs(&["mv", "-f", &path, &any_path(random)]);
            runs(&["commit", "-q", "-m", "moved"])
        }
        5 => runs(&["commit", "-q", "--allow-empty", "-m", &format!("wandb login {secret}")]),
        6 => runs(&["tag", "-a", &format!("t{nth}"), "-m", &format!("wandb login {secret}")]),
        7 => {
            runs(&["checkout", "-q", "-b", &format!("b{nth}"), &format!("HEAD~{}", random.below(3))]);
            repo.save(&path, leak(&secret));
            runs(&["checkout", "-q", "main"]);
            runs(&["merge", "-q", "-X", "ours", "--no-edit", &format!("b{nth}")])
        }
        8 => runs(&["update-ref", "-d", references[random.below(references.len())]]),
        9 => {
            repo.blob(leak(&secret).as_bytes());
            "a blob".to_owned()
        }
        10 => {
            repo.stage(&path, leak(&secret));
            format!("{path} is staged")
        }
        11 => {
            repo.stage(&path, leak(&secret));
            let tree = repo.git(&["write-tree"]);
            runs(&["reset", "-q", "--hard"]);
            if random.below(2) == 0 { runs(&["tag", &format!("tree{nth}"), &tree]) } else { "a tree".to_owned() }
        }
        12 => runs(&["notes", "add", "-f", "-m", &format!("wandb login {secret}")]),
        13 => runs(&["rm", "-q", "-f", "-r", "--", "deep"]),
        _ => runs([&["repack", "-q", "-a", "-d"][..], &["gc", "-q", "--prune=now"]][random.below(2)]),
    }
}

#[test]
fn whatever_happened_the_second_answer_is_the_first() {
    for seed in 1..=4u64 {
        let format = ["sha1", "sha256"][seed as usize % 4 / 3];
        let repo = Repo::of(&[&format!("--object-format={format}")]);
        let caches = repo.place().join("caches");
        let mut random = Random(seed);
        repo.save("first", "first\n");
        let mut done = vec![format!("seed {seed}")];
        let (mut most_read, mut most_told) = (0, 0);
        for nth in 0..15 {
            done.push(step(&repo, &mut random, seed as usize * 100 + nth));
            let (read, told) = second(&repo, &caches, &[]);
            assert!(read == told, "{read} objects for {told} that are told, after {}", done.join("; "));
            (most_read, most_told) = (most_read.max(read), most_told.max(told));
        }
        assert!(most_read > 3, "{}", done.join("; "));
    }
}

#[test]
fn each_path_in_a_tree_without_a_commit_is_asked_each_time() {
    // Only one of its names makes a key of it.
    let (telling, key) = ("wandb_api_key.txt", key("legacy", "pinned"));
    for (silent, is_committed, tag) in
        [("a.txt", false, false), ("a.txt", true, true), ("z.txt", false, true), ("z.txt", true, false)]
    {
        let repo = Repo::new();
        let caches = repo.place().join("caches");
        repo.save("first", "first\n");
        repo.stage(silent, format!("{key}\n"));
        if is_committed {
            repo.git(&["commit", "-q", "-m", "silent"]);
        }
        repo.stage(telling, format!("{key}\n"));
        let tree = repo.git(&["write-tree"]);
        if tag {
            repo.git(&["tag", "tree", tree.trim()]);
        }
        repo.git(&["reset", "-q", "--hard"]);
        for _ in 0..3 {
            let report = same(&repo, &caches, &[]);
            assert!(report.found(&key), "{silent}, committed: {is_committed}, tagged: {tag}");
        }
    }
}

#[test]
fn what_is_not_there_is_told_each_time() {
    let (repo, _) = leaking();
    let caches = repo.place().join("caches");
    let place = format!("file://{}", repo.path.display());
    repo.git(&["clone", "-q", "--depth", "3", &place, "../shallow"]);
    let shallow = repo.opened("shallow");
    assert!(second(&shallow, &caches, &[]).0 < 10);
    scanned(&shallow, &caches, &[]).gap(&["a shallow clone"]);
    let id = repo.id("HEAD~3:d0/f");
    fs::remove_file(repo.at(&format!(".git/objects/{}/{}", &id[..2], &id[2..]))).unwrap();
    assert!(second(&repo, &caches, &[]).0 < 10);
    scanned(&repo, &caches, &[]).gap(&["missing", &id]);
    let object = format!("{:064x}", 7);
    repo.save("model.bin", format!("version https://git-lfs.github.com/spec/v1\noid sha256:{object}\nsize 12\n"));
    assert!(second(&repo, &caches, &[]).0 < 10);
    let says = || scanned(&repo, &caches, &[]).json["coverage"]["skipped"].to_string().contains("Git LFS");
    assert!(says());
    let folder = repo.at(&format!(".git/lfs/objects/{}/{}", &object[..2], &object[2..4]));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(&object), "a large one\n").unwrap();
    assert!(!says());
    same(&repo, &caches, &[]);
    // Of a repository with nothing else to say too.
    let repo = clean();
    repo.save("model.bin", format!("version https://git-lfs.github.com/spec/v1\noid sha256:{object}\nsize 12\n"));
    let file = repo.at(&format!(".git/lfs/objects/{}/{}/{object}", &object[..2], &object[2..4]));
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "a large one\n").unwrap();
    let says = || same(&repo, &caches, &[]).json["coverage"]["skipped"].to_string().contains("Git LFS");
    assert!(!says() && !says());
    fs::remove_file(file).unwrap();
    assert!(says() && says());
}

#[test]
fn what_was_found_is_read_again_and_what_is_broken_by_then_is_said() {
    let (repo, keys) = leaking();
    let caches = repo.place().join("caches");
    assert!(second(&repo, &caches, &[]).0 < 10);
    for name in ["HEAD:.env", "HEAD:d1", "HEAD~1", "HEAD~2"] {
        let id = repo.id(name);
        let path = repo.at(&format!(".git/objects/{}/{}", &id[..2], &id[2..]));
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let report = same(&repo, &caches, &[]);
        assert!(report.found(&keys[3]) && report.code == 1, "{name}");
        // It is there, so nobody lacks it.
        assert!(!report.json["coverage"]["skipped"].to_string().contains("name as a parent"), "{name}");
        fs::remove_file(&path).unwrap();
        fs::write(&path, &bytes).unwrap();
        same(&repo, &caches, &[]);
    }
}

#[test]
fn permissions_and_selected_rules_are_those_of_the_scan_at_hand() {
    let (repo, _) = leaking();
    let caches = repo.place().join("caches");
    assert!(second(&repo, &caches, &[]).0 < 10);
    let baseline = repo.place().join("baseline.jsonl");
    let mut command = binary(repo.place());
    command.args(["baseline", "create", "--reason", "known", "--history", "--baseline"]).arg(&baseline).arg("repo");
    let made = command.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let accepts = ["--baseline", baseline.to_str().unwrap()];
    let report = same(&repo, &caches, &accepts);
    assert!(report.findings().is_empty() && known(&report) > 10);
    for more in [&["--ignore", "key-in-netrc"][..], &["--select", "key-in-netrc"], &["--exclude", "**/.env"]] {
        assert!(second(&repo, &caches, more).0 < 10);
    }
    // What a baseline accepts is not clean to who has none.
    let caches = repo.place().join("others");
    assert!(second(&repo, &caches, &accepts).0 < 10);
    assert!(!same(&repo, &caches, &[]).findings().is_empty());
}

#[test]
fn of_very_many_references_the_answer_says_how_many_there_are() {
    let (repo, _) = leaking();
    let caches = repo.place().join("caches");
    let head = repo.id("HEAD");
    let packed: String = (0..1100).map(|nth| format!("{head} refs/heads/b{nth:04}\n")).collect();
    fs::write(repo.at(".git/packed-refs"), packed).unwrap();
    assert!(second(&repo, &caches, &[]).0 < 10);
}

#[test]
fn what_a_pack_does_not_give_is_told_each_time() {
    let (repo, _) = leaking();
    let caches = repo.place().join("caches");
    let nothing = (packs::id_of("blob", b"abc"), packs::entry(5, 3, b"", b"abc"));
    packs::write_pack(&repo.at(".git/objects"), "pack-1", &[nothing], |id| *id);
    for _ in 0..2 {
        same(&repo, &caches, &[]).gap(&["1 of its 1 objects cannot be read"]);
    }
}

#[test]
fn what_is_left_out_of_one_repository_is_not_of_its_twin() {
    let source = clean();
    source.save("d1/.env", leak(&key("v1", "left out")));
    source.git(&["rm", "-q", "d1/.env"]);
    source.commit("gone");
    let repo = Repo::new();
    let caches = repo.place().join("caches");
    repo.save("wandward.toml", "exclude = [\"a/d1/\"]\n");
    for name in ["a", "b"] {
        repo.git(&["clone", "-q", source.path.to_str().unwrap(), name]);
    }
    for _ in 0..2 {
        let report = same(&repo, &caches, &[]);
        assert!(report.found(&key("v1", "left out")) && report.findings().len() == 1, "{:#}", report.json);
    }
}
