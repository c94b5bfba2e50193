//! Claims of one process: for the local run and for tests.

use std::collections::HashMap;
use std::sync::Mutex;

use super::{
    Acquired, ClaimRequest, Claims, Customer, Item, Lease, MAX_ATTEMPTS, expiry, lease_lost,
};
use crate::store::StoreFuture;

/// Items that end with the process.
#[derive(Debug, Default)]
pub struct Memory(Mutex<HashMap<String, Item>>);

impl Memory {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, Item>) -> T) -> T {
        work(&mut self.0.lock().expect("no holder of the claims panics"))
    }
}

impl Claims for Memory {
    fn acquire<'a>(&'a self, request: &'a ClaimRequest) -> StoreFuture<'a, Acquired> {
        let acquired = self.with(|items| acquire(items, request));
        Box::pin(std::future::ready(Ok(acquired)))
    }

    fn give_back<'a>(&'a self, lease: Lease, customer: &'a Customer, now: u64) -> StoreFuture<'a> {
        let given_back = self.with(|items| give_back(items, &lease, customer, now));
        Box::pin(std::future::ready(given_back.ok_or_else(lease_lost)))
    }

    fn read<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Item>> {
        let item = self.with(|items| items.get(key).cloned());
        Box::pin(std::future::ready(Ok(item)))
    }
}

fn acquire(items: &mut HashMap<String, Item>, request: &ClaimRequest) -> Acquired {
    let before = items.get(&request.key).cloned();
    let mut item = before.clone().unwrap_or_default();
    if item.is_leased(request.now) {
        return Acquired::Held(item);
    }

    // As the store on DynamoDB does it: one suite of tests holds for both.
    if item.attempts.len() >= MAX_ATTEMPTS {
        item.attempts.clear();
    }
    item.attempts.push(request.attempt.clone());
    item.lease = Some((request.token.clone(), request.until));
    item.expires = expiry(request.now);
    items.insert(request.key.clone(), item);

    Acquired::Lease(before)
}

/// Nothing if somebody else has the lease, or nobody.
fn give_back(
    items: &mut HashMap<String, Item>,
    lease: &Lease,
    customer: &Customer,
    now: u64,
) -> Option<()> {
    let item = items.get_mut(&lease.key)?;
    // Only the holder's: one who was too slow must not undo what the next one is doing.
    item.lease.take_if(|(token, _)| *token == lease.token)?;
    item.customer = customer.clone();
    item.attempts.clear();
    item.expires = expiry(now);
    Some(())
}
