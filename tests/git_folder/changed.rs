//! What an index has and a commit has not. In: indexes that git wrote, in every way that it has, and such as it would never
//! write. Out: what `git diff --cached --raw --no-renames` lists.

use std::collections::BTreeSet;
use std::fs;

use wandward::object::{ObjectId, ObjectKind};
use wandward::source::git::folder::GitFolder;
use wandward::source::git::index::{self, IndexEntry, IndexError};
use wandward::source::git::object;
use wandward::source::git::store::Store;

use super::held::same_held;
use super::support::Random;
use super::support::git::Repo;
use super::{opened, text};

/// What has changed, as paths and blobs, folders opened; those of a merge left out.
fn ours(folder: &GitFolder, trees: &[ObjectId]) -> Result<BTreeSet<(String, String)>, IndexError> {
    let store = Store::open(&folder.objects(), folder.shape.id_length);
    let mut reader = store.reader();
    let mut tree = |id: &ObjectId| match reader.read(id) {
        Ok((ObjectKind::Tree, bytes)) => Some(bytes.to_vec()),
        _ => None,
    };
    let mut entries = index::changed(&folder.index(), folder, trees, &mut tree)?;
    let closed = entries.iter().any(IndexEntry::is_folder);
    index::open_folders(&mut entries, folder.shape.id_length, &mut tree);
    let mut has = |path: &[u8], id: &ObjectId| {
        let mut at = trees.to_vec();
        for part in path.split(|&b| b == b'/') {
            let named = |id: &ObjectId| {
                let bytes = tree(id)?;
                object::tree(&bytes, folder.shape.id_length).find(|entry| entry.name == part).map(|entry| entry.id)
            };
            at = at.iter().filter_map(named).collect();
        }
        at.contains(id)
    };
    entries.retain(|entry| entry.stage == 0 && !entry.intent_to_add && !(closed && has(&entry.path, &entry.id)));
    Ok(entries.into_iter().map(|entry| (text(&entry.path), entry.id.to_string())).collect())
}

pub(super) fn id(hex: &str) -> ObjectId {
    ObjectId::from_hex(hex.as_bytes()).unwrap()
}

/// What git says has changed since a commit: blobs that are new at their paths.
fn theirs(repo: &Repo) -> BTreeSet<(String, String)> {
    let text = repo.git(&["diff", "--cached", "--raw", "--no-renames", "--no-abbrev", "-z", "HEAD"]);
    let mut words = text.split('\0');
    let mut found = BTreeSet::new();
    while let (Some(what), Some(path)) = (words.next(), words.next()) {
        let [_, mode, old, new, kind] = what.split(' ').collect::<Vec<_>>().try_into().unwrap();
        if mode != "160000" && !matches!(kind, "D" | "U") && old != new {
            found.insert((path.to_owned(), new.to_owned()));
        }
    }
    found
}

fn same(repo: &Repo, how: &str) {
    let tree = id(&repo.id("HEAD^{tree}"));
    assert_eq!(ours(&opened(&repo.path), &[tree]).unwrap(), theirs(repo), "after {how}");
    same_held(repo, how);
}

fn any_path(random: &mut Random) -> String {
    let folder = random.one_of(&["", "a/", "a/b/", "a/b/c/", "a.b/", "ab/", "z/", "z/\u{e4}/"]);
    format!("{folder}f{}", random.below(4))
}

/// One thing that somebody may do to an index; how it may be called in a failure.
fn step(repo: &Repo, random: &mut Random, nth: usize) -> String {
    let path = any_path(random);
    let tracked = repo.git(&["ls-files", "-z"]);
    let tracked: Vec<&str> = tracked.split_terminator('\0').collect();
    let old = tracked.get(random.below(tracked.len().max(1))).copied().unwrap_or("f0").to_owned();
    let runs = |arguments: &[&str]| {
        // What cannot be done here is not done.
        let _ = repo.command(arguments).output().unwrap();
        arguments.join(" ")
    };
    let blob = || repo.blob(format!("{nth}\n").as_bytes());
    match random.below(17) {
        0..=3 => runs(&["update-index", "--add", "--replace", "--cacheinfo", &format!("100644,{},{path}", blob())]),
        4 => runs(&["update-index", "--force-remove", &old]),
        5 => runs(&["update-index", "--chmod=+x", &old]),
        6 => {
            let parent = path.rsplit_once('/').map_or("x", |(parent, _)| parent);
            runs(&["update-index", "--add", "--replace", "--cacheinfo", &format!("120000,{},{parent}", blob())])
        }
        7 => {
            let commit = repo.id("HEAD");
            runs(&["update-index", "--add", "--replace", "--cacheinfo", &format!("160000,{commit},{path}")])
        }
        8 => {
            let _ = fs::create_dir_all(repo.at(&path).parent().unwrap());
            let _ = fs::write(repo.at(&path), "later\n");
            runs(&["add", "-N", "-f", "--", &path])
        }
        9 | 10 => runs(&["commit", "-q", "-m", "all of it"]),
        11 => runs(&["write-tree"]),
        12 => runs(&["read-tree", ["HEAD", "HEAD~1"][random.below(2)]]),
        13 => runs(&["update-index", "--index-version", ["2", "3", "4"][random.below(3)]]),
        14 => runs(&["update-index", ["--split-index", "--no-split-index"][random.below(2)]]),
        15 => runs(&["update-index", ["--force-untracked-cache", "--no-untracked-cache"][random.below(2)]]),
        _ => runs(&["reset", "-q", "--mixed", "HEAD"]),
    }
}

