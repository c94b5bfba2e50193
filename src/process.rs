//! The spine: claim, match, find, plan, apply, compare, complete or release. One handoff from its facts to a ticket with
//! its fields filled, done once.
//!
//! Takes an authenticated handoff; makes every decision in pure code and every call through [`Desk`]. Tries nothing again and
//! never sleeps: what fails is told to the caller, whose next try finds what this one left and goes on from there.

use std::collections::BTreeMap;
use std::time::SystemTime;

use secrecy::SecretString;

use crate::apply::{self, Applied, Created};
use crate::claims::{Answer, ClaimRequest, Claims, Digester, Record, Written, event_digest, item_key};
use crate::config::AppId;
use crate::desk::{Desk, DeskError, NewTicket};
use crate::fields::{Matched, Outcome, Verdicts, match_fields};
use crate::handoff::Handoff;
use crate::metrics;
use crate::report::{Action, OpeningMessage, Report, Status, TicketReport};
use crate::rules::{Overwrite, Rules};
use crate::seam::StoreError;
use crate::ticket::{Merge, PRIORITY, Plan, StoredText, TEAM, Ticket, Wanted, change, plan, title};

/// What a handoff is worked on with.
pub struct Task<'a> {
    /// Desk, for this application and this invocation.
    pub desk: &'a Desk<'a>,
    /// The application's rules.
    pub rules: &'a Rules,
    /// Who may work on a conversation.
    pub claims: &'a dyn Claims,
    /// The application.
    pub app_id: &'a AppId,
    /// The Desk tokens, with which what was written is remembered.
    pub tokens: &'a [SecretString],
    /// The time of day.
    pub now: SystemTime,
    /// When this work will certainly have ended, one way or another.
    pub ends: SystemTime,
}

/// Why a handoff is not done.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Desk did not do its part.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The claims did not do their part.
    #[error(transparent)]
    Claims(#[from] StoreError),
    /// The conversation is being worked on, for so many seconds at the most.
    #[error("the conversation is being worked on")]
    UnderWay(u64),
    /// Desk is to make the ticket itself (`when_missing: retry`) and has not yet.
    #[error("the ticket is not there yet")]
    NotYet,
}

impl From<&Failure> for metrics::Status {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::UnderWay(_) | Failure::NotYet => Self::Postponed,
            Failure::Desk(_) | Failure::Claims(_) => Self::Failed,
        }
    }
}

/// Carries a handoff out, unless it was done before.
///
/// # Errors
/// [`Failure`]; trying again is always safe.
pub async fn process(task: &Task<'_>, handoff: &Handoff) -> Result<Report, Failure> {
    let matched = match_fields(task.rules, handoff);
    let key = item_key(task.app_id, handoff);
    let digester = Digester::new(task.tokens, &key);
    let now = seconds(task.now);
    let request = ClaimRequest {
        key: key.clone(),
        event: event_digest(handoff),
        pending: pending(&matched, &digester),
        now,
        until: seconds(task.ends),
        token: format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..)),
    };
    let permit = match task.claims.claim(&request).await? {
        Answer::Go(permit) => permit,
        Answer::Duplicate(record) => return Ok(duplicate(handoff, &record)),
        Answer::Busy(until) => return Err(Failure::UnderWay(until.saturating_sub(now))),
    };
    let work = Work { desk: task.desk, rules: task.rules, handoff, matched: &matched, known: &permit.known, digester };
    match work.carry_out().await {
        Ok((report, record)) => {
            task.claims.complete(permit, record, now).await?;
            Ok(report)
        }
        Err(failure) => {
            if let Err(error) = task.claims.release(permit).await {
                tracing::warn!(%error, "not released; the lease ends by itself");
            }
            Err(failure)
        }
    }
}

/// Works a handoff out and writes nothing anywhere. Claims are not asked: what this software wrote before counts as
/// somebody else's.
///
/// # Errors
/// [`Failure`].
pub async fn preview(desk: &Desk<'_>, rules: &Rules, handoff: &Handoff) -> Result<Report, Failure> {
    let matched = match_fields(rules, handoff);
    let known = Record::default();
    let work = Work { desk, rules, handoff, matched: &matched, known: &known, digester: Digester::new(&[], "") };
    let (plan, _) = work.plan().await?;
    let (action, ticket, verdicts) = match plan {
        Plan::Create => (Action::Create, None, apply::foreseen(&matched)),
        Plan::Update(ticket, change) if change.is_empty() => (Action::None, Some(ticket), change.verdicts),
        Plan::Update(ticket, change) => (Action::Update, Some(ticket), change.verdicts),
        Plan::Leave(ticket) => (Action::None, ticket, Verdicts::all(&matched, Outcome::Left)),
        Plan::NotYet => (Action::None, None, Verdicts::all(&matched, Outcome::Left)),
    };
    Ok(work.report(Status::Preview, action, ticket.as_ref(), &verdicts))
}

