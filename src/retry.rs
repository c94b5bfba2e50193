//! Whether a failed Desk call is made again, and when.
//!
//! Pure: time left and chance come in as arguments. One of three owners of repetition, the others
//! being the sender and (for a whole handoff) the queue. A call that Desk may have carried out is
//! repeated only if repeating it does no harm.

use std::time::Duration;

/// The most times that one call is made.
pub const MAX_ATTEMPTS: u32 = 4;
/// The longest pause that we choose ourselves.
pub const MAX_PAUSE: Duration = Duration::from_secs(4);
/// The least time that a call needs to be worth making.
pub const MIN_CALL: Duration = Duration::from_millis(250);

/// Whether the call can have reached Desk's hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It certainly was not carried out.
    No,
    /// It may have been.
    Maybe,
}

/// A failure, as far as repeating goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallFailure {
    /// Whether it may pass by itself: an outage or a limit, not a refusal.
    pub passing: bool,
    /// Whether Desk may have carried the call out all the same.
    pub sent: Sent,
    /// How long Desk asked to wait.
    pub retry_after: Option<Duration>,
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryDecision {
    /// Give up.
    Stop,
    /// Make the call again after this pause.
    After(Duration),
}

/// Decides after the `attempt`th failure (counted from 1) of a call.
///
/// `repeatable` says that doing it twice is the same as doing it once. The pause is what Desk asked
/// for, else a random part (`chance`, 0 to 1: full jitter) of `base` doubled with every attempt; it
/// never reaches past the time that is left.
pub fn next(
    attempt: u32,
    failure: CallFailure,
    repeatable: bool,
    left: Duration,
    base: Duration,
    chance: f64,
) -> RetryDecision {
    let harmless = repeatable || failure.sent == Sent::No;
    if !failure.passing || !harmless || attempt >= MAX_ATTEMPTS {
        return RetryDecision::Stop;
    }

    // Bounded, so that the shift cannot overflow.
    let ceiling = base.saturating_mul(1 << attempt.min(16)).min(MAX_PAUSE);
    let jitter = ceiling.mul_f64(chance.clamp(0.0, 1.0));
    // Jitter on top of what was asked for, so that clients given the same moment do not all come
    // back in it.
    let pause = failure.retry_after.map_or(jitter, |asked| asked.saturating_add(jitter.min(base)));

    // A pause that leaves no time for the call only makes the failure later.
    if pause.saturating_add(MIN_CALL) <= left {
        RetryDecision::After(pause)
    } else {
        RetryDecision::Stop
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BASE: Duration = Duration::from_millis(200);
    const LONG: Duration = Duration::from_secs(60);
    const OUTAGE: CallFailure = CallFailure { passing: true, sent: Sent::Maybe, retry_after: None };

    #[test]
    fn a_refusal_is_final() {
        let refusal = CallFailure { passing: false, sent: Sent::No, retry_after: None };
        assert_eq!(next(1, refusal, true, LONG, BASE, 0.5), RetryDecision::Stop);
    }

    #[test]
    fn doubtful_call_is_repeated_only_if_repeatable() {
        assert_eq!(next(1, OUTAGE, false, LONG, BASE, 0.5), RetryDecision::Stop);
        assert_eq!(next(1, OUTAGE, true, LONG, BASE, 0.5), RetryDecision::After(BASE));
        let never_sent = CallFailure { sent: Sent::No, ..OUTAGE };
        assert_eq!(next(1, never_sent, false, LONG, BASE, 0.5), RetryDecision::After(BASE));
    }

    #[test]
    fn retry_after_is_honoured_or_call_given_up() {
        let asked = CallFailure { retry_after: Some(Duration::from_secs(7)), ..OUTAGE };
        assert_eq!(
            next(1, asked, true, LONG, BASE, 0.0),
            RetryDecision::After(Duration::from_secs(7))
        );
        assert_eq!(next(1, asked, true, Duration::from_secs(7), BASE, 0.0), RetryDecision::Stop);
    }

    #[test]
    fn the_fourth_failure_is_the_last() {
        assert_ne!(next(3, OUTAGE, true, LONG, BASE, 0.0), RetryDecision::Stop);
        assert_eq!(next(4, OUTAGE, true, LONG, BASE, 0.0), RetryDecision::Stop);
    }

    proptest! {
        #[test]
        fn a_pause_never_reaches_past_the_time_left(
            attempt in 1..10u32, asked in prop::option::of(0..u64::MAX), left in 0..60_000u64, chance in any::<f64>(),
        ) {
            let failure = CallFailure { retry_after: asked.map(Duration::from_millis), ..OUTAGE };
            let left = Duration::from_millis(left);
            if let RetryDecision::After(pause) = next(attempt, failure, true, left, BASE, if chance.is_nan() { 0.0 } else { chance }) {
                prop_assert!(pause + MIN_CALL <= left);
                prop_assert!(asked.is_none_or(|asked| pause >= Duration::from_millis(asked)));
            }
        }
    }
}
