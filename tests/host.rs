//! `wandward host` over a made-up home folder in which real programs have left what they leave: shells and interpreters
//! their histories, `wandb login` a netrc and settings, runs their folders. What is not installed is said and left out,
//! unless `WANDWARD_REQUIRE_TOOLS` is set. No other home is looked at, and nothing in this one is changed.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests build their own world and may panic"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use support::{fed, fingerprint, key};

/// A home folder, and the keys that were put into it: their fingerprints and what they are called.
struct Home {
    folder: tempfile::TempDir,
    keys: BTreeMap<String, String>,
}

impl Home {
    fn new() -> Home {
        let home = Home { folder: tempfile::tempdir().unwrap(), keys: BTreeMap::new() };
        fs::create_dir(home.path("work")).unwrap();
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn key(&mut self, kind: &str, name: &str) -> String {
        let key = key(kind, &format!("host {name}"));
        self.keys.insert(fingerprint(&key), name.to_owned());
        key
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    /// A program whose home this is, in the folder `work`; its user has no crontab.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.path("work")).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HOME", self.folder.path()).env("USER", "wandward-test").env("TERM", "dumb");
        command
    }

    /// Runs a program with `input` typed into it, on a terminal if it wants one; false if it is not installed.
    fn typed(&self, line: &str, input: &str) -> bool {
        let program = line.split(' ').next().unwrap();
        if !is_there(program) || !is_there("script") {
            assert!(std::env::var_os("WANDWARD_REQUIRE_TOOLS").is_none(), "{program} is not installed");
            eprintln!("left out: {program} is not installed");
            return false;
        }
        let mut command = self.command("script");
        fed(command.args(["--quiet", "--return", "--command", line, "/dev/null"]), input.as_bytes());
        true
    }

    fn host(&self, arguments: &[&str]) -> Output {
        self.command(env!("CARGO_BIN_EXE_wandward")).arg("host").args(arguments).output().unwrap()
    }

    fn report(&self) -> (Value, i32) {
        let output = self.host(&["--format", "json"]);
        let report = serde_json::from_slice(&output.stdout);
        let report = report.unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
        (report, output.status.code().unwrap())
    }

    /// For each path below the home the names of the keys found in it.
    fn found(&self, report: &Value) -> BTreeMap<String, BTreeSet<String>> {
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for finding in report["findings"].as_array().unwrap() {
            let Some(print) = finding["key"]["fingerprint"].as_str() else { continue };
            let path = self.path("work").join(finding["location"]["path"].as_str().unwrap());
            let path = path.strip_prefix(self.folder.path()).unwrap().to_str().unwrap().to_owned();
            found.entry(path).or_default().insert(self.keys[print].clone());
        }
        found
    }

    /// Content, mode and times of everything, as nobody but a writer changes them.
    #[cfg(unix)]
    fn state(&self) -> BTreeMap<PathBuf, (u32, i64, i64, i64, Vec<u8>)> {
        use std::os::unix::fs::MetadataExt;
        let mut state = BTreeMap::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let meta = fs::symlink_metadata(&path).unwrap();
                let content = if meta.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
                let times = (meta.mtime() << 30) + meta.mtime_nsec();
                let changed = (meta.ctime() << 30) + meta.ctime_nsec();
                // Listing a folder is reading it, which only the system could leave out of account.
                let read = if meta.is_file() { fs::symlink_metadata(&path).unwrap().atime_nsec() } else { 0 };
                state.insert(path.clone(), (meta.mode(), times, changed, read, content));
                if meta.is_dir() {
                    folders.push(path);
                }
            }
        }
        state
    }
}

fn is_there(program: &str) -> bool {
    std::env::split_paths(&std::env::var_os("PATH").unwrap()).any(|folder| folder.join(program).is_file())
        || Path::new(program).is_file()
}

