//! Damage: flipped bytes, files that are cut off, files that are no files. In: a repository, damaged. Out: every object
//! that the damage does not touch, never a wrong one, and a word about the rest.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use wandward::object::ObjectId;

use super::support::git::Repo;
use super::{files, objects, packed, parts, read, repository, text, truth, write_over};

#[test]
fn a_flipped_byte_in_a_pack_costs_only_what_is_made_from_it() {
    let repo = packed(repository("sha1"));
    let truth = truth(&repo);
    let parts = parts(&repo, &truth);
    let pack = files(&repo, "pack").remove(0);
    let sound = fs::read(&pack).unwrap();
    let mut told = 0;
    for at in (0..sound.len()).step_by(5) {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << (at % 8);
        write_over(&pack, &bytes);
        let read = read(&repo, 20);
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
fn a_flipped_byte_in_an_index_is_told() {
    for version in ["1", "2"] {
        let repo = repository("sha1");
        let setting = format!("pack.indexVersion={version}");
        repo.git(&["-c", &setting, "repack", "-q", "-a", "-d", "--keep-unreachable"]);
        let truth = truth(&repo);
        let index = files(&repo, "idx").remove(0);
        let sound = fs::read(&index).unwrap();
        let mut whole = 0;
        for at in (0..sound.len()).step_by(7) {
            let mut bytes = sound.clone();
            bytes[at] ^= 1 << (at % 8);
            write_over(&index, &bytes);
            let read = read(&repo, 20);
            assert!(read.found.iter().all(|(id, object)| truth[id] == *object), "byte {at}: something wrong was read");
            assert!(read.found.len() == truth.len() || read.complaints() > 0, "byte {at}: nobody is told");
            // A wrong id or offset is that of one object, and of what is made from it.
            assert!(read.found.len() > truth.len() / 2 || at < 1032, "byte {at}: {} are left", read.found.len());
            whole += usize::from(read.found.len() == truth.len());
        }
        assert!(whole > 0);
    }
}

#[test]
fn a_flipped_byte_in_a_loose_object_is_told() {
    let repo = Repo::new();
    for version in 0..3 {
        repo.save("src/a.py", text(version));
    }
    let truth = truth(&repo);
    let object = repo.id("HEAD:src/a.py");
    let path = objects(&repo).join(&object[..2]).join(&object[2..]);
    let sound = fs::read(&path).unwrap();
    for at in (0..sound.len()).step_by(3) {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << (at % 8);
        write_over(&path, &bytes);
        let read = read(&repo, 20);
        assert!(read.found.iter().all(|(id, object)| truth[id] == *object), "byte {at}");
        assert_eq!(read.found.len() + read.complaints(), truth.len(), "byte {at}");
        assert!(read.found.len() >= truth.len() - 1);
        write_over(&path, &sound[..at]);
        let read = self::read(&repo, 20);
        assert_eq!((read.found.len() + read.complaints()), truth.len(), "cut off at {at}");
    }
}

#[test]
fn a_pack_that_is_cut_off_gives_what_it_holds() {
    let repo = packed(repository("sha1"));
    let truth = truth(&repo);
    let parts = parts(&repo, &truth);
    let pack = files(&repo, "pack").remove(0);
    let sound = fs::read(&pack).unwrap();
    for length in (0..sound.len()).step_by(11) {
        write_over(&pack, &sound[..length]);
        let read = read(&repo, 20);
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
    let repo = repository("sha1");
    repo.git(&["repack", "-q", "-a"]);
    let truth = truth(&repo);
    let pack = files(&repo, "pack").remove(0);
    let sound = fs::read(&pack).unwrap();
    write_over(&pack, &[&sound[..12], &vec![0xff; sound.len() - 12]].concat());
    let read_loose = read(&repo, 20);
    assert!(read_loose.found == truth && read_loose.complaints() == 0, "{:?}", read_loose.listing.gaps);
    // And the other way round, in a second pack.
    let repo = packed(repository("sha1"));
    let truth = self::truth(&repo);
    let first = files(&repo, "pack").remove(0);
    for extension in ["pack", "idx"] {
        fs::copy(first.with_extension(extension), first.with_file_name(format!("pack-zz.{extension}"))).unwrap();
    }
    for damaged in files(&repo, "pack") {
        let sound = fs::read(&damaged).unwrap();
        for from in (12..sound.len()).step_by(101) {
            write_over(&damaged, &[&sound[..from], &vec![0x77; sound.len() - from]].concat());
            let read = read(&repo, 20);
            assert!(read.found == truth && read.complaints() == 0, "{from}: {:?} {:?}", read.listing.gaps, read.failed);
        }
        write_over(&damaged, &sound);
    }
}

#[test]
fn what_is_no_pack_or_no_file_is_told_by_name() {
    let repo = packed(repository("sha1"));
    let truth = truth(&repo);
    let folder = objects(&repo).join("pack");
    let pack = files(&repo, "pack").remove(0);
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
    let loose = objects(&repo).join("ab");
    fs::create_dir(&loose).unwrap();
    fs::write(loose.join("tmp_obj_x1"), "half").unwrap();
    fifo(loose.join("c".repeat(38)));
    fs::write(loose.join("d".repeat(38)), "").unwrap();
    fs::write(objects(&repo).join("00"), "a file for a folder").ok();
    fifo(objects(&repo).join("info/alternates"));
    let read = read(&repo, 20);
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
