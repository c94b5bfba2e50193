//! What a million handoffs cost on AWS, from what was measured here.
//!
//! The prices are those of docs/operations.md. What costs the same whoever does the work and is not
//! measured here, logs and data sent to Desk, is left out.

use super::implementation::{Implementation, ROUTES, Series, mebibytes};
use crate::events::Route;

/// What docs/operations.md takes a call to Desk for, in milliseconds.
pub(super) const SLOW_DESK: u64 = 250;
/// Memory that gives a function one whole processor; with less it has that part of one.
const WHOLE_PROCESSOR: f64 = 1769.0;
/// What a call to AWS takes there, in milliseconds: an estimate, the same for all.
const AWS_CALL: f64 = 5.0;
/// Of a function's memory, what may be in use at the most. The rest is Lambda's own and a reserve.
const USABLE: f64 = 0.85;
/// Sizes of a function, in MB; template.yaml has the second.
const MEMORIES: [f64; 3] = [128.0, 256.0, 512.0];

/// In dollars; docs/operations.md has them, too, but for arm64.
mod price {
    pub(super) const API_REQUESTS: f64 = 1.00;
    pub(super) const LAMBDA_REQUESTS: f64 = 0.20;
    /// A thousand GB-seconds.
    pub(super) const X86_64: f64 = 0.016_666_7;
    pub(super) const ARM64: f64 = 0.013_333_4;
    pub(super) const SQS_REQUESTS: f64 = 0.50;
    pub(super) const WRITE_UNITS: f64 = 0.625;
}

/// Series with a slow Desk, one of each implementation.
pub(super) struct Slow {
    pub(super) create: Vec<Series>,
    pub(super) batch: Vec<Series>,
}

/// What one invocation takes.
#[derive(Debug, Clone, Copy)]
struct Work {
    /// As measured here, with a whole processor.
    wall: f64,
    cpu: f64,
    aws_calls: f64,
}

/// One way of a handoff: its invocations, and what it costs beside Lambda's time.
struct Way {
    name: &'static str,
    works: Vec<Work>,
    /// Dollars a million: requests, queue, table.
    rest: f64,
}

pub(super) fn report(all: &[Implementation], warm: &[Vec<Series>], slow: &Slow) {
    println!("\n### Peers: cost of a million handoffs, $, Desk at {} ms\n", SLOW_DESK);
    println!(
        "| handoff | memory, MB | implementation | ms billed | Lambda's time, x86_64 | arm64 | requests, queue, table | \
         together, x86_64 | ratio |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let ways: Vec<[Way; 2]> = (0..all.len()).map(|place| ways(place, warm, slow)).collect();

    for way in 0..2 {
        for memory in MEMORIES {
            let ours = ways[0][way].together(memory);
            for ((place, one), ways) in all.iter().enumerate().zip(&ways) {
                println!("| {} |", row(one.name, &ways[way], memory, ours, peak(place, warm)));
            }
        }
    }
}

/// By the webhook, and direct.
fn ways(place: usize, warm: &[Vec<Series>], slow: &Slow) -> [Way; 2] {
    let of = |route: Route| {
        let measured = ROUTES.iter().zip(warm).find(|(measured, _)| **measured == route);
        &measured.expect("all routes of a handoff are measured").1[place]
    };
    let writes = 4.0 * price::WRITE_UNITS;
    let webhook = Way {
        name: "webhook",
        works: vec![
            Work::of(of(Route::Webhook), of(Route::Webhook)),
            Work::of(of(Route::Batch(1)), &slow.batch[place]),
        ],
        // On the queue: sent, received, deleted.
        rest: price::API_REQUESTS
            + 2.0 * price::LAMBDA_REQUESTS
            + 3.0 * price::SQS_REQUESTS
            + writes,
    };
    let direct = Way {
        name: "direct, create",
        works: vec![Work::of(of(Route::Create), &slow.create[place])],
        rest: price::API_REQUESTS + price::LAMBDA_REQUESTS + writes,
    };

    [webhook, direct]
}

/// The most memory of any route.
fn peak(place: usize, warm: &[Vec<Series>]) -> u64 {
    warm.iter().map(|series| series[place].peak_memory).max().unwrap_or_default()
}

fn row(name: &str, way: &Way, memory: f64, ours: f64, peak: u64) -> String {
    if mebibytes(peak) > memory * USABLE {
        return format!("{} | {memory} | {name} | needs more memory | – | – | – | – | –", way.name);
    }
    let billed: Vec<String> =
        way.works.iter().map(|work| format!("{:.0}", work.billed(memory))).collect();
    format!(
        "{} | {memory} | {name} | {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2}",
        way.name,
        billed.join(" + "),
        way.time(memory, price::X86_64),
        way.time(memory, price::ARM64),
        way.rest,
        way.together(memory),
        way.together(memory) / ours,
    )
}

impl Work {
    /// CPU time is of many invocations with a Desk that answers at once, wall time of few with a
    /// slow one.
    fn of(quick: &Series, slow: &Series) -> Self {
        let aws_calls = quick.a_call(quick.aws_calls);
        Self { wall: slow.wall().mean(), cpu: quick.cpu().mean(), aws_calls }
    }

    /// Milliseconds with so many MB: what waits does not get slower with less, what computes does.
    fn billed(self, memory: f64) -> f64 {
        let slower = (WHOLE_PROCESSOR / memory - 1.0).max(0.0);
        (self.wall + AWS_CALL * self.aws_calls + self.cpu * slower).ceil()
    }
}

impl Way {
    /// Dollars for Lambda's time.
    fn time(&self, memory: f64, price: f64) -> f64 {
        let milliseconds: f64 = self.works.iter().map(|work| work.billed(memory)).sum();
        // A million times so many milliseconds are as many thousand seconds.
        milliseconds * memory / 1024.0 * price
    }

    fn together(&self, memory: f64) -> f64 {
        self.time(memory, price::X86_64) + self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_computing_gets_slower_with_less_memory() {
        let work = Work { wall: 500.0, cpu: 2.0, aws_calls: 2.0 };
        assert_eq!(work.billed(WHOLE_PROCESSOR), 510.0);
        assert_eq!(work.billed(WHOLE_PROCESSOR / 2.0), 512.0);
        let idle = Work { wall: 1500.0, cpu: 0.0, aws_calls: 0.0 };
        let way = Way { name: "", works: vec![idle], rest: 1.0 };
        // The worker's line in docs/operations.md.
        assert_eq!(format!("{:.2}", way.time(256.0, price::X86_64)), "6.25");
    }

    #[test]
    fn prices_are_those_of_the_operators_page() {
        let page = include_str!("../../../docs/operations.md");
        for (line, price) in [
            ("HTTP API, million requests", "1.00"),
            ("Lambda, million requests", "0.20"),
            ("Lambda worker, thousand GB-seconds", "0.0166667"),
            ("SQS FIFO, million requests", "0.50"),
            ("DynamoDB, million write units: claim, give back | 4.0", "0.625"),
        ] {
            let row = page.lines().find(|row| row.starts_with(&format!("| {line}")));
            let row = row.unwrap_or_else(|| panic!("no row of {line}"));
            assert!(row.contains(&format!("| {price} |")), "{row}");
        }
        let all = [
            price::API_REQUESTS,
            price::LAMBDA_REQUESTS,
            price::X86_64,
            price::SQS_REQUESTS,
            price::WRITE_UNITS,
        ];
        assert_eq!(all, [1.00, 0.20, 0.016_666_7, 0.50, 0.625]);
    }
}
