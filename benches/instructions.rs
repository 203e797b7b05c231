//! How many instructions the kernels and the judge take, counted by callgrind, so that no busy machine blurs it. Each count is
//! told as a share of what a well-known search takes for the same text in the same run: a processor with wider vectors, or
//! another compiler, changes both. The binary is that of the tests' profile, which is built for them anyway. A share more than
//! [`SLACK`] above the one in `instructions.txt` fails; `UPDATE=1` writes the table anew.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::exit,
    reason = "a bench prints and may panic"
)]

mod text;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, exit};

use regex::bytes::Regex;
use text::{Line, base64, buffer, hex_dump, keys, literals, noise, run_log, sha1_list, source};
use wandward::decode::{self, probe};
use wandward::detect;
use wandward::policy::Policy;
use wandward::rule::RuleSet;
use wandward::scan::{Progress, Scan};

/// One instruction in ten more than the table says. Counts of one binary differ by less than one in a hundred from run to run
/// (tables of hashes are seeded anew), those of neighbouring compilers by a few.
const SLACK: f64 = 1.10;
/// A share that fell so far is worth writing down, so that it stays there.
const FELL: f64 = 0.85;

/// What is counted: a name, what is looked through, and how.
type Case = (&'static str, Line, Work);

/// How a text is looked through.
#[derive(Clone, Copy)]
enum Work {
    /// In vectors, as the search for a literal is.
    Kernel(fn(&[u8])),
    /// By everything that a scan does with a file of that name.
    Scan(&'static str),
}

const CASES: [Case; 12] = [
    ("runs, source text", source, Work::Kernel(runs)),
    ("survey, source text", source, Work::Kernel(survey)),
    ("survey, random bytes", noise, Work::Kernel(survey)),
    ("candidates, SHA-1 list", sha1_list, Work::Kernel(candidates)),
    ("candidates, hex dump", hex_dump, Work::Kernel(candidates)),
    ("views, literals", literals, Work::Kernel(views)),
    ("views, base64 lines", base64, Work::Kernel(views)),
    ("scan, source text", source, Work::Scan("loop.py")),
    ("scan, keys", keys, Work::Scan("train.py")),
    ("scan, literals", literals, Work::Scan("page.py")),
    ("scan, SHA-1 list", sha1_list, Work::Scan("ids.txt")),
    ("scan, log of a run", run_log, Work::Scan("run.log")),
];

/// The searches that the others are told as shares of.
const MEMMEM: &str = "memmem";
const REGEX: &str = "regex";

/// Small enough for a debugger's patience, large enough that what a call takes by itself does not count.
const SIZE: usize = 96 * 1024;

fn runs(text: &[u8]) {
    black_box(probe::runs_in(text, 0..text.len()));
}

fn survey(text: &[u8]) {
    black_box(probe::survey(text));
}

fn candidates(text: &[u8]) {
    black_box(detect::candidates(text, 0..text.len()));
}

fn views(text: &[u8]) {
    let runs = probe::runs_in(text, 0..text.len());
    black_box(decode::views(text, &probe::survey(text), &runs, &[]));
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, name, times] = &arguments[..]
        && flag == "--count"
    {
        return work(name, times.parse().unwrap());
    }
    // `cargo test --all-targets` starts benches too, but without this flag.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        let required = std::env::var_os("WANDWARD_REQUIRE_TOOLS").is_some_and(|value| value == "1");
        assert!(!required, "valgrind is not installed");
        return println!("valgrind is not installed, so nothing was counted");
    }
    let [memmem, regex] = [MEMMEM, REGEX].map(count);
    let shares = CASES.map(|(name, _, work)| {
        let of = match work {
            Work::Kernel(_) => memmem,
            Work::Scan(_) => regex,
        };
        (name, count(name) / of)
    });
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.txt");
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        let mut table = TABLE_HEAD.to_owned();
        for (name, share) in shares {
            writeln!(table, "{share:10.4}  {name}").unwrap();
        }
        fs::write(&path, table).unwrap();
        return println!("wrote {}", path.display());
    }
    compare(&fs::read_to_string(path).unwrap(), &shares);
}

