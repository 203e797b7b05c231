//! The forest, by which all of a listing is read, against the reader, object by object, and both against git: on packs of
//! every depth and window, with bases by id, completed by what they left out, beside one another, and damaged.

use std::fs;

use wandward::source::git::store::{Part, Piece, Store, UNMARKED, Version};

use super::generate::{self, Size};
use super::support::git::Repo;
use super::{Objects, Read, assert_whole, files, objects, packed, read, repository, text, truth, write_over};

/// What the forest gives is what the reader gives, whatever the order in which its parts are read, and whether one reads them
/// all or each by itself.
#[track_caller]
pub(super) fn assert_walks(store: &Store, read: &Read) {
    let parts = read.listing.forest.parts();
    let alone = |part: &Part| walked(store, read, [part].into_iter());
    let mut apart = (Objects::new(), super::Failed::new());
    for (found, failed) in parts.iter().map(alone) {
        apart.0.extend(found);
        apart.1.extend(failed);
    }
    for (found, failed) in [walked(store, read, parts.iter()), walked(store, read, parts.iter().rev()), apart] {
        assert!(found == read.found, "{} for {}", found.len(), read.found.len());
        assert_eq!(failed, read.failed);
    }
}

/// What parts of a listing give.
fn walked<'p>(store: &Store, read: &Read, parts: impl Iterator<Item = &'p Part>) -> (Objects, super::Failed) {
    let mut walk = store.walk(&read.listing.entries, &read.listing.forest);
    let (mut found, mut failed) = (Objects::new(), super::Failed::new());
    // What was given so far, by mark.
    let mut given: Vec<Vec<u8>> = Vec::new();
    for part in parts {
        walk.read_versions(part, &mut |nth, object| {
            let id = read.listing.entries[nth].id;
            let is_new = match object {
                Ok(version) => {
                    assert_made(&version, &given);
                    given.push(version.bytes.to_vec());
                    found.insert(id, (version.kind, version.bytes.to_vec())).is_none()
                }
                Err(error) => failed.insert(id, error).is_none(),
            };
            assert!(is_new, "{id} twice");
            Some(given.len().saturating_sub(1) as u32)
        });
    }
    (found, failed)
}

/// What is said of an object's base is so: which one it is, and what of it stands where in the object.
#[track_caller]
fn assert_made(version: &Version<'_>, given: &[Vec<u8>]) {
    let Some(base) = &version.base else { return };
    let mut start = 0;
    for Piece { end, from } in base.pieces() {
        if let (Some(from), true) = (from, base.mark != UNMARKED) {
            assert!(version.bytes[start..end] == given[base.mark as usize][from..from + end - start]);
        }
        start = end;
    }
    assert_eq!(start, version.bytes.len());
}

/// Many versions of a few files, in one pack.
fn versions(depth: usize, window: usize, settings: &[&str]) -> Repo {
    let repo = Repo::around(tempfile::tempdir().unwrap());
    generate::repository(&repo.path, 7, Size { commits: 300, files: 4, lines: 40, keys: 0, revisions: 900 });
    let (depth, window) = (format!("--depth={depth}"), format!("--window={window}"));
    let repack = ["repack", "-q", "-a", "-d", "-f", "--keep-unreachable", &depth, &window];
    repo.git(&[settings, &repack[..]].concat());
    repo
}

#[test]
fn packs_of_every_depth_and_window_are_read() {
    for (depth, window) in [(0, 0), (1, 10), (3, 5), (50, 10), (50, 100), (1000, 2)] {
        let repo = versions(depth, window, &[]);
        assert_whole(&repo, 20);
        // Bases by id instead of by distance.
        assert_whole(&versions(depth, window, &["-c", "repack.useDeltaBaseOffset=false"]), 20);
    }
}

#[test]
fn large_families_are_cut_into_parts() {
    let repo = Repo::of(&["--bare"]);
    let blobs: String = (0..9000)
        .map(|version| {
            let text = text(version);
            format!("blob\ndata {}\n{text}\n", text.len())
        })
        .collect();
    repo.fed(&["fast-import", "--quiet"], blobs.as_bytes());
    for (depth, window) in [(6, 30), (60, 10)] {
        let (depth, window) = (format!("--depth={depth}"), format!("--window={window}"));
        repo.git(&["repack", "-q", "-a", "-d", "-f", "--keep-unreachable", &depth, &window]);
        let read = read(&repo, 20);
        assert!(read.found == truth(&repo) && read.complaints() == 0);
        assert!(read.listing.forest.parts().len() > 3, "{}", read.listing.forest.parts().len());
    }
}

