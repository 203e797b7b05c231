//! What was done to a key: planned, deleted, proved, made, handed over. In: a key and what came of it. Out: an entry of `steps`,
//! and a line for people. It holds no key.

use serde::{Deserialize, Serialize};

use super::model::More;
use crate::finding::{Key, visible};

/// A step, in the words of the audit record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub(super) id: String,
    pub(super) fingerprint: String,
    pub(super) server: Option<String>,
    pub(super) step: String,
    pub(super) result: String,
    #[serde(default)]
    pub(super) reason: String,
    #[serde(flatten)]
    pub(super) more: More,
}

impl Step {
    /// A step of a key at a server.
    pub fn new(key: &Key, server: Option<&str>, step: &str, result: &str, reason: &str) -> Step {
        Step::of(key.id.as_str(), key.fingerprint.as_str(), server, step, result, reason)
    }

    /// Likewise, of a key of which only the id and the fingerprint are known.
    pub fn of(id: &str, fingerprint: &str, server: Option<&str>, step: &str, result: &str, reason: &str) -> Step {
        Step {
            id: id.to_owned(),
            fingerprint: fingerprint.to_owned(),
            server: server.map(str::to_owned),
            step: step.to_owned(),
            result: result.to_owned(),
            reason: reason.to_owned(),
            more: More::new(),
        }
    }

    /// The server, for people.
    pub(super) fn at(&self) -> &str {
        self.server.as_deref().unwrap_or("no known server")
    }

    /// `delete: accepted: wandb_v1_abc at https://api.wandb.ai`, and why.
    pub(super) fn said(&self) -> String {
        let why = if self.reason.is_empty() { String::new() } else { format!(": {}", self.reason) };
        visible(&format!("{}: {}: {} at {}{why}", self.step, self.result, self.id, self.at())).into_owned()
    }
}
