//! A world: the shipped code between an emulated Desk, a queue and senders, in one thread, on
//! virtual time.
//!
//! Whatever the code waits for passes through here: calls to Desk and Chat, the table, the queue,
//! the parameters. Each wait takes a time that the seed picks, so that the seed picks the order in
//! which waiting work goes on; at each, an invocation can be killed. What anybody outside could see
//! is written into the history.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use desk_emulator::{
    Behaviour, ClosedWrites, Emulator, FieldDefinition, FieldKind, Reaction, Seed, Setup,
};
use desk_emulator::{StrangeRelated, WriteAnswer};
use desk_handoff_judge::history::{
    AttemptNumber, By, CallKind, EPOCH, HandoffNumber, History, Millis, PRIORITY, Shown, What,
};
use serde_json::Value;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep};

use crate::queue::Fifo;
use crate::scenario::{Call, Crash, Habits, Related, Scenario, Store, Trouble};

/// From a look at the tickets to a create, calls that go wrong included, in milliseconds.
const LONGEST_LOOK: Millis = 20_000;

tokio::task_local! {
    /// The attempt that is at work.
    pub(crate) static ATTEMPT: Arc<Attempt>;
}

/// One invocation.
pub(crate) struct Attempt {
    pub(crate) number: AttemptNumber,
    pub(crate) handoff: HandoffNumber,
    waits: Mutex<u32>,
    crash: Option<Crash>,
    /// Rung when it is killed.
    pub(crate) killed: Notify,
}

/// A ticket as the world last saw it.
#[derive(Debug, Clone, PartialEq, Default)]
struct Snapshot {
    fields: BTreeMap<String, String>,
    is_open: bool,
    messages: u64,
}

/// What changes.
#[derive(Default)]
struct State {
    events: Vec<(Millis, What)>,
    rng: fastrand::Rng,
    calls: HashMap<Call, u32>,
    stores: HashMap<Store, u32>,
    attempts: AttemptNumber,
    seen: BTreeMap<u64, Snapshot>,
    /// From when on lists show each ticket.
    listed: HashMap<u64, Millis>,
    /// Values that a field held before, for humans who put them back.
    former: HashMap<(u64, String), String>,
    faults_over: bool,
    pub(crate) struck: BTreeMap<&'static str, u64>,
    token: u32,
}

/// A world.
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) desk: Emulator,
    began: Instant,
    /// How long a new ticket is not in lists.
    listed_after: Millis,
    state: Mutex<State>,
    queue: Mutex<Fifo>,
    turnstile: Mutex<Turnstile>,
    /// Rung when somebody waits for a turn.
    arrived: Notify,
    /// Rung when the queue changes or an invocation ends.
    pub(crate) changed: Notify,
}

/// Who waits for a turn, where the scenario says who goes on.
#[derive(Default)]
struct Turnstile {
    waiting: Vec<(AttemptNumber, oneshot::Sender<()>)>,
    /// How many could have gone on at each point where there was a choice.
    choices: Vec<usize>,
}

const FIRST_TOKEN: &str = "desk-token-0";

impl World {
    pub(crate) fn new(scenario: Scenario) -> Arc<Self> {
        let setup = setup(&scenario);
        let hidden = setup.behaviour.listed_after.max(setup.behaviour.visible_after);
        let desk = Emulator::in_process(setup);
        // Not the scenario's own numbers, or delays would follow the choices that made it.
        let rng = fastrand::Rng::with_seed(scenario.seed ^ 0x5eed);
        let world = Self {
            desk,
            began: Instant::now(),
            listed_after: Millis::try_from(hidden.as_millis()).unwrap_or(Millis::MAX),
            state: Mutex::new(State { rng, ..State::default() }),
            queue: Mutex::default(),
            turnstile: Mutex::default(),
            arrived: Notify::new(),
            changed: Notify::new(),
            scenario,
        };

        for user in 0..2 {
            for _ in 0..world.scenario.desk.closed_before {
                let seed =
                    Seed { sendbird_id: user_id(user), status: "CLOSED".into(), ..Seed::default() };
                world.desk.seed_ticket(seed);
            }
        }
        // They are nobody's business.
        for ticket in world.desk.tickets() {
            let snapshot = snapshot(&ticket);
            world.state().seen.insert(ticket["id"].as_u64().unwrap_or(0), snapshot);
        }

        Arc::new(world)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn queue(&self) -> MutexGuard<'_, Fifo> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds since the world began.
    pub(crate) fn now(&self) -> Millis {
        Millis::try_from(self.began.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }

    /// The time of day.
    pub(crate) fn time_of_day(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.millis_of_day().unsigned_abs())
    }

    /// The time of day in milliseconds since 1970.
    pub(crate) fn millis_of_day(&self) -> i64 {
        EPOCH + i64::try_from(self.now()).unwrap_or(0)
    }

    pub(crate) fn record(&self, what: What) {
        let now = self.now();
        self.state().events.push((now, what));
    }

    pub(crate) fn chance<T>(&self, pick: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        pick(&mut self.state().rng)
    }

    pub(crate) fn strike(&self, what: &'static str) {
        *self.state().struck.entry(what).or_default() += 1;
    }

    pub(crate) fn struck(&self) -> BTreeMap<&'static str, u64> {
        self.state().struck.clone()
    }

