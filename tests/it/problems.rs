//! Every problem document, whole, as the caller gets it. `INSTA_UPDATE=always` writes what is
//! answered now.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, SystemTime};

use desk_emulator::{Call, Fault, FaultKind, Seed, Setup};
use desk_handoff::app::Invocation;
use desk_handoff::claims::{Acquired, ClaimRequest, Claims, Customer, Item, Lease};
use desk_handoff::names::{header, parameter, setting};
use desk_handoff::secrets::{Parameter, ParameterStore, Secrets};
use desk_handoff::store::{BoxFuture, StoreError};
use http::Method;
use serde_json::json;

use crate::house_rules::root;
use crate::world::{Answer, World, handoff};

/// Compares with the snapshot, whose name is the kind of the problem and, where a kind has several
/// documents, what sets this one apart.
fn matches_snapshot(name: &str, answer: &Answer) {
    let header = |header: &str| {
        let value = answer.headers.get(header)?.to_str().unwrap();
        Some(format!("{header}: {value}\n"))
    };
    let shown = ["content-type", "allow", header::RETRY_AFTER, "www-authenticate"];
    let headers: String = shown.into_iter().filter_map(header).collect();
    let kind = answer.body["type"].as_str().unwrap().rsplit(':').next().unwrap();
    assert!(name.starts_with(kind), "{name} is {kind}");

    insta::assert_snapshot!(name, format!("{}\n{headers}\n{:#}", answer.status, answer.body));
}

/// A store that does not answer, or a claim that somebody else holds.
struct Store {
    is_held: bool,
}

fn unreachable<T>() -> Result<T, StoreError> {
    Err(StoreError { store: "the store", reason: "not reached".into() })
}

impl ParameterStore for Store {
    fn by_path<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<Parameter>, StoreError>> {
        Box::pin(std::future::ready(unreachable()))
    }
}

impl Claims for Store {
    fn acquire<'a>(
        &'a self,
        request: &'a ClaimRequest,
    ) -> BoxFuture<'a, Result<Acquired, StoreError>> {
        let lease = Some(("another".to_owned(), request.now + 60));
        let held = Acquired::Held(Item { lease, ..Item::default() });
        Box::pin(std::future::ready(if self.is_held { Ok(held) } else { unreachable() }))
    }

    fn give_back<'a>(
        &'a self,
        _: Lease,
        _: &'a Customer,
        _: u64,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(std::future::ready(unreachable()))
    }

    fn read<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Item>, StoreError>> {
        Box::pin(std::future::ready(unreachable()))
    }
}

#[tokio::test]
async fn problems_of_a_request() {
    let world = World::new().await;
    matches_snapshot("unknown-route", &world.post_bytes("/", b"{}").await);
    matches_snapshot("wrong-method", &world.send(Method::GET, "/handoffs", &[], b"").await);
    matches_snapshot("unauthenticated", &world.send(Method::POST, "/handoffs", &[], b"").await);
    matches_snapshot("unknown-application", &world.post_bytes("/handoffs?app_id=X", b"{}").await);
    let too_large = vec![b' '; 256 * 1024 + 1];
    matches_snapshot("too-large", &world.post_bytes("/handoffs", &too_large).await);

    let several = World::with_desk(Setup::default(), &[(setting::APP_IDS, "ONE,TWO")]).await;
    matches_snapshot("no-application", &several.post_bytes("/handoffs", b"{}").await);
}

