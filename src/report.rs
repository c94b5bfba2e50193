//! What became of a handoff: the answer of the direct routes.
//!
//! Pure. Values are in it in a preview only (README, "Answers").

use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};

use crate::fields::{Entry, Outcome};
use crate::handoff::Handoff;
use crate::ticket::Ticket;

/// What became of a handoff.
///
/// ```
/// use desk_handoff::handoff::Handoff;
/// use desk_handoff::report::{Action, Report, Status, TicketReport};
///
/// let ticket = Some(TicketReport { id: 7, ..TicketReport::default() });
/// let handoff = Handoff::default();
/// let report = Report { ticket, ..Report::new(&handoff, Status::Created, Action::Create) };
///
/// assert_eq!(report.message(), "Ticket 7 was created; no facts were handed over.");
/// assert_eq!(serde_json::to_value(&report).unwrap()["status"], "created");
/// ```
#[derive(Debug)]
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
    /// One line for every context key and every field that was filled from elsewhere.
    pub fields: Vec<Entry>,
    /// Open tickets that are surely this conversation's and were not chosen: Desk or a human made
    /// them.
    pub other_open_tickets: Vec<u64>,
    /// Requests that Desk was sent.
    pub desk_calls: u32,
    /// Whether the opening message, which makes a new ticket visible to agents, was posted.
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
    /// It lies on the queue, and is worked on from there.
    Queued,
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
    /// Chat refused it: no agent sees the ticket before the customer writes.
    Failed,
    /// There is no `opening_message`, or no `chat-api-token`: no agent sees the ticket before the
    /// customer writes.
    #[serde(rename = "not-configured")]
    NotConfigured,
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
#[derive(Debug, Default, Serialize, Deserialize)]
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

        Self {
            status,
            action,
            event_id,
            conversation,
            ticket: None,
            fields: Vec::new(),
            other_open_tickets: Vec::new(),
            desk_calls: 0,
            opening_message: None,
        }
    }

    /// What came of it in one or two sentences, for a language model or a person. Holds no value
    /// and no id but the ticket's.
    pub fn message(&self) -> String {
        let ticket = self.ticket.as_ref().map(|ticket| format!("Ticket {}", ticket.id));
        let ticket = ticket.as_deref();
        let whose = ticket.unwrap_or("The ticket");
        // Worded here and not by the reader: a language model repeats the sentence to the customer.
        let facts = self.facts();
        let said = match self.status {
            Status::Created => format!("{whose} was created; {facts}."),
            Status::Updated => format!("{whose} was updated; {facts}."),
            Status::Unchanged => format!("{whose} needed no change; {facts}."),
            Status::Duplicate => match ticket {
                Some(ticket) => {
                    format!("This handoff was done before; see {}.", lower_first(ticket))
                }
                None => "This handoff was done before.".to_owned(),
            },
            Status::Left => match ticket {
                Some(ticket) => format!("{ticket} is closed and was left alone, as configured."),
                None => "There is no ticket, and none was made, as configured.".to_owned(),
            },
            Status::Queued => "The handoff was accepted and will be worked on shortly.".to_owned(),
            Status::Preview => match (self.action, ticket) {
                (Action::Create, _) => format!("A ticket would be created; {facts}."),
                (Action::Update, Some(ticket)) => format!("{ticket} would be updated; {facts}."),
                (Action::None | Action::Update, _) => "Nothing would be changed.".to_owned(),
            },
        };

        match (self.opening_message, self.other_open_tickets.len()) {
            // Before the other tickets: here somebody has to do something, or no agent comes.
            (Some(OpeningMessage::Failed | OpeningMessage::NotConfigured), _) => {
                format!("{said} Agents see it once the customer writes.")
            }
            (_, 0) => said,
            (_, others) => format!("{said} The conversation has {others} other open ticket(s)."),
        }
    }

    fn facts(&self) -> String {
        // What was not handed over is no fact.
        let facts = self.fields.iter().filter(|entry| entry.outcome != Outcome::Empty);
        let filled = facts.clone().filter(|entry| entry.outcome.is_filled()).count();
        let (all, verb) =
            (facts.count(), if self.status == Status::Preview { "would be" } else { "are" });

        match all {
            0 => "no facts were handed over".to_owned(),
            1 => format!("{filled} of 1 fact {} on it", if verb == "are" { "is" } else { verb }),
            _ => format!("{filled} of {all} facts {verb} on it"),
        }
    }
}

fn lower_first(text: &str) -> String {
    // It always begins with `Ticket`.
    text.replacen('T', "t", 1)
}

/// As it is answered: with its message after the action.
impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut answer = serializer.serialize_struct("Report", 10)?;
        answer.serialize_field("status", &self.status)?;
        answer.serialize_field("action", &self.action)?;
        answer.serialize_field("message", &self.message())?;
        answer.serialize_field("event_id", &self.event_id)?;
        answer.serialize_field("conversation", &self.conversation)?;
        answer.serialize_field("ticket", &self.ticket)?;
        answer.serialize_field("fields", &self.fields)?;
        answer.serialize_field("other_open_tickets", &self.other_open_tickets)?;
        answer.serialize_field("desk_calls", &self.desk_calls)?;
        if let Some(opening_message) = self.opening_message {
            answer.serialize_field("opening_message", &opening_message)?;
        }
        answer.end()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, outcome: Outcome) -> Entry {
        Entry {
            key: key.to_owned(),
            outcome,
            field: None,
            hint: None,
            by: None,
            value: None,
            agrees: false,
        }
    }

    #[test]
    fn absent_value_is_no_fact() {
        let report = Report::new(&Handoff::default(), Status::Created, Action::Create);
        let fields = vec![entry("tier", Outcome::Written), entry("language", Outcome::Empty)];
        let report = Report { fields, ..report };
        assert_eq!(report.message(), "The ticket was created; 1 of 1 fact is on it.");
    }
}
