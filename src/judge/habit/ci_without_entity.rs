//! A pipeline that has the key and does not say for whom its runs are: a service account has no entity of its own to fall back
//! on. In: the definitions of pipelines. Out: where the key is first named.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::Point;
use super::call;
use super::passage::Passage;

static KEY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?-u)\bWANDB_API_KEY\b["']?(?:\s*[:=]|\s*\}\})"#).ok());
static SAYS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i-u)WANDB_ENTITY|WANDB_USERNAME|WANDB_USER_EMAIL|entity|WANDB_MODE\W+(?:offline|disabled|dryrun)|WANDB_DISABLED").ok()
});

/// What is worth knowing.
pub(super) fn check(passage: &Passage<'_>) -> Vec<Point> {
    let (Some(key), Some(says)) = (KEY.as_ref(), SAYS.as_ref()) else { return Vec::new() };
    if !passage.whole || says.is_match(passage.text) {
        return Vec::new();
    }
    let first = key.find_iter(passage.text).find(|found| !call::in_comment(passage.text, found.start()));
    // Beside an exposed key this is a small matter.
    let point = |at: usize| Point { about: 0..passage.text.len(), ..Point::new(at..at + b"WANDB_API_KEY".len()) };
    first.map(|found| point(found.start())).into_iter().collect()
}
