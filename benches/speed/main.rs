//! The whole program beside ripgrep and whatever other scanners are installed, on a tree of source-like files and on a
//! few large files that this bench makes from a seed. The median of pairwise ratios is what counts: against ripgrep at
//! most 1.3 on the tree and 1.5 on the large files. `WANDWARD_BENCH_SMALL=1` makes a tenth of the files.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench prints and may panic"
)]

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use wandward::rule::example::{legacy_key, v1_key};
use wandward::secret::Fingerprint;

/// A B A B …: so many of each, unless the peer is so slow that fewer tell as much.
const PAIRS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(60);
/// GNU time, which alone tells the peak memory and the CPU seconds of another process.
const GNU_TIME: &str = "/usr/bin/time";

fn main() {
    // `cargo test --all-targets` starts benches too, but without this flag.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let small = std::env::var_os("WANDWARD_BENCH_SMALL").is_some_and(|value| value == "1");
    let share = if small { 10 } else { 1 };
    let place = tempfile::tempdir().unwrap();
    let peers = peers(place.path());
    let tree = Corpus::new("source tree", place.path().join("tree"), |corpus| plant_tree(corpus, 30_000 / share));
    compare(&tree, &peers);
    drop(tree);
    let large = Corpus::new("large files", place.path().join("large"), |corpus| plant_large(corpus, share));
    compare(&large, &peers);
}

// What is compared, and how.

/// Another program that looks for the same.
struct Peer {
    name: &'static str,
    program: &'static str,
    arguments: Vec<String>,
    /// The exit codes of a run that did its work, whether it found something or not.
    fine: &'static [i32],
    /// The version it must be of, asked for in these words.
    version: Option<(&'static str, &'static str)>,
}

/// The peers with nothing but two rules for W&B keys, no decoding, no archives, no validation.
fn peers(place: &Path) -> Vec<Peer> {
    let rules = Rules::write(place);
    let words = |text: String| text.split(' ').map(str::to_owned).collect();
    let (toml, yaml) = (rules.toml.display(), rules.yaml.display());
    vec![
        Peer {
            name: "rg -uuu -a -c -F",
            program: "rg",
            arguments: words("--no-config -uuu -a -c -F wandb_v1_".into()),
            fine: &[0],
            version: None,
        },
        Peer {
            name: "kingfisher",
            program: "kingfisher",
            arguments: words(format!(
                "scan --git-history none --load-builtins=false --rules-path {yaml} --no-validate --no-update-check \
                 --no-base64"
            )),
            fine: &[0, 200],
            version: None,
        },
        Peer {
            name: "gitleaks",
            program: "gitleaks",
            arguments: words(format!("dir --no-banner --exit-code 0 --max-decode-depth 0 --config {toml}")),
            fine: &[0],
            // A package of betterleaks installs a `gitleaks` of its own over the real one.
            version: Some(("version", "8.")),
        },
        Peer {
            name: "betterleaks",
            program: "betterleaks",
            arguments: words(format!(
                "fs --no-banner --exit-code=0 --max-decode-depth=0 --max-archive-depth=0 --config={toml}"
            )),
            fine: &[0],
            version: None,
        },
        // It cannot be told to use fewer rules.
        Peer { name: "ripsecrets", program: "ripsecrets", arguments: Vec::new(), fine: &[0, 1], version: None },
    ]
}

/// The two rules in the languages of the peers.
struct Rules {
    toml: PathBuf,
    yaml: PathBuf,
}

impl Rules {
    fn write(place: &Path) -> Rules {
        const LEGACY: &str = r"(?i)wandb.{0,40}?\b([0-9a-f]{40})\b";
        const V1: &str = "wandb_v1_[A-Za-z0-9]{27}_[A-Za-z0-9]{49}";
        let toml = format!(
            "[[rules]]\nid = \"wandb-legacy\"\nregex = '''{LEGACY}'''\nkeywords = [\"wandb\"]\n\
             [[rules]]\nid = \"wandb-v1\"\nregex = '''{V1}'''\nkeywords = [\"wandb_v1_\"]\n"
        );
        let rule = |nth: u8, pattern: &str| {
            format!(
                "  - name: W&B {nth}\n    id: bench.wandb.{nth}\n    pattern: '{pattern}'\n    min_entropy: 0\n    \
                 confidence: medium\n    examples: []\n"
            )
        };
        let yaml = format!("rules:\n{}{}", rule(1, LEGACY), rule(2, V1));
        let rules = Rules { toml: place.join("peers.toml"), yaml: place.join("peer-rules").join("wandb.yml") };
        fs::create_dir(rules.yaml.parent().unwrap()).unwrap();
        fs::write(&rules.toml, toml).unwrap();
        fs::write(&rules.yaml, yaml).unwrap();
        Rules { yaml: rules.yaml.parent().unwrap().to_owned(), ..rules }
    }
}

