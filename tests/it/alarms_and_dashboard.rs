//! What watches the app, as template.yaml has it: every alarm and every graph shows a metric that
//! the code emits, every metric of the code is shown, and the numbers in the alarms fit those of
//! the queue. Whether AWS's own metrics are spelt right, tests/template/alarms_and_dashboard.py says.

use std::collections::BTreeSet;
use std::time::Duration;

use desk_handoff::metrics::{DIMENSIONS, NAMESPACE, REFUSAL_DIMENSIONS, Route};
use desk_handoff::worker::MAX_BACKOFF;
use serde_json::Value;

use crate::metrics::METRICS;
use crate::template::{Block, file, pauses, queue, retention, timeout};

/// A metric of ours, with what it is asked for by.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shown {
    name: String,
    dimensions: Vec<(String, String)>,
}

fn alarms() -> Vec<(String, Block)> {
    let resources = Block::section("Resources");
    let names =
        resources.0.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let blocks = names
        .map(|line| line.trim().trim_end_matches(':').to_owned())
        .filter(|name| !name.is_empty());
    let alarms = blocks.map(|name| (name.clone(), resources.under(&name)));
    alarms.filter(|(_, block)| block.0.contains("Type: AWS::CloudWatch::Alarm")).collect()
}

fn alarm(name: &str) -> Block {
    Block::resource(name)
}

/// The metrics of ours that an alarm watches.
fn watched(alarm: &Block) -> Vec<Shown> {
    let ours = alarm
        .0
        .split("Namespace: ")
        .skip(1)
        .filter_map(|rest| rest.strip_prefix(&format!("{NAMESPACE}\n")));
    ours.map(|rest| {
        let pairs = rest
            .split("{Name: ")
            .skip(1)
            .filter_map(|pair| pair.split('}').next()?.split_once(", Value: "));
        let dimensions = pairs
            .map(|(name, value)| (name.to_owned(), value.replace("!Ref AWS::StackName", "stack")));
        Shown { name: Block(rest.to_owned()).first("MetricName"), dimensions: dimensions.collect() }
    })
    .collect()
}

impl Block {
    /// The value of the first line with this key.
    fn first(&self, key: &str) -> String {
        let start = format!("{key}: ");
        self.0.lines().find_map(|line| line.trim().strip_prefix(&start)).unwrap().to_owned()
    }
}

fn dashboard() -> Value {
    let body =
        Block::resource("Dashboard").0.split_once("DashboardBody: !Sub |\n").unwrap().1.to_owned();
    serde_json::from_str(&body).unwrap()
}

fn widgets(dashboard: &Value, kind: &str) -> Vec<Value> {
    let widgets =
        dashboard["widgets"].as_array().unwrap().iter().filter(|widget| widget["type"] == kind);
    widgets.map(|widget| widget["properties"].clone()).collect()
}

/// The metrics of ours in a widget. A dot stands for what is above it.
fn graphed(widget: &Value) -> Vec<Shown> {
    let mut shown = Vec::new();
    let mut above: Vec<String> = Vec::new();
    for entry in widget["metrics"].as_array().unwrap() {
        let texts = entry.as_array().unwrap().iter().filter_map(Value::as_str).enumerate();
        let texts: Vec<String> = texts
            .map(|(at, text)| if text == "." { &above[at] } else { text }.to_owned())
            .collect();
        if let [namespace, name, dimensions @ ..] = &*texts
            && namespace == NAMESPACE
        {
            let pair =
                |pair: &[String]| (pair[0].clone(), pair[1].replace("${AWS::StackName}", "stack"));
            shown.push(Shown {
                name: name.clone(),
                dimensions: dimensions.chunks_exact(2).map(pair).collect(),
            });
        }
        above = if texts.is_empty() { above } else { texts };
    }

    shown
}

fn shown() -> Vec<Shown> {
    let graphs = widgets(&dashboard(), "metric").iter().flat_map(graphed).collect::<Vec<_>>();
    graphs.into_iter().chain(alarms().iter().flat_map(|(_, alarm)| watched(alarm))).collect()
}

