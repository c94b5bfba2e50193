//! `APP_IDS` is `*`: whoever has parameters is served, and whoever has none costs next to nothing.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use desk_emulator::Setup;
use desk_handoff::app::Invocation;
use desk_handoff::names::{parameter, setting};
use desk_handoff::secrets::{CACHE_TTL, MISSES_A_MINUTE, Parameter, ParameterStore, Secrets};
use desk_handoff::store::{BoxFuture, StoreError};
use desk_handoff::worker;
use http::Method;
use serde_json::json;

use crate::webhook::batch;
use crate::world::{DESK_TOKEN, SIGNING_SECRET, World, handoff};

/// Applications with all that a handoff needs, and what was asked.
#[derive(Clone, Default)]
struct Tenants {
    there: Arc<Mutex<BTreeSet<String>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl ParameterStore for Tenants {
    fn by_path<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Vec<Parameter>, StoreError>> {
        self.asked.lock().unwrap().push(path.to_owned());
        let app_id = path.strip_prefix("/desk-handoff/").unwrap().trim_end_matches('/');
        let parameters = if self.there.lock().unwrap().contains(app_id) {
            vec![
                (parameter::DESK_API_TOKEN, DESK_TOKEN),
                (parameter::SIGNING_SECRET, SIGNING_SECRET),
            ]
        } else {
            Vec::new()
        };
        let parameter =
            |(name, value): (&str, &str)| Parameter { name: name.to_owned(), value: value.into() };
        Box::pin(std::future::ready(Ok(parameters.into_iter().map(parameter).collect())))
    }
}

async fn world(tenants: &[&str]) -> (World, Tenants) {
    let mut world = World::with_desk(Setup::default(), &[(setting::APP_IDS, "*")]).await;
    let store = Tenants::default();
    store.there.lock().unwrap().extend(tenants.iter().map(|id| (*id).to_owned()));
    world.app.secrets = Secrets::new(Box::new(store.clone()), &world.app.config);
    (world, store)
}

#[tokio::test]
async fn applications_with_parameters_are_served_without_a_list() {
    let (world, store) = world(&["TENANT-1", "TENANT-2"]).await;
    for tenant in ["TENANT-1", "TENANT-2", "TENANT-1"] {
        let mut body = handoff(json!({"order-id": "1"}));
        body["event_id"] = tenant.into();
        let answer = world.post(&format!("/webhooks/handoff?app_id={tenant}"), &body).await;
        answer.is(200, "queued");
    }
    assert_eq!(store.asked.lock().unwrap().len(), 2, "each is asked for once");
    world.post("/handoffs", &handoff(json!({}))).await.is(400, "no-application");
}

#[tokio::test]
async fn flood_of_unknown_applications_costs_few_calls() {
    let (world, store) = world(&["TENANT-1"]).await;
    world.post("/handoffs/preview?app_id=TENANT-1", &handoff(json!({}))).await.is(200, "preview");
    for n in 0..50 {
        let path = format!("/handoffs?app_id=STRANGER-{n}");
        world.post(&path, &handoff(json!({}))).await.is(404, "unknown-application");
        world.post(&path, &handoff(json!({}))).await.is(404, "unknown-application");
    }
    assert_eq!(store.asked.lock().unwrap().len(), 51, "the second request is not asked for");
    for n in 50..500 {
        world.post_bytes(&format!("/handoffs?app_id=STRANGER-{n}"), b"{}").await;
    }
    assert_eq!(store.asked.lock().unwrap().len(), 1 + MISSES_A_MINUTE as usize);
    world.post("/handoffs/preview?app_id=TENANT-1", &handoff(json!({}))).await.is(200, "preview");
    let later = world.post_later("/handoffs?app_id=ANOTHER", &handoff(json!({})), 61).await;
    later.is(404, "unknown-application");

    // However many applications: the metrics are the stack's and the route's.
    for record in world.records() {
        let dimensions = &record["_aws"]["CloudWatchMetrics"][0]["Dimensions"];
        let known = [json!([["Stack", "Route"]]), json!([["Stack"]])];
        assert!(known.contains(dimensions), "{dimensions}");
    }
}

#[tokio::test]
async fn illegal_application_id_reaches_no_path() {
    let (world, store) = world(&[]).await;
    for chosen in ["../OTHER", "..%2FOTHER", "*", "", "a.b", "%F0%9F%98%80", &"a".repeat(65)] {
        let answer = world.post_bytes(&format!("/handoffs?app_id={chosen}"), b"{}").await;
        answer.is(404, "unknown-application");
    }
    assert_eq!(*store.asked.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn health_is_that_of_the_applications_met() {
    let (world, store) = world(&["TENANT-1"]).await;
    world.send(Method::GET, "/healthz", &[], b"").await.is(200, "ok");
    assert_eq!(store.asked.lock().unwrap().len(), 0);
    world.post("/handoffs/preview?app_id=TENANT-1", &handoff(json!({}))).await.is(200, "preview");
    world.send(Method::GET, "/healthz", &[], b"").await.is(200, "ok");
    assert_eq!(store.asked.lock().unwrap().len(), 1);
}

/// A message is authenticated already; its application may be gone since.
#[tokio::test]
async fn message_of_a_gone_application_comes_again() {
    let (world, store) = world(&["TENANT-1"]).await;
    let body = handoff(json!({"order-id": "1"}));
    world.post("/webhooks/handoff?app_id=TENANT-1", &body).await.is(200, "queued");
    let entry = world.queue.entries().remove(0);
    let message: &[(&str, &str, u32)] = &[(&entry.body, &entry.group, 1)];
    let later = SystemTime::now() + CACHE_TTL;
    let invocation = Invocation::new("request-2", later, Duration::from_secs(20));

    store.there.lock().unwrap().clear();
    let response = worker::handle(&world.app, batch(message), &invocation).await;
    assert_eq!(response.batch_item_failures.len(), 1);
    let record = world.records().pop().unwrap();
    assert_eq!(record["reason"], "the application is not served here");

    store.there.lock().unwrap().insert("TENANT-1".to_owned());
    let later = later + Duration::from_secs(60);
    let invocation = Invocation::new("request-3", later, Duration::from_secs(20));
    let response = worker::handle(&world.app, batch(message), &invocation).await;
    assert_eq!(response.batch_item_failures.len(), 0);
}
