//! The flags of `wandward hook`, and the names of hooks.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

pub(super) const EXAMPLES: &str = "\
Examples:
  wandward hook install              before each commit and each push, in this repository
  wandward hook install --hook pre-commit,pre-push,commit-msg
                                     and each commit message
  wandward hook status               what is installed, and whether it would run
  wandward hook uninstall            and all is as it was

With pre-commit or prek, name the hook in .pre-commit-config.yaml instead:
  repos:
    - repo: <where wandward's repository is>
      rev: <a tag of it>
      hooks:
        - id: wandward               wandward-push and wandward-msg look at pushes and messages

Whoever commits can go past a hook (`git commit --no-verify`), so let CI scan, too.

Exit codes:
  0  it is as asked; for status: what is installed would run
  1  status: nothing is installed, or something would not run
  2  wrong usage
  3  refused, or could not be done";

#[derive(Subcommand)]
pub(crate) enum Hooks {
    /// Install hooks; one that is there already is kept, and runs first
    Install(Chosen),
    /// Take away the hooks that were installed; what was there before is there again
    Uninstall(Chosen),
    /// Say which hooks are installed, by which version, and whether they would run
    Status {
        /// A folder in the repository
        #[arg(value_name = "PATH", default_value = ".", hide_default_value = true)]
        path: PathBuf,
    },
}

#[derive(Args)]
pub(crate) struct Chosen {
    /// A folder in the repository [default: .]
    #[arg(value_name = "PATH", default_value = ".", hide_default_value = true)]
    pub(crate) path: PathBuf,

    /// Which hooks [default: pre-commit,pre-push; uninstall: all]
    #[arg(long, value_enum, value_name = "HOOK", value_delimiter = ',')]
    pub(crate) hook: Vec<Hook>,

    /// The folder of hooks, where configuration names one that other repositories may use, too
    #[arg(long, value_name = "FOLDER")]
    pub(crate) hooks_folder: Option<PathBuf>,
}

/// A hook of git (githooks).
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Hook {
    /// What is staged, before it is committed
    PreCommit,
    /// The commits, messages and names that a push sends
    PrePush,
    /// The message of a commit
    CommitMsg,
}

impl Hook {
    pub(crate) const ALL: [Hook; 3] = [Hook::PreCommit, Hook::PrePush, Hook::CommitMsg];

    /// As git calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Hook::PreCommit => "pre-commit",
            Hook::PrePush => "pre-push",
            Hook::CommitMsg => "commit-msg",
        }
    }

    /// What it runs, behind the name of the program, in a shell that has the arguments of the hook.
    pub(crate) fn scan(self) -> &'static str {
        match self {
            Hook::PreCommit => "scan --staged",
            Hook::PrePush => "scan --pre-push=\"$1\"",
            Hook::CommitMsg => "scan --message \"$1\"",
        }
    }
}
