//! The pure parts of a handoff's way, by themselves: signature, parsing, matching.

use desk_handoff::auth::{Authenticated, Keys, authenticate, sign};
use desk_handoff::config::AppId;
use desk_handoff::fields::match_fields;
use desk_handoff::handoff::{self, Event, Handoff};
use desk_handoff::names::header;
use desk_handoff::rules::Rules;
use divan::{Bencher, black_box};
use http::HeaderMap;
use serde_json::{Map, Value, json};

const SECRET: &str = "local-only-signing-secret";
/// Context keys, against 20 fields.
const KEYS: [usize; 4] = [5, 20, 500, 5000];

fn main() {
    divan::main();
}

/// A direct body whose context has so many keys: the first 20 are fields.
fn body(keys: usize) -> Vec<u8> {
    let context: Map<String, Value> = (0..keys)
        .map(|key| (format!("field-{key}"), json!(format!("value of the key {key}"))))
        .collect();
    let conversation =
        json!({"id": "2647", "channel_url": "sendbird_group_channel_2647", "user_id": "user_1"});
    json!({"event_id": "e", "conversation": conversation, "context": context})
        .to_string()
        .into_bytes()
}

fn keys() -> Keys {
    Keys { signing: vec![SECRET.into()], ..Keys::default() }
}

fn headers(body: &[u8]) -> HeaderMap {
    let signature = sign(body, SECRET).parse().expect("hex is a header's value");
    HeaderMap::from_iter([(
        header::SENDBIRD_SIGNATURE.parse().expect("it is a header's name"),
        signature,
    )])
}

fn authenticated<'a>(body: &'a [u8], headers: &HeaderMap) -> Authenticated<'a> {
    authenticate(body, headers, &keys(), std::time::UNIX_EPOCH).expect("the body is signed")
}

fn parse(body: Authenticated<'_>) -> Handoff {
    let app_id = AppId::parse("APP-1").expect("it is an id");
    match handoff::parse(body, &app_id, None, 0).expect("the body is a handoff") {
        Event::Handoff(handoff) => *handoff,
        Event::Ignored(category) => panic!("{category} is none of ours"),
    }
}

fn rules() -> Rules {
    let fields: Vec<Value> =
        (0..20).map(|key| json!({"key": format!("field-{key}"), "type": "text"})).collect();
    Rules::parse(&json!({"fields": fields}).to_string()).expect("the rules can be read")
}

#[divan::bench(args = KEYS)]
fn signature(bencher: Bencher<'_, '_>, keys: usize) {
    let body = body(keys);
    let headers = headers(&body);
    bencher.bench_local(|| authenticated(black_box(&body), &headers));
}

#[divan::bench(args = KEYS)]
fn parsing(bencher: Bencher<'_, '_>, keys: usize) {
    let body = body(keys);
    let headers = headers(&body);
    let authenticated = authenticated(&body, &headers);
    bencher.bench_local(|| parse(black_box(authenticated)));
}

#[divan::bench(args = KEYS)]
fn matching(bencher: Bencher<'_, '_>, keys: usize) {
    let body = body(keys);
    let headers = headers(&body);
    let (rules, handoff) = (rules(), parse(authenticated(&body, &headers)));
    bencher.bench_local(|| match_fields(black_box(&rules), black_box(&handoff)));
}

/// Keys that no field has and that look like one: each is given a hint.
#[divan::bench(args = KEYS)]
fn matching_near_misses(bencher: Bencher<'_, '_>, keys: usize) {
    let body = String::from_utf8(body(keys))
        .expect("JSON is text")
        .replace("field-", "feild_")
        .into_bytes();
    let headers = headers(&body);
    let (rules, handoff) = (rules(), parse(authenticated(&body, &headers)));
    bencher.bench_local(|| match_fields(black_box(&rules), black_box(&handoff)));
}
