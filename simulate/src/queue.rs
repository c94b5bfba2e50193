//! A FIFO queue as SQS has it, on virtual time: groups, deduplication within five minutes,
//! visibility, receive counts, a dead-letter queue. What it does with a message shows in the
//! history.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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

/// What lies on the queue. A message has a place in the order of arrival; of each group only the
/// first message, its head, can be received.
#[derive(Debug, Default)]
pub(crate) struct Fifo {
    messages: BTreeMap<Place, Message>,
    places: HashMap<u64, Place>,
    groups: HashMap<String, BTreeSet<Place>>,
    /// The heads by the moment at which they can be received.
    heads: BTreeSet<(Millis, Place)>,
    /// Those of them whose moment had come when a message was last asked for, by their order.
    ready: BTreeSet<Place>,
    dead: Vec<Message>,
    taken: HashMap<(String, String), Millis>,
    next: u64,
    next_place: Place,
}

type Place = u64;

impl Fifo {
    pub(crate) fn send(&mut self, entry: &QueueEntry, handoff: HandoffNumber, now: Millis) {
        let event = (entry.group.clone(), entry.deduplication.clone());
        if self.taken.get(&event).is_some_and(|at| now < at + DEDUPLICATION) {
            return;
        }
        self.taken.insert(event, now);
        self.next += 1;
        let (id, entry) = (self.next, entry.clone());
        self.put(Message { id, entry, handoff, receives: 0, sent: now, visible_at: now });
    }

    /// At the end.
    fn put(&mut self, message: Message) {
        self.next_place += 1;
        let place = self.next_place;
        let group = self.groups.entry(message.entry.group.clone()).or_default();
        group.insert(place);
        if group.len() == 1 {
            self.heads.insert((message.visible_at, place));
        }
        self.places.insert(message.id, place);
        self.messages.insert(place, message);
    }

    fn remove(&mut self, place: Place) -> Option<Message> {
        let message = self.messages.remove(&place)?;
        self.places.remove(&message.id);
        self.heads.remove(&(message.visible_at, place));
        self.ready.remove(&place);

        let group = self.groups.get_mut(&message.entry.group)?;
        group.remove(&place);
        match group.first() {
            // Behind a head that is gone stands the next one.
            Some(head) => _ = self.heads.insert((self.messages.get(head)?.visible_at, *head)),
            None => _ = self.groups.remove(&message.entry.group),
        }
        Some(message)
    }

    fn hide(&mut self, place: Place, until: Millis) {
        let Some(message) = self.messages.get_mut(&place) else { return };
        if self.heads.remove(&(message.visible_at, place)) {
            self.heads.insert((until, place));
            self.ready.remove(&place);
        }
        message.visible_at = until;
    }

    /// Puts something that is none of ours into the group of the last message.
    pub(crate) fn poison(&mut self, now: Millis) {
        let group = self
            .messages
            .last_key_value()
            .map_or("poison", |(_, message)| message.entry.group.as_str())
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
            let Some(message) = self.messages.get_mut(&place) else { return (None, dead) };
            if message.receives >= MAX_RECEIVES {
                dead.push(message.handoff);
                let message = self.remove(place);
                self.dead.extend(message);
                continue;
            }
            message.receives += 1;
            self.hide(place, now + VISIBILITY);
            return (self.messages.get(&place).cloned(), dead);
        }
    }

    /// SQS keeps the order of a group: what is hidden hides all that stands behind it.
    fn free(&mut self, now: Millis) -> Option<Place> {
        let shown = self.heads.range(..=(now, Place::MAX)).map(|(_, place)| *place);
        // A head stays in both sets until it is hidden or gone.
        self.ready.extend(shown);
        self.ready.first().copied()
    }

    /// When a message can be received next: the first of each group is what counts.
    pub(crate) fn next_change(&self) -> Option<Millis> {
        self.heads.first().map(|(at, _)| *at)
    }

    pub(crate) fn change_visibility(&mut self, id: u64, seconds: u32, now: Millis) {
        if let Some(place) = self.places.get(&id).copied() {
            self.hide(place, now + Millis::from(seconds) * 1000);
        }
    }

    pub(crate) fn delete(&mut self, id: u64) {
        if let Some(place) = self.places.get(&id).copied() {
            self.remove(place);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Puts the dead letters back on the queue; says whose they are.
    pub(crate) fn redrive(&mut self, now: Millis) -> Vec<HandoffNumber> {
        let dead = std::mem::take(&mut self.dead);
        let handoffs = dead.iter().map(|message| message.handoff).collect();
        for message in dead {
            self.put(Message { receives: 0, visible_at: now, ..message });
        }
        handoffs
    }
}