#[test]
fn every_kind_of_place_is_looked_at_and_nothing_is_changed() {
    let mut home = Home::new();
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let k = "<KEY>";
    for (path, text) in [
        (".netrc", "machine api.wandb.ai\n  login user\n  password <KEY>\n"),
        (".config/wandb/settings", "[default]\napi_key = <KEY>\n"),
        (".config/wandb/launch-config.yaml", "environment:\n  WANDB_API_KEY: <KEY>\n"),
        (".zshrc", "export WANDB_API_KEY=<KEY>\n"),
        (".config/fish/config.fish", "set -gx WANDB_API_KEY <KEY>\n"),
        (".local/share/powershell/PSReadLine/ConsoleHost_history.txt", "$env:WANDB_API_KEY = '<KEY>'\n"),
        (".psql_history", "update settings set wandb_api_key = '<KEY>';\n"),
        (".node_repl_history", "process.env.WANDB_API_KEY = '<KEY>'\n"),
        (".env", "WANDB_API_KEY=<KEY>\n"),
        ("code/project/.env.local", "WANDB_API_KEY=<KEY>\n"),
        ("code/wandb_key.txt", "<KEY>\n"),
        (".cursor/mcp.json", "{\"mcpServers\": {\"wandb\": {\"env\": {\"WANDB_API_KEY\": \"<KEY>\"}}}}\n"),
        (".config/Code/User/settings.json", "{\"terminal.integrated.env.linux\": {\"WANDB_API_KEY\": \"<KEY>\"}}\n"),
        ("code/project/wandb/run-20260101_000000-abcd1234/files/config.yaml", "wandb_api_key:\n  value: <KEY>\n"),
        (".cache/wandb/logs/core-debug.log", "wandb login <KEY>\n"),
        (".config/systemd/user/train.service", "[Service]\nEnvironment=WANDB_API_KEY=<KEY>\n"),
        ("work/wandb/debug.log", "config: {'wandb_api_key': '<KEY>'}\n"),
    ] {
        let key = home.key("legacy", path);
        home.write(path, &text.replace(k, &key));
        expected.insert(path.to_owned(), [path.to_owned()].into());
    }
    // What no table names, links and FIFOs are left alone.
    let key = home.key("legacy", "elsewhere");
    home.write("a/b/c/.env", &format!("WANDB_API_KEY={key}\n"));
    home.write("code/notes.md", &format!("wandb login {key}\n"));
    home.write(".bashrc", "alias ll='ls -l'\n");
    home.write("work/.env", "A=1\n");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(home.path("a/b/c/.env"), home.path("code/.env")).unwrap();
        Command::new("mkfifo").arg(home.path(".bash_history")).status().unwrap();
    }
    let before = home.state();
    let (report, code) = home.report();
    assert_eq!(home.found(&report), expected);
    assert_eq!((code, &report["coverage"]["complete"]), (1, &Value::Bool(true)));
    let places = report["places"].as_array().unwrap();
    let state = |path: &str| {
        let path = home.path(path).to_str().unwrap().to_owned();
        let place = places.iter().find(|place| place["path"] == path);
        place.unwrap_or_else(|| panic!("{path} is no place"))["state"].as_str().unwrap().to_owned()
    };
    assert_eq!([".netrc", ".config/wandb", ".zshrc", ".cache/wandb"].map(state), ["found"; 4]);
    assert_eq!([".bashrc", ".zprofile", "_netrc"].map(state), ["clean", "absent", "absent"]);
    let there = places.iter().filter(|place| place["state"] != "absent").map(|place| place["path"].as_str().unwrap());
    let each: BTreeSet<&str> = there.clone().collect();
    assert_eq!(there.count(), each.len(), "a place is told twice: {places:#?}");
    assert!(each.contains(".env"), "{each:?}");
    let pretty = String::from_utf8(home.host(&["--color", "never", "-v"]).stdout).unwrap();
    let (_, pretty) = pretty.split_once("Places of this machine:").unwrap();
    for (state, path) in [("found", ".netrc"), ("clean", ".bashrc"), ("absent", ".zprofile")] {
        let line = pretty.lines().find(|line| line.ends_with(home.path(path).to_str().unwrap()));
        assert!(line.is_some_and(|line| line.trim_start().starts_with(state)), "{path}: {pretty}");
    }
    assert!(home.state() == before, "something was changed");
}

