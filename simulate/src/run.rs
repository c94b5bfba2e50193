//! Plays a scenario to its end, until nothing is under way any more, and has it judged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use desk_emulator::Seed;
use desk_handoff::app::App;
use desk_handoff_judge::history::{
    self, AttemptNumber, By, HandoffNumber, History, Millis, PRIORITY, Sent, What,
};
use desk_handoff_judge::{Broken, judge};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::{sleep, sleep_until, timeout};

use crate::logs;
use crate::product::{self, APP};
use crate::queue::Message;
use crate::scenario::{Action, Form, Handoff, Human, Named, Route, Scenario};
use crate::world::{ATTEMPT, World, user_id};

/// What came of a scenario.
#[derive(Debug)]
pub struct Played {
    /// What was seen.
    pub history: History,
    /// Which promises it breaks.
    pub broken: Vec<Broken>,
    /// How many handoffs were sent.
    pub handoffs: usize,
    /// What went wrong, by kind.
    pub struck: BTreeMap<&'static str, u64>,
    /// What humans did.
    pub human_actions: usize,
    /// How many could have gone on, at each point where the scenario says who does.
    pub choices: Vec<usize>,
}

/// After so long everything must be quiet, in virtual time: more than the queue's patience with
/// every message of a world.
const PATIENCE: Duration = Duration::from_secs(4 * 24 * 60 * 60);
/// How long after that the probes are sent.
const LATER: Duration = Duration::from_secs(20 * 60);
/// How many workers run at once: `WorkerConcurrency` of template.yaml.
const WORKERS: usize = 2;
/// Lambda's time-outs of the two functions.
const API_TIMEOUT: Duration = Duration::from_secs(29);
const WORKER_TIMEOUT: Duration = Duration::from_secs(60);

/// Plays it.
///
/// # Panics
/// If no runtime can be made.
pub fn play(scenario: &Scenario) -> Played {
    // The shipped code's own chances, such as jitter, come from this thread's generator.
    fastrand::seed(scenario.seed);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime of one thread can be made");

    runtime.block_on(async {
        let world = World::new(scenario.clone());
        let _logs = logs::keep(&world);
        let play = Arc::new(Play {
            app: product::app(&world),
            world,
            bodies: Mutex::default(),
            running: AtomicUsize::new(0),
            senders: AtomicUsize::new(0),
        });
        play.all().await;
        let struck = play.world.struck();
        let history = play.world.history();
        let broken = judge(&history);
        let human = |step: &&crate::scenario::Step| matches!(step.what, Action::Human { .. });
        Played {
            broken,
            handoffs: play.bodies.lock().unwrap_or_else(PoisonError::into_inner).len(),
            human_actions: scenario.steps.iter().filter(human).count(),
            struck,
            history,
            choices: play.world.choices(),
        }
    })
}

struct Play {
    world: Arc<World>,
    app: App,
    /// What was sent, in order.
    bodies: Mutex<Vec<Body>>,
    running: AtomicUsize,
    senders: AtomicUsize,
}

#[derive(Clone)]
struct Body {
    handoff: Handoff,
    text: String,
    sent: Sent,
}

impl Play {
    async fn all(self: &Arc<Self>) {
        let workers = tokio::spawn(Arc::clone(self).serve());
        let world = Arc::clone(&self.world);
        let turns = tokio::spawn(async move { world.give_turns().await });
        let mut steps = self.world.scenario.steps.clone();
        steps.sort_by_key(|step| step.at);
        for step in steps {
            let wait = step.at.saturating_sub(self.world.now());
            sleep(Duration::from_millis(wait)).await;
            self.step(step.what);
        }
        self.settle().await;
        self.world.end_faults();
        // Dead letters are put back as an operator does once the cause is gone (promise L2).
        let redriven = self.world.queue().redrive(self.world.now());

        for handoff in redriven {
            self.world.record(What::Redriven(handoff));
        }
        self.world.changed.notify_one();
        self.settle().await;
        self.world.record(What::Quiet);
        self.probe().await;
        self.settle().await;
        self.world.record(What::Probed);
        workers.abort();

        turns.abort();
    }

    /// Waits until no sender, no invocation and no message is under way.
    async fn settle(&self) {
        let quiet = async {
            // Longer and longer: a pause of the queue may be a quarter of an hour.
            for seconds in 1.. {
                sleep(Duration::from_secs(seconds.min(60))).await;
                let is_busy = self.senders.load(Ordering::Relaxed) > 0
                    || self.running.load(Ordering::Relaxed) > 0;
                if !is_busy && self.world.queue().is_empty() {
                    return;
                }
            }
        };
        // What is left after that, the judge sees.
        let _ = timeout(PATIENCE, quiet).await;
    }

