//! What is to happen, drawn from the seed: conversations, their handoffs, the order and the way of
//! every delivery.
//!
//! Pure. A later handoff of a conversation changes every value and adds fields, so that what the
//! ticket must hold in the end is what the newest one says. How the parts of the run interleave is
//! not in the seed: that is up to the machine.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use serde_json::json;

use crate::sizes::Sizes;

/// The fewest and the most deliveries of one event.
const DELIVERIES: (usize, usize) = (3, 10);

/// One handoff, which is delivered several times.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) id: String,
    /// Its place among the conversations.
    pub(crate) conversation: usize,
    /// The envelope, as the sender writes it.
    pub(crate) body: String,
    /// What it fills in, as Desk stores it.
    pub(crate) fields: BTreeMap<&'static str, String>,
    pub(crate) priority: &'static str,
}

#[derive(Debug, Clone)]
pub(crate) struct Conversation {
    pub(crate) channel: String,
    pub(crate) user: String,
    pub(crate) team: &'static str,
    /// Places among the events, in the order of their times.
    pub(crate) events: Vec<usize>,
}

/// How a handoff arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// `POST /webhooks/handoff`
    Webhook,
    /// `POST /handoffs`
    Direct,
    /// On the queue with another deduplication id, as an operator's redrive does it.
    Again,
}

/// A message that nobody can do, put straight on the queue.
#[derive(Debug, Clone)]
pub(crate) struct Poison {
    /// One of the conversations, whose handoffs wait behind it.
    pub(crate) conversation: usize,
    pub(crate) body: String,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Delivery {
    Event(usize, Way),
    Poison(usize),
}

#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) conversations: Vec<Conversation>,
    pub(crate) events: Vec<Event>,
    /// The events from here on are of users that Chat does not know: they cannot be done.
    pub(crate) ghosts: usize,
    pub(crate) poison: Vec<Poison>,
    pub(crate) deliveries: Vec<Delivery>,
}

impl Script {
    /// With so many messages of each undoable kind.
    pub(crate) fn new(sizes: &Sizes, undoable: usize) -> Self {
        let mut rng = Rng::with_seed(sizes.seed);
        let mut script = Self::default();
        for nth in 0..sizes.conversations {
            // Some customers have several conversations.
            let user = format!("user-{}", rng.usize(0..=nth));
            let room = sizes.deliveries / DELIVERIES.0
                - script.events.len()
                - (sizes.conversations - nth - 1);
            let handoffs = rng.usize(1..=3).min(room).max(1);
            script.converse(&mut rng, user, handoffs);
        }
        script.ghosts = script.events.len();
        for nth in 0..undoable {
            script.converse(&mut rng, format!("nobody-{nth}"), 1);
            let conversation = rng.usize(0..sizes.conversations);
            let body = if nth % 2 == 0 {
                "not a message".to_owned()
            } else {
                json!({"version": 99}).to_string()
            };
            script
                .poison
                .push(Poison { conversation, body: format!("{body} ") + &" ".repeat(nth) });
        }
        script.deliveries = script.drawn(&mut rng, sizes.deliveries);

        script
    }

    pub(crate) fn is_ghost(&self, event: usize) -> bool {
        event >= self.ghosts
    }

    /// Conversations that must have a ticket in the end.
    pub(crate) fn doable(&self) -> impl Iterator<Item = &Conversation> {
        self.conversations.iter().filter(|conversation| !self.is_ghost(conversation.events[0]))
    }

    pub(crate) fn users(&self) -> BTreeSet<&str> {
        self.doable().map(|conversation| conversation.user.as_str()).collect()
    }

    fn converse(&mut self, rng: &mut Rng, user: String, handoffs: usize) {
        let place = self.conversations.len();
        let team = if rng.bool() { "vip" } else { "support" };
        let mut conversation =
            Conversation { channel: format!("channel-{place}"), user, team, events: Vec::new() };
        for nth in 0..handoffs {
            conversation.events.push(self.events.len());
            self.events.push(event(rng, place, &conversation, nth));
        }
        self.conversations.push(conversation);
    }

    /// Every event at least three times and once through the webhook, in random order; of every
    /// second conversation the handoffs arrive first in the order of their times.
    fn drawn(&self, rng: &mut Rng, wanted: usize) -> Vec<Delivery> {
        let mut counts = vec![DELIVERIES.0; self.events.len()];
        while counts.iter().sum::<usize>() < wanted {
            let place = rng.usize(0..counts.len());
            counts[place] = (counts[place] + 1).min(DELIVERIES.1);
        }

        let mut drawn: Vec<(usize, Way)> = Vec::new();
        for (event, count) in counts.into_iter().enumerate() {
            drawn.push((event, Way::Webhook));
            drawn.extend((1..count).map(|_| (event, way(rng))));
        }
        rng.shuffle(&mut drawn);
        for conversation in self.conversations.iter().step_by(2) {
            in_order(&mut drawn, &conversation.events);
        }

        let mut deliveries: Vec<Delivery> =
            drawn.into_iter().map(|(event, way)| Delivery::Event(event, way)).collect();
        for poison in 0..self.poison.len() {
            // Early, so that others have to wait behind it.
            deliveries.insert(rng.usize(0..=deliveries.len() / 4), Delivery::Poison(poison));
        }

        deliveries
    }
}

fn way(rng: &mut Rng) -> Way {
    match rng.u8(0..20) {
        0..10 => Way::Webhook,
        10..16 => Way::Direct,
        _ => Way::Again,
    }
}

/// Renames the events so that they appear first in this order.
fn in_order(drawn: &mut [(usize, Way)], order: &[usize]) {
    let mut appeared: Vec<usize> = Vec::new();
    for (event, _) in drawn.iter_mut().filter(|(event, _)| order.contains(event)) {
        let place = appeared.iter().position(|known| known == event).unwrap_or_else(|| {
            appeared.push(*event);
            appeared.len() - 1
        });
        *event = order[place];
    }
}

fn event(rng: &mut Rng, place: usize, conversation: &Conversation, nth: usize) -> Event {
    let id = format!("event-{place}-{nth}");
    let (cart, tier) = (10 * rng.usize(0..10) + nth, ["gold", "silver", "bronze"][rng.usize(0..3)]);
    let priority = ["LOW", "MEDIUM", "HIGH", "URGENT"][rng.usize(0..4)];
    let mut fields = BTreeMap::from([
        ("order-id", format!("ORD-{place}-{nth}")),
        ("cart-items", cart.to_string()),
        ("membership-tier", tier.to_owned()),
    ]);

    if nth > 0 {
        fields.insert("summary", format!("What was said, {nth} times over"));
    }
    if nth > 1 {
        fields.insert("order-link", format!("https://shop.example/orders/{place}/{nth}"));
    }

    let mut context = json!(fields);
    context["priority"] = json!(priority);
    context["support-team"] = json!(conversation.team);
    fields.insert("language", "en".to_owned());
    let body = json!({
        "id": id, "category": "handoff", "created_at": format!("2026-03-01T10:{nth:02}:00.000000Z"),
        "data": {
            "ai_agent_id": "agent",
            "conversation": {
                "id": place, "user_id": conversation.user, "channel_url": conversation.channel,
                "ai_agent_context": {"language": "en", "country": "US", "context": context},
            },
            "handoff_at": format!("2026-03-01T10:{nth:02}:00.000000Z"),
        },
    });

    Event { id, conversation: place, body: body.to_string(), fields, priority }
}
