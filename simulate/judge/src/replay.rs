//! Plays a history back and judges it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use crate::history::{
    AttemptNumber, By, CANARY, CallKind, EPOCH, HandoffNumber, History, Millis, PRIORITY, Route,
    Sent, Shown, What,
};
use crate::{Broken, Wanted, wanted};

/// How long a create whose answer was lost keeps the next one from being made. A second less, for
/// clocks that count seconds.
const SETTLING: Millis = 59_000;
/// The most attempts that a handoff may take once nothing goes wrong any more: it may be in the way
/// of others of its customer, and a create in doubt has to settle.
const MAX_LATE_ATTEMPTS: usize = 6;
/// The longest that the work on one handoff may then take, pauses included.
const MAX_RECOVERY: Millis = 30 * 60 * 1000;
/// How long a body without an event id counts as the same event.
const SAME_BYTES: i64 = 10 * 60 * 1000;
/// How the address of a Chat channel begins: a sender may put it where the conversation's id belongs.
const CHANNEL: &str = "sendbird_group_channel_";
/// The most calls to Desk that one attempt may make.
const MAX_CALLS: usize = 30;

/// Every promise that the history breaks, in the order of time.
pub fn judge(history: &History) -> Vec<Broken> {
    let mut replay = Replay { history, ..Replay::new(history) };
    for (place, (at, what)) in history.events.iter().enumerate() {
        (replay.place, replay.now) = (place, *at);
        replay.event(what);
        replay.find_done();
    }
    replay.broken
}

/// A value on a ticket.
#[derive(Debug, Clone)]
struct Held {
    text: String,
    by: By,
    origin: Option<HandoffNumber>,
    since: Millis,
}

#[derive(Debug)]
struct Ticket {
    user: String,
    /// The names of its conversation.
    names: BTreeSet<String>,
    is_open: bool,
    made: Millis,
    open_since: Millis,
    listed: Millis,
    by: By,
    fields: BTreeMap<String, Held>,
    /// Every value that each field ever held, and until when.
    past: BTreeMap<String, Vec<(String, Millis)>>,
    /// The values of ours in each field, in their order.
    ours: BTreeMap<String, Vec<String>>,
    /// Fields whose last value of ours no response has shown yet, with the value of ours that it
    /// replaced.
    unseen: BTreeMap<String, Option<String>>,
    /// Whether the answer to a write of ours was lost.
    has_lost_write: bool,
    /// Fields of which a response showed us a value that a human had set, other than ours.
    human_shown: BTreeSet<String>,
    /// Those of which only a list showed one. Lists may be late: if the ticket itself then shows
    /// ours, nobody can say that a human put it back.
    human_listed: BTreeSet<String>,
    /// When a response last showed us that it is closed, if nothing showed it open since.
    shown_closed: Option<Millis>,
    shown: bool,
    is_reopened: bool,
    /// When Desk last said that it is not there.
    denied: Option<Millis>,
    is_renamed: bool,
    has_related: bool,
    messages: usize,
    our_message_arrived: bool,
}

impl Ticket {
    /// Whether Desk denied it when it could no longer be a ticket of ours that is not shown yet.
    fn is_gone(&self) -> bool {
        let shown_by = match self.by {
            By::Us(_) => self.made + SETTLING,
            By::Human | By::Desk => self.made,
        };
        self.denied.is_some_and(|denied| denied >= shown_by)
    }
}

#[derive(Debug, Default)]
struct Attempt {
    handoff: HandoffNumber,
    began: Millis,
    user: String,
    calls: usize,
    first_write: Option<Millis>,
    last_write: Option<Millis>,
    /// When its last look began: calls that show tickets, with none in between that changes any.
    look_began: Option<Millis>,
    is_looking: bool,
    crashed: bool,
    /// A call of it to the queue or the table failed.
    store_failed: bool,
    ended: Option<Millis>,
    /// Whether the answer to a create of it was lost.
    lost: bool,
    /// The last time each ticket was shown to it, and how.
    shown: HashMap<u64, Shown>,
    /// As it was at which moment.
    shown_at: HashMap<u64, Millis>,
}

impl Attempt {
    /// Whether what it did may not have been remembered.
    fn is_cut(&self) -> bool {
        self.crashed || self.store_failed
    }
}

#[derive(Debug)]
struct Handed {
    sent: Sent,
    wanted: Wanted,
    names: BTreeSet<String>,
    done: Option<Millis>,
    /// The tickets on which it was done at that moment.
    done_on: BTreeSet<u64>,
    /// The open tickets that held at some time what they were to hold.
    filled_on: BTreeSet<u64>,
    enqueued: bool,
    /// The work on it came to its end.
    worked: bool,
    /// When that was.
    worked_at: Option<Millis>,
    dead: bool,
    accepted: Option<String>,
    dropped: BTreeSet<String>,
    attempts: usize,
    /// Attempts since nothing went wrong any more.
    late_attempts: usize,
    /// The place of its sending in the history.
    place: usize,
}

impl Handed {
    /// Whether it was done on this ticket when the work on it ended.
    fn was_done_on(&self, ticket: u64) -> bool {
        let is_in_time = self.done.zip(self.worked_at).is_some_and(|(done, ended)| done <= ended);
        is_in_time && self.done_on.contains(&ticket)
    }
}

#[derive(Debug)]
struct LostCreate {
    user: String,
    names: BTreeSet<String>,
    at: Millis,
    /// What it made, if it made one.
    ticket: Option<u64>,
}

struct Replay<'a> {
    history: &'a History,
    /// The place of the present event.
    place: usize,
    now: Millis,
    broken: Vec<Broken>,
    handoffs: BTreeMap<HandoffNumber, Handed>,
    tickets: BTreeMap<u64, Ticket>,
    attempts: BTreeMap<AttemptNumber, Attempt>,
    /// When nothing went wrong any more.
    faults_ended: Option<Millis>,
    /// The answers to previews, and the places of their sending.
    previews: BTreeMap<HandoffNumber, (usize, Value)>,
    /// Creates whose answer did not arrive.
    lost_creates: Vec<LostCreate>,
}

/// A field that we set.
struct Write<'w> {
    id: u64,
    key: &'w str,
    ticket: &'w Ticket,
    handed: &'w Handed,
    number: AttemptNumber,
    /// Which handoff, key and ticket it is, in words.
    about: String,
}

impl<'a> Replay<'a> {
    fn new(history: &'a History) -> Self {
        Self {
            history,
            place: 0,
            now: 0,
            faults_ended: None,
            previews: BTreeMap::new(),
            broken: Vec::new(),
            handoffs: BTreeMap::new(),
            tickets: BTreeMap::new(),
            attempts: BTreeMap::new(),
            lost_creates: Vec::new(),
        }
    }

    fn breaks(&mut self, promise: &'static str, what: String) {
        self.broken.push(Broken { promise, at: self.now, what });
    }

    fn event(&mut self, what: &What) {
        match what {
            What::Sent(number, sent) => self.sent(*number, sent),
            What::Retried(number, received) => self.retried(*number, *received),
            What::Answered(number, status, body) => self.answered(*number, *status, body),
            What::Enqueued(number) => self.with(*number, |handed| handed.enqueued = true),
            What::Deleted(number) => {
                let now = self.now;
                self.with(*number, |handed| {
                    (handed.worked, handed.worked_at) = (true, Some(now));
                });
                self.deleted(*number);
            }
            What::DeadLettered(number) => self.with(*number, |handed| handed.dead = true),
            What::Redriven(number) => self.with(*number, |handed| handed.dead = false),
            What::StoreFailed(attempt) => {
                if let Some(attempt) = self.attempts.get_mut(attempt) {
                    attempt.store_failed = true;
                }
            }
            What::Began(attempt, handoff) => self.began(*attempt, *handoff),
            What::Ended(attempt, crashed) => {
                if let Some(attempt) = self.attempts.get_mut(attempt) {
                    (attempt.crashed, attempt.ended) = (*crashed, Some(self.now));
                }
            }
            What::FaultsEnded => self.faults_ended = Some(self.now),
            What::Quiet => self.quiet(),
            What::Probed => self.judge_probes(),
            seen => self.desk_event(seen),
        }
    }

