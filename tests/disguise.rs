//! Keys in disguise: a key in each of many contexts, in each encoding and in pairs of them, is found exactly once, as
//! itself and at the line where the encoded text begins; what only looks encoded is silent.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod support;

use std::fs;

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD};

/// A way to write a text, or a value in it.
type Encode = fn(&str) -> Vec<u8>;

fn each(text: &str, write: impl Fn(char) -> String) -> Vec<u8> {
    text.chars().map(write).collect::<String>().into_bytes()
}

fn wrapped(text: &str, width: usize, end: &str) -> Vec<u8> {
    let lines: Vec<&str> = (0..text.len()).step_by(width).map(|at| &text[at..text.len().min(at + width)]).collect();
    lines.join(end).into_bytes()
}

fn utf16(text: &str, big_endian: bool) -> Vec<u8> {
    let unit = |u: u16| if big_endian { u.to_be_bytes() } else { u.to_le_bytes() };
    text.encode_utf16().flat_map(unit).collect()
}

/// Quoted-printable as an encoder writes it: lines of at most 76 characters.
fn quoted_printable(text: &str) -> Vec<u8> {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let mut length = 0;
        for c in line.chars() {
            let written = if c == '=' || !c.is_ascii() {
                c.to_string().bytes().map(|b| format!("={b:02X}")).collect()
            } else {
                c.to_string()
            };
            if length + written.len() > 75 && c != '\n' {
                out.push_str("=\n");
                length = 0;
            }
            length += written.len();
            out.push_str(&written);
        }
    }
    out.into_bytes()
}

/// Encodings of a value: what a person or a tool does to a key before it is written into something.
const OF_VALUES: &[(&str, Encode)] = &[
    ("base64", |v| BASE64.encode(v.as_bytes()).into_bytes()),
    ("base64 without padding", |v| BASE64_NOPAD.encode(v.as_bytes()).into_bytes()),
    ("base64url", |v| BASE64URL.encode(v.as_bytes()).into_bytes()),
    ("base64 of a line", |v| BASE64.encode(format!("{v}\n").as_bytes()).into_bytes()),
    ("percent", |v| each(v, |c| format!("%{:02X}", c as u32))),
    ("\\u", |v| each(v, |c| format!("\\u{:04x}", c as u32))),
    ("\\x", |v| each(v, |c| format!("\\x{:02x}", c as u32))),
    ("decimal entities", |v| each(v, |c| format!("&#{};", c as u32))),
    ("hexadecimal entities", |v| each(v, |c| format!("&#x{:x};", c as u32))),
];

/// Encodings of a whole text.
const OF_TEXTS: &[(&str, Encode)] = &[
    ("UTF-16LE", |t| utf16(t, false)),
    ("UTF-16BE", |t| utf16(t, true)),
    ("UTF-16LE with a mark", |t| [vec![0xFF, 0xFE], utf16(t, false)].concat()),
    ("UTF-16BE with a mark", |t| [vec![0xFE, 0xFF], utf16(t, true)].concat()),
    ("UTF-32LE", |t| t.chars().flat_map(|c| (c as u32).to_le_bytes()).collect()),
    ("UTF-32BE", |t| t.chars().flat_map(|c| (c as u32).to_be_bytes()).collect()),
    ("quoted-printable", quoted_printable),
];

