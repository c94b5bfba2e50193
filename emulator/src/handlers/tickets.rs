//! The ticket calls: list, view, create, update, field values, close, transfer. Each takes the state
//! as its own for as long as it works, and either does all it was asked to or refuses and does
//! nothing. Properties of a body that are not named here have no effect, as on a live Desk.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::call::Route;
use crate::choices::{
    ChannelMatch, CloseNew, ClosedWrites, DefaultTeam, StrangeRelated, Transfer, UnknownGroup,
    WriteAnswer,
};
use crate::handlers::page::page;
use crate::http::reply::{Outcome, Reply};
use crate::http::request::{ApiRequest, Parameters};
use crate::model::fields::Values;
use crate::model::group::Group;
use crate::model::state::State;
use crate::model::ticket::{CLOSED, INITIALIZED, PENDING, PRIORITIES, STATUSES, Ticket};
use crate::refusal::Refusal;

const LONGEST_TITLE: usize = 100;
const MOST_RELATED: usize = 3;
const MOST_FOUND_BY_KEYWORD: usize = 100;

const FILTERS: [&str; 9] = [
    "limit",
    "offset",
    "status2",
    "sendbird_id",
    "channel_url",
    "q",
    "agent",
    "start_date",
    "end_date",
];

pub(crate) fn list(state: &mut State, request: &ApiRequest) -> Outcome {
    let parameters = request.parameters(&FILTERS, &state.behaviour);
    // The one filter whose values are all documented.
    if let Some(status) =
        parameters.get("status2").filter(|status| !STATUSES.contains(&status.as_str()))
    {
        return Err(Refusal::invalid(format!("status2: {status:?} is not a valid choice.")));
    }
    let lookups = state.count_lookup();
    let visible = state.tickets.values().filter(|ticket| ticket.is_listed(lookups));
    let visible = visible.map(|ticket| state.as_listed(ticket));
    let shown = |ticket| {
        if state.behaviour.lists_show_fields {
            state.show(ticket)
        } else {
            without_fields(state.show(ticket))
        }
    };

    let mut found: Vec<Value> =
        visible.filter(|ticket| is_asked_for(state, ticket, &parameters)).map(shown).collect();
    if state.behaviour.newest_first {
        found.reverse();
    }
    if parameters.contains_key("q") {
        found.truncate(MOST_FOUND_BY_KEYWORD);
    }

    Ok(page(state, request, &parameters, found))
}

fn is_asked_for(state: &State, ticket: &Ticket, parameters: &Parameters) -> bool {
    parameters.iter().all(|(name, wanted)| match name.as_str() {
        "status2" => ticket.status == *wanted,
        "sendbird_id" => state
            .customers
            .get(&ticket.customer)
            .is_some_and(|customer| customer.sendbird_id == *wanted),
        "channel_url" => match state.behaviour.channel_match {
            ChannelMatch::Exact => ticket.channel_url == *wanted,
            ChannelMatch::Beginning => ticket.channel_url.starts_with(wanted.as_str()),
        },
        "q" => {
            ticket.title.contains(wanted.as_str()) || ticket.last_message.contains(wanted.as_str())
        }
        "agent" => ticket.is_assigned_to(wanted),
        // Both are days, written from the year down: the order of such texts is that of the days.
        "start_date" => ticket.created_at[..10] >= wanted[..],
        "end_date" => ticket.created_at[..10] <= wanted[..],
        // `limit` and `offset` choose no ticket: they cut the list when it is complete.
        _ => true,
    })
}

