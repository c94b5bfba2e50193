//! Times the release bootstraps as Lambda would run them, each beside a bootstrap that does
//! nothing, in one run and by turns: `make bench`, and `make bench-gate` for the count of
//! instructions at start.
//!
//! * [`peers`] measures ours beside the same software in Python and in Node, which `make peers`
//!   installs.
//! * [`lambda`] is the Runtime API, [`cloud`] AWS and [`desk`] Desk: small stand-ins that answer at
//!   once, on a thread of their own; [`events`] makes what the functions are asked.
//! * [`function`] is a process under measurement; [`cold`], [`warm`] and [`throughput`] measure it, [`gate`] counts
//!   its instructions. [`binaries`] says where they are, and how often each is measured.
//! * [`figures`] are what comes out.
//!
//! Expects the five bootstraps beside its own binary, and a zip beside each of four.
#![expect(clippy::print_stdout, reason = "the report is what this is for")]

mod binaries;
mod cloud;
mod cold;
mod desk;
mod events;
mod figures;
mod function;
mod gate;
mod lambda;
mod peers;
mod throughput;
mod warm;

use std::io::{Error, Result};
use std::path::Path;
use std::process::ExitCode;

use crate::binaries::{Binaries, Sizes};
use crate::desk::Desk;
use crate::figures::Bound;
use crate::function::World;

/// The most that a zip may have, in bytes.
const MOST_ZIPPED: u64 = 4_000_000;
const WHOLE: Sizes = Sizes { starts: 100, invocations: 500, slow_invocations: 100, seconds: 10 };
const QUICK: Sizes = Sizes { starts: 10, invocations: 50, slow_invocations: 10, seconds: 1 };

fn main() -> Result<ExitCode> {
    let servers =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let handle = servers.handle().clone();
    let world = World { aws: cloud::start(&handle)?, desk: Desk::start(&handle)?, servers: handle };
    let binaries = Binaries::beside_this_one()?;

    match std::env::args().nth(1).as_deref() {
        None => {
            bench(&world, &binaries, WHOLE)?;
            peers::report(&world.servers, &binaries, &WHOLE)?;
        }
        Some("quick") => bench(&world, &binaries, QUICK)?,
        Some("peers") => peers::report(&world.servers, &binaries, &WHOLE)?,
        Some("peers-quick") => peers::report(&world.servers, &binaries, &QUICK)?,
        Some("gate") if gate::holds(&world, &binaries)? => {}
        Some("gate") => return Ok(ExitCode::FAILURE),
        Some("updates") => warm::updates(&world, &binaries)?,
        Some(_) => {
            return Err(Error::other("desk-handoff-bench [quick|gate|peers|peers-quick|updates]"));
        }
    }

    Ok(ExitCode::SUCCESS)
}

fn bench(world: &World, binaries: &Binaries, sizes: Sizes) -> Result<()> {
    let mut bounds = cold::report(world, binaries, &sizes)?;
    bounds.extend(warm::report(world, binaries, &sizes)?);
    throughput::report(world, binaries, sizes.seconds)?;
    bounds.extend(package(binaries)?);
    println!("\n### Limits\n\n| figure | measured | at most | |\n| --- | --- | --- | --- |");
    bounds.iter().for_each(|bound| println!("{bound}"));
    Ok(())
}

fn package(binaries: &Binaries) -> Result<Vec<Bound<'static>>> {
    let megabytes = |path: &Path| Ok::<_, Error>(std::fs::metadata(path)?.len() as f64 / 1e6);
    println!("\n### Package\n\n| bootstrap | binary, MB | zip, MB |\n| --- | --- | --- |");
    let Binaries { api, worker, empty_api, empty_worker, floor_api: _ } = binaries;
    let mut bounds = Vec::new();
    for (name, path) in
        [("api", api), ("worker", worker), ("empty-api", empty_api), ("empty-worker", empty_worker)]
    {
        let zipped = megabytes(&path.with_extension("zip"))?;
        println!("| {name} | {:.2} | {zipped:.2} |", megabytes(path)?);
        bounds.push((name, zipped));
    }

    let bound = |(name, figure): (&str, f64)| match name {
        "api" => Some(Bound { name: "zip of api, MB", figure, most: MOST_ZIPPED as f64 / 1e6 }),
        "worker" => {
            Some(Bound { name: "zip of worker, MB", figure, most: MOST_ZIPPED as f64 / 1e6 })
        }
        _ => None,
    };

    Ok(bounds.into_iter().filter_map(bound).collect())
}