    pub(crate) fn end_faults(&self) {
        self.state().faults_over = true;
        self.record(What::FaultsEnded);
    }

    pub(crate) fn history(&self) -> History {
        let events = std::mem::take(&mut self.state().events);
        let chat_refuses = self.scenario.faults.iter().any(|fault| {
            fault.call == Call::Post
                && matches!(
                    fault.trouble,
                    Trouble::Refused | Trouble::NotFound | Trouble::Forbidden
                )
        });
        History {
            events,
            is_preview_mode: false,
            chat_refuses,
            lists_lag: self.scenario.desk.lists_lag,
        }
    }

    /// Desk's token as Parameter Store has it.
    pub(crate) fn token(&self) -> String {
        format!("desk-token-{}", self.state().token)
    }

    pub(crate) fn rotate_token(&self) {
        self.state().token += 1;
        self.desk.rotate_desk_token(self.token());
    }

    // --- attempts ---

    pub(crate) fn begin(&self, handoff: HandoffNumber) -> Arc<Attempt> {
        let number = {
            let mut state = self.state();
            state.attempts += 1;
            state.attempts - 1
        };
        let mut crashes = self.scenario.crashes.iter();
        let crash = crashes.find(|crash| crash.attempt as usize == number).cloned();
        // Once nothing is to go wrong any more, nobody is killed either.
        let crash = crash.filter(|_| !self.state().faults_over);
        self.record(What::Began(number, handoff));
        let (waits, killed) = (Mutex::new(0), Notify::new());

        Arc::new(Attempt { number, handoff, waits, crash, killed })
    }

    fn turnstile(&self) -> MutexGuard<'_, Turnstile> {
        self.turnstile.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is this one's turn.
    pub(crate) async fn turn(&self, number: AttemptNumber) {
        let (go, gone) = oneshot::channel();
        self.turnstile().waiting.push((number, go));
        self.arrived.notify_one();
        // It never ends without: the world lasts as long.
        let _ = gone.await;
    }

    /// Lets those who wait go on one by one, as the scenario says.
    pub(crate) async fn give_turns(&self) {
        loop {
            self.arrived.notified().await;
            loop {
                // Time goes on only when nobody has anything to do.
                sleep(Duration::from_millis(1)).await;
                let Some(next) = self.next_turn() else { break };
                let _ = next.send(());
            }
        }
    }

    fn next_turn(&self) -> Option<oneshot::Sender<()>> {
        let mut turnstile = self.turnstile();
        // Who was killed while waiting takes no turn.
        turnstile.waiting.retain(|(_, go)| !go.is_closed());
        let waiting: BTreeSet<AttemptNumber> =
            turnstile.waiting.iter().map(|(number, _)| *number).collect();
        let waiting: Vec<AttemptNumber> = waiting.into_iter().collect();
        let mut place = 0;

        if waiting.len() > 1 {
            let turns = self.scenario.turns.as_deref().unwrap_or_default();
            place = turns.get(turnstile.choices.len()).copied().unwrap_or(0);
            turnstile.choices.push(waiting.len());
        }

        let number = waiting.get(place)?;
        let first = turnstile.waiting.iter().position(|(waits, _)| waits == number)?;
        Some(turnstile.waiting.remove(first).1)
    }

    pub(crate) fn choices(&self) -> Vec<usize> {
        self.turnstile().choices.clone()
    }

