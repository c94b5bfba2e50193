use desk_emulator::{ClosedWrites, Seed, Transfer, UnknownGroup, WriteAnswer};
use serde_json::{Value, json};

use crate::client::world;

#[tokio::test]
async fn created_ticket_is_initialized_and_found() {
    let world = world().await;
    let customer = world.desk.seed_customer("user_1");
    let body = json!({"channelName": "AI handoff 1", "customerId": customer, "groupKey": "vip", "priority": "HIGH"});
    let (status, ticket) = world.post("/tickets", body).await;
    assert_eq!(status, 201);
    assert_eq!(ticket["status2"], "INITIALIZED");
    assert_eq!(
        (&ticket["status"], &ticket["closeStatus"]),
        (&json!("INITIALIZED"), &json!("NOT_CLOSED"))
    );
    assert_eq!((&ticket["priority"], &ticket["group"]["key"]), (&json!("HIGH"), &json!("vip")));
    assert_eq!(ticket["customer"]["sendbirdId"], "user_1");
    assert_eq!(ticket["issuedAt"], Value::Null);
    let id = ticket["id"].as_u64().unwrap();
    assert_eq!(world.get(&format!("/tickets/{id}")).await, (200, ticket.clone()));
    assert_eq!(world.desk.ticket(id), Some(ticket.clone()));
    let other = world.create("AI handoff 2").await;

    assert_ne!(world.desk.ticket(other).unwrap()["channelUrl"], ticket["channelUrl"]);
}

#[tokio::test]
async fn seeded_ticket_shows_any_status() {
    let world = world().await;
    let of =
        |status: &str| Seed { status: status.into(), priority: "ODD".into(), ..Seed::default() };
    let shown = |status: &str| world.desk.ticket(world.desk.seed_ticket(of(status))).unwrap();
    let odd = shown("SNOOZED");
    assert_eq!((&odd["status2"], &odd["priority"]), (&json!("SNOOZED"), &json!("ODD")));
    assert!(shown("CLOSED")["closedAt"].is_string() && shown("PENDING")["closedAt"].is_null());
    assert!(shown("PENDING")["issuedAt"].is_string() && shown("INITIALIZED")["issuedAt"].is_null());
}

#[tokio::test]
async fn ticket_without_team_is_in_default_team() {
    let world = world().await;
    let ticket = world.create("AI handoff").await;
    let group = &world.desk.ticket(ticket).unwrap()["group"];
    assert_eq!((&group["name"], &group["key"]), (&json!("Default team"), &Value::Null));
}

#[tokio::test]
async fn a_create_that_breaks_a_rule_makes_nothing() {
    let world = world().await;
    let customer = world.desk.seed_customer("user_1");
    for wrong in [
        json!({"customerId": customer}),
        json!({"channelName": "x".repeat(101), "customerId": customer}),
        json!({"channelName": "x", "customerId": 1}),
        json!({"channelName": "x", "customerId": "user_1"}),
        json!({"channelName": "x", "customerId": customer, "priority": "medium"}),
        json!({"channelName": "x", "customerId": customer, "groupKey": "nobody"}),
        json!({"channelName": "x", "customerId": customer, "relatedChannelUrls": "a,b,c,d"}),
        json!({"channelName": "x", "customerId": customer, "relatedChannelUrls": ["a"]}),
        json!({"channelName": "x", "customerId": customer, "customFields": "not json"}),
    ] {
        let (status, body) = world.post("/tickets", wrong.clone()).await;
        assert_eq!(status, 400, "{wrong}");
        assert!(body["detail"].is_string(), "{body}");
    }
    assert!(world.desk.tickets().is_empty());
    let longest = json!({"channelName": "ä".repeat(100), "customerId": customer});

    assert_eq!(world.post("/tickets", longest).await.0, 201);
}

#[tokio::test]
async fn a_property_of_another_surface_has_no_effect() {
    let world = world().await;
    let customer = world.desk.seed_customer("user_1");
    let body = json!({"channelName": "x", "customerId": customer, "channel_url": "mine", "group_key": "vip"});
    let (status, ticket) = world.post("/tickets", body).await;
    assert_eq!(status, 201);
    assert_ne!(ticket["channelUrl"], "mine");
    assert_eq!(ticket["group"]["key"], Value::Null);
}

#[tokio::test]
async fn unknown_team_may_be_ignored() {
    let world = world().await;
    world.desk.set_behaviour(|behaviour| {
        behaviour.unknown_group = UnknownGroup::Ignore;
        behaviour.create_status = 200;
    });
    let customer = world.desk.seed_customer("user_1");
    let body = json!({"channelName": "x", "customerId": customer, "groupKey": "nobody"});
    let (status, ticket) = world.post("/tickets", body).await;
    assert_eq!((status, &ticket["group"]["name"]), (200, &json!("Default team")));
}

#[tokio::test]
async fn related_channels_come_out_as_json_text() {
    let world = world().await;
    let first = world.create("The first").await;
    let known = world.desk.ticket(first).unwrap()["channelUrl"].as_str().unwrap().to_owned();
    let second = world.create("The second").await;
    let body = json!({"relatedChannelUrls": format!("{known},elsewhere")});
    let (status, ticket) = world.patch(&format!("/tickets/{second}"), body).await;
    assert_eq!(status, 200);
    let related: Value = serde_json::from_str(ticket["relatedChannels"].as_str().unwrap()).unwrap();
    let named = json!({"channel_url": known, "name": "The first"});
    assert_eq!(related, json!([named, {"channel_url": "elsewhere", "name": ""}]));
    let (status, _) =
        world.patch(&format!("/tickets/{second}"), json!({"relatedChannelUrls": "a,b,c,d"})).await;

    assert_eq!(status, 400);
}

