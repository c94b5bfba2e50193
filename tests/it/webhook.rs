//! The webhook: queued and answered, never worked on; and the worker that takes it from there.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lambda_events::sqs::SqsEvent;
use desk_emulator::{Call, Fault, Trouble};
use desk_handoff::worker;
use serde_json::{Value, json};

use crate::world::{World, handoff, planted};

/// A batch as Lambda hands it over, five seconds after it was queued: body, group and how often it was received.
pub(crate) fn batch(messages: &[(&str, &str, u32)]) -> SqsEvent {
    let five_seconds_ago = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() - Duration::from_secs(5);
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
    let response = worker::handle(&world.stack, batch(messages), &world.invocation()).await;
    let mut ids: Vec<String> = response.batch_item_failures.into_iter().map(|item| item.item_identifier).collect();
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
async fn a_handoff_is_queued_before_it_is_answered_and_desk_is_not_asked() {
    let world = World::new().await;
    let answer = world.post("/webhooks/handoff", &event("e1", "ch", json!({"order-id": planted("1")}))).await;
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
    assert!(answer.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn other_categories_are_answered_at_once_and_queued_nowhere() {
    let world = World::new().await;
    world.post("/webhooks/handoff", &json!({"category": "message:user_sent"})).await.is(200, "ignored");
    assert!(world.queue.entries().is_empty());
}

#[tokio::test]
async fn what_is_queued_becomes_a_ticket_in_the_worker() {
    let world = World::new().await;
    world.post("/webhooks/handoff", &event("e1", "ch", json!({"order-id": planted("1")}))).await.is(200, "queued");
    let entry = world.queue.entries().remove(0);
    assert_eq!(failures(&world, &[(&entry.body, &entry.group, 1)]).await, Vec::<String>::new());
    let id = world.only_ticket()["id"].as_u64().unwrap();
    assert_eq!(world.desk.field(id, "order-id"), Some(planted("1")));
    // The same event by the other route is done already.
    world.post("/handoffs", &event("e1", "ch", json!({"order-id": planted("1")}))).await.is(200, "duplicate");
}

#[tokio::test]
async fn a_failed_message_stops_its_conversations_later_ones_and_no_others() {
    let world = World::new().await;
    // The ticket of a is there, so that its handoffs alone write fields by themselves: those of b come with its ticket.
    let a = world.post("/handoffs", &event("a0", "a", json!({"order-id": "a0"}))).await.is(201, "created").ticket_id();
    for (id, channel) in [("a1", "a"), ("b1", "b"), ("a2", "a")] {
        world.post("/webhooks/handoff", &event(id, channel, json!({"order-id": id}))).await;
    }
    let entries = world.queue.entries();
    world.desk.inject(Fault::on(Call::PatchFields).always().with(Trouble::Html { status: 502 }));
    let messages: Vec<(&str, &str, u32)> =
        entries.iter().map(|entry| (entry.body.as_str(), entry.group.as_str(), 2)).collect();
    assert_eq!(failures(&world, &messages).await, ["m0", "m2"]);
    assert_eq!(world.queue.postponed(), [("r0".to_owned(), 60), ("r2".to_owned(), 60)]);
    let reasons: Vec<Value> = world.records().into_iter().map(|record| record["reason"].clone()).collect();
    let waited = json!("an earlier handoff of the conversation is not done");
    assert_eq!(reasons.iter().filter(|reason| **reason == waited).count(), 1, "{reasons:?}");
    let orders = || {
        let ids = world.desk.tickets().into_iter().filter_map(|ticket| ticket["id"].as_u64());
        let mut orders: Vec<_> = ids.map(|id| world.desk.field(id, "order-id")).collect();
        orders.sort();
        orders
    };
    assert_eq!(orders(), [Some("a0".to_owned()), Some("b1".to_owned())]);
    world.desk.clear_faults();
    assert_eq!(failures(&world, &messages).await, Vec::<String>::new());
    assert_eq!(orders(), [Some("a2".to_owned()), Some("b1".to_owned())]);
    assert_eq!(world.desk.field(a, "order-id"), Some("a2".to_owned()));
}

#[tokio::test]
async fn a_message_that_is_none_of_ours_comes_again_and_holds_nobody_up() {
    let world = World::new().await;
    let entry = {
        world.post("/webhooks/handoff", &event("e1", "ch", json!({}))).await;
        world.queue.entries().remove(0)
    };
    let foreign = entry.body.replace("DEMO-APP-0001", "ANOTHER");
    let failed = failures(&world, &[("not json", "x", 1), (&foreign, "x", 12), (&entry.body, "x", 1)]).await;
    assert_eq!(failed, ["m0", "m1"]);
    let mut postponed = world.queue.postponed();
    postponed.sort();
    assert_eq!(postponed, [("r0".to_owned(), 30), ("r1".to_owned(), 900)]);
    world.only_ticket();
}

#[tokio::test]
async fn what_desk_asks_for_is_respected_between_deliveries() {
    let world = World::new().await;
    world.post("/webhooks/handoff", &event("e1", "ch", json!({}))).await;
    let entry = world.queue.entries().remove(0);
    let trouble = Trouble::RateLimited { retry_after: Some(300), ratelimit_retry_after: None };
    world.desk.inject(Fault::on(Call::ListTickets).always().with(trouble));
    failures(&world, &[(&entry.body, &entry.group, 1)]).await;
    assert_eq!(world.queue.postponed(), [("r0".to_owned(), 300)]);
}

#[tokio::test]
async fn a_message_that_comes_too_late_in_an_invocation_is_left_for_the_next() {
    let mut world = World::new().await;
    world.post("/webhooks/handoff", &event("e1", "ch", json!({}))).await;
    let entry = world.queue.entries().remove(0);
    world.time = Duration::from_millis(500);
    assert_eq!(failures(&world, &[(&entry.body, &entry.group, 1)]).await, ["m0"]);
    assert!(world.desk.requests().is_empty());
}
