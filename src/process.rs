//! The spine: match, find, plan, apply, compare, report. One handoff from its facts to a ticket with its fields filled.
//!
//! Takes an authenticated handoff; makes every decision in pure code and every call through [`Desk`]. Has no loops and no
//! sleeps: what fails is told to the caller, whose next try finds what this one left and goes on from there.

use serde::Serialize;

use crate::apply::{self, Applied, Created};
use crate::config::Mode;
use crate::desk::{Desk, DeskError, NewTicket};
use crate::fields::{Entry, Matched, Outcome, Verdicts, match_fields};
use crate::handoff::Handoff;
use crate::rules::Rules;
use crate::ticket::{Plan, Ticket, Wanted, change, plan, title};

/// What became of a handoff: the answer of `/handoffs` and `/handoffs/preview` (README, "Answers").
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

/// The ticket as Desk last showed it.
#[derive(Debug, Serialize)]
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

/// Why a handoff is not done.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Desk did not do its part.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// Desk is to make the ticket itself (`when_missing: retry`) and has not yet.
    #[error("the ticket is not there yet")]
    NotYet,
}

/// Works a handoff out and, unless the mode is preview, carries it out.
///
/// # Errors
/// [`Failure`]; trying again is always safe.
pub async fn process(desk: &Desk<'_>, rules: &Rules, handoff: &Handoff, mode: Mode) -> Result<Report, Failure> {
    let matched = match_fields(rules, handoff);
    let wanted = Wanted::new(handoff, &rules.ticket);
    let Found { ticket, customer_id } = find(desk, &wanted, handoff.ticket.id).await?;
    let plan = plan(ticket, &wanted, &matched, &rules.ticket);
    let work = Work { desk, rules, handoff, matched: &matched, wanted: &wanted };
    if mode == Mode::Preview {
        return work.preview(plan);
    }
    let (status, action, Applied { ticket, verdicts }) = match plan {
        Plan::Create => (Status::Created, Action::Create, work.create(customer_id).await?),
        Plan::Update(ticket, change) if change.is_empty() => {
            (Status::Unchanged, Action::None, Applied { ticket, verdicts: change.verdicts })
        }
        Plan::Update(ticket, change) => {
            (Status::Updated, Action::Update, apply::update(desk, ticket, change, &matched).await?)
        }
        Plan::Leave(ticket) => return Ok(work.left(ticket.as_ref())),
        Plan::NotYet => return Err(Failure::NotYet),
    };
    let opening_message = work.open_if_waiting(&ticket).await;
    let report = work.report(status, action, Some(&ticket), &verdicts);
    Ok(Report { opening_message, ..report })
}

struct Found {
    ticket: Option<Ticket>,
    customer_id: Option<u64>,
}

/// Finds the conversation's ticket: the one that the sender names, if it is the customer's; else, all asked at once, the
/// one on the conversation's channel or the customer's that names the channel as related (README, "Which ticket").
async fn find(desk: &Desk<'_>, wanted: &Wanted<'_>, named: Option<u64>) -> Result<Found, DeskError> {
    let named = match named {
        Some(id) => desk.ticket(id).await?.filter(|ticket| wanted.is_customers(ticket)),
        None => None,
    };
    if let Some(ticket) = named.as_ref().filter(|ticket| ticket.open) {
        return Ok(Found { customer_id: ticket.customer_id, ticket: named });
    }
    let on_channel = async {
        match wanted.channel_url {
            Some(channel_url) => desk.tickets_on_channel(channel_url).await,
            None => Ok(Vec::new()),
        }
    };
    let of_customer = desk.tickets_of_customer(wanted.user_id);
    let (on_channel, of_customer, customer_id) =
        tokio::try_join!(on_channel, of_customer, desk.customer(wanted.user_id))?;
    let best = wanted.best(on_channel.into_iter().chain(of_customer));
    let ticket = match best {
        Some(ticket) if ticket.open => Some(ticket),
        closed => named.or(closed),
    };
    Ok(Found { ticket, customer_id })
}

