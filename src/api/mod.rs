//! The edge in: HTTP requests from API Gateway to answers. The one place that makes HTTP answers.
//!
//! Checks in this order, each taking only what the one before let through: route and method, size, application,
//! signature over the raw bytes, JSON, shape. lambda_http has decoded a base64 body before it gets here.

mod problem;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use lambda_http::{Body, Request, Response};
use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;

use self::problem::Problem;
use crate::auth::authenticate;
use crate::config::{AppId, Config, Mode};
use crate::desk::{Connection, Desk};
use crate::fields::Outcome;
use crate::handoff::{self, Event, Handoff};
use crate::process::{Report, Status, process};
use crate::rules::Rules;
use crate::secrets::{Credentials, Secrets};

/// The largest body, in bytes.
pub const MAX_BODY: usize = 256 * 1024;
/// The first pause before a Desk call is repeated.
pub const PAUSE: Duration = Duration::from_millis(200);

/// Everything that lives as long as the process.
pub struct Api {
    /// The environment's settings.
    pub config: Config,
    /// Credentials and rules.
    pub secrets: Secrets,
    /// The client of [`crate::http_client`].
    pub client: reqwest::Client,
    /// The first pause before a Desk call is repeated: [`PAUSE`].
    pub pause: Duration,
}

/// What is particular to one invocation.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Told to the caller of a request that failed, and in every log line.
    pub request_id: String,
    /// The time of day.
    pub now: SystemTime,
    /// When the answer must be there.
    pub deadline: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Handoffs,
    Preview,
    Health,
}

impl Route {
    fn of(method: &Method, path: &str) -> Result<Self, Problem> {
        let (route, allowed) = match path {
            "/handoffs" => (Self::Handoffs, Method::POST),
            "/handoffs/preview" => (Self::Preview, Method::POST),
            "/healthz" => (Self::Health, Method::GET),
            _ => return Err(Problem::NoSuchRoute),
        };
        if *method == allowed { Ok(route) } else { Err(Problem::WrongMethod { allowed }) }
    }
}

impl Api {
    /// Answers a request; whatever goes wrong is an answer too.
    pub async fn handle(&self, request: &Request, invocation: &Invocation) -> Response<Body> {
        match self.answer(request, invocation).await {
            Ok(response) => response,
            Err(problem) => {
                let summary = problem.summary();
                if problem.is_fault() {
                    tracing::error!(request_id = invocation.request_id, problem = summary, "request failed");
                } else {
                    tracing::info!(request_id = invocation.request_id, problem = summary, "request refused");
                }
                problem.into_response(&invocation.request_id)
            }
        }
    }

    async fn answer(&self, request: &Request, invocation: &Invocation) -> Result<Response<Body>, Problem> {
        let route = Route::of(request.method(), request.uri().path())?;
        if route == Route::Health {
            return self.health(invocation).await;
        }
        let body = within_limit(request.body())?;
        let app_id = self.application(request.uri().query())?;
        let credentials = self.secrets.get(app_id, invocation.now).await?;
        let body = authenticate(body, request.headers(), &credentials.keys, invocation.now).map_err(|reason| {
            tracing::info!(%app_id, %reason, "not authenticated");
            Problem::Unauthenticated
        })?;
        match handoff::parse(body, app_id, idempotency_key(request.headers()).as_deref())? {
            Event::Ignored(category) => {
                Ok(json_response(StatusCode::OK, &json!({"status": "ignored", "category": category})))
            }
            Event::Handoff(handoff) => {
                let mode = if route == Route::Preview { Mode::Preview } else { self.config.mode };
                let report = self.work(app_id, &credentials, &handoff, mode, invocation).await?;
                log(app_id, &report, invocation);
                Ok(json_response(status_code(report.status), &report))
            }
        }
    }

    /// Alive, and every application has what a handoff needs. What is missing is for the log only.
    async fn health(&self, invocation: &Invocation) -> Result<Response<Body>, Problem> {
        for app_id in &self.config.app_ids {
            let credentials = self.secrets.get(app_id, invocation.now).await?;
            if let Some(missing) = credentials.missing() {
                tracing::error!(%app_id, missing, "not configured");
                return Err(Problem::NotReady);
            }
        }
        Ok(json_response(StatusCode::OK, &json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")})))
    }

    /// The one application, or the one that the query names.
    fn application(&self, query: Option<&str>) -> Result<&AppId, Problem> {
        let mut pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let named: Option<Cow<'_, str>> = pairs.find(|(name, _)| name == "app_id").map(|(_, value)| value);
        match (named, self.config.app_ids.as_slice()) {
            (Some(named), served) => {
                served.iter().find(|app_id| app_id.as_str() == named).ok_or(Problem::UnknownApplication)
            }
            (None, [only]) => Ok(only),
            (None, _) => Err(Problem::NoApplication),
        }
    }

    async fn work(
        &self,
        app_id: &AppId,
        credentials: &Arc<Credentials>,
        handoff: &Handoff,
        mode: Mode,
        invocation: &Invocation,
    ) -> Result<Report, Problem> {
        let rules: &Rules = credentials.rules.as_ref().map_err(|_| Problem::NotConfigured { what: "fields" })?;
        let connection = Connection {
            client: &self.client,
            config: &self.config,
            secrets: &self.secrets,
            app_id,
            now: invocation.now,
            deadline: invocation.deadline,
            pause: self.pause,
        };
        let desk = Desk::new(connection, credentials).ok_or(Problem::NotConfigured { what: "desk-api-token" })?;
        Ok(process(&desk, rules, handoff, mode).await?)
    }
}

fn within_limit(body: &[u8]) -> Result<&[u8], Problem> {
    if body.len() > MAX_BODY { Err(Problem::TooLarge) } else { Ok(body) }
}

/// The header's value; one that is not text is an empty key, which is refused as such.
fn idempotency_key(headers: &HeaderMap) -> Option<String> {
    headers.get("idempotency-key").map(|value| value.to_str().unwrap_or_default().to_owned())
}

fn status_code(status: Status) -> StatusCode {
    match status {
        Status::Created => StatusCode::CREATED,
        Status::Updated | Status::Unchanged | Status::Left | Status::Preview => StatusCode::OK,
    }
}

/// One line a handoff: what came of it, without a key or a value.
fn log(app_id: &AppId, report: &Report, invocation: &Invocation) {
    let count = |wanted: &dyn Fn(Outcome) -> bool| report.fields.iter().filter(|entry| wanted(entry.outcome)).count();
    tracing::info!(
        request_id = invocation.request_id,
        %app_id,
        event_id = report.event_id,
        conversation_id = report.conversation.id,
        channel_url = report.conversation.channel_url,
        ticket_id = report.ticket.as_ref().map(|ticket| ticket.id),
        status = ?report.status,
        filled = count(&Outcome::is_filled),
        not_filled = count(&|outcome| !outcome.is_filled()),
        desk_calls = report.desk_calls,
        "handoff"
    );
}

fn json_response(status: StatusCode, document: &impl Serialize) -> Response<Body> {
    let text = serde_json::to_string(document).expect("a document of texts and numbers can be written");
    let mut response = Response::new(Body::Text(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
