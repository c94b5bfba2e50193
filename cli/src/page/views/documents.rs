//! The same for programs: the journal as JSON, the fields document as a file, what is served here.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::{StatusCode, header};
use serde_json::{Value, json};

use crate::local::journal::Entry;
use crate::page::Page;
use crate::page::views::parts;

type Here = State<Arc<Page>>;

/// What is served: `send --local` asks before it signs.
pub(crate) async fn about(State(page): Here) -> Json<Value> {
    Json(json!({
        "program": "desk-handoff", "version": env!("CARGO_PKG_VERSION"),
        "app_id": page.served.app_id.as_str(), "desk": if page.desk.is_some() { "embedded" } else { "own" },
        "profile": page.served.profile,
    }))
}

/// Every handoff that is kept, the newest first.
pub(crate) async fn all(State(page): Here) -> Json<Value> {
    let handoffs = page.local.journal.newest(usize::MAX, |entry| Some(document(entry)));
    Json(json!({"version": page.local.journal.version(), "handoffs": handoffs}))
}

/// The newest handoff, for a test that has just sent one.
pub(crate) async fn latest(State(page): Here) -> impl IntoResponse {
    let newest = page.local.journal.newest(1, |entry| Some(document(entry)));
    match newest.into_iter().next() {
        Some(newest) => (StatusCode::OK, Json(newest)),
        None => (StatusCode::NOT_FOUND, Json(json!({"detail": "no handoff has come yet"}))),
    }
}

/// The fields document that holds now, as a file.
pub(crate) async fn fields(State(page): Here) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"fields.json\""),
    ];
    (headers, page.fields_text())
}

fn document(entry: &Entry) -> Value {
    json!({
        "id": entry.id, "at": humantime::format_rfc3339_millis(entry.at).to_string(),
        "route": entry.route.name(), "form": parts::form(entry),
        "state": parts::state_name(&entry.state), "status": entry.status, "tries": entry.tries,
        "ticket": parts::ticket(entry), "report": entry.report, "answer": entry.answer,
    })
}