/// What the steps of one handoff share.
struct Work<'a> {
    desk: &'a Desk<'a>,
    rules: &'a Rules,
    handoff: &'a Handoff,
    matched: &'a Matched,
    wanted: &'a Wanted<'a>,
}

impl Work<'_> {
    fn preview(&self, plan: Plan) -> Result<Report, Failure> {
        let (action, ticket, verdicts) = match plan {
            Plan::Create => (Action::Create, None, apply::foreseen(self.matched)),
            Plan::Update(ticket, change) if change.is_empty() => (Action::None, Some(ticket), change.verdicts),
            Plan::Update(ticket, change) => (Action::Update, Some(ticket), change.verdicts),
            Plan::Leave(ticket) => (Action::None, ticket, Verdicts::all(self.matched, Outcome::Left)),
            Plan::NotYet => return Err(Failure::NotYet),
        };
        Ok(self.report(Status::Preview, action, ticket.as_ref(), &verdicts))
    }

    fn left(&self, ticket: Option<&Ticket>) -> Report {
        self.report(Status::Left, Action::None, ticket, &Verdicts::all(self.matched, Outcome::Left))
    }

    async fn create(&self, customer_id: Option<u64>) -> Result<Applied, Failure> {
        let Self { desk, rules, handoff, matched, wanted } = self;
        let customer_id = match customer_id {
            Some(id) => id,
            None => apply::ensure_customer(desk, wanted.user_id).await?,
        };
        let title = title(handoff, &rules.ticket);
        let full = NewTicket {
            title: &title,
            customer_id,
            values: &matched.values,
            priority: matched.priority,
            team: matched.team.as_ref(),
            related: wanted.channel_url,
        };
        let (ticket, team_refused) = match apply::create(desk, full, wanted, matched).await? {
            Created::Whole(applied) => return Ok(applied),
            Created::Partly { ticket, team_refused } => (ticket, team_refused),
        };
        let mut change = change(&ticket, wanted, matched, rules.ticket.overwrite);
        if team_refused {
            change.team = None;
            change.verdicts.team = Outcome::Rejected;
        }
        Ok(apply::update(desk, ticket, change, matched).await?)
    }

    /// A ticket that nobody has written on is invisible to agents (desk-wire section 3.3): post the opening message, if
    /// the rules have one. Its failure is reported and costs nothing else.
    async fn open_if_waiting(&self, ticket: &Ticket) -> Option<OpeningMessage> {
        let message = self.rules.ticket.opening_message.as_deref()?;
        let waiting = ticket.status.as_deref() == Some("INITIALIZED") && ticket.message_count.unwrap_or(0) == 0;
        let channel_url = ticket.channel_url.as_deref().filter(|_| waiting)?;
        if !self.desk.can_post() {
            tracing::warn!(ticket_id = ticket.id, "no chat-api-token: the opening message is not posted");
            return Some(OpeningMessage::Failed);
        }
        match self.desk.post_message(channel_url, &self.handoff.user_id, message).await {
            Ok(()) => Some(OpeningMessage::Posted),
            Err(error) => {
                tracing::warn!(%error, ticket_id = ticket.id, "the opening message is not posted");
                Some(OpeningMessage::Failed)
            }
        }
    }

    fn report(&self, status: Status, action: Action, ticket: Option<&Ticket>, verdicts: &Verdicts) -> Report {
        Report {
            status,
            action,
            event_id: self.handoff.event_id.clone(),
            conversation: ConversationReport {
                id: self.handoff.conversation.id.clone(),
                channel_url: self.handoff.conversation.channel_url.clone(),
            },
            ticket: ticket.map(TicketReport::from),
            fields: self.matched.entries(verdicts, status == Status::Preview),
            desk_calls: self.desk.calls(),
            opening_message: None,
        }
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
