//! `wandward config`: what a configuration file may say, for editors.

use std::io::{self, Write};

use anyhow::Result;

use crate::cli::Config;
use wandward::policy;

pub(crate) fn run(command: &Config) -> Result<u8> {
    match command {
        Config::Schema => {
            let mut out = io::stdout().lock();
            serde_json::to_writer_pretty(&mut out, &policy::schema())?;
            writeln!(out)?;
            Ok(0)
        }
    }
}
