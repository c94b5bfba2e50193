//! Any item that the claims table may hold: what cannot be read counts as empty, and a claim on it has an answer.
//!
//! src/aws/item.rs and src/claims.rs are taken in as they stand, the AWS SDK is not: it would be minutes of building for
//! one enumeration, which stands here in its place with the same variants.
#![no_main]
#![allow(dead_code, unreachable_pub)]

extern crate self as aws_sdk_dynamodb;

use std::collections::HashMap;

use arbitrary::Arbitrary;
use desk_handoff::{config, handoff, seam};
use libfuzzer_sys::fuzz_target;

use crate::claims::{Answer, ClaimRequest, MAX_DONE, Record, Written};
use crate::types::AttributeValue;

#[path = "../../src/claims.rs"]
mod claims;
#[path = "../../src/aws/item.rs"]
mod item;

pub mod types {
    //! What the SDK has under this name.
    use arbitrary::Arbitrary;

    #[derive(Debug, Clone, PartialEq, Arbitrary)]
    pub enum AttributeValue {
        Bool(bool),
        L(Vec<AttributeValue>),
        N(String),
        Null(bool),
        S(String),
        Ss(Vec<String>),
    }

    impl AttributeValue {
        pub fn as_l(&self) -> Result<&Vec<AttributeValue>, &Self> {
            if let Self::L(list) = self { Ok(list) } else { Err(self) }
        }

        pub fn as_n(&self) -> Result<&String, &Self> {
            if let Self::N(number) = self { Ok(number) } else { Err(self) }
        }

        pub fn as_s(&self) -> Result<&String, &Self> {
            if let Self::S(text) = self { Ok(text) } else { Err(self) }
        }

        pub fn as_ss(&self) -> Result<&Vec<String>, &Self> {
            if let Self::Ss(texts) = self { Ok(texts) } else { Err(self) }
        }
    }
}

#[derive(Debug, Arbitrary)]
struct Stored {
    attributes: Vec<(u8, AttributeValue)>,
    record: Option<(Option<u64>, Option<i64>, Vec<(String, String)>)>,
    now: u64,
}

fuzz_target!(|stored: Stored| {
    let names = ["record", "pending", "done", "lease_token", "lease_until", "expires", "other"];
    let name = |index: u8| names[usize::from(index) % names.len()].to_owned();
    let mut attributes: HashMap<String, AttributeValue> =
        stored.attributes.into_iter().map(|(index, value)| (name(index), value)).collect();
    if let Some((ticket_id, newest, pairs)) = stored.record {
        let mut written = Written::default();
        pairs.into_iter().for_each(|(field, digest)| written.set(&field, digest));
        let record = Record { ticket_id, newest, written, ..Record::default() };
        attributes.insert("record".into(), AttributeValue::S(item::json(&record)));
        assert_eq!(item::item(&attributes).record, record, "what is written is read back");
    }
    let stored_item = item::item(&attributes);
    let done = stored_item.done.len();
    let now = stored.now % (1 << 40);
    let request = ClaimRequest {
        key: "k".into(),
        event: "e".into(),
        pending: Written::default(),
        now,
        until: now + 30,
        token: "t".into(),
    };
    let _ = stored_item.is_over(now);
    if let Answer::Go(permit) = stored_item.clone().refusal(&request) {
        assert!(permit.done_with_this().len() <= MAX_DONE);
    }
    let permit = claims::Item::permit(Some(stored_item), &request);
    assert_eq!(permit.done_with_this().len(), (done + 1).min(MAX_DONE));
});
