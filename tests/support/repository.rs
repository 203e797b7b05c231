//! Repositories made by git itself, in an environment in which nothing but the test decides. In: what to write and commit.
//! Out: repositories of any shape.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use wandward::rule::example::legacy_key;

/// Forty hexadecimal digits that are no object.
pub fn bare_hex(seed: &str) -> String {
    legacy_key(seed)
}

/// git as a test runs it.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).current_dir(folder);
    for (name, value) in [
        ("HOME", "/nonexistent"),
        ("LC_ALL", "C"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_AUTHOR_NAME", "Ada Lovelace"),
        ("GIT_AUTHOR_EMAIL", "ada@example.com"),
        ("GIT_AUTHOR_DATE", "1700000000 +0130"),
        ("GIT_COMMITTER_NAME", "Charles Babbage"),
        ("GIT_COMMITTER_EMAIL", "charles@example.com"),
        ("GIT_COMMITTER_DATE", "1700000001 -0200"),
        ("GIT_EDITOR", "true"),
    ] {
        command.env(name, value);
    }
    let settings = ["init.defaultBranch=main", "protocol.file.allow=always", "core.autocrlf=false", "gc.auto=0"];
    for setting in settings.iter().chain(&["maintenance.auto=false", "advice.detachedHead=false"]) {
        command.args(["-c", setting]);
    }
    command.stdin(Stdio::null());
    command
}

/// What git prints; it must succeed.
pub fn git(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    taken(command(folder).args(arguments).output().unwrap(), arguments)
}

/// The same as text.
pub fn git_text(folder: &Path, arguments: &[&str]) -> String {
    String::from_utf8(git(folder, arguments)).unwrap()
}

/// What git prints if it succeeds.
pub fn git_maybe(folder: &Path, arguments: &[&str]) -> Option<Vec<u8>> {
    let output = command(folder).args(arguments).output().unwrap();
    output.status.success().then_some(output.stdout)
}

fn taken(output: Output, arguments: &[&str]) -> Vec<u8> {
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A repository in a folder of its own, with room beside it.
pub struct Repository {
    room: tempfile::TempDir,
    path: PathBuf,
}

impl Repository {
    /// `git init` with options.
    pub fn new(options: &[&str]) -> Repository {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("repo");
        std::fs::create_dir(&path).unwrap();
        git(&path, &[&["init", "-q"], options].concat());
        Repository { room, path }
    }

    /// The folder that was made.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path beside it.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.room.path().join(name)
    }

    /// Runs git in it.
    pub fn git(&self, arguments: &[&str]) -> Vec<u8> {
        git(&self.path, arguments)
    }

    /// Runs git in it, with a standard input.
    pub fn git_with(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut child =
            command(&self.path).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        taken(child.wait_with_output().unwrap(), arguments)
    }

    /// Runs git in it; it must fail.
    pub fn git_fails(&self, arguments: &[&str]) {
        assert!(git_maybe(&self.path, arguments).is_none(), "git {arguments:?} should fail");
    }

    /// The id of a revision.
    pub fn id(&self, revision: &str) -> String {
        git_text(&self.path, &["rev-parse", "--verify", revision]).trim().to_owned()
    }

    /// Writes a file of the working tree.
    pub fn write(&self, path: impl AsRef<Path>, text: &str) {
        let path = self.path.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Writes a file and commits it.
    pub fn commit(&self, path: &str, text: &str, message: &str) {
        self.write(path, text);
        self.git(&["add", path]);
        self.git(&["commit", "-q", "-m", message]);
    }
}
