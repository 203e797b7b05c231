//! Repositories of every shape that git makes: loose and packed, old and large indexes, alternates, long chains, partial
//! clones. In: such a repository. Out: all that git itself reads there, and nothing else.

use std::fs;

use wandward::source::git::store::{ReadError, Store};

use super::support::git::Repo;
use super::{assert_whole, files, filled, objects, packed, parts, read, repository, text, truth, write_over};

#[test]
fn loose_and_packed_objects_are_read() {
    for (format, length) in [("sha1", 20), ("sha256", 32)] {
        let repo = repository(format);
        assert_eq!(files(&repo, "pack").len(), 0);
        assert_whole(&repo, length);
        let repo = packed(repository(format));
        assert_eq!(files(&repo, "pack").len(), 1);
        let kinds = repo.git(&["verify-pack", "-v", files(&repo, "idx")[0].to_str().unwrap()]);
        assert!(kinds.contains("chain length = 3"), "no chain");
        assert_whole(&repo, length);
        repo.blob(b"loose beside a pack\n");
        assert_whole(&repo, length);
    }
}

#[test]
fn an_index_of_version_1_is_read() {
    let repo = repository("sha1");
    repo.git(&["-c", "pack.indexVersion=1", "repack", "-q", "-a", "-d", "--keep-unreachable"]);
    assert_ne!(fs::read(&files(&repo, "idx")[0]).unwrap()[..4], [0xff, b't', b'O', b'c']);
    assert_whole(&repo, 20);
}

#[test]
fn an_index_with_offsets_of_64_bits_is_read() {
    let repo = packed(repository("sha1"));
    let (index, pack) = (&files(&repo, "idx")[0], &files(&repo, "pack")[0]);
    repo.git(&["index-pack", "--index-version=2,0x40", "-o", "big.idx", pack.to_str().unwrap()]);
    let big = fs::read(repo.at("big.idx")).unwrap();
    assert!(big.len() > fs::read(index).unwrap().len() + 8 * 10);
    write_over(index, &big);
    assert_whole(&repo, 20);
}

#[test]
fn deltas_that_name_their_base_by_id_are_read() {
    let repo = repository("sha1");
    let ids: Vec<String> = truth(&repo).keys().map(|id| format!("{id}\n")).collect();
    let pack = repo.raw(&["pack-objects", "--stdout", "-q", "--window=20"], ids.concat().as_bytes());
    let other = Repo::of(&["--bare"]);
    other.fed(&["index-pack", "--stdin"], &pack);
    let bytes = fs::read(&files(&other, "pack")[0]).unwrap();
    let parts = parts(&other, &truth(&other));
    assert!(parts.iter().filter(|(at, _)| bytes[*at] >> 4 & 7 == 7).count() > 8);
    assert_whole(&other, 20);
}

#[test]
fn an_object_in_several_packs_and_loose_is_one() {
    let repo = repository("sha1");
    repo.git(&["repack", "-q", "-a"]);
    repo.commit("one more");
    repo.git(&["repack", "-q", "-a"]);
    repo.commit("and more");
    repo.git(&["repack", "-q"]);
    assert_eq!(files(&repo, "pack").len(), 3);
    assert_whole(&repo, 20);
    repo.git(&["multi-pack-index", "write"]);
    assert_whole(&repo, 20);
    // What a corrupt one says misleads nobody.
    let midx = objects(&repo).join("pack/multi-pack-index");
    let truth = truth(&repo);
    for noise in [&b""[..], b"MIDX", &[0xff; 5000]] {
        write_over(&midx, noise);
        let read = read(&repo, 20);
        assert!(read.found == truth && read.complaints() == 0);
    }
}

