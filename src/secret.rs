//! A key, held so that it cannot be printed: no `Debug`, no `Display`, no `Clone`, no serialisation.
//! In: the bytes of a credential, borrowed from the text that exposes it. Out: what may be said about it, which is its
//! format, its public id and its fingerprint.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::HEXLOWER;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// How W&B wrote the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// 40 lowercase hexadecimal digits.
    Legacy,
    /// `wandb_v1_`, 27 letters or digits, `_`, 49 letters or digits.
    V1,
}

impl Format {
    /// The name in reports: `legacy` or `v1`.
    pub fn name(self) -> &'static str {
        match self {
            Format::Legacy => "legacy",
            Format::V1 => "v1",
        }
    }

    /// How many of its first characters W&B itself shows.
    pub const fn id_length(self) -> usize {
        match self {
            Format::Legacy => 4,
            Format::V1 => 20,
        }
    }

    /// The length in bytes, without an on-prem prefix.
    pub const fn length(self) -> usize {
        match self {
            Format::Legacy => 40,
            Format::V1 => 86,
        }
    }
}

/// A whole credential as the SDK would send it, on-prem prefix included.
pub struct Secret<'t> {
    text: &'t [u8],
    format: Format,
}

impl<'t> Secret<'t> {
    /// `text` is the credential with its prefix and dash, if it has one; it must end with a key of `format`.
    pub fn new(text: &'t [u8], format: Format) -> Self {
        debug_assert!(text.len() >= format.length());
        Secret { text, format }
    }

    /// The format of the key.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The on-prem prefix without its dash.
    pub fn prefix(&self) -> Option<String> {
        let prefix = &self.text[..self.text.len() - self.format.length()];
        let prefix = prefix.strip_suffix(b"-")?;
        Some(String::from_utf8_lossy(prefix).into_owned())
    }

    /// The public part of the key.
    pub fn id(&self) -> KeyId {
        KeyId::of(&self.text[self.text.len() - self.format.length()..], self.format)
    }

    /// The identity of the key, the same everywhere and for ever.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.text)
    }

    /// The credential itself. A lint keeps this to `remediate/`, which sends it to the server that it belongs to.
    pub fn expose(&self) -> &'t [u8] {
        self.text
    }
}

/// A key that outlives the text that exposes it; its memory is written over at the end.
pub struct Kept {
    text: Zeroizing<Vec<u8>>,
    format: Format,
}

impl Kept {
    /// Keeps a key.
    pub fn of(secret: &Secret<'_>) -> Kept {
        Kept { text: Zeroizing::new(secret.text.to_vec()), format: secret.format }
    }

    /// The key.
    pub fn secret(&self) -> Secret<'_> {
        Secret { text: &self.text, format: self.format }
    }
}

/// The keys that are to be asked about, and what stands beside them about the server that they belong to. Only where someone
/// asks a server is there one; a plain scan fills none.
#[derive(Clone, Default)]
pub struct Keyring(Arc<Mutex<BTreeMap<Fingerprint, Hung>>>);

/// A key, and the servers that what was scanned names beside it: as they are written there, and never trusted.
#[derive(Clone)]
pub struct Hung {
    /// The key.
    pub key: Arc<Kept>,
    /// Hosts or URLs.
    pub servers: BTreeSet<String>,
}

impl Keyring {
    /// Takes a key, and the server that is named beside it.
    pub fn add(&self, secret: &Secret<'_>, server: Option<String>) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hung = keys.entry(secret.fingerprint());
        let hung = hung.or_insert_with(|| Hung { key: Arc::new(Kept::of(secret)), servers: BTreeSet::new() });
        hung.servers.extend(server);
    }

    /// The key of a fingerprint.
    pub fn get(&self, fingerprint: &Fingerprint) -> Option<Hung> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(fingerprint).cloned()
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring")
    }
}

/// As much of a key as W&B itself shows: 20 characters of a v1 key, 4 of a legacy one and `…`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(String);

