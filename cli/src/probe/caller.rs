//! One call to Desk after the other, each with its raw answer: the shipped client hides what the
//! probe is about.
//!
//! It keeps its distance between calls, counts them, waits once or twice when Desk asks for it, and
//! repeats only what reads: a repeated write would answer another question than the one asked.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use desk_handoff::desk::CALL_TIMEOUT;
use desk_handoff::desk::transport::{Transport, TransportError};
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until};

use crate::probe::stop::Stop;

/// Between the beginnings of two calls: four a second, where five are taken for safe (desk-wire
/// section 7), so that a clock that is a little off does no harm.
pub(crate) const PACE: Duration = Duration::from_millis(250);
/// The most calls that a whole run makes.
pub(crate) const MOST_CALLS: u32 = 60;
/// So many of them are kept for closing the test ticket.
const KEPT_FOR_CLOSING: u32 = 3;
/// The slowest, for a Desk that wants it slower.
const SLOWEST: Duration = Duration::from_secs(2);
/// How often a call is sent again that Desk wants later.
const MOST_WAITS: u32 = 2;
/// The longest that Desk may ask to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Before a call is tried again.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

/// Desk, as the probe sees it.
pub(crate) struct Caller<'a> {
    transport: &'a dyn Transport,
    desk: Api,
    chat: Option<Api>,
    calls: Cell<u32>,
    /// The calls may be made that are kept for closing.
    is_closing: Cell<bool>,
    next: Cell<Option<Instant>>,
    is_hurried: Cell<bool>,
    pace: Cell<Duration>,
    has_rate_headers: Cell<bool>,
    ignores_offset: Cell<bool>,
    refusals: RefCell<BTreeMap<String, String>>,
}

/// Where one of the two is, and what opens it.
#[derive(Clone)]
pub(crate) struct Api {
    base: String,
    header: &'static str,
    token: HeaderValue,
}

impl Api {
    /// `base` is Desk's, up to `/platform/v1`.
    pub(crate) fn desk(base: String, token: HeaderValue) -> Self {
        Self::new(base, "sendbirddeskapitoken", token)
    }

    /// `base` is Chat's, up to `/v3`.
    pub(crate) fn chat(base: String, token: HeaderValue) -> Self {
        Self::new(base, "api-token", token)
    }

    /// The token is marked as sensitive, so that no log of a library shows it.
    fn new(base: String, header: &'static str, mut token: HeaderValue) -> Self {
        token.set_sensitive(true);
        Self { base, header, token }
    }
}

