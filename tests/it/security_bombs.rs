//! Bodies made to cost much: deep, huge, repeated, of very many keys. Each is answered as any
//! other, and what it costs is bounded by its size, which is at most 256 KiB.
//!
//! Bounds of time are tens of times what was measured: they distinguish a square from a line, not a slow
//! machine.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use aws_lambda_events::sqs::SqsEvent;
use desk_handoff::handoff::message::Message;
use desk_handoff::worker;
use serde_json::{Value, json};

use crate::world::{Answer, World, handoff};

const LIMIT: usize = 256 * 1024;
/// The most that Lambda returns, in bytes.
const LAMBDA: usize = 6 * 1024 * 1024;

fn direct(context: &str) -> String {
    let body = handoff(json!({})).to_string();
    body.replace("\"context\":{}", &format!("\"context\":{context}"))
}

/// As many keys of this form as fit.
fn keys(form: impl Fn(usize) -> String) -> String {
    let mut context = "{".to_owned();
    for nth in 0.. {
        let key = form(nth);
        if direct(&context).len() + key.len() + 3 > LIMIT {
            break;
        }
        let comma = if nth == 0 { "" } else { "," };
        write!(context, "{comma}{key}").unwrap();
    }

    context + "}"
}

async fn answered(world: &World, context: &str) -> Answer {
    let began = Instant::now();
    let answer = world.post_bytes("/handoffs/preview", direct(context).as_bytes()).await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(answer.body.to_string().len() < LAMBDA);
    answer
}

#[tokio::test]
async fn worker_reads_whatever_webhook_takes() {
    let world = World::new().await;
    let mut taken = 0;
    for depth in 1..140 {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let body = direct(&format!("{{\"order-id\":\"1\",\"deep\":{nested}}}"));
        let answer = world.post_bytes("/webhooks/handoff", body.as_bytes()).await;
        if answer.status == 200 {
            taken += 1;
            let entry = world.queue.entries().pop().unwrap();
            assert!(
                Message::parse(&entry.body, None).is_ok(),
                "depth {depth} was taken and cannot be read"
            );
        } else {
            answer.is(400, "bad-body");
        }
    }

    assert!(taken > 100, "{taken}");
}

#[tokio::test]
async fn last_of_duplicate_keys_counts_everywhere() {
    let world = World::new().await;
    let body = direct(r#"{"order-id":"first","order-id":"last"}"#);
    world.post_bytes("/handoffs", body.as_bytes()).await.is(201, "created");
    let id = world.only_ticket()["id"].as_u64().unwrap();
    assert_eq!(world.desk.field(id, "order-id").as_deref(), Some("last"));
    let repeated = keys(|_| r#""order-id":1"#.to_owned());
    let answer = answered(&world, &repeated).await;

    assert_eq!(
        answer.body["fields"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|line| line["key"] == "order-id")
            .count(),
        1
    );
}

#[tokio::test]
async fn huge_number_is_its_digits() {
    let world = World::new().await;
    let digits = "9".repeat(120_000);
    for number in
        [digits.as_str(), "1e999999999", "-1e-999999999", "0.00000000000000000000000000000001"]
    {
        let answer =
            answered(&world, &format!("{{\"cart-items\":{number},\"order-id\":{number}}}")).await;
        assert_eq!(answer.outcome("cart-items"), "wrong-type");
        assert!(["written", "truncated"].contains(&answer.outcome("order-id")));
    }

    let body = format!(r#"{{"conversation":{{"id":{digits},"user_id":"u"}}}}"#);
    world.post_bytes("/handoffs", body.as_bytes()).await.is(400, "bad-body");
}

#[tokio::test]
async fn quarter_mebibyte_of_keys_costs_desk_nothing() {
    let fields: Vec<Value> =
        (0..250).map(|nth| json!({"key": format!("field-{nth}"), "type": "text"})).collect();
    for rules in [json!({ "fields": fields }), json!({})] {
        let world = World::with_rules(&rules).await;
        for form in [
            |nth| format!("\"{nth:x}\":0"),
            |nth| format!("\"field_{nth:x}\":0"),
            |nth| format!("\"Field-{nth:x}q\":0"),
        ] {
            let context = keys(form);
            let sent: serde_json::Map<String, Value> = serde_json::from_str(&context).unwrap();
            let answer = answered(&world, &context).await;
            assert_eq!(answer.body["fields"].as_array().unwrap().len(), sent.len());
            assert!(answer.written() <= 20);
            assert!(world.desk.requests().len() <= 3);
            world.desk.clear_requests();
        }
    }
}

#[tokio::test]
async fn quarter_mebibyte_key_or_value_is_one_line() {
    let world = World::new().await;
    let long = "aB_".repeat(28_000);
    let answer = answered(&world, &format!("{{\"{long}\":1}}")).await;
    assert_eq!(answer.outcome(&long), "invalid-key");
    let answer = answered(
        &world,
        &format!(
            "{{\"order-id\":\"{long}\",\"membership-tier\":\"{long}\",\"priority\":\"{long}\"}}"
        ),
    )
    .await;

    assert_eq!(
        (answer.outcome("order-id"), answer.outcome("membership-tier")),
        ("truncated", "not-an-option")
    );
}

#[tokio::test]
async fn largest_body_fits_into_a_message() {
    let world = World::new().await;
    // The characters that grow most on the way: SQS refuses them bare, so each of three bytes
    // travels as six.
    let grown = format!("{{\"a\":\"{}\"}}", "\u{ffff}".repeat(87_000));

    for context in [
        grown,
        keys(|nth| format!("\"{nth:x}\":1e9")),
        keys(|nth| format!("\"\u{7f}{nth:x}\":\"\\u0001\"")),
    ] {
        world.post_bytes("/webhooks/handoff", direct(&context).as_bytes()).await.is(200, "queued");
        let entry = world.queue.entries().pop().unwrap();
        assert!(entry.body.len() < 1024 * 1024, "{}", entry.body.len());
    }
}

#[tokio::test]
async fn rubbish_batch_costs_desk_nothing() {
    let world = World::new().await;
    let bodies =
        ["", "null", "[[[[", "{\"version\":1}", "{\"version\":99}", "\u{0}", &"9".repeat(100_000)];
    let record =
        |(nth, body): (usize, &&str)| json!({"messageId": format!("m{nth}"), "body": body});
    let records: Vec<Value> = bodies.iter().enumerate().map(record).collect();
    let event: SqsEvent = serde_json::from_value(json!({ "Records": records })).unwrap();
    let answer = worker::handle(&world.app, event, &world.invocation()).await;
    assert_eq!((answer.batch_item_failures.len(), world.desk.requests().len()), (bodies.len(), 0));
}
