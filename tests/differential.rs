//! The keys found in a history are those that a plain search through every object finds, on histories made from seeds.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

#[path = "support/generate.rs"]
mod generate;
mod support;

use std::collections::BTreeSet;
use std::path::Path;

use generate::{Size, git, pack, repository, search};
use serde_json::Value;
use support::fingerprint;
use support::git::{Report, binary, scan};

const SMALL: Size = Size { commits: 300, files: 30, lines: 60, keys: 6, revisions: 300 };

/// What a scan of the repository `name` in `folder` finds; nothing may be missed.
fn found(folder: &Path, name: &str, keys: &BTreeSet<String>) -> Vec<Value> {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let report: Report = scan(&mut binary(folder), &["--history", name], &keys);
    report.complete();
    report.findings().to_vec()
}

/// The same keys by both searches, which are also those that were planted. Returns what is said of them.
fn agree(folder: &Path, name: &str, planted: &BTreeSet<String>) -> Vec<Value> {
    let plain = search(&folder.join(name));
    assert!(plain == *planted, "the plain search finds {} of {} keys", plain.len(), planted.len());
    let wanted: BTreeSet<String> = plain.iter().map(|key| fingerprint(key)).collect();
    let said = found(folder, name, planted);
    let fingerprint_of = |finding: &Value| finding["key"]["fingerprint"].as_str().unwrap().to_owned();
    let found: BTreeSet<String> = said.iter().map(fingerprint_of).collect();
    let missing: Vec<_> = plain.iter().filter(|key| !found.contains(&fingerprint(key))).map(|key| &key[..4]).collect();
    let extra: Vec<_> = found.difference(&wanted).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing {missing:?}, and {extra:?} too many");
    said
}

#[test]
fn generated_histories() {
    for seed in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made.git");
        let planted = repository(&path, seed, SMALL);
        assert!(planted.len() > 20, "seed {seed}: {} keys", planted.len());
        assert!(planted.iter().any(|key| key.len() == 40) && planted.iter().any(|key| key.len() > 40));
        agree(folder.path(), "made.git", &planted);
        pack(&path);
        agree(folder.path(), "made.git", &planted);
    }
}

#[test]
fn a_history_is_found_through_every_way_to_store_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made.git");
    let planted = repository(&path, 77, SMALL);
    // What no reference holds is kept.
    let run = |arguments: &[&str]| assert!(git(&path).args(arguments).status().unwrap().success(), "{arguments:?}");
    let said = agree(folder.path(), "made.git", &planted);
    // Whatever is made from what, the same is said of it at the same places.
    let agree = || assert!(agree(folder.path(), "made.git", &planted) == said);
    for threads in ["--threads=1", "--threads=4"] {
        run(&["repack", "-q", "-a", "-d", "-k", "-f", "--depth=4095", "--window=5", threads]);
        agree();
    }
    run(&["repack", "-q", "-a", "-d", "-k", "-f", "--depth=200", "--window=50"]);
    agree();
    run(&["-c", "pack.writeBitmapHashCache=true", "repack", "-q", "-a", "-d", "-k", "-b", "--write-midx"]);
    agree();
    run(&["-c", "pack.indexVersion=1", "repack", "-q", "-a", "-d", "-k", "-f"]);
    agree();
    run(&["-c", "pack.packSizeLimit=1m", "-c", "core.compression=0", "repack", "-q", "-a", "-d", "-k", "-F"]);
    agree();
    run(&["commit-graph", "write", "--reachable", "--changed-paths"]);
    run(&["-c", "core.compression=9", "repack", "-q", "-a", "-d", "-k", "-F"]);
    agree();
    // Everything loose.
    let pack = folder.path().join("moved.pack");
    let packs = support::files(&path.join("objects/pack"));
    let from = packs.iter().find(|path| path.extension().is_some_and(|extension| extension == "pack")).unwrap();
    std::fs::rename(from, &pack).unwrap();
    packs.iter().filter(|path| path.exists()).for_each(|path| std::fs::remove_file(path).unwrap());
    let stream = std::fs::File::open(&pack).unwrap();
    assert!(git(&path).args(["unpack-objects", "-q"]).stdin(stream).status().unwrap().success());
    agree();
}

#[test]
fn what_trees_name_and_nobody_holds_is_told_whatever_they_are_made_from() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made.git");
    repository(&path, 5, Size { keys: 0, ..SMALL });
    let listed = git(&path).args(["cat-file", "--batch-all-objects", "--batch-check"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let mut lost: Vec<&str> = Vec::new();
    let mut kept = String::new();
    for (nth, line) in listed.lines().enumerate() {
        let (id, rest) = line.split_once(' ').unwrap();
        if rest.starts_with("blob") && nth % 50 == 0 { lost.push(id) } else { kept = kept + id + "\n" }
    }
    assert!(lost.len() > 5);
    for depth in ["--depth=0", "--depth=50", "--depth=1000"] {
        let part = folder.path().join("part.git");
        std::fs::create_dir(&part).unwrap();
        assert!(git(&part).args(["init", "-q", "--bare"]).status().unwrap().success());
        let mut command = git(&path);
        command.args(["pack-objects", "-q", "--no-reuse-delta", depth]).arg(part.join("objects/pack/pack"));
        assert!(support::fed(&mut command, kept.as_bytes()).status.success());
        let report = scan(&mut binary(folder.path()), &["--history", "part.git"], &[]);
        let missing = format!("missing: {} objects that trees, commits, tags or an index name", lost.len());
        report.gap(&[&missing, lost.iter().min().unwrap()]);
        std::fs::remove_dir_all(part).unwrap();
    }
}

#[test]
fn a_clean_history_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made.git");
    let planted = repository(&path, 5, Size { keys: 0, ..SMALL });
    assert!(planted.is_empty());
    agree(folder.path(), "made.git", &planted);
}
