//! The flags of the verbs that accept findings, and of those that explain: rules, configuration, manual pages.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::report::Configured;

pub(super) const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  wandward completions bash > ~/.local/share/bash-completion/completions/wandward
  wandward completions zsh > ~/.zfunc/_wandward        with ~/.zfunc in $fpath
  wandward completions fish > ~/.config/fish/completions/wandward.fish
  wandward completions powershell >> $PROFILE
  wandward completions elvish >> ~/.config/elvish/rc.elv";

pub(super) const MAN_EXAMPLES: &str = "\
Examples:
  wandward man | man -l -
  wandward man hook install | man -l -
  wandward man --folder ~/.local/share/man/man1";

#[derive(Args)]
pub(crate) struct Man {
    /// The command to print the page of, such as `scan` or `hook install` [default: wandward itself]
    #[arg(value_name = "COMMAND", conflicts_with = "folder")]
    pub(crate) command: Vec<String>,

    /// Write the pages of all commands into this folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Explain {
    /// A rule, or a line of a file
    #[arg(value_name = "RULE | PATH:LINE")]
    pub(crate) what: PathBuf,

    /// Keep back what this file accepts
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) configured: Configured,
}

#[derive(Subcommand)]
pub(crate) enum Baseline {
    /// Accept everything that a scan finds, in a new file
    Create(Accept),
    /// Accept what is new
    Update {
        #[command(flatten)]
        accept: Accept,

        /// Remove entries that have expired, or that accept nothing in what is scanned
        #[arg(long)]
        prune: bool,
    },
    /// List the entries; exit 1 if some accept nothing or have expired
    Audit(Baselined),
    /// Accept what another scanner was told to: a baseline of detect-secrets, a report or ignore file of gitleaks, SARIF
    Import {
        /// The file of the other scanner
        #[arg(value_name = "FILE")]
        report: PathBuf,

        #[command(flatten)]
        accept: Accept,
    },
}

/// What a baseline is held against.
#[derive(Args)]
pub(crate) struct Baselined {
    /// Files and folders to scan [default: .]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// Scan all that the git repositories hold, too
    #[arg(long)]
    pub(crate) history: bool,

    /// The file of the baseline [default: the one that a configuration names, else .wandward-baseline.jsonl]
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) configured: Configured,
}

/// What new entries say.
#[derive(Args)]
pub(crate) struct Accept {
    #[command(flatten)]
    pub(crate) scan: Baselined,

    /// Why it is accepted
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,

    /// The last day on which it is accepted (2027-01-31)
    #[arg(long, value_name = "DATE")]
    pub(crate) expires: Option<String>,

    /// Who answers for it
    #[arg(long, value_name = "NAME")]
    pub(crate) owner: Option<String>,

    /// Accept it at its path alone
    #[arg(long)]
    pub(crate) with_path: bool,
}

#[derive(Subcommand)]
pub(crate) enum Config {
    /// Print the JSON schema of configuration files, for editors
    Schema,
}

#[derive(Subcommand)]
pub(crate) enum Rules {
    /// List every rule
    List,
    /// Show the page of a rule
    Show {
        /// The rule
        rule: String,
    },
    /// Run the examples of every rule's page
    Test,
}
