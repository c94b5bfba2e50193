//! What is sent back: JSON, and refusals in Desk's or in Chat's form. It takes its values as they
//! are to be shown and never asks the state.

use axum::{body::Body, response::Response};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CONTENT_TYPE, HeaderName},
};
use serde_json::{Value, json};

use crate::{call::Call, choices::ErrorForm, refusal::Refusal};

const JSON: &str = "application/json; charset=utf-8";

/// What comes of a call.
pub(crate) type Outcome = Result<Reply, Refusal>;

#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn ok(value: &Value) -> Self {
        Self::json(200, value)
    }

    #[track_caller]
    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::new(status, value.to_string()).with("content-type", JSON)
    }

    #[track_caller]
    pub(crate) fn new(status: u16, body: String) -> Self {
        Self {
            status: StatusCode::from_u16(status).expect("a status is between 100 and 999"),
            headers: HeaderMap::new(),
            body,
        }
    }

    /// With one more header, in place of one of the same name.
    #[track_caller]
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).expect("a header's name is a token");
        let value = HeaderValue::try_from(value).expect("a header's value is printable text");
        self.headers.insert(name, value);
        self
    }

    pub(crate) fn emptied(mut self) -> Self {
        self.body.clear();
        // A type without a body would tell the client to read JSON where there is none.
        self.headers.remove(CONTENT_TYPE);
        self
    }

    /// At least `size` bytes long, and the same JSON: blanks go before it.
    pub(crate) fn padded(mut self, size: usize) -> Self {
        let blanks = size.saturating_sub(self.body.len());
        // Before the JSON, so that a client which stops reading early has nothing of it.
        self.body.insert_str(0, &" ".repeat(blanks));
        self
    }

    pub(crate) fn into_whole(self) -> http::Response<Vec<u8>> {
        let mut response = http::Response::new(self.body.into_bytes());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    pub(crate) fn into_response(self) -> Response {
        self.into_whole().map(Body::from)
    }
}

impl Refusal {
    /// As Desk, in this form, or as Chat says it.
    pub(crate) fn answer(self, call: Call, form: ErrorForm) -> Reply {
        let Self { status, code, detail } = self;
        // Chat's codes are numbers and Desk's are texts (desk-wire section 7).
        if call.is_chat() {
            let body = json!({"error": true, "code": code, "message": detail});
            return Reply::json(status, &body);
        }

        let body = match form {
            ErrorForm::CodeAndDetail => json!({"code": format!("desk{code}"), "detail": detail}),
            ErrorForm::Detail => json!({"detail": detail}),
            ErrorForm::ByProperty => json!({"non_field_errors": [detail]}),
        };
        Reply::json(status, &body)
    }
}
