//! How much the workers can take: handoffs a second while the queue is full, and what an hour
//! without Desk leaves behind.
//!
//! The shipped `api` fills the queue and the shipped `worker` empties it, in virtual time. As on
//! Lambda each worker is a process with a [`Pace`] of its own, and has one message at a time. Every
//! call of Desk and of the table takes a fixed time. No network is slow by chance here and nothing
//! is judged; that is what the worlds are for.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use desk_emulator::{Emulator, FieldDefinition, FieldKind, Seed, Setup};
use desk_handoff::app::{App, Health, Invocation, PAUSE};
use desk_handoff::auth::sign;
use desk_handoff::claims::{Acquired, ClaimRequest, Claims, Customer, Item, Lease, Memory};
use desk_handoff::desk::Pace;
use desk_handoff::desk::transport::{Transport, TransportError};
use desk_handoff::http_client::CONNECT_TIMEOUT;
use desk_handoff::metrics::{Metrics, Record, Refusals, Sink};
use desk_handoff::queue::{Queue, QueueEntry};
use desk_handoff::secrets::{Parameter, ParameterStore, Secrets};
use desk_handoff::store::{BoxFuture, StoreError};
use desk_handoff::{api, worker};
use desk_handoff_judge::history::{EPOCH, Millis};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::product::{API_TIME, SECRET, WORKER_TIME, config, event_of, parameters};
use crate::queue::Fifo;

/// How long every call to Desk takes: the Desk of the costs in docs/performance.md.
pub const DESK_CALL: Duration = Duration::from_millis(250);
/// How long every call of the table takes: likewise.
pub const TABLE_CALL: Duration = Duration::from_millis(5);
/// How long Desk is out of reach in [`outage`].
pub const OUTAGE: Duration = Duration::from_secs(60 * 60);

/// When Desk goes: after that the workers have spent the calls that they had at the start.
const BEFORE: Duration = Duration::from_secs(60);
/// After so long without an end the settings are too small for what arrives.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);
/// How often a worker without work looks for some.
const POLL: Duration = Duration::from_millis(100);
/// How many handoffs of a kind are timed, and how many before them are not.
const TIMED: usize = 250;
const NOT_TIMED: usize = 50;
const TOKEN: &str = "capacity-desk-token";

tokio::task_local! {
    /// Whose handoff is taken or worked on.
    static CUSTOMER: usize;
}

/// What bounds it: two parameters of template.yaml, and a part of the `fields` document.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// `DeskRate`.
    pub desk_rate: f64,
    /// `WorkerConcurrency`.
    pub workers: usize,
    /// `desk.lists_are_current`.
    pub lists_are_current: bool,
}

/// What is done of a queue that is never empty.
#[derive(Debug, Clone, Copy)]
pub struct Throughput {
    /// Handoffs a second, each a new ticket of a customer that Desk knows.
    pub creates: f64,
    /// Handoffs a second, each of a conversation that was handed off before.
    pub updates: f64,
    /// Calls to Desk for each of the former.
    pub calls_a_create: f64,
    /// Calls to Desk for each of the latter.
    pub calls_an_update: f64,
}

/// What an hour without Desk leaves behind.
#[derive(Debug, Clone, Copy)]
pub struct Outage {
    /// How many handoffs are on the queue at its end.
    pub backlog: usize,
    /// How long after its end nothing waits any more, while more go on arriving.
    pub drained: Duration,
    /// How many were given up.
    pub dead: usize,
}

/// Fills the queue with creates, then with as many updates, and times the work.
pub fn throughput(settings: Settings) -> Throughput {
    run(async {
        let site = Site::new(Duration::ZERO..Duration::ZERO, settings);
        let api = app(&site, None);
        for number in (0..NOT_TIMED + TIMED).chain(0..NOT_TIMED + TIMED) {
            arrive(&site, &api, number).await;
        }
        let workers = start(&site, settings);
        site.until_drained(0).await;
        drop(workers);

        let done = lock(&site.done);
        let (creates, calls_a_create) = rate(&done[..NOT_TIMED + TIMED]);
        let (updates, calls_an_update) = rate(&done[NOT_TIMED + TIMED..]);
        Throughput { creates, updates, calls_a_create, calls_an_update }
    })
}

