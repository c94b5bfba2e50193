//! The one way to Desk and to Chat: a request goes out, a response comes in.
//!
//! In production it is the shared HTTP client. A simulator puts a Desk of its own in its place and
//! so decides what each call does and what its caller sees of it. It never repeats a call and never
//! follows a redirect.

use std::time::Duration;

use http::{Request, Response, StatusCode};

use crate::store::BoxFuture;

/// The largest answer that is read, in bytes.
pub const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// Carries one request.
pub trait Transport: Send + Sync {
    /// Sends the request, whose URI is absolute, and waits for the whole response, at most so long.
    fn send(
        &self,
        request: Request<Vec<u8>>,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<Response<Vec<u8>>, TransportError>>;
}

/// Why there is no whole response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportError {
    /// No connection stood, so the request was certainly not carried out.
    Unreachable,
    /// No whole response in time; the request may have been carried out.
    TimedOut,
    /// The connection broke; the request may have been carried out.
    Interrupted,
    /// The response, of this status, is larger than [`MAX_ANSWER`].
    TooLarge(StatusCode),
}

/// The HTTP client of [`crate::http_client`].
#[derive(Debug, Clone)]
pub struct HttpTransport(pub reqwest::Client);

impl Transport for HttpTransport {
    fn send(
        &self,
        request: Request<Vec<u8>>,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<Response<Vec<u8>>, TransportError>> {
        Box::pin(async move {
            // What makes no request goes nowhere.
            let mut request =
                reqwest::Request::try_from(request).map_err(|_| TransportError::Unreachable)?;
            // Of each request and not of the client: the time that is left shrinks with every call.
            *request.timeout_mut() = Some(timeout);
            let mut response = self.0.execute(request).await.map_err(|error| failure(&error))?;

            let mut body = Vec::new();
            // Chunk by chunk, so that an answer without an end costs no more memory than the limit.
            while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
                body.extend_from_slice(&chunk);
                if body.len() > MAX_ANSWER {
                    return Err(TransportError::TooLarge(response.status()));
                }
            }

            let mut whole = Response::new(body);
            *whole.status_mut() = response.status();
            *whole.headers_mut() = std::mem::take(response.headers_mut());
            Ok(whole)
        })
    }
}

/// Only a connection that never stood is certain not to have carried the request.
fn failure(error: &reqwest::Error) -> TransportError {
    match (error.is_connect(), error.is_timeout()) {
        (true, _) => TransportError::Unreachable,
        (false, true) => TransportError::TimedOut,
        (false, false) => TransportError::Interrupted,
    }
}
