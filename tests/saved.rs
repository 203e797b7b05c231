//! Saved reports and files of reports: what a scan wrote is read again without loss, several become one, what is no report is
//! said to be none, and what a hostile report holds goes no further. A report replaces a file as a whole or not at all.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use support::git::{Repo, leaks};
use support::key;

/// A repository with keys in files, one of them twice, and in its past.
fn world() -> Repo {
    let repo = Repo::new();
    let key = |seed: &str| key("legacy", &format!("saved {seed}"));
    repo.save("past.py", format!("wandb.login(key=\"{}\")\n", key("past")));
    repo.delete("past.py");
    repo.write("a.py", format!("import wandb\nwandb.login(key=\"{}\")  # ä\u{1b} tab\there\n", key("a")));
    repo.write("b/.env", format!("WANDB_API_KEY={}\nX=1\nWANDB_API_KEY={}\n", key("a"), key("b")));
    repo.write("c.py", format!("wandb.login(key=\"{}\")  # wandward: allow[hardcoded-key] made up\n", key("c")));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, format!("WANDB_API_KEY={}\n", key("e")).as_bytes()).unwrap();
    repo.write("b/log.gz", packed.finish().unwrap());
    repo.write("odd\n::name.py", format!("wandb.login(key=\"{}\")\n", key("d")));
    repo
}

