//! A server's repository with a pull request, runners that check it out as they do, and what the binary tells them. In: an
//! event, a payload from `fixtures/events`. Out: which keys were found, the log, the summary, the outputs.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::git::{Repo, binary, leak, leaks};
use super::{fingerprint, key};

/// The seeds of the keys: before everything, on main since the branch left it, added and removed again, kept, added by the
/// commit that merges, in the message of a tag, in a file that no commit has.
pub const SEEDS: [&str; 7] = ["old", "mainline", "gone", "kept", "evil", "tagged", "untracked"];

/// The repository of a server.
pub struct Server {
    pub repo: Repo,
    /// By their names in payloads.
    pub ids: BTreeMap<&'static str, String>,
}

/// A made-up key by its seed.
pub fn key_of(seed: &str) -> String {
    key(if seed == "kept" { "v1" } else { "legacy" }, &format!("event {seed}"))
}

impl Server {
    pub fn new() -> Server {
        let repo = Repo::new();
        repo.save("old.env", leak(&key_of("old")));
        let fork = repo.save("README.md", "# training\n");
        repo.git(&["switch", "-q", "-c", "topic"]);
        let first = repo.save("gone.env", leak(&key_of("gone")));
        repo.delete("gone.env");
        let head = repo.save("kept.env", leak(&key_of("kept")));
        repo.git(&["tag", "-m", &format!("wandb login {}", key_of("tagged")), "v1.0"]);
        repo.git(&["switch", "-q", "main"]);
        let main = repo.save("mainline.env", leak(&key_of("mainline")));
        repo.git(&["switch", "-q", "--detach"]);
        repo.git(&["merge", "-q", "--no-ff", "--no-commit", "topic"]);
        repo.stage("evil.env", leak(&key_of("evil")));
        let merge = repo.commit("Merge the topic into main");
        repo.git(&["update-ref", "refs/pull/7/merge", &merge]);
        repo.git(&["switch", "-q", "main"]);
        let tag = repo.id("v1.0");
        let ids = [("fork", fork), ("first", first), ("head", head), ("main", main), ("merge", merge), ("tag", tag)];
        let unknown = ("unknown", super::fill("<COMMIT_ID>", "legacy", "unknown").text);
        let zeros = ("zeros", "0".repeat(40));
        Server { repo, ids: ids.into_iter().chain([unknown, zeros]).collect() }
    }

    pub fn id(&self, name: &str) -> &str {
        &self.ids[name]
    }

