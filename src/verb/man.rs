//! `wandward man`: manual pages, made from the definitions of the flags. In: a command, or a folder. Out: a page on standard
//! output, or a file for each command.

use std::io::{self, Write};
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::cli::{self, Cli};
use wandward::finding::visible;
use wandward::source::tree;
use wandward::write;

pub(crate) fn run(options: &cli::Man) -> Result<u8> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    if let Some(folder) = &options.folder {
        write_all(&root, folder)?;
        return Ok(0);
    }
    let mut command = &root;
    for name in &options.command {
        let Some(next) = command.get_subcommands().find(|next| next.get_name() == name) else {
            bail!("`{}` has no command `{}`", command.get_bin_name().unwrap_or_default(), visible(name));
        };
        command = next;
    }
    io::stdout().lock().write_all(&page(command)?)?;
    Ok(0)
}

/// Writes the page of a command and those of all below it.
fn write_all(command: &Command, folder: &Path) -> Result<()> {
    let path = folder.join(format!("{}.1", name(command)));
    let text = page(command)?;
    let written = write::replace(&path, |out| out.write_all(&text));
    let shown = || visible(&path.to_string_lossy()).into_owned();
    written.map_err(|error| anyhow!("cannot write {}: {}", shown(), tree::plain(&error)))?;
    command.get_subcommands().try_for_each(|command| write_all(command, folder))
}

fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// The page of a command (man(7)).
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let own = env!("CARGO_BIN_NAME");
    let man = Man::new(command.clone()).source(format!("{own} {}", env!("CARGO_PKG_VERSION"))).manual(own);
    let mut out = Vec::new();
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    man.render_synopsis_section(&mut out)?;
    man.render_description_section(&mut out)?;
    man.render_options_section(&mut out)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut out)?;
    }
    let mut roff = Roff::new();
    if let Some(text) = command.get_after_help() {
        sections(&text.to_string(), &mut roff);
    }
    if name(command) != own {
        roff.control("SH", ["SEE ALSO"]);
        roff.text([roman(format!("{own}(1)"))]);
    }
    roff.to_writer(&mut out)?;
    Ok(portable(&String::from_utf8_lossy(&out)).into_bytes())
}

/// Readers of pages differ in what they take bytes for, so other characters than those of ASCII are named.
fn portable(page: &str) -> String {
    let mut out = String::with_capacity(page.len());
    for c in page.chars() {
        match c {
            // A line that begins with a point is a command.
            '…' => out.push_str("\\&..."),
            c if c.is_ascii() => out.push(c),
            c => out.push_str(&format!("\\[u{:04X}]", u32::from(c))),
        }
    }
    out
}

/// What stands behind the flags: a line that ends in a colon heads a section, and what is indented stays as it is.
fn sections(text: &str, roff: &mut Roff) {
    let mut as_it_is = false;
    for line in text.lines() {
        let indented = line.starts_with(' ');
        if indented != as_it_is && !line.is_empty() {
            roff.control(if indented { "nf" } else { "fi" }, []);
            as_it_is = indented;
        }
        match line {
            "" => roff.control("PP", []),
            "Exit codes:" => roff.control("SH", ["EXIT STATUS"]),
            "Examples:" => roff.control("SH", ["EXAMPLES"]),
            line => roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]),
        };
    }
    if as_it_is {
        roff.control("fi", []);
    }
}
