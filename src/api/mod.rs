//! The edge in: HTTP requests from API Gateway to answers. The one place that makes HTTP answers.
//!
//! Checks in this order, each taking only what the one before let through: route and method, size,
//! application, signature over the raw bytes, JSON, form. [`event`] has decoded a base64 body
//! before it gets here.

pub mod event;
mod json;
pub mod openapi;
mod problem;

use std::borrow::Cow;

use http::{HeaderMap, Method, StatusCode, Uri};
use lambda_http::{Body, Request, Response};
use serde_json::json;
use tokio::time::Instant;
use tracing::Instrument as _;

use self::json::json_response;
use self::problem::Problem;
use crate::app::{App, Invocation, Job, Origin};
use crate::auth::authenticate;
use crate::config::{AppId, Apps, Mode};
use crate::handoff::message::Message;
use crate::handoff::{self, Event, Handoff};
use crate::metrics::{self, Record, Route, WorkStatus};
use crate::names;
use crate::report::{self, Action, Report};
use crate::secrets::SecretsError;

/// The largest body, in bytes.
pub const MAX_BODY: usize = 256 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Handoff(Route),
    Health,
    Description,
}

impl Place {
    fn of(method: &Method, path: &str) -> Result<Self, Problem> {
        let (place, allowed) = match path {
            "/webhooks/handoff" => (Self::Handoff(Route::Webhook), Method::POST),
            "/handoffs" => (Self::Handoff(Route::Handoffs), Method::POST),
            "/handoffs/preview" => (Self::Handoff(Route::Preview), Method::POST),
            "/healthz" => (Self::Health, Method::GET),
            "/openapi.json" => (Self::Description, Method::GET),
            _ => return Err(Problem::NoSuchRoute),
        };
        if *method == allowed { Ok(place) } else { Err(Problem::WrongMethod { allowed }) }
    }
}

/// Answers a request; whatever goes wrong is an answer too, logged and counted here
/// and nowhere else.
pub async fn handle(app: &App, request: &Request, invocation: &Invocation) -> Response<Body> {
    let span = metrics::span(&invocation.request_id);
    answer(app, request, invocation).instrument(span).await
}

async fn answer(app: &App, request: &Request, invocation: &Invocation) -> Response<Body> {
    let answer = match Place::of(request.method(), request.uri().path()) {
        Ok(Place::Handoff(route)) => {
            let (began, mut record) =
                (Instant::now(), Record::new(route, &invocation.request_id, invocation.now));
            let answer = hand_over(app, request, invocation, &mut record).await;
            // A refused request is no work: it is counted and has no record.
            if let Some(status) =
                answer.as_ref().map_or_else(Problem::status, |_| Some(record.status))
            {
                record.status = status;
                record.reason = answer.as_ref().err().map(Problem::summary);
                app.emit(record, began);
            }
            answer
        }
        Ok(Place::Health) => health(app, invocation).await,
        Ok(Place::Description) => Ok(describe(request.uri())),
        Err(problem) => Err(problem),
    };
    answer.unwrap_or_else(|problem| refuse(app, problem, invocation))
}

/// A flood of bad requests must not become one of log lines: they are counted, and shown at the
/// level `debug` only.
fn refuse(app: &App, problem: Problem, invocation: &Invocation) -> Response<Body> {
    if let Some(refusal) = problem.refusal() {
        tracing::debug!(problem = problem.summary(), "request refused");
        app.metrics.refused(refusal, invocation.now);
    } else if problem.is_fault() {
        tracing::error!(problem = problem.summary(), "request failed");
    } else {
        tracing::info!(problem = problem.summary(), "request put off");
    }
    problem.into_response(&invocation.request_id)
}

async fn hand_over(
    app: &App,
    request: &Request,
    invocation: &Invocation,
    record: &mut Record,
) -> Result<Response<Body>, Problem> {
    // Before anything is hashed or read: nobody knows yet who is asking.
    let body = within_limit(request.body())?;
    let app_id = &*application(&app.config.apps, request.uri().query())?;
    let credentials = app.secrets.get(app_id, invocation.now).await?;
    let body = authenticate(body, request.headers(), &credentials.keys, invocation.now).map_err(
        |reason| {
            // At `debug` and not in the answer: the reason helps whoever guesses, and anybody can
            // cause it.
            tracing::debug!(%app_id, %reason, "not authenticated");
            Problem::Unauthenticated
        },
    )?;
    let key = idempotency_key(request.headers());
    let read = handoff::parse(body, app_id, key.as_deref(), invocation.received);
    let handoff = match read.map_err(Problem::BadBody)? {
        Event::Handoff(handoff) => *handoff,
        Event::Ignored(category) => {
            // A success, because the webhook may be set to send every category and would repeat a
            // refusal.
            record.status = WorkStatus::Ignored;
            return Ok(json_response(
                StatusCode::OK,
                &json!({"status": "ignored", "category": category}),
            ));
        }
    };
    record.about(app_id, &handoff);
    let mode = match record.route {
        Route::Webhook => return queue(app, app_id, handoff, record).await,
        Route::Handoffs if prefers_async(request.headers()) => {
            return queue_direct(app, app_id, handoff, record).await;
        }
        Route::Preview => Mode::Preview,
        Route::Handoffs | Route::Queue => app.config.mode,
    };

    let origin = Origin::Direct;
    let job = Job { app_id, credentials: &credentials, handoff: &handoff, mode, origin };
    let report = match app.work(job, invocation, record).await {
        Ok(report) => report,
        // In preview mode nothing is to be carried out, so the queue has nothing to do.
        Err(error) if mode == Mode::Live && error.may_pass() => {
            let problem = Problem::from(error);
            // The queue can try for hours; the caller, often a tool in a conversation, cannot.
            tracing::warn!(problem = problem.summary(), "not done yet; the queue takes it");
            let queued = queue_direct(app, app_id, handoff, record).await;
            // If the queue does not take it either, the caller hears why it was not done.
            return queued.map_err(|_| problem);
        }
        Err(error) => return Err(error.into()),
    };
    let status = match report.status {
        report::Status::Created => StatusCode::CREATED,
        report::Status::Queued => StatusCode::ACCEPTED,
        report::Status::Updated
        | report::Status::Unchanged
        | report::Status::Duplicate
        | report::Status::Left
        | report::Status::Preview => StatusCode::OK,
    };
    Ok(json_response(status, &report))
}

