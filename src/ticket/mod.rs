//! Our view of a Desk ticket: whose it is ([`find`]), what on it is ours ([`merge`]), what is to
//! change ([`plan`]).
//!
//! Pure. Desk's own JSON is read in [`crate::desk`] and nowhere else.

pub mod find;
pub mod merge;
pub mod plan;

use std::collections::BTreeMap;

/// The most Chat channels that a ticket names as related (desk-wire section 3.3).
pub const MAX_RELATED: usize = 3;

/// A ticket as Desk shows it; everything but the id may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ticket {
    /// Desk's number.
    pub id: u64,
    /// The title, which is also the name of the ticket's channel.
    pub title: Option<String>,
    /// The ticket's own Chat channel.
    pub channel_url: Option<String>,
    /// `status2`, or the older `status`; an open set.
    pub status: Option<String>,
    /// Neither its status nor its close status says closed.
    pub open: bool,
    /// An open set.
    pub priority: Option<String>,
    /// The key of its team; the Default team has none.
    pub team: Option<String>,
    /// Field key to value; `None` if the answer did not say.
    pub fields: Option<BTreeMap<String, StoredText>>,
    /// The customer's number in Desk.
    pub customer_id: Option<u64>,
    /// The customer's Sendbird user id.
    pub sendbird_id: Option<String>,
    /// Channels named as related; `None` if the answer did not say.
    pub related: Option<Vec<String>>,
    /// Messages so far.
    pub message_count: Option<u64>,
}

/// A value that Desk holds.
pub type StoredText = crate::fields::Private;

impl Ticket {
    /// Whether agents see it: a new ticket is invisible to them until somebody writes in it
    /// (desk-wire section 3.3).
    pub fn is_invisible(&self) -> bool {
        // No count counts as no message: one message too many is better than a ticket that nobody
        // sees.
        self.status.as_deref() == Some("INITIALIZED") && self.message_count.unwrap_or(0) == 0
    }

    /// Whether two looks at one ticket show it in different states, in what both of them show.
    pub fn differs(&self, other: &Self) -> bool {
        // Title and related channels are left out, because no decision about a value hangs on them.
        let shows_other_fields =
            self.fields.is_some() && other.fields.is_some() && self.fields != other.fields;
        shows_other_fields
            || self.open != other.open
            || self.priority != other.priority
            || self.team != other.team
    }
}
