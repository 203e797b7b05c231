//! The only door to the network, and the only room that reads a key's text: what W&B says of a key, an account's keys, and their
//! end. In: keys from a scan, and what the operator says of servers. Out: verdicts, plans, steps that were taken. A key goes to
//! the server that it belongs to and nowhere else; nothing that comes out of here holds one.

mod account;
mod aftermath;
mod answer;
mod audit;
mod filter_repo;
mod handover;
mod netrc;
mod operations;
mod plan;
mod revoke;
mod rotate;
mod server;
mod transport;
mod verify;

pub use account::{Account, AccountKey, Trouble, all_users, findings, is_vague, list, seconds_of};
pub use aftermath::aftermath;
pub use audit::{Audit, Record, Step, evidence, plain};
pub use filter_repo::callbacks;
pub use handover::Destination;
pub use netrc::{netrc_keys, netrc_password};
pub use plan::{Credential, Deletion, Fate, Operator, Planned, breaks, plan};
pub use revoke::{Done, Resumed, delete, resume, unplaced};
pub use rotate::{Made, make};
pub use server::{Choice, Named, PUBLIC_CLOUD, Rules, Server, WrongServer};
pub use transport::{Client, ProxyWords, WrongProxy};
pub use verify::{ask, ask_all};
