//! The shipped code, put into a world: with `capacity`, the only file that names its types.

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use desk_handoff::app::{App, Health, Invocation, PAUSE};
use desk_handoff::auth::sign;
use desk_handoff::claims::{Acquired, ClaimRequest, Claims, Customer, Item, Lease, Memory};
use desk_handoff::config::Config;
use desk_handoff::desk::Pace;
use desk_handoff::desk::transport::{Transport, TransportError};
use desk_handoff::metrics::{Metrics, Record, Refusals, Sink, WorkStatus};
use desk_handoff::queue::{Queue, QueueEntry};
use desk_handoff::report::Status;
use desk_handoff::secrets::{Parameter, ParameterStore, Secrets};
use desk_handoff::store::{BoxFuture, StoreError};
use desk_handoff::{api, worker};
use desk_handoff_judge::history::What;
use serde_json::Value;

use crate::queue::Message;
use crate::scenario::Store;
use crate::world::{ATTEMPT, Lost, World};

/// The application of every world.
pub(crate) const APP: &str = "SIM-APP";
pub(crate) const SECRET: &str = "simulated-signing-secret";
/// What the `api` function has for one invocation, its margin taken off.
pub(crate) const API_TIME: Duration = Duration::from_secs(28);
/// What the `worker` function has, likewise.
pub(crate) const WORKER_TIME: Duration = Duration::from_secs(57);

/// The shipped code in this world.
pub(crate) fn app(world: &Arc<World>) -> App {
    let config = config();
    App {
        secrets: Secrets::new(Box::new(Parameters(Arc::clone(world))), &config),
        config,
        transport: Box::new(Wire(Arc::clone(world))),
        queue: Box::new(SendQueue(Arc::clone(world))),
        claims: Box::new(Table(Arc::clone(world), Memory::default())),
        metrics: Metrics::new(Box::new(Records(Arc::clone(world)))),
        pause: PAUSE,
        pace: Some(Pace::new(2.5)),
        health: Health::default(),
        waits_for_desk: true,
    }
}

pub(crate) fn config() -> Config {
    let config = Config::from_lookup(|name| match name {
        "APP_IDS" => Some(APP.to_owned()),
        "DESK_BASE_URL" => Some("http://127.0.0.1:9/platform/v1".to_owned()),
        "CHAT_BASE_URL" => Some("http://127.0.0.1:9/v3".to_owned()),
        _ => None,
    });
    config.expect("the settings are usable")
}

/// The answer to a signed request, as the `api` function gives it.
pub(crate) async fn request(
    world: &Arc<World>,
    app: &App,
    path: &str,
    body: &[u8],
    is_async: bool,
) -> (u16, Value) {
    let mut request = http::Request::post(path).header("x-sendbird-signature", sign(body, SECRET));
    if is_async {
        request = request.header("prefer", "respond-async");
    }
    let request = request.body(body.to_vec().into()).expect("the request is well-formed");
    let invocation = Invocation::new("simulated", world.time_of_day(), API_TIME);
    let response = api::handle(app, &request, &invocation.received_at(world.millis_of_day())).await;
    let status = response.status().as_u16();
    (status, serde_json::from_slice(response.body()).unwrap_or_default())
}

/// Whether the `worker` function does this message.
pub(crate) async fn deliver(world: &Arc<World>, app: &App, message: &Message) -> bool {
    let invocation = Invocation::new("simulated", world.time_of_day(), WORKER_TIME);
    worker::handle(app, event_of(message), &invocation).await.batch_item_failures.is_empty()
}

/// A message as Lambda hands it to the worker.
pub(crate) fn event_of(message: &Message) -> SqsEvent {
    let mut record = SqsMessage::default();
    record.message_id = Some(message.id.to_string());
    record.receipt_handle = Some(message.id.to_string());
    record.body = Some(message.entry.body.clone());
    let sent = desk_handoff_judge::history::EPOCH + i64::try_from(message.sent).unwrap_or(0);
    record.attributes = [
        ("MessageGroupId".to_owned(), message.entry.group.clone()),
        ("ApproximateReceiveCount".to_owned(), message.receives.to_string()),
        ("SentTimestamp".to_owned(), sent.to_string()),
    ]
    .into();

    let mut event = SqsEvent::default();
    event.records = vec![record];
    event
}

struct Wire(Arc<World>);

