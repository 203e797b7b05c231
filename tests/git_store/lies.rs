//! Packs made by hand, which git would not write: deltas that go round in circles, sizes that are not so, ids of something
//! else. In: such a pack. Out: an error each, in bounded memory, and every sound object beside it.

use std::fs;
use std::io::Write;

use wandward::object::{ObjectId, ObjectKind};
use wandward::source::git::store::{ReadError, Store};

use super::packs::{self, Packed, entry, id_of};
use super::support::git::Repo;
use super::{Objects, id, objects, read};

/// Entries of a pack: the id that its index gives them, and their bytes.
type Entries = Vec<Packed>;

fn blob_id(content: &[u8]) -> ObjectId {
    id_of("blob", content)
}

fn write_pack(repo: &Repo, name: &str, entries: &[Packed]) {
    packs::write_pack(&objects(repo), name, entries, |id| *id);
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
        let repo = Repo::of(&["--bare"]);
        entries.push((blob_id(sound), entry(3, sound.len() as u64, b"", sound)));
        write_pack(&repo, "pack-1", &entries);
        // Where the index vouches for every byte and there is no other copy, the id is taken at its word.
        let is_believed = case == "another object";
        let read = read(&repo, 20);
        assert_eq!(read.found[&blob_id(sound)].1, sound, "{case}");
        assert_eq!(read.found.contains_key(&one), is_believed, "{case}");
        assert_eq!(read.complaints() > 0, !is_believed, "{case}");
        let store = Store::open(&objects(&repo), 20);
        assert!(matches!(store.reader().read(&one), Err(ReadError::Damaged(_))), "{case}");
        assert!(!store.holds(&one, u64::MAX) && store.holds(&blob_id(sound), 1 << 20), "{case}");
    }
}

#[test]
fn what_is_too_large_or_too_deep_is_not_read() {
    let repo = Repo::of(&["--bare"]);
    let (large, small) = (id(&format!("{:040x}", 1)), id(&format!("{:040x}", 2)));
    let delta = [&b"\x03"[..], &[0xff, 0xff, 0xff, 0xff, 0x7f], b"\x90\x03"].concat();
    write_pack(
        &repo,
        "pack-1",
        &[
            (large, entry(3, 3 << 30, b"", b"abc")),
            (blob_id(b"abc"), entry(3, 3, b"", b"abc")),
            (small, entry(7, delta.len() as u64, blob_id(b"abc").as_bytes(), &delta)),
        ],
    );
    let read_large = read(&repo, 20);
    assert_eq!(read_large.failed[&large], ReadError::TooLarge(3 << 30));
    assert_eq!(read_large.failed[&small], ReadError::TooLarge((1 << 35) - 1));
    let loose = objects(&repo).join("aa");
    fs::create_dir(&loose).unwrap();
    let mut stream = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    stream.write_all(b"blob 4294967296\0abc").unwrap();
    fs::write(loose.join("0".repeat(38)), stream.finish().unwrap()).unwrap();
    let store = Store::open(&objects(&repo), 20);
    let loose = id(&format!("aa{}", "0".repeat(38)));
    assert_eq!(store.reader().read(&loose).unwrap_err(), ReadError::TooLarge(1 << 32));

    let repo = Repo::of(&["--bare"]);
    let nth = |n: usize| id(&format!("{:040x}", n + 1));
    let mut chain = vec![(nth(0), entry(3, 3, b"", b"abc"))];
    chain.extend((1..12_000).map(|n| (nth(n), entry(7, 4, nth(n - 1).as_bytes(), b"\x03\x03\x90\x03"))));
    write_pack(&repo, "pack-1", &chain);
    let read = read(&repo, 20);
    assert_eq!((read.found.len(), read.failed.len(), read.listing.gaps.len()), (10_001, 0, 1));
    assert!(read.listing.gaps[0].1.starts_with("1999 of its 12000 objects"), "{:?}", read.listing.gaps);
}

