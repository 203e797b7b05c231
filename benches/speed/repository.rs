//! A packed history made from a seed, and an index of very many files. In: how many. Out: repositories, and what is in them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use wandward::rule::example::legacy_key;
use wandward::secret::Fingerprint;

use crate::generate::{self, Size, git, search};
use crate::run::Side;

const SEED: u64 = 2026;
/// A revision in every 60 kB, as in the history of a project that names W&B everywhere; three others that were counted have
/// one in 80 to 170 kB.
const FULL: Size = Size { commits: 10_000, files: 600, lines: 300, keys: 100, revisions: 1500 };

/// A bare repository, and how many keys were planted in it, if it was made here.
pub struct History {
    pub path: PathBuf,
    planted: Option<BTreeSet<String>>,
}

impl History {
    /// One part in `share` of the commits, with keys and revisions or with neither.
    pub fn made(path: PathBuf, share: usize, clean: bool) -> History {
        let what = if clean { Size { keys: 0, revisions: usize::MAX, ..FULL } } else { FULL };
        let planted = generate::repository(&path, SEED, Size { commits: FULL.commits / share, ..what });
        generate::pack(&path);
        History { path, planted: Some(planted) }
    }

    pub fn there(path: &str) -> History {
        History { path: path.into(), planted: None }
    }

    /// Says what it is. Panics unless what was planted is found. In a repository that was there, a plain search tells what it
    /// sees: it knows fewer forms of keys, and takes placeholders for keys.
    pub fn verify(&self, home: &Path) -> String {
        let report = Side::ours("", "--history --no-cache").with(&self.path).report(home);
        let findings = report["findings"].as_array().unwrap();
        let print = |finding: &'_ Value| finding["key"]["fingerprint"].as_str().map(str::to_owned);
        let found: BTreeSet<String> = findings.iter().filter_map(print).collect();
        let plain: BTreeSet<String> =
            search(&self.path).iter().map(|key| Fingerprint::of(key.as_bytes()).as_str().to_owned()).collect();
        let missing = plain.difference(&found).count();
        if let Some(planted) = &self.planted {
            assert_eq!((found.len(), plain.len(), missing), (planted.len(), planted.len(), 0), "ours, plain, missing");
        }
        format!(
            "{}; {} findings of {} keys, {} of the {} that a plain search finds; complete: {}",
            self.sizes(),
            findings.len(),
            found.len(),
            plain.len() - missing,
            plain.len(),
            report["coverage"]["complete"]
        )
    }

    /// Objects, and bytes unpacked and on disk.
    fn sizes(&self) -> String {
        let mut command = git(&self.path);
        command.args(["cat-file", "--batch-all-objects", "--unordered", "--buffer"]);
        let output = command.arg("--batch-check=%(objectsize) %(objectsize:disk)").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let number = |text: &str| text.parse::<u64>().unwrap();
        let each =
            text.lines().filter_map(|line| line.split_once(' ')).map(|(whole, disk)| (number(whole), number(disk)));
        let (whole, disk) = each.clone().fold((0, 0), |sum, each| (sum.0 + each.0, sum.1 + each.1));
        format!("{} objects, {} MB in {} MB", each.count(), whole / 1_000_000, disk / 1_000_000)
    }
}

/// A repository of so many committed files in folders of 15. Staged are six of them, the last with a key or not, as a commit
/// finds them.
pub fn index(path: &Path, files: usize, key: bool) {
    std::fs::create_dir_all(path).unwrap();
    let run = |arguments: &[&str], input: &str| {
        let mut command = git(path);
        let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    };
    let name = |nth: usize| format!("area{:03}/module{:02}/source_file_{nth:06}.py", nth / 1500, nth / 15 % 100);
    let mut stream = "commit refs/heads/main\ncommitter A <a@example.org> 1700000000 +0000\ndata 1\nx\n".to_owned();
    for nth in 0..files {
        let text = format!("import wandb\n\n\ndef thing_{nth}():\n    return {}\n", nth * 7919 % 1_000_003);
        write!(stream, "M 100644 inline {}\ndata {}\n{text}\n", name(nth), text.len()).unwrap();
    }
    run(&["init", "-q", "-b", "main"], "");
    run(&["fast-import", "--quiet"], &stream);
    run(&["repack", "-q", "-a", "-d"], "");
    run(&["read-tree", "main"], "");
    for nth in 0..6 {
        let text = match nth {
            5 if key => format!("wandb.login(key=\"{}\")\n", legacy_key("bench staged")),
            _ => format!("import wandb\n\nrun = wandb.init(project=\"p{nth}\")\n"),
        };
        let id = run(&["hash-object", "-w", "--stdin"], &text);
        run(&["update-index", "--cacheinfo", &format!("100644,{id},{}", name(nth * files / 7))], "");
    }
    // As `git commit` does before it starts a hook.
    run(&["write-tree"], "");
}
