//! `wandward ps`: what running processes show to everybody, once or for as long as somebody watches.

use anyhow::Result;

use super::scan::{Manner, answer};
use super::settings::Settings;
use crate::cli::{self, Cli};
use wandward::rule::RuleSet;
use wandward::scan::{Input, Running};

pub(crate) fn run(cli: &Cli, options: &cli::Ps, rules: &RuleSet) -> Result<u8> {
    let running = Running { environ: options.environ, watch: options.watch };
    let settings = Settings::new(&options.report, rules, &[])?.with_baseline(options.report.baseline.as_deref())?;
    let manner = Manner { live: options.watch.is_some(), ..Manner::default() };
    answer(cli, &options.report, settings, &[Input::Processes(running)], manner)
}
