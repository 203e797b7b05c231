//! The flags of every verb that reports: by which rules, and how what was found is told.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::value::{Dash, dash, format, jobs, output};
use wandward::report::Format;

/// What else says how to scan, and which rules there are.
#[derive(Args, Clone, Default)]
pub(crate) struct Configured {
    /// Read this configuration instead of your own
    ///
    /// Without it, `wandward/wandward.toml` in your configuration folder. What a repository brings (`wandward.toml`,
    /// `.wandward.toml` or `[tool.wandward]` in `pyproject.toml`, at its root) is read too, and may leave paths out, permit
    /// findings with a reason, add rule pages and raise severities; whatever else it says is an error.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,

    /// Read no configuration but the one that `--config` names
    #[arg(long, global = true)]
    pub(crate) isolated: bool,

    /// A folder of more rule pages; may be given several times
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) rules: Vec<PathBuf>,
}

/// How what was found is told.
#[derive(Args, Clone, Default)]
pub(crate) struct Shown {
    /// The format of the report on standard output [default: pretty]
    #[arg(long, value_name = "FORMAT", value_parser = format())]
    pub(crate) format: Option<Format>,

    /// Write a report to a file, too; may be given several times
    #[arg(long, value_name = "FORMAT=FILE", value_parser = output)]
    pub(crate) output: Vec<(Format, PathBuf)>,

    /// List what a permission keeps back
    #[arg(long)]
    pub(crate) show_suppressed: bool,

    /// Exit 0 rather than 3 when something could not be read
    #[arg(long)]
    pub(crate) allow_partial: bool,

    /// Findings, and what could not be read: no summary, no progress
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// List what was passed over
    #[arg(short, long, conflicts_with = "quiet", overrides_with = "verbose")]
    pub(crate) verbose: bool,
}

/// What every verb that scans shares: what may be said, and how.
#[derive(Args, Clone, Default)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) shown: Shown,

    /// Fail (exit 1) on findings of this severity or worse [default: warning]
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<FailOn>,

    /// Report exactly the keys that standard input names, one a line, by themselves or by fingerprint (`ww1-…`)
    ///
    /// Where a fingerprint is equal no evidence is asked for, and neither a permission nor a baseline nor `--select` hides it.
    #[arg(long, value_name = "-", value_parser = dash)]
    pub(crate) find: Option<Dash>,

    /// Only these rules or groups (keys, habits, sdk, server)
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(crate) select: Vec<String>,

    /// All but these rules or groups
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(crate) ignore: Vec<String>,

    #[command(flatten)]
    pub(crate) configured: Configured,

    /// Keep back what this file accepts (see `wandward baseline`)
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,

    /// Honour no permission in the text
    #[arg(long)]
    pub(crate) no_inline: bool,

    /// Threads, 256 at most [default: one a core]
    #[arg(short, long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = jobs)]
    pub(crate) jobs: usize,

    /// Read every git object of a history, those too that were clean before, and remember none of them
    #[arg(long)]
    pub(crate) no_cache: bool,

    /// Show no progress
    #[arg(long)]
    pub(crate) no_progress: bool,
}

#[derive(Args)]
pub(crate) struct Saved {
    /// Saved reports; `-` reads standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) shown: Shown,

    /// Fail (exit 1) on findings of this severity or worse
    #[arg(long, value_enum, default_value_t = FailOn::Warning, value_name = "SEVERITY")]
    pub(crate) fail_on: FailOn,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    Error,
    Warning,
    Note,
    Never,
}
