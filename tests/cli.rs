//! The outside contract, seen through the binary: exit codes, flags, JSON, permissions, `explain` and `rules`.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests build their own world and may panic"
)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::{fingerprint, key, wandward};

/// A temporary folder, and every key that was planted in it.
struct World {
    folder: tempfile::TempDir,
    keys: Vec<String>,
}

/// What a command came to.
struct Shown {
    code: i32,
    out: String,
    err: String,
}

impl Shown {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}:\n{}\n{}", self.out, self.err))
    }

    fn findings(&self) -> Vec<Value> {
        self.json()["findings"].as_array().unwrap().clone()
    }

    /// Rule, path and line of each finding.
    fn places(&self) -> Vec<(String, String, u64)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let place =
            |f: &Value| (text(&f["rule"]), text(&f["location"]["path"]), f["location"]["line"].as_u64().unwrap());
        self.findings().iter().map(place).collect()
    }

    fn paths(&self) -> Vec<String> {
        self.places().into_iter().map(|(_, path, _)| path).collect()
    }
}

impl World {
    fn new() -> World {
        World { folder: tempfile::tempdir().unwrap(), keys: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A new key of a kind, which no output may show from now on.
    fn key(&mut self, kind: &str) -> String {
        let key = key(kind, &format!("cli {}", self.keys.len()));
        self.keys.push(key.clone());
        key
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A file in which each `{}` is a new legacy key.
    fn leak(&mut self, name: &str, text: &str) {
        let mut filled = String::new();
        for (nth, part) in text.split("{}").enumerate() {
            if nth > 0 {
                let key = self.key("legacy");
                filled.push_str(&key);
            }
            filled.push_str(part);
        }
        self.write(name, &filled);
    }

    fn run(&self, arguments: &[&str]) -> Shown {
        self.check(wandward(self.folder.path()).args(arguments), arguments)
    }

    fn pipe(&self, arguments: &[&str], input: &str) -> Shown {
        let output = support::fed(wandward(self.folder.path()).args(arguments), input.as_bytes());
        self.shown(output, arguments)
    }

    fn check(&self, command: &mut Command, arguments: &[&str]) -> Shown {
        self.shown(support::run(command), arguments)
    }

    /// Takes the output of a command; whatever it is, it shows no part of a key.
    fn shown(&self, output: std::process::Output, arguments: &[&str]) -> Shown {
        let out = String::from_utf8(output.stdout).unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        for key in &self.keys {
            for (name, text) in [("stdout", &out), ("stderr", &err)] {
                assert!(!leaks(text, key), "{arguments:?} shows a part of a key on {name}:\n{text}");
            }
        }
        assert!(!err.contains("internal error"), "{arguments:?}: {err}");
        Shown { code: output.status.code().unwrap(), out, err }
    }

    fn code(&self, arguments: &[&str]) -> i32 {
        self.run(arguments).code
    }
}

/// Whether a text holds eight characters in a row of a key that do not all belong to the key's public id.
fn leaks(text: &str, key: &str) -> bool {
    let key = key.strip_prefix("local-").unwrap_or(key);
    let id = if key.starts_with("wandb_v1_") { 20 } else { 4 };
    (0..=key.len() - 8).filter(|start| start + 8 > id).any(|start| text.contains(&key[start..start + 8]))
}

/// A world with a clean file, a leaking one, one with a note only, and an empty folder.
fn usual() -> World {
    let mut world = World::new();
    world.write("clean/ok.py", "import wandb\nwandb.login()\n");
    world.leak("leaky/train.py", "import wandb\nwandb.login(key=\"{}\")\n");
    world.leak("noted/train.py", "import wandb\nwandb.login(key=\"{}\")  # wandward: allow[hardcoded-key]\n");
    fs::create_dir(world.path("empty")).unwrap();
    world.write("blank/nothing.txt", "");
    world
}

#[test]
fn the_leak_check_sees_a_leak() {
    for kind in support::KINDS {
        let key = key(kind, "seen");
        let bare = key.strip_prefix("local-").unwrap_or(&key);
        assert!(leaks(&key, &key), "{kind}");
        assert!(leaks(&bare[bare.len() - 8..], &key), "{kind}");
        assert!(!leaks(&bare[..if bare.starts_with('w') { 20 } else { 4 }], &key), "{kind}");
    }
}

#[test]
fn exit_codes() {
    let world = usual();
    let table: &[(&[&str], i32)] = &[
        // Clean, and findings.
        (&["scan", "clean"], 0),
        (&["scan", "clean/ok.py"], 0),
        (&["scan", "blank"], 0),
        (&["scan", "noted"], 0),
        (&["scan", "leaky"], 1),
        (&["scan", "leaky/train.py"], 1),
        (&["scan", "clean", "leaky"], 1),
        (&["scan"], 1),
        (&["--help"], 0),
        (&["--version"], 0),
        (&["scan", "--help"], 0),
        // Wrong usage.
        (&[], 2),
        (&["scna"], 2),
        (&["scan", "--no-such-flag"], 2),
        (&["scan", "--format", "yaml", "clean"], 2),
        (&["scan", "--fail-on", "critical", "clean"], 2),
        (&["scan", "--select", "no-such-rule-at-all", "clean"], 2),
        (&["scan", "--ignore", "no-such-rule-at-all", "clean"], 2),
        (&["scan", "--select", "hardcoded-key,no-such-rule-at-all", "leaky"], 2),
        (&["scan", "--exclude", "a[", "clean"], 2),
        (&["scan", "--exclude", "{a", "leaky"], 2),
        (&["scan", "--exclude", "[", "clean/ok.py"], 2),
        (&["scan", "--max-file-size", "big", "clean"], 2),
        (&["scan", "-", "clean"], 2),
        (&["scan", "clean", "-"], 2),
        (&["scan", "-", "-"], 2),
        (&["scan", "--stdin-name", "a.py"], 2),
        (&["scan", "--stdin-name", "a.py", "clean"], 2),
        (&["scan", "-q", "-v", "clean"], 2),
        (&["rules", "show", "no-such-rule-at-all"], 2),
        (&["explain", "no-such-rule-at-all"], 2),
        // Not everything could be looked at.
        (&["scan", "missing"], 3),
        (&["scan", "clean", "missing"], 3),
        (&["scan", "missing", "clean"], 3),
        (&["scan", "noted", "missing"], 3),
        (&["scan", "empty"], 3),
        (&["scan", "--exclude", "*", "leaky"], 3),
        (&["scan", "--max-file-size", "10", "clean"], 3),
        (&["scan", "--fail-on", "never", "leaky", "missing"], 3),
        // A part is enough.
        (&["scan", "--allow-partial", "missing"], 0),
        (&["scan", "--allow-partial", "clean", "missing"], 0),
        (&["scan", "--allow-partial", "empty"], 0),
        (&["scan", "--allow-partial", "--max-file-size", "10", "clean"], 0),
        // Findings stand over what is incomplete.
        (&["scan", "leaky", "missing"], 1),
        (&["scan", "missing", "leaky"], 1),
        (&["scan", "--allow-partial", "leaky", "missing"], 1),
    ];
    for (arguments, code) in table {
        let shown = world.run(arguments);
        assert_eq!(shown.code, *code, "{arguments:?}\n{}\n{}", shown.out, shown.err);
        if *code >= 2 {
            assert!(!shown.err.is_empty(), "{arguments:?} fails without a word");
        }
        if arguments.contains(&"--allow-partial") && *code == 0 {
            assert!(shown.err.contains("warning"), "{arguments:?}: {}", shown.err);
        }
    }
}

#[test]
fn no_number_of_threads_is_too_many() {
    let world = usual();
    assert_eq!(world.code(&["scan", "--jobs", "300", "leaky"]), 1);
    assert_eq!(world.code(&["scan", "--jobs", "many", "leaky"]), 2);
}

#[test]
fn flags_of_other_tools_that_nobody_needs_here_are_told_so() {
    let world = usual();
    for flag in ["--hidden", "--no-ignore", "-uuu", "--unrestricted"] {
        let shown = world.run(&["scan", flag, "leaky"]);
        assert_eq!(shown.code, 2, "{flag}");
        assert!(
            shown.err.contains("\n  tip: every file counts") && !shown.err.contains("--no-inline"),
            "{}",
            shown.err
        );
    }
    assert!(!world.run(&["ps", "--hidden"]).err.contains("every file counts"));
}

#[test]
fn the_code_does_not_depend_on_the_format() {
    let world = usual();
    for format in ["pretty", "json", "jsonl"] {
        for (path, code) in [("clean", 0), ("leaky", 1), ("missing", 3), ("empty", 3)] {
            assert_eq!(world.code(&["scan", "--format", format, path]), code, "{format} {path}");
        }
    }
}

#[test]
fn what_fails_is_what_was_asked_for() {
    let mut world = usual();
    let part = world.key("v1");
    world.write("part/job.log", &format!("logging in to wandb with {}...\n", &part[..70]));
    for (path, codes) in
        [("clean", [0, 0, 0, 0]), ("noted", [0, 0, 1, 0]), ("part", [0, 0, 1, 0]), ("leaky", [1, 1, 1, 0])]
    {
        for (level, code) in ["error", "warning", "note", "never"].iter().zip(codes) {
            assert_eq!(world.code(&["scan", "--fail-on", level, path]), code, "{path} --fail-on {level}");
        }
    }
    assert_eq!(world.code(&["scan", "part"]), 0, "the default is `warning`");
}

#[test]
fn a_wrong_name_is_answered_with_the_right_one() {
    let world = usual();
    let table: &[(&[&str], &str)] = &[
        (&["scan", "--select", "hardcoded-keys", "clean"], "hardcoded-key"),
        (&["scan", "--ignore", "hardcodedkey", "clean"], "hardcoded-key"),
        (&["scan", "--ignore", "habit", "clean"], "habits"),
        (&["scan", "--select", "exposed_key", "clean"], "exposed-key"),
        (&["rules", "show", "key-in-confg"], "key-in-config"),
        (&["explain", "exposed-kye"], "exposed-key"),
    ];
    for (arguments, right) in table {
        let shown = world.run(arguments);
        assert_eq!(shown.code, 2, "{arguments:?}");
        assert!(shown.err.contains(&format!("did you mean `{right}`")), "{arguments:?}: {}", shown.err);
        assert_eq!(shown.out, "", "{arguments:?}");
    }
}

#[test]
fn selected_and_ignored_rules() {
    let mut world = World::new();
    world.leak("train.py", "import wandb\nwandb.login(key=\"{}\")\n");
    world.leak("app.yaml", "WANDB_API_KEY: {}\n");
    let table: &[(&[&str], &[&str])] = &[
        (&[], &["app.yaml", "train.py"]),
        (&["--select", "keys"], &["app.yaml", "train.py"]),
        (&["--select", "hardcoded-key"], &["train.py"]),
        (&["--select", "hardcoded-key,key-in-config"], &["app.yaml", "train.py"]),
        (&["--select", "hardcoded-key", "--select", "key-in-config"], &["app.yaml", "train.py"]),
        (&["--ignore", "hardcoded-key"], &["app.yaml"]),
        (&["--ignore", "keys"], &[]),
        (&["--select", "keys", "--ignore", "key-in-config"], &["train.py"]),
        (&["--select", "habits"], &[]),
        (&["--select", "sdk"], &[]),
        (&["--select", "server"], &[]),
    ];
    for (flags, paths) in table {
        let shown = world.run(&[&["scan", "--format", "json"], *flags].concat());
        assert_eq!(shown.paths(), *paths, "{flags:?}");
        assert_eq!(shown.code, i32::from(!paths.is_empty()), "{flags:?}");
    }
}

/// A gap that even the user who may read everything meets: reading this file fails.
#[cfg(target_os = "linux")]
#[test]
fn a_file_whose_reading_fails_is_a_gap() {
    let world = usual();
    let shown = world.run(&["scan", "--format", "json", "clean", "/proc/self/mem"]);
    let report = shown.json();
    let skipped = &report["coverage"]["skipped"][0];
    assert_eq!((shown.code, &report["coverage"]["complete"]), (3, &Value::Bool(false)), "{report:#}");
    assert_eq!((&skipped["path"], &skipped["gap"]), (&"/proc/self/mem".into(), &Value::Bool(true)), "{report:#}");
    assert_eq!(world.code(&["scan", "--allow-partial", "/proc/self/mem"]), 0);
    assert_eq!(world.code(&["scan", "leaky", "/proc/self/mem"]), 1);
}

#[cfg(unix)]
#[test]
fn a_file_or_folder_without_permission_is_a_gap() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let mut world = usual();
    world.leak("locked/secret.py", "import wandb\nwandb.login(key=\"{}\")\n");
    world.write("locked/open.py", "x = 1\n");
    world.leak("shut/secret.py", "import wandb\nwandb.login(key=\"{}\")\n");
    let mode = |name: &str, mode| fs::set_permissions(world.path(name), fs::Permissions::from_mode(mode)).unwrap();
    mode("", 0o755);
    mode("locked/secret.py", 0);
    mode("shut", 0);
    let all_may = fs::read(world.path("locked/secret.py")).is_ok();
    let table: &[(&[&str], i32, &str)] = &[
        (&["locked/secret.py"], 3, "locked/secret.py"),
        (&["locked"], 3, "locked/secret.py"),
        (&["clean", "locked"], 3, "locked/secret.py"),
        (&["shut"], 3, "shut"),
        (&["shut/secret.py"], 3, "shut/secret.py"),
        (&["leaky", "locked"], 1, "locked/secret.py"),
        (&["--allow-partial", "locked"], 0, "locked/secret.py"),
    ];
    for (arguments, code, path) in table {
        let mut command = wandward(world.folder.path());
        command.args(["scan", "--format", "json"]).args(*arguments);
        if all_may {
            // This user reads everything, so somebody else asks.
            command.uid(65534).gid(65534);
        }
        let output = match command.output() {
            Ok(output) => output,
            Err(error) if all_may => {
                eprintln!("skipped: this user reads everything, and nobody else can start the binary: {error}");
                break;
            }
            Err(error) => panic!("{error}"),
        };
        let shown = world.shown(output, arguments);
        assert_eq!(shown.code, *code, "{arguments:?}: {}{}", shown.out, shown.err);
        let skipped = shown.json()["coverage"]["skipped"].clone();
        assert_eq!((&skipped[0]["path"], &skipped[0]["gap"]), (&(*path).into(), &Value::Bool(true)), "{skipped}");
        assert!(skipped[0]["reason"].as_str().unwrap().contains("permission denied"), "{skipped}");
    }
    mode("shut", 0o755);
}

#[cfg(unix)]
#[test]
fn a_path_that_holds_no_regular_file_is_no_clean_bill() {
    let world = World::new();
    fs::create_dir(world.path("pipes")).unwrap();
    assert!(Command::new("mkfifo").arg(world.path("pipes/fifo")).status().unwrap().success());
    for path in ["pipes", "pipes/fifo"] {
        let shown = world.run(&["scan", "--format", "json", path]);
        let report = shown.json();
        assert_eq!(shown.code, 3, "{path}");
        assert_eq!(report["coverage"]["files"], 0);
        assert_eq!(report["coverage"]["skipped"][0]["gap"], false, "{report:#}");
        assert_eq!(report["coverage"]["complete"], true, "a FIFO is no gap: {report:#}");
    }
}

#[test]
fn a_key_as_an_argument_is_refused_and_not_repeated() {
    let mut world = usual();
    let v1 = world.key("v1");
    let local_v1 = world.key("local-v1");
    let legacy = world.key("legacy");
    let local = world.key("local-legacy");
    let table: Vec<Vec<String>> = [
        vec!["scan", &v1],
        vec!["scan", &local_v1],
        vec!["scan", &legacy],
        vec!["scan", &local],
        vec!["scan", "clean", &legacy],
        vec!["scan", "-", &legacy],
        vec!["scan", &format!("--exclude={v1}")],
        vec!["scan", "--exclude", &v1],
        vec!["scan", "--select", &legacy],
        vec!["scan", &format!("--select={legacy}")],
        vec!["scan", "--stdin-name", &v1, "-"],
        vec!["scan", "--max-file-size", &legacy],
        vec!["scan", "--format", &legacy],
        vec!["scan", &format!("some/{v1}/where")],
        vec!["scan", &format!("WANDB_API_KEY={v1}")],
        vec!["scan", &format!("--api-key={legacy}")],
        vec!["scan", &format!("--api-key={local}")],
        vec![&v1],
        vec![&legacy],
        vec!["rules", "show", &legacy],
        vec!["rules", &v1],
        vec!["explain", &legacy],
        vec!["explain", &local],
        vec!["explain", &v1],
        vec!["explain", &format!("{legacy}:1")],
        vec!["explain", &format!("{v1}:1:2")],
    ]
    .into_iter()
    .map(|line| line.into_iter().map(str::to_owned).collect())
    .collect();
    for line in &table {
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        let shown = world.run(&line);
        assert_eq!((shown.code, shown.out.as_str()), (2, ""), "{}", shown.err);
        assert!(shown.err.contains("never an argument"), "{}", shown.err);
    }
}

#[test]
fn a_file_that_has_the_name_of_a_legacy_key_is_scanned() {
    let mut world = World::new();
    let name = key("legacy", "a file's name");
    world.leak(&name, "WANDB_API_KEY={}\n");
    world.leak(&format!("sub/{name}"), "WANDB_API_KEY={}\n");
    for path in [name.clone(), format!("sub/{name}")] {
        let shown = world.run(&["scan", "--format", "json", &path]);
        assert_eq!((shown.code, shown.paths()), (1, vec![path.clone()]), "{}", shown.err);
    }
}

#[test]
fn a_line_of_a_file_that_has_the_name_of_a_legacy_key_is_explained() {
    let mut world = World::new();
    let name = key("legacy", "a file's name");
    world.leak(&name, "WANDB_API_KEY={}\n");
    for what in [format!("{name}:1"), format!("{name}:1:15")] {
        let shown = world.run(&["explain", &what]);
        assert_eq!(shown.code, 0, "a line of a file that exists: {}", shown.err);
    }
}

#[test]
fn json_says_what_the_contract_says() {
    let mut world = World::new();
    let (first, second) = (world.key("legacy"), world.key("local-v1"));
    let text = format!("import wandb\n\nwandb.login(key=\"{first}\")\n\t# é wandb.login(key='{second}')\n");
    world.write("src/train.py", &text);
    let shown = world.run(&["scan", "--format", "json", "src"]);
    let report = shown.json();
    assert_eq!(report["schema_version"], 1);
    assert_eq!(report["tool"]["name"], "wandward");
    assert_eq!(report["tool"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(report["suppressed"], Value::Array(vec![]));
    let coverage = &report["coverage"];
    assert_eq!(coverage["complete"], true);
    assert_eq!(coverage["files"], 1);
    assert_eq!(coverage["bytes"], text.len());
    assert_eq!(coverage["objects"], 0);
    assert_eq!(coverage["processes"], 0);
    assert_eq!(coverage["skipped"], Value::Array(vec![]));

    let findings = shown.findings();
    assert_eq!(findings.len(), 2, "{report:#}");
    let wanted = [
        (&first, "legacy", Value::Null, &first[..4], 3, 18, 58),
        // A tab and an é are one column each.
        (&second, "v1", "local".into(), &second[6..26], 4, 23, 115),
    ];
    for (finding, (key, format, prefix, id, line, column, end_column)) in findings.iter().zip(wanted) {
        let finding_id = finding["finding_id"].as_str().unwrap();
        let digits = finding_id.strip_prefix("wwf1-").unwrap();
        assert!(digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{digits}");
        assert_eq!(finding["rule"], "hardcoded-key");
        assert_eq!(finding["severity"], "error");
        assert_eq!(finding["confidence"], "high");
        for prose in ["message", "help"] {
            assert!(finding[prose].as_str().unwrap().len() > 10, "{finding:#}");
        }
        let location = &finding["location"];
        assert_eq!(location["kind"], "file");
        assert_eq!(location["path"], "src/train.py");
        assert_eq!(location.get("path_raw"), None);
        assert_eq!([&location["line"], &location["column"]], [line, column], "{finding:#}");
        assert_eq!([&location["end_line"], &location["end_column"]], [line, end_column], "{finding:#}");
        assert_eq!(location["inner"], Value::Array(vec![]));
        assert_eq!(finding["key"]["format"], format);
        assert_eq!(finding["key"]["prefix"], prefix);
        let shown_id = finding["key"]["id"].as_str().unwrap();
        assert_eq!(shown_id.trim_end_matches('…'), id);
        assert_eq!(shown_id.ends_with('…'), format == "legacy");
        assert_eq!(finding["key"]["fingerprint"], fingerprint(key));
        assert_eq!(finding["also"], Value::Array(vec![]));
        assert_eq!(finding["liveness"], "unchecked");
    }
    assert_eq!(findings[0]["snippet"], format!("wandb.login(key=\"[{}…]\")", &first[..4]));
    assert!(findings[1]["snippet"].as_str().unwrap().contains(&format!("[{}]", &second[6..26])), "{report:#}");
    assert_ne!(findings[0]["finding_id"], findings[1]["finding_id"]);
}

#[test]
fn a_note_without_a_key_has_null_for_it() {
    let world = usual();
    let shown = world.run(&["scan", "--format", "json", "noted"]);
    let findings = shown.findings();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0]["rule"], "permission-without-reason");
    assert_eq!(findings[0]["severity"], "note");
    assert_eq!(findings[0]["key"], Value::Null);
}

#[test]
fn a_snippet_is_short_and_masks_its_neighbours() {
    let mut world = World::new();
    let (key, other, later) = (world.key("legacy"), world.key("legacy"), world.key("v1"));
    let long = "x".repeat(3000);
    world.write(
        "train.py",
        &format!("wandb.login(key=\"{key}\", token=\"hunter2hunter2\"); a = \"{other}\"; b = '{later}'; {long}\n"),
    );
    let shown = world.run(&["scan", "--format", "json"]);
    for finding in shown.findings() {
        let snippet = finding["snippet"].as_str().unwrap().to_owned();
        assert!(snippet.chars().count() <= 160, "{snippet}");
        assert!(!snippet.contains("hunter2"), "{snippet}");
    }
    let pretty = world.run(&["scan"]);
    assert!(!pretty.out.contains("hunter2"), "{}", pretty.out);
}

#[test]
fn a_finding_keeps_its_id_when_lines_move() {
    let mut world = World::new();
    let key = world.key("legacy");
    let ids = |world: &World, text: &str| -> Vec<String> {
        world.write("train.py", text);
        let findings = world.run(&["scan", "--format", "json"]).findings();
        findings.iter().map(|f| f["finding_id"].as_str().unwrap().to_owned()).collect()
    };
    let line = format!("wandb.login(key=\"{key}\")\n");
    let one = ids(&world, &line);
    assert_eq!(one.len(), 1);
    assert_eq!(ids(&world, &format!("import wandb\n\n    {line}")), one, "other lines and white space do not count");
    let two = ids(&world, &format!("{line}{line}"));
    assert!(two.len() == 2 && two[0] == one[0] && two[1] != one[0], "equal lines are told apart: {two:?}");
    assert_ne!(ids(&world, &format!("x = {line}")), one, "the line counts");
}

#[test]
fn paths_are_the_argument_joined_with_what_lies_below() {
    let mut world = World::new();
    world.leak("top.py", "wandb.login(key=\"{}\")\n");
    world.leak("sub/a.py", "wandb.login(key=\"{}\")\n");
    world.leak("sub/deep/b.py", "wandb.login(key=\"{}\")\n");
    let root = world.folder.path().to_str().unwrap().to_owned();
    let absolute = format!("{root}/sub");
    let all = ["sub/a.py", "sub/deep/b.py", "top.py"].map(str::to_owned).to_vec();
    let sub = all[..2].to_vec();
    let table: Vec<(Vec<&str>, Vec<String>)> = vec![
        (vec![], all.clone()),
        (vec!["."], all.clone()),
        (vec!["./"], all.clone()),
        (vec!["sub"], sub.clone()),
        (vec!["sub/"], sub.clone()),
        (vec!["./sub"], sub.clone()),
        (vec!["./sub/"], sub.clone()),
        (vec!["sub/a.py"], sub[..1].to_vec()),
        (vec!["./sub/a.py"], sub[..1].to_vec()),
        (vec!["sub/deep", "top.py"], all[1..].to_vec()),
        (vec![&absolute], vec![format!("{absolute}/a.py"), format!("{absolute}/deep/b.py")]),
    ];
    for (arguments, paths) in &table {
        let shown = world.run(&[&["scan", "--format", "json"][..], arguments].concat());
        assert_eq!(shown.paths(), *paths, "{arguments:?}");
    }
    let mut command = wandward(&world.path("sub/deep"));
    let shown = world.check(command.args(["scan", "--format", "json", ".."]), &[]);
    assert_eq!(shown.paths(), ["../a.py", "../deep/b.py"]);
}

#[test]
fn every_format_but_jsonl_is_sorted() {
    let mut world = World::new();
    let names = ["Z.py", "a-b/x.py", "a.py", "a/x.py", "a0.py", "é.py"];
    for name in names.iter().rev() {
        world.leak(name, "wandb.login(key=\"{}\")\nwandb.login(key=\"{}\"); wandb.login(key=\"{}\")\n");
    }
    let shown = world.run(&["scan", "--format", "json"]);
    let place = |f: &Value| {
        let location = &f["location"];
        let number = |name: &str| location[name].as_u64().unwrap();
        (location["path"].as_str().unwrap().as_bytes().to_vec(), number("line"), number("column"))
    };
    let places: Vec<_> = shown.findings().iter().map(place).collect();
    assert_eq!(places.len(), 3 * names.len());
    assert!(places.is_sorted(), "{places:?}");
    let mut distinct: Vec<_> = shown.paths();
    distinct.dedup();
    assert_eq!(distinct, names);
    assert_eq!(world.run(&["scan", "--format", "json", "-j", "1"]).out, shown.out, "one thread says the same");
    let pretty = world.run(&["scan"]).out;
    let at: Vec<_> = names
        .iter()
        .map(|name| pretty.find(&format!("--> {name}:1:")).unwrap_or_else(|| panic!("{name} in {pretty}")))
        .collect();
    assert!(at.is_sorted(), "{pretty}");
}

#[test]
fn jsonl_is_the_same_set_and_ends_with_the_coverage() {
    let mut world = World::new();
    for nth in 0..40 {
        world.leak(&format!("f{nth}/train.py"), "import wandb\nwandb.login(key=\"{}\")\n");
    }
    let json = world.run(&["scan", "--format", "json", ".", "missing"]);
    let jsonl = world.run(&["scan", "--format", "jsonl", ".", "missing"]);
    assert_eq!((json.code, jsonl.code), (1, 1));
    let mut lines: Vec<Value> = jsonl.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = lines.pop().unwrap();
    assert_eq!(last["coverage"], json.json()["coverage"]);
    assert_eq!(last.as_object().unwrap().len(), 1, "{last}");
    let id = |f: &Value| f["finding_id"].as_str().unwrap().to_owned();
    lines.sort_by_key(id);
    let mut findings = json.findings();
    findings.sort_by_key(id);
    assert_eq!(lines, findings);
    assert_eq!(lines.len(), 40);
    let clean = usual().run(&["scan", "--format", "jsonl", "clean"]);
    assert_eq!(clean.out.lines().count(), 1, "{}", clean.out);
}

/// What a text with one key comes to: the rules that speak, the reason why one was kept back, the exit code.
struct Permitted {
    text: &'static str,
    rules: &'static [&'static str],
    reason: Option<&'static str>,
}

#[test]
fn inline_permissions() {
    let held = |text, reason| Permitted { text, rules: &[], reason: Some(reason) };
    let noted = |text| Permitted { text, rules: &["permission-without-reason"], reason: Some("") };
    let found = |text| Permitted { text, rules: &["hardcoded-key"], reason: None };
    let table = [
        held("K  # wandward: allow[hardcoded-key] made up", "made up"),
        held("K  // wandward: allow[hardcoded-key] made up", "made up"),
        held("K  /* wandward: allow[hardcoded-key] made up */", "made up"),
        held("K  <!-- wandward: allow[hardcoded-key] made up -->", "made up"),
        held("K  # noqa # wandward: allow[key-in-log, hardcoded-key] made up", "made up"),
        held("K  # wandward: allow[hardcoded-key]: made up", "made up"),
        held("# wandward: allow-next-line[hardcoded-key] made up\nK", "made up"),
        held("    # wandward: allow-next-line[hardcoded-key] made up\r\n    K", "made up"),
        held("-- wandward: allow-next-line[hardcoded-key] made up\nK", "made up"),
        held("K  # gitleaks:allow", "gitleaks:allow"),
        held("K  # betterleaks:allow", "betterleaks:allow"),
        held("K  # trufflehog:ignore", "trufflehog:ignore"),
        held("K  # kingfisher:ignore", "kingfisher:ignore"),
        held("K  # pragma: allowlist secret", "pragma: allowlist secret"),
        held("# pragma: allowlist nextline secret\nK", "pragma: allowlist nextline secret"),
        noted("K  # wandward: allow[hardcoded-key]"),
        noted("K  /* wandward: allow[hardcoded-key] */"),
        noted("# wandward: allow-next-line[hardcoded-key]\nK"),
        noted("# wandward: allow-next-line[hardcoded-key]   \nK"),
        found("K"),
        found("K  # wandward: allow[key-in-log] made up"),
        found("K  # wandward: allow[] made up"),
        found("K  # wandward: allow made up"),
        found("K  # wandward: allow[hardcoded-key made up"),
        found("K  # wandward: allow-next-line[hardcoded-key] made up"),
        found("# wandward: allow[hardcoded-key] made up\nK"),
        found("# wandward: allow-next-line[hardcoded-key] made up\n\nK"),
        found("# wandward: allow-next-line[key-in-log] made up\nK"),
        found("K\n# wandward: allow[hardcoded-key] made up"),
        found("# pragma: allowlist secret\nK"),
        found("# gitleaks:allow\nK"),
        found("K  # pragma: allowlist nextline secret"),
    ];
    for case in table {
        for kind in ["legacy", "v1"] {
            let mut world = World::new();
            let key = world.key(kind);
            let text = format!("import wandb\n{}\n", case.text.replace('K', &format!("wandb.login(key=\"{key}\")")));
            world.write("train.py", &text);
            let shown = world.run(&["scan", "--format", "json"]);
            let rules: Vec<_> = shown.places().into_iter().map(|(rule, _, _)| rule).collect();
            assert_eq!(rules, case.rules, "{:?} {kind}", case.text);
            assert_eq!(shown.code, i32::from(case.reason.is_none()), "{:?}", case.text);
            let suppressed = shown.json()["suppressed"].as_array().unwrap().clone();
            assert_eq!(suppressed.len(), usize::from(case.reason.is_some()), "{:?}", case.text);
            if let Some(reason) = case.reason {
                let line = text.lines().position(|line| line.contains(&key)).unwrap() + 1;
                let one = &suppressed[0];
                assert_eq!(one["rule"], "hardcoded-key", "{:?}", case.text);
                assert_eq!(one["by"], "inline");
                assert_eq!(one["reason"], reason, "{:?}", case.text);
                assert_eq!(one["fingerprint"], fingerprint(&key));
                assert_eq!(one["location"]["path"], "train.py");
                assert_eq!(one["location"]["line"], line);
            }
            // Without permissions all of it is said.
            let shown = world.run(&["scan", "--no-inline", "--format", "json"]);
            let rules: Vec<_> = shown.places().into_iter().map(|(rule, _, _)| rule).collect();
            assert_eq!((shown.code, rules), (1, vec!["hardcoded-key".to_owned()]), "{:?}", case.text);
            assert_eq!(shown.json()["suppressed"], Value::Array(vec![]));
        }
    }
}

#[test]
fn what_is_kept_back_is_counted_and_listed_on_request() {
    let mut world = World::new();
    world.leak("a.py", "wandb.login(key=\"{}\")  # wandward: allow[hardcoded-key] made up for a test\n");
    world.leak("b.py", "wandb.login(key=\"{}\")  # gitleaks:allow\n");
    let shown = world.run(&["scan"]);
    assert_eq!(shown.code, 0);
    assert!(shown.out.contains("2 allowed inline"), "{}", shown.out);
    assert!(!shown.out.contains("a.py"), "{}", shown.out);
    let listed = world.run(&["scan", "--show-suppressed"]);
    assert_eq!(listed.code, 0);
    for wanted in ["allowed[hardcoded-key]: a.py:1:18: made up for a test", "b.py:1:18: gitleaks:allow"] {
        assert!(listed.out.contains(wanted), "{wanted}\n{}", listed.out);
    }
}

#[test]
fn a_key_in_the_reason_of_a_permission_is_masked() {
    let mut world = World::new();
    world.leak("a.py", "wandb.login(key=\"{}\")  # wandward: allow[hardcoded-key] was {} before\n");
    for arguments in [&["scan", "--show-suppressed"][..], &["scan", "--format", "json"], &["explain", "a.py:1"]] {
        world.run(arguments);
    }
}

#[test]
fn excluded_paths() {
    let mut world = World::new();
    for name in ["a.py", "a.log.py", "sub/a.py", "sub/deep/c.py", "vendor/v.py"] {
        world.leak(name, "wandb.login(key=\"{}\")\n");
    }
    let root = world.folder.path().to_str().unwrap().to_owned();
    let table: &[(&[&str], &[&str])] = &[
        (&[], &["a.log.py", "a.py", "sub/a.py", "sub/deep/c.py", "vendor/v.py"]),
        (&["vendor"], &["a.log.py", "a.py", "sub/a.py", "sub/deep/c.py"]),
        (&["vendor/"], &["a.log.py", "a.py", "sub/a.py", "sub/deep/c.py"]),
        (&["*.log.py", "vendor", "deep"], &["a.py", "sub/a.py"]),
        (&["a.py"], &["a.log.py", "sub/deep/c.py", "vendor/v.py"]),
        (&["/a.py"], &["a.log.py", "sub/a.py", "sub/deep/c.py", "vendor/v.py"]),
        (&["sub/a.py"], &["a.log.py", "a.py", "sub/deep/c.py", "vendor/v.py"]),
        (&["sub/**"], &["a.log.py", "a.py", "vendor/v.py"]),
        (&["**/deep/*.py"], &["a.log.py", "a.py", "sub/a.py", "vendor/v.py"]),
        (&["nothing-of-that-name"], &["a.log.py", "a.py", "sub/a.py", "sub/deep/c.py", "vendor/v.py"]),
    ];
    let mut wrong = String::new();
    for (globs, paths) in table {
        for (path, prefix) in [(".", String::new()), (root.as_str(), format!("{root}/"))] {
            let flags: Vec<&str> = globs.iter().flat_map(|glob| ["--exclude", glob]).collect();
            let shown = world.run(&[&["scan", "--format", "json", path][..], &flags].concat());
            let wanted: Vec<_> = paths.iter().map(|path| format!("{prefix}{path}")).collect();
            if shown.paths() != wanted {
                wrong.push_str(&format!("{globs:?} {path}: {:?}, not {wanted:?}\n", shown.paths()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_file_that_is_named_is_read_whatever_is_excluded() {
    let mut world = World::new();
    world.leak("sub/a.py", "wandb.login(key=\"{}\")\n");
    let shown = world.run(&["scan", "--format", "json", "--exclude", "*.py", "sub/a.py"]);
    assert_eq!(shown.paths(), ["sub/a.py"], "a file that is named is read");
    let shown = world.run(&["scan", "--format", "json", "--exclude", "sub", ".", "sub/a.py"]);
    assert!(shown.paths().contains(&"sub/a.py".to_owned()), "a file that is named is read");
}

#[test]
fn hidden_ignored_and_untracked_files_count() {
    let mut world = World::new();
    fs::create_dir_all(world.path(".git/info")).unwrap();
    world.write(".gitignore", "*\n");
    world.write(".ignore", "*\n");
    world.write(".git/info/exclude", "*\n");
    let names = [".env", ".hidden/deep/.env", ".netrc", "build/out.py", "wandb/settings"];
    for name in names {
        let text = if name == ".netrc" {
            "machine api.wandb.ai\n  login user\n  password {}\n"
        } else if name == "wandb/settings" {
            "[default]\napi_key = {}\n"
        } else {
            "WANDB_API_KEY = '{}'\n"
        };
        world.leak(name, text);
    }
    assert_eq!(world.run(&["scan", "--format", "json"]).paths(), names);
}

#[test]
fn standard_input() {
    let mut world = World::new();
    let key = world.key("legacy");
    let python = format!("import wandb\nwandb.login(key=\"{key}\")\n");
    type Case<'a> = (&'a [&'a str], &'a str, i32, Option<(&'a str, &'a str)>);
    let table: &[Case] = &[
        (&["-"], "", 0, None),
        (&["-"], "nothing here\n", 0, None),
        (&["-"], &python, 1, Some(("-", ""))),
        (&["-", "--stdin-name", "src/train.py"], &python, 1, Some(("src/train.py", "hardcoded-key"))),
        (&["--stdin-name=./src/train.py", "-"], &python, 1, Some(("src/train.py", "hardcoded-key"))),
        (
            &["-", "--stdin-name", "config.yaml"],
            &format!("WANDB_API_KEY: {key}\n"),
            1,
            Some(("config.yaml", "key-in-config")),
        ),
        (&["-", "--stdin-name", "wandb_key.txt"], &key, 1, Some(("wandb_key.txt", ""))),
        (&["-"], &key, 0, None),
        (&["-"], &format!("+WANDB_API_KEY={key}\r\n"), 1, Some(("-", ""))),
    ];
    for (arguments, input, code, found) in table {
        let shown = world.pipe(&[&["scan", "--format", "json"], *arguments].concat(), input);
        let report = shown.json();
        assert_eq!(shown.code, *code, "{arguments:?}: {report:#}");
        assert_eq!(report["coverage"]["files"], 1);
        assert_eq!(report["coverage"]["bytes"], input.len());
        assert_eq!(shown.findings().len(), usize::from(found.is_some()), "{arguments:?}: {report:#}");
        if let Some((path, rule)) = found {
            let finding = &shown.findings()[0];
            assert_eq!(finding["location"]["kind"], "stdin");
            assert_eq!(finding["location"]["path"], *path);
            assert_eq!(finding["key"]["fingerprint"], fingerprint(&key));
            if !rule.is_empty() {
                assert_eq!(finding["rule"], *rule);
            }
        }
    }
    for format in ["pretty", "jsonl"] {
        assert_eq!(world.pipe(&["scan", "-", "--format", format], &python).code, 1, "{format}");
    }
}

#[test]
fn what_is_named_twice_is_reported_once() {
    let mut world = World::new();
    world.leak("a/b/train.py", "wandb.login(key=\"{}\")\n");
    world.leak("a/top.py", "wandb.login(key=\"{}\")\n");
    let root = world.folder.path().to_str().unwrap().to_owned();
    #[cfg(unix)]
    std::os::unix::fs::symlink("a", world.path("link")).unwrap();
    let table: &[&[&str]] = &[
        &["a", "a"],
        &["a", "./a/"],
        &["a", "a/b"],
        &["a/b", "a"],
        &["a/b/train.py", "a"],
        &["a", "a/b/train.py", "a/top.py", "a/top.py"],
        &[".", "a", "a/b", "a/b/train.py"],
        &[&root, "."],
        &["a", "a/b/../b"],
        &["a", "a", "--exclude", "nothing"],
        &[".", "a/b", "--exclude", "nothing"],
        &["a", "a/b/train.py", "--max-file-size", "1M"],
        #[cfg(unix)]
        &["a", "link"],
        #[cfg(unix)]
        &["link/b", "a"],
    ];
    let mut wrong = String::new();
    for arguments in table {
        let shown = world.run(&[&["scan", "--format", "json"], *arguments].concat());
        let report = shown.json();
        if shown.findings().len() != 2 || report["coverage"]["files"] != 2 {
            wrong.push_str(&format!("{arguments:?}: {:?}\n", shown.paths()));
        }
    }
    assert!(wrong.is_empty(), "two findings in two files, but:\n{wrong}");
}

#[test]
fn the_same_key_in_many_places_is_one_group_for_people() {
    let mut world = World::new();
    let key = world.key("legacy");
    for name in ["a.py", "b.py", "c.yaml"] {
        world.write(name, &format!("WANDB_API_KEY: \"{key}\"\n"));
    }
    let json = world.run(&["scan", "--format", "json"]);
    let findings = json.findings();
    assert_eq!(findings.len(), 3);
    assert!(findings.iter().all(|f| f["key"]["fingerprint"] == fingerprint(&key)));
    let pretty = world.run(&["scan"]);
    assert_eq!(pretty.out.matches(&fingerprint(&key)).count(), 1, "{}", pretty.out);
    for wanted in ["a.py:1:", "b.py:1:", "c.yaml:1:", "1 exposed key in 3 places", "Looked at 3 files"] {
        assert!(pretty.out.contains(wanted), "{wanted}\n{}", pretty.out);
    }
}

#[test]
fn quiet_verbose_and_colour() {
    let world = usual();
    assert_eq!(world.run(&["scan", "-q", "clean"]).out, "");
    let quiet = world.run(&["scan", "-q", "leaky"]).out;
    assert!(quiet.contains("leaky/train.py:2:18") && !quiet.contains("Looked at"), "{quiet}");
    fs::create_dir_all(world.path("clean/.git")).unwrap();
    assert!(!world.run(&["scan", "clean"]).out.contains("clean/.git:"));
    assert!(world.run(&["scan", "-v", "clean"]).out.contains("clean/.git:"));
    assert!(!world.run(&["scan", "leaky"]).out.contains('\x1b'), "no colour into a pipe");
    assert!(world.run(&["scan", "leaky", "--color", "always"]).out.contains('\x1b'));
    assert!(!world.run(&["scan", "leaky", "--color", "never"]).out.contains('\x1b'));
}

#[test]
fn explain() {
    let mut world = World::new();
    let (first, commit, allowed, v1) =
        (world.key("legacy"), world.key("legacy"), world.key("legacy"), world.key("local-v1"));
    world.write(
        "train.py",
        &format!(
            "import wandb\nwandb.login(key=\"{first}\")\nMODEL_COMMIT = \"{commit}\"\n\
             wandb.login(key=\"{allowed}\")  # wandward: allow[hardcoded-key] made up\nwandb.login(key=\"{v1}\")\n"
        ),
    );
    let table: &[(&str, i32, &[&str])] = &[
        ("hardcoded-key", 0, &["# Key in source code", "## Why it matters", "## What to do"]),
        ("train.py:2", 0, &["train.py:2:18", "hardcoded-key", "error"]),
        ("train.py:2:18", 0, &["train.py:2:18", "hardcoded-key"]),
        ("./train.py:2", 0, &["hardcoded-key"]),
        ("train.py:3", 0, &["train.py:3:17", "not reported", "but"]),
        ("train.py:4", 0, &["train.py:4:18", "allowed[hardcoded-key]", "made up"]),
        ("train.py:5", 0, &["train.py:5:18", "hardcoded-key", "wandb_v1_"]),
        ("train.py:1", 0, &["train.py:1", "nothing"]),
        ("train.py:99", 2, &["5 lines"]),
        ("train.py:0", 2, &["train.py"]),
        ("missing.py:1", 2, &["missing.py", "no such file"]),
        (".:1", 2, &["."]),
        ("no-such-thing", 2, &["no-such-thing"]),
    ];
    for (what, code, wanted) in table {
        let shown = world.run(&["explain", what]);
        assert_eq!(shown.code, *code, "{what}: {}{}", shown.out, shown.err);
        let said = if *code == 0 { &shown.out } else { &shown.err };
        for wanted in *wanted {
            assert!(said.to_lowercase().contains(&wanted.to_lowercase()), "{what}: {wanted}\n{said}");
        }
    }
    let silent = world.run(&["explain", "train.py:3"]).out;
    assert!(silent.contains("revision"), "the reason: {silent}");
    assert!(!world.run(&["explain", "train.py:2"]).out.contains("not reported"));
}

#[test]
fn rules() {
    let world = World::new();
    let list = world.run(&["rules", "list"]);
    assert_eq!(list.code, 0);
    assert_eq!(world.run(&["rules"]).out, list.out);
    let pages: BTreeMap<String, String> = support::files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("rules"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "md") && !path.ends_with("README.md"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap()))
        .collect();
    let ids: Vec<_> = pages.keys().map(String::as_str).collect();
    let listed: Vec<_> = list.out.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(listed, ids, "in the order of the ids");
    for (id, page) in &pages {
        for arguments in [&["rules", "show", id][..], &["explain", id]] {
            let shown = world.run(arguments);
            assert_eq!((shown.code, &shown.out), (0, page), "{arguments:?}");
        }
    }
    let test = world.run(&["rules", "test"]);
    assert_eq!(test.code, 0, "{}", test.out);
    assert!(test.out.contains(&format!("{} rules", ids.len())), "{}", test.out);
}

#[test]
fn a_broken_pipe_is_success() {
    let mut world = World::new();
    let mut text = String::new();
    for _ in 0..50 {
        text.push_str("wandb.login(key=\"{}\")\n");
    }
    world.leak("train.py", &text);
    let table: &[&[&str]] = &[
        &["scan"],
        &["scan", "--format", "json"],
        &["scan", "--format", "jsonl"],
        &["scan", "--color", "always"],
        &["scan", ".", "missing"],
        &["rules"],
        &["rules", "show", "hardcoded-key"],
        &["rules", "test"],
        &["explain", "hardcoded-key"],
        &["explain", "train.py:1"],
        &["--help"],
    ];
    for arguments in table {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = wandward(world.folder.path());
        let shown = world.check(command.args(*arguments).stdout(writer), arguments);
        assert_eq!(shown.code, 0, "{arguments:?}: {}", shown.err);
    }
}
