//! References and their logs, in files and in tables. In: a repository with many. Out: those that git lists.

use std::fs;

use wandward::source::git::refs;

use super::support::git::Repo;
use super::support::key;
use super::{all_references, busy, hex, opened, same, text};

#[test]
fn a_loose_reference_hides_a_packed_one() {
    let repo = busy(&[]);
    let references = all_references(&opened(&repo.path));
    let one = references.iter().find(|r| r.name == b"refs/heads/feature/one").unwrap();
    assert_eq!(hex(one.target), repo.id("HEAD"));
}

#[test]
fn tables_of_many_blocks_are_read_and_so_are_keys_in_names_and_messages() {
    let repo = Repo::of(&["--ref-format=reftable"]);
    let tip = repo.save("a", "a\n");
    let (in_name, in_message) = (key("v1", "in a name"), key("v1", "in a message"));
    let mut commands = String::new();
    for nth in 0..3000 {
        commands += &format!("create refs/heads/deep/{}/{nth} {tip}\n", nth % 7);
    }
    repo.fed(&["update-ref", "--stdin", "--create-reflog", "-m", "many"], commands.as_bytes());
    repo.git(&["branch", &in_name]);
    repo.git(&["update-ref", "-m", &in_message, "refs/heads/main", "HEAD", "HEAD"]);
    repo.git(&["update-ref", "--create-reflog", "-m", &in_message, "refs/heads/logged", "HEAD"]);
    repo.git(&["branch", "-D", "deep/3/3"]);
    for packed in [false, true] {
        if packed {
            repo.git(&["pack-refs", "--all"]);
        }
        let folder = same(&repo);
        assert!(all_references(&folder).iter().any(|r| r.name.ends_with(in_name.as_bytes())));
        let said = |line: &refs::ReflogLine| line.table && text(&line.text).ends_with(&format!("\t{in_message}"));
        assert!(refs::reflogs(&folder).0.iter().any(said));
    }
}

#[test]
fn a_table_that_is_cut_off_is_a_gap() {
    let repo = busy(&["--ref-format=reftable"]);
    repo.git(&["pack-refs", "--all"]);
    let folder = repo.at(".git/reftable");
    let table =
        fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).find(|p| p.extension().is_some_and(|e| e == "ref"));
    let table = table.unwrap();
    let bytes = fs::read(&table).unwrap();
    fs::remove_file(&table).unwrap();
    fs::write(&table, &bytes[..bytes.len() - 1]).unwrap();
    let gaps = refs::references(&opened(&repo.path)).1;
    assert_eq!(gaps.len(), 1);
    assert!(gaps[0].1.contains("reftable"));
}

#[test]
fn head_is_told_by_itself_where_it_is_a_branch_or_a_commit() {
    for format in ["sha1", "sha256"] {
        let repo = busy(&[&format!("--object-format={format}")]);
        let head = || refs::head(&opened(&repo.path));
        let same = || {
            same(&repo);
            assert_eq!(hex(head()), repo.id("HEAD"));
        };
        same();
        repo.git(&["pack-refs", "--all"]);
        assert!(!repo.at(".git/refs/heads/main").exists());
        same();
        repo.commit("a loose one hides the packed one");
        same();
        repo.git(&["checkout", "-q", "--detach"]);
        same();
        repo.git(&["checkout", "-q", "-b", "main-2"]);
        repo.git(&["pack-refs", "--all"]);
        repo.commit("a name that begins like another");
        repo.git(&["checkout", "-q", "main"]);
        same();
        // A branch that is another's name, one without a commit, one that is a link, and none of these.
        repo.git(&["symbolic-ref", "HEAD", "refs/heads/alias"]);
        assert_eq!(head(), None);
        repo.git(&["symbolic-ref", "HEAD", "refs/heads/unborn"]);
        assert_eq!(head(), None);
        for text in ["ref: refs/heads/../../HEAD\n", "ref: refs/heads/\n", "ref: refs/tags/light\n", "ref:\n", ""] {
            fs::write(repo.at(".git/HEAD"), text).unwrap();
            assert_eq!(head(), None, "{text}");
        }
        let tables = repo.beside("tables", &["--ref-format=reftable", &format!("--object-format={format}")]);
        tables.commit("first");
        assert_eq!(refs::head(&opened(&tables.path)), None);
    }
}
