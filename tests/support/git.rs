//! Real git in an environment of its own, with fixed names, dates and settings. In: what to write and commit. Out:
//! repositories of any shape, the ids in them, and what the binary says of them.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::rc::Rc;

use serde_json::{Value, json};

use super::{fed, fingerprint};

/// Who writes.
pub const AUTHOR: &str = "Ada Lovelace";
/// Who commits; never the author of anything.
pub const COMMITTER: &str = "Charles Babbage";
/// The first date, in seconds since 1970.
pub const EPOCH: i64 = 1_700_000_000;
/// Where clocks stand: no whole hour from UTC, so that a lost zone shows.
pub const ZONE: &str = "+0130";

/// git, in `folder`, with nothing of the user's.
pub fn git_in(folder: &Path) -> Command {
    const SETTINGS: [&str; 9] = [
        "init.defaultBranch=main",
        "protocol.file.allow=always",
        "core.fsmonitor=false",
        "core.autocrlf=false",
        "maintenance.auto=false",
        "gc.auto=0",
        "commit.gpgSign=false",
        "safe.directory=*",
        "advice.graftFileDeprecated=false",
    ];
    let mut command = trusting_git_in(folder);
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    command
}

/// Likewise, but without settings of ours, which would stand over those of the repository.
pub fn trusting_git_in(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    for (name, value) in [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_EDITOR", "true"),
        ("LC_ALL", "C"),
        ("HOME", "/nonexistent"),
    ] {
        command.env(name, value);
    }
    command
}

/// A repository in a temporary folder that it shares with those beside it.
pub struct Repo {
    place: Rc<tempfile::TempDir>,
    /// The working tree, or the folder of a bare one.
    pub path: PathBuf,
    clock: Rc<Cell<i64>>,
    tick: Rc<Cell<i64>>,
}

impl Repo {
    /// An empty one, called `repo`.
    pub fn new() -> Repo {
        Repo::of(&[])
    }

    /// Likewise, with options of `git init`.
    pub fn of(options: &[&str]) -> Repo {
        let mut repo = Repo::around(tempfile::tempdir().unwrap());
        repo.path.push("repo");
        fs::create_dir(&repo.path).unwrap();
        repo.git(&[&["init", "-q"], options].concat());
        repo
    }

    /// A folder that may become one.
    pub fn around(place: tempfile::TempDir) -> Repo {
        let path = place.path().to_owned();
        Repo { place: Rc::new(place), path, clock: Rc::new(Cell::new(EPOCH)), tick: Rc::new(Cell::new(60)) }
    }

    /// Another one beside it, made empty.
    pub fn beside(&self, name: &str, options: &[&str]) -> Repo {
        fs::create_dir_all(self.place.path().join(name)).unwrap();
        let other = self.opened(name);
        other.git(&[&["init", "-q"], options].concat());
        other
    }

    /// One that lies beside it already.
    pub fn opened(&self, name: &str) -> Repo {
        let path = self.place.path().join(name);
        Repo { place: Rc::clone(&self.place), path, clock: Rc::clone(&self.clock), tick: Rc::clone(&self.tick) }
    }

    /// The folder that it lies in.
    pub fn place(&self) -> &Path {
        self.place.path()
    }

    /// A path in it.
    pub fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Its address for git.
    pub fn url(&self) -> String {
        format!("file://{}", self.path.display())
    }

    /// Seconds between two commands; 0 stops the clock.
    pub fn tick(&self, seconds: i64) {
        self.tick.set(seconds);
    }

    /// Sets the clock, in seconds after the epoch of these tests.
    pub fn clock(&self, seconds: i64) {
        self.clock.set(EPOCH + seconds);
    }

