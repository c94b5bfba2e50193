//! One function a call, over the state.

pub(crate) mod chat;
pub(crate) mod customers;
pub(crate) mod groups;
pub(crate) mod page;
pub(crate) mod tickets;
pub(crate) mod webhook_setting;
pub(crate) mod wrong_ticket;
