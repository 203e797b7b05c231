//! How fast the search for key shapes is on one core, beside the regex crate on the same buffers in the same run.
//! The ratio is what counts: at least 10 on source text and 2 on a list of SHA-1 ids. `WANDWARD_BENCH_SMALL=1` takes
//! smaller buffers.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench prints and may panic"
)]

use std::hint::black_box;
use std::time::Instant;

use regex::bytes::Regex;
use wandward::detect::{self, Shape};
use wandward::rule::example::{legacy_key, v1_key};

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
    let megabytes = if std::env::var_os("WANDWARD_BENCH_SMALL").is_some_and(|value| value == "1") { 6 } else { 64 };
    let oracle = Regex::new(ORACLE).unwrap();
    println!("one core, {megabytes} MB each, GB/s, best of {RUNS}\n");
    println!("{:<20}{:>8}{:>10}{:>8}{:>8}", "buffer", "keys", "wandward", "regex", "ratio");
    for (name, line) in BUFFERS {
        row(name, &buffer(megabytes * 1_000_000, line), &oracle);
    }
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

/// Appends a line of its kind.
type Line = fn(&mut Rng, &mut Vec<u8>);

const BUFFERS: [(&str, Line); 5] = [
    ("source text", source),
    ("log and JSON lines", log),
    ("SHA-1 list", sha1_list),
    ("hex dump (xxd -p)", hex_dump),
    ("random bytes", noise),
];

/// Lines of one kind, always the same ones.
fn buffer(size: usize, line: Line) -> Vec<u8> {
    let mut rng = Rng(0x5EED);
    let mut text = Vec::with_capacity(size + 4096);
    while text.len() < size {
        line(&mut rng, &mut text);
    }
    text.truncate(size);
    text
}

const WORDS: &[&str] = &[
    "batch",
    "config",
    "self",
    "return",
    "value",
    "index",
    "loss",
    "model",
    "optimizer",
    "step",
    "path",
    "result",
    "if",
    "else",
    "for",
    "in",
    "import",
    "from",
    "dataset",
    "train",
    "evaluate",
    "name",
    "None",
    "True",
    "error",
    "gradient_accumulation_steps",
    "learning_rate",
    "num_workers",
    "checkpoint",
    "wandb",
    "log",
    "metrics",
    "tensor",
];

fn source(rng: &mut Rng, out: &mut Vec<u8>) {
    out.extend(std::iter::repeat_n(b' ', rng.below(5) * 4));
    for _ in 0..2 + rng.below(8) {
        out.extend_from_slice(rng.pick(WORDS).as_bytes());
        out.extend_from_slice(rng.pick(&[" ", " = ", ".", "(", ", ", ") ", "[0] ", " + ", ": ", "_"]).as_bytes());
    }
    match rng.below(4000) {
        0 => out.extend_from_slice(format!(" # since {}", legacy_key(&rng.next().to_string())).as_bytes()),
        1 => out.extend_from_slice(format!(" key=\"{}\"", v1_key(&rng.next().to_string())).as_bytes()),
        _ => {}
    }
    out.push(b'\n');
}

fn log(rng: &mut Rng, out: &mut Vec<u8>) {
    let (step, loss, id) = (rng.below(100_000), rng.below(10_000), rng.next());
    let line = match rng.below(3) {
        0 => format!("2026-03-04T12:{:02}:{:02}Z INFO trainer: step {step} loss 0.{loss:04}", step % 60, loss % 60),
        1 => format!("{{\"step\":{step},\"loss\":0.{loss:04},\"trace\":\"{id:016x}{:016x}\"}}", rng.next()),
        _ => format!("127.0.0.1 - - \"GET /api/runs/{id:016x}/files?limit={loss} HTTP/1.1\" 200 {step}"),
    };
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
}

fn sha1_list(rng: &mut Rng, out: &mut Vec<u8>) {
    hex(rng, 40, out);
    let (folder, name) = (rng.pick(WORDS), rng.pick(WORDS));
    out.extend_from_slice(format!("  data/{folder}/{name}_{:05}.bin\n", rng.below(100_000)).as_bytes());
}

fn hex_dump(rng: &mut Rng, out: &mut Vec<u8>) {
    hex(rng, 60, out);
    out.push(b'\n');
}

fn noise(rng: &mut Rng, out: &mut Vec<u8>) {
    out.extend_from_slice(&rng.next().to_le_bytes());
}

fn hex(rng: &mut Rng, digits: usize, out: &mut Vec<u8>) {
    out.extend((0..digits).map(|_| b"0123456789abcdef"[rng.below(16)]));
}

/// SplitMix64: the same buffers on every machine, and no dependency.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}