#[tokio::test]
async fn an_update_changes_only_what_it_names() {
    let world = world().await;
    let ticket = world.desk.seed_ticket(Seed { related: vec!["kept".into()], ..Seed::default() });
    let (status, after) =
        world.patch(&format!("/tickets/{ticket}/"), json!({"priority": "URGENT"})).await;
    assert_eq!((status, &after["priority"]), (200, &json!("URGENT")));
    assert!(after["relatedChannels"].as_str().unwrap().contains("kept"), "{after}");
    assert_eq!(
        world.patch(&format!("/tickets/{ticket}"), json!({"priority": "WHATEVER"})).await.0,
        400
    );

    assert_eq!(world.patch("/tickets/1", json!({"priority": "LOW"})).await.0, 404);
}

#[tokio::test]
async fn write_may_answer_without_fields() {
    let world = world().await;
    let ticket = world.desk.seed_ticket(Seed::default());
    world.desk.set_behaviour(|behaviour| behaviour.write_answer = WriteAnswer::WithoutFields);
    let (status, body) = world.patch_fields(ticket, json!({"order-id": "A"})).await;
    assert_eq!((status, body["id"].as_u64(), body.get("customFields")), (200, Some(ticket), None));
    world.desk.set_behaviour(|behaviour| behaviour.write_answer = WriteAnswer::Empty);
    assert_eq!(
        world.patch(&format!("/tickets/{ticket}"), json!({"priority": "LOW"})).await,
        (200, Value::Null)
    );

    assert_eq!(world.desk.ticket(ticket).unwrap()["priority"], "LOW");
}

#[tokio::test]
async fn a_closed_ticket_refuses_writes_unless_told_otherwise() {
    let world = world().await;
    let ticket = world.desk.seed_ticket(Seed::default());
    let (status, closed) =
        world.patch(&format!("/tickets/{ticket}/close"), json!({"closeComment": "done"})).await;
    assert_eq!(
        (status, &closed["status2"], &closed["closeComment"]),
        (200, &json!("CLOSED"), &json!("done"))
    );
    assert_ne!(closed["closeStatus"], "NOT_CLOSED");
    assert_eq!(world.patch_fields(ticket, json!({"order-id": "A"})).await.0, 400);
    world.desk.set_behaviour(|behaviour| behaviour.closed_writes = ClosedWrites::Accept);

    assert_eq!(world.patch_fields(ticket, json!({"order-id": "A"})).await.0, 200);
}

#[tokio::test]
async fn assigned_ticket_is_active_until_closed() {
    let world = world().await;
    let ticket = world.desk.seed_ticket(Seed::default());
    world.desk.assign(ticket);
    let active = world.desk.ticket(ticket).unwrap();
    assert_eq!((&active["status2"], &active["status"]), (&json!("ACTIVE"), &json!("ASSIGNED")));
    assert_eq!(active["recentAssignment"]["agent"]["role"], "AGENT");
    world.desk.close(ticket);

    let closed = world.desk.ticket(ticket).unwrap();
    assert_eq!(closed["status"], "CLOSED");
    assert!(closed["recentAssignment"]["endedAt"].is_string());
}

#[tokio::test]
async fn only_pending_tickets_are_transferred_unless_told_otherwise() {
    let world = world().await;
    let pending = world.desk.seed_ticket(Seed::default());
    let active = world.desk.seed_ticket(Seed { status: "ACTIVE".into(), ..Seed::default() });
    let closed = world.desk.seed_ticket(Seed { status: "CLOSED".into(), ..Seed::default() });
    let all = [pending, active, closed, 1];
    let body = json!({"tickets": all, "status": "PENDING", "groupKey": "vip"});
    let (status, answer) = world.post("/tickets/transfer_to_group", body.clone()).await;
    assert_eq!((status, answer), (200, json!({"transferredTickets": [pending]})));
    assert_eq!(world.desk.ticket(pending).unwrap()["group"]["key"], "vip");
    assert_eq!(world.desk.ticket(active).unwrap()["group"]["key"], Value::Null);
    world.desk.set_behaviour(|behaviour| behaviour.transfer = Transfer::AllOpen);
    let (_, answer) = world.post("/tickets/transfer_to_group", body).await;

    assert_eq!(answer, json!({"transferredTickets": [pending, active]}));
}

#[tokio::test]
async fn transfer_needs_team_and_status() {
    let world = world().await;
    let ticket = world.desk.seed_ticket(Seed { group: Some("vip".into()), ..Seed::default() });
    for wrong in [
        json!({"tickets": [ticket], "status": "PENDING", "groupKey": "nobody"}),
        json!({"tickets": [ticket], "status": "PENDING", "groupKey": null}),
        json!({"tickets": [ticket], "groupKey": "support"}),
        json!({"tickets": [ticket], "status": "ACTIVE", "groupKey": "support"}),
    ] {
        assert_eq!(world.post("/tickets/transfer_to_group", wrong.clone()).await.0, 400, "{wrong}");
    }

    assert_eq!(world.desk.ticket(ticket).unwrap()["group"]["key"], "vip");
}
