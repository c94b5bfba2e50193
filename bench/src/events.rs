//! The events of the measured routes, made from the samples in events/: each signed, each new.

use std::sync::atomic::{AtomicU64, Ordering};

use desk_handoff::auth::sign;
use desk_handoff::names::header;
use serde_json::{Value, json};

/// The application of the samples.
pub(crate) const APP: &str = "DEMO-APP-0001";
/// The published local-only secret that the samples are signed with.
pub(crate) const SECRET: &str = "local-only-signing-secret";

/// Whom a handoff is about. Their user id, their conversation and its channel have one name; their
/// customer in Desk and their ticket have one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Person {
    /// Has a ticket that was written to before, handoff after handoff.
    Known(u64),
    /// Has a ticket that this software has not met yet.
    There(u64),
    /// Has none.
    New(u64),
}

impl Person {
    /// Apart by more than there are events in a run.
    const STEP: u64 = 100_000_000;

    pub(crate) fn named(name: &str) -> Option<Self> {
        let (kind, number) = name.split_once('-')?;
        let number = number.parse().ok()?;
        match kind {
            "known" => Some(Self::Known(number)),
            "there" => Some(Self::There(number)),
            "new" => Some(Self::New(number)),
            _ => None,
        }
    }

    pub(crate) fn numbered(number: u64) -> Option<Self> {
        let kind = [Self::Known, Self::There, Self::New];
        let place = usize::try_from(number / Self::STEP).ok()?;
        kind.get(place).map(|kind| kind(number % Self::STEP))
    }

    pub(crate) fn name(self) -> String {
        match self {
            Self::Known(number) => format!("known-{number}"),
            Self::There(number) => format!("there-{number}"),
            Self::New(number) => format!("new-{number}"),
        }
    }

    pub(crate) fn number(self) -> u64 {
        match self {
            Self::Known(number) => number,
            Self::There(number) => Self::STEP + number,
            Self::New(number) => 2 * Self::STEP + number,
        }
    }

    /// The title of a ticket that this software made for them.
    pub(crate) fn title(self) -> String {
        format!("AI handoff {}", self.number())
    }
}

/// What is asked of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Webhook,
    Create,
    UpdateKnown,
    UpdateUnknown,
    Preview,
    /// A batch of so many conversations, each known.
    Batch(u64),
}

impl Route {
    pub(crate) const OF_API: [Self; 5] =
        [Self::Webhook, Self::Create, Self::UpdateKnown, Self::UpdateUnknown, Self::Preview];
    /// What the floor makes the calls of.
    pub(crate) const OF_FLOOR: [Self; 3] = [Self::Webhook, Self::Create, Self::UpdateKnown];
    pub(crate) const OF_WORKER: [Self; 2] = [Self::Batch(1), Self::Batch(10)];

    pub(crate) fn name(self) -> String {
        match self {
            Self::Webhook => "webhook".to_owned(),
            Self::Create => "direct, create".to_owned(),
            Self::UpdateKnown => "direct, update, known".to_owned(),
            Self::UpdateUnknown => "direct, update, unknown".to_owned(),
            Self::Preview => "preview".to_owned(),
            Self::Batch(size) => format!("worker, batch of {size}"),
        }
    }

    /// How many handoffs an event holds.
    pub(crate) fn handoffs(self) -> u64 {
        if let Self::Batch(size) = self { size } else { 1 }
    }