    fn step(self: &Arc<Self>, action: Action) {
        match action {
            Action::Send(handoff) => {
                self.send(handoff, None);
            }
            Action::Foreseen(handoff) => self.foresee(handoff),
            Action::Poison => {
                self.world.queue().poison(self.world.now());
                self.world.changed.notify_one();
            }
            Action::Again(place) => {
                let known = self.bodies().get(place).cloned();
                if let Some(body) = known {
                    let first = body.sent.repeats.unwrap_or(place);
                    self.send(body.handoff, Some((first, body.text)));
                }
            }
            Action::Human { .. } | Action::DeskTicket { .. }
                if self.world.scenario.turns.is_some() =>
            {
                let play = Arc::clone(self);
                self.senders.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    play.world.turn(AttemptNumber::MAX).await;
                    play.others(action);
                    play.senders.fetch_sub(1, Ordering::Relaxed);
                });
            }
            other => self.others(other),
        }
    }

    /// What others do at a ticket, and with the tokens.
    fn others(&self, action: Action) {
        match action {
            Action::Human { user, does } => self.human(user, &does),
            Action::DeskTicket { user, conversation } => {
                let seed = Seed {
                    sendbird_id: user_id(user),
                    channel_url: Some(channel(user, conversation)),
                    title: "Made by Desk".to_owned(),
                    ..Seed::default()
                };
                self.world.desk.seed_ticket(seed);
                self.world.record_changes(By::Desk);
            }
            Action::RotateToken => self.world.rotate_token(),
            Action::Send(_) | Action::Foreseen(_) | Action::Poison | Action::Again(_) => {}
        }
    }

    // --- senders ---

    fn bodies(&self) -> MutexGuard<'_, Vec<Body>> {
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down that a handoff is sent: a new one, or the bytes of an earlier one.
    fn register(
        &self,
        handoff: Handoff,
        again: Option<(HandoffNumber, String)>,
        change: impl FnOnce(&mut Sent),
    ) -> HandoffNumber {
        let mut bodies = self.bodies();
        let number = bodies.len();
        let received = self.world.millis_of_day();
        let mut body = match again {
            Some((first, text)) => {
                let known = bodies[first].sent.clone();
                let sent =
                    Sent { repeats: Some(first), received, received_last: received, ..known };
                Body { handoff, text, sent }
            }
            None => self.body(handoff, number),
        };
        change(&mut body.sent);
        self.world.record(What::Sent(number, Box::new(body.sent.clone())));
        bodies.push(body);

        number
    }

    fn send(self: &Arc<Self>, handoff: Handoff, again: Option<(HandoffNumber, String)>) {
        let number = self.register(handoff, again, |_| {});
        self.senders.fetch_add(1, Ordering::Relaxed);
        let play = Arc::clone(self);
        tokio::spawn(async move {
            play.post(number).await;
            play.senders.fetch_sub(1, Ordering::Relaxed);
        });
    }

    /// A preview, and at once the very same handoff.
    fn foresee(self: &Arc<Self>, handoff: Handoff) {
        self.senders.fetch_add(1, Ordering::Relaxed);
        let play = Arc::clone(self);
        tokio::spawn(async move {
            let preview =
                play.register(Handoff { route: Route::Preview, ..handoff.clone() }, None, |_| {});
            play.post(preview).await;
            // The same values, by the direct route.
            let text = play.bodies()[preview].text.clone();
            let live = Handoff { route: Route::Direct, asynchronous: false, ..handoff };
            let live = play.register(live, Some((preview, text)), |sent| {
                (sent.repeats, sent.foreseen, sent.route) =
                    (None, Some(preview), history::Route::Direct);
            });
            play.post(live).await;
            play.senders.fetch_sub(1, Ordering::Relaxed);
        });
    }

    /// Long after everything is quiet, a handoff of every conversation: nothing may be left that
    /// holds it up.
    async fn probe(&self) {
        sleep(LATER).await;
        let places: BTreeSet<(u8, u8)> = self
            .bodies()
            .iter()
            .map(|body| (body.handoff.user, body.handoff.conversation))
            .collect();

        for (user, conversation) in places {
            let handoff = Handoff {
                route: Route::Direct,
                form: Form::Nested,
                user,
                conversation,
                names: Named::Both,
                keys: vec!["order-id".to_owned()],
                event: Some(format!("probe-{user}-{conversation}")),
                age: None,
                asynchronous: false,
            };
            let number = self.register(handoff, None, |sent| sent.is_probe = true);
            self.post(number).await;
        }
    }

    /// The webhook is tried up to three times until it is taken; the direct route once.
    async fn post(&self, number: HandoffNumber) {
        let body = self.bodies()[number].clone();
        let tries = if body.handoff.route == Route::Webhook { 3 } else { 1 };
        for nth in 0..tries {
            if nth > 0 {
                self.world.record(What::Retried(number, self.world.millis_of_day()));
            }
            let answer = self.invoke_api(number, &body).await;
            if let Some((status, answer)) = answer {
                let is_taken = (200..300).contains(&status);
                self.world.record(What::Answered(number, status, answer));
                if is_taken {
                    return;
                }
            }
            sleep(Duration::from_secs(5)).await;
        }
    }

    async fn invoke_api(&self, number: HandoffNumber, body: &Body) -> Option<(u16, Value)> {
        let path = match body.handoff.route {
            Route::Webhook => "/webhooks/handoff",
            Route::Direct => "/handoffs",
            Route::Preview => "/handoffs/preview",
        };
        let is_async = body.handoff.asynchronous;
        let work = product::request(&self.world, &self.app, path, body.text.as_bytes(), is_async);
        self.attempt(number, API_TIMEOUT, work).await
    }

    /// One invocation: to its end, or until it is killed.
    async fn attempt<T>(
        &self,
        number: HandoffNumber,
        time: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        // Lambda tells nobody that an invocation was killed: its sender sees no answer.
        let attempt = self.world.begin(number);
        let ended = ATTEMPT.scope(Arc::clone(&attempt), async {
            tokio::select! {
                biased;
                () = attempt.killed.notified() => None,
                ended = timeout(time, work) => ended.ok(),
            }
        });

        let ended = ended.await;
        self.world.record(What::Ended(attempt.number, ended.is_none()));
        ended
    }

    fn body(&self, handoff: Handoff, number: HandoffNumber) -> Body {
        let kinds = |key: &str| match key {
            "items" => "integer",
            "urgency" => "priority",
            _ => "text",
        };
        let fact =
            |key: &String| (key.clone(), Value::from(history::value(number, key, kinds(key))));
        let context: Map<String, Value> = handoff.keys.iter().map(fact).collect();
        let (user, place) = (handoff.user, handoff.conversation);
        let (id, channel) = names(handoff.names, user, place);
        let received = self.world.millis_of_day();
        let created = handoff.age.map(|age| received - age * 1000);
        let sent = Sent {
            route: match handoff.route {
                Route::Webhook => history::Route::Webhook,
                Route::Direct => history::Route::Direct,
                Route::Preview => history::Route::Preview,
            },
            is_envelope: handoff.form == Form::Envelope,
            event: handoff.event.clone(),
            id,
            channel,
            user: user_id(user),
            context,
            created,
            received,
            received_last: received,
            repeats: None,
            foreseen: None,
            is_probe: false,
            rules: self.world.scenario.rules.clone(),
        };

        let text = text(&handoff, &sent, number);
        Body { handoff, text, sent }
    }

    // --- the queue ---

    async fn serve(self: Arc<Self>) {
        loop {
            let now = self.world.now();
            let is_free = self.running.load(Ordering::Relaxed) < WORKERS;
            let (message, dead) =
                if is_free { self.world.queue().receive(now) } else { (None, Vec::new()) };
            for handoff in dead {
                self.world.record(What::DeadLettered(handoff));
            }
            match message {
                Some(message) => {
                    self.running.fetch_add(1, Ordering::Relaxed);
                    tokio::spawn(Arc::clone(&self).work(message));
                }
                None => self.until_changed(now, is_free).await,
            }
        }
    }

    async fn until_changed(&self, now: Millis, is_free: bool) {
        let changed = self.world.changed.notified();
        let next = self.world.queue().next_change().filter(|next| is_free && *next > now);
        match next {
            Some(next) => {
                let at = tokio::time::Instant::now() + Duration::from_millis(next - now);
                tokio::select! {
                    biased;
                    () = changed => {}
                    () = sleep_until(at) => {}
                }
            }
            None => changed.await,
        }
    }

    async fn work(self: Arc<Self>, message: Message) {
        let work = product::deliver(&self.world, &self.app, &message);
        let is_done = self.attempt(message.handoff, WORKER_TIMEOUT, work).await;
        if is_done == Some(true) {
            // Judged before the message is gone.
            self.world.record(What::Deleted(message.handoff));
            self.world.queue().delete(message.id);
        }
        self.running.fetch_sub(1, Ordering::Relaxed);
        self.world.changed.notify_one();
    }

    // --- humans ---

    fn human(&self, user: u8, does: &Human) {
        let desk = &self.world.desk;
        let tickets = desk.tickets();
        let is_theirs =
            |ticket: &&Value| ticket["customer"]["sendbirdId"] == user_id(user).as_str();
        let wants_open = !matches!(does, Human::Reopen);
        // On a seeded ticket, closed before the world began, nobody acts.
        let fits = |ticket: &&Value| {
            (ticket["status2"] != "CLOSED") == wants_open
                && ticket["channelName"] != "A seeded ticket"
        };
        let newest = tickets.iter().filter(is_theirs).rfind(fits);
        let Some(id) = newest.and_then(|ticket| ticket["id"].as_u64()) else { return };

        match does {
            Human::Edit(key) if key == PRIORITY => {
                let number = usize::try_from(self.world.now() % 4).unwrap_or_default();
                desk.set_priority(id, history::value(number, key, "priority"));
            }
            Human::PutBack(key) if key == PRIORITY => {
                if let Some(former) = self.world.former(id, key) {
                    desk.set_priority(id, former);
                }
            }
            Human::Edit(key) => desk.edit_field(id, key, format!("human {}", self.world.now())),
            Human::Agree(key, number) => {
                let bodies = self.bodies();
                let value =
                    bodies.get(*number).and_then(|body| body.sent.context.get(key)).cloned();
                let value = value.and_then(|value| value.as_str().map(str::to_owned));
                desk.edit_field(
                    id,
                    key,
                    value.unwrap_or_else(|| history::value(*number, key, "text")),
                );
            }
            Human::PutBack(key) => {
                if let Some(former) = self.world.former(id, key) {
                    desk.edit_field(id, key, former);
                }
            }
            Human::Close => desk.close(id),
            Human::Reopen => desk.reopen(id),
            Human::DefaultPriority => desk.set_priority(id, "MEDIUM"),
            Human::Rename => {
                desk.rename(id, "Renamed by a human");
                self.world.record(What::Renamed(id));
            }
        }

        self.world.record_changes(By::Human);
    }
}

