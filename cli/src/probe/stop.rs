//! Why a probe cannot go on. Pure. What is said holds the call and the status, never what Desk
//! wrote: that may repeat a customer's value.

use std::fmt;

/// Why no further question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// No connection stood.
    Unreachable(&'static str),
    /// No answer in time; what was asked for may be done.
    TimedOut(&'static str),
    /// The connection broke; what was asked for may be done.
    Broken(&'static str),
    /// An answer of this status, by which nothing is learnt; what was asked for may be done.
    Failed(&'static str, u16),
    /// A success that does not show what was asked for.
    Nonsense(&'static str),
    /// The token is not taken.
    Unauthorized(&'static str, u16),
    /// Too many requests, even after waiting.
    RateLimited(&'static str),
    /// A call that no probe can do without is refused.
    Refused(&'static str, u16),
    /// The probe has made as many calls as it may.
    CallLimit,
    /// The user is no customer of this Desk.
    NoCustomer,
    /// This test ticket of a former run is open, and Desk does not close it.
    Leftover(u64),
    /// More test tickets of former runs are open than are closed at once.
    Leftovers,
    /// The test ticket cannot be viewed.
    Invisible,
    /// Ctrl-C.
    Interrupted,
}

impl Stop {
    /// Whether the call may have been carried out all the same.
    pub(crate) fn may_be_done(self) -> bool {
        match self {
            Self::TimedOut(_)
            | Self::Broken(_)
            | Self::Failed(..)
            | Self::Nonsense(_)
            | Self::Invisible
            | Self::Interrupted => true,
            Self::Unreachable(_)
            | Self::Unauthorized(..)
            | Self::RateLimited(_)
            | Self::Refused(..)
            | Self::CallLimit
            | Self::NoCustomer
            | Self::Leftover(_)
            | Self::Leftovers => false,
        }
    }

    /// Whether the same call may well succeed a moment later.
    pub(crate) fn may_pass(self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TimedOut(_) | Self::Broken(_) => true,
            Self::Failed(_, status) => status >= 500,
            Self::Nonsense(_)
            | Self::Unauthorized(..)
            | Self::RateLimited(_)
            | Self::Refused(..)
            | Self::CallLimit
            | Self::NoCustomer
            | Self::Leftover(_)
            | Self::Leftovers
            | Self::Invisible
            | Self::Interrupted => false,
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(call) => write!(
                f,
                "Desk could not be reached ({call}): is the application id right, and --desk-url?"
            ),
            Self::TimedOut(call) => write!(f, "Desk did not answer in time ({call})"),
            Self::Broken(call) => write!(f, "the connection to Desk broke ({call})"),
            Self::Failed(call, status @ 300..400) => write!(
                f,
                "Desk sends the call elsewhere, which is never followed ({call}, status {status})"
            ),
            Self::Failed(call, status) => {
                write!(f, "Desk gave no usable answer ({call}, status {status})")
            }
            Self::Nonsense(call) => {
                write!(f, "Desk's answer does not show what was asked for ({call})")
            }
            Self::Unauthorized(call, status) => write!(
                f,
                "Desk refused the token ({call}, status {status}); Desk's tokens are made in its \
                 dashboard (Settings > Desk > Credentials)"
            ),
            Self::RateLimited(call) => {
                write!(f, "Desk asked to come back later ({call}, status 429), also after a pause")
            }
            Self::Refused(call, status) => {
                write!(f, "Desk refused what the probe needs ({call}, status {status})")
            }
            Self::CallLimit => f.write_str("the probe has made all the calls that it may make"),
            Self::NoCustomer => {
                f.write_str("Desk knows no customer of this user id: take one who has had a ticket")
            }
            Self::Leftover(id) => write!(
                f,
                "the test ticket {id} of a former run is open, and Desk refuses to close it: close \
                 it in Desk's dashboard first"
            ),
            Self::Leftovers => f.write_str(
                "test tickets of former runs were closed, and there are more: probe again",
            ),
            Self::Invisible => f.write_str("the new test ticket could not be viewed in time"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}
