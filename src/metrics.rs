//! One record for every unit of work, in numbers: a request that was let in, or a message of the
//! queue. And the count of the requests that were not.
//!
//! Pure but for the counters of [`Metrics`]. A record holds ids, outcomes and the names of a few
//! keys, never a value. How it is written is the [`Sink`]'s business: deployed, CloudWatch reads it
//! from the log (`emf`).

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use tracing::Span;
use tracing::field::Empty;

use crate::config::AppId;
use crate::fields::{Entry, Outcome};
use crate::handoff::Handoff;
use crate::report::{self, OpeningMessage, Report};

/// The namespace of every metric.
pub const NAMESPACE: &str = "DeskHandoff";
/// The dimensions of a [`Record`]'s metrics.
pub const DIMENSIONS: [&str; 2] = ["Stack", "Route"];
/// The dimension of the metrics of [`Refusals`].
pub const REFUSAL_DIMENSIONS: [&str; 1] = ["Stack"];
/// How often at most the refusals are emitted.
pub const REFUSALS_EVERY: Duration = Duration::from_secs(60);
/// How many keys a record names, and how much of each.
const NAMED_KEYS: usize = 20;
const NAMED_CHARACTERS: usize = 40;

/// The way by which work came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// `POST /webhooks/handoff`
    Webhook,
    /// `POST /handoffs`
    Handoffs,
    /// `POST /handoffs/preview`
    Preview,
    /// The queue.
    Queue,
}

impl Route {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Webhook, Self::Handoffs, Self::Preview, Self::Queue];

    /// As the dimension's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Handoffs => "handoffs",
            Self::Preview => "preview",
            Self::Queue => "queue",
        }
    }
}

/// How a unit of work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkStatus {
    /// The handoff lies on the queue.
    Queued,
    /// An event of another category.
    Ignored,
    /// The handoff is done, as its report says.
    Done(report::Status),
    /// Nothing is wrong yet: somebody is at the conversation, or Desk has yet to make the ticket,
    /// or the time is up.
    Postponed,
    /// It was not done.
    Failed,
}

impl WorkStatus {
    /// The metric that counts it.
    pub fn metric(self) -> &'static str {
        match self {
            Self::Queued | Self::Done(report::Status::Queued) => "Queued",
            Self::Ignored => "Ignored",
            Self::Done(report::Status::Created) => "Created",
            Self::Done(report::Status::Updated) => "Updated",
            Self::Done(report::Status::Unchanged) => "Unchanged",
            Self::Done(report::Status::Duplicate) => "Duplicate",
            Self::Done(report::Status::Left) => "Left",
            Self::Done(report::Status::Preview) => "Previewed",
            Self::Postponed => "Postponed",
            Self::Failed => "Failed",
        }
    }
}

/// What one unit of work came to, and by what it can be found again.
#[derive(Debug, Clone)]
pub struct Record {
    /// How it came in.
    pub route: Route,
    /// The time of the invocation.
    pub at: SystemTime,
    /// Lambda's id of the invocation.
    pub request_id: String,
    /// Whose handoff, if it got that far.
    pub subject: Option<HandoffIds>,
    /// How it ended; [`WorkStatus::Failed`] unless somebody says otherwise.
    pub status: WorkStatus,
    /// Why it failed or was put off: an error's own words, which hold no value.
    pub reason: Option<String>,
    /// The ticket.
    pub ticket_id: Option<u64>,
    /// How many keys came to which outcome.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Some of the keys that the human agent will miss, each with its outcome.
    pub missed: Vec<String>,
    /// Paths of the parts of an event that could not be read and count as absent.
    pub remarks: Vec<String>,
    /// How many other open tickets the conversation has.
    pub other_open_tickets: u64,
    /// Whether agents do not see the ticket, because nothing was posted on it.
    pub is_invisible: bool,
    /// Requests that Desk was sent.
    pub desk_calls: u32,
    /// How long Desk took over them, added up.
    pub desk_time: Duration,
    /// How long the whole took.
    pub duration: Duration,
    /// Of a message: how long ago it was put on the queue.
    pub queue_delay: Option<Duration>,
    /// Of a message: how often it was received.
    pub receive_count: Option<u32>,
    /// Whether it is the first one of this process.
    pub cold_start: bool,
    /// How often, since the last record, a copy of the parameters past its time had to do.
    pub stale_secrets: u64,
}

/// Whose handoff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandoffIds {
    /// The application.
    pub app_id: String,
    /// The event.
    pub event_id: String,
    /// The conversation's number.
    pub conversation_id: Option<String>,
    /// The conversation's channel.
    pub channel_url: Option<String>,
}

