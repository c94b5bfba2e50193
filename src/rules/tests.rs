//! What a `fields` document may say, and what is said of one that may not.

use super::*;
use proptest::prelude::*;

fn problems(text: &str) -> Vec<String> {
    Rules::parse(text).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn the_example_of_the_repository_is_a_valid_document() {
    let rules = Rules::parse(include_str!("../../fields.example.json")).unwrap();
    let fields = rules.fields.unwrap();
    assert!(
        fields
            .iter()
            .any(|field| matches!(&field.kind, FieldKind::Dropdown(options) if options.len() > 1))
    );
    assert!(fields.iter().any(|field| field.from == Some(Source::BuiltIn(BuiltIn::Language))));
    assert_eq!(rules.ticket.priority, Some(Choice::From(Source::Context("priority".into()))));
}

#[test]
fn every_part_is_optional() {
    let rules = Rules::parse("{}").unwrap();
    assert!(rules.fields.is_none() && rules.aliases.is_empty() && rules.deny.is_empty());
    assert_eq!(rules.ticket.when_missing, WhenMissing::Create);
    assert!(!rules.desk.lists_are_current);
    assert!(rules.ticket.title.identifies_conversation());
}

#[test]
fn every_problem_is_reported_with_its_path() {
    let text = r#"{
        "fields": [
            {"key": "Order_Id", "type": "text"},
            {"key": "tier", "type": "dropdown"},
            {"key": "tier", "type": "dropdown", "options": ["a", "a", ""]},
            {"key": "tier", "type": "number", "form": "x"},
            {"key": "x", "type": "text", "from": "$langauge"},
            7
        ],
        "aliases": {"orderId": "order-id", "tier": "tier"},
        "deny": "token",
        "ticket": {"title": "{user}", "priority": {"value": "high"}, "team": {}, "when_closed": "reopen"},
        "desk": {"lists_are_current": "yes", "lists_are_fast": true},
        "extra": 1
    }"#;

    let paths: Vec<String> =
        Rules::parse(text).unwrap_err().into_iter().map(|problem| problem.path).collect();
    let expected = [
        "extra",
        "fields[0].key",
        "fields[1].options",
        "fields[2].key",
        "fields[2].options[1]",
        "fields[2].options[2]",
        "fields[3].key",
        "fields[3].form",
        "fields[3].type",
        "fields[4].from",
        "fields[5]",
        "aliases.orderId",
        "aliases.tier",
        "deny",
        "ticket.title",
        "ticket.priority.value",
        "ticket.team",
        "ticket.when_closed",
        "desk.lists_are_fast",
        "desk.lists_are_current",
    ];

    assert_eq!(paths, expected);
}

#[test]
fn a_key_that_is_there_twice_is_a_problem() {
    let text = r#"{"fields": [{"key": "a", "type": "text"}, {"key": "a", "type": "link"}]}"#;
    assert_eq!(problems(text), ["fields[1].key: a is there already"]);
}

#[test]
fn dropdown_alone_has_options() {
    let field = |kind: &str, options: &str| {
        format!(r#"{{"fields": [{{"key": "x", "type": "{kind}", "options": {options}}}]}}"#)
    };

    for kind in ["text", "integer", "link"] {
        assert_eq!(
            problems(&field(kind, r#"["a"]"#)),
            ["fields[0].options: is for a dropdown only"],
            "{kind}"
        );
    }
    assert_eq!(
        problems(&field("dropdown", "[]")),
        ["fields[0].options: must name at least one option"]
    );

    assert_eq!(problems(&field("dropdown", "1")), ["fields[0].options: must be an array"]);
}

#[test]
fn option_and_title_have_desks_limits() {
    let document = |option: usize, title: usize| {
        let options = ["😀".repeat(option / 2), "ok".to_owned()];
        let field = serde_json::json!({"key": "x", "type": "dropdown", "options": options});
        serde_json::json!({"fields": [field], "ticket": {"title": "😀".repeat(title / 2)}})
            .to_string()
    };
    assert!(Rules::parse(&document(MAX_VALUE, MAX_TITLE)).is_ok());
    let expected = [
        "fields[0].options[0]: is longer than 190 characters",
        "ticket.title: is longer than 100 characters",
    ];

    assert_eq!(problems(&document(MAX_VALUE + 2, MAX_TITLE + 2)), expected);
}

#[test]
fn a_syntax_error_is_named_by_line_and_column() {
    assert_eq!(problems("{\n  \"fields\": [,]\n}"), ["line 2, column 14: is not JSON"]);
    assert_eq!(problems("[]"), ["must be an object"]);
}

#[test]
fn an_odd_name_is_quoted_in_a_path() {
    assert_eq!(
        problems(r#"{"aliases": {"order id": "Order"}}"#),
        [
            "aliases[\"order id\"]: must be a field key: lowercase letters, digits and dashes, 1 to 20"
        ]
    );
}

#[test]
fn a_title_is_cut_into_text_and_places() {
    let title = Title::parse("{language}: handoff of {user.id}!").unwrap();
    let text = |text: &str| TitlePart::Text(text.into());
    let expected = [
        TitlePart::Place(BuiltIn::Language),
        text(": handoff of "),
        TitlePart::Place(BuiltIn::UserId),
        text("!"),
    ];
    assert_eq!(title.parts(), expected);
    assert!(!title.identifies_conversation());

    assert!(Title::parse("{user.id").unwrap_err().contains("without"));
}

#[test]
fn unknown_built_in_lists_the_known() {
    let known = "conversation.id, conversation.channel_url, user.id, channel_type, language, country, ai_agent.id, \
                 handoff_at, event.id";
    let text = r#"{"fields": [{"key": "x", "type": "text", "from": "$user"}], "ticket": {"title": "{user}"}}"#;
    let expected = [
        format!("fields[0].from: is not a built-in; known, each after a $, are {known}"),
        format!("ticket.title: has an unknown place {{user}}; known are {known}"),
    ];
    assert_eq!(problems(text), expected);
}

#[test]
fn priorities_are_read_in_any_case() {
    assert_eq!(Priority::parse(" high "), Some(Priority::High));
    assert_eq!(Priority::Urgent.as_str(), "URGENT");
    assert_eq!(Priority::parse("highest"), None);
}

proptest! {
    #[test]
    fn no_document_makes_it_panic(text in r#"[\{\}\[\]",:a-z$ 0-9]{0,80}"#) {
        let _ = Rules::parse(&text);
    }

    #[test]
    fn a_field_key_keeps_the_rule(text in ".{0,25}") {
        let legal = !text.is_empty() && text.len() <= 20 && text.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-'));
        prop_assert_eq!(FieldKey::parse(&text).is_some(), legal);
    }

    #[test]
    fn a_team_key_keeps_the_rule(text in ".{0,3}|[a-z0-9_-]{0,105}") {
        let legal = |c| matches!(c, 'a'..='z' | '0'..='9' | '-' | '_');
        let legal = !text.is_empty() && text.len() <= 100 && text.chars().all(legal);
        prop_assert_eq!(TeamKey::parse(&text).is_some(), legal);
    }
}
