//! What holds for all claims, those of one process and those in DynamoDB: facts, each about
//! customers of its own.
//!
//! Times are arguments, so nothing waits. Shared by both test binaries; `holds_for!` makes a test
//! of every fact.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use desk_handoff::claims::customer::Subject;
use desk_handoff::claims::{
    Attempt, ClaimRequest, ClaimResult, Claims, Customer, Lease, MAX_ATTEMPTS, RECORD_TTL, claim,
};
use desk_handoff::handoff::{Conversation, Stamp};
use desk_handoff::ticket::find::Names;
use futures_util::future::join_all;

/// When every fact begins, in seconds since 1970.
const START: u64 = 1_800_000_000;
/// How long the leases of these facts last.
const LEASE: u64 = 34;
const STAMP: Stamp = Stamp { created: None, received: 1 };

/// A test for every fact, with the claims that the expression makes.
macro_rules! holds_for {
    ($claims:expr) => {
        $crate::claims_contract::holds_for! { $claims;
            first_claim_knows_nothing
            held_customer_is_in_progress
            done_event_is_already_done
            done_event_is_known_during_work
            next_claim_knows_what_was_given_back
            crash_leaves_attempt_in_doubt
            several_crashes_are_all_in_doubt
            too_many_crashes_begin_anew
            duplicate_frees_customer_and_keeps_doubts
            expired_lease_can_be_taken
            late_owner_changes_nothing
            late_owner_may_finish_alone
            expired_item_counts_as_absent
            repeated_claim_is_one_claim
            one_of_64_claims_is_granted
            customers_do_not_meet
            reading_takes_nothing
        }
    };
    ($claims:expr; $($fact:ident)*) => {$(
        #[tokio::test]
        async fn $fact() {
            $crate::claims_contract::$fact(&$claims).await;
        }
    )*};
}
pub(crate) use holds_for;

/// One customer, of whom every claim has a token of its own.
struct Subjects<'a> {
    claims: &'a dyn Claims,
    key: String,
}

impl<'a> Subjects<'a> {
    fn new(claims: &'a dyn Claims) -> Self {
        Self { claims, key: format!("APP-1#customer#{}", unique()) }
    }

    /// A claim of a handoff that wants this order number.
    fn request(&self, event: &str, now: u64, order: &str) -> ClaimRequest {
        let token = format!("token-{}", unique());
        let until = now + LEASE;
        let values = [("order-id", order.to_owned())];
        let attempt = Attempt::new(&token, names(), event, STAMP, values, until);
        ClaimRequest { key: self.key.clone(), attempt, now, until, token }
    }

    async fn claim(&self, event: &str, now: u64) -> ClaimResult {
        claim(self.claims, &self.request(event, now, "1"), event).await.unwrap()
    }

    async fn granted(&self, event: &str, now: u64, order: &str) -> (Lease, Customer) {
        match claim(self.claims, &self.request(event, now, order), event).await.unwrap() {
            ClaimResult::Granted(permit, customer) => (permit, customer),
            other => panic!("{event} at {now}: {other:?}"),
        }
    }

    /// Works on an event to its end.
    async fn finish(&self, event: &str, now: u64, desk_id: u64) {
        let (permit, mut customer) = self.granted(event, now, "1").await;
        customer.settle_doubts(&names());
        customer.desk_id = Some(desk_id);
        customer.remember_done(event, true, now);
        self.claims.give_back(permit, &customer, now).await.unwrap();
    }
}

fn unique() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn names() -> Names {
    let (id, channel_url) = (Some("2647".to_owned()), Some("ch_1".to_owned()));
    Names::of(&Conversation { id, channel_url, channel_type: None })
}

/// Whether this order number may have been written by a try that never came to its end.
fn is_doubtful(customer: &Customer, order: &str) -> bool {
    use desk_handoff::ticket::merge::Recognise as _;
    let as_it_is = |_: &str, text: &str| text.to_owned();
    let names = names();
    customer.recogniser(&names, 7, &as_it_is).doubtful("order-id", order).is_some()
}

#[track_caller]
fn is_in_progress(result: &ClaimResult, until: u64) {
    let expected = matches!(result, ClaimResult::InProgress(found) if *found == until);
    assert!(expected, "{result:?}, not in progress until {until}");
}