impl Transport for Wire {
    fn send(
        &self,
        request: http::Request<Vec<u8>>,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<http::Response<Vec<u8>>, TransportError>> {
        Box::pin(async move {
            self.0.carry(request, timeout).await.map_err(|lost| match lost {
                Lost::Unreachable => TransportError::Unreachable,
                Lost::Interrupted => TransportError::Interrupted,
                Lost::TimedOut => TransportError::TimedOut,
            })
        })
    }
}

struct SendQueue(Arc<World>);

impl Queue for SendQueue {
    fn send<'a>(&'a self, entry: &'a QueueEntry) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let world = &self.0;
            world.wait(false).await;
            let fault = world.store_fault(Store::Enqueue);
            if fault != Some(false) {
                let handoff = ATTEMPT.try_with(|attempt| attempt.handoff).unwrap_or(usize::MAX);
                world.queue().send(entry, handoff, world.now());
                world.record(What::Enqueued(handoff));
                world.changed.notify_one();
            }
            world.wait(true).await;
            match fault {
                Some(_) => Err(broken("the queue")),
                None => Ok(()),
            }
        })
    }

    fn change_visibility<'a>(
        &'a self,
        receipt_handle: &'a str,
        seconds: u32,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.0.wait(false).await;
            let id = receipt_handle.parse().unwrap_or(0);
            self.0.queue().change_visibility(id, seconds, self.0.now());
            Ok(())
        })
    }
}

struct Table(Arc<World>, Memory);

impl Claims for Table {
    fn acquire<'a>(
        &'a self,
        request: &'a ClaimRequest,
    ) -> BoxFuture<'a, Result<Acquired, StoreError>> {
        Box::pin(async move {
            self.0.wait(false).await;
            match self.0.store_fault(Store::Claim) {
                // Done, and told as a failure: so it looks where only the answer is lost.
                Some(true) => {
                    let _ = self.1.acquire(request).await;
                    self.0.wait(true).await;
                    Err(broken("the claims table"))
                }
                Some(false) => Err(broken("the claims table")),
                None => {
                    let acquired = self.1.acquire(request).await;
                    self.0.wait(true).await;
                    acquired
                }
            }
        })
    }

    fn give_back<'a>(
        &'a self,
        permit: Lease,
        customer: &'a Customer,
        now: u64,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.0.wait(false).await;
            match self.0.store_fault(Store::GiveBack) {
                Some(true) => {
                    let _ = self.1.give_back(permit, customer, now).await;
                    self.0.wait(true).await;
                    Err(broken("the claims table"))
                }
                Some(false) => Err(broken("the claims table")),
                None => {
                    let given = self.1.give_back(permit, customer, now).await;
                    self.0.wait(true).await;
                    given
                }
            }
        })
    }

    fn read<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Item>, StoreError>> {
        self.1.read(key)
    }
}

struct Parameters(Arc<World>);

impl ParameterStore for Parameters {
    fn by_path<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<Parameter>, StoreError>> {
        let parameters = parameters(self.0.token(), &self.0.scenario.rules);
        Box::pin(std::future::ready(Ok(parameters)))
    }
}

/// What Parameter Store holds of the application.
pub(crate) fn parameters(desk_token: String, rules: &Value) -> Vec<Parameter> {
    let values = [
        ("desk-api-token", desk_token),
        ("chat-api-token", "emulator-chat-token".to_owned()),
        ("signing-secret", SECRET.to_owned()),
        ("fields", rules.to_string()),
    ];
    values.map(|(name, value)| Parameter { name: name.into(), value: value.into() }).into()
}

struct Records(Arc<World>);

impl Sink for Records {
    fn record(&self, record: &Record) {
        // Judged like a log line: no value may be in a record.
        self.0.record(What::Output(format!("{record:?}")));
        let is_done = matches!(
            record.status,
            WorkStatus::Done(Status::Created | Status::Updated | Status::Unchanged)
        );
        if is_done && let Ok(attempt) = ATTEMPT.try_with(|attempt| attempt.number) {
            self.0.record(What::Recorded(attempt, record.other_open_tickets));
        }
    }

    fn refusals(&self, _: &Refusals, _: std::time::SystemTime) {}
}

fn broken(store: &'static str) -> StoreError {
    StoreError { store, reason: "simulated".to_owned() }
}
