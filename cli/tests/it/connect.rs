//! `connect`: the AI agent's webhook at Chat, its secret in SSM, and nothing of it on the screen.

use std::process::Command;
use std::time::SystemTime;

use desk_emulator::WebhookSetting;
use desk_handoff::auth::{Keys, authenticate, sign};
use desk_handoff::secrets::{Credentials, Parameter};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;

use crate::cloud::{CANARY, Cloud, REGION, SIGNING, at_moto, stand_in};
use crate::support::{Ended, handoff, meanwhile};

const URL: &str = "https://abc.execute-api.eu-central-1.amazonaws.com/webhooks/handoff";
const OTHER: &str = "https://other.example/hook?secret=canary7f3a";

fn command(cloud: &Cloud, arguments: &[&str]) -> Command {
    let mut command = at_moto(handoff());
    command.env("TOKEN", "emulator-chat-token").args(["connect", "--app-id", "APP-1"]);
    command.args(["--api-token-env", "TOKEN", "--prefix", cloud.prefix, "--region", REGION]);
    command.args(["--chat-url", &cloud.desk.chat_url()]);
    if !arguments.contains(&"--url") {
        command.args(["--url", URL]);
    }
    command.args(arguments);
    command
}

/// What it says: never a secret, and of another's URL the host alone.
async fn connect(cloud: &Cloud, arguments: &[&str]) -> Ended {
    let ended = meanwhile(command(cloud, arguments)).await;
    let setting = cloud.desk.webhook("").into_iter().chain(cloud.desk.webhook("agent-1"));
    let secrets = setting.map(|setting| setting.signature_secret);
    for secret in secrets.filter(|secret| !secret.is_empty()).chain([CANARY.to_owned()]) {
        assert!(!format!("{ended:?}").contains(&secret), "{ended:?}");
    }
    ended
}

fn setting(url: &str, secret: &str) -> WebhookSetting {
    WebhookSetting {
        enabled: !url.is_empty(),
        url: url.into(),
        categories: vec!["*".into()],
        signature_secret: secret.into(),
    }
}

async fn lines(cloud: &Cloud) -> Vec<String> {
    let stored = cloud.get("signing-secret").await;
    stored["Value"].as_str().unwrap().lines().map(str::to_owned).collect()
}

fn puts(cloud: &Cloud) -> usize {
    cloud.desk.requests().iter().filter(|request| request.method == "PUT").count()
}

#[tokio::test]
async fn fresh_application_is_connected() {
    let cloud = Cloud::new("/connect-fresh").await;
    let ended = connect(&cloud, &[]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.starts_with("The webhook is set\n"), "{ended:?}");

    let set = cloud.desk.webhook("").unwrap();
    assert_eq!((set.enabled, set.url.as_str()), (true, URL));
    assert_eq!(set.categories, ["handoff"], "other events are none of our business");
    assert_eq!(lines(&cloud).await, [set.signature_secret]);
    assert_eq!(cloud.get("signing-secret").await["Type"], "SecureString");
}

#[tokio::test]
async fn second_call_changes_nothing() {
    let cloud = Cloud::new("/connect-again").await;
    connect(&cloud, &[]).await;
    let before = cloud.get("signing-secret").await["Version"].clone();
    let ended = connect(&cloud, &["--json"]).await;
    let expected = json!({
        "status": "unchanged", "url": URL, "former_host": null,
        "url_was_set": false, "secret_was_stored": false,
    });
    assert_eq!((ended.code, ended.json()), (0, expected));
    assert_eq!(cloud.get("signing-secret").await["Version"], before);
    assert_eq!(puts(&cloud), 1);
}

#[tokio::test]
async fn another_url_stays_unless_replaced() {
    let cloud = Cloud::new("/connect-replace").await;
    cloud.desk.set_webhook("", setting(OTHER, "a-secret-of-the-setting"));
    let refused = connect(&cloud, &[]).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.out.contains("the webhook goes to other.example\n"), "{refused:?}");
    assert_eq!(puts(&cloud), 0);
    assert_eq!(cloud.desk.webhook("").unwrap().url, OTHER);

    let replaced = connect(&cloud, &["--replace", "--json"]).await;
    assert_eq!(replaced.code, 0, "{replaced:?}");
    assert_eq!(replaced.json()["former_host"], "other.example");
    assert_eq!(cloud.desk.webhook("").unwrap().url, URL);
    assert_eq!(lines(&cloud).await, ["a-secret-of-the-setting"]);
}

