//! A list of processes of one's own: a script runs as the first process of a new namespace, and what it starts ends with
//! it. So no test looks at a process that it did not start.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What every script begins with. `ready PID TEXT` waits until the process has become the program that it was to be.
const PROLOGUE: &str = r#"set -eu
ready() { until tr '\0' ' ' < "/proc/$1/cmdline" | grep -aqe "$2"; do sleep 0.01; done; }
lines() { until test "$(wc -l < "$1")" -ge "$2"; do sleep 0.01; done; }
"#;

/// The ways into a new namespace: as the administrator, or as whoever may be one in it.
const WAYS: [&[&str]; 2] =
    [&["--pid", "--fork", "--mount-proc"], &["--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]];

fn way() -> Option<&'static [&'static str]> {
    let works = |way: &&[&str]| {
        let output = Command::new("unshare").args(*way).arg("true").stderr(Stdio::null()).status();
        output.is_ok_and(|status| status.success())
    };
    let way = WAYS.into_iter().find(works);
    assert!(way.is_some() || std::env::var_os("WANDWARD_REQUIRE_TOOLS").is_none(), "no namespace can be made");
    if way.is_none() {
        eprintln!("not run: no namespace can be made here, and a test does not look at processes that are not its own");
    }
    way
}

/// Whether the test is the administrator, who may become another user.
pub fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

/// Runs a shell script in `folder`, as the first process of a namespace; `$WANDWARD` is the binary. `None` if there are no
/// namespaces here.
pub fn run(folder: &Path, script: &str) -> Option<Output> {
    let way = way()?;
    fs::write(folder.join("script.sh"), format!("{PROLOGUE}{script}")).unwrap();
    // A script that waits for what never comes fails rather than waiting for ever.
    let mut command = Command::new("timeout");
    command
        .args(["--signal=KILL", "120", "unshare", "--kill-child"])
        .args(way)
        .args(["sh", "script.sh"])
        .current_dir(folder)
        .stdin(Stdio::null());
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", folder);
    Some(command.env("WANDWARD", env!("CARGO_BIN_EXE_wandward")).output().unwrap())
}
