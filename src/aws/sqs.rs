//! An SQS FIFO queue behind [`Queue`]: `SendMessage` and `ChangeMessageVisibility`.
//!
//! A repeated `SendMessage` is harmless: the queue takes the same event once within five minutes.

use std::sync::LazyLock;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, SharedHttpClient, StalledStreamProtectionConfig};

use super::{Environment, Late, Service, SharedClient, failure, late, retries, timeouts};
use crate::queue::{Queue, QueueEntry};
use crate::store::{BoxFuture, StoreFuture};

/// The longest that a call may take, repetitions included. It outlasts the sender's patience of
/// about a second: what the queue takes too late for the answer is not lost, and the sender's next
/// try is the same event.
pub const TIMEOUT: Duration = Duration::from_millis(2500);
/// The longest that one request may take; SQS takes a message in some ten milliseconds.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(800);

const NAME: &str = "the queue";

/// A FIFO queue in SQS.
#[derive(Debug)]
pub struct Sqs {
    client: Late<Client>,
    queue_url: String,
    http: SharedClient,
    address: String,
}

impl Sqs {
    /// A client for this environment and queue.
    pub fn new(environment: &Environment, http: SharedClient, queue_url: String) -> Self {
        let address = environment.address(Service::Sqs);
        let (environment, shared) = (environment.clone(), http.clone());
        Self { client: late(move || client(environment, shared)), queue_url, http, address }
    }
}

fn client(environment: Environment, http: SharedClient) -> Client {
    let mut config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(SharedHttpClient::new(http))
        // Nothing is streamed, and each attempt has a time of its own.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .retry_config(retries())
        .timeout_config(timeouts(TIMEOUT, ATTEMPT_TIMEOUT));
    config.set_endpoint_url(environment.endpoint(Service::Sqs));
    Client::from_conf(
        config.region(environment.region).credentials_provider(environment.credentials).build(),
    )
}

impl Queue for Sqs {
    fn send<'a>(&'a self, entry: &'a QueueEntry) -> StoreFuture<'a> {
        let request = self
            .client
            .send_message()
            .queue_url(&self.queue_url)
            .message_group_id(&entry.group)
            // Not by the content: the body holds the receipt, which is another one when the sender
            // repeats the event.
            .message_deduplication_id(&entry.deduplication)
            .message_body(&entry.body);
        Box::pin(
            async move { request.send().await.map(|_| ()).map_err(|error| failure(NAME, &error)) },
        )
    }

    fn change_visibility<'a>(&'a self, handle: &'a str, seconds: u32) -> StoreFuture<'a> {
        let request = self
            .client
            .change_message_visibility()
            .queue_url(&self.queue_url)
            .receipt_handle(handle)
            // SQS itself refuses more than twelve hours.
            .visibility_timeout(seconds.try_into().unwrap_or(i32::MAX));
        Box::pin(
            async move { request.send().await.map(|_| ()).map_err(|error| failure(NAME, &error)) },
        )
    }

    fn open(&self) -> BoxFuture<'_, ()> {
        LazyLock::force(&self.client);
        self.http.open(&self.address)
    }
}
