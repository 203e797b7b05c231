//! Bad input: names, file types, sizes, shapes and repositories that were made to break a scanner or to hide from it.
#![cfg(unix)]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests build their own world and may panic"
)]

mod support;

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use serde_json::Value;
use support::{fingerprint, key, wandward};
use wandward::rule::example::legacy_key;

/// What a command came to.
struct Shown {
    code: i32,
    out: String,
    err: String,
}

/// The binary, which the system ends if it goes on for ever: it may use this many seconds of a processor, far more than
/// it needs.
fn bounded(folder: &Path) -> Command {
    const SECONDS: &str = "300";
    let binary = wandward(folder);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "ulimit -t \"$0\"; exec \"$@\"", SECONDS]).arg(binary.get_program());
    command.current_dir(folder).env_clear().stdin(Stdio::null());
    command
}

/// Runs the binary; whatever it prints, it shows no part of these keys and no internal error.
fn run(folder: &Path, arguments: &[&OsStr], keys: &[&str]) -> Shown {
    let output = support::run(bounded(folder).args(arguments));
    let out = String::from_utf8(output.stdout).unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(!err.contains("internal error") && !err.contains("panicked"), "{arguments:?}: {err}");
    for key in keys {
        for text in [&out, &err] {
            assert!(!leaks(text, key), "{arguments:?} shows a part of a key:\n{text}");
        }
    }
    Shown { code: output.status.code().unwrap_or_else(|| panic!("{arguments:?} died: {}", output.status)), out, err }
}

/// The JSON report of a scan for keys, and its exit code.
fn scan(folder: &Path, arguments: &[&str], keys: &[&str]) -> (Value, i32) {
    let mut line: Vec<&OsStr> = ["scan", "--select", "keys", "--format", "json"].map(OsStr::new).to_vec();
    line.extend(arguments.iter().map(OsStr::new));
    let shown = run(folder, &line, keys);
    let report = serde_json::from_str(&shown.out).unwrap_or_else(|e| panic!("{e}: {}{}", shown.out, shown.err));
    (report, shown.code)
}

/// Path, line and column of each finding.
fn places(report: &Value) -> Vec<(String, u64, u64)> {
    let place = |f: &Value| {
        let location = &f["location"];
        let number = |name: &str| location[name].as_u64().unwrap();
        (location["path"].as_str().unwrap().to_owned(), number("line"), number("column"))
    };
    report["findings"].as_array().unwrap().iter().map(place).collect()
}

fn paths(report: &Value) -> Vec<String> {
    places(report).into_iter().map(|(path, _, _)| path).collect()
}

/// Path, reason and whether it is a gap, of everything that was passed over.
fn skipped(report: &Value) -> Vec<(String, String, bool)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let skip = |s: &Value| (text(&s["path"]), text(&s["reason"]), s["gap"].as_bool().unwrap());
    report["coverage"]["skipped"].as_array().unwrap().iter().map(skip).collect()
}

/// Whether a text holds eight characters in a row of a key that do not all belong to the key's public id.
fn leaks(text: &str, key: &str) -> bool {
    let key = key.strip_prefix("local-").unwrap_or(key);
    let id = if key.starts_with("wandb_v1_") { 20 } else { 4 };
    (0..=key.len() - 8).filter(|start| start + 8 > id).any(|start| text.contains(&key[start..start + 8]))
}

fn login(key: &str) -> String {
    format!("wandb.login(key=\"{key}\")\n")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// A FIFO that tells whether it was opened for reading. Whoever opens it meets its end, so nothing hangs.
struct Trap {
    path: PathBuf,
    over: Arc<AtomicBool>,
    opened: JoinHandle<bool>,
}

impl Trap {
    fn new(path: PathBuf) -> Trap {
        mkfifo(&path);
        let over = Arc::new(AtomicBool::new(false));
        let opened = std::thread::spawn({
            let (path, over) = (path.clone(), Arc::clone(&over));
            move || {
                let mut opened = false;
                // To open it for writing waits until somebody reads.
                while OpenOptions::new().write(true).open(&path).is_ok() && !over.load(Ordering::SeqCst) {
                    opened = true;
                }
                opened
            }
        });
        Trap { path, over, opened }
    }

    fn was_opened(self) -> bool {
        self.over.store(true, Ordering::SeqCst);
        let reader = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&self.path).unwrap();
        let opened = self.opened.join().unwrap();
        drop(reader);
        opened
    }
}

#[test]
fn a_trap_notices_a_reader() {
    let root = folder();
    let trap = Trap::new(root.path().join("fifo"));
    // The second reader is met only when the first was noted.
    for _ in 0..2 {
        assert_eq!(fs::read(&trap.path).unwrap(), b"");
    }
    assert!(trap.was_opened());
    assert!(!Trap::new(root.path().join("other")).was_opened());
}

#[test]
fn names_that_are_not_utf8() {
    let root = folder();
    let key = key("v1", "name");
    let names: [(&[u8], &str, &str); 4] = [
        (b"\xff.py", "\\xff.py", "/y5weQ=="),
        (b"caf\xe9.py", "caf\\xe9.py", "Y2Fm6S5weQ=="),
        (b"\xc3\xa9\xc3.py", "é\\xc3.py", "w6nDLnB5"),
        (b"\xed\xa0\x80.py", "\\xed\\xa0\\x80.py", "7aCALnB5"),
    ];
    for (name, _, _) in names {
        match fs::write(root.path().join(OsStr::from_bytes(name)), login(&key)) {
            Ok(()) => {}
            Err(error) => return eprintln!("skipped: this file system takes no such name: {error}"),
        }
    }
    mkfifo(&root.path().join(OsStr::from_bytes(b"pipe\xfe")));
    let (report, code) = scan(root.path(), &["."], &[&key]);
    assert_eq!((code, places(&report).len()), (1, 4));
    for (name, path, raw) in names {
        let of = |f: &&Value| f["location"]["path"] == path;
        let found: Vec<_> = report["findings"].as_array().unwrap().iter().filter(of).collect();
        assert_eq!(found.len(), 1, "{path}: {report:#}");
        assert_eq!(found[0]["location"]["path_raw"], raw, "{path}");
        assert_eq!(raw, data_encoding::BASE64.encode(name), "the table is right");
        // The same by name.
        let shown = run(root.path(), &[OsStr::new("scan"), OsStr::from_bytes(name)], &[&key]);
        assert_eq!(shown.code, 1, "{path}");
        assert!(shown.out.contains(&format!("{path}:1:18")), "{}", shown.out);
    }
    let pipe = &report["coverage"]["skipped"][0];
    assert_eq!((&pipe["path"], &pipe["path_raw"]), (&"pipe\\xfe".into(), &"cGlwZf4=".into()), "{report:#}");
}

