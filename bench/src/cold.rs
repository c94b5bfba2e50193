//! What a cold start costs: from exec to the first poll, and to the first answer, ours and the
//! empty ones by turns.

use std::io::Result;
use std::time::Duration;

use crate::binaries::{Binaries, Sizes};
use crate::events::Route;
use crate::figures::{Bound, Figures};
use crate::function::{Cost, Function, Prefetch, World};

/// A start of one kind: which binary, with or without prefetching.
type Kind<'a> = (&'a str, &'a std::path::Path, Prefetch);

pub(crate) fn report(
    world: &World,
    binaries: &Binaries,
    sizes: &Sizes,
) -> Result<Vec<Bound<'static>>> {
    let mut bounds = first_polls(world, binaries, sizes)?;
    bounds.extend(first_answers(world, binaries, sizes)?);
    Ok(bounds)
}

fn first_polls(world: &World, binaries: &Binaries, sizes: &Sizes) -> Result<Vec<Bound<'static>>> {
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
        // By turns and not kind by kind, so that what else the machine does falls on all.
        for ((_, binary, prefetch), times) in kinds.iter().zip(&mut times) {
            times.push(Function::start(world, binary, *prefetch)?.first_poll());
        }
    }

    let figures = times.map(Figures::of_times);
    println!("\n### Exec to first poll, {} starts each\n", sizes.starts);
    println!(
        "| bootstrap | ms, median (min–max) | ratio to the empty one, median (min–max) |\n| --- | --- | --- |"
    );
    for (place, (name, _, _)) in kinds.iter().enumerate() {
        let ratio = figures[place].over(&figures[place / 3 * 3]);
        println!("| {name} | {} | {ratio} |", figures[place]);
    }

    let bound = |name, ours: usize, empty: usize| Bound {
        name,
        figure: figures[ours].over(&figures[empty]).median(),
        most: 1.6,
    };

    Ok(vec![
        bound("exec to first poll, api, ratio", 1, 0),
        bound("exec to first poll, worker, ratio", 4, 3),
    ])
}

fn first_answers(world: &World, binaries: &Binaries, sizes: &Sizes) -> Result<Vec<Bound<'static>>> {
    println!(
        "\n### Exec to first answer, {} starts each, everything local, Desk at 0 ms\n",
        sizes.starts
    );
    println!(
        "| first event | ms, median (min–max) | ratio | of it after the first poll, ms | CPU ms, median (min–max) | CPU \
         ratio |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    let mut bounds = Vec::new();

    for (route, prefetch) in [
        (Route::Webhook, Prefetch::On),
        (Route::Webhook, Prefetch::Off),
        (Route::Create, Prefetch::On),
        (Route::UpdateUnknown, Prefetch::On),
        (Route::Batch(1), Prefetch::On),
        (Route::Batch(1), Prefetch::Off),
    ] {
        let (ours, empty) = binaries.pair(route);
        let mut costs: [Vec<Cost>; 2] = Default::default();
        for _ in 0..sizes.starts {
            for (costs, (binary, expected)) in
                costs.iter_mut().zip([(empty, None), (ours, Some(route))])
            {
                let function = Function::start_with(world, binary, prefetch, Some(route.event()))?;
                costs.push(function.first_answer(expected)?);
            }
        }
        let [empty, ours] = costs.map(|costs| First::of(&costs));
        let without = if prefetch == Prefetch::Off { ", not prefetching" } else { "" };
        println!("| {}{without} | {} |", route.name(), ours.beside(&empty));
        println!("| (empty) | {} |", empty.beside(&empty));
        if (route, prefetch) == (Route::Webhook, Prefetch::On) {
            bounds.push(Bound {
                name: "first webhook answer, cold, ms",
                figure: ours.wall.median(),
                most: 150.0,
            });
            let ratio = ours.cpu.over(&empty.cpu).median();
            bounds.push(Bound { name: "its CPU time, ratio", figure: ratio, most: 3.0 });
        }
    }

    Ok(bounds)
}

/// First answers of one kind.
struct First {
    wall: Figures,
    handling: Figures,
    cpu: Figures,
}

impl First {
    fn of(costs: &[Cost]) -> Self {
        Self {
            wall: Figures::of_times(costs.iter().map(|cost| cost.wall)),
            handling: Figures::of_times(costs.iter().map(|cost| cost.handling)),
            cpu: Figures::of_times(costs.iter().map(|cost| cost.cpu)),
        }
    }

    fn beside(&self, empty: &Self) -> String {
        let (ratio, cpu_ratio) = (self.wall.over(&empty.wall), self.cpu.over(&empty.cpu));
        format!("{} | {ratio} | {} | {} | {cpu_ratio}", self.wall, self.handling, self.cpu)
    }
}
