//! Changes the ticket or makes one, makes it visible to agents, and remembers what became of it.

use std::collections::BTreeMap;

use super::look::Found;
use super::{Ended, ProcessError, Work, wanted};
use crate::apply::{self, Created, RELATED, Stop, Written};
use crate::claims::customer::{Opening, Subject};
use crate::desk::{DeskError, ErrorKind, NewTicket};
use crate::fields::Outcome;
use crate::report::{Action, OpeningMessage, Report, Status};
use crate::retry::Sent;
use crate::ticket::Ticket;
use crate::ticket::find::title;
use crate::ticket::merge::{Claimant, PRIORITY, TEAM};
use crate::ticket::plan::{Change, change, grace_left, spelling};

impl Work<'_> {
    pub(super) fn change(&mut self, ticket: &Ticket) -> Change {
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

        // What Desk did not take once is not tried with every handoff: each try costs a call.
        if channel.is_some_and(|channel| is_refused(RELATED, &channel)) {
            change.related = None;
        }
        if change.team.as_ref().is_some_and(|team| is_refused(TEAM, team.as_str())) {
            change.team = None;
            change.outcomes.team = Outcome::Rejected;
        }

        change
    }

    pub(super) async fn update(&mut self, ticket: Ticket) -> Result<Ended, ProcessError> {
        let change = self.change(&ticket);
        // Before the writes: what stands there already is this handoff's, even if a write fails.
        self.renew(&ticket, &change);
        let has_changes = !change.is_empty();
        let may_be_hidden = self.known(ticket.id).may_be_hidden(self.seconds_now()).is_some();
        let written = apply::update(self.desk, ticket, change, self.matched, may_be_hidden).await;
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

    /// Makes a ticket; at `looked`, in milliseconds since 1970, the look began that found none.
    pub(super) async fn create(
        &mut self,
        found: Found,
        looked: i64,
    ) -> Result<Ended, ProcessError> {
        // First of all, so that a handoff that has to wait leaves nothing behind in Desk.
        self.wait_if_one_may_come(looked)?;
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
            Ok(created) if self.is_new(&created.ticket, &title, &found).await => {
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

    /// Whether a ticket is the one that was made just now: it is open, was not there before, and
    /// has a channel of its own (desk-wire section 3.3).
    async fn is_new(&self, ticket: &Ticket, title: &str, found: &Found) -> bool {
        let is_on_channel =
            ticket.channel_url.as_deref().is_some_and(|channel| self.names.has_channel(channel));
        if !ticket.open || is_on_channel || found.seen.contains(&ticket.id) {
            return false;
        }

        // Desk may spell titles in its own way, so another title alone proves nothing.
        let has_title = |ticket: &Ticket| ticket.title.as_deref() == Some(title);
        if has_title(ticket) {
            return true;
        }
        // A look that fails is no reason to lose what was made.
        let listed = self.desk.tickets_of_customer(&self.handoff.user_id).await;
        let listed = listed.unwrap_or_default();
        let is_ours =
            |listed: &Ticket| listed.open && has_title(listed) && !found.seen.contains(&listed.id);
        !listed.iter().any(is_ours)
    }

    /// Even a bare ticket is refused: the number that is remembered of the customer may not be good
    /// any more.
    async fn refused(&mut self, error: DeskError, number: u64) -> Result<Ended, ProcessError> {
        let current = self.desk.customer(&self.handoff.user_id).await?;
        // The number is good, so it is the ticket itself that Desk does not take.
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
        self.customer.doubt_create(Subject::of(&self.names, self.handoff), values, now);
    }

    /// The new ticket starts with what its creation wrote.
    async fn created(&mut self, created: Created) -> Result<Ended, ProcessError> {
        let ticket = &created.ticket;
        let mut known = self.known(ticket.id);
        known.set_made_for(self.event_mark());
        known.set_made(self.seconds_now());
        self.keep(known);
        // A create is made only once the earlier ones have had their time: what they made would be
        // listed by now.
        self.customer.settle_doubts(&self.names);

        let rest = self.change(ticket);
        self.renew(ticket, &rest);
        let written = apply::complete(self.desk, created, rest, self.matched).await;
        self.finish(written, Status::Created).await
    }

    /// Remembers what was written, makes the ticket visible, and says what came of it.
    async fn finish(&mut self, written: Written, status: Status) -> Result<Ended, ProcessError> {
        self.remember(&written);
        let Written { mut ticket, outcomes, stopped, .. } = written;
        match stopped {
            None => {}
            // No failure: another look says what there is to do now.
            Some(Stop::Closed | Stop::Overtaken) => return Ok(Ended::Anew),
            Some(Stop::Failed(error)) => return Err(error.into()),
        }

        let opening_message = self.open_if_invisible(&mut ticket).await?;
        let known = self.known(ticket.id);
        let made = self.customer.made(&known, &self.handoff.event_id, self.seconds_now());
        // A try that finds the ticket of an earlier try of the same event says `created`, too: the
        // event made it.
        let (status, action) = if made {
            (Status::Created, Action::Create)
        } else if status == Status::Unchanged {
            (Status::Unchanged, Action::None)
        } else {
            (status, Action::Update)
        };
        let report = self.report(status, action, Some(&ticket), &outcomes);
        Ok(Ended::Done(Box::new(Report { opening_message, ..report })))
    }

    fn remember(&mut self, written: &Written) {
        let (id, stamp) = (written.ticket.id, self.handoff.stamp());
        let mut known = self.known(id);
        for (field, text) in &written.confirmed {
            // In the spelling in which the next look compares it.
            let text = spelling(text, self.is_integer(field));
            known.marks.confirm(field, self.customer.digest(field, &text), stamp);
        }
        for field in &written.lost {
            known.marks.lose(field);
        }
        for (name, text) in &written.refused {
            // As a digest, like everything that is remembered: a channel names a conversation.
            known.refuse(self.customer.digest(name, text));
        }
        self.customer.desk_id = written.ticket.customer_id.or(self.customer.desk_id);

        let doubtful = written
            .doubtful
            .iter()
            .map(|(field, text)| (field.clone(), spelling(text, self.is_integer(field))));
        let doubtful = doubtful.collect();
        self.customer.doubt_writes(Subject::of(&self.names, self.handoff), id, doubtful);

        // What the writes showed beside what they wrote: a human's value of today may be ours of
        // long ago by the next look. After the doubts, which explain what may be ours.
        known.marks = self.settled(known.marks, &written.ticket);
        self.keep(known);
    }

    /// A ticket that nobody has written on is invisible to agents (desk-wire section 3.3): the
    /// opening message is a part of the work. It is posted once; what Chat refuses for good costs
    /// nothing else.
    async fn open_if_invisible(
        &mut self,
        ticket: &mut Ticket,
    ) -> Result<Option<OpeningMessage>, ProcessError> {
        let mut known = self.known(ticket.id);
        // As it was last shown: whoever wrote on it meanwhile has made it visible.
        let Some(channel_url) = ticket.channel_url.clone().filter(|_| ticket.is_invisible()) else {
            return Ok(None);
        };
        // The ticket may be shown as it was before our message: what Chat answered counts.
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

        // A failure here fails the handoff: without a message no agent ever sees the ticket.
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
    fn wait_if_one_may_come(&self, looked: i64) -> Result<(), ProcessError> {
        let now = self.seconds_now();
        if let Some(left) = self.customer.create_in_doubt(&self.names, now) {
            return Err(ProcessError::CreateInDoubt(left));
        }
        // Counted from the receipt and not from this delivery, or every delivery would wait anew.
        match grace_left(self.handoff.received, self.rules.ticket.grace_seconds, looked) {
            Some(left) if self.has_grace => Err(ProcessError::Grace(left)),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether Desk has the team that is asked for; if that cannot be known, it has.
    pub(super) async fn team_exists(&self) -> bool {
        let Some(team) = &self.matched.team else { return true };
        match self.desk.teams().await {
            Ok(teams) => teams.iter().any(|known| known == team.as_str()),
            Err(_) => true,
        }
    }
}
