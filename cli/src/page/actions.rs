//! What the page does: hands over, edits the fields document, breaks things on purpose, and acts as a
//! human agent. Each answers with a sentence for the reader, and where to look next.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use desk_emulator::Seed;
use desk_handoff::secrets::DESK_API_TOKEN;
use http::Method;
use lambda_http::Body;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::local::journal::{Happened, Route, State as HandoffState};
use crate::local::signature;
use crate::page::switches;
use crate::page::views::editor::{bare, fields_of};
use crate::page::world::random;
use crate::page::writers::Writer;
use crate::page::{Embedded, Page};
use crate::settings::SIGNATURE;

/// What came of it, for the reader.
#[derive(Debug, Serialize)]
pub(crate) struct Said {
    pub(crate) said: String,
    /// Where to go, if somewhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) go: Option<String>,
    /// Whether it was done.
    pub(crate) done: bool,
}

/// A refusal is no error of HTTP: it is for the reader, and not for the browser's console.
pub(crate) type Answer = Result<Json<Said>, Json<Said>>;

pub(crate) fn said(text: impl Into<String>) -> Answer {
    Ok(Json(Said { said: text.into(), go: None, done: true }))
}

/// What was done, and where it is seen.
pub(crate) fn see(text: impl Into<String>, id: u64) -> Answer {
    let go = Some(format!("/page/handoffs/{id}"));
    Ok(Json(Said { said: text.into(), go, done: true }))
}

pub(crate) fn refused(text: impl Into<String>) -> Answer {
    Err(Json(Said { said: text.into(), go: None, done: false }))
}

type Here = State<Arc<Page>>;

#[derive(Deserialize)]
pub(crate) struct Send {
    route: String,
    body: String,
    /// The fields document as it stands beside the body.
    #[serde(default)]
    fields: Option<String>,
    /// Of a bare context object, which says neither.
    #[serde(default)]
    conversation: String,
    #[serde(default)]
    customer: String,
    /// Ticked by the reader where the tickets are real.
    #[serde(default)]
    sure: String,
}

/// Signs the body and sends it by this route.
pub(crate) async fn send(State(page): Here, Json(send): Json<Send>) -> Answer {
    let Some(route) = Route::ALL.into_iter().find(|route| route.name() == send.route) else {
        return refused("There is no such route.");
    };
    if page.desk.is_none() && route != Route::Preview && send.sure != "on" {
        return refused("Desk is not embedded: tick that you are sure.");
    }
    if let Err(error) = serde_json::from_str::<Value>(&send.body) {
        let place = format!("line {}, column {}", error.line(), error.column());
        return refused(format!("Not sent: the body is not JSON at {place}."));
    }

    if let Some(fields) = send.fields.filter(|fields| *fields != page.fields_text()) {
        used(&page, fields)?;
    }
    let body = around_context(&send.body, &send.conversation, &send.customer);
    let id = page.hand_over(route, body.unwrap_or(send.body).into_bytes()).await;
    see(format!("Sent as handoff {id}."), id)
}

/// A body around a bare context object; `None` if the body is one already.
fn around_context(body: &str, conversation: &str, customer: &str) -> Option<String> {
    let context = bare(body)?;
    let conversation = json!({"id": conversation, "user_id": customer});
    Some(json!({"conversation": conversation, "context": context}).to_string())
}

#[derive(Deserialize)]
pub(crate) struct Again {
    /// `same`, or `new` for another event id.
    event: String,
}

/// Sends what a handoff was sent as once more.
pub(crate) async fn again(
    State(page): Here,
    Path(id): Path<u64>,
    Json(again): Json<Again>,
) -> Answer {
    let Some(entry) = page.local.journal.find(id) else {
        return refused("This handoff is not kept any more.");
    };
    let body = match again.event.as_str() {
        "new" => with_new_event(&entry.body).unwrap_or(entry.body),
        _ => entry.body,
    };
    let id = page.hand_over(entry.route, body.into_bytes()).await;
    see(format!("Sent again as handoff {id}."), id)
}

/// The same handoff as another event; `None` if the body is not an object.
fn with_new_event(body: &str) -> Option<String> {
    let mut body: Value = serde_json::from_str(body).ok()?;
    let parts = body.as_object_mut()?;
    // An event has its id under another name than the other two forms.
    let name = if parts.contains_key("category") { "id" } else { "event_id" };
    parts.insert(name.to_owned(), format!("again-{}", &random()[..8]).into());
    Some(body.to_string())
}

