//! What the page says beside its commands: names, links, reasons and sums that must agree with the
//! code and the template.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::{DEPLOYED, changes, erasure, redrive, rotation};
use crate::harness::operator::{Operator, blocks, page};

pub(super) fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// A heading as a link names it.
fn anchors() -> BTreeSet<String> {
    let page = page();
    let headings = page
        .lines()
        .filter_map(|line| Some(line.split_once("# ")?.1).filter(|_| line.starts_with('#')));
    let kept = |heading: &str| {
        heading.chars().filter(|c| c.is_alphanumeric() || " -".contains(*c)).collect::<String>()
    };
    headings.map(|heading| kept(heading).to_lowercase().replace(' ', "-")).collect()
}

#[test]
fn every_block_is_rehearsed_or_says_why_not() {
    let rehearsed: BTreeSet<&str> =
        [&DEPLOYED[..], &redrive::PASTED, &rotation::PASTED, &changes::PASTED, &erasure::PASTED]
            .concat()
            .into_iter()
            .collect();
    let blocks = blocks();
    let names: BTreeSet<&str> = blocks.iter().map(|block| &*block.name).collect();
    assert_eq!(names.len(), blocks.len(), "a name twice");
    let not: Vec<_> = blocks.iter().filter(|block| !rehearsed.contains(&*block.name)).collect();
    assert!(
        not.iter().all(|block| block.only_on_aws.as_ref().is_some_and(|why| why.len() > 10)),
        "{not:#?}"
    );

    for block in &blocks {
        let checked = Command::new("bash").args(["-n", "-c", &block.commands]).output().unwrap();
        assert!(checked.status.success(), "{}: {checked:?}", block.name);
    }
}

#[tokio::test]
async fn aws_only_commands_parse() {
    let operator = Operator::new();
    operator
        .run("for other in cargo sam make curl ask of secret; do eval \"$other() { echo taken; }\"; done")
        .await;
    // Some ids must look like one.
    operator.run("resource() { echo 00000000-0000-4000-8000-000000000000; }").await;
    operator
        .run("export STACK=taken APP_ID=A PARAMETERS=/taken/A DEAD=http://taken/1/dead AWS_DEFAULT_REGION=eu-central-1")
        .await;

    for block in blocks().iter().filter(|block| block.only_on_aws.is_some()) {
        let said = operator.try_to(&block.name).await;
        for mark in [
            "usage:",
            "Unknown options",
            "Parameter validation failed",
            "Invalid choice",
            "Error parsing",
        ] {
            assert!(!said.err.contains(mark), "{}: {}", block.name, said.err);
        }
    }
}

#[test]
fn links_and_template_names_lead_somewhere() {
    let (page, template, anchors) = (page(), file("template.yaml"), anchors());
    let links = page.split("](#").skip(1).chain(template.split("docs/operations.md#").skip(1));
    for link in links {
        let link: String = link.chars().take_while(|c| c.is_alphanumeric() || *c == '-').collect();
        assert!(anchors.contains(&link), "#{link}");
    }

    let asked = page.split("$(of ").skip(1).chain(page.split("\nof ").skip(1));
    let titles = template.split("\"title\": \"").skip(1).filter_map(|rest| rest.split('"').next());
    let panels: Vec<&str> =
        page.lines().filter_map(|row| row.strip_prefix("| ")?.split(" |").next()).collect();

    for title in titles {
        let listed =
            |panel: &&str| title.starts_with(*panel) || panel.split(", ").any(|part| part == title);
        assert!(panels.iter().any(listed), "the dashboard's panel {title}");
    }
    for name in asked.filter_map(|rest| rest.split([')', '\n']).next()) {
        assert!(template.contains(&format!("\n  {name}:\n")), "{name}");
    }
}

