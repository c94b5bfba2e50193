use desk_emulator::{FieldKind, NestedFields, Reaction, Seed, Setup, TooLong, ValueUnit};
use serde_json::{Value, json};

use crate::client::{World, field, world, world_with};

fn seeded(world: &World) -> u64 {
    let fields = [("order-id".to_owned(), "ORD-1".to_owned())].into();
    world.desk.seed_ticket(Seed { fields, ..Seed::default() })
}

#[tokio::test]
async fn a_patch_adds_and_replaces_and_leaves_the_rest() {
    let world = world().await;
    let ticket = seeded(&world);
    let (status, answer) =
        world.patch_fields(ticket, json!({"tier": "gold", "cart-items": "3"})).await;
    assert_eq!(status, 200);
    let shown = answer["customFields"].as_array().unwrap();
    let pairs: Vec<(&str, &str)> = shown
        .iter()
        .map(|field| (field["key"].as_str().unwrap(), field["value"].as_str().unwrap()))
        .collect();
    assert_eq!(pairs, [("order-id", "ORD-1"), ("cart-items", "3"), ("tier", "gold")]);
    assert!(shown.iter().all(|field| field["id"].is_u64()), "{answer}");
    world.patch_fields(ticket, json!({"tier": "silver"})).await;
    assert_eq!(world.desk.field(ticket, "tier").as_deref(), Some("silver"));

    assert_eq!(world.desk.field(ticket, "order-id").as_deref(), Some("ORD-1"));
}

#[tokio::test]
async fn unknown_key_is_dropped_or_refuses_the_call() {
    let world = world().await;
    let ticket = seeded(&world);
    let sent = json!({"order-id": "ORD-2", "orderId": "ORD-2"});
    let (status, _) = world.patch_fields(ticket, sent.clone()).await;
    assert_eq!((status, world.desk.field(ticket, "orderId")), (200, None));
    assert_eq!(world.desk.field(ticket, "order-id").as_deref(), Some("ORD-2"));
    world.desk.set_behaviour(|behaviour| behaviour.unknown_key = Reaction::Refuse);
    world.desk.edit_field(ticket, "order-id", "by hand");
    assert_eq!(world.patch_fields(ticket, sent).await.0, 400);

    assert_eq!(world.desk.field(ticket, "order-id").as_deref(), Some("by hand"));
}

#[tokio::test]
async fn wrong_type_is_dropped_or_refuses_the_call() {
    let world = world().await;
    let ticket = seeded(&world);
    for wrong in [
        json!({"cart-items": "3.5"}),
        json!({"cart-items": "three"}),
        json!({"cart-items": ""}),
        json!({"order-link": "example.com/1"}),
        json!({"order-link": "ftp://example.com/1"}),
        json!({"note": 3}),
        json!({"note": {"a": "b"}}),
    ] {
        world.desk.set_behaviour(|behaviour| behaviour.wrong_value = Reaction::Drop);
        let (status, answer) = world.patch_fields(ticket, wrong.clone()).await;
        assert_eq!((status, answer["customFields"].as_array().unwrap().len()), (200, 1), "{wrong}");
        world.desk.set_behaviour(|behaviour| behaviour.wrong_value = Reaction::Refuse);
        assert_eq!(world.patch_fields(ticket, wrong.clone()).await.0, 400, "{wrong}");
    }

    let right = json!({"cart-items": 3, "order-link": "https://example.com/1", "tier": "gold"});
    assert_eq!(world.patch_fields(ticket, right).await.0, 200);
    assert_eq!(world.desk.field(ticket, "cart-items").as_deref(), Some("3"));
}

#[tokio::test]
async fn values_are_trimmed_and_integers_normalised_unless_told_otherwise() {
    let world = world().await;
    let ticket = seeded(&world);
    world.patch_fields(ticket, json!({"cart-items": " 007 ", "note": " two words "})).await;
    assert_eq!(world.desk.field(ticket, "cart-items").as_deref(), Some("7"));
    assert_eq!(world.desk.field(ticket, "note").as_deref(), Some("two words"));
    world
        .desk
        .set_behaviour(|behaviour| (behaviour.normalise_integers, behaviour.trim) = (false, false));
    world.patch_fields(ticket, json!({"cart-items": "007", "note": " x "})).await;
    assert_eq!(world.desk.field(ticket, "cart-items").as_deref(), Some("007"));

    assert_eq!(world.desk.field(ticket, "note").as_deref(), Some(" x "));
}