#[track_caller]
fn is_done(result: &ClaimResult, desk_id: u64) {
    let expected =
        matches!(result, ClaimResult::AlreadyDone(customer) if customer.desk_id == Some(desk_id));
    assert!(expected, "{result:?}, not done with {desk_id}");
}

pub(crate) async fn first_claim_knows_nothing(claims: &dyn Claims) {
    let (_, customer) = Subjects::new(claims).granted("e1", START, "1").await;
    assert_eq!(customer.desk_id, None);
    assert!(!is_doubtful(&customer, "1"), "what this very try is about to write is no doubt");
}

pub(crate) async fn held_customer_is_in_progress(claims: &dyn Claims) {
    let subject = Subjects::new(claims);
    let _held = subject.granted("e1", START, "1").await;
    for now in [START, START + LEASE - 1] {
        is_in_progress(&subject.claim("e1", now).await, START + LEASE);
        is_in_progress(&subject.claim("e2", now).await, START + LEASE);
    }
}

pub(crate) async fn done_event_is_already_done(claims: &dyn Claims) {
    let subject = Subjects::new(claims);
    subject.finish("e1", START, 5).await;
    is_done(&subject.claim("e1", START).await, 5);
    is_done(&subject.claim("e1", START + RECORD_TTL.as_secs() - 1).await, 5);
}

pub(crate) async fn done_event_is_known_during_work(claims: &dyn Claims) {
    let subject = Subjects::new(claims);
    subject.finish("e1", START, 5).await;
    let _held = subject.granted("e2", START, "1").await;
    is_done(&subject.claim("e1", START).await, 5);
}

pub(crate) async fn next_claim_knows_what_was_given_back(claims: &dyn Claims) {
    let subject = Subjects::new(claims);
    let (permit, mut customer) = subject.granted("e1", START, "1").await;
    customer.desk_id = Some(5);
    let mut conversation_names = names();
    customer.conversation(&conversation_names).ticket(7);
    claims.give_back(permit, &customer, START).await.unwrap();

    let (_, mut known) = subject.granted("e1", START, "1").await;
    assert_eq!(known, customer);
    conversation_names.join(&names());
    assert_eq!(known.conversation(&conversation_names).latest().unwrap().id, 7);
    assert!(!is_doubtful(&known, "1"), "it was given back");
}

pub(crate) async fn crash_leaves_attempt_in_doubt(claims: &dyn Claims) {
    let subject = Subjects::new(claims);
    let _crashed = subject.granted("e1", START, "1").await;
    let later = START + LEASE;
    let (_, customer) = subject.granted("e2", later, "2").await;
    assert!(is_doubtful(&customer, "1") && !is_doubtful(&customer, "2"));
    assert_eq!(customer.create_in_doubt(&names(), later), Some(60), "a ticket may be there");
}

pub(crate) async fn several_crashes_are_all_in_doubt(claims: &dyn Claims) {
    let subject = Subjects::new(claims);
    subject.finish("e0", START, 5).await;
    for n in 1..4 {
        let _crashed = subject.granted("e1", START + n * LEASE, &n.to_string()).await;
    }
    let (permit, customer) = subject.granted("e2", START + 4 * LEASE, "x").await;
    assert!(["1", "2", "3"].iter().all(|order| is_doubtful(&customer, order)));
    assert_eq!(customer.desk_id, Some(5), "what was remembered before is known too");

    claims.give_back(permit, &customer, START + 4 * LEASE).await.unwrap();
    let (_, again) = subject.granted("e2", START + 4 * LEASE, "x").await;
    assert_eq!(again, customer, "doubts stay until a look settles them, and once each");
}

pub(crate) async fn too_many_crashes_begin_anew(claims: &dyn Claims) {
    let subject = Subjects::new(claims);
    let crashes = MAX_ATTEMPTS as u64 + 1;
    for n in 0..crashes {
        let _crashed = subject.granted("e1", START + n * LEASE, &n.to_string()).await;
    }
    let (_, customer) = subject.granted("e2", START + crashes * LEASE, "x").await;
    assert!(is_doubtful(&customer, &(crashes - 1).to_string()), "the last one is known");
    assert!(!is_doubtful(&customer, "0"), "the first one is forgotten");
}

