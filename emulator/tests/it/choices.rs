//! Where a live Desk may do this or that: each way of each setting, as a client sees it.

use std::time::Duration;

use desk_emulator::{
    ChannelMatch, Clearing, CloseNew, ClosedWrites, DefaultTeam, ErrorForm, FirstMessage,
    NestedFields, OptionCase, RateHeaders, Reaction, RepeatedWrite, Seed, Transfer, UnknownGroup,
    ValueUnit, WriteAnswer,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{World, world};

async fn seeded() -> (World, u64) {
    let world = world().await;
    let ticket = world.desk.seed_ticket(Seed { title: "seeded".to_owned(), ..Seed::default() });
    (world, ticket)
}

async fn moved(world: &World, ticket: u64, key: &str) -> (u16, Value) {
    let body = json!({"tickets": [ticket], "status": "PENDING", "groupKey": key});
    let (status, answer) = world.post("/tickets/transfer_to_group", body).await;
    (status, answer["transferredTickets"].clone())
}

#[tokio::test]
async fn option_is_dropped_refused_or_taken_in_any_case() {
    let (world, ticket) = seeded().await;
    assert_eq!(world.patch_fields(ticket, json!({"tier": "Gold"})).await.0, 200);
    assert_eq!(world.desk.field(ticket, "tier"), None);
    world.desk.set_behaviour(|behaviour| behaviour.bad_option = Reaction::Refuse);
    assert_eq!(world.patch_fields(ticket, json!({"tier": "Gold"})).await.0, 400);
    world.desk.set_behaviour(|behaviour| behaviour.option_case = OptionCase::Ignore);

    assert_eq!(world.patch_fields(ticket, json!({"tier": "Gold"})).await.0, 200);
    assert_eq!(world.desk.field(ticket, "tier").as_deref(), Some("gold"));
}

#[tokio::test]
async fn one_bad_field_may_cost_all_others() {
    let (world, ticket) = seeded().await;
    world.desk.set_behaviour(|behaviour| behaviour.wrong_value = Reaction::DropAll);
    let sent = json!({"cart-items": "three", "note": "kept?"});

    assert_eq!(world.patch_fields(ticket, sent).await.0, 200);
    assert_eq!(world.desk.field(ticket, "note"), None);
}

#[tokio::test]
async fn empty_and_null_clear_keep_or_are_refused() {
    let (world, ticket) = seeded().await;
    for (clearing, status, left) in [
        (Clearing::Store, 200, Some("")),
        (Clearing::Remove, 200, None),
        (Clearing::Keep, 200, Some("before")),
        (Clearing::Refuse, 400, Some("before")),
    ] {
        for sent in [json!(""), Value::Null] {
            world.desk.edit_field(ticket, "note", "before");
            world.desk.set_behaviour(|behaviour| {
                behaviour.empty_value = clearing;
                behaviour.null_value = clearing;
            });

            let got = world.patch_fields(ticket, json!({"note": sent})).await.0;
            assert_eq!(got, status, "{clearing:?}");
            assert_eq!(world.desk.field(ticket, "note").as_deref(), left, "{clearing:?}");
        }
    }
}

#[tokio::test]
async fn the_same_values_again_may_be_refused() {
    let (world, ticket) = seeded().await;
    world.desk.set_behaviour(|behaviour| behaviour.repeated_write = RepeatedWrite::Refuse);
    let sent = json!({"note": "once", "cart-items": "007"});
    assert_eq!(world.patch_fields(ticket, sent.clone()).await.0, 200);
    assert_eq!(world.patch_fields(ticket, sent).await.0, 400);

    let other = json!({"note": "once", "cart-items": "8"});
    assert_eq!(world.patch_fields(ticket, other).await.0, 200);
}

#[tokio::test]
async fn link_and_length_have_their_readings() {
    let (world, ticket) = seeded().await;
    world.desk.set_behaviour(|behaviour| {
        behaviour.normalise_links = true;
        behaviour.value_unit = ValueUnit::CodePoints;
        behaviour.nested_fields = NestedFields::Ignore;
    });
    let long = "𝄞".repeat(190);
    let sent = json!({"order-link": "https://EXAMPLE.com/A", "note": long});
    assert_eq!(world.patch_fields(ticket, sent).await.0, 200);
    let nested = json!({"customFields": {"note": "nested"}});
    let path = format!("/tickets/{ticket}/custom_fields");
    assert_eq!(world.patch(&path, nested).await.0, 200);

    let link = world.desk.field(ticket, "order-link");
    assert_eq!(link.as_deref(), Some("https://example.com/A"));
    assert_eq!(world.desk.field(ticket, "note"), Some(long));
}

#[tokio::test]
async fn answer_to_a_write_may_be_stale() {
    let (world, ticket) = seeded().await;
    world.desk.set_behaviour(|behaviour| behaviour.write_answer = WriteAnswer::Stale);
    let (_, answer) = world.patch(&format!("/tickets/{ticket}"), json!({"priority": "HIGH"})).await;

    assert_eq!(answer["priority"], "MEDIUM");
    assert_eq!(world.desk.ticket(ticket).unwrap()["priority"], "HIGH");
}

#[tokio::test]
async fn channel_filter_may_take_a_beginning() {
    let (world, ticket) = seeded().await;
    let part = "/tickets?channel_url=sendbird_group_channel_";
    assert_eq!(world.ids(part).await, Vec::<u64>::new());
    world.desk.set_behaviour(|behaviour| behaviour.channel_match = ChannelMatch::Beginning);

    assert_eq!(world.ids(part).await, [ticket]);
}

#[tokio::test]
async fn transfer_to_unknown_or_default_team() {
    let (world, ticket) = seeded().await;
    assert_eq!(moved(&world, ticket, "nobody").await.0, 400);
    assert_eq!(moved(&world, ticket, "").await.0, 400);
    world.desk.set_behaviour(|behaviour| {
        behaviour.transfer_unknown = UnknownGroup::Ignore;
        behaviour.transfer_default = DefaultTeam::Accept;
    });
    assert_eq!(moved(&world, ticket, "nobody").await, (200, json!([])));
    assert_eq!(moved(&world, ticket, "vip").await, (200, json!([ticket])));
    assert_eq!(world.desk.ticket(ticket).unwrap()["group"]["key"], "vip");

    assert_eq!(moved(&world, ticket, "").await, (200, json!([ticket])));
    assert_eq!(world.desk.ticket(ticket).unwrap()["group"]["key"], Value::Null);
}

#[tokio::test]
async fn first_message_makes_pending_active_or_nothing() {
    for (first, status) in [
        (FirstMessage::Pending, "PENDING"),
        (FirstMessage::Active, "ACTIVE"),
        (FirstMessage::Nothing, "INITIALIZED"),
    ] {
        let world = world().await;
        world.desk.set_behaviour(|behaviour| behaviour.first_message = first);
        let ticket = world.create("new").await;
        world.desk.customer_message(ticket, "Hello?");
        assert_eq!(world.desk.ticket(ticket).unwrap()["status2"], status);
    }
}

#[tokio::test]
async fn transfer_may_move_no_ticket() {
    let (world, ticket) = seeded().await;
    world.desk.set_behaviour(|behaviour| behaviour.transfer = Transfer::Never);

    assert_eq!(moved(&world, ticket, "vip").await, (200, json!([])));
}

#[tokio::test]
async fn closed_ticket_may_pass_over_writes() {
    let (world, ticket) = seeded().await;
    world.desk.close(ticket);
    world.desk.set_behaviour(|behaviour| behaviour.closed_writes = ClosedWrites::Ignore);
    let priority = json!({"priority": "HIGH"});
    assert_eq!(world.patch(&format!("/tickets/{ticket}"), priority).await.0, 200);
    assert_eq!(world.patch_fields(ticket, json!({"note": "late"})).await.0, 200);

    assert_eq!(world.desk.ticket(ticket).unwrap()["priority"], "MEDIUM");
    assert_eq!(world.desk.field(ticket, "note"), None);
}

#[tokio::test]
async fn ticket_without_message_may_not_be_closed() {
    let (world, pending) = seeded().await;
    world.desk.set_behaviour(|behaviour| behaviour.close_new = CloseNew::Refuse);
    let new = world.create("new").await;

    assert_eq!(world.patch(&format!("/tickets/{new}/close"), json!({})).await.0, 400);
    assert_eq!(world.patch(&format!("/tickets/{pending}/close"), json!({})).await.0, 200);
}

#[tokio::test]
async fn refusals_have_their_status_and_form() {
    let (world, _) = seeded().await;
    for (form, name) in [
        (ErrorForm::CodeAndDetail, "code"),
        (ErrorForm::Detail, "detail"),
        (ErrorForm::ByProperty, "non_field_errors"),
    ] {
        world.desk.set_behaviour(|behaviour| {
            behaviour.error_form = form;
            behaviour.missing_status = 410;
        });
        let (status, body) = world.get("/tickets/1").await;
        assert_eq!((status, body.get(name).is_some()), (410, true), "{body}");
        assert_eq!(body.get("code").is_some(), form == ErrorForm::CodeAndDetail, "{body}");
    }
}

#[tokio::test]
async fn calls_beyond_the_rate_are_refused() {
    let (world, _) = seeded().await;
    world.desk.set_behaviour(|behaviour| {
        behaviour.rate_limit = Some(2);
        behaviour.rate_headers = RateHeaders::Present;
    });
    let mut got = Vec::new();
    for _ in 0..3 {
        let answer = world.request(Method::GET, "/tickets").send().await.unwrap();
        let left = answer.headers()["x-ratelimit-remaining"].to_str().unwrap().to_owned();
        got.push((answer.status().as_u16(), left));
    }
    assert_eq!(got, [(200, "1".to_owned()), (200, "0".to_owned()), (429, "0".to_owned())]);
    tokio::time::sleep(Duration::from_millis(1100)).await;

    assert_eq!(world.get("/tickets").await.0, 200);
}
