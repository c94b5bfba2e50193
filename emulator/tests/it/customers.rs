use desk_emulator::ExistingCustomer;
use serde_json::{Value, json};

use crate::client::world;

#[tokio::test]
async fn a_customer_is_created_and_found() {
    let world = world().await;
    world.desk.seed_customer("somebody else");
    let (status, customer) = world.post("/customers", json!({"sendbirdId": "user_1"})).await;
    assert_eq!(
        (status, &customer["sendbirdId"], &customer["customFields"]),
        (201, &json!("user_1"), &json!([]))
    );
    let (_, page) = world.get("/customers/?sendbird_id=user_1").await;
    assert_eq!(page, json!({"count": 1, "next": null, "previous": null, "results": [customer]}));
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
async fn default_team_is_listed_without_key() {
    let world = world().await;
    let (status, page) = world.get("/groups").await;
    let keys: Vec<&Value> =
        page["results"].as_array().unwrap().iter().map(|group| &group["key"]).collect();
    assert_eq!((status, keys), (200, vec![&Value::Null, &json!("vip"), &json!("support")]));
    assert_eq!(page["results"][1]["name"], "VIP");
}
