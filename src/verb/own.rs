//! The operator's own credentials: in `WANDB_API_KEY`, and in the netrc. In: the environment. Out: keys, and where they are from.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use anyhow::{Result, bail};
use zeroize::Zeroizing;

use super::environment;
use wandward::detect;
use wandward::remediate::{self, Rules, Server};
use wandward::secret::{Fingerprint, Kept};

/// The most of a netrc that is read.
const MOST: u64 = 1 << 20;

/// A credential of the operator's.
pub(crate) struct Own {
    pub(crate) key: Kept,
    /// Where it is from.
    pub(crate) from: &'static str,
}

/// The one to ask with: that of the variable, else that of the netrc for this server.
pub(crate) fn credential(server: &Server) -> Result<Own> {
    if let Some(own) = of_variable()? {
        return Ok(own);
    }
    let own = netrc().and_then(|text| remediate::netrc_password(&text, server));
    match own {
        Some(key) => Ok(Own { key, from: "the netrc" }),
        None => bail!("there is no credential for {}: neither WANDB_API_KEY nor the netrc has one", server.base),
    }
}

/// The one to ask with about a key that was found at this server. The variable's is for the server that the operator names, or
/// for the public cloud, and goes nowhere else.
pub(crate) fn credential_at(server: &Server, rules: &Rules) -> Result<Kept, String> {
    if server.base == rules.own().base
        && let Some(own) = of_variable().map_err(|error| error.to_string())?
    {
        return Ok(own.key);
    }
    let own = netrc().and_then(|text| remediate::netrc_password(&text, server));
    own.ok_or_else(|| format!("you have no credential for {} in WANDB_API_KEY or the netrc", server.base))
}

/// The fingerprints of all keys that the operator uses, and where they are from.
pub(crate) fn fingerprints() -> BTreeMap<Fingerprint, &'static str> {
    let netrc = netrc().map(|text| remediate::netrc_keys(&text)).unwrap_or_default();
    let mut own: BTreeMap<_, _> = netrc.into_iter().map(|fingerprint| (fingerprint, "the netrc")).collect();
    if let Ok(Some(key)) = of_variable() {
        own.insert(key.key.secret().fingerprint(), key.from);
    }
    own
}

/// The key in `WANDB_API_KEY`.
pub(crate) fn of_variable() -> Result<Option<Own>> {
    let Some(value) = environment("WANDB_API_KEY") else { return Ok(None) };
    let value = Zeroizing::new(value.into_encoded_bytes());
    match detect::credential(value.trim_ascii()) {
        Some(secret) => Ok(Some(Own { key: Kept::of(&secret), from: "WANDB_API_KEY" })),
        None => bail!("WANDB_API_KEY holds no W&B key of a known format"),
    }
}

/// The text of the netrc that the SDK would read.
pub(crate) fn netrc() -> Option<Zeroizing<Vec<u8>>> {
    let home = environment("HOME").or_else(|| environment("USERPROFILE")).map(PathBuf::from);
    let named = environment("NETRC").map(PathBuf::from);
    let paths = named.into_iter().chain(home.iter().flat_map(|home| [home.join(".netrc"), home.join("_netrc")]));
    for path in paths {
        #[expect(clippy::disallowed_methods, reason = "it is the operator's netrc, and nothing that is scanned")]
        let Ok(file) = File::open(path) else { continue };
        let mut text = Zeroizing::new(Vec::with_capacity(64 * 1024));
        if file.take(MOST).read_to_end(&mut text).is_ok() {
            return Some(text);
        }
    }
    None
}
