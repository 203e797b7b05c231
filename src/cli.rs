//! The flags, and nothing but the flags. Here which verbs there are; below, each family of them.

mod hook;
mod keys;
mod known;
mod report;
mod scan;
mod value;

use clap::error::{ContextKind, ContextValue};
use clap::{Parser, Subcommand};

pub(crate) use hook::{Chosen, Hook, Hooks};
pub(crate) use keys::{Ask, Form, Keys, KeysFormat, Revoke, Rotate, Verify};
pub(crate) use known::{Accept, Baseline, Baselined, Config, Explain, Man, Rules};
pub(crate) use report::{Colour, Configured, FailOn, Report, Saved};
pub(crate) use scan::{Ci, Host, Ps, Scan};

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

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Scan files and folders for exposed keys
    ///
    /// Every regular file below the paths counts: tracked or not, git-ignored or not, hidden or not, text or binary.
    /// Archives are opened, and what is written in base64, in escapes, in pieces or in UTF-16 is read as what it says. The
    /// inside of git directories is left out unless a flag asks for it, and links are not followed. Nothing in a repository
    /// is run or obeyed.
    #[command(after_help = scan::EXAMPLES)]
    Scan(Box<Scan>),
    /// Scan the command lines of running processes
    ///
    /// Whatever stands on a command line, every user of the machine may read for as long as the process runs. All
    /// processes that this user sees are looked at; wandward itself is left out, and what started it is not.
    #[command(after_help = scan::PS_EXAMPLES)]
    Ps(Box<Ps>),
    /// Scan the places of this machine in which keys lie
    ///
    /// The home folder's netrc, W&B settings, shell and interpreter histories, start-up files, `.env` files, editor and MCP
    /// settings, run folders and caches, crontab and services; and `wandb/` and `.env` in the working directory. Nothing is
    /// changed. `-v` lists every place with what was found there.
    #[command(after_help = scan::HOST_EXAMPLES)]
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
    #[command(after_help = keys::VERIFY_EXAMPLES, mut_arg("verify", |arg| arg.hide(true)), mut_arg("diff", |arg| arg.hide(true)), mut_arg("fix", |arg| arg.hide(true)), mut_arg("allow_dirty", |arg| arg.hide(true)))]
    Verify(Box<Verify>),
    /// Delete the keys that a scan finds, and prove that they are dead
    ///
    /// Asks about each key as `verify` does, shows what would be deleted and what breaks with it, asks you to type the id of each
    /// key, writes down what is about to be done, deletes, and asks again with the deleted key itself. It asks with the leaked
    /// key, whose owner may delete it. A deletion is never sent twice: after a crash or without an answer, `--resume` finds out
    /// by asking. The keys that you use yourself (WANDB_API_KEY, netrc) are left alone.
    #[command(after_help = keys::REVOKE_EXAMPLES, mut_arg("verify", |arg| arg.hide(true)), mut_arg("diff", |arg| arg.hide(true)), mut_arg("fix", |arg| arg.hide(true)), mut_arg("allow_dirty", |arg| arg.hide(true)))]
    Revoke(Box<Revoke>),
    /// Make a new key, hand it over, prove that it works, then delete the old one
    ///
    /// The old key is the one that the scan finds or that is given; it asks for the new one. The new key is never shown: it goes
    /// into a file for you alone (0600), or to the standard input of a command, which is started without a shell. The old key is
    /// deleted once the server takes the new one and nothing that was scanned still reads the old one; where something does, you
    /// are asked.
    #[command(after_help = keys::ROTATE_EXAMPLES, mut_arg("verify", |arg| arg.hide(true)), mut_arg("diff", |arg| arg.hide(true)), mut_arg("fix", |arg| arg.hide(true)), mut_arg("allow_dirty", |arg| arg.hide(true)))]
    Rotate(Box<Rotate>),
    /// List the keys of your W&B account, and what is wrong with how they are kept
    ///
    /// The credential is that of `WANDB_API_KEY`, else of the netrc, or with `-` a line of standard input. Keys are shown by
    /// their ids.
    #[command(after_help = keys::KEYS_EXAMPLES)]
    Keys(Box<Keys>),
    /// Scan what the event of a CI system asks for
    ///
    /// A pull request: its commits since they left the branch that it is for, and its merge commit. A push: what it brings. A new
    /// branch or tag, or a push whose beginning is gone: what is not in the default branch. A schedule: everything. The event is
    /// read from the variables of GitHub Actions, GitLab, Bitbucket, Azure, Buildkite, CircleCI, Travis and Jenkins; elsewhere
    /// the files are scanned. What was not fetched is no clean bill (exit 3). Pull requests are scanned by the configuration and
    /// the baseline of the branch that they are for. In GitHub Actions there are annotations, a summary and outputs, too.
    #[command(after_help = scan::CI_EXAMPLES, mut_arg("find", |arg| arg.hide(true)))]
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
    #[command(after_help = known::COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print a manual page
    #[command(after_help = known::MAN_EXAMPLES)]
    Man(Man),
}

/// Adds what to do instead to the error for a flag by which other tools are told to read what they leave out.
pub(crate) fn with_tip(mut error: clap::Error) -> clap::Error {
    const NEEDLESS: [&str; 4] = ["--hidden", "--no-ignore", "--unrestricted", "-u"];
    let is_needless = |flag: &ContextValue| matches!(flag, ContextValue::String(flag) if NEEDLESS.contains(&&**flag));
    let is_scan =
        |usage: &ContextValue| matches!(usage, ContextValue::StyledStr(usage) if usage.to_string().contains("[PATH]"));
    if error.get(ContextKind::InvalidArg).is_some_and(is_needless) && error.get(ContextKind::Usage).is_some_and(is_scan)
    {
        let tip = "every file counts, hidden and git-ignored ones too; `--exclude` leaves some out";
        // The flag that is spelled most like it, which the line on usage shows too.
        error.remove(ContextKind::SuggestedArg);
        error.remove(ContextKind::Usage);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}