    /// A wait for something outside; it may be the last one of this invocation.
    pub(crate) async fn wait(&self, after: bool) {
        if self.scenario.turns.is_some() {
            if let (false, Ok(number)) = (after, ATTEMPT.try_with(|attempt| attempt.number)) {
                self.turn(number).await;
            }
            return self.may_end(after).await;
        }

        let millis =
            self.chance(|rng| if rng.u8(0..10) == 0 { rng.u64(50..800) } else { rng.u64(1..40) });
        sleep(Duration::from_millis(millis)).await;
        self.may_end(after).await;
    }

    /// Ends the present invocation if this is where it is killed.
    async fn may_end(&self, after: bool) {
        let Ok(attempt) = ATTEMPT.try_with(Arc::clone) else { return };
        let number = {
            let mut waits = attempt.waits.lock().unwrap_or_else(PoisonError::into_inner);
            if !after {
                *waits += 1;
            }
            *waits - 1
        };

        let is_end =
            attempt.crash.as_ref().is_some_and(|crash| crash.at == number && crash.after == after);
        if is_end {
            self.strike("crash");
            attempt.killed.notify_one();
            // Killed is what waits: it never goes on from here.
            std::future::pending::<()>().await;
        }
    }

    /// Whether this invocation is killed once the present call has taken effect.
    fn ends_after(&self) -> bool {
        let Ok(attempt) = ATTEMPT.try_with(Arc::clone) else { return false };
        let number = attempt.waits.lock().unwrap_or_else(PoisonError::into_inner).saturating_sub(1);
        attempt.crash.as_ref().is_some_and(|crash| crash.at == number && crash.after)
    }

    /// What goes wrong with this call of the table or the queue: `Some(true)` if it takes effect
    /// all the same.
    pub(crate) fn store_fault(&self, store: Store) -> Option<bool> {
        let mut state = self.state();
        let nth = state.stores.entry(store).or_default();
        let this = *nth;
        *nth += 1;
        if state.faults_over {
            return None;
        }

        let fault =
            self.scenario.stores.iter().find(|fault| fault.store == store && fault.nth == this)?;
        *state.struck.entry("store").or_default() += 1;
        drop(state);
        if let Ok(attempt) = ATTEMPT.try_with(|attempt| attempt.number) {
            self.record(What::StoreFailed(attempt));
        }

        Some(fault.after)
    }

    fn trouble(&self, call: Call) -> Option<Trouble> {
        let mut state = self.state();
        let nth = state.calls.entry(call).or_default();
        let this = *nth;
        *nth += 1;
        if state.faults_over {
            return None;
        }

        let strikes = |fault: &&crate::scenario::Fault| {
            fault.call == call && (fault.nth..fault.nth + fault.times).contains(&this)
        };
        let trouble = self.scenario.faults.iter().find(strikes)?.trouble;
        *state.struck.entry(name_of(trouble)).or_default() += 1;

        Some(trouble)
    }

    // --- Desk ---

    /// Carries one request of the shipped code.
    pub(crate) async fn carry(
        &self,
        request: http::Request<Vec<u8>>,
        timeout: Duration,
    ) -> Result<http::Response<Vec<u8>>, Lost> {
        let began = self.now();
        let attempt = ATTEMPT.try_with(|attempt| attempt.number).unwrap_or(AttemptNumber::MAX);
        let (call, ticket) = call_of(&request);
        self.record(What::Called(attempt, kind_of(call)));
        let mut returned = Returning {
            world: self,
            attempt,
            call,
            ticket,
            began,
            effect: None,
            is_over: false,
            left: true,
        };

        self.wait(false).await;
        let trouble = self.trouble(call);
        if let Some(outcome) = trouble.and_then(without_effect) {
            returned.left = !matches!(outcome, Err(Lost::Unreachable));
            self.note_refused(&request, call, ticket, trouble);
            self.wait(true).await;
            returned.is_over = true;
            self.record_return(&returned, outcome.as_ref().ok());
            return outcome;
        }

        let before = ticket.and_then(|id| self.desk.ticket(id));
        let response = self.take_effect(request, &returned, before.as_ref());
        returned.effect = Some(self.now());
        // Written down before the wait: the effect stands, though the invocation ends in it.
        if self.ends_after() {
            returned.is_over = true;
            self.record_return(&returned, None);
        }
        self.wait(true).await;
        returned.is_over = true;
        self.after_effect(trouble, response, before, timeout, &returned).await
    }

