//! The door: flags in, an exit code out. Only here, in `verb/` and in `watch` is an error printed, and only the first two choose
//! a code.

mod cli;
mod verb;
mod watch;

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use cli::{Cli, Command};
use wandward::detect::{self, Shape};
use wandward::rule::RuleSet;

/// Findings, wrong usage, not everything looked at, and a live key; see `--help`.
const FINDINGS: u8 = 1;
const USAGE: u8 = 2;
const INCOMPLETE: u8 = 3;
const LIVE: u8 = 4;

fn main() -> ExitCode {
    watch::quiet_panics();
    if let Some(shape) = std::env::args_os().skip(1).find_map(|argument| key_shape(&argument)) {
        complain(&format!(
            "an argument has the shape of a W&B key ({shape}), and a key is never an argument: process lists and shell \
             histories show it. If it is a real one, delete it in your W&B settings; scan text with `wandward scan -`"
        ));
        return ExitCode::from(USAGE);
    }
    let cli = Cli::try_parse().unwrap_or_else(|error| cli::with_tip(error).exit());
    match run(&cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::from(USAGE)
        }
    }
}

fn run(cli: &Cli) -> Result<u8> {
    let rules = RuleSet::builtin()?;
    match &cli.command {
        Command::Scan(options) => verb::scan::run(cli, options, &rules),
        Command::Ps(options) => verb::ps::run(cli, options, &rules),
        Command::Host(options) => verb::host::run(cli, options, &rules),
        Command::Verify(options) => verb::verify::run(cli, options, &rules),
        Command::Revoke(options) => verb::revoke::run(options, &rules),
        Command::Rotate(options) => verb::rotate::run(options, &rules),
        Command::Keys(options) => verb::keys::run(options, &rules),
        Command::Ci(options) => verb::ci::run(cli, options, &rules),
        Command::Report(options) => verb::report::run(cli, options, &rules),
        Command::Baseline { command } => verb::baseline::run(command, &rules),
        Command::Hook { command } => verb::hook::run(command),
        Command::Config { command } => verb::config::run(command),
        Command::Rules { configured, command } => verb::rules::run(command.as_ref(), configured, &rules),
        Command::Completions { shell } => verb::completions::run(*shell),
        Command::Man(options) => verb::man::run(options),
        Command::Explain(options) => verb::explain::run(options, &rules),
    }
}

/// What an argument has the shape of, if it has that of a key: a v1 key anywhere; a legacy key as a whole argument or value,
/// unless a file has that name.
fn key_shape(argument: &OsStr) -> Option<&'static str> {
    let bytes = argument.as_encoded_bytes();
    let candidates = detect::candidates(bytes, 0..bytes.len());
    candidates.iter().find_map(|candidate| match candidate.shape {
        Shape::Partial | Shape::Key(wandward::secret::Format::V1) => Some("v1"),
        Shape::Key(wandward::secret::Format::Legacy) => {
            let start = candidate.prefix.unwrap_or(candidate.key.start);
            let whole = start == 0 || bytes[start - 1] == b'=';
            let ends = matches!(bytes.get(candidate.key.end), None | Some(b':'));
            // `explain` takes a line behind the name of a file.
            let file = argument.to_str().and_then(|text| text.split(':').next()).map_or(Path::new(argument), Path::new);
            (whole && ends && !Path::new(argument).exists() && !file.exists()).then_some("legacy")
        }
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |kind| kind == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| broken(error.kind()))
            || cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind).is_some_and(broken)
    })
}

/// An error or a warning, on standard error; if even that is closed there is nobody to tell.
fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "wandward: {message}");
}
