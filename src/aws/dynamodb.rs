//! [`Claims`] in DynamoDB: one item a conversation, one conditional write a step (two to claim what is past its life or
//! full of tries).
//!
//! `pk` (S), `record` (S, JSON), `pending` (SS, JSON: what the tries since that record were about to write; a repeated
//! one adds nothing), `done` (L of S), `lease_until` (N), `lease_token` (S), `expires` (N, for TTL).
//!
//! The SDK repeats a write whose answer was lost. A claim then finds its own lease; a completion finds its own token,
//! which is left behind when the lease is given back, until the next claim.

use std::sync::LazyLock;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, SharedHttpClient};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder};
use aws_sdk_dynamodb::types::AttributeValue::{L, S, Ss};
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::item::{Attributes, item, json, number};
use super::{Environment, Late, Service, SharedClient, failure, late, retries, timeouts};
use crate::claims::{Answer, ClaimRequest, Claims, Item, MAX_PENDING, NAME, Permit, Record, expiry, lease_lost};
use crate::seam::{BoxFuture, StoreError};

/// The longest that a write may take, repetitions included; a claim given up although it was granted bars the
/// conversation until its lease ends.
pub const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest that one request may take; DynamoDB answers in some milliseconds.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);

const CLAIM: &str = "SET lease_until = :until, lease_token = :token, expires = :expires ADD pending :pending";
const FREE: &str = "attribute_not_exists(pk) OR (NOT (expires <= :now) AND NOT contains(done, :event) \
    AND (attribute_not_exists(lease_until) OR lease_until <= :now) \
    AND (attribute_not_exists(pending) OR size(pending) < :most))";
const CLAIM_FULL: &str = "SET lease_until = :until, lease_token = :token, expires = :expires, pending = :pending";
const CLAIM_ANEW: &str = "SET lease_until = :until, lease_token = :token, expires = :expires, pending = :pending \
    REMOVE #record, done";
const OVER: &str = "attribute_not_exists(pk) OR expires <= :now";
const COMPLETE: &str = "SET #record = :record, done = :done, expires = :expires REMOVE lease_until, pending";
const RELEASE: &str = "REMOVE lease_until";
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

    fn update(&self, key: &str, change: &str, condition: &str, token: &str) -> UpdateItemFluentBuilder {
        let update = self.client.update_item().table_name(&self.table).key("pk", S(key.to_owned()));
        update
            .update_expression(change)
            .condition_expression(condition)
            .expression_attribute_values(":token", S(token.to_owned()))
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

fn client(environment: Environment, http: SharedClient) -> Client {
    let mut config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(SharedHttpClient::new(http))
        .retry_config(retries())
        .timeout_config(timeouts(TIMEOUT, ATTEMPT_TIMEOUT));
    config.set_endpoint_url(environment.endpoint(Service::Dynamodb));
    Client::from_conf(config.region(environment.region).credentials_provider(environment.credentials).build())
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
    fn claim<'a>(&'a self, request: &'a ClaimRequest) -> BoxFuture<'a, Result<Answer, StoreError>> {
        let claim = |change, condition| {
            self.update(&request.key, change, condition, &request.token)
                .expression_attribute_values(":now", number(request.now))
                .expression_attribute_values(":until", number(request.until))
                .expression_attribute_values(":expires", number(expiry(request.now)))
                .expression_attribute_values(":pending", Ss(vec![json(&request.pending)]))
        };
        let free = move |change, most| {
            claim(change, FREE)
                .expression_attribute_values(":event", S(request.event.clone()))
                .expression_attribute_values(":most", number(most))
        };
        Box::pin(async move {
            let standing = match write(free(CLAIM, MAX_PENDING as u64)).await? {
                Write::Done(before) => return Ok(Answer::Go(Item::permit(before.as_ref().map(item), request))),
                Write::Refused(standing) => item(&standing),
            };
            let second = if standing.is_over(request.now) {
                // For what TTL should have removed and has not yet.
                claim(CLAIM_ANEW, OVER).expression_attribute_names("#record", "record")
            } else if standing.grants(request) {
                free(CLAIM_FULL, u64::MAX)
            } else {
                return Ok(standing.refusal(request));
            };
            Ok(match write(second).await? {
                Write::Done(before) => {
                    let before = before.as_ref().map(item).filter(|before| !before.is_over(request.now));
                    Answer::Go(Item::permit(before, request))
                }
                Write::Refused(standing) => item(&standing).refusal(request),
            })
        })
    }

    fn complete<'a>(&'a self, permit: Permit, record: Record, now: u64) -> BoxFuture<'a, Result<(), StoreError>> {
        let done = permit.done_with_this().into_iter().map(S).collect();
        let update = self
            .update(&permit.key, COMPLETE, HELD, &permit.token)
            .expression_attribute_names("#record", "record")
            .expression_attribute_values(":record", S(json(&record)))
            .expression_attribute_values(":done", L(done))
            .expression_attribute_values(":expires", number(expiry(now)));
        Box::pin(async move {
            match write(update).await? {
                Write::Done(_) => Ok(()),
                Write::Refused(_) => Err(lease_lost()),
            }
        })
    }

    fn release<'a>(&'a self, permit: Permit) -> BoxFuture<'a, Result<(), StoreError>> {
        let update = self.update(&permit.key, RELEASE, HELD, &permit.token);
        Box::pin(async move { write(update).await.map(|_| ()) })
    }

    fn open(&self) -> BoxFuture<'_, ()> {
        LazyLock::force(&self.client);
        self.http.open(&self.address)
    }
}
