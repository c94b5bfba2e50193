//! Who may work on a customer's handoffs, and what is remembered of the customer: one item a
//! customer.
//!
//! [`claim`] gives a [`Lease`] to one caller at a time; only with it can the item be given back. A
//! lease that was never given back (a crash) ends by itself, and what that try may have written
//! stays in the item as an [`Attempt`]. What is remembered is ids and salted digests, never a value
//! ([`customer`]). [`Memory`] is the twin for the local run; the store on DynamoDB is in
//! [`crate::aws`]; one suite of tests holds for both.

pub mod customer;
mod memory;

use std::time::Duration;

use sha2::{Digest as _, Sha256};

pub use self::customer::{Attempt, Customer};
pub use self::memory::Memory;

use crate::config::AppId;
use crate::store::{BoxFuture, StoreError, StoreFuture};

/// How long an item is kept after it was last touched: longer than a message can lie on the queue
/// (4 days), then on the dead-letter queue (14 days), then after a redrive on the queue again.
pub const RECORD_TTL: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How much longer a lease lasts than the invocation that took it may work: more than that keeps
/// for its end.
pub const LEASE_MARGIN: Duration = Duration::from_secs(5);
/// How many tries in a row that ended without giving the item back are remembered; the one after
/// them begins anew. What an older one may have written then counts as somebody else's.
pub const MAX_ATTEMPTS: usize = 16;

/// A table of items, one a customer.
pub trait Claims: Send + Sync {
    /// Takes the lease and adds the attempt, unless somebody else holds the lease.
    fn acquire<'a>(&'a self, request: &'a ClaimRequest) -> StoreFuture<'a, Acquired>;

    /// Stores the customer, forgets the attempts, ends the lease. Fails if the lease was lost to
    /// somebody else.
    fn give_back<'a>(&'a self, lease: Lease, customer: &'a Customer, now: u64) -> StoreFuture<'a>;

    /// The item as it is, without taking anything.
    fn read<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Item>>;

    /// Gets ready what the first claim would have to wait for; that it cannot is no failure.
    fn open(&self) -> BoxFuture<'_, ()> {
        // The twin in memory has nothing to open.
        Box::pin(std::future::ready(()))
    }
}

/// What a claim is asked for.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// [`item_key`]
    pub key: String,
    /// What this caller may write, remembered in case that it does not live to say so.
    pub attempt: Attempt,
    /// Seconds since 1970.
    pub now: u64,
    /// When the lease ends by itself, in seconds since 1970.
    pub until: u64,
    /// Unlike any other claim's.
    pub token: String,
}

/// What a store answers a claim with.
#[derive(Debug)]
pub enum Acquired {
    /// The lease is taken; the item as it was before.
    Lease(Option<Item>),
    /// Somebody holds the lease of this item.
    Held(Item),
}

/// What a claim comes to.
#[derive(Debug)]
pub enum ClaimResult {
    /// Go on.
    Granted(Lease, Customer),
    /// This event is done already.
    AlreadyDone(Customer),
    /// Somebody is at it until then at the latest, in seconds since 1970.
    InProgress(u64),
}

/// The right to work on a customer's handoffs; used up by giving it back.
#[derive(Debug)]
pub struct Lease {
    pub(crate) key: String,
    pub(crate) token: String,
}

/// One customer's item, as any store holds it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Item {
    /// What is remembered.
    pub customer: Customer,
    /// What the tries since then were about to write.
    pub attempts: Vec<Attempt>,
    /// Token and end of the lease.
    pub lease: Option<(String, u64)>,
    /// When it is forgotten, in seconds since 1970.
    pub expires: u64,
}

impl Item {
    /// Whether somebody holds the lease at this time.
    pub fn is_leased(&self, now: u64) -> bool {
        self.lease.as_ref().is_some_and(|(_, until)| *until > now)
    }

    /// What is known of the customer at this time, attempts that never came to an end included.
    pub fn known(self, now: u64) -> Customer {
        if self.expires <= now {
            // Its store should have removed it and has not yet.
            return Customer::default();
        }
        let mut customer = self.customer;
        customer.absorb(self.attempts);
        customer.forget_made(now);
        customer
    }
}

/// Asks for the customer, for an event of this id.
///
/// # Errors
/// What the store says.
pub async fn claim(
    claims: &dyn Claims,
    request: &ClaimRequest,
    event_id: &str,
) -> Result<ClaimResult, StoreError> {
    let (lease, before) = match claims.acquire(request).await? {
        Acquired::Lease(before) => (true, before),
        // A claim that was repeated because its answer was lost stands in its own way.
        Acquired::Held(item)
            if item.lease.as_ref().is_some_and(|(token, _)| *token == request.token) =>
        {
            (true, Some(without_own(item, request)))
        }
        Acquired::Held(item) => (false, Some(item)),
    };
    let until =
        before.as_ref().and_then(|item| item.lease.as_ref()).map_or(request.now, |lease| lease.1);
    let mut customer = before.map(|item| item.known(request.now)).unwrap_or_default();
    // Of no use to somebody who did not get the lease: nothing can be given back with this token.
    let permit = Lease { key: request.key.clone(), token: request.token.clone() };

    match (lease, customer.has_done(event_id, request.now)) {
        (true, false) => {
            // The token is random and unlike any other; a salt need not be more.
            customer.ensure_salt(&request.token);
            Ok(ClaimResult::Granted(permit, customer))
        }
        (true, true) => {
            // At once, and without the attempt of this claim: it writes nothing, so nothing of it
            // is in doubt.
            if let Err(error) = claims.give_back(permit, &customer, request.now).await {
                tracing::warn!(%error, "not given back; the lease ends by itself");
            }
            Ok(ClaimResult::AlreadyDone(customer))
        }
        // Done is done: this sender need not wait for whoever holds the lease.
        (false, true) => Ok(ClaimResult::AlreadyDone(customer)),
        (false, false) => Ok(ClaimResult::InProgress(until)),
    }
}

fn without_own(mut item: Item, request: &ClaimRequest) -> Item {
    // Its own attempt has not begun yet, so it leaves no doubt.
    item.attempts.retain(|attempt| *attempt != request.attempt);
    item
}

/// The name of a customer's item: the application, and a digest of the user id. The first edition
/// kept an item for each conversation, under other names; those are ignored and expire.
pub fn item_key(app_id: &AppId, user_id: &str) -> String {
    // A digest, because a user id of 512 characters may take more bytes than a key may have.
    format!("{app_id}#customer#{}", hex::encode(&Sha256::digest(user_id)[..20]))
}

/// When an item touched now is forgotten.
pub(crate) fn expiry(now: u64) -> u64 {
    now + RECORD_TTL.as_secs()
}

/// How the store names itself.
pub(crate) const NAME: &str = "the claims table";

/// Why the work of somebody who was too slow is not remembered.
pub(crate) fn lease_lost() -> StoreError {
    StoreError { store: NAME, reason: "the lease was lost".to_owned() }
}