#[test]
fn a_name_that_is_utf8_has_no_raw_form() {
    let root = folder();
    let key = key("v1", "name");
    fs::write(root.path().join("a\\xff é.py"), login(&key)).unwrap();
    let (report, _) = scan(root.path(), &[], &[&key]);
    assert_eq!(paths(&report), ["a\\xff é.py"]);
    assert_eq!(report["findings"][0]["location"].get("path_raw"), None);
}

/// Names that act on a terminal, in a log or in a CI system if they are printed as they are.
const NAMES: [&str; 13] = [
    "a\nb.py",
    "\n::error title=x::y.py",
    "::error file=a,line=1::b.py",
    "::stop-commands::x",
    "  ::warning::z.py",
    "##[error]x.py",
    "\r::notice::c.py",
    "\x1b[31mred\x1b[0m.py",
    "\x1b]0;title\x07.py",
    "bidi\u{202e}yp.exe",
    "bidi\u{2066}x\u{2069}.py",
    "zero\u{200b}width\u{feff}.py",
    "c1\u{9b}31m\u{85}.py",
];

/// What is wrong with a text that is printed for people.
fn acts(text: &str) -> Option<String> {
    let raw = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    if let Some(c) = text.chars().find(|c| raw(*c)) {
        return Some(format!("{c:?} is printed raw"));
    }
    // GitHub's runner takes a command after white space too; `:::` is no command.
    let command = |line: &&str| {
        let line = line.trim_start();
        line.starts_with("##[") || line.strip_prefix("::").is_some_and(|rest| rest.starts_with(char::is_alphabetic))
    };
    text.lines().find(command).map(|line| format!("a CI system obeys {line:?}"))
}