/// Lets so many handoffs a second arrive, takes Desk away for [`OUTAGE`], and waits until the queue
/// has recovered.
pub fn outage(settings: Settings, arrivals: f64) -> Outage {
    run(async {
        let site = Site::new(BEFORE..BEFORE + OUTAGE, settings);
        let workers = start(&site, settings);
        let arriving = tokio::spawn(arrive_steadily(Arc::clone(&site), arrivals));
        sleep_until(site.began + BEFORE + OUTAGE).await;
        let backlog = lock(&site.queue).len();

        let end = Instant::now();
        // What is being worked on does not wait.
        site.until_drained(settings.workers).await;
        let drained = end.elapsed();
        arriving.abort();
        drop(workers);
        Outage { backlog, drained, dead: site.dead.load(Ordering::Relaxed) }
    })
}

fn run<T>(work: impl Future<Output = T>) -> T {
    // The jitter of repeated calls comes from this thread's generator.
    fastrand::seed(17);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime of one thread can be made").block_on(work)
}

/// Handoffs a second and calls a handoff, of handoffs that were done one after the other.
fn rate(done: &[(Instant, usize)]) -> (f64, f64) {
    let (first, last) = (done[NOT_TIMED - 1], done[done.len() - 1]);
    let handoffs = (done.len() - NOT_TIMED) as f64;
    let seconds = last.0.duration_since(first.0).as_secs_f64();
    (handoffs / seconds, (last.1 - first.1) as f64 / handoffs)
}

// --- those who send and those who work ---

/// A signed webhook of a customer that Desk knows.
async fn arrive(site: &Arc<Site>, api: &App, customer: usize) {
    let user = format!("customer_{customer}");
    let nth = site.sent.fetch_add(1, Ordering::Relaxed);
    site.introduce(customer, &user);
    let conversation = json!({"id": customer.to_string(), "user_id": user, "channel_url": format!("channel_{customer}")});
    let body = json!({"event_id": format!("event-{nth}"), "conversation": conversation, "context": {"order-id": format!("ORD-{nth}")}});
    let body = body.to_string().into_bytes();

    let request = http::Request::post("/webhooks/handoff")
        .header("x-sendbird-signature", sign(&body, SECRET))
        .body(body.into())
        .expect("the request is well-formed");
    let invocation = Invocation::new("capacity", site.time_of_day(), API_TIME);
    let invocation = invocation.received_at(EPOCH + site.millis());
    let answer = CUSTOMER.scope(customer, api::handle(api, &request, &invocation)).await;
    assert!(answer.status().is_success(), "the handoff is put on the queue: {answer:?}");
}

async fn arrive_steadily(site: Arc<Site>, a_second: f64) {
    let api = app(&site, None);
    for customer in 0.. {
        let due = Duration::from_secs_f64(customer as f64 / a_second);
        sleep_until(site.began + due).await;
        arrive(&site, &api, customer).await;
    }
}

fn start(site: &Arc<Site>, settings: Settings) -> JoinSet<()> {
    let share = settings.desk_rate / settings.workers as f64;
    (0..settings.workers).map(|_| serve(Arc::clone(site), share)).collect()
}

/// One process of the worker: a message at a time.
async fn serve(site: Arc<Site>, calls_a_second: f64) {
    let app = app(&site, Some(Pace::new(calls_a_second)));
    loop {
        let (message, dead) = lock(&site.queue).receive(site.now());
        site.dead.fetch_add(dead.len(), Ordering::Relaxed);
        let Some(message) = message else {
            sleep(POLL).await;
            continue;
        };

        let invocation = Invocation::new("capacity", site.time_of_day(), WORKER_TIME);
        let work = worker::handle(&app, event_of(&message), &invocation);
        let answer = CUSTOMER.scope(message.handoff, work).await;
        if answer.batch_item_failures.is_empty() {
            lock(&site.queue).delete(message.id);
            lock(&site.done).push((Instant::now(), site.calls.load(Ordering::Relaxed)));
        }
    }
}

fn app(site: &Arc<Site>, pace: Option<Pace>) -> App {
    let config = config();
    App {
        secrets: Secrets::new(Box::new(Shared(Arc::clone(site))), &config),
        config,
        transport: Box::new(Shared(Arc::clone(site))),
        queue: Box::new(Shared(Arc::clone(site))),
        claims: Box::new(Shared(Arc::clone(site))),
        metrics: Metrics::new(Box::new(NoRecords)),
        pause: PAUSE,
        pace,
        health: Health::default(),
        waits_for_desk: true,
    }
}

// --- what they share ---

struct Site {
    /// A Desk for each customer: one for all would search through all for every call.
    desks: Mutex<HashMap<usize, Arc<Emulator>>>,
    began: Instant,
    /// When Desk is out of reach.
    down: Range<Duration>,
    lists_are_current: bool,
    queue: Mutex<Fifo>,
    claims: Memory,
    sent: AtomicUsize,
    calls: AtomicUsize,
    /// When each handoff was done, and how many calls to Desk there had been by then.
    done: Mutex<Vec<(Instant, usize)>>,
    dead: AtomicUsize,
}

