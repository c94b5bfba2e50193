//! What a handoff does to a ticket: create, update, unchanged, preview, and which ticket it is.

use desk_handoff::names::{parameter, setting};
use std::collections::BTreeMap;

use desk_emulator::{FieldDefinition, FieldKind, Seed, Setup};
use serde_json::{Value, json};

use crate::world::{APP, CANARY, World, handoff, planted};

fn full_context() -> Value {
    json!({
        "order-id": planted("ORD-1"), "cart-items": 3, "membership-tier": "gold", "orderId": planted("x"),
        "priority": "high", "support-team": "vip", "auth-token": planted("tok"), "phone_number": planted("1")
    })
}

#[tokio::test]
async fn new_conversation_gets_a_filled_ticket() {
    let world = World::new().await;
    let answer = world.hand_over(full_context()).await;
    answer.is(201, "created");
    assert_eq!(answer.body["action"], "create");
    let ticket = world.only_ticket();
    assert_eq!(ticket["channelName"], "AI handoff 2647");
    assert_eq!(ticket["customer"]["sendbirdId"], "user_1");
    assert_eq!((&ticket["priority"], &ticket["group"]["key"]), (&json!("HIGH"), &json!("vip")));
    assert!(ticket["relatedChannels"].as_str().unwrap().contains("\"ch_ai_1\""));
    let id = answer.ticket_id();
    assert_eq!(world.desk.field(id, "order-id"), Some(planted("ORD-1")));
    assert_eq!(world.desk.field(id, "cart-items").as_deref(), Some("3"));
    let outcomes: BTreeMap<&str, &str> = full_context()
        .as_object()
        .unwrap()
        .keys()
        .map(|key| (key.as_str(), answer.outcome(key)))
        .map(|(key, outcome)| (full_key(key), outcome))
        .collect();

    let expected = BTreeMap::from([
        ("order-id", "written"),
        ("cart-items", "written"),
        ("membership-tier", "written"),
        ("orderId", "invalid-key"),
        ("priority", "written"),
        ("support-team", "written"),
        ("auth-token", "denied"),
        ("phone_number", "invalid-key"),
    ]);
    assert_eq!(outcomes, expected);

    assert_eq!(answer.outcome("language"), "empty");
}

/// Borrows a key for as long as the tests' own texts live.
fn full_key(key: &str) -> &'static str {
    let known = [
        "order-id",
        "cart-items",
        "membership-tier",
        "orderId",
        "priority",
        "support-team",
        "auth-token",
        "phone_number",
    ];
    known.into_iter().find(|known| *known == key).unwrap()
}

#[tokio::test]
async fn opening_message_makes_ticket_visible() {
    let world = World::new().await;
    let answer = world.hand_over(json!({})).await;
    assert_eq!(answer.body["opening_message"], "posted");
    let messages = world.desk.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(
        (messages[0].user_id.as_str(), messages[0].message.as_str()),
        ("user_1", "Handed over by the AI agent.")
    );

    assert_eq!(world.only_ticket()["status2"], "PENDING");
}

#[tokio::test]
async fn missing_chat_token_costs_only_the_message() {
    let world = World::new().await;
    world.parameters.remove(parameter::CHAT_API_TOKEN);
    let answer = world.hand_over(json!({"order-id": "1"})).await;
    answer.is(201, "created");
    assert_eq!(answer.body["opening_message"], "not-configured");
}

