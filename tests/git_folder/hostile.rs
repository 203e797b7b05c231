//! What somebody may have put there to do harm: files that are no files, damage, bombs, programs to run. In: such a
//! repository. Out: no panic, no program, bounded memory.

use std::fs;
use std::path::{Path, PathBuf};

use wandward::object::{ObjectId, ObjectKind};
use wandward::source::git::folder::GitFolder;
use wandward::source::git::revision::{self, Lookup};
use wandward::source::git::{index, refs};

use super::support::fed;
use super::support::git::{Repo, trusting_git_in};
use super::support::key;
use super::{all_references, busy, opened};

#[cfg(unix)]
#[test]
fn nothing_but_regular_files_is_opened() {
    let fifo = |path: &Path| {
        let _ = fs::remove_file(path);
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    for format in ["files", "reftable"] {
        let repo = busy(&[&format!("--ref-format={format}")]);
        let git = repo.at(".git");
        let folder = opened(&repo.path);
        let list = git.join("reftable/tables.list");
        for path in ["packed-refs", "refs/fifo", "logs/fifo", "index", "FETCH_HEAD", "shallow"]
            .map(|p| git.join(p))
            .iter()
            .chain([&list])
        {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fifo(path);
        }
        let gaps = [refs::references(&folder).1, refs::reflogs(&folder).1].concat();
        assert!(gaps.iter().any(|(path, _)| path.ends_with("refs/fifo")), "{gaps:?}");
        assert!(gaps.iter().any(|(path, _)| path.ends_with("reftable/tables.list")), "{gaps:?}");
        assert!(index::read(&folder.index(), &folder).is_err());
        fifo(&git.join("config"));
        assert!(GitFolder::at(&repo.path).is_err());
        fifo(&git.join("HEAD"));
        assert!(GitFolder::at(&repo.path).is_err(), "no git directory any more, and not an empty one");
        fs::remove_dir_all(&git).unwrap();
        fifo(&git);
        assert!(GitFolder::at(&repo.path).unwrap().is_none());
    }
}

/// Changes a file in ways that a seed decides, and looks whether anything panics.
fn damaged(repo: &Repo, file: &Path) {
    let whole = fs::read(file).unwrap();
    let _ = fs::remove_file(file);
    let mut state = whole.len() as u64 + 88_172_645_463_325_252;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    };
    for _ in 0..400 {
        let mut bytes = whole.clone();
        for _ in 0..=random(4) {
            let at = random(bytes.len());
            match random(4) {
                0 => bytes[at] = random(256) as u8,
                1 => bytes[at] ^= 1 << random(8),
                2 => bytes.truncate(at + 1),
                _ => bytes[at] = [0, 0x7f, 0x80, 0xff][random(4)],
            }
        }
        fs::write(file, &bytes).unwrap();
        let Ok(Some(folder)) = GitFolder::at(&repo.path) else { continue };
        refs::references(&folder);
        refs::reflogs(&folder);
        let _ = index::read(&folder.index(), &folder);
        fs::remove_file(file).unwrap();
    }
    fs::write(file, whole).unwrap();
}

#[test]
fn damaged_files_end_in_no_panic() {
    let split = busy(&[]);
    split.git(&["config", "splitIndex.maxPercentChange", "100"]);
    split.git(&["update-index", "--split-index"]);
    split.write("dir0/file0", "another\n");
    split.git(&["add", "."]);
    for file in ["index", "packed-refs", "config", "HEAD", "logs/HEAD", "refs/heads/feature/one"] {
        damaged(&split, &split.at(".git").join(file));
    }
    let fourth = busy(&[]);
    fourth.git(&["update-index", "--index-version", "4"]);
    damaged(&fourth, &fourth.at(".git/index"));
    let table = busy(&["--ref-format=reftable"]);
    table.git(&["pack-refs", "--all"]);
    let folder = table.at(".git/reftable");
    let files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    for file in files {
        damaged(&table, &file);
    }
}

