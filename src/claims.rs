//! Who may work on a conversation, and what is remembered of it: one item a conversation.
//!
//! [`Claims::claim`] gives a [`Permit`] to one caller at a time; only with it can the item be completed or released. A
//! lease that was never given back (a crash) ends by itself. What is remembered is ids and keyed digests, never a value.
//! [`Memory`] is the twin for the local run; the one on DynamoDB is in [`crate::aws`]; one suite of tests holds for both.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::config::AppId;
use crate::handoff::Handoff;
use crate::seam::{BoxFuture, StoreError};

/// How long an item is kept after it was last touched: longer than a message can lie on the queue (4 days), then on the
/// dead-letter queue (14 days), then after a redrive on the queue again.
pub const RECORD_LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How much longer a lease lasts than the invocation that took it may work: more than that keeps for its end.
pub const LEASE_MARGIN: Duration = Duration::from_secs(5);
/// How many events of a conversation are remembered as done.
pub const MAX_DONE: usize = 32;
/// How many tries that were not done, of those that would write different things, are remembered; the one after them
/// begins anew. What an older one wrote then counts as somebody else's.
pub const MAX_PENDING: usize = 32;
/// How many digests of values are remembered of a conversation; with more its memory of them begins anew. A ticket has 20
/// fields, so only many tries that fail or many tickets come to so many. With [`MAX_PENDING`] it keeps an item within
/// DynamoDB's 400 KB.
pub const MAX_WRITTEN: usize = 1_000;

/// The seam to the claims.
pub trait Claims: Send + Sync {
    /// Asks for the conversation.
    fn claim<'a>(&'a self, request: &'a ClaimRequest) -> BoxFuture<'a, Result<Answer, StoreError>>;

    /// The work is done: remembers it and gives the conversation back. Fails if the lease was lost to somebody else.
    fn complete<'a>(&'a self, permit: Permit, record: Record, now: u64) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The work is not done: gives the conversation back. A lease that was lost is no failure.
    fn release<'a>(&'a self, permit: Permit) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Gets ready what the first claim would have to wait for; that it cannot is no failure.
    fn open(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// What a claim is asked for.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// [`item_key`]
    pub key: String,
    /// [`event_digest`]
    pub event: String,
    /// What is about to be written, remembered in case that this caller does not live to say so.
    pub pending: Written,
    /// Seconds since 1970.
    pub now: u64,
    /// When the lease ends by itself, in seconds since 1970.
    pub until: u64,
    /// Unlike any other claim's.
    pub token: String,
}

/// What a claim is answered with.
#[derive(Debug)]
pub enum Answer {
    /// Go on.
    Go(Permit),
    /// This event is done already.
    Duplicate(Record),
    /// Somebody is at it until then at the latest, in seconds since 1970.
    Busy(u64),
}

/// The right to work on a conversation. Made by a [`Claims`] only, used up by giving it back.
#[derive(Debug)]
pub struct Permit {
    pub(crate) key: String,
    pub(crate) token: String,
    pub(crate) event: String,
    pub(crate) done: Vec<String>,
    /// What is known of the conversation.
    pub known: Record,
}

/// What is remembered of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Its ticket.
    pub ticket_id: Option<u64>,
    /// Desk's number of its customer.
    pub customer_id: Option<u64>,
    /// What this software wrote.
    pub written: Written,
    /// The time of the newest handoff that was done, in microseconds since 1970, if it could be read.
    pub newest: Option<i64>,
}

/// Field key to the digests of what this software wrote there; more than one after a crash.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Written(BTreeMap<String, BTreeSet<String>>);

impl Written {
    /// Remembers one digest for the field, in place of what was remembered.
    pub fn set(&mut self, field: &str, digest: String) {
        self.0.insert(field.to_owned(), BTreeSet::from([digest]));
    }

    /// Whether one of these digests was written there.
    pub fn has(&self, field: &str, digests: &[String]) -> bool {
        self.0.get(field).is_some_and(|known| digests.iter().any(|digest| known.contains(digest)))
    }

    /// How many digests are remembered.
    pub fn count(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }

    /// Adds what another one remembers.
    pub fn merge(&mut self, other: Self) {
        for (field, digests) in other.0 {
            self.0.entry(field).or_default().extend(digests);
        }
    }
}

