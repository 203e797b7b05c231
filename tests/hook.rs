//! `wandward hook` in real repositories: what is written where git looks for hooks, what is left alone, what is kept and given
//! back. What the hooks find is in `hooks.rs`.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod support;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::git::{Repo, binary, leak, printed};
use support::{fed, key, run};

const ALL: &str = "pre-commit,pre-push,commit-msg";

/// What `wandward hook` says in a folder, its two streams in one, and its exit code.
fn hook(folder: &Path, arguments: &[&str]) -> (String, i32) {
    said(binary(folder).arg("hook").args(arguments).env("GIT_CONFIG_NOSYSTEM", "1"))
}

fn said(command: &mut Command) -> (String, i32) {
    let output = fed(command, b"");
    (text(&output), output.status.code().unwrap())
}

fn text(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].concat().iter().map(|&b| char::from(b)).collect()
}

/// Everything in a folder: what it is, its mode and its content.
fn everything(folder: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let content = match meta.file_type() {
                kind if kind.is_symlink() => fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes(),
                kind if kind.is_dir() => {
                    folders.push(path.clone());
                    Vec::new()
                }
                _ => fs::read(&path).unwrap(),
            };
            found.insert(path, (meta.mode(), content));
        }
    }
    found
}

/// One on which the binary lies.
fn search_path() -> OsString {
    let own = Path::new(env!("CARGO_BIN_EXE_wandward")).parent().unwrap().to_owned();
    let rest = std::env::var_os("PATH").unwrap();
    std::env::join_paths([own].into_iter().chain(std::env::split_paths(&rest))).unwrap()
}

fn program(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A commit of a file that leaks a key, and what was said; the hooks have the search path of the test.
fn commit(repo: &Repo, name: &str) -> (bool, String) {
    repo.stage(name, leak(&key("v1", name)));
    let output = run(&mut repo.command(&["commit", "-m", "message"]));
    let said = text(&output);
    assert!(!support::git::leaks(&said, &key("v1", name)), "{said}");
    (output.status.success(), said)
}

fn stops(repo: &Repo, name: &str) {
    let (done, said) = commit(repo, name);
    assert!(!done && said.contains("key-in-"), "{said}");
}

#[test]
fn hooks_are_installed_once_and_taken_away_without_a_trace() {
    let repo = Repo::new();
    // Not every template of git has the folder.
    let _ = fs::remove_dir_all(repo.at(".git/hooks"));
    let before = everything(&repo.path);
    let (said, code) = said(
        Command::new("sh")
            .args(["-c", "umask 077; exec \"$0\" hook install --hook \"$1\"", env!("CARGO_BIN_EXE_wandward"), ALL])
            .current_dir(&repo.path)
            .env_clear(),
    );
    assert_eq!(code, 0, "{said}");
    for name in ALL.split(',') {
        let path = repo.at(".git/hooks").join(name);
        assert!(said.contains(&format!(".git/hooks/{name}: installed\n")), "{said}");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o755);
    }
    let installed = everything(&repo.path);
    assert_eq!(installed.len(), before.len() + 4);
    assert_eq!(hook(&repo.path, &["status"]).1, 0);
    let (again, code) = hook(&repo.path, &["install", "--hook", ALL]);
    assert_eq!((code, again.matches("installed already").count()), (0, 3), "{again}");
    assert_eq!(everything(&repo.path), installed);
    stops(&repo, "a.env");
    repo.git(&["rm", "-q", "--cached", "a.env"]);
    fs::remove_file(repo.at("a.env")).unwrap();
    let (said, code) = hook(&repo.path, &["uninstall"]);
    assert_eq!((code, said.matches(": uninstalled").count()), (0, 3), "{said}");
    let hooks = |all: BTreeMap<PathBuf, _>| {
        all.into_iter().filter(|(path, _)| path.starts_with(repo.at(".git/hooks"))).collect::<Vec<_>>()
    };
    assert_eq!(hooks(everything(&repo.path)), hooks(before));
    let (said, code) = hook(&repo.path, &["status"]);
    assert_eq!((code, said.matches("not installed").count()), (1, 3), "{said}");
}

#[test]
fn by_default_commits_and_pushes_are_looked_at() {
    let repo = Repo::new();
    repo.write("below/file", "");
    // From a folder below, too.
    assert_eq!(hook(&repo.at("below"), &["install"]).1, 0);
    let there = |name: &str| repo.at(".git/hooks").join(name).exists();
    assert_eq!(["pre-commit", "pre-push", "commit-msg"].map(there), [true, true, false]);
    assert_eq!(hook(&repo.path, &["uninstall", "--hook", "pre-push"]).1, 0);
    assert_eq!(["pre-commit", "pre-push", "commit-msg"].map(there), [true, false, false]);
    // What others keep there stays.
    repo.write(".git/hooks/notes", "");
    assert_eq!(hook(&repo.path, &["uninstall"]).1, 0);
    assert!(there("notes"));
}

