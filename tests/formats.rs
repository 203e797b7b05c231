//! Every format of a report, of a tree whose names and lines were made to break out of them: no format shows a key or an
//! address, and nothing in one acts where it is read. What others read the formats with, reads them, if it is at hand:
//! `WANDWARD_PYTHON` names a Python with `jsonschema`, `sarif-tools` and `junitparser`, and `WANDWARD_SARIF_SCHEMA` the
//! schema's file; `WANDWARD_REQUIRE_TOOLS` asks for both.
#![cfg(unix)]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests build their own world, may print and panic"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use data_encoding::BASE64;
use regex::Regex;
use serde_json::Value;
use support::git::{Repo, leaks};
use support::key;

const FORMATS: [&str; 11] =
    ["pretty", "json", "jsonl", "sarif", "github", "gitlab", "codequality", "junit", "csv", "markdown", "html"];
/// What else stands on each line.
const NOISE: &str = "# =1+1 | <img src=x onerror=alert(1)> [a](http://e.example) `x` ##[group] ##vso[a] @all bob@example.org www.e.example </pre></script>";

/// Names that are commands, markup and formulas.
const NAMES: [&str; 9] = [
    "src/train.py",
    "::error file=x,title=y::boo\n::warning::x\x1b[2J.py",
    "=cmd|calc,<script>alert(1)<\u{200b}script>`|[x](http:e.example).py",
    "-@SUM(1)",
    "+1;=2,\"three\"",
    "\u{202e}yp.\\|`##[endgroup]",
    "a dir/ü %41#x?y.py",
    "@all [x]: http:e.example 'or'",
    "--> ]]> &amp; ${{ x }}",
];

struct World {
    repo: Repo,
    keys: Vec<String>,
}

/// A repository with a key in each file of a hostile name, in a container, in the past, in a message, and one allowed.
fn world() -> World {
    let repo = Repo::new();
    let mut keys = Vec::new();
    let mut new = |kind: &str| {
        keys.push(key(kind, &format!("formats {}", keys.len())));
        keys.last().unwrap().clone()
    };
    // The same line in two versions of a file has one finding id.
    let line = format!("wandb.login(key=\"{}\")\n", new("legacy"));
    repo.save("past.py", format!("import wandb\n{line}"));
    repo.save("past.py", format!("import wandb\n\n{line}"));
    repo.delete("past.py");
    repo.git(
        &["commit", "-q", "--allow-empty", "--author", "eve@example.org <eve@example.org>", "-m"]
            .into_iter()
            .chain([format!("ask bob@example.org for {}", new("v1")).as_str()])
            .collect::<Vec<_>>(),
    );
    for name in NAMES {
        let (legacy, v1) = (new("legacy"), new("local-v1"));
        repo.write(name, format!("import wandb\n\nwandb.login(key=\"{legacy}\") {NOISE}\n\"{v1}\" {NOISE}\n"));
    }
    repo.write(
        "allowed.py",
        format!("wandb.login(key=\"{}\")  # wandward: allow[hardcoded-key] {NOISE}\n", new("legacy")),
    );
    repo.write("twice.py", format!("wandb.login(\"{0}\")\n\n\nwandb.login(\"{0}\")\n", new("legacy")));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, format!("x\ny\nWANDB_API_KEY={}\n", new("legacy")).as_bytes()).unwrap();
    repo.write("run.log.gz", packed.finish().unwrap());
    World { repo, keys }
}

/// All formats of one scan, as files.
fn reports(world: &World, arguments: &[&str]) -> BTreeMap<&'static str, String> {
    let out = tempfile::tempdir().unwrap();
    let mut command = support::wandward(&world.repo.path);
    command.arg("scan").args(arguments).args(["--show-suppressed", "--verbose"]);
    for format in FORMATS {
        command.arg("--output").arg(format!("{format}={}", out.path().join(format).display()));
    }
    let output = support::run(&mut command);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    FORMATS.into_iter().map(|format| (format, fs::read_to_string(out.path().join(format)).unwrap())).collect()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn is(pattern: &str, text: &str) -> bool {
    Regex::new(&format!("^(?:{pattern})$")).unwrap().is_match(text)
}

