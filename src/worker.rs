//! The edge in from the queue: a batch of messages, each done or left to come again. The only place that knows the shape
//! of SQS's events and answers.
//!
//! Messages of one conversation are worked on in their order; one that fails stops the later ones of its conversation and
//! no other's, unless it is not a handoff at all. Nothing is dropped: what cannot be done comes again, ever later, until
//! the queue moves it to the dead-letter queue.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::StreamExt as _;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::desk::DeskError;
use crate::metrics::{self, Record, Route, Status};
use crate::process::Failure;
use crate::queue::{BadMessage, Message};
use crate::report::Report;
use crate::stack::{Invocation, Job, Stack, Trouble};

/// The pause before a message's second delivery; doubled every time.
pub const FIRST_BACKOFF: Duration = Duration::from_secs(30);
/// The longest pause between two deliveries.
pub const MAX_BACKOFF: Duration = Duration::from_secs(15 * 60);
/// How many conversations are worked on at once: Desk is assumed to take about five requests a second. A batch of more
/// would run out of time while Desk hangs, and a delivery counts whether its message was tried or not.
pub const CONVERSATIONS_AT_ONCE: usize = 3;
/// The least time that a handoff needs to be worth beginning.
const MIN_WORK: Duration = Duration::from_secs(2);

/// Why a message was not done.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// It is none of ours.
    #[error(transparent)]
    BadMessage(#[from] BadMessage),
    /// Its application is not served here.
    #[error("the application is not served here")]
    UnknownApplication,
    /// The application's parameters cannot be had.
    #[error(transparent)]
    Unavailable(#[from] crate::secrets::Unavailable),
    /// The invocation is about to end.
    #[error("the invocation is about to end")]
    NoTime,
    /// The work failed.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl NotDone {
    /// Whether the message is no handoff of ours, so that nothing has to wait for it.
    fn is_foreign(&self) -> bool {
        match self {
            Self::BadMessage(_) | Self::UnknownApplication => true,
            Self::Unavailable(_) | Self::NoTime | Self::Trouble(_) => false,
        }
    }

    fn status(&self) -> Status {
        match self {
            Self::NoTime => Status::Postponed,
            Self::Trouble(Trouble::Failed(failure)) => failure.into(),
            Self::BadMessage(_) | Self::UnknownApplication | Self::Unavailable(_) | Self::Trouble(_) => Status::Failed,
        }
    }
}

/// How long until the next delivery of a message that was received so many times.
pub fn backoff(receive_count: u32) -> Duration {
    FIRST_BACKOFF.saturating_mul(1 << receive_count.saturating_sub(1).min(10)).min(MAX_BACKOFF)
}

/// Works on a batch; the answer names the messages that are to come again.
pub async fn handle(stack: &Stack, event: SqsEvent, invocation: &Invocation) -> SqsBatchResponse {
    // In the order of arrival: whoever came last is not always the same.
    let mut conversations: Vec<(String, Vec<SqsMessage>)> = Vec::new();
    for message in event.records {
        let group = message.attributes.get("MessageGroupId").cloned().unwrap_or_default();
        match conversations.iter_mut().find(|(known, _)| *known == group) {
            Some((_, messages)) => messages.push(message),
            None => conversations.push((group, vec![message])),
        }
    }
    let failed: Vec<Vec<String>> = futures_util::stream::iter(conversations)
        .map(|(_, messages)| conversation(stack, messages, invocation))
        .buffer_unordered(CONVERSATIONS_AT_ONCE)
        .collect()
        .await;
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failed
        .into_iter()
        .flatten()
        .map(|id| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            failure
        })
        .collect();
    response
}

/// One conversation's messages in order; gives those that come again. After one that is not done the later ones wait with
/// it: they would only be tried before it.
async fn conversation(stack: &Stack, messages: Vec<SqsMessage>, invocation: &Invocation) -> Vec<String> {
    let mut again = Vec::new();
    let mut waiting: Option<Duration> = None;
    for message in messages {
        let span = metrics::span(&invocation.request_id);
        let pause = match waiting {
            Some(pause) => {
                span.in_scope(|| put_off(stack, &message, invocation));
                pause
            }
            None => match attempt(stack, &message, invocation).instrument(span).await {
                Ok(()) => continue,
                Err((not_done, pause)) => {
                    waiting = Some(pause).filter(|_| !not_done.is_foreign());
                    pause
                }
            },
        };
        postpone(stack, &message, pause).await;
        again.push(message.message_id.unwrap_or_default());
    }
    again
}

/// Works on one message; if it is not done, says why and how long until it comes again.
async fn attempt(stack: &Stack, message: &SqsMessage, invocation: &Invocation) -> Result<(), (NotDone, Duration)> {
    let Err(not_done) = work(stack, message, invocation).await else { return Ok(()) };
    let (message_id, receive_count) = (message.message_id.as_deref(), receive_count(message));
    let pause = pause(&not_done, receive_count);
    let again_in_seconds = pause.as_secs();
    if not_done.status() == Status::Postponed {
        tracing::info!(message_id, receive_count, again_in_seconds, reason = %not_done, "message put off");
    } else {
        tracing::error!(message_id, receive_count, again_in_seconds, reason = %not_done, "message not done");
    }
    Err((not_done, pause))
}