#[test]
fn another_version_is_renewed() {
    let repo = Repo::new();
    assert_eq!(hook(&repo.path, &["install"]).1, 0);
    let path = repo.at(".git/hooks/pre-commit");
    let now = fs::read_to_string(&path).unwrap();
    let old = now.replacen(&format!("version {}", env!("CARGO_PKG_VERSION")), "version 0.0.1", 1);
    fs::write(&path, &old).unwrap();
    assert!(hook(&repo.path, &["status"]).0.contains("pre-commit  installed by version 0.0.1"));
    let (said, code) = hook(&repo.path, &["install"]);
    assert_eq!(code, 0);
    assert!(said.contains("pre-commit: installed anew; it was of version 0.0.1"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), now);
}

#[test]
fn a_hook_that_was_there_runs_first_and_may_refuse() {
    let repo = Repo::new();
    let scripts = repo.at("tools/my hooks");
    let tell = "printf '%s|' \"$@\" >> told; cat >> told; exit $(cat code)\n";
    program(&scripts.join("check.sh"), &format!("#!/bin/sh\n{tell}"));
    let hooks = repo.at(".git/hooks");
    // A link that leads out of the folder, and a script without a first line of its own.
    symlink("../../tools/my hooks/check.sh", hooks.join("pre-commit")).unwrap();
    program(&hooks.join("pre-push"), tell);
    program(&hooks.join("commit-msg"), "#!/bin/sh\nexit 9\n");
    fs::set_permissions(hooks.join("commit-msg"), fs::Permissions::from_mode(0o644)).unwrap();
    let before = everything(&hooks);
    let (said, code) = hook(&repo.path, &["install", "--hook", ALL]);
    assert_eq!((code, said.matches("runs first").count()), (0, 3), "{said}");
    assert_eq!(hook(&repo.path, &["install", "--hook", ALL]).0.matches("already").count(), 3);

    let started = |name: &str, arguments: &[&str], input: &str, code: &str| {
        fs::write(repo.at("code"), code).unwrap();
        let _ = fs::remove_file(repo.at("told"));
        let mut command = Command::new(hooks.join(name));
        command.args(arguments).current_dir(&repo.path).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        let output = fed(&mut command, input.as_bytes());
        let told = fs::read_to_string(repo.at("told")).unwrap_or_default();
        (told, output.status.code().unwrap(), text(&output))
    };
    repo.save("clean.txt", "clean\n");
    repo.stage("a.env", leak(&key("v1", "chained")));
    let (told, code, _) = started("pre-commit", &[], "", "7");
    assert_eq!((told.as_str(), code), ("|", 7));
    let (told, code, said) = started("pre-commit", &[], "", "0");
    assert_eq!((told.as_str(), code), ("|", 1), "{said}");
    // Both read the same lines to their end, and ours those of a key.
    repo.git(&["commit", "-q", "--no-verify", "-m", "leak"]);
    let line = format!("refs/heads/main {} refs/heads/main {}\n", repo.id("HEAD"), "0".repeat(40));
    let both = format!("{line}{}", line.replace("main", "other"));
    for lines in ["", line.as_str(), line.trim_end(), &both] {
        let expected = format!("origin|../remote of 'me'|{lines}");
        let (told, code, _) = started("pre-push", &["origin", "../remote of 'me'"], lines, "5");
        assert_eq!((told, code), (expected.clone(), 5));
        let (told, code, said) = started("pre-push", &["origin", "../remote of 'me'"], lines, "0");
        assert_eq!((told, code), (expected, i32::from(!lines.is_empty())), "{said}");
    }
    // git would not have run this one, and neither do we.
    fs::write(repo.at("message"), "clean\n").unwrap();
    assert_eq!(started("commit-msg", &["message"], "", "0").1, 0);
    fs::write(repo.at("message"), leak(&key("v1", "message"))).unwrap();
    assert_eq!(started("commit-msg", &["message"], "", "0").1, 1);

    assert_eq!(hook(&repo.path, &["uninstall"]).1, 0);
    assert_eq!(everything(&hooks), before);
}

