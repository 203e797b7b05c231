//! Configuration files: what each may say, what is wrong with one and where, and that what a repository brings makes no scan
//! weaker than the user asked for.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use support::git::Repo;
use support::{fingerprint, key};

/// A repository with a key in its tests and one in its sources, and a user's folder beside it.
struct World {
    repo: Repo,
    keys: [String; 2],
}

impl World {
    fn new() -> World {
        let repo = Repo::new();
        let keys = ["tests", "src"].map(|seed| key("legacy", &format!("configured {seed}")));
        repo.write("tests/a.py", format!("import wandb\nwandb.login(key=\"{}\")\n", keys[0]));
        repo.write("src/b.py", format!("import wandb\nwandb.login(key=\"{}\")\n", keys[1]));
        World { repo, keys }
    }

    fn user(&self, config: &str) {
        let file = self.repo.place().join("user/wandward/wandward.toml");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, config).unwrap();
    }

    fn run(&self, folder: &Path, arguments: &[&str]) -> Output {
        let user = self.repo.place().join("user");
        support::run(support::wandward(folder).env("XDG_CONFIG_HOME", user).arg("scan").args(arguments))
    }

    /// The paths and rules of the findings, and the code.
    fn found(&self, folder: &Path, arguments: &[&str]) -> (Vec<String>, i32, Value) {
        let output = self.run(folder, &[&["--format", "json"], arguments].concat());
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let place = |finding: &Value| finding["location"]["path"].as_str().unwrap().to_owned();
        let found = report["findings"].as_array().unwrap().iter().map(place).collect();
        (found, output.status.code().unwrap(), report)
    }

    /// What is said of a repository's own file, which is to be refused.
    fn refused(&self, name: &str, config: &str) -> String {
        self.repo.write(name, config);
        let output = self.run(&self.repo.path, &[]);
        fs::remove_file(self.repo.path.join(name)).unwrap();
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(2), &b""[..]), "{config}");
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn a_repository_cannot_weaken_a_scan() {
    let world = World::new();
    fs::write(world.repo.place().join("outside.md"), "x").unwrap();
    let table = [
        ("ignore = [\"keys\"]", "1:1: `ignore` is not for a repository to say"),
        ("\nselect = [\"sdk\"]", "2:1: `select` is not for a repository to say"),
        ("fail-on = \"never\"", "1:1: `fail-on` is not for a repository to say"),
        ("max-file-size = 1", "1:1: `max-file-size` is not for a repository to say"),
        ("max-file-size = 99999999999", "1:1: `max-file-size` is not for a repository to say"),
        ("inline = true", "1:10: a repository may only say `inline = false`"),
        ("[severity]\nhardcoded-key = \"note\"", "2:1: a repository may raise the severity of `hardcoded-key`"),
        ("verify = true", "1:1: `verify` is said on the command line"),
        ("base-url = \"https://example.org\"", "1:1: `base-url` is said on the command line"),
        ("allow-host = [\"example.org\"]", "1:1: `allow-host` is said on the command line"),
        ("output = [\"html=x\"]", "1:1: `output` is said on the command line"),
        ("audit-log = \"x\"", "1:1: `audit-log` is said on the command line"),
        ("jobs = 1000", "1:1: `jobs` is said on the command line"),
        ("timeout = 9", "1:1: `timeout` is said on the command line"),
        ("config = \"x\"", "1:1: `config` is said on the command line"),
        ("rules = [\"../pages\"]", "1:10: a repository names only what lies below its own file"),
        ("rules = [\"/etc\"]", "1:10: a repository names only what lies below its own file"),
        ("baseline = \"../b\"", "1:12: a repository names only what lies below its own file"),
        ("baseline = \"~/b\"", "1:12: a repository names only what lies below its own file"),
        ("[[allow]]\nreason = \"all of it\"", "a permission needs a `path` or a `fingerprint`"),
        ("[[allow]]\npath = \"**\"", "a permission needs a `reason`"),
        ("[[allow]]\npath = \"**\"\nreason = \" \"", "3:10: this must not be empty"),
        ("exclude = [\"!src\"]", "1:12: a glob says what is meant, and cannot begin with `!`"),
        ("exlude = []", "1:1: no setting is called `exlude` (did you mean `exclude`?)"),
        ("[[allow]]\npth = \"x\"\nreason = \"y\"", "2:1: no setting is called `pth` (did you mean `path`?)"),
        (
            "[severity]\nhardcoded-keys = \"error\"",
            "2:1: no rule is called `hardcoded-keys` (did you mean `hardcoded-key`?)",
        ),
        ("exclude = \"src\"", "1:11: this must be a list, and is string"),
        ("exclude = [", "wandward.toml:1:"),
        ("exclude = []\nexclude = []", "wandward.toml:2:1: duplicate key"),
    ];
    for (config, complaint) in table {
        for name in ["wandward.toml", ".wandward.toml"] {
            let said = world.refused(name, config);
            assert!(said.contains(complaint) && said.contains(&format!("{name}:")), "{config}: {said}");
        }
        if !config.contains('[') {
            let said = world.refused("pyproject.toml", &format!("[tool.wandward]\n{}", config.trim_start()));
            assert!(said.contains("pyproject.toml:2:"), "{config}: {said}");
        }
    }
    // A setting that is not in the table would be one that nobody thought about.
    for setting in &wandward::policy::SETTINGS {
        let said = |(config, _): &(&str, &str)| config.contains(setting.name);
        assert!(table.iter().any(said), "{}", setting.name);
    }
}