#[test]
fn whatever_is_done_to_an_index_the_changes_are_those_of_git() {
    for seed in 1..=8u64 {
        let format = ["sha1", "sha256"][seed as usize % 4 / 3];
        let repo = Repo::of(&[&format!("--object-format={format}")]);
        repo.git(&["config", "splitIndex.maxPercentChange", "100"]);
        if seed % 2 == 0 {
            for name in ["recordEndOfIndexEntries", "recordOffsetTable"] {
                repo.git(&["config", &format!("index.{name}"), "true"]);
            }
            repo.git(&["config", "index.threads", "2"]);
        }
        let mut random = Random(seed);
        for nth in 0..12 {
            repo.stage(&any_path(&mut random), format!("first {nth}\n"));
        }
        repo.commit("first");
        repo.commit("second");
        let mut done = vec![format!("seed {seed}")];
        for nth in 0..40 {
            done.push(step(&repo, &mut random, nth));
            same(&repo, &done.join("; "));
        }
    }
}

#[test]
fn a_sparse_index_is_opened_only_where_it_differs() {
    let repo = Repo::new();
    for nth in 0..20 {
        repo.write(&format!("d{}/e{}/f{nth}", nth % 4, nth % 3), format!("{nth}\n"));
    }
    repo.git(&["add", "."]);
    repo.commit("first");
    repo.git(&["sparse-checkout", "init", "--cone", "--sparse-index"]);
    repo.git(&["sparse-checkout", "set", "d0"]);
    same(&repo, "closing folders");
    let closed = |repo: &Repo| {
        let folder = opened(&repo.path);
        index::read(&folder.index(), &folder).unwrap().iter().filter(|entry| entry.is_folder()).count()
    };
    assert!(closed(&repo) > 0);
    repo.stage("d0/new", "new\n");
    same(&repo, "adding a file");
    // Folders that stay closed differ from those of a commit with other files in them.
    let tree = repo.git(&["write-tree"]);
    repo.git(&["sparse-checkout", "set", "d1"]);
    repo.git(&["reset", "-q", "--hard"]);
    let first = repo.id("HEAD");
    repo.git(&["rm", "-q", "-r", "--sparse", "--cached", "d2/e0"]);
    repo.commit("fewer files");
    repo.git(&["sparse-checkout", "reapply"]);
    repo.git(&["reset", "-q", "--soft", &first]);
    same(&repo, "going back");
    assert!(closed(&repo) > 0 && !tree.is_empty());
}

#[test]
fn during_a_merge_nothing_of_either_side_has_changed() {
    let repo = Repo::new();
    repo.save("d/f", "base\n");
    repo.save("d/same", "same\n");
    repo.git(&["checkout", "-q", "-b", "theirs"]);
    repo.save("d/f", "theirs\n");
    repo.save("d/own", "theirs alone\n");
    repo.git(&["checkout", "-q", "main"]);
    repo.save("d/f", "ours\n");
    repo.fails(&["merge", "-q", "theirs"]);
    same(&repo, "a conflict");
    let trees = ["HEAD^{tree}", "theirs^{tree}"].map(|name| id(&repo.id(name)));
    assert_eq!(ours(&opened(&repo.path), &trees).unwrap(), BTreeSet::new());
    repo.stage("d/f", "both\n");
    let found = ours(&opened(&repo.path), &trees).unwrap();
    assert_eq!(found, [("d/f".to_owned(), repo.id(":d/f"))].into());
}

/// The bytes of an id.
pub(super) fn raw(hex: &str) -> Vec<u8> {
    id(hex).as_bytes().to_vec()
}

