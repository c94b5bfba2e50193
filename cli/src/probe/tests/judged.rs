//! A run under the simulator's judge, which sees Desk before and after it, the calls and the words.

use std::collections::BTreeMap;
use std::time::Duration;

use desk_emulator::Emulator;
use desk_handoff_judge::probe::{Call, Run, Terms, Ticket, judge};
use serde_json::Value;

use crate::probe::caller::MOST_CALLS;
use crate::probe::tests::world::{Ran, TOKEN, USER};
use crate::probe::ticket::TITLE;

/// Longer than any run may take: every call with its time-out, tried again.
pub(super) const LONGEST: Duration = Duration::from_secs(120);

/// Desk before a run.
pub(super) struct Before {
    tickets: BTreeMap<u64, Ticket>,
    calls: usize,
}

impl Before {
    pub(super) fn of(desk: &Emulator) -> Self {
        Self { tickets: tickets(desk), calls: desk.requests().len() }
    }

    /// A run that ended keeps what is promised of it.
    #[track_caller]
    pub(super) fn judge(self, desk: &Emulator, ran: &Ran, what: &str) {
        let said = match &ran.result {
            Ok(found) => found.left.to_string(),
            Err(ended) => ended.to_string(),
        };
        self.judge_words(desk, Some(said), ran.took, what);
    }

    /// So does one that was killed, as far as it can.
    #[track_caller]
    pub(super) fn judge_killed(self, desk: &Emulator, what: &str) {
        self.judge_words(desk, None, Duration::ZERO, what);
    }

    #[track_caller]
    fn judge_words(self, desk: &Emulator, said: Option<String>, took: Duration, what: &str) {
        let seen = desk.requests();
        let call = |seen: &desk_emulator::Seen| Call {
            method: seen.method.clone(),
            path: seen.path.clone(),
            body: seen.body.clone(),
        };
        let run = Run {
            before: self.tickets,
            after: tickets(desk),
            calls: seen[self.calls..].iter().map(call).collect(),
            said,
            took: u64::try_from(took.as_millis()).unwrap(),
        };
        let terms = Terms {
            title: TITLE,
            user: USER,
            secrets: &[TOKEN],
            calls: MOST_CALLS as usize,
            longest: u64::try_from(LONGEST.as_millis()).unwrap(),
        };

        let broken = judge(&run, &terms);
        assert!(broken.is_empty(), "{what}: {broken:#?}");
    }
}

fn tickets(desk: &Emulator) -> BTreeMap<u64, Ticket> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ticket = |shown: Value| {
        let ticket = Ticket {
            title: text(&shown["channelName"]),
            user: text(&shown["customer"]["sendbirdId"]),
            is_open: shown["status2"] != "CLOSED",
            all: shown.to_string(),
        };
        (shown["id"].as_u64().unwrap(), ticket)
    };
    desk.tickets().into_iter().map(ticket).collect()
}
