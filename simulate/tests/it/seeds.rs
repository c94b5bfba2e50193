//! Large worlds at random.

use desk_handoff_simulate::run::play;
use desk_handoff_simulate::scenario::generate;

/// Half of the worlds that `make test` plays; the two halves go side by side.
const HALF: u64 = 10_000;

fn clean(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let broken = play(&generate(seed)).broken;
        assert!(broken.is_empty(), "`make simulate SEEDS=1 FIRST={seed}` shows it: {broken:?}");
    }
}

#[test]
fn first_half_keeps_every_promise() {
    clean(0..HALF);
}

#[test]
fn second_half_keeps_every_promise() {
    clean(HALF..2 * HALF);
}

#[test]
fn seed_says_all_that_happens() {
    for seed in 0..100 {
        let histories = [(); 2].map(|()| format!("{:?}", play(&generate(seed)).history));
        assert_eq!(histories[0], histories[1], "seed {seed}");
    }
}