#[tokio::test]
async fn webhooks_of_three_secrets_are_accepted() {
    let cloud = Cloud::new("/connect-three").await;
    cloud.put("SecureString", "signing-secret", SIGNING).await;
    assert_eq!(connect(&cloud, &[]).await.code, 0);
    assert_eq!(connect(&cloud, &["--ai-agent-id", "agent-1"]).await.code, 0);
    let lines = lines(&cloud).await;
    assert_eq!((lines.len(), lines[2].as_str()), (3, SIGNING), "new ones come first");

    let value = lines.join("\n").into();
    let stored = vec![Parameter { name: "signing-secret".into(), value }];
    let keys: Keys = Credentials::read(stored).keys;
    for secret in &lines {
        let signature = HeaderValue::from_str(&sign(b"{}", secret)).unwrap();
        let name = HeaderName::from_static("x-sendbird-signature");
        let headers = HeaderMap::from_iter([(name, signature)]);
        assert!(authenticate(b"{}", &headers, &keys, SystemTime::now()).is_ok());
    }
}

#[tokio::test]
async fn secret_that_comes_with_the_setting_is_stored() {
    let cloud = Cloud::new("/connect-made").await;
    cloud.desk.set_webhook("", setting("", ""));
    let ended = connect(&cloud, &[]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(lines(&cloud).await, [cloud.desk.webhook("").unwrap().signature_secret]);
}

#[tokio::test]
async fn secret_is_stored_before_the_url_is_set() {
    let cloud = Cloud::new("/connect-order").await;
    let mut command = command(&cloud, &[]);
    command.env("PATH", format!("{}:/usr/bin:/bin", stand_in().display()));
    command.env("STAND_IN_OUT", r#"{"Parameters": []}"#).env("STAND_IN_DENIES", "put-parameter");
    let ended = meanwhile(command).await;
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("signing-secret"), "{ended:?}");
    assert_eq!(puts(&cloud), 0, "what cannot be verified is not asked for");
}

#[tokio::test]
async fn customers_key_stays() {
    let cloud = Cloud::new("/connect-key").await;
    let key = json!({"KeyId": "alias/ours"});
    cloud.put_with("SecureString", "signing-secret", SIGNING, key).await;
    assert_eq!(connect(&cloud, &[]).await.code, 0);
    assert_eq!(cloud.key("signing-secret").await, json!("alias/ours"));
}

#[tokio::test]
async fn eleventh_secret_is_refused() {
    let cloud = Cloud::new("/connect-full").await;
    let ten: Vec<String> = (0..10).map(|number| format!("secret-{number}-canary7f3a")).collect();
    cloud.put("SecureString", "signing-secret", &ten.join("\n")).await;
    let ended = connect(&cloud, &[]).await;
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("has 10 lines already"), "{ended:?}");
    assert_eq!(puts(&cloud), 0);
}

#[tokio::test]
async fn missing_endpoint_is_explained() {
    let cloud = Cloud::new("/connect-nowhere").await;
    let nowhere = format!("{}/elsewhere", cloud.desk.chat_url());
    let ended = connect(&cloud, &["--chat-url", &nowhere]).await;
    assert_eq!(ended.code, 2, "an option is given once: {ended:?}");

    let mut command = at_moto(handoff());
    command.env("TOKEN", "emulator-chat-token").args(["connect", "--app-id", "APP-1"]);
    command.args(["--api-token-env", "TOKEN", "--url", URL, "--chat-url", &nowhere]);
    let ended = meanwhile(command).await;
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.out.contains("Ask your Sendbird contact"), "{ended:?}");
}

#[tokio::test]
async fn wrong_token_and_wrong_url_are_reported() {
    let cloud = Cloud::new("/connect-wrong").await;
    let mut refused = command(&cloud, &[]);
    refused.env("TOKEN", "canary7f3a");
    let refused = meanwhile(refused).await;
    assert_eq!(refused.code, 1);
    assert!(refused.err.starts_with("error: Chat refused the token"), "{refused:?}");
    assert!(!format!("{refused:?}").contains(CANARY));

    for url in ["http://a.example/webhooks/handoff", "https://a.example/handoffs", "nothing"] {
        assert_eq!(connect(&cloud, &["--url", url]).await.code, 2, "{url}");
    }
    assert_eq!(puts(&cloud), 0);
}
