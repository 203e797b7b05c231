//! The real SDK, misused as people misuse it, offline and with a made-up key: every file that it leaves the key in is
//! found. Needs a Python with `wandb` (`WANDWARD_PYTHON` names it); without one the test says so and stops, unless
//! `WANDWARD_REQUIRE_TOOLS` is set.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stderr, reason = "tests may print and panic")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

const TRAINING: &str = r#"
import sys, wandb
key = sys.argv[2]
run = wandb.init(project="demo", mode="offline", config={"wandb_api_key": key, "lr": 0.1})
print(f"logging in to wandb with key {key}")
run.log({"loss": 1.0})
run.finish()
"#;

fn python() -> Option<String> {
    let python = std::env::var("WANDWARD_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let works = Command::new(&python).args(["-c", "import wandb"]).output().is_ok_and(|output| output.status.success());
    assert!(works || std::env::var_os("WANDWARD_REQUIRE_TOOLS").is_none(), "{python} has no `wandb`");
    if !works {
        eprintln!("not run: {python} has no `wandb`");
    }
    works.then_some(python)
}

fn run(python: &str, folder: &Path, arguments: &[&str]) {
    let home = folder.join("home");
    std::fs::create_dir_all(&home).unwrap();
    let output = Command::new(python)
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("HOME", &home)
        .env("PATH", std::env::var_os("PATH").unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_file_that_the_sdk_leaves_a_key_in_is_found() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let key = support::key("legacy", "sdk");
    std::fs::write(folder.path().join("train.py"), TRAINING).unwrap();
    run(&python, folder.path(), &["train.py", "--wandb_key", &key]);
    run(&python, folder.path(), &["-m", "wandb", "login", "--no-verify", &key]);

    let holds = |path: &Path| memchr::memmem::find(&std::fs::read(path).unwrap(), key.as_bytes()).is_some();
    let left: BTreeSet<String> = support::files(folder.path())
        .into_iter()
        .filter(|path| holds(path))
        .map(|path| path.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned())
        .collect();
    let (report, code) = support::scan_json(folder.path(), &["."]);
    let mut rules = BTreeSet::new();
    let found: BTreeSet<String> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            assert_eq!(finding["key"]["fingerprint"], support::fingerprint(&key));
            rules.insert(finding["rule"].as_str().unwrap().to_owned());
            finding["location"]["path"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(found, left);
    assert_eq!(code, 1);
    // The netrc, the run's console, the debug log and the binary record of the run, at least.
    assert!(left.len() >= 4, "{left:?}");
    assert_eq!(rules.into_iter().collect::<Vec<_>>(), ["key-in-netrc", "key-in-run-folder"]);
}
