//! `probe` as a person or a nightly job meets it: consent, the report, the profile, and what reads
//! the profile. What it sees of each setting is tried in the process, in `cli/src/probe/tests`.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use desk_emulator::{
    Behaviour, Call, Emulator, Fault, FaultKind, FieldDefinition, FieldKind, NestedFields, Profile,
    Reaction, Seed, Setup, ValueUnit, WriteAnswer,
};
use serde_json::{Value, json};

use crate::support::{Ended, Files, call, ended, handoff, meanwhile, sample};

const TOKEN: &str = "desk-token-canary7f3a";
const USER: &str = "user-canary7f3a";

/// The fields document of these tests.
pub(crate) fn document() -> Value {
    json!({"fields": [
        {"key": "order-id", "type": "text"}, {"key": "cart-items", "type": "integer"},
        {"key": "order-link", "type": "link"}, {"key": "a-key-of-20-letters-", "type": "text"},
        {"key": "tier", "type": "dropdown", "options": ["gold", "silver"]}
    ]})
}

/// A Desk with these fields that is in use, and takes five calls a second.
pub(crate) async fn desk(behaviour: Behaviour) -> Emulator {
    let options = vec!["gold".to_owned(), "silver".to_owned()];
    let fields = vec![
        FieldDefinition::new("order-id", FieldKind::Text),
        FieldDefinition::new("cart-items", FieldKind::Integer),
        FieldDefinition::new("order-link", FieldKind::Link),
        FieldDefinition::new("a-key-of-20-letters-", FieldKind::Text),
        FieldDefinition::new("tier", FieldKind::Dropdown(options)),
    ];
    let setup = Setup { desk_token: TOKEN.into(), fields, ..Setup::default() };
    let desk = Emulator::start(setup).await.unwrap();
    for user in [USER, "somebody-canary7f3a"] {
        let fields = [("order-id".to_owned(), "value-canary7f3a".to_owned())].into();
        desk.seed_ticket(Seed { sendbird_id: user.to_owned(), fields, ..Seed::default() });
    }
    desk.set_behaviour(|now| *now = Behaviour { rate_limit: Some(5), ..behaviour });
    desk
}

/// What it says; never the token, a user or a value.
pub(crate) async fn probe(desk: &Emulator, arguments: &[&str]) -> Ended {
    let mut command = handoff();
    command.args(["probe", "--app-id", "APP-1", "--token-env", "TOKEN", "--user", USER]);
    command.args(["--url", &desk.desk_url()]).args(arguments);
    command.env("TOKEN", TOKEN).env("CHAT", "emulator-chat-token").env("COLUMNS", "80");
    let ended = meanwhile(command).await;
    assert!(!ended.out.contains("canary7f3a"), "{ended:?}");
    assert!(!ended.err.replace(USER, "").contains("canary7f3a"), "{ended:?}");

    ended
}

fn test_tickets(desk: &Emulator) -> Vec<String> {
    let tickets = desk.tickets();
    let ours = tickets
        .iter()
        .filter(|ticket| ticket["channelName"].as_str().unwrap().starts_with("desk-handoff probe"));
    ours.map(|ticket| ticket["status2"].as_str().unwrap().to_owned()).collect()
}

/// A Desk that does much otherwise.
pub(crate) fn other() -> Behaviour {
    Behaviour {
        nested_fields: NestedFields::Accept,
        unknown_key: Reaction::Refuse,
        value_unit: ValueUnit::Bytes,
        write_answer: WriteAnswer::WithoutFields,
        listed_after: Duration::from_millis(1500),
        ignored_parameters: ["channel_url".to_owned()].into(),
        create_status: 200,
        ..Behaviour::default()
    }
}

#[tokio::test]
async fn nothing_is_sent_without_consent() {
    let desk = desk(Behaviour::default()).await;
    let ended = probe(&desk, &[]).await;

    assert_eq!((ended.code, desk.requests().len()), (2, 0), "{ended:?}");
    assert!(ended.err.contains("at most 60 calls") && ended.err.contains("--yes"), "{ended:?}");
}

/// Sixty calls and thirty seconds, at a Desk of five calls a second, a message included.
#[tokio::test]
async fn run_keeps_within_calls_time_and_rate() {
    let (desk, files) = (desk(other()).await, Files::new());
    let fields = files.put_json("fields.json", &document());
    let (began, chat) = (Instant::now(), desk.chat_url());
    let chat = ["--chat-token-env", "CHAT", "--chat-url", &chat];
    let ended =
        probe(&desk, &[&["--yes", "--fields", &fields, "--json"], &chat[..]].concat()).await;
    let (took, calls) = (began.elapsed(), desk.requests().len());

    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(took < Duration::from_secs(30) && calls <= 60, "{calls} calls in {took:?}");
    assert_eq!(ended.json()["calls"], calls);
    assert!(ended.err.contains("it posts one message as that user"), "{ended:?}");
    assert_eq!(ended.json()["profile"]["settings"]["first_message"], "pending");
    assert_eq!(desk.messages().len(), 1);
    assert!(desk.requests().iter().all(|request| request.status != Some(429)));
    assert_eq!((test_tickets(&desk), desk.unknown_requests()), (vec!["CLOSED".into()], vec![]));
}

