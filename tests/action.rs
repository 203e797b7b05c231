//! The Action: its steps, run as a runner runs them, with inputs in the environment and the archive of a release at hand. What
//! is not what its checksum says is never run, no input is ever a command, and the checkers of workflows have nothing to say.
//! zizmor and shellcheck are those of `WANDWARD_PYTHON`; without them that test says so, unless `WANDWARD_REQUIRE_TOOLS` is set.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stderr, reason = "tests may print and panic")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use regex::Regex;
use sha2::{Digest, Sha256};
use support::ci::{Server, parsed};
use support::git::Repo;
use yaml_rust2::{Yaml, YamlLoader};

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn action() -> Yaml {
    YamlLoader::load_from_str(&fs::read_to_string(root().join("action.yml")).unwrap()).unwrap().remove(0)
}

/// A job that uses the Action once.
struct Job {
    server: Server,
    work: Repo,
    place: tempfile::TempDir,
    inputs: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
}

/// What became of it.
struct Ran {
    /// By step: its id, its exit code, what it printed.
    steps: Vec<(String, i32, String)>,
    outputs: BTreeMap<String, String>,
    summary: String,
}

impl Ran {
    fn log(&self) -> String {
        self.steps.iter().map(|(id, code, said)| format!("{id} ({code}):\n{said}\n")).collect()
    }

    fn codes(&self) -> Vec<i32> {
        self.steps.iter().map(|step| step.1).collect()
    }
}

impl Job {
    /// A push of two commits to a branch.
    fn new() -> Job {
        let server = Server::new();
        let work = server.checkout("work", "refs/heads/topic", None);
        let place = tempfile::tempdir().unwrap();
        let payload = server.payload("push", &[("BEFORE", "fork"), ("AFTER", "head")]);
        fs::write(place.path().join("event.json"), payload).unwrap();
        for folder in ["temp", "bin", "assets"] {
            fs::create_dir(place.path().join(folder)).unwrap();
        }
        let at = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
        let machine = if cfg!(target_arch = "aarch64") { "ARM64" } else { "X64" };
        let variables = [
            ("CI", "true".to_owned()),
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_EVENT_NAME", "push".to_owned()),
            ("GITHUB_EVENT_PATH", at("event.json")),
            ("GITHUB_SHA", server.id("head").to_owned()),
            ("GITHUB_REF", "refs/heads/topic".to_owned()),
            ("GITHUB_STEP_SUMMARY", at("summary")),
            ("GITHUB_ACTION_PATH", root().to_str().unwrap().to_owned()),
            ("RUNNER_TEMP", at("temp")),
            ("RUNNER_OS", "Linux".to_owned()),
            ("RUNNER_ARCH", machine.to_owned()),
            ("PATH", format!("{}:/usr/bin:/bin", at("bin"))),
            ("HOME", at("temp")),
        ];
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Job { server, work, place, inputs: BTreeMap::new(), variables }
    }

