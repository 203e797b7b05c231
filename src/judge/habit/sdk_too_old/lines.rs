//! Requirements that are lines or items: requirement and constraint files, `setup.cfg`, `tox.ini`, YAML lists, documents within a
//! script. In: a text. Out: the pins. Read line by line, so that a template is read too.

use std::ops::Range;

use super::Pin;
use super::allowed::Dialect;
use super::requirement::{self, Named};

/// The lines that hold a package's name or a URL, with where they begin.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut next = 0;
    let bytes = text.as_bytes();
    std::iter::from_fn(move || {
        let at = next + requirement::mentions(&bytes[next..]).next()?;
        let start = memchr::memrchr(b'\n', &bytes[next..at]).map_or(next, |newline| next + newline + 1);
        let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |newline| at + newline);
        next = end;
        Some((start, &text[start..end]))
    })
}

/// Adds the pins of a requirement or constraint file, or of a list that conda exported.
pub(super) fn requirements(text: &str, out: &mut Vec<Pin>) {
    for (start, line) in lines(text) {
        let content = line.split(" #").next().unwrap_or_default();
        let from = start + content.len() - content.trim_start().len();
        let content = content.trim();
        if content.starts_with('#') {
            continue;
        }
        let content = ["-e", "--editable"].iter().find_map(|option| content.strip_prefix(option)).unwrap_or(content);
        let bare = content.trim_start_matches([' ', '=', '"', '\'']);
        let at = start + line.find(content).unwrap_or(0) + content.len() - bare.len();
        match requirement::name(text, at.max(from)) {
            Some(named) => out.extend(read_line(&text[..start + line.len()], named)),
            None if bare.contains("://") || bare.starts_with("git+") => {
                let length = bare.find(char::is_whitespace).unwrap_or(bare.len());
                out.extend(requirement::url(text, at..at + length, None));
            }
            None => {}
        }
    }
}

/// A line that begins with a package: as pip reads it, or as conda writes it.
fn read_line(text: &str, named: Named) -> Option<Pin> {
    let bytes = &text.as_bytes()[named.end..];
    let exported = bytes.first() == Some(&b'=') && !matches!(bytes.get(1), Some(b'=' | b'>' | b'<'));
    let dialect = if exported { Dialect::Conda } else { Dialect::Python };
    requirement::read(text, named, dialect).pin
}

/// Whether every line of a text is a requirement, an option or a comment, and several say a version.
pub(super) fn are_requirements(text: &str) -> bool {
    const LOOKED_AT: usize = 200;
    let mut versions = 0;
    let content = |line: &&str| !line.is_empty() && !line.starts_with('#');
    for line in text.lines().map(str::trim).filter(content).take(LOOKED_AT) {
        let name =
            line.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))).unwrap_or(line.len());
        let rest = line[name..].trim_start();
        let specified = ["==", ">=", "~=", "<=", "!=", "=", "<", ">"].iter().any(|operator| rest.starts_with(operator));
        let option = line.starts_with('-') && !line.starts_with("- ");
        if !(option || name > 0 && (rest.is_empty() || specified || rest.starts_with(['[', ';', '@']))) {
            return false;
        }
        versions += usize::from(specified);
    }
    versions >= 2
}

/// Adds the pins of an INI file: lines of a list, the values of options, behind the factors of tox.
pub(super) fn ini(text: &str, out: &mut Vec<Pin>) {
    for (start, line) in lines(text) {
        let trimmed = line.trim_start();
        if trimmed.starts_with(['#', ';']) {
            continue;
        }
        for (at, named) in requirement::names(line) {
            let before = near_before(line, at).trim();
            let begins = before.is_empty()
                || before.ends_with(['=', ';', ','])
                || before.ends_with(':') && !before.contains(' ');
            let named = Named { end: start + named.end, ..named };
            if begins {
                out.extend(requirement::read(&text[..start + line.len()], named, Dialect::Python).pin);
            }
        }
    }
}