    /// A git command in it, a tick later.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.clock.set(self.clock.get() + self.tick.get());
        let date = format!("{} {ZONE}", self.clock.get());
        let mut command = git_in(&self.path);
        command.args(arguments).env("GIT_AUTHOR_DATE", &date).env("GIT_COMMITTER_DATE", &date);
        command.env("GIT_AUTHOR_NAME", AUTHOR).env("GIT_AUTHOR_EMAIL", "ada@example.org");
        command.env("GIT_COMMITTER_NAME", COMMITTER).env("GIT_COMMITTER_EMAIL", "charles@example.org");
        command
    }

    /// What a git command prints, without the end of its last line.
    pub fn git(&self, arguments: &[&str]) -> String {
        self.fed(arguments, b"")
    }

    /// Likewise, with something on its standard input.
    pub fn fed(&self, arguments: &[&str], input: &[u8]) -> String {
        printed(&mut self.command(arguments), input)
    }

    /// Likewise, to the last byte.
    pub fn raw(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        taken(&mut self.command(arguments), input)
    }

    /// A git command that must fail.
    pub fn fails(&self, arguments: &[&str]) {
        let output = fed(&mut self.command(arguments), b"");
        assert!(!output.status.success(), "git {arguments:?} should fail");
    }

    /// Writes a file of the working tree.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Writes a file and stages it.
    pub fn stage(&self, name: &str, content: impl AsRef<[u8]>) {
        self.write(name, content);
        self.git(&["add", "-f", "--", name]);
    }

    /// Commits what is staged.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.id("HEAD")
    }

    /// Writes a file and commits it.
    pub fn save(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        self.stage(name, content);
        self.commit("save a file")
    }

    /// Deletes a file and commits that.
    pub fn delete(&self, name: &str) -> String {
        self.git(&["rm", "-q", "--", name]);
        self.commit("delete a file")
    }

    /// The id of a revision.
    pub fn id(&self, revision: &str) -> String {
        self.git(&["rev-parse", "--verify", revision])
    }

    /// A blob that nothing holds.
    pub fn blob(&self, content: &[u8]) -> String {
        self.fed(&["hash-object", "-w", "--stdin"], content)
    }

    /// The tree of these files (names without a slash).
    pub fn tree(&self, files: &[(&str, &str)]) -> String {
        let mut listed = Vec::new();
        for (name, content) in files {
            listed.extend(format!("100644 blob {}\t{name}\0", self.blob(content.as_bytes())).bytes());
        }
        self.fed(&["mktree", "-z"], &listed)
    }

    /// A commit of a tree at a second after the epoch, held by nothing.
    pub fn commit_tree(&self, tree: &str, parents: &[&str], second: i64, message: &str) -> String {
        let mut arguments = vec!["commit-tree", tree, "-m", message];
        parents.iter().for_each(|parent| arguments.extend(["-p", parent]));
        self.clock(second - self.tick.get());
        self.git(&arguments)
    }

    /// The author's date of a commit, as reports give it.
    pub fn date(&self, commit: &str) -> String {
        self.git(&["show", "-s", "--no-notes", "--format=%aI", commit])
    }

    /// The place of a blob that `commit` introduced, and the refs that hold it.
    pub fn introduced(&self, commit: &str, path: &str, line: u64, refs: &[&str]) -> Value {
        json!({
            "kind": "blob", "repository": self.path.file_name().unwrap().to_str().unwrap(), "path": path, "line": line,
            "commit": commit, "author": AUTHOR, "date": self.date(commit), "object": self.id(&format!("{commit}:{path}")),
            "refs": refs, "reachable": !refs.is_empty(),
        })
    }

    /// What the binary says of it, started in the folder that it lies in.
    pub fn scan(&self, arguments: &[&str], keys: &[&str]) -> Report {
        scan(&mut binary(self.place()), arguments, keys)
    }

    /// Likewise, started in the repository itself, as a hook is.
    pub fn hook(&self, arguments: &[&str], keys: &[&str]) -> Report {
        scan(&mut binary(&self.path), arguments, keys)
    }

    /// Likewise, with text on its standard input and variables in its environment.
    pub fn piped(&self, arguments: &[&str], input: &str, variables: &[(&str, &str)], keys: &[&str]) -> Report {
        let mut command = binary(&self.path);
        command.args(["scan", "--format", "json"]).args(arguments).envs(variables.iter().copied());
        Report::of(fed(&mut command, input.as_bytes()), keys)
    }
}

/// The text that a command prints, without the end of its last line; it must succeed.
pub fn printed(command: &mut Command, input: &[u8]) -> String {
    String::from_utf8_lossy(&taken(command, input)).trim_end_matches('\n').to_owned()
}

