//! What stops a commit or a push, whoever starts the hooks: git itself (`wandward hook install`), pre-commit, prek. One table
//! for all three. The frameworks need a Python that has them (`WANDWARD_PYTHON` names it); without it their rows say so and
//! stop, unless `WANDWARD_REQUIRE_TOOLS` is set.
#![cfg(unix)]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests build their own world and may panic"
)]

mod support;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::git::{Repo, leak, leaks};
use support::{key, run};

const NAME: &str = "wandb.env";

/// Who starts the hooks.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Native,
    Framework(&'static str),
}

/// What all worlds of one way share.
struct Tools {
    /// Where the frameworks lie.
    folder: PathBuf,
    /// The repository that holds our manifest; the frameworks keep their caches beside it.
    ours: Repo,
}

impl Tools {
    fn new(folder: &Path) -> Tools {
        let ours = Repo::new();
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join(".pre-commit-hooks.yaml");
        ours.save(".pre-commit-hooks.yaml", fs::read(manifest).unwrap());
        ours.git(&["tag", "v0.1.0"]);
        let bin = ours.place().join("bin");
        fs::create_dir(&bin).unwrap();
        symlink(env!("CARGO_BIN_EXE_wandward"), bin.join("wandward")).unwrap();
        Tools { folder: folder.to_owned(), ours }
    }

    /// The search path.
    fn path(&self) -> OsString {
        let own = [self.ours.place().join("bin"), self.folder.clone()];
        let rest = std::env::var_os("PATH").unwrap();
        std::env::join_paths(own.into_iter().chain(std::env::split_paths(&rest))).unwrap()
    }
}

/// A repository with hooks, its remote, and a key that is new to both.
struct World<'t> {
    repo: Repo,
    way: Way,
    tools: &'t Tools,
    key: String,
}

impl World<'_> {
    /// With a first commit that leaks an old key, which the remote has.
    fn new(way: Way, tools: &Tools) -> World<'_> {
        let world = World::empty(way, tools);
        world.repo.stage("old.env", leak(&key("v1", "old")));
        world.repo.stage("clean.txt", "clean\n");
        world.unseen("first");
        world.repo.beside("remote.git", &["--bare"]);
        world.repo.git(&["remote", "add", "origin", "../remote.git"]);
        world.repo.git(&["push", "-q", "--no-verify", "origin", "main"]);
        world
    }

    /// Without a commit.
    fn empty(way: Way, tools: &Tools) -> World<'_> {
        let world = World { repo: Repo::new(), way, tools, key: key("v1", "new") };
        match way {
            Way::Native => {
                let hooks = "pre-commit,pre-push,commit-msg";
                world.done(world.command("wandward", &["hook", "install", "--hook", hooks]));
            }
            Way::Framework(program) => world.configure(program),
        }
        world
    }

    /// As a user does: a configuration that names our repository, and the framework's own installation.
    fn configure(&self, program: &str) {
        let ids = ["wandward-system", "wandward-system-push", "wandward-system-msg"];
        let ids: String = ids.iter().map(|id| format!("      - id: {id}\n")).collect();
        let text = format!("repos:\n  - repo: {}\n    rev: v0.1.0\n    hooks:\n{ids}", self.tools.ours.path.display());
        self.repo.stage(".pre-commit-config.yaml", text);
        let kinds = ["pre-commit", "pre-merge-commit", "pre-push", "commit-msg"].map(|kind| ["-t", kind]).concat();
        self.done(self.command(program, &[&["install", "--install-hooks"], &kinds[..]].concat()));
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command =
            if program == "git" { self.repo.command(arguments) } else { Command::new(self.found(program)) };
        if program != "git" {
            command.args(arguments).current_dir(&self.repo.path).env_clear().env("GIT_CONFIG_GLOBAL", "/dev/null");
        }
        command.env("PATH", self.tools.path()).env("HOME", self.tools.ours.place());
        command
    }

    fn found(&self, program: &str) -> PathBuf {
        std::env::split_paths(&self.tools.path()).map(|folder| folder.join(program)).find(|path| path.exists()).unwrap()
    }

    fn said(&self, mut command: Command) -> (bool, String) {
        let Output { status, stdout, stderr } = run(&mut command);
        let said = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
        assert!(!leaks(&said, &self.key), "{command:?}: {said}");
        (status.success(), said)
    }

    fn done(&self, command: Command) {
        let shown = format!("{command:?}");
        let (done, said) = self.said(command);
        assert!(done, "{shown}: {said}");
    }

    fn stopped(&self, command: Command) {
        let shown = format!("{command:?}");
        let (done, said) = self.said(command);
        assert!(!done && said.contains(&self.key[..20]), "{shown} should be stopped by the new key: {said}");
        assert!(!said.contains(&key("v1", "old")[..20]), "{shown} speaks of what is not new: {said}");
    }

    fn passes(&self, arguments: &[&str]) {
        self.done(self.command("git", arguments));
    }

    fn stops(&self, arguments: &[&str]) {
        self.stopped(self.command("git", arguments));
    }

    /// A commit that no hook sees.
    fn unseen(&self, message: &str) {
        self.repo.git(&["commit", "-q", "--no-verify", "--allow-empty", "-m", message]);
    }

    fn save_unseen(&self, name: &str, text: impl AsRef<[u8]>) {
        self.repo.stage(name, text);
        self.unseen("unseen");
    }

    fn leak(&self) -> String {
        leak(&self.key)
    }

    /// A push that is stopped sends nothing.
    fn push_stops(&self, arguments: &[&str]) {
        let remote = self.repo.opened("remote.git");
        let before = remote.git(&["for-each-ref"]);
        self.stops(&[&["push", "origin"], arguments].concat());
        assert_eq!(remote.git(&["for-each-ref"]), before);
    }

    fn push_passes(&self, arguments: &[&str]) {
        self.passes(&[&["push", "origin"], arguments].concat());
    }
}

