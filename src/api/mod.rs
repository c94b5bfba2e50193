//! The edge in: HTTP requests from API Gateway to answers. The one place that makes HTTP answers.
//!
//! Checks in this order, each taking only what the one before let through: route and method, size, application,
//! signature over the raw bytes, JSON, shape. lambda_http has decoded a base64 body before it gets here.

mod problem;

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use lambda_http::{Body, Request, Response};
use serde::Serialize;
use serde_json::json;

use self::problem::Problem;
use crate::auth::authenticate;
use crate::config::{AppId, Mode};
use crate::handoff::{self, Event, Handoff};
use crate::queue::Message;
use crate::report::Status;
use crate::secrets::Credentials;
use crate::stack::{Invocation, Stack};

/// The largest body, in bytes.
pub const MAX_BODY: usize = 256 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Webhook,
    Handoffs,
    Preview,
    Health,
}

impl Route {
    fn of(method: &Method, path: &str) -> Result<Self, Problem> {
        let (route, allowed) = match path {
            "/webhooks/handoff" => (Self::Webhook, Method::POST),
            "/handoffs" => (Self::Handoffs, Method::POST),
            "/handoffs/preview" => (Self::Preview, Method::POST),
            "/healthz" => (Self::Health, Method::GET),
            _ => return Err(Problem::NoSuchRoute),
        };
        if *method == allowed { Ok(route) } else { Err(Problem::WrongMethod { allowed }) }
    }
}

/// Answers a request; whatever goes wrong is an answer too.
pub async fn handle(stack: &Stack, request: &Request, invocation: &Invocation) -> Response<Body> {
    let request_id = invocation.request_id.as_str();
    match answer(stack, request, invocation).await {
        Ok(response) => response,
        Err(problem) => {
            if problem.is_fault() {
                tracing::error!(request_id, problem = problem.summary(), "request failed");
            } else {
                tracing::info!(request_id, problem = problem.summary(), "request refused");
            }
            problem.into_response(request_id)
        }
    }
}

async fn answer(stack: &Stack, request: &Request, invocation: &Invocation) -> Result<Response<Body>, Problem> {
    let route = Route::of(request.method(), request.uri().path())?;
    if route == Route::Health {
        return health(stack, invocation).await;
    }
    let body = within_limit(request.body())?;
    let app_id = application(&stack.config.app_ids, request.uri().query())?;
    let credentials = stack.secrets.get(app_id, invocation.now).await?;
    let body = authenticate(body, request.headers(), &credentials.keys, invocation.now).map_err(|reason| {
        tracing::info!(%app_id, %reason, "not authenticated");
        Problem::Unauthenticated
    })?;
    match (handoff::parse(body, app_id, idempotency_key(request.headers()).as_deref())?, route) {
        (Event::Ignored(category), _) => {
            Ok(json_response(StatusCode::OK, &json!({"status": "ignored", "category": category})))
        }
        (Event::Handoff(handoff), Route::Webhook) => queue(stack, app_id, *handoff, invocation).await,
        (Event::Handoff(handoff), Route::Preview) => {
            now(stack, app_id, &credentials, &handoff, Mode::Preview, invocation).await
        }
        (Event::Handoff(handoff), Route::Handoffs | Route::Health) => {
            now(stack, app_id, &credentials, &handoff, stack.config.mode, invocation).await
        }
    }
}

/// Alive, and every application has what a handoff needs. What is missing is for the log only.
async fn health(stack: &Stack, invocation: &Invocation) -> Result<Response<Body>, Problem> {
    for app_id in &stack.config.app_ids {
        let credentials = stack.secrets.get(app_id, invocation.now).await?;
        if let Some(missing) = credentials.missing() {
            tracing::error!(%app_id, missing, "not configured");
            return Err(Problem::NotReady);
        }
    }
    Ok(json_response(StatusCode::OK, &json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")})))
}

/// The one application, or the one that the query names.
fn application<'a>(served: &'a [AppId], query: Option<&str>) -> Result<&'a AppId, Problem> {
    let mut pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let named: Option<Cow<'_, str>> = pairs.find(|(name, _)| name == "app_id").map(|(_, value)| value);
    match (named, served) {
        (Some(named), served) => {
            served.iter().find(|app_id| app_id.as_str() == named).ok_or(Problem::UnknownApplication)
        }
        (None, [only]) => Ok(only),
        (None, _) => Err(Problem::NoApplication),
    }
}

/// The webhook: the sender waits a second, so it is told as soon as the queue holds the handoff. Never talks to Desk.
async fn queue(
    stack: &Stack,
    app_id: &AppId,
    handoff: Handoff,
    invocation: &Invocation,
) -> Result<Response<Body>, Problem> {
    let message = Message::new(app_id, handoff);
    stack.queue.send(&message.entry()).await.map_err(Problem::NotQueued)?;
    let event_id = &message.handoff.event_id;
    tracing::info!(request_id = invocation.request_id, %app_id, event_id, "queued");
    Ok(json_response(StatusCode::OK, &json!({"status": "queued", "event_id": event_id})))
}

async fn now(
    stack: &Stack,
    app_id: &AppId,
    credentials: &Credentials,
    handoff: &Handoff,
    mode: Mode,
    invocation: &Invocation,
) -> Result<Response<Body>, Problem> {
    let report = stack.work(app_id, credentials, handoff, mode, invocation).await?;
    let status = match report.status {
        Status::Created => StatusCode::CREATED,
        Status::Updated | Status::Unchanged | Status::Duplicate | Status::Left | Status::Preview => StatusCode::OK,
    };
    Ok(json_response(status, &report))
}

fn within_limit(body: &[u8]) -> Result<&[u8], Problem> {
    if body.len() > MAX_BODY { Err(Problem::TooLarge) } else { Ok(body) }
}

/// The header's value; one that is not text is an empty key, which is refused as such.
fn idempotency_key(headers: &HeaderMap) -> Option<String> {
    headers.get("idempotency-key").map(|value| value.to_str().unwrap_or_default().to_owned())
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
