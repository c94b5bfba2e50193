//! `when_missing`, `when_closed`, `overwrite`: what the rules make of a ticket that is there,
//! closed, or not there.

use desk_emulator::{Call, Fault, FaultKind, Seed};
use desk_handoff::names::header;
use serde_json::{Value, json};

use crate::world::{World, handoff};

async fn world(ticket_rules: Value) -> World {
    World::with_rules(&json!({
        "fields": [{"key": "order-id", "type": "text"}, {"key": "tier", "type": "text"}], "ticket": ticket_rules
    }))
    .await
}

fn on_channel(fields: &[(&str, &str)]) -> Seed {
    Seed {
        channel_url: Some("ch_ai_1".into()),
        fields: fields
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        ..Seed::default()
    }
}

#[tokio::test]
async fn missing_ticket_is_left_to_desk() {
    let world_retry = world(json!({"when_missing": "retry"})).await.without_queue();
    let answer = world_retry.hand_over(json!({"order-id": "1"})).await;
    answer.is(504, "no-ticket-yet");
    assert_eq!(answer.headers[header::RETRY_AFTER], "5");
    let world_leave = world(json!({"when_missing": "leave"})).await;
    let answer = world_leave.hand_over(json!({"order-id": "1", "x": "2"})).await;
    answer.is(200, "left");
    assert_eq!((answer.outcome("order-id"), answer.outcome("x")), ("left", "unmatched"));

    assert_eq!(
        (&answer.body["ticket"], world_retry.writes(), world_leave.writes()),
        (&Value::Null, 0, 0)
    );
}

/// Where nothing is written, as in a development environment of the sender's, Desk never makes the
/// ticket.
#[tokio::test]
async fn preview_says_that_desks_ticket_is_missing() {
    let world = world(json!({"when_missing": "retry"})).await;
    let answer =
        world.post("/handoffs/preview", &handoff(json!({"order-id": "1", "x": "2"}))).await;
    answer.is(200, "preview");
    assert_eq!((&answer.body["action"], &answer.body["ticket"]), (&json!("none"), &Value::Null));
    assert_eq!((answer.outcome("order-id"), answer.outcome("x")), ("left", "unmatched"));
}

#[tokio::test]
async fn desks_late_ticket_is_found_by_later_try() {
    let world = world(json!({"when_missing": "retry"})).await.without_queue();
    world.desk.set_behaviour(|behaviour| behaviour.visible_after_lookups = 1);
    let id = world.desk.seed_ticket(on_channel(&[]));
    world.hand_over(json!({"order-id": "1"})).await.is(504, "no-ticket-yet");
    let answer = world.hand_over(json!({"order-id": "1"})).await;
    answer.is(200, "updated");
    assert_eq!(answer.ticket_id(), id);
}

#[tokio::test]
async fn closed_ticket_is_replaced_or_left() {
    let world_create = world(json!({})).await;
    let closed = world_create.desk.seed_ticket(on_channel(&[]));
    world_create.desk.close(closed);
    let first = world_create.hand_over(json!({"order-id": "1"})).await;
    first.is(201, "created");
    let second = world_create.hand_over(json!({"order-id": "1", "tier": "gold"})).await;
    assert_eq!(second.ticket_id(), first.ticket_id(), "the open one, not the closed one");
    let world_leave = world(json!({"when_closed": "leave"})).await;
    let closed = world_leave.desk.seed_ticket(on_channel(&[]));
    world_leave.desk.close(closed);
    let answer = world_leave.hand_over(json!({"order-id": "1"})).await;
    answer.is(200, "left");

    assert_eq!(
        (answer.ticket_id(), answer.outcome("order-id"), world_leave.writes()),
        (closed, "left", 0)
    );
}

#[tokio::test]
async fn humans_change_is_kept_unless_always() {
    for (overwrite, outcome, stored) in
        [("own", "kept", "human"), ("never", "kept", "human"), ("always", "written", "gold")]
    {
        let world = world(json!({"overwrite": overwrite})).await;
        let id = world.desk.seed_ticket(on_channel(&[("tier", "human")]));
        let answer = world.hand_over(json!({"order-id": "1", "tier": "gold"})).await;
        assert_eq!(
            (answer.outcome("order-id"), answer.outcome("tier")),
            ("written", outcome),
            "{overwrite}"
        );
        assert_eq!(world.desk.field(id, "tier").as_deref(), Some(stored));
    }
}