#[test]
fn reasons_on_page_are_the_codes() {
    let places = [
        "api/problem",
        "aws/sqs",
        "claims/mod",
        "desk/error",
        "handoff/message",
        "process/mod",
        "store",
        "app",
        "secrets",
        "worker",
    ];

    let code: String = places.map(|place| file(&format!("src/{place}.rs")).to_lowercase()).concat();
    let page = page();
    let reasons = reasons_on(&page);
    let parts = reasons
        .iter()
        .flat_map(|reason| reason.split(['…', '#']))
        .flat_map(|part| part.split(" did not do its "));

    for part in parts.map(|part| part.trim().to_lowercase()).filter(|part| !part.is_empty()) {
        assert!(code.contains(&part), "{part}");
    }
}

/// What the page's table and the paragraph below it say that a reason begins with.
fn reasons_on(page: &str) -> Vec<&str> {
    let section = page.split_once("| `reason` begins with").unwrap().1;
    let (table, rest) = section.split_once("\n\n").unwrap();
    let first = table.lines().skip(2).filter_map(|row| row.split('|').nth(1));
    let waiting = rest.split_once("\n\n").unwrap().0;
    let quoted = first.chain([waiting]).flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let reasons: Vec<&str> =
        quoted.filter(|quoted| quoted.contains(' ') && !quoted.contains("when_missing")).collect();
    assert!(reasons.len() > 16, "{reasons:?}");
    reasons
}

#[test]
fn codes_reasons_are_on_page() {
    let page = page();
    let reasons = reasons_on(&page);
    let files =
        ["handoff/message", "process/mod", "app", "secrets", "worker", "desk/error", "api/problem"];
    let code = files
        .map(|name| file(&format!("src/{name}.rs")).split("\nmod tests").next().unwrap().to_owned())
        .concat();
    // Errors that are handed on, Desk's, what is answered without any, and what a message waits
    // for.
    let begins = ["#[error(\"", " => \"Desk ", "\"The application's parameter"];
    let mut given: Vec<String> = Vec::new();

    for begin in begins {
        let texts = code.split(begin).skip(1).filter_map(|rest| rest.split(['"', '{']).next());
        given.extend(texts.map(|text| format!("{}{text}", begin.split_once('"').unwrap().1)));
    }

    // A store that fails, by its name.
    let stores = ["src/claims/mod.rs", "src/aws/sqs.rs"].map(file);
    let names = stores
        .iter()
        .map(|text| text.split_once("const NAME: &str = \"").unwrap().1.split('"').next().unwrap());
    given.extend(names.map(|name| format!("{name} did not do its part")));
    assert!(given.len() > 17, "{given:?}");

    for text in given {
        let listed = |reason: &&str| {
            text.starts_with(reason.trim_end_matches('…')) || reason.trim_end_matches('…') == text
        };
        assert!(reasons.iter().any(listed), "{text}");
    }
}

#[test]
fn costs_add_up_and_match_template() {
    let page = page();
    let costs = page.split_once("## What it costs").unwrap().1.split_once("\n## ").unwrap().0;
    let mut sum = 0.0;
    let mut tables = 0;

    for row in costs.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('*')).collect();
        let numbers: Vec<f64> =
            cells[2..5].iter().filter_map(|cell| cell.replace(',', "").parse().ok()).collect();
        match numbers[..] {
            [units, price, cost] => {
                assert!((units * price - cost).abs() <= 0.0051, "{row}");
                sum += cost;
            }
            [total] => {
                assert!((total - std::mem::take(&mut sum)).abs() < 0.001, "{row}");
                tables += 1;
            }
            _ => {}
        }
    }
    assert_eq!((tables, sum), (2, 0.0));
    let template = file("template.yaml");
    let memory = template.split_once("\n  FunctionMemory:\n    Type").unwrap().1;
    let memory = memory.split_once("Default: ").unwrap().1.split_once('\n').unwrap().0;
    assert!(costs.contains(&format!("{memory} MB of memory")), "{memory}");
    let watched = template.matches("MetricName: ").count()
        - template.matches("MetricTransformations:").count();

    assert!(costs.contains(&format!("| metrics that alarms watch | {watched}.0 |")), "{watched}");
}
