//! The shipped code on real parts: the AWS SDK against moto, the built `api` under Lambda's Runtime Interface Emulator.

#[path = "../answers.rs"]
mod answers;
mod bootstrap;
mod harness;
mod ssm;
