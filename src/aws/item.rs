//! One conversation's item, as DynamoDB has it.

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
    let pending = attributes.get("pending").and_then(|set| set.as_ss().ok());
    let done = attributes.get("done").and_then(|list| list.as_l().ok());
    Item {
        record: text("record").map(|json| read(json)).unwrap_or_default(),
        pending: pending.into_iter().flatten().map(|json| read(json)).collect(),
        done: done.into_iter().flatten().filter_map(|event| event.as_s().ok().cloned()).collect(),
        lease: text("lease_token").cloned().zip(number("lease_until")),
        // As the condition has it: what has no end is not over.
        expires: number("expires").unwrap_or(u64::MAX),
    }
}

fn read<T: DeserializeOwned + Default>(json: &str) -> T {
    serde_json::from_str(json).unwrap_or_else(|_| {
        tracing::error!("a part of an item of the claims table cannot be read and counts as empty");
        T::default()
    })
}
