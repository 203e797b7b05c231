//! Guidance broken without a key in sight. In: a text whose words are known, and the rules that name them. Out: the points
//! that a pattern of a page, or the check that is called like its rule, would say something of.

pub(super) mod call;
mod ci_without_entity;
pub(super) mod cut_off_key;
mod identity_token;
mod inline_environment;
pub(super) mod key_as_argument;
mod key_in_image_build;
mod key_option;
mod keychain_in_production;
mod login_argument;
pub(super) mod passage;
pub(super) mod permission_without_reason;
mod plain_http_server;
mod printed_key;
mod sdk_too_old;
mod secret_store;
mod server_secret;
pub(super) mod setting;
pub(super) mod shell;
mod unread_name;
mod value;
pub(super) mod webhook;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use memchr::memmem;
use regex::bytes::{Regex, RegexBuilder};

#[cfg(test)]
use super::project;
use crate::blob::Origin;
use crate::finding::Confidence;
use crate::policy::Policy;
use crate::rule::{Kind, Rule, RuleSet, Severity, Site};
use passage::Passage;
use words::{NAME, Words};

/// What a check says.
pub(super) struct Point {
    /// What is marked.
    pub(super) span: Range<usize>,
    /// What it is a part of, such as a command or an assignment: a key found in there says it all.
    pub(super) about: Range<usize>,
    /// Why it is one, in a clause that can follow the rule's message; may be empty.
    pub(super) evidence: String,
    /// How sure that is.
    pub(super) confidence: Confidence,
    /// How bad it is if that is less than the rule says.
    pub(super) severity: Option<Severity>,
    /// Whether what is marked may not be shown.
    pub(super) hidden: bool,
}

impl Point {
    /// A point that needs no more words than those of its rule.
    pub(super) fn new(span: Range<usize>) -> Point {
        Point {
            about: span.clone(),
            span,
            evidence: String::new(),
            confidence: Confidence::High,
            severity: None,
            hidden: false,
        }
    }
}

