//! A whole app for one test: the shipped code, fixed parameters, an embedded Desk. It fails the
//! test on leftovers: a request that no route of Desk knew, or a planted secret or context value in
//! a log line or in an answer.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, OnceLock};
use std::time::{Duration, SystemTime};

use desk_emulator::{Call, Emulator, Fault, FaultKind, FieldDefinition, Setup};
use desk_handoff::api::handle;
use desk_handoff::app::{App, Health, Invocation};
use desk_handoff::auth::sign;
use desk_handoff::claims::Memory;
use desk_handoff::config::Config;
use desk_handoff::desk::transport::HttpTransport;
use desk_handoff::emf::Emf;
use desk_handoff::metrics::Metrics;
use desk_handoff::names::{header, parameter, setting};
use desk_handoff::queue::{Queue, QueueEntry};
use desk_handoff::secrets::{Parameter, ParameterStore, Secrets};
use desk_handoff::store::{BoxFuture, StoreError};
use desk_handoff::{http_client, logs};
use http::{HeaderMap, Method, StatusCode};
use lambda_http::{Body, Request};
use serde_json::{Value, json};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::fixtures::desk_of;

/// Part of every planted secret and context value: it must turn up nowhere but in Desk.
pub(crate) const CANARY: &str = "canary7f3a";
pub(crate) const APP: &str = "DEMO-APP-0001";
/// The published local-only secret that events/ is signed with.
pub(crate) const SIGNING_SECRET: &str = "local-only-signing-secret";
pub(crate) const DESK_TOKEN: &str = "desk-token-canary7f3a";

static LOG: OnceLock<Lines> = OnceLock::new();

/// Fixed parameters that a test can change.
#[derive(Clone, Default)]
pub(crate) struct Parameters(Arc<Mutex<BTreeMap<String, String>>>);

impl Parameters {
    pub(crate) fn set(&self, name: &str, value: &str) {
        self.0.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn remove(&self, name: &str) {
        self.0.lock().unwrap().remove(name);
    }
}

impl ParameterStore for Parameters {
    fn by_path<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Vec<Parameter>, StoreError>> {
        assert!(path.starts_with("/desk-handoff/"), "{path}");
        let parameters = self.0.lock().unwrap().clone();
        let parameter = |(name, value): (String, String)| Parameter { name, value: value.into() };
        Box::pin(async move { Ok(parameters.into_iter().map(parameter).collect()) })
    }
}

/// A queue that keeps what it is given, or takes nothing.
#[derive(Clone, Default)]
pub(crate) struct Recorder {
    entries: Arc<Mutex<Vec<QueueEntry>>>,
    delays: Arc<Mutex<Vec<(String, u32)>>>,
    pub(crate) broken: Arc<AtomicBool>,
}

impl Recorder {
    pub(crate) fn entries(&self) -> Vec<QueueEntry> {
        self.entries.lock().unwrap().clone()
    }

    pub(crate) fn delays(&self) -> Vec<(String, u32)> {
        self.delays.lock().unwrap().clone()
    }
}

impl Queue for Recorder {
    fn send<'a>(&'a self, entry: &'a QueueEntry) -> BoxFuture<'a, Result<(), StoreError>> {
        let broken = self.broken.load(Ordering::Relaxed);
        if !broken {
            self.entries.lock().unwrap().push(entry.clone());
        }

        let answer = if broken {
            Err(StoreError { store: "the queue", reason: "not reached".into() })
        } else {
            Ok(())
        };

        Box::pin(std::future::ready(answer))
    }

    fn change_visibility<'a>(
        &'a self,
        receipt_handle: &'a str,
        seconds: u32,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.delays.lock().unwrap().push((receipt_handle.to_owned(), seconds));
        Box::pin(std::future::ready(Ok(())))
    }
}

