//! Reads a page. In: its text. Out: what its `toml rule` block says, its title, its paragraphs; or what it lacks. What comes
//! with this version was tried by a test, so that a start need not read all of it.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use regex::bytes::RegexBuilder;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};

use super::{Group, Kind, LazyScope, Rule, Scope, Severity, Site, example};

/// What is wrong with a page, said with its name.
#[derive(Debug, thiserror::Error)]
#[error("{id}.md: {what}")]
pub struct PageError {
    id: String,
    what: String,
}

/// The `toml rule` block of a page.
#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Head {
    kind: HeadKind,
    severity: Severity,
    group: Group,
    guidance: String,
    site: Option<Site>,
    #[serde(default)]
    words: Vec<String>,
    #[serde(default)]
    sites: Vec<Site>,
    pattern: Option<String>,
}

impl Head {
    fn kind(&self) -> Result<Kind, &'static str> {
        let scoped = !self.words.is_empty() || !self.sites.is_empty() || self.pattern.is_some();
        match (&self.kind, self.site) {
            (HeadKind::Account, None) if !scoped => Ok(Kind::Account),
            (HeadKind::Account, _) => Err("a rule for accounts has no `site`, `words`, `sites` or `pattern`"),
            (HeadKind::Exposure, _) if scoped => Err("an exposure has no `words`, `sites` or `pattern`"),
            (HeadKind::Exposure, Some(site)) => Ok(Kind::Exposure(site)),
            (HeadKind::Exposure, None) => Err("no `site` for an exposure"),
            (HeadKind::Habit, None) => Ok(Kind::Habit),
            (HeadKind::Habit, Some(_)) => Err("a habit has no `site`, but may have `sites`"),
        }
    }

    /// What a habit reads. Without words a pattern would have to read everything.
    fn scope(&self) -> Result<Scope, String> {
        if self.words.iter().any(|word| word.is_empty() || !word.is_ascii()) {
            return Err("a word must be ASCII, and not empty".to_owned());
        }
        let pattern = match &self.pattern {
            Some(_) if self.words.is_empty() => return Err("no `words` beside the pattern".to_owned()),
            Some(pattern) => {
                let built = RegexBuilder::new(pattern).multi_line(true).build();
                let built = built.map_err(|error| format!("in the pattern: {error}"))?;
                if built.is_match(b"") {
                    return Err("the pattern matches where nothing is".to_owned());
                }
                Some(built)
            }
            None => None,
        };
        let words = self.words.iter().map(|word| word.to_ascii_lowercase()).collect();
        Ok(Scope { words, sites: self.sites.clone(), pattern })
    }
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(rename_all = "lowercase")]
enum HeadKind {
    Exposure,
    Habit,
    Account,
}

/// Reads a page that somebody wrote, and says what is wrong with it.
pub(super) fn read_whole(id: &str, page: &str) -> Result<Rule, PageError> {
    let head = parsed(id, page)?;
    let scope = head.scope().map_err(|what| wrong(id, what))?;
    let rule = rule(id, Cow::Owned(page.to_owned()), head, |_| scope)?;
    title(page).ok_or_else(|| missing(id, "title in the first line"))?;
    section(page, "Why it matters").ok_or_else(|| missing(id, "section `Why it matters`"))?;
    section(page, "What to do").ok_or_else(|| missing(id, "section `What to do`"))?;
    message(page).ok_or_else(|| missing(id, "message below the title"))?;
    help(page).ok_or_else(|| missing(id, "advice below `What to do`"))?;
    Ok(rule)
}

/// Reads no more than the rule block of a page that is known to be right.
pub(super) fn read_head(id: &str, page: &'static str) -> Result<Rule, PageError> {
    let head = block(id, page)?;
    let head = match plain(head) {
        Some(head) => head,
        None => parsed(id, page)?,
    };
    #[expect(clippy::expect_used, reason = "a test reads every page to its end")]
    let scope = |head: Head| head.scope().expect("a page that comes along is right");
    rule(id, Cow::Borrowed(page), head, scope)
}

fn rule(
    id: &str,
    page: Cow<'static, str>,
    head: Head,
    scope: impl FnOnce(Head) -> Scope + Send + 'static,
) -> Result<Rule, PageError> {
    let kind = head.kind().map_err(|what| wrong(id, what))?;
    let (severity, group, guidance) = (head.severity, head.group, head.guidance.clone());
    let scope: Arc<LazyScope> = Arc::new(LazyLock::new(Box::new(move || scope(head))));
    Ok(Rule { id: id.to_owned(), severity, group, kind, scope, guidance, page })
}

