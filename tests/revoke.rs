//! `revoke`: what is planned, what is asked of the server, what is proved and what is written down, for every answer of a server
//! and for every moment at which it may be killed. No key is deleted twice, or without a record, or in place of another.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

#[path = "support/contract.rs"]
mod contract;
mod support;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use contract::{Contract, Fault};
use serde_json::Value;
use support::{fed, key, piped, without_terminal};

/// A folder to work in, with a state folder of its own.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn log(&self) -> PathBuf {
        self.path().join("state/wandward/audit.jsonl")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = without_terminal(self.path());
        command.args(arguments).env("USER", "tester");
        command
    }

    fn run(&self, arguments: &[&str], input: &str) -> (Value, i32, String) {
        let output = fed(&mut self.command(&[arguments, &["--format", "json"]].concat()), input.as_bytes());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        (report, output.status.code().unwrap(), error)
    }

    fn records(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

fn steps(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    report["steps"].as_array().unwrap().iter().map(|step| (text(&step["step"]), text(&step["result"]))).collect()
}

fn is_deletion(got: &contract::Got) -> bool {
    got.query.contains("deleteApiKey")
}

fn is_about_keys(got: &contract::Got) -> bool {
    got.query.contains("apiKeys")
}

#[test]
fn a_key_is_deleted_once_proved_dead_and_written_down() {
    for kind in ["legacy", "v1", "local-legacy", "local-v1"] {
        for old in [true, false] {
            if kind.ends_with("legacy") && !old {
                continue;
            }
            let (server, place, key) = (Contract::start(), Place::new(), key(kind, "one"));
            let other = support::key(kind, "other");
            server.add(&other, 0, Some("ci-model-training"));
            let node = server.add(&key, 0, Some("laptop"));
            server.state().old = old;
            server.state().page = 1;
            let arguments = ["revoke", "-", "--base-url", &server.url];
            let (report, code, _) = place.run(&[&arguments[..], &["--dry-run"]].concat(), &key);
            assert_eq!((code, server.state().deletions.len(), place.log().exists()), (1, 0, false), "{kind} {report}");
            let (report, code, error) = place.run(&[&arguments[..], &["--yes", "--count", "1"]].concat(), &key);
            assert_eq!(code, 0, "{kind}: {error}");
            assert_eq!(report["findings"][0]["liveness"], "dead");
            let wanted = [("plan", "delete"), ("delete", "accepted"), ("proof", "dead")];
            assert_eq!(steps(&report), wanted.map(|(a, b)| (a.to_owned(), b.to_owned())));
            assert_eq!(server.state().deletions, std::slice::from_ref(&node));
            assert!(server.takes(&other) && !server.takes(&key));
            let records = place.records();
            let told: Vec<(&str, &str)> = records
                .iter()
                .map(|record| (record["step"].as_str().unwrap(), record["result"].as_str().unwrap()))
                .collect();
            assert_eq!(told, [("delete", "begun"), ("delete", "accepted"), ("proof", "dead")]);
            for record in &records {
                assert_eq!(record["fingerprint"], support::fingerprint(&key));
                assert_eq!((&record["node"], &record["who"]), (&Value::from(node.clone()), &Value::from("tester")));
            }
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                assert_eq!(std::fs::metadata(place.log()).unwrap().permissions().mode() & 0o777, 0o600);
            }
            // A second time there is nothing to confirm.
            let (_, code, _) = place.run(&[&arguments[..], &["--yes", "--count", "5"]].concat(), &key);
            assert_eq!((code, server.state().deletions.len()), (0, 1));
        }
    }
}

