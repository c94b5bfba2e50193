//! What one run lives in: an embedded Desk, queues, table and parameters in moto, and several
//! instances of the shipped receiver in this process.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use desk_emulator::{Behaviour, Emulator, Setup};
use desk_handoff::app::{App, Health, PAUSE};
use desk_handoff::aws::dynamodb::Dynamodb;
use desk_handoff::aws::sqs::Sqs;
use desk_handoff::aws::ssm::Ssm;
use desk_handoff::aws::{Environment, SharedClient};
use desk_handoff::config::Config;
use desk_handoff::desk::transport::HttpTransport;
use desk_handoff::http_client;
use desk_handoff::metrics::Metrics;
use desk_handoff::names::{aws, parameter, setting};
use desk_handoff::queue::{Queue, QueueEntry};
use desk_handoff::secrets::Secrets;
use desk_handoff::store::{BoxFuture, StoreError};
use fastrand::Rng;
use tokio::time::Instant;

use crate::cloud::Queues;
use crate::fixtures::desk_of;
use crate::harness::moto;
use crate::harness::rie::Rie;
use crate::harness::setup::{make_table, put_parameter};
use crate::journal::Journal;
use crate::kills::Kills;
use crate::script::Script;
use crate::sizes::Sizes;

pub(crate) const APP: &str = "CHAOS-APP-0001";
pub(crate) const SIGNING_SECRET: &str = "chaos-signing-secret";
/// The example, without a grace: nothing here waits for a ticket of Desk's own.
fn fields() -> String {
    crate::fixtures::without_grace(include_str!("../../fields.example.json"))
}

const TOKEN: &str = "chaos-desk-token";
/// How long a worker's invocation may take, in seconds; a lease outlives it by two.
const FUNCTION_TIMEOUT: &str = "8";
/// Instances of the receiver, each with a cache of its own.
const RECEIVERS: usize = 3;

/// What is particular to one test.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    /// Keeps the worlds of one moto apart.
    pub(crate) name: &'static str,
    /// Whether Desk's calls go wrong at random.
    pub(crate) stormy: bool,
    /// Messages of each kind that cannot be done.
    pub(crate) undoable: usize,
    /// How often a message is received before it is dead.
    pub(crate) max_receives: u32,
}

pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) sizes: Sizes,
    pub(crate) script: Script,
    pub(crate) desk: Emulator,
    pub(crate) queues: Queues,
    pub(crate) receivers: Vec<App>,
    pub(crate) journal: Journal,
    pub(crate) kills: Kills,
    /// Calls that were to go wrong.
    pub(crate) faults: AtomicUsize,
    /// Deliveries begun so far.
    pub(crate) begun: AtomicUsize,
    settled: AtomicBool,
}

/// The shipped adapter, waiting for its turn.
struct Patient(Sqs, Queues);

impl Queue for Patient {
    fn send<'a>(&'a self, entry: &'a QueueEntry) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async {
            let _turn = self.1.turn.lock().await;
            self.0.send(entry).await
        })
    }

    fn change_visibility<'a>(
        &'a self,
        receipt_handle: &'a str,
        seconds: u32,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.0.change_visibility(receipt_handle, seconds)
    }
}

impl World {
    pub(crate) async fn new(scenario: Scenario, sizes: Sizes) -> Self {
        let Scenario { name, undoable, max_receives, .. } = scenario;
        let script = Script::new(&sizes, undoable);
        let desk = Emulator::start(desk()).await.unwrap();
        script.users().into_iter().for_each(|user| desk.add_chat_user(user));
        let client = http_client::new().unwrap();

        for (parameter, value) in [
            (parameter::DESK_API_TOKEN, TOKEN),
            (parameter::CHAT_API_TOKEN, "emulator-chat-token"),
            (parameter::SIGNING_SECRET, SIGNING_SECRET),
            (parameter::FIELDS, &fields()),
        ] {
            put_parameter(&client, &format!("/{name}/{APP}/{parameter}"), value).await;
        }
        make_table(&client, name).await;
        let queues = Queues::make(&client, name, max_receives).await;
        let mut world = Self {
            kills: Kills::new(sizes.kills),
            scenario,
            sizes,
            script,
            desk,
            queues,
            receivers: Vec::new(),
            journal: Journal::default(),
            faults: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
            settled: AtomicBool::new(false),
        };
        world.receivers = (0..RECEIVERS).map(|_| world.receiver()).collect();

        world
    }

