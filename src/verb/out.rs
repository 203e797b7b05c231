//! What the verbs that report share: where reports go, and the exit code that one comes to.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};

use crate::cli::{Colour, FailOn};
use crate::{FINDINGS, INCOMPLETE, LIVE, complain};
use wandward::finding::visible;
use wandward::report::{Format, Report, Style};
use wandward::rule::{RuleSet, Severity};
use wandward::source::tree;
use wandward::write;

/// Where reports go: one to standard output, any number to files.
pub(crate) struct Targets<'o> {
    stdout: Format,
    files: Vec<(Format, &'o Path)>,
    streams: bool,
}

impl<'o> Targets<'o> {
    /// What can be wrong with a file is said before a long scan rather than after it.
    pub(crate) fn new(format: Option<Format>, outputs: &'o [(Format, PathBuf)]) -> Result<Targets<'o>> {
        let mut stdout = format;
        let mut files: Vec<(Format, &Path)> = Vec::new();
        for (format, file) in outputs {
            if file.as_os_str() == "-" {
                if stdout.replace(*format).is_some() {
                    bail!("standard output takes one report, and two are asked for");
                }
                continue;
            }
            let name = file.display().to_string();
            if files.iter().any(|(_, other)| other == file) {
                bail!("{} takes one report, and two are asked for", visible(&name));
            }
            write::check(file).map_err(|error| cannot_write(file, &error))?;
            files.push((*format, file));
        }
        Ok(Targets { stdout: stdout.unwrap_or(Format::Pretty), files, streams: false })
    }

    /// The same for a verb that writes the findings of `jsonl` as they are found.
    pub(crate) fn streaming(self) -> Targets<'o> {
        Targets { streams: self.stdout == Format::Jsonl, ..self }
    }

    /// Whether findings are written as they are found.
    pub(crate) fn streams(&self) -> bool {
        self.streams
    }

    /// The same, with every report at the end.
    pub(crate) fn at_the_end(self) -> Targets<'o> {
        Targets { streams: false, ..self }
    }

    /// As [`Targets::write`], with other words for people on standard output.
    pub(crate) fn write_with(
        &self,
        report: &Report,
        rules: &RuleSet,
        style: &Style,
        out: &mut dyn Write,
        people: impl Fn(&mut dyn Write) -> io::Result<()>,
    ) -> Result<()> {
        if self.stdout != Format::Pretty {
            return self.write(report, rules, style, out);
        }
        people(&mut *out)?;
        let files = Targets { stdout: Format::Pretty, files: self.files.clone(), streams: false };
        files.write(report, rules, style, &mut io::sink())?;
        out.flush().map_err(Into::into)
    }

    /// Whether standard output is for people.
    pub(crate) fn are_for_people(&self) -> bool {
        self.stdout == Format::Pretty
    }

    /// Writes all reports; what is wrong with one keeps none of the others from being written.
    pub(crate) fn write(&self, report: &Report, rules: &RuleSet, style: &Style, out: &mut dyn Write) -> Result<()> {
        let plain = Style { colour: false, shown: false, ..*style };
        let mut wrong = Ok(());
        for (format, file) in &self.files {
            let written = write::replace(file, |out| report.write(*format, rules, &plain, out));
            wrong = wrong.and(written.map_err(|error| cannot_write(file, &error)));
        }
        if self.streams {
            report.write_coverage(out)?;
        } else {
            report.write(self.stdout, rules, style, out)?;
        }
        out.flush()?;
        wrong
    }
}

fn cannot_write(file: &Path, error: &io::Error) -> anyhow::Error {
    anyhow::anyhow!("cannot write {}: {}", visible(&file.to_string_lossy()), tree::plain(error))
}

/// A style in which nothing is asked for.
pub(crate) fn style() -> Style {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = i64::try_from(now).unwrap_or_default();
    Style {
        colour: false,
        width: 140,
        took: None,
        now,
        suppressed: false,
        verbose: false,
        quiet: false,
        shown: false,
        annotations: usize::MAX,
    }
}

/// A live key stands over findings, findings over an incomplete answer, and that over a clean one.
pub(crate) fn exit_code(report: &Report, fail_on: FailOn, allow_partial: bool) -> u8 {
    let worst = report.worst();
    let fails = match fail_on {
        FailOn::Error => worst >= Some(Severity::Error),
        FailOn::Warning => worst >= Some(Severity::Warning),
        FailOn::Note => worst.is_some(),
        FailOn::Never => false,
    };
    if report.has_live_key() {
        LIVE
    } else if fails {
        FINDINGS
    } else if report.is_complete() && !report.is_of_nothing() {
        0
    } else {
        let nothing = report.is_complete();
        let what = if nothing { "the paths hold no file at all" } else { "not everything asked for could be read" };
        if allow_partial {
            complain(&format!("warning: {what}; `--allow-partial` lets it pass"));
            return 0;
        }
        complain(&format!("{what}, so this is no clean bill (`--allow-partial` lets it pass)"));
        INCOMPLETE
    }
}

pub(crate) fn colour(choice: Colour) -> bool {
    match choice {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never,
    }
}
