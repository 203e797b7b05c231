//! The flags, and nothing but the flags.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use wandward::report::Format;

/// Finds exposed Weights & Biases API keys, and says what to do about them.
///
/// A key is never an argument: keys enter by standard input or by a scan.
#[derive(Parser)]
#[command(name = "wandward", version, arg_required_else_help = true, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub(crate) color: Colour,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  nothing found, and everything asked for was looked at
  1  findings
  2  wrong usage, configuration or rule page
  3  not everything asked for could be looked at, or there was nothing to look at
  130, 143  interrupted; what was found is printed";

const EXAMPLES: &str = "\
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

const PS_EXAMPLES: &str = "\
Examples:
  wandward ps                        what the command lines of running processes show
  wandward ps --environ              and the environments of your own
  wandward ps --watch 0.5            twice a second, until it is interrupted
  wandward ps --watch --format jsonl each new finding as a line";

const HOST_EXAMPLES: &str = "\
Examples:
  wandward host                      where this user's keys lie
  wandward host -v                   and every place that was looked at
  pass show wandb | wandward scan --find - --history --ps --host ~/projects
                                     one key, all its places";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Scan files and folders for exposed keys
    ///
    /// Every regular file below the paths counts: tracked or not, git-ignored or not, hidden or not, text or binary.
    /// Archives are opened, and what is written in base64, in escapes, in pieces or in UTF-16 is read as what it says. The
    /// inside of git directories is left out unless a flag asks for it, and links are not followed. Nothing in a repository
    /// is run or obeyed.
    #[command(after_help = EXAMPLES)]
    Scan(Box<Scan>),
    /// Scan the command lines of running processes
    ///
    /// Whatever stands on a command line, every user of the machine may read for as long as the process runs. All
    /// processes that this user sees are looked at; wandward itself is left out, and what started it is not.
    #[command(after_help = PS_EXAMPLES)]
    Ps(Box<Ps>),
    /// Scan the places of this machine in which keys lie
    ///
    /// The home folder's netrc, W&B settings, shell and interpreter histories, start-up files, `.env` files, editor and MCP
    /// settings, run folders and caches, crontab and services; and `wandb/` and `.env` in the working directory. Nothing is
    /// changed. `-v` lists every place with what was found there.
    #[command(after_help = HOST_EXAMPLES)]
    Host(Box<Host>),
    /// Render saved reports again, in any format; several become one
    ///
    /// Reads reports of `--format json` and `--format jsonl`. A finding that several of them hold counts once; together they
    /// are complete if each is.
    Report(Box<Saved>),
    /// Accept what is known for now, each finding with a reason
    ///
    /// A key is accepted by its fingerprint wherever it lies, all else by its finding id. The file has one entry a line, sorted,
    /// and no date but those that you give, so that branches merge; `*.jsonl merge=union` in `.gitattributes` lets git do it.
    Baseline {
        #[command(subcommand)]
        command: Baseline,
    },
    /// What a configuration file may say
    Config {
        #[command(subcommand)]
        command: Config,
    },
    /// List, show and test the rules
    Rules {
        #[command(subcommand)]
        command: Option<Rules>,
    },
    /// Why a rule exists, or why a line was or was not reported
    Explain {
        /// A rule, or a line of a file
        #[arg(value_name = "RULE | PATH:LINE")]
        what: PathBuf,
    },
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

    /// The file of the baseline
    #[arg(long, value_name = "FILE", default_value = crate::verb::baseline::FILE)]
    pub(crate) baseline: PathBuf,
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
    #[arg(long, conflicts_with_all = ["what", "ps", "host", "find", "stdin_name", "fix", "format", "output"])]
    pub(crate) diff: bool,

    /// Make these edits, and report what remains
    ///
    /// A file is refused that git could not give back as it is, that changed since it was scanned, or that is read-only.
    /// History, archives, image files, pins and lock files are never edited. A key that is taken out of a file is still
    /// exposed wherever it has been: delete it.
    #[arg(long, conflicts_with_all = ["what", "ps", "host", "find", "stdin_name"])]
    pub(crate) fix: bool,

    /// Let `--fix` edit files whose changes no commit holds
    #[arg(long, requires = "fix")]
    pub(crate) allow_dirty: bool,

    #[command(flatten)]
    pub(crate) report: Report,

    /// Leave out what matches, below the paths; as in a .gitignore
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,

    /// Pass over larger files, and say so (500K, 20M, 1G)
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_file_size: Option<u64>,
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

/// What every verb that scans shares: what may be said, and how.
#[derive(Args, Default)]
pub(crate) struct Report {
    /// The format of the report on standard output [default: pretty]
    #[arg(long, value_name = "FORMAT", value_parser = format())]
    pub(crate) format: Option<Format>,