#[tokio::test]
async fn a_long_value_is_refused_dropped_or_cut() {
    let world = world().await;
    let ticket = seeded(&world);
    let longest = "𝄞".repeat(95);
    assert_eq!(world.patch_fields(ticket, json!({"note": longest})).await.0, 200);
    assert_eq!(world.desk.field(ticket, "note"), Some(longest.clone()));
    let over = json!({"note": format!("a{longest}")});
    assert_eq!(world.patch_fields(ticket, over.clone()).await.0, 400);
    world.desk.set_behaviour(|behaviour| behaviour.long_value = TooLong::Drop);
    assert_eq!(world.patch_fields(ticket, over.clone()).await.0, 200);
    assert_eq!(world.desk.field(ticket, "note"), Some(longest.clone()));
    world.desk.set_behaviour(|behaviour| behaviour.long_value = TooLong::Truncate);
    world.patch_fields(ticket, over).await;
    assert_eq!(world.desk.field(ticket, "note"), Some(format!("a{}", "𝄞".repeat(94))));
    world.desk.set_behaviour(|behaviour| behaviour.value_unit = ValueUnit::Bytes);
    world.patch_fields(ticket, json!({"note": "ä".repeat(190)})).await;

    assert_eq!(world.desk.field(ticket, "note"), Some("ä".repeat(95)));
}

#[tokio::test]
async fn a_long_key_is_refused_dropped_or_cut() {
    let cut = "a".repeat(20);
    let world =
        world_with(Setup { fields: vec![field(&cut, FieldKind::Text)], ..Setup::default() }).await;
    let ticket = world.desk.seed_ticket(Seed::default());
    let over = json!({"a".repeat(21): "value"});
    assert_eq!(world.patch_fields(ticket, over.clone()).await.0, 400);
    world.desk.set_behaviour(|behaviour| behaviour.long_key = TooLong::Drop);
    assert_eq!(world.patch_fields(ticket, over.clone()).await.0, 200);
    assert_eq!(world.desk.field(ticket, &cut), None);
    world.desk.set_behaviour(|behaviour| behaviour.long_key = TooLong::Truncate);
    world.patch_fields(ticket, over).await;

    assert_eq!(world.desk.field(ticket, &cut).as_deref(), Some("value"));
}

#[tokio::test]
async fn fields_sent_as_an_object_are_refused_unless_accepted() {
    let world = world().await;
    let ticket = seeded(&world);
    let path = format!("/tickets/{ticket}/custom_fields");
    let nested = json!({"customFields": {"note": "nested"}});
    assert_eq!(world.patch(&path, nested.clone()).await.0, 400);
    world.desk.set_behaviour(|behaviour| behaviour.nested_fields = NestedFields::Accept);
    assert_eq!(world.patch(&path, nested).await.0, 200);
    assert_eq!(world.desk.field(ticket, "note").as_deref(), Some("nested"));

    for wrong in [json!({}), json!({"customFields": "[1]"}), json!({"custom_fields": "{}"})] {
        assert_eq!(world.patch(&path, wrong.clone()).await.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_ticket_holds_twenty_fields_and_no_more() {
    let keys: Vec<String> = (10..32).map(|number| format!("key-{number}")).collect();
    let fields = keys.iter().map(|key| field(key, FieldKind::Text)).collect();
    let world = world_with(Setup { fields, ..Setup::default() }).await;
    let ticket = world.desk.seed_ticket(Seed::default());
    let all: Value = keys
        .iter()
        .map(|key| (key.clone(), json!("value")))
        .collect::<serde_json::Map<_, _>>()
        .into();

    let (status, answer) = world.patch_fields(ticket, all.clone()).await;
    assert_eq!((status, answer["customFields"].as_array().unwrap().len()), (200, 20));
    world.desk.set_behaviour(|behaviour| behaviour.extra_field = Reaction::Refuse);
    assert_eq!(world.patch_fields(ticket, all).await.0, 400);

    assert_eq!(
        world.patch_fields(ticket, json!({"key-10": "new"})).await.0,
        200,
        "one that is there may change"
    );
}

#[tokio::test]
async fn a_create_stores_fields_by_the_same_rules() {
    let world = world().await;
    let customer = world.desk.seed_customer("user_1");
    let fields = json!({"order-id": "ORD-1", "phone_number": "1", "tier": "tin"}).to_string();
    let body = json!({"channelName": "x", "customerId": customer, "customFields": fields});
    let (status, ticket) = world.post("/tickets", body).await;
    assert_eq!(status, 201);
    let stored = ticket["customFields"].as_array().unwrap();

    assert_eq!(
        (stored.len(), &stored[0]["key"], &stored[0]["value"]),
        (1, &json!("order-id"), &json!("ORD-1"))
    );
}
