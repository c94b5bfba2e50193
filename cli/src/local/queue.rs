//! A FIFO queue of this process, behind the shipped seam: what SQS and Lambda do that counts for a
//! handoff.
//!
//! Messages of one group are handed out in their order, one at a time, and none while one of them
//! is put off; the same event is taken once within five minutes; what failed comes again and is
//! given up after so many receipts. It ends with the process, as no queue of AWS does.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use desk_handoff::queue::QueueEntry;
use desk_handoff::store::StoreError;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// After so many receipts a message is a dead letter: `maxReceiveCount` of template.yaml.
pub(crate) const MAX_RECEIPTS: u32 = 12;
/// The most messages that are handed out at once, of as many groups.
const BATCH: usize = 10;
/// How long SQS knows an event again.
const DEDUPLICATION: Duration = Duration::from_secs(5 * 60);

/// The queue; a clone is the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryQueue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    line: Mutex<Line>,
    changed: Notify,
}

impl MemoryQueue {
    /// What can be worked on now, which may be nothing.
    pub(crate) fn receive(&self) -> SqsEvent {
        self.with(|line| line.receive(Instant::now()))
    }

    /// The same, as soon as there is something.
    pub(crate) async fn next(&self) -> SqsEvent {
        loop {
            let now = Instant::now();
            let (batch, later) = self.with(|line| (line.receive(now), line.next_change(now)));
            if !batch.records.is_empty() {
                return batch;
            }
            // A change between the look and this wait is not missed: `notify_one` leaves a permit.
            let changed = self.0.changed.notified();
            match later {
                Some(later) => tokio::select! { () = changed => {} () = sleep_until(later) => {} },
                None => changed.await,
            }
        }
    }

    /// Takes the answer to a batch: what it names comes again, unless it came too often, and the
    /// rest is done.
    pub(crate) fn settle(&self, batch: &SqsEvent, answer: &SqsBatchResponse) {
        self.with(|line| line.settle(batch, answer));
        self.0.changed.notify_one();
    }

    /// Puts an entry on the queue for this entry of the journal; says whether the event was known
    /// already, and so lies on the queue once.
    pub(crate) fn put(&self, entry: &QueueEntry, origin: Option<u64>) -> bool {
        let is_known = self.with(|line| line.send(entry, origin, Instant::now()));
        self.0.changed.notify_one();
        is_known
    }

    /// Lets the message that was received with this handle come again after so long.
    pub(crate) fn put_off(&self, receipt_handle: &str, pause: Duration) -> Result<(), StoreError> {
        self.with(|line| line.put_off(receipt_handle, Instant::now() + pause))
    }

    /// What is not done yet, in the order of its arrival.
    pub(crate) fn waiting(&self) -> Vec<Waiting> {
        let now = Instant::now();
        self.with(|line| line.messages.iter().map(|message| message.waiting(now)).collect())
    }

    /// What was given up.
    pub(crate) fn dead(&self) -> Vec<Waiting> {
        let now = Instant::now();
        self.with(|line| line.dead.iter().map(|message| message.waiting(now)).collect())
    }

    /// The entry of the journal that a message in hand comes from.
    pub(crate) fn origin(&self, message_id: &str) -> Option<u64> {
        self.with(|line| line.messages.iter().find(|message| message.id == message_id)?.origin)
    }

    /// Puts what was given up on the queue again, and says from where it comes.
    pub(crate) fn redrive(&self) -> Vec<Option<u64>> {
        let origins = self.with(Line::redrive);
        self.0.changed.notify_one();
        origins
    }

    /// Lets what is put off come at once.
    pub(crate) fn hurry(&self) {
        self.with(|line| {
            for message in &mut line.messages {
                if let State::PutOff(_) = message.state {
                    message.state = State::Waiting;
                }
            }
        });
        self.0.changed.notify_one();
    }

    /// How many messages are not done, and how many were given up.
    pub(crate) fn left(&self) -> (usize, usize) {
        self.with(|line| (line.messages.len(), line.dead.len()))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Line) -> T) -> T {
        work(&mut self.0.line.lock().expect("no holder of the queue panics"))
    }
}

