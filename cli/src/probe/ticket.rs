//! The one ticket that the probe makes: it is found again by its title and its customer, and is
//! closed whatever happens.
//!
//! What is known of it lies outside the run, so that a run that is dropped at any point, by Ctrl-C
//! for one, leaves word of what there is to close. A ticket of another title is never touched.

use std::cell::Cell;
use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::probe::caller::{Answer, Caller, PAUSE};
use crate::probe::pages::{encoded, first_and_last};
use crate::probe::stop::Stop;

/// By it a test ticket is known for one, also years later.
pub(crate) const TITLE: &str = "desk-handoff probe: a test ticket that closes by itself";
const CLOSE: &str = "close the test ticket";
/// Before each look for a ticket that may have been made: lists may lag.
const LOOKS: [Duration; 3] = [Duration::ZERO, Duration::from_secs(2), Duration::from_secs(3)];
/// How often it is tried to close one.
const TRIES: u32 = 2;
/// Of former runs no more are closed at once.
const MOST_LEFTOVERS: usize = 3;

/// What there is of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Nothing,
    /// A create went out, and what became of it is not known.
    InDoubt,
    Open(u64),
    /// Desk refuses to close it: trying again is of no use.
    Unclosable(u64),
    Closed(u64),
}

/// What a run leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    Nothing,
    Closed(u64),
    /// It was not seen to close.
    Open(u64),
    /// It may have been made, and is not to be found.
    InDoubt,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("no test ticket was made"),
            Self::Closed(id) => write!(f, "the test ticket {id} is closed"),
            Self::Open(id) => write!(
                f,
                "the test ticket {id} may still be open: close it in Desk, or probe again with the \
                 same user, which closes it"
            ),
            Self::InDoubt => write!(
                f,
                "a test ticket may have been made and is not listed: if one called {TITLE:?} \
                 appears, probe again with the same user, which closes it"
            ),
        }
    }
}

/// The test ticket of one run.
pub(crate) struct TestTicket<'a> {
    caller: &'a Caller<'a>,
    user: &'a str,
    held: Cell<Held>,
}

impl<'a> TestTicket<'a> {
    /// There is none yet.
    pub(crate) fn new(caller: &'a Caller<'a>, user: &'a str) -> Self {
        Self { caller, user, held: Cell::new(Held::Nothing) }
    }

    /// Closes what runs left open that were cut, and says how many those were.
    pub(crate) async fn close_leftovers(&self) -> Result<usize, Stop> {
        let left = self.open_ones("look for test tickets of former runs").await?;
        for id in left.iter().take(MOST_LEFTOVERS) {
            self.close_one(*id).await.map_err(|stop| match stop {
                Stop::Refused(..) => Stop::Leftover(*id),
                other => other,
            })?;
        }
        // One that stayed open would be taken for this run's, should that be in doubt.
        if left.len() > MOST_LEFTOVERS { Err(Stop::Leftovers) } else { Ok(left.len()) }
    }

    /// Makes it; `None` if Desk refuses.
    pub(crate) async fn create(
        &self,
        name: &'static str,
        customer: u64,
        team: Option<&str>,
    ) -> Result<Option<Answer>, Stop> {
        let mut body = json!({"channelName": TITLE, "customerId": customer});
        if let Some(team) = team {
            body["groupKey"] = team.into();
        }

        self.held.set(Held::InDoubt);
        let answer = match self.caller.post(name, "/tickets", body).await {
            Ok(answer) if answer.is_done() => answer,
            Ok(_) => {
                self.held.set(Held::Nothing);
                return Ok(None);
            }
            Err(stop) => {
                if !stop.may_be_done() {
                    self.held.set(Held::Nothing);
                }
                return Err(stop);
            }
        };

        let id = id(&answer.body).filter(|_| self.is_ours(&answer.body));
        self.held.set(Held::Open(id.ok_or(Stop::Nonsense(name))?));
        Ok(Some(answer))
    }

