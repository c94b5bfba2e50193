//! Answers that say no: RFC 9457 problem documents, clear to the caller and giving nothing away.

use http::{HeaderValue, Method, StatusCode, header};
use lambda_http::{Body, Response};
use serde_json::json;

use super::json::json_response;
use crate::app::JobError;
use crate::desk::{DeskError, ErrorKind};
use crate::handoff::BadBody;
use crate::json_reader::ReadError;
use crate::metrics::{Refusal, WorkStatus};
use crate::process::ProcessError;
use crate::secrets::SecretsError;
use crate::store::StoreError;

/// How long a caller should wait before it tries again, at most, where Desk did not say.
const RETRY_AFTER_SECONDS: u64 = 5;

/// Everything that is answered with something else than success.
#[derive(Debug)]
pub(super) enum Problem {
    NoSuchRoute,
    WrongMethod { allowed: Method },
    TooLarge,
    NoApplication,
    UnknownApplication,
    Unauthenticated,
    BadBody(BadBody),
    Unavailable,
    NotReady,
    NotConfigured(&'static str),
    NotQueued(StoreError),
    Failed(ProcessError),
}

impl From<SecretsError> for Problem {
    fn from(error: SecretsError) -> Self {
        match error {
            SecretsError::Unknown => Self::UnknownApplication,
            SecretsError::Unavailable => Self::Unavailable,
        }
    }
}

impl From<JobError> for Problem {
    fn from(error: JobError) -> Self {
        match error {
            JobError::NotConfigured(parameter) => Self::NotConfigured(parameter),
            JobError::Failed(failure) => Self::Failed(failure),
        }
    }
}

/// What a problem looks like.
struct ProblemDetails {
    status: StatusCode,
    /// The last part of the `type`, which is a URN: it names the kind of problem and leads nowhere.
    name: &'static str,
    title: &'static str,
    detail: String,
}

impl Problem {
    /// The answer that says so.
    pub(super) fn into_response(self, request_id: &str) -> Response<Body> {
        let ProblemDetails { status, name, title, detail } = self.details();
        let mut document = json!({
            "type": format!("urn:desk-handoff:problem:{name}"),
            "title": title,
            "status": status.as_u16(),
            "detail": detail,
            "request_id": request_id,
        });

        if let Self::BadBody(BadBody::Shape(problems)) = &self {
            let error =
                |problem: &ReadError| json!({"path": problem.path, "detail": problem.message});
            document["errors"] = problems.iter().map(error).collect();
        }
        if let Self::Failed(ProcessError::Desk(DeskError { status: Some(status), .. })) = &self {
            // Ours is a 502 for many of Desk's: its own says more to whoever knows Desk.
            document["desk_status"] = status.as_u16().into();
        }

        let mut response = json_response(status, &document);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Self::WrongMethod { allowed } = &self {
            let allowed = HeaderValue::from_str(allowed.as_str()).expect("a method is plain text");
            headers.insert(header::ALLOW, allowed);
        }
        // HTTP wants a challenge with every 401, and knows this one of the three kinds.
        if matches!(self, Self::Unauthenticated) {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }

        response
    }

