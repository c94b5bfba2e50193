//! One handoff: what it was, what became of every key and why, the ticket as a human agent sees it,
//! and everything that happened on the way.

use std::sync::Arc;

use axum::extract::{Path, State as Here};
use axum::response::IntoResponse;
use desk_handoff::auth::sign;
use desk_handoff::fields::{Entry as Line, Outcome};
use desk_handoff::handoff::Handoff;
use desk_handoff::rules::Rules;
use http::StatusCode;
use maud::{Markup, html};
use serde_json::{Value, json};

use crate::local::journal::{Entry, Happened, State};
use crate::output::explain::{advice, meaning, target};
use crate::page::samples::pretty;
use crate::page::views::{Live, around, fixes, missing, parts, timeline};
use crate::page::{Page, views};
use crate::settings::{SIGNATURE, SIGNING_SECRET};

pub(crate) async fn show(Here(page): Here<Arc<Page>>, Path(id): Path<u64>) -> impl IntoResponse {
    let Some(entry) = page.local.journal.find(id) else {
        let text = "There is no such handoff here, or it is not kept any more.";
        return (StatusCode::NOT_FOUND, missing(&page, text));
    };
    let title = format!("Handoff {id}: conversation {}", parts::conversation(&entry));
    let content = html! {
        section id="part-facts" data-part="" { (facts(&entry)) }
        section id="part-keys" data-part="" aria-labelledby="keys-heading" {
            h2 id="keys-heading" { "What became of every key" }
            // The document that holds now gives the reasons; that of then is not kept.
            (keys(&entry, &page.rules()))
        }
        section id="part-ticket" data-part="" aria-labelledby="ticket-heading" {
            h2 id="ticket-heading" { "The ticket as the human agent sees it now" }
            (ticket(&page, &entry))
        }
        section id="part-time" data-part="" aria-labelledby="time-heading" {
            h2 id="time-heading" { "What happened" }
            (timeline::show(&entry))
        }
        (again(&page, &entry))
    };
    (StatusCode::OK, around(&page, "/", &title, Live::Parts, &content))
}

fn facts(entry: &Entry) -> Markup {
    let message = entry.report.as_ref().map(|report| parts::text(&report["message"]));
    html! {
        p.lead {
            (parts::badge(&entry.state)) " "
            @if let Some(why) = not_done(entry) { "Not done: " (why) "." }
            @else if let Some(message) = message { (message) }
            @else if let Some(detail) = entry.answer["detail"].as_str() { (detail) }
        }
        @if let Some(places) = entry.answer["errors"].as_array() {
            ul { @for place in places {
                li { code { (parts::text(&place["path"])) } " " (parts::text(&place["detail"])) }
            } }
        }
        dl.facts {
            dt { "came" } dd { (parts::time(entry.at)) " by " code { "POST " (entry.route.path()) } }
            dt { "answered" } dd { (entry.status) " after " (parts::took(entry.took)) }
            @if let Some(handoff) = &entry.handoff {
                dt { "customer" } dd { (handoff.user_id) }
                @if let Some(channel) = &handoff.conversation.channel_url {
                    dt { "channel" } dd { (channel) }
                }
                dt { "event" } dd {
                    @if handoff.event_is_named { (handoff.event_id) }
                    @else { "not named: the same words count as one event for ten minutes" }
                }
            }
        }
    }
}

/// Why it is not done, where it waits or was given up.
fn not_done(entry: &Entry) -> Option<&str> {
    match entry.state {
        State::Waiting(_) | State::Dead => {}
        State::Working | State::Refused(_) | State::Ignored | State::Queued | State::Done(_) => {
            return None;
        }
    }
    entry.steps.iter().rev().find_map(|step| match &step.what {
        Happened::Tried(tried) => tried.result.as_ref().err().map(String::as_str),
        Happened::Queued { .. }
        | Happened::Redriven
        | Happened::Claimed { .. }
        | Happened::GivenBack
        | Happened::Called(_) => None,
    })
}

fn keys(entry: &Entry, rules: &Rules) -> Markup {
    let lines = parts::lines(entry);
    if lines.is_empty() {
        let text = match &entry.state {
            State::Working | State::Queued | State::Waiting(_) => "Nothing is known yet.",
            State::Refused(_) => "Nothing was taken from this request.",
            State::Dead => "It was given up before anything was known.",
            State::Ignored | State::Done(_) => "This request brought nothing new.",
        };
        return html! { p { (text) } };
    }
    let value = |line: &Line| entry.handoff.as_ref().map(|handoff| value(handoff, line));
    table(&lines, rules, |line| value(line).unwrap_or_default(), Told::Done)
}

/// Whether a table tells what was done, or what would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    Done,
    Foreseen,
}

