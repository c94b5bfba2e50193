//! What the operator sees of a handoff: its one record, read as CloudWatch reads it, and its lines
//! of the log.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, UNIX_EPOCH};

use desk_emulator::{Call, Fault, FaultKind};
use desk_handoff::emf::Emf;
use desk_handoff::fields::Outcome;
use desk_handoff::metrics::{
    DIMENSIONS, HandoffIds, NAMESPACE, Record, Refusal, Refusals, Route, Sink as _, WorkStatus,
};
use desk_handoff::report;
use serde_json::{Value, json};

use crate::world::{APP, Lines, World, handoff, log_text, planted};

/// Every metric that there is, as the dashboard and the alarms know it.
pub(crate) const METRICS: [&str; 38] = [
    "Queued",
    "Ignored",
    "Created",
    "Updated",
    "Unchanged",
    "Duplicate",
    "Left",
    "Previewed",
    "Postponed",
    "Failed",
    "FieldWritten",
    "FieldTruncated",
    "FieldUnchanged",
    "FieldKept",
    "FieldUnmatched",
    "FieldInvalidKey",
    "FieldWrongType",
    "FieldNotAnOption",
    "FieldNotScalar",
    "FieldEmpty",
    "FieldDenied",
    "FieldSuperseded",
    "FieldOverLimit",
    "FieldRejected",
    "FieldLeft",
    "WithoutField",
    "Remarks",
    "OtherOpenTickets",
    "OpeningMessageMissing",
    "DeskCalls",
    "DeskTime",
    "Duration",
    "QueueDelay",
    "ColdStart",
    "StaleSecrets",
    "RefusedSignature",
    "RefusedBody",
    "RefusedRequest",
];

/// What CloudWatch would keep of a line, by the rules of its Embedded Metric Format: the data
/// points, and what distinguishes them.
struct Read {
    dimensions: BTreeMap<String, String>,
    points: BTreeMap<String, (f64, String)>,
}

fn read(line: &Value) -> Read {
    assert!(line.to_string().len() < 256 * 1024, "CloudWatch would cut it");
    let timestamp = line["_aws"]["Timestamp"].as_u64().unwrap();
    assert!(timestamp > 1_600_000_000_000, "not in milliseconds: {timestamp}");
    let [directive] = line["_aws"]["CloudWatchMetrics"].as_array().unwrap().as_slice() else {
        panic!("{line}")
    };
    assert_eq!(directive["Namespace"], NAMESPACE);
    let [set] = directive["Dimensions"].as_array().unwrap().as_slice() else { panic!("{line}") };
    let text = |name: &Value| {
        (
            name.as_str().unwrap().to_owned(),
            line[name.as_str().unwrap()].as_str().unwrap().to_owned(),
        )
    };

    let dimensions: BTreeMap<_, _> = set.as_array().unwrap().iter().map(text).collect();
    assert!(
        dimensions.len() <= 30
            && dimensions.values().all(|value| (1..=1024).contains(&value.len()))
    );
    let metrics = directive["Metrics"].as_array().unwrap();
    assert!((1..=100).contains(&metrics.len()));
    let point = |metric: &Value| {
        let name = metric["Name"].as_str().unwrap();
        let value = line[name].as_f64().unwrap_or_else(|| panic!("{name} has no number in {line}"));
        (name.to_owned(), (value, metric["Unit"].as_str().unwrap().to_owned()))
    };

    let points: BTreeMap<_, _> = metrics.iter().map(point).collect();
    assert_eq!(points.len(), metrics.len(), "a metric twice");
    let others = line
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| *name != "_aws" && !points.contains_key(*name));
    assert!(
        others.clone().all(|(_, value)| value.is_string()),
        "a number that is no metric: {line}"
    );

    Read { dimensions, points }
}

impl Read {
    fn number(&self, metric: &str) -> f64 {
        self.points.get(metric).map_or(0.0, |(value, _)| *value)
    }

    fn names(&self) -> BTreeSet<&str> {
        self.points.keys().map(String::as_str).collect()
    }
}

impl World {
    fn only_record(&self) -> Value {
        let records = self.records();
        assert_eq!(records.len(), 1, "{records:#?}");
        records.into_iter().next().unwrap()
    }
}

