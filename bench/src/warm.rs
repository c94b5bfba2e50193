//! What an invocation costs once the process is warm, by route, with Desk at 0 and at 20 ms; and
//! the most memory used.
//!
//! Ours and the empty bootstrap are invoked by turns. Desk's own time is what the stand-in itself
//! measured: what is beside it is ours, Lambda's runtime, the loopback network and the stand-ins of
//! AWS.

use std::io::Result;
use std::time::Duration;

use crate::binaries::{Binaries, Sizes};
use crate::events::{Route, largest};
use crate::figures::{Bound, Figures};
use crate::function::{Cost, Function, Prefetch, World};

/// Invocations before anything is measured.
const WARM_UP: usize = 30;

pub(crate) fn report(
    world: &World,
    binaries: &Binaries,
    sizes: &Sizes,
) -> Result<Vec<Bound<'static>>> {
    let mut bounds = Vec::new();
    for (delay, count) in [(0, sizes.invocations), (20, sizes.slow_invocations)] {
        println!("\n### Warm invocations, {count} each, Desk at {delay} ms\n");
        println!(
            "| route | ms, median | p99 | ratio to empty, median (min–max) | Desk calls | beside Desk's time, ms, median | \
             p99 | CPU s per 1000 handoffs | of it beyond empty | CPU, ratio to the floor | ms, ratio to the floor, median \
             (min–max) |"
        );
        println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        world.desk.delay(delay);
        for route in Route::OF_API.into_iter().chain(Route::OF_WORKER) {
            bounds.extend(route_report(world, binaries, route, delay, count)?);
        }
        world.desk.delay(0);
    }
    bounds.extend(memory(world, binaries)?);

    Ok(bounds)
}

/// Updates and nothing else, for a profiler that watches from outside.
pub(crate) fn updates(world: &World, binaries: &Binaries) -> Result<()> {
    let function = Function::start(world, &binaries.api, Prefetch::On)?;
    function.runtime.poll();
    // The first one meets a ticket that it does not know.
    for _ in 0..5000 {
        function.invoke(Some(Route::UpdateKnown), Route::UpdateKnown.event())?;
    }
    Ok(())
}

/// One route's invocations.
#[derive(Default)]
struct Series {
    ours: Vec<Cost>,
    empty: Vec<Cost>,
    floor: Vec<Cost>,
    beside: Vec<Duration>,
    calls: usize,
}

fn series(world: &World, binaries: &Binaries, route: Route, count: usize) -> Result<Series> {
    let (ours, empty) = binaries.pair(route);
    let [ours, empty] = [ours, empty].map(|binary| Function::start(world, binary, Prefetch::On));
    let (ours, empty) = (ours?, empty?);
    ours.runtime.poll();
    empty.runtime.poll();
    let floor = binaries.floor(route).map(|binary| Function::start(world, binary, Prefetch::On));
    let floor = floor.transpose()?;
    if let Some(floor) = &floor {
        floor.runtime.poll();
    }
    let mut series = Series::default();

    for number in 0..WARM_UP + count {
        let before = empty.invoke(None, route.event())?;
        let floor = floor.as_ref().map(|floor| floor.invoke(Some(route), route.event_of_floor()));
        let floor = floor.transpose()?;
        // Taken to begin anew: what came before is not of this invocation.
        world.desk.busy();
        let cost = ours.invoke(Some(route), route.event())?;
        let (calls, busy) = world.desk.busy();
        if number >= WARM_UP {
            series.ours.push(cost);
            series.empty.push(before);
            series.floor.extend(floor);
            series.beside.push(cost.wall.saturating_sub(busy));
            series.calls += calls;
        }
    }

    Ok(series)
}

