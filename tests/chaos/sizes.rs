//! How large a run is, and its seed: from `CHAOS_*` in the environment, else small enough for `make
//! test`.

/// What the environment says.
#[derive(Debug, Clone)]
pub(crate) struct Sizes {
    /// `CHAOS_SEED`
    pub(crate) seed: u64,
    /// `CHAOS_CONVERSATIONS`
    pub(crate) conversations: usize,
    /// `CHAOS_DELIVERIES`: at least so many, and every event at least three times.
    pub(crate) deliveries: usize,
    /// `CHAOS_KILLS`
    pub(crate) kills: usize,
    /// `CHAOS_WORKERS`: processes that serve the queue.
    pub(crate) workers: usize,
}

impl Sizes {
    pub(crate) fn from_environment() -> Self {
        let sizes = Self {
            seed: read("CHAOS_SEED", 20_261_122) as u64,
            conversations: read("CHAOS_CONVERSATIONS", 20),
            deliveries: read("CHAOS_DELIVERIES", 120),
            kills: read("CHAOS_KILLS", 4),
            workers: read("CHAOS_WORKERS", 2),
        };

        let fits = (3 * sizes.conversations..=10 * sizes.conversations).contains(&sizes.deliveries);
        assert!(
            fits,
            "every conversation takes three to ten deliveries of each handoff: {sizes:?}"
        );

        sizes
    }
}

fn read(name: &str, default: usize) -> usize {
    let Ok(text) = std::env::var(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text:?}"))
}
