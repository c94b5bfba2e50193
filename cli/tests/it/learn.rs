//! `learn`: a fields file from what a Desk shows, without a word of its customers'.

use std::collections::BTreeMap;

use desk_emulator::{Emulator, Seed, Setup};
use serde_json::{Value, json};

use crate::support::{Ended, call_with, handoff, meanwhile};

const TOKEN: &str = "desk-token-canary7f3a";

async fn desk() -> Emulator {
    Emulator::start(Setup { desk_token: TOKEN.into(), ..Setup::default() }).await.unwrap()
}

fn show(desk: &Emulator, fields: Value) {
    let fields: BTreeMap<String, String> = serde_json::from_value(fields).unwrap();
    desk.seed_ticket(Seed { fields, ..Seed::default() });
}

/// What it says; never the token or a planted value.
async fn learn(desk: &Emulator, token: &str) -> Ended {
    let mut command = handoff();
    command.args([
        "learn",
        "--app-id",
        "APP-1",
        "--token-env",
        "TOKEN",
        "--desk-url",
        &desk.desk_url(),
    ]);
    command.env("TOKEN", token);
    let ended = meanwhile(command).await;
    assert!(!ended.out.contains("canary7f3a") && !ended.err.contains("canary7f3a"), "{ended:?}");
    assert_eq!(desk.unknown_requests(), Vec::<String>::new());

    ended
}

#[tokio::test]
async fn learned_type_fits_every_value() {
    let desk = desk().await;
    show(
        &desk,
        json!({"items": "3", "link": "https://shop.example/canary7f3a", "phone": "0049", "mixed": "7", "blank": ""}),
    );
    show(
        &desk,
        json!({"items": "-4", "link": "http://canary7f3a.example", "mixed": "canary7f3a", "blank": " "}),
    );
    let ended = learn(&desk, TOKEN).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let lines = [
        "{",
        "  \"$schema\": \"fields.schema.json\",",
        "  \"fields\": [",
        "    {\"key\": \"items\", \"type\": \"integer\"},",
        "    {\"key\": \"link\", \"type\": \"link\"},",
        "    {\"key\": \"mixed\", \"type\": \"text\"},",
        "    {\"key\": \"phone\", \"type\": \"text\"},",
        "    {\"key\": \"blank\", \"type\": \"text\"}",
        "  ],",
        "  \"ticket\": {",
        "    \"opening_message\": \"Handed over by the AI agent.\"",
        "  }",
        "}",
    ];
    assert_eq!(ended.out.lines().collect::<Vec<_>>(), lines);
    assert!(
        ended.err.contains("newest 2 tickets") && ended.err.contains("types are guesses"),
        "{ended:?}"
    );
    assert!(ended.err.contains("blank: no ticket shows a value"), "{ended:?}");
    let checked = call_with(ended.out.as_bytes(), &["check", "-"]);

    assert_eq!(checked.out, "ok: 5 fields (3 text, 1 integer, 1 link), 0 aliases, 0 denied keys\n");
}

#[tokio::test]
async fn few_values_that_are_repeated_may_be_a_dropdown() {
    let desk = desk().await;
    for number in 0..6 {
        show(
            &desk,
            json!({"tier": format!("canary7f3a-{}", number % 2), "note": format!("note {number}")}),
        );
    }

    let ended = learn(&desk, TOKEN).await;
    assert!(ended.out.contains(r#"{"key": "tier", "type": "text"}"#), "{ended:?}");
    assert!(
        ended.err.contains("tier: 6 tickets share 2 values; if Desk has it as a dropdown"),
        "{ended:?}"
    );

    assert!(!ended.err.contains("note:  "), "{ended:?}");
}

#[tokio::test]
async fn what_cannot_be_listed_is_named() {
    let desk = desk().await;
    let many: BTreeMap<String, &str> =
        (0..22).map(|number| (format!("key-{number:02}"), "canary7f3a")).collect();
    show(&desk, json!(many));
    show(
        &desk,
        json!({"key-21": "canary7f3a", "fromEmail": "canary7f3a", "Produkt\u{1b}[2J": "canary7f3a"}),
    );
    let ended = learn(&desk, TOKEN).await;
    assert_eq!(ended.code, 0);
    assert!(
        ended.out.lines().nth(3).unwrap().contains("key-21"),
        "the ones filled most often come first: {ended:?}"
    );
    assert_eq!(ended.out.matches("\"key\"").count(), 20);
    assert!(ended.err.contains(r#"filled least often: "key-19" "key-20""#), "{ended:?}");
    assert!(ended.err.contains(r#""Produkt\u{1b}[2J" "fromEmail""#), "{ended:?}");

    assert_eq!(call_with(ended.out.as_bytes(), &["check", "-"]).code, 0);
}

#[tokio::test]
async fn newest_tickets_are_read_in_either_order() {
    let desk = desk().await;
    for number in 0..250 {
        show(&desk, if number < 150 { json!({"old": "x"}) } else { json!({"new": "x"}) });
    }
    for newest_first in [false, true] {
        desk.set_behaviour(|behaviour| behaviour.newest_first = newest_first);
        let ended = learn(&desk, TOKEN).await;
        assert!(ended.out.contains(r#""new""#) && !ended.out.contains(r#""old""#), "{ended:?}");
        assert!(ended.err.contains("newest 100 tickets"), "{ended:?}");
    }

    assert_eq!(desk.requests().len(), 4);
}

#[tokio::test]
async fn nothing_to_learn_prints_no_document() {
    let desk = desk().await;
    let why = async || {
        let ended = learn(&desk, TOKEN).await;
        assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{ended:?}");
        ended.err
    };
    assert!(why().await.contains("shows no ticket yet"));
    show(&desk, json!({}));
    assert!(why().await.contains("none of the newest 1 ticket shows a field"));
    show(&desk, json!({"Product type": "canary7f3a"}));

    assert!(why().await.contains("only fields whose keys no context key can ever match"));
}

#[tokio::test]
async fn refused_token_is_reported_missing_one_is_misuse() {
    let desk = desk().await;
    let refused = learn(&desk, "another-canary7f3a").await;
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    assert!(
        refused.err.starts_with("error: Desk refused the token (recent tickets, status 401"),
        "{refused:?}"
    );

    for token in ["", " \n "] {
        assert_eq!(learn(&desk, token).await.code, 2);
    }
}

#[tokio::test]
async fn secret_given_as_name_is_not_repeated() {
    let mut command = handoff();
    command.args([
        "learn",
        "--app-id",
        "APP-1",
        "--token-env",
        TOKEN,
        "--desk-url",
        "http://127.0.0.1:9",
    ]);

    let ended = meanwhile(command).await;
    assert_eq!(ended.code, 2);
    assert!(
        ended.err.contains("takes a name, not a secret") && !ended.err.contains(TOKEN),
        "{ended:?}"
    );
}