/// The name of a conversation's item. The conversation is named by its channel, else by its id: a sender that names the
/// same one now this way and now that way has two.
pub fn item_key(app_id: &AppId, handoff: &Handoff) -> String {
    format!("{app_id}#{}", hex::encode(Sha256::digest(handoff.conversation.name())))
}

/// The name of an event among those of its conversation.
pub fn event_digest(handoff: &Handoff) -> String {
    hex::encode(&Sha256::digest(&handoff.event_id)[..16])
}

/// Makes the digests of [`Written`]: keyed with the Desk token, so that the table alone tells nothing of the values.
pub struct Digester(Vec<Hmac<Sha256>>);

impl Digester {
    /// For one item; the first key makes digests, all of them recognise one.
    pub fn new(keys: &[SecretString], item: &str) -> Self {
        let keyed = |key: &SecretString| {
            let mac = Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes());
            let mut mac = mac.expect("HMAC takes a key of any length");
            ["desk-handoff written", item].iter().for_each(|part| add(&mut mac, part));
            mac
        };
        Self(keys.iter().map(keyed).collect())
    }

    /// The digest to remember.
    pub fn digest(&self, field: &str, text: &str) -> String {
        self.0.first().map(|key| with(key, field, text)).unwrap_or_default()
    }

    /// The digests to look for.
    pub fn digests(&self, field: &str, text: &str) -> Vec<String> {
        self.0.iter().map(|key| with(key, field, text)).collect()
    }
}

fn with(key: &Hmac<Sha256>, field: &str, text: &str) -> String {
    let mut mac = key.clone();
    [field, text.trim()].iter().for_each(|part| add(&mut mac, part));
    hex::encode(&mac.finalize().into_bytes()[..16])
}

fn add(mac: &mut Hmac<Sha256>, part: &str) {
    mac.update(&(part.len() as u64).to_be_bytes());
    mac.update(part.as_bytes());
}

/// How the store names itself.
pub(crate) const NAME: &str = "the claims table";

/// Why the work of somebody who was too slow is not remembered.
pub(crate) fn lease_lost() -> StoreError {
    StoreError { store: NAME, reason: "the lease was lost".to_owned() }
}

/// One conversation's item, as any store holds it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Item {
    pub(crate) record: Record,
    /// What the tries since the record were about to write, each different from the others.
    pub(crate) pending: Vec<Written>,
    pub(crate) done: Vec<String>,
    /// Token and end of the lease.
    pub(crate) lease: Option<(String, u64)>,
    pub(crate) expires: u64,
}

impl Item {
    /// Whether it is to be forgotten, although its store may still have it.
    pub(crate) fn is_over(&self, now: u64) -> bool {
        self.expires <= now
    }

    /// Remembers what a try is about to write. DynamoDB does the same by its conditions.
    fn add(&mut self, pending: &Written) {
        if self.pending.len() >= MAX_PENDING {
            self.pending.clear();
        }
        if !self.pending.contains(pending) {
            self.pending.push(pending.clone());
        }
    }

    /// The permit for a claim that was granted, given the item as it was before.
    pub(crate) fn permit(before: Option<Self>, request: &ClaimRequest) -> Permit {
        let before = before.unwrap_or_default();
        let mut known = before.record;
        if known.written.count() > MAX_WRITTEN {
            known.written = Written::default();
        }
        before.pending.into_iter().for_each(|pending| known.written.merge(pending));
        Permit {
            key: request.key.clone(),
            token: request.token.clone(),
            event: request.event.clone(),
            done: before.done,
            known,
        }
    }

    /// The answer for a claim that was not granted, given the item that stood in its way. A claim that was repeated
    /// because its answer was lost stands in its own way.
    pub(crate) fn refusal(self, request: &ClaimRequest) -> Answer {
        if self.lease.as_ref().is_some_and(|(token, _)| *token == request.token) {
            return Answer::Go(Self::permit(Some(self), request));
        }
        if self.done.contains(&request.event) {
            return Answer::Duplicate(self.record);
        }
        Answer::Busy(self.lease.map_or(request.now, |(_, until)| until))
    }

    /// Whether a claim is granted. DynamoDB decides the same by its condition.
    pub(crate) fn grants(&self, request: &ClaimRequest) -> bool {
        let free = self.lease.as_ref().is_none_or(|(_, until)| *until <= request.now);
        free && !self.done.contains(&request.event)
    }
}