/// What a format may not hold, whatever it is of.
fn assert_harmless(format: &str, text: &str, keys: &[String]) {
    for key in keys {
        assert!(!leaks(text, key), "{format} shows a key:\n{text}");
    }
    let address = Regex::new(r"[\w.+-]+@[\w-]+\.\w+").unwrap();
    assert!(!address.is_match(text), "{format} shows {:?}", address.find(text));
    let ends = |c: char| c == '\n' || (format == "csv" && c == '\r');
    let acts = |c: char| c.is_control() && !ends(c) || matches!(c, '\u{200b}' | '\u{202e}' | '\u{feff}');
    assert!(!text.contains(acts), "{format} holds {:?}", text.chars().find(|c| acts(*c)));
    for line in text.lines() {
        let command = line.trim_start().starts_with("::");
        let meant = format == "github" && is(r"::(error|warning|notice) title=[^:]*::[^:].*", line);
        assert!(!command || meant, "{format}: {line}");
    }
    assert!(!text.contains("##[") && !text.contains("##vso["), "{format} holds a command");
}

#[test]
fn nothing_in_any_format_is_a_key_an_address_or_a_command() {
    let world = world();
    for (format, text) in reports(&world, &["--history", ".", "missing::\n::error::x"]) {
        assert_harmless(format, &text, &world.keys);
        let shown = FORMATS.iter().filter(|other| **other != "jsonl" && **other != "csv" && **other != "codequality");
        if shown.clone().any(|other| *other == format) {
            assert!(text.contains("missing"), "{format} says nothing of what was not read");
        }
    }
}