    /// Desk does what is asked; what changed there is written down.
    fn take_effect(
        &self,
        request: http::Request<Vec<u8>>,
        returned: &Returning<'_>,
        before: Option<&Value>,
    ) -> http::Response<Vec<u8>> {
        let (call, ticket) = (returned.call, returned.ticket);
        let is_read = request.method() == http::Method::GET;
        let sent = request.body().clone();
        let response = self.desk.call(request);

        let is_change = matches!(call, Call::PatchFields | Call::Update);
        if let (true, Some(id), true) = (is_change, ticket, response.status().is_success()) {
            self.note_repeated(id, &sent, before);
        }
        if !is_read {
            self.record_changes(By::Us(returned.attempt));
        }
        self.note_dropped(call, &sent, &response, ticket);
        response
    }

    async fn after_effect(
        &self,
        trouble: Option<Trouble>,
        mut response: http::Response<Vec<u8>>,
        before: Option<Value>,
        timeout: Duration,
        returned: &Returning<'_>,
    ) -> Result<http::Response<Vec<u8>>, Lost> {
        let lost = match trouble {
            Some(Trouble::AnswerLost) => Some(Lost::Interrupted),
            Some(Trouble::Silent) => {
                sleep(timeout).await;
                Some(Lost::TimedOut)
            }
            Some(_) | None => None,
        };

        if let Some(lost) = lost {
            self.record_return(returned, None);
            return Err(lost);
        }

        let is_misleading = self.spoil(trouble, &mut response, before, returned);
        let is_lost = is_misleading && returned.call == Call::Create;
        self.record_return(returned, (!is_lost).then_some(&response));
        Ok(response)
    }

    /// Puts another answer in the place of the right one; says whether it hides that the call has
    /// worked.
    fn spoil(
        &self,
        trouble: Option<Trouble>,
        response: &mut http::Response<Vec<u8>>,
        before: Option<Value>,
        returned: &Returning<'_>,
    ) -> bool {
        let (has_worked, mut is_misleading) = (response.status().is_success(), false);
        match trouble {
            Some(Trouble::Stale)
                if kind_of(returned.call).writes() && response.status().is_success() =>
            {
                if let Some(before) = before {
                    *response.body_mut() = before.to_string().into_bytes();
                }
            }
            Some(Trouble::WrongTicket) => {
                let ours = serde_json::from_slice::<Value>(response.body())
                    .ok()
                    .and_then(|body| body["id"].as_u64());
                // One that could be seen when the tickets were looked at. Of another, nobody could
                // say that it is not the new one, unless lists show the new one at once.
                let margin = if self.scenario.desk.listed_after > 0 { LONGEST_LOOK } else { 0 };
                let could_be_seen = |id: u64| {
                    let listed = self.state().listed.get(&id).copied();
                    listed.is_none_or(|listed| listed + margin < returned.began)
                };
                let is_other = |ticket: &Value| {
                    ticket["id"].as_u64().is_some_and(|id| Some(id) != ours && could_be_seen(id))
                };
                let other = self.desk.tickets().into_iter().find(is_other);
                if let (Some(other), Some(_)) = (other, ours) {
                    is_misleading = has_worked;
                    *response.body_mut() = other.to_string().into_bytes();
                }
            }
            Some(Trouble::Empty) => {
                is_misleading = has_worked;
                response.body_mut().clear();
            }
            Some(Trouble::Fieldless) if kind_of(returned.call).writes() && has_worked => {
                let mut ticket: Value = serde_json::from_slice(response.body()).unwrap_or_default();
                ticket.as_object_mut().map(|ticket| ticket.remove("customFields"));
                *response.body_mut() = ticket.to_string().into_bytes();
            }
            Some(Trouble::UnavailableAfter) => {
                is_misleading = has_worked;
                *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
                response.body_mut().clear();
            }
            Some(_) | None => {}
        }

        is_misleading
    }

