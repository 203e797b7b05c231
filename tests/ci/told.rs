//! What a CI system is told beside the report: annotations, the summary of a step, outputs. In: findings with names as hostile
//! as git allows. Out: at most ten annotations, and nothing that a runner or a page would obey.

use std::fs;
use std::path::Path;

use super::support::ci::{Server, Told, key_of, parsed};
use super::support::git::{Repo, binary, leak};

const TOPIC: &str = "refs/heads/topic";

/// A push of the branch as it is now, on a checkout of all of it or of so many commits.
fn pushed(
    server: &Server,
    name: &str,
    depth: Option<u32>,
    change: impl Fn(String) -> String,
    arguments: &[&str],
) -> (Told, Repo) {
    let head = server.repo.id("topic");
    let work = server.checkout(name, TOPIC, depth);
    let payload = server.payload("push", &[("BEFORE", "head"), ("AFTER", "head")]);
    let payload = change(payload.replacen(server.id("head"), "<BEFORE>", 1).replace(server.id("head"), &head));
    let payload = payload.replace("<BEFORE>", server.id("head"));
    let variables = [("GITHUB_SHA", head.as_str()), ("GITHUB_REF", TOPIC)];
    (server.github(&work.path, "push", &payload, &variables, arguments), work)
}

/// A branch with so many new files that hold the key.
fn many(files: usize) -> Server {
    let server = Server::new();
    server.repo.git(&["switch", "-q", "topic"]);
    for nth in 0..files {
        server.repo.stage(&format!("conf/{nth:02}.env"), format!("# {nth}\n{}", leak(&key_of("kept"))));
    }
    server.repo.commit("many");
    server
}

#[test]
fn there_are_ten_annotations_and_a_line_for_the_rest() {
    for (files, shown) in [(3, 3), (10, 10), (11, 10), (25, 10)] {
        let server = many(files);
        let (told, _) = pushed(&server, "work", None, |payload| payload, &[]);
        let annotations = told.annotations();
        assert_eq!((told.code, annotations.len()), (1, shown), "{}", told.out);
        for (nth, line) in annotations.iter().enumerate() {
            assert!(
                line.starts_with(&format!("::error title=wandward%3A key-in-config,file=conf/{nth:02}.env,line=3,")),
                "{line}"
            );
        }
        let last = told.out.lines().last().unwrap();
        assert!(last.starts_with("wandward: 1 exposed key in "), "{last}");
        assert_eq!(last.contains(&format!("there are {} more", files.saturating_sub(shown))), files > shown, "{last}");
        assert_eq!(told.outputs["findings"], files.to_string());
    }
    // That something is missing is seen, whatever else there is.
    let (told, _) = pushed(&many(25), "cut", Some(1), |payload| payload, &[]);
    let annotations = told.annotations();
    assert!(annotations.len() == 10 && annotations[8].starts_with("::error "), "{annotations:#?}");
    assert!(annotations[9].starts_with("::warning ") && annotations[9].contains("fetch-depth: 0"), "{annotations:#?}");
}

#[test]
fn what_is_gone_from_the_checkout_is_annotated_without_a_line() {
    let server = Server::new();
    let work = server.checkout("work", TOPIC, None);
    let payload = server.payload("push", &[("BEFORE", "fork"), ("AFTER", "head")]);
    let told =
        server.github(&work.path, "push", &payload, &[("GITHUB_SHA", server.id("head")), ("GITHUB_REF", TOPIC)], &[]);
    let annotations = told.annotations();
    let of = |name: &str| annotations.iter().find(|line| line.contains(name)).unwrap();
    assert!(
        of("kept.env").contains("file=kept.env,line=2") && !of("kept.env").contains("It stands at"),
        "{annotations:#?}"
    );
    assert!(
        !of("gone.env").contains("file=") && of("gone.env").contains("It stands at gone.env:2:15"),
        "{annotations:#?}"
    );
    let marked = |name: &str| {
        let found = told.json["findings"].as_array().unwrap().iter().find(|one| one["location"]["path"] == name);
        found.unwrap()["location"]["checked_out"] == true
    };
    assert!(marked("kept.env") && !marked("gone.env"));
}

