//! Bad input of every kind: a 4xx problem document that names the place, and nothing asked of Desk.

use desk_emulator::Setup;
use http::Method;
use serde_json::json;

use crate::world::{APP, Answer, CANARY, SIGNING_SECRET, World, handoff, planted};
use desk_handoff::auth::sign;
use desk_handoff::names::{header, parameter, setting};

#[track_caller]
fn refused(world: &World, answer: &Answer, status: u16, kind: &str, place: &str) {
    answer.is(status, kind);
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.contains(place), "{detail:?} does not name {place:?}");
    assert!(world.desk.requests().is_empty());
}

#[tokio::test]
async fn unknown_route_is_404_wrong_method_405() {
    let world = World::new().await;
    for path in ["/", "/handoff", "/handoffs/", "/handoffs/preview/x", "/HANDOFFS", "/webhooks"] {
        let answer = world.post_bytes(path, b"{}").await;
        refused(&world, &answer, 404, "unknown-route", "/handoffs/preview");
    }

    let answer = world.send(Method::GET, "/handoffs", &[], b"").await;
    refused(&world, &answer, 405, "wrong-method", "POST");
    assert_eq!(answer.headers["allow"], "POST");
    let answer = world.send(Method::POST, "/healthz", &[], b"").await;
    refused(&world, &answer, 405, "wrong-method", "GET");
}

#[tokio::test]
async fn health_needs_no_authentication_and_names_no_secret() {
    let world = World::new().await;
    let answer = world.send(Method::GET, "/healthz", &[], b"").await;
    assert_eq!(answer.body, json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}));
}

#[tokio::test]
async fn health_is_503_while_parameters_are_missing() {
    for (name, unusable) in [
        (parameter::DESK_API_TOKEN, None),
        (parameter::SIGNING_SECRET, None),
        (parameter::FIELDS, Some("{")),
    ] {
        let world = World::new().await;
        match unusable {
            Some(value) => world.parameters.set(name, value),
            None => world.parameters.remove(name),
        }
        let answer = world.send(Method::GET, "/healthz", &[], b"").await;
        refused(&world, &answer, 503, "not-ready", "parameter");
        assert!(!answer.body.to_string().contains(name), "the name of a secret is answered");
    }
}

#[tokio::test]
async fn body_has_256_kib_at_most() {
    let world = World::new().await;
    let most = format!("{{\"a\":\"{}\"}}", "x".repeat(256 * 1024 - 8));
    assert_eq!(most.len(), 256 * 1024);
    let answer = world.post_bytes("/handoffs", most.as_bytes()).await;
    refused(&world, &answer, 400, "bad-body", "conversation_id: is required");
    let answer = world.post_bytes("/handoffs", format!("{most} ").as_bytes()).await;
    refused(&world, &answer, 413, "too-large", "262144");
}

#[tokio::test]
async fn an_unknown_application_is_404_before_anything_is_read() {
    let world = World::new().await;
    world.parameters.remove(parameter::SIGNING_SECRET);
    let answer = world.post_bytes("/handoffs?app_id=OTHER", b"{}").await;
    refused(&world, &answer, 404, "unknown-application", "app_id");
    let world = World::with_desk(Setup::default(), &[(setting::APP_IDS, "ONE,TWO")]).await;
    let answer = world.post_bytes("/handoffs", b"{}").await;
    refused(&world, &answer, 400, "no-application", "?app_id=");
    let answer = world.post("/handoffs?app_id=TWO", &handoff(json!({}))).await;
    answer.is(201, "created");
}

#[tokio::test]
async fn application_id_in_body_must_be_chosen_one() {
    let world = World::new().await;
    let mut body = handoff(json!({}));
    body["app_id"] = json!("ANOTHER");
    refused(&world, &world.post("/handoffs", &body).await, 400, "bad-body", "app_id");
    body["app_id"] = json!(APP);
    world.post("/handoffs", &body).await.is(201, "created");
}

#[tokio::test]
async fn unsigned_or_altered_body_is_401_without_reason() {
    let world = World::new().await;
    let body = handoff(json!({"order-id": planted("ORD-1")})).to_string();
    let signature = sign(body.as_bytes(), SIGNING_SECRET);
    let mut altered = body.clone().into_bytes();
    altered[10] ^= 1;
    let mut answers = vec![
        world.send(Method::POST, "/handoffs", &[], body.as_bytes()).await,
        world
            .send(Method::POST, "/handoffs", &[(header::SENDBIRD_SIGNATURE, &signature)], &altered)
            .await,
        world
            .send(
                Method::POST,
                "/handoffs",
                &[(header::AUTHORIZATION, "Bearer x")],
                body.as_bytes(),
            )
            .await,
    ];

    for answer in &answers {
        refused(&world, answer, 401, "unauthenticated", "not authenticated");
    }
    answers.dedup_by_key(|answer| answer.body.clone());
    assert_eq!(answers.len(), 1, "the three refusals differ");
}

#[tokio::test]
async fn without_any_secret_every_request_is_refused() {
    let world = World::new().await;
    world.parameters.remove(parameter::SIGNING_SECRET);
    refused(
        &world,
        &world.post("/handoffs", &handoff(json!({}))).await,
        401,
        "unauthenticated",
        "",
    );
}

#[tokio::test]
async fn the_signature_is_checked_before_the_body_is_read() {
    let world = World::new().await;
    let answer = world.send(Method::POST, "/handoffs", &[], b"not json").await;
    refused(&world, &answer, 401, "unauthenticated", "");
}

#[tokio::test]
async fn invalid_body_is_named_by_its_place() {
    let world = World::new().await;
    for (body, place) in [
        (&b""[..], "empty"),
        (b"  \n", "empty"),
        (b"{\"a\": \"\xff\"}", "byte 7"),
        (b"{\n  \"conversation\": {,\n}", "line 2, column 20"),
        (b"[]", "must be an object"),
        (br#"{"conversation": {"id": 1, "user_id": {"deep": []}}}"#, "conversation.user_id"),
        (
            br#"{"category": "handoff", "id": "e", "data": {"conversation": {"id": 1}}}"#,
            "data.conversation.user_id",
        ),
        (br#"{"conversation": {"id": 1, "user_id": "u"}, "context": []}"#, "context"),
    ] {
        refused(&world, &world.post_bytes("/handoffs", body).await, 400, "bad-body", place);
    }

    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    refused(
        &world,
        &world.post_bytes("/handoffs", deep.as_bytes()).await,
        400,
        "bad-body",
        "nested too deeply",
    );
}

#[tokio::test]
async fn body_errors_are_listed_without_values() {
    let world = World::new().await;
    let body = json!({"conversation": {"user_id": [CANARY]}, "context": CANARY, "ticket": {"priority": CANARY}});
    let answer = world.post("/handoffs", &body).await;
    refused(&world, &answer, 400, "bad-body", "conversation.user_id");
    let paths: Vec<_> = answer.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["path"].clone())
        .collect();

    assert_eq!(paths, ["conversation.user_id", "conversation", "context", "ticket.priority"]);
}

#[tokio::test]
async fn unusable_parameter_lets_nothing_pass() {
    let world = World::new().await;
    world.parameters.remove(parameter::DESK_API_TOKEN);
    let answer = world.post("/handoffs", &handoff(json!({}))).await;
    refused(&world, &answer, 500, "not-configured", parameter::DESK_API_TOKEN);
    let world = World::new().await;
    world.parameters.set(parameter::FIELDS, r#"{"denny": []}"#);
    let answer = world.post("/handoffs", &handoff(json!({}))).await;
    refused(&world, &answer, 500, "not-configured", parameter::FIELDS);
}
