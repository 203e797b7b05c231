//! Git folders: plain, bare, linked, borrowed, below one another. In: a path. Out: the folders, the worktree and the shape
//! that git finds there.

use std::fs;

use wandward::source::git::folder::GitFolder;
use wandward::source::git::{index, refs};

use super::support::git::Repo;
use super::{all_references, busy, hex, opened, same, same_index, same_logs, same_references, text};

#[test]
fn ordinary_repositories_are_read_as_git_reads_them() {
    for options in [
        &[][..],
        &["--object-format=sha256"],
        &["--ref-format=reftable"],
        &["--object-format=sha256", "--ref-format=reftable"],
    ] {
        let repo = busy(options);
        let folder = same(&repo);
        assert_eq!(folder.shape.id_length, if options.contains(&"--object-format=sha256") { 32 } else { 20 });
        assert_eq!(folder.shape.reftable, options.contains(&"--ref-format=reftable"));
        assert_eq!((&folder.shape.unknown[..], folder.links_back, folder.shape.partial), (&[][..], true, false));
        let references = all_references(&folder);
        let named =
            |name: &[u8]| references.iter().find(|r| r.name == name).unwrap_or_else(|| panic!("{}", text(name)));
        assert_eq!(named(b"HEAD").symbolic.as_deref(), Some(&b"refs/heads/main"[..]));
        assert_eq!(hex(named(b"HEAD").target), repo.id("HEAD"));
        assert_eq!(named(b"refs/heads/nowhere").target, None);
        for path in ["dir0", "dir0/file0", ".git/objects", ".git/HEAD"] {
            let above = GitFolder::above(&repo.at(path)).unwrap().unwrap();
            assert_eq!((above.git, above.worktree), (folder.git.clone(), folder.worktree.clone()), "{path}");
        }
        assert!(GitFolder::at(&repo.at("dir0")).unwrap().is_none());
    }
}

#[test]
fn empty_bare_and_unborn_repositories_are_repositories() {
    let repo = Repo::new();
    let folder = same(&repo);
    let unborn = all_references(&folder);
    assert_eq!((unborn.len(), unborn[0].target), (1, None));
    let bare = Repo::of(&["--bare"]);
    assert_eq!(same(&bare).worktree, None);
    assert_eq!(GitFolder::above(&bare.at("objects/info")).unwrap().unwrap().git, fs::canonicalize(&bare.path).unwrap());
}

#[test]
fn linked_worktrees_know_each_other_and_keep_their_own_references() {
    for format in ["files", "reftable"] {
        let repo = Repo::of(&[&format!("--ref-format={format}")]);
        repo.save("a", "a\n");
        repo.save("a", "b\n");
        let tree = repo.opened("tree");
        repo.git(&["worktree", "add", "-b", "side", "../tree", "HEAD~1"]);
        tree.git(&["update-ref", "refs/worktree/own", "HEAD"]);
        tree.git(&["update-ref", "refs/bisect/bad", "HEAD"]);
        repo.git(&["update-ref", "refs/bisect/good", "HEAD"]);
        // A bare path says what it is to git, too.
        let (main, linked) = (opened(&repo.path), opened(&tree.path));
        assert_eq!((&linked.common, linked.links_back), (&main.common, true));
        assert_eq!(main.linked(), std::slice::from_ref(&linked.git));
        assert_eq!(opened(&linked.git).worktree, linked.worktree);
        assert_eq!(linked.worktree, Some(fs::canonicalize(&tree.path).unwrap()));
        same_index(&linked, &tree);
        same_logs(&linked, &tree);
        same_logs(&main, &repo);
        let find = |folder: &GitFolder, name: &str| {
            let found = all_references(folder);
            hex(found.iter().find(|r| r.name == name.as_bytes()).unwrap_or_else(|| panic!("{name}, {format}")).target)
        };
        let (old, new) = (repo.id("HEAD~1"), repo.id("HEAD"));
        for (folder, name, id) in [
            (&main, "HEAD", &new),
            (&main, "worktrees/tree/HEAD", &old),
            (&main, "worktrees/tree/refs/worktree/own", &old),
            (&main, "worktrees/tree/refs/bisect/bad", &old),
            (&main, "refs/bisect/good", &new),
            (&linked, "HEAD", &old),
            (&linked, "refs/worktree/own", &old),
            (&linked, "main-worktree/HEAD", &new),
            (&linked, "main-worktree/refs/bisect/good", &new),
        ] {
            assert_eq!(&find(folder, name), id, "{name}, {format}");
        }
        assert!(refs::reflogs(&main).0.iter().any(|line| *line.reference == *b"worktrees/tree/HEAD"), "{format}");
    }
}

