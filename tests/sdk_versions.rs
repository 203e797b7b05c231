//! Pins and locks of real size and in places where nobody can mend them, with the words that a user reads.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;

/// What is told of a folder: rule, severity, path and line.
fn told(folder: &Path) -> Vec<(String, String, String, u64)> {
    let (report, _) = support::scan_json(folder, &["."]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let told = report["findings"].as_array().unwrap().iter().map(|finding| {
        let place = &finding["location"];
        (text(&finding["rule"]), text(&finding["severity"]), text(&place["path"]), place["line"].as_u64().unwrap())
    });
    told.collect()
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn old(severity: &str, path: &str, line: u64) -> (String, String, String, u64) {
    ("sdk-too-old".to_owned(), severity.to_owned(), path.to_owned(), line)
}

#[test]
fn an_entry_of_a_lock_is_found_once_wherever_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    let other =
        "[[package]]\nname = \"numpy\"\nversion = \"2.0.0\"\nsource = { registry = \"https://pypi.org/simple\" }\n\n";
    let entry = "[[package]]\nname = \"wandb\"\nversion = \"0.16.2\"\n\n";
    // Large files are read in windows; the entry lies at many places in one, on their borders too.
    let mut text = String::new();
    let mut expected = Vec::new();
    while text.len() < 6 * 1024 * 1024 {
        text.push_str(&other.repeat(150));
        expected.push(old("error", "uv.lock", text.lines().count() as u64 + 3));
        text.push_str(entry);
    }
    write(folder.path(), "uv.lock", &text);
    assert_eq!(told(folder.path()), expected);
}

#[test]
fn each_line_and_package_is_judged_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "requirements.txt",
        "wandb==0.15.0 ; python_version < '3.8'\nwandb>=0.23 ; python_version >= '3.8'\nweave>=0.50\nweave<0.51\ntorch==2\n-r more.txt\n",
    );
    write(folder.path(), "more.txt", "-c constraints.txt\nwandb>=0.12\nnumpy==2\n");
    write(folder.path(), "constraints.txt", "wandb==0.22.2\r\nweave==0.52.17\r\n");
    assert_eq!(
        told(folder.path()),
        [
            old("error", "constraints.txt", 1),
            old("note", "more.txt", 2),
            old("error", "requirements.txt", 1),
            old("note", "requirements.txt", 3),
            old("error", "requirements.txt", 4),
        ]
    );
}

#[test]
fn what_was_installed_or_run_is_no_pin() {
    let folder = tempfile::tempdir().unwrap();
    for path in [
        "wandb/run-20260101_000000-abcdefgh/files/requirements.txt",
        "venv/lib/python3.12/site-packages/a/requirements.txt",
        "a.egg-info/requires.txt",
        "CHANGELOG.md",
        "train.log",
    ] {
        write(folder.path(), path, "wandb==0.15.0\npip install wandb==0.15.0\n");
    }
    write(folder.path(), "package.json", "{\"dependencies\": {\"weave\": \"0.1.0\", \"wandb\": \"==0.1.0\"}}");
    write(folder.path(), "Cargo.toml", "[dependencies]\nweave = \"0.1.0\"\n");
    write(folder.path(), "Chart.yaml", "dependencies:\n- name: weave\n  version: 0.1.0\n");
    write(folder.path(), "program.bin", "\0pip install wandb==0.15.0\n");
    assert_eq!(told(folder.path()), []);
}

#[test]
fn hostile_manifests_end_and_what_stands_before_them_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let deep = 10_000;
    let first = "[project]\ndependencies = [\"wandb==0.1\"]\n";
    for (path, text) in [
        ("a/pyproject.toml", format!("{first}x = {}\"wandb==0.1\"{}\n", "[".repeat(deep), "]".repeat(deep))),
        ("b/pyproject.toml", format!("{first}x = {}1{}\n", "{a=".repeat(deep), "}".repeat(deep))),
        ("c/pyproject.toml", format!("{first}{} = 1\n", vec!["a"; deep].join("."))),
        ("d/pyproject.toml", format!("{first}[{}]\nx = 'wandb'\n", vec!["a"; deep].join("."))),
        ("e/pyproject.toml", format!("{first}x = \"wandb")),
    ] {
        write(folder.path(), path, &text);
    }
    let expected: Vec<_> =
        ["a", "b", "c", "d", "e"].map(|name| old("error", &format!("{name}/pyproject.toml"), 2)).into();
    assert_eq!(told(folder.path()), expected);
}

#[test]
fn a_command_without_an_end_is_read_in_bounds() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "install.sh", &format!("pip install wandb==0.15.0 {}", "wandb \\\n".repeat(500_000)));
    write(folder.path(), "brackets.py", &format!("{}install=['wandb==0.15.0']", "([{".repeat(800_000)));
    assert_eq!(told(folder.path()), [old("error", "brackets.py", 1), old("error", "install.sh", 1)]);
}

#[test]
fn the_words_name_the_version_and_the_way_round() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "requirements.txt", "weave==0.51.0\n");
    let output = support::run(support::wandward(folder.path()).args(["scan", "."]));
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    for words in ["weave==0.51.0", "weave 0.52.17 is the first that can", "WANDB_API_KEY"] {
        assert!(said.contains(words), "{said}");
    }
}
