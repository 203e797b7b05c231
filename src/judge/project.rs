//! What only several files say together. In: small facts, as files are judged, and never their bytes. Out: once, at the
//! end, the findings that follow from them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::blob::{Before, Kind, Origin, Standing};
use crate::finding::{Confidence, Finding, Remedy, Snippet};
use crate::rule::{Rule, Severity};
use crate::secret::Fingerprint;

use super::{Opinion, keeper};

/// The same key serves several environments.
pub(super) const SAME_KEY: &str = "same-key-in-environments";
/// A webhook refers to a secret that is not declared.
pub(super) const DANGLING: &str = "dangling-secret";
/// git has, or would take, a file in which credentials are kept.
pub(super) const TRACKED: &str = "tracked-credentials";
/// Others may read a file in which credentials are kept.
pub(super) const WIDE: &str = "wide-mode";

/// The most facts of each kind: beyond them a scan says less, but remembers no more.
const MOST: usize = 100_000;

/// The facts so far.
#[derive(Default)]
pub(super) struct Project {
    /// Keys in files of an environment: by fingerprint, what would be said at each place.
    keys: BTreeMap<String, Vec<(Environment, Said)>>,
    /// Secrets that webhooks refer to: the folder, the name, what would be said there.
    used: Vec<(Vec<u8>, String, Said)>,
    /// Secrets that are declared, by folder.
    declared: BTreeMap<Vec<u8>, BTreeSet<String>>,
    /// Runs, by the `wandb` folder that holds them, each with the first of its files.
    runs: BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, Origin>>,
    held: usize,
}

/// What would be said at a place.
pub(super) struct Said {
    pub(super) opinion: Opinion,
    /// Where in its source the piece begins that showed it, in bytes: its lines may count from there.
    pub(super) piece: u64,
}

/// What a key is for, as the path of a file tells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Environment {
    /// Development, staging, production.
    Stage(&'static str),
    /// A CI system.
    Ci(&'static str),
}

impl Environment {
    /// The environment that a path names; the last word that names one decides.
    pub(super) fn of(origin: &Origin) -> Option<Environment> {
        const CI: [(&str, &str); 9] = [
            (".github/workflows/", "GitHub Actions"),
            (".gitlab-ci", "GitLab CI"),
            (".circleci/", "CircleCI"),
            ("jenkinsfile", "Jenkins"),
            ("azure-pipelines", "Azure Pipelines"),
            ("bitbucket-pipelines", "Bitbucket Pipelines"),
            (".buildkite/", "Buildkite"),
            (".travis.yml", "Travis CI"),
            (".drone.yml", "Drone"),
        ];
        const STAGES: [(&str, &[&str]); 3] = [
            ("development", &["dev", "develop", "development"]),
            ("staging", &["staging", "stage", "stg", "preprod", "uat"]),
            ("production", &["prod", "production", "prd"]),
        ];
        if !origin.inner.is_empty() || !matches!(origin.kind, Kind::File | Kind::Staged) {
            return None;
        }
        let path = String::from_utf8_lossy(&origin.path).to_ascii_lowercase();
        let words = path.split(|c: char| !c.is_ascii_alphanumeric()).rev();
        let stage = words.into_iter().find_map(|word| {
            STAGES.iter().find(|(_, words)| words.contains(&word)).map(|(stage, _)| Environment::Stage(stage))
        });
        stage.or_else(|| CI.iter().find(|(part, _)| path.contains(part)).map(|(_, ci)| Environment::Ci(ci)))
    }

    fn name(&self) -> &'static str {
        match self {
            Environment::Stage(name) | Environment::Ci(name) => name,
        }
    }
}

impl Project {
    /// Whether there is no fact yet.
    pub(super) fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// Remembers a key in a file of an environment, and what would be said of it.
    pub(super) fn key(&mut self, fingerprint: &Fingerprint, environment: Environment, said: Said) {
        if self.room() {
            self.keys.entry(fingerprint.as_str().to_owned()).or_default().push((environment, said));
        }
    }

    /// Remembers a secret that a webhook refers to.
    pub(super) fn used(&mut self, origin: &Origin, name: String, said: Said) {
        if self.room() {
            self.used.push((folder(origin), name, said));
        }
    }

    /// Counts the places in a source from its beginning that count from somewhere else: `ahead` tells of the beginning of a
    /// piece what lies before that.
    pub(super) fn recount(&mut self, origin: &Origin, ahead: &dyn Fn(u64) -> Before) {
        let keys = self.keys.values_mut().flatten().map(|(_, said)| said);
        for Said { opinion, piece } in keys.chain(self.used.iter_mut().map(|(.., said)| said)) {
            if let Some(finding) = opinion.finding_mut().filter(|finding| finding.origin == *origin) {
                finding.place = finding.place.map(|place| ahead(*piece).place(place));
            }
        }
    }

    /// Remembers secrets that are declared.
    pub(super) fn declared(&mut self, origin: &Origin, names: impl IntoIterator<Item = String>) {
        let names: Vec<String> = names.into_iter().collect();
        if !names.is_empty() && self.room() {
            self.declared.entry(folder(origin)).or_default().extend(names);
        }
    }

