//! What a cold start costs: from exec to the first poll, and to the first answer, ours and the empty ones by turns.

use std::io::Result;
use std::time::Duration;

use crate::events::Route;
use crate::figures::{Bound, Figures};
use crate::function::{Cost, Function, Prefetch, World};
use crate::{Binaries, Sizes};

/// A start of one kind: which binary, with or without prefetching.
type Kind<'a> = (&'a str, &'a std::path::Path, Prefetch);

pub(crate) fn report(world: &World, binaries: &Binaries, sizes: &Sizes) -> Result<Vec<Bound>> {
    let mut bounds = first_polls(world, binaries, sizes)?;
    bounds.extend(first_answers(world, binaries, sizes)?);
    Ok(bounds)
}

fn first_polls(world: &World, binaries: &Binaries, sizes: &Sizes) -> Result<Vec<Bound>> {
    let kinds: [Kind<'_>; 6] = [
        ("empty-api", &binaries.empty_api, Prefetch::Off),
        ("api", &binaries.api, Prefetch::Off),
        ("api, prefetching", &binaries.api, Prefetch::On),
        ("empty-worker", &binaries.empty_worker, Prefetch::Off),
        ("worker", &binaries.worker, Prefetch::Off),
        ("worker, prefetching", &binaries.worker, Prefetch::On),
    ];
    let mut times: [Vec<Duration>; 6] = Default::default();
    for _ in 0..sizes.starts {
        for ((_, binary, prefetch), times) in kinds.iter().zip(&mut times) {
            times.push(Function::start(world, binary, *prefetch)?.first_poll());
        }
    }
    let figures = times.map(Figures::of_times);
    println!("\n### Exec to first poll, {} starts each\n", sizes.starts);
    println!("| bootstrap | ms, median (min–max) | ratio to the empty one, median (min–max) |\n| --- | --- | --- |");
    for (place, (name, _, _)) in kinds.iter().enumerate() {
        let ratio = figures[place].over(&figures[place / 3 * 3]);
        println!("| {name} | {} | {ratio} |", figures[place]);
    }
    let bound = |name, ours: usize, empty: usize| Bound {
        name,
        figure: figures[ours].over(&figures[empty]).median(),
        most: 1.6,
    };
    Ok(vec![bound("exec to first poll, api, ratio", 1, 0), bound("exec to first poll, worker, ratio", 4, 3)])
}

fn first_answers(world: &World, binaries: &Binaries, sizes: &Sizes) -> Result<Vec<Bound>> {
    let routes = [Route::Webhook, Route::Create, Route::UpdateUnknown, Route::Batch(1)];
    println!("\n### Exec to first answer, {} starts each, everything local, Desk at 0 ms\n", sizes.starts);
    println!("| first event | ms, median (min–max) | ratio | CPU ms, median (min–max) | CPU ratio |");
    println!("| --- | --- | --- | --- | --- |");
    let mut bounds = Vec::new();
    for route in routes {
        let (ours, empty) = binaries.pair(route);
        let mut costs: [Vec<Cost>; 2] = Default::default();
        for _ in 0..sizes.starts {
            for (costs, (binary, expected)) in costs.iter_mut().zip([(empty, None), (ours, Some(route))]) {
                let function = Function::start_with(world, binary, Prefetch::On, Some(route.event()))?;
                costs.push(function.first_answer(expected)?);
            }
        }
        let [wall_empty, wall] = costs.each_ref().map(|costs| Figures::of_times(costs.iter().map(|cost| cost.wall)));
        let [cpu_empty, cpu] = costs.each_ref().map(|costs| Figures::of_times(costs.iter().map(|cost| cost.cpu)));
        let (ratio, cpu_ratio) = (wall.over(&wall_empty), cpu.over(&cpu_empty));
        println!("| {} | {wall} | {ratio} | {cpu} | {cpu_ratio} |", route.name());
        println!("| (empty) | {wall_empty} | | {cpu_empty} | |");
        if route == Route::Webhook {
            bounds.push(Bound { name: "first webhook answer, cold, ms", figure: wall.median(), most: 150.0 });
            bounds.push(Bound { name: "its CPU time, ratio", figure: cpu_ratio.median(), most: 3.0 });
        }
    }
    Ok(bounds)
}
