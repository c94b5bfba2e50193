use std::time::{Duration, Instant};

use desk_emulator::{Call, Fault, FaultKind, Seed};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::client::{World, client, got, try_got, world};

/// Asks for a ticket's creation and returns the answer as it comes.
async fn create(world: &World) -> reqwest::Result<Response> {
    let body = json!({"channelName": "x", "customerId": world.desk.seed_customer("user_1")});
    world.request(Method::POST, "/tickets").json(&body).send().await
}

fn spoil(world: &World, call: Call, trouble: FaultKind) {
    world.desk.inject(Fault::on(call).with(trouble));
}

fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer.headers().get(name).map(|value| value.to_str().unwrap())
}

/// The statuses in the log of requests.
fn statuses(world: &World) -> Vec<Option<u16>> {
    world.desk.requests().iter().map(|seen| seen.status).collect()
}

fn tickets(world: &World) -> usize {
    world.desk.tickets().len()
}

#[tokio::test]
async fn a_rate_limit_names_the_seconds_and_does_nothing() {
    let world = world().await;
    spoil(
        &world,
        Call::CreateTicket,
        FaultKind::RateLimited { retry_after: Some(2), ratelimit_retry_after: Some(3) },
    );

    let limited = create(&world).await.unwrap();
    assert_eq!(limited.status(), 429);
    assert_eq!(
        (header(&limited, "retry-after"), header(&limited, "x-ratelimit-retryafter")),
        (Some("2"), Some("3"))
    );
    assert_eq!(tickets(&world), 0);
    spoil(
        &world,
        Call::CreateTicket,
        FaultKind::RateLimited { retry_after: None, ratelimit_retry_after: None },
    );

    let limited = create(&world).await.unwrap();
    assert_eq!((limited.status().as_u16(), header(&limited, "retry-after")), (429, None));
    assert_eq!(create(&world).await.unwrap().status(), 201);
    assert_eq!(statuses(&world), [Some(429), Some(429), Some(201)]);
}

#[tokio::test]
async fn status_or_proxy_page_replaces_the_work() {
    let world = world().await;
    let headers = vec![("X-Request-Id".to_owned(), "7".to_owned())];
    spoil(
        &world,
        Call::CreateTicket,
        FaultKind::Status { status: 503, headers, body: "{}".into() },
    );

    let answer = create(&world).await.unwrap();
    assert_eq!((answer.status().as_u16(), header(&answer, "x-request-id")), (503, Some("7")));
    spoil(&world, Call::CreateTicket, FaultKind::Html { status: 502 });
    let answer = create(&world).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), header(&answer, "content-type")),
        (502, Some("text/html"))
    );
    assert!(answer.text().await.unwrap().starts_with("<html>"));
    spoil(
        &world,
        Call::CreateTicket,
        FaultKind::Redirect { location: "http://example.com/".into() },
    );

    let answer = create(&world).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), header(&answer, "location")),
        (307, Some("http://example.com/"))
    );
    assert_eq!(tickets(&world), 0);
}

#[tokio::test]
async fn slow_call_is_done_unless_client_gives_up() {
    let mut world = world().await;
    spoil(&world, Call::CreateTicket, FaultKind::Slow(Duration::from_millis(20)));
    let begun = Instant::now();
    assert_eq!(create(&world).await.unwrap().status(), 201);
    assert!(begun.elapsed() >= Duration::from_millis(20));
    world.http = client(Duration::from_millis(100));
    spoil(&world, Call::CreateTicket, FaultKind::Slow(Duration::from_secs(60)));
    assert!(create(&world).await.unwrap_err().is_timeout());
    assert_eq!((tickets(&world), statuses(&world)), (1, vec![Some(201), None]));
}

#[tokio::test]
async fn cut_before_the_work_does_nothing() {
    let world = world().await;
    spoil(&world, Call::CreateTicket, FaultKind::CutConnection);
    let error = create(&world).await.unwrap_err();
    assert!(error.is_request() && !error.is_timeout(), "{error:?}");
    assert_eq!((tickets(&world), statuses(&world)), (0, vec![None]));
    spoil(&world, Call::ListTickets, FaultKind::CutConnection);
    assert!(try_got(world.http.get(format!("{}/tickets", world.desk.desk_url()))).await.is_err());
}

#[tokio::test]
async fn a_connection_cut_after_the_work_leaves_the_ticket() {
    let world = world().await;
    spoil(&world, Call::CreateTicket, FaultKind::CutAfterWrite);
    let error = create(&world).await.unwrap_err();
    assert!(error.is_request() && !error.is_timeout(), "{error:?}");
    assert_eq!((tickets(&world), statuses(&world)), (1, vec![None]));
}

