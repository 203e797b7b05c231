//! What is left to do once keys are dead. In: an outcome whose keys were asked about. Out: lines for people, as commands where one
//! does it.

use crate::blob::Kind;
use crate::finding::{Finding, Liveness, Outcome};

/// How many files are named.
const NAMED: usize = 3;

/// What is left to do about the keys of an outcome, if any is dead or alive. `mendable` are the files that `scan --fix` takes keys
/// out of.
pub fn aftermath(outcome: &Outcome, mendable: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    let places: Vec<&Finding> = outcome.keys().into_iter().flat_map(|(_, places)| places).collect();
    let any = |test: &dyn Fn(&Finding) -> bool| places.iter().any(|place| test(place));
    let asked = outcome.asked.values().flatten();
    if asked.clone().any(|asked| asked.liveness == Liveness::Live) {
        lines.push("Keys still live: delete them in the settings of their accounts, now.".to_owned());
    }
    if any(&|place| matches!(place.origin.kind, Kind::File | Kind::Staged)) {
        lines.push("Remove the dead keys from the files above; `wandward scan` is to find nothing more.".to_owned());
    }
    if !mendable.is_empty() {
        let more = mendable.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let named = mendable.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        lines.push(format!("  `wandward scan --fix` does it in {named}{more}; `wandward scan --diff` shows it first."));
    }
    if any(&|place| place.origin.held.as_ref().is_some_and(|held| held.object.is_some())) {
        lines.push(
            "They stay in git's history. Dead keys do no harm there; to remove them all the same, rewrite it:"
                .to_owned(),
        );
        lines.push(
            "  wandward revoke --filter-repo FOLDER writes what git-filter-repo needs, by fingerprints.".to_owned(),
        );
    }
    if any(&super::breaks) {
        lines.push(
            "Give what used them new keys, each with a name that says what it is for: `wandward rotate`.".to_owned(),
        );
    }
    if !places.is_empty() {
        lines.push(
            "Tell W&B: support@wandb.com, or your AI solutions engineer; and look at the account's runs and audit log."
                .to_owned(),
        );
    }
    lines
}
