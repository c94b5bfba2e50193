//! A tour for who comes first: five steps, each done by a button and explained beside it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use maud::{Markup, html};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::local::journal::{Entry, Route};
use crate::page::actions::{Answer, refused, see};
use crate::page::switches;
use crate::page::views::{Live, around, parts};
use crate::page::writers::Writer;
use crate::page::{Embedded, Page};

/// Whose conversations the tour hands over.
const CUSTOMER: &str = "tour-customer";
/// How long a step waits for the worker.
const PATIENCE: Duration = Duration::from_secs(10);

/// Heading, what it shows, and its buttons: address and text.
type StepText = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const STEPS: [StepText; 5] = [
    (
        "A handoff becomes a ticket",
        "The AI agent hands a conversation over. Its context has two facts, and two ticket fields have exactly their keys.",
        &[("1", "Hand over")],
    ),
    (
        "A key that cannot match, and its fix",
        "Desk's keys have lowercase letters, digits and dashes only. The fact orderNumber can never match a field; an alias in the fields document leads it to one.",
        &[("2", "Hand over with orderNumber"), ("2-fix", "Add the alias, and hand over again")],
    ),
    (
        "A human's edit is kept",
        "A human agent corrects a field. The next handoff says something else, and the human's value stays.",
        &[("3", "Edit as a human, then hand over")],
    ),
    (
        "Desk is down, and nothing is lost",
        "Desk cannot be reached. The webhook is answered at once all the same; the handoff waits on the queue, and is done when Desk is back.",
        &[("4", "Take Desk down, and hand over"), ("4-up", "Bring Desk back")],
    ),
    (
        "The same event three times, one ticket",
        "Senders repeat themselves. The same event, three times at the same moment, makes one ticket.",
        &[("5", "Send it three times at once")],
    ),
];

pub(crate) async fn show(State(page): State<Arc<Page>>) -> Markup {
    let content = html! {
        @if page.desk.is_none() {
            p { "The tour breaks things on purpose, so it needs the embedded Desk: start " code { "serve" } " without " code { "--desk-url" } "." }
        } @else {
            p { "Five steps. Each button does it for real, with a simulated Desk behind it: no customer is touched." }
            ol.tour {
                @for (heading, text, buttons) in &STEPS {
                    li {
                        h2 { (heading) }
                        p { (text) }
                        @for (address, name) in *buttons {
                            form.inline data-send=(format!("POST /page/tour/{address}")) data-answer=(format!("step-{address}")) {
                                button { (name) }
                            }
                        }
                        @for (address, _) in *buttons {
                            p.answer id=(format!("step-{address}")) role="status" {}
                        }
                    }
                }
            }
            p { "Then: " a href="/page/try" { "try your own keys" } ", or break something at " a href="/page/desk" { "Desk" } "." }
        }
    };
    around(&page, "/page/tour", "Tour", Live::No, &content)
}

/// Does a step.
pub(crate) async fn act(State(page): State<Arc<Page>>, Path(step): Path<String>) -> Answer {
    let desk = page.embedded()?.clone();
    match step.as_str() {
        "1" => first(&page).await,
        "2" => unmatched(&page).await,
        "2-fix" => alias(&page).await,
        "3" => human(&page, &desk).await,
        "4" => down(&page, &desk).await,
        "4-up" => up(&page, &desk).await,
        "5" => three_times(&page).await,
        _ => refused("There is no such step."),
    }
}

/// A handoff of one of the tour's conversations.
fn body(conversation: &str, context: &Value) -> Vec<u8> {
    // Each press is an event of its own; the same one again would be a duplicate.
    let event = format!("tour-{}", crate::page::world::random());
    let conversation = json!({"id": conversation, "user_id": CUSTOMER});
    json!({"event_id": event, "conversation": conversation, "context": context})
        .to_string()
        .into_bytes()
}

/// The outcome of a key in the report of an entry.
fn outcome(entry: &Entry, key: &str) -> String {
    let lines = parts::lines(entry);
    let line = lines.iter().find(|line| line.key == key);
    line.map(|line| line.outcome.to_string()).unwrap_or_default()
}

impl Page {
    /// Hands over by this route, and waits until it is known what came of it, or has failed once.
    async fn handed_over(&self, route: Route, body: Vec<u8>) -> Option<Entry> {
        let id = self.hand_over(route, body).await;
        self.until(id, |entry| entry.report.is_some() || entry.tries > 0).await
    }

    /// The entry, as soon as it is so.
    async fn until(&self, id: u64, is_so: impl Fn(&Entry) -> bool) -> Option<Entry> {
        // Watched before the first look, so that no change falls between the two.
        let mut watching = self.local.journal.watch();
        let waiting = async {
            loop {
                let entry = self.local.journal.find(id)?;
                if is_so(&entry) {
                    return Some(entry);
                }
                watching.changed().await.ok()?;
            }
        };
        tokio::select! { entry = waiting => entry, () = sleep(PATIENCE) => self.local.journal.find(id) }
    }
}

fn lost() -> Answer {
    refused("The handoff is not kept any more.")
}

