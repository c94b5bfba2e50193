//! What docs/performance.md says of how much the workers can take, row by row.

use std::time::Duration;

use desk_handoff_simulate::capacity::{OUTAGE, Settings, outage, throughput};

/// How far a figure may be from the one that is measured.
const TOLERANCE: f64 = 0.1;
const PAGE: &str = include_str!("../../../docs/performance.md");

/// The numbers of each row of the table.
fn rows() -> Vec<Vec<f64>> {
    let section = PAGE.split("\n## How much it can take\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let table = section.lines().skip_while(|line| !line.starts_with("| `DeskRate`")).skip(2);
    table.take_while(|line| line.starts_with('|')).map(numbers).collect()
}

fn numbers(row: &str) -> Vec<f64> {
    let cells = row.trim_matches('|').split('|');
    cells.map(|cell| cell.trim().replace(',', "").parse().unwrap()).collect()
}

fn assert_near(stated: f64, measured: f64, what: &str) {
    let is_near = (stated - measured).abs() <= TOLERANCE * measured;
    assert!(is_near, "{what}: docs/performance.md says {stated}, measured {measured:.2}");
}

fn settings(row: &[f64]) -> Settings {
    Settings { desk_rate: row[0], workers: row[1] as usize, lists_are_current: false }
}

#[test]
fn handoffs_a_second_are_as_documented() {
    assert_eq!(rows().len(), 5);
    for row in rows() {
        let settings = settings(&row);
        let measured = throughput(settings);
        assert_near(row[2], measured.creates, "creates a second");
        assert_near(row[3], measured.updates, "updates a second");
        assert_near(3.0, measured.calls_a_create, "calls a create");
        assert_near(3.0, measured.calls_an_update, "calls an update");

        let measured = throughput(Settings { lists_are_current: true, ..settings });
        assert_near(row[4], measured.updates, "updates a second with current lists");
        assert_near(2.0, measured.calls_an_update, "calls an update with current lists");
    }
}

#[test]
fn outage_leaves_the_documented_backlog() {
    assert_eq!(OUTAGE, Duration::from_secs(3600));
    for row in rows() {
        let measured = outage(settings(&row), row[5]);
        assert_near(row[6], measured.backlog as f64, "backlog");
        assert_near(row[7], measured.drained.as_secs_f64() / 60.0, "minutes");
        assert_eq!(measured.dead, 0, "{row:?}");
    }
}
