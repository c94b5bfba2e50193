//! Desk's side: the tickets and what people do with them, the queue in front, what can go wrong, and
//! what a live Desk may do this way or that.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use maud::{Markup, html};
use serde_json::Value;

use crate::local::queue::Waiting;
use crate::page::switches::{self, CALLS, FAULTS, SWITCHES};
use crate::page::views::{Live, around, parts};
use crate::page::writers::Writer;
use crate::page::{Embedded, Page};

/// So many tickets are shown.
const TICKETS: usize = 50;

pub(crate) async fn show(State(page): State<Arc<Page>>) -> Markup {
    let content = html! {
        section id="part-queue" data-part="" aria-labelledby="queue-heading" {
            h2 id="queue-heading" { "The queue" }
            (queue(&page))
        }
        @match &page.desk {
            Some(desk) => {
                @if let Some(profile) = &page.served.profile {
                    p id="profile" { "Desk behaves as the profile " code { (profile) } " says, but for what is set below." }
                }
                (embedded(desk))
            }
            None => { p { "Desk is your own: what is in it is seen in its dashboard, and nothing is broken there on purpose." } }
        }
    };
    around(&page, "/page/desk", "Desk", Live::Parts, &content)
}

fn embedded(desk: &Embedded) -> Markup {
    html! {
        section id="part-faults" data-part="" aria-labelledby="faults-heading" {
            h2 id="faults-heading" { "What goes wrong now" }
            (active(desk))
            (token())
        }
        section aria-labelledby="break-heading" {
            h2 id="break-heading" { "Let something go wrong" }
            (breaking())
        }
        section id="part-tickets" data-part="" aria-labelledby="tickets-heading" {
            h2 id="tickets-heading" { "Tickets" }
            (tickets(desk))
        }
        section aria-labelledby="own-heading" {
            h2 id="own-heading" { "Desk makes a ticket itself" }
            p { "With the native integration Desk makes a ticket of its own at handoff." }
            form.row data-send="POST /page/desk/tickets" {
                label { "customer " input name="user" required value="ann"; }
                label { "channel " input name="channel" placeholder="none: a new one"; }
                button { "Make it" }
            }
        }
        section id="part-switches" data-part="" aria-labelledby="switches-heading" {
            h2 id="switches-heading" { "Where nobody knows what a live Desk does" }
            (behaviour(desk))
        }
    }
}

fn queue(page: &Page) -> Markup {
    let (waiting, dead) = (page.local.queue.waiting(), page.local.queue.dead());
    html! {
        p id="queue-counts" {
            (waiting.len()) " waiting, " (dead.len()) " dead "
            @if dead.len() == 1 { "letter" } @else { "letters" } "."
        }
        @if !waiting.is_empty() { (messages("Waiting", &waiting)) }
        @if !dead.is_empty() { (messages("Dead letters", &dead)) }
        form.inline data-send="POST /page/queue" { input type="hidden" name="act" value="hurry";
            button disabled[waiting.is_empty()] { "Try what waits now" } }
        form.inline data-send="POST /page/queue" { input type="hidden" name="act" value="redrive";
            button disabled[dead.is_empty()] { "Redrive the dead letters" } }
    }
}

fn messages(name: &str, messages: &[Waiting]) -> Markup {
    html! {
        h3 { (name) }
        ul { @for message in messages { li {
            @match message.origin {
                Some(id) => { a href=(format!("/page/handoffs/{id}")) { "Handoff " (id) } }
                None => "A message",
            }
            ", received " (message.receipts) " times"
            @if message.in_flight { ", in hand" }
            @else if !message.next.is_zero() { ", next try at " (parts::time(SystemTime::now() + message.next)) }
        } } }
    }
}

fn active(desk: &Embedded) -> Markup {
    let faults = desk.emulator.faults();
    html! {
        @if faults.is_empty() { p id="no-fault" { "Nothing goes wrong." } }
        ul id="active-faults" { @for fault in &faults { li { (switches::describe(fault)) } } }
        form.inline data-send="DELETE /page/desk/faults/all" {
            button disabled[faults.is_empty()] { "Let all go well again" }
        }
        form.inline data-send="POST /page/desk/outage" { input type="hidden" name="seconds" value="60";
            button { "Desk down for a minute" } }
    }
}

fn token() -> Markup {
    html! {
        (token_button("revoke", "Let Desk refuse the token"))
        (token_button("store", "Store a token that Desk takes"))
    }
}

fn token_button(act: &str, text: &str) -> Markup {
    html! {
        form.inline data-send="POST /page/desk/token" {
            input type="hidden" name="act" value=(act);
            button { (text) }
        }
    }
}

fn breaking() -> Markup {
    html! {
        form.row data-send="POST /page/desk/faults" {
            div {
                label for="fault-kind" { "What" }
                select id="fault-kind" name="kind" {
                    @for (name, what, _) in FAULTS { option value=(name) { (what) } }
                }
            }
            div {
                label for="fault-call" { "Which call" }
                select id="fault-call" name="call" {
                    @for (name, what, _) in CALLS { option value=(name) { (what) } }
                }
            }
            div {
                label for="fault-times" { "How often" }
                select id="fault-times" name="times" {
                    option value="1" { "once" } option value="3" { "three times" }
                    option value="" { "until it is cleared" }
                }
            }
            button { "Let it go wrong" }
        }
    }
}

