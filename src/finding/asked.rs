//! What a server says of a key. In: the answer that `remediate/` made out. Out: a noun for reports; it holds no key, and no text
//! of a server that repeats one.

/// Whether a key can be used. The greater one decides where two servers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Liveness {
    /// The server that it belongs to does not take it.
    Dead,
    /// Nobody could say.
    Unknown,
    /// A server takes it.
    Live,
}

impl Liveness {
    /// Every one, the lesser first.
    pub const ALL: [Liveness; 3] = [Liveness::Dead, Liveness::Unknown, Liveness::Live];

    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Liveness::Dead => "dead",
            Liveness::Unknown => "unknown",
            Liveness::Live => "live",
        }
    }
}

/// Whose a live key is, as far as its server tells. Nobody asks for an e-mail address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// The user name.
    pub user: Option<String>,
    /// The entity that runs go to by default.
    pub entity: Option<String>,
    /// The teams.
    pub teams: Vec<String>,
    /// The type of account: `user` or `service`, or what else the server calls it.
    pub account: Option<String>,
    /// Whether it is an administrator.
    pub admin: Option<bool>,
}

/// What one server says of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The verdict.
    pub liveness: Liveness,
    /// The server that the verdict is about, by its base URL; asked or not, as `reason` says. None if nobody knows which.
    pub server: Option<String>,
    /// Why this server: who named it.
    pub named_by: &'static str,
    /// Whose the key is.
    pub owner: Option<Owner>,
    /// What the verdict rests on, as a clause.
    pub reason: String,
}
