//! Packs in every way in which git makes, cuts and indexes them, and the ones that it would not make: thin ones, and ones that
//! only a multi-pack-index knows. In: such a repository. Out: all that git itself reads there, or a gap that names the pack.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use wandward::object::ObjectId;
use wandward::source::git::store::{ReadError, Store};

use super::generate::{self, Size};
use super::packs::{Packed, entry, id_of, write_pack};
use super::support::git::Repo;
use super::{assert_whole, files, filled, objects, packed, read, repository, text, truth};

/// A repository in several packs, with an object in more than one of them, and loose ones.
fn in_packs() -> Repo {
    let repo = repository("sha1");
    repo.git(&["repack", "-q", "-a", "--keep-unreachable"]);
    for version in 12..18 {
        repo.save("src/deep/a.py", text(version));
        repo.git(&["repack", "-q"]);
    }
    repo.git(&["prune-packed"]);
    repo.blob(b"loose\n");
    assert!(files(&repo, "pack").len() > 5);
    repo
}

#[test]
fn packs_of_every_making_are_read() {
    let repo = Repo::around(tempfile::tempdir().unwrap());
    generate::repository(&repo.path, 21, Size { commits: 200, files: 6, lines: 50, keys: 0, revisions: 500 });
    repo.blob(b"unreachable\n");
    let noise: Vec<u8> = (0..90_000u32).map(|nth| (nth.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    repo.blob(&noise);
    let truth = truth(&repo);
    let makings: [(&[&str], &[&str]); 10] = [
        (&["pack.threads=1"], &["-a", "-d", "-f", "--keep-unreachable", "--window=20"]),
        (&["pack.threads=4"], &["-a", "-d", "-f", "--keep-unreachable", "--window=20", "--depth=4"]),
        (&["pack.threads=3", "pack.depth=300"], &["-a", "-d", "-F", "--keep-unreachable", "--window=5"]),
        (&["pack.compression=0"], &["-a", "-d", "-F", "--keep-unreachable"]),
        (&["pack.compression=9"], &["-a", "-d", "-F", "--keep-unreachable"]),
        (&["core.bigFileThreshold=1k"], &["-a", "-d", "-F", "--keep-unreachable"]),
        (&["pack.writeReverseIndex=false"], &["-a", "-d", "-f", "--keep-unreachable", "--max-pack-size=1m"]),
        (&["pack.packSizeLimit=0"], &["-a", "-d", "-f", "--cruft"]),
        (&["pack.windowMemory=10k"], &["-a", "-d", "-f", "--write-bitmap-index", "--cruft"]),
        (&["pack.deltaCacheSize=1"], &["-d", "--geometric=2", "--write-midx"]),
    ];
    for (settings, options) in makings {
        let settings: Vec<&str> = settings.iter().flat_map(|setting| ["-c", setting]).collect();
        repo.git(&[&settings[..], &["repack", "-q"], options].concat());
        let found = read(&repo, 20);
        assert!(found.found == truth && found.complaints() == 0, "{options:?}: {:?}", found.listing.gaps);
    }
}

#[test]
fn a_multi_pack_index_changes_nothing() {
    for options in [&["write"][..], &["write", "--bitmap"], &["write", "--preferred-pack"]] {
        let repo = in_packs();
        let before = truth(&repo);
        let preferred = files(&repo, "idx").pop().unwrap();
        let preferred = preferred.file_name().unwrap().to_str().unwrap();
        let named = options.last() == Some(&"--preferred-pack");
        repo.git(&[&["multi-pack-index"], options, &[preferred][usize::from(!named)..]].concat());
        assert!(objects(&repo).join("pack/multi-pack-index").is_file());
        assert_whole(&repo, 20);
        // It lets git do without the copies of what other packs hold.
        repo.git(&["multi-pack-index", "repack", "--batch-size=0"]);
        repo.git(&["multi-pack-index", "expire"]);
        assert_whole(&repo, 20);
        assert!(truth(&repo) == before);
    }
}

#[test]
fn a_pack_that_only_a_multi_pack_index_knows_is_named() {
    let repo = in_packs();
    repo.git(&["multi-pack-index", "write"]);
    let before = truth(&repo);
    let lost: PathBuf = files(&repo, "idx").remove(0);
    let held = fs::read(&lost).unwrap();
    fs::remove_file(&lost).unwrap();
    // Git finds a part of it by the table of all packs; what we do not read we say.
    let read = read(&repo, 20);
    assert!(read.found.iter().all(|(id, object)| before[id] == *object) && read.found.len() < before.len());
    let [(path, reason)] = &read.listing.gaps[..] else { panic!("{:?}", read.listing.gaps) };
    assert_eq!((path, reason.as_str()), (&lost.with_extension("pack"), "is a pack without an index"));
    fs::write(&lost, held).unwrap();
    assert_whole(&repo, 20);
}

/// What a thin pack of the newest commit holds.
fn thin(repo: &Repo) -> Vec<u8> {
    repo.raw(&["pack-objects", "--thin", "--revs", "--stdout", "-q", "--delta-base-offset"], b"HEAD\n^HEAD~1\n")
}

#[test]
fn a_thin_pack_is_no_pack_until_it_is_completed() {
    let repo = packed(repository("sha1"));
    repo.save("src/deep/a.py", text(12));
    let thin = thin(&repo);
    let clone = repo.beside("clone", &["--bare"]);
    repo.git(&["branch", "before", "HEAD~1"]);
    clone.git(&["fetch", "-q", &repo.url(), "before:refs/heads/main"]);
    clone.git(&["repack", "-q", "-a", "-d"]);
    // Git makes no index of it as it is.
    let left = objects(&clone).join("pack/pack-thin.pack");
    fs::write(&left, &thin).unwrap();
    clone.fails(&["index-pack", left.to_str().unwrap()]);
    let read_left = read(&clone, 20);
    assert!(read_left.found == truth(&clone));
    assert_eq!(read_left.listing.gaps, [(left.clone(), "is a pack without an index".to_owned())]);
    fs::remove_file(&left).unwrap();
    clone.fed(&["index-pack", "--stdin", "--fix-thin"], &thin);
    assert_eq!(files(&clone, "pack").len(), 2);
    assert_whole(&clone, 20);
    assert!(truth(&clone).keys().any(|found| *found == super::id(&repo.id("HEAD:src/deep/a.py"))));
}

#[test]
fn a_thin_pack_with_an_index_is_read_as_far_as_git_reads_it() {
    for base_is_packed in [true, false] {
        let repo = if base_is_packed { packed(repository("sha1")) } else { repository("sha1") };
        let base = repo.id("HEAD:src/deep/a.py");
        let base_text = truth(&repo)[&super::id(&base)].1.clone();
        let whole = b"whole beside a delta without its base\n";
        // All of the base, and a word more.
        let number = |mut number: usize| {
            let mut bytes = Vec::new();
            while number > 0x7f {
                bytes.push(number as u8 | 0x80);
                number >>= 7;
            }
            [bytes, vec![number as u8]].concat()
        };
        let length = base_text.len();
        let copy = [0xb0, length as u8, (length >> 8) as u8];
        let delta = [&number(length)[..], &number(length + 5), &copy, b"\x05more\n"].concat();
        let made = id_of("blob", &[&base_text[..], b"more\n"].concat());
        let entries: Vec<Packed> = vec![
            (id_of("blob", whole), entry(3, whole.len() as u64, b"", whole)),
            (made, entry(7, delta.len() as u64, super::id(&base).as_bytes(), &delta)),
        ];
        let before: BTreeSet<ObjectId> = truth(&repo).into_keys().collect();
        write_pack(&objects(&repo), "pack-thin", &entries, |id| *id);
        // Git looks for a base in the same pack only, as we do.
        repo.fails(&["cat-file", "blob", &made.to_string()]);
        let read = read(&repo, 20);
        let found: BTreeSet<ObjectId> = read.found.keys().copied().collect();
        assert_eq!(found.len(), before.len() + 1);
        assert!(found.is_superset(&before) && read.failed.is_empty());
        let [(path, reason)] = &read.listing.gaps[..] else { panic!("{:?}", read.listing.gaps) };
        assert!(
            path.ends_with("pack-thin.pack") && reason.starts_with("1 of its 2 objects cannot be read"),
            "{reason}"
        );
        assert!(reason.ends_with("the object that it is a delta to cannot be found"), "{reason}");
        let store = Store::open(&objects(&repo), 20);
        assert!(matches!(store.reader().read(&made), Err(ReadError::Damaged(_))) && !store.holds(&made, 1 << 20));
    }
}

#[test]
fn promisor_packs_are_read_and_nothing_is_fetched_into_them() {
    for filter in ["blob:none", "blob:limit=1k", "tree:0"] {
        let repo = filled(Repo::new());
        repo.git(&["config", "uploadpack.allowFilter", "true"]);
        let filter = format!("--filter={filter}");
        repo.git(&["clone", "-q", "--no-checkout", &filter, &repo.url(), "../clone"]);
        let clone = repo.opened("clone");
        assert_eq!(files(&clone, "promisor").len(), 1);
        let (whole, partial) = (truth(&repo), truth(&clone));
        let held = || {
            let all = files(&clone, "pack").into_iter().chain(files(&clone, "idx"));
            all.map(|path| (fs::read(&path).unwrap(), path)).collect::<Vec<_>>()
        };
        let before = held();
        assert!(partial.len() < whole.len());
        assert_whole_or_less(&clone, &partial);
        let store = Store::open(&objects(&clone), 20);
        for absent in whole.keys().filter(|id| !partial.contains_key(id)) {
            assert_eq!(store.reader().read(absent).unwrap_err(), ReadError::Missing);
        }
        let report = clone.scan(&["--history", "clone"], &[]);
        report.gap(&["partial clone", "nothing is fetched"]);
        assert!(held() == before && truth(&clone) == partial);
        // What is fetched by and by lies in packs of its own.
        clone.git(&["checkout", "-q", "main"]);
        assert!(truth(&clone).len() > partial.len());
        assert_whole_or_less(&clone, &truth(&clone));
    }
}

/// All of it is read, however little that is.
#[track_caller]
fn assert_whole_or_less(repo: &Repo, truth: &super::Objects) {
    let read = read(repo, 20);
    assert!(read.found == *truth && read.complaints() == 0, "{:?}", read.listing.gaps);
}
