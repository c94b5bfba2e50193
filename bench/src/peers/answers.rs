//! What an implementation has to answer before it is measured: a wrong answer would be a fast one.

use std::io::{Error, Result};

use axum::body::Bytes;
use http::StatusCode;
use serde_json::Value;

use super::implementation::Implementation;
use crate::events::Route;
use crate::function::Function;

/// A request that is like another one but for its signature.
const WRONG_SIGNATURE: &str = include_str!("../../../events/wrong-signature.json");
/// The value of a key that the rules deny.
const DENIED: &str = "live-token-never-to-be-sent";

/// Fails with what is wrong.
pub(super) fn check(one: &Implementation) -> Result<()> {
    let api = one.start(Route::Create)?;
    let create = Route::Create.event();
    let asked = [
        (create.clone(), StatusCode::CREATED, "created"),
        (create, StatusCode::OK, "duplicate"),
        (Route::UpdateKnown.event(), StatusCode::OK, "updated"),
        (Route::UpdateKnown.event(), StatusCode::OK, "updated"),
        (Route::UpdateUnknown.event(), StatusCode::OK, "updated"),
        (Route::Webhook.event(), StatusCode::OK, "queued"),
    ];

    for (event, status, expected) in asked {
        let answer = answer(&api, event)?;
        let body = body(&answer);
        let is_right = answer["statusCode"] == status.as_u16() && body["status"] == expected;
        expect(one, is_right, expected, &answer)?;
        if let Some(fields) = body["fields"].as_array().filter(|fields| !fields.is_empty()) {
            expect(one, matches_fields(fields), "an outcome for each key", &answer)?;
        }
        expect(one, !answer.to_string().contains(DENIED), "no value", &answer)?;
    }
    refuses(one, &api)?;
    let worker = one.start(Route::Batch(1))?;
    let answer = answer(&worker, Route::Batch(2).event())?;
    let nothing_failed = answer["batchItemFailures"].as_array().is_some_and(Vec::is_empty);

    expect(one, nothing_failed, "no failure", &answer)
}

/// By both routes, and without a look at Desk.
fn refuses(one: &Implementation, api: &Function) -> Result<()> {
    one.world.desk.busy();
    let mut event: Value = serde_json::from_str(WRONG_SIGNATURE)?;
    for path in ["/handoffs", "/webhooks/handoff"] {
        event["rawPath"] = path.into();
        event["requestContext"]["http"]["path"] = path.into();
        let answer = answer(api, event.to_string().into_bytes())?;
        let is_refused = answer["statusCode"] == StatusCode::UNAUTHORIZED.as_u16();
        expect(one, is_refused, "401", &answer)?;
    }
    let (desk_calls, _) = one.world.desk.busy();

    expect(one, desk_calls == 0, "no call to Desk", &Value::Null)
}

/// Of the sample: what is on the ticket, what may not be, and what no field has.
fn matches_fields(fields: &[Value]) -> bool {
    let expected = [("order-id", "written"), ("auth-token", "denied"), ("newsletter", "unmatched")];
    expected.iter().all(|(key, outcome)| {
        fields.iter().any(|field| field["key"] == *key && field["outcome"] == *outcome)
    })
}

fn answer(function: &Function, event: Vec<u8>) -> Result<Value> {
    function.runtime.hand_out(event);
    let answer: std::result::Result<Bytes, String> = function.runtime.answer().body;
    function.runtime.poll();
    Ok(serde_json::from_slice(&answer.map_err(Error::other)?)?)
}

fn body(answer: &Value) -> Value {
    answer["body"].as_str().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default()
}

fn expect(one: &Implementation, is_right: bool, expected: &str, answer: &Value) -> Result<()> {
    if is_right {
        return Ok(());
    }
    Err(Error::other(format!("{} answers {answer} instead of {expected}", one.name)))
}
