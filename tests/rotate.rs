//! `rotate`: the new key gets where it is to go and nowhere else, in the guidance's order; whatever fails, the old key lives on and
//! it is said what exists.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

#[path = "support/contract.rs"]
mod contract;
mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use contract::{Contract, Fault};
use serde_json::Value;
use support::{fed, key, without_terminal};

fn run(folder: &Path, arguments: &[&str], input: &str) -> Output {
    fed(without_terminal(folder).args(arguments), input.as_bytes())
}

fn steps(output: &Output) -> Vec<(String, String)> {
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    report["steps"].as_array().unwrap().iter().map(|step| (text(&step["step"]), text(&step["result"]))).collect()
}

/// The key that the server made.
fn new_key(server: &Contract) -> Option<String> {
    server.state().keys.get(1).map(|row| row.secret.clone())
}

fn shows(output: &Output, key: &str, shown: usize) -> bool {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    key.as_bytes()[shown..].windows(8).any(|window| said.windows(8).any(|other| other == window))
}

#[test]
fn the_new_key_takes_the_place_of_the_old_one() {
    for old in [false, true] {
        let kind = if old { "legacy" } else { "v1" };
        for to in ["dotenv", "netrc"] {
            let (server, folder, key) = (Contract::start(), tempfile::tempdir().unwrap(), key(kind, to));
            server.add(&key, 0, Some("laptop"));
            server.state().old = old;
            let name = if to == "dotenv" { ".env" } else { ".netrc" };
            let file = folder.path().join(name);
            let text = match to {
                "dotenv" => format!("A=1\nexport WANDB_API_KEY=\"{key}\"\nB=2\n"),
                _ => format!(
                    "machine x login y password z\nmachine 127.0.0.1:{}\n  login user\n  password {key}\n",
                    server.port
                ),
            };
            std::fs::write(&file, &text).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
            let target = format!("{to}={name}");
            let arguments = [
                "rotate", name, "--name", "ci-model-training", "--to", &target, "--base-url", &server.url, "--format",
                "json",
            ];
            let output = run(folder.path(), &arguments, "");
            assert_eq!(output.status.code(), Some(0), "{to}: {}", String::from_utf8_lossy(&output.stderr));
            let wanted = [
                ("create", "accepted"),
                ("hand-over", "done"),
                ("proof", "live"),
                ("delete", "accepted"),
                ("proof", "dead"),
            ];
            assert_eq!(steps(&output), wanted.map(|(a, b)| (a.to_owned(), b.to_owned())));
            let new = new_key(&server).unwrap();
            let wanted = if to == "dotenv" {
                format!("A=1\nexport WANDB_API_KEY={new}\nB=2\n")
            } else {
                text.replace(&key, &new)
            };
            assert_eq!(std::fs::read_to_string(&file).unwrap(), wanted);
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
            assert!(server.takes(&new) && !server.takes(&key));
            assert_eq!(server.state().keys[1].description.as_deref(), Some("ci-model-training"));
            let shown = if old { 4 } else { 20 };
            assert!(!shows(&output, &new, shown) && !shows(&output, &key, shown));
            let left: Vec<_> =
                std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(left.len(), 2, "{left:?}");
        }
    }
}

#[test]
fn a_command_gets_it_on_its_standard_input_and_nowhere_else() {
    let (server, folder, key) = (Contract::start(), tempfile::tempdir().unwrap(), key("v1", "command"));
    server.add(&key, 0, None);
    let script = "cat > got; tr '\\0' '\\n' < /proc/$$/environ > environ; tr '\\0' ' ' < /proc/$$/cmdline > argv; cat got; cat got >&2";
    let arguments = [
        "rotate", "-", "--name", "ci-model-training", "--base-url", &server.url, "--to-command", "--", "sh", "-c",
        script,
    ];
    let output = run(folder.path(), &arguments, &key);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let new = new_key(&server).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("got"), new);
    assert!(!read("environ").contains(&new) && !read("argv").contains(&new));
    assert!(!shows(&output, &new, 20), "what the command printed is not shown");
    assert!(server.takes(&new) && !server.takes(&key));
    let audit = std::fs::read(folder.path().join("state/wandward/audit.jsonl")).unwrap();
    assert!(new.as_bytes()[20..].windows(8).all(|window| !audit.windows(8).any(|other| other == window)));
}

