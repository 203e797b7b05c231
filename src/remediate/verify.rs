//! Whether keys are live, and whose. In: keys, where they may be asked about. Out: a verdict for each key and server. Whatever is
//! not the server's own clear word is "unknown", never "dead".

use std::panic;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use super::answer::{Said, read, shown, shown_server};
use super::operations::{VIEWER, body};
use super::server::{Choice, Named, Rules, Server};
use super::transport::{Client, Kind};
use crate::finding::{Asked, Key, Liveness, Outcome, Owner};
use crate::secret::{Fingerprint, Keyring, Secret};

/// How many questions are under way at once.
const AT_ONCE: usize = 8;

/// Asks about every key of an outcome, once at each server, several keys at a time, and writes down the answers there. What a
/// permission keeps back is asked about, too.
pub fn ask_all(client: &Client, rules: &Rules, keyring: &Keyring, outcome: &mut Outcome, stop: &AtomicBool) {
    let keys: Vec<&Key> = outcome.keys().into_iter().map(|(key, _)| key).collect();
    let answers = each(&keys, |key| match keyring.get(&key.fingerprint) {
        Some(hung) => {
            let choices = rules.choose(key.prefix.as_deref(), &hung.servers);
            choices.into_iter().map(|choice| one(client, choice, &hung.key.secret(), stop)).collect()
        }
        None => vec![unknown(None, Named::Assumed, "its text is not at hand".to_owned())],
    });
    let fingerprints: Vec<Fingerprint> = keys.iter().map(|key| key.fingerprint.clone()).collect();
    outcome.asked = fingerprints.into_iter().zip(answers).collect();
}

/// Does the same with each, several at a time, and gives what came of it in their order. Only for what changes nothing.
pub(super) fn each<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let take = || {
        let mut own = Vec::new();
        while let Some((nth, one)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|nth| Some((nth, all.get(nth)?)))
        {
            own.push((nth, work(one)));
        }
        own
    };
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE.min(all.len())).map(|_| scope.spawn(take)).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Vec<(usize, R)>>| match thread.join() {
            Ok(own) => own,
            Err(bug) => panic::resume_unwind(bug),
        };
        threads.into_iter().flat_map(join).collect()
    });
    done.sort_by_key(|(nth, _)| *nth);
    done.into_iter().map(|(_, result)| result).collect()
}

fn one(client: &Client, choice: Choice, secret: &Secret<'_>, stop: &AtomicBool) -> Asked {
    match choice {
        Choice::Refuse { server, named, reason } => {
            unknown(server.map(|server| shown_server(&server, secret)), named, reason)
        }
        Choice::Ask(server) if stop.load(Ordering::Relaxed) => {
            let shown = shown_server(&server.base, secret);
            unknown(Some(shown), server.named, "interrupted before it was asked".to_owned())
        }
        Choice::Ask(server) => ask(client, &server, secret),
    }
}

fn unknown(server: Option<String>, named: Named, reason: String) -> Asked {
    Asked { liveness: Liveness::Unknown, server, named_by: named.phrase(), owner: None, reason }
}

/// Asks one server about one key.
pub fn ask(client: &Client, server: &Server, secret: &Secret<'_>) -> Asked {
    let said = |liveness, owner, reason| Asked {
        liveness,
        server: Some(shown_server(&server.base, secret)),
        named_by: server.named.phrase(),
        owner,
        reason,
    };
    let mut last = String::new();
    for text in VIEWER {
        let answer = match client.post(server, secret, &body(text, json!({})), Kind::Read, false) {
            Ok(answer) => answer,
            Err(reason) => return said(Liveness::Unknown, None, reason),
        };
        match read(answer, secret) {
            // A server that resolves a viewer takes the key, whatever else it cannot tell.
            Said::Data(data) | Said::Partly(data, _) if data.get("viewer").is_some_and(Value::is_object) => {
                let owner = owner(&data["viewer"], secret);
                return said(Liveness::Live, Some(owner), "the server takes it".to_owned());
            }
            Said::Data(data) => {
                return match data.get("viewer") {
                    Some(Value::Null) if server.named == Named::Assumed => {
                        let host = server.base.trim_start_matches("https://");
                        let reason = format!("it is not a key of {host}; name its server with `--base-url`");
                        said(Liveness::Unknown, None, reason)
                    }
                    Some(Value::Null) => said(Liveness::Dead, None, "the server knows no account for it".to_owned()),
                    _ => said(Liveness::Unknown, None, "the server's answer names no viewer".to_owned()),
                };
            }
            Said::Unauthorized => return said(Liveness::Dead, None, "the server refuses it (401)".to_owned()),
            Said::UnknownField(reason) => last = reason,
            Said::Partly(_, reason) | Said::Other(reason) => return said(Liveness::Unknown, None, reason),
        }
    }
    said(Liveness::Unknown, None, format!("the server does not understand the question: {last}"))
}

/// Whose key it is, as the viewer says.
pub(super) fn owner(viewer: &Value, secret: &Secret<'_>) -> Owner {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(|text| shown(text, secret));
    let of = |name: &str| viewer.get(name).and_then(text);
    let teams = viewer.get("teams").and_then(|teams| teams.get("edges")).and_then(Value::as_array);
    let teams = teams.into_iter().flatten().filter_map(|edge| edge.get("node")?.get("name").and_then(text));
    Owner {
        user: of("username"),
        entity: of("entity"),
        teams: teams.collect(),
        account: of("accountType").map(|kind| kind.to_ascii_lowercase()),
        admin: viewer.get("admin").and_then(Value::as_bool),
    }
}
