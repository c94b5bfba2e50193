//! 200 applications on one function (`AppIds=*`): each costs a call to Parameter Store and some
//! kilobytes, and strangers cost a bounded number of calls.
//!
//! `cargo test --test aws applications -- --nocapture` prints the figures of docs/operations.md;
//! with `DESK_HANDOFF_API` those of another build.

use std::fs;
use std::time::{Duration, Instant};

use desk_handoff::auth::sign;
use desk_handoff::http_client;
use desk_handoff::names::{aws, header, parameter, setting};
use desk_handoff::secrets::MISSES_A_MINUTE;
use serde_json::{Value, json};

use crate::bootstrap::{APP, Cloud, FIELDS, TOKEN, api};
use crate::fixtures::ANSWERS;
use crate::harness::counting::Counting;
use crate::harness::rie::Rie;
use crate::harness::setup::put_parameter;

const APPLICATIONS: usize = 200;
/// The prefix of the parameters, and the function's name for the metrics.
const PREFIX: &str = "rie-many";
const SECRET: &str = "local-only-signing-secret";

/// A signed webhook of this application.
fn webhook(app_id: &str, event: &str) -> Value {
    let stated = ANSWERS.iter().find(|stated| stated.file == "webhook.json").unwrap();
    let mut request: Value = serde_json::from_str(&stated.event()).unwrap();
    let conversation = json!({"id": "2647", "user_id": "user_1", "channel_url": "ch_2647"});
    let data = json!({"conversation": conversation});
    let body = json!({"id": event, "app_id": app_id, "category": "handoff", "data": data});
    let body = body.to_string();
    request["rawQueryString"] = format!("app_id={app_id}").into();
    request["headers"][header::SENDBIRD_SIGNATURE] = sign(body.as_bytes(), SECRET).into();
    request["body"] = body.into();

    request
}

/// The memory that the function with this prefix holds, in kilobytes.
fn memory() -> u64 {
    let wanted = format!("{}={PREFIX}\0", setting::STACK_NAME);
    let bootstrap = fs::canonicalize(api()).unwrap();
    let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    let function = processes.filter(|process| {
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        fs::read_link(process.join("exe")).is_ok_and(|exe| exe == bootstrap)
            && String::from_utf8_lossy(&environment).contains(&wanted)
    });
    let status = function.map(|process| fs::read_to_string(process.join("status")).unwrap());
    let status = status.last().expect("the function runs");

    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// How long it takes until the first webhook is answered, the start of the process included.
async fn first_answer(cloud: &Cloud, apps: &str) -> Duration {
    let mut took = Vec::new();
    for n in 0..5 {
        let mut function = cloud.function_with(api(), &[(setting::APP_IDS, apps)]).await;
        let began = Instant::now();
        let answer = function.invoke(&webhook(APP, &format!("first-{n}"))).await;
        took.push(began.elapsed());
        assert_eq!(answer["statusCode"], 200, "{answer:#}");
    }

    took.sort();
    took[2]
}

/// Every application hands over once.
async fn round(function: &mut Rie, round: usize) -> Duration {
    let began = Instant::now();
    for n in 0..APPLICATIONS {
        let answer =
            function.invoke(&webhook(&format!("APP-{n}"), &format!("e-{round}-{n}"))).await;
        assert_eq!(answer["statusCode"], 200, "{n}: {answer:#}");
    }
    began.elapsed()
}

#[tokio::test]
async fn two_hundred_applications_cost_a_call_each() {
    let cloud = Cloud::new(PREFIX).await;
    let client = http_client::new().unwrap();
    for n in 0..APPLICATIONS {
        for (name, value) in [
            (parameter::DESK_API_TOKEN, TOKEN),
            (parameter::SIGNING_SECRET, SECRET),
            (parameter::FIELDS, &FIELDS),
        ] {
            put_parameter(&client, &format!("/{PREFIX}/APP-{n}/{name}"), value).await;
        }
    }
    let line = Counting::start("AmazonSSM.GetParametersByPath").await;
    let settings = [
        (setting::APP_IDS, "*"),
        (aws::ENDPOINT_URL_SSM, line.endpoint()),
        (setting::LOG_LEVEL, "info"),
    ];
    let mut function = cloud.function_with(api(), &settings).await;
    // What every function holds once it has worked.
    for n in 0..50 {
        function.invoke(&webhook(APP, &format!("warm-{n}"))).await;
    }
    let (before, calls) = (memory(), line.calls());

    let met = round(&mut function, 1).await;
    let grown = memory().saturating_sub(before);
    assert_eq!((calls, line.calls()), (1, 1 + APPLICATIONS));
    let kept = round(&mut function, 2).await;
    assert_eq!(line.calls(), 1 + APPLICATIONS, "for five minutes nobody is asked for again");
    assert!(grown < 4000, "{grown} KB for {APPLICATIONS} applications");
    let mut answers = Vec::new();
    for n in 0..2 * MISSES_A_MINUTE {
        let answer = function.invoke(&webhook(&format!("NOBODY-{n}"), "e")).await;
        answers.push(answer["statusCode"].as_u64().unwrap());
    }
    assert!(answers.contains(&404) && answers.contains(&503), "{answers:?}");
    let strangers = line.calls() - 1 - APPLICATIONS;
    // The minute may end meanwhile.
    assert!((60..=120).contains(&strangers), "{strangers}");

    let (any, listed) = (first_answer(&cloud, "*").await, first_answer(&cloud, APP).await);
    println!(
        "{APPLICATIONS} applications: {before} KB before, {grown} KB more; {} calls to Parameter Store; a round in \
         which each is met {met:?}, one in which each is known {kept:?}; {strangers} calls for {} strangers; the \
         first answer of a new function {any:?} with *, {listed:?} with a list of one",
        1 + APPLICATIONS,
        answers.len(),
    );
}
