//! `doctor`: what it finds in SSM and at Desk, and that what it says fixes it.

use std::net::TcpListener;
use std::process::Command;

use desk_emulator::{Call, Fault, FaultKind, Seed};
use serde_json::{Value, json};

use crate::cloud::{CANARY, Cloud, REGION, SIGNING, TOKEN, at_moto, stand_in};
use crate::support::{Ended, meanwhile};

const FIELDS: &str = r#"{"fields": [{"key": "order-id", "type": "text"}, {"key": "cart-items", "type": "integer"}],
    "ticket": {"when_missing": "wait"}}"#;
/// Desk makes the tickets, and no more is said.
const IN_ORDER: &str = r#"{"ticket": {"when_missing": "wait"}}"#;

fn ticket(fields: &[(&str, &str)]) -> Seed {
    Seed {
        fields: fields.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        ..Seed::default()
    }
}

/// Between the end of a parameter and another one of its name.
const WAIT: &str = " && sleep 30 && ";

/// The lines of the findings, without their level.
fn about<'e>(ended: &'e Ended, level: &str) -> Vec<&'e str> {
    ended.out.lines().filter_map(|line| line.strip_prefix(level)).map(str::trim).collect()
}

#[tokio::test]
async fn healthy_application_needs_no_fix() {
    let cloud = Cloud::new("/doctor-healthy").await;
    cloud.put_all(FIELDS).await;
    cloud.desk.seed_ticket(ticket(&[("order-id", CANARY), ("cart-items", "3")]));
    let ended = cloud.examine(&[]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.starts_with("Nothing to fix.\n"), "{ended:?}");
    assert_eq!(ended.line("parameters"), "parameters desk-api-token, fields, signing-secret");
    assert_eq!(ended.line("Desk"), "Desk takes the token, and shows 1 recent ticket");
    let names = ["desk-api-token", "fields", "signing-secret"];
    let expected =
        json!({"findings": [], "errors": 0, "warnings": 0, "parameters": names, "tickets": 1});
    assert_eq!(cloud.examine(&["--json"]).await.json(), expected);

    assert_eq!(cloud.desk.unknown_requests(), Vec::<String>::new());
}

#[tokio::test]
async fn application_without_parameters_lists_what_is_missing() {
    let cloud = Cloud::new("/doctor-empty").await;
    let ended = cloud.examine(&[]).await;
    assert_eq!(ended.code, 1);
    let starts = [
        "/doctor-empty/APP-1/: there is no parameter",
        "desk-api-token: is missing",
        "signing-secret: is missing",
        "fields: is missing",
    ];

    for (line, start) in about(&ended, "error").iter().zip(starts) {
        assert!(line.starts_with(start), "{ended:?}");
    }
    assert_eq!(about(&ended, "error").len(), starts.len(), "{ended:?}");
    assert!(about(&ended, "error")[2].contains("the master API token is not needed"), "{ended:?}");
    assert!(ended.out.contains(
        "cargo handoff learn --app-id APP-1 --token-env DESK_API_TOKEN > fields.json && "
    ));

    assert!(cloud.desk.requests().is_empty(), "without a token nothing is asked of Desk");
}

#[tokio::test]
async fn unfitting_fields_document_is_reported_key_by_key() {
    let cloud = Cloud::new("/doctor-fit").await;
    let fields = json!({"fields": [
        {"key": "order-id", "type": "integer"},
        {"key": "tier", "type": "dropdown", "options": ["gold"]},
        {"key": "nowhere", "type": "text"},
    ], "ticket": {"when_missing": "wait"}});
    cloud.put_all(&fields.to_string()).await;
    cloud.desk.seed_ticket(ticket(&[
        ("order-id", "A-canary7f3a"),
        ("tier", "gold"),
        ("summary", CANARY),
    ]));
    cloud.desk.seed_ticket(ticket(&[
        ("order-id", "7"),
        ("tier", "silver-canary7f3a"),
        ("Old_Key", CANARY),
    ]));

    let ended = cloud.examine(&[]).await;
    assert_eq!(ended.code, 1);
    let errors = [
        "fields: order-id: of 2 values shown, 1 is no integer: it looks like text",
        "fields: tier: of 2 values shown, 1 is not among its options, and would not be sent",
    ];
    let warnings = [
        "fields: no recent ticket shows the field nowhere: is this its key in Settings > Desk > Ticket fields?",
        "fields: tickets show the field summary, which it does not list (text, by what they show)",
    ];
    assert_eq!(about(&ended, "error"), errors);
    assert_eq!(about(&ended, "warning"), warnings);
    let fixes =
        ended.out.matches("cargo handoff check fields.json && aws ssm put-parameter").count();

    assert_eq!(fixes, 1, "what fixes several findings is shown once: {ended:?}");
}

