//! The webhook: queued and answered, never worked on; and the worker that takes it from there.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lambda_events::sqs::SqsEvent;
use desk_emulator::{Call, Fault, FaultKind, Setup};
use desk_handoff::app::Invocation;
use desk_handoff::names::{header, setting};
use desk_handoff::worker;
use serde_json::{Value, json};

use crate::world::{World, handoff, planted};

/// A batch as Lambda hands it over, five seconds after it was queued: body, group and how often it
/// was received.
pub(crate) fn batch(messages: &[(&str, &str, u32)]) -> SqsEvent {
    let five_seconds_ago =
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap() - Duration::from_secs(5);
    let record = |(index, (body, group, count)): (usize, &(&str, &str, u32))| {
        json!({
            "messageId": format!("m{index}"), "receiptHandle": format!("r{index}"), "body": body,
            "attributes": {
                "MessageGroupId": group, "ApproximateReceiveCount": count.to_string(),
                "SentTimestamp": (five_seconds_ago.as_millis()).to_string()
            },
            "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs", "eventSourceARN": "arn", "awsRegion": "x"
        })
    };

    let records: Vec<Value> = messages.iter().enumerate().map(record).collect();
    serde_json::from_value(json!({ "Records": records })).unwrap()
}

async fn failures(world: &World, messages: &[(&str, &str, u32)]) -> Vec<String> {
    let response = worker::handle(&world.app, batch(messages), &world.invocation()).await;
    let mut ids: Vec<String> =
        response.batch_item_failures.into_iter().map(|item| item.item_identifier).collect();
    ids.sort();
    ids
}

fn event(id: &str, channel: &str, context: Value) -> Value {
    let mut body = handoff(context);
    body["event_id"] = json!(id);
    body["conversation"]["channel_url"] = json!(channel);
    body
}

#[tokio::test]
async fn handoff_is_queued_before_its_answer() {
    let world = World::new().await;
    let answer = world
        .post("/webhooks/handoff", &event("e1", "ch", json!({"order-id": planted("1")})))
        .await;
    answer.is(200, "queued");
    assert_eq!(answer.body["event_id"], "e1");
    assert_eq!((world.queue.entries().len(), world.desk.requests().len()), (1, 0));
    assert!(world.queue.entries()[0].body.contains(&planted("1")));
}

#[tokio::test]
async fn a_queue_that_takes_nothing_is_a_503() {
    let world = World::new().await;
    world.queue.broken.store(true, Ordering::Relaxed);
    let answer = world.post("/webhooks/handoff", &event("e1", "ch", json!({}))).await;
    answer.is(503, "not-queued");
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
}

#[tokio::test]
async fn other_categories_are_answered_at_once_and_queued_nowhere() {
    let world = World::new().await;
    world
        .post("/webhooks/handoff", &json!({"category": "message:user_sent"}))
        .await
        .is(200, "ignored");
    assert!(world.queue.entries().is_empty());
}

#[tokio::test]
async fn what_is_queued_becomes_a_ticket_in_the_worker() {
    let world = World::new().await;
    world
        .post("/webhooks/handoff", &event("e1", "ch", json!({"order-id": planted("1")})))
        .await
        .is(200, "queued");
    let entry = world.queue.entries().remove(0);
    assert_eq!(failures(&world, &[(&entry.body, &entry.group, 1)]).await, Vec::<String>::new());
    let id = world.only_ticket()["id"].as_u64().unwrap();
    assert_eq!(world.desk.field(id, "order-id"), Some(planted("1")));

    // The same event by the other route is done already.
    world
        .post("/handoffs", &event("e1", "ch", json!({"order-id": planted("1")})))
        .await
        .is(200, "duplicate");
}

/// The event source delivers one message at a time; the code holds the order with more, too.
#[tokio::test]
async fn failed_message_stops_later_ones() {
    let world = World::new().await;
    for (id, channel) in [("a1", "a"), ("b1", "b")] {
        world.post("/webhooks/handoff", &event(id, channel, json!({"order-id": id}))).await;
    }

    let entries = world.queue.entries();
    assert_eq!(entries[0].group, entries[1].group, "of one customer");
    world.desk.inject(Fault::on(Call::ListTickets).always().with(FaultKind::Html { status: 502 }));
    let messages: Vec<(&str, &str, u32)> =
        entries.iter().map(|entry| (entry.body.as_str(), entry.group.as_str(), 2)).collect();
    assert_eq!(failures(&world, &messages).await, ["m0", "m1"]);
    assert_eq!(world.queue.delays(), [("r0".to_owned(), 60)]);
    world.desk.clear_faults();

    assert_eq!(failures(&world, &messages).await, Vec::<String>::new());
}