fn wandward(folder: &Path, arguments: &[&str]) -> Output {
    support::run(support::wandward(folder).args(arguments))
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn complaint(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Without what the clock says.
fn timeless(text: &str) -> String {
    let clock = regex::Regex::new(r#", in \d+\.\d\d s|\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}""#).unwrap();
    clock.replace_all(text, "").into_owned()
}

#[test]
fn a_saved_report_renders_as_its_scan_did() {
    let repo = world();
    for arguments in [&["scan", "--history", ".", "missing"][..], &["scan", "b", "a.py"], &["scan", "--staged"]] {
        let with = |format: &str| {
            wandward(&repo.path, &[arguments, &["--show-suppressed", "--verbose", "--format", format]].concat())
        };
        let saved = with("json");
        fs::write(repo.place().join("saved.json"), &saved.stdout).unwrap();
        for format in ["pretty", "json", "sarif", "github", "gitlab", "codequality", "junit", "csv", "markdown", "html"]
        {
            let scanned = with(format);
            let again = wandward(
                &repo.path,
                &["report", "../saved.json", "--show-suppressed", "--verbose", "--format", format],
            );
            assert_eq!(timeless(&text(&again)), timeless(&text(&scanned)), "{format}");
            assert_eq!(again.status.code(), scanned.status.code(), "{format}");
        }
    }
}

#[test]
fn lines_are_read_too_and_without_their_last_they_are_incomplete() {
    let repo = world();
    let saved = text(&wandward(&repo.path, &["scan", "--history", "--format", "jsonl"]));
    fs::write(repo.at("all.jsonl"), &saved).unwrap();
    let whole = wandward(&repo.path, &["report", "all.jsonl", "--format", "json"]);
    let mut scanned: Value = serde_json::from_str(&text(&wandward(
        &repo.path,
        &["scan", "--history", "--format", "json", "--exclude", "*.jsonl"],
    )))
    .unwrap();
    let mut whole_report: Value = serde_json::from_str(&text(&whole)).unwrap();
    for report in [&mut scanned, &mut whole_report] {
        report["coverage"] = Value::Null;
        report["suppressed"] = Value::Null;
        for finding in report["findings"].as_array_mut().unwrap() {
            // What is told of a reference's log only at the end of a scan.
            finding["location"]["line_hash"] = Value::Null;
        }
    }
    assert_eq!(whole_report["findings"], scanned["findings"]);

    let (findings, _) = saved.trim_end().rsplit_once('\n').unwrap();
    fs::write(repo.at("cut.jsonl"), format!("{findings}\n")).unwrap();
    let cut = wandward(&repo.path, &["report", "cut.jsonl", "--fail-on", "never"]);
    assert_eq!(cut.status.code(), Some(3), "{}", complaint(&cut));
    assert!(text(&cut).contains("not read: cut.jsonl: the report ends before"), "{}", text(&cut));
    // PowerShell redirects in UTF-16.
    let wide: Vec<u8> = "\u{feff}".encode_utf16().chain(saved.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    fs::write(repo.at("wide.jsonl"), wide).unwrap();
    assert_eq!(
        text(&wandward(&repo.path, &["report", "wide.jsonl"])),
        text(&wandward(&repo.path, &["report", "all.jsonl"]))
    );
}

#[test]
fn of_several_reports_each_finding_counts_once_and_all_gaps_count() {
    let repo = world();
    let save = |name: &str, arguments: &[&str]| {
        let output = wandward(&repo.path, &[&["scan", "--format", "json"], arguments].concat());
        fs::write(repo.place().join(name), output.stdout).unwrap();
    };
    save("a.json", &["a.py", "b"]);
    save("b.json", &["b", "c.py"]);
    save("gap.json", &["c.py", "missing"]);
    let merged = |arguments: &[&str]| {
        let output = wandward(&repo.path, &[&["report", "--format", "json"], arguments].concat());
        (serde_json::from_str::<Value>(&text(&output)).unwrap(), output.status.code().unwrap())
    };
    let (both, code) = merged(&["../a.json", "../b.json"]);
    assert_eq!(code, 1);
    let places: Vec<String> = both["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| format!("{}:{}", finding["location"]["path"].as_str().unwrap(), finding["location"]["line"]))
        .collect();
    assert_eq!(places, ["a.py:2", "b/.env:null", "b/.env:1", "b/.env:3", "b/log.gz:1"]);
    assert_eq!(both["suppressed"].as_array().unwrap().len(), 1);
    assert_eq!((&both["coverage"]["complete"], &both["coverage"]["files"]), (&json!(true), &json!(6)));
    let (other_way, _) = merged(&["../b.json", "../a.json"]);
    assert_eq!(other_way, both);

    let (gap, code) = merged(&["../gap.json", "../b.json", "--fail-on", "never"]);
    assert_eq!((&gap["coverage"]["complete"], code), (&json!(false), 3));
    let (_, code) = merged(&["../gap.json", "--allow-partial"]);
    assert_eq!(code, 0);
    let all = merged(&["../a.json", "../b.json", "../gap.json"]).0;
    assert_eq!((&all["findings"], &all["coverage"]["complete"]), (&both["findings"], &json!(false)));
}

/// A finding of a saved report, in which only what matters here is said.
fn finding(path: &str, key: &str, more: Value) -> Value {
    let mut finding = json!({
        "finding_id": "wwf1-00000000000000000000000000000000", "rule": "key-in-config", "severity": "error",
        "confidence": "high", "message": "m", "location": {"kind": "file", "path": path, "line": 1, "column": 15},
        "key": {"format": "legacy", "prefix": null, "id": "1f3a…", "fingerprint": support::fingerprint(key)},
        "snippet": "x", "help": "h",
    });
    finding.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    finding
}

fn report_of(finding: &Value, more: Value) -> String {
    let mut report = json!({
        "schema_version": 1, "tool": {"name": "wandward", "version": "0.1.0"}, "findings": [finding],
        "coverage": {"complete": true, "files": 1, "bytes": 1, "objects": 0},
    });
    report.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    report.to_string()
}

#[test]
fn nothing_that_one_report_knows_is_lost_beside_another() {
    let folder = tempfile::tempdir().unwrap();
    let (key, other) = (key("legacy", "together"), key("legacy", "another"));
    let answer = |liveness: &str, server: &str, user: Value| {
        json!({"liveness": liveness, "answer": liveness, "server": server, "server_named_by": "n", "owner": user,
               "liveness_reason": "r"})
    };
    let owner = json!({"user": "ada", "entity": null, "teams": [], "account_type": "user", "admin": false});
    let place = |commit: &str| json!({"also": [{"kind": "blob", "commit": commit, "path": "p", "line": 1}]});
    let step =
        |step: &str| json!({"steps": [{"id": "i", "fingerprint": "f", "server": null, "step": step, "result": "r"}]});
    let save = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    save(
        "scan",
        report_of(&finding(".env", &key, place("aaaa")), json!({"keys": [1], "steps": [step("plan")["steps"][0]]})),
    );
    save("live", report_of(&finding(".env", &key, answer("live", "https://a.example.com", owner)), step("delete")));
    save(
        "dead",
        report_of(
            &finding(".env", &key, answer("dead", "https://b.example.com", Value::Null)),
            json!({"keys": [1, 2]}),
        ),
    );
    save("also", report_of(&finding(".env", &key, place("bbbb")), step("plan")));
    save("other", report_of(&finding(".env", &other, json!({})), json!({})));
    let merged = |files: &[&str]| -> Value {
        let output = wandward(folder.path(), &[&["report", "--format", "json"], files].concat());
        serde_json::from_str(&text(&output)).unwrap()
    };
    for files in [["scan", "live", "dead", "also", "other"], ["other", "also", "dead", "live", "scan"]] {
        let report = merged(&files);
        let findings = report["findings"].as_array().unwrap();
        assert_eq!(findings.len(), 2, "two keys in the same line of two trees are two: {report:#}");
        let own = findings.iter().find(|one| one["key"]["fingerprint"] == support::fingerprint(&key).as_str()).unwrap();
        assert_eq!((&own["liveness"], &own["owner"]["user"]), (&json!("live"), &json!("ada")), "{files:?}: {own:#}");
        assert_eq!(own["server"], "https://a.example.com");
        assert_eq!(
            (own["answers"].as_array().unwrap().len(), own["also"].as_array().unwrap().len()),
            (2, 2),
            "{own:#}"
        );
        assert_eq!(report["steps"].as_array().unwrap().len(), 2, "{report:#}");
        let mut keys: Vec<u64> = report["keys"].as_array().unwrap().iter().map(|key| key.as_u64().unwrap()).collect();
        keys.sort_unstable();
        assert_eq!(keys, [1, 2]);
    }
}

#[test]
fn what_servers_say_of_keys_is_told_in_every_format_that_tells_of_keys() {
    let folder = tempfile::tempdir().unwrap();
    let key = key("legacy", "told");
    let answer = json!({"liveness": "live", "answer": "live", "server": "https://a.example.com", "server_named_by": "n",
        "liveness_reason": "r",
        "owner": {"user": "ada", "entity": "acme", "teams": ["vision"], "account_type": "service", "admin": true}});
    fs::write(folder.path().join("saved"), report_of(&finding(".env", &key, answer), json!({}))).unwrap();
    for format in ["pretty", "sarif", "github", "gitlab", "junit", "markdown", "html"] {
        let shown = text(&wandward(folder.path(), &["report", "saved", "--format", format]));
        for word in ["live", "user ada (service account)", "an administrator", "acme", "vision"] {
            assert!(shown.replace("&#40;", "(").replace("&#41;", ")").contains(word), "{format}: {word}: {shown}");
        }
    }
}

#[test]
fn standard_input_is_read_and_only_once() {
    let repo = world();
    let saved = wandward(&repo.path, &["scan", "a.py", "--format", "json"]).stdout;
    let output = support::fed(support::wandward(&repo.path).args(["report", "-", "--format", "csv"]), &saved);
    assert_eq!(text(&output).lines().count(), 2);
    assert_eq!(wandward(&repo.path, &["report", "-", "-"]).status.code(), Some(2));
}

#[test]
fn what_is_no_report_is_said_to_be_none_and_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let secret = key("v1", "no report");
    let entry = json!({"finding_id": "x", "rule": "r", "severity": "error"});
    let cases: [(&str, String, &str); 9] = [
        ("empty.json", String::new(), "is cut off"),
        ("text.json", format!("hello {secret}\n"), "is not JSON (line 1, column 1)"),
        ("cut.json", "{\"schema_version\": 1, \"findings\": [".to_owned(), "is cut off"),
        ("other.json", format!("{{\"{secret}\": 1}}"), "is no report of wandward: it has no `schema_version`"),
        ("list.json", "[1, 2]".to_owned(), "is no report of wandward"),
        ("later.json", "{\"schema_version\": 7, \"findings\": []}".to_owned(), "has schema version 7, and this version of wandward reads 1"),
        ("less.json", "{\"schema_version\": 1,\n\"tool\": {\"name\": \"w\", \"version\": \"1\"}}".to_owned(), "missing field `findings`"),
        (
            "kinds.json",
            json!({"schema_version": 1, "tool": {"name": "w", "version": "1"}, "findings": [{"finding_id": {"\u{1b}[2J": secret}}], "coverage": {"complete": true, "files": 1, "bytes": 1, "objects": 0}}).to_string(),
            "is no report of wandward: a field is not of its kind",
        ),
        ("lines.jsonl", format!("{entry}\n"), "is no report of wandward: missing field `confidence`"),
    ];
    for (name, content, wanted) in cases {
        fs::write(folder.path().join(name), content).unwrap();
        let output = wandward(folder.path(), &["report", name]);
        let said = complaint(&output);
        assert_eq!(output.status.code(), Some(2), "{name}: {said}");
        assert!(said.starts_with(&format!("wandward: {name} ")) && said.contains(wanted), "{name}: {said}");
        assert!(!leaks(&said, &secret) && !said.contains('\x1b') && output.stdout.is_empty(), "{said}");
    }
    let output = wandward(folder.path(), &["report", "absent.json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint(&output).contains("absent.json: cannot be read: no such file"), "{}", complaint(&output));
}

/// Puts `planted` into every text of a value, but where an object id belongs.
fn plant(value: &mut Value, planted: &str) {
    match value {
        Value::String(text) => text.push_str(planted),
        Value::Array(values) => values.iter_mut().for_each(|value| plant(value, planted)),
        Value::Object(fields) => {
            fields
                .iter_mut()
                .filter(|(name, _)| !matches!(name.as_str(), "severity" | "path_raw"))
                .for_each(|(_, value)| plant(value, planted));
            fields.insert(format!("new{planted}"), json!([{"deep": planted}]));
        }
        _ => {}
    }
}

#[test]
fn a_hostile_report_is_content_too() {
    let repo = world();
    let (v1, legacy) = (key("v1", "hostile"), key("legacy", "hostile"));
    let noise =
        format!(" key={legacy} <script>x</script>\n::error::x\n##[group]\u{1b}[2J\u{202e} eve@example.org {v1}");
    let mut report: Value =
        serde_json::from_slice(&wandward(&repo.path, &["scan", "--history", "--format", "json"]).stdout).unwrap();
    let answer = json!({"server": "https://w.example.com", "server_named_by": "x", "liveness_reason": "ask mallory@example.org", "answer": "live",
        "owner": {"user": "mallory@example.org", "entity": "e", "teams": ["t"], "account_type": "user", "admin": false}});
    for finding in report["findings"].as_array_mut().unwrap() {
        finding.as_object_mut().unwrap().extend(answer.as_object().unwrap().clone());
        finding["answers"] = json!([answer, answer]);
    }
    report["steps"] =
        json!([{"id": "i", "fingerprint": "f", "server": "s", "step": "plan", "result": "r", "reason": "x"}]);
    plant(&mut report, &noise);
    for finding in report["findings"].as_array_mut().unwrap() {
        finding["mark"] = json!([u64::MAX, 0]);
        finding["location"]["line"] = json!(u64::MAX);
        finding["location"]["column"] = json!(0);
    }
    fs::write(repo.at("hostile.json"), report.to_string()).unwrap();
    for format in
        ["pretty", "json", "jsonl", "sarif", "github", "gitlab", "codequality", "junit", "csv", "markdown", "html"]
    {
        let output = wandward(&repo.path, &["report", "hostile.json", "--show-suppressed", "-v", "--format", format]);
        let shown = text(&output);
        assert_eq!(output.status.code(), Some(1), "{format}: {}", complaint(&output));
        assert!(!leaks(&shown, &v1) && !leaks(&shown, &legacy), "{format} shows a key: {shown}");
        assert!(!shown.contains("mallory@"), "{format} shows an address: {shown}");
        assert!(!shown.contains(['\x1b', '\u{7}']), "{format} acts on a terminal");
        let commands = shown.lines().filter(|line| line.trim_start().starts_with("::"));
        let meant = |line: &&str| {
            let of = |command: &str| line.starts_with(&format!("::{command} title=wandward%3A "));
            format == "github" && ["error", "warning", "notice"].into_iter().any(of)
        };
        assert_eq!(commands.filter(|line| !meant(line)).count(), 0, "{format}: {shown}");
        if matches!(format, "html" | "markdown") {
            assert!(!shown.contains("<script"), "{format}: {shown}");
        }
        assert!(!shown.contains("##[") && !shown.contains('\u{202e}'), "{format}: {shown}");
    }
}

#[test]
fn a_file_is_replaced_as_a_whole_and_a_link_is_not_followed() {
    let repo = world();
    let out = repo.place().join("out");
    fs::create_dir(&out).unwrap();
    let at = |name: &str| out.join(name);
    fs::write(at("old.json"), "old").unwrap();
    fs::set_permissions(at("old.json"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::write(at("precious"), "precious").unwrap();
    symlink(at("precious"), at("link.csv")).unwrap();
    let output = wandward(
        &repo.path,
        &[
            "scan", "a.py", "--output", "json=../out/old.json", "--output", "csv=../out/link.csv", "--output",
            "sarif=../out/new.sarif",
        ],
    );
    assert_eq!(output.status.code(), Some(1), "{}", complaint(&output));
    assert!(text(&output).starts_with("error[hardcoded-key]"), "the usual report is shown too");
    assert_eq!(fs::read_to_string(at("precious")).unwrap(), "precious");
    assert!(!at("link.csv").is_symlink() && fs::read_to_string(at("link.csv")).unwrap().starts_with("\"severity\""));
    let mode = |name: &str| fs::metadata(at(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("old.json"), 0o640);
    assert_eq!(mode("new.sarif") & 0o600, 0o600);
    assert!(serde_json::from_slice::<Value>(&fs::read(at("old.json")).unwrap()).is_ok());
    let names = fs::read_dir(&out).unwrap().count();
    assert_eq!(names, 4, "a draft is left behind");
    // A pipe or a device is written to, not replaced.
    let shown = wandward(&repo.path, &["scan", "a.py", "--quiet", "--output", "csv=/dev/stdout"]);
    assert!(text(&shown).contains("\"severity\",\"rule\""), "{}", text(&shown));
}

#[test]
fn what_cannot_be_written_is_said_before_the_scan() {
    let repo = world();
    for (arguments, wanted) in [
        (&["--output", "json=no/such/x.json"][..], "cannot write no/such/x.json: no such file or directory"),
        (&["--output", "json=b"], "cannot write b: it is a folder"),
        (&["--output", "json=x", "--output", "csv=x"], "x takes one report, and two are asked for"),
        (&["--output", "json=-", "--format", "csv"], "standard output takes one report"),
        (&["--output", "jason=x"], "no format is called `jason`"),
        (&["--output", "json"], "not of the form FORMAT=FILE"),
        (&["--output", "json="], "no file is named"),
    ] {
        let output = wandward(&repo.path, &[&["scan", "a.py"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            complaint(&output).contains(wanted) && output.stdout.is_empty(),
            "{arguments:?}: {}",
            complaint(&output)
        );
        assert!(!repo.at("x").exists());
    }
    let dash = wandward(&repo.path, &["scan", "a.py", "--output", "csv=-"]);
    assert!(text(&dash).starts_with("\"severity\""), "{}", text(&dash));
}

#[test]
fn processes_and_places_of_several_machines_are_told_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let machine = |name: &str, pid: u64, known: u64| {
        let report = json!({
            "schema_version": 1,
            "tool": { "name": "wandward", "version": "0.1.0" },
            "findings": [{
                "finding_id": format!("wwf1-{}", "0".repeat(32)), "rule": "key-in-process", "severity": "error",
                "confidence": "high", "message": "A key stands on a command line",
                "evidence": "it is the value of `WANDB_API_KEY`",
                "location": {
                    "kind": "process", "path": "sh", "line": null, "column": null, "end_line": null, "end_column": null,
                    "inner": [], "pid": pid, "ppid": 7, "parent": "bash", "user": "ann",
                    "started": "2026-03-01T09:12:44+00:00", "argument": 2,
                },
                "key": null, "also": [], "liveness": "unchecked", "snippet": "x", "help": "Stop it.",
            }],
            "suppressed": [],
            "places": [
                { "place": "netrc", "path": format!("/home/{name}/.netrc"), "state": "found" },
                { "place": "settings", "path": "/etc/x", "state": "absent" },
            ],
            "coverage": {
                "complete": true, "scans": ["process", "host"], "files": 1, "bytes": 2, "objects": 0, "processes": 3,
                "processes_known": known,
                "skipped": [{ "kind": "process", "path": "processes", "reason": "2 processes hide", "gap": false }],
            },
        });
        fs::write(folder.path().join(name), report.to_string()).unwrap();
    };
    machine("one", 4242, 5);
    machine("two", 4243, 4);
    let shown = |format: &str| text(&wandward(folder.path(), &["report", "one", "two", "--format", format]));
    for format in ["pretty", "sarif", "github", "gitlab", "codequality", "junit", "csv", "markdown", "html"] {
        let shown = shown(format);
        for pid in [4242, 4243] {
            assert!(shown.contains(&format!("process {pid} (sh)")), "{format}: {shown}");
        }
        if format != "csv" {
            assert!(shown.contains("argument 2"), "{format}: {shown}");
        }
        if ["pretty", "github", "gitlab", "codequality", "junit", "markdown", "html"].contains(&format) {
            assert!(shown.contains("user ann") && shown.contains("parent 7 (bash)"), "{format}: {shown}");
        }
        if ["pretty", "markdown", "html"].contains(&format) {
            assert!(shown.contains("/home/one/.netrc") && shown.contains("/home/two/.netrc"), "{format}: {shown}");
        }
        if ["pretty", "sarif", "gitlab", "markdown", "html"].contains(&format) {
            assert!(shown.to_lowercase().contains("not seen: 2 processes hide"), "{format}: {shown}");
        }
    }
    assert!(shown("pretty").contains("6 of 9 processes visible"), "{}", shown("pretty"));
    let merged: Value = serde_json::from_str(&shown("json")).unwrap();
    assert_eq!(merged["places"].as_array().unwrap().len(), 3);
    assert_eq!(merged["coverage"]["processes_known"], 9);
    assert_eq!(merged["findings"][0]["location"]["parent"], "bash");
    // Lines tell it too, and are read again.
    fs::write(folder.path().join("lines"), shown("jsonl")).unwrap();
    let again = text(&wandward(folder.path(), &["report", "lines", "--format", "json"]));
    assert_eq!(serde_json::from_str::<Value>(&again).unwrap()["places"], merged["places"]);
}
