//! The keys of an account, or of all accounts of a server. In: a server and a credential. Out: keys by their ids, and what is
//! wrong with how they are kept. On old servers the name of a key is the key itself, so a name never leaves this room as it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::answer::{Said, read, shown};
use super::operations::{KEYS, USERS, body, dates};
use super::server::Server;
use super::transport::{Client, Kind as Asks};
use super::verify::owner;
use crate::blob::{Kind, Origin};
use crate::detect;
use crate::finding::{Confidence, Finding, Owner, Snippet};
use crate::rule::RuleSet;
use crate::secret::{Format, Secret};

/// Keys on one page.
const PAGE: u32 = 100;
/// The most pages that are read.
const MOST_PAGES: usize = 1000;
/// How much of a key's name tells it from others, at least.
const TELLING: usize = 12;

/// An account, and its keys.
pub struct Account {
    /// Whose it is.
    pub owner: Owner,
    /// Its keys.
    pub keys: Vec<AccountKey>,
    /// Whether there may be more of them than were read.
    pub cut_off: bool,
}

/// A key, as its server knows it.
pub struct AccountKey {
    /// What the server calls it in questions; opaque.
    pub(super) node: String,
    name: Zeroizing<String>,
    /// What its owner calls it.
    pub description: Option<String>,
    /// When it was made, as the server says it.
    pub created: Option<String>,
    /// When it was used, likewise.
    pub last_used: Option<String>,
    /// Whose it is, where that is not the account that asks.
    pub owner: Option<Owner>,
}

/// Why there is no list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The server does not take the credential.
    #[error("the server does not take the credential")]
    Refused,
    /// Something else, as a clause.
    #[error("{0}")]
    Other(String),
}

impl AccountKey {
    /// As much of it as may be shown.
    pub fn id(&self) -> String {
        let name = self.name.as_str();
        if let Some(secret) = detect::credential(name.as_bytes()) {
            return secret.id().to_string();
        }
        let shown = if name.starts_with("wandb_v1_") { Format::V1.id_length() } else { Format::Legacy.id_length() };
        let start: String = name.chars().take(shown).filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        if start.len() < name.len() && !name.starts_with("wandb_v1_") { format!("{start}…") } else { start }
    }

    /// What its findings are about: two keys may share an id.
    pub fn about(&self) -> String {
        format!("{} {}", self.id(), self.node)
    }

    /// Whether this is the server's name for a key: the key itself, or its beginning.
    pub fn is(&self, secret: &Secret<'_>) -> bool {
        #[expect(clippy::disallowed_methods, reason = "it is compared with the name of the key")]
        let whole = secret.expose();
        let prefix = secret.prefix().map_or(0, |prefix| prefix.len() + 1);
        let name = self.name.as_bytes();
        let forms = [whole, &whole[prefix..]];
        forms.into_iter().any(|key| name == key || name.len() >= TELLING && key.starts_with(name))
    }
}

/// The account that a credential belongs to, with all its keys.
pub fn list(client: &Client, server: &Server, secret: &Secret<'_>) -> Result<Account, Trouble> {
    let mut account = Account { owner: Owner::default(), keys: Vec::new(), cut_off: false };
    let mut after = Value::Null;
    for _ in 0..MOST_PAGES {
        let data = asked(client, server, secret, &KEYS, json!({"first": PAGE, "after": after}), false)?;
        let viewer = data.get("viewer").filter(|viewer| viewer.is_object()).ok_or(Trouble::Refused)?;
        account.owner = owner(viewer, secret);
        let keys = viewer.get("apiKeys").ok_or_else(|| Trouble::Other("the server tells no keys".to_owned()))?;
        account.keys.extend(nodes(keys).filter_map(|node| key(node, secret)));
        match next_page(keys, &after) {
            Next::At(next) => after = next,
            end => {
                account.cut_off = end == Next::Lost;
                add_dates(client, server, secret, &mut account.keys);
                return Ok(account);
            }
        }
    }
    account.cut_off = true;
    Ok(account)
}

