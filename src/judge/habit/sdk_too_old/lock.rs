//! Locked versions. In: `poetry.lock`, `uv.lock`, `pdm.lock`, `pylock.toml`, conda-lock or pixi files. Out: the pins of the
//! packages locked, not what others require of them. Read round the names, so that a file of any size costs one pass.

use super::requirement::{self, Named};
use super::{Pin, lines};

/// How many lines an entry may have between the name of a package and its version.
const NEAR: usize = 12;
/// The longest line of such an entry, in bytes.
const LONGEST: usize = 1024;

/// Adds the pins of a lock file in TOML: `name = "wandb"` in a `[[package]]`, and the version beside it.
pub(super) fn toml(text: &str, out: &mut Vec<Pin>) {
    entries(text, |line| assigned(line, "name", '='), |line| line.starts_with('['), '=', out);
}

/// Adds the pins of a lock file in YAML: the entries of conda-lock and pixi, and the packages that are named by URL.
pub(super) fn yaml(text: &str, out: &mut Vec<Pin>) {
    let ends = |line: &str| line.trim_start().starts_with("- ") || !line.starts_with([' ', '-']);
    entries(text, |line| assigned(line, "name", ':'), ends, ':', out);
    let named: Vec<String> = out.iter().map(|pin| text[pin.span.clone()].to_owned()).collect();
    let mut by_url = Vec::new();
    lines::urls(text, &mut by_url);
    by_url.retain(|pin| !named.contains(&text[pin.span.clone()].to_owned()));
    out.append(&mut by_url);
}

/// Where the value of `key` stands in a line, without its quotes.
fn assigned<'l>(line: &'l str, key: &str, sign: char) -> Option<&'l str> {
    let line = line.trim_start().trim_start_matches("- ").trim_start();
    let value = line.strip_prefix(key)?.trim_start().strip_prefix(sign)?;
    Some(value.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']))
}

/// Adds the version of every entry whose name is one of ours. `is_edge` tells the lines that begin an entry.
fn entries(
    text: &str,
    name: impl Fn(&str) -> Option<&str>,
    is_edge: impl Fn(&str) -> bool,
    sign: char,
    out: &mut Vec<Pin>,
) {
    for (at, Named { package, end }) in requirement::names(text) {
        let start = line_start(text, at);
        let Some(line) = line_at(text, start) else { continue };
        let value = name(line).map(|value| value.as_ptr().addr() - text.as_ptr().addr()..);
        if value.is_none_or(|value| value.start != at) || name(line).is_none_or(|value| value.len() != end - at) {
            continue;
        }
        let behind = std::iter::successors(next_line(text, start), |start| next_line(text, *start)).take(NEAR);
        let behind = behind.map_while(|start| Some((start, line_at(text, start)?)));
        let mut found = behind
            .take_while(|(_, line)| !is_edge(line))
            .find_map(|(start, line)| Some((start, assigned(line, "version", sign)?)));
        if found.is_none() && !is_edge(line) {
            found = above(text, start, &is_edge, sign);
        }
        if let Some((_, version)) = found {
            let at = version.as_ptr().addr() - text.as_ptr().addr();
            out.extend(requirement::pin(package, at, version));
        }
    }
}

/// The version in the lines of an entry that stand before its name.
fn above<'t>(text: &'t str, start: usize, is_edge: &impl Fn(&str) -> bool, sign: char) -> Option<(usize, &'t str)> {
    let mut start = start;
    for _ in 0..NEAR {
        start = line_start(text, start.checked_sub(1)?);
        let line = line_at(text, start)?;
        if let Some(version) = assigned(line, "version", sign) {
            return Some((start, version));
        }
        if is_edge(line) {
            return None;
        }
    }
    None
}

fn line_start(text: &str, at: usize) -> usize {
    let floor = at.saturating_sub(LONGEST);
    memchr::memrchr(b'\n', &text.as_bytes()[floor..at]).map_or(floor, |newline| floor + newline + 1)
}

/// The line that begins at `start`, unless it is too long or the end of the text cuts it.
fn line_at(text: &str, start: usize) -> Option<&str> {
    let ceiling = text.len().min(start + LONGEST);
    let end = memchr::memchr(b'\n', &text.as_bytes()[start..ceiling]).map_or(ceiling, |end| start + end);
    text.get(start..end).map(|line| line.trim_end_matches('\r'))
}

/// Where the next line begins. A long one ends the entry: none of ours is.
fn next_line(text: &str, start: usize) -> Option<usize> {
    let ceiling = text.len().min(start + LONGEST);
    let next = memchr::memchr(b'\n', &text.as_bytes()[start..ceiling]).map(|end| start + end + 1)?;
    (next < text.len()).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::super::spans;
    use super::*;

    #[test]
    fn only_what_is_locked_counts() {
        let text = "version = 1\n\n[[package]]\nname = \"trl\"\nversion = \"0.1\"\ndependencies = [\n    { name = \"wandb\", specifier = \">=0.2\" },\n]\n\n[package.dependencies]\nwandb = \">=0.3\"\n\n[[package]]\nname = \"wandb\"\nversion = \"0.4.0\"\nsource = { registry = \"https://pypi.org/simple\" }\n\n[[package]]\nname = \"wandb\"\nversion = \"0.5.0\"\n\n[[package]]\nname = \"wandb-core\"\nversion = \"0.6.0\"\n[[package]]\nname = \"weave\"\n\n[[package]]\nname = \"x\"\nversion = \"0.7\"\n";
        assert_eq!(spans(text, toml), ["0.4.0", "0.5.0"]);
    }

    #[test]
    fn conda_and_pixi_locks() {
        let conda = "package:\n- name: trl\n  version: 0.1\n  dependencies:\n    wandb: '>=0.2'\n- name: wandb\n  version: 0.15.12\n  manager: conda\n  url: https://conda.anaconda.org/conda-forge/noarch/wandb-0.15.12-pyhd8ed1ab_0.conda\n- category: main\n  manager: pip\n  version: 0.51.0\n  name: weave\n";
        assert_eq!(spans(conda, yaml), ["0.15.12", "0.51.0"]);
        let pixi = "environments:\n  default:\n    packages:\n      linux-64:\n      - conda: https://conda.anaconda.org/conda-forge/noarch/wandb-0.15.12-pyhd8ed1ab_0.conda\n      - pypi: https://files.pythonhosted.org/packages/ab/weave-0.51.0-py3-none-any.whl\npackages:\n- conda: https://conda.anaconda.org/conda-forge/noarch/wandb-0.15.12-pyhd8ed1ab_0.conda\n  sha256: 00\n  depends:\n  - wandb >=0.1\n- pypi: https://files.pythonhosted.org/packages/ab/weave-0.51.0-py3-none-any.whl\n  name: weave\n  version: 0.51.0\n";
        assert_eq!(spans(pixi, yaml), ["0.51.0", "0.15.12"]);
    }
}