#[test]
fn every_metric_shown_is_one_that_the_code_emits() {
    let shown = shown();
    assert!(shown.len() > METRICS.len(), "{}", shown.len());
    for metric in shown {
        assert!(METRICS.contains(&&*metric.name), "{metric:?} is emitted nowhere");
        let names: Vec<&str> = metric.dimensions.iter().map(|(name, _)| &**name).collect();
        let expected: &[&str] =
            if metric.name.starts_with("Refused") { &REFUSAL_DIMENSIONS } else { &DIMENSIONS };
        assert_eq!(names, expected, "{metric:?}");
        assert_eq!(metric.dimensions[0].1, "stack", "{metric:?}");
        let route = metric.dimensions.get(1).map(|(_, value)| &**value);
        assert!(
            route.is_none_or(|route| Route::ALL.iter().any(|known| known.as_str() == route)),
            "{metric:?}"
        );
    }
}

#[test]
fn every_metric_that_the_code_emits_is_shown() {
    let shown: BTreeSet<String> = shown().into_iter().map(|metric| metric.name).collect();
    let hidden: Vec<&&str> = METRICS.iter().filter(|name| !shown.contains(**name)).collect();
    assert!(hidden.is_empty(), "{hidden:?}");
}

#[test]
fn the_dashboard_answers_in_this_order() {
    let texts = widgets(&dashboard(), "text");
    let headings = texts
        .iter()
        .filter_map(|text| text["markdown"].as_str()?.strip_prefix("## ")?.lines().next());
    let order = [
        "Are handoffs arriving?",
        "Are they becoming tickets?",
        "Which fields do not match?",
        "Is Desk slow?",
        "Is the way in healthy?",
        "What waits?",
    ];

    assert_eq!(headings.collect::<Vec<_>>(), order);
}

#[test]
fn dashboard_keys_are_in_the_record() {
    let tables = widgets(&dashboard(), "log");
    assert!(
        tables.iter().all(|table| table["query"].as_str().unwrap().contains("ispresent(missed)"))
    );
    assert!(tables.len() == 1 && file("src/emf.rs").contains("(\"missed\","));
}

#[test]
fn late_alarm_comes_between_hiccup_and_giving_up() {
    let late = alarm("OldestHandoffWaits").seconds("Threshold");
    let pauses = pauses();
    let after = |deliveries: usize| pauses.iter().take(deliveries - 1).sum::<Duration>();
    assert!(late > after(5) && late < after(6), "five deliveries, {late:?}");
    assert_eq!(late, MAX_BACKOFF);
    assert!(
        4 * late < pauses.iter().sum::<Duration>() && late < retention("HandoffQueue"),
        "{late:?}"
    );

    assert!(
        late > 2 * queue().seconds("VisibilityTimeout"),
        "a worker that died once makes nobody late"
    );
}

#[test]
fn late_handoff_keeps_its_alarm_ringing() {
    let alarm = alarm("OldestHandoffWaits");
    let ours: Vec<String> = watched(&alarm).into_iter().map(|metric| metric.name).collect();
    assert_eq!(ours, ["QueueDelay"], "SQS's own age leaves out what was received several times");
    assert!(alarm.0.contains("FILL(delay, 0) / 1000"), "it is in milliseconds");
    let period = Duration::from_secs(alarm.first("Period").parse().unwrap());
    let window = period * alarm.number("EvaluationPeriods");
    assert!(window > MAX_BACKOFF && alarm.number("DatapointsToAlarm") == 1, "{window:?}");
}

#[test]
fn a_message_that_crashes_its_worker_rings() {
    let alarm = alarm("WorkerFunctionErrors");
    let window = alarm.seconds("Period") * alarm.number("EvaluationPeriods");
    let back = queue().seconds("VisibilityTimeout") + timeout("WorkerFunction");
    assert!(back * (alarm.number("DatapointsToAlarm") - 1) < window, "{window:?}");
}

#[test]
fn the_alarms_name_the_numbers_that_hold() {
    let days = retention("DeadLetterQueue").as_secs() / (24 * 60 * 60);
    let minutes = queue().seconds("VisibilityTimeout").as_secs() / 60;
    assert!(alarm("DeadLetterQueueNotEmpty").0.contains(&format!("for {days} days at most")));
    assert_eq!(
        (minutes, alarm("WorkerFunctionErrors").0.contains("again after six minutes")),
        (6, true)
    );
    assert_eq!(Block::resource("HttpApi").value("ThrottlingRateLimit"), "!Ref ThrottleRate");
    assert!(alarm("RequestsThrottled").0.contains("above ThrottleRate a second"));
}