#[test]
fn a_page_holds_no_markup_but_its_own() {
    let world = world();
    let reports = reports(&world, &["--history", "."]);
    let html = &reports["html"];
    let tag = Regex::new(r"<(/?[A-Za-z!][A-Za-z0-9]*)([^>]*)>").unwrap();
    let own: HashSet<&str> = "!DOCTYPE html head meta title style body main header h1 h2 p section span ol li strong br pre mark code details summary"
        .split(' ')
        .collect();
    let attributes = Regex::new(r#"^( (class|lang|charset|http-equiv|content|name)="[^"<>]*")*$"#).unwrap();
    for found in tag.captures_iter(html) {
        let (name, rest) = (found[1].trim_start_matches('/'), &found[2]);
        assert!(own.contains(name), "{}", &found[0]);
        assert!(name == "!DOCTYPE" || attributes.is_match(rest), "{}", &found[0]);
    }
    assert!(html.contains("content=\"default-src 'none'; style-src 'sha256-"));
    let style = html.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    let digest = <sha2::Sha256 as sha2::Digest>::digest(style.as_bytes());
    assert!(html.contains(&format!("'sha256-{}'", BASE64.encode(&digest))), "the policy forbids the page its style");
    assert!(!style.contains("url("), "the style loads something");

    let markdown = &reports["markdown"];
    let own = Regex::new(r"</?code>|<br>").unwrap();
    let rest = own.replace_all(markdown, "");
    for sign in ["<", ">", "](", "`", "@", "http:", "://", "www.", "##["] {
        assert!(!rest.contains(sign), "{sign} in {rest}");
    }
    for row in rest.lines().filter(|line| line.starts_with('|')) {
        assert_eq!(row.matches('|').count(), 5, "{row}");
    }
}

/// The cells of a table as RFC 4180 has it.
fn table(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted && characters.next_if_eq(&'\n').is_some() => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    assert!(cell.is_empty() && row.is_empty() && !quoted, "the last row does not end");
    rows
}

#[test]
fn no_cell_is_a_formula() {
    let world = world();
    let reports = reports(&world, &["--history", "."]);
    let rows = table(&reports["csv"]);
    assert_eq!(rows.len(), 1 + json(&reports["json"])["findings"].as_array().unwrap().len());
    let mut formulas = 0;
    for row in &rows {
        assert_eq!(row.len(), rows[0].len());
        for cell in row {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
            formulas += usize::from(cell.starts_with("'=") || cell.starts_with("'-") || cell.starts_with("'+"));
        }
    }
    assert!(formulas >= 4, "the names that are formulas are not among them");
}

/// The hash of a line by its definition, from all of its hundred units at once.
fn line_hash(file: &[u8], line: u64) -> String {
    let text = String::from_utf8_lossy(file).replace("\r\n", "\n").replace('\r', "\n").replace([' ', '\t'], "");
    let mut units: Vec<u16> = text.encode_utf16().chain([0xFFFF]).collect();
    let mut begins = vec![0];
    begins.extend(units.iter().enumerate().filter(|(_, unit)| **unit == 0x0A).map(|(at, _)| at + 1));
    units.extend([0; 100]);
    let hash = |begin: usize| {
        units[begin..begin + 100].iter().fold(0u64, |hash, unit| hash.wrapping_mul(37).wrapping_add(u64::from(*unit)))
    };
    let nth = usize::try_from(line).unwrap() - 1;
    let own = hash(begins[nth]);
    format!("{own:x}:{}", begins[..=nth].iter().filter(|begin| hash(**begin) == own).count())
}

#[test]
fn sarif_is_what_code_scanning_wants() {
    let world = world();
    let reports = reports(&world, &["--history", ".", "missing"]);
    let sarif = json(&reports["sarif"]);
    assert_eq!(sarif["version"], "2.1.0");
    let categories: Vec<&str> =
        sarif["runs"].as_array().unwrap().iter().map(|run| run["automationDetails"]["id"].as_str().unwrap()).collect();
    assert_eq!(categories, ["wandward/tree/", "wandward/history/"]);
    let mut files = BTreeSet::new();
    let (mut results, mut objects) = (0, 0);
    for run in sarif["runs"].as_array().unwrap() {
        assert_eq!(run["invocations"][0]["executionSuccessful"], false);
        assert_eq!(run["columnKind"], "unicodeCodePoints");
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        for rule in rules {
            assert!(rule["help"]["markdown"].as_str().unwrap().contains("## What to do"), "{rule}");
            assert!(!rule["help"]["markdown"].as_str().unwrap().contains("toml rule"), "{rule}");
            assert!(rule["properties"]["security-severity"].as_str().unwrap().parse::<f64>().unwrap() > 0.0);
            assert!(rule["properties"]["tags"].as_array().unwrap().contains(&"security".into()));
        }
        for result in run["results"].as_array().unwrap() {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[index]["id"], result["ruleId"]);
            let place = &result["locations"][0]["physicalLocation"];
            let uri = place["artifactLocation"]["uri"].as_str().unwrap();
            assert!(is(r"([A-Za-z0-9._~/-]|%[0-9A-F]{2})+", uri), "{uri}");
            assert_eq!(place["artifactLocation"]["uriBaseId"], "%SRCROOT%");
            let hash = result["partialFingerprints"]["primaryLocationLineHash"].as_str().unwrap();
            let path = percent_encoding_undone(uri);
            let object = path.starts_with(".git/objects/");
            assert!(!object || world.repo.at(&path).is_file(), "{path} is where git keeps the object");
            objects += usize::from(object);
            if let Some(file) = fs::read(world.repo.at(&path)).ok().filter(|_| !object) {
                assert_eq!(hash, line_hash(&file, place["region"]["startLine"].as_u64().unwrap()), "{path}");
                files.insert(path);
            }
            assert!(is("[0-9a-f]{1,16}:[0-9]+", hash), "{hash}");
            results += 1;
        }
    }
    let report = json(&reports["json"]);
    let known = report["findings"].as_array().unwrap().len() + report["suppressed"].as_array().unwrap().len();
    assert_eq!(results, known);
    assert!(objects > 0, "no message of a commit is among them");
    for name in NAMES.into_iter().chain(["run.log.gz", "twice.py", "allowed.py", ".git/logs/HEAD"]) {
        assert!(files.contains(name), "{name:?} is not among {files:?}");
    }
    let suppressed =
        sarif["runs"][0]["results"].as_array().unwrap().iter().filter(|one| !one["suppressions"].is_null());
    assert_eq!(suppressed.count(), 1);
}

