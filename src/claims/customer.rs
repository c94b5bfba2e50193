//! What is remembered of a customer, and what may happen to it.
//!
//! Pure. Of each of the latest conversations its names, its tickets and what is ours on them; the
//! events that are done; what tries may have done without our knowing ([`Doubt`]). Bounded: what is
//! forgotten first, and what that costs, stands at each constant. A value is remembered as a
//! digest, salted with random text that lies in the item itself, so that it survives the rotation
//! of every secret.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::RECORD_TTL;
use crate::handoff::{Handoff, Stamp};
use crate::ticket::find::Names;
use crate::ticket::merge::{Marks, Recognise};

/// How many conversations of a customer are remembered. The one used longest ago is forgotten
/// first: its ticket is then found by its channel, related channel or title, and our values on it
/// count as somebody else's.
pub const MAX_CONVERSATIONS: usize = 8;
/// How many tickets of a conversation are remembered. The one before the last matters when a human
/// reopens it.
pub const MAX_TICKETS: usize = 2;
/// How many events of a customer are remembered as done. An older one that comes again is worked on
/// again: it finds its ticket, fills what is empty and replaces nothing newer.
pub const MAX_DONE: usize = 100;
/// How many doubts are remembered, the latest. Of an older one, what it wrote counts as somebody
/// else's.
pub const MAX_DOUBTS: usize = 16;
/// How long a create keeps the next one from being made, in seconds, if its answer was lost or Desk
/// denies the ticket that the answer showed: until then it may show up.
pub const SETTLING: u64 = 60;
/// How long an event without an id of its own, known by the digest of its body, counts as the same,
/// in seconds.
pub const DIGEST_TTL: u64 = 10 * 60;

/// What is remembered of a customer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Customer {
    // One letter a name: DynamoDB bills every write by the kilobyte.
    #[serde(rename = "s", default, skip_serializing_if = "String::is_empty")]
    salt: String,
    /// Desk's number of the customer.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub desk_id: Option<u64>,
    /// The one used last stands last.
    #[serde(rename = "v", default, skip_serializing_if = "Vec::is_empty")]
    conversations: Vec<KnownConversation>,
    /// Digest of the event, and until when it counts as done, in seconds since 1970, in
    /// hexadecimal.
    #[serde(rename = "d", default, skip_serializing_if = "Vec::is_empty")]
    done: Vec<String>,
    #[serde(rename = "q", default, skip_serializing_if = "Vec::is_empty")]
    doubts: Vec<Doubt>,
}

/// What is remembered of a conversation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct KnownConversation {
    /// What senders call it.
    #[serde(rename = "n")]
    pub names: Names,
    /// The one used last stands last.
    #[serde(rename = "t", default, skip_serializing_if = "Vec::is_empty")]
    pub tickets: Vec<KnownTicket>,
    /// The newest handoff that was done.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Stamp>,
}

/// What is remembered of a ticket.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct KnownTicket {
    /// Desk's number.
    #[serde(rename = "i")]
    pub id: u64,
    /// What is ours on it.
    #[serde(rename = "m", default)]
    pub marks: Marks,
    /// The event for which we made it: its digest, and until when that counts, as in
    /// [`Customer::done`]; empty if we did not.
    #[serde(rename = "e", default, skip_serializing_if = "String::is_empty")]
    made_for: String,
    /// When we made it, in seconds since 1970, until Desk has had its time to show it
    /// ([`SETTLING`]).
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    made: Option<u64>,
    /// Whether the opening message is settled.
    #[serde(rename = "o", default, skip_serializing_if = "Opening::is_open")]
    pub opening: Opening,
    /// Digests of the team and the related channel that Desk did not take, so that they are not
    /// tried with every handoff.
    #[serde(rename = "x", default, skip_serializing_if = "BTreeSet::is_empty")]
    refused: BTreeSet<String>,
}

/// How far the opening message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Opening {
    /// Not posted, as far as we know.
    #[default]
    #[serde(rename = "n")]
    Open,
    /// Posted, and Chat said so.
    #[serde(rename = "p")]
    Posted,
    /// Chat refused it for good.
    #[serde(rename = "r")]
    Refused,
}

impl Opening {
    fn is_open(&self) -> bool {
        *self == Self::Open
    }
}

