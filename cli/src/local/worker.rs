//! The worker's part: each message of a batch through the shipped `worker::work`.
//!
//! The deployed function keeps its reports to its log; here they are handed on, to be shown. Pauses
//! are shorter: nobody wants to wait for half a minute here.

use std::fmt::{self, Display, Formatter};
use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use desk_handoff::app::JobError;
use desk_handoff::process::ProcessError;
use desk_handoff::report::Report;
use desk_handoff::worker::{MAX_BACKOFF, MessageError, backoff, work};

use crate::local::journal::{self, Happened, State};
use crate::local::queue::MAX_RECEIPTS;
use crate::local::{Local, current_entry};
use crate::output::explain::ending;

/// As template.yaml gives the `worker` function.
const TIME_TO_WORK: Duration = Duration::from_secs(60);
/// How much shorter the pauses are: the first one is two seconds.
const SHORTER: u32 = 15;

/// A message that was worked on.
pub(crate) struct Tried {
    pub(crate) message: String,
    pub(crate) result: Result<Report, MessageError>,
    /// How long until it comes again. What is not done and does not come again is given up.
    pub(crate) again: Option<Duration>,
}

/// One line; an error holds no value.
impl Display for Tried {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "message {}: ", self.message)?;
        match (&self.result, self.again) {
            (Ok(report), _) => {
                let ticket = report.ticket.as_ref().map(|ticket| format!("ticket {}", ticket.id));
                write!(f, "{} {}", ticket.as_deref().unwrap_or("no ticket"), ending(report.status))
            }
            (Err(error), Some(pause)) => {
                write!(f, "not done, again in {} s: {error}", pause.as_secs())
            }
            (Err(error), None) => write!(f, "not done, and given up: {error}"),
        }
    }
}

impl Local {
    /// Works on a batch and settles it; reports every message as soon as it is known what becomes
    /// of it.
    pub(crate) async fn work_on(&self, batch: SqsEvent, mut report: impl FnMut(Tried)) {
        let mut answer = SqsBatchResponse::default();
        for record in &batch.records {
            let invocation = self.invocation(TIME_TO_WORK);
            let message = record.message_id.clone().unwrap_or_default();
            let origin = self.queue.origin(&message);
            let result = current_entry::within(origin, work(&self.app, record, &invocation)).await;
            let mut again = None;
            if let Err(error) = &result {
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = message.clone();
                answer.batch_item_failures.push(failure);
                // Before the batch is settled: only what is in flight can be put off.
                again = self.put_off(record, error);
            }
            let tried = Tried { message, result, again };
            if let Some(origin) = origin {
                self.note_try(origin, record, &tried);
            }
            report(tried);
        }

        self.queue.settle(&batch, &answer);
    }

    fn note_try(&self, origin: u64, record: &SqsMessage, tried: &Tried) {
        let number = receipts(record).unwrap_or_default();
        let (state, result, report) = match &tried.result {
            Ok(report) => {
                let document = serde_json::to_value(report).unwrap_or_default();
                let status = document["status"].as_str().unwrap_or_default().to_owned();
                (State::Done(status.clone()), Ok(status), Some(document))
            }
            Err(error) => {
                let state = match tried.again {
                    Some(pause) => State::Waiting(SystemTime::now() + pause),
                    None => State::Dead,
                };
                (state, Err(error.to_string()), None)
            }
        };
        let step = Happened::Tried(journal::Tried { number, result, again: tried.again });
        self.journal.step(origin, step);
        self.journal.note(origin, |entry| {
            entry.tries += 1;
            entry.state = state;
            // A failed try reports nothing, and what the last one reported stays to be seen.
            entry.report = report.or(entry.report.take());
        });
    }

    /// For how long, unless the message came for the last time.
    fn put_off(&self, record: &SqsMessage, error: &MessageError) -> Option<Duration> {
        let receipts = receipts(record)?;
        if receipts >= MAX_RECEIPTS {
            return None;
        }
        let pause = pause(error, receipts);
        self.queue.put_off(record.receipt_handle.as_deref()?, pause).ok()?;
        Some(pause)
    }
}

/// How often the message was received, this time included.
fn receipts(record: &SqsMessage) -> Option<u32> {
    record.attributes.get("ApproximateReceiveCount")?.parse().ok()
}

/// A Desk of one's own that says how long to wait is heard here too.
fn pause(error: &MessageError, receipts: u32) -> Duration {
    let asked = match error {
        MessageError::Job(JobError::Failed(ProcessError::Desk(error))) => error.retry_after,
        _ => None,
    };
    asked.unwrap_or_default().max(backoff(receipts) / SHORTER).min(MAX_BACKOFF)
}

#[cfg(test)]
mod tests {
    use desk_handoff::config::AppId;
    use desk_handoff::desk::{DeskError, ErrorKind};
    use desk_handoff::queue::QueueEntry;
    use desk_handoff::retry::Sent;
    use desk_handoff::rules::Rules;

    use super::*;
    use crate::input::fields::Fields;
    use crate::local::Desk;
    use crate::settings::APP_ID;

    /// What is said of a message of no use that came so often.
    async fn said(receipts: u32) -> String {
        let fields = Fields { text: "{}".to_owned(), rules: Rules::parse("{}").unwrap() };
        let desk = Desk { url: "http://127.0.0.1:9".to_owned(), ..Desk::default() };
        let local = Local::new(&desk, &fields, &AppId::parse(APP_ID).unwrap()).unwrap();
        let entry = QueueEntry {
            group: "g".to_owned(),
            deduplication: "d".to_owned(),
            body: "{}".to_owned(),
        };
        local.app.queue.send(&entry).await.unwrap();
        let mut batch = local.queue.receive();
        batch.records[0]
            .attributes
            .insert("ApproximateReceiveCount".to_owned(), receipts.to_string());
        let mut said = Vec::new();
        local.work_on(batch, |tried| said.push(tried.to_string())).await;

        said.concat()
    }

    #[tokio::test]
    async fn the_pauses_grow_until_a_message_is_given_up() {
        let why = "the message cannot be read";
        assert_eq!(said(1).await, format!("message 1: not done, again in 2 s: {why}"));
        assert_eq!(said(2).await, format!("message 1: not done, again in 4 s: {why}"));
        assert_eq!(said(11).await, format!("message 1: not done, again in 60 s: {why}"));
        assert_eq!(said(12).await, format!("message 1: not done, and given up: {why}"));
    }

    #[test]
    fn what_a_desk_asks_for_is_heard() {
        let retry_after = Some(Duration::from_secs(90));
        let error = DeskError {
            call: "c",
            kind: ErrorKind::RateLimited,
            status: None,
            code: None,
            sent: Sent::No,
            retry_after,
        };
        assert_eq!(
            pause(&MessageError::Job(JobError::Failed(ProcessError::Desk(error))), 1),
            Duration::from_secs(90)
        );

        assert_eq!(pause(&MessageError::NoTime, 1), Duration::from_secs(2));
    }
}
