//! Desk at its worst: the answer is right, or a clear 502 or 504 with Desk's status, and no ticket
//! is made twice or touched by mistake.

use std::time::Duration;

use desk_emulator::{
    Call, Emulator, Fault, FaultKind, FieldDefinition, FieldKind, Reaction, Seed, Setup,
    StrangeRelated,
};
use desk_emulator::{UnknownGroup, ValueUnit, WriteAnswer};
use desk_handoff::claims::Memory;
use desk_handoff::names::{header, parameter};
use serde_json::{Value, json};

use crate::world::{World, planted};

fn html(status: u16) -> FaultKind {
    FaultKind::Html { status }
}

fn limit(retry_after: Option<u64>, ratelimit_retry_after: Option<u64>) -> FaultKind {
    FaultKind::RateLimited { retry_after, ratelimit_retry_after }
}

fn on_channel() -> Seed {
    Seed { channel_url: Some("ch_ai_1".into()), ..Seed::default() }
}

#[tokio::test]
async fn a_limit_is_waited_out_even_for_a_create() {
    for fault in [limit(Some(0), None), limit(None, Some(0)), limit(None, None)] {
        let world = World::new().await.without_queue();
        world.desk.inject(Fault::on(Call::CreateTicket).times(2).with(fault));
        world.hand_over(json!({"order-id": "1"})).await.is(201, "created");
        assert_eq!(world.asked("POST", "/tickets"), 3);
        world.only_ticket();
    }
}

#[tokio::test]
async fn rate_limit_beyond_time_left_is_passed_on() {
    let world = World::new().await.without_queue();
    world.desk.inject(Fault::on(Call::CreateTicket).always().with(limit(Some(3), Some(3600))));
    let answer = world.hand_over(json!({"order-id": "1"})).await;
    answer.is(502, "desk-rate-limited");
    assert_eq!(
        (&answer.body["desk_status"], answer.headers[header::RETRY_AFTER].to_str().unwrap()),
        (&json!(429), "3600")
    );
    assert_eq!((world.asked("POST", "/tickets"), world.desk.tickets().len()), (1, 0));
}

#[tokio::test]
async fn failed_look_up_is_never_not_found() {
    for call in [Call::ListTickets, Call::ListCustomers] {
        let world = World::new().await.without_queue();
        let fault = || FaultKind::Status { status: 500, headers: vec![], body: String::new() };
        world.desk.inject(Fault::on(call).times(3).with(fault()));
        world.hand_over(json!({"order-id": "1"})).await.is(201, "created");
        let world = World::new().await.without_queue();
        world.desk.inject(Fault::on(call).always().with(fault()));
        let answer = world.hand_over(json!({"order-id": "1"})).await;
        answer.is(502, "desk-unavailable");
        assert_eq!((&answer.body["desk_status"], world.writes()), (&json!(500), 0));
    }
}

#[tokio::test]
async fn a_page_of_html_keeps_its_status() {
    let world = World::new().await.without_queue();
    world.desk.inject(Fault::on(Call::ListTickets).always().with(html(502)));
    let answer = world.hand_over(json!({"order-id": "1"})).await;
    answer.is(502, "desk-unavailable");
    assert_eq!((&answer.body["desk_status"], world.writes()), (&json!(502), 0));
    let world = World::new().await.without_queue();
    world.desk.inject(Fault::on(Call::ListTickets).always().with(html(200)));
    world.hand_over(json!({"order-id": "1"})).await.is(502, "desk-unavailable");
    assert_eq!(world.writes(), 0);
}

#[tokio::test]
async fn slow_desk_is_504_in_time() {
    let mut world = World::new().await.without_queue();
    world.time = Duration::from_millis(600);
    world.desk.inject(
        Fault::on(Call::ListTickets).always().with(FaultKind::Slow(Duration::from_secs(60))),
    );
    world.hand_over(json!({"order-id": "1"})).await.is(504, "desk-timeout");
    assert_eq!(world.writes(), 0);
}

#[tokio::test]
async fn cut_connection_is_retried_where_harmless() {
    for fault in [FaultKind::CutConnection, FaultKind::CutBody] {
        let world = World::new().await.without_queue();
        let id = world.desk.seed_ticket(on_channel());
        world.desk.inject(Fault::on(Call::ListTickets).times(2).with(fault.clone()));
        world.desk.inject(Fault::on(Call::PatchFields).times(1).with(fault));
        world.hand_over(json!({"order-id": "1"})).await.is(200, "updated");
        assert_eq!(world.desk.field(id, "order-id").as_deref(), Some("1"));
    }
}

