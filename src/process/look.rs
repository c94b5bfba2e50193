//! Finds the conversation's ticket, and settles what was in doubt about it.

use super::{ProcessError, Work};
use crate::claims::customer::Subject;
use crate::desk::{Desk, DeskError};
use crate::rules::FieldKind;
use crate::ticket::Ticket;
use crate::ticket::find::{MatchStrength, TicketMatcher};
use crate::ticket::merge::Marks;
use crate::ticket::plan::spelling;

/// How many tickets of a list are looked at one by one before the handoff comes again instead.
const MAX_CANDIDATES: usize = 3;

/// What a look found.
pub(super) struct Found {
    /// The open ticket to be filled, as Desk shows it alone or in a list that is known to be current.
    pub(super) open: Option<Ticket>,
    /// A closed one of the conversation.
    pub(super) closed: Option<Ticket>,
    /// Other open tickets that are surely the conversation's.
    pub(super) other_open: Vec<u64>,
    /// The ids of all tickets that were seen.
    pub(super) seen: Vec<u64>,
}

/// What a look asked for, each with what became of it.
struct LookUps {
    /// The ticket that the sender names.
    hinted: Result<Option<Ticket>, DeskError>,
    /// The one that is remembered.
    known: Result<Option<Ticket>, DeskError>,
    /// The customer's.
    listed: Result<Vec<Ticket>, DeskError>,
    /// Desk's number of the customer, if it was not known.
    number: Result<Option<u64>, DeskError>,
}

impl<'a> Work<'a> {
    /// Finds the conversation's ticket: the one that the sender names; else the one that is
    /// remembered; else the best of the customer's. All are asked for at once, or the list alone
    /// where it is known to be current. A failed look-up is a failure, never "not found".
    pub(super) async fn look(&mut self) -> Result<Found, ProcessError> {
        let desk = self.desk;
        let matcher = self.matcher();
        let remembered = self.customer.conversation(&self.names).latest().map(|ticket| ticket.id);
        // The same ticket need not be asked for twice.
        let hint = self.handoff.ticket.id.filter(|hint| Some(*hint) != remembered);
        let LookUps { hinted, known, listed, number } = self.look_ups(hint, remembered).await;
        let hinted = as_hint(hinted)?.filter(|ticket| matcher.takes_hint(ticket));
        let known = known?;
        let is_listed = |ticket: &Ticket| ticket.open && Some(ticket.id) == remembered;
        // Desk denies a ticket that its own list shows as open: one of the answers is stale, and to
        // take it for gone would make a second ticket.
        if known.is_none() && listed.as_ref().is_ok_and(|listed| listed.iter().any(is_listed)) {
            return Err(ProcessError::Unsettled);
        }
        if known.is_none() && !hinted.as_ref().is_some_and(|hinted| hinted.open) {
            self.wait_if_hidden(remembered)?;
        }
        let known = known.filter(|ticket| matcher.may_be_taken(ticket));

        let mut named: Vec<Ticket> = [hinted, known].into_iter().flatten().collect();
        for ticket in &mut named {
            let is_other = |shown: &Ticket| shown.id == ticket.id && shown.differs(ticket);
            // Which of the two is the later one, only a third look can say: a human may be writing
            // just now.
            if listed.as_ref().is_ok_and(|listed| listed.iter().any(is_other)) {
                // Who put back what stood there has chosen it: the look that showed the other value
                // counts, too.
                if ticket.open && Some(ticket.id) == remembered {
                    let mut known = self.known(ticket.id);
                    known.marks = self.settled(known.marks, ticket);
                    self.keep(known);
                }
                *ticket = desk.ticket(ticket.id).await?.ok_or(ProcessError::Unsettled)?;
            }
        }
        // A closed ticket is no place to write to, but it decides whether `when_closed` or
        // `when_missing` holds.
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
        // Only a create needs the number: with an open ticket its look-up may fail.
        if open.is_empty()
            && let Some(number) = number?
        {
            self.customer.desk_id = Some(number);
        }
        self.choose(&matcher, open, closed, listed).await
    }

    /// A ticket of ours that Desk denies is not gone if it was made a short time ago: views may lag
    /// behind creates as lists do.
    fn wait_if_hidden(&mut self, id: Option<u64>) -> Result<(), ProcessError> {
        let now = self.seconds_now();
        match id.and_then(|id| self.known(id).may_be_hidden(now)) {
            Some(left) => Err(ProcessError::NotShown(left)),
            None => Ok(()),
        }
    }

    /// All at once; only where lists are current, what the list shows need not be viewed.
    async fn look_ups(&self, hint: Option<u64>, remembered: Option<u64>) -> LookUps {
        let (desk, user_id) = (self.desk, self.handoff.user_id.as_str());
        // Asked for along with the rest: a create needs it, and later it would cost another round
        // trip.
        let needs_number = self.customer.desk_id.is_none();
        let number = async { if needs_number { desk.customer(user_id).await } else { Ok(None) } };
        let listed = desk.tickets_of_customer(user_id);
        // Nowhere `try_join!`: whether a failed look-up matters depends on what the others found.
        if !self.rules.desk.lists_are_current {
            let (hinted, known, listed, number) =
                futures_util::join!(view(desk, hint), view(desk, remembered), listed, number);
            return LookUps { hinted, known, listed, number };
        }

        let (listed, number) = futures_util::join!(listed, number);
        let shown = listed.as_deref().unwrap_or_default();
        let (hinted, known) = futures_util::join!(
            self.listed_or_viewed(shown, hint),
            self.listed_or_viewed(shown, remembered)
        );
        LookUps { hinted, known, listed, number }
    }

