//! Binary formats as text: real byte code of nine versions of Python, real databases, run logs and pickles say in their
//! text what the judge needs to tell a key from a commit; damaged ones end, within bounds.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use support::Random;
use wandward::decode::binary::{Binary, HEAD, Rendered, format, render};
use wandward::policy::Policy;
use wandward::rule::RuleSet;
use wandward::scan::{Progress, Scan};

/// Renders a file, whose format its first bytes must tell.
fn rendered(bytes: &[u8], wanted: Binary) -> Rendered {
    assert_eq!(format(&bytes[..bytes.len().min(HEAD)]), Some(wanted));
    render(wanted, bytes)
}

fn whole(bytes: &[u8], wanted: Binary) -> String {
    let rendered = rendered(bytes, wanted);
    assert_eq!(rendered.damage, None);
    String::from_utf8(rendered.text).unwrap()
}

/// The fingerprints of the keys that a scan finds in a text.
fn found(path: &str, text: &str) -> BTreeSet<String> {
    let rules = RuleSet::builtin().unwrap();
    let policy = Policy::new(&rules, Vec::new(), Vec::new(), true).unwrap();
    let progress = Progress::default();
    let scan = Scan { rules: &rules, policy: &policy, progress: &progress, threads: 1, cache: None, found: &|_| {} };
    let findings = scan.text(path, text.as_bytes()).findings;
    findings.iter().filter_map(|finding| Some(finding.key.as_ref()?.fingerprint.to_string())).collect()
}

/// Asserts that a scan of a text finds the legacy keys of `found`, by their seeds, and none other.
fn assert_found(path: &str, text: &str, seeds: &[&str]) {
    let wanted: BTreeSet<String> =
        seeds.iter().map(|seed| support::fingerprint(&support::key("legacy", seed))).collect();
    let found = found(path, text);
    let missed: Vec<_> =
        seeds.iter().filter(|seed| !found.contains(&support::fingerprint(&support::key("legacy", seed)))).collect();
    assert!(found == wanted, "missed {missed:?} of {} and found {} in\n{text}", wanted.len(), found.len());
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/binary").join(name)
}

/// Every `KEY000…NAME` of 40 letters becomes the made-up key of NAME, which is as long.
fn filled(name: &str) -> (Vec<u8>, Vec<String>) {
    let mut bytes = std::fs::read(fixture(name)).unwrap();
    let places = regex::bytes::Regex::new(r"KEY0[0A-Z0-9]{36}").unwrap();
    let mut names = Vec::new();
    let found: Vec<_> = places.find_iter(&bytes).map(|place| place.range()).collect();
    for range in found {
        let name = String::from_utf8(bytes[range.clone()].to_vec()).unwrap()[3..].trim_start_matches('0').to_owned();
        bytes[range].copy_from_slice(support::key("legacy", &name).as_bytes());
        names.push(name);
    }
    (bytes, names)
}

/// Cuts and changes a file in every way; what comes of it is bounded.
fn torment(bytes: &[u8], binary: Binary, rounds: usize) {
    let mut random = Random(bytes.len() as u64);
    for round in 0..rounds {
        let mut bytes = bytes.to_vec();
        if round % 3 == 0 {
            bytes.truncate(random.below(bytes.len()));
        }
        for _ in 0..random.below(8) {
            let at = random.below(bytes.len());
            let Some(byte) = bytes.get_mut(at) else { continue };
            *byte = [0, 0xff, 0x7f, b'r', random.below(256) as u8][random.below(5)];
        }
        if round % 5 == 0 && bytes.len() > 8 {
            let (from, to) = (random.below(bytes.len()), random.below(bytes.len()));
            let length = random.below(64).min(bytes.len() - from.max(to));
            bytes.copy_within(from..from + length, to);
        }
        let rendered = render(binary, &bytes);
        assert!(rendered.text.len() <= 8 * bytes.len() + 64 * 1024);
    }
}