fn percent_encoding_undone(uri: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = uri.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || char::from(rest.next().unwrap());
        bytes.push(if byte == b'%' {
            u8::from_str_radix(&String::from_iter([digit(), digit()]), 16).unwrap()
        } else {
            byte
        });
    }
    String::from_utf8(bytes).unwrap()
}

/// The fields that GitLab's schemas 15.0.1 to 15.2.1 for secret detection ask for, with their patterns.
#[test]
fn gitlab_reads_both_of_its_reports() {
    let world = world();
    let reports = reports(&world, &["--history", ".", "missing"]);
    let report = json(&reports["gitlab"]);
    assert!(is(r"[0-9]+\.[0-9]+\.[0-9]+", report["version"].as_str().unwrap()));
    let scan = &report["scan"];
    for program in ["analyzer", "scanner"] {
        for field in ["id", "name", "version"] {
            assert!(!scan[program][field].as_str().unwrap().is_empty());
        }
        assert!(!scan[program]["vendor"]["name"].as_str().unwrap().is_empty());
    }
    for time in ["start_time", "end_time"] {
        let time = scan[time].as_str().unwrap();
        assert!(is(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}", time), "{time}");
    }
    assert_eq!((&scan["type"], &scan["status"]), (&"secret_detection".into(), &"failure".into()));
    assert_eq!(scan["messages"][0]["level"], "warn");
    let mut ids = HashSet::new();
    let found = report["vulnerabilities"].as_array().unwrap();
    let spans = Regex::new(r"`` .*? ``|` [^`]* `|`[^`]*`").unwrap();
    for one in found {
        assert!(ids.insert(one["id"].as_str().unwrap()), "two have one id");
        for field in ["type", "name", "value"] {
            assert!(!one["identifiers"][0][field].as_str().unwrap().is_empty());
        }
        assert!(!one["location"]["commit"]["sha"].as_str().unwrap().is_empty());
        assert!(one["name"].as_str().unwrap().chars().count() <= 255);
        // It is read as Markdown, in which what stands between equal runs of grave accents is code.
        let description = spans.replace_all(one["description"].as_str().unwrap(), "");
        for sign in ["[", "](", "<", "@", "http:", "`", "${{"] {
            assert!(!description.contains(sign), "{sign} in {description}");
        }
        assert!(one["solution"].as_str().unwrap().chars().count() <= 7000);
        assert!(["Info", "Unknown", "Low", "Medium", "High", "Critical"].contains(&one["severity"].as_str().unwrap()));
        assert!(one["location"]["start_line"].is_null() || one["location"]["start_line"].is_number());
    }
    let issues = json(&reports["codequality"]);
    let fingerprints: HashSet<&str> =
        issues.as_array().unwrap().iter().map(|issue| issue["fingerprint"].as_str().unwrap()).collect();
    assert_eq!(fingerprints.len(), found.len(), "of two alike GitLab shows one");
    for issue in issues.as_array().unwrap() {
        assert!(["info", "minor", "major", "critical", "blocker"].contains(&issue["severity"].as_str().unwrap()));
        assert!(issue["location"]["lines"]["begin"].as_u64().unwrap() >= 1);
        for field in ["description", "check_name"] {
            assert!(!issue[field].as_str().unwrap().is_empty());
        }
        assert!(!issue["location"]["path"].as_str().unwrap().is_empty());
    }
}

const READERS: &str = r#"
import csv, json, subprocess, sys
from jsonschema.validators import validator_for
from junitparser import JUnitXml
folder, schema = sys.argv[1:]
schema = json.load(open(schema))
errors = [(list(e.path), e.message[:300]) for e in validator_for(schema)(schema).iter_errors(json.load(open(folder + "/sarif")))]
assert not errors, errors
report = json.load(open(folder + "/json"))
findings = len(report["findings"])
gaps = sum(skip["gap"] for skip in report["coverage"]["skipped"])
junit = JUnitXml.fromfile(folder + "/junit")
assert (junit.tests, junit.failures, junit.errors) == (findings + gaps, findings, gaps), vars(junit)
cases = [case for suite in junit for case in suite]
assert len(cases) == findings + gaps and sum(bool(case.result) for case in cases) == findings + gaps
rows = list(csv.DictReader(open(folder + "/csv", newline="", encoding="utf-8")))
assert len(rows) == findings and all(None not in row for row in rows)
json.load(open(folder + "/gitlab")), json.load(open(folder + "/codequality"))
with open(folder + "/report.sarif", "w") as out: out.write(open(folder + "/sarif").read())
for command in ["summary", "csv", "ls", "codeclimate"]:
    output = ["-o", folder + "/converted"] if command in ("csv", "codeclimate") else []
    done = subprocess.run([sys.executable, "-m", "sarif", command, *output, folder + "/report.sarif"], capture_output=True, text=True)
    assert done.returncode == 0, (command, done.stderr)
    assert command != "summary" or f"error: {findings + len(report['suppressed'])}" in done.stdout or f"error: {findings}" in done.stdout, done.stdout
"#;

#[test]
fn what_others_read_the_formats_with_reads_them() {
    let python = std::env::var("WANDWARD_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let imports = ["-c", "import jsonschema, sarif, junitparser"];
    let has = Command::new(&python).args(imports).output().is_ok_and(|output| output.status.success());
    let schema = std::env::var("WANDWARD_SARIF_SCHEMA").ok().filter(|path| Path::new(path).is_file());
    let required = std::env::var_os("WANDWARD_REQUIRE_TOOLS").is_some();
    let Some(schema) = schema.filter(|_| has) else {
        assert!(
            !required,
            "{python} lacks jsonschema, sarif-tools or junitparser, or WANDWARD_SARIF_SCHEMA names no file"
        );
        eprintln!(
            "not run: {python} lacks jsonschema, sarif-tools or junitparser, or WANDWARD_SARIF_SCHEMA names no file"
        );
        return;
    };
    let world = world();
    for arguments in [&["--history", ".", "missing"][..], &["src"]] {
        let folder = tempfile::tempdir().unwrap();
        for (format, text) in reports(&world, arguments) {
            fs::write(folder.path().join(format), text).unwrap();
        }
        let output = Command::new(&python).args(["-c", READERS]).arg(folder.path()).arg(&schema).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_clean_tree_is_clean_in_every_format() {
    let repo = Repo::new();
    repo.write("clean.py", "print(1)\n");
    for format in FORMATS {
        let output = support::run(support::wandward(&repo.path).args(["scan", "--format", format]));
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{format}");
        let wanted = match format {
            "json" => "\"findings\": []",
            "jsonl" => "{\"coverage\":{\"complete\":true",
            "sarif" => "\"results\": []",
            "gitlab" => "\"vulnerabilities\": []",
            "codequality" => "[]\n",
            "junit" => "tests=\"1\" failures=\"0\" errors=\"0\"",
            "csv" => "\"severity\",\"rule\"",
            _ => "No exposed keys",
        };
        assert!(text.contains(wanted), "{format}: {text}");
    }
}
