//! `scan --diff` and `scan --fix`: what they mend is gone at the next scan, what they leave is whole, and what they must not
//! touch they say.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use support::git::Repo;
use wandward::rule::example::{legacy_key, v1_key};

const CODE: &str = r#"import os, wandb
def f():
    os.environ["WANDB_API_KEY"] = "<V1>"
if True: os.environ['WANDB_API_KEY'] = '<LEGACY>'
wandb.login(key="<V1>"); wandb.login("<LEGACY>", relogin=True)
wandb.login(host="https://x.example", key="<V1>")
wandb.login(
    key="<LEGACY>",  # mine
    host="https://x.example",
)
os.environ.setdefault("WANDB_API_KEY", "<V1>"); x = 1
wandb.login(key=open("k").read())
os.system("wandb login <LEGACY> && ls")
class A:
    os.environ["WANDB_API_KEY"] = "<V1>"
    os.environ["WANDB_API_KEY"] = (
        "<V1>"
    )
"#;
const MENDED: &str = r#"import os, wandb
def f():
    pass  # WANDB_API_KEY comes from the environment
if True: pass  # WANDB_API_KEY comes from the environment
wandb.login(); wandb.login(relogin=True)
wandb.login(host="https://x.example")
wandb.login(
    host="https://x.example",
)
pass; x = 1
wandb.login()
os.system("wandb login && ls")
class A:
    pass  # WANDB_API_KEY comes from the environment
    # WANDB_API_KEY comes from the environment
"#;
const SCRIPT: &str = "#!/bin/sh\nwandb login <V1>\nwandb login --relogin \"$KEY\" && wandb login \\\n  <LEGACY>; ls\n\
     docker run --rm -e WANDB_API_KEY=$WANDB_API_KEY -e \"WANDB_API_KEY=${WANDB_API_KEY}\" i wandb login $KEY\n\
     docker run --env=WANDB_API_KEY=\"${WANDB_API_KEY}\" i\n";
const SHORTER: &str = "#!/bin/sh\nwandb login\nwandb login --relogin && wandb login; ls\n\
     docker run --rm -e WANDB_API_KEY -e WANDB_API_KEY i wandb login\ndocker run --env=WANDB_API_KEY i\n";
const CI: &str = r#"jobs:
  a:
    steps:
      - run: "wandb login \"$KEY\""
      - run: |
          wandb login '<V1>'
          docker run -e WANDB_API_KEY=$WANDB_API_KEY x
      - {name: b, run: wandb login <LEGACY> }
"#;
const DOCS: &str = "Run `wandb login <LEGACY>` now.\n```python\nwandb.login(key=\"<V1>\")\nos.environ[\"WANDB_API_KEY\"] = \"<V1>\"\n```\n";
const PLAINER: &str =
    "Run `wandb login` now.\n```python\nwandb.login()\n# WANDB_API_KEY comes from the environment\n```\n";

fn filled(text: &str) -> String {
    text.replace("<V1>", &v1_key("fix")).replace("<LEGACY>", &legacy_key("fix"))
}

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Runs a scan that shows no key, neither on standard output nor on standard error.
fn scan(folder: &Path, arguments: &[&str]) -> (String, String, i32) {
    let Output { status, stdout, stderr } =
        support::run(support::wandward(folder).arg("scan").args(arguments).env("HOME", folder));
    let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8(text).unwrap());
    for key in [v1_key("fix"), legacy_key("fix")] {
        let secret = &key[key.len() - 30..];
        assert!(!stdout.contains(secret) && !stderr.contains(secret), "{stdout}{stderr}");
    }
    (stdout, stderr, status.code().unwrap())
}

