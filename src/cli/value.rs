//! Values that flags take, and what is said of those that are none.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use wandward::report::Format;

/// Standard input.
#[derive(Clone, Copy)]
pub(crate) struct Dash;

/// A key is never an argument, so its place is standard input.
pub(super) fn dash(text: &str) -> Result<Dash, String> {
    if text == "-" { Ok(Dash) } else { Err("it must be `-`: the keys are read from standard input".to_owned()) }
}

/// A number of seconds, or of milliseconds with `ms` behind it: at least a hundredth of a second, at most a day.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1e-3),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let seconds = number.parse::<f64>().ok().map(|number| number * unit);
    let seconds = seconds.filter(|seconds| (0.01..=86400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "not a number of seconds from 0.01 to 86400".to_owned())
}

/// The names of formats, with what each is.
pub(super) fn format() -> impl TypedValueParser<Value = Format> {
    let names = Format::ALL.map(|format| {
        let (name, what) = format.name();
        PossibleValue::new(name).help(what)
    });
    PossibleValuesParser::new(names).try_map(|name| Format::named(&name).ok_or("no such format"))
}

/// `FORMAT=FILE`.
pub(super) fn output(text: &str) -> Result<(Format, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or("not of the form FORMAT=FILE")?;
    let format = Format::named(name).ok_or_else(|| {
        format!("no format is called `{name}`; there are {}", Format::ALL.map(|format| format.name().0).join(", "))
    })?;
    if file.is_empty() { Err("no file is named".to_owned()) } else { Ok((format, file.into())) }
}

/// A number of threads. More than so many cost more than they do.
pub(super) fn jobs(text: &str) -> Result<usize, String> {
    const MOST: usize = 256;
    text.parse::<usize>().map(|jobs| jobs.min(MOST)).map_err(|_| "not a number of threads".to_owned())
}

/// A number of bytes, with K, M or G for powers of 1024.
pub(super) fn size(text: &str) -> Result<u64, String> {
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

#[cfg(test)]
mod tests {
    #[test]
    fn threads_are_bounded() {
        // Without the bound a scan with so many does not end, and takes the machine with it: asked here, not of the program.
        assert_eq!((super::jobs("100000"), super::jobs("7")), (Ok(256), Ok(7)));
    }
}
