//! What a function gets ready before its first event, and that it starts without it.

use std::time::Instant;

use desk_handoff::app::{PREFETCH_TIME, Role};
use desk_handoff::names::parameter;
use desk_handoff::secrets::{Parameter, ParameterStore, Secrets};
use desk_handoff::store::{BoxFuture, StoreError};
use serde_json::json;

use crate::world::{World, handoff};

/// A parameter store that never answers.
struct Silent;

impl ParameterStore for Silent {
    fn by_path<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<Parameter>, StoreError>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn the_first_handoff_finds_the_parameters_fetched_ahead() {
    let world = World::new().await;
    world.app.prefetch(Role::Receive, world.invocation().now).await;
    world.parameters.remove(parameter::SIGNING_SECRET);
    world.hand_over(json!({"order-id": "1"})).await.is(201, "created");
}

#[tokio::test]
async fn nothing_is_fetched_ahead_where_that_is_switched_off() {
    let mut world = World::new().await;
    world.app.config.prefetch = false;
    world.app.prefetch(Role::Receive, world.invocation().now).await;
    world.parameters.remove(parameter::SIGNING_SECRET);
    world.hand_over(json!({"order-id": "1"})).await.is(401, "unauthenticated");
}

#[tokio::test]
async fn silent_parameter_store_delays_start_one_second() {
    let mut world = World::new().await;
    let silent = Secrets::new(Box::new(Silent), &world.app.config);
    let answering = std::mem::replace(&mut world.app.secrets, silent);
    let began = Instant::now();
    world.app.prefetch(Role::Work, world.invocation().now).await;
    assert!(
        began.elapsed() >= PREFETCH_TIME && began.elapsed() < PREFETCH_TIME * 5,
        "{:?}",
        began.elapsed()
    );
    world.app.secrets = answering;

    world.post("/webhooks/handoff", &handoff(json!({}))).await.is(200, "queued");
}
