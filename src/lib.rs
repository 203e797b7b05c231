//! wandward finds exposed Weights & Biases API keys and says what to do about them.
//!
//! ```text
//! source ──▶ decode ──▶ detect ──▶ judge ──▶ report          scan joins them, and nothing else does
//! bytes      texts      candidates findings  text out
//!                                    └──▶ fix               findings and bytes to edits
//!                          └──▶ remediate                the only door to the network: asks W&B about keys, and deletes them
//! ```
//!
//! Nouns stand on the ground floor and import nothing above them: [`object`] (a git object, where it lies), [`process`] (one that runs), [`blob`] (bytes,
//! where they came from, the way back), [`secret`] (a key that cannot be printed), [`rule`] (a page becomes a rule), [`finding`] (what a scan says),
//! [`policy`] (what is allowed to be said, and what is permitted), [`cache`] (what is known clean). A verb names nouns, and what the verb before it
//! hands over. [`write`](mod@write) is the one room that creates files. The library prints nothing, exits nowhere and never sees a flag.

pub mod blob;
pub mod cache;
pub mod decode;
pub mod detect;
pub mod finding;
pub mod fix;
pub mod judge;
pub mod object;
pub mod policy;
pub mod process;
pub mod remediate;
pub mod report;
pub mod rule;
pub mod scan;
pub mod secret;
pub mod source;
pub mod write;
