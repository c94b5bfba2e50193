use desk_emulator::{ExistingCustomer, FieldKind, Setup};
use serde_json::{Value, json};

use crate::client::{field, world, world_with};

#[tokio::test]
async fn a_customer_is_created_found_and_viewed() {
    let world = world().await;
    world.desk.seed_customer("somebody else");
    let (status, customer) = world.post("/customers", json!({"sendbirdId": "user_1"})).await;
    assert_eq!(
        (status, &customer["sendbirdId"], &customer["customFields"]),
        (201, &json!("user_1"), &json!([]))
    );
    let (_, page) = world.get("/customers/?sendbird_id=user_1").await;
    assert_eq!(page, json!({"count": 1, "next": null, "previous": null, "results": [customer]}));
    let id = &customer["id"];
    assert_eq!(world.get(&format!("/customers/{id}")).await, (200, customer.clone()));
    assert_eq!(world.get("/customers/1").await.0, 404);
    assert_eq!(world.post("/customers", json!({"sendbird_id": "user_2"})).await.0, 400);

    assert_eq!(world.desk.customers().len(), 2);
}

#[tokio::test]
async fn the_customer_filter_may_not_be_honoured_either() {
    let world = world().await;
    world.desk.seed_customer("ann");
    world.desk.set_behaviour(|behaviour| {
        behaviour.ignored_parameters = ["sendbird_id".to_owned()].into()
    });
    assert_eq!(world.get("/customers?sendbird_id=bob").await.1["results"][0]["sendbirdId"], "ann");
}

#[tokio::test]
async fn a_customer_that_exists_is_returned_or_refused() {
    let world = world().await;
    let id = world.desk.seed_customer("user_1");
    let (status, customer) = world.post("/customers", json!({"sendbirdId": "user_1"})).await;
    assert_eq!((status, customer["id"].as_u64()), (200, Some(id)));
    world.desk.set_behaviour(|behaviour| behaviour.existing_customer = ExistingCustomer::Refuse);
    assert_eq!(world.post("/customers", json!({"sendbirdId": "user_1"})).await.0, 400);
}

#[tokio::test]
async fn customer_must_be_a_known_chat_user() {
    let world = world().await;
    world.desk.set_behaviour(|behaviour| behaviour.any_chat_user = false);
    assert_eq!(world.post("/customers", json!({"sendbirdId": "user_1"})).await.0, 400);
    world.desk.add_chat_user("user_1");
    assert_eq!(world.post("/customers", json!({"sendbirdId": "user_1"})).await.0, 201);
}

#[tokio::test]
async fn a_customers_fields_have_definitions_of_their_own() {
    let setup = Setup { customer_fields: vec![field("plan", FieldKind::Text)], ..Setup::default() };
    let world = world_with(setup).await;
    let id = world.desk.seed_customer("user_1");
    let body = json!({"customFields": json!({"plan": "free", "order-id": "1"}).to_string()});
    let (status, customer) = world.patch(&format!("/customers/{id}/custom_fields"), body).await;
    assert_eq!((status, customer["customFields"].as_array().unwrap().len()), (200, 1));
    assert_eq!(customer["customFields"][0]["value"], "free");
}

#[tokio::test]
async fn default_team_is_listed_without_key() {
    let world = world().await;
    let (status, page) = world.get("/groups").await;
    let keys: Vec<&Value> =
        page["results"].as_array().unwrap().iter().map(|group| &group["key"]).collect();
    assert_eq!((status, keys), (200, vec![&Value::Null, &json!("vip"), &json!("support")]));
    let id = &page["results"][1]["id"];
    assert_eq!(world.get(&format!("/groups/{id}")).await.1["name"], "VIP");
    assert_eq!(world.get("/groups/0").await.0, 404);
    assert_eq!(world.get("/groups/4").await.0, 404);
}
