//! A tree of source-like files and a few large files, made from a seed. In: how many. Out: a folder, and the keys planted in it.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use wandward::rule::example::{legacy_key, v1_key};
use wandward::secret::Fingerprint;

use crate::run::Side;
use crate::text::{Line, Rng};

/// A folder of files, and the keys in them.
pub struct Corpus {
    pub name: &'static str,
    pub folder: PathBuf,
    files: u64,
    bytes: u64,
    keys: Vec<String>,
    rng: Rng,
}

impl Corpus {
    pub fn new(name: &'static str, folder: PathBuf, fill: impl FnOnce(&mut Corpus)) -> Corpus {
        let mut corpus = Corpus { name, folder, files: 0, bytes: 0, keys: Vec::new(), rng: Rng(0x5EED) };
        fill(&mut corpus);
        // What is still to be written to disk would be written while others are measured.
        drop(Command::new("sync").status());
        corpus
    }

    /// Says what it is. Panics unless exactly the planted keys are found: a bench of a wrong answer is no bench.
    pub fn verify(&self, home: &Path) -> String {
        let report = Side::ours("", "").with(&self.folder).report(home);
        assert_eq!(report["coverage"]["complete"], true, "{}: not everything was read", self.name);
        assert_eq!(report["coverage"]["files"], self.files, "{}: not every file was read", self.name);
        let mut wanted: Vec<_> = self.keys.iter().map(|key| Fingerprint::of(key.as_bytes()).to_string()).collect();
        wanted.sort();
        let mut found = Vec::new();
        for finding in report["findings"].as_array().unwrap() {
            let print = finding["key"]["fingerprint"].as_str().unwrap_or_default().to_owned();
            assert!(wanted.binary_search(&print).is_ok(), "{}: nothing was planted at {finding:#}", self.name);
            found.push(print);
        }
        found.sort();
        assert_eq!(found.len(), wanted.len(), "{}: planted and found differ in number", self.name);
        assert!(found == wanted, "{}: a key was found twice, and another not at all", self.name);
        format!("{} files, {} MB, {} keys planted and found", self.files, self.bytes / 1_000_000, found.len())
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
pub fn plant_tree(corpus: &mut Corpus, files: usize) {
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
pub fn plant_large(corpus: &mut Corpus, share: usize) {
    let shapes: Vec<&Shape> = SHAPES.iter().cycle().take(12).collect();
    for nth in 0..6 {
        let (line, extension): (Line, _) = if nth % 2 == 0 { (log, "log") } else { (json, "jsonl") };
        corpus.write(&format!("worker-{nth}.{extension}"), 100_000_000 / share, line, &shapes);
    }
    // About 70 bytes a line, so 100,000 of them.
    corpus.write("checksums.sha1", 7_000_000 / share, checksum, &shapes[..3]);
}

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

/// What lines are made of.
trait Pick {
    fn word(&mut self) -> &'static str;
    fn hex(&mut self, digits: usize) -> String;
    fn normal(&mut self) -> f64;
}

impl Pick for Rng {
    fn word(&mut self) -> &'static str {
        self.pick(WORDS)
    }

    fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from(b"0123456789abcdef"[self.below(16)])).collect()
    }

    /// Close enough to normal: the sum of twelve uniform numbers.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.below(1 << 20) as f64 / f64::from(1 << 20)).sum::<f64>() - 6.0
    }
}
