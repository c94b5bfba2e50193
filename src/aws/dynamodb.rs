//! [`Claims`] in DynamoDB: one item a customer, one conditional write a step.
//!
//! `pk` (S), `customer` (S, JSON), `attempts` (SS, JSON: what the tries since then were about to
//! write), `lease_until` (N), `lease_token` (S), `expires` (N, for TTL).
//!
//! The SDK repeats a write whose answer was lost. A claim then finds its own lease; what is given
//! back finds its own token, which stays behind when the lease ends, until the next claim.

use std::sync::LazyLock;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, SharedHttpClient, StalledStreamProtectionConfig};
use aws_sdk_dynamodb::operation::update_item::{
    UpdateItemError, builders::UpdateItemFluentBuilder,
};
use aws_sdk_dynamodb::types::AttributeValue::{S, Ss};
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::item::{Attributes, item, json, number};
use super::{Environment, Late, Service, SharedClient, failure, late, retries, timeouts};
use crate::claims::{
    Acquired, ClaimRequest, Claims, Customer, Item, Lease, MAX_ATTEMPTS, NAME, expiry, lease_lost,
};
use crate::store::{BoxFuture, StoreError, StoreFuture};

/// The longest that a write may take, repetitions included; a claim given up although it was
/// granted bars the conversation until its lease ends.
pub const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest that one request may take; DynamoDB answers in some milliseconds.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);

// One write takes the lease, adds the attempt and gives the item as it was: to read first would
// leave a gap between the two.
const CLAIM: &str =
    "SET lease_until = :until, lease_token = :token, expires = :expires ADD attempts :attempt";
// `<=`, because a lease is over in the second in which it ends, as `Item::is_leased` has it. The
// size is bounded, because an item holds 400 kilobytes at the most.
const FREE: &str = "(attribute_not_exists(lease_until) OR lease_until <= :now) \
    AND (attribute_not_exists(attempts) OR size(attempts) < :most)";
const CLAIM_FULL: &str =
    "SET lease_until = :until, lease_token = :token, expires = :expires, attempts = :attempt";
const GIVE_BACK: &str = "SET customer = :customer, expires = :expires REMOVE lease_until, attempts";
const HELD: &str = "lease_token = :token";

/// Claims in one table.
#[derive(Debug)]
pub struct Dynamodb {
    client: Late<Client>,
    table: String,
    http: SharedClient,
    address: String,
}

/// What became of a conditional write, with the item before it.
enum Write {
    Done(Option<Attributes>),
    Refused(Attributes),
}

impl Dynamodb {
    /// A client for this environment and table.
    pub fn new(environment: &Environment, http: SharedClient, table: String) -> Self {
        let address = environment.address(Service::Dynamodb);
        let (environment, shared) = (environment.clone(), http.clone());
        Self { client: late(move || client(environment, shared)), table, http, address }
    }

    fn update(
        &self,
        key: &str,
        change: &str,
        condition: &str,
        token: &str,
    ) -> UpdateItemFluentBuilder {
        let update = self.client.update_item().table_name(&self.table).key("pk", S(key.to_owned()));
        update
            .update_expression(change)
            .condition_expression(condition)
            .expression_attribute_values(":token", S(token.to_owned()))
            // Whoever is refused learns who holds the lease from the refusal itself.
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

fn client(environment: Environment, http: SharedClient) -> Client {
    let mut config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(SharedHttpClient::new(http))
        // Nothing is streamed, and each attempt has a time of its own.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .retry_config(retries())
        .timeout_config(timeouts(TIMEOUT, ATTEMPT_TIMEOUT));
    config.set_endpoint_url(environment.endpoint(Service::Dynamodb));
    Client::from_conf(
        config.region(environment.region).credentials_provider(environment.credentials).build(),
    )
}

async fn write(update: UpdateItemFluentBuilder) -> Result<Write, StoreError> {
    match update.send().await {
        Ok(output) => Ok(Write::Done(output.attributes)),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => {
                Ok(Write::Refused(refusal.item().cloned().unwrap_or_default()))
            }
            _ => Err(failure(NAME, &error)),
        },
    }
}

impl Claims for Dynamodb {
    fn acquire<'a>(&'a self, request: &'a ClaimRequest) -> StoreFuture<'a, Acquired> {
        let claim = |change, most: u64| {
            self.update(&request.key, change, FREE, &request.token)
                .return_values(ReturnValue::AllOld)
                .expression_attribute_values(":now", number(request.now))
                .expression_attribute_values(":until", number(request.until))
                .expression_attribute_values(":expires", number(expiry(request.now)))
                .expression_attribute_values(":attempt", Ss(vec![json(&request.attempt)]))
                .expression_attribute_values(":most", number(most))
        };
        Box::pin(async move {
            let standing = match write(claim(CLAIM, MAX_ATTEMPTS as u64)).await? {
                Write::Done(before) => return Ok(Acquired::Lease(before.as_ref().map(item))),
                Write::Refused(standing) => item(&standing),
            };
            if standing.is_leased(request.now) {
                return Ok(Acquired::Held(standing));
            }
            // It is full of attempts that never gave it back.
            Ok(match write(claim(CLAIM_FULL, u64::MAX)).await? {
                Write::Done(before) => Acquired::Lease(before.as_ref().map(item)),
                Write::Refused(standing) => Acquired::Held(item(&standing)),
            })
        })
    }

    fn give_back<'a>(&'a self, lease: Lease, customer: &'a Customer, now: u64) -> StoreFuture<'a> {
        let update = self
            .update(&lease.key, GIVE_BACK, HELD, &lease.token)
            .expression_attribute_values(":customer", S(json(customer)))
            .expression_attribute_values(":expires", number(expiry(now)));
        Box::pin(async move {
            match write(update).await? {
                Write::Done(_) => Ok(()),
                Write::Refused(_) => Err(lease_lost()),
            }
        })
    }

    fn read<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Item>> {
        let get = self.client.get_item().table_name(&self.table).key("pk", S(key.to_owned()));
        // A preview right after a handoff has to see what that one left.
        let get = get.consistent_read(true);
        Box::pin(async move {
            let output = get.send().await.map_err(|error| failure(NAME, &error))?;
            Ok(output.item.as_ref().map(item))
        })
    }

    fn open(&self) -> BoxFuture<'_, ()> {
        LazyLock::force(&self.client);
        self.http.open(&self.address)
    }
}
