//! What is to be done: which of the rules applies, and what is to change on a ticket that was
//! found.
//!
//! Pure. Takes a ticket whose marks are settled ([`super::merge`]).

use std::collections::BTreeMap;

use super::merge::{Claimant, Decision, Mark, Marks, PRIORITY, TEAM};
use super::{MAX_RELATED, StoredText, Ticket};
use crate::fields::{FieldOutcomes, FieldValue, MAX_FIELDS, Matched, Outcome};
use crate::rules::{Priority, TeamKey, TicketRules, WhenClosed, WhenMissing};

/// What the rules say about a conversation without an open ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutTicket {
    /// Make one.
    Create,
    /// Leave everything as it is.
    Leave,
    /// Come back later: Desk makes the ticket itself.
    Wait,
}

/// Decides about a conversation that has no open ticket; `closed` says whether it has a closed one.
///
/// Under `wait` nothing is ever made here, closed predecessor or not.
pub fn without_ticket(rules: &TicketRules, closed: bool) -> WithoutTicket {
    match (rules.when_missing, rules.when_closed) {
        // A conversation whose ticket is closed is not one whose ticket is missing.
        (_, WhenClosed::Leave) if closed => WithoutTicket::Leave,
        (WhenMissing::Wait, _) => WithoutTicket::Wait,
        (WhenMissing::Leave, _) if !closed => WithoutTicket::Leave,
        (WhenMissing::Leave | WhenMissing::Create, _) => WithoutTicket::Create,
    }
}

/// How much of the `grace`, in seconds, was left when the look for Desk's own ticket began, in
/// seconds, begun ones whole; times are in milliseconds since 1970. What appears in the grace is
/// then seen by a look: one that began earlier says nothing of the rest.
///
/// A receipt further ahead than clocks can differ is no receipt: nobody waits for a day to come.
pub fn grace_left(received: i64, grace: u64, looked: i64) -> Option<u64> {
    let ends = received.saturating_add_unsigned(grace * 1000);
    let left = u64::try_from(ends.saturating_sub(looked)).unwrap_or(0).div_ceil(1000);
    (left > 0 && left <= 2 * grace).then_some(left)
}

/// What is to change on a ticket; the rest is settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Places in [`Matched::values`] to write.
    pub write: Vec<usize>,
    /// The new priority.
    pub priority: Option<Priority>,
    /// The new team.
    pub team: Option<TeamKey>,
    /// All related channels, if the conversation's is to join them.
    pub related: Option<Vec<String>>,
    /// What is known of everything before anything is written; [`Outcome::Written`] where it is to
    /// be written.
    pub outcomes: FieldOutcomes,
}

impl Change {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.write.is_empty()
            && self.priority.is_none()
            && self.team.is_none()
            && self.related.is_none()
    }
}

/// What is to change on an open ticket. `channel` is the conversation's, if it is to be related.
pub fn change(
    ticket: &Ticket,
    marks: &Marks,
    matched: &Matched,
    claimant: Claimant,
    channel: Option<&str>,
) -> Change {
    let mut outcomes = FieldOutcomes::all(matched, Outcome::Written);
    let mut write = Vec::new();
    // Counted here: a ticket holds twenty fields (desk-wire section 4), and what Desk does with
    // more is not known.
    let mut room = MAX_FIELDS.saturating_sub(ticket.fields.as_ref().map_or(0, BTreeMap::len));

    for (index, value) in matched.values.iter().enumerate() {
        let key = value.key.as_str();
        let stored = ticket.fields.as_ref().and_then(|fields| fields.get(key));
        let settled = settle_field(value, stored, marks.get(key), claimant, &mut room);
        outcomes.values[index] = settled.unwrap_or_else(|| sent(value));
        if settled.is_none() {
            write.push(index);
        }
    }

    let priority = settle_priority(ticket, matched.priority, marks.get(PRIORITY), claimant);
    let team = settle_team(ticket, matched.team.as_ref(), marks.get(TEAM), claimant);
    outcomes.priority = priority.unwrap_or(Outcome::Written);
    outcomes.team = team.unwrap_or(Outcome::Written);

    Change {
        write,
        priority: matched.priority.filter(|_| priority.is_none()),
        team: matched.team.clone().filter(|_| team.is_none()),
        related: joined_channels(ticket, channel),
        outcomes,
    }
}

/// The outcome of a field that is not to be written; `None` for one that is.
fn settle_field(
    value: &FieldValue,
    stored: Option<&StoredText>,
    mark: Option<&Mark>,
    claimant: Claimant,
    room: &mut usize,
) -> Option<Outcome> {
    match stored.filter(|stored| !stored.expose().trim().is_empty()) {
        Some(stored) if same(value, stored.expose()) => Some(Outcome::Unchanged),
        Some(_) => match claimant.decide(mark) {
            Decision::Replace => None,
            Decision::Keep => Some(Outcome::Kept),
        },
        // A field that is there and blank takes no room.
        None if stored.is_some() => None,
        None if *room == 0 => Some(Outcome::OverLimit),
        None => {
            *room -= 1;
            None
        }
    }
}