/// What lies on the queue, in the order of its arrival. Knows no clock.
#[derive(Debug, Default)]
struct Line {
    messages: Vec<Message>,
    dead: Vec<Message>,
    /// When an event of a group was taken.
    taken: HashMap<(String, String), Instant>,
    sent: u64,
}

/// A message as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) origin: Option<u64>,
    pub(crate) receipts: u32,
    pub(crate) in_flight: bool,
    /// How long until it may be handed out; nothing if it may be now.
    pub(crate) next: Duration,
}

#[derive(Debug)]
struct Message {
    id: String,
    entry: QueueEntry,
    origin: Option<u64>,
    receipts: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    InFlight,
    PutOff(Instant),
}

impl Line {
    /// Whether the event was known already.
    fn send(&mut self, entry: &QueueEntry, origin: Option<u64>, now: Instant) -> bool {
        // Whoever sends next clears up, so that nothing has to run by the clock.
        self.taken.retain(|_, at| now < *at + DEDUPLICATION);
        let event = (entry.group.clone(), entry.deduplication.clone());
        if self.taken.contains_key(&event) {
            return true;
        }
        self.taken.insert(event, now);
        self.sent += 1;
        let id = self.sent.to_string();

        self.messages.push(Message {
            id,
            entry: entry.clone(),
            origin,
            receipts: 0,
            state: State::Waiting,
        });
        false
    }

    fn redrive(&mut self) -> Vec<Option<u64>> {
        let letters = std::mem::take(&mut self.dead).into_iter();
        let fresh = letters.map(|dead| Message { receipts: 0, state: State::Waiting, ..dead });
        let fresh: Vec<Message> = fresh.collect();
        let origins = fresh.iter().map(|message| message.origin).collect();
        self.messages.extend(fresh);
        origins
    }

    /// The first message of each group that is free.
    fn receive(&mut self, now: Instant) -> SqsEvent {
        let holding = self.messages.iter().filter(|message| message.is_holding(now));
        let mut held: HashSet<String> =
            holding.map(|message| message.entry.group.clone()).collect();
        // `insert` says whether the group was free until now: of each, the first message passes.
        let free =
            self.messages.iter_mut().filter(|message| held.insert(message.entry.group.clone()));
        let mut batch = SqsEvent::default();
        batch.records = free.take(BATCH).map(Message::hand_out).collect();
        batch
    }

    /// When a message that is put off can be handed out.
    fn next_change(&self, now: Instant) -> Option<Instant> {
        let put_off = self.messages.iter().filter_map(|message| match message.state {
            State::PutOff(until) => Some(until),
            State::Waiting | State::InFlight => None,
        });
        put_off.filter(|until| *until > now).min()
    }

    fn put_off(&mut self, receipt_handle: &str, until: Instant) -> Result<(), StoreError> {
        let mut in_flight =
            self.messages.iter_mut().filter(|message| message.state == State::InFlight);
        let message = in_flight.find(|message| message.receipt_handle() == receipt_handle);
        let refusal = || StoreError {
            store: "the queue",
            reason: "no message is in flight by this handle".to_owned(),
        };
        message.ok_or_else(refusal)?.state = State::PutOff(until);
        Ok(())
    }

    fn settle(&mut self, batch: &SqsEvent, answer: &SqsBatchResponse) {
        for id in batch.records.iter().filter_map(|record| record.message_id.as_deref()) {
            let Some(place) = self.messages.iter().position(|message| message.id == id) else {
                continue;
            };
            let message = &mut self.messages[place];
            if !answer.batch_item_failures.iter().any(|failure| failure.item_identifier == id) {
                self.messages.remove(place);
            } else if message.receipts >= MAX_RECEIPTS {
                self.dead.push(self.messages.remove(place));
            } else if message.state == State::InFlight {
                // What the worker has put off keeps its time.
                message.state = State::Waiting;
            }
        }
    }
}

impl Message {
    fn waiting(&self, now: Instant) -> Waiting {
        let next = match self.state {
            State::PutOff(until) => until.saturating_duration_since(now),
            State::Waiting | State::InFlight => Duration::ZERO,
        };
        let in_flight = self.state == State::InFlight;
        Waiting { origin: self.origin, receipts: self.receipts, in_flight, next }
    }