#[test]
fn what_a_repository_may_say_is_shown() {
    let world = World::new();
    let tests = || (vec!["src/b.py".to_owned()], 1);
    let top = &world.repo.path;
    world.repo.write("wandward.toml", "exclude = [\"tests/\"]\n");
    let (found, code, report) = world.found(top, &[]);
    assert_eq!((found, code), tests());
    let skipped = report["coverage"]["skipped"].as_array().unwrap();
    let shown = skipped.iter().find(|skip| skip["path"] == "wandward.toml").unwrap();
    assert_eq!((&shown["reason"], &shown["gap"]), (&"leaves out what matches `tests/`".into(), &false.into()));
    for verb in ["scan", "verify"] {
        let output =
            support::run(support::wandward(top).arg(verb).args(["--base-url", "http://127.0.0.1:9", "--timeout", "1"]));
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("left out: wandward.toml leaves out what matches `tests/`"), "{verb}: {said}");
    }
    for format in ["markdown", "html"] {
        let said = String::from_utf8(world.run(top, &["--format", format]).stdout).unwrap();
        assert!(said.contains("Left out: ") && said.contains("wandward.toml"), "{format}: {said}");
    }
    // Everything left out is nothing looked at.
    world.repo.write("wandward.toml", "exclude = [\"*\"]\n");
    assert_eq!(world.run(top, &[]).status.code(), Some(3));
    // A permission holds for its path, seen from wherever, and is counted.
    world.repo.write(
        "wandward.toml",
        "[[allow]]\nrules = [\"hardcoded-key\"]\npath = \"tests/**\"\nreason = \"made up for tests\"\n",
    );
    for (folder, arguments, shown) in [
        (top.clone(), &[][..], "src/b.py"),
        (top.join("tests"), &[".."], "../src/b.py"),
        (world.repo.place().to_path_buf(), &[top.to_str().unwrap()], &format!("{}/src/b.py", top.display())),
    ] {
        let (found, code, report) = world.found(&folder, arguments);
        assert_eq!((found, code), (vec![shown.to_owned()], 1));
        let suppressed = report["suppressed"].as_array().unwrap();
        assert_eq!(suppressed.len(), 1, "{report:#}");
        assert_eq!(suppressed[0]["by"], "config");
        assert_eq!(suppressed[0]["reason"], "made up for tests");
    }
    let pretty = String::from_utf8(world.run(top, &[]).stdout).unwrap();
    assert!(pretty.contains(", 1 allowed by configuration."), "{pretty}");
    // It is told again where the user does not want to hear of it, and where the key is looked for.
    assert_eq!(world.found(top, &["--isolated"]).0, ["src/b.py", "tests/a.py"]);
    world.repo.write(
        "pyproject.toml",
        format!("[[tool.wandward.allow]]\nfingerprint = \"{}\"\nreason = \"revoked\"\n", fingerprint(&world.keys[1])),
    );
    fs::remove_file(top.join("wandward.toml")).unwrap();
    assert_eq!(world.found(top, &[]).0, ["tests/a.py"]);
    world.repo.write("wandward.toml", "");
    let said = world.run(top, &[]);
    assert_eq!(said.status.code(), Some(2));
    assert!(String::from_utf8(said.stderr).unwrap().contains("wandward.toml and pyproject.toml both configure"));
}

