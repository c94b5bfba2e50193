//! What happens in a world, written down: rules, Desk's habits, who does what when, and what goes
//! wrong. A scenario can be printed, stored, made smaller and played again.
//!
//! What goes wrong is addressed by what it strikes ("the second create of the world takes effect
//! and its answer is lost"), so that a scenario keeps its meaning when the code makes its calls in
//! another way.

use desk_emulator::Profile;
use desk_handoff_judge::history::PRIORITY;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A whole world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// For delays and other chances.
    pub seed: u64,
    /// The `fields` document.
    pub rules: Value,
    /// Desk's habits.
    #[serde(default)]
    pub desk: Habits,
    /// Who does what when.
    pub steps: Vec<Step>,
    /// What goes wrong on the way to Desk.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// Which invocations are killed.
    #[serde(default)]
    pub crashes: Vec<Crash>,
    /// What goes wrong with the table and the queue.
    #[serde(default)]
    pub stores: Vec<StoreFault>,
    /// Takes the place of chance: which of those that wait goes on, at each point where there is a
    /// choice; the first one where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns: Option<Vec<usize>>,
}

/// What Desk does one way or the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Habits {
    /// Lists show a new ticket only after so many seconds.
    pub listed_after: u64,
    /// A new ticket is denied to views, lists and writes for so many milliseconds.
    pub shown_after: u64,
    /// Lists show a change to a ticket only after so many milliseconds.
    pub lists_lag: u64,
    /// Writes to a closed ticket are refused.
    pub closed_refuses: bool,
    /// Related channels: taken, dropped or refused.
    pub related: Related,
    /// Lists show field values.
    pub lists_show_fields: bool,
    /// Query parameters that Desk ignores.
    pub ignores: Vec<String>,
    /// The answer to a write shows the whole ticket.
    pub shows_after_write: bool,
    /// A ticket field that the rules name and Desk does not have.
    pub lacks: Option<String>,
    /// A key without a field refuses the whole call, instead of being dropped.
    pub refuses_unknown: bool,
    /// Whole numbers are stored without zeros before them.
    pub normalises: bool,
    /// How many closed tickets each customer has already.
    pub closed_before: u32,
    /// Lists give 20 things a page and do not say how many there are.
    pub small_pages: bool,
    /// What `cargo handoff probe` saw of a Desk: it goes before all of the above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            listed_after: 0,
            shown_after: 0,
            lists_lag: 0,
            closed_refuses: true,
            related: Related::Take,
            lists_show_fields: true,
            ignores: Vec::new(),
            shows_after_write: true,
            lacks: None,
            refuses_unknown: false,
            normalises: true,
            closed_before: 0,
            small_pages: false,
            profile: None,
        }
    }
}

/// What becomes of a related channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Related {
    /// It is taken.
    Take,
    /// It is left out in silence.
    Drop,
    /// The call is refused.
    Refuse,
}

/// Something that happens at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Milliseconds since the world began.
    pub at: u64,
    /// What.
    pub what: Action,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A handoff is sent.
    Send(Handoff),
    /// A preview of a handoff, and at once the handoff itself, by the direct route.
    Foreseen(Handoff),
    /// A message that is none of ours gets onto the queue, before what else lies there.
    Poison,
    /// The bytes of an earlier handoff are sent once more, by its place among those sent.
    Again(usize),
    /// A human agent does something to the newest open ticket of a user.
    Human {
        /// Whose ticket.
        user: u8,
        /// What.
        does: Human,
    },
    /// Desk makes a ticket of its own on the conversation's channel.
    DeskTicket {
        /// Whose.
        user: u8,
        /// Which conversation's.
        conversation: u8,
    },
    /// Desk's token and ours are changed; a copy of the old one is in use for a while.
    RotateToken,
}

/// A handoff.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Handoff {
    /// `webhook`, `direct`, `preview`.
    pub route: Route,
    /// `envelope`, `nested`, `flat`.
    pub form: Form,
    /// Whose.
    pub user: u8,
    /// Which conversation.
    pub conversation: u8,
    /// By which names.
    pub names: Named,
    /// Which keys of the context.
    pub keys: Vec<String>,
    /// The event's id; events of one id are the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Of an event: how many seconds before its receipt the sender made it, by its clock; none: it
    /// cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<i64>,
    /// `Prefer: respond-async`
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asynchronous: bool,
}

/// A route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "they are the routes' names")]
pub enum Route {
    Webhook,
    Direct,
    Preview,
}

