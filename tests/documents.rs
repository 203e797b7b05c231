//! What the README and the pages in `docs/` say of the program is so: every command in them exists and takes the flags that it
//! is shown with, every setting of a configuration file is told, and every link leads somewhere.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{run, wandward};

/// The README and the pages of `docs/`, with their texts.
fn documents() -> BTreeMap<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = support::files(&root.join("docs")).into_iter().chain([root.join("README.md")]);
    let markdown = pages.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    markdown.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// Every command line of wandward in a text: in a code span, after a prompt, or on a line of a block.
fn commands(text: &str) -> Vec<String> {
    let spans = text.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2));
    let blocks = text.split("```").skip(1).step_by(2).flat_map(str::lines);
    let pieces = spans.chain(blocks).flat_map(|line| line.split(['|', ';'])).flat_map(|line| line.split("&&"));
    let commands = pieces.filter_map(|piece| {
        let piece = piece.trim().trim_start_matches("$ ").trim_start_matches("- run: ").trim_end_matches('\\');
        piece.strip_prefix("wandward ").map(str::to_owned)
    });
    commands.collect()
}

#[test]
fn every_command_exists_and_takes_its_flags() {
    let mut helps: BTreeMap<String, String> = BTreeMap::new();
    let mut seen = 0;
    for (path, text) in documents() {
        for command in commands(&text) {
            let command = command.split(" -- ").next().unwrap().split(" #").next().unwrap().replace('\\', "");
            let mut words = command.split_whitespace();
            let verb = words.next().unwrap().trim_end_matches(',').to_owned();
            if !verb.bytes().all(|b| b.is_ascii_lowercase()) {
                continue;
            }
            let under = command.split_whitespace().nth(1).filter(|_| matches!(&*verb, "baseline" | "config" | "hook"));
            let name = under.map_or(verb.clone(), |under| format!("{verb} {under}"));
            let help = helps.entry(name.clone()).or_insert_with(|| {
                let output = run(wandward(Path::new(".")).args(name.split(' ')).arg("--help"));
                assert!(output.status.success(), "{}: no such command: {command}", path.display());
                String::from_utf8(output.stdout).unwrap()
            });
            for flag in words.filter(|word| word.starts_with("--") && word.len() > 2) {
                let flag = flag.split(['=', '[', ',', '`']).next().unwrap();
                let takes =
                    help.split(|c: char| c.is_whitespace() || matches!(c, '=' | '[' | ',')).any(|word| word == flag);
                assert!(takes, "{}: `wandward {name}` has no {flag}: {command}", path.display());
            }
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen} commands");
}

#[test]
fn every_setting_of_a_configuration_file_is_told() {
    let output = run(wandward(Path::new(".")).args(["config", "schema"]));
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    let readme = &documents()[&Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")];
    let section = readme.split("\n### Configuration\n").nth(1).unwrap().split("\n### ").next().unwrap();
    let settings = schema["properties"].as_object().unwrap();
    assert!(settings.len() > 8);
    for setting in settings.keys() {
        assert!(section.contains(&format!("`{setting}`")), "{setting} is not in the README");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut seen = 0;
    for (path, text) in documents() {
        let prose = text.split("```").step_by(2).collect::<String>();
        for target in prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.starts_with("https://") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(file.exists(), "{}: {target}", path.display());
            if !heading.is_empty() {
                let there = fs::read_to_string(&file).unwrap();
                let slug = |line: &str| {
                    let title = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
                    title.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect::<String>()
                };
                assert!(
                    there.lines().any(|line| line.starts_with('#') && slug(line) == heading),
                    "{}: {target}",
                    path.display()
                );
            }
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen} links");
}
