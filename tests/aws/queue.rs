//! The queue in SQS through the real SDK: a FIFO queue with its dead-letter queue, as template.yaml
//! has them.
//!
//! Where moto is not AWS: it knows a repeated entry only while the first one lies on the queue
//! (AWS: for five minutes, deleted or not), and takes any order of calls at once only because the
//! harness makes it (serve_moto.py).

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use desk_handoff::aws::sqs::Sqs;
use desk_handoff::queue::{Queue as _, QueueEntry};
use serde_json::json;

use crate::harness::lossy::Lossy;
use crate::harness::moto;
use crate::harness::sdk::{self, environment, shared};

/// After so many deliveries a message is put aside.
const MAX_RECEIVE_COUNT: usize = 3;

/// One queue and its dead-letter queue.
pub(crate) struct Queues {
    client: Client,
    sqs: Sqs,
    pub(crate) url: String,
    dead_url: String,
}

fn sqs_at(endpoint: &str, url: &str) -> Sqs {
    Sqs::new(&environment(endpoint), shared(), url.to_owned())
}

impl Queues {
    pub(crate) async fn new(name: &str) -> Self {
        let client = sdk::sqs();
        let fifo = |name: String| {
            let create = client
                .create_queue()
                .queue_name(name)
                .attributes(QueueAttributeName::FifoQueue, "true");
            create.attributes(QueueAttributeName::ContentBasedDeduplication, "false")
        };

        let dead_url = fifo(format!("{name}-dead.fifo")).send().await.unwrap().queue_url.unwrap();
        let arn = client
            .get_queue_attributes()
            .queue_url(&dead_url)
            .attribute_names(QueueAttributeName::QueueArn);
        let arn = arn
            .send()
            .await
            .unwrap()
            .attributes
            .unwrap()
            .remove(&QueueAttributeName::QueueArn)
            .unwrap();

        let redrive =
            json!({"deadLetterTargetArn": arn, "maxReceiveCount": MAX_RECEIVE_COUNT}).to_string();
        let queue =
            fifo(format!("{name}.fifo")).attributes(QueueAttributeName::RedrivePolicy, redrive);
        let url = queue.send().await.unwrap().queue_url.unwrap();

        Self::at(url, dead_url)
    }

    /// These two, which are there already.
    pub(crate) fn at(url: String, dead_url: String) -> Self {
        Self { client: sdk::sqs(), sqs: sqs_at(moto::endpoint(), &url), url, dead_url }
    }

    async fn send(&self, entries: &[(&str, &str)]) {
        for (group, deduplication) in entries {
            self.send_entry(&entry(group, deduplication)).await;
        }
    }

    pub(crate) async fn send_entry(&self, entry: &QueueEntry) {
        self.sqs.send(entry).await.unwrap();
    }

    /// What one receiver is given, hidden from others for so many seconds.
    async fn receive_from(&self, url: &str, hidden: i32) -> Vec<Message> {
        let request = self.client.receive_message().queue_url(url).max_number_of_messages(10);
        let request = request
            .visibility_timeout(hidden)
            .message_system_attribute_names(MessageSystemAttributeName::All);
        request.send().await.unwrap().messages.unwrap_or_default()
    }

    pub(crate) async fn receive(&self) -> Vec<Message> {
        self.receive_from(&self.url, 60).await
    }

    pub(crate) async fn delay(&self, message: &Message, seconds: u32) {
        self.sqs
            .change_visibility(message.receipt_handle.as_deref().unwrap(), seconds)
            .await
            .unwrap();
    }

    pub(crate) async fn delete(&self, message: &Message) {
        let delete = self.client.delete_message().queue_url(&self.url);
        delete.receipt_handle(message.receipt_handle.as_deref().unwrap()).send().await.unwrap();
    }
}

fn entry(group: &str, deduplication: &str) -> QueueEntry {
    let body = json!({"group": group, "event": deduplication, "text": "a\n\"😀\""}).to_string();
    QueueEntry { group: group.into(), deduplication: deduplication.into(), body }
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body.as_deref().unwrap()).collect()
}

/// The bodies of these entries.
fn sent(entries: &[(&str, &str)]) -> Vec<String> {
    entries.iter().map(|(group, deduplication)| entry(group, deduplication).body).collect()
}

#[tokio::test]
async fn entry_is_received_in_its_groups_order() {
    let queues = Queues::new("order").await;
    let entries = [("g1", "e1"), ("g1", "e2"), ("g1", "e3")];
    queues.send(&entries).await;
    let messages = queues.receive().await;
    assert_eq!(bodies(&messages), sent(&entries));
    for (message, (group, deduplication)) in messages.iter().zip(entries) {
        let of = |name| message.attributes.as_ref().unwrap()[&name].as_str();
        assert_eq!(of(MessageSystemAttributeName::MessageGroupId), group);
        assert_eq!(of(MessageSystemAttributeName::MessageDeduplicationId), deduplication);
        assert_eq!(of(MessageSystemAttributeName::ApproximateReceiveCount), "1");
    }
}

