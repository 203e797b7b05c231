//! Revisions and ranges. In: what a user writes. Out: the commit that `git rev-parse` finds, or why there is none.

use std::collections::HashMap;

use sha1::{Digest, Sha1};
use wandward::object::{ObjectId, ObjectKind};
use wandward::source::git::revision::{self, Lookup, Range, RevisionError};

use super::support::git::Repo;
use super::support::key;
use super::{all_references, busy, opened};

/// Objects as git has them.
struct ByGit<'r>(&'r Repo);

impl Lookup for ByGit<'_> {
    fn object(&self, id: &ObjectId) -> Option<(ObjectKind, Vec<u8>)> {
        let said = self.0.raw(&["cat-file", "--batch"], format!("{id}\n").as_bytes());
        let line = said.split(|byte| *byte == b'\n').next().unwrap();
        let [_, kind, _] = line.split(|byte| *byte == b' ').collect::<Vec<_>>()[..] else { return None };
        Some((ObjectKind::named(kind)?, said[line.len() + 1..said.len() - 1].to_vec()))
    }

    fn beginning(&self, digits: &str) -> Vec<ObjectId> {
        let found = self.0.git(&["rev-parse", &format!("--disambiguate={digits}")]);
        found.lines().map(|line| ObjectId::from_hex(line.as_bytes()).unwrap()).collect()
    }
}

fn resolve(repo: &Repo, text: &str) -> Result<ObjectId, RevisionError> {
    let folder = opened(&repo.path);
    revision::resolve(text.as_bytes(), &folder, &all_references(&folder), &ByGit(repo))
}

#[test]
fn revisions_are_what_git_takes_them_for() {
    for options in [&[][..], &["--object-format=sha256"], &["--ref-format=reftable"]] {
        let repo = busy(options);
        repo.git(&["checkout", "-b", "octopus"]);
        repo.git(&["checkout", "-b", "arm", "HEAD~2"]);
        repo.save("arm", "arm\n");
        repo.git(&["checkout", "octopus"]);
        repo.git(&["merge", "--no-ff", "-m", "merge", "arm"]);
        repo.git(&["branch", "--set-upstream-to=main"]);
        repo.git(&["update-ref", "refs/remotes/origin/main", "HEAD~1"]);
        repo.git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"]);
        let head = repo.id("HEAD");
        let short = [&head[..], &head[..12], &head[..7]];
        let names = [
            "HEAD", "@", "main", "heads/main", "refs/heads/main", "v1", "tags/v1", "light", "feature/one", "alias",
            "origin", "origin/main", "stash", "HEAD~1", "HEAD~", "HEAD~0", "HEAD^", "HEAD^2", "HEAD^2~1", "HEAD^0",
            "HEAD^^", "@~2^{}", "v1^{}", "v1^{commit}", "v1~1", "main^{commit}~1", "HEAD@{0}", "HEAD@{1}", "@{1}",
            "main@{2}", "@{0}~1", "@{upstream}", "octopus@{u}", "@{-1}", ":/commit 2", "HEAD^{/commit 1}", "stash@{0}",
            "arm",
        ];
        let described = repo.git(&["describe", "--tags", "--long", "HEAD"]);
        let names: Vec<&str> = names.iter().chain(&short).copied().chain([&described[..]]).collect();
        let theirs = repo.git(&[&["rev-parse", "--revs-only"], &names[..], &["--"]].concat());
        let peeled: String = theirs.lines().map(|id| format!("{id}^{{commit}}\n")).collect();
        let theirs = repo.fed(&["cat-file", "--batch-check=%(objectname)"], peeled.as_bytes());
        assert_eq!(theirs.lines().count(), names.len());
        for (name, theirs) in names.into_iter().zip(theirs.lines()) {
            let ours = resolve(&repo, name).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(ours.to_string(), theirs, "{name} {options:?}");
        }
        for name in
            ["nothing", "HEAD~99", "HEAD^3", "main@{99}", "", "-n", "--all", "@{", "HEAD^{", "a b", "nowhere", "HEAD\n"]
        {
            let error = resolve(&repo, name).unwrap_err();
            assert!(matches!(error, RevisionError::Unknown(_)), "{name}: {error}");
        }
        for name in ["HEAD^{tree}", "HEAD:dir0", "HEAD:dir0/file0", &repo.id("HEAD^{tree}")] {
            let error = resolve(&repo, name).unwrap_err();
            assert!(matches!(error, RevisionError::NotACommit(_)), "{name}: {error}");
        }
        let v1 = key("v1", "revision");
        let error = resolve(&repo, &v1).unwrap_err().to_string();
        assert!(error.contains(&v1[..20]) && !error.contains(&v1[..30]), "{error}");
        assert!(resolve(&repo, &key("legacy", "no such commit")).is_err());
    }
}

#[test]
fn an_abbreviation_of_several_commits_is_ambiguous() {
    let repo = Repo::new();
    let tree = repo.git(&["mktree"]);
    let mut seen = HashMap::new();
    let (short, commits) = (0..2000)
        .find_map(|nth| {
            let commit = format!("tree {tree}\nauthor A <> 1 +0000\ncommitter A <> 1 +0000\n\n{nth}\n");
            let id = Sha1::digest(format!("commit {}\0{commit}", commit.len()));
            seen.insert([id[0], id[1]], commit.clone())
                .map(|other| (format!("{:02x}{:02x}", id[0], id[1]), [commit, other]))
        })
        .unwrap();
    for commit in commits {
        let id = repo.fed(&["hash-object", "-w", "-t", "commit", "--stdin"], commit.as_bytes());
        assert!(id.starts_with(&short));
    }
    let error = resolve(&repo, &short).unwrap_err();
    assert!(matches!(error, RevisionError::Ambiguous(_, 2)), "{error}");
}

#[test]
fn a_range_has_two_sides() {
    let range = |from: &str, to: &str, symmetric| Range { from: from.into(), to: to.into(), symmetric };
    assert_eq!(Range::parse(b"a..b"), Ok(range("a", "b", false)));
    assert_eq!(Range::parse(b"a...b~2"), Ok(range("a", "b~2", true)));
    assert_eq!(Range::parse(b"a.."), Ok(range("a", "HEAD", false)));
    assert_eq!(Range::parse(b"...b"), Ok(range("HEAD", "b", true)));
    for text in ["main", "", "a..b..c", "a.b"] {
        assert!(Range::parse(text.as_bytes()).is_err(), "{text}");
    }
}
