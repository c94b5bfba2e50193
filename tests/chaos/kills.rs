//! When workers are killed: spread over the deliveries, at random moments or right after Desk made
//! a ticket.

use std::sync::Mutex;
use std::time::Duration;

use fastrand::Rng;

/// All kills are due by this part of the deliveries, so that there is still work to be killed in.
const ALL_DUE: f64 = 0.8;

/// The moment within an invocation.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Moment {
    /// After so long, or with its answer on the way, whichever comes first.
    After(Duration),
    /// When Desk has made a ticket for a conversation of the batch.
    TicketMade,
}

#[derive(Debug)]
pub(crate) struct Kills {
    wanted: usize,
    count: Mutex<Count>,
}

#[derive(Debug, Default)]
struct Count {
    planned: usize,
    done: usize,
}

impl Kills {
    pub(crate) fn new(wanted: usize) -> Self {
        Self { wanted, count: Mutex::default() }
    }

    /// Whether an invocation that begins now is to be killed.
    pub(crate) fn plan(&self, progress: f64, rng: &mut Rng) -> Option<Moment> {
        let due = (self.wanted as f64 * (progress / ALL_DUE).min(1.0)) as usize;
        let mut count = self.count.lock().unwrap();
        if count.done + count.planned >= due {
            return None;
        }
        count.planned += 1;
        let after = Moment::After(Duration::from_millis(rng.u64(0..400)));
        // Late in the run there may be no more tickets to make.
        Some(if progress >= ALL_DUE || rng.bool() { after } else { Moment::TicketMade })
    }

    /// What became of a plan.
    pub(crate) fn settle(&self, killed: bool) {
        let mut count = self.count.lock().unwrap();
        count.planned -= 1;
        count.done += usize::from(killed);
    }

    pub(crate) fn done(&self) -> usize {
        self.count.lock().unwrap().done
    }
}
