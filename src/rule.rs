//! A page becomes a rule. In: the Markdown pages of `rules/`. Out: what judge looks up and what reports and `explain`
//! show. A page can only find: it holds no address, no template and no command.

pub mod example;

use std::fmt;
use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;

use example::Example;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing, or needs knowledge that a scanner lacks.
    Note,
    /// The line itself breaks a sentence of the guidance without a key.
    Warning,
    /// A key is exposed.
    Error,
}

impl Severity {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// What a rule belongs to, so that a group can be selected by one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Exposed keys.
    Keys,
    /// Broken storage guidance.
    Habits,
    /// Versions of the SDKs.
    Sdk,
    /// Settings of a W&B server.
    Server,
}

impl Group {
    /// Every group.
    pub const ALL: [Group; 4] = [Group::Keys, Group::Habits, Group::Sdk, Group::Server];

    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Group::Keys => "keys",
            Group::Habits => "habits",
            Group::Sdk => "sdk",
            Group::Server => "server",
        }
    }
}

/// The kind of place in which a key lies. It decides which rule speaks, and so which sentence of the guidance the reader
/// is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Site {
    /// Program text.
    Source,
    /// A configuration file.
    Config,
    /// The source of a notebook cell.
    Notebook,
    /// The output of a notebook cell.
    NotebookOutput,
    /// A shell or batch script, a makefile.
    Script,
    /// A command or sentence in documentation.
    Docs,
    /// A container file.
    Image,
    /// The definition of a CI pipeline.
    Ci,
    /// Kubernetes, Helm or Terraform.
    Deployment,
    /// A netrc file.
    Netrc,
    /// A settings file of the W&B SDK.
    Settings,
    /// What a W&B run left on disk.
    RunFolder,
    /// A log.
    Log,
    /// A chat or mail export.
    Chat,
    /// A URL.
    Url,
    /// The history of a shell or an interpreter.
    History,
    /// The configuration of an editor, an agent or an MCP client.
    Editor,
    /// What git keeps beside files: the message of a commit, a tag or a note, the name of a reference, a reflog.
    GitMessage,
    /// The configuration of a git repository.
    GitConfig,
    /// The command line of a running process.
    Process,
    /// The environment of a running process.
    Environ,
    /// Anything else.
    Other,
}

impl Site {
    /// Every kind.
    pub const ALL: [Site; 22] = [
        Site::Source,
        Site::Config,
        Site::Notebook,
        Site::NotebookOutput,
        Site::Script,
        Site::Docs,
        Site::Image,
        Site::Ci,
        Site::Deployment,
        Site::Netrc,
        Site::Settings,
        Site::RunFolder,
        Site::Log,
        Site::Chat,
        Site::Url,
        Site::History,
        Site::Editor,
        Site::GitMessage,
        Site::GitConfig,
        Site::Process,
        Site::Environ,
        Site::Other,
    ];
}

/// How a rule comes to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A key in this kind of place.
    Exposure(Site),
    /// A pattern on its page, or a check in code that has the rule's name.
    Habit,
    /// What a server tells of a key of an account.
    Account,
}

/// Which texts a habit rule reads, and what it looks for.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Words in small ASCII letters; a text that has none of them, in any case, is not read. None at all: every text is.
    pub words: Vec<String>,
    /// The kinds of place it speaks for; none at all: every kind.
    pub sites: Vec<Site>,
    /// What a finding looks like: the group `point`, or the whole match. Without one, a check in code looks.
    pub pattern: Option<Regex>,
}

impl Scope {
    /// Whether it speaks for that kind of place.
    pub fn holds(&self, site: Site) -> bool {
        self.sites.is_empty() || self.sites.contains(&site)
    }
}

/// A rule: one page.
#[derive(Clone)]
pub struct Rule {
    /// The name of the page's file, without `.md`.
    pub id: String,
    /// The first heading.
    pub title: String,
    /// The first paragraph, on one line.
    pub message: String,
    /// The first paragraph of *What to do*, on one line.
    pub help: String,
    /// How bad a finding is.
    pub severity: Severity,
    /// What the rule belongs to.
    pub group: Group,
    /// How the rule comes to speak.
    pub kind: Kind,
    /// What a habit rule reads; of an exposure, nothing.
    pub scope: Scope,
    /// The sentence of W&B's guidance that the rule stands for, in our words.
    pub guidance: String,
    /// The page, whole.
    pub page: String,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({})", self.id)
    }
}

/// What is wrong with a page, said with its name.
#[derive(Debug, thiserror::Error)]
#[error("{id}.md: {what}")]
pub struct PageError {
    id: String,
    what: String,
}