#[tokio::test]
async fn problems_of_a_body() {
    let world = World::new().await;
    let bodies = [
        ("bad-body-empty", &b""[..]),
        ("bad-body-encoding", b"\xff"),
        ("bad-body-syntax", b"{,}"),
        ("bad-body-places", br#"{"conversation": {"user_id": []}, "context": 1}"#),
    ];

    for (name, body) in bodies {
        matches_snapshot(name, &world.post_bytes("/handoffs", body).await);
    }
}

#[tokio::test]
async fn problems_of_the_service() {
    let mut world = World::new().await.without_queue();
    let body = handoff(json!({}));
    matches_snapshot("not-queued", &world.post("/webhooks/handoff", &body).await);
    world.app.claims = Box::new(Store { is_held: true });
    matches_snapshot("in-progress", &world.post("/handoffs", &body).await);
    world.app.claims = Box::new(Store { is_held: false });
    matches_snapshot("no-claim", &world.post("/handoffs", &body).await);
    world.app.secrets = Secrets::new(Box::new(Store { is_held: false }), &world.app.config);
    matches_snapshot("unavailable", &world.post("/handoffs", &body).await);

    let world = World::new().await;
    world.parameters.remove(parameter::DESK_API_TOKEN);
    matches_snapshot("not-configured", &world.post("/handoffs", &body).await);
    matches_snapshot("not-ready", &world.send(Method::GET, "/healthz", &[], b"").await);
}

#[tokio::test]
async fn problems_of_a_ticket() {
    let waiting = World::with_rules(&json!({"ticket": {"when_missing": "wait"}})).await;
    let answer = waiting.without_queue().hand_over(json!({})).await;
    matches_snapshot("no-ticket-yet", &answer);

    let world = World::new().await.without_queue();
    world.desk.inject(Fault::on(Call::CreateTicket).times(1).with(FaultKind::CutConnection));
    // From the beginning of a second, so that no second ends between the create and the answer.
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs());
    let invocation = Invocation::new("request-1", now, Duration::from_secs(20));
    let answer = world.post_in(&invocation, "/handoffs", &handoff(json!({}))).await;
    matches_snapshot("ticket-in-doubt", &answer);

    // Listed as open, and not there when it is asked for alone.
    let world = World::new().await.without_queue();
    world.desk.seed_ticket(Seed { channel_url: Some("ch_ai_1".into()), ..Seed::default() });
    let missing = FaultKind::Status { status: 404, headers: vec![], body: String::new() };
    world.desk.inject(Fault::on(Call::ViewTicket).always().with(missing));
    matches_snapshot("unsettled", &world.hand_over(json!({})).await);
}

#[tokio::test]
async fn problems_of_desk() {
    let status = |status| FaultKind::Status { status, headers: vec![], body: String::new() };
    let limited = FaultKind::RateLimited { retry_after: Some(300), ratelimit_retry_after: None };
    let faults = [
        ("desk-refused", status(400)),
        ("desk-token", status(401)),
        ("desk-unavailable", status(500)),
        ("desk-rate-limited", limited),
    ];

    for (name, fault) in faults {
        let world = World::new().await.without_queue();
        world.desk.inject(Fault::on(Call::ListTickets).always().with(fault));
        matches_snapshot(name, &world.hand_over(json!({})).await);
    }

    let mut world = World::new().await.without_queue();
    world.time = Duration::from_millis(600);
    let slow = FaultKind::Slow(Duration::from_secs(60));
    world.desk.inject(Fault::on(Call::ListTickets).always().with(slow));
    matches_snapshot("desk-timeout", &world.hand_over(json!({})).await);
}

/// A new kind of problem needs a snapshot, and a snapshot of a kind that is gone is deleted.
#[test]
fn every_kind_of_problem_has_a_snapshot() {
    let code = fs::read_to_string(root().join("src/api/problem.rs")).unwrap();
    let texts: Vec<&str> = code.split('"').collect();
    let is_kind = |text: &str| text.bytes().all(|b| b == b'-' || b.is_ascii_lowercase());
    let literals = texts[1..].chunks_exact(2);
    let kinds: BTreeSet<&str> = literals
        .filter(|pair| is_kind(pair[0]) && pair[1].starts_with(','))
        .map(|pair| pair[0])
        .collect();
    assert!(kinds.len() > 15, "{kinds:?}");

    let files = fs::read_dir(root().join("tests/it/snapshots")).unwrap();
    let names: Vec<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let kept = names.iter().filter_map(|name| name.strip_prefix("it__problems__"));
    let kept = kept.map(|name| name.strip_suffix(".snap").unwrap());
    let kept: BTreeSet<&str> =
        kept.map(|name| if name.starts_with("bad-body") { "bad-body" } else { name }).collect();

    assert_eq!(kept, kinds);
}