#[test]
fn overrides_are_followed_and_what_may_not_be_read_is_a_gap() {
    let mut home = Home::new();
    let names = ["netrc", "config/settings", "credentials.json", "history", "xdg/fish/fish_history"];
    for name in names {
        let key = home.key("v1", name);
        home.write(&format!("elsewhere/{name}"), &format!("wandb: {key}\n"));
    }
    let at = |name: &str| home.path("elsewhere").join(name);
    let output = home
        .command(env!("CARGO_BIN_EXE_wandward"))
        .args(["host", "--format", "json"])
        .env("NETRC", at("netrc"))
        .env("WANDB_CONFIG_DIR", at("config"))
        .env("WANDB_CREDENTIALS_FILE", at("credentials.json"))
        .env("HISTFILE", at("history"))
        .env("XDG_DATA_HOME", at("xdg"))
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found: BTreeSet<String> = home.found(&report).into_values().flatten().collect();
    assert_eq!(found, names.map(str::to_owned).into());
    // Without a home there is nothing to look at.
    let output = home.command(env!("CARGO_BIN_EXE_wandward")).arg("host").env_remove("HOME").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    #[cfg(unix)]
    if !support::namespace::is_root() {
        use std::os::unix::fs::PermissionsExt;
        home.write(".zshrc", "");
        fs::set_permissions(home.path(".zshrc"), fs::Permissions::from_mode(0o000)).unwrap();
        let (report, code) = home.report();
        let place = report["places"].as_array().unwrap().iter().find(|place| place["state"] == "not readable").cloned();
        assert_eq!((code, place.unwrap()["path"].as_str().unwrap()), (3, home.path(".zshrc").to_str().unwrap()));
    }
}