    /// Write a report to a file, too; may be given several times
    #[arg(long, value_name = "FORMAT=FILE", value_parser = output)]
    pub(crate) output: Vec<(Format, PathBuf)>,

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

    /// Read this configuration instead of your own
    ///
    /// Without it, `wandward/wandward.toml` in your configuration folder. What a repository brings (`wandward.toml`,
    /// `.wandward.toml` or `[tool.wandward]` in `pyproject.toml`, at its root) is read too, and may leave paths out, permit
    /// findings with a reason, add rule pages and raise severities; whatever else it says is an error.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Read no configuration but the one that `--config` names
    #[arg(long)]
    pub(crate) isolated: bool,

    /// Keep back what this file accepts (see `wandward baseline`)
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,

    /// A folder of more rule pages; may be given several times
    #[arg(long, value_name = "DIR")]
    pub(crate) rules: Vec<PathBuf>,

    /// List what a permission keeps back
    #[arg(long)]
    pub(crate) show_suppressed: bool,

    /// Honour no permission in the text
    #[arg(long)]
    pub(crate) no_inline: bool,

    /// Exit 0 rather than 3 when something could not be read
    #[arg(long)]
    pub(crate) allow_partial: bool,

    /// Threads [default: one a core]
    #[arg(short, long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) jobs: usize,

    /// Findings only: no summary, no progress
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// List what was passed over
    #[arg(short, long, conflicts_with = "quiet")]
    pub(crate) verbose: bool,

    /// Show no progress
    #[arg(long)]
    pub(crate) no_progress: bool,
}

#[derive(Args)]
pub(crate) struct Saved {
    /// Saved reports; `-` reads standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// The format of the report on standard output [default: pretty]
    #[arg(long, value_name = "FORMAT", value_parser = format())]
    pub(crate) format: Option<Format>,

    /// Write a report to a file, too; may be given several times
    #[arg(long, value_name = "FORMAT=FILE", value_parser = output)]
    pub(crate) output: Vec<(Format, PathBuf)>,

    /// Fail (exit 1) on findings of this severity or worse
    #[arg(long, value_enum, default_value_t = FailOn::Warning, value_name = "SEVERITY")]
    pub(crate) fail_on: FailOn,

    /// List what a permission keeps back
    #[arg(long)]
    pub(crate) show_suppressed: bool,

    /// Exit 0 rather than 3 when something could not be read
    #[arg(long)]
    pub(crate) allow_partial: bool,

    /// Findings only: no summary
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// List what was passed over
    #[arg(short, long, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
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

/// Standard input.
#[derive(Clone, Copy)]
pub(crate) struct Dash;

/// A key is never an argument, so its place is standard input.
fn dash(text: &str) -> Result<Dash, String> {
    if text == "-" { Ok(Dash) } else { Err("it must be `-`: the keys are read from standard input".to_owned()) }
}

/// A number of seconds, or of milliseconds with `ms` behind it: at least a hundredth of a second, at most a day.
fn interval(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1e-3),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let seconds = number.parse::<f64>().ok().map(|number| number * unit);
    let seconds = seconds.filter(|seconds| (0.01..=86400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "not a number of seconds from 0.01 to 86400".to_owned())
}

/// The names of formats, with what each is.
fn format() -> impl TypedValueParser<Value = Format> {
    let names = Format::ALL.map(|format| {
        let (name, what) = format.name();
        PossibleValue::new(name).help(what)
    });
    PossibleValuesParser::new(names).try_map(|name| Format::named(&name).ok_or("no such format"))
}

/// `FORMAT=FILE`.
fn output(text: &str) -> Result<(Format, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or("not of the form FORMAT=FILE")?;
    let format = Format::named(name).ok_or_else(|| {
        format!("no format is called `{name}`; there are {}", Format::ALL.map(|format| format.name().0).join(", "))
    })?;
    if file.is_empty() { Err("no file is named".to_owned()) } else { Ok((format, file.into())) }
}

/// A number of bytes, with K, M or G for powers of 1024.
fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = match text
        .trim_end_matches(['b', 'B'])
        .split_at_checked(text.trim_end_matches(['b', 'B']).len().saturating_sub(1))
    {
        Some((number, "k" | "K")) => (number, 1 << 10),
        Some((number, "m" | "M")) => (number, 1 << 20),
        Some((number, "g" | "G")) => (number, 1 << 30),
        _ => (text, 1),
    };
    let number: u64 = number.parse().map_err(|_| "not a number of bytes, such as 500K, 20M or 1G".to_owned())?;
    number.checked_mul(unit).ok_or_else(|| "too large".to_owned())
}
