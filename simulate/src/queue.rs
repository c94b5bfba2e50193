//! A FIFO queue as SQS has it, on virtual time: groups, deduplication within five minutes,
//! visibility, receive counts, a dead-letter queue. What it does with a message shows in the
//! history.

use std::collections::HashMap;

use desk_handoff::queue::QueueEntry;
use desk_handoff_judge::history::{HandoffNumber, Millis};

const DEDUPLICATION: Millis = 5 * 60 * 1000;
const VISIBILITY: Millis = 360 * 1000;
/// `maxReceiveCount` of template.yaml.
const MAX_RECEIVES: u32 = 12;

/// A message.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: u64,
    pub(crate) entry: QueueEntry,
    pub(crate) handoff: HandoffNumber,
    pub(crate) receives: u32,
    pub(crate) sent: Millis,
    visible_at: Millis,
}

/// What lies on the queue, in the order of its arrival.
#[derive(Debug, Default)]
pub(crate) struct Fifo {
    messages: Vec<Message>,
    dead: Vec<Message>,
    taken: HashMap<(String, String), Millis>,
    next: u64,
}

impl Fifo {
    pub(crate) fn send(&mut self, entry: &QueueEntry, handoff: HandoffNumber, now: Millis) {
        let event = (entry.group.clone(), entry.deduplication.clone());
        if self.taken.get(&event).is_some_and(|at| now < at + DEDUPLICATION) {
            return;
        }
        self.taken.insert(event, now);
        self.next += 1;
        let (id, entry) = (self.next, entry.clone());
        self.messages.push(Message { id, entry, handoff, receives: 0, sent: now, visible_at: now });
    }

    /// Puts something that is none of ours into the group of the last message.
    pub(crate) fn poison(&mut self, now: Millis) {
        let group = self
            .messages
            .last()
            .map_or("poison", |message| message.entry.group.as_str())
            .to_owned();
        let entry = QueueEntry {
            body: "none of ours".to_owned(),
            deduplication: format!("poison {now}"),
            group,
        };

        self.send(&entry, HandoffNumber::MAX, now);
    }

    /// The first message of a group that is free, and the messages that went to the dead letters
    /// instead.
    pub(crate) fn receive(&mut self, now: Millis) -> (Option<Message>, Vec<HandoffNumber>) {
        let mut dead = Vec::new();
        loop {
            let Some(place) = self.free(now) else { return (None, dead) };
            if self.messages[place].receives >= MAX_RECEIVES {
                let message = self.messages.remove(place);
                dead.push(message.handoff);
                self.dead.push(message);
                continue;
            }
            let message = &mut self.messages[place];
            message.receives += 1;
            message.visible_at = now + VISIBILITY;
            return (Some(message.clone()), dead);
        }
    }

    fn free(&self, now: Millis) -> Option<usize> {
        let mut groups: Vec<&str> = Vec::new();
        for (place, message) in self.messages.iter().enumerate() {
            // SQS keeps the order of a group: what is hidden hides all that stands behind it.
            if groups.contains(&message.entry.group.as_str()) {
                continue;
            }
            if message.visible_at <= now {
                return Some(place);
            }
            groups.push(&message.entry.group);
        }

        None
    }

    /// When a message can be received next: the first of each group is what counts.
    pub(crate) fn next_change(&self) -> Option<Millis> {
        let mut groups: Vec<&str> = Vec::new();
        let mut next = None;
        for message in &self.messages {
            if !groups.contains(&message.entry.group.as_str()) {
                groups.push(&message.entry.group);
                next = Some(
                    next.map_or(message.visible_at, |next: Millis| next.min(message.visible_at)),
                );
            }
        }

        next
    }

    pub(crate) fn change_visibility(&mut self, id: u64, seconds: u32, now: Millis) {
        if let Some(message) = self.messages.iter_mut().find(|message| message.id == id) {
            message.visible_at = now + Millis::from(seconds) * 1000;
        }
    }

    pub(crate) fn delete(&mut self, id: u64) {
        self.messages.retain(|message| message.id != id);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Puts the dead letters back on the queue; says whose they are.
    pub(crate) fn redrive(&mut self, now: Millis) -> Vec<HandoffNumber> {
        let dead = std::mem::take(&mut self.dead);
        let handoffs = dead.iter().map(|message| message.handoff).collect();
        let again =
            dead.into_iter().map(|message| Message { receives: 0, visible_at: now, ..message });
        self.messages.extend(again);
        handoffs
    }
}
