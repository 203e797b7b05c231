//! `wandward rules`: lists the rules, those of configurations and of `--rules` too, shows a page, runs the examples
//! of every page.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::settings::Settings;
use crate::FINDINGS;
use crate::cli::{self, Configured, Rules};
use wandward::finding::visible;
use wandward::rule::RuleSet;

pub(crate) fn run(command: Option<&Rules>, configured: &Configured, builtin: &RuleSet) -> Result<u8> {
    let report = cli::Report { configured: configured.clone(), ..cli::Report::default() };
    let rules = &Settings::new(&report, builtin, &[PathBuf::from(".")])?.rules;
    match command {
        None | Some(Rules::List) => list(rules),
        Some(Rules::Show { rule }) => show(rules, rule),
        Some(Rules::Test) => test(rules),
    }
}

fn list(rules: &RuleSet) -> Result<u8> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or_default();
    for rule in rules.iter() {
        writeln!(out, "{:width$}  {:7}  {:6}  {}", rule.id, rule.severity.name(), rule.group.name(), rule.title())?;
    }
    out.flush()?;
    Ok(0)
}

pub(crate) fn show(rules: &RuleSet, id: &str) -> Result<u8> {
    let Some(rule) = rules.get(id) else {
        match rules.nearest(id) {
            Some(nearest) => bail!("no rule is called `{}` (did you mean `{nearest}`?)", visible(id)),
            None => bail!("no rule is called `{}`; `wandward rules` lists them", visible(id)),
        }
    };
    io::stdout().lock().write_all(rule.page.as_bytes())?;
    Ok(0)
}

fn test(rules: &RuleSet) -> Result<u8> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut examples = 0;
    let mut wrong = 0;
    for rule in rules.iter() {
        for (nth, result) in wandward::scan::check_page(rules, rule)?.into_iter().enumerate() {
            examples += 1;
            if let Err(what) = result {
                wrong += 1;
                writeln!(out, "{}.md: block {}: {what}", rule.id, nth + 1)?;
            }
        }
    }
    writeln!(out, "{} rules, {examples} examples, {wrong} not as their page says", rules.iter().count())?;
    out.flush()?;
    Ok(if wrong == 0 { 0 } else { FINDINGS })
}