pub(crate) async fn duplicate_frees_customer_and_keeps_doubts(claims: &dyn Claims) {
    let subject = Subjects::new(claims);
    subject.finish("e1", START, 5).await;
    let _crashed = subject.granted("e2", START, "2").await;
    is_done(&subject.claim("e1", START + LEASE).await, 5);
    let (_, customer) = subject.granted("e3", START + LEASE, "3").await;
    assert!(is_doubtful(&customer, "2"));
    assert!(!is_doubtful(&customer, "1"), "a duplicate writes nothing");
}

pub(crate) async fn expired_lease_can_be_taken(claims: &dyn Claims) {
    let subject = Subjects::new(claims);
    let _crashed = subject.granted("e1", START, "1").await;
    subject.finish("e1", START + LEASE, 6).await;
    is_done(&subject.claim("e1", START + LEASE).await, 6);
}

pub(crate) async fn late_owner_changes_nothing(claims: &dyn Claims) {
    let subject = Subjects::new(claims);
    let (late, mut customer) = subject.granted("e1", START, "1").await;
    subject.finish("e2", START + LEASE, 6).await;
    customer.desk_id = Some(9);
    let error = claims.give_back(late, &customer, START + LEASE).await.unwrap_err();
    assert!(error.to_string().contains("the lease was lost"), "{error}");
    is_done(&subject.claim("e2", START + LEASE).await, 6);
}

pub(crate) async fn late_owner_may_finish_alone(claims: &dyn Claims) {
    let subject = Subjects::new(claims);
    let (late, mut customer) = subject.granted("e1", START, "1").await;
    customer.desk_id = Some(9);
    customer.remember_done("e1", true, START + 2 * LEASE);
    claims.give_back(late, &customer, START + 2 * LEASE).await.unwrap();
    is_done(&subject.claim("e1", START + 2 * LEASE).await, 9);
}

pub(crate) async fn expired_item_counts_as_absent(claims: &dyn Claims) {
    let subject = Subjects::new(claims);
    subject.finish("e1", START, 5).await;
    let (_, customer) = subject.granted("e1", START + RECORD_TTL.as_secs(), "1").await;
    assert_eq!(customer.desk_id, None);
}

pub(crate) async fn repeated_claim_is_one_claim(claims: &dyn Claims) {
    let subject = Subjects::new(claims);
    let request = subject.request("e1", START, "1");
    for _ in 0..2 {
        let result = claim(claims, &request, "e1").await.unwrap();
        let ClaimResult::Granted(_, customer) = result else { panic!("{result:?}") };
        assert!(!is_doubtful(&customer, "1"));
    }
}

pub(crate) async fn one_of_64_claims_is_granted(claims: &dyn Claims) {
    let subject = Subjects::new(claims);
    let events: Vec<String> = (0..64).map(|n| format!("e{n}")).collect();
    let results = join_all(events.iter().map(|event| subject.claim(event, START))).await;
    let granted = results.iter().filter(|result| matches!(result, ClaimResult::Granted(..)));
    assert_eq!(granted.count(), 1);
}

pub(crate) async fn customers_do_not_meet(claims: &dyn Claims) {
    let (one, other) = (Subjects::new(claims), Subjects::new(claims));
    let _held = one.granted("e1", START, "1").await;
    other.finish("e1", START, 6).await;
    is_in_progress(&one.claim("e1", START).await, START + LEASE);
    is_done(&other.claim("e1", START).await, 6);
}

pub(crate) async fn reading_takes_nothing(claims: &dyn Claims) {
    let subject = Subjects::new(claims);
    assert_eq!(claims.read(&subject.key).await.unwrap(), None);
    let (permit, mut customer) = subject.granted("e1", START, "1").await;
    let values = BTreeMap::from([("order-id".to_owned(), "8".to_owned())]);
    let names = names();
    customer.doubt_writes(Subject { names: &names, event_id: "e1", stamp: STAMP }, 7, values);
    claims.give_back(permit, &customer, START).await.unwrap();

    let read = claims.read(&subject.key).await.unwrap().unwrap().known(START);
    assert!(is_doubtful(&read, "8"));
    subject.finish("e1", START, 5).await;
}