    /// Whether it keeps its group from being handed out.
    fn is_holding(&self, now: Instant) -> bool {
        match self.state {
            State::Waiting => false,
            State::InFlight => true,
            State::PutOff(until) => now < until,
        }
    }

    /// Unlike that of any other receipt.
    fn receipt_handle(&self) -> String {
        format!("{}-{}", self.id, self.receipts)
    }

    fn hand_out(&mut self) -> SqsMessage {
        self.receipts += 1;
        self.state = State::InFlight;
        // The types of the event can grow, and so are not made by their fields.
        let mut record = SqsMessage::default();
        record.message_id = Some(self.id.clone());
        record.receipt_handle = Some(self.receipt_handle());
        record.body = Some(self.entry.body.clone());
        record.attributes = HashMap::from([
            ("MessageGroupId".to_owned(), self.entry.group.clone()),
            ("MessageDeduplicationId".to_owned(), self.entry.deduplication.clone()),
            ("ApproximateReceiveCount".to_owned(), self.receipts.to_string()),
        ]);

        record
    }
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::sqs::BatchItemFailure;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// A line that holds these: group and event. The body is both.
    fn line(entries: &[(&str, &str)], now: Instant) -> Line {
        let mut line = Line::default();
        entries.iter().for_each(|(group, event)| {
            line.send(&entry(group, event), None, now);
        });
        line
    }

    fn entry(group: &str, event: &str) -> QueueEntry {
        QueueEntry {
            group: group.to_owned(),
            deduplication: event.to_owned(),
            body: format!("{group}{event}"),
        }
    }

    fn bodies(batch: &SqsEvent) -> Vec<&str> {
        batch.records.iter().map(|record| record.body.as_deref().unwrap()).collect()
    }

    fn count(batch: &SqsEvent) -> &str {
        &batch.records[0].attributes["ApproximateReceiveCount"]
    }

    fn handle(batch: &SqsEvent) -> &str {
        batch.records[0].receipt_handle.as_deref().unwrap()
    }