/// A body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "they are the bodies' names")]
pub enum Form {
    Envelope,
    Nested,
    Flat,
}

/// By which names a sender calls a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Named {
    /// Its id, as text.
    Id,
    /// Its channel.
    Channel,
    /// Its id, as text, and its channel.
    Both,
    /// Its id, as a number.
    Number,
    /// Its id, as a number, and its channel.
    NumberAndChannel,
    /// Its channel, where the id belongs.
    ChannelAsId,
    /// Its channel, where the id belongs and where the channel belongs.
    ChannelTwice,
}

impl Named {
    /// Whether the id is sent as a number.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Number | Self::NumberAndChannel)
    }
}

/// What a human agent does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Human {
    /// Types a value of its own into a field.
    Edit(String),
    /// Types the very value that this handoff carries.
    Agree(String, usize),
    /// Types the value that was there before the one that is there now.
    PutBack(String),
    /// Closes the ticket.
    Close,
    /// Opens the last closed ticket again.
    Reopen,
    /// Gives it Desk's default priority.
    DefaultPriority,
    /// Gives it another title.
    Rename,
}

/// Something that goes wrong with a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Which call.
    pub call: Call,
    /// The how manieth of its kind in this world, from 0.
    pub nth: u32,
    /// How often in a row.
    pub times: u32,
    /// What.
    pub trouble: Trouble,
}

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "they are the calls' names")]
pub enum Call {
    List,
    View,
    Create,
    PatchFields,
    Update,
    Transfer,
    Customer,
    Teams,
    Post,
}

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// It takes effect, and the answer is lost.
    AnswerLost,
    /// It takes effect, and the answer is lost only when time is up.
    Silent,
    /// It takes no effect, and the connection breaks.
    Cut,
    /// No connection.
    Unreachable,
    /// 429.
    RateLimited,
    /// 503.
    Unavailable,
    /// It takes effect, and is answered 503.
    UnavailableAfter,
    /// 400.
    Refused,
    /// 403.
    Forbidden,
    /// 404.
    NotFound,
    /// An HTML page with 200.
    Html,
    /// It takes effect, and the answer shows the ticket as it was before.
    Stale,
    /// It takes effect, and the answer shows another ticket.
    WrongTicket,
    /// It takes effect, and the answer is empty.
    Empty,
    /// It takes effect, and the answer shows the ticket without its fields.
    Fieldless,
}

/// An invocation that is killed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Crash {
    /// The how manieth attempt of the world, from 0.
    pub attempt: u32,
    /// At its how manieth wait for anything outside, from 0.
    pub at: u32,
    /// Whether what it waited for takes effect first.
    pub after: bool,
}

/// Something that goes wrong with the table or the queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoreFault {
    /// `claim`, `give_back`, `enqueue`.
    pub store: Store,
    /// The how manieth call, from 0.
    pub nth: u32,
    /// Whether it takes effect all the same.
    pub after: bool,
}

/// A call of the table or the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "they are the calls' names")]
pub enum Store {
    Claim,
    GiveBack,
    Enqueue,
}

/// The keys that senders use: some that match, one through an alias, one through `from`, and some
/// that match nothing.
const KEYS: [&str; 10] = [
    "order-id",
    "tier",
    "memberTier",
    "level",
    "note",
    "items",
    "phone_number",
    "authToken",
    "colour",
    "urgency",
];

/// The rules of most worlds.
pub fn usual_rules(ticket: Value) -> Value {
    json!({
        "fields": [
            {"key": "order-id", "type": "text"},
            {"key": "tier", "type": "text", "from": "level"},
            {"key": "note", "type": "text"},
            {"key": "items", "type": "integer"}
        ],
        "aliases": {"memberTier": "tier"},
        "ticket": ticket
    })
}

/// Every name of a conversation, those the most often that senders use the most.
const NAMES: [Named; 10] = [
    Named::Both,
    Named::Both,
    Named::Both,
    Named::Id,
    Named::Id,
    Named::Channel,
    Named::Number,
    Named::NumberAndChannel,
    Named::ChannelAsId,
    Named::ChannelTwice,
];