#[test]
fn every_answer_to_a_deletion_is_told_and_asked_for_once() {
    let json = "application/json";
    let status = |status, body: &str| Fault::Status(status, json, body.to_owned());
    let error = "{\"errors\": [{\"message\": \"it is not to be\"}], \"data\": null}";
    let cases = [
        ("success: false", Fault::Fails, 1, "failed", "live"),
        ("a lie", Fault::Lies, 1, "accepted", "live"),
        ("200 with errors", status(200, error), 1, "failed", "live"),
        ("409", status(409, error), 1, "failed", "live"),
        ("403", status(403, error), 1, "failed", "live"),
        ("401", status(401, error), 1, "failed", "live"),
        ("429", Fault::Header(429, json, "Retry-After: 0".to_owned(), error.to_owned()), 1, "failed", "live"),
        ("500", status(500, error), 1, "failed", "live"),
        ("relogin", status(200, "{\"errors\": [{\"message\": \"relogin required\"}]}"), 1, "failed", "live"),
        ("a page", Fault::Status(200, "text/html", "<html>".to_owned()), 1, "failed", "live"),
        (
            "a redirect",
            Fault::Header(307, json, "Location: http://127.0.0.1:9/".to_owned(), String::new()),
            1,
            "failed",
            "live",
        ),
        ("no answer, not done", Fault::Closed, 1, "failed", "live"),
        ("no answer, done", Fault::DoneAndClosed, 0, "failed", "dead"),
        ("half an answer, done", Fault::Truncated, 0, "failed", "dead"),
        ("too late, done", Fault::Slow(Duration::from_secs(3)), 0, "failed", "dead"),
    ];
    for (what, fault, code, answer, proof) in cases {
        let (server, place, key) = (Contract::start(), Place::new(), key("v1", what));
        server.add(&key, 0, None);
        server.fault(move |got| is_deletion(got).then(|| fault.clone()));
        let arguments = ["revoke", "-", "--base-url", &server.url, "--timeout", "1", "--yes", "--count", "1"];
        let (report, got, error) = place.run(&arguments, &key);
        assert_eq!(got, code, "{what}: {report} {error}");
        let told = steps(&report);
        assert_eq!(
            told[1..],
            [("delete".to_owned(), answer.to_owned()), ("proof".to_owned(), proof.to_owned())],
            "{what}"
        );
        assert_eq!(server.state().deletions.len(), 1, "{what}");
        assert_eq!(server.takes(&key), proof == "live", "{what}");
        let reasons: String =
            report["steps"].as_array().unwrap().iter().map(|step| step["reason"].as_str().unwrap()).collect();
        let word = match what {
            "success: false" => "did not delete",
            "409" => "conflict",
            "relogin" => "new login",
            "403" => "it is not to be",
            _ => "",
        };
        assert!(reasons.contains(word), "{what}: {reasons}");
    }
}

#[test]
fn a_proof_that_fails_is_no_proof_and_resume_finds_out() {
    let (server, place, key) = (Contract::start(), Place::new(), key("legacy", "unknown"));
    server.add(&key, 0, None);
    server.state().old = true;
    let deleted = AtomicBool::new(false);
    server.fault(move |got| {
        if is_deletion(got) {
            deleted.store(true, Ordering::Relaxed);
            return None;
        }
        deleted.load(Ordering::Relaxed).then(|| Fault::Status(502, "text/html", String::new()))
    });
    let arguments = ["revoke", "-", "--base-url", &server.url, "--yes", "--count", "1"];
    let (report, code, _) = place.run(&arguments, &key);
    assert_eq!((code, steps(&report).last().unwrap().1.as_str()), (3, "unknown"), "{report}");
    let resume = ["revoke", "-", "--base-url", &server.url, "--resume"];
    assert_eq!(place.run(&resume, &key).1, 3);
    server.fault(|_| None);
    let (report, code, _) = place.run(&resume, &key);
    assert_eq!((code, steps(&report)), (0, vec![("proof".to_owned(), "dead".to_owned())]));
    assert_eq!(place.run(&resume, &key).1, 0);
    assert_eq!(server.state().deletions.len(), 1);
    assert_eq!(place.records().last().unwrap()["result"], "dead");
}

