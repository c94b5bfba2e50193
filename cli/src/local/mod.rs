//! The shipped code, set up on this machine: receiver and worker as they are, settings and
//! parameters from here, queue and claims in memory, an embedded Desk.
//!
//! Nothing is made up on the way: requests go through `api::handle`, messages through
//! `worker::work`, and Desk is met over real HTTP. The signing secret is published, so it proves
//! nothing anywhere but here.

pub(crate) mod current_entry;
pub(crate) mod journal;
pub(crate) mod queue;
pub(crate) mod recorders;
pub(crate) mod worker;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use desk_emulator::{Emulator, Group, Profile, Setup};
use desk_handoff::app::{App, Health, Invocation, PAUSE};
use desk_handoff::auth::{Keys, authenticate, sign};
use desk_handoff::claims::Memory;
use desk_handoff::config::{AppId, Config};
use desk_handoff::desk::transport::HttpTransport;
use desk_handoff::handoff::order::millis;
use desk_handoff::handoff::{self, BadBody, Event};
use desk_handoff::metrics::Metrics;
use desk_handoff::secrets::{self, CHAT_API_TOKEN, DESK_API_TOKEN, Secrets};
use desk_handoff::{api, http_client};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use lambda_http::{Body, Request, Response};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::error::CliError;
use crate::input::fields::Fields;
use crate::local::journal::{Entry, Journal, Route, State, Step};
use crate::local::queue::MemoryQueue;
use crate::local::recorders::{AfterWrite, NotedClaims, NotedQueue, NotedTransport};
use crate::settings::{BEARER, Parameters, SIGNATURE, SIGNING_SECRET};

/// As API Gateway gives a function.
const TIME_TO_ANSWER: Duration = Duration::from_secs(29);

/// The shipped code, ready for requests and for what they put on the queue.
pub(crate) struct Local {
    pub(crate) app: App,
    /// The stack's own.
    pub(crate) queue: MemoryQueue,
    pub(crate) parameters: Parameters,
    pub(crate) journal: Arc<Journal>,
    /// Told after every call that may have changed something at Desk.
    pub(crate) after_write: Arc<OnceLock<AfterWrite>>,
    invocations: AtomicU64,
}

/// The tokens for Desk and Chat, and where those are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Desk {
    pub(crate) url: String,
    pub(crate) token: String,
    /// Without one, where the shipped code looks by itself.
    pub(crate) chat_url: Option<String>,
    pub(crate) chat_token: Option<String>,
}

impl Local {
    /// Sets up the shipped code for one application in front of this Desk.
    pub(crate) fn new(desk: &Desk, fields: &Fields, app_id: &AppId) -> Result<Self, CliError> {
        let config = Config::from_lookup(|name| match name {
            "APP_IDS" => Some(app_id.to_string()),
            "DESK_BASE_URL" => Some(desk.url.clone()),
            "CHAT_BASE_URL" => desk.chat_url.clone(),
            _ => None,
        });

        let config = config?;
        let client = http_client::new()
            .map_err(|error| CliError::Work(format!("there is no HTTP client: {error}")))?;
        let parameters = parameters(desk, fields);
        // What is changed here holds at once: the store costs nothing to ask.
        let secrets = Secrets::new(Box::new(parameters.clone()), &config).keep_for(Duration::ZERO);
        let (queue, journal) = (MemoryQueue::default(), Arc::new(Journal::default()));
        let after_write = Arc::new(OnceLock::new());

        let transport = NotedTransport {
            inner: HttpTransport(client),
            journal: Arc::clone(&journal),
            after_write: Arc::clone(&after_write),
        };
        let noted_queue = NotedQueue { inner: queue.clone(), journal: Arc::clone(&journal) };
        let claims = NotedClaims { inner: Memory::default(), journal: Arc::clone(&journal) };
        let app = App {
            config,
            secrets,
            transport: Box::new(transport),
            queue: Box::new(noted_queue),
            claims: Box::new(claims),
            // They are for CloudWatch; here the journal keeps what happened.
            metrics: Metrics::new(Box::new(())),
            pause: PAUSE,
            pace: None,
            health: Health::default(),
            waits_for_desk: false,
        };

        let invocations = AtomicU64::new(0);
        Ok(Self { app, queue, parameters, journal, after_write, invocations })
    }

    /// What the deployed function would answer.
    pub(crate) async fn answer(&self, request: &Request) -> Response<Body> {
        api::handle(&self.app, request, &self.invocation(TIME_TO_ANSWER)).await
    }