/// Whether Desk made the ticket nobody can know: nothing else is made for a minute, in which it may
/// show up.
#[tokio::test]
async fn create_in_doubt_is_not_repeated_for_a_minute() {
    let world = World::new().await.without_queue();
    world.desk.inject(Fault::on(Call::CreateTicket).times(1).with(FaultKind::CutConnection));
    let body = crate::world::handoff(json!({"order-id": "1"}));
    world.post("/handoffs", &body).await.is(504, "ticket-in-doubt");
    world.post_later("/handoffs", &body, 58).await.is(504, "ticket-in-doubt");
    assert_eq!((world.asked("POST", "/tickets"), world.desk.tickets().len()), (1, 0));
    world.post_later("/handoffs", &body, 62).await.is(201, "created");
    world.only_ticket();
}

/// A 404 for what was made a short time ago says that it is not shown yet.
#[tokio::test]
async fn hidden_new_ticket_is_waited_for() {
    let world = World::new().await.without_queue();
    world.desk.set_behaviour(|behaviour| behaviour.visible_after = Duration::from_secs(3600));
    let body = |id: &str, order: &str| {
        let mut body = crate::world::handoff(json!({"order-id": order}));
        body["event_id"] = json!(id);
        body
    };
    world.post("/handoffs", &body("e1", "1")).await.is(201, "created");
    world.post("/handoffs", &body("e2", "2")).await.is(504, "ticket-in-doubt");
    world.post("/handoffs/preview", &body("e2", "2")).await.is(504, "ticket-in-doubt");
    world.post_later("/handoffs", &body("e2", "2"), 58).await.is(504, "ticket-in-doubt");
    assert_eq!((world.asked("POST", "/tickets"), world.desk.tickets().len()), (1, 1));

    // Denied for a minute, it is gone.
    world.post_later("/handoffs", &body("e2", "2"), 62).await.is(201, "created");
    assert_eq!(world.desk.tickets().len(), 2);
}

/// The view comes when the ticket is there, the write before it could: nothing of it was refused.
#[tokio::test]
async fn denied_write_to_new_ticket_is_repeated() {
    let world = World::new().await;
    world.hand_over(json!({"order-id": "1"})).await.is(201, "created");
    world.desk.inject(Fault::on(Call::PatchFields).times(1).with(FaultKind::Status {
        status: 404,
        headers: vec![],
        body: "{}".to_owned(),
    }));
    let answer = world.hand_over(json!({"order-id": "2"})).await;
    answer.is(200, "updated");
    assert_eq!(answer.outcome("order-id"), "written");
    world.only_ticket();
}

#[tokio::test]
async fn unanswered_create_is_found_and_completed() {
    for fault in
        [FaultKind::CutAfterWrite, FaultKind::CutBody, FaultKind::EmptyBody, FaultKind::WrongTicket]
    {
        let world = World::new().await.without_queue();
        world.desk.inject(Fault::on(Call::CreateTicket).times(1).with(fault.clone()));
        let answer = world.hand_over(json!({"order-id": "1", "priority": "HIGH"})).await;
        assert_eq!(answer.status, 201, "{fault:?} {answer:#?}");
        assert_eq!(answer.outcome("order-id"), "unchanged");
        assert_eq!(world.asked("POST", "/tickets"), 1);
        let ours = world.desk.ticket(answer.ticket_id()).unwrap();
        assert_eq!(
            (&ours["customer"]["sendbirdId"], &ours["priority"]),
            (&json!("user_1"), &json!("HIGH"))
        );
    }
}

#[tokio::test]
async fn silent_create_is_found_by_next_try() {
    let mut world = World::new().await.without_queue();
    world.time = Duration::from_millis(700);
    world.desk.inject(Fault::on(Call::CreateTicket).times(1).with(FaultKind::SilentAfterWrite));
    world.hand_over(json!({"order-id": "1"})).await.is(504, "desk-timeout");
    world.time = Duration::from_secs(20);
    world.hand_over(json!({"order-id": "1", "cart-items": 2})).await.is(200, "updated");
    world.only_ticket();
}

