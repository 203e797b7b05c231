//! How fast the search for key shapes is on one core, beside the regex crate on the same buffers in the same run, and then each
//! kernel by itself, measured by criterion. The ratio is what counts: at least 10 on source text and 2 on a list of SHA-1 ids.
//! `WANDWARD_BENCH_SMALL=1` takes smaller buffers and fewer samples.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench prints and may panic"
)]

mod text;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use regex::bytes::Regex;
use text::{BUFFERS, base64, buffer, literals};
use wandward::decode;
use wandward::decode::probe;
use wandward::detect::{self, Shape};

/// Both formats as one would write them down first. ASCII: a Unicode `\b` is 15 times slower still.
const ORACLE: &str = r"(?-u)\b(?:[0-9a-f]{40}|wandb_v1_[A-Za-z0-9]{27}_[A-Za-z0-9]{49})\b";
/// The best of so many runs is taken.
const RUNS: usize = 5;
const WINDOW: usize = 512 * 1024;

fn main() {
    // `cargo test --all-targets` starts benches too, but without this flag.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let small = std::env::var_os("WANDWARD_BENCH_SMALL").is_some_and(|value| value == "1");
    let megabytes = if small { 6 } else { 64 };
    let oracle = Regex::new(ORACLE).unwrap();
    println!("one core, {megabytes} MB each, GB/s, best of {RUNS}\n");
    println!("{:<20}{:>8}{:>10}{:>8}{:>8}", "buffer", "keys", "wandward", "regex", "ratio");
    for (name, line) in BUFFERS {
        row(name, &buffer(megabytes * 1_000_000, line), &oracle);
    }
    println!();
    kernels(small, &oracle);
}

/// Measures each kernel by itself on a buffer that stays in a core's cache, and compares it with the run before.
fn kernels(small: bool, oracle: &Regex) {
    const SIZE: usize = 256 * 1024;
    let time = Duration::from_millis(if small { 200 } else { 3000 });
    let criterion = Criterion::default().without_plots().sample_size(if small { 10 } else { 100 });
    let mut criterion = criterion.measurement_time(time).warm_up_time(time / 3).configure_from_args();
    for (name, line) in
        BUFFERS.into_iter().chain([("literals", literals as text::Line), ("base64 lines", base64 as text::Line)])
    {
        let text = buffer(SIZE, line);
        let seen = probe::survey(&text);
        let runs: Vec<_> = probe::runs(&text).collect();
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(text.len() as u64));
        let id = |kernel: &str| BenchmarkId::from_parameter(kernel);
        group.bench_function(id("candidates"), |bench| bench.iter(|| detect::candidates(black_box(&text), 0..SIZE)));
        group.bench_function(id("survey"), |bench| bench.iter(|| probe::survey(black_box(&text))));
        group.bench_function(id("views"), |bench| bench.iter(|| decode::views(black_box(&text), &seen, &runs, &[])));
        group.bench_function(id("regex"), |bench| bench.iter(|| oracle.find_iter(black_box(&text)).count()));
        group.finish();
    }
    criterion.final_summary();
}

/// Measures one buffer, and refuses to compare two that do not find the same.
fn row(name: &str, text: &[u8], oracle: &Regex) {
    let (found, kernel) = best(text, whole_keys);
    let (wanted, regex) = best(text, |text| oracle.find_iter(text).count());
    assert_eq!(found, wanted, "{name}: the kernel and the regex disagree");
    println!("{name:<20}{found:>8}{kernel:>10.2}{regex:>8.2}{:>8.1}", kernel / regex);
}

/// Counts keys window by window, as a scan hands a large file on.
fn whole_keys(text: &[u8]) -> usize {
    let count = |start: usize| {
        let candidates = detect::candidates(text, start..text.len().min(start + WINDOW));
        candidates.iter().filter(|candidate| matches!(candidate.shape, Shape::Key(_))).count()
    };
    (0..text.len()).step_by(WINDOW).map(count).sum()
}

/// What `work` counts, and its best speed in GB/s.
fn best(text: &[u8], work: impl Fn(&[u8]) -> usize) -> (usize, f64) {
    let mut count = 0;
    let mut seconds = f64::INFINITY;
    for _ in 0..RUNS {
        let started = Instant::now();
        count = black_box(work(black_box(text)));
        seconds = seconds.min(started.elapsed().as_secs_f64());
    }
    (count, text.len() as f64 / seconds / 1e9)
}
