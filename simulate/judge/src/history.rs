//! What can be seen from outside: senders, queue, Desk, Desk's wire, Chat, outputs. Plain data, in
//! the order of virtual time.
//!
//! Every value that a sender sends is unlike every other and says where it comes from ([`value`]),
//! so that each write shows its handoff without any inside knowledge.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Milliseconds since the world began.
pub type Millis = u64;
/// The place of a handoff among all that were sent.
pub type HandoffNumber = usize;
/// One invocation's work on one handoff.
pub type AttemptNumber = usize;

/// Part of every value that a sender sends: it must turn up nowhere but in Desk.
pub const CANARY: &str = "canary7f3a";

/// The name under which the priority of a ticket stands beside its fields. Desk gives MEDIUM to
/// every ticket, so that this value counts as empty until we have written one.
pub const PRIORITY: &str = "$priority";

/// The value that this handoff sends under this key.
pub fn value(handoff: HandoffNumber, key: &str, kind: &str) -> String {
    match kind {
        // With zeros before it, which Desk may leave out.
        "integer" => format!("00{}", 1_000_000 + handoff as u64 * 1000 + key.len() as u64),
        "priority" => ["LOW", "HIGH", "MEDIUM", "URGENT"][handoff % 4].to_owned(),
        "link" => format!("https://{CANARY}.example/{handoff}/{key}"),
        _ => format!("v{handoff}.{key}.{CANARY}"),
    }
}

/// Who did something to a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The software, in this attempt.
    Us(AttemptNumber),
    /// A human agent.
    Human,
    /// Desk itself.
    Desk,
}

/// By which route a handoff was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// `POST /webhooks/handoff`
    Webhook,
    /// `POST /handoffs`
    Direct,
    /// `POST /handoffs/preview`
    Preview,
}

/// A handoff as its sender knows it.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The route.
    pub route: Route,
    /// Whether it is the AI agent's event.
    pub is_envelope: bool,
    /// The event's id, if the sender gives one.
    pub event: Option<String>,
    /// What stands where the conversation's id belongs: its id, or its channel.
    pub id: Option<String>,
    /// The channel of the conversation, if it is given.
    pub channel: Option<String>,
    /// The customer.
    pub user: String,
    /// The context.
    pub context: Map<String, Value>,
    /// Of an event: when the sender made it, in milliseconds, if that can be read.
    pub created: Option<i64>,
    /// When it was received, on the same clock.
    pub received: i64,
    /// When it was received for the last time, if its sender had to send it again: which receipt
    /// counts, its sender cannot know.
    pub received_last: i64,
    /// An earlier sending of the very same bytes.
    pub repeats: Option<HandoffNumber>,
    /// A preview of the very same handoff that was answered just before it was sent.
    pub foreseen: Option<HandoffNumber>,
    /// Sent when everything was quiet again, to see whether anything is left that holds it up.
    pub is_probe: bool,
    /// The `fields` document in force.
    pub rules: Value,
}

/// A ticket as a response showed it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Its id.
    pub ticket: u64,
    /// Whether it was open.
    pub is_open: bool,
    /// Its field values; `None` if the response did not show them.
    pub fields: Option<BTreeMap<String, String>>,
    /// Its priority.
    pub priority: Option<String>,
}

impl Shown {
    /// What it shows of this field, or of the priority.
    pub fn text(&self, key: &str) -> Option<&String> {
        if key == PRIORITY { self.priority.as_ref() } else { self.fields.as_ref()?.get(key) }
    }

    /// Whether it shows what stands in this field, or that nothing does.
    pub fn shows(&self, key: &str) -> bool {
        if key == PRIORITY { self.priority.is_some() } else { self.fields.is_some() }
    }
}

/// Which call of Desk or Chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallKind {
    /// A list of tickets.
    List,
    /// One ticket.
    View,
    /// A new ticket.
    Create,
    /// Field values.
    PatchFields,
    /// Priority or related channels.
    Update,
    /// A team.
    Transfer,
    /// Customers, looked for or made.
    Customer,
    /// Teams.
    Teams,
    /// A message through Chat.
    Post,
}

impl CallKind {
    /// Whether it changes a ticket that is there.
    pub fn writes(self) -> bool {
        matches!(self, Self::PatchFields | Self::Update | Self::Transfer)
    }
}

/// What happened.
#[derive(Debug, Clone)]
pub enum What {
    /// A sender sent a handoff.
    Sent(HandoffNumber, Box<Sent>),
    /// It was sent once more because no answer came, and received at that time.
    Retried(HandoffNumber, i64),
    /// It was answered.
    Answered(HandoffNumber, u16, Value),
    /// The queue took it.
    Enqueued(HandoffNumber),
    /// Its message was deleted.
    Deleted(HandoffNumber),
    /// Its message went to the dead-letter queue.
    DeadLettered(HandoffNumber),
    /// Somebody put it from there on the queue again.
    Redriven(HandoffNumber),
    /// An invocation began its work on it.
    Began(AttemptNumber, HandoffNumber),
    /// A call of this invocation to the queue or the table failed.
    StoreFailed(AttemptNumber),
    /// An invocation ended; `true`: it was killed.
    Ended(AttemptNumber, bool),
    /// A ticket came to be. `listed`: from when on lists show it.
    Created {
        /// Its id.
        ticket: u64,
        /// Its customer.
        user: String,
        /// Its own channel.
        channel: String,
        /// Its related channels.
        related: Vec<String>,
        /// From when on lists show it.
        listed: Millis,
        /// Who made it.
        by: By,
    },
    /// A field of a ticket holds another value; an empty one is none.
    FieldSet(u64, String, String, By),
    /// A write by us carried the very value that the field held already.
    Repeated(u64, String, String),
    /// A ticket was closed or opened again.
    OpenSet(u64, bool, By),
    /// A human gave a ticket another title.
    Renamed(u64),
    /// Somebody wrote in a ticket's channel.
    Messaged(u64, By),
    /// A call went out.
    Called(AttemptNumber, CallKind),
    /// A call ended, begun at that time: whether it took effect at that moment (which is given),
    /// and what its response showed, if it arrived.
    Returned {
        /// The attempt.
        attempt: AttemptNumber,
        /// The call.
        kind: CallKind,
        /// The ticket that it is about.
        ticket: Option<u64>,
        /// When it went out.
        began: Millis,
        /// When it took effect, if it did.
        effect: Option<Millis>,
        /// Whether the response arrived, with a success.
        is_ok: bool,
        /// Whether a response arrived at all.
        arrived: bool,
        /// Whether the request left: no connection, no request.
        left: bool,
        /// Whether the response says that what was asked for is not there.
        denied: bool,
        /// What it showed.
        shown: Vec<Shown>,
    },
    /// A write by us held this value for this key, and Desk stored another one or none.
    Dropped(u64, String, String),
    /// A log line or a record.
    Output(String),
    /// The record of an invocation that did a message says how many other open tickets there are.
    Recorded(AttemptNumber, u64),
    /// Nothing goes wrong from here on.
    FaultsEnded,
    /// Nothing is under way any more.
    Quiet,
    /// The probes are done, too.
    Probed,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// What happened, in order.
    pub events: Vec<(Millis, What)>,
    /// Whether nothing is to be written (`MODE=preview`).
    pub is_preview_mode: bool,
    /// Whether Chat took no message for good.
    pub chat_refuses: bool,
    /// How late lists show changes.
    pub lists_lag: Millis,
}

/// The moment at which the world began, in milliseconds since 1970.
pub const EPOCH: i64 = 1_800_000_000_000;
