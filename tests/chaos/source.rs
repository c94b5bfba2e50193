//! Lambda's event source: takes batches off the queue, invokes a worker, deletes what it has done.
//! And the killer of it.
//!
//! The worker's own back-off is minutes long: an impatient operator, who is this loop, lets what
//! failed come again soon.

use std::sync::Arc;
use std::time::Duration;

use desk_emulator::{Call, Fault, FaultKind};
use fastrand::Rng;
use serde_json::{Value, json};

use crate::cloud::{Received, VISIBILITY_TIMEOUT};
use crate::faults;
use crate::harness::rie::Rie;
use crate::kills::Moment;
use crate::world::World;

/// Between two looks at an empty queue.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves the queue with one worker process after the other until the world has settled.
pub(crate) async fn serve(world: Arc<World>, nth: usize) {
    let mut rng = world.chance(100 + nth as u64);
    let mut worker = world.worker().await;
    while !world.is_settled() {
        let batch = world.queues.receive(rng.u32(1..=10)).await;
        if batch.is_empty() {
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        faults::change(&world, &mut rng);
        match invoke(&world, &mut worker, &batch, &mut rng).await {
            Some(answer) => settle(&world, &batch, &answer, &mut rng).await,
            None => {
                bury(&world, worker).await;
                worker = world.worker().await;
                note(&world, &batch, |_| format!("worker {nth} killed"));
                // The queue's own time-out, in place of what the dead worker may have asked for.
                world
                    .queues
                    .show_after(VISIBILITY_TIMEOUT, &batch.iter().collect::<Vec<_>>())
                    .await;
            }
        }
    }

    bury(&world, worker).await;
}

/// Its answer, or `None` if it is to be killed now.
async fn invoke(
    world: &World,
    worker: &mut Rie,
    batch: &[Received],
    rng: &mut Rng,
) -> Option<Value> {
    let event = json!({"Records": batch.iter().map(Received::record).collect::<Vec<_>>()});
    let Some(moment) = world.kills.plan(world.progress(), rng) else {
        return Some(worker.invoke(&event).await);
    };
    let answer = tokio::select! {
        answer = worker.invoke(&event) => Some(answer),
        () = come(world, moment, batch) => None,
    };
    // An answer on the way is lost with its sender; but who waits for a ticket may wait in vain.
    let answer = answer.filter(|_| matches!(moment, Moment::TicketMade));
    world.kills.settle(answer.is_none());

    answer
}

/// Returns at the moment of the kill.
async fn come(world: &World, moment: Moment, batch: &[Received]) {
    let after = match moment {
        Moment::After(after) => return tokio::time::sleep(after).await,
        Moment::TicketMade => world.desk.requests().len(),
    };
    // The worker hangs between the write and its record of it.
    world.desk.inject(Fault::on(Call::CreateTicket).with(FaultKind::SilentAfterWrite));
    let channels: Vec<String> = batch.iter().filter_map(channel).collect();
    let made = || {
        let requests = world.desk.requests();
        let creates = requests[after..]
            .iter()
            .filter(|seen| seen.method == "POST" && seen.path.ends_with("/tickets"));
        creates.into_iter().any(|seen| {
            channels.iter().any(|channel| seen.body.contains(&format!("\"{channel}\"")))
        })
    };

    while !made() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Deletes what is done; what is not comes again in a moment, what cannot be done at once.
async fn settle(world: &World, batch: &[Received], answer: &Value, rng: &mut Rng) {
    let named: Option<Vec<&str>> = answer["batchItemFailures"].as_array().map(|failures| {
        failures.iter().filter_map(|failure| failure["itemIdentifier"].as_str()).collect()
    });
    let failed = |message: &&Received| {
        named.as_ref().is_none_or(|named| named.contains(&message.id.as_str()))
    };
    let (failed, done): (Vec<&Received>, Vec<&Received>) = batch.iter().partition(failed);
    note(world, batch, |message| match &named {
        None => format!("the worker did not answer: {answer}"),
        Some(named) if named.contains(&message.id.as_str()) => {
            format!("not done, receive {}", message.count())
        }
        Some(_) => "done".to_owned(),
    });
    world.queues.delete(&done).await;
    let (hopeless, hopeful): (Vec<&Received>, Vec<&Received>) =
        failed.into_iter().partition(|message| world.is_undoable(message));
    world.queues.show_after(0, &hopeless).await;

    world.queues.show_after(u32::from(rng.u8(0..5) > 0), &hopeful).await;
}

/// The end of a worker, with all that it started.
async fn bury(world: &World, worker: Rie) {
    world.journal.keep_log(worker.output());
    tokio::task::spawn_blocking(move || drop(worker)).await.unwrap();
}

fn channel(message: &Received) -> Option<String> {
    Some(message.handoff()["conversation"]["channel_url"].as_str()?.to_owned())
}

fn note(world: &World, batch: &[Received], what: impl Fn(&Received) -> String) {
    for message in batch {
        let event = message.handoff()["event_id"].as_str().unwrap_or("poison").to_owned();
        world.journal.note(
            &channel(message).unwrap_or_default(),
            format!("{event} {}: {}", message.id, what(message)),
        );
    }
}
