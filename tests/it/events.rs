//! The files of events/ are fixtures: each is answered as stated.

use std::path::Path;

use desk_handoff::names::parameter;
use desk_handoff::worker;
use lambda_http::request::from_str;

use crate::fixtures::{ANSWERS, BATCH, BEARER, TICKETS};
use crate::world::{World, log_text};

#[test]
fn every_event_has_a_stated_answer() {
    let mut stated: Vec<&str> =
        ANSWERS.iter().map(|answer| answer.file).chain(["sqs-batch.json"]).collect();
    stated.sort_unstable();
    assert_eq!(files(), stated);
}

#[tokio::test]
async fn sample_events_are_answered_as_stated() {
    let world = World::new().await;
    world.parameters.set(parameter::BEARER_TOKEN, BEARER);
    for stated in &ANSWERS {
        let answer = world.request(from_str(&stated.event()).unwrap()).await;
        stated.check(answer.status.as_u16().into(), &answer.body);
        for text in stated.private_texts() {
            assert!(!log_text().contains(&text), "{text:?} of {} is in the log", stated.file);
        }
    }
    assert_eq!(world.desk.tickets().len(), TICKETS);

    assert_eq!(world.queue.entries().len(), 1);
}

#[tokio::test]
async fn batch_fails_only_from_the_bad_message() {
    let world = World::new().await;
    let response =
        worker::handle(&world.app, serde_json::from_str(BATCH).unwrap(), &world.invocation()).await;
    let failed: Vec<_> = response
        .batch_item_failures
        .iter()
        .map(|failure| failure.item_identifier.as_str())
        .collect();
    assert_eq!(failed, ["059f36b4-87a3-44ab-83d2-66197571a7d3"]);
    let items: Vec<_> = world
        .desk
        .tickets()
        .iter()
        .filter_map(|ticket| world.desk.field(ticket["id"].as_u64()?, "cart-items"))
        .collect();

    assert_eq!((world.desk.tickets().len(), items), (2, vec!["2".to_owned()]));
}

/// The files of events/ by name.
fn files() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("events");
    let names = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