    /// The settings of every function of this world.
    fn settings(&self) -> Vec<(&'static str, String)> {
        [
            (setting::APP_IDS, APP),
            // How fast Desk may be asked is none of this test's questions, and costs it minutes.
            (setting::DESK_RATE, "1000"),
            (setting::PARAMETER_PREFIX, &format!("/{}", self.scenario.name)),
            (setting::DESK_BASE_URL, &self.desk.desk_url()),
            (setting::CHAT_BASE_URL, &self.desk.chat_url()),
            (setting::QUEUE_URL, &self.queues.url),
            (setting::TABLE_NAME, self.scenario.name),
            (setting::LOG_LEVEL, "info"),
            (aws::REGION, "eu-central-1"),
            (aws::ACCESS_KEY_ID, "test"),
            (aws::SECRET_ACCESS_KEY, "test"),
            (aws::ENDPOINT_URL, moto::endpoint()),
            ("AWS_LAMBDA_FUNCTION_TIMEOUT", FUNCTION_TIMEOUT),
        ]
        .map(|(setting, value)| (setting, value.to_owned()))
        .into()
    }

    fn receiver(&self) -> App {
        let settings = self.settings();
        let lookup = |name: &str| {
            settings.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())
        };
        let config = Config::from_lookup(lookup).unwrap();
        let aws = Environment::from_lookup(lookup).unwrap();
        let client = http_client::new().unwrap();
        let shared = SharedClient(client.clone());
        let sqs = Sqs::new(&aws, shared.clone(), self.queues.url.clone());
        let claims = Box::new(Dynamodb::new(&aws, shared.clone(), self.scenario.name.to_owned()));
        let secrets = Secrets::new(Box::new(Ssm::new(&aws, shared)), &config);
        let queue = Box::new(Patient(sqs, self.queues.clone()));
        let transport = Box::new(HttpTransport(client));

        App {
            config,
            secrets,
            transport,
            queue,
            claims,
            metrics: Metrics::new(Box::new(())),
            pause: PAUSE,
            pace: None,
            health: Health::default(),
            waits_for_desk: true,
        }
    }

    /// The built worker, ready for its first invocation.
    pub(crate) async fn worker(&self) -> Rie {
        let settings = self.settings();
        let settings: Vec<(&str, &str)> =
            settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Rie::start(env!("CARGO_BIN_EXE_worker"), &settings).await
    }

    /// Chance for one part of the run, the same for the same seed.
    pub(crate) fn chance(&self, part: u64) -> Rng {
        Rng::with_seed(self.sizes.seed ^ (part + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// How much of the script has been begun, 0 to 1.
    pub(crate) fn progress(&self) -> f64 {
        self.begun.load(Ordering::Relaxed) as f64 / self.script.deliveries.len() as f64
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Relaxed)
    }

    /// Lets nothing go wrong any more, and returns when nothing is left on the queue; fails the
    /// test if that takes too long.
    pub(crate) async fn settle(&self) {
        self.desk.clear_faults();
        // A create in doubt is waited for a minute, and a killed worker may leave one twice.
        let patience = Duration::from_secs(240 + self.sizes.conversations as u64);
        let until = Instant::now() + patience;

        loop {
            let depth = self.queues.depth().await;
            if depth == 0 {
                break;
            }
            assert!(
                Instant::now() < until,
                "{depth} messages are still on the queue\n{}",
                self.journal.tail()
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }

        self.settled.store(true, Ordering::Relaxed);
    }
}

fn desk() -> Setup {
    let behaviour = Behaviour { any_chat_user: false, ..Behaviour::default() };
    Setup { desk_token: TOKEN.into(), behaviour, ..desk_of(&fields()) }
}
