//! Events of GitHub Actions, on the checkouts that its runners make. In: payloads. Out: which keys are found, by whose settings.

use std::fs;

use super::support::ci::{Server, Told, key_of};
use super::support::fingerprint;
use super::support::git::{Repo, leak};

const PULL: &str = "refs/pull/7/merge";
const TOPIC: &str = "refs/heads/topic";
const MAIN: &str = "refs/heads/main";

/// An event of GitHub Actions on a full checkout.
struct Row {
    event: &'static str,
    payload: &'static str,
    /// What is checked out, and which id `GITHUB_SHA` is.
    at: (&'static str, &'static str),
    ids: &'static [(&'static str, &'static str)],
    keys: &'static [&'static str],
    says: &'static str,
}

const ALL: &[&str] = &["old", "mainline", "gone", "kept", "tagged", "untracked"];

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { event: "pull_request", payload: "pull_request", at: (PULL, "merge"), ids: &[("BASE", "fork"), ("HEAD", "head"), ("MERGE", "merge")], keys: &["gone", "kept", "evil"], says: "scans what is new in" },
    Row { event: "pull_request", payload: "pull_request", at: (PULL, "merge"), ids: &[("BASE", "main"), ("HEAD", "head"), ("MERGE", "merge")], keys: &["gone", "kept", "evil"], says: "configuration and baseline are those of" },
    Row { event: "pull_request", payload: "pull_request_fork", at: (PULL, "merge"), ids: &[("BASE", "main"), ("HEAD", "head"), ("MERGE", "merge")], keys: &["gone", "kept", "evil"], says: "scans what is new in" },
    Row { event: "pull_request", payload: "pull_request_of_a_deleted_fork", at: (PULL, "merge"), ids: &[("BASE", "main"), ("HEAD", "head"), ("MERGE", "merge")], keys: &["gone", "kept", "evil"], says: "scans what is new in" },
    // Somebody checks out the head, so that the merge is not here.
    Row { event: "pull_request", payload: "pull_request", at: (TOPIC, "merge"), ids: &[("BASE", "main"), ("HEAD", "head"), ("MERGE", "merge")], keys: &["gone", "kept"], says: "is not here" },
    // The commit that it was held against is gone; the branch is not.
    Row { event: "pull_request", payload: "pull_request", at: (TOPIC, "head"), ids: &[("BASE", "unknown"), ("HEAD", "head"), ("MERGE", "merge")], keys: &["gone", "kept"], says: "(main)" },
    Row { event: "pull_request_target", payload: "pull_request_fork", at: (MAIN, "main"), ids: &[("BASE", "main"), ("HEAD", "head"), ("MERGE", "merge")], keys: &["gone", "kept"], says: "scans what is new in" },
    Row { event: "pull_request_review", payload: "pull_request", at: (PULL, "merge"), ids: &[("BASE", "main"), ("HEAD", "head"), ("MERGE", "merge")], keys: &["gone", "kept", "evil"], says: "scans what is new in" },
    Row { event: "merge_group", payload: "merge_group", at: (PULL, "merge"), ids: &[("BASE", "main"), ("HEAD", "merge")], keys: &["gone", "kept", "evil"], says: "gh-readonly-queue" },
    Row { event: "push", payload: "push", at: (TOPIC, "head"), ids: &[("BEFORE", "fork"), ("AFTER", "head")], keys: &["gone", "kept"], says: "push of refs/heads/topic" },
    Row { event: "push", payload: "push", at: (TOPIC, "head"), ids: &[("BEFORE", "first"), ("AFTER", "head")], keys: &["kept"], says: "scans what is new in" },
    Row { event: "push", payload: "push", at: (TOPIC, "head"), ids: &[("BEFORE", "head"), ("AFTER", "head")], keys: &[], says: "scans what is new in" },
    Row { event: "push", payload: "push_new_branch", at: (TOPIC, "head"), ids: &[("AFTER", "head")], keys: &["gone", "kept"], says: "(main)" },
    Row { event: "create", payload: "create", at: (TOPIC, "head"), ids: &[], keys: &["gone", "kept"], says: "(main)" },
    Row { event: "push", payload: "push_first", at: (MAIN, "main"), ids: &[("AFTER", "main")], keys: &["old", "mainline"], says: "with all history that is here" },
    Row { event: "push", payload: "push_forced", at: (TOPIC, "head"), ids: &[("BEFORE", "unknown"), ("AFTER", "head")], keys: &["gone", "kept"], says: "(main)" },
    Row { event: "push", payload: "push_forced", at: (TOPIC, "head"), ids: &[("BEFORE", "main"), ("AFTER", "head")], keys: &["gone", "kept"], says: "scans what is new in" },
    Row { event: "push", payload: "push_forced_main", at: (MAIN, "main"), ids: &[("BEFORE", "unknown"), ("AFTER", "main")], keys: &["old", "mainline"], says: "with all history that is here" },
    Row { event: "push", payload: "push_tag", at: ("refs/tags/v1.0", "head"), ids: &[("AFTER", "tag")], keys: &["gone", "kept", "tagged"], says: "push of refs/tags/v1.0" },
    Row { event: "push", payload: "push_deleted", at: (MAIN, "main"), ids: &[("BEFORE", "head")], keys: &[], says: "scans nothing: the push deletes" },
    Row { event: "delete", payload: "delete", at: (MAIN, "main"), ids: &[], keys: &[], says: "scans nothing" },
    Row { event: "schedule", payload: "schedule", at: (MAIN, "main"), ids: &[], keys: ALL, says: "scans all that the repository holds" },
    Row { event: "workflow_dispatch", payload: "workflow_dispatch", at: (MAIN, "main"), ids: &[], keys: ALL, says: "scans all that the repository holds" },
    Row { event: "workflow_run", payload: "workflow_run", at: (MAIN, "main"), ids: &[("HEAD", "head")], keys: ALL, says: "configuration and baseline are those of" },
];

