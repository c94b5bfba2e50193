//! `report`: the missed keys of the functions' records, from a file and through `aws`.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::cloud::{CANARY, Cloud, REGION, at_moto, stand_in};
use crate::support::{Ended, Files, call, call_with, ended, handoff, meanwhile};

/// 2026-11-20, noon, in UTC.
const FRIDAY: u64 = 1_795_176_000_000;
const DAY: u64 = 24 * 60 * 60 * 1000;

/// A record as the worker writes it.
fn record(event: &str, at: u64, missed: &str) -> Value {
    json!({
        "_aws": {"Timestamp": at, "CloudWatchMetrics": []}, "Updated": 1, "Stack": "desk-handoff",
        "Route": "queue", "app_id": "APP-1", "event_id": event, "conversation_id": CANARY,
        "status": "Updated", "missed": missed,
    })
}

/// The log of a week, with what Lambda writes between the records.
pub(crate) fn week() -> String {
    let records = [
        record("e-1", FRIDAY, "orderId invalid-key, tier not-an-option"),
        record("e-2", FRIDAY + 1, "orderId invalid-key, mood unmatched"),
        // Delivered again.
        record("e-2", FRIDAY + DAY, "orderId invalid-key, mood unmatched"),
        record("e-3", FRIDAY + 3 * DAY, "orderId invalid-key, old unmatched, cart not-scalar"),
        record("e-4", FRIDAY + 3 * DAY, "a, b invalid-key"),
    ];
    let lines = records.map(|record| format!("START RequestId: x\n{record}\nREPORT x\n"));
    lines.concat()
}

fn row<'r>(report: &'r Value, key: &str) -> &'r Value {
    let keys = report["keys"].as_array().unwrap();
    keys.iter().find(|row| row["key"] == key).unwrap_or_else(|| panic!("no {key} in {report}"))
}

/// `report` beside an `aws` that says this.
fn beside(out: &str, err: &str, code: &str, seen: &str, arguments: &[&str]) -> Ended {
    let mut command: Command = handoff();
    command.arg("report").args(arguments).env("PATH", stand_in()).envs([
        ("STAND_IN_OUT", out),
        ("STAND_IN_ERR", err),
        ("STAND_IN_CODE", code),
        ("STAND_IN_SEEN", seen),
    ]);
    ended(command.output().unwrap())
}

#[test]
fn handoffs_and_days_are_counted_once() {
    let report = call_with(week().as_bytes(), &["report", "-", "--json"]).json();
    let counts = |key: &str| {
        let row = row(&report, key);
        (row["handoffs"].as_u64().unwrap(), row["days"].as_u64().unwrap())
    };
    assert_eq!([counts("orderId"), counts("mood"), counts("tier")], [(3, 2), (1, 1), (1, 1)]);
    assert_eq!(row(&report, "a, b")["outcome"], "invalid-key");
    assert_eq!(report["handoffs"], 4);
    let days = ["first_day", "last_day"].map(|name| report[name].as_str().unwrap().to_owned());
    assert_eq!(days, ["2026-11-20", "2026-11-23"]);
}

#[test]
fn hints_are_taken_from_the_fields() {
    let files = Files::new();
    let records = files.put("records.log", week());
    let fields =
        files.put_json("fields.json", &json!({"fields": [{"key": "order-id", "type": "text"}]}));
    let report = call(&["report", &records, "--fields", &fields, "--json"]).json();
    assert_eq!(row(&report, "orderId")["hint"], "order-id");
    assert!(row(&report, "orderId")["advice"].as_str().unwrap().starts_with("add an alias"));
    let report = call(&["report", &records, "--json"]).json();
    assert!(
        row(&report, "orderId")["advice"]
            .as_str()
            .unwrap()
            .starts_with("define the field order-id")
    );
    let fields =
        files.put_json("fields.json", &json!({"fields": [], "aliases": {}, "deny": ["mood"]}));
    let report = call(&["report", &records, "--fields", &fields, "--json"]).json();

    assert!(row(&report, "mood")["advice"].as_str().unwrap().starts_with("nothing"));
}

#[test]
fn only_the_stack_and_application_asked_for() {
    let files = Files::new();
    let records = files.put("records.log", week());
    let handoffs = |more: &[&str]| {
        let report = call(&[&["report", &records, "--json"], more].concat()).json();
        report["handoffs"].as_u64().unwrap()
    };
    assert_eq!(handoffs(&["--stack", "desk-handoff", "--app-id", "APP-1"]), 4);
    assert_eq!(handoffs(&["--stack", "another"]), 0);
    assert_eq!(handoffs(&["--app-id", "APP-2"]), 0);
    let whole = call(&["report", &records, "--app-id", "APP-2"]);
    assert_eq!((whole.code, whole.out.as_str()), (0, "No key was missed.\n"));
}

