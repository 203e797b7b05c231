//! A key taken from the keychain of a desktop where nobody sits: images, pipelines, clusters, services, deployment scripts.
//! In: files of such places. Out: the question to the keychain.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::Point;
use super::call;
use super::passage::Passage;
use crate::rule::Site;

static ASKS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r"(?i-u)\bkeyring(?:\.get_password\s*\(|\s+get\b)|\bsecurity\s+find-(?:generic|internet)-password\b|\bsecret-tool\s+lookup\b|\bcmdkey\b|\bGet-StoredCredential\b|\bkwallet-query\b";
    Regex::new(pattern).ok()
});

/// What breaks the rule.
pub(super) fn check(passage: &Passage<'_>) -> Vec<Point> {
    let path = String::from_utf8_lossy(passage.origin.name()).to_ascii_lowercase();
    let deploys = ["deploy", "prod", "k8s", "systemd", "entrypoint", "/ansible/", "release", "cron"];
    let production = match passage.site {
        Site::Image | Site::Ci | Site::Deployment => true,
        Site::Config => path.ends_with(".service") || path.ends_with(".timer"),
        Site::Script | Site::Source => deploys.iter().any(|word| path.contains(word)),
        _ => false,
    };
    if !production {
        return Vec::new();
    }
    let Some(pattern) = ASKS.as_ref() else { return Vec::new() };
    let mut lines: Vec<Range<usize>> = passage.names.iter().map(|at| super::lines_of(passage.text, *at..*at)).collect();
    lines.dedup();
    let found = lines.into_iter().flat_map(|line| {
        pattern
            .find_iter(&passage.text[line.clone()])
            .map(move |found| line.start + found.start()..line.start + found.end())
    });
    found.filter(|found| !call::in_comment(passage.text, found.start)).map(Point::new).collect()
}