    /// A runner's checkout of a reference: all of it with every branch and tag, or so many commits alone.
    pub fn checkout(&self, name: &str, reference: &str, depth: Option<u32>) -> Repo {
        let work = self.repo.beside(name, &[]);
        work.git(&["remote", "add", "origin", &self.repo.url()]);
        let to = reference
            .replacen("refs/heads/", "refs/remotes/origin/", 1)
            .replacen("refs/pull/", "refs/remotes/pull/", 1);
        let wanted = format!("+{reference}:{to}");
        match depth {
            Some(depth) => work.git(&["fetch", "-q", "--no-tags", &format!("--depth={depth}"), "origin", &wanted]),
            None => work.git(&["fetch", "-q", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*", &wanted]),
        };
        match reference.strip_prefix("refs/heads/") {
            Some(branch) => work.git(&["checkout", "-q", "--no-track", "-B", branch, &to]),
            None => work.git(&["checkout", "-q", "--detach", &to]),
        };
        work
    }

    /// A payload whose placeholders have the ids of these names.
    pub fn payload(&self, name: &str, ids: &[(&str, &str)]) -> String {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/events").join(format!("{name}.json"));
        let mut text = fs::read_to_string(file).unwrap().replace("<ZEROS_40>", self.id("zeros"));
        for (placeholder, id) in ids {
            text = text.replace(&format!("<{placeholder}>"), self.id(id));
        }
        assert!(!text.contains('<'), "{text}");
        text
    }

    /// Runs the verb for an event of GitHub Actions.
    pub fn github(
        &self,
        work: &Path,
        event: &str,
        payload: &str,
        variables: &[(&str, &str)],
        arguments: &[&str],
    ) -> Told {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::write(at("event.json"), payload).unwrap();
        let mut command = binary(work);
        command.env("GITHUB_ACTIONS", "true").env("CI", "true").env("GITHUB_EVENT_NAME", event);
        command.env("GITHUB_EVENT_PATH", at("event.json")).env("RUNNER_TEMP", place.path());
        command.env("GITHUB_OUTPUT", at("output")).env("GITHUB_STEP_SUMMARY", at("summary"));
        command.envs(variables.iter().copied()).arg("ci").args(arguments);
        Told::of(&mut command, &at("wandward.json"), &at("output"), &at("summary"))
    }

    /// Runs the verb with these variables alone.
    pub fn elsewhere(&self, work: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Told {
        let place = tempfile::tempdir().unwrap();
        let json = place.path().join("report.json");
        let mut command = binary(work);
        command.envs(variables.iter().copied()).arg("ci").arg("--output").arg(format!("json={}", json.display()));
        Told::of(command.args(arguments), &json, Path::new("/nonexistent"), Path::new("/nonexistent"))
    }
}

/// What the binary told.
pub struct Told {
    pub code: i32,
    /// Null if there is no report.
    pub json: Value,
    pub out: String,
    pub err: String,
    pub summary: String,
    pub outputs: BTreeMap<String, String>,
}

impl Told {
    /// Runs a command and gathers it; nothing of it shows a part of a key.
    pub fn of(command: &mut Command, json: &Path, outputs: &Path, summary: &Path) -> Told {
        let output = super::run(command);
        let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        let told = Told {
            code: output.status.code().unwrap(),
            json: serde_json::from_str(&read(json)).unwrap_or_default(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            summary: read(summary),
            outputs: parsed(&read(outputs)),
        };
        for text in [&told.out, &told.err, &told.summary] {
            assert!(SEEDS.iter().all(|seed| !leaks(text, &key_of(seed))), "a part of a key is shown:\n{text}");
            assert!(!text.contains("internal error") && !text.contains("panicked"), "{text}");
        }
        told
    }

    /// The seeds of the keys that were found.
    pub fn found(&self) -> BTreeSet<&'static str> {
        let findings = self.json["findings"].as_array().unwrap_or_else(|| panic!("no report: {}", self.err));
        let seed = |finding: &Value| {
            let known = |seed: &&&str| finding["key"]["fingerprint"] == fingerprint(&key_of(seed));
            *SEEDS.iter().find(known).unwrap_or_else(|| panic!("another finding: {finding:#}"))
        };
        findings.iter().map(seed).collect()
    }

    /// Exactly these keys, and a report that is complete or not; the code says so.
    pub fn expect(&self, label: &str, seeds: &[&'static str], complete: bool) -> &Told {
        let all = format!("{label}:\n{}{}{:#}", self.err, self.out, self.json["coverage"]);
        assert_eq!(self.found(), seeds.iter().copied().collect(), "{all}");
        assert_eq!(self.json["coverage"]["complete"], complete, "{all}");
        let code = if !seeds.is_empty() { 1 } else { i32::from(!complete) * 3 };
        assert_eq!(self.code, code, "{all}");
        self
    }

    /// The annotations: lines that a runner takes for commands.
    pub fn annotations(&self) -> Vec<&str> {
        self.out.lines().chain(self.err.lines()).filter(|line| line.trim_start().starts_with("::")).collect()
    }

    /// Each of these is said on standard error.
    pub fn says(&self, words: &[&str]) -> &Told {
        words.iter().for_each(|words| assert!(self.err.contains(words), "`{words}` is not said:\n{}", self.err));
        self
    }
}

/// The outputs as a runner reads them (`FileCommandManager` of actions/runner): `name=value`, or lines up to a delimiter.
pub fn parsed(text: &str) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let (equals, heredoc) = (line.find('='), line.find("<<"));
        match (equals, heredoc) {
            (Some(equals), heredoc) if heredoc.is_none_or(|heredoc| equals < heredoc) => {
                outputs.insert(line[..equals].to_owned(), line[equals + 1..].to_owned());
            }
            (_, Some(heredoc)) => {
                let value: Vec<&str> = lines.by_ref().take_while(|next| *next != &line[heredoc + 2..]).collect();
                outputs.insert(line[..heredoc].to_owned(), value.join("\n"));
            }
            _ => panic!("no output: {line}"),
        }
    }
    outputs
}
