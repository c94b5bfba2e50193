//! The page's searches in the logs: each member that one names is in a line that the functions
//! wrote, or AWS.

use desk_handoff::names::{aws, setting};
use std::collections::BTreeSet;

use serde_json::Value;

use super::page::file;
use super::redrive::{webhook, work_off};
use crate::bootstrap::{Cloud, api, worker};
use crate::fixtures::{ANSWERS, Stated};
use crate::harness::operator::{blocks, page};
use crate::harness::rie::Rie;

/// What Lambda and CloudWatch write by themselves.
const NOT_OURS: [&str; 6] =
    ["@timestamp", "@message", "@logStream", "type", "record.status", "record.errorType"];
/// What the language of CloudWatch's searches is made of.
const LANGUAGE: &str = "and as asc bin by count count_distinct desc fields filter in ispresent latest like limit max min or \
     sort stats sum toMillis";

/// The queries that the template saves.
fn saved() -> Vec<String> {
    let template = file("template.yaml");
    let texts = template.split("      QueryString: |\n").skip(1);
    let lines = |text: &str| {
        let lines = text.lines().take_while(|line| line.starts_with("        "));
        lines.map(str::trim).collect::<Vec<_>>().join(" ")
    };
    texts.map(lines).collect()
}

/// The searches of the page, as they are sent.
fn searches() -> Vec<String> {
    let blocks = blocks();
    let calls = blocks
        .iter()
        .filter(|block| block.name != "setup")
        .flat_map(|block| block.commands.split("ask ").skip(1));

    calls
        .filter_map(|call| {
            let (hours, rest) = call.split_once(' ')?;
            hours.parse::<u32>().ok()?;
            let quote = rest.chars().next()?;
            Some(rest[1..].split(quote).next()?.to_owned())
        })
        .collect()
}

/// The names of the logs' members in a search: its words, without texts, patterns, the language,
/// and names it gives itself.
fn members(search: &str) -> BTreeSet<String> {
    let mut text = String::new();
    let mut within = None;
    for c in search.replace("like /", "like ~").chars() {
        match within {
            Some(end) if c == end || (end == '~' && c == '/') => within = None,
            Some(_) => {}
            None if "'\"~".contains(c) => within = Some(c),
            None => text.push(c),
        }
    }

    let words = text
        .split(|c: char| !(c.is_alphanumeric() || "_.@$".contains(c)))
        // The shell's variables are put in before CloudWatch sees it.
        .filter(|word| !word.is_empty() && !word.starts_with('$'));
    let words: Vec<&str> = words.collect();
    let given: Vec<&str> =
        words.windows(2).filter(|pair| pair[0] == "as").map(|pair| pair[1]).collect();
    let ours = words
        .iter()
        .filter(|word| !LANGUAGE.split(' ').any(|known| known == **word) && !given.contains(word));

    ours.filter(|word| !word.starts_with(|c: char| c.is_ascii_digit()))
        .map(|word| (*word).to_owned())
        .collect()
}

/// Every member of every line of a log that is JSON.
fn logged(log: &str) -> BTreeSet<String> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let within = |(name, value): (&String, &Value)| match value {
        Value::Object(inner) => inner.keys().map(|inner| format!("{name}.{inner}")).collect(),
        _ => vec![name.clone()],
    };

    lines
        .flat_map(|line| {
            line.as_object().into_iter().flatten().flat_map(within).collect::<Vec<_>>()
        })
        .collect()
}

fn event(name: &str) -> Value {
    let stated = ANSWERS.iter().find(|stated| stated.file == name);
    serde_json::from_str(&stated.map(Stated::event).unwrap()).unwrap()
}

/// How long the records of this event are, all together.
fn records_of(event_id: &str, log: &str) -> usize {
    let own = format!("\"event_id\":\"{event_id}\"");
    log.lines()
        .filter(|line| line.starts_with("{\"_aws\":") && line.contains(&own))
        .map(str::len)
        .sum()
}

/// The log of a function without parameters, and of one without its table.
async fn failures(cloud: &Cloud, receiver: &mut Rie) -> String {
    let mut blind =
        cloud.function_with(api(), &[(aws::ENDPOINT_URL_SSM, "http://127.0.0.1:1")]).await;
    blind.invoke(&event("handoff.json")).await;
    receiver.invoke(&webhook("e9", "19", "order", "2025-07-30T08:35:25Z")).await;
    let mut forgetful =
        cloud.function_with(worker(), &[(setting::TABLE_NAME, "no-such-table")]).await;
    work_off(&cloud.queues, &mut forgetful).await;
    blind.output() + &forgetful.output()
}

#[tokio::test]
async fn the_searches_ask_for_what_the_logs_hold() {
    let cloud = Cloud::new("operations-logs").await;
    let mut receiver = cloud.function(api()).await;
    receiver.invoke(&webhook("e8", "18", "order", "2025-07-30T08:35:25Z")).await;
    receiver.invoke(&event("wrong-signature.json")).await;
    let mut worker = cloud.function(worker()).await;
    work_off(&cloud.queues, &mut worker).await;
    let mut log = receiver.output() + &worker.output();
    let size = records_of("e8", &log);
    let page = page();
    let stated = page
        .split_once(" bytes together")
        .unwrap()
        .0
        .rsplit(' ')
        .next()
        .unwrap()
        .parse::<usize>()
        .unwrap();
    assert!(size.abs_diff(stated) < 150, "the records are of {size} bytes\n{log}");
    log.push_str(&failures(&cloud, &mut receiver).await);
    let template = file("template.yaml");
    let access = |name: &String| template.contains(&format!("\"{name}\":\"$context."));
    // The dashboard shows every metric, which the tests in tests/it hold it to.
    let is_metric = |name: &String| {
        let shown = ["DeskHandoff", "."].map(|of| format!("[\"{of}\", \"{name}\", "));
        shown.iter().any(|graph| template.contains(graph))
    };
    let logged = logged(&log);
    let searches = searches();
    assert_eq!(searches.len(), 15, "{searches:#?}");

    let saved = saved();
    assert_eq!(saved.len(), 4, "{saved:#?}");
    assert_eq!(file("template.yaml").matches("Type: AWS::Logs::QueryDefinition").count(), 4);

    for search in searches.into_iter().chain(saved) {
        for member in members(&search) {
            // A metric that nothing here brought about is emitted all the same.
            let known = logged.contains(&member)
                || NOT_OURS.contains(&&*member)
                || is_metric(&member)
                || access(&member);
            assert!(known, "{member} is nowhere in\n{log}\n{search}");
        }
    }
}
