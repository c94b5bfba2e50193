//! The Runtime API as one bootstrap sees it: hands out the events it is given, one at a time, and
//! notes the moments.
//!
//! Takes for granted that one process at a time asks, as on Lambda. A new process gets a new one of
//! these, so that no poll of a process that has ended is waited for.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex as StdMutex, mpsc};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use http::{StatusCode, Uri};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc as tokio_mpsc};
use tokio::task::JoinHandle;

/// How long a bootstrap may take for anything before the run is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// One bootstrap's Runtime API.
#[derive(Debug)]
pub(crate) struct Runtime {
    pub(crate) address: SocketAddr,
    events: tokio_mpsc::UnboundedSender<Vec<u8>>,
    polls: mpsc::Receiver<Instant>,
    answers: mpsc::Receiver<Answer>,
    server: JoinHandle<std::io::Result<()>>,
}

/// What a bootstrap said of an event.
#[derive(Debug)]
pub(crate) struct Answer {
    /// When the event was handed out.
    pub(crate) handed: Instant,
    /// When the answer was in.
    pub(crate) at: Instant,
    /// What it said, or how it failed.
    pub(crate) body: Result<Bytes, String>,
}

struct Shared {
    events: Mutex<tokio_mpsc::UnboundedReceiver<Vec<u8>>>,
    handed: StdMutex<Instant>,
    polls: mpsc::Sender<Instant>,
    answers: mpsc::Sender<Answer>,
}

impl Runtime {
    pub(crate) fn start(servers: &Handle) -> std::io::Result<Self> {
        let (events, to_hand_out) = tokio_mpsc::unbounded_channel();
        let (to_polls, polls) = mpsc::channel();
        let (to_answers, answers) = mpsc::channel();
        let shared = Arc::new(Shared {
            events: Mutex::new(to_hand_out),
            handed: StdMutex::new(Instant::now()),
            polls: to_polls,
            answers: to_answers,
        });

        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .fallback(failed)
            .with_state(shared);
        let listener = servers.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let server = servers.spawn(axum::serve(listener, routes).into_future());

        Ok(Self { address, events, polls, answers, server })
    }

    pub(crate) fn hand_out(&self, event: Vec<u8>) {
        self.events.send(event).expect("the server keeps the other end as long as it lives");
    }

    /// When the bootstrap asked for the next event.
    pub(crate) fn poll(&self) -> Instant {
        self.polls
            .recv_timeout(PATIENCE)
            .expect("the bootstrap asks for an event; its log says why not")
    }

    pub(crate) fn answer(&self) -> Answer {
        self.answers.recv_timeout(PATIENCE).expect("the bootstrap answers; its log says why not")
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    // The measuring end may be gone; then nobody waits for this.
    let _ = shared.polls.send(Instant::now());
    let event = shared.events.lock().await.recv().await.unwrap_or_default();
    let deadline = SystemTime::now() + Duration::from_secs(25);
    let deadline = deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let response = Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        .header("lambda-runtime-deadline-ms", deadline.to_string())
        .header(
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:123456789012:function:bench",
        )
        .header(
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
        )
        .body(Body::from(event))
        .expect("these are headers");
    *shared.handed.lock().expect("no holder panics") = Instant::now();

    response
}

async fn response(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    shared.answered(Ok(body))
}

async fn failed(State(shared): State<Arc<Shared>>, uri: Uri, body: Bytes) -> StatusCode {
    shared.answered(Err(format!("{uri}: {}", String::from_utf8_lossy(&body))))
}

impl Shared {
    fn answered(&self, body: Result<Bytes, String>) -> StatusCode {
        let handed = *self.handed.lock().expect("no holder panics");
        let _ = self.answers.send(Answer { handed, at: Instant::now(), body });
        StatusCode::ACCEPTED
    }
}
