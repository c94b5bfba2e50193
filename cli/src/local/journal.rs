//! What happened here, for the local page: every request, its message on the queue, each try, each
//! call to Desk. Kept in memory until the end, the newest [`KEPT`] of them; never written to disk.
//!
//! Bodies and values are in it, headers are not: no secret and no token is.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use desk_handoff::handoff::Handoff;
use serde_json::Value;
use tokio::sync::watch;

/// So many requests are kept.
pub(crate) const KEPT: usize = 2000;

/// The journal. Whoever watches it hears of every change.
pub(crate) struct Journal {
    kept: Mutex<Kept>,
    changed: watch::Sender<u64>,
}

struct Kept {
    /// Grows with every change.
    version: u64,
    /// The number of the last entry.
    last: u64,
    entries: VecDeque<Entry>,
}

/// One request to a route that takes handoffs, and all that came of it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    /// Of the journal, when this was changed last.
    pub(crate) version: u64,
    pub(crate) at: SystemTime,
    pub(crate) route: Route,
    pub(crate) body: String,
    /// What the body was read as, if it is a handoff.
    pub(crate) handoff: Option<Box<Handoff>>,
    pub(crate) status: u16,
    pub(crate) answer: Value,
    pub(crate) took: Duration,
    pub(crate) state: State,
    /// The last report of what became of it.
    pub(crate) report: Option<Value>,
    pub(crate) tries: u32,
    pub(crate) steps: Vec<Step>,
    /// Ticket and what was changed on it.
    pub(crate) changes: Vec<(u64, String)>,
}

/// By which way a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Webhook,
    Handoffs,
    Preview,
}

impl Route {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Webhook, Self::Handoffs, Self::Preview];

    /// The route of this path, if it takes handoffs.
    pub(crate) fn of(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|route| route.path() == path)
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Webhook => "/webhooks/handoff",
            Self::Handoffs => "/handoffs",
            Self::Preview => "/handoffs/preview",
        }
    }

    /// As the page calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Handoffs => "handoffs",
            Self::Preview => "preview",
        }
    }
}

/// Where a handoff stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// It is being answered.
    Working,
    /// It was not taken, with this status.
    Refused(u16),
    /// It is of another category.
    Ignored,
    /// It lies on the queue.
    Queued,
    /// It was not done, and comes again then.
    Waiting(SystemTime),
    /// It was given up.
    Dead,
    /// It ended with this status of the report.
    Done(String),
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) at: SystemTime,
    pub(crate) what: Happened,
}

impl Step {
    /// Whether the queue held the event already: nothing more will come of this request.
    pub(crate) fn is_known_to_the_queue(&self) -> bool {
        matches!(self.what, Happened::Queued { is_known: true })
    }
}

/// What happened.
#[derive(Debug, Clone)]
pub(crate) enum Happened {
    /// The queue took the message, or knew the event already.
    Queued { is_known: bool },
    /// The dead letter went back to the queue.
    Redriven,
    /// The customer was claimed, or somebody else held the claim.
    Claimed { is_granted: bool },
    /// The claim was given back, with what is to be remembered.
    GivenBack,
    /// A call to Desk or Chat.
    Called(Box<Call>),
    /// The worker tried the message.
    Tried(Tried),
}

/// A call and its answer.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) request: String,
    /// The status of the answer, or why there is none.
    pub(crate) status: Result<u16, &'static str>,
    pub(crate) answer: String,
    pub(crate) took: Duration,
}

/// One try of the worker.
#[derive(Debug, Clone)]
pub(crate) struct Tried {
    pub(crate) number: u32,
    /// How it ended, or why it did not.
    pub(crate) result: Result<String, String>,
    /// How long until it comes again.
    pub(crate) again: Option<Duration>,
}

impl Default for Journal {
    fn default() -> Self {
        let kept = Kept { version: 0, last: 0, entries: VecDeque::new() };
        Self { kept: Mutex::new(kept), changed: watch::Sender::new(0) }
    }
}