/// Desk gives every ticket a priority, MEDIUM if nobody says otherwise (desk-wire section 3.3): a
/// MEDIUM counts as empty until we have written a priority.
fn settle_priority(
    ticket: &Ticket,
    wanted: Option<Priority>,
    mark: Option<&Mark>,
    claimant: Claimant,
) -> Option<Outcome> {
    // Nothing is asked for, so no line of the report shows this outcome.
    let Some(wanted) = wanted else { return Some(Outcome::Kept) };
    let stored = ticket.priority.as_deref().filter(|stored| !stored.is_empty());
    if stored == Some(wanted.as_str()) {
        return Some(Outcome::Unchanged);
    }

    let is_default = stored == Some(Priority::Medium.as_str()) && mark.is_none();
    if stored.is_none() || is_default || claimant.decide(mark) == Decision::Replace {
        return None;
    }

    Some(Outcome::Kept)
}

/// Only a pending ticket is moved (desk-wire sections 3.6 and 9). The Default team, which has no
/// key, counts as empty until we have moved the ticket.
fn settle_team(
    ticket: &Ticket,
    wanted: Option<&TeamKey>,
    mark: Option<&Mark>,
    claimant: Claimant,
) -> Option<Outcome> {
    let Some(wanted) = wanted else { return Some(Outcome::Kept) };
    let stored = ticket.team.as_deref().filter(|team| !team.is_empty());
    if stored == Some(wanted.as_str()) {
        return Some(Outcome::Unchanged);
    }
    let is_default = stored.is_none() && mark.is_none();
    let replaces = is_default || claimant.decide(mark) == Decision::Replace;
    let movable = ticket.status.as_deref() == Some("PENDING");
    if movable && replaces { None } else { Some(Outcome::Kept) }
}

/// The related channels with the conversation's among them, if it is not there yet and there is
/// room. What Desk does not show would be lost, so nothing is added to it.
fn joined_channels(ticket: &Ticket, channel: Option<&str>) -> Option<Vec<String>> {
    let (channel, related) = (channel?, ticket.related.as_ref()?);
    let known =
        ticket.channel_url.as_deref() == Some(channel) || related.iter().any(|url| url == channel);
    let room = related.len() < MAX_RELATED;
    (!known && room).then(|| related.iter().cloned().chain([channel.to_owned()]).collect())
}

/// What a value that was sent has become, if Desk took it.
pub fn sent(value: &FieldValue) -> Outcome {
    if value.truncated { Outcome::Truncated } else { Outcome::Written }
}

/// What everything would become if Desk took all of it.
pub fn foreseen(matched: &Matched) -> FieldOutcomes {
    let values = matched.values.iter().map(sent).collect();
    FieldOutcomes { values, priority: Outcome::Written, team: Outcome::Written }
}

/// Whether the ticket holds a value that was sent. Desk may trim a text and respell a number
/// (desk-wire section 9, question 4).
pub fn holds(ticket: &Ticket, value: &FieldValue) -> bool {
    let stored = ticket.fields.as_ref().and_then(|fields| fields.get(value.key.as_str()));
    stored.is_some_and(|stored| same(value, stored.expose()))
}

/// Whether a stored text is a value that was sent, as Desk may spell it.
pub fn same(value: &FieldValue, stored: &str) -> bool {
    spelling(value.text.expose(), value.is_integer) == spelling(stored, value.is_integer)
}

/// A text without what Desk may change about it: surrounding white space, and the spelling of a
/// whole number in a field of that type.
pub fn spelling(text: &str, is_integer: bool) -> String {
    let text = text.trim();
    match text.parse::<i64>() {
        // Within 64 bits, as we send them; a longer number is compared as a text.
        Ok(number) if is_integer => number.to_string(),
        Ok(_) | Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grace_ends_and_is_never_a_wait_for_years() {
        assert_eq!(grace_left(1_000_000, 15, 1_005_000), Some(10));
        assert_eq!(grace_left(1_000_000, 15, 1_015_000), None);
        assert_eq!(grace_left(1_002_000, 15, 1_000_000), Some(17), "clocks differ by seconds");
        assert_eq!(grace_left(1_000_000_000, 15, 1_000_000), None);
        assert_eq!(grace_left(1_000_000_000, 0, 1_000_000), None);
    }

    /// Desk may make its ticket in the last moment.
    #[test]
    fn rules_know_when_tickets_are_made() {
        for when_missing in [WhenMissing::Create, WhenMissing::Wait, WhenMissing::Leave] {
            for when_closed in [WhenClosed::Create, WhenClosed::Leave] {
                let rules = TicketRules { when_missing, when_closed, ..TicketRules::default() };
                let is_made = [false, true]
                    .into_iter()
                    .any(|closed| without_ticket(&rules, closed) == WithoutTicket::Create);
                assert_eq!(rules.makes_tickets(), is_made, "{when_missing:?} {when_closed:?}");
            }
        }
    }

    #[test]
    fn grace_is_no_millisecond_shorter() {
        assert_eq!(grace_left(999, 15, 15_998), Some(1));
        assert_eq!(grace_left(999, 15, 15_999), None);
        assert_eq!(grace_left(999, 15, 14_998), Some(2));
    }
}
