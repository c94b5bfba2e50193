//! What can go wrong between us and Desk, by what the caller does next.
//!
//! Pure. The status is never lost, even when the body cannot be read. Desk's `detail` may repeat a
//! customer's value, so it stays behind: only its `code` is kept, and only if it looks like one.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::names::header;
use crate::retry::{CallFailure, Sent};

/// A Desk call that did not end well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct DeskError {
    /// Which call it was, such as `create ticket`.
    pub call: &'static str,
    /// What the caller does next.
    pub kind: ErrorKind,
    /// Desk's status, if it answered.
    pub status: Option<StatusCode>,
    /// Desk's own code, such as `desk400104` (desk-wire section 7).
    pub code: Option<String>,
    /// Whether the call may have been carried out.
    pub sent: Sent,
    /// How long Desk asked to wait.
    pub retry_after: Option<Duration>,
}

/// What the caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Send something else: Desk will not take this.
    Refused,
    /// Get another token.
    Unauthorized,
    /// Come back later: too many requests.
    RateLimited,
    /// Come back later: Desk is broken, or what it said makes no sense.
    Unavailable,
    /// Come back later: no answer in time.
    TimedOut,
    /// Come back later: nobody there.
    Unreachable,
    /// Come back later: one attempt may make no more calls.
    CallLimit,
}

impl fmt::Display for DeskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ErrorKind::Refused => "Desk refused the call",
            ErrorKind::Unauthorized => "Desk refused the token",
            ErrorKind::RateLimited => "Desk asked to come back later",
            ErrorKind::Unavailable => "Desk gave no usable answer",
            ErrorKind::TimedOut => "Desk did not answer in time",
            ErrorKind::Unreachable => "Desk could not be reached",
            ErrorKind::CallLimit => "the handoff needs more calls than one attempt may make",
        };
        write!(f, "{what} ({}", self.call)?;
        if let Some(status) = self.status {
            write!(f, ", status {}", status.as_u16())?;
        }
        if let Some(code) = &self.code {
            write!(f, ", code {code}")?;
        }

        f.write_str(")")
    }
}

impl DeskError {
    /// An answer whose status is not a success.
    pub(super) fn from_answer(
        call: &'static str,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Self {
        let kind = match status.as_u16() {
            // A 403 may be about the token: a newer one is tried before it counts as a refusal.
            401 | 403 => ErrorKind::Unauthorized,
            408 => ErrorKind::TimedOut,
            425 | 429 => ErrorKind::RateLimited,
            400..=499 => ErrorKind::Refused,
            // Redirects, too: the token must not go to another host.
            _ => ErrorKind::Unavailable,
        };

        // A 5xx may come from a proxy after Desk has done the work.
        let sent = if status.is_server_error() || kind == ErrorKind::TimedOut {
            Sent::Maybe
        } else {
            Sent::No
        };

        Self {
            call,
            kind,
            status: Some(status),
            code: code(body),
            sent,
            retry_after: retry_after(headers),
        }
    }

    /// A success that says nothing usable, or something about another ticket than the one asked
    /// for.
    pub(crate) fn invalid_response(call: &'static str, status: Option<StatusCode>) -> Self {
        Self {
            call,
            kind: ErrorKind::Unavailable,
            status,
            code: None,
            // It was a success: as far as anybody knows, the call was carried out.
            sent: Sent::Maybe,
            retry_after: None,
        }
    }

    /// No answer at all.
    pub(crate) fn no_response(call: &'static str, kind: ErrorKind, sent: Sent) -> Self {
        Self { call, kind, status: None, code: None, sent, retry_after: None }
    }

    /// Whether Desk said no to this very call: what it asks for is unavailable, whoever asks
    /// again. A 403 may also mean that the token is not good any more; for a call that is not
    /// needed that makes no difference.
    pub fn is_refusal(&self) -> bool {
        self.kind == ErrorKind::Refused || self.status == Some(StatusCode::FORBIDDEN)
    }

