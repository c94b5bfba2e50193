//! Claims in DynamoDB through the real SDK: the contract of all claims, and what only a table can
//! do to them.
//!
//! moto serves one conditional write after the other only because the harness makes it
//! (serve_moto.py), and removes no item at the end of its life, which the contract does not count
//! on.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue::{self, N, S, Ss};
use desk_handoff::aws::dynamodb::Dynamodb;
use desk_handoff::claims::{
    Attempt, ClaimRequest, ClaimResult, Claims as _, Customer, Lease, claim,
};
use desk_handoff::handoff::{Conversation, Stamp};
use desk_handoff::http_client;
use desk_handoff::ticket::find::Names;
use tokio::sync::OnceCell;

use crate::harness::lossy::Lossy;
use crate::harness::moto;
use crate::harness::sdk::{dynamodb, environment, shared};
use crate::harness::setup::make_table;

crate::claims_contract::holds_for!(claims().await);

pub(crate) const TABLE: &str = "claims";

/// The table of a test that has functions: customers of one name would meet in a common one.
pub(crate) fn table_of(name: &str) -> String {
    format!("claims-{name}")
}

/// Makes that table.
pub(crate) async fn create_table_for(name: &str) {
    create(&table_of(name)).await;
}

/// One table for the other tests of the process.
async fn create_table() {
    static TABLES: OnceCell<()> = OnceCell::const_new();
    TABLES.get_or_init(|| create(TABLE)).await;
}

async fn create(name: &str) {
    make_table(&http_client::new().unwrap(), name).await;
}

fn claims_at(endpoint: &str, table: &str) -> Dynamodb {
    Dynamodb::new(&environment(endpoint), shared(), table.to_owned())
}

async fn claims() -> Dynamodb {
    create_table().await;
    claims_at(moto::endpoint(), TABLE)
}

async fn stored(key: &str) -> HashMap<String, AttributeValue> {
    let request = dynamodb().get_item().table_name(TABLE).key("pk", S(key.into()));
    request.send().await.unwrap().item.unwrap()
}

const STAMP: Stamp = Stamp { created: None, received: 1 };

fn names() -> Names {
    let id = Some("2647".to_owned());
    Names::of(&Conversation { id, channel_url: None, channel_type: None })
}

fn request(key: &str, event: &str, token: &str) -> ClaimRequest {
    let values = [("order-id", "1".to_owned())];
    let attempt = Attempt::new(token, names(), event, STAMP, values, 1_034);
    ClaimRequest { key: key.into(), attempt, now: 1_000, until: 1_034, token: token.into() }
}

async fn granted(claims: &Dynamodb, request: ClaimRequest, event: &str) -> (Lease, Customer) {
    match claim(claims, &request, event).await.unwrap() {
        ClaimResult::Granted(permit, customer) => (permit, customer),
        other => panic!("{other:?}"),
    }
}

/// What template.yaml and docs/security.md say of an item.
#[tokio::test]
async fn item_has_its_documented_attributes() {
    let claims = claims().await;
    let month = 30 * 24 * 60 * 60;
    let (permit, mut customer) = granted(&claims, request("form", "e1", "t1"), "e1").await;
    let item = stored("form").await;
    let Some(Ss(attempts)) = item.get("attempts") else { panic!("{item:?}") };
    assert!(attempts.len() == 1 && attempts[0].contains("order-id"), "{attempts:?}");
    let others = ["pk", "lease_until", "lease_token", "expires"].map(|name| item[name].clone());
    let expires = N((1_000 + month).to_string());
    assert_eq!(others, [S("form".into()), N("1034".into()), S("t1".into()), expires]);

    customer.desk_id = Some(7);
    claims.give_back(permit, &customer, 1_010).await.unwrap();
    let mut item = stored("form").await;
    let Some(S(stored)) = item.remove("customer") else { panic!("{item:?}") };
    assert_eq!(stored, r#"{"s":"t1","n":7}"#);
    let expected = [
        ("pk", S("form".into())),
        ("lease_token", S("t1".into())),
        ("expires", N((1_010 + month).to_string())),
    ];
    assert_eq!(item, expected.map(|(name, value)| (name.to_owned(), value)).into());
}

/// What cannot be read is forgotten; the customer goes on.
#[tokio::test]
async fn damaged_item_costs_only_its_memory() {
    let claims = claims().await;
    for (n, damaged) in ["", "{", "[]", r#"{"n":"x"}"#].into_iter().enumerate() {
        let key = format!("damaged-{n}");
        let put = dynamodb().put_item().table_name(TABLE).item("pk", S(key.clone()));
        let put = put.item("customer", S(damaged.into()));
        put.item("attempts", Ss(vec!["[".into()])).send().await.unwrap();

        let (permit, mut customer) = granted(&claims, request(&key, "e1", "t1"), "e1").await;
        assert_eq!(customer.desk_id, None);
        customer.remember_done("e1", true, 1_000);
        claims.give_back(permit, &customer, 1_000).await.unwrap();
        let result = claim(&claims, &request(&key, "e1", "t2"), "e1").await.unwrap();
        assert!(matches!(&result, ClaimResult::AlreadyDone(_)), "{result:?}");
    }
}

/// The SDK repeats a write whose answer was lost.
#[tokio::test]
async fn lost_answers_of_the_table_change_nothing() {
    create_table().await;
    let line = Lossy::start().await;
    let claims = claims_at(line.endpoint(), TABLE);
    let (permit, mut customer) = granted(&claims, request("lossy", "e1", "t1"), "e1").await;
    customer.desk_id = Some(7);
    customer.remember_done("e1", true, 1_000);
    claims.give_back(permit, &customer, 1_000).await.unwrap();
    assert_eq!(line.lost(), 2, "the answer to every first try");
    let result = claim(&claims, &request("lossy", "e1", "t3"), "e1").await.unwrap();
    let is_done =
        matches!(&result, ClaimResult::AlreadyDone(customer) if customer.desk_id == Some(7));

    assert!(is_done, "{result:?}");
}

#[tokio::test]
async fn missing_table_and_service_are_failures() {
    let reason = async |claims: Dynamodb| {
        claim(&claims, &request("k", "e1", "t1"), "e1").await.unwrap_err().to_string()
    };
    let no_table = reason(claims_at(moto::endpoint(), "no-such-table")).await;
    assert_eq!(no_table, "the claims table did not do its part: ResourceNotFoundException");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let no_service = reason(claims_at(&format!("http://{nobody}"), TABLE)).await;
    assert_eq!(no_service, "the claims table did not do its part: not reached");
}
