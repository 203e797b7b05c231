//! Keys in containers, through the binary: in each of many contexts, in every container and in pairs of them, a key is found
//! exactly once, with the way in and its line in the innermost member.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

#[path = "support/archives.rs"]
mod archives;
mod support;

use std::fs;

use archives::{Member, compress, tar, zip};
use serde_json::{Value, json};
use wandward::decode::archive::Form;

/// Texts with a `<KEY>` on their third line, and the name of their file.
const CONTEXTS: [(&str, &str); 6] = [
    ("train.py", "import wandb\n\nwandb.login(key=\"<KEY>\")\n"),
    ("run.sh", "set -e\n\nexport WANDB_API_KEY=<KEY>\n"),
    ("config.yaml", "logger:\n  wandb:\n    api_key: <KEY>\n"),
    (".netrc", "machine api.wandb.ai\n  login user\n  password <KEY>\n"),
    (".env", "A=1\nB=2\nWANDB_API_KEY=<KEY>\n"),
    ("wandb_key.txt", "\n\n<KEY>\n"),
];

/// A container: the name it gives a file of that name, its bytes, and the way in to that file.
struct Container {
    name: String,
    bytes: Vec<u8>,
    inner: Vec<String>,
}

type Pack = fn(&str, &[u8]) -> Container;

fn container(name: String, bytes: Vec<u8>, inner: &[&str]) -> Container {
    Container { name, bytes, inner: inner.iter().map(|step| (*step).to_owned()).collect() }
}

fn stream(form: Form, extension: &str, file: &str, content: &[u8]) -> Container {
    container(format!("{file}.{extension}"), compress(form, content), &[file])
}

fn tarball(form: Form, extension: &str, file: &str, content: &[u8]) -> Container {
    let path = format!("app/{file}");
    let bytes = compress(form, &tar(&[("README", b"nothing here\n"), (&path, content)]));
    container(format!("src.tar.{extension}"), bytes, &[&path])
}

const CONTAINERS: [(&str, Pack); 12] = [
    ("stored zip", |file, content| {
        let members = [Member::stored("a.txt", b"nothing"), Member::stored(format!("pkg/{file}"), content)];
        container("stored.zip".to_owned(), zip(&members), &[&format!("pkg/{file}")])
    }),
    ("wheel", |file, content| {
        let members = [Member::deflated(format!("pkg/{file}"), content), Member::deflated("pkg/RECORD", b"")];
        container("pkg-1.0-py3-none-any.whl".to_owned(), zip(&members), &[&format!("pkg/{file}")])
    }),
    ("tar", |file, content| container("src.tar".to_owned(), tar(&[(file, content)]), &[file])),
    ("gz", |file, content| stream(Form::Gzip, "gz", file, content)),
    ("bz2", |file, content| stream(Form::Bzip2, "bz2", file, content)),
    ("xz", |file, content| stream(Form::Xz, "xz", file, content)),
    ("zst", |file, content| stream(Form::Zstd, "zst", file, content)),
    ("lz4", |file, content| stream(Form::Lz4, "lz4", file, content)),
    ("tar.gz", |file, content| tarball(Form::Gzip, "gz", file, content)),
    ("tar.bz2", |file, content| tarball(Form::Bzip2, "bz2", file, content)),
    ("tar.xz", |file, content| tarball(Form::Xz, "xz", file, content)),
    ("tar.zst", |file, content| tarball(Form::Zstd, "zst", file, content)),
];

/// The one finding of a scan of one file.
fn only(name: &str, bytes: &[u8]) -> Result<Value, String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), bytes).unwrap();
    let (report, code) = support::scan_json(folder.path(), &[name]);
    let found = report["findings"].as_array().unwrap();
    match &found[..] {
        [one] if code == 1 => Ok(one.clone()),
        _ => Err(format!("exit {code}, {:#}", json!([found, report["coverage"]]))),
    }
}