    /// The same, noted in the journal if the request is one that hands over; gives its number there.
    pub(crate) async fn answer_noted(&self, request: &Request) -> (Option<u64>, Response<Body>) {
        let route = Route::of(request.uri().path()).filter(|_| request.method() == Method::POST);
        let Some(route) = route else { return (None, self.answer(request).await) };

        let began = Instant::now();
        let body = String::from_utf8_lossy(request.body()).into_owned();
        let id = self.journal.begin(route, body);
        let response = current_entry::within(Some(id), self.answer(request)).await;
        let answer: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        // Read once more, for the page: the shipped code hands its reading to nobody.
        let key = request.headers().get("idempotency-key").and_then(|key| key.to_str().ok());
        let handoff = match understand(request.body(), &self.app.config.apps.listed()[0], key) {
            Ok(Event::Handoff(handoff)) => Some(handoff),
            Ok(Event::Ignored(_)) | Err(_) => None,
        };

        let (status, took) = (response.status(), began.elapsed());
        self.journal.note(id, |entry| {
            (entry.took, entry.handoff) = (took, handoff);
            note_answer(entry, status, answer);
        });
        (Some(id), response)
    }

    /// What Lambda would say of an invocation that has so much time.
    pub(crate) fn invocation(&self, time: Duration) -> Invocation {
        let number = self.invocations.fetch_add(1, Ordering::Relaxed) + 1;
        Invocation::new(format!("local-{number}"), SystemTime::now(), time)
    }
}

/// What a command waits in.
pub(crate) fn runtime() -> Result<Runtime, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| CliError::Work(format!("cannot start: {error}")))
}

/// An embedded Desk that has these fields, and the teams that the texts speak of; without a profile
/// it behaves as this project expects of a Desk.
pub(crate) async fn embedded_desk(
    fields: &Fields,
    profile: Option<&Profile>,
) -> Result<(Emulator, Desk), CliError> {
    let groups =
        vec![Group::default_team(), Group::new("VIP", "vip"), Group::new("Support", "support")];
    let mut setup = Setup { fields: fields.definitions(), groups, ..Setup::default() };
    if let Some(profile) = profile {
        profile.apply(&mut setup.behaviour);
    }
    let (token, chat_token) = (setup.desk_token.clone(), Some(setup.chat_token.clone()));
    let started = Emulator::start(setup).await;
    let emulator = started
        .map_err(|error| CliError::Work(format!("the embedded Desk cannot start: {error}")))?;
    let desk =
        Desk { url: emulator.desk_url(), token, chat_url: Some(emulator.chat_url()), chat_token };

    Ok((emulator, desk))
}

/// The signature of a body, as a header's value.
pub(crate) fn signature(body: &[u8]) -> HeaderValue {
    HeaderValue::from_str(&sign(body, SIGNING_SECRET)).expect("a signature is hexadecimal")
}

/// What the shipped code reads in a body, with no request and no Desk.
pub(crate) fn understand(
    body: &[u8],
    app_id: &AppId,
    idempotency_key: Option<&str>,
) -> Result<Event, BadBody> {
    let keys = Keys { signing: vec![SIGNING_SECRET.into()], ..Keys::default() };
    // The shipped reading takes only what was authenticated, so that the body is signed first.
    let headers =
        HeaderMap::from_iter([(http::HeaderName::from_static(SIGNATURE), signature(body))]);
    let body =
        authenticate(body, &headers, &keys, SystemTime::now()).expect("it was signed just now");
    handoff::parse(body, app_id, idempotency_key, millis(SystemTime::now()))
}

/// The end of what the queue holds already, from an earlier request.
const REPEATED: &str = "repeated";

fn note_answer(entry: &mut Entry, status: StatusCode, answer: Value) {
    entry.status = status.as_u16();
    // The worker may have been faster.
    if entry.state == State::Working {
        let is_known = entry.steps.iter().any(Step::is_known_to_the_queue);
        entry.state = match state(status, &answer) {
            State::Queued if is_known => State::Done(REPEATED.to_owned()),
            state => state,
        };
    }
    if answer["fields"].is_array() && entry.report.is_none() {
        entry.report = Some(answer.clone());
    }
    entry.answer = answer;
}

/// Where a handoff stands after this answer.
fn state(status: StatusCode, answer: &Value) -> State {
    match answer["status"].as_str() {
        Some("ignored") => State::Ignored,
        Some("queued") => State::Queued,
        Some(ended) => State::Done(ended.to_owned()),
        None => State::Refused(status.as_u16()),
    }
}

/// What SSM would hold of this application.
fn parameters(desk: &Desk, fields: &Fields) -> Parameters {
    let parameters = Parameters::default();
    parameters.set(DESK_API_TOKEN, desk.token.as_str());
    parameters.set(secrets::SIGNING_SECRET, SIGNING_SECRET);
    parameters.set(secrets::BEARER_TOKEN, BEARER);
    parameters.set(secrets::FIELDS, fields.text.as_str());
    if let Some(token) = &desk.chat_token {
        parameters.set(CHAT_API_TOKEN, token.as_str());
    }
    parameters
}
