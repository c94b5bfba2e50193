//! The built binary as a person or a pipeline meets it: files in, text and exit codes out.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in a test, but not in what the tests share.

mod check;
mod cloud;
mod connect;
mod doctor;
mod learn;
mod preview;
#[path = "../../../tests/deployed/round.rs"]
mod round;
mod run;
mod send;
mod serve;
mod snapshots;
mod support;