impl Record {
    /// A record of work that has just come in.
    pub fn new(route: Route, request_id: &str, at: SystemTime) -> Self {
        Self {
            route,
            at,
            request_id: request_id.to_owned(),
            subject: None,
            status: WorkStatus::Failed,
            reason: None,
            ticket_id: None,
            outcomes: BTreeMap::new(),
            missed: Vec::new(),
            remarks: Vec::new(),
            other_open_tickets: 0,
            is_invisible: false,
            desk_calls: 0,
            desk_time: Duration::ZERO,
            duration: Duration::ZERO,
            queue_delay: None,
            receive_count: None,
            cold_start: false,
            stale_secrets: 0,
        }
    }

    /// It is this handoff; from here on the log lines say so too.
    pub fn about(&mut self, app_id: &AppId, handoff: &Handoff) {
        let subject = HandoffIds {
            app_id: app_id.to_string(),
            event_id: handoff.event_id.clone(),
            conversation_id: handoff.conversation.id.clone(),
            channel_url: handoff.conversation.channel_url.clone(),
        };
        Span::current()
            .record("app_id", &subject.app_id)
            .record("event_id", &subject.event_id)
            .record("conversation_id", handoff.conversation.name());
        self.remarks.clone_from(&handoff.remarks);

        self.subject = Some(subject);
    }

    /// It is done.
    pub fn done(&mut self, report: &Report) {
        self.status = WorkStatus::Done(report.status);
        self.ticket_id = report.ticket.as_ref().map(|ticket| ticket.id);
        for entry in &report.fields {
            *self.outcomes.entry(entry.outcome).or_default() += 1;
        }
        // A few: a body may hold thousands of keys, and CloudWatch bills a line by its length.
        self.missed = report
            .fields
            .iter()
            .filter(|entry| entry.is_missed())
            .take(NAMED_KEYS)
            .map(name)
            .collect();
        self.other_open_tickets = report.other_open_tickets.len() as u64;

        self.is_invisible = match report.opening_message {
            Some(OpeningMessage::Failed | OpeningMessage::NotConfigured) => true,
            Some(OpeningMessage::Posted) | None => false,
        };
    }

    /// Whether the context had something to say and none of it found a field.
    pub fn is_without_field(&self) -> bool {
        let said = |outcome: &Outcome| {
            // None of these is a value that an agent waits for.
            !matches!(outcome, Outcome::Denied | Outcome::Empty | Outcome::Superseded)
        };
        let mut outcomes = self.outcomes.keys().filter(|outcome| said(outcome)).peekable();
        outcomes.peek().is_some() && outcomes.all(|outcome| outcome.is_missed())
    }
}

/// The span of a unit of work: what every log line of it carries. [`Record::about`] fills in what
/// it does not know yet. As important as an error, so that no `LOG_LEVEL` leaves it out.
pub fn span(request_id: &str) -> Span {
    tracing::error_span!(
        "work",
        request_id,
        app_id = Empty,
        event_id = Empty,
        conversation_id = Empty
    )
}

fn name(entry: &Entry) -> String {
    // A key is the sender's to choose, and may be of any length.
    let key: String = entry.key.chars().take(NAMED_CHARACTERS).collect();
    format!("{key} {}", entry.outcome)
}

/// Why a request was refused before it became work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is not authenticated.
    Signature,
    /// A body that cannot be used.
    Body,
    /// An unknown route, method or application.
    Request,
}

/// How many requests were refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refusals {
    /// For [`Refusal::Signature`].
    pub signature: u64,
    /// For [`Refusal::Body`].
    pub body: u64,
    /// For [`Refusal::Request`].
    pub request: u64,
}

/// Where records go.
pub trait Sink: Send + Sync {
    /// Keeps a record.
    fn record(&self, record: &Record);
    /// Keeps what was refused up to now, since it was last emitted.
    fn refusals(&self, refusals: &Refusals, at: SystemTime);
}

/// Keeps nothing: for a local run.
impl Sink for () {
    fn record(&self, _: &Record) {}
    fn refusals(&self, _: &Refusals, _: SystemTime) {}
}

/// What is counted over the life of the process.
pub struct Metrics {
    sink: Box<dyn Sink>,
    is_warm: AtomicBool,
    refused: Mutex<Refused>,
}

#[derive(Default)]
struct Refused {
    pending: Refusals,
    emitted: Option<SystemTime>,
}

impl Metrics {
    /// Of a process that has just started.
    pub fn new(sink: Box<dyn Sink>) -> Self {
        Self { sink, is_warm: AtomicBool::new(false), refused: Mutex::default() }
    }