/// Reads a text and says what breaks the rule.
type Check = fn(&Passage<'_>) -> Vec<Point>;

/// The check of every rule that a pattern cannot say, by the id of the rule.
const CHECKS: &[(&str, Check)] = &[
    ("admin-access-by-key", server_secret::admin_access),
    ("ci-without-entity", ci_without_entity::check),
    ("identity-token-beside-key", identity_token::beside_key),
    ("identity-token-in-project", identity_token::file_in_project),
    ("inline-environment", inline_environment::check),
    ("key-as-argument", key_as_argument::check),
    ("key-in-image-build", key_in_image_build::check),
    ("key-option", key_option::check),
    ("keychain-in-production", keychain_in_production::check),
    ("kubernetes-secret-store", secret_store::in_kubernetes),
    ("literal-admin-key", server_secret::admin_key),
    ("literal-server-secret", server_secret::literal),
    ("login-argument", login_argument::check),
    ("plain-http-server", plain_http_server::check),
    ("printed-key", printed_key::check),
    ("sdk-too-old", sdk_too_old::check),
    ("secret-name", webhook::names),
    ("secret-syntax", webhook::syntax),
    ("unread-name", unread_name::check),
    ("unusable-secret-store", secret_store::unusable),
    ("webhook-literal-token", webhook::literal_tokens),
];

/// The rules that are told where they are needed rather than found in a text.
#[cfg(test)]
const CALLED: [&str; 6] = [
    cut_off_key::RULE,
    permission_without_reason::RULE,
    project::SAME_KEY,
    project::DANGLING,
    project::TRACKED,
    project::WIDE,
];

/// How a rule looks.
enum Looks {
    Pattern(Regex),
    Check(Check),
}

/// A rule that may speak.
struct Habit {
    rule: Arc<Rule>,
    looks: Looks,
    /// Which of the words that name W&B are its own.
    near: Vec<usize>,
    /// Finds one of its other words; made once it is known that a text has one of some rule's, which few have.
    other: OnceLock<Option<Regex>>,
}

/// The habit rules that may speak.
pub(super) struct Habits {
    habits: Vec<Habit>,
    words: Words,
    /// Finds one of the words of any rule that do not name W&B.
    other: Option<Regex>,
    /// Whether every rule has words.
    wordful: bool,
}

/// Whether a kind of place is one of programs or prose: most of what there is, and what speaks of W&B in it names it.
fn is_talk(site: Site) -> bool {
    matches!(site, Site::Source | Site::Docs | Site::Notebook | Site::Other | Site::Log | Site::RunFolder | Site::Chat)
}

/// Whether the end of a name is that of programs or prose. Few files with one of these are anything else, and the kind of place
/// is asked for only where there is something to read.
fn is_talk_name(name: &[u8]) -> bool {
    const ENDS: [&[u8]; 22] = [
        b"c", b"cc", b"cpp", b"css", b"go", b"h", b"hpp", b"html", b"ipynb", b"java", b"js", b"jsx", b"log", b"md",
        b"php", b"py", b"rb", b"rs", b"rst", b"svg", b"ts", b"tsx",
    ];
    memchr::memrchr(b'.', name).is_some_and(|dot| ENDS.binary_search(&&name[dot + 1..]).is_ok())
}

/// Such a text of at most so many bytes is read for every word all the same: a `setup.py` is one, a `requirements.txt` another.
const SHORT: usize = 4096;

impl Habits {
    /// The habits among the rules that were selected.
    pub(super) fn new(rules: &RuleSet, policy: &Policy) -> Habits {
        Habits::of(rules.iter().filter(|rule| policy.selects(rule)))
    }

    fn of<'r>(rules: impl Iterator<Item = &'r Arc<Rule>>) -> Habits {
        let rules: Vec<&Arc<Rule>> = rules.filter(|rule| rule.kind == Kind::Habit).collect();
        let words = Words::new(rules.iter().flat_map(|rule| &rule.scope.words));
        let habits: Vec<Habit> = rules.iter().filter_map(|rule| Habit::new(rule, &words)).collect();
        let other = spelled(rules.iter().flat_map(|rule| &rule.scope.words).filter(|word| !word.contains(NAME)));
        let wordful = habits.iter().all(|habit| !habit.rule.scope.words.is_empty());
        Habits { habits, words, other, wordful }
    }

    /// Whether no rule may speak.
    pub(super) fn is_empty(&self) -> bool {
        self.habits.is_empty()
    }

    /// Whether there is nothing to read in the text of a file, as its name and the words show: most of them say nothing of W&B. A
    /// settings file of the SDK lies in a folder that is called for it.
    pub(super) fn none(&self, origin: &Origin, text: &[u8], names: &[usize]) -> bool {
        let named = || ["wandb", "weave"].iter().any(|name| memmem::find(origin.name(), name.as_bytes()).is_some());
        let listens = || text.len() <= SHORT || !is_talk_name(origin.file_name());
        names.is_empty() && self.wordful && !named() && !(listens() && self.says_other(text))
    }

    /// Whether a text holds a word of any rule that does not name W&B.
    fn says_other(&self, text: &[u8]) -> bool {
        self.other.as_ref().is_some_and(|words| words.is_match(text))
    }

    /// Likewise of a text from that kind of place, if any rule that speaks there has such a word.
    pub(super) fn says_other_at(&self, site: Site, text: &[u8]) -> bool {
        let listens = |habit: &Habit| habit.rule.scope.holds(site) && habit.others().next().is_some();
        self.habits.iter().any(listens) && self.says_other(text)
    }

    /// The rules that have something to read in a text from that kind of place which names W&B at `names`. A settings file of
    /// the SDK need not name W&B.
    fn reading<'h>(&'h self, site: Site, text: &[u8], names: &[usize], other: bool) -> Vec<&'h Habit> {
        let other = other && (!is_talk(site) || !names.is_empty() || text.len() <= SHORT);
        let heard = self.words.hear(text, names);
        let reads = |habit: &&Habit| {
            let wordless = habit.rule.scope.words.is_empty() || (site == Site::Settings && !habit.near.is_empty());
            let says = || other && habit.says_other(text);
            habit.rule.scope.holds(site) && (wordless || heard.any(&habit.near) || says())
        };
        self.habits.iter().filter(reads).collect()
    }

    /// Whether any rule has something to read in the text, whatever kind of place it comes from.
    pub(super) fn any_somewhere(&self, text: &[u8], names: &[usize]) -> bool {
        let other = self.says_other(text);
        Site::ALL.into_iter().any(|site| !self.reading(site, text, names, other).is_empty())
    }

    /// Whether any rule has something to read in the text.
    pub(super) fn any(&self, site: Site, text: &[u8], names: &[usize]) -> bool {
        !self.reading(site, text, names, self.says_other_at(site, text)).is_empty()
    }

    /// What the rules say of a passage, the worst first; of points that lie in one another the first alone.
    pub(super) fn points(&self, passage: &Passage<'_>) -> Vec<(&Arc<Rule>, Point)> {
        let mut points: Vec<(&Arc<Rule>, Point)> = Vec::new();
        for habit in self.reading(passage.site, passage.text, passage.names, passage.other) {
            points.extend(habit.points(passage).into_iter().map(|point| (&habit.rule, point)));
        }
        points.sort_by_key(|(rule, point)| {
            (std::cmp::Reverse(point.severity.unwrap_or(rule.severity)), point.span.start, point.span.end)
        });
        // What was said, by where it begins: none of it lies in another, so the last one before an end tells.
        let mut said: BTreeMap<usize, usize> = BTreeMap::new();
        points.retain(|(_, point)| {
            let last = said.range(..point.span.end).next_back();
            let new = last.is_none_or(|(_, end)| *end <= point.span.start);
            if new {
                said.insert(point.span.start, point.span.end);
            }
            new
        });
        points
    }
}

