//! The probe: asks a Desk what nobody documented (desk-wire section 12 of its sources, section 9 of
//! ours), and leaves one closed test ticket.
//!
//! [`run`] asks, in `questions`, one call after the other through `caller`; `ticket` holds what
//! must be closed at any end; `report` says what was seen. It repeats no write and believes no
//! answer that is not about its own ticket. It never writes to anything but the ticket that it
//! made.

pub(crate) mod asking;
pub(crate) mod caller;
pub(crate) mod known;
pub(crate) mod pages;
pub(crate) mod questions;
pub(crate) mod report;
pub(crate) mod rows;
pub(crate) mod stop;
pub(crate) mod ticket;

#[cfg(test)]
mod tests;

use std::fmt;

use desk_emulator::Profile;

use crate::probe::asking::Asking;
use crate::probe::caller::Caller;
use crate::probe::known::KnownFields;
use crate::probe::questions::ask_all;
use crate::probe::stop::Stop;
use crate::probe::ticket::{Left, TestTicket};

/// What a run found that went to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) profile: Profile,
    /// Keys of the fields document under which Desk stored nothing.
    pub(crate) not_stored: Vec<String>,
    pub(crate) calls: u32,
    pub(crate) left: Left,
}

/// Why a run did not go to its end, and what it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) stop: Stop,
    pub(crate) left: Left,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.stop, self.left)
    }
}

/// Asks everything. Ends early when `interrupted` does; when it does so again, without cleaning up.
pub(crate) async fn run<F: Future<Output = ()>>(
    caller: &Caller<'_>,
    user: &str,
    fields: KnownFields,
    progress: &dyn Fn(&str),
    interrupted: impl Fn() -> F,
) -> Result<Found, Ended> {
    let ticket = TestTicket::new(caller, user);
    let mut asking = Asking {
        caller,
        ticket: &ticket,
        user,
        fields,
        found: Profile::default(),
        not_stored: Vec::new(),
        progress,
        listed_at: None,
        has_message: false,
        failures: 0,
    };

    // A run that is dropped may have a call under way, which Desk carries out all the same: what is
    // to be closed is known to `ticket`, outside of it.
    let asked = tokio::select! {
        asked = ask_all(&mut asking) => asked,
        () = interrupted() => Err(Stop::Interrupted),
    };
    let left = tokio::select! {
        left = ticket.clean_up() => left,
        () = interrupted() => ticket.left(),
    };

    let Asking { found: profile, not_stored, .. } = asking;
    match asked {
        Ok(()) => Ok(Found { profile, not_stored, calls: caller.calls(), left }),
        Err(stop) => Err(Ended { stop, left }),
    }
}
