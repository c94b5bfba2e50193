//! The edge in from the queue: a message is done, or left to come again. The only place that knows
//! the shape of SQS's events and answers.
//!
//! The event source delivers one message at a time: the messages of one customer are worked on in
//! their order, and none is received while an earlier one is not done. Nothing is dropped: what
//! cannot be done comes again until the queue moves it to the dead-letter queue, within minutes if
//! Desk refuses it for good, after hours if it may recover.

use std::time::{Duration, UNIX_EPOCH};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::app::{App, Invocation, Job, JobError, Origin};
use crate::config::Mode;
use crate::desk::{DeskError, ErrorKind};
use crate::handoff::message::{DecodeError, Message};
use crate::metrics::{self, Record, Route, WorkStatus};
use crate::process::ProcessError;
use crate::report::Report;
use crate::secrets::SecretsError;

/// The pause before the second delivery of a message that may recover; doubled every time.
pub const FIRST_BACKOFF: Duration = Duration::from_secs(30);
/// The pause before the second delivery of a message whose ticket was made and is not shown yet;
/// doubled every time.
const FIRST_LOOK_AGAIN: Duration = Duration::from_secs(5);
/// The longest pause between two deliveries.
pub const MAX_BACKOFF: Duration = Duration::from_secs(15 * 60);
/// The pause between deliveries of a message that no later try can do: it is to reach the
/// dead-letter queue soon.
pub const FINAL_PAUSE: Duration = Duration::from_secs(10);
/// The pause in preview mode, where every message is kept in the dead-letter queue.
pub const PREVIEW_PAUSE: Duration = Duration::from_secs(1);
/// The least time that a handoff needs to be worth beginning.
const MIN_WORK: Duration = Duration::from_secs(2);

/// Why a message was not done.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// It is none of ours.
    #[error(transparent)]
    BadMessage(#[from] DecodeError),
    /// There are no credentials for its application.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The invocation is about to end.
    #[error("the invocation is about to end")]
    NoTime,
    /// The work failed.
    #[error(transparent)]
    Job(#[from] JobError),
    /// It was worked out and, in preview mode, not carried out.
    #[error("preview mode: nothing is written to Desk, and the message is kept")]
    PreviewOnly,
}

impl MessageError {
    fn status(&self) -> WorkStatus {
        match self {
            Self::NoTime => WorkStatus::Postponed,
            Self::Job(JobError::Failed(error)) => error.into(),
            Self::PreviewOnly => WorkStatus::Done(crate::report::Status::Preview),
            Self::BadMessage(_) | Self::Secrets(_) | Self::Job(JobError::NotConfigured(_)) => {
                WorkStatus::Failed
            }
        }
    }
}

/// How long until the next delivery of a message that was received so many times.
pub fn backoff(receive_count: u32) -> Duration {
    doubled(FIRST_BACKOFF, receive_count).min(MAX_BACKOFF)
}

fn doubled(first: Duration, receive_count: u32) -> Duration {
    // Bounded, so that the shift cannot overflow.
    first.saturating_mul(1 << receive_count.saturating_sub(1).min(10))
}

/// Works on the messages of an event in their order; the answer names those that are to come again.
/// After one that is not done the later ones come again untried, as a FIFO queue wants it.
pub async fn handle(app: &App, event: SqsEvent, invocation: &Invocation) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        let is_after_failure = !response.batch_item_failures.is_empty();
        if is_after_failure || !is_done(app, &message, invocation).await {
            let mut failure = BatchItemFailure::default();
            // An empty identifier makes Lambda deliver the whole batch again, which is the safe
            // side.
            failure.item_identifier = message.message_id.unwrap_or_default();
            response.batch_item_failures.push(failure);
        }
    }

    response
}

/// Works on one message; if it is not done, says why, and when it comes again.
async fn is_done(app: &App, message: &SqsMessage, invocation: &Invocation) -> bool {
    let span = metrics::span(&invocation.request_id);
    async {
        let Err(error) = work(app, message, invocation).await else { return true };
        let (message_id, receive_count) = (message.message_id.as_deref(), receive_count(message));
        let pause = pause(&error, receive_count);
        let again_in_seconds = pause.as_secs();
        // Who only has to wait has not failed: it is no error in the log.
        if error.status() == WorkStatus::Failed {
            tracing::error!(message_id, receive_count, again_in_seconds, reason = %error, "message not done");
        } else {
            tracing::info!(message_id, receive_count, again_in_seconds, reason = %error, "message delayed");
        }
        delay(app, message, pause).await;
        false
    }
    .instrument(span)
    .await
}

/// Works on one message, and records what came of it.
///
/// # Errors
/// [`MessageError`]; the message must come again.
pub async fn work(
    app: &App,
    message: &SqsMessage,
    invocation: &Invocation,
) -> Result<Report, MessageError> {
    let (began, mut record) = (Instant::now(), record(message, invocation));
    let worked = carry_out(app, message, invocation, &mut record).await;
    if let Err(error) = &worked {
        record.status = error.status();
        record.reason = Some(error.to_string());
    }

    // In preview mode the first delivery says everything.
    let is_repeated_preview =
        matches!(worked, Err(MessageError::PreviewOnly)) && receive_count(message) > 1;

    if !is_repeated_preview {
        app.emit(record, began);
    }
    worked
}

fn record(message: &SqsMessage, invocation: &Invocation) -> Record {
    let mut record = Record::new(Route::Queue, &invocation.request_id, invocation.now);
    record.receive_count = Some(receive_count(message));
    // No delay rather than a wrong one, if the queue's clock is ahead of ours.
    record.queue_delay = sent(message)
        // SQS's number comes as a text of any size, and a sum past the end of time would panic.
        .and_then(|millis| UNIX_EPOCH.checked_add(Duration::from_millis(millis)))
        .and_then(|sent| invocation.now.duration_since(sent).ok());
    record
}

