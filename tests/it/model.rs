//! Random histories of handoffs, human edits, closings, repetitions and faults, held against a small model of what the
//! tickets must be at the end. The model knows plain values and no Desk; the shipped code is driven over real HTTP.
//!
//! `PROPTEST_CASES=n` for more histories. A failure prints the shortest history that shows it.

use std::collections::{BTreeMap, BTreeSet};

use desk_emulator::{Call, Fault, Trouble};
use desk_handoff::worker;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::webhook::batch;
use crate::world::World;

const FIELDS: [&str; 3] = ["order-id", "tier", "items"];
const CONVERSATIONS: usize = 2;

/// What a field may hold: few values, so that a human's and an agent's meet.
fn value() -> impl Strategy<Value = String> {
    select(vec!["1", "2", "3"]).prop_map(str::to_owned)
}

#[derive(Debug, Clone)]
struct Handoff {
    conversation: usize,
    values: BTreeMap<&'static str, String>,
    priority: Option<&'static str>,
    /// Unreadable, or a minute: handoffs may come out of order.
    minute: Option<u32>,
    queued: bool,
}

#[derive(Debug, Clone)]
enum Step {
    HandOver(Handoff),
    /// An event of before, by its place among all, once more.
    Repeat(prop::sample::Index),
    Edit(usize, &'static str, String),
    Close(usize),
    Spoil(Call, Trouble, u32, u32),
}

fn handoff() -> impl Strategy<Value = Handoff> {
    let values = prop::collection::btree_map(select(FIELDS.to_vec()), value(), 0..3);
    let priority = prop::option::of(select(vec!["LOW", "MEDIUM", "HIGH"]));
    (0..CONVERSATIONS, values, priority, prop::option::of(0..5u32), any::<bool>()).prop_map(
        |(conversation, values, priority, minute, queued)| Handoff { conversation, values, priority, minute, queued },
    )
}

/// Lists do not lie: against a Desk that makes a ticket, does not say so and then hides it there is no promise (README).
fn spoil() -> impl Strategy<Value = Step> {
    let single = vec![Call::ViewTicket, Call::CreateTicket, Call::UpdateTicket, Call::PatchFields];
    let calls =
        [single.clone(), vec![Call::Any, Call::ListTickets, Call::ListCustomers, Call::CreateCustomer]].concat();
    let troubles = vec![
        Trouble::CutConnection,
        Trouble::CutBody,
        Trouble::CutAfterWrite,
        Trouble::EmptyBody,
        Trouble::Html { status: 502 },
        Trouble::RateLimited { retry_after: Some(0), ratelimit_retry_after: None },
    ];
    let spoilt = prop_oneof![
        6 => (select(calls), select(troubles)),
        1 => (select(single), Just(Trouble::WrongTicket)),
    ];
    (spoilt, 0..3u32, 1..6u32).prop_map(|((call, trouble), after, times)| Step::Spoil(call, trouble, after, times))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => handoff().prop_map(Step::HandOver),
        1 => any::<prop::sample::Index>().prop_map(Step::Repeat),
        2 => (0..CONVERSATIONS, select(FIELDS.to_vec()), value()).prop_map(|(at, field, value)| Step::Edit(at, field, value)),
        1 => (0..CONVERSATIONS).prop_map(Step::Close),
        2 => spoil(),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Policy {
    overwrite: &'static str,
    when_closed: &'static str,
}

/// What one conversation must have come to.
#[derive(Debug, Default)]
struct Conversation {
    /// The fields of its open ticket, and its priority.
    open: Option<(BTreeMap<&'static str, String>, String)>,
    tickets: usize,
    /// What counts as written by this software.
    wrote: BTreeMap<&'static str, BTreeSet<String>>,
    newest: Option<u32>,
}

impl Conversation {
    /// A try that failed may have written anything that it was about to.
    fn tried(&mut self, handoff: &Handoff) {
        for (field, value) in &handoff.values {
            self.wrote.entry(field).or_default().insert(value.clone());
        }
        if let Some(priority) = handoff.priority {
            self.wrote.entry("$priority").or_default().insert(priority.to_owned());
        }
    }

    fn done(&mut self, handoff: &Handoff, policy: Policy) {
        let stale = handoff.minute.zip(self.newest).is_some_and(|(ours, newest)| ours < newest);
        self.newest = handoff.minute.max(self.newest);
        let Some((mut fields, mut priority)) = self.open.take() else { return self.made(handoff, policy) };
        let overwrite = if stale { "never" } else { policy.overwrite };
        for (field, value) in &handoff.values {
            let stored = fields.get(field).cloned();
            if self.settle(field, stored.as_deref(), value, overwrite) {
                fields.insert(field, value.clone());
            }
        }
        if let Some(wanted) = handoff.priority {
            let empty = priority == "MEDIUM" && !self.is_ours("$priority", "MEDIUM");
            let stored = Some(priority.as_str()).filter(|stored| !empty || *stored == wanted);
            if self.settle("$priority", stored, wanted, overwrite) {
                priority = wanted.to_owned();
            }
        }
        self.open = Some((fields, priority));
    }

    /// There is no open ticket: a new one holds all that is said, unless closed ones are to stay the last.
    fn made(&mut self, handoff: &Handoff, policy: Policy) {
        if self.tickets > 0 && policy.when_closed == "leave" {
            return;
        }
        let everything = handoff.values.iter().map(|(field, value)| (*field, value.as_str()));
        for (field, value) in everything.chain(handoff.priority.map(|priority| ("$priority", priority))) {
            self.wrote.insert(field, BTreeSet::from([value.to_owned()]));
        }
        self.tickets += 1;
        self.open = Some((handoff.values.clone(), handoff.priority.unwrap_or("MEDIUM").to_owned()));
    }

    fn is_ours(&self, field: &str, stored: &str) -> bool {
        self.wrote.get(field).is_some_and(|ours| ours.contains(stored))
    }

    /// Whether the ticket holds the value afterwards; what it holds of what was said is ours.
    fn settle(&mut self, field: &'static str, stored: Option<&str>, value: &str, overwrite: &str) -> bool {
        let held = match stored {
            None => true,
            Some(stored) if stored == value => true,
            Some(stored) => overwrite == "always" || (overwrite == "own" && self.is_ours(field, stored)),
        };
        if held {
            self.wrote.insert(field, BTreeSet::from([value.to_owned()]));
        }
        held
    }
}

/// The real thing beside its model.
struct Play {
    world: World,
    policy: Policy,
    model: [Conversation; CONVERSATIONS],
    events: Vec<Handoff>,
}

impl Play {
    async fn new(policy: Policy) -> Self {
        let rules = json!({
            "fields": [
                {"key": "order-id", "type": "text"}, {"key": "tier", "type": "text"}, {"key": "items", "type": "integer"}
            ],
            "ticket": {
                "priority": {"from": "priority"}, "overwrite": policy.overwrite, "when_closed": policy.when_closed
            }
        });
        Self { world: World::with_rules(&rules).await, policy, model: Default::default(), events: Vec::new() }
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::HandOver(handoff) => {
                self.events.push(handoff.clone());
                self.deliver(self.events.len() - 1, true).await;
            }
            Step::Repeat(event) if !self.events.is_empty() => {
                self.deliver(event.index(self.events.len()), false).await;
            }
            Step::Repeat(_) => {}
            Step::Edit(at, field, value) => {
                if let (Some((fields, _)), Some(id)) = (&mut self.model[*at].open, open_ticket(&self.world, *at)) {
                    fields.insert(field, value.clone());
                    self.world.desk.edit_field(id, *field, value);
                }
            }
            Step::Close(at) => {
                if let Some(id) = open_ticket(&self.world, *at) {
                    self.world.desk.close(id);
                    self.model[*at].open = None;
                }
            }
            Step::Spoil(call, trouble, after, times) => {
                self.world.desk.inject(Fault::on(*call).after(*after).times(*times).with(trouble.clone()));
            }
        }
    }

    /// Delivers an event until it is done; from the third time on Desk is well.
    async fn deliver(&mut self, event: usize, is_new: bool) {
        let handoff = self.events[event].clone();
        let conversation = handoff.conversation;
        for attempt in 0.. {
            if attempt == 2 {
                self.world.desk.clear_faults();
            }
            if self.attempt(event, &handoff).await {
                break;
            }
            assert!(attempt < 3, "event {event} is never done");
            self.model[conversation].tried(&handoff);
        }
        if is_new {
            self.model[conversation].done(&handoff, self.policy);
        }
    }

    async fn attempt(&self, event: usize, handoff: &Handoff) -> bool {
        let mut context: serde_json::Map<String, Value> =
            handoff.values.iter().map(|(field, value)| ((*field).to_owned(), json!(value))).collect();
        if let Some(priority) = handoff.priority {
            context.insert("priority".to_owned(), json!(priority));
        }
        let at = handoff.minute.map_or("32.d25Z".to_owned(), |minute| format!("2025-07-30T08:{minute:02}:00Z"));
        let body = json!({
            "event_id": format!("event-{event}"), "handoff_at": at, "context": context,
            "conversation": {"channel_url": channel(handoff.conversation), "user_id": "user_1"}
        });
        if !handoff.queued {
            return self.world.post("/handoffs", &body).await.status.is_success();
        }
        self.world.post("/webhooks/handoff", &body).await.is(200, "queued");
        let entry = self.world.queue.entries().pop().unwrap();
        let answer =
            worker::handle(&self.world.stack, batch(&[(&entry.body, &entry.group, 1)]), &self.world.invocation()).await;
        answer.batch_item_failures.is_empty()
    }

    fn check(&self) {
        for (at, conversation) in self.model.iter().enumerate() {
            let tickets = tickets_of(&self.world, at);
            assert_eq!(tickets.len(), conversation.tickets, "tickets of conversation {at}");
            let open: Vec<&Value> = tickets.iter().filter(|ticket| ticket["status2"] != "CLOSED").collect();
            assert!(open.len() <= 1, "{} open tickets of conversation {at}", open.len());
            let held = open.first().map(|ticket| (fields_of(ticket), ticket["priority"].as_str().unwrap().to_owned()));
            let wanted = conversation.open.as_ref().map(|(fields, priority)| {
                (fields.iter().map(|(field, value)| ((*field).to_owned(), value.clone())).collect(), priority.clone())
            });
            assert_eq!(held, wanted, "the open ticket of conversation {at}");
        }
        let all: usize = self.model.iter().map(|conversation| conversation.tickets).sum();
        assert_eq!(self.world.desk.tickets().len(), all);
    }
}

fn channel(conversation: usize) -> String {
    format!("channel-{conversation}")
}

fn tickets_of(world: &World, conversation: usize) -> Vec<Value> {
    let named = format!("\"{}\"", channel(conversation));
    let mut tickets = world.desk.tickets();
    tickets.retain(|ticket| ticket["relatedChannels"].as_str().unwrap().contains(&named));
    tickets
}

fn open_ticket(world: &World, conversation: usize) -> Option<u64> {
    let tickets = tickets_of(world, conversation);
    tickets.iter().find(|ticket| ticket["status2"] != "CLOSED")?["id"].as_u64()
}

fn fields_of(ticket: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let fields = ticket["customFields"].as_array().unwrap();
    fields.iter().map(|field| (text(&field["key"]), text(&field["value"]))).collect()
}

/// Few enough for seconds, unless the environment asks for more.
fn config() -> ProptestConfig {
    let config = ProptestConfig { failure_persistence: None, max_shrink_iters: 300, ..ProptestConfig::default() };
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { config.cases } else { 100 };
    ProptestConfig { cases, ..config }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn after_any_history_the_tickets_are_what_the_model_says(
        overwrite in select(vec!["own", "always", "never"]), when_closed in select(vec!["create", "leave"]),
        history in prop::collection::vec(step(), 1..14),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut play = Play::new(Policy { overwrite, when_closed }).await;
            for step in &history {
                play.step(step).await;
            }
            play.check();
        });
    }
}
