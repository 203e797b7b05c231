//! Where a W&B server keeps the secrets of its teams. In: settings of the server. Out: stores that W&B advises against, and
//! stores that the server does not know. The schemes are those of the server's configuration: `aws-secretmanager`,
//! `gcp-secretmanager`, `az-secretmanager`, `k8s-secretmanager`, `noop`.

use super::passage::Passage;
use super::setting::{Setting, settings};
use super::{Point, Severity};

/// The variables that name the store.
const NAMES: [&str; 2] = ["GORILLA_CUSTOMER_SECRET_STORE_SOURCE", "GORILLA_SECRET_STORE_SOURCE"];
const CLOUD: [&str; 3] = ["aws-secretmanager", "gcp-secretmanager", "az-secretmanager"];
const KUBERNETES: &str = "k8s-secretmanager";
const NONE: &str = "noop";

/// Says where the store is a Kubernetes cluster.
pub(super) fn in_kubernetes(passage: &Passage<'_>) -> Vec<Point> {
    let stores = stores(passage).into_iter().filter(|(scheme, _)| scheme == KUBERNETES);
    stores.map(|(_, setting)| point(&setting, "the store is a Kubernetes cluster")).collect()
}

/// Says where the server will refuse the store, or has none.
pub(super) fn unusable(passage: &Passage<'_>) -> Vec<Point> {
    let said = |(scheme, setting): (String, Setting<'_>)| match scheme.as_str() {
        NONE => {
            let point = point(&setting, "`noop` switches the Secret Manager off");
            Some(Point { severity: Some(Severity::Note), ..point })
        }
        scheme if scheme == KUBERNETES || CLOUD.contains(&scheme) => None,
        _ => Some(point(&setting, "the server knows no store of this scheme")),
    };
    stores(passage).into_iter().filter_map(said).collect()
}

/// The schemes that are set, without those that somebody else fills in.
fn stores<'p>(passage: &Passage<'p>) -> Vec<(String, Setting<'p>)> {
    let all = NAMES.iter().flat_map(|name| settings(passage.text, name));
    let known = all.filter_map(|setting| {
        let value = String::from_utf8_lossy(setting.value).into_owned();
        let scheme = value.split_once("://").map_or(value.as_str(), |(scheme, _)| scheme).trim();
        let plain = !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        // A word alone is a name in a program more often than a value.
        (plain && value.contains("://")).then(|| (scheme.to_owned(), setting))
    });
    known.collect()
}

fn point(setting: &Setting<'_>, evidence: &str) -> Point {
    Point {
        about: setting.name.start.min(setting.span.start)..setting.span.end,
        evidence: evidence.to_owned(),
        ..Point::new(setting.span.clone())
    }
}
