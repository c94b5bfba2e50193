//! What holds for all claims, those of one process and those in DynamoDB: facts, each about conversations of its own.
//!
//! Times are arguments, so nothing waits. Shared by both test binaries; `holds_for!` makes a test of every fact.

use std::sync::atomic::{AtomicUsize, Ordering};

use desk_handoff::claims::{
    Answer, ClaimRequest, Claims, MAX_DONE, MAX_PENDING, MAX_WRITTEN, Permit, RECORD_LIFE, Record, Written,
};
use futures_util::future::join_all;

/// When every fact begins, in seconds since 1970.
const START: u64 = 1_800_000_000;
/// How long the leases of these facts last.
const LEASE: u64 = 34;

/// A test for every fact, with the claims that the expression makes.
macro_rules! holds_for {
    ($claims:expr) => {
        $crate::claims_contract::holds_for! { $claims;
            the_first_claim_goes_and_knows_nothing
            a_conversation_under_way_is_busy_until_the_end_of_the_lease
            an_event_that_is_done_is_a_duplicate_with_all_that_is_remembered
            another_event_goes_and_knows_what_is_remembered
            what_was_released_goes_again_and_knows_what_was_about_to_be_written
            what_a_crash_left_pending_is_known_with_what_is_remembered
            what_several_tries_left_pending_is_known_until_the_work_is_done
            however_many_tries_differ_only_so_many_are_remembered_and_the_next_one_goes
            more_digests_than_are_remembered_begin_anew_and_the_ticket_stays_known
            a_lease_that_ended_can_be_taken_and_its_late_owner_changes_nothing
            a_late_owner_may_complete_if_nobody_took_over
            an_item_past_its_life_counts_as_absent
            only_the_newest_events_are_remembered_as_done
            a_claim_repeated_with_its_own_token_is_one_claim
            of_64_claims_at_once_exactly_one_goes
            conversations_do_not_meet
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

/// One conversation, of which every claim has a token of its own.
struct Conversation<'a> {
    claims: &'a dyn Claims,
    key: String,
}

impl<'a> Conversation<'a> {
    fn new(claims: &'a dyn Claims) -> Self {
        Self { claims, key: format!("APP-1#{}", unique()) }
    }

    fn request(&self, event: &str, now: u64, pending: &[(&str, &str)]) -> ClaimRequest {
        let (key, event, token) = (self.key.clone(), event.to_owned(), unique().to_string());
        ClaimRequest { key, event, pending: written(pending), now, until: now + LEASE, token }
    }

    async fn claim(&self, event: &str, now: u64) -> Answer {
        self.claims.claim(&self.request(event, now, &[])).await.unwrap()
    }

    async fn go(&self, event: &str, now: u64, pending: &[(&str, &str)]) -> Permit {
        match self.claims.claim(&self.request(event, now, pending)).await.unwrap() {
            Answer::Go(permit) => permit,
            other => panic!("{event} at {now}: {other:?}"),
        }
    }

    async fn do_all_of(&self, event: &str, now: u64, record: Record) {
        self.claims.complete(self.go(event, now, &[]).await, record, now).await.unwrap();
    }
}

fn unique() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn written(entries: &[(&str, &str)]) -> Written {
    let mut written = Written::default();
    entries.iter().for_each(|(field, digest)| written.set(field, (*digest).to_owned()));
    written
}

fn knows(record: &Record, field: &str, digest: &str) -> bool {
    record.written.has(field, &[digest.to_owned()])
}

fn ticket(id: u64) -> Record {
    Record { ticket_id: Some(id), ..Record::default() }
}

#[track_caller]
fn is_busy(answer: &Answer, until: u64) {
    assert!(matches!(answer, Answer::Busy(found) if *found == until), "{answer:?}, not busy until {until}");
}

#[track_caller]
fn is_duplicate(answer: &Answer, record: &Record) {
    assert!(matches!(answer, Answer::Duplicate(found) if found == record), "{answer:?}, not a duplicate of {record:?}");
}

pub(crate) async fn the_first_claim_goes_and_knows_nothing(claims: &dyn Claims) {
    let permit = Conversation::new(claims).go("e1", START, &[("order-id", "d1")]).await;
    assert_eq!(permit.known, Record::default());
}

pub(crate) async fn a_conversation_under_way_is_busy_until_the_end_of_the_lease(claims: &dyn Claims) {
    let conversation = Conversation::new(claims);
    let _permit = conversation.go("e1", START, &[]).await;
    for now in [START, START + LEASE - 1] {
        is_busy(&conversation.claim("e1", now).await, START + LEASE);
        is_busy(&conversation.claim("e2", now).await, START + LEASE);
    }
    conversation.go("e2", START + LEASE, &[]).await;
}

pub(crate) async fn an_event_that_is_done_is_a_duplicate_with_all_that_is_remembered(claims: &dyn Claims) {
    let conversation = Conversation::new(claims);
    let record = Record {
        ticket_id: Some(u64::MAX),
        customer_id: Some(1),
        written: written(&[("order-id", "d1"), ("$priority", "d2")]),
        newest: Some(-62_135_596_800_000_000),
    };
    conversation.do_all_of("e1", START, record.clone()).await;
    for later in [0, 1, 60 * 60, 29 * 24 * 60 * 60] {
        is_duplicate(&conversation.claim("e1", START + later).await, &record);
    }
    // It is one also while another event of the conversation is under way.
    let _permit = conversation.go("e2", START + 1, &[]).await;
    is_duplicate(&conversation.claim("e1", START + 1).await, &record);
}

pub(crate) async fn another_event_goes_and_knows_what_is_remembered(claims: &dyn Claims) {
    let conversation = Conversation::new(claims);
    let record = Record { written: written(&[("order-id", "d1")]), newest: Some(5), ..ticket(7) };
    conversation.do_all_of("e1", START, record.clone()).await;
    let permit = conversation.go("e2", START, &[("order-id", "d2")]).await;
    assert_eq!(permit.known, record);
    claims.complete(permit, ticket(8), START).await.unwrap();
    is_duplicate(&conversation.claim("e1", START).await, &ticket(8));
    is_duplicate(&conversation.claim("e2", START).await, &ticket(8));
}

pub(crate) async fn what_was_released_goes_again_and_knows_what_was_about_to_be_written(claims: &dyn Claims) {
    let conversation = Conversation::new(claims);
    let permit = conversation.go("e1", START, &[("order-id", "d1")]).await;
    claims.release(permit).await.unwrap();
    let permit = conversation.go("e1", START, &[("order-id", "d1")]).await;
    assert_eq!(permit.known, Record { written: written(&[("order-id", "d1")]), ..Record::default() });
    claims.complete(permit, ticket(7), START).await.unwrap();
    is_duplicate(&conversation.claim("e1", START).await, &ticket(7));
}

pub(crate) async fn what_a_crash_left_pending_is_known_with_what_is_remembered(claims: &dyn Claims) {
    let conversation = Conversation::new(claims);
    let record = Record { written: written(&[("order-id", "d1"), ("tier", "d1")]), ..ticket(7) };
    conversation.do_all_of("e1", START, record).await;
    let _lost_in_the_crash = conversation.go("e2", START, &[("order-id", "d2"), ("summary", "d2")]).await;
    let known = conversation.go("e2", START + LEASE, &[]).await.known;
    assert_eq!(known.ticket_id, Some(7));
    for (field, digest) in [("order-id", "d1"), ("order-id", "d2"), ("tier", "d1"), ("summary", "d2")] {
        assert!(knows(&known, field, digest), "{field} {digest}");
    }
}

/// The first try may have written and the second not: what Desk holds is ours all the same.
pub(crate) async fn what_several_tries_left_pending_is_known_until_the_work_is_done(claims: &dyn Claims) {
    let conversation = Conversation::new(claims);
    let _lost_in_the_crash = conversation.go("e1", START, &[("order-id", "d1")]).await;
    let released = conversation.go("e2", START + LEASE, &[("order-id", "d2")]).await;
    claims.release(released).await.unwrap();
    let permit = conversation.go("e2", START + LEASE, &[("order-id", "d2")]).await;
    assert!(knows(&permit.known, "order-id", "d1") && knows(&permit.known, "order-id", "d2"));
    let record = Record { written: written(&[("order-id", "d2")]), ..ticket(7) };
    claims.complete(permit, record.clone(), START + LEASE).await.unwrap();
    assert_eq!(conversation.go("e3", START + LEASE, &[]).await.known, record);
}

/// An item that grew with every try would reach the limit of its store, and the conversation could not be claimed again.
pub(crate) async fn however_many_tries_differ_only_so_many_are_remembered_and_the_next_one_goes(claims: &dyn Claims) {
    let conversation = Conversation::new(claims);
    conversation.do_all_of("e0", START, Record { written: written(&[("order-id", "d")]), ..ticket(7) }).await;
    let digests: Vec<String> = (0..2 * MAX_PENDING + 2).map(|n| format!("d{n}")).collect();
    for (n, digest) in digests.iter().enumerate() {
        let permit = conversation.go("e1", START, &[("order-id", digest)]).await;
        let remembered = digests[..n].iter().filter(|digest| knows(&permit.known, "order-id", digest)).count();
        assert!(remembered <= MAX_PENDING, "{remembered} after {n}");
        assert!(n > MAX_PENDING || remembered == n, "{remembered} after {n}");
        assert!(n == 0 || knows(&permit.known, "order-id", &digests[n - 1]), "the try right before is known");
        assert!(knows(&permit.known, "order-id", "d") && permit.known.ticket_id == Some(7), "what was done is known");
        claims.release(permit).await.unwrap();
    }
}

pub(crate) async fn more_digests_than_are_remembered_begin_anew_and_the_ticket_stays_known(claims: &dyn Claims) {
    let record_of = |count: usize| {
        let mut record = ticket(7);
        (0..count).for_each(|n| record.written.merge(written(&[(&format!("key-{}", n % 40), &format!("d{n}"))])));
        record
    };
    let conversation = Conversation::new(claims);
    conversation.do_all_of("e1", START, record_of(MAX_WRITTEN)).await;
    let permit = conversation.go("e2", START, &[("order-id", "d")]).await;
    assert_eq!(permit.known, record_of(MAX_WRITTEN));
    claims.complete(permit, record_of(MAX_WRITTEN + 1), START).await.unwrap();
    let crashed = conversation.go("e3", START, &[("order-id", "d")]).await;
    assert_eq!(crashed.known, ticket(7));
    let permit = conversation.go("e3", START + LEASE, &[]).await;
    assert_eq!(permit.known, Record { written: written(&[("order-id", "d")]), ..ticket(7) });
}

pub(crate) async fn a_lease_that_ended_can_be_taken_and_its_late_owner_changes_nothing(claims: &dyn Claims) {
    let conversation = Conversation::new(claims);
    let [completes, releases] = [0, 1].map(|n| START + n * LEASE);
    let completes_late = conversation.go("e1", completes, &[]).await;
    let releases_late = conversation.go("e2", releases, &[]).await;
    let owner = conversation.go("e1", START + 2 * LEASE, &[]).await;
    let now = START + 2 * LEASE + 1;
    let error = claims.complete(completes_late, ticket(1), now).await.unwrap_err();
    assert_eq!(error.to_string(), "the claims table did not do its part: the lease was lost");
    claims.release(releases_late).await.unwrap();
    is_busy(&conversation.claim("e2", now).await, START + 3 * LEASE);
    claims.complete(owner, ticket(3), now).await.unwrap();
    is_duplicate(&conversation.claim("e1", now).await, &ticket(3));
    assert_eq!(conversation.go("e2", now, &[]).await.known, ticket(3));
}

pub(crate) async fn a_late_owner_may_complete_if_nobody_took_over(claims: &dyn Claims) {
    let conversation = Conversation::new(claims);
    let permit = conversation.go("e1", START, &[]).await;
    claims.complete(permit, ticket(7), START + 2 * LEASE).await.unwrap();
    is_duplicate(&conversation.claim("e1", START + 2 * LEASE).await, &ticket(7));
}

/// A store may take its time to remove it, as DynamoDB does.
pub(crate) async fn an_item_past_its_life_counts_as_absent(claims: &dyn Claims) {
    let conversation = Conversation::new(claims);
    let permit = conversation.go("e1", START, &[]).await;
    claims.complete(permit, ticket(7), START + 10).await.unwrap();
    let end = START + 10 + RECORD_LIFE.as_secs();
    is_duplicate(&conversation.claim("e1", end - 1).await, &ticket(7));
    let permit = conversation.go("e1", end, &[]).await;
    assert_eq!(permit.known, Record::default());
    for event in ["e1", "e2"] {
        is_busy(&conversation.claim(event, end).await, end + LEASE);
    }
    claims.release(permit).await.unwrap();
    let permit = conversation.go("e1", end, &[]).await;
    assert_eq!(permit.known, Record::default(), "what was forgotten does not come back");
    claims.complete(permit, ticket(8), end).await.unwrap();
    is_duplicate(&conversation.claim("e1", end).await, &ticket(8));
}

pub(crate) async fn only_the_newest_events_are_remembered_as_done(claims: &dyn Claims) {
    let conversation = Conversation::new(claims);
    let events: Vec<String> = (0..MAX_DONE + 2).map(|n| format!("e{n}")).collect();
    for event in &events {
        conversation.do_all_of(event, START, ticket(7)).await;
    }
    let (forgotten, remembered) = events.split_at(2);
    for event in remembered {
        is_duplicate(&conversation.claim(event, START).await, &ticket(7));
    }
    for event in forgotten {
        claims.release(conversation.go(event, START, &[]).await).await.unwrap();
    }
}

/// As after an answer that was lost on its way: the caller asks again and is not its own obstacle.
pub(crate) async fn a_claim_repeated_with_its_own_token_is_one_claim(claims: &dyn Claims) {
    let conversation = Conversation::new(claims);
    conversation.do_all_of("e1", START, ticket(7)).await;
    let request = conversation.request("e2", START, &[("order-id", "d2")]);
    let mut permits = Vec::new();
    for _ in 0..2 {
        match claims.claim(&request).await.unwrap() {
            Answer::Go(permit) => permits.push(permit),
            other => panic!("{other:?}"),
        }
    }
    is_busy(&conversation.claim("e2", START).await, START + LEASE);
    let permit = permits.pop().unwrap();
    assert_eq!(permit.known.ticket_id, Some(7));
    claims.complete(permit, ticket(8), START).await.unwrap();
    for event in ["e1", "e2"] {
        is_duplicate(&conversation.claim(event, START).await, &ticket(8));
    }
}

pub(crate) async fn of_64_claims_at_once_exactly_one_goes(claims: &dyn Claims) {
    let conversation = Conversation::new(claims);
    for round in 0..3 {
        let event = format!("e{round}");
        let answers = join_all((0..64).map(|_| conversation.claim(&event, START))).await;
        let (mut went, others): (Vec<Answer>, Vec<Answer>) =
            answers.into_iter().partition(|answer| matches!(answer, Answer::Go(_)));
        others.iter().for_each(|answer| is_busy(answer, START + LEASE));
        let Some(Answer::Go(permit)) = went.pop() else { panic!("nobody went") };
        assert_eq!((went.len(), others.len()), (0, 63));
        claims.complete(permit, ticket(round), START).await.unwrap();
    }
}

pub(crate) async fn conversations_do_not_meet(claims: &dyn Claims) {
    let [one, other] = [Conversation::new(claims), Conversation::new(claims)];
    let [of_one, of_other] = [one.go("e1", START, &[("a", "1")]).await, other.go("e1", START, &[("b", "1")]).await];
    claims.complete(of_one, ticket(1), START).await.unwrap();
    is_busy(&other.claim("e1", START).await, START + LEASE);
    claims.release(of_other).await.unwrap();
    let known = other.go("e1", START, &[]).await.known;
    assert_eq!(known, Record { written: written(&[("b", "1")]), ..Record::default() });
    is_duplicate(&one.claim("e1", START).await, &ticket(1));
}