pub(crate) fn view(state: &mut State, route: &Route) -> Outcome {
    let lookups = state.count_lookup();
    let ticket = route
        .id()
        .and_then(|id| state.tickets.get(&id))
        .filter(|ticket| ticket.is_visible(lookups));
    // The one code of Desk that was seen, desk400104, begins with its status.
    let missing = || {
        let status = state.behaviour.missing_status;
        Refusal::new(status, u32::from(status) * 1000 + 100, "Not found.")
    };
    Ok(Reply::ok(&state.show(ticket.ok_or_else(missing)?)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewTicket {
    channel_name: String,
    customer_id: u64,
    group_key: Option<String>,
    priority: Option<String>,
    related_channel_urls: Option<String>,
    custom_fields: Option<Value>,
}

pub(crate) fn create(state: &mut State, request: &ApiRequest) -> Outcome {
    let new: NewTicket = request.json()?;
    if new.channel_name.is_empty() || new.channel_name.chars().count() > LONGEST_TITLE {
        return Err(Refusal::invalid(format!(
            "channelName: 1 to {LONGEST_TITLE} characters are expected."
        )));
    }
    if !state.customers.contains_key(&new.customer_id) {
        return Err(Refusal::invalid(format!(
            "customerId: there is no customer {}.",
            new.customer_id
        )));
    }

    // It joins the others at the very end: a refusal on the way leaves nothing behind.
    let mut ticket = state.blank_ticket(new.customer_id, new.channel_name);
    if let Some(key) = new.group_key {
        // An unknown team that is passed over leaves the Default team, with which a ticket begins.
        ticket.group = group(state, &key)?.or(ticket.group);
    }
    if let Some(priority) = new.priority {
        ticket.priority = valid_priority(priority)?;
    }
    if let Some(urls) = new.related_channel_urls {
        ticket.related = valid_related(state, &urls)?;
    }
    if let Some(sent) = new.custom_fields {
        ticket.fields = state.ticket_rules().merged(&Values::default(), &sent)?;
    }

    // The answer to a create shows the ticket, also where lists and views are late with it.
    let shown = state.show(&ticket);
    state.tickets.insert(ticket.id, ticket);
    Ok(Reply::json(state.behaviour.create_status, &shown))
}

fn group(state: &State, key: &str) -> Result<Option<usize>, Refusal> {
    let found = state.group_with_key(key);
    if found.is_none() && state.behaviour.unknown_group == UnknownGroup::Refuse {
        return Err(Refusal::invalid(format!("groupKey: there is no group {key:?}.")));
    }
    Ok(found)
}

fn valid_priority(priority: String) -> Result<String, Refusal> {
    if PRIORITIES.contains(&priority.as_str()) {
        return Ok(priority);
    }
    Err(Refusal::invalid(format!("priority: {priority:?} is not a valid choice.")))
}

fn valid_related(state: &State, urls: &str) -> Result<Vec<String>, Refusal> {
    // An empty text is a list of no channel, and not one channel without a name.
    let urls: Vec<String> =
        urls.split(',').filter(|url| !url.is_empty()).map(str::to_owned).collect();
    if urls.len() > MOST_RELATED {
        return Err(Refusal::invalid(format!(
            "relatedChannelUrls: no more than {MOST_RELATED} channels are expected."
        )));
    }

    // Which channels are a customer's, only Chat knows; so every one counts as strange here.
    match state.behaviour.strange_related {
        StrangeRelated::Take => Ok(urls),
        StrangeRelated::Drop => Ok(Vec::new()),
        StrangeRelated::Refuse => {
            Err(Refusal::invalid("relatedChannelUrls: no channel of this customer."))
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Changes {
    priority: Option<String>,
    related_channel_urls: Option<String>,
}

pub(crate) fn update(state: &mut State, route: &Route, request: &ApiRequest) -> Outcome {
    let id = changeable(state, route)?;
    let changes: Changes = request.json()?;
    // Both are tried before either is stored: a call is done as a whole or not at all.
    let priority = changes.priority.map(valid_priority).transpose()?;
    let related =
        changes.related_channel_urls.map(|urls| valid_related(state, &urls)).transpose()?;
    let before = state.show(&state.tickets[&id]);

    if !passes_over_writes(state, id) {
        let ticket = state.ticket_mut(id);
        ticket.priority = priority.unwrap_or_else(|| ticket.priority.clone());
        ticket.related = related.unwrap_or_else(|| ticket.related.clone());
    }

    Ok(written(state, id, before))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FieldChanges {
    custom_fields: Value,
}

pub(crate) fn patch_fields(state: &mut State, route: &Route, request: &ApiRequest) -> Outcome {
    let id = changeable(state, route)?;
    let changes: FieldChanges = request.json()?;
    let merged = state.ticket_rules().merged(&state.tickets[&id].fields, &changes.custom_fields)?;
    let before = state.show(&state.tickets[&id]);
    if !passes_over_writes(state, id) {
        state.ticket_mut(id).fields = merged;
    }
    Ok(written(state, id, before))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Closing {
    close_comment: String,
    close_message: String,
}

pub(crate) fn close(state: &mut State, route: &Route, request: &ApiRequest) -> Outcome {
    let id = changeable(state, route)?;
    let closing: Closing = request.json()?;
    let is_new = state.tickets[&id].message_count == 0 && state.tickets[&id].status == INITIALIZED;
    if is_new && state.behaviour.close_new == CloseNew::Refuse {
        return Err(Refusal::invalid("The ticket has no message yet."));
    }

    state.ticket_mut(id).close(closing.close_comment, closing.close_message);
    Ok(Reply::ok(&state.show(&state.tickets[&id])))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Move {
    tickets: Vec<u64>,
    status: String,
    group_key: String,
}

pub(crate) fn transfer_to_group(state: &mut State, request: &ApiRequest) -> Outcome {
    let wanted: Move = request.json()?;
    // The only status with which this call was ever seen (desk-wire section 3.6).
    if wanted.status != PENDING {
        return Err(Refusal::invalid("status: PENDING is expected."));
    }

    let Some(group) = destination(state, &wanted.group_key)? else {
        return Ok(Reply::ok(&json!({"transferredTickets": []})));
    };
    let transfer = state.behaviour.transfer;
    let mut moved = Vec::new();

    for id in wanted.tickets {
        // One id that is not there spoils nothing for the others: the answer says which were moved.
        let Some(ticket) = state.tickets.get(&id) else { continue };
        let is_moved = match transfer {
            Transfer::PendingOnly => ticket.status == PENDING,
            Transfer::AllOpen => ticket.status != CLOSED,
            Transfer::Never => false,
        };
        if is_moved {
            state.ticket_mut(id).group = Some(group);
            moved.push(id);
        }
    }

    Ok(Reply::ok(&json!({"transferredTickets": moved})))
}

/// The team with this key, if the call is not refused for it.
fn destination(state: &State, key: &str) -> Result<Option<usize>, Refusal> {
    let refused = || Err(Refusal::invalid(format!("groupKey: there is no group {key:?}.")));
    if key.is_empty() {
        return match state.behaviour.transfer_default {
            DefaultTeam::Refuse => refused(),
            DefaultTeam::Accept => Ok(state.groups.iter().position(Group::is_default)),
        };
    }

    match (state.group_with_key(key), state.behaviour.transfer_unknown) {
        (Some(group), _) => Ok(Some(group)),
        (None, UnknownGroup::Ignore) => Ok(None),
        (None, UnknownGroup::Refuse) => refused(),
    }
}

/// The id in the path, if it is that of a ticket which may be changed.
fn changeable(state: &State, route: &Route) -> Result<u64, Refusal> {
    let ticket = route
        .id()
        .and_then(|id| state.tickets.get(&id))
        // A look-up of its own is not counted: only lists and views bring a ticket nearer.
        .filter(|ticket| ticket.is_visible(state.lookups()))
        .ok_or_else(Refusal::not_found)?;
    match state.behaviour.closed_writes {
        ClosedWrites::Refuse if ticket.status == CLOSED => {
            Err(Refusal::invalid("The ticket is closed."))
        }
        ClosedWrites::Refuse | ClosedWrites::Accept | ClosedWrites::Ignore => Ok(ticket.id),
    }
}

fn passes_over_writes(state: &State, id: u64) -> bool {
    state.tickets[&id].status == CLOSED && state.behaviour.closed_writes == ClosedWrites::Ignore
}

/// The answer to a change of a ticket that was shown so before it.
fn written(state: &State, id: u64, before: Value) -> Reply {
    let shown = state.show(&state.tickets[&id]);
    match state.behaviour.write_answer {
        WriteAnswer::Full => Reply::ok(&shown),
        WriteAnswer::Stale => Reply::ok(&before),
        WriteAnswer::Empty => Reply::ok(&shown).emptied(),
        WriteAnswer::WithoutFields => Reply::ok(&without_fields(shown)),
    }
}

fn without_fields(mut shown: Value) -> Value {
    if let Some(properties) = shown.as_object_mut() {
        properties.remove("customFields");
    }
    shown
}
