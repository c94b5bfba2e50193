//! A message in a ticket's channel.

/// A message that was posted through Chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The ticket in whose channel it is.
    pub ticket: u64,
    /// The channel.
    pub channel_url: String,
    /// The Chat user who wrote it.
    pub user_id: String,
    /// Its text.
    pub message: String,
}
