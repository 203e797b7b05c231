//! Files in which credentials are kept: what git makes of them and what their modes are decides what is said of them.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::git::Repo;
use wandward::rule::example::legacy_key;

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// `rule path severity` of each finding of these rules, sorted.
fn said(report: &Value, rules: &[&str]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap().iter();
    let mut said: Vec<String> = findings
        .filter(|finding| rules.contains(&finding["rule"].as_str().unwrap()))
        .map(|f| format!("{} {} {}", text(&f["rule"]), text(&f["location"]["path"]), text(&f["severity"])))
        .collect();
    said.sort();
    said
}

const TRACKED: &[&str] = &["tracked-credentials"];

#[test]
fn what_git_has_or_would_take_is_told_and_what_it_ignores_is_not() {
    let repo = Repo::new();
    let key = legacy_key("kept");
    for path in [".env", "a/.env", "b/secrets.env", ".env.example"] {
        write(&repo.path, path, &format!("WANDB_API_KEY={key}\n"));
    }
    write(&repo.path, "c/.env", "DEBUG=1\n");
    write(&repo.path, ".netrc", "machine example.com login ann password made-up\n");
    write(&repo.path, "credentials.json", "{\"installed\": {\"client_id\": \"x\"}}\n");
    write(&repo.path, "wandb/run-20240131_093000-ab12cd34/files/config.yaml", "x: 1\n");
    write(&repo.path, "wandb/latest-run/logs/debug.log", "x\n");
    write(&repo.path, "pkg/wandb/run.py", "import wandb\n");
    let scan = || said(&support::scan_json(&repo.path, &[]).0, TRACKED);
    let all = [
        "tracked-credentials .env warning",
        "tracked-credentials .netrc warning",
        "tracked-credentials a/.env warning",
        "tracked-credentials b/secrets.env warning",
        "tracked-credentials wandb warning",
    ];
    assert_eq!(scan(), all);
    fs::write(repo.at(".gitignore"), ".env\n.netrc\nsecrets.env\n/wandb/\n").unwrap();
    assert_eq!(scan(), [""; 0]);
    repo.git(&["add", "-f", "a/.env", "wandb/latest-run/logs/debug.log"]);
    assert_eq!(scan(), ["tracked-credentials a/.env warning", "tracked-credentials wandb warning"]);
    fs::write(repo.at(".gitignore"), ".env\n").unwrap();
    fs::write(repo.at(".git/info/exclude"), "wandb/\nb/\n.netrc\n").unwrap();
    assert_eq!(scan(), ["tracked-credentials a/.env warning", "tracked-credentials wandb warning"]);
}

#[test]
fn keys_in_such_a_file_are_found_once_beside_what_is_said_of_the_file() {
    let repo = Repo::new();
    write(&repo.path, ".env", &format!("A=1\nWANDB_API_KEY={}\n", legacy_key("once")));
    let (report, code) = support::scan_json(&repo.path, &[]);
    assert_eq!(code, 1);
    let findings = report["findings"].as_array().unwrap();
    let keys: Vec<_> = findings.iter().filter(|finding| !finding["key"].is_null()).collect();
    assert_eq!((findings.len(), keys.len()), (2, 1), "{report:#}");
    assert_eq!(keys[0]["location"]["line"], 2);
    let file = findings.iter().find(|finding| finding["key"].is_null()).unwrap();
    assert_eq!((&file["location"]["line"], &file["location"]["path"]), (&Value::Null, &Value::from(".env")));
}

#[test]
fn outside_of_a_repository_and_in_containers_nothing_is_said_of_git() {
    let place = tempfile::tempdir().unwrap();
    write(place.path(), ".env", "WANDB_API_KEY=\n");
    write(place.path(), "wandb/latest-run/x", "x\n");
    assert_eq!(said(&support::scan_json(place.path(), &[]).0, TRACKED), [""; 0]);
}

