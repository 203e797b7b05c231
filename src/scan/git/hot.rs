//! Which objects matter to attribution: the touched blobs, and every tree above one. In: the facts of a repository, and its
//! trees again where they name more than is kept. Out: a word for each object. It takes a byte an object and a table of
//! edges, or reads every tree once for each level of folders.

use std::sync::atomic::{AtomicBool, Ordering};

use super::known::Known;
use super::sweep::Facts;
use crate::object::ObjectKind;
use crate::scan::Scan;
use crate::source::git::object::{self, EntryKind};
use crate::source::git::store::Store;

/// How often the trees are read. What lies deeper in folders is given up.
const MOST_PASSES: usize = 64;

/// What is known of each object, by its place in the listing.
pub(super) struct Hot {
    /// Whether it is a touched blob or a tree above one.
    pub(super) hot: Vec<bool>,
    /// Whether it is such a tree, whatever the listing takes it for.
    pub(super) trees: Vec<bool>,
    /// Whether a tree names it; of what is not hot that need not be known.
    pub(super) named: Vec<bool>,
    /// Whether some trees may not have been found.
    pub(super) too_deep: bool,
}

impl Hot {
    /// Finds them.
    pub(super) fn find(scan: &Scan<'_>, store: &Store, id_length: usize, facts: &Facts) -> Hot {
        let touched = facts.touched.iter().filter(|(_, kind, _)| *kind == ObjectKind::Blob);
        let touched: Vec<u32> = touched.map(|(id, _, _)| facts.ids[id]).collect();
        let count = facts.listing.entries.len();
        let none = || vec![false; count];
        let mut found = if touched.is_empty() {
            Hot { hot: none(), trees: none(), named: none(), too_deep: false }
        } else if facts.trees.iter().any(|named| named.is_partial) {
            read_again(scan, store, id_length, facts, &touched)
        } else {
            let mut named = none();
            trees(facts).flat_map(|(_, names)| names).for_each(|nth| named[nth as usize] = true);
            Hot { hot: above(facts, touched.clone()), trees: none(), named, too_deep: false }
        };
        found.trees.clone_from(&found.hot);
        touched.into_iter().for_each(|nth| found.trees[nth as usize] = false);
        found
    }
}

/// Each tree and what it names, by places in the listing.
fn trees(facts: &Facts) -> impl Iterator<Item = (u32, impl Iterator<Item = u32>)> {
    facts.trees.iter().flat_map(|named| named.iter())
}

/// Goes up from the touched blobs, `next`, by what the trees name.
fn above(facts: &Facts, mut next: Vec<u32>) -> Vec<bool> {
    // Who names an object: the places in `above` from its own start to the next one's.
    let mut starts = vec![0usize; facts.listing.entries.len() + 1];
    for nth in trees(facts).flat_map(|(_, named)| named) {
        starts[nth as usize + 1] += 1;
    }
    for nth in 1..starts.len() {
        starts[nth] += starts[nth - 1];
    }
    let mut above = vec![0u32; *starts.last().unwrap_or(&0)];
    let mut ends = starts.clone();
    for (tree, named) in trees(facts) {
        for nth in named {
            above[ends[nth as usize]] = tree;
            ends[nth as usize] += 1;
        }
    }
    let mut hot = vec![false; facts.listing.entries.len()];
    while let Some(nth) = next.pop() {
        if !std::mem::replace(&mut hot[nth as usize], true) {
            next.extend(&above[starts[nth as usize]..starts[nth as usize + 1]]);
        }
    }
    hot
}