#[tokio::test]
async fn profile_plays_the_same_desk_again() {
    let (first, files) = (desk(other()).await, Files::new());
    let fields = files.put_json("fields.json", &document());
    let (one, two) = (files.put("one.json", ""), files.put("two.json", ""));
    let ended = probe(&first, &["--yes", "--fields", &fields, "--output", &one]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let text = fs::read_to_string(&one).unwrap();
    let profile = Profile::parse(&text).unwrap();
    assert!(!text.contains("canary7f3a") && !text.contains("order-id"), "{text}");

    let mut again = Behaviour::default();
    profile.apply(&mut again);
    let second = desk(again).await;
    let arguments = ["--yes", "--fields", &fields, "--output", &two, "--compare", &one];
    let ended = probe(&second, &arguments).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(fs::read_to_string(&two).unwrap(), text);

    second.set_behaviour(|behaviour| behaviour.create_status = 201);
    let ended = probe(&second, &["--yes", "--compare", &one, "--json"]).await;
    assert_eq!((ended.code, ended.json()["changes"].as_array().unwrap().len()), (1, 1));
    assert_eq!(ended.json()["changes"][0]["setting"], "create_status");
}

/// What a document says of its Desk and is not true loses what humans typed.
#[tokio::test]
async fn document_that_is_wrong_about_its_desk_is_told() {
    let (files, mut said) = (Files::new(), document());
    said["desk"] = json!({"lists_are_current": true});
    let (said, silent) =
        (files.put_json("said.json", &said), files.put_json("silent.json", &document()));
    let late = Behaviour { lists_lag: Duration::from_millis(3500), ..Behaviour::default() };
    let probed = async |behaviour: Behaviour, fields: &str, more: &[&str]| {
        probe(&desk(behaviour).await, &[&["--yes", "--fields", fields], more].concat()).await
    };
    let (wrong, right, unsaid) = tokio::join!(
        probed(late.clone(), &said, &[]),
        probed(Behaviour::default(), &said, &[]),
        probed(late, &silent, &["--json"]),
    );

    assert_eq!((wrong.code, right.code, unsaid.code), (1, 0, 0), "{wrong:?}");
    assert!(
        wrong.out.contains("lists are not current: take \"lists_are_current\" out"),
        "{wrong:?}"
    );
    assert!(right.out.contains("says that lists are current, and they are"), "{right:?}");
    assert_eq!(unsaid.json()["desk"]["lists_are_current"], false);
}

#[tokio::test]
async fn failing_desk_ends_it_with_a_sentence() {
    let (desk, files) = (desk(Behaviour::default()).await, Files::new());
    let output = files.put("profile.json", "as it was");
    desk.inject(Fault::on(Call::UpdateTicket).with(FaultKind::CutAfterWrite));
    let ended = probe(&desk, &["--yes", "--output", &output]).await;

    assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{ended:?}");
    assert!(ended.err.contains("the connection to Desk broke (set the priority)"), "{ended:?}");
    assert!(ended.err.contains("is closed"), "{ended:?}");
    assert_eq!(test_tickets(&desk), ["CLOSED"]);
    assert_eq!(fs::read_to_string(&output).unwrap(), "as it was");
}

#[tokio::test]
async fn refused_token_and_unknown_user_write_nothing() {
    let desk = desk(Behaviour::default()).await;
    desk.rotate_desk_token("another");
    let refused = probe(&desk, &["--yes"]).await;
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("Desk refused the token"), "{refused:?}");
    desk.rotate_desk_token(TOKEN);
    let unknown = probe(&desk, &["--yes", "--user", "nobody"]).await;

    assert_eq!(unknown.code, 2, "the option is given twice: {unknown:?}");
    assert_eq!(test_tickets(&desk), Vec::<String>::new());
}

/// Ctrl-C while the questions are asked.
#[tokio::test]
async fn interrupted_run_closes_its_ticket() {
    let desk = desk(Behaviour::default()).await;
    let mut command = handoff();
    command.args(["probe", "--app-id", "APP-1", "--token-env", "TOKEN", "--user", USER, "--yes"]);
    command.args(["--desk-url", &desk.desk_url()]).env("TOKEN", TOKEN);
    let child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    while test_tickets(&desk).is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let waiting = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap());
    let ended = ended(waiting.await.unwrap());
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("interrupted; the test ticket"), "{ended:?}");
    assert_eq!(test_tickets(&desk), ["CLOSED"]);
}

#[test]
fn what_is_no_profile_is_misuse() {
    let files = Files::new();
    for (content, why) in
        [("{}", "has no version"), (r#"{"version": 9, "settings": {}}"#, "is of version 9")]
    {
        let path = files.put("profile.json", content);
        for arguments in [["run", &sample("handoff")].as_slice(), &["serve"]] {
            let ended = call(&[arguments, &["--profile", &path]].concat());
            assert_eq!(ended.code, 2, "{ended:?}");
            assert!(ended.err.contains(why), "{ended:?}");
        }
    }
}

/// A Desk that stores nothing of a call with one bad field shows it in the outcomes.
#[test]
fn run_meets_the_desk_of_the_profile() {
    let files = Files::new();
    let profile =
        json!({"version": 1, "settings": {"write_answer": "stale", "create_status": 200}});
    let profile = files.put_json("profile.json", &profile);
    let ended = call(&["run", &sample("handoff"), "--profile", &profile]);

    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.err.contains("2 settings are otherwise than expected"), "{ended:?}");
}