    fn with(mut self, inputs: &[(&str, &str)]) -> Job {
        self.inputs.extend(inputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self
    }

    fn at(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Puts a program on the search path.
    fn program(&self, name: &str, text: &str) -> PathBuf {
        let path = self.at("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// A release's archive, in which the program is a stand-in that starts the real one; its checksum.
    fn archive(&self) -> (PathBuf, String) {
        let target = if cfg!(target_arch = "aarch64") { "aarch64" } else { "x86_64" };
        let folder = format!("wandward-v{VERSION}-{target}-unknown-linux-gnu");
        fs::create_dir_all(self.at("assets").join(&folder)).unwrap();
        let program = self.program("stand-in", &format!("exec '{}' \"$@\"", env!("CARGO_BIN_EXE_wandward")));
        fs::rename(program, self.at("assets").join(&folder).join("wandward")).unwrap();
        let archive = self.at("assets").join(format!("{folder}.tar.gz"));
        let made = Command::new("tar").arg("-czf").arg(&archive).arg(&folder).current_dir(self.at("assets")).status();
        assert!(made.unwrap().success());
        fs::remove_dir_all(self.at("assets").join(&folder)).unwrap();
        let sum = Sha256::digest(fs::read(&archive).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
        (archive, sum)
    }

    /// Runs the steps until one fails, each by bash as a runner starts it.
    fn run(&self) -> Ran {
        let action = action();
        for input in self.inputs.keys() {
            assert!(!action["inputs"][&**input].is_badvalue(), "no input {input}");
        }
        let mut done: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let mut steps = Vec::new();
        for step in action["runs"]["steps"].as_vec().unwrap() {
            let (id, script) = (step["id"].as_str().unwrap(), step["run"].as_str().unwrap());
            assert!(step["shell"].as_str() == Some("bash") && !script.contains("${{"), "{script}");
            let (file, output) = (self.at("script.sh"), self.at(&format!("output-{id}")));
            fs::write(&file, script).unwrap();
            fs::write(&output, "").unwrap();
            let mut command = Command::new("/bin/bash");
            command.args(["--noprofile", "--norc", "-e", "-o", "pipefail"]).arg(&file).current_dir(&self.work.path);
            command.env_clear().envs(&self.variables).env("GITHUB_OUTPUT", &output);
            for (name, value) in step["env"].as_hash().unwrap() {
                command.env(name.as_str().unwrap(), self.filled(value.as_str().unwrap(), &action, &done));
            }
            let ran = support::run(command.stdin(std::process::Stdio::null()));
            let said = String::from_utf8(ran.stdout).unwrap() + &String::from_utf8(ran.stderr).unwrap();
            steps.push((id.to_owned(), ran.status.code().unwrap(), said));
            done.insert(id.to_owned(), parsed(&fs::read_to_string(&output).unwrap()));
            if !ran.status.success() {
                break;
            }
        }
        let named = action["outputs"].as_hash().unwrap().iter();
        let filled = |value: &Yaml| self.filled(value["value"].as_str().unwrap(), &action, &done);
        let outputs = named.map(|(name, value)| (name.as_str().unwrap().to_owned(), filled(value))).collect();
        Ran { steps, outputs, summary: fs::read_to_string(self.at("summary")).unwrap_or_default() }
    }

    /// A text with its expressions replaced, as far as the Action uses any.
    fn filled(&self, text: &str, action: &Yaml, done: &BTreeMap<String, BTreeMap<String, String>>) -> String {
        let expression = Regex::new(r"\$\{\{ ([a-z0-9_.-]+) \}\}").unwrap();
        let value = |found: &regex::Captures<'_>| match found[1].split('.').collect::<Vec<_>>()[..] {
            ["inputs", name] => {
                let input = &action["inputs"][name];
                assert!(!input.is_badvalue(), "no input {name}");
                let default = || input["default"].as_str().unwrap().to_owned();
                self.inputs.get(name).cloned().unwrap_or_else(default)
            }
            ["steps", step, "outputs", name] => {
                done.get(step).and_then(|step| step.get(name)).cloned().unwrap_or_default()
            }
            ["github", "action_repository"] => "acme/wandward".to_owned(),
            _ => panic!("{text}"),
        };
        assert!(!expression.replace_all(text, "").contains("${{"), "{text}");
        expression.replace_all(text, value).into_owned()
    }

    /// The keys of the branch were found, and every output says so.
    fn found(&self, ran: &Ran) {
        assert_eq!(ran.codes(), [0, 1], "{}", ran.log());
        let output = |name: &str| ran.outputs[name].as_str();
        assert_eq!(
            (output("exit-code"), output("findings"), output("suppressed"), output("coverage")),
            ("1", "2", "0", "complete")
        );
        let json: serde_json::Value = serde_json::from_slice(&fs::read(output("json")).unwrap()).unwrap();
        let sarif: serde_json::Value = serde_json::from_slice(&fs::read(output("sarif")).unwrap()).unwrap();
        assert_eq!(json["findings"].as_array().unwrap().len(), 2);
        assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 2);
        assert!(
            ran.summary.starts_with("# wandward: 2 exposed keys") && ran.log().contains("\n::error title=wandward")
        );
    }
}

#[test]
fn the_archive_of_a_folder_is_run_if_it_is_what_its_checksum_says() {
    let job = Job::new();
    let (archive, sum) = job.archive();
    let folder = archive.parent().unwrap().to_str().unwrap();
    let job = job.with(&[("assets", folder), ("sha256", &sum)]);
    let ran = job.run();
    job.found(&ran);
    assert!(ran.steps[0].2.contains("whose SHA-256 is the one that is known"), "{}", ran.log());
    // Reports of another step of the same job are others.
    let again = job.run();
    assert_ne!(ran.outputs["sarif"], again.outputs["sarif"]);
}

#[test]
fn what_is_not_what_its_checksum_says_is_never_run() {
    let job = Job::new();
    let (archive, sum) = job.archive();
    job.program("cargo", "touch \"$HOME/built\"");
    let folder = archive.parent().unwrap().to_str().unwrap().to_owned();
    let other = format!("{:x}{}", (u8::from_str_radix(&sum[..1], 16).unwrap() + 1) % 16, &sum[1..]);
    let table = [
        (other.as_str(), "it is not unpacked"),
        ("0123", "is not 64 hexadecimal digits"),
        ("", "does not know the SHA-256"),
    ];
    let mut job = job.with(&[("assets", &folder)]);
    for (sum, said) in table {
        job = job.with(&[("sha256", sum)]);
        let ran = job.run();
        assert!(ran.codes() == [2] && ran.log().contains(said), "{}", ran.log());
        assert!(ran.log().contains("::error title=wandward::") && ran.outputs["exit-code"].is_empty());
    }
    let unpacked = support::files(&job.at("temp")).into_iter().any(|file| file.ends_with("wandward"));
    assert!(!unpacked && !job.at("temp/built").exists());
    // Nor is an archive that was exchanged after its checksum was written down.
    fs::write(&archive, b"another one").unwrap();
    let ran = job.with(&[("sha256", &sum)]).run();
    assert!(ran.codes() == [2] && ran.log().contains("it is not unpacked"), "{}", ran.log());
}

/// Serves files of a folder by their names, as often as it is asked.
fn serve(folder: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let path = lines.next().unwrap_or_default().split(' ').nth(1).unwrap_or_default().to_owned();
            let _ = lines.by_ref().take_while(|line| !line.is_empty()).count();
            let body = fs::read(folder.join(path.rsplit('/').next().unwrap_or_default()));
            let status = if body.is_ok() { "200 OK" } else { "404 Not Found" };
            let body = body.unwrap_or_default();
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(&body);
        }
    });
    address
}

