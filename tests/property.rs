//! What holds for any text: candidates are those of a plain oracle, places lie in the text, keys are found and not shown.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod support;

use std::sync::LazyLock;
use std::time::Duration;

use proptest::prelude::*;
use regex::Regex;
use wandward::detect::{Shape, candidates};
use wandward::finding::Outcome;
use wandward::policy::Policy;
use wandward::report::{self, Format, Report, Style};
use wandward::rule::{Group, RuleSet};
use wandward::scan::{Progress, Scan};
use wandward::secret;

use support::{KINDS, fingerprint, key};

/// Shape, start, end, and where a prefix begins.
type Seen = (&'static str, usize, usize, Option<usize>);

fn name(shape: Shape) -> &'static str {
    match shape {
        Shape::Key(secret::Format::Legacy) => "legacy",
        Shape::Key(secret::Format::V1) => "v1",
        Shape::Partial => "partial",
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Every candidate in a text without escapes, byte by byte: no probe, no stride, no search.
fn oracle(text: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    for start in 0..text.len() {
        let left = start == 0 || !is_word(text[start - 1]);
        let end = (start..text.len()).find(|&at| !is_word(text[at])).unwrap_or(text.len());
        let run = &text[start..end];
        let hex = |b: &u8| b.is_ascii_digit() || (b'a'..=b'f').contains(b);
        if left && run.len() == 40 && run.iter().all(hex) {
            seen.push(("legacy", start, end, prefix(text, start)));
        }
        if let Some((shape, length)) = of_version(run) {
            seen.push((shape, start, start + length, prefix(text, start)));
        }
    }
    seen
}

/// What `wandb_v…` at the start of a run is, and how long.
fn of_version(run: &[u8]) -> Option<(&'static str, usize)> {
    let rest = run.strip_prefix(b"wandb_v")?;
    let (version, body) = rest.split_at(rest.iter().position(|&b| b == b'_')?);
    let body = &body[1..];
    if version.is_empty() || !version.iter().all(u8::is_ascii_digit) {
        return None;
    }
    if version != b"1" {
        return (body.len() >= 60).then_some(("partial", run.len()));
    }
    let id = body.iter().position(|&b| b == b'_')?;
    let secret = body[id + 1..].iter().position(|&b| b == b'_').unwrap_or(body.len() - id - 1);
    match (id, secret) {
        (27, 49) => Some(("v1", 86)),
        (27, 20..49) => Some(("partial", 37 + secret)),
        _ => None,
    }
}

/// One to 32 letters and digits before a dash.
fn prefix(text: &[u8], key: usize) -> Option<usize> {
    let before = text[..key].strip_suffix(b"-")?;
    let length = before.iter().rev().take_while(|b| b.is_ascii_alphanumeric()).count();
    (1..=32).contains(&length).then(|| before.len() - length)
}

fn told(text: &[u8], within: std::ops::Range<usize>) -> Vec<Seen> {
    candidates(text, within).into_iter().map(|c| (name(c.shape), c.key.start, c.key.end, c.prefix)).collect()
}

/// A piece of a text: noise, a key, a key with a piece missing, a separator.
fn piece(alphabet: &'static str) -> impl Strategy<Value = String> {
    let noise = prop::collection::vec(prop::sample::select(alphabet.chars().collect::<Vec<_>>()), 0..90)
        .prop_map(|letters| letters.into_iter().collect::<String>());
    let whole = (prop::sample::select(KINDS.to_vec()), 0..100u32).prop_map(|(kind, seed)| key(kind, &seed.to_string()));
    let part = (whole.clone(), 0..90usize).prop_map(|(key, length)| key[..length.min(key.len())].to_owned());
    let tail = (whole.clone(), 0..90usize).prop_map(|(key, from)| key[from.min(key.len())..].to_owned());
    let later = ("[0-9]{0,3}", "[a-zA-Z0-9_]{50,70}").prop_map(|(version, body)| format!("wandb_v{version}_{body}"));
    let word = ("[a-z0-9]{30,34}", whole.clone()).prop_map(|(word, key)| format!("{word}-{key}"));
    let run = "[0-9a-f]{38,42}";
    let separator = prop::sample::select(vec!["\n", " ", "\"", "_", "-", ".", "a", "0", "é", "wandb_v1_", "wandb_v"]);
    prop_oneof![
        4 => noise,
        4 => whole,
        2 => part,
        1 => tail,
        1 => later,
        1 => word,
        2 => run,
        4 => separator.prop_map(str::to_owned),
    ]
}

fn text(alphabet: &'static str) -> impl Strategy<Value = String> {
    prop::collection::vec(piece(alphabet), 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn candidates_are_those_of_the_oracle(text in text("0aFfgz_- .\"\n")) {
        let bytes = text.as_bytes();
        prop_assert_eq!(told(bytes, 0..bytes.len()), oracle(bytes), "{:?}", text);
    }

    /// Whatever window is asked about, it tells of what begins in it and nothing else.
    #[test]
    fn windows_tell_their_part(text in text("03aFfgz_- .\"\n\\%=[;nux\u{1b}"), ends in prop::array::uniform2(any::<prop::sample::Index>())) {
        let bytes = text.as_bytes();
        let mut ends = ends.map(|end| end.index(bytes.len() + 1));
        ends.sort_unstable();
        let all = told(bytes, 0..bytes.len());
        let within: Vec<Seen> = all.into_iter().filter(|seen| (ends[0]..ends[1]).contains(&seen.1)).collect();
        prop_assert_eq!(told(bytes, ends[0]..ends[1]), within, "{:?} {:?}", text, ends);
    }
}

#[test]
fn every_alignment_of_every_length_of_run() {
    let legacy = key("legacy", "alignment");
    let v1 = key("v1", "alignment");
    for before in 0..130 {
        for key in [&legacy, &v1] {
            for (left, right) in [(" ", " "), ("", ""), ("_", ""), ("", "_"), ("x", ""), ("", "x"), ("\n", "\n")] {
                for filler in [".", "a", "wandb_v1_", "0_-"] {
                    let lead: String = filler.chars().cycle().take(before).collect();
                    let text = format!("{lead}{left}{key}{right}{lead}");
                    assert_eq!(
                        told(text.as_bytes(), 0..text.len()),
                        oracle(text.as_bytes()),
                        "{before} {left}{right}{filler}"
                    );
                }
            }
        }
    }
}

/// Pages are read once.
static RULES: LazyLock<RuleSet> = LazyLock::new(|| RuleSet::builtin().unwrap());

fn scan(path: &str, text: &[u8], inline: bool) -> Outcome {
    let rules = &*RULES;
    let policy = Policy::new(rules, Vec::new(), Vec::new(), inline).unwrap();
    let progress = Progress::default();
    let outcome =
        Scan { rules, policy: &policy, progress: &progress, threads: 1, cache: None, found: &|_| {} }.text(path, text);
    // A scan survives a panic, and says so; here it is a failure. Soup that is encoded too deep is not.
    let bug = outcome.coverage.skipped.iter().find(|skip| skip.reason.contains("internal error"));
    assert!(bug.is_none(), "{bug:?}");
    outcome
}

/// Every report of an outcome, one after the other.
fn reports(outcome: &Outcome) -> String {
    let mut out = Vec::new();
    let rules = &*RULES;
    let report = Report::from(outcome.clone());
    let plain = Style {
        colour: false,
        width: 140,
        took: Some(Duration::ZERO),
        now: 0,
        suppressed: true,
        verbose: true,
        quiet: false,
        shown: false,
        annotations: 3,
    };
    for format in Format::ALL {
        report.write(format, rules, &plain, &mut out).unwrap();
    }
    report.write(Format::Pretty, rules, &Style { colour: true, width: 40, ..plain }, &mut out).unwrap();
    for finding in &outcome.findings {
        report::jsonl_finding(finding, &mut out).unwrap();
    }
    String::from_utf8(out).unwrap()
}

/// What reports say by a digest: a fingerprint, a finding's id, an id in the form of a UUID.
static DIGESTS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("wwf?1-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").unwrap());

/// Eight characters in a row of a key that a text shows, unless they all belong to the key's public id. Digests are
/// hexadecimal digits too, of which eight agree by chance in one run of a hundred: there it takes twelve.
fn leak<'k>(text: &str, key: &'k str) -> Option<&'k str> {
    let key = key.strip_prefix("local-").unwrap_or(key);
    let id = if key.starts_with("wandb_v1_") { 20 } else { 4 };
    let windows = |length| {
        (0..=key.len() - length).filter(move |start| start + length > id).map(move |start| &key[start..start + length])
    };
    let said = DIGESTS.replace_all(text, "");
    windows(8).find(|window| said.contains(*window)).or_else(|| windows(12).find(|window| text.contains(*window)))
}