    /// Remembers a file of a run.
    pub(super) fn run(&mut self, origin: &Origin) {
        let Some((folder, run)) = keeper::run_folder(&origin.path) else { return };
        let known = self.runs.get(folder).and_then(|runs| runs.get(run));
        if known.is_none_or(|first| *origin < *first) && (known.is_some() || self.room()) {
            self.runs.entry(folder.to_owned()).or_default().insert(run.to_owned(), origin.clone());
        }
    }

    fn room(&mut self) -> bool {
        self.held += 1;
        self.held <= MOST
    }

    /// What follows from the facts. `standing` tells what git makes of a file; `tracked` is the rule that speaks of runs, if
    /// it may.
    pub(super) fn opinions(self, tracked: Option<&Arc<Rule>>, standing: &dyn Fn(&Origin) -> Standing) -> Vec<Opinion> {
        let mut opinions: Vec<Opinion> = self.keys.into_values().filter_map(same_key).collect();
        for (folder, name, said) in self.used {
            let declared = self.declared.get(&folder);
            if declared.is_some_and(|names| !names.contains(&name)) {
                opinions.push(said.opinion);
            }
        }
        if let Some(rule) = tracked {
            opinions.extend(self.runs.into_iter().filter_map(|(folder, runs)| runs_in(rule, folder, runs, standing)));
        }
        opinions
    }
}

/// What is said of one key's places, if they belong to several environments.
fn same_key(places: Vec<(Environment, Said)>) -> Option<Opinion> {
    let places = places.into_iter().map(|(environment, said)| (environment, said.opinion));
    let mut places: Vec<(Environment, Opinion)> = places.collect();
    places.sort_by(|(_, one), (_, other)| place(one).cmp(&place(other)));
    let stages: BTreeSet<&Environment> = places.iter().map(|(environment, _)| environment).collect();
    let kinds = |stage: bool| stages.iter().filter(|e| matches!(e, Environment::Stage(_)) == stage).count();
    if kinds(true) < 2 && kinds(false) < 2 {
        return None;
    }
    let mut others: Vec<String> = Vec::new();
    let mut named = BTreeSet::from([&places[0].0]);
    for (environment, opinion) in &places {
        if let Some(finding) = opinion.finding().filter(|_| named.insert(environment)) {
            others.push(format!("{} (`{}`)", environment.name(), finding.origin.display_path()));
        }
    }
    let said = format!("the same key serves {} here and {}", places[0].0.name(), others.join(" and "));
    let mut opinion = places.swap_remove(0).1;
    opinion.finding_mut()?.evidence = said;
    Some(opinion)
}

fn place(opinion: &Opinion) -> Option<(&Origin, u64)> {
    opinion.finding().map(|finding| (&finding.origin, finding.span.start))
}

/// What is said of a folder of runs, if git has any of them, or would take one.
fn runs_in(
    rule: &Arc<Rule>,
    folder: Vec<u8>,
    runs: BTreeMap<Vec<u8>, Origin>,
    standing: &dyn Fn(&Origin) -> Standing,
) -> Option<Opinion> {
    let mut all = runs.iter().map(|(run, file)| {
        let own = match file.kind {
            Kind::File => standing(&Origin::new(Kind::File, run.clone())),
            _ => Standing::Tracked,
        };
        // What of a run git would take, its files say.
        if own == Standing::Untracked { (standing(file), file) } else { (own, file) }
    });
    let first = all.find(|(standing, _)| matches!(standing, Standing::Tracked | Standing::Untracked));
    let (standing, file) = first?;
    let (what, remedy) = match standing {
        Standing::Tracked => ("git has runs of W&B in it", Remedy::Untrack),
        _ => ("runs of W&B lie in it, and git ignores them not", Remedy::Ignore),
    };
    let origin = Origin { path: folder, ..file.clone() };
    let finding = whole_file(rule, &origin, what.to_owned(), rule.severity);
    Some(Opinion::Finding(Box::new(Finding { remedy: Some(remedy), ..finding })))
}

/// A finding about all of a file, or of a folder: it has no line.
pub(super) fn whole_file(rule: &Arc<Rule>, origin: &Origin, evidence: String, severity: Severity) -> Finding {
    Finding {
        id: String::new(),
        rule: Arc::clone(rule),
        severity: severity.min(rule.severity),
        confidence: Confidence::High,
        evidence,
        origin: origin.clone(),
        place: None,
        cell: None,
        line_hash: None,
        span: 0..0,
        key: None,
        snippet: Snippet::default(),
        line_digest: String::new(),
        ordinal: 0,
        remedy: None,
    }
}

fn folder(origin: &Origin) -> Vec<u8> {
    let path = &origin.path;
    memchr::memrchr(b'/', path).map_or_else(Vec::new, |slash| path[..slash].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_environments() {
        for (path, name) in [
            ("deploy/prod/app.env", Some("production")),
            ("prod/values-dev.yaml", Some("development")),
            (".github/workflows/train.yml", Some("GitHub Actions")),
            (".gitlab-ci.yml", Some("GitLab CI")),
            ("config/product.yaml", None),
            ("src/device/stage_two.py", Some("staging")),
            ("devices/train.py", None),
        ] {
            let environment = Environment::of(&Origin::new(Kind::File, path));
            assert_eq!(environment.map(|environment| environment.name()), name, "{path}");
        }
    }
}