/// One thread reads 8192 headers at a time; what they say is said of their own entries.
#[test]
fn headers_that_several_threads_read_are_those_of_their_entries() {
    let repo = Repo::of(&["--bare"]);
    let content = |n: usize| format!("object {n}\n").into_bytes();
    let is_blob = |n: usize| n < 12_000;
    let mut truth = Objects::new();
    let mut entries: Entries = (0..20_000)
        .map(|n| {
            let (code, kind) = if is_blob(n) { (3, ObjectKind::Blob) } else { (4, ObjectKind::Tag) };
            let content = content(n);
            let id = id_of(if is_blob(n) { "blob" } else { "tag" }, &content);
            let packed = (id, entry(code, content.len() as u64, b"", &content));
            truth.insert(id, (kind, content));
            packed
        })
        .collect();
    let none = entries[15_000].0;
    truth.remove(&none);
    entries[15_000].1 = entry(5, 3, b"", b"abc");
    write_pack(&repo, "pack-1", &entries);
    let read = read(&repo, 20);
    assert!(read.found == truth && read.failed.is_empty());
    assert!(read.listing.entries.iter().all(|entry| entry.kind == truth[&entry.id].0));
    let gaps: Vec<&str> = read.listing.gaps.iter().map(|(_, reason)| reason.as_str()).collect();
    assert!(gaps.len() == 1 && gaps[0].contains(&*none.short()), "{gaps:?}");
}

#[test]
fn an_index_that_gives_an_id_to_another_object_does_not_hide_it() {
    let repo = Repo::of(&["--bare"]);
    let (real, decoy) = (b"what it is\n", b"what it is said to be\n");
    let lie = entry(3, decoy.len() as u64, b"", decoy);
    write_pack(&repo, "pack-0", &[(blob_id(real), lie)]);
    write_pack(&repo, "pack-1", &[(blob_id(real), entry(3, real.len() as u64, b"", real))]);
    let read = read(&repo, 20);
    assert_eq!((read.found[&blob_id(real)].1.as_slice(), read.complaints()), (&real[..], 0));
}

#[test]
fn an_index_that_gives_the_id_of_a_loose_object_to_another_does_not_hide_it() {
    let repo = Repo::of(&["--bare"]);
    let (real, decoy) = (b"what it is\n", b"what it is said to be\n");
    repo.blob(real);
    write_pack(&repo, "pack-0", &[(blob_id(real), entry(3, decoy.len() as u64, b"", decoy))]);
    let read = read(&repo, 20);
    assert_eq!((read.found[&blob_id(real)].1.as_slice(), read.complaints()), (&real[..], 0));
}

#[test]
fn a_loose_file_that_holds_another_object_is_none() {
    let repo = Repo::of(&["--bare"]);
    let [one, other] = [&b"one\n"[..], b"other\n"].map(|content| repo.blob(content));
    let path = |id: &str| objects(&repo).join(&id[..2]).join(&id[2..]);
    let sound = fs::read(path(&other)).unwrap();
    super::write_over(&path(&one), &sound);
    let read = read(&repo, 20);
    assert_eq!(read.found.keys().copied().collect::<Vec<_>>(), [id(&other)]);
    assert_eq!(read.failed[&id(&one)], ReadError::Damaged("its file has another hash".to_owned()));
}

#[test]
fn a_long_chain_whose_beginning_is_damaged_is_not_followed_from_each_link() {
    let repo = Repo::of(&["--bare"]);
    let nth = |n: usize| id(&format!("{:040x}", n + 1));
    // It inflates to something else than it declares, which is told only by inflating it.
    let mut chain = vec![(nth(0), entry(3, 4, b"", b"abc"))];
    chain.extend((1..9000).map(|n| (nth(n), entry(7, 4, nth(n - 1).as_bytes(), b"\x04\x04\x90\x04"))));
    write_pack(&repo, "pack-1", &chain);
    // Without a memory of what is damaged this is a hundred million looks.
    let read = read(&repo, 20);
    assert_eq!((read.found.len(), read.failed.len(), read.listing.gaps.len()), (0, 9000, 0));
    let reason = "its packed bytes are not those of its index";
    assert!(read.failed.values().all(|error| *error == ReadError::Damaged(reason.to_owned())));
}