pub(crate) struct World {
    pub(crate) desk: Emulator,
    pub(crate) app: App,
    pub(crate) queue: Recorder,
    pub(crate) parameters: Parameters,
    records: Lines,
    /// How long an invocation may take.
    pub(crate) time: Duration,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl World {
    /// Desk with the fields of the repository's example, which are the rules too.
    pub(crate) async fn new() -> Self {
        Self::with_rules(&serde_json::from_str(include_str!("../../fields.example.json")).unwrap())
            .await
    }

    /// Desk with exactly the fields of this document.
    pub(crate) async fn with_rules(document: &Value) -> Self {
        let world = Self::with_desk(desk_of(&document.to_string()), &[]).await;
        world.parameters.set(parameter::FIELDS, &document.to_string());
        world
    }

    /// Desk with these fields.
    pub(crate) async fn with_fields(fields: Vec<FieldDefinition>) -> Self {
        Self::with_desk(Setup { fields, ..Setup::default() }, &[]).await
    }

    /// No rules; this Desk; more settings of the environment.
    pub(crate) async fn with_desk(setup: Setup, settings: &[(&str, &str)]) -> Self {
        collect_logs();
        let setup = Setup { desk_token: DESK_TOKEN.to_owned(), ..setup };
        let chat_token = setup.chat_token.clone();
        let desk = Emulator::start(setup).await.unwrap();
        let (desk_url, chat_url) = (desk.desk_url(), desk.chat_url());
        let own = [
            (setting::APP_IDS, APP),
            (setting::DESK_BASE_URL, &desk_url),
            (setting::CHAT_BASE_URL, &chat_url),
        ];
        let lookup = |name: &str| {
            settings
                .iter()
                .chain(&own)
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };

        let config = Config::from_lookup(lookup).unwrap();
        let parameters = Parameters::default();
        parameters.set(parameter::DESK_API_TOKEN, DESK_TOKEN);
        parameters.set(parameter::CHAT_API_TOKEN, &chat_token);
        parameters.set(parameter::SIGNING_SECRET, SIGNING_SECRET);
        let secrets = Secrets::new(Box::new(parameters.clone()), &config);
        let queue = Recorder::default();
        let records = Lines::default();
        let app = App {
            config,
            secrets,
            transport: Box::new(HttpTransport(http_client::new().unwrap())),
            queue: Box::new(queue.clone()),
            claims: Box::new(Memory::default()),
            metrics: Metrics::new(Box::new(Emf::new("test-stack".to_owned(), records.clone()))),
            pause: Duration::from_millis(1),
            pace: None,
            health: Health::default(),
            waits_for_desk: false,
        };

        Self { desk, app, queue, parameters, records, time: Duration::from_secs(20) }
    }

    /// From now on the queue takes nothing, so that a direct caller hears why a handoff is not
    /// done.
    pub(crate) fn without_queue(self) -> Self {
        self.queue.broken.store(true, Ordering::Relaxed);
        self
    }

    /// A signed `POST`.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_bytes(path, body.to_string().as_bytes()).await
    }

    pub(crate) async fn post_bytes(&self, path: &str, body: &[u8]) -> Answer {
        let signature = sign(body, SIGNING_SECRET);
        self.send(Method::POST, path, &[(header::SENDBIRD_SIGNATURE, &signature)], body).await
    }

    pub(crate) async fn hand_over(&self, context: Value) -> Answer {
        self.post("/handoffs", &handoff(context)).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut request = http::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.request(request.body(Body::Binary(body.to_vec())).unwrap()).await
    }

    /// A signed `POST` so many seconds from now.
    pub(crate) async fn post_later(&self, path: &str, body: &Value, seconds: u64) -> Answer {
        let now = SystemTime::now() + Duration::from_secs(seconds);
        self.post_in(&Invocation::new("request-1", now, self.time), path, body).await
    }

    /// A signed `POST` in this invocation.
    pub(crate) async fn post_in(
        &self,
        invocation: &Invocation,
        path: &str,
        body: &Value,
    ) -> Answer {
        let body = body.to_string();
        let request = http::Request::post(path)
            .header(header::SENDBIRD_SIGNATURE, sign(body.as_bytes(), SIGNING_SECRET));
        self.answer(request.body(Body::Text(body)).unwrap(), invocation).await
    }

    pub(crate) async fn request(&self, request: Request) -> Answer {
        self.answer(request, &self.invocation()).await
    }

