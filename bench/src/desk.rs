//! Desk as far as the measured routes need it: fixed answers after a chosen delay, and how long it
//! took itself.
//!
//! The embedded Desk of the tests keeps a log and rules of its own, which would be timed with the
//! functions. What a conversation finds here is in its channel's name: `known-7` is ticket 7 with
//! what was last written to it, `there-…` has a ticket that nobody has written to, any other has
//! none.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use http::{Method, Uri};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use crate::events::USER;

/// The ticket of every conversation but the known ones.
const OTHER: u64 = 1000;

/// A Desk that is up as long as the process.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    delay: AtomicU64,
    calls: Mutex<Vec<(Instant, Instant)>>,
    written: Mutex<HashMap<u64, Map<String, Value>>>,
}

impl Desk {
    pub(crate) fn start(servers: &Handle) -> std::io::Result<Self> {
        let listener = servers.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared::default());
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        servers.spawn(axum::serve(listener, routes).into_future());
        Ok(Self { url, shared })
    }

    /// From now on every answer takes so long.
    pub(crate) fn delay(&self, milliseconds: u64) {
        self.shared.delay.store(milliseconds, Ordering::Relaxed);
    }

    /// How many calls there were since this was asked last, and how long at least one of them was
    /// being answered.
    pub(crate) fn busy(&self) -> (usize, Duration) {
        let mut calls = std::mem::take(&mut *self.shared.calls.lock().expect("no holder panics"));
        calls.sort_unstable();
        let mut busy = Duration::ZERO;
        let mut until = calls.first().map_or_else(Instant::now, |(start, _)| *start);
        for (start, end) in &calls {
            // Calls may overlap: a moment in which two are answered counts once.
            busy += end.saturating_duration_since(until.max(*start));
            until = until.max(*end);
        }
        (calls.len(), busy)
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> String {
    let start = Instant::now();
    let delay = shared.delay.load(Ordering::Relaxed);
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    let answer =
        shared.work(&method, &uri, &serde_json::from_slice(&body).unwrap_or_default()).to_string();
    shared.calls.lock().expect("no holder panics").push((start, Instant::now()));
    answer
}

impl Shared {
    fn work(&self, method: &Method, uri: &Uri, body: &Value) -> Value {
        let parts: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
        match (method.as_str(), parts.as_slice()) {
            ("GET", ["tickets"]) => self.list(uri.query().unwrap_or_default()),
            ("POST", ["tickets"]) => ticket(OTHER, "created", &sent(body)),
            ("GET", ["tickets", id]) => self.view(id.parse().unwrap_or(OTHER)),
            ("PATCH", ["tickets", id, "custom_fields"]) => {
                self.write(id.parse().unwrap_or(OTHER), &sent(body))
            }
            ("GET", ["customers"]) => json!({"count": 1, "results": [customer()]}),
            _ => json!({"detail": "Not found."}),
        }
    }

    fn list(&self, query: &str) -> Value {
        let channel = query.split('&').find_map(|pair| pair.strip_prefix("channel_url="));
        let found = match channel.map(|channel| (channel, channel.split_once('-'))) {
            Some((_, Some(("known", id)))) => Some(self.view(id.parse().unwrap_or(OTHER))),
            Some((channel, Some(("there", _)))) => Some(ticket(OTHER, channel, &Map::new())),
            _ => None,
        };
        json!({"count": usize::from(found.is_some()), "next": null, "previous": null, "results": Vec::from_iter(found)})
    }

    fn view(&self, id: u64) -> Value {
        let written = self.written.lock().expect("no holder panics");
        ticket(id, &format!("known-{id}"), written.get(&id).unwrap_or(&Map::new()))
    }

    fn write(&self, id: u64, fields: &Map<String, Value>) -> Value {
        if id == OTHER {
            return ticket(id, "there", fields);
        }
        let mut written = self.written.lock().expect("no holder panics");
        let all = written.entry(id).or_default();
        all.extend(fields.clone());
        ticket(id, &format!("known-{id}"), all)
    }
}

/// The custom fields of a call: a text that holds an object.
fn sent(body: &Value) -> Map<String, Value> {
    let text = body["customFields"].as_str().unwrap_or("{}");
    serde_json::from_str(text).unwrap_or_default()
}

fn customer() -> Value {
    json!({"id": 5_556_923, "sendbirdId": USER, "channelType": "SENDBIRD", "displayName": "Customer", "project": 105})
}

fn ticket(id: u64, channel: &str, fields: &Map<String, Value>) -> Value {
    let fields: Vec<Value> =
        fields.iter().map(|(key, value)| json!({"id": 1, "key": key, "value": value})).collect();
    json!({
        "id": id, "project": 105, "channelName": "AI handoff 2647", "channelUrl": channel,
        "createdAt": "2025-07-30T08:35:33.000000Z", "issuedAt": "2025-07-30T08:35:34.000000Z", "closedAt": null,
        "customer": customer(), "group": {"id": 7, "key": "vip", "name": "VIP"}, "status": "UNASSIGNED",
        "status2": "PENDING", "closeStatus": "NOT_CLOSED", "closeComment": "", "recentAssignment": null, "info": "{}",
        "priority": "HIGH", "messageCount": 3, "lastMessage": "", "customFields": fields, "relatedChannels": "[]",
    })
}