impl Row {
    fn reference(&self) -> &'static str {
        // That of GitHub, whatever was checked out.
        if self.event.starts_with("pull_request") && self.event != "pull_request_target" { PULL } else { self.at.0 }
    }

    fn run(&self, server: &Server, work: &Repo) -> Told {
        let payload = server.payload(self.payload, self.ids);
        let variables = [("GITHUB_SHA", server.id(self.at.1)), ("GITHUB_REF", self.reference())];
        server.github(&work.path, self.event, &payload, &variables, &[])
    }
}

#[test]
fn each_event_is_answered_by_what_it_brings() {
    let server = Server::new();
    for (nth, row) in ROWS.iter().enumerate() {
        let work = server.checkout(&format!("work {nth}"), row.at.0, None);
        work.write("untracked.env", leak(&key_of("untracked")));
        let label = format!("{} with {}", row.event, row.payload);
        let told = row.run(&server, &work);
        told.expect(&label, row.keys, true).says(&["GitHub Actions: ", row.event, row.says]);
        assert_eq!(told.outputs["findings"], told.json["findings"].as_array().unwrap().len().to_string(), "{label}");
        assert_eq!((&*told.outputs["exit-code"], &*told.outputs["coverage"]), (&*told.code.to_string(), "complete"));
        assert!(told.summary.starts_with("# wandward: ") && told.summary.contains("## What was asked for"), "{label}");
    }
}