    async fn answer(&self, request: Request, invocation: &Invocation) -> Answer {
        let may_show_values = request.uri().path() == "/handoffs/preview"
            || self.app.config.mode == desk_handoff::config::Mode::Preview;
        let response = handle(&self.app, &request, invocation).await;
        let (parts, body) = response.into_parts();
        let text = std::str::from_utf8(&body).unwrap();
        assert!(
            may_show_values || !text.contains(CANARY),
            "a planted value is in an answer: {text}"
        );

        Answer {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_str(text).unwrap(),
        }
    }

    pub(crate) fn invocation(&self) -> Invocation {
        Invocation::new("request-1", SystemTime::now(), self.time)
    }

    /// What the log holds for CloudWatch, line by line.
    pub(crate) fn records(&self) -> Vec<Value> {
        self.records.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// From now on Desk writes fields, and its answer to that is of no use.
    pub(crate) fn fail_after_fields(&self) {
        self.desk.inject(Fault::on(Call::PatchFields).always().with(FaultKind::CutAfterWrite));
    }

    /// How often Desk was asked this.
    pub(crate) fn asked(&self, method: &str, path_end: &str) -> usize {
        let asked = self.desk.requests();
        asked.iter().filter(|seen| seen.method == method && seen.path.ends_with(path_end)).count()
    }

    /// Requests that change something.
    pub(crate) fn writes(&self) -> usize {
        self.desk.requests().iter().filter(|seen| seen.method != "GET").count()
    }

    pub(crate) fn only_ticket(&self) -> Value {
        let tickets = self.desk.tickets();
        assert_eq!(tickets.len(), 1, "{tickets:#?}");
        tickets.into_iter().next().unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        assert_eq!(self.desk.unknown_requests(), Vec::<String>::new(), "Desk knows no such route");
        let (log, records) = (log_text(), self.records.text());
        assert!(!log.contains(CANARY), "a planted value is in the log:\n{log}");
        assert!(!records.contains(CANARY), "a planted value is in a record:\n{records}");
    }
}

impl Answer {
    /// The outcome of a key.
    pub(crate) fn outcome(&self, key: &str) -> &str {
        let fields = self.body["fields"].as_array().unwrap_or_else(|| panic!("{self:#?}"));
        let entry = fields
            .iter()
            .find(|entry| entry["key"] == key)
            .unwrap_or_else(|| panic!("no {key} in {self:#?}"));
        entry["outcome"].as_str().unwrap()
    }

    /// How many keys were written.
    pub(crate) fn written(&self) -> usize {
        let fields = self.body["fields"].as_array().unwrap_or_else(|| panic!("{self:#?}"));
        fields.iter().filter(|entry| entry["outcome"] == "written").count()
    }

    pub(crate) fn ticket_id(&self) -> u64 {
        self.body["ticket"]["id"].as_u64().unwrap_or_else(|| panic!("{self:#?}"))
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16, word: &str) -> &Self {
        let kind = self.body["type"].as_str().and_then(|kind| kind.rsplit(':').next());
        let found = kind.or(self.body["status"].as_str());
        assert_eq!((self.status.as_u16(), found), (status, Some(word)), "{self:#?}");
        self
    }
}

/// A direct body of conversation 2647 of user_1.
pub(crate) fn handoff(context: Value) -> Value {
    json!({"conversation": {"id": "2647", "channel_url": "ch_ai_1", "user_id": "user_1"}, "context": context})
}

/// A value that must turn up in Desk and nowhere else.
pub(crate) fn planted(text: &str) -> String {
    format!("{text} {CANARY}")
}

/// Everything that the shipped filter lets through at its finest level, from all tests of this
/// process.
fn collect_logs() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let buffer = LOG.get_or_init(Lines::default);
        let lines = tracing_subscriber::fmt::layer().json().with_writer(|| buffer.clone());
        tracing_subscriber::registry().with(lines).with(filter_fn(logs::may_be_said)).init();
    });
}

pub(crate) fn log_text() -> String {
    LOG.get().map(Lines::text).unwrap_or_default()
}

/// What was written, in memory.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
