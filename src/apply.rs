//! Carries a plan out, so that one bad field never costs the others and a failed create never makes two tickets.
//!
//! Writes to one ticket go out one after the other: nobody knows whether Desk saves whole tickets (desk-wire section 9,
//! question 8). What Desk refuses is an outcome; what it does not answer is an error.

use std::collections::BTreeMap;

use crate::desk::{Desk, DeskError, Kind, NewTicket};
use crate::fields::{FieldValue, Matched, Outcome, Verdicts, cut_bytes};
use crate::retry::Sent;
use crate::rules::MAX_VALUE;
use crate::ticket::{Change, Ticket, Wanted, read_back, sent};

/// A ticket that was written to, and what became of everything sent.
#[derive(Debug)]
pub struct Applied {
    /// As Desk last showed it.
    pub ticket: Ticket,
    /// What became of everything sent.
    pub verdicts: Verdicts,
}

/// How a create ended.
#[derive(Debug)]
pub enum Created {
    /// With everything in it that Desk would take at once; the verdicts are in.
    Whole(Applied),
    /// With less in it than was asked for, or it was there already: what is missing is to be written next.
    Partly {
        /// The ticket.
        ticket: Ticket,
        /// Whether Desk refused a create with this team.
        team_refused: bool,
    },
}

/// Desk's number of the customer, made if need be. A failed create may have worked, or somebody else was faster: it
/// counts only if the customer is not there afterwards.
///
/// # Errors
/// What Desk said to the create.
pub async fn ensure_customer(desk: &Desk<'_>, user_id: &str) -> Result<u64, DeskError> {
    match desk.create_customer(user_id).await {
        Ok(id) => Ok(id),
        Err(error) if matches!(error.kind, Kind::Unauthorized | Kind::Unreachable) => Err(error),
        Err(error) => desk.customer(user_id).await.ok().flatten().ok_or(error),
    }
}

/// Makes a ticket. If Desk refuses it as a whole, it is made with less: first without the fields; then bare; then with all
/// but the related channel, which may be none of the customer's (desk-wire section 3.3); then with nothing but its title.
/// Without its channel a ticket is known by that.
///
/// # Errors
/// What Desk said to the last try. If a try may have worked, the ticket is looked for before it counts as failed.
pub async fn create<'a>(
    desk: &Desk<'_>,
    full: NewTicket<'a>,
    wanted: &'a Wanted<'_>,
    matched: &Matched,
) -> Result<Created, DeskError> {
    let mut lesser = lesser(&full, &wanted.title).into_iter();
    let mut ticket = full.clone();
    loop {
        let error = match desk.create_ticket(&ticket).await {
            Ok(made) if (NewTicket { title: full.title, related: full.related, ..ticket }) == full => {
                return Ok(Created::Whole(verified(desk, made, matched).await?));
            }
            Ok(made) => {
                let team_refused = full.team.is_some() && ticket.team.is_none();
                return Ok(Created::Partly { ticket: made, team_refused });
            }
            Err(error) => error,
        };
        match lesser.next().filter(|_| error.kind == Kind::Refused) {
            Some(less) => ticket = less,
            None => return rescue(desk, error, wanted).await,
        }
        tracing::warn!(%error, "the ticket was refused; trying with less");
    }
}

/// What to try one after the other when a ticket is refused.
fn lesser<'a>(full: &NewTicket<'a>, title: &'a str) -> Vec<NewTicket<'a>> {
    let without_fields = NewTicket { values: &[], ..full.clone() };
    let bare = NewTicket { priority: None, team: None, ..without_fields.clone() };
    let unrelated = |ticket: &NewTicket<'a>| NewTicket { title, related: None, ..ticket.clone() };
    let mut lesser: Vec<NewTicket<'a>> = Vec::new();
    for ticket in [without_fields, bare.clone(), unrelated(full), unrelated(&bare)] {
        if ticket != *full && !lesser.contains(&ticket) {
            lesser.push(ticket);
        }
    }
    lesser
}

/// Changes a ticket.
///
/// # Errors
/// A failure that is not a refusal: then nothing is known, and the next try compares again.
pub async fn update(desk: &Desk<'_>, ticket: Ticket, change: Change, matched: &Matched) -> Result<Applied, DeskError> {
    let Change { write, priority, team, related, mut verdicts } = change;
    let id = ticket.id;
    let mut ticket = ticket;
    if !write.is_empty() {
        let values: Vec<&FieldValue> = write.iter().map(|index| &matched.values[*index]).collect();
        for (index, outcome) in write.iter().zip(write_fields(desk, &mut ticket, &values).await?) {
            verdicts.values[*index] = outcome;
        }
    }
    if let Some(priority) = priority {
        verdicts.priority = outcome(desk.set_priority(id, priority).await)?;
        if verdicts.priority == Outcome::Written {
            ticket.priority = Some(priority.as_str().to_owned());
        }
    }
    if let Some(team) = team {
        verdicts.team = outcome(desk.transfer(id, &team).await)?;
        if verdicts.team == Outcome::Written {
            ticket.team = Some(team.as_str().to_owned());
        }
    }
    if let Some(channels) = related {
        outcome(desk.set_related(id, &channels).await.map(|()| true))?;
    }
    Ok(Applied { ticket, verdicts })
}

