//! A hundred handoffs a second: webhooks for the `api` function, and as many messages in batches of
//! three for the `worker`, by a clock.
//!
//! One process of each, where Lambda would start more. The queue between the two is left out: what
//! the worker gets are messages of the same form.

use std::io::Result;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::binaries::Binaries;
use crate::events::Route;
use crate::figures::Figures;
use crate::function::{Cost, Function, Prefetch, World};

const A_SECOND: u32 = 100;
/// As template.yaml sets it.
const BATCH: u32 = 3;

/// Invocations of one function, and how far it fell behind.
#[derive(Default)]
struct Series {
    costs: Vec<Cost>,
    /// How long after its moment each began.
    late: Vec<Duration>,
}

pub(crate) fn report(world: &World, binaries: &Binaries, seconds: u32) -> Result<()> {
    let [api, worker] = [&binaries.api, &binaries.worker]
        .map(|binary| Function::start(world, binary, Prefetch::On));
    let (api, worker) = (api?, worker?);
    api.runtime.poll();
    worker.runtime.poll();
    // Connections and clients are there before the clock starts.
    api.invoke(Some(Route::Webhook), Route::Webhook.event())?;
    let batch = Route::Batch(BATCH.into());
    worker.invoke(Some(batch), batch.event())?;

    let (mut webhooks, mut batches) = (Series::default(), Series::default());
    let began = Instant::now();
    for number in 0..A_SECOND * seconds {
        let due = began + Duration::from_secs(1) * number / A_SECOND;
        webhooks.invoke(&api, Route::Webhook, due)?;
        if number % BATCH == 0 {
            batches.invoke(&worker, batch, due)?;
        }
    }
    let elapsed = began.elapsed();

    println!("\n### {A_SECOND} handoffs a second, for {seconds} seconds\n");
    println!("| function | invocations | of a processor, % | ms, median | p99 | ms late, p99 |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for (name, series) in [("api", webhooks), ("worker, batches of 3", batches)] {
        series.print(name, elapsed);
    }

    Ok(())
}

impl Series {
    fn invoke(&mut self, function: &Function, route: Route, due: Instant) -> Result<()> {
        sleep(due.saturating_duration_since(Instant::now()));
        self.late.push(due.elapsed());
        self.costs.push(function.invoke(Some(route), route.event())?);
        Ok(())
    }

    fn print(self, name: &str, elapsed: Duration) {
        let cpu: Duration = self.costs.iter().map(|cost| cost.cpu).sum();
        let share = cpu.as_secs_f64() / elapsed.as_secs_f64() * 100.0;
        let wall = Figures::of_times(self.costs.iter().map(|cost| cost.wall));
        let late = Figures::of_times(self.late);
        println!(
            "| {name} | {} | {share:.1} | {:.2} | {:.2} | {:.2} |",
            self.costs.len(),
            wall.median(),
            wall.p99(),
            late.p99()
        );
    }
}
