//! A handoff that fails until it lies in the dead-letter queue, and comes back from there by the
//! page's commands.

use aws_sdk_sqs::types::Message;
use desk_handoff::auth::sign;
use desk_handoff::names::header;
use desk_handoff::queue::QueueEntry;
use serde_json::{Map, Value, json};

use super::{Deployed, SIGNING_SECRET};
use crate::bootstrap::{APP, Cloud, TOKEN, api, worker};
use crate::fixtures::ANSWERS;
use crate::harness::rie::Rie;
use crate::queue::Queues;

/// What is pasted, beside what [`Deployed`] needs.
pub(super) const PASTED: [&str; 6] =
    ["first-look", "give-up", "look", "redrive", "redrive-by-hand", "rotate-desk"];
/// A customer's value, which no command may print.
const VALUE: &str = "canary7f3a";

/// The webhook of this conversation, signed. Of its two keys one is no field's.
pub(super) fn webhook(event: &str, conversation: &str, order: &str, at: &str) -> Value {
    let stated = ANSWERS.iter().find(|stated| stated.file == "webhook.json").unwrap();
    let mut request: Value = serde_json::from_str(&stated.event()).unwrap();
    let context = json!({"order-id": format!("{order} {VALUE}"), "newsletter": "yes"});
    let conversation = json!({"id": conversation, "user_id": "user_1", "channel_url": format!("ch_{conversation}"),
        "ai_agent_context": {"context": context}});
    let data = json!({"conversation": conversation, "handoff_at": at});
    let body = json!({"id": event, "app_id": APP, "category": "handoff", "data": data}).to_string();
    request["headers"][header::SENDBIRD_SIGNATURE] = sign(body.as_bytes(), SIGNING_SECRET).into();
    request["body"] = body.into();

    request
}

/// Lambda's part: hands the worker what is on the queue until nothing is left there.
pub(super) async fn work_off(queues: &Queues, worker: &mut Rie) {
    for _ in 0..20 {
        let messages = queues.receive().await;
        if messages.is_empty() {
            return;
        }
        // One message at a time, as the event source delivers them; what lies behind a failed one
        // is not tried.
        let mut failed: Vec<&str> = Vec::new();
        for message in &messages {
            let group = group(message);
            let is_done = !failed.contains(&group) && is_done(message, worker).await;
            if is_done {
                queues.delete(message).await;
            } else {
                failed.push(group);
                // The worker's own pause is ten seconds and more.
                queues.delay(message, 0).await;
            }
        }
    }
    panic!("the queue is never empty");
}

async fn is_done(message: &Message, worker: &mut Rie) -> bool {
    let answer = worker.invoke(&json!({"Records": [record(message)]})).await;
    let failures = answer["batchItemFailures"].as_array().unwrap_or_else(|| panic!("{answer}"));
    failures.is_empty()
}

fn group(message: &Message) -> &str {
    use aws_sdk_sqs::types::MessageSystemAttributeName::MessageGroupId;
    message
        .attributes
        .as_ref()
        .and_then(|attributes| attributes.get(&MessageGroupId))
        .map_or("", String::as_str)
}

/// A message as Lambda shows it to the function.
fn record(message: &Message) -> Value {
    let attributes = message.attributes.iter().flatten();
    let attributes: Map<String, Value> =
        attributes.map(|(name, value)| (name.as_str().to_owned(), json!(value))).collect();
    json!({"messageId": message.message_id, "receiptHandle": message.receipt_handle, "body": message.body,
        "attributes": attributes, "eventSource": "aws:sqs"})
}

impl Deployed {
    /// Id and conversation of what lies in the dead-letter queue, oldest first.
    async fn dead_letters(&self) -> Vec<[String; 2]> {
        let look = self.operator.paste("look", &[]).await;
        assert!(!look.contains(VALUE), "a customer's value is printed: {look}");
        let columns =
            look.lines().map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
        columns
            .filter(|columns| columns.len() == 3)
            .map(|columns| [columns[0].clone(), columns[2].clone()])
            .collect()
    }

    fn order_ids(&self) -> Vec<String> {
        let tickets = self.cloud.desk.tickets();
        let mut orders: Vec<String> =
            tickets.iter().map(|ticket| field(ticket, "order-id")).collect();
        orders.sort();
        orders
    }
}

fn field(ticket: &Value, key: &str) -> String {
    let fields = ticket["customFields"].as_array().unwrap_or_else(|| panic!("{ticket:#}"));
    let field =
        fields.iter().find(|field| field["key"] == key).unwrap_or_else(|| panic!("{ticket:#}"));
    field["value"].as_str().unwrap().to_owned()
}

/// Two handoffs of one conversation, one of another, and one message that is no handoff.
async fn hand_over(cloud: &Cloud) {
    let mut receiver = cloud.function(api()).await;
    for (event, conversation, order, at) in [
        ("e1", "11", "first", "2025-07-30T08:35:25Z"),
        ("e2", "11", "second", "2025-07-30T08:36:25Z"),
        ("e3", "12", "other", "2025-07-30T08:37:25Z"),
    ] {
        let answer = receiver.invoke(&webhook(event, conversation, order, at)).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
    }

    let poison = QueueEntry {
        group: "g".into(),
        deduplication: "d".into(),
        body: format!("no\thandoff\n{VALUE}"),
    };
    cloud.queues.send_entry(&poison).await;
}

/// The worker's log names each of these by its id, or an earlier one of its conversation.
fn assert_logged(dead: &[[String; 2]], log: &str) {
    let logged = |[id, _]: &&[String; 2]| log.contains(&format!("\"message_id\":\"{id}\""));
    let logged: Vec<&String> =
        dead.iter().filter(logged).map(|[_, conversation]| conversation).collect();
    assert!(dead.iter().all(|[_, conversation]| logged.contains(&conversation)), "{dead:?}\n{log}");
}

#[tokio::test]
async fn redrive_does_each_failed_handoff_once_in_order() {
    let deployed = Deployed::new("operations-redrive", "a-revoked-desk-token").await;
    let Deployed { cloud, operator } = &deployed;
    hand_over(cloud).await;
    let mut before = cloud.function(worker()).await;
    work_off(&cloud.queues, &mut before).await;
    assert_eq!(
        (deployed.depths().await, cloud.desk.tickets().len()),
        (vec!["0 0".to_owned(), "4 0".to_owned()], 0)
    );
    let dead = deployed.dead_letters().await;
    assert_eq!(dead.len(), 4);
    assert_logged(&dead, &before.output());

    operator.answer("new-secret", TOKEN).await;
    operator.paste("rotate-desk", &[]).await;
    let refused = operator.try_to("redrive").await;
    assert!(
        refused.err.contains("(500) when calling the StartMessageMoveTask"),
        "moto knows it now: rehearse it\n{refused:?}"
    );
    operator.paste("redrive-by-hand", &[]).await;

    // Five minutes later: a worker that has read the parameters anew.
    let mut after = cloud.function(worker()).await;
    work_off(&cloud.queues, &mut after).await;
    assert_eq!(deployed.order_ids(), [format!("other {VALUE}"), format!("second {VALUE}")]);
    let [[left, _]] = &deployed.dead_letters().await[..] else {
        panic!("the one that is no handoff comes back")
    };
    operator.paste("give-up", &[("THE-MESSAGE-ID", left)]).await;
    assert_eq!(deployed.depths().await, ["0 0", "0 0"]);

    assert_eq!(operator.run("secret desk-api-token").await.trim(), TOKEN);
    deployed.has_pasted(&PASTED);
}