/// Adds the pins of YAML: items of a list, in either style, and lines of a block. `conda` says whether an item may divide name
/// and version by a blank.
pub(super) fn yaml(text: &str, conda: bool, out: &mut Vec<Pin>) {
    for (start, line) in lines(text) {
        if line.trim_start().starts_with('#') {
            continue;
        }
        for (at, named) in requirement::names(line) {
            let Some(item) = item(line, at) else { continue };
            let named = Named { end: start + named.end, ..named };
            let end = start + line.len();
            let equals = line.as_bytes().get(named.end - start) == Some(&b'=');
            let exported = equals && line.as_bytes().get(named.end - start + 1) != Some(&b'=');
            let dialect = if exported || conda && item.list { Dialect::Conda } else { Dialect::Python };
            let read = requirement::read(&text[..end], named, dialect);
            if ends_item(near_behind(&text[..end], read.end), &item) {
                out.extend(read.pin.filter(|pin| item.list || text[pin.span.clone()].len() > 2));
            }
        }
    }
}

/// How much of a line is looked at on each side of a name, in bytes.
const NEAR: usize = 1024;

fn near_before(line: &str, at: usize) -> &str {
    let start = (at.saturating_sub(NEAR)..=at).find(|&start| line.is_char_boundary(start)).unwrap_or(at);
    &line[start..at]
}

fn near_behind(line: &str, at: usize) -> &str {
    let end = (at..=line.len().min(at + NEAR)).rev().find(|&end| line.is_char_boundary(end)).unwrap_or(at);
    &line[at..end]
}

/// What stands round a name in YAML.
struct Item {
    quote: Option<char>,
    /// Whether it is an item of a list, rather than a line of a block.
    list: bool,
    flow: bool,
}

/// The item that begins at `at` of a line, behind a channel.
fn item(line: &str, at: usize) -> Option<Item> {
    let mut before = near_before(line, at);
    if let Some(channel) = before.strip_suffix("::") {
        before = channel.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'));
    }
    let quote = before.chars().last().filter(|c| matches!(c, '"' | '\''));
    let before = before[..before.len() - quote.map_or(0, char::len_utf8)].trim_end();
    let flow = before.ends_with('[') || before.ends_with(',') && before.contains('[');
    // A flow list may go on over lines.
    let list = before.ends_with('-') && before.trim_start_matches(['-', ' ']).is_empty()
        || before.ends_with('-') && before.trim_end_matches('-').trim_end().ends_with(':');
    let block = before.is_empty();
    (flow || list || block).then_some(Item { quote, list: flow || list || quote.is_some(), flow: flow || block })
}

/// Whether an item ends with what follows a requirement: a marker, a comment, its quote.
fn ends_item(rest: &str, item: &Item) -> bool {
    let rest = rest.trim_end();
    let rest = match item.quote {
        Some(quote) => {
            let Some((marker, rest)) = rest.split_once(quote) else { return false };
            if !(marker.trim().is_empty() || marker.trim_start().starts_with([';', '='])) {
                return false;
            }
            rest
        }
        None => rest,
    };
    let next = rest.trim_start();
    let build = item.quote.is_none()
        && item.list
        && (next.starts_with('=') || !rest.starts_with(',') && next.chars().all(is_build));
    next.is_empty()
        || next.starts_with('#')
        || item.flow && next.starts_with([',', ']'])
        || item.quote.is_none() && next.starts_with(';')
        || build
}

