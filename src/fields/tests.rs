//! What `match_fields` makes of contexts and rules.

use super::*;
use crate::handoff::{Context, Conversation};
use crate::rules::{MAX_KEY, MAX_VALUE};
use proptest::prelude::*;
use serde_json::json;

fn handoff(context: Value) -> Handoff {
    let Value::Object(context) = context else { panic!("a context is an object") };
    Handoff {
        event_id: "evt-1".into(),
        conversation: Conversation {
            id: Some("2647".into()),
            channel_url: Some("channel_1".into()),
            channel_type: Some("messenger".into()),
        },
        user_id: "user_1".into(),
        context: Context(context),
        language: Some("en".into()),
        ..Handoff::default()
    }
}

fn rules(document: Value) -> Rules {
    Rules::parse(&document.to_string()).unwrap()
}

/// The lines as `key outcome[ ->field][ ?hint]`, with everything sent counted as written.
fn outcomes(rules: &Rules, context: Value) -> Vec<String> {
    let matched = match_fields(rules, &handoff(context));
    let entries = matched.entries(&FieldOutcomes::all(&matched, Outcome::Written), false);
    let line = |entry: Entry| {
        let outcome = json!(entry.outcome);
        let field = entry.field.map(|field| format!(" ->{field}")).unwrap_or_default();
        let hint = entry.hint.map(|hint| format!(" ?{hint}")).unwrap_or_default();
        format!("{} {}{field}{hint}", entry.key, outcome.as_str().unwrap())
    };
    entries.into_iter().map(line).collect()
}

fn sent(rules: &Rules, context: Value) -> Vec<(String, String)> {
    let matched = match_fields(rules, &handoff(context));
    matched
        .values
        .iter()
        .map(|value| (value.key.to_string(), value.text.expose().to_owned()))
        .collect()
}

fn one(kind: &str) -> Rules {
    rules(json!({"fields": [{"key": "f", "type": kind}]}))
}

#[test]
fn a_key_matches_exactly_or_not_at_all() {
    let rules = rules(json!({"fields": [{"key": "order-id", "type": "text"}]}));
    assert_eq!(sent(&rules, json!({"order-id": "ORD-1"})), [("order-id".into(), "ORD-1".into())]);
    assert_eq!(outcomes(&rules, json!({"order-ids": "x"})), ["order-ids unmatched ?order-id"]);
    assert_eq!(outcomes(&rules, json!({"colour": "x"})), ["colour unmatched"]);
}

#[test]
fn the_obvious_near_misses_are_named() {
    let rules = rules(json!({"fields": [{"key": "order-id", "type": "text"}]}));
    for key in ["orderId", "order_id", "Order-Id", "order id", "ORDER.ID", "Order ID ", "oderId"] {
        assert_eq!(outcomes(&rules, json!({ key: 1 })), [format!("{key} invalid-key ?order-id")]);
    }
    for key in ["orderid", "order--id", "odrer-id", "orde-id"] {
        assert_eq!(outcomes(&rules, json!({ key: 1 })), [format!("{key} unmatched ?order-id")]);
    }
}

#[test]
fn illegal_key_without_near_field_gets_legal_form() {
    let rules = Rules::default();
    for (key, hint) in [
        ("phone_number", " ?phone-number"),
        ("membershipTier", " ?membership-tier"),
        ("lastHTTPStatus2Code", " ?last-httpstatus2"),
        ("customerLifetimeValueInEuros", " ?customer-lifetime"),
        ("averyverylongkeywithoutanybreak", " ?averyverylongkeywitho"),
        ("______________________________orderId", " ?order-id"),
        ("__", ""),
        ("", ""),
        ("ключ", ""),
    ] {
        let hint = if hint.len() > MAX_KEY + 2 { &hint[..MAX_KEY + 2] } else { hint };
        assert_eq!(outcomes(&rules, json!({ key: 1 })), [format!("{key} invalid-key{hint}")]);
    }
}

#[test]
fn scalars_travel_as_text_and_nothing_else_does() {
    let rules = one("text");
    for (value, text) in
        [(json!("a b"), "a b"), (json!(1.5), "1.5"), (json!(-3), "-3"), (json!(true), "true")]
    {
        assert_eq!(sent(&rules, json!({ "f": value })), [("f".into(), text.into())]);
    }

    for (value, outcome) in [
        (json!(null), "empty"),
        (json!(""), "empty"),
        (json!(" \n"), "empty"),
        (json!([1]), "not-scalar"),
        (json!({}), "not-scalar"),
    ] {
        assert_eq!(outcomes(&rules, json!({ "f": value })), [format!("f {outcome}")]);
    }
}

