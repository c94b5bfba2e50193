//! The files of events/ are fixtures: each is answered as stated.

use lambda_http::request::from_str;

use crate::answers::{ANSWERS, files};
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
