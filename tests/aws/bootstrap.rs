//! The built `api` under Lambda's Runtime Interface Emulator, with SSM from moto and Desk embedded.

use std::path::PathBuf;

use desk_emulator::{Emulator, Setup};
use serde_json::{Value, json};

use crate::fixtures::{ANSWERS, desk_of};
use crate::harness::moto;
use crate::harness::rie::Rie;
use crate::ssm::put;

const APP: &str = "DEMO-APP-0001";
const FIELDS: &str = include_str!("../../fields.example.json");
const TOKEN: &str = "desk-token-canary7f3a";

/// What `make check-build` names, else what cargo built for the tests.
fn api() -> PathBuf {
    std::env::var_os("DESK_HANDOFF_BOOTSTRAP").map_or_else(|| env!("CARGO_BIN_EXE_api").into(), PathBuf::from)
}

async fn desk() -> Emulator {
    Emulator::start(Setup { desk_token: TOKEN.into(), ..desk_of(FIELDS) }).await.unwrap()
}

async fn function(desk: &Emulator, prefix: &str) -> Rie {
    let (desk_url, chat_url) = (desk.desk_url(), desk.chat_url());
    let environment = [
        ("APP_IDS", APP),
        ("PARAMETER_PREFIX", prefix),
        ("DESK_BASE_URL", &desk_url),
        ("CHAT_BASE_URL", &chat_url),
        ("LOG_LEVEL", "trace"),
        ("AWS_ENDPOINT_URL", moto::endpoint()),
    ];
    Rie::start(api(), &environment).await
}

fn body(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().unwrap_or_else(|| panic!("{answer:#}"))).unwrap()
}

#[tokio::test]
async fn every_event_is_answered_on_lambda_as_stated_and_nothing_private_is_logged() {
    let desk = desk().await;
    for (name, value) in [
        ("desk-api-token", TOKEN),
        ("chat-api-token", "emulator-chat-token"),
        ("signing-secret", "local-only-signing-secret"),
        ("fields", FIELDS),
    ] {
        put(&format!("/rie-events/{APP}/{name}"), value).await;
    }
    let mut function = function(&desk, "/rie-events").await;
    for stated in &ANSWERS {
        let answer = function.invoke(&serde_json::from_str(&stated.event()).unwrap()).await;
        stated.check(answer["statusCode"].as_u64().unwrap_or_else(|| panic!("{answer:#}")), &body(&answer));
    }
    assert_eq!(desk.tickets().len(), ANSWERS.len() - 3);
    let log = function.output();
    let secrets = [TOKEN, "emulator-chat-token", "local-only-signing-secret"].map(str::to_owned);
    for private in ANSWERS.iter().flat_map(|stated| stated.private_texts()).chain(secrets) {
        assert!(!log.contains(&private), "{private:?} is in the log:\n{log}");
    }
    let line = log.lines().find(|line| line.contains("\"message\":\"handoff\"")).unwrap_or_else(|| panic!("{log}"));
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (&line["event_id"], &line["filled"], &line["not_filled"]),
        (&json!("evt-handoff-1"), &json!(8), &json!(2))
    );
    assert!(line["request_id"].as_str().is_some_and(|id| id.len() > 8), "{line}");
}

#[tokio::test]
async fn without_parameters_every_handoff_is_refused_and_health_says_so() {
    let desk = desk().await;
    let mut function = function(&desk, "/rie-empty").await;
    let handoff: Value = serde_json::from_str(&ANSWERS[0].event()).unwrap();
    assert_eq!(function.invoke(&handoff).await["statusCode"], 401);
    let mut health = handoff;
    health["rawPath"] = json!("/healthz");
    health["requestContext"]["http"] = json!({"method": "GET", "path": "/healthz"});
    let answer = function.invoke(&health).await;
    assert_eq!((&answer["statusCode"], &body(&answer)["status"]), (&json!(503), &json!(503)));
    assert!(desk.requests().is_empty());
}

#[tokio::test]
async fn a_wrong_environment_ends_the_start_with_every_problem_named() {
    let mut function = Rie::start(api(), &[("MODE", "dry"), ("DESK_BASE_URL", "http://desk.example")]).await;
    function.invoke(&json!({})).await;
    let log = function.output();
    for name in ["APP_IDS", "MODE", "DESK_BASE_URL"] {
        assert!(log.contains(name), "{name} is not named:\n{log}");
    }
}
