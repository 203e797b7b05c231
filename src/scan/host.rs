//! Looks at the places of one machine in which a user's keys come to lie. In: the files that are there. Out: findings, and of
//! each place what was found in it.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use super::Scan;
use super::worker::Worker;
use crate::finding::{Looked, Outcome, State};
use crate::source::host::{Found, Host};
use crate::source::tree::{self, visit_file};

/// Looks at every place.
pub(super) fn look<'w, 'a: 'w>(
    scan: &Scan<'_>,
    host: &Host<'_>,
    outcome: &Mutex<Outcome>,
    worker: impl Fn() -> Worker<'w, 'a> + Sync,
) {
    let Found { places, files, skipped, .. } = host.look();
    scan.share(&files, &worker, |worker, (path, named)| {
        visit_file(tree::origin(path), path, *named, None, worker);
    });
    let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
    outcome.coverage.skipped.extend(skipped);
    let found = outcome.findings.iter().chain(outcome.suppressed.iter().map(|one| &one.finding));
    let found: HashSet<&[u8]> = found.map(|finding| finding.origin.path.as_slice()).collect();
    let gaps = outcome.coverage.skipped.iter().filter(|skip| skip.gap);
    let gaps: HashSet<&[u8]> = gaps.map(|skip| skip.origin.path.as_slice()).collect();
    let looked = places.into_iter().map(|place| {
        let own = tree::origin(&place.path).path;
        let holds = |paths: &HashSet<&[u8]>| {
            paths.contains(&own[..])
                || place.files.iter().any(|&nth| paths.contains(&tree::origin(&files[nth].0).path[..]))
        };
        let state = match place.exists {
            Some(false) => State::Absent,
            Some(true) if holds(&found) => State::Found,
            Some(true) if !holds(&gaps) => State::Clean,
            _ => State::NotReadable,
        };
        Looked { what: place.what, path: own, state }
    });
    let looked: Vec<Looked> = looked.collect();
    outcome.places.extend(looked);
}