/// Encodings that swallow a whole text, lines and all.
const OF_ALL: &[(&str, Encode)] = &[
    ("base64", |t| BASE64.encode(t.as_bytes()).into_bytes()),
    ("base64url", |t| BASE64URL_NOPAD.encode(t.as_bytes()).into_bytes()),
    ("wrapped base64", |t| wrapped(&BASE64.encode(t.as_bytes()), 76, "\n")),
    ("wrapped base64 with CRLF", |t| wrapped(&BASE64.encode(t.as_bytes()), 64, "\r\n")),
    ("base64 of UTF-16", |t| BASE64.encode(&utf16(t, false)).into_bytes()),
    ("percent", |t| each(t, |c| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("%{:02X}", c as u32) })),
    ("every character as percent", |t| each(t, |c| format!("%{:02X}", c as u32))),
    ("HTML", |t| {
        t.replace('&', "&amp;").replace('"', "&quot;").replace('\'', "&#39;").replace('<', "&lt;").into_bytes()
    }),
    ("HTML twice", |t| {
        t.replace('&', "&amp;amp;")
            .replace('"', "&amp;quot;")
            .replace('\'', "&amp;#39;")
            .replace('<', "&amp;lt;")
            .into_bytes()
    }),
    ("JSON", |t| serde_json::to_string(t).unwrap().into_bytes()),
    ("JSON twice", |t| serde_json::to_string(&serde_json::to_string(t).unwrap()).unwrap().into_bytes()),
    ("\\u", |t| each(t, |c| format!("\\u{:04X}", c as u32))),
];

/// Texts with a `<KEY>`, and the name of their file.
const CONTEXTS: &[(&str, &str)] = &[
    ("train.py", "import wandb\n\nwandb.login(key=\"<KEY>\")\n"),
    ("env.py", "import os\nos.environ['WANDB_API_KEY'] = '<KEY>'\n"),
    ("run.sh", "set -e\nexport WANDB_API_KEY=<KEY>\npython train.py\n"),
    ("login.sh", "cd x && wandb login --relogin <KEY>\n"),
    (".env", "A=1\nWANDB_API_KEY=\"<KEY>\"\nB=2\n"),
    ("config.yaml", "logger:\n  wandb:\n    api_key: <KEY>\n    project: p\n"),
    ("secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  WANDB_API_KEY: <KEY>\n"),
    ("mcp.json", "{\"env\": {\"WANDB_API_KEY\": \"<KEY>\"}}\n"),
    (".netrc", "machine api.wandb.ai\n  login user\n  password <KEY>\n"),
    ("notes.md", "The W&B key is wandb_api_key=<KEY> for now.\n"),
    ("settings.toml", "[run]\nname = \"a\"\n\n[wandb]\napi_key = \"<KEY>\"\n"),
];

struct Case {
    file: String,
    bytes: Vec<u8>,
    key: String,
    /// The line at which it is to be found, if the encoding keeps lines.
    line: Option<u64>,
    says: String,
}

/// Writes all cases into one tree, scans it, and tells which key was not found exactly once at its line.
fn wrong(cases: &[Case]) -> String {
    let tree = tempfile::tempdir().unwrap();
    for (nth, case) in cases.iter().enumerate() {
        let folder = tree.path().join(nth.to_string());
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(&case.file), &case.bytes).unwrap();
    }
    let (report, code) = support::scan_json(tree.path(), &["."]);
    assert_ne!(code, 3, "{:#}", report["coverage"]);
    let mut found = vec![Vec::new(); cases.len()];
    for finding in report["findings"].as_array().unwrap() {
        let path = finding["location"]["path"].as_str().unwrap();
        let nth: usize = path.trim_start_matches("./").split('/').next().unwrap().parse().unwrap();
        let print = finding["key"]["fingerprint"].as_str().unwrap_or("-").to_owned();
        found[nth].push((print, finding["location"]["line"].as_u64(), finding["evidence"].to_string()));
    }
    let mut wrong = String::new();
    for (case, found) in cases.iter().zip(found) {
        let print = support::fingerprint(&case.key);
        let right =
            matches!(&found[..], [(other, line, _)] if *other == print && (case.line.is_none() || *line == case.line));
        if !right {
            let said: Vec<_> = found.iter().map(|(other, line, why)| (*other == print, line, why)).collect();
            wrong.push_str(&format!("{}: {} wanted {:?}, found {said:?}\n", case.says, case.file, case.line));
        }
    }
    wrong
}

fn line_of(text: &str, part: &str) -> u64 {
    text[..text.find(part).unwrap()].matches('\n').count() as u64 + 1
}

