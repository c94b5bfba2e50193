//! The requests that show whether a deployed stack is whole, and that leave nothing behind: no
//! ticket, no message.

use std::time::{SystemTime, UNIX_EPOCH};

use desk_handoff::auth::sign;
use desk_handoff::http_client;
use desk_handoff::names::header;
use serde_json::{Value, json};

/// Health, a refused request, an ignored event and a preview, each signed with the signing secret
/// but one.
pub(crate) async fn check(url: &str, app_id: Option<&str>, secret: &str) {
    let app = App { url: url.trim_end_matches('/'), app_id };
    let health = app.send(http_client::new().unwrap().get(format!("{}/healthz", app.url))).await;
    assert_eq!(health.0, 200, "is every parameter there? {}", health.1);
    let ignored = json!({"category": "message:user_sent"});
    let refused = app.post("/webhooks/handoff", &ignored, "not the signing secret").await;
    assert_eq!(refused.0, 401, "{}", refused.1);
    let answer = app.post("/webhooks/handoff", &ignored, secret).await;
    assert_eq!((answer.0, &answer.1["status"]), (200, &json!("ignored")), "{}", answer.1);
    let answer = app.post("/handoffs/preview", &handoff(), secret).await;
    assert_eq!((answer.0, &answer.1["status"]), (200, &json!("preview")), "{}", answer.1);
    assert_eq!(answer.1["action"], "create", "{}", answer.1);
    let outcomes = answer.1["fields"].as_array().unwrap_or_else(|| panic!("{}", answer.1));

    assert!(
        outcomes
            .iter()
            .any(|entry| entry["key"] == "Not_A_Key" && entry["outcome"] == "invalid-key")
    );
}

struct App<'a> {
    url: &'a str,
    app_id: Option<&'a str>,
}

impl App<'_> {
    async fn post(&self, path: &str, body: &Value, secret: &str) -> (u16, Value) {
        let query = self.app_id.map(|app_id| format!("?app_id={app_id}")).unwrap_or_default();
        let text = body.to_string();
        let request = http_client::new().unwrap().post(format!("{}{path}{query}", self.url));
        self.send(
            request.header(header::SENDBIRD_SIGNATURE, sign(text.as_bytes(), secret)).body(text),
        )
        .await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }
}

/// Of a conversation and a customer that nobody else has, so that Desk knows no ticket of theirs.
fn handoff() -> Value {
    let nobody = format!(
        "desk-handoff-test-{}",
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()
    );
    json!({"conversation": {"channel_url": nobody, "user_id": nobody}, "context": {"Not_A_Key": "x"}})
}