    /// What happened at Desk and on the wire, and what was put out.
    fn desk_event(&mut self, what: &What) {
        match what {
            What::Created { ticket, user, channel, related, listed, by } => {
                self.created(*ticket, user, channel, related, *listed, *by);
            }
            What::FieldSet(ticket, key, text, by) => self.field_set(*ticket, key, text, *by),
            What::Repeated(ticket, key, text) => {
                if let Some(ticket) = self.tickets.get_mut(ticket) {
                    ticket.ours.entry(key.clone()).or_default().push(text.clone());
                }
            }
            What::OpenSet(ticket, is_open, by) => self.open_set(*ticket, *is_open, *by),
            What::Renamed(ticket) => {
                if let Some(ticket) = self.tickets.get_mut(ticket) {
                    ticket.is_renamed = true;
                }
            }
            What::Messaged(ticket, by) => self.messaged(*ticket, *by),
            What::Called(attempt, kind) => self.called(*attempt, *kind),
            What::Returned { .. } => self.returned(what),
            What::Dropped(_, key, text) => self.dropped(key, text),
            What::Output(text) => {
                if text.contains(CANARY) {
                    self.breaks("S13", format!("a value is in an output: {text}"));
                }
            }
            What::Recorded(attempt, others) => self.judge_count(*attempt, *others),
            What::Sent(..)
            | What::Retried(..)
            | What::Answered(..)
            | What::Enqueued(_)
            | What::Deleted(_)
            | What::DeadLettered(_)
            | What::Redriven(_)
            | What::StoreFailed(_)
            | What::Began(..)
            | What::Ended(..)
            | What::FaultsEnded
            | What::Quiet
            | What::Probed => {}
        }
    }

    fn dropped(&mut self, key: &str, text: &str) {
        let origins: Vec<HandoffNumber> = if key == PRIORITY {
            // Whose it is, its text does not say: all are meant that are being worked on.
            let running = self.attempts.values().filter(|attempt| attempt.ended.is_none());
            // Of bytes that were sent again it is the first ones', like a text.
            let first = |number: HandoffNumber| {
                self.handoffs.get(&number).and_then(|handed| handed.sent.repeats).unwrap_or(number)
            };
            running.map(|attempt| first(attempt.handoff)).collect()
        } else {
            origin(text, &self.handoffs).into_iter().collect()
        };
        for origin in origins {
            self.with(origin, |handed| {
                handed.dropped.insert(key.to_owned());
            });
        }
    }

    fn with(&mut self, number: HandoffNumber, change: impl FnOnce(&mut Handed)) {
        if let Some(handed) = self.handoffs.get_mut(&number) {
            change(handed);
        }
    }

    fn sent(&mut self, number: HandoffNumber, sent: &Sent) {
        let names = names(sent);
        let handed = Handed {
            sent: sent.clone(),
            wanted: wanted(&sent.rules, &sent.context),
            names,
            done: None,
            done_on: BTreeSet::new(),
            filled_on: BTreeSet::new(),
            enqueued: false,
            worked: false,
            worked_at: None,
            dead: false,
            accepted: None,
            dropped: BTreeSet::new(),
            attempts: 0,
            late_attempts: 0,
            place: self.place,
        };

        if let Some(first) = sent.repeats {
            // Which of the sendings is worked on, their sender cannot know.
            self.with(first, |first| {
                first.sent.received_last = first.sent.received_last.max(sent.received)
            });
        }

        self.handoffs.insert(number, handed);
    }

    fn retried(&mut self, number: HandoffNumber, received: i64) {
        let first = self.handoffs.get(&number).and_then(|handed| handed.sent.repeats);
        for number in first.into_iter().chain([number]) {
            self.with(number, |handed| handed.sent.received_last = received);
        }
    }

    /// All names of the conversation that are linked so far: directly, or through handoffs that
    /// carried two. Under `only_worked`, through handoffs that were worked on to their end: before
    /// that, nobody can know of the link.
    fn linked(&self, user: &str, names: &BTreeSet<String>, only_worked: bool) -> BTreeSet<String> {
        let mut all = names.clone();
        loop {
            let before = all.len();
            let of_user = self.handoffs.values().filter(|handed| handed.sent.user == user);
            let links = of_user.filter(|handed| handed.sent.route != Route::Preview);
            for handed in links.filter(|handed| !only_worked || handed.worked) {
                if !handed.names.is_disjoint(&all) {
                    all.extend(handed.names.iter().cloned());
                }
            }
            if all.len() == before {
                return all;
            }
        }
    }

    fn is_same(&self, user: &str, one: &BTreeSet<String>, other: &BTreeSet<String>) -> bool {
        !self.linked(user, one, false).is_disjoint(other)
    }

    fn is_known_same(&self, user: &str, one: &BTreeSet<String>, other: &BTreeSet<String>) -> bool {
        !self.linked(user, one, true).is_disjoint(other)
    }

    fn began(&mut self, number: AttemptNumber, handoff: HandoffNumber) {
        let user = self.handoffs.get(&handoff).map(|handed| handed.sent.user.clone());
        let (user, began) = (user.unwrap_or_default(), self.now);
        let attempt = Attempt { handoff, user, began, ..Attempt::default() };
        self.attempts.insert(number, attempt);
        let is_late = self.faults_ended.is_some();
        self.with(handoff, |handed| {
            handed.attempts += 1;
            handed.late_attempts += usize::from(is_late);
        });
    }

    // --- Desk ---

    fn created(
        &mut self,
        id: u64,
        user: &str,
        channel: &str,
        related: &[String],
        listed: Millis,
        by: By,
    ) {
        let mut names = BTreeSet::new();
        if let By::Us(number) = by {
            names = self.judge_create(number, user);
        } else {
            names.extend(
                std::iter::once(channel)
                    .chain(related.iter().map(String::as_str))
                    .map(channel_name),
            );
        }

        let ticket = Ticket {
            user: user.to_owned(),
            names,
            is_open: true,
            made: self.now,
            open_since: self.now,
            listed,
            by,
            fields: BTreeMap::new(),
            past: BTreeMap::new(),
            ours: BTreeMap::new(),
            unseen: BTreeMap::new(),
            has_lost_write: false,
            human_shown: BTreeSet::new(),
            human_listed: BTreeSet::new(),
            shown_closed: None,
            shown: false,
            is_reopened: false,
            denied: None,
            is_renamed: false,
            has_related: !related.is_empty(),
            messages: 0,
            our_message_arrived: false,
        };

        self.tickets.insert(id, ticket);
    }

    /// S1, S3, S4, S5, S12 of a create by us; gives the names of its conversation.
    fn judge_create(&mut self, number: AttemptNumber, user: &str) -> BTreeSet<String> {
        let Some(attempt) = self.attempts.get_mut(&number) else { return BTreeSet::new() };
        let (handoff, last_look) = (attempt.handoff, attempt.look_began.unwrap_or(0));
        let Some(handed) = self.handoffs.get(&handoff) else { return BTreeSet::new() };
        let (names, sent) = (handed.names.clone(), handed.sent.clone());
        if sent.user != user {
            self.breaks(
                "S1",
                format!("handoff {handoff} of {} made a ticket for {user}", sent.user),
            );
        }
        if sent.route == Route::Preview || self.history.is_preview_mode {
            self.breaks("S12", format!("preview {handoff} made a ticket"));
        }
        let ticket_rules = &sent.rules["ticket"];
        let when_missing = ticket_rules["when_missing"].as_str().unwrap_or("create");
        let had_ticket = self
            .tickets
            .values()
            .any(|ticket| ticket.user == user && self.is_same(user, &names, &ticket.names));
        if matches!(when_missing, "wait" | "retry") || (when_missing == "leave" && !had_ticket) {
            self.breaks(
                "S5",
                format!("handoff {handoff} made a ticket although the rule is {when_missing}"),
            );
        }

        let grace = ticket_rules["grace_seconds"].as_i64().unwrap_or(15) * 1000;
        let grace_ends = Millis::try_from(sent.received - EPOCH + grace).unwrap_or(0);
        if sent.route == Route::Webhook {
            if self.now < grace_ends {
                self.breaks("L3", format!("handoff {handoff} made a ticket within its grace"));
            }
            if let Some(id) = self.own_within(grace_ends, user, &names) {
                let what = format!("handoff {handoff} made a ticket beside Desk's own {id}");
                self.breaks("L3", what);
            }
        }

        if let Some(id) = self.open_at(last_look, user, &names) {
            self.breaks(
                "S3",
                format!("handoff {handoff} made a ticket while {id} was open and listed"),
            );
        }
        if self.is_create_in_doubt(user, &names) {
            let what = format!(
                "handoff {handoff} made a ticket within the settling time of a lost create"
            );
            self.breaks("S4", what);
        }
        names
    }

