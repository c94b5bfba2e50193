//! Claims in DynamoDB through the real SDK: the contract of all claims, and what only a table can do to them.
//!
//! moto serves one conditional write after the other only because the harness makes it (serve_moto.py), and removes no
//! item at the end of its life, which the contract does not count on.

use std::collections::HashMap;

use aws_sdk_dynamodb::config::{BehaviorVersion, Region, SharedHttpClient};
use aws_sdk_dynamodb::types::AttributeValue::{self, N, S, Ss};
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_sdk_dynamodb::{Client, Config};
use desk_handoff::aws::SharedClient;
use desk_handoff::aws::dynamodb::Dynamodb;
use desk_handoff::claims::{Answer, ClaimRequest, Claims, Permit, Record, Written};
use desk_handoff::http_client;
use tokio::sync::OnceCell;

use crate::harness::lossy::Lossy;
use crate::harness::moto;
use crate::ssm::environment;

crate::claims_contract::holds_for!(claims().await);

pub(crate) const TABLE: &str = "claims";

fn client() -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(aws_credential_types::Credentials::from_keys("test", "test", None))
        .http_client(SharedHttpClient::new(SharedClient(http_client::new().unwrap())))
        .endpoint_url(moto::endpoint());
    Client::from_conf(config.build())
}

/// One table for all tests of the process, as template.yaml has it.
pub(crate) async fn create_table() {
    static TABLES: OnceCell<()> = OnceCell::const_new();
    let create = || async {
        let pk = AttributeDefinition::builder().attribute_name("pk").attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash);
        let table = client().create_table().table_name(TABLE).billing_mode(BillingMode::PayPerRequest);
        let table = table.attribute_definitions(pk.build().unwrap()).key_schema(key.build().unwrap());
        table.send().await.unwrap();
    };
    TABLES.get_or_init(create).await;
}

fn claims_at(endpoint: &str, table: &str) -> Dynamodb {
    Dynamodb::new(&environment(endpoint), SharedClient(http_client::new().unwrap()), table.to_owned())
}

async fn claims() -> Dynamodb {
    create_table().await;
    claims_at(moto::endpoint(), TABLE)
}

async fn stored(key: &str) -> HashMap<String, AttributeValue> {
    let request = client().get_item().table_name(TABLE).key("pk", S(key.into()));
    request.send().await.unwrap().item.unwrap()
}

fn request(key: &str, event: &str, token: &str) -> ClaimRequest {
    let mut pending = Written::default();
    pending.set("order-id", format!("digest of {event}"));
    ClaimRequest { key: key.into(), event: event.into(), pending, now: 1_000, until: 1_034, token: token.into() }
}

async fn go(claims: &Dynamodb, request: ClaimRequest) -> Permit {
    match claims.claim(&request).await.unwrap() {
        Answer::Go(permit) => permit,
        other => panic!("{other:?}"),
    }
}

fn ticket(id: u64) -> Record {
    Record { ticket_id: Some(id), ..Record::default() }
}

#[tokio::test]
async fn an_item_holds_what_the_page_of_the_table_says_and_its_end_moves_with_every_touch() {
    let claims = claims().await;
    let month = 30 * 24 * 60 * 60;
    let permit = go(&claims, request("form", "e1", "t1")).await;
    let pending = r#"{"order-id":["digest of e1"]}"#;
    let expected = [
        ("pk", S("form".into())),
        ("pending", Ss(vec![pending.into()])),
        ("lease_until", N("1034".into())),
        ("lease_token", S("t1".into())),
        ("expires", N((1_000 + month).to_string())),
    ];
    assert_eq!(stored("form").await, expected.map(|(name, value)| (name.to_owned(), value)).into());
    claims.complete(permit, ticket(7), 1_010).await.unwrap();
    let expected = [
        ("pk", S("form".into())),
        ("record", S(r#"{"ticket_id":7,"customer_id":null,"written":{},"newest":null}"#.into())),
        ("done", AttributeValue::L(vec![S("e1".into())])),
        ("lease_token", S("t1".into())),
        ("expires", N((1_010 + month).to_string())),
    ];
    assert_eq!(stored("form").await, expected.map(|(name, value)| (name.to_owned(), value)).into());
}

#[tokio::test]
async fn an_item_that_cannot_be_read_costs_what_it_remembered_and_not_the_conversation() {
    let claims = claims().await;
    for (n, damaged) in ["", "{", "[]", r#"{"ticket_id":"x"}"#].into_iter().enumerate() {
        let key = format!("damaged-{n}");
        let put = client().put_item().table_name(TABLE).item("pk", S(key.clone())).item("record", S(damaged.into()));
        let put = put.item("pending", Ss(vec!["[".into(), r#"{"tier":["d"]}"#.into()]));
        let put = put.item("done", AttributeValue::L(vec![N("1".into()), S("e0".into())]));
        put.send().await.unwrap();
        let answer = claims.claim(&request(&key, "e0", "t0")).await.unwrap();
        assert!(matches!(&answer, Answer::Duplicate(record) if *record == Record::default()), "{answer:?}");
        let permit = go(&claims, request(&key, "e1", "t1")).await;
        assert!(permit.known.written.has("tier", &["d".into()]), "{damaged}: what can be read is");
        assert_eq!(permit.known.ticket_id, None);
        claims.complete(permit, ticket(7), 1_000).await.unwrap();
        for event in ["e0", "e1"] {
            let answer = claims.claim(&request(&key, event, "t2")).await.unwrap();
            assert!(matches!(&answer, Answer::Duplicate(record) if *record == ticket(7)), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn what_the_table_did_and_could_not_say_is_asked_again_and_done_once() {
    create_table().await;
    let line = Lossy::start().await;
    let claims = claims_at(line.endpoint(), TABLE);
    let permit = go(&claims, request("lossy", "e1", "t1")).await;
    claims.release(permit).await.unwrap();
    let permit = go(&claims, request("lossy", "e1", "t2")).await;
    claims.complete(permit, ticket(7), 1_000).await.unwrap();
    assert_eq!(line.lost(), 4, "the answer to every first try");
    let answer = claims.claim(&request("lossy", "e1", "t3")).await.unwrap();
    assert!(matches!(&answer, Answer::Duplicate(record) if *record == ticket(7)), "{answer:?}");
}

#[tokio::test]
async fn no_table_and_no_service_are_failures_and_never_a_permit() {
    let reason = async |claims: Dynamodb| claims.claim(&request("k", "e1", "t1")).await.unwrap_err().to_string();
    let no_table = reason(claims_at(moto::endpoint(), "no-such-table")).await;
    assert_eq!(no_table, "the claims table did not do its part: ResourceNotFoundException");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let no_service = reason(claims_at(&format!("http://{nobody}"), TABLE)).await;
    assert_eq!(no_service, "the claims table did not do its part: not reached");
}