/// Alive, and every application has what a handoff needs: those of the list, or, where any is
/// served, those that this process has met. What is missing is for the log only.
async fn health(app: &App, invocation: &Invocation) -> Result<Response<Body>, Problem> {
    if !app.health.may_check(invocation.now) {
        return Err(Problem::NotReady);
    }
    // All applications and not only one: the route is asked without a name.
    let checked = check_health(app, invocation).await;
    app.health.checked(checked.is_ok(), invocation.now);
    checked?;
    let document = json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")});
    Ok(json_response(StatusCode::OK, &document))
}

/// Platforms want an absolute address: the one that was asked.
fn describe(uri: &Uri) -> Response<Body> {
    let (scheme, host) = (uri.scheme_str().unwrap_or("https"), uri.authority());
    let host = host.map_or("localhost", http::uri::Authority::as_str);
    json_response(StatusCode::OK, &openapi::document(&format!("{scheme}://{host}")))
}

async fn check_health(app: &App, invocation: &Invocation) -> Result<(), Problem> {
    let met = app.secrets.met();
    // Of one of the two there are none.
    for app_id in app.config.apps.listed().iter().chain(&met) {
        let credentials = match app.secrets.get(app_id, invocation.now).await {
            Ok(credentials) => credentials,
            // Its parameters were taken away since: it is not served any more, and misses nothing.
            Err(SecretsError::Unknown) => continue,
            Err(error @ SecretsError::Unavailable) => return Err(error.into()),
        };
        if let Some(missing) = credentials.missing() {
            tracing::error!(%app_id, missing, "not configured");
            return Err(Problem::NotReady);
        }
    }
    Ok(())
}

/// The one application, or the one that the query names.
fn application<'a>(served: &'a Apps, query: Option<&str>) -> Result<Cow<'a, AppId>, Problem> {
    let mut pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let named: Option<Cow<'_, str>> =
        pairs.find(|(name, _)| name == "app_id").map(|(_, value)| value);

    match (named, served.listed()) {
        (Some(named), _) => AppId::parse(&named)
            .filter(|app_id| served.allow(app_id))
            .map(Cow::Owned)
            .ok_or(Problem::UnknownApplication),
        // With one application a URL without a query is enough.
        (None, [only]) => Ok(Cow::Borrowed(only)),
        (None, _) => Err(Problem::NoApplication),
    }
}

/// The webhook: the sender waits a second, so it is answered as soon as the queue holds the
/// handoff. Never talks to Desk.
async fn queue(
    app: &App,
    app_id: &AppId,
    handoff: Handoff,
    record: &mut Record,
) -> Result<Response<Body>, Problem> {
    // Nothing is answered before the queue has it: what was only promised could be lost.
    let message = Message::new(app_id, handoff, false);
    app.queue.send(&message.entry()).await.map_err(Problem::NotQueued)?;
    record.status = WorkStatus::Queued;
    Ok(json_response(
        StatusCode::OK,
        &json!({"status": "queued", "event_id": message.handoff.event_id}),
    ))
}

/// A direct handoff for which nobody waits any more: the worker does it.
async fn queue_direct(
    app: &App,
    app_id: &AppId,
    handoff: Handoff,
    record: &mut Record,
) -> Result<Response<Body>, Problem> {
    let message = Message::new(app_id, handoff, true);
    app.queue.send(&message.entry()).await.map_err(Problem::NotQueued)?;
    record.status = WorkStatus::Queued;
    let report = Report::new(&message.handoff, report::Status::Queued, Action::None);
    Ok(json_response(StatusCode::ACCEPTED, &report))
}

/// `Prefer: respond-async` (RFC 7240), alone or among others.
fn prefers_async(headers: &HeaderMap) -> bool {
    // The header may come several times, each with a list.
    let preferences =
        headers.get_all(names::header::PREFER).iter().filter_map(|value| value.to_str().ok());
    preferences
        .flat_map(|value| value.split(','))
        .any(|preference| preference.trim().eq_ignore_ascii_case("respond-async"))
}

fn within_limit(body: &[u8]) -> Result<&[u8], Problem> {
    if body.len() > MAX_BODY { Err(Problem::TooLarge) } else { Ok(body) }
}

/// The header's value; one that is not text is an empty key, which is refused as such.
fn idempotency_key(headers: &HeaderMap) -> Option<String> {
    headers
        .get(names::header::IDEMPOTENCY_KEY)
        .map(|value| value.to_str().unwrap_or_default().to_owned())
}
