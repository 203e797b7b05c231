//! Tells findings by what code scanning knows their lines. In: opinions, and the bytes of the file that they are about.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::Path;

use crate::blob::{self, Kind};
use crate::finding::{Finding, Outcome};
use crate::judge::Opinion;
use crate::source::{MAX_WHOLE, tree};

/// Of the beginning of a file so much as holds the hundred characters that its first line's hash is made of, and blanks.
pub(super) const HEAD: u64 = 64 * 1024;

/// The hash of the first line, which stands for a container or a file without lines.
pub(super) fn first_line(head: &[u8]) -> Option<String> {
    let head = &head[..head.len().min(HEAD as usize)];
    blob::line_hashes(head, &BTreeSet::from([1])).remove(&1)
}

/// Tells each finding the hash of its line in the file, of which only the beginning is at hand if not the `whole`.
pub(super) fn tell(opinions: &mut [Opinion], file: &[u8], whole: bool) {
    let wanted: BTreeSet<u64> = opinions.iter().filter_map(Opinion::finding).map(line).collect();
    let hashes = match whole {
        true => blob::line_hashes(file, &wanted),
        false => first_line(file).map(|hash| (1, hash)).into_iter().collect(),
    };
    for finding in opinions.iter_mut().filter_map(Opinion::finding_mut) {
        finding.line_hash = hashes.get(&line(finding)).cloned();
    }
}

fn line(finding: &Finding) -> u64 {
    finding.place.map_or(1, |place| place.line)
}

/// Likewise for what was told without the bytes at hand: the names and logs of references, which are files all the same, and
/// what only several files say together.
pub(super) fn tell_rest(outcome: &mut Outcome) {
    let suppressed = outcome.suppressed.iter_mut().map(|one| &mut one.finding);
    let findings = outcome.findings.iter_mut().chain(suppressed);
    let mut files: BTreeMap<Vec<u8>, Vec<&mut Finding>> = BTreeMap::new();
    let rest = |one: &&mut Finding| {
        let is_file = matches!(one.origin.kind, Kind::File | Kind::Ref | Kind::Reflog);
        is_file && one.origin.inner.is_empty() && one.line_hash.is_none()
    };
    for finding in findings.filter(rest) {
        files.entry(finding.origin.path.clone()).or_default().push(finding);
    }
    for findings in files.into_values() {
        let Some(first) = findings.first() else { continue };
        // Many references lie in one file, and have none of their own.
        if let Ok(Some(bytes)) = small(&tree::path(&first.origin)) {
            let hashes = blob::line_hashes(&bytes, &findings.iter().map(|finding| line(finding)).collect());
            for finding in findings {
                finding.line_hash = hashes.get(&line(finding)).cloned();
            }
        }
    }
}

/// The bytes of a file, if they are few enough for it to be read whole.
fn small(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = tree::open_named(path)?;
    if file.metadata()?.len() >= MAX_WHOLE as u64 {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    // It may have grown since.
    let read = file.take(MAX_WHOLE as u64).read_to_end(&mut bytes)?;
    Ok((read < MAX_WHOLE).then_some(bytes))
}