impl Peer {
    /// Why there is nothing to compare with, if that is so.
    fn missing(&self) -> Option<String> {
        let (argument, wanted) = self.version.unwrap_or(("--version", ""));
        let asked = Command::new(self.program).arg(argument).stdin(Stdio::null()).output();
        let Ok(output) = asked else { return Some("not installed".to_owned()) };
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (!version.starts_with(wanted)).then(|| format!("is of version {version}, wanted {wanted}x"))
    }

    fn run(&self, corpus: &Corpus) -> Result<Run, String> {
        run(self.program, &self.arguments, self.fine, &corpus.folder)
    }
}

fn ours(corpus: &Corpus) -> Run {
    let arguments = ["scan", "--format", "json", "--no-progress"].map(str::to_owned);
    run(env!("CARGO_BIN_EXE_wandward"), &arguments, &[0, 1], &corpus.folder).unwrap()
}

/// What one run took.
struct Run {
    wall: Duration,
    /// CPU seconds and peak megabytes, where they can be measured.
    cost: Option<(f64, f64)>,
}

/// Runs a program over a folder, its output thrown away.
fn run(program: &str, arguments: &[String], fine: &[i32], folder: &Path) -> Result<Run, String> {
    let note = folder.with_extension("cost");
    let measured = Path::new(GNU_TIME).exists();
    let mut command = Command::new(if measured { GNU_TIME } else { program });
    if measured {
        command.args(["-f", "%U %S %M", "-o"]).arg(&note).arg(program);
    }
    command.args(arguments).arg(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    let status = command.status().unwrap();
    let wall = started.elapsed();
    if !status.code().is_some_and(|code| fine.contains(&code)) {
        return Err(format!("failed: {status}"));
    }
    Ok(Run { wall, cost: measured.then(|| cost(&fs::read_to_string(note).unwrap())) })
}

/// The last line of the note; one above it tells of an exit code that is not 0.
fn cost(note: &str) -> (f64, f64) {
    let numbers: Vec<f64> = note.lines().last().unwrap().split(' ').map(|number| number.parse().unwrap()).collect();
    (numbers[0] + numbers[1], numbers[2] / 1000.0)
}

/// Prints one table: us against ourselves, which shows the noise, and against each peer.
fn compare(corpus: &Corpus, peers: &[Peer]) {
    let found = verify(corpus);
    println!(
        "\n{}: {} files, {} MB, {found} keys planted and found",
        corpus.name,
        corpus.files,
        corpus.bytes / 1_000_000
    );
    println!("wandward / peer, median of {PAIRS} pairs; below 1 wandward is the better one\n");
    println!("{:<18}{:>7}{:>14}{:>7}{:>10}{:>10}  pairs", "peer", "wall", "from–to", "CPU", "our MB", "peer MB");
    row("wandward itself", corpus, || Ok(ours(corpus)));
    for peer in peers {
        match peer.missing() {
            Some(why) => println!("{:<18}{why}", peer.name),
            None => row(peer.name, corpus, || peer.run(corpus)),
        }
    }
}

/// Prints the line of one peer.
fn row(name: &str, corpus: &Corpus, theirs: impl Fn() -> Result<Run, String>) {
    let pairs = match pairs(corpus, theirs) {
        Ok(pairs) => pairs,
        Err(why) => return println!("{name:<18}{why}"),
    };
    let wall = sorted(pairs.iter().map(|(our, their)| our.wall.as_secs_f64() / their.wall.as_secs_f64()));
    let range = format!("{:.2}–{:.2}", wall[0], wall[wall.len() - 1]);
    let costs: Option<Vec<_>> = pairs.iter().map(|(our, their)| our.cost.zip(their.cost)).collect();
    let cost = match costs {
        Some(costs) => {
            // A clock of hundredths of a second may say that a run took none.
            let cpu = sorted(costs.iter().map(|(our, their)| our.0 / their.0.max(0.01)));
            let most = |memory: Vec<f64>| memory[memory.len() - 1];
            let (our, their) = (most(sorted(costs.iter().map(|c| c.0.1))), most(sorted(costs.iter().map(|c| c.1.1))));
            format!("{:>7.2}{our:>10.0}{their:>10.0}", median(&cpu))
        }
        None => format!("{:>27}", "not measured"),
    };
    println!("{name:<18}{:>7.2}{range:>14}{cost}  {}", median(&wall), pairs.len());
}

fn pairs(corpus: &Corpus, theirs: impl Fn() -> Result<Run, String>) -> Result<Vec<(Run, Run)>, String> {
    let started = Instant::now();
    let mut pairs = Vec::new();
    // The system takes cold pages back, so everything is read once more directly before.
    corpus.warm();
    while pairs.len() < PAIRS && started.elapsed() < PATIENCE {
        let our = ours(corpus);
        pairs.push((our, theirs()?));
    }
    Ok(pairs)
}

fn sorted(numbers: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers
}

fn median(sorted: &[f64]) -> f64 {
    let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    f64::midpoint(low, high)
}

/// Panics unless exactly the planted keys are found: a bench of a wrong answer is no bench.
fn verify(corpus: &Corpus) -> usize {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wandward"));
    let output = command.args(["scan", "--format", "json", "--no-progress"]).arg(&corpus.folder).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["coverage"]["complete"], true, "{}: not everything was read", corpus.name);
    assert_eq!(report["coverage"]["files"], corpus.files, "{}: not every file was read", corpus.name);
    let mut wanted: Vec<_> = corpus.keys.iter().map(|key| Fingerprint::of(key.as_bytes()).to_string()).collect();
    wanted.sort();
    let mut found = Vec::new();
    for finding in report["findings"].as_array().unwrap() {
        let print = finding["key"]["fingerprint"].as_str().unwrap_or_default().to_owned();
        assert!(wanted.binary_search(&print).is_ok(), "{}: nothing was planted at {finding:#}", corpus.name);
        found.push(print);
    }
    found.sort();
    assert_eq!(found.len(), wanted.len(), "{}: planted and found differ in number", corpus.name);
    assert!(found == wanted, "{}: a key was found twice, and another not at all", corpus.name);
    found.len()
}

