//! Completions and manual pages, read by the shells and by groff themselves. What is not installed is said and left out, unless
//! `WANDWARD_REQUIRE_TOOLS` is set.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests build their own world and may panic"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use support::{run, wandward};

/// What a program prints of a script; none if it is not installed.
fn asked(program: &str, arguments: &[&str], folder: &Path) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env_clear().env("HOME", folder).env("TERM", "dumb");
    let path = Path::new(env!("CARGO_BIN_EXE_wandward")).parent().unwrap().to_owned();
    let rest = std::env::var_os("PATH").unwrap();
    let path = std::env::join_paths([path].into_iter().chain(std::env::split_paths(&rest))).unwrap();
    let output = match command.env("PATH", path).output() {
        Ok(output) => output,
        Err(_) => {
            assert!(std::env::var_os("WANDWARD_REQUIRE_TOOLS").is_none(), "{program} is not installed");
            eprintln!("left out: {program} is not installed");
            return None;
        }
    };
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && err.is_empty(), "{program} {arguments:?}: {err}");
    Some(out)
}

fn printed(arguments: &[&str]) -> String {
    let output = run(wandward(Path::new(".")).args(arguments));
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn shells_read_and_use_their_completions() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (shell, file) in [("bash", "wandward.bash"), ("zsh", "_wandward"), ("fish", "wandward.fish")] {
        fs::write(folder.join(file), printed(&["completions", shell])).unwrap();
    }
    for shell in ["powershell", "elvish"] {
        assert!(printed(&["completions", shell]).contains("--pre-push"), "{shell}");
    }
    let wanted = |said: Option<String>, shell: &str, words: &[&str]| {
        let Some(said) = said else { return };
        let said: BTreeSet<&str> = said.split_whitespace().collect();
        assert!(words.iter().all(|word| said.contains(word)), "{shell}: {said:?}");
    };
    let bash = "source ./wandward.bash; COMP_WORDS=(wandward hook in); COMP_CWORD=2; _wandward wandward in hook; \
                echo \"${COMPREPLY[@]}\"; COMP_WORDS=(wandward scan --fail-on ''); COMP_CWORD=3; \
                _wandward wandward '' --fail-on; echo \"${COMPREPLY[@]}\"";
    wanted(asked("bash", &["--norc", "-c", bash], folder), "bash", &["install", "error", "never"]);
    let fish = "source ./wandward.fish; complete -C 'wandward hook in'; complete -C 'wandward scan --fail-on '";
    wanted(asked("fish", &["--no-config", "-c", fish], folder), "fish", &["install", "error", "never"]);
    let zsh = "fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D; echo $_comps[wandward]; \
               autoload +X _wandward; zsh -n ./_wandward";
    wanted(asked("zsh", &["-f", "-c", zsh], folder), "zsh", &["_wandward"]);
    assert_eq!(run(wandward(folder).args(["completions", "csh"])).status.code(), Some(2));
}

#[test]
fn every_command_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let run_in = |arguments: &[&str]| run(wandward(folder.path()).arg("man").args(arguments)).status.code();
    assert_eq!(run_in(&["--folder", "."]), Some(0));
    let pages = support::files(folder.path());
    let names: BTreeSet<&str> = pages.iter().map(|page| page.file_stem().unwrap().to_str().unwrap()).collect();
    for page in &pages {
        let text = fs::read_to_string(page).unwrap();
        let command = page.file_stem().unwrap().to_str().unwrap().replace('-', " ");
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        assert_eq!(printed(&[&["man"], &words[..]].concat()), text);
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"] {
            assert!(text.contains(&format!("\n.SH {section}\n")), "{command} has no {section}");
        }
        assert!(text.is_ascii(), "{command}");
        let help = printed(&[&words[..], &["--help"]].concat());
        // Every flag, and every command below.
        let plain = text.replace("\\-", "-");
        for line in help.lines().filter(|line| line.trim_start().starts_with('-')) {
            let Some(flag) = line.split_whitespace().find(|word| word.starts_with("--")) else { continue };
            let flag = flag.split(['[', '=']).next().unwrap();
            assert!(plain.contains(flag), "{command}: {flag}");
        }
        let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        // What goes on in a second line is indented further.
        let commands = commands.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
        for below in commands.filter(|word| !["", "help"].contains(word)) {
            let name = format!("{}-{below}", command.replace(' ', "-"));
            assert!(names.contains(name.as_str()) && plain.contains(&format!("{name}(1)")), "{name}");
        }
        let warnings = asked("groff", &["-man", "-ww", "-z", page.to_str().unwrap()], folder.path());
        assert_eq!(warnings.unwrap_or_default(), "");
    }
    assert!(names.contains("wandward") && names.contains("wandward-hook-install"), "{names:?}");
    assert_eq!(run_in(&["nowhere"]), Some(2));
    assert_eq!(run_in(&["scan", "--folder", "."]), Some(2));
    assert_eq!(run_in(&["--folder", "missing"]), Some(2));
}

#[test]
fn pages_keep_the_lines_of_examples() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("page.1"), printed(&["man", "scan"])).unwrap();
    let Some(shown) = asked("groff", &["-man", "-Tascii", "-P-c", "-P-b", "-P-u", "page.1"], folder.path()) else {
        return;
    };
    let wanted = "       wandward scan --history            and everything that its git repository holds\n";
    assert!(shown.contains(wanted) && shown.contains("\nEXAMPLES\n"), "{shown}");
}
