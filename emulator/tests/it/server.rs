use std::time::Duration;

use desk_emulator::{Emulator, Setup};
use reqwest::Method;
use serde_json::json;

use crate::client::{World, client, got, try_got, world};

#[tokio::test]
async fn call_without_token_is_refused_as_desk_does() {
    let world = world().await;
    let url = format!("{}/tickets", world.desk.desk_url());
    let (status, body) = got(world.http.get(&url)).await;
    assert_eq!(status, 401);
    assert!(body["code"].as_str().unwrap().starts_with("desk401"), "{body}");
    assert!(body["detail"].is_string(), "{body}");
    let (status, _) = got(world.http.get(&url).header("Api-Token", "emulator-desk-token")).await;
    assert_eq!(status, 401, "Chat's header does not open Desk");
}

#[tokio::test]
async fn a_rotated_token_shuts_out_the_old_one() {
    let world = world().await;
    assert_eq!(world.get("/tickets").await.0, 200);
    world.desk.rotate_desk_token("new");
    assert_eq!(world.get("/tickets").await.0, 401);
    let new = world
        .http
        .get(format!("{}/tickets", world.desk.desk_url()))
        .header("SENDBIRDDESKAPITOKEN", "new");
    assert_eq!(got(new).await.0, 200);
}

#[tokio::test]
async fn a_request_that_no_route_knows_is_recorded() {
    let world = world().await;
    assert_eq!(world.get("/ticket_fields?limit=5").await.0, 404);
    assert_eq!(world.request(Method::PUT, "/tickets/1").send().await.unwrap().status(), 404);
    world.desk.clear_requests();
    let unknown = ["GET /platform/v1/ticket_fields?limit=5", "PUT /platform/v1/tickets/1"];
    assert_eq!(world.desk.unknown_requests(), unknown);
}

#[tokio::test]
async fn every_request_is_in_the_log_with_its_status() {
    let world = world().await;
    world.get("/tickets/?limit=2").await;
    world.post("/tickets", json!({"subject": "wrong property"})).await;
    let seen = world.desk.requests();
    assert_eq!((seen[0].method.as_str(), seen[0].path.as_str()), ("GET", "/platform/v1/tickets/"));
    assert_eq!((seen[0].query.as_deref(), seen[0].status), (Some("limit=2"), Some(200)));
    assert_eq!(
        (seen[1].body.as_str(), seen[1].status),
        (r#"{"subject":"wrong property"}"#, Some(400))
    );
    world.desk.clear_requests();

    assert!(world.desk.requests().is_empty());
}

#[tokio::test]
async fn body_without_json_type_is_refused() {
    let world = world().await;
    let text = world.request(Method::POST, "/customers").body(r#"{"sendbirdId": "user_1"}"#);
    assert_eq!(got(text).await.0, 415);
    let cut = world
        .request(Method::POST, "/customers")
        .header("content-type", "application/json")
        .body("{\"send");
    assert_eq!(got(cut).await.0, 400);
}

#[tokio::test]
async fn a_stopped_desk_frees_its_address_for_the_next() {
    let first = world().await;
    let url = format!("{}/tickets", first.desk.desk_url());
    let address = first.desk.address();
    assert_eq!(first.get("/tickets").await.0, 200);
    first.desk.stop().await;
    assert!(try_got(first.http.get(&url)).await.is_err(), "also on the connection that was open");
    let second = Emulator::start_on(address, Setup::default()).await.unwrap();
    assert_eq!(got(first.http.get(&url)).await.0, 401);
    drop(second);
}

#[tokio::test]
async fn a_dropped_desk_answers_no_more() {
    let World { desk, http } = world().await;
    let url = format!("{}/tickets", desk.desk_url());
    assert_eq!(got(http.get(&url)).await.0, 401);
    drop(desk);
    tokio::task::yield_now().await;
    assert!(try_got(http.get(&url)).await.is_err());
}

#[test]
fn desk_ends_with_its_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let desk = runtime.block_on(Emulator::start(Setup::default())).unwrap();
    let url = format!("{}/tickets", desk.desk_url());
    let other = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    drop(runtime);
    assert!(other.block_on(try_got(client(Duration::from_secs(5)).get(url))).is_err());
}