// What is looked through.

/// A folder of files, and the keys in them.
struct Corpus {
    name: &'static str,
    folder: PathBuf,
    files: u64,
    bytes: u64,
    keys: Vec<String>,
    rng: Rng,
}

impl Corpus {
    fn new(name: &'static str, folder: PathBuf, fill: impl FnOnce(&mut Corpus)) -> Corpus {
        let mut corpus = Corpus { name, folder, files: 0, bytes: 0, keys: Vec::new(), rng: Rng(0x5EED) };
        fill(&mut corpus);
        // What is still to be written to disk would be written while others are measured.
        drop(Command::new("sync").status());
        corpus
    }

    /// A line that exposes a key of its own.
    fn planted(&mut self, shape: &Shape) -> Vec<u8> {
        let seed = format!("bench {} {}", self.name, self.keys.len());
        let key = if shape.v1 { v1_key(&seed) } else { legacy_key(&seed) };
        let line = format!("{}{key}{}\n", shape.before, shape.after);
        self.keys.push(key);
        line.into_bytes()
    }

    /// Writes a file of `size` bytes and a little more: lines of one kind, with lines that expose keys among them.
    fn write(&mut self, name: &str, size: usize, line: Line, shapes: &[&Shape]) {
        let path = self.folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut out = BufWriter::new(File::create(path).unwrap());
        let mut places: Vec<usize> = shapes.iter().map(|_| self.rng.below(size)).collect();
        places.sort_unstable();
        let mut places = places.into_iter().zip(shapes).peekable();
        let mut text = Vec::with_capacity(1024);
        let mut written = 0;
        while written < size || places.peek().is_some() {
            text.clear();
            match places.next_if(|(place, _)| *place <= written) {
                Some((_, shape)) => text = self.planted(shape),
                None => line(&mut self.rng, &mut text),
            }
            out.write_all(&text).unwrap();
            written += text.len();
        }
        out.flush().unwrap();
        self.files += 1;
        self.bytes += written as u64;
    }