#[test]
fn an_integer_is_whole_and_fits_64_bits() {
    for value in [json!(3), json!("3"), json!("-3"), json!("007"), json!(i64::MIN)] {
        assert_eq!(outcomes(&one("integer"), json!({ "f": value })), ["f written"]);
    }
    for value in [
        json!("3.0"),
        json!(3.5),
        json!("+3"),
        json!(" 3"),
        json!("٣"),
        json!(u64::MAX),
        json!("-"),
        json!(true),
    ] {
        assert_eq!(outcomes(&one("integer"), json!({ "f": value })), ["f wrong-type"], "{value}");
    }
}

#[test]
fn a_link_is_http_and_whole() {
    for value in ["https://shop.example/orders/1?x=1#y", "http://localhost", "https://SHOP.example"]
    {
        assert_eq!(outcomes(&one("link"), json!({ "f": value })), ["f written"], "{value}");
    }
    let long = format!("https://shop.example/{}", "a".repeat(170));

    for value in [
        "javascript:alert(1)",
        "data:text/html,x",
        "shop.example",
        "https://",
        "https://a b",
        " https://a.b",
        "java\nscript:x",
        "https://a.b\n",
        "https://a.b/c d",
        "https://a.b/\u{7f}",
        "https:a.b",
        "https:javascript:alert(1)",
        "http:\\\\a.b",
        "http:///a.b",
        "HTTPS://a.b",
        &long,
    ] {
        assert_eq!(outcomes(&one("link"), json!({ "f": value })), ["f wrong-type"], "{value}");
    }
}

#[test]
fn a_dropdown_takes_its_options_to_the_letter() {
    let rules = rules(
        json!({"fields": [{"key": "f", "type": "dropdown", "options": ["Gold plus", "silver"]}]}),
    );
    assert_eq!(outcomes(&rules, json!({"f": "silver"})), ["f written"]);
    for (value, hint) in [
        ("GOLD PLUS", " ?Gold plus"),
        ("goldplus", " ?Gold plus"),
        (" silver ", " ?silver"),
        ("silber", " ?silver"),
        ("tin", ""),
    ] {
        assert_eq!(outcomes(&rules, json!({ "f": value })), [format!("f not-an-option{hint}")]);
    }
}

#[test]
fn nothing_very_short_or_very_long_is_likened() {
    let rules = rules(json!({"fields": [
        {"key": "abc", "type": "text"}, {"key": "abcd", "type": "text"},
        {"key": "tier", "type": "dropdown", "options": ["gold plus"]}
    ]}));
    assert_eq!(outcomes(&rules, json!({"abx": 1})), ["abx unmatched"]);
    assert_eq!(outcomes(&rules, json!({"abcx": 1})), ["abcx unmatched ?abcd"]);
    assert_eq!(outcomes(&rules, json!({"abxd": 1})), ["abxd unmatched ?abcd"]);

    for (dashes, hint) in [(4 * MAX_VALUE - 8, " ?gold plus"), (4 * MAX_VALUE - 7, "")] {
        let value = format!("gold{}plus", "-".repeat(dashes));
        assert_eq!(outcomes(&rules, json!({"tier": value})), [format!("tier not-an-option{hint}")]);
    }
}

#[test]
fn long_text_is_cut_between_characters() {
    let matched =
        match_fields(&one("text"), &handoff(json!({"f": format!("{}😀😀", "é".repeat(187))})));
    assert_eq!(matched.values[0].text.expose(), format!("{}😀", "é".repeat(187)));
    assert!(matched.values[0].truncated);
    let matched = match_fields(&one("text"), &handoff(json!({"f": "é".repeat(190)})));
    assert!(!matched.values[0].truncated);
}

#[test]
fn the_fields_own_key_wins_over_its_aliases() {
    let rules = rules(json!({
        "fields": [{"key": "order-id", "type": "text"}], "aliases": {"orderId": "order-id", "order": "order-id"}
    }));
    assert_eq!(outcomes(&rules, json!({"orderId": "1"})), ["orderId written ->order-id"]);
    let lines =
        ["order-id written", "order superseded ->order-id", "orderId superseded ->order-id"];
    assert_eq!(outcomes(&rules, json!({"orderId": "1", "order": "2", "order-id": "3"})), lines);

    assert_eq!(
        sent(&rules, json!({"orderId": "1", "order": "2"})),
        [("order-id".into(), "2".into())]
    );
}