const TABLE_HEAD: &str = "//! Instructions of each case, as a share of those of a well-known search: kernels of memchr's search for a word that\n\
    //! is not there, scans of the regex crate's search for both formats. `UPDATE=1 cargo test --bench instructions -- --bench`\n\
    //! writes it; a share that grew is a decision, for the commit that makes it grow to explain.\n";

/// Prints every share beside the one that the table holds; leaves with 1 if one grew too much.
fn compare(table: &str, shares: &[(&str, f64)]) {
    let rows = table.lines().filter(|line| !line.starts_with("//!")).filter_map(|line| line.trim().split_once("  "));
    let wanted: BTreeMap<&str, f64> = rows.map(|(share, name)| (name, share.parse().unwrap())).collect();
    let mut grown = Vec::new();
    println!("{:<26}{:>10}{:>10}{:>8}", "instructions", "share", "table", "");
    for (name, share) in shares {
        let Some(was) = wanted.get(name) else {
            grown.push(format!("`{name}` is not in the table"));
            continue;
        };
        let change = share / was;
        println!("{name:<26}{share:>10.4}{was:>10.4}{:>+7.1} %", (change - 1.0) * 100.0);
        if change > SLACK {
            let more = (change - 1.0) * 100.0;
            grown.push(format!("`{name}` takes {more:.1} % more instructions than the table allows for"));
        } else if change < FELL {
            println!("  it takes fewer: UPDATE=1 cargo test --bench instructions -- --bench keeps it there");
        }
    }
    if !grown.is_empty() {
        println!("\n{}", grown.join("\n"));
        println!(
            "\nIf that is meant, UPDATE=1 cargo test --bench instructions -- --bench writes the table; commit it with the reason."
        );
        exit(1);
    }
}

/// How many instructions looking through its text once takes: what three times take more than one time, so that neither the
/// start of the program nor the making of the text counts.
fn count(name: &str) -> f64 {
    let total = |times: u32| {
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(std::env::current_exe().unwrap());
        let output = command.args(["--count", name, &times.to_string()]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {said}");
        let collected = said.lines().find_map(|line| line.split_once("Collected :"));
        collected.unwrap_or_else(|| panic!("{name}: {said}")).1.trim().parse::<f64>().unwrap()
    };
    (total(3) - total(1)) / 2.0
}

/// Looks through the text of a case so many times.
fn work(name: &str, times: u32) {
    match CASES.iter().find(|(case, ..)| *case == name) {
        Some((_, line, Work::Kernel(kernel))) => {
            let text = buffer(SIZE, *line);
            (0..times).for_each(|_| kernel(black_box(&text)));
        }
        Some((_, line, Work::Scan(path))) => {
            let text = buffer(SIZE, *line);
            let rules = RuleSet::builtin().unwrap();
            let policy = Policy::new(&rules, Vec::new(), Vec::new(), true).unwrap();
            let progress = Progress::default();
            let scan =
                Scan { rules: &rules, policy: &policy, progress: &progress, threads: 1, cache: None, found: &|_| {} };
            // What is made when it is first needed is made before anything is counted.
            for _ in 0..=times {
                black_box(scan.text(path, black_box(&text)));
            }
        }
        None => {
            let text = buffer(SIZE, source);
            let memmem = memchr::memmem::Finder::new("wandb_v1_");
            let regex = Regex::new(r"(?-u)\b(?:[0-9a-f]{40}|wandb_v1_[A-Za-z0-9]{27}_[A-Za-z0-9]{49})\b").unwrap();
            for _ in 0..times {
                black_box(match name {
                    MEMMEM => memmem.find_iter(black_box(&text)).count(),
                    _ => regex.find_iter(black_box(&text)).count(),
                });
            }
        }
    }
}