fn python(program: &str, folder: &Path) {
    let output = Command::new("python3").args(["-c", program]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn notebook() -> String {
    let cell =
        |source: Value| serde_json::json!({"cell_type": "code", "metadata": {}, "outputs": [], "source": source});
    let lines = [
        "import wandb\n",
        "wandb.login(\n",
        "    key=\"<V1>\",\n",
        "    relogin=True)\n",
        "%env WANDB_API_KEY=<V1>\n",
        "!wandb login <LEGACY>",
    ];
    let other = "wandb.login(key='<LEGACY>')\nimport os\nos.environ['WANDB_API_KEY']='<V1>'";
    let book = serde_json::json!({"cells": [cell(lines.as_slice().into()), cell(other.into())], "nbformat": 4});
    filled(&serde_json::to_string_pretty(&book).unwrap())
}

#[test]
fn what_is_fixed_is_gone_and_what_is_left_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let files = [("a.py", CODE, MENDED), ("run.sh", SCRIPT, SHORTER), ("README.md", DOCS, PLAINER)];
    for (name, text, _) in files {
        write(folder, name, filled(text));
    }
    write(folder, ".github/workflows/ci.yml", filled(CI));
    write(folder, "n.ipynb", notebook());
    let (diff, told, code) = scan(folder, &["--diff"]);
    assert_eq!(code, 1);
    assert!(told.contains("not for applying"), "{told}");
    for line in ["-wandb.login(key=\"[", "+wandb.login()", "+wandb login", "--- run.sh", "@@ -1,"] {
        assert!(diff.contains(line), "{diff}");
    }
    assert_eq!(fs::read_to_string(folder.join("a.py")).unwrap(), filled(CODE));

    let (report, told, code) = scan(folder, &["--fix"]);
    assert_eq!(code, 0, "{report}{told}");
    assert!(told.contains("fixed a.py: hardcoded-key, login-argument") && told.contains("still exposed"), "{told}");
    for (name, _, mended) in files {
        assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), mended);
    }
    python(
        "import json, yaml\ncompile(open('a.py').read(), 'a.py', 'exec')\n\
         steps = yaml.safe_load(open('.github/workflows/ci.yml'))['jobs']['a']['steps']\n\
         assert steps == [{'run': 'wandb login'}, {'run': 'wandb login\\ndocker run -e WANDB_API_KEY x\\n'}, {'run': 'wandb login', 'name': 'b'}], steps\n\
         one, two = [''.join(c['source']) for c in json.load(open('n.ipynb'))['cells']]\n\
         note = '# WANDB_API_KEY comes from the environment'\n\
         assert one == 'import wandb\\nwandb.login(\\n    relogin=True)\\n' + note + '\\n!wandb login', one\n\
         assert two == 'wandb.login()\\nimport os\\n' + note, two",
        folder,
    );
    let (_, told, code) = scan(folder, &["--fix"]);
    assert_eq!((told.as_str(), code), ("", 0));
}

#[test]
fn bytes_that_are_not_mended_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let key = v1_key("fix");
    let login =
        |before: &[u8], after: &[u8], given: &str| [before, format!("wandb.login({given})").as_bytes(), after].concat();
    let cases: [(&str, &[u8], &[u8], u32); 4] = [
        ("crlf.py", b"import wandb\r\n", b"\r\nx = 1\r\n", 0o644),
        ("bom.py", b"\xef\xbb\xbfimport wandb\n", b"", 0o600),
        ("latin.py", b"# -*- coding: latin-1 -*-\ns = '\xe9'\n", b"", 0o755),
        ("tab.py", b"if 1:\n\tpass\n\t", b" \n\n", 0o640),
    ];
    for (name, before, after, mode) in cases {
        write(folder, name, login(before, after, &format!("key='{key}'")));
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let (report, told, code) = scan(folder, &["--fix"]);
    assert_eq!(code, 0, "{report}{told}");
    for (name, before, after, mode) in cases {
        assert_eq!(fs::read(folder.join(name)).unwrap(), login(before, after, ""), "{name}");
        assert_eq!(fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o7777, mode, "{name}");
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), cases.len(), "no draft is left");
}

#[test]
fn what_cannot_be_mended_for_certain_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let cases = [
        ("a.py", "wandb.login(key='<V1>'\n"),
        ("b.py", "s = \"wandb.login(key='<V1>')\"\n"),
        ("c.py", "f = lambda: os.environ.setdefault('WANDB_API_KEY', '<V1>')\n"),
        ("d.py", "wandb.login('<V1>', 'x')\n"),
        ("e.py", "x = os.environ['WANDB_API_KEY'] = '<V1>'\n"),
        ("f.py", "wandb.login(key='<V1>')  # wandward: allow[hardcoded-key] made up\n"),
        ("Dockerfile", "FROM x\nRUN wandb login <V1>\n"),
        ("g.sh", "WANDB_API_KEY=$(cat k)\ndocker run -e WANDB_API_KEY=$WANDB_API_KEY x\n"),
        ("h.sh", "sudo docker run -e WANDB_API_KEY=$WANDB_API_KEY x\ndocker run -e WANDB_API_KEY=$KEY x\n"),
        ("i.sh", "wandb login $(cat key)\nsrun --export=ALL,WANDB_API_KEY=$WANDB_API_KEY x\n"),
        ("j.yml", "a: [wandb login '<V1>', b]\nrun: wandb login ${{ secrets.KEY }}\n"),
        (".env", "WANDB_API_KEY=<V1>\n"),
        ("requirements.txt", "wandb==0.15.0\n"),
    ];
    for (name, text) in cases {
        write(folder, name, filled(text));
    }
    let (report, told, code) = scan(folder, &["--fix"]);
    assert_eq!(code, 1);
    for (name, text) in cases {
        assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), filled(text), "{report}{told}");
    }
    assert_eq!(told, "");
    write(folder, "k.py", filled("wandb.login(key='<V1>')\n"));
    scan(folder, &["--fix", "--ignore", "keys"]);
    assert_eq!(fs::read_to_string(folder.join("k.py")).unwrap(), filled("wandb.login(key='<V1>')\n"));
}