/// No later try can do it: it is to reach the dead-letter queue soon.
#[tokio::test]
async fn foreign_and_refused_messages_come_again_soon() {
    let world = World::new().await;
    world.post("/webhooks/handoff", &event("e1", "ch", json!({}))).await;
    let entry = world.queue.entries().remove(0);
    let foreign = entry.body.replace("DEMO-APP-0001", "ANOTHER");
    world.desk.set_behaviour(|behaviour| behaviour.any_chat_user = false);
    for (n, body) in ["not json", &foreign, &entry.body].into_iter().enumerate() {
        assert_eq!(failures(&world, &[(body, "x", 12)]).await, ["m0"]);
        assert_eq!(world.queue.delays()[n], ("r0".to_owned(), 10));
    }
}

/// Desk may be making a ticket of its own: the queue waits, not the function.
#[tokio::test]
async fn webhook_waits_out_its_grace() {
    let mut world = World::new().await;
    world.app.waits_for_desk = true;
    world.post("/webhooks/handoff", &event("e1", "ch", json!({"order-id": "1"}))).await;
    let entry = world.queue.entries().remove(0);
    assert_eq!(failures(&world, &[(&entry.body, &entry.group, 1)]).await, ["m0"]);
    let (_, seconds) = world.queue.delays().remove(0);
    assert!((13..=16).contains(&seconds), "{seconds}");
    assert_eq!(world.writes(), 0);

    let later = Invocation::new("later", SystemTime::now() + Duration::from_secs(16), world.time);
    let batch = batch(&[(&entry.body, &entry.group, 2)]);
    let response = worker::handle(&world.app, batch, &later).await;
    assert!(response.batch_item_failures.is_empty());
    world.only_ticket();
}

#[tokio::test]
async fn direct_handoff_on_queue_has_no_grace() {
    let mut world = World::new().await;
    world.app.waits_for_desk = true;
    let body = event("e1", "ch", json!({"order-id": "1"})).to_string();
    let signature = desk_handoff::auth::sign(body.as_bytes(), crate::world::SIGNING_SECRET);
    let headers = [
        (header::SENDBIRD_SIGNATURE, signature.as_str()),
        (header::PREFER, "wait=5, respond-async"),
    ];
    let answer = world.send(http::Method::POST, "/handoffs", &headers, body.as_bytes()).await;
    answer.is(202, "queued");
    assert_eq!(world.desk.requests().len(), 0);
    let entry = world.queue.entries().remove(0);
    assert_eq!(failures(&world, &[(&entry.body, &entry.group, 1)]).await, Vec::<String>::new());

    world.only_ticket();
}

/// Nothing is written, and the message ends in the dead-letter queue, where it is kept.
#[tokio::test]
async fn preview_mode_keeps_message() {
    let world = World::with_desk(Setup::default(), &[(setting::MODE, "preview")]).await;
    world.post("/webhooks/handoff", &event("e1", "ch", json!({"order-id": planted("1")}))).await;
    let entry = world.queue.entries().remove(0);

    for count in 1..=3 {
        assert_eq!(failures(&world, &[(&entry.body, &entry.group, count)]).await, ["m0"]);
    }
    assert_eq!(world.queue.delays().last(), Some(&("r0".to_owned(), 1)));
    let records = world.records();
    let worked: Vec<_> = records.iter().filter(|record| record["Route"] == "queue").collect();

    assert_eq!((worked.len(), &worked[0]["status"], world.writes()), (1, &json!("Previewed"), 0));
}

/// Whatever else is wrong with it.
#[tokio::test]
async fn webhook_is_not_lost_for_optional_part() {
    let world = World::new().await;
    let agent_context = json!({"context": "x", "language": ["en"]});
    let conversation = json!({"id": 1, "user_id": "user_1", "ai_agent_context": agent_context});
    let body = json!({"id": "e", "category": "handoff", "data": {"conversation": conversation}});
    world.post("/webhooks/handoff", &body).await.is(200, "queued");
    let record = world.records().remove(0);
    let path = "data.conversation.ai_agent_context";
    assert_eq!(record["remarks"], json!(format!("{path}.context, {path}.language")));
    assert_eq!(record["Remarks"], 2);
}

#[tokio::test]
async fn what_desk_asks_for_is_respected_between_deliveries() {
    let world = World::new().await;
    world.post("/webhooks/handoff", &event("e1", "ch", json!({}))).await;
    let entry = world.queue.entries().remove(0);
    let fault = FaultKind::RateLimited { retry_after: Some(300), ratelimit_retry_after: None };
    world.desk.inject(Fault::on(Call::ListTickets).always().with(fault));
    failures(&world, &[(&entry.body, &entry.group, 1)]).await;
    assert_eq!(world.queue.delays(), [("r0".to_owned(), 300)]);
}

#[tokio::test]
async fn message_too_late_is_left_for_next_invocation() {
    let mut world = World::new().await;
    world.post("/webhooks/handoff", &event("e1", "ch", json!({}))).await;
    let entry = world.queue.entries().remove(0);
    world.time = Duration::from_millis(500);
    assert_eq!(failures(&world, &[(&entry.body, &entry.group, 1)]).await, ["m0"]);
    assert!(world.desk.requests().is_empty());
}