#[tokio::test]
async fn refused_token_and_failing_desk_are_reported() {
    let cloud = Cloud::new("/doctor-desk").await;
    cloud.put_all(FIELDS).await;
    cloud.desk.rotate_desk_token("another");
    let refused = cloud.examine(&[]).await;
    assert_eq!(refused.code, 1);
    assert_eq!(
        about(&refused, "error"),
        ["desk-api-token: Desk refused the token (recent tickets, status 401, code desk401100)"]
    );
    cloud.desk.rotate_desk_token(TOKEN);
    let body = format!("<p>{TOKEN}</p>");
    let page = FaultKind::Status { status: 404, headers: Vec::new(), body };
    cloud.desk.inject(Fault::on(Call::Any).always().with(page));
    let failed = cloud.examine(&[]).await;
    assert_eq!(
        about(&failed, "error"),
        ["Desk: Desk refused the call (recent tickets, status 404)"]
    );

    assert!(failed.out.contains("Desk        not examined further\n"), "{failed:?}");
}

/// Runs a printed command in a shell, its placeholders filled in. SSM is to be given half a minute;
/// moto needs none.
async fn paste(printed: &str) -> Ended {
    let printed = printed.replace(WAIT, " && ");
    let mut shell = at_moto(Command::new("/bin/sh"));
    let path = shell
        .get_envs()
        .find_map(|(name, value)| value.filter(|_| name == "PATH"))
        .unwrap()
        .to_owned();
    shell.env("PATH", format!("{}:/usr/bin:/bin", path.to_str().unwrap()));
    shell.args([
        "-ec",
        &printed.replace("YOUR DESK API TOKEN", TOKEN).replace("YOUR SIGNATURE SECRET", SIGNING),
    ]);

    meanwhile(shell).await
}

#[tokio::test]
async fn printed_commands_fix_what_was_found() {
    let cloud = Cloud::new("/doctor-fix").await;
    cloud.put("String", "desk-api-token", &format!("{TOKEN}\n")).await;
    cloud.put("SecureString", "signing-secret", &format!("{SIGNING}\n{SIGNING}")).await;
    cloud.put("SecureString", "signing_secret", SIGNING).await;
    cloud.put("String", "fields", IN_ORDER).await;
    let sick = cloud.examine(&["--json"]).await;
    let findings: Vec<Value> = serde_json::from_value(sick.json()["findings"].clone()).unwrap();
    let found: Vec<_> =
        findings.iter().map(|found| (found["level"].as_str(), found["about"].as_str())).collect();
    let (error, warning) = (Some("error"), Some("warning"));
    let expected = [
        (error, Some("desk-api-token")),
        (warning, Some("signing-secret")),
        (warning, Some("signing_secret")),
    ];
    assert_eq!((sick.code, found), (1, expected.to_vec()));
    assert_eq!(findings[0]["fix"].as_str().unwrap().matches(WAIT).count(), 1, "{findings:?}");
    assert!(findings[0]["finding"].as_str().unwrap().contains("still in $VALUE"), "{findings:?}");
    for found in &findings {
        let ended = paste(found["fix"].as_str().unwrap()).await;
        assert_eq!(ended.code, 0, "{found}: {ended:?}");
    }

    let fixed = cloud.examine(&[]).await;
    assert!(fixed.out.starts_with("Nothing to fix.\n"), "{fixed:?}");
}

#[tokio::test]
async fn new_desk_token_comes_first_and_keeps_customers_key() {
    let cloud = Cloud::new("/doctor-token").await;
    cloud.put_all(IN_ORDER).await;
    let key = json!({"KeyId": "alias/a key of ours"});
    cloud
        .put_with("SecureString", "desk-api-token", "revoked-canary7f3a\n\nformer-canary7f3a", key)
        .await;
    let refused = cloud.examine(&["--json"]).await;
    let found = &refused.json()["findings"][0];
    assert_eq!((refused.code, &found["about"]), (1, &json!("desk-api-token")), "{found}");
    let ended = paste(found["fix"].as_str().unwrap()).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let stored = cloud.get("desk-api-token").await;
    assert_eq!(stored["Value"], json!(format!("{TOKEN}\nrevoked-canary7f3a\nformer-canary7f3a")));
    assert_eq!(cloud.key("desk-api-token").await, json!("alias/a key of ours"));

    assert!(cloud.examine(&[]).await.out.starts_with("Nothing to fix.\n"));
}

#[tokio::test]
async fn unknown_keys_are_reported() {
    let cloud = Cloud::new("/doctor-keys").await;
    let listing = json!({"Parameters": [
        {"Name": "/doctor-keys/APP-1/desk-api-token", "Type": "SecureString", "Value": "revoked"},
        {"Name": "/doctor-keys/APP-1/signing-secret", "Type": "SecureString", "Value": SIGNING},
        {"Name": "/doctor-keys/APP-1/fields", "Type": "String", "Value": FIELDS},
    ]});

    let mut command = cloud.doctor(&[]);
    let path = format!("{}:/usr/bin:/bin", stand_in().display());
    command.env("PATH", path).envs([
        ("STAND_IN_OUT", &*listing.to_string()),
        ("STAND_IN_DENIES", "describe-parameters"),
    ]);
    let ended = meanwhile(command).await;
    assert_eq!(ended.code, 1, "{ended:?}");
    assert_eq!(about(&ended, "warning").len(), 1, "{ended:?}");
    assert!(about(&ended, "warning")[0].contains("which keys encrypt the secrets"), "{ended:?}");

    assert!(ended.out.contains("add --key-id KEY to each put-parameter"), "{ended:?}");
}

