//! The list of tickets: which of its parameters are honoured, in which order it comes, what it
//! shows.
//!
//! A filter is asked for what no ticket has: where it is honoured nothing comes, where it is
//! ignored tickets do. Of the tickets of others only their ids, states and number are looked at.

use desk_emulator::{ChannelMatch, ErrorForm};
use serde_json::Value;

use crate::probe::asking::Asking;
use crate::probe::pages::{LARGE_PAGE, Page, encoded};
use crate::probe::stop::Stop;
use crate::probe::ticket::id;

/// A value for each parameter that fits no ticket.
const FITS_NONE: [(&str, &str); 7] = [
    ("channel_url", "desk-handoff-probe-no-channel"),
    ("sendbird_id", "desk-handoff-probe-nobody"),
    ("q", "qzxwvkjqhf"),
    ("agent", "999999999"),
    ("start_date", "2999-01-01"),
    ("end_date", "2000-01-01"),
    ("offset", "1000000"),
];
/// A state that hardly any ticket is in, and the test ticket is not.
const RARE_STATE: &str = "PROACTIVE";
/// What Desk gives without a limit (desk-wire section 3.1).
const USUAL_PAGE: u64 = 50;
/// No ticket has this id: it is the largest that fits into 32 bits, since a larger one may be more
/// than Desk can look for.
const NO_TICKET: u64 = 2_147_483_647;
const NOTHING_LISTED: &str = "Desk lists no ticket at all, not even the new one";

/// Every parameter that is asked about.
pub(crate) const ASKED: [&str; 9] = [
    "agent",
    "channel_url",
    "end_date",
    "limit",
    "offset",
    "q",
    "sendbird_id",
    "start_date",
    "status2",
];

/// What the list of all tickets shows.
const OF_WHOLE: [&str; 5] =
    ["newest_first", "largest_page", "lists_count", "lists_show_fields", "filters.limit"];

pub(crate) async fn ask(asking: &mut Asking<'_>, ticket: &Value) -> Result<(), Stop> {
    let asked = missing_ticket(asking).await;
    asking.tolerated(&["missing_status", "error_form"], asked)?;
    let asked = whole_list(asking).await;
    asking.tolerated(&OF_WHOLE, asked)?;

    for (parameter, value) in FITS_NONE {
        let asked = fits_none(asking, parameter, value).await;
        asking.tolerated(&[&format!("filters.{parameter}")], asked)?;
    }
    let asked = state(asking).await;
    asking.tolerated(&["filters.status2"], asked)?;
    let asked = channel_match(asking, ticket).await;
    asking.tolerated(&["channel_match"], asked)
}

async fn whole_list(asking: &mut Asking<'_>) -> Result<(), Stop> {
    asking.begins("lists: order, pages, what they show");
    let path = format!("/tickets?limit={LARGE_PAGE}");
    let name = "list all tickets";
    let whole = page(asking, name, &path).await?.ok_or(Stop::Refused(name, 400))?;
    if whole.results.is_empty() {
        for setting in OF_WHOLE {
            asking.unanswered(setting, NOTHING_LISTED);
        }
        return Ok(());
    }

    asking.found.settings.lists_count = Some(whole.count.is_some());
    let shows = |ticket: &Value| ticket.get("customFields").is_some();
    asking.found.settings.lists_show_fields = Some(whole.results.iter().any(shows));
    order(asking, &whole);
    let asked = limit(asking, &whole).await;
    asking.tolerated(&["filters.limit"], asked)?;
    largest_page(asking, &whole);
    Ok(())
}

/// Where nothing comes at all, nothing can be said.
async fn fits_none(asking: &mut Asking<'_>, parameter: &str, value: &str) -> Result<(), Stop> {
    asking.begins(&format!("lists: {parameter}"));
    if asking.found.unanswered.get("newest_first").is_some_and(|why| why == NOTHING_LISTED) {
        asking.unanswered(&format!("filters.{parameter}"), NOTHING_LISTED);
        return Ok(());
    }

    // One ticket is enough to see that some came. Beside an offset nothing else is sent.
    let limit = if parameter == "offset" { "" } else { "limit=1&" };
    let path = format!("/tickets?{limit}{parameter}={value}");
    let shown = page(asking, "list by what no ticket has", &path).await?;
    honoured(asking, parameter, shown.is_none_or(|page| page.results.is_empty()));
    Ok(())
}

/// A refused filter is known to Desk, so it is as good as honoured.
async fn page(asking: &Asking<'_>, name: &'static str, path: &str) -> Result<Option<Page>, Stop> {
    let answer = asking.caller.get(name, path).await?;
    if !answer.is_done() {
        return Ok(None);
    }
    Page::read(&answer).map(Some).ok_or(Stop::Nonsense(name))
}