#[test]
fn byte_code_says_what_its_source_says() {
    let (source, mut names) = filled("sample.py");
    let mut source = found("x.py", str::from_utf8(&source).unwrap());
    // The compiler joins a header's scheme and its key.
    source.insert(support::fingerprint(&support::key("legacy", "CONCAT")));
    // Nothing says of these what they are, not in the source either.
    let wordless = ["ASSIGN", "COMMIT", "TYPED"];
    names.retain(|name| !wordless.contains(&name.as_str()));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut module: Option<String> = None;
    for version in ["3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13"] {
        let (bytes, _) = filled(&format!("{version}.pyc"));
        let text = whole(&bytes, Binary::ByteCode);
        assert_found("x.py", &text, &names);
        assert_eq!(found("x.py", &text), source, "{version}");
        for line in [
            "import wandb as wb",
            "from wandb import login as wandb_login",
            "local = \"",
            "k3 = os.environ[\"WANDB_API_KEY\"] if \"WANDB_API_KEY\" in os.environ else \"",
            "k2 = os.getenv(\"WANDB_API_KEY\") or \"",
            "self.headers = {\"Authorization\": \"Bearer \" + key",
            "class WandbConfig:",
        ] {
            assert!(text.contains(line), "{version} lacks {line} in\n{text}");
        }
        // What the module assigns reads the same in every version.
        let own: String = text.lines().filter(|line| line.contains(" = ") && !line.starts_with(' ')).collect();
        let own = own.replace("__doc__ = \"Doc string of the module.\"", "");
        assert_eq!(*module.get_or_insert(own.clone()), own, "{version}");
    }
}

/// One code object of a file of 3.14, as the reference tells it; the numbers are those of `opcode_ids.h`.
fn module_of_3_14(code: &[u8], constants: &[&str], names: &[&str]) -> Vec<u8> {
    let long = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let tuple = |words: &[&str]| {
        let mut out = vec![b')', u8::try_from(words.len()).unwrap()];
        for word in words {
            out.extend([b'z', u8::try_from(word.len()).unwrap()]);
            out.extend(word.bytes());
        }
        out
    };
    let mut out = [&3627u16.to_le_bytes()[..], b"\r\n", &[0; 12], &[0xe3], &[0; 20]].concat();
    out.push(b's');
    out.extend(long(code.len()));
    out.extend_from_slice(code);
    out.extend([tuple(constants), tuple(names), tuple(&[])].concat());
    out.extend(b"s\0\0\0\0z\x04x.pyz\x08<module>z\x08<module>\x01\0\0\0s\0\0\0\0s\0\0\0\0");
    out
}

#[test]
fn byte_code_of_3_14_is_read_by_its_own_numbers() {
    let (environ, login) = (support::key("legacy", "environ"), support::key("legacy", "login"));
    let code = [
        [128, 0],
        [82, 0],
        [93, 0],
        [80, 2],
        [0, 0],
        [82, 1],
        [38, 0],
        [0, 0],
        [93, 2],
        [80, 6],
        [33, 0],
        [82, 2],
        [82, 3],
        [55, 1],
        [31, 0],
        [82, 4],
        [35, 0],
    ]
    .concat();
    let names = ["os", "environ", "wandb", "login"];
    let bytes = module_of_3_14(&code, &[&environ, "WANDB_API_KEY", &login, "?", "never mind"], &names);
    // The constant of the keyword's name is a tuple; here a string takes its place, and then the name is not known.
    let text = whole(&bytes, Binary::ByteCode);
    assert!(text.contains(&format!("os.environ[\"WANDB_API_KEY\"] = \"{environ}\"")), "{text}");
    assert!(text.contains(&format!("wandb.login(\"{login}\")")), "{text}");
    assert_found("x.py", &text, &["environ", "login"]);
}

