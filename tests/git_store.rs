//! The object database of a repository is read whole, byte for byte as git reads it, and what is damaged, missing or a trap
//! costs nothing but itself.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha1::{Digest, Sha1};
use wandward::object::{ObjectId, ObjectKind};
use wandward::source::git::store::{Listing, ReadError, Store};

/// Objects by id: kind and bytes.
type Objects = BTreeMap<ObjectId, (ObjectKind, Vec<u8>)>;

/// Entries of a pack: the id that its index gives them, and their bytes.
type Entries = Vec<(ObjectId, Vec<u8>)>;

/// Git, with nothing of this machine's configuration.
fn git(folder: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("git")
        .current_dir(folder)
        .args([
            "-c",
            "user.name=A",
            "-c",
            "user.email=a@example.org",
            "-c",
            "init.defaultBranch=main",
            "-c",
            "gc.auto=0",
        ])
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_NO_REPLACE_OBJECTS", "1")])
        .envs([("GIT_NO_LAZY_FETCH", "1"), ("HOME", "/nowhere"), ("LC_ALL", "C")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn line(folder: &Path, arguments: &[&str], input: &[u8]) -> String {
    String::from_utf8(git(folder, arguments, input)).unwrap().trim().to_owned()
}

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
fn repository(format: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    git(root.path(), &["init", "-q", "--object-format", format], b"");
    for version in 0..12 {
        fs::create_dir_all(root.path().join("src/deep")).unwrap();
        fs::write(root.path().join("src/deep/a.py"), text(version)).unwrap();
        fs::write(root.path().join("b.bin"), [[version as u8; 300], [0; 300]].concat()).unwrap();
        git(root.path(), &["add", "."], b"");
        git(root.path(), &["commit", "-q", "-m", &format!("commit {version}")], b"");
    }
    fs::write(root.path().join("empty"), "").unwrap();
    git(root.path(), &["add", "."], b"");
    git(root.path(), &["commit", "-q", "-m", "empty"], b"");
    git(root.path(), &["tag", "-a", "-m", "a tag", "v1"], b"");
    git(root.path(), &["hash-object", "-w", "--stdin"], b"unreachable\n");
    root
}

fn packed(format: &str) -> tempfile::TempDir {
    let root = repository(format);
    git(root.path(), &["repack", "-q", "-a", "-d", "-f", "--keep-unreachable"], b"");
    git(root.path(), &["prune-packed"], b"");
    root
}

fn objects(root: &Path) -> PathBuf {
    let inner = root.join(".git/objects");
    if inner.is_dir() { inner } else { root.join("objects") }
}

fn files(root: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(objects(root).join("pack")).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    found.sort();
    found
}

/// What git says a repository holds.
fn truth(root: &Path) -> Objects {
    let output = git(root, &["cat-file", "--batch-all-objects", "--batch"], b"");
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

/// What was read of a repository, and all that was not: gaps and errors.
struct Read {
    found: Objects,
    failed: BTreeMap<ObjectId, ReadError>,
    listing: Listing,
}

impl Read {
    fn complaints(&self) -> usize {
        self.listing.gaps.len() + self.failed.len()
    }
}

fn read(root: &Path, length: usize) -> Read {
    let store = Store::open(&objects(root), length);
    let listing = store.list();
    let mut reader = store.reader();
    let mut read = Read { found: Objects::new(), failed: BTreeMap::new(), listing };
    for entry in &read.listing.entries {
        match reader.read_entry(entry) {
            Ok((kind, bytes)) => {
                assert_eq!(kind, entry.kind, "{entry:?}");
                assert!(read.found.insert(entry.id, (kind, bytes.to_vec())).is_none(), "{} twice", entry.id);
            }
            Err(error) => assert!(read.failed.insert(entry.id, error).is_none(), "{} twice", entry.id),
        }
    }
    read
}

/// Everything that git reads is read, in each way in which it can be asked for.
#[track_caller]
fn assert_whole(root: &Path, length: usize) {
    let truth = truth(root);
    assert!(truth.len() > 30, "{}", truth.len());
    let read = read(root, length);
    assert_eq!(read.listing.gaps, []);
    assert_eq!(read.failed, BTreeMap::new());
    assert!(read.found == truth, "{:?} differ", truth.len().abs_diff(read.found.len()));
    let store = Store::open(&objects(root), length);
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

fn write_over(path: &Path, bytes: &[u8]) {
    // Git makes its files read-only.
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
}

#[test]
fn loose_and_packed_objects_are_read() {
    for (format, length) in [("sha1", 20), ("sha256", 32)] {
        let root = repository(format);
        assert_eq!(files(root.path(), "pack").len(), 0);
        assert_whole(root.path(), length);
        let root = packed(format);
        assert_eq!(files(root.path(), "pack").len(), 1);
        let kinds = line(root.path(), &["verify-pack", "-v", files(root.path(), "idx")[0].to_str().unwrap()], b"");
        assert!(kinds.contains("chain length = 3"), "no chain");
        assert_whole(root.path(), length);
        git(root.path(), &["hash-object", "-w", "--stdin"], b"loose beside a pack\n");
        assert_whole(root.path(), length);
    }
}

#[test]
fn an_index_of_version_1_is_read() {
    let root = repository("sha1");
    git(root.path(), &["-c", "pack.indexVersion=1", "repack", "-q", "-a", "-d", "--keep-unreachable"], b"");
    assert_ne!(fs::read(&files(root.path(), "idx")[0]).unwrap()[..4], [0xff, b't', b'O', b'c']);
    assert_whole(root.path(), 20);
}

#[test]
fn an_index_with_offsets_of_64_bits_is_read() {
    let root = packed("sha1");
    let (index, pack) = (&files(root.path(), "idx")[0], &files(root.path(), "pack")[0]);
    git(root.path(), &["index-pack", "--index-version=2,0x40", "-o", "big.idx", pack.to_str().unwrap()], b"");
    let big = fs::read(root.path().join("big.idx")).unwrap();
    assert!(big.len() > fs::read(index).unwrap().len() + 8 * 10);
    write_over(index, &big);
    assert_whole(root.path(), 20);
}

#[test]
fn deltas_that_name_their_base_by_id_are_read() {
    let root = repository("sha1");
    let ids: Vec<String> = truth(root.path()).keys().map(|id| format!("{id}\n")).collect();
    let pack = git(root.path(), &["pack-objects", "--stdout", "-q", "--window=20"], ids.concat().as_bytes());
    let other = tempfile::tempdir().unwrap();
    git(other.path(), &["init", "-q", "--bare"], b"");
    git(other.path(), &["index-pack", "--stdin"], &pack);
    let bytes = fs::read(&files(other.path(), "pack")[0]).unwrap();
    let parts = parts(other.path(), &truth(other.path()));
    assert!(parts.iter().filter(|(at, _)| bytes[*at] >> 4 & 7 == 7).count() > 8);
    assert_whole(other.path(), 20);
}

#[test]
fn an_object_in_several_packs_and_loose_is_one() {
    let root = repository("sha1");
    git(root.path(), &["repack", "-q", "-a"], b"");
    git(root.path(), &["commit", "-q", "--allow-empty", "-m", "one more"], b"");
    git(root.path(), &["repack", "-q", "-a"], b"");
    git(root.path(), &["commit", "-q", "--allow-empty", "-m", "and more"], b"");
    git(root.path(), &["repack", "-q"], b"");
    assert_eq!(files(root.path(), "pack").len(), 3);
    assert_whole(root.path(), 20);
    git(root.path(), &["multi-pack-index", "write"], b"");
    assert_whole(root.path(), 20);
    // What a corrupt one says misleads nobody.
    let midx = objects(root.path()).join("pack/multi-pack-index");
    let truth = truth(root.path());
    for noise in [&b""[..], b"MIDX", &[0xff; 5000]] {
        write_over(&midx, noise);
        let read = read(root.path(), 20);
        assert!(read.found == truth && read.complaints() == 0);
    }
}

#[test]
fn alternates_are_followed_and_missing_ones_told() {
    let (base, middle) = (repository("sha1"), packed("sha1"));
    let outer = tempfile::tempdir().unwrap();
    git(outer.path(), &["init", "-q"], b"");
    let list = |root: &Path, text: &str| {
        fs::create_dir_all(objects(root).join("info")).unwrap();
        fs::write(objects(root).join("info/alternates"), text).unwrap();
    };
    git(base.path(), &["hash-object", "-w", "--stdin"], b"only in the last\n");
    git(middle.path(), &["hash-object", "-w", "--stdin"], b"only in the middle\n");
    list(outer.path(), &format!("# a comment\n\n\"{}\"\n", objects(middle.path()).display()));
    let relative = format!("../../../{}/.git/objects\n", base.path().file_name().unwrap().to_str().unwrap());
    list(middle.path(), &relative);
    assert_whole(outer.path(), 20);
    // A loop is no loop.
    list(base.path(), &format!("{}\n", objects(outer.path()).display()));
    let read_all = read(outer.path(), 20);
    assert_eq!((read_all.complaints(), read_all.found.len()), (0, truth(outer.path()).len()));
    list(base.path(), "/nowhere/at/all\n");
    let gaps = read(outer.path(), 20).listing.gaps;
    assert_eq!(gaps.len(), 1);
    assert!(gaps[0].1.contains("`/nowhere/at/all`") && gaps[0].1.contains("no such file"), "{gaps:?}");
    let gone = Store::open(&outer.path().join("gone"), 20).list();
    assert_eq!((gone.entries.len(), gone.gaps.len()), (0, 1));
}

#[test]
fn a_long_chain_of_deltas_is_read() {
    let root = tempfile::tempdir().unwrap();
    git(root.path(), &["init", "-q", "--bare"], b"");
    let blobs: String = (0..3000)
        .map(|version| {
            let text = text(version);
            format!("blob\ndata {}\n{text}\n", text.len())
        })
        .collect();
    git(root.path(), &["fast-import", "--quiet", "--depth=4000"], blobs.as_bytes());
    let kinds = line(root.path(), &["verify-pack", "-s", files(root.path(), "idx")[0].to_str().unwrap()], b"");
    assert!(kinds.contains("chain length = 2900"), "the chain is too short");
    let truth = truth(root.path());
    assert_eq!(truth.len(), 3000);
    let read = read(root.path(), 20);
    assert!(read.found == truth && read.complaints() == 0);
    // From the far end, before anything is known of the pack.
    let store = Store::open(&objects(root.path()), 20);
    for (id, (_, bytes)) in truth.iter().step_by(701) {
        assert_eq!(store.reader().read(id).unwrap().1, bytes);
    }
}

#[test]
fn an_object_of_several_chunks_is_read() {
    let root = repository("sha1");
    let mut state = 1u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as u8
    });
    let noise: Vec<u8> = noise.take(3 << 20).collect();
    for content in [noise.clone(), [&noise, &b"and more"[..]].concat(), vec![0; 40 << 20]] {
        git(root.path(), &["hash-object", "-w", "--stdin"], &content);
    }
    let (truth, loose) = (truth(root.path()), read(root.path(), 20));
    assert!(loose.found == truth && loose.complaints() == 0);
    git(root.path(), &["repack", "-q", "-a", "-d", "--keep-unreachable"], b"");
    let packed = read(root.path(), 20);
    assert!(packed.found == truth && packed.complaints() == 0);
    let store = Store::open(&objects(root.path()), 20);
    for (id, (_, bytes)) in truth.iter().filter(|(_, (_, bytes))| bytes.len() > 1 << 20) {
        assert!(store.reader().read(id).unwrap().1 == bytes && store.holds(id, 1 << 30), "{id}");
    }
}

#[test]
fn grafts_and_replacements_decide_nothing() {
    let root = packed("sha1");
    let commits = line(root.path(), &["rev-list", "HEAD"], b"");
    let commits: Vec<&str> = commits.lines().collect();
    git(root.path(), &["replace", commits[0], commits[5]], b"");
    fs::write(root.path().join(".git/info/grafts"), format!("{}\n", commits[1])).unwrap();
    assert_whole(root.path(), 20);
}

#[test]
fn what_a_partial_clone_lacks_is_missing() {
    let root = repository("sha1");
    git(root.path(), &["config", "uploadpack.allowFilter", "true"], b"");
    let clone = tempfile::tempdir().unwrap();
    let from = format!("file://{}", root.path().display());
    git(clone.path(), &["clone", "-q", "--bare", "--filter=blob:none", &from, "."], b"");
    let (whole, partial) = (truth(root.path()), truth(clone.path()));
    let read = read(clone.path(), 20);
    assert!(read.found == partial && read.complaints() == 0);
    let absent = whole.keys().find(|id| !partial.contains_key(id)).unwrap();
    let store = Store::open(&objects(clone.path()), 20);
    assert_eq!(store.reader().read(absent).unwrap_err(), ReadError::Missing);
    assert!(!store.holds(absent, 1 << 20));
}

/// Where the entries of the one pack begin, in order, and which objects each one takes part in.
fn parts(root: &Path, truth: &Objects) -> Vec<(usize, BTreeSet<ObjectId>)> {
    let listed = line(root, &["verify-pack", "-v", files(root, "idx")[0].to_str().unwrap()], b"");
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

#[test]
fn a_flipped_byte_in_a_pack_costs_only_what_is_made_from_it() {
    let root = packed("sha1");
    let truth = truth(root.path());
    let parts = parts(root.path(), &truth);
    let pack = files(root.path(), "pack").remove(0);
    let sound = fs::read(&pack).unwrap();
    let mut told = 0;
    for at in (0..sound.len()).step_by(5) {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << (at % 8);
        write_over(&pack, &bytes);
        let read = read(root.path(), 20);
        assert!(read.found.iter().all(|(id, object)| truth[id] == *object), "byte {at}: something wrong was read");
        let hit = parts.iter().rev().find(|(start, _)| *start <= at && at < sound.len() - 20);
        let lost: BTreeSet<ObjectId> = truth.keys().filter(|id| !read.found.contains_key(id)).copied().collect();
        match hit {
            Some((_, hit)) => {
                // Some bits of a zlib stream say nothing.
                assert!(lost == *hit || lost.is_empty(), "byte {at}");
                assert!(lost.is_empty() || read.complaints() > 0, "byte {at}: nobody is told");
                told += usize::from(!lost.is_empty());
            }
            None => assert_eq!((lost.len(), read.complaints()), (0, usize::from(at < 12)), "byte {at}"),
        }
    }
    assert!(told > sound.len() / 6, "{told} of {} bytes", sound.len() / 5);
}

#[test]
fn a_flipped_byte_in_an_index_or_a_loose_object_is_told() {
    for version in ["1", "2"] {
        let root = repository("sha1");
        let setting = format!("pack.indexVersion={version}");
        git(root.path(), &["-c", &setting, "repack", "-q", "-a", "-d", "--keep-unreachable"], b"");
        let truth = truth(root.path());
        let index = files(root.path(), "idx").remove(0);
        let sound = fs::read(&index).unwrap();
        let mut whole = 0;
        for at in (0..sound.len()).step_by(7) {
            let mut bytes = sound.clone();
            bytes[at] ^= 1 << (at % 8);
            write_over(&index, &bytes);
            let read = read(root.path(), 20);
            assert!(read.found.iter().all(|(id, object)| truth[id] == *object), "byte {at}: something wrong was read");
            assert!(read.found.len() == truth.len() || read.complaints() > 0, "byte {at}: nobody is told");
            // A wrong id or offset is that of one object, and of what is made from it.
            assert!(read.found.len() > truth.len() / 2 || at < 1032, "byte {at}: {} are left", read.found.len());
            whole += usize::from(read.found.len() == truth.len());
        }
        assert!(whole > 0);
    }
    let root = repository("sha1");
    let truth = truth(root.path());
    let object = line(root.path(), &["rev-parse", "HEAD:src/deep/a.py"], b"");
    let path = objects(root.path()).join(&object[..2]).join(&object[2..]);
    let sound = fs::read(&path).unwrap();
    for at in (0..sound.len()).step_by(3) {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << (at % 8);
        write_over(&path, &bytes);
        let read = read(root.path(), 20);
        assert!(read.found.iter().all(|(id, object)| truth[id] == *object), "byte {at}");
        assert_eq!(read.found.len() + read.complaints(), truth.len(), "byte {at}");
        assert!(read.found.len() >= truth.len() - 1);
        write_over(&path, &sound[..at]);
        let read = self::read(root.path(), 20);
        assert_eq!((read.found.len() + read.complaints()), truth.len(), "cut off at {at}");
    }
}

#[test]
fn a_pack_that_is_cut_off_gives_what_it_holds() {
    let root = packed("sha1");
    let truth = truth(root.path());
    let parts = parts(root.path(), &truth);
    let pack = files(root.path(), "pack").remove(0);
    let sound = fs::read(&pack).unwrap();
    for length in (0..sound.len()).step_by(11) {
        write_over(&pack, &sound[..length]);
        let read = read(root.path(), 20);
        assert!(read.found.iter().all(|(id, object)| truth[id] == *object), "{length} bytes");
        // An entry is whole if the next one begins within what is left; there is no telling a hash from an entry.
        let ends = parts.iter().skip(1).map(|(at, _)| *at).chain([sound.len() - 20]);
        let gone = parts.iter().zip(ends).filter(|(_, end)| *end + 20 > length).flat_map(|((_, hit), _)| hit);
        let gone: BTreeSet<ObjectId> = gone.copied().collect();
        let lost: BTreeSet<ObjectId> = truth.keys().filter(|id| !read.found.contains_key(id)).copied().collect();
        assert!(lost.is_subset(&gone), "{length} bytes");
        assert!(lost.is_empty() || read.complaints() > 0, "{length} bytes: nobody is told");
    }
}

#[test]
fn another_copy_stands_in_for_a_damaged_one() {
    let root = repository("sha1");
    git(root.path(), &["repack", "-q", "-a"], b"");
    let truth = truth(root.path());
    let pack = files(root.path(), "pack").remove(0);
    let sound = fs::read(&pack).unwrap();
    write_over(&pack, &[&sound[..12], &vec![0xff; sound.len() - 12]].concat());
    let read_loose = read(root.path(), 20);
    assert!(read_loose.found == truth && read_loose.complaints() == 0, "{:?}", read_loose.listing.gaps);
    // And the other way round, in a second pack.
    let root = packed("sha1");
    let truth = self::truth(root.path());
    let first = files(root.path(), "pack").remove(0);
    for extension in ["pack", "idx"] {
        fs::copy(first.with_extension(extension), first.with_file_name(format!("pack-zz.{extension}"))).unwrap();
    }
    for damaged in files(root.path(), "pack") {
        let sound = fs::read(&damaged).unwrap();
        for from in (12..sound.len()).step_by(101) {
            write_over(&damaged, &[&sound[..from], &vec![0x77; sound.len() - from]].concat());
            let read = read(root.path(), 20);
            assert!(read.found == truth && read.complaints() == 0, "{from}: {:?} {:?}", read.listing.gaps, read.failed);
        }
        write_over(&damaged, &sound);
    }
}

#[test]
fn what_is_no_pack_or_no_file_is_told_by_name() {
    let root = packed("sha1");
    let truth = truth(root.path());
    let folder = objects(root.path()).join("pack");
    let pack = files(root.path(), "pack").remove(0);
    fs::copy(&pack, folder.join("pack-1.pack")).unwrap();
    fs::copy(pack.with_extension("idx"), folder.join("pack-2.idx")).unwrap();
    fs::copy(&pack, folder.join("pack-3.x.pack")).unwrap();
    fs::write(folder.join("pack-3.x.idx"), "noise").unwrap();
    let fifo = |path: PathBuf| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    fifo(folder.join("pack-4.idx"));
    fs::copy(&pack, folder.join("pack-4.pack")).unwrap();
    fifo(folder.join("pack-5.pack"));
    fs::copy(pack.with_extension("idx"), folder.join("pack-5.idx")).unwrap();
    fs::create_dir(folder.join("pack-6.idx")).unwrap();
    fs::copy(&pack, folder.join("pack-6.pack")).unwrap();
    fifo(folder.join("pack-7.keep"));
    for left_over in ["tmp_pack_a1", "tmp_idx_a1", ".tmp-1-pack-1.pack", "tmp_pack_b.pack"] {
        fs::copy(&pack, folder.join(left_over)).unwrap();
    }
    let loose = objects(root.path()).join("ab");
    fs::create_dir(&loose).unwrap();
    fs::write(loose.join("tmp_obj_x1"), "half").unwrap();
    fifo(loose.join("c".repeat(38)));
    fs::write(loose.join("d".repeat(38)), "").unwrap();
    fs::write(objects(root.path()).join("00"), "a file for a folder").ok();
    fifo(objects(root.path()).join("info/alternates"));
    let read = read(root.path(), 20);
    assert!(read.found == truth && read.failed.is_empty());
    let mut gaps: Vec<(String, &str)> = Vec::new();
    for (path, reason) in &read.listing.gaps {
        gaps.push((path.file_name().unwrap().to_str().unwrap().to_owned(), reason));
    }
    gaps.sort();
    assert_eq!(
        gaps,
        [
            ("00".to_owned(), "cannot be read: not a directory"),
            ("alternates".to_owned(), "is not a regular file"),
            ("c".repeat(38), "is not a regular file"),
            ("d".repeat(38), "is not an object"),
            ("pack-1.pack".to_owned(), "is a pack without an index"),
            ("pack-2.idx".to_owned(), "is an index without its pack"),
            ("pack-3.x.idx".to_owned(), "is not the index of a pack"),
            ("pack-4.idx".to_owned(), "is not a regular file"),
            ("pack-5.pack".to_owned(), "is not a regular file"),
            ("pack-6.idx".to_owned(), "is not a regular file"),
        ]
    );
}

/// An entry of a pack: its header, and the content as a zlib stream.
fn entry(kind: u8, size: u64, base: &[u8], content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind << 4 | (size & 15) as u8];
    let mut rest = size >> 4;
    while rest > 0 {
        *bytes.last_mut().unwrap() |= 0x80;
        bytes.push((rest & 0x7f) as u8);
        rest >>= 7;
    }
    bytes.extend(base);
    let mut stream = flate2::write::ZlibEncoder::new(bytes, flate2::Compression::default());
    stream.write_all(content).unwrap();
    stream.finish().unwrap()
}

fn blob_id(content: &[u8]) -> ObjectId {
    let mut sha = Sha1::new();
    sha.update(format!("blob {}\0", content.len()));
    sha.update(content);
    ObjectId::from_bytes(&sha.finalize()).unwrap()
}

/// Writes a pack and an index that vouches for it, whatever the entries say.
fn write_pack(root: &Path, name: &str, entries: &[(ObjectId, Vec<u8>)]) {
    let mut pack = [b"PACK\0\0\0\x02".as_slice(), &(entries.len() as u32).to_be_bytes()].concat();
    let mut rows: Vec<(ObjectId, u32, u32)> = Vec::new();
    for (id, entry) in entries {
        let mut crc = flate2::Crc::new();
        crc.update(entry);
        rows.push((*id, crc.sum(), pack.len() as u32));
        pack.extend(entry);
    }
    let hash = Sha1::digest(&pack);
    pack.extend(&hash[..]);
    rows.sort();
    let mut index = vec![0xff, b't', b'O', b'c', 0, 0, 0, 2];
    for first in 0..=255u8 {
        let up_to = rows.iter().filter(|(id, ..)| id.as_bytes()[0] <= first).count() as u32;
        index.extend(up_to.to_be_bytes());
    }
    rows.iter().for_each(|(id, ..)| index.extend(id.as_bytes()));
    rows.iter().for_each(|(_, crc, _)| index.extend(crc.to_be_bytes()));
    rows.iter().for_each(|(.., offset)| index.extend(offset.to_be_bytes()));
    index.extend(&hash[..]);
    let hash = Sha1::digest(&index);
    index.extend(&hash[..]);
    let folder = objects(root).join("pack");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{name}.pack")), pack).unwrap();
    fs::write(folder.join(format!("{name}.idx")), index).unwrap();
}

fn bare() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    git(root.path(), &["init", "-q", "--bare"], b"");
    root
}

#[test]
fn packs_that_lie_end_in_an_error_each() {
    let one = id(&format!("{:040x}", 0x11));
    let nth = |n: usize| id(&format!("{:040x}", n + 1000));
    let sound = b"a sound object\n";
    let cases: Vec<(&str, Entries)> = vec![
        ("a delta to itself", vec![(one, entry(7, 3, one.as_bytes(), b"\x01\x01\x01"))]),
        (
            "deltas to each other",
            vec![(one, entry(7, 3, nth(1).as_bytes(), b"abc")), (nth(1), entry(7, 3, one.as_bytes(), b"abc"))],
        ),
        ("a delta to nothing", vec![(one, entry(7, 3, nth(9).as_bytes(), b"abc"))]),
        ("a delta to before the pack", vec![(one, entry(6, 3, &[0xff, 0xff, 0x7f], b"abc"))]),
        ("a delta to between entries", vec![(one, entry(6, 3, &[1], b"abc"))]),
        ("a kind that is none", vec![(one, entry(5, 3, b"", b"abc"))]),
        ("a size without an end", vec![(one, vec![0xbf; 40])]),
        ("noise", vec![(one, [&[0x33][..], &[0xee; 60]].concat())]),
        ("more than it declares", vec![(one, entry(3, 2, b"", b"abc"))]),
        ("less than it declares", vec![(one, entry(3, 4, b"", b"abc"))]),
        ("far less than it declares", vec![(one, entry(3, 900 << 20, b"", b"abc"))]),
        ("another object", vec![(one, entry(3, 3, b"", b"abc"))]),
        (
            "a bomb of a delta",
            vec![
                (nth(0), entry(3, 3, b"", b"abc")),
                (one, entry(7, 8, nth(0).as_bytes(), b"\x03\xff\xff\xff\xff\x01\x90\x03")),
            ],
        ),
    ];
    for (case, mut entries) in cases {
        let root = bare();
        entries.push((blob_id(sound), entry(3, sound.len() as u64, b"", sound)));
        write_pack(root.path(), "pack-1", &entries);
        // Where the index vouches for every byte and there is no other copy, the id is taken at its word.
        let is_believed = case == "another object";
        let read = read(root.path(), 20);
        assert_eq!(read.found[&blob_id(sound)].1, sound, "{case}");
        assert_eq!(read.found.contains_key(&one), is_believed, "{case}");
        assert_eq!(read.complaints() > 0, !is_believed, "{case}");
        let store = Store::open(&objects(root.path()), 20);
        assert!(matches!(store.reader().read(&one), Err(ReadError::Damaged(_))), "{case}");
        assert!(!store.holds(&one, u64::MAX) && store.holds(&blob_id(sound), 1 << 20), "{case}");
    }
}

#[test]
fn what_is_too_large_or_too_deep_is_not_read() {
    let root = bare();
    let (large, small) = (id(&format!("{:040x}", 1)), id(&format!("{:040x}", 2)));
    let delta = [&b"\x03"[..], &[0xff, 0xff, 0xff, 0xff, 0x7f], b"\x90\x03"].concat();
    write_pack(
        root.path(),
        "pack-1",
        &[
            (large, entry(3, 3 << 30, b"", b"abc")),
            (blob_id(b"abc"), entry(3, 3, b"", b"abc")),
            (small, entry(7, delta.len() as u64, blob_id(b"abc").as_bytes(), &delta)),
        ],
    );
    let read_large = read(root.path(), 20);
    assert_eq!(read_large.failed[&large], ReadError::TooLarge(3 << 30));
    assert_eq!(read_large.failed[&small], ReadError::TooLarge((1 << 35) - 1));
    let loose = objects(root.path()).join("aa");
    fs::create_dir(&loose).unwrap();
    let mut stream = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    stream.write_all(b"blob 4294967296\0abc").unwrap();
    fs::write(loose.join("0".repeat(38)), stream.finish().unwrap()).unwrap();
    let store = Store::open(&objects(root.path()), 20);
    let loose = id(&format!("aa{}", "0".repeat(38)));
    assert_eq!(store.reader().read(&loose).unwrap_err(), ReadError::TooLarge(1 << 32));

    let root = bare();
    let nth = |n: usize| id(&format!("{:040x}", n + 1));
    let mut chain = vec![(nth(0), entry(3, 3, b"", b"abc"))];
    chain.extend((1..12_000).map(|n| (nth(n), entry(7, 4, nth(n - 1).as_bytes(), b"\x03\x03\x90\x03"))));
    write_pack(root.path(), "pack-1", &chain);
    let read = read(root.path(), 20);
    assert_eq!((read.found.len(), read.failed.len(), read.listing.gaps.len()), (10_001, 0, 1));
    assert!(read.listing.gaps[0].1.starts_with("1999 of its 12000 objects"), "{:?}", read.listing.gaps);
}

#[test]
fn an_index_that_gives_an_id_to_another_object_does_not_hide_it() {
    let root = bare();
    let (real, decoy) = (b"what it is\n", b"what it is said to be\n");
    let lie = entry(3, decoy.len() as u64, b"", decoy);
    write_pack(root.path(), "pack-0", &[(blob_id(real), lie)]);
    write_pack(root.path(), "pack-1", &[(blob_id(real), entry(3, real.len() as u64, b"", real))]);
    let read = read(root.path(), 20);
    assert_eq!((read.found[&blob_id(real)].1.as_slice(), read.complaints()), (&real[..], 0));
}