#[test]
fn what_was_not_fetched_is_no_clean_bill() {
    let server = Server::new();
    // The tips alone are clean, and nothing else is there.
    server.repo.git(&["switch", "-q", "topic"]);
    for name in ["kept.env", "old.env"] {
        server.repo.delete(name);
    }
    let clean = server.repo.id("HEAD");
    let (base, head) = (server.id("fork"), clean.as_str());
    let pull = server.payload("pull_request", &[("BASE", "fork"), ("HEAD", "head"), ("MERGE", "merge")]);
    let pull = pull.replace(server.id("head"), head).replace(server.id("merge"), head);
    let push = server.payload("push", &[("BEFORE", "fork"), ("AFTER", "head")]).replace(server.id("head"), head);
    let new = server.payload("push_new_branch", &[("AFTER", "head")]).replace(server.id("head"), head);
    let schedule = server.payload("schedule", &[]);
    for (event, payload) in [("pull_request", &pull), ("push", &push), ("push", &new), ("schedule", &schedule)] {
        let work = server.checkout(&format!("shallow {event} {}", payload.len()), TOPIC, Some(1));
        let variables = [("GITHUB_SHA", head), ("GITHUB_REF", TOPIC)];
        let told = server.github(&work.path, event, payload, &variables, &[]);
        told.expect(event, &[], false);
        for text in [&told.out, &told.summary] {
            assert!(text.contains("fetch-depth: 0"), "{event}: {text}");
        }
        assert!(told.annotations().iter().any(|line| line.contains("fetch-depth: 0")), "{event}: {}", told.out);
        assert_eq!((&*told.outputs["coverage"], &*told.outputs["exit-code"]), ("partial", "3"), "{event}");
        let lenient = server.github(&work.path, event, payload, &variables, &["--allow-partial"]);
        assert_eq!(lenient.code, 0, "{event}");
        // The same with all that there is: nobody is told to fetch what is here.
        let work = server.checkout(&format!("whole {event} {}", payload.len()), TOPIC, None);
        let whole = server.github(&work.path, event, payload, &variables, &[]);
        assert!(whole.code == 1 && !whole.out.contains("fetch-depth"), "{event}: {}", whole.out);
        assert!(whole.json["coverage"]["complete"] == true && base != head);
    }
}

#[test]
fn a_depth_that_holds_all_that_is_asked_for_is_enough() {
    let server = Server::new();
    let one = server.repo.id("topic~1");
    let pushed = server.payload("push", &[("BEFORE", "first"), ("AFTER", "head")]).replace(server.id("first"), &one);
    let work = server.checkout("two", TOPIC, Some(2));
    let variables = [("GITHUB_SHA", server.id("head")), ("GITHUB_REF", TOPIC)];
    server.github(&work.path, "push", &pushed, &variables, &[]).expect("one commit", &["kept"], true);
    // What is found in what is there counts for more than what is missing.
    let three = server.payload("push", &[("BEFORE", "fork"), ("AFTER", "head")]);
    let told = server.github(&work.path, "push", &three, &variables, &[]);
    assert!(
        told.code == 1 && told.json["coverage"]["complete"] == false && told.found().contains("kept"),
        "{}",
        told.out
    );
}

#[test]
fn a_head_that_is_not_here_is_no_clean_bill() {
    let server = Server::new();
    // Nobody fetches what a fork proposes for `pull_request_target`.
    let work = server.checkout("target", MAIN, None);
    let payload = server.payload("pull_request_fork", &[("BASE", "main"), ("HEAD", "unknown"), ("MERGE", "unknown")]);
    let variables = [("GITHUB_SHA", server.id("main")), ("GITHUB_REF", MAIN)];
    let told = server.github(&work.path, "pull_request_target", &payload, &variables, &[]);
    told.expect("target", &[], false).says(&["is not here"]);
    // Without a repository there is nothing to be clean.
    let nowhere = tempfile::tempdir().unwrap();
    for event in ["pull_request_target", "push", "schedule"] {
        let told = server.github(nowhere.path(), event, &payload, &variables, &[]);
        assert_eq!(told.code, 3, "{event}: {}", told.err);
    }
    let deleted = server.payload("push_deleted", &[("BEFORE", "head")]);
    assert_eq!(server.github(nowhere.path(), "push", &deleted, &variables, &[]).code, 0);
}

#[test]
fn an_event_that_cannot_be_read_makes_more_be_looked_at() {
    let server = Server::new();
    let work = server.checkout("odd", TOPIC, None);
    let variables = [("GITHUB_SHA", server.id("head")), ("GITHUB_REF", TOPIC), ("GITHUB_BASE_REF", "main")];
    for payload in ["", "{", "[]", "{\"before\": 7, \"pull_request\": [1]}", "null"] {
        for event in ["push", "pull_request"] {
            let told = server.github(&work.path, event, payload, &variables, &[]);
            let keys = told.found();
            assert!(
                told.code == 1 && keys.contains("gone") && keys.contains("kept"),
                "{event} {payload}: {}",
                told.err
            );
        }
        let told = server.github(&work.path, "dreamt_up\n::error::x", payload, &variables, &[]);
        let keys = told.found();
        assert!(keys.contains("old") && keys.contains("gone") && told.err.lines().all(|line| !line.starts_with("::")));
    }
}

