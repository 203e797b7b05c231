//! The flags, and nothing but the flags.

mod hook;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use hook::{Chosen, Hook, Hooks};
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
  4  with --verify: a live key
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

const VERIFY_EXAMPLES: &str = "\
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

const REVOKE_EXAMPLES: &str = "\
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

const ROTATE_EXAMPLES: &str = "\
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

const KEYS_EXAMPLES: &str = "\
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

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  wandward completions bash > ~/.local/share/bash-completion/completions/wandward
  wandward completions zsh > ~/.zfunc/_wandward        with ~/.zfunc in $fpath
  wandward completions fish > ~/.config/fish/completions/wandward.fish
  wandward completions powershell >> $PROFILE
  wandward completions elvish >> ~/.config/elvish/rc.elv";

const MAN_EXAMPLES: &str = "\
Examples:
  wandward man | man -l -
  wandward man hook install | man -l -
  wandward man --folder ~/.local/share/man/man1";

const CI_EXAMPLES: &str = "\
Examples:
  wandward ci                        what this event brings
  wandward ci --explain              what would be scanned, and why
  wandward ci --output codequality=gl-code-quality-report.json
                                     for GitLab";

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
    /// Ask W&B whether the keys that a scan finds are live, and whose
    ///
    /// Each distinct key is sent once to the server that it belongs to: the one that you name, else the one that is named beside
    /// it, else the public cloud. What is scanned names a server but opens no door: only W&B's own hosts and those that you allow
    /// are contacted, by https (http on this machine), through the proxy that the environment names, and no redirect is
    /// followed. Keys that a permission keeps back are asked about, too. Only the two known formats are ever sent.
    ///
    /// The User-Agent begins with that of W&B's own client, since W&B answers questions about keys to no other, and goes on to
    /// name wandward and its version. No e-mail address is asked for. W&B sees that the key was used, and from where.
    #[command(after_help = VERIFY_EXAMPLES, mut_arg("verify", |arg| arg.hide(true)), mut_arg("diff", |arg| arg.hide(true)), mut_arg("fix", |arg| arg.hide(true)), mut_arg("allow_dirty", |arg| arg.hide(true)))]
    Verify(Box<Verify>),
    /// Delete the keys that a scan finds, and prove that they are dead
    ///
    /// Asks about each key as `verify` does, shows what would be deleted and what breaks with it, asks you to type the id of each
    /// key, writes down what is about to be done, deletes, and asks again with the deleted key itself. It asks with the leaked
    /// key, whose owner may delete it. A deletion is never sent twice: after a crash or without an answer, `--resume` finds out
    /// by asking. The keys that you use yourself (WANDB_API_KEY, netrc) are left alone.
    #[command(after_help = REVOKE_EXAMPLES, mut_arg("verify", |arg| arg.hide(true)), mut_arg("diff", |arg| arg.hide(true)), mut_arg("fix", |arg| arg.hide(true)), mut_arg("allow_dirty", |arg| arg.hide(true)))]
    Revoke(Box<Revoke>),
    /// Make a new key, hand it over, prove that it works, then delete the old one
    ///
    /// The old key is the one that the scan finds or that is given; it asks for the new one. The new key is never shown: it goes
    /// into a file for you alone (0600), or to the standard input of a command, which is started without a shell. The old key is
    /// deleted once the server takes the new one and nothing that was scanned still reads the old one; where something does, you
    /// are asked.
    #[command(after_help = ROTATE_EXAMPLES, mut_arg("verify", |arg| arg.hide(true)), mut_arg("diff", |arg| arg.hide(true)), mut_arg("fix", |arg| arg.hide(true)), mut_arg("allow_dirty", |arg| arg.hide(true)))]
    Rotate(Box<Rotate>),
    /// List the keys of your W&B account, and what is wrong with how they are kept
    ///
    /// The credential is that of `WANDB_API_KEY`, else of the netrc, or with `-` a line of standard input. Keys are shown by
    /// their ids.
    #[command(after_help = KEYS_EXAMPLES)]
    Keys(Box<Keys>),
    /// Scan what the event of a CI system asks for
    ///
    /// A pull request: its commits since they left the branch that it is for, and its merge commit. A push: what it brings. A new
    /// branch or tag, or a push whose beginning is gone: what is not in the default branch. A schedule: everything. The event is
    /// read from the variables of GitHub Actions, GitLab, Bitbucket, Azure, Buildkite, CircleCI, Travis and Jenkins; elsewhere
    /// the files are scanned. What was not fetched is no clean bill (exit 3). Pull requests are scanned by the configuration and
    /// the baseline of the branch that they are for. In GitHub Actions there are annotations, a summary and outputs, too.
    #[command(after_help = CI_EXAMPLES, mut_arg("find", |arg| arg.hide(true)))]
    Ci(Box<Ci>),
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
    /// Let git look for keys before each commit and each push
    ///
    /// Writes scripts where git looks for hooks, and nothing else. A hook that is there already is kept, runs first, and may still
    /// refuse. What pre-commit, prek, husky and their like manage is left to them. The scripts stop everything if wandward is
    /// gone, rather than let keys pass.
    #[command(after_help = hook::EXAMPLES)]
    Hook {
        #[command(subcommand)]
        command: Hooks,
    },
    /// What a configuration file may say
    Config {
        #[command(subcommand)]
        command: Config,
    },
    /// List, show and test the rules
    Rules {
        #[command(flatten)]
        configured: Configured,

        #[command(subcommand)]
        command: Option<Rules>,
    },
    /// Why a rule exists, or why a line was or was not reported
    ///
    /// A line is looked at as a scan looks at it: with the configurations, the rule pages and the baseline that a scan of it would
    /// heed.
    Explain(Explain),
    /// Print what a shell needs to complete commands and flags
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print a manual page
    #[command(after_help = MAN_EXAMPLES)]
    Man(Man),
}

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

    /// Threads [default: one a core]
    #[arg(short, long, value_name = "N", default_value_t = 0, hide_default_value = true)]
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