    async fn listed_or_viewed(
        &self,
        listed: &[Ticket],
        id: Option<u64>,
    ) -> Result<Option<Ticket>, DeskError> {
        match listed.iter().find(|ticket| Some(ticket.id) == id && self.is_enough(ticket)) {
            Some(ticket) => Ok(Some(ticket.clone())),
            None => view(self.desk, id).await,
        }
    }

    /// Whether a ticket as a list shows it need not be looked at alone: it is current, and shows all
    /// that is written to.
    fn is_enough(&self, listed: &Ticket) -> bool {
        let shows_all = listed.fields.is_some() && listed.related.is_some();
        self.rules.desk.lists_are_current && shows_all
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
        // Also what no list shows: a create that is answered with one of these made another one.
        seen.extend(self.customer.known_tickets());
        let known_closed: Vec<u64> = closed.iter().map(|ticket| ticket.id).collect();

        let (mut candidates, gone) = ranked(matcher, listed);
        // The list may be older than the look at the ticket alone, which showed it closed.
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

    /// The first of the candidates that is open when Desk shows it alone: unless lists are known to
    /// be current, this one may be stale. One that a list shows as open and that is not there when
    /// it is asked for is a failure, never "not found": Desk deletes no tickets.
    async fn fresh(
        &self,
        matcher: &TicketMatcher<'_>,
        candidates: Vec<Ticket>,
        closed: &mut Vec<Ticket>,
        others: &mut Vec<u64>,
    ) -> Result<Option<Ticket>, ProcessError> {
        for candidate in candidates.into_iter().take(MAX_CANDIDATES) {
            let id = candidate.id;
            let shown = if self.is_enough(&candidate) {
                candidate
            } else {
                self.desk.ticket(id).await?.ok_or(ProcessError::Unsettled)?
            };
            let is_ours = matcher.strength(&shown).is_some();
            if is_ours && shown.open {
                return Ok(Some(shown));
            }
            // It is closed by now or another conversation's, so it is no other open ticket of this
            // one.
            others.retain(|other| *other != id);
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
        // The latest one was looked at with the rest.
        let earlier = known.iter().rev().skip(1).map(|ticket| ticket.id);
        let unlisted: Vec<u64> = earlier.filter(|id| !listed.contains(id)).collect();
        for id in unlisted {
            let shown = self.desk.ticket(id).await?;
            if shown.is_none() {
                self.wait_if_hidden(Some(id))?;
            }
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
        let may_have_made = self.customer.may_have_made(Subject::of(&self.names, self.handoff));

        // Our tickets carry this title: it is taken for the one whose create was not answered.
        if is_new && may_have_made && matcher.is_titled(shown) {
            known.set_made_for(self.event_mark());
        }
        known.marks = self.settled(known.marks, shown);
        // After the marks, which the doubts have just explained.
        self.customer.settle_doubts(&self.names);
        // Desk's own answer is newer than what is remembered.
        self.customer.desk_id = shown.customer_id.or(self.customer.desk_id);

        self.keep(known);
    }

    pub(super) fn settled(&self, mut marks: Marks, shown: &Ticket) -> Marks {
        // Desk may show `007` as `7`: digests are compared in one spelling.
        let spelling = |field: &str, text: &str| spelling(text, self.is_integer(field));
        marks.settle(shown, &self.customer.recogniser(&self.names, shown.id, &spelling));
        marks
    }

    pub(super) fn is_integer(&self, field: &str) -> bool {
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
}

async fn view(desk: &Desk<'_>, id: Option<u64>) -> Result<Option<Ticket>, DeskError> {
    match id {
        Some(id) => desk.ticket(id).await,
        None => Ok(None),
    }
}

/// A hint that Desk does not take is just no help.
fn as_hint(viewed: Result<Option<Ticket>, DeskError>) -> Result<Option<Ticket>, DeskError> {
    match viewed {
        Err(error) if matches!(error.status.map(|status| status.as_u16()), Some(400 | 403)) => {
            Ok(None)
        }
        viewed => viewed,
    }
}

/// The open tickets of the conversation, the best first, and its closed ones.
fn ranked(matcher: &TicketMatcher<'_>, listed: Vec<Ticket>) -> (Vec<Ticket>, Vec<Ticket>) {
    let tied = listed.into_iter().filter_map(|ticket| Some((matcher.strength(&ticket)?, ticket)));
    let mut tied: Vec<(MatchStrength, Ticket)> = tied.collect();
    // Of two as good, the one with the higher id: Desk counts upwards, so it is the newer one.
    tied.sort_unstable_by_key(|(strength, ticket)| std::cmp::Reverse((*strength, ticket.id)));
    tied.into_iter().map(|(_, ticket)| ticket).partition(|ticket| ticket.open)
}