    /// Why the request was refused, if it never became work.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Unauthenticated => Some(Refusal::Signature),
            Self::BadBody(_) | Self::TooLarge => Some(Refusal::Body),
            Self::NoSuchRoute
            | Self::WrongMethod { .. }
            | Self::NoApplication
            | Self::UnknownApplication => Some(Refusal::Request),
            Self::Unavailable
            | Self::NotReady
            | Self::NotConfigured(_)
            | Self::NotQueued(_)
            | Self::Failed(_) => None,
        }
    }

    /// How the work ended with it, if there was any.
    pub(super) fn status(&self) -> Option<WorkStatus> {
        match self {
            Self::Failed(failure) => Some(failure.into()),
            other => other.refusal().is_none().then_some(WorkStatus::Failed),
        }
    }

    /// Whether it is ours or Desk's fault, rather than the caller's.
    pub(super) fn is_fault(&self) -> bool {
        self.details().status.is_server_error()
    }

    /// One line for the log.
    pub(super) fn summary(&self) -> String {
        match self {
            // The error's own words are for the operator; the caller gets those of the document.
            Self::Failed(failure) => failure.to_string(),
            Self::NotQueued(error) => error.to_string(),
            other => other.details().detail,
        }
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Failed(ProcessError::Desk(DeskError {
                // Neither passes by itself, so nobody is invited to come back.
                kind: ErrorKind::Refused | ErrorKind::Unauthorized,
                ..
            })) => None,
            Self::Failed(ProcessError::Desk(error)) => {
                Some(error.retry_after.map_or(RETRY_AFTER_SECONDS, |asked| asked.as_secs()))
            }
            Self::Failed(ProcessError::InProgress(seconds)) => {
                // The lease lasts as long as an invocation may; mostly it is given back much
                // sooner.
                Some((*seconds).clamp(1, RETRY_AFTER_SECONDS))
            }
            Self::Failed(
                ProcessError::CreateInDoubt(seconds)
                | ProcessError::Grace(seconds)
                | ProcessError::NotShown(seconds),
            ) => Some(*seconds),
            Self::Failed(
                ProcessError::NotYet | ProcessError::Claims(_) | ProcessError::Unsettled,
            )
            | Self::Unavailable
            | Self::NotQueued(_) => Some(RETRY_AFTER_SECONDS),
            Self::NoSuchRoute
            | Self::WrongMethod { .. }
            | Self::TooLarge
            | Self::NoApplication
            | Self::UnknownApplication
            | Self::Unauthenticated
            | Self::BadBody(_)
            | Self::NotReady
            | Self::NotConfigured(_) => None,
        }
    }

    fn details(&self) -> ProblemDetails {
        match self {
            Self::NoSuchRoute => describe(
                StatusCode::NOT_FOUND,
                "unknown-route",
                "There is nothing here",
                "The routes are POST /webhooks/handoff, /handoffs, /handoffs/preview and GET /healthz, /openapi.json.",
            ),
            Self::WrongMethod { allowed } => describe(
                StatusCode::METHOD_NOT_ALLOWED,
                "wrong-method",
                "This route takes another method",
                format!("This route takes {allowed} only."),
            ),
            Self::TooLarge => describe(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "The body is too large",
                "A body may have 256 KiB (262144 bytes) at most.",
            ),
            Self::NoApplication => describe(
                StatusCode::BAD_REQUEST,
                "no-application",
                "The application is not named",
                "Several applications are served here: name one with ?app_id=.",
            ),
            Self::UnknownApplication => describe(
                StatusCode::NOT_FOUND,
                "unknown-application",
                "The application is not served here",
                "The app_id of the query is none of the applications served here.",
            ),
            Self::Unauthenticated => describe(
                StatusCode::UNAUTHORIZED,
                "unauthenticated",
                "The request is not authenticated",
                "The request is not authenticated.",
            ),
            Self::BadBody(bad) => describe(
                StatusCode::BAD_REQUEST,
                "bad-body",
                "The body cannot be used",
                bad.to_string(),
            ),
            Self::Unavailable => describe(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "The service cannot work right now",
                "The application's parameters cannot be read right now; try again.",
            ),
            Self::NotReady => describe(
                StatusCode::SERVICE_UNAVAILABLE,
                "not-ready",
                "The service is not configured",
                "A parameter of an application is missing or not usable; the operator's log says which.",
            ),
            Self::NotQueued(_) => describe(
                StatusCode::SERVICE_UNAVAILABLE,
                "not-queued",
                "The handoff was not taken",
                "The queue did not take the handoff; send it again.",
            ),
            Self::NotConfigured(what) => describe(
                StatusCode::INTERNAL_SERVER_ERROR,
                "not-configured",
                "The service is not configured",
                format!(
                    "The application's parameter {what} is missing or not usable; the operator's log says more."
                ),
            ),
            Self::Failed(failure) => failed(failure),
        }
    }
}

fn describe(
    status: StatusCode,
    name: &'static str,
    title: &'static str,
    detail: impl Into<String>,
) -> ProblemDetails {
    ProblemDetails { status, name, title, detail: detail.into() }
}

fn failed(error: &ProcessError) -> ProblemDetails {
    match error {
        ProcessError::NotYet => describe(
            StatusCode::GATEWAY_TIMEOUT,
            "no-ticket-yet",
            "The ticket is not there yet",
            "Desk makes the ticket of this conversation itself and has not yet; try again.",
        ),
        ProcessError::Grace(_) | ProcessError::CreateInDoubt(_) | ProcessError::NotShown(_) => {
            describe(
                StatusCode::GATEWAY_TIMEOUT,
                "ticket-in-doubt",
                "The ticket may be there already",
                "A ticket of this conversation may have been made and is not shown yet; try again.",
            )
        }
        ProcessError::Unsettled => describe(
            StatusCode::CONFLICT,
            "unsettled",
            "The ticket keeps changing",
            "The tickets of this conversation are closed faster than they are filled; try again.",
        ),
        ProcessError::InProgress(_) => describe(
            StatusCode::CONFLICT,
            "in-progress",
            "The customer is being worked on",
            "Another handoff of this customer is being worked on; try again.",
        ),
        ProcessError::Claims(_) => describe(
            StatusCode::SERVICE_UNAVAILABLE,
            "no-claim",
            "The service cannot work right now",
            "The record of what was done cannot be read or written right now; try again.",
        ),
        ProcessError::Desk(error) => desk_failed(error),
    }
}

fn desk_failed(error: &DeskError) -> ProblemDetails {
    let (status, name, title) = match error.kind {
        ErrorKind::TimedOut => {
            (StatusCode::GATEWAY_TIMEOUT, "desk-timeout", "Desk did not answer in time")
        }
        ErrorKind::Unauthorized => {
            (StatusCode::BAD_GATEWAY, "desk-token", "Desk refused our token")
        }
        ErrorKind::Refused => {
            // A 4xx, because the same body would be refused again.
            (StatusCode::UNPROCESSABLE_ENTITY, "desk-refused", "Desk refused the handoff")
        }
        ErrorKind::RateLimited => {
            (StatusCode::BAD_GATEWAY, "desk-rate-limited", "Desk asked to come back later")
        }
        ErrorKind::Unavailable | ErrorKind::Unreachable | ErrorKind::CallLimit => {
            (StatusCode::BAD_GATEWAY, "desk-unavailable", "Desk did not do its part")
        }
    };

    let advice = if error.kind == ErrorKind::Refused {
        "Sending the same again does not help."
    } else {
        "Trying again is safe: it never makes a second ticket."
    };

    describe(status, name, title, format!("{error}. {advice}"))
}
