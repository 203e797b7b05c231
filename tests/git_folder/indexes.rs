//! The index: every version of it, split, sparse, in the middle of a merge. In: an index that git wrote. Out: the entries
//! that `git ls-files` lists.

use std::fs;

use wandward::source::git::index;

use super::support::git::Repo;
use super::{all_references, busy, hex, opened, same, same_index, text};

#[test]
fn every_index_is_read_as_git_reads_it() {
    for format in ["sha1", "sha256"] {
        for version in ["2", "3", "4"] {
            let repo = busy(&[&format!("--object-format={format}")]);
            repo.write(&format!("{}longer", "longer/".repeat(39)), "long\n");
            repo.write(&format!("{}name", format!("{}/", "n".repeat(200)).repeat(15)), "deep\n");
            for name in ["a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg", "abcdefgh", "\u{e4}\n"] {
                repo.write(name, name);
            }
            repo.git(&["add", "."]);
            repo.git(&["update-index", "--index-version", version]);
            repo.write("later", "text that is not in the index\n");
            repo.git(&["add", "--intent-to-add", "later"]);
            repo.git(&["update-index", "--skip-worktree", "ab"]);
            repo.git(&["update-index", "--assume-unchanged", "abc"]);
            let entries = same_index(&opened(&repo.path), &repo);
            let intended: Vec<_> = entries.iter().filter(|e| e.intent_to_add).map(|e| text(&e.path)).collect();
            assert_eq!(intended, ["later"]);
        }
    }
}

#[test]
fn an_index_during_a_merge_has_its_stages() {
    let repo = Repo::new();
    repo.save("f", "base\n");
    repo.git(&["checkout", "-b", "theirs"]);
    repo.save("f", "theirs\n");
    repo.git(&["checkout", "main"]);
    repo.save("f", "ours\n");
    repo.fails(&["merge", "theirs"]);
    let folder = same(&repo);
    let entries = index::read(&folder.index(), &folder).unwrap();
    assert_eq!(entries.iter().map(|e| e.stage).collect::<Vec<_>>(), [1, 2, 3]);
    let merged = all_references(&folder);
    assert_eq!(hex(merged.iter().find(|r| r.name == b"MERGE_HEAD").unwrap().target), repo.id("theirs"));
}

#[test]
fn split_and_sparse_indexes_are_read_without_git() {
    for format in ["sha1", "sha256"] {
        let repo = busy(&[&format!("--object-format={format}")]);
        for nth in 0..300 {
            repo.write(&format!("many/{nth}"), format!("{nth}\n"));
        }
        repo.git(&["add", "."]);
        repo.git(&["config", "splitIndex.maxPercentChange", "100"]);
        repo.git(&["update-index", "--split-index"]);
        for nth in [3, 100, 101, 299] {
            repo.write(&format!("many/{nth}"), "changed\n");
        }
        repo.write("many/1000", "new\n");
        repo.git(&["add", "."]);
        repo.git(&["rm", "-q", "--cached", "many/7", "many/200"]);
        let split = fs::read(repo.at(".git/index")).unwrap();
        assert!(memchr::memmem::find(&split, b"link").is_some());
        let entries = same_index(&opened(&repo.path), &repo);
        assert!(entries.len() > 290);
        let shared = fs::read_dir(repo.at(".git")).unwrap().map(|e| e.unwrap().path());
        let shared: Vec<_> = shared.filter(|p| p.to_str().unwrap().contains("sharedindex")).collect();
        shared.iter().for_each(|path| fs::remove_file(path).unwrap());
        let folder = opened(&repo.path);
        assert!(index::read(&folder.index(), &folder).unwrap_err().to_string().contains("missing"));

        let repo = busy(&[&format!("--object-format={format}")]);
        repo.git(&["sparse-checkout", "init", "--cone", "--sparse-index"]);
        repo.git(&["sparse-checkout", "set", "dir0"]);
        let entries = same_index(&opened(&repo.path), &repo);
        let closed: Vec<_> = entries.iter().filter(|e| e.is_folder()).map(|e| text(&e.path)).collect();
        assert_eq!(closed, ["dir1"]);
    }
}

#[test]
fn paths_that_repeat_each_other_without_end_are_not_followed() {
    let repo = Repo::new();
    let entry = |name: &[u8]| {
        let mut bytes = [0; 62];
        bytes[24..28].copy_from_slice(&0o100_644u32.to_be_bytes());
        bytes[60..].copy_from_slice(&0xfffu16.to_be_bytes());
        // It goes on where the path before it ends.
        [&bytes[..], &[0], name, &[0]].concat()
    };
    const MANY: usize = 600;
    let more = (1..MANY).flat_map(|_| entry(b"b"));
    let entries: Vec<u8> = entry(&[b'a'; 1 << 20]).into_iter().chain(more).collect();
    let head = [&b"DIRC\0\0\0\x04"[..], &(MANY as u32).to_be_bytes()].concat();
    fs::write(repo.at(".git/index"), [&head[..], &entries, &[0; 20]].concat()).unwrap();
    let folder = opened(&repo.path);
    let all = index::read(&folder.index(), &folder).unwrap_err();
    let changed = index::changed(&folder.index(), &folder, &[], &mut |_| None).unwrap_err();
    for error in [all, changed] {
        assert!(error.reason.ends_with("holds paths beyond all bounds"), "{}", error.reason);
    }
}
