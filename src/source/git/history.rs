//! Who introduced what. In: the commits of a repository and its trees. Out: the commits in one order for everyone, the blobs
//! that each of them introduced and at which paths, which references hold a commit. No tree is read here: whoever asks
//! brings a way to read one.
//!
//! The order: parents before children; of the commits whose parents are all placed the one with the earliest committer date
//! comes next; of equal dates the one with the smaller id. Of a blob's introductions those by commits that a reference still
//! holds come first, each kind in this order; of one commit's the smaller path.
//!
//! A commit introduces a blob at a path if its tree has the blob there and the tree of none of its parents has. A merge that
//! takes a blob from one of its parents introduces nothing; a root introduces all that it has; a rename and the return of a
//! deleted file are introductions.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::object::{EntryKind, RawCommit};
use crate::object::{ObjectId, ObjectMap};

/// How many folders may lie in one another; git itself reads no more.
const MAX_DEPTH: usize = 2048;
/// The longest path that is followed, in bytes; systems open none that is longer.
const MAX_PATH: usize = 4096;

/// The commits of a repository, in order.
pub struct Graph {
    /// Every commit, in the order of this module.
    pub commits: Vec<Node>,
    places: ObjectMap<u32>,
}

/// A commit, and its parents by their places in the order.
pub struct Node {
    /// Its id.
    pub id: ObjectId,
    /// What it says.
    pub raw: RawCommit,
    /// Those of its parents that are at hand.
    pub parents: Vec<u32>,
}

impl Graph {
    /// Orders the commits.
    pub fn new(commits: Vec<(ObjectId, RawCommit)>) -> Graph {
        let at: ObjectMap<usize> = commits.iter().enumerate().map(|(nth, (id, _))| (*id, nth)).collect();
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); commits.len()];
        let mut waits: Vec<usize> = vec![0; commits.len()];
        for (nth, (_, raw)) in commits.iter().enumerate() {
            for parent in raw.parents.iter().filter_map(|parent| at.get(parent)) {
                children[*parent].push(nth);
                waits[nth] += 1;
            }
        }
        let rank = |nth: usize| Reverse((commits[nth].1.committed, commits[nth].0, nth));
        let mut ready: BinaryHeap<_> = (0..commits.len()).filter(|&nth| waits[nth] == 0).map(rank).collect();
        let mut order = Vec::with_capacity(commits.len());
        while let Some(Reverse((_, _, nth))) = ready.pop() {
            order.push(nth);
            for &child in &children[nth] {
                waits[child] -= 1;
                if waits[child] == 0 {
                    ready.push(rank(child));
                }
            }
        }
        // Commits that are one another's ancestors cannot be made; if somebody did, they come last.
        order.extend((0..commits.len()).filter(|&nth| waits[nth] > 0));
        let places: ObjectMap<u32> = (0u32..).zip(&order).map(|(place, &nth)| (commits[nth].0, place)).collect();
        let mut commits: Vec<Option<(ObjectId, RawCommit)>> = commits.into_iter().map(Some).collect();
        let nodes = order.into_iter().filter_map(|nth| commits[nth].take());
        let nodes = nodes.map(|(id, raw)| {
            let parents = raw.parents.iter().filter_map(|parent| places.get(parent).copied()).collect();
            Node { id, raw, parents }
        });
        Graph { commits: nodes.collect(), places }
    }

    /// The place of a commit in the order.
    pub fn place(&self, id: &ObjectId) -> Option<u32> {
        self.places.get(id).copied()
    }

    /// Parents that are not at hand, with the commit that names them.
    pub fn missing_parents(&self) -> impl Iterator<Item = (&Node, ObjectId)> {
        self.commits.iter().flat_map(|node| {
            let missing = node.raw.parents.iter().filter(|parent| self.place(parent).is_none());
            missing.map(move |parent| (node, *parent))
        })
    }

    /// Which commits are at or below one of `tips`.
    pub fn below(&self, tips: impl Iterator<Item = u32>) -> Vec<bool> {
        let mut held = vec![false; self.commits.len()];
        let mut next: Vec<u32> = tips.collect();
        while let Some(place) = next.pop() {
            if !std::mem::replace(&mut held[place as usize], true) {
                next.extend(&self.commits[place as usize].parents);
            }
        }
        held
    }

    /// For each set of commits, which of `tips` hold one of its members: are that commit, or have it below them. Costs one
    /// pass over the commits for every 64 sets.
    pub fn holders(&self, sets: &[Vec<u32>], tips: &[u32]) -> Vec<Vec<usize>> {
        let mut holders = vec![Vec::new(); sets.len()];
        for (chunk, sets) in sets.chunks(64).enumerate() {
            let mut marks = vec![0u64; self.commits.len()];
            for (bit, set) in sets.iter().enumerate() {
                set.iter().for_each(|&place| marks[place as usize] |= 1 << bit);
            }
            for place in 0..marks.len() {
                let inherited = self.commits[place].parents.iter().fold(0, |all, &parent| all | marks[parent as usize]);
                marks[place] |= inherited;
            }
            for (nth, &tip) in tips.iter().enumerate() {
                let mut held = marks[tip as usize];
                while held != 0 {
                    holders[chunk * 64 + held.trailing_zeros() as usize].push(nth);
                    held &= held - 1;
                }
            }
        }
        holders
    }
}

