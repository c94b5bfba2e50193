//! Real parts for the tests: AWS's services ([`moto`]), called as JSON ([`client`], [`setup`]) and
//! through the SDK ([`sdk`]), a bad line to them ([`lossy`]), one that counts ([`counting`]), and Lambda's Runtime Interface
//! Emulator ([`rie`]); and a person at a shell to operate them ([`operator`]).

pub(crate) mod client;
pub(crate) mod counting;
pub(crate) mod lossy;
pub(crate) mod moto;
pub(crate) mod operator;
mod python;
pub(crate) mod rie;
pub(crate) mod sdk;
pub(crate) mod setup;
