//! What is to be done about each key: delete it, or leave it, and why. In: keys, what servers say of them, the operator's own
//! keys. Out: a plan. Nothing is changed here; a key that is not found among its owner's keys, exactly once, is not touched.

use std::collections::BTreeMap;

use super::account::{self, AccountKey, Trouble};
use super::server::{Choice, Rules, Server};
use super::transport::Client;
use super::verify::each;
use crate::finding::{Asked, Finding, Key, Liveness, Outcome, Owner};
use crate::secret::{Fingerprint, Kept, Keyring, Secret};

/// What is to be done about one key at one server.
pub struct Planned<'o> {
    /// The key.
    pub key: &'o Key,
    /// What the server said of it.
    pub asked: Asked,
    /// Where it was found.
    pub places: Vec<&'o Finding>,
    /// What is to be done.
    pub fate: Fate,
}

/// What becomes of a key.
pub enum Fate {
    /// It is to be deleted.
    Delete(Box<Deletion>),
    /// It is dead.
    Dead,
    /// Nobody knows whether it lives.
    Unknown,
    /// It lives, and is the operator's own, from there.
    Own(&'static str),
    /// It lives, and cannot be deleted from here.
    Refused(String),
}

/// How a key is to be deleted.
pub struct Deletion {
    /// Where.
    pub server: Server,
    pub(super) node: String,
    pub(super) with: With,
    /// Whose it is.
    pub owner: Owner,
    /// What its owner calls it.
    pub description: Option<String>,
    /// When it was used, as the server says it.
    pub last_used: Option<String>,
    /// Whether it is the operator's own.
    pub own: bool,
}

/// Who asks for a deletion.
pub(super) enum With {
    /// The key that is to go.
    Itself,
    /// The operator.
    Operator(Kept),
}

/// Gives the operator's credential for a server, or says why there is none.
pub type Credential<'f> = dyn Fn(&Server) -> Result<Kept, String> + Sync + 'f;

/// What the operator has and wants.
pub struct Operator<'f> {
    /// The operator's own keys, and where they are from.
    pub own: BTreeMap<Fingerprint, &'static str>,
    /// Whether these may be deleted, too.
    pub include_own: bool,
    /// The credential to ask with at a server, if not the leaked key itself is to ask.
    pub credential: Option<&'f Credential<'f>>,
}

/// Makes a plan for all keys of an outcome that was asked about. Accounts are listed several at a time; the order is that of the
/// keys.
pub fn plan<'o>(
    client: &Client,
    rules: &Rules,
    keyring: &Keyring,
    outcome: &'o Outcome,
    operator: &Operator<'_>,
) -> Vec<Planned<'o>> {
    let keys = outcome.keys();
    let asked = |key: &Key| outcome.asked.get(&key.fingerprint).into_iter().flatten();
    let answers: Vec<(&Key, &Vec<&Finding>, &Asked)> =
        keys.iter().flat_map(|(key, places)| asked(key).map(move |asked| (*key, places, asked))).collect();
    let fates = each(&answers, |(key, _, asked)| fate(client, rules, keyring, (key, asked), operator));
    let planned = |((key, places, asked), fate): ((&'o Key, &Vec<&'o Finding>, &Asked), Fate)| Planned {
        key,
        asked: asked.clone(),
        places: places.clone(),
        fate,
    };
    let mut planned: Vec<Planned<'o>> = answers.into_iter().zip(fates).map(planned).collect();
    // The operator's own key is the last, for it may be the one that asks.
    planned.sort_by_key(|one| matches!(&one.fate, Fate::Delete(deletion) if deletion.own));
    planned
}

/// What is to be done about a key at the server that was asked about it.
fn fate(
    client: &Client,
    rules: &Rules,
    keyring: &Keyring,
    (key, asked): (&Key, &Asked),
    operator: &Operator<'_>,
) -> Fate {
    let hung = keyring.get(&key.fingerprint);
    let server = hung.as_ref().and_then(|hung| {
        let choices = rules.choose(key.prefix.as_deref(), &hung.servers).into_iter();
        let mut servers = choices.filter_map(|choice| match choice {
            Choice::Ask(server) => Some(server),
            Choice::Refuse { .. } => None,
        });
        servers.find(|server| Some(&server.base) == asked.server.as_ref())
    });
    match (asked.liveness, server, &hung) {
        (Liveness::Dead, ..) => Fate::Dead,
        (Liveness::Live, Some(server), Some(hung)) => live(client, server, &hung.key.secret(), asked, operator),
        _ => Fate::Unknown,
    }
}

fn live(client: &Client, server: Server, secret: &Secret<'_>, asked: &Asked, operator: &Operator<'_>) -> Fate {
    let own = operator.own.get(&secret.fingerprint());
    if let (Some(from), false) = (own, operator.include_own) {
        return Fate::Own(from);
    }
    let with = match operator.credential.map(|credential| credential(&server)) {
        None => With::Itself,
        Some(Ok(key)) => With::Operator(key),
        Some(Err(reason)) => return Fate::Refused(reason),
    };
    let keys = |asker: &Secret<'_>| match account::list(client, &server, asker)? {
        account if account.cut_off => Err(Trouble::Other("the server has more keys than were read".to_owned())),
        account => Ok(account.keys),
    };
    let found = match &with {
        With::Itself => among(keys(secret), secret),
        With::Operator(key) => {
            let key = key.secret();
            let own = among(keys(&key), secret);
            own.or_else(|reason| {
                among(account::all_users(client, &server, &key), secret).map_err(|other| format!("{reason}; {other}"))
            })
        }
    };
    match found {
        Ok(found) => Fate::Delete(Box::new(Deletion {
            node: found.node,
            with,
            owner: asked.owner.clone().or(found.owner).unwrap_or_default(),
            description: found.description,
            last_used: found.last_used,
            own: own.is_some(),
            server,
        })),
        Err(reason) => Fate::Refused(format!("{reason}; delete it at {}", server.settings())),
    }
}

/// The one key among an account's that is this one.
fn among(keys: Result<Vec<AccountKey>, Trouble>, secret: &Secret<'_>) -> Result<AccountKey, String> {
    let keys = keys.map_err(|trouble| format!("its account's keys cannot be listed: {trouble}"))?;
    let mut found: Vec<AccountKey> = keys.into_iter().filter(|key| key.is(secret)).collect();
    match (found.pop(), found.len()) {
        (Some(key), 0) => Ok(key),
        (None, _) => Err("it is not among the keys that the server lists".to_owned()),
        (Some(_), more) => {
            Err(format!("{} keys of the account begin as it does, so it is not clear which one it is", more + 1))
        }
    }
}

/// Whether something reads the key at this place, and breaks once the key is gone.
pub fn breaks(finding: &Finding) -> bool {
    use crate::blob::Kind;
    const READ: [&str; 12] = [
        "exposed-key", "hardcoded-key", "key-in-ci", "key-in-config", "key-in-deployment", "key-in-editor-config",
        "key-in-environ", "key-in-image", "key-in-netrc", "key-in-process", "key-in-script", "key-in-settings",
    ];
    let now =
        matches!(finding.origin.kind, Kind::File | Kind::Staged | Kind::Process | Kind::Environ | Kind::GitConfig);
    now && READ.contains(&finding.rule.id.as_str()) || finding.rule.id == "key-in-notebook"
}
