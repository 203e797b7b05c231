//! What is said of all of a file, and of several together, beside what stands on their lines. In: files that are called as
//! those in which credentials are kept; keys, names and runs as they are met. Out: findings about a file, and at the end
//! those that need several.

use std::ops::Range;
use std::sync::{Arc, PoisonError};

use crate::blob::{Before, Kind, Origin, Standing, Text};
use crate::finding::{Finding, Key, Remedy};
use crate::rule::{self, Rule, Severity, Site};

use super::habit::passage::{self, Passage};
use super::habit::webhook;
use super::keeper::{Holds, Keeper, Lies, is_wide, run_folder};
use super::project::{self, Environment, Project, Said};
use super::{Cursor, Judge, Opinion};

/// What is known of a file beside its bytes.
pub type WhereItLies<'a> = &'a (dyn Fn(&Origin) -> Lies + Sync);

impl<'a> Judge<'a> {
    /// The same, who is told where files lie: what git makes of them, and whether it is a home.
    pub fn told(self, lies: WhereItLies<'a>) -> Judge<'a> {
        Judge { lies: Some(lies), ..self }
    }

    pub(super) fn rule(&self, id: &str) -> Option<&Arc<Rule>> {
        self.habits.as_ref()?;
        self.rules.get(id).filter(|rule| self.policy.selects(rule))
    }

    /// What is said of a file as a whole, given its first text and what was said of its lines. `mode` is that of the file,
    /// where the system has modes.
    pub fn file(&self, origin: &Origin, text: &Text<'_>, mode: Option<u32>, opinions: &mut Vec<Opinion>) {
        if self.habits.is_none() || self.policy.wanted.is_some() || !passage::may_be_told(origin) {
            return;
        }
        if run_folder(&origin.path).is_some() {
            self.project.lock().unwrap_or_else(PoisonError::into_inner).run(origin);
        }
        let Some(keeper) = Keeper::of(origin) else { return };
        let lies = match (origin.kind, self.lies) {
            (Kind::Staged | Kind::Blob, _) => Lies { standing: Standing::Tracked, home: false },
            (_, Some(lies)) => lies(origin),
            (_, None) => return,
        };
        let apart = lies.standing == Standing::Outside;
        let closed = apart && mode.is_some_and(|mode| !is_wide(mode));
        let has_key = opinions.iter().filter_map(Opinion::finding).any(|finding| finding.key.is_some());
        if keeper == Keeper::Netrc && closed {
            soften(opinions);
        }
        let holds = keeper.holds(text.bytes).max(if has_key { Holds::Credential } else { Holds::Nothing });
        self.tracked(origin, text, lies.standing, holds, opinions);
        let wide = mode.filter(|mode| apart && lies.home && is_wide(*mode) && holds == Holds::Credential);
        if let Some((mode, rule)) = wide.zip(self.rule(project::WIDE)) {
            let evidence = format!("its mode is {:04o}, so others than you may read it", mode & 0o7777);
            let finding = project::whole_file(rule, origin, evidence, rule.severity);
            let finding = Finding { remedy: Some(Remedy::Close), ..finding };
            self.permit(finding, text, &(0..0), opinions);
        }
    }

    /// Says that git has a file of credentials, or would take it.
    fn tracked(&self, origin: &Origin, text: &Text<'_>, standing: Standing, holds: Holds, opinions: &mut Vec<Opinion>) {
        let git = match standing {
            Standing::Tracked if origin.kind == Kind::Staged => "the next commit takes this file",
            Standing::Tracked => "git has this file",
            Standing::Untracked => "nothing keeps `git add` from taking this file",
            Standing::Outside | Standing::Unknown | Standing::Ignored => return,
        };
        let (what, severity) = match holds {
            Holds::Nothing => return,
            Holds::Settings => ("it holds settings of W&B", Severity::Note),
            Holds::Name => ("it is where a key of W&B is to be filled in", Severity::Warning),
            Holds::Credential => ("it holds a credential", Severity::Warning),
        };
        if let Some(rule) = self.rule(project::TRACKED) {
            let remedy = if standing == Standing::Untracked { Remedy::Ignore } else { Remedy::Untrack };
            let finding = project::whole_file(rule, origin, format!("{git}, and {what}"), severity);
            let finding = Finding { remedy: Some(remedy), ..finding };
            self.permit(finding, text, &(0..0), opinions);
        }
    }

    /// Remembers a key, for what its other places say of it.
    pub(super) fn remember_key(&self, text: &Text<'_>, point: &Range<usize>, key: &Key, finding: &Finding) {
        let Some(rule) = self.rule(project::SAME_KEY) else { return };
        let Some(environment) = Environment::of(&finding.origin) else { return };
        let finding = Finding {
            rule: Arc::clone(rule),
            severity: rule.severity,
            evidence: String::new(),
            key: None,
            ..finding.clone()
        };
        let mut opinions = Vec::new();
        self.permit(finding, text, point, &mut opinions);
        if let Some(opinion) = opinions.pop() {
            let mut project = self.project.lock().unwrap_or_else(PoisonError::into_inner);
            project.key(&key.fingerprint, environment, Said { opinion, piece: text.before.bytes });
        }
    }

    /// Remembers the secrets that a passage uses in webhooks, and those that it declares.
    pub(super) fn remember_secrets(&self, text: &Text<'_>, passage: &Passage<'_>, cursor: &mut Cursor) {
        let Some(rule) = self.rule(project::DANGLING).filter(|rule| rule.scope.holds(passage.site)) else { return };
        let used = webhook::secrets_used(passage);
        let declared = webhook::secrets_declared(passage);
        if used.is_empty() && declared.is_empty() {
            return;
        }
        let mut project = self.project.lock().unwrap_or_else(PoisonError::into_inner);
        for (span, name) in used {
            let finding = self.finding(passage.origin, text, rule, &span, None, cursor);
            let evidence = "no secret of this name is declared beside it".to_owned();
            let mut opinions = Vec::new();
            self.permit(Finding { evidence, ..finding }, text, &span, &mut opinions);
            let said = opinions.pop().map(|opinion| Said { opinion, piece: text.before.bytes });
            said.into_iter().for_each(|said| project.used(passage.origin, name.clone(), said));
        }
        project.declared(passage.origin, declared);
    }

    /// Counts what is remembered of a source from its beginning; see [`Project::recount`].
    pub fn recount(&self, origin: &Origin, ahead: &dyn Fn(u64) -> Before) {
        self.project.lock().unwrap_or_else(PoisonError::into_inner).recount(origin, ahead);
    }

    /// What only several files say together; asked once, when all of them are read.
    pub fn together(&self) -> Vec<Opinion> {
        let project = std::mem::take(&mut *self.project.lock().unwrap_or_else(PoisonError::into_inner));
        let standing = |origin: &Origin| self.lies.map_or(Standing::Unknown, |lies| lies(origin).standing);
        Project::opinions(project, self.rule(project::TRACKED), &standing)
    }
}

/// Makes notes of what is said of keys where W&B itself puts them, closed to everybody else.
fn soften(opinions: &mut [Opinion]) {
    let findings = opinions.iter_mut().filter_map(Opinion::finding_mut);
    for finding in findings.filter(|finding| finding.rule.kind == rule::Kind::Exposure(Site::Netrc)) {
        finding.severity = finding.severity.min(Severity::Note);
        finding.evidence.push_str("; the file is closed to others, as `wandb login` leaves it");
    }
}
