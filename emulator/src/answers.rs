//! What is sent back: JSON, refusals in Desk's or in Chat's shape, pages of a list.
//! It takes its values as they are to be shown and never asks the state.

use axum::{body::Body, response::Response};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CONTENT_TYPE, HeaderName},
};
use serde_json::{Value, json};

use crate::{
    asked::{Asked, Parameters},
    calls::Call,
    state::State,
};

const JSON: &str = "application/json; charset=utf-8";

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
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
        self.headers.remove(CONTENT_TYPE);
        self
    }

    /// At least `size` bytes long, and the same JSON: blanks go before it.
    pub(crate) fn padded(mut self, size: usize) -> Self {
        let blanks = size.saturating_sub(self.body.len());
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
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// A call that is not done, and why. `code` is written as Desk or as Chat writes it; the numbers of
/// Desk are invented.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: u32,
    pub(crate) detail: String,
}

impl Refusal {
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(400, 400_104, detail)
    }

    pub(crate) fn unauthorised() -> Self {
        Self::new(401, 401_100, "The token is missing or is not valid.")
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, 404_100, "Not found.")
    }

    pub(crate) fn media_type(kind: &str) -> Self {
        Self::new(415, 415_100, format!("Unsupported media type {kind:?}."))
    }

    pub(crate) fn new(status: u16, code: u32, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { status, code, detail }
    }

    pub(crate) fn answer(self, call: Call) -> Answer {
        let Self { status, code, detail } = self;
        if call.is_chat() {
            Answer::json(status, &json!({"error": true, "code": code, "message": detail}))
        } else {
            Answer::json(status, &json!({"code": format!("desk{code}"), "detail": detail}))
        }
    }
}

/// The part of `items` that `limit` and `offset` ask for, with the addresses of the parts beside
/// it.
pub(crate) fn page(
    state: &State,
    asked: &Asked,
    parameters: &Parameters,
    items: Vec<Value>,
) -> Answer {
    let (base, largest) = (&state.base, state.behaviour.largest_page);
    let number = |name: &str| parameters.get(name).and_then(|text| text.parse::<usize>().ok());
    let limit = number("limit").filter(|limit| *limit > 0).unwrap_or(50).min(largest);
    let offset = number("offset").unwrap_or(0);
    let count = items.len();
    let after = offset.saturating_add(limit);
    let next = (after < count).then(|| link(base, asked, limit, after));
    let previous = (offset > 0).then(|| link(base, asked, limit, offset.saturating_sub(limit)));
    let results: Vec<Value> = items.into_iter().skip(offset).take(limit).collect();
    let mut page = json!({"count": count, "next": next, "previous": previous, "results": results});
    if let Some(properties) = page.as_object_mut().filter(|_| !state.behaviour.lists_count) {
        properties.remove("count");
    }
    Answer::ok(&page)
}

/// The address of the same list at another place, whole.
fn link(base: &str, asked: &Asked, limit: usize, offset: usize) -> String {
    let pairs = asked.uri.query().unwrap_or_default().split('&');
    let kept = pairs.filter(|pair| {
        !pair.is_empty() && !pair.starts_with("limit=") && !pair.starts_with("offset=")
    });
    let query: String = kept.map(|pair| format!("&{pair}")).collect();
    format!("{base}{}?limit={limit}&offset={offset}{query}", asked.uri.path())
}
