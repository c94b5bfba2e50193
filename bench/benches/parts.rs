//! The pure parts of a handoff's way, by themselves: signature, parsing, matching; and a TLS
//! handshake.

use std::sync::Arc;

use desk_handoff::auth::{Authenticated, Keys, authenticate, sign};
use desk_handoff::config::AppId;
use desk_handoff::fields::match_fields;
use desk_handoff::handoff::{self, Event, Handoff};
use desk_handoff::http_client;
use desk_handoff::names::header;
use desk_handoff::rules::Rules;
use divan::{Bencher, black_box};
use http::HeaderMap;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
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

// --- TLS ---

/// The host that the handshakes are with.
const HOST: &str = "desk.example";

/// The client's configuration, the compiled roots and one more in it, and a server that this one
/// vouches for, by way of nobody else.
fn ends() -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let (root_key, key) = (key(), key());
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_certificate = root.self_signed(&root_key).expect("a root signs itself");
    let issuer = Issuer::new(root, root_key);
    let leaf = CertificateParams::new([HOST.to_owned()]).expect("it is a host's name");
    let leaf = leaf.signed_by(&key, &issuer).expect("the root signs");

    let mut roots = http_client::roots();
    roots.add(root_certificate.der().clone()).expect("it is a root");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("it is a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring knows the default TLS versions")
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .expect("the key is the certificate's");
    (Arc::new(http_client::tls(roots)), Arc::new(server))
}

fn key() -> KeyPair {
    KeyPair::generate().expect("ring makes keys")
}

/// What the server sends in answer to the client's first flight, and the client that waits for it.
fn greeted(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> (ClientConnection, Vec<u8>) {
    let mut server = ServerConnection::new(Arc::clone(server)).expect("the server is usable");
    let (client, hello) = hello(client);
    server.read_tls(&mut &hello[..]).expect("memory can be read");
    server.process_new_packets().expect("the server takes the client's hello");
    let mut flight = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut flight).expect("memory takes it");
    }
    (client, flight)
}

fn hello(config: &Arc<ClientConfig>) -> (ClientConnection, Vec<u8>) {
    let host = ServerName::try_from(HOST).expect("it is a host's name");
    let mut client = ClientConnection::new(Arc::clone(config), host).expect("the client is usable");
    let mut sent = Vec::new();
    client.write_tls(&mut sent).expect("memory takes it");
    (client, sent)
}

/// The client's first flight: a key of its own, and the hello.
#[divan::bench]
fn tls_hello(bencher: Bencher<'_, '_>) {
    let (client, _) = ends();
    bencher.bench_local(|| hello(black_box(&client)));
}

/// The client's part of the rest: the shared secret, the certificate, its signature, the answer.
#[divan::bench]
fn tls_rest(bencher: Bencher<'_, '_>) {
    let (client, server) = ends();
    bencher.with_inputs(|| greeted(&fresh(&client), &server)).bench_local_values(
        |(mut client, flight)| {
            client.read_tls(&mut &flight[..]).expect("memory can be read");
            client.process_new_packets().expect("the client trusts the server");
            let mut sent = Vec::new();
            client.write_tls(&mut sent).expect("memory takes it");
            assert_eq!(client.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
            assert!(!client.is_handshaking());
            (client, sent)
        },
    );
}

/// The same without memory of the sessions before, so that every handshake is a full one.
fn fresh(config: &Arc<ClientConfig>) -> Arc<ClientConfig> {
    let mut config = ClientConfig::clone(config);
    config.resumption = rustls::client::Resumption::disabled();
    Arc::new(config)
}