fn route_report(
    world: &World,
    binaries: &Binaries,
    route: Route,
    delay: u64,
    count: usize,
) -> Result<Option<Bound<'static>>> {
    let Series { ours, empty, floor, beside, calls } = series(world, binaries, route, count)?;
    let [wall, wall_empty, wall_floor] =
        [&ours, &empty, &floor].map(|costs| Figures::of_times(costs.iter().map(|cost| cost.wall)));
    // Milliseconds an invocation are seconds a thousand.
    let processor =
        [&ours, &empty, &floor].map(|costs| Figures::of_times(costs.iter().map(|cost| cost.cpu)));
    let [cpu, cpu_empty] =
        [&processor[0], &processor[1]].map(|times| times.mean() / route.handoffs() as f64);
    // Of the medians, because a single disturbance would move a mean.
    let cpu_over_floor = (!floor.is_empty()).then(|| processor[0].median() / processor[2].median());
    let over_floor = cpu_over_floor.map_or_else(
        || "– | –".to_owned(),
        |ratio| format!("{ratio:.2} | {}", wall.over(&wall_floor)),
    );
    let beside = Figures::of_times(beside);
    println!(
        "| {} | {:.2} | {:.2} | {} | {} | {:.2} | {:.2} | {cpu:.3} | {:.3} | {over_floor} |",
        route.name(),
        wall.median(),
        wall.p99(),
        wall.over(&wall_empty),
        calls as f64 / count as f64,
        beside.median(),
        beside.p99(),
        cpu - cpu_empty,
    );

    Ok(bound(route, delay, cpu, cpu_over_floor, beside.median()))
}

/// The figure of a route that has a limit.
fn bound(
    route: Route,
    delay: u64,
    cpu: f64,
    cpu_over_floor: Option<f64>,
    beside: f64,
) -> Option<Bound<'static>> {
    match (route, delay) {
        (Route::Webhook, 0) => {
            Some(Bound { name: "warm webhook, CPU ms a request", figure: cpu, most: 0.5 })
        }
        (Route::UpdateKnown, 0) => cpu_over_floor.map(|figure| Bound {
            name: "warm update of a known conversation, CPU, ratio to the floor",
            figure,
            most: 1.3,
        }),
        (Route::UpdateKnown, 20) => {
            let name = "warm update of a known conversation, ms beside Desk's time";
            Some(Bound { name, figure: beside, most: 3.0 })
        }
        _ => None,
    }
}

/// The most resident memory after every route, the largest body among the requests.
fn memory(world: &World, binaries: &Binaries) -> Result<Vec<Bound<'static>>> {
    let api = Function::start(world, &binaries.api, Prefetch::On)?;
    let worker = Function::start(world, &binaries.worker, Prefetch::On)?;
    let [empty_api, empty_worker] = [&binaries.empty_api, &binaries.empty_worker]
        .map(|binary| Function::start(world, binary, Prefetch::Off));
    let (empty_api, empty_worker) = (empty_api?, empty_worker?);

    for (function, routes) in [(&api, &Route::OF_API[..]), (&worker, &Route::OF_WORKER[..])] {
        function.runtime.poll();
        for route in routes.iter().cycle().take(routes.len() * 20) {
            function.invoke(Some(*route), route.event())?;
        }
    }
    api.invoke(Some(Route::UpdateUnknown), largest())?;
    for (function, event) in [(&empty_api, largest()), (&empty_worker, Route::Batch(10).event())] {
        function.runtime.poll();
        function.invoke(None, event)?;
    }

    let mebibytes = |function: &Function| {
        Ok::<_, std::io::Error>(function.peak_memory()? as f64 / 1024.0 / 1024.0)
    };
    let (api, worker) = (mebibytes(&api)?, mebibytes(&worker)?);
    println!("\n### Peak memory, MiB, after every route and a body of 256 KiB\n");
    println!("| api | worker | empty-api | empty-worker |\n| --- | --- | --- | --- |");
    println!(
        "| {api:.1} | {worker:.1} | {:.1} | {:.1} |",
        mebibytes(&empty_api)?,
        mebibytes(&empty_worker)?
    );

    Ok(vec![
        Bound { name: "peak memory, api, MiB", figure: api, most: 40.0 },
        Bound { name: "peak memory, worker, MiB", figure: worker, most: 40.0 },
    ])
}
