//! The script of a native hook. In: which hook, and where the program lies. Out: its text; and of a text, whether it is such a
//! script, of which version, and still as it was written.

use sha2::{Digest, Sha256};

use crate::cli::Hook;

/// What stands behind the name of a hook that was there before ours.
pub(super) const KEPT: &str = ".before-wandward";

/// The second line of every script begins so.
const MARK: &str = "# wandward hook ";

/// A script that this program wrote, in some version.
pub(super) struct Script {
    /// Which version.
    pub(super) version: String,
    /// Where it looks for the program first.
    pub(super) program: Option<String>,
    /// Whether nobody has edited it.
    pub(super) whole: bool,
}

/// The text of a script.
///
/// It stops the commit or the push if there is no program to run. The hook that was there before runs first, as git would run
/// it, since it may change what is staged; where git gives lines on standard input, both read them.
pub(super) fn text(hook: Hook, program: Option<&str>) -> String {
    let name = hook.name();
    let (what, past) = match hook {
        Hook::PrePush => ("push", "git push --no-verify"),
        Hook::PreCommit | Hook::CommitMsg => ("commit", "git commit --no-verify"),
    };
    let named = program.map_or(String::new(), |program| {
        format!("wandward={}\n[ -f \"$wandward\" ] && [ -x \"$wandward\" ] || ", quoted(program))
    });
    let run = match hook {
        Hook::PrePush => {
            "lines=$(cat; echo .)\n\
             lines=${lines%.}\n\
             if [ -x \"$kept\" ]; then\n    printf %s \"$lines\" | \"$kept\" \"$@\" || exit\nfi\n\
             printf %s \"$lines\" | "
        }
        Hook::PreCommit | Hook::CommitMsg => "if [ -x \"$kept\" ]; then\n    \"$kept\" \"$@\" || exit\nfi\n",
    };
    let body = format!(
        "# Written by `wandward hook install`, and taken away by `wandward hook uninstall`: do not edit it.\n\
         {named}wandward=$(command -v wandward) || {{\n    \
             echo \"wandward is not found, so nothing has looked for keys and this {what} is stopped.\" >&2\n    \
             echo \"Install it, or go past all hooks with \\`{past}\\`.\" >&2\n    \
             exit 1\n}}\n\
         case $0 in\n    */*) kept=${{0%/*}}/{name}{KEPT} ;;\n    *) kept=./{name}{KEPT} ;;\nesac\n\
         {run}\"$wandward\" {scan} --quiet\n",
        scan = hook.scan()
    );
    let version = env!("CARGO_PKG_VERSION");
    format!("#!/bin/sh\n{MARK}{name}, version {version}, sum {}\n{body}", sum(&body))
}

/// Reads a script of a hook; `None` if it is none of this program's.
pub(super) fn read(hook: Hook, text: &[u8]) -> Option<Script> {
    let text = str::from_utf8(text).ok()?.strip_prefix("#!/bin/sh\n")?;
    let (mark, body) = text.strip_prefix(MARK)?.split_once('\n')?;
    let (version, told) =
        mark.strip_prefix(hook.name())?.strip_prefix(", version ")?.split_once(", sum ").unwrap_or((mark, ""));
    let program = body.lines().find_map(|line| line.strip_prefix("wandward='")?.strip_suffix('\''));
    let program = program.map(|program| program.replace("'\\''", "'"));
    Some(Script { version: version.to_owned(), program, whole: told == sum(body) })
}

/// Enough to tell an edit by; nobody is kept from making one.
fn sum(body: &str) -> String {
    Sha256::digest(body.as_bytes())[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A word for a shell, whatever is in it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_known_again_until_it_is_edited() {
        for program in [None, Some("/usr/bin/wandward"), Some("/it's \"here\" $HOME/wandward")] {
            for hook in Hook::ALL {
                let text = text(hook, program);
                let script = read(hook, text.as_bytes()).expect("ours");
                assert_eq!((script.version.as_str(), script.whole), (env!("CARGO_PKG_VERSION"), true));
                assert_eq!(script.program.as_deref(), program);
                let edited = text.replace("--quiet", "--verbose");
                assert!(!read(hook, edited.as_bytes()).expect("still ours").whole);
            }
        }
        assert!(read(Hook::PrePush, text(Hook::PreCommit, None).as_bytes()).is_none(), "of another hook");
        assert!(read(Hook::PreCommit, b"#!/bin/sh\nwandward scan --staged\n").is_none(), "somebody's own");
    }
}
