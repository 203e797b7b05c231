//! The room that opens archives beside `unzip -p` and `tar -xO`, on archives of source-like text that this bench makes
//! from a seed with those programs' own packers. The median of pairwise ratios is what counts: at most 2.
//! `WANDWARD_BENCH_SMALL=1` makes a tenth of the text.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench prints and may panic"
)]

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use wandward::decode::archive::{HEAD, Opened, Unpack, form, unpack};

/// A B A B …: so many of each.
const PAIRS: usize = 5;
/// Bytes of text in an archive.
const TEXT: usize = 200 << 20;

/// An archive, the command that makes it in the folder of the text, and the one that writes its content out.
struct Case {
    name: &'static str,
    pack: &'static [&'static str],
    peer: &'static [&'static str],
}

const CASES: [Case; 7] = [
    Case { name: "a.zip", pack: &["zip", "-q", "-r", "../a.zip", "."], peer: &["unzip", "-p", "a.zip"] },
    Case { name: "a.tar", pack: &["tar", "-cf", "../a.tar", "."], peer: &["tar", "-xOf", "a.tar"] },
    Case { name: "a.tar.gz", pack: &["tar", "-czf", "../a.tar.gz", "."], peer: &["tar", "-xOf", "a.tar.gz"] },
    Case {
        name: "a.tar.xz",
        pack: &["tar", "-I", "xz -2", "-cf", "../a.tar.xz", "."],
        peer: &["tar", "-xOf", "a.tar.xz"],
    },
    Case {
        name: "a.tar.zst",
        pack: &["tar", "-I", "zstd -q", "-cf", "../a.tar.zst", "."],
        peer: &["tar", "-xOf", "a.tar.zst"],
    },
    Case { name: "a.tar.bz2", pack: &["tar", "-cjf", "../a.tar.bz2", "."], peer: &["tar", "-xOf", "a.tar.bz2"] },
    Case {
        name: "a.tar.lz4",
        pack: &["tar", "-I", "lz4 -q", "-cf", "../a.tar.lz4", "."],
        peer: &["tar", "-I", "lz4", "-xOf", "a.tar.lz4"],
    },
];

fn main() {
    // `cargo test --all-targets` starts benches too, but without this flag.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let small = std::env::var_os("WANDWARD_BENCH_SMALL").is_some_and(|value| value == "1");
    let place = tempfile::tempdir().unwrap();
    let text = place.path().join("text");
    let files = plant(&text, if small { TEXT / 10 } else { TEXT });
    println!(
        "{files} files of {} MB; the time of each is the median of {PAIRS}",
        if small { TEXT / 10 } else { TEXT } / 1_000_000
    );
    for case in &CASES {
        println!("{:10} {}", case.name, compare(case, place.path(), &text));
    }
}

/// Our time, the peer's and the median of the ratios, or why there are none.
fn compare(case: &Case, place: &Path, text: &Path) -> String {
    let packed = Command::new(case.pack[0]).args(&case.pack[1..]).current_dir(text).stderr(Stdio::null()).status();
    if !packed.is_ok_and(|status| status.success()) {
        return format!("{} is not installed", case.pack.join(" "));
    }
    let path = place.join(case.name);
    let mut runs: Vec<(f64, f64)> = Vec::new();
    let mut read = 0;
    for _ in 0..PAIRS {
        let start = Instant::now();
        read = ours(&path);
        let own = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let mut peer = Command::new(case.peer[0]);
        let Ok(status) = peer.args(&case.peer[1..]).current_dir(place).stdout(Stdio::null()).status() else {
            return format!("{} is not installed", case.peer[0]);
        };
        assert!(status.success(), "{:?}", case.peer);
        runs.push((own, start.elapsed().as_secs_f64()));
    }
    fs::remove_file(&path).unwrap();
    let median = |of: fn(&(f64, f64)) -> f64| {
        let mut all: Vec<f64> = runs.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let (own, peer, ratio) = (median(|run| run.0), median(|run| run.1), median(|run| run.0 / run.1));
    let speed = read as f64 / own / 1e6;
    format!("ours {own:.3} s ({speed:.0} MB/s), {} {peer:.3} s, ratio {ratio:.2}", case.peer[..2].join(" "))
}

/// Members read and dropped.
struct Drop {
    buffer: Vec<u8>,
    read: u64,
}

impl Unpack for Drop {
    fn member(&mut self, _: &[Vec<u8>], content: &mut dyn Read) -> io::Result<()> {
        loop {
            match content.read(&mut self.buffer)? {
                0 => return Ok(()),
                read => self.read += read as u64,
            }
        }
    }

    fn skip(&mut self, inner: &[Vec<u8>], reason: String, _: bool) {
        panic!("{inner:?}: {reason}");
    }

    fn stopped(&self) -> bool {
        false
    }
}

fn ours(path: &Path) -> u64 {
    let mut to = Drop { buffer: vec![0; 256 * 1024], read: 0 };
    let mut head = Vec::new();
    File::open(path).unwrap().take(HEAD as u64).read_to_end(&mut head).unwrap();
    let size = fs::metadata(path).unwrap().len();
    let opened = unpack(form(&head).unwrap(), b"", size, File::open(path).unwrap(), &mut to);
    assert_eq!(opened, Opened::Yes);
    to.read
}

/// Files of source-like text in a hundred folders; says how many.
fn plant(folder: &Path, bytes: usize) -> usize {
    const WORDS: [&str; 24] = [
        "self", "return", "config", "project", "entity", "value", "range", "import", "model", "layer", "tensor",
        "batch", "device", "optimizer", "loss", "train", "epoch", "step", "metric", "artifact", "wandb", "init", "run",
        "login",
    ];
    let mut state = 7u64;
    let mut next = |end: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % end
    };
    let (mut written, mut files) = (0, 0);
    while written < bytes {
        let length = 500 + next(40_000) * next(100) / 100;
        let mut text = String::new();
        while text.len() < length {
            let indent = "    ".repeat(next(4));
            let (a, b, c) = (WORDS[next(24)], WORDS[next(24)], WORDS[next(24)]);
            text.push_str(&format!("{indent}{a}_{} = {b}.{c}({}, \"{a}/{c}\")\n", next(100_000), next(1_000_000_000)));
        }
        let folder = folder.join(format!("folder{}", files % 100));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("file{files}.py")), &text).unwrap();
        (written, files) = (written + text.len(), files + 1);
    }
    files
}
