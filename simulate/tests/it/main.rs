//! Worlds that are played and judged: small ones exhaustively, large ones at random.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod capacity;
mod found;
mod own;
mod pairs;
mod seeds;
