//! Texts of two and four bytes a character, smaller and larger than a window: at whatever byte they begin and whatever their
//! characters are made of, each key is told once; of those that are read whole and begin with a unit, where an editor shows it.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use support::{Random, fingerprint, key};

/// Files this large come in windows, in bytes.
const WHOLE: usize = 2 << 20;

/// Characters of which a byte is a line feed, a carriage return or a blank, among those that stand beside them.
const ALPHABETS: [&str; 7] =
    ["ąęłśćżĊċčž", "ਅਉਊਗਪ੍ਰੴ", "上不的是一乊丠中文", "дляключаЊЍРЅ", "čšžđć", "→✓…😀—🔑Ċ", "┊＊＠†∠1"];

/// A text of at least so many characters, and of each key in it the fingerprint, line and column.
struct Written {
    text: String,
    keys: Vec<(String, u64, u64)>,
    line: u64,
}

impl Written {
    /// With a byte order mark most characters are wider than a byte; without, most are not. Of a key in a `txt` the format alone
    /// says what it is.
    fn new(least: usize, seed: u64, marked: bool, form: &str) -> Written {
        let mut random = Random(seed);
        let alphabet: Vec<char> = ALPHABETS[seed as usize % ALPHABETS.len()].chars().collect();
        let end = ["\n", "\r\n"][seed as usize / ALPHABETS.len() % 2];
        let mut written = Written { text: String::new(), keys: Vec::new(), line: 1 };
        let mut word = |most: usize| -> String {
            (0..=random.below(most)).map(|_| alphabet[random.below(alphabet.len())]).collect()
        };
        written.end(if marked { "\u{feff}# here it begins" } else { "# here it begins" }, end);
        let mut long_line = false;
        let mut characters = 0;
        let mut nth = 0;
        while characters < least {
            nth += 1;
            let before = written.text.len();
            let turn = nth % 97;
            if turn < 4 {
                // One line is longer than a window.
                let long = turn == 3 && characters > least / 2 && !std::mem::replace(&mut long_line, true);
                let row = if long { (0..20_000).map(|_| word(2) + " and so on, ").collect() } else { word(4) };
                let kind = if form == "txt" { "v1" } else { support::KINDS[nth / 97 % 4] };
                let key = key(kind, &format!("{seed} {nth}"));
                let code = match (form, turn) {
                    ("txt", _) => format!("{row} {key}  # {}", word(3)),
                    ("yaml", _) => format!("  api_key: {key}  # {}", word(3)),
                    (_, 0) => format!("# WANDB_API_KEY={key}"),
                    (_, 1) => format!("wandb.login(key=\"{key}\")  # {}", word(3)),
                    (_, 2) => format!("os.environ[\"WANDB_API_KEY\"] = \"{key}\"  # {} {}", word(3), word(2)),
                    _ => format!("note = \"{row}\"; wandb.login(key=\"{key}\")"),
                };
                if form == "yaml" {
                    written.end(&format!("# {}", word(3)), end);
                    written.end(&format!("wandb:  # {}", word(2)), end);
                } else {
                    written.end(&format!("value_{nth} = f(1, \"{}\")  # {}", word(3), word(3)), end);
                }
                written.key(&key, &code, end);
            } else if marked || turn == 50 {
                written.end(&format!("# {} {}, {}", word(20), word(30), word(9)), end);
            } else if form == "yaml" {
                written.end(&format!("name_{nth}: a plain value  # as it was"), end);
            } else {
                written.end(&format!("value_{nth} = f({}, \"plain\", x=[1, 2, 3])  # as it was", nth * 7), end);
            }
            characters += written.text[before..].chars().count();
        }
        written
    }

    fn end(&mut self, line: &str, end: &str) {
        self.text.push_str(line);
        self.text.push_str(end);
        self.line += 1;
    }

    fn key(&mut self, key: &str, line: &str, end: &str) {
        let column = line[..line.find(key).unwrap()].chars().count() as u64 + 1;
        self.keys.push((fingerprint(key), self.line, column));
        self.end(line, end);
    }

    /// In so many bytes a unit.
    fn bytes(&self, unit: usize, big_endian: bool) -> Vec<u8> {
        let long = |c: char| if big_endian { u32::from(c).to_be_bytes() } else { u32::from(c).to_le_bytes() };
        let short = |unit: u16| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() };
        match unit {
            4 => self.text.chars().flat_map(long).collect(),
            _ => self.text.encode_utf16().flat_map(short).collect(),
        }
    }
}

/// Of what a scan tells of a tree: path, line, column and fingerprint of each key. In a file that is not `placed`, line and column
/// are left out: its bytes do not tell where it begins, or windows count its line ends as those of bytes.
type Told = (String, u64, u64, String);

/// What to be called if the places of its keys are compared.
const PLACED: &str = "placed";