    fn record_return(&self, returned: &Returning<'_>, response: Option<&http::Response<Vec<u8>>>) {
        let body =
            response.and_then(|response| serde_json::from_slice::<Value>(response.body()).ok());
        let is_ok = response.is_some_and(|response| response.status().is_success());
        // An answer about a customer is none about a ticket, whatever it holds.
        let is_about_tickets = returned.call != Call::Customer;
        let shown = body.as_ref().filter(|_| is_ok && is_about_tickets);
        let shown = shown.map(self::shown).unwrap_or_default();

        self.record(What::Returned {
            attempt: returned.attempt,
            kind: kind_of(returned.call),
            ticket: returned.ticket,
            began: returned.began,
            effect: returned.effect,
            is_ok,
            arrived: response.is_some(),
            left: returned.left,
            denied: response
                .is_some_and(|response| response.status() == http::StatusCode::NOT_FOUND),
            shown,
        });
    }

    /// Compares Desk's tickets with what was there before, and writes down what changed.
    pub(crate) fn record_changes(&self, by: By) {
        for ticket in self.desk.tickets() {
            let id = ticket["id"].as_u64().unwrap_or(0);
            let now = snapshot(&ticket);
            let before = self.state().seen.insert(id, now.clone());
            if before.as_ref() == Some(&now) {
                continue;
            }
            if before.is_none() {
                let listed = self.now() + self.listed_after;
                self.state().listed.insert(id, listed);
                let text = |pointer: &str| {
                    ticket.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
                };
                self.record(What::Created {
                    ticket: id,
                    user: text("/customer/sendbirdId"),
                    channel: text("/channelUrl"),
                    related: related(&ticket),
                    listed,
                    by,
                });
            }
            self.record_change(
                id,
                &before.unwrap_or_else(|| Snapshot { is_open: true, ..Snapshot::default() }),
                &now,
                by,
            );
        }
    }

    fn record_change(&self, id: u64, before: &Snapshot, now: &Snapshot, by: By) {
        for (key, value) in &now.fields {
            let former = before.fields.get(key);
            if former != Some(value) {
                if let Some(former) = former {
                    self.state().former.insert((id, key.clone()), former.clone());
                }
                self.record(What::FieldSet(id, key.clone(), value.clone(), by));
            }
        }
        if before.is_open != now.is_open {
            self.record(What::OpenSet(id, now.is_open, by));
        }

        for _ in before.messages..now.messages {
            self.record(What::Messaged(id, by));
        }
    }

    pub(crate) fn former(&self, id: u64, key: &str) -> Option<String> {
        self.state().former.get(&(id, key.to_owned())).cloned()
    }

    /// Values of a write that were there already.
    fn note_repeated(&self, id: u64, sent: &[u8], before: Option<&Value>) {
        let before = before.map(snapshot).unwrap_or_default();
        for (key, value) in sent_fields(sent) {
            if before.fields.get(&key) == Some(&value) {
                self.record(What::Repeated(id, key, value));
            }
        }
    }

    /// What the ticket holds.
    fn held(&self, id: u64) -> BTreeMap<String, String> {
        let tickets = self.desk.tickets();
        let ticket = tickets.iter().find(|ticket| ticket["id"] == id);
        ticket.map(|ticket| snapshot(ticket).fields).unwrap_or_default()
    }

    /// Values that Desk did not store of a write that it took.
    fn note_dropped(
        &self,
        call: Call,
        sent: &[u8],
        response: &http::Response<Vec<u8>>,
        ticket: Option<u64>,
    ) {
        if !matches!(call, Call::Create | Call::PatchFields | Call::Update) {
            return;
        }

        let fields = sent_fields(sent);
        let id = serde_json::from_slice::<Value>(response.body())
            .ok()
            .and_then(|body| body["id"].as_u64());
        let is_ok = response.status().is_success();
        let Some(id) = id.filter(|_| is_ok).or(ticket) else { return };

        // Of a refused call with several keys nobody can say which one it was; where there is no
        // ticket, it was none of them.
        let is_denied = response.status() == http::StatusCode::NOT_FOUND;
        if !is_ok && (fields.len() != 1 || is_denied) {
            return;
        }

        let held = self.held(id);
        for (key, value) in fields {
            // Desk may take off white space, and has stored the value all the same.
            if held.get(&key).map(|text| text.trim()) != Some(value.trim()) {
                self.record(What::Dropped(id, key, value));
            }
        }
    }

    /// Desk refused this single key.
    fn note_refused(
        &self,
        request: &http::Request<Vec<u8>>,
        call: Call,
        ticket: Option<u64>,
        trouble: Option<Trouble>,
    ) {
        let refused =
            matches!(trouble, Some(Trouble::Refused | Trouble::Forbidden | Trouble::NotFound));
        let fields = sent_fields(request.body());
        let is_single = fields.len() == 1 && matches!(call, Call::PatchFields | Call::Update);
        if let (true, Some(id)) = (refused && is_single, ticket) {
            for (key, value) in fields {
                self.record(What::Dropped(id, key, value));
            }
        }
    }
}

