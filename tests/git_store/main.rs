//! The object database of a repository is read whole, byte for byte as git reads it, and what is damaged, missing or a trap
//! costs nothing but itself. In: repositories made by git, and packs made by hand. Out: what the store says of them.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod damage;
mod forest;
#[path = "../support/generate.rs"]
mod generate;
mod libgit2;
mod lies;
mod makings;
mod mutation;
#[path = "../support/packs.rs"]
mod packs;
mod shapes;
#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use support::git::{EPOCH, Repo, taken};
use wandward::object::{ObjectId, ObjectKind};
use wandward::source::git::store::{Listing, ReadError, Store};

/// Objects by id: kind and bytes.
type Objects = BTreeMap<ObjectId, (ObjectKind, Vec<u8>)>;

fn id(text: &str) -> ObjectId {
    ObjectId::from_hex(text.as_bytes()).unwrap()
}

/// A text whose every twelfth line is another one than in the version before, so that git makes chains of deltas.
fn text(version: usize) -> String {
    let line = |at: usize| {
        let changed = (version + 12 - at % 12) / 12;
        let mixed = (at as u64 * 977 + changed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        format!("line {at} {mixed:x} {:x}\n", mixed.rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9))
    };
    (0..60).map(line).collect::<String>() + &format!("version {version}\n")
}

/// A repository with commits, trees, blobs, a tag and an object that nothing leads to; all loose.
fn repository(format: &str) -> Repo {
    filled(Repo::of(&["--object-format", format]))
}

/// Likewise, in an empty one.
fn filled(repo: Repo) -> Repo {
    let mut stream = Vec::new();
    let data = |stream: &mut Vec<u8>, head: &str, content: &[u8]| {
        stream.extend(format!("{head}\ndata {}\n", content.len()).bytes());
        stream.extend([content, b"\n"].concat());
    };
    for version in 0..12 {
        let head = format!("commit refs/heads/main\ncommitter A <a@example.org> {} +0130", EPOCH + version as i64);
        data(&mut stream, &head, format!("commit {version}\n").as_bytes());
        data(&mut stream, "M 644 inline src/deep/a.py", text(version).as_bytes());
        data(&mut stream, "M 644 inline b.bin", &[[version as u8; 300], [0; 300]].concat());
    }
    data(&mut stream, "M 644 inline empty", b"");
    data(&mut stream, "tag v1\nfrom refs/heads/main\ntagger A <a@example.org> 1 +0000", b"a tag\n");
    data(&mut stream, "blob", b"unreachable\n");
    // Fewer than so many are left loose.
    repo.fed(&["-c", "fastimport.unpackLimit=1000", "fast-import", "--quiet"], &stream);
    repo
}

/// Likewise, all in one pack.
fn packed(repo: Repo) -> Repo {
    repo.git(&["repack", "-q", "-a", "-d", "-f", "--keep-unreachable"]);
    repo.git(&["prune-packed"]);
    repo
}

/// The object folder.
fn objects(repo: &Repo) -> PathBuf {
    let inner = repo.at(".git/objects");
    if inner.is_dir() { inner } else { repo.at("objects") }
}

/// The files of the packs with that extension, sorted.
fn files(repo: &Repo, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(objects(repo).join("pack")).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    found.sort();
    found
}

/// What git says a repository holds.
fn truth(repo: &Repo) -> Objects {
    let mut command = repo.command(&["cat-file", "--batch-all-objects", "--batch"]);
    let output = taken(command.env("GIT_NO_REPLACE_OBJECTS", "1").env("GIT_NO_LAZY_FETCH", "1"), b"");
    let mut rest = &output[..];
    let mut found = Objects::new();
    while !rest.is_empty() {
        let end = rest.iter().position(|b| *b == b'\n').unwrap();
        let words: Vec<&str> = str::from_utf8(&rest[..end]).unwrap().split(' ').collect();
        let size: usize = words[2].parse().unwrap();
        let kind = ObjectKind::named(words[1].as_bytes()).unwrap();
        found.insert(id(words[0]), (kind, rest[end + 1..end + 1 + size].to_vec()));
        rest = &rest[end + 1 + size + 1..];
    }
    found
}

