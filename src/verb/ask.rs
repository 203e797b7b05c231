//! How W&B is to be asked, as flags and environment say it; and what the answers come to. In: flags. Out: a client, the rules of
//! which server may be asked, an exit code.

use anyhow::Result;

use super::environment;
use crate::cli;
use crate::{FINDINGS, INCOMPLETE, complain};
use wandward::finding::{Liveness, Outcome};
use wandward::remediate::{Client, Named, ProxyWords, Rules};

/// Who asks, and where it may.
pub(crate) struct Asking {
    pub(crate) client: Client,
    pub(crate) rules: Rules,
}

impl Asking {
    pub(crate) fn new(options: &cli::Ask) -> Result<Asking> {
        let environment_url = said(&["WANDB_BASE_URL"]);
        let base = options.base_url.as_deref().map(|url| (url, Named::Operator));
        let base = base.or_else(|| environment_url.as_deref().map(|url| (url, Named::Environment)));
        let rules = Rules::new(base, &options.allow_host)?;
        let proxy = said(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]);
        let not_for = said(&["NO_PROXY", "no_proxy"]).unwrap_or_default();
        let proxy = proxy.map(|url| ProxyWords { url, not_for });
        let client = Client::new(options.timeout, proxy.as_ref())?;
        if let Some(proxy) = client.proxy_for(&rules.own()) {
            complain(&format!("W&B is asked through the proxy {proxy}, which the environment names"));
        }
        Ok(Asking { client, rules })
    }
}

fn said(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| environment(name)?.into_string().ok())
}

/// A live key stands over one of which nothing is known, and that over dead ones. What could not be looked at is not known either.
pub(crate) fn exit_code(outcome: &Outcome, allow_partial: bool) -> u8 {
    let keys = outcome.keys();
    let of = |liveness| {
        keys.iter().any(|(key, _)| outcome.answer(&key.fingerprint).is_some_and(|asked| asked.liveness == liveness))
    };
    if of(Liveness::Live) {
        FINDINGS
    } else if of(Liveness::Unknown) {
        INCOMPLETE
    } else if !outcome.coverage.complete() && !allow_partial {
        complain("not everything asked for could be read, so there may be more keys (`--allow-partial` lets it pass)");
        INCOMPLETE
    } else {
        0
    }
}
