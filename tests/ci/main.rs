//! `wandward ci`: for each event of a CI system, on the checkout that its runner makes, exactly what that event brings is
//! scanned; what was not fetched is no clean bill, and a pull request does not say how it is scanned.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod elsewhere;
mod events;
#[path = "../support/mod.rs"]
mod support;
mod told;
