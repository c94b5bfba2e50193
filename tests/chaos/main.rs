//! Nothing lost, nothing twice, on real parts: several built workers under Lambda's Runtime
//! Interface Emulator, fed from a FIFO queue in moto by an event source that kills them, before one
//! Desk that goes wrong.
//!
//! `make chaos` runs it at full size. Each test ends with a line that says what was done, and fails
//! with the history of the conversations that went wrong.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod checks;
mod cloud;
mod faults;
#[path = "../fixtures.rs"]
#[allow(dead_code, reason = "the other test binaries use the rest")]
mod fixtures;
#[path = "../aws/harness/mod.rs"]
#[allow(dead_code, reason = "the other test binaries use the rest")]
mod harness;
mod journal;
mod judged;
mod kills;
mod script;
mod sender;
mod sizes;
mod source;
mod world;

use std::io::Write as _;
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::checks::Checks;
use crate::sizes::Sizes;
use crate::world::{Scenario, World};

#[tokio::test]
async fn handoffs_are_done_once_through_kills_and_faults() {
    let sizes = Sizes::from_environment();
    let undoable = 2 + sizes.conversations / 50;
    // More receives than there can be while a dead worker's lease lasts, and then the minute in
    // which a ticket that it may have made is waited for.
    let scenario = Scenario { name: "chaos", stormy: true, undoable, max_receives: 120 };
    let world = Arc::new(World::new(scenario, sizes).await);
    run(&world, async {}).await;
}

#[tokio::test]
async fn outage_makes_handoffs_late_and_loses_none() {
    let scenario =
        Scenario { name: "chaos-outage", stormy: false, undoable: 0, max_receives: 1000 };
    let world = Arc::new(World::new(scenario, Sizes::from_environment()).await);
    run(&world, faults::outage(&world)).await;
}

/// Delivers the script while workers are served and killed, and judges what is left when the queue
/// is empty.
async fn run(world: &Arc<World>, outage: impl Future<Output = ()>) {
    let mut workers = JoinSet::new();
    for nth in 0..world.sizes.workers {
        workers.spawn(source::serve(Arc::clone(world), nth));
    }
    tokio::join!(outage, sender::deliver_all(world));
    world.settle().await;
    workers.join_all().await;
    let checks = Checks::of(world).await;
    // Around the test harness, which captures what is printed.
    std::io::stderr().write_all(format!("\n{checks}\n").as_bytes()).unwrap();

    checks.must_be_clean(world);
}
