//! The spine: claim, match, look, plan, apply, remember. One handoff from its facts to a ticket
//! with its fields filled, done once.
//!
//! Takes an authenticated handoff; makes every decision in pure code and every call through
//! [`Desk`]. Tries nothing again and never sleeps: what fails is reported to the caller, whose next
//! try finds what this one left and goes on from there. What is known of the customer is given back
//! in any case, also after a failure.

mod look;
mod write;

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::claims::customer::KnownTicket;
use crate::claims::{self, Attempt, ClaimRequest, ClaimResult, Claims, Customer, item_key};
use crate::config::AppId;
use crate::desk::{Desk, DeskError};
use crate::fields::{FieldOutcomes, Matched, Outcome, match_fields};
use crate::handoff::Handoff;
use crate::handoff::order::millis;
use crate::metrics;
use crate::report::{Action, Report, Status, TicketReport};
use crate::rules::Rules;
use crate::store::StoreError;
use crate::ticket::Ticket;
use crate::ticket::find::Names;
use crate::ticket::merge::{PRIORITY, TEAM};
use crate::ticket::plan::{WithoutTicket, foreseen, spelling, without_ticket};

/// How often the plan is made anew because a ticket was closed meanwhile, before the handoff comes
/// again instead.
const MAX_PLANS: usize = 3;

/// What a handoff is worked on with.
pub struct Task<'a> {
    /// Desk, for this application and this invocation.
    pub desk: &'a Desk<'a>,
    /// The application's rules.
    pub rules: &'a Rules,
    /// Who may work on a customer's handoffs.
    pub claims: &'a dyn Claims,
    /// The application.
    pub app_id: &'a AppId,
    /// The time of day at which the invocation began.
    pub now: SystemTime,
    /// The same moment, as time is measured.
    pub began: Instant,
    /// When this work will certainly have ended, one way or another.
    pub ends: SystemTime,
    /// Whether Desk may be making a ticket of its own just now, which is waited for
    /// (`grace_seconds`).
    pub has_grace: bool,
}

/// Why a handoff is not done; the caller's next step is another for each.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// Desk did not do its part.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The claims did not do their part.
    #[error(transparent)]
    Claims(#[from] StoreError),
    /// Another handoff of the customer is being worked on, for so many seconds at the most.
    #[error("another handoff of the customer is being worked on")]
    InProgress(u64),
    /// Desk is to make the ticket itself (`when_missing: wait`) and has not yet.
    #[error("the ticket is not there yet")]
    NotYet,
    /// Desk may be making a ticket itself; in so many seconds one is made here (`grace_seconds`).
    #[error("Desk may be making the ticket itself")]
    Grace(u64),
    /// The answer to a create was lost; for so many seconds its ticket is waited for.
    #[error("a ticket may have been made already")]
    CreateInDoubt(u64),
    /// Desk denies a ticket that was made a short time ago; for so many seconds it may not be shown
    /// yet.
    #[error("Desk does not show the new ticket yet")]
    NotShown(u64),
    /// Whatever ticket is found is closed before it can be written to, or is listed as open and not
    /// there when it is asked for.
    #[error("Desk shows the tickets in another state each time")]
    Unsettled,
}

impl From<&ProcessError> for metrics::WorkStatus {
    fn from(error: &ProcessError) -> Self {
        match error {
            ProcessError::InProgress(_)
            | ProcessError::NotYet
            | ProcessError::Grace(_)
            | ProcessError::CreateInDoubt(_)
            | ProcessError::NotShown(_) => Self::Postponed,
            ProcessError::Desk(_) | ProcessError::Claims(_) | ProcessError::Unsettled => {
                Self::Failed
            }
        }
    }
}