/// What Desk answered: a success, or a refusal of just this call.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Null where it is empty.
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn is_done(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl<'a> Caller<'a> {
    /// Nothing is sent yet. Without Chat no message can be posted.
    pub(crate) fn new(transport: &'a dyn Transport, desk: Api, chat: Option<Api>) -> Self {
        Self {
            transport,
            desk,
            chat,
            calls: Cell::new(0),
            is_closing: Cell::new(false),
            next: Cell::new(None),
            is_hurried: Cell::new(false),
            pace: Cell::new(PACE),
            has_rate_headers: Cell::new(false),
            ignores_offset: Cell::new(false),
            refusals: RefCell::default(),
        }
    }

    /// How many requests were sent.
    pub(crate) fn calls(&self) -> u32 {
        self.calls.get()
    }

    /// Whether an answer said how many calls are left.
    pub(crate) fn has_rate_headers(&self) -> bool {
        self.has_rate_headers.get()
    }

    /// Whether lists are known to begin at the beginning whatever offset is named.
    pub(crate) fn ignores_offset(&self) -> bool {
        self.ignores_offset.get()
    }

    pub(crate) fn note_ignored_offset(&self) {
        self.ignores_offset.set(true);
    }

    /// Status and code of what was refused, by the name of the call.
    pub(crate) fn refusals(&self) -> BTreeMap<String, String> {
        self.refusals.borrow().clone()
    }

    /// From now on only the test ticket is closed: the calls kept for this may be made.
    pub(crate) fn begin_closing(&self) {
        self.is_closing.set(true);
    }

    /// The next call is not held back. The one after it is, by twice as much.
    pub(crate) fn hurry(&self) {
        self.is_hurried.set(true);
    }

    /// Reads; tried once more if it fails and may well pass.
    pub(crate) async fn get(&self, name: &'static str, path: &str) -> Result<Answer, Stop> {
        match self.send(&self.desk, name, Method::GET, path, None).await {
            Err(stop) if stop.may_pass() => {
                sleep(PAUSE).await;
                self.send(&self.desk, name, Method::GET, path, None).await
            }
            answer => answer,
        }
    }

    /// Changes; never tried again.
    pub(crate) async fn post(
        &self,
        name: &'static str,
        path: &str,
        body: Value,
    ) -> Result<Answer, Stop> {
        self.send(&self.desk, name, Method::POST, path, Some(body)).await
    }

    /// Changes; never tried again.
    pub(crate) async fn patch(
        &self,
        name: &'static str,
        path: &str,
        body: Value,
    ) -> Result<Answer, Stop> {
        self.send(&self.desk, name, Method::PATCH, path, Some(body)).await
    }

    /// Whether a message can be posted.
    pub(crate) fn has_chat(&self) -> bool {
        self.chat.is_some()
    }

    /// Changes, in Chat; never tried again. `None` without Chat.
    pub(crate) async fn post_to_chat(
        &self,
        name: &'static str,
        path: &str,
        body: Value,
    ) -> Option<Result<Answer, Stop>> {
        Some(self.send(self.chat.as_ref()?, name, Method::POST, path, Some(body)).await)
    }

    async fn send(
        &self,
        api: &Api,
        name: &'static str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Answer, Stop> {
        for _ in 0..MOST_WAITS {
            let request = request(api, name, &method, path, body.as_ref())?;
            let response = self.carry(name, request).await?;
            if !is_too_many(&response) {
                return self.read(name, &response);
            }
            // Nothing was done, so even a write may be sent again. From now on slower: every call
            // that comes too early costs two.
            self.pace.set((self.pace.get() * 2).min(SLOWEST));
            sleep(asked_wait(response.headers())).await;
        }

        let request = request(api, name, &method, path, body.as_ref())?;
        let response = self.carry(name, request).await?;
        self.read(name, &response)
    }

    async fn carry(
        &self,
        name: &'static str,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Vec<u8>>, Stop> {
        let most = MOST_CALLS - if self.is_closing.get() { 0 } else { KEPT_FOR_CLOSING };
        if self.calls() >= most {
            return Err(Stop::CallLimit);
        }
        let due = self.next.get().map_or_else(Instant::now, |next| next.max(Instant::now()));
        if !self.is_hurried.take() {
            sleep_until(due).await;
        }
        self.next.set(Some(due.max(Instant::now()) + self.pace.get()));
        self.calls.set(self.calls() + 1);

        let response = self.transport.send(request, CALL_TIMEOUT).await;
        response.map_err(|error| match error {
            TransportError::Unreachable => Stop::Unreachable(name),
            TransportError::TimedOut => Stop::TimedOut(name),
            TransportError::Interrupted => Stop::Broken(name),
            TransportError::TooLarge(_) => Stop::Nonsense(name),
        })
    }

    fn read(&self, name: &'static str, response: &Response<Vec<u8>>) -> Result<Answer, Stop> {
        let status = response.status().as_u16();
        let is_rate = |name: &http::HeaderName| name.as_str().contains("ratelimit");
        if response.headers().keys().any(is_rate) {
            self.has_rate_headers.set(true);
        }

        match status {
            401 => Err(Stop::Unauthorized(name, status)),
            429 => Err(Stop::RateLimited(name)),
            200..300 => Ok(Answer { status, body: body(name, response.body())? }),
            408 | 425 => Err(Stop::Failed(name, status)),
            400..500 => {
                // A page is somebody's in between, and no answer to what was asked.
                let body = body(name, response.body()).map_err(|_| Stop::Failed(name, status))?;
                let answer = Answer { status, body };
                self.note_refusal(name, &answer);
                Ok(answer)
            }
            _ => Err(Stop::Failed(name, status)),
        }
    }

    /// Of a refusal only the status and Desk's own code are kept: the detail may repeat a value.
    fn note_refusal(&self, name: &str, answer: &Answer) {
        let code = answer.body.get("code").and_then(Value::as_str).filter(|code| is_code(code));
        let said = match code {
            Some(code) => format!("{} {code}", answer.status),
            None => answer.status.to_string(),
        };
        self.refusals.borrow_mut().insert(name.to_owned(), said);
    }
}

fn request(
    api: &Api,
    name: &'static str,
    method: &Method,
    path: &str,
    body: Option<&Value>,
) -> Result<Request<Vec<u8>>, Stop> {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("{}{path}", api.base))
        .header(api.header, api.token.clone());
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json; charset=utf8");
    }
    let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    request.body(body).map_err(|_| Stop::Unreachable(name))
}

fn is_too_many(response: &Response<Vec<u8>>) -> bool {
    response.status().as_u16() == 429
}

/// By either header of Sendbird's APIs (desk-wire section 7), in seconds.
fn asked_wait(headers: &HeaderMap) -> Duration {
    let seconds = |name| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let asked = seconds("retry-after").max(seconds("x-ratelimit-retryafter"));
    asked.map_or(PAUSE, Duration::from_secs).clamp(PAUSE, LONGEST_WAIT)
}

/// Null where there is nothing.
fn body(name: &'static str, bytes: &[u8]) -> Result<Value, Stop> {
    if bytes.trim_ascii().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(bytes).map_err(|_| Stop::Nonsense(name))
}

/// Letters and digits such as `desk400104`: nothing that a customer could have written.
fn is_code(code: &str) -> bool {
    let digits = code.strip_prefix("desk").unwrap_or(code);
    (1..=12).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}