/// What a sender puts where the conversation's id belongs, and where its channel belongs.
fn names(named: Named, user: u8, conversation: u8) -> (Option<String>, Option<String>) {
    let (id, channel) = ((conversation + 1).to_string(), channel(user, conversation));
    match named {
        Named::Id | Named::Number => (Some(id), None),
        Named::Channel => (None, Some(channel)),
        Named::Both | Named::NumberAndChannel => (Some(id), Some(channel)),
        Named::ChannelAsId => (Some(channel), None),
        Named::ChannelTwice => (Some(channel.clone()), Some(channel)),
    }
}

/// The body of a handoff, in one of its forms.
fn text(handoff: &Handoff, sent: &Sent, number: HandoffNumber) -> String {
    let Sent { event, id, channel, user, context, created, .. } = sent.clone();
    let id = id.map(|id| match id.parse::<u64>() {
        Ok(number) if handoff.names.is_number() => Value::from(number),
        Ok(_) | Err(_) => Value::from(id),
    });
    let body = match handoff.form {
        Form::Envelope => json!({
            "id": event.unwrap_or_else(|| format!("event-{number}")), "app_id": APP, "category": "handoff",
            // A time that cannot be read, as in the samples of the documentation.
            "created_at": created.map_or_else(|| "2025-07-30T08:30:32.d25Z".to_owned(), time_text),
            "data": {
                "handoff_at": format!("h{number}"),
                // Nothing that is needed: of a wrong type it counts as absent.
                "ai_agent_id": if number.is_multiple_of(3) { json!(["agent"]) } else { json!("agent") },
                "conversation": {
                    "id": id, "channel_url": channel, "user_id": user, "ai_agent_context": {"context": context}
                }
            }
        }),
        Form::Nested => json!({
            "event_id": event, "conversation": {"id": id, "channel_url": channel, "user_id": user},
            "context": context, "handoff_at": format!("h{number}")
        }),
        Form::Flat => {
            let mut flat = context;
            flat.insert("user_id".to_owned(), user.into());
            flat.extend(id.map(|id| ("conversation_id".to_owned(), id)));
            for (key, value) in [("channel_url", channel), ("event_id", event)] {
                flat.extend(value.map(|value| (key.to_owned(), Value::from(value))));
            }
            Value::Object(flat)
        }
    };

    body.to_string()
}

/// The Chat channel of a user's conversation with the AI agent.
fn channel(user: u8, conversation: u8) -> String {
    format!("sendbird_group_channel_ai_{user}_{conversation}")
}

fn time_text(millis: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000);
    time.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}
