//! A W&B server that is spoken to without encryption, so that whoever is on the way reads the key. In: settings of the server's
//! address. Out: the address, unless it is on this machine or in its container network.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::Point;
use super::call;
use super::passage::Passage;
use crate::rule::Site;

static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r#"(?x-u) (?: WANDB_BASE_URL ["']? \]? \s* (?: [=:,] \s* | \n?\s*-?\s*value:\s* )
        | \b wandb \s+ login \b [^\n]*? \s --(?:host|base-url) [=\s] \s*
        | \b wandb\.(?:login|Settings|Api|setup)\s*\( [^)]*? \b (?:host|base_url|overrides) \s* = \s* (?: \{ [^}]*? ["']base_url["'] \s* : \s* )? )
        \\? ["']? (?P<point> (?i:http):// (?: [^\s"'/@\\]* @ )? (?P<host> \[[0-9a-fA-F:]*\] | [^\s"'/:,)}\\\]]+ ) [^\s"',)}\\\]]* )"#;
    Regex::new(pattern).ok()
});
static SETTING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r#"(?m-u)^[ \t]*base_url[ \t]*[=:][ \t]*["']?(?P<point>(?i:http)://(?P<host>\[[0-9a-fA-F:]*\]|[^\s"'/:]+)[^\s"']*)"#;
    Regex::new(pattern).ok()
});

/// What breaks the rule.
pub(super) fn check(passage: &Passage<'_>) -> Vec<Point> {
    let text = passage.text;
    let settings = (passage.site == Site::Settings).then_some(&SETTING);
    let mut points = Vec::new();
    for pattern in [Some(&ADDRESS), settings].into_iter().flatten().filter_map(|pattern| pattern.as_ref()) {
        for found in pattern.captures_iter(text) {
            let (Some(point), Some(host)) = (found.name("point"), found.name("host")) else { continue };
            if is_far(host.as_bytes()) && !call::in_comment(text, point.start()) {
                points.push(Point::new(point.range()));
            }
        }
    }
    points
}

/// Whether a host lies beyond this machine and the networks that containers share with it.
fn is_far(host: &[u8]) -> bool {
    let host = host.to_ascii_lowercase();
    let near = [&b"localhost"[..], b"127.", b"0.0.0.0", b"host.docker.internal", b"[::1", b"host.containers.internal"];
    let inner = [&b".localhost"[..], b".svc", b".svc.cluster.local", b".internal", b".test", b".example"];
    let named = host.iter().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(b));
    // One word is a service beside this one, and a name to fill in is no host.
    let apart = host.contains(&b'.') || host.starts_with(b"[");
    named
        && apart
        && !near.iter().any(|start| host.starts_with(start))
        && !inner.iter().any(|end| host.ends_with(end))
        && !host.windows(5).any(|word| word == b".svc.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_beyond_the_machine_are_far() {
        for (host, far) in [
            ("wandb.example.com", true),
            ("10.0.3.7", true),
            ("localhost", false),
            ("127.0.0.1", false),
            ("[::1]", false),
            ("[2001:db8::7]", true),
            ("wandb-local", false),
            ("wandb.default.svc.cluster.local", false),
            ("<your-host>", false),
            ("${HOST}", false),
        ] {
            assert_eq!(is_far(host.as_bytes()), far, "{host}");
        }
    }
}