#[test]
fn the_name_of_a_branch_is_looked_at_and_never_shown() {
    let server = Server::new();
    let work = server.checkout("named", TOPIC, None);
    let name = format!("x/{}", key_of("kept"));
    let pull = server.payload("pull_request", &[("BASE", "head"), ("HEAD", "head"), ("MERGE", "head")]);
    let push = server.payload("push", &[("BEFORE", "head"), ("AFTER", "head")]);
    for (event, payload) in [("pull_request", pull), ("push", push)] {
        let payload = payload
            .replace("refs/heads/topic", &format!("refs/heads/{name}"))
            .replace("\"topic\"", &format!("\"{name}\""));
        let told = server.github(&work.path, event, &payload, &[("GITHUB_SHA", server.id("head"))], &[]);
        told.expect(event, &["kept"], true);
        assert_eq!(told.json["findings"][0]["location"]["kind"], "ref", "{event}");
    }
}

/// The settings of a pull request's own commits, each of which would hide what it brings.
const WEAKER: &[(&str, &str)] = &[
    ("wandward.toml", "exclude = [\"*.env\"]\n"),
    (".wandward.toml", "[[allow]]\npath = \"*.env\"\nreason = \"trust me\"\n"),
    ("pyproject.toml", "[tool.wandward]\nexclude = [\"*.env\"]\n"),
];

#[test]
fn a_pull_request_does_not_say_how_it_is_scanned() {
    for (name, text) in WEAKER {
        let server = Server::new();
        server.repo.git(&["switch", "-q", "topic"]);
        let head = server.repo.save(name, text);
        let pull = |base: &str| {
            let ids = [("BASE", "main"), ("HEAD", "head"), ("MERGE", "merge")];
            let text = server.payload("pull_request", &ids);
            text.replace(server.id("head"), &head).replace(server.id("main"), base)
        };
        let variables = [("GITHUB_SHA", head.as_str()), ("GITHUB_REF", PULL)];
        let work = server.checkout("weaker", TOPIC, None);
        let told = server.github(&work.path, "pull_request", &pull(server.id("main")), &variables, &[]);
        told.expect(name, &["gone", "kept"], true).says(&[&format!("{name} is changed by what is looked at")]);
        // Who pushes to the repository says it for all of it.
        let push = server.payload("push", &[("BEFORE", "fork"), ("AFTER", "head")]).replace(server.id("head"), &head);
        server.github(&work.path, "push", &push, &variables, &[]).expect(name, &[], true);
        // Once it is on the branch, it holds, though the pull request takes it away.
        server.repo.git(&["switch", "-q", "main"]);
        let base = server.repo.save(name, text);
        server.repo.git(&["switch", "-q", "topic"]);
        let head = server.repo.delete(name);
        let work = server.checkout("taken", TOPIC, None);
        let payload = pull(&base).replace(variables[0].1, &head);
        let told =
            server.github(&work.path, "pull_request", &payload, &[("GITHUB_SHA", &head), ("GITHUB_REF", PULL)], &[]);
        told.expect(name, &[], true);
    }
}

/// A pull request with files of its own on both sides, checked out at its head.
fn proposed(base: &[(&str, &str)], own: &[(&str, &str)]) -> (Server, Repo, String, String) {
    let server = Server::new();
    for (name, text) in base {
        server.repo.save(name, text);
    }
    let base = server.repo.id("main");
    server.repo.git(&["switch", "-q", "topic"]);
    for (name, text) in own {
        server.repo.save(name, text);
    }
    let head = server.repo.id("topic");
    let payload = server.payload("pull_request", &[("BASE", "main"), ("HEAD", "head"), ("MERGE", "head")]);
    let payload = payload.replace(server.id("head"), &head).replace(server.id("main"), &base);
    let work = server.checkout("proposed", TOPIC, None);
    (server, work, payload, head)
}

