//! Every kind of mutation of a pack and of its index, with and without checksums that fit again. In: a sound repository and a
//! seed. Out: no panic, no object that is not the one its id says, and a word about whatever is not read.

use std::fs;

use sha1::{Digest, Sha1};
use wandward::source::git::store::{ReadError, Store};

use super::support::Random;
use super::support::git::Repo;
use super::{files, objects, packed, read, repository, truth, write_over};

/// The bytes with one thing done to them.
fn mutated(sound: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = sound.to_vec();
    let at = random.below(bytes.len());
    let end = (at + 1 + random.below(40)).min(bytes.len());
    match random.below(11) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = random.below(256) as u8,
        2 => bytes[at..end].fill(0),
        3 => bytes[at..end].fill(0xff),
        4 => drop(bytes.drain(at..end)),
        5 => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        6 => bytes.truncate(at),
        7 => bytes.extend_from_within(at..end),
        8 => bytes[at..end].reverse(),
        9 => {
            let from = random.below(sound.len() - (end - at));
            bytes[at..end].copy_from_slice(&sound[from..from + (end - at)]);
        }
        _ => {
            let (half, length) = (bytes.len() / 2, (end - at).min(16));
            for nth in 0..length.min(half) {
                bytes.swap(nth + at % half.max(1) / 2, half + nth);
            }
        }
    }
    bytes
}

/// With the hash at its end that fits what is before it.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.len().checked_sub(20) {
        let hash = Sha1::digest(&bytes[..end]);
        bytes[end..].copy_from_slice(&hash);
    }
    bytes
}

/// One pack, and a copy of half of it in another.
fn repositories() -> [Repo; 2] {
    let one = packed(repository("sha1"));
    let two = packed(repository("sha1"));
    let ids: Vec<String> = truth(&two).keys().step_by(2).map(|id| format!("{id}\n")).collect();
    let half = two.raw(&["pack-objects", "--stdout", "-q", "--window=0"], ids.concat().as_bytes());
    let path = objects(&two).join("pack/pack-zz.pack");
    fs::write(&path, half).unwrap();
    two.git(&["index-pack", path.to_str().unwrap()]);
    [one, two]
}

#[test]
fn a_pack_or_an_index_that_is_mutated_gives_nothing_wrong() {
    for repo in repositories() {
        let truth = truth(&repo);
        for extension in ["pack", "idx"] {
            let path = files(&repo, extension).remove(0);
            let sound = fs::read(&path).unwrap();
            let mut random = Random(7);
            let mut told = 0;
            for nth in 0..250 {
                let bytes = mutated(&sound, &mut random);
                write_over(&path, &bytes);
                let read = read(&repo, 20);
                assert!(read.found.iter().all(|(id, object)| truth.get(id) == Some(object)), "{extension} {nth}");
                let lost = truth.keys().filter(|id| !read.found.contains_key(id)).count();
                assert!(lost == 0 || read.complaints() > 0, "{extension} {nth}: nobody is told");
                told += usize::from(lost > 0);
                let store = Store::open(&objects(&repo), 20);
                for (id, object) in truth.iter().step_by(7) {
                    match store.reader().read(id) {
                        Ok((kind, bytes)) => assert!((kind, bytes) == (object.0, &object.1[..]), "{extension} {nth}"),
                        Err(ReadError::Missing | ReadError::Damaged(_) | ReadError::TooLarge(_)) => {}
                    }
                }
            }
            write_over(&path, &sound);
            assert!(told > 10, "{extension}: {told}");
        }
    }
}

/// An index that was made on purpose vouches for whatever it likes; what is asked for by its id is hashed all the same.
#[test]
fn an_index_whose_hash_fits_misleads_nobody_who_asks_for_an_id() {
    for repo in repositories() {
        let truth = truth(&repo);
        let path = files(&repo, "idx").remove(0);
        let sound = fs::read(&path).unwrap();
        let mut random = Random(11);
        for nth in 0..250 {
            write_over(&path, &sealed(mutated(&sound, &mut random)));
            read(&repo, 20);
            let store = Store::open(&objects(&repo), 20);
            let listing = store.list();
            for entry in listing.entries.iter().step_by(5) {
                let is_held = store.holds(&entry.id, 1 << 20);
                assert!(!is_held || truth.contains_key(&entry.id), "{nth}: {}", entry.id);
            }
            let store = Store::open(&objects(&repo), 20);
            for (id, object) in truth.iter().step_by(7) {
                if let Ok((kind, bytes)) = store.reader().read(id) {
                    assert!((kind, bytes) == (object.0, &object.1[..]), "{nth}");
                }
            }
        }
    }
}
