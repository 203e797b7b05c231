//! The fixtures as a table: in `leaks/` every `<KEY>` is found exactly once, at its line, whatever the format of the key;
//! in `innocent/` nothing is.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod support;

use std::collections::BTreeMap;

fn findings(report: &serde_json::Value) -> BTreeMap<String, Vec<(u64, String, String)>> {
    let mut found: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for finding in report["findings"].as_array().unwrap() {
        let location = &finding["location"];
        found.entry(location["path"].as_str().unwrap().to_owned()).or_default().push((
            location["line"].as_u64().unwrap(),
            finding["key"]["fingerprint"].as_str().unwrap_or("-").to_owned(),
            format!("{}: {}", finding["rule"].as_str().unwrap(), finding["evidence"].as_str().unwrap()),
        ));
    }
    found
}

#[test]
fn every_exposed_key_is_found_once_and_nothing_else() {
    let mut wrong = String::new();
    for kind in support::KINDS {
        let (tree, keys) = support::filled_tree("leaks", kind);
        let (report, _) = support::scan_json(tree.path(), &["--select", "keys", "."]);
        let found = findings(&report);
        for (path, keys) in &keys {
            let text = std::fs::read_to_string(tree.path().join(path)).unwrap();
            let line_of = |line: u64| text.lines().nth(line as usize - 1).unwrap_or_default().trim().to_owned();
            let mut found: Vec<_> = found.get(path).cloned().unwrap_or_default();
            for (key, line) in keys {
                let print = support::fingerprint(key);
                match found.iter().position(|(at, other, _)| at == line && *other == print) {
                    Some(at) => drop(found.remove(at)),
                    None => wrong.push_str(&format!("missed {kind} {path}:{line}: {}\n", line_of(*line))),
                }
            }
            for (line, _, why) in found {
                wrong.push_str(&format!("wrong {kind} {path}:{line}: {}\n    {why}\n", line_of(line)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} lines:\n{wrong}", wrong.lines().count());
}

#[test]
fn nothing_innocent_is_reported() {
    let (tree, _) = support::filled_tree("innocent", "legacy");
    let (report, code) = support::scan_json(tree.path(), &["--select", "keys", "."]);
    let mut wrong = String::new();
    for (path, found) in findings(&report) {
        let text = std::fs::read_to_string(tree.path().join(&path)).unwrap();
        for (line, _, why) in found {
            let line_text = text.lines().nth(line as usize - 1).unwrap_or_default().trim();
            wrong.push_str(&format!("{path}:{line}: {line_text}\n    {why}\n"));
        }
    }
    assert!(wrong.is_empty(), "{} lines:\n{wrong}", wrong.lines().count());
    assert_eq!(code, 0);
}