#[test]
fn flags_that_name_files_of_the_repository_mean_those_of_the_base() {
    let baseline = |seeds: &[&str]| {
        let entry =
            |seed: &&str| format!("{{\"fingerprint\":\"{}\",\"reason\":\"known\"}}\n", fingerprint(&key_of(seed)));
        "{\"wandward_baseline\":1}\n".to_owned() + &seeds.iter().map(entry).collect::<String>()
    };
    let (one, both) = (baseline(&["gone"]), baseline(&["gone", "kept"]));
    let page = fs::read_to_string("rules/cut-off-key.md").unwrap();
    let files =
        [("known.jsonl", both.as_str()), ("ci/w.toml", "ignore = [\"keys\"]\n"), ("ci/rules/x-y.md", page.as_str())];
    let (server, work, payload, head) =
        proposed(&[("known.jsonl", &one), ("ci/w.toml", "ignore = [\"sdk\"]\n")], &files);
    let run = |arguments: &[&str]| {
        server.github(&work.path, "pull_request", &payload, &[("GITHUB_SHA", &head), ("GITHUB_REF", PULL)], arguments)
    };
    run(&[]).expect("no flag", &["gone", "kept"], true);
    let whole = work.at("known.jsonl");
    for file in ["known.jsonl", "./ci/../known.jsonl", whole.to_str().unwrap()] {
        let told = run(&["--baseline", file]);
        told.expect(file, &["kept"], true);
        assert_eq!(told.outputs["suppressed"], "1");
    }
    run(&["--baseline", "known.jsonl"]).says(&["known.jsonl is changed by what is looked at"]);
    run(&["--config", "ci/w.toml"]).expect("--config", &["gone", "kept"], true);
    run(&["--rules", "ci/rules"]).expect("--rules", &["gone", "kept"], true).says(&["not in the revision"]);
    // A link out of the working tree leads back to what the pull request brings.
    let out = server.repo.place().join("link.jsonl");
    std::os::unix::fs::symlink(&whole, &out).unwrap();
    run(&["--baseline", out.to_str().unwrap()]).expect("a link", &["kept"], true);
    // What the base does not have holds nothing, and what lies elsewhere is the operator's own.
    let elsewhere = server.repo.place().join("own.jsonl");
    fs::write(&elsewhere, &both).unwrap();
    run(&["--baseline", elsewhere.to_str().unwrap()]).expect("elsewhere", &[], true);
    let told = run(&["--baseline", "ci/new.jsonl"]);
    told.expect("new", &["gone", "kept"], true).says(&["ci/new.jsonl is not in the revision whose settings hold"]);
    // A pull request that takes away the file does not take away what it says.
    fs::remove_file(work.at("known.jsonl")).unwrap();
    run(&["--baseline", "known.jsonl"]).expect("removed", &["kept"], true);
}

#[test]
fn a_folder_that_a_pull_request_takes_away_is_still_that_of_the_base() {
    let entry = format!("{{\"fingerprint\":\"{}\",\"reason\":\"known\"}}\n", fingerprint(&key_of("gone")));
    let known = format!("{{\"wandward_baseline\":1}}\n{entry}");
    let files = [("ci/own/known.jsonl", known.as_str()), ("ci/own/w.toml", "")];
    let (server, work, payload, head) = proposed(&files, &[]);
    assert!(!work.at("ci").exists());
    let run = |folder: &str, arguments: &[&str]| {
        let variables = [("GITHUB_SHA", head.as_str()), ("GITHUB_REF", PULL)];
        server.github(&work.at(folder), "pull_request", &payload, &variables, arguments)
    };
    let flags = ["--baseline", "ci/own/known.jsonl", "--config", "ci/own/w.toml"];
    run("", &flags).expect("from the top", &["kept"], true);
    fs::create_dir(work.at("below")).unwrap();
    run("below", &["--baseline", "../ci/own/known.jsonl"]).expect("from below", &["kept"], true);
    let told = run("", &["--baseline", "nowhere/known.jsonl"]);
    told.expect("nowhere", &["gone", "kept"], true).says(&["nowhere/known.jsonl is not in the revision"]);
}

