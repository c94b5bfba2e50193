//! The shipped code on real parts: the AWS SDK against moto, the built `api` under Lambda's Runtime
//! Interface Emulator.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod applications;
mod bootstrap;
mod claims;
#[path = "../claims_contract.rs"]
mod claims_contract;
#[path = "../fixtures.rs"]
mod fixtures;
mod harness;
mod operations;
mod queue;
mod ssm;