/// Whoever is paged reads one paragraph: how to see, to decide, to act and to undo, with a command
/// to paste in it or one step away.
#[test]
fn every_alarm_says_what_to_do() {
    let page = file("docs/operations.md");
    let section = |heading: &str| {
        let below = page.split_once(&format!("# {heading}\n")).map(|(_, below)| below);
        let below = below.unwrap_or_else(|| panic!("no {heading}"));
        below.split("\n#").next().unwrap().to_owned()
    };
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let headings: Vec<&str> = headings.map(|line| line.trim_start_matches(['#', ' '])).collect();
    let linked = |text: &str| -> Vec<String> {
        let anchors = text.split("](#").skip(1).filter_map(|rest| rest.split(')').next());
        let named = anchors.filter_map(|anchor| {
            let spelt = |heading: &&&str| {
                let heading = heading.to_lowercase().replace(' ', "-");
                heading.replace(['\'', '?'], "") == anchor
            };
            headings.iter().find(spelt).copied()
        });
        named.map(section).collect()
    };

    for (name, alarm) in alarms() {
        let description = alarm.0.split_once("AlarmDescription: >-\n").unwrap().1.trim_start();
        let severity = description.split('.').next().unwrap().to_owned();
        let anchor = alarm.0.split_once("operations.md#").unwrap().1.lines().next().unwrap();
        let heading =
            headings.iter().find(|heading| heading.to_lowercase().replace(' ', "-") == anchor);
        let section = section(heading.unwrap_or_else(|| panic!("no {anchor}")));
        let stated = section.split_once("* **Severity:** ").unwrap().1.lines().next().unwrap();
        assert_eq!(severity, format!("Severity {stated}"), "{name}");
        assert!(page.contains(&format!("| {stated} | ")), "{name}: what {severity} means");

        let mut rest = &*section;
        for step in ["Means", "Noticed", "See", "Decide", "Act", "Undo", "Goes away"] {
            let found = rest
                .split_once(&format!("\n* **{step}:** "))
                .or(rest.split_once(&format!("\n* **{step}:**\n")));
            let (_, below) =
                found.unwrap_or_else(|| panic!("{name}: {step} is missing, or not in its place"));
            let said = below.split("\n* **").next().unwrap();
            assert!(said.trim().len() > 5, "{name}: {step} says nothing");
            rest = &rest[rest.len() - below.len() - 1..];
        }

        let see = section.split_once("**See:**").unwrap().1.split("\n* **").next().unwrap();
        let command = "<!-- commands: ";
        assert!(
            see.contains(command) || linked(see).iter().any(|other| other.contains(command)),
            "{name}: nothing to paste"
        );
    }
}

#[test]
fn no_alarm_watches_more_metrics_than_cloudwatch_allows() {
    let alarms = alarms();
    assert!(alarms.len() >= 10, "{}", alarms.len());
    for (name, alarm) in alarms {
        assert!(alarm.0.matches("MetricName: ").count() <= 10, "{name}");
        assert_eq!(alarm.value("TreatMissingData"), "notBreaching", "{name}");
    }
}

#[test]
fn every_place_to_read_on_exists() {
    let page = file("docs/operations.md");
    let headings = page
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim());
    let anchors: BTreeSet<String> =
        headings.map(|heading| heading.to_lowercase().replace(' ', "-")).collect();
    let template = file("template.yaml");
    let named = template.split("docs/operations.md#").skip(1);
    let named: BTreeSet<&str> = named
        .map(|rest| rest.split(|at: char| at != '-' && !at.is_ascii_lowercase()).next().unwrap())
        .collect();
    assert!(named.len() > alarms().len(), "{named:?}");
    let missing: Vec<&&str> = named.iter().filter(|anchor| !anchors.contains(**anchor)).collect();

    assert!(missing.is_empty(), "{missing:?}");
}