/// What one try is about to do, written down when it takes the lease.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Unlike any other's; salts the digests.
    #[serde(rename = "s")]
    salt: String,
    #[serde(rename = "n")]
    names: Names,
    #[serde(rename = "e")]
    event_id: String,
    #[serde(rename = "w")]
    stamp: Stamp,
    #[serde(rename = "v", default, skip_serializing_if = "BTreeMap::is_empty")]
    values: BTreeMap<String, String>,
    /// When its work has certainly ended, in seconds since 1970.
    #[serde(rename = "u")]
    until: u64,
}

impl Attempt {
    /// An attempt of a handoff that may send these texts, by field.
    pub fn new<'v>(
        salt: &str,
        names: Names,
        event_id: &str,
        stamp: Stamp,
        values: impl IntoIterator<Item = (&'v str, String)>,
        until: u64,
    ) -> Self {
        let digested =
            values.into_iter().map(|(field, text)| (field.to_owned(), digest(salt, field, &text)));
        Self {
            salt: salt.to_owned(),
            names,
            event_id: digest(salt, EVENT, event_id),
            stamp,
            values: digested.collect(),
            until,
        }
    }
}

/// What a try may have done to Desk without our knowing: it was cut off, or an answer was lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Doubt {
    /// Salts the digests; empty where the item's own does.
    #[serde(rename = "s", default, skip_serializing_if = "String::is_empty")]
    salt: String,
    #[serde(rename = "n")]
    names: Names,
    /// The event, as a digest.
    #[serde(rename = "e")]
    event: String,
    #[serde(rename = "w")]
    stamp: Stamp,
    /// The ticket that was written to; `None` if that is not known, or if it was being made.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    ticket: Option<u64>,
    /// Since when a ticket may be there that nothing has shown us, in seconds since 1970.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    create: Option<u64>,
    #[serde(rename = "v", default, skip_serializing_if = "BTreeMap::is_empty")]
    values: BTreeMap<String, String>,
}

/// What a handoff is known by in the memory.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The conversation.
    pub names: &'a Names,
    /// The event.
    pub event_id: &'a str,
    /// Its order.
    pub stamp: Stamp,
}

impl<'a> Subject<'a> {
    /// A handoff of the conversation of these names.
    pub fn of(names: &'a Names, handoff: &'a Handoff) -> Self {
        Self { names, event_id: &handoff.event_id, stamp: handoff.stamp() }
    }
}

const EVENT: &str = "$event";

impl Customer {
    /// Makes sure that there is a salt; `random` is used if there is none yet.
    pub fn ensure_salt(&mut self, random: &str) {
        // Never a second one: digests of two salts cannot be compared, and every value of ours
        // would look like a human's.
        if self.salt.is_empty() {
            random.clone_into(&mut self.salt);
        }
    }

    /// The digest of a text in a field, or of an event's id.
    pub fn digest(&self, field: &str, text: &str) -> String {
        digest(&self.salt, field, text)
    }

    /// Whether an event is done, as far as is remembered.
    pub fn has_done(&self, event_id: &str, now: u64) -> bool {
        let event = self.digest(EVENT, event_id);
        self.done
            .iter()
            // A digest has always eight characters, so what follows it is the time.
            .filter_map(|done| done.strip_prefix(&event))
            .any(|until| is_after(until, now))
    }

    /// An event is done.
    pub fn remember_done(&mut self, event_id: &str, is_named: bool, now: u64) {
        let event = self.digest(EVENT, event_id);
        // What has expired goes first, so that it takes none of the hundred places.
        self.done.retain(|done| {
            done.get(event.len()..).is_some_and(|until| is_after(until, now))
                && !done.starts_with(&event)
        });
        self.done.push(self.event_mark(event_id, is_named, now));
        let surplus = self.done.len().saturating_sub(MAX_DONE);
        self.done.drain(..surplus);
    }

    /// Attempts that never gave the item back: whatever they were about to do is in doubt.
    pub(super) fn absorb(&mut self, attempts: Vec<Attempt>) {
        for attempt in attempts {
            // That these names are one conversation's is known, whatever became of the work.
            self.conversation(&attempt.names);
            self.add_doubt(Doubt {
                salt: attempt.salt,
                names: attempt.names,
                event: attempt.event_id,
                stamp: attempt.stamp,
                // An attempt is written down before any look, so it does not know its ticket.
                ticket: None,
                // From when it has certainly ended: until then its create may have been on its way.
                create: Some(attempt.until),
                values: attempt.values,
            });
        }
    }

