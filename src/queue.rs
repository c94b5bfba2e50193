//! The interface of the queue between the webhook and the worker.
//!
//! A FIFO queue: the handoffs of one customer form a group and are worked on one after the other;
//! the same event put on it twice within five minutes lies on it once. What lies on it is a
//! [`crate::handoff::message::Message`].

use crate::store::{BoxFuture, StoreFuture};

/// A queue.
pub trait Queue: Send + Sync {
    /// Puts an entry on the queue; `Ok` means that the queue holds it.
    fn send<'a>(&'a self, entry: &'a QueueEntry) -> StoreFuture<'a>;

    /// Lets the message that was received with this handle come again after so many seconds.
    fn change_visibility<'a>(&'a self, handle: &'a str, seconds: u32) -> StoreFuture<'a>;

    /// Gets ready what the first entry would have to wait for; that it cannot is no failure.
    fn open(&self) -> BoxFuture<'_, ()> {
        // A queue in memory has nothing to open.
        Box::pin(std::future::ready(()))
    }
}

/// What is handed to the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueEntry {
    /// The customer, as 64 hex digits.
    pub group: String,
    /// The event, as 64 hex digits.
    pub deduplication: String,
    /// A [`crate::handoff::message::Message`] as JSON.
    pub body: String,
}