/// The create may have worked: if its ticket is there, go on with it.
async fn rescue(desk: &Desk<'_>, error: DeskError, wanted: &Wanted<'_>) -> Result<Created, DeskError> {
    if error.sent == Sent::No {
        return Err(error);
    }
    let found = desk.tickets_of_customer(wanted.user_id).await.ok().and_then(|tickets| wanted.best(tickets));
    match found.filter(|ticket| ticket.open) {
        Some(ticket) => Ok(Created::Partly { ticket, team_refused: false }),
        None => Err(error),
    }
}

/// A new ticket against what was sent with it.
async fn verified(desk: &Desk<'_>, ticket: Ticket, matched: &Matched) -> Result<Applied, DeskError> {
    let ticket =
        if ticket.fields.is_none() && !matched.values.is_empty() { shown(desk, ticket).await? } else { ticket };
    let priority = matched.priority.is_some_and(|wanted| ticket.priority.as_deref() == Some(wanted.as_str()));
    let team = matched.team.as_ref().is_some_and(|wanted| ticket.team.as_deref() == Some(wanted.as_str()));
    let held = |held| if held { Outcome::Written } else { Outcome::Rejected };
    let verdicts = Verdicts {
        values: matched.values.iter().map(|value| read_back_from(value, &ticket)).collect(),
        priority: held(priority),
        team: held(team),
    };
    Ok(Applied { ticket, verdicts })
}

/// Writes values together; if Desk refuses them together, one by one.
async fn write_fields(desk: &Desk<'_>, ticket: &mut Ticket, values: &[&FieldValue]) -> Result<Vec<Outcome>, DeskError> {
    match desk.patch_fields(ticket.id, values).await {
        Ok(answer) => {
            *ticket = with_fields(desk, ticket, answer).await?;
            return Ok(values.iter().map(|value| read_back_from(value, ticket)).collect());
        }
        Err(error) if error.kind != Kind::Refused => return Err(error),
        Err(error) => tracing::warn!(%error, "the fields were refused together; trying one by one"),
    }
    let mut outcomes = Vec::with_capacity(values.len());
    for value in values {
        outcomes.push(write_field(desk, ticket, value).await?);
    }
    Ok(outcomes)
}

/// Writes one value. Desk's 190 characters may be bytes (desk-wire section 9, question 3): a value that is refused and
/// longer than that is tried once more, cut.
async fn write_field(desk: &Desk<'_>, ticket: &mut Ticket, value: &FieldValue) -> Result<Outcome, DeskError> {
    let error = match desk.patch_fields(ticket.id, &[value]).await {
        Ok(answer) => {
            *ticket = with_fields(desk, ticket, answer).await?;
            return Ok(read_back_from(value, ticket));
        }
        Err(error) => error,
    };
    if error.kind != Kind::Refused {
        return Err(error);
    }
    let short = cut_bytes(value.text.expose(), MAX_VALUE);
    if short.len() == value.text.expose().len() {
        return Ok(Outcome::Rejected);
    }
    let value = FieldValue { text: short.to_owned().into(), truncated: true, ..value.clone() };
    match desk.patch_fields(ticket.id, &[&value]).await {
        Ok(answer) => {
            *ticket = with_fields(desk, ticket, answer).await?;
            Ok(read_back_from(&value, ticket))
        }
        Err(error) if error.kind == Kind::Refused => Ok(Outcome::Rejected),
        Err(error) => Err(error),
    }
}

/// The ticket with its fields, from the answer to a write or, if that does not show them, from Desk once more.
async fn with_fields(desk: &Desk<'_>, before: &Ticket, answer: Option<Ticket>) -> Result<Ticket, DeskError> {
    match answer {
        Some(ticket) if ticket.fields.is_some() => Ok(ticket),
        _ => shown(desk, before.clone()).await,
    }
}

async fn shown(desk: &Desk<'_>, ticket: Ticket) -> Result<Ticket, DeskError> {
    Ok(desk.ticket(ticket.id).await?.unwrap_or(ticket))
}

fn read_back_from(value: &FieldValue, ticket: &Ticket) -> Outcome {
    static NOTHING: BTreeMap<String, crate::ticket::StoredText> = BTreeMap::new();
    read_back(value, ticket.fields.as_ref().unwrap_or(&NOTHING))
}

/// What became of a thing that is not a field: done, not done, or refused.
fn outcome(done: Result<bool, DeskError>) -> Result<Outcome, DeskError> {
    match done {
        Ok(true) => Ok(Outcome::Written),
        Ok(false) => Ok(Outcome::Rejected),
        Err(error) if error.kind == Kind::Refused => {
            tracing::warn!(%error, "refused; the rest goes on");
            Ok(Outcome::Rejected)
        }
        Err(error) => Err(error),
    }
}

/// What everything would become if Desk took all of it.
pub fn foreseen(matched: &Matched) -> Verdicts {
    let values = matched.values.iter().map(sent).collect();
    Verdicts { values, priority: Outcome::Written, team: Outcome::Written }
}
