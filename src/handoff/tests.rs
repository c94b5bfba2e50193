//! The three bodies, read.

use super::*;
use crate::auth::{Keys, authenticate, sign};
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use serde_json::json;

/// 30 July 2025, 08:35:30.
const RECEIVED: i64 = 1_753_864_530_000;

fn read(body: &[u8], idempotency_key: Option<&str>) -> Result<Event, BadBody> {
    let keys = Keys { signing: vec!["s".into()], ..Keys::default() };
    let mut headers = HeaderMap::new();
    headers.insert("x-sendbird-signature", HeaderValue::from_str(&sign(body, "s")).unwrap());
    let body = authenticate(body, &headers, &keys, std::time::UNIX_EPOCH).unwrap();
    parse(body, &AppId::parse("APP-1").unwrap(), idempotency_key, RECEIVED)
}

fn handoff(body: &Value) -> Handoff {
    match read(body.to_string().as_bytes(), None).unwrap() {
        Event::Handoff(handoff) => *handoff,
        Event::Ignored(category) => panic!("ignored as {category}"),
    }
}

fn paths(body: &Value) -> Vec<String> {
    match read(body.to_string().as_bytes(), None).unwrap_err() {
        BadBody::Shape(problems) => problems.into_iter().map(|problem| problem.path).collect(),
        other => panic!("{other}"),
    }
}

fn envelope() -> Value {
    json!({
        "id": "evt-1", "app_id": "APP-1", "category": "handoff", "created_at": "2025-07-30T08:30:32.d25Z",
        "data": {
            "ai_agent_id": "bot",
            "conversation": {
                "id": 2647, "user_id": "user_1", "channel_url": "channel_1", "channel_type": "messenger",
                "ai_agent_context": {"language": "en", "country": "US", "context": {"order-id": "ORD-1"}}
            },
            "external_case": {"case_id": "77", "type": "sendbird_desk"},
            "handoff_at": "2025-07-30T08:30:32.d48s"
        }
    })
}

#[test]
fn the_documented_envelope_is_read() {
    let handoff = handoff(&envelope());
    assert_eq!(handoff.event_id, "evt-1");
    assert_eq!(handoff.conversation.id.as_deref(), Some("2647"));
    assert_eq!(handoff.conversation.channel_url.as_deref(), Some("channel_1"));
    assert_eq!(handoff.context.0.len(), 1);
    assert_eq!(handoff.ticket.id, Some(77));
    assert_eq!(handoff.handoff_at.as_deref(), Some("2025-07-30T08:30:32.d48s"));
}

/// A time in a direct body never decides.
#[test]
fn only_events_carry_senders_time() {
    let mut body = envelope();
    body["created_at"] = json!("2025-07-30T08:35:25.5Z");
    let event = handoff(&body).stamp();
    assert_eq!(event, Stamp { created: Some(1_753_864_525_500_000), received: RECEIVED });
    let direct = json!({
        "created_at": "2025-07-30T08:35:25.5Z", "handoff_at": "2025-07-30T08:35:25.5Z",
        "conversation": {"id": 1, "user_id": "u"}
    });
    assert_eq!(handoff(&direct).stamp(), Stamp { created: None, received: RECEIVED });
    let flat =
        json!({"created_at": "2025-07-30T08:35:25.5Z", "conversation_id": 1, "user_id": "u"});

    assert_eq!(handoff(&flat).stamp().created, None);
}

#[test]
fn a_missing_context_is_an_empty_one() {
    for gone in [json!(null), json!({}), json!({"context": null})] {
        let mut body = envelope();
        body["data"]["conversation"]["ai_agent_context"] = gone;
        assert!(handoff(&body).context.0.is_empty());
    }
}

#[test]
fn only_a_case_of_desk_is_a_ticket() {
    for case in [
        json!({"case_id": "77", "type": "sprinklr"}),
        json!({"case_id": "x", "type": "desk"}),
        json!("desk"),
    ] {
        let mut body = envelope();
        body["data"]["external_case"] = case;
        assert_eq!(handoff(&body).ticket.id, None);
    }
}

#[test]
fn the_other_categories_are_ignored_whatever_they_hold() {
    for category in [
        "conversation:started",
        "conversation:closed",
        "message:user_sent",
        "message:ai_agent_sent",
        "message:human_agent_sent",
        "flagged_message:hallucination_detected",
    ] {
        let body = json!({"category": category, "data": 5}).to_string();
        assert_eq!(read(body.as_bytes(), None), Ok(Event::Ignored(category.into())));
    }
}