impl Permit {
    /// The events that are done once this one is.
    pub(crate) fn done_with_this(&self) -> Vec<String> {
        let kept = self.done.len().saturating_sub(MAX_DONE - 1);
        self.done[kept..].iter().cloned().chain([self.event.clone()]).collect()
    }
}

/// When an item touched now is forgotten.
pub(crate) fn expiry(now: u64) -> u64 {
    now + RECORD_LIFE.as_secs()
}

/// Claims of one process: for the local run.
#[derive(Debug, Default)]
pub struct Memory(Mutex<HashMap<String, Item>>);

impl Memory {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, Item>) -> T) -> T {
        work(&mut self.0.lock().expect("no holder of the claims panics"))
    }

    fn given_back(items: &mut HashMap<String, Item>, permit: &Permit) -> Option<Item> {
        let item = items.get(&permit.key)?;
        let held = item.lease.as_ref().is_some_and(|(token, _)| *token == permit.token);
        held.then(|| Item { lease: None, ..item.clone() })
    }
}

impl Claims for Memory {
    fn claim<'a>(&'a self, request: &'a ClaimRequest) -> BoxFuture<'a, Result<Answer, StoreError>> {
        let answer = self.with(|items| {
            let before = items.get(&request.key).filter(|item| !item.is_over(request.now)).cloned();
            if let Some(item) = before.as_ref().filter(|item| !item.grants(request)) {
                return item.clone().refusal(request);
            }
            let mut item = before.clone().unwrap_or_default();
            item.add(&request.pending);
            item.lease = Some((request.token.clone(), request.until));
            item.expires = expiry(request.now);
            items.insert(request.key.clone(), item);
            Answer::Go(Item::permit(before, request))
        });
        Box::pin(std::future::ready(Ok(answer)))
    }

