//! The queues of the test: it makes them, and takes messages off them as Lambda does.
//!
//! Over moto's JSON, not through the shipped adapters: what those get wrong must not be agreed to
//! here.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::harness::client::{REGION, call};

/// How long a message that was received is kept from others: shorter than an invocation, so that
/// workers meet.
pub(crate) const VISIBILITY_TIMEOUT: u32 = 3;

/// A FIFO queue with its dead-letter queue.
#[derive(Debug, Clone)]
pub(crate) struct Queues {
    client: reqwest::Client,
    pub(crate) url: String,
    dead_url: String,
    /// moto's queue takes one call at a time: it loses what is sent while it deletes, and stumbles
    /// over two receives.
    pub(crate) turn: Arc<Mutex<()>>,
}

/// A message as it was received.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) id: String,
    pub(crate) handle: String,
    pub(crate) body: String,
    attributes: Value,
}

impl Received {
    /// As Lambda shows it to the function.
    pub(crate) fn record(&self) -> Value {
        json!({
            "messageId": self.id, "receiptHandle": self.handle, "body": self.body, "attributes": self.attributes,
            "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:{REGION}:123456789012:chaos.fifo"), "awsRegion": REGION,
        })
    }

    pub(crate) fn count(&self) -> u64 {
        self.attributes["ApproximateReceiveCount"]
            .as_str()
            .and_then(|count| count.parse().ok())
            .unwrap_or(0)
    }

    /// What is in it, if it can be read.
    pub(crate) fn handoff(&self) -> Value {
        serde_json::from_str::<Value>(&self.body)
            .map(|mut body| body["handoff"].take())
            .unwrap_or_default()
    }
}

impl Queues {
    /// A pair whose messages are dead after so many receives.
    pub(crate) async fn make(client: &reqwest::Client, name: &str, max_receives: u32) -> Self {
        let create = async |name: String, attributes: Value| {
            let input = json!({"QueueName": name, "Attributes": attributes});
            let answer = call(client, "AmazonSQS.CreateQueue", &input).await;
            answer["QueueUrl"].as_str().unwrap().to_owned()
        };
        let dead_name = format!("{name}-dead.fifo");
        let dead_url = create(dead_name.clone(), json!({"FifoQueue": "true"})).await;
        let dead_arn = format!("arn:aws:sqs:{REGION}:123456789012:{dead_name}");
        let redrive =
            json!({"deadLetterTargetArn": dead_arn, "maxReceiveCount": max_receives}).to_string();
        let visibility = VISIBILITY_TIMEOUT.to_string();
        let attributes =
            json!({"FifoQueue": "true", "VisibilityTimeout": visibility, "RedrivePolicy": redrive});
        let url = create(format!("{name}.fifo"), attributes).await;

        Self { client: client.clone(), url, dead_url, turn: Arc::default() }
    }

    async fn sqs(&self, action: &str, input: &Value) -> Value {
        let _turn = self.turn.lock().await;
        call(&self.client, &format!("AmazonSQS.{action}"), input).await
    }

    pub(crate) async fn put(&self, group: &str, deduplication: &str, body: &str) {
        let input = json!({
            "QueueUrl": self.url, "MessageBody": body, "MessageGroupId": group, "MessageDeduplicationId": deduplication,
        });
        self.sqs("SendMessage", &input).await;
    }

    pub(crate) async fn receive(&self, most: u32) -> Vec<Received> {
        self.receive_from(&self.url, most).await
    }

    /// Done: they do not come again.
    pub(crate) async fn delete(&self, messages: &[&Received]) {
        self.batch("DeleteMessageBatch", &self.url, messages, &json!({})).await;
    }

    /// They come again after so many seconds.
    pub(crate) async fn show_after(&self, seconds: u32, messages: &[&Received]) {
        let timeout = json!({"VisibilityTimeout": seconds});
        self.batch("ChangeMessageVisibilityBatch", &self.url, messages, &timeout).await;
    }

    /// How many messages are on the queue, those in somebody's hands included.
    pub(crate) async fn depth(&self) -> u64 {
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let input = json!({"QueueUrl": self.url, "AttributeNames": names});
        let answer = self.sqs("GetQueueAttributes", &input).await;
        names
            .iter()
            .filter_map(|name| answer["Attributes"][name].as_str()?.parse::<u64>().ok())
            .sum()
    }

    /// Everything in the dead-letter queue, taken off it.
    pub(crate) async fn dead_letters(&self) -> Vec<Received> {
        let mut all = Vec::new();
        loop {
            let batch = self.receive_from(&self.dead_url, 10).await;
            if batch.is_empty() {
                return all;
            }
            let messages: Vec<&Received> = batch.iter().collect();
            self.batch("DeleteMessageBatch", &self.dead_url, &messages, &json!({})).await;
            all.extend(batch);
        }
    }

    async fn receive_from(&self, url: &str, most: u32) -> Vec<Received> {
        let input =
            json!({"QueueUrl": url, "MaxNumberOfMessages": most, "AttributeNames": ["All"]});
        let mut answer = self.sqs("ReceiveMessage", &input).await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let received = |message: &mut Value| Received {
            id: text(&message["MessageId"]),
            handle: text(&message["ReceiptHandle"]),
            body: text(&message["Body"]),
            attributes: message["Attributes"].take(),
        };

        answer["Messages"].as_array_mut().into_iter().flatten().map(received).collect()
    }

    /// Does the same to each of these messages.
    async fn batch(&self, action: &str, url: &str, messages: &[&Received], more: &Value) {
        let entry = |(place, message): (usize, &&Received)| {
            let mut entry = more.clone();
            entry["Id"] = json!(place.to_string());
            entry["ReceiptHandle"] = json!(message.handle);
            entry
        };

        let entries: Vec<Value> = messages.iter().enumerate().map(entry).collect();
        if !entries.is_empty() {
            self.sqs(action, &json!({"QueueUrl": url, "Entries": entries})).await;
        }
    }
}