/// Each path of an index of version 4 repeats most of the one before it in next to no space.
#[test]
fn paths_that_repeat_themselves_take_bounded_memory() {
    let repo = Repo::new();
    let entry = |kept: &[u8], name: &[u8]| [&[0; 62][..], kept, name, &[0]].concat();
    let mut bytes = b"DIRC\0\0\0\x04\xff\xff\xff\xff".to_vec();
    bytes.extend(entry(&[0], &vec![b'x'; 4_000_000]));
    (0..100_000).for_each(|_| bytes.extend(entry(&[0], b"y")));
    fs::write(repo.at(".git/index"), &bytes).unwrap();
    let folder = opened(&repo.path);
    let error = index::read(&folder.index(), &folder).unwrap_err().to_string();
    assert!(error.contains("bounds"), "{error}");
}

/// Every way in which a configuration can have a program run writes the marker.
#[cfg(unix)]
#[test]
fn nothing_that_a_repository_names_runs() {
    use std::os::unix::fs::PermissionsExt;
    let repo = busy(&[]);
    let marker = repo.place().join("marker");
    let program = repo.place().join("program");
    fs::write(&program, format!("#!/bin/sh\necho \"$0 $*\" >> '{}'\n", marker.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let hooks = repo.place().join("hooks");
    fs::create_dir(&hooks).unwrap();
    for hook in ["reference-transaction", "post-index-change", "pre-commit", "post-checkout", "fsmonitor-watchman"] {
        fs::copy(&program, hooks.join(hook)).unwrap();
        fs::copy(&program, repo.at(".git/hooks").join(hook)).unwrap();
    }
    let run = program.to_str().unwrap();
    for (name, value) in [
        ("core.fsmonitor", run),
        ("core.hooksPath", hooks.to_str().unwrap()),
        ("core.pager", run),
        ("core.editor", run),
        ("core.askPass", run),
        ("core.sshCommand", run),
        ("core.gitProxy", run),
        ("core.alternateRefsCommand", run),
        ("core.untrackedCache", "true"),
        ("pager.rev-parse", run),
        ("diff.external", run),
        ("diff.mark.textconv", run),
        ("diff.mark.command", run),
        ("merge.mark.driver", run),
        ("filter.mark.clean", run),
        ("filter.mark.smudge", run),
        ("filter.mark.process", run),
        ("credential.helper", run),
        ("gpg.program", run),
        ("gpg.ssh.program", run),
        ("gpg.ssh.defaultKeyCommand", run),
        ("log.showSignature", "true"),
        ("sequence.editor", run),
        ("interactive.diffFilter", run),
        ("uploadpack.packObjectsHook", run),
        ("alias.rev-parse", &format!("!{run}")),
        ("remote.origin.url", &format!("ext::{run}")),
        ("remote.origin.promisor", "true"),
        ("remote.origin.uploadpack", run),
        ("extensions.partialClone", "origin"),
        ("core.repositoryformatversion", "1"),
        ("trace2.eventTarget", marker.to_str().unwrap()),
    ] {
        repo.git(&["config", name, value]);
    }
    fs::write(repo.at(".gitattributes"), "* filter=mark diff=mark merge=mark\n").unwrap();
    let _ = fs::remove_file(&marker);
    let folder = opened(&repo.path);
    refs::references(&folder);
    refs::reflogs(&folder);
    index::read(&folder.index(), &folder).unwrap();
    struct Nothing;
    impl Lookup for Nothing {
        fn object(&self, id: &ObjectId) -> Option<(ObjectKind, Vec<u8>)> {
            Some((ObjectKind::Commit, format!("tree {id}\n\n").into_bytes()))
        }
        fn beginning(&self, _: &str) -> Vec<ObjectId> {
            Vec::new()
        }
    }
    let references = all_references(&folder);
    let absent = key("legacy", "an object that is not there");
    for text in [
        ":/commit 1",
        "HEAD@{yesterday}",
        "@{upstream}",
        "HEAD:dir0/file0",
        &format!("{absent}^{{/x}}"),
        "@{-1}",
        "no-such",
    ] {
        let _ = revision::resolve(text.as_bytes(), &folder, &references, &Nothing);
    }
    assert!(revision::resolve(b":/commit 1", &folder, &references, &Nothing).is_ok(), "git was asked");
    assert!(!marker.exists(), "{}", fs::read_to_string(&marker).unwrap());
    // The trap works: git itself steps into it.
    fed(trusting_git_in(&repo.path).arg("status"), b"");
    assert!(marker.exists());
}
