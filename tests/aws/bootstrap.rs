//! The built `api` and `worker` under Lambda's Runtime Interface Emulator, with SSM, SQS and
//! DynamoDB from moto and Desk embedded.

use desk_handoff::http_client;
use desk_handoff::names::{aws, parameter, setting};
use std::path::PathBuf;
use std::sync::LazyLock;

use desk_emulator::{Emulator, Setup};
use serde_json::{Value, json};

use crate::claims::{create_table_for, table_of};
use crate::fixtures::{ANSWERS, BATCH, BEARER, TICKETS, desk_of, without_grace};
use crate::harness::moto;
use crate::harness::rie::Rie;
use crate::harness::setup::put_parameter;
use crate::queue::Queues;

pub(crate) const APP: &str = "DEMO-APP-0001";
/// The example, without a grace: nothing here waits for a ticket of Desk's own.
pub(crate) static FIELDS: LazyLock<String> =
    LazyLock::new(|| without_grace(include_str!("../../fields.example.json")));
pub(crate) const TOKEN: &str = "desk-token-canary7f3a";

/// What `make check-build` names, else what cargo built for the tests.
fn built(variable: &str, by_cargo: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| by_cargo.into(), PathBuf::from)
}

pub(crate) fn api() -> PathBuf {
    built("DESK_HANDOFF_API", env!("CARGO_BIN_EXE_api"))
}

pub(crate) fn worker() -> PathBuf {
    built("DESK_HANDOFF_WORKER", env!("CARGO_BIN_EXE_worker"))
}

/// What both functions share: Desk, a queue, and the parameter prefix that is the test's own.
pub(crate) struct Cloud {
    pub(crate) desk: Emulator,
    pub(crate) queues: Queues,
    /// The stack's name too.
    pub(crate) prefix: &'static str,
}

impl Cloud {
    async fn empty(name: &'static str) -> Self {
        create_table_for(name).await;
        let desk =
            Emulator::start(Setup { desk_token: TOKEN.into(), ..desk_of(&FIELDS) }).await.unwrap();
        Self { desk, queues: Queues::new(name).await, prefix: name }
    }

    pub(crate) async fn new(name: &'static str) -> Self {
        let client = http_client::new().unwrap();
        for (parameter, value) in [
            (parameter::DESK_API_TOKEN, TOKEN),
            (parameter::CHAT_API_TOKEN, "emulator-chat-token"),
            (parameter::SIGNING_SECRET, "local-only-signing-secret"),
            (parameter::BEARER_TOKEN, BEARER),
            (parameter::FIELDS, &FIELDS),
        ] {
            put_parameter(&client, &format!("/{name}/{APP}/{parameter}"), value).await;
        }
        Self::empty(name).await
    }

    pub(crate) async fn function(&self, bootstrap: PathBuf) -> Rie {
        self.function_with(bootstrap, &[]).await
    }

    /// With more settings, or others.
    pub(crate) async fn function_with(&self, bootstrap: PathBuf, more: &[(&str, &str)]) -> Rie {
        let (desk_url, chat_url) = (self.desk.desk_url(), self.desk.chat_url());
        let prefix = format!("/{}", self.prefix);
        let table = table_of(self.prefix);
        let environment = [
            (setting::APP_IDS, APP),
            (setting::PARAMETER_PREFIX, &prefix),
            (setting::QUEUE_URL, &self.queues.url),
            (setting::TABLE_NAME, &table),
            (setting::DESK_BASE_URL, &desk_url),
            (setting::CHAT_BASE_URL, &chat_url),
            (setting::LOG_LEVEL, "trace"),
            (setting::STACK_NAME, self.prefix),
            (aws::ENDPOINT_URL, moto::endpoint()),
        ];

        Rie::start(bootstrap, &[&environment, more].concat()).await
    }
}

fn body(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().unwrap_or_else(|| panic!("{answer:#}"))).unwrap()
}

/// What CloudWatch would read from the log, by the event's id.
fn record(log: &str, event_id: &str) -> Value {
    let records = log.lines().filter(|line| line.starts_with("{\"_aws\":"));
    let mut records = records.map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.find(|record| record["event_id"] == event_id).unwrap_or_else(|| panic!("{log}"))
}

/// The first log line with this message.
fn line(log: &str, message: &str) -> Value {
    let line = log.lines().find(|line| line.contains(&format!("\"message\":\"{message}\"")));
    serde_json::from_str(line.unwrap_or_else(|| panic!("{log}"))).unwrap()
}

fn assert_nothing_private(log: &str, texts: impl IntoIterator<Item = String>) {
    let secrets =
        [TOKEN, "emulator-chat-token", "local-only-signing-secret", BEARER].map(str::to_owned);
    for private in texts.into_iter().chain(secrets) {
        assert!(!log.contains(&private), "{private:?} is in the log:\n{log}");
    }
}

