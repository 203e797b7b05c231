//! What the tests share: made-up keys, filled trees, the binary.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests build their own world and may panic"
)]

pub mod ci;
pub mod git;
pub mod namespace;

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use wandward::rule::example::{legacy_key, v1_key};

/// The kinds of key that a `<KEY>` can stand for.
pub const KINDS: [&str; 4] = ["legacy", "v1", "local-legacy", "local-v1"];

/// A made-up key of a kind.
pub fn key(kind: &str, seed: &str) -> String {
    match kind {
        "legacy" => legacy_key(seed),
        "v1" => v1_key(seed),
        "local-legacy" => format!("local-{}", legacy_key(seed)),
        "local-v1" => format!("local-{}", v1_key(seed)),
        _ => panic!("no such kind: {kind}"),
    }
}

/// A text whose placeholders are filled, and the keys in it with their lines (from 1).
pub struct Filled {
    pub text: String,
    pub keys: Vec<(String, u64)>,
}

/// Fills every placeholder of a fixture; `kind` is what `<KEY>` stands for.
pub fn fill(text: &str, kind: &str, seed: &str) -> Filled {
    let mut filled = Filled { text: String::new(), keys: Vec::new() };
    let mut rest = text;
    let mut nth = 0;
    while let Some(open) = rest.find('<') {
        filled.text.push_str(&rest[..open]);
        rest = &rest[open..];
        nth += 1;
        let seed = format!("{seed} {nth}");
        let hex = |seed: &str| legacy_key(&format!("innocent {seed}"));
        let cycle = |text: &str| text.chars().cycle().take(40).collect::<String>();
        let name = rest[1..].split('>').next().unwrap();
        let made = match name {
            "KEY" => {
                let made = key(kind, &seed);
                let line = filled.text.matches('\n').count() as u64 + 1;
                filled.keys.push((made.clone(), line));
                made
            }
            "COMMIT_ID" => hex(&seed),
            "SHA256" => (hex(&seed) + &hex(&format!("{seed}b")))[..64].to_owned(),
            "MD5" => hex(&seed)[..32].to_owned(),
            "UUID" => {
                let h = hex(&seed);
                format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..32])
            }
            "BASE64_200" => (0..4).map(|n| v1_key(&format!("{seed} {n}"))[36..86].to_owned()).collect(),
            "SEQUENCE_40" => cycle("0123456789abcdef"),
            "ZEROS_40" => cycle("0"),
            "DEADBEEF_40" => cycle("deadbeef"),
            "X_40" => cycle("X"),
            "V1_X" => format!("wandb_v1_{}_{}", "x".repeat(27), "x".repeat(49)),
            "V1_KEY_ID" => v1_key(&seed)[..20].to_owned(),
            _ => {
                filled.text.push('<');
                rest = &rest[1..];
                continue;
            }
        };
        filled.text.push_str(&made);
        rest = &rest[name.len() + 2..];
    }
    filled.text.push_str(rest);
    filled
}

/// A copy of a folder of fixtures in a temporary one, filled; and the keys by relative path.
pub fn filled_tree(folder: &str, kind: &str) -> (tempfile::TempDir, BTreeMap<String, Vec<(String, u64)>>) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder);
    let to = tempfile::tempdir().unwrap();
    let mut keys = BTreeMap::new();
    for path in files(&from) {
        let relative = path.strip_prefix(&from).unwrap().to_str().unwrap().to_owned();
        let filled = fill(&fs::read_to_string(&path).unwrap(), kind, &relative);
        let target = to.path().join(&relative);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, filled.text).unwrap();
        keys.insert(relative, filled.keys);
    }
    (to, keys)
}

/// Every file below a folder, sorted; links are not followed.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_symlink() {
                continue;
            }
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// The binary, in a clean environment.
pub fn wandward(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wandward"));
    command.current_dir(folder).env_clear().stdin(Stdio::null());
    command
}

/// The binary without a terminal that it could ask: it leads a session of its own.
pub fn without_terminal(folder: &Path) -> Command {
    let mut command = Command::new("setsid");
    command.args(["-w", env!("CARGO_BIN_EXE_wandward")]).current_dir(folder).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap()).env("XDG_STATE_HOME", folder.join("state"));
    command
}

/// Runs a command and takes what it prints.
pub fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

/// Runs a command with something on its standard input and takes what it prints.
pub fn fed(command: &mut Command, input: &[u8]) -> Output {
    finished(piped(command), input)
}

/// Starts a command whose three streams are pipes.
pub fn piped(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Gives a command what it is to read, and waits for its end.
pub fn finished(mut child: Child, input: &[u8]) -> Output {
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // A command that refuses its arguments ends without having read.
            if let Err(error) = stdin.write_all(input) {
                assert_eq!(error.kind(), ErrorKind::BrokenPipe);
            }
        });
        child.wait_with_output().unwrap()
    })
}

/// The JSON report of a scan, and its exit code.
pub fn scan_json(folder: &Path, arguments: &[&str]) -> (Value, i32) {
    let output = run(wandward(folder).arg("scan").args(["--format", "json"]).args(arguments));
    let code = output.status.code().unwrap();
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    (report, code)
}

/// The fingerprint that the contract defines, made by a second implementation.
pub fn fingerprint(key: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(key.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("ww1-{}", &hex[..32])
}

/// Numbers that look random and are the same on every run.
pub struct Random(pub u64);

impl Random {
    /// The next one, below `end`; of no numbers the first.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }

    /// One of some words.
    pub fn one_of<'w>(&mut self, words: &[&'w str]) -> &'w str {
        words[self.below(words.len())]
    }
}