/// An entry of a folder, as attribution needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'f> {
    /// Its name: one part of a path.
    pub name: &'f [u8],
    /// What it names.
    pub id: ObjectId,
    /// Whether that is a folder.
    pub folder: bool,
}

/// The entries of a folder, sorted by their names. There are millions of these, so one takes few pieces of memory.
#[derive(Debug, Clone, Default)]
pub struct Folder(Arc<Rows>);

#[derive(Debug, Default)]
struct Rows {
    /// All names in a row.
    names: Box<[u8]>,
    /// Of each entry what it names, whether that is a folder, and where its name ends in the row.
    rows: Box<[(ObjectId, bool, u32)]>,
}

impl Folder {
    /// A folder of such entries, in any order.
    fn new(mut entries: Vec<Entry<'_>>) -> Folder {
        if !entries.is_sorted_by(|a, b| a.name <= b.name) {
            entries.sort_by(|a, b| a.name.cmp(b.name));
        }
        let mut names = Vec::with_capacity(entries.iter().map(|entry| entry.name.len()).sum());
        let row = |entry: &Entry<'_>| {
            names.extend_from_slice(entry.name);
            // The largest object that is read is smaller.
            (entry.id, entry.folder, u32::try_from(names.len()).unwrap_or(u32::MAX))
        };
        let rows = entries.iter().map(row).collect();
        Folder(Arc::new(Rows { names: names.into(), rows }))
    }

    /// How many bytes of memory it takes, about.
    pub fn bytes(&self) -> usize {
        size_of::<Rows>() + self.0.names.len() + std::mem::size_of_val(&*self.0.rows)
    }

    /// The number of its entries.
    fn len(&self) -> usize {
        self.0.rows.len()
    }

    /// The entry of that number, in the order of names.
    fn get(&self, nth: usize) -> Option<Entry<'_>> {
        let &(id, folder, end) = self.0.rows.get(nth)?;
        let start = nth.checked_sub(1).map_or(0, |before| self.0.rows[before].2);
        Some(Entry { name: self.0.names.get(start as usize..end as usize)?, id, folder })
    }

    /// The number of the entry of a name. It is looked for at `guess` first.
    fn find(&self, name: &[u8], guess: usize) -> Option<usize> {
        let is_at = |nth: usize| self.get(nth).map(|entry| entry.name.cmp(name));
        if is_at(guess) == Some(Ordering::Equal) {
            return Some(guess);
        }
        let (mut start, mut end) = (0, self.len());
        while start < end {
            let middle = start + (end - start) / 2;
            match is_at(middle)? {
                Ordering::Less => start = middle + 1,
                Ordering::Greater => end = middle,
                Ordering::Equal => return Some(middle),
            }
        }
        None
    }

    /// Its entries.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.len()).filter_map(|nth| self.get(nth))
    }
}

/// The entries of a raw tree that `wanted` lets in, sorted.
pub fn folder(tree: &[u8], id_length: usize, mut wanted: impl FnMut(&ObjectId) -> bool) -> Folder {
    let entries = super::object::tree(tree, id_length).filter(|entry| entry.kind != EntryKind::Submodule);
    let entries = entries.filter(|entry| wanted(&entry.id));
    let folder = |kind: EntryKind| kind == EntryKind::Folder;
    Folder::new(entries.map(|entry| Entry { name: entry.name, id: entry.id, folder: folder(entry.kind) }).collect())
}