#[test]
fn empty_key_yields_to_filled_alias() {
    let document = |deny: &[&str]| {
        json!({
            "fields": [{"key": "order-id", "type": "text"}], "deny": deny,
            "aliases": {"orderId": "order-id", "order": "order-id"}
        })
    };

    let mut listed = rules(document(&[]));
    for _ in 0..2 {
        let lines = ["orderId written ->order-id", "order empty ->order-id", "order-id empty"];
        assert_eq!(
            outcomes(&listed, json!({"order-id": null, "order": " ", "orderId": "A"})),
            lines
        );
        assert_eq!(
            sent(&listed, json!({"order": "", "orderId": "A"})),
            [("order-id".into(), "A".into())]
        );
        assert_eq!(outcomes(&listed, json!({"order-id": "", "order": null}))[0], "order-id empty");
        // And so without a list of fields.
        listed.fields = None;
    }

    let denied = rules(document(&["order"]));
    let lines = ["orderId written ->order-id", "order denied ->order-id"];
    assert_eq!(outcomes(&denied, json!({"order": "B", "orderId": "A"})), lines);
    let denied = rules(document(&["order-id"]));
    let lines = ["orderId written ->order-id", "order-id denied"];
    assert_eq!(outcomes(&denied, json!({"order-id": "B", "orderId": "A"})), lines);
}

#[test]
fn a_denied_key_reaches_nothing() {
    let rules = rules(json!({
        "fields": [{"key": "token", "type": "text"}, {"key": "other", "type": "text", "from": "token"}],
        "aliases": {"authToken": "token"}, "deny": ["token", "authToken"],
        "ticket": {"team": {"from": "token"}}
    }));
    let matched = match_fields(&rules, &handoff(json!({"token": "t", "authToken": "t"})));
    assert!(matched.values.is_empty() && matched.team.is_none());
    let lines = ["token denied", "other denied", "authToken denied ->token"];
    assert_eq!(outcomes(&rules, json!({"token": "t", "authToken": "t"})), lines);

    assert_eq!(
        outcomes(&rules, json!({"authToken": "t"})),
        ["authToken denied ->token", "other empty"]
    );
}

/// The exact key comes first, then an alias, then `from`; each loser says who won, and is no
/// miss if it said the same.
#[test]
fn better_source_supersedes_the_others() {
    let rules = rules(json!({
        "fields": [{"key": "tier", "type": "text", "from": "level"}], "aliases": {"memberTier": "tier"}
    }));
    let entries = |context: Value| {
        let matched = match_fields(&rules, &handoff(context));
        let entries = matched.entries(&FieldOutcomes::all(&matched, Outcome::Written), true);
        let line = |entry: Entry| {
            let missed = entry.is_missed();
            (entry.key, json!(entry.outcome), entry.by.unwrap_or_default(), missed)
        };
        entries.into_iter().map(line).collect::<Vec<_>>()
    };

    let line = |key: &str, outcome: &str, by: &str, missed| {
        (key.into(), json!(outcome), by.into(), missed)
    };
    assert_eq!(
        entries(json!({"tier": "gold", "memberTier": "silver", "level": "gold"})),
        [
            line("tier", "written", "", false),
            line("level", "superseded", "tier", false),
            line("memberTier", "superseded", "tier", true),
        ]
    );
    assert_eq!(
        entries(json!({"tier": " ", "memberTier": "silver", "level": "gold"})),
        [
            line("tier", "written", "", false),
            line("level", "superseded", "memberTier", true),
            line("memberTier", "written", "", false),
        ]
    );

    assert_eq!(
        entries(json!({"level": "gold"})),
        [line("tier", "written", "", false), line("level", "written", "", false)]
    );
}

/// A better source that the field does not take keeps its outcome: what was meant for the field
/// is there, and wrong.
#[test]
fn wrong_better_source_is_not_replaced() {
    let rules = rules(json!({"fields": [{"key": "n", "type": "integer", "from": "m"}]}));
    assert_eq!(outcomes(&rules, json!({"n": "x", "m": 1})), ["n wrong-type", "m superseded ->n"]);
    assert!(sent(&rules, json!({"n": "x", "m": 1})).is_empty());
}