fn string(bytes: Vec<u8>) -> Option<String> {
    String::from_utf8(bytes).ok()
}

#[test]
fn an_encoded_value_is_found_by_what_stands_round_it() {
    let mut cases = Vec::new();
    for (file, context) in CONTEXTS {
        for kind in support::KINDS {
            for (name, encode) in OF_VALUES {
                let key = support::key(kind, &format!("{file} {name}"));
                let text = context.replace("<KEY>", &string(encode(&key)).unwrap());
                let line = Some(line_of(context, "<KEY>"));
                let says = format!("{kind} {name}");
                cases.push(Case {
                    file: (*file).to_owned(),
                    bytes: text.clone().into_bytes(),
                    key: key.clone(),
                    line,
                    says: says.clone(),
                });
                for (other, whole) in OF_TEXTS {
                    let line = line.filter(|_| *other != "quoted-printable");
                    cases.push(Case {
                        file: (*file).to_owned(),
                        bytes: whole(&text),
                        key: key.clone(),
                        line,
                        says: format!("{says}, {other}"),
                    });
                }
            }
        }
    }
    let wrong = wrong(&cases);
    assert!(wrong.is_empty(), "{} of {}:\n{wrong}", wrong.lines().count(), cases.len());
}

#[test]
fn an_encoded_text_is_read_as_what_it_says() {
    let mut cases = Vec::new();
    for (file, context) in CONTEXTS {
        for kind in support::KINDS {
            for (name, encode) in OF_ALL.iter().chain(OF_TEXTS) {
                let key = support::key(kind, &format!("{file} {name}"));
                let text = context.replace("<KEY>", &key);
                let says = format!("{kind} {name}");
                let keeps_lines = OF_TEXTS.iter().any(|(other, _)| other == name) && *name != "quoted-printable"
                    || name.starts_with("HTML");
                let line = if keeps_lines { Some(line_of(context, "<KEY>")) } else { None };
                let bytes = encode(&text);
                cases.push(Case {
                    file: (*file).to_owned(),
                    bytes: bytes.clone(),
                    key: key.clone(),
                    line,
                    says: says.clone(),
                });
                // Nobody escapes the zeros of UTF-16.
                let Some(once) = string(bytes).filter(|once| !once.contains('\0')) else { continue };
                for (other, again) in OF_ALL.iter().chain(OF_TEXTS) {
                    // What breaks lines at 76 characters is mail, and mail is kept in base64, in JSON or as it is.
                    if *name == "quoted-printable"
                        && ["percent", "\\u", "HTML", "printable"].iter().any(|odd| other.contains(odd))
                    {
                        continue;
                    }
                    cases.push(Case {
                        file: (*file).to_owned(),
                        bytes: again(&once),
                        key: key.clone(),
                        line: None,
                        says: format!("{says}, {other}"),
                    });
                }
            }
        }
    }
    let wrong = wrong(&cases);
    assert!(wrong.is_empty(), "{} of {}:\n{wrong}", wrong.lines().count(), cases.len());
}

#[test]
fn a_permission_beside_a_long_encoded_text_holds_for_all_of_it() {
    let root = tempfile::tempdir().unwrap();
    let text = "an ordinary line of some attachment\n".repeat(800);
    let text = format!("{text}WANDB_API_KEY={}\n", support::key("v1", "permitted"));
    let encoded = BASE64.encode(text.as_bytes());
    let marker = "# gitleaks:allow";
    let table = [
        (format!("data: {encoded} {marker}\n"), 0),
        (format!("# gitleaks:allow data: {encoded}\n"), 0),
        (format!("data: {encoded}\n{marker}\n"), 1),
        (format!("{marker}\n\ndata: {encoded}\n"), 1),
    ];
    for (text, found) in table {
        fs::write(root.path().join("a.yaml"), &text).unwrap();
        let (report, _) = support::scan_json(root.path(), &["--select", "keys", "."]);
        let count = report["findings"].as_array().unwrap().len();
        assert_eq!(count, found, "{}…{}", &text[..30], &text[text.len() - 40..]);
    }
}

