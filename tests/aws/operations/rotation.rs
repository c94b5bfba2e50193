//! The signing secret is rotated by the page's commands while signed requests keep coming.
//!
//! The time of an invocation is an argument, so here five minutes are as many requests as fit into
//! them, and no waiting.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use desk_handoff::api;
use desk_handoff::app::{App, Health, Invocation, PAUSE};
use desk_handoff::auth::sign;
use desk_handoff::aws::SharedClient;
use desk_handoff::aws::dynamodb::Dynamodb;
use desk_handoff::aws::sqs::Sqs;
use desk_handoff::aws::ssm::Ssm;
use desk_handoff::config::Config;
use desk_handoff::desk::transport::HttpTransport;
use desk_handoff::http_client;
use desk_handoff::metrics::Metrics;
use desk_handoff::names::{header, setting};
use desk_handoff::secrets::{CACHE_TTL, Secrets};
use serde_json::json;

use super::{Deployed, SIGNING_SECRET};
use crate::bootstrap::{APP, Cloud, TOKEN};
use crate::claims::TABLE;
use crate::harness::moto;
use crate::harness::sdk::environment;

/// What is pasted, beside what [`Deployed`] needs.
pub(super) const PASTED: [&str; 3] = ["rotate-add", "rotate-drop", "rotate-undo"];
const NEW: &str = "the-new-signing-secret";
/// Between two rounds of requests.
const STEP: Duration = Duration::from_secs(60);

/// Several instances of the receiver, each with its own copy of the secrets, and the sender's
/// requests to them.
struct Traffic {
    receivers: Vec<App>,
    began: SystemTime,
    seconds: AtomicU64,
    /// What the senders sign with at the moment.
    secrets: Mutex<Vec<&'static str>>,
    sent: AtomicU64,
}

fn receiver(cloud: &Cloud) -> App {
    let prefix = format!("/{}", cloud.prefix);
    let lookup = |name: &str| match name {
        setting::APP_IDS => Some(APP.to_owned()),
        setting::PARAMETER_PREFIX => Some(prefix.clone()),
        _ => None,
    };

    let config = Config::from_lookup(lookup).unwrap();
    let (aws, client) = (environment(moto::endpoint()), http_client::new().unwrap());
    let shared = SharedClient(client.clone());
    let queue = Box::new(Sqs::new(&aws, shared.clone(), cloud.queues.url.clone()));
    let claims = Box::new(Dynamodb::new(&aws, shared.clone(), TABLE.to_owned()));
    let secrets = Secrets::new(Box::new(Ssm::new(&aws, shared)), &config);
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

impl Traffic {
    /// Whose copies of the secrets are of different ages.
    async fn new(cloud: &Cloud) -> Self {
        let receivers = (0..3).map(|_| receiver(cloud)).collect();
        let (began, secrets) = (SystemTime::now(), Mutex::new(vec![SIGNING_SECRET]));
        let traffic =
            Self { receivers, began, seconds: AtomicU64::new(0), secrets, sent: AtomicU64::new(0) };
        for receiver in &traffic.receivers {
            assert_eq!(traffic.send(receiver, SIGNING_SECRET).await, 200);
            traffic.seconds.fetch_add(CACHE_TTL.as_secs() / 3, Ordering::Relaxed);
        }
        traffic
    }

    /// One signed webhook, at the traffic's own time.
    async fn send(&self, receiver: &App, secret: &str) -> u16 {
        let nth = self.sent.fetch_add(1, Ordering::Relaxed);
        let body = json!({"event_id": format!("e-{nth}"), "conversation": {"id": nth.to_string(), "user_id": "u"}})
            .to_string();
        let request = http::Request::post("/webhooks/handoff");
        let request = request
            .header(header::SENDBIRD_SIGNATURE, sign(body.as_bytes(), secret))
            .body(body.into())
            .unwrap();
        let now = self.began + Duration::from_secs(self.seconds.load(Ordering::Relaxed));
        let invocation = Invocation::new("rotation", now, Duration::from_secs(20));

        api::handle(receiver, &request, &invocation).await.status().as_u16()
    }

    /// Every sender's request to every receiver; none is refused.
    async fn send_all(&self) {
        let secrets = self.secrets.lock().unwrap().clone();
        for receiver in &self.receivers {
            for secret in &secrets {
                let status = self.send(receiver, secret).await;
                assert_eq!(
                    status, 200,
                    "rightly signed with {secret}, {:?} seconds on",
                    self.seconds
                );
            }
        }
    }

    /// Time goes by, with requests all along.
    async fn pass(&self, time: Duration) {
        for _ in 0..time.as_secs() / STEP.as_secs() {
            self.seconds.fetch_add(STEP.as_secs(), Ordering::Relaxed);
            self.send_all().await;
        }
    }

    /// Requests keep coming for as long as the operator is at it.
    async fn meanwhile<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let work = tokio::spawn(work);
        self.send_all().await;
        while !work.is_finished() {
            self.send_all().await;
        }
        work.await.unwrap()
    }

    /// From now on these are signed with.
    fn sign_with(&self, secrets: &[&'static str]) {
        *self.secrets.lock().unwrap() = secrets.to_vec();
    }

    /// What a request signed with this is answered, by each receiver.
    async fn answers(&self, secret: &str) -> Vec<u16> {
        let mut answers = Vec::new();
        for receiver in &self.receivers {
            answers.push(self.send(receiver, secret).await);
        }
        answers
    }
}

#[tokio::test]
async fn rotation_under_load_refuses_nothing_signed() {
    let deployed = Deployed::new("operations-rotation", TOKEN).await;
    let traffic = Traffic::new(&deployed.cloud).await;
    let paste = |name: &'static str| {
        let operator = deployed.operator.clone();
        async move { operator.paste(name, &[]).await }
    };
    let operator = deployed.operator.clone();
    traffic.meanwhile(async move { operator.answer("new-secret", NEW).await }).await;
    traffic.meanwhile(paste("rotate-add")).await;
    assert_eq!(
        deployed.operator.run("secret signing-secret").await.trim(),
        format!("{NEW}\n{SIGNING_SECRET}")
    );
    assert!(traffic.answers(NEW).await.contains(&401), "this is why the page says to wait");
    traffic.pass(CACHE_TTL).await;
    traffic.sign_with(&[SIGNING_SECRET, NEW]);
    traffic.pass(2 * CACHE_TTL).await;
    traffic.sign_with(&[NEW]);
    traffic.meanwhile(paste("rotate-drop")).await;
    traffic.pass(CACHE_TTL).await;
    assert_eq!(traffic.answers(SIGNING_SECRET).await, [401; 3], "the old one was dropped");

    traffic.meanwhile(paste("rotate-undo")).await;
    traffic.pass(CACHE_TTL).await;
    traffic.sign_with(&[SIGNING_SECRET, NEW]);
    traffic.send_all().await;
    deployed.has_pasted(&PASTED);
}
