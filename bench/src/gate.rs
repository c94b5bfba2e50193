//! Instructions, counted by valgrind's callgrind: figures that a busy machine does not move. From
//! exec to the first poll, and of a warm invocation beside the floor's.
//!
//! The kernel's part is in none of them.

use std::io::{Error, Result};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::binaries::Binaries;
use crate::events::Route;
use crate::figures::Bound;
use crate::function::{self, Prefetch, World};
use crate::lambda::Runtime;

/// The most instructions of a start without prefetching.
const MOST: u64 = 2_000_000;
/// How often each start is counted.
const TIMES: usize = 3;
/// The most instructions of a warm invocation, as a multiple of the floor's. More than the ratio of
/// the times may be, because valgrind's processor has no instructions for SHA-256.
const MOST_OF_FLOOR: f64 = 1.6;
/// Invocations before the counted ones, and of these.
const WARM_UP: usize = 30;
const COUNTED: usize = 200;
/// No event at all.
const NONE: (Route, usize) = (Route::Webhook, 0);

/// Prints the counts; whether both functions keep within the limits every time.
pub(crate) fn holds(world: &World, binaries: &Binaries) -> Result<bool> {
    let starts = starts_hold(world, binaries)?;
    let invocations = invocations_hold(world, binaries)?;
    Ok(starts && invocations)
}

fn invocations_hold(world: &World, binaries: &Binaries) -> Result<bool> {
    println!("\n| warm invocation | ratio | at most | |\n| --- | --- | --- | --- |");
    let mut holds = true;

    for route in Route::OF_FLOOR {
        let [ours, floor] = [&binaries.api, &binaries.floor_api]
            .map(|binary| instructions_of_invocation(world, binary, route));
        let (ours, floor) = (ours?, floor?);
        let name = route.name();
        let counts = format!("{name}, {ours:.0} instructions beside {floor:.0} of the floor");
        let bound = Bound { name: &counts, figure: ours / floor, most: MOST_OF_FLOOR };
        println!("{bound}");
        holds &= bound.is_met();
    }

    Ok(holds)
}

fn instructions_of_invocation(world: &World, binary: &Path, route: Route) -> Result<f64> {
    let warm_up = count(world, binary, Prefetch::On, (route, WARM_UP))?;
    let all = count(world, binary, Prefetch::On, (route, WARM_UP + COUNTED))?;
    Ok(all.saturating_sub(warm_up) as f64 / COUNTED as f64)
}

fn starts_hold(world: &World, binaries: &Binaries) -> Result<bool> {
    let gated =
        [("api", &binaries.api, Prefetch::Off), ("worker", &binaries.worker, Prefetch::Off)];
    let shown = [
        ("empty-api", &binaries.empty_api, Prefetch::Off),
        ("empty-worker", &binaries.empty_worker, Prefetch::Off),
        ("api, prefetching", &binaries.api, Prefetch::On),
        ("worker, prefetching", &binaries.worker, Prefetch::On),
    ];
    println!("| bootstrap | instructions from exec to first poll | at most |\n| --- | --- | --- |");
    let mut holds = true;

    for (place, (name, binary, prefetch)) in gated.into_iter().chain(shown).enumerate() {
        let counts = (0..TIMES)
            .map(|_| count(world, binary, prefetch, NONE))
            .collect::<Result<Vec<u64>>>()?;
        let is_gated = place < gated.len();
        let texts: Vec<String> = counts.iter().map(u64::to_string).collect();
        println!(
            "| {name} | {} | {} |",
            texts.join(", "),
            if is_gated { MOST.to_string() } else { String::new() }
        );
        holds &= !is_gated || counts.iter().all(|count| *count <= MOST);
    }

    Ok(holds)
}

/// Of a process that starts, answers so many events of a kind and waits for the next one.
fn count(
    world: &World,
    binary: &Path,
    prefetch: Prefetch,
    (route, events): (Route, usize),
) -> Result<u64> {
    let runtime = Runtime::start(&world.servers)?;
    let output =
        std::env::temp_dir().join(format!("desk-handoff-bench-{}.callgrind", std::process::id()));
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--quiet"]);
    command.arg(format!("--callgrind-out-file={}", output.display())).arg(binary);
    // Cleared, since what a shell exports would be read at start and counted.
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs(world.environment(&runtime, prefetch));
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut valgrind = command.spawn().map_err(|error| {
        Error::other(format!("valgrind does not start ({error}); it is a package of its own"))
    })?;
    runtime.poll();
    for _ in 0..events {
        runtime.hand_out(route.event());
        function::check(Some(route), &runtime.answer().body);
        runtime.poll();
    }
    // It waits for an event now and runs no instruction until the signal.
    kill(
        Pid::from_raw(valgrind.id().try_into().expect("a process id is an i32")),
        Signal::SIGTERM,
    )?;
    valgrind.wait()?;
    let profile = std::fs::read_to_string(&output)?;
    std::fs::remove_file(&output)?;
    let total = profile
        .lines()
        .find_map(|line| line.strip_prefix("summary: ").or(line.strip_prefix("totals: ")));

    total
        .and_then(|total| total.trim().parse().ok())
        .ok_or_else(|| Error::other("the profile has no total"))
}