/// The bytes that a command prints; it must succeed.
pub fn taken(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let output = fed(command, input);
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The binary in a clean environment that lets it find git.
pub fn binary(folder: &Path) -> Command {
    let mut command = super::wandward(folder);
    command.env("PATH", std::env::var_os("PATH").unwrap());
    command
}

/// The JSON report of a scan.
pub fn scan(command: &mut Command, arguments: &[&str], keys: &[&str]) -> Report {
    Report::of(command.args(["scan", "--format", "json"]).args(arguments).output().unwrap(), keys)
}

/// What a scan came to.
pub struct Report {
    pub code: i32,
    /// Null if nothing was printed.
    pub json: Value,
    pub err: String,
}

impl Report {
    /// Reads what the binary printed; whatever it is, it shows no part of these keys.
    pub fn of(output: Output, keys: &[&str]) -> Report {
        let out = String::from_utf8(output.stdout).unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(!err.contains("internal error") && !err.contains("panicked"), "{err}");
        for key in keys {
            for text in [&out, &err] {
                assert!(!leaks(text, key), "a part of a key is shown:\n{text}");
            }
        }
        let json = if out.is_empty() { Value::Null } else { serde_json::from_str(&out).unwrap() };
        Report { code: output.status.code().unwrap_or_else(|| panic!("died: {}: {err}", output.status)), json, err }
    }

    pub fn findings(&self) -> &[Value] {
        let findings = self.json["findings"].as_array();
        findings.unwrap_or_else(|| panic!("no report (exit {}): {}", self.code, self.err))
    }

    /// Exactly these findings: each in every field of its location that is given, beside which `key` stands for the
    /// whole key, and `rule` and `also` for those fields of the finding.
    pub fn expect(&self, wanted: &[Value]) -> &Report {
        let fits = |finding: &Value, wanted: &Value| {
            wanted.as_object().unwrap().iter().all(|(name, value)| match name.as_str() {
                "key" => finding["key"]["fingerprint"] == fingerprint(value.as_str().unwrap()),
                "rule" | "also" => finding[name] == *value,
                _ => finding["location"][name] == *value,
            })
        };
        let findings = self.findings();
        for wanted in wanted {
            let fitting = findings.iter().filter(|finding| fits(finding, wanted)).count();
            assert_eq!(fitting, 1, "wanted once: {wanted:#}\nof {:#}\n{}", self.json, self.err);
        }
        assert_eq!(findings.len(), wanted.len(), "{:#}\nwanted only {wanted:#?}", self.json);
        self
    }

    /// Nothing was missed: no gap, and the exit code says so.
    pub fn complete(&self) -> &Report {
        let code = i32::from(!self.findings().is_empty());
        let coverage = &self.json["coverage"];
        assert_eq!((self.code, &coverage["complete"]), (code, &Value::Bool(true)), "{:#}\n{}", self.json, self.err);
        assert_eq!(self.gaps(), [""; 0], "{coverage:#}");
        self
    }

    /// Something was missed: the exit code says so, and a gap has all of these words in its path and its reason.
    pub fn gap(&self, words: &[&str]) -> &Report {
        let code = if self.findings().is_empty() { 3 } else { 1 };
        assert_eq!(self.code, code, "{:#}\n{}", self.json, self.err);
        assert_eq!(self.json["coverage"]["complete"], false, "{:#}", self.json);
        let gaps = self.gaps();
        // The name of a loose object's file has a slash in the id.
        let lower = |text: &str| text.to_lowercase();
        let said = |gap: &String| {
            words
                .iter()
                .all(|word| [lower(gap), lower(gap).replace('/', "")].iter().any(|gap| gap.contains(&lower(word))))
        };
        assert!(gaps.iter().any(said), "no gap says {words:?}: {gaps:#?}");
        self
    }

    /// Path and reason of every gap.
    pub fn gaps(&self) -> Vec<String> {
        let skipped = self.json["coverage"]["skipped"].as_array().unwrap();
        let text = |skip: &Value| format!("{}: {}", skip["path"].as_str().unwrap(), skip["reason"].as_str().unwrap());
        skipped.iter().filter(|skip| skip["gap"] == true).map(text).collect()
    }

    /// Whether a finding is about this key.
    pub fn found(&self, key: &str) -> bool {
        self.findings().iter().any(|finding| finding["key"]["fingerprint"] == fingerprint(key))
    }
}

/// Whether a text holds eight characters in a row of a key that do not all belong to the key's public id.
pub fn leaks(text: &str, key: &str) -> bool {
    let key = key.strip_prefix("local-").unwrap_or(key);
    let id = if key.starts_with("wandb_v1_") { 20 } else { 4 };
    (0..=key.len() - 8).filter(|start| start + 8 > id).any(|start| text.contains(&key[start..start + 8]))
}

/// A file of two lines, the second of which leaks a key.
pub fn leak(key: &str) -> String {
    format!("# settings\nWANDB_API_KEY={key}\n")
}

/// A JSON object with the fields of another one set in it.
pub fn with(mut object: Value, fields: Value) -> Value {
    let object_fields = object.as_object_mut().unwrap();
    object_fields.extend(fields.as_object().unwrap().clone());
    object
}