    /// A ticket of the conversation that was open, and listed or known to us, when a look began.
    fn open_at(&self, look: Millis, user: &str, names: &BTreeSet<String>) -> Option<u64> {
        // Of a ticket that nothing is remembered of, a list that is late is all there is.
        let is_strange =
            |ticket: &Ticket| !matches!(ticket.by, By::Us(_)) && ticket.ours.is_empty();
        let is_late = |ticket: &Ticket| ticket.is_reopened && is_strange(ticket);
        let lag = |ticket: &Ticket| if is_late(ticket) { self.history.lists_lag } else { 0 };
        let open = self.tickets.iter().find(|(_, ticket)| {
            ticket.user == user
                && ticket.is_open
                && ticket.open_since + lag(ticket) < look
                && (ticket.listed <= look || ticket.shown)
                && !self.is_nameless(ticket)
                && !(ticket.is_gone() && ticket.listed > look)
                && self.is_known_same(user, names, &ticket.names)
        });
        open.map(|(id, _)| *id)
    }

    /// A ticket that Desk made for the conversation, that lists showed before this grace ended, and
    /// that is open since.
    fn own_within(&self, grace_ends: Millis, user: &str, names: &BTreeSet<String>) -> Option<u64> {
        let own = self.tickets.iter().find(|(_, ticket)| {
            ticket.by == By::Desk
                && ticket.user == user
                && ticket.is_open
                && ticket.open_since <= grace_ends
                && ticket.listed <= grace_ends
                && !ticket.is_gone()
                && self.is_known_same(user, names, &ticket.names)
        });
        own.map(|(id, _)| *id)
    }

    /// Of a ticket that Desk made: the open one that we had made for the conversation before. Not if
    /// we may have forgotten it, nor if Desk's was chosen for a handoff that could not be known to be
    /// of the same conversation as ours.
    fn made_before(&self, own: &Ticket, names: &BTreeSet<String>) -> Option<u64> {
        let is_remembered = |ticket: &Ticket| match ticket.by {
            By::Us(number) => self
                .attempts
                .get(&number)
                .is_some_and(|maker| !maker.is_cut() && !maker.lost && maker.ended.is_some()),
            By::Human | By::Desk => false,
        };
        let first = self.tickets.iter().find(|(_, first)| {
            first.user == own.user
                && first.is_open
                && first.made < own.made
                && !first.is_reopened
                && !first.is_gone()
                && is_remembered(first)
                && self.is_known_same(&own.user, names, &first.names)
        });
        let is_chosen = |first: &Ticket| {
            let of_user = self.handoffs.values().filter(|handed| handed.sent.user == own.user);
            let worked = of_user.filter(|handed| handed.attempts > 0);
            let mut only_owns = worked.filter(|handed| !handed.names.is_disjoint(&own.names));
            only_owns.any(|handed| handed.names.is_disjoint(&first.names))
        };
        let first = first.filter(|(_, first)| own.by == By::Desk && !is_chosen(first));
        first.map(|(id, _)| *id)
    }

    /// Whether a create of the conversation was lost less than the settling time ago, and its
    /// ticket was not found yet.
    fn is_create_in_doubt(&self, user: &str, names: &BTreeSet<String>) -> bool {
        self.lost_creates.iter().any(|lost| {
            let is_found = lost.ticket.is_some_and(|id| self.tickets[&id].shown);
            lost.user == user
                && self.now < lost.at + SETTLING
                && !is_found
                && self.is_known_same(user, names, &lost.names)
        })
    }

    fn field_set(&mut self, id: u64, key: &str, text: &str, by: By) {
        if let By::Us(number) = by {
            self.judge_write(id, key, text, number);
        }

        let origin = self.origin(key, text, by);
        // Of a ticket that we make without a word about its priority, Desk chooses it.
        let by = if key == PRIORITY && origin.is_none() && by != By::Human { By::Desk } else { by };
        let now = self.now;
        let Some(ticket) = self.tickets.get_mut(&id) else { return };

        if let By::Us(_) = by {
            let before = ticket.fields.get(key).filter(|held| matches!(held.by, By::Us(_)));
            let before = before.map(|held| held.text.clone());
            ticket.unseen.insert(key.to_owned(), before);
            ticket.ours.entry(key.to_owned()).or_default().push(text.to_owned());
        }
        if let Some(held) = ticket.fields.remove(key) {
            ticket.past.entry(key.to_owned()).or_default().push((held.text, now));
        }

        if !text.trim().is_empty() {
            let held = Held { text: text.to_owned(), by, origin, since: now };
            ticket.fields.insert(key.to_owned(), held);
        }
    }

    /// The handoff that a value comes from. A priority says it only through who wrote it.
    fn origin(&self, key: &str, text: &str, by: By) -> Option<HandoffNumber> {
        if key != PRIORITY {
            return origin(text, &self.handoffs);
        }
        let By::Us(number) = by else { return None };
        let handoff = self.attempts.get(&number)?.handoff;
        let handed = self.handoffs.get(&handoff)?;
        let is_wanted = handed.wanted.fields.get(PRIORITY).is_some_and(|wanted| wanted == text);
        is_wanted.then(|| handed.sent.repeats.unwrap_or(handoff))
    }