/// A call that goes out. If its invocation is killed meanwhile, its end is written down all the
/// same.
struct Returning<'a> {
    world: &'a World,
    attempt: AttemptNumber,
    call: Call,
    ticket: Option<u64>,
    began: Millis,
    effect: Option<Millis>,
    is_over: bool,
    left: bool,
}

impl Drop for Returning<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.world.record_return(self, None);
        }
    }
}

/// Why there is no response.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lost {
    Unreachable,
    Interrupted,
    TimedOut,
}

fn setup(scenario: &Scenario) -> Setup {
    let Habits {
        listed_after,
        shown_after,
        lists_lag,
        closed_refuses,
        related,
        lists_show_fields,
        ignores,
        normalises,
        small_pages,
        ..
    } = &scenario.desk;
    let usual = Behaviour::default();

    let lacks = scenario.desk.lacks.as_deref();
    let defined = scenario.rules["fields"].as_array().cloned().unwrap_or_default();
    let fields = defined.iter().filter(|field| field["key"].as_str() != lacks);
    let definition = |field: &Value| {
        let kind = if field["type"] == "integer" { FieldKind::Integer } else { FieldKind::Text };
        Some(FieldDefinition::new(field["key"].as_str()?, kind))
    };

    let mut setup = Setup {
        desk_token: FIRST_TOKEN.to_owned(),
        fields: fields.filter_map(definition).collect(),
        behaviour: Behaviour {
            listed_after: Duration::from_secs(*listed_after),
            visible_after: Duration::from_millis(*shown_after),
            lists_lag: Duration::from_millis(*lists_lag),
            closed_writes: if *closed_refuses {
                ClosedWrites::Refuse
            } else {
                ClosedWrites::Accept
            },
            strange_related: match related {
                Related::Take => StrangeRelated::Take,
                Related::Drop => StrangeRelated::Drop,
                Related::Refuse => StrangeRelated::Refuse,
            },
            lists_show_fields: *lists_show_fields,
            normalise_integers: *normalises,
            largest_page: if *small_pages { 20 } else { usual.largest_page },
            lists_count: !small_pages,
            ignored_parameters: ignores.iter().cloned().collect(),
            write_answer: if scenario.desk.shows_after_write {
                WriteAnswer::Full
            } else {
                WriteAnswer::WithoutFields
            },
            unknown_key: if scenario.desk.refuses_unknown {
                Reaction::Refuse
            } else {
                Reaction::Drop
            },
            ..usual
        },
        ..Setup::default()
    };
    // The profile comes last: what was seen of a Desk goes before what chance gives.
    if let Some(profile) = &scenario.desk.profile {
        profile.apply(&mut setup.behaviour);
    }

    setup
}

pub(crate) fn user_id(user: u8) -> String {
    format!("user_{user}")
}

/// The outcome of a call that Desk never saw.
fn without_effect(trouble: Trouble) -> Option<Result<http::Response<Vec<u8>>, Lost>> {
    let answer = |status: u16, body: &str| {
        let mut response = http::Response::new(body.as_bytes().to_vec());
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
        Some(Ok(response))
    };
    match trouble {
        Trouble::Unreachable => Some(Err(Lost::Unreachable)),
        Trouble::Cut => Some(Err(Lost::Interrupted)),
        Trouble::RateLimited => answer(429, "{}"),
        Trouble::Unavailable => answer(503, "<html>"),
        Trouble::Refused => answer(400, r#"{"code": "desk400104"}"#),
        Trouble::Forbidden => answer(403, "{}"),
        Trouble::NotFound => answer(404, "{}"),
        Trouble::Html => answer(200, "<html></html>"),
        Trouble::AnswerLost
        | Trouble::Silent
        | Trouble::UnavailableAfter
        | Trouble::Stale
        | Trouble::WrongTicket
        | Trouble::Empty
        | Trouble::Fieldless => None,
    }
}

fn name_of(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::AnswerLost => "answer lost",
        Trouble::Silent => "silent",
        Trouble::Cut => "cut",
        Trouble::Unreachable => "unreachable",
        Trouble::RateLimited => "429",
        Trouble::Unavailable => "503",
        Trouble::UnavailableAfter => "503 after it took effect",
        Trouble::Refused => "400",
        Trouble::Forbidden => "403",
        Trouble::NotFound => "404",
        Trouble::Html => "html",
        Trouble::Stale => "stale",
        Trouble::WrongTicket => "wrong ticket",
        Trouble::Empty => "empty",
        Trouble::Fieldless => "without fields",
    }
}