#[test]
fn nothing_is_deleted_without_a_word() {
    let (server, place) = (Contract::start(), Place::new());
    let keys = ["a", "b"].map(|seed| key("v1", seed));
    keys.iter().for_each(|key| drop(server.add(key, 0, None)));
    let input = keys.join("\n");
    let arguments = ["revoke", "-", "--base-url", &server.url];
    for (more, code) in [
        (&[][..], 3),
        (&["--yes"], 2),
        (&["--count", "2"], 2),
        (&["--yes", "--count", "1"], 3),
        (&["--yes", "--count", "3"], 3),
        (&["--yes", "--count", "2", "--audit-log", "/proc/none/audit.jsonl"], 3),
        (&["--yes", "--count", "2", "--evidence", "none/such/e.md"], 2),
        (&["--dry-run"], 1),
    ] {
        let (_, got, error) = place.run(&[&arguments[..], more].concat(), &input);
        assert_eq!(got, code, "{more:?}: {error}");
        assert!(server.state().deletions.is_empty(), "{more:?}");
    }
    let (report, code, error) = place.run(&[&arguments[..], &["--yes", "--count", "2"]].concat(), &input);
    assert_eq!((code, server.state().deletions.len()), (0, 2), "{report} {error}");
}

#[test]
fn a_key_that_is_not_surely_this_one_is_not_deleted() {
    let (server, place, key) = (Contract::start(), Place::new(), key("v1", "twin"));
    server.add(&key, 0, None);
    // Another key whose id is the same.
    let twin = format!("{}{}", &key[..60], &support::key("v1", "twin 2")[60..]);
    server.add(&twin, 0, None);
    let arguments = ["revoke", "-", "--base-url", &server.url, "--yes", "--count", "1"];
    let (report, code, _) = place.run(&arguments, &key);
    assert_eq!((code, server.state().deletions.len()), (3, 0), "{report}");
    let reason = report["steps"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("2 keys") && reason.contains("/settings"), "{reason}");
    // One that the server does not list.
    server.state().absent.insert("apiKeys");
    let (report, code, _) = place.run(&arguments, &key);
    assert_eq!((code, server.state().deletions.len()), (3, 0), "{report}");
}

#[test]
fn many_keys_go_on_after_a_failure() {
    let (server, place) = (Contract::start(), Place::new());
    let keys = ["a", "b", "c", "d"].map(|seed| key("v1", seed));
    let nodes = keys.clone().map(|key| server.add(&key, 0, None));
    server.state().keys[3].dead = true;
    let bad = nodes[1].clone();
    server.fault(move |got| (is_deletion(got) && got.variables["id"] == bad.as_str()).then_some(Fault::Fails));
    let input = keys.join("\n");
    let arguments = ["revoke", "-", "--base-url", &server.url, "--yes", "--count", "3", "--evidence", "e.md"];
    let (report, code, error) = place.run(&arguments, &input);
    assert_eq!(code, 1, "{report} {error}");
    assert_eq!(keys.clone().map(|key| server.takes(&key)), [false, true, false, false]);
    assert_eq!(server.state().deletions.len(), 3);
    let evidence = std::fs::read_to_string(place.path().join("e.md")).unwrap();
    assert_eq!(evidence.matches("| proof | dead |").count(), 2, "{evidence}");
    assert_eq!(evidence.matches("| proof | live |").count(), 1);
}