#[test]
fn direct_form_is_recognised_by_missing_category() {
    let handoff = handoff(&json!({
        "event_id": 9, "conversation": {"id": "c", "user_id": "u"}, "context": {"a": 1},
        "ticket": {"id": 5, "title": "T", "priority": "high", "team": "vip"}
    }));
    assert_eq!(handoff.event_id, "9");
    assert_eq!(handoff.ticket.priority, Some(Priority::High));
    assert_eq!(handoff.ticket.team, TeamKey::parse("vip"));
}

#[test]
fn event_id_is_bodys_then_headers_then_digest() {
    let id = |body: &str, key| match read(body.as_bytes(), key) {
        Ok(Event::Handoff(handoff)) => handoff.event_id,
        other => panic!("{other:?}"),
    };
    let bare = r#"{"conversation":{"id":"c","user_id":"u"}}"#;
    assert_eq!(id(bare, Some("key-1")), "key-1");
    assert_eq!(
        id(r#"{"event_id":"e","conversation":{"id":"c","user_id":"u"}}"#, Some("key-1")),
        "e"
    );
    assert_eq!(id(bare, None), id(bare, None));
    assert_eq!(id(bare, None).len(), 64);

    assert!(matches!(read(bare.as_bytes(), Some("")), Err(BadBody::Shape(_))));
}

#[test]
fn every_wrong_shape_is_named_by_its_path() {
    let mut body = envelope();
    body["app_id"] = json!("APP-2");
    body["data"]["conversation"]["user_id"] = json!(["u"]);
    assert_eq!(paths(&body), ["app_id", "data.conversation.user_id"]);
    assert_eq!(paths(&json!({"category": "handoff"})), ["id", "data"]);
    assert_eq!(paths(&json!({"category": 5})), ["category"]);
    assert_eq!(paths(&json!([])), [""]);
    assert_eq!(paths(&json!({"conversation": {"user_id": "u"}})), ["conversation"]);
    let direct = json!({
        "conversation": {"id": 1, "user_id": "u"}, "context": "x", "country": "U\nS", "language": []
    });
    assert_eq!(paths(&direct), ["context", "language", "country"]);
    let wishes = json!({"id": -1, "priority": "top", "team": "V I P", "title": " "});

    assert_eq!(
        paths(&json!({"conversation": {"id": 1, "user_id": "u"}, "ticket": wishes})),
        ["ticket.id", "ticket.title", "ticket.priority", "ticket.team"]
    );
}

/// Whatever else is wrong with it, an event that says whose conversation it is becomes a
/// handoff.
#[test]
fn optional_parts_of_event_cost_nothing() {
    let mut body = envelope();
    body["created_at"] = json!(["now"]);
    body["data"]["ai_agent_id"] = json!({});
    body["data"]["handoff_at"] = json!(true);
    body["data"]["external_case"] = json!("desk");
    body["data"]["conversation"]["channel_url"] = json!("x".repeat(600));
    body["data"]["conversation"]["channel_type"] = json!([]);
    body["data"]["conversation"]["ai_agent_context"]["context"] = json!("x");
    body["data"]["conversation"]["ai_agent_context"]["country"] = json!("U\nS");
    let handoff = handoff(&body);
    assert_eq!(
        (handoff.conversation.id.as_deref(), handoff.conversation.channel_url),
        (Some("2647"), None)
    );
    assert_eq!(
        handoff.remarks,
        [
            "data.conversation.channel_url",
            "data.conversation.channel_type",
            "data.conversation.ai_agent_context.context",
            "data.conversation.ai_agent_context.country",
            "data.ai_agent_id",
            "data.handoff_at",
            "created_at",
            "data.external_case",
        ]
    );
    body["data"]["conversation"]["id"] = json!(false);
    let wrong = ["data.conversation", "data.conversation.id", "data.conversation.channel_url"];

    assert_eq!(paths(&body), wrong, "neither name can be used");
}

fn flat() -> Value {
    json!({
        "conversation_id": "2647", "user_id": " user_1 ", "language": "en", "country": "", "title": "Broken lid",
        "priority": "high", "team": "vip", "ticket_id": "7", "order-id": "ORD-1", "is-new": true, "cart": 3
    })
}

/// One JSON object of texts, numbers and booleans, as the tools of AI agents send it.
#[test]
fn flat_form_is_read() {
    let handoff = handoff(&flat());
    assert_eq!((handoff.form, handoff.user_id.as_str()), (Form::Flat, "user_1"));
    assert_eq!((handoff.language.as_deref(), handoff.country.as_deref()), (Some("en"), None));
    let TicketWish { id, title, priority, team } = &handoff.ticket;
    assert_eq!(
        (*id, title.as_deref(), *priority),
        (Some(7), Some("Broken lid"), Some(Priority::High))
    );
    assert_eq!(*team, TeamKey::parse("vip"));
    assert_eq!(json!(handoff.context), json!({"order-id": "ORD-1", "is-new": true, "cart": 3}));
    assert_eq!(handoff.reserved.0["language"], "en");

    assert!(!handoff.event_is_named && handoff.event_id.len() == 64);
}

#[test]
fn channel_may_stand_as_conversation_id() {
    let channel = "sendbird_group_channel_1_ab";
    for body in [
        json!({"conversation_id": channel, "user_id": "u"}),
        json!({"conversation_id": channel, "channel_url": channel, "user_id": "u"}),
        json!({"channel_url": channel, "user_id": "u"}),
    ] {
        let conversation = handoff(&body).conversation;
        assert_eq!(
            (conversation.id.as_deref(), conversation.channel_url.as_deref()),
            (None, Some(channel))
        );
    }

    let two = json!({"conversation_id": channel, "channel_url": "other", "user_id": "u"});
    assert_eq!(paths(&two), ["conversation_id"]);
}

#[test]
fn channel_may_stand_as_id_of_nested_conversation() {
    let channel = "sendbird_group_channel_1_ab";
    for names in [json!({"id": channel}), json!({"id": channel, "channel_url": channel})] {
        let mut body = json!({"conversation": names});
        body["conversation"]["user_id"] = "u".into();
        let conversation = handoff(&body).conversation;
        assert_eq!((conversation.id, conversation.channel_url), (None, Some(channel.to_owned())));
    }

    let two = json!({"conversation": {"id": channel, "channel_url": "other", "user_id": "u"}});
    assert_eq!(paths(&two), ["conversation.id"]);
}

#[test]
fn channel_may_stand_as_id_of_event() {
    let mut body = envelope();
    body["data"]["conversation"]["id"] = "sendbird_group_channel_1_ab".into();
    let two = handoff(&body);
    assert_eq!(two.conversation.id, None);
    assert_eq!(two.conversation.channel_url.as_deref(), Some("channel_1"));
    assert_eq!(two.remarks, ["data.conversation.id"]);

    body["data"]["conversation"]["channel_url"] = Value::Null;
    let one = handoff(&body);
    assert_eq!(one.conversation.id, None);
    assert_eq!(one.conversation.channel_url.as_deref(), Some("sendbird_group_channel_1_ab"));
}

#[test]
fn wrong_reserved_key_is_named() {
    let wrong = json!({
        "conversation_id": {}, "user_id": [], "language": true, "title": 5, "priority": "top", "team": "V I P",
        "ticket_id": "x", "event_id": {}
    });
    let named = [
        "event_id",
        "user_id",
        "conversation_id",
        "language",
        "title",
        "ticket_id",
        "priority",
        "team",
    ];
    assert_eq!(paths(&wrong), named);
    assert_eq!(paths(&json!({})), ["user_id", "conversation_id"]);

    assert_eq!(paths(&json!({"user_id": "u", "conversation_id": ""})), ["conversation_id"]);
}

/// One handoff in the three bodies.
#[test]
fn three_forms_say_the_same() {
    let facts = |handoff: Handoff| {
        (
            handoff.user_id,
            handoff.conversation.id,
            handoff.context.0,
            handoff.language,
            handoff.event_id,
        )
    };

    let envelope = json!({
        "id": "e", "category": "handoff",
        "data": {"conversation": {"id": 1, "user_id": "u", "ai_agent_context": {
            "language": "en", "context": {"a": "b"}
        }}}
    });

    let nested = json!({
        "event_id": "e", "conversation": {"id": "1", "user_id": "u"}, "context": {"a": "b"}, "language": "en"
    });
    let flat = json!({"event_id": "e", "conversation_id": "1", "user_id": "u", "a": "b", "language": "en"});
    assert_eq!(facts(handoff(&envelope)), facts(handoff(&nested)));
    assert_eq!(facts(handoff(&envelope)), facts(handoff(&flat)));
}

#[test]
fn ids_have_limits() {
    let body = |id: &str, ticket: u64| json!({"event_id": id, "conversation": {"id": 1, "user_id": "u"}, "ticket": {"id": ticket}});
    assert_eq!(handoff(&body(&"é".repeat(MAX_ID), 1)).event_id.chars().count(), MAX_ID);
    assert_eq!(paths(&body(&"é".repeat(MAX_ID + 1), 0)), ["event_id", "ticket.id"]);
}

#[test]
fn what_is_no_json_is_named_by_its_place() {
    assert_eq!(read(b" \n", None), Err(BadBody::Empty));
    assert_eq!(read(b"{\"a\": \xff}", None), Err(BadBody::NotUtf8(6)));
    assert_eq!(read(b"{\n  oops}", None), Err(BadBody::NotJson { line: 2, column: 3 }));
    let deep = "[".repeat(10_000);
    assert!(matches!(read(deep.as_bytes(), None), Err(BadBody::NotJson { .. })));
}

#[test]
fn a_number_keeps_its_digits() {
    let body = br#"{"conversation":{"id":1,"user_id":"u"},"context":{"a":1.10,"b":123456789012345678901234567890,"c":1e400}}"#;
    let Ok(Event::Handoff(handoff)) = read(body, None) else { panic!("not read") };
    let written: Vec<String> = handoff.context.0.values().map(ToString::to_string).collect();
    assert_eq!(written, ["1.10", "123456789012345678901234567890", "1e+400"]);
}

#[test]
fn what_is_nested_in_a_context_is_not_kept() {
    let handoff = handoff(&json!({
        "conversation": {"id": 1, "user_id": "u"}, "context": {"a": [[1]], "b": {"c": {}}, "d": 1}
    }));
    assert_eq!(Value::Object(handoff.context.0), json!({"a": [], "b": {}, "d": 1}));
}

#[test]
fn a_handoff_prints_no_context_value() {
    let printed = format!("{:?}", handoff(&envelope()));
    assert!(!printed.contains("ORD-1"), "{printed}");
}

#[test]
fn blank_side_facts_cost_no_handoff() {
    for time in [
        json!(true),
        json!([]),
        json!("2025-07-30\n08:30"),
        json!("x".repeat(600)),
        json!(" "),
        json!(null),
    ] {
        let mut body = envelope();
        body["data"]["handoff_at"] = time;
        body["data"]["conversation"]["ai_agent_context"]["language"] = json!(" ");
        body["data"]["conversation"]["ai_agent_context"]["country"] = json!("");
        let handoff = handoff(&body);
        assert_eq!((handoff.handoff_at, handoff.language, handoff.country), (None, None, None));
    }
}

#[test]
fn a_conversation_has_a_name_that_is_not_blank() {
    for (id, channel) in
        [(json!(""), json!(null)), (json!(" "), json!("")), (json!(null), json!(" "))]
    {
        let body = json!({"conversation": {"id": id, "channel_url": channel, "user_id": "u"}});
        assert_eq!(paths(&body), ["conversation"]);
    }
    let body = json!({"conversation": {"id": " ", "channel_url": "ch_1", "user_id": "u"}});
    let conversation = handoff(&body).conversation;
    assert_eq!((conversation.id.as_deref(), conversation.name()), (None, "ch_1"));
}

#[test]
fn half_an_emoji_costs_a_handoff_nothing_but_itself() {
    let body =
        br#"{"conversation": {"id": 1, "user_id": "u"}, "context": {"summary": "lid \ud83d"}}"#;
    let Event::Handoff(handoff) = read(body, None).unwrap() else { panic!("it is one") };
    assert_eq!(handoff.context.0["summary"], json!("lid \u{fffd}"));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((property(), inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn property() -> impl Strategy<Value = String> {
    let known = [
        "id",
        "category",
        "data",
        "conversation",
        "user_id",
        "channel_url",
        "context",
        "external_case",
        "ai_agent_context",
        "created_at",
        "ticket",
        "language",
    ];
    prop_oneof![prop::sample::select(known.to_vec()).prop_map(str::to_owned), "[a-z]{1,5}"]
}

proptest! {
    #[test]
    fn needed_parts_make_a_handoff(
        body in prop::collection::btree_map(property(), any_json(), 0..6),
        data in prop::collection::btree_map(property(), any_json(), 0..6),
        conversation in prop::collection::btree_map(property(), any_json(), 0..6),
    ) {
        let mut conversation: Object = conversation.into_iter().collect();
        conversation.insert("id".into(), 1.into());
        conversation.insert("user_id".into(), "u".into());
        let mut data: Object = data.into_iter().collect();
        data.insert("conversation".into(), conversation.into());
        let mut body: Object = body.into_iter().collect();
        body.insert("id".into(), "e".into());
        body.insert("category".into(), "handoff".into());
        body.insert("data".into(), data.into());
        let read = read(Value::Object(body).to_string().as_bytes(), None);

        prop_assert!(matches!(read, Ok(Event::Handoff(_))), "{read:?}");
    }

    #[test]
    fn no_json_makes_it_panic(body in any_json()) {
        let _ = read(body.to_string().as_bytes(), None);
    }

    #[test]
    fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&body, None);
    }

    #[test]
    fn a_problem_never_repeats_a_value(value in "[A-Z]{12}") {
        let wrong = json!([value]);
        let body = json!({
            "app_id": value, "event_id": wrong, "conversation": {"id": wrong, "user_id": wrong}, "context": value,
            "language": wrong, "ticket": {"priority": value, "team": value, "id": value}
        });
        let error = read(body.to_string().as_bytes(), None).unwrap_err();
        let both = format!("{error} {error:?}");
        prop_assert!(!both.contains(&value), "{}", both);
    }
}