#[test]
fn what_git_holds_is_permitted_by_its_path_and_at_all_its_paths() {
    let world = World::new();
    world.repo.git(&["add", "."]);
    world.repo.write("wandward.toml", "[[allow]]\npath = \"tests/\"\nreason = \"made up\"\n");
    let paths = |arguments: &[&str]| world.found(&world.repo.path, arguments).0;
    assert_eq!(paths(&["--staged"]), ["src/b.py"]);
    world.repo.commit("keys");
    // The same text at a path that is not permitted is a finding wherever it is told.
    let text = fs::read(world.repo.path.join("tests/a.py")).unwrap();
    assert_eq!(paths(&["--history"]), ["src/b.py", "src/b.py"]);
    world.repo.save("lib/c.py", text);
    let history = paths(&["--history"]);
    assert!(history.iter().any(|path| path == "tests/a.py" || path == "lib/c.py"), "{history:?}");
    assert_eq!(history.len(), 4, "{history:?}");
}

#[test]
fn pages_and_severities_make_a_scan_stricter() {
    let world = World::new();
    let page = "# A mention of the old server\n\nThe old server is named.\n\n```toml rule\nkind = \"habit\"\nseverity = \"note\"\n\
                group = \"habits\"\nguidance = \"Ours\"\nwords = [\"old-server\"]\npattern = 'old-server'\n```\n\n\
                ## Why it matters\n\nIt is gone.\n\n## What to do\n\nName the new one.\n";
    world.repo.write("pages/old-server.md", page);
    world.repo.write("pages/README.md", "no page");
    world.repo.write("src/c.py", "import wandb  # old-server\n");
    world.repo.write("wandward.toml", "rules = [\"pages\"]\n[severity]\nold-server = \"error\"\n");
    let (_, code, report) = world.found(&world.repo.path, &["--select", "old-server"]);
    let finding = report["findings"].as_array().unwrap().iter().find(|f| f["location"]["path"] == "src/c.py").unwrap();
    assert_eq!((&finding["severity"], code), (&"error".into(), 1));
    fs::remove_file(world.repo.path.join("wandward.toml")).unwrap();
    assert_eq!(world.run(&world.repo.path, &["--rules", "pages", "--select", "old-server"]).status.code(), Some(0));
    // What is wrong with a page is said with its name, and no page takes the name of another.
    for (name, page, complaint) in [
        ("hardcoded-key", page, "hardcoded-key.md: there is a rule or group of that name already"),
        ("keys", page, "keys.md: there is a rule or group of that name already"),
        ("Bad_Name", page, "Bad_Name.md: a rule is called by small letters"),
        ("exposes", &page.replace("kind = \"habit\"", "kind = \"exposure\""), "exposes.md: in the rule block"),
        ("no-head", "# Title\n", "no-head.md: no `toml rule` block"),
    ] {
        world.repo.write("wrong/other.md", page);
        let file = world.repo.path.join(format!("wrong/{name}.md"));
        fs::write(&file, page).unwrap();
        let output = world.run(&world.repo.path, &["--rules", "wrong"]);
        fs::remove_file(file).unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains("wrong/"), "{name}: {said}");
        assert!(name == "exposes" || said.contains(complaint), "{name}: {said}");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(world.repo.place(), world.repo.path.join("link")).unwrap();
        let said = world.refused("wandward.toml", "rules = [\"link/user\"]");
        assert!(said.contains("cannot read"), "{said}");
        std::os::unix::fs::symlink(world.repo.place().join("x"), world.repo.path.join(".wandward.toml")).unwrap();
        let output = world.run(&world.repo.path, &[]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains("a link, which is not followed"), "{said}");
    }
}

