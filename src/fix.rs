//! What mends a finding. In: a file's findings and its bytes. Out: the bytes as they should be, and what that ends. It reads
//! and writes nothing, and what it cannot mend for certain it leaves alone.

pub mod diff;
mod draft;

use crate::blob::Origin;
use crate::finding::{Finding, Outcome};
use crate::judge::{self, Mend};
pub use draft::{Draft, Edit};

/// How often what was found under what was mended is mended too.
const MOST_ROUNDS: usize = 16;

/// A file that can be mended.
pub struct Fixed {
    /// Its bytes, old and new.
    pub draft: Draft,
    /// What is ended by that.
    pub ends: Vec<Finding>,
}

/// The file is no longer what was scanned.
#[derive(Debug, PartialEq, Eq)]
pub struct Changed;

/// Mends a file that holds `bytes`, as far as its findings are of a kind that can be; `None` if none of them is. `again` scans
/// what the file would hold: a finding that is not made again was one of other bytes.
pub fn text(
    origin: &Origin,
    bytes: &[u8],
    findings: &[&Finding],
    again: &dyn Fn(&[u8]) -> Outcome,
) -> Result<Option<Fixed>, Changed> {
    let mends = judge::mends(origin, bytes);
    if !findings.iter().any(|finding| mends.iter().any(|mend| ends(mend, finding))) {
        return Ok(None);
    }
    let mut found = again(bytes).findings;
    let is_found = |finding: &Finding| {
        let same = |other: &Finding| {
            other.rule.id == finding.rule.id
                && other.span == finding.span
                && other.line_digest == finding.line_digest
                && other.key == finding.key
        };
        found.iter().any(same)
    };
    let mended = |finding: &&&Finding| mends.iter().any(|mend| ends(mend, finding));
    if !findings.iter().filter(mended).all(|finding| is_found(finding)) {
        return Err(Changed);
    }
    // Only what was reported is mended, and what shows itself once that is gone.
    found.retain(|finding| findings.iter().any(|other| other.span == finding.span && other.rule.id == finding.rule.id));
    let sound = judge::is_sound(origin, bytes);
    let mut fixed = Fixed { draft: Draft::new(bytes), ends: Vec::new() };
    let mut mends = mends;
    for _ in 0..MOST_ROUNDS {
        let (chosen, ended) = choose(&mends, &found);
        if chosen.is_empty() {
            break;
        }
        let mut draft = fixed.draft.clone();
        chosen.iter().rev().for_each(|mend| draft.replace(mend.span.clone(), mend.by));
        let now = draft.bytes();
        if sound && !judge::is_sound(origin, &now) {
            break;
        }
        fixed.draft = draft;
        fixed.ends.extend(ended);
        mends = judge::mends(origin, &now);
        found = again(&now).findings;
    }
    Ok(Some(fixed).filter(|fixed| !fixed.ends.is_empty()))
}

/// Whether an edit ends what a finding is about: a key that goes as a whole, or the habit that it is made for.
fn ends(mend: &Mend, finding: &Finding) -> bool {
    if !finding.origin.inner.is_empty() || finding.remedy.is_some() {
        return false;
    }
    let (start, end) = (mend.span.start as u64, mend.span.end as u64);
    match finding.key {
        Some(_) => start <= finding.span.start && finding.span.end <= end,
        None => mend.rule == Some(finding.rule.id.as_str()) && start < finding.span.end && finding.span.start < end,
    }
}

/// The edits that findings ask for, none over another, and the findings.
fn choose<'m>(mends: &'m [Mend], found: &[Finding]) -> (Vec<&'m Mend>, Vec<Finding>) {
    let (mut chosen, mut ended): (Vec<&Mend>, Vec<Finding>) = (Vec::new(), Vec::new());
    for mend in mends.iter().filter(|mend| !mend.span.is_empty()) {
        let free = chosen.last().is_none_or(|last| last.span.end <= mend.span.start);
        let mut own = found.iter().filter(|finding| ends(mend, finding)).peekable();
        if free && own.peek().is_some() {
            ended.extend(own.cloned());
            chosen.push(mend);
        }
    }
    (chosen, ended)
}

/// The line of a `.gitignore` in the root of a working tree that ignores a path from there, and nothing else; `None` if no
/// line can. Source: gitignore, "Pattern format".
pub fn ignore_line(below: &[u8], is_folder: bool) -> Option<Vec<u8>> {
    if below.is_empty() || below.iter().any(|b| matches!(b, b'\n' | b'\r' | 0)) {
        return None;
    }
    let mut line = b"/".to_vec();
    for &byte in below {
        if matches!(byte, b'\\' | b'*' | b'?' | b'[') {
            line.push(b'\\');
        }
        line.push(byte);
    }
    if is_folder {
        line.push(b'/');
    } else if line.ends_with(b" ") {
        line.insert(line.len() - 1, b'\\');
    }
    Some(line)
}

/// A `.gitignore` with more lines, ended as its own are.
pub fn with_lines(ignores: &[u8], lines: &[Vec<u8>]) -> Draft {
    let end: &str = if memchr::memmem::find(ignores, b"\r\n").is_some() { "\r\n" } else { "\n" };
    let mut more = if ignores.is_empty() || ignores.ends_with(b"\n") { Vec::new() } else { end.as_bytes().to_vec() };
    lines.iter().for_each(|line| more.extend([line.as_slice(), end.as_bytes()].concat()));
    let mut draft = Draft::new(ignores);
    draft.replace(ignores.len()..ignores.len(), more);
    draft
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ignores_one_path() {
        for (below, folder, line) in [
            (&b".env"[..], false, Some(&b"/.env"[..])),
            (b"a/wandb", true, Some(b"/a/wandb/")),
            (b"#a*[b]?\\", false, Some(b"/#a\\*\\[b]\\?\\\\")),
            (b"a ", false, Some(b"/a\\ ")),
            (b"a\nb", false, None),
            (b"", true, None),
        ] {
            assert_eq!(ignore_line(below, folder).as_deref(), line);
        }
    }

    #[test]
    fn lines_end_as_the_others_do() {
        for (before, after) in [
            ("", "/.env\n"),
            ("a\n", "a\n/.env\n"),
            ("a\r\nb", "a\r\nb\r\n/.env\r\n"),
            ("\u{feff}a", "\u{feff}a\n/.env\n"),
        ] {
            assert_eq!(with_lines(before.as_bytes(), &[b"/.env".to_vec()]).bytes(), after.as_bytes());
        }
    }
}