/// Reads the trees until no more of them are found to name something hot.
fn read_again(scan: &Scan<'_>, store: &Store, id_length: usize, facts: &Facts, touched: &[u32]) -> Hot {
    let entries = &facts.listing.entries;
    let none = || -> Vec<AtomicBool> { entries.iter().map(|_| AtomicBool::new(false)).collect() };
    let (hot, named) = (none(), none());
    touched.iter().for_each(|nth| hot[*nth as usize].store(true, Ordering::Relaxed));
    let is_hot = |nth: usize| hot[nth].load(Ordering::Relaxed);
    let mut found = true;
    let mut passes = 0;
    while found && passes < MOST_PASSES && !scan.stopped() {
        let is_first = passes == 0;
        passes += 1;
        let forest =
            facts.listing.forest.only(|nth| entries[nth].kind == ObjectKind::Tree && (is_first || !is_hot(nth)));
        let start = || (store.walk(entries, &forest), Known::new(&facts.ids), false);
        let parts = scan.share_singly(forest.parts(), start, |(walk, known, found), part| {
            walk.read(part, &mut |nth, tree| {
                // What could not be read was told of before.
                let bytes = tree.map_or(&b""[..], |(_, bytes)| bytes);
                let inside = object::tree(bytes, id_length).filter(|entry| entry.kind != EntryKind::Submodule);
                for inside in inside.filter_map(|entry| known.nth(&entry.id)) {
                    if is_first {
                        named[inside as usize].store(true, Ordering::Relaxed);
                    }
                    if is_hot(inside as usize) {
                        *found = true;
                        hot[nth].store(true, Ordering::Relaxed);
                        if !is_first {
                            break;
                        }
                    }
                }
                !scan.stopped()
            });
        });
        found = parts.iter().any(|(_, _, found)| *found);
    }
    let plain = |flags: Vec<AtomicBool>| flags.into_iter().map(AtomicBool::into_inner).collect();
    Hot { hot: plain(hot), trees: Vec::new(), named: plain(named), too_deep: found }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fs;
    use std::io::Write;
    use std::path::Path;
    use std::sync::Mutex;
    use std::sync::atomic::AtomicUsize;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use sha1::{Digest, Sha1};

    use super::super::places;
    use super::super::sweep::sweep;
    use super::super::trees::{Named, Trees};
    use super::*;
    use crate::finding::Outcome;
    use crate::judge::Judge;
    use crate::object::ObjectId;
    use crate::policy::Policy;
    use crate::rule::RuleSet;
    use crate::rule::example::v1_key;
    use crate::scan::Progress;
    use crate::scan::worker::Worker;

    /// Writes a loose object.
    #[expect(clippy::disallowed_methods, reason = "tests build their own world")]
    fn write(objects: &Path, kind: &str, content: &[u8]) -> ObjectId {
        let text = [format!("{kind} {}\0", content.len()).as_bytes(), content].concat();
        let id = ObjectId::from_bytes(&Sha1::digest(&text)).expect("20 bytes");
        let name = id.to_string();
        fs::create_dir_all(objects.join(&name[..2])).expect("writable");
        let mut stream = ZlibEncoder::new(Vec::new(), Compression::fast());
        stream.write_all(&text).expect("memory");
        fs::write(objects.join(&name[..2]).join(&name[2..]), stream.finish().expect("memory")).expect("writable");
        id
    }

    /// Writes a tree of folders and files.
    fn tree(objects: &Path, entries: &[(&str, &str, ObjectId)]) -> ObjectId {
        let entry =
            |(mode, name, id): &(&str, &str, ObjectId)| [format!("{mode} {name}\0").as_bytes(), id.as_bytes()].concat();
        write(objects, "tree", &entries.iter().flat_map(entry).collect::<Vec<u8>>())
    }

    #[test]
    fn what_is_not_kept_of_trees_is_read_again() {
        let place = tempfile::tempdir().expect("a folder");
        let objects = place.path();
        let key = write(objects, "blob", format!("WANDB_API_KEY={}\n", v1_key("hot")).as_bytes());
        let other = write(objects, "blob", b"nothing\n");
        let gone = ObjectId::from_bytes(&[7; 20]).expect("20 bytes");
        let mut top = tree(objects, &[("100644", "key", key), ("100644", "other", other)]);
        for level in ["c", "b", "a"] {
            tree(objects, &[("100644", level, other), ("160000", "module", key), ("100644", "x", gone)]);
            top = tree(objects, &[("40000", level, top)]);
        }
        let rules = &RuleSet::builtin().expect("the pages are well");
        let policy = Policy::new(rules, Vec::new(), Vec::new(), true).expect("no names");
        let progress = Progress::default();
        let scan = Scan { rules, policy: &policy, progress: &progress, threads: 1, cache: None, found: &|_| {} };
        let judge = Judge::new(rules, &policy, &|_, _| false);
        let outcome = Mutex::new(Outcome::default());
        let store = Store::open(objects, 20);
        let mut facts = sweep(&scan, &store, 20, store.list(), None, || Worker::new(&scan, &judge, &outcome), None);
        assert_eq!((facts.touched.len(), facts.missing.len(), facts.listing.entries.len()), (1, 1, 9));
        let kept = Hot::find(&scan, &store, 20, &facts);
        let is = |flags: &[bool], id: &ObjectId| flags[facts.ids[id] as usize];
        assert!(is(&kept.hot, &key) && is(&kept.hot, &top) && !is(&kept.hot, &other) && !kept.too_deep);
        assert!(is(&kept.named, &other) && !is(&kept.named, &top));
        assert_eq!(kept.hot.iter().filter(|hot| **hot).count(), 5);

        // Too many entries for what may be kept: what is missing is known all the same.
        let left = AtomicUsize::new(2);
        let mut trees = Trees::new(&facts.ids, 20, &left);
        let (mut named, mut missing) = (Named::default(), HashSet::new());
        let mut walk = store.walk(&facts.listing.entries, &facts.listing.forest);
        for part in facts.listing.forest.parts() {
            walk.read_versions(part, &mut |nth, object| {
                let object = object.expect("sound");
                if object.kind == ObjectKind::Tree {
                    trees.read(nth as u32, &object, &mut named, &mut missing);
                }
                Some(crate::source::git::store::UNMARKED)
            });
        }
        assert!(named.is_partial && missing.contains(&gone));
        assert!(named.iter().map(|(_, names)| names.count()).sum::<usize>() <= 2);
        drop(trees);

        facts.trees = vec![named];
        let again = Hot::find(&scan, &store, 20, &facts);
        assert_eq!((&again.hot, &again.named, again.too_deep), (&kept.hot, &kept.named, false));
        let held = |facts: &mut Facts, most| {
            let (folders, too_many) = places::folders(&scan, &store, 20, facts, &kept, most);
            (folders.iter().filter(|folder| folder.is_some()).count(), too_many)
        };
        assert_eq!((held(&mut facts, 1 << 20), held(&mut facts, 0)), ((4, false), (0, true)));
    }
}
