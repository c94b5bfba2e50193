//! The shipped code against an embedded Desk over real HTTP, its faults included.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod alarms_and_dashboard;
mod applications;
mod claims;
#[path = "../claims_contract.rs"]
mod claims_contract;
mod documents;
mod edge;
mod events;
mod faults;
#[path = "../fixtures.rs"]
#[allow(dead_code, reason = "the other test binaries use the rest")]
mod fixtures;
mod handoffs;
mod house_rules;
mod metrics;
mod once;
mod openapi;
mod policies;
mod problems;
mod round_trips;
mod security;
mod security_bombs;
mod security_desk;
mod security_page;
mod start;
mod structure;
mod template;
mod webhook;
mod world;
