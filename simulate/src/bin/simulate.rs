//! `simulate SEEDS [FIRST]`: plays so many worlds, prints one line, and for a world that breaks a
//! promise the smallest scenario that still does. `simulate - < SCENARIO` plays that one and prints
//! what happened in it; `simulate SEEDS FIRST stop` ends with the first world that breaks one, as
//! is enough where a defect was planted. With `DESK_PROFILE=FILE`, of `cargo handoff probe`, Desk
//! behaves like the one that was probed.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use desk_emulator::{Profile, ProfileError};
use desk_handoff_simulate::run::play;
use desk_handoff_simulate::scenario::{Scenario, generate, shrink};

#[derive(Default)]
struct Totals {
    schedules: u64,
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

    let Ok(profile) = profile() else { return ExitCode::from(2) };
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse::<u64>().ok());
    let (seeds, first) = (numbers.next().unwrap_or(1_000), numbers.next().unwrap_or(0));
    let stops = std::env::args().nth(3).is_some_and(|word| word == "stop");
    let (began, next) = (Instant::now(), AtomicU64::new(first));
    let totals = Mutex::new(Totals::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| play_worlds(&next, first + seeds, stops, profile.as_ref(), &totals));
        }
    });

    let totals = totals.into_inner().unwrap_or_else(PoisonError::into_inner);
    show(&totals, profile.as_ref(), began.elapsed().as_secs_f64())
}

/// One thread's part of the worlds before `end`.
fn play_worlds(
    next: &AtomicU64,
    end: u64,
    stops: bool,
    profile: Option<&Profile>,
    totals: &Mutex<Totals>,
) {
    loop {
        // Worlds take unlike times: by one counter no thread is left alone with the slow ones.
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return;
        }
        let is_broken = add(world(seed, profile), totals);
        if is_broken && stops {
            // Beyond the end, so that no thread begins another world.
            next.fetch_add(end, Ordering::Relaxed);
        }
    }
}

/// Plays the scenario on the input and prints its history.
fn tell() -> ExitCode {
    let Ok(scenario) = serde_json::from_reader(std::io::stdin().lock()) else {
        return ExitCode::from(2);
    };
    let played = play(&scenario);
    let events = played.history.events.iter().map(|(at, what)| format!("{at:>9} {what:?}\n"));
    let broken = played
        .broken
        .iter()
        .map(|broken| format!("{} at {}: {}\n", broken.promise, broken.at, broken.what));
    let text: String = events.chain(broken).collect();
    let is_written = std::io::stdout().lock().write_all(text.as_bytes()).is_ok();

    if is_written && played.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The profile that is asked for, if one is. One that cannot be read ends the program: worlds of
/// another Desk would prove nothing.
fn profile() -> Result<Option<Profile>, ProfileError> {
    let Some(path) = std::env::var_os("DESK_PROFILE").filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let profile = Profile::parse(&text);
    if let Err(error) = &profile {
        let _ = writeln!(std::io::stderr().lock(), "DESK_PROFILE is not usable: {error}");
    }
    profile.map(Some)
}

fn world(seed: u64, profile: Option<&Profile>) -> Scenario {
    let mut scenario = generate(seed);
    scenario.desk.profile = profile.cloned();
    scenario
}

/// Plays one world; says whether it breaks a promise.
fn add(scenario: Scenario, totals: &Mutex<Totals>) -> bool {
    let seed = scenario.seed;
    let played = play(&scenario);
    let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
    totals.schedules += 1;
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

    !played.broken.is_empty()
}

fn show(totals: &Totals, profile: Option<&Profile>, seconds: f64) -> ExitCode {
    let mut out = std::io::stdout().lock();
    let crashes = totals.struck.get("crash").copied().unwrap_or(0);
    let faults = totals.struck.iter().filter(|(what, _)| **what != "crash");
    let faults: Vec<String> = faults.map(|(what, count)| format!("{what} {count}")).collect();
    let broken: u64 = totals.broken.values().sum();
    let promises: Vec<String> =
        totals.broken.iter().map(|(promise, count)| format!("{promise} {count}")).collect();
    let promises = if broken == 0 { String::new() } else { format!(" ({})", promises.join(", ")) };
    let line = format!(
        "simulate: {} schedules, {} handoffs, {crashes} crashes, faults: {}; {} human actions, \
         {broken} broken promises{promises}, {seconds:.0} s\n",
        totals.schedules,
        totals.handoffs,
        faults.join(", "),
        totals.human_actions,
    );

    let mut text = line;
    for (promise, seed) in &totals.failing {
        let scenario = world(*seed, profile);
        let still =
            |candidate: &_| play(candidate).broken.iter().any(|broken| broken.promise == *promise);
        let small = shrink(scenario, still);
        for broken in play(&small).broken {
            text.push_str(&format!(
                "seed {seed}, {} at {} ms: {}\n",
                broken.promise, broken.at, broken.what
            ));
        }
        text.push_str(&format!("{}\n", serde_json::to_string(&small).unwrap_or_default()));
    }

    if out.write_all(text.as_bytes()).is_err() || broken > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
