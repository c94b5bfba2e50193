//! Desk as far as the measured routes need it: fixed answers after a chosen delay, and how long it
//! took itself.
//!
//! The embedded Desk of the tests keeps a log and rules of its own, which would be timed with the
//! functions. Here every user has one conversation and at most one ticket, and all three have one
//! name and one number ([`Person`]).

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

use crate::events::Person;

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
    /// Fields by the number of their ticket.
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
        let asked = || asked_for(uri.query().unwrap_or_default());
        match (method.as_str(), parts.as_slice()) {
            ("GET", ["tickets"]) => page(asked().and_then(|person| self.listed(person))),
            ("POST", ["tickets"]) => {
                let person = body["customerId"].as_u64().and_then(Person::numbered);
                person.map_or(Value::Null, |person| self.write(person, &sent(body)))
            }
            ("GET", ["tickets", id]) => self.of(id, |person| self.view(person)),
            ("PATCH", ["tickets", id, "custom_fields"]) => {
                self.of(id, |person| self.write(person, &sent(body)))
            }
            ("GET", ["customers"]) => page(asked().map(customer)),
            _ => json!({"detail": "Not found."}),
        }
    }

    fn of(&self, id: &str, answer: impl Fn(Person) -> Value) -> Value {
        id.parse().ok().and_then(Person::numbered).map_or(Value::Null, answer)
    }

    fn listed(&self, person: Person) -> Option<Value> {
        let is_there = match person {
            Person::Known(_) | Person::There(_) => true,
            Person::New(_) => {
                self.written.lock().expect("no holder panics").contains_key(&person.number())
            }
        };
        is_there.then(|| self.view(person))
    }

    fn view(&self, person: Person) -> Value {
        let written = self.written.lock().expect("no holder panics");
        ticket(person, written.get(&person.number()).unwrap_or(&Map::new()))
    }

    fn write(&self, person: Person, fields: &Map<String, Value>) -> Value {
        let mut written = self.written.lock().expect("no holder panics");
        let all = written.entry(person.number()).or_default();
        all.extend(fields.clone());
        ticket(person, all)
    }
}

/// Whose tickets or which customer a query asks for.
fn asked_for(query: &str) -> Option<Person> {
    query.split('&').find_map(|pair| pair.strip_prefix("sendbird_id=")).and_then(Person::named)
}

/// The custom fields of a call: a text that holds an object.
fn sent(body: &Value) -> Map<String, Value> {
    let text = body["customFields"].as_str().unwrap_or("{}");
    serde_json::from_str(text).unwrap_or_default()
}

fn page(found: Option<Value>) -> Value {
    json!({"count": usize::from(found.is_some()), "next": null, "previous": null, "results": Vec::from_iter(found)})
}

fn customer(person: Person) -> Value {
    json!({"id": person.number(), "sendbirdId": person.name(), "channelType": "SENDBIRD", "displayName": "Customer", "project": 105})
}

fn ticket(person: Person, fields: &Map<String, Value>) -> Value {
    let fields: Vec<Value> =
        fields.iter().map(|(key, value)| json!({"id": 1, "key": key, "value": value})).collect();
    // A ticket that is made gets a channel of its own.
    let channel = match person {
        Person::Known(_) | Person::There(_) => person.name(),
        Person::New(_) => format!("ticket-of-{}", person.name()),
    };
    json!({
        "id": person.number(), "project": 105, "channelName": person.title(), "channelUrl": channel,
        "createdAt": "2025-07-30T08:35:33.000000Z", "issuedAt": "2025-07-30T08:35:34.000000Z", "closedAt": null,
        "customer": customer(person), "group": {"id": 7, "key": "vip", "name": "VIP"}, "status": "UNASSIGNED",
        "status2": "PENDING", "closeStatus": "NOT_CLOSED", "closeComment": "", "recentAssignment": null, "info": "{}",
        "priority": "HIGH", "messageCount": 3, "lastMessage": "", "customFields": fields,
        "relatedChannels": json!([{"channel_url": person.name()}]).to_string(),
    })
}