#[tokio::test]
async fn second_handoff_updates_the_same_ticket() {
    let world = World::new().await;
    let first = world.hand_over(json!({"order-id": "1"})).await;
    world.desk.clear_requests();
    let second = world.hand_over(json!({"order-id": "1", "cart-items": 4})).await;
    second.is(200, "updated");
    assert_eq!(second.ticket_id(), first.ticket_id());
    assert_eq!(
        (second.outcome("order-id"), second.outcome("cart-items")),
        ("unchanged", "written")
    );
    let written: Vec<String> = world
        .desk
        .requests()
        .into_iter()
        .filter(|seen| seen.method != "GET")
        .map(|seen| seen.body)
        .collect();
    assert_eq!(written, [r#"{"customFields":"{\"cart-items\":\"4\"}"}"#]);
    // The ticket, the customer's other tickets, the write.
    assert_eq!(second.body["desk_calls"], 3);

    world.only_ticket();
}

#[tokio::test]
async fn the_same_facts_again_change_nothing() {
    let world = World::new().await;
    world.hand_over(full_context()).await;
    world.desk.clear_requests();
    let mut again = handoff(full_context());
    again["event_id"] = json!("another event");
    let again = world.post("/handoffs", &again).await;
    again.is(200, "unchanged");
    assert_eq!((again.body["action"].as_str(), world.writes()), (Some("none"), 0));
}

#[tokio::test]
async fn create_for_new_customer_takes_four_calls() {
    let world = World::new().await;
    let answer = world.hand_over(full_context()).await;
    // The customer's tickets and the customer at once, then the customer is made, then the ticket.
    assert_eq!(answer.body["desk_calls"], 4);
    let writes: Vec<(String, String)> = world
        .desk
        .requests()
        .into_iter()
        .filter(|seen| seen.method != "GET" && seen.path.contains("/platform/"))
        .map(|seen| (seen.method, seen.path))
        .collect();

    assert_eq!(writes.len(), 2, "{writes:?}");
}

#[tokio::test]
async fn desks_ticket_on_the_channel_is_found() {
    let world = World::new().await;
    let id =
        world.desk.seed_ticket(Seed { channel_url: Some("ch_ai_1".into()), ..Seed::default() });
    let answer =
        world.hand_over(json!({"order-id": "1", "support-team": "vip", "priority": "HIGH"})).await;
    answer.is(200, "updated");
    assert_eq!(answer.ticket_id(), id);
    assert_eq!(
        (answer.body["ticket"]["team"].as_str(), world.only_ticket()["priority"].as_str()),
        (Some("vip"), Some("HIGH"))
    );

    assert_eq!(answer.outcome("support-team"), "written");
}

#[tokio::test]
async fn named_ticket_comes_first() {
    let world = World::new().await;
    let named =
        world.desk.seed_ticket(Seed { channel_url: Some("ch_other".into()), ..Seed::default() });
    world.desk.seed_ticket(Seed { channel_url: Some("ch_ai_1".into()), ..Seed::default() });
    let mut body = handoff(json!({"order-id": "1"}));
    body["ticket"] = json!({"id": named});
    let answer = world.post("/handoffs", &body).await;
    assert_eq!(answer.ticket_id(), named);

    assert!(
        world.desk.ticket(named).unwrap()["relatedChannels"].as_str().unwrap().contains("ch_ai_1")
    );
}

#[tokio::test]
async fn envelopes_desk_case_names_a_ticket() {
    let world = World::new().await;
    let id =
        world.desk.seed_ticket(Seed { channel_url: Some("ch_other".into()), ..Seed::default() });
    let body = json!({
        "id": "evt-1", "app_id": APP, "category": "handoff",
        "data": {
            "conversation": {"id": 1, "user_id": "user_1", "ai_agent_context": {"context": {"order-id": "1"}}},
            "external_case": {"case_id": id.to_string(), "type": "sendbird_desk"}
        }
    });

    assert_eq!(world.post("/handoffs", &body).await.ticket_id(), id);
}

#[tokio::test]
async fn a_named_ticket_of_another_customer_is_never_touched() {
    let world = World::new().await;
    let theirs = world.desk.seed_ticket(Seed { sendbird_id: "user_2".into(), ..Seed::default() });
    let before = world.desk.ticket(theirs);
    let mut body = handoff(json!({"order-id": "1"}));
    body["ticket"] = json!({"id": theirs});
    let answer = world.post("/handoffs", &body).await;
    answer.is(201, "created");
    assert_ne!(answer.ticket_id(), theirs);
    assert_eq!(world.desk.ticket(theirs), before);
}

#[tokio::test]
async fn unknown_named_ticket_is_looked_for_elsewhere() {
    let world = World::new().await;
    let mut body = handoff(json!({"order-id": "1"}));
    body["ticket"] = json!({"id": 999_999});
    world.post("/handoffs", &body).await.is(201, "created");
}

#[tokio::test]
async fn ignored_filters_lead_to_no_strangers_ticket() {
    let world = World::new().await;
    for (user, channel) in [("user_2", "ch_2"), ("user_3", "ch_3")] {
        let seed =
            Seed { sendbird_id: user.into(), channel_url: Some(channel.into()), ..Seed::default() };
        world.desk.seed_ticket(seed);
    }

    let before = world.desk.tickets();
    world.desk.set_behaviour(|behaviour| {
        behaviour.ignored_parameters = ["channel_url", "sendbird_id"].map(str::to_owned).into();
    });
    let first = world.hand_over(json!({"order-id": "1"})).await;
    first.is(201, "created");
    assert_eq!(world.desk.tickets()[..2], before);
    let second = world.hand_over(json!({"order-id": "2", "cart-items": 1})).await;

    assert_eq!(second.ticket_id(), first.ticket_id());
}

#[tokio::test]
async fn old_ticket_among_hundreds_is_found() {
    let world = World::new().await;
    let wanted =
        world.desk.seed_ticket(Seed { related: vec!["ch_ai_1".into()], ..Seed::default() });
    for _ in 0..250 {
        world.desk.seed_ticket(Seed::default());
    }
    world.desk.set_behaviour(|behaviour| behaviour.newest_first = true);
    assert_eq!(world.hand_over(json!({"order-id": "1"})).await.ticket_id(), wanted);
}

#[tokio::test]
async fn two_conversations_of_one_customer_get_two_tickets() {
    let world = World::new().await;
    let first = world.hand_over(json!({"order-id": "1"})).await;
    let mut body = handoff(json!({"order-id": "2"}));
    body["conversation"] = json!({"id": "2648", "channel_url": "ch_ai_2", "user_id": "user_1"});
    let second = world.post("/handoffs", &body).await;
    second.is(201, "created");
    assert_ne!(first.ticket_id(), second.ticket_id());
}

#[tokio::test]
async fn conversation_without_channel_is_found_by_title() {
    let world = World::new().await;
    let mut body = handoff(json!({"order-id": "1"}));
    body["conversation"] = json!({"id": "2647", "user_id": "user_1"});
    let first = world.post("/handoffs", &body).await;
    body["context"]["cart-items"] = json!(1);
    let second = world.post("/handoffs", &body).await;
    second.is(200, "updated");
    assert_eq!(second.ticket_id(), first.ticket_id());
}

#[tokio::test]
async fn long_ids_without_channel_get_separate_tickets() {
    let world = World::new().await;
    let hand_over = async |last: &str| {
        let mut body = handoff(json!({"order-id": last}));
        body["conversation"] =
            json!({"id": format!("{}{last}", "x".repeat(110)), "user_id": "user_1"});
        world.post("/handoffs", &body).await
    };

    let [first, second] = [hand_over("1").await, hand_over("2").await];
    second.is(201, "created");
    assert_ne!(first.ticket_id(), second.ticket_id());
}

#[tokio::test]
async fn ticket_on_channel_precedes_related_one() {
    let world = World::new().await;
    let own =
        world.desk.seed_ticket(Seed { channel_url: Some("ch_ai_1".into()), ..Seed::default() });
    let newer = world.desk.seed_ticket(Seed { related: vec!["ch_ai_1".into()], ..Seed::default() });
    assert_eq!(world.hand_over(json!({"order-id": "1"})).await.ticket_id(), own);
    assert_eq!(world.desk.field(newer, "order-id"), None);
}

#[tokio::test]
async fn hidden_fields_are_looked_at_before_writing() {
    for overwrite in ["own", "never"] {
        let rules = json!({"fields": [{"key": "tier", "type": "text"}], "ticket": {"overwrite": overwrite}});
        let world = World::with_rules(&rules).await;
        world.desk.set_behaviour(|behaviour| behaviour.lists_show_fields = false);
        let fields = BTreeMap::from([("tier".to_owned(), "a human's".to_owned())]);
        let id = world.desk.seed_ticket(Seed {
            channel_url: Some("ch_ai_1".into()),
            fields,
            ..Seed::default()
        });
        assert_eq!(world.hand_over(json!({"tier": "gold"})).await.outcome("tier"), "kept");
        assert_eq!(
            (world.desk.field(id, "tier").as_deref(), world.asked("GET", &format!("/{id}"))),
            (Some("a human's"), 1)
        );
    }
}

#[tokio::test]
async fn all_pages_of_tickets_are_read() {
    for lists_count in [true, false] {
        let world = World::new().await;
        world.desk.set_behaviour(|behaviour| {
            (behaviour.largest_page, behaviour.lists_count) = (50, lists_count)
        });
        let seed = |n: usize| Seed { related: vec![format!("ch_ai_{n}")], ..Seed::default() };
        let ids: Vec<u64> = (0..120).map(|n| world.desk.seed_ticket(seed(119 - n))).collect();
        let mut body = handoff(json!({"order-id": "1"}));
        for n in [49, 50, 70, 118] {
            body["conversation"] =
                json!({"channel_url": format!("ch_ai_{n}"), "user_id": "user_1"});
            assert_eq!(world.post("/handoffs", &body).await.ticket_id(), ids[119 - n]);
        }
    }
}

/// In each state Desk would show all of them: they are searched once.
#[tokio::test]
async fn unknown_filter_for_states_costs_one_search() {
    let world = World::new().await;
    for _ in 0..130 {
        world.desk.seed_ticket(Seed { status: "CLOSED".to_owned(), ..Seed::default() });
    }
    let open = Seed { related: vec!["ch_ai_1".to_owned()], ..Seed::default() };
    let id = world.desk.seed_ticket(open);
    world.desk.set_behaviour(|behaviour| {
        (behaviour.largest_page, behaviour.lists_count) = (20, false);
        behaviour.ignored_parameters = ["status2".to_owned()].into();
    });
    let mut body = handoff(json!({"order-id": "1"}));
    body["conversation"] = json!({"channel_url": "ch_ai_1", "user_id": "user_1"});

    assert_eq!(world.post("/handoffs", &body).await.ticket_id(), id);
    // The first page, one of each state, and the six that are left.
    assert_eq!(world.asked("GET", "/tickets"), 1 + 6 + 6);
}

#[tokio::test]
async fn what_the_sender_wishes_for_the_ticket_is_done() {
    let world = World::new().await;
    let mut body = handoff(json!({}));
    body["ticket"] = json!({"title": "Broken lid", "priority": "URGENT", "team": "support"});
    world.post("/handoffs", &body).await.is(201, "created");
    let ticket = world.only_ticket();
    assert_eq!(
        (&ticket["channelName"], &ticket["priority"], &ticket["group"]["key"]),
        (&json!("Broken lid (conversation 2647)"), &json!("URGENT"), &json!("support"))
    );
}

#[tokio::test]
async fn preview_reports_everything_and_writes_nothing() {
    let world = World::new().await;
    let answer = world.post("/handoffs/preview", &handoff(full_context())).await;
    answer.is(200, "preview");
    assert_eq!((answer.body["action"].as_str(), world.writes()), (Some("create"), 0));
    let shown = answer.body["fields"].as_array().unwrap();
    let value =
        |key: &str| shown.iter().find(|entry| entry["key"] == key).unwrap()["value"].clone();
    assert_eq!((value("order-id"), value("priority")), (json!(planted("ORD-1")), json!("HIGH")));
    assert_eq!(value("auth-token"), Value::Null, "what is denied is not shown either");
    world.hand_over(full_context()).await;
    world.desk.clear_requests();
    let answer = world
        .post("/handoffs/preview", &handoff(json!({"order-id": "other", "cart-items": 3})))
        .await;
    // What is ours would be replaced: the preview reads what is remembered.
    assert_eq!(
        (answer.outcome("order-id"), answer.outcome("cart-items")),
        ("written", "unchanged")
    );
    assert_eq!((answer.body["action"].as_str(), world.writes()), (Some("update"), 0));
    world.desk.edit_field(answer.ticket_id(), "order-id", "human");
    let answer = world.post("/handoffs/preview", &handoff(json!({"order-id": "other"}))).await;

    assert_eq!((answer.outcome("order-id"), &answer.body["action"]), ("kept", &json!("none")));
}

#[tokio::test]
async fn in_preview_mode_a_handoff_is_only_worked_out() {
    let world = World::with_desk(Setup::default(), &[(setting::MODE, "preview")]).await;
    let answer = world.hand_over(json!({"order-id": CANARY})).await;
    answer.is(200, "preview");
    assert_eq!(world.writes(), 0);
}

#[tokio::test]
async fn without_rules_every_legal_key_is_sent() {
    let world = World::with_fields(vec![FieldDefinition::new("order-id", FieldKind::Text)]).await;
    let answer = world.hand_over(json!({"order-id": "1", "colour": "red", "orderId": "2"})).await;
    answer.is(201, "created");
    assert_eq!(answer.outcome("order-id"), "written");
    assert_eq!(answer.outcome("colour"), "rejected");
    assert_eq!(answer.outcome("orderId"), "invalid-key");
}
