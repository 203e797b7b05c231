//! `wandward report`: saved reports become one, in any format.

use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::out::{self, Targets, colour};
use crate::cli::{self, Cli};
use wandward::finding::visible;
use wandward::report::{Report, Style};
use wandward::rule::RuleSet;
use wandward::source::tree;

/// The most bytes of one saved report.
const MOST: u64 = 1 << 30;

pub(crate) fn run(cli: &Cli, options: &cli::Saved, rules: &RuleSet) -> Result<u8> {
    let targets = Targets::new(options.shown.format, &options.shown.output)?;
    if options.files.iter().filter(|file| file.as_os_str() == "-").count() > 1 {
        bail!("`-` reads standard input, and that can be read once");
    }
    let reports = options.files.iter().map(|file| {
        let name = visible(&file.to_string_lossy()).into_owned();
        let bytes = read(file).with_context(|| name.clone())?;
        Report::read(&name, &bytes).map_err(|error| anyhow::anyhow!("{name} {error}"))
    });
    let Some(report) = Report::merged(reports.collect::<Result<_>>()?) else { bail!("no report is named") };
    let style = Style {
        colour: colour(cli.color),
        suppressed: options.shown.show_suppressed,
        verbose: options.shown.verbose,
        quiet: options.shown.quiet,
        ..out::style()
    };
    targets.write(&report, rules, &style, &mut io::BufWriter::new(io::stdout().lock()))?;
    Ok(out::exit_code(&report, options.fail_on, options.shown.allow_partial))
}

fn read(file: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = if file.as_os_str() == "-" {
        io::stdin().lock().take(MOST).read_to_end(&mut bytes)
    } else {
        tree::open_named(file).and_then(|file| file.take(MOST).read_to_end(&mut bytes))
    };
    read.map_err(|error| anyhow::anyhow!("cannot be read: {}", tree::plain(&error)))?;
    if bytes.len() as u64 == MOST {
        bail!("is larger than {} MiB", MOST >> 20);
    }
    Ok(bytes)
}