#[test]
fn whatever_fails_the_old_key_lives_on_and_it_is_said_what_exists() {
    let json = "application/json";
    let error = "{\"errors\": [{\"message\": \"no more keys\"}]}";
    let create = |got: &contract::Got| got.query.contains("generateApiKey");
    let asks_new =
        |got: &contract::Got, old: &str| got.query.starts_with("query Viewer") && got.key.as_deref() != Some(old);
    for (what, word, made) in [
        ("refused", "no more keys", false),
        ("not done", "the old one is as it was", false),
        ("done without an answer", "the account has one of that name", true),
        ("no proof", "does not vouch", true),
        ("the command fails", "delete it at", true),
        ("no such command", "delete it at", true),
    ] {
        let (server, folder, key) = (Contract::start(), tempfile::tempdir().unwrap(), key("v1", what));
        server.add(&key, 0, None);
        let old = key.clone();
        server.fault(move |got| match what {
            "refused" => create(got).then(|| Fault::Status(403, json, error.to_owned())),
            "not done" => create(got).then_some(Fault::Closed),
            "done without an answer" => create(got).then_some(Fault::DoneAndClosed),
            "no proof" => asks_new(got, &old).then(|| Fault::Status(401, json, error.to_owned())),
            _ => None,
        });
        let command: &[&str] = match what {
            "the command fails" => &["--to-command", "--", "sh", "-c", "exit 7"],
            "no such command" => &["--to-command", "--", "no-such-command-anywhere"],
            _ => &["--to", "dotenv=.env"],
        };
        let arguments =
            [&["rotate", "-", "--name", "ci-model-training", "--base-url", &server.url][..], command].concat();
        let output = run(folder.path(), &arguments, &key);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), said.contains(word)), (Some(3), true), "{what}: {said}");
        assert!(server.takes(&key), "{what}");
        assert_eq!(server.state().got.iter().filter(|got| create(got)).count(), 1, "{what}: asked for once");
        assert_eq!(new_key(&server).is_some(), made, "{what}");
        if let Some(new) = new_key(&server).filter(|_| what != "no proof") {
            assert!(said.contains(&new[..20]), "{what}: {said}");
        }
    }
}

#[test]
fn the_old_key_stays_where_something_reads_it() {
    let (server, folder, key) = (Contract::start(), tempfile::tempdir().unwrap(), key("v1", "still"));
    server.add(&key, 0, None);
    for name in ["a.env", "train.env"] {
        std::fs::write(folder.path().join(name), format!("WANDB_API_KEY={key}\n")).unwrap();
    }
    let arguments = ["rotate", "--name", "ci-model-training", "--to", "dotenv=a.env", "--base-url", &server.url];
    let output = run(folder.path(), &arguments, "");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("still read in train.env:1:15") && !said.contains("still read in a.env"), "{said}");
    assert!(server.takes(&key) && server.takes(&new_key(&server).unwrap()));
}

#[test]
fn what_is_wrong_is_said_before_a_key_is_made() {
    let (server, folder) = (Contract::start(), tempfile::tempdir().unwrap());
    let keys = ["a", "b"].map(|seed| key("v1", seed));
    keys.iter().for_each(|key| drop(server.add(key, 0, None)));
    let both = keys.join("\n");
    for (more, input, code) in [
        (&["--name", "test", "--to", "dotenv=.env"][..], &keys[0], 2),
        (&["--name", "ci-model-training"], &keys[0], 2),
        (&["--name", "ci-model-training", "--to", "none/such/.env"], &keys[0], 2),
        (&["--name", "ci-model-training", "--to", "dotenv=none/such/.env"], &keys[0], 2),
        (&["--to", "dotenv=.env"], &keys[0], 2),
        (&["--name", "ci-model-training", "--to-command"], &keys[0], 2),
        (&["--name", "ci-model-training", "--to", "dotenv=.env", "--audit-log", "/proc/no/audit"], &keys[0], 3),
        (&["--name", "ci-model-training", "--to", "dotenv=.env"], &both, 3),
    ] {
        let output = run(folder.path(), &[&["rotate", "-", "--base-url", &server.url][..], more].concat(), input);
        assert_eq!(output.status.code(), Some(code), "{more:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(server.state().got.iter().all(|got| !got.query.contains("mutation")));
    server.state().keys.iter_mut().for_each(|row| row.dead = true);
    let arguments = ["rotate", "-", "--base-url", &server.url, "--name", "ci-model-training", "--to", "dotenv=.env"];
    assert_eq!(run(folder.path(), &arguments, &both).status.code(), Some(0));
    assert!(!folder.path().join(".env").exists());
}

#[test]
fn a_rotation_that_was_cut_off_is_told_by_the_record_once() {
    for (what, word) in [("before the answer", "there may be a key named"), ("before the place", "the new key")] {
        let (server, folder, key) = (Contract::start(), tempfile::tempdir().unwrap(), key("v1", what));
        server.add(&key, 0, None);
        if what == "before the answer" {
            server.fault(|got| {
                got.query.contains("generateApiKey").then_some(Fault::Slow(std::time::Duration::from_secs(30)))
            });
        }
        // The command never reads, so the key is not handed over when the program is killed.
        let arguments = [
            "rotate",
            "-",
            "--name",
            "ci-model-training",
            "--base-url",
            &server.url,
            "--timeout",
            "30",
            "--to-command",
            "--",
            "sh",
            "-c",
            "echo > started; sleep 30",
        ];
        let mut child = support::piped(without_terminal(folder.path()).args(arguments));
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), key.as_bytes()).unwrap();
        let there = || match what {
            "before the answer" => server.state().got.iter().any(|got| got.query.contains("generateApiKey")),
            _ => folder.path().join("started").exists(),
        };
        while !there() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        server.fault(|_| None);
        let resume = ["revoke", "-", "--base-url", &server.url, "--resume"];
        let output = run(folder.path(), &resume, &key);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), said.contains(word)), (Some(3), true), "{what}: {said}");
        assert!(
            said.contains("/settings") && said.contains("ci-model-training") == (what == "before the answer"),
            "{said}"
        );
        let output = run(folder.path(), &resume, &key);
        assert_eq!(output.status.code(), Some(0), "told once: {}", String::from_utf8_lossy(&output.stderr));
        assert!(server.takes(&key));
    }
}
