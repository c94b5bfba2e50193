//! What goes wrong at Desk: single calls at random, in proportion to what is asked; or all of them,
//! for half of the run.

use std::sync::atomic::Ordering;
use std::time::Duration;

use desk_emulator::{Call, Fault, FaultKind};
use fastrand::Rng;

use crate::world::World;

/// At most one call in so many goes wrong.
const ONE_IN: usize = 6;
/// Besides so many at the beginning.
const AT_FIRST: usize = 5;

/// Lets some of the next calls go wrong, if the run is a stormy one and deliveries are still being
/// made: after that Desk is well, for a lost create holds its conversation up for a minute.
pub(crate) fn change(world: &World, rng: &mut Rng) {
    if !world.scenario.stormy || world.progress() >= 1.0 {
        return;
    }

    let allowed = AT_FIRST + world.desk.requests().len() / ONE_IN;
    for _ in 0..rng.usize(0..4) {
        if world.faults.load(Ordering::Relaxed) < allowed {
            world.desk.inject(fault(rng));
            world.faults.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn fault(rng: &mut Rng) -> Fault {
    let calls = [
        Call::Any,
        Call::Any,
        Call::CreateTicket,
        Call::PatchFields,
        Call::CreateCustomer,
        Call::ViewTicket,
    ];

    let call = calls[rng.usize(0..calls.len())];
    Fault::on(call).after(rng.u32(0..4)).with(kind(rng))
}

fn kind(rng: &mut Rng) -> FaultKind {
    let status = |status| FaultKind::Status { status, headers: Vec::new(), body: String::new() };
    match rng.u8(0..24) {
        0..4 => FaultKind::RateLimited {
            retry_after: Some(rng.u64(0..=1)),
            ratelimit_retry_after: None,
        },
        4..8 => status(500),
        8..11 => FaultKind::Html { status: 502 },
        11..14 => FaultKind::CutConnection,
        14..18 => FaultKind::CutAfterWrite,
        18..20 => FaultKind::CutBody,
        20..22 => FaultKind::EmptyBody,
        22 => FaultKind::Slow(Duration::from_millis(rng.u64(100..1500))),
        _ => FaultKind::SilentAfterWrite,
    }
}

/// Desk is down until half of the deliveries are begun and the workers have knocked: first it hangs
/// up, then it says so.
pub(crate) async fn outage(world: &World) {
    let all = |kind| world.desk.inject(Fault::on(Call::Any).always().with(kind));
    all(FaultKind::CutConnection);
    until(|| world.progress() >= 0.25).await;
    world.desk.clear_faults();
    all(FaultKind::Html { status: 503 });
    until(|| {
        world.progress() >= 0.5 && world.desk.requests().len() > 2 * world.sizes.conversations
    })
    .await;
    assert!(world.desk.tickets().is_empty(), "a Desk that is down makes no ticket");
    world.faults.fetch_add(world.desk.requests().len(), Ordering::Relaxed);

    world.desk.clear_faults();
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