/// More paths were met than are followed: a repository can be made that has billions of them in a few objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

/// Takes the path and the id of a blob, or says that there are enough.
pub type Take<'t> = dyn FnMut(&[u8], ObjectId) -> Result<(), TooMany> + 't;

/// Tells `each` the path and the id of every blob that a tree has and none of `parents` has at the same path. `read` gives
/// the entries of a tree, or those that matter; of a tree that is not at hand it gives none. `budget` is how many looks at an
/// entry, there or in a parent, may be taken, and what is left of that.
pub fn introduced(
    tree: ObjectId,
    parents: &[ObjectId],
    read: &dyn Fn(&ObjectId) -> Folder,
    budget: &mut usize,
    each: &mut Take<'_>,
) -> Result<(), TooMany> {
    if parents.contains(&tree) {
        return Ok(());
    }
    struct Level {
        entries: Folder,
        next: usize,
        /// Each with the number of the entry behind the one that was looked at last.
        parents: Vec<(Folder, usize)>,
        /// How long the path is without the entries' names.
        path: usize,
    }
    let level = |tree: &ObjectId, parents: &[ObjectId], path| Level {
        entries: read(tree),
        next: 0,
        parents: parents.iter().map(|parent| (read(parent), 0)).collect(),
        path,
    };
    let mut path: Vec<u8> = Vec::new();
    let mut before: Vec<ObjectId> = Vec::new();
    let mut levels = vec![level(&tree, parents, 0)];
    while let Some(at) = levels.last_mut() {
        let Some(entry) = at.entries.get(at.next) else {
            levels.pop();
            continue;
        };
        at.next += 1;
        *budget = budget.checked_sub(1 + at.parents.len()).ok_or(TooMany)?;
        before.clear();
        let mut is_there = false;
        for (parent, next) in &mut at.parents {
            let Some(nth) = parent.find(entry.name, *next) else { continue };
            *next = nth + 1;
            let Some(other) = parent.get(nth) else { continue };
            is_there |= other.id == entry.id;
            before.extend(other.folder.then_some(other.id));
        }
        if is_there {
            continue;
        }
        path.truncate(at.path);
        path.extend_from_slice(entry.name);
        if path.len() > MAX_PATH {
            return Err(TooMany);
        }
        if !entry.folder {
            each(&path, entry.id)?;
            continue;
        }
        path.push(b'/');
        let (id, length) = (entry.id, path.len());
        if levels.len() == MAX_DEPTH {
            return Err(TooMany);
        }
        before.sort_unstable();
        before.dedup();
        levels.push(level(&id, &before, length));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ObjectId {
        use sha1::{Digest, Sha1};
        ObjectId::from_bytes(&Sha1::digest(text.as_bytes())).expect("20 bytes")
    }

    /// Commits by name, date and parents; each has the tree `NAME tree`.
    fn graph(commits: &[(&str, i64, &[&str])]) -> Graph {
        let raw = |&(name, committed, parents): &(&str, i64, &[&str])| {
            let parents = parents.iter().map(|parent| id(parent)).collect();
            let tree = id(&format!("{name} tree"));
            (id(name), RawCommit { tree, parents, author: Vec::new(), authored: (0, 0), committed })
        };
        Graph::new(commits.iter().map(raw).collect())
    }

    fn order(graph: &Graph, names: &[&str]) -> Vec<String> {
        let name = |node: &Node| names.iter().find(|name| id(name) == node.id).map(|name| (*name).to_owned());
        graph.commits.iter().filter_map(name).collect()
    }

    #[test]
    fn parents_come_first_then_earlier_dates_then_smaller_ids() {
        // The child claims to be older than its parent.
        let skewed = graph(&[("child", 1, &["parent"]), ("parent", 9, &[]), ("other", 5, &[])]);
        assert_eq!(order(&skewed, &["child", "parent", "other"]), ["other", "parent", "child"]);
        let mut twins = ["left", "right"];
        let equal = graph(&[("left", 3, &[]), ("right", 3, &[])]);
        twins.sort_by_key(|name| id(name));
        assert_eq!(order(&equal, &twins), twins);
    }

    #[test]
    fn references_hold_what_lies_below_them() {
        let graph =
            graph(&[("a", 1, &[]), ("b", 2, &["a"]), ("c", 3, &["a"]), ("m", 4, &["b", "c", "gone"]), ("x", 5, &[])]);
        let place = |name| graph.place(&id(name)).expect("a commit");
        let sets = [vec![place("a")], vec![place("c")], vec![place("x"), place("b")], Vec::new()];
        let tips = [place("b"), place("m"), place("x")];
        assert_eq!(graph.holders(&sets, &tips), [vec![0, 1], vec![1], vec![0, 1, 2], vec![]]);
        // More than one word of sets.
        let many: Vec<Vec<u32>> = (0..130).map(|nth| vec![place(if nth % 2 == 0 { "b" } else { "x" })]).collect();
        for (nth, holders) in graph.holders(&many, &tips).into_iter().enumerate() {
            assert_eq!(holders, if nth % 2 == 0 { vec![0, 1] } else { vec![2] });
        }
        let missing: Vec<_> = graph.missing_parents().map(|(node, parent)| (node.id, parent)).collect();
        assert_eq!(missing, [(id("m"), id("gone"))]);
        assert_eq!(graph.below([place("b")].into_iter()).iter().filter(|held| **held).count(), 2);
    }

    /// Trees by name; an entry that ends with a slash is a folder with the tree of that name.
    fn told(
        trees: &[(&str, &[(&str, &str)])],
        tree: &str,
        parents: &[&str],
        budget: usize,
    ) -> Result<Vec<String>, TooMany> {
        let read = |wanted: &ObjectId| -> Folder {
            let Some((_, entries)) = trees.iter().find(|(name, _)| id(name) == *wanted) else {
                return Folder::default();
            };
            let entries = entries.iter().map(|&(name, content)| Entry {
                name: name.trim_end_matches('/').as_bytes(),
                id: id(content),
                folder: name.ends_with('/'),
            });
            Folder::new(entries.collect())
        };
        let mut found = Vec::new();
        let parents: Vec<ObjectId> = parents.iter().map(|parent| id(parent)).collect();
        let mut budget = budget;
        introduced(id(tree), &parents, &read, &mut budget, &mut |path, _| {
            found.push(String::from_utf8_lossy(path).into_owned());
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn what_no_parent_has_at_the_same_path_is_introduced() {
        let trees: &[(&str, &[(&str, &str)])] = &[
            ("one", &[("a", "1"), ("src/", "src one"), ("x", "9")]),
            ("src one", &[("b", "2"), ("c", "3")]),
            ("two", &[("a", "1"), ("lib/", "src one"), ("src/", "src two"), ("x/", "src two")]),
            ("src two", &[("b", "2"), ("c", "4")]),
            ("merge", &[("a", "5"), ("src/", "src two"), ("x", "9")]),
        ];
        assert_eq!(told(trees, "one", &[], 99).expect("few entries"), ["a", "src/b", "src/c", "x"]);
        assert_eq!(told(trees, "two", &["one"], 99).expect("few entries"), ["lib/b", "lib/c", "src/c", "x/b", "x/c"]);
        assert_eq!(told(trees, "merge", &["one", "two"], 99).expect("few entries"), ["a"]);
        assert_eq!(told(trees, "one", &["one"], 0).expect("few entries"), [""; 0]);
        assert_eq!(told(trees, "one", &["not at hand"], 99).expect("few entries").len(), 4);
    }

    #[test]
    fn a_tree_of_billions_of_paths_ends() {
        let names: Vec<String> = (0..40).map(|depth| format!("bomb {depth}")).collect();
        let entries: Vec<[(&str, &str); 2]> =
            names.iter().skip(1).map(|below| [("l/", below.as_str()), ("r/", below)]).collect();
        let mut trees: Vec<(&str, &[(&str, &str)])> =
            names.iter().map(String::as_str).zip(entries.iter().map(|e| &e[..])).collect();
        trees.push(("bomb 39", &[("key", "1")]));
        assert_eq!(told(&trees, "bomb 0", &[], 100_000), Err(TooMany));
    }
}