#[test]
fn a_key_in_pieces_is_put_together() {
    let mut cases = Vec::new();
    for kind in support::KINDS {
        for (nth, (file, text)) in PIECES.iter().enumerate() {
            let key = support::key(kind, &format!("pieces {nth}"));
            for cut in [1, 7, key.len() / 2, key.len() - 5] {
                let (head, tail) = key.split_at(cut);
                let (middle, last) = tail.split_at(tail.len() / 2);
                let text = text.replace("<A>", head).replace("<BC>", tail).replace("<B>", middle).replace("<C>", last);
                let says = format!("{kind} cut at {cut}: {}", PIECES[nth].1);
                let line = Some(line_of(PIECES[nth].1, "<A>"));
                cases.push(Case { file: (*file).to_owned(), bytes: text.into_bytes(), key: key.clone(), line, says });
            }
        }
    }
    let wrong = wrong(&cases);
    assert!(wrong.is_empty(), "{} of {}:\n{wrong}", wrong.lines().count(), cases.len());
}

/// Literals in pieces: `<A>` and `<BC>`, or `<A>`, `<B>` and `<C>`.
const PIECES: &[(&str, &str)] = &[
    ("a.py", "import wandb\nwandb.login(key=\"<A>\" \"<BC>\")\n"),
    ("b.py", "import wandb\nwandb.login(key=\"<A>\" + \"<BC>\")\n"),
    ("c.py", "import os\nos.environ[\"WANDB_API_KEY\"] = (\n    \"<A>\"\n    '<B>'  # more\n    f\"<C>\"\n)\n"),
    ("d.py", "wandb_api_key = \"<A>\\\n<BC>\"\n"),
    ("e.py", "wandb_api_key = \"<A>\" \\\n    \"<BC>\"\n"),
    ("f.py", "import wandb\nwandb.login(key=''.join([\"<A>\", \"<B>\", \"<C>\"]))\n"),
    ("g.py", "import wandb\nwandb.login(key=\"\".join((\"<A>\", \"<BC>\")))\n"),
    ("h.js", "process.env.WANDB_API_KEY = '<A>' + '<BC>';\n"),
    ("i.js", "const wandbApiKey = ['<A>', '<BC>'].join('');\n"),
    ("j.ts", "const wandbApiKey = `<A>` + `<BC>`;\n"),
    ("k.js", "const wandbApiKey = '<A>'.concat('<BC>');\n"),
    ("l.sh", "export WANDB_API_KEY=\"<A>\"\"<BC>\"\n"),
    ("m.sh", "export WANDB_API_KEY='<A>'\"<BC>\"\n"),
    ("n.sh", "export WANDB_API_KEY=<A>\\\n<BC>\n"),
    ("o.go", "os.Setenv(\"WANDB_API_KEY\", \"<A>\" +\n\t\"<BC>\")\n"),
    ("p.go", "os.Setenv(\"WANDB_API_KEY\", strings.Join([]string{\"<A>\", \"<BC>\"}, \"\"))\n"),
    ("q.java", "String wandbApiKey = \"<A>\"\n    + \"<BC>\";\n"),
    ("r.java", "String wandbApiKey = \"<A>\".concat(\"<BC>\");\n"),
    ("s.jl", "ENV[\"WANDB_API_KEY\"] = \"<A>\" * \"<BC>\"\n"),
    ("t.jl", "ENV[\"WANDB_API_KEY\"] = string(\"<A>\", \"<BC>\")\n"),
    ("u.R", "Sys.setenv(WANDB_API_KEY = paste0(\"<A>\", \"<BC>\"))\n"),
    (
        "v.ipynb",
        "{\"cells\": [{\"cell_type\": \"code\", \"source\": [\"import wandb\\n\", \"wandb.login(key=\\\"<A>\\\" + \\\"<BC>\\\")\"]}]}\n",
    ),
];

