//! What every command prints, whole: into a pipe, as JSON, and on a terminal of 80 and of 60 columns with its colours. A
//! change of a text is seen here first. `INSTA_UPDATE=always` writes what is printed now.

use desk_emulator::{Emulator, Seed, Setup};
use serde_json::json;

use crate::cloud::{Cloud, REGION, TOKEN};
use crate::probe;
use crate::serve::Serving;
use crate::support::{Ended, Files, direct, handoff, meanwhile, sample};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fields.example.json");

/// Code, standard output and standard error.
fn shown(ended: &Ended) -> String {
    let Ended { code, out, err } = ended;
    let err = if err.is_empty() { String::new() } else { format!("--- standard error\n{err}") };
    format!("--- exit code {code}\n{out}{err}")
}

fn printed(arguments: &[&str]) -> String {
    shown(&crate::support::call(arguments))
}

/// On a terminal this wide; escapes are spelt out.
fn on_terminal(columns: &str, arguments: &[&str]) -> String {
    let mut command = handoff();
    command.env("COLUMNS", columns).args(["--color", "always"]).args(arguments);
    let ended = crate::support::ended(command.output().unwrap());
    shown(&ended).replace('\u{1b}', "␛")
}

#[test]
fn help_of_every_command() {
    insta::assert_snapshot!("help", printed(&["--help"]));
    let commands = ["run", "serve", "preview", "check", "send", "learn", "connect", "doctor"];
    for command in commands.into_iter().chain(["probe", "report", "openapi"]) {
        insta::assert_snapshot!(format!("help-{command}"), printed(&[command, "--help"]));
    }
}

#[test]
fn run_of_a_sample() {
    let event = sample("handoff");

    insta::assert_snapshot!("run-pipe", printed(&["run", &event]));
    insta::assert_snapshot!("run-terminal", on_terminal("80", &["run", &event]));
    insta::assert_snapshot!("run-60-columns", on_terminal("60", &["run", &event]));
}

#[test]
fn preview_of_the_senders_sample() {
    let event = sample("sender-sample");

    insta::assert_snapshot!("preview-pipe", printed(&["preview", &event]));
    insta::assert_snapshot!("preview-json", printed(&["preview", &event, "--json"]));
    insta::assert_snapshot!("preview-60-columns", on_terminal("60", &["preview", &event]));
}

#[test]
fn key_without_end_is_cut_in_tables() {
    let files = Files::new();
    let context = json!({("x".repeat(500)): "value", "order-id": "A-1"});
    let path = files.put_json("context.json", &context);

    insta::assert_snapshot!("preview-long-key", printed(&["preview", &path]));
}

#[test]
fn check_of_good_and_bad_files() {
    let files = Files::new();
    let bad = json!({
        "fields": [{"key": "order id", "type": "text"}, {"key": "tier", "type": "choice"}],
        "aliases": {"orderId": "order-id"},
        "ticket": {"when_missing": "ask"}
    });
    let bad = files.put("bad.json", format!("{bad:#}"));
    // The folder is another one each time.
    let named = |text: String| text.replace(&bad, "bad.json");

    insta::assert_snapshot!("check-good", printed(&["check", EXAMPLE]));
    insta::assert_snapshot!("check-bad", named(printed(&["check", &bad])));
    insta::assert_snapshot!("check-bad-json", printed(&["check", &bad, "--json"]));
    insta::assert_snapshot!("check-bad-terminal", named(on_terminal("80", &["check", &bad])));
}

#[test]
fn send_of_a_preview() {
    let serving = Serving::start(&[]);
    let files = Files::new();
    let body = files.put_json("body.json", &direct(json!({"order-id": "A-1", "orderId": "A-2"})));
    let url = format!("http://{}/handoffs/preview", serving.address("serves "));
    let send = |arguments: &[&str]| {
        let mut command = handoff();
        command.env("SIGNING_SECRET", "local-only-signing-secret");
        command.args(["send", &body, "--url", &url, "--secret-env", "SIGNING_SECRET"]);
        shown(&crate::support::ended(command.args(arguments).output().unwrap()))
    };
    let printed = send(&[]);
    let took = printed.lines().find(|line| line.trim_start().starts_with("took")).unwrap();

    insta::assert_snapshot!("send-pipe", printed.replace(took, "  took    (some time)"));
}

#[tokio::test]
async fn doctor_of_a_sick_application() {
    let cloud = Cloud::new("/snapshot-doctor").await;
    cloud.put("String", "desk-api-token", TOKEN).await;
    cloud.put("SecureString", "signing-secret", "short").await;
    let fields = r#"{"fields": [{"key": "Order", "type": "text"}]}"#;
    cloud.put("String", "fields", fields).await;
    let doctor = async |more: &[&str]| {
        let mut command = cloud.doctor(&["--region", REGION]);
        command.env("COLUMNS", "80").args(more);
        shown(&meanwhile(command).await).replace('\u{1b}', "␛")
    };

    insta::assert_snapshot!("doctor-pipe", doctor(&[]).await);
    insta::assert_snapshot!("doctor-json", doctor(&["--json"]).await);
    insta::assert_snapshot!("doctor-terminal", doctor(&["--color", "always"]).await);
}

#[test]
fn report_of_a_week() {
    let files = Files::new();
    let records = files.put("records.log", crate::report::week());
    let fields = json!({"fields": [{"key": "order-id", "type": "text"}], "deny": ["old"]});
    let fields = files.put_json("fields.json", &fields);
    let report: &[&str] = &["report", &records, "--fields", &fields];

    insta::assert_snapshot!("report-pipe", printed(report));
    insta::assert_snapshot!("report-json", printed(&[report, &["--json"]].concat()));
    insta::assert_snapshot!("report-terminal", on_terminal("80", report));
    insta::assert_snapshot!("report-without-fields", printed(&["report", &records]));
}

#[tokio::test]
async fn learn_from_tickets() {
    let desk = Emulator::start(Setup::default()).await.unwrap();
    for (tier, items) in [("gold", "3"), ("silver", "12")] {
        let fields = [("tier", tier), ("cart-items", items)];
        let fields = fields.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        desk.seed_ticket(Seed { fields, ..Seed::default() });
    }
    let mut command = handoff();
    command.env("TOKEN", "emulator-desk-token").args(["learn", "--app-id", "A", "--token-env"]);
    command.args(["TOKEN", "--desk-url", &desk.desk_url()]);

    insta::assert_snapshot!("learn-pipe", shown(&meanwhile(command).await));
}

/// The report of a Desk that does much otherwise, against a profile of one that does not: for a pipe,
/// on a terminal of 80 columns, and as JSON.
#[tokio::test]
async fn probe_of_another_desk() {
    let (pipe, terminal, json) =
        tokio::join!(probed(&[]), probed(&["--color", "always"]), probed(&["--json"]));

    insta::assert_snapshot!("probe-pipe", pipe);
    insta::assert_snapshot!("probe-terminal", terminal);
    insta::assert_snapshot!("probe-json", json);
}

async fn probed(more: &[&str]) -> String {
    let (desk, files) = (probe::desk(probe::other()).await, Files::new());
    let fields = files.put_json("fields.json", &probe::document());
    let old = json!({"version": 1, "settings": {"create_status": 201, "trim": true}});
    let old = files.put_json("old.json", &old);
    let arguments = [&["--yes", "--fields", &fields, "--compare", &old], more].concat();
    let ended = probe::probe(&desk, &arguments).await;

    let text = shown(&ended).replace(&desk.desk_url(), "http://127.0.0.1:PORT/platform/v1");
    text.replace('\u{1b}', "␛")
}
