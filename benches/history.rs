//! `scan --history` beside `git cat-file --batch-all-objects --unordered --buffer --batch`, which only writes every object
//! out, on a packed history that this bench makes from a seed. The median of pairwise ratios is what counts: at most 1 of wall
//! time. CPU time is told where GNU time is installed, and what a second thread is worth.
//! `WANDWARD_BENCH_SMALL=1` makes a tenth of the commits, `-- --commits N` as many as asked for, `-- --repo PATH` takes a
//! repository that is there, bare or not.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench prints and may panic"
)]

#[path = "../tests/support/generate.rs"]
mod generate;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use generate::{Size, git, pack, repository, search};
use serde_json::Value;
use wandward::secret::Fingerprint;

/// A B A B …: so many of each.
const PAIRS: usize = 5;
const SEED: u64 = 2026;
/// A revision in every 60 kB, as in the history of a project that names W&B everywhere; three others that were counted have
/// one in 80 to 170 kB.
const FULL: Size = Size { commits: 10_000, files: 600, lines: 300, keys: 100, revisions: 1500 };

fn main() {
    // `cargo test --all-targets` starts benches too, but without this flag.
    let arguments: Vec<String> = std::env::args().collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let value = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    let small = std::env::var_os("WANDWARD_BENCH_SMALL").is_some_and(|value| value == "1");
    let commits = value("--commits").map_or(if small { FULL.commits / 10 } else { FULL.commits }, |number| {
        number.parse().unwrap_or_else(|_| panic!("--commits takes a number"))
    });
    let place = tempfile::tempdir().unwrap();
    let (path, planted) = match value("--repo") {
        Some(path) => (PathBuf::from(path), None),
        None => {
            let path = place.path().join("made.git");
            let planted = repository(&path, SEED, Size { commits, ..FULL });
            pack(&path);
            (path, Some(planted))
        }
    };
    println!("{}: {}", path.display(), sizes(&path));
    println!("{}", answer(&path, planted.as_ref()));
    println!("{}", compare(&path));
}

/// Objects, and bytes on disk and unpacked.
fn sizes(path: &Path) -> String {
    let mut command = git(path);
    command.args(["cat-file", "--batch-all-objects", "--unordered", "--buffer"]);
    let output = command.arg("--batch-check=%(objectsize) %(objectsize:disk)").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let (mut objects, mut whole, mut disk) = (0u64, 0u64, 0u64);
    for line in text.lines() {
        let (size, stored) = line.split_once(' ').unwrap();
        let number = |text: &str| text.parse::<u64>().unwrap();
        (objects, whole, disk) = (objects + 1, whole + number(size), disk + number(stored));
    }
    format!("{objects} objects, {} MB in {} MB", whole / 1_000_000, disk / 1_000_000)
}

/// What is found, which must be what was planted. In a repository that is there, a plain search tells what it sees: it
/// knows fewer forms of keys, and takes placeholders for keys.
fn answer(path: &Path, planted: Option<&BTreeSet<String>>) -> String {
    let output = ours(path).stdout(Stdio::piped()).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let findings = report["findings"].as_array().unwrap();
    let found: BTreeSet<&str> = findings.iter().filter_map(|finding| finding["key"]["fingerprint"].as_str()).collect();
    let plain: BTreeSet<String> =
        search(path).iter().map(|key| Fingerprint::of(key.as_bytes()).as_str().to_owned()).collect();
    let missing = plain.iter().filter(|fingerprint| !found.contains(fingerprint.as_str())).count();
    if let Some(planted) = planted {
        assert_eq!((found.len(), plain.len(), missing), (planted.len(), planted.len(), 0), "ours, plain, missing");
        assert_eq!(output.status.code(), Some(i32::from(!planted.is_empty())));
    }
    let coverage = &report["coverage"];
    format!(
        "{} findings of {} keys, {} of them found by a plain search that finds {}; {} objects, {} bytes, complete: {}",
        findings.len(),
        found.len(),
        plain.len() - missing,
        plain.len(),
        coverage["objects"],
        coverage["bytes"],
        coverage["complete"]
    )
}

fn ours(path: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wandward"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.args(["scan", "--history", "--format", "json", "--no-progress"]).arg(path);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Tells CPU time.
const GNU_TIME: &str = "/usr/bin/time";

/// Wall and CPU seconds.
type Run = (f64, Option<f64>);

/// Runs a command.
fn run(command: &Command, note: &Path) -> Run {
    let measured = Path::new(GNU_TIME).exists();
    let mut timed = Command::new(if measured { Path::new(GNU_TIME) } else { Path::new(command.get_program()) });
    if measured {
        timed.args(["-f", "%U %S", "-o"]).arg(note).arg(command.get_program());
    }
    timed.args(command.get_args()).env_clear();
    timed.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let start = Instant::now();
    let status = timed.stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
    let wall = start.elapsed().as_secs_f64();
    assert!(matches!(status.code(), Some(0 | 1 | 3)), "{status}");
    // A line above the last one tells of an exit code that is not 0.
    let cpu = || {
        let note = std::fs::read_to_string(note).unwrap();
        note.lines().last().unwrap().split(' ').map(|number| number.parse::<f64>().unwrap()).sum()
    };
    (wall, measured.then(cpu))
}

/// Our time, git's, and the medians of the ratios; ours on one thread and on as many as there are.
fn compare(path: &Path) -> String {
    let place = tempfile::tempdir().unwrap();
    let note = place.path().join("note");
    let (all, mut single, mut peer) = (ours(path), ours(path), git(path));
    single.args(["--jobs", "1"]);
    peer.args(["cat-file", "--batch-all-objects", "--unordered", "--buffer", "--batch"]);
    let round = |_| [&all, &peer, &single].map(|command| run(command, &note));
    let runs: Vec<[Run; 3]> = (0..PAIRS).map(round).collect();
    let median = |of: &dyn Fn(&[Run; 3]) -> Option<f64>| {
        let mut all: Vec<f64> = runs.iter().filter_map(of).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    };
    let told = |number: Option<f64>| number.map_or("not measured".to_owned(), |number| format!("{number:.2}"));
    let wall = |nth: usize| told(median(&|run| Some(run[nth].0)));
    let cpu = |nth: usize| told(median(&|run| run[nth].1));
    format!(
        "the median of {PAIRS}\n\
         wall: ours {} s, git cat-file --batch {} s, ratio {}\n\
         CPU: ours {} s, git cat-file --batch {} s, ratio {}\n\
         one thread: {} s, {} times as long as all",
        wall(0),
        wall(1),
        told(median(&|run| Some(run[0].0 / run[1].0))),
        cpu(0),
        cpu(1),
        told(median(&|run| Some(run[0].1? / run[1].1?.max(0.01)))),
        wall(2),
        told(median(&|run| Some(run[2].0 / run[0].0)))
    )
}
