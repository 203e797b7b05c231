//! For people: each key, what its server says of it, and where it was found. In: an outcome whose keys were asked about. Out:
//! text.

use std::io::{self, Write};

use super::Style;
use super::model::{Answer, Entry, Report};
use super::pretty::not_read;
use super::said::count;
use crate::finding::{Liveness, Outcome};

/// The most places of one key that are named.
const PLACES: usize = 20;

pub(super) fn write(outcome: &Outcome, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let keys = outcome.keys();
    for (key, places) in &keys {
        let prefix = key.prefix.as_ref().map(|prefix| format!(" of `{prefix}`")).unwrap_or_default();
        writeln!(out, "{} key {}{prefix}, {}", key.format.name(), key.id, key.fingerprint)?;
        for asked in outcome.asked.get(&key.fingerprint).into_iter().flatten() {
            writeln!(out, "  {}", Answer::from(asked).said())?;
        }
        for place in places.iter().take(PLACES) {
            writeln!(out, "  in {}", Entry::from((*place).clone()).at())?;
        }
        if places.len() > PLACES {
            writeln!(out, "  and in {}", count(places.len() - PLACES, "more place"))?;
        }
        writeln!(out)?;
    }
    if style.quiet {
        return Ok(());
    }
    let coverage = Outcome { coverage: outcome.coverage.clone(), ..Outcome::default() };
    not_read(&Report::from(coverage), style, out)?;
    if keys.is_empty() {
        return writeln!(out, "No keys.");
    }
    let of = |liveness| {
        let answers = keys.iter().filter_map(|(key, _)| outcome.answer(&key.fingerprint));
        answers.filter(|asked| asked.liveness == liveness).count()
    };
    let told = [Liveness::Live, Liveness::Dead, Liveness::Unknown]
        .map(|liveness| format!("{} {}", of(liveness), liveness.name()));
    writeln!(out, "{}: {}.", count(keys.len(), "key"), told.join(", "))?;
    if of(Liveness::Live) > 0 {
        writeln!(
            out,
            "A live key that others could read is to be deleted now, and the places that need one get a new one."
        )?;
    }
    Ok(())
}