fn duplicate(handoff: &Handoff, record: &Record) -> Report {
    let ticket = record.ticket_id.map(|id| TicketReport { id, ..TicketReport::default() });
    Report { ticket, ..Report::new(handoff, Status::Duplicate, Action::None) }
}

/// What is about to be written, in digests.
fn pending(matched: &Matched, digester: &Digester) -> Written {
    let mut pending = Written::default();
    for value in &matched.values {
        pending.set(value.key.as_str(), digester.digest(value.key.as_str(), value.text.expose()));
    }
    if let Some(priority) = matched.priority {
        pending.set(PRIORITY, digester.digest(PRIORITY, priority.as_str()));
    }
    if let Some(team) = &matched.team {
        pending.set(TEAM, digester.digest(TEAM, team.as_str()));
    }
    pending
}

/// What the steps of one handoff share.
struct Work<'a> {
    desk: &'a Desk<'a>,
    rules: &'a Rules,
    handoff: &'a Handoff,
    matched: &'a Matched,
    known: &'a Record,
    digester: Digester,
}

impl Work<'_> {
    async fn carry_out(&self) -> Result<(Report, Record), Failure> {
        let (plan, customer_id) = self.plan().await?;
        let before = match &plan {
            Plan::Update(ticket, _) => ticket.fields.clone().unwrap_or_default(),
            Plan::Create | Plan::Leave(_) | Plan::NotYet => BTreeMap::new(),
        };
        let (status, action, Applied { ticket, verdicts }) = match plan {
            Plan::Create => (Status::Created, Action::Create, self.create(customer_id).await?),
            Plan::Update(ticket, change) if change.is_empty() => {
                (Status::Unchanged, Action::None, Applied { ticket, verdicts: change.verdicts })
            }
            Plan::Update(ticket, change) => {
                (Status::Updated, Action::Update, apply::update(self.desk, ticket, change, self.matched).await?)
            }
            Plan::Leave(ticket) => {
                let verdicts = Verdicts::all(self.matched, Outcome::Left);
                let record = self.record(ticket.as_ref(), &verdicts, &before);
                return Ok((self.report(Status::Left, Action::None, ticket.as_ref(), &verdicts), record));
            }
            Plan::NotYet => return Err(Failure::NotYet),
        };
        let opening_message = self.open_if_waiting(&ticket).await;
        let report = self.report(status, action, Some(&ticket), &verdicts);
        Ok((Report { opening_message, ..report }, self.record(Some(&ticket), &verdicts, &before)))
    }

    /// What is to be done, and Desk's number of the customer if it came up.
    async fn plan(&self) -> Result<(Plan, Option<u64>), Failure> {
        let wanted = self.wanted();
        let Found { ticket, customer_id } = self.find(&wanted).await?;
        let wrote = self.wrote();
        Ok((plan(ticket, &wanted, self.matched, &self.rules.ticket, self.merge(&wrote)), customer_id))
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted::new(self.handoff, &self.rules.ticket)
    }

    fn wrote(&self) -> impl Fn(&str, &str) -> bool {
        |field, stored| self.known.written.has(field, &self.digester.digests(field, stored))
    }

    /// A handoff older than the newest one done fills what is empty and replaces nothing.
    fn merge<'m>(&self, wrote: &'m dyn Fn(&str, &str) -> bool) -> Merge<'m> {
        let times = self.handoff.micros().zip(self.known.newest);
        let stale = times.is_some_and(|(ours, newest)| ours < newest);
        Merge { overwrite: if stale { Overwrite::Never } else { self.rules.ticket.overwrite }, wrote }
    }

    /// Finds the conversation's ticket: the one that the sender names or that is remembered, if it is the customer's;
    /// else, all asked at once, the one on the conversation's channel or the customer's that names the channel as related or
    /// the conversation in its title (README, "Which ticket").
    async fn find(&self, wanted: &Wanted<'_>) -> Result<Found, DeskError> {
        let desk = self.desk;
        let mut named = self.view(self.handoff.ticket.id, wanted).await?;
        if named.as_ref().is_none_or(|ticket| !ticket.open) && self.known.ticket_id != self.handoff.ticket.id {
            named = self.view(self.known.ticket_id, wanted).await?.or(named);
        }
        if let Some(ticket) = named.as_ref().filter(|ticket| ticket.open) {
            return Ok(Found { customer_id: ticket.customer_id, ticket: named });
        }
        let on_channel = async {
            match wanted.channel_url {
                Some(channel_url) => desk.tickets_on_channel(channel_url).await,
                None => Ok(Vec::new()),
            }
        };
        let customer = async {
            match self.known.customer_id {
                Some(id) => Ok(Some(id)),
                None => desk.customer(wanted.user_id).await,
            }
        };
        let (on_channel, of_customer, customer_id) =
            tokio::try_join!(on_channel, desk.tickets_of_customer(wanted.user_id), customer)?;
        let best = wanted.best(on_channel.into_iter().chain(of_customer));
        let ticket = match best {
            Some(ticket) if ticket.open => Some(self.shown(ticket, wanted).await?),
            closed => named.or(closed),
        };
        Ok(Found { ticket, customer_id })
    }

    /// A ticket of a list that does not show its fields, as Desk shows it alone: what is not shown may be a human's.
    async fn shown(&self, ticket: Ticket, wanted: &Wanted<'_>) -> Result<Ticket, DeskError> {
        if ticket.fields.is_some() || self.matched.values.is_empty() {
            return Ok(ticket);
        }
        let alone = self.desk.ticket(ticket.id).await?;
        Ok(alone.filter(|alone| alone.open && wanted.owns(alone)).unwrap_or(ticket))
    }

    /// The ticket of this id, if there is one and it is the customer's.
    async fn view(&self, id: Option<u64>, wanted: &Wanted<'_>) -> Result<Option<Ticket>, DeskError> {
        match id {
            Some(id) => Ok(self.desk.ticket(id).await?.filter(|ticket| wanted.is_customers(ticket))),
            None => Ok(None),
        }
    }

    async fn create(&self, customer_id: Option<u64>) -> Result<Applied, Failure> {
        let (desk, matched, wanted) = (self.desk, self.matched, self.wanted());
        let customer_id = match customer_id {
            Some(id) => id,
            None => apply::ensure_customer(desk, wanted.user_id).await?,
        };
        let title = title(self.handoff, &self.rules.ticket);
        let full = NewTicket {
            title: if wanted.channel_url.is_some() { &title } else { &wanted.title },
            customer_id,
            values: &matched.values,
            priority: matched.priority,
            team: matched.team.as_ref(),
            related: wanted.channel_url,
        };
        let (ticket, team_refused) = match apply::create(desk, full, &wanted, matched).await? {
            Created::Whole(applied) => return Ok(applied),
            Created::Partly { ticket, team_refused } => (ticket, team_refused),
        };
        let wrote = self.wrote();
        let mut change = change(&ticket, &wanted, matched, self.merge(&wrote));
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
            ticket: ticket.map(TicketReport::from),
            fields: self.matched.entries(verdicts, status == Status::Preview),
            desk_calls: self.desk.calls(),
            ..Report::new(self.handoff, status, action)
        }
    }

    /// What to remember: what the ticket holds of what was sent is ours, whoever put it there first; so is what it holds
    /// only since then, for Desk may have spelt it in its own way.
    fn record(&self, ticket: Option<&Ticket>, verdicts: &Verdicts, before: &BTreeMap<String, StoredText>) -> Record {
        let mut written = self.known.written.clone();
        let stored = ticket.and_then(|ticket| ticket.fields.as_ref());
        for (value, outcome) in self.matched.values.iter().zip(&verdicts.values) {
            let (key, text) = (value.key.as_str(), stored.and_then(|fields| fields.get(value.key.as_str())));
            let respelt = *outcome == Outcome::Rejected && text.is_some() && text != before.get(key);
            if outcome.is_filled() || respelt {
                written.set(key, self.digester.digest(key, text.unwrap_or(&value.text).expose()));
            }
        }
        if let Some(priority) = self.matched.priority.filter(|_| verdicts.priority.is_filled()) {
            written.set(PRIORITY, self.digester.digest(PRIORITY, priority.as_str()));
        }
        if let Some(team) = self.matched.team.as_ref().filter(|_| verdicts.team.is_filled()) {
            written.set(TEAM, self.digester.digest(TEAM, team.as_str()));
        }
        Record {
            ticket_id: ticket.map(|ticket| ticket.id).or(self.known.ticket_id),
            customer_id: ticket.and_then(|ticket| ticket.customer_id).or(self.known.customer_id),
            written,
            newest: self.handoff.micros().max(self.known.newest),
        }
    }
}

struct Found {
    ticket: Option<Ticket>,
    customer_id: Option<u64>,
}

/// Seconds since 1970, rounded up.
fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_secs() + u64::from(since.subsec_nanos() > 0)
}
