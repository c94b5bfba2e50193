//! The API described in OpenAPI 3.0.3, in the subset that agent platforms take: an `operationId`
//! for each operation, one type a property, JSON only.
//!
//! Written by hand, and held against what is answered: `tests/it/openapi.rs` against the code's own
//! types, `make openapi` by an independent validator and a fuzzer that works from the document.

use serde_json::Value;

const DOCUMENT: &str = include_str!("openapi.json");

/// The document of an API that answers under this address, which is absolute and has no trailing
/// slash.
pub fn document(server: &str) -> Value {
    let mut document: Value = serde_json::from_str(DOCUMENT).expect("the document is JSON");
    document["servers"][0]["url"] = server.into();
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    document
}