    /// When tickets were made matters for a while only; after that it would cost bytes.
    pub(super) fn forget_made(&mut self, now: u64) {
        for ticket in self.conversations.iter_mut().flat_map(|known| &mut known.tickets) {
            ticket.made = ticket.may_be_hidden(now).and(ticket.made);
        }
    }

    fn add_doubt(&mut self, doubt: Doubt) {
        self.doubts.push(doubt);
        let surplus = self.doubts.len().saturating_sub(MAX_DOUBTS);
        self.doubts.drain(..surplus);
    }

    /// The conversation of these names, which joins all that is known by any of them. From now on
    /// it is the one used last.
    pub fn conversation(&mut self, names: &Names) -> &mut KnownConversation {
        // More than one may match: two names are two conversations until a handoff carries both.
        let (same, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.conversations)
            .into_iter()
            .partition(|known| known.names.overlap(names));
        self.conversations = others;

        let mut joined = KnownConversation::default();
        for known in same {
            joined.names.join(&known.names);
            joined.tickets.extend(known.tickets);
            joined.newest = newer(joined.newest, known.newest);
        }
        // Last, because the latest names are the ones that are kept.
        joined.names.join(names);
        joined.forget_tickets();

        self.conversations.push(joined);
        // From the front: the one used longest ago.
        let surplus = self.conversations.len().saturating_sub(MAX_CONVERSATIONS);
        self.conversations.drain(..surplus);
        self.conversations.last_mut().expect("one was added just now")
    }

    /// The tickets that are known to be other conversations'.
    pub fn tickets_of_others(&self, names: &Names) -> BTreeSet<u64> {
        let others = self.conversations.iter().filter(|known| !known.names.overlap(names));
        others.flat_map(|known| &known.tickets).map(|ticket| ticket.id).collect()
    }

    /// All tickets that are remembered.
    pub fn known_tickets(&self) -> impl Iterator<Item = u64> {
        self.conversations.iter().flat_map(|known| &known.tickets).map(|ticket| ticket.id)
    }

    /// A create of ours may have worked without our knowing, at this time.
    pub fn doubt_create(
        &mut self,
        subject: Subject<'_>,
        values: BTreeMap<String, String>,
        since: u64,
    ) {
        self.doubt(subject, None, Some(since), values);
    }

    /// Writes of ours to a ticket may have worked without our knowing.
    pub fn doubt_writes(
        &mut self,
        subject: Subject<'_>,
        ticket: u64,
        values: BTreeMap<String, String>,
    ) {
        if !values.is_empty() {
            self.doubt(subject, Some(ticket), None, values);
        }
    }

    fn doubt(
        &mut self,
        subject: Subject<'_>,
        ticket: Option<u64>,
        create: Option<u64>,
        values: BTreeMap<String, String>,
    ) {
        let values = values
            .into_iter()
            .map(|(field, text)| (field.clone(), self.digest(&field, &text)))
            .collect();
        self.add_doubt(Doubt {
            // The item's own salt is used; a copy of it in each doubt would only cost bytes.
            salt: String::new(),
            names: subject.names.clone(),
            event: self.digest(EVENT, subject.event_id),
            stamp: subject.stamp,
            ticket,
            create,
            values,
        });
    }

    /// For how many seconds more nothing may be made for this conversation: a ticket of ours may be
    /// there.
    pub fn create_in_doubt(&self, names: &Names, now: u64) -> Option<u64> {
        let ends = self
            .doubts
            .iter()
            .filter(|doubt| doubt.names.overlap(names))
            .filter_map(|doubt| doubt.create)
            .map(|since| since + SETTLING);
        // The latest counts: of several lost creates each may still show its ticket.
        ends.max().and_then(|end| end.checked_sub(now)).filter(|left| *left > 0)
    }