    /// S1, S2, S5, S6, S7, S9, S12 of a field that we set.
    fn judge_write(&mut self, id: u64, key: &str, text: &str, number: AttemptNumber) {
        let Some(from) = self.origin(key, text, By::Us(number)) else { return };
        let (Some(ticket), Some(handed)) = (self.tickets.get(&id), self.handoffs.get(&from)) else {
            return;
        };
        let (user, names) = (handed.sent.user.clone(), handed.names.clone());
        let mut broken: Vec<(&'static str, String)> = Vec::new();
        let about = format!("handoff {from} wrote {key} on ticket {id}");

        if ticket.user != user {
            broken.push(("S1", format!("{about} of {}", ticket.user)));
        } else if !self.is_same(&user, &names, &ticket.names)
            && self.is_anothers(ticket, &user, &names)
        {
            broken.push(("S2", format!("{about} of another conversation {:?}", ticket.names)));
        }
        if text.trim().is_empty() {
            broken.push(("S7", format!("{about} and emptied it")));
        }
        if handed.sent.route == Route::Preview || self.history.is_preview_mode {
            broken.push(("S12", format!("{about} although it is a preview")));
        }
        if ticket.shown_closed.is_some() && !ticket.is_open {
            broken.push(("S5", format!("{about}, which a response had shown closed")));
        }
        if let Some(first) = self.made_before(ticket, &names) {
            broken.push(("L3", format!("{about}, which Desk made after {first} of ours")));
        }
        let write = Write { id, key, ticket, handed, number, about };
        let held = ticket.fields.get(key).filter(|held| !is_same_text(&held.text, text));
        match held {
            Some(held) if Self::is_default(ticket, key, held) => {
                broken.extend(self.judge_over_default(&write, held));
            }
            Some(held) => broken.extend(self.judge_over_value(&write, held)),
            None => {}
        }
        for (promise, what) in broken {
            self.breaks(promise, what);
        }
    }

    /// S9: what Desk gives every ticket is what a newer handoff wanted, too.
    fn judge_over_default(&self, write: &Write<'_>, held: &Held) -> Option<(&'static str, String)> {
        let Write { id, handed, about, .. } = write;
        if self.has_cut(&handed.sent.user) || self.is_wanted_by_older(handed, held) {
            return None;
        }
        let newer = self.wanting(handed, held).find(|other| other.was_done_on(*id))?;
        is_newer(&newer.sent, &handed.sent)
            .then(|| ("S9", format!("{about} over Desk's own that a newer handoff wanted")))
    }

    /// S6, S7, S9 of a write over another value.
    fn judge_over_value(&self, write: &Write<'_>, held: &Held) -> Vec<(&'static str, String)> {
        let Write { id, key, ticket, handed, number, about } = write;
        let rule = handed.sent.rules["ticket"]["overwrite"].as_str().unwrap_or("own");
        let is_humans = held.by == By::Human;
        let has_lost_create = self.lost_creates.iter().any(|lost| lost.ticket == Some(*id));
        let is_unknown = self.has_cut(&handed.sent.user) || has_lost_create;
        // Whether Desk, a human or a try without an end set it, nobody can know.
        let may_be_default = *key == PRIORITY && held.text == "MEDIUM" && is_unknown;

        let mut broken = Vec::new();
        let shown_at = self.attempts.get(number).and_then(|attempt| attempt.shown_at.get(id));
        if rule == "never" && !may_be_default && shown_at.is_some_and(|shown| held.since <= *shown)
        {
            broken.push(("S7", format!("{about} over {:?} under never", held.text)));
        }
        if rule == "own"
            && is_humans
            && !may_be_default
            && (ticket.human_shown.contains(*key) || ticket.human_listed.contains(*key))
            && !self.is_excused(ticket, key, held)
        {
            broken.push(("S6", format!("{about} over a human's value that was shown")));
        }
        let newer =
            held.origin.filter(|_| !is_humans).and_then(|origin| self.handoffs.get(&origin));
        // A priority is also that of every other handoff that wanted it.
        let is_of_older = *key == PRIORITY && self.is_wanted_by_older(handed, held);
        let newer = newer.filter(|newer| is_newer(&newer.sent, &handed.sent) && !is_of_older);
        if let Some(newer) = newer {
            let what =
                format!("{about} over a newer handoff's, received at {}", newer.sent.received);
            broken.push(("S9", what));
        }

        broken
    }

    /// Whether nothing names the conversation of a ticket of ours any more: Desk dropped its
    /// related channel, a human gave it another title, and who made it was killed before it could
    /// remember it.
    fn is_nameless(&self, ticket: &Ticket) -> bool {
        let By::Us(number) = ticket.by else { return false };
        let is_forgotten =
            self.attempts.get(&number).is_some_and(|attempt| attempt.is_cut() || attempt.lost);
        ticket.is_renamed && !ticket.has_related && is_forgotten
    }

    /// Whether the ticket is surely another conversation's: of one that a handoff named, or that we
    /// made for one.
    fn is_anothers(&self, ticket: &Ticket, user: &str, names: &BTreeSet<String>) -> bool {
        let linked = self.linked(user, names, false);
        let of_user = self.handoffs.values().filter(|handed| handed.sent.user == user);
        let mut others = of_user.filter(|handed| handed.names.is_disjoint(&linked));
        matches!(ticket.by, By::Us(_))
            || others.any(|other| !other.names.is_disjoint(&ticket.names))
    }

    /// A human's value that is exactly what a killed attempt wanted may count as ours; so may one
    /// of ours that a human put back over a later one, if what we know of the later one was lost.
    fn is_excused(&self, ticket: &Ticket, key: &str, held: &Held) -> bool {
        let ours = ticket.ours.get(key);
        let was_ours =
            ours.is_some_and(|ours| ours.iter().any(|ours| is_same_text(ours, &held.text)));
        let mut cut = self
            .attempts
            .values()
            .filter(|attempt| (attempt.is_cut() || attempt.lost) && attempt.user == ticket.user);

        (was_ours && (ticket.has_lost_write || cut.clone().next().is_some()))
            || cut.any(|attempt| {
                let wanted =
                    self.handoffs.get(&attempt.handoff).map(|handed| &handed.wanted.fields);
                wanted
                    .and_then(|fields| fields.get(key))
                    .is_some_and(|text| is_same_text(text, &held.text))
            })
    }

    fn open_set(&mut self, id: u64, is_open: bool, _: By) {
        let now = self.now;
        if let Some(ticket) = self.tickets.get_mut(&id) {
            ticket.is_reopened |= is_open;
            (ticket.is_open, ticket.open_since) = (is_open, now);
            if is_open {
                ticket.shown_closed = None;
            }
        }
    }

    fn messaged(&mut self, id: u64, by: By) {
        let again = self.tickets.get(&id).is_some_and(|ticket| ticket.our_message_arrived);
        if matches!(by, By::Us(_)) && again {
            self.breaks("S10", format!("a second opening message on ticket {id}"));
        }
        if let Some(ticket) = self.tickets.get_mut(&id) {
            ticket.messages += 1;
        }
    }

    // --- the wire ---

    fn called(&mut self, number: AttemptNumber, kind: CallKind) {
        let now = self.now;
        let Some(attempt) = self.attempts.get_mut(&number) else { return };
        match kind {
            CallKind::List | CallKind::View if !attempt.is_looking => {
                (attempt.is_looking, attempt.look_began) = (true, Some(now));
            }
            CallKind::List | CallKind::View | CallKind::Customer | CallKind::Teams => {}
            _ => attempt.is_looking = false,
        }

        if kind != CallKind::Post {
            attempt.calls += 1;
            if attempt.calls == MAX_CALLS + 1 {
                let what = format!("handoff {} took more than {MAX_CALLS} calls", attempt.handoff);
                self.breaks("S14", what);
            }
        }
    }

    fn returned(&mut self, what: &What) {
        let What::Returned {
            attempt: number,
            kind,
            ticket,
            began,
            effect,
            arrived,
            left,
            denied,
            is_ok,
            shown,
        } = what
        else {
            return;
        };

        let Some(attempt) = self.attempts.get_mut(number) else { return };
        let (handoff, user) = (attempt.handoff, attempt.user.clone());
        for seen in shown {
            attempt.shown.insert(seen.ticket, seen.clone());
            if seen.fields.is_some() {
                attempt.shown_at.insert(seen.ticket, effect.unwrap_or(*began));
            }
        }
        let at = effect.unwrap_or(*began);
        attempt.lost |= *kind == CallKind::Create && *left && !*arrived;
        if let (CallKind::View, true, Some(ticket)) =
            (kind, *denied, ticket.and_then(|id| self.tickets.get_mut(&id)))
        {
            ticket.denied = Some(at);
        }
        if let (true, false, Some(written)) =
            (kind.writes(), *is_ok, ticket.and_then(|id| self.tickets.get_mut(&id)))
        {
            written.has_lost_write = true;
        }
        let is_write = kind.writes() || *kind == CallKind::Create;

        if let (true, Some(at)) = (is_write, effect) {
            self.judge_interleaving(*number, &user, *at);
        }

        if *kind == CallKind::Create && *left && !*arrived {
            self.lose_create(*number, handoff, at, effect.is_some());
        }
        if *arrived {
            self.show_all(handoff, *kind, shown, at);
            if let (CallKind::Post, true, Some(ticket)) =
                (kind, *is_ok && effect.is_some(), ticket.and_then(|id| self.tickets.get_mut(&id)))
            {
                ticket.our_message_arrived = true;
            }
        }
    }

    /// The answer to a create did not arrive.
    fn lose_create(
        &mut self,
        number: AttemptNumber,
        handoff: HandoffNumber,
        at: Millis,
        has_worked: bool,
    ) {
        let Some(handed) = self.handoffs.get(&handoff) else { return };
        let (user, names) = (handed.sent.user.clone(), handed.names.clone());
        let made = self.tickets.iter().rfind(|(_, ticket)| ticket.by == By::Us(number));
        let ticket = made.map(|(id, _)| *id).filter(|_| has_worked);
        self.lost_creates.push(LostCreate { user, names, at, ticket });
    }

    /// What a response that arrived showed. A preview goes on beside the others and tells them
    /// nothing; of another customer's ticket, which Desk should not have shown, nothing is
    /// remembered.
    fn show_all(&mut self, handoff: HandoffNumber, kind: CallKind, shown: &[Shown], at: Millis) {
        let Some(handed) =
            self.handoffs.get(&handoff).filter(|handed| handed.sent.route != Route::Preview)
        else {
            return;
        };
        let user = handed.sent.user.clone();

        for seen in shown {
            if self.tickets.get(&seen.ticket).is_some_and(|ticket| ticket.user == user) {
                self.show(seen, kind == CallKind::List, at);
            }
        }
    }

    /// S8: a write of another attempt for the same customer between the first and the last write of
    /// one.
    fn judge_interleaving(&mut self, number: AttemptNumber, user: &str, at: Millis) {
        let amid = self.attempts.iter().find(|(other, attempt)| {
            let of_customer = **other != number && attempt.user == user;
            let own_first = self.attempts.get(&number).and_then(|own| own.first_write);
            let wrote_since = own_first.is_some_and(|first| {
                attempt.last_write.is_some_and(|last| last > first && last < at)
            });
            of_customer && wrote_since
        });

        if let Some((other, _)) = amid {
            let what =
                format!("attempt {other} wrote between two writes of attempt {number} for {user}");
            self.breaks("S8", what);
        }
        if let Some(own) = self.attempts.get_mut(&number) {
            own.first_write.get_or_insert(at);
            own.last_write = Some(at);
        }
    }

    /// What a response that arrived showed of a ticket, as it was at that time.
    fn show(&mut self, seen: &Shown, is_list: bool, at: Millis) {
        let now = self.now;
        let Some(ticket) = self.tickets.get_mut(&seen.ticket) else { return };
        ticket.shown = true;
        ticket.shown_closed = if seen.is_open { None } else { ticket.shown_closed.or(Some(now)) };
        let confirmed: Vec<String> =
            ticket.unseen.keys().filter(|key| shows_last(ticket, seen, key)).cloned().collect();
        for key in confirmed {
            ticket.unseen.remove(&key);
        }

        let humans: Vec<String> = ticket
            .fields
            .iter()
            .filter(|(key, held)| {
                held.by == By::Human && held.since <= at && seen.text(key) == Some(&held.text)
            })
            .filter(|(key, held)| {
                last_of_ours(ticket, key).is_none_or(|last| !is_same_text(last, &held.text))
            })
            .filter(|(key, held)| !looks_dropped(ticket, key, &held.text))
            .map(|(key, _)| key.clone())
            .collect();
        if is_list {
            ticket.human_listed.extend(humans);
        } else {
            let shown_again: Vec<String> = ticket
                .human_listed
                .iter()
                .filter(|key| shows_last(ticket, seen, key))
                .cloned()
                .collect();
            for key in shown_again {
                ticket.human_listed.remove(&key);
            }
            ticket.human_shown.extend(humans);
        }
    }

    // --- done ---

    fn find_done(&mut self) {
        let open: Vec<HandoffNumber> = self
            .handoffs
            .iter()
            .filter(|(_, handed)| handed.done.is_none())
            .map(|(number, _)| *number)
            .collect();
        for number in open {
            let filled = self.filled_on(number);
            self.with(number, |handed| handed.filled_on.extend(filled));
            let done_on = self.done_on(number);
            if !done_on.is_empty() {
                let now = self.now;
                self.with(number, |handed| (handed.done, handed.done_on) = (Some(now), done_on));
            }
        }
    }

    /// Those of the tickets that were filled for it which agents can see now. That one was closed
    /// in between cannot be seen from Chat's answer.
    fn done_on(&self, number: HandoffNumber) -> BTreeSet<u64> {
        let handed = &self.handoffs[&number];
        let configured = handed.sent.rules["ticket"]["opening_message"].is_string()
            && !self.history.chat_refuses;
        let is_visible = |id: &&u64| {
            let ticket = &self.tickets[*id];
            let is_shown_to_agents =
                ticket.messages > 0 || ticket.is_reopened || !matches!(ticket.by, By::Us(_));
            !configured || is_shown_to_agents
        };

        handed.filled_on.iter().filter(is_visible).copied().collect()
    }

    /// The open tickets of its conversation that hold now what they are to hold.
    fn filled_on(&self, number: HandoffNumber) -> BTreeSet<u64> {
        let handed = &self.handoffs[&number];
        let sent = &handed.sent;
        let is_filled = |ticket: &Ticket| {
            ticket.is_open
                && ticket.user == sent.user
                && (self.is_same(&sent.user, &handed.names, &ticket.names)
                    || !self.is_anothers(ticket, &sent.user, &handed.names)
                        && self.has_all(handed, ticket)
                        && !handed.wanted.fields.is_empty())
                && self.has_all(handed, ticket)
        };

        self.tickets.iter().filter(|(_, ticket)| is_filled(ticket)).map(|(id, _)| *id).collect()
    }

    fn has_all(&self, handed: &Handed, ticket: &Ticket) -> bool {
        handed.wanted.fields.iter().all(|(key, text)| match ticket.fields.get(key) {
            Some(held) if is_same_text(&held.text, text) => true,
            _ if self.was_dropped(handed, key) => true,
            // A human typed it over ours.
            Some(held) if held.by == By::Human && was_there(ticket, key, text) => true,
            Some(held) if key == PRIORITY && self.is_shared(handed, held) => true,
            // Under `never`, what another handoff wanted there stays.
            Some(held) if Self::is_default(ticket, key, held) => {
                let is_kept = handed.sent.rules["ticket"]["overwrite"] == "never"
                    && self.wanting(handed, held).next().is_some();
                // Once a human's choice was shown, so is this one.
                is_kept || ticket.human_shown.contains(key) || self.has_cut(&ticket.user)
            }
            Some(held) => self.may_stand(handed, held),
            None => ticket.fields.len() >= 20,
        })
    }

    /// Whether a handoff of the same conversation that is not older wanted the priority that stands
    /// there.
    fn is_shared(&self, handed: &Handed, held: &Held) -> bool {
        self.wanting(handed, held).any(|other| !is_newer(&handed.sent, &other.sent))
    }

    /// Whether one that is not newer wanted it.
    fn is_wanted_by_older(&self, handed: &Handed, held: &Held) -> bool {
        self.wanting(handed, held).any(|other| !is_newer(&other.sent, &handed.sent))
    }

    /// The other handoffs of the conversation that wanted this priority.
    fn wanting<'h>(
        &'h self,
        handed: &'h Handed,
        held: &'h Held,
    ) -> impl Iterator<Item = &'h Handed> {
        self.handoffs.values().filter(|other| {
            other.wanted.fields.get(PRIORITY) == Some(&held.text)
                && other.attempts > 0
                && other.sent.user == handed.sent.user
                && self.is_same(&other.sent.user, &other.names, &handed.names)
        })
    }

    /// Whether it is Desk's own priority, which counts as empty until we have written one. A human may
    /// have chosen it, too: nobody can know.
    fn is_default(ticket: &Ticket, key: &str, held: &Held) -> bool {
        let is_medium = key == PRIORITY && held.text == "MEDIUM";
        is_medium && !matches!(held.by, By::Us(_)) && !ticket.ours.contains_key(key)
    }

    /// Whether an attempt for this customer was cut: what it wrote or had seen may be forgotten.
    fn has_cut(&self, user: &str) -> bool {
        self.attempts.values().any(|attempt| attempt.user == user && attempt.is_cut())
    }

    /// Whether nothing is remembered of a ticket of ours: who made it could not remember it, or got no
    /// answer, and the conversation has another one.
    fn is_forgotten(&self, ticket: &Ticket) -> bool {
        let By::Us(number) = ticket.by else { return false };
        let is_cut = self.attempts.get(&number).is_some_and(|maker| maker.is_cut() || maker.lost);
        let mut others = self.tickets.values().filter(|other| other.by != ticket.by);
        is_cut
            && others.any(|other| {
                other.user == ticket.user && self.is_same(&ticket.user, &ticket.names, &other.names)
            })
    }

    /// Whether an open ticket of its conversation is one of those.
    fn is_on_forgotten(&self, handed: &Handed) -> bool {
        self.tickets.values().any(|ticket| {
            ticket.is_open
                && ticket.user == handed.sent.user
                && self.is_same(&ticket.user, &handed.names, &ticket.names)
                && self.is_forgotten(ticket)
        })
    }

    /// Whether Desk refused or dropped this key of it, or of the first sending of its bytes.
    fn was_dropped(&self, handed: &Handed, key: &str) -> bool {
        let first =
            handed.sent.repeats.and_then(|first| self.handoffs.get(&first)).unwrap_or(handed);
        first.dropped.contains(key)
    }

    /// Whether another value may stand in the way of a handoff's.
    fn may_stand(&self, handed: &Handed, held: &Held) -> bool {
        let rule = handed.sent.rules["ticket"]["overwrite"].as_str().unwrap_or("own");
        let newer = held.origin.and_then(|origin| self.handoffs.get(&origin));
        let may_be_newer = newer.is_some_and(|newer| !is_newer(&handed.sent, &newer.sent));
        // Under `always`, who is older than what was done replaces nothing that is not ours.
        let is_late = || {
            let of_user = self
                .handoffs
                .values()
                .filter(|other| other.sent.user == handed.sent.user && other.attempts > 0);
            let mut newer = of_user.filter(|other| !is_newer(&handed.sent, &other.sent));
            newer.any(|other| self.is_same(&other.sent.user, &other.names, &handed.names))
        };

        let humans = !matches!(held.by, By::Us(_)) && (rule != "always" || is_late());
        may_be_newer || humans || rule == "never"
    }

    fn deleted(&mut self, number: HandoffNumber) {
        let Some(handed) = self.handoffs.get(&number) else { return };
        let is_over = handed.done.is_some() || self.is_left(handed) || self.is_repeated(number);
        if !is_over && !self.is_on_forgotten(handed) {
            self.breaks(
                "S11",
                format!("the message of handoff {number} was deleted before it was done"),
            );
        }
    }

    /// The rules leave it: no open ticket, and the rules do not make one.
    fn is_left(&self, handed: &Handed) -> bool {
        let rules = &handed.sent.rules["ticket"];
        rules["when_missing"] == "leave" || rules["when_closed"] == "leave"
    }

    /// The same event was done by another sending.
    fn is_repeated(&self, number: HandoffNumber) -> bool {
        self.others_of_event(number).any(|other| other.done.is_some())
    }

    /// The other sendings of the same event.
    fn others_of_event(&self, number: HandoffNumber) -> impl Iterator<Item = &Handed> {
        let others = self
            .handoffs
            .iter()
            .filter(move |(other, _)| **other != number && self.is_same_event(**other, number));
        others.map(|(_, other)| other)
    }

    // --- answers ---

    fn answered(&mut self, number: HandoffNumber, status: u16, body: &Value) {
        let Some(handed) = self.handoffs.get(&number) else { return };
        let (route, place) = (handed.sent.route, handed.place);
        if route == Route::Preview {
            if status == 200 {
                self.previews.insert(number, (place, body.clone()));
                let id = body["ticket"]["id"].as_u64().unwrap_or(0);
                for (promise, what) in self.judge_others(number, id, body) {
                    self.breaks(promise, what);
                }
            }
            return;
        }

        let word = body["status"].as_str().unwrap_or_default().to_owned();
        self.judge_status(number, status, &word, body);
        if !(200..300).contains(&status) {
            return;
        }
        self.judge_preview(number, body);
        let now = self.now;
        self.with(number, |handed| {
            handed.accepted = Some(word.clone());
            if word != "queued" {
                (handed.worked, handed.worked_at) = (true, Some(now));
            }
        });
        self.judge_word(number, &word, body);
    }

    /// S13, S15, L7 of an answer.
    fn judge_status(&mut self, number: HandoffNumber, status: u16, word: &str, body: &Value) {
        if body.to_string().contains(CANARY) {
            self.breaks("S13", format!("a value is in the answer to handoff {number}"));
        }

        let store_failed =
            self.attempts.values().any(|attempt| attempt.handoff == number && attempt.store_failed);
        if status >= 400 && status != 422 && !store_failed {
            self.breaks(
                "S15",
                format!("handoff {number} was answered {status}: {}", body["detail"]),
            );
        }

        let sent = &self.handoffs[&number].sent;
        let waits = matches!(sent.rules["ticket"]["when_missing"].as_str(), Some("wait" | "retry"));
        let is_done = matches!(word, "created" | "updated" | "unchanged" | "left");
        // What holds it up is not left over, but new.
        let is_hidden = word == "queued" && self.has_made_hidden(number);

        if sent.is_probe && !is_done && !waits && !is_hidden {
            self.breaks(
                "L7",
                format!("a handoff long after everything was quiet was answered {status} {word}"),
            );
        }
    }

    /// Whether it, or another of the last handoffs of the same user, made a ticket that Desk then
    /// denied.
    fn has_made_hidden(&self, number: HandoffNumber) -> bool {
        let user = &self.handoffs[&number].sent.user;
        let is_by_probe = |ticket: &Ticket| match ticket.by {
            By::Us(attempt) => self
                .attempts
                .get(&attempt)
                .and_then(|attempt| self.handoffs.get(&attempt.handoff))
                .is_some_and(|handed| handed.sent.is_probe),
            By::Human | By::Desk => false,
        };
        let mut of_user = self.tickets.values().filter(|ticket| ticket.user == *user);
        of_user.any(|ticket| ticket.denied.is_some() && is_by_probe(ticket))
    }

    /// L7 of those that had to wait for Desk to show what they had made.
    fn judge_probes(&mut self) {
        let of_probes = self.handoffs.iter().filter(|(_, handed)| handed.sent.is_probe);
        let is_lost = |handed: &Handed| {
            handed.accepted.as_deref() == Some("queued")
                && handed.done.is_none()
                && !self.is_left(handed)
                && !matches!(
                    handed.sent.rules["ticket"]["when_missing"].as_str(),
                    Some("wait" | "retry")
                )
        };
        let lost: Vec<HandoffNumber> =
            of_probes.filter(|(_, handed)| is_lost(handed)).map(|(number, _)| *number).collect();
        for number in lost {
            self.breaks("L7", format!("handoff {number}, sent when all was quiet, is never done"));
        }
    }

    /// A1, A5, A6 of the word that an answer says.
    fn judge_word(&mut self, number: HandoffNumber, word: &str, body: &Value) {
        let handed = &self.handoffs[&number];
        let is_left = self.is_left(handed);
        match word {
            "created" | "updated" | "unchanged" => self.judge_answer(number, word, body),
            "duplicate" => {
                let was_left = self.others_of_event(number).any(|other| {
                    other.accepted.as_deref() == Some("left") || (is_left && other.attempts > 0)
                });
                if !self.is_repeated(number) && !was_left {
                    self.breaks("A5", format!("handoff {number} is no duplicate of anything done"));
                }
            }
            "queued"
                if !handed.enqueued
                    && !self.others_of_event(number).any(|other| other.enqueued) =>
            {
                self.breaks("A6", format!("handoff {number} is queued and not on the queue"));
            }
            "left" if !is_left => {
                self.breaks("A6", format!("handoff {number} was left, against the rules"))
            }
            "queued" | "left" => {}
            "preview" if self.history.is_preview_mode => {}
            other => self
                .breaks("A1", format!("handoff {number} was answered with the status {other:?}")),
        }
    }

    /// A7: what a preview said of this handoff came true, if nobody came in between.
    fn judge_preview(&mut self, number: HandoffNumber, body: &Value) {
        let handed = &self.handoffs[&number];
        let Some((preview, (place, foreseen))) =
            handed.sent.foreseen.and_then(|preview| Some((preview, self.previews.get(&preview)?)))
        else {
            return;
        };

        let is_final =
            matches!(body["status"].as_str(), Some("created" | "updated" | "unchanged" | "left"));
        if !is_final || self.is_disturbed(*place, preview, number) {
            return;
        }

        let outcomes = |body: &Value| -> BTreeMap<String, String> {
            let entries = body["fields"].as_array().into_iter().flatten();
            let pair = |entry: &Value| {
                let key = entry["key"].as_str().unwrap_or_default().to_owned();
                let field = handed.wanted.fills.get(&key).unwrap_or(&key);
                let outcome = entry["outcome"].as_str()?.to_owned();
                (!self.was_dropped(handed, field)).then_some((key, outcome))
            };
            entries.filter_map(pair).collect()
        };

        let (said, came) = (outcomes(foreseen), outcomes(body));
        let mut broken = Vec::new();
        if foreseen["action"] != body["action"] {
            broken.push(format!(
                "the action was to be {} and is {}",
                foreseen["action"], body["action"]
            ));
        }
        if foreseen["action"] == "update" && foreseen["ticket"]["id"] != body["ticket"]["id"] {
            broken.push("the ticket is another one".to_owned());
        }
        if said != came {
            broken.push(format!("the outcomes were to be {said:?} and are {came:?}"));
        }

        for what in broken {
            self.breaks("A7", format!("handoff {number}, after its preview {preview}: {what}"));
        }
    }

    /// Whether anybody else did anything since that place, or anything went wrong.
    fn is_disturbed(&self, place: usize, preview: HandoffNumber, live: HandoffNumber) -> bool {
        let user = &self.handoffs[&live].sent.user;
        let is_own = |attempt: &AttemptNumber| {
            self.attempts
                .get(attempt)
                .is_some_and(|attempt| attempt.handoff == live || attempt.handoff == preview)
        };

        let is_by_other = |by: &By| !matches!(by, By::Us(attempt) if is_own(attempt));
        let began = self.history.events[place].0;
        let appeared = self
            .tickets
            .values()
            .any(|ticket| (began..=self.now).contains(&ticket.listed) && is_by_other(&ticket.by));
        let others_at_work = self.attempts.values().any(|attempt| {
            let is_other = attempt.handoff != live && attempt.handoff != preview;
            is_other && attempt.user == *user && attempt.ended.is_none_or(|ended| ended >= began)
        });
        let is_disturbing = |what: &What| match what {
            What::Created { by, .. }
            | What::FieldSet(.., by)
            | What::OpenSet(_, _, by)
            | What::Messaged(_, by) => is_by_other(by),
            What::Returned { attempt, is_ok, .. } => is_own(attempt) && !is_ok,
            What::Renamed(_) => true,
            What::Ended(attempt, crashed) => is_own(attempt) && *crashed,
            _ => false,
        };

        appeared
            || others_at_work
            || self.history.events[place..=self.place].iter().any(|(_, what)| is_disturbing(what))
    }

    fn judge_answer(&mut self, number: HandoffNumber, word: &str, body: &Value) {
        let id = body["ticket"]["id"].as_u64().unwrap_or(0);
        let Some(ticket) = self.tickets.get(&id) else {
            self.breaks(
                "A1",
                format!("handoff {number} was answered with ticket {id}, which is not there"),
            );
            return;
        };

        let mut broken = self.judge_done(number, word, ticket);
        let entries = body["fields"].as_array().cloned().unwrap_or_default();
        for key in self.handoffs[&number].sent.context.keys() {
            let found: Vec<&Value> =
                entries.iter().filter(|entry| entry["key"] == key.as_str()).collect();
            if let [entry] = found.as_slice() {
                let outcome = entry["outcome"].as_str().unwrap_or_default();
                let wrong = self.judge_entry(number, id, key, outcome);
                broken.extend(
                    wrong.map(|(promise, what)| {
                        (promise, format!("handoff {number}: {key} {what}"))
                    }),
                );
            } else {
                broken.push((
                    "A4",
                    format!("handoff {number} has {} entries for {key}", found.len()),
                ));
            }
        }
        broken.extend(self.judge_others(number, id, body));

        for (promise, what) in broken {
            self.breaks(promise, what);
        }
    }

    /// A1: it is done, and `created` is said exactly if we made the ticket for this event.
    fn judge_done(
        &self,
        number: HandoffNumber,
        word: &str,
        ticket: &Ticket,
    ) -> Vec<(&'static str, String)> {
        let handed = &self.handoffs[&number];
        let mut broken = Vec::new();
        if handed.done.is_none() && !self.is_forgotten(ticket) {
            broken.push(("A1", format!("handoff {number} was answered {word} and is not done")));
        }

        let maker = match ticket.by {
            By::Us(attempt) => self.attempts.get(&attempt),
            By::Human | By::Desk => None,
        };
        let made = maker.is_some_and(|maker| {
            maker.handoff == number || self.is_same_event(maker.handoff, number)
        });
        // A lost create's ticket is known as ours by its title only.
        let nobody_knows =
            ticket.is_renamed || self.is_borderline(handed) || self.is_cut_event(number);

        if (word == "created") != made && !nobody_knows {
            broken
                .push(("A1", format!("handoff {number} was answered {word}; made by it: {made}")));
        }

        broken
    }

    /// A2, A3, A4 of the outcome of one context key.
    fn judge_entry(
        &self,
        number: HandoffNumber,
        id: u64,
        key: &str,
        outcome: &str,
    ) -> Option<(&'static str, String)> {
        let (handed, ticket) = (&self.handoffs[&number], &self.tickets[&id]);
        if let Some(expected) = handed.wanted.settled.get(key)
            && *expected != outcome
        {
            return Some(("A4", format!("is {outcome} instead of {expected}")));
        }

        let field = handed.wanted.fills.get(key).map_or(key, String::as_str);
        let text = handed.wanted.fields.get(field)?;
        let last = self.attempts.values().rfind(|attempt| attempt.handoff == number);
        let shown =
            last.and_then(|attempt| attempt.shown.get(&id)).filter(|shown| shown.shows(field));
        let last_shown = shown.and_then(|shown| shown.text(field));
        let shows_it = last_shown.is_some_and(|shown| is_same_text(shown, text));
        let held = ticket.fields.get(field).is_some_and(|held| is_same_text(&held.text, text));
        let was_sent = self.was_dropped(handed, field) || was_sent(ticket, field, text);

        let (promise, why) = match outcome {
            "written" | "truncated" | "unchanged" if !held && !was_there(ticket, field, text) => {
                ("A2", "was never there")
            }
            "kept" if shown.is_some() && (shows_it || last_shown.is_none()) => {
                ("A3", "no other value was shown")
            }
            "rejected" if !was_sent => ("A3", "was never sent"),
            "rejected" if shows_it => ("A3", "was shown"),
            _ => return None,
        };
        Some((promise, format!("is {outcome}: {why}")))
    }

    /// Whether what is known of an attempt for this event may be lost.
    fn is_cut_event(&self, number: HandoffNumber) -> bool {
        let of_event = |attempt: &&Attempt| {
            attempt.handoff == number || self.is_same_event(attempt.handoff, number)
        };
        self.attempts.values().filter(of_event).any(Attempt::is_cut)
    }

    /// Whether the same words come again just when they stop being the same event: clocks that
    /// count seconds differ there.
    fn is_borderline(&self, handed: &Handed) -> bool {
        let first = handed.sent.repeats.and_then(|first| self.handoffs.get(&first));
        let apart = first.map(|first| handed.sent.received - first.sent.received);
        handed.sent.event.is_none() && apart.is_some_and(|apart| (apart - SAME_BYTES).abs() < 3_000)
    }

    fn is_same_event(&self, one: HandoffNumber, other: HandoffNumber) -> bool {
        let (Some(one_of), Some(other_of)) = (self.handoffs.get(&one), self.handoffs.get(&other))
        else {
            return false;
        };
        let same_bytes = one_of.sent.repeats == Some(other)
            || other_of.sent.repeats == Some(one)
            || (one_of.sent.repeats.is_some() && one_of.sent.repeats == other_of.sent.repeats);
        let apart = |one: &Handed, other: &Handed| {
            // What is done is remembered from then on.
            let done = one.done.max(one.worked_at);
            let done = done.and_then(|done| i64::try_from(done).ok()).map(|done| EPOCH + done);
            other.sent.received - one.sent.received.max(done.unwrap_or(i64::MIN))
        };

        let is_soon = apart(one_of, other_of) < SAME_BYTES && apart(other_of, one_of) < SAME_BYTES;
        let same_bytes = same_bytes && (one_of.sent.event.is_some() || is_soon);
        let same_id = one_of.sent.event.is_some() && one_of.sent.event == other_of.sent.event;
        one_of.sent.user == other_of.sent.user && (same_id || same_bytes)
    }

    /// A8: the other open, listed tickets of the conversation, and only those.
    fn judge_others(
        &self,
        number: HandoffNumber,
        id: u64,
        body: &Value,
    ) -> Vec<(&'static str, String)> {
        let handed = &self.handoffs[&number];
        let reported: BTreeSet<u64> = body["other_open_tickets"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_u64)
            .collect();

        let mut broken = Vec::new();
        for other in &reported {
            let fits = self.tickets.get(other).is_some_and(|ticket| {
                *other != id
                    && ticket.user == handed.sent.user
                    && self.is_same(&ticket.user, &handed.names, &ticket.names)
            });
            if !fits {
                broken.push((
                    "A8",
                    format!("handoff {number} names ticket {other} as another open one"),
                ));
            }
        }

        let last = self.attempts.iter().rfind(|(_, attempt)| attempt.handoff == number);
        for other in last.map(|(last, _)| self.open_for(*last)).unwrap_or_default() {
            if other != id && !reported.contains(&other) {
                broken.push((
                    "A8",
                    format!("handoff {number} does not name ticket {other}, which is open, too"),
                ));
            }
        }

        broken
    }

    /// The open tickets of the conversation that a look of this attempt showed; when everything is
    /// quiet and every list is complete, those that it must have looked at, too.
    fn open_for(&self, number: AttemptNumber) -> Vec<u64> {
        let Some(attempt) = self.attempts.get(&number) else { return Vec::new() };
        let Some(handed) = self.handoffs.get(&attempt.handoff) else { return Vec::new() };
        let was_shown = |id: &u64| attempt.shown.get(id).is_some_and(|shown| shown.is_open);
        // A preview knows of the names under which a ticket was made once that is done.
        let maker = |ticket: &Ticket| match ticket.by {
            By::Us(maker) => self.attempts.get(&maker),
            By::Human | By::Desk => None,
        };
        let is_known = |ticket: &Ticket| {
            handed.sent.route != Route::Preview
                || maker(ticket).is_none_or(|maker| {
                    !maker.is_cut() && maker.ended.is_some_and(|ended| ended < attempt.began)
                })
        };
        let is_open = |ticket: &Ticket| {
            is_known(ticket)
                && ticket.user == handed.sent.user
                && ticket.is_open
                && !ticket.is_renamed
                && !handed.names.is_disjoint(&ticket.names)
        };
        let open = self.tickets.iter().filter(|(id, ticket)| {
            let is_seen = was_shown(id) && ticket.denied.is_none();
            is_open(ticket) && (is_seen || handed.sent.is_probe)
        });
        open.map(|(id, _)| *id).collect()
    }

    /// A8: the record of a message that was done counts the others.
    fn judge_count(&mut self, number: AttemptNumber, others: u64) {
        let open = self.open_for(number);
        if others + 1 < open.len() as u64 {
            let what = format!("attempt {number} records {others} other open tickets of {open:?}");
            self.breaks("A8", what);
        }
    }

    // --- at the end ---

    fn quiet(&mut self) {
        let mut broken: Vec<(&'static str, String)> = Vec::new();
        for (number, handed) in &self.handoffs {
            let accepted = handed.accepted.is_some() && handed.sent.route != Route::Preview;
            let is_over = handed.done.is_some()
                || handed.dead
                || self.is_on_forgotten(handed)
                || self.is_left(handed)
                || self.others_of_event(*number).any(|other| other.done.is_some() || other.dead)
                || self.history.is_preview_mode;
            let waits = matches!(
                handed.sent.rules["ticket"]["when_missing"].as_str(),
                Some("wait" | "retry")
            );
            if handed.dead && !waits {
                broken.push((
                    "L2",
                    format!(
                        "handoff {number} is a dead letter although nothing goes wrong any more"
                    ),
                ));
            }
            if handed.late_attempts > MAX_LATE_ATTEMPTS && !waits {
                let what = format!(
                    "handoff {number} took {} attempts without faults",
                    handed.late_attempts
                );
                broken.push(("L6", what));
            }
            if accepted && !is_over {
                broken.push((
                    "L1",
                    format!("handoff {number} was accepted ({:?}) and lost", handed.accepted),
                ));
            }
        }

        let span = self.now - self.faults_ended.unwrap_or(self.now);
        let waits = |handed: &Handed| handed.sent.rules["ticket"]["when_missing"] == "wait";
        if span > MAX_RECOVERY * self.handoffs.len().max(1) as Millis
            && !self.handoffs.values().any(waits)
        {
            broken.push(("L6", format!("{span} ms until everything was quiet")));
        }
        self.judge_tickets(&mut broken);

        for (promise, what) in broken {
            self.breaks(promise, what);
        }
    }

    /// L3, L4, L5.
    fn judge_tickets(&self, broken: &mut Vec<(&'static str, String)>) {
        let ours = |ticket: &Ticket| matches!(ticket.by, By::Us(_));
        for (id, ticket) in self.tickets.iter().filter(|(_, ticket)| ticket.is_open) {
            let twin = self.tickets.iter().find(|(other, twin)| {
                **other > *id
                    && twin.is_open
                    && ours(twin)
                    && ours(ticket)
                    && !ticket.is_reopened
                    && !self.is_nameless(ticket)
                    && !ticket.is_gone()
                    && twin.user == ticket.user
                    && !twin.names.is_disjoint(&ticket.names)
                    && !self.was_lost_late(ticket)
            });
            if let Some((other, _)) = twin {
                broken
                    .push(("L3", format!("tickets {id} and {other} of one conversation are open")));
            }
            let of_ticket: Vec<&Handed> = self
                .handoffs
                .values()
                .filter(|handed| handed.done.is_some() && handed.sent.user == ticket.user)
                .filter(|handed| handed.sent.route != Route::Preview)
                .filter(|handed| self.is_same(&ticket.user, &handed.names, &ticket.names))
                .collect();
            self.judge_values(*id, ticket, &of_ticket, broken);
            let configured = of_ticket
                .iter()
                .any(|handed| handed.sent.rules["ticket"]["opening_message"].is_string());
            // A second ticket is reported and never touched.
            let is_lost = self.lost_creates.iter().any(|lost| lost.ticket == Some(*id));
            let is_second = self.tickets.iter().any(|(other, first)| {
                other != id
                    && (first.is_open || is_lost)
                    && first.user == ticket.user
                    && self.is_same(&ticket.user, &first.names, &ticket.names)
            });
            let is_invisible = ours(ticket)
                && configured
                && ticket.messages == 0
                && !ticket.is_reopened
                && !is_second;
            let is_invisible = is_invisible && self.is_promised(*id, ticket, &of_ticket);
            if is_invisible && !self.history.chat_refuses {
                broken.push(("L5", format!("ticket {id} is open and invisible to agents")));
            }
        }
    }

    /// Whether somebody was told that a handoff with this ticket is done or will be. Of a call that
    /// was cut off, nobody was.
    fn is_promised(&self, id: u64, ticket: &Ticket, of_ticket: &[&Handed]) -> bool {
        let By::Us(number) = ticket.by else { return false };
        let maker = self.attempts.get(&number).map(|attempt| attempt.handoff);
        let is_accepted = |number: HandoffNumber| {
            let handed = self.handoffs.get(&number);
            let all = handed.into_iter().chain(self.others_of_event(number));
            all.into_iter().any(|handed| handed.accepted.is_some() || handed.enqueued)
        };
        maker.is_some_and(is_accepted)
            || of_ticket.iter().any(|handed| handed.done_on.contains(&id))
    }

    /// A ticket that lists showed only after the settling time of its lost create.
    fn was_lost_late(&self, ticket: &Ticket) -> bool {
        self.lost_creates.iter().any(|lost| {
            lost.user == ticket.user
                && !lost.names.is_disjoint(&ticket.names)
                && ticket.listed > lost.at + SETTLING
        })
    }

    fn judge_values(
        &self,
        id: u64,
        ticket: &Ticket,
        of_ticket: &[&Handed],
        broken: &mut Vec<(&'static str, String)>,
    ) {
        for (key, held) in &ticket.fields {
            let Some(origin) = held.origin.and_then(|origin| self.handoffs.get(&origin)) else {
                continue;
            };
            if !matches!(held.by, By::Us(_)) {
                continue;
            }
            let better = of_ticket.iter().find(|handed| {
                handed.wanted.fields.get(key).is_some_and(|text| !is_same_text(text, &held.text))
                    && is_newer(&handed.sent, &origin.sent)
                    && !(key == PRIORITY && self.is_shared(handed, held))
                    && !self.was_dropped(handed, key)
                    && handed.sent.rules["ticket"]["overwrite"].as_str().unwrap_or("own") != "never"
                    && handed.done.is_some_and(|done| done >= held.since)
                    && handed.done_on.contains(&id)
                    && handed.done_on.len() == 1
                    && (handed.accepted.is_some() || handed.enqueued)
                    // The same words again are the same event.
                    && handed.sent.repeats.is_none()
            });
            let is_humans = ticket.human_shown.contains(key) || ticket.human_listed.contains(key);
            if better.is_some() && !is_humans {
                let what = format!(
                    "ticket {id} holds {:?} for {key}, and a newer handoff wanted another value",
                    held.text
                );
                broken.push(("L4", what));
            }
        }
    }
}

/// Whether the field held this text before.
fn was_there(ticket: &Ticket, key: &str, text: &str) -> bool {
    ticket.past.get(key).is_some_and(|past| past.iter().any(|(past, _)| is_same_text(past, text)))
}

/// Whether a response shows the last value that we wrote into the field.
fn shows_last(ticket: &Ticket, seen: &Shown, key: &str) -> bool {
    let (shown, last) = (seen.text(key), last_of_ours(ticket, key));
    shown.zip(last).is_some_and(|(shown, last)| is_same_text(shown, last))
}

/// The last value that we wrote into the field.
fn last_of_ours<'a>(ticket: &'a Ticket, key: &str) -> Option<&'a String> {
    ticket.ours.get(key)?.last()
}

