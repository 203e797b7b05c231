//! `wandward host`: where on this machine a user's keys lie.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Result, anyhow};

use super::environment;
use super::scan::{Manner, answer};
use super::settings::Settings;
use crate::cli::{self, Cli};
use wandward::rule::RuleSet;
use wandward::scan::Input;
use wandward::source::host::Host;

pub(crate) fn run(cli: &Cli, options: &cli::Host, rules: &RuleSet) -> Result<u8> {
    let settings = Settings::new(&options.report, rules, &[])?.with_baseline(options.report.baseline.as_deref())?;
    answer(cli, &options.report, settings, &[input()?], Manner::default())
}

/// This user's machine.
pub(crate) fn input() -> Result<Input<'static>> {
    let home = environment("HOME").or_else(|| environment("USERPROFILE"));
    let home = home.ok_or_else(|| anyhow!("neither HOME nor USERPROFILE says where the home folder is"))?;
    Ok(Input::Host(Host { home: PathBuf::from(home), variable: &variable }))
}

fn variable(name: &str) -> Option<OsString> {
    match name {
        "USER" => environment("USER").or_else(|| environment("LOGNAME")),
        name => environment(name),
    }
}
