//! The OpenAPI document says what the code does: routes, properties, words. `make openapi` asks an
//! independent validator and a fuzzer.

use std::collections::BTreeSet;

use desk_handoff::api::openapi;
use http::Method;
use serde_json::{Value, json};

use crate::world::World;

const SERVER: &str = "https://api.example";

fn schema(name: &str) -> Value {
    openapi::document(SERVER)["components"]["schemas"][name].clone()
}

fn properties(schema: &Value) -> BTreeSet<String> {
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

#[tokio::test]
async fn document_is_served_with_the_address_asked() {
    let world = World::new().await;

    let answer = world.send(Method::GET, "https://api.example/openapi.json", &[], b"").await;

    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, openapi::document(SERVER));
    assert_eq!(answer.body["servers"][0]["url"], SERVER);
    assert_eq!(answer.body["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn document_keeps_to_the_subset_of_agent_platforms() {
    let document = openapi::document(SERVER);

    let text = document.to_string();
    for word in ["oneOf", "anyOf", "allOf"] {
        assert!(!text.contains(word), "{word}");
    }
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            assert!(operation["operationId"].is_string(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn result_has_the_properties_of_its_schema() {
    let world = World::new().await;
    let body = json!({
        "conversation_id": "2647", "user_id": "user_1", "order-id": "A-1", "Order_ID": "A-2",
    });

    let answer = world.post("/handoffs", &body).await.is(201, "created").body.clone();

    let mut documented = properties(&schema("Result"));
    assert!(documented.remove("category"), "of an ignored event");
    assert_eq!(keys(&answer), documented);
    assert_eq!(keys(&answer["ticket"]), properties(&schema("Result")["properties"]["ticket"]));
    for line in answer["fields"].as_array().unwrap() {
        assert!(keys(line).is_subset(&properties(&schema("FieldResult"))), "{line}");
    }
}

#[test]
fn outcomes_are_those_that_readme_lists() {
    let readme = std::fs::read_to_string(crate::house_rules::root().join("README.md")).unwrap();
    let table = readme.split_once("| outcome | meaning |").unwrap().1;
    let rows = table.lines().skip(2).take_while(|line| line.starts_with("| `"));
    let listed: BTreeSet<&str> = rows.map(|row| row.split('`').nth(1).unwrap()).collect();

    let schema = schema("FieldResult");
    let documented = schema["properties"]["outcome"]["enum"].as_array().unwrap();
    let documented: BTreeSet<&str> = documented.iter().map(|word| word.as_str().unwrap()).collect();

    assert_eq!(documented, listed);
}