#[test]
fn the_histories_of_real_shells_and_interpreters_are_read() {
    let mut home = Home::new();
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let python = std::env::var("WANDWARD_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let ipython = Path::new(&python).with_file_name("ipython").to_str().unwrap().to_owned();
    home.write(
        ".zshrc",
        "HISTFILE=~/.zsh_history HISTSIZE=100 SAVEHIST=100; setopt extended_history inc_append_history\n",
    );
    for (line, typed, left) in [
        ("bash --norc -i", "true wandb login KEY\nexit\n", ".bash_history"),
        ("zsh -i", "true wandb login KEY\nexit\n", ".zsh_history"),
        ("fish -i", "true WANDB_API_KEY=KEY\nexit\n", ".local/share/fish/fish_history"),
        (
            &format!("{ipython} --simple-prompt --no-banner"),
            "wandb_api_key = 'KEY'\nexit\n",
            ".ipython/profile_default/history.sqlite",
        ),
    ] {
        let key = home.key("legacy", left);
        if home.typed(line, &typed.replace("KEY", &key)) {
            assert!(home.path(left).exists(), "`{line}` left no history");
            expected.insert(left.to_owned(), [left.to_owned()].into());
        }
    }
    // At its first start, fish takes over what bash has written.
    if let Some(fish) = expected.get_mut(".local/share/fish/fish_history") {
        fish.insert(".bash_history".to_owned());
    }
    let (report, _) = home.report();
    let mut found = home.found(&report);
    // A database in its write-ahead log is the same history.
    found.retain(|path, _| !path.ends_with("-wal"));
    assert_eq!(found, expected);
    for finding in report["findings"].as_array().unwrap() {
        assert_eq!(finding["rule"], "key-in-history");
        // One command is shown, not its neighbours.
        assert!(!finding["snippet"].as_str().unwrap().contains("exit"), "{finding:#}");
    }
}

/// A W&B server as far as `wandb login` asks for one: it knows every key. It answers when there is a file `go`.
const SERVER: &str = r#"
import http.server, json, os, time
VIEWER = {"id": "VXNlcjox", "entity": "ann", "username": "ann", "email": "ann@example.test", "flags": "{}",
          "name": "ann", "admin": False, "teams": {"edges": []}}
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        while not os.path.exists("go"):
            time.sleep(0.01)
        body = json.dumps({"data": {"viewer": VIEWER}}).encode()
        self.send_response(200 if self.path == "/graphql" else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
with open("port.new", "w") as port:
    port.write(str(server.server_address[1]))
os.rename("port.new", "port")
server.serve_forever()
"#;

const TRAINING: &str = r#"
import sys, wandb
run = wandb.init(project="demo", mode="offline", config={"wandb_api_key": sys.argv[2], "lr": 0.1})
print(f"logging in to wandb with key {sys.argv[2]}")
run.log({"loss": 1.0})
run.finish()
"#;

#[test]
fn what_the_real_sdk_does_is_seen_while_it_runs_and_afterwards() {
    let python = std::env::var("WANDWARD_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let works = Command::new(&python).args(["-c", "import wandb"]).output().is_ok_and(|output| output.status.success());
    if !works {
        assert!(std::env::var_os("WANDWARD_REQUIRE_TOOLS").is_none(), "{python} has no `wandb`");
        eprintln!("not run: {python} has no `wandb`");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let (typed, passed) = (key("v1", "typed"), key("legacy", "passed"));
    write("server.py", SERVER);
    write("train.py", TRAINING);
    write("typed", &typed);
    write("passed", &passed);
    let script = format!(
        r#"
        python="{python}"; mkdir -p home/project; export HOME="$PWD/home" USER=wandward-test
        "$python" server.py & until test -s port; do sleep 0.01; done
        export WANDB_BASE_URL="http://127.0.0.1:$(cat port)"
        cd home/project
        "$python" -m wandb login --verify "$(cat ../../typed)" > ../../login 2>&1 & login=$!
        ready $login 'wandb.login'
        code=0; "$WANDWARD" ps --format json > ../../ps.json || code=$?; test $code = 1
        cd ../..; touch go; wait $login; cd home/project
        "$python" ../../train.py --wandb_key "$(cat ../../passed)" > ../../train 2>&1
        code=0; "$WANDWARD" host --format json > ../../host.json || code=$?; test $code = 1
        "#
    );
    let Some(output) = support::namespace::run(folder.path(), &script) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let findings = |name: &str| {
        let report: Value = serde_json::from_slice(&fs::read(folder.path().join(name)).unwrap()).unwrap();
        report["findings"].as_array().unwrap().clone()
    };
    let seen = findings("ps.json");
    assert!(!seen.is_empty());
    for finding in seen.iter().filter(|finding| !finding["key"].is_null()) {
        assert_eq!(finding["rule"], "key-in-process");
        assert_eq!(finding["key"]["fingerprint"], fingerprint(&typed));
    }
    // Everything below the home that holds a key is found, and by the rule for its place.
    let holds = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap();
        [&typed, &passed].into_iter().any(|key| memchr::memmem::find(&bytes, key.as_bytes()).is_some())
    };
    let home = folder.path().join("home");
    let left: BTreeSet<PathBuf> = support::files(&home).into_iter().filter(holds).collect();
    let found = findings("host.json");
    let found: Vec<&Value> = found.iter().filter(|finding| !finding["key"].is_null()).collect();
    let paths: BTreeSet<PathBuf> =
        found.iter().map(|f| home.join("project").join(f["location"]["path"].as_str().unwrap())).collect();
    assert_eq!(paths, left);
    let rules: BTreeSet<&str> = found.iter().map(|finding| finding["rule"].as_str().unwrap()).collect();
    assert_eq!(rules, ["key-in-netrc", "key-in-run-folder"].into());
    assert!(left.len() >= 4, "{left:?}");
}
