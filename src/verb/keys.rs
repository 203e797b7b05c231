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
use wandward::finding::{Outcome, Owner};
use wandward::remediate::{self, AccountKey, Hygiene, Server};
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
    let rows: Vec<Row<'_>> = keys.iter().map(|key| Row { key, wrong: remediate::hygiene(key, &older) }).collect();
    let listing = Listing { server: &server, owner: &owner, rows: &rows };
    let mut out = io::BufWriter::new(io::stdout());
    match options.format {
        Format::Pretty => listing.pretty(&mut out)?,
        Format::Json => {
            let keys = rows.iter().map(|row| listing.json(row)).collect();
            let report = Report::from(Outcome::default()).with("server", json!(server.base)).with("keys", keys);
            report.write(report::Format::Json, rules, &out::style(), &mut out)?;
        }
        Format::Jsonl => rows.iter().try_for_each(|row| writeln!(out, "{}", listing.json(row)))?,
    }
    out.flush()?;
    if cut_off {
        complain("the server has more keys than were read");
        return Ok(INCOMPLETE);
    }
    Ok(if rows.iter().any(|row| !row.wrong.is_empty()) { FINDINGS } else { 0 })
}

fn one_given() -> Result<Kept> {
    let given = given::from_stdin()?;
    let mut lines = given.text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    match (lines.next().and_then(detect::credential), lines.next()) {
        (Some(secret), None) => Ok(Kept::of(&secret)),
        _ => bail!("`keys -` takes one credential on standard input"),
    }
}

struct Row<'k> {
    key: &'k AccountKey,
    wrong: Vec<Hygiene>,
}

struct Listing<'l> {
    server: &'l Server,
    owner: &'l Owner,
    rows: &'l [Row<'l>],
}

impl Listing<'_> {
    fn owner_of<'o>(&'o self, row: &'o Row<'_>) -> &'o Owner {
        row.key.owner.as_ref().unwrap_or(self.owner)
    }

    fn pretty(&self, out: &mut impl Write) -> io::Result<()> {
        for row in self.rows {
            let AccountKey { description, created, last_used, .. } = row.key;
            let of = |what: &str, date: &Option<String>| {
                date.as_ref().map(|date| format!(", {what} {date}")).unwrap_or_default()
            };
            let name = description.as_deref().unwrap_or("(no name)");
            let user = self.owner_of(row).user.as_deref().unwrap_or("?");
            writeln!(out, "{}  {name}  (user {user}{}{})", row.key.id(), of("made", created), of("used", last_used))?;
            for wrong in &row.wrong {
                let (id, text) = wrong.said();
                writeln!(out, "  warning[{id}]: {text}")?;
            }
        }
        let wrong = self.rows.iter().map(|row| row.wrong.len()).sum::<usize>();
        writeln!(
            out,
            "{} keys at {}, {wrong} findings; settings: {}",
            self.rows.len(),
            self.server.base,
            self.server.settings()
        )
    }

    fn json(&self, row: &Row<'_>) -> Value {
        let owner = self.owner_of(row);
        json!({
            "id": row.key.id(),
            "name": row.key.description,
            "created": row.key.created,
            "last_used": row.key.last_used,
            "owner": owner.user,
            "kind": owner.account,
            "findings": row.wrong.iter().map(|wrong| {
                let (id, message) = wrong.said();
                json!({"id": id, "severity": "warning", "message": message})
            }).collect::<Value>(),
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