#[tokio::test]
async fn one_record_has_route_status_outcomes_times_and_calls() {
    let world = World::new().await;
    let context = json!({
        "order-id": planted("1"), "cart-items": 3, "membership-tier": "gold", "favourite-colour": planted("red"),
        "loyaltyPoints": 12
    });
    let answer = world.hand_over(context).await;
    answer.is(201, "created");
    let line = world.only_record();
    let read = read(&line);
    assert_eq!(
        read.dimensions,
        BTreeMap::from([("Route", "handoffs"), ("Stack", "test-stack")].map(owned))
    );
    assert_eq!(
        [read.number("Created"), read.number("FieldWritten")],
        [1.0, answer.written() as f64]
    );
    assert!(answer.written() >= 3);
    assert_eq!([read.number("FieldUnmatched"), read.number("FieldInvalidKey")], [1.0, 1.0]);
    assert_eq!(Some(read.number("DeskCalls")), answer.body["desk_calls"].as_f64());
    assert!(read.number("DeskTime") > 0.0 && read.number("Duration") > 0.0);
    assert_eq!(read.points["Duration"].1, "Milliseconds");
    assert_eq!((read.number("ColdStart"), read.number("WithoutField")), (1.0, 0.0));
    assert_eq!(line["missed"], "favourite-colour unmatched, loyaltyPoints invalid-key");
    assert_eq!(
        [&line["status"], &line["app_id"], &line["conversation_id"]],
        ["Created", APP, "2647"]
    );
    assert_eq!(line["ticket_id"], answer.ticket_id().to_string());

    assert_eq!(
        (&line["request_id"], &line["event_id"]),
        (&json!("request-1"), &answer.body["event_id"])
    );
}

#[tokio::test]
async fn a_handoff_that_fills_nothing_says_so() {
    let world = World::new().await;
    world.hand_over(json!({"favourite-colour": planted("red")})).await.is(201, "created");
    assert_eq!(read(&world.only_record()).number("WithoutField"), 1.0);
}

#[tokio::test]
async fn a_failed_handoff_is_recorded_with_what_desk_cost() {
    let world = World::new().await.without_queue();
    world.desk.inject(Fault::on(Call::ListTickets).always().with(FaultKind::Html { status: 502 }));
    world.hand_over(json!({"order-id": planted("1")})).await.is(502, "desk-unavailable");
    let line = world.only_record();
    let read = read(&line);
    assert_eq!(read.number("Failed"), 1.0);
    assert_eq!(read.number("DeskCalls"), world.desk.requests().len() as f64);
    assert!(line["reason"].as_str().unwrap().contains("tickets of customer"), "{line}");
}

#[tokio::test]
async fn the_webhook_and_the_worker_have_a_record_each() {
    let world = World::new().await;
    world
        .post("/webhooks/handoff", &handoff(json!({"order-id": planted("1")})))
        .await
        .is(200, "queued");
    let entry = world.queue.entries().remove(0);
    let event = crate::webhook::batch(&[(&entry.body, &entry.group, 3)]);
    desk_handoff::worker::handle(&world.app, event, &world.invocation()).await;
    let records = world.records();
    let [queued, created] = records.as_slice() else { panic!("{records:#?}") };
    assert_eq!((read(queued).number("Queued"), &queued["Route"]), (1.0, &json!("webhook")));
    assert_eq!((read(created).number("Created"), &created["Route"]), (1.0, &json!("queue")));
    assert_eq!(created["receive_count"], "3");
    assert!(read(created).number("QueueDelay") >= 5_000.0, "{created}");

    assert_eq!((read(created).number("ColdStart"), read(queued).number("ColdStart")), (0.0, 1.0));
}

/// The event source delivers one message at a time; of more than one, those behind a failed one are
/// not tried.
#[tokio::test]
async fn message_behind_failed_one_has_no_record() {
    let world = World::new().await;
    for id in ["first", "second"] {
        let mut body = handoff(json!({"order-id": planted(id)}));
        body["event_id"] = json!(id);
        world.post("/webhooks/handoff", &body).await.is(200, "queued");
    }
    world.desk.inject(Fault::on(Call::ListTickets).always().with(FaultKind::Html { status: 502 }));
    let entries = world.queue.entries();
    let messages: Vec<_> =
        entries.iter().map(|entry| (entry.body.as_str(), entry.group.as_str(), 1)).collect();
    let batch = crate::webhook::batch(&messages);
    let response = desk_handoff::worker::handle(&world.app, batch, &world.invocation()).await;
    assert_eq!(response.batch_item_failures.len(), 2);
    let records = world.records();
    let worked: Vec<_> = records.iter().filter(|record| record["Route"] == "queue").collect();
    assert_eq!(worked.len(), 1, "{worked:#?}");

    assert_eq!((&worked[0]["event_id"], &worked[0]["status"]), (&json!("first"), &json!("Failed")));
}

#[tokio::test]
async fn refused_requests_are_counted_together_and_make_no_lines() {
    let world = World::new().await;
    for _ in 0..50 {
        world.send(http::Method::POST, "/handoffs", &[], b"{}").await.is(401, "unauthenticated");
    }
    world.send(http::Method::POST, "/nowhere", &[], b"").await.is(404, "unknown-route");
    let line = world.only_record();
    let read = read(&line);
    assert_eq!(
        (read.names(), read.number("RefusedSignature")),
        (BTreeSet::from(["RefusedSignature"]), 1.0)
    );
    assert_eq!(read.dimensions, BTreeMap::from([owned(("Stack", "test-stack"))]));
    world.app.metrics.refused(Refusal::Body, world.invocation().now + Duration::from_secs(61));
    let emitted = self::read(&world.records()[1]);
    let numbers =
        ["RefusedSignature", "RefusedRequest", "RefusedBody"].map(|name| emitted.number(name));
    assert_eq!(numbers, [49.0, 1.0, 1.0]);
    let log = log_text();
    let mut refused = log.lines().filter(|line| line.contains("request refused")).peekable();

    assert!(
        refused.peek().is_some() && refused.all(|line| line.contains("\"level\":\"DEBUG\"")),
        "{log}"
    );
}

