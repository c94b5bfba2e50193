//! The spine: claim, match, look, plan, apply, remember. One handoff from its facts to a ticket
//! with its fields filled, done once.
//!
//! Takes an authenticated handoff; makes every decision in pure code and every call through
//! [`Desk`]. Tries nothing again and never sleeps: what fails is reported to the caller, whose next
//! try finds what this one left and goes on from there. What is known of the customer is given back
//! in any case, also after a failure.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::apply::{self, Created, RELATED, Stop, Written};
use crate::claims::customer::{KnownTicket, Opening, Subject};
use crate::claims::{self, Attempt, ClaimRequest, ClaimResult, Claims, Customer, item_key};
use crate::config::AppId;
use crate::desk::{Desk, DeskError, ErrorKind, NewTicket};
use crate::fields::{FieldOutcomes, Matched, Outcome, match_fields};
use crate::handoff::Handoff;
use crate::metrics;
use crate::report::{Action, OpeningMessage, Report, Status, TicketReport};
use crate::retry::Sent;
use crate::rules::{FieldKind, Rules};
use crate::store::StoreError;
use crate::ticket::Ticket;
use crate::ticket::find::{MatchStrength, Names, TicketMatcher, title};
use crate::ticket::merge::{Claimant, Marks, PRIORITY, TEAM};
use crate::ticket::plan::{Change, WithoutTicket, change, foreseen, spelling, without_ticket};

/// How often the plan is made anew because a ticket was closed meanwhile, before the handoff comes
/// again instead.
const MAX_PLANS: usize = 3;
/// How many tickets of a list are looked at one by one before the handoff comes again instead.
const MAX_CANDIDATES: usize = 3;

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
            | ProcessError::CreateInDoubt(_) => Self::Postponed,
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

    let mut work = Work::new(task.desk, task.rules, handoff, &matched, &mut customer);
    (work.clock, work.has_grace) = (Some((task.now, task.began)), task.has_grace);
    let worked = work.carry_out().await;
    if worked.is_ok() {
        customer.conversation(&names).remember_newest(handoff.stamp());
        customer.remember_done(&handoff.event_id, handoff.event_is_named, request.now);
    }

    let given_back = task.claims.give_back(permit, &customer, request.now).await;
    match (worked, given_back) {
        (Ok(report), Ok(())) => Ok(report),
        (Ok(_), Err(error)) => Err(error.into()),
        (Err(failure), given_back) => {
            if let Err(error) = given_back {
                tracing::warn!(%error, "not given back; the lease ends by itself");
            }
            Err(failure)
        }
    }
}

/// Works a handoff out and writes nothing anywhere: `customer` is what is remembered, read without
/// a claim.
///
/// # Errors
/// [`ProcessError`].
pub async fn preview(
    desk: &Desk<'_>,
    rules: &Rules,
    handoff: &Handoff,
    mut customer: Customer,
) -> Result<Report, ProcessError> {
    let matched = match_fields(rules, handoff);
    customer.ensure_salt("preview");
    let mut work = Work::new(desk, rules, handoff, &matched, &mut customer);
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
    let priority = matched.priority.map(|priority| (PRIORITY, priority.as_str().to_owned()));
    let team = matched.team.as_ref().map(|team| (TEAM, team.as_str().to_owned()));
    values.chain(priority).chain(team).collect()
}

fn duplicate(handoff: &Handoff, customer: &mut Customer, names: &Names) -> Report {
    let known = customer.conversation(names).latest().map(|ticket| ticket.id);
    let ticket = known.map(|id| TicketReport { id, ..TicketReport::default() });
    Report { ticket, ..Report::new(handoff, Status::Duplicate, Action::None) }
}

