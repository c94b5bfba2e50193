//! The webhook setting of an AI agent at Sendbird's Platform API: read, and set.
//!
//! The endpoint is documented in a draft of 2026 only (desk-wire section 9), so that it may not be
//! there. Its answers hold the secret that signs the webhooks: none of them is ever repeated.

use std::error::Error;
use std::time::Duration;

use desk_handoff::http_client;
use http::StatusCode;
use reqwest::{RequestBuilder, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::error::CliError;

/// How long a person waits for one answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// What this program wants to hear of.
const CATEGORY: &str = "handoff";

/// The endpoint, for one application or for one of its AI agents.
pub(crate) struct Endpoint<'a> {
    pub(crate) client: reqwest::Client,
    pub(crate) address: Url,
    pub(crate) token: &'a SecretString,
    pub(crate) ai_agent_id: Option<&'a str>,
}

/// A setting as it is. Without `Debug`: it holds a secret.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Setting {
    enabled: bool,
    url: Option<String>,
    category_subscriptions: Vec<String>,
    #[serde(deserialize_with = "secret")]
    signature_secret: Option<SecretString>,
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(SecretString::from))
}

/// What the endpoint answered.
pub(crate) enum Answer {
    Setting(Setting),
    /// It is not there, for this application at least.
    NoEndpoint,
}

impl Setting {
    /// Where events go now, if anywhere.
    pub(crate) fn active_url(&self) -> Option<&str> {
        self.url.as_deref().filter(|url| self.enabled && !url.trim().is_empty())
    }

    /// Whether it says already what it is to say.
    pub(crate) fn is_wanted(&self, url: &str) -> bool {
        self.active_url() == Some(url) && self.category_subscriptions == [CATEGORY]
    }

    /// What the webhooks are signed with, if it is said.
    pub(crate) fn secret(&self) -> Option<&SecretString> {
        self.signature_secret.as_ref().filter(|secret| !secret.expose_secret().trim().is_empty())
    }
}

impl<'a> Endpoint<'a> {
    /// The endpoint below this base of Chat, which ends with `/v3`.
    pub(crate) fn new(
        base: &str,
        token: &'a SecretString,
        ai_agent_id: Option<&'a str>,
    ) -> Result<Self, CliError> {
        let client = http_client::new()
            .map_err(|error| CliError::Work(format!("there is no HTTP client: {error}")))?;
        let address = Url::parse(&format!("{base}/ai_agent/settings/webhook"))
            .map_err(|error| CliError::Use(format!("--chat-url: {error}")))?;
        Ok(Self { client, address, token, ai_agent_id })
    }

    pub(crate) async fn get(&self) -> Result<Answer, CliError> {
        let mut address = self.address.clone();
        if let Some(id) = self.ai_agent_id {
            address.query_pairs_mut().append_pair("ai_agent_id", id);
        }
        self.answer(self.client.get(address)).await
    }

    /// Subscribes this URL to handoffs and to nothing else: other events carry what customers wrote.
    pub(crate) async fn put(&self, url: &str) -> Result<Answer, CliError> {
        let mut body = json!({"enabled": true, "url": url, "category_subscriptions": [CATEGORY]});
        if let Some(id) = self.ai_agent_id {
            body["ai_agent_id"] = Value::from(id);
        }
        self.answer(self.client.put(self.address.clone()).json(&body)).await
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Answer, CliError> {
        let request = request.timeout(PATIENCE).header("api-token", self.token.expose_secret());
        let response = request.send().await.map_err(|error| unanswered(&error))?;
        match response.status() {
            StatusCode::OK => {}
            // The endpoint is known from a draft only, and both of these say that it is not there.
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                return Ok(Answer::NoEndpoint);
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(CliError::Work(REFUSED.to_owned()));
            }
            // Its body stays unread: also an error may repeat the setting, and so the secret.
            other => {
                let text = format!("Chat answered {}; try again later", other.as_u16());
                return Err(CliError::Work(text));
            }
        }

        let text = response.text().await.map_err(|error| unanswered(&error))?;
        // The error of the parser may quote what it read.
        let setting = serde_json::from_str(&text);
        setting.map(Answer::Setting).map_err(|_| {
            CliError::Work("Chat answered something else than a webhook setting".to_owned())
        })
    }
}

const REFUSED: &str = "Chat refused the token: it takes the master API token or a secondary one (Settings > Application > \
    General), not Desk's";

/// The innermost reason says most; the outer ones repeat the address.
fn unanswered(error: &reqwest::Error) -> CliError {
    let mut reason: &dyn Error = error;
    while let Some(inner) = reason.source() {
        reason = inner;
    }
    CliError::Work(format!("no answer from Chat: {reason}; is the application id right?"))
}
