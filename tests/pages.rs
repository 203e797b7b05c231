//! Every page keeps its word: its sections, its bad and good blocks, its row in the index.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

use std::path::Path;

use wandward::rule::{Kind, RuleSet, Severity, Site};
use wandward::scan::check_page;

#[test]
fn bad_blocks_are_found_by_their_rule_and_good_ones_by_none() {
    let rules = RuleSet::builtin().unwrap();
    let mut wrong = String::new();
    for rule in rules.iter() {
        let examples = rule.examples();
        let (bad, good) = (examples.iter().filter(|e| e.bad).count(), examples.iter().filter(|e| !e.bad).count());
        // What a block cannot say, a folder of fixtures does.
        let folder =
            rule.page.split("fixtures/transcripts/").nth(1).map(|rest| rest.split(['`', ')', '/']).next().unwrap());
        let shown = folder.is_some_and(|folder| {
            let expect =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/transcripts").join(folder).join("expect.txt");
            std::fs::read_to_string(expect).is_ok_and(|said| said.contains(&format!("[{}]", rule.id)))
        });
        // Only a server shows it, and the tests of `keys` ask one.
        let told = rule.kind == Kind::Account;
        if !told && (good == 0 || (bad == 0 && !shown)) {
            wrong.push_str(&format!("{}.md: {bad} bad and {good} good blocks\n", rule.id));
        }
        for (nth, result) in check_page(&rules, rule).unwrap().into_iter().enumerate() {
            if let Err(what) = result {
                wrong.push_str(&format!("{}.md: block {} ({}): {what}\n", rule.id, nth + 1, examples[nth].path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_page_is_told_what_it_lacks() {
    let page = "# T\n\nm\n\n```toml rule\nkind = \"habit\"\nseverity = \"note\"\ngroup = \"keys\"\nguidance = \"g\"\n```\n\n## Why it matters\n\nw\n\n## What to do\n\nd\n";
    let error = |page: &str| wandward::rule::Rule::from_page("x", page).unwrap_err().to_string();
    assert!(wandward::rule::Rule::from_page("x", page).is_ok());
    for (from, to, says) in [
        ("# T\n", "T\n", "x.md: no title in the first line"),
        ("## Why it matters", "## Why", "x.md: no section `Why it matters`"),
        ("## What to do", "## Do", "x.md: no section `What to do`"),
        ("toml rule", "toml", "x.md: no `toml rule` block"),
        ("\"habit\"", "\"exposure\"", "x.md: no `site` for an exposure"),
        ("\"habit\"", "\"exposure\"\nsite = \"ci\"\nwords = [\"w\"]", "x.md: an exposure has no `words`"),
        ("\"habit\"", "\"account\"\nsite = \"ci\"", "x.md: a rule for accounts has no `site`"),
        ("\"habit\"", "\"habit\"\nsite = \"ci\"", "x.md: a habit has no `site`"),
        ("\"habit\"", "\"habit\"\npattern = 'x'", "x.md: no `words` beside the pattern"),
        ("\"habit\"", "\"habit\"\nwords = [\"\"]", "x.md: a word must be ASCII"),
        ("\"habit\"", "\"habit\"\nwords = [\"w\"]\npattern = 'x*'", "x.md: the pattern matches where nothing is"),
        ("\"habit\"", "\"habit\"\nwords = [\"w\"]\npattern = '('", "x.md: in the pattern"),
        ("guidance", "guidanse", "x.md: in the rule block: unknown field `guidanse`"),
    ] {
        let said = error(&page.replace(from, to));
        assert!(said.starts_with(says), "{said}");
    }
}

#[test]
fn every_site_has_one_rule_and_exposures_are_errors_but_where_the_guidance_wants_the_key() {
    let rules = RuleSet::builtin().unwrap();
    let mut sites = Vec::new();
    for rule in rules.iter() {
        if let Kind::Exposure(site) = rule.kind {
            assert!(!sites.contains(&site), "two rules speak for {site:?}");
            let wanted = if site == Site::Environ { Severity::Note } else { Severity::Error };
            assert_eq!(rule.severity, wanted, "{}", rule.id);
            sites.push(site);
        }
    }
    assert_eq!(sites.len(), 22);
}

#[test]
fn the_index_names_every_rule_with_its_severity() {
    let index = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/README.md");
    let index = std::fs::read_to_string(index).unwrap();
    for rule in RuleSet::builtin().unwrap().iter() {
        let row = index.lines().find(|line| line.contains(&format!("({}.md)", rule.id)));
        let row = row.unwrap_or_else(|| panic!("rules/README.md has no row for {}", rule.id));
        assert!(row.contains(rule.severity.name()), "{row}");
    }
}