    /// As far as repeating goes. A redirect or an unusable success will not pass by itself.
    pub(super) fn failure(&self) -> CallFailure {
        let passing = match self.kind {
            ErrorKind::Refused | ErrorKind::Unauthorized | ErrorKind::CallLimit => false,
            ErrorKind::Unavailable => self.status.is_none_or(|status| status.is_server_error()),
            ErrorKind::RateLimited | ErrorKind::TimedOut | ErrorKind::Unreachable => true,
        };
        CallFailure { passing, sent: self.sent, retry_after: self.retry_after }
    }
}

/// Seconds to wait, by either header that Sendbird's APIs use (desk-wire section 7). A date is not
/// one of them.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = |name| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    // The longer one, because to come too early costs another refusal.
    seconds(header::RETRY_AFTER)
        .max(seconds(header::RATE_LIMIT_RETRY_AFTER))
        .map(Duration::from_secs)
}

fn code(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let code = body.get("code")?;
    let code =
        code.as_str().map(str::to_owned).or_else(|| code.as_u64().map(|code| code.to_string()))?;
    // Desk's codes are numbers, mostly after `desk`; any other text may be a customer's value.
    let digits = code.strip_prefix("desk").unwrap_or(&code);
    ((1..=12).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn error(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> DeskError {
        let headers = headers.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), HeaderValue::from_static(value))
        });
        DeskError::from_answer(
            "view ticket",
            StatusCode::from_u16(status).unwrap(),
            &headers.collect(),
            body.as_bytes(),
        )
    }

    #[test]
    fn the_status_survives_a_body_of_html() {
        let error = error(502, &[], "<html>Bad gateway</html>");
        assert_eq!(
            (error.kind, error.status, error.sent),
            (ErrorKind::Unavailable, Some(StatusCode::BAD_GATEWAY), Sent::Maybe)
        );
        assert_eq!(error.to_string(), "Desk gave no usable answer (view ticket, status 502)");
    }

    #[test]
    fn a_status_says_what_to_do_next() {
        for (status, kind, sent) in [
            (401, ErrorKind::Unauthorized, Sent::No),
            (403, ErrorKind::Unauthorized, Sent::No),
            (404, ErrorKind::Refused, Sent::No),
            (408, ErrorKind::TimedOut, Sent::Maybe),
            (425, ErrorKind::RateLimited, Sent::No),
            (307, ErrorKind::Unavailable, Sent::No),
            (500, ErrorKind::Unavailable, Sent::Maybe),
        ] {
            let error = error(status, &[], "");
            assert_eq!((error.kind, error.sent), (kind, sent), "{status}");
        }
    }

    #[test]
    fn desks_code_is_kept_and_its_detail_is_not() {
        let said = error(400, &[], r#"{"code": "desk400104", "detail": "ORD-1 is not valid"}"#);
        assert_eq!(
            said.to_string(),
            "Desk refused the call (view ticket, status 400, code desk400104)"
        );
        assert!(!format!("{said:?}").contains("ORD-1"));
        for odd in [
            r#"{"code": "ORD-1"}"#,
            r#"{"code": "desk"}"#,
            r#"{"code": {}}"#,
            r#"{"f": ["x"]}"#,
            "",
            "[]",
        ] {
            assert_eq!(error(400, &[], odd).code, None, "{odd}");
        }

        assert_eq!(error(429, &[], r#"{"code": 500910}"#).code.as_deref(), Some("500910"));
    }

    #[test]
    fn the_longer_of_two_waits_is_honoured() {
        let busy = error(429, &[("retry-after", "2"), ("x-ratelimit-retryafter", "5")], "");
        assert_eq!(
            (busy.kind, busy.retry_after, busy.sent),
            (ErrorKind::RateLimited, Some(Duration::from_secs(5)), Sent::No)
        );
        assert_eq!(
            error(429, &[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], "").retry_after,
            None
        );
    }

    #[test]
    fn only_outages_and_limits_pass_by_themselves() {
        for (status, passing) in [
            (400, false),
            (401, false),
            (404, false),
            (302, false),
            (429, true),
            (500, true),
            (503, true),
        ] {
            assert_eq!(error(status, &[], "").failure().passing, passing, "{status}");
        }
        assert!(
            !DeskError::invalid_response("view ticket", Some(StatusCode::OK)).failure().passing
        );

        assert!(
            DeskError::no_response("view ticket", ErrorKind::TimedOut, Sent::Maybe)
                .failure()
                .passing
        );
    }
}