/// Scans the tree and compares; every key is wanted once. Returns what is told, with every place.
fn compare(root: &Path, arguments: &[&str], mut wanted: Vec<Told>) -> Vec<Told> {
    let unplaced = |(path, line, column, key): Told| match path.starts_with(PLACED) {
        true => (path, line, column, key),
        false => (path, 0, 0, key),
    };
    wanted = wanted.into_iter().map(unplaced).collect();
    let (report, _) = support::scan_json(root, &[arguments, &["."]].concat());
    let keys = report["findings"].as_array().unwrap().iter().filter(|finding| !finding["key"].is_null());
    let mut told: Vec<Told> = keys
        .map(|finding| {
            let at = |name: &str| finding["location"][name].as_u64().unwrap_or(0);
            let path = finding["location"]["path"].as_str().unwrap().to_owned();
            (path, at("line"), at("column"), finding["key"]["fingerprint"].as_str().unwrap().to_owned())
        })
        .collect();
    told.sort();
    let mut found: Vec<Told> = told.iter().cloned().map(unplaced).collect();
    found.sort();
    wanted.sort();
    let without = |all: &[Told], others: &[Told]| -> BTreeMap<String, Vec<Told>> {
        let mut left = BTreeMap::<_, Vec<_>>::new();
        for one in all.iter().filter(|one| others.binary_search(one).is_err()) {
            left.entry(one.0.clone()).or_default().push(one.clone());
        }
        left.values_mut().for_each(|left| left.truncate(2));
        left
    };
    let (missed, extra) = (without(&wanted, &found), without(&found, &wanted));
    assert!(missed.is_empty() && extra.is_empty(), "missed such as {missed:#?}, extra such as {extra:#?}");
    assert_eq!(found.len(), wanted.len());
    told
}

const ORDERS: [(usize, bool); 4] = [(2, false), (2, true), (4, false), (4, true)];

#[test]
fn every_key_of_a_wide_text_is_told_once() {
    let root = tempfile::tempdir().unwrap();
    let mut wanted = Vec::new();
    let mut seed = 0;
    for (unit, big_endian) in ORDERS {
        for (size, bytes) in [("small", 1 << 19), ("large", 5 << 19)] {
            for (ahead, marked) in (0..unit).map(|ahead| (ahead, false)).chain([(0, true)]) {
                for kind in ["py", "yaml", "log"] {
                    seed += 1;
                    let written = Written::new(bytes / unit, seed, marked, kind);
                    let placed = if size == "small" && ahead == 0 { PLACED } else { "found" };
                    let name = format!("{placed}-{size}-{seed}-{marked}-from-{ahead}.{kind}");
                    let file = [&vec![1; ahead], &written.bytes(unit, big_endian)[..]].concat();
                    assert_eq!(file.len() > WHOLE, size == "large");
                    fs::write(root.path().join(&name), file).unwrap();
                    wanted
                        .extend(written.keys.into_iter().map(|(key, line, column)| (name.clone(), line, column, key)));
                }
            }
        }
    }
    compare(root.path(), &[], wanted);
}

/// Keys that need no context leave nothing open, so that each window tells by itself and no larger part is read at once.
#[test]
fn each_window_of_a_wide_text_tells_its_keys() {
    let root = tempfile::tempdir().unwrap();
    let mut wanted = Vec::new();
    let mut seed = 100;
    for (unit, big_endian) in ORDERS {
        for (ahead, marked) in [(0, false), (1, false), (unit - 1, false), (0, true)] {
            seed += 1;
            let written = Written::new((4 << 20) / unit, seed, marked, "txt");
            let name = format!("{seed}-{}-{big_endian}-from-{ahead}.txt", unit * 8);
            fs::write(root.path().join(&name), [&vec![1; ahead], &written.bytes(unit, big_endian)[..]].concat())
                .unwrap();
            wanted.extend(written.keys.into_iter().map(|(key, line, column)| (name.clone(), line, column, key)));
        }
    }
    compare(root.path(), &[], wanted);
}

#[test]
fn a_wide_text_read_by_several_threads_tells_what_one_thread_tells() {
    let root = tempfile::tempdir().unwrap();
    let mut wanted = Vec::new();
    for (ahead, marked) in [(0, true), (1, false)] {
        let written = Written::new(17 << 20, 200, marked, "txt");
        let name = format!("from-{ahead}.txt");
        fs::write(root.path().join(&name), [&vec![1; ahead], &written.bytes(2, false)[..]].concat()).unwrap();
        wanted.extend(written.keys.into_iter().map(|(key, line, column)| (name.clone(), line, column, key)));
    }
    let [one, several] = ["1", "5"].map(|jobs| compare(root.path(), &["--jobs", jobs], wanted.clone()));
    assert_eq!(one, several);
}

/// What a reading from the wrong byte takes up: the first letter of the name, or the end of the line before it.
#[test]
fn few_characters_beside_signs_hide_no_key() {
    let root = tempfile::tempdir().unwrap();
    let mut wanted = Vec::new();
    for (nth, around) in ["# ＊1＊1", "# ∠90 ∠45 ∠30", "# ┊1┊1┊1", "# łódź", "# ąę"].into_iter().enumerate()
    {
        for (unit, big_endian) in ORDERS {
            for ahead in 0..unit {
                let key = key("legacy", &format!("{nth} {unit} {big_endian} {ahead}"));
                let mut written = Written { text: String::new(), keys: Vec::new(), line: 1 };
                written.key(&key, &format!("WANDB_API_KEY={key}"), "\n");
                written.end(around, "\n");
                let placed = if ahead == 0 { PLACED } else { "found" };
                let name = format!("{placed}-{nth}-{unit}-{big_endian}-{ahead}.env");
                let bytes = [&vec![1; ahead], &written.bytes(unit, big_endian)[..]].concat();
                fs::write(root.path().join(&name), bytes).unwrap();
                wanted.extend(written.keys.into_iter().map(|(key, line, column)| (name.clone(), line, column, key)));
            }
        }
    }
    compare(root.path(), &[], wanted);
}