    /// An answer that leaves these records to come again.
    fn failed(batch: &SqsEvent, indices: &[usize]) -> SqsBatchResponse {
        let failure = |index: &usize| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = batch.records[*index].message_id.clone().unwrap();
            failure
        };
        let mut answer = SqsBatchResponse::default();
        answer.batch_item_failures = indices.iter().map(failure).collect();
        answer
    }

    #[test]
    fn batch_holds_first_of_each_group() {
        let now = Instant::now();
        let groups: Vec<String> = ('a'..='k').map(String::from).collect();
        let entries: Vec<(&str, &str)> =
            groups.iter().flat_map(|group| [(group.as_str(), "1"), (group, "2")]).collect();
        let mut line = line(&entries, now);
        let batch = line.receive(now);
        assert_eq!(bodies(&batch), ["a1", "b1", "c1", "d1", "e1", "f1", "g1", "h1", "i1", "j1"]);
        assert_eq!(
            (count(&batch), batch.records[0].attributes["MessageGroupId"].as_str()),
            ("1", "a")
        );
        line.settle(&batch, &failed(&batch, &[1]));

        assert_eq!(
            bodies(&line.receive(now)),
            ["a2", "b1", "c2", "d2", "e2", "f2", "g2", "h2", "i2", "j2"]
        );
    }

    #[test]
    fn group_in_flight_waits_alone() {
        let now = Instant::now();
        let mut line = line(&[("a", "1"), ("a", "2")], now);
        let first = line.receive(now);
        line.send(&entry("b", "1"), None, now);
        assert_eq!(bodies(&line.receive(now)), ["b1"]);
        line.settle(&first, &SqsBatchResponse::default());
        assert_eq!(bodies(&line.receive(now)), ["a2"]);
    }

    #[test]
    fn delayed_message_holds_its_group() {
        let now = Instant::now();
        let mut line = line(&[("a", "1"), ("a", "2")], now);
        let batch = line.receive(now);
        line.put_off(handle(&batch), now + MINUTE).unwrap();
        line.settle(&batch, &failed(&batch, &[0]));
        line.send(&entry("b", "1"), None, now);
        assert_eq!(
            (bodies(&line.receive(now)), line.next_change(now)),
            (vec!["b1"], Some(now + MINUTE))
        );
        let again = line.receive(now + MINUTE);
        assert_eq!((bodies(&again), count(&again)), (vec!["a1"], "2"));

        assert_eq!(line.next_change(now + MINUTE), None);
    }

    #[test]
    fn only_what_is_in_flight_can_be_put_off() {
        let now = Instant::now();
        let mut line = line(&[("a", "1")], now);
        let batch = line.receive(now);
        line.settle(&batch, &failed(&batch, &[0]));
        assert!(line.put_off(handle(&batch), now + MINUTE).is_err());
        line.receive(now);

        assert!(
            line.put_off(handle(&batch), now + MINUTE).is_err(),
            "the handle is that of an earlier receipt"
        );
    }

    #[test]
    fn event_is_taken_once_within_five_minutes() {
        let now = Instant::now();
        let mut line = line(&[("a", "1"), ("a", "1"), ("b", "1")], now);
        let batch = line.receive(now);
        assert_eq!(bodies(&batch), ["a1", "b1"]);
        line.settle(&batch, &SqsBatchResponse::default());
        line.send(&entry("a", "1"), None, now + 4 * MINUTE);
        assert_eq!(bodies(&line.receive(now + 4 * MINUTE)), Vec::<&str>::new());
        line.send(&entry("a", "1"), None, now + 5 * MINUTE);
        assert_eq!(bodies(&line.receive(now + 5 * MINUTE)), ["a1"]);
    }

    #[test]
    fn twelfth_failure_makes_a_dead_letter() {
        let now = Instant::now();
        let mut line = line(&[("a", "1")], now);
        for receipt in 1..=12 {
            let batch = line.receive(now);
            assert_eq!(count(&batch), receipt.to_string());
            assert!(line.dead.is_empty());
            line.settle(&batch, &failed(&batch, &[0]));
        }
        line.send(&entry("a", "2"), None, now);
        assert_eq!(bodies(&line.receive(now)), ["a2"]);

        assert_eq!(
            line.dead.iter().map(|message| message.entry.body.as_str()).collect::<Vec<_>>(),
            ["a1"]
        );
    }

    #[test]
    fn redriven_letter_begins_anew() {
        let now = Instant::now();
        let mut line = Line::default();
        line.send(&entry("a", "1"), Some(7), now);
        for _ in 0..12 {
            let batch = line.receive(now);
            line.settle(&batch, &failed(&batch, &[0]));
        }
        assert_eq!(line.redrive(), [Some(7)]);
        assert_eq!(count(&line.receive(now)), "1");
        assert!(line.dead.is_empty());
    }

    #[test]
    fn page_sees_when_a_message_comes_again() {
        let queue = MemoryQueue::default();
        assert!(!queue.put(&entry("a", "1"), Some(3)));
        assert!(queue.put(&entry("a", "1"), Some(4)), "the same event lies there once");
        let batch = queue.receive();
        let id = batch.records[0].message_id.as_deref().unwrap();
        assert_eq!(queue.origin(id), Some(3));
        assert!(queue.waiting()[0].in_flight);

        let later = Instant::now() + MINUTE;
        queue.with(|line| line.put_off(handle(&batch), later)).unwrap();
        let waiting = &queue.waiting()[0];
        assert!(!waiting.in_flight && waiting.next > MINUTE / 2, "{waiting:?}");
        queue.hurry();
        assert_eq!(queue.waiting()[0].next, Duration::ZERO);
    }

    #[tokio::test]
    async fn waiter_wakes_for_sent_and_due_messages() {
        let queue = MemoryQueue::default();
        let put_off = async {
            let batch = queue.next().await;
            queue.put_off(handle(&batch), Duration::ZERO).unwrap();
            queue.settle(&batch, &failed(&batch, &[0]));
            let again = queue.next().await;
            queue.settle(&again, &SqsBatchResponse::default());
            count(&again).to_owned()
        };

        let sent = async { queue.put(&entry("a", "1"), None) };
        let (count, is_known) = tokio::join!(put_off, sent);
        assert_eq!((count.as_str(), is_known, queue.left()), ("2", false, (0, 0)));
    }
}