/// The world of a seed: of every four one in which Desk makes a ticket of its own for an event.
pub fn generate(seed: u64) -> Scenario {
    let mut scenario = if seed % 4 == 3 { ticket_of_desk(seed) } else { anything(seed) };
    // Of its own chances, so that it changes nothing else in the world of a seed.
    let mut rng = fastrand::Rng::with_seed(!seed);
    if rng.u8(0..8) == 0 {
        scenario.desk.shown_after = pick(&mut rng, &[300, 1_000, 3_500, 3_500, 10_000, 30_000]);
    }
    scenario.desk.small_pages = scenario.desk.closed_before > 0 && rng.bool();
    match rng.u8(0..4) {
        0 => scenario.rules["desk"] = json!({"lists_are_current": true}),
        1 => scenario.desk.lists_lag = pick(&mut rng, &[50, 500, 2_000, 5_000, 20_000]),
        _ => {}
    }
    scenario
}

fn anything(seed: u64) -> Scenario {
    let mut rng = fastrand::Rng::with_seed(seed);
    let rules = rules(&mut rng);
    let desk = habits(&mut rng);
    let (users, conversations) = (rng.u8(1..=2), rng.u8(1..=2));
    let mut steps = Vec::new();
    let mut sent = 0;
    let mut at = 0;

    for _ in 0..rng.usize(2..=7) {
        at += pause(&mut rng);
        let what = action(&mut rng, users, conversations, &mut sent);
        steps.push(Step { at, what });
    }
    // A world in which nobody hands over would show nothing.
    if !steps.iter().any(|step| matches!(step.what, Action::Send(_))) {
        steps.push(Step { at, what: Action::Send(handoff(&mut rng, users, conversations)) });
    }

    let faults = (0..few(&mut rng, 3)).map(|_| fault(&mut rng)).collect();
    let crashes = (0..few(&mut rng, 2)).map(|_| crash(&mut rng)).collect();
    let stores = (0..few(&mut rng, 1)).map(|_| store_fault(&mut rng)).collect();
    Scenario { seed, rules, desk, steps, faults, crashes, stores, turns: None }
}

/// A webhook, and up to 40 seconds after it a ticket that Desk itself makes on the channel of that
/// conversation, within the grace or after it; before, in between and afterwards other handoffs of
/// the conversation by both routes, in all forms and under all names. At the end, when Desk lists
/// everything, a preview and a direct call say what is open.
fn ticket_of_desk(seed: u64) -> Scenario {
    let mut rng = fastrand::Rng::with_seed(seed);
    let grace = pick(&mut rng, &[0, 1, 5, 15, 30]);
    let mut rules = rules(&mut rng);
    rules["ticket"]["when_missing"] = "create".into();
    rules["ticket"]["grace_seconds"] = grace.into();
    let is_usual = rng.bool();
    let listed_after = pick(&mut rng, &[0, 0, 0, 1, 5, 20]);
    let desk =
        if is_usual { Habits { listed_after, ..Habits::default() } } else { habits(&mut rng) };

    let before = rng.u8(0..5) == 0;
    let event = if before { rng.u64(0..120_000) } else { rng.u64(0..1_000) };
    let own = event + own_ticket_after(&mut rng, grace);
    let mut steps = vec![
        Step { at: event, what: Action::Send(named(&mut rng, Route::Webhook)) },
        Step { at: own, what: Action::DeskTicket { user: 0, conversation: 0 } },
    ];
    if before {
        let route = pick(&mut rng, &[Route::Webhook, Route::Direct]);
        steps.push(Step { at: 0, what: Action::Send(named(&mut rng, route)) });
    }
    for _ in 0..rng.usize(0..=3) {
        let at = event + rng.u64(0..60_000);
        let what = match rng.u8(0..8) {
            0 => Action::Human { user: 0, does: human(&mut rng, 2) },
            1 => Action::Again(0),
            2 => Action::Send(handoff(&mut rng, 1, 2)),
            _ => {
                let route = pick(&mut rng, &[Route::Webhook, Route::Webhook, Route::Direct]);
                Action::Send(named(&mut rng, route))
            }
        };
        steps.push(Step { at, what });
    }
    for route in [Route::Preview, Route::Direct] {
        let at = own + rng.u64(60_000..600_000);
        steps.push(Step { at, what: Action::Send(named(&mut rng, route)) });
    }

    let is_calm = rng.bool();
    let mut some = |most| if is_calm { 0 } else { few(&mut rng, most) };
    let (faults, crashes, stores) = (some(3), some(2), some(1));
    let faults = (0..faults).map(|_| fault(&mut rng)).collect();
    let crashes = (0..crashes).map(|_| crash(&mut rng)).collect();
    let stores = (0..stores).map(|_| store_fault(&mut rng)).collect();
    Scenario { seed, rules, desk, steps, faults, crashes, stores, turns: None }
}

