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
    let ended = call_with(b"{}", &["check", "-"]);
    assert_eq!(
        ended.out,
        "ok: no list of fields (every legal key is sent as text), 0 aliases, 0 denied keys\n"
    );
}

#[test]
fn invisible_tickets_are_noted() {
    let says_so = |document: &[u8]| {
        let ended = call_with(document, &["check", "-"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.err.contains("no agent sees a new ticket")
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
        ended.out.lines().map(|line| line.split_once(": ").unwrap().0).collect();
    assert_eq!(places, ["x", "fields[0].key", "fields[1].type", "deny"]);
}

#[test]
fn invalid_json_names_its_place() {
    let ended = call_with(b"{\n  \"fields\": oops\n}", &["check", "-"]);
    assert_eq!((ended.code, ended.out.as_str()), (1, "line 2, column 13: is not JSON\n"));
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
    assert_eq!((small.code, small.err.as_str()), (0, ""));
    assert_eq!(large.code, 0);
    assert!(large.err.contains("4096") && large.err.contains("--tier Advanced"), "{large:?}");
    assert_eq!(too_large.code, 1);
    assert!(too_large.out.contains("SSM holds 8192 at most"), "{too_large:?}");
}

#[test]
fn white_space_that_could_be_saved_is_told() {
    let text = format!("{}{}", many_fields(10), " ".repeat(5000));
    let ended = call_with(text.as_bytes(), &["check", "-"]);
    assert_eq!(ended.code, 0);
    assert!(ended.err.contains("without its white space it has 3"), "{ended:?}");
}