#[test]
fn the_user_says_everything_and_a_flag_says_it_last() {
    let world = World::new();
    let top = &world.repo.path;
    let codes = |config: &str, arguments: &[&str]| {
        world.user(config);
        world.run(top, arguments).status.code().unwrap()
    };
    assert_eq!(codes("ignore = [\"keys\"]", &[]), 0);
    assert_eq!(codes("ignore = [\"keys\"]", &["--isolated"]), 1);
    assert_eq!(codes("ignore = [\"keys\"]", &["--ignore", "sdk"]), 1);
    assert_eq!(codes("select = [\"sdk\"]", &[]), 0);
    assert_eq!(codes("fail-on = \"never\"", &[]), 0);
    assert_eq!(codes("fail-on = \"never\"", &["--fail-on", "error"]), 1);
    assert_eq!(codes("max-file-size = 10", &[]), 3);
    assert_eq!(codes("max-file-size = 10", &["--max-file-size", "1M"]), 1);
    assert_eq!(codes("[severity]\nhardcoded-key = \"note\"", &[]), 0);
    assert_eq!(codes("exclude = [\"*.py\"]", &[]), 3);
    assert_eq!(codes("ignore = [\"kyes\"]", &[]), 2);
    assert_eq!(codes("ignore = [\"keys\", \"habits\", \"sdk\", \"server\"]", &[]), 2);
    // The file that is named is read instead, and the repository's own can be named.
    world.repo.write("wandward.toml", "ignore = [\"keys\"]");
    assert_eq!(codes("fail-on = \"never\"", &[]), 2);
    assert_eq!(codes("fail-on = \"never\"", &["--config", "wandward.toml"]), 0);
    assert_eq!(codes("", &["--isolated"]), 1);
    assert_eq!(codes("", &["--config", "missing.toml"]), 2);
    let said = String::from_utf8(world.run(top, &["--config", "missing.toml"]).stderr).unwrap();
    assert!(said.contains("cannot read missing.toml"), "{said}");
}