/// Whether a human put back what stood there before our last write, and nothing has shown that
/// write yet: it looks as if Desk had dropped it.
fn looks_dropped(ticket: &Ticket, key: &str, text: &str) -> bool {
    let before = ticket.unseen.get(key).and_then(Option::as_ref);
    before.is_some_and(|before| is_same_text(before, text))
}

/// Whether a write of ours ever carried this text.
fn was_sent(ticket: &Ticket, key: &str, text: &str) -> bool {
    ticket.ours.get(key).is_some_and(|ours| ours.iter().any(|ours| is_same_text(ours, text)))
}

fn names(sent: &Sent) -> BTreeSet<String> {
    let id = |id: &String| {
        if id.starts_with(CHANNEL) { channel_name(id) } else { format!("id:{id}") }
    };
    let channel = sent.channel.iter().map(|channel| channel_name(channel));
    sent.id.iter().map(id).chain(channel).collect()
}

fn channel_name(channel: &str) -> String {
    format!("channel:{channel}")
}

/// Whether the first is certainly the newer one.
fn is_newer(one: &Sent, other: &Sent) -> bool {
    let believed = |sent: &Sent| {
        sent.created.filter(|created| sent.is_envelope && *created <= sent.received + 300_000)
    };
    match (believed(one), believed(other)) {
        (Some(one_created), Some(other_created)) if one_created != other_created => {
            one_created > other_created
        }
        _ => one.received > other.received_last,
    }
}

/// Desk trims values and writes whole numbers in its own way.
fn is_same_text(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim(), other.trim());
    one == other
        || matches!((one.parse::<i64>(), other.parse::<i64>()), (Ok(one), Ok(other)) if one == other)
}

/// The handoff that a value comes from.
fn origin(text: &str, handoffs: &BTreeMap<HandoffNumber, Handed>) -> Option<HandoffNumber> {
    let holds = |value: &Value| match value {
        Value::String(value) => is_same_text(value, text),
        other => other.to_string().as_str() == text,
    };
    let carries = |handed: &Handed| handed.sent.context.values().any(holds);
    let live =
        handoffs.iter().find(|(_, handed)| handed.sent.route != Route::Preview && carries(handed));
    let found = live.or_else(|| handoffs.iter().find(|(_, handed)| carries(handed)));
    found.map(|(number, handed)| handed.sent.repeats.unwrap_or(*number))
}