#[test]
fn credential_is_denied_unless_defined() {
    let document =
        |allow: bool| json!({"deny_credentials": allow, "aliases": {"authToken": "note"}});
    let lines = [
        format!("authToken denied ->note ?{ALLOW_HINT}"),
        "order-id written".to_owned(),
        format!("api_key denied ?{ALLOW_HINT}"),
    ];

    let context = json!({"authToken": "t", "api_key": "k", "order-id": "1"});
    assert_eq!(outcomes(&rules(document(true)), context.clone()), lines);
    assert_eq!(outcomes(&rules(document(false)), context)[0], "authToken written ->note");
    let defined = rules(json!({"fields": [{"key": "token", "type": "text"}]}));
    assert_eq!(outcomes(&defined, json!({"token": "t"})), ["token written"]);
    let listed = rules(json!({"fields": [{"key": "token", "type": "text"}], "deny": ["token"]}));

    assert_eq!(outcomes(&listed, json!({"token": "t"})), ["token denied"]);
}

/// Of the flat form: it fills the field of that very key, if there is one.
#[test]
fn reserved_key_fills_its_own_field() {
    let mut flat = handoff(json!({"tier": "gold"}));
    let reserved = json!({"language": "de", "title": "Broken lid", "user_id": "u"});
    flat.reserved = Context(reserved.as_object().unwrap().clone());
    let with_field = rules(json!({"fields": [{"key": "title", "type": "text"}]}));
    let lines = |rules: &Rules| {
        let matched = match_fields(rules, &flat);
        let entries = matched.entries(&FieldOutcomes::all(&matched, Outcome::Written), false);
        entries.into_iter().map(|entry| (entry.key, entry.outcome)).collect::<Vec<_>>()
    };

    let expected =
        [("title".to_owned(), Outcome::Written), ("tier".to_owned(), Outcome::Unmatched)];
    assert_eq!(lines(&with_field), expected);
    assert_eq!(lines(&Rules::default()), [("tier".to_owned(), Outcome::Written)]);
}

#[test]
fn field_with_source_has_its_own_line() {
    let rules = rules(json!({"fields": [
        {"key": "lang", "type": "text", "from": "$language"},
        {"key": "land", "type": "text", "from": "$country"},
        {"key": "tier", "type": "text", "from": "membershipTier"}
    ]}));
    let lines = ["lang written", "land empty", "tier written", "membershipTier written ->tier"];
    assert_eq!(outcomes(&rules, json!({"membershipTier": "gold"})), lines);
    assert_eq!(
        outcomes(&rules, json!({"lang": "fr"})),
        ["lang written", "land empty", "tier empty"]
    );

    assert_eq!(sent(&rules, json!({"lang": "fr"})), [("lang".into(), "fr".into())]);
}

#[test]
fn priority_and_team_keys_have_outcomes() {
    let rules = rules(json!({
        "fields": [], "ticket": {"priority": {"from": "priority"}, "team": {"from": "support-team"}}
    }));
    let matched =
        match_fields(&rules, &handoff(json!({"priority": "high", "support-team": "vip"})));
    assert_eq!((matched.priority, matched.team), (Some(Priority::High), TeamKey::parse("vip")));
    let lines = ["priority not-an-option ?URGENT", "support-team not-an-option"];
    assert_eq!(outcomes(&rules, json!({"priority": "urgnt", "support-team": "V I P"})), lines);
}

#[test]
fn what_the_sender_wishes_wins_over_the_rules() {
    let rules =
        rules(json!({"ticket": {"priority": {"value": "LOW"}, "team": {"value": "support"}}}));
    let mut wished = handoff(json!({}));
    assert_eq!(match_fields(&rules, &wished).priority, Some(Priority::Low));
    wished.ticket.priority = Some(Priority::Urgent);
    wished.ticket.team = TeamKey::parse("vip");
    let matched = match_fields(&rules, &wished);
    assert_eq!((matched.priority, matched.team), (Some(Priority::Urgent), TeamKey::parse("vip")));
}

