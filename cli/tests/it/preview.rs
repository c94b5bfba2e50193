//! `preview`: the outcome of every key, in words, with no Desk at all.

use serde_json::{Value, json};

use crate::support::{Files, call, call_with, direct, event, sample};

#[test]
fn every_key_of_the_senders_sample_is_explained() {
    let ended = call(&["preview", &sample("sender-sample")]);
    assert_eq!(ended.code, 0);
    for (key, ways_out) in [
        ("phone_number", r#"add "phone_number": "phone-number" to the "aliases""#),
        ("user_segment", r#"add "user_segment": "user-segment" to the "aliases""#),
        ("arbitray_key", r#"add "arbitray_key": "arbitray-key" to the "aliases""#),
        ("membershipTier", r#"add "membershipTier": "membership-tier" to the "aliases""#),
        ("orderId", r#"add "orderId": "order-id" to the "aliases""#),
    ] {
        let why = ended.out.lines().rfind(|line| line.trim_start().starts_with(key)).unwrap();
        assert!(why.contains("Desk can never match it") && why.contains("rename it"), "{why}");
        assert!(why.contains(ways_out), "{why}");
        assert_eq!(
            why.contains("no field yet"),
            !["membershipTier", "orderId"].contains(&key),
            "{why}"
        );
    }

    assert!(ended.out.ends_with("\n5 keys are left out.\n"), "{ended:?}");
}

#[test]
fn half_an_emoji_is_read_as_when_deployed() {
    let files = Files::new();
    let document =
        call(&["preview", "--json", &files.put("half.json", r#"{"order-id": "A \ud83d"}"#)]).json();
    assert_eq!(
        document["fields"][0],
        json!({"key": "order-id", "outcome": "written", "value": "A \u{fffd}"})
    );
}

#[test]
fn event_body_and_context_have_same_outcomes() {
    let files = Files::new();
    let context =
        json!({"order-id": "A-1", "cart-items": "x", "orderUrl": "https://shop.example/1"});
    let body = direct(context.clone());
    let outcomes = |file: &Value| {
        let document = call(&["preview", "--json", &files.put_json("file.json", file)]).json();
        assert_eq!(document["left_out"], 1);
        document["fields"].clone()
    };

    let expected = json!([
        {"key": "order-id", "outcome": "written", "value": "A-1"},
        {"key": "cart-items", "outcome": "wrong-type"},
        {"key": "orderUrl", "outcome": "written", "field": "order-link", "value": "https://shop.example/1"},
        {"key": "language", "outcome": "empty"},
    ]);
    assert_eq!(outcomes(&context), expected);
    assert_eq!(outcomes(&body), expected);

    assert_eq!(outcomes(&event(&body.to_string(), Some("wrong"))), expected);
}

#[test]
fn context_may_have_keys_of_a_body() {
    let ended = call_with(
        br#"{"category": "billing", "order-id": "A-1", "conversation": "x"}"#,
        &["preview", "-"],
    );
    assert_eq!(ended.line("order-id"), "order-id written order-id A-1", "{ended:?}");
    assert_eq!(ended.line("category"), "category unmatched");
}

#[test]
fn strict_finds_what_is_left_out_and_nothing_else() {
    let files = Files::new();
    let strict = |context: Value| {
        let file = files.put_json("context.json", &context);
        assert_eq!(call(&["preview", &file]).code, 0, "{context}");
        call(&["preview", "--strict", &file]).code
    };
    assert_eq!(
        strict(json!({"order-id": "A-1", "auth-token": "x", "summary": null, "cart-items": ""})),
        0
    );
    assert_eq!(strict(json!({"summary": "long ".repeat(100)})), 0);

    for left_out in [
        json!({"colour": 1}),
        json!({"orderId": 1}),
        json!({"cart-items": "three"}),
        json!({"membership-tier": "Gold"}),
        json!({"order-id": {}}),
        json!({"priority": "urgnt"}),
    ] {
        assert_eq!(strict(left_out.clone()), 1, "{left_out}");
    }
}

#[test]
fn strict_finds_the_field_that_is_too_many() {
    let files = Files::new();
    let keys: Vec<String> = (0..21).map(|number| format!("key-{number}")).collect();
    let fields: Vec<Value> = keys.iter().map(|key| json!({"key": key, "type": "text"})).collect();
    let context: Value = keys.iter().map(|key| (key.clone(), json!("x"))).collect();
    let fields = files.put_json("fields.json", &json!({"fields": fields}));
    let ended = call(&[
        "preview",
        "--strict",
        &files.put_json("context.json", &context),
        "--fields",
        &fields,
    ]);
    assert_eq!(
        (ended.code, ended.line("key-20").as_str()),
        (1, "key-20 over-limit key-20"),
        "{ended:?}"
    );

    assert!(ended.out.ends_with("\n1 key is left out.\n"), "{ended:?}");
}

#[test]
fn the_nearest_option_is_named() {
    let ended = call(&["preview", &sample("wrong-types")]);
    assert!(
        ended.out.contains(r#"one of gold, silver, bronze. The nearest is "gold"."#),
        "{ended:?}"
    );
    assert!(
        ended.out.contains(r#"one of LOW, MEDIUM, HIGH, URGENT. The nearest is "URGENT"."#),
        "{ended:?}"
    );
}

#[test]
fn integer_and_link_rules_are_explained() {
    let context = json!({"cart-items": "9223372036854775808", "order-link": "HTTP://A.EXAMPLE"});
    let ended = call_with(context.to_string().as_bytes(), &["preview", "-"]);
    assert_eq!(ended.line("cart-items"), "cart-items wrong-type cart-items");
    assert!(
        ended
            .out
            .contains("a whole number from -9223372036854775808 to 9223372036854775807: digits"),
        "{ended:?}"
    );

    assert!(
        ended.out.contains("begins with http:// or https:// (in lower case), without spaces"),
        "{ended:?}"
    );
}

#[test]
fn superseded_alias_is_explained() {
    let context = json!({"order-link": "https://a.example", "orderUrl": "https://b.example"});
    let ended = call_with(context.to_string().as_bytes(), &["preview", "-"]);
    assert!(ended.out.contains(r#""order-link" filled the field instead"#), "{ended:?}");
}

#[test]
fn an_ignored_category_has_no_keys() {
    let ended = call(&["preview", "--strict", "--json", &sample("ignored-category")]);
    assert_eq!(ended.code, 0);
    assert_eq!(
        ended.json(),
        json!({"ignored": "conversation:started", "fields": [], "left_out": 0})
    );

    assert!(
        call(&["preview", &sample("ignored-category")])
            .out
            .contains("category conversation:started")
    );
}

#[test]
fn body_too_large_ends_with_2() {
    let files = Files::new();
    let largest = |length: usize| {
        let body = direct(json!({"order-id": ""})).to_string();
        direct(json!({"order-id": "x".repeat(length - body.len())})).to_string()
    };
    assert_eq!(call(&["preview", &files.put("largest.json", largest(262_144))]).code, 0);
    let larger = largest(262_145);
    let context = json!({"order-id": "x".repeat(262_144)});

    for file in [
        files.put("body.json", &larger),
        files.put_json("event.json", &event(&larger, None)),
        files.put_json("context.json", &context),
    ] {
        let ended = call(&["preview", &file]);
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{file}");
        assert!(
            ended.err.contains(&file) && ended.err.contains("more than 262144 with 413"),
            "{file}: {}",
            ended.err.len()
        );
    }
}

#[test]
fn standard_input_is_read_once() {
    for command in ["preview", "run"] {
        let ended = call_with(b"{}", &[command, "-", "--fields", "-"]);
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{ended:?}");
        assert!(ended.err.contains("standard input can be read once"), "{ended:?}");
    }
}

#[test]
fn body_of_wrong_form_names_its_places() {
    let body = json!({"category": "handoff", "id": "1", "data": {"conversation": {"id": 1}}});
    let ended = call_with(body.to_string().as_bytes(), &["preview", "-"]);
    assert_eq!((ended.code, ended.out.as_str()), (2, ""));
    assert!(ended.err.contains("\n  data.conversation.user_id: is required\n"), "{ended:?}");
}

#[test]
fn unusable_fields_file_lists_all_errors() {
    let files = Files::new();
    let fields = files.put("fields.json", r#"{"field": [], "deny": "x"}"#);
    for command in ["run", "preview", "serve"] {
        let mut arguments = vec![command, "--fields", &fields];
        let file = sample("handoff");
        if command != "serve" {
            arguments.push(&file);
        }
        let ended = call(&arguments);
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{ended:?}");
        assert!(
            ended.err.contains("field: is not known here")
                && ended.err.contains("deny: must be an array")
        );
    }
}

#[test]
fn json_keeps_every_character_of_a_value() {
    let context = json!({"summary": "tab\t del\u{7f} c1\u{9b} esc\u{1b}[31m ä😕"});
    let ended = call_with(context.to_string().as_bytes(), &["preview", "--json", "-"]);
    let document = ended.json();
    let entry = document["fields"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["key"] == "summary")
        .unwrap();
    assert_eq!(entry["value"], context["summary"]);

    assert!(ended.out.chars().all(|char| char == '\n' || !char.is_control()), "{ended:?}");
}