#[test]
fn aws_is_asked_for_both_functions() {
    let files = Files::new();
    let (seen, messages) =
        (files.put("seen", ""), json!([record("e-1", FRIDAY, "tier unmatched").to_string()]));
    let place = ["--region", "eu-central-1", "--profile", "ours"];
    let report = beside(
        &messages.to_string(),
        "",
        "0",
        &seen,
        &[&["--stack", "s", "--days", "2"], &place[..]].concat(),
    );
    // Its records are of another stack.
    assert_eq!((report.code, report.out.as_str()), (0, "No key was missed.\n"));
    let report =
        beside(&messages.to_string(), "", "0", &seen, &["--stack", "desk-handoff", "--json"])
            .json();
    // Both calls showed the same record: one handoff.
    assert_eq!((report["handoffs"].as_u64(), &report["keys"][0]["handoffs"]), (Some(1), &json!(1)));

    let calls = std::fs::read_to_string(&seen).unwrap();
    let calls: Vec<&str> = calls.lines().collect();
    assert_eq!(calls.len(), 4);
    for (call, group) in
        calls.iter().zip(["s-api", "s-worker", "desk-handoff-api", "desk-handoff-worker"])
    {
        assert!(
            call.starts_with(&format!(
                "logs filter-log-events --log-group-name /aws/lambda/{group} "
            )),
            "{call}"
        );
        assert!(call.contains("--filter-pattern { $.missed = \"*\" }"), "{call}");
    }
    assert!(calls[0].ends_with("--region eu-central-1 --profile ours"), "{calls:?}");
    let since = calls[0].split("--start-time ").nth(1).unwrap().split(' ').next().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let back = now - since.parse::<u128>().unwrap();

    assert!((2 * u128::from(DAY)..2 * u128::from(DAY) + 600_000).contains(&back), "{back}");
}

/// moto passes over the filter pattern: what is no record is left out all the same.
#[tokio::test]
async fn real_aws_reads_both_log_groups() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let at = u64::try_from(now).unwrap();
    let worker: Vec<String> = (0..150)
        .map(|n| record(&format!("e-{n}"), at, "orderId invalid-key").to_string())
        .collect();
    let api = [record("direct", at, "mood unmatched").to_string(), "START RequestId: x".to_owned()];
    Cloud::log("/aws/lambda/desk-handoff-worker", &worker, now).await;
    Cloud::log("/aws/lambda/desk-handoff-api", &api, now).await;

    let mut command = at_moto(handoff());
    command.args(["report", "--stack", "desk-handoff", "--region", REGION, "--json"]);
    let report = meanwhile(command).await.json();
    assert_eq!(report["handoffs"], 151);
    assert_eq!(row(&report, "orderId")["handoffs"], 150);
    let mut command = at_moto(handoff());
    command.args(["report", "--stack", "no-such-stack", "--region", REGION]);
    let ended = meanwhile(command).await;

    assert!(ended.err.contains("there is no log group /aws/lambda/no-such-stack-api"), "{ended:?}");
}

#[test]
fn failing_aws_is_explained_and_not_repeated() {
    let cases = [
        (
            "An error occurred (AccessDeniedException) canary7f3a",
            "need logs:FilterLogEvents for /aws/lambda/s-api",
        ),
        (
            "An error occurred (ResourceNotFoundException) canary7f3a",
            "there is no log group /aws/lambda/s-api",
        ),
        ("Could not connect to the endpoint URL canary7f3a", "cannot reach CloudWatch Logs"),
        ("canary7f3a", "see what it says: aws logs filter-log-events"),
    ];
    for (err, expected) in cases {
        let ended = beside("", err, "254", "", &["--stack", "s"]);
        assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{ended:?}");
        assert!(ended.err.contains(expected) && !ended.err.contains(CANARY), "{ended:?}");
    }
}

#[test]
fn report_shows_no_conversation() {
    let report = call_with(week().as_bytes(), &["report", "-"]);
    assert_eq!(report.code, 0, "{report:?}");
    assert!(!report.out.contains(CANARY) && !report.out.contains("e-1"), "{report:?}");
}

#[test]
fn file_without_records_is_said() {
    let report = call_with(b"no log at all\n", &["report", "-"]);
    assert_eq!((report.code, report.out.as_str()), (0, "No key was missed.\n"));
    assert!(report.err.starts_with("note: no record"), "{report:?}");
}

#[test]
fn report_needs_a_file_or_a_stack() {
    assert_eq!(call(&["report"]).code, 2);
    assert_eq!(call(&["report", "--stack", "a/b"]).code, 2);
    assert_eq!(call(&["report", "x.json", "--days", "3"]).code, 2);
}