#[test]
fn a_file_that_git_could_not_give_back_is_refused() {
    let code = filled("import wandb\nwandb.login(key='<V1>')\n");
    let repo = Repo::new();
    for name in ["clean.py", "dirty.py", "staged.py", "locked.py", "linked.py"] {
        repo.save(name, &code);
    }
    let more = format!("{code}x = 1\n");
    fs::write(repo.at("dirty.py"), &more).unwrap();
    repo.stage("staged.py", &more);
    repo.stage("added.py", &code);
    repo.write("untracked.py", &code);
    fs::set_permissions(repo.at("locked.py"), fs::Permissions::from_mode(0o444)).unwrap();
    let outside = tempfile::tempdir().unwrap();
    fs::hard_link(repo.at("linked.py"), outside.path().join("b.py")).unwrap_or_else(|_| {
        fs::hard_link(repo.at("linked.py"), repo.at(".git/b.py")).unwrap();
    });
    let (_, told, exit) = scan(&repo.path, &["--fix"]);
    assert_eq!(exit, 1);
    let kept = |name: &str| fs::read_to_string(repo.at(name)).unwrap().contains(&v1_key("fix"));
    for (name, reason) in [
        ("dirty.py", "it has changes that no commit holds"),
        ("staged.py", "it has staged changes that no commit holds"),
        ("added.py", "no commit holds it yet"),
        ("locked.py", "it is read-only"),
        ("linked.py", "it has another name"),
    ] {
        assert!(told.contains(&format!("not fixed: {name}: {reason}")) && kept(name), "{name} {told}");
    }
    assert!(!kept("clean.py") && !kept("untracked.py"), "{told}");
    scan(&repo.path, &["--fix", "--allow-dirty", "dirty.py", "staged.py", "added.py"]);
    assert!(!["dirty.py", "staged.py", "added.py"].into_iter().any(kept));

    write(outside.path(), "real.py", &code);
    symlink(outside.path().join("real.py"), repo.at("link.py")).unwrap();
    let (_, told, _) = scan(&repo.path, &["--fix", "link.py"]);
    assert!(told.contains("not fixed: link.py: it is a link"), "{told}");
    assert_eq!(fs::read_to_string(outside.path().join("real.py")).unwrap(), code);
}

#[test]
fn files_of_credentials_are_ignored_and_closed() {
    let repo = Repo::new();
    repo.save("kept/.env", filled("WANDB_API_KEY=<V1>\n"));
    repo.save(".gitignore", "*.log\r\nx");
    repo.write(".env", filled("WANDB_API_KEY=<V1>\n"));
    repo.write("a [b]/.env", filled("WANDB_API_KEY=<V1>\n"));
    repo.write("wandb/run-20240131_093000-ab12cd34/files/config.yaml", "x: 1\n");
    let arguments = ["--select", "tracked-credentials"];
    let (diff, _, code) = scan(&repo.path, &[&arguments[..], &["--diff"]].concat());
    assert_eq!(code, 1);
    assert!(diff.contains("+++ .gitignore") && diff.contains("+/.env"), "{diff}");
    let (_, told, _) = scan(&repo.path, &[&arguments[..], &["--fix"]].concat());
    let ignores = fs::read_to_string(repo.at(".gitignore")).unwrap();
    assert_eq!(ignores, "*.log\r\nx\r\n/.env\r\n/a \\[b]/.env\r\n/wandb/\r\n");
    assert!(told.contains("git rm --cached -- kept/.env"), "{told}");
    let untracked = repo.git(&["status", "--porcelain", "--untracked-files=all"]);
    assert_eq!(untracked.trim(), "M .gitignore");
    let (_, told, code) = scan(&repo.path, &[&arguments[..], &["--fix"]].concat());
    assert!(code == 1 && !told.contains("fixed .gitignore"), "{told}");

    let home = tempfile::tempdir().unwrap();
    write(home.path(), ".netrc", "machine api.wandb.ai\n  login user\n  password made-up-and-long\n");
    fs::set_permissions(home.path().join(".netrc"), fs::Permissions::from_mode(0o644)).unwrap();
    let (diff, _, _) = scan(home.path(), &["--select", "wide-mode", "--diff"]);
    assert_eq!(diff, "mode 0644 => 0600 .netrc\n");
    let (_, told, code) = scan(home.path(), &["--select", "wide-mode", "--fix"]);
    assert_eq!((told.as_str(), code), ("wandward: fixed .netrc: its mode is 0600\n", 0));
    assert_eq!(fs::metadata(home.path().join(".netrc")).unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn only_files_and_folders_are_edited() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["--fix", "--history"][..],
        &["--diff", "--history"],
        &["--fix", "--staged"],
        &["--fix", "--range", "a..b"],
        &["--fix", "--message", "m"],
        &["--fix", "--ps"],
        &["--fix", "--host"],
        &["--fix", "--find", "-"],
        &["--fix", "-"],
        &["--fix", "--diff"],
        &["--diff", "--format", "json"],
        &["--allow-dirty"],
    ] {
        assert_eq!(scan(folder.path(), arguments).2, 2, "{arguments:?}");
    }
}

