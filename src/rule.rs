//! A page becomes a rule. In: the Markdown pages of `rules/`. Out: what judge looks up and what reports and `explain`
//! show. A page can only find: it holds no address, no template and no command.

pub mod example;
mod page;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock};

use regex::bytes::Regex;
use serde::Deserialize;

use example::Example;
pub use page::PageError;

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

/// A scope that is made when it is first asked for.
pub type LazyScope = LazyLock<Scope, Box<dyn FnOnce() -> Scope + Send>>;

/// A rule: one page.
#[derive(Clone)]
pub struct Rule {
    /// The name of the page's file, without `.md`.
    pub id: String,
    /// How bad a finding is.
    pub severity: Severity,
    /// What the rule belongs to.
    pub group: Group,
    /// How the rule comes to speak.
    pub kind: Kind,
    /// What a habit rule reads; of an exposure, nothing. A pattern costs more than all else of a page, and many scans need none.
    pub scope: Arc<LazyScope>,
    /// The sentence of W&B's guidance that the rule stands for, in our words.
    pub guidance: String,
    /// The page, whole.
    pub page: Cow<'static, str>,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({})", self.id)
    }
}

impl Rule {
    /// Reads a page to its end. The error names the page and what it lacks.
    pub fn from_page(id: &str, page: &str) -> Result<Rule, PageError> {
        page::read_whole(id, page)
    }

    /// The first heading.
    pub fn title(&self) -> &str {
        page::title(&self.page).unwrap_or_default()
    }

    /// The first paragraph, on one line.
    pub fn message(&self) -> String {
        page::message(&self.page).unwrap_or_default()
    }

    /// The first paragraph of *What to do*, on one line.
    pub fn help(&self) -> String {
        page::help(&self.page).unwrap_or_default()
    }

    /// The blocks of the page that show what is and what is not a finding.
    pub fn examples(&self) -> Vec<Example<'_>> {
        Example::all(&self.page)
    }
}

/// All rules, in the order of their ids.
#[derive(Clone)]
pub struct RuleSet(Vec<Arc<Rule>>);

/// The pages of `rules/`, by id.
const PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

impl RuleSet {
    /// The rules that come with this version. Every start reads their pages, so no further than it must.
    pub fn builtin() -> Result<RuleSet, PageError> {
        let rules = PAGES.iter().map(|(id, page)| page::read_head(id, page).map(Arc::new));
        Ok(RuleSet(rules.collect::<Result<_, _>>()?))
    }

    /// Adds a page that somebody else wrote: a habit with a pattern, under a name of its own.
    pub fn add_page(&mut self, id: &str, page: &str) -> Result<(), PageError> {
        const LONGEST: usize = 64;
        let wrong = |what: &str| page::wrong(id, what);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_that_comes_along_could_be_somebody_elses() {
        for (id, page) in PAGES {
            let whole = Rule::from_page(id, page).expect("a whole page");
            let ours = page::read_head(id, page).expect("a head");
            let said = |rule: &Rule| {
                let Scope { words, sites, pattern } = &**rule.scope;
                let scope = (words.clone(), sites.clone(), pattern.as_ref().map(|pattern| pattern.to_string()));
                (rule.severity, rule.group, rule.kind, rule.guidance.clone(), scope)
            };
            assert_eq!(said(&ours), said(&whole), "{id}");
        }
    }
}
