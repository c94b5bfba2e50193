//! Real parts for the tests: AWS's services ([`moto`]), a bad line to them ([`lossy`]), and Lambda's Runtime Interface
//! Emulator ([`rie`]).

pub(crate) mod lossy;
pub(crate) mod moto;
mod python;
pub(crate) mod rie;