/// Why objects were not read.
type Failed = BTreeMap<ObjectId, ReadError>;

/// What was read of a repository, and all that was not: gaps and errors.
struct Read {
    found: Objects,
    failed: Failed,
    listing: Listing,
}

impl Read {
    fn complaints(&self) -> usize {
        self.listing.gaps.len() + self.failed.len()
    }
}

fn read(repo: &Repo, length: usize) -> Read {
    let store = Store::open(&objects(repo), length);
    let listing = store.list();
    let mut reader = store.reader();
    let mut read = Read { found: Objects::new(), failed: Failed::new(), listing };
    for entry in &read.listing.entries {
        match reader.read_entry(entry) {
            Ok((kind, bytes)) => {
                assert!(read.found.insert(entry.id, (kind, bytes.to_vec())).is_none(), "{} twice", entry.id);
            }
            Err(error) => assert!(read.failed.insert(entry.id, error).is_none(), "{} twice", entry.id),
        }
    }
    forest::assert_walks(&store, &read);
    read
}

/// Everything that git reads is read, and nothing else.
#[track_caller]
fn assert_whole(repo: &Repo, length: usize) {
    assert_reads(repo, length, &truth(repo));
}

/// These objects are read, and no others, in each way in which they can be asked for.
#[track_caller]
fn assert_reads(repo: &Repo, length: usize, truth: &Objects) {
    assert!(truth.len() > 30, "{}", truth.len());
    let read = read(repo, length);
    assert_eq!(read.listing.gaps, []);
    assert_eq!(read.failed, Failed::new());
    let kinds = read.listing.entries.iter().map(|entry| (entry.id, entry.kind));
    assert!(kinds.eq(read.listing.entries.iter().map(|entry| (entry.id, truth[&entry.id].0))));
    assert!(read.found == *truth, "{:?} differ", truth.len().abs_diff(read.found.len()));
    let store = Store::open(&objects(repo), length);
    for listed in [false, true] {
        let mut reader = store.reader();
        for (id, (kind, bytes)) in truth.iter().rev() {
            assert!(reader.read(id).unwrap() == (*kind, &bytes[..]), "{id}, listed: {listed}");
            assert!(store.holds(id, 1 << 20), "{id}");
            assert!(bytes.is_empty() || !store.holds(id, bytes.len() as u64 - 1), "{id} is larger");
        }
        store.list();
    }
}

/// Replaces a file of git's.
fn write_over(path: &Path, bytes: &[u8]) {
    // Git makes its files read-only.
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
}

/// Where the entries of the one pack begin, in order, and which objects each one takes part in.
fn parts(repo: &Repo, truth: &Objects) -> Vec<(usize, BTreeSet<ObjectId>)> {
    let listed = repo.git(&["verify-pack", "-v", files(repo, "idx")[0].to_str().unwrap()]);
    let entries: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    let entries = entries.into_iter().filter(|words| words.len() >= 5 && words[0].len() == 40);
    let entries: Vec<(usize, ObjectId, Option<ObjectId>)> =
        entries.map(|words| (words[4].parse().unwrap(), id(words[0]), words.get(6).map(|base| id(base)))).collect();
    let base: BTreeMap<ObjectId, Option<ObjectId>> = entries.iter().map(|(_, id, base)| (*id, *base)).collect();
    let chain = |object: &ObjectId| std::iter::successors(Some(*object), |at| base.get(at).copied().flatten());
    let mut parts: Vec<(usize, BTreeSet<ObjectId>)> = entries
        .iter()
        .map(|(at, part, _)| {
            (*at, truth.keys().filter(|object| chain(object).any(|at| at == *part)).copied().collect())
        })
        .collect();
    parts.sort();
    parts
}