#[tokio::test]
async fn silence_after_the_work_leaves_the_ticket() {
    let mut world = world().await;
    world.http = client(Duration::from_millis(100));
    spoil(&world, Call::CreateTicket, FaultKind::SilentAfterWrite);
    assert!(create(&world).await.unwrap_err().is_timeout());
    assert_eq!((tickets(&world), statuses(&world)), (1, vec![None]));
    world.http = client(Duration::from_secs(5));
    assert_eq!(create(&world).await.unwrap().status(), 201);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_the_silent() {
    let world = world().await;
    spoil(&world, Call::CreateTicket, FaultKind::SilentAfterWrite);
    let waiting = create(&world);
    let stop = async {
        while world.desk.tickets().is_empty() {
            tokio::task::yield_now().await;
        }
    };

    let (waiting, ()) =
        tokio::join!(tokio::time::timeout(Duration::from_millis(100), waiting), stop);
    assert!(waiting.is_err());
    world.desk.stop().await;
}

#[tokio::test]
async fn cut_body_comes_with_head_and_half() {
    let world = world().await;
    spoil(&world, Call::CreateTicket, FaultKind::CutBody);
    let mut answer = create(&world).await.unwrap();
    assert_eq!(answer.status(), 201);
    let whole = usize::try_from(answer.content_length().unwrap()).unwrap();
    let mut read = Vec::new();
    let error = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => read.extend_from_slice(&chunk),
            Ok(None) => panic!("the body is whole"),
            Err(error) => break error,
        }
    };
    assert!(!error.is_timeout(), "{error:?}");
    assert_eq!((read.len(), read[0]), (whole / 2, b'{'));

    assert_eq!((tickets(&world), statuses(&world)), (1, vec![Some(201)]));
}

#[tokio::test]
async fn empty_or_oversized_body_follows_the_work() {
    let world = world().await;
    spoil(&world, Call::CreateTicket, FaultKind::EmptyBody);
    let answer = create(&world).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().len()), (201, 0));
    spoil(&world, Call::CreateTicket, FaultKind::OversizedBody(1_000_000));
    let answer = create(&world).await.unwrap().text().await.unwrap();
    assert_eq!(answer.len(), 1_000_000);
    assert!(serde_json::from_str::<Value>(&answer).unwrap()["id"].is_u64());
    assert_eq!(tickets(&world), 2);
}

#[tokio::test]
async fn wrong_ticket_is_another_or_invented() {
    let world = world().await;
    let asked = world.desk.seed_ticket(Seed::default());
    world.desk.inject(Fault::on(Call::Any).always().with(FaultKind::WrongTicket));
    let (status, invented) = world.get(&format!("/tickets/{asked}")).await;
    assert_eq!(status, 200);
    assert!(world.desk.ticket(invented["id"].as_u64().unwrap()).is_none());
    assert_ne!(invented["customer"]["sendbirdId"], "user_1");
    let other = world.desk.seed_ticket(Seed { sendbird_id: "user_2".into(), ..Seed::default() });
    assert_eq!(world.ids("/tickets?sendbird_id=user_1").await, [other]);
    assert_eq!(world.get(&format!("/tickets/{asked}")).await.1["id"], other);
    assert_eq!(world.patch_fields(asked, json!({"order-id": "A"})).await.1["id"], other);
    assert_eq!(
        world.desk.field(asked, "order-id").as_deref(),
        Some("A"),
        "the work is done on the right one"
    );

    assert_eq!(world.get("/groups").await.1["count"], 3, "and other calls are left alone");
}

#[tokio::test]
async fn a_fault_lets_pass_strikes_and_is_used_up() {
    let world = world().await;
    let fault = Fault::on(Call::ListTickets).after(1).times(2);
    world.desk.inject(fault.with(FaultKind::Html { status: 500 }));
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(world.get("/tickets").await.0);
        assert_eq!(world.get("/groups").await.0, 200, "another call is not concerned");
    }
    assert_eq!(seen, [200, 500, 500, 200, 200]);
}

#[tokio::test]
async fn faults_of_a_call_come_in_order() {
    let world = world().await;
    spoil(&world, Call::Any, FaultKind::Html { status: 502 });
    world.desk.inject(Fault::on(Call::ListTickets).always().with(FaultKind::Html { status: 503 }));
    let unauthorised = world.http.get(format!("{}/tickets", world.desk.desk_url()));
    assert_eq!(got(unauthorised).await.0, 401, "the token comes before the faults");
    assert_eq!(world.get("/tickets").await.0, 502);
    assert_eq!(world.get("/tickets").await.0, 503);
    world.desk.clear_faults();
    assert_eq!(world.get("/tickets").await.0, 200);
}