    /// Reads everything, so that no run but this one waits for the disk.
    fn warm(&self) {
        let mut buffer = vec![0; 1 << 20];
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let mut file = File::open(path).unwrap();
                while file.read(&mut buffer).unwrap() > 0 {}
            }
        }
    }
}

impl Drop for Corpus {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// A way to expose a key.
struct Shape {
    extension: &'static str,
    v1: bool,
    before: &'static str,
    after: &'static str,
}

const SHAPES: [Shape; 6] = [
    Shape { extension: "sh", v1: false, before: "export WANDB_API_KEY=", after: "" },
    Shape { extension: "py", v1: false, before: "wandb.login(key=\"", after: "\")" },
    Shape { extension: "py", v1: true, before: "settings.api_key = \"", after: "\"" },
    Shape { extension: "yaml", v1: false, before: "WANDB_API_KEY: ", after: "" },
    Shape { extension: "env", v1: true, before: "WANDB_API_KEY=", after: "" },
    Shape { extension: "json", v1: true, before: "{\"wandb_api_key\": \"", after: "\"}" },
];

/// Source-like files of log-normal sizes; every hundredth of them exposes a key.
fn plant_tree(corpus: &mut Corpus, files: usize) {
    const EXTENSIONS: [&str; 8] = ["py", "ts", "rs", "go", "c", "md", "json", "yaml"];
    for nth in 0..files {
        let size = (9_000.0 * corpus.rng.normal().exp()).clamp(1_000.0, 100_000.0) as usize;
        let shape = (nth % 100 == 50).then(|| &SHAPES[nth / 100 % SHAPES.len()]);
        let extension = shape.map_or(EXTENSIONS[nth % EXTENSIONS.len()], |shape| shape.extension);
        let (package, module) = (nth / 400, nth / 20 % 20);
        let name = format!("package_{package:02}/src/module_{module:02}/file_{nth:05}.{extension}");
        corpus.write(&name, size, source, shape.as_slice());
    }
}

/// Logs and a list of ids; each exposes keys.
fn plant_large(corpus: &mut Corpus, share: usize) {
    let shapes: Vec<&Shape> = SHAPES.iter().cycle().take(12).collect();
    for nth in 0..6 {
        let (line, extension): (Line, _) = if nth % 2 == 0 { (log, "log") } else { (json, "jsonl") };
        corpus.write(&format!("worker-{nth}.{extension}"), 100_000_000 / share, line, &shapes);
    }
    // About 70 bytes a line, so 100,000 of them.
    corpus.write("checksums.sha1", 7_000_000 / share, checksum, &shapes[..3]);
}

/// Appends a line of its kind.
type Line = fn(&mut Rng, &mut Vec<u8>);

const WORDS: &[&str] = &[
    "batch",
    "config",
    "self",
    "value",
    "index",
    "loss",
    "model",
    "optimizer",
    "step",
    "path",
    "result",
    "dataset",
    "train",
    "evaluate",
    "name",
    "error",
    "learning_rate",
    "num_workers",
    "checkpoint",
    "metrics",
    "tensor",
    "request",
    "response",
    "buffer",
    "handler",
    "options",
    "gradient_accumulation_steps",
    "node",
    "parent",
    "children",
    "token",
    "session",
    "user",
    "cache",
    "queue",
    "worker",
    "message",
    "length",
    "offset",
    "width",
    "height",
    "weights",
];

/// A line as it stands in code, and now and then something long that is no key.
fn source(rng: &mut Rng, out: &mut Vec<u8>) {
    if rng.below(300) == 0 {
        return rare(rng, out);
    }
    out.extend(std::iter::repeat_n(b' ', rng.below(5) * 4));
    let (a, b, c, d) = (rng.word(), rng.word(), rng.word(), rng.word());
    let parts: &[&str] = match rng.below(12) {
        0 => &["def ", a, "_", b, "(self, ", c, ", ", d, "=None):"],
        1 => &["return ", a, ".", b, "(", c, ")[", d, "]"],
        2 => &["if ", a, " is not None and ", b, " < ", c, ":"],
        3 => &["# The ", a, " of a ", b, " is read once; the ", c, " may change before the next ", d, "."],
        4 => &["import { ", a, ", ", b, " } from \"../", c, "/", d, "\";"],
        5 => &["for (let ", a, " = 0; ", a, " < ", b, ".length; ", a, "++) {"],
        6 => &["self.", a, " = ", b, "_", c, "(", d, ", timeout=30)"],
        7 => &["logger.info(\"", a, " %s took %.2f s\", ", b, ", ", c, ")"],
        8 => &["\"", a, "\": [", b, ", ", c, ", ", d, "],"],
        9 => &["}"],
        10 => &[],
        _ => &["const ", a, ": ", b, " = await ", c, "(", d, ", { retries: 3 });"],
    };
    parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
    out.push(b'\n');
}

/// The words wandb and hash as innocent code has them. One file in twenty holds a commit id, as in a cache of packages.
fn rare(rng: &mut Rng, out: &mut Vec<u8>) {
    let (a, b) = (rng.word(), rng.word());
    let line = match rng.below(48) {
        0 => format!("- uses: actions/{a}@{}", rng.hex(40)),
        1 => format!("# Since {} the {a} is gone.", rng.hex(40)),
        2..8 => "import wandb".to_owned(),
        8..16 => format!("wandb.log({{\"{a}/{b}\": {b}, \"step\": step}})"),
        16..24 => format!("run = wandb.init(project=\"{a}-{b}\", config=config)"),
        24..32 => format!("{{ name = \"{a}\", hash = \"sha256:{}\" }}", rng.hex(64)),
        32..40 => format!("\"integrity\": \"sha512-{}\",", v1_key(&rng.next().to_string())[9..].repeat(2)),
        _ => format!("https://example.com/{a}/{b}/{}/{}?download=1", rng.hex(16), a.repeat(8)),
    };
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
}

/// A commit id stands on one line of a log in so many: about one in each window of a scan.
const COMMIT_EVERY: usize = 5000;

fn log(rng: &mut Rng, out: &mut Vec<u8>) {
    let (number, word, other) = (rng.below(100_000), rng.word(), rng.word());
    let clock = format!("2026-03-04T12:{:02}:{:02}.{:03}Z", number % 60, number / 60 % 60, number % 1000);
    let line = match rng.below(500) {
        0 => format!("{clock} INFO  deploy: checked out {} in {number} ms", rng.hex(40)),
        1 => format!("{clock} INFO  wandb: Run data is saved locally in wandb/run-20260304_12-{}", rng.hex(8)),
        2..150 => format!("{clock} DEBUG {word}.{other}: step {number} loss 0.{number:05} lr 0.0003 {word} ok"),
        150..300 => {
            format!("{clock} INFO  http: GET /api/{word}/{number}/{other} 200 {number} request={}", rng.hex(32))
        }
        _ => format!("{clock} WARN  {word}: the {other} took {number} ms, more than {word} allows; trying again"),
    };
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
}

fn json(rng: &mut Rng, out: &mut Vec<u8>) {
    let (number, word, other) = (rng.below(100_000), rng.word(), rng.word());
    let line = match rng.below(COMMIT_EVERY) {
        0 => format!("{{\"level\":\"info\",\"commit\":\"{}\",\"{word}\":{number}}}", rng.hex(40)),
        1..2000 => format!("{{\"level\":\"info\",\"span\":\"{}\",\"name\":\"{word}.{other}\"}}", rng.hex(16)),
        _ => format!("{{\"step\":{number},\"{word}\":0.{number:05},\"{other}\":\"{word} {other}\",\"lr\":0.0003}}"),
    };
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
}

/// An id and a path; some paths name wandb, which makes no key of an id.
fn checksum(rng: &mut Rng, out: &mut Vec<u8>) {
    let (folder, name) = (rng.word(), rng.word());
    let root = if rng.below(20) == 0 { "wandb" } else { "data" };
    let line = format!("{}  {root}/{folder}/{name}-{:05}.bin\n", rng.hex(40), rng.below(100_000));
    out.extend_from_slice(line.as_bytes());
}

/// SplitMix64: the same corpus on every machine, and no dependency.
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

    fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len())]
    }

    fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from(b"0123456789abcdef"[self.below(16)])).collect()
    }

    /// Close enough to normal: the sum of twelve uniform numbers.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.below(1 << 20) as f64 / f64::from(1 << 20)).sum::<f64>() - 6.0
    }
}