async fn first(page: &Page) -> Answer {
    let context = json!({"order-id": "A-1", "cart-items": 3});
    let Some(entry) = page.handed_over(Route::Webhook, body("tour-1", &context)).await else {
        return lost();
    };
    // The sentence that a caller of the deployed function gets, too.
    let message = entry.report.as_ref().map(|report| parts::text(&report["message"]));
    see(message.unwrap_or_default(), entry.id)
}

async fn unmatched(page: &Page) -> Answer {
    let context = json!({"orderNumber": "A-2", "cart-items": 1});
    let Some(entry) = page.handed_over(Route::Webhook, body("tour-2", &context)).await else {
        return lost();
    };
    let outcome = outcome(&entry, "orderNumber");
    see(
        format!("orderNumber reached no field (outcome {outcome}): none can have this key."),
        entry.id,
    )
}

async fn alias(page: &Page) -> Answer {
    let before = page.fields_text();
    let mut document: Value = serde_json::from_str(&before).unwrap_or_default();
    document["aliases"]["orderNumber"] = "order-id".into();
    if let Err(problems) = page.use_fields(format!("{document:#}")) {
        let first = problems.first().map(ToString::to_string).unwrap_or_default();
        return refused(format!("The alias does not fit the fields document: {first}."));
    }
    let context = json!({"orderNumber": "A-2", "cart-items": 2});
    let handed_over = page.handed_over(Route::Webhook, body("tour-2", &context)).await;
    // The document is the reader's: what the tour put in goes out again.
    let is_restored = page.use_fields(before).is_ok();
    let Some(entry) = handed_over.filter(|_| is_restored) else { return lost() };
    let outcome = outcome(&entry, "orderNumber");
    see(
        format!(
            "With the alias orderNumber is in the field order-id (outcome {outcome}). The alias is taken out again."
        ),
        entry.id,
    )
}

async fn human(page: &Page, desk: &Embedded) -> Answer {
    // By the route that answers when the ticket is written: the human comes after it.
    let before = body("tour-3", &json!({"order-id": "A-3"}));
    let Some(entry) = page.handed_over(Route::Handoffs, before).await else { return lost() };
    let Some(ticket) = parts::ticket(&entry) else { return lost() };
    desk.emulator.edit_field(ticket, "order-id", "A-3 (corrected)");
    desk.look(ticket, Writer::Human);
    let after = body("tour-3", &json!({"order-id": "A-4"}));
    let Some(entry) = page.handed_over(Route::Handoffs, after).await else { return lost() };
    let (outcome, holds) = (outcome(&entry, "order-id"), desk.emulator.field(ticket, "order-id"));
    see(
        format!(
            "The human wrote A-3 (corrected), then the AI agent said A-4 (outcome {outcome}): ticket {ticket} still says {:?}.",
            holds.unwrap_or_default()
        ),
        entry.id,
    )
}

async fn down(page: &Page, desk: &Embedded) -> Answer {
    let Some(fault) = switches::fault("down", "any", None) else { return lost() };
    desk.emulator.inject(fault);
    let Some(entry) =
        page.handed_over(Route::Webhook, body("tour-4", &json!({"order-id": "A-5"}))).await
    else {
        return lost();
    };
    see(
        format!(
            "The webhook was answered {}, so the sender is content, and the handoff is {}.",
            entry.status,
            parts::state_name(&entry.state)
        ),
        entry.id,
    )
}

async fn up(page: &Page, desk: &Embedded) -> Answer {
    desk.emulator.clear_faults();
    // Else the reader would wait for the end of the last pause.
    page.local.queue.hurry();
    page.local.journal.touch();
    let newest = page.local.journal.newest(1, |entry| {
        let conversation = entry.handoff.as_ref()?.conversation.id.as_deref();
        (conversation == Some("tour-4")).then_some(entry.id)
    });
    let Some(id) = newest.first() else {
        return refused("Take Desk down first.");
    };
    let Some(entry) = page.until(*id, |entry| parts::ticket(entry).is_some()).await else {
        return lost();
    };
    let ticket = parts::ticket(&entry).unwrap_or_default();
    see(
        format!("Desk is back: ticket {ticket} was made at try {}. Nothing was lost.", entry.tries),
        entry.id,
    )
}

async fn three_times(page: &Page) -> Answer {
    let body = body("tour-5", &json!({"order-id": "A-6"}));
    let send = || page.handed_over(Route::Handoffs, body.clone());
    let (one, two, three) = tokio::join!(send(), send(), send());
    let (Some(one), Some(two), Some(three)) = (one, two, three) else { return lost() };
    let mut tickets: Vec<u64> =
        [&one, &two, &three].into_iter().filter_map(parts::ticket).collect();
    tickets.sort_unstable();
    tickets.dedup();
    let states = [&one, &two, &three].map(|entry| parts::state_name(&entry.state)).join(", ");
    see(
        format!(
            "The first made the ticket, the others were recognised as the same event ({states}): {} ticket.",
            tickets.len()
        ),
        one.id,
    )
}
