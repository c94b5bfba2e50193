//! The shipped code against an embedded Desk over real HTTP, its faults included.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod edge;
mod events;
mod faults;
#[path = "../fixtures.rs"]
mod fixtures;
mod handoffs;
mod house_rules;
mod policies;
mod world;
