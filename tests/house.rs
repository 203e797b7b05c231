//! The house stands: nobody imports upward, nothing key-shaped is committed, the README tells the truth.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use wandward::rule::RuleSet;

/// Who may name whom; a module stands for its folder too.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("object", &[]),
    ("process", &[]),
    ("blob", &["object", "process"]),
    ("secret", &[]),
    ("rule", &[]),
    ("finding", &["blob", "rule", "secret"]),
    ("remediate", &["blob", "secret", "rule", "detect", "finding", "write"]),
    ("policy", &["blob", "rule", "secret"]),
    ("source", &["object", "process", "blob", "finding"]),
    ("decode", &["blob"]),
    ("detect", &["secret", "decode"]),
    ("judge", &["blob", "secret", "rule", "finding", "policy", "detect"]),
    ("report", &["object", "process", "blob", "secret", "finding", "rule"]),
    ("write", &[]),
    ("cache", &["object", "write"]),
    ("fix", &["blob", "finding", "judge"]),
    (
        "scan",
        &[
            "object", "process", "blob", "cache", "secret", "rule", "finding", "policy", "source", "decode", "detect",
            "judge",
        ],
    ),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The files that git would commit.
fn committed() -> Vec<PathBuf> {
    let ignored = [".git", "target", "dist"];
    let mut found = Vec::new();
    for entry in fs::read_dir(root()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && !ignored.contains(&name.as_str()) {
            found.extend(support::files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found
}

#[test]
fn nobody_imports_upward() {
    let src = root().join("src");
    for path in support::files(&src) {
        let module = path.strip_prefix(&src).unwrap().components().next().unwrap().as_os_str().to_str().unwrap();
        let module = module.strip_suffix(".rs").unwrap_or(module);
        let Some((_, allowed)) = MAY_NAME.iter().find(|(name, _)| *name == module) else {
            assert!(["lib", "main", "cli", "verb", "watch"].contains(&module), "{module} has no place in the house");
            continue;
        };
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        for named in text.split("crate::").skip(1) {
            let named: String = named.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            assert!(
                named == module || allowed.contains(&named.as_str()),
                "{} names `{named}`; `{module}` may name only {allowed:?}",
                path.display()
            );
        }
    }
}

#[test]
fn nothing_committed_has_the_shape_of_a_key() {
    let legacy = regex::bytes::Regex::new(r"(?-u)\b[0-9a-f]{40}\b").unwrap();
    let v1 = regex::bytes::Regex::new(r"wandb_v1_[A-Za-z0-9]{27}_[A-Za-z0-9]{49}").unwrap();
    for path in committed() {
        let text = fs::read(&path).unwrap();
        assert!(!v1.is_match(&text), "{} holds a v1 key", path.display());
        if !path.ends_with("Cargo.lock") {
            assert!(!legacy.is_match(&text), "{} holds 40 hexadecimal digits", path.display());
        }
    }
}

#[test]
fn the_readme_lists_every_rule() {
    let mut table = String::from("| rule | what it finds |\n|---|---|\n");
    for rule in RuleSet::builtin().unwrap().iter() {
        table.push_str(&format!("| [`{0}`](rules/{0}.md) | {1} |\n", rule.id, rule.message()));
    }
    let path = root().join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once("<!-- rules -->\n").unwrap();
    let (listed, after) = rest.split_once("<!-- /rules -->").unwrap();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, format!("{before}<!-- rules -->\n{table}<!-- /rules -->{after}")).unwrap();
    } else {
        assert_eq!(listed, table, "UPDATE=1 cargo test --test house writes it anew");
    }
}

#[test]
fn versions_are_in_step() {
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert!(changelog.contains("## Unreleased") || changelog.contains(&format!("## {version}")));
    let output = support::run(support::wandward(Path::new(".")).arg("--version"));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("wandward {version}\n"));
}

#[test]
fn every_file_says_what_it_is() {
    for folder in ["src", "tests", "benches"] {
        for path in support::files(&root().join(folder)) {
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.starts_with("//! "), "{} does not open with a sentence", path.display());
        }
    }
}