#[test]
fn alternates_are_followed_and_missing_ones_told() {
    let outer = Repo::new();
    let (base, middle) = (filled(outer.beside("base", &[])), packed(filled(outer.beside("middle", &[]))));
    let list = |repo: &Repo, text: &str| {
        fs::create_dir_all(objects(repo).join("info")).unwrap();
        fs::write(objects(repo).join("info/alternates"), text).unwrap();
    };
    base.blob(b"only in the last\n");
    middle.blob(b"only in the middle\n");
    list(&outer, &format!("# a comment\n\n\"{}\"\n", objects(&middle).display()));
    list(&middle, "../../../base/.git/objects\n");
    assert_whole(&outer, 20);
    // A loop is no loop.
    list(&base, &format!("{}\n", objects(&outer).display()));
    let read_all = read(&outer, 20);
    assert_eq!((read_all.complaints(), read_all.found.len()), (0, truth(&outer).len()));
    list(&base, "/nowhere/at/all\n");
    let gaps = read(&outer, 20).listing.gaps;
    assert_eq!(gaps.len(), 1);
    assert!(gaps[0].1.contains("`/nowhere/at/all`") && gaps[0].1.contains("no such file"), "{gaps:?}");
    let gone = Store::open(&outer.at("gone"), 20).list();
    assert_eq!((gone.entries.len(), gone.gaps.len()), (0, 1));
}

#[test]
fn a_long_chain_of_deltas_is_read() {
    let repo = Repo::of(&["--bare"]);
    let blobs: String = (0..3000)
        .map(|version| {
            let text = text(version);
            format!("blob\ndata {}\n{text}\n", text.len())
        })
        .collect();
    repo.fed(&["fast-import", "--quiet", "--depth=4000"], blobs.as_bytes());
    let kinds = repo.git(&["verify-pack", "-s", files(&repo, "idx")[0].to_str().unwrap()]);
    assert!(kinds.contains("chain length = 2900"), "the chain is too short");
    let truth = truth(&repo);
    assert_eq!(truth.len(), 3000);
    let read = read(&repo, 20);
    assert!(read.found == truth && read.complaints() == 0);
    // From the far end, before anything is known of the pack.
    let store = Store::open(&objects(&repo), 20);
    for (id, (_, bytes)) in truth.iter().step_by(701) {
        assert_eq!(store.reader().read(id).unwrap().1, bytes);
    }
}

#[test]
fn an_object_of_several_chunks_is_read() {
    let repo = repository("sha1");
    let mut state = 1u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as u8
    });
    let noise: Vec<u8> = noise.take(3 << 20).collect();
    for content in [noise.clone(), [&noise, &b"and more"[..]].concat(), vec![0; 40 << 20]] {
        repo.blob(&content);
    }
    let (truth, loose) = (truth(&repo), read(&repo, 20));
    assert!(loose.found == truth && loose.complaints() == 0);
    repo.git(&["repack", "-q", "-a", "-d", "--keep-unreachable"]);
    let packed = read(&repo, 20);
    assert!(packed.found == truth && packed.complaints() == 0);
    let store = Store::open(&objects(&repo), 20);
    for (id, (_, bytes)) in truth.iter().filter(|(_, (_, bytes))| bytes.len() > 1 << 20) {
        assert!(store.reader().read(id).unwrap().1 == bytes && store.holds(id, 1 << 30), "{id}");
    }
}

#[test]
fn grafts_and_replacements_decide_nothing() {
    let repo = packed(repository("sha1"));
    let commits = repo.git(&["rev-list", "HEAD"]);
    let commits: Vec<&str> = commits.lines().collect();
    repo.git(&["replace", commits[0], commits[5]]);
    fs::write(repo.at(".git/info/grafts"), format!("{}\n", commits[1])).unwrap();
    assert_whole(&repo, 20);
}

#[test]
fn what_a_partial_clone_lacks_is_missing() {
    let repo = repository("sha1");
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    repo.git(&["clone", "-q", "--bare", "--filter=blob:none", &repo.url(), "../clone"]);
    let clone = repo.opened("clone");
    let (whole, partial) = (truth(&repo), truth(&clone));
    let read = read(&clone, 20);
    assert!(read.found == partial && read.complaints() == 0);
    let absent = whole.keys().find(|id| !partial.contains_key(id)).unwrap();
    let store = Store::open(&objects(&clone), 20);
    assert_eq!(store.reader().read(absent).unwrap_err(), ReadError::Missing);
    assert!(!store.holds(absent, 1 << 20));
}