impl Journal {
    /// A request has come. Gives the number under which all else is noted.
    pub(crate) fn begin(&self, route: Route, body: String) -> u64 {
        self.with(|kept| kept.begin(route, body))
    }

    /// Changes an entry, if it is still kept.
    pub(crate) fn note(&self, id: u64, change: impl FnOnce(&mut Entry)) {
        self.with(|kept| kept.note(id, change));
    }

    /// Adds a step to this entry.
    pub(crate) fn step(&self, id: u64, what: Happened) {
        self.note(id, |entry| entry.steps.push(Step { at: SystemTime::now(), what }));
    }

    /// Something else has changed that the page shows.
    pub(crate) fn touch(&self) {
        self.with(|kept| kept.version += 1);
    }

    pub(crate) fn version(&self) -> u64 {
        self.kept().version
    }

    pub(crate) fn find(&self, id: u64) -> Option<Entry> {
        let kept = self.kept();
        kept.entries.get(kept.place(id)?).cloned()
    }

    /// What `pick` makes of each entry that it wants, the newest first, at most so many.
    pub(crate) fn newest<T>(&self, most: usize, pick: impl FnMut(&Entry) -> Option<T>) -> Vec<T> {
        self.kept().entries.iter().rev().filter_map(pick).take(most).collect()
    }

    /// How many entries are kept.
    pub(crate) fn len(&self) -> usize {
        self.kept().entries.len()
    }

    /// Hears of every change from now on, as the version.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn with<T>(&self, work: impl FnOnce(&mut Kept) -> T) -> T {
        let mut kept = self.kept();
        let before = kept.version;
        let worked = work(&mut kept);
        if kept.version != before {
            // Under the lock still, so that nobody hears of the versions in another order.
            self.changed.send_replace(kept.version);
        }
        worked
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn begin(&mut self, route: Route, body: String) -> u64 {
        self.last += 1;
        self.version += 1;
        self.entries.push_back(Entry {
            id: self.last,
            version: self.version,
            at: SystemTime::now(),
            route,
            body,
            handoff: None,
            status: 0,
            answer: Value::Null,
            took: Duration::ZERO,
            state: State::Working,
            report: None,
            tries: 0,
            steps: Vec::new(),
            changes: Vec::new(),
        });
        if self.entries.len() > KEPT {
            self.entries.pop_front();
        }

        self.last
    }

    fn note(&mut self, id: u64, change: impl FnOnce(&mut Entry)) {
        let version = self.version + 1;
        if let Some(entry) = self.place(id).and_then(|place| self.entries.get_mut(place)) {
            change(entry);
            (entry.version, self.version) = (version, version);
        }
    }

    fn place(&self, id: u64) -> Option<usize> {
        // Numbers only grow, so that the entries lie in their order.
        self.entries.binary_search_by_key(&id, |entry| entry.id).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_has_a_version_of_its_own() {
        let journal = Journal::default();
        let mut watching = journal.watch();
        let id = journal.begin(Route::Webhook, "{}".to_owned());
        assert_eq!((id, journal.version()), (1, 1));
        journal.step(id, Happened::GivenBack);
        assert_eq!(*watching.borrow_and_update(), 2);
        assert_eq!(journal.find(id).map(|entry| (entry.version, entry.steps.len())), Some((2, 1)));
    }

    #[test]
    fn oldest_entries_are_forgotten() {
        let journal = Journal::default();
        for _ in 0..KEPT + 3 {
            journal.begin(Route::Preview, String::new());
        }
        assert_eq!(journal.len(), KEPT);
        assert!(journal.find(3).is_none() && journal.find(4).is_some());
        journal.step(1, Happened::GivenBack);
        let newest = journal.newest(2, |entry| Some(entry.id));
        assert_eq!(newest, [KEPT as u64 + 3, KEPT as u64 + 2]);
    }

    #[test]
    fn routes_are_known_by_their_paths() {
        for route in Route::ALL {
            assert_eq!(Route::of(route.path()), Some(route));
        }
        assert_eq!(Route::of("/healthz"), None);
    }
}
