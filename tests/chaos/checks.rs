//! What came of it all: one ticket a conversation with what the newest handoff says, every event
//! done, the rest dead.

use std::fmt;
use std::sync::atomic::Ordering;

use serde_json::Value;

use crate::cloud::Received;
use crate::judged;
use crate::script::Conversation;
use crate::sender::post;
use crate::world::World;

pub(crate) struct Checks {
    seed: u64,
    conversations: usize,
    deliveries: usize,
    tickets: usize,
    duplicates: usize,
    losses: usize,
    kills: usize,
    faults: usize,
    dead_letters: usize,
    /// What is wrong, each with its history.
    wrong: Vec<String>,
}

impl fmt::Display for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chaos: seed {}: {} conversations, ", self.seed, self.conversations)?;
        write!(f, "{} deliveries, {} tickets, ", self.deliveries, self.tickets)?;
        write!(f, "{} duplicates, {} losses, ", self.duplicates, self.losses)?;
        write!(
            f,
            "{} kills, {} faults, {} dead letters",
            self.kills, self.faults, self.dead_letters
        )
    }
}

impl Checks {
    /// Of a world that has settled.
    pub(crate) async fn of(world: &World) -> Self {
        let mut checks = Self {
            seed: world.sizes.seed,
            conversations: world.script.doable().count(),
            deliveries: world.script.deliveries.len(),
            tickets: world.desk.tickets().len(),
            duplicates: 0,
            losses: 0,
            kills: world.kills.done(),
            faults: world.faults.load(Ordering::Relaxed),
            dead_letters: 0,
            wrong: Vec::new(),
        };

        for conversation in world.script.doable() {
            checks.judge(world, conversation);
        }
        checks.wrong.extend(
            judged::broken(world)
                .into_iter()
                .map(|broken| format!("{}: {}", broken.promise, broken.what)),
        );
        checks.repeat_everything(world).await;
        checks.open_the_dead(world).await;

        checks
    }

    /// Fails the test if anything is wrong or less was done than asked for.
    pub(crate) fn must_be_clean(&self, world: &World) {
        let first: Vec<&str> = self.wrong.iter().take(5).map(String::as_str).collect();
        assert!(
            first.is_empty(),
            "{self}\n{} wrong, the first:\n\n{}",
            self.wrong.len(),
            first.join("\n\n")
        );
        assert_eq!(self.tickets, self.conversations, "{self}: a ticket too many or too few");
        assert!(self.kills >= world.sizes.kills, "{self}: fewer kills than asked for");

        assert_eq!(
            world.desk.unknown_requests(),
            Vec::<String>::new(),
            "{self}: Desk knows no such route"
        );
    }

    fn judge(&mut self, world: &World, conversation: &Conversation) {
        let tickets = world.tickets_of(&conversation.channel);
        let newest = &world.script.events[*conversation.events.last().unwrap()];
        let mut faults = Vec::new();

        if tickets.len() > 1 {
            self.duplicates += tickets.len() - 1;
            faults.push(format!("{} open tickets", tickets.len()));
        }

        let Some(ticket) = tickets.first() else {
            self.losses += conversation.events.len();
            return self.report(world, newest.conversation, "no ticket");
        };

        for (key, value) in &newest.fields {
            let found = field(ticket, key);
            if found != Some(value) {
                faults.push(format!("{key} is {found:?} instead of {value:?}"));
            }
        }
        for (what, found, wanted) in [
            ("priority", &ticket["priority"], newest.priority),
            ("team", &ticket["group"]["key"], conversation.team),
            ("customer", &ticket["customer"]["sendbirdId"], conversation.user.as_str()),
        ] {
            if *found != wanted {
                faults.push(format!("{what} is {found} instead of {wanted}"));
            }
        }
        if ticket["messageCount"].as_u64() > Some(1) {
            faults.push(format!("{} opening messages", ticket["messageCount"]));
        }

        if !faults.is_empty() {
            self.losses += usize::from(tickets.len() == 1);
            self.report(world, newest.conversation, &faults.join(", "));
        }
    }

    /// Delivers every event once more: each must be known as done, without a word to Desk.
    async fn repeat_everything(&mut self, world: &World) {
        let mut rng = world.chance(200);
        let asked = world.desk.requests().len();
        for event in &world.script.events[..world.script.ghosts] {
            let (status, body) = post(world, "/handoffs", event, &mut rng).await;
            if status != 200 || body["status"] != "duplicate" {
                self.losses += 1;
                self.report(
                    world,
                    event.conversation,
                    &format!("{} was never done: {status} {body}", event.id),
                );
            }
        }

        let more = world.desk.requests().len() - asked;
        if more > 0 && self.wrong.is_empty() {
            self.wrong.push(format!("Desk was asked {more} times about what was done already"));
        }
    }

    /// The dead-letter queue holds everything undoable and nothing else.
    async fn open_the_dead(&mut self, world: &World) {
        let dead = world.queues.dead_letters().await;
        self.dead_letters = dead.len();
        for message in dead.iter().filter(|message| !world.is_undoable(message)) {
            self.losses += 1;
            let place =
                message.handoff()["conversation"]["id"].as_str().and_then(|id| id.parse().ok());
            let what = format!("a dead letter that could be done: {}", message.body);
            self.report(world, place.unwrap_or_default(), &what);
        }
        for event in &world.script.events[world.script.ghosts..] {
            if !dead.iter().any(|message| message.handoff()["event_id"] == event.id.as_str()) {
                self.losses += 1;
                self.report(world, event.conversation, "cannot be done and is no dead letter");
            }
        }

        for poison in &world.script.poison {
            if !dead.iter().any(|message| message.body == poison.body) {
                self.losses += 1;
                self.report(world, poison.conversation, "its poison is no dead letter");
            }
        }
    }

    fn report(&mut self, world: &World, place: usize, what: &str) {
        let channel = &world.script.conversations[place].channel;
        self.wrong.push(format!("{channel}: {what}\n{}", world.journal.history(world, place)));
    }
}

impl World {
    /// The open tickets that name this conversation.
    pub(crate) fn tickets_of(&self, channel: &str) -> Vec<Value> {
        let names = |ticket: &Value| {
            let related: Value =
                serde_json::from_str(ticket["relatedChannels"].as_str().unwrap()).unwrap();
            related.as_array().unwrap().iter().any(|related| related["channel_url"] == channel)
        };
        self.desk
            .tickets()
            .into_iter()
            .filter(|ticket| ticket["status2"] != "CLOSED" && names(ticket))
            .collect()
    }

    pub(crate) fn is_undoable(&self, message: &Received) -> bool {
        let event = message.handoff()["event_id"].take();
        let is_ghost =
            self.script.events[self.script.ghosts..].iter().any(|ghost| event == ghost.id.as_str());
        is_ghost || self.script.poison.iter().any(|poison| poison.body == message.body)
    }
}

pub(crate) fn field<'a>(ticket: &'a Value, key: &str) -> Option<&'a String> {
    let fields = ticket["customFields"].as_array()?;
    let found = fields.iter().find(|field| field["key"] == key)?;
    match &found["value"] {
        Value::String(text) => Some(text),
        _ => None,
    }
}