#[test]
fn the_operators_own_key_is_left_alone_or_the_last() {
    let (server, place) = (Contract::start(), Place::new());
    let keys = ["own", "other"].map(|seed| key("v1", seed));
    let nodes = keys.clone().map(|key| server.add(&key, 0, None));
    let input = keys.join("\n");
    let arguments = ["revoke", "-", "--format", "json", "--base-url", &server.url, "--yes", "--count"];
    let run = |count: &str, more: &[&str]| {
        let mut command = place.command(&[&arguments[..], &[count], more].concat());
        command.env("WANDB_API_KEY", &keys[0]);
        fed(&mut command, input.as_bytes())
    };
    assert_eq!(run("2", &[]).status.code(), Some(3));
    let output = run("1", &[]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(steps(&report).contains(&("plan".to_owned(), "own".to_owned())), "{report}");
    assert_eq!(server.state().deletions, [nodes[1].clone()]);
    let third = key("v1", "third");
    let node = server.add(&third, 0, None);
    let input = format!("{}\n{third}\n", keys[0]);
    let mut command = place.command(&[&arguments[..], &["2", "--include-own", "--as-operator"]].concat());
    command.env("WANDB_API_KEY", &keys[0]);
    let output = fed(&mut command, input.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(server.state().deletions, [nodes[1].clone(), node, nodes[0].clone()]);
}

#[test]
fn an_administrator_deletes_anothers_key() {
    let (server, place) = (Contract::start(), Place::new());
    let (root, leaked) = (key("v1", "root"), key("v1", "leaked"));
    server.add(&root, 2, None);
    // The list of all users does not say who is an administrator; the leaked key itself does.
    server.state().users.push(contract::User { name: "admin-too", account: "USER", admin: true });
    let node = server.add(&leaked, 3, None);
    let arguments = ["revoke", "-", "--base-url", &server.url, "--yes", "--count", "1", "--as-operator"];
    let mut command = place.command(&arguments);
    command.env("WANDB_API_KEY", &root);
    let output = fed(&mut command, leaked.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    let state = server.state();
    assert_eq!(state.deletions, [node]);
    let asker = state.got.iter().find(|got| is_deletion(got)).unwrap();
    assert_eq!(asker.key.as_deref(), Some(root.as_str()));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("owner: user admin-too (user account), an administrator"), "{said}");
}

#[test]
fn the_operators_key_goes_to_no_server_that_only_a_key_names() {
    let (own, theirs, place) = (Contract::start(), Contract::start(), Place::new());
    let (root, leaked) = (key("v1", "root"), key("v1", "leaked"));
    theirs.add(&leaked, 0, None);
    let netrc = format!("machine 127.0.0.1:{} login user password {leaked}\n", theirs.port);
    std::fs::write(place.path().join("leak.netrc"), netrc).unwrap();
    let arguments = ["revoke", "leak.netrc", "--allow-host", "127.0.0.1", "--as-operator", "--yes", "--count", "1"];
    let mut command = place.command(&arguments);
    command.env("WANDB_API_KEY", &root);
    let output = fed(&mut command, b"");
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(theirs.state().got.iter().all(|got| got.key.as_deref() != Some(root.as_str())));
    assert!(own.state().got.is_empty());
}

#[test]
fn a_person_types_the_id() {
    let (server, place, key) = (Contract::start(), Place::new(), key("v1", "typed"));
    server.add(&key, 0, None);
    std::fs::write(place.path().join(".env"), format!("WANDB_API_KEY={key}\n")).unwrap();
    let terminal = |answer: &str| {
        let script = "import os,pty,sys,time\npid,fd=pty.fork()\nif pid==0: os.execv(sys.argv[2],sys.argv[2:])\nout=b''\nsent=False\n\
                      while True:\n  try: d=os.read(fd,4096)\n  except OSError: break\n  if not d: break\n  out+=d\n  \
                      if b'for ever: ' in out and not sent: os.write(fd,sys.argv[1].encode()+b'\\n'); sent=True\n\
                      sys.stdout.buffer.write(out)\nsys.exit(os.waitstatus_to_exitcode(os.waitpid(pid,0)[1]))";
        let mut command = Command::new("python3");
        command.args([
            "-c",
            script,
            answer,
            env!("CARGO_BIN_EXE_wandward"),
            "revoke",
            ".env",
            "--base-url",
            &server.url,
        ]);
        command.current_dir(place.path()).env("XDG_STATE_HOME", place.path().join("state")).env_remove("WANDB_API_KEY");
        let output = command.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = terminal("yes");
    assert_eq!((code, server.state().deletions.len()), (3, 0), "{said}");
    let (code, said) = terminal(&key[..20]);
    assert_eq!((code, server.state().deletions.len()), (0, 1), "{said}");
    assert!(said.contains("proved dead") && said.contains("breaks"), "{said}");
    assert!(said.contains("owner: user ada (user account), no administrator"), "{said}");
    assert!(key.as_bytes()[20..].windows(8).all(|window| !said.contains(str::from_utf8(window).unwrap())));
}

/// A number that looks random, and is the same each time.
fn dice(round: u64) -> u64 {
    let mut x = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d;
    x ^= x >> 27;
    x.wrapping_mul(0x94d0_49bb_1331_11eb) >> 33
}

#[test]
fn killed_at_any_moment_it_deletes_nothing_twice_or_unrecorded() {
    const ROUNDS: u64 = 200;
    let server = Contract::start();
    // A server that takes its time leaves more moments in which to be killed.
    server.fault(|_| Some(Fault::Slow(Duration::from_millis(4))));
    let mut cut_off = 0;
    for round in 0..ROUNDS {
        let (place, key) = (Place::new(), key("v1", &format!("kill {round}")));
        let node = server.add(&key, 0, None);
        let before_round = server.state().got.len();
        let mut command = Command::new(env!("CARGO_BIN_EXE_wandward"));
        command
            .args(["revoke", "-", "--base-url", &server.url, "--yes", "--count", "1"])
            .current_dir(place.path())
            .env_clear();
        command.env("XDG_STATE_HOME", place.path().join("state"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(key.as_bytes()).unwrap();
        // Somewhere behind its so many-th question, however slow the machine is.
        let (questions, behind) = (before_round + dice(round) as usize % 6, dice(round + ROUNDS) % 9);
        while server.state().got.len() < questions && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(200));
        }
        std::thread::sleep(Duration::from_millis(behind));
        child.kill().unwrap();
        child.wait().unwrap();
        let asked = |server: &Contract| server.state().deletions.iter().filter(|id| **id == node).count();
        server.settle();
        let before = asked(&server);
        let begun = place.records().iter().any(|record| record["result"] == "begun");
        assert!(before <= 1 && (before == 0 || begun), "round {round}");
        cut_off += u32::from(begun);
        let resume = ["revoke", "-", "--base-url", &server.url, "--resume"];
        let (report, code, error) = place.run(&resume, &key);
        assert_eq!(asked(&server), before, "resume deletes nothing");
        let last = place.records().last().map(|record| record["result"].as_str().unwrap().to_owned());
        match last.as_deref() {
            None => assert_eq!((code, server.takes(&key)), (0, true), "round {round}: {report} {error}"),
            Some("dead") => assert_eq!((code, server.takes(&key)), (0, false), "round {round}: {report} {error}"),
            Some("live") => assert_eq!((code, server.takes(&key)), (1, true), "round {round}: {report} {error}"),
            Some(other) => panic!("round {round}: {other}: {report} {error}"),
        }
        // And a second run ends it, asking once more only if the first did not get there.
        let (_, code, error) = place.run(&["revoke", "-", "--base-url", &server.url, "--yes", "--count", "1"], &key);
        assert_eq!((code, asked(&server), server.takes(&key)), (0, 1, false), "round {round}: {error}");
    }
    assert!(cut_off > 20 && cut_off < 195, "{cut_off} of {ROUNDS} rounds were cut off after the deletion began");
}

#[test]
fn two_at_a_time_do_not_share_a_record() {
    let (server, place) = (Contract::start(), Place::new());
    let keys = ["a", "b"].map(|seed| key("v1", seed));
    keys.iter().for_each(|key| drop(server.add(key, 0, None)));
    server.fault(|got| is_deletion(got).then_some(Fault::Slow(Duration::from_millis(1500))));
    let arguments = ["revoke", "-", "--base-url", &server.url, "--yes", "--count", "1"];
    let mut first = piped(&mut place.command(&arguments));
    first.stdin.take().unwrap().write_all(keys[0].as_bytes()).unwrap();
    while server.state().deletions.is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let (_, code, error) = place.run(&arguments, &keys[1]);
    assert_eq!((code, server.takes(&keys[1])), (3, true), "{error}");
    assert_eq!(first.wait().unwrap().code(), Some(0));
}

#[test]
fn an_account_that_cannot_be_listed_is_not_guessed_at() {
    let (server, place, key) = (Contract::start(), Place::new(), key("v1", "listless"));
    server.add(&key, 0, None);
    let relogin = "{\"errors\": [{\"message\": \"relogin required\"}]}";
    for (status, body) in [(200, relogin), (403, relogin), (500, ""), (200, "{\"data\": {\"viewer\": {}}}")] {
        server.fault(move |got| is_about_keys(got).then(|| Fault::Status(status, "application/json", body.to_owned())));
        let (report, code, _) = place.run(&["revoke", "-", "--base-url", &server.url, "--yes", "--count", "1"], &key);
        assert_eq!((code, server.state().deletions.len()), (3, 0), "{report}");
        assert!(report["steps"][0]["reason"].as_str().unwrap().contains("/settings"), "{report}");
    }
}

#[test]
fn a_list_that_nobody_ends_is_no_proof_that_a_key_is_the_one() {
    let (server, place, key) = (Contract::start(), Place::new(), key("v1", "endless"));
    let node = server.add(&key, 0, None);
    let body = serde_json::json!({"data": {"viewer": {"username": "ada", "apiKeys": {
        "edges": [{"node": {"id": node, "name": &key[..20], "description": null}}],
        "pageInfo": {"hasNextPage": true, "endCursor": null},
    }}}});
    let body = body.to_string();
    server.fault(move |got| is_about_keys(got).then(|| Fault::Status(200, "application/json", body.clone())));
    let (report, code, _) = place.run(&["revoke", "-", "--base-url", &server.url, "--yes", "--count", "1"], &key);
    assert_eq!((code, server.state().deletions.len()), (3, 0), "{report}");
    assert!(report["steps"][0]["reason"].as_str().unwrap().contains("more keys than were read"), "{report}");
}

#[test]
fn every_format_tells_the_steps() {
    let (server, place) = (Contract::start(), Place::new());
    let keys = ["a", "b"].map(|seed| key("v1", seed));
    server.add(&keys[0], 0, Some("laptop"));
    let input = keys.join("\n");
    let run = |format: &str, more: &[&str]| {
        let arguments = [&["revoke", "-", "--base-url", &server.url, "--format", format], more].concat();
        let output = fed(&mut place.command(&arguments), input.as_bytes());
        (String::from_utf8(output.stdout).unwrap(), output.status.code())
    };
    let (lines, code) = run("jsonl", &["--yes", "--count", "1", "--output", "json=saved.json"]);
    assert_eq!(code, Some(0), "{lines}");
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert!(last["coverage"].is_object());
    let wanted = [("plan", "delete"), ("plan", "dead"), ("delete", "accepted"), ("proof", "dead")];
    let wanted = wanted.map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(steps(&last), wanted);
    std::fs::write(place.path().join("saved.jsonl"), &lines).unwrap();
    // And a saved report tells them again, of several reports each once.
    let again = |arguments: &[&str]| {
        let output = fed(&mut place.command(&[&["report"], arguments].concat()), b"");
        String::from_utf8(output.stdout).unwrap()
    };
    for files in [&["saved.jsonl"][..], &["saved.json"], &["saved.json", "saved.jsonl"]] {
        let report: Value = serde_json::from_str(&again(&[files, &["--format", "json"]].concat())).unwrap();
        assert_eq!(steps(&report), wanted, "{files:?}");
    }
    for format in ["markdown", "html", "pretty"] {
        let said = again(&["saved.json", "--format", format]);
        assert!(said.contains("accepted") && said.contains("proof"), "{format}: {said}");
    }
    let (page, _) = run("markdown", &["--dry-run"]);
    assert!(page.contains("## Steps") && page.contains(&server.url["http://".len()..]), "{page}");
}

/// The binary under a limit on how large a file may grow, in blocks of 512 bytes; that it is reached is an error and no end.
fn with_room(place: &Place, blocks: u64, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""),
        env!("CARGO_BIN_EXE_wandward"),
    ]);
    command.args(arguments).current_dir(place.path()).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command
}

