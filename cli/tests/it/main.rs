//! The built binary as a person or a pipeline meets it: files in, text and exit codes out.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in a test, but not in what the tests share.

mod check;
mod cloud;
mod connect;
mod doctor;
#[path = "../../../tests/deployed/end_to_end.rs"]
mod end_to_end;
mod learn;
mod preview;
mod probe;
mod report;
mod run;
mod send;
mod serve;
mod snapshots;
mod support;