impl Site {
    fn new(down: Range<Duration>, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            desks: Mutex::default(),
            began: Instant::now(),
            down,
            lists_are_current: settings.lists_are_current,
            queue: Mutex::default(),
            claims: Memory::default(),
            sent: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
            done: Mutex::default(),
            dead: AtomicUsize::new(0),
        })
    }

    fn now(&self) -> Millis {
        Millis::try_from(self.began.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }

    fn millis(&self) -> i64 {
        i64::try_from(self.now()).unwrap_or(0)
    }

    fn time_of_day(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(EPOCH.unsigned_abs() + self.now())
    }

    /// Lets Desk know a customer: by a ticket that is closed.
    fn introduce(&self, customer: usize, user: &str) {
        lock(&self.desks).entry(customer).or_insert_with(|| {
            let desk = Emulator::in_process(Setup {
                desk_token: TOKEN.to_owned(),
                fields: vec![FieldDefinition::new("order-id", FieldKind::Text)],
                ..Setup::default()
            });
            let status = "CLOSED".to_owned();
            desk.seed_ticket(Seed { sendbird_id: user.to_owned(), status, ..Seed::default() });
            Arc::new(desk)
        });
    }

    /// The Desk of the customer whose handoff is worked on.
    fn desk(&self) -> Option<Arc<Emulator>> {
        let customer = CUSTOMER.try_get().ok()?;
        lock(&self.desks).get(&customer).cloned()
    }

    async fn until_drained(&self, in_work: usize) {
        while lock(&self.queue).len() > in_work {
            assert!(self.began.elapsed() < PATIENCE, "the workers fall behind for good");
            sleep(Duration::from_secs(1)).await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Shared(Arc<Site>);

impl Transport for Shared {
    fn send(
        &self,
        request: http::Request<Vec<u8>>,
        _: Duration,
    ) -> BoxFuture<'_, Result<http::Response<Vec<u8>>, TransportError>> {
        Box::pin(async move {
            let site = &self.0;
            site.calls.fetch_add(1, Ordering::Relaxed);
            if site.down.contains(&site.began.elapsed()) {
                // The longest that a failed call holds a worker up.
                sleep(CONNECT_TIMEOUT).await;
                return Err(TransportError::Unreachable);
            }
            sleep(DESK_CALL).await;
            site.desk().map(|desk| desk.call(request)).ok_or(TransportError::Unreachable)
        })
    }
}

impl Queue for Shared {
    fn send<'a>(&'a self, entry: &'a QueueEntry) -> BoxFuture<'a, Result<(), StoreError>> {
        let customer = CUSTOMER.try_get().unwrap_or(usize::MAX);
        lock(&self.0.queue).send(entry, customer, self.0.now());
        Box::pin(std::future::ready(Ok(())))
    }

    fn change_visibility<'a>(
        &'a self,
        handle: &'a str,
        seconds: u32,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let id = handle.parse().unwrap_or(0);
        lock(&self.0.queue).change_visibility(id, seconds, self.0.now());
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Claims for Shared {
    fn acquire<'a>(
        &'a self,
        request: &'a ClaimRequest,
    ) -> BoxFuture<'a, Result<Acquired, StoreError>> {
        Box::pin(async move {
            sleep(TABLE_CALL).await;
            self.0.claims.acquire(request).await
        })
    }

    fn give_back<'a>(
        &'a self,
        lease: Lease,
        customer: &'a Customer,
        now: u64,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            sleep(TABLE_CALL).await;
            self.0.claims.give_back(lease, customer, now).await
        })
    }

    fn read<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Item>, StoreError>> {
        self.0.claims.read(key)
    }
}

impl ParameterStore for Shared {
    fn by_path<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<Parameter>, StoreError>> {
        let rules = json!({
            "fields": [{"key": "order-id", "type": "text"}],
            // Without the wait for a ticket of Desk's own: it would keep handoffs on the queue all along.
            "ticket": {"grace_seconds": 0},
            "desk": {"lists_are_current": self.0.lists_are_current}
        });
        Box::pin(std::future::ready(Ok(parameters(TOKEN.to_owned(), &rules))))
    }
}

struct NoRecords;

impl Sink for NoRecords {
    fn record(&self, _: &Record) {}

    fn refusals(&self, _: &Refusals, _: SystemTime) {}
}
