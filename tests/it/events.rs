//! The files of events/ are fixtures: each is answered as stated.

use std::path::Path;

use lambda_http::request::from_str;

use crate::fixtures::ANSWERS;
use crate::world::{World, log_text};

#[test]
fn every_event_has_a_stated_answer() {
    let mut stated: Vec<&str> = ANSWERS.iter().map(|answer| answer.file).collect();
    stated.sort_unstable();
    assert_eq!(files(), stated);
}

#[tokio::test]
async fn every_event_is_answered_as_stated_and_no_context_value_is_logged() {
    let world = World::new().await;
    for stated in &ANSWERS {
        let answer = world.request(from_str(&stated.event()).unwrap()).await;
        stated.check(answer.status.as_u16().into(), &answer.body);
        for text in stated.private_texts() {
            assert!(!log_text().contains(&text), "{text:?} of {} is in the log", stated.file);
        }
    }
    // handoff and second-handoff share one, wrong-signature and ignored-category have none.
    assert_eq!(world.desk.tickets().len(), ANSWERS.len() - 3);
}

/// The files of events/ by name.
fn files() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("events");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
