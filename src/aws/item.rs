//! One customer's item, as DynamoDB has it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue::{self, N};
use serde::de::DeserializeOwned;

use crate::claims::Item;

pub(super) type Attributes = HashMap<String, AttributeValue>;

pub(super) fn number(value: u64) -> AttributeValue {
    N(value.to_string())
}

pub(super) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("what is remembered is numbers and texts")
}

/// The item as it can be read; what cannot, the conversation goes on without.
pub(super) fn item(attributes: &Attributes) -> Item {
    let text = |name: &str| attributes.get(name)?.as_s().ok();
    let number = |name: &str| attributes.get(name)?.as_n().ok()?.parse().ok();
    let attempts = attributes.get("attempts").and_then(|set| set.as_ss().ok());
    Item {
        customer: text("customer").and_then(|json| read(json)).unwrap_or_default(),
        attempts: attempts.into_iter().flatten().filter_map(|json| read(json)).collect(),
        lease: text("lease_token").cloned().zip(number("lease_until")),
        // What has no end has not expired.
        expires: number("expires").unwrap_or(u64::MAX),
    }
}

/// Nothing if it cannot be read: the customer goes on without that part.
fn read<T: DeserializeOwned>(json: &str) -> Option<T> {
    // A failure would stop this customer's handoffs until the item expires.
    let part = serde_json::from_str(json).ok();
    if part.is_none() {
        tracing::error!(
            "a part of an item of the claims table cannot be read and counts as absent"
        );
    }
    part
}