/// Key by key: outcome, field, value, and the reason in a sentence.
pub(crate) fn table(
    lines: &[Line],
    rules: &Rules,
    value: impl Fn(&Line) -> String,
    told: Told,
) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label="Outcome of every key" {
            table.keys {
                thead { tr {
                    th scope="col" { "Key" } th scope="col" { "Value" } th scope="col" { "Outcome" }
                    th scope="col" { "Field" } th scope="col" { "Reason, and what to do" }
                } }
                tbody { @for line in lines { tr {
                    th scope="row" { @if line.key.trim().is_empty() { "(blank)" } @else { (line.key) } }
                    td.value { (value(line)) }
                    td { (parts::outcome(line)) }
                    td { (target(line, rules).word()) }
                    td.reason {
                        @match advice(line, rules) {
                            Some(text) => (text),
                            None if told == Told::Foreseen => "would be written to a new ticket",
                            None => (meaning(line.outcome).0),
                        }
                        @if told == Told::Foreseen { (fixes::buttons(line, rules)) }
                    }
                } } }
            }
        }
    }
}

/// The value that was sent for a key: this page is local, and shows it, unless it is one that Desk is
/// not to see either.
pub(crate) fn value(handoff: &Handoff, line: &Line) -> String {
    if line.outcome == Outcome::Denied {
        return "(hidden)".to_owned();
    }
    let given = handoff.context.0.get(&line.key).or_else(|| handoff.reserved.0.get(&line.key));
    let filled = || line.value.as_ref().map(|value| value.expose().to_owned());
    given.map(parts::text).or_else(filled).unwrap_or_default()
}

fn ticket(page: &Page, entry: &Entry) -> Markup {
    let shown = parts::ticket(entry).map(|id| (id, page.desk.as_ref()));
    let (id, desk) = match shown {
        None => return html! { p { "There is no ticket." } },
        Some((id, None)) => return html! { p { "Ticket " (id) ", in your own Desk." } },
        Some((id, Some(desk))) => (id, desk),
    };
    let Some(ticket) = desk.emulator.ticket(id) else {
        return html! { p { "Ticket " (id) " is not there." } };
    };
    let changed = |key: &str| entry.changes.iter().any(|(on, name)| *on == id && name == key);
    views::desk::ticket(&ticket, &|key| desk.writer(id, key), &changed)
}

/// Sending it once more, and taking it elsewhere.
fn again(page: &Page, entry: &Entry) -> Markup {
    let address = format!("POST /page/handoffs/{}/again", entry.id);
    html! {
        section aria-labelledby="again-heading" {
            h2 id="again-heading" { "Once more" }
            // In front of one's own Desk sending asks first, as only "Try it" does.
            @if page.desk.is_some() {
                form.inline data-send=(address) { input type="hidden" name="event" value="same";
                    button id="again" { "Send it again, the same event" } }
                form.inline data-send=(address) { input type="hidden" name="event" value="new";
                    button { "Send it again, as another event" } }
            }
            a.button.second href=(format!("/page/try?from={}", entry.id)) { "Edit a copy" }
            details id="details-body" { summary { "The body" }
                pre tabindex="0" id="body" { (pretty(&entry.body)) }
                button type="button" data-copy="body" { "Copy" } }
            details id="details-curl" { summary { "As a curl command" }
                pre tabindex="0" id="curl" { (curl(page, entry.route.path(), &entry.body)) }
                button type="button" data-copy="curl" { "Copy" } }
            details id="details-event" { summary { "As a test event of API Gateway" }
                pre tabindex="0" id="event" { (format!("{:#}", event(entry))) }
                button type="button" data-copy="event" { "Copy" } }
            details id="details-answer" { summary { "The answer" }
                pre tabindex="0" { (format!("{:#}", entry.answer)) } }
        }
    }
}

/// A command that works as it stands when pasted into a shell.
pub(crate) fn curl(page: &Page, path: &str, body: &str) -> String {
    let signature = sign(body.as_bytes(), SIGNING_SECRET);
    // The shell's quotation ends at a single quote: it is left, and begun again after it.
    let quoted = body.replace('\'', r"'\''");
    format!(
        "curl -sS http://{}{path} \\\n  -H '{SIGNATURE}: {signature}' \\\n  --data-raw '{quoted}'",
        page.served.address
    )
}

/// What API Gateway would make of the request, as the samples of events/ are.
fn event(entry: &Entry) -> Value {
    let path = entry.route.path();
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
        "headers": {
            "content-type": "application/json",
            SIGNATURE: sign(entry.body.as_bytes(), SIGNING_SECRET),
        },
        "requestContext": {
            // An address for documentation (RFC 5737), which nobody has.
            "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.10"},
            "requestId": format!("local-{}", entry.id), "stage": "$default",
        },
        "body": entry.body, "isBase64Encoded": false,
    })
}
