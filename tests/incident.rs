//! An incident from the scan to the proof: no output, no record and no file shows a key; the real SDK agrees with the server that
//! these tests ask; and git-filter-repo takes dead keys out of a history. The last two need Python packages (`WANDWARD_PYTHON`
//! names a Python that has them); without these they say so and stop, unless `WANDWARD_REQUIRE_TOOLS` is set.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stderr, reason = "tests may print and panic")]

#[path = "support/contract.rs"]
mod contract;
mod support;

use std::path::Path;
use std::process::{Command, Output};

use contract::Contract;
use support::git::{Repo, git_in};
use support::{fed, key, without_terminal};

fn python(package: &str) -> Option<String> {
    let python = std::env::var("WANDWARD_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let import = format!("import {package}");
    let works = Command::new(&python).args(["-c", &import]).output().is_ok_and(|output| output.status.success());
    assert!(works || std::env::var_os("WANDWARD_REQUIRE_TOOLS").is_none(), "{python} has no `{package}`");
    if !works {
        eprintln!("not run: {python} has no `{package}`");
    }
    works.then_some(python)
}

/// Everything that a run says.
fn run(folder: &Path, arguments: &[&str], input: &str, variables: &[(&str, &str)]) -> (Vec<u8>, i32) {
    let mut command = without_terminal(folder);
    let output = fed(command.args(arguments).envs(variables.iter().copied()), input.as_bytes());
    ([output.stdout, output.stderr].concat(), output.status.code().unwrap())
}

#[test]
fn an_incident_ends_with_a_proof() {
    let (server, repo) = (Contract::start(), Repo::new());
    let leaked = key("v1", "incident");
    server.add(&leaked, 1, Some("ci-model-training"));
    let commit = |name: &str, text: &str, message: &str| {
        std::fs::write(repo.path.join(name), text).unwrap();
        for arguments in [&["add", "."][..], &["commit", "-q", "-m", message]] {
            let mut git = git_in(&repo.path);
            let done = git
                .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.test"])
                .args(arguments)
                .status()
                .unwrap();
            assert!(done.success());
        }
    };
    commit(".env", &format!("WANDB_API_KEY={leaked}\n"), "Settings");
    commit("train.py", &format!("import wandb\nwandb.login(key=\"{leaked}\")\n"), "Train");
    commit("train.py", "import wandb\nwandb.login()\n", "No keys here");
    let started = std::time::Instant::now();
    let url = server.url.as_str();
    let steps: [(&[&str], i32, &str); 5] = [
        (&["scan", "--history"], 1, "exposed key"),
        (&["verify", "--history", "--base-url", url], 1, "user ci-bot (service account)"),
        (&["revoke", "--history", "--base-url", url, "--dry-run"], 1, "breaks: something reads it here"),
        (&["revoke", "--history", "--base-url", url, "--yes", "--count", "1"], 0, "deleted, and proved dead"),
        (&["verify", "--history", "--base-url", url], 0, "0 live, 1 dead, 0 unknown"),
    ];
    for (arguments, wanted, word) in steps {
        let (said, code) = run(&repo.path, arguments, "", &[]);
        let said = String::from_utf8(said).unwrap();
        // The transcript, for whoever runs this test with `--nocapture`.
        eprintln!("$ wandward {}\n{said}[exit {code}]\n", arguments.join(" "));
        assert_eq!((code, said.contains(word)), (wanted, true), "{said}");
    }
    eprintln!("[{:.2} s from the scan to the proof]", started.elapsed().as_secs_f64());
    assert!(!server.takes(&leaked));
}

#[test]
fn no_output_and_no_file_holds_eight_characters_of_a_key() {
    for kind in ["legacy", "v1", "local-legacy", "local-v1"] {
        let (server, folder) = (Contract::start(), tempfile::tempdir().unwrap());
        let keys: Vec<String> = (0..5).map(|nth| key(kind, &format!("shown {nth}"))).collect();
        keys.iter()
            .take(4)
            .enumerate()
            .for_each(|(nth, key)| drop(server.add(key, 0, ["laptop", "x"].get(nth).copied())));
        server.state().old = kind.ends_with("legacy");
        let input = keys[..3].join("\n");
        std::fs::write(folder.path().join("train.py"), format!("import wandb\nwandb.login(key=\"{}\")\n", keys[0]))
            .unwrap();
        std::fs::write(folder.path().join("keys"), &input).unwrap();
        let url = ["--base-url", &server.url];
        let mut said = Vec::new();
        let mut tell = |arguments: &[&str], input: &str, variables: &[(&str, &str)]| {
            said.extend(run(folder.path(), arguments, input, variables).0);
        };
        for format in ["pretty", "json", "jsonl", "markdown"] {
            for more in [&[][..], &["-v"], &["-q"]] {
                tell(&[&["verify", "-", "--format", format][..], &url, more].concat(), &input, &[]);
                tell(&[&["verify", "train.py", "--format", format][..], &url, more].concat(), "", &[]);
            }
            tell(&[&["verify", "--key-file", "keys", "--format", format][..], &url].concat(), "", &[]);
            tell(&[&["scan", "--verify", "--format", format, "train.py"][..], &url].concat(), "", &[]);
            tell(
                &[&["revoke", "-", "-v", "--dry-run", "--format", format][..], &url].concat(),
                &input,
                &[("WANDB_API_KEY", &keys[1])],
            );
        }
        for format in ["pretty", "json", "jsonl"] {
            tell(
                &[&["keys", "--max-age", "1", "--format", format][..], &url].concat(),
                "",
                &[("WANDB_API_KEY", &keys[0])],
            );
            tell(&[&["keys", "-", "--all-users", "--format", format][..], &url].concat(), &keys[0], &[]);
        }
        let rotate = ["rotate", "-", "--name", "ci-model-training", "--to-command", "-v"];
        tell(&[&rotate[..], &url, &["--", "cat"]].concat(), &keys[3], &[]);
        let revoke = ["revoke", "-", "--yes", "--count", "3", "--evidence", "evidence.md", "--filter-repo", "."];
        tell(&[&revoke[..], &url].concat(), &input, &[]);
        tell(&[&["revoke", "-", "--resume"][..], &url].concat(), &input, &[]);
        for wrong in ["revoke", "verify", "rotate", "keys"] {
            tell(&[wrong, &keys[4]], "", &[]);
        }
        assert!(keys[..4].iter().all(|key| !server.takes(key)));
        for name in ["evidence.md", "state/wandward/audit.jsonl", "blob-callback.py", "message-callback.py"] {
            said.extend(std::fs::read(folder.path().join(name)).unwrap());
        }
        let windows: std::collections::HashSet<&[u8]> = said.windows(8).collect();
        let made: Vec<String> = server.state().keys.iter().map(|row| row.secret.clone()).collect();
        for key in keys.iter().chain(&made) {
            let bare = key.strip_prefix("local-").unwrap_or(key).as_bytes();
            let id = if bare.starts_with(b"wandb") { 20 } else { 4 };
            // The last window of the id may be shown; the first that goes beyond it may not.
            let leaks = bare.windows(8).skip(usize::max(id, 7) - 7).find(|window| windows.contains(window));
            assert!(leaks.is_none(), "{kind}");
        }
    }
}

const SDK: &str = r#"
import json, os, sys, wandb
key = sys.argv[1]
user = wandb.Api(api_key=key).viewer
before = list(user.api_keys)
made = user.generate_api_key("ci-model-training")
user = wandb.Api(api_key=key).viewer
between = list(user.api_keys)
new = [name for name in between if name not in before]
deleted = user.delete_api_key(new[0])
after = list(wandb.Api(api_key=key).viewer.api_keys)
wandb.login(key=key, verify=True)
try:
    wandb.login(key=sys.argv[2], verify=True, relogin=True)
    refused = None
except Exception as error:
    refused = type(error).__name__
print(json.dumps([before, between, deleted, after, user.username, refused]))
"#;

/// Runs a script that uses the SDK, at a home and with a server of its own.
fn sdk(python: &str, home: &Path, server: &Contract, script: &[&str]) -> Output {
    let mut command = Command::new(python);
    command.arg("-c").args(script).current_dir(home).env_clear().env("HOME", home);
    command.env("PATH", std::env::var_os("PATH").unwrap()).env("WANDB_BASE_URL", &server.url);
    support::run(&mut command)
}

#[test]
fn the_real_sdk_agrees_with_the_server_that_the_tests_ask() {
    let Some(python) = python("wandb") else { return };
    for old in [false, true] {
        let (server, folder) = (Contract::start(), tempfile::tempdir().unwrap());
        let kind = if old { "legacy" } else { "v1" };
        let (mine, dead) = (key(kind, "sdk"), key(kind, "dead"));
        server.add(&mine, 0, Some("laptop"));
        server.add(&dead, 0, Some("gone"));
        server.state().keys[1].dead = true;
        server.state().old = old;
        let output = sdk(&python, folder.path(), &server, &[SDK, &mine, &dead]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{error}");
        let said = String::from_utf8(output.stdout).unwrap();
        let said: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        let name = contract::name(&mine, old);
        assert_eq!(said[0], serde_json::json!([name]));
        assert_eq!(said[1].as_array().unwrap().len(), 2);
        assert_eq!((&said[2], &said[3]), (&serde_json::json!(true), &serde_json::json!([name])));
        assert_eq!(said[4], "ada");
        assert!(said[5].is_string(), "a dead key is refused: {said} {error}");
        // The SDK asks for keys as the gate demands, and so does wandward, whose verdicts are the SDK's.
        let gated: Vec<_> =
            server.state().got.iter().filter(|got| got.query.contains("piKey")).map(|got| got.agent.clone()).collect();
        assert!(!gated.is_empty() && gated.iter().all(|agent| agent.starts_with("W&B Public Client ")), "{gated:?}");
        let arguments = ["verify", "-", "--format", "json", "--base-url", &server.url];
        assert_eq!(
            (run(folder.path(), &arguments, &mine, &[]).1, run(folder.path(), &arguments, &dead, &[]).1),
            (1, 0)
        );
    }
}

#[test]
fn a_netrc_that_rotate_wrote_is_one_that_the_sdk_reads() {
    let Some(python) = python("wandb") else { return };
    let (server, folder) = (Contract::start(), tempfile::tempdir().unwrap());
    let old = key("v1", "netrc");
    server.add(&old, 0, Some("laptop"));
    let arguments = ["rotate", "-", "--name", "ci-model-training", "--to", "netrc=.netrc", "--base-url", &server.url];
    let (said, code) = run(folder.path(), &arguments, &old, &[]);
    assert_eq!(code, 0, "{}", String::from_utf8_lossy(&said));
    let script = "import wandb; print(wandb.Api().viewer.username)";
    let output = sdk(&python, folder.path(), &server, &[script]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("ada"), "{}", String::from_utf8_lossy(&output.stderr));
    let new = server.state().keys[1].secret.clone();
    assert_eq!(server.state().got.last().unwrap().key.as_ref(), Some(&new));
}

#[test]
fn git_filter_repo_takes_the_keys_out_of_a_history() {
    let Some(python) = python("git_filter_repo") else { return };
    let (server, repo) = (Contract::start(), Repo::new());
    let keys = ["legacy", "v1", "local-legacy", "local-v1"].map(|kind| key(kind, "history"));
    let innocent = support::key("legacy", "innocent");
    let text: String = keys.iter().map(|key| format!("WANDB_API_KEY={key}\n")).collect();
    let git = |arguments: &[&str]| {
        let mut command = git_in(&repo.path);
        let output = command
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.test"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    std::fs::write(repo.path.join("a.env"), format!("{text}commit = {innocent}\n")).unwrap();
    git(&["add", "."]);
    git(&["commit", "-q", "-m", &format!("The wandb api key is {}", keys[1])]);
    std::fs::write(repo.path.join("a.env"), "").unwrap();
    git(&["commit", "-q", "-a", "-m", "No keys"]);
    let arguments =
        ["revoke", "--history", "--filter-repo", "../out", "--yes", "--count", "1", "--base-url", &server.url];
    let folder = repo.path.clone();
    let out = folder.parent().unwrap().join("out");
    std::fs::create_dir_all(&out).unwrap();
    let (said, code) = run(&folder, &arguments, "", &[]);
    assert_eq!(code, 0, "{}", String::from_utf8_lossy(&said));
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    let output = Command::new(python)
        .args(["-m", "git_filter_repo", "--force", "--blob-callback", &read("blob-callback.py")])
        .args(["--message-callback", &read("message-callback.py")])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let all = git(&["log", "--all", "-p", "--format=%B"]);
    assert!(keys.iter().all(|key| !all.contains(key.as_str())), "{all}");
    assert!(all.contains(&innocent) && all.matches("***REMOVED***").count() > 4, "{all}");
}
