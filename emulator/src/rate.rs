//! How many calls a Desk takes in a second, and whether it says so. It counts calls that were
//! refused for it, too, as a live one may. It never delays a call.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::behaviour::Behaviour;
use crate::choices::RateHeaders;
use crate::http::reply::Reply;

const WINDOW: Duration = Duration::from_secs(1);
/// What is said where no limit holds: calls a second.
const NOMINAL: u32 = 100;

/// The calls of the last second.
#[derive(Debug, Default)]
pub(crate) struct Rate(VecDeque<Instant>);

impl Rate {
    /// Counts a call that comes now, and says whether it is within the limit.
    pub(crate) fn admits(&mut self, behaviour: &Behaviour) -> bool {
        let now = Instant::now();
        self.0.retain(|came| *came + WINDOW > now);
        // Before the check: whoever does not slow down is kept out.
        self.0.push_back(now);
        behaviour.rate_limit.is_none_or(|limit| self.0.len() <= limit as usize)
    }

    /// The answer with what it says of the limit.
    pub(crate) fn told(&self, answer: Reply, behaviour: &Behaviour) -> Reply {
        let limit = behaviour.rate_limit.unwrap_or(NOMINAL);
        let left = (limit as usize).saturating_sub(self.0.len());

        match behaviour.rate_headers {
            RateHeaders::Absent => answer,
            RateHeaders::Present => answer
                .with("x-ratelimit-limit", &format!("{limit};w=1"))
                .with("x-ratelimit-remaining", &left.to_string()),
        }
    }
}
