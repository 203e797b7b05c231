//! Every sentence of the guidance has a rule, or a reason why no tool can hold it; every rule has a sentence.
//! `UPDATE=1 cargo test --test guidance` writes the list of the others in rules/README.md anew.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use wandward::rule::RuleSet;

/// How many sentences the pages of W&B have on the storage of keys and secrets.
const SENTENCES: u32 = 33;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Guidance {
    sentence: Vec<Sentence>,
    own: Vec<Own>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sentence {
    number: u32,
    page: String,
    says: String,
    #[serde(default)]
    rules: Vec<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    says: String,
    rules: Vec<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rules")
}

fn guidance() -> Guidance {
    toml::from_str(&std::fs::read_to_string(folder().join("guidance.toml")).unwrap()).unwrap()
}

#[test]
fn every_sentence_has_a_rule_or_a_reason_and_every_rule_a_sentence() {
    let rules = RuleSet::builtin().unwrap();
    let guidance = guidance();
    let numbers: Vec<u32> = guidance.sentence.iter().map(|sentence| sentence.number).collect();
    assert_eq!(numbers, (1..=SENTENCES).collect::<Vec<_>>());
    for sentence in &guidance.sentence {
        assert!(!sentence.page.is_empty() && !sentence.says.is_empty(), "{}", sentence.number);
        let (held, excused) = (!sentence.rules.is_empty(), sentence.reason.is_some());
        assert!(held != excused, "sentence {} needs rules or a reason, and not both", sentence.number);
    }
    assert!(guidance.own.iter().all(|own| !own.says.is_empty()));
    let own = guidance.own.iter().flat_map(|own| &own.rules);
    let named: BTreeSet<&str> =
        guidance.sentence.iter().flat_map(|s| &s.rules).chain(own).map(String::as_str).collect();
    let all: BTreeSet<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
    let unknown: Vec<_> = named.difference(&all).collect();
    let without: Vec<_> = all.difference(&named).collect();
    assert!(unknown.is_empty(), "guidance.toml names what is no rule: {unknown:?}");
    assert!(without.is_empty(), "guidance.toml has no sentence for {without:?}");
}

#[test]
fn the_readme_says_what_no_rule_can_check() {
    let mut list = String::new();
    for sentence in guidance().sentence {
        if let Some(reason) = sentence.reason {
            list.push_str(&format!("* {} (*{}*): {reason}.\n", sentence.says, sentence.page));
        }
    }
    let path = folder().join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once("<!-- unchecked -->\n").unwrap();
    let (said, after) = rest.split_once("<!-- /unchecked -->").unwrap();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, format!("{before}<!-- unchecked -->\n{list}<!-- /unchecked -->{after}")).unwrap();
    } else {
        assert_eq!(said, list, "UPDATE=1 cargo test --test guidance writes it anew");
    }
}