impl Habit {
    fn new(rule: &Arc<Rule>, words: &Words) -> Option<Habit> {
        let check = || CHECKS.iter().find(|(id, _)| *id == rule.id).map(|(_, check)| Looks::Check(*check));
        let looks = rule.scope.pattern.clone().map(Looks::Pattern).or_else(check)?;
        let near = words.places(&rule.scope.words);
        Some(Habit { rule: Arc::clone(rule), looks, near, other: OnceLock::new() })
    }

    /// Its words that do not name W&B.
    fn others(&self) -> impl Iterator<Item = &String> {
        self.rule.scope.words.iter().filter(|word| !word.contains(NAME))
    }

    /// Whether a text holds one of them.
    fn says_other(&self, text: &[u8]) -> bool {
        self.other.get_or_init(|| any_of(self.others())).as_ref().is_some_and(|words| words.is_match(text))
    }

    fn points(&self, passage: &Passage<'_>) -> Vec<Point> {
        match &self.looks {
            Looks::Check(check) => check(passage),
            Looks::Pattern(pattern) => {
                let found = pattern.captures_iter(passage.text);
                let points = found.filter_map(|found| {
                    let whole = found.get(0)?;
                    let point = found.name("point").unwrap_or(whole);
                    Some(Point { about: lines_of(passage.text, whole.range()), ..Point::new(point.range()) })
                });
                points.filter(|point| !point.span.is_empty()).collect()
            }
        }
    }
}

/// The lines in which a range lies, all of them.
fn lines_of(text: &[u8], range: Range<usize>) -> Range<usize> {
    let start = memchr::memrchr(b'\n', &text[..range.start]).map_or(0, |at| at + 1);
    let end = memchr::memchr(b'\n', &text[range.end..]).map_or(text.len(), |at| range.end + at);
    start..end
}

/// Finds any of some words in the spellings that people use: all small, all capitals, a capital at the beginning. So few are
/// searched for all at once, several times as fast as in any case; and what holds another of them need not be searched for.
fn spelled<'w>(words: impl Iterator<Item = &'w String>) -> Option<Regex> {
    let spellings = |word: &String| {
        let mut first = word.clone();
        first.get_mut(..1).into_iter().for_each(str::make_ascii_uppercase);
        [word.clone(), word.to_ascii_uppercase(), first]
    };
    let words: BTreeSet<String> = words.flat_map(spellings).collect();
    let held = |word: &String| words.iter().any(|other| other != word && word.contains(other.as_str()));
    let words: Vec<String> = words.iter().filter(|word| !held(word)).map(|word| regex::escape(word)).collect();
    if words.is_empty() {
        return None;
    }
    RegexBuilder::new(&words.join("|")).unicode(false).build().ok()
}

/// Finds any of some words, in any case.
fn any_of<'w>(words: impl Iterator<Item = &'w String>) -> Option<Regex> {
    let mut words: Vec<String> = words.map(|word| regex::escape(word)).collect();
    words.sort();
    words.dedup();
    if words.is_empty() {
        return None;
    }
    RegexBuilder::new(&words.join("|")).case_insensitive(true).unicode(false).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_without_a_pattern_has_a_check_and_every_check_a_page() {
        let rules = RuleSet::builtin().expect("the pages are well");
        let of_pages = rules.iter().filter(|rule| rule.kind == Kind::Habit && rule.scope.pattern.is_none());
        let mut of_pages: Vec<&str> = of_pages.map(|rule| rule.id.as_str()).collect();
        let mut checks: Vec<&str> = CHECKS.iter().map(|(id, _)| *id).chain(CALLED).collect();
        of_pages.sort_unstable();
        checks.sort_unstable();
        assert_eq!(of_pages, checks);
    }

    #[test]
    fn a_text_without_a_word_is_not_read() {
        let page = |words: &str, sites: &str| {
            let page = format!(
                "# T\n\nm\n\n```toml rule\nkind = \"habit\"\nseverity = \"note\"\ngroup = \"habits\"\nguidance = \"g\"\n\
                 words = [{words}]\nsites = [{sites}]\npattern = 'x'\n```\n\n## Why it matters\n\nw\n\n## What to do\n\nd\n"
            );
            Arc::new(Rule::from_page("x", &page).expect("well"))
        };
        let rules = [page("\"wandb_key\"", ""), page("\"Weave\"", "\"docs\"")];
        let habits = Habits::of(rules.iter());
        for (site, text, reads) in [
            (Site::Docs, "x", false),
            (Site::Docs, "x WANDB", false),
            (Site::Docs, "x Wandb_Key", true),
            (Site::Docs, "x WEAVE", true),
            (Site::Source, "x weave", false),
        ] {
            let names: Vec<usize> = text.to_ascii_lowercase().find(NAME).into_iter().collect();
            assert_eq!(habits.any(site, text.as_bytes(), &names), reads, "{text}");
        }
    }
}
