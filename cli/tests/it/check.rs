//! `check`: a fields file before it reaches SSM.

use serde_json::{Value, json};

use crate::support::{Files, call, call_with};

fn many_fields(count: usize) -> Value {
    let fields: Vec<Value> =
        (0..count).map(|number| json!({"key": format!("key-{number}"), "type": "text"})).collect();
    json!({"fields": fields, "ticket": {"opening_message": "Handed over."}})
}

#[test]
fn the_example_of_the_repository_is_in_order() {
    let ended = call(&["check", concat!(env!("CARGO_MANIFEST_DIR"), "/../fields.example.json")]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert_eq!(
        ended.out,
        "ok: 7 fields (4 text, 1 integer, 1 link, 1 dropdown), 1 alias, 1 denied key\n"
    );
}

#[test]
fn file_without_fields_list_is_ok() {
    let document = br#"{"ticket": {"opening_message": "Handed over."}}"#;
    let ended = call_with(document, &["check", "-"]);
    assert_eq!(
        ended.out,
        "ok: no list of fields (every legal key is sent as text), 0 aliases, 0 denied keys\n"
    );
}

/// What nobody can check here is repeated.
#[test]
fn what_the_document_says_of_desk_is_repeated() {
    let document = json!({
        "ticket": {"opening_message": "Hello"}, "desk": {"lists_are_current": true}
    });
    let ended = call_with(document.to_string().as_bytes(), &["check", "-"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.ends_with(", 0 denied keys, Desk's lists are current\n"), "{ended:?}");
}

#[test]
fn invisible_tickets_are_a_warning() {
    let says_so = |document: &[u8]| {
        let ended = call_with(document, &["check", "-"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.out.contains("warning: ticket.opening_message: is missing: no agent sees")
    };

    assert!(says_so(b"{}"));
    assert!(!says_so(br#"{"ticket": {"opening_message": "Handed over."}}"#));
    assert!(!says_so(br#"{"ticket": {"when_missing": "wait"}}"#), "Desk makes them");
}

#[test]
fn every_problem_has_a_line_and_a_path() {
    let text = r#"{"fields": [{"key": "Order", "type": "text"}, {"key": "a", "type": "date"}], "deny": 5, "x": 1}"#;
    let ended = call_with(text.as_bytes(), &["check", "-"]);
    assert_eq!((ended.code, ended.err.as_str()), (1, ""));
    let places: Vec<&str> =
        ended.out.lines().map(|line| line.rsplit_once(": ").unwrap().0).collect();
    let expected = [
        "standard input:1:89: error: x: is not known here; known are",
        "standard input:1:14: error: fields[0].key: must be a field key",
        "standard input:1:60: error: fields[1].type",
        "standard input:1:78: error: deny",
    ];
    for (place, expected) in places.iter().zip(expected) {
        assert!(place.starts_with(expected) || expected.starts_with(place), "{ended:?}");
    }
    assert_eq!(places.len(), expected.len(), "{ended:?}");
}

#[test]
fn document_for_machines_has_every_place() {
    let text = "{\n  \"deny\": [\"a\"],\n  \"fields\": [{\"key\": \"a\", \"type\": \"date\"}]\n}";
    let ended = call_with(text.as_bytes(), &["check", "-", "--json"]);
    let finding = json!({
        "level": "error", "path": "fields[0].type", "line": 3, "column": 27,
        "text": "\"type\": \"date\"", "message": "must be text, integer, link or dropdown",
    });
    let expected =
        json!({"ok": false, "count": {"errors": 1, "warnings": 0}, "findings": [finding]});
    assert_eq!((ended.code, ended.json()), (1, expected));
}

#[test]
fn property_that_stands_twice_is_an_error() {
    let ended = call_with(b"{\n\"deny\": [],\n\"deny\": [\"a\"]\n}", &["check", "-"]);
    assert_eq!(ended.code, 1);
    assert!(ended.out.starts_with("standard input:3:1: error: deny: is there twice"), "{ended:?}");
}

#[test]
fn impossible_settings_are_warnings() {
    let document = json!({
        "fields": [{"key": "a", "type": "text"}], "deny": ["a"],
        "ticket": {"title": "{language}", "opening_message": "Handed over."},
    });
    let ended = call_with(document.to_string().as_bytes(), &["check", "-"]);
    assert_eq!(ended.code, 0);
    assert_eq!(ended.out.matches(": warning: ").count(), 2, "{ended:?}");
    assert!(ended.out.contains("\"a\" is never sent, and the field a is filled"), "{ended:?}");
    assert!(ended.out.ends_with("ok: 1 field (1 text), 0 aliases, 1 denied key\n"), "{ended:?}");
}

#[test]
fn invalid_json_names_its_place() {
    let ended = call_with(b"{\n  \"fields\": oops\n}", &["check", "-"]);
    assert_eq!((ended.code, ended.out.as_str()), (1, "standard input:2:13: error: is not JSON\n"));
}

#[test]
fn what_cannot_be_read_is_wrong_use() {
    assert_eq!(call(&["check", "not-there.json"]).code, 2);
    for (bytes, why) in [
        (&b""[..], "is empty"),
        (b"{\xff}", "is not UTF-8 at byte 1: save it as UTF-8"),
        (b"\xef\xbb\xbf{}", "begins with a byte order mark: save it as UTF-8"),
    ] {
        let ended = call_with(bytes, &["check", "-"]);
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{ended:?}");
        assert!(ended.err.starts_with(&format!("error: standard input {why}")), "{ended:?}");
    }
}

#[test]
fn the_sizes_of_ssm_are_told() {
    let files = Files::new();
    let check = |count| call(&["check", &files.put_json("fields.json", &many_fields(count))]);
    let (small, large, too_large) = (check(100), check(150), check(300));
    assert_eq!(small.code, 0);
    assert!(!small.out.contains("4096"), "{small:?}");
    assert_eq!(large.code, 0);
    assert!(large.out.contains("4096") && large.out.contains("--tier Advanced"), "{large:?}");
    assert_eq!(too_large.code, 1);
    assert!(too_large.out.contains("SSM holds 8192 at most"), "{too_large:?}");
}

#[test]
fn white_space_that_could_be_saved_is_told() {
    let text = format!("{}{}", many_fields(10), " ".repeat(5000));
    let ended = call_with(text.as_bytes(), &["check", "-"]);
    assert_eq!(ended.code, 0);
    assert!(ended.out.contains("without its white space it has 3"), "{ended:?}");
}
