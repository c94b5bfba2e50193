//! What the emulated Desk holds: tickets, customers, teams, messages. It knows nothing of requests.

pub(crate) mod clock;
pub(crate) mod customer;
pub(crate) mod fields;
pub(crate) mod group;
pub(crate) mod message;
pub(crate) mod setup;
pub(crate) mod state;
pub(crate) mod ticket;
pub(crate) mod webhook_setting;

/// The one project that the emulated Desk has.
pub(crate) const PROJECT: u64 = 105;