/// The `toml rule` block of a page.
#[derive(Deserialize)]
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

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum HeadKind {
    Exposure,
    Habit,
    Account,
}

impl Rule {
    /// Reads a page. The error names the page and what it lacks.
    pub fn from_page(id: &str, page: &str) -> Result<Rule, PageError> {
        let wrong = |what: String| PageError { id: id.to_owned(), what };
        let missing = |what: &str| wrong(format!("no {what}"));
        let head = example::blocks(page)
            .find(|block| block.info == "toml rule")
            .ok_or_else(|| missing("`toml rule` block"))?;
        let head: Head = toml::from_str(head.text).map_err(|e| wrong(format!("in the rule block: {}", e.message())))?;
        let kind = head.kind().map_err(|what| wrong(what.to_owned()))?;
        let scope = head.scope().map_err(wrong)?;
        let (title, rest) = page
            .strip_prefix("# ")
            .and_then(|page| page.split_once('\n'))
            .ok_or_else(|| missing("title in the first line"))?;
        if section(page, "Why it matters").is_none() {
            return Err(missing("section `Why it matters`"));
        }
        let help = section(page, "What to do").ok_or_else(|| missing("section `What to do`"))?;
        Ok(Rule {
            id: id.to_owned(),
            title: title.trim().to_owned(),
            message: first_paragraph(rest).ok_or_else(|| missing("message below the title"))?,
            help: first_paragraph(help).ok_or_else(|| missing("advice below `What to do`"))?,
            severity: head.severity,
            group: head.group,
            kind,
            scope,
            guidance: head.guidance,
            page: page.to_owned(),
        })
    }

    /// The blocks of the page that show what is and what is not a finding.
    pub fn examples(&self) -> Vec<Example<'_>> {
        Example::all(&self.page)
    }
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

/// All rules, in the order of their ids.
#[derive(Clone)]
pub struct RuleSet(Vec<Arc<Rule>>);

/// The pages of `rules/`, by id.
const PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

impl RuleSet {
    /// The rules that come with this version.
    pub fn builtin() -> Result<RuleSet, PageError> {
        let rules = PAGES.iter().map(|(id, page)| Rule::from_page(id, page).map(Arc::new));
        Ok(RuleSet(rules.collect::<Result<_, _>>()?))
    }

    /// Adds a page that somebody else wrote: a habit with a pattern, under a name of its own.
    pub fn add_page(&mut self, id: &str, page: &str) -> Result<(), PageError> {
        const LONGEST: usize = 64;
        let wrong = |what: &str| PageError { id: id.to_owned(), what: what.to_owned() };
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if id.is_empty() || id.len() > LONGEST || !id.bytes().all(plain) {
            return Err(wrong("a rule is called by small letters, digits and dashes"));
        }
        if self.get(id).is_some() || Group::ALL.iter().any(|group| group.name() == id) {
            return Err(wrong("there is a rule or group of that name already"));
        }
        let rule = Rule::from_page(id, page)?;
        if rule.kind != Kind::Habit || rule.scope.pattern.is_none() {
            return Err(wrong("a page of yours is a `habit` with a `pattern`"));
        }
        self.0.push(Arc::new(rule));
        self.0.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(())
    }

    /// Sets how bad a rule's findings are at most.
    pub fn set_severity(&mut self, id: &str, severity: Severity) {
        for rule in self.0.iter_mut().filter(|rule| rule.id == id) {
            *rule = Arc::new(Rule { severity, ..Rule::clone(rule) });
        }
    }

    /// Every rule, in the order of the ids.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.0.iter()
    }

    /// The rule of that id.
    pub fn get(&self, id: &str) -> Option<&Arc<Rule>> {
        self.0.iter().find(|rule| rule.id == id)
    }

    /// The rule that speaks for a key in that kind of place.
    pub fn for_site(&self, site: Site) -> Option<&Arc<Rule>> {
        let speaks = |wanted| self.0.iter().find(|rule| rule.kind == Kind::Exposure(wanted));
        speaks(site).or_else(|| speaks(Site::Other))
    }

    /// The id or group that looks most like `word`, for an error that sends the reader on.
    pub fn nearest(&self, word: &str) -> Option<&str> {
        let names = self.0.iter().map(|rule| rule.id.as_str()).chain(Group::ALL.map(Group::name));
        let (distance, name) = names.map(|name| (edits(word, name), name)).min()?;
        (distance <= name.len() / 2).then_some(name)
    }
}

/// The number of single-character edits between two words.
pub(crate) fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &b) in to.iter().enumerate() {
            let substitute = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[to.len()]
}