/// Carries a handoff out, unless it was done before.
///
/// # Errors
/// [`ProcessError`]; trying again is always safe.
pub async fn process(task: &Task<'_>, handoff: &Handoff) -> Result<Report, ProcessError> {
    // Matched before the claim, because the claim writes down what this try may send.
    let matched = match_fields(task.rules, handoff);
    let names = Names::of(&handoff.conversation);
    let request = claim_request(task, handoff, &matched, &names);
    let (permit, mut customer) =
        match claims::claim(task.claims, &request, &handoff.event_id).await? {
            ClaimResult::Granted(permit, customer) => (permit, customer),
            ClaimResult::AlreadyDone(mut customer) => {
                return Ok(duplicate(handoff, &mut customer, &names));
            }
            ClaimResult::InProgress(until) => {
                return Err(ProcessError::InProgress(until.saturating_sub(request.now)));
            }
        };

    let clock = (task.now, task.began);
    let mut work = Work::new(task.desk, task.rules, handoff, &matched, &mut customer, clock);
    work.has_grace = task.has_grace;
    let worked = work.carry_out().await;
    // Only now: an event that counts as done is never worked on again.
    if worked.is_ok() {
        customer.conversation(&names).remember_newest(handoff.stamp());
        customer.remember_done(&handoff.event_id, handoff.event_is_named, request.now);
    }

    // After a failure, too: what is in doubt has to be remembered, and the next try must not wait
    // for the lease to end by itself.
    let given_back = task.claims.give_back(permit, &customer, request.now).await;
    match (worked, given_back) {
        (Ok(report), Ok(())) => Ok(report),
        // Written and not remembered: the attempt stays in the item, and the next try settles it.
        (Ok(_), Err(error)) => Err(error.into()),
        (Err(failure), given_back) => {
            // The first failure says what the caller does next; this one only costs time.
            if let Err(error) = given_back {
                tracing::warn!(%error, "not given back; the lease ends by itself");
            }
            Err(failure)
        }
    }
}

/// Works a handoff out and writes nothing anywhere: `customer` is what is remembered, read without
/// a claim; `clock` the time of day at which the invocation began, and that moment.
///
/// # Errors
/// [`ProcessError`].
pub async fn preview(
    desk: &Desk<'_>,
    rules: &Rules,
    handoff: &Handoff,
    mut customer: Customer,
    clock: (SystemTime, Instant),
) -> Result<Report, ProcessError> {
    let matched = match_fields(rules, handoff);
    // Nothing of a preview is stored, so its salt need not be random.
    customer.ensure_salt("preview");
    let mut work = Work::new(desk, rules, handoff, &matched, &mut customer, clock);
    let found = work.look().await?;
    let other_open = found.other_open;

    let (action, ticket, mut outcomes) = match found.open {
        Some(ticket) => {
            let change = work.change(&ticket);
            let action = if change.is_empty() { Action::None } else { Action::Update };
            (action, Some(ticket), change.outcomes)
        }
        None => match without_ticket(&rules.ticket, found.closed.is_some()) {
            WithoutTicket::Create => (Action::Create, None, foreseen(&matched)),
            WithoutTicket::Leave | WithoutTicket::Wait => {
                (Action::None, found.closed, FieldOutcomes::all(&matched, Outcome::Left))
            }
        },
    };
    // Only a transfer shows that a team does not exist, and a preview makes none.
    if outcomes.team == Outcome::Written && !work.team_exists().await {
        outcomes.team = Outcome::Rejected;
    }
    let report = work.report(Status::Preview, action, ticket.as_ref(), &outcomes);
    Ok(Report { other_open_tickets: other_open, ..report })
}

fn claim_request(
    task: &Task<'_>,
    handoff: &Handoff,
    matched: &Matched,
    names: &Names,
) -> ClaimRequest {
    // 128 random bits, because the token also salts the digests of the attempt.
    let token = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
    let until = seconds(task.ends);
    let (event_id, stamp) = (&handoff.event_id, handoff.stamp());
    ClaimRequest {
        key: item_key(task.app_id, &handoff.user_id),
        attempt: Attempt::new(&token, names.clone(), event_id, stamp, wanted(matched), until),
        now: seconds(task.now),
        until,
        token,
    }
}

/// Field and text of everything that may be sent, spelt as Desk may spell it.
fn wanted(matched: &Matched) -> Vec<(&str, String)> {
    let values = matched
        .values
        .iter()
        .map(|value| (value.key.as_str(), spelling(value.text.expose(), value.is_integer)));
    // Like the fields: a lost answer leaves them in doubt as well.
    let priority = matched.priority.map(|priority| (PRIORITY, priority.as_str().to_owned()));
    let team = matched.team.as_ref().map(|team| (TEAM, team.as_str().to_owned()));
    values.chain(priority).chain(team).collect()
}