/// There is no channel to know it by, and nothing of the conversation in the title that the sender
/// or the rules give.
#[tokio::test]
async fn silent_create_is_found_by_any_title() {
    for (wish, rule) in [(json!("Broken lid"), "{conversation.id}"), (json!(null), "Handoff")] {
        let mut world =
            World::with_rules(&json!({"ticket": {"title": rule}})).await.without_queue();
        let body = json!({
            "conversation": {"id": "77", "user_id": "user_1"}, "context": {"order-id": "1"}, "ticket": {"title": wish}
        });
        world.time = Duration::from_millis(700);
        world.desk.inject(Fault::on(Call::CreateTicket).times(1).with(FaultKind::SilentAfterWrite));
        world.post("/handoffs", &body).await.is(504, "desk-timeout");
        world.time = Duration::from_secs(20);
        assert_eq!(world.post("/handoffs", &body).await.status, 201);
        assert!(
            world.only_ticket()["channelName"].as_str().unwrap().ends_with(" (conversation 77)")
        );
    }
}

#[tokio::test]
async fn refused_related_channel_costs_only_itself() {
    for (behaviour, creates) in [(StrangeRelated::Refuse, 2), (StrangeRelated::Drop, 1)] {
        let mut world = World::new().await.without_queue();
        world.desk.set_behaviour(|knobs| knobs.strange_related = behaviour);
        let context = json!({"order-id": "1", "priority": "HIGH", "support-team": "vip"});
        let answer = world.hand_over(context.clone()).await;
        answer.is(201, "created");
        let outcomes =
            ["order-id", "priority", "support-team"].map(|key| answer.outcome(key).to_owned());
        assert_eq!(outcomes, ["written", "written", "written"]);
        assert_eq!(world.asked("POST", "/tickets"), creates);
        // Even if nothing is remembered of it: the title says whose it is.
        world.app.claims = Box::new(Memory::default());
        let again = world.hand_over(context).await;
        assert_eq!(again.ticket_id(), answer.ticket_id());
        world.only_ticket();
    }
}

