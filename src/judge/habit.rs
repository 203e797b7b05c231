//! Guidance broken without a key in sight. In: a text whose words are known, and the rules that name them. Out: the points
//! that a pattern of a page, or the check that is called like its rule, would say something of.

mod call;
mod ci_without_entity;
pub(super) mod cut_off_key;
mod identity_token;
mod inline_environment;
mod key_as_argument;
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
mod shell;
mod unread_name;
mod value;
pub(super) mod webhook;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder};

#[cfg(test)]
use super::project;
use crate::finding::Confidence;
use crate::policy::Policy;
use crate::rule::{Kind, Rule, RuleSet, Severity, Site};
use passage::Passage;

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
    /// Finds one of its words; without one, every text is read.
    words: Option<Regex>,
    /// Whether each of its words names W&B, so that a text that does not cannot hold one.
    names_wandb: bool,
}

/// The habit rules that may speak.
pub(super) struct Habits {
    habits: Vec<Habit>,
    /// For each kind of place, all the words that do not name W&B.
    other_words: Vec<(Site, Option<Regex>)>,
}

/// The name of W&B, as the survey of a text looks for it.
const NAME: &str = "wandb";

impl Habits {
    /// The habits among the rules that were selected.
    pub(super) fn new(rules: &RuleSet, policy: &Policy) -> Habits {
        let chosen = rules.iter().filter(|rule| rule.kind == Kind::Habit && policy.selects(rule));
        let habits: Vec<Habit> = chosen.filter_map(Habit::new).collect();
        let other_words = Site::ALL.into_iter().map(|site| {
            let speaks = habits.iter().filter(|habit| habit.rule.scope.holds(site));
            let words = speaks.flat_map(|habit| &habit.rule.scope.words);
            (site, any_of(words.filter(|word| !word.contains(NAME))))
        });
        let other_words = other_words.collect();
        Habits { habits, other_words }
    }

    /// The rules that have something to read in a text from that kind of place, of which it is known whether it names W&B.
    fn reading<'h, 't>(
        &'h self,
        site: Site,
        text: &'t [u8],
        names_wandb: bool,
    ) -> impl Iterator<Item = &'h Habit> + use<'h, 't> {
        let other = || {
            let words = self.other_words.iter().find(|(other, _)| *other == site).and_then(|(_, words)| words.as_ref());
            words.is_some_and(|words| words.is_match(text))
        };
        let words = names_wandb || other();
        self.habits.iter().filter(move |habit| {
            habit.rule.scope.holds(site)
                && match &habit.words {
                    None => true,
                    Some(_) if !words || (habit.names_wandb && !names_wandb) => false,
                    Some(words) => words.is_match(text),
                }
        })
    }

    /// Whether any rule has something to read in the text, whatever kind of place it comes from.
    pub(super) fn any_somewhere(&self, text: &[u8], names_wandb: bool) -> bool {
        Site::ALL.into_iter().any(|site| self.any(site, text, names_wandb))
    }

    /// Whether any rule has something to read in the text.
    pub(super) fn any(&self, site: Site, text: &[u8], names_wandb: bool) -> bool {
        self.reading(site, text, names_wandb).next().is_some()
    }

    /// What the rules say of a passage, the worst first; of points that lie in one another the first alone.
    pub(super) fn points(&self, passage: &Passage<'_>, names_wandb: bool) -> Vec<(&Arc<Rule>, Point)> {
        let mut points: Vec<(&Arc<Rule>, Point)> = Vec::new();
        for habit in self.reading(passage.site, passage.text, names_wandb) {
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
    fn new(rule: &Arc<Rule>) -> Option<Habit> {
        let check = || CHECKS.iter().find(|(id, _)| *id == rule.id).map(|(_, check)| Looks::Check(*check));
        let looks = rule.scope.pattern.clone().map(Looks::Pattern).or_else(check)?;
        let words = any_of(rule.scope.words.iter());
        let names_wandb = rule.scope.words.iter().all(|word| word.contains(NAME));
        Some(Habit { rule: Arc::clone(rule), looks, words, names_wandb })
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
            Habit::new(&Arc::new(Rule::from_page("x", &page).expect("well")))
        };
        let habits = vec![page("\"wandb_key\"", ""), page("\"Weave\"", "\"docs\"")];
        let habits: Vec<Habit> = habits.into_iter().flatten().collect();
        let other_words = vec![(Site::Docs, any_of([&"weave".to_owned()].into_iter()))];
        let habits = Habits { habits, other_words };
        for (site, text, reads) in [
            (Site::Docs, "x", false),
            (Site::Docs, "x WANDB", false),
            (Site::Docs, "x Wandb_Key", true),
            (Site::Docs, "x WEAVE", true),
            (Site::Source, "x weave", false),
        ] {
            let names_wandb = text.to_ascii_lowercase().contains("wandb");
            assert_eq!(habits.any(site, text.as_bytes(), names_wandb), reads, "{text}");
        }
    }
}
