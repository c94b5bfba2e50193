//! How long a handoff waits for Desk: which calls it makes, and which of them one after the other
//! (docs/performance.md).

use std::collections::BTreeSet;
use std::time::Duration;

use desk_emulator::{Call, Fault, FaultKind, FieldDefinition, FieldKind, Seed};
use serde_json::{Value, json};

use crate::world::{World, handoff};

/// Long enough that calls made together are under way together, on a busy machine too.
const SLOW: Duration = Duration::from_millis(400);

/// Desk slow from now on, with nothing asked yet.
fn slow(world: &World) {
    world.desk.clear_requests();
    for call in [Call::ListTickets, Call::ListCustomers, Call::ViewTicket] {
        world.desk.inject(Fault::on(call).always().with(FaultKind::Slow(SLOW)));
    }
}

async fn world() -> World {
    World::with_fields(vec![FieldDefinition::new("order-id", FieldKind::Text)]).await
}

/// The calls, and how many of them were waited for one after the other.
fn trips(world: &World) -> (Vec<String>, usize) {
    let asked = world.desk.requests();
    let name = |path: &str| path.trim_start_matches("/platform/v1/").replace(char::is_numeric, "");
    let mut calls: Vec<String> =
        asked.iter().map(|seen| format!("{} {}", seen.method, name(&seen.path))).collect();
    calls.sort();
    let waits: BTreeSet<usize> = asked.iter().map(|seen| seen.answered_before).collect();
    (calls, waits.len())
}

fn event(id: &str, order: &str) -> Value {
    let mut body = handoff(json!({"order-id": order}));
    body["event_id"] = json!(id);
    body
}

const LOOK_UPS: [&str; 2] = ["GET customers", "GET tickets"];

fn texts(calls: &[&str]) -> Vec<String> {
    let mut calls: Vec<String> = calls.iter().map(ToString::to_string).collect();
    calls.sort();
    calls
}

#[tokio::test]
async fn create_waits_for_three_calls() {
    let world = world().await;
    slow(&world);
    world.post("/handoffs", &event("e1", "1")).await.is(201, "created");
    let with_customer = [&LOOK_UPS[..], &["POST customers", "POST tickets"]].concat();
    assert_eq!(trips(&world), (texts(&with_customer), 3));
}

/// The customer's number is remembered.
#[tokio::test]
async fn create_for_known_customer_waits_for_two() {
    let world = world().await;
    world.post("/handoffs", &event("e1", "1")).await.is(201, "created");
    slow(&world);
    let mut other = event("e2", "2");
    other["conversation"] = json!({"id": "2", "channel_url": "ch_ai_2", "user_id": "user_1"});
    world.post("/handoffs", &other).await.is(201, "created");
    assert_eq!(trips(&world), (texts(&["GET tickets", "POST tickets"]), 2));
}

/// A list may be stale: what it shows is looked at alone before it is written to.
#[tokio::test]
async fn update_of_unknown_conversation_waits_for_three() {
    let world = world().await;
    world.desk.seed_ticket(Seed { channel_url: Some("ch_ai_1".into()), ..Seed::default() });
    slow(&world);
    world.post("/handoffs", &event("e1", "1")).await.is(200, "updated");
    let calls = [&LOOK_UPS[..], &["GET tickets/", "PATCH tickets//custom_fields"]].concat();
    assert_eq!(trips(&world), (texts(&calls), 3));
}

/// The list, asked for at the same time, shows other open tickets of the conversation.
#[tokio::test]
async fn update_of_known_conversation_waits_for_two() {
    let world = world().await;
    world.post("/handoffs", &event("e1", "1")).await.is(201, "created");
    slow(&world);
    world.post("/handoffs", &event("e2", "2")).await.is(200, "updated");
    let calls = ["GET tickets", "GET tickets/", "PATCH tickets//custom_fields"];
    assert_eq!(trips(&world), (texts(&calls), 2));
}

/// With a document that says of lists that they are current.
async fn world_with_current_lists() -> World {
    World::with_rules(&json!({
        "fields": [{"key": "order-id", "type": "text"}], "desk": {"lists_are_current": true}
    }))
    .await
}

#[tokio::test]
async fn listed_ticket_is_not_viewed_where_lists_are_current() {
    let world = world_with_current_lists().await;
    let seed = Seed { channel_url: Some("ch_ai_1".into()), ..Seed::default() };
    let id = world.desk.seed_ticket(seed);
    slow(&world);
    let found = world.post("/handoffs", &event("e1", "1")).await;
    found.is(200, "updated");
    let calls = [&LOOK_UPS[..], &["PATCH tickets//custom_fields"]].concat();
    assert_eq!((found.ticket_id(), trips(&world)), (id, (texts(&calls), 2)));

    world.desk.clear_requests();
    world.post("/handoffs", &event("e2", "2")).await.is(200, "updated");
    assert_eq!(trips(&world), (texts(&["GET tickets", "PATCH tickets//custom_fields"]), 2));
    world.desk.clear_requests();
    world.post("/handoffs", &event("e3", "2")).await.is(200, "unchanged");
    assert_eq!(trips(&world), (texts(&["GET tickets"]), 1));
}

/// A new ticket may not be listed yet, and a list may hide the fields: then it is viewed after all.
#[tokio::test]
async fn hidden_ticket_is_viewed_where_lists_are_current() {
    let world = world_with_current_lists().await;
    world.desk.set_behaviour(|behaviour| behaviour.listed_after = Duration::from_secs(3600));
    let made = world.post("/handoffs", &event("e1", "1")).await;
    made.is(201, "created");
    slow(&world);
    let found = world.post("/handoffs", &event("e2", "2")).await;
    found.is(200, "updated");
    let calls = ["GET tickets", "GET tickets/", "PATCH tickets//custom_fields"];
    assert_eq!((found.ticket_id(), trips(&world)), (made.ticket_id(), (texts(&calls), 3)));

    let world = world_with_current_lists().await;
    world.post("/handoffs", &event("e1", "1")).await.is(201, "created");
    world.desk.set_behaviour(|behaviour| behaviour.lists_show_fields = false);
    slow(&world);
    world.post("/handoffs", &event("e2", "2")).await.is(200, "updated");
    assert_eq!(trips(&world), (texts(&calls), 3));
}