#[tokio::test]
async fn event_put_twice_is_received_once() {
    let queues = Queues::new("twice").await;
    queues.send(&[("g1", "e1"), ("g1", "e1"), ("g2", "e2")]).await;
    let messages = queues.receive().await;
    assert_eq!(bodies(&messages), sent(&[("g1", "e1"), ("g2", "e2")]));
    queues.send(&[("g1", "e1")]).await;
    queues.delay(&messages[0], 0).await;
    let [again] = &queues.receive().await[..] else { panic!("it comes once") };
    queues.delete(again).await;
    assert_eq!(bodies(&queues.receive().await), sent(&[]));
}

#[tokio::test]
async fn group_in_flight_waits_others_go_on() {
    let queues = Queues::new("groups").await;
    queues.send(&[("g1", "e1")]).await;
    let [first] = &queues.receive().await[..] else { panic!("one was sent") };
    queues.send(&[("g1", "e2"), ("g2", "e3")]).await;
    assert_eq!(bodies(&queues.receive().await), sent(&[("g2", "e3")]));
    queues.delete(first).await;
    assert_eq!(bodies(&queues.receive().await), sent(&[("g1", "e2")]));
}

#[tokio::test]
async fn a_message_that_failed_comes_again_before_its_followers() {
    let queues = Queues::new("again").await;
    queues.send(&[("g1", "e1"), ("g1", "e2")]).await;
    for message in queues.receive().await {
        queues.delay(&message, 0).await;
    }

    let messages = queues.receive().await;
    assert_eq!(bodies(&messages), sent(&[("g1", "e1"), ("g1", "e2")]));
    let count = &messages[0].attributes.as_ref().unwrap()
        [&MessageSystemAttributeName::ApproximateReceiveCount];
    assert_eq!(count, "2");
}

#[tokio::test]
async fn delayed_message_keeps_its_group_waiting() {
    let queues = Queues::new("delayed").await;
    queues.send(&[("g1", "e1"), ("g2", "e2")]).await;
    let [first, second] = &queues.receive_from(&queues.url, 1).await[..] else {
        panic!("two were sent")
    };
    queues.delay(first, 600).await;
    queues.send(&[("g1", "e3")]).await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(bodies(&queues.receive().await), [second.body.as_deref().unwrap()]);
}

#[tokio::test]
async fn hopeless_message_is_dead_and_frees_its_group() {
    let queues = Queues::new("dead").await;
    queues.send(&[("g1", "e1")]).await;
    for _ in 0..MAX_RECEIVE_COUNT {
        let messages = queues.receive().await;
        assert_eq!(bodies(&messages), sent(&[("g1", "e1")]));
        queues.delay(&messages[0], 0).await;
    }
    assert_eq!(
        queues.receive_from(&queues.dead_url, 0).await.len(),
        0,
        "it is moved by the next look"
    );
    queues.send(&[("g1", "e2")]).await;
    assert_eq!(bodies(&queues.receive().await), sent(&[("g1", "e2")]));
    let dead = queues.receive_from(&queues.dead_url, 60).await;
    assert_eq!(bodies(&dead), sent(&[("g1", "e1")]));

    assert_eq!(
        dead[0].attributes.as_ref().unwrap()[&MessageSystemAttributeName::MessageGroupId],
        "g1"
    );
}

#[tokio::test]
async fn unconfirmed_entry_is_put_again_and_lies_once() {
    let queues = Queues::new("lossy").await;
    let line = Lossy::start().await;
    sqs_at(line.endpoint(), &queues.url).send(&entry("g1", "e1")).await.unwrap();
    assert_eq!(line.lost(), 1);
    assert_eq!(bodies(&queues.receive().await), sent(&[("g1", "e1")]));
}

#[tokio::test]
async fn missing_queue_fails_within_the_timeout() {
    let queues = Queues::new("none").await;
    let reason = async |sqs: Sqs| sqs.send(&entry("g1", "e1")).await.unwrap_err().to_string();
    let no_queue = reason(sqs_at(moto::endpoint(), &queues.url.replace("none", "no-such"))).await;
    assert!(
        no_queue.starts_with("the queue did not do its part: ") && no_queue.contains("NonExistent"),
        "{no_queue}"
    );
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let no_service = reason(sqs_at(&format!("http://{nobody}"), &queues.url)).await;
    assert_eq!(no_service, "the queue did not do its part: not reached");
    // One that accepts and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let started = std::time::Instant::now();
    let silence =
        reason(sqs_at(&format!("http://{}", silent.local_addr().unwrap()), &queues.url)).await;
    assert_eq!(silence, "the queue did not do its part: no answer in time");

    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}