/// The keys of all users of a server whose administrator asks.
pub fn all_users(client: &Client, server: &Server, secret: &Secret<'_>) -> Result<Vec<AccountKey>, Trouble> {
    let mut keys = Vec::new();
    let mut after = Value::Null;
    for _ in 0..MOST_PAGES {
        let variables = json!({"query": "", "first": PAGE, "after": after});
        let data = asked(client, server, secret, &USERS, variables, true)?;
        let users = data.get("users").filter(|users| users.is_object());
        let users =
            users.ok_or_else(|| Trouble::Other("the server tells no users; only administrators may ask".to_owned()))?;
        for user in nodes(users) {
            let of = owner(user, secret);
            let own = user.get("apiKeys").into_iter().flat_map(nodes).filter_map(|node| key(node, secret));
            keys.extend(own.map(|key| AccountKey { owner: Some(of.clone()), ..key }));
        }
        match next_page(users, &after) {
            Next::At(next) => after = next,
            Next::None => return Ok(keys),
            Next::Lost => break,
        }
    }
    Err(Trouble::Other("the server has more users than are read".to_owned()))
}

/// Asks in the first words that the server understands.
fn asked(
    client: &Client,
    server: &Server,
    secret: &Secret<'_>,
    texts: &[&str],
    variables: Value,
    as_admin: bool,
) -> Result<Value, Trouble> {
    let mut last = String::new();
    for text in texts {
        let answer = client.post(server, secret, &body(text, variables.clone()), Asks::Read, as_admin);
        match read(answer.map_err(Trouble::Other)?, secret) {
            Said::Data(data) => return Ok(data),
            Said::Unauthorized => return Err(Trouble::Refused),
            Said::UnknownField(reason) => last = reason,
            Said::Partly(_, reason) | Said::Other(reason) => return Err(Trouble::Other(reason)),
        }
    }
    Err(Trouble::Other(format!("the server does not understand the question: {last}")))
}

fn nodes(connection: &Value) -> impl Iterator<Item = &Value> {
    let edges = connection.get("edges").and_then(Value::as_array);
    edges.into_iter().flatten().filter_map(|edge| edge.get("node"))
}

/// What follows a page.
#[derive(PartialEq)]
enum Next {
    /// Nothing.
    None,
    /// Another that begins there.
    At(Value),
    /// Another, and nobody says where it begins.
    Lost,
}

fn next_page(connection: &Value, this: &Value) -> Next {
    let page = connection.get("pageInfo");
    if page.and_then(|page| page.get("hasNextPage")).and_then(Value::as_bool) != Some(true) {
        return Next::None;
    }
    let next = page.and_then(|page| page.get("endCursor")).filter(|next| next.is_string() && *next != this);
    next.cloned().map_or(Next::Lost, Next::At)
}

fn key(node: &Value, secret: &Secret<'_>) -> Option<AccountKey> {
    let text = |name: &str| node.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    Some(AccountKey {
        node: text("id")?.to_owned(),
        name: Zeroizing::new(text("name").unwrap_or_default().to_owned()),
        description: text("description").map(|text| shown(text, secret)),
        created: None,
        last_used: None,
        owner: None,
    })
}

/// Adds when the keys were made and used, where the server knows such fields.
fn add_dates(client: &Client, server: &Server, secret: &Secret<'_>, keys: &mut [AccountKey]) {
    let all = [&["createdAt", "lastUsedAt"][..], &["createdAt"], &["lastUsedAt"]];
    let mut found: BTreeMap<String, [Option<String>; 2]> = BTreeMap::new();
    for fields in all {
        // Both may be known, or one of them; that the second question names is enough where the first is not understood.
        if !found.is_empty() && fields.len() == 1 && found.values().any(|dates| dates[1].is_some()) {
            break;
        }
        let Ok(data) = asked(client, server, secret, &[&dates(fields)], json!({}), false) else { continue };
        let Some(keys) = data.get("viewer").and_then(|viewer| viewer.get("apiKeys")) else { continue };
        for node in nodes(keys) {
            let Some(id) = node.get("id").and_then(Value::as_str) else { continue };
            let of = |name: &str| node.get(name).and_then(Value::as_str).map(|date| shown(date, secret));
            let entry = found.entry(id.to_owned()).or_default();
            for (slot, name) in entry.iter_mut().zip(["createdAt", "lastUsedAt"]) {
                *slot = slot.take().or_else(|| of(name));
            }
        }
        if fields.len() == 2 && !found.is_empty() {
            break;
        }
    }
    for key in keys {
        if let Some([created, last_used]) = found.remove(&key.node) {
            (key.created, key.last_used) = (created, last_used);
        }
    }
}

