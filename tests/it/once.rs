//! Once and in order: the same event, concurrent handoffs, older ones, and whose value a field
//! holds.

use std::time::{Duration, SystemTime};

use desk_handoff::app::Invocation;
use desk_handoff::names::{header, parameter};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::world::{World, handoff, planted};

/// An event of conversation 2647, handed over in this minute.
fn event(id: &str, minute: u32, context: Value) -> Value {
    let mut body = handoff(context);
    body["event_id"] = json!(id);
    body["handoff_at"] = json!(format!("2025-07-30T08:{minute:02}:00Z"));
    body
}

/// The AI agent's event of conversation 2647, which it made in this minute.
fn envelope(id: &str, minute: u32, context: Value) -> Value {
    let agent_context = json!({ "context": context });
    json!({
        "id": id, "category": "handoff", "created_at": format!("2025-07-30T08:{minute:02}:00Z"),
        "data": {"conversation": {"id": 2647, "user_id": "user_1", "ai_agent_context": agent_context}}
    })
}

#[tokio::test]
async fn the_same_event_is_done_once() {
    let world = World::new().await;
    let first = world.post("/handoffs", &event("e1", 1, json!({"order-id": "1"}))).await;
    world.desk.clear_requests();
    let again = world.post("/handoffs", &event("e1", 1, json!({"order-id": "1"}))).await;
    again.is(200, "duplicate");
    assert_eq!((again.ticket_id(), world.desk.requests().len()), (first.ticket_id(), 0));
}

#[tokio::test]
async fn failed_handoff_may_come_again() {
    let world = World::new().await;
    world.desk.set_behaviour(|behaviour| behaviour.any_chat_user = false);
    let body = event("e1", 1, json!({"order-id": "1"}));
    world.post("/handoffs", &body).await.is(422, "desk-refused");
    world.desk.set_behaviour(|behaviour| behaviour.any_chat_user = true);
    world.post("/handoffs", &body).await.is(201, "created");
}

#[tokio::test]
async fn simultaneous_handoffs_of_one_new_conversation_make_one_ticket() {
    let world = World::new().await.without_queue();
    let bodies: Vec<Value> =
        (0..8).map(|n| event(&format!("e{}", n % 4), n, json!({"order-id": n}))).collect();
    let answers =
        futures_util::future::join_all(bodies.iter().map(|body| world.post("/handoffs", body)))
            .await;
    let created = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(created, 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.is(409, "in-progress");
        // Not for as long as a lease lasts whose holder has died: the work mostly takes a second.
        assert_eq!(answer.headers[header::RETRY_AFTER], "5");
    }

    world.only_ticket();
}

/// As late in a worker's batch: time has passed since the invocation began, and less is left of it.
#[tokio::test]
async fn late_claim_is_held_until_invocation_ends() {
    let world = World::new().await.without_queue();
    let (passed, left) = (Duration::from_secs(40), Duration::from_secs(20));
    let mut late = Invocation::new("late", SystemTime::now() - passed, passed + left);
    late.deadline = Instant::now() + left;
    let [one, other] = [1, 2].map(|n| event(&format!("e{n}"), n, json!({"order-id": n})));
    let (first, second) =
        tokio::join!(world.post_in(&late, "/handoffs", &one), world.post("/handoffs", &other));
    first.is(201, "created");
    second.is(409, "in-progress");

    world.only_ticket();
}

#[tokio::test]
async fn older_handoff_fills_only_what_is_empty() {
    let world = World::new().await;
    world
        .post("/handoffs", &envelope("new", 30, json!({"order-id": "new"})))
        .await
        .is(201, "created");
    let older = world
        .post("/handoffs", &envelope("old", 10, json!({"order-id": "old", "cart-items": 2})))
        .await;
    assert_eq!((older.outcome("order-id"), older.outcome("cart-items")), ("kept", "written"));
    let newer = world
        .post("/handoffs", &envelope("newer", 40, json!({"order-id": "newer", "cart-items": 3})))
        .await;

    assert_eq!((newer.outcome("order-id"), newer.outcome("cart-items")), ("written", "written"));
}

