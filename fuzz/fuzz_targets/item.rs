//! Any item that the claims table may hold: what cannot be read counts as empty, and a claim on it
//! has an answer.
//!
//! src/aws/item.rs is taken in as it stands, the AWS SDK is not: it would be minutes of building
//! for one enumeration, which stands here in its place with the same variants.
#![no_main]
#![allow(dead_code, unreachable_pub)]

extern crate self as aws_sdk_dynamodb;

use std::collections::HashMap;

use arbitrary::Arbitrary;
use desk_handoff::claims::Customer;
use libfuzzer_sys::fuzz_target;

use crate::types::AttributeValue;

#[path = "../../src/aws/item.rs"]
mod item;

mod claims {
    pub(crate) use desk_handoff::claims::Item;
}

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
    done: Vec<(String, bool)>,
    now: u64,
}

fuzz_target!(|stored: Stored| {
    let names = ["customer", "attempts", "lease_token", "lease_until", "expires", "other"];
    let name = |index: u8| names[usize::from(index) % names.len()].to_owned();
    let mut attributes: HashMap<String, AttributeValue> =
        stored.attributes.into_iter().map(|(index, value)| (name(index), value)).collect();
    let now = stored.now % (1 << 40);
    if !stored.done.is_empty() {
        let mut customer = Customer::default();
        customer.ensure_salt("salt");
        for (event, is_named) in &stored.done {
            customer.remember_done(event, *is_named, now);
        }
        attributes.insert("customer".into(), AttributeValue::S(item::json(&customer)));
        assert_eq!(item::item(&attributes).customer, customer, "what is written is read back");
    }
    let item = item::item(&attributes);
    let _ = item.is_leased(now);
    let _ = item.known(now);
});