#[test]
fn hostile_names_do_not_act() {
    let mut wrong = String::new();
    for name in NAMES {
        let root = folder();
        let key = key("legacy", "name");
        let path = root.path().join(name);
        fs::write(&path, format!("WANDB_API_KEY={key}\nx = 1\nWANDB_COMMIT={key}\n{}", login(&key))).unwrap();
        fs::write(root.path().join("b.py"), format!("{}# wandward: allow[hardcoded-key]", login(&key))).unwrap();
        fs::create_dir(root.path().join("pipes")).unwrap();
        mkfifo(&root.path().join("pipes").join(name));
        let with = |suffix: &str| format!("{name}{suffix}");
        let lines: Vec<Vec<String>> = [
            vec!["scan", "."],
            vec!["scan", "-v", "--show-suppressed", "."],
            vec!["scan", "-q", "--", name],
            vec!["scan", "--", &with(".missing")],
            vec!["scan", "-v", "--", &format!("pipes/{name}")],
            vec!["explain", "--", &with(":1")],
            vec!["explain", "--", &with(":2")],
            vec!["explain", "--", &with(":3")],
            vec!["explain", "--", &with(":99")],
            vec!["explain", "--", &with(".missing:1")],
            vec!["explain", "--", name],
        ]
        .into_iter()
        .map(|line| line.into_iter().map(str::to_owned).collect())
        .collect();
        for line in &lines {
            let arguments: Vec<&OsStr> = line.iter().map(OsStr::new).collect();
            let shown = run(root.path(), &arguments, &[&key]);
            for text in [&shown.out, &shown.err] {
                if let Some(what) = acts(text) {
                    wrong.push_str(&format!("{line:?}: {what}\n"));
                }
            }
        }
        let (report, code) = scan(root.path(), &["--", name], &[&key]);
        assert_eq!((code, paths(&report)), (1, vec![name.to_owned(); 2]), "JSON tells the name as it is");
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn many_places_with_hostile_names_do_not_act() {
    let root = folder();
    let key = key("legacy", "name");
    for nth in 0..30 {
        fs::write(root.path().join(format!("::error file=x,line={nth}::y")), login(&key)).unwrap();
    }
    let shown = run(root.path(), &["scan", "."].map(OsStr::new), &[&key]);
    assert_eq!(shown.code, 1);
    assert_eq!(acts(&shown.out), None, "{}", shown.out);
}

#[test]
fn hostile_text_beside_a_key_does_not_act() {
    let key = key("legacy", "text");
    let mut wrong = String::new();
    for name in NAMES {
        for text in [
            format!("{name} WANDB_API_KEY={key} # {name}"),
            format!("wandb.login(key=\"{key}\")  # {name} # wandward: allow[exposed-key, hardcoded-key] {name}"),
            format!("{name}WANDB_API_KEY={key}"),
            format!("[wandb{name}]\napi_key = {key}{name}"),
        ] {
            for file in ["a.py", "a.txt"] {
                let root = folder();
                fs::write(root.path().join(file), &text).unwrap();
                let last = format!("{file}:{}", text.lines().position(|line| line.contains(&key)).unwrap() + 1);
                for line in [&["scan", "--show-suppressed", "-v"][..], &["explain", &last]] {
                    let arguments: Vec<&OsStr> = line.iter().map(OsStr::new).collect();
                    let shown = run(root.path(), &arguments, &[&key]);
                    for out in [&shown.out, &shown.err] {
                        if let Some(what) = acts(out) {
                            wrong.push_str(&format!("{line:?} of {text:?}: {what}\n"));
                        }
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.replace(&key, "KEY"));
}

/// GitHub's runner looks for the older form of its commands anywhere in a line (ActionCommand.TryParse).
#[test]
fn an_older_ci_command_is_not_printed_anywhere_in_a_line() {
    let root = folder();
    let key = key("legacy", "text");
    fs::write(root.path().join("x##[add-mask]y.py"), format!("wandb.login(key=\"{key}\") ##[add-mask]z\n")).unwrap();
    for line in [&["scan"][..], &["explain", "x##[add-mask]y.py:1"]] {
        let arguments: Vec<&OsStr> = line.iter().map(OsStr::new).collect();
        let shown = run(root.path(), &arguments, &[&key]);
        assert!(!shown.out.contains("##[add-mask]"), "{}", shown.out);
    }
}

#[test]
fn what_is_no_regular_file_is_not_opened() {
    let root = folder();
    let key = key("v1", "types");
    fs::write(root.path().join("a.py"), login(&key)).unwrap();
    let trap = Trap::new(root.path().join("fifo.py"));
    let hidden = Trap::new(root.path().join(".env"));
    let _socket = std::os::unix::net::UnixListener::bind(root.path().join("socket")).unwrap();
    let device = Command::new("mknod").arg(root.path().join("zero")).args(["c", "1", "5"]).output().unwrap();
    if !device.status.success() {
        eprintln!("skipped: no device nodes here: {}", String::from_utf8_lossy(&device.stderr));
    }
    let (report, code) = scan(root.path(), &["."], &[&key]);
    assert_eq!((code, paths(&report)), (1, vec!["a.py".to_owned()]));
    assert_eq!(report["coverage"]["files"], 1);
    assert_eq!(report["coverage"]["complete"], true, "none of these is a gap: {report:#}");
    let skipped = skipped(&report);
    let mut wanted = vec![(".env", "a FIFO"), ("fifo.py", "a FIFO"), ("socket", "a socket")];
    if device.status.success() {
        wanted.push(("zero", "a device"));
    }
    assert_eq!(skipped.len(), wanted.len(), "{skipped:?}");
    for ((path, reason, gap), (name, why)) in skipped.iter().zip(wanted) {
        assert!(path == name && reason.starts_with(why) && !gap, "{skipped:?}");
    }
    for name in ["fifo.py", "socket", "/dev/zero", "/dev/null", "/dev/tty"] {
        let (report, code) = scan(root.path(), &[name], &[]);
        assert_eq!((code, &report["coverage"]["files"]), (3, &0.into()), "{name}");
        let shown = run(root.path(), &[OsStr::new("explain"), OsStr::new(&format!("{name}:1"))], &[]);
        assert_eq!(shown.code, 2, "{name}: {}", shown.out);
    }
    symlink("fifo.py", root.path().join("link")).unwrap();
    assert_eq!(scan(root.path(), &["link"], &[]).1, 3);
    assert!(!trap.was_opened() && !hidden.was_opened());
}

#[test]
fn links() {
    let root = folder();
    let outside = folder();
    let keys = [key("v1", "outside"), key("v1", "inside"), key("v1", "below")];
    let [out_key, in_key, below_key] = &keys;
    fs::write(outside.path().join("secret.py"), login(out_key)).unwrap();
    let at = |name: &str| root.path().join(name);
    fs::create_dir_all(at("sub/deep")).unwrap();
    fs::write(at("a.py"), login(in_key)).unwrap();
    fs::write(at("sub/b.py"), login(below_key)).unwrap();
    symlink(outside.path(), at("out")).unwrap();
    symlink(outside.path().join("secret.py"), at("out.py")).unwrap();
    symlink("..", at("sub/loop")).unwrap();
    symlink("self", at("self")).unwrap();
    symlink("pong", at("ping")).unwrap();
    symlink("ping", at("pong")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    symlink("sub", at("inner")).unwrap();
    symlink("a.py", at("a-link.py")).unwrap();
    let all: Vec<&str> = keys.iter().map(String::as_str).collect();

    let (report, code) = scan(root.path(), &["."], &all);
    assert_eq!((code, paths(&report)), (1, vec!["a.py".to_owned(), "sub/b.py".to_owned()]));
    assert_eq!(report["coverage"]["complete"], true, "a link is no gap: {report:#}");
    let mut linked: Vec<_> = skipped(&report).into_iter().map(|(path, _, _)| path).collect();
    linked.sort();
    assert_eq!(
        linked,
        ["a-link.py", "dangling", "inner", "out", "out.py", "ping", "pong", "self", "sub/loop"],
        "{report:#}"
    );

    // A link that is named is followed, and no further.
    let table: [(&str, i32, &[&str]); 9] = [
        ("a-link.py", 1, &["a-link.py"]),
        ("out.py", 1, &["out.py"]),
        ("out", 1, &["out/secret.py"]),
        ("out/", 1, &["out/secret.py"]),
        ("inner", 1, &["inner/b.py"]),
        ("inner/b.py", 1, &["inner/b.py"]),
        ("dangling", 3, &[]),
        ("self", 3, &[]),
        ("ping", 3, &[]),
    ];
    for (name, code, found) in table {
        let (report, was) = scan(root.path(), &[name], &all);
        assert_eq!((was, paths(&report)), (code, found.iter().map(|&p| p.to_owned()).collect()), "{name}");
    }
}

#[test]
fn binary_files_are_scanned_as_bytes() {
    let root = folder();
    let noise: Vec<u8> = (0..5000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8 | 0x80).collect();
    let table = |key: &str, wandb: &str| -> Vec<Vec<u8>> {
        vec![
            [b"\0\0\0", wandb.as_bytes(), key.as_bytes(), b"\0\0"].concat(),
            [&noise[..], b"\0", wandb.as_bytes(), key.as_bytes(), b"\0", &noise].concat(),
            [&noise[..], b"\n", wandb.as_bytes(), key.as_bytes()].concat(),
            [b"\x7fELF\x02\x01\x01\0", &[0; 4000][..], b"\0", wandb.as_bytes(), key.as_bytes(), &[0; 99]].concat(),
            [b"\xef\xbb\xbf", wandb.as_bytes(), key.as_bytes(), b"\r\n"].concat(),
        ]
    };
    for kind in support::KINDS {
        let key = key(kind, "binary");
        for (nth, bytes) in table(&key, "WANDB_API_KEY=").iter().enumerate() {
            fs::write(root.path().join("file.bin"), bytes).unwrap();
            let (report, code) = scan(root.path(), &[], &[&key]);
            assert_eq!((code, places(&report).len()), (1, 1), "{kind} {nth}: {report:#}");
            assert_eq!(report["findings"][0]["key"]["fingerprint"], fingerprint(&key), "{kind} {nth}");
            assert_eq!(report["coverage"]["bytes"], bytes.len());
            let shown = run(root.path(), &[OsStr::new("scan")], &[&key]);
            assert_eq!((shown.code, acts(&shown.out)), (1, None), "{kind} {nth}: {}", shown.out);
        }
    }
}

/// The hole is read, as every byte is; only the space on disk is spared.
#[test]
fn a_key_behind_a_hole_of_three_gigabytes() {
    const HOLE: u64 = 3 << 30;
    let root = folder();
    let key = key("legacy", "sparse");
    let mut file = File::create(root.path().join("core.img")).unwrap();
    if let Err(error) = file.set_len(HOLE) {
        return eprintln!("skipped: this file system takes no such file: {error}");
    }
    file.seek(SeekFrom::Start(HOLE)).unwrap();
    let tail = format!("\n\nexport WANDB_API_KEY={key}\n");
    file.write_all(tail.as_bytes()).unwrap();
    drop(file);
    let (report, code) = scan(root.path(), &[], &[&key]);
    assert_eq!((code, places(&report)), (1, vec![("core.img".to_owned(), 3, 22)]), "{report:#}");
    assert_eq!(report["coverage"]["bytes"], HOLE + tail.len() as u64);
}

#[test]
fn a_key_in_the_middle_of_a_line_of_sixty_megabytes() {
    let root = folder();
    for kind in ["legacy", "local-v1"] {
        let key = key(kind, "long line");
        let half = "é x; ".repeat(5_000_000);
        let text = format!("{half}wandb.login(key=\"{key}\"); {half}");
        assert!(text.len() > 60_000_000 && !text.contains('\n'));
        fs::write(root.path().join("min.js"), &text).unwrap();
        let (report, code) = scan(root.path(), &[], &[&key]);
        let column = half.chars().count() as u64 + 18;
        assert_eq!((code, places(&report)), (1, vec![("min.js".to_owned(), 1, column)]), "{kind}");
        let location = &report["findings"][0]["location"];
        assert_eq!((&location["end_line"], &location["end_column"]), (&1.into(), &(column + key.len() as u64).into()));
        assert!(report["findings"][0]["snippet"].as_str().unwrap().chars().count() <= 160);
        let shown = run(root.path(), &[OsStr::new("scan")], &[&key]);
        assert!(shown.out.len() < 4000, "the report stays short: {} bytes", shown.out.len());
    }
}

#[test]
fn a_folder_two_hundred_levels_deep() {
    let root = folder();
    let key = key("v1", "deep");
    let below = "d/".repeat(200);
    fs::create_dir_all(root.path().join(&below)).unwrap();
    fs::write(root.path().join(&below).join("a.py"), login(&key)).unwrap();
    let (report, code) = scan(root.path(), &[], &[&key]);
    assert_eq!((code, places(&report)), (1, vec![(format!("{below}a.py"), 1, 18)]));
}

#[test]
fn unbalanced_and_deeply_nested_text() {
    const SIZE: usize = 1 << 20;
    let units = [
        "(", ")", "[", "]", "{", "}", "[{", "([{", "}])", "\"", "'", "`", "\"\"\"", "'''", "\\", "\\\"", "\\\\\\\"",
        "${", "$(", "<", "<a>", "</", "/*", "*/", "<!--", "# ", "#", "//", "\"\"\"(", "[\"", "{\"a\":", "{\"a\":[",
        "a:\n  ", "- ", "- - ", "-", "=", "==", ",", ";", "|", "|\n", "\n", "\r", "\r\n", "\t", "%3D", "=3D",
        "\\u003d", "\\n", "\u{1b}[31m", "f(", "wandb.login(", "wandb.login(key=", "wandb:", "wandb:\n", "wandb=\"",
        "WANDB_API_KEY=", "machine api.wandb.ai ", "password ", "://", "@", "a.", "a=", "a = a + ",
        "import wandb as a;", "local-", "wandb_v1_", "wandb_v", "_",
    ];
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let halves: Vec<_> = units
            .chunks(units.len().div_ceil(4))
            .map(|units| {
                scope.spawn(move || {
                    let mut wrong = Vec::new();
                    for unit in units {
                        let root = folder();
                        let (legacy, v1) = (key("legacy", unit), key("v1", unit));
                        let much = unit.repeat(SIZE / unit.len());
                        let text = format!("import wandb\n{much} {} {much}\n{} {much}", login(&legacy), login(&v1));
                        fs::write(root.path().join("a.py"), &text).unwrap();
                        let (report, _) = scan(root.path(), &[], &[&legacy, &v1]);
                        // What a legacy key is among this may be doubted; a v1 key says itself what it is.
                        let line = text[..text.find(&v1).unwrap()].matches('\n').count() as u64 + 1;
                        let found = |f: &&Value| f["key"]["fingerprint"] == fingerprint(&v1);
                        let found: Vec<_> = report["findings"].as_array().unwrap().iter().filter(found).collect();
                        if found.len() != 1 || found[0]["location"]["line"] != line {
                            wrong.push(format!("{unit:?}: {found:?}"));
                        }
                    }
                    wrong
                })
            })
            .collect();
        halves.into_iter().flat_map(|half| half.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Quadratic work on these would take hours.
#[test]
fn a_hundred_thousand_commit_ids_beside_the_word_wandb_are_silent() {
    const IDS: usize = 100_000;
    let ids: Vec<String> = (0..IDS).map(|nth| legacy_key(&format!("commit {nth}"))).collect();
    let each = |line: &dyn Fn(&str) -> String| ids.iter().map(|id| line(id)).collect::<String>();
    let shapes: [(&str, String); 8] = [
        ("log.txt", each(&|id| format!("commit {id}\n    Bump wandb\n\n"))),
        ("oneline.txt", each(&|id| format!("{id} Bump wandb from 0.15 to 0.16\n"))),
        ("SHA1SUMS", each(&|id| format!("{id}  wandb/file.py\n"))),
        ("ids.json", format!("{{\"project\": \"wandb\", \"commits\": [{}\"\"]}}", each(&|id| format!("\"{id}\", ")))),
        ("refs.yaml", format!("wandb:\n  commits:\n{}", each(&|id| format!("    - commit: {id}\n")))),
        ("refs.py", format!("import wandb\n{}", each(&|id| format!("COMMIT = \"{id}\"\n")))),
        ("list.py", format!("import wandb\nCOMMITS = [\n{}]\n", each(&|id| format!("    \"{id}\",\n")))),
        ("one-line.txt", format!("wandb commits: {}", each(&|id| format!("{id} ")))),
    ];
    let mut wrong = String::new();
    for (name, text) in shapes {
        let root = folder();
        fs::write(root.path().join(name), text).unwrap();
        let (report, code) = scan(root.path(), &[], &[]);
        if code != 0 {
            let findings = report["findings"].as_array().unwrap();
            wrong.push_str(&format!("{name}: {} findings, such as {:#}\n", findings.len(), findings[0]));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A file of lines with texts laid over it at given offsets; and the line of each.
fn laid(size: usize, plants: &[(usize, String)]) -> (Vec<u8>, Vec<u64>) {
    let mut bytes: Vec<u8> = "x = [1, 2, 3]  # ordinary line\n".bytes().cycle().take(size).collect();
    for (at, text) in plants {
        let text = format!("\n{text}\n");
        bytes[at - 1..at - 1 + text.len()].copy_from_slice(text.as_bytes());
    }
    let line = |at: usize| bytes[..at].iter().filter(|b| **b == b'\n').count() as u64 + 1;
    let lines = plants.iter().map(|(at, _)| line(*at)).collect();
    (bytes, lines)
}

/// The borders of `src/source.rs`: a first piece of 2 MiB, then windows of 512 KiB that repeat 32 KiB on both sides.
#[test]
fn a_key_across_every_window_border() {
    const WHOLE: usize = 2 << 20;
    const WINDOW: usize = 512 << 10;
    const MARGIN: usize = 32 << 10;
    const STEP: usize = WINDOW - 2 * MARGIN;
    let borders: Vec<usize> = (0..3)
        .flat_map(|nth| [WHOLE - 2 * MARGIN, WHOLE - MARGIN, WHOLE].map(|border| border + nth * STEP))
        .chain([256 << 10, 512 << 10, 1 << 20, WHOLE + WINDOW])
        .collect();
    let root = folder();
    let mut wanted = Vec::new();
    for back in (0..=125).step_by(5) {
        let plants: Vec<(usize, String, String)> = borders
            .iter()
            .enumerate()
            .map(|(nth, border)| {
                let key = key(support::KINDS[(nth + back) % 4], &format!("{back} {nth}"));
                (border - back, format!("wandb.login(key=\"{key}\")"), key)
            })
            .collect();
        let mut laid_out: Vec<(usize, String)> = plants.iter().map(|(at, text, _)| (*at, text.clone())).collect();
        laid_out.sort();
        let (bytes, lines) = laid(WHOLE + 3 * STEP + 1000, &laid_out);
        let name = format!("{back:03}.py");
        fs::write(root.path().join(&name), bytes).unwrap();
        for ((_, text), line) in laid_out.iter().zip(lines) {
            let (_, _, key) = plants.iter().find(|(_, other, _)| other == text).unwrap();
            wanted.push((name.clone(), line, 18, fingerprint(key)));
        }
    }
    let (report, _) = scan(root.path(), &[], &[]);
    let mut found: Vec<_> = places(&report)
        .into_iter()
        .zip(report["findings"].as_array().unwrap())
        .map(|((path, line, column), f)| (path, line, column, f["key"]["fingerprint"].as_str().unwrap().to_owned()))
        .collect();
    wanted.sort();
    found.sort();
    let missed: Vec<_> = wanted.iter().filter(|one| !found.contains(one)).collect();
    let extra: Vec<_> = found.iter().filter(|one| !wanted.contains(one)).collect();
    assert!(
        missed.is_empty() && extra.is_empty() && found.len() == wanted.len(),
        "missed {missed:#?}, extra {extra:#?}"
    );
}

/// A decoded text stands where its first character is encoded, which may be far before the key in it and in another window.
#[test]
fn what_is_encoded_across_a_window_border_is_decoded_as_a_whole() {
    const BORDER: usize = 2 << 20;
    let root = folder();
    let mut wanted = Vec::new();
    let prose = "An ordinary line of an attachment, which says nothing of interest to anybody at all.\n";
    for (nth, before) in [40_000usize, 30_000, 16_000, 2_000, 100].into_iter().enumerate() {
        let key = key("v1", &format!("encoded {before}"));
        let mut text: String = prose.chars().cycle().take((BORDER - before) / 4 * 3).collect();
        text += &format!("\nWANDB_API_KEY={key}\n");
        text.extend(prose.chars().cycle().take(1 << 20));
        let encoded = data_encoding::BASE64.encode(text.as_bytes());
        let lines: Vec<&str> = encoded.as_bytes().chunks(76).map(|line| str::from_utf8(line).unwrap()).collect();
        fs::write(root.path().join(format!("{nth}.b64")), lines.join("\n")).unwrap();
        wanted.push((format!("{nth}.b64"), fingerprint(&key)));
    }
    // A stream that begins in one window and ends in the next, and compresses badly.
    let key = key("v1", "compressed");
    let mut state = 1u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:x}\n", state >> 20)
    };
    let text: String = (0..20_000).map(|_| noise()).collect::<String>() + &format!("WANDB_API_KEY={key}\n");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(text.as_bytes()).unwrap();
    let encoded = data_encoding::BASE64.encode(&gzip.finish().unwrap());
    let mut file = "ordinary line: 1, 2, 3\n".repeat((BORDER - encoded.len() / 2) / 23);
    file += &format!("data: {encoded}\n{}", "more: 1, 2, 3\n".repeat(40_000));
    fs::write(root.path().join("stream.txt"), file).unwrap();
    wanted.push(("stream.txt".to_owned(), fingerprint(&key)));
    let (report, code) = scan(root.path(), &[], &[]);
    let findings = report["findings"].as_array().unwrap().iter();
    let mut found: Vec<(String, String)> = findings
        .map(|f| {
            (f["location"]["path"].as_str().unwrap().to_owned(), f["key"]["fingerprint"].as_str().unwrap().to_owned())
        })
        .collect();
    found.sort();
    assert_eq!((found, code), (wanted, 1));
}

/// Files of 32 MiB and more are read in slices of 16 windows, by several threads at once.
#[test]
fn a_large_file_read_by_several_threads_tells_what_one_thread_tells() {
    const FIRST: usize = (2 << 20) - (32 << 10);
    const SLICE: usize = 16 * (448 << 10);
    let plants: Vec<(usize, String)> = (0..5)
        .flat_map(|nth| [-40_000i64, [-100, -60, -20, 0, 1][nth], 40_000].map(|away| (nth, away)))
        .map(|(nth, away)| {
            let at = usize::try_from((FIRST + nth * SLICE) as i64 + away).unwrap();
            (at, format!("wandb.login(key=\"{}\")", key(support::KINDS[nth % 4], &format!("{nth} {away}"))))
        })
        .collect();
    let root = folder();
    let (mut bytes, _) = laid(33 << 20, &plants);
    // One slice and more in one line, of characters that are wider than a byte, so that columns go on from slice to slice.
    let line = FIRST + 2 * SLICE + 50_000..FIRST + 3 * SLICE - 50_000;
    bytes[line.clone()].chunks_exact_mut(2).for_each(|two| two.copy_from_slice("é".as_bytes()));
    let long = format!("; wandb.login(key=\"{}\")", key("v1", "long line"));
    bytes[line.end - 200_000..][..long.len()].copy_from_slice(long.as_bytes());
    fs::write(root.path().join("large.py"), &bytes).unwrap();
    let (one, _) = scan(root.path(), &["--jobs", "1"], &[]);
    let (many, _) = scan(root.path(), &["--jobs", "5"], &[]);
    assert_eq!(one["findings"].as_array().unwrap().len(), plants.len() + 1);
    assert_eq!(one["findings"], many["findings"]);
    assert_eq!(one["coverage"]["bytes"], many["coverage"]["bytes"]);
}

#[test]
fn what_a_large_program_holds_is_judged_as_a_programs() {
    let root = folder();
    let mut bytes = vec![b'\n'; 33 << 20];
    bytes[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
    let (habit, key) = ("wandb login $WANDB_API_KEY\n", key("v1", "large program"));
    for at in [10 << 20, 20 << 20] {
        bytes[at..][..habit.len()].copy_from_slice(habit.as_bytes());
    }
    bytes[30 << 20..][..key.len()].copy_from_slice(key.as_bytes());
    fs::write(root.path().join("program.bin"), &bytes).unwrap();
    let [one, several] = ["1", "5"]
        .map(|jobs| scan(root.path(), &["--jobs", jobs, "--select", "keys,habits"], &[&key]).0["findings"].clone());
    assert_eq!(one.as_array().unwrap().len(), 1);
    assert_eq!(one, several);
}

#[test]
fn what_several_files_say_stands_on_its_line_of_a_large_one() {
    let root = folder();
    let key = key("v1", "two environments");
    let at = (20 << 20) + 777;
    let (bytes, lines) = laid(33 << 20, &[(at, format!("WANDB_API_KEY={key}"))]);
    for (name, text) in [("a-dev.env", bytes), ("b-prod.env", format!("WANDB_API_KEY={key}\n").into_bytes())] {
        fs::write(root.path().join(name), text).unwrap();
    }
    for jobs in ["1", "5"] {
        let (report, _) = scan(root.path(), &["--jobs", jobs, "--select", "habits"], &[&key]);
        let findings = report["findings"].as_array().unwrap();
        let said = findings.iter().find(|finding| finding["rule"] == "same-key-in-environments").unwrap();
        assert_eq!(
            (said["location"]["path"].as_str(), said["location"]["line"].as_u64()),
            (Some("a-dev.env"), Some(lines[0]))
        );
    }
}

/// What breaks a habit on one side of a border and shows its key on the other says no more than in one piece.
#[test]
fn a_call_across_a_window_border_is_told_once() {
    const BORDER: usize = (2 << 20) - (32 << 10);
    const STEP: usize = 448 << 10;
    let root = folder();
    let plants: Vec<(usize, String)> = (0..30)
        .map(|nth| (BORDER + nth * STEP - nth, format!("wandb.login(key=\"{}\")", key("v1", &nth.to_string()))))
        .collect();
    // Larger than what is ever read at once, so that each window has to tell by itself.
    let (bytes, lines) = laid(65 << 20, &plants);
    fs::write(root.path().join("calls.py"), bytes).unwrap();
    for jobs in ["1", "2"] {
        let (report, _) = scan(root.path(), &["--jobs", jobs, "--select", "habits"], &[]);
        let found: Vec<(u64, &str)> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| (finding["location"]["line"].as_u64().unwrap(), finding["rule"].as_str().unwrap()))
            .collect();
        let wanted: Vec<(u64, &str)> = lines.iter().map(|line| (*line, "hardcoded-key")).collect();
        assert_eq!(found, wanted);
    }
}

#[test]
fn a_key_at_the_very_end_of_files_of_every_size_near_a_border() {
    let root = folder();
    let mut wanted = Vec::new();
    for base in [256 << 10, 2 << 20, (2 << 20) + (448 << 10)] {
        for delta in [-1i32, 0, 1, 40, 41] {
            let size = usize::try_from(base + delta).unwrap();
            let key = key("legacy", &size.to_string());
            let text = format!("WANDB_API_KEY={key}");
            let mut bytes: Vec<u8> = "x = [1, 2, 3]\n".bytes().cycle().take(size - text.len() - 1).collect();
            bytes.push(b'\n');
            bytes.extend(text.bytes());
            assert_eq!(bytes.len(), size);
            fs::write(root.path().join(format!("{size}.env")), bytes).unwrap();
            wanted.push(fingerprint(&key));
        }
    }
    let (report, _) = scan(root.path(), &[], &[]);
    let mut found: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["key"]["fingerprint"].as_str().unwrap().to_owned())
        .collect();
    wanted.sort();
    found.sort();
    assert_eq!(found, wanted);
}

#[test]
fn a_variable_that_reaches_wandb_megabytes_later() {
    let root = folder();
    let key = key("legacy", "far");
    for (size, name) in [(1 << 20, "one.py"), (5 << 20, "five.py"), (20 << 20, "twenty.py")] {
        let filler = "x = [1, 2, 3]\n".repeat(size / 14);
        fs::write(root.path().join(name), format!("import wandb\nTOKEN = \"{key}\"\n{filler}wandb.login(key=TOKEN)\n"))
            .unwrap();
        let (report, _) = scan(root.path(), &[name], &[&key]);
        assert_eq!(places(&report), [(name.to_owned(), 2, 10)], "{name}");
    }
}

/// Git, with nothing of this machine's configuration.
fn git(folder: &Path, arguments: &[&str], input: &str) -> String {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .args(["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null");
    let output = support::fed(&mut command, input.as_bytes());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository with one blob in its object database; and the blob's id.
fn repository() -> (tempfile::TempDir, String) {
    let root = folder();
    git(root.path(), &["init", "-q"], "");
    let id = git(root.path(), &["hash-object", "-w", "--stdin"], "an object\n");
    assert_eq!(id.len(), 40);
    (root, id)
}

fn object(root: &Path, id: &str) -> PathBuf {
    root.join(".git/objects").join(&id[..2]).join(&id[2..])
}

fn plant(root: &Path, name: &str, id: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("WANDB_API_KEY={id}\n")).unwrap();
}

#[test]
fn an_object_id_of_the_repository_is_no_key() {
    let (root, id) = repository();
    plant(root.path(), ".env", &id);
    plant(root.path(), "sub/deep/.env", &id);
    let silent = |what: &str| {
        let (report, code) = scan(root.path(), &[], &[]);
        assert_eq!((code, paths(&report)), (0, vec![]), "{what}");
    };
    silent("a loose object");
    assert_eq!(scan(root.path(), &["sub/deep"], &[]).1, 0, "a folder below");
    assert_eq!(scan(root.path(), &["sub/deep/.env"], &[]).1, 0, "a file below");
    assert_eq!(scan(&root.path().join("sub/deep"), &["."], &[]).1, 0, "from below");
    assert_eq!(scan(Path::new("/"), &[root.path().to_str().unwrap()], &[]).1, 0, "from elsewhere");
    let shown = run(root.path(), &["explain", ".env:1"].map(OsStr::new), &[]);
    assert!(shown.out.contains("object in this git repository"), "{}", shown.out);

    // The same text without the repository is a finding, so it is the repository that speaks.
    let elsewhere = folder();
    plant(elsewhere.path(), ".env", &id);
    assert_eq!(scan(elsewhere.path(), &[], &[]).1, 1);
    // A key that is no object is found all the same.
    let key = key("legacy", "no object");
    plant(root.path(), "key.env", &key);
    assert_eq!(paths(&scan(root.path(), &[], &[&key]).0), ["key.env"]);
    fs::remove_file(root.path().join("key.env")).unwrap();

    // Packed, with only the pack left.
    git(root.path(), &["add", "-f", ".env"], "");
    git(root.path(), &["commit", "-q", "-m", "one"], "");
    let tree = git(root.path(), &["rev-parse", "HEAD^{tree}"], "");
    let commit = git(root.path(), &["rev-parse", "HEAD"], "");
    git(root.path(), &["repack", "-a", "-d", "-q"], "");
    git(root.path(), &["prune-packed", "-q"], "");
    for id in [&tree, &commit] {
        assert!(!object(root.path(), id).exists());
        plant(root.path(), "packed.env", id);
        assert_eq!(paths(&scan(root.path(), &["packed.env"], &[]).0), Vec::<String>::new(), "a packed object");
    }
}

#[test]
fn an_object_of_another_repository_hides_nothing() {
    let (outer, _) = repository();
    let (other, _) = repository();
    let id = git(other.path(), &["hash-object", "-w", "--stdin"], "only in the other\n");
    plant(outer.path(), ".env", &id);
    plant(other.path(), ".env", &id);
    let both = [outer.path().to_str().unwrap(), other.path().to_str().unwrap()];
    let (report, code) = scan(Path::new("/"), &both, &[&id]);
    assert_eq!((code, paths(&report)), (1, vec![format!("{}/.env", both[0])]));
}

#[test]
fn a_file_with_the_name_of_an_object_hides_nothing() {
    let (root, id) = repository();
    let key = key("legacy", "hidden by a file");
    plant(root.path(), ".env", &key);
    let file = object(root.path(), &key);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let real = fs::read(object(root.path(), &id)).unwrap();
    let forged: [(&str, &[u8]); 4] = [
        ("empty", b""),
        ("a line of text", b"blob 10\0an object\n"),
        ("another object's bytes", &real),
        ("noise", &[0x78; 64]),
    ];
    for (what, bytes) in forged {
        fs::write(&file, bytes).unwrap();
        let (report, code) = scan(root.path(), &[], &[&key]);
        assert_eq!((code, paths(&report)), (1, vec![".env".to_owned()]), "{what}");
        fs::remove_file(&file).unwrap();
    }
    fs::create_dir(&file).unwrap();
    assert_eq!(scan(root.path(), &[], &[&key]).1, 1, "a folder");
}

/// A git that was killed while it wrote leaves such a file.
#[test]
fn half_of_an_object_hides_nothing_and_does_not_hang() {
    let (root, id) = repository();
    let key = key("legacy", "hidden by a file");
    plant(root.path(), ".env", &key);
    let file = object(root.path(), &key);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let real = fs::read(object(root.path(), &id)).unwrap();
    for length in [1, 2, 3, real.len() / 2, real.len() - 1] {
        fs::write(&file, &real[..length]).unwrap();
        let (report, code) = scan(root.path(), &[], &[&key]);
        assert_eq!((code, paths(&report)), (1, vec![".env".to_owned()]), "{length} of {} bytes", real.len());
    }
}

#[test]
fn git_worktrees_and_submodule_files_lead_to_the_objects() {
    let (root, id) = repository();
    git(root.path(), &["commit", "-q", "--allow-empty", "-m", "one"], "");
    let beside = folder();
    let tree = beside.path().join("tree");
    git(root.path(), &["worktree", "add", "-q", "--detach", tree.to_str().unwrap()], "");
    assert!(tree.join(".git").is_file());
    plant(&tree, "sub/.env", &id);
    assert_eq!(scan(&tree, &[], &[]).1, 0, "a worktree");
    let key = key("legacy", "worktree");
    plant(&tree, "key.env", &key);
    assert_eq!(paths(&scan(&tree, &[], &[&key]).0), ["key.env"]);

    let separate = folder();
    git(separate.path(), &["init", "-q", "--separate-git-dir", "store.git", "work"], "");
    let work = separate.path().join("work");
    let id = git(&work, &["hash-object", "-w", "--stdin"], "separate\n");
    plant(&work, ".env", &id);
    assert_eq!(scan(&work, &[], &[]).1, 0, "a git directory that stands elsewhere");
}

#[test]
fn the_inside_of_git_directories_is_not_walked() {
    let (root, _) = repository();
    let key = key("v1", "in git");
    fs::write(root.path().join(".git/notes.py"), login(&key)).unwrap();
    fs::create_dir_all(root.path().join("sub")).unwrap();
    git(root.path(), &["init", "-q", "--bare", "sub/bare.git"], "");
    fs::write(root.path().join("sub/bare.git/notes.py"), login(&key)).unwrap();
    git(root.path(), &["init", "-q", "sub/inner"], "");
    fs::write(root.path().join("sub/inner/.git/notes.py"), login(&key)).unwrap();
    fs::write(root.path().join("sub/inner/ok.py"), "x = 1\n").unwrap();
    let (report, code) = scan(root.path(), &["."], &[&key]);
    assert_eq!((code, paths(&report)), (0, vec![]));
    assert_eq!(report["coverage"]["files"], 1);
    let skipped = skipped(&report);
    let wanted = [".git", "sub/bare.git", "sub/inner/.git"];
    assert_eq!(skipped.iter().map(|(path, _, _)| path.as_str()).collect::<Vec<_>>(), wanted);
    assert!(skipped.iter().all(|(_, _, gap)| !gap), "{skipped:?}");
    for name in [".git", "sub/bare.git", "sub/bare.git/", "./.git/"] {
        let (report, code) = scan(root.path(), &[name], &[&key]);
        assert_eq!((code, paths(&report)), (3, vec![]), "{name} holds no file for this verb");
    }
    let (report, code) = scan(&root.path().join("sub/bare.git"), &["."], &[&key]);
    assert_eq!((code, paths(&report)), (3, vec![]), "from within a bare repository");
    let (report, code) = scan(&root.path().join(".git"), &["."], &[&key]);
    assert_eq!((code, paths(&report)), (3, vec![]), "from within a git directory");
}

#[test]
fn a_hostile_repository_runs_nothing() {
    let (root, id) = repository();
    let marker = root.path().join("marker");
    let script = root.path().join("run.sh");
    fs::write(&script, format!("#!/bin/sh\necho ran >> '{}'\n", marker.display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let script = script.to_str().unwrap();
    let config = format!(
        "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tfsmonitor = {script}\n\tsshCommand = {script}\n\
         \thooksPath = {hooks}\n\tpager = {script}\n\teditor = {script}\n[filter \"x\"]\n\tclean = {script}\n\tsmudge = {script}\n\
         \tprocess = {script}\n\trequired = true\n[diff]\n\texternal = {script}\n[diff \"x\"]\n\ttextconv = {script}\n\
         [credential]\n\thelper = !{script}\n[alias]\n\tx = !{script}\n[remote \"origin\"]\n\turl = ext::{script}\n\
         \tpromisor = true\n\tpartialclonefilter = blob:none\n[extensions]\n\tpartialClone = origin\n",
        hooks = root.path().display()
    );
    fs::write(root.path().join(".git/config"), config).unwrap();
    fs::write(root.path().join(".gitattributes"), "* filter=x diff=x\n").unwrap();
    plant(root.path(), ".env", &id);
    let key = key("legacy", "hostile");
    plant(root.path(), "key.env", &key);
    // Git itself is made to run it, so the trap works.
    let status = Command::new("git").current_dir(root.path()).arg("status").output().unwrap();
    assert!(marker.exists(), "git runs the trap: {}", String::from_utf8_lossy(&status.stderr));
    fs::remove_file(&marker).unwrap();
    let (report, code) = scan(root.path(), &["."], &[&key]);
    assert_eq!((code, paths(&report)), (1, vec!["key.env".to_owned()]));
    for what in [".env:1", "key.env:1"] {
        assert_eq!(run(root.path(), &["explain", what].map(OsStr::new), &[&key]).code, 0);
    }
    assert!(!marker.exists(), "the scan ran a command of the repository");
}

/// A broken repository round a file neither stops the scan nor hides the key.
#[test]
fn a_broken_repository_hides_nothing() {
    let key = key("legacy", "broken");
    type Make = fn(&Path);
    let made: [(&str, Make); 8] = [
        ("an empty folder", |git| fs::create_dir(git).unwrap()),
        ("an empty file", |git| fs::write(git, "").unwrap()),
        ("a file of noise", |git| fs::write(git, [0xff; 5000]).unwrap()),
        ("a file that names itself", |git| fs::write(git, "gitdir: .git\n").unwrap()),
        ("a file that names nothing", |git| fs::write(git, "gitdir: /nowhere/at/all\n").unwrap()),
        ("a file that names a device", |git| fs::write(git, "gitdir: /dev/zero\n").unwrap()),
        ("a link to itself", |git| symlink(".git", git).unwrap()),
        ("noise for a pack", |git| {
            fs::create_dir_all(git.join("objects/pack")).unwrap();
            fs::create_dir_all(git.join("objects/info")).unwrap();
            for name in ["pack/pack-1.pack", "pack/pack-1.idx", "pack/multi-pack-index", "info/commit-graph"] {
                fs::write(git.join("objects").join(name), [0xff; 4096]).unwrap();
            }
            fs::write(git.join("objects/info/alternates"), "../..\n/dev\n\n#\n").unwrap();
        }),
    ];
    for (what, make) in made {
        let root = folder();
        make(&root.path().join(".git"));
        plant(root.path(), "key.env", &key);
        let (report, code) = scan(root.path(), &["key.env"], &[&key]);
        assert_eq!((code, paths(&report)), (1, vec!["key.env".to_owned()]), "{what}");
        let (report, code) = scan(root.path(), &["."], &[&key]);
        assert_eq!((code, paths(&report)), (1, vec!["key.env".to_owned()]), "{what}");
    }
}

/// Nothing but regular files is opened, in a repository too: a FIFO there would hang the scan.
#[test]
fn a_fifo_in_a_repository_is_not_opened() {
    let key = key("legacy", "fifo");
    let loose = format!(".git/objects/{}/{}", &key[..2], &key[2..]);
    let mut opened = Vec::new();
    for place in [
        ".git",
        ".git/commondir",
        ".git/config",
        ".git/HEAD",
        ".git/objects/info/alternates",
        ".git/objects/pack/pack-1.idx",
        ".git/objects/pack/multi-pack-index",
        ".git/objects/info/commit-graph",
        &loose,
    ] {
        let root = folder();
        if place != ".git" {
            fs::create_dir_all(root.path().join(".git/objects/pack")).unwrap();
        }
        let path = root.path().join(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if place.ends_with(".idx") {
            fs::write(path.with_extension("pack"), [0xff; 64]).unwrap();
        }
        let trap = Trap::new(path);
        plant(root.path(), "key.env", &key);
        let (report, code) = scan(root.path(), &["."], &[&key]);
        assert_eq!((code, paths(&report)), (1, vec!["key.env".to_owned()]), "{place}");
        if trap.was_opened() {
            opened.push(place.replace(&key[2..], "…"));
        }
    }
    assert!(opened.is_empty(), "opened: {opened:?}");
}
