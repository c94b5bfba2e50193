//! How fast calls to Desk may follow each other on the queue's path, so that a backlog does not use
//! up Desk's rate (desk-wire section 7: five requests a second are taken for safe).
//!
//! A bucket of calls: full at first, so that one handoff is never slowed down; refilled at a steady
//! rate. It holds for one process; how many processes there are is the event source's to bound.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How many calls may go out at once after a rest: those of one handoff.
const BURST: u32 = 6;

/// The bucket.
#[derive(Debug)]
pub struct Pace {
    interval: Duration,
    /// When the bucket is full again, if no more is taken.
    full_at: Mutex<Option<Instant>>,
}

impl Pace {
    /// So many calls a second in the long run.
    pub fn new(calls_per_second: f64) -> Self {
        let interval = Duration::from_secs_f64(calls_per_second.recip());
        Self { interval, full_at: Mutex::new(None) }
    }

    /// Waits until a call may go out, and counts it.
    pub async fn take(&self) {
        let now = Instant::now();
        let next = self.next(now);
        // A timer whose moment has come still costs up to a millisecond: until its next tick.
        if next > now {
            sleep_until(next).await;
        }
    }

    /// When the call may go out that is asked for now.
    fn next(&self, now: Instant) -> Instant {
        // Read and set under one lock, so that two calls never get the same place.
        let mut full_at = self.full_at.lock().expect("no holder of the pace panics");
        // However long nobody took a call: the bucket holds no more than a full one.
        let begin = full_at.map_or(now, |full_at| full_at.max(now));
        *full_at = Some(begin + self.interval);
        let room = self.interval * (BURST - 1);
        begin.checked_sub(room).map_or(now, |at| at.max(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The calls of one handoff go out at once; after them one goes out every interval.
    #[test]
    fn burst_passes_then_steady_rate() {
        let (pace, now) = (Pace::new(2.0), Instant::now() + Duration::from_secs(60));
        let waits: Vec<Duration> = (0..8).map(|_| pace.next(now) - now).collect();
        let zero = Duration::ZERO;
        let (half, one) = (Duration::from_millis(500), Duration::from_secs(1));
        assert_eq!(waits, [zero, zero, zero, zero, zero, zero, half, one]);
    }

    /// After a rest the bucket is full again, and no fuller.
    #[test]
    fn rest_refills_bucket() {
        let (pace, now) = (Pace::new(2.0), Instant::now() + Duration::from_secs(60));
        for _ in 0..8 {
            pace.next(now);
        }
        let later = now + Duration::from_secs(600);
        let waits: Vec<Duration> = (0..7).map(|_| pace.next(later) - later).collect();
        assert_eq!(waits[..6], [Duration::ZERO; 6]);
        assert_eq!(waits[6], Duration::from_millis(500));
    }
}
