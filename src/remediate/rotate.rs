//! A new key in the place of an old one, in the order that the guidance gives: made, handed over, proved, and only then the old one
//! deleted. In: a plan for the old key, a name, a destination. Out: what was done. The new key is held here until it is handed
//! over and proved, and shown nowhere.

use std::io;

use serde_json::{Value, json};

use super::account;
use super::answer::{Said, read, shown};
use super::audit::{About, Audit, BEGUN, Step};
use super::handover::Destination;
use super::operations::{GENERATE, body};
use super::plan::Deletion;
use super::transport::{Client, Kind};
use super::verify::ask;
use crate::detect;
use crate::finding::{Asked, Key, Liveness};
use crate::secret::{Kept, Secret};

/// What became of the new key.
pub struct Made {
    /// The new key, if there is one; as much as may be said of it.
    pub key: Option<Key>,
    /// What was done, in order: the step, what it came to, and why.
    pub steps: Vec<(Step, String, String)>,
    /// What the server says of it, if it was handed over.
    pub proof: Option<Asked>,
    /// What exists and what to do, if it went wrong.
    pub trouble: Option<String>,
}

/// Makes a key with the old one's authority, hands it over, and asks whether the server takes it.
pub fn make(
    client: &Client,
    old: (&Key, &Secret<'_>),
    deletion: &Deletion,
    name: &str,
    to: &Destination,
    audit: &mut Audit,
) -> io::Result<Made> {
    let (old_key, old_secret) = old;
    let server = &deletion.server;
    let settings = server.settings();
    let about = About { key: old_key, server: &server.base, node: None };
    audit.note(&about, Step::Create, BEGUN, &format!("a key named {name:?} in the place of this one"))?;
    let mut made = Made { key: None, steps: Vec::new(), proof: None, trouble: None };
    let new = match generate(client, deletion, old_secret, name) {
        Ok(new) => new,
        Err(reason) => {
            // What went wrong is told in any case.
            let _ = audit.note(&about, Step::Create, "failed", &reason);
            made.steps.push((Step::Create, "failed".to_owned(), reason.clone()));
            let exists = left_over(client, deletion, old_secret, name);
            made.trouble = Some(match exists {
                Some(id) => format!(
                    "no new key came back ({reason}), but the account has one of that name, {id}: delete it at {settings}. The old key is as it was"
                ),
                None => format!("there is no new key ({reason}); the old one is as it was"),
            });
            return Ok(made);
        }
    };
    let secret = new.secret();
    let key = Key::from(&secret);
    let about = About { key: &key, server: &server.base, node: None };
    made.key = Some(key.clone());
    let in_hand =
        format!("a new key {} exists, and its text is lost: delete it at {settings}. The old key is as it was", key.id);
    made.steps.push((Step::Create, "accepted".to_owned(), String::new()));
    // From here on the key is to get to its place, whether or not that can be written down.
    let mut noted = audit.note(&about, Step::Create, "accepted", "");
    match to.take(server, &secret) {
        Ok(said) => {
            noted = noted.and(audit.note(&about, Step::HandOver, "done", &to.phrase()));
            made.steps.push((Step::HandOver, "done".to_owned(), said));
        }
        Err(error) => {
            let reason = format!("{}: {error}", to.phrase());
            // What went wrong is told in any case.
            let _ = audit.note(&about, Step::HandOver, "failed", &reason);
            made.steps.push((Step::HandOver, "failed".to_owned(), reason.clone()));
            made.trouble = Some(format!("it could not be handed over ({reason}); {in_hand}"));
            return Ok(made);
        }
    }
    let proof = ask(client, server, &secret);
    noted = noted.and(audit.note(&about, Step::Proof, proof.liveness.name(), &proof.reason));
    made.steps.push((Step::Proof, proof.liveness.name().to_owned(), proof.reason.clone()));
    let same = proof.owner.as_ref().map(|owner| &owner.user) == Some(&deletion.owner.user);
    let why = match &noted {
        Err(error) => Some(format!("the audit record cannot be written any more ({error})")),
        Ok(()) if proof.liveness != Liveness::Live => {
            Some(format!("the server does not vouch for it: {}", proof.reason))
        }
        Ok(()) if !same => Some("the server does not vouch for it: it belongs to another user".to_owned()),
        Ok(()) => None,
    };
    made.trouble =
        why.map(|why| format!("{} has the new key {}, but {why}; the old key is as it was", to.phrase(), key.id));
    made.proof = Some(proof);
    Ok(made)
}

/// Asks for a new key, once: that a server does not understand the question is the one answer after which it may be asked in other
/// words, for then nothing was done.
fn generate(client: &Client, deletion: &Deletion, asker: &Secret<'_>, name: &str) -> Result<Kept, String> {
    let mut last = String::new();
    for text in GENERATE {
        let question = body(text, json!({"description": name}));
        let answer = client.post(&deletion.server, asker, &question, Kind::Mutation, false)?;
        match read(answer, asker) {
            // A key that was made is worth more than what went wrong beside it.
            Said::Data(data) | Said::Partly(data, _) => {
                let result = data.get("result").or_else(|| data.get("generateApiKey")).cloned().unwrap_or_default();
                let name = result.get("apiKey").and_then(|key| key.get("name"));
                let texts = [result.get("secretApiKey"), name].into_iter().flatten().filter_map(Value::as_str);
                let mut secrets =
                    texts.filter_map(|text| detect::credential(text.as_bytes()).map(|secret| Kept::of(&secret)));
                return secrets.next().ok_or_else(|| "the server made a key and did not tell it".to_owned());
            }
            Said::Unauthorized => return Err("the server does not take the old key".to_owned()),
            Said::UnknownField(reason) => last = reason,
            Said::Other(reason) => return Err(reason),
        }
    }
    Err(format!("the server does not understand the question: {last}"))
}

/// The id of a key of that name, where one may have been made without an answer.
fn left_over(client: &Client, deletion: &Deletion, asker: &Secret<'_>, name: &str) -> Option<String> {
    let account = account::list(client, &deletion.server, asker).ok()?;
    let name = shown(name, asker);
    let key = account.keys.into_iter().find(|key| key.description.as_deref() == Some(&name) && !key.is(asker))?;
    Some(key.id())
}