/// How many milliseconds after the event Desk makes its ticket: at any time, or about when the
/// grace ends.
fn own_ticket_after(rng: &mut fastrand::Rng, grace: u64) -> u64 {
    if rng.bool() {
        rng.u64(0..=40_000)
    } else {
        (grace * 1000 + rng.u64(0..3_000)).saturating_sub(1_500)
    }
}

/// A handoff of the first conversation by this route, under any of its names.
fn named(rng: &mut fastrand::Rng, route: Route) -> Handoff {
    let names = pick(rng, &NAMES);
    Handoff { route, names, ..handoff(rng, 1, 1) }
}

/// Mostly none.
fn few(rng: &mut fastrand::Rng, most: usize) -> usize {
    if rng.bool() { 0 } else { rng.usize(0..=most) }
}

fn pick<T: Clone>(rng: &mut fastrand::Rng, choices: &[T]) -> T {
    choices[rng.usize(0..choices.len())].clone()
}

fn rules(rng: &mut fastrand::Rng) -> Value {
    let mut ticket = json!({});
    ticket["overwrite"] = pick(rng, &["own", "own", "own", "always", "never"]).into();
    ticket["when_missing"] =
        pick(rng, &["create", "create", "create", "create", "wait", "leave"]).into();
    ticket["when_closed"] = pick(rng, &["create", "create", "create", "leave"]).into();
    ticket["grace_seconds"] = pick(rng, &[0, 0, 15]).into();
    if rng.bool() {
        ticket["opening_message"] = "Handed over.".into();
    }
    if rng.u8(0..4) == 0 {
        ticket["title"] =
            pick(rng, &["Handoff {handoff_at}", "{user.id}", "{conversation.id}"]).into();
    }
    if rng.bool() {
        ticket["priority"] = json!({"from": "urgency"});
    }

    usual_rules(ticket)
}

fn habits(rng: &mut fastrand::Rng) -> Habits {
    let seldom = |rng: &mut fastrand::Rng| rng.u8(0..6) == 0;
    Habits {
        listed_after: pick(rng, &[0, 0, 0, 1, 5, 20]),
        closed_refuses: !seldom(rng),
        related: pick(
            rng,
            &[Related::Take, Related::Take, Related::Take, Related::Drop, Related::Refuse],
        ),
        lists_show_fields: !seldom(rng),
        ignores: if seldom(rng) {
            vec![pick(rng, &["sendbird_id", "status2"]).to_owned()]
        } else {
            vec![]
        },
        shows_after_write: !seldom(rng),
        lacks: seldom(rng).then(|| "note".to_owned()),
        refuses_unknown: seldom(rng),
        normalises: rng.bool(),
        closed_before: if rng.u8(0..40) == 0 { 130 } else { 0 },
        shown_after: 0,
        lists_lag: 0,
        small_pages: false,
        profile: None,
    }
}

fn pause(rng: &mut fastrand::Rng) -> u64 {
    match rng.u8(0..8) {
        0..=2 => rng.u64(0..50),
        3..=5 => rng.u64(50..5_000),
        6 if rng.u8(0..8) == 0 => 24 * 60 * 60 * 1000,
        6 => rng.u64(5_000..40_000),
        _ => rng.u64(40_000..400_000),
    }
}

fn action(rng: &mut fastrand::Rng, users: u8, conversations: u8, sent: &mut usize) -> Action {
    let user = rng.u8(0..users);
    match rng.u8(0..12) {
        0..=6 => {
            *sent += 1;
            Action::Send(handoff(rng, users, conversations))
        }
        7 if *sent > 0 => Action::Again(rng.usize(0..*sent)),
        8 | 9 => Action::Human { user, does: human(rng, *sent) },
        10 => Action::DeskTicket { user, conversation: rng.u8(0..conversations) },
        11 if rng.bool() => {
            *sent += 2;
            Action::Foreseen(handoff(rng, users, conversations))
        }
        11 if rng.u8(0..4) == 0 => Action::Poison,
        _ => Action::RotateToken,
    }
}

fn handoff(rng: &mut fastrand::Rng, users: u8, conversations: u8) -> Handoff {
    let form = pick(rng, &[Form::Envelope, Form::Envelope, Form::Nested, Form::Flat]);
    let route =
        pick(rng, &[Route::Webhook, Route::Webhook, Route::Direct, Route::Direct, Route::Preview]);
    let keys = KEYS.iter().filter(|_| rng.u8(0..3) > 0).map(|key| (*key).to_owned()).collect();
    let age = (rng.u8(0..4) > 0).then(|| pick(rng, &[0, 1, 5, 60, 400, -200, -4_000_000]));

    Handoff {
        route,
        form,
        user: rng.u8(0..users),
        conversation: rng.u8(0..conversations),
        names: pick(rng, &NAMES),
        keys,
        event: (form == Form::Envelope || rng.bool())
            .then(|| format!("e{}", rng.u32(0..1_000_000))),
        age,
        asynchronous: rng.u8(0..8) == 0,
    }
}