    /// Part of every answer that is as it should be.
    pub(crate) fn sign_of_success(self) -> &'static str {
        match self {
            Self::Webhook => r#"\"queued\""#,
            Self::Create => r#"\"created\""#,
            Self::UpdateKnown | Self::UpdateUnknown => r#"\"updated\""#,
            Self::Preview => r#"\"preview\""#,
            Self::Batch(_) => r#""batchItemFailures":[]"#,
        }
    }

    /// An event like no other.
    pub(crate) fn event(self) -> Vec<u8> {
        self.event_about(Person::Known(1))
    }

    /// The same, about a ticket of the floor's own: its writes would be a human's to ours.
    pub(crate) fn event_of_floor(self) -> Vec<u8> {
        self.event_about(Person::Known(2))
    }

    fn event_about(self, known: Person) -> Vec<u8> {
        let number = next();
        let (new, there) = (Person::New(number), Person::There(number));
        match self {
            Self::Webhook => request("/webhooks/handoff", &body(number, new)),
            Self::Create => request("/handoffs", &body(number, new)),
            Self::UpdateKnown => request("/handoffs", &body(number, known)),
            Self::UpdateUnknown => request("/handoffs", &body(number, there)),
            Self::Preview => request("/handoffs/preview", &body(number, there)),
            Self::Batch(size) => batch(size),
        }
        .to_string()
        .into_bytes()
    }
}

/// A direct handoff as large as the API takes it: 256 KiB, of keys that no field has.
pub(crate) fn largest() -> Vec<u8> {
    let number = next();
    let mut body = body(number, Person::There(number));
    let context = &mut body["data"]["conversation"]["ai_agent_context"]["context"];
    let text = "x".repeat(400);
    for key in 0..590 {
        context[format!("key-{key}")] = json!(text);
    }
    request("/handoffs", &body).to_string().into_bytes()
}

fn next() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

fn sample() -> Value {
    serde_json::from_str(include_str!("../../events/handoff.json")).expect("the sample is JSON")
}

/// The sample's body as an event of its own, with another order, about this person.
fn body(number: u64, person: Person) -> Value {
    let sample = sample();
    let text = sample["body"].as_str().expect("the sample has a body");
    let mut body: Value = serde_json::from_str(text).expect("the sample's body is JSON");
    body["id"] = json!(format!("bench-{number}"));
    let conversation = &mut body["data"]["conversation"];
    conversation["id"] = json!(person.number());
    conversation["channel_url"] = json!(person.name());
    conversation["user_id"] = json!(person.name());
    conversation["ai_agent_context"]["context"]["order-id"] = json!(format!("ORD-{number}"));
    body
}

fn request(path: &str, body: &Value) -> Value {
    let body = body.to_string();
    let mut event = sample();
    event["rawPath"] = json!(path);
    event["requestContext"]["http"]["path"] = json!(path);
    event["headers"][header::SENDBIRD_SIGNATURE] = json!(sign(body.as_bytes(), SECRET));
    event["headers"]["content-length"] = json!(body.len().to_string());
    event["body"] = json!(body);
    event
}

fn batch(size: u64) -> Value {
    let sample: Value = serde_json::from_str(include_str!("../../events/sqs-batch.json"))
        .expect("the sample is JSON");
    let records =
        (100..100 + size).map(|number| record(&sample["Records"][0], Person::Known(number)));
    json!({"Records": records.collect::<Vec<_>>()})
}

/// The sample's record as the message of an event of its own, about this person.
fn record(sample: &Value, person: Person) -> Value {
    let mut record = sample.clone();
    let text = record["body"].as_str().expect("the sample has a body");
    let mut message: Value = serde_json::from_str(text).expect("the sample's body is JSON");
    let (number, name) = (next(), person.name());
    message["handoff"]["event_id"] = json!(format!("bench-{number}"));
    message["handoff"]["user_id"] = json!(name);
    message["handoff"]["conversation"]["id"] = json!(person.number().to_string());
    message["handoff"]["conversation"]["channel_url"] = json!(name);
    message["handoff"]["context"] =
        body(number, person)["data"]["conversation"]["ai_agent_context"]["context"].take();
    // A group each: the worker is to work on all of a batch at once.
    record["attributes"]["MessageGroupId"] = json!(name);
    record["messageId"] = json!(format!("message-{number}"));
    record["body"] = json!(message.to_string());
    record
}
