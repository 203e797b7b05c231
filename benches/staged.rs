//! `scan --staged` as a hook runs it, beside `git diff --cached --raw --no-renames`, which only says what is staged, and whatever
//! other scanners are installed, on repositories of 10,000 and 300,000 files that this bench makes from a seed. The median of
//! pairwise ratios of wall time is what counts: against git at most 1 on the large one. `WANDWARD_BENCH_SMALL=1` makes a tenth
//! of the files.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench prints and may panic"
)]

#[path = "../tests/support/generate.rs"]
mod generate;

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use generate::git;

/// A B A B …: so many of each.
const PAIRS: usize = 21;

fn main() {
    // `cargo test --all-targets` starts benches too, but without this flag.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let small = std::env::var_os("WANDWARD_BENCH_SMALL").is_some_and(|value| value == "1");
    println!("| files | program | milliseconds | ours / theirs |\n|---:|---|---:|---:|");
    for files in [10_000, 300_000].map(|files| if small { files / 10 } else { files }) {
        let place = tempfile::tempdir().unwrap();
        plant(place.path(), files);
        compare(place.path(), files);
    }
}

/// A repository of so many committed files, in folders of 15, and six changes that are staged, as a commit finds them.
fn plant(folder: &Path, files: usize) {
    assert!(git(folder).args(["init", "-q", "-b", "main"]).status().unwrap().success());
    let mut child = git(folder).args(["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut out = BufWriter::new(child.stdin.take().unwrap());
    write!(out, "commit refs/heads/main\ncommitter A <a@example.org> 1700000000 +0000\ndata 1\nx\n").unwrap();
    for nth in 0..files {
        let text = format!("import wandb\n\n\ndef thing_{nth}():\n    return {}\n", nth * 7919 % 1_000_003);
        write!(out, "M 100644 inline {}\ndata {}\n{text}\n", path(nth).display(), text.len()).unwrap();
    }
    out.flush().unwrap();
    drop(out);
    assert!(child.wait().unwrap().success());
    let run = |arguments: &[&str]| assert!(git(folder).args(arguments).status().unwrap().success(), "{arguments:?}");
    run(&["repack", "-q", "-a", "-d"]);
    run(&["read-tree", "main"]);
    for nth in 0..6 {
        let path = folder.join(path(nth * files / 7));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("import wandb\n\nrun = wandb.init(project=\"p{nth}\")\n")).unwrap();
        run(&["add", "--", path.to_str().unwrap()]);
    }
    // As `git commit` does before it starts a hook.
    assert!(git(folder).arg("write-tree").stdout(Stdio::null()).status().unwrap().success());
}

fn path(nth: usize) -> PathBuf {
    PathBuf::from(format!("area{:03}/module{:02}/source_file_number_{nth:06}.py", nth / 1500, nth / 15 % 100))
}

/// The programs, by the names that they go by.
fn programs(folder: &Path) -> Vec<(&'static str, Command)> {
    let own = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wandward"));
        command.args(["scan", "--staged", "--no-progress"]).arg(folder);
        command
    };
    let mut peer = git(folder);
    peer.args(["diff", "--cached", "--raw", "--no-renames"]);
    let mut programs = vec![("wandward scan --staged", own()), ("git diff --cached --raw --no-renames", peer)];
    let peers: [(&str, &[&str]); 2] = [
        ("gitleaks", &["git", "--staged", "--pre-commit", "--no-banner", "--max-decode-depth", "0"]),
        ("betterleaks", &["git", "--staged", "--no-banner", "--max-decode-depth=0"]),
    ];
    for (name, arguments) in peers {
        if Command::new(name).arg("--version").output().is_err() {
            println!("| | {name} | not installed | |");
            continue;
        }
        let mut command = Command::new(name);
        command.args(arguments).arg(folder);
        programs.push((name, command));
    }
    for (_, command) in &mut programs {
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    }
    programs
}

fn compare(folder: &Path, files: usize) {
    let output = git(folder).args(["diff", "--cached", "--raw", "--no-renames"]).output().unwrap();
    assert_eq!(output.stdout.split(|&b| b == b'\n').count(), 7);
    let mut programs = programs(folder);
    let mut runs: Vec<Vec<f64>> = vec![Vec::new(); programs.len()];
    for round in 0..=PAIRS {
        for ((name, command), runs) in programs.iter_mut().zip(&mut runs) {
            let start = Instant::now();
            let status = command.status().unwrap();
            let took = start.elapsed().as_secs_f64() * 1000.0;
            assert!(status.success(), "{name}: {status}");
            // The first round warms.
            if round > 0 {
                runs.push(took);
            }
        }
    }
    let median = |mut all: Vec<f64>| {
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    for ((name, _), theirs) in programs.iter().zip(&runs) {
        let ratio = median(runs[0].iter().zip(theirs).map(|(own, other)| own / other).collect());
        println!("| {files} | {name} | {:.1} | {ratio:.2} |", median(theirs.clone()));
    }
}
