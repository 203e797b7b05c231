//! The end of a key: written down, asked for once, proved by asking with the key itself. In: a plan, confirmed. Out: what each
//! step came to. A deletion is never asked for twice: whether one that got no answer was done, only asking tells.

use std::io;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::account::Trouble;
use super::answer::{Said, read};
use super::audit::{About, Audit, BEGUN, Record, Step};
use super::operations::{DELETE, body};
use super::plan::{Deletion, With};
use super::server::{Choice, Named, Rules, Server};
use super::transport::{Client, Kind};
use super::verify::ask;
use crate::finding::{Asked, Key, Liveness, Outcome};
use crate::secret::{Keyring, Secret};

/// How often a server that said that it deleted a key is asked whether it did.
const PROOFS: u64 = 4;

/// What became of a key.
pub struct Done {
    /// What the server said to the deletion.
    pub answer: Result<(), String>,
    /// What it says of the key since.
    pub proof: Asked,
    /// Whether that is written down.
    pub noted: io::Result<()>,
}

/// Deletes a key. An error says that the audit record cannot be written, and that nothing was done.
pub fn delete(
    client: &Client,
    key: &Key,
    secret: &Secret<'_>,
    deletion: &Deletion,
    audit: &mut Audit,
) -> io::Result<Done> {
    let about = About { key, server: &deletion.server.base, node: Some(&deletion.node) };
    audit.note(&about, Step::Delete, BEGUN, "")?;
    let answer = match &deletion.with {
        With::Itself => mutate(client, &deletion.server, secret, &deletion.node, false),
        With::Operator(own) => mutate(client, &deletion.server, &own.secret(), &deletion.node, true),
    };
    let (said, reason) = match &answer {
        Ok(()) => ("accepted", ""),
        Err(Trouble::Refused) => ("refused", "the server does not take the credential that asks for the deletion"),
        Err(Trouble::Other(reason)) => ("failed", reason.as_str()),
    };
    let reason = reason.to_owned();
    // The proof counts, so whatever becomes of this line the key is asked about.
    let noted = audit.note(&about, Step::Delete, said, &reason);
    let proof = proof(client, &deletion.server, secret, answer.is_ok());
    let noted = noted.and_then(|()| audit.note(&about, Step::Proof, proof.liveness.name(), &proof.reason));
    Ok(Done { answer: answer.map_err(|_| reason), proof, noted })
}

/// Asks once for a deletion.
pub(super) fn mutate(
    client: &Client,
    server: &Server,
    secret: &Secret<'_>,
    node: &str,
    as_admin: bool,
) -> Result<(), Trouble> {
    let question = body(DELETE, json!({"id": node}));
    let answer = client.post(server, secret, &question, Kind::Mutation, as_admin).map_err(Trouble::Other)?;
    match read(answer, secret) {
        Said::Data(data) => {
            let result = data.get("result").or_else(|| data.get("deleteApiKey"));
            match result.and_then(|result| result.get("success")).and_then(Value::as_bool) {
                Some(true) => Ok(()),
                Some(false) => Err(Trouble::Other("the server says that it did not delete it".to_owned())),
                None => Err(Trouble::Other("the server does not say whether it deleted it".to_owned())),
            }
        }
        Said::Unauthorized => Err(Trouble::Refused),
        Said::UnknownField(reason) | Said::Partly(_, reason) | Said::Other(reason) => Err(Trouble::Other(reason)),
    }
}

/// Asks with a key that should be dead. The server took it before, so there is no doubt whose it is.
pub(super) fn proof(client: &Client, server: &Server, secret: &Secret<'_>, accepted: bool) -> Asked {
    let known =
        Server { named: if server.named == Named::Assumed { Named::Evidence } else { server.named }, ..server.clone() };
    let mut asked = ask(client, &known, secret);
    let tries = if accepted { PROOFS } else { 1 };
    // What was deleted may be remembered for a moment.
    for nth in 1..tries {
        if asked.liveness != Liveness::Live {
            break;
        }
        thread::sleep(Duration::from_millis(250 * nth));
        asked = ask(client, &known, secret);
    }
    Asked { named_by: server.named.phrase(), ..asked }
}

/// The new keys of rotations that were cut off before the key was in its place. Each is told once: that it was is written down.
pub fn unplaced(audit: &mut Audit) -> io::Result<Vec<Record>> {
    let open = audit.unplaced()?;
    open.iter().try_for_each(|record| audit.note_again(record, Step::Create, "told", "the operator was told of it"))?;
    Ok(open)
}

/// What became of a deletion that has no end in the audit record.
pub struct Resumed {
    /// The last word on it.
    pub record: Record,
    /// What the server says now; none if the key is not at hand.
    pub proof: Option<Asked>,
}

/// Finds out by asking what became of the deletions that have no end, and writes it down. Nothing is deleted.
pub fn resume(
    client: &Client,
    rules: &Rules,
    keyring: &Keyring,
    outcome: &Outcome,
    audit: &mut Audit,
) -> io::Result<Vec<Resumed>> {
    let mut resumed = Vec::new();
    for record in audit.unfinished()? {
        let keys = outcome.keys();
        let key = keys.iter().find(|(key, _)| key.fingerprint.as_str() == record.fingerprint).map(|(key, _)| *key);
        let hung = key.and_then(|key| keyring.get(&key.fingerprint));
        let (Some(key), Some(hung)) = (key, hung) else {
            resumed.push(Resumed { record, proof: None });
            continue;
        };
        let choices = rules.choose(key.prefix.as_deref(), &hung.servers);
        let server = choices.into_iter().find_map(|choice| match choice {
            Choice::Ask(server) if server.base == record.server => Some(server),
            _ => None,
        });
        let asked = match server {
            Some(server) => proof(client, &server, &hung.key.secret(), false),
            None => {
                resumed.push(Resumed { record, proof: None });
                continue;
            }
        };
        let about = About { key, server: &record.server, node: record.node.as_deref() };
        audit.note(&about, Step::Proof, asked.liveness.name(), &asked.reason)?;
        resumed.push(Resumed { record, proof: Some(asked) });
    }
    Ok(resumed)
}
