//! The pre-commit hook on a small change in a repository of 10,000 files that this bench makes from a seed: `scan --staged`
//! beside `git diff --cached --raw`, which only compares the index with the tree, and beside the hooks of whatever other
//! scanners are installed. The median of pairwise ratios is what counts. `WANDWARD_BENCH_SMALL=1` makes a tenth of the files.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench prints and may panic"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;
use wandward::rule::example::legacy_key;
use wandward::secret::Fingerprint;

/// A B C A B C …: so many of each.
const ROUNDS: usize = 21;
const FILES: usize = 10_000;
const SEED: u64 = 2026;

fn main() {
    // `cargo test --all-targets` starts benches too, but without this flag.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let small = std::env::var_os("WANDWARD_BENCH_SMALL").is_some_and(|value| value == "1");
    let place = tempfile::tempdir().unwrap();
    let files = if small { FILES / 10 } else { FILES };
    plant(place.path(), files);
    answer(place.path());
    println!("{files} files; staged are three edits, a new file and a key in a fifth; the median of {ROUNDS}");
    compare(place.path());
}

/// A command in the repository, with nothing of the user's.
fn command(repository: &Path, line: &str) -> Command {
    let mut words = line.split(' ');
    let program = words.next().unwrap();
    let program = if program == "wandward" { env!("CARGO_BIN_EXE_wandward") } else { program };
    let mut command = Command::new(program);
    command.args(words).current_dir(repository).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", repository);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn git(repository: &Path, line: &str) {
    assert!(command(repository, line).status().unwrap().success(), "{line}");
}

/// A file like source, another one for each number.
fn text(number: usize) -> String {
    const WORDS: [&str; 8] = ["config", "project", "model", "layer", "batch", "loss", "metric", "wandb"];
    let mut random = SEED ^ (number as u64);
    let mut below = |end: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % end
    };
    let mut text = String::new();
    for line in 0..20 + below(200) {
        let (a, b) = (WORDS[below(8)], WORDS[below(8)]);
        writeln!(text, "{}{a}_{line} = {b}.{a}({}, \"{a}/{b}\")", "    ".repeat(below(3)), below(1000)).unwrap();
    }
    text
}

/// A repository with one commit, and a change that is staged.
fn plant(repository: &Path, files: usize) {
    git(repository, "git init -q -b main");
    let path = |number: usize| repository.join(format!("part{}/sub{}/file{number}.py", number % 40, number % 7));
    for number in 0..files {
        fs::create_dir_all(path(number).parent().unwrap()).unwrap();
        fs::write(path(number), text(number)).unwrap();
    }
    git(repository, "git add .");
    git(repository, "git -c user.name=A -c user.email=a@example.org -c gc.auto=0 commit -q -m First");
    for number in [1, files / 2, files - 1] {
        fs::write(path(number), text(number) + "changed = True\n").unwrap();
    }
    fs::write(repository.join("new.py"), text(files)).unwrap();
    fs::write(path(files / 3), format!("import wandb\n\nwandb.login(key=\"{}\")\n", legacy_key("hook bench"))).unwrap();
    git(repository, "git add .");
}

/// The key that is staged is found, and nothing else.
fn answer(repository: &Path) {
    let mut ours = command(repository, "wandward scan --staged --format json");
    let output = ours.stdout(Stdio::piped()).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let fingerprint = Fingerprint::of(legacy_key("hook bench").as_bytes());
    assert_eq!((findings.len(), output.status.code()), (1, Some(1)));
    assert_eq!(findings[0]["key"]["fingerprint"], fingerprint.as_str());
    assert_eq!(report["coverage"]["complete"], true);
}

/// What each takes, and how that stands to git's.
fn compare(repository: &Path) {
    let lines = [
        "git diff --cached --raw",
        "wandward scan --staged",
        "gitleaks git --staged --pre-commit --no-banner --redact=100 .",
        "betterleaks git --staged --no-banner --redact=100 .",
    ];
    // A program that cannot be started is not installed.
    let there =
        |line: &&str| command(repository, line).status().is_ok_and(|status| matches!(status.code(), Some(0 | 1)));
    let (there, missing): (Vec<&str>, Vec<&str>) = lines.into_iter().partition(there);
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); there.len()];
    for _ in 0..ROUNDS {
        for (line, times) in there.iter().zip(&mut times) {
            let mut command = command(repository, line);
            let start = Instant::now();
            let status = command.status().unwrap();
            times.push(start.elapsed().as_secs_f64());
            assert!(matches!(status.code(), Some(0 | 1)), "{line}: {status}");
        }
    }
    for (line, own) in there.iter().zip(&times) {
        let ratios = own.iter().zip(&times[0]).map(|(own, git)| own / git).collect();
        println!("{:7.1} ms, {:6.2} times git's: {line}", median(own.clone()) * 1000.0, median(ratios));
    }
    missing.iter().for_each(|line| println!("   not measured, since it is not installed or fails: {line}"));
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