#[test]
fn a_release_is_downloaded_and_without_one_the_source_is_built() {
    let mut job = Job::new();
    let (archive, sum) = job.archive();
    let address = serve(archive.parent().unwrap().to_owned());
    job.variables.insert("GITHUB_SERVER_URL".to_owned(), address.clone());
    let job = job.with(&[("sha256", &sum)]);
    job.found(&job.run());
    // An address of the user's own counts alone.
    fs::remove_file(&archive).unwrap();
    let build = format!(
        "echo \"$@\" > \"$HOME/asked\"; while [ \"$1\" != --root ]; do shift; done; mkdir -p \"$2/bin\"; ln -s '{}' \"$2/bin/wandward\"",
        env!("CARGO_BIN_EXE_wandward")
    );
    job.program("cargo", &build);
    let ran = job.run();
    job.found(&ran);
    let asked = fs::read_to_string(job.at("temp/asked")).unwrap();
    assert!(
        asked.starts_with("install --locked ") && asked.contains(&format!("--path {}", root().display())),
        "{asked}"
    );
    let mut job = job.with(&[("assets", &address)]);
    assert_eq!(job.run().codes(), [2]);
    // Another version is that of the registry, and no other.
    job = job.with(&[("assets", ""), ("version", "9.8.7"), ("sha256", "")]);
    let ran = job.run();
    assert!(fs::read_to_string(job.at("temp/asked")).unwrap().contains("--version =9.8.7 wandward"), "{}", ran.log());
    fs::remove_file(job.at("bin/cargo")).unwrap();
    let ran = job.run();
    assert!(ran.codes() == [2] && ran.log().contains("no cargo to build it"), "{}", ran.log());
}

#[test]
fn a_program_that_is_there_is_used_if_it_is_of_that_version() {
    let job = Job::new();
    let start = format!("exec '{}' \"$@\"", env!("CARGO_BIN_EXE_wandward"));
    let own = job.program("wandward", &start);
    let ran = job.run();
    job.found(&ran);
    assert!(ran.steps[0].2.contains("is installed"), "{}", ran.log());
    fs::rename(&own, job.at("temp/mine")).unwrap();
    job.program("wandward", "echo wandward 0.0.1");
    let ran = job.run();
    assert!(ran.codes() == [2] && ran.log().contains("no cargo"), "{}", ran.log());
    let mine = job.at("temp/mine").to_str().unwrap().to_owned();
    let job = job.with(&[("binary", &mine)]);
    job.found(&job.run());
    let job = job.with(&[("binary", "/nowhere")]);
    assert_eq!(job.run().codes(), [2]);
}