#[test]
fn without_the_program_everything_stops() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("it's \"here\" $HOME; `x`");
    fs::create_dir(&folder).unwrap();
    let own = folder.join("wandward");
    fs::hard_link(env!("CARGO_BIN_EXE_wandward"), &own)
        .or_else(|_| fs::copy(env!("CARGO_BIN_EXE_wandward"), &own).map(drop))
        .unwrap();
    let repo = Repo::around(tempfile::tempdir_in(&folder).unwrap());
    repo.git(&["init", "-q"]);
    let install = Command::new(&own).args(["hook", "install"]).current_dir(&repo.path).env_clear().output().unwrap();
    assert!(install.status.success(), "{install:?}");
    stops(&repo, "a.env");
    fs::remove_file(&own).unwrap();
    for name in ["a.env", "clean.txt"] {
        repo.stage(name, "clean\n");
        let (said, code) = said(&mut repo.command(&["commit", "-m", "message"]));
        assert!(code != 0 && said.contains("wandward is not found"), "{said}");
        assert!(said.contains("git commit --no-verify"), "{said}");
    }
    let (status, code) = hook(&repo.path, &["status"]);
    assert!(code == 1 && status.contains("wandward is not found"), "{status}");
    // One on the search path will do.
    repo.stage("b.env", leak(&key("v1", "b")));
    let (said, code) = said(repo.command(&["commit", "-m", "message"]).env("PATH", search_path()));
    assert!(code == 1 && said.contains("key-in-"), "{said}");
}