    /// Closes it at the end of the questions.
    pub(crate) async fn close(&self) -> Result<(), Stop> {
        if let Held::Open(id) = self.held.get() {
            let closed = self.close_one(id).await;
            match closed {
                Ok(()) => self.held.set(Held::Closed(id)),
                Err(Stop::Refused(..)) => self.held.set(Held::Unclosable(id)),
                Err(_) => {}
            }
            return closed;
        }
        Ok(())
    }

    /// Leaves no open ticket, as far as that is possible, and says what is left.
    pub(crate) async fn clean_up(&self) -> Left {
        self.caller.begin_closing();
        match self.held.get() {
            Held::Nothing => Left::Nothing,
            Held::Closed(id) => Left::Closed(id),
            Held::Unclosable(id) => Left::Open(id),
            Held::Open(id) => self.closed_at_last(id).await,
            Held::InDoubt => self.look_for_it().await,
        }
    }

    /// What is left when even the cleaning up is cut short.
    pub(crate) fn left(&self) -> Left {
        match self.held.get() {
            Held::Nothing => Left::Nothing,
            Held::InDoubt => Left::InDoubt,
            Held::Open(id) | Held::Unclosable(id) => Left::Open(id),
            Held::Closed(id) => Left::Closed(id),
        }
    }

    async fn look_for_it(&self) -> Left {
        for wait in LOOKS {
            sleep(wait).await;
            let found = self.open_ones("look for the test ticket").await;
            if let Some(id) = found.ok().and_then(|found| found.first().copied()) {
                return self.closed_at_last(id).await;
            }
        }
        Left::InDoubt
    }

    async fn closed_at_last(&self, id: u64) -> Left {
        self.held.set(Held::Open(id));
        for _ in 0..TRIES {
            match self.close_one(id).await {
                Ok(()) => {
                    self.held.set(Held::Closed(id));
                    return Left::Closed(id);
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
        Left::Open(id)
    }

    /// Whatever the answer is, the ticket itself is looked at if the answer does not show it
    /// closed.
    async fn close_one(&self, id: u64) -> Result<(), Stop> {
        let path = format!("/tickets/{id}/close");
        let answer = self.caller.patch(CLOSE, &path, json!({})).await;
        let refused = answer.as_ref().ok().filter(|answer| !answer.is_done());
        let refused = refused.map(|answer| Stop::Refused(CLOSE, answer.status));
        if answer.is_ok_and(|answer| shows(&answer, id) && !is_open(&answer.body)) {
            return Ok(());
        }

        // A human may have closed it, or a close whose answer was lost.
        let seen =
            self.caller.get("view the closed test ticket", &format!("/tickets/{id}")).await?;
        match refused {
            _ if shows(&seen, id) && !is_open(&seen.body) => Ok(()),
            Some(refused) => Err(refused),
            None => Err(Stop::Nonsense(CLOSE)),
        }
    }

    async fn open_ones(&self, name: &'static str) -> Result<Vec<u64>, Stop> {
        let path = format!("/tickets?sendbird_id={}", encoded(self.user));
        let found = first_and_last(self.caller, name, &path, |_| false).await?;
        let ours = found.things.iter().filter(|ticket| self.is_ours(ticket) && is_open(ticket));
        let mut ids: Vec<u64> = ours.filter_map(id).collect();
        ids.sort_unstable();
        ids.dedup();

        Ok(ids)
    }

    fn is_ours(&self, ticket: &Value) -> bool {
        let title = ticket.get("channelName").and_then(Value::as_str);
        let user = ticket.pointer("/customer/sendbirdId").and_then(Value::as_str);
        title == Some(TITLE) && user == Some(self.user)
    }
}

/// Of a ticket or a customer.
pub(crate) fn id(thing: &Value) -> Option<u64> {
    thing.get("id").and_then(Value::as_u64).filter(|id| *id > 0)
}

/// Whether the answer shows this ticket.
pub(crate) fn shows(answer: &Answer, ticket: u64) -> bool {
    answer.is_done() && id(&answer.body) == Some(ticket)
}

fn is_open(ticket: &Value) -> bool {
    let says = |name: &str| ticket.get(name).and_then(Value::as_str);
    let is_closed = says("status2") == Some("CLOSED") || says("status") == Some("CLOSED");
    !is_closed && says("closeStatus").is_none_or(|status| status == "NOT_CLOSED")
}