fn kind_of(call: Call) -> CallKind {
    match call {
        Call::List => CallKind::List,
        Call::View => CallKind::View,
        Call::Create => CallKind::Create,
        Call::PatchFields => CallKind::PatchFields,
        Call::Update => CallKind::Update,
        Call::Transfer => CallKind::Transfer,
        Call::Customer => CallKind::Customer,
        Call::Teams => CallKind::Teams,
        Call::Post => CallKind::Post,
    }
}

/// Which call a request is, and about which ticket.
fn call_of(request: &http::Request<Vec<u8>>) -> (Call, Option<u64>) {
    let path = request.uri().path();
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').skip(2).collect();
    let is_get = request.method() == http::Method::GET;

    match parts.as_slice() {
        ["tickets"] if is_get => (Call::List, None),
        ["tickets"] => (Call::Create, None),
        ["tickets", "transfer_to_group"] => (Call::Transfer, None),
        ["tickets", id] => (if is_get { Call::View } else { Call::Update }, id.parse().ok()),
        ["tickets", id, "custom_fields"] => (Call::PatchFields, id.parse().ok()),
        ["groups", ..] => (Call::Teams, None),
        ["customers", ..] => (Call::Customer, None),
        _ => (Call::Post, channel_ticket(&parts)),
    }
}

/// Desk's channels hold the number of their ticket.
fn channel_ticket(parts: &[&str]) -> Option<u64> {
    parts.first()?.strip_prefix("sendbird_group_channel_")?.split('_').next()?.parse().ok()
}

fn snapshot(ticket: &Value) -> Snapshot {
    let fields = ticket["customFields"].as_array().into_iter().flatten();
    let pair = |field: &Value| {
        Some((field["key"].as_str()?.to_owned(), field["value"].as_str()?.to_owned()))
    };
    let priority = ticket["priority"].as_str().filter(|priority| !priority.is_empty());
    let priority = priority.map(|priority| (PRIORITY.to_owned(), priority.to_owned()));

    Snapshot {
        fields: fields.filter_map(pair).chain(priority).collect(),
        is_open: ticket["status2"] != "CLOSED",
        messages: ticket["messageCount"].as_u64().unwrap_or(0),
    }
}

fn related(ticket: &Value) -> Vec<String> {
    let text = ticket["relatedChannels"].as_str().unwrap_or("[]");
    let channels: Value = serde_json::from_str(text).unwrap_or_default();
    let url = |channel: &Value| channel["channel_url"].as_str().map(str::to_owned);
    channels.as_array().into_iter().flatten().filter_map(url).collect()
}

/// The tickets in a response.
fn shown(body: &Value) -> Vec<Shown> {
    // Customers and teams have an id, too; only a ticket has a title.
    let is_ticket = |item: &&Value| item.get("channelName").is_some();
    match body["results"].as_array() {
        Some(results) => results.iter().filter(is_ticket).filter_map(shown_ticket).collect(),
        None => Some(body).filter(is_ticket).and_then(shown_ticket).into_iter().collect(),
    }
}

fn shown_ticket(ticket: &Value) -> Option<Shown> {
    let mut fields = snapshot(ticket).fields;
    let priority = fields.remove(PRIORITY);
    // A list that shows no fields does not say that they are empty.
    let fields = ticket.get("customFields").is_some().then_some(fields);
    Some(Shown {
        ticket: ticket["id"].as_u64()?,
        is_open: ticket["status2"] != "CLOSED",
        fields,
        priority,
    })
}

fn sent_fields(body: &[u8]) -> Vec<(String, String)> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = body["customFields"].as_str().unwrap_or("{}");
    let fields: Value = serde_json::from_str(text).unwrap_or_default();
    let pairs = fields.as_object().into_iter().flatten();
    let texts = pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    let priority = body["priority"].as_str().map(|text| (PRIORITY.to_owned(), text.to_owned()));
    texts.chain(priority).collect()
}