#[test]
fn key_that_yields_to_senders_wish_is_superseded() {
    let rules = rules(
        json!({"fields": [], "ticket": {"priority": {"from": "pri"}, "team": {"from": "team"}}}),
    );
    let mut wished = handoff(json!({"pri": "HIGH", "team": "nobody's team"}));
    wished.ticket.priority = Some(Priority::Low);
    wished.ticket.team = TeamKey::parse("vip");
    let lines = |wished: &Handoff| {
        let matched = match_fields(&rules, wished);
        let entries = matched.entries(&FieldOutcomes::all(&matched, Outcome::Written), false);
        entries.into_iter().map(|entry| (entry.key, entry.outcome)).collect::<Vec<_>>()
    };
    assert_eq!(
        lines(&wished),
        [("pri".into(), Outcome::Kept), ("team".into(), Outcome::NotAnOption)]
    );
    wished.ticket.priority = Some(Priority::High);

    assert_eq!(lines(&wished)[0], ("pri".into(), Outcome::Written));
}

#[test]
fn keys_of_priority_and_team_are_no_fields() {
    let rules = rules(
        json!({"ticket": {"priority": {"from": "priority"}, "team": {"from": "support-team"}}}),
    );
    let context = json!({"priority": "HIGH", "support-team": "vip", "tier": "gold"});
    assert_eq!(sent(&rules, context.clone()), [("tier".into(), "gold".into())]);
    assert_eq!(
        outcomes(&rules, context),
        ["tier written", "priority written", "support-team written"]
    );
}

#[test]
fn the_twenty_first_field_is_over_the_limit() {
    let context: serde_json::Map<String, Value> =
        (10..35).map(|n| (format!("k{n}"), json!(n))).collect();
    let lines = outcomes(&Rules::default(), Value::Object(context));
    assert_eq!(lines.iter().filter(|line| line.ends_with("written")).count(), MAX_FIELDS);
    assert_eq!(lines[20], "k30 over-limit");
}

#[test]
fn only_first_hundred_keys_get_hints() {
    let context: serde_json::Map<String, Value> =
        (100..300).map(|n| (format!("{n}order-id"), json!(1))).collect();
    let fields = ["199order-ids", "200order-ids"].map(|key| json!({"key": key, "type": "text"}));
    let rules = rules(json!({ "fields": fields }));
    let lines = outcomes(&rules, Value::Object(context));
    assert_eq!(lines[99..=100], ["199order-id unmatched ?199order-ids", "200order-id unmatched"]);
    assert_eq!(
        outcomes(&rules, json!({"200order-id": 1})),
        ["200order-id unmatched ?200order-ids"]
    );
    let deny: Vec<String> = (100..300).map(|n| format!("{n}")).collect();
    let rules =
        self::rules(json!({ "fields": [{"key": "order-id", "type": "text"}], "deny": deny }));
    let mut context: serde_json::Map<String, Value> =
        deny.iter().map(|key| (key.clone(), json!(1))).collect();
    context.insert("orderId".into(), json!(1));
    let lines = outcomes(&rules, Value::Object(context));

    assert_eq!(
        lines.last().unwrap(),
        "orderId invalid-key ?order-id",
        "what is denied is likened to nothing"
    );
}

#[test]
fn filled_means_the_human_finds_the_value() {
    let filled = [Outcome::Written, Outcome::Truncated, Outcome::Unchanged];
    assert!(filled.into_iter().all(Outcome::is_filled));
    assert!(
        ![Outcome::Kept, Outcome::Rejected, Outcome::Left, Outcome::Empty]
            .into_iter()
            .any(Outcome::is_filled)
    );
}

#[test]
fn a_preview_shows_values_and_nothing_else_does() {
    let matched = match_fields(&one("text"), &handoff(json!({"f": "secret"})));
    let outcomes = FieldOutcomes::all(&matched, Outcome::Written);
    assert_eq!(
        json!(matched.entries(&outcomes, true)),
        json!([{"key": "f", "outcome": "written", "value": "secret"}])
    );
    assert_eq!(
        json!(matched.entries(&outcomes, false)),
        json!([{"key": "f", "outcome": "written"}])
    );

    assert!(!format!("{matched:?}").contains("secret"));
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,250}".prop_map(Value::from),
        "https?://[a-z]{1,9}\\.example/[a-z]{0,9}".prop_map(Value::from),
        prop::sample::select(vec!["gold", "silver", "GOLD"]).prop_map(Value::from),
        Just(json!([1])),
        Just(json!({"a": 1})),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "text", "number", "link", "tier", "lang", "alias", "Text", "secret", "pri"
        ])
        .prop_map(str::to_owned),
        "[a-z0-9-]{1,22}",
        ".{0,30}",
    ]
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let full = json!({
        "fields": [
            {"key": "text", "type": "text"}, {"key": "number", "type": "integer"}, {"key": "link", "type": "link"},
            {"key": "tier", "type": "dropdown", "options": ["gold", "silver"]},
            {"key": "lang", "type": "text", "from": "$language"}, {"key": "copy", "type": "text", "from": "alias"}
        ],
        "aliases": {"alias": "text", "Text": "text"}, "deny": ["secret"],
        "ticket": {"priority": {"from": "pri"}, "team": {"from": "tier"}}
    });

    let bare = json!({"aliases": {"alias": "text"}, "deny": ["secret"]});
    prop::sample::select(vec![rules(full), rules(bare), Rules::default()])
}

