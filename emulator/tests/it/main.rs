//! The emulated Desk, asked over real HTTP. Every test has a Desk of its own.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in a test, but not in what the tests share.

mod chat;
mod choices;
mod client;
mod customers;
mod faults;
mod fields;
mod lists;
mod server;
mod tickets;