    /// What recognises the texts on a ticket: the memory's digests, and those of the doubts about
    /// it.
    pub fn recogniser<'a>(
        &'a self,
        names: &'a Names,
        ticket: u64,
        spelling: &'a dyn Fn(&str, &str) -> String,
    ) -> impl Recognise + 'a {
        let about = |doubt: &&Doubt| {
            // A doubt without a ticket is about every ticket of the conversation: nobody knows
            // which one was written to.
            doubt.names.overlap(names) && doubt.ticket.is_none_or(|id| id == ticket)
        };
        Recogniser { customer: self, doubts: self.doubts.iter().filter(about).collect(), spelling }
    }

    /// The doubts about a conversation that an open ticket has settled.
    pub fn settle_doubts(&mut self, names: &Names) {
        self.doubts.retain(|doubt| !doubt.names.overlap(names));
    }

    /// Whether a create for this event, and this conversation, is in doubt.
    pub fn may_have_made(&self, subject: Subject<'_>) -> bool {
        // An attempt is salted with its own token: when it is written down, the item's salt is not
        // known yet.
        self.doubts.iter().any(|doubt| {
            let salt = if doubt.salt.is_empty() { &self.salt } else { &doubt.salt };
            doubt.create.is_some()
                && doubt.names.overlap(subject.names)
                && doubt.event == digest(salt, EVENT, subject.event_id)
        })
    }

    /// Whether we made this ticket for this event.
    pub fn made(&self, ticket: &KnownTicket, event_id: &str, now: u64) -> bool {
        let until = ticket.made_for.strip_prefix(&self.digest(EVENT, event_id));
        until.is_some_and(|until| is_after(until, now))
    }

    /// What is remembered of an event: its digest, and until when it counts. One that is known by
    /// the digest of its body counts for ten minutes only.
    pub fn event_mark(&self, event_id: &str, is_named: bool, now: u64) -> String {
        let ttl = if is_named { RECORD_TTL.as_secs() } else { DIGEST_TTL };
        // Hexadecimal, because it is shorter and a hundred of these lie in the item.
        format!("{}{:x}", self.digest(EVENT, event_id), now + ttl)
    }
}

impl KnownConversation {
    /// The ticket of this id; from now on it is the one used last.
    pub fn ticket(&mut self, id: u64) -> &mut KnownTicket {
        let place = self.tickets.iter().position(|ticket| ticket.id == id);
        let ticket = match place {
            // Out, and in again at the end: the order says which one was used last.
            Some(place) => self.tickets.remove(place),
            None => KnownTicket { id, ..KnownTicket::default() },
        };
        self.tickets.push(ticket);
        self.forget_tickets();
        self.tickets.last_mut().expect("one was added just now")
    }

    /// The ticket that was used last.
    pub fn latest(&self) -> Option<&KnownTicket> {
        self.tickets.last()
    }

    /// A handoff of this order was done.
    pub fn remember_newest(&mut self, stamp: Stamp) {
        self.newest = newer(self.newest, Some(stamp));
    }

    /// Of those before the latest the oldest go first: Desk counts its tickets upwards. Two
    /// conversations that turn out to be one may have an open ticket each.
    fn forget_tickets(&mut self) {
        while self.tickets.len() > MAX_TICKETS {
            let before_latest = self.tickets.len() - 1;
            let ids = self.tickets[..before_latest].iter().map(|ticket| ticket.id);
            let oldest = ids.enumerate().min_by_key(|(_, id)| *id).map_or(0, |(place, _)| place);
            self.tickets.remove(oldest);
        }
    }
}

impl KnownTicket {
    /// We made it, for this event.
    pub fn set_made_for(&mut self, event: String) {
        self.made_for = event;
    }

    /// We made it just now, and nothing but the answer to the create has shown it.
    pub fn set_made(&mut self, now: u64) {
        self.made = Some(now);
    }

    /// For how many seconds more Desk may not show it yet: until then its 404 does not say that the
    /// ticket is gone.
    pub fn may_be_hidden(&self, now: u64) -> Option<u64> {
        let ends = self.made? + SETTLING;
        ends.checked_sub(now).filter(|left| *left > 0)
    }

    /// Desk did not take this team or channel.
    pub fn refuse(&mut self, digest: String) {
        self.refused.insert(digest);
        // Bounded, because rules and channels change. What falls out is tried once more, which
        // costs one call.
        while self.refused.len() > 4 {
            self.refused.pop_first();
        }
    }

    /// Whether Desk did not take it before.
    pub fn has_refused(&self, digest: &str) -> bool {
        self.refused.contains(digest)
    }
}

struct Recogniser<'a> {
    customer: &'a Customer,
    doubts: Vec<&'a Doubt>,
    spelling: &'a dyn Fn(&str, &str) -> String,
}

impl Recognise for Recogniser<'_> {
    fn digest(&self, field: &str, text: &str) -> String {
        self.customer.digest(field, &(self.spelling)(field, text))
    }

    fn doubtful(&self, field: &str, text: &str) -> Option<Stamp> {
        let text = (self.spelling)(field, text);
        let wrote = |doubt: &&&Doubt| {
            let salt = if doubt.salt.is_empty() { &self.customer.salt } else { &doubt.salt };
            doubt.values.get(field).is_some_and(|known| *known == digest(salt, field, &text))
        };
        // The latest first: of two tries that wanted the same text, the later one wrote last.
        self.doubts.iter().rev().find(wrote).map(|doubt| doubt.stamp)
    }
}