/// Line and column of an offset, counted the simple way; bytes that are no UTF-8 are not given to this.
fn place(text: &str, at: usize) -> (u64, u64) {
    let line = text[..at].matches('\n').count() as u64 + 1;
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    (line, text[start..at].chars().count() as u64 + 1)
}

const PATHS: [&str; 16] = [
    "train.py", "a.ipynb", ".env", "config.yaml", "config.json", "pyproject.toml", "run.sh", "README.md", "Dockerfile",
    ".netrc", "debug.log", ".bash_history", "main.tf", "wandb/settings", "chart.csv", "file",
];

/// What texts are made of, keys aside: pieces of evidence, of syntax, of permissions, and noise.
const SOUP: [&str; 72] = [
    "wandb",
    "wandb.login(",
    "key=",
    "WANDB_API_KEY",
    "WANDB_API_KEY=",
    "wandb login ",
    "api_key",
    "token",
    "W&B key ",
    "machine api.wandb.ai",
    " login user ",
    " password ",
    "https://api.wandb.ai/",
    "https://user:",
    "@api.wandb.ai",
    "wandb:\n",
    "  api_key: ",
    "import wandb as w\n",
    "w.login(",
    "K = ",
    "name: ",
    "value: ",
    "export ",
    "ENV ",
    "os.environ[",
    "] = ",
    "argparse",
    "--key ",
    "-H \"Authorization: Bearer ",
    "local-",
    "commit ",
    "sha1 ",
    "git+https://x@",
    "\"",
    "'",
    "`",
    "\"\"\"",
    "\\\"",
    "\\",
    "\\n",
    "\\u003d",
    "%3D",
    "=3D",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "<",
    ">",
    "#",
    "//",
    "/*",
    "*/",
    "<!--",
    "-->",
    ":",
    ",",
    "=",
    "|",
    "\n",
    "\r\n",
    "\t",
    " ",
    "é",
    "\u{202e}",
    "\u{1b}[32m",
    "\0",
    "# wandward: allow[hardcoded-key]",
    "# wandward: allow-next-line[exposed-key] ",
    "\"cells\": [{\"source\": [",
];