#[tokio::test]
async fn a_health_check_leaves_no_record() {
    let world = World::new().await;
    world.send(http::Method::GET, "/healthz", &[], b"").await.is(200, "ok");
    assert_eq!(world.records(), Vec::<Value>::new());
}

#[tokio::test]
async fn every_line_of_a_handoff_says_whose_it_is() {
    let world = World::new().await.without_queue();
    world.desk.inject(Fault::on(Call::ListTickets).always().with(FaultKind::Html { status: 502 }));
    let mut body = handoff(json!({"order-id": planted("1")}));
    body["event_id"] = json!("event-of-the-log-test");
    world.post("/handoffs", &body).await.is(502, "desk-unavailable");
    let log = log_text();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ours: Vec<&Value> =
        lines.iter().filter(|line| line["span"]["event_id"] == "event-of-the-log-test").collect();
    let failures: Vec<_> = ours.iter().filter(|line| line["level"] == "ERROR").collect();
    assert_eq!(failures.len(), 1, "{ours:#?}");

    for line in &ours {
        let span = &line["span"];
        assert_eq!(
            [&span["request_id"], &span["app_id"], &span["conversation_id"]],
            ["request-1", APP, "ch_ai_1"]
        );
    }
}

#[test]
fn emitted_metrics_are_those_declared() {
    let lines = Lines::default();
    let emf = Emf::new("s".to_owned(), lines.clone());
    let outcomes: Vec<Outcome> = METRICS.iter().filter_map(|name| outcome(name)).collect();

    for status in statuses() {
        emf.record(&full(status, &outcomes));
    }
    emf.refusals(
        &Refusals { signature: 1, body: 1, request: 1 },
        UNIX_EPOCH + Duration::from_secs(1_700_000_000),
    );
    emf.record(&full(WorkStatus::Failed, &[Outcome::Unmatched]));
    let text = lines.text();
    let read: Vec<Read> =
        text.lines().map(|line| read(&serde_json::from_str(line).unwrap())).collect();
    let emitted: BTreeSet<&str> = read.iter().flat_map(Read::names).collect();

    assert_eq!(emitted, BTreeSet::from(METRICS));
}

#[test]
fn a_line_holds_whatever_an_id_is_made_of() {
    let lines = Lines::default();
    let mut record = full(WorkStatus::Failed, &[]);
    let hostile = "a\n{\"level\":\"INFO\"}\u{2028}\u{1b}[31m\"".to_owned();
    record.request_id.clone_from(&hostile);
    record.missed = vec![hostile.clone()];
    Emf::new("s".to_owned(), lines.clone()).record(&record);
    assert_eq!(lines.text().lines().count(), 1);
    let line: Value = serde_json::from_str(&lines.text()).unwrap();
    assert_eq!((&line["request_id"], &line["missed"]), (&json!(hostile), &json!(hostile)));

    assert_eq!(
        read(&line).dimensions.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        BTreeSet::from(DIMENSIONS)
    );
}

fn statuses() -> [WorkStatus; 10] {
    use report::Status::{Created, Duplicate, Left, Preview, Unchanged, Updated};
    let done = [Created, Updated, Unchanged, Duplicate, Left, Preview].map(WorkStatus::Done);
    let [a, b, c, d, e, f] = done;
    [
        WorkStatus::Queued,
        WorkStatus::Ignored,
        a,
        b,
        c,
        d,
        e,
        f,
        WorkStatus::Postponed,
        WorkStatus::Failed,
    ]
}

/// The outcome that this metric counts.
fn outcome(metric: &str) -> Option<Outcome> {
    let word = metric.strip_prefix("Field")?;
    let kebab = word.char_indices().map(|(at, letter)| match letter {
        'A'..='Z' if at > 0 => format!("-{}", letter.to_lowercase()),
        _ => letter.to_lowercase().to_string(),
    });
    Some(serde_json::from_value(json!(kebab.collect::<String>())).unwrap())
}

fn full(status: WorkStatus, outcomes: &[Outcome]) -> Record {
    let mut record =
        Record::new(Route::Queue, "r", UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    record.subject = Some(HandoffIds {
        app_id: "a".into(),
        event_id: "e".into(),
        conversation_id: None,
        channel_url: Some("c".into()),
    });
    record.status = status;
    record.outcomes = outcomes.iter().map(|outcome| (*outcome, 2)).collect();
    (record.desk_calls, record.desk_time) = (3, Duration::from_millis(40));
    record.duration = Duration::from_millis(50);
    (record.queue_delay, record.receive_count) = (Some(Duration::from_secs(2)), Some(1));
    (record.cold_start, record.stale_secrets) = (true, 1);
    (record.other_open_tickets, record.is_invisible) = (1, true);
    record.remarks = vec!["created_at".into()];

    record
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