async fn carry_out(
    app: &App,
    message: &SqsMessage,
    invocation: &Invocation,
    record: &mut Record,
) -> Result<Report, MessageError> {
    let sent = sent(message).and_then(|millis| i64::try_from(millis).ok());
    let is_repeated = receive_count(message) > 1;
    let message = Message::parse(message.body.as_deref().unwrap_or_default(), sent)?;
    let app_id = message.app_id().filter(|app_id| app.config.apps.allow(app_id));
    let app_id = app_id.ok_or(SecretsError::Unknown)?;
    record.about(&app_id, &message.handoff);
    let mode = app.config.mode;
    // Before any look: the first delivery has said everything, and each look costs calls to Desk.
    if mode == Mode::Preview && is_repeated {
        return Err(MessageError::PreviewOnly);
    }
    // Begun now, it would be cut off and leave its values in doubt.
    if invocation.deadline.saturating_duration_since(Instant::now()) < MIN_WORK {
        return Err(MessageError::NoTime);
    }

    let credentials = app.secrets.get(&app_id, invocation.now).await?;
    let origin = if message.direct { Origin::QueuedDirect } else { Origin::QueuedWebhook };
    let handoff = &message.handoff;
    let job = Job { app_id: &app_id, credentials: &credentials, handoff, mode, origin };
    let report = app.work(job, invocation, record).await?;
    match mode {
        Mode::Live => Ok(report),
        Mode::Preview => Err(MessageError::PreviewOnly),
    }
}

/// How long until a message comes again: as long as whoever is in the way says; briefly if no later
/// try can do it; else the back-off.
fn pause(error: &MessageError, receive_count: u32) -> Duration {
    let backoff = backoff(receive_count);
    match error {
        MessageError::Job(JobError::Failed(error)) => match error {
            ProcessError::InProgress(seconds) => {
                // Never at once, or the deliveries are used up while the other handoff is still
                // worked on.
                Duration::from_secs(*seconds).clamp(Duration::from_secs(1), backoff)
            }
            ProcessError::Grace(seconds) | ProcessError::CreateInDoubt(seconds) => {
                Duration::from_secs(*seconds).min(MAX_BACKOFF)
            }
            // Mostly it is a matter of seconds, and an agent waits for the ticket.
            ProcessError::NotShown(seconds) => {
                doubled(FIRST_LOOK_AGAIN, receive_count).min(Duration::from_secs(*seconds))
            }
            ProcessError::Desk(DeskError { kind: ErrorKind::Refused, .. }) => FINAL_PAUSE,
            ProcessError::Desk(DeskError { retry_after: Some(asked), .. }) => {
                backoff.max(*asked).min(MAX_BACKOFF)
            }
            ProcessError::Desk(_)
            | ProcessError::Claims(_)
            | ProcessError::NotYet
            | ProcessError::Unsettled => backoff,
        },
        MessageError::BadMessage(_) | MessageError::Secrets(SecretsError::Unknown) => FINAL_PAUSE,
        MessageError::PreviewOnly => PREVIEW_PAUSE,
        // The delivery counted, though nothing was tried: at once again and again, it would soon be
        // the last.
        MessageError::NoTime
        | MessageError::Secrets(SecretsError::Unavailable)
        | MessageError::Job(JobError::NotConfigured(_)) => backoff,
    }
}

async fn delay(app: &App, message: &SqsMessage, pause: Duration) {
    let handle = message.receipt_handle.as_deref().unwrap_or_default();
    let seconds = u32::try_from(pause.as_secs()).unwrap_or(u32::MAX);
    if let Err(error) = app.queue.change_visibility(handle, seconds).await {
        // Nothing is lost by that: the message comes again in any case, only later or sooner.
        tracing::warn!(%error, "not delayed; the queue's own visibility time-out holds");
    }
}

fn receive_count(message: &SqsMessage) -> u32 {
    message
        .attributes
        .get("ApproximateReceiveCount")
        .and_then(|count| count.parse().ok())
        // If SQS does not say: the first, which has the shortest pause.
        .unwrap_or(1)
}

/// When it was put on the queue, in milliseconds since 1970.
fn sent(message: &SqsMessage) -> Option<u64> {
    message.attributes.get("SentTimestamp")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_limit() {
        let seconds: Vec<u64> =
            [0, 1, 2, 3, 5, 6, 12, u32::MAX].map(|count| backoff(count).as_secs()).into();
        assert_eq!(seconds, [30, 30, 60, 120, 480, 900, 900, 900]);
    }

    #[test]
    fn hidden_ticket_is_looked_for_soon_and_again() {
        let pause = |count| {
            let hidden = ProcessError::NotShown(45);
            pause(&MessageError::Job(JobError::Failed(hidden)), count).as_secs()
        };
        assert_eq!([1, 2, 3, 4, 5, u32::MAX].map(pause), [5, 10, 20, 40, 45, 45]);
    }

    #[test]
    fn stated_pause_is_used() {
        let under_way = MessageError::Job(JobError::Failed(ProcessError::InProgress(7)));
        assert_eq!(pause(&under_way, 3), Duration::from_secs(7));
        assert_eq!(pause(&MessageError::NoTime, 3), Duration::from_secs(120));
        assert_eq!(pause(&SecretsError::Unknown.into(), 3), FINAL_PAUSE);
    }
}