/// A human chooses MEDIUM while our HIGH is taken or refused, and later LOW, which we had written
/// once: that we saw MEDIUM makes it theirs.
#[tokio::test]
async fn priority_that_human_chose_during_our_work_is_theirs() {
    for (refused, outcome) in [(false, "kept"), (true, "rejected")] {
        let rules = json!({"ticket": {"priority": {"from": "urgency"}, "grace_seconds": 0}});
        let world = World::with_rules(&rules).await;
        let event = |id: &str, urgency: &str| {
            let mut body = handoff(json!({"urgency": urgency}));
            body["event_id"] = json!(id);
            body
        };
        let mut first = event("e1", "LOW");
        if !refused {
            // The channel is related after the priority, and shows what a human chose.
            first["conversation"].as_object_mut().unwrap().remove("channel_url");
        }
        let id = world.post("/handoffs", &first).await.ticket_id();
        let mut chosen = world.desk.ticket(id).unwrap();
        chosen["priority"] = json!("MEDIUM");
        let answer =
            |status: u16| FaultKind::Status { status, headers: vec![], body: chosen.to_string() };
        let update = Fault::on(Call::UpdateTicket);
        let update =
            if refused { update.with(answer(400)) } else { update.after(1).with(answer(200)) };
        world.desk.inject(update);
        world.desk.inject(Fault::on(Call::ViewTicket).after(1).with(answer(200)));
        let second = world.post("/handoffs", &event("e2", "HIGH")).await;
        assert_eq!(second.outcome("urgency"), outcome);

        world.desk.clear_faults();
        world.desk.set_priority(id, "LOW");
        let third = world.post("/handoffs", &event("e3", "URGENT")).await;
        assert_eq!((third.outcome("urgency"), third.ticket_id()), ("kept", id), "{outcome}");
        assert_eq!(world.desk.ticket(id).unwrap()["priority"], "LOW");
    }
}

/// The first request is carried out and its answer lost; the same again is refused.
#[tokio::test]
async fn refused_priority_and_team_that_are_there_are_written() {
    let rules = json!({"ticket": {"priority": {"from": "urgency"}, "team": {"from": "team"}}});
    let world = World::with_rules(&rules).await;
    let id = world.desk.seed_ticket(on_channel(&[]));
    for call in [Call::UpdateTicket, Call::TransferToGroup] {
        world.desk.inject(Fault::on(call).with(FaultKind::CutAfterWrite));
        let refusal = FaultKind::Status { status: 400, headers: vec![], body: "{}".to_owned() };
        world.desk.inject(Fault::on(call).after(1).with(refusal));
    }
    let answer = world.hand_over(json!({"urgency": "HIGH", "team": "vip"})).await;
    assert_eq!((answer.outcome("urgency"), answer.outcome("team")), ("written", "written"));
    let ticket = world.desk.ticket(id).unwrap();
    assert_eq!((&ticket["priority"], &ticket["group"]["key"]), (&json!("HIGH"), &json!("vip")));

    world.desk.set_priority(id, "LOW");
    let again = world.hand_over(json!({"urgency": "URGENT", "team": "vip"})).await;
    assert_eq!((again.outcome("urgency"), again.outcome("team")), ("kept", "unchanged"));
}

#[tokio::test]
async fn the_team_of_an_assigned_ticket_is_left_alone() {
    let world = world(json!({"team": {"from": "team"}, "overwrite": "always"})).await;
    let id = world.desk.seed_ticket(on_channel(&[]));
    world.desk.assign(id);
    let answer = world.hand_over(json!({"team": "vip"})).await;
    assert_eq!((answer.outcome("team"), world.asked("POST", "/transfer_to_group")), ("kept", 0));
}

#[tokio::test]
async fn missing_opening_message_is_posted_by_next_try() {
    let world = world(json!({"opening_message": "Hello"})).await;
    let seed =
        Seed { status: "INITIALIZED".into(), related: vec!["ch_ai_1".into()], ..Seed::default() };
    world.desk.seed_ticket(seed);
    let answer = world.hand_over(json!({})).await;
    answer.is(200, "unchanged");
    assert_eq!(
        (answer.body["opening_message"].as_str(), world.desk.messages().len()),
        (Some("posted"), 1)
    );

    assert_eq!(world.hand_over(json!({})).await.body["opening_message"], Value::Null);
}

#[tokio::test]
async fn an_empty_value_never_clears_a_field() {
    let world = world(json!({"overwrite": "always"})).await;
    let id = world.desk.seed_ticket(on_channel(&[("tier", "gold")]));
    let answer = world.hand_over(json!({"tier": "", "order-id": null})).await;
    assert_eq!((answer.outcome("tier"), answer.outcome("order-id")), ("empty", "empty"));
    assert_eq!(world.desk.field(id, "tier").as_deref(), Some("gold"));
}
