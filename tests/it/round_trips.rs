//! How long a handoff waits for Desk: which calls it makes, and which of them one after the other (docs/performance.md).

use std::collections::BTreeSet;
use std::time::Duration;

use desk_emulator::{Call, Fault, FieldDefinition, FieldKind, Seed, Trouble};
use serde_json::{Value, json};

use crate::world::{World, handoff};

/// Long enough that calls made together are under way together, on a busy machine too.
const SLOW: Duration = Duration::from_millis(400);

/// Desk slow from now on, with nothing asked yet.
fn slow(world: &World) {
    world.desk.clear_requests();
    for call in [Call::ListTickets, Call::ListCustomers] {
        world.desk.inject(Fault::on(call).always().with(Trouble::Slow(SLOW)));
    }
}

async fn world() -> World {
    World::with_fields(vec![FieldDefinition::new("order-id", FieldKind::Text)]).await
}

/// The calls, and how many of them were waited for one after the other.
fn trips(world: &World) -> (Vec<String>, usize) {
    let asked = world.desk.requests();
    let name = |path: &str| path.trim_start_matches("/platform/v1/").replace(char::is_numeric, "");
    let mut calls: Vec<String> = asked.iter().map(|seen| format!("{} {}", seen.method, name(&seen.path))).collect();
    calls.sort();
    let waits: BTreeSet<usize> = asked.iter().map(|seen| seen.answered_before).collect();
    (calls, waits.len())
}

fn event(id: &str, order: &str) -> Value {
    let mut body = handoff(json!({"order-id": order}));
    body["event_id"] = json!(id);
    body
}

const LOOK_UPS: [&str; 3] = ["GET customers", "GET tickets", "GET tickets"];

#[tokio::test]
async fn a_create_waits_for_three_desk_calls_and_for_two_if_desk_knows_the_customer() {
    let world = world().await;
    slow(&world);
    world.post("/handoffs", &event("e1", "1")).await.is(201, "created");
    let with_customer = [&LOOK_UPS[..], &["POST customers", "POST tickets"]].concat();
    assert_eq!(trips(&world), (with_customer.iter().map(ToString::to_string).collect(), 3));
    slow(&world);
    let mut other = event("e2", "2");
    other["conversation"]["channel_url"] = json!("ch_ai_2");
    world.post("/handoffs", &other).await.is(201, "created");
    let of_a_known_one = [&LOOK_UPS[..], &["POST tickets"]].concat();
    assert_eq!(trips(&world), (of_a_known_one.iter().map(ToString::to_string).collect(), 2));
}

#[tokio::test]
async fn an_update_of_an_unknown_conversation_waits_for_one_desk_call_and_the_write() {
    let world = world().await;
    world.desk.seed_ticket(Seed { channel_url: Some("ch_ai_1".into()), ..Seed::default() });
    slow(&world);
    world.post("/handoffs", &event("e1", "1")).await.is(200, "updated");
    let calls = [&LOOK_UPS[..], &["PATCH tickets//custom_fields"]].concat();
    let mut calls: Vec<String> = calls.iter().map(ToString::to_string).collect();
    calls.sort();
    assert_eq!(trips(&world), (calls, 2));
}

#[tokio::test]
async fn an_update_of_a_known_conversation_is_one_look_and_the_write() {
    let world = world().await;
    world.post("/handoffs", &event("e1", "1")).await.is(201, "created");
    slow(&world);
    world.post("/handoffs", &event("e2", "2")).await.is(200, "updated");
    assert_eq!(trips(&world), (vec!["GET tickets/".to_owned(), "PATCH tickets//custom_fields".to_owned()], 2));
}
