//! The flags of the verbs that ask W&B: about keys, to delete them, to replace them, to list them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::scan::Scan;
use super::value::{Dash, dash, interval};

pub(super) const VERIFY_EXAMPLES: &str = "\
Examples:
  wandward verify                    the keys in this folder
  wandward verify --history          and in all that its git repository holds
  pass show wandb | wandward verify -
                                     one key a line; on a terminal it asks, and shows nothing
  wandward verify --base-url https://wandb.example.com
                                     the server of your organization

Exit codes:
  0  every key is dead, or there was none
  1  at least one key still lives
  2  wrong usage
  3  not everything could be found out";

pub(super) const REVOKE_EXAMPLES: &str = "\
Examples:
  wandward revoke --dry-run          what would be deleted, and what would break
  wandward revoke --history          the keys in this repository; asks before each
  wandward revoke . --yes --count 2  without a terminal: both keys, and no more or fewer
  pass show wandb | wandward revoke -
                                     that key
  wandward revoke --resume           what became of deletions that were cut off

Exit codes:
  0  every key is dead, or there was none
  1  at least one key still lives
  2  wrong usage
  3  could not find out, refused, or not confirmed";

pub(super) const ROTATE_EXAMPLES: &str = "\
Examples:
  wandward rotate .env --name ci-model-training --to dotenv=.env
  wandward rotate ~/.netrc --name laptop-ada --to netrc=$HOME/.netrc
  wandward rotate .env --name ci-model-training --to-command -- gh secret set WANDB_API_KEY
  … --to-command -- vault kv put secret/wandb api_key=-
  … --to-command -- aws secretsmanager put-secret-value --secret-id wandb --secret-string file:///dev/stdin
  … --to-command -- az keyvault secret set --vault-name V --name wandb --file /dev/stdin
  … --to-command -- gcloud secrets versions add wandb --data-file=-
  … --to-command -- secret-tool store --label=wandb service wandb
  … --to-command -- sh -c 'security add-generic-password -U -s wandb -a api -w \"$(cat)\"'
                                     macOS; the key is on a command line for a moment

Exit codes:
  0  the rotation is complete, or there was no live key
  1  a key that should be dead still lives
  2  wrong usage
  3  could not find out, refused, or not confirmed";

pub(super) const KEYS_EXAMPLES: &str = "\
Examples:
  wandward keys                      with the key of WANDB_API_KEY or of the netrc
  pass show wandb | wandward keys -  with that one
  wandward keys --max-age 90         and which of them are older, or unused for longer
  wandward keys --all-users          everybody's, for administrators of a server

Exit codes:
  0  nothing to say about any of them
  1  findings
  2  wrong usage
  3  the server did not tell";

/// Where the flags stand in `--help` that say whom W&B's verbs ask. A heading of the whole would swallow what follows.
const ASKING: &str = "Asking W&B";

/// Where and how W&B is asked.
#[derive(Args)]
pub(crate) struct Ask {
    /// The server that the keys belong to [env: WANDB_BASE_URL] [default: what stands beside a key, else the public cloud]
    #[arg(long, help_heading = ASKING, value_name = "URL")]
    pub(crate) base_url: Option<String>,

    /// A host that may be asked if what is scanned names it
    #[arg(long, help_heading = ASKING, value_name = "HOST")]
    pub(crate) allow_host: Vec<String>,

    /// How long to wait for an answer
    #[arg(long, help_heading = ASKING, value_name = "SECONDS", default_value = "10", value_parser = interval)]
    pub(crate) timeout: Duration,
}

#[derive(Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) scan: Scan,

    /// Ask about the keys in this file, one a line, rather than about those of a scan
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "what", "stdin_name", "ps", "host"])]
    pub(crate) key_file: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    pub(crate) verify: Verify,

    /// Show what would be done, and do none of it
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Ask for no confirmation; `--count` says how many keys there are to delete
    #[arg(long, requires = "count")]
    pub(crate) yes: bool,

    /// How many live keys are to be deleted: if there are more or fewer, none is
    #[arg(long, value_name = "N", requires = "yes")]
    pub(crate) count: Option<usize>,

    /// Ask for the deletions with your own credential (WANDB_API_KEY, netrc) rather than with each key itself
    #[arg(long)]
    pub(crate) as_operator: bool,

    /// Delete the keys that you use yourself, too, and these last
    #[arg(long)]
    pub(crate) include_own: bool,

    /// The audit record [default: wandward/audit.jsonl in the user's state folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) audit_log: Option<PathBuf>,

    /// Find out what became of deletions that have no end in the audit record; deletes nothing
    #[arg(long, conflicts_with_all = ["dry_run", "yes", "as_operator", "include_own"])]
    pub(crate) resume: bool,

    /// Write what was done, as a page in Markdown
    #[arg(long, value_name = "FILE")]
    pub(crate) evidence: Option<PathBuf>,

    /// Write callbacks for git-filter-repo that remove the found keys from a history; they know them by their fingerprints
    #[arg(long, value_name = "FOLDER")]
    pub(crate) filter_repo: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    pub(crate) verify: Verify,

    /// What the new key is for, as W&B is to show it
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: String,

    /// The file that gets the new key
    #[arg(long, value_name = "dotenv=FILE|netrc=FILE", value_parser = destination, required_unless_present = "to_command", conflicts_with = "to_command")]
    pub(crate) to: Option<(Form, PathBuf)>,

    /// Hand the new key to a command, on its standard input
    #[arg(long, requires = "program")]
    pub(crate) to_command: bool,

    /// Delete the old key though something that was scanned still reads it
    #[arg(long)]
    pub(crate) yes: bool,

    /// The audit record [default: wandward/audit.jsonl in the user's state folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) audit_log: Option<PathBuf>,

    /// The command and its arguments, behind `--`
    #[arg(last = true, value_name = "PROGRAM", requires = "to_command")]
    pub(crate) program: Vec<OsString>,
}

/// A file that keeps a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Dotenv,
    Netrc,
}

fn destination(text: &str) -> Result<(Form, PathBuf), String> {
    match text.split_once('=') {
        Some(("dotenv", file)) if !file.is_empty() => Ok((Form::Dotenv, PathBuf::from(file))),
        Some(("netrc", file)) if !file.is_empty() => Ok((Form::Netrc, PathBuf::from(file))),
        _ => Err("it is dotenv=FILE or netrc=FILE".to_owned()),
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeysFormat {
    /// For people
    Pretty,
    /// One JSON object
    Json,
    /// One JSON object a line
    Jsonl,
    /// A table
    Markdown,
}

#[derive(Args)]
pub(crate) struct Keys {
    /// `-` reads the credential from standard input
    #[arg(value_name = "-", value_parser = dash)]
    pub(crate) credential: Option<Dash>,

    /// Report keys that are older, or were not used for longer
    #[arg(long, value_name = "DAYS")]
    pub(crate) max_age: Option<u32>,

    /// List the keys of all users, service accounts included; for administrators of a server
    #[arg(long)]
    pub(crate) all_users: bool,

    #[command(flatten)]
    pub(crate) ask: Ask,

    /// The format of the answer
    #[arg(long, value_enum, default_value_t = KeysFormat::Pretty)]
    pub(crate) format: KeysFormat,
}