fn honoured(asking: &mut Asking<'_>, parameter: &str, is_honoured: bool) {
    asking.found.settings.filters.insert(parameter.to_owned(), is_honoured);
}

/// The answer about a ticket that does not exist shows how refusals are written.
async fn missing_ticket(asking: &mut Asking<'_>) -> Result<(), Stop> {
    asking.begins("a ticket that does not exist");
    let name = "view no ticket";
    let answer = asking.caller.get(name, &format!("/tickets/{NO_TICKET}")).await?;
    if answer.is_done() {
        let why = "a ticket came back for an id that no ticket has";
        asking.unanswered("missing_status", why);
        asking.unanswered("error_form", why);
        return Ok(());
    }

    asking.found.settings.missing_status = Some(answer.status);
    let form = error_form(&answer.body).ok_or("the refusal has none of the known forms");
    asking.found.settings.error_form = asking.noted("error_form", form);
    Ok(())
}

fn error_form(refusal: &Value) -> Option<ErrorForm> {
    let has = |name: &str| refusal.get(name).is_some_and(Value::is_string);
    let properties = refusal.as_object().filter(|properties| !properties.is_empty());
    let are_lists = properties.is_some_and(|all| all.values().all(Value::is_array));

    match (has("code"), has("detail"), are_lists) {
        (true, true, _) => Some(ErrorForm::CodeAndDetail),
        (false, true, _) => Some(ErrorForm::Detail),
        (_, _, true) => Some(ErrorForm::ByProperty),
        _ => None,
    }
}

async fn limit(asking: &mut Asking<'_>, whole: &Page) -> Result<(), Stop> {
    asking.begins("lists: limit");
    let one = page(asking, "list one ticket", "/tickets?limit=1").await?.unwrap_or_default();
    match one.received() {
        1 if whole.received() > 1 => honoured(asking, "limit", true),
        0 | 1 => asking.unanswered("filters.limit", "Desk has only this one ticket"),
        _ => honoured(asking, "limit", false),
    }
    Ok(())
}

fn order(asking: &mut Asking<'_>, whole: &Page) {
    let ids: Vec<u64> = whole.results.iter().filter_map(id).collect();
    let newest_first = match ids.len() {
        0 | 1 => Err("Desk lists only one ticket"),
        _ if ids.is_sorted() => Ok(false),
        _ if ids.iter().rev().is_sorted() => Ok(true),
        _ => Err("tickets come in another order than that of their ids"),
    };

    asking.found.settings.newest_first = asking.noted("newest_first", newest_first);
}

/// Seen only where Desk has more tickets than it shows, and shows fewer than it was asked for.
fn largest_page(asking: &mut Asking<'_>, whole: &Page) {
    let ignores_limit = asking.found.settings.filters.get("limit") == Some(&false);
    let is_usual = whole.received() == USUAL_PAGE && ignores_limit;
    let seen = match usize::try_from(whole.received()) {
        _ if !whole.has_more() => Err("all tickets of this Desk stand on one page"),
        Ok(received) if whole.received() < LARGE_PAGE && !is_usual => Ok(received),
        _ => Err("it is as large as was asked for, or larger"),
    };
    asking.found.settings.largest_page = asking.noted("largest_page", seen);
}

async fn state(asking: &mut Asking<'_>) -> Result<(), Stop> {
    asking.begins("lists: status2");
    let path = format!("/tickets?status2={RARE_STATE}");
    let shown = page(asking, "list by state", &path).await?.unwrap_or_default();
    let is_other =
        |ticket: &Value| ticket.get("status2").and_then(Value::as_str) != Some(RARE_STATE);
    let is_honoured = !shown.results.iter().any(is_other);
    honoured(asking, "status2", is_honoured);
    Ok(())
}

/// Whether the beginning of a channel finds it, too.
async fn channel_match(asking: &mut Asking<'_>, ticket: &Value) -> Result<(), Stop> {
    let channel = ticket.get("channelUrl").and_then(Value::as_str).unwrap_or_default();
    let honoured = asking.found.settings.filters.get("channel_url") == Some(&true);
    let is_listed = asking.found.settings.listed_after_ms.is_some();
    let Some(beginning) = channel.get(..channel.len().saturating_sub(1)) else { return Ok(()) };
    if !honoured || !is_listed || beginning.is_empty() {
        asking.unanswered("channel_match", "the filter channel_url shows nothing of it");
        return Ok(());
    }

    asking.begins("lists: a part of a channel");
    let path = format!("/tickets?channel_url={}", encoded(beginning));
    let shown = page(asking, "list by a part of a channel", &path).await?.unwrap_or_default();
    let is_found = shown.results.iter().any(|shown| id(shown) == id(ticket));
    asking.found.settings.channel_match =
        Some(if is_found { ChannelMatch::Beginning } else { ChannelMatch::Exact });
    Ok(())
}