#[test]
fn inputs_are_values_and_never_commands() {
    let job = Job::new();
    job.program("wandward", &format!("exec '{}' \"$@\"", env!("CARGO_BIN_EXE_wandward")));
    // What has a quote without its fellow is no command to any shell, so each way in has a text of its own.
    let bads = [
        "$(touch pwned); `touch pwned` \" ' && touch pwned #",
        "$(touch pwned)",
        "`touch pwned`",
        "x; touch pwned #",
        "\"; touch pwned #",
        "'; touch pwned #",
    ];
    let inputs = [
        "path", "fail-on", "config", "baseline", "select", "ignore", "output", "args", "allow-partial", "verify",
        "version", "binary", "assets", "sha256",
    ];
    // No input is left out here.
    let named = action();
    assert_eq!(named["inputs"].as_hash().unwrap().len(), inputs.len());
    let mut job = job;
    for (input, bad) in inputs.iter().flat_map(|input| bads.iter().map(move |bad| (*input, *bad))) {
        job.inputs.clear();
        job = job.with(&[(input, bad)]);
        let ran = job.run();
        let code = *ran.codes().last().unwrap();
        // A program of the right version is there already, so nothing is fetched.
        let heeded = !["assets", "sha256"].contains(&input);
        assert_eq!(code, if heeded { if input == "path" { 3 } else { 2 } } else { 1 }, "{input}: {bad}: {}", ran.log());
        assert!(!job.work.at("pwned").exists() && !job.at("temp/pwned").exists(), "{input}: {bad}");
    }
    job.inputs.clear();
    let job = job.with(&[
        ("args", "--ignore=keys\n\n--no-inline\r\n"),
        ("output", "csv=a b.csv\nhtml=c.html"),
        ("allow-partial", "true"),
    ]);
    let ran = job.run();
    assert_eq!((ran.codes(), &*ran.outputs["findings"]), (vec![0, 0], "0"), "{}", ran.log());
    assert!(job.work.at("a b.csv").exists() && job.work.at("c.html").exists());
    assert!(job.server.repo.path.exists());
}

/// A tool of the Python that has them.
fn tool(name: &str) -> Option<PathBuf> {
    let python = PathBuf::from(std::env::var_os("WANDWARD_PYTHON").unwrap_or_default());
    let tool = python.with_file_name(name);
    let there = !python.as_os_str().is_empty() && tool.exists();
    assert!(there || std::env::var_os("WANDWARD_REQUIRE_TOOLS").is_none(), "there is no {name}");
    if !there {
        eprintln!("not run: there is no {name} beside WANDWARD_PYTHON");
    }
    there.then_some(tool)
}

#[test]
fn the_checkers_of_workflows_and_scripts_have_nothing_to_say() {
    let checked = |command: &mut Command| {
        let output = support::run(command.current_dir(root()));
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    };
    if let Some(zizmor) = tool("zizmor") {
        let arguments =
            ["--persona", "auditor", "--offline", "--config", ".github/zizmor.yml", "action.yml", ".github"];
        checked(Command::new(zizmor).args(arguments));
    }
    if let Some(shellcheck) = tool("shellcheck") {
        let scripts = ["action/install.sh", "action/scan.sh", "packaging/build.sh", "packaging/check.sh", ".ci/run"];
        checked(Command::new(shellcheck).args(scripts));
    }
}

#[test]
fn the_readme_shows_workflows_that_the_action_understands() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let action = action();
    let output = Regex::new(r"steps\.wandward\.outputs\.([a-z-]+)").unwrap();
    let mut uses = 0;
    for block in readme.split("```yaml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        let workflow = YamlLoader::load_from_str(text).unwrap_or_else(|error| panic!("{error}: {text}")).remove(0);
        let jobs = workflow["jobs"].as_hash().into_iter().flatten();
        for step in jobs.flat_map(|(_, job)| job["steps"].as_vec().into_iter().flatten()) {
            if !step["uses"].as_str().unwrap_or_default().contains("wandward") {
                continue;
            }
            uses += 1;
            for (input, _) in step["with"].as_hash().into_iter().flatten() {
                assert!(!action["inputs"][input.as_str().unwrap()].is_badvalue(), "no input {input:?}");
            }
        }
        for found in output.captures_iter(text) {
            assert!(!action["outputs"][&found[1]].is_badvalue(), "no output {}", &found[1]);
        }
    }
    assert!(uses > 0, "the README shows no workflow");
}