    /// The end of a unit of work.
    pub fn write(&self, mut record: Record) {
        // Counted with the first record, because a start by itself has none.
        record.cold_start = !self.is_warm.swap(true, Ordering::Relaxed);
        self.sink.record(&record);
        // What was held back goes along: a frozen function has no timer that could send it.
        self.refused(None, record.at);
    }

    /// A request was refused. A flood of them is emitted once a minute: it must not become a flood
    /// of log lines.
    pub fn refused(&self, refusal: impl Into<Option<Refusal>>, now: SystemTime) {
        let mut refused = self.refused.lock().expect("counting does not panic");
        match refusal.into() {
            Some(Refusal::Signature) => refused.pending.signature += 1,
            Some(Refusal::Body) => refused.pending.body += 1,
            Some(Refusal::Request) => refused.pending.request += 1,
            None => {}
        }

        let recently =
            // A clock that was set back must not silence the count.
            refused.emitted.is_some_and(|last| last <= now && now < last + REFUSALS_EVERY);
        if refused.pending != Refusals::default() && !recently {
            self.sink.refusals(&std::mem::take(&mut refused.pending), now);
            refused.emitted = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<Refusals>>>, Arc<Mutex<Vec<bool>>>);

    impl Sink for Kept {
        fn record(&self, record: &Record) {
            self.1.lock().unwrap().push(record.cold_start);
        }

        fn refusals(&self, refusals: &Refusals, _: SystemTime) {
            self.0.lock().unwrap().push(*refusals);
        }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
    }

    fn record(outcomes: &[Outcome]) -> Record {
        let mut record = Record::new(Route::Queue, "r", at(0));
        record.outcomes = outcomes.iter().map(|outcome| (*outcome, 1)).collect();
        record
    }

    #[test]
    fn refusals_are_emitted_once_a_minute() {
        let kept = Kept::default();
        let metrics = Metrics::new(Box::new(kept.clone()));
        for second in 0..=60 {
            metrics.refused(Refusal::Signature, at(second));
        }
        metrics.refused(Refusal::Body, at(61));
        let signatures = |signature| Refusals { signature, ..Refusals::default() };
        assert_eq!(*kept.0.lock().unwrap(), [signatures(1), signatures(60)]);
    }

    #[test]
    fn pending_refusals_go_out_with_next_work() {
        let kept = Kept::default();
        let metrics = Metrics::new(Box::new(kept.clone()));
        metrics.refused(Refusal::Request, at(0));
        metrics.refused(Refusal::Body, at(1));
        metrics.write(Record::new(Route::Webhook, "r", at(59)));
        assert_eq!(kept.0.lock().unwrap().len(), 1);
        metrics.write(Record::new(Route::Webhook, "r", at(60)));
        let (request, body) = (
            Refusals { request: 1, ..Refusals::default() },
            Refusals { body: 1, ..Refusals::default() },
        );

        assert_eq!(*kept.0.lock().unwrap(), [request, body]);
    }

    #[test]
    fn only_first_record_is_a_cold_start() {
        let kept = Kept::default();
        let metrics = Metrics::new(Box::new(kept.clone()));
        metrics.write(record(&[]));
        metrics.write(record(&[]));
        assert_eq!(*kept.1.lock().unwrap(), [true, false]);
    }

    #[test]
    fn handoff_with_all_keys_missed_has_no_field() {
        assert!(record(&[Outcome::Unmatched, Outcome::Empty]).is_without_field());
        assert!(record(&[Outcome::Rejected]).is_without_field());
        for outcomes in
            [&[][..], &[Outcome::Denied, Outcome::Empty], &[Outcome::Unmatched, Outcome::Kept]]
        {
            assert!(!record(outcomes).is_without_field(), "{outcomes:?}");
        }
    }

    #[test]
    fn record_names_few_keys_cut_short() {
        let entry = |number: usize| Entry {
            key: format!("{number:02}{}", "k".repeat(1000)),
            outcome: Outcome::InvalidKey,
            field: None,
            hint: None,
            by: None,
            value: None,
            agrees: false,
        };

        let report = Report {
            status: report::Status::Updated,
            action: report::Action::Update,
            event_id: "e".into(),
            conversation: report::ConversationReport { id: None, channel_url: None },
            ticket: None,
            fields: (0..500).map(entry).collect(),
            other_open_tickets: vec![],
            desk_calls: 2,
            opening_message: None,
        };

        let mut record = record(&[]);
        record.done(&report);
        assert_eq!((record.missed.len(), record.outcomes[&Outcome::InvalidKey]), (NAMED_KEYS, 500));
        assert_eq!(record.missed[7], format!("07{} invalid-key", "k".repeat(38)));
    }
}