#[test]
fn what_undoes_base64_is_seen_through() {
    let wanted = [
        ("a.py", "wandb.login(key=base64.b64decode(\"<B64>\").decode())"),
        ("b.js", "process.env.WANDB_API_KEY = Buffer.from('<B64>', 'base64').toString();"),
        ("c.java", "static final String WANDB_API_KEY = new String(Base64.getDecoder().decode(\"<B64>\"));"),
        ("d.ps1", "$env:WANDB_API_KEY = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String(\"<B64>\"))"),
        ("e.sh", "export WANDB_API_KEY=$(echo \"<B64>\" | base64 -d)"),
        ("f.sh", "echo <B64> | base64 --decode | wandb login --relogin"),
    ];
    let mut cases = Vec::new();
    for kind in support::KINDS {
        for (file, text) in wanted {
            let key = support::key(kind, file);
            let text = text.replace("<B64>", &BASE64.encode(key.as_bytes()));
            let says = format!("{kind} {text}");
            cases.push(Case { file: file.to_owned(), bytes: text.into_bytes(), key, line: Some(1), says });
        }
    }
    let wrong = wrong(&cases);
    assert!(wrong.is_empty(), "{wrong}");
}

/// Compressors differ in the bytes that they write, and how the base64 of those falls into words is chance: many keys at
/// every level stand for all of them.
#[test]
fn what_is_compressed_and_encoded_is_opened() {
    let gzip = |text: &str, level: u32| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
        std::io::Write::write_all(&mut gzip, text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    };
    let mut cases = Vec::new();
    for kind in support::KINDS {
        for nth in 0..40u32 {
            let key = support::key(kind, &format!("compressed {nth}"));
            let release =
                format!("{{\"config\": {{\"wandb\": {{\"apiKey\": \"{key}\"}}}}, \"manifest\": \"kind: Pod\"}}");
            let twice = BASE64.encode(BASE64.encode(&gzip(&release, nth % 10)).as_bytes());
            let once = BASE64.encode(&gzip(&format!("WANDB_API_KEY={key}\n"), nth % 10));
            for (file, line, text) in [
                (
                    "release.yaml",
                    5,
                    format!("apiVersion: v1\nkind: Secret\ntype: helm.sh/release.v1\ndata:\n  release: {twice}\n"),
                ),
                (
                    "user-data.yaml",
                    5,
                    format!(
                        "#cloud-config\nwrite_files:\n- path: /etc/environment\n  encoding: gz+b64\n  content: {once}"
                    ),
                ),
                ("boot.json", 1, format!("{{\"source\":\"data:text/plain;charset=utf-8;base64,{once}\"}}")),
                ("lines.env", 3, format!("A=1\nB=2\nANOTHER_LONG_NAME_OF_A_COMPRESSED_ENVIRONMENT_FILE={once}\nC=3\n")),
            ] {
                cases.push(Case {
                    file: format!("{nth}-{file}"),
                    bytes: text.into_bytes(),
                    key: key.clone(),
                    line: Some(line),
                    says: format!("{kind} {nth} {file}"),
                });
            }
        }
    }
    let wrong = wrong(&cases);
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_dump_in_lines_of_hexadecimal_is_read() {
    let key = support::key("v1", "dump");
    let hex = data_encoding::HEXLOWER.encode(format!("export WANDB_API_KEY={key}\n").as_bytes());
    let case = Case {
        file: "key.hex".to_owned(),
        bytes: wrapped(&hex, 60, "\n"),
        key,
        line: Some(1),
        says: "xxd -p".to_owned(),
    };
    let wrong = wrong(&[case]);
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_only_looks_encoded_is_silent() {
    let hex = |seed: &str| support::key("legacy", &format!("innocent {seed}"));
    let base64 = |text: String| BASE64.encode(text.as_bytes());
    let texts = [
        (
            "secret.yaml",
            format!(
                "apiVersion: v1\nkind: Secret\ndata:\n  GIT_COMMIT: {}\n  wandb-revision: {}\n",
                base64(hex("a")),
                base64(hex("b"))
            ),
        ),
        (
            "tracked.py",
            format!(
                "wandb_runs = [\"{}\", \"{}\", \"{}\", \"{}\"]\n",
                &hex("c")[..10],
                &hex("c")[10..20],
                &hex("c")[20..30],
                &hex("c")[30..]
            ),
        ),
        ("sha.py", format!("wandb_commit = \"{}\" \"{}\"\n", &hex("d")[..20], &hex("d")[20..])),
        ("page.html", format!("<a href=\"https://github.com/wandb/wandb/commit/{}?x=%20%22\">wandb</a>\n", hex("e"))),
        ("run.json", format!("{{\"git\": \"{{\\u0022wandb_commit\\u0022: \\u0022{}\\u0022}}\"}}\n", hex("f"))),
        (
            "mail.eml",
            format!("Content-Transfer-Encoding: quoted-printable\n\nwandb fixed in commit=3D{}, thanks=20\n", hex("g")),
        ),
        (
            "package-lock.json",
            format!("{{\"wandb\": {{\"integrity\": \"sha512-{}\"}}}}\n", BASE64.encode(&[7, 99, 200, 31].repeat(16))),
        ),
        ("mask.env", format!("WANDB_API_KEY={}\n", base64("your-wandb-api-key-goes-right-here-ok".to_owned()))),
    ];
    let tree = tempfile::tempdir().unwrap();
    for (name, text) in &texts {
        fs::write(tree.path().join(name), text).unwrap();
    }
    let (report, code) = support::scan_json(tree.path(), &["."]);
    assert_eq!((code, &report["findings"]), (0, &serde_json::json!([])));
}

#[test]
fn the_same_text_encoded_twice_is_two_places() {
    let key = support::key("legacy", "twice");
    let once = BASE64.encode(format!("A=1\nWANDB_API_KEY={key}\n").as_bytes());
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), format!("dev:\n  env_file: '{once}'\nprod:\n  env_file: '{once}'\n"))
        .unwrap();
    let (report, _) = support::scan_json(folder.path(), &["."]);
    let lines: Vec<_> =
        report["findings"].as_array().unwrap().iter().map(|f| f["location"]["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [2, 4]);
}

#[test]
fn a_neighbour_in_disguise_is_not_shown() {
    let [key, other] = ["shown", "hidden"].map(|seed| support::key("v1", seed));
    let escaped = |c: char| if c.is_ascii_digit() { format!("\\x{:02x}", c as u32) } else { c.to_string() };
    // Pieces too short to look like any of a key by themselves.
    let pieces = |key: &str| format!("\"{}\"", String::from_utf8(wrapped(key, 7, "\" \"")).unwrap());
    let written = [
        format!("'{}' '{}' '{}'", &other[..33], &other[33..60], &other[60..]),
        other.chars().map(escaped).collect(),
        BASE64.encode(other.as_bytes()),
        format!("\"{}\" + \"{}\"", &other[..80], &other[80..]),
        pieces(&support::key("legacy", "hidden")),
    ];
    let tree = tempfile::tempdir().unwrap();
    for (nth, other) in written.iter().enumerate() {
        fs::write(tree.path().join(format!("{nth}.py")), format!("wandb.login(key=\"{key}\"); k = {other}\n")).unwrap();
    }
    for format in ["json", "jsonl", "pretty"] {
        let output = support::run(support::wandward(tree.path()).args(["scan", "--format", format]));
        let said = String::from_utf8(output.stdout).unwrap();
        for other in &written {
            let pieces = other.split(|c: char| !c.is_ascii_alphanumeric()).filter(|piece| piece.len() >= 7);
            for piece in pieces.filter(|piece| !piece.starts_with("wandb")) {
                assert!(!said.contains(piece), "{format}: {piece}\n{said}");
            }
        }
    }
}
