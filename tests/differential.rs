//! The keys found in a history are those that a plain search through every object finds, on histories made from seeds.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

#[path = "support/generate.rs"]
mod generate;
mod support;

use std::collections::BTreeSet;
use std::path::Path;

use generate::{Size, git, pack, repository, search};
use support::fingerprint;
use support::git::{Report, binary, scan};

const SMALL: Size = Size { commits: 300, files: 30, lines: 60, keys: 6, revisions: 300 };

/// The fingerprints that a scan of the repository `name` in `folder` finds; nothing may be missed.
fn found(folder: &Path, name: &str, keys: &BTreeSet<String>) -> BTreeSet<String> {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let report: Report = scan(&mut binary(folder), &["--history", name], &keys);
    report.complete();
    let fingerprint = |finding: &serde_json::Value| finding["key"]["fingerprint"].as_str().unwrap().to_owned();
    report.findings().iter().map(fingerprint).collect()
}

/// The same keys by both searches, which are also those that were planted.
fn agree(folder: &Path, name: &str, planted: &BTreeSet<String>) {
    let plain = search(&folder.join(name));
    assert!(plain == *planted, "the plain search finds {} of {} keys", plain.len(), planted.len());
    let wanted: BTreeSet<String> = plain.iter().map(|key| fingerprint(key)).collect();
    let found = found(folder, name, planted);
    let missing: Vec<_> = plain.iter().filter(|key| !found.contains(&fingerprint(key))).map(|key| &key[..4]).collect();
    let extra: Vec<_> = found.difference(&wanted).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing {missing:?}, and {extra:?} too many");
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
    let agree = || agree(folder.path(), "made.git", &planted);
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
fn a_clean_history_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made.git");
    let planted = repository(&path, 5, Size { keys: 0, ..SMALL });
    assert!(planted.is_empty());
    agree(folder.path(), "made.git", &planted);
}