fn human(rng: &mut fastrand::Rng, sent: usize) -> Human {
    let key = pick(rng, &["order-id", "tier", "note"]).to_owned();
    let or_priority = pick(rng, &[key.as_str(), key.as_str(), PRIORITY]).to_owned();
    match rng.u8(0..8) {
        0 | 1 => Human::Edit(or_priority),
        2 => Human::Agree(key, rng.usize(0..sent.max(1) + 1)),
        3 => Human::PutBack(or_priority),
        4 => Human::Close,
        5 => Human::Reopen,
        6 => Human::DefaultPriority,
        _ => Human::Rename,
    }
}

fn fault(rng: &mut fastrand::Rng) -> Fault {
    let call = pick(
        rng,
        &[
            Call::List,
            Call::View,
            Call::Create,
            Call::Create,
            Call::PatchFields,
            Call::PatchFields,
            Call::Update,
            Call::Customer,
            Call::Post,
        ],
    );

    let trouble = pick(
        rng,
        &[
            Trouble::AnswerLost,
            Trouble::AnswerLost,
            Trouble::Silent,
            Trouble::Cut,
            Trouble::Unreachable,
            Trouble::RateLimited,
            Trouble::Unavailable,
            Trouble::UnavailableAfter,
            Trouble::Refused,
            Trouble::Forbidden,
            Trouble::NotFound,
            Trouble::Html,
            Trouble::Stale,
            Trouble::WrongTicket,
            Trouble::Empty,
            Trouble::Fieldless,
        ],
    );

    Fault { call, nth: rng.u32(0..4), times: pick(rng, &[1, 1, 2, 5]), trouble }
}

fn crash(rng: &mut fastrand::Rng) -> Crash {
    Crash { attempt: rng.u32(0..5), at: rng.u32(0..8), after: rng.bool() }
}

fn store_fault(rng: &mut fastrand::Rng) -> StoreFault {
    let store = pick(rng, &[Store::Claim, Store::GiveBack, Store::Enqueue]);
    StoreFault { store, nth: rng.u32(0..4), after: rng.bool() }
}

/// A smaller scenario that still fails, found by leaving things out.
pub fn shrink(scenario: Scenario, still_fails: impl Fn(&Scenario) -> bool) -> Scenario {
    let mut best = scenario;
    loop {
        let smaller = smaller(&best).into_iter().find(|candidate| still_fails(candidate));
        match smaller {
            Some(found) => best = found,
            None => return best,
        }
    }
}

fn smaller(scenario: &Scenario) -> Vec<Scenario> {
    let mut found = Vec::new();
    let with = |change: &dyn Fn(&mut Scenario)| {
        let mut copy = scenario.clone();
        change(&mut copy);
        copy
    };

    for n in 0..scenario.faults.len() {
        found.push(with(&|copy| {
            copy.faults.remove(n);
        }));
    }
    for n in 0..scenario.crashes.len() {
        found.push(with(&|copy| {
            copy.crashes.remove(n);
        }));
    }
    for n in 0..scenario.stores.len() {
        found.push(with(&|copy| {
            copy.stores.remove(n);
        }));
    }
    for n in 0..scenario.steps.len() {
        found.push(with(&|copy| {
            copy.steps.remove(n);
        }));
    }
    if scenario.desk != Habits::default() {
        found.push(with(&|copy| copy.desk = Habits::default()));
        found.push(with(&|copy| {
            copy.desk = Habits { listed_after: copy.desk.listed_after, ..Habits::default() }
        }));
    }
    for (n, step) in scenario.steps.iter().enumerate() {
        if let Action::Send(handoff) | Action::Foreseen(handoff) = &step.what {
            for key in 0..handoff.keys.len() {
                found.push(with(&|copy| {
                    if let Action::Send(handoff) | Action::Foreseen(handoff) =
                        &mut copy.steps[n].what
                    {
                        handoff.keys.remove(key);
                    }
                }));
            }
        }
    }
    found.retain(|candidate| candidate != scenario);

    found
}
