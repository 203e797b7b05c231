//! Where what is known to be clean is kept, and for what it holds. In: the environment, rules, what is to be scanned. Out: a
//! cache, or none: without a folder of the user's, or where certain keys are looked for.

use std::path::PathBuf;

use super::environment;
use wandward::cache::{self, Cache};
use wandward::policy::Policy;
use wandward::rule::RuleSet;
use wandward::scan::Input;

/// The cache of a scan of history.
pub(crate) fn of(rules: &RuleSet, policy: &Policy, inputs: &[Input<'_>]) -> Option<Cache> {
    let tree = inputs.iter().find_map(|input| match input {
        Input::History(tree) => Some(tree),
        _ => None,
    })?;
    let folder = folder().filter(|_| policy.wanted.is_none())?;
    let most = tree.max_file_size.map_or_else(String::new, |most| most.to_string());
    // Not the version alone: what is built between two versions may judge otherwise.
    let program = [env!("CARGO_PKG_VERSION"), env!("WANDWARD_SOURCES"), &most];
    let pages = rules.iter().flat_map(|rule| [rule.id.as_bytes(), rule.page.as_bytes()]);
    let key = cache::digest(program.iter().map(|part| part.as_bytes()).chain(pages));
    Some(Cache::new(folder, key))
}

/// The folder of this program among the user's caches, as each system has it.
fn folder() -> Option<PathBuf> {
    let absolute = |name| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = || match () {
        () if cfg!(windows) => absolute("LOCALAPPDATA"),
        () if cfg!(target_os = "macos") => absolute("HOME").map(|home| home.join("Library/Caches")),
        () => absolute("HOME").map(|home| home.join(".cache")),
    };
    Some(absolute("XDG_CACHE_HOME").or_else(caches)?.join("wandward"))
}
