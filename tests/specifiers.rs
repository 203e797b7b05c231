//! What a specifier means is what Python's `packaging` says it means: random ones, over versions round every number that they
//! name. Needs a Python with `packaging` or pip, which brings it (`WANDWARD_PYTHON` names it); without one the test says so
//! and stops, unless `WANDWARD_REQUIRE_TOOLS` is set.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stderr, reason = "tests may print and panic")]

mod support;

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use support::Random;

/// For each line of specifiers, how old what it allows is, by trying versions.
const JUDGE: &str = r#"
import sys
try:
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version
except ImportError:
    from pip._vendor.packaging.specifiers import SpecifierSet
    from pip._vendor.packaging.version import Version
if len(sys.argv) > 1:
    sys.exit()
FLOOR = Version("0.22.3")
LOWEST = Version("0.dev0")

def near(version):
    release = list(version.release)
    for last in (release[-1], release[-1] + 1, max(release[-1] - 1, 0)):
        stem = f"{version.epoch}!" + ".".join(map(str, release[:-1] + [last]))
        for end in ("", ".1", ".1.1", ".dev0", ".dev1", "a0.dev0", "a1", "b1", "rc1", "rc2", "rc1.dev1", ".post0", ".post1", ".post1.dev1", ".post9"):
            yield Version(stem + end)
    yield version

for line in sys.stdin:
    specifiers = SpecifierSet(line.strip())
    tried = {LOWEST, Version("0.0.0.1"), Version("7"), Version("99999"), Version("9!0.1"), *near(FLOOR)}
    for specifier in specifiers:
        tried.update(near(Version(specifier.version.removesuffix(".*"))))
    allowed = [version for version in tried if specifiers.contains(version, prereleases=True)]
    if not allowed:
        print("nothing")
    elif max(allowed) < FLOOR:
        print("error")
    elif LOWEST not in allowed and min(allowed) < Version("0.22.3.dev0"):
        print("note")
    else:
        print("nothing")
"#;

fn python() -> Option<String> {
    let python = std::env::var("WANDWARD_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(&python).args(["-c", JUDGE, "only look"]).output();
    let works = output.is_ok_and(|output| output.status.success());
    assert!(works || std::env::var_os("WANDWARD_REQUIRE_TOOLS").is_none(), "{python} has no `packaging`");
    if !works {
        eprintln!("not run: {python} has no `packaging`");
    }
    works.then_some(python)
}

fn specifier(random: &mut Random) -> String {
    let operator = random.one_of(&["==", "==", "!=", "<", "<=", ">", ">=", ">=", "~=", "==*", "!=*"]);
    let release = random
        .one_of(&["0.22", "0.22.3", "0.22.2", "0.22.4", "0.12.1", "0.23", "1", "1.2", "0.22.3.1", "0.22.2.9", "21.1"]);
    let release = if operator == "~=" && !release.contains('.') { "0.9" } else { release };
    if let Some(operator) = operator.strip_suffix('*') {
        return format!("{operator}{release}.*");
    }
    let end = random.one_of(&["", "", "", "", "rc1", "a1", ".post1", ".dev1", "rc1.dev1", ".post1.dev1"]);
    let epoch = if random.below(25) == 0 { "1!" } else { "" };
    format!("{operator}{epoch}{release}{end}")
}

#[test]
fn specifiers_mean_what_packaging_says() {
    const LINES: usize = 1200;
    let Some(python) = python() else { return };
    let mut random = Random(22);
    let lines: Vec<String> = (0..LINES)
        .map(|_| (0..=random.below(3)).map(|_| specifier(&mut random)).collect::<Vec<_>>().join(","))
        .collect();

    let mut judge =
        Command::new(python).args(["-c", JUDGE]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = judge.stdin.take().unwrap();
    let asked = lines.join("\n");
    let writer = std::thread::spawn(move || input.write_all(asked.as_bytes()).unwrap());
    let expected = String::from_utf8(judge.wait_with_output().unwrap().stdout).unwrap();
    writer.join().unwrap();

    let folder = tempfile::tempdir().unwrap();
    let file: String = lines.iter().map(|line| format!("wandb{line}\n")).collect();
    std::fs::write(folder.path().join("requirements.txt"), file).unwrap();
    let (report, _) = support::scan_json(folder.path(), &["."]);
    let mut said = vec!["nothing"; LINES];
    for finding in report["findings"].as_array().unwrap() {
        assert_eq!(finding["rule"], "sdk-too-old");
        let line = usize::try_from(finding["location"]["line"].as_u64().unwrap()).unwrap();
        said[line - 1] = finding["severity"].as_str().unwrap();
    }
    let mut wrong = String::new();
    for ((line, said), expected) in lines.iter().zip(&said).zip(expected.lines()) {
        if *said != expected {
            writeln!(wrong, "{line}: {said}, and {expected} by packaging").unwrap();
        }
    }
    assert_eq!(expected.lines().count(), LINES);
    assert!(wrong.is_empty(), "{wrong}");
    assert!(
        ["error", "note", "nothing"].iter().all(|age| said.iter().filter(|said| *said == age).count() > LINES / 20)
    );
}
