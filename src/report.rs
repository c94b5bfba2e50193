//! What became of a handoff: the answer of the direct routes.
//!
//! Pure. Values are in it in a preview only (README, "Answers").

use serde::Serialize;

use crate::fields::Entry;
use crate::handoff::Handoff;
use crate::ticket::Ticket;

/// What became of a handoff.
#[derive(Debug, Serialize)]
pub struct Report {
    /// How it ended.
    pub status: Status,
    /// What was done to the ticket, or in a preview would be.
    pub action: Action,
    /// The event's id.
    pub event_id: String,
    /// The conversation handed over.
    pub conversation: ConversationReport,
    /// The ticket, if there is one.
    pub ticket: Option<TicketReport>,
    /// One line for every context key and every field with a source of its own.
    pub fields: Vec<Entry>,
    /// Requests that Desk was sent.
    pub desk_calls: u32,
    /// Whether the opening message, which makes a new ticket visible to agents, was posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opening_message: Option<OpeningMessage>,
}

/// How a handoff ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// With a new ticket.
    Created,
    /// With changes to a ticket.
    Updated,
    /// With a ticket that held everything already.
    Unchanged,
    /// It was done before: nothing was asked of Desk.
    Duplicate,
    /// Without touching anything, as the rules say.
    Left,
    /// Nothing was to be written.
    Preview,
}

/// What was done to the ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It was made.
    Create,
    /// It was changed.
    Update,
    /// Nothing.
    None,
}

/// How the opening message fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OpeningMessage {
    /// It is on the ticket's channel.
    Posted,
    /// It is not: no agent sees the ticket before the customer writes.
    Failed,
}

/// The conversation handed over.
#[derive(Debug, Serialize)]
pub struct ConversationReport {
    /// Its number.
    pub id: Option<String>,
    /// Its channel.
    pub channel_url: Option<String>,
}

/// The ticket as Desk last showed it; of a duplicate only the id.
#[derive(Debug, Default, Serialize)]
pub struct TicketReport {
    /// Desk's number.
    pub id: u64,
    /// The ticket's own channel.
    pub channel_url: Option<String>,
    /// Such as `PENDING`.
    pub status: Option<String>,
    /// Such as `MEDIUM`.
    pub priority: Option<String>,
    /// The team's key; the Default team has none.
    pub team: Option<String>,
}

impl Report {
    /// A report of a handoff of which nothing else is known yet.
    pub fn new(handoff: &Handoff, status: Status, action: Action) -> Self {
        let conversation = ConversationReport {
            id: handoff.conversation.id.clone(),
            channel_url: handoff.conversation.channel_url.clone(),
        };
        let event_id = handoff.event_id.clone();
        let fields = Vec::new();
        Self { status, action, event_id, conversation, ticket: None, fields, desk_calls: 0, opening_message: None }
    }
}

impl From<&Ticket> for TicketReport {
    fn from(ticket: &Ticket) -> Self {
        Self {
            id: ticket.id,
            channel_url: ticket.channel_url.clone(),
            status: ticket.status.clone(),
            priority: ticket.priority.clone(),
            team: ticket.team.clone(),
        }
    }
}