#[test]
fn a_key_in_any_container_is_found_once_with_its_way_in_and_its_line() {
    let mut wrong = String::new();
    for (nth, (file, context)) in CONTEXTS.into_iter().enumerate() {
        for (says, pack) in CONTAINERS {
            let key = support::key(support::KINDS[nth % 4], &format!("{file} {says}"));
            let once = pack(file, context.replace("<KEY>", &key).as_bytes());
            let mut cases = vec![(says.to_owned(), once.name.clone(), once.bytes.clone(), once.inner.clone())];
            // A stream in a tar is a member of its own, and a tar in a stream is not.
            for (other, pack) in CONTAINERS {
                let twice = pack(&once.name, &once.bytes);
                let joined =
                    once.name == "src.tar" && !other.contains("tar") && !other.contains("zip") && other != "wheel";
                let inner = if joined { once.inner.clone() } else { [twice.inner, once.inner.clone()].concat() };
                cases.push((format!("{says} in {other}"), twice.name, twice.bytes, inner));
            }
            for (says, name, bytes, inner) in cases {
                match only(&name, &bytes) {
                    Ok(found) => {
                        let location = &found["location"];
                        let right = location["inner"] == json!(inner)
                            && location["line"] == 3
                            && location["path"] == name
                            && found["key"]["fingerprint"] == support::fingerprint(&key);
                        if !right {
                            wrong.push_str(&format!("{says} of {file}: wanted {inner:?}, {location}\n"));
                        }
                    }
                    Err(other) => wrong.push_str(&format!("{says} of {file}: {other}\n")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_place_in_a_container_names_the_rule() {
    let key = support::key("legacy", "netrc");
    let netrc = format!("machine api.wandb.ai\n  login user\n  password {key}\n");
    let layer = tar(&[("root/.netrc", netrc.as_bytes())]);
    let id = "b7".repeat(32);
    let image = tar(&[("manifest.json", b"[]"), (&format!("{id}/layer.tar"), &layer)]);
    let found = only("image.tar", &image).unwrap();
    assert_eq!(found["rule"], "key-in-netrc");
    assert_eq!(found["location"]["inner"], json!([format!("{id}/layer.tar"), "root/.netrc"]));
}

#[test]
fn an_innocent_archive_is_silent_and_a_damaged_one_is_a_gap() {
    let commit = support::key("legacy", "innocent");
    let bytes = compress(Form::Gzip, &tar(&[("wandb/lock.txt", format!("wandb-core commit: {commit}\n").as_bytes())]));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.tgz"), &bytes).unwrap();
    let (report, code) = support::scan_json(folder.path(), &["."]);
    assert_eq!((code, &report["findings"]), (0, &json!([])));
    fs::write(folder.path().join("a.tgz"), &bytes[..bytes.len() / 2]).unwrap();
    let (report, code) = support::scan_json(folder.path(), &["."]);
    assert_eq!(code, 3, "{report:#}");
    assert_eq!(report["coverage"]["skipped"][0]["gap"], true);
}

#[test]
fn standard_input_may_be_a_container() {
    let key = support::key("v1", "stdin");
    let bytes = zip(&[Member::deflated("a/.env", format!("\nWANDB_API_KEY={key}\n"))]);
    let mut command = support::wandward(&std::env::temp_dir());
    let output = support::fed(command.args(["scan", "--format", "json", "-"]), &bytes);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let location = &report["findings"][0]["location"];
    assert_eq!(
        (&location["inner"], &location["line"], &location["kind"]),
        (&json!(["a/.env"]), &json!(2), &json!("stdin"))
    );
    assert_eq!(report["findings"].as_array().unwrap().len(), 1);
}

#[test]
fn byte_code_and_databases_have_no_lines() {
    let (key, java) = (support::key("legacy", "rows"), support::key("v1", "class"));
    let folder = tempfile::tempdir().unwrap();
    let database = rusqlite::Connection::open(folder.path().join("app.db")).unwrap();
    database
        .execute_batch(&format!(
            "create table settings(name, value); insert into settings values ('WANDB_API_KEY', '{key}')"
        ))
        .unwrap();
    drop(database);
    let bytes = fs::read(folder.path().join("app.db")).unwrap();
    for (name, bytes, inner) in [
        ("app.db", bytes.clone(), json!([])),
        (
            "App.class",
            [b"\xCA\xFE\xBA\xBE\0\0\0\x34\0\x02\x01\0\x56\n".to_vec(), java.clone().into_bytes(), b"\x01".to_vec()]
                .concat(),
            json!([]),
        ),
        ("app.zip", zip(&[Member::deflated("x/app.db", &bytes)]), json!(["x/app.db"])),
    ] {
        let found = only(name, &bytes).unwrap();
        let location = &found["location"];
        assert_eq!(location["inner"], inner);
        let key = if name == "App.class" { &java } else { &key };
        assert_eq!(found["key"]["fingerprint"], support::fingerprint(key));
        for field in ["line", "column", "end_line", "end_column"] {
            assert_eq!(location[field], Value::Null);
        }
    }
}

#[test]
fn a_bomb_ends_with_a_gap_and_what_came_before_it_is_found() {
    let key = support::key("legacy", "bomb");
    let zeros = Member::deflated("zeros", vec![0; 64 << 20]);
    let env = Member::deflated(".env", format!("WANDB_API_KEY={key}\n"));
    let bomb = zip(&[vec![env], vec![zeros; 8]].concat());
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bomb.zip"), bomb).unwrap();
    let (report, code) = support::scan_json(folder.path(), &["bomb.zip"]);
    assert_eq!((code, &report["findings"][0]["location"]["inner"]), (1, &json!([".env"])));
    let skipped = report["coverage"]["skipped"].as_array().unwrap();
    assert!(
        skipped[0]["reason"].as_str().unwrap().starts_with("expands to more than 100 times its size"),
        "{report:#}"
    );
    assert_eq!((&skipped[0]["gap"], &report["coverage"]["complete"]), (&json!(true), &json!(false)));
}

#[test]
fn texts_that_grow_when_they_are_read_end() {
    let key = support::key("legacy", "aliases");
    let folder = tempfile::tempdir().unwrap();
    let mut yaml = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..40 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        yaml.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    yaml.push_str(&format!("wandb:\n  api_key: {key}\n"));
    fs::write(folder.path().join("aliases.yaml"), yaml).unwrap();
    let deep = format!("{}\"wandb_api_key\": \"{key}\"{}", "{\"a\": ".repeat(200_000), "}".repeat(200_000));
    fs::write(folder.path().join("deep.ipynb"), &deep).unwrap();
    let (report, code) = support::scan_json(folder.path(), &["."]);
    let found: Vec<_> =
        report["findings"].as_array().unwrap().iter().map(|f| f["location"]["path"].as_str().unwrap()).collect();
    assert_eq!((code, &found[..]), (1, &["aliases.yaml", "deep.ipynb"][..]));
}
