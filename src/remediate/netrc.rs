//! The netrc, as the SDK reads it. In: its text and a server. Out: the password for it, if that is a W&B key; or which keys it
//! holds.

use super::server::Server;
use crate::detect;
use crate::secret::{Fingerprint, Kept};

/// The key for a server.
pub fn netrc_password(text: &[u8], server: &Server) -> Option<Kept> {
    let mut machine = None;
    let mut tokens = text.split(|b| b.is_ascii_whitespace()).filter(|token| !token.is_empty());
    while let Some(token) = tokens.next() {
        match token {
            b"machine" => machine = tokens.next(),
            b"default" => machine = None,
            b"password" => {
                let password = tokens.next()?;
                if machine.and_then(|machine| str::from_utf8(machine).ok()).is_some_and(|machine| server.is_at(machine))
                {
                    return detect::credential(password).map(|secret| Kept::of(&secret));
                }
            }
            _ => {}
        }
    }
    None
}

/// The fingerprints of all W&B keys in it.
pub fn netrc_keys(text: &[u8]) -> Vec<Fingerprint> {
    let tokens = text.split(|b| b.is_ascii_whitespace()).filter(|token| !token.is_empty());
    tokens.filter_map(|token| detect::credential(token).map(|secret| secret.fingerprint())).collect()
}