const COMMIT: &[&str] = &["commit", "-m", "message"];

/// A situation, and what happens in it; each has a world of its own.
type Row = (&'static str, fn(&World));

const ROWS: [Row; 18] = [
    ("partially staged: only the working copy has the key", |w| {
        w.repo.stage(NAME, "# settings\n");
        w.repo.write(NAME, w.leak());
        w.passes(COMMIT);
        assert_eq!(fs::read_to_string(w.repo.at(NAME)).unwrap(), w.leak());
    }),
    ("partially staged: only the index has the key", |w| {
        w.repo.stage(NAME, w.leak());
        w.repo.write(NAME, "# settings\n");
        w.stops(COMMIT);
    }),
    ("UTF-16, without an extension that says so", |w| {
        let text = format!("\u{feff}{}", w.leak());
        w.repo.stage("settings.xyz", text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
        w.stops(COMMIT);
    }),
    ("deleted file", |w| {
        w.repo.git(&["rm", "-q", "old.env"]);
        w.passes(COMMIT);
    }),
    ("rename, alone and with a new key", |w| {
        w.repo.git(&["mv", "old.env", "renamed.env"]);
        w.passes(COMMIT);
        w.repo.git(&["mv", "clean.txt", "renamed.txt"]);
        w.repo.stage("renamed.txt", format!("clean\n{}", w.leak()));
        w.stops(COMMIT);
    }),
    ("merge commit", |w| {
        w.repo.git(&["switch", "-q", "-c", "topic"]);
        w.repo.stage("theirs.env", leak(&key("v1", "old")) + "# theirs\n");
        w.save_unseen("clean.txt", "theirs\n");
        w.repo.git(&["switch", "-q", "main"]);
        w.save_unseen("clean.txt", "ours\n");
        w.repo.fails(&["merge", "-q", "topic"]);
        w.repo.stage("clean.txt", format!("both\n{}", w.leak()));
        w.stops(COMMIT);
        w.repo.stage("clean.txt", "both\n");
        w.passes(COMMIT);
    }),
    ("merge that git commits by itself", |w| {
        w.repo.git(&["switch", "-q", "-c", "topic"]);
        w.save_unseen("theirs.env", leak(&key("v1", "old")) + "# theirs\n");
        w.repo.git(&["switch", "-q", "main"]);
        w.save_unseen("ours.txt", "ours\n");
        w.passes(&["merge", "-q", "--no-ff", "topic"]);
    }),
    ("git commit -a, and --only", |w| {
        w.repo.write("clean.txt", w.leak());
        w.stops(&["commit", "-a", "-m", "message"]);
        w.stops(&["commit", "-m", "message", "--only", "clean.txt"]);
        w.repo.write("clean.txt", "cleaner\n");
        w.passes(&["commit", "-a", "-m", "message"]);
    }),
    ("message", |w| {
        w.repo.stage("clean.txt", "cleaner\n");
        w.stops(&["commit", "-m", "message", "-m", &format!("WANDB_API_KEY={}", w.key)]);
        w.passes(COMMIT);
    }),
    ("several references in one push", |w| {
        w.save_unseen("other.txt", "clean\n");
        w.repo.git(&["switch", "-q", "-c", "second"]);
        w.save_unseen(NAME, w.leak());
        w.repo.git(&["switch", "-q", "main"]);
        w.push_stops(&["main", "second"]);
        w.push_stops(&["second", "main"]);
        w.repo.git(&["branch", "-q", "-D", "second"]);
        w.push_passes(&["main"]);
    }),
    ("new branch", |w| {
        w.repo.git(&["switch", "-q", "-c", "topic"]);
        w.save_unseen("other.txt", "clean\n");
        w.push_passes(&["-u", "topic"]);
        w.repo.git(&["switch", "-q", "-c", "another"]);
        w.save_unseen(NAME, w.leak());
        w.push_stops(&["another"]);
    }),
    ("new branch while another one is checked out", |w| {
        w.repo.git(&["switch", "-q", "-c", "topic"]);
        w.save_unseen(NAME, w.leak());
        w.repo.git(&["switch", "-q", "main"]);
        w.push_stops(&["topic"]);
    }),
    ("force push", |w| {
        w.repo.git(&["commit", "-q", "--no-verify", "--amend", "-m", "anew"]);
        w.push_passes(&["--force", "main"]);
        w.repo.stage(NAME, w.leak());
        w.repo.git(&["commit", "-q", "--no-verify", "--amend", "-m", "again"]);
        w.push_stops(&["--force", "main"]);
    }),
    ("tag", |w| {
        w.repo.git(&["tag", "-a", "-m", "clean", "v0.1.0"]);
        w.push_passes(&["v0.1.0"]);
        w.repo.git(&["tag", "-a", "-m", &format!("WANDB_API_KEY={}", w.key), "v2"]);
        if w.way == Way::Native {
            // The frameworks start no hook for a tag of a commit that the remote has.
            w.push_stops(&["v2"]);
        }
        w.unseen("another");
        w.repo.git(&["tag", "-a", "-m", &format!("WANDB_API_KEY={}", w.key), "v3"]);
        w.push_stops(&["v3"]);
    }),
    ("a key that was added and removed in between", |w| {
        w.save_unseen(NAME, w.leak());
        w.repo.git(&["rm", "-q", NAME]);
        w.unseen("gone");
        w.push_stops(&["main"]);
    }),
    ("what deletes, or sends nothing", |w| {
        w.repo.git(&["push", "-q", "--no-verify", "origin", "main:second"]);
        w.repo.git(&["branch", "-q", "leaked"]);
        w.push_passes(&["--delete", "second"]);
        w.push_passes(&["main"]);
    }),
    ("a linked worktree", |w| {
        w.repo.git(&["worktree", "add", "-q", "-b", "side", "../side"]);
        let side = w.repo.opened("side");
        side.stage(NAME, w.leak());
        let mut command = side.command(COMMIT);
        command.env("PATH", w.tools.path()).env("HOME", w.tools.ours.place());
        w.stopped(command);
        w.passes(&["commit", "--allow-empty", "-m", "message"]);
    }),
    ("a shallow clone", |w| {
        w.save_unseen("clean.txt", "cleaner\n");
        w.repo.git(&["push", "-q", "--no-verify", "origin", "main"]);
        w.repo.git(&["fetch", "-q", "--depth", "1", &w.repo.opened("remote.git").url(), "main"]);
        assert!(w.repo.at(".git/shallow").exists());
        w.repo.stage("clean.txt", "cleanest\n");
        w.passes(COMMIT);
        w.push_passes(&["main"]);
        w.save_unseen(NAME, w.leak());
        w.push_stops(&["main"]);
    }),
];

fn every_row(way: Way, tools: &Tools) {
    for (name, row) in ROWS {
        eprintln!("{name}");
        row(&World::new(way, tools));
    }
    eprintln!("first commit");
    let world = World::empty(way, tools);
    world.repo.stage(NAME, world.leak());
    world.stops(COMMIT);
    world.repo.stage(NAME, "# settings\n");
    world.passes(COMMIT);
    world.repo.beside("remote.git", &["--bare"]);
    world.repo.git(&["remote", "add", "origin", "../remote.git"]);
    world.push_passes(&["main"]);
}

/// A program that a Python brings.
fn tools(program: &str) -> Option<Tools> {
    let python = std::env::var("WANDWARD_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Path::new(&python).parent().filter(|folder| folder.join(program).exists());
    if found.is_none() {
        assert!(std::env::var_os("WANDWARD_REQUIRE_TOOLS").is_none(), "{program} is needed, beside {python}");
        eprintln!("not run: there is no {program} beside {python}");
    }
    found.map(Tools::new)
}

#[test]
fn native_hooks() {
    every_row(Way::Native, &Tools::new(Path::new("/nonexistent")));
}

#[test]
fn under_pre_commit() {
    let Some(tools) = tools("pre-commit") else { return };
    every_row(Way::Framework("pre-commit"), &tools);
    by_hand("pre-commit", &tools);
}

#[test]
fn under_prek() {
    let Some(tools) = tools("prek") else { return };
    every_row(Way::Framework("prek"), &tools);
    by_hand("prek", &tools);
}

/// What a framework is asked by hand, or in a pipeline, where nothing is about to be committed.
fn by_hand(program: &'static str, tools: &Tools) {
    let world = World::new(Way::Framework(program), tools);
    let run = |arguments: &[&str]| world.command(program, &[&["run"], arguments].concat());
    let finds = |arguments: &[&str], old: bool, new: bool| {
        let (done, said) = world.said(run(arguments));
        let found = |key: &str| said.contains(&key[..20]);
        assert_eq!(
            (done, found(&key("v1", "old")), found(&world.key)),
            (!old && !new, old, new),
            "{arguments:?}: {said}"
        );
    };
    finds(&["--all-files"], true, false);
    world.repo.git(&["rm", "-q", "old.env"]);
    world.unseen("gone");
    finds(&["--all-files"], false, false);
    // Neither what is not tracked nor what is not staged.
    world.repo.write("untracked.env", world.leak());
    world.repo.write("clean.txt", world.leak());
    finds(&["--all-files"], false, false);
    world.repo.git(&["add", "clean.txt"]);
    world.repo.write("clean.txt", "clean\n");
    finds(&["--all-files"], false, true);
    finds(&[], false, true);
    world.unseen("leak");
    world.repo.git(&["rm", "-q", "-f", "clean.txt"]);
    world.unseen("gone again");
    finds(&["--all-files"], false, false);
    finds(&["--from-ref", "HEAD~2", "--to-ref", "HEAD"], false, true);
    finds(&["--from-ref", "HEAD~1", "--to-ref", "HEAD"], false, false);
    finds(&["--all-files", "--hook-stage", "pre-push"], true, true);
}

#[test]
fn a_framework_that_comes_later_runs_the_native_hook() {
    for program in ["pre-commit", "prek"] {
        let Some(tools) = tools(program) else { continue };
        let world = World::new(Way::Native, &tools);
        world.repo.stage(".pre-commit-config.yaml", "repos: []\n");
        let text = "#!/bin/sh\necho of somebody\n";
        world.done(world.command("wandward", &["hook", "uninstall"]));
        let path = world.repo.at(".git/hooks/pre-commit");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        world.done(world.command("wandward", &["hook", "install", "--hook", "pre-commit"]));
        world.done(world.command(program, &["install"]));
        let (runs, said) = world.said(world.command("wandward", &["hook", "status"]));
        assert!(runs && said.contains(&format!("{program} runs it")), "{said}");
        world.done(world.command("wandward", &["hook", "install", "--hook", "pre-commit"]));
        world.repo.stage(NAME, world.leak());
        world.stops(COMMIT);
        world.done(world.command("wandward", &["hook", "uninstall"]));
        assert_eq!(fs::read_to_string(world.repo.at(".git/hooks/pre-commit.legacy")).unwrap(), text);
        world.done(world.command(program, &["uninstall"]));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn the_ids_differ_only_in_how_they_are_installed() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".pre-commit-hooks.yaml")).unwrap();
    let hooks: Vec<&str> = text.split("\n- id: ").skip(1).map(str::trim_end).collect();
    let (ids, fields): (Vec<&str>, Vec<&str>) = hooks.iter().map(|hook| hook.split_once('\n').unwrap()).unzip();
    let kinds = [("", "python"), ("-src", "rust"), ("-system", "system")];
    let wanted: Vec<String> =
        kinds.iter().flat_map(|(kind, _)| ["", "-push", "-msg"].map(|what| format!("wandward{kind}{what}"))).collect();
    assert_eq!(ids, wanted);
    for (nth, fields) in fields.iter().enumerate() {
        let language = |kind: usize| format!("language: {}", kinds[kind].1);
        assert_eq!(hooks.len(), 9);
        let first = hooks[nth % 3].split_once('\n').unwrap().1;
        assert_eq!(*fields, first.replace(&language(0), &language(nth / 3)), "{}", ids[nth]);
    }
}