#[test]
fn started_below_the_top_it_tells_paths_from_the_top() {
    let server = Server::new();
    server.repo.git(&["switch", "-q", "topic"]);
    server.repo.stage("below/deep/new.env", format!("# below\n{}", leak(&key_of("kept"))));
    server.repo.commit("below");
    let head = server.repo.id("topic");
    let work = server.checkout("work", TOPIC, None);
    let payload = server.payload("push", &[("BEFORE", "fork"), ("AFTER", "head")]).replace(server.id("head"), &head);
    let variables = [("GITHUB_SHA", head.as_str()), ("GITHUB_REF", TOPIC)];
    for (folder, path) in [("below/deep", "."), ("below", "deep"), ("below", "..")] {
        let mut command = binary(&work.at(folder));
        let place = tempfile::tempdir().unwrap();
        let sarif = place.path().join("wandward.sarif");
        fs::write(place.path().join("event.json"), &payload).unwrap();
        command.env("GITHUB_ACTIONS", "true").env("GITHUB_EVENT_NAME", "push").envs(variables);
        command.env("GITHUB_EVENT_PATH", place.path().join("event.json")).env("RUNNER_TEMP", place.path());
        let none = Path::new("/nonexistent");
        let told = Told::of(command.args(["ci", path]), &place.path().join("wandward.json"), none, none);
        let annotations = told.annotations();
        for file in ["file=kept.env,line=2,", "file=below/deep/new.env,line=3,"] {
            assert!(annotations.iter().any(|line| line.contains(file)), "{folder} {path}: {annotations:#?}");
        }
        let text = fs::read_to_string(&sarif).unwrap();
        assert!(text.contains("\"kept.env\"") && text.contains("\"below/deep/new.env\""), "{folder} {path}: {text}");
    }
    // Files, too, where no commits are asked for.
    let told = server.elsewhere(&work.at("below"), &[], &[]);
    let paths: Vec<&str> =
        told.json["findings"].as_array().unwrap().iter().map(|one| one["location"]["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["below/deep/new.env"], "{}", told.err);
}

#[test]
fn no_name_is_a_command_a_line_or_markup() {
    let server = Server::new();
    server.repo.git(&["switch", "-q", "topic"]);
    let names = [
        "a\n::error::owned",
        "::warning::b",
        "c##[error]x",
        "d%0A::set-output name=e::f",
        "<script>g",
        "h|i`j`",
        "k\u{1b}[2Jl",
        "[m](javascript:n)",
    ];
    for name in names {
        server.repo.write(&format!("{name}.env"), format!("# {name:?}\n{}", leak(&key_of("kept"))));
    }
    server.repo.git(&["add", "-A"]);
    server.repo.commit("::error::a message\n\n##[error]");
    let evil = |payload: String| {
        payload.replace("refs/heads/topic", "refs/heads/x\\n::error::y\\n<img src=x>\\u001b[2J##[group]")
    };
    let head = server.repo.id("topic");
    let work = server.checkout("work", TOPIC, None);
    let payload = server.payload("push", &[("BEFORE", "head"), ("AFTER", "head")]);
    let payload = evil(payload.replacen(server.id("head"), "<BEFORE>", 1).replace(server.id("head"), &head));
    let payload = payload.replace("<BEFORE>", server.id("head"));
    // Without `GITHUB_REF` it is the payload that names the branch.
    let told = server.github(&work.path, "push", &payload, &[("GITHUB_SHA", head.as_str())], &[]);
    assert_eq!((told.code, told.found()), (1, ["kept"].into()), "{}", told.err);
    assert_eq!(told.json["findings"].as_array().unwrap().len(), names.len());
    for line in told.annotations() {
        assert!(line.starts_with("::error title=wandward%3A key-in-"), "{line}");
    }
    for text in [&told.out, &told.err, &told.summary] {
        assert!(!text.contains("##[") && !text.contains('\u{1b}'), "{text}");
        assert!(
            text.lines().all(|line| !line.starts_with("::") || line.starts_with("::error title=wandward")),
            "{text}"
        );
    }
    assert!(
        !told.summary.contains("<script") && !told.summary.contains("<img") && !told.summary.contains("](java"),
        "{}",
        told.summary
    );
    let known = ["coverage", "exit-code", "findings", "json", "sarif", "suppressed"];
    assert_eq!(told.outputs.keys().collect::<Vec<_>>(), known);
}

#[test]
fn a_path_with_lines_in_it_is_one_output() {
    let server = Server::new();
    let work = server.checkout("work", TOPIC, None);
    let place = tempfile::tempdir().unwrap();
    let odd = place.path().join("x\nfindings=0\nwandward\nexit-code=0");
    fs::create_dir(&odd).unwrap();
    fs::write(place.path().join("event"), server.payload("push", &[("BEFORE", "fork"), ("AFTER", "head")])).unwrap();
    let mut command = binary(&work.path);
    command
        .args(["ci", "-q", "--output", "csv=own.csv"])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_EVENT_NAME", "push");
    command.env("GITHUB_EVENT_PATH", place.path().join("event")).env("RUNNER_TEMP", &odd);
    let output = super::support::run(command.env("GITHUB_OUTPUT", place.path().join("output")));
    assert_eq!(output.status.code(), Some(1));
    let outputs = parsed(&fs::read_to_string(place.path().join("output")).unwrap());
    assert_eq!((&*outputs["findings"], &*outputs["exit-code"]), ("2", "1"));
    assert_eq!(outputs["sarif"], odd.join("wandward.sarif").to_str().unwrap());
    assert!(odd.join("wandward.sarif").exists() && odd.join("wandward.json").exists());
    assert_eq!(outputs["csv"], work.at("own.csv").to_str().unwrap());
}

#[test]
fn a_place_that_cannot_be_written_is_no_reason_to_be_silent() {
    let server = Server::new();
    let work = server.checkout("work", TOPIC, None);
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("event"), server.payload("push", &[("BEFORE", "fork"), ("AFTER", "head")])).unwrap();
    let mut command = binary(&work.path);
    command.arg("ci").env("GITHUB_ACTIONS", "true").env("GITHUB_EVENT_NAME", "push");
    command.env("GITHUB_EVENT_PATH", place.path().join("event"));
    for name in ["RUNNER_TEMP", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"] {
        command.env(name, "/nonexistent/x");
    }
    let output = super::support::run(&mut command);
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!((output.status.code(), out.matches("\n::error ").count()), (Some(1), 2), "{out}{err}");
    assert_eq!(err.matches("warning: cannot write /nonexistent/x").count(), 4, "{err}");
}

#[test]
fn a_summary_stays_below_what_github_shows() {
    const MOST: usize = 1024 * 1024;
    let server = many(12);
    let work = server.checkout("work", TOPIC, None);
    let place = tempfile::tempdir().unwrap();
    let head = server.repo.id("topic");
    let payload = server.payload("push", &[("BEFORE", "fork"), ("AFTER", "head")]).replace(server.id("head"), &head);
    fs::write(place.path().join("event"), payload).unwrap();
    let after = |there: usize| {
        let summary = place.path().join("summary");
        fs::write(&summary, vec![b'x'; there]).unwrap();
        let mut command = binary(&work.path);
        command.arg("ci").env("GITHUB_ACTIONS", "true").env("GITHUB_EVENT_NAME", "push").env("GITHUB_SHA", &head);
        command.env("GITHUB_EVENT_PATH", place.path().join("event")).env("GITHUB_STEP_SUMMARY", &summary);
        assert_eq!(super::support::run(&mut command).status.code(), Some(1));
        let text = fs::read_to_string(&summary).unwrap();
        assert!(text.len() <= MOST, "{}", text.len());
        text[there..].to_owned()
    };
    let whole = after(0);
    assert!(whole.contains("conf/11.env") && !whole.contains("left out"), "{whole}");
    let cut = after(MOST - 2500);
    assert!(cut.contains("conf/00.env") && !cut.contains("conf/11.env"), "{cut}");
    assert!(cut.contains("more lines are left out") && cut.contains("## What was asked for"), "{cut}");
    assert!(cut.lines().filter(|line| line.starts_with("| <code>")).all(|line| line.ends_with(" |")), "{cut}");
    assert_eq!(after(MOST - 10), "");
}

#[test]
fn what_would_be_scanned_can_be_asked_for() {
    let server = Server::new();
    let (told, _) = pushed(&server, "work", None, |payload| payload, &["--explain"]);
    assert_eq!((told.code, told.err.as_str()), (0, ""));
    let lines: Vec<&str> = told.out.lines().collect();
    assert!(
        lines[0] == "GitHub Actions: push of refs/heads/topic" && lines[1].starts_with("scans what is new in "),
        "{lines:?}"
    );
    assert!(told.outputs.is_empty() && told.summary.is_empty() && told.json.is_null());
    // Where a report goes to standard output, it stands there alone.
    let (told, _) = pushed(&many(2), "format", None, |payload| payload, &["--format", "json"]);
    assert!(serde_json::from_str::<serde_json::Value>(&told.out).is_ok(), "{}", told.out);
    let (told, _) = pushed(&many(12), "github", None, |payload| payload, &["--format", "github"]);
    assert_eq!(told.annotations().len(), 10, "{}", told.out);
}

#[test]
fn wrong_usage_is_an_output_too() {
    let server = Server::new();
    let (told, _) = pushed(&server, "work", None, |payload| payload, &["--select", "nothing"]);
    assert_eq!((told.code, &*told.outputs["exit-code"], told.outputs.len()), (2, "2", 1), "{}", told.err);
}
