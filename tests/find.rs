//! `--find -`: given keys alone, wherever they stand, whatever hides them from a scan; by themselves or by fingerprint, over
//! paths, history, processes and this machine in one run.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests build their own world and may panic"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::Value;
use support::{fed, fingerprint, key, namespace, wandward};

/// Runs a command with `input` on standard input: report, exit code, standard error.
fn find(folder: &Path, arguments: &[&str], input: &str) -> (Value, i32, String) {
    let mut command = wandward(folder);
    command.args(arguments).args(["--find", "-", "--format", "json"]).env("HOME", folder.join("home"));
    let output = fed(&mut command, input.as_bytes());
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (report, output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// Path (and the way into a container) and fingerprint of each finding.
fn places(report: &Value) -> BTreeSet<(String, String)> {
    let place = |finding: &Value| {
        let location = &finding["location"];
        let inner = location["inner"].as_array().unwrap().iter().map(|name| format!("!{}", name.as_str().unwrap()));
        let path = location["path"].as_str().unwrap().to_owned() + &inner.collect::<String>();
        (path, finding["key"]["fingerprint"].as_str().unwrap().to_owned())
    };
    report["findings"].as_array().unwrap().iter().map(place).collect()
}

#[test]
fn an_equal_fingerprint_needs_no_evidence_and_nothing_hides_it() {
    let folder = tempfile::tempdir().unwrap();
    let (wanted, other, onprem) = (key("legacy", "wanted"), key("legacy", "other"), key("local-legacy", "onprem"));
    let bare = onprem.strip_prefix("local-").unwrap();
    let encoded = data_encoding::BASE64.encode(format!("api:{wanted}").as_bytes());
    let gzip = {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(format!("sha: {wanted}\n").as_bytes()).unwrap();
        packed.finish().unwrap()
    };
    for (name, content) in [
        ("commit.txt", format!("commit {wanted}\n").into_bytes()),
        (
            "allowed.py",
            format!("wandb.login(key=\"{wanted}\")  # wandward: allow[hardcoded-key] wanted\n").into_bytes(),
        ),
        ("yarn.lock", format!("resolved \"https://x/#{wanted}\"\n").into_bytes()),
        ("secret.yaml", format!("data: {encoded}\n").into_bytes()),
        ("notes.gz", gzip),
        // A binary format that says nothing of what stands in it.
        ("program", [b"\x7fELF\x02\x01\x01\0", format!("\0{wanted}\0").as_bytes()].concat()),
        ("other.py", format!("wandb.login(key=\"{other}\")\n").into_bytes()),
        ("onprem.txt", format!("{onprem}\n").into_bytes()),
        ("sub/bare.txt", format!("id {bare} my-{bare}\n").into_bytes()),
    ] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let print = fingerprint(&wanted);
    let expected: BTreeSet<(String, String)> =
        ["commit.txt", "allowed.py", "yarn.lock", "secret.yaml", "notes.gz!notes", "program"]
            .map(|path| (path.to_owned(), print.clone()))
            .into();
    for input in [format!("{wanted}\n"), format!("\r\n {print} \r\n{wanted}"), format!("{print}\n")] {
        let (report, code, _) = find(folder.path(), &["scan", "--ignore", "keys"], &input);
        assert_eq!(places(&report), expected);
        assert_eq!((code, report["suppressed"].as_array().unwrap().len()), (1, 0));
        assert_eq!(report["coverage"]["complete"], true);
    }
    // The prefix is part of the key: each is found by its own fingerprint, the longest that fits first.
    let at = |path: &str, key: &str| (path.to_owned(), fingerprint(key));
    let (report, ..) = find(folder.path(), &["scan"], &onprem);
    assert_eq!(places(&report), [at("onprem.txt", &onprem)].into());
    let (report, ..) = find(folder.path(), &["scan"], &format!("{bare}\n{onprem}\n"));
    assert_eq!(places(&report), [at("onprem.txt", &onprem), at("sub/bare.txt", bare)].into());
    assert_eq!(report["findings"].as_array().unwrap().len(), 3);
    // What is nowhere is clean.
    let (report, code, _) = find(folder.path(), &["scan"], &key("v1", "nowhere"));
    assert_eq!((report["findings"].as_array().unwrap().len(), code), (0, 0));
}

#[test]
fn every_kind_of_source_is_searched() {
    let repo = support::git::Repo::new();
    let wanted = key("legacy", "in history");
    repo.save("build.txt", format!("digest {wanted}\n"));
    repo.stage("build.txt", "nothing\n");
    repo.commit(&format!("reverts {wanted}"));
    repo.stage("build.txt", format!("digest again {wanted}\n"));
    repo.write("build.txt", "nothing\n");
    let kinds = |arguments: &[&str]| {
        let (report, ..) = find(&repo.at(""), arguments, &wanted);
        let kind = |finding: &Value| finding["location"]["kind"].as_str().unwrap().to_owned();
        report["findings"].as_array().unwrap().iter().map(kind).collect::<BTreeSet<_>>()
    };
    let set = |kinds: &[&str]| kinds.iter().map(|kind| (*kind).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(kinds(&["scan"]), set(&[]));
    assert_eq!(kinds(&["scan", "--staged"]), set(&["staged"]));
    assert_eq!(kinds(&["scan", "--range", "HEAD~1..HEAD"]), set(&["commit"]));
    assert!(kinds(&["scan", "--history"]).is_superset(&set(&["blob", "staged", "commit"])));
}

#[test]
fn keys_enter_by_standard_input_alone_and_are_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x"), "x").unwrap();
    let key = key("legacy", "shown");
    for (arguments, input, says) in [
        (
            &["scan"][..],
            format!("{key}\n{}\n", &key[1..]),
            "line 2 of standard input is neither a key nor a fingerprint",
        ),
        (&["scan"], format!("{} # mine", key), "line 1 of standard input"),
        (&["scan"], "ww1-0123\n".to_owned(), "line 1 of standard input"),
        (&["scan"], String::new(), "no key and no fingerprint"),
        (&["scan", "-"], key.clone(), "nothing else can"),
        (&["scan", "--pre-push"], key.clone(), "nothing else can"),
    ] {
        let (_, code, error) = find(folder.path(), arguments, &input);
        assert_eq!(code, 2, "{arguments:?}: {error}");
        assert!(error.contains(says) && !error.contains(&key[1..9]), "{error}");
    }
    for verb in ["scan", "ps", "host"] {
        let output = support::run(wandward(folder.path()).args([verb, "--find", "keys.txt"]));
        assert_eq!(output.status.code(), Some(2));
        let output = support::run(wandward(folder.path()).args([verb, "--find", &key]));
        assert_eq!(output.status.code(), Some(2));
        assert!(!String::from_utf8_lossy(&output.stderr).contains(&key[1..9]));
    }
}

#[test]
fn one_key_is_found_in_all_its_places_in_one_report() {
    let folder = tempfile::tempdir().unwrap();
    let (wanted, other) = (key("legacy", "everywhere"), key("legacy", "elsewhere"));
    let home = folder.path().join("home");
    fs::create_dir_all(home.join("project")).unwrap();
    let write = |path: &str, text: String| fs::write(folder.path().join(path), text).unwrap();
    write("wanted", wanted.clone());
    write("other", other.clone());
    write("home/.netrc", format!("machine api.wandb.ai login user password {wanted}\n"));
    write("home/.bash_history", format!("wandb login {other}\necho {wanted}\n"));
    write("home/project/data.txt", format!("{wanted}\n"));
    let ran = namespace::run(
        folder.path(),
        r#"
        export HOME="$PWD/home" USER=wandward-test
        sh -c 'sleep 60; :' x "$(cat wanted)" & ready $! 'sh .*[0-9a-f]'
        sh -c 'sleep 60; :' x WANDB_API_KEY="$(cat other)" & ready $! WANDB
        cd home/project
        code=0; "$WANDWARD" scan --find - --ps --host --format json < ../../wanted > ../../report.json || code=$?
        test $code = 1
        code=0; "$WANDWARD" ps --find - --format json < ../../wanted > ../../ps.json || code=$?; test $code = 1
        code=0; "$WANDWARD" host --find - --format json < ../../wanted > ../../host.json || code=$?; test $code = 1
        # The same folder by two names is one place.
        code=0; "$WANDWARD" scan .. --find - --host --format json < ../../wanted > ../../twice.json || code=$?
        "#,
    );
    let Some(output) = ran else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found = |name: &str| {
        let report: Value = serde_json::from_slice(&fs::read(folder.path().join(name)).unwrap()).unwrap();
        let place = |finding: &Value| {
            assert_eq!(finding["key"]["fingerprint"], fingerprint(&wanted));
            let path = finding["location"]["path"].as_str().unwrap();
            (finding["rule"].as_str().unwrap().to_owned(), path.rsplit('/').next().unwrap().to_owned())
        };
        report["findings"].as_array().unwrap().iter().map(place).collect::<Vec<_>>()
    };
    let place = |rule: &str, name: &str| (rule.to_owned(), name.to_owned());
    let (file, process) = (place("exposed-key", "data.txt"), place("key-in-process", "sh"));
    let (netrc, history) = (place("key-in-netrc", ".netrc"), place("key-in-history", ".bash_history"));
    assert_eq!(found("report.json"), [history.clone(), netrc.clone(), file.clone(), process.clone()]);
    assert_eq!(found("ps.json"), [process]);
    assert_eq!(found("host.json"), [history.clone(), netrc.clone()]);
    assert_eq!(found("twice.json"), [history, netrc, file]);
}