pub(super) fn wrong(id: &str, what: impl Into<String>) -> PageError {
    PageError { id: id.to_owned(), what: what.into() }
}

fn missing(id: &str, what: &str) -> PageError {
    wrong(id, format!("no {what}"))
}

fn block<'p>(id: &str, page: &'p str) -> Result<&'p str, PageError> {
    let block = example::blocks(page).find(|block| block.info == "toml rule");
    block.map(|block| block.text).ok_or_else(|| missing(id, "`toml rule` block"))
}

fn parsed(id: &str, page: &str) -> Result<Head, PageError> {
    toml::from_str(block(id, page)?).map_err(|error| wrong(id, format!("in the rule block: {}", error.message())))
}

/// A block of lines whose values are texts without escapes, or lists of them: as TOML reads it, in a tenth of the time.
fn plain(block: &str) -> Option<Head> {
    let (mut kind, mut severity, mut group, mut guidance) = (None, None, None, None);
    let (mut site, mut words, mut sites) = (None, Vec::new(), Vec::new());
    for line in block.lines() {
        let (name, value) = line.split_once(" = ")?;
        match name {
            "kind" => kind = Some(word(text(value)?)?),
            "severity" => severity = Some(word(text(value)?)?),
            "group" => group = Some(word(text(value)?)?),
            "guidance" => guidance = Some(text(value)?.to_owned()),
            "site" => site = Some(word(text(value)?)?),
            "words" => words = texts(value)?.into_iter().map(str::to_owned).collect(),
            "sites" => sites = texts(value)?.into_iter().map(word).collect::<Option<_>>()?,
            _ => return None,
        }
    }
    let (kind, severity, group, guidance) = (kind?, severity?, group?, guidance?);
    Some(Head { kind, severity, group, guidance, site, words, sites, pattern: None })
}

fn text(value: &str) -> Option<&str> {
    let text = value.strip_prefix('"')?.strip_suffix('"')?;
    (!text.bytes().any(|b| b == b'"' || b == b'\\')).then_some(text)
}

fn texts(value: &str) -> Option<Vec<&str>> {
    value.strip_prefix('[')?.strip_suffix(']')?.split(", ").map(text).collect()
}

fn word<'t, T: Deserialize<'t>>(text: &'t str) -> Option<T> {
    let text: StrDeserializer<'t, Error> = text.into_deserializer();
    T::deserialize(text).ok()
}

/// The first heading.
pub(super) fn title(page: &str) -> Option<&str> {
    Some(page.strip_prefix("# ")?.split_once('\n')?.0.trim())
}

/// The first paragraph.
pub(super) fn message(page: &str) -> Option<String> {
    first_paragraph(page.split_once('\n')?.1)
}

/// The first paragraph of *What to do*.
pub(super) fn help(page: &str) -> Option<String> {
    first_paragraph(section(page, "What to do")?)
}

/// What stands below a second-level heading.
fn section<'p>(page: &'p str, heading: &str) -> Option<&'p str> {
    let start = page.find(&format!("\n## {heading}\n"))? + heading.len() + 5;
    let rest = &page[start..];
    Some(rest.find("\n## ").map_or(rest, |end| &rest[..end]))
}

/// The first paragraph of prose, on one line.
fn first_paragraph(text: &str) -> Option<String> {
    let paragraph = text.trim_start().split("\n\n").next()?;
    let words: Vec<_> = paragraph.split_whitespace().collect();
    (!words.is_empty() && !paragraph.starts_with("```")).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_plain_is_read_as_toml_reads_it_and_nothing_else_is() {
        let plainly = "kind = \"habit\"\nseverity = \"note\"\ngroup = \"sdk\"\nguidance = \"g = [g], g\"\n\
                       words = [\"a b\", \"c\"]\nsites = [\"ci\", \"notebook-output\"]\n";
        let head = plain(plainly).expect("plain");
        assert_eq!(head, toml::from_str(plainly).expect("TOML"));
        for (from, to) in [
            ("\"a b\"", "\"a\\\"b\""),
            ("\"a b\"", "\"a\\tb\""),
            ("\"a b\"", "'a b'"),
            ("[\"a b\", \"c\"]", "[\"a b\",\"c\"]"),
            ("[\"a b\", \"c\"]", "[]"),
            ("\"note\"", "\"notes\""),
            ("\"note\"", "\"note\" # so"),
            ("words =", "pattern ="),
            ("group = \"sdk\"\n", ""),
            ("group", "\ngroup"),
        ] {
            assert_eq!(plain(&plainly.replace(from, to)), None, "{to}");
        }
    }
}