#[test]
fn thin_packs_that_were_completed_are_read() {
    let repo = packed(repository("sha1"));
    let clone = repo.beside("clone", &["--bare"]);
    clone.git(&["fetch", "-q", &repo.url(), "refs/heads/main:refs/heads/main"]);
    for version in 12..20 {
        repo.save("src/deep/a.py", text(version));
        repo.git(&["repack", "-q"]);
        // It sends deltas to what the other one has, which that adds to the pack.
        clone.git(&["-c", "fetch.unpackLimit=1", "fetch", "-q", &repo.url(), "refs/heads/main:refs/heads/main"]);
    }
    assert!(files(&clone, "pack").len() >= 8 && files(&repo, "pack").len() > 8);
    assert_whole(&clone, 20);
    assert_whole(&repo, 20);
    // Their first pack is the same, as far as the index goes.
    fs::create_dir_all(objects(&clone).join("info")).unwrap();
    fs::write(objects(&clone).join("info/alternates"), format!("{}\n", objects(&repo).display())).unwrap();
    assert_whole(&clone, 20);
}

#[test]
fn a_base_that_only_another_pack_lists_is_made_all_the_same() {
    let repo = packed(repository("sha1"));
    let truth = truth(&repo);
    // A second pack with half of the objects, whole: the first one's are not listed then, and bases all the same.
    let ids: Vec<String> = truth.keys().step_by(2).map(|id| format!("{id}\n")).collect();
    let pack = repo.raw(&["pack-objects", "--stdout", "-q", "--window=0"], ids.concat().as_bytes());
    let folder = objects(&repo).join("pack");
    fs::write(folder.join("pack-00.pack"), pack).unwrap();
    repo.git(&["index-pack", folder.join("pack-00.pack").to_str().unwrap()]);
    assert_whole(&repo, 20);
    let first = folder.join("pack-00.pack");
    let sound = fs::read(&first).unwrap();
    for from in (12..sound.len()).step_by(201) {
        write_over(&first, &[&sound[..from], &vec![0x77; sound.len() - from]].concat());
        let read = read(&repo, 20);
        assert!(read.found == truth && read.complaints() == 0, "{from}: {:?}", read.failed);
    }
}

#[test]
fn a_pack_that_is_replaced_while_it_is_read_gives_nothing_wrong() {
    let repo = packed(repository("sha1"));
    let truth = truth(&repo);
    let pack = files(&repo, "pack").remove(0);
    let sound = fs::read(&pack).unwrap();
    let store = Store::open(&objects(&repo), 20);
    let listing = store.list();
    let mut lost = 0;
    for change in 0..200 {
        let mut bytes = sound.clone();
        match change % 4 {
            0 => bytes.truncate(sound.len() * change / 200),
            1 => bytes.rotate_left(change),
            2 => bytes.iter_mut().skip(change * 7).step_by(97).for_each(|byte| *byte = byte.wrapping_add(1)),
            _ => bytes.splice(change..change, [0x9c; 3]).for_each(drop),
        }
        write_over(&pack, &bytes);
        let mut walk = store.walk(&listing.entries, &listing.forest);
        let mut seen = 0;
        for part in listing.forest.parts() {
            walk.read(part, &mut |nth, object| {
                seen += 1;
                let id = listing.entries[nth].id;
                match object {
                    Ok((kind, bytes)) => assert!(truth[&id] == (kind, bytes.to_vec()), "{change}: {id}"),
                    Err(_) => lost += 1,
                }
                true
            });
        }
        assert_eq!(seen, truth.len());
    }
    assert!(lost > 1000, "{lost}");
}

#[test]
fn a_part_of_a_listing_is_read_and_nothing_else() {
    let repo = versions(50, 10, &[]);
    repo.blob(b"loose\n");
    let truth = truth(&repo);
    let store = Store::open(&objects(&repo), 20);
    let listing = store.list();
    for every in [1, 2, 7, 100, 100_000] {
        let forest = listing.forest.only(|nth| nth % every == every / 2);
        let mut walk = store.walk(&listing.entries, &forest);
        let mut seen = Vec::new();
        for part in forest.parts() {
            walk.read(part, &mut |nth, object| {
                let (kind, bytes) = object.unwrap();
                assert!(truth[&listing.entries[nth].id] == (kind, bytes.to_vec()));
                seen.push(nth);
                true
            });
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..listing.entries.len()).filter(|nth| nth % every == every / 2).collect::<Vec<_>>());
    }
}

#[test]
fn a_walk_ends_when_it_is_told_to() {
    let repo = packed(repository("sha1"));
    repo.blob(b"loose\n");
    let store = Store::open(&objects(&repo), 20);
    let listing = store.list();
    for part in listing.forest.parts() {
        let mut seen = 0;
        store.walk(&listing.entries, &listing.forest).read(part, &mut |_, _| {
            seen += 1;
            false
        });
        assert_eq!(seen, 1);
    }
}