#[test]
fn a_record_that_is_full_ends_it_and_what_was_done_is_told() {
    let (server, place) = (Contract::start(), Place::new());
    let keys = ["a", "b", "c"].map(|seed| key("v1", seed));
    keys.iter().for_each(|key| drop(server.add(key, 0, None)));
    let log = place.path().join("audit.jsonl");
    let arguments = ["revoke", "-", "--base-url", &server.url, "--format", "json", "--audit-log", "audit.jsonl"];
    let confirmed = [&arguments[..], &["--yes", "--count", "3"]].concat();
    // How long the lines of one key are shows a run elsewhere.
    let elsewhere = Place::new();
    let other = key("v1", "other");
    server.add(&other, 0, None);
    assert_eq!(elsewhere.run(&["revoke", "-", "--base-url", &server.url, "--yes", "--count", "1"], &other).1, 0);
    let lines = std::fs::metadata(elsewhere.log()).unwrap().len();
    let blocks = 8;
    let leave = |room: u64| {
        let filler = usize::try_from(blocks * 512 - room).unwrap();
        std::fs::write(&log, format!("{}\n", " ".repeat(filler - 1))).unwrap();
    };
    // There is room for one key, and for the beginning of the next.
    leave(lines + 40);
    let output = fed(&mut with_room(&place, blocks, &confirmed), keys.join("\n").as_bytes());
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), error.contains("nothing more is deleted")), (Some(3), true), "{error}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let told = steps(&report);
    let wanted = [("delete", "accepted"), ("proof", "dead")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(told[told.len() - 2..], wanted);
    assert_eq!(keys.clone().map(|key| server.takes(&key)), [false, true, true]);
    assert_eq!(server.state().deletions.len(), 2);
    // A key that is dead, and of whose end there is no record, is not the whole of an answer.
    leave(lines - 40);
    let one = [&arguments[..], &["--yes", "--count", "1"]].concat();
    let output = fed(&mut with_room(&place, blocks, &one), keys[1].as_bytes());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), server.takes(&keys[1])), (Some(3), false), "{report}");
    assert_eq!(steps(&report)[1..], wanted);
}

