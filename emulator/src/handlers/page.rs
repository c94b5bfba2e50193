//! The part of a list that a request asks for.

use serde_json::{Value, json};

use crate::http::reply::Reply;
use crate::http::request::{ApiRequest, Parameters};
use crate::model::state::State;

/// The part of `items` that `limit` and `offset` ask for, with the addresses of the parts beside
/// it.
pub(crate) fn page(
    state: &State,
    request: &ApiRequest,
    parameters: &Parameters,
    items: Vec<Value>,
) -> Reply {
    let (base, largest) = (&state.base, state.behaviour.largest_page);
    let number = |name: &str| parameters.get(name).and_then(|text| text.parse::<usize>().ok());
    // What is no number counts as not said, and so does 0: 50 is the documented default.
    let limit = number("limit").filter(|limit| *limit > 0).unwrap_or(50).min(largest);
    let offset = number("offset").unwrap_or(0);
    let count = items.len();
    let after = offset.saturating_add(limit);
    let next = (after < count).then(|| link(base, request, limit, after));
    let previous = (offset > 0).then(|| link(base, request, limit, offset.saturating_sub(limit)));
    let results: Vec<Value> = items.into_iter().skip(offset).take(limit).collect();
    let mut page = json!({"count": count, "next": next, "previous": previous, "results": results});

    // A client must find the end of such a list by itself: at a page with nothing on it.
    if let Some(properties) = page.as_object_mut().filter(|_| !state.behaviour.lists_count) {
        properties.remove("count");
    }
    Reply::ok(&page)
}

/// The address of the same list at another place, whole.
fn link(base: &str, request: &ApiRequest, limit: usize, offset: usize) -> String {
    let pairs = request.uri.query().unwrap_or_default().split('&');
    // Clients that are known follow these addresses as a whole, so that the filters stay in them.
    let kept = pairs.filter(|pair| {
        !pair.is_empty() && !pair.starts_with("limit=") && !pair.starts_with("offset=")
    });
    let query: String = kept.map(|pair| format!("&{pair}")).collect();
    format!("{base}{}?limit={limit}&offset={offset}{query}", request.uri.path())
}