pub(super) fn replaced(bytes: &[u8], from: &[u8], to: &[u8], nth: usize) -> Vec<u8> {
    let at = memchr::memmem::find_iter(bytes, from).nth(nth).unwrap();
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

/// A repository of two folders and its index, whose every tree is known.
pub(super) fn settled() -> (Repo, Vec<u8>) {
    let repo = Repo::new();
    for name in ["a/one", "a/two", "b/one", "b/two", "top"] {
        repo.stage(name, format!("{name}\n"));
    }
    repo.commit("first");
    repo.git(&["read-tree", "HEAD"]);
    let bytes = fs::read(repo.at(".git/index")).unwrap();
    (repo, bytes)
}

#[test]
fn what_an_index_says_of_its_trees_is_what_git_commits() {
    let (repo, bytes) = settled();
    let head = repo.id("HEAD^{tree}");
    let found = |index: &[u8]| {
        fs::write(repo.at(".git/index"), index).unwrap();
        ours(&opened(&repo.path), &[id(&head)]).unwrap()
    };
    let other = repo.blob(b"another\n");
    // The tree that it names is that of the last commit, so this entry is committed by nobody.
    let entry = replaced(&bytes, &raw(&repo.id("HEAD:a/one")), &raw(&other), 0);
    assert_eq!(found(&entry), BTreeSet::new());
    assert_eq!(repo.git(&["write-tree"]), head);
    // The tree that it names holds more than its entries do.
    let more = repo.fed(&["mktree"], format!("100644 blob {other}\tthree\n").as_bytes());
    let top = format!("040000 tree {more}\ta\n100644 blob {other}\tdeep\n");
    let top = repo.fed(&["mktree"], top.as_bytes());
    let claims = replaced(&bytes, &raw(&head), &raw(&top), 0);
    let claimed: BTreeSet<_> = ["a/three", "deep"].map(|path| (path.to_owned(), other.clone())).into();
    assert_eq!(found(&claims), claimed);
    assert_eq!(repo.git(&["write-tree"]), top);
    // A tree that is not there git makes anew.
    let gone = replaced(&entry, &raw(&head), &[7; 20], 0);
    let gone = replaced(&gone, &raw(&repo.id("HEAD:a")), &[8; 20], 0);
    assert_eq!(found(&gone), [("a/one".to_owned(), other.clone())].into());
}

#[test]
fn a_folder_that_claims_the_entries_of_another_hides_none() {
    let (repo, bytes) = settled();
    let head = id(&repo.id("HEAD^{tree}"));
    let other = repo.blob(b"another\n");
    let changed = replaced(&bytes, &raw(&repo.id("HEAD:b/one")), &raw(&other), 0);
    // The folder that the entry lies in has changed, and so has the root.
    let unknown = |bytes: &[u8], name: &str, count: &str, id: &str| {
        let known = [name.as_bytes(), b"\0", count.as_bytes(), b" "].concat();
        let at = memchr::memmem::rfind(bytes, &known).unwrap();
        let line = at + memchr::memchr(b'\n', &bytes[at..]).unwrap();
        let said = String::from_utf8(bytes[at + known.len()..line].to_vec()).unwrap();
        assert_eq!(bytes[line + 1..line + 21], raw(id)[..]);
        [&bytes[..at], name.as_bytes(), b"\0-1 ", said.as_bytes(), b"\n", &bytes[line + 21..]].concat()
    };
    let sized = |mut bytes: Vec<u8>| {
        let at = memchr::memmem::rfind(&bytes, b"TREE").unwrap();
        let length = (bytes.len() - 20 - at - 8) as u32;
        bytes[at + 4..at + 8].copy_from_slice(&length.to_be_bytes());
        bytes
    };
    let honest = unknown(&unknown(&changed, "b", "2", &repo.id("HEAD:b")), "", "5", &head.to_string());
    let expected: BTreeSet<_> = [("b/one".to_owned(), other.clone())].into();
    let found = |index: &[u8]| {
        fs::write(repo.at(".git/index"), index).unwrap();
        ours(&opened(&repo.path), &[head])
    };
    assert_eq!(found(&sized(honest.clone())).unwrap(), expected);
    assert_eq!(theirs(&repo), expected);
    for count in ["0", "1", "3", "4", "5", "99", "18446744073709551615", "-0", "9223372036854775807"] {
        let lie = replaced(&honest, b"a\x002 ", &[b"a\0", count.as_bytes(), b" "].concat(), 0);
        assert_eq!(found(&sized(lie)).unwrap(), expected, "{count}");
    }
    // Nor does one that claims its own entries one by one.
    let changed = replaced(&bytes, &raw(&repo.id("HEAD:a/one")), &raw(&other), 0);
    let lie = replaced(&unknown(&changed, "", "5", &head.to_string()), b"a\x002 ", b"a\x001 ", 0);
    assert_eq!(found(&sized(lie)).unwrap(), [("a/one".to_owned(), other)].into());
}

#[test]
fn no_byte_of_an_index_ends_the_scan() {
    for version in ["2", "4"] {
        let (repo, _) = settled();
        repo.git(&["update-index", "--index-version", version]);
        repo.git(&["read-tree", "HEAD"]);
        repo.stage("a/three", "three\n");
        let bytes = fs::read(repo.at(".git/index")).unwrap();
        let head = id(&repo.id("HEAD^{tree}"));
        let folder = opened(&repo.path);
        let mut differ = 0;
        for nth in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut broken = bytes.clone();
                broken[nth] ^= flip;
                fs::write(repo.at(".git/index"), &broken).unwrap();
                differ += usize::from(ours(&folder, &[head]).is_ok_and(|found| found.len() != 1));
            }
            fs::write(repo.at(".git/index"), &bytes[..nth]).unwrap();
            let _ = ours(&folder, &[head]);
        }
        assert!(differ > 0);
    }
}