/// What is wrong with how a key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hygiene {
    /// Nobody says what it is for.
    NoDescription,
    /// What somebody says does not tell it.
    VagueDescription,
    /// It was not used for longer than was asked for.
    Unused,
    /// It is older than was asked for.
    Old,
}

impl Hygiene {
    /// The rule that speaks, and what it rests on.
    fn said(self) -> (&'static str, &'static str) {
        match self {
            Hygiene::NoDescription => (NAMELESS, "it has no name"),
            Hygiene::VagueDescription => {
                (NAMELESS, "its name does not say what it is for, as `ci-model-training` would")
            }
            Hygiene::Unused => (STALE, "it was not used for longer than `--max-age`"),
            Hygiene::Old => (STALE, "it is older than `--max-age`"),
        }
    }
}

const NAMELESS: &str = "nameless-key";
const STALE: &str = "stale-key";

/// What is wrong with keys, as findings; one of a key and rule.
pub fn findings(keys: &[AccountKey], server: &Server, rules: &RuleSet, older: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for key in keys {
        let mut said: Vec<(&str, Vec<&str>)> = Vec::new();
        for (rule, why) in hygiene(key, older).into_iter().map(Hygiene::said) {
            match said.iter_mut().find(|(other, _)| *other == rule) {
                Some((_, whys)) => whys.push(why),
                None => said.push((rule, vec![why])),
            }
        }
        for (rule, whys) in said {
            let Some(rule) = rules.get(rule) else { continue };
            let id = key.id();
            let name = key.description.as_deref().unwrap_or_default();
            findings.push(Finding {
                id: String::new(),
                rule: Arc::clone(rule),
                severity: rule.severity,
                confidence: Confidence::High,
                evidence: whys.join(", and "),
                origin: Origin::new(Kind::Account, server.base.as_str()),
                place: None,
                cell: None,
                line_hash: None,
                span: 0..0,
                key: None,
                remedy: None,
                snippet: Snippet { text: format!("[{id}] {name}").trim_end().to_owned(), mark: 0..id.len() + 2 },
                line_digest: key.about(),
                ordinal: 0,
            });
        }
    }
    Finding::number(findings.iter_mut());
    findings
}

/// Whether a name says nothing of what a key is for.
pub fn is_vague(name: &str) -> bool {
    const VAGUE: [&str; 24] = [
        "key", "keys", "apikey", "test", "testing", "tests", "temp", "tmp", "new", "old", "default", "wandb", "foo",
        "bar", "abc", "asdf", "my", "mykey", "token", "secret", "service", "account", "api", "untitled",
    ];
    let lower = name.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.all(|word| VAGUE.contains(&word) || word.chars().count() < 3 || word.bytes().all(|b| b.is_ascii_digit()))
}

/// What is wrong with a key. `older` tells of a date, as the server writes it, whether it lies further back than is allowed.
fn hygiene(key: &AccountKey, older: &dyn Fn(&str) -> bool) -> Vec<Hygiene> {
    let mut wrong = Vec::new();
    match key.description.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        None => wrong.push(Hygiene::NoDescription),
        Some(text) if is_vague(text) => wrong.push(Hygiene::VagueDescription),
        Some(_) => {}
    }
    if key.last_used.as_deref().is_some_and(older) {
        wrong.push(Hygiene::Unused);
    }
    if key.created.as_deref().is_some_and(older) {
        wrong.push(Hygiene::Old);
    }
    wrong
}

/// Seconds since 1970 of a date as servers write it, with or without a zone.
pub fn seconds_of(date: &str) -> Option<i64> {
    let with_zone = date.parse::<jiff::Timestamp>().ok();
    let without =
        || date.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|at| at.timestamp());
    with_zone.or_else(without).map(jiff::Timestamp::as_second)
}