#[test]
fn names_do_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let code = filled("wandb.login(key='<V1>')\n");
    let names = [
        "a\n::error::b.py".to_owned(),
        "\u{1b}[31m.py".to_owned(),
        format!("{}.py", v1_key("fix")),
        "-rf $(x) .py".to_owned(),
    ];
    for name in &names {
        write(folder, name, &code);
    }
    for how in ["--diff", "--fix"] {
        let (stdout, stderr, _) = scan(folder, &[how]);
        let text = stdout + &stderr;
        assert!(!text.contains('\u{1b}') && !text.lines().any(|line| line.starts_with("::")), "{text}");
    }
    for name in &names {
        assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), "wandb.login()\n");
    }
}

#[test]
fn programs_of_any_shape_still_compile() {
    let pieces = [
        "os.environ['WANDB_API_KEY'] = '<V1>'",
        "wandb.login(key='<LEGACY>')",
        "wandb.login(\n  key='<V1>',\n  host='h', # it's\n)",
        "x = '''\nwandb.login(key=\"<V1>\")\n'''",
        "wandb.login(host=f(1, 2), key=\"<V1>\", relogin=(1, 2))",
        "y = {'a': 1}  # it's",
        "os.system('wandb login <V1>')",
        "wandb.login('<V1>'); os.environ['WANDB_API_KEY'] = \"<V1>\"",
        "os.putenv('WANDB_API_KEY', '<LEGACY>')",
        "wandb.login(key='<V1>' # c\n  , timeout=3)",
        "wandb.login(*a, key='<V1>', **b)",
        "z = \"\\\"\" \\\n 'a'",
    ];
    let heads = ["if x:", "for a in b:", "try:", "def f():", "class C:", "with a as b:"];
    let mut seed = 7u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as usize % below
    };
    let folder = tempfile::tempdir().unwrap();
    for nth in 0..60 {
        let mut text = "import os, wandb\n".to_owned();
        for _ in 0..1 + next(6) {
            let head = heads[next(heads.len())];
            let indent = ["    ", "\t", " "][next(3)];
            let one_line = next(4) == 0;
            text.push_str(head);
            text.push_str(if one_line { " " } else { "\n" });
            for _ in 0..if one_line { 1 } else { 1 + next(3) } {
                let piece = pieces[next(pieces.len())];
                if !one_line {
                    text.push_str(indent);
                }
                text.push_str(piece);
                text.push('\n');
            }
            if head == "try:" {
                text.push_str("finally: os.environ['WANDB_API_KEY'] = '<V1>'\n");
            }
        }
        let end = if next(2) == 0 { "\r\n" } else { "\n" };
        write(folder.path(), &format!("{nth}.py"), filled(&text).replace('\n', end));
    }
    let compile = "import glob\nfor name in glob.glob('*.py'):\n  compile(open(name, 'rb').read(), name, 'exec')";
    python(compile, folder.path());
    scan(folder.path(), &["--fix"]);
    python(compile, folder.path());
    // What is left is the call that is no code.
    let (rest, _) = support::scan_json(folder.path(), &[]);
    for finding in rest["findings"].as_array().unwrap() {
        assert_eq!(finding["snippet"].as_str().unwrap().trim_start().find("wandb.login(key=\"["), Some(0), "{finding}");
    }
    let before: Vec<Vec<u8>> = support::files(folder.path()).iter().map(|path| fs::read(path).unwrap()).collect();
    scan(folder.path(), &["--fix"]);
    let after: Vec<Vec<u8>> = support::files(folder.path()).iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(before == after);
}