fn duplicate(handoff: &Handoff, customer: &mut Customer, names: &Names) -> Report {
    // Nothing is asked of Desk for a duplicate, so the id is all that can be said.
    let known = customer.conversation(names).latest().map(|ticket| ticket.id);
    let ticket = known.map(|id| TicketReport { id, ..TicketReport::default() });
    Report { ticket, ..Report::new(handoff, Status::Duplicate, Action::None) }
}

/// What the steps of one handoff share.
struct Work<'a> {
    desk: &'a Desk<'a>,
    rules: &'a Rules,
    handoff: &'a Handoff,
    matched: &'a Matched,
    customer: &'a mut Customer,
    /// All names of the conversation that are known.
    names: Names,
    /// The time of day at a moment, as time is measured.
    clock: (SystemTime, Instant),
    has_grace: bool,
}

/// How the work on one plan ended.
enum Ended {
    Done(Box<Report>),
    /// Something is otherwise than the look showed: the plan is to be made anew.
    Anew,
}

impl<'a> Work<'a> {
    fn new(
        desk: &'a Desk<'a>,
        rules: &'a Rules,
        handoff: &'a Handoff,
        matched: &'a Matched,
        customer: &'a mut Customer,
        clock: (SystemTime, Instant),
    ) -> Self {
        let names = customer.conversation(&Names::of(&handoff.conversation)).names.clone();
        Self { desk, rules, handoff, matched, customer, names, clock, has_grace: false }
    }

    async fn carry_out(&mut self) -> Result<Report, ProcessError> {
        for _ in 0..MAX_PLANS {
            let looked = self.millis_now();
            let mut found = self.look().await?;
            let other_open = std::mem::take(&mut found.other_open);
            let ended = match found.open.take() {
                Some(ticket) => self.update(ticket).await?,
                None => match without_ticket(&self.rules.ticket, found.closed.is_some()) {
                    WithoutTicket::Create => self.create(found, looked).await?,
                    WithoutTicket::Wait => return Err(ProcessError::NotYet),
                    WithoutTicket::Leave => return Ok(self.left(found.closed.as_ref())),
                },
            };
            // Otherwise somebody closed or changed the ticket between the look and the write:
            // another look says what there is to do now.
            if let Ended::Done(report) = ended {
                return Ok(Report { other_open_tickets: other_open, ..*report });
            }
        }
        Err(ProcessError::Unsettled)
    }

    fn left(&self, ticket: Option<&Ticket>) -> Report {
        let outcomes = FieldOutcomes::all(self.matched, Outcome::Left);
        self.report(Status::Left, Action::None, ticket, &outcomes)
    }

    fn known(&mut self, id: u64) -> KnownTicket {
        // A copy, because the customer is asked for other things before it is kept.
        self.customer.conversation(&self.names).ticket(id).clone()
    }

    fn keep(&mut self, known: KnownTicket) {
        let id = known.id;
        *self.customer.conversation(&self.names).ticket(id) = known;
    }

    fn event_mark(&self) -> String {
        self.customer.event_mark(
            &self.handoff.event_id,
            self.handoff.event_is_named,
            self.seconds_now(),
        )
    }

    fn channel(&self) -> Option<&str> {
        // A handoff that names its conversation by the id alone gets the channel that an earlier
        // one named.
        self.handoff.conversation.channel_url.as_deref().or_else(|| self.names.channel())
    }

    fn millis_now(&self) -> i64 {
        millis(self.time_now())
    }

    fn seconds_now(&self) -> u64 {
        seconds(self.time_now())
    }

    fn time_now(&self) -> SystemTime {
        // Counted on from the start and not read anew: the time of day may jump while we work.
        let (now, began) = self.clock;
        now + began.elapsed()
    }

    fn report(
        &self,
        status: Status,
        action: Action,
        ticket: Option<&Ticket>,
        outcomes: &FieldOutcomes,
    ) -> Report {
        Report {
            ticket: ticket.map(TicketReport::from),
            fields: self.matched.entries(outcomes, status == Status::Preview),
            desk_calls: self.desk.calls(),
            ..Report::new(self.handoff, status, action)
        }
    }
}

/// Seconds since 1970, rounded up.
fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    since.as_secs() + u64::from(since.subsec_nanos() > 0)
}