    fn complete<'a>(&'a self, permit: Permit, record: Record, now: u64) -> BoxFuture<'a, Result<(), StoreError>> {
        let done = self.with(|items| {
            let item = Self::given_back(items, &permit)?;
            let done = permit.done_with_this();
            let item = Item { record, pending: Vec::new(), done, expires: expiry(now), ..item };
            items.insert(permit.key.clone(), item)
        });
        Box::pin(std::future::ready(done.map(|_| ()).ok_or_else(lease_lost)))
    }

    fn release<'a>(&'a self, permit: Permit) -> BoxFuture<'a, Result<(), StoreError>> {
        self.with(|items| {
            if let Some(item) = Self::given_back(items, &permit) {
                items.insert(permit.key.clone(), item);
            }
        });
        Box::pin(std::future::ready(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handoff::{Context, Conversation, TicketWish};

    fn handoff(event_id: &str, channel: Option<&str>, id: &str) -> Handoff {
        let channel_url = channel.map(str::to_owned);
        Handoff {
            event_id: event_id.into(),
            conversation: Conversation { id: Some(id.into()), channel_url, channel_type: None },
            user_id: "user_1".into(),
            context: Context::default(),
            language: None,
            country: None,
            ai_agent_id: None,
            handoff_at: None,
            ticket: TicketWish::default(),
        }
    }

    fn keys<const N: usize>(keys: [&str; N]) -> [SecretString; N] {
        keys.map(SecretString::from)
    }

    fn written(entries: &[(&str, &str)]) -> Written {
        let mut written = Written::default();
        entries.iter().for_each(|(field, digest)| written.set(field, (*digest).to_owned()));
        written
    }

    fn request(event: &str, token: &str) -> ClaimRequest {
        let (event, token) = (event.to_owned(), token.to_owned());
        ClaimRequest { key: "k".into(), event, pending: Written::default(), now: 100, until: 130, token }
    }

    #[test]
    fn an_item_is_named_by_application_and_channel_and_by_the_id_only_without_a_channel() {
        let key = |app: &str, handoff: Handoff| item_key(&AppId::parse(app).unwrap(), &handoff);
        let named = key("APP-1", handoff("e1", Some("ch"), "1"));
        let (app, digest) = named.split_once('#').unwrap();
        assert_eq!((app, digest.len()), ("APP-1", 64));
        assert!(!named.contains("ch"));
        assert_eq!(named, key("APP-1", handoff("e2", Some("ch"), "2")));
        assert_ne!(named, key("APP-2", handoff("e1", Some("ch"), "1")));
        assert_ne!(named, key("APP-1", handoff("e1", Some("ch2"), "1")));
        assert_ne!(key("APP-1", handoff("e1", None, "1")), key("APP-1", handoff("e1", None, "2")));
    }

    #[test]
    fn an_event_is_named_by_its_id_alone() {
        let digest = event_digest(&handoff("evt-1", Some("ch"), "1"));
        assert_eq!((digest.len(), digest.contains("evt")), (32, false));
        assert_eq!(digest, event_digest(&handoff("evt-1", None, "2")));
        assert_ne!(digest, event_digest(&handoff("evt-2", Some("ch"), "1")));
    }

    #[test]
    fn a_digest_differs_by_field_item_key_and_text() {
        let (one, other) = (keys(["one"]), keys(["other"]));
        let digest = Digester::new(&one, "APP-1#1").digest("order-id", "A-1");
        assert_eq!(digest.len(), 32);
        assert_eq!(digest, Digester::new(&one, "APP-1#1").digest("order-id", "A-1"));
        for different in [
            Digester::new(&one, "APP-1#1").digest("order-link", "A-1"),
            Digester::new(&one, "APP-1#1").digest("order-id", "A-2"),
            Digester::new(&one, "APP-1#1").digest("order-i", "dA-1"),
            Digester::new(&one, "APP-1#1o").digest("rder-id", "A-1"),
            Digester::new(&one, "APP-1#2").digest("order-id", "A-1"),
            Digester::new(&other, "APP-1#1").digest("order-id", "A-1"),
        ] {
            assert_ne!(digest, different);
        }
    }

    #[test]
    fn a_digest_does_not_differ_by_surrounding_blanks() {
        let one = keys(["one"]);
        let digester = Digester::new(&one, "APP-1#1");
        assert_eq!(digester.digest("summary", "two words"), digester.digest("summary", " two words\n"));
        assert_ne!(digester.digest("summary", "two words"), digester.digest("summary", "twowords"));
    }

    #[test]
    fn what_was_written_with_a_former_key_is_recognised() {
        let (old, rotated) = (keys(["old"]), keys(["new", "old"]));
        let (before, after) = (Digester::new(&old, "APP-1#1"), Digester::new(&rotated, "APP-1#1"));
        let known = written(&[("tier", &before.digest("tier", "gold"))]);
        assert!(known.has("tier", &after.digests("tier", "gold")));
        assert!(!known.has("tier", &after.digests("tier", "silver")));
        assert_ne!(after.digest("tier", "gold"), before.digest("tier", "gold"), "the newest key makes new ones");
    }

    #[test]
    fn without_a_key_nothing_is_recognised() {
        let digester = Digester::new(&[], "APP-1#1");
        let known = written(&[("tier", &digester.digest("tier", "gold"))]);
        assert!(!known.has("tier", &digester.digests("tier", "gold")));
    }

    #[test]
    fn what_was_written_is_replaced_by_field_and_added_to_by_a_merge() {
        let has = |written: &Written, field: &str, digest: &str| written.has(field, &[digest.to_owned()]);
        let mut known = written(&[("a", "1"), ("b", "1"), ("a", "2")]);
        assert!(has(&known, "a", "2") && !has(&known, "a", "1") && has(&known, "b", "1") && !has(&known, "c", "1"));
        known.merge(written(&[("a", "3"), ("c", "1")]));
        assert!(has(&known, "a", "2") && has(&known, "a", "3") && has(&known, "b", "1") && has(&known, "c", "1"));
        assert!(known.has("a", &["9".to_owned(), "3".to_owned()]) && !known.has("a", &[]));
        known.set("a", "4".to_owned());
        assert_eq!(known, written(&[("a", "4"), ("b", "1"), ("c", "1")]));
    }

    #[test]
    fn what_is_remembered_comes_back_from_json_and_a_younger_version_reads_an_older_one() {
        let record = Record {
            ticket_id: Some(u64::MAX),
            customer_id: None,
            written: written(&[("order-id", "d1")]),
            newest: Some(-1),
        };
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(
            json,
            r#"{"ticket_id":18446744073709551615,"customer_id":null,"written":{"order-id":["d1"]},"newest":-1}"#
        );
        assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
        let other: Record = serde_json::from_str(r#"{"ticket_id": 7, "later": true}"#).unwrap();
        assert_eq!(other, Record { ticket_id: Some(7), ..Record::default() });
    }

    #[test]
    fn an_item_outlives_a_message_that_a_redrive_brings_back() {
        let in_days = RECORD_LIFE.as_secs() / (24 * 60 * 60);
        assert!(in_days > 4 + 14 + 4, "{in_days} days");
        assert_eq!(expiry(1_000), 1_000 + RECORD_LIFE.as_secs());
    }

    #[test]
    fn an_item_is_over_when_its_time_has_come() {
        let item = Item { expires: 100, ..Item::default() };
        assert!(!item.is_over(99) && item.is_over(100) && item.is_over(101));
    }

    #[test]
    fn the_newest_events_stay_known_as_done_and_the_oldest_gives_way() {
        let done: Vec<String> = (1..=MAX_DONE).map(|number| format!("e{number}")).collect();
        let before = Item { done: done.clone(), ..Item::default() };
        let now_done = Item::permit(Some(before), &request("new", "mine")).done_with_this();
        assert_eq!(now_done, [&done[1..], &["new".to_owned()]].concat());
        assert_eq!(Item::permit(None, &request("new", "mine")).done_with_this(), ["new"]);
    }

    #[test]
    fn a_claim_is_granted_once_the_lease_has_ended_and_never_for_an_event_that_is_done() {
        let granted = |event: &str, until: Option<u64>| {
            let lease = until.map(|until| ("other".to_owned(), until));
            Item { done: vec!["e1".into()], lease, ..Item::default() }.grants(&request(event, "mine"))
        };
        assert!(granted("e2", None) && granted("e2", Some(100)) && !granted("e2", Some(101)));
        assert!(!granted("e1", None) && !granted("e1", Some(100)));
    }

    #[test]
    fn a_claim_that_finds_its_own_lease_was_granted_whatever_else_stands_there() {
        let item = Item {
            record: Record { ticket_id: Some(7), ..Record::default() },
            pending: vec![written(&[("a", "1")])],
            done: vec!["e1".into()],
            lease: Some(("mine".into(), 130)),
            expires: 1_000,
        };
        let Answer::Go(permit) = item.clone().refusal(&request("e1", "mine")) else { panic!("it is its own") };
        assert_eq!((permit.token.as_str(), permit.known.ticket_id, permit.done), ("mine", Some(7), item.done.clone()));
        assert!(permit.known.written.has("a", &["1".to_owned()]));
        assert!(matches!(item.clone().refusal(&request("e1", "other")), Answer::Duplicate(_)));
        assert!(matches!(item.refusal(&request("e2", "other")), Answer::Busy(130)));
    }

    #[test]
    fn tries_that_differ_are_remembered_up_to_their_limit_and_then_anew() {
        let mut item = Item::default();
        let tries: Vec<Written> = (0..=MAX_PENDING).map(|n| written(&[("a", &n.to_string())])).collect();
        for pending in &tries[..MAX_PENDING - 1] {
            item.add(pending);
            item.add(pending);
        }
        item.add(&tries[MAX_PENDING - 1]);
        assert_eq!(item.pending, tries[..MAX_PENDING]);
        item.add(&tries[MAX_PENDING]);
        assert_eq!(item.pending, tries[MAX_PENDING..]);
    }

    #[test]
    fn of_too_many_digests_none_is_remembered_but_what_the_last_tries_were_about_to_write() {
        let known = |count: usize| {
            let mut many = Written::default();
            (0..count).for_each(|n| many.merge(written(&[(&format!("key-{}", n % 3), &n.to_string())])));
            let record = Record { ticket_id: Some(7), written: many, ..Record::default() };
            let item = Item { record, pending: vec![written(&[("a", "1")])], ..Item::default() };
            Item::permit(Some(item), &request("e1", "mine")).known
        };
        assert_eq!(known(MAX_WRITTEN).written.count(), MAX_WRITTEN + 1);
        let anew = Record { ticket_id: Some(7), written: written(&[("a", "1")]), ..Record::default() };
        assert_eq!(known(MAX_WRITTEN + 1), anew);
    }
}