#[test]
fn what_is_staged_or_committed_is_told_and_a_permission_in_the_first_line_holds() {
    let repo = Repo::new();
    write(&repo.path, "README", "x\n");
    repo.git(&["add", "."]);
    repo.git(&["commit", "-qm", "one"]);
    write(&repo.path, ".env", &format!("WANDB_API_KEY={}\n", legacy_key("staged")));
    write(&repo.path, "b/.env", "# wandward: allow[tracked-credentials] made up\nWANDB_API_KEY=\n");
    write(&repo.path, "wandb/run-20240131_093000-ab12cd34/x", "new\n");
    repo.git(&["add", "."]);
    let staged = support::scan_json(&repo.path, &["--staged"]).0;
    assert_eq!(said(&staged, TRACKED), ["tracked-credentials .env warning", "tracked-credentials wandb warning"]);
    assert_eq!(staged["suppressed"].as_array().unwrap().len(), 1);
    repo.git(&["commit", "-qm", "two"]);
    let range = support::scan_json(&repo.path, &["--range", "HEAD~1..HEAD"]).0;
    assert!(said(&range, TRACKED).contains(&"tracked-credentials .env warning".to_owned()), "{range:#}");
    let history = support::scan_json(&repo.path, &["--history"]).0;
    assert_eq!(said(&history, TRACKED), ["tracked-credentials .env warning", "tracked-credentials wandb warning"]);
}

#[cfg(unix)]
#[test]
fn modes_are_judged_in_homes_and_never_in_a_checkout() {
    use std::os::unix::fs::PermissionsExt;
    const RULES: &[&str] = &["wide-mode", "key-in-netrc", "key-in-settings"];
    let home = tempfile::tempdir().unwrap();
    let netrc = format!("machine api.wandb.ai\n  login user\n  password {}\n", legacy_key("home"));
    write(home.path(), ".netrc", &netrc);
    write(home.path(), ".config/wandb/settings", &format!("[default]\napi_key = {}\n", legacy_key("settings")));
    let mode = |path: &str, mode: u32| {
        fs::set_permissions(home.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    let scan = |own: &Path| {
        let mut command = support::wandward(home.path());
        let output = support::run(command.args(["scan", "--format", "json"]).env("HOME", own));
        said(&serde_json::from_slice(&output.stdout).unwrap(), RULES)
    };
    mode(".netrc", 0o644);
    mode(".config/wandb/settings", 0o640);
    assert_eq!(
        scan(home.path()),
        [
            "key-in-netrc .netrc error",
            "key-in-settings .config/wandb/settings error",
            "wide-mode .config/wandb/settings warning",
            "wide-mode .netrc warning",
        ]
    );
    // A folder like any other, until somebody lives in it.
    let elsewhere = tempfile::tempdir().unwrap();
    assert_eq!(scan(elsewhere.path()).iter().filter(|said| said.starts_with("wide-mode")).count(), 0);
    write(home.path(), ".bashrc", "");
    write(home.path(), ".ssh/known_hosts", "");
    assert_eq!(scan(elsewhere.path()).iter().filter(|said| said.starts_with("wide-mode")).count(), 2);
    mode(".netrc", 0o600);
    mode(".config/wandb/settings", 0o600);
    assert_eq!(scan(home.path()), ["key-in-netrc .netrc note", "key-in-settings .config/wandb/settings error"]);
    // The same folder as a checkout.
    Repo::around(tempfile::tempdir().unwrap()).command(&["init", "-q"]).arg(home.path()).status().unwrap();
    mode(".config/wandb/settings", 0o644);
    assert_eq!(scan(home.path()), ["key-in-netrc .netrc error", "key-in-settings .config/wandb/settings error"]);
}

#[test]
fn findings_that_need_several_files_come_last_as_lines_too() {
    let place = tempfile::tempdir().unwrap();
    for path in ["a/dev/app.env", "b/prod/app.env", "c/other.env"] {
        write(place.path(), path, &format!("WANDB_API_KEY={}\n", legacy_key("same")));
    }
    write(place.path(), "d/dev.env", &format!("WANDB_API_KEY={}\n", legacy_key("another")));
    let output = support::run(support::wandward(place.path()).args(["scan", "--format", "jsonl"]));
    let text = String::from_utf8(output.stdout).unwrap();
    let rules: Vec<String> = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).unwrap()["rule"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(rules.len(), 5, "{text}");
    assert_eq!(rules.last().unwrap(), "same-key-in-environments");
    assert!(text.lines().last().unwrap().starts_with("{\"coverage\""));
}