#[test]
fn the_schema_is_that_of_the_parser() {
    let output = support::run(support::wandward(Path::new(".")).args(["config", "schema"]));
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    let known: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    let names: Vec<&str> = wandward::policy::SETTINGS.iter().map(|setting| setting.name).collect();
    assert_eq!(known, names);
    let world = World::new();
    // A value of the kind that the schema names is read, and one of another kind is not.
    for (name, schema) in schema["properties"].as_object().unwrap() {
        let good = match (schema["type"].as_str(), name.as_str()) {
            (Some("string"), _) => "\"b\"",
            (Some("array"), "allow") => "[{ path = \"x\", reason = \"y\" }]",
            (Some("array"), "ignore" | "select") => "[\"keys\"]",
            (Some("array"), "rules") => "[]",
            (Some("array"), _) => "[\"x\"]",
            (Some("boolean"), _) => "false",
            (Some("integer"), _) => "9",
            (Some("object"), _) => "{ hardcoded-key = \"error\" }",
            _ => &schema["enum"][0].to_string(),
        };
        world.user(&format!("{name} = {good}"));
        let output = world.run(&world.repo.path, &["--allow-partial"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(name == "baseline" || output.status.code() != Some(2), "{name} = {good}: {said}");
        world.user(&format!("{name} = 1.5"));
        let output = world.run(&world.repo.path, &[]);
        assert_eq!(output.status.code(), Some(2), "{name}");
    }
}

#[test]
fn explain_and_rules_see_what_a_scan_sees() {
    let world = World::new();
    let top = &world.repo.path;
    let said = |arguments: &[&str]| {
        let user = world.repo.place().join("user");
        let output = support::run(support::wandward(top).env("XDG_CONFIG_HOME", user).args(arguments));
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(said(&["explain", "tests/a.py:2"]).contains("tests/a.py:2:18: error[hardcoded-key]"));
    world.repo.write("wandward.toml", "exclude = [\"tests/\"]\n");
    let explained = said(&["explain", "tests/a.py:2"]);
    assert!(explained.contains("does not look at it: `tests/` in wandward.toml leaves it out"), "{explained}");
    assert!(!said(&["explain", "tests/a.py:2", "--isolated"]).contains("leaves it out"));
    assert!(!said(&["explain", "src/b.py:2"]).contains("leaves it out"));
    world.repo.write("wandward.toml", "[[allow]]\npath = \"tests/**\"\nreason = \"made up for tests\"\n");
    let explained = said(&["explain", "tests/a.py:2"]);
    assert!(explained.contains("allowed[hardcoded-key]: made up for tests (by wandward.toml)"), "{explained}");
    assert!(!explained.contains("error["), "{explained}");
    assert!(said(&["explain", "src/b.py:2"]).contains("error[hardcoded-key]"));
    // The baseline, by the flag and by the configuration; and an entry whose day has passed.
    world.repo.write("run.sh", "WANDB_API_KEY=\"$KEY\" python train.py\n");
    said(&["baseline", "create", "--reason", "revoked in March", "--baseline", "known.jsonl"]);
    for line in ["src/b.py:2", "run.sh:1"] {
        let explained = said(&["explain", line, "--baseline", "known.jsonl"]);
        assert!(explained.contains("revoked in March (by the baseline, known.jsonl:"), "{explained}");
    }
    world.repo.write("wandward.toml", "baseline = \"known.jsonl\"\n");
    assert!(said(&["explain", "src/b.py:2"]).contains("by the baseline, known.jsonl:"));
    fs::remove_file(top.join("known.jsonl")).unwrap();
    said(&["baseline", "create", "--reason", "x", "--expires", "2020-01-31"]);
    let explained = said(&["explain", "src/b.py:2"]);
    assert!(
        explained.contains("error[hardcoded-key]") && explained.contains("accepted it until 2020-01-31"),
        "{explained}"
    );
    fs::remove_file(top.join("wandward.toml")).unwrap();
    world.user("ignore = [\"keys\"]\n");
    let explained = said(&["explain", "src/b.py:2"]);
    assert!(explained.contains("not reported: your configuration selects neither"), "{explained}");
    // Pages of a folder and of a configuration, and the severities that it says.
    let page = "# A mention of the old server\n\nThe old server is named.\n\n```toml rule\nkind = \"habit\"\nseverity = \"note\"\n\
                group = \"habits\"\nguidance = \"Ours\"\nwords = [\"old-server\"]\npattern = 'old-server'\n```\n\n\
                ## Why it matters\n\nIt is gone.\n\n## What to do\n\nName the new one.\n";
    world.repo.write("pages/old-server.md", page);
    world.repo.write("src/c.py", "import wandb  # old-server\n");
    assert!(!said(&["rules", "list"]).contains("old-server"));
    for arguments in [&["rules", "--rules", "pages"][..], &["rules", "list", "--rules", "pages"]] {
        assert!(said(arguments).contains("old-server"), "{arguments:?}");
    }
    assert!(said(&["rules", "show", "old-server", "--rules", "pages"]).contains("It is gone."));
    assert!(said(&["explain", "old-server", "--rules", "pages"]).contains("It is gone."));
    assert!(said(&["explain", "src/c.py:1", "--rules", "pages"]).contains("note[old-server]"));
    world.repo.write("wandward.toml", "rules = [\"pages\"]\n[severity]\nold-server = \"error\"\n");
    let list = said(&["rules"]);
    let line = list.lines().find(|line| line.starts_with("old-server")).unwrap();
    assert!(line.contains("error") && line.contains("A mention of the old server"), "{line}");
    assert!(said(&["explain", "src/c.py:1"]).contains("error[old-server]"));
    assert!(!said(&["rules", "--isolated"]).contains("old-server"));
}