#[test]
fn submodules_are_found_wherever_they_lie() {
    let inner = Repo::new();
    inner.save("x", "x\n");
    let middle = Repo::new();
    middle.save("y", "y\n");
    middle.git(&["submodule", "add", inner.path.to_str().unwrap(), "deep/inner"]);
    middle.commit("with inner");
    let outer = Repo::new();
    outer.git(&["submodule", "add", middle.path.to_str().unwrap(), "libs/middle"]);
    outer.git(&["submodule", "update", "--init", "--recursive"]);
    outer.commit("with middle");
    let folder = same(&outer);
    let git = folder.git.join("modules/libs/middle");
    assert_eq!(folder.modules(), [git.clone(), git.join("modules/deep/inner")]);
    for path in ["libs/middle", "libs/middle/deep/inner"] {
        let module = same(&outer.opened(&format!("repo/{path}")));
        assert!(module.links_back, "{path}");
        assert_eq!(opened(&module.git).worktree, module.worktree, "{path}");
    }
    let entries = index::read(&folder.index(), &folder).unwrap();
    assert!(entries.iter().any(|e| e.is_submodule() && e.path == b"libs/middle"));
}

#[test]
fn shallow_partial_and_other_shapes_are_told() {
    let repo = busy(&[]);
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    repo.git(&["clone", "--depth=1", &repo.url(), "../shallow"]);
    repo.git(&["clone", "--filter=blob:none", "--no-checkout", &repo.url(), "../partial"]);
    let (shallow, partial) = (repo.opened("shallow"), repo.opened("partial"));
    let folder = same(&shallow);
    assert_eq!((folder.shape.shallow, folder.shape.partial), (true, false));
    let folder = opened(&partial.path);
    assert_eq!((folder.shape.shallow, folder.shape.partial), (false, true));
    assert_eq!(folder.remotes, [b"origin".to_vec()]);
    same_references(&folder, &partial);

    // Some of them this git does not know itself.
    let config = repo.at(".git/config");
    let known = "[core]\nRepositoryFormatVersion = 1\n[extensions]\nnoop\npreciousObjects = true\nworktreeConfig\nrelativeWorktrees = 1\n";
    let text = fs::read_to_string(&config).unwrap() + known;
    fs::write(&config, &text).unwrap();
    assert_eq!(opened(&repo.path).shape.unknown, [""; 0]);
    fs::write(&config, text + "FutureThing = true\n").unwrap();
    assert_eq!(opened(&repo.path).shape.unknown, ["extensions.futurething"]);
}

#[test]
fn a_worktree_that_the_configuration_names_is_read() {
    let repo = busy(&[]);
    let elsewhere = repo.place().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    repo.git(&["config", "core.worktree", "../../elsewhere"]);
    assert_eq!(opened(&repo.path).worktree, Some(fs::canonicalize(&elsewhere).unwrap()));
    repo.git(&["config", "--unset", "core.worktree"]);
    repo.git(&["config", "extensions.worktreeConfig", "true"]);
    repo.git(&["config", "--worktree", "core.worktree", elsewhere.to_str().unwrap()]);
    assert_eq!(opened(&repo.path).worktree, Some(fs::canonicalize(&elsewhere).unwrap()));
}

#[test]
fn a_git_file_that_points_elsewhere_is_told_apart() {
    let victim = busy(&[]);
    let evil = victim.place().join("evil");
    fs::create_dir(&evil).unwrap();
    let git_file = evil.join(".git");
    fs::write(&git_file, format!("gitdir: {}\n", victim.at(".git").display())).unwrap();
    let folder = opened(&evil);
    assert!(!folder.links_back);
    // A git directory of its own that borrows everything from another.
    fs::remove_file(&git_file).unwrap();
    fs::create_dir(&git_file).unwrap();
    fs::write(git_file.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    fs::write(git_file.join("commondir"), victim.at(".git").to_str().unwrap()).unwrap();
    assert!(!opened(&evil).links_back);
    // One that was moved out of the way, and knows its worktree.
    let own = Repo::new();
    let away = own.place().join("away");
    own.git(&["init", &format!("--separate-git-dir={}", away.display())]);
    assert!(!opened(&own.path).links_back);
    own.git(&["config", "core.worktree", own.path.to_str().unwrap()]);
    assert!(opened(&own.path).links_back);
}

#[test]
fn a_git_file_without_sense_is_an_error_that_names_it() {
    let repo = Repo::new();
    let odd = repo.place().join("odd");
    fs::create_dir_all(odd.join("below")).unwrap();
    for content in ["", "gitdir:", "gitdir: /does/not/exist\n", "nonsense", "gitdir: .\n", "gitdir: \0\n"] {
        fs::write(odd.join(".git"), content).unwrap();
        let error = GitFolder::above(&odd.join("below")).unwrap_err();
        assert_eq!(error.path.file_name().unwrap(), ".git", "{content:?}: {error}");
    }
    fs::remove_file(odd.join(".git")).unwrap();
    fs::create_dir(odd.join(".git")).unwrap();
    assert!(GitFolder::at(&odd).unwrap().is_none(), "git takes an empty one for none");
    fs::create_dir(odd.join(".git/objects")).unwrap();
    assert!(GitFolder::at(&odd).is_err());
}