impl Page {
    /// Sends a body, signed, by this route; gives its number in the journal.
    pub(crate) async fn hand_over(&self, route: Route, body: Vec<u8>) -> u64 {
        let signature = signature(&body);
        let mut request = http::Request::new(Body::Binary(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = http::Uri::from_static(route.path());
        request.headers_mut().insert(SIGNATURE, signature);
        let (id, _) = self.local.answer_noted(&request).await;
        id.unwrap_or_default()
    }

    /// The embedded Desk.
    ///
    /// # Errors
    /// That there is none.
    pub(crate) fn embedded(&self) -> Result<&Embedded, Json<Said>> {
        let text =
            "Desk is not embedded: nothing is broken or written there on purpose.".to_owned();
        let refused = || Json(Said { said: text, go: None, done: false });
        self.desk.as_ref().ok_or_else(refused)
    }
}

#[derive(Deserialize)]
pub(crate) struct NewFields {
    fields: String,
}

/// Lets another fields document hold.
pub(crate) async fn use_fields(State(page): Here, Json(new): Json<NewFields>) -> Answer {
    used(&page, new.fields)?;
    said("This fields document holds from now on.")
}

fn used(page: &Page, fields: String) -> Result<(), Json<Said>> {
    let used = fields_of(&fields).and_then(|_| page.use_fields(fields));
    used.map_err(|problems| {
        let first = problems.first().map(ToString::to_string).unwrap_or_default();
        let said = format!("The fields document cannot be used: {first}.");
        Json(Said { said, go: None, done: false })
    })
}

#[derive(Deserialize)]
pub(crate) struct ForQueue {
    act: String,
}

/// Lets waiting messages come at once, or dead letters once more.
pub(crate) async fn queue(State(page): Here, Json(queue): Json<ForQueue>) -> Answer {
    match queue.act.as_str() {
        "hurry" => {
            page.local.queue.hurry();
            page.local.journal.touch();
            said("What waits is tried now.")
        }
        "redrive" => {
            let origins = page.local.queue.redrive();
            for origin in origins.iter().flatten() {
                page.local.journal.step(*origin, Happened::Redriven);
                page.local.journal.note(*origin, |entry| entry.state = HandoffState::Queued);
            }
            said(format!("{} went back to the queue.", letters(origins.len())))
        }
        _ => refused("There is no such action."),
    }
}

fn letters(count: usize) -> String {
    format!("{count} dead {}", if count == 1 { "letter" } else { "letters" })
}

#[derive(Deserialize)]
pub(crate) struct Inject {
    kind: String,
    call: String,
    /// How often; empty: until it is cleared.
    times: String,
}

/// Lets something go wrong with calls to Desk.
pub(crate) async fn inject(State(page): Here, Json(inject): Json<Inject>) -> Answer {
    let desk = page.embedded()?;
    let times = inject.times.parse().ok();
    let Some(fault) = switches::fault(&inject.kind, &inject.call, times) else {
        return refused("There is no such fault.");
    };
    let text = switches::describe(&fault);
    desk.emulator.inject(fault);
    page.local.journal.touch();
    said(text)
}

/// Nothing goes wrong any more, so what waits for that is tried at once.
pub(crate) async fn clear(State(page): Here) -> Answer {
    page.embedded()?.emulator.clear_faults();
    page.local.queue.hurry();
    page.local.journal.touch();
    said("Nothing goes wrong any more. What waits is tried now.")
}

#[derive(Deserialize)]
pub(crate) struct Outage {
    /// As a form sends it.
    seconds: String,
}

/// The longest outage that ends by itself, in seconds.
const LONGEST_OUTAGE: u64 = 600;

/// Desk cannot be reached for so long.
pub(crate) async fn outage(State(page): Here, Json(outage): Json<Outage>) -> Answer {
    let desk = page.embedded()?;
    let Some(fault) = switches::fault("down", "any", None) else {
        return refused("There is no such fault.");
    };
    desk.emulator.inject(fault);
    page.local.journal.touch();

    let seconds = outage.seconds.parse().unwrap_or(LONGEST_OUTAGE).min(LONGEST_OUTAGE);
    let (desk, local) = (Arc::clone(&desk.emulator), Arc::clone(&page.local));
    tokio::spawn(async move {
        sleep(Duration::from_secs(seconds)).await;
        // All of them: the emulator cannot tell this fault from those of the reader.
        desk.clear_faults();
        local.queue.hurry();
        local.journal.touch();
    });
    said(format!("Desk cannot be reached for {seconds} seconds. Webhooks are still taken."))
}

/// Sets switches.
pub(crate) async fn behave(
    State(page): Here,
    Json(values): Json<BTreeMap<String, String>>,
) -> Answer {
    let desk = page.embedded()?;
    let mut wrong = None;
    desk.emulator.set_behaviour(|behaviour| {
        for (name, value) in &values {
            if switches::set(name, value, behaviour).is_none() {
                wrong = Some(name.clone());
            }
        }
    });
    page.local.journal.touch();
    match wrong {
        Some(name) => refused(format!("{name} has no such value.")),
        None => said("The embedded Desk does it so from now on."),
    }
}

#[derive(Deserialize)]
pub(crate) struct ForToken {
    act: String,
}

/// Lets Desk refuse the token that is stored, or stores the one that it takes.
pub(crate) async fn token(State(page): Here, Json(token): Json<ForToken>) -> Answer {
    let desk = page.embedded()?;
    let stored = page.local.parameters.get(DESK_API_TOKEN).unwrap_or_default();
    let answer = match token.act.as_str() {
        "revoke" => {
            // Made of the stored one, so that `store` finds it without anything being kept.
            desk.emulator.rotate_desk_token(format!("{stored}-new"));
            said("Desk refuses the token that is stored. What comes now waits on the queue.")
        }
        "store" => {
            let new = format!("{stored}-new");
            desk.emulator.rotate_desk_token(new.as_str());
            page.local.parameters.set(DESK_API_TOKEN, new);
            said("A token that Desk takes is stored. What waits is done at its next try.")
        }
        _ => refused("There is no such action."),
    };
    page.local.journal.touch();
    answer
}

#[derive(Deserialize)]
pub(crate) struct DesksOwn {
    user: String,
    channel: String,
}

/// Desk makes a ticket by itself, as its own integration does at a handoff.
pub(crate) async fn desks_own(State(page): Here, Json(own): Json<DesksOwn>) -> Answer {
    let desk = page.embedded()?;
    if own.user.trim().is_empty() {
        return refused("Say whose ticket it is.");
    }
    let channel = Some(own.channel.trim().to_owned()).filter(|channel| !channel.is_empty());
    let seed = Seed {
        sendbird_id: own.user.trim().to_owned(),
        channel_url: channel,
        title: "A ticket that Desk made itself".to_owned(),
        ..Seed::default()
    };
    let id = desk.emulator.seed_ticket(seed);
    // Looked at now, or the next look would take these values for ours.
    desk.look(id, Writer::Desk);
    page.local.journal.touch();
    said(format!("Desk made ticket {id} itself."))
}

#[derive(Deserialize)]
pub(crate) struct Act {
    #[serde(default)]
    key: String,
    #[serde(default)]
    value: String,
}

/// What a human agent, or the customer, does to a ticket.
pub(crate) async fn act(
    State(page): Here,
    Path((id, act)): Path<(u64, String)>,
    Json(Act { key, value }): Json<Act>,
) -> Answer {
    let desk = page.embedded()?;
    let emulator = &desk.emulator;
    if emulator.ticket(id).is_none() {
        return refused(format!("There is no ticket {id}."));
    }
    // What was not looked at yet is not this human's.
    desk.look(id, Writer::Us);

    let text = match act.as_str() {
        "close" => {
            emulator.close(id);
            format!("A human closed ticket {id}.")
        }
        "reopen" => {
            emulator.reopen(id);
            format!("A human opened ticket {id} again.")
        }
        "assign" => {
            emulator.assign(id);
            format!("A human took ticket {id}.")
        }
        "field" if !key.trim().is_empty() => {
            emulator.edit_field(id, key.trim(), value);
            format!("A human wrote the field {} of ticket {id}.", key.trim())
        }
        // The emulator stores any text, so that only what Desk knows is let through.
        "priority" if ["LOW", "MEDIUM", "HIGH", "URGENT"].contains(&value.as_str()) => {
            emulator.set_priority(id, value.as_str());
            format!("A human set the priority of ticket {id} to {value}.")
        }
        "team" if ["", "vip", "support"].contains(&value.as_str()) => {
            emulator.set_team(id, Some(value.as_str()).filter(|key| !key.is_empty()));
            format!("A human gave ticket {id} to another team.")
        }
        "message" => {
            emulator.customer_message(id, if value.is_empty() { "Hello?" } else { &value });
            format!("The customer wrote on ticket {id}: agents see it.")
        }
        _ => {
            return refused("There is no such action, or something is missing.");
        }
    };
    desk.look(id, Writer::Human);
    page.local.journal.touch();
    said(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_event_stands_where_its_form_has_it() {
        let named = |body: &str, name: &str| {
            let body: Value = serde_json::from_str(&with_new_event(body).unwrap()).unwrap();
            body[name].as_str().unwrap().starts_with("again-")
        };
        assert!(named(r#"{"category": "handoff", "id": "e"}"#, "id"));
        assert!(named(r#"{"conversation": {}}"#, "event_id"));
        assert!(named(r#"{"user_id": "ann"}"#, "event_id"));
        assert_eq!(with_new_event("[]"), None);
    }
}
