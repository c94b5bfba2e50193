//! Any batch through the worker, at the end of its time: every message that is not done comes
//! again, and nothing else does.
#![no_main]

use std::collections::BTreeSet;
use std::time::Duration;

use aws_lambda_events::sqs::SqsEvent;
use desk_handoff::worker::handle;
use desk_handoff_fuzz::{app, invocation, runtime};
use libfuzzer_sys::fuzz_target;

thread_local!(static RUNTIME: tokio::runtime::Runtime = runtime());

fuzz_target!(|data: &[u8]| {
    let Ok(event) = serde_json::from_slice::<SqsEvent>(data) else { return };
    let ids: Vec<String> =
        event.records.iter().map(|record| record.message_id.clone().unwrap_or_default()).collect();
    let app = app("http://127.0.0.1:1");
    let answer = RUNTIME.with(|runtime| {
        runtime.block_on(async { handle(&app, event, &invocation(Duration::ZERO)).await })
    });
    let again: Vec<String> =
        answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
    assert_eq!(again.len(), ids.len(), "no time is left, so every message comes again");
    assert_eq!(BTreeSet::from_iter(again), BTreeSet::from_iter(ids));
});
