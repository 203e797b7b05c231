//! `wandward keys`: the keys of an account, by their ids, and what is wrong with how they are kept.

use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::ask::Asking;
use super::{given, out, own};
use crate::cli::{self, KeysFormat as Format};
use crate::{FINDINGS, INCOMPLETE, complain};
use wandward::detect;
use wandward::finding::{Finding, Outcome, Owner};
use wandward::remediate::{self, AccountKey, Server};
use wandward::report::{self, Report};
use wandward::rule::RuleSet;
use wandward::secret::Kept;

const DAY: u64 = 24 * 60 * 60;

pub(crate) fn run(options: &cli::Keys, rules: &RuleSet) -> Result<u8> {
    let asking = Asking::new(&options.ask)?;
    let server = asking.rules.own();
    let key = match options.credential {
        Some(_) => one_given()?,
        None => own::credential(&server)?.key,
    };
    let secret = key.secret();
    if let Some(reason) = asking.rules.refuses(&server, secret.prefix().as_deref()) {
        complain(&reason);
        return Ok(INCOMPLETE);
    }
    let listed = if options.all_users {
        remediate::all_users(&asking.client, &server, &secret).map(|keys| (Owner::default(), keys, false))
    } else {
        remediate::list(&asking.client, &server, &secret).map(|account| (account.owner, account.keys, account.cut_off))
    };
    let (owner, keys, cut_off) = match listed {
        Ok(listed) => listed,
        Err(trouble) => {
            complain(&format!("{}: {trouble}", server.base));
            return Ok(INCOMPLETE);
        }
    };
    let older = |date: &str| options.max_age.is_some_and(|days| is_older(date, u64::from(days) * DAY));
    let findings = remediate::findings(&keys, &server, rules, &older);
    let wrong = !findings.is_empty();
    let listing = Listing { server: &server, owner: &owner, keys: &keys, findings: &findings };
    let mut out = io::BufWriter::new(io::stdout());
    match options.format {
        Format::Pretty => listing.pretty(&mut out)?,
        Format::Markdown => listing.markdown(&mut out)?,
        Format::Json | Format::Jsonl => {
            let listed = keys.iter().map(|key| listing.json(key)).collect();
            let outcome = Outcome { findings: listing.findings.to_vec(), ..Outcome::default() };
            let report = Report::from(outcome).with("server", json!(server.base)).with("keys", listed);
            let format = if options.format == Format::Json { report::Format::Json } else { report::Format::Jsonl };
            report.write(format, rules, &out::style(), &mut out)?;
        }
    }
    out.flush()?;
    if cut_off {
        complain("the server has more keys than were read");
        return Ok(INCOMPLETE);
    }
    Ok(if wrong { FINDINGS } else { 0 })
}

fn one_given() -> Result<Kept> {
    let given = given::from_stdin()?;
    let mut lines = given.text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    match (lines.next().and_then(detect::credential), lines.next()) {
        (Some(secret), None) => Ok(Kept::of(&secret)),
        _ => bail!("`keys -` takes one credential on standard input"),
    }
}

struct Listing<'l> {
    server: &'l Server,
    owner: &'l Owner,
    keys: &'l [AccountKey],
    findings: &'l [Finding],
}

impl Listing<'_> {
    fn owner_of<'o>(&'o self, key: &'o AccountKey) -> &'o Owner {
        key.owner.as_ref().unwrap_or(self.owner)
    }

    /// The findings of a key.
    fn wrong<'f>(&'f self, key: &AccountKey) -> impl Iterator<Item = &'f Finding> {
        let about = key.about();
        self.findings.iter().filter(move |finding| finding.line_digest == about)
    }

    fn pretty(&self, out: &mut impl Write) -> io::Result<()> {
        for key in self.keys {
            let AccountKey { description, created, last_used, .. } = key;
            let of = |what: &str, date: &Option<String>| {
                date.as_ref().map(|date| format!(", {what} {date}")).unwrap_or_default()
            };
            let name = description.as_deref().unwrap_or("(no name)");
            let user = self.owner_of(key).user.as_deref().unwrap_or("?");
            writeln!(out, "{}  {name}  (user {user}{}{})", key.id(), of("made", created), of("used", last_used))?;
            for finding in self.wrong(key) {
                writeln!(out, "  {}[{}]: {}", finding.severity.name(), finding.rule.id, finding.evidence)?;
            }
        }
        let (keys, findings) = (self.keys.len(), self.findings.len());
        writeln!(out, "{keys} keys at {}, {findings} findings. Settings: {}", self.server.base, self.server.settings())
    }

    fn markdown(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "# W&B API keys at `{}`\n\n| id | name | user | made | used | |\n|---|---|---|---|---|---|",
            self.server.base
        )?;
        for key in self.keys {
            let cell = |text: &Option<String>| remediate::plain(text.as_deref().unwrap_or_default());
            let wrong: Vec<String> = self
                .wrong(key)
                .map(|finding| format!("{}: {}", finding.rule.id, remediate::plain(&finding.evidence)))
                .collect();
            let (name, user) = (cell(&key.description), cell(&self.owner_of(key).user));
            writeln!(
                out,
                "| `{}` | {name} | {user} | {} | {} | {} |",
                key.id(),
                cell(&key.created),
                cell(&key.last_used),
                wrong.join("; ")
            )?;
        }
        Ok(())
    }

    fn json(&self, key: &AccountKey) -> Value {
        let owner = self.owner_of(key);
        json!({
            "id": key.id(),
            "name": key.description,
            "created": key.created,
            "last_used": key.last_used,
            "owner": owner.user,
            "kind": owner.account,
            "findings": self.wrong(key).map(|finding| &finding.rule.id).collect::<Vec<_>>(),
        })
    }
}

/// Whether a date as a server writes it lies more than so many seconds back; one that nobody can read does not.
fn is_older(date: &str, seconds: u64) -> bool {
    let Some(at) = remediate::seconds_of(date) else { return false };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let at = Duration::from_secs(u64::try_from(at).unwrap_or_default());
    now.saturating_sub(at).as_secs() > seconds
}