impl KeyId {
    /// The id of the key that `key` begins with, on-prem prefix excluded.
    pub(crate) fn of(key: &[u8], format: Format) -> Self {
        let tail = if format == Format::Legacy { "…" } else { "" };
        let shown = &key[..format.id_length().min(key.len())];
        KeyId(format!("{}{tail}", String::from_utf8_lossy(shown)))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `ww1-` and the first 32 hexadecimal digits of SHA-256 over the whole credential, prefix included.
///
/// A key has at least 160 random bits, so it cannot be guessed back from here.
/// `printf %s "$KEY" | sha256sum | cut -c1-32` gives the same digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of a credential.
    pub fn of(credential: &[u8]) -> Self {
        Fingerprint(format!("ww1-{}", short_digest(&[credential])))
    }

    /// The fingerprint as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Keys that are looked for, by their fingerprints alone.
#[derive(Clone, Debug, Default)]
pub struct Wanted(HashSet<[u8; 16]>);

impl Wanted {
    /// Looks for this key, too.
    pub fn add(&mut self, secret: &Secret<'_>) {
        self.0.insert(digest(&[secret.text]));
    }

    /// Looks for the key of this fingerprint, too; false if `text` is none.
    pub fn add_fingerprint(&mut self, text: &[u8]) -> bool {
        let digits = text.strip_prefix(b"ww1-").filter(|digits| digits.len() == 32);
        let bytes = digits.and_then(|digits| HEXLOWER.decode(digits).ok());
        let bytes: Option<[u8; 16]> = bytes.and_then(|bytes| bytes.try_into().ok());
        self.0.extend(bytes);
        bytes.is_some()
    }

    /// Whether a credential is one of them.
    pub fn holds(&self, credential: &[u8]) -> bool {
        self.0.contains(&digest(&[credential]))
    }

    /// How many keys are looked for.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Keys that another scanner names by SHA-1, and their fingerprints once they are met.
#[derive(Debug, Default)]
pub struct Foreign {
    wanted: HashSet<[u8; 20]>,
    met: Mutex<HashMap<[u8; 20], Fingerprint>>,
}

impl Foreign {
    /// Looks for the keys of these digests.
    pub fn new(digests: impl Iterator<Item = [u8; 20]>) -> Foreign {
        Foreign { wanted: digests.collect(), met: Mutex::default() }
    }

    /// Notes a key that was found, by its digest with and without its prefix.
    pub fn meet(&self, secret: &Secret<'_>) {
        let bare = &secret.text[secret.text.len() - secret.format.length()..];
        for text in [secret.text, bare] {
            let digest: [u8; 20] = Sha1::digest(text).into();
            if self.wanted.contains(&digest) {
                let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
                met.insert(digest, secret.fingerprint());
            }
        }
    }

    /// The fingerprint of the key with a digest, if it was met.
    pub fn met(&self, digest: &[u8; 20]) -> Option<String> {
        let met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        met.get(digest).map(|print| print.as_str().to_owned())
    }
}

/// The first 16 bytes of SHA-256 over `parts`, which are kept apart by a zero byte.
fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for (nth, part) in parts.iter().enumerate() {
        if nth > 0 {
            hash.update([0]);
        }
        hash.update(part);
    }
    let mut first = [0; 16];
    first.copy_from_slice(&hash.finalize()[..16]);
    first
}

/// The first 32 hexadecimal digits of SHA-256 over `parts`, which are kept apart by a zero byte.
pub(crate) fn short_digest(parts: &[&[u8]]) -> String {
    HEXLOWER.encode(&digest(parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_what_sha256sum_prints() {
        // printf %s abc | sha256sum | cut -c1-32
        assert_eq!(Fingerprint::of(b"abc").as_str(), "ww1-ba7816bf8f01cfea414140de5dae2223");
    }

    #[test]
    fn the_prefix_is_kept_apart_from_the_id() {
        let text = format!("local-{}", "ab12".repeat(10));
        let secret = Secret::new(text.as_bytes(), Format::Legacy);
        assert_eq!(secret.prefix().as_deref(), Some("local"));
        assert_eq!(secret.id().as_str(), "ab12…");
    }
}