#[test]
fn what_can_be_mended_is_named_afterwards() {
    let (server, place, key) = (Contract::start(), Place::new(), key("v1", "mend"));
    server.add(&key, 0, None);
    std::fs::write(place.path().join("train.py"), format!("import wandb\nwandb.login(key=\"{key}\")\n")).unwrap();
    std::fs::write(place.path().join("notes.txt"), format!("our wandb key: {key}\n")).unwrap();
    let arguments = ["revoke", "train.py", "notes.txt", "--base-url", &server.url, "--yes", "--count", "1"];
    let output = fed(&mut place.command(&arguments), b"");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("`wandward scan --fix` does it in train.py;"), "{said}");
    // Where nothing can be mended it is not named.
    let other = support::key("v1", "no mend");
    server.add(&other, 0, None);
    std::fs::write(place.path().join("notes.txt"), format!("our wandb key: {other}\n")).unwrap();
    // What is mended here is no key.
    std::fs::write(place.path().join("run.sh"), "docker run -e WANDB_API_KEY=$WANDB_API_KEY train\n").unwrap();
    let output = fed(&mut place.command(&[&["revoke", "notes.txt", "run.sh"], &arguments[3..]].concat()), b"");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("Remove the dead keys") && !said.contains("--fix"), "{said}");
}
