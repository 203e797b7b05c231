//! Histories made from a seed, and the plainest search through one. In: a seed and a size; a repository. Out: a repository
//! that git itself has built, with keys at random places; the keys that the text of its objects spells out.
#![allow(dead_code, unreachable_pub, reason = "each user uses its part")]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests and benches may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use regex::bytes::Regex;
use wandward::rule::example::{legacy_key, v1_key};

/// How much is made.
#[derive(Clone, Copy)]
pub struct Size {
    pub commits: usize,
    /// Files of the tree at its beginning.
    pub files: usize,
    /// Lines of a file, at most.
    pub lines: usize,
    /// One key in so many commits.
    pub keys: usize,
    /// One line with a revision in so many.
    pub revisions: usize,
}

/// git on a repository, with nothing of the user's.
pub fn git(repository: &Path) -> Command {
    let mut command = Command::new("git");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_NO_REPLACE_OBJECTS", "1").env("GIT_NO_LAZY_FETCH", "1");
    command.args(["-c", "safe.directory=*", "-c", "gc.auto=0", "-C"]).arg(repository);
    command
}

/// A bare repository made from a seed, in a folder that there is not yet; the keys that were planted in it.
pub fn repository(folder: &Path, seed: u64, size: Size) -> BTreeSet<String> {
    std::fs::create_dir_all(folder).unwrap();
    assert!(git(folder).args(["init", "-q", "--bare", "-b", "main"]).status().unwrap().success());
    let mut child = git(folder)
        .args(["fast-import", "--quiet", "--force"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let out = BufWriter::new(child.stdin.take().unwrap());
    let mut history = History { out, random: Random(seed), seed, revisions: size.revisions, keys: BTreeSet::new() };
    history.write(size);
    history.out.flush().unwrap();
    let keys = history.keys;
    drop(history.out);
    assert!(child.wait().unwrap().success());
    keys
}

/// Everything in one pack, reachable or not, each object as a delta where git finds that it pays.
pub fn pack(repository: &Path) {
    assert!(git(repository).args(["repack", "-q", "-a", "-d", "-f", "--keep-unreachable"]).status().unwrap().success());
}

/// What a plain search finds in the text of all blobs, commits and tags: v1 keys by their shape, legacy keys behind
/// `WANDB_API_KEY=`.
pub fn search(repository: &Path) -> BTreeSet<String> {
    let v1 = Regex::new(r"wandb_v1_[A-Za-z0-9]{27}_[A-Za-z0-9]{49}").unwrap();
    let legacy = Regex::new(r"(?-u)WANDB_API_KEY=([0-9a-f]{40})(?:[^0-9A-Za-z_]|$)").unwrap();
    let mut child = git(repository)
        .args(["cat-file", "--batch-all-objects", "--unordered", "--buffer", "--batch"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::with_capacity(1 << 20, child.stdout.take().unwrap());
    let mut found = BTreeSet::new();
    let mut line = String::new();
    let mut content = Vec::new();
    while out.read_line(&mut line).unwrap() > 0 {
        let mut words = line.split_whitespace().skip(1);
        let (kind, length) = (words.next().unwrap(), words.next().unwrap().parse::<usize>().unwrap());
        content.resize(length + 1, 0);
        out.read_exact(&mut content).unwrap();
        let text = &content[..length];
        if kind != "tree" {
            let whole = |found: &[u8]| String::from_utf8(found.to_vec()).unwrap();
            found.extend(v1.find_iter(text).map(|found| whole(found.as_bytes())));
            found.extend(legacy.captures_iter(text).map(|found| whole(&found[1])));
        }
        line.clear();
    }
    assert!(child.wait().unwrap().success());
    found
}

struct Random(u64);

impl Random {
    /// Below `end`.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }
}

/// A branch: its last commit's mark, and its files.
#[derive(Clone)]
struct Branch {
    mark: usize,
    files: BTreeMap<String, Vec<String>>,
}

/// The stream that `git fast-import` reads.
struct History<W: Write> {
    out: W,
    random: Random,
    seed: u64,
    revisions: usize,
    keys: BTreeSet<String>,
}

impl<W: Write> History<W> {
    fn write(&mut self, size: Size) {
        let mut branches = vec![Branch { mark: 0, files: BTreeMap::new() }];
        for mark in 1..=size.commits {
            if branches.len() < 6 && mark > 1 && self.random.one_in(40) {
                // A branch from another, or now and then a root of its own.
                let from = self.random.below(branches.len());
                let root = self.random.one_in(5);
                let new = if root { Branch { mark: 0, files: BTreeMap::new() } } else { branches[from].clone() };
                branches.push(new);
            }
            let nth = if mark == 1 { 0 } else { self.random.below(branches.len()) };
            let others: Vec<usize> = (0..branches.len()).filter(|&other| other != nth).collect();
            let merged = (!others.is_empty() && self.random.one_in(12)).then(|| {
                let other = others[self.random.below(others.len())];
                branches[other].mark
            });
            let plant = size.keys > 0 && mark > 1 && self.random.one_in(size.keys);
            self.commit(mark, nth, &mut branches[nth], merged.filter(|&mark| mark > 0), plant, size);
            if branches.len() > 3 && self.random.one_in(60) {
                let gone = 1 + self.random.below(branches.len() - 1);
                branches.remove(gone);
            }
        }
    }

    fn commit(&mut self, mark: usize, nth: usize, branch: &mut Branch, merged: Option<usize>, plant: bool, size: Size) {
        let mut message = format!("Change {mark} of branch {nth}\n\n{}\n", self.line());
        // Where a key goes: a file most of the time, a message, a tag, a file that no text tool would open.
        let place = if plant { 1 + self.random.below(8) } else { 0 };
        if place == 1 {
            let line = self.leak(mark);
            writeln!(message, "{line}").unwrap();
        }
        // Branches share their names over time, so that commits are left behind that no branch holds.
        let who = format!("Writer {} <w@example.org> {} +0100", self.random.below(9), 1_600_000_000 + mark * 60);
        if branch.mark == 0 {
            // Otherwise it would go on where a branch of that name ended.
            write!(self.out, "reset refs/heads/b{nth}\n\n").unwrap();
        }
        write!(self.out, "commit refs/heads/b{nth}\nmark :{mark}\nauthor {who}\ncommitter {who}\n").unwrap();
        write!(self.out, "data {}\n{message}\n", message.len()).unwrap();
        if branch.mark > 0 {
            writeln!(self.out, "from :{}", branch.mark).unwrap();
        }
        if let Some(merged) = merged {
            writeln!(self.out, "merge :{merged}").unwrap();
        }
        branch.mark = mark;
        let first = branch.files.is_empty();
        for _ in 0..if first { size.files } else { 1 + self.random.below(4) } {
            self.change(branch, mark, size);
        }
        match place {
            0 | 1 => (),
            2 => {
                let leak = self.leak(mark);
                write!(self.out, "\ntag t{mark}\nfrom :{mark}\ntagger {who}\n").unwrap();
                write!(self.out, "data {}\nTag\n\n{leak}\n", leak.len() + 6).unwrap();
            }
            3 => {
                let mut bytes: Vec<u8> = (0..2000).map(|_| self.random.below(256) as u8).collect();
                let leak = self.leak(mark);
                bytes.splice(1000..1000, [b"\0\n", leak.as_bytes(), b"\n\0"].concat());
                self.file(&format!("data/blob{mark}.bin"), &bytes);
            }
            _ => {
                let mut lines = self.text(size.lines);
                let at = self.random.below(lines.len());
                let leak = self.leak(mark);
                lines.insert(at, leak);
                // The next change of this path takes the key away again, or leaves it.
                let path = branch.files.keys().next().unwrap().clone();
                self.file(&path, (lines.join("\n") + "\n").as_bytes());
                branch.files.insert(path, lines);
            }
        }
        writeln!(self.out).unwrap();
    }

    /// A file is written, edited, moved, copied or deleted.
    fn change(&mut self, branch: &mut Branch, mark: usize, size: Size) {
        let names: Vec<String> = branch.files.keys().cloned().collect();
        let what = if names.len() < size.files / 2 + 1 { 0 } else { self.random.below(20) };
        if what < 2 {
            let path = format!(
                "folder{}/sub{}/file{mark}_{}.py",
                self.random.below(20),
                self.random.below(5),
                self.random.below(1_000_000)
            );
            let lines = self.text(size.lines);
            self.file(&path, (lines.join("\n") + "\n").as_bytes());
            branch.files.insert(path, lines);
            return;
        }
        let path = names[self.random.below(names.len())].clone();
        let other = format!("moved{}/{}", self.random.below(9), path.rsplit('/').next().unwrap());
        match what {
            2 => {
                writeln!(self.out, "D {path}").unwrap();
                branch.files.remove(&path);
            }
            3 if other != path => {
                writeln!(self.out, "R {path} {other}").unwrap();
                let lines = branch.files.remove(&path).unwrap();
                branch.files.insert(other, lines);
            }
            4 if other != path => {
                writeln!(self.out, "C {path} {other}").unwrap();
                let lines = branch.files[&path].clone();
                branch.files.insert(other, lines);
            }
            _ => {
                let mut lines = branch.files[&path].clone();
                for _ in 0..1 + self.random.below(5) {
                    let at = self.random.below(lines.len());
                    lines[at] = self.line();
                }
                self.file(&path, (lines.join("\n") + "\n").as_bytes());
                branch.files.insert(path, lines);
            }
        }
    }

    fn file(&mut self, path: &str, content: &[u8]) {
        write!(self.out, "M 100644 inline {path}\ndata {}\n", content.len()).unwrap();
        self.out.write_all(content).unwrap();
        writeln!(self.out).unwrap();
    }

    /// A line with a new key in it.
    fn leak(&mut self, mark: usize) -> String {
        let seed = format!("history {} {mark}", self.seed);
        let key = if self.random.one_in(2) { legacy_key(&seed) } else { v1_key(&seed) };
        let line = format!("WANDB_API_KEY={key}");
        self.keys.insert(key);
        line
    }

    fn text(&mut self, most: usize) -> Vec<String> {
        (0..5 + self.random.below(most)).map(|_| self.line()).collect()
    }

    /// A line of source; one in many has the shape of a legacy key in it, which is a revision.
    fn line(&mut self) -> String {
        const WORDS: [&str; 16] = [
            "config", "project", "entity", "range", "model", "layer", "tensor", "batch", "device", "loss", "train",
            "epoch", "metric", "artifact", "wandb", "run",
        ];
        let indent = "    ".repeat(self.random.below(4));
        let mut word = || WORDS[self.random.below(16)];
        let (a, b, c) = (word(), word(), word());
        let number = self.random.below(1_000_000);
        if self.random.one_in(self.revisions) {
            return format!("revision = \"{}\"", legacy_key(&format!("revision {number}")));
        }
        format!("{indent}{a}_{number} = {b}.{c}({}, \"{a}/{c}\")", self.random.below(1000))
    }
}