fn is_build(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Adds the lines of a document within a script that are requirements and nothing else.
pub(super) fn documents(text: &str, out: &mut Vec<Pin>) {
    if !text.contains("<<") && !text.contains("%%writefile") {
        return;
    }
    for (start, line) in lines(text) {
        let at = start + line.len() - line.trim_start().len();
        let Some(named) = requirement::name(text, at) else { continue };
        let end = start + line.trim_end().len();
        let read = requirement::read(&text[..end], named, Dialect::Python);
        if read.end == end {
            out.extend(read.pin);
        }
    }
}

/// Adds the packages that conda's explicit lists and locks name by their URLs, each version once.
pub(super) fn urls(text: &str, out: &mut Vec<Pin>) {
    let mut seen: Vec<&str> = Vec::new();
    for (start, line) in lines(text) {
        let Some(at) = line.find("://") else { continue };
        let begin = line[..at].trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '+').len();
        let end =
            line[at..].find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).map_or(line.len(), |end| at + end);
        let span: Range<usize> = start + begin..start + end;
        let Some(pin) = requirement::url(text, span, None) else { continue };
        let version = &text[pin.span.clone()];
        if !seen.contains(&version) && seen.len() < 64 {
            seen.push(version);
            out.push(pin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::spans;
    use super::*;

    #[test]
    fn lines_of_requirement_files() {
        let text = "# wandb==0.1\n-r wandb==0.2\nwandb==0.3 ; python_version<'3.8' \\\n    --hash=sha256:00\n  weave[x]>=0.4  # via wandb==0.5\n-e git+https://github.com/wandb/wandb.git@v0.6.0#egg=wandb\nhttps://x.org/wandb-0.7.0-py3-none-any.whl\nwandb=0.8.0=pypi_0\nwandb @ git+https://github.com/wandb/wandb@v0.9.0\ntorch # wandb==0.10\nwandb\nwandb-core==1\r\nwandb==0.11.0\r\n";
        assert_eq!(spans(text, requirements), ["==0.3", ">=0.4", "0.6.0", "0.7.0", "=0.8.0", "0.9.0", "==0.11.0"]);
        assert!(are_requirements("torch==2\nwandb==0.1\n"));
        assert!(!are_requirements("we use wandb==0.1\ntorch==2\n"));
    }

    #[test]
    fn options_and_factors_of_ini_files() {
        let text = "[options]\ninstall_requires =\n    torch\n    wandb>=0.1,<0.2\n# wandb==0.3\n[options.extras_require]\nlog = wandb==0.4; weave==0.5\n[testenv]\ndeps =\n  py38: wandb==0.6\n  {py39,py310}-x: wandb==0.7\ndescription = for wandb==0.8\n";
        assert_eq!(spans(text, ini), [">=0.1,<0.2", "==0.4", "==0.5", "==0.6", "==0.7"]);
    }

    #[test]
    fn items_of_yaml_lists() {
        let text = "name: wandb\ndependencies:\n  - wandb=0.1\n  - conda-forge::wandb=0.2=py_0\n  - wandb >=0.3,<0.4\n  - \"wandb==0.5\"  # ours\n  - pip:\n    - wandb==0.6.0; python_version < '3.8'\n    - 'wandb[media]==0.7'\n  - wandb 0.8.*\n# - wandb=0.9\nadditional_dependencies: [types-x, wandb==0.11, \"weave==0.12\"]\ntext: wandb==0.13 is old\nrequirements: |\n  wandb==0.14\n- wandb\n- wandb=0.15.0=py_0\n";
        let conda = |text: &str, out: &mut Vec<Pin>| yaml(text, true, out);
        assert_eq!(
            spans(text, conda),
            [
                "=0.1", "=0.2", ">=0.3,<0.4", "==0.5", "==0.6.0", "==0.7", "0.8.*", "==0.11", "==0.12", "==0.14",
                "=0.15.0"
            ]
        );
    }

    #[test]
    fn explicit_lists_name_packages_by_url() {
        let text = "@EXPLICIT\nhttps://conda.anaconda.org/conda-forge/noarch/wandb-0.15.12-pyhd8ed1ab_0.conda\n- conda: https://conda.anaconda.org/conda-forge/noarch/wandb-0.15.12-pyhd8ed1ab_0.conda\nhttps://x/wandb-osh-1.0-0.conda\n";
        assert_eq!(spans(text, urls), ["0.15.12"]);
    }
}
