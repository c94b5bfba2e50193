//! Which entry of the journal is being worked on: what is called on the way belongs to it, however
//! deep in the shipped code it happens.

use std::future::Future;

tokio::task_local! {
    static ENTRY: u64;
}

/// Does this work as a part of the entry, if it is one's.
pub(crate) async fn within<T>(entry: Option<u64>, work: impl Future<Output = T>) -> T {
    match entry {
        Some(entry) => ENTRY.scope(entry, work).await,
        None => work.await,
    }
}

/// The entry of which this is a part.
pub(crate) fn entry() -> Option<u64> {
    // `run` begins no entry, and what it does is a part of none.
    ENTRY.try_with(|entry| *entry).ok()
}