/// What a look found.
struct Found {
    /// The open ticket to be filled, as Desk shows it alone.
    open: Option<Ticket>,
    /// A closed one of the conversation.
    closed: Option<Ticket>,
    /// Other open tickets that are surely the conversation's.
    other_open: Vec<u64>,
    /// The ids of all tickets that were seen.
    seen: Vec<u64>,
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
    /// The time of day at a moment, as time is measured; none in a preview, which decides nothing
    /// by it.
    clock: Option<(SystemTime, Instant)>,
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
    ) -> Self {
        let names = customer.conversation(&Names::of(&handoff.conversation)).names.clone();
        let (clock, has_grace) = (None, false);
        Self { desk, rules, handoff, matched, customer, names, clock, has_grace }
    }

    async fn carry_out(&mut self) -> Result<Report, ProcessError> {
        for _ in 0..MAX_PLANS {
            let mut found = self.look().await?;
            let other_open = std::mem::take(&mut found.other_open);
            let ended = match found.open.take() {
                Some(ticket) => self.update(ticket).await?,
                None => match without_ticket(&self.rules.ticket, found.closed.is_some()) {
                    WithoutTicket::Create => self.create(found).await?,
                    WithoutTicket::Wait => return Err(ProcessError::NotYet),
                    WithoutTicket::Leave => return Ok(self.left(found.closed.as_ref())),
                },
            };
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

    // --- looking ---

    /// Finds the conversation's ticket: the one that the sender names; else the one that is
    /// remembered; else the best of the customer's. All are asked for at once. A failed look-up is
    /// a failure, never "not found".
    async fn look(&mut self) -> Result<Found, ProcessError> {
        let desk = self.desk;
        let matcher = self.matcher();
        let remembered = self.customer.conversation(&self.names).latest().map(|ticket| ticket.id);
        let hint = self.handoff.ticket.id.filter(|hint| Some(*hint) != remembered);
        let user_id = matcher.user_id();
        let needs_number = self.customer.desk_id.is_none();
        let number = async { if needs_number { desk.customer(user_id).await } else { Ok(None) } };
        let (hinted, known, listed, number) = futures_util::join!(
            self.hinted(hint),
            view(desk, remembered),
            desk.tickets_of_customer(user_id),
            number
        );
        let hinted = hinted?.filter(|ticket| matcher.takes_hint(ticket));
        let known = known?;
        let is_listed = |ticket: &Ticket| ticket.open && Some(ticket.id) == remembered;
        if known.is_none() && listed.as_ref().is_ok_and(|listed| listed.iter().any(is_listed)) {
            return Err(ProcessError::Unsettled);
        }
        let known = known.filter(|ticket| matcher.may_be_taken(ticket));

        let mut named: Vec<Ticket> = [hinted, known].into_iter().flatten().collect();
        for ticket in &mut named {
            let is_other = |shown: &Ticket| shown.id == ticket.id && shown.differs(ticket);
            // Which of the two is the later one, only a third look can say: a human may be writing
            // just now.
            if listed.as_ref().is_ok_and(|listed| listed.iter().any(is_other)) {
                *ticket = desk.ticket(ticket.id).await?.ok_or(ProcessError::Unsettled)?;
            }
        }
        let (open, closed): (Vec<Ticket>, Vec<Ticket>) =
            named.into_iter().partition(|ticket| ticket.open);
        let listed = match listed {
            // What is needed is there already.
            Err(error) if !open.is_empty() => {
                tracing::warn!(%error, "the customer's other tickets are not known");
                Vec::new()
            }
            listed => listed?,
        };
        if open.is_empty()
            && let Some(number) = number?
        {
            self.customer.desk_id = Some(number);
        }
        self.choose(&matcher, open, closed, listed).await
    }

    async fn hinted(&self, hint: Option<u64>) -> Result<Option<Ticket>, DeskError> {
        match view(self.desk, hint).await {
            // A hint that Desk does not take is just no help.
            Err(error) if matches!(error.status.map(|status| status.as_u16()), Some(400 | 403)) => {
                Ok(None)
            }
            viewed => viewed,
        }
    }

    async fn choose(
        &mut self,
        matcher: &TicketMatcher<'_>,
        named: Vec<Ticket>,
        mut closed: Vec<Ticket>,
        listed: Vec<Ticket>,
    ) -> Result<Found, ProcessError> {
        let listed_ids: Vec<u64> = listed.iter().map(|ticket| ticket.id).collect();
        let mut seen = listed_ids.clone();
        seen.extend(named.iter().chain(&closed).map(|ticket| ticket.id));
        seen.extend(self.customer.known_tickets());
        let known_closed: Vec<u64> = closed.iter().map(|ticket| ticket.id).collect();

        let (mut candidates, gone) = ranked(matcher, listed);
        candidates.retain(|ticket| !known_closed.contains(&ticket.id));
        closed.extend(gone);
        let mut others: Vec<u64> = candidates.iter().map(|ticket| ticket.id).collect();
        others.extend(named.iter().map(|ticket| ticket.id));

        let mut open = named.into_iter().next();
        if open.is_none() {
            open = self.fresh(matcher, candidates, &mut closed, &mut others).await?;
        }
        if open.is_none() {
            open = self.unlisted(matcher, &listed_ids).await?;
        }
        if let Some(open) = &open {
            others.retain(|id| *id != open.id);
            self.settle(matcher, open);
        }
        others.sort_unstable();
        others.dedup();
        Ok(Found { open, closed: closed.into_iter().next(), other_open: others, seen })
    }

    /// The first of the candidates that is open when Desk shows it alone: a list may be stale. One
    /// that a list shows as open and that is not there when it is asked for is a failure, never
    /// "not found": Desk deletes no tickets.
    async fn fresh(
        &self,
        matcher: &TicketMatcher<'_>,
        candidates: Vec<Ticket>,
        closed: &mut Vec<Ticket>,
        others: &mut Vec<u64>,
    ) -> Result<Option<Ticket>, ProcessError> {
        for candidate in candidates.into_iter().take(MAX_CANDIDATES) {
            let shown = self.desk.ticket(candidate.id).await?.ok_or(ProcessError::Unsettled)?;
            let is_ours = matcher.strength(&shown).is_some();
            if is_ours && shown.open {
                return Ok(Some(shown));
            }
            others.retain(|id| *id != candidate.id);
            closed.extend(Some(shown).filter(|_| is_ours));
        }
        Ok(None)
    }

    /// The open ticket that is remembered besides the latest and that no list shows yet. A handoff
    /// that is the first to carry both names of its conversation finds two that are remembered.
    async fn unlisted(
        &mut self,
        matcher: &TicketMatcher<'_>,
        listed: &[u64],
    ) -> Result<Option<Ticket>, ProcessError> {
        let known = &self.customer.conversation(&self.names).tickets;
        let earlier = known.iter().rev().skip(1).map(|ticket| ticket.id);
        for id in earlier.filter(|id| !listed.contains(id)) {
            let shown = self.desk.ticket(id).await?;
            if let Some(shown) = shown.filter(|shown| shown.open && matcher.may_be_taken(shown)) {
                return Ok(Some(shown));
            }
        }
        Ok(None)
    }

    /// An open ticket of the conversation: holds what it shows against what is remembered, and
    /// settles what was in doubt.
    fn settle(&mut self, matcher: &TicketMatcher<'_>, shown: &Ticket) {
        let remembered = &self.customer.conversation(&self.names).tickets;
        let is_new = remembered.iter().all(|ticket| ticket.id != shown.id);
        let mut known = self.known(shown.id);
        let may_have_made = self.customer.may_have_made(self.subject());
        if is_new && may_have_made && matcher.is_titled(shown) {
            known.set_made_for(self.event_mark());
        }
        known.marks = self.settled(known.marks, shown);
        self.customer.settle_doubts(&self.names);
        self.customer.desk_id = shown.customer_id.or(self.customer.desk_id);
        self.keep(known);
    }

    fn settled(&self, mut marks: Marks, shown: &Ticket) -> Marks {
        let spelling = |field: &str, text: &str| spelling(text, self.is_integer(field));
        marks.settle(shown, &self.customer.recogniser(&self.names, shown.id, &spelling));
        marks
    }

    fn is_integer(&self, field: &str) -> bool {
        let fields = self.rules.fields.as_deref().unwrap_or_default();
        fields.iter().any(|known| known.key.as_str() == field && known.kind == FieldKind::Integer)
    }

    fn matcher(&mut self) -> TicketMatcher<'a> {
        let own = self
            .customer
            .conversation(&self.names)
            .tickets
            .iter()
            .map(|ticket| ticket.id)
            .collect();
        let others = self.customer.tickets_of_others(&self.names);
        TicketMatcher::new(self.handoff, &self.rules.ticket, self.names.clone(), own, others)
    }

    // --- writing ---

    fn change(&mut self, ticket: &Ticket) -> Change {
        let known = self.known(ticket.id);
        let claimant = Claimant {
            overwrite: self.rules.ticket.overwrite,
            stamp: self.handoff.stamp(),
            newest: self.customer.conversation(&self.names).newest,
        };
        let channel = self.channel().map(str::to_owned);
        let mut change = change(ticket, &known.marks, self.matched, claimant, channel.as_deref());
        let is_refused =
            |name: &str, text: &str| known.has_refused(&self.customer.digest(name, text));
        if channel.is_some_and(|channel| is_refused(RELATED, &channel)) {
            change.related = None;
        }
        if change.team.as_ref().is_some_and(|team| is_refused(TEAM, team.as_str())) {
            change.team = None;
            change.outcomes.team = Outcome::Rejected;
        }
        change
    }

    async fn update(&mut self, ticket: Ticket) -> Result<Ended, ProcessError> {
        let change = self.change(&ticket);
        self.renew(&ticket, &change);
        let has_changes = !change.is_empty();
        let written = apply::update(self.desk, ticket, change, self.matched).await;
        let status = if has_changes { Status::Updated } else { Status::Unchanged };
        self.finish(written, status).await
    }

    /// What is ours already and wanted again is this handoff's from now on.
    fn renew(&mut self, ticket: &Ticket, change: &Change) {
        let mut known = self.known(ticket.id);
        let stamp = self.handoff.stamp();
        for (value, outcome) in self.matched.values.iter().zip(&change.outcomes.values) {
            if *outcome == Outcome::Unchanged {
                known.marks.renew(value.key.as_str(), stamp);
            }
        }
        if change.outcomes.priority == Outcome::Unchanged {
            known.marks.renew(PRIORITY, stamp);
            // Desk's own MEDIUM: no older handoff may replace what this one wants to stand there.
            if known.marks.get(PRIORITY).is_none()
                && let Some(priority) = ticket.priority.as_deref()
            {
                let digest = self.customer.digest(PRIORITY, priority);
                known.marks.confirm(PRIORITY, digest, stamp);
            }
        }
        if change.outcomes.team == Outcome::Unchanged {
            known.marks.renew(TEAM, stamp);
        }
        self.keep(known);
    }

    async fn create(&mut self, found: Found) -> Result<Ended, ProcessError> {
        self.wait_if_one_may_come()?;
        let customer_id = match self.customer.desk_id {
            Some(id) => id,
            None => apply::ensure_customer(self.desk, &self.handoff.user_id).await?,
        };
        self.customer.desk_id = Some(customer_id);

        let title =
            title(self.handoff, &self.rules.ticket, self.handoff.conversation.id.as_deref());
        let related = self.channel().map(str::to_owned);
        let full = NewTicket {
            title: &title,
            customer_id,
            values: &self.matched.values,
            priority: self.matched.priority,
            team: self.matched.team.as_ref(),
            related: related.as_deref(),
        };
        match apply::create(self.desk, full).await {
            Ok(created) if self.is_new(&created.ticket, &title, &found).await? => {
                self.created(created).await
            }
            Ok(created) => {
                // It says nothing of the one that was made.
                tracing::warn!(
                    ticket_id = created.ticket.id,
                    "a create was answered with another ticket"
                );
                self.doubt_create();
                Ok(Ended::Anew)
            }
            Err(error) if error.kind == ErrorKind::Refused => {
                self.refused(error, customer_id).await
            }
            Err(error) if error.sent == Sent::Maybe => {
                // Its ticket is looked for at once; until it is there or certainly not, nothing
                // else is made.
                tracing::warn!(%error, "a ticket may have been made");
                self.doubt_create();
                Ok(Ended::Anew)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a ticket is the one that was made just now: it is open, was not there before, and has
    /// a channel of its own (desk-wire section 3.3).
    async fn is_new(
        &self,
        ticket: &Ticket,
        title: &str,
        found: &Found,
    ) -> Result<bool, ProcessError> {
        let is_on_channel =
            ticket.channel_url.as_deref().is_some_and(|channel| self.names.has_channel(channel));
        if !ticket.open || is_on_channel || found.seen.contains(&ticket.id) {
            return Ok(false);
        }

        // Desk may spell titles in its own way, so another title alone proves nothing.
        let has_title = |ticket: &Ticket| ticket.title.as_deref() == Some(title);
        if has_title(ticket) {
            return Ok(true);
        }
        let listed = self.desk.tickets_of_customer(&self.handoff.user_id).await?;
        let is_ours =
            |listed: &Ticket| listed.open && has_title(listed) && !found.seen.contains(&listed.id);
        Ok(!listed.iter().any(is_ours))
    }

    /// Even a bare ticket is refused: the number that is remembered of the customer may not be good
    /// any more.
    async fn refused(&mut self, error: DeskError, number: u64) -> Result<Ended, ProcessError> {
        let current = self.desk.customer(&self.handoff.user_id).await?;
        if current == Some(number) {
            return Err(error.into());
        }
        self.customer.desk_id = current;
        Ok(Ended::Anew)
    }

    fn doubt_create(&mut self) {
        let now = self.seconds_now();
        let values = wanted(self.matched).into_iter().map(|(field, text)| (field.to_owned(), text));
        let values: BTreeMap<String, String> = values.collect();
        let names = self.names.clone();
        self.customer.doubt_create(self.subject_of(&names), values, now);
    }

    /// The new ticket starts with what its creation wrote.
    async fn created(&mut self, created: Created) -> Result<Ended, ProcessError> {
        let ticket = &created.ticket;
        let mut known = self.known(ticket.id);
        known.set_made_for(self.event_mark());
        self.keep(known);
        self.customer.settle_doubts(&self.names);

        let rest = self.change(ticket);
        self.renew(ticket, &rest);
        let written = apply::complete(self.desk, created, rest, self.matched).await;
        if let Some(Stop::Closed) = written.stopped
            && written.ticket.open
        {
            // Made, and not shown yet: nothing else may be made until it is.
            self.doubt_create();
        }
        self.finish(written, Status::Created).await
    }

    /// Remembers what was written, makes the ticket visible, and says what came of it.
    async fn finish(&mut self, written: Written, status: Status) -> Result<Ended, ProcessError> {
        self.remember(&written);
        let Written { mut ticket, outcomes, stopped, .. } = written;
        match stopped {
            None => {}
            Some(Stop::Closed | Stop::Overtaken) => return Ok(Ended::Anew),
            Some(Stop::Failed(error)) => return Err(error.into()),
        }

        let opening_message = self.open_if_invisible(&mut ticket).await?;
        let known = self.known(ticket.id);
        let made = self.customer.made(&known, &self.handoff.event_id, self.seconds_now());
        let (status, action) = match status {
            Status::Unchanged if !made => (Status::Unchanged, Action::None),
            _ if made => (Status::Created, Action::Create),
            _ => (status, Action::Update),
        };
        let report = self.report(status, action, Some(&ticket), &outcomes);
        Ok(Ended::Done(Box::new(Report { opening_message, ..report })))
    }

    fn remember(&mut self, written: &Written) {
        let (id, stamp) = (written.ticket.id, self.handoff.stamp());
        let mut known = self.known(id);
        for (field, text) in &written.confirmed {
            let text = spelling(text, self.is_integer(field));
            known.marks.confirm(field, self.customer.digest(field, &text), stamp);
        }
        for field in &written.lost {
            known.marks.lose(field);
        }
        for (name, text) in &written.refused {
            known.refuse(self.customer.digest(name, text));
        }
        self.customer.desk_id = written.ticket.customer_id.or(self.customer.desk_id);
        self.keep(known);

        let doubtful = written
            .doubtful
            .iter()
            .map(|(field, text)| (field.clone(), spelling(text, self.is_integer(field))));
        let (doubtful, names) = (doubtful.collect(), self.names.clone());
        self.customer.doubt_writes(self.subject_of(&names), id, doubtful);
    }

    /// A ticket that nobody has written on is invisible to agents (desk-wire section 3.3): the
    /// opening message is a part of the work. It is posted once; what Chat refuses for good costs
    /// nothing else.
    async fn open_if_invisible(
        &mut self,
        ticket: &mut Ticket,
    ) -> Result<Option<OpeningMessage>, ProcessError> {
        let mut known = self.known(ticket.id);
        let Some(channel_url) = ticket.channel_url.clone().filter(|_| ticket.is_invisible()) else {
            return Ok(None);
        };
        match known.opening {
            Opening::Posted => return Ok(Some(OpeningMessage::Posted)),
            Opening::Refused => return Ok(Some(OpeningMessage::Failed)),
            Opening::Open => {}
        }
        let message = self.rules.ticket.opening_message.as_deref();
        let Some(message) = message.filter(|_| self.desk.can_post()) else {
            tracing::info!(
                ticket_id = ticket.id,
                "no opening message is configured: agents do not see the ticket"
            );
            return Ok(Some(OpeningMessage::NotConfigured));
        };

        match self.desk.post_message(&channel_url, &self.handoff.user_id, message).await {
            Ok(()) => {
                known.opening = Opening::Posted;
                // As Desk does on the customer's first message.
                ticket.status = Some("PENDING".to_owned());
            }
            Err(error) if error.kind == ErrorKind::Refused => {
                tracing::warn!(%error, ticket_id = ticket.id, "the opening message is refused");
                known.opening = Opening::Refused;
            }
            Err(error) => return Err(error.into()),
        }
        let is_posted = known.opening == Opening::Posted;
        self.keep(known);
        Ok(Some(if is_posted { OpeningMessage::Posted } else { OpeningMessage::Failed }))
    }

    /// Nothing is made while a ticket of ours, or of Desk's own, may be on its way.
    fn wait_if_one_may_come(&self) -> Result<(), ProcessError> {
        let now = self.seconds_now();
        if let Some(left) = self.customer.create_in_doubt(&self.names, now) {
            return Err(ProcessError::CreateInDoubt(left));
        }
        if self.has_grace {
            let received = u64::try_from(self.handoff.received / 1000).unwrap_or(0);
            let ends = received.saturating_add(self.rules.ticket.grace_seconds);
            if let Some(left) = ends.checked_sub(now).filter(|left| *left > 0) {
                return Err(ProcessError::Grace(left));
            }
        }
        Ok(())
    }

    /// Whether Desk has the team that is asked for; if that cannot be known, it has.
    async fn team_exists(&self) -> bool {
        let Some(team) = &self.matched.team else { return true };
        match self.desk.teams().await {
            Ok(teams) => teams.iter().any(|known| known == team.as_str()),
            Err(_) => true,
        }
    }

    // --- memory ---

    fn known(&mut self, id: u64) -> KnownTicket {
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

    fn subject(&self) -> Subject<'_> {
        self.subject_of(&self.names)
    }

    fn subject_of<'n>(&self, names: &'n Names) -> Subject<'n>
    where
        'a: 'n,
    {
        Subject { names, event_id: &self.handoff.event_id, stamp: self.handoff.stamp() }
    }

    fn channel(&self) -> Option<&str> {
        self.handoff.conversation.channel_url.as_deref().or_else(|| self.names.channel())
    }

    fn seconds_now(&self) -> u64 {
        self.clock.map_or(0, |(now, began)| seconds(now + began.elapsed()))
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

async fn view(desk: &Desk<'_>, id: Option<u64>) -> Result<Option<Ticket>, DeskError> {
    match id {
        Some(id) => desk.ticket(id).await,
        None => Ok(None),
    }
}

/// The open tickets of the conversation, the best first, and its closed ones.
fn ranked(matcher: &TicketMatcher<'_>, listed: Vec<Ticket>) -> (Vec<Ticket>, Vec<Ticket>) {
    let tied = listed.into_iter().filter_map(|ticket| Some((matcher.strength(&ticket)?, ticket)));
    let mut tied: Vec<(MatchStrength, Ticket)> = tied.collect();
    tied.sort_unstable_by_key(|(strength, ticket)| std::cmp::Reverse((*strength, ticket.id)));
    tied.into_iter().map(|(_, ticket)| ticket).partition(|ticket| ticket.open)
}

/// Seconds since 1970, rounded up.
fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    since.as_secs() + u64::from(since.subsec_nanos() > 0)
}
