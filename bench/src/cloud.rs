//! SSM, SQS and DynamoDB as far as the functions need them, answering at once: what is timed is to
//! be the functions.
//!
//! Takes for granted that every event is new and that one process at a time works: no condition is
//! checked.

use desk_handoff::names::parameter;
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use crate::events::{APP, SECRET};

/// What is remembered of each customer, by the item's key.
type Items = Arc<Mutex<HashMap<String, Value>>>;

/// Starts it and gives its address.
pub(crate) fn start(servers: &Handle) -> std::io::Result<String> {
    let listener = servers.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr()?;
    let routes = Router::new().fallback(answer).with_state(Items::default());
    servers.spawn(axum::serve(listener, routes).into_future());
    Ok(format!("http://{address}"))
}

async fn answer(
    State(items): State<Items>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let target =
        headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let answer = match target {
        "AmazonSSM.GetParametersByPath" => parameters(),
        "AmazonSQS.SendMessage" => taken(&serde_json::from_slice(&body).unwrap_or_default()),
        "DynamoDB_20120810.GetItem" => {
            item(&items, &serde_json::from_slice(&body).unwrap_or_default())
        }
        "DynamoDB_20120810.UpdateItem" => {
            update(&items, &serde_json::from_slice(&body).unwrap_or_default())
        }
        // A connection is being opened, nothing more.
        _ => return (StatusCode::NOT_FOUND, String::new()),
    };

    CALLS.fetch_add(1, Ordering::Relaxed);
    (StatusCode::OK, answer.to_string())
}

static CALLS: AtomicUsize = AtomicUsize::new(0);

/// How many calls there were since this was asked last, whoever was called.
pub(crate) fn calls() -> usize {
    CALLS.swap(0, Ordering::Relaxed)
}

/// With the digest that some SDKs compare.
fn taken(request: &Value) -> Value {
    let digest = Md5::digest(request["MessageBody"].as_str().unwrap_or_default());
    json!({"MessageId": "5fea7756-0ea4-451a-a703-a558b933e274", "MD5OfMessageBody": hex::encode(digest)})
}

fn parameters() -> Value {
    let fields = include_str!("../../fields.example.json");
    let parameter = |(name, kind, value): (&str, &str, &str)| json!({"Name": format!("/desk-handoff/{APP}/{name}"), "Type": kind, "Value": value, "Version": 1});
    let all = [
        (parameter::DESK_API_TOKEN, "SecureString", "bench-desk-token"),
        (parameter::SIGNING_SECRET, "SecureString", SECRET),
        (parameter::FIELDS, "String", fields),
    ];
    json!({"Parameters": all.map(parameter)})
}

fn item(items: &Items, request: &Value) -> Value {
    let key = request["Key"]["pk"]["S"].as_str().unwrap_or_default();
    match items.lock().expect("no holder panics").get(key) {
        Some(customer) => json!({"Item": {"pk": {"S": key}, "customer": customer}}),
        None => json!({}),
    }
}

/// A claim is answered with the item as it was; what is given back is kept.
fn update(items: &Items, request: &Value) -> Value {
    let key = request["Key"]["pk"]["S"].as_str().unwrap_or_default();
    let mut items = items.lock().expect("no holder panics");
    let before = items.get(key).cloned();

    if let Some(customer) = request["ExpressionAttributeValues"].get(":customer") {
        items.insert(key.to_owned(), customer.clone());
    }
    match before.filter(|_| request["ReturnValues"] == "ALL_OLD") {
        Some(customer) => json!({"Attributes": {"pk": {"S": key}, "customer": customer}}),
        None => json!({}),
    }
}