#[tokio::test]
async fn older_handoff_keeps_newer_medium_priority() {
    let world = World::new().await;
    world
        .post("/handoffs", &envelope("first", 1, json!({"priority": "LOW"})))
        .await
        .is(201, "created");
    world
        .post("/handoffs", &envelope("newest", 30, json!({"priority": "MEDIUM"})))
        .await
        .is(200, "updated");
    let older =
        world.post("/handoffs", &envelope("older", 10, json!({"priority": "URGENT"}))).await;

    assert_eq!(
        (older.outcome("priority"), &world.only_ticket()["priority"]),
        ("kept", &json!("MEDIUM"))
    );
}

/// The order of receipt decides instead.
#[tokio::test]
async fn unreadable_time_decides_nothing() {
    let world = World::new().await;
    world.post("/handoffs", &envelope("e1", 30, json!({"order-id": "1"}))).await.is(201, "created");
    let mut body = envelope("e2", 0, json!({"order-id": "2"}));
    body["created_at"] = json!("2025-07-30T08:00:32.d25Z");
    assert_eq!(world.post("/handoffs", &body).await.outcome("order-id"), "written");
}

/// A time in a direct body says nothing: who writes it may write anything.
#[tokio::test]
async fn time_of_direct_body_decides_nothing() {
    let world = World::new().await;
    world.post("/handoffs", &event("e1", 30, json!({"order-id": "1"}))).await.is(201, "created");
    let older = world.post("/handoffs", &event("e2", 0, json!({"order-id": "2"}))).await;
    assert_eq!(older.outcome("order-id"), "written");
}

#[tokio::test]
async fn own_replaces_ours_and_keeps_a_humans() {
    let world = World::new().await;
    let context =
        |n: u32| json!({"order-id": planted(&n.to_string()), "cart-items": n, "priority": "HIGH"});
    let id = world.post("/handoffs", &event("e1", 1, context(1))).await.ticket_id();
    world.desk.edit_field(id, "cart-items", "77");
    let second = world.post("/handoffs", &event("e2", 2, context(2))).await;
    assert_eq!((second.outcome("order-id"), second.outcome("cart-items")), ("written", "kept"));
    assert_eq!(world.desk.field(id, "order-id"), Some(planted("2")));
    world.desk.edit_field(id, "cart-items", "2");
    let third = world.post("/handoffs", &event("e3", 3, context(3))).await;

    assert_eq!(
        third.outcome("cart-items"),
        "kept",
        "a human's value is not ours for having been offered once"
    );
}

#[tokio::test]
async fn rotated_desk_token_changes_no_ownership() {
    let world = World::new().await;
    world.post("/handoffs", &event("e1", 1, json!({"order-id": "1"}))).await.is(201, "created");
    world.desk.rotate_desk_token("new canary7f3a");
    world.parameters.set(parameter::DESK_API_TOKEN, "new canary7f3a");
    world.post("/handoffs", &event("e2", 2, json!({"cart-items": 1}))).await.is(200, "updated");
    let third = world.post_later("/handoffs", &event("e3", 3, json!({"order-id": "3"})), 301).await;
    assert_eq!(third.outcome("order-id"), "written");
}

#[tokio::test]
async fn closed_ticket_is_replaced_and_remembered() {
    let world = World::new().await;
    let first =
        world.post("/handoffs", &event("e1", 1, json!({"order-id": "1"}))).await.ticket_id();
    world.desk.close(first);
    let second = world.post("/handoffs", &event("e2", 2, json!({"order-id": "2"}))).await;
    second.is(201, "created");
    world.desk.clear_requests();
    let third = world.post("/handoffs", &event("e3", 3, json!({"order-id": "3"}))).await;
    third.is(200, "updated");

    assert_eq!((third.ticket_id(), world.desk.requests().len()), (second.ticket_id(), 3));
}

#[tokio::test]
async fn values_of_a_crashed_try_stay_ours() {
    let world = World::new().await.without_queue();
    let created =
        world.post("/handoffs", &event("e1", 1, json!({"order-id": "1"}))).await.ticket_id();
    // The second handoff's value reaches Desk, its answer and so its record do not.
    world.fail_after_fields();
    assert!(
        world
            .post("/handoffs", &event("e2", 2, json!({"order-id": "2"})))
            .await
            .status
            .is_server_error()
    );
    assert_eq!(world.desk.field(created, "order-id").as_deref(), Some("2"));
    world.desk.clear_faults();
    let third = world.post("/handoffs", &event("e3", 3, json!({"order-id": "3"}))).await;

    assert_eq!(third.outcome("order-id"), "written");
}
