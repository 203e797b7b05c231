//! `scan --history` beside `git cat-file --batch-all-objects --unordered --buffer --batch`, which only writes every object
//! out, `git rev-list --objects --all`, which only lists them, and kingfisher with two rules, if that is installed, on a packed
//! history that this bench makes from a seed. The median of pairwise ratios of wall time is what counts: at most 1/5 of
//! `cat-file` and 1/8 of kingfisher, and no more than `rev-list`; one thread takes at least 1.7 times as long as two. CPU time is
//! told where GNU time is installed, and how much of the time goes to what is found, beside the same history without.
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
    if planted.is_some() {
        let clean = place.path().join("clean.git");
        repository(&clean, SEED, Size { commits, keys: 0, revisions: usize::MAX, ..FULL });
        pack(&clean);
        println!("{}", share_of_hits(&path, &clean));
    }
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
    assert!(matches!(status.code(), Some(0 | 1 | 3 | 200)), "{status}");
    // A line above the last one tells of an exit code that is not 0.
    let cpu = || {
        let note = std::fs::read_to_string(note).unwrap();
        note.lines().last().unwrap().split(' ').map(|number| number.parse::<f64>().unwrap()).sum()
    };
    (wall, measured.then(cpu))
}

/// A command to compare with, and its name.
type Peer = (&'static str, Command);

/// What there is to compare with; kingfisher looks for the two forms of keys by rules in a file in `place`, and decodes nothing.
fn peers(path: &Path, place: &Path) -> Vec<Peer> {
    let (mut cat_file, mut rev_list) = (git(path), git(path));
    cat_file.args(["cat-file", "--batch-all-objects", "--unordered", "--buffer", "--batch"]);
    rev_list.args(["rev-list", "--objects", "--all", "--missing=allow-any"]);
    let mut peers = vec![("git cat-file --batch", cat_file), ("git rev-list --objects --all", rev_list)];
    if Command::new("kingfisher").arg("--version").stdout(Stdio::null()).status().is_ok() {
        let rules = place.join("rules");
        std::fs::create_dir(&rules).unwrap();
        let rule = |nth: u8, pattern: &str| {
            format!(
                "  - name: W&B {nth}\n    id: bench.wandb.{nth}\n    pattern: '{pattern}'\n    min_entropy: 0\n    \
                 confidence: medium\n    examples: []\n"
            )
        };
        let legacy = rule(1, r"(?i)wandb.{0,40}?\b([0-9a-f]{40})\b");
        let v1 = rule(2, "wandb_v1_[A-Za-z0-9]{27}_[A-Za-z0-9]{49}");
        std::fs::write(rules.join("wandb.yml"), format!("rules:\n{legacy}{v1}")).unwrap();
        let mut kingfisher = Command::new("kingfisher");
        kingfisher.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", place);
        kingfisher
            .args(["scan", "--git-history", "full", "--load-builtins=false", "--no-validate", "--no-update-check"]);
        kingfisher.args(["--no-base64", "--commit-metadata=false", "--rules-path"]).arg(&rules).arg(path);
        peers.push(("kingfisher", kingfisher));
    }
    peers
}

/// The median of what is measured in every round.
fn median(rounds: &[Vec<Run>], of: impl Fn(&[Run]) -> Option<f64>) -> Option<f64> {
    let mut all: Vec<f64> = rounds.iter().filter_map(|round| of(round)).collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied()
}

fn told(number: Option<f64>) -> String {
    number.map_or("not measured".to_owned(), |number| format!("{number:.2}"))
}

/// Our time, that of others, and the medians of the ratios; ours on one thread and on as many as there are.
fn compare(path: &Path) -> String {
    let place = tempfile::tempdir().unwrap();
    let note = place.path().join("note");
    let (all, mut single) = (ours(path), ours(path));
    single.args(["--jobs", "1"]);
    let peers = peers(path, place.path());
    let commands: Vec<&Command> = [&all, &single].into_iter().chain(peers.iter().map(|(_, peer)| peer)).collect();
    let round = |_| commands.iter().map(|command| run(command, &note)).collect();
    let rounds: Vec<Vec<Run>> = (0..PAIRS).map(round).collect();
    let wall = |nth: usize| told(median(&rounds, |round| Some(round[nth].0)));
    let cpu = |nth: usize| told(median(&rounds, |round| round[nth].1));
    let mut lines = vec![
        format!("the median of {PAIRS}, wall and CPU seconds; the ratio is that of ours to theirs"),
        format!("ours: {} s, {} s", wall(0), cpu(0)),
    ];
    for (nth, (name, _)) in (2..).zip(&peers) {
        let ratio = told(median(&rounds, |round| Some(round[0].0 / round[nth].0)));
        let of_cpu = told(median(&rounds, |round| Some(round[0].1? / round[nth].1?.max(0.01))));
        lines.push(format!("{name}: {} s, {} s, ratio {ratio}, of CPU {of_cpu}", wall(nth), cpu(nth)));
    }
    let longer = told(median(&rounds, |round| Some(round[1].0 / round[0].0)));
    lines.push(format!("one thread: {} s, {longer} times as long as all", wall(1)));
    lines.join("\n")
}

/// How much of the time goes to what is found: to judging it and to its places.
fn share_of_hits(path: &Path, clean: &Path) -> String {
    let place = tempfile::tempdir().unwrap();
    let note = place.path().join("note");
    let commands = [ours(path), ours(clean)];
    let round = |_| commands.iter().map(|command| run(command, &note)).collect();
    let rounds: Vec<Vec<Run>> = (0..PAIRS).map(round).collect();
    let more = told(median(&rounds, |round| Some(round[0].0 / round[1].0 - 1.0)));
    format!("the same history with nothing to find: with all that is in it, the scan takes {more} of that more")
}
