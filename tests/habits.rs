//! Habits are told where somebody can mend them, once, and beside no key.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::git::Repo;

const IMAGE: &str = "FROM python:3.12-slim\nARG WANDB_API_KEY\n";

/// What a scan says: rule, path and line.
fn told(folder: &Path, arguments: &[&str]) -> Vec<(String, String, u64)> {
    let (report, _) = support::scan_json(folder, arguments);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let told = report["findings"].as_array().unwrap().iter().map(|finding| {
        let place = &finding["location"];
        (text(&finding["rule"]), text(&place["path"]), place["line"].as_u64().unwrap())
    });
    told.collect()
}

fn one(path: &str, line: u64) -> Vec<(String, String, u64)> {
    vec![("key-in-image-build".to_owned(), path.to_owned(), line)]
}

#[test]
fn habits_are_told_of_files_as_they_stand_and_of_what_changes_but_not_of_the_past() {
    let repo = Repo::new();
    let first = repo.save("README.md", "nothing\n");
    repo.save("Dockerfile", IMAGE);
    repo.save("Dockerfile", "FROM scratch\n");
    repo.stage("docker/Dockerfile", IMAGE);
    assert_eq!(told(&repo.path, &["--staged", "."]), one("docker/Dockerfile", 2));
    assert_eq!(told(&repo.path, &["."]), one("docker/Dockerfile", 2));
    assert_eq!(told(&repo.path, &["--history", "."]), one("docker/Dockerfile", 2));
    assert_eq!(told(&repo.path, &["--range", &format!("{first}..HEAD")]), one("Dockerfile", 2));
    fs::remove_dir_all(repo.path.join("docker")).unwrap();
    assert_eq!(told(&repo.path, &["--history", "."]), []);
}

#[test]
fn habits_in_installed_packages_are_told_to_nobody() {
    let folder = tempfile::tempdir().unwrap();
    for path in ["node_modules/a", "v/lib/python3.12/site-packages/a", ".venv/a", "mine"] {
        let path = folder.path().join(path);
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("Dockerfile"), IMAGE).unwrap();
    }
    assert_eq!(told(folder.path(), &["."]), one("mine/Dockerfile", 2));
}

#[test]
fn habits_in_compiled_programs_are_told_to_nobody_and_keys_to_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("wandb login $KEY\nwandb.login(key=\"{}\")\n", support::key("legacy", "program"));
    // Before it so much that it is read in pieces.
    let far = vec![b'x'; 9 << 20];
    let pe = [b"MZ".as_slice(), &[0; 58], &[0x40, 0, 0, 0], b"PE\0\0"].concat();
    let not_pe = [b"MZ".as_slice(), &[b' '; 58], &[0x44, 0, 0, 0], b"PE\0\0"].concat();
    let table: [(&[u8], &[u8], bool); 9] = [
        (b"\x7FELF\x02\x01\x01\0", b"\n", true),
        (b"\x7FELF\x02\x01\x01\0", &far, true),
        (b"\xCF\xFA\xED\xFE\x0C\0\0\x01", b"\n", true),
        (b"\xCA\xFE\xBA\xBE\0\0\0\x02", b"\n", true),
        (b"\0asm\x01\0\0\0", b"\n", true),
        (&pe, b"\n", true),
        (&not_pe, b"\n", false),
        (b"#!/bin/sh", b"\n", false),
        (b"# ELF", &far, false),
    ];
    for (head, between, is_program) in table {
        let program = [head, between, b"\n", text.as_bytes()].concat();
        fs::write(folder.path().join("tool"), program).unwrap();
        let rules: Vec<String> = told(folder.path(), &["."]).into_iter().map(|(rule, ..)| rule).collect();
        let habit = rules.iter().filter(|rule| *rule == "key-as-argument").count();
        let label = String::from_utf8_lossy(&head[..head.len().min(8)]).into_owned();
        assert_eq!((habit, rules.len() - habit), (usize::from(!is_program), 1), "{label:?}: {rules:?}");
    }
}

#[test]
fn a_key_says_all_of_the_line_that_it_stands_in() {
    let folder = tempfile::tempdir().unwrap();
    let key = support::key("legacy", "habit");
    for (text, rules) in [
        (format!("FROM a\nENV WANDB_API_KEY={key}\n"), vec!["key-in-image"]),
        (format!("FROM a\nARG WANDB_API_KEY={key}\n"), vec!["key-in-image"]),
        (format!("FROM a\nENV WANDB_API_KEY={key} # wandward: allow[key-in-image] a test\n"), vec![]),
        ("FROM a\nARG WANDB_API_KEY # wandward: allow[key-in-image-build] a test\n".to_owned(), vec![]),
        ("FROM a\nARG WANDB_API_KEY # wandward: allow[key-in-image] a test\n".to_owned(), vec!["key-in-image-build"]),
    ] {
        fs::write(folder.path().join("Dockerfile"), &text).unwrap();
        let told = told(folder.path(), &["."]);
        assert_eq!(told.iter().map(|(rule, _, _)| rule.as_str()).collect::<Vec<_>>(), rules, "{text}");
    }
}