proptest! {
    #[test]
    fn every_context_key_gets_exactly_one_outcome(
        rules in any_rules(), context in prop::collection::btree_map(key(), scalar(), 0..40),
    ) {
        let handoff = handoff(Value::Object(context.clone().into_iter().collect()));
        let matched = match_fields(&rules, &handoff);
        let entries = matched.entries(&FieldOutcomes::all(&matched, Outcome::Written), false);
        let mut keys: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
        keys.sort_unstable();
        let mut expected: Vec<&str> = context.keys().map(String::as_str).collect();
        let sourced = rules.fields.iter().flatten().filter(|field| field.from.is_some());
        expected.extend(sourced.map(|field| field.key.as_str()));
        expected.sort_unstable();
        expected.dedup();
        prop_assert_eq!(keys, expected);
        let again = match_fields(&rules, &handoff);

        prop_assert_eq!(entries, again.entries(&FieldOutcomes::all(&again, Outcome::Written), false));
    }

    #[test]
    fn sent_values_obey_desk_and_the_outcomes(
        rules in any_rules(), context in prop::collection::btree_map(key(), scalar(), 0..40),
    ) {
        let said: BTreeSet<String> = context.values().map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }).chain(["en".to_owned()]).collect();
        let handoff = handoff(Value::Object(context.into_iter().collect()));
        let matched = match_fields(&rules, &handoff);
        prop_assert!(matched.values.len() <= MAX_FIELDS);
        let keys: BTreeSet<&FieldKey> = matched.values.iter().map(|value| &value.key).collect();
        prop_assert_eq!(keys.len(), matched.values.len());

        for value in &matched.values {
            let text = value.text.expose();
            prop_assert!(FieldKey::parse(value.key.as_str()).is_some());
            prop_assert!(!text.trim().is_empty() && text.encode_utf16().count() <= MAX_VALUE);
            if value.truncated {
                prop_assert!(said.iter().any(|said| said.starts_with(text) && said.len() > text.len()));
            } else {
                prop_assert!(said.contains(text));
            }
            match value.key.as_str() {
                "number" if rules.fields.is_some() => prop_assert!(text.parse::<i64>().is_ok()),
                "link" if rules.fields.is_some() => prop_assert!(text.to_ascii_lowercase().starts_with("http")),
                "tier" if rules.fields.is_some() => prop_assert!(["gold", "silver"].contains(&text)),
                _ => {}
            }
        }
    }

    #[test]
    fn a_cut_is_the_longest_beginning_that_fits(text in ".{0,60}", limit in 0..60usize) {
        let cut = cut(&text, limit);
        let units = cut.encode_utf16().count();
        prop_assert!(text.starts_with(cut) && units <= limit);
        if let Some(next) = text[cut.len()..].chars().next() {
            prop_assert!(units + next.len_utf16() > limit);
        }
    }

    #[test]
    fn byte_cut_is_longest_beginning_that_fits(text in ".{0,60}", limit in 0..60usize) {
        let cut = cut_bytes(&text, limit);
        prop_assert!(text.starts_with(cut) && cut.len() <= limit);
        if let Some(next) = text[cut.len()..].chars().next() {
            prop_assert!(cut.len() + next.len_utf8() > limit);
        }
    }

    #[test]
    fn a_hint_could_always_match(key in ".{0,60}") {
        if let Some(hint) = legal_form(&key) {
            prop_assert!(FieldKey::parse(&hint).is_some());
        }
    }
}