#[test]
fn other_byte_code_shows_its_strings() {
    let (bytes, _) = filled("2.7.pyc");
    assert!(whole(&bytes, Binary::ByteCode).contains(&support::key("legacy", "PYTHON2")));
    // A version that is not out yet, with numbers that may mean anything.
    let (mut bytes, names) = filled("3.13.pyc");
    bytes[..2].copy_from_slice(&3999u16.to_le_bytes());
    let text = whole(&bytes, Binary::ByteCode);
    assert!(names.iter().all(|name| text.contains(&support::key("legacy", name))), "{text}");
    assert!(!text.contains("wb.login("), "{text}");
    // Half a file says what its half says.
    let rendered = render(Binary::ByteCode, &bytes[..bytes.len() / 2]);
    assert!(rendered.damage.unwrap().contains("cut off"));
    assert!(String::from_utf8(rendered.text).unwrap().contains(&support::key("legacy", "LOGIN")));
}

#[test]
fn damaged_byte_code_ends() {
    for version in ["2.7", "3.6", "3.8", "3.11", "3.13"] {
        torment(&filled(&format!("{version}.pyc")).0, Binary::ByteCode, 1500);
    }
}

#[test]
fn byte_code_that_names_itself_again_and_again_ends() {
    // Each tuple holds the one before it eight times, and every one is loaded.
    let mut constants = b"(\x3d\0\0\0\xa9\x01z\x17wandb_key_0123456789_01".to_vec();
    for nth in 0..60u32 {
        constants.extend(b"\xa9\x08");
        for _ in 0..8 {
            constants.push(b'r');
            constants.extend(nth.to_le_bytes());
        }
    }
    let code: Vec<u8> = (0..61).flat_map(|nth| [100, nth, 90, 0]).collect();
    let mut bytes = [&3495u16.to_le_bytes()[..], b"\r\n", &[0; 12], b"c", &[0; 20], b"s\xf4\0\0\0"].concat();
    bytes.extend_from_slice(&code);
    bytes.extend_from_slice(&constants);
    bytes.extend(b")\x01z\x01x)\0s\0\0\0\0z\x01fz\x01mz\x01m\0\0\0\0s\0\0\0\0s\0\0\0\0");
    let rendered = rendered(&bytes, Binary::ByteCode);
    assert!(rendered.text.starts_with(b"x = (\"wandb_key_0123456789_01\")\n"));
    assert!(rendered.text.len() <= 8 * bytes.len() + 64 * 1024);
    assert!(rendered.damage.is_some());
}

fn database(folder: &Path, statements: &[&str]) -> Vec<u8> {
    let path = folder.join("x.db");
    let connection = Connection::open(&path).unwrap();
    for statement in statements {
        connection.execute_batch(statement).unwrap();
    }
    drop(connection);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    bytes
}

