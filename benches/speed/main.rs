//! The whole program beside git, ripgrep and whatever other scanners are installed, over what this bench makes from seeds: a tree of
//! source-like files, a few large files, a packed history, an index of very many files. What counts is the median of pairwise
//! ratios, and beside it how far they lie apart and how far the program lies from itself, which is the noise.
//!
//! `cargo bench --bench speed -- history staged` takes the inputs that are named, `-- --repo PATH` a history that is there,
//! `WANDWARD_BENCH_SMALL=1` a tenth of everything, and `UPDATE=1` writes the table of the README.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a bench prints and may panic"
)]

#[path = "../../tests/support/generate.rs"]
mod generate;
#[path = "../text/mod.rs"]
mod text;

mod corpus;
mod peers;
mod repository;
mod run;
mod table;

use std::path::{Path, PathBuf};

use corpus::{Corpus, plant_large, plant_tree};
use peers::{Peers, git};
use repository::{History, index};
use run::{Side, beside, warm};
use table::{Goal, Row, Table};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --all-targets` starts benches too, but without this flag.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| value == "1");
    let repository = arguments.iter().skip_while(|argument| *argument != "--repo").nth(1).cloned();
    let asked: Vec<&str> = arguments.iter().map(String::as_str).filter(|argument| INPUTS.contains(argument)).collect();
    let asked = match (asked.is_empty(), &repository) {
        (true, Some(_)) => vec!["history"],
        (true, None) => INPUTS.to_vec(),
        _ => asked,
    };
    let place = tempfile::tempdir().unwrap();
    let bench = Bench {
        peers: Peers::new(place.path()),
        place: place.path().to_owned(),
        share: if set("WANDWARD_BENCH_SMALL") { 10 } else { 1 },
    };
    let mut tables = Vec::new();
    for input in asked {
        let of_input = match input {
            "tree" => vec![bench.tree()],
            "large" => vec![bench.large()],
            "history" => bench.history(repository.as_deref()),
            _ => bench.staged(),
        };
        of_input.iter().for_each(|table| println!("{}", table.text()));
        tables.extend(of_input);
    }
    if set("UPDATE") {
        update(&tables);
    }
}

/// What can be named.
const INPUTS: [&str; 4] = ["tree", "large", "history", "staged"];

struct Bench {
    peers: Peers,
    /// The home of all programs, and where the inputs are made.
    place: PathBuf,
    /// One part in so many of each input is made.
    share: usize,
}

impl Bench {
    fn tree(&self) -> Table {
        let corpus = Corpus::new("source tree", self.place.join("tree"), |corpus| {
            plant_tree(corpus, 30_000 / self.share);
        });
        self.folder(&corpus, &|name| match name {
            "rg -uuu -a -c -F" => vec![Goal::Wall(1.3, 0.9)],
            "kingfisher" => vec![Goal::Wall(1.0 / 5.0, 1.0 / 9.0)],
            _ => Vec::new(),
        })
    }

    fn large(&self) -> Table {
        let corpus = Corpus::new("large files", self.place.join("large"), |corpus| plant_large(corpus, self.share));
        self.folder(&corpus, &|name| match name {
            "rg -uuu -a -c -F" => vec![Goal::Wall(1.3, 1.0)],
            _ => Vec::new(),
        })
    }

    fn folder(&self, corpus: &Corpus, goals: &dyn Fn(&str) -> Vec<Goal>) -> Table {
        let title = format!("{}: {}", corpus.name, corpus.verify(&self.place));
        let ours = Side::ours("itself", "").with(&corpus.folder);
        let theirs = self.peers.of_folder(&corpus.folder);
        self.table(title, &corpus.folder, &ours, theirs, goals)
    }

    fn history(&self, there: Option<&str>) -> Vec<Table> {
        let history = match there {
            Some(path) => History::there(path),
            None => History::made(self.place.join("history.git"), self.share, false),
        };
        let path = &history.path;
        let title = format!("history: {}", history.verify(&self.place));
        let all = |name: &str, path: &Path| Side::ours(name, "--history --no-cache").with(path);
        let ours = all("itself", path);
        let batch = "cat-file --batch-all-objects --unordered --buffer --batch";
        let mut theirs = vec![
            all("itself on one thread", path).with("--jobs=1"),
            git("git cat-file --batch-all-objects", path, batch),
            git("git rev-list --objects --all", path, "rev-list --objects --all"),
        ];
        theirs.extend(self.peers.of_history(path));
        let clean = there.is_none().then(|| History::made(self.place.join("clean.git"), self.share, true).path);
        theirs.extend(clean.as_deref().map(|clean| all("itself with nothing to find", clean)));
        let mut tables = vec![self.table(title, path, &ours, theirs, &|name| match name {
            "itself on one thread" => vec![Goal::Wall(1.0 / 1.7, 1.0 / 1.9)],
            "git cat-file --batch-all-objects" => vec![Goal::Wall(1.0 / 5.0, 1.0 / 10.0)],
            "git rev-list --objects --all" => vec![Goal::Wall(1.0, 0.7)],
            "kingfisher" => vec![Goal::Wall(1.0 / 8.0, 1.0 / 15.0), Goal::Memory(0.8, 0.6)],
            "itself with nothing to find" => vec![Goal::Wall(1.7, 1.4)],
            _ => Vec::new(),
        })];
        for path in std::iter::once(path).chain(&clean) {
            let again = Side::ours("itself", "--history").with(path);
            // The first run remembers.
            again.report(&self.place);
            let title = format!("{}, a second time", path.file_name().unwrap().display());
            let theirs = vec![all("itself, nothing remembered", path)];
            tables.push(self.table(title, path, &again, theirs, &|name| match name {
                "itself, nothing remembered" => vec![Goal::Wall(1.0 / 10.0, 1.0 / 50.0)],
                _ => Vec::new(),
            }));
        }
        tables
    }

    fn staged(&self) -> Vec<Table> {
        let states =
            [10_000, 300_000].into_iter().flat_map(|files| [(files / self.share, false), (files / self.share, true)]);
        states.map(|(files, key)| self.staged_of(files, key)).collect()
    }

    fn staged_of(&self, files: usize, key: bool) -> Table {
        let path = self.place.join("staged");
        index(&path, files, key);
        let ours = Side::ours("itself", "--staged").with(&path);
        let found = ours.report(&self.place)["findings"].as_array().unwrap().len();
        assert_eq!(found, usize::from(key), "the key that is staged");
        let title = format!("staged: 6 of {files} files, {} with a key", if key { "one" } else { "none" });
        let mut theirs = vec![git("git diff --cached --raw", &path, "diff --cached --raw --no-renames")];
        theirs.extend(self.peers.of_index(&path));
        let table = self.table(title, &path, &ours, theirs, &|name| match name {
            "git diff --cached --raw" => vec![Goal::Wall(1.0, 0.4)],
            "gitleaks" => vec![Goal::Wall(1.0 / 15.0, 1.0 / 40.0)],
            _ => Vec::new(),
        });
        std::fs::remove_dir_all(&path).unwrap();
        table
    }

    /// Ours beside itself, and beside each other program.
    fn table(
        &self,
        title: String,
        input: &Path,
        ours: &Side,
        theirs: Vec<Side>,
        goals: &dyn Fn(&str) -> Vec<Goal>,
    ) -> Table {
        let sides = std::iter::once(ours.clone()).chain(theirs);
        let row = |theirs: Side| Row {
            shares: beside(ours, &theirs, &|| warm(input), &self.place),
            goals: goals(&theirs.name),
            name: theirs.name,
        };
        Table { title, rows: sides.map(row).collect() }
    }
}

/// Writes the tables into the README, between two marks.
fn update(tables: &[Table]) {
    const MARKS: [&str; 2] = ["<!-- speed: written by `UPDATE=1 cargo bench --bench speed` -->\n", "<!-- /speed -->"];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(MARKS[0]).unwrap();
    let (_, after) = rest.split_once(MARKS[1]).unwrap();
    let middle: String = tables.iter().map(Table::markdown).collect();
    std::fs::write(&path, [before, MARKS[0], &middle, "\n", MARKS[1], after].concat()).unwrap();
}
