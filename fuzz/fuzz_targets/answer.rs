//! Anything that Desk may answer, through our reading of its JSON: no panic, no id that is none,
//! and nothing of a refusal but its code.
//!
//! The two files are taken in as they stand, because nothing outside their folder sees them.
#![no_main]
#![allow(dead_code, unreachable_pub)]

use desk_handoff::{fields, names, retry, rules, ticket};
use http::{HeaderMap, HeaderValue, StatusCode};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

#[path = "../../src/desk/error.rs"]
mod error;
#[path = "../../src/desk/wire.rs"]
mod wire;

fn read(value: &Value) {
    if let Some(ticket) = wire::ticket(value) {
        assert!(ticket.id > 0);
        assert!(ticket.team.is_none_or(|team| !team.is_empty()));
    }
    let _ = wire::sendbird_id(value);
}

fuzz_target!(|data: &[u8]| {
    let Some((head, body)) = data.split_at_checked(4) else { return };
    let status = StatusCode::from_u16(100 + u16::from_be_bytes([head[0], head[1]]) % 900)
        .expect("it is one");
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(&body[..body.len().min(usize::from(head[2] % 32))]) {
        headers
            .insert(if head[3] % 2 == 0 { "retry-after" } else { "x-ratelimit-retryafter" }, value);
    }
    let refusal = error::DeskError::from_answer("view ticket", status, &headers, body);
    assert_eq!(refusal.status, Some(status));
    let code = refusal.code.clone().unwrap_or_default();
    assert!(
        code.len() <= 16
            && code.trim_start_matches("desk").bytes().all(|byte| byte.is_ascii_digit()),
        "{code}"
    );
    assert!(refusal.to_string().len() < 100);
    let _ = refusal.failure();
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return };
    read(&value);
    if let Some(page) = wire::page(&value) {
        page.results.iter().for_each(read);
    }
});
