//! What a user sees: each folder of `fixtures/transcripts` holds a situation and the transcript of the commands in it.
//! `UPDATE=1 cargo test --test transcripts` writes the transcripts anew.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod support;

use std::fs;
use std::path::Path;

use support::git::Repo;

#[test]
fn the_commands_print_what_their_transcripts_say() {
    let situations = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/transcripts");
    let mut wrong = String::new();
    for entry in fs::read_dir(&situations).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let expect = situations.join(&name).join("expect.txt");
        let wanted = fs::read_to_string(&expect).unwrap_or_else(|e| panic!("{}: {e}", expect.display()));
        let (tree, _) = support::filled_tree(&format!("transcripts/{name}"), "legacy");
        fs::remove_file(tree.path().join("expect.txt")).unwrap();
        let said = transcript(&wanted, &Repo::around(tree));
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expect, &said).unwrap();
        } else if said != wanted {
            wrong.push_str(&format!("--- {name}: wanted\n{wanted}\n--- said\n{said}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Runs every `$ wandward …` of a transcript again, and on the way every `$ git …`, of which nothing is shown.
fn transcript(wanted: &str, folder: &Repo) -> String {
    let seconds = regex::Regex::new(r"in \d+\.\d\d s").unwrap();
    let mut said = String::new();
    for line in wanted.lines().filter(|line| line.starts_with("$ ")) {
        if let Some(arguments) = line.strip_prefix("$ git ") {
            folder.git(&arguments.split(' ').collect::<Vec<_>>());
            said.push_str(&format!("{line}\n"));
            continue;
        }
        let arguments = line["$ wandward ".len()..].split(' ').filter(|word| !word.is_empty());
        let output = support::run(support::wandward(&folder.path).args(arguments));
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        let text = seconds.replace_all(&text, "in 0.00 s");
        said.push_str(&format!("{line}\n{text}exit {}\n\n", output.status.code().unwrap()));
    }
    said
}