#[test]
fn a_baseline_that_the_configuration_of_the_base_names_is_that_of_the_base() {
    let entry = |seed: &str| format!("{{\"fingerprint\":\"{}\",\"reason\":\"known\"}}\n", fingerprint(&key_of(seed)));
    let head = "{\"wandward_baseline\":1}\n";
    let (one, both) = (format!("{head}{}", entry("gone")), format!("{head}{}{}", entry("gone"), entry("kept")));
    let (server, work, payload, id) = proposed(
        &[("wandward.toml", "baseline = \"known.jsonl\"\n"), ("known.jsonl", &one)],
        &[("wandward.toml", "baseline = \"known.jsonl\"\n"), ("known.jsonl", &both)],
    );
    let variables = [("GITHUB_SHA", id.as_str()), ("GITHUB_REF", PULL)];
    server.github(&work.path, "pull_request", &payload, &variables, &[]).expect("base", &["kept"], true);
    // A checkout from which the base is missing has no settings to go by.
    let shallow = server.checkout("cut", TOPIC, Some(1));
    let told = server.github(&shallow.path, "pull_request", &payload, &variables, &[]);
    assert!(told.code == 1 && told.found().contains("kept"), "{}", told.err);
    told.says(&["no configuration and no baseline of the repository holds"]);
}

#[test]
fn a_rule_page_of_the_base_speaks_though_the_pull_request_removes_it() {
    let page = "# A mention of the old server\n\nThe old server is named.\n\n```toml rule\nkind = \"habit\"\nseverity = \"error\"\n\
                group = \"habits\"\nguidance = \"Ours\"\nwords = [\"old-server\"]\npattern = 'old-server'\n```\n\n\
                ## Why it matters\n\nIt is gone.\n\n## What to do\n\nName the new one.\n";
    let base = [
        ("wandward.toml", "rules = [\"ci/rules\"]\n"),
        ("ci/rules/old-server.md", page),
        ("ci/rules/README.md", "no page"),
    ];
    let (server, work, payload, head) = proposed(&base, &[("c.py", "import wandb  # old-server\n")]);
    assert!(!work.at("ci").exists());
    let variables = [("GITHUB_SHA", head.as_str()), ("GITHUB_REF", PULL)];
    let told = server.github(&work.path, "pull_request", &payload, &variables, &["--ignore", "keys"]);
    let findings = told.json["findings"].as_array().unwrap();
    assert!(told.code == 1 && findings.len() == 1, "{}", told.out);
    assert_eq!((&findings[0]["rule"], &findings[0]["location"]["path"]), (&"old-server".into(), &"c.py".into()));
}

#[test]
fn no_key_of_a_stranger_is_sent_anywhere() {
    let server = Server::new();
    let work = server.checkout("fork", PULL, None);
    let variables = [("GITHUB_SHA", server.id("merge")), ("GITHUB_REF", PULL)];
    let ids = [("BASE", "main"), ("HEAD", "head"), ("MERGE", "merge")];
    for payload in ["pull_request_fork", "pull_request_of_a_deleted_fork"] {
        let payload = server.payload(payload, &ids);
        let arguments = ["--verify", "--base-url", "http://127.0.0.1:9"];
        let told = server.github(&work.path, "pull_request", &payload, &variables, &arguments);
        told.expect("fork", &["gone", "kept", "evil"], true)
            .says(&["`--verify` is left out: the pull request comes from a fork"]);
        assert!(told.json["findings"].as_array().unwrap().iter().all(|one| one["liveness"] == "unchecked"));
    }
    let told = server.github(
        &work.path,
        "pull_request",
        &server.payload("pull_request", &ids),
        &variables,
        &["--verify", "--base-url", "http://127.0.0.1:9", "--timeout", "1"],
    );
    assert!(told.json["findings"].as_array().unwrap().iter().all(|one| one["liveness"] == "unknown"), "{}", told.out);
}
