//! The judge: says which promises a history breaks, going by nothing but what a customer, a human
//! agent, an operator and a sender can see ([`history`]). It is written from the promises
//! (docs/reliability.md) and imports nothing of the project, so that it cannot repeat an idea of
//! the code that it judges.
//!
//! [`judge`] plays a history back, event by event, and keeps what was visible when. S1 to S15 must
//! never happen, A1 to A8 are the truth of answers, L1 to L7 hold once nothing goes wrong any more.
//! [`probe::judge`] judges a run of `cargo handoff probe`.

mod expected_outcomes;
pub mod history;
pub mod probe;
mod replay;

pub use expected_outcomes::{Wanted, wanted};
pub use replay::judge;

/// A promise that a history breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Such as `S3`.
    pub promise: &'static str,
    /// When, in milliseconds since the world began.
    pub at: u64,
    /// What happened.
    pub what: String,
}