#[tokio::test]
async fn what_keeps_aws_from_reading_is_said_plainly() {
    let cloud = Cloud::new("/doctor-aws").await;
    let said = async |change: &dyn Fn(&mut Command)| {
        let mut command = cloud.doctor(&[]);
        change(&mut command);
        let ended = meanwhile(command).await;
        assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{ended:?}");
        ended.err
    };

    let no_program = said(&|command| {
        command.env("PATH", "/nonexistent");
    })
    .await;
    assert!(no_program.starts_with("error: there is no `aws` on the PATH"), "{no_program}");
    let no_region = said(&|_| ()).await;
    assert!(no_region.contains("`aws` knows no region"), "{no_region}");
    let no_credentials = said(&|command| {
        command.env_remove("AWS_ACCESS_KEY_ID").args(["--region", REGION]);
    })
    .await;
    assert!(no_credentials.contains("finds no credentials"), "{no_credentials}");
    let no_profile = said(&|command| {
        command.args(["--region", REGION, "--profile", "ours"]);
    })
    .await;
    assert!(no_profile.contains("no such profile"), "{no_profile}");
    let nobody =
        format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let unreachable = said(&|command| {
        command
            .args(["--region", REGION])
            .env("AWS_ENDPOINT_URL", &nobody)
            .env("AWS_MAX_ATTEMPTS", "1");
    })
    .await;

    assert!(unreachable.contains("cannot reach SSM"), "{unreachable}");
}

#[tokio::test]
async fn nothing_that_aws_prints_is_repeated() {
    let cloud = Cloud::new("/doctor-stand-in").await;
    let listing =
        format!(r#"{{"Parameters": [{{"Name": "/x", "Type": 5, "Value": "{CANARY}"}}]}}"#);
    let denied = "An error occurred (AccessDeniedException) when calling the GetParametersByPath operation: ";
    let cases = [
        ("0", "oops canary7f3a", "", "something else than a list of parameters"),
        ("0", listing.as_str(), "", "something else than a list of parameters"),
        (
            "254",
            "",
            &*format!("{denied}User: role/SSO session canary7f3a, expired, is not authorized"),
            "need ssm:GetParametersByPath for /doctor-st",
        ),
        (
            "254",
            "",
            &*format!("{denied}The ciphertext refers to a KMS key canary7f3a"),
            "need kms:Decrypt",
        ),
        (
            "254",
            "",
            "An error occurred (ExpiredTokenException) when canary7f3a: it has expired",
            "sign in again",
        ),
        (
            "254",
            "",
            "An error occurred (UnrecognizedClientException) when canary7f3a",
            "aws sts get-caller-identity",
        ),
        (
            "254",
            "",
            "An error occurred (ThrottlingException) canary7f3a",
            "with ThrottlingException; see what it says: aws",
        ),
        (
            "254",
            "",
            "An error occurred (a canary7f3a) when",
            "is not repeated here; see what it says: aws ssm get-p",
        ),
        (
            "253",
            "",
            "An error occurred (NoCredentials): Unable to locate credentials canary7f3a",
            "finds no credentials",
        ),
        (
            "255",
            "",
            "Error loading SSO Token: Token for canary7f3a does not exist",
            "sign in again",
        ),
        ("1", "canary7f3a", "canary7f3a", "--profile 'of ours'"),
    ];

    for (code, out, err, expected) in cases {
        let mut command = cloud.doctor(&["--profile", "of ours"]);
        command.env("PATH", stand_in()).envs([
            ("STAND_IN_OUT", out),
            ("STAND_IN_ERR", err),
            ("STAND_IN_CODE", code),
        ]);
        let ended = meanwhile(command).await;
        assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{ended:?}");
        assert!(ended.err.contains(expected) && !ended.err.contains(CANARY), "{err}: {ended:?}");
    }
}

#[tokio::test]
async fn a_place_that_cannot_be_is_wrong_use() {
    let cloud = Cloud::new("no-slash").await;
    let ended = meanwhile(cloud.doctor(&[])).await;
    assert_eq!(
        (ended.code, ended.err.as_str()),
        (2, "error: --prefix: must be an SSM path such as /desk-handoff\n")
    );
    let ended = meanwhile(cloud.doctor(&["--app-id", "a/b"])).await;
    assert_eq!(ended.code, 2);
}
