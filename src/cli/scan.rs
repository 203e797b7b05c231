//! The flags of the verbs that scan: files and what git holds, processes, this machine, the event of a CI system.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::keys::Ask;
use super::report::Report;
use super::value::{interval, size};

pub(super) const EXAMPLES: &str = "\
Examples:
  wandward scan                      this folder: hidden, untracked and git-ignored files too
  wandward scan src wandb .env       these files and folders
  wandward scan --history            and everything that its git repository holds
  wandward scan --staged             what the next commit would add, as a pre-commit hook asks
  wandward scan --range main..HEAD   what a branch adds, removed again or not
  git diff | wandward scan -         standard input
  pass show wandb | wandward scan --find - --history --ps --host
                                     one key, all its places
  wandward scan --diff               what could be mended safely
  wandward scan --fix                mend it, and report what remains
  wandward scan --format json . > report.json
  wandward scan --output sarif=wandward.sarif --output html=report.html
  wandward scan --baseline .wandward-baseline.jsonl
                                     what is new since `wandward baseline create`
  wandward explain src/train.py:12   why a line is a finding, or is none

Allow one line, with a reason, in a comment on it or above it:
  # wandward: allow[hardcoded-key] made up for this test
  # wandward: allow-next-line[hardcoded-key] made up for this test";

pub(super) const PS_EXAMPLES: &str = "\
Examples:
  wandward ps                        what the command lines of running processes show
  wandward ps --environ              and the environments of your own
  wandward ps --watch 0.5            twice a second, until it is interrupted
  wandward ps --watch --format jsonl each new finding as a line";

pub(super) const HOST_EXAMPLES: &str = "\
Examples:
  wandward host                      where this user's keys lie
  wandward host -v                   and every place that was looked at
  pass show wandb | wandward scan --find - --history --ps --host ~/projects
                                     one key, all its places";

pub(super) const CI_EXAMPLES: &str = "\
Examples:
  wandward ci                        what this event brings
  wandward ci --explain              what would be scanned, and why
  wandward ci --output codequality=gl-code-quality-report.json
                                     for GitLab";

#[derive(Args)]
pub(crate) struct Scan {
    /// Files and folders to scan; `-` reads standard input [default: .]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// Scan all that the git repositories hold, too: every object, reachable or not, messages, refs, reflogs, index
    #[arg(long, group = "what")]
    pub(crate) history: bool,

    /// Scan what is staged: the index against HEAD, never the working copy
    #[arg(long, group = "what")]
    pub(crate) staged: bool,

    /// Scan what the commits of A..B or A...B introduce, their messages included
    #[arg(long, group = "what", value_name = "A..B")]
    pub(crate) range: Option<String>,

    /// Scan what a push is about to send; reads git's pre-push lines on standard input. A hook names its remote: `--pre-push="$1"`
    #[arg(long, group = "what", value_name = "REMOTE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) pre_push: Option<String>,

    /// Scan a commit message about to be committed
    #[arg(long, group = "what", value_name = "FILE")]
    pub(crate) message: Option<PathBuf>,

    /// The file name of standard input, which decides how it is read
    #[arg(long, value_name = "NAME")]
    pub(crate) stdin_name: Option<PathBuf>,

    /// Look at running processes, too, as `wandward ps` does
    #[arg(long)]
    pub(crate) ps: bool,

    /// Look at the places of this machine, too, as `wandward host` does
    #[arg(long)]
    pub(crate) host: bool,

    /// Show the edits that mend findings safely, keys masked, and make none
    ///
    /// The diff takes the place of the report. It is for reading: what is masked in it cannot be applied.
    #[arg(long, conflicts_with_all = ["what", "ps", "host", "find", "stdin_name", "fix", "verify", "format", "output"])]
    pub(crate) diff: bool,

    /// Make these edits, and report what remains
    ///
    /// A file is refused that git could not give back as it is, that changed since it was scanned, or that is read-only.
    /// History, archives, image files, pins and lock files are never edited. A key that is taken out of a file is still
    /// exposed wherever it has been: delete it.
    #[arg(long, conflicts_with_all = ["what", "ps", "host", "find", "stdin_name", "verify"])]
    pub(crate) fix: bool,

    /// Let `--fix` edit files whose changes no commit holds
    #[arg(long, requires = "fix")]
    pub(crate) allow_dirty: bool,

    /// Ask W&B whether the keys are live, and whose; a live one is exit 4
    #[arg(long)]
    pub(crate) verify: bool,

    #[command(flatten)]
    pub(crate) report: Report,

    /// Leave out what matches, below the paths; as in a .gitignore
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,

    /// Pass over larger files, and say so (500K, 20M, 1G)
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_file_size: Option<u64>,

    #[command(flatten)]
    pub(crate) ask: Ask,
}

#[derive(Args)]
pub(crate) struct Ps {
    /// Read the environments of your own processes, too
    #[arg(long)]
    pub(crate) environ: bool,

    /// Keep looking, each time after so many seconds, and tell what is new [default: 2]
    #[arg(long, value_name = "INTERVAL", num_args = 0..=1, default_missing_value = "2", value_parser = interval)]
    pub(crate) watch: Option<Duration>,

    #[command(flatten)]
    pub(crate) report: Report,
}

#[derive(Args)]
pub(crate) struct Host {
    #[command(flatten)]
    pub(crate) report: Report,
}

#[derive(Args)]
pub(crate) struct Ci {
    /// A path in the repository
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) path: PathBuf,

    /// Say what would be scanned and why, and scan nothing
    #[arg(long)]
    pub(crate) explain: bool,

    /// Ask W&B whether the keys are live, and whose; a live one is exit 4. Left out where a stranger could read the answer
    #[arg(long)]
    pub(crate) verify: bool,

    #[command(flatten)]
    pub(crate) report: Report,

    #[command(flatten)]
    pub(crate) ask: Ask,
}