#[derive(Clone, Debug)]
enum Bit {
    Soup(&'static str),
    Key(&'static str, u32),
    Cut(&'static str, u32, usize),
    Noise(Vec<u8>),
}

fn bit(noise: bool) -> impl Strategy<Value = Bit> {
    let kind = prop::sample::select(KINDS.to_vec());
    let bytes = if noise { prop::collection::vec(any::<u8>(), 0..60).boxed() } else { Just(b" x ".to_vec()).boxed() };
    prop_oneof![
        10 => prop::sample::select(SOUP.to_vec()).prop_map(Bit::Soup),
        3 => (kind.clone(), 0..9u32).prop_map(|(kind, seed)| Bit::Key(kind, seed)),
        1 => (kind, 0..9u32, 20..80usize).prop_map(|(kind, seed, length)| Bit::Cut(kind, seed, length)),
        1 => bytes.prop_map(Bit::Noise),
    ]
}

/// The bytes, and every key that is in them, whole or in part.
fn stir(bits: &[Bit]) -> (Vec<u8>, Vec<String>) {
    let (mut bytes, mut keys) = (Vec::new(), Vec::new());
    for bit in bits {
        match bit {
            Bit::Soup(text) => bytes.extend(text.bytes()),
            Bit::Key(kind, seed) => {
                let key = key(kind, &seed.to_string());
                bytes.extend(key.bytes());
                keys.push(key);
            }
            Bit::Cut(kind, seed, length) => {
                let key = key(kind, &format!("cut {seed}"));
                bytes.extend(key.bytes().take(*length));
            }
            Bit::Noise(noise) => bytes.extend(noise),
        }
    }
    (bytes, keys)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_do_no_harm(path in prop::sample::select(PATHS.to_vec()), bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        let outcome = scan(path, &bytes, true);
        reports(&outcome);
        prop_assert_eq!(outcome.coverage.bytes, bytes.len() as u64);
    }

    /// Pieces of everything in any order: no panic, each finding stands at the key it names, no report shows a key.
    #[test]
    fn any_soup_is_judged_in_place(path in prop::sample::select(PATHS.to_vec()), bits in prop::collection::vec(bit(true), 0..60), inline: bool) {
        let (bytes, keys) = stir(&bits);
        let outcome = scan(path, &bytes, inline);
        let shown = reports(&outcome);
        for key in &keys {
            prop_assert_eq!(leak(&shown, key), None, "{} in {:?}:\n{}", key, String::from_utf8_lossy(&bytes), shown);
        }
        let lines = bytes.iter().filter(|b| **b == b'\n').count() as u64 + 1;
        for finding in outcome.findings.iter().chain(outcome.suppressed.iter().map(|one| &one.finding)) {
            let at = usize::try_from(finding.span.start).unwrap();
            prop_assert!(at < bytes.len());
            let place = finding.place;
            let place = place.unwrap();
            prop_assert!((1..=lines).contains(&place.line) && place.column >= 1);
            prop_assert_eq!(place.line, bytes[..at].iter().filter(|b| **b == b'\n').count() as u64 + 1);
            // Pieces that happen to fit are a key too, but no word.
            if finding.evidence.contains(", written ") || !matches!(finding.rule.group, Group::Keys) {
                continue;
            }
            let length = usize::try_from(place.end_column - place.column).unwrap();
            let text = bytes.get(at..at + length);
            prop_assert!(text.is_some_and(|text| text.iter().all(|b| is_word(*b) || *b == b'-')), "{:?}", text);
            if let Some(key) = &finding.key {
                let text = std::str::from_utf8(text.unwrap()).unwrap();
                prop_assert_eq!(key.fingerprint.as_str(), fingerprint(text));
            }
        }
        let mut places: Vec<_> = outcome.findings.iter().map(|f| f.span.start).collect();
        let all = places.len();
        places.dedup();
        prop_assert_eq!(places.len(), all, "one key at one place is one finding");
    }

    /// In text that is UTF-8, columns are characters.
    #[test]
    fn places_are_those_of_a_simple_count(path in prop::sample::select(PATHS.to_vec()), bits in prop::collection::vec(bit(false), 0..40)) {
        let (bytes, _) = stir(&bits);
        let text = String::from_utf8(bytes).unwrap();
        for finding in scan(path, text.as_bytes(), false).findings {
            let at = usize::try_from(finding.span.start).unwrap();
            prop_assert_eq!((finding.place.unwrap().line, finding.place.unwrap().column), place(&text, at), "{:?}", text);
        }
    }
}

/// A file, a text in which `<KEY>` is exposed, and what a line of comment begins with, if other lines may stand around it.
type Evidence = (&'static str, &'static str, Option<&'static str>);

const EVIDENCE: [Evidence; 40] = [
    ("train.py", "wandb.login(key=\"<KEY>\")", Some("#")),
    ("train.py", "wandb.login(key='<KEY>', relogin=True)", Some("#")),
    ("train.py", "wandb.login(\n    key=\"<KEY>\",\n)", Some("#")),
    ("train.py", "wandb.login(\"<KEY>\")", Some("#")),
    ("train.py", "os.environ[\"WANDB_API_KEY\"] = \"<KEY>\"", Some("#")),
    ("train.py", "os.environ.setdefault('WANDB_API_KEY', '<KEY>')", Some("#")),
    ("train.py", "# wandb.login(key=\"<KEY>\")", Some("#")),
    ("train.py", "WANDB_API_KEY = \"<KEY>\"", Some("#")),
    ("train.py", "api = wandb.Api(api_key=\"<KEY>\")", Some("#")),
    ("train.py", "parser.add_argument(\"--wandb-api-key\", default=\"<KEY>\")", Some("#")),
    ("train.py", "TOKEN = \"<KEY>\"\nwandb.login(key=TOKEN)", Some("#")),
    ("train.py", "settings = {\"wandb_api_key\": \"<KEY>\", \"lr\": 0.1}", Some("#")),
    ("train.py", "subprocess.run([\"wandb\", \"login\", \"<KEY>\"])", Some("#")),
    ("train.py", "os.system(\"wandb login <KEY>\")", Some("#")),
    ("app.js", "process.env.WANDB_API_KEY = \"<KEY>\";", Some("//")),
    ("main.go", "os.Setenv(\"WANDB_API_KEY\", \"<KEY>\")", Some("//")),
    ("lib.rs", "const WANDB_API_KEY: &str = \"<KEY>\";", Some("//")),
    (".env", "WANDB_API_KEY=<KEY>", Some("#")),
    (".env", "export WANDB_API_KEY='<KEY>'", Some("#")),
    (".env", "#WANDB_API_KEY=\"<KEY>\"", Some("#")),
    ("run.sh", "wandb login <KEY>", Some("#")),
    ("run.sh", "wandb login --relogin <KEY> && python train.py", Some("#")),
    ("run.sh", "WANDB_API_KEY=<KEY> python train.py", Some("#")),
    ("run.sh", "export WANDB_API_KEY=<KEY>", Some("#")),
    ("run.sh", "docker run -e WANDB_API_KEY=<KEY> image", Some("#")),
    ("run.ps1", "$env:WANDB_API_KEY = \"<KEY>\"", Some("#")),
    ("Dockerfile", "ENV WANDB_API_KEY=<KEY>", Some("#")),
    ("Dockerfile", "RUN wandb login <KEY>", Some("#")),
    ("config.yaml", "WANDB_API_KEY: <KEY>", Some("#")),
    ("config.yaml", "wandb:\n  project: demo\n  api_key: \"<KEY>\"", Some("#")),
    ("config.toml", "[wandb]\napi_key = \"<KEY>\"", Some("#")),
    ("config.ini", "[wandb]\napi_key = <KEY>", Some("#")),
    ("config.json", "{\"wandb\": {\"project\": \"demo\", \"api_key\": \"<KEY>\"}}", None),
    ("config.json", "{\n  \"WANDB_API_KEY\": \"<KEY>\"\n}", None),
    (".github/workflows/ci.yml", "env:\n  WANDB_API_KEY: <KEY>", Some("#")),
    ("pod.yaml", "env:\n  - name: WANDB_API_KEY\n    value: <KEY>", Some("#")),
    (".netrc", "machine api.wandb.ai\n  login user\n  password <KEY>", Some("#")),
    (".netrc", "machine api.wandb.ai login user password <KEY>", Some("#")),
    ("notes.md", "Our W&B API key is <KEY>", None),
    ("a.ipynb", "{\"cells\": [{\"cell_type\": \"code\", \"source\": [\"wandb.login(key=\\\"<KEY>\\\")\\n\"]}]}", None),
];

/// Lines that say nothing of keys.
fn filler(comment: Option<&'static str>) -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just(String::new()),
        "[ a-zé]{0,30}".prop_map(move |words| comment.map_or(String::new(), |mark| format!("{mark} note:{words}"))),
        (0..99u32).prop_map(move |seed| {
            comment
                .map_or(String::new(), |mark| format!("{mark} see commit {}", key("legacy", &format!("commit {seed}"))))
        }),
    ];
    let ending = prop::sample::select(vec!["\n", "\r\n"]);
    prop::collection::vec((line, ending), 0..6)
        .prop_map(|lines| lines.into_iter().map(|(line, ending)| line + ending).collect())
}

fn context() -> impl Strategy<Value = (Evidence, &'static str, u32, String, String)> {
    (prop::sample::select(EVIDENCE.to_vec()), prop::sample::select(KINDS.to_vec()), any::<u32>()).prop_flat_map(
        |(evidence, kind, seed)| (Just(evidence), Just(kind), Just(seed), filler(evidence.2), filler(evidence.2)),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_key_is_found_once_in_its_place_and_not_shown(((path, evidence, _), kind, seed, above, below) in context()) {
        let key = key(kind, &seed.to_string());
        let text = format!("{above}{}\n{below}", evidence.replace("<KEY>", &key));
        let at = text.find(&key).unwrap();
        let outcome = scan(path, text.as_bytes(), true);
        let found: Vec<_> = outcome.findings.iter().map(|f| (f.place.unwrap().line, f.place.unwrap().column, f.rule.id.as_str())).collect();
        prop_assert_eq!(found.len(), 1, "{} {:?}: {:?}", path, text, found);
        let finding = &outcome.findings[0];
        let (line, column) = place(&text, at);
        prop_assert_eq!((finding.place.unwrap().line, finding.place.unwrap().column), (line, column), "{} {:?}", path, text);
        prop_assert_eq!((finding.place.unwrap().end_line, finding.place.unwrap().end_column), (line, column + key.len() as u64));
        prop_assert_eq!(finding.span.start, at as u64);
        let told = finding.key.as_ref().unwrap();
        prop_assert_eq!(told.fingerprint.as_str(), fingerprint(&key));
        prop_assert_eq!(told.prefix.as_deref(), kind.starts_with("local-").then_some("local"));
        let bare = key.strip_prefix("local-").unwrap_or(&key);
        let id = if kind.ends_with("v1") { bare[..20].to_owned() } else { format!("{}…", &bare[..4]) };
        prop_assert_eq!(told.id.as_str(), id);
        let shown = reports(&outcome);
        prop_assert_eq!(leak(&shown, &key), None, "{}", shown);
    }
}

/// The list above is tried whole, so that a shape that never held is not left to chance.
#[test]
fn each_evidence_alone_is_enough() {
    let mut wrong = String::new();
    for (path, evidence, _) in EVIDENCE {
        for kind in KINDS {
            let key = key(kind, "alone");
            let text = evidence.replace("<KEY>", &key);
            let outcome = scan(path, text.as_bytes(), true);
            if outcome.findings.len() != 1 || outcome.findings[0].span.start != text.find(&key).unwrap() as u64 {
                wrong.push_str(&format!("{path} {kind} {evidence:?}: {} findings\n", outcome.findings.len()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
