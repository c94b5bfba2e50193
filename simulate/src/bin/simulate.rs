//! `simulate SEEDS [FIRST]`: plays so many worlds, prints one line, and for a world that breaks a promise the smallest scenario
//! that still does. `simulate - < SCENARIO` plays that one and prints what happened in it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use desk_handoff_simulate::run::play;
use desk_handoff_simulate::scenario::{generate, shrink};

#[derive(Default)]
struct Totals {
    handoffs: usize,
    human_actions: usize,
    struck: BTreeMap<&'static str, u64>,
    broken: BTreeMap<&'static str, u64>,
    /// Of each broken promise the first world that breaks it.
    failing: BTreeMap<&'static str, u64>,
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("-") {
        return tell();
    }
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse::<u64>().ok());
    let (seeds, first) = (numbers.next().unwrap_or(1_000), numbers.next().unwrap_or(0));
    let (began, next) = (Instant::now(), AtomicU64::new(first));
    let totals = Mutex::new(Totals::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        return;
                    }
                    add(seed, &totals);
                }
            });
        }
    });
    let totals = totals.into_inner().unwrap_or_else(PoisonError::into_inner);
    show(&totals, seeds, began.elapsed().as_secs_f64())
}

/// Plays the scenario on the input and prints its history.
fn tell() -> ExitCode {
    let Ok(scenario) = serde_json::from_reader(std::io::stdin().lock()) else { return ExitCode::from(2) };
    let played = play(&scenario);
    let events = played.history.events.iter().map(|(at, what)| format!("{at:>9} {what:?}\n"));
    let broken = played.broken.iter().map(|broken| format!("{} at {}: {}\n", broken.promise, broken.at, broken.what));
    let text: String = events.chain(broken).collect();
    let is_written = std::io::stdout().lock().write_all(text.as_bytes()).is_ok();
    if is_written && played.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn add(seed: u64, totals: &Mutex<Totals>) {
    let played = play(&generate(seed));
    let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
    totals.handoffs += played.handoffs;
    totals.human_actions += played.human_actions;
    for (what, count) in played.struck {
        *totals.struck.entry(what).or_default() += count;
    }
    for broken in &played.broken {
        let first = totals.failing.entry(broken.promise).or_insert(seed);
        *first = seed.min(*first);
        *totals.broken.entry(broken.promise).or_default() += 1;
    }
}

fn show(totals: &Totals, seeds: u64, seconds: f64) -> ExitCode {
    let mut out = std::io::stdout().lock();
    let faults: Vec<String> = totals.struck.iter().map(|(what, count)| format!("{what} {count}")).collect();
    let broken: u64 = totals.broken.values().sum();
    let line = format!(
        "simulate: {seeds} schedules, {} handoffs, {} human actions, {}; {broken} broken promises {:?}, {seconds:.1} s\n",
        totals.handoffs,
        totals.human_actions,
        faults.join(", "),
        totals.broken,
    );
    let mut text = line;
    for (promise, seed) in &totals.failing {
        let scenario = generate(*seed);
        let still = |candidate: &_| play(candidate).broken.iter().any(|broken| broken.promise == *promise);
        let small = shrink(scenario, still);
        for broken in play(&small).broken {
            text.push_str(&format!("seed {seed}, {} at {} ms: {}\n", broken.promise, broken.at, broken.what));
        }
        text.push_str(&format!("{}\n", serde_json::to_string(&small).unwrap_or_default()));
    }
    if out.write_all(text.as_bytes()).is_err() || broken > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