#[tokio::test]
async fn value_respelt_by_desk_stays_ours() {
    let world = World::with_fields(vec![FieldDefinition::new("items", FieldKind::Integer)])
        .await
        .without_queue();
    world.parameters.set(parameter::FIELDS, r#"{"fields": [{"key": "items", "type": "text"}]}"#);
    for (value, stored) in [("007", "7"), ("008", "8")] {
        let answer = world.hand_over(json!({ "items": value })).await;
        assert_eq!(answer.outcome("items"), "rejected", "its answer holds another text");
        assert_eq!(world.desk.field(answer.ticket_id(), "items").as_deref(), Some(stored));
    }

    let id = world.only_ticket()["id"].as_u64().unwrap();
    world.desk.edit_field(id, "items", "9");
    assert_eq!(world.hand_over(json!({"items": "010"})).await.outcome("items"), "kept");
}

#[tokio::test]
async fn customer_made_without_answer_is_used() {
    for fault in [FaultKind::CutAfterWrite, FaultKind::EmptyBody] {
        let world = World::new().await.without_queue();
        world.desk.inject(Fault::on(Call::CreateCustomer).times(1).with(fault));
        world.hand_over(json!({"order-id": "1"})).await.is(201, "created");
        assert_eq!((world.asked("POST", "/customers"), world.desk.customers().len()), (1, 1));
    }
}

#[tokio::test]
async fn unknown_chat_user_makes_no_ticket() {
    let world = World::new().await.without_queue();
    world.desk.set_behaviour(|behaviour| behaviour.any_chat_user = false);
    let answer = world.hand_over(json!({"order-id": "1"})).await;
    answer.is(422, "desk-refused");
    assert_eq!((&answer.body["desk_status"], world.desk.tickets().len()), (&json!(400), 0));
}

#[tokio::test]
async fn wrong_ticket_in_answer_is_never_used() {
    let world = World::new().await.without_queue();
    let ours = world.desk.seed_ticket(on_channel());
    let theirs = world.desk.seed_ticket(Seed { sendbird_id: "user_2".into(), ..Seed::default() });
    let before = world.desk.ticket(theirs);

    for call in [Call::ViewTicket, Call::PatchFields] {
        world.desk.inject(Fault::on(call).times(1).with(FaultKind::WrongTicket));
        let mut body = crate::world::handoff(json!({"order-id": "1"}));
        body["ticket"] = json!({"id": ours});
        world.post("/handoffs", &body).await.is(502, "desk-unavailable");
    }
    world.desk.inject(Fault::on(Call::ListTickets).always().with(FaultKind::WrongTicket));
    let answer = world.hand_over(json!({"order-id": "1"})).await;
    assert_ne!(answer.body["ticket"]["id"], json!(theirs));

    assert_eq!(world.desk.ticket(theirs), before);
}

#[tokio::test]
async fn create_answered_with_wrong_ticket_is_looked_for() {
    let world = World::new().await.without_queue();
    let mut body = crate::world::handoff(json!({"order-id": "theirs"}));
    body["conversation"] = json!({"id": "2", "channel_url": "ch_ai_2", "user_id": "user_1"});
    let theirs = world.post("/handoffs", &body).await.ticket_id();
    world.desk.inject(Fault::on(Call::CreateTicket).times(1).with(FaultKind::WrongTicket));
    let ours = world.hand_over(json!({"order-id": "ours"})).await;
    assert_ne!(ours.ticket_id(), theirs);
    assert_eq!(
        world.hand_over(json!({"order-id": "ours", "cart-items": 1})).await.ticket_id(),
        ours.ticket_id()
    );
    assert_eq!(world.desk.field(theirs, "order-id").as_deref(), Some("theirs"));

    assert_eq!(world.desk.tickets().len(), 2);
}

#[tokio::test]
async fn refused_key_costs_only_itself() {
    let rules = json!({"fields": [
        {"key": "gone", "type": "text"}, {"key": "order-id", "type": "text"}, {"key": "tier", "type": "text"}
    ]});
    for existing in [true, false] {
        let known = ["order-id", "tier"].map(|key| FieldDefinition::new(key, FieldKind::Text));
        let world = World::with_fields(known.into()).await.without_queue();
        world.parameters.set(parameter::FIELDS, &rules.to_string());
        world.desk.set_behaviour(|behaviour| behaviour.unknown_key = Reaction::Refuse);
        if existing {
            world.desk.seed_ticket(on_channel());
        }
        let answer = world.hand_over(json!({"gone": "1", "order-id": "2", "tier": "3"})).await;
        assert!(answer.status.is_success(), "{answer:#?}");
        let outcomes = ["gone", "order-id", "tier"].map(|key| answer.outcome(key).to_owned());
        assert_eq!(outcomes, ["rejected", "written", "written"]);
        assert_eq!(world.desk.field(answer.ticket_id(), "tier").as_deref(), Some("3"));
        world.only_ticket();
    }
}

#[tokio::test]
async fn key_that_desk_drops_without_error_is_reported() {
    let world = World::with_fields(vec![FieldDefinition::new("order-id", FieldKind::Text)])
        .await
        .without_queue();
    world.parameters.set(
        parameter::FIELDS,
        r#"{"fields": [{"key": "gone", "type": "text"}, {"key": "order-id", "type": "text"}]}"#,
    );
    let answer = world.hand_over(json!({"gone": "1", "order-id": "2"})).await;
    assert_eq!((answer.outcome("gone"), answer.outcome("order-id")), ("rejected", "written"));
}

#[tokio::test]
async fn an_unknown_team_costs_only_itself() {
    for (behaviour, creates) in [(UnknownGroup::Refuse, 5), (UnknownGroup::Ignore, 1)] {
        let world = World::new().await.without_queue();
        world.desk.set_behaviour(|knobs| knobs.unknown_group = behaviour);
        let answer = world
            .hand_over(json!({"order-id": "1", "support-team": "nobody", "priority": "HIGH"}))
            .await;
        answer.is(201, "created");
        let outcomes =
            ["order-id", "support-team", "priority"].map(|key| answer.outcome(key).to_owned());
        assert_eq!(outcomes, ["written", "rejected", "written"]);
        assert_eq!(world.asked("POST", "/tickets"), creates);
        world.only_ticket();
    }
}

#[tokio::test]
async fn value_too_long_in_bytes_is_cut() {
    let world = World::new().await.without_queue();
    let id = world.desk.seed_ticket(on_channel());
    world.desk.set_behaviour(|behaviour| behaviour.value_unit = ValueUnit::Bytes);
    let answer = world.hand_over(json!({"summary": "é".repeat(150), "order-id": "1"})).await;
    assert_eq!((answer.outcome("summary"), answer.outcome("order-id")), ("truncated", "written"));
    assert_eq!(world.desk.field(id, "summary"), Some("é".repeat(95)));
}

#[tokio::test]
async fn answer_without_fields_is_followed_by_look() {
    for write_answer in [WriteAnswer::Empty, WriteAnswer::WithoutFields] {
        let world = World::new().await.without_queue();
        world.desk.seed_ticket(on_channel());
        world.desk.set_behaviour(|behaviour| behaviour.write_answer = write_answer);
        let answer = world
            .hand_over(json!({"order-id": "1", "priority": "HIGH", "support-team": "vip"}))
            .await;
        let outcomes =
            ["order-id", "priority", "support-team"].map(|key| answer.outcome(key).to_owned());
        assert_eq!(outcomes, ["written", "written", "written"]);
        assert_eq!(world.asked("PATCH", "/custom_fields"), 1);
    }
}

#[tokio::test]
async fn rotated_token_is_fetched_lost_one_is_502() {
    let world = World::new().await.without_queue();
    world.hand_over(json!({"order-id": "1"})).await.is(201, "created");
    world.desk.rotate_desk_token(planted("new"));
    world.parameters.set(parameter::DESK_API_TOKEN, &planted("new"));
    world.hand_over(json!({"order-id": "1", "cart-items": 1})).await.is(200, "updated");
    world.desk.rotate_desk_token("unknown to us");
    let answer = world.hand_over(json!({"order-id": "1", "cart-items": 2})).await;
    answer.is(502, "desk-token");
    assert_eq!(answer.body["desk_status"], json!(401));

    world.only_ticket();
}

#[tokio::test]
async fn redirect_is_not_followed() {
    let world = World::new().await.without_queue();
    let elsewhere = Emulator::start(Setup::default()).await.unwrap();
    let location = format!("{}/tickets", elsewhere.desk_url());

    for call in [Call::ListTickets, Call::CreateTicket] {
        world.desk.clear_faults();
        world.desk.inject(
            Fault::on(call).always().with(FaultKind::Redirect { location: location.clone() }),
        );
        let answer = world.hand_over(json!({"order-id": "1"})).await;
        answer.is(502, "desk-unavailable");
        assert_eq!(answer.body["desk_status"], json!(307));
    }
    assert!(elsewhere.requests().is_empty() && elsewhere.unknown_requests().is_empty());

    assert!(world.desk.tickets().is_empty());
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let world = World::new().await.without_queue();
    world.desk.inject(
        Fault::on(Call::ListTickets).always().with(FaultKind::OversizedBody(9 * 1024 * 1024)),
    );
    world.hand_over(json!({"order-id": "1"})).await.is(502, "desk-unavailable");
    assert_eq!(world.writes(), 0);
}

/// The opening message is a part of the work: it is tried again until it is there, and posted once.
#[tokio::test]
async fn failed_opening_message_is_repeated() {
    for fault in
        [html(503), FaultKind::CutConnection, limit(Some(3600), None), FaultKind::CutAfterWrite]
    {
        let world = World::new().await;
        world.desk.inject(Fault::on(Call::PostMessage).times(4).with(fault.clone()));
        world.hand_over(json!({"order-id": "1"})).await.is(202, "queued");
        world.desk.clear_faults();
        let again = world.hand_over(json!({"order-id": "1"})).await;
        again.is(201, "created");
        assert_eq!(
            (again.outcome("order-id"), world.desk.messages().len()),
            ("unchanged", 1),
            "{fault:?}"
        );
        world.only_ticket();
    }
}

#[tokio::test]
async fn refused_opening_message_costs_only_itself() {
    let world = World::new().await;
    let refusal = FaultKind::Status { status: 400, headers: vec![], body: String::new() };
    world.desk.inject(Fault::on(Call::PostMessage).always().with(refusal));
    let answer = world.hand_over(json!({"order-id": "1"})).await;
    answer.is(201, "created");
    assert_eq!(
        (&answer.body["opening_message"], answer.outcome("order-id")),
        (&json!("failed"), "written")
    );

    assert!(
        answer.body["message"]
            .as_str()
            .unwrap()
            .contains("Agents see it once the customer writes.")
    );
}

#[tokio::test]
async fn desks_own_words_about_a_value_reach_nobody() {
    let world = World::new().await.without_queue();
    let body = json!({"code": "desk400104", "detail": planted("is no order")}).to_string();
    world.desk.inject(Fault::on(Call::CreateTicket).always().with(FaultKind::Status {
        status: 400,
        headers: vec![],
        body,
    }));

    let answer = world.hand_over(json!({"order-id": planted("1")})).await;
    answer.is(422, "desk-refused");
    assert!(answer.body["detail"].as_str().unwrap().contains("desk400104"));
    assert_eq!(world.desk.tickets(), Vec::<Value>::new());
}