#[tokio::test]
async fn sample_events_are_answered_on_lambda_as_stated() {
    let cloud = Cloud::new("rie-events").await;
    let mut function = cloud.function(api()).await;
    for stated in &ANSWERS {
        let answer = function.invoke(&serde_json::from_str(&stated.event()).unwrap()).await;
        stated.check(
            answer["statusCode"].as_u64().unwrap_or_else(|| panic!("{answer:#}")),
            &body(&answer),
        );
    }
    assert_eq!((cloud.desk.tickets().len(), cloud.queues.receive().await.len()), (TICKETS, 1));
    let log = function.output();
    assert_nothing_private(&log, ANSWERS.iter().flat_map(|stated| stated.private_texts()));
    let record = record(&log, "evt-handoff-1");
    assert_eq!(
        [&record["Stack"], &record["Route"], &record["status"]],
        ["rie-events", "handoffs", "Created"]
    );
    assert_eq!([&record["FieldWritten"], &record["FieldUnmatched"]], [&json!(8), &json!(1)]);

    assert!(record["request_id"].as_str().is_some_and(|id| id.len() > 8), "{record}");
}

#[tokio::test]
async fn webhook_becomes_ticket_through_both_functions() {
    let cloud = Cloud::new("rie-worker").await;
    let webhook = ANSWERS.iter().find(|stated| stated.file == "webhook.json").unwrap();
    let mut receiver = cloud.function(api()).await;
    receiver.invoke(&serde_json::from_str(&webhook.event()).unwrap()).await;
    assert!(cloud.desk.requests().is_empty(), "the webhook never talks to Desk");
    let mut worker = cloud.function(worker()).await;
    let mut batch: Value = serde_json::from_str(BATCH).unwrap();
    let first = batch["Records"][0].clone();
    let queued = cloud.queues.receive().await.remove(0);
    // Before the message that is no handoff: what lies behind that one is not tried.
    batch["Records"].as_array_mut().unwrap().insert(
        0,
        json!({
            "body": queued.body, "messageId": "from the queue", "receiptHandle": queued.receipt_handle,
            "attributes": {"MessageGroupId": "g", "ApproximateReceiveCount": "1"}, "eventSource": "aws:sqs",
        }),
    );

    let answer = worker.invoke(&batch).await;
    assert_eq!(
        answer,
        json!({"batchItemFailures": [{"itemIdentifier": batch["Records"][4]["messageId"]}]})
    );
    assert_eq!(cloud.desk.tickets().len(), 3);
    let again = worker.invoke(&json!({"Records": [first]})).await;
    assert_eq!((again, cloud.desk.tickets().len()), (json!({"batchItemFailures": []}), 3));
    let log = worker.output();
    assert_nothing_private(
        &log,
        webhook.private_texts().into_iter().chain(["ORD-20250730-0101".to_owned()]),
    );
    assert_eq!(line(&log, "message not done")["reason"], "the message cannot be read");
    let record = record(&log, "evt-webhook-1");

    assert_eq!(
        [&record["Route"], &record["status"], &record["Created"]],
        [&json!("queue"), &json!("Created"), &json!(1)]
    );
}

#[tokio::test]
async fn without_parameters_every_handoff_is_refused() {
    let cloud = Cloud::empty("rie-empty").await;
    let mut function = cloud.function(api()).await;
    let handoff: Value = serde_json::from_str(&ANSWERS[0].event()).unwrap();
    assert_eq!(function.invoke(&handoff).await["statusCode"], 401);
    let mut health = handoff;
    health["rawPath"] = json!("/healthz");
    health["requestContext"]["http"] = json!({"method": "GET", "path": "/healthz"});
    let answer = function.invoke(&health).await;
    assert_eq!((&answer["statusCode"], &body(&answer)["status"]), (&json!(503), &json!(503)));

    assert!(cloud.desk.requests().is_empty());
}

#[tokio::test]
async fn wrong_environment_ends_start_with_all_errors() {
    for bootstrap in [api(), worker()] {
        let mut function = Rie::start(
            bootstrap,
            &[(setting::MODE, "dry"), (setting::DESK_BASE_URL, "http://desk.example")],
        )
        .await;
        function.invoke(&json!({})).await;
        let log = function.output();
        for name in [
            setting::APP_IDS,
            setting::MODE,
            setting::DESK_BASE_URL,
            setting::QUEUE_URL,
            setting::TABLE_NAME,
        ] {
            assert!(log.contains(name), "{name} is not named:\n{log}");
        }
    }
}

#[tokio::test]
async fn impossible_event_is_answered_and_process_lives() {
    let cloud = Cloud::new("rie-odd").await;
    let mut function = cloud.function(api()).await;
    let mut ordinary: Value = serde_json::from_str(&ANSWERS[0].event()).unwrap();
    ordinary["rawPath"] = json!("/handoffs/preview");
    for (odd, status) in [
        (json!({"body": "%", "isBase64Encoded": true}), 401),
        (json!({"headers": {"host": "[", "x-forwarded-proto": "no protocol"}}), 401),
        (json!({"rawPath": "\u{0} \u{e9}"}), 404),
        (json!({"rawQueryString": "app_id=\u{e9} \r\n"}), 404),
    ] {
        let mut event = ordinary.clone();
        odd.as_object().unwrap().iter().for_each(|(name, value)| event[name] = value.clone());
        assert_eq!(function.invoke(&event).await["statusCode"], status, "{odd}");
    }
    for no_event in [json!(null), json!(["no event"]), json!({"requestContext": 5})] {
        assert!(function.invoke(&no_event).await["errorType"].is_string(), "{no_event}");
    }
    assert_eq!(function.invoke(&ordinary).await["statusCode"], 200);

    assert!(!function.output().contains("panicked"));
}
