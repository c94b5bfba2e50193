//! Which of two handoffs is the newer one.
//!
//! Two events of the AI agent are ordered by the time at which the sender made them, if both can be
//! read and neither lies more than five minutes ahead of its receipt; every other pair by the time
//! at which API Gateway received it. A time in a direct body never decides: who writes it may write
//! anything.
//!
//! Pure. The relation is not transitive: an event may be older than another one by the sender's
//! clock, and newer than a direct handoff in between by its receipt. That does no harm, because
//! each field is compared with its own last writer only.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// How far the sender's clock may be ahead, in milliseconds.
const MAX_AHEAD: i64 = 5 * 60 * 1000;

/// By which a handoff is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// When the sender made it, in microseconds since 1970, if that can be believed.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub created: Option<i64>,
    /// When API Gateway received it, in milliseconds since 1970.
    #[serde(rename = "r")]
    pub received: i64,
}

impl Stamp {
    /// From the sender's time, as it wrote it, and the receipt in milliseconds since 1970.
    pub fn new(created_at: Option<&str>, received: i64) -> Self {
        let created = created_at.and_then(micros);
        let latest = received.saturating_add(MAX_AHEAD).saturating_mul(1000);
        // A clock that runs ahead would make its handoffs the newest ones for as long as it does.
        Self { created: created.filter(|created| *created <= latest), received }
    }

    /// Whether the other one is the newer. Of two of the same moment neither is.
    pub fn is_older_than(&self, other: &Self) -> bool {
        // Equal times decide nothing: a sender may write whole seconds.
        match (self.created, other.created) {
            (Some(ours), Some(theirs)) if ours != theirs => ours < theirs,
            (Some(_) | None, Some(_) | None) => self.received < other.received,
        }
    }
}

/// Milliseconds since 1970, as receipts are counted.
pub fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Microseconds since 1970, if the text is a time (RFC 3339).
fn micros(text: &str) -> Option<i64> {
    let time = OffsetDateTime::parse(text.trim(), &Rfc3339).ok()?;
    i64::try_from(time.unix_timestamp_nanos() / 1_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RECEIVED: i64 = 1_753_864_530_000;

    #[test]
    fn readable_time_is_used() {
        for text in ["2025-07-30T08:35:25.5Z", " 2025-07-30T10:35:25.5+02:00 "] {
            assert_eq!(Stamp::new(Some(text), RECEIVED).created, Some(1_753_864_525_500_000));
        }
    }

    #[test]
    fn unreadable_or_future_time_is_not_used() {
        for text in ["2025-07-30T08:30:32.d25Z", "", "2025-07-30T08:40:31Z", "9999-01-01T00:00:00Z"]
        {
            assert_eq!(Stamp::new(Some(text), RECEIVED).created, None, "{text}");
        }
        assert!(Stamp::new(Some("2025-07-30T08:40:30Z"), RECEIVED).created.is_some());
    }

    #[test]
    fn senders_clock_orders_two_events() {
        let (early, late) =
            (Stamp { created: Some(1), received: 9 }, Stamp { created: Some(2), received: 8 });
        assert!(early.is_older_than(&late) && !late.is_older_than(&early));
    }

    #[test]
    fn receipt_orders_every_other_pair() {
        let event = Stamp { created: Some(1), received: 9 };
        let direct = Stamp { created: None, received: 8 };
        assert!(direct.is_older_than(&event) && !event.is_older_than(&direct));
        let same = Stamp { created: Some(1), received: 10 };
        assert!(event.is_older_than(&same), "of one moment for the sender");
    }

    fn stamp() -> impl Strategy<Value = Stamp> {
        (prop::option::of(0..4i64), 0..4i64)
            .prop_map(|(created, received)| Stamp { created, received })
    }

    proptest! {
        #[test]
        fn order_is_strict(one in stamp(), other in stamp()) {
            prop_assert!(!one.is_older_than(&one));
            prop_assert!(!(one.is_older_than(&other) && other.is_older_than(&one)));
        }
    }
}