/// Nothing is written, and it says why.
fn refused(repo: &Repo, arguments: &[&str], words: &[&str]) {
    let before = everything(repo.place());
    let (said, code) = hook(&repo.path, arguments);
    assert_eq!(code, 3, "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
    assert_eq!(everything(repo.place()), before, "something was written");
}

#[test]
fn what_others_manage_or_edit_is_left_alone() {
    for (text, manager) in [
        ("#!/usr/bin/env bash\n# File generated by pre-commit: https://pre-commit.com\n", "pre-commit"),
        ("#!/bin/sh\n# File generated by prek: https://github.com/j178/prek\n", "prek"),
        ("#!/bin/sh\ncall_lefthook run \"pre-commit\" \"$@\"\n", "lefthook"),
    ] {
        let repo = Repo::new();
        program(&repo.at(".git/hooks/pre-commit"), text);
        refused(&repo, &["install"], &[manager, "managed"]);
        assert!(hook(&repo.path, &["status"]).0.contains(&format!("not installed; {manager} manages it")));
        assert_eq!(hook(&repo.path, &["install", "--hook", "pre-push"]).1, 0);
    }
    let repo = Repo::new();
    assert_eq!(hook(&repo.path, &["install"]).1, 0);
    let path = repo.at(".git/hooks/pre-commit");
    let own = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{own}make lint\n")).unwrap();
    for verb in ["install", "uninstall"] {
        refused(&repo, &[verb], &["edited"]);
    }
    // What is kept from a hook that is gone is not run unasked, and nothing is written over it.
    fs::remove_file(&path).unwrap();
    program(&repo.at(".git/hooks/pre-commit.before-wandward"), "#!/bin/sh\n");
    refused(&repo, &["install"], &["before-wandward"]);
    program(&path, "#!/bin/sh\n");
    refused(&repo, &["install"], &["before-wandward"]);
    let (said, code) = hook(&repo.path, &["uninstall"]);
    assert!(code == 0 && said.contains("left as .git/hooks/pre-commit.before-wandward"), "{said}");
    // One that is no script of ours is not taken away.
    assert!(path.exists());
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused(&repo, &["install"], &["is a folder"]);
}

#[test]
fn husky_is_told_and_not_touched() {
    let repo = Repo::new();
    program(&repo.at(".husky/_/pre-commit"), "#!/usr/bin/env sh\n. \"$(dirname \"$0\")/h\"\n");
    repo.git(&["config", "core.hooksPath", ".husky/_"]);
    refused(&repo, &["install"], &["husky", ".husky/pre-commit", "wandward scan --staged"]);
}

/// Where git looks for hooks, as it says itself.
fn hooks_of(repo: &Repo, global: &Path) -> PathBuf {
    let mut command = Command::new("git");
    command.args(["rev-parse", "--git-path", "hooks"]).current_dir(&repo.path).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", repo.place()).env("GIT_CONFIG_GLOBAL", global);
    let path = repo.path.canonicalize().unwrap().join(printed(command.env("GIT_CONFIG_NOSYSTEM", "1"), b""));
    // git leaves the dots in.
    let mut plain = PathBuf::new();
    path.components().for_each(|part| match part {
        std::path::Component::ParentDir => drop(plain.pop()),
        part => plain.push(part),
    });
    plain
}

#[test]
fn hooks_lie_where_git_looks_for_them() {
    // What the repository says, what the user says, and whether that is the repository's alone.
    let cases: [(&str, &str, bool); 14] = [
        ("", "", true),
        ("[core]\n\thooksPath = .githooks\n", "", true),
        ("[core]\n\thooksPath = .githooks\n", "[core]\n\thooksPath = ~/shared\n", true),
        ("[core]\n\thooksPath = .git/hooks\n", "[core]\n\thooksPath = /dev/null\n", true),
        ("[core]\n\thooksPath = ~/repo/tools/hooks\n", "", true),
        ("[core]\n\thooksPath = ../outside\n", "", false),
        ("[core]\n\thooksPath = linked\n", "", false),
        ("", "[CORE]\n\thookspath = \"~/my hooks\" ; all\n", false),
        ("", "[core]\n\thooksPath = relative\n", false),
        ("", "[include]\n\tpath = more\n", false),
        ("[include]\n\tpath = ../../more\n", "", false),
        ("[core]\n\thooksPath = a\n\thooksPath = b\n", "", true),
        ("[extensions]\n\tworktreeConfig = true\n", "", true),
        ("[core]\n\thooksPath = ../repo/nowhere/yet\n", "", true),
    ];
    for (own, global, alone) in cases {
        let repo = Repo::new();
        let user = repo.place().join("gitconfig");
        fs::write(&user, global).unwrap();
        fs::write(repo.place().join("more"), "[core]\n\thooksPath = ~/from-more\n").unwrap();
        let config = fs::read_to_string(repo.at(".git/config")).unwrap();
        fs::write(repo.at(".git/config"), format!("{config}{own}")).unwrap();
        fs::write(repo.at(".git/config.worktree"), "[core]\n\thooksPath = of-worktree\n").unwrap();
        symlink("../elsewhere", repo.at("linked")).unwrap();
        fs::create_dir(repo.place().join("elsewhere")).unwrap();
        let folder = hooks_of(&repo, &user);
        let ask = |arguments: &[&str]| {
            let mut command = binary(&repo.path);
            command.arg("hook").args(arguments).env("HOME", repo.place()).env("PATH", search_path());
            said(command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", &user))
        };
        let (said, code) = ask(&["install"]);
        assert_eq!(code, if alone { 0 } else { 3 }, "{own:?} {global:?}: {said}");
        if !alone {
            assert!(!folder.join("pre-commit").exists(), "{own:?} {global:?}");
            assert!(said.contains("--hooks-folder") && said.contains("core.hooksPath"), "{said}");
            assert_eq!(ask(&["install", "--hooks-folder", "."]).1, 3);
            let (said, code) = ask(&["install", "--hooks-folder", folder.to_str().unwrap()]);
            assert_eq!(code, 0, "{said}");
        }
        assert!(folder.join("pre-commit").exists(), "{own:?} {global:?}: {} {said}", folder.display());
        assert_eq!(ask(&["status"]).1, 0);
        let real = folder.canonicalize().unwrap();
        let in_tree = real.starts_with(&repo.path) && !real.starts_with(repo.at(".git"));
        // Others who get the script by git have the program elsewhere.
        let text = fs::read_to_string(folder.join("pre-commit")).unwrap();
        assert_eq!(text.contains(env!("CARGO_BIN_EXE_wandward")), !in_tree);
        let named: &[&str] = if alone { &[] } else { &["--hooks-folder", folder.to_str().unwrap()] };
        assert_eq!(ask(&[&["uninstall"], named].concat()).1, 0);
        assert!(!folder.join("pre-commit").exists());
    }
}

#[test]
fn a_folder_that_only_git_can_tell_is_asked_for() {
    let repo = Repo::new();
    let user = repo.place().join("gitconfig");
    fs::write(&user, "[includeIf \"gitdir:/\"]\n\tpath = more\n").unwrap();
    fs::write(repo.place().join("more"), "[core]\n\thooksPath = ~/work-hooks\n").unwrap();
    let folder = hooks_of(&repo, &user);
    let ask = |arguments: &[&str]| {
        let mut command = binary(&repo.path);
        said(command.arg("hook").args(arguments).env("HOME", repo.place()).env("GIT_CONFIG_GLOBAL", &user))
    };
    let (said, code) = ask(&["install"]);
    assert!(code == 3 && said.contains("condition") && said.contains("rev-parse"), "{said}");
    let (said, code) = ask(&["install", "--hooks-folder", folder.to_str().unwrap()]);
    assert_eq!((code, folder.join("pre-commit").exists()), (0, true), "{said}");
    for value in ["~someone/hooks", "%(prefix)/hooks"] {
        repo.git(&["config", "core.hooksPath", value]);
        let (said, code) = ask(&["install"]);
        assert!(code == 3 && said.contains(value), "{said}");
    }
    repo.git(&["config", "core.hooksPath", "/dev/null"]);
    let (said, code) = ask(&["install"]);
    assert!(code == 3 && said.contains("runs no hooks"), "{said}");
}

#[test]
fn a_folder_that_is_not_the_repositorys_is_asked_for() {
    let repo = Repo::new();
    fs::create_dir(repo.place().join("common")).unwrap();
    fs::remove_dir_all(repo.at(".git/hooks")).unwrap();
    symlink("../../common", repo.at(".git/hooks")).unwrap();
    refused(&repo, &["install"], &["leads to", "common", "--hooks-folder .git/hooks"]);
    let (said, code) = hook(&repo.path, &["install", "--hooks-folder", ".git/hooks"]);
    assert_eq!((code, repo.place().join("common/pre-commit").exists()), (0, true), "{said}");
    // A `.git` file may name any git directory.
    let other = repo.beside("other", &["--separate-git-dir", "../elsewhere"]);
    refused(&other, &["install"], &["does not know this folder"]);
}

#[test]
fn a_hook_that_cannot_be_replaced_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (path, aside) = (folder.path().join("pre-commit"), folder.path().join("kept"));
    program(&path, "#!/bin/sh\n");
    let before = everything(folder.path());
    let fails = |_: &mut dyn std::io::Write| Err(std::io::ErrorKind::StorageFull.into());
    assert!(wandward::write::program(&path, Some(&aside), fails).is_err());
    assert_eq!(everything(folder.path()), before);
    // Nor is anything that lies where it would be kept.
    fs::write(&aside, "mine\n").unwrap();
    let before = everything(folder.path());
    assert!(wandward::write::program(&path, Some(&aside), |_| Ok(())).is_err());
    assert_eq!(everything(folder.path()), before);
}

#[test]
fn hooks_of_linked_worktrees_and_bare_repositories() {
    let repo = Repo::new();
    repo.save("clean.txt", "clean\n");
    repo.git(&["worktree", "add", "-q", "-b", "side", "../side"]);
    let side = repo.opened("side");
    assert_eq!(hook(&side.path, &["install"]).1, 0);
    assert!(repo.at(".git/hooks/pre-commit").exists());
    stops(&side, "a.env");
    stops(&repo, "b.env");

    repo.git(&["clone", "-q", "--bare", &repo.url(), "../bare.git"]);
    let bare = repo.opened("bare.git");
    bare.git(&["worktree", "add", "-q", "../tree", "main"]);
    let (said, code) = hook(&bare.path, &["install"]);
    assert!(code == 0 && said.contains("bare"), "{said}");
    assert!(bare.at("hooks/pre-push").exists());
    stops(&repo.opened("tree"), "c.env");
}

#[test]
fn what_a_hook_could_not_read_stops_and_is_named() {
    let repo = Repo::new();
    assert_eq!(hook(&repo.path, &["install"]).1, 0);
    repo.stage("gone.txt", "clean\n");
    let blob = repo.id(":gone.txt");
    fs::remove_file(repo.at(".git/objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    let (said, code) = said(Command::new(repo.at(".git/hooks/pre-commit")).current_dir(&repo.path).env_clear());
    assert!(code == 3 && said.contains("not read: gone.txt"), "{said}");
}

#[test]
fn hooks_that_git_passes_over_are_told() {
    let repo = Repo::new();
    assert_eq!(hook(&repo.path, &["install"]).1, 0);
    fs::set_permissions(repo.at(".git/hooks/pre-push"), fs::Permissions::from_mode(0o644)).unwrap();
    let (said, code) = hook(&repo.path, &["status"]);
    assert!(code == 1 && said.contains("not executable"), "{said}");
    repo.git(&["config", "core.hooksPath", "elsewhere"]);
    let (said, code) = hook(&repo.path, &["status"]);
    assert!(code == 1 && said.contains("git does not look in .git/hooks any more"), "{said}");
    let (said, code) = hook(&repo.path, &["uninstall", "--hooks-folder", ".git/hooks"]);
    assert_eq!(code, 0, "{said}");
    assert!(!repo.at(".git/hooks/pre-commit").exists());
}

#[test]
fn outside_of_a_repository_nothing_is_done() {
    let folder = tempfile::tempdir().unwrap();
    for verb in ["install", "uninstall", "status"] {
        let (said, code) = hook(folder.path(), &[verb]);
        assert!(code == 3 && said.contains("no git repository"), "{said}");
    }
    assert_eq!(hook(folder.path(), &["install", "--hook", "post-commit"]).1, 2);
}