/// Works on one message, and records what came of it.
///
/// # Errors
/// [`NotDone`]; the message must come again.
pub async fn work(stack: &Stack, message: &SqsMessage, invocation: &Invocation) -> Result<Report, NotDone> {
    let (began, mut record) = (Instant::now(), record(message, invocation));
    let worked = carry_out(stack, message.body.as_deref().unwrap_or_default(), invocation, &mut record).await;
    if let Err(not_done) = &worked {
        record.status = not_done.status();
        record.reason = Some(not_done.to_string());
    }
    stack.tell(record, began);
    worked
}

/// A message that is not tried, because an earlier one of its conversation is not done: nothing but its record.
fn put_off(stack: &Stack, message: &SqsMessage, invocation: &Invocation) {
    let mut record = record(message, invocation);
    if let Ok(message) = Message::parse(message.body.as_deref().unwrap_or_default())
        && let Some(app_id) = message.app_id()
    {
        record.about(&app_id, &message.handoff);
    }
    record.status = Status::Postponed;
    record.reason = Some("an earlier handoff of the conversation is not done".to_owned());
    stack.tell(record, Instant::now());
}

fn record(message: &SqsMessage, invocation: &Invocation) -> Record {
    let mut record = Record::new(Route::Queue, &invocation.request_id, invocation.now);
    record.receive_count = Some(receive_count(message));
    record.queue_delay = sent(message).and_then(|sent| invocation.now.duration_since(sent).ok());
    record
}

async fn carry_out(stack: &Stack, body: &str, invocation: &Invocation, record: &mut Record) -> Result<Report, NotDone> {
    let message = Message::parse(body)?;
    let app_id = message.app_id().filter(|app_id| stack.config.app_ids.contains(app_id));
    let app_id = app_id.ok_or(NotDone::UnknownApplication)?;
    record.about(&app_id, &message.handoff);
    if invocation.deadline.saturating_duration_since(Instant::now()) < MIN_WORK {
        return Err(NotDone::NoTime);
    }
    let credentials = stack.secrets.get(&app_id, invocation.now).await?;
    let (handoff, mode) = (&message.handoff, stack.config.mode);
    let job = Job { app_id: &app_id, credentials: &credentials, handoff, mode };
    Ok(stack.work(job, invocation, record).await?)
}

/// The back-off, unless somebody said when: Desk, or the lease of whoever is at the conversation.
fn pause(not_done: &NotDone, receive_count: u32) -> Duration {
    let backoff = backoff(receive_count);
    match not_done {
        NotDone::Trouble(Trouble::Failed(Failure::UnderWay(seconds))) => Duration::from_secs(*seconds).min(backoff),
        NotDone::Trouble(Trouble::Failed(Failure::Desk(DeskError { retry_after: Some(asked), .. }))) => {
            backoff.max(*asked).min(MAX_BACKOFF)
        }
        // The delivery counted, though nothing was tried: at once again and again, it would soon be the last.
        NotDone::NoTime
        | NotDone::BadMessage(_)
        | NotDone::UnknownApplication
        | NotDone::Unavailable(_)
        | NotDone::Trouble(Trouble::NotConfigured(_) | Trouble::Failed(_)) => backoff,
    }
}

async fn postpone(stack: &Stack, message: &SqsMessage, pause: Duration) {
    let handle = message.receipt_handle.as_deref().unwrap_or_default();
    let seconds = u32::try_from(pause.as_secs()).unwrap_or(u32::MAX);
    if let Err(error) = stack.queue.postpone(handle, seconds).await {
        tracing::warn!(%error, "not postponed; the queue's own visibility time-out holds");
    }
}

fn receive_count(message: &SqsMessage) -> u32 {
    message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// When it was put on the queue: SQS gives milliseconds since 1970.
fn sent(message: &SqsMessage) -> Option<SystemTime> {
    let millis = message.attributes.get("SentTimestamp")?.parse().ok()?;
    UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_back_off_doubles_up_to_a_quarter_of_an_hour() {
        let seconds: Vec<u64> = [0, 1, 2, 3, 5, 6, 12, u32::MAX].map(|count| backoff(count).as_secs()).into();
        assert_eq!(seconds, [30, 30, 60, 120, 480, 900, 900, 900]);
    }

    #[test]
    fn who_says_when_is_heard() {
        let under_way = NotDone::Trouble(Trouble::Failed(Failure::UnderWay(7)));
        assert_eq!(pause(&under_way, 3), Duration::from_secs(7));
        assert_eq!(pause(&NotDone::NoTime, 3), Duration::from_secs(120));
        assert_eq!(pause(&NotDone::UnknownApplication, 3), Duration::from_secs(120));
    }
}