fn tickets(desk: &Embedded) -> Markup {
    let ids = desk.emulator.ticket_ids();
    let newest = ids.iter().rev().take(TICKETS);
    let shown: Vec<Value> = newest.filter_map(|id| desk.emulator.ticket(*id)).collect();
    html! {
        @if shown.is_empty() { p { "There is no ticket yet." } }
        @if ids.len() > TICKETS { p { "The newest " (TICKETS) " of " (ids.len()) "." } }
        @for shown in &shown {
            @let id = shown["id"].as_u64().unwrap_or_default();
            details.ticket id=(format!("ticket-{id}")) open[is_newest(&ids, id)] {
                summary { "Ticket " (id) ", " (parts::text(&shown["channelName"])) " "
                    span.badge.calm { (parts::text(&shown["status2"])) } }
                (ticket(shown, &|key| desk.writer(id, key), &|_| false))
                (human(id, shown))
            }
        }
    }
}

/// Whether it is the newest one, which stands open.
fn is_newest(ids: &[u64], id: u64) -> bool {
    ids.last() == Some(&id)
}

/// A ticket as a human agent sees it, with who wrote each value.
pub(crate) fn ticket(
    ticket: &Value,
    writer: &dyn Fn(&str) -> Option<Writer>,
    is_changed: &dyn Fn(&str) -> bool,
) -> Markup {
    let fields = ticket["customFields"].as_array().map(Vec::as_slice).unwrap_or_default();
    let who = |key: &str| writer(key).map(Writer::name).unwrap_or_default();
    let team = parts::text(&ticket["group"]["name"]);
    html! {
        dl.facts {
            dt { "title" } dd { (parts::text(&ticket["channelName"])) }
            dt { "status" } dd { (parts::text(&ticket["status2"]))
                @if ticket["status2"] == "INITIALIZED" {
                    span.warn { " No agent sees it before the customer writes, or an opening message is posted." }
                }
            }
            dt { "priority" } dd { (parts::text(&ticket["priority"])) " " span.quiet { (who("(priority)")) } }
            dt { "team" } dd { (team) " " span.quiet { (who("(team)")) } }
            dt { "customer" } dd { (parts::text(&ticket["customer"]["sendbirdId"])) }
            dt { "messages" } dd { (parts::text(&ticket["messageCount"])) }
        }
        @if fields.is_empty() { p { "No field is filled." } }
        @else {
            div.wide tabindex="0" role="region" aria-label="Fields of the ticket" {
                table.fields {
                    thead { tr { th scope="col" { "Field" } th scope="col" { "Value" } th scope="col" { "Written by" } } }
                    tbody { @for field in fields {
                        @let key = parts::text(&field["key"]);
                        tr.changed[is_changed(&key) && writer(&key) == Some(Writer::Us)] {
                            th scope="row" { (key) }
                            td.value { (parts::text(&field["value"])) }
                            td { (who(&key)) @if is_changed(&key) { " " (mark(writer(&key))) } }
                        }
                    } }
                }
            }
        }
    }
}

/// What a handoff wrote may have been written over since.
fn mark(writer: Option<Writer>) -> Markup {
    match writer {
        Some(Writer::Us) | None => html! { span.badge.good { "changed by this" } },
        Some(Writer::Human | Writer::Desk) => html! { span.badge.calm { "changed since" } },
    }
}

/// What a human agent, or the customer, may do with it.
fn human(id: u64, ticket: &Value) -> Markup {
    let address = |act: &str| format!("POST /page/desk/tickets/{id}/{act}");
    let is_closed = ticket["status2"] == "CLOSED";
    let fields = ticket["customFields"].as_array().map(Vec::as_slice).unwrap_or_default();
    let first = fields.first().map(|field| parts::text(&field["key"])).unwrap_or_default();
    html! {
        h3 { "A human agent" }
        @if is_closed {
            form.inline data-send=(address("reopen")) { button { "Open it again" } }
        } @else {
            form.inline data-send=(address("assign")) { button { "Take it" } }
            form.inline data-send=(address("close")) { button { "Close it" } }
        }
        form.inline data-send=(address("message")) { button { "Write as the customer" } }
        form.row data-send=(address("field")) {
            label { "field " input name="key" required value=(first) id=(format!("key-{id}")); }
            label { "value " input name="value" id=(format!("value-{id}")); }
            button { "Write the field" }
        }
        form.row data-send=(address("priority")) {
            label { "priority " select name="value" {
                @for name in ["LOW", "MEDIUM", "HIGH", "URGENT"] {
                    option selected[ticket["priority"] == name] { (name) }
                }
            } }
            button { "Set the priority" }
        }
        form.row data-send=(address("team")) {
            label { "team " select name="value" {
                option value="" { "Default team" }
                option value="vip" selected[ticket["group"]["key"] == "vip"] { "VIP" }
                option value="support" selected[ticket["group"]["key"] == "support"] { "Support" }
            } }
            button { "Give it to the team" }
        }
    }
}

fn behaviour(desk: &Embedded) -> Markup {
    let behaviour = desk.emulator.behaviour();
    html! {
        details id="all-switches" { summary { "For developers: " (SWITCHES.len()) " switches. Each is guarded against; see what it does" }
        form.switches data-send="PUT /page/desk/behaviour" {
            @for switch in SWITCHES {
                @let now = switches::value(switch, &behaviour);
                @let is_known = switch.values.iter().any(|(value, _)| *value == now);
                label {
                    span { (switch.about) }
                    select name=(switch.name) id=(format!("switch-{}", switch.name)) {
                        // A profile may have what no switch offers, such as another lag.
                        @if !is_known { option value=(now) selected disabled { "is " (now) } }
                        @for (value, means) in switch.values {
                            option value=(value) selected[*value == now] { (means) }
                        }
                    }
                }
            }
            button { "Set them" }
        }
        }
    }
}