#[test]
fn rows_have_the_names_of_their_columns() {
    let folder = tempfile::tempdir().unwrap();
    let key = |seed: &str| support::key("legacy", seed);
    for encoding in ["UTF-8", "UTF-16le", "UTF-16be"] {
        let bytes = database(
            folder.path(),
            &[
                &format!("PRAGMA encoding = '{encoding}'; PRAGMA page_size = 1024"),
                "CREATE TABLE settings(name TEXT PRIMARY KEY, value TEXT)",
                "CREATE TABLE wide(id INTEGER PRIMARY KEY, [user name] TEXT, \"wandb_api_key\" TEXT, rate REAL)",
                "CREATE TABLE tokens(token TEXT, service TEXT, n INT, PRIMARY KEY (service)) WITHOUT ROWID",
                "CREATE TABLE history(session INTEGER, line INTEGER, source TEXT, PRIMARY KEY (session, line))",
                "CREATE TABLE builds(id INTEGER PRIMARY KEY, git_commit TEXT); CREATE INDEX b ON builds(git_commit)",
                &format!("INSERT INTO settings VALUES ('WANDB_API_KEY', '{}')", key("settings")),
                &format!("INSERT INTO settings VALUES ('git_commit', '{}')", key("revision")),
                &format!("INSERT INTO wide VALUES (-7, 'me', '{}', 0.5)", key("wide")),
                &format!("INSERT INTO tokens VALUES ('{}', 'wandb', 3)", key("tokens")),
                &format!(
                    "INSERT INTO history VALUES (1, 2, 'import wandb\nx = \"{}\"\nwandb.login(key=\"{}\")')",
                    "long ".repeat(2000),
                    key("history")
                ),
                &format!("INSERT INTO builds VALUES (1, '{}')", key("commit")),
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) \
                 INSERT INTO settings SELECT 'name' || i, 'a_long_value_of_' || (1000000 + i) FROM n",
            ],
        );
        let text = whole(&bytes, Binary::Sqlite);
        assert_found("x.db", &text, &["settings", "wide", "tokens", "history"]);
        assert!(text.contains(r#"{"wide": {"user name": "me", "wandb_api_key": ""#), "{text}");
        assert!(text.contains(r#"{"tokens": {"service": "wandb", "token": ""#), "{text}");
        assert!(
            text.contains(r#"{"settings": {"name": "name500", "value": "a_long_value_of_1000500"}}"#),
            "{encoding}"
        );
        assert_eq!(text.matches("of_1000499").count(), 1, "an index repeats nothing");
        if encoding != "UTF-16le" {
            torment(&bytes, Binary::Sqlite, 150);
        }
    }
}

#[test]
fn a_small_database_survives_any_damage() {
    let folder = tempfile::tempdir().unwrap();
    let long = format!("INSERT INTO t VALUES ('wandb', '{}')", "x".repeat(3000));
    let bytes =
        database(folder.path(), &["PRAGMA page_size = 512", "CREATE TABLE t(a, b); CREATE INDEX i ON t(a)", &long]);
    torment(&bytes, Binary::Sqlite, 3000);
}

#[test]
fn a_row_that_is_pointed_to_a_thousand_times_is_read_a_few() {
    let mut page = vec![0; 4096];
    page[..16].copy_from_slice(b"SQLite format 3\0");
    page[16..18].copy_from_slice(&4096u16.to_be_bytes());
    page[100] = 13;
    page[103..105].copy_from_slice(&1000u16.to_be_bytes());
    let row = [&[0x83, 0x20, 1, 3, 0x87, 0x0f][..], &[b'k'; 449]].concat();
    page[3600..3600 + row.len()].copy_from_slice(&row);
    for pointer in page[108..2108].chunks_mut(2) {
        pointer.copy_from_slice(&3600u16.to_be_bytes());
    }
    let rendered = rendered(&page, Binary::Sqlite);
    let keys = rendered.text.split(|&b| b == b'\n').filter(|line| line.starts_with(b"kkkk")).count();
    assert!(rendered.damage.is_some() && keys < 20, "{keys}");
    assert!(rendered.text.len() <= 8 * 4096);
}

#[test]
fn deleted_rows_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let key = support::key("legacy", "deleted");
    let insert = format!("INSERT INTO notes(text, name) VALUES ('WANDB_API_KEY={key}', 'x')");
    let create = "PRAGMA secure_delete = OFF; CREATE TABLE notes(id INTEGER PRIMARY KEY, name TEXT, text TEXT)";
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) \
                INSERT INTO notes(name, text) SELECT 'name' || i, 'text' || i FROM n";
    for delete in ["DELETE FROM notes WHERE name = 'x'", "DELETE FROM notes", "DROP TABLE notes"] {
        for order in [[many, &insert], [&insert, many]] {
            let bytes = database(folder.path(), &[create, order[0], order[1], delete]);
            let text = whole(&bytes, Binary::Sqlite);
            assert!(text.contains(&key), "{delete}: {text}");
            assert_found("x.db", &text, &["deleted"]);
        }
    }
}

#[test]
fn a_freed_row_without_its_first_bytes_is_put_together() {
    let folder = tempfile::tempdir().unwrap();
    let key = support::key("legacy", "freed");
    for create in
        ["CREATE TABLE t(name TEXT, value TEXT)", "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, value TEXT)"]
    {
        let bytes = database(
            folder.path(),
            &[
                "PRAGMA secure_delete = OFF",
                create,
                "INSERT INTO t(name, value) VALUES ('before', 'it')",
                &format!("INSERT INTO t(name, value) VALUES ('WANDB_API_KEY', '{key}')"),
                "INSERT INTO t(name, value) VALUES ('behind', 'it')",
                "DELETE FROM t WHERE name = 'WANDB_API_KEY'",
            ],
        );
        let text = whole(&bytes, Binary::Sqlite);
        assert!(text.contains(&format!("\"WANDB_API_KEY\", \"{key}\"]")), "{text}");
        assert_found("x.db", &text, &["freed"]);
    }
}

#[test]
fn a_write_ahead_log_shows_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (support::key("legacy", "old"), support::key("legacy", "new"));
    for encoding in ["UTF-8", "UTF-16le"] {
        let path = folder.path().join(format!("{encoding}.db"));
        let connection = Connection::open(&path).unwrap();
        let begin = format!("PRAGMA encoding = '{encoding}'; PRAGMA journal_mode = WAL");
        connection.execute_batch(&begin).unwrap();
        for statement in [
            "CREATE TABLE settings(name TEXT, value TEXT)",
            &format!("INSERT INTO settings VALUES ('WANDB_API_KEY', '{old}')"),
            &format!("UPDATE settings SET value = '{new}'"),
        ] {
            connection.execute_batch(statement).unwrap();
        }
        let bytes = std::fs::read(folder.path().join(format!("{encoding}.db-wal"))).unwrap();
        let text = whole(&bytes, Binary::Sqlite);
        assert!(
            text.contains(&format!("{{\"settings\": {{\"name\": \"WANDB_API_KEY\", \"value\": \"{new}\"}}}}")),
            "{text}"
        );
        assert_found("x.db-wal", &text, &["old", "new"]);
        torment(&bytes, Binary::Sqlite, 700);
    }
}

#[test]
fn pickles_say_what_is_a_key_of_what() {
    for protocol in 2..=5 {
        let (bytes, mut names) = filled(&format!("protocol-{protocol}.pkl"));
        names.retain(|name| !name.starts_with("COMMIT"));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let text = whole(&bytes, Binary::Pickle);
        assert_found("x.pkl", &text, &names);
        assert!(text.contains("argparse.Namespace({\"wandb_key\": \""), "{text}");
        assert!(text.contains("(1, -2, \"x\", True, None, 0)"), "{text}");
        assert!(text.contains("\"word1099\""), "{protocol}");
        torment(&bytes, Binary::Pickle, 300);
        let start = bytes[..1500].to_vec();
        torment(&start, Binary::Pickle, 3000);
    }
}

#[test]
fn a_pickle_is_told_from_other_bytes() {
    assert_eq!(format(b"\x80\x02}q\x00."), Some(Binary::Pickle));
    assert_eq!(format(b"\x80\x04\x95\x10\0\0\0\0\0\0\0}\x94."), Some(Binary::Pickle));
    for other in [&b"\x80"[..], b"\x80\x04", b"\x80\x04\xff", b"\x80\x01}", b"", b"SQLite", b":W&", b"\x55\r\r\nc"] {
        assert_eq!(format(other), None, "{other:?}");
    }
}

#[test]
fn a_pickle_that_grows_without_end_ends() {
    // Each round doubles what the one before made.
    let mut bytes = b"\x80\x02X\x16\0\0\0wandbkey_0123456789_01".to_vec();
    for _ in 0..200 {
        bytes.extend(b"2\x86");
    }
    // A tuple in a tuple, further than anyone goes.
    bytes.extend(b"\x85".repeat(100_000));
    let rendered = render(Binary::Pickle, &bytes);
    assert!(rendered.text.len() <= 8 * bytes.len() + 64 * 1024);
    assert!(String::from_utf8(rendered.text).unwrap().contains("wandbkey_0123456789_01"));
}

/// A run log as the SDK writes it.
#[derive(Default)]
struct RunLog(Vec<u8>);

impl RunLog {
    fn new() -> RunLog {
        RunLog(b":W&B\xe1\xbe\0".to_vec())
    }

    fn add(&mut self, mut record: &[u8]) {
        let mut first = true;
        loop {
            let room = 32 * 1024 - self.0.len() % (32 * 1024);
            if room < 7 {
                self.0.resize(self.0.len() + room, 0);
                continue;
            }
            let (piece, rest) = record.split_at(record.len().min(room - 7));
            let kind = match (first, rest.is_empty()) {
                (true, true) => 1,
                (true, false) => 2,
                (false, false) => 3,
                (false, true) => 4,
            };
            self.0.extend(b"crc!");
            self.0.extend(u16::try_from(piece.len()).unwrap().to_le_bytes());
            self.0.push(kind);
            self.0.extend_from_slice(piece);
            (record, first) = (rest, false);
            if record.is_empty() {
                return;
            }
        }
    }
}

/// A field of protobuf that has a length.
fn field(number: u64, content: &[u8]) -> Vec<u8> {
    let varint = |mut number: u64| {
        let mut out = Vec::new();
        while number >= 0x80 {
            out.push(number as u8 | 0x80);
            number >>= 7;
        }
        out.push(number as u8);
        out
    };
    [varint(number << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

fn item(names: &[&str], value: &str) -> Vec<u8> {
    let own = if let [name] = names { field(1, name.as_bytes()) } else { Vec::new() };
    let path = if names.len() > 1 { names.iter().flat_map(|name| field(2, name.as_bytes())).collect() } else { own };
    field(1, &[path, field(16, value.as_bytes())].concat())
}

#[test]
fn a_run_log_says_what_a_run_was_given() {
    let key = |seed: &str| support::key("legacy", seed);
    let mut log = RunLog::new();
    let config = [
        item(&["wandb_api_key"], &format!("\"{}\"", key("config"))),
        item(&["wandb", "api_key"], &format!("\"{}\"", key("nested"))),
        item(&["git_commit"], &format!("\"{}\"", key("revision"))),
        item(&["notes"], &format!("\"{}\"", "long ".repeat(20_000))),
        item(&["behind_wandb_key"], &format!("\"{}\"", key("behind"))),
    ];
    log.add(&field(17, &field(4, &config.concat())));
    let arguments = [field(5, b"--wandb_key"), field(5, key("argument").as_bytes())].concat();
    let git = [field(1, b"https://github.com/me/wandb-api-key"), field(2, key("commit").as_bytes())].concat();
    log.add(&field(26, &[field(1, b"Linux"), arguments, field(9, &git)].concat()));
    // What one call prints comes in pieces, and other records come between them.
    for piece in ["wandb login", " ", &key("console")] {
        log.add(&field(13, &[vec![8, 1], field(3, piece.as_bytes())].concat()));
        log.add(&field(13, &[vec![8, 0], field(3, b"a warning\n")].concat()));
        log.add(&field(2, &item(&["loss"], "0.5")));
    }
    log.add(&field(13, &[vec![8, 1], field(3, b"\n")].concat()));
    let text = whole(&log.0, Binary::RunLog);
    assert_found("run-x.wandb", &text, &["config", "nested", "behind", "argument", "console"]);
    assert!(text.contains(&format!("{{\"wandb\": {{\"api_key\": \"{}\"}}}}\n", key("nested"))), "{text}");
    assert!(text.contains("\na warning\n") && text.contains("{\"loss\": 0.5}"), "{text}");
    torment(&log.0, Binary::RunLog, 300);

    let mut small = RunLog::new();
    small.add(&field(17, &field(4, &config[..3].concat())));
    small.add(&field(26, &[field(1, b"Linux"), git].concat()));
    torment(&small.0, Binary::RunLog, 4000);
    let rendered = rendered(&small.0[..small.0.len() - 3], Binary::RunLog);
    assert!(rendered.damage.is_some());
    assert_found("run-x.wandb", str::from_utf8(&rendered.text).unwrap(), &["config", "nested"]);
}
