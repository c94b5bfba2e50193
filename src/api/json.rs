//! A document as an answer.

use http::{HeaderValue, StatusCode, header};
use lambda_http::{Body, Response};
use serde::Serialize;

pub(super) fn json_response(status: StatusCode, document: &impl Serialize) -> Response<Body> {
    let text =
        serde_json::to_string(document).expect("a document of texts and numbers can be written");
    let mut response = Response::new(Body::Text(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // An answer names tickets and facts, which no cache in between may keep.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