/// 48 bits in eight characters: enough to distinguish a value from the few that a field ever holds.
fn digest(salt: &str, field: &str, text: &str) -> String {
    let mut hash = Sha256::new();
    for part in [salt, field, text] {
        // With its length, so that `ab`, `c` and `a`, `bc` come to different digests.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    BASE64.encode(&hash.finalize()[..6])
}

fn is_after(hexadecimal: &str, now: u64) -> bool {
    // What cannot be read has expired: to do an event twice is safe, to leave one out is not.
    u64::from_str_radix(hexadecimal, 16).is_ok_and(|until| until > now)
}

fn newer(one: Option<Stamp>, other: Option<Stamp>) -> Option<Stamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if one.is_older_than(&other) { other } else { one }),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handoff::Conversation;
    use proptest::prelude::*;

    const NOW: u64 = 1_800_000_000;
    const STAMP: Stamp = Stamp { created: None, received: 1 };

    fn names(id: Option<&str>, channel: Option<&str>) -> Names {
        Names::of(&Conversation {
            id: id.map(str::to_owned),
            channel_url: channel.map(str::to_owned),
            channel_type: None,
        })
    }

    fn customer() -> Customer {
        let mut customer = Customer::default();
        customer.ensure_salt("salt");
        customer
    }

    fn subject<'a>(names: &'a Names, event_id: &'a str) -> Subject<'a> {
        Subject { names, event_id, stamp: STAMP }
    }

    fn as_it_is(_: &str, text: &str) -> String {
        text.to_owned()
    }

    fn is_doubtful(customer: &Customer, names: &Names, ticket: u64, text: &str) -> bool {
        customer.recogniser(names, ticket, &as_it_is).doubtful("tier", text).is_some()
    }

    fn tier(text: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("tier".to_owned(), text.to_owned())])
    }

    #[test]
    fn digests_differ_by_salt_field_and_text() {
        let all =
            [("s", "f", "t"), ("x", "f", "t"), ("s", "x", "t"), ("s", "f", "x"), ("sf", "", "t")];
        let digests: BTreeSet<String> = all.map(|(s, f, t)| digest(s, f, t)).into();
        assert_eq!(digests.len(), all.len());
        assert!(digests.iter().all(|digest| digest.len() == 8));
    }

    #[test]
    fn named_event_is_done_for_a_month() {
        let mut customer = customer();
        customer.remember_done("e1", true, NOW);
        assert!(customer.has_done("e1", NOW + RECORD_TTL.as_secs() - 1));
        assert!(!customer.has_done("e1", NOW + RECORD_TTL.as_secs()));
        assert!(!customer.has_done("e2", NOW));
    }

    /// The same words a day later are a new handoff.
    #[test]
    fn digested_event_is_done_for_ten_minutes() {
        let mut customer = customer();
        customer.remember_done("digest", false, NOW);
        assert!(customer.has_done("digest", NOW + 599) && !customer.has_done("digest", NOW + 600));
    }

    #[test]
    fn oldest_done_event_is_forgotten_first() {
        let mut customer = customer();
        for n in 0..=MAX_DONE {
            customer.remember_done(&format!("e{n}"), true, NOW);
        }
        assert!(!customer.has_done("e0", NOW) && customer.has_done("e1", NOW));
    }

    /// One handoff carried the id, another the channel, the third one both.
    #[test]
    fn conversations_join_by_shared_name() {
        let mut customer = customer();
        customer.conversation(&names(Some("1"), None)).ticket(10);
        customer.conversation(&names(None, Some("ch"))).ticket(20);
        assert_eq!(customer.tickets_of_others(&names(Some("1"), None)), BTreeSet::from([20]));
        let joined = customer.conversation(&names(Some("1"), Some("ch")));
        assert_eq!(joined.tickets.iter().map(|ticket| ticket.id).collect::<Vec<_>>(), [10, 20]);
        assert!(customer.tickets_of_others(&names(Some("1"), None)).is_empty());
        assert_eq!(customer.conversations.len(), 1);
    }

    #[test]
    fn conversation_unused_longest_is_forgotten() {
        let mut customer = customer();
        for n in 0..=MAX_CONVERSATIONS {
            customer.conversation(&names(Some(&n.to_string()), None)).ticket(n as u64);
        }
        assert_eq!(customer.conversations.len(), MAX_CONVERSATIONS);
        assert_eq!(customer.conversation(&names(Some("0"), None)).latest(), None);
    }

    #[test]
    fn doubt_is_about_its_own_ticket() {
        let (mut customer, one, other) =
            (customer(), names(Some("1"), None), names(Some("2"), None));
        customer.doubt_writes(subject(&one, "e1"), 10, tier("gold"));
        assert!(is_doubtful(&customer, &one, 10, "gold"));
        assert!(
            !is_doubtful(&customer, &one, 11, "gold")
                && !is_doubtful(&customer, &other, 10, "gold")
        );
        customer.settle_doubts(&one);

        assert!(!is_doubtful(&customer, &one, 10, "gold"));
    }

    #[test]
    fn certain_try_leaves_no_doubt() {
        let (mut customer, one) = (customer(), names(Some("1"), None));
        customer.doubt_writes(subject(&one, "e1"), 10, BTreeMap::new());
        assert_eq!(customer.doubts, []);
    }

    #[test]
    fn lost_create_settles_within_a_minute() {
        let (mut customer, one) = (customer(), names(Some("1"), None));
        customer.doubt_create(subject(&one, "e1"), tier("gold"), NOW);
        assert_eq!(customer.create_in_doubt(&one, NOW + 10), Some(50));
        assert_eq!(customer.create_in_doubt(&one, NOW + SETTLING), None);
        assert_eq!(customer.create_in_doubt(&names(Some("2"), None), NOW), None);
        assert!(
            customer.may_have_made(subject(&one, "e1"))
                && !customer.may_have_made(subject(&one, "e2"))
        );
    }

    /// DynamoDB bills by the kilobyte.
    #[test]
    fn usual_item_has_at_most_two_kilobytes() {
        let mut customer = Customer::default();
        customer.ensure_salt("0123456789abcdef0123456789abcdef");
        customer.desk_id = Some(5_556_923);
        let channel = "sendbird_group_channel_123456789_0123456789abcdef0123456789abcdef01234567";
        let names = names(Some("2647123"), Some(channel));
        let fields: Vec<(String, String)> = (0..20)
            .map(|n| (format!("a-long-field-key-{n:02}"), customer.digest("f", &n.to_string())))
            .collect();
        let conversation = customer.conversation(&names);
        conversation.remember_newest(Stamp {
            created: Some(1_753_864_232_000_000),
            received: 1_800_000_000_000,
        });
        for (n, (field, digest)) in fields.into_iter().enumerate() {
            let stamp = Stamp {
                created: Some(1_753_864_232_000_000),
                received: 1_800_000_000_000 + n as i64 % 2,
            };
            conversation.ticket(7_455_126).marks.confirm(&field, digest, stamp);
        }
        for n in 0..32 {
            customer.remember_done(&format!("e{n}"), true, NOW);
        }

        let key =
            crate::claims::item_key(&crate::config::AppId::parse(&"A".repeat(36)).unwrap(), "user");
        let item = key.len() + serde_json::to_string(&customer).unwrap().len();
        let attributes = "pk customer lease_token expires".len() + 32 + 10;
        assert!(item + attributes <= 2048, "{item} bytes and {attributes}");
    }

    proptest! {
        /// However many events, conversations and doubts there are, what is remembered is bounded
        /// and survives storage.
        #[test]
        fn memory_is_bounded(steps in prop::collection::vec((0..40u32, 0..40u32, any::<bool>()), 0..200)) {
            let mut customer = customer();
            for (id, channel, create) in steps {
                let names = names(Some(&id.to_string()), Some(&format!("ch{channel}")));
                customer.conversation(&names).ticket(u64::from(id) * 100 + u64::from(channel));
                customer.remember_done(&format!("e{id}-{channel}"), create, NOW);
                if create {
                    customer.doubt_create(subject(&names, "e"), tier("gold"), NOW);
                } else {
                    customer.doubt_writes(subject(&names, "e"), 1, tier("gold"));
                }
            }

            let stored = serde_json::to_string(&customer).unwrap();
            prop_assert!(stored.len() < 40_000, "{}", stored.len());
            prop_assert_eq!(serde_json::from_str::<Customer>(&stored).unwrap(), customer);
        }
    }
}
