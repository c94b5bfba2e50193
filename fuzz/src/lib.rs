//! What the fuzz targets share: an app that reaches nobody, and the secrets whose appearance in an
//! answer is a failure.
//!
//! Its parameters are fixed, its queue keeps nothing, its deadline is over unless a target says
//! otherwise: then no call goes out, and a target does as many runs a second as its own code
//! allows.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use desk_handoff::app::{App, Health, Invocation};
use desk_handoff::auth::{Authenticated, Keys, authenticate, sign};
use desk_handoff::claims::Memory;
use desk_handoff::config::Config;
use desk_handoff::metrics::Metrics;
use desk_handoff::names::{header, parameter, setting};
use desk_handoff::queue::{Queue, QueueEntry};
use desk_handoff::secrets::{Parameter, ParameterStore, Secrets};
use desk_handoff::store::{BoxFuture, StoreError};
use http::{HeaderMap, HeaderValue};
use tokio::runtime::Runtime;

/// The one application.
pub const APP: &str = "FUZZ-APP";
/// Signs the bodies.
pub const SIGNING_SECRET: &str = "signing-secret-81d5c0";
/// Opens Desk.
pub const DESK_TOKEN: &str = "desk-token-81d5c0";
/// The rules.
pub const FIELDS: &str = include_str!("../../fields.example.json");

struct Fixed;

impl ParameterStore for Fixed {
    fn by_path<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Vec<Parameter>, StoreError>> {
        assert_eq!(path, "/desk-handoff/FUZZ-APP/");
        let parameter =
            |(name, value): (&str, &str)| Parameter { name: name.to_owned(), value: value.into() };
        let all = [
            (parameter::DESK_API_TOKEN, DESK_TOKEN),
            (parameter::SIGNING_SECRET, SIGNING_SECRET),
            (parameter::FIELDS, FIELDS),
        ];
        Box::pin(std::future::ready(Ok(all.map(parameter).into())))
    }
}

struct Nowhere;

impl Queue for Nowhere {
    fn send<'a>(&'a self, entry: &'a QueueEntry) -> BoxFuture<'a, Result<(), StoreError>> {
        // SQS takes 1 MiB, counted in bytes.
        assert!(entry.body.len() <= 1_048_576, "the queue would refuse it");
        Box::pin(std::future::ready(Ok(())))
    }

    fn change_visibility<'a>(
        &'a self,
        _: &'a str,
        _: u32,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// An app with empty claims, and Desk and Chat at this address.
pub fn app(address: &str) -> App {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    let client =
        CLIENT.get_or_init(|| desk_handoff::http_client::new().expect("the HTTP client is made"));
    let config = Config::from_lookup(|name| match name {
        setting::APP_IDS => Some(APP.to_owned()),
        setting::DESK_BASE_URL | setting::CHAT_BASE_URL => Some(address.to_owned()),
        _ => None,
    });

    let config = config.expect("the settings are usable");
    App {
        secrets: Secrets::new(Box::new(Fixed), &config),
        config,
        transport: Box::new(desk_handoff::desk::transport::HttpTransport(client.clone())),
        queue: Box::new(Nowhere),
        claims: Box::new(Memory::default()),
        metrics: Metrics::new(Box::new(())),
        pause: Duration::from_micros(1),
        pace: None,
        health: Health::default(),
        waits_for_desk: false,
    }
}

/// An invocation that may take so long.
pub fn invocation(time: Duration) -> Invocation {
    Invocation::new("fuzz", SystemTime::now(), time)
}

/// A runtime for one thread.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("the runtime is made")
}

/// The body, authenticated, so that it can be read.
pub fn authenticated(body: &[u8]) -> Authenticated<'_> {
    let keys = Keys { signing: vec![SIGNING_SECRET.into()], ..Keys::default() };
    let signature = HeaderValue::try_from(sign(body, SIGNING_SECRET)).expect("hex is plain text");
    let headers = HeaderMap::from_iter([(
        http::HeaderName::from_static(header::SENDBIRD_SIGNATURE),
        signature,
    )]);
    authenticate(body, &headers, &keys, SystemTime::UNIX_EPOCH).expect("the signature is right")
}

/// Fails if a secret is in what was said, unless the input said it first.
pub fn assert_no_secret(said: &str, input: &[u8]) {
    for secret in [SIGNING_SECRET, DESK_TOKEN] {
        let known = input.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(known || !said.contains(secret), "a secret is in {said}");
    }
}
